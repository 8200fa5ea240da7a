/* Following one operation to its end, and showing one: the orders' waiting, `wait ID`, `operation show ID`. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_OPERATION_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_OPERATION_H

#include "coordinator/operator/failoverctl_order.h"

/* After an order was accepted: says so, and follows it to its end, or with no_wait says how to. EXIT_RUNNING when
 * interrupted, when not waiting, and when the daemon has been silent for long. */
enum exit_code ctl_operation_begun(const struct ctl_settings *settings, const char *service, const json_t *accepted);

/* Any operation by its id, of whichever service, begun by whomever. `request` ("operation") is stolen. `limit_us` 0:
 * no limit. EXIT_RUNNING at the limit or when interrupted, EXIT_UNREACHABLE when the daemon does not answer now, or has
 * not for long; EXIT_USAGE when this node knows of no such operation. */
enum exit_code ctl_wait(const struct ctl_settings *settings, json_t *request, int64_t limit_us);

/* As it is now, or its entry in the history. `request` as above. */
enum exit_code ctl_operation_show(const struct ctl_settings *settings, json_t *request);

#endif
