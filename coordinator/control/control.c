/* The shell around the core: see control.h. */
#include "coordinator/control/control_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/log.h"
#include "coordinator/base/notify.h"
#include "coordinator/base/random.h"
#include "coordinator/control/held.h"
#include "coordinator/control/policy_setup.h"
#include "coordinator/control/probing.h"
#include "coordinator/store/durable.h"

#define STORE_CLOSE_MS 2000
#define REFUSED_LOG_EVERY_US (10 * US_PER_S)

/* ---- effects ---- */

static void fail_store(struct control *c, const char *why)
{
    if (c->store_failed)
        return;
    c->store_failed = true;
    log_event(LOG_LEVEL_ERROR,
              "the store refused a write; this voter says nothing more until it is restarted",
              LOG_STR("reason", why));
    outbox_fail(c->outbox);
    control_event(c, &(struct node_event){ .kind = EVENT_STORE_FAILED });
}

static void persist(struct control *c, uint64_t ticket)
{
    struct fault fault;
    size_t length = 0;
    outbox_expect(c->outbox, ticket);
    if (c->writer == NULL) {
        fail_store(c, "there is no store");
        return;
    }
    if (!durable_encode(&c->names, node_durable(c->node), c->durable, sizeof c->durable, &length,
                        &fault) ||
        !store_writer_save(c->writer, c->durable, length, ticket, &fault))
        fail_store(c, fault.text);
}

static void on_written(uint64_t ticket, bool ok, const struct fault *fault, void *arg)
{
    struct control *c = arg;
    if (ok)
        outbox_written(c->outbox, ticket);
    else
        fail_store(c, fault->text);
}

static void send_to_peers(struct control *c, const struct effect_send *send)
{
    struct fault fault;
    char bytes[CODEC_MESSAGE_MAX];
    size_t length = 0;
    node_set others = (node_set)(send->to & ~node_bit(c->policy.self));
    if (others == 0)
        return;
    if (!codec_encode_message(&c->names, &send->message, bytes, sizeof bytes, &length, &fault)) {
        log_event(LOG_LEVEL_ERROR, "a message of ours can't be encoded and is not sent",
                  LOG_STR("reason", fault.text));
        return;
    }
    for (node_id n = 0; n < c->policy.node_count; n++)
        if (node_in(others, n))
            (void)links_send(c->links, c->node_link[n], bytes, length);
}

/* The outbox says that it may leave. */
static void on_send(void *arg, const struct effect_send *send)
{
    struct control *c = arg;
    send_to_peers(c, send);
    if (node_in(send->to, c->policy.self))
        control_event(c, &(struct node_event){ .kind = EVENT_MESSAGE,
                                               .as.message = send->message });
}

static void take_note(struct control *c, const struct note *note)
{
    journal_note(c->parts.journal, note);
    notifier_note(c->notifier, note);
    /* The note's c is the ledger's writer. */
    if (note->kind == NOTE_CHOSEN)
        probing_set_writer(c->parts.probing, note->service, (uint8_t)note->c);
    if (note->kind == NOTE_VOTING && c->parts.store != NULL)
        store_settle(c->parts.store);
}

static void carry_out(struct control *c, struct effects *effects)
{
    /* Persist and send before act, whatever order the core found them in. */
    for (size_t i = 0; i < effects->count; i++) {
        struct effect *e = &effects->list[i];
        switch (e->kind) {
        case EFFECT_PERSIST: persist(c, e->as.persist.ticket); break;
        case EFFECT_SEND: outbox_put(c->outbox, &e->as.send); break;
        case EFFECT_NOTE: take_note(c, &e->as.note); break;
        case EFFECT_REPLY: control_people_answer(c, &e->as.reply); break;
        case EFFECT_ACT:
        case EFFECT_TIMER:
        default: break;
        }
    }
    for (size_t i = 0; i < effects->count; i++) {
        struct effect *e = &effects->list[i];
        if (e->kind == EFFECT_ACT)
            control_act(c, &e->as.act);
        else if (e->kind == EFFECT_TIMER && e->as.timer_at.us < TIME_FOREVER_US)
            timer_set_at_us(&c->timer, e->as.timer_at.us);
    }
}

/* ---- events ---- */

static void work_line(struct control *c)
{
    c->stepping = true;
    while (c->first != NULL) {
        struct queued_event *q = c->first;
        c->first = q->next;
        if (c->first == NULL)
            c->last = &c->first;
        q->event.now.us = base_mono_us();
        q->event.wall.us = base_wall_us();
        node_step(c->node, &q->event, &c->effects);
        free(q);
        carry_out(c, &c->effects);
    }
    c->stepping = false;
}

void control_event(struct control *c, const struct node_event *event)
{
    struct queued_event *q = malloc(sizeof *q);
    ensure(q != NULL);
    q->next = NULL;
    q->event = *event;
    *c->last = q;
    c->last = &q->next;
    if (!c->stepping)
        work_line(c);
}

static void on_timer(void *arg)
{
    control_event(arg, &(struct node_event){ .kind = EVENT_TIMER });
}

/* What a message says that its sender's voter has accepted; NULL where it says nothing of that. */
static const struct register_report *report_in(const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_PROMISE: return &m->as.promise.report;
    case MESSAGE_ACCEPTED: return &m->as.accepted.report;
    case MESSAGE_GRANT:
    case MESSAGE_REFUSE: return &m->as.grant.report;
    case MESSAGE_GOSSIP: return &m->as.gossip.report;
    case MESSAGE_PREPARE:
    case MESSAGE_ACCEPT:
    case MESSAGE_REJECT:
    case MESSAGE_RENEW:
    case MESSAGE_RELEASE:
    case MESSAGE_CONFIRM:
    case MESSAGE_VERDICT:
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
    default: return NULL;
    }
}

/* Kept for people who ask whether a database may start: a service of which nobody has a ledger is new. */
static void note_report(struct control *c, const struct message *m)
{
    const struct register_report *report = report_in(m);
    if (report != NULL && report->present && m->service < c->policy.service_count)
        c->services[m->service].ledger_reported = true;
}

static void refuse_frame(struct control *c, size_t peer, const struct fault *fault)
{
    c->refused_messages++;
    int64_t now = base_mono_us();
    if (now - c->refused_logged_us < REFUSED_LOG_EVERY_US)
        return;
    c->refused_logged_us = now;
    log_event(LOG_LEVEL_WARNING, "a peer's message was refused",
              LOG_STR("node", c->parts.cluster->nodes[c->link_node[peer]].name),
              LOG_STR("reason", fault->text), LOG_UINT("refused", c->refused_messages));
}

static void on_frame(size_t peer, const unsigned char *payload, size_t length, void *arg)
{
    struct control *c = arg;
    struct fault fault;
    struct node_event event = { .kind = EVENT_MESSAGE };
    if (ask_what(payload, length) != ASK_NEITHER) {
        if (!control_remote_frame(c, c->link_node[peer], payload, length, &fault))
            refuse_frame(c, peer, &fault);
        return;
    }
    if (codec_decode_message(&c->names, payload, length, c->link_node[peer], &event.as.message,
                             &fault)) {
        note_report(c, &event.as.message);
        if (event.as.message.kind == MESSAGE_GOSSIP)
            notifier_hear(c->notifier, &event.as.message.as.gossip.ack);
        control_event(c, &event);
        return;
    }
    refuse_frame(c, peer, &fault);
}

static void on_state(size_t peer, enum link_direction direction, bool up, const char *reason,
                     void *arg)
{
    struct control *c = arg;
    node_id node = c->link_node[peer];
    log_event(up ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, up ? "link up" : "link down",
              LOG_STR("node", c->parts.cluster->nodes[node].name),
              LOG_STR("direction", direction == LINK_OUT ? "out" : "in"),
              LOG_STR("reason", reason));
    if (!up)
        control_remote_lost(c, node);
    if (direction != LINK_OUT)
        return;
    struct node_event event = { .kind = EVENT_LINK };
    event.as.link = (struct event_link){ node, up };
    control_event(c, &event);
}

struct posted_sample {
    struct control *control;
    struct event_sample sample;
    struct probe_waits waits;
};

/* For status alone: the core hears nothing of it. */
static void note_waits(struct control *c, const struct posted_sample *posted)
{
    const struct service_config *service = &c->parts.cluster->services[posted->sample.service];
    if (!posted->waits.known)
        return;
    for (size_t r = 0; r < service->region_count; r++)
        for (size_t i = 0; i < service->regions[r].check_count; i++)
            if (service->regions[r].checks[i].index == posted->sample.sample.check)
                c->waits[posted->sample.service][service->regions[r].region] =
                    (struct status_waits){ posted->waits, posted->sample.sample.at.us };
}

static void on_sample(void *arg)
{
    struct posted_sample *posted = arg;
    struct node_event event = { .kind = EVENT_SAMPLE };
    event.as.sample = posted->sample;
    note_waits(posted->control, posted);
    control_event(posted->control, &event);
    free(posted);
}

void control_post_sample(struct control *c, uint8_t service, const struct sample *sample,
                         const struct probe_waits *waits)
{
    struct posted_sample *posted = malloc(sizeof *posted);
    if (posted == NULL)
        return; /* a round that nobody hears of; the next one comes */
    *posted = (struct posted_sample){ c, { service, *sample }, *waits };
    if (!loop_post(c->parts.loop, on_sample, posted))
        free(posted);
}

/* The watchdog is kicked here and nowhere else: a control loop that hangs gets the daemon
 * restarted, and its guard's kernel lease expires by itself meanwhile. */
static void on_watchdog(void *arg)
{
    struct control *c = arg;
    notify_send("WATCHDOG=1");
    timer_set_after_us(&c->watchdog, notify_watchdog_us());
}

/* ---- life ---- */

static bool open_links(struct control *c, struct fault *fault)
{
    const struct cluster_config *cluster = c->parts.cluster;
    struct links_peer peers[LINK_PEERS_MAX];
    for (size_t n = 0; n < cluster->node_count; n++) {
        if (n == c->parts.self)
            continue;
        peers[c->link_count] = (struct links_peer){ cluster->nodes[n].name,
                                                    cluster->nodes[n].address };
        c->link_node[c->link_count] = (node_id)n;
        c->node_link[n] = c->link_count++;
    }
    int64_t idle_ms = 3 * cluster->heartbeat_us / US_PER_MS;
    struct links_settings settings = {
        .self = c->parts.local->name,
        .cluster = cluster->cluster,
        .listen = c->parts.local->listen,
        .tls = { .ca = c->parts.local->tls.ca,
                 .certificate = c->parts.local->tls.certificate,
                 .key = c->parts.local->tls.key },
        .peers = peers,
        .peer_count = c->link_count,
        .idle_ms = idle_ms > LINK_IDLE_MS_DEFAULT ? idle_ms : LINK_IDLE_MS_DEFAULT,
        .resolver = c->parts.resolver,
        .callbacks = { c, on_frame, on_state },
    };
    c->links = links_new(c->parts.loop, &settings, fault);
    return c->links != NULL;
}

static bool open_store(struct control *c, struct node_store *store, struct fault *fault)
{
    *store = (struct node_store){ .sound = false, .restarts = (uint32_t)c->parts.restarts };
    if (c->parts.store == NULL)
        return true; /* mute, and says so */
    struct fault why;
    if (!durable_decode(&c->names, c->parts.found->payload, c->parts.found->length,
                        &store->durable, &why)) {
        log_event(LOG_LEVEL_ERROR, "what the store holds does not fit this configuration",
                  LOG_STR("reason", why.text));
        return true;
    }
    /* The file only bootstraps the voters: from the first write on, the store's set holds, whatever the file says. */
    if (store->durable.voters.set.version == 1)
        c->names.voters = store->durable.voters.set.voters;
    if (!codec_names_finish(&c->names, fault))
        return false;
    store->sound = true;
    store->doubt = c->parts.found->doubt;
    c->brand_new = store->durable.generation == 0 && !store->doubt &&
                   c->parts.cluster->nodes[c->parts.self].voter;
    c->writer = store_writer_new(c->parts.loop, c->parts.store, on_written, c, fault);
    return c->writer != NULL;
}

static bool open_node(struct control *c, struct fault *fault)
{
    struct node_store *store = calloc(1, sizeof *store);
    c->node = calloc(1, node_size((uint8_t)c->parts.cluster->service_count));
    c->outbox = outbox_new(on_send, c);
    if (store == NULL || c->node == NULL || c->outbox == NULL) {
        free(store);
        return fault_set(fault, "out of memory for the core");
    }
    bool opened = open_store(c, store, fault);
    for (size_t s = 0; s < c->parts.cluster->service_count; s++)
        store->held_until[s].us = held_read(c->parts.local, c->parts.cluster->services[s].name);
    if (opened) {
        /* Without a store this process is an instance that nobody has ever named. */
        uint64_t instance = c->parts.store != NULL ? store_id(c->parts.store) : base_random_u64();
        policy_setup(&c->policy, c->parts.cluster, c->parts.self, instance);
        node_init(c->node, &c->policy, store, (struct mono_time){ base_mono_us() },
                  (struct wall_time){ base_wall_us() }, &c->effects);
    }
    free(store);
    return opened;
}

struct control *control_new(const struct control_parts *parts, struct fault *fault)
{
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    c->parts = *parts;
    c->started_us = base_mono_us();
    c->last = &c->first;
    c->remote_number = base_random_u64() >> 1; /* another process of ours had others */
    c->stepping = true; /* until all is open: what answers at once waits in line */
    timer_init(&c->timer, parts->loop, on_timer, c);
    timer_init(&c->watchdog, parts->loop, on_watchdog, c);
    if (!codec_names_from_config(&c->names, parts->cluster, fault) || !control_notify_open(c, fault) ||
        !open_node(c, fault) || !open_links(c, fault) || !control_people_open(c, fault) ||
        !control_acts_open(c, fault)) {
        control_free(c);
        return NULL;
    }
    carry_out(c, &c->effects);
    work_line(c);
    control_tell_ready(c);
    control_return_begin(c);
    control_notify_begin(c);
    if (notify_watchdog_us() > 0)
        timer_set_after_us(&c->watchdog, 0);
    return c;
}

void control_free(struct control *c)
{
    if (c == NULL)
        return;
    c->stepping = true; /* nothing steps the node on the way out */
    timer_cancel(&c->timer);
    timer_cancel(&c->watchdog);
    control_probe_close(c);
    control_remote_close(c);
    control_server_free(c->server);
    control_notify_close(c);
    control_acts_close(c);
    links_free(c->links);
    if (c->writer != NULL && !store_writer_free(c->writer, STORE_CLOSE_MS)) {
        /* Its thread hangs in the disk with the store in hand: nothing can be freed under it. */
        log_message(LOG_LEVEL_WARNING, "a write to the store does not end; leaving without it");
        _exit(EXIT_FAILURE);
    }
    outbox_free(c->outbox);
    while (c->first != NULL) {
        struct queued_event *q = c->first;
        c->first = q->next;
        free(q);
    }
    free(c->node);
    explicit_bzero(c->services, sizeof c->services);
    free(c);
}

bool control_reload_tls(struct control *c, struct fault *fault)
{
    struct tls_files files = { .ca = c->parts.local->tls.ca,
                               .certificate = c->parts.local->tls.certificate,
                               .key = c->parts.local->tls.key };
    return links_reload_tls(c->links, &files, fault);
}
