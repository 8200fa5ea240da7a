/* Asking whether this host's database may start as a primary, for the unit that starts it. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_MAY_WRITE_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_MAY_WRITE_H

#include "coordinator/operator/failoverctl_order.h"

#define MAY_WRITE_WAIT_MAX_S (7 * 86400)

/* Asks, and for `wait_us` again until the answer is final. EXIT_DONE for a yes and for nothing else, whatever
 * the other side says; EXIT_NOT_WRITER for a no; EXIT_CANT_KNOW for all else. `request` is stolen. */
enum exit_code ctl_may_write(const struct ctl_settings *settings, json_t *request, int64_t wait_us);

#endif
