/* Words: orders that change the ledger and nothing else. See word.c; order.c gives each its answer. */
#ifndef FAILOVERD_POLICY_WORD_H
#define FAILOVERD_POLICY_WORD_H

#include "policy/service.h"

/* Not an answer yet: it has to be put forward. */
#define WORD_TO_SAY ANSWER_COUNT

bool word_is(enum order_kind kind);

/* How a word stands with what is known chosen: ACCEPTED once it is there by this very order, the reason of a refusal,
 * or WORD_TO_SAY. */
enum order_answer word_stands(const struct pending_order *o, const struct ledger *l);

/* The value that says it; only where word_stands() said WORD_TO_SAY. */
struct ledger word_goal(const struct pending_order *o, const struct ledger *l);

#endif
