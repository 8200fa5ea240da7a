/* Composing one service: see service.h. Messages of the register are answered here; everything
 * else is handed to the part that it is for. */
#include "policy/service.h"

#include "policy/quorum/majority.h"

/* ---- shared words ---- */

uint64_t turn_random(struct turn *turn)
{
    /* xorshift64* (Vigna 2016): for jitter and operation ids, not for secrets. */
    uint64_t x = *turn->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *turn->random = x;
    return x * UINT64_C(2685821657736338717);
}

bool turn_heard(const struct turn *turn, node_id node)
{
    if (node == turn_self(turn))
        return true;
    if (node >= turn->config->node_count)
        return false;
    const struct peer *peer = &turn->peers[node];
    return peer->heard && mono_since(turn->now, peer->heard_at) <=
                              SILENT_HEARTBEATS * turn->config->heartbeat_us;
}

node_set turn_heard_set(const struct turn *turn)
{
    node_set heard = 0;
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (turn_heard(turn, n))
            heard = (node_set)(heard | node_bit(n));
    return heard;
}

struct note *service_note(struct service *s, struct turn *turn, enum note_kind kind)
{
    const struct ledger *l = service_ledger(s);
    struct note *note = &effects_add(turn->effects, EFFECT_NOTE)->as.note;
    *note = (struct note){
        .kind = kind,
        .service = s->index,
        .region = REGION_NONE,
        .node = NODE_NONE,
        .check = CHECK_NONE,
        .epoch = l != NULL ? l->epoch : 0,
        .operation = s->run.active ? s->run.id : l != NULL ? l->operation.id : 0,
    };
    return note;
}

void policy_text_set(struct policy_text *text, const char *words)
{
    size_t i = 0;
    for (; words[i] != '\0' && i + 1 < sizeof text->s; i++)
        text->s[i] = words[i];
    text->s[i] = '\0';
}

const struct sighting *service_sighting(const struct service *s, region_id region,
                                        node_id *observer)
{
    const struct sighting *newest = NULL;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        const struct sighting *seen = &s->health.sightings[region][n];
        if (!seen->known || (newest != NULL && seen->at.us <= newest->at.us))
            continue;
        newest = seen;
        if (observer != NULL)
            *observer = n;
    }
    return newest;
}

bool service_seen_primary(const struct service *s, region_id region)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        const struct sighting *seen = &s->health.sightings[region][n];
        bool newer = s->health.series_region == region ||
                     seen->facts.timeline > s->health.writer_series.timeline;
        if (seen->known && !seen->facts.in_recovery && newer)
            return true;
    }
    return false;
}

/* ---- the register ---- */

static struct register_report own_report(const struct service *s, const struct turn *turn)
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
    effects_send(turn->effects, turn->config->voters, false, MESSAGE_PREPARE, s->index)
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
    case PROPOSAL_CONFLICT: {
        struct note *note = service_note(s, turn, NOTE_CONFLICT);
        note->a = (int64_t)s->proposer.value.version;
        s->propose_losses = 0;
        return;
    }
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
    if (!turn->voting || !report->present || l == NULL || !ledger_equal(&report->ledger, l))
        return;
    if (s->acceptor.accepted.present &&
        ballot_compare(report->ballot, s->acceptor.accepted.ballot) <= 0)
        return;
    node_set same = 0;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (s->learner.reports[n].present &&
            ballot_compare(s->learner.reports[n].ballot, report->ballot) == 0)
            same = (node_set)(same | node_bit(n));
    if (!majority_has(turn->config->voters, same))
        return; /* equal content at another ballot may not be chosen at this one */
    if (acceptor_accept(&s->acceptor, report->ballot, &report->ledger) == ACCEPTOR_YES)
        *turn->persist = true;
}

static void learn(struct service *s, struct turn *turn, node_id voter,
                  const struct register_report *report)
{
    if (!report->present)
        return;
    proposer_saw(&s->proposer, report->ballot);
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
    learn(s, turn, from, &promise->report);
    if (!proposer_promise(&s->proposer, &s->learner, from, promise))
        return;
    effects_send(turn->effects, turn->config->voters, false, MESSAGE_ACCEPT, s->index)->as.accept =
        (struct message_accept){ s->proposer.ballot, s->proposer.value };
}

static void on_accepted(struct service *s, struct turn *turn, node_id from,
                        const struct message_accepted *accepted)
{
    learn(s, turn, from, &accepted->report);
    round_ended(s, turn,
                proposer_accepted(&s->proposer, &s->learner, from, accepted, turn->now));
}

static void on_renew(struct service *s, struct turn *turn, node_id from,
                     const struct message_renew *renew)
{
    if (!turn->voting || renew->instance.node != from)
        return;
    bool yes = acceptor_renew(&s->acceptor, renew, turn->now) == ACCEPTOR_YES;
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

/* ---- gossip ---- */

static void fill_gossip_region(const struct service *s, const struct turn *turn, region_id region,
                               struct gossip_region *say)
{
    const struct region_verdict *v = &s->health.verdicts[region];
    const struct sighting *seen = &s->health.sightings[region][turn_self(turn)];
    *say = (struct gossip_region){
        .verdict = v->verdict,
        .reason = v->reason,
        .check = v->check,
        .standing_us = mono_since(turn->now, v->since),
        .detail = v->detail,
    };
    if (say->standing_us < 0)
        say->standing_us = 0;
    if (seen->known) {
        say->database = seen->facts;
        say->database_age_us = mono_since(turn->now, seen->at);
        if (say->database_age_us < 0)
            say->database_age_us = 0;
    }
}

static void send_gossip(struct service *s, struct turn *turn, node_set to, bool ask)
{
    const struct guard *g = &s->guard;
    struct message *m = effects_send(turn->effects, to, true, MESSAGE_GOSSIP, s->index);
    m->as.gossip = (struct message_gossip){
        .ask = ask,
        .voting = turn->voting,
        .report = own_report(s, turn),
        .known_version = s->learner.known ? s->learner.chosen.version : 0,
        .settings = s->settings,
        .guard = g->mine,
        .guard_ready = g->mine && g->ready,
        .kernel = g->mine && g->kernel,
        .instance = g->self,
        .fence = g->fence,
        .lease_left_us = g->lease.deadline.us > 0 ? lease_left_us(&g->lease, turn->now) : 0,
        .released_epoch = g->released_epoch,
    };
    for (region_id r = 0; r < turn->config->region_count; r++)
        fill_gossip_region(s, turn, r, &m->as.gossip.regions[r]);
}

static void run_gossip(struct service *s, struct turn *turn)
{
    bool due = mono_reached(turn->now, s->next_gossip);
    if (due || s->gossip_now) {
        node_set others = (node_set)(turn_everyone(turn) & ~node_bit(turn_self(turn)));
        send_gossip(s, turn, others, s->gossip_ask);
        s->gossip_now = s->gossip_ask = false;
        s->next_gossip = mono_after(turn->now, turn->config->heartbeat_us);
    }
    service_wake(s, s->next_gossip);
}

static void on_gossip(struct service *s, struct turn *turn, node_id from,
                      const struct message_gossip *gossip)
{
    struct remote *r = &s->remotes[from];
    uint64_t released = instance_equal(r->instance, gossip->instance) ? r->released_epoch : 0;
    *r = (struct remote){
        .heard = true,
        .at = turn->now,
        .voting = gossip->voting,
        .guard = gossip->guard,
        .guard_ready = gossip->guard_ready,
        .kernel = gossip->kernel,
        .instance = gossip->instance,
        .fence = gossip->fence,
        .lease_until = mono_after(turn->now, gossip->lease_left_us),
        .released_epoch = gossip->released_epoch > released ? gossip->released_epoch : released,
        .known_version = gossip->known_version,
        .settings = gossip->settings,
    };
    learn(s, turn, from, &gossip->report);
    watch_gossip(s, turn, from, gossip);
    if (gossip->ask)
        send_gossip(s, turn, node_bit(from), false);
}

static void on_confirm(struct service *s, struct turn *turn, node_id from,
                       const struct message_confirm *confirm)
{
    if (confirm->region >= turn->config->region_count)
        return;
    /* Judged now: thresholds and self-distrust at this very moment, not as last told. */
    watch_run(s, turn);
    const struct region_verdict *v = &s->health.verdicts[confirm->region];
    effects_send(turn->effects, node_bit(from), false, MESSAGE_VERDICT, s->index)->as.verdict =
        (struct message_verdict){ confirm->region, confirm->nonce, v->verdict, v->reason,
                                  mono_since(turn->now, v->since) };
}

/* ---- events ---- */

void service_message(struct service *s, struct turn *turn, const struct message *m)
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
        learn(s, turn, m->from, &m->as.grant.report);
        guard_granted(s, turn, m->from, &m->as.grant);
        break;
    case MESSAGE_REFUSE: learn(s, turn, m->from, &m->as.grant.report); break;
    case MESSAGE_RELEASE: on_release(s, turn, m->from, &m->as.release); break;
    case MESSAGE_CONFIRM: on_confirm(s, turn, m->from, &m->as.confirm); break;
    case MESSAGE_VERDICT: candidate_verdict(s, turn, m->from, &m->as.verdict); break;
    case MESSAGE_GOSSIP: on_gossip(s, turn, m->from, &m->as.gossip); break;
    case MESSAGE_ORDER:
        order_take(s, turn, m->from, m->as.order.ticket, &m->as.order.order);
        break;
    case MESSAGE_ORDER_REPLY: order_reply(s, turn, &m->as.order_reply); break;
    case MESSAGE_GENERATION:
    case MESSAGE_KIND_COUNT:
    default: break;
    }
}

void service_sample(struct service *s, struct turn *turn, const struct sample *sample)
{
    if (sample->check >= s->policy->check_count)
        return;
    const struct check_policy *policy = &s->policy->checks[sample->check];
    threshold_sample(&s->health.thresholds[sample->check], policy, sample);
    if (sample->database.known)
        s->health.sightings[policy->region][turn_self(turn)] =
            (struct sighting){ true, sample->at, sample->database };
}

void service_order(struct service *s, struct turn *turn, uint64_t ticket,
                   const struct order *order)
{
    order_take(s, turn, turn_self(turn), ticket, order);
}

void service_guard_ready(struct service *s, struct turn *turn, bool ready, bool kernel)
{
    (void)turn;
    /* An enforced fence is one that the kernel enforces: without it there is none to lease on. */
    ready = ready && (kernel || s->policy->fence != FENCE_ENFORCED);
    s->gossip_now = s->gossip_now || s->guard.ready != ready || s->guard.kernel != kernel;
    s->guard.ready = ready;
    s->guard.kernel = kernel;
}

void service_act_done(struct service *s, struct turn *turn, const struct act_result *result)
{
    if (result->key.step == STEP_GUARD)
        guard_act_done(s, turn, result);
    else
        operation_act_done(s, turn, result);
}

/* ---- composing ---- */

void service_init(struct service *s, struct turn *turn, uint8_t index,
                  const struct durable_service *durable, struct mono_time held_until)
{
    const struct service_policy *policy = &turn->config->services[index];
    *s = (struct service){ 0 };
    s->index = index;
    s->policy = policy;
    s->home = turn->config->region_of[turn_self(turn)];
    s->settings = policy->settings;
    s->start = turn->now;
    acceptor_init(&s->acceptor, durable->promised, &durable->accepted, turn->now);
    learner_init(&s->learner, turn->config->voters);
    proposer_init(&s->proposer, turn_self(turn), turn->restarts);
    proposer_saw(&s->proposer, durable->promised);
    int64_t gap = policy->rpo_us / (LOSS_SAMPLES / 2);
    loss_init(&s->health.writer_series,
              gap > turn->config->heartbeat_us ? gap : turn->config->heartbeat_us);
    s->health.series_region = REGION_NONE;
    s->confirm.shut_noted = GATE_COUNT;
    guard_init(s, turn, held_until);
    s->gossip_now = s->gossip_ask = true;
    s->next_gossip = turn->now;
    /* What is on our disk is one voter's report. What we accept from now on is learned from our own
     * ACCEPTED, which comes back to us only after it is on disk too. */
    learn(s, turn, turn_self(turn), &durable->accepted);
}

/* The very first value: proposed by the initial writer's first coordinator, once a majority votes
 * and its database is seen to be a primary. An empty register on a majority of voters means a new
 * service; lost disks don't look like that, their voters are mute (node.c). */
static void run_bootstrap(struct service *s, struct turn *turn)
{
    const struct sighting *own = &s->health.sightings[s->home][turn_self(turn)];
    if (s->learner.known || !s->guard.mine || !s->guard.ready || !turn->voting ||
        s->home != s->policy->initial_writer || !own->known || own->facts.in_recovery)
        return;
    node_set guards = s->policy->regions[s->home].guards;
    for (node_id n = 0; n < turn_self(turn); n++)
        if (node_in(guards, n) && turn_heard(turn, n))
            return;
    if (!majority_has(turn->config->voters, turn_heard_set(turn)))
        return;
    struct ledger goal = ledger_first(s->policy, s->guard.self);
    (void)service_propose(s, turn, &goal);
}

/* Something was accepted somewhere that this node does not know the fate of: voters report it at
 * different ballots, or a peer knows more than we do. Waiting may last for ever (who put it forward
 * may be gone), so after a while a round without a goal settles it. */
static bool has_to_learn(const struct service *s, const struct turn *turn)
{
    uint64_t known = s->learner.known ? s->learner.chosen.version : 0;
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct register_report *report = &s->learner.reports[n];
        bool heard = turn_heard(turn, n);
        if (heard && s->remotes[n].heard && s->remotes[n].known_version > known)
            return true;
        if (heard && !s->learner.known && report->present)
            return true;
    }
    return false;
}

static void run_learn(struct service *s, struct turn *turn)
{
    if (!turn->may_propose || !has_to_learn(s, turn)) {
        s->ignorant_since.us = 0;
        return;
    }
    if (s->ignorant_since.us == 0)
        s->ignorant_since = turn->now;
    /* Later nodes give earlier ones their turn; the gossip of a heartbeat mostly answers it anyway. */
    int64_t patience = (2 + turn_self(turn)) * turn->config->heartbeat_us;
    struct mono_time at = mono_later(mono_after(s->ignorant_since, patience), s->propose_at);
    if (s->proposer.state != PROPOSER_IDLE)
        return;
    if (!mono_reached(turn->now, at)) {
        service_wake(s, at);
        return;
    }
    start_round(s, turn, NULL);
}

static void note_chosen(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (l == NULL || l->version == s->noted_version)
        return;
    s->noted_version = l->version;
    if (s->noted_guard_epoch != l->guard_epoch)
        s->guard_known_at = turn->now;
    s->noted_guard_epoch = l->guard_epoch;
    struct note *note = service_note(s, turn, NOTE_CHOSEN);
    note->a = (int64_t)l->version;
    note->b = l->operation.phase;
    note->c = l->writer;
    note->region = l->writer;
    note->node = l->operation.executor;
    note->operation = l->operation.id;
    s->gossip_now = true;
    if (l->operation.kind == OPERATION_NONE || l->operation.id == s->noted_operation)
        return;
    s->noted_operation = l->operation.id;
    struct note *seen = service_note(s, turn, NOTE_OPERATION_SEEN);
    seen->operation = l->operation.id;
    seen->region = l->operation.to;
    seen->node = l->operation.executor;
    seen->a = l->operation.kind;
    seen->b = l->operation.from;
    seen->c = l->operation.forced;
}

#define PASSES_MAX 4

void service_run(struct service *s, struct turn *turn)
{
    /* A part that wants to be called at once gets another pass in the same step, a few times at
     * most; what is left over comes with the timer. */
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        s->timer_at = MONO_NEVER;
        round_ended(s, turn, proposer_tick(&s->proposer, turn->now));
        if (s->proposer.state != PROPOSER_IDLE)
            service_wake(s, s->proposer.deadline);
        note_chosen(s, turn);
        watch_run(s, turn);
        run_bootstrap(s, turn);
        run_learn(s, turn);
        order_run(s, turn);
        candidate_run(s, turn);
        operation_run_step(s, turn);
        guard_run(s, turn);
        run_gossip(s, turn);
        if (!mono_reached(turn->now, s->timer_at))
            break;
    }
}
