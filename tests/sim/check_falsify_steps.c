/* What people say, marks and stages: see check_falsify.h.
 *
 * Few of the values that a cluster chooses hold all of these. So the core's own constructors take the chosen value
 * some steps on, each of which has to be let through; then a step's result is made wrong in one thing.
 */
#include "tests/sim/check_falsify.h"

#include <string.h>

#define SECOND_NODE 2
#define THIRD_REGION 2
#define MARK 77

enum step {
    STEP_PAUSE,
    STEP_TICK,
    STEP_RECONCILE,
    STEP_PROPOSE,
    STEP_ADOPT,
    STEP_BEGIN,        /* a failback in stages */
    STEP_HOLD,
    STEP_ABORT,
    STEP_GRANT,
    STEP_SHIFT,
    STEP_BACK,
    STEP_AGAIN,
    STEP_TAKEOVER,
    STEP_FAILOVER,     /* on top of that grant */
    STEP_MARKED,       /* a failover that reconciles a mark */
    STEP_MARKED_GRANT,
    STEP_COUNT
};

struct taken {
    struct ledger before, next;
};

enum refused {
    REFUSED_AS_EQUAL,  /* by ledger_equal() alone */
    REFUSED_BEHIND,    /* by ledger_follows() too */
    REFUSED_ALONE,     /* by ledger_valid() too */
};

struct wrong_step {
    const char *what;
    enum step step;
    enum refused refused;
    void (*make)(struct ledger *l);
};

/* ---- what differs, and nothing else has to notice ---- */

static void pause_until(struct ledger *l) { l->pause.until.us++; }
static void pause_at(struct ledger *l) { l->pause.said.at.us++; }
static void pause_by(struct ledger *l) { l->pause.said.by.s[0] ^= 1; }
static void pause_why(struct ledger *l) { l->pause.said.why.s[1] ^= 1; }
static void ticked_items(struct ledger *l) { l->ticked ^= 2; }
static void ticked_other(struct ledger *l) { l->ticked_operation++; }
static void said_at(struct ledger *l) { l->operation.said.at.us++; }
static void said_by(struct ledger *l) { l->operation.said.by.s[0] ^= 1; }
static void said_why(struct ledger *l) { l->operation.said.why.s[1] ^= 1; }
static void wish_hold(struct ledger *l) { l->operation.wish = WISH_HOLD; }
static void wish_go(struct ledger *l) { l->operation.wish = WISH_GO; }
static void wish_back(struct ledger *l) { l->operation.wish = WISH_BACK; }
static void proposal_approved(struct ledger *l) { l->proposal.state = PROPOSAL_APPROVED; }
static void proposal_planned(struct ledger *l) { l->proposal.kind = OPERATION_SWITCHOVER; }
static void proposal_id(struct ledger *l) { l->proposal.id++; }
static void proposal_from(struct ledger *l) { l->proposal.from ^= 1; }
static void proposal_to(struct ledger *l) { l->proposal.to ^= 1; }
static void proposal_node(struct ledger *l) { l->proposal.proposer ^= 1; }
static void proposal_gates(struct ledger *l) { l->proposal.skipped_gates ^= 1; }
static void proposal_made(struct ledger *l) { l->proposal.made.us++; }
static void proposal_due(struct ledger *l) { l->proposal.due.us++; }
static void proposal_at(struct ledger *l) { l->proposal.said.at.us++; }
static void proposal_by(struct ledger *l) { l->proposal.said.by.s[0] ^= 1; }
static void proposal_why(struct ledger *l) { l->proposal.said.why.s[1] ^= 1; }
static void accepted_bytes(struct ledger *l) { l->operation.accepted_loss_bytes++; }
static void accepted_us(struct ledger *l) { l->operation.accepted_loss_us++; }
static void stage_share(struct ledger *l) { l->operation.shift.percent[0]++; }
static void stage_hold(struct ledger *l) { l->operation.shift.hold_us++; }

/* ---- what no ledger may hold ---- */

static void pause_past(struct ledger *l) { l->pause.until.us = -1; }
static void ticked_nothing(struct ledger *l) { l->ticked_operation = 0; }
static void proposal_unknown(struct ledger *l) { l->proposal.state = PROPOSAL_STATE_COUNT; }
static void proposal_none(struct ledger *l) { l->proposal.state = PROPOSAL_NONE; }
static void proposal_adopts(struct ledger *l) { l->proposal.kind = OPERATION_ADOPT; }
static void proposal_no_id(struct ledger *l) { l->proposal.id = 0; }
static void proposal_from_nowhere(struct ledger *l) { l->proposal.from = REGION_NONE; }
static void proposal_to_nowhere(struct ledger *l) { l->proposal.to = REGION_NONE; }
static void proposal_of_nobody(struct ledger *l) { l->proposal.proposer = NODE_NONE; }
static void proposal_within(struct ledger *l)
{
    l->proposal = (struct ledger_proposal){ .state = PROPOSAL_WAITS, .kind = OPERATION_SWITCHOVER, .id = 8, .to = 1 };
}
static void wish_unknown(struct ledger *l) { l->operation.wish = WISH_COUNT; }
static void begun_again(struct ledger *l) { l->operation.phase = PHASE_BEGUN; }
static void no_id(struct ledger *l) { l->operation.id = 0; }
static void no_executor(struct ledger *l) { l->operation.executor = NODE_NONE; }
/* ...nor is it for one: that it is for the writer is another rule. */
static void no_writer(struct ledger *l) { l->writer = l->operation.to = REGION_NONE; }
static void to_another(struct ledger *l) { l->operation.to ^= 1; }
static void no_kind(struct ledger *l) { l->operation.kind = OPERATION_KIND_COUNT; }
static void switchover(struct ledger *l) { l->operation.kind = OPERATION_SWITCHOVER; }
static void stages_too_many(struct ledger *l) { l->operation.shift.count = SHIFT_STAGES_MAX + 1; }
static void stage_beyond(struct ledger *l) { l->operation.shift.at = l->operation.shift.count; }
static void stage_hold_below(struct ledger *l) { l->operation.shift.hold_us = -1; }
static void stage_hold_endless(struct ledger *l) { l->operation.shift.hold_us = LEDGER_HOLD_MAX_US + 1; }
static void stage_empty(struct ledger *l) { l->operation.shift.percent[0] = 0; }
static void stage_twice(struct ledger *l) { l->operation.shift.percent[1] = l->operation.shift.percent[0]; }
static void stage_overfull(struct ledger *l) { l->operation.shift.percent[2] = SHARE_ALL + 1; }
static void stage_last_lacks(struct ledger *l) { l->operation.shift.percent[2]--; }
static void stages_none_but_at(struct ledger *l) { l->operation.shift = (struct shift){ .at = 1 }; }
static void stages_none_but_hold(struct ledger *l) { l->operation.shift = (struct shift){ .hold_us = 1 }; }

/* ---- what may not stand behind the one before ---- */

static void unforced(struct ledger *l) { l->operation.forced = false; }
static void from_another(struct ledger *l) { l->operation.from = THIRD_REGION; } /* nor to itself */
static void to_origin(struct ledger *l) { l->operation.to = l->operation.from; }
static void planned(struct ledger *l) { l->operation.kind = OPERATION_FAILBACK; }
static void id_other(struct ledger *l) { l->operation.id++; }
static void returns(struct ledger *l) { l->operation.may_return = true; }
static void marked(struct ledger *l) { l->operation.mark = MARK + 1; }
static void stages_gone(struct ledger *l) { l->operation.shift = (struct shift){ .count = 0 }; }
static void stage_skipped(struct ledger *l) { l->operation.shift.at++; }
static void guard_other(struct ledger *l) { l->guard.id++; }
static void lease_other(struct ledger *l) { l->longest_lease_us++; }
static void keep_other(struct ledger *l) { l->keep_on_quorum_loss = !l->keep_on_quorum_loss; }
static void reconciled_strange(struct ledger *l) { l->reconciled[0] += 1000; }
static void reconciled_forgotten(struct ledger *l) { l->reconciled[LEDGER_RECONCILED_MAX - 1]++; }

static const struct wrong_step wrong_steps[] = {
    { "another end of a pause", STEP_PAUSE, REFUSED_AS_EQUAL, pause_until },
    { "another time of a pause", STEP_PAUSE, REFUSED_AS_EQUAL, pause_at },
    { "a pause by another", STEP_PAUSE, REFUSED_AS_EQUAL, pause_by },
    { "a pause for another reason", STEP_PAUSE, REFUSED_AS_EQUAL, pause_why },
    { "a pause until before all time", STEP_PAUSE, REFUSED_ALONE, pause_past },
    { "a wish without an operation", STEP_PAUSE, REFUSED_ALONE, wish_hold },
    { "another lease in a pause", STEP_PAUSE, REFUSED_BEHIND, lease_other },
    { "two marks that end at once", STEP_RECONCILE, REFUSED_BEHIND, reconciled_forgotten },
    { "another mark that ends", STEP_RECONCILE, REFUSED_AS_EQUAL, reconciled_strange },
    { "other items ticked", STEP_TICK, REFUSED_AS_EQUAL, ticked_items },
    { "items ticked of another operation", STEP_TICK, REFUSED_AS_EQUAL, ticked_other },
    { "items ticked of no operation", STEP_TICK, REFUSED_ALONE, ticked_nothing },
    { "another state of a proposal", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_approved },
    { "another kind proposed", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_planned },
    { "another proposal", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_id },
    { "a proposal from another region", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_from },
    { "a proposal to another region", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_to },
    { "another's proposal", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_node },
    { "a proposal that skips other gates", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_gates },
    { "a proposal of another time", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_made },
    { "a proposal due at another time", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_due },
    { "a proposal answered at another time", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_at },
    { "a proposal answered by another", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_by },
    { "a proposal answered for another reason", STEP_PROPOSE, REFUSED_AS_EQUAL, proposal_why },
    { "a state that no proposal has", STEP_PROPOSE, REFUSED_ALONE, proposal_unknown },
    { "no proposal, of a kind", STEP_PROPOSE, REFUSED_ALONE, proposal_none },
    { "a proposal that moves no writer", STEP_PROPOSE, REFUSED_ALONE, proposal_adopts },
    { "a proposal without id", STEP_PROPOSE, REFUSED_ALONE, proposal_no_id },
    { "a proposal from nowhere", STEP_PROPOSE, REFUSED_ALONE, proposal_from_nowhere },
    { "a proposal to nowhere", STEP_PROPOSE, REFUSED_ALONE, proposal_to_nowhere },
    { "nobody's proposal", STEP_PROPOSE, REFUSED_ALONE, proposal_of_nobody },
    { "a plan proposed while the writer moves", STEP_BEGIN, REFUSED_ALONE, proposal_within },
    { "an adoption without id", STEP_ADOPT, REFUSED_ALONE, no_id },
    { "an adoption by nobody", STEP_ADOPT, REFUSED_ALONE, no_executor },
    { "an adoption that is not granted", STEP_ADOPT, REFUSED_ALONE, begun_again },
    { "an adoption with a wish that does not exist", STEP_ADOPT, REFUSED_ALONE, wish_unknown },
    { "an adoption that goes back", STEP_ADOPT, REFUSED_ALONE, wish_back },
    { "an adoption without a writer", STEP_ADOPT, REFUSED_ALONE, no_writer },
    { "an adoption elsewhere", STEP_ADOPT, REFUSED_ALONE, to_another },
    { "an order of another time", STEP_BEGIN, REFUSED_AS_EQUAL, said_at },
    { "another's order", STEP_BEGIN, REFUSED_AS_EQUAL, said_by },
    { "an order for another reason", STEP_BEGIN, REFUSED_AS_EQUAL, said_why },
    { "another loss accepted at begin", STEP_BEGIN, REFUSED_AS_EQUAL, accepted_bytes },
    { "another time of loss accepted at begin", STEP_BEGIN, REFUSED_AS_EQUAL, accepted_us },
    { "another share in a stage", STEP_BEGIN, REFUSED_AS_EQUAL, stage_share },
    { "another time in a stage", STEP_BEGIN, REFUSED_AS_EQUAL, stage_hold },
    { "a kind beyond all", STEP_BEGIN, REFUSED_ALONE, no_kind },
    { "a wish that does not exist", STEP_BEGIN, REFUSED_ALONE, wish_unknown },
    { "a switchover in stages", STEP_BEGIN, REFUSED_ALONE, switchover },
    { "too many stages", STEP_BEGIN, REFUSED_ALONE, stages_too_many },
    { "a stage beyond the last", STEP_BEGIN, REFUSED_ALONE, stage_beyond },
    { "a stage that lasts less than nothing", STEP_BEGIN, REFUSED_ALONE, stage_hold_below },
    { "a stage without end", STEP_BEGIN, REFUSED_ALONE, stage_hold_endless },
    { "a stage with nothing in it", STEP_BEGIN, REFUSED_ALONE, stage_empty },
    { "two stages alike", STEP_BEGIN, REFUSED_ALONE, stage_twice },
    { "a stage with more than all", STEP_BEGIN, REFUSED_ALONE, stage_overfull },
    { "a last stage without all", STEP_BEGIN, REFUSED_ALONE, stage_last_lacks },
    { "a stage where there is none", STEP_BEGIN, REFUSED_ALONE, stages_none_but_at },
    { "a time where there is no stage", STEP_BEGIN, REFUSED_ALONE, stages_none_but_hold },
    { "a plan that nobody ordered", STEP_BEGIN, REFUSED_BEHIND, unforced },
    { "a plan from another origin", STEP_BEGIN, REFUSED_BEHIND, from_another },
    { "a plan that goes nowhere", STEP_BEGIN, REFUSED_BEHIND, to_origin },
    { "a begin that ends a mark", STEP_BEGIN, REFUSED_BEHIND, reconciled_strange },
    { "a begin with another lease", STEP_BEGIN, REFUSED_BEHIND, lease_other },
    { "a begin with another guard", STEP_BEGIN, REFUSED_BEHIND, guard_other },
    { "a hold that marks", STEP_HOLD, REFUSED_BEHIND, marked },
    { "a hold that drops the stages", STEP_HOLD, REFUSED_BEHIND, stages_gone },
    { "a hold that ends two marks", STEP_HOLD, REFUSED_BEHIND, reconciled_forgotten },
    { "a hold with another lease", STEP_HOLD, REFUSED_BEHIND, lease_other },
    { "an abort that ends a mark", STEP_ABORT, REFUSED_BEHIND, reconciled_strange },
    { "an abort to another guard", STEP_ABORT, REFUSED_BEHIND, guard_other },
    { "an abort with another rule", STEP_ABORT, REFUSED_BEHIND, keep_other },
    { "a grant that marks", STEP_GRANT, REFUSED_BEHIND, marked },
    { "a grant that drops the stages", STEP_GRANT, REFUSED_BEHIND, stages_gone },
    { "a grant that ends a mark of nobody's", STEP_GRANT, REFUSED_BEHIND, reconciled_strange },
    { "a stage left out", STEP_SHIFT, REFUSED_BEHIND, stage_skipped },
    { "a stage entered on the way back", STEP_SHIFT, REFUSED_BEHIND, wish_back },
    { "another share at a later stage", STEP_SHIFT, REFUSED_BEHIND, stage_share },
    { "a way back that goes on", STEP_BACK, REFUSED_BEHIND, stage_skipped },
    { "a hold of what goes back", STEP_AGAIN, REFUSED_BEHIND, wish_hold },
    { "a start over in a later stage", STEP_AGAIN, REFUSED_BEHIND, stage_skipped },
    { "a takeover with a way back", STEP_TAKEOVER, REFUSED_BEHIND, returns },
    { "a takeover that drops the stages", STEP_TAKEOVER, REFUSED_BEHIND, stages_gone },
    { "a takeover of another operation", STEP_TAKEOVER, REFUSED_BEHIND, id_other },
    { "a plan on top of a grant", STEP_FAILOVER, REFUSED_BEHIND, planned },
    { "a mark with a way back", STEP_MARKED, REFUSED_BEHIND, returns },
    { "another mark at begin", STEP_MARKED, REFUSED_AS_EQUAL, marked },
    { "another mark at the grant", STEP_MARKED_GRANT, REFUSED_BEHIND, marked },
    { "another kind at the grant", STEP_MARKED_GRANT, REFUSED_BEHIND, switchover },
    { "a grant that ends another mark", STEP_MARKED_GRANT, REFUSED_BEHIND, reconciled_strange },
    { "a granted failover that goes back", STEP_MARKED_GRANT, REFUSED_ALONE, wish_back },
    { "a wish to go on", STEP_BACK, REFUSED_AS_EQUAL, wish_go },
};

static const struct said someone = { .at = { 5 }, .by = { "someone" }, .why = { "it is tried" } };

static struct ledger begun(const struct ledger *l, enum operation_kind kind, uint64_t id, uint64_t mark)
{
    struct shift stages = { .count = 3, .percent = { 10, 50, SHARE_ALL }, .hold_us = US_PER_S };
    bool staged = kind == OPERATION_FAILBACK;
    return ledger_begin(l, &(struct begin_terms){
        .id = id, .to = l->writer == 0 ? 1 : 0, .executor = SECOND_NODE, .kind = kind, .forced = true,
        .accepted_loss_bytes = -1, .accepted_loss_us = -1, .mark = mark, .wall = { 7 }, .said = someone,
        .shift = staged ? stages : (struct shift){ .count = 0 } });
}

static struct ledger granted(const struct ledger *l)
{
    const struct service_policy policy = { .fence = l->fence, .lease_us = l->lease_us };
    return ledger_grant(l, &policy, (struct instance){ 5, SECOND_NODE });
}

static struct taken propose(const struct ledger *l)
{
    const struct ledger_proposal p = { .state = PROPOSAL_WAITS, .kind = OPERATION_FAILOVER, .id = 8, .from = l->writer,
                                       .to = l->writer == 0 ? 1 : 0, .proposer = SECOND_NODE, .said = someone };
    return (struct taken){ *l, ledger_propose(l, &p) };
}

static void take_all(struct taken steps[STEP_COUNT], const struct ledger *l)
{
    const struct ledger begin = begun(l, OPERATION_FAILBACK, 9, 0), mark = begun(l, OPERATION_FAILOVER, 9, MARK),
                        grant = granted(&begin), back = ledger_wish(&grant, WISH_BACK, &someone);
    steps[STEP_PAUSE] = (struct taken){ *l, ledger_pause(l, true, (struct wall_time){ 9 }, &someone) };
    steps[STEP_TICK] = (struct taken){ *l, ledger_tick(l, 9, 1) };
    steps[STEP_RECONCILE] = (struct taken){ *l, ledger_reconcile(l, MARK) };
    steps[STEP_PROPOSE] = propose(l);
    steps[STEP_ADOPT] = (struct taken){ *l, ledger_adopt(l, 9, SECOND_NODE, (struct wall_time){ 7 }) };
    steps[STEP_BEGIN] = (struct taken){ *l, begin };
    steps[STEP_HOLD] = (struct taken){ begin, ledger_wish(&begin, WISH_HOLD, &someone) };
    steps[STEP_ABORT] = (struct taken){ begin, ledger_abort(&begin, (struct wall_time){ 8 }) };
    steps[STEP_GRANT] = (struct taken){ begin, grant };
    steps[STEP_SHIFT] = (struct taken){ grant, ledger_shift(&grant, &someone) };
    steps[STEP_BACK] = (struct taken){ grant, back };
    steps[STEP_AGAIN] = (struct taken){ back, ledger_wish(&back, WISH_GO, &someone) };
    steps[STEP_TAKEOVER] = (struct taken){ grant, ledger_takeover(&grant, (struct instance){ 6, SECOND_NODE }) };
    steps[STEP_FAILOVER] = (struct taken){ grant, begun(&grant, OPERATION_FAILOVER, 10, 0) };
    steps[STEP_MARKED] = (struct taken){ *l, mark };
    steps[STEP_MARKED_GRANT] = (struct taken){ mark, granted(&mark) };
}

static const char *try_wrong(const struct taken *step, const struct wrong_step *wrong)
{
    struct ledger made = step->next;
    wrong->make(&made);
    bool noticed = !ledger_equal(&step->next, &made) && !ledger_equal(&made, &step->next) &&
                   (wrong->refused != REFUSED_ALONE || !ledger_valid(&made)) &&
                   (wrong->refused == REFUSED_AS_EQUAL || !ledger_follows(&step->before, &made));
    return noticed ? NULL : wrong->what;
}

/* Steps that are well made, and come at the wrong time. */
static const char *try_untimely(const struct taken steps[STEP_COUNT])
{
    const struct ledger *held = &steps[STEP_HOLD].next, *grant = &steps[STEP_GRANT].next;
    const struct ledger despite = granted(held), early = ledger_finish(grant, false, (struct wall_time){ 9 });
    const struct ledger hasty = ledger_shift(&steps[STEP_GRANT].next, NULL);
    struct ledger first = steps[STEP_ADOPT].next, unbehind = hasty;
    first.version = first.epoch = first.guard_epoch = 1;
    first.dns_epoch = 0;
    unbehind.version = steps[STEP_BACK].next.version + 1;
    if (ledger_follows(held, &despite))
        return "a grant of what is held";
    if (ledger_follows(grant, &early))
        return "an end before the last stage";
    if (ledger_follows(&steps[STEP_BACK].next, &unbehind))
        return "a stage entered by what goes back";
    return ledger_follows(NULL, &first) ? "a first value with an operation" : NULL;
}

/* A text has an end, or fills its place; what is behind its end was never agreed on. */
static const char *try_texts(const struct ledger *l)
{
    struct ledger full = *l;
    memset(full.pause.said.by.s, 'x', sizeof full.pause.said.by.s);
    full.pause.said.why = (struct policy_text){ "why" };
    struct ledger behind = full, last = full;
    behind.pause.said.why.s[POLICY_TEXT_MAX - 1] = 'y';
    last.pause.said.by.s[POLICY_TEXT_MAX - 1] = 'y';
    if (!ledger_equal(&full, &behind))
        return "nothing: and what is behind a text's end makes it another";
    return ledger_equal(&full, &last) ? "another last letter" : NULL;
}

const char *falsify_steps(const struct ledger *next)
{
    if (next->operation.kind != OPERATION_NONE || next->writer > 1)
        return NULL;
    struct taken steps[STEP_COUNT];
    take_all(steps, next);
    for (size_t i = 0; i < STEP_COUNT; i++)
        if (!ledger_follows(&steps[i].before, &steps[i].next))
            return "nothing: and a step of its own is refused";
    for (size_t i = 0; i < sizeof wrong_steps / sizeof wrong_steps[0]; i++) {
        const char *unnoticed = try_wrong(&steps[wrong_steps[i].step], &wrong_steps[i]);
        if (unnoticed != NULL)
            return unnoticed;
    }
    const char *unnoticed = try_untimely(steps);
    return unnoticed != NULL ? unnoticed : try_texts(next);
}
