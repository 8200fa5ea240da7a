/* database_acts: COMPARE, FREEZE, THAW, FOLLOW and PROMOTE on this node's own region's database, and the
 * service's hooks, and another region's remote hook, as acts of the core. One act of a service at a time; a new
 * one replaces one that is still under way, whose completion the core no longer waits for.
 */
#ifndef FAILOVERD_CONTROL_DATABASE_ACTS_H
#define FAILOVERD_CONTROL_DATABASE_ACTS_H

#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "coordinator/config/config.h"
#include "coordinator/control/database_target.h"
#include "policy/act.h"

typedef void act_done(void *arg, const struct act_result *result);

struct database_acts;

struct database_acts_settings {
    const struct cluster_config *cluster;
    const struct service_config *service;
    const struct database_config *database;
    const struct database_secrets *secrets;
    const char *node;
    struct resolver *resolver;
    act_done *on_done;
    void *arg;
};

/* What the settings point to outlives it. Reads secrets: at start only. */
struct database_acts *database_acts_new(struct loop *loop, const struct database_acts_settings *settings,
                                        struct fault *fault);
void database_acts_free(struct database_acts *acts);

void database_acts_run(struct database_acts *acts, const struct act *act);

#endif
