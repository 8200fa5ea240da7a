/* commit_hold: a service's commit lease (commit_lease.h) beside its fence, led by the same acts.
 *
 * It reports nothing back to the core: no act waits for it, no fence is proven or delayed by it. It exists
 * for every guarded database, also where the commit lease is not enabled: a setting that an earlier run
 * left there would make commits hang for good, and is taken back under the first lease.
 */
#ifndef FAILOVERD_CONTROL_COMMIT_HOLD_H
#define FAILOVERD_CONTROL_COMMIT_HOLD_H

#include "coordinator/base/loop.h"
#include "coordinator/config/config.h"
#include "coordinator/control/database_target.h"
#include "coordinator/database/commit_lease.h"
#include "policy/act.h"

struct commit_hold;

/* What is pointed to outlives it. NULL with the fault set. */
struct commit_hold *commit_hold_new(struct loop *loop, const struct service_config *service,
                                    const struct database_config *database,
                                    const struct database_secrets *secrets, struct fault *fault);
void commit_hold_free(struct commit_hold *hold);

/* ACT_FENCE_HOLD: confirm until its end. ACT_FENCE_SHUT and ACT_FENCE_READS: not any more, at once. */
void commit_hold_act(struct commit_hold *hold, const struct act *act);

void commit_hold_status(const struct commit_hold *hold, struct commit_status *out);

#endif
