/* failoverctl's side of the control socket: one question, one answer, each within a deadline.
 *
 * The daemon is not trusted to behave: an answer that is too long, too slow, no JSON object or not the
 * answer to our question is refused with a reason. Blocks, as a command-line program may. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_CLIENT_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/operator/commands.h"

enum ctl_outcome {
    CTL_OK,          /* *result is the result: a new reference */
    CTL_REFUSED,     /* *result is the error object: a new reference */
    CTL_UNREACHABLE, /* nobody there, or not allowed to connect; the fault says which */
    CTL_BROKEN,      /* it was there and did not answer as it should; the fault says how */
    CTL_INTERRUPTED, /* ctl_interrupted() was set meanwhile */
};

/* Steals `request`, to which an id is added. Opens a connection of its own. */
enum ctl_outcome ctl_ask(const char *socket_path, int64_t timeout_ms, json_t *request,
                         json_t **result, struct fault *fault);

/* Set by SIGINT and SIGTERM once ctl_catch_signals() was called. */
void ctl_catch_signals(void);
bool ctl_interrupted(void);

/* Sleeps, also less when interrupted. */
void ctl_sleep_ms(int64_t ms);

#endif
