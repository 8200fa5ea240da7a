/* node: compose and dispatch; and whether this node may vote at all.
 *
 * A voter votes only with a sound store that is not older than what its peers know of it. After a
 * start it stays silent until enough others have told the newest generation of its store that they
 * have seen: as many as it needs for any majority with itself. Whoever knows a newer one than is on
 * disk keeps it mute: the disk was rolled back, and what it forgot may have been promised.
 */
#include "policy/node.h"

#include "policy/quorum/majority.h"
#include "policy/service.h"

/* A generation's upper half is the restart count of the process that wrote it. */
#define GENERATION_SHIFT 32

#define TELL_GENERATION_TIMES 5

struct node {
    const struct policy_config *config;
    struct peer peers[POLICY_NODES_MAX];
    struct durable durable;
    uint32_t restarts;
    enum mute_reason mute;
    bool sound;                  /* the store, as found */
    bool doubt;                  /* something newer than what was found may have been lost */
    bool brand_new;              /* nothing was ever written on a sound store of this voter */
    bool store_failed;
    bool confirmed;              /* others have said in this process that our store is the newest: it may be written */
    struct voter_register voters;
    struct mono_time voters_due;
    uint64_t start_generation;   /* as found on disk */
    uint64_t newest_known;       /* by any peer */
    node_set confirmed_by;
    uint64_t random;
    uint64_t writes;             /* asked for by this process */
    bool persist;
    struct mono_time due[POLICY_SERVICES_MAX];
    struct moving moving[POLICY_SERVICES_MAX]; /* as each service's last run left it */
    struct service services[];   /* as many as are configured */
};

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

/* What others hear of our store; 0: there is none to vote with. */
static uint64_t own_identity(const struct node *node)
{
    return node->sound ? node->config->instance : 0;
}

static bool is_member(const struct node *node)
{
    return voters_may_vote(&node->voters.d.set, node->config->self, own_identity(node));
}

/* Whether the set in force names this node as a voter, by whichever of its stores. */
static bool is_named(const struct node *node)
{
    return node_in(electorate_all(node->voters.electorate), node->config->self);
}

/* One node's ballots never meet, whichever of its stores they come from, and however old that store has become.
 *   - A voter proposes only after others have confirmed that its store is the newest, so its restarts are counted well.
 *     A store's identity is random, and so sets its count apart from that of the one before. An old store that was
 *     lost and is given the vote once more may have restarted as often before; but never under this version of the
 *     voters.
 *   - Nobody confirms the store of a node without a vote. Put back to an older copy it counts a restart that it has
 *     counted before, and the counter of its rounds, which no disk keeps, begins where it began then: above what the
 *     voters accepted. So it could ask for another value by a ballot that the voters have promised already, and they
 *     would promise it again. Therefore its ballots carry its process's own random number too: that is on no disk,
 *     so none brings it back.
 * Which of the two a node is changes with the version of the voters only, and so do its ballots. */
#define BALLOTS_APART UINT32_C(0x9e3779b1) /* multiples of it by small numbers lie far from each other */

static uint32_t ballots_of(const struct node *node)
{
    uint32_t process = is_named(node) ? 0 : (uint32_t)node->config->seed;
    return node->restarts + (uint32_t)node->config->instance +
           (uint32_t)node->voters.d.set.version * BALLOTS_APART + process;
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
        .member = is_member(node),
        .peers = node->peers,
        .moving = node->moving,
        .effects = effects,
        .random = &node->random,
        .brand_new = node->brand_new,
        .voting = node->mute == MUTE_NOT,
        /* A voter without a sound and confirmed store may have lost count of its restarts, and so use a ballot
         * twice. One whose store failed was confirmed before, or not: a disk that went back may fail as well. One
         * without a vote has nobody to confirm it, and ballots that do not rest on its count: ballots_of(). */
        .may_propose = node->mute == MUTE_NOT || (node->mute == MUTE_STORE_FAILED && node->confirmed) ||
                       (node->mute == MUTE_NO_VOTE && node->sound),
        .stores = node->sound && node->mute != MUTE_STORE_FAILED,
        .older = node->mute == MUTE_STORE_OLDER,
        .restarts = node->restarts,
        .ballots = ballots_of(node),
        .persist = &node->persist,
    };
}

static struct note *node_note(struct effects *effects, enum note_kind kind)
{
    struct note *note = &effects_add(effects, EFFECT_NOTE)->as.note;
    *note = (struct note){ .kind = kind, .service = SERVICE_NONE, .region = REGION_NONE,
                           .node = NODE_NONE, .check = CHECK_NONE };
    return note;
}

static void set_mute(struct node *node, struct effects *effects, enum mute_reason reason)
{
    if (node->mute == reason)
        return;
    node->mute = reason;
    if (reason == MUTE_STORE_OLDER)
        node->confirmed = false;
    if (reason == MUTE_NOT) {
        node_note(effects, NOTE_VOTING);
        return;
    }
    struct note *note = node_note(effects, NOTE_MUTE);
    note->a = reason;
    note->b = (int64_t)node->newest_known;
}

/* ---- generations ---- */

static void send_generation(struct node *node, struct effects *effects, node_id to)
{
    effects_send(effects, node_bit(to), false, MESSAGE_GENERATION, SERVICE_NONE)->as.generation_seen =
        (struct message_generation){ node->durable.seen_identity[to], node->peers[to].former_generation };
}

/* With a store that shows no sign of damage, as many as make any majority with us. One in doubt needs a
 * majority of the others: any two such sets meet, so who saw what is missing is asked. */
static bool is_confirmed(const struct node *node)
{
    node_set self = node_bit(node->config->self);
    struct electorate e = node->voters.electorate;
    if (!node->doubt)
        return electorate_has(e, (node_set)(node->confirmed_by | self));
    struct electorate others = { (node_set)(e.now & ~self), (node_set)(e.next & ~self), e.gone };
    return electorate_has(others, node->confirmed_by);
}

static void on_generation(struct node *node, struct effects *effects, const struct message *m)
{
    const struct message_generation *told = &m->as.generation_seen;
    uint64_t seen = told->seen;
    /* Once the set of voters names our store, what was seen of another one of this node is not about it. */
    uint64_t named = voters_identity(&node->voters.d.set, node->config->self);
    if (named != 0 && told->identity != 0 && told->identity != own_identity(node))
        seen = 0;
    if (seen > node->newest_known)
        node->newest_known = seen;
    if (node->mute != MUTE_UNCONFIRMED && node->mute != MUTE_NOT)
        return;
    /* What a peer saw of a former process of ours has to be on the disk as this one found it; however
     * late the peer tells. Of this process nobody can have seen more than there is. */
    bool former = seen >> GENERATION_SHIFT < node->restarts;
    if (seen > (former ? node->start_generation : node->durable.generation)) {
        set_mute(node, effects, MUTE_STORE_OLDER);
        return;
    }
    if (node->mute != MUTE_UNCONFIRMED || m->voters_version != node->voters.d.set.version ||
        !voters_may_vote(&node->voters.d.set, m->from, m->identity))
        return;
    node->confirmed_by = (node_set)(node->confirmed_by | node_bit(m->from));
    if (!is_confirmed(node))
        return;
    set_mute(node, effects, MUTE_NOT);
    node->confirmed = true;
    if (voters_equal(&node->voters.d.set, &node->durable.voters.set))
        return;
    /* What was learnt of the voters before could not be written; now it is, and comes back to us when it is on disk. */
    node->persist = true;
    effects_send(effects, node_bit(node->config->self), true, MESSAGE_VOTERS, SERVICE_NONE)->as.voters.report =
        (struct voter_report){ true, BALLOT_ZERO, node->voters.d.set };
}

/* What a peer's messages say of its disk is remembered of the store that has the vote; where no identity is
 * written down (version 1, nodes without a vote), of whichever store said the newest. */
static void remember_generation(struct node *node, const struct message *m)
{
    struct peer *peer = &node->peers[m->from];
    uint64_t named = voters_identity(&node->voters.d.set, m->from);
    if (named != 0 && m->identity != named)
        return;
    bool same = m->generation == peer->seen_generation && node->durable.seen_identity[m->from] == 0;
    if (m->generation <= peer->seen_generation && !same)
        return;
    peer->seen_generation = m->generation;
    node->durable.seen_generation[m->from] = m->generation; /* written with the next persist */
    node->durable.seen_identity[m->from] = m->identity;
}

/* What was seen of a store that has no vote any more says nothing of the one that has. */
static void forget_generations(struct node *node)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        uint64_t named = voters_identity(&node->voters.d.set, n);
        if (named == 0 || node->durable.seen_identity[n] == named)
            continue;
        node->peers[n].seen_generation = node->peers[n].former_generation = 0;
        node->durable.seen_generation[n] = node->durable.seen_identity[n] = 0;
    }
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
        send_generation(node, turn->effects, m->from);
    remember_generation(node, m);
    if (peer->identity != m->identity) /* what another store's gossip said is not its vote: a change names who votes */
        peer->says_votes = false;
    peer->identity = m->identity;
    if (says_stored(node, m))
        voter_register_stored(&node->voters, turn, m->from, m->voters_version);
}

/* ---- the voters ---- */

/* Why this node may not vote under the set in force; MUTE_NOT if it may as soon as its store is confirmed. */
static enum mute_reason mute_by_set(const struct node *node)
{
    if (!is_named(node))
        return MUTE_NO_VOTE;
    if (!node->sound)
        return MUTE_STORE_BAD;
    return is_member(node) ? MUTE_NOT : MUTE_IDENTITY;
}

/* The vote came to us, or was taken from us. One that has just got it is confirmed like one that starts; a store that
 * was too old for the vote that this node had may be named as a new voter's, which has nothing to remember. */
static void mute_again(struct node *node, struct effects *effects, uint64_t named_before)
{
    enum mute_reason by_set = mute_by_set(node);
    uint64_t named = voters_identity(&node->voters.d.set, node->config->self);
    bool voted_before = node->mute == MUTE_NOT || node->mute == MUTE_UNCONFIRMED || node->mute == MUTE_STORE_OLDER;
    bool newly = named != named_before && named == own_identity(node) && node->mute == MUTE_STORE_OLDER;
    if (by_set != MUTE_NOT) {
        set_mute(node, effects, by_set);
        return;
    }
    if (node->mute == MUTE_UNCONFIRMED)
        node->confirmed_by = 0; /* those who confirmed have to be of the set in force */
    if (node->store_failed) {
        set_mute(node, effects, MUTE_STORE_FAILED);
    } else if (!voted_before || newly) {
        node->confirmed_by = 0;
        node->newest_known = 0;
        set_mute(node, effects, MUTE_UNCONFIRMED);
    }
}

/* A newer set of voters is known chosen. Everything that was counted by the former one is dropped, before anything
 * is counted by this one. */
static void voters_changed(struct node *node, struct turn *turn, uint64_t named_before)
{
    forget_generations(node);
    mute_again(node, turn->effects, named_before);
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
        w.identities[n] = self ? own_identity(node) : node->peers[n].identity;
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

static void on_voter_order(struct node *node, struct turn *turn, const struct event_voter_order *order)
{
    struct voter_grounds grounds;
    struct voter_witness witness = witness_of(node, turn);
    look_at_services(node, turn->now, &grounds);
    voter_register_order(&node->voters, turn, order->ticket, &order->order, &witness, &grounds);
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
    for (region_id r = 0; r < POLICY_REGIONS_MAX; r++)
        durable->marks[r] = s->marks[r];
}

/* Effects in their order: persist first, so that the shell holds back what depends on it. */
static void finish(struct node *node, struct effects *effects, struct mono_time now, struct mono_time timer)
{
    /* A store that is not confirmed keeps marks, and its generation: a newer one would hide that it was rolled back.
     * What is learnt of the voters meanwhile is known for as long as the process lives, and no vote depends on it. */
    bool persist = node->persist && node->sound;
    node->persist = false;
    if (persist) {
        uint64_t process = (uint64_t)node->restarts << GENERATION_SHIFT;
        if (node->confirmed) {
            node->durable.voters = node->voters.d;
            node->durable.generation =
                (node->durable.generation > process ? node->durable.generation : process) + 1;
        }
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
        e->as.send.message.identity = own_identity(node);
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
    voter_register_init(&node->voters, &store->durable.voters, config->voters, config->self, ballots_of(node));
    node->voters_due = now;
    node->random = (config->seed ^ ((uint64_t)store->restarts << 40)) | 1u;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        node->peers[n].seen_generation = store->durable.seen_generation[n];
    node->mute = MUTE_NOT;
    struct note *started = node_note(effects, NOTE_STARTED);
    started->a = store->restarts;
    started->b = (int64_t)store->durable.generation;
    enum mute_reason by_set = mute_by_set(node);
    set_mute(node, effects, by_set != MUTE_NOT ? by_set : MUTE_UNCONFIRMED);
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
    case MESSAGE_GENERATION: on_generation(node, turn->effects, m); return false;
    case MESSAGE_VOTERS:
    case MESSAGE_VOTERS_PREPARE:
    case MESSAGE_VOTERS_PROMISE:
    case MESSAGE_VOTERS_ACCEPT:
    case MESSAGE_VOTERS_ACCEPTED:
    case MESSAGE_VOTERS_REJECT: on_voters(node, turn, m); return false;
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
    case EVENT_STORE_FAILED:
        node->store_failed = true;
        if (node->mute != MUTE_NO_VOTE)
            set_mute(node, turn->effects, MUTE_STORE_FAILED);
        node_note(turn->effects, NOTE_STORE_FAILED);
        return false;
    case EVENT_VOTER_ORDER: on_voter_order(node, turn, &event->as.voter_order); return false;
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
    /* Made anew: a message may have given us our vote, or another set of voters. No service changes what a turn says. */
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
        .member = is_member(node),
        .peers = node->peers,
        .moving = node->moving,
        .random = &random,
        .voting = node->mute == MUTE_NOT,
        .persist = &persist,
    };
    service_view(&node->services[service], &turn, view);
    view->nodes[node->config->self].mute = node->mute;
}
