/* From the loaded configuration to what the core needs to know: names become indexes, and options
 * become the plain numbers of policy/config.h.
 */
#ifndef FAILOVERD_CONTROL_POLICY_SETUP_H
#define FAILOVERD_CONTROL_POLICY_SETUP_H

#include "coordinator/config/config.h"
#include "policy/config.h"

/* `instance` is this node's durable guard identity (the store's id); `self` an index into
 * cluster->nodes. The configuration has been checked; nothing here can fail. */
void policy_setup(struct policy_config *policy, const struct cluster_config *cluster, size_t self,
                  uint64_t instance);

#endif
