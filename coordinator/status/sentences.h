/* Sentences: what a person reads of the core's numbers; their stable words are in names.h.
 *
 * The name_*() functions give one sentence without its full stop, the text_*() functions append it. A
 * value out of range (from a newer core, say) is NAME_UNKNOWN_VALUE, never a crash.
 *
 * No I/O, any thread; only json_sentence() and gate_number() allocate.
 */
#ifndef FAILOVERD_STATUS_SENTENCES_H
#define FAILOVERD_STATUS_SENTENCES_H

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>

#include "coordinator/base/text.h"
#include "policy/facts.h"
#include "policy/failover/gates.h"

/* With its end; what is longer is cut. */
#define STATUS_SENTENCE_MAX 1024

/* What printf would make of it. */
json_t *json_sentence(const char *format, va_list args);

/* What a state means. */
const char *name_fence_state_text(int state);
const char *name_fence_proof_text(int proof);
const char *name_dns_ruling_text(int ruling);
const char *name_order_text(int kind); /* as in "ordered by ada: a failover" */
/* What a step of an operation of that kind does. */
const char *name_step_text(int kind, int step);
/* Why an operation that could still go back did so at that step. */
const char *name_way_back_text(int step);
/* Why the node does not vote, and what a person should do about it. */
const char *name_mute_text(int reason);
const char *name_mute_todo(int reason);

/* "health answers 503 for 4m10s": why a verdict is what it is. `check` is NULL for none. */
void text_reason(struct text *text, enum verdict_reason reason, const char *check,
                 int64_t standing_us, const char *detail);

/* "nothing", "4 KiB (43s)", "4 KiB (of nobody knows how long)": what is lost, or lags. `bytes` is known; `us` < 0: how
 * far back it goes is not. */
void text_loss(struct text *text, int64_t bytes, int64_t us);

/* A gate's value or limit ("16 MiB", "4m10s", "healthy"), and the gate as a sentence. */
void text_gate_value(struct text *text, enum gate_id gate, int64_t value);
void text_gate(struct text *text, enum gate_id id, const struct gate *gate);
/* The unit in which status gives the value (see README), and the value in it. */
const char *gate_unit(enum gate_id gate);
json_t *gate_number(enum gate_id gate, int64_t value);

#endif
