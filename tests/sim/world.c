/* The hosts, their disks and the network between them: see world.h. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE 0
#define TICK_US (100 * US_PER_MS)
#define CHECKS_PER_REGION 2

/* ---- small words ---- */

uint64_t world_random(struct world *w, uint64_t below)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return below == 0 ? 0 : w->random * UINT64_C(2685821657736338717) % below;
}

int64_t host_mono(const struct world *w, const struct host *h)
{
    return h->clock_offset_us + w->now_us + w->now_us / 1000000 * h->clock_ppm +
           w->now_us % 1000000 * h->clock_ppm / 1000000;
}

/* The true time at which the host's clock shows `mono_us`, rounded up. */
int64_t host_true(const struct host *h, int64_t mono_us)
{
    if (mono_us >= TIME_FOREVER_US)
        return TIME_FOREVER_US;
    double rate = 1.0 + (double)h->clock_ppm / 1e6;
    return (int64_t)((double)(mono_us - h->clock_offset_us) / rate) + (h->clock_ppm != 0);
}

void world_say(struct world *w, const struct host *h, const char *format, ...)
{
    char words[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (w->listener != NULL)
        w->listener(w->listener_arg, w, h, NULL, words);
}

void world_break(struct world *w, const char *format, ...)
{
    if (w->broken[0] != '\0')
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(w->broken, sizeof w->broken, format, args);
    va_end(args);
}

const char *world_broken(const struct world *w)
{
    return w->broken[0] != '\0' ? w->broken : NULL;
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

const struct ledger *world_ledger(const struct world *w)
{
    const struct ledger *newest = NULL;
    for (uint8_t n = 0; n < w->host_count; n++) {
        const struct host *h = &w->hosts[n];
        if (h->alive && h->ledger_known && (newest == NULL || h->ledger.version > newest->version))
            newest = &h->ledger;
    }
    return newest;
}

bool world_reaches(const struct world *w, region_id from, region_id to)
{
    return !w->cut[from][to] && !w->cut[to][from] && !w->region_dead[to];
}

static uint8_t index_of(const struct world *w, const struct host *h)
{
    return (uint8_t)(h - w->hosts);
}

/* ---- effects: persist, then send, then act, then the timer ---- */

static void persist(struct world *w, struct host *h)
{
    if (h->store_failed)
        return;
    struct world_persist *p = malloc(sizeof *p);
    if (p == NULL || h->persist_count == WORLD_PERSISTS_MAX)
        abort();
    p->number = ++h->persist_asked;
    p->durable = *node_durable(h->node);
    h->persists[h->persist_count++] = p;
    world_push(w, (struct world_item){ .at = w->now_us + h->disk.latency_us,
                                       .kind = ITEM_PERSISTED, .host = index_of(w, h),
                                       .life = h->life, .needs = p->number });
}

static void send_one(struct world *w, const struct host *from, const struct host *to,
                     const struct message *m, int64_t extra_us)
{
    struct message *copy = malloc(sizeof *copy);
    if (copy == NULL)
        abort();
    *copy = *m;
    int64_t delay = from == to ? 1 : w->delay_us[from->region][to->region];
    if (from != to)
        delay += (int64_t)world_random(w, (uint64_t)delay / 4 + 1) + extra_us;
    world_push(w, (struct world_item){ .at = w->now_us + delay, .kind = ITEM_MESSAGE,
                                       .host = index_of(w, from), .to = index_of(w, to),
                                       .message = copy });
}

static void send_now(struct world *w, struct host *from, uint8_t to, const struct message *m)
{
    struct host *h = &w->hosts[to];
    if (from != h) {
        if (w->cut[from->region][h->region] || world_random(w, 1000) < w->lose_permille)
            return;
        if (world_random(w, 1000) < w->duplicate_permille)
            send_one(w, from, h, m, (int64_t)world_random(w, (uint64_t)US_PER_S));
    }
    send_one(w, from, h, m, 0);
}

/* A durable message waits in the queue, without a time, for the disk. */
static void send_message(struct world *w, struct host *h, const struct effect_send *send)
{
    bool waits = send->durable && h->persist_done < h->persist_asked;
    if (send->durable && h->store_failed)
        return;
    for (uint8_t n = 0; n < w->host_count; n++) {
        if (!node_in(send->to, n))
            continue;
        if (!waits) {
            send_now(w, h, n, &send->message);
            continue;
        }
        struct message *copy = malloc(sizeof *copy);
        if (copy == NULL)
            abort();
        *copy = send->message;
        world_push(w, (struct world_item){ .at = TIME_FOREVER_US, .kind = ITEM_MESSAGE,
                                           .host = index_of(w, h), .to = n, .life = h->life,
                                           .needs = h->persist_asked, .message = copy });
    }
}

static void arm(struct world *w, struct host *h, struct mono_time at)
{
    int64_t when = host_true(h, at.us);
    h->timer_at = when > w->now_us ? when : w->now_us;
    h->timer_number++;
    if (at.us >= TIME_FOREVER_US)
        return;
    world_push(w, (struct world_item){ .at = h->timer_at, .kind = ITEM_TIMER,
                                       .host = index_of(w, h), .life = h->life,
                                       .needs = h->timer_number });
}

static void look(struct world *w, struct host *h)
{
    static struct view_service view;
    node_view(h->node, SERVICE, (struct mono_time){ host_mono(w, h) },
              (struct wall_time){ w->now_us }, &view);
    h->mute = node_mute(h->node);
    if (!view.ledger_known)
        return;
    h->ledger_known = true;
    h->ledger = view.ledger;
    check_chosen(w, h);
}

/* True: a step started at which the host was to die. */
static bool hear_note(struct world *w, struct host *h, const struct note *note)
{
    if (w->listener != NULL)
        w->listener(w->listener_arg, w, h, note, NULL);
    if (note->kind == NOTE_CHOSEN || note->kind == NOTE_VOTING || note->kind == NOTE_MUTE)
        look(w, h);
    return note->kind == NOTE_STEP_STARTED && h->crash_at_step != STEP_NONE &&
           note->step == h->crash_at_step;
}

static void carry_out(struct world *w, struct host *h)
{
    struct effects *effects = &w->effects;
    bool dies = false;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *e = &effects->list[i];
        switch (e->kind) {
        case EFFECT_PERSIST: persist(w, h); break;
        case EFFECT_SEND: send_message(w, h, &e->as.send); break;
        case EFFECT_ACT: act_ask(w, h, &e->as.act); break;
        case EFFECT_REPLY:
            w->replies++;
            w->last_reply = e->as.reply;
            break;
        case EFFECT_NOTE: dies = hear_note(w, h, &e->as.note) || dies; break;
        case EFFECT_TIMER: arm(w, h, e->as.timer_at); break;
        default: break;
        }
    }
    if (dies) {
        h->crash_at_step = STEP_NONE;
        world_say(w, h, "dies here");
        world_host_crash(w, h, h->crash_writes);
    }
}

void world_event(struct world *w, struct host *h, struct node_event *event)
{
    event->now.us = host_mono(w, h);
    event->wall.us = w->now_us + INT64_C(1700000000) * US_PER_S;
    node_step(h->node, event, &w->effects);
    carry_out(w, h);
}

/* ---- the disk ---- */

static void release_held(struct world *w, struct host *h)
{
    for (size_t i = 0; i < w->queued; i++) {
        struct world_item *item = &w->queue[i];
        if (item->kind != ITEM_MESSAGE || item->needs == 0 || item->host != index_of(w, h) ||
            item->life != h->life || item->needs > h->persist_done)
            continue;
        /* Sent now: out of the queue's end and in again with the network's delay. */
        struct message *m = item->message;
        uint8_t to = item->to;
        item->message = NULL;
        item->needs = 0;
        item->life = UINT32_MAX;
        send_now(w, h, to, m);
        free(m);
    }
    world_sweep(w);
}

/* Messages that waited for a disk die with the process. */
static void drop_held(struct world *w, const struct host *h)
{
    for (size_t i = 0; i < w->queued; i++) {
        struct world_item *item = &w->queue[i];
        if (item->kind != ITEM_MESSAGE || item->needs == 0 || item->host != index_of(w, h))
            continue;
        free(item->message);
        item->message = NULL;
        item->life = UINT32_MAX;
    }
    world_sweep(w);
}

static void take_write(struct host *h)
{
    h->persist_done = h->persists[0]->number;
    h->disk.durable = h->persists[0]->durable;
    free(h->persists[0]);
    memmove(h->persists, h->persists + 1, (size_t)(h->persist_count - 1) * sizeof h->persists[0]);
    h->persist_count--;
}

static void forget_writes(struct host *h)
{
    for (uint16_t i = 0; i < h->persist_count; i++)
        free(h->persists[i]);
    h->persist_count = 0;
}

static void on_persisted(struct world *w, struct host *h)
{
    if (h->persist_count == 0)
        return;
    if (h->disk.fails) {
        h->store_failed = true;
        forget_writes(h);
        world_event(w, h, &(struct node_event){ .kind = EVENT_STORE_FAILED });
        return;
    }
    take_write(h);
    release_held(w, h);
}

/* ---- lives of a host ---- */

void world_host_crash(struct world *w, struct host *h, bool writes_first)
{
    if (!h->alive)
        return;
    while (writes_first && !h->store_failed && !h->disk.fails && h->persist_count > 0)
        take_write(h);
    forget_writes(h);
    h->alive = h->paused = false;
    h->ledger_known = false;
    h->known_version = 0;
    drop_held(w, h);
}

void world_host_start(struct world *w, struct host *h)
{
    if (h->alive)
        return;
    h->alive = true;
    h->paused = false;
    h->life++;
    h->disk.restarts++;
    h->persist_asked = h->persist_done = 0;
    h->store_failed = false;
    h->fence_busy_until = 0;
    memset(h->has_change, 0, sizeof h->has_change);
    h->config.instance = h->disk.instance;
    memset(h->node, 0, node_size());
    struct node_store store = { .sound = h->disk.sound, .restarts = h->disk.restarts,
                                .durable = h->disk.durable };
    store.held_until[0].us = h->disk.held_until_us;
    node_init(h->node, &h->config, &store, (struct mono_time){ host_mono(w, h) },
              (struct wall_time){ w->now_us }, &w->effects);
    carry_out(w, h);
    look(w, h);
    world_push(w, (struct world_item){ .at = w->now_us + 10 * US_PER_MS, .kind = ITEM_GUARD_READY,
                                       .host = index_of(w, h), .life = h->life });
    for (uint8_t c = 0; c < h->config.services[SERVICE].check_count; c++) {
        int64_t spread = h->config.services[SERVICE].checks[c].interval_us / 2;
        world_push(w, (struct world_item){
            .at = w->now_us + (int64_t)world_random(w, (uint64_t)spread), .kind = ITEM_PROBE,
            .host = index_of(w, h), .life = h->life, .check = c });
    }
}

void world_host_pause(struct world *w, struct host *h)
{
    (void)w;
    h->paused = true;
}

/* What piled up while the process stood still is there at once when it goes on. */
void world_host_resume(struct world *w, struct host *h)
{
    (void)w;
    h->paused = false;
}

void world_region_kill(struct world *w, region_id region)
{
    w->region_dead[region] = true;
    w->endpoints_up[region] = false;
    world_database_stop(w, region);
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].region == region)
            world_host_crash(w, &w->hosts[n], false);
}

void world_region_return(struct world *w, region_id region)
{
    w->region_dead[region] = false;
    w->endpoints_up[region] = true;
    if (w->options.policy.regions[region].serves)
        world_database_start(w, region);
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].region == region)
            world_host_start(w, &w->hosts[n]);
}

void world_heal(struct world *w)
{
    memset(w->cut, 0, sizeof w->cut);
    w->lose_permille = w->duplicate_permille = 0;
}

void world_order(struct world *w, struct host *h, const struct order *order)
{
    struct node_event event = { .kind = EVENT_ORDER };
    event.as.order = (struct event_order){ SERVICE, 100 + w->replies, *order };
    world_event(w, h, &event);
}

/* ---- probes ---- */

static void on_probe(struct world *w, struct host *h, uint8_t check)
{
    const struct check_policy *policy = &h->config.services[SERVICE].checks[check];
    region_id r = policy->region;
    struct node_event event = { .kind = EVENT_SAMPLE };
    struct sample *sample = &event.as.sample.sample;
    event.as.sample.service = SERVICE;
    *sample = (struct sample){ .check = check, .outcome = SAMPLE_FAILED,
                               .at = { host_mono(w, h) }, .latency_us = 5000 };
    bool reached = h->region == r ? !w->region_dead[r] : world_reaches(w, h->region, r);
    const struct database *db = &w->databases[r];
    if (policy->kind == CHECK_HTTP && reached && w->endpoints_up[r])
        sample->outcome = SAMPLE_OK;
    if (policy->kind == CHECK_POSTGRES && reached && db->up && !db->frozen) {
        sample->outcome = SAMPLE_OK;
        sample->database = database_facts_of(w, r);
        sample->database.write_checked = h->region == r && !db->in_recovery;
        sample->database.write_ok = sample->database.write_checked && world_acknowledges(w, r);
    }
    world_event(w, h, &event);
    if (h->alive)
        world_push(w, (struct world_item){ .at = w->now_us + policy->interval_us,
                                           .kind = ITEM_PROBE, .host = index_of(w, h),
                                           .life = h->life, .check = check });
}

/* ---- playing ---- */

static void on_message(struct world *w, struct host *to, struct message *m)
{
    struct node_event event = { .kind = EVENT_MESSAGE, .as.message = *m };
    world_event(w, to, &event);
}

static void play(struct world *w, struct host *h, struct world_item *item)
{
    struct node_event event = { .kind = EVENT_TIMER };
    switch (item->kind) {
    case ITEM_TIMER:
        if (item->needs == h->timer_number)
            world_event(w, h, &event);
        break;
    case ITEM_MESSAGE: on_message(w, h, item->message); break;
    case ITEM_PERSISTED: on_persisted(w, h); break;
    case ITEM_PROBE: on_probe(w, h, item->check); break;
    case ITEM_ACT_DONE:
        event.kind = EVENT_ACT_DONE;
        event.as.act = *item->result;
        world_event(w, h, &event);
        break;
    case ITEM_GUARD_READY:
        event.kind = EVENT_GUARD_READY;
        event.as.guard_ready = (struct event_guard_ready){ SERVICE, h->guard_ready,
                                                           h->guard_kernel };
        world_event(w, h, &event);
        break;
    case ITEM_ACT_START:
    case ITEM_ACT_END:
    case ITEM_TICK:
    default: break;
    }
}

/* What an event is about: a host in the life it was meant for, or the world. */
static void play_item(struct world *w, struct world_item *item)
{
    uint8_t who = item->kind == ITEM_MESSAGE ? item->to : item->host;
    struct host *h = &w->hosts[who];
    if (item->kind == ITEM_TICK) {
        database_tick(w);
        world_push(w, (struct world_item){ .at = w->now_us + TICK_US, .kind = ITEM_TICK });
        return;
    }
    /* What was asked of a server goes on there, whatever became of who asked. */
    if (item->kind == ITEM_ACT_START || item->kind == ITEM_ACT_END) {
        struct world_act *act = item->act;
        item->act = NULL;
        if (item->kind == ITEM_ACT_START)
            act_start(w, h, act);
        else
            act_end(w, h, act);
        return;
    }
    if (!h->alive || (item->life != 0 && item->life != h->life))
        return;
    if (h->paused) { /* tried again until the process goes on; order is kept */
        struct world_item later = *item;
        later.at = w->now_us + 200 * US_PER_MS;
        item->message = NULL;
        item->result = NULL;
        world_push(w, later);
        return;
    }
    play(w, h, item);
}

bool world_run_one(struct world *w, int64_t until_us)
{
    if (w->broken[0] != '\0' || w->queued == 0 || w->queue[0].at > until_us)
        return false;
    struct world_item item = world_pop(w);
    w->now_us = item.at > w->now_us ? item.at : w->now_us;
    play_item(w, &item);
    free(item.message);
    free(item.result);
    free(item.act);
    check_event(w);
    return true;
}

bool world_run(struct world *w, int64_t until_us)
{
    while (world_run_one(w, until_us)) {
    }
    if (w->broken[0] == '\0' && w->now_us < until_us)
        w->now_us = until_us;
    return w->broken[0] == '\0';
}

/* ---- making ---- */

static void fill_policy(struct world *w, struct service_policy *p)
{
    p->check_count = 0;
    for (region_id r = 0; r < w->options.region_count; r++) {
        p->regions[r].priority = r;
        p->regions[r].guards = 0;
        if (!p->regions[r].serves)
            continue;
        for (uint8_t n = 0; n < w->host_count; n++)
            if (w->hosts[n].region == r)
                p->regions[r].guards = (node_set)(p->regions[r].guards | node_bit(n));
        static const enum check_kind kinds[CHECKS_PER_REGION] = { CHECK_HTTP, CHECK_POSTGRES };
        for (size_t k = 0; k < CHECKS_PER_REGION; k++)
            p->checks[p->check_count++] = (struct check_policy){
                .kind = kinds[k], .region = r, .interval_us = 500 * US_PER_MS,
                .timeout_us = 500 * US_PER_MS, .for_us = w->options.health_for_us, .fall = 2,
                .rise = 2 };
    }
}

static void make_hosts(struct world *w)
{
    for (uint8_t round = 0; round < 4; round++)
        for (region_id r = 0; r < w->options.region_count; r++) {
            if (w->options.coordinators[r] <= round)
                continue;
            struct host *h = &w->hosts[w->host_count];
            h->region = r;
            char name[WORLD_NAME_MAX];
            memcpy(name, w->options.region_name[r], sizeof name);
            if (round == 0)
                memcpy(h->name, name, sizeof name);
            else
                (void)snprintf(h->name, sizeof h->name, "%.24s/%u", name, round + 1u);
            w->host_count++;
        }
}

static void make_config(struct world *w, struct host *h, const struct service_policy *policy)
{
    struct policy_config *c = &h->config;
    uint8_t self = index_of(w, h);
    c->self = self;
    c->node_count = w->host_count;
    c->region_count = w->options.region_count;
    c->service_count = 1;
    unsigned voters = w->options.region_count + w->options.more_voters;
    c->voters = (node_set)((1u << voters) - 1u);
    for (uint8_t n = 0; n < w->host_count; n++)
        c->region_of[n] = w->hosts[n].region;
    c->heartbeat_us = w->options.heartbeat_us;
    c->seed = w->options.seed * 1000 + self + 1u;
    c->services[SERVICE] = *policy;
    h->clock_offset_us = (int64_t)(self + 1) * 100 * US_PER_S;
    h->clock_ppm = w->options.clock_ppm[self];
    h->disk = (struct world_disk){ .sound = true, .instance = 500u + self,
                                   .latency_us = 2 * US_PER_MS };
    h->guard_ready = true;
    h->guard_kernel = policy->fence == FENCE_ENFORCED;
    h->crash_at_step = STEP_NONE;
    h->node = calloc(1, node_size());
    if (h->node == NULL)
        abort();
}

static void make_outside(struct world *w)
{
    static const int64_t act_ms[ACT_KIND_COUNT] = {
        [ACT_FENCE_HOLD] = 2,  [ACT_FENCE_READS] = 2, [ACT_FENCE_SHUT] = 10, [ACT_COMPARE] = 10,
        [ACT_FREEZE] = 20,     [ACT_THAW] = 20,       [ACT_PROMOTE] = 400,   [ACT_HOOKS] = 100,
        [ACT_DNS_READ] = 50,   [ACT_DNS_SUBMIT] = 150, [ACT_DNS_POLL] = 50,  [ACT_DNS_VERIFY] = 50,
        [ACT_ENDPOINTS] = 50,
    };
    for (size_t k = 0; k < ACT_KIND_COUNT; k++)
        w->act_us[k] = act_ms[k] * US_PER_MS;
    region_id writer = w->options.policy.initial_writer;
    for (region_id r = 0; r < w->options.region_count; r++) {
        bool serves = w->options.policy.regions[r].serves;
        w->endpoints_up[r] = true;
        w->databases[r] = (struct database){ .up = serves, .in_recovery = r != writer,
                                             .timeline = 1, .lsn = 1000000, .upstream = writer,
                                             .door_open = true };
        for (region_id to = 0; to < w->options.region_count; to++)
            w->delay_us[r][to] = r == to ? 500 : 20 * US_PER_MS;
    }
    for (uint8_t z = 0; z < WORLD_ZONES_MAX; z++)
        w->zones[z] = (struct zone){
            .mark = w->options.dns_adopted ? DNS_MARK_OURS : DNS_MARK_ABSENT,
            .epoch = w->options.dns_adopted, .operation = 1, .serial = 1, .region = writer };
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
    w->listener = listener;
    w->listener_arg = arg;
    make_hosts(w);
    struct service_policy policy = options->policy;
    fill_policy(w, &policy);
    make_outside(w);
    for (uint8_t n = 0; n < w->host_count; n++)
        make_config(w, &w->hosts[n], &policy);
    for (uint8_t n = 0; n < w->host_count; n++)
        world_host_start(w, &w->hosts[n]);
    world_push(w, (struct world_item){ .at = TICK_US, .kind = ITEM_TICK });
    return w;
}

void world_free(struct world *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->queued; i++) {
        free(w->queue[i].message);
        free(w->queue[i].result);
        free(w->queue[i].act);
    }
    for (uint8_t n = 0; n < w->host_count; n++) {
        forget_writes(&w->hosts[n]);
        free(w->hosts[n].node);
    }
    free(w->queue);
    free(w);
}
