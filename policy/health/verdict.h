/* verdict: what a node judges of a region, from its checks there; and whether it trusts itself.
 *
 * Any failed check fails the region (each has thresholds of its own: the seeded ones are /health
 * failing for 5 minutes, database unreachable for 2). A node for which most other regions fail at
 * once suspects itself and abstains: it is more likely that it is cut off than that they all are.
 */
#ifndef FAILOVERD_POLICY_VERDICT_H
#define FAILOVERD_POLICY_VERDICT_H

#include "policy/config.h"
#include "policy/facts.h"
#include "policy/health/threshold.h"

struct region_verdict verdict_of_region(const struct service_policy *policy,
                                        struct threshold *thresholds, region_id region,
                                        struct mono_time now);

/* Every check of the region that counts as failed succeeded when it was last made. */
bool verdict_recovers(const struct service_policy *policy, struct threshold *thresholds, region_id region,
                      struct mono_time now);

/* What the node can say of each other region, for self-distrust. */
struct distrust {
    uint8_t failing; /* other regions of which every independent sign is bad */
    uint8_t regions; /* other regions with any sign at all */
};

/* `linked`: nodes that we hear from. A region is failing for this node if no check there passes
 * and none of its nodes is heard. */
struct distrust verdict_distrust(const struct policy_config *config,
                                 const struct service_policy *policy,
                                 const struct region_verdict *verdicts, node_set heard);

static inline bool distrust_abstains(struct distrust distrust)
{
    return distrust.regions > 0 && distrust.failing * 2 > distrust.regions;
}

#endif
