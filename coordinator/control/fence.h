/* fence: the ladder of one service's fences on this node's own region, worked for the core.
 *
 * Rungs: `kernel` (kernel_lease.h), `door` (door.h) and `hook` (fence_hook.h), in the configured order.
 * Shutting tries them in that order until one is confirmed; each has what is left of the act's deadline
 * less what the rungs after it need, so that a server on which one hangs still meets the next. Opening
 * opens each. An act that shuts overtakes one that opens: that one's completion is then never
 * reported, and the core does not wait for it.
 *
 * Also keeps watch over whether the fence can be worked at all (readiness), and tells when that
 * changes: without the kernel's rules in place, with a server on which the door would not hold, or
 * without the hook's program, whichever comes first in the ladder, a guard gets no lease.
 */
#ifndef FAILOVERD_CONTROL_FENCE_H
#define FAILOVERD_CONTROL_FENCE_H

#include "coordinator/base/loop.h"
#include "coordinator/config/config.h"
#include "coordinator/control/database_target.h"
#include "coordinator/database/kernel_lease.h"
#include "policy/act.h"

struct fence;

struct fence_settings {
    const char *service;
    const struct service_config *config;
    const char *region;                     /* our own */
    const struct database_config *database; /* of our own region */
    const struct database_secrets *secrets;
    struct kernel_lease_worker *kernel;     /* NULL: no nftables here */
    const char *kernel_missing;             /* why; for people */
    void (*on_done)(void *arg, const struct act_result *result);
    void (*on_ready)(void *arg, uint8_t service, bool ready, bool kernel, const char *why);
    void (*on_settled)(void *arg); /* what the fence's own start had under way has answered */
    void *arg;
    const struct local_config *local;       /* where holds are noted */
    uint8_t index;                          /* of the service */
    bool brand_new;  /* a new installation: nothing is fenced before the core says so. Else the host
                        may be an old writer's that has just come back, and starts shut. */
};

/* Everything in the settings is borrowed and outlives the fence. */
struct fence *fence_new(struct loop *loop, const struct fence_settings *settings,
                        struct fault *fault);

/* The kernel's rules stay as they are: they expire by themselves. */
void fence_free(struct fence *fence);

/* ACT_FENCE_HOLD, ACT_FENCE_READS or ACT_FENCE_SHUT. */
void fence_act(struct fence *fence, const struct act *act);

/* Somebody changed the host's packet filter: look now whether our rules are still there. */
void fence_ruleset_changed(struct fence *fence);

/* Nothing of the fence's own start is under way any more. */
bool fence_settled(const struct fence *fence);

/* Why the fence, or a later part of its ladder, can't be worked; "" when it can. */
const char *fence_trouble(const struct fence *fence);

/* What the last shut said: how it is proven, or why it is not. "" before the first, and since the last
 * opening. */
const char *fence_said(const struct fence *fence);

#endif
