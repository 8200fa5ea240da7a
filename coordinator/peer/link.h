/* Links: one-way roads between coordinators, over mutual TLS.
 *
 * Every node dials every other node and uses the connection it dialled for sending only; the
 * connections it accepted are for receiving only. So between two nodes there are two roads, each
 * with its own state, a fault in one direction is seen as just that, and there is never a tie to be
 * broken about which connection counts. (Small answers of the transport itself, such as hello and
 * pong, go back on the same connection.)
 *
 * A road is up after the other side's first valid frame, its hello, which names the protocol and the
 * cluster: a TLS client is told that it is connected before it learns that its certificate was
 * refused. Both sides of a refusal know its reason: the refusing one says so before it closes.
 *
 * What arrives is never older than it has to be. Messages wait in a queue per peer that is bounded
 * in bytes and in time; what doesn't fit is dropped from its old end, and nothing is kept for a
 * peer that is not there. Loss is normal for the protocol above, stale evidence is not. A receiver
 * that finds that it has heard nothing for the idle deadline, because it was itself paused, throws
 * the bytes in its socket away along with the road. So a message arrives within LINK_QUEUE_AGE_MAX_MS
 * and about one idle deadline of either side, or never.
 *
 * Everything is bounded: frames, queues, handshakes at one time, accepts per second. Connections
 * that do not prove who they are within the handshake's deadline are closed, and when there are
 * too many of them the ones of the greediest address go first.
 *
 * One `struct links` per process, on the control loop's thread; no call blocks. Callbacks come
 * from the loop, and also from within links_readdress and links_free, which end roads. From within
 * a callback any function here may be called but links_free.
 */
#ifndef FAILOVERD_PEER_LINK_H
#define FAILOVERD_PEER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "coordinator/peer/frame.h"
#include "coordinator/peer/tls.h"

#define LINK_PROTOCOL 1 /* of the transport; the codec's version is the codec's */

#define LINK_PEERS_MAX 16
#define LINK_CLUSTER_MAX 64
#define LINK_ADDRESS_MAX 320 /* "host:port" with its end */
#define LINK_TEXT_MAX 256
#define LINK_PAYLOAD_MAX (FRAME_MAX - 1)

#define LINK_QUEUE_BYTES_MAX (256 * 1024) /* waiting for one peer, headers included */
#define LINK_QUEUE_AGE_MAX_MS 1000        /* a message that waited longer is dropped */

#define LINK_CONNECT_MS_DEFAULT 2000
#define LINK_HANDSHAKE_MS_DEFAULT 3000 /* from accepted or connected to a valid hello */
#define LINK_IDLE_MS_DEFAULT 5000      /* without any frame: the road is given up */
#define LINK_RETRY_MIN_MS 100
#define LINK_RETRY_MAX_MS 5000

#define LINK_HALF_OPEN_MAX 64   /* accepted connections that have not proven who they are */
#define LINK_ACCEPT_PER_S 100
#define LINK_ACCEPT_BURST 8     /* handshakes that may begin in one turn of the loop */
#define LINK_DIAL_GAP_MS 10     /* between two handshakes that we begin */
#define LINK_FRAMES_PER_TURN 64 /* taken from one road before the others get their turn */

struct links;

enum link_direction {
    LINK_OUT, /* we send, over the connection that we dialled */
    LINK_IN,  /* we receive, over the connection that the peer dialled */
};

struct links_peer {
    const char *name;    /* its node name, as in its certificate */
    const char *address; /* "192.0.2.1:7400", "[2001:db8::1]:7400" or "host.example:7400" */
};

struct links_callbacks {
    void *arg;
    /* A message of peer `peer` (its place in the settings' array); the payload is valid during the
     * call. The name on the certificate was checked: nobody else of the cluster can have sent it. */
    void (*on_frame)(size_t peer, const unsigned char *payload, size_t length, void *arg);
    /* A road came up or went down, with the reason ("" when up). May be NULL. */
    void (*on_state)(size_t peer, enum link_direction direction, bool up, const char *reason, void *arg);
};

struct links_settings {
    const char *self;    /* our node name; our certificate has to name it */
    const char *cluster; /* both sides must have the same */
    const char *listen;  /* "0.0.0.0:7400", "[::]:7400"; port 0: the kernel chooses, see links_port */
    struct tls_files tls;
    const struct links_peer *peers; /* without ourselves; copied */
    size_t peer_count;              /* 0..LINK_PEERS_MAX */
    int64_t connect_ms;   /* 0: the default above; these three likewise */
    int64_t handshake_ms;
    int64_t idle_ms;      /* at least 3 heartbeats of the slowest peer; pings go every third of it */
    struct resolver *resolver; /* for addresses that are names; NULL: names are refused. Outlives links. */
    struct links_callbacks callbacks;
};

/* Listens and begins to dial. NULL with the fault set: bad TLS files, a peer named twice or like
 * ourselves, a malformed address, an address that can't be listened on. */
struct links *links_new(struct loop *loop, const struct links_settings *settings, struct fault *fault);

/* Says goodbye on every connection and frees all. Calls no callback. NULL is allowed. */
void links_free(struct links *links);

/* The port that is listened on. */
uint16_t links_port(const struct links *links);

enum link_send {
    LINK_QUEUED,  /* will be sent unless the road breaks or it waits too long */
    LINK_DROPPED, /* the road is not up, or the message is empty or above LINK_PAYLOAD_MAX; counted */
};

/* Copies the payload. Never blocks, and never calls a callback. */
enum link_send links_send(struct links *links, size_t peer, const void *payload, size_t length);

/* For reload: the peer has moved. The road to it is closed and dialled anew if the address differs.
 * False with the fault set, and nothing changed, when it is malformed. */
bool links_readdress(struct links *links, size_t peer, const char *address, struct fault *fault) CHECKED;

/* For reload: handshakes from now on use these files; standing connections stay. False with the
 * fault set, and the old files go on being used. */
bool links_reload_tls(struct links *links, const struct tls_files *files, struct fault *fault) CHECKED;

/* Of the certificate in use. */
void links_expiry(const struct links *links, struct tls_expiry *expiry);

enum link_phase {
    LINK_PHASE_WAITING,   /* out: until the next try; in: the peer has not dialled us */
    LINK_PHASE_RESOLVING,
    LINK_PHASE_CONNECTING,
    LINK_PHASE_HANDSHAKE, /* TLS, then hello */
    LINK_PHASE_UP,
};
const char *link_phase_name(enum link_phase phase);

struct link_road {
    enum link_phase phase;
    int64_t since_us;   /* base_mono_us of the last change between up and not up; 0: never was up */
    uint64_t ups;       /* how often it came up */
    uint64_t failures;  /* tries and standing roads that ended */
    uint64_t frames;    /* messages, without the transport's own frames */
    uint64_t bytes;     /* of their payloads */
    char error[LINK_TEXT_MAX]; /* why it last ended; "" when it never did */
};

struct link_status {
    const char *name;
    const char *address;
    struct link_road out;
    struct link_road in;
    size_t queued_bytes;
    uint64_t dropped_down;     /* messages not taken because the road was down, or too big */
    uint64_t dropped_overflow; /* pushed out of the full queue by newer ones */
    uint64_t dropped_stale;    /* waited longer than LINK_QUEUE_AGE_MAX_MS */
    uint64_t dropped_broken;   /* in the queue when the road broke */
    int64_t round_trip_us;     /* of the last ping; -1 unknown */
};

/* `peer` < peer_count. The strings live as long as `links`. */
void links_status(const struct links *links, size_t peer, struct link_status *status);

/* Why connections were refused or given up on our side, since start. */
enum link_refusal {
    LINK_REFUSED_TLS,      /* the handshake failed: version, authority, dates, no certificate */
    LINK_REFUSED_NAME,     /* right authority, but not the name of a peer, or our own */
    LINK_REFUSED_PROTOCOL, /* another version of the transport */
    LINK_REFUSED_CLUSTER,  /* another cluster */
    LINK_REFUSED_FRAME,    /* a malformed, oversized or unexpected frame */
    LINK_REFUSED_DEADLINE, /* too slow to prove who it is */
    LINK_REFUSED_CROWD,    /* closed to make room among the half-open ones */
    LINK_REFUSAL_COUNT,
};
const char *link_refusal_name(enum link_refusal refusal);

struct links_counters {
    uint64_t accepted;
    uint64_t replaced; /* a peer dialled again while its older connection was still standing */
    uint64_t refused[LINK_REFUSAL_COUNT];
    size_t half_open;  /* now */
};
void links_counters(const struct links *links, struct links_counters *counters);

#endif
