/* register: one service's register as this node takes part in it: the voter's answers, our own rounds,
 * and learning what is chosen.
 *
 * Every answer that shows durable state is sent as durable and asks for a persist (effect.h), so nothing
 * that a majority may count leaves before it is on disk. What is chosen is counted by each node for
 * itself from the voters' reports (learner.h).
 */
#include "policy/quorum/majority.h"
#include "policy/service.h"

struct register_report register_report_of(const struct service *s, const struct turn *turn)
{
    return turn->voting ? s->acceptor.accepted : (struct register_report){ .present = false };
}

static void start_round(struct service *s, struct turn *turn, const struct ledger *goal)
{
    int64_t round = ROUND_HEARTBEATS * turn->config->heartbeat_us;
    struct mono_time deadline =
        mono_after(turn->now, round > ROUND_MIN_US ? round : ROUND_MIN_US);
    if (goal != NULL)
        proposer_start(&s->proposer, &s->learner, goal, deadline);
    else
        proposer_learn(&s->proposer, deadline);
    if (goal == NULL) /* whatever comes of it, not at once again */
        s->propose_at = mono_after(turn->now, turn->config->heartbeat_us);
    effects_send(turn->effects, electorate_all(turn->voters), false, MESSAGE_PREPARE, s->index)
        ->as.prepare.ballot = s->proposer.ballot;
    service_wake(s, s->proposer.deadline);
}

bool service_propose(struct service *s, struct turn *turn, const struct ledger *goal)
{
    if (s->proposer.state != PROPOSER_IDLE || !turn->may_propose)
        return false;
    if (!mono_reached(turn->now, s->propose_at)) {
        service_wake(s, s->propose_at);
        return false;
    }
    start_round(s, turn, goal);
    return true;
}

/* After a round that did not succeed: those with a lower number come back sooner, and jitter keeps
 * two of them from meeting again for ever. */
static void back_off(struct service *s, struct turn *turn)
{
    uint32_t losses = s->propose_losses < 6 ? s->propose_losses : 6;
    int64_t unit = turn->config->heartbeat_us / 10 + US_PER_MS;
    int64_t wait = (unit << losses) / 2 + unit * turn_self(turn) / 2;
    wait += (int64_t)(turn_random(turn) % (uint64_t)unit);
    s->propose_losses++;
    s->propose_at = mono_after(turn->now, wait);
    service_wake(s, s->propose_at);
}

static void round_ended(struct service *s, struct turn *turn, enum proposal_outcome outcome)
{
    switch (outcome) {
    case PROPOSAL_PENDING:
        return;
    case PROPOSAL_CHOSEN:
        s->wait_version = s->proposer.value.version;
        s->wait_until = s->proposer.wait_until;
        s->propose_losses = 0;
        return;
    case PROPOSAL_CONFLICT:
        s->propose_losses = 0;
        if (!s->proposer.learning)
            service_note(s, turn, NOTE_CONFLICT)->a = (int64_t)s->proposer.value.version;
        return;
    case PROPOSAL_REJECTED:
    case PROPOSAL_UNKNOWN:
    default:
        back_off(s, turn);
    }
}

/* A voter that missed the acceptance of what is known chosen takes it now, as if the proposer's
 * message had only been slow: same ballot, same value, and only if it promised nothing newer. */
static void catch_up(struct service *s, struct turn *turn, const struct register_report *report)
{
    const struct ledger *l = service_ledger(s);
    if (!turn->voting || !report->present || l == NULL)
        return;
    if (s->acceptor.accepted.present &&
        ballot_compare(report->ballot, s->acceptor.accepted.ballot) <= 0)
        return;
    if (!ledger_equal(&report->ledger, l))
        return;
    node_set same = 0;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (s->learner.reports[n].present &&
            ballot_compare(s->learner.reports[n].ballot, report->ballot) == 0)
            same = (node_set)(same | node_bit(n));
    if (!electorate_has(turn->voters, same))
        return; /* equal content at another ballot may not be chosen at this one */
    if (acceptor_accept(&s->acceptor, report->ballot, &report->ledger) == ACCEPTOR_YES)
        *turn->persist = true;
}

void register_learn(struct service *s, struct turn *turn, node_id voter,
                  const struct register_report *report)
{
    if (!report->present)
        return;
    proposer_saw(&s->proposer, report->ballot);
    if (voter == turn_self(turn) && !turn->member)
        return; /* the vote is another store's of this node, or nobody's */
    (void)learner_report(&s->learner, voter, report, turn->now);
    catch_up(s, turn, report);
}

static void on_prepare(struct service *s, struct turn *turn, node_id from,
                       const struct message_prepare *prepare)
{
    if (!turn->voting)
        return;
    proposer_saw(&s->proposer, prepare->ballot);
    if (acceptor_prepare(&s->acceptor, prepare->ballot) != ACCEPTOR_YES) {
        effects_send(turn->effects, node_bit(from), true, MESSAGE_REJECT, s->index)->as.reject =
            (struct message_reject){ prepare->ballot, s->acceptor.promised };
        return;
    }
    *turn->persist = true;
    effects_send(turn->effects, node_bit(from), true, MESSAGE_PROMISE, s->index)->as.promise =
        (struct message_promise){ prepare->ballot, s->acceptor.accepted };
}

static void on_accept(struct service *s, struct turn *turn, node_id from,
                      const struct message_accept *accept)
{
    if (!turn->voting)
        return;
    proposer_saw(&s->proposer, accept->ballot);
    enum acceptor_answer answer = acceptor_accept(&s->acceptor, accept->ballot, &accept->ledger);
    if (answer == ACCEPTOR_NONSENSE) {
        struct note *note = service_note(s, turn, NOTE_MESSAGE_REFUSED);
        note->node = from;
        note->a = MESSAGE_ACCEPT;
        return;
    }
    if (answer == ACCEPTOR_NO) {
        effects_send(turn->effects, node_bit(from), true, MESSAGE_REJECT, s->index)->as.reject =
            (struct message_reject){ accept->ballot, s->acceptor.promised };
        return;
    }
    *turn->persist = true;
    /* The age is taken after accepting: from here no grant to the outgoing instance follows. */
    effects_send(turn->effects, turn_everyone(turn), true, MESSAGE_ACCEPTED, s->index)
        ->as.accepted = (struct message_accepted){
        .ballot = accept->ballot,
        .grant_age_us = acceptor_grant_age_us(&s->acceptor, turn->now),
        .report = s->acceptor.accepted,
    };
}

static void on_promise(struct service *s, struct turn *turn, node_id from,
                       const struct message_promise *promise)
{
    register_learn(s, turn, from, &promise->report);
    if (!proposer_promise(&s->proposer, &s->learner, from, promise))
        return;
    effects_send(turn->effects, electorate_all(turn->voters), false, MESSAGE_ACCEPT, s->index)->as.accept =
        (struct message_accept){ s->proposer.ballot, s->proposer.value };
}

static void on_accepted(struct service *s, struct turn *turn, node_id from,
                        const struct message_accepted *accepted)
{
    register_learn(s, turn, from, &accepted->report);
    round_ended(s, turn,
                proposer_accepted(&s->proposer, &s->learner, from, accepted, turn->now));
}

static void on_renew(struct service *s, struct turn *turn, node_id from,
                     const struct message_renew *renew)
{
    if (!turn->voting || renew->instance.node != from)
        return;
    bool yes = !glass_refuses(s, turn, renew) &&
               acceptor_renew(&s->acceptor, renew, turn->now) == ACCEPTOR_YES;
    effects_send(turn->effects, node_bit(from), true, yes ? MESSAGE_GRANT : MESSAGE_REFUSE,
                 s->index)
        ->as.grant = (struct message_grant){ renew->instance, renew->epoch, renew->nonce,
                                             s->acceptor.accepted };
}

static void on_release(struct service *s, struct turn *turn, node_id from,
                       const struct message_release *release)
{
    if (release->instance.node != from)
        return;
    if (turn->voting)
        acceptor_release(&s->acceptor, release);
    struct remote *r = &s->remotes[from];
    r->heard = true;
    r->instance = release->instance;
    if (release->epoch > r->released_epoch)
        r->released_epoch = release->epoch;
}

/* The very first value: proposed by the initial writer's first guard, with a vote or without, once a majority
 * votes and its database is seen to be a primary. An empty register on a majority of voters means a new
 * service; lost disks don't look like that, their voters are mute (vote.c) and promise nothing. */
static void run_bootstrap(struct service *s, struct turn *turn)
{
    const struct sighting *own = &s->health.sightings[s->home][turn_self(turn)];
    if (s->learner.known || !s->guard.mine || !s->guard.ready || !turn->may_propose ||
        s->home != s->policy->initial_writer || !own->known || own->facts.in_recovery)
        return;
    node_set guards = s->policy->regions[s->home].guards;
    for (node_id n = 0; n < turn_self(turn); n++)
        if (node_in(guards, n) && turn_heard(turn, n))
            return;
    if (!electorate_has(turn->voters, turn_heard_set(turn)))
        return;
    struct ledger goal = ledger_first(s->policy, s->guard.self);
    (void)service_propose(s, turn, &goal);
}

bool register_is_behind(const struct service *s)
{
    const struct register_report *own = &s->acceptor.accepted;
    const struct ledger *l = service_ledger(s);
    return l != NULL && (!own->present || own->ledger.version < l->version ||
                         (own->ledger.version == l->version && !ledger_equal(&own->ledger, l)));
}

/* Something was accepted somewhere that this node does not know the fate of: voters report it at
 * different ballots, or a peer knows more than we do. Waiting may last for ever (who put it forward
 * may be gone), so after a while a round without a goal settles it. */
static bool has_to_learn(const struct service *s, const struct turn *turn)
{
    uint64_t known = s->learner.known ? s->learner.chosen.version : 0;
    bool blocked = s->learner.known && s->learner.chosen.writer != REGION_NONE &&
                   !guard_is_leased(s, turn, &s->learner.chosen);
    /* One that is left behind what is chosen, since it promised more than that, grants nothing, and the next
     * voter that is lost would stop the service. So it has the value put forward again by itself. */
    if (turn->voting && register_is_behind(s))
        return true;
    /* A change of the voters ends only on top of what majorities of both sets hold at one ballot (voters.h). */
    if (turn->changing && s->learner.known && !learner_holds(&s->learner))
        return true;
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct register_report *report = &s->learner.reports[n];
        bool heard = turn_heard(turn, n);
        if (heard && s->remotes[n].heard && s->remotes[n].known_version > known)
            return true;
        if (heard && !s->learner.known && report->present)
            return true;
        /* A voter grants by what it accepted. A newer value that a minority accepted does no harm while the
         * writer has its lease, and its time comes with the next change. Where such voters are missing to a
         * majority that would grant, it has to be settled now. */
        bool votes = n == turn_self(turn) ? turn->voting : s->remotes[n].voting;
        if (heard && votes && blocked && node_in(electorate_all(turn->voters), n) &&
            (!report->present || !ledger_equal(&report->ledger, &s->learner.chosen)))
            return true;
    }
    return false;
}

static void run_learn(struct service *s, struct turn *turn)
{
    if (!turn->may_propose || !has_to_learn(s, turn)) {
        s->ignorant_since.us = 0;
        s->learn_rounds = 0;
        return;
    }
    if (s->ignorant_since.us == 0)
        s->ignorant_since = turn->now;
    /* Later nodes give earlier ones their turn; the gossip of a heartbeat mostly answers it anyway. A round
     * may help nobody (a voter that is heard and does not hear), so the next ones come ever later. */
    uint32_t rounds = s->learn_rounds < LEARN_BACK_OFF_MAX ? s->learn_rounds : LEARN_BACK_OFF_MAX;
    int64_t patience = (2 + turn_self(turn)) * turn->config->heartbeat_us << rounds;
    struct mono_time at = mono_later(mono_after(s->ignorant_since, patience), s->propose_at);
    if (s->proposer.state != PROPOSER_IDLE)
        return;
    if (!mono_reached(turn->now, at)) {
        service_wake(s, at);
        return;
    }
    s->ignorant_since = turn->now;
    s->learn_rounds++;
    start_round(s, turn, NULL);
}

void register_message(struct service *s, struct turn *turn, const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_PREPARE: on_prepare(s, turn, m->from, &m->as.prepare); break;
    case MESSAGE_PROMISE: on_promise(s, turn, m->from, &m->as.promise); break;
    case MESSAGE_ACCEPT: on_accept(s, turn, m->from, &m->as.accept); break;
    case MESSAGE_ACCEPTED: on_accepted(s, turn, m->from, &m->as.accepted); break;
    case MESSAGE_REJECT:
        round_ended(s, turn, proposer_reject(&s->proposer, &s->learner, m->from, &m->as.reject));
        break;
    case MESSAGE_RENEW: on_renew(s, turn, m->from, &m->as.renew); break;
    case MESSAGE_GRANT:
        register_learn(s, turn, m->from, &m->as.grant.report);
        guard_granted(s, turn, m->from, &m->as.grant);
        break;
    case MESSAGE_REFUSE: register_learn(s, turn, m->from, &m->as.grant.report); break;
    case MESSAGE_RELEASE: on_release(s, turn, m->from, &m->as.release); break;
    case MESSAGE_CONFIRM:
    case MESSAGE_VERDICT:
    case MESSAGE_GOSSIP:
    case MESSAGE_ORDER:
    case MESSAGE_ORDER_REPLY:
    case MESSAGE_GENERATION:
    case MESSAGE_VOTERS:
    case MESSAGE_VOTERS_PREPARE:
    case MESSAGE_VOTERS_PROMISE:
    case MESSAGE_VOTERS_ACCEPT:
    case MESSAGE_VOTERS_ACCEPTED:
    case MESSAGE_VOTERS_REJECT:
    case MESSAGE_VOTER_ORDER:
    case MESSAGE_VOTER_REPLY:
    case MESSAGE_KIND_COUNT:
    default: break;
    }
}

void register_tick(struct service *s, struct turn *turn)
{
    round_ended(s, turn, proposer_tick(&s->proposer, turn->now));
    if (s->proposer.state != PROPOSER_IDLE)
        service_wake(s, s->proposer.deadline);
}

void register_run(struct service *s, struct turn *turn)
{
    run_bootstrap(s, turn);
    run_learn(s, turn);
}
