/* Names: how every number of the core reads outside of the process.
 *
 * Two kinds. The name_*() functions give the stable word of an enum's value for JSON, journal and
 * metrics: programs compare them, so they never change. The text_*() functions append what a person
 * reads. A value out of range (from a newer core, say) is "unknown_value", never a crash, since
 * these also print what was refused.
 *
 * No I/O, no allocation, any thread.
 */
#ifndef FAILOVERD_STATUS_NAMES_H
#define FAILOVERD_STATUS_NAMES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "policy/act.h"
#include "policy/facts.h"
#include "policy/failover/dns_rule.h"
#include "policy/failover/gates.h"
#include "policy/failover/plan.h"
#include "policy/message.h"
#include "policy/view.h"

const char *name_verdict(int verdict);
const char *name_reason(int reason);
const char *name_sample_outcome(int outcome);
const char *name_fence_state(int state);
const char *name_fence_mode(int mode);
const char *name_fence_proof(int proof);
const char *name_voter_change(int change); /* enum voter_change */
const char *name_mute_reason(int reason);
const char *name_operation_kind(int kind);
const char *name_phase(int phase);
const char *name_outcome(int outcome);
const char *name_act_kind(int kind);
const char *name_act_outcome(int outcome);
const char *name_dns_mark(int mark);
const char *name_dns_ruling(int ruling);
const char *name_dns_ruling_text(int ruling);
const char *name_order_kind(int kind);
const char *name_order_text(int kind); /* as in "ordered by ada: a failover" */
const char *name_order_answer(int answer);
const char *name_message_kind(int kind);
const char *name_wish(int wish);
const char *name_gate(int gate);
const char *name_proposal_state(int state);
const char *name_step(int step);

/* What a state means, as one sentence without its full stop. */
const char *name_fence_state_text(int state);
const char *name_fence_proof_text(int proof);
/* What a step of an operation of that kind does. */
const char *name_step_text(int kind, int step);
/* Why an operation that could still go back did so at that step. */
const char *name_way_back_text(int step);
/* Why the node does not vote, and what a person should do about it. */
const char *name_mute_text(int reason);
const char *name_mute_todo(int reason);

/* A gate by its stable name; false if there is none. */
bool name_find_gate(const char *name, enum gate_id *gate);

/* Of the configuration; "none" for NODE_NONE and its like, "?" for what the configuration lacks. */
const char *name_node(const struct cluster_config *cluster, unsigned node);
const char *name_region(const struct cluster_config *cluster, unsigned region);
const char *name_service(const struct cluster_config *cluster, unsigned service);
const struct check_config *name_find_check(const struct service_config *service, unsigned check);

/* "health answers 503 for 4m10s": why a verdict is what it is. `check` is NULL for none. */
void text_reason(struct text *text, enum verdict_reason reason, const char *check,
                 int64_t standing_us, const char *detail);

/* A gate's value or limit ("16 MiB", "4m10s", "healthy"), and the gate as a sentence without its
 * full stop. `writer_known` is whether positions could be compared at all. */
void text_gate_value(struct text *text, enum gate_id gate, int64_t value);
void text_gate(struct text *text, enum gate_id id, const struct gate *gate);
/* The unit in which status gives the value (see README), and the value in it. */
const char *gate_unit(enum gate_id gate);
json_t *gate_number(enum gate_id gate, int64_t value);

/* "0/16B3748"; "16 MiB", "1.5 KiB", "12 B"; 16 hexadecimal digits. */
#define NAME_LSN_MAX 20
#define NAME_BYTES_MAX 32
#define NAME_HEX_MAX 17
const char *format_lsn(char out[NAME_LSN_MAX], uint64_t lsn);
const char *format_bytes(char *out, size_t size, int64_t bytes);
const char *format_hex(char out[NAME_HEX_MAX], uint64_t value);
/* Exactly 16 lower-case hexadecimal digits. */
bool parse_hex(const char *text, uint64_t *out) CHECKED;

/* JSON numbers. Negative or beyond any wait gives null, where marked. */
json_t *json_of_ms(int64_t us);          /* rounded up to whole ms, so that 0 is 0 */
json_t *json_of_ms_or_null(int64_t us);  /* null below 0 and from TIME_FOREVER_US on */
json_t *json_of_seconds(int64_t us);     /* with three digits; null below 0 and for ever */
json_t *json_of_u64(uint64_t value);     /* cut at INT64_MAX */
json_t *json_of_text(const char *text);  /* bytes that are not UTF-8 are replaced; NULL: null */

#endif
