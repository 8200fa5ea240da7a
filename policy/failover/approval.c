/* approval: in mode approve a failover is put before people, and begins at their word.
 *
 * The proposal is in the ledger, so every node shows it and any node takes the answer (word.c). It is made by the
 * candidate when every other gate is open and a fresh confirmation round was won, and it changes nothing by itself:
 * the gate `approved` opens for it, and whichever coordinator of its target finds all gates open asks for
 * confirmation once more and begins, under the proposal's id. Answer and begin are each a compare-and-set on what
 * was there before, so of a decline and a begin exactly one is chosen: what was declined never begins.
 *
 * Its time counts from when a node learnt that it is chosen, by that node's own clock; no calendar is trusted with
 * it. A proposer that restarts counts anew: it only waits longer, and what happens at the end is judged as freshly
 * as ever. Where nothing is to happen then, the proposal stays: a late yes is better than none, and the gates are
 * judged anew.
 *
 * An answer is about one loss of one region. So a proposal is withdrawn when what led to it is over: when the region
 * is no longer the one that would be left, or when so many voters have seen it well for as long as evidence may be
 * old that no majority against it is possible. Votes that are merely missing don't count: voters that restart would
 * else make a no forgotten while the region is still gone, and the next proposal would go on without an answer where
 * the service says so. Whoever is alive withdraws it, a later node later, since its proposer may be lost. A target
 * that can't take over any more is replaced by another candidate's proposal, which needs an answer of its own; a no
 * holds for every target. Who was replaced does not replace back: two candidates that only don't hear each other
 * would else take turns, and no answer would ever meet its proposal.
 */
#include "policy/service.h"

/* In which the nodes take their turns. */
#define TURN_HEARTBEATS 2

/* One that people answer; what is scheduled is somebody else's. */
static bool is_asked(const struct ledger_proposal *p)
{
    return p->kind == OPERATION_FAILOVER && (p->state == PROPOSAL_WAITS || p->state == PROPOSAL_APPROVED ||
                                             p->state == PROPOSAL_DECLINED);
}

/* The one that is about the region that would be left now; NULL: there is none. */
static const struct ledger_proposal *standing(const struct ledger *l)
{
    return is_asked(&l->proposal) && l->proposal.from == gates_source(l) ? &l->proposal : NULL;
}

const struct ledger_proposal *approval_to_us(const struct service *s, const struct ledger *l)
{
    const struct ledger_proposal *p = standing(l);
    return p != NULL && p->to == s->home ? p : NULL;
}

static struct mono_time deadline_of(const struct service *s)
{
    return mono_after(s->approval.learnt, s->policy->approve_within_us);
}

static bool is_open(const struct service *s, const struct turn *turn, const struct ledger_proposal *p)
{
    bool over = s->approval.id == p->id && mono_reached(turn->now, deadline_of(s));
    return p->state == PROPOSAL_APPROVED || (p->state == PROPOSAL_WAITS && over && s->policy->go_without_answer);
}

void approval_judge(const struct service *s, const struct turn *turn, const struct ledger *l, region_id target,
                    bool planned, struct gate *gate)
{
    const struct ledger_proposal *p = standing(l);
    bool asked = p != NULL && p->to == target;
    /* What has begun had its approval then, or a person's own order. */
    bool begun = l->operation.phase == PHASE_BEGUN && l->operation.to == target;
    gate->known = true;
    gate->limit = PROPOSAL_APPROVED;
    gate->limit_us = s->policy->approve_within_us;
    if (asked) {
        gate->value = p->state;
        gate->observer = p->proposer;
        gate->value_us = gate->age_us = s->approval.id == p->id ? mono_since(turn->now, s->approval.learnt) : 0;
    }
    gate->open = s->policy->mode != MODE_APPROVE || planned || begun || (asked && is_open(s, turn, p));
}

/* ---- asking ---- */

/* Until when the target of another region's proposal is given time to be seen again. */
static struct mono_time lost_at(const struct service *s)
{
    return mono_after(s->approval.lost_since, s->policy->evidence_max_age_us);
}

bool approval_may_ask(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    const struct ledger_proposal *p = standing(l);
    if (p == NULL)
        return true;
    return p->state != PROPOSAL_DECLINED && p->to != s->home && s->approval.lost_since.us != 0 &&
           !s->approval.yielded && mono_reached(turn->now, lost_at(s));
}

void approval_ask(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct ledger_proposal p = {
        .state = PROPOSAL_WAITS,
        .kind = OPERATION_FAILOVER,
        .id = turn_random(turn) | 1u,
        .from = gates_source(l),
        .to = s->home,
        .proposer = turn_self(turn),
        .made = turn->wall,
    };
    struct ledger goal = ledger_propose(l, &p);
    (void)service_propose(s, turn, &goal);
}

/* ---- following ---- */

static struct note *note_proposal(struct service *s, struct turn *turn, enum note_kind kind,
                                  const struct ledger_proposal *p)
{
    struct note *note = service_note(s, turn, kind);
    note->operation = p->id;
    note->region = p->to;
    note->node = p->proposer;
    note->a = p->from;
    return note;
}

static void note_state(struct service *s, struct turn *turn, const struct ledger_proposal *p)
{
    if (s->approval.noted == p->state)
        return;
    s->approval.noted = p->state;
    if (p->state == PROPOSAL_WAITS)
        (void)note_proposal(s, turn, NOTE_PROPOSED, p);
    else
        note_proposal(s, turn, p->state == PROPOSAL_APPROVED ? NOTE_APPROVED : NOTE_DECLINED, p)->detail = p->said.by;
}

static void note_no_answer(struct service *s, struct turn *turn, const struct ledger_proposal *p)
{
    struct approval *a = &s->approval;
    if (p->state != PROPOSAL_WAITS || a->over_noted)
        return;
    if (!mono_reached(turn->now, deadline_of(s))) {
        service_wake(s, deadline_of(s));
        return;
    }
    a->over_noted = true;
    struct note *note = note_proposal(s, turn, NOTE_NO_ANSWER, p);
    note->a = s->policy->go_without_answer;
    note->b = mono_since(turn->now, a->learnt);
}

/* A person who answers one that is gone is told what became of it. */
static void follow(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct approval *a = &s->approval;
    const struct ledger_proposal *p = &l->proposal;
    if (a->id != 0 && (!is_asked(p) || p->id != a->id)) {
        bool begun = l->operation.id == a->id || l->last_operation == a->id;
        if (!begun)
            service_note(s, turn, NOTE_WITHDRAWN)->operation = a->id;
        bool yields = is_asked(p) && p->to != s->home && (a->yielded || a->to_us);
        *a = (struct approval){ .withdrawn = begun ? a->withdrawn : a->id, .yielded = yields };
    }
    if (!is_asked(p))
        return;
    if (a->id == 0)
        *a = (struct approval){ .id = p->id, .learnt = turn->now, .to_us = p->to == s->home, .yielded = a->yielded,
                                .withdrawn = a->withdrawn };
    note_state(s, turn, p);
    note_no_answer(s, turn, p);
}

/* ---- withdrawing, replacing ---- */

/* Since when something holds without a break. */
static struct mono_time since(struct mono_time former, bool holds, struct mono_time now)
{
    return !holds ? (struct mono_time){ 0 } : former.us != 0 ? former : now;
}

static void watch_source(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct approval *a = &s->approval;
    const struct ledger_proposal *p = &l->proposal;
    bool stale = p->from != gates_source(l);
    bool well = stale || tally_well(turn->voters, s->health.opinions[p->from], s->policy->evidence_max_age_us,
                                    turn->now);
    a->well_since = since(a->well_since, well, turn->now);
    if (!well)
        return;
    int64_t mine = turn_self(turn) * TURN_HEARTBEATS * turn->config->heartbeat_us;
    struct mono_time at = mono_after(a->well_since, (stale ? 0 : s->policy->evidence_max_age_us) + mine);
    if (!mono_reached(turn->now, at)) {
        service_wake(s, at);
        return;
    }
    struct ledger goal = ledger_propose(l, &(struct ledger_proposal){ .state = PROPOSAL_NONE });
    (void)service_propose(s, turn, &goal);
}

static void watch_target(struct service *s, const struct turn *turn, const struct ledger_proposal *p)
{
    bool lost = false;
    if (s->guard.mine && p->to != s->home) {
        struct gate gates[GATE_COUNT];
        gates_judge(s, turn, p->to, false, 0, NULL, gates);
        lost = !gates[GATE_TARGET_HEALTHY].open || !gates[GATE_TARGET_COORDINATOR].open ||
               !gates[GATE_TARGET_STREAMING].open;
    }
    s->approval.lost_since = since(s->approval.lost_since, lost, turn->now);
    if (lost && !mono_reached(turn->now, lost_at(s)))
        service_wake(s, lost_at(s));
}

void approval_run(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (l == NULL)
        return;
    follow(s, turn, l);
    if (!is_asked(&l->proposal))
        return;
    watch_target(s, turn, &l->proposal);
    watch_source(s, turn, l);
}
