/* Sentences: what a person reads of the core's numbers. See sentences.h. */
#include "coordinator/status/sentences.h"

#include <inttypes.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/names.h"

json_t *json_sentence(const char *format, va_list args)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    text_appendv(&text, format, args);
    return json_of_text(sentence);
}

static const char *const fence_state_texts[] = {
    [FENCE_UNKNOWN] = "unknown: its guard has not said yet",
    [FENCE_OPEN] = "open: the database may acknowledge writes",
    [FENCE_READS] = "reads only: no lease, so no writes",
    [FENCE_CLOSING] = "closing: being shut, not proven yet",
    [FENCE_CONFIRMED] = "confirmed: the database is proven unable to acknowledge a write",
    [FENCE_FAILED] = "failed: it could not be shut or proven; the guard goes on trying",
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
                       "failoverd, and order failoverctl voter replace.",
    [MUTE_STORE_OLDER] = "Find the newest state_dir of this node (a remounted or restored volume?) and "
                         "start it on that one. If it is lost: move this one away, failoverd --format, start failoverd, "
                         "and order failoverctl voter replace.",
    [MUTE_STORE_FAILED] = "Look at the disk under state_dir (space, errors in the kernel's log), "
                          "repair it, then restart failoverd.",
    [MUTE_IDENTITY] = "If the store that had the vote is lost, order failoverctl voter replace NODE; if it "
                      "still exists, start failoverd on that one.",
};

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

const char *name_fence_state_text(int state) { return NAME_LOOKUP(fence_state_texts, state); }
const char *name_fence_proof_text(int proof) { return NAME_LOOKUP(proof_texts, proof); }
const char *name_mute_text(int reason) { return NAME_LOOKUP(mute_texts, reason); }
const char *name_mute_todo(int reason) { return NAME_LOOKUP(mute_todos, reason); }
const char *name_dns_ruling_text(int ruling) { return NAME_LOOKUP(dns_ruling_texts, ruling); }
const char *name_order_text(int kind) { return NAME_LOOKUP(order_texts, kind); }

const char *name_step_text(int kind, int step)
{
    if (operation_planned(kind) && step == STEP_BEGIN)
        return "the ledger names no writer: the old one's guard shuts its fence, and writes pause";
    if (operation_planned(kind) && step == STEP_FENCE)
        return "the old writer's own guard has confirmed its fence and given its lease back";
    return NAME_LOOKUP(step_texts, step);
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
    text_append(text, NAME_UNKNOWN_VALUE);
}

void text_loss(struct text *text, int64_t bytes, int64_t us)
{
    char amount[NAME_BYTES_MAX];
    if (bytes == 0) {
        text_append(text, "nothing");
        return;
    }
    text_appendf(text, "%s (", format_bytes(amount, sizeof amount, bytes));
    if (us < 0)
        text_append(text, "of nobody knows how long");
    else
        append_duration(text, us);
    text_append(text, ")");
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
    return (int)gate >= 0 && gate < GATE_COUNT ? measure_units[gate_measures[gate]] : NAME_UNKNOWN_VALUE;
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
    if (gate->at_least) {
        text_appendf(text, "%s (at least ", format_bytes(value, sizeof value, gate->value));
        append_duration(text, gate->value_us);
        text_append(text, ", and it is not known how much more)");
    } else {
        text_loss(text, gate->value, gate->value_us);
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
        text_append(text, "a person was asked ");
        append_duration(text, gate->value_us);
        text_append(text, gate->open ? " ago, and has not answered within " : " ago, and has not answered; the time for it is ");
        append_duration(text, gate->limit_us);
        if (gate->open)
            text_append(text, ": it goes on without");
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
    text_append(text, NAME_UNKNOWN_VALUE);
}

void text_gate(struct text *text, enum gate_id id, const struct gate *gate)
{
    gate_sentence(text, id, gate);
    if (gate->skipped)
        text_append(text, " (skipped by name by a person)");
}
