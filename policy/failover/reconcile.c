/* reconcile: a person says which side of a broken glass is kept (glass.c).
 *
 *   keep the marked region  an operation like a failover to it, which carries the mark: begin (the ledger names none),
 *                           wait out the old lease, compare, give the mark up and shut, grant, lease, open, DNS. Its
 *                           database is a primary already, so there is nothing to promote. It serves until just
 *                           before the grant; the grant ends the mark.
 *   keep the ledger's side  the mark is set aside: its maker gives it up and is shut, proven and on its disk, then the
 *                           ledger says that the mark is ended. What only the marked database has stays there, to be
 *                           listed and rejoined like any old primary's.
 *
 * The mark's maker carries both out, since what has to be shut first is its own; while the mark stands no other
 * coordinator takes that over from it (operation.c). Where it is gone, before a person said so or before it has given
 * the mark up, a mark can still be set aside by whoever can propose: when it was known shut before, or at the word of a
 * person who skips the fence by name. Each is a compare-and-set on the ledger, so of two people who say the opposite
 * one is told that the other was first.
 */
#include "policy/failover/word.h"
#include "policy/service.h"

/* A person who keeps the marked side has said what these ask: what was lost is shown before. */
#define SAID_GATES                                                                                                     \
    ((1u << GATE_MAJORITY_FAILED) | (1u << GATE_TARGET_STREAMING) | (1u << GATE_LOSS_WITHIN_RPO) |                     \
     (1u << GATE_OUTAGE_MIN) | (1u << GATE_COOLDOWN) | (1u << GATE_NOT_PAUSED) | (1u << GATE_APPROVED))

/* The old writer's fence is vouched for by the word that broke the glass, if it is the one that was named then. Of a
 * writer that was named since nobody has said that it is dead: its fence is proven as in any failover, or skipped by
 * name. One of the marked region itself has the same database, which the mark's maker shuts before the grant (steps.c).
 * The old lease is waited out all the same. */
static uint32_t said_gates(const struct turn *turn, const struct ledger *l, const struct mark *m)
{
    bool vouched = l->guard_epoch <= m->epoch || turn->config->region_of[l->guard.node] == m->region;
    return vouched ? SAID_GATES | 1u << GATE_FENCE : SAID_GATES;
}

static bool skips_fence(const struct pending_order *o)
{
    return (o->order.skipped_gates >> GATE_FENCE & 1u) != 0;
}

/* Its region is the writer without it, which its maker has seen, and given it up: for another mark of that region,
 * since reconciled, or for its lease. */
static bool is_over_without(const struct ledger *l, const struct mark *m)
{
    return mark_rests(m) && l->writer == m->region;
}

/* The less, the better its maker can see to the region: it holds it open; is shutting it; has shut it; or lost its
 * store, and beside another's mark that stands can do nothing by its own. */
static int unfit(const struct service *s, const struct turn *turn, const struct mark *m)
{
    return glass_maker_lost(s, turn, m) ? MARK_STATE_COUNT : (int)m->state;
}

/* A region's marks are reconciled together: by the maker that can best, or that was named. */
static node_id able_maker(const struct service *s, const struct turn *turn, const struct mark *named)
{
    node_id able = NODE_NONE;
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct mark *m = &s->marks[n];
        if (m->state == MARK_NONE || m->region != named->region || !service_able(s, turn, n))
            continue;
        int less = able == NODE_NONE ? -1 : unfit(s, turn, m) - unfit(s, turn, &s->marks[able]);
        if (less < 0 || (less == 0 && m == named))
            able = n;
    }
    return able;
}

node_id reconcile_executor(const struct service *s, const struct turn *turn)
{
    const struct pending_order *o = &s->order;
    const struct ledger_operation *op = &service_ledger(s)->operation;
    const struct mark *m = glass_find(s, o->order.operation);
    if (m == NULL)
        return turn_self(turn); /* which says so */
    if (operation_moves(op->kind) && op->mark == m->id && service_able(s, turn, op->executor))
        return op->executor; /* what is under way is told of, and vouched for, where it is carried out */
    node_id able = able_maker(s, turn, m);
    if (able != NODE_NONE)
        return able;
    bool sets_aside = o->order.to != m->region || is_over_without(service_ledger(s), m);
    if (sets_aside && (m->state == MARK_SHUT || skips_fence(o)) && turn->may_propose)
        return turn_self(turn);
    return NODE_NONE;
}

/* What the ledger says of the writer: kept by setting the mark aside. Or one of two marks is. */
static bool is_other_side(const struct service *s, const struct ledger *l, region_id keep)
{
    bool between = l->writer == REGION_NONE && (keep == l->operation.to || keep == l->operation.from);
    bool named = keep == l->writer || between;
    return named || mark_of_region(s->marks, keep) != NULL;
}

/* Another mark of the region that `mark` is of: about the same database, which may be open as long as any of them is
 * not known shut. NULL: there is none. */
static const struct mark *other_of_region(const struct service *s, const struct mark *mark)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (s->marks[n].state != MARK_NONE && s->marks[n].region == mark->region && s->marks[n].id != mark->id)
            return &s->marks[n];
    return NULL;
}

/* The region's other marks end first, one after the other, and each only when its own maker has shut the database and
 * opens it no more: whatever is kept then, none of them opens beside it. One that lost its store opens nothing by its
 * mark, but can't say whether the database is shut: enough where its region is kept, which is shut before the grant
 * anyway. False: there is one yet. */
static bool ends_others(struct service *s, struct turn *turn, const struct ledger *l, const struct mark *m)
{
    const struct mark *other = other_of_region(s, m);
    if (other == NULL)
        return true;
    bool lost = glass_maker_lost(s, turn, other);
    bool vouched = skips_fence(&s->order) && (lost || !service_able(s, turn, other->maker.node));
    bool over = other->state == MARK_SHUT || (s->order.order.to == m->region ? lost : vouched);
    if (!over)
        return false;
    struct ledger goal = ledger_reconcile(l, other->id);
    order_put_forward(s, turn, &goal);
    return false;
}

/* Said before anything is given up: by a refused order the region is shut, and no other opens. */
static bool has_a_lost_one(const struct service *s, const struct turn *turn, const struct mark *mark)
{
    for (node_id n = 0; n < POLICY_NODES_MAX && s->order.order.to != mark->region && !skips_fence(&s->order); n++) {
        const struct mark *m = &s->marks[n];
        bool opens = m->state == MARK_STANDS || m->state == MARK_GIVEN;
        if (opens && m != mark && m->region == mark->region && glass_maker_lost(s, turn, m))
            return true;
    }
    return false;
}

static void set_aside(struct service *s, struct turn *turn, const struct ledger *l, const struct mark *m)
{
    struct pending_order *o = &s->order;
    if (!is_other_side(s, l, o->order.to)) {
        order_say(s, turn, ANSWER_NOT_SERVING, NULL, GATE_COUNT);
        return;
    }
    bool own = m == glass_own(s);
    if ((!own && m->state != MARK_SHUT && !skips_fence(o)) || has_a_lost_one(s, turn, m)) {
        struct gate gate = { .known = true, .limit = PROOF_RELEASED };
        order_say(s, turn, ANSWER_GATE, &gate, GATE_FENCE); /* its maker lost its store: nobody can confirm */
        return;
    }
    if (own && m->state == MARK_STANDS)
        glass_give(s, turn, NODE_NONE, o->order.to);
    if (own && (m->state != MARK_SHUT || s->glass.on_disk != MARK_SHUT))
        return; /* being shut; it may take as long as its fence does */
    if (!ends_others(s, turn, l, m))
        return; /* their makers hear that it is given up, and shut too */
    o->operation = m->id;
    struct ledger goal = ledger_reconcile(l, m->id);
    order_put_forward(s, turn, &goal);
}

static void keep_marked(struct service *s, struct turn *turn, const struct ledger *l, const struct mark *m)
{
    struct pending_order *o = &s->order;
    struct gate gates[GATE_COUNT];
    uint32_t skipped = o->order.skipped_gates | said_gates(turn, l, m);
    gates_judge(s, turn, o->order.to, false, skipped, NULL, gates);
    gates[GATE_NO_MARK].open = glass_is_alone(s, turn, m->id);
    enum gate_id shut = gates_first_shut(gates);
    if (shut != GATE_COUNT) {
        if (o->version == 0)
            order_say(s, turn, ANSWER_GATE, &gates[shut], shut);
        return;
    }
    if (!ends_others(s, turn, l, m))
        return;
    if (o->operation == 0)
        o->operation = s->proposed_operation = turn_random(turn) | 1u;
    struct ledger goal = ledger_begin(l, &(struct begin_terms){
        .id = o->operation,
        .to = m->region,
        .executor = turn_self(turn),
        .kind = OPERATION_FAILOVER,
        .forced = true,
        .granted_wrote = l->writer != REGION_NONE && service_seen_primary(s, l->writer),
        .skipped_gates = skipped,
        .accepted_loss_bytes = -1, .accepted_loss_us = -1,
        .mark = m->id,
        .wall = turn->wall,
        .said = { o->given, o->order.by, o->order.why },
    });
    order_put_forward(s, turn, &goal);
}

enum order_answer reconcile_late(const struct service *s)
{
    const struct mark *own = glass_own(s);
    bool shutting = own != NULL && own->id == s->order.order.operation && s->order.order.to != own->region;
    return shutting && s->order.operation == 0 ? ANSWER_GATE : ANSWER_NO_QUORUM;
}

/* The other way was begun, and who carries it out is silent. While its mark may stand nobody takes that over
 * (operation.c), nor goes back: with a maker that is gone for good the service would stay shut. So whoever says by name
 * that the marked database is dead sets the mark aside even now, as before the begin; from there the operation can be
 * taken over, or begun anew towards another region. Of this word and a grant of the silent one's exactly one is chosen.
 */
static bool is_left_behind(const struct service *s, const struct turn *turn, const struct ledger *l,
                           const struct mark *m)
{
    const struct pending_order *o = &s->order;
    return m != NULL && o->order.to != m->region && (m->state == MARK_SHUT || skips_fence(o)) &&
           !service_able(s, turn, l->operation.executor);
}

/* It was begun in wait for a proof that does not come any more, since the guard that had to give it is gone: the same
 * person, or another, vouches for the fence now. For the old writer's, that is: while the mark may stand, its maker
 * alone carries out what ends it (operation.c), and no other that made one in the same region. */
static bool vouches_since(const struct service *s, const struct turn *turn, const struct ledger *l,
                          const struct mark *m)
{
    const struct ledger_operation *op = &l->operation;
    bool keeps = m != NULL && s->order.order.to == m->region && skips_fence(&s->order);
    bool ours = keeps && (m->maker.node == turn_self(turn) || !glass_may_stand(s, l, m->id));
    return ours && op->phase == PHASE_BEGUN && (op->skipped_gates >> GATE_FENCE & 1u) == 0;
}

void reconcile_run(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct pending_order *o = &s->order;
    uint64_t id = o->order.operation;
    bool other_way = id != 0 && operation_moves(l->operation.kind) && l->operation.mark == id;
    const struct mark *m = glass_find(s, id);
    const struct mark *own = glass_own(s);
    if (m != NULL && own != NULL && own->region == m->region && !other_way) {
        m = own; /* of the region's marks, those of other nodes end first: ends_others() */
        id = o->order.operation = own->id;
    }
    bool ended = ledger_is_reconciled(l, id);
    enum order_answer said = ANSWER_COUNT;
    if (ended && o->operation == id) /* set aside, as we put forward */
        said = ANSWER_ACCEPTED;
    else if (other_way && !is_left_behind(s, turn, l, m) && !vouches_since(s, turn, l, m))
        said = ANSWER_BUSY;
    else if (ended)
        said = ANSWER_ALREADY;
    else if (m == NULL)
        said = ANSWER_NO_MARK;
    else if (l->epoch != o->epoch) /* ordered in view of another writer */
        said = ANSWER_BUSY;
    if (said != ANSWER_COUNT) {
        o->version = 0; /* what is chosen says what became of it */
        order_say(s, turn, said, NULL, GATE_COUNT);
    } else if (o->order.to == m->region && !is_over_without(l, m)) {
        keep_marked(s, turn, l, m);
    } else {
        set_aside(s, turn, l, m);
    }
}
