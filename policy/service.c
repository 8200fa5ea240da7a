/* Composing one service: see service.h. Each message goes to the part that it is for; after each event
 * every part runs once, in a fixed order.
 */
#include "policy/service.h"

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

node_set turn_heard_set(const struct turn *turn)
{
    node_set heard = 0;
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (turn_heard(turn, n))
            heard = (node_set)(heard | node_bit(n));
    return heard;
}

bool service_able(const struct service *s, const struct turn *turn, node_id node)
{
    if (node == turn_self(turn))
        return turn->may_propose;
    if (!turn_heard(turn, node))
        return false;
    const struct remote *r = &s->remotes[node];
    bool mute = node_in(electorate_all(turn->voters), node) && r->heard && !r->voting;
    return !mute ||
           mono_since(turn->now, r->mute_since) <= SILENT_HEARTBEATS * turn->config->heartbeat_us;
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

/* What was seen before the grant may be of a former life of that database. Seen since is a look that was taken when the
 * grant was known here, or one that shows a timeline which only a promotion since can have begun. The timeline alone
 * would not do: a person may send the service back, by name, to a region whose database is a primary still, of an
 * older timeline than the other's. Nothing is promoted there; it opens, and writes on in that one. */
bool service_seen_primary(const struct service *s, region_id region)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        const struct sighting *seen = &s->health.sightings[region][n];
        bool since = s->health.series_region == region || seen->at.us > s->guard_known_at.us ||
                     seen->facts.timeline > s->health.writer_series.timeline;
        if (seen->known && !seen->facts.in_recovery && since)
            return true;
    }
    return false;
}

/* ---- events ---- */

void service_message(struct service *s, struct turn *turn, const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_PREPARE:
    case MESSAGE_PROMISE:
    case MESSAGE_ACCEPT:
    case MESSAGE_ACCEPTED:
    case MESSAGE_REJECT:
    case MESSAGE_RENEW:
    case MESSAGE_GRANT:
    case MESSAGE_REFUSE:
    case MESSAGE_RELEASE: register_message(s, turn, m); break;
    case MESSAGE_CONFIRM: gossip_confirm(s, turn, m->from, &m->as.confirm); break;
    case MESSAGE_VERDICT: candidate_verdict(s, turn, m->from, &m->as.verdict); break;
    case MESSAGE_GOSSIP: gossip_take(s, turn, m->from, &m->as.gossip); break;
    case MESSAGE_ORDER: order_message(s, turn, m); break;
    case MESSAGE_ORDER_REPLY: order_reply(s, turn, &m->as.order_reply); break;
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

void service_sample(struct service *s, struct turn *turn, const struct sample *sample)
{
    if (sample->check < s->policy->check_count)
        watch_sample(s, turn, sample);
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
    else if (result->key.step == STEP_FOLLOW)
        follow_act_done(s, turn, result);
    else if (result->key.step == STEP_GLASS)
        glass_act_done(s, turn, result);
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
    s->unnamed = turn->brand_new;
    acceptor_init(&s->acceptor, durable->promised, &durable->accepted, turn->now);
    learner_init(&s->learner, turn->voters);
    proposer_init(&s->proposer, turn_self(turn), turn->ballots);
    proposer_saw(&s->proposer, durable->promised);
    int64_t gap = policy->rpo_us / (LOSS_SAMPLES / 2);
    loss_init(&s->health.writer_series,
              gap > turn->config->heartbeat_us ? gap : turn->config->heartbeat_us);
    s->health.series_region = REGION_NONE;
    s->confirm.shut_noted = s->scheduled_shut = GATE_COUNT;
    glass_init(s, turn, durable->marks);
    guard_init(s, turn, held_until);
    s->gossip_now = s->gossip_ask = true;
    s->next_gossip = turn->now;
    /* What is on our disk is one voter's report. What we accept from now on is learned from our own
     * ACCEPTED, which comes back to us only after it is on disk too. */
    register_learn(s, turn, turn_self(turn), &durable->accepted);
}

/* Our own voter's word stays where it is what our voter has accepted: it was learnt from the disk. Should that be
 * behind, what is on its way to us was said under the former set, and a round of the new one brings it again. */
void service_voters_changed(struct service *s, struct turn *turn)
{
    node_id self = turn_self(turn);
    const struct register_report *own = &s->learner.reports[self], *has = &s->acceptor.accepted;
    bool same = own->present && has->present && ballot_compare(own->ballot, has->ballot) == 0;
    learner_voters(&s->learner, turn->voters, turn->member && same ? self : NODE_NONE);
    proposer_stop(&s->proposer);
    s->proposer.ballot.restart = turn->ballots;
    lease_voters_changed(&s->guard.lease);
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        /* Until it says so under this set; with that comes what it has accepted. */
        s->remotes[n].voting = false;
        s->remotes[n].mute_since = turn->now;
    }
    s->guard.next_renew = mono_earlier(s->guard.next_renew, turn->now);
    s->gossip_now = true;
}

bool service_is_held(const struct service *s)
{
    return learner_holds(&s->learner);
}

/* Of a service that had no writer yet: a database that waits to be named before it starts (born fenced) had no
 * reason to be up, so what its checks saw until now says nothing against the writer. */
static void forget_unnamed(struct service *s, const struct ledger *l)
{
    if (s->unnamed)
        watch_forget(s, l->writer);
    s->unnamed = false;
}

/* At every node that saw it run, however late it hears of the end: both times are the ledger's own. */
static void note_ended(struct service *s, struct turn *turn, const struct ledger *l)
{
    int64_t took = l->last_finished.us - s->noted_begun.us;
    if (s->noted_begun.us == 0 || l->operation.kind != OPERATION_NONE)
        return;
    s->noted_begun.us = 0;
    if (l->last_operation != s->noted_operation || took < 0)
        return; /* another's end, or a calendar was set meanwhile */
    struct note *note = service_note(s, turn, NOTE_OPERATION_ENDED);
    note->operation = l->last_operation;
    note->region = l->writer;
    note->a = took;
    note->b = l->last_outcome == OUTCOME_DONE;
}

static void note_chosen(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (l == NULL || l->version == s->noted_version)
        return;
    s->noted_version = l->version;
    forget_unnamed(s, l);
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
    note_ended(s, turn, l);
    if (l->operation.kind == OPERATION_NONE || l->operation.id == s->noted_operation)
        return;
    s->noted_operation = l->operation.id;
    s->noted_begun.us = operation_moves(l->operation.kind) ? l->operation.begun.us : 0;
    struct note *seen = service_note(s, turn, NOTE_OPERATION_SEEN);
    seen->operation = l->operation.id;
    seen->region = l->operation.to;
    seen->node = l->operation.executor;
    seen->a = l->operation.kind;
    seen->b = l->operation.from;
    seen->c = l->operation.forced;
    seen->detail = l->operation.said.why;
}

#define PASSES_MAX 4

void service_run(struct service *s, struct turn *turn)
{
    /* A part that wants to be called at once gets another pass in the same step, a few times at
     * most; what is left over comes with the timer. */
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        s->timer_at = MONO_NEVER;
        register_tick(s, turn);
        note_chosen(s, turn);
        word_notes(s, turn);
        watch_run(s, turn);
        register_run(s, turn);
        order_run(s, turn);
        approval_run(s, turn);
        candidate_run(s, turn);
        scheduled_run(s, turn);
        operation_run_step(s, turn);
        glass_run(s, turn);
        guard_run(s, turn);
        follow_run(s, turn);
        gossip_run(s, turn);
        if (!mono_reached(turn->now, s->timer_at))
            break;
    }
}
