/* What the answer to an order means for the person who gave it, and what to do next.
 */
#ifndef FAILOVERD_OPERATOR_ORDER_ANSWER_H
#define FAILOVERD_OPERATOR_ORDER_ANSWER_H

#include <jansson.h>

#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "coordinator/operator/commands.h"
#include "policy/message.h"

struct order_answer_row {
    enum order_answer answer;
    enum exit_code exit;
    const char *text;
    const char *todo;
};

/* NULL for an answer that there is not. */
const struct order_answer_row *order_answer_row(enum order_answer answer);

/* The same, as it stands for an order of that kind. */
const struct order_answer_row *order_answer_row_of(enum order_kind kind, enum order_answer answer);

/* The same of a switchover that is put down for a time: ordering it, approving or declining it. NULL where it is what
 * order_answer_row_of() says. */
const struct order_answer_row *order_answer_row_later(enum order_kind kind, enum order_answer answer);

/* The sentence, with gate, value and limit where a gate refused. `kind`: of the order that was given. */
void order_answer_text(struct text *text, enum order_kind kind, const struct message_order_reply *reply);
void order_answer_todo(struct text *text, enum order_kind kind, const struct message_order_reply *reply);

#endif
