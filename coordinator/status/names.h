/* Names: how every number of the core reads outside of the process.
 *
 * The stable word of an enum's value for JSON, journal and metrics: programs compare them, so they
 * never change. What a person reads of it is in sentences.h. A value out of range (from a newer core,
 * say) is "unknown_value", never a crash, since these also print what was refused.
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

/* Of a table that is indexed by an enum's value; NAME_UNKNOWN_VALUE where there is no entry. */
#define NAME_UNKNOWN_VALUE "unknown_value"
#define NAME_LOOKUP(table, value) name_lookup((table), sizeof(table) / sizeof((table)[0]), (value))
const char *name_lookup(const char *const *table, size_t count, int value);

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
const char *name_order_kind(int kind);
const char *name_order_answer(int answer);
const char *name_message_kind(int kind);
const char *name_wish(int wish);
const char *name_gate(int gate);
const char *name_proposal_state(int state);
const char *name_step(int step);

/* A gate by its stable name; false if there is none. */
bool name_find_gate(const char *name, enum gate_id *gate);

/* Of the configuration; "none" for NODE_NONE and its like, "?" for what the configuration lacks. */
const char *name_node(const struct cluster_config *cluster, unsigned node);
const char *name_region(const struct cluster_config *cluster, unsigned region);
const char *name_service(const struct cluster_config *cluster, unsigned service);
const struct check_config *name_find_check(const struct service_config *service, unsigned check);

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
