/* Playing, and making a world: see world.h. */
#include "tests/sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKS_PER_REGION 2

/* ---- small words ---- */

uint64_t world_random(struct world *w, uint64_t below)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return below == 0 ? 0 : w->random * UINT64_C(2685821657736338717) % below;
}

/* FNV-1a over words. */
void world_mix(struct world *w, uint64_t value)
{
    w->hash = (w->hash ^ value) * UINT64_C(1099511628211);
    w->hash ^= w->hash >> 29;
}

void world_say(struct world *w, const struct host *h, const char *format, ...)
{
    if (w->listener == NULL)
        return;
    char words[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    w->listener(w->listener_arg, w, h, NULL, words);
}

void world_break(struct world *w, enum invariant invariant, const char *format, ...)
{
    if (w->broken_invariant != INVARIANT_NONE)
        return;
    w->broken_invariant = invariant;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(w->broken, sizeof w->broken, format, args);
    va_end(args);
}

const char *world_broken(const struct world *w)
{
    return w->broken_invariant != INVARIANT_NONE ? w->broken : NULL;
}

uint8_t host_index(const struct world *w, const struct host *h)
{
    return (uint8_t)(h - w->hosts);
}

struct host *world_host(struct world *w, const char *name)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (strcmp(w->hosts[n].name, name) == 0)
            return &w->hosts[n];
    return NULL;
}

region_id world_region(const struct world *w, const char *name)
{
    for (region_id r = 0; r < w->options.region_count; r++)
        if (strcmp(w->options.region_name[r], name) == 0)
            return r;
    return REGION_NONE;
}

const struct ledger *world_ledger(const struct world *w, uint8_t service)
{
    const struct ledger *newest = NULL;
    for (uint8_t n = 0; n < w->host_count; n++) {
        const struct host *h = &w->hosts[n];
        if (h->alive && h->ledger_known[service] &&
            (newest == NULL || h->ledger[service].version > newest->version))
            newest = &h->ledger[service];
    }
    return newest;
}

/* ---- what may happen to regions ---- */

void world_region_kill(struct world *w, region_id region)
{
    world_settle(w);
    w->region_dead[region] = true;
    for (uint8_t s = 0; s < w->service_count; s++) {
        w->services[s].endpoints_up[region] = false;
        world_database_stop(w, s, region);
    }
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].region == region) {
            world_host_crash(w, &w->hosts[n], false);
            /* Noted in memory for the next process of the same boot; here the machine goes down. */
            memset(w->hosts[n].disk.held_until_us, 0, sizeof w->hosts[n].disk.held_until_us);
        }
}

void world_region_return(struct world *w, region_id region)
{
    world_settle(w);
    w->region_dead[region] = false;
    for (uint8_t s = 0; s < w->service_count; s++) {
        w->services[s].endpoints_up[region] = true;
        if (w->services[s].policy.regions[region].serves)
            world_database_start(w, s, region);
    }
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].region == region)
            world_host_start(w, &w->hosts[n]);
}

void world_order(struct world *w, struct host *h, uint8_t service, const struct order *order)
{
    struct node_event event = { .kind = EVENT_ORDER };
    if (order->kind == ORDER_RECONCILE)
        check_reconcile_ordered(w, service, order);
    if (order->kind == ORDER_TICK)
        check_tick_ordered(w, service, w->tickets + 1, order);
    else if (order->kind != ORDER_ADOPT && order->kind != ORDER_BREAK)
        check_ordered(w, service, w->tickets + 1, order->to);
    if (order->kind == ORDER_APPROVE || order->kind == ORDER_DECLINE)
        check_answered(w, service, order);
    event.as.order = (struct event_order){ service, ++w->tickets, *order };
    world_event(w, h, &event);
}

/* ---- playing ---- */

void world_event(struct world *w, struct host *h, struct node_event *event)
{
    event->now.us = host_mono(w, h);
    event->wall.us = host_wall(w, h);
    node_step(h->node, event, &w->effects);
    host_carry_out(w, h, w->effects.list, w->effects.count);
}

static void play_message(struct world *w, struct host *h, struct world_item *item)
{
    check_heard(w, h, item->host, &item->letter->event.as.message);
    check_met(w, h, item->host, &item->letter->event.as.message);
    world_event(w, h, &item->letter->event);
}

static void play_host(struct world *w, struct host *h, struct world_item *item)
{
    struct node_event event; /* large: each kind fills in what it has */
    switch (item->kind) {
    case ITEM_TIMER:
        if (item->needs == h->timer_number) {
            h->timer_waits = false;
            event.kind = EVENT_TIMER;
            world_event(w, h, &event);
        }
        break;
    case ITEM_MESSAGE: play_message(w, h, item); break;
    case ITEM_PERSISTED: disk_written(w, h); break;
    case ITEM_PROBE: host_probe(w, h, item->service, item->check); break;
    case ITEM_ACT_DONE:
        event.kind = EVENT_ACT_DONE;
        event.as.act = *item->result;
        if (item->result->database.known)
            h->looked_us[item->result->key.service] = w->now_us;
        world_event(w, h, &event);
        break;
    case ITEM_GUARD_READY:
        for (uint8_t s = 0; s < w->service_count && h->alive; s++) {
            event.kind = EVENT_GUARD_READY;
            event.as.guard_ready =
                (struct event_guard_ready){ s, h->guard_ready, h->guard_kernel };
            world_event(w, h, &event);
        }
        break;
    case ITEM_ACT_START:
    case ITEM_ACT_END:
    case ITEM_WAKE:
    default: break;
    }
}

static void play_act(struct world *w, struct host *h, struct world_item *item)
{
    struct world_act *act = item->act;
    item->act = NULL;
    if (item->kind == ITEM_ACT_START)
        act_start(w, h, act);
    else
        act_end(w, h, act);
}

/* What was sent before something that came already is known to be old: it excuses no mistake about ages. */
static bool is_newest(struct host *h, const struct world_item *item)
{
    int64_t *newest = &h->newest_us[item->host];
    if (item->since < *newest)
        return false;
    *newest = item->since;
    return true;
}

static void play_old_message(struct world *w, struct host *h, struct world_item *item)
{
    struct check_news news = { .from = item->host, .since_us = item->since,
                               .service = item->letter->event.as.message.service };
    bool looked = item->letter->event.as.message.kind == MESSAGE_GOSSIP && news.service < w->service_count &&
                  check_before_old_news(w, h, &news, h->newest_us[item->host] - item->since);
    play_host(w, h, item);
    if (looked)
        check_after_old_news(w, h, &news);
}

/* What an event is about: a host in the life it was meant for, or the world outside. */
static void play_item(struct world *w, struct world_item *item)
{
    struct host *h = &w->hosts[item->kind == ITEM_MESSAGE ? item->to : item->host];
    if (item->kind == ITEM_WAKE) {
        host_wake(w, h);
        return;
    }
    bool act = item->kind == ITEM_ACT_START || item->kind == ITEM_ACT_END;
    bool its_own = !act || act_is_its_own(w, item->act, item->kind == ITEM_ACT_START);
    if (its_own && (!h->alive || (item->life != 0 && item->life != h->life)))
        return; /* meant for a life that is over; world_run_one() frees what it carries */
    if (its_own && host_stands(h)) {
        host_park(h, item);
        *item = (struct world_item){ .at = item->at };
        return;
    }
    if (item->kind == ITEM_MESSAGE && !is_newest(h, item)) {
        play_old_message(w, h, item);
        return;
    }
    check_delivered(w, item->since);
    if (act)
        play_act(w, h, item);
    else
        play_host(w, h, item);
}

bool world_run_one(struct world *w, int64_t until_us)
{
    if (w->broken_invariant != INVARIANT_NONE || w->queued == 0 || w->queue[0].at > until_us)
        return false;
    struct world_item item = world_pop(w);
    w->now_us = item.at > w->now_us ? item.at : w->now_us;
    w->events++;
    world_mix(w, (uint64_t)w->now_us << 16 ^ (uint64_t)item.kind << 8 ^ item.host);
    if (item.kind == ITEM_MESSAGE)
        world_mix(w, (uint64_t)item.letter->event.as.message.kind << 8 ^ item.to);
    play_item(w, &item);
    world_drop(w, &item);
    check_event(w);
    return true;
}

bool world_run(struct world *w, int64_t until_us)
{
    while (world_run_one(w, until_us)) {
    }
    if (w->broken_invariant == INVARIANT_NONE && w->now_us < until_us)
        w->now_us = until_us;
    return w->broken_invariant == INVARIANT_NONE;
}

/* ---- making ---- */

static void fill_policy(const struct world *w, struct service_policy *p)
{
    int64_t interval = w->options.probe_us > 0 ? w->options.probe_us : 500 * US_PER_MS;
    uint8_t voters = (uint8_t)(w->options.region_count + w->options.more_voters);
    p->check_count = 0;
    for (region_id r = 0; r < w->options.region_count; r++) {
        p->regions[r].priority = r;
        p->regions[r].guards = 0;
        if (!p->regions[r].serves)
            continue;
        node_set all = 0, apart = 0;
        for (uint8_t n = 0; n < w->host_count; n++) {
            node_set bit = w->hosts[n].region == r ? node_bit(n) : 0;
            all = (node_set)(all | bit);
            apart = (node_set)(apart | (n < voters ? 0u : bit));
        }
        p->regions[r].guards = w->options.guards_apart && apart != 0 ? apart : all;
        static const enum check_kind kinds[CHECKS_PER_REGION] = { CHECK_HTTP, CHECK_POSTGRES };
        for (size_t k = 0; k < CHECKS_PER_REGION; k++)
            p->checks[p->check_count++] = (struct check_policy){
                .kind = kinds[k], .region = r, .interval_us = interval, .timeout_us = interval,
                .for_us = w->options.health_for_us, .fall = 2, .rise = 2 };
    }
}

static void make_hosts(struct world *w)
{
    for (uint8_t round = 0; round < 4; round++)
        for (region_id r = 0; r < w->options.region_count; r++) {
            if (w->options.coordinators[r] <= round || w->host_count == POLICY_NODES_MAX)
                continue;
            struct host *h = &w->hosts[w->host_count++];
            h->region = r;
            (void)snprintf(h->name, sizeof h->name, round == 0 ? "%.24s" : "%.24s/%u",
                           w->options.region_name[r], round + 1u);
        }
}

static void make_config(struct world *w, struct host *h)
{
    struct policy_config *c = &h->config_next;
    uint8_t self = host_index(w, h);
    c->self = self;
    c->node_count = w->host_count;
    c->region_count = w->options.region_count;
    c->service_count = w->service_count;
    unsigned voters = w->options.region_count + w->options.more_voters;
    c->voters = (node_set)((1u << voters) - 1u);
    for (uint8_t n = 0; n < w->host_count; n++)
        c->region_of[n] = w->hosts[n].region;
    c->heartbeat_us = w->options.heartbeat_us;
    c->failovers_at_once = w->options.failovers_at_once;
    /* Far apart, so that no two hosts draw the same ids and jitter. */
    c->seed = (w->options.seed * 16 + self + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    for (uint8_t s = 0; s < w->service_count; s++)
        c->services[s] = w->services[s].policy;
    h->clock = (struct host_clock){ .mono_us = (int64_t)(self + 1) * 100 * US_PER_S,
                                    .ppm = w->options.clock_ppm[self] };
    h->disk = (struct world_disk){ .sound = true, .instance = 500u + self,
                                   .latency_us = 2 * US_PER_MS };
    h->guard_ready = true;
    h->guard_kernel = w->options.policy.fence == FENCE_ENFORCED;
    h->crash_at_step = STEP_NONE;
    h->pause_before = ACT_KIND_COUNT;
    h->machine_stopped_at = -1;
}

static void make_services(struct world *w)
{
    w->service_count = w->options.service_count > 0 ? w->options.service_count : 1;
    for (uint8_t s = 0; s < w->service_count; s++) {
        struct world_service *service = &w->services[s];
        service->policy = w->options.policy;
        if (s > 0 && w->options.initial_writer[s] != 0)
            service->policy.initial_writer = w->options.initial_writer[s];
        fill_policy(w, &service->policy);
        for (region_id r = 0; r < w->options.region_count; r++)
            service->endpoints_up[r] = true;
        check_init(w, s);
        database_init(w, s);
        zone_init(w, s);
    }
}

static void make_outside(struct world *w)
{
    static const int64_t act_ms[ACT_KIND_COUNT] = {
        [ACT_FENCE_HOLD] = 2,  [ACT_FENCE_READS] = 2, [ACT_FENCE_SHUT] = 10, [ACT_COMPARE] = 10,
        [ACT_FREEZE] = 20,     [ACT_THAW] = 20,       [ACT_FOLLOW] = 20,       [ACT_PROMOTE] = 400,   [ACT_HOOKS] = 100,
        [ACT_DNS_READ] = 50,   [ACT_DNS_SUBMIT] = 150, [ACT_DNS_POLL] = 50,  [ACT_DNS_VERIFY] = 50,
        [ACT_ENDPOINTS] = 50,  [ACT_FENCE_REMOTE] = 1500,
    };
    for (size_t k = 0; k < ACT_KIND_COUNT; k++)
        w->act_us[k] = act_ms[k] * US_PER_MS;
    for (uint8_t a = 0; a < w->host_count; a++)
        for (uint8_t b = 0; b < w->host_count; b++)
            w->links[a][b].delay_us =
                w->hosts[a].region == w->hosts[b].region ? 500 : 20 * US_PER_MS;
    w->dns_sync_us = 3 * US_PER_S;
    w->writes = true;
}

struct world *world_new(const struct world_options *options, world_listener *listener, void *arg)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    w->queue = calloc(WORLD_ITEMS_MAX, sizeof *w->queue);
    if (w->queue == NULL)
        abort();
    w->options = *options;
    w->random = options->seed * 2 + 1;
    w->hash = UINT64_C(14695981039346656037);
    w->listener = listener;
    w->listener_arg = arg;
    make_hosts(w);
    make_services(w);
    make_outside(w);
    for (uint8_t n = 0; n < w->host_count; n++)
        make_config(w, &w->hosts[n]);
    check_sets_init(w, w->hosts[0].config_next.voters);
    for (uint8_t n = 0; n < w->host_count; n++)
        world_host_start(w, &w->hosts[n]);
    return w;
}

void world_free(struct world *w)
{
    if (w == NULL)
        return;
    for (uint8_t n = 0; n < w->host_count; n++)
        host_free(w, &w->hosts[n]);
    for (size_t i = 0; i < w->queued; i++)
        world_drop(w, &w->queue[i]);
    for (uint8_t s = 0; s < w->service_count; s++)
        check_free(w, s);
    check_sets_free(w);
    while (w->spare_count > 0)
        free(w->spare[--w->spare_count]);
    free(w->queue);
    free(w);
}
