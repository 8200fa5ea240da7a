/* Who is connected to a database over its Unix socket: what the kernel's fence does not cover. One look at
 * pg_stat_activity by the guard's role (pg_monitor is enough), which changes nothing. Application sessions are
 * what counts: those of the guard's own role and of the canary are left out, and so is replication.
 *
 * pg_hba.conf would tell who might come; it can be read by superusers only, so only who is there is told.
 */
#ifndef FAILOVERD_DATABASE_SOCKET_SESSIONS_H
#define FAILOVERD_DATABASE_SOCKET_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"

#define SOCKET_ROLES_MAX 8
#define SOCKET_ROLE_NAME_MAX 64 /* of PostgreSQL's names, the end included */

struct socket_sessions {
    bool complete;    /* false: the server could not be asked; `why` says why, and nothing else is told */
    bool listens;     /* on a Unix socket at all */
    int64_t sessions; /* of all such roles */
    size_t count;     /* the roles with the most sessions */
    struct { char name[SOCKET_ROLE_NAME_MAX]; int64_t sessions; } roles[SOCKET_ROLES_MAX];
    struct fault why;
};

typedef void socket_sessions_fn(void *arg, const struct socket_sessions *found);

struct socket_errand;

/* Asks as `guard`. `canary` (a role, or NULL) is not counted. The callback comes once, by the deadline at the
 * latest and never from within this call; the errand is gone then. NULL with the fault set when it can't begin. */
struct socket_errand *socket_sessions_look(struct loop *loop, const struct pg_target *guard, const char *canary,
                                           int64_t deadline_us, socket_sessions_fn *done, void *arg,
                                           struct fault *fault);

/* No callback comes any more. NULL is allowed. */
void socket_sessions_cancel(struct socket_errand *errand);

#endif
