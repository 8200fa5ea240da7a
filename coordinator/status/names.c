/* Names: how every number of the core reads outside of the process. See names.h. */
#include "coordinator/status/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *name_lookup(const char *const *table, size_t count, int value)
{
    if (value < 0 || (size_t)value >= count || table[value] == NULL)
        return NAME_UNKNOWN_VALUE;
    return table[value];
}

/* Each table is indexed by the enum's value; the assertion notices a value that was added. */

static const char *const verdicts[] = {
    [VERDICT_UNKNOWN] = "unknown",
    [VERDICT_HEALTHY] = "healthy",
    [VERDICT_SUSPECT] = "suspect",
    [VERDICT_FAILED] = "failed",
};

static const char *const reasons[] = {
    [REASON_NO_CHECKS] = "no_checks",
    [REASON_FIRST_ROUND] = "first_round",
    [REASON_OBSERVER] = "observer",
    [REASON_STALE] = "stale",
    [REASON_SELF_SUSPECT] = "self_suspect",
    [REASON_LEASE_LAPSED] = "lease_lapsed",
    [REASON_CHECKS_PASS] = "checks_pass",
    [REASON_CHECK_FAILING] = "check_failing",
    [REASON_CHECK_FAILED] = "check_failed",
};

static const char *const sample_outcomes[] = {
    [SAMPLE_OK] = "ok",
    [SAMPLE_FAILED] = "failed",
    [SAMPLE_OBSERVER] = "observer",
};

static const char *const fence_states[] = {
    [FENCE_UNKNOWN] = "unknown", [FENCE_OPEN] = "open",           [FENCE_READS] = "reads",
    [FENCE_CLOSING] = "closing", [FENCE_CONFIRMED] = "confirmed", [FENCE_FAILED] = "failed",
};

static const char *const fence_modes[] = {
    [FENCE_GUARDED] = "guarded",
    [FENCE_ENFORCED] = "enforced",
};

static const char *const proofs[] = {
    [PROOF_NONE] = "none",
    [PROOF_RELEASED] = "released",
    [PROOF_LAPSED] = "lapsed",
    [PROOF_REMOTE] = "remote",
    [PROOF_ACCEPTED] = "accepted",
    [PROOF_PERSON] = "person",
};

static const char *const voter_changes[] = {
    [VOTER_NONE] = "none", [VOTER_ADD] = "add", [VOTER_REMOVE] = "remove", [VOTER_REPLACE] = "replace",
};
_Static_assert(sizeof voter_changes / sizeof voter_changes[0] == VOTER_CHANGE_COUNT, "a change without a name");

static const char *const mute_reasons[] = {
    [MUTE_NOT] = "votes",
    [MUTE_NO_VOTE] = "no_vote",
    [MUTE_UNCONFIRMED] = "unconfirmed",
    [MUTE_STORE_BAD] = "store_bad",
    [MUTE_STORE_OLDER] = "store_older",
    [MUTE_STORE_FAILED] = "store_failed",
    [MUTE_IDENTITY] = "identity",
};

static const char *const operation_kinds[] = {
    [OPERATION_NONE] = "none",
    [OPERATION_FAILOVER] = "failover",
    [OPERATION_ADOPT] = "adopt",
    [OPERATION_SWITCHOVER] = "switchover",
    [OPERATION_FAILBACK] = "failback",
};

static const char *const wishes[] = {
    [WISH_GO] = "go",
    [WISH_HOLD] = "hold",
    [WISH_BACK] = "back",
};
_Static_assert(sizeof wishes / sizeof wishes[0] == WISH_COUNT, "a wish without a name");

static const char *const phases[] = {
    [PHASE_NONE] = "none",
    [PHASE_BEGUN] = "begun",
    [PHASE_GRANTED] = "granted",
};

static const char *const outcomes[] = {
    [OUTCOME_NONE] = "none",
    [OUTCOME_DONE] = "done",
    [OUTCOME_ABORTED] = "aborted",
};

static const char *const act_kinds[] = {
    [ACT_FENCE_HOLD] = "fence_hold", [ACT_FENCE_READS] = "fence_reads",
    [ACT_FENCE_SHUT] = "fence_shut", [ACT_COMPARE] = "compare",
    [ACT_FREEZE] = "freeze",         [ACT_THAW] = "thaw",
    [ACT_FOLLOW] = "follow",         [ACT_PROMOTE] = "promote",
    [ACT_HOOKS] = "hooks",           [ACT_DNS_READ] = "dns_read",
    [ACT_DNS_SUBMIT] = "dns_submit", [ACT_DNS_POLL] = "dns_poll",
    [ACT_DNS_VERIFY] = "dns_verify", [ACT_ENDPOINTS] = "endpoints",
    [ACT_FENCE_REMOTE] = "fence_remote",
};
_Static_assert(sizeof act_kinds / sizeof act_kinds[0] == ACT_KIND_COUNT, "an act without a name");

static const char *const act_outcomes[] = {
    [ACT_DONE] = "done",       [ACT_FAILED] = "failed",   [ACT_RETRY] = "retry",
    [ACT_UNKNOWN] = "unknown", [ACT_REFUSED] = "refused",
};

static const char *const dns_marks[] = {
    [DNS_MARK_ABSENT] = "absent",
    [DNS_MARK_OURS] = "ours",
    [DNS_MARK_FOREIGN] = "foreign",
};

static const char *const dns_rulings[] = {
    [DNS_SUBMIT] = "submit",       [DNS_APPLIED] = "applied", [DNS_STALE] = "stale",
    [DNS_ALARM] = "alarm",         [DNS_UNADOPTED] = "unadopted", [DNS_FOREIGN] = "foreign",
    [DNS_ROLLED_BACK] = "rolled_back",
};
_Static_assert(sizeof dns_rulings / sizeof dns_rulings[0] == DNS_RULING_COUNT,
               "a ruling without a name");

static const char *const order_kinds[] = {
    [ORDER_FAILOVER] = "failover",
    [ORDER_ADOPT] = "dns_adopt",
    [ORDER_SWITCHOVER] = "switchover",
    [ORDER_FAILBACK] = "failback",
    [ORDER_PAUSE] = "pause",
    [ORDER_RESUME] = "resume",
    [ORDER_APPROVE] = "approve",
    [ORDER_DECLINE] = "decline",
    [ORDER_HOLD] = "operation_pause",
    [ORDER_GO] = "operation_resume",
    [ORDER_BACK] = "operation_abort",
    [ORDER_SKIP] = "operation_skip",
    [ORDER_TICK] = "operation_tick",
    [ORDER_ACK] = "ack",
    [ORDER_BREAK] = "break_glass",
    [ORDER_RECONCILE] = "reconcile",
};
_Static_assert(sizeof order_kinds / sizeof order_kinds[0] == ORDER_KIND_COUNT,
               "an order without a name");

static const char *const order_answers[] = {
    [ANSWER_ACCEPTED] = "accepted",
    [ANSWER_GATE] = "gate",
    [ANSWER_NO_QUORUM] = "no_quorum",
    [ANSWER_BUSY] = "busy",
    [ANSWER_ALREADY] = "already",
    [ANSWER_NOT_SERVING] = "not_serving",
    [ANSWER_NO_COORDINATOR] = "no_coordinator",
    [ANSWER_NO_DNS] = "no_dns",
    [ANSWER_NO_LEDGER] = "no_ledger",
    [ANSWER_NO_OPERATION] = "no_operation",
    [ANSWER_NO_WAY_BACK] = "no_way_back",
    [ANSWER_DECLINED] = "declined",
    [ANSWER_NO_STAGE] = "no_stage",
    [ANSWER_QUORUM] = "quorum",
    [ANSWER_STILL_OPEN] = "still_open",
    [ANSWER_NOT_HERE] = "not_here",
    [ANSWER_NO_FENCE] = "no_fence",
    [ANSWER_NO_STANDBY] = "no_standby",
    [ANSWER_NO_STORE] = "no_store",
    [ANSWER_MARKED] = "marked",
    [ANSWER_NO_MARK] = "no_mark",
    [ANSWER_VOTES_ALREADY] = "votes_already",
    [ANSWER_NO_VOTER] = "no_voter",
    [ANSWER_CHANGING] = "changing",
    [ANSWER_TOO_FEW] = "too_few",
    [ANSWER_TOO_MANY] = "too_many",
    [ANSWER_NO_STORE_THERE] = "no_store_there",
    [ANSWER_MUTE] = "mute",
    [ANSWER_NO_MAJORITY] = "no_majority",
    [ANSWER_OPERATION] = "operation",
};

static const char *const proposal_states[] = {
    [PROPOSAL_NONE] = "none",         [PROPOSAL_WAITS] = "waits",         [PROPOSAL_APPROVED] = "approved",
    [PROPOSAL_DECLINED] = "declined", [PROPOSAL_SCHEDULED] = "scheduled",
};
_Static_assert(sizeof proposal_states / sizeof proposal_states[0] == PROPOSAL_STATE_COUNT, "a state without a name");

const char *name_proposal_state(int state)
{
    return NAME_LOOKUP(proposal_states, state);
}

static const char *const message_kinds[] = {
    [MESSAGE_PREPARE] = "prepare",         [MESSAGE_PROMISE] = "promise",
    [MESSAGE_ACCEPT] = "accept",           [MESSAGE_ACCEPTED] = "accepted",
    [MESSAGE_REJECT] = "reject",           [MESSAGE_RENEW] = "renew",
    [MESSAGE_GRANT] = "grant",             [MESSAGE_REFUSE] = "refuse",
    [MESSAGE_RELEASE] = "release",         [MESSAGE_CONFIRM] = "confirm",
    [MESSAGE_VERDICT] = "verdict",         [MESSAGE_GOSSIP] = "gossip",
    [MESSAGE_ORDER] = "order",             [MESSAGE_ORDER_REPLY] = "order_reply",
    [MESSAGE_GENERATION] = "generation",   [MESSAGE_VOTERS] = "voters",
    [MESSAGE_VOTERS_PREPARE] = "voters_prepare", [MESSAGE_VOTERS_PROMISE] = "voters_promise",
    [MESSAGE_VOTERS_ACCEPT] = "voters_accept",   [MESSAGE_VOTERS_ACCEPTED] = "voters_accepted",
    [MESSAGE_VOTERS_REJECT] = "voters_reject",
    [MESSAGE_VOTER_ORDER] = "voter_order",       [MESSAGE_VOTER_REPLY] = "voter_reply",
};
_Static_assert(sizeof message_kinds / sizeof message_kinds[0] == MESSAGE_KIND_COUNT,
               "a message without a name");

const char *name_verdict(int verdict) { return NAME_LOOKUP(verdicts, verdict); }
const char *name_reason(int reason) { return NAME_LOOKUP(reasons, reason); }
const char *name_sample_outcome(int outcome) { return NAME_LOOKUP(sample_outcomes, outcome); }
const char *name_fence_state(int state) { return NAME_LOOKUP(fence_states, state); }
const char *name_fence_mode(int mode) { return NAME_LOOKUP(fence_modes, mode); }
const char *name_fence_proof(int proof) { return NAME_LOOKUP(proofs, proof); }
const char *name_voter_change(int change) { return NAME_LOOKUP(voter_changes, change); }
const char *name_mute_reason(int reason) { return NAME_LOOKUP(mute_reasons, reason); }
const char *name_operation_kind(int kind) { return NAME_LOOKUP(operation_kinds, kind); }
const char *name_phase(int phase) { return NAME_LOOKUP(phases, phase); }
const char *name_outcome(int outcome) { return NAME_LOOKUP(outcomes, outcome); }
const char *name_act_kind(int kind) { return NAME_LOOKUP(act_kinds, kind); }
const char *name_act_outcome(int outcome) { return NAME_LOOKUP(act_outcomes, outcome); }
const char *name_dns_mark(int mark) { return NAME_LOOKUP(dns_marks, mark); }
const char *name_dns_ruling(int ruling) { return NAME_LOOKUP(dns_rulings, ruling); }
const char *name_order_kind(int kind) { return NAME_LOOKUP(order_kinds, kind); }
const char *name_order_answer(int answer) { return NAME_LOOKUP(order_answers, answer); }
const char *name_message_kind(int kind) { return NAME_LOOKUP(message_kinds, kind); }
const char *name_wish(int wish) { return NAME_LOOKUP(wishes, wish); }

/* Gates and steps carry their names in policy/, where the tables are that define them. */
const char *name_gate(int gate)
{
    return gate >= 0 && gate < GATE_COUNT ? gate_name((enum gate_id)gate) : NAME_UNKNOWN_VALUE;
}

const char *name_step(int step)
{
    return step >= 0 && step < STEP_COUNT ? step_name((enum step_id)step) : NAME_UNKNOWN_VALUE;
}

bool name_find_gate(const char *name, enum gate_id *gate)
{
    for (int i = 0; i < GATE_COUNT; i++)
        if (strcmp(gate_name((enum gate_id)i), name) == 0) {
            *gate = (enum gate_id)i;
            return true;
        }
    return false;
}

const char *name_node(const struct cluster_config *cluster, unsigned node)
{
    if (node == NODE_NONE)
        return "none";
    return node < cluster->node_count ? cluster->nodes[node].name : "?";
}

const char *name_region(const struct cluster_config *cluster, unsigned region)
{
    if (region == REGION_NONE)
        return "none";
    return region < cluster->region_count ? cluster->regions[region].name : "?";
}

const char *name_service(const struct cluster_config *cluster, unsigned service)
{
    if (service == SERVICE_NONE)
        return "none";
    return service < cluster->service_count ? cluster->services[service].name : "?";
}

const struct check_config *name_find_check(const struct service_config *service, unsigned check)
{
    for (size_t i = 0; i < service->region_count; i++)
        for (size_t j = 0; j < service->regions[i].check_count; j++)
            if (service->regions[i].checks[j].index == check)
                return &service->regions[i].checks[j];
    return NULL;
}

/* ---- units ------------------------------------------------------------------------------- */

const char *format_lsn(char out[NAME_LSN_MAX], uint64_t lsn)
{
    (void)snprintf(out, NAME_LSN_MAX, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32), (uint32_t)lsn);
    return out;
}

const char *format_bytes(char *out, size_t size, int64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)bytes;
    size_t unit = 0;
    while (unit + 1 < sizeof units / sizeof units[0] && (value >= 1024 || value <= -1024)) {
        value /= 1024;
        unit++;
    }
    bool whole = unit == 0 || (double)(int64_t)value == value;
    (void)snprintf(out, size, whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *format_hex(char out[NAME_HEX_MAX], uint64_t value)
{
    (void)snprintf(out, NAME_HEX_MAX, "%016" PRIx64, value);
    return out;
}

bool parse_hex(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    size_t length = strlen(text);
    if (length != NAME_HEX_MAX - 1)
        return false;
    for (size_t i = 0; i < length; i++) {
        const char *digit = strchr("0123456789abcdef", text[i]);
        if (digit == NULL)
            return false;
        value = value << 4 | (uint64_t)(digit - "0123456789abcdef");
    }
    *out = value;
    return true;
}

static int64_t us_to_ms(int64_t us)
{
    return us > 0 ? us / US_PER_MS + (us % US_PER_MS != 0) : us / US_PER_MS;
}

json_t *json_of_ms(int64_t us)
{
    return json_integer(us_to_ms(us));
}

json_t *json_of_ms_or_null(int64_t us)
{
    return us < 0 || us >= TIME_FOREVER_US ? json_null() : json_of_ms(us);
}

json_t *json_of_seconds(int64_t us)
{
    return us < 0 || us >= TIME_FOREVER_US ? json_null()
                                           : json_real((double)us_to_ms(us) / 1000.0);
}

json_t *json_of_u64(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *json_of_text(const char *text)
{
    if (text == NULL)
        return json_null();
    json_t *plain = json_string(text);
    if (plain != NULL)
        return plain;
    /* Not UTF-8: a server's or a file's words. The odd bytes become '?'. */
    char safe[2048];
    size_t length = 0;
    for (const char *at = text; *at != '\0' && length + 1 < sizeof safe; at++)
        safe[length++] = (unsigned char)*at < 0x80 ? *at : '?';
    safe[length] = '\0';
    return json_string(safe);
}
