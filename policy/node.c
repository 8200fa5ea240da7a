/* node: compose and dispatch: an event, to the parts that it is for; and what they ask for, in the order in which the
 * shell carries it out. Whether this node may vote is said in vote.c, what a service does in service.c.
 */
#include "policy/node.h"

#include "policy/node_state.h"
#include "policy/vote.h"

#define TELL_GENERATION_TIMES 5

size_t node_size(uint8_t service_count)
{
    return sizeof(struct node) + service_count * sizeof(struct service);
}

enum mute_reason node_mute(const struct node *node)
{
    return node->mute;
}

const struct durable *node_durable(const struct node *node)
{
    return &node->durable;
}

static struct turn turn_for(struct node *node, struct mono_time now, struct wall_time wall,
                            struct effects *effects)
{
    return (struct turn){
        .now = now,
        .said_at = now,
        .wall = wall,
        .config = node->config,
        .voters = node->voters.electorate,
        .changing = voter_register_changing(&node->voters),
        .member = vote_is_member(node),
        .peers = node->peers,
        .moving = node->moving,
        .effects = effects,
        .random = &node->random,
        .brand_new = node->brand_new,
        .voting = node->mute == MUTE_NOT,
        .may_propose = vote_may_propose(node),
        .stores = node->sound && node->mute != MUTE_STORE_FAILED,
        .older = node->outdated,
        .restarts = node->restarts,
        .ballots = vote_ballots(node),
        .persist = &node->persist,
    };
}

/* When a message was said, by our clock. A process that is newer than all before may be on a machine that
 * was started anew, whose clock has nothing to do with the former one. (One with a new store counts from
 * the start; should its machine be new too, lateness.h gets over that by itself.) */
static struct mono_time said_at(struct peer *peer, const struct message *m, struct mono_time now)
{
    if (m->restarts > peer->most_restarts) {
        peer->lateness.known = false;
        peer->most_restarts = m->restarts;
    }
    return (struct mono_time){ now.us - lateness_of(&peer->lateness, m->sent_us, now) };
}

/* A voter that votes has the set on disk that its words carry: they were sent as durable. So have we when our own
 * word about it comes back. */
static bool says_stored(const struct node *node, const struct message *m)
{
    if (m->voters_version != node->voters.d.set.version || !voters_may_vote(&node->voters.d.set, m->from, m->identity))
        return false;
    if (m->from == node->config->self)
        return m->kind == MESSAGE_VOTERS && node->confirmed;
    return m->kind == MESSAGE_GOSSIP ? m->as.gossip.voting
                                     : m->kind == MESSAGE_PROMISE || m->kind == MESSAGE_ACCEPTED ||
                                           m->kind == MESSAGE_GRANT || m->kind == MESSAGE_VOTERS_PROMISE ||
                                           m->kind == MESSAGE_VOTERS_ACCEPTED;
}

/* What a message says of its sender's process and disk. A process that is new to us is told what we
 * know of its store before what it says now can change that. */
static void hear(struct node *node, const struct turn *turn, const struct message *m, struct mono_time said)
{
    struct peer *peer = &node->peers[m->from];
    /* A new store counts its restarts from the start, so by them alone it could look like the process before. */
    bool fresh = !peer->heard || peer->restarts != m->restarts || peer->identity != m->identity;
    bool gossip = m->kind == MESSAGE_GOSSIP;
    if (fresh) { /* the answer may be lost: it is given a few times */
        peer->former_generation = peer->seen_generation;
        peer->tell = TELL_GENERATION_TIMES;
    }
    bool tell = fresh || (gossip && (!m->as.gossip.voting || peer->tell > 0));
    if (tell && peer->tell > 0)
        peer->tell--;
    peer->heard = true;
    peer->heard_at = mono_later(peer->heard_at, said);
    peer->restarts = m->restarts;
    if (m->from != node->config->self && tell)
        vote_tell_generation(node, turn->effects, m->from);
    vote_remember_generation(node, m);
    if (peer->identity != m->identity) /* what another store's gossip said is not its vote: a change names who votes */
        peer->says_votes = false;
    peer->identity = m->identity;
    if (says_stored(node, m))
        voter_register_stored(&node->voters, turn, m->from, m->voters_version);
}

/* ---- the voters ---- */

/* A newer set of voters is known chosen. Everything that was counted by the former one is dropped, before anything
 * is counted by this one. */
static void voters_changed(struct node *node, struct turn *turn, uint64_t named_before)
{
    vote_voters_changed(node, turn->effects, named_before);
    struct turn fresh = turn_for(node, turn->now, turn->wall, turn->effects);
    for (uint8_t s = 0; s < node->config->service_count; s++) {
        service_voters_changed(&node->services[s], &fresh);
        node->due[s] = turn->now;
    }
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        node->peers[n].says_votes = false;
}

static void look_at_services(const struct node *node, struct mono_time stored_at, struct voter_grounds *g)
{
    *g = (struct voter_grounds){ true, true, true, SERVICE_NONE, stored_at };
    for (uint8_t s = 0; s < node->config->service_count; s++) {
        const struct ledger *l = service_ledger(&node->services[s]);
        bool known = l != NULL, idle = known && l->operation.kind == OPERATION_NONE;
        bool held = known && service_is_held(&node->services[s]);
        if (g->service == SERVICE_NONE && !(known && idle && held))
            g->service = s;
        g->known = g->known && known;
        g->idle = g->idle && idle;
        g->held = g->held && held;
        if (known)
            g->waited = mono_later(g->waited, lease_wait_until(l, 0, stored_at));
    }
}

/* Heard, by whatever it says: a link that is up proves nothing. */
static struct voter_witness witness_of(const struct node *node, const struct turn *turn)
{
    struct voter_witness w = { 0 };
    for (node_id n = 0; n < node->config->node_count; n++) {
        bool self = n == node->config->self;
        uint64_t named = voters_identity(&node->voters.d.set, n);
        w.identities[n] = self ? vote_identity(node) : node->peers[n].identity;
        w.former[n] = named != 0 ? named : node->durable.seen_identity[n];
        if (!turn_heard(turn, n))
            continue;
        if (w.identities[n] != 0)
            w.able = (node_set)(w.able | node_bit(n));
        if (self ? node->mute == MUTE_NOT : node->peers[n].says_votes)
            w.voting = (node_set)(w.voting | node_bit(n));
    }
    return w;
}

static void on_voter_order(struct node *node, struct turn *turn, node_id from, uint64_t ticket,
                           const struct voter_order *order)
{
    struct voter_grounds grounds;
    struct voter_witness witness = witness_of(node, turn);
    look_at_services(node, turn->now, &grounds);
    voter_register_order(&node->voters, turn, from, ticket, order, &witness, &grounds);
}

/* Forwarded by a node that may not propose. */
static void on_forwarded(struct node *node, struct turn *turn, const struct message *m)
{
    if (m->from != node->config->self &&
        order_is_new(&node->peers[m->from].voter_order, turn, m, VOTER_ORDER_DEADLINE_US))
        on_voter_order(node, turn, m->from, m->as.voter_order.ticket, &m->as.voter_order.order);
}

/* Whether what a message asks for or answers counts under the set in force: it was said under the same, and a vote is
 * the word of the identity that has it. */
static bool is_counted(const struct node *node, const struct message *m)
{
    bool same = m->voters_version == node->voters.d.set.version;
    bool votes = same && voters_may_vote(&node->voters.d.set, m->from, m->identity);
    switch (m->kind) {
    case MESSAGE_PREPARE:
    case MESSAGE_ACCEPT:
    case MESSAGE_RENEW:
    case MESSAGE_VOTERS_PREPARE:
    case MESSAGE_VOTERS_ACCEPT: return same;
    case MESSAGE_PROMISE:
    case MESSAGE_ACCEPTED:
    case MESSAGE_REJECT:
    case MESSAGE_GRANT:
    case MESSAGE_REFUSE:
    case MESSAGE_GOSSIP: /* what it says of its voter; the rest is news of anybody */
    case MESSAGE_VOTERS_PROMISE:
    case MESSAGE_VOTERS_ACCEPTED:
    case MESSAGE_VOTERS_REJECT: return votes;
    case MESSAGE_RELEASE:
    case MESSAGE_CONFIRM:
    case MESSAGE_VERDICT:
    case MESSAGE_ORDER:
    case MESSAGE_ORDER_REPLY:
    case MESSAGE_GENERATION:
    case MESSAGE_VOTERS:
    case MESSAGE_VOTER_ORDER:
    case MESSAGE_VOTER_REPLY:
    case MESSAGE_KIND_COUNT:
    default: return true;
    }
}

/* Who counts by another set is told ours: a newer one is taken, an older one answered with what is newer. */
static void tell_voters(struct node *node, struct turn *turn, const struct message *m)
{
    struct peer *peer = &node->peers[m->from];
    if (m->voters_version == node->voters.d.set.version || m->from == node->config->self ||
        (peer->told_at.us != 0 && mono_since(turn->now, peer->told_at) < turn->config->heartbeat_us / 2))
        return;
    peer->told_at = turn->now;
    effects_send(turn->effects, node_bit(m->from), true, MESSAGE_VOTERS, SERVICE_NONE)->as.voters.report =
        (struct voter_report){ true, BALLOT_ZERO, node->voters.d.set };
}

static void on_voters(struct node *node, struct turn *turn, const struct message *m)
{
    uint64_t named = voters_identity(&node->voters.d.set, node->config->self);
    bool newer = m->kind == MESSAGE_VOTERS ? voter_register_told(&node->voters, turn, &m->as.voters.report.set)
                                           : voter_register_message(&node->voters, turn, m);
    if (newer)
        voters_changed(node, turn, named);
}

/* When the register of the voters itself wants to be called again. */
static void run_voters(struct node *node, struct turn *turn)
{
    struct voter_grounds grounds = { .service = SERVICE_NONE };
    if (voter_register_changing(&node->voters))
        look_at_services(node, node->voters.stored_at, &grounds);
    node->voters_due = voter_register_run(&node->voters, turn, &grounds);
}

/* ---- steps ---- */

static void put_durable(struct node *node, uint8_t service)
{
    const struct service *s = &node->services[service];
    struct durable_service *durable = &node->durable.services[service];
    durable->promised = s->acceptor.promised;
    durable->accepted = s->acceptor.accepted;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        durable->marks[n] = s->marks[n];
}

/* Effects in their order: persist first, so that the shell holds back what depends on it. */
static void finish(struct node *node, struct effects *effects, struct mono_time now, struct mono_time timer)
{
    bool persist = node->persist && node->sound;
    node->persist = false;
    if (persist) {
        vote_count_write(node);
        effects_add(effects, EFFECT_PERSIST);
        struct effect last = effects->list[effects->count - 1];
        last.as.persist = (struct effect_persist){ node->durable.generation, ++node->writes };
        for (size_t i = effects->count - 1; i > 0; i--)
            effects->list[i] = effects->list[i - 1];
        effects->list[0] = last;
    }
    for (size_t i = 0; i < effects->count; i++) {
        struct effect *e = &effects->list[i];
        if (e->kind != EFFECT_SEND)
            continue;
        e->as.send.message.from = node->config->self;
        e->as.send.message.restarts = node->restarts;
        e->as.send.message.sent_us = now.us;
        e->as.send.message.identity = vote_identity(node);
        e->as.send.message.voters_version = node->voters.d.set.version;
        e->as.send.message.generation = e->as.send.durable ? node->durable.generation : 0;
    }
    effects_add(effects, EFFECT_TIMER)->as.timer_at = timer;
}

static struct mono_time earliest(const struct node *node)
{
    struct mono_time at = node->voters_due;
    for (uint8_t s = 0; s < node->config->service_count; s++)
        at = mono_earlier(at, node->due[s]);
    return at;
}

static void run_service(struct node *node, struct turn *turn, uint8_t service)
{
    service_run(&node->services[service], turn);
    node->due[service] = node->services[service].timer_at;
    node->moving[service] = brake_moving(&node->services[service]);
    if (node->persist)
        put_durable(node, service);
}

static uint8_t due_service(const struct node *node, struct mono_time now)
{
    for (uint8_t s = 0; s < node->config->service_count; s++)
        if (mono_reached(now, node->due[s]))
            return s;
    return SERVICE_NONE;
}

void node_init(struct node *node, const struct policy_config *config,
               const struct node_store *store, struct mono_time now, struct wall_time wall,
               struct effects *effects)
{
    policy_ensure(config->self < config->node_count && config->node_count <= POLICY_NODES_MAX);
    policy_ensure(config->service_count <= POLICY_SERVICES_MAX);
    effects->count = 0;
    node->config = config;
    node->restarts = store->restarts;
    node->durable = store->durable;
    node->sound = store->sound;
    node->doubt = store->doubt;
    node->start_generation = store->durable.generation;
    node->brand_new = store->sound && !store->doubt && store->durable.generation == 0 &&
                      node_in(config->voters, config->self);
    voter_register_init(&node->voters, &store->durable.voters, config->voters, config->self, vote_ballots(node));
    node->voters_due = now;
    node->random = (config->seed ^ ((uint64_t)store->restarts << 40)) | 1u;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        node->peers[n].seen_generation = store->durable.seen_generation[n];
    node->mute = MUTE_NOT;
    struct note *started = node_note(effects, NOTE_STARTED);
    started->a = store->restarts;
    started->b = (int64_t)store->durable.generation;
    vote_start(node, effects);
    struct turn turn = turn_for(node, now, wall, effects);
    for (uint8_t s = 0; s < config->service_count; s++) {
        service_init(&node->services[s], &turn, s, &store->durable.services[s],
                     store->held_until[s]);
        node->due[s] = now;
    }
    if (turn.member && store->durable.voters.set.version > 0) /* found on disk */
        voter_register_stored(&node->voters, &turn, config->self, node->voters.d.set.version);
    node->persist = false;
    finish(node, effects, now, earliest(node));
}

/* Which service an event is about; SERVICE_NONE: none, or one that does not exist. */
static uint8_t service_of(const struct node *node, const struct node_event *event)
{
    uint8_t s = SERVICE_NONE;
    switch (event->kind) {
    case EVENT_TIMER: return due_service(node, event->now);
    case EVENT_MESSAGE: s = event->as.message.service; break;
    case EVENT_SAMPLE: s = event->as.sample.service; break;
    case EVENT_ACT_DONE: s = event->as.act.key.service; break;
    case EVENT_ORDER: s = event->as.order.service; break;
    case EVENT_GUARD_READY: s = event->as.guard_ready.service; break;
    case EVENT_VOTER_ORDER:
    case EVENT_LINK:
    case EVENT_STORE_FAILED:
    default: break;
    }
    return s < node->config->service_count ? s : SERVICE_NONE;
}

static void dispatch(struct turn *turn, const struct node_event *event,
                     struct service *service)
{
    switch (event->kind) {
    case EVENT_MESSAGE: service_message(service, turn, &event->as.message); break;
    case EVENT_SAMPLE: service_sample(service, turn, &event->as.sample.sample); break;
    case EVENT_ACT_DONE: service_act_done(service, turn, &event->as.act); break;
    case EVENT_ORDER:
        service_order(service, turn, event->as.order.ticket, &event->as.order.order);
        break;
    case EVENT_GUARD_READY:
        service_guard_ready(service, turn, event->as.guard_ready.ready,
                            event->as.guard_ready.kernel);
        break;
    case EVENT_TIMER:
    case EVENT_LINK:
    case EVENT_VOTER_ORDER:
    case EVENT_STORE_FAILED:
    default: break;
    }
}

/* A message as far as it is about the node as a whole. False: it ends here. */
static bool take_message(struct node *node, struct turn *turn, const struct message *m, bool counted)
{
    if (m->from >= node->config->node_count || m->sent_us < 0 || m->sent_us > TIME_FOREVER_US)
        return false;
    turn->said_at = said_at(&node->peers[m->from], m, turn->now);
    hear(node, turn, m, turn->said_at);
    tell_voters(node, turn, m);
    if (!counted && m->kind != MESSAGE_GOSSIP)
        return false;
    switch (m->kind) {
    case MESSAGE_GENERATION: vote_on_generation(node, turn->effects, m); return false;
    case MESSAGE_VOTERS:
    case MESSAGE_VOTERS_PREPARE:
    case MESSAGE_VOTERS_PROMISE:
    case MESSAGE_VOTERS_ACCEPT:
    case MESSAGE_VOTERS_ACCEPTED:
    case MESSAGE_VOTERS_REJECT: on_voters(node, turn, m); return false;
    case MESSAGE_VOTER_ORDER: on_forwarded(node, turn, m); return false;
    case MESSAGE_VOTER_REPLY:
        voter_register_reply(&node->voters, turn, m->from, &m->as.order_reply);
        return false;
    case MESSAGE_GOSSIP: node->peers[m->from].says_votes = m->as.gossip.voting && counted; return true;
    case MESSAGE_PREPARE:
    case MESSAGE_PROMISE:
    case MESSAGE_ACCEPT:
    case MESSAGE_ACCEPTED:
    case MESSAGE_REJECT:
    case MESSAGE_RENEW:
    case MESSAGE_GRANT:
    case MESSAGE_REFUSE:
    case MESSAGE_RELEASE:
    case MESSAGE_CONFIRM:
    case MESSAGE_VERDICT:
    case MESSAGE_ORDER:
    case MESSAGE_ORDER_REPLY:
    case MESSAGE_KIND_COUNT:
    default: return true;
    }
}

/* What is about the node as a whole, before any service sees it. False: the event ends here. */
static bool is_for_services(struct node *node, struct turn *turn, const struct node_event *event, bool counted)
{
    switch (event->kind) {
    case EVENT_MESSAGE: return take_message(node, turn, &event->as.message, counted);
    case EVENT_LINK:
        if (event->as.link.peer < node->config->node_count)
            node->peers[event->as.link.peer].linked = event->as.link.up;
        return false;
    case EVENT_STORE_FAILED: vote_store_failed(node, turn->effects); return false;
    case EVENT_VOTER_ORDER:
        on_voter_order(node, turn, node->config->self, event->as.voter_order.ticket, &event->as.voter_order.order);
        return false;
    case EVENT_TIMER:
    case EVENT_SAMPLE:
    case EVENT_ACT_DONE:
    case EVENT_ORDER:
    case EVENT_GUARD_READY:
    default:
        return true;
    }
}

/* Gossip of one whose vote does not count under our set: what it saw counts, what its voter says doesn't. */
static void dispatch_uncounted(struct turn *turn, const struct node_event *event, struct service *service)
{
    struct message m = event->as.message;
    m.as.gossip.voting = false;
    m.as.gossip.report = (struct register_report){ 0 };
    service_message(service, turn, &m);
}

void node_step(struct node *node, const struct node_event *event, struct effects *effects)
{
    effects->count = 0;
    uint8_t service = service_of(node, event);
    struct turn turn = turn_for(node, event->now, event->wall, effects);
    /* Only a message about the voters makes another set of them, and that one ends before any service sees it. */
    bool counted = event->kind != EVENT_MESSAGE || is_counted(node, &event->as.message);
    bool for_services = is_for_services(node, &turn, event, counted);
    /* Made anew: a message may have given us our vote, or another set of voters. No service changes either. */
    struct mono_time said = turn.said_at;
    turn = turn_for(node, event->now, event->wall, effects);
    turn.said_at = said;
    if (for_services && service != SERVICE_NONE) {
        if (counted)
            dispatch(&turn, event, &node->services[service]);
        else
            dispatch_uncounted(&turn, event, &node->services[service]);
        run_service(node, &turn, service);
    }
    run_voters(node, &turn);
    finish(node, effects, event->now, earliest(node));
}

void node_voters(const struct node *node, struct mono_time now, struct node_voters *v)
{
    *v = (struct node_voters){ .set = node->voters.d.set, .stored = node->voters.stored_at.us != 0 };
    struct turn turn = { .now = now, .config = node->config, .peers = node->peers };
    struct voter_witness witness = witness_of(node, &turn);
    for (node_id n = 0; n < node->config->node_count; n++) {
        v->identities[n] = witness.identities[n];
        v->heard[n] = turn_heard(&turn, n);
        v->voting[n] = node_in(witness.voting, n);
    }
    look_at_services(node, node->voters.stored_at, &v->grounds);
}

void node_view(const struct node *node, uint8_t service, struct mono_time now,
               struct wall_time wall, struct view_service *view)
{
    policy_ensure(service < node->config->service_count);
    /* A turn that sends nothing: the view only reads. */
    uint64_t random = 1;
    bool persist = false;
    struct turn turn = {
        .now = now,
        .said_at = now,
        .wall = wall,
        .config = node->config,
        .voters = node->voters.electorate,
        .changing = voter_register_changing(&node->voters),
        .member = vote_is_member(node),
        .peers = node->peers,
        .moving = node->moving,
        .random = &random,
        .voting = node->mute == MUTE_NOT,
        .persist = &persist,
    };
    service_view(&node->services[service], &turn, view);
    view->nodes[node->config->self].mute = node->mute;
}
