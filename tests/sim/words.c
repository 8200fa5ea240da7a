/* Notes as prose: see words.h. */
#include "tests/sim/words.h"

#include "policy/failover/dns_rule.h"

#include <stdio.h>
#include <string.h>

static const char *const act_names[ACT_KIND_COUNT] = {
    [ACT_FENCE_HOLD] = "hold",     [ACT_FENCE_READS] = "reads",   [ACT_FENCE_SHUT] = "shut",
    [ACT_COMPARE] = "compare",     [ACT_FREEZE] = "freeze",       [ACT_THAW] = "thaw",         [ACT_FOLLOW] = "follow",
    [ACT_PROMOTE] = "promote",     [ACT_HOOKS] = "hooks",         [ACT_DNS_READ] = "dns_read",
    [ACT_DNS_SUBMIT] = "dns_submit", [ACT_DNS_POLL] = "dns_poll", [ACT_DNS_VERIFY] = "dns_verify",
    [ACT_ENDPOINTS] = "endpoints", [ACT_FENCE_REMOTE] = "fence_remote",
};

static const char *const proofs[] = { "nothing", "the guard's release", "the lease's end",
                                      "the remote hook", "accepted by policy", "a person's word" };

static const char *const rulings[DNS_RULING_COUNT] = {
    [DNS_SUBMIT] = "submit", [DNS_APPLIED] = "applied", [DNS_STALE] = "stale",
    [DNS_ALARM] = "alarm", [DNS_UNADOPTED] = "unadopted", [DNS_FOREIGN] = "foreign",
    [DNS_ROLLED_BACK] = "rolled_back",
};

enum step_id words_step(const char *name)
{
    for (int s = STEP_NONE + 1; s < STEP_COUNT; s++)
        if (strcmp(step_name((enum step_id)s), name) == 0)
            return (enum step_id)s;
    return STEP_COUNT;
}

enum gate_id words_gate(const char *name)
{
    for (int g = 0; g < GATE_COUNT; g++)
        if (strcmp(gate_name((enum gate_id)g), name) == 0)
            return (enum gate_id)g;
    return GATE_COUNT;
}

enum act_kind words_act(const char *name)
{
    for (int a = 0; a < ACT_KIND_COUNT; a++)
        if (strcmp(act_names[a], name) == 0)
            return (enum act_kind)a;
    return ACT_KIND_COUNT;
}

const char *words_of_act(enum act_kind kind)
{
    return kind < ACT_KIND_COUNT ? act_names[kind] : "?";
}

const char *words_mute(enum mute_reason reason)
{
    switch (reason) {
    case MUTE_NOT: return "votes";
    case MUTE_NO_VOTE: return "no_vote";
    case MUTE_UNCONFIRMED: return "unconfirmed";
    case MUTE_STORE_BAD: return "store_bad";
    case MUTE_STORE_OLDER: return "store_older";
    case MUTE_STORE_FAILED: return "store_failed";
    case MUTE_IDENTITY: return "identity";
    default: return "?";
    }
}

const char *words_change(int64_t change)
{
    static const char *const changes[VOTER_CHANGE_COUNT] = { "settled", "add", "remove", "replace" };
    return change >= 0 && change < VOTER_CHANGE_COUNT ? changes[change] : "?";
}

const char *words_answer(enum order_answer answer)
{
    switch (answer) {
    case ANSWER_ACCEPTED: return "accepted";
    case ANSWER_GATE: return "gate";
    case ANSWER_NO_QUORUM: return "no_quorum";
    case ANSWER_BUSY: return "busy";
    case ANSWER_ALREADY: return "already";
    case ANSWER_NOT_SERVING: return "not_serving";
    case ANSWER_NO_COORDINATOR: return "no_coordinator";
    case ANSWER_NO_DNS: return "no_dns";
    case ANSWER_NO_LEDGER: return "no_ledger";
    case ANSWER_NO_OPERATION: return "no_operation";
    case ANSWER_NO_WAY_BACK: return "no_way_back";
    case ANSWER_DECLINED: return "declined";
    case ANSWER_NO_STAGE: return "no_stage";
    case ANSWER_QUORUM: return "quorum";
    case ANSWER_STILL_OPEN: return "still_open";
    case ANSWER_NOT_HERE: return "not_here";
    case ANSWER_NO_FENCE: return "no_fence";
    case ANSWER_NO_STANDBY: return "no_standby";
    case ANSWER_NO_STORE: return "no_store";
    case ANSWER_MARKED: return "marked";
    case ANSWER_NO_MARK: return "no_mark";
    case ANSWER_VOTES_ALREADY: return "votes_already";
    case ANSWER_NO_VOTER: return "no_voter";
    case ANSWER_CHANGING: return "changing";
    case ANSWER_TOO_FEW: return "too_few";
    case ANSWER_TOO_MANY: return "too_many";
    case ANSWER_NO_STORE_THERE: return "no_store_there";
    case ANSWER_MUTE: return "mute";
    case ANSWER_NO_MAJORITY: return "no_majority";
    case ANSWER_OPERATION: return "operation";
    case ANSWER_COUNT:
    default: return "?";
    }
}

static const char *region(const struct world *w, region_id r)
{
    return r < w->options.region_count ? w->options.region_name[r] : "none";
}

static const char *node(const struct world *w, node_id n)
{
    return n < w->host_count ? w->hosts[n].name : "none";
}

static const char *proof(int64_t p)
{
    return p >= 0 && p < (int64_t)(sizeof proofs / sizeof proofs[0]) ? proofs[p] : "?";
}

static const char *gate(int64_t g)
{
    return g >= 0 && g < GATE_COUNT ? gate_name((enum gate_id)g) : "none";
}

static const char *step(int64_t s)
{
    return s > 0 && s < STEP_COUNT ? step_name((enum step_id)s) : "none";
}

bool words_of_note(const struct world *w, const struct note *n, char *line, size_t size)
{
    const char *at = region(w, n->region);
#define SAY(...)                                                                                  \
    (void)snprintf(line, size, __VA_ARGS__);                                                      \
    return true
    switch ((int)n->kind) {
    case NOTE_VOTING: SAY("votes");
    case NOTE_MUTE:
        if (n->a == MUTE_UNCONFIRMED || n->a == MUTE_NO_VOTE)
            return false;
        SAY("mute: %s", words_mute((enum mute_reason)n->a));
    case NOTE_ABSTAINING:
        if (n->a == 0) {
            SAY("trusts itself again");
        }
        SAY("suspects itself: %d of %d regions fail for it", (int)n->b, (int)n->c);
    case NOTE_MAJORITY_FAILED: SAY("sees a majority say that %s failed", at);
    case NOTE_MAJORITY_CLEARED: SAY("sees no majority against %s any more", at);
    case NOTE_GATE_SHUT: SAY("is held back by gate %s", gate(n->a));
    case NOTE_CONFIRM_ASKED: SAY("asks everyone afresh about %s", at);
    case NOTE_CONFIRM_FAILED: SAY("gets no fresh majority");
    case NOTE_CONFLICT: SAY("meets another value at version %d", (int)n->a);
    case NOTE_OPERATION_BEGUN: SAY("begins an operation to %s", at);
    case NOTE_OPERATION_TAKEN: SAY("takes up the operation to %s", at);
    case NOTE_PAUSED: SAY("knows the service paused");
    case NOTE_RESUMED: SAY("knows the pause to be over%s", n->a ? " by its time" : "");
    case NOTE_SCHEDULED: SAY("knows a switchover to %s put down for later", at);
    case NOTE_SCHEDULE_OFF: SAY("knows it to be off");
    case NOTE_WISH:
        SAY("knows the operation %s", n->a == WISH_HOLD ? "held" : n->a == WISH_BACK ? "sent back" : "told to go on");
    case NOTE_OPERATION_LEFT: SAY("leaves the operation to %s", node(w, n->node));
    case NOTE_OPERATION_ABORTED: SAY("goes back at step %s: gate %s", step(n->a), gate(n->b));
    case NOTE_OPERATION_DONE: SAY("is done; writer %s; %d bytes missing", at, (int)n->b);
    case NOTE_STEP_DONE: SAY("done: %s", step(n->step));
    case NOTE_STEP_OVERDUE: SAY("overdue: %s", step(n->step));
    case NOTE_FENCE_PROVEN: SAY("knows the old writer fenced by %s", proof(n->a));
    case NOTE_LEASE_HELD: SAY("holds the lease of epoch %d", (int)n->epoch);
    case NOTE_LEASE_LOST: SAY("lost its lease");
    case NOTE_FOLLOWS: SAY("its standby streams from %s", at);
    case NOTE_FOLLOW_FAILED: SAY("its standby does not stream from %s: %s", at, n->detail.s);
    case NOTE_LEFT_CUT_OFF: SAY("leaves %s %s", at, n->a ? "cut off" : "cut off or not");
    case NOTE_STANDBY_AHEAD: SAY("%s has %d bytes more than the target", at, (int)n->a);
    case NOTE_TRAFFIC_MOVED: SAY("has %d percent of the traffic", (int)n->a);
    case NOTE_TRAFFIC_BACK:
        SAY("gets worse with %d percent of the traffic, which is to be at %s: %s", (int)n->a, at, n->detail.s);
    case NOTE_DNS_STOPPED:
        SAY("may not change DNS: %s", n->a >= 0 && n->a < DNS_RULING_COUNT ? rulings[n->a] : "?");
    case NOTE_ORDER_REFUSED:
        SAY("refuses the order: %s %s", words_answer((enum order_answer)n->a), gate(n->b));
    case NOTE_PROPOSED: SAY("sees a failover to %s proposed", at);
    case NOTE_APPROVED: SAY("sees the failover to %s approved", at);
    case NOTE_DECLINED: SAY("sees the failover to %s declined", at);
    case NOTE_WITHDRAWN: SAY("sees the proposal withdrawn");
    case NOTE_NO_ANSWER: SAY("has no answer in time, and %s", n->a ? "goes on" : "waits on");
    case NOTE_MESSAGE_REFUSED: SAY("refuses a message of %s", node(w, n->node));
    case NOTE_MARK_MADE: SAY("the glass is broken for %s", at);
    case NOTE_MARK_OPENED: SAY("holds %s open by a person's word", at);
    case NOTE_MARK_HEARD: SAY("hears that the glass is broken for %s", at);
    case NOTE_MARK_GIVEN: SAY("gives its mark up: %s", n->a ? node(w, n->node) : "a person decides");
    case NOTE_MARK_SHUT: SAY("%s is shut, its mark waits to be reconciled", at);
    case NOTE_MARK_ENDED: SAY("knows the mark of %s reconciled", at);
    case NOTE_VOTERS:
        SAY("knows version %d of the voters, %d of them: %s%s%s", (int)n->a, (int)n->c, words_change(n->b),
            n->node < w->host_count ? " " : "", n->node < w->host_count ? node(w, n->node) : "");
    case NOTE_VOTER_ORDER: SAY("is told: voter %s %s", words_change(n->a), node(w, n->node));
    case NOTE_VOTER_REFUSED: SAY("refuses the change of the voters: %s", words_answer((enum order_answer)n->a));
    default: return false;
    }
#undef SAY
}
