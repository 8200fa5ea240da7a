/* failoverctl probe: one round of a check now, with each phase. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_PROBE_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_PROBE_H

#include "coordinator/operator/failoverctl_order.h"

/* `request` is stolen. EXIT_DONE only if the round passed; EXIT_FAILED where it failed or the node could not look. */
enum exit_code ctl_probe(const struct ctl_settings *settings, json_t *request);

#endif
