/* fence_hook: the rung of the fence ladder that is a program of the operator's.
 *
 * Knows what the programs of `fence.hook` are for, when each may run and for how long, and what is
 * known of the database through them: shut by the hook, opened by it, or neither. What its exit code 0
 * promises is in etc/README.md; how a program is run is in database/hook.h. Which rung is tried when is
 * the ladder's business (fence.h).
 *
 * A standby is not shut by it, unless `fence.hook.on_standby` says so: a hook mostly stops the server, and a
 * standby that is stopped because another fence failed could neither be promoted nor be told from a dead
 * one. Nothing is claimed of it either; such a shut is not confirmed.
 *
 * One thing at a time: a shut that comes while an open runs kills that one first and waits until it is
 * gone. An open never goes on past the end of the lease: it is killed then, and one that is over too
 * late is followed by a shut.
 */
#ifndef FAILOVERD_CONTROL_FENCE_HOOK_H
#define FAILOVERD_CONTROL_FENCE_HOOK_H

#include "coordinator/base/loop.h"
#include "coordinator/config/config.h"
#include "coordinator/control/database_target.h"
#include "policy/act.h"

/* Why a shut is asked for, FAILOVERD_REASON. */
#define FENCE_HOOK_ASKED "fence"          /* the database may not be open */
#define FENCE_HOOK_RECHECK "recheck"      /* it was shut and confirmed before: is it still? */
#define FENCE_HOOK_ESCALATION "escalation" /* a fence before this one in the ladder was not confirmed */
#define FENCE_HOOK_LATE "late"            /* an open was not over before the lease was */

struct fence_hook;

struct fence_hook_settings {
    const char *service;
    const char *region;
    const char *node;
    const struct fence_hook_config *config;
    const struct database_config *database;
    const struct database_secrets *secrets;
};

/* `detail` is one line of printable ASCII: how it is proven, or why it is not. */
typedef void fence_hook_fn(void *arg, bool well, const char *detail);

/* The settings' pointers are borrowed and outlive it. NULL without memory. */
struct fence_hook *fence_hook_new(struct loop *loop, const struct fence_hook_settings *settings);

/* Kills what runs. NULL is allowed. */
void fence_hook_free(struct fence_hook *hook);

/* Whether its programs can be run; else `why` says what to do. A look at two files. */
bool fence_hook_ready(const struct fence_hook *hook, struct fault *why) CHECKED;

/* The longest that a shut takes, with the time to kill it. */
int64_t fence_hook_budget_us(const struct fence_hook *hook);

/* Runs `shut`, unless the server answers that it is a standby; it is killed so that all is over by `by_us`. A
 * shut that runs already goes on for this one. */
void fence_hook_shut(struct fence_hook *hook, const struct act *act, const char *reason, int64_t by_us,
                     fence_hook_fn *done, void *arg);

/* Whether a hold or a reads has something to do here. */
bool fence_hook_must_open(const struct fence_hook *hook);

/* Runs `open` for an ACT_FENCE_HOLD, up to its `until`, or for an ACT_FENCE_READS. */
void fence_hook_open(struct fence_hook *hook, const struct act *act, fence_hook_fn *done, void *arg);

/* Something else is wanted now: what runs is killed, without a callback. */
void fence_hook_overtake(struct fence_hook *hook);

/* The same, but a shut that runs is left running: it may be taken up by fence_hook_shut. */
void fence_hook_overtake_open(struct fence_hook *hook);

#endif
