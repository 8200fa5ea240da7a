/* failoverctl events: what the node's journal tells, and what it will. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_EVENTS_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_EVENTS_H

#include "coordinator/operator/failoverctl_order.h"

#define EVENTS_DEFAULT 20

/* Puts what --since says into the request: a number, an age, or a time. False: it is none of them. */
bool ctl_events_since(json_t *request, const char *text) CHECKED;

/* `request` is stolen: command, and what the command line gave. With `follow` it ends with EXIT_DONE when
 * interrupted. The first answer decides whether there is anything to follow. */
enum exit_code ctl_events(const struct ctl_settings *settings, json_t *request, bool follow);

#endif
