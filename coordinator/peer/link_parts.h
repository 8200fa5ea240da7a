/* What link.c (the roads out, and the whole) and link_accept.c (the roads in) share. Private. */
#ifndef FAILOVERD_PEER_LINK_PARTS_H
#define FAILOVERD_PEER_LINK_PARTS_H

#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "coordinator/peer/link.h"

#define LINK_HOST_MAX 256
#define LINK_INPUT_MAX (2 * (FRAME_HEADER_BYTES + FRAME_MAX)) /* unread bytes kept of one road */
#define LINK_OUTPUT_LOW (16 * 1024) /* below it the next messages are handed to TLS */
#define LINK_PONG_BACKLOG_MAX (16 * 1024) /* a dialler that reads no answers gets no more */
#define LINK_LINGER_MS 500   /* for a refusal to reach the other side */
#define LINK_STEADY_MS 1000  /* a road that stood for it is dialled again without backing off */
#define LINK_LOG_EVERY_MS 60000 /* the same complaint again */

struct link_address {
    char text[LINK_ADDRESS_MAX];
    char host[LINK_HOST_MAX];
    uint16_t port;
    bool literal;
};

struct queued {
    TAILQ_ENTRY(queued) entry;
    int64_t queued_us;
    size_t length;
    unsigned char payload[];
};
TAILQ_HEAD(queue, queued);

/* An accepted connection. Half open: in the list, until its hello was good, and again while its
 * refusal is on its way. Then it is its peer's `in`. */
struct inbound {
    TAILQ_ENTRY(inbound) entry;
    struct links *links;
    struct bufferevent *bev;
    struct timer deadline;
    enum { IN_HANDSHAKE, IN_HELLO, IN_UP, IN_LINGER } state;
    size_t peer; /* from IN_HELLO on */
    int64_t heard_us;
    char from[RESOLVER_ADDRESS_MAX]; /* address without the port */
};
TAILQ_HEAD(inbounds, inbound);

struct peer {
    struct links *links;
    size_t index;
    char name[TLS_NAME_MAX];
    struct link_address address;

    struct inbound *in; /* only while it is up */
    struct link_road in_road;

    struct link_road out_road;
    struct resolve *lookup;       /* LINK_PHASE_RESOLVING */
    int fd;                       /* LINK_PHASE_CONNECTING, until the handshake begins */
    struct event *connected;      /* likewise */
    struct bufferevent *bev;      /* LINK_PHASE_HANDSHAKE, LINK_PHASE_UP */
    struct timer step;            /* waiting: dial; connecting: begin the handshake; up: ping */
    struct timer deadline;        /* of the phase; up: idle */
    int64_t backoff_ms;
    unsigned tries;               /* turns through the addresses of a name */
    int64_t heard_us;
    int64_t ping_us;
    int64_t round_trip_us;
    char logged[LINK_TEXT_MAX];
    int64_t logged_us;

    struct queue queue;
    size_t queued_bytes;
    uint64_t dropped_down;
    uint64_t dropped_overflow;
    uint64_t dropped_stale;
    uint64_t dropped_broken;
};

struct links {
    struct loop *loop;
    char self[TLS_NAME_MAX];
    char cluster[LINK_CLUSTER_MAX];
    struct tls_context *tls;
    struct resolver *resolver;
    struct links_callbacks callbacks;
    int64_t connect_us;
    int64_t handshake_us;
    int64_t idle_us;
    int64_t next_dial_us;

    struct peer peers[LINK_PEERS_MAX];
    size_t peer_count;

    struct evconnlistener *listener;
    uint16_t port;
    struct timer accept_refill;
    unsigned accept_tokens;
    struct inbounds half_open;
    struct links_counters counters;
    int64_t refusal_logged_us[LINK_REFUSAL_COUNT];
    uint64_t refusal_unlogged[LINK_REFUSAL_COUNT];
};

/* link.c */
void link_options(struct links *links, int fd);
void link_road_up(struct peer *peer, enum link_direction direction);
/* Counts the end of a try or of a standing road; tells the owner if it was up. */
void link_road_ended(struct peer *peer, enum link_direction direction, const char *reason);
/* Counts, and logs each kind at most once in LINK_LOG_EVERY_MS. */
void link_refused(struct links *links, enum link_refusal refusal, const char *peer, const char *from,
                  const char *reason);

/* link_address.c */
bool link_address_parse(const char *text, struct link_address *out, struct fault *fault) CHECKED;
/* `ip` is a literal. */
bool link_address_socket(const char *ip, uint16_t port, struct sockaddr_storage *out, socklen_t *length,
                         struct fault *fault) CHECKED;
/* The address of the other side without its port. */
void link_address_of(const struct sockaddr *address, char out[RESOLVER_ADDRESS_MAX]);

/* link_accept.c */
bool link_listen(struct links *links, const char *address, struct fault *fault) CHECKED;
void link_accept_end(struct links *links);

#endif
