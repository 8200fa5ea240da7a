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

static struct turn turn_for(struct node *node, struct mono_time now, struct wall_time wall,
                            struct effects *effects)
{
    return (struct turn){
        .now = now,
        .said_at = now,
        .wall = wall,
        .config = node->config,
        .peers = node->peers,
        .moving = node->moving,
        .effects = effects,
        .random = &node->random,
        .brand_new = node->brand_new,
        .voting = node->mute == MUTE_NOT,
        /* A node without a sound and confirmed store may have lost count of its restarts, and so use a
         * ballot twice. One without a vote has nobody to confirm it; its own store has to do. */
        .may_propose = node->mute == MUTE_NOT || node->mute == MUTE_STORE_FAILED ||
                       (node->mute == MUTE_NO_VOTE && node->sound),
        .stores = node->sound && node->mute != MUTE_STORE_FAILED,
        .restarts = node->restarts,
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
    effects_send(effects, node_bit(to), false, MESSAGE_GENERATION, SERVICE_NONE)
        ->as.generation_seen.seen = node->peers[to].former_generation;
}

static void on_generation(struct node *node, struct effects *effects, node_id from, uint64_t seen)
{
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
    if (!node_in(node->config->voters, from) || node->mute != MUTE_UNCONFIRMED)
        return;
    node->confirmed_by = (node_set)(node->confirmed_by | node_bit(from));
    /* With a store that shows no sign of damage, as many as make any majority with us. One in doubt
     * needs a majority of the others: any two such sets meet, so who saw what is missing is asked. */
    uint8_t others = (uint8_t)(set_size(node->config->voters) - 1u);
    uint8_t needed = node->doubt ? (uint8_t)(others / 2 + 1)
                                 : (uint8_t)(majority_of(node->config->voters) - 1u);
    if (set_size(node->confirmed_by) >= needed)
        set_mute(node, effects, MUTE_NOT);
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

/* What a message says of its sender's process and disk. A process that is new to us is told what we
 * know of its store before what it says now can change that. */
static void hear(struct node *node, struct effects *effects, const struct message *m,
                 struct mono_time said)
{
    struct peer *peer = &node->peers[m->from];
    bool fresh = !peer->heard || peer->restarts != m->restarts;
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
        send_generation(node, effects, m->from);
    if (m->generation > peer->seen_generation) {
        peer->seen_generation = m->generation;
        node->durable.seen_generation[m->from] = m->generation; /* written with the next persist */
    }
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
    bool persist = node->persist;
    if (persist) {
        node->persist = false;
        uint64_t process = (uint64_t)node->restarts << GENERATION_SHIFT;
        if (node->mute == MUTE_NOT || node->mute == MUTE_NO_VOTE)
            node->durable.generation =
                (node->durable.generation > process ? node->durable.generation : process) + 1;
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
        e->as.send.message.generation = e->as.send.durable ? node->durable.generation : 0;
    }
    effects_add(effects, EFFECT_TIMER)->as.timer_at = timer;
}

static struct mono_time earliest(const struct node *node)
{
    struct mono_time at = MONO_NEVER;
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
    node->random = (config->seed ^ ((uint64_t)store->restarts << 40)) | 1u;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        node->peers[n].seen_generation = store->durable.seen_generation[n];
    node->mute = MUTE_NOT;
    struct note *started = node_note(effects, NOTE_STARTED);
    started->a = store->restarts;
    started->b = (int64_t)store->durable.generation;
    if (!node_in(config->voters, config->self))
        set_mute(node, effects, MUTE_NO_VOTE);
    else
        set_mute(node, effects, store->sound ? MUTE_UNCONFIRMED : MUTE_STORE_BAD);
    struct turn turn = turn_for(node, now, wall, effects);
    for (uint8_t s = 0; s < config->service_count; s++) {
        service_init(&node->services[s], &turn, s, &store->durable.services[s],
                     store->held_until[s]);
        node->due[s] = now;
    }
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
    case EVENT_STORE_FAILED:
    default: break;
    }
}

/* What is about the node as a whole, before any service sees it. False: the event ends here. */
static bool is_for_services(struct node *node, const struct node_event *event, struct mono_time *said,
                            struct effects *effects)
{
    switch (event->kind) {
    case EVENT_MESSAGE: {
        const struct message *m = &event->as.message;
        if (m->from >= node->config->node_count || m->sent_us < 0 || m->sent_us > TIME_FOREVER_US)
            return false;
        *said = said_at(&node->peers[m->from], m, event->now);
        hear(node, effects, m, *said);
        if (m->kind == MESSAGE_GENERATION)
            on_generation(node, effects, m->from, m->as.generation_seen.seen);
        return m->kind != MESSAGE_GENERATION;
    }
    case EVENT_LINK:
        if (event->as.link.peer < node->config->node_count)
            node->peers[event->as.link.peer].linked = event->as.link.up;
        return false;
    case EVENT_STORE_FAILED:
        if (node->mute != MUTE_NO_VOTE)
            set_mute(node, effects, MUTE_STORE_FAILED);
        node_note(effects, NOTE_STORE_FAILED);
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

void node_step(struct node *node, const struct node_event *event, struct effects *effects)
{
    effects->count = 0;
    uint8_t service = service_of(node, event);
    struct mono_time said = event->now;
    if (is_for_services(node, event, &said, effects) && service != SERVICE_NONE) {
        /* Made after is_for_services: a message may have given us our vote. */
        struct turn turn = turn_for(node, event->now, event->wall, effects);
        turn.said_at = said;
        dispatch(&turn, event, &node->services[service]);
        run_service(node, &turn, service);
    }
    finish(node, effects, event->now, earliest(node));
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
        .peers = node->peers,
        .moving = node->moving,
        .random = &random,
        .voting = node->mute == MUTE_NOT,
        .persist = &persist,
    };
    service_view(&node->services[service], &turn, view);
    view->nodes[node->config->self].mute = node->mute;
}
