/* The register of the voter set: see voter_register.h, and voters.h for why a change takes two versions. */
#include "policy/quorum/voter_register.h"

#include "policy/service.h"

#define VOTER_BACK_OFF_MAX 6
/* How many heartbeats a value that somebody accepted may wait for its end before another node settles it. */
#define VOTER_PATIENCE 4

/* The only place that gives `d.set` a value. Every turn counts by the electorate, so it is worked out here, once for
 * each set. It depends on the set alone: as long as the set is written nowhere else, it cannot be another one's. */
static void put_in_force(struct voter_register *v, const struct durable_voters *d)
{
    v->d = *d;
    v->electorate = voters_electorate(&d->set);
}

void voter_register_init(struct voter_register *v, const struct durable_voters *durable, node_set first,
                         node_id self, uint32_t restarts)
{
    struct durable_voters d = *durable;
    if (d.set.version == 0) /* a new store */
        d.set = voters_first(first);
    *v = (struct voter_register){ .ballot = { 0, restarts, self }, .highest = d.promised };
    put_in_force(v, &d);
}

static struct message_voters *say(struct turn *turn, node_set to, bool durable, enum message_kind kind)
{
    return &effects_send(turn->effects, to, durable, kind, SERVICE_NONE)->as.voters;
}

static struct note *note_of(struct turn *turn, enum note_kind kind, node_id node)
{
    struct note *note = &effects_add(turn->effects, EFFECT_NOTE)->as.note;
    *note = (struct note){ .kind = kind, .service = SERVICE_NONE, .region = REGION_NONE, .node = node,
                           .check = CHECK_NONE };
    return note;
}

static void saw(struct voter_register *v, struct ballot ballot)
{
    if (ballot_compare(ballot, v->highest) > 0)
        v->highest = ballot;
}

/* ---- what is chosen ---- */

static void answer(struct voter_register *v, struct turn *turn, enum order_answer answer, int64_t value);

/* Takes a set as chosen, and has everybody know, ourselves too: that word comes back once it is on disk. */
static bool take(struct voter_register *v, struct turn *turn, const struct voter_set *set)
{
    if (set->version <= v->d.set.version)
        return false;
    struct pending_voter_order *o = &v->order;
    bool here = o->active && o->executor == NODE_NONE; /* else whoever has it says what became of it */
    bool ordered = here && set->change == o->order.change && set->node == o->order.node &&
                   set->version == o->version + 1;
    v->ours = ordered;
    put_in_force(v, &(struct durable_voters){ .set = *set });
    v->round = VOTER_ROUND_IDLE;
    v->losses = 0;
    v->stored_by = 0;
    v->stored_at = v->ready_at = v->doubt_at = v->next_at = (struct mono_time){ 0 };
    *turn->persist = true;
    turn->voters = v->electorate;
    say(turn, turn_everyone(turn), true, MESSAGE_VOTERS)->report = (struct voter_report){ true, BALLOT_ZERO, *set };
    struct voter_set over = set->change != VOTER_NONE ? voters_settled(set) : *set;
    struct note *note = note_of(turn, NOTE_VOTERS, set->node);
    note->a = (int64_t)set->version;
    note->b = set->change;
    note->c = set_size(over.voters);
    if (ordered)
        answer(v, turn, ANSWER_ACCEPTED, (int64_t)set->version);
    else if (here)
        answer(v, turn, ANSWER_CHANGING, 0);
    return true;
}

bool voter_register_told(struct voter_register *v, struct turn *turn, const struct voter_set *set)
{
    return voters_valid(set, turn->config->node_count) && take(v, turn, set);
}

void voter_register_stored(struct voter_register *v, const struct turn *turn, node_id voter, uint64_t version)
{
    if (version != v->d.set.version)
        return;
    v->stored_by = (node_set)(v->stored_by | node_bit(voter));
    if (v->stored_at.us == 0 && electorate_has(turn->voters, v->stored_by))
        v->stored_at = turn->now;
}

/* ---- a voter's part ---- */

static void on_prepare(struct voter_register *v, struct turn *turn, node_id from, struct ballot ballot)
{
    saw(v, ballot);
    if (ballot_compare(ballot, v->d.promised) < 0) {
        *say(turn, node_bit(from), true, MESSAGE_VOTERS_REJECT) =
            (struct message_voters){ .ballot = ballot, .promised = v->d.promised };
        return;
    }
    v->d.promised = ballot;
    *turn->persist = true;
    *say(turn, node_bit(from), true, MESSAGE_VOTERS_PROMISE) =
        (struct message_voters){ .ballot = ballot, .report = v->d.accepted };
}

static void on_accept(struct voter_register *v, struct turn *turn, node_id from, const struct message_voters *m)
{
    saw(v, m->ballot);
    if (ballot_compare(m->ballot, v->d.promised) < 0) {
        *say(turn, node_bit(from), true, MESSAGE_VOTERS_REJECT) =
            (struct message_voters){ .ballot = m->ballot, .promised = v->d.promised };
        return;
    }
    bool other = v->d.accepted.present && ballot_compare(v->d.accepted.ballot, m->ballot) == 0 &&
                 !voters_equal(&v->d.accepted.set, &m->report.set);
    if (other || !m->report.present || !voters_valid(&m->report.set, turn->config->node_count) ||
        !voters_follows(&v->d.set, &m->report.set)) {
        note_of(turn, NOTE_MESSAGE_REFUSED, from)->a = MESSAGE_VOTERS_ACCEPT;
        return;
    }
    v->d.promised = m->ballot;
    v->d.accepted = (struct voter_report){ true, m->ballot, m->report.set };
    *turn->persist = true;
    say(turn, node_bit(from), true, MESSAGE_VOTERS_ACCEPTED)->ballot = m->ballot;
}

/* ---- our rounds ---- */

static void start_round(struct voter_register *v, struct turn *turn, const struct voter_set *goal)
{
    uint64_t counter = v->highest.counter > v->ballot.counter ? v->highest.counter : v->ballot.counter;
    int64_t round = ROUND_HEARTBEATS * turn->config->heartbeat_us;
    v->ballot.counter = counter + 1;
    v->ballot.restart = turn->ballots;
    v->round = VOTER_ROUND_PREPARING;
    v->learning = goal == NULL;
    v->goal = goal != NULL ? *goal : (struct voter_set){ 0 };
    v->promised = v->accepted = v->rejected = 0;
    v->best = (struct voter_report){ 0 };
    v->deadline = mono_after(turn->now, round > ROUND_MIN_US ? round : ROUND_MIN_US);
    say(turn, electorate_all(turn->voters), false, MESSAGE_VOTERS_PREPARE)->ballot = v->ballot;
}

static void back_off(struct voter_register *v, struct turn *turn)
{
    uint32_t losses = v->losses < VOTER_BACK_OFF_MAX ? v->losses : VOTER_BACK_OFF_MAX;
    int64_t unit = turn->config->heartbeat_us / 10 + US_PER_MS;
    v->round = VOTER_ROUND_IDLE;
    v->losses++;
    v->next_at = mono_after(turn->now, (unit << losses) / 2 + unit * turn_self(turn) / 2 +
                                           (int64_t)(turn_random(turn) % (uint64_t)unit));
}

/* A single decree: whatever a voter may have accepted goes on, our own only where nobody has anything. */
static void on_promise(struct voter_register *v, struct turn *turn, node_id from, const struct message_voters *m)
{
    if (v->round != VOTER_ROUND_PREPARING || ballot_compare(m->ballot, v->ballot) != 0 ||
        (m->report.present && !voters_follows(&v->d.set, &m->report.set)))
        return;
    v->promised = (node_set)(v->promised | node_bit(from));
    if (m->report.present && (!v->best.present || ballot_compare(m->report.ballot, v->best.ballot) > 0))
        v->best = m->report;
    if (!electorate_has(turn->voters, v->promised))
        return;
    if (!v->best.present && v->learning) {
        back_off(v, turn); /* nothing there that waits for its end */
        return;
    }
    v->round = VOTER_ROUND_ACCEPTING;
    v->value = v->best.present ? v->best.set : v->goal;
    struct message_voters *accept = say(turn, electorate_all(turn->voters), false, MESSAGE_VOTERS_ACCEPT);
    *accept = (struct message_voters){ .ballot = v->ballot, .report = { true, v->ballot, v->value } };
}

static bool on_accepted(struct voter_register *v, struct turn *turn, node_id from, struct ballot ballot)
{
    if (v->round != VOTER_ROUND_ACCEPTING || ballot_compare(ballot, v->ballot) != 0)
        return false;
    v->accepted = (node_set)(v->accepted | node_bit(from));
    if (!electorate_has(turn->voters, v->accepted))
        return false;
    struct voter_set chosen = v->value;
    return take(v, turn, &chosen);
}

static void on_reject(struct voter_register *v, struct turn *turn, node_id from, const struct message_voters *m)
{
    saw(v, m->promised);
    if (v->round == VOTER_ROUND_IDLE || ballot_compare(m->ballot, v->ballot) != 0)
        return;
    v->rejected = (node_set)(v->rejected | node_bit(from));
    if (electorate_lost(turn->voters, v->rejected))
        back_off(v, turn);
}

/* Whose question or vote it is was looked at by node.c: the versions are the same, and a voter's word is that of
 * the identity that has the vote. */
bool voter_register_message(struct voter_register *v, struct turn *turn, const struct message *m)
{
    const struct message_voters *said = &m->as.voters;
    if (m->kind == MESSAGE_VOTERS_ACCEPTED)
        return on_accepted(v, turn, m->from, said->ballot);
    if (m->kind == MESSAGE_VOTERS_PROMISE)
        on_promise(v, turn, m->from, said);
    else if (m->kind == MESSAGE_VOTERS_REJECT)
        on_reject(v, turn, m->from, said);
    else if (m->kind == MESSAGE_VOTERS_PREPARE && turn->voting)
        on_prepare(v, turn, m->from, said->ballot);
    else if (m->kind == MESSAGE_VOTERS_ACCEPT && turn->voting)
        on_accept(v, turn, m->from, said);
    return false;
}

/* ---- a person's order ---- */

static void reply(struct turn *turn, node_id to, const struct message_order_reply *said)
{
    if (to == turn_self(turn))
        effects_add(turn->effects, EFFECT_REPLY)->as.reply = *said;
    else
        effects_send(turn->effects, node_bit(to), false, MESSAGE_VOTER_REPLY, SERVICE_NONE)->as.order_reply = *said;
}

static void answer(struct voter_register *v, struct turn *turn, enum order_answer said, int64_t value)
{
    struct pending_voter_order *o = &v->order;
    o->active = false;
    if (said != ANSWER_ACCEPTED) {
        struct note *note = note_of(turn, NOTE_VOTER_REFUSED, o->order.node);
        note->a = said;
        note->b = value;
    }
    reply(turn, o->from, &(struct message_order_reply){ .ticket = o->ticket, .answer = said, .value = value });
}

/* The set with the change under way, with every identity that is known: of voters that vote now. */
static struct voter_set goal_of(const struct voter_register *v, const struct voter_order *order,
                                const struct voter_witness *witness)
{
    struct voter_set goal = voters_changing(&v->d.set, order->change, order->node, witness->identities[order->node]);
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (n != order->node && goal.identity[n] == 0 && node_in((node_set)(goal.voters & witness->voting), n))
            goal.identity[n] = witness->identities[n];
    return goal;
}

/* ANSWER_ACCEPTED: the change makes sense. */
static enum order_answer judge(const struct voter_register *v, const struct voter_order *order,
                               const struct voter_witness *witness)
{
    const struct voter_set *set = &v->d.set;
    uint64_t identity = witness->identities[order->node];
    bool member = node_in(set->voters, order->node);
    bool comes = order->change != VOTER_REMOVE;
    if (order->change == VOTER_ADD && member)
        return ANSWER_VOTES_ALREADY;
    if (order->change != VOTER_ADD && !member)
        return ANSWER_NO_VOTER;
    if (comes && (!node_in(witness->able, order->node) || identity == 0))
        return ANSWER_NO_STORE_THERE;
    /* Who votes need not be replaced. And a store that has the vote and is mute (it was rolled back, or has not been
     * confirmed yet) is no other voter: what it forgot does not come back by a new name for it. */
    if (order->change == VOTER_REPLACE &&
        (node_in(witness->voting, order->node) || witness->former[order->node] == identity))
        return ANSWER_VOTES_ALREADY;
    if (order->change == VOTER_REMOVE && set_size(set->voters) <= VOTERS_MIN)
        return ANSWER_TOO_FEW;
    if (order->change == VOTER_ADD && set_size(set->voters) >= POLICY_VOTERS_MAX)
        return ANSWER_TOO_MANY;
    return ANSWER_ACCEPTED;
}

/* The first of those who vote; one to which our road is up before one that is only heard, by a road of its own. */
static node_id first_that_votes(const struct turn *turn, node_set voting)
{
    node_id heard = NODE_NONE;
    for (node_id n = 0; n < turn->config->node_count; n++) {
        if (n == turn_self(turn) || !node_in(voting, n))
            continue;
        if (turn->peers[n].linked)
            return n;
        heard = heard == NODE_NONE ? n : heard;
    }
    return heard;
}

/* We may not propose: somebody who votes carries out what is ordered here. What others forward goes no further. */
static void forward(struct voter_register *v, struct turn *turn, node_set voting)
{
    struct pending_voter_order *o = &v->order;
    o->executor = o->from == turn_self(turn) ? first_that_votes(turn, voting) : NODE_NONE;
    if (o->executor == NODE_NONE)
        answer(v, turn, ANSWER_MUTE, 0);
    else
        effects_send(turn->effects, node_bit(o->executor), false, MESSAGE_VOTER_ORDER, SERVICE_NONE)->as.voter_order =
            (struct message_voter_order){ o->ticket, o->order };
}

void voter_register_reply(struct voter_register *v, struct turn *turn, node_id from,
                          const struct message_order_reply *said)
{
    const struct pending_voter_order *o = &v->order;
    if (o->active && o->executor == from && said->ticket == o->ticket)
        answer(v, turn, said->answer, said->value);
}

void voter_register_order(struct voter_register *v, struct turn *turn, node_id from, uint64_t ticket,
                          const struct voter_order *order, const struct voter_witness *witness,
                          const struct voter_grounds *grounds)
{
    struct note *note = note_of(turn, NOTE_VOTER_ORDER, order->node);
    note->a = order->change;
    note->b = from;
    note->detail = order->by;
    if (v->order.active) { /* one at a time; the first one is not disturbed */
        reply(turn, from, &(struct message_order_reply){ .ticket = ticket, .answer = ANSWER_CHANGING });
        return;
    }
    v->order = (struct pending_voter_order){
        .active = true,
        .from = from,
        .ticket = ticket,
        .executor = NODE_NONE,
        .order = *order,
        .version = v->d.set.version,
        .deadline = mono_after(turn->said_at, VOTER_ORDER_DEADLINE_US),
    };
    if (order->change == VOTER_NONE || order->change >= VOTER_CHANGE_COUNT || order->node >= turn->config->node_count) {
        answer(v, turn, ANSWER_NO_VOTER, 0);
        return;
    }
    if (!turn->may_propose) {
        forward(v, turn, witness->voting);
        return;
    }
    if (voter_register_changing(v)) {
        answer(v, turn, ANSWER_CHANGING, 0);
        return;
    }
    enum order_answer said = judge(v, order, witness);
    if (said == ANSWER_ACCEPTED && !grounds->known)
        said = ANSWER_NO_LEDGER;
    if (said == ANSWER_ACCEPTED && !grounds->idle)
        said = ANSWER_OPERATION;
    if (said != ANSWER_ACCEPTED) {
        answer(v, turn, said, said == ANSWER_NO_LEDGER || said == ANSWER_OPERATION ? grounds->service : 0);
        return;
    }
    struct voter_set goal = goal_of(v, order, witness);
    /* Whoever comes needs a moment before it votes, and can; of the others only those that vote count. */
    node_set ready = witness->voting;
    if (order->change != VOTER_REMOVE)
        ready = (node_set)(ready | node_bit(order->node));
    if (!voters_valid(&goal, turn->config->node_count) || !electorate_has(voters_electorate(&goal), ready)) {
        answer(v, turn, ANSWER_NO_MAJORITY, 0);
        return;
    }
    v->round = VOTER_ROUND_IDLE;
    start_round(v, turn, &goal);
}

/* ---- going on by itself ---- */

/* When a change may end: all that voters.h names. Each node sees for itself, the one that began it first. */
static bool may_end(struct voter_register *v, const struct turn *turn, const struct voter_grounds *grounds,
                    struct mono_time *wake)
{
    bool ready = v->stored_at.us != 0 && grounds->known && grounds->held;
    if (ready && !mono_reached(turn->now, grounds->waited)) {
        *wake = mono_earlier(*wake, grounds->waited);
        ready = false;
    }
    if (!ready) {
        v->ready_at.us = 0;
        return false;
    }
    if (v->ready_at.us == 0)
        v->ready_at = turn->now;
    int64_t patience = v->ours ? 0 : (2 + turn_self(turn)) * turn->config->heartbeat_us;
    struct mono_time at = mono_after(v->ready_at, patience);
    if (!mono_reached(turn->now, at))
        *wake = mono_earlier(*wake, at);
    return mono_reached(turn->now, at);
}

/* Something was accepted here, and whoever put it forward may be gone. */
static bool waits_for_its_end(struct voter_register *v, const struct turn *turn, struct mono_time *wake)
{
    if (!v->d.accepted.present) {
        v->doubt_at.us = 0;
        return false;
    }
    if (v->doubt_at.us == 0)
        v->doubt_at = turn->now;
    struct mono_time at =
        mono_after(v->doubt_at, (VOTER_PATIENCE + turn_self(turn)) * turn->config->heartbeat_us);
    if (!mono_reached(turn->now, at))
        *wake = mono_earlier(*wake, at);
    return mono_reached(turn->now, at);
}

struct mono_time voter_register_run(struct voter_register *v, struct turn *turn, const struct voter_grounds *grounds)
{
    struct mono_time wake = MONO_NEVER;
    if (v->round != VOTER_ROUND_IDLE && mono_reached(turn->now, v->deadline))
        back_off(v, turn);
    if (v->order.active && mono_reached(turn->now, v->order.deadline))
        answer(v, turn, ANSWER_NO_QUORUM, 0); /* it may be chosen yet, or not */
    if (v->order.active)
        wake = mono_earlier(wake, v->order.deadline);
    if (v->round != VOTER_ROUND_IDLE)
        return mono_earlier(wake, v->deadline);
    bool end = voter_register_changing(v) && may_end(v, turn, grounds, &wake);
    bool settle = !end && waits_for_its_end(v, turn, &wake);
    bool here = v->order.active && v->order.executor == NODE_NONE;
    bool again = here && v->goal.version == v->d.set.version + 1 && !voter_register_changing(v);
    if (!turn->may_propose || !(end || settle || again))
        return wake;
    if (!mono_reached(turn->now, v->next_at))
        return mono_earlier(wake, v->next_at);
    struct voter_set goal = end ? voters_settled(&v->d.set) : v->goal;
    start_round(v, turn, end || again ? &goal : NULL);
    return mono_earlier(wake, v->deadline);
}
