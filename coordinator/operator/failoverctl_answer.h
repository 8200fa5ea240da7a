/* Answering a proposal: show the evidence, ask, send. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_ANSWER_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_ANSWER_H

#include "coordinator/operator/failoverctl_order.h"

/* `request` is stolen: the command approve or decline, the proposal's id, a reason. */
enum exit_code ctl_answer(const struct ctl_settings *settings, json_t *request);

#endif
