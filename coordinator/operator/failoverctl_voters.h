/* failoverctl voter list|add|remove|replace. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_VOTERS_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_VOTERS_H

#include "coordinator/operator/failoverctl_order.h"

/* Orders a change and, unless --no-wait, waits until it has come to its end. `request` is stolen. */
enum exit_code ctl_voter(const struct ctl_settings *settings, json_t *request);

#endif
