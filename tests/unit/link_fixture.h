/* Nodes with links on one loop, and a wire of our own that can misbehave, for the link suites. */
#ifndef FAILOVERD_TESTS_LINK_FIXTURE_H
#define FAILOVERD_TESTS_LINK_FIXTURE_H

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/peer/link.h"
#include "tests/unit/pki.h"
#include "tests/unit/suite.h"

#define FIXTURE_WAIT_S 20
#define FIXTURE_NODES 4
#define UNUSED_PORT "127.0.0.1:1"

static char *const fixture_nodes[] = { "a", "b", "c", "a:expired", "a:future", "a:other-ca", "b:expired",
                                       "b:other-ca", "b:two-names", NULL };
static struct fault fault;
static struct loop *loop;

struct node {
    struct links *links;
    size_t frames;
    size_t bytes;
    unsigned char last[LINK_PAYLOAD_MAX];
    size_t last_length;
    size_t last_peer;
    int ups[2];
    int downs[2];
    char reason[LINK_TEXT_MAX]; /* of the last down */
};

static inline void fixture_frame(size_t peer, const unsigned char *payload, size_t length, void *arg)
{
    struct node *node = arg;
    node->frames++;
    node->bytes += length;
    memcpy(node->last, payload, length);
    node->last_length = length;
    node->last_peer = peer;
}

static inline void fixture_state(size_t peer, enum link_direction direction, bool up, const char *reason, void *arg)
{
    (void)peer;
    struct node *node = arg;
    if (up)
        node->ups[direction]++;
    else
        node->downs[direction]++;
    if (!up)
        (void)snprintf(node->reason, sizeof node->reason, "%s", reason);
}

static inline void fixture_begin(void)
{
    struct log_settings quiet = log_settings_default();
    quiet.level = LOG_LEVEL_ERROR;
    log_open(&quiet);
    pki_need(fixture_nodes);
    loop = loop_new("test", &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
}

/* libevent forgets to free a bufferevent that still has a callback put off when its base goes; one
 * turn lets them run. */
static inline void fixture_end(void)
{
    (void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
    loop_free(loop);
    loop = NULL;
}

static inline const char *local_address(uint16_t port)
{
    static char texts[4][32];
    static unsigned next;
    char *text = texts[next++ % 4];
    (void)snprintf(text, sizeof texts[0], "127.0.0.1:%u", port);
    return text;
}

/* Deadlines that suit a test: short where something has to run out. */
static inline struct links_settings fixture_settings(const char *self, const struct links_peer *peers, size_t count)
{
    return (struct links_settings){
        .self = self, .cluster = "shop", .listen = "127.0.0.1:0", .tls = pki_files(self), .peers = peers,
        .peer_count = count, .connect_ms = 2000, .handshake_ms = 3000, .idle_ms = 5000,
    };
}

static inline void node_start_with(struct node *node, struct links_settings settings)
{
    memset(node, 0, sizeof *node);
    settings.callbacks = (struct links_callbacks){ node, fixture_frame, fixture_state };
    node->links = links_new(loop, &settings, &fault);
    if (node->links == NULL)
        puts(fault.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(node->links);
}

/* With one peer. */
static inline void node_start(struct node *node, const char *self, const char *peer, const char *address)
{
    const struct links_peer peers[] = { { peer, address } };
    node_start_with(node, fixture_settings(self, peers, 1));
}

static inline void node_stop(struct node *node)
{
    links_free(node->links);
    node->links = NULL;
}

static inline struct link_status status_of(const struct node *node)
{
    struct link_status status;
    links_status(node->links, 0, &status);
    return status;
}

static inline uint64_t refused_of(const struct node *node, enum link_refusal refusal)
{
    struct links_counters counters;
    links_counters(node->links, &counters);
    return counters.refused[refusal];
}

/* --- waiting ------------------------------------------------------------------------------- */

struct fixture_wait {
    bool (*met)(void *arg);
    void *arg;
    struct timer tick;
    int64_t until_us;
    bool ok;
};

static inline void fixture_tick(void *arg)
{
    struct fixture_wait *wait = arg;
    wait->ok = wait->met(wait->arg);
    if (wait->ok || base_mono_us() > wait->until_us)
        loop_stop(loop);
    else
        timer_set_after_us(&wait->tick, 2 * CLOCK_US_PER_MS);
}

/* Runs the loop until it is met; false when it never is. */
static inline bool wait_until(bool (*met)(void *arg), void *arg)
{
    struct fixture_wait wait = { .met = met, .arg = arg };
    wait.until_us = base_mono_us() + FIXTURE_WAIT_S * (int64_t)CLOCK_US_PER_S;
    timer_init(&wait.tick, loop, fixture_tick, &wait);
    timer_set_after_us(&wait.tick, 0);
    CU_ASSERT(loop_run(loop, &fault));
    timer_cancel(&wait.tick);
    return wait.ok;
}

static inline bool time_is_over(void *arg)
{
    return base_mono_us() >= *(int64_t *)arg;
}

static inline void run_for_ms(int64_t ms)
{
    int64_t until_us = base_mono_us() + ms * CLOCK_US_PER_MS;
    CU_ASSERT(wait_until(time_is_over, &until_us));
}

struct pair {
    struct node *a;
    struct node *b;
};

static inline bool both_up(void *arg)
{
    const struct pair *pair = arg;
    struct link_status a = status_of(pair->a);
    struct link_status b = status_of(pair->b);
    return a.out.phase == LINK_PHASE_UP && a.in.phase == LINK_PHASE_UP && b.out.phase == LINK_PHASE_UP &&
           b.in.phase == LINK_PHASE_UP;
}

static inline void pair_start(struct node *a, struct node *b)
{
    struct pair pair = { a, b };
    node_start(a, "a", "b", UNUSED_PORT);
    node_start(b, "b", "a", local_address(links_port(a->links)));
    CU_ASSERT(links_readdress(a->links, 0, local_address(links_port(b->links)), &fault));
    CU_ASSERT_FATAL(wait_until(both_up, &pair));
}

/* The reason of the last failed road out contains the word. */
struct wanted {
    struct node *node;
    const char *word;
};

static inline bool out_error_has(void *arg)
{
    const struct wanted *wanted = arg;
    return strstr(status_of(wanted->node).out.error, wanted->word) != NULL;
}

static inline void expect_out_error(struct node *node, const char *word)
{
    struct wanted wanted = { node, word };
    bool ok = wait_until(out_error_has, &wanted);
    if (!ok)
        printf("  wanted \"%s\" in: %s\n", word, status_of(node).out.error);
    CU_ASSERT(ok);
}

struct wanted_refusal {
    struct node *node;
    enum link_refusal refusal;
    uint64_t count;
};

static inline bool refused_so_often(void *arg)
{
    const struct wanted_refusal *wanted = arg;
    return refused_of(wanted->node, wanted->refusal) >= wanted->count;
}

static inline void expect_refused(struct node *node, enum link_refusal refusal, uint64_t count)
{
    struct wanted_refusal wanted = { node, refusal, count };
    CU_ASSERT(wait_until(refused_so_often, &wanted));
}

/* --- a wire of our own --------------------------------------------------------------------- */

struct wire {
    struct tls_context *tls;
    struct bufferevent *bev;
    struct evbuffer *heard;
    bool connected;
    bool over;
    char end[FAULT_TEXT_MAX];
};

static inline void wire_read(struct bufferevent *bev, void *arg)
{
    struct wire *wire = arg;
    evbuffer_add_buffer(wire->heard, bufferevent_get_input(bev));
}

static inline void wire_event(struct bufferevent *bev, short events, void *arg)
{
    struct wire *wire = arg;
    struct fault why;
    if ((events & BEV_EVENT_CONNECTED) != 0) {
        wire->connected = true;
        return;
    }
    tls_explain(bev, events, &why);
    memcpy(wire->end, why.text, sizeof wire->end);
    wire->over = true;
}

static inline int connected_socket(uint16_t port)
{
    struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(port) };
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
    CU_ASSERT_EQUAL(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static inline void wire_use(struct wire *wire, struct bufferevent *bev)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(bev);
    wire->bev = bev;
    wire->heard = evbuffer_new();
    bufferevent_setcb(bev, wire_read, NULL, wire_event, wire);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static inline bool wire_is_connected(void *arg)
{
    return ((struct wire *)arg)->connected;
}

static inline bool wire_is_over(void *arg)
{
    return ((struct wire *)arg)->over;
}

static inline bool wire_heard_something(void *arg)
{
    return evbuffer_get_length(((struct wire *)arg)->heard) > 0;
}

/* Dials `node`, which is called `name`, with the certificate of `self`. */
static inline void wire_dial(struct wire *wire, const char *self, const struct node *node, const char *name)
{
    struct tls_files files = pki_files(self);
    memset(wire, 0, sizeof *wire);
    wire->tls = tls_context_new(&files, self, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(wire->tls);
    wire_use(wire, tls_dial(wire->tls, loop_base(loop), connected_socket(links_port(node->links)), name, &fault));
    CU_ASSERT(wait_until(wire_is_connected, wire));
}

static inline void wire_say(struct wire *wire, const void *bytes, size_t length)
{
    CU_ASSERT_EQUAL(bufferevent_write(wire->bev, bytes, length), 0);
}

static inline void wire_say_frame(struct wire *wire, const char *payload, size_t length)
{
    unsigned char header[FRAME_HEADER_BYTES];
    frame_header(header, length);
    wire_say(wire, header, sizeof header);
    wire_say(wire, payload, length);
}

static inline void wire_say_hello(struct wire *wire)
{
    static const char hello[] = "H{\"hello\":1,\"cluster\":\"shop\"}";
    wire_say_frame(wire, hello, sizeof hello - 1);
}

static inline bool wire_heard(const struct wire *wire, const char *word)
{
    return evbuffer_search(wire->heard, word, strlen(word), NULL).pos >= 0;
}

static inline void wire_close(struct wire *wire)
{
    tls_close(wire->bev);
    if (wire->heard != NULL)
        evbuffer_free(wire->heard);
    tls_context_free(wire->tls);
    memset(wire, 0, sizeof *wire);
}

#endif
