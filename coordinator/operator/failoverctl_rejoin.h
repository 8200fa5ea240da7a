/* failoverctl rejoin: show the plan, ask, send, watch until the database streams. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_REJOIN_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_REJOIN_H

#include "coordinator/operator/failoverctl_order.h"

/* `request` is stolen: command, service and what else the command line gave. */
enum exit_code ctl_rejoin(const struct ctl_settings *settings, json_t *request);

#endif
