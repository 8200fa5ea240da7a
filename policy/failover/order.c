/* order: a person's order, from the control socket or forwarded by another node.
 *
 * What moves the writer is carried out by a coordinator of the region that it is about; what only changes the ledger
 * (word.c) by whoever can propose. Every order gets exactly one
 * answer by its deadline; ACCEPTED means that the register knows the operation, nothing less. An
 * order that is refused names the gate; a person may skip a gate by name, never by silence.
 */
#include "policy/failover/word.h"
#include "policy/service.h"

#define ORDER_DEADLINE_US (10 * US_PER_S)
#define ORDER_REPLY_US US_PER_S /* on its way may be what the other node says of a forwarded order at its deadline */

/* What was put forward and is not known to have lost may be chosen yet, or was, and is over: whatever there is
 * to say of the order now, it is not refused. */
static void answer(struct service *s, struct turn *turn, enum order_answer code,
                   const struct gate *gate, enum gate_id id)
{
    struct pending_order *o = &s->order;
    if (code != ANSWER_ACCEPTED && o->version != 0)
        code = ANSWER_NO_QUORUM;
    struct message_order_reply reply = { .ticket = o->ticket, .answer = code, .gate = (uint8_t)id,
                                         .operation = o->operation };
    if (gate != NULL) {
        reply.value = gate->value;
        reply.limit = gate->limit;
        if (id == GATE_LOSS_WITHIN_RPO) {
            reply.value = gate->known ? gate->value : -1;
            reply.value_us = gate->known && !gate->at_least ? gate->value_us : -1;
            reply.limit_us = gate->limit_us;
        }
    }
    if (code != ANSWER_ACCEPTED) {
        struct note *note = service_note(s, turn, NOTE_ORDER_REFUSED);
        note->a = code;
        note->b = id;
        note->region = o->order.to;
    }
    if (o->from == turn_self(turn))
        effects_add(turn->effects, EFFECT_REPLY)->as.reply = reply;
    else
        effects_send(turn->effects, node_bit(o->from), false, MESSAGE_ORDER_REPLY, s->index)
            ->as.order_reply = reply;
    o->active = false;
}

void order_say(struct service *s, struct turn *turn, enum order_answer code, const struct gate *gate, enum gate_id id)
{
    answer(s, turn, code, gate, id);
}

static bool is_about_a_region(enum order_kind kind)
{
    return kind == ORDER_FAILOVER || kind == ORDER_SWITCHOVER || kind == ORDER_FAILBACK || kind == ORDER_ADOPT ||
           kind == ORDER_RECONCILE;
}

/* Who can carry it out: we, or the first that is heard, of that region's coordinators or of all. */
static node_id executor_for(const struct service *s, const struct turn *turn, region_id region)
{
    if (s->order.order.kind == ORDER_RECONCILE)
        return reconcile_executor(s, turn);
    node_set able = word_is(s->order.order.kind) ? turn_everyone(turn) : s->policy->regions[region].guards;
    /* An adoption changes DNS under the writer's lease, which only the named guard holds. */
    if (s->order.order.kind == ORDER_ADOPT)
        able = node_bit(service_ledger(s)->guard.node);
    if (node_in(able, turn_self(turn)) && service_able(s, turn, turn_self(turn)))
        return turn_self(turn);
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (node_in(able, n) && service_able(s, turn, n))
            return n;
    return NODE_NONE;
}

static void forward(struct service *s, struct turn *turn, node_id to)
{
    s->order.forwarded = true;
    s->order.deadline = mono_after(s->order.deadline, ORDER_REPLY_US);
    effects_send(turn->effects, node_bit(to), false, MESSAGE_ORDER, s->index)->as.order =
        (struct message_order){ s->order.ticket, s->order.order };
}

/* Heard by gossip, so it holds without a quorum too; later than whatever was heard before, whatever the calendars. */
static void take_ack(struct service *s, struct turn *turn)
{
    int64_t now_us = turn->wall.us > s->ack.at.us ? turn->wall.us : s->ack.at.us + 1;
    s->ack = (struct ack){ s->order.order.operation, { now_us }, s->order.order.by };
    s->gossip_now = true;
    s->order.operation = s->order.order.operation;
    answer(s, turn, ANSWER_ACCEPTED, NULL, GATE_COUNT);
}

void order_take(struct service *s, struct turn *turn, node_id from, uint64_t ticket,
                const struct order *order)
{
    struct pending_order *o = &s->order;
    if (o->active) {
        /* One at a time: the one under way keeps its answer. */
        struct pending_order running = *o;
        *o = (struct pending_order){ .active = true, .from = from, .ticket = ticket,
                                     .order = *order };
        answer(s, turn, ANSWER_BUSY, NULL, GATE_COUNT);
        *o = running;
        return;
    }
    *o = (struct pending_order){
        .active = true,
        .from = from,
        .ticket = ticket,
        .order = *order,
        .given = turn->wall,
        .deadline = mono_after(turn->said_at, ORDER_DEADLINE_US),
    };
    struct note *note = service_note(s, turn, NOTE_ORDER);
    note->a = order->kind;
    note->b = order->skipped_gates;
    note->region = order->to;
    note->node = from;
    note->detail = order->by;
    if (order->kind == ORDER_ACK) {
        take_ack(s, turn);
        return;
    }
    if (order->kind == ORDER_BREAK) {
        glass_order_take(s, turn);
        return;
    }
    const struct ledger *l = service_ledger(s);
    if (l == NULL) {
        answer(s, turn, ANSWER_NO_LEDGER, NULL, GATE_COUNT);
        return;
    }
    o->epoch = l->epoch;
    if (order->kind == ORDER_ADOPT)
        o->order.to = l->writer;
    region_id to = o->order.to;
    if (!is_about_a_region(order->kind))
        o->operation = order->operation;
    else if (!shift_valid(&order->shift) || order->shift.at != 0)
        answer(s, turn, ANSWER_NO_STAGE, NULL, GATE_COUNT);
    else if (to == REGION_NONE) /* adopt, while no writer is named */
        answer(s, turn, ANSWER_BUSY, NULL, GATE_COUNT);
    else if (to >= turn->config->region_count || !s->policy->regions[to].serves)
        answer(s, turn, ANSWER_NOT_SERVING, NULL, GATE_COUNT);
    if (!o->active)
        return;
    if (executor_for(s, turn, to) == NODE_NONE)
        answer(s, turn, ANSWER_NO_COORDINATOR, NULL, GATE_COUNT);
    else if (executor_for(s, turn, to) != turn_self(turn) && from != turn_self(turn))
        answer(s, turn, ANSWER_NO_COORDINATOR, NULL, GATE_COUNT); /* forwarded once, never on */
    else if (executor_for(s, turn, to) != turn_self(turn))
        forward(s, turn, executor_for(s, turn, to));
}

/* A person hears of an order by its deadline, and then may have given another; so what comes later than
 * that, once more, or after a newer one of the same node, begins nothing. */
bool order_is_new(struct order_heard *newest, const struct turn *turn, const struct message *m, int64_t patience_us)
{
    bool again = newest->restarts == m->restarts && m->sent_us <= newest->sent_us;
    if (again || mono_reached(turn->now, mono_after(turn->said_at, patience_us)))
        return false;
    *newest = (struct order_heard){ m->restarts, m->sent_us };
    return true;
}

void order_message(struct service *s, struct turn *turn, const struct message *m)
{
    if (!order_is_new(&s->remotes[m->from].order, turn, m, ORDER_DEADLINE_US))
        return;
    order_take(s, turn, m->from, m->as.order.ticket, &m->as.order.order);
}

void order_reply(struct service *s, struct turn *turn, const struct message_order_reply *reply)
{
    struct pending_order *o = &s->order;
    if (!o->active || !o->forwarded || reply->ticket != o->ticket)
        return;
    o->operation = reply->operation;
    struct gate gate = { .value = reply->value, .limit = reply->limit };
    answer(s, turn, reply->answer, &gate, reply->gate < GATE_COUNT ? (enum gate_id)reply->gate
                                                                  : GATE_COUNT);
}

static void put_forward(struct service *s, struct turn *turn, const struct ledger *goal)
{
    if (service_propose(s, turn, goal))
        s->order.version = goal->version;
}

void order_put_forward(struct service *s, struct turn *turn, const struct ledger *goal)
{
    put_forward(s, turn, goal);
}

static void propose_adopt(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct pending_order *o = &s->order;
    if (s->policy->zone_count == 0) {
        answer(s, turn, ANSWER_NO_DNS, NULL, GATE_COUNT);
        return;
    }
    if (o->operation == 0)
        o->operation = s->proposed_operation = turn_random(turn) | 1u;
    struct ledger goal = ledger_adopt(l, o->operation, turn_self(turn), turn->wall);
    put_forward(s, turn, &goal);
}

/* What the policy asks of an automatic failover's timing does not bind a person, and who orders one has approved it. */
#define PACE_GATES ((1u << GATE_OUTAGE_MIN) | (1u << GATE_COOLDOWN) | (1u << GATE_APPROVED))

/* Only weighted records can be in between: without them all of the traffic comes at once, as people are told before. */
static struct shift stages_of(const struct service *s, const struct pending_order *o, const struct ledger *l)
{
    bool weighted = l->writer != REGION_NONE && (s->policy->shifts_from >> l->writer & 1u) != 0;
    bool stages = o->order.kind == ORDER_FAILBACK && weighted && o->order.shift.count > 1;
    return stages ? o->order.shift : (struct shift){ 0 };
}

static void propose_failover(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct pending_order *o = &s->order;
    /* To the writer's own region a failover makes sense only where its named guard is gone: another
     * one, or the same node with a new store, then takes the lease over. */
    if (l->writer == o->order.to && guard_is_there(s, turn, l)) {
        answer(s, turn, ANSWER_ALREADY, NULL, GATE_COUNT);
        return;
    }
    bool planned = o->order.kind != ORDER_FAILOVER;
    if (l->writer == o->order.to && planned) {
        answer(s, turn, ANSWER_ALREADY, NULL, GATE_COUNT);
        return;
    }
    struct gate gates[GATE_COUNT];
    uint32_t skipped = o->order.skipped_gates | PACE_GATES;
    struct loss_accepted accepted = { o->order.accepted_loss_bytes, o->order.accepted_loss_us };
    gates_judge(s, turn, o->order.to, planned, skipped, &accepted, gates);
    enum gate_id shut = gates_first_shut(gates);
    if (shut != GATE_COUNT) {
        if (o->version == 0) /* else what was put forward while it was open may be chosen yet: its time is not over */
            answer(s, turn, ANSWER_GATE, &gates[shut], shut);
        return;
    }
    if (o->operation == 0)
        o->operation = s->proposed_operation = turn_random(turn) | 1u;
    struct ledger goal = ledger_begin(l, &(struct begin_terms){
        .id = o->operation,
        .to = o->order.to,
        .executor = turn_self(turn),
        .kind = o->order.kind == ORDER_SWITCHOVER ? OPERATION_SWITCHOVER
                : o->order.kind == ORDER_FAILBACK ? OPERATION_FAILBACK
                                                  : OPERATION_FAILOVER,
        .forced = true,
        .granted_wrote = l->writer != REGION_NONE && service_seen_primary(s, l->writer),
        .skipped_gates = skipped,
        .accepted_loss_bytes = o->order.accepted_loss_bytes,
        .accepted_loss_us = o->order.accepted_loss_us,
        .wall = turn->wall,
        .said = { o->given, o->order.by, o->order.why },
        .shift = stages_of(s, o, l),
    });
    put_forward(s, turn, &goal);
}

/* For a time to come it only stands in the ledger, and scheduled.c begins it. */
static void propose_for_later(struct service *s, struct turn *turn, const struct ledger *l)
{
    struct pending_order *o = &s->order;
    /* A no to a failover is kept until its region was well again (approval.c): nothing takes its place before. */
    bool over = l->proposal.state == PROPOSAL_DECLINED && operation_planned(l->proposal.kind);
    bool another = l->proposal.state != PROPOSAL_NONE && !over;
    if (l->writer == o->order.to || another) {
        answer(s, turn, l->writer == o->order.to ? ANSWER_ALREADY : ANSWER_BUSY, NULL, GATE_COUNT);
        return;
    }
    if (o->operation == 0)
        o->operation = turn_random(turn) | 1u;
    struct ledger goal = ledger_propose(l, &(struct ledger_proposal){
        .state = PROPOSAL_SCHEDULED,
        .kind = OPERATION_SWITCHOVER,
        .id = o->operation,
        .from = l->writer,
        .to = o->order.to,
        .proposer = turn_self(turn),
        .skipped_gates = o->order.skipped_gates,
        .made = turn->wall,
        .due = o->order.at,
        .said = { o->given, o->order.by, o->order.why },
    });
    put_forward(s, turn, &goal);
}

/* One failover at a time, but a person gets out of one that nobody carries on, and of one that has no
 * way back and may wait for a person's word: a begin on top of it, with new gates skipped. */
static bool may_supersede(const struct service *s, const struct turn *turn, const struct ledger *l)
{
    if (s->order.order.kind != ORDER_FAILOVER)
        return false;
    /* Granted and seen to be a primary: what is left is DNS and what follows, which may take hours when
     * the provider is away. Before it was seen so, what leaving it would lose can't be measured. */
    if (l->operation.phase == PHASE_GRANTED && service_seen_primary(s, l->writer))
        return true;
    /* No way back: only a person can say where to now. Nothing is granted, so another begin undoes
     * nothing, and the region that was granted last may well be the one that has everything. */
    bool stuck = l->operation.phase == PHASE_BEGUN && !ledger_may_abort(l);
    /* A switchover that has lost its source can't have its confirmation any more. A person makes a failover of it, to
     * the same region: a begin on top of a begin, so the way back and the region that wrote last stay what they were,
     * and all that a failover needs (votes, data, fence with its own wait) is judged afresh. */
    bool turned = operation_planned(l->operation.kind) && ledger_may_abort(l) &&
                  l->operation.wish != WISH_BACK && l->operation.to == s->order.order.to;
    return stuck || turned || operation_abandoned(s, turn, l);
}

/* A word is answered as the newest chosen value has it, so it has come to something whatever became of our rounds. */
static void run_word(struct service *s, struct turn *turn, const struct ledger *l)
{
    enum order_answer stands = word_stands(&s->order, l);
    if (stands == WORD_TO_SAY) {
        struct ledger goal = word_goal(&s->order, l);
        put_forward(s, turn, &goal);
    } else {
        s->order.version = 0;
        answer(s, turn, stands, NULL, GATE_COUNT);
    }
}

void order_run(struct service *s, struct turn *turn)
{
    struct pending_order *o = &s->order;
    if (!o->active)
        return;
    if (o->order.kind == ORDER_BREAK) {
        glass_order_run(s, turn);
        return;
    }
    const struct ledger *l = service_ledger(s); /* known: none is taken up before (order_take) */
    bool word = word_is(o->order.kind);
    bool later = o->order.kind == ORDER_SWITCHOVER && o->order.at.us != 0;
    bool put_down = later && l->proposal.state == PROPOSAL_SCHEDULED && l->proposal.id == o->operation;
    if (!word && o->operation != 0 && (l->operation.id == o->operation || put_down)) {
        answer(s, turn, ANSWER_ACCEPTED, NULL, GATE_COUNT);
        return;
    }
    if (l->version == o->version)
        o->version = 0; /* another value took the place of ours */
    if (mono_reached(turn->now, o->deadline)) {
        /* Whoever it was forwarded to may have begun. */
        bool here = o->order.kind == ORDER_RECONCILE && !o->forwarded;
        enum order_answer late = here ? reconcile_late(s) : ANSWER_NO_QUORUM;
        answer(s, turn, late, NULL, late == ANSWER_GATE ? GATE_FENCE : GATE_COUNT);
        return;
    }
    service_wake(s, o->deadline);
    if (o->forwarded || s->proposer.state != PROPOSER_IDLE)
        return;
    if (word) {
        run_word(s, turn, l);
        return;
    }
    if (o->order.kind == ORDER_RECONCILE) {
        reconcile_run(s, turn, l);
        return;
    }
    bool adopting = o->order.kind == ORDER_ADOPT;
    if (adopting && l->operation.executor == turn_self(turn) && operation_adopt_zone(s, turn)) {
        o->operation = l->operation.id; /* the failover itself goes on with a person's word */
        answer(s, turn, ANSWER_ACCEPTED, NULL, GATE_COUNT);
        return;
    }
    /* The person ordered it in view of what was then. Whoever was quicker has changed that: an order
     * that waited its turn must not undo what another has just brought about. */
    bool overtaken = l->epoch != o->epoch;
    if (overtaken || (operation_moves(l->operation.kind) && !may_supersede(s, turn, l)) ||
        (adopting && l->operation.kind != OPERATION_NONE)) {
        answer(s, turn, ANSWER_BUSY, NULL, GATE_COUNT);
        return;
    }
    if (adopting)
        propose_adopt(s, turn, l);
    else if (later)
        propose_for_later(s, turn, l);
    else
        propose_failover(s, turn, l);
}
