/* Names: how every number of the core reads outside of the process. See names.h. */
#include "coordinator/status/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/base/clock.h"

#define UNKNOWN_VALUE "unknown_value"

/* Each table is indexed by the enum's value; the assertion notices a value that was added. */
#define LOOKUP(table, index) lookup((table), sizeof(table) / sizeof((table)[0]), (index))

static const char *lookup(const char *const *table, size_t count, int index)
{
    if (index < 0 || (size_t)index >= count || table[index] == NULL)
        return UNKNOWN_VALUE;
    return table[index];
}

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

static const char *const fence_state_texts[] = {
    [FENCE_UNKNOWN] = "unknown: its guard has not said yet",
    [FENCE_OPEN] = "open: the database may acknowledge writes",
    [FENCE_READS] = "reads only: no lease, so no writes",
    [FENCE_CLOSING] = "closing: being shut, not proven yet",
    [FENCE_CONFIRMED] = "confirmed: the database is proven unable to acknowledge a write",
    [FENCE_FAILED] = "failed: it could not be shut or proven; the guard goes on trying",
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

static const char *const proof_texts[] = {
    [PROOF_NONE] = "nothing proves yet that the old writer is fenced",
    [PROOF_RELEASED] = "the old writer's guard confirmed its fence and gave its lease back",
    [PROOF_LAPSED] = "the old writer's lease has run out, and the kernel on its host enforces that",
    [PROOF_REMOTE] = "the old writer's lease has run out, and its region's remote hook confirmed that no client reaches it",
    [PROOF_ACCEPTED] =
        "not proven: the lease has run out and the service accepts an unconfirmed fence",
    [PROOF_PERSON] = "not proven: a person skipped this gate by name",
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

static const char *const mute_texts[] = {
    [MUTE_NOT] = "this node votes",
    [MUTE_NO_VOTE] = "this node is no voter",
    [MUTE_UNCONFIRMED] =
        "this node has just started and asks the others whether its store is the newest they know",
    [MUTE_STORE_BAD] = "this node's store is missing or damaged, so it can't know what it promised",
    [MUTE_STORE_OLDER] = "the others know a newer store of this node: its disk was rolled back",
    [MUTE_STORE_FAILED] = "a write to this node's store failed; it does not vote in this process again",
    [MUTE_IDENTITY] = "this node has a vote, but it belongs to another store: this one was made anew, or is an old one",
};

static const char *const mute_todos[] = {
    [MUTE_NOT] = "",
    [MUTE_NO_VOTE] = "",
    [MUTE_UNCONFIRMED] = "Wait a few heartbeats. If it stays so, look whether a majority of the "
                         "other voters can be reached.",
    [MUTE_STORE_BAD] = "Leave the other voters alone: each counts now. Restore state_dir from the same "
                       "disk if it still exists; an older copy is refused. If it is lost: failoverd --format, start "
                       "failoverd, and order failoverctl voter replace at a node that votes.",
    [MUTE_STORE_OLDER] = "Find the newest state_dir of this node (a remounted or restored volume?) and "
                         "start it on that one. If it is lost: move this one away, failoverd --format, start failoverd, "
                         "and order failoverctl voter replace at a node that votes.",
    [MUTE_STORE_FAILED] = "Look at the disk under state_dir (space, errors in the kernel's log), "
                          "repair it, then restart failoverd.",
    [MUTE_IDENTITY] = "If the store that had the vote is lost, order failoverctl voter replace NODE at a node that "
                      "votes; if it still exists, start failoverd on that one.",
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

static const char *const dns_ruling_texts[] = {
    [DNS_SUBMIT] = "the zone is older than the ledger and is changed",
    [DNS_APPLIED] = "the zone is ours already",
    [DNS_STALE] = "a newer epoch is in the zone, so it is this node that is out of date",
    [DNS_ALARM] = "our epoch is in the zone under another operation: two executors, or a mark that "
                  "somebody else wrote",
    [DNS_UNADOPTED] = "the zone has no mark of ours yet; after a look at its records: failoverctl dns adopt",
    [DNS_FOREIGN] = "the zone's mark was not written by failoverd; after a look at it: failoverctl dns adopt",
    [DNS_ROLLED_BACK] = "the zone is older than what was in force before: it went back; after a look "
                        "at its records: failoverctl dns adopt",
};

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

static const char *const order_texts[] = {
    [ORDER_FAILOVER] = "a failover",
    [ORDER_ADOPT] = "adopt the DNS records",
    [ORDER_SWITCHOVER] = "a switchover",
    [ORDER_FAILBACK] = "a failback",
    [ORDER_PAUSE] = "a pause",
    [ORDER_RESUME] = "end the pause",
    [ORDER_APPROVE] = "approve what is proposed",
    [ORDER_DECLINE] = "decline what is proposed, or put down for later",
    [ORDER_HOLD] = "hold the operation",
    [ORDER_GO] = "let the operation go on",
    [ORDER_BACK] = "send the operation back",
    [ORDER_SKIP] = "the next stage of the traffic now",
    [ORDER_TICK] = "tick an item of the runbook",
    [ORDER_ACK] = "acknowledge an incident",
    [ORDER_BREAK] = "break the glass",
    [ORDER_RECONCILE] = "reconcile",
};
_Static_assert(sizeof order_texts / sizeof order_texts[0] == ORDER_KIND_COUNT,
               "an order without words");

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
    return LOOKUP(proposal_states, state);
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
};
_Static_assert(sizeof message_kinds / sizeof message_kinds[0] == MESSAGE_KIND_COUNT,
               "a message without a name");

const char *name_verdict(int verdict) { return LOOKUP(verdicts, verdict); }
const char *name_reason(int reason) { return LOOKUP(reasons, reason); }
const char *name_sample_outcome(int outcome) { return LOOKUP(sample_outcomes, outcome); }
const char *name_fence_state(int state) { return LOOKUP(fence_states, state); }
const char *name_fence_state_text(int state) { return LOOKUP(fence_state_texts, state); }
const char *name_fence_mode(int mode) { return LOOKUP(fence_modes, mode); }
const char *name_fence_proof(int proof) { return LOOKUP(proofs, proof); }
const char *name_fence_proof_text(int proof) { return LOOKUP(proof_texts, proof); }
const char *name_voter_change(int change) { return LOOKUP(voter_changes, change); }
const char *name_mute_reason(int reason) { return LOOKUP(mute_reasons, reason); }
const char *name_mute_text(int reason) { return LOOKUP(mute_texts, reason); }
const char *name_mute_todo(int reason) { return LOOKUP(mute_todos, reason); }
const char *name_operation_kind(int kind) { return LOOKUP(operation_kinds, kind); }
const char *name_phase(int phase) { return LOOKUP(phases, phase); }
const char *name_outcome(int outcome) { return LOOKUP(outcomes, outcome); }
const char *name_act_kind(int kind) { return LOOKUP(act_kinds, kind); }
const char *name_act_outcome(int outcome) { return LOOKUP(act_outcomes, outcome); }
const char *name_dns_mark(int mark) { return LOOKUP(dns_marks, mark); }
const char *name_dns_ruling(int ruling) { return LOOKUP(dns_rulings, ruling); }
const char *name_dns_ruling_text(int ruling) { return LOOKUP(dns_ruling_texts, ruling); }
const char *name_order_kind(int kind) { return LOOKUP(order_kinds, kind); }
const char *name_order_text(int kind) { return LOOKUP(order_texts, kind); }
const char *name_order_answer(int answer) { return LOOKUP(order_answers, answer); }
const char *name_message_kind(int kind) { return LOOKUP(message_kinds, kind); }
const char *name_wish(int wish) { return LOOKUP(wishes, wish); }

/* Gates and steps carry their names in policy/, where the tables are that define them. */
const char *name_gate(int gate)
{
    return gate >= 0 && gate < GATE_COUNT ? gate_name((enum gate_id)gate) : UNKNOWN_VALUE;
}

const char *name_step(int step)
{
    return step >= 0 && step < STEP_COUNT ? step_name((enum step_id)step) : UNKNOWN_VALUE;
}

static const char *const step_texts[] = {
    [STEP_NONE] = "no step",
    [STEP_BEGIN] = "the ledger names no writer: the old one gets no new lease",
    [STEP_SHUT] = "the target's own fence is shut, so that nothing is written there too early",
    [STEP_FENCE] = "the old writer is known to acknowledge nothing any more",
    [STEP_FREEZE] = "the target stops receiving WAL",
    [STEP_COMPARE] = "what the target has is compared with what the old writer had last",
    [STEP_GRANT] = "the ledger names the target writer: from here it goes forward only",
    [STEP_LEASE] = "the target's guard gets its lease from a majority",
    [STEP_PROMOTE] = "the target's database is promoted",
    [STEP_OPEN] = "the target's fence opens: writes go on there",
    [STEP_HOOKS] = "hooks.after_open is run, if there is one",
    [STEP_CUT_OVER] = "DNS is changed to the target",
    [STEP_VERIFY] = "every name server answers it, and the public name serves",
    [STEP_FINISH] = "the ledger says that it is over",
    [STEP_UNDO] = "going back: the target streams again",
    [STEP_ABORT] = "going back: the ledger names the old writer again, and its fence opens",
    [STEP_GUARD] = "the guard works its fence",
    [STEP_FOLLOW] = "a standby is led to the writer",
    [STEP_CATCH_UP] = "the target gets all that the old writer ever acknowledged; if not in time, it goes back",
    [STEP_SHIFT] = "traffic comes home stage by stage; each stays for a while, and home has to stay well",
    [STEP_GLASS] = "behind a mark, without a quorum: freeze, promote, open, at a person's word",
};
_Static_assert(sizeof step_texts / sizeof step_texts[0] == STEP_COUNT, "a step without its words");

const char *name_step_text(int kind, int step)
{
    if (operation_planned(kind) && step == STEP_BEGIN)
        return "the ledger names no writer: the old one's guard shuts its fence, and writes pause";
    if (operation_planned(kind) && step == STEP_FENCE)
        return "the old writer's own guard has confirmed its fence and given its lease back";
    return LOOKUP(step_texts, step);
}

const char *name_way_back_text(int step)
{
    switch (step) {
    case STEP_CATCH_UP:
        return "the target did not get in time all that the old writer had acknowledged; look at replication between "
               "the two";
    case STEP_FENCE:
        return "the old writer's fence was not proven in time; look at its guard";
    case STEP_SHUT:
        return "the target's own fence could not be shut in time; look at its guard";
    default:
        return "nothing was given away yet";
    }
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

static void append_duration(struct text *text, int64_t us)
{
    char duration[CLOCK_DURATION_TEXT_MAX];
    text_append(text, us >= TIME_FOREVER_US ? "for ever"
                                            : base_format_duration(duration, sizeof duration, us));
}

static void append_detail(struct text *text, const char *detail)
{
    if (detail != NULL && detail[0] != '\0')
        text_appendf(text, ": %s", detail);
}

void text_reason(struct text *text, enum verdict_reason reason, const char *check,
                 int64_t standing_us, const char *detail)
{
    const char *name = check != NULL ? check : "a check";
    switch (reason) {
    case REASON_NO_CHECKS:
        text_append(text, "no check of it is configured");
        return;
    case REASON_FIRST_ROUND:
        text_append(text, "not every check has completed its first round");
        return;
    case REASON_OBSERVER:
        text_appendf(text, "this observer can't look (%s), through a fault of its own", name);
        append_detail(text, detail);
        return;
    case REASON_STALE:
        text_appendf(text, "no result of %s for ", name);
        append_duration(text, standing_us);
        append_detail(text, detail);
        return;
    case REASON_SELF_SUSPECT:
        text_append(text, "most of what this observer looks at fails, so it suspects itself and abstains");
        return;
    case REASON_LEASE_LAPSED:
        text_append(text, "its guard has renewed no lease for ");
        append_duration(text, standing_us);
        text_append(text, " past the lease's end, so the kernel on its host lets no client in");
        return;
    case REASON_CHECKS_PASS:
        text_append(text, "every check passes");
        return;
    case REASON_CHECK_FAILING:
        text_appendf(text, "%s has been failing for ", name);
        append_duration(text, standing_us);
        text_append(text, ", not yet long or often enough");
        append_detail(text, detail);
        return;
    case REASON_CHECK_FAILED:
        text_appendf(text, "%s has been failing for ", name);
        append_duration(text, standing_us);
        append_detail(text, detail);
        return;
    }
    text_append(text, UNKNOWN_VALUE);
}

/* ---- gates ------------------------------------------------------------------------------- */

enum gate_measure { MEASURE_VOTES, MEASURE_VERDICT, MEASURE_FLAG, MEASURE_TIMELINE, MEASURE_BYTES,
                    MEASURE_US, MEASURE_PROOF, MEASURE_SERVICES, MEASURE_ANSWER, MEASURE_MARKS };

static const enum gate_measure gate_measures[] = {
    [GATE_MAJORITY_FAILED] = MEASURE_VOTES,
    [GATE_TARGET_HEALTHY] = MEASURE_VERDICT,
    [GATE_TARGET_COORDINATOR] = MEASURE_FLAG,
    [GATE_TARGET_STREAMING] = MEASURE_TIMELINE,
    [GATE_LOSS_WITHIN_RPO] = MEASURE_BYTES,
    [GATE_OUTAGE_MIN] = MEASURE_US,
    [GATE_COOLDOWN] = MEASURE_US,
    [GATE_NOT_PAUSED] = MEASURE_FLAG,
    [GATE_FENCE] = MEASURE_PROOF,
    [GATE_BLAST_RADIUS] = MEASURE_SERVICES,
    [GATE_APPROVED] = MEASURE_ANSWER,
    [GATE_NO_MARK] = MEASURE_MARKS,
};
_Static_assert(sizeof gate_measures / sizeof gate_measures[0] == GATE_COUNT, "a gate without a unit");

static const char *const measure_units[] = {
    [MEASURE_MARKS] = "marks",
    [MEASURE_VOTES] = "votes",       [MEASURE_VERDICT] = "verdict", [MEASURE_FLAG] = "flag",
    [MEASURE_TIMELINE] = "timeline", [MEASURE_BYTES] = "bytes",     [MEASURE_US] = "ms",
    [MEASURE_PROOF] = "proof",       [MEASURE_SERVICES] = "services", [MEASURE_ANSWER] = "answer",
};

const char *gate_unit(enum gate_id gate)
{
    return (int)gate >= 0 && gate < GATE_COUNT ? measure_units[gate_measures[gate]] : UNKNOWN_VALUE;
}

json_t *gate_number(enum gate_id gate, int64_t value)
{
    if ((int)gate >= 0 && gate < GATE_COUNT && gate_measures[gate] == MEASURE_US)
        return json_of_ms_or_null(value);
    if ((int)gate >= 0 && gate < GATE_COUNT && gate_measures[gate] == MEASURE_BYTES && value < 0)
        return json_null();
    return json_integer(value);
}

void text_gate_value(struct text *text, enum gate_id gate, int64_t value)
{
    char bytes[NAME_BYTES_MAX];
    if ((int)gate < 0 || gate >= GATE_COUNT) {
        text_appendf(text, "%" PRId64, value);
        return;
    }
    switch (gate_measures[gate]) {
    case MEASURE_MARKS:
    case MEASURE_VOTES:
    case MEASURE_TIMELINE:
    case MEASURE_SERVICES:
        text_appendf(text, "%" PRId64, value);
        return;
    case MEASURE_VERDICT:
        text_append(text, name_verdict((int)value));
        return;
    case MEASURE_FLAG:
        text_append(text, value != 0 ? "yes" : "no");
        return;
    case MEASURE_BYTES:
        text_append(text, format_bytes(bytes, sizeof bytes, value));
        return;
    case MEASURE_US:
        append_duration(text, value);
        return;
    case MEASURE_PROOF:
        text_append(text, name_fence_proof((int)value));
        return;
    case MEASURE_ANSWER:
        text_append(text, name_proposal_state((int)value));
        return;
    }
}

static void gate_loss(struct text *text, const struct gate *gate)
{
    char value[NAME_BYTES_MAX];
    char limit[NAME_BYTES_MAX];
    if (!gate->known) {
        text_append(text, "what would be lost is not known: nobody has a fresh enough position of "
                          "the writer and of this standby");
        return;
    }
    text_appendf(text, "%s", format_bytes(value, sizeof value, gate->value));
    if (gate->value_us >= 0) {
        text_append(text, gate->at_least ? " (at least " : " (");
        append_duration(text, gate->value_us);
        text_append(text, gate->at_least ? ", and it is not known how much more)" : ")");
    }
    text_appendf(text, " of what is known would be lost; up to %s", format_bytes(limit, sizeof limit, gate->limit));
    if (gate->limit_us > 0) {
        text_append(text, " (");
        append_duration(text, gate->limit_us);
        text_append(text, ")");
    }
    text_append(text, " may be");
}

static void gate_elapsed(struct text *text, const struct gate *gate, const char *unknown,
                         const char *what)
{
    if (!gate->known) {
        text_append(text, unknown);
        return;
    }
    text_append(text, what);
    text_append(text, " ");
    append_duration(text, gate->value);
    text_append(text, gate->open ? ", at least " : "; it has to be ");
    append_duration(text, gate->limit);
    text_append(text, gate->open ? " was asked for" : " first");
}

static void gate_streaming(struct text *text, const struct gate *gate)
{
    if (!gate->known)
        text_append(text, "this region's database was not seen lately, so it is not known to be a "
                          "standby that received from the writer");
    else if (gate->open)
        text_appendf(text, "its standby follows timeline %" PRId64, gate->value);
    else if (gate->value != gate->limit)
        text_appendf(text, "its standby is on timeline %" PRId64 ", the writer was on %" PRId64
                     ": it has another history", gate->value, gate->limit);
    else
        text_append(text, "its database is no standby that was streaming from the writer");
}

static void gate_blast_radius(struct text *text, const struct gate *gate)
{
    if (gate->value == 0)
        text_append(text, "no other service is failing over");
    else
        text_appendf(text, "%" PRId64 " other service%s failing over", gate->value, gate->value == 1 ? " is" : "s are");
    if (gate->limit == 0)
        text_append(text, "; failovers_at_once sets no limit");
    else
        text_appendf(text, "; failovers_at_once is %" PRId64, gate->limit);
}

static void gate_approved(struct text *text, const struct gate *gate)
{
    switch (gate->value) {
    case PROPOSAL_WAITS:
        text_append(text, "a person's answer is asked for since ");
        append_duration(text, gate->value_us);
        text_append(text, gate->open ? ", and it goes on without one after " : "; it is waited for ");
        append_duration(text, gate->limit_us);
        return;
    case PROPOSAL_APPROVED:
        text_append(text, "a person has approved it");
        return;
    case PROPOSAL_DECLINED:
        text_append(text, "a person has declined it: nothing begins before the region was well again");
        return;
    default:
        text_append(text, gate->open ? "no approval is needed"
                                     : "mode is approve: a person is asked when every other gate is open");
        return;
    }
}

static void gate_sentence(struct text *text, enum gate_id id, const struct gate *gate)
{
    switch (id) {
    case GATE_MAJORITY_FAILED:
        text_appendf(text, "%" PRId64 " of the %" PRId64 " voters needed say that the writer's region failed",
                     gate->value, gate->limit);
        return;
    case GATE_TARGET_HEALTHY:
        text_appendf(text, "its own coordinator judges it %s",
                     gate->known ? name_verdict((int)gate->value) : "nothing: not heard lately");
        return;
    case GATE_TARGET_COORDINATOR:
        text_append(text, gate->open ? "a coordinator there votes and can work its database's fence"
                                     : "no coordinator there is heard, votes and can work its "
                                       "database's fence");
        return;
    case GATE_TARGET_STREAMING:
        gate_streaming(text, gate);
        return;
    case GATE_LOSS_WITHIN_RPO:
        gate_loss(text, gate);
        return;
    case GATE_OUTAGE_MIN:
        gate_elapsed(text, gate, "no outage has begun", "the outage has lasted");
        return;
    case GATE_COOLDOWN:
        gate_elapsed(text, gate, "when the last operation ended is not known",
                     "the last operation ended before");
        return;
    case GATE_NOT_PAUSED:
        text_append(text, gate->open ? "the service is not paused" : "the service is paused");
        return;
    case GATE_FENCE:
        if (gate->value == PROOF_REMOTE) {
            text_append(text, "the old writer's region has a remote hook: once the lease has run out the target's "
                              "coordinator runs it, and goes on if it confirms");
            return;
        }
        /* nothing has begun: it is about what can be known then */
        if (gate->value == PROOF_LAPSED) {
            text_append(text, "provable: the old writer's lease runs out, and the kernel on its host enforces that");
            return;
        }
        if (gate->value == PROOF_RELEASED) {
            text_append(text, "provable: the old writer's guard is there to confirm its fence and give its lease back");
            return;
        }
        text_append(text, gate->open || gate->value != PROOF_NONE
                              ? name_fence_proof_text((int)gate->value)
                              : "nothing can prove that the old writer is fenced: its fence is "
                                "guarded, and its guard does not confirm or has only just come back");
        return;
    case GATE_BLAST_RADIUS:
        gate_blast_radius(text, gate);
        return;
    case GATE_APPROVED:
        gate_approved(text, gate);
        return;
    case GATE_NO_MARK:
        text_append(text, gate->open ? "no broken glass waits to be reconciled"
                                     : "a person broke the glass, and nobody has reconciled that yet: "
                                       "failoverctl reconcile, which can't be skipped");
        return;
    case GATE_COUNT:
        break;
    }
    text_append(text, UNKNOWN_VALUE);
}

void text_gate(struct text *text, enum gate_id id, const struct gate *gate)
{
    gate_sentence(text, id, gate);
    if (gate->skipped)
        text_append(text, " (skipped by name by a person)");
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
