/* socket_watch: looks now and then who is connected over the Unix socket of a database whose fence is the
 * kernel's, so that status can say what that fence does not cover. Keeps the last look and decides nothing. */
#ifndef FAILOVERD_CONTROL_SOCKET_WATCH_H
#define FAILOVERD_CONTROL_SOCKET_WATCH_H

#include "coordinator/base/loop.h"
#include "coordinator/config/config.h"
#include "coordinator/control/database_target.h"
#include "coordinator/database/socket_sessions.h"

struct socket_watch;

/* `database` and `secrets` are borrowed and outlive the watch. NULL only without memory. */
struct socket_watch *socket_watch_new(struct loop *loop, const struct database_config *database,
                                      const struct database_secrets *secrets);
void socket_watch_free(struct socket_watch *watch);

/* What was found last, and when it was (base_mono_us; 0: nothing yet). */
const struct socket_sessions *socket_watch_last(const struct socket_watch *watch, int64_t *at_us);

#endif
