/* candidate: whether this node should begin a failover by itself, and when.
 *
 * A node speaks for its own region only. It begins when a majority of all voters says that the
 * writer's region has failed, every gate is open, it ranks first (or those before it had their
 * time), and a fresh confirmation round brought a majority again. Nothing here is needed for
 * safety: two nodes that both begin meet at the register's compare-and-set. Where people approve
 * (approval.c) it comes to this twice: first it puts the failover before them, then it begins.
 */
#include "policy/quorum/majority.h"
#include "policy/service.h"

/* An operation that nobody of its target can carry on may be begun anew towards another region. */
bool operation_abandoned(const struct service *s, const struct turn *turn,
                                const struct ledger *l)
{
    policy_ensure(operation_moves(l->operation.kind));
    if (l->operation.to == s->home)
        return false;
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (node_in(s->policy->regions[l->operation.to].guards, n) && service_able(s, turn, n))
            return false;
    return true;
}

/* The region that a failover now would leave; REGION_NONE if none is in question. */
static region_id source_in_question(const struct service *s, const struct turn *turn,
                                    const struct ledger *l)
{
    if (!operation_moves(l->operation.kind))
        return l->writer; /* an adoption of DNS never holds up a failover */
    /* Promoted, and still waiting for DNS: that writer is protected like any other. */
    if (l->operation.phase == PHASE_GRANTED && service_seen_primary(s, l->writer))
        return l->writer;
    /* Held by a person: it goes neither on nor elsewhere by itself. */
    if (l->operation.wish == WISH_HOLD || !operation_abandoned(s, turn, l))
        return REGION_NONE;
    return l->writer == REGION_NONE ? l->operation.from : l->writer;
}

/* Whether region `other` would make a better target than ours, as far as is known here. */
static bool ranks_before(const struct service *s, const struct turn *turn, region_id other)
{
    const struct region_policy *theirs = &s->policy->regions[other];
    const struct region_policy *ours = &s->policy->regions[s->home];
    node_id observer = NODE_NONE;
    const struct sighting *their_data = service_sighting(s, other, &observer);
    const struct sighting *our_data = service_sighting(s, s->home, NULL);
    node_set able = (node_set)(theirs->guards & turn_heard_set(turn));
    if (able == 0 || their_data == NULL || !their_data->facts.in_recovery)
        return false;
    bool healthy = false;
    for (node_id n = 0; n < turn->config->node_count; n++)
        healthy = healthy || (node_in(able, n) && s->remotes[n].guard_ready &&
                              s->health.opinions[other][n].verdict.verdict == VERDICT_HEALTHY);
    if (!healthy)
        return false;
    uint64_t theirs_lsn = their_data->facts.lsn;
    uint64_t ours_lsn = our_data != NULL ? our_data->facts.lsn : 0;
    if (theirs_lsn != ours_lsn)
        return theirs_lsn > ours_lsn;
    if (theirs->priority != ours->priority)
        return theirs->priority < ours->priority;
    return other < s->home;
}

/* How many go first: better regions, and earlier coordinators of our own. */
static uint32_t rank(const struct service *s, const struct turn *turn, region_id source)
{
    uint32_t before = 0;
    bool ours = s->policy->mode == MODE_APPROVE && approval_to_us(s, service_ledger(s)) != NULL;
    for (region_id r = 0; r < turn->config->region_count && !ours; r++)
        if (r != s->home && r != source && s->policy->regions[r].serves &&
            ranks_before(s, turn, r))
            before++;
    for (node_id n = 0; n < turn_self(turn); n++)
        if (node_in(s->policy->regions[s->home].guards, n) && turn_heard(turn, n) &&
            s->remotes[n].guard_ready)
            before++;
    return before;
}

static void ask_confirmation(struct service *s, struct turn *turn, region_id source)
{
    struct confirm *c = &s->confirm;
    c->asking = true;
    c->region = source;
    c->nonce = turn_random(turn);
    c->answered = c->failed = 0;
    c->deadline = mono_after(turn->now, s->policy->confirm_timeout_us);
    struct message *m = effects_send(turn->effects, electorate_all(turn->voters), false, MESSAGE_CONFIRM,
                                     s->index);
    m->as.confirm = (struct message_confirm){ source, c->nonce };
    service_note(s, turn, NOTE_CONFIRM_ASKED)->region = source;
}

void candidate_verdict(struct service *s, struct turn *turn, node_id from,
                       const struct message_verdict *said)
{
    struct confirm *c = &s->confirm;
    if (!c->asking || said->nonce != c->nonce || said->region != c->region ||
        !node_in(electorate_all(turn->voters), from))
        return;
    c->answered = (node_set)(c->answered | node_bit(from));
    if (said->verdict == VERDICT_FAILED)
        c->failed = (node_set)(c->failed | node_bit(from));
}

static void end_confirmation(struct service *s, struct turn *turn, bool won)
{
    struct confirm *c = &s->confirm;
    c->asking = false;
    c->next = mono_after(turn->now, turn->config->heartbeat_us);
    if (won)
        return;
    struct note *note = service_note(s, turn, NOTE_CONFIRM_FAILED);
    note->region = c->region;
    note->a = electorate_counted(turn->voters, c->failed);
    note->b = electorate_needed(turn->voters);
}

/* The word that it begins on; nobody's where it begins by itself. */
static struct said said_of(const struct turn *turn, const struct ledger_proposal *p)
{
    struct said said = { .at = { 0 } };
    if (p != NULL && p->state == PROPOSAL_APPROVED)
        return p->said;
    if (p != NULL) {
        said.at = turn->wall;
        policy_text_set(&said.why, "nobody answered in time, and on_no_answer is go");
    }
    return said;
}

static void begin(struct service *s, struct turn *turn, const struct ledger *l)
{
    const struct ledger_proposal *p = s->policy->mode == MODE_APPROVE ? approval_to_us(s, l) : NULL;
    s->proposed_operation = p != NULL ? p->id : turn_random(turn) | 1u;
    struct ledger goal = ledger_begin(l, &(struct begin_terms){
        .id = s->proposed_operation,
        .kind = OPERATION_FAILOVER,
        .to = s->home,
        .executor = turn_self(turn),
        .granted_wrote = l->writer != REGION_NONE && service_seen_primary(s, l->writer),
        .accepted_loss_bytes = -1, .accepted_loss_us = -1,
        .wall = turn->wall,
        .said = said_of(turn, p),
    });
    (void)service_propose(s, turn, &goal);
}

_Static_assert(GATE_APPROVED == GATE_COUNT - 1, "a person is asked when every other gate is open");

static void note_shut_gate(struct service *s, struct turn *turn, const struct gate *gates,
                           enum gate_id shut)
{
    if (s->confirm.shut_noted == shut)
        return;
    s->confirm.shut_noted = shut;
    if (shut == GATE_COUNT || shut == GATE_MAJORITY_FAILED)
        return; /* "nobody says it failed" is the ordinary state, not news */
    struct note *note = service_note(s, turn, NOTE_GATE_SHUT);
    note->region = s->home;
    note->a = shut;
    note->gate = gates[shut];
}

void candidate_run(struct service *s, struct turn *turn)
{
    struct confirm *c = &s->confirm;
    const struct ledger *l = service_ledger(s);
    if (l == NULL || !s->guard.mine || s->policy->mode == MODE_MANUAL || s->order.active)
        return;
    region_id source = source_in_question(s, turn, l);
    if (source == REGION_NONE || source == s->home) {
        c->asking = false;
        c->open_since.us = 0;
        return;
    }
    struct gate gates[GATE_COUNT];
    gates_judge(s, turn, s->home, false, 0, NULL, gates);
    enum gate_id shut = gates_first_shut(gates);
    note_shut_gate(s, turn, gates, shut);
    bool ask = shut == GATE_APPROVED && approval_may_ask(s, turn, l); /* it is judged last: all others are open */
    if (shut != GATE_COUNT && !ask) {
        if (c->asking) /* no new round at once, should the gate flutter */
            c->next = mono_after(turn->now, turn->config->heartbeat_us);
        c->asking = false;
        c->open_since.us = 0;
        if (shut == GATE_OUTAGE_MIN)
            service_wake(s, mono_after(turn->now, gates[shut].limit - gates[shut].value));
        return;
    }
    if (c->open_since.us == 0)
        c->open_since = turn->now;
    /* First whether its time is over: while a person's order was under way nobody looked. */
    if (c->asking && mono_reached(turn->now, c->deadline))
        end_confirmation(s, turn, false);
    if (c->asking && electorate_has(turn->voters, c->failed)) {
        end_confirmation(s, turn, true);
        (ask ? approval_ask : begin)(s, turn, l);
        return;
    }
    if (c->asking) {
        service_wake(s, c->deadline);
        return;
    }
    int64_t turn_us = s->policy->confirm_timeout_us + 2 * turn->config->heartbeat_us;
    struct mono_time mine = mono_after(c->open_since, turn_us * rank(s, turn, source));
    struct mono_time at = mono_later(mine, c->next);
    if (s->proposer.state != PROPOSER_IDLE || !turn->may_propose) /* whatever the others say, it could begin nothing */
        return;
    if (!mono_reached(turn->now, at)) {
        service_wake(s, at);
        return;
    }
    ask_confirmation(s, turn, source);
}
