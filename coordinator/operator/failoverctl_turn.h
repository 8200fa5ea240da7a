/* A switchover that loses its source while somebody follows it: it can't have that one's confirmation any more, and
 * goes back at its deadline. A person may have it go on as a failover, which may lose writes; nothing else does.
 */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_TURN_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_TURN_H

#include "coordinator/operator/failoverctl_order.h"

/* A majority says that the source has failed, and the switchover may still go back. `service`: of a status. */
bool ctl_turn_is_due(const json_t *service);

/* Says so. With `ask`, on a terminal: asks once, and orders the failover if the region's name is typed; else says the
 * command. True: ordered, and its answer is in *accepted, a new reference. */
bool ctl_turn_offer(const struct ctl_settings *settings, const json_t *service, bool ask, json_t **accepted);

#endif
