/* The roads in: accepting, finding out who it is, and reading.
 *
 * Whoever connects costs a handshake, so handshakes begin at a bounded rate, and those that have
 * not proven who they are are bounded in number and in time. When there are too many, the oldest
 * of the address with the most of them goes: a host that opens connections and says nothing drives out
 * its own, not the peers.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/peer/link_parts.h"
#include "coordinator/peer/link_wire.h"

#define LISTEN_BACKLOG 128
#define NOBODY ((size_t)-1)
#define REFUSAL_TEXT_MAX 200
#define ACCEPT_REFILL_US ((int64_t)LINK_ACCEPT_BURST * CLOCK_US_PER_S / LINK_ACCEPT_PER_S)
#define ACCEPT_FAILED_PAUSE_US (500 * (int64_t)CLOCK_US_PER_MS)

static const char *name_of(const struct inbound *in)
{
    return in->peer == NOBODY ? NULL : in->links->peers[in->peer].name;
}

static void inbound_free(struct inbound *in)
{
    struct links *links = in->links;
    if (in->state != IN_UP) {
        TAILQ_REMOVE(&links->half_open, in, entry);
        links->counters.half_open--;
    }
    timer_cancel(&in->deadline);
    tls_close(in->bev);
    free(in);
}

static void become_half_open(struct inbound *in)
{
    TAILQ_INSERT_TAIL(&in->links->half_open, in, entry);
    in->links->counters.half_open++;
}

/* Ends a connection in any state but without a word to the other side. */
static void inbound_end(struct inbound *in, const char *reason)
{
    if (in->state == IN_UP) {
        struct peer *peer = &in->links->peers[in->peer];
        peer->in = NULL;
        link_road_ended(peer, LINK_IN, reason);
    }
    inbound_free(in);
}

static void on_lingered(struct bufferevent *bev, void *arg)
{
    (void)arg;
    tls_goodbye(bev);
    (void)shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void on_discard(struct bufferevent *bev, void *arg)
{
    (void)arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    (void)evbuffer_drain(input, evbuffer_get_length(input));
}

static void on_linger_event(struct bufferevent *bev, short events, void *arg)
{
    (void)bev, (void)events;
    inbound_free(arg);
}

/* Says why, and gives that time to arrive: closing at once with unread bytes would send a reset,
 * which overtakes it. */
static void inbound_refuse(struct inbound *in, enum link_refusal refusal, const char *reason)
{
    struct links *links = in->links;
    link_refused(links, refusal, name_of(in), in->from, reason);
    if (in->state == IN_UP) {
        struct peer *peer = &links->peers[in->peer];
        peer->in = NULL;
        become_half_open(in);
        in->state = IN_LINGER;
        link_road_ended(peer, LINK_IN, reason);
    }
    in->state = IN_LINGER;
    size_t length = strlen(reason);
    if (!wire_put(bufferevent_get_output(in->bev), WIRE_REFUSAL, reason,
                  length < REFUSAL_TEXT_MAX ? length : REFUSAL_TEXT_MAX)) {
        inbound_free(in);
        return;
    }
    bufferevent_setcb(in->bev, on_discard, on_lingered, on_linger_event, in);
    bufferevent_setwatermark(in->bev, EV_READ, 0, 0);
    timer_set_after_us(&in->deadline, LINK_LINGER_MS * (int64_t)CLOCK_US_PER_MS);
}

static void on_deadline(void *arg)
{
    struct inbound *in = arg;
    struct links *links = in->links;
    if (in->state == IN_LINGER) {
        inbound_free(in);
    } else if (in->state == IN_UP) {
        char reason[LINK_TEXT_MAX];
        char time[CLOCK_DURATION_TEXT_MAX];
        (void)snprintf(reason, sizeof reason, "nothing was heard of it for %s",
                       base_format_duration(time, sizeof time, links->idle_us));
        inbound_end(in, reason);
    } else {
        link_refused(links, LINK_REFUSED_DEADLINE, name_of(in), in->from,
                     in->state == IN_HANDSHAKE ? "the TLS handshake was not done in time"
                                               : "no hello came in time");
        inbound_free(in);
    }
}

/* --- frames -------------------------------------------------------------------------------- */

/* The hello: from here on the road is up. */
static bool take_hello(struct inbound *in, const unsigned char *payload, size_t length)
{
    struct links *links = in->links;
    struct peer *peer = &links->peers[in->peer];
    enum link_refusal refusal = LINK_REFUSED_FRAME;
    struct fault fault;
    if (payload[0] != WIRE_HELLO) {
        inbound_refuse(in, LINK_REFUSED_FRAME, "the first frame is not a hello");
        return false;
    }
    if (!wire_judge_hello(payload + 1, length - 1, links->cluster, &refusal, &fault)) {
        inbound_refuse(in, refusal, fault.text);
        return false;
    }
    if (!wire_put_hello(bufferevent_get_output(in->bev), links->cluster)) {
        inbound_free(in);
        return false;
    }
    TAILQ_REMOVE(&links->half_open, in, entry);
    links->counters.half_open--;
    in->state = IN_UP;
    struct inbound *older = peer->in;
    if (older != NULL) {
        links->counters.replaced++;
        inbound_end(older, "it dialled anew");
    }
    peer->in = in;
    link_road_up(peer, LINK_IN);
    return true;
}

/* A frame on a road that is up. False when the connection is gone. */
static bool take_frame(struct inbound *in, const unsigned char *payload, size_t length)
{
    struct links *links = in->links;
    struct peer *peer = &links->peers[in->peer];
    struct evbuffer *output = bufferevent_get_output(in->bev);
    if (payload[0] == WIRE_MESSAGE && length > 1) {
        peer->in_road.frames++;
        peer->in_road.bytes += length - 1;
        links->callbacks.on_frame(in->peer, payload + 1, length - 1, links->callbacks.arg);
        return true;
    }
    if (payload[0] == WIRE_PING && length == 1 + WIRE_PING_BYTES) {
        if (evbuffer_get_length(output) > LINK_PONG_BACKLOG_MAX ||
            wire_put(output, WIRE_PONG, payload + 1, length - 1))
            return true;
        inbound_end(in, "no memory for an answer");
        return false;
    }
    char reason[LINK_TEXT_MAX];
    (void)snprintf(reason, sizeof reason, "an unexpected frame of kind 0x%02x and %zu bytes", payload[0], length);
    inbound_refuse(in, LINK_REFUSED_FRAME, reason);
    return false;
}

/* Bytes that lay in the socket while this node slept are older than anybody reckons with. */
static bool overslept(struct inbound *in)
{
    int64_t now_us = base_mono_us();
    if (in->state != IN_UP || now_us - in->heard_us <= in->links->idle_us) {
        in->heard_us = now_us;
        return false;
    }
    inbound_end(in, "this node was paused, or the peer silent, for longer than the idle deadline; what it sent meanwhile "
                    "is thrown away");
    return true;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct inbound *in = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    const unsigned char *payload;
    size_t length;
    struct fault fault;
    if (in->state == IN_HANDSHAKE || overslept(in))
        return;
    for (int taken = 0; taken < LINK_FRAMES_PER_TURN; taken++) {
        switch (frame_peek(input, &payload, &length, &fault)) {
        case FRAME_PARTIAL:
            return;
        case FRAME_REFUSED:
            inbound_refuse(in, LINK_REFUSED_FRAME, fault.text);
            return;
        case FRAME_READY:
            break;
        }
        bool alive = in->state == IN_HELLO ? take_hello(in, payload, length) : take_frame(in, payload, length);
        if (!alive)
            return;
        timer_set_after_us(&in->deadline, in->links->idle_us);
        frame_drop(input, length);
    }
    if (evbuffer_get_length(input) > 0)
        bufferevent_trigger(bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* --- who is it ----------------------------------------------------------------------------- */

static void identify(struct inbound *in)
{
    struct links *links = in->links;
    char name[TLS_NAME_MAX];
    char reason[LINK_TEXT_MAX];
    struct fault fault;
    in->state = IN_HELLO;
    if (!tls_peer_name(in->bev, name, &fault)) {
        inbound_refuse(in, LINK_REFUSED_NAME, fault.text);
        return;
    }
    if (strcmp(name, links->self) == 0) {
        (void)snprintf(reason, sizeof reason, "the certificate shown names %s, and that is this node itself: two hosts have "
                                              "the same certificate, or an address is wrong", name);
        inbound_refuse(in, LINK_REFUSED_NAME, reason);
        return;
    }
    for (size_t i = 0; i < links->peer_count; i++)
        if (strcmp(links->peers[i].name, name) == 0)
            in->peer = i;
    if (in->peer == NOBODY) {
        (void)snprintf(reason, sizeof reason, "the certificate shown names %s, which is no peer of node %s", name,
                       links->self);
        inbound_refuse(in, LINK_REFUSED_NAME, reason);
    }
}

static void on_event(struct bufferevent *bev, short events, void *arg)
{
    struct inbound *in = arg;
    struct fault fault;
    if ((events & BEV_EVENT_CONNECTED) != 0) {
        identify(in);
        return;
    }
    tls_explain(bev, events, &fault);
    if (in->state == IN_HANDSHAKE)
        link_refused(in->links, LINK_REFUSED_TLS, NULL, in->from, fault.text);
    inbound_end(in, fault.text);
}

/* --- accepting ----------------------------------------------------------------------------- */

static size_t half_open_of(const struct links *links, const char *from)
{
    size_t count = 0;
    const struct inbound *in;
    TAILQ_FOREACH(in, &links->half_open, entry)
        count += strcmp(in->from, from) == 0;
    return count;
}

static void make_room(struct links *links)
{
    struct inbound *greediest = NULL;
    size_t most = 0;
    struct inbound *in;
    if (links->counters.half_open < LINK_HALF_OPEN_MAX)
        return;
    /* The list is in order of age, so the first one of the address is its oldest. */
    TAILQ_FOREACH(in, &links->half_open, entry) {
        size_t count = half_open_of(links, in->from);
        if (count > most) {
            most = count;
            greediest = in;
        }
    }
    link_refused(links, LINK_REFUSED_CROWD, name_of(greediest), greediest->from,
                 "too many connections have not proven who they are");
    inbound_free(greediest);
}

static void inbound_new(struct links *links, int fd, const struct sockaddr *from)
{
    struct fault fault;
    struct inbound *in = calloc(1, sizeof *in);
    if (in == NULL) {
        close(fd);
        return;
    }
    link_options(links, fd);
    in->links = links;
    in->peer = NOBODY;
    in->heard_us = base_mono_us();
    link_address_of(from, in->from);
    in->bev = tls_accept(links->tls, loop_base(links->loop), fd, &fault);
    if (in->bev == NULL) {
        link_refused(links, LINK_REFUSED_TLS, NULL, in->from, fault.text);
        free(in);
        return;
    }
    become_half_open(in);
    timer_init(&in->deadline, links->loop, on_deadline, in);
    timer_set_after_us(&in->deadline, links->handshake_us);
    bufferevent_setcb(in->bev, on_read, NULL, on_event, in);
    bufferevent_setwatermark(in->bev, EV_READ, 0, LINK_INPUT_MAX);
    bufferevent_enable(in->bev, EV_READ | EV_WRITE);
}

static void on_refill(void *arg)
{
    struct links *links = arg;
    links->accept_tokens = LINK_ACCEPT_BURST;
    (void)evconnlistener_enable(links->listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length,
                      void *arg)
{
    (void)length;
    struct links *links = arg;
    links->counters.accepted++;
    make_room(links);
    inbound_new(links, fd, from);
    links->accept_tokens--;
    if (!timer_is_set(&links->accept_refill))
        timer_set_after_us(&links->accept_refill, ACCEPT_REFILL_US);
    /* The rest waits in the kernel's queue. */
    if (links->accept_tokens == 0)
        (void)evconnlistener_disable(listener);
}

/* Out of descriptors: the connection stays in the kernel's queue and would be reported again at
 * once, without end. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    struct links *links = arg;
    int error = EVUTIL_SOCKET_ERROR();
    link_refused(links, LINK_REFUSED_CROWD, NULL, NULL, strerror(error));
    (void)evconnlistener_disable(listener);
    links->accept_tokens = 0;
    timer_set_after_us(&links->accept_refill, ACCEPT_FAILED_PAUSE_US);
}

static int bound_socket(const struct link_address *address, struct fault *fault)
{
    struct sockaddr_storage where;
    socklen_t length = 0;
    int one = 1;
    if (!link_address_socket(address->host, address->port, &where, &length, fault))
        return -1;
    int fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fault_errno(fault, errno, "no socket to listen on");
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&where, length) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    fault_errno(fault, errno, "can't listen for peers on %s; is another failoverd running, or is the address not one of "
                              "this host's?", address->text);
    close(fd);
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage bound = { 0 };
    socklen_t length = sizeof bound;
    uint16_t port = 0;
    if (getsockname(fd, (struct sockaddr *)&bound, &length) == 0) {
        /* The port is at the same place in both families. */
        memcpy(&port, (const char *)&bound + sizeof(sa_family_t), sizeof port);
    }
    return (uint16_t)(port >> 8 | port << 8);
}

bool link_listen(struct links *links, const char *address, struct fault *fault)
{
    struct link_address parsed;
    if (!link_address_parse(address, &parsed, fault))
        return false;
    if (!parsed.literal)
        return fault_set(fault, "the address to listen on has to be an IP address, and \"%s\" is a name", parsed.host);
    int fd = bound_socket(&parsed, fault);
    if (fd < 0)
        return false;
    links->port = port_of(fd);
    links->accept_tokens = LINK_ACCEPT_BURST;
    timer_init(&links->accept_refill, links->loop, on_refill, links);
    links->listener = evconnlistener_new(loop_base(links->loop), on_accept, links,
                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (links->listener == NULL) {
        close(fd);
        return fault_set(fault, "no memory to listen");
    }
    evconnlistener_set_error_cb(links->listener, on_accept_failed);
    return true;
}

void link_accept_end(struct links *links)
{
    if (links->listener == NULL)
        return;
    timer_cancel(&links->accept_refill);
    evconnlistener_free(links->listener);
    while (!TAILQ_EMPTY(&links->half_open))
        inbound_free(TAILQ_FIRST(&links->half_open));
    for (size_t i = 0; i < links->peer_count; i++)
        if (links->peers[i].in != NULL) {
            inbound_free(links->peers[i].in);
            links->peers[i].in = NULL;
        }
}
