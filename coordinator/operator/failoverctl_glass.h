/* Breaking the glass, and reconciling it: what can't be known is shown, and the person's word is asked for. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_GLASS_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_GLASS_H

#include "coordinator/operator/failoverctl_order.h"

/* failover --break-glass: `request` is stolen. EXIT_DONE: the database is open. EXIT_RUNNING: the mark is made, and
 * it is not open yet, or --no-wait. */
enum exit_code ctl_break_glass(const struct ctl_settings *settings, json_t *request);

/* reconcile: `request` is stolen; the mark that is shown is added to it. */
enum exit_code ctl_reconcile(const struct ctl_settings *settings, json_t *request);

#endif
