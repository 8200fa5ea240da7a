/* The roads out: dialling, hello, sending, and trying again.
 *
 * A road goes through the phases of enum link_phase; what each owns is said at struct peer. Every
 * way down goes through dial_failed(), which gives all of it back and sets the time of the next try.
 */
#include "coordinator/peer/link_dial.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/random.h"
#include "coordinator/base/text.h"
#include "coordinator/peer/link_wire.h"

#define US(ms) ((int64_t)(ms) * CLOCK_US_PER_MS)
#define PINGS_PER_IDLE 3

static void on_step(void *arg);

/* --- the queue ------------------------------------------------------------------------------ */

static size_t cost_of(const struct queued *one)
{
    return FRAME_HEADER_BYTES + 1 + one->length;
}

static void queue_pop(struct peer *peer)
{
    struct queued *oldest = TAILQ_FIRST(&peer->queue);
    TAILQ_REMOVE(&peer->queue, oldest, entry);
    peer->queued_bytes -= cost_of(oldest);
    free(oldest);
}

static void queue_clear(struct peer *peer)
{
    while (!TAILQ_EMPTY(&peer->queue)) {
        queue_pop(peer);
        peer->dropped_broken++;
    }
}

/* Hands messages to TLS while it has little to do, so that what waits, waits where it can still be
 * dropped. */
static void pump(struct peer *peer)
{
    struct evbuffer *output = bufferevent_get_output(peer->bev);
    int64_t now_us = base_mono_us();
    struct queued *oldest;
    while ((oldest = TAILQ_FIRST(&peer->queue)) != NULL && evbuffer_get_length(output) < LINK_OUTPUT_LOW) {
        if (now_us - oldest->queued_us > US(LINK_QUEUE_AGE_MAX_MS)) {
            peer->dropped_stale++;
        } else if (wire_put(output, WIRE_MESSAGE, oldest->payload, oldest->length)) {
            peer->out_road.frames++;
            peer->out_road.bytes += oldest->length;
        } else {
            peer->dropped_overflow++;
        }
        queue_pop(peer);
    }
}

enum link_send link_dial_send(struct peer *peer, const void *payload, size_t length)
{
    struct queued *one = NULL;
    if (peer->out_road.phase == LINK_PHASE_UP && length > 0 && length <= LINK_PAYLOAD_MAX)
        one = malloc(sizeof *one + length);
    if (one == NULL) {
        peer->dropped_down++;
        return LINK_DROPPED;
    }
    one->queued_us = base_mono_us();
    one->length = length;
    memcpy(one->payload, payload, length);
    while (peer->queued_bytes + cost_of(one) > LINK_QUEUE_BYTES_MAX) {
        queue_pop(peer);
        peer->dropped_overflow++;
    }
    TAILQ_INSERT_TAIL(&peer->queue, one, entry);
    peer->queued_bytes += cost_of(one);
    pump(peer);
    return LINK_QUEUED;
}

/* --- down ----------------------------------------------------------------------------------- */

static void give_back(struct peer *peer)
{
    timer_cancel(&peer->step);
    timer_cancel(&peer->deadline);
    if (peer->lookup != NULL)
        resolve_cancel(peer->lookup);
    peer->lookup = NULL;
    if (peer->connected != NULL)
        event_free(peer->connected);
    peer->connected = NULL;
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
    tls_close(peer->bev);
    peer->bev = NULL;
    peer->round_trip_us = -1;
    queue_clear(peer);
}

/* Full jitter over the upper half: peers that lost each other at one time don't meet again at one. */
static int64_t next_try_us(struct peer *peer)
{
    int64_t half_us = US(peer->backoff_ms) / 2;
    int64_t wait_us = half_us + (int64_t)base_random_below((uint64_t)half_us + 1);
    peer->backoff_ms *= 2;
    if (peer->backoff_ms > LINK_RETRY_MAX_MS)
        peer->backoff_ms = LINK_RETRY_MAX_MS;
    return wait_us;
}

static void dial_failed(struct peer *peer, const char *reason)
{
    bool steady = peer->out_road.phase == LINK_PHASE_UP &&
                  base_mono_us() - peer->out_road.since_us >= US(LINK_STEADY_MS);
    if (steady)
        peer->backoff_ms = LINK_RETRY_MIN_MS;
    give_back(peer);
    timer_set_after_us(&peer->step, next_try_us(peer));
    link_road_ended(peer, LINK_OUT, reason);
}

static void dial_refused(struct peer *peer, enum link_refusal refusal, const char *reason)
{
    link_refused(peer->links, refusal, peer->name, peer->address.text, reason);
    dial_failed(peer, reason);
}

static void on_deadline(void *arg)
{
    struct peer *peer = arg;
    const struct links *links = peer->links;
    struct fault fault;
    char time[CLOCK_DURATION_TEXT_MAX];
    switch (peer->out_road.phase) {
    case LINK_PHASE_WAITING:
    case LINK_PHASE_RESOLVING:
        return;
    case LINK_PHASE_CONNECTING:
        fault_set(&fault, "no answer from %s within %s", peer->address.text,
                  base_format_duration(time, sizeof time, links->connect_us));
        break;
    case LINK_PHASE_HANDSHAKE:
        fault_set(&fault, "%s accepted the connection, but no hello came within %s; the process there may hang",
                  peer->address.text, base_format_duration(time, sizeof time, links->handshake_us));
        break;
    case LINK_PHASE_UP:
        fault_set(&fault, "nothing was heard of it for %s",
                  base_format_duration(time, sizeof time, links->idle_us));
        break;
    }
    dial_failed(peer, fault.text);
}

/* --- up ------------------------------------------------------------------------------------- */

static void ping(struct peer *peer)
{
    peer->ping_us = base_mono_us();
    _Static_assert(sizeof peer->ping_us == WIRE_PING_BYTES, "a ping carries the time of its sending");
    if (!wire_put(bufferevent_get_output(peer->bev), WIRE_PING, &peer->ping_us, WIRE_PING_BYTES)) {
        dial_failed(peer, "no memory for a ping");
        return;
    }
    timer_set_after_us(&peer->step, peer->links->idle_us / PINGS_PER_IDLE);
}

static bool take_hello(struct peer *peer, const unsigned char *payload, size_t length)
{
    enum link_refusal refusal = LINK_REFUSED_FRAME;
    struct fault fault;
    if (payload[0] != WIRE_HELLO) {
        dial_refused(peer, refusal, "its first frame is not a hello");
        return false;
    }
    if (!wire_judge_hello(payload + 1, length - 1, peer->links->cluster, &refusal, &fault)) {
        dial_refused(peer, refusal, fault.text);
        return false;
    }
    link_road_up(peer, LINK_OUT);
    /* The owner may have moved the peer when it heard of it. */
    if (peer->out_road.phase != LINK_PHASE_UP)
        return false;
    ping(peer);
    return peer->bev != NULL;
}

static bool take_frame(struct peer *peer, const unsigned char *payload, size_t length)
{
    char reason[LINK_TEXT_MAX];
    int64_t sent_us;
    if (payload[0] == WIRE_REFUSAL) {
        wire_read_refusal(payload + 1, length - 1, reason);
        dial_failed(peer, reason);
        return false;
    }
    if (peer->out_road.phase == LINK_PHASE_HANDSHAKE)
        return take_hello(peer, payload, length);
    if (payload[0] == WIRE_PONG && length == 1 + WIRE_PING_BYTES) {
        memcpy(&sent_us, payload + 1, sizeof sent_us);
        if (sent_us == peer->ping_us)
            peer->round_trip_us = base_mono_us() - sent_us;
        return true;
    }
    (void)snprintf(reason, sizeof reason, "it answered with an unexpected frame of kind 0x%02x and %zu bytes",
                   payload[0], length);
    dial_refused(peer, LINK_REFUSED_FRAME, reason);
    return false;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct peer *peer = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    const unsigned char *payload;
    size_t length;
    struct fault fault;
    for (int taken = 0; taken < LINK_FRAMES_PER_TURN; taken++) {
        switch (frame_peek(input, &payload, &length, &fault)) {
        case FRAME_PARTIAL:
            return;
        case FRAME_REFUSED:
            dial_refused(peer, LINK_REFUSED_FRAME, fault.text);
            return;
        case FRAME_READY:
            break;
        }
        if (!take_frame(peer, payload, length))
            return;
        timer_set_after_us(&peer->deadline, peer->links->idle_us);
        frame_drop(input, length);
    }
    if (evbuffer_get_length(input) > 0)
        bufferevent_trigger(bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

static void on_drained(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct peer *peer = arg;
    if (peer->out_road.phase == LINK_PHASE_UP)
        pump(peer);
}

static void on_event(struct bufferevent *bev, short events, void *arg)
{
    struct peer *peer = arg;
    struct fault fault;
    char name[TLS_NAME_MAX];
    if ((events & BEV_EVENT_CONNECTED) == 0) {
        bool early = peer->out_road.phase == LINK_PHASE_HANDSHAKE;
        tls_explain(bev, events, &fault);
        if (early)
            link_refused(peer->links, LINK_REFUSED_TLS, peer->name, peer->address.text, fault.text);
        dial_failed(peer, fault.text);
        return;
    }
    /* The handshake has checked it; once more here, where it is used. */
    if (!tls_peer_name(bev, name, &fault))
        dial_refused(peer, LINK_REFUSED_NAME, fault.text);
    else if (strcmp(name, peer->name) != 0)
        dial_refused(peer, LINK_REFUSED_NAME, "the certificate shown is another node's");
    else if (!wire_put_hello(bufferevent_get_output(bev), peer->links->cluster))
        dial_failed(peer, "no memory for a hello");
}

/* --- dialling ------------------------------------------------------------------------------- */

static void begin_handshake(struct peer *peer)
{
    struct fault fault;
    int fd = peer->fd;
    peer->fd = -1;
    peer->out_road.phase = LINK_PHASE_HANDSHAKE;
    peer->bev = tls_dial(peer->links->tls, loop_base(peer->links->loop), fd, peer->name, &fault);
    if (peer->bev == NULL) {
        dial_failed(peer, fault.text);
        return;
    }
    timer_set_after_us(&peer->deadline, peer->links->handshake_us);
    bufferevent_setcb(peer->bev, on_read, on_drained, on_event, peer);
    bufferevent_setwatermark(peer->bev, EV_READ, 0, LINK_INPUT_MAX);
    bufferevent_setwatermark(peer->bev, EV_WRITE, LINK_OUTPUT_LOW - 1, 0);
    bufferevent_enable(peer->bev, EV_READ | EV_WRITE);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct peer *peer = arg;
    struct links *links = peer->links;
    struct fault fault;
    int error = 0;
    socklen_t length = sizeof error;
    event_free(peer->connected);
    peer->connected = NULL;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error != 0) {
        fault_errno(&fault, error, "no connection to %s", peer->address.text);
        dial_failed(peer, fault.text);
        return;
    }
    /* Handshakes begin one after the other, so that many of them don't hold up the loop. */
    int64_t now_us = base_mono_us();
    if (links->next_dial_us < now_us)
        links->next_dial_us = now_us;
    timer_set_at_us(&peer->step, links->next_dial_us);
    links->next_dial_us += US(LINK_DIAL_GAP_MS);
}

static bool connect_to(struct peer *peer, const char *ip, struct fault *fault)
{
    struct links *links = peer->links;
    struct sockaddr_storage where;
    socklen_t length = 0;
    if (!link_address_socket(ip, peer->address.port, &where, &length, fault))
        return false;
    peer->fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd < 0)
        return fault_errno(fault, errno, "no socket");
    link_options(links, peer->fd);
    if (connect(peer->fd, (struct sockaddr *)&where, length) != 0 && errno != EINPROGRESS)
        return fault_errno(fault, errno, "no connection to %s", peer->address.text);
    peer->connected = event_new(loop_base(links->loop), peer->fd, EV_WRITE, on_connected, peer);
    if (peer->connected == NULL || event_add(peer->connected, NULL) != 0)
        return fault_set(fault, "no memory to connect");
    return true;
}

static void begin_connect(struct peer *peer, const char *ip)
{
    struct fault fault;
    peer->out_road.phase = LINK_PHASE_CONNECTING;
    timer_set_after_us(&peer->deadline, peer->links->connect_us);
    if (!connect_to(peer, ip, &fault))
        dial_failed(peer, fault.text);
}

static void on_resolved(const struct resolve_answer *answer, void *arg)
{
    struct peer *peer = arg;
    peer->lookup = NULL;
    if (answer->outcome == RESOLVE_CANCELLED)
        return;
    if (answer->outcome == RESOLVE_OK && answer->address_count > 0)
        begin_connect(peer, answer->addresses[peer->tries++ % answer->address_count].text);
    else
        dial_failed(peer, answer->text);
}

static void begin_lookup(struct peer *peer)
{
    struct fault fault;
    const struct resolve_lookup lookup = {
        .name = peer->address.host, .family = RESOLVE_ANY, .done = on_resolved, .arg = peer
    };
    peer->out_road.phase = LINK_PHASE_RESOLVING;
    peer->lookup = resolver_lookup(peer->links->resolver, &lookup, &fault);
    if (peer->lookup == NULL)
        dial_failed(peer, fault.text);
}

static void on_step(void *arg)
{
    struct peer *peer = arg;
    switch (peer->out_road.phase) {
    case LINK_PHASE_WAITING:
        if (peer->address.literal)
            begin_connect(peer, peer->address.host);
        else
            begin_lookup(peer);
        return;
    case LINK_PHASE_CONNECTING:
        begin_handshake(peer);
        return;
    case LINK_PHASE_UP:
        ping(peer);
        return;
    case LINK_PHASE_RESOLVING:
    case LINK_PHASE_HANDSHAKE:
        return;
    }
}

void link_dial_init(struct peer *peer)
{
    TAILQ_INIT(&peer->queue);
    peer->fd = -1;
    peer->round_trip_us = -1;
    peer->backoff_ms = LINK_RETRY_MIN_MS;
    timer_init(&peer->step, peer->links->loop, on_step, peer);
    timer_init(&peer->deadline, peer->links->loop, on_deadline, peer);
    timer_set_after_us(&peer->step, (int64_t)base_random_below((uint64_t)US(LINK_DIAL_GAP_MS)));
}

void link_dial_anew(struct peer *peer, const char *reason)
{
    if (peer->out_road.phase != LINK_PHASE_WAITING)
        dial_failed(peer, reason);
    peer->backoff_ms = LINK_RETRY_MIN_MS;
    timer_set_after_us(&peer->step, 0);
}

void link_dial_end(struct peer *peer)
{
    give_back(peer);
}
