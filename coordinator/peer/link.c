/* The links as a whole: settings, states, counters. The roads are in link_dial.c and link_accept.c. */
#include "coordinator/peer/link.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/peer/link_dial.h"
#include "coordinator/peer/link_parts.h"

#define US(ms) ((int64_t)(ms) * CLOCK_US_PER_MS)
#define UNSENT_BYTES_MAX (16 * 1024) /* of ours in the kernel's hands, out of reach of our queue */

const char *link_phase_name(enum link_phase phase)
{
    switch (phase) {
    case LINK_PHASE_WAITING:
        return "waiting";
    case LINK_PHASE_RESOLVING:
        return "resolving";
    case LINK_PHASE_CONNECTING:
        return "connecting";
    case LINK_PHASE_HANDSHAKE:
        return "handshake";
    case LINK_PHASE_UP:
        return "up";
    }
    return "unknown";
}

const char *link_refusal_name(enum link_refusal refusal)
{
    static const char *const names[LINK_REFUSAL_COUNT] = {
        [LINK_REFUSED_TLS] = "tls",         [LINK_REFUSED_NAME] = "name",
        [LINK_REFUSED_PROTOCOL] = "protocol", [LINK_REFUSED_CLUSTER] = "cluster",
        [LINK_REFUSED_FRAME] = "frame",     [LINK_REFUSED_DEADLINE] = "deadline",
        [LINK_REFUSED_CROWD] = "crowd",
    };
    ensure(refusal < LINK_REFUSAL_COUNT);
    return names[refusal];
}

/* --- what the roads share ------------------------------------------------------------------- */

/* Best effort: a link without them works, only later. */
void link_options(struct links *links, int fd)
{
    int one = 1;
    int unsent = UNSENT_BYTES_MAX;
    unsigned timeout_ms = (unsigned)(links->idle_us / CLOCK_US_PER_MS);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    /* What the other side hasn't acknowledged by then is not to arrive any more. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

static const char *direction_name(enum link_direction direction)
{
    return direction == LINK_OUT ? "out" : "in";
}

static struct link_road *road_of(struct peer *peer, enum link_direction direction)
{
    return direction == LINK_OUT ? &peer->out_road : &peer->in_road;
}

static void tell(struct peer *peer, enum link_direction direction, bool up, const char *reason)
{
    const struct links_callbacks *callbacks = &peer->links->callbacks;
    if (callbacks->on_state != NULL)
        callbacks->on_state(peer->index, direction, up, reason, callbacks->arg);
}

void link_road_up(struct peer *peer, enum link_direction direction)
{
    struct link_road *road = road_of(peer, direction);
    road->phase = LINK_PHASE_UP;
    road->since_us = base_mono_us();
    road->ups++;
    peer->logged[0] = '\0';
    log_event(LOG_LEVEL_INFO, "link to a peer is up", LOG_STR("peer", peer->name),
              LOG_STR("direction", direction_name(direction)), LOG_STR("address", peer->address.text));
    tell(peer, direction, true, "");
}

/* A peer that stays away is no news each time it is tried. */
static bool worth_logging(struct peer *peer, const char *reason)
{
    int64_t now_us = base_mono_us();
    if (strcmp(peer->logged, reason) == 0 && now_us - peer->logged_us < US(LINK_LOG_EVERY_MS))
        return false;
    (void)text_copy(peer->logged, sizeof peer->logged, reason);
    peer->logged_us = now_us;
    return true;
}

void link_road_ended(struct peer *peer, enum link_direction direction, const char *reason)
{
    struct link_road *road = road_of(peer, direction);
    bool was_up = road->phase == LINK_PHASE_UP;
    road->phase = LINK_PHASE_WAITING;
    road->failures++;
    (void)text_copy(road->error, sizeof road->error, reason);
    if (was_up)
        road->since_us = base_mono_us();
    if (was_up || worth_logging(peer, road->error))
        log_event(LOG_LEVEL_WARNING, was_up ? "link to a peer is down" : "a peer can't be reached",
                  LOG_STR("peer", peer->name), LOG_STR("direction", direction_name(direction)),
                  LOG_STR("address", peer->address.text), LOG_STR("reason", road->error));
    if (was_up)
        tell(peer, direction, false, road->error);
}

void link_refused(struct links *links, enum link_refusal refusal, const char *peer, const char *from,
                  const char *reason)
{
    int64_t now_us = base_mono_us();
    int64_t *logged_us = &links->refusal_logged_us[refusal];
    links->counters.refused[refusal]++;
    if (*logged_us != 0 && now_us - *logged_us < US(LINK_LOG_EVERY_MS)) {
        links->refusal_unlogged[refusal]++;
        return;
    }
    log_event(LOG_LEVEL_WARNING, "a peer's connection is refused", LOG_STR("kind", link_refusal_name(refusal)),
              LOG_STR("peer", peer), LOG_STR("address", from), LOG_STR("reason", reason),
              LOG_UINT("unlogged", links->refusal_unlogged[refusal]));
    *logged_us = now_us;
    links->refusal_unlogged[refusal] = 0;
}

/* --- beginning and end ---------------------------------------------------------------------- */

static bool address_fits(const struct links *links, const struct link_address *address, struct fault *fault)
{
    if (address->port == 0)
        return fault_set(fault, "\"%s\" has port 0; write the port that the peer listens on", address->text);
    if (!address->literal && links->resolver == NULL)
        return fault_set(fault, "\"%s\" is a name, and no resolver is at hand", address->host);
    return true;
}

static bool peer_init(struct links *links, size_t index, const struct links_peer *from, struct fault *fault)
{
    struct peer *peer = &links->peers[index];
    peer->links = links;
    peer->index = index;
    if (from->name[0] == '\0' || !text_copy(peer->name, sizeof peer->name, from->name))
        return fault_set(fault, "a peer's name has to have 1 to %d bytes", TLS_NAME_MAX - 1);
    if (strcmp(peer->name, links->self) == 0)
        return fault_set(fault, "peer %s has this node's own name", peer->name);
    for (size_t i = 0; i < index; i++)
        if (strcmp(links->peers[i].name, peer->name) == 0)
            return fault_set(fault, "peer %s is given twice", peer->name);
    if (!link_address_parse(from->address, &peer->address, fault) || !address_fits(links, &peer->address, fault))
        return fault_wrap(fault, "peer %s", peer->name);
    return true;
}

static int64_t given_or_us(int64_t given_ms, int64_t default_ms)
{
    return US(given_ms > 0 ? given_ms : default_ms);
}

static bool links_init(struct links *links, const struct links_settings *settings, struct fault *fault)
{
    links->connect_us = given_or_us(settings->connect_ms, LINK_CONNECT_MS_DEFAULT);
    links->handshake_us = given_or_us(settings->handshake_ms, LINK_HANDSHAKE_MS_DEFAULT);
    links->idle_us = given_or_us(settings->idle_ms, LINK_IDLE_MS_DEFAULT);
    links->resolver = settings->resolver;
    links->callbacks = settings->callbacks;
    TAILQ_INIT(&links->half_open);
    if (!text_copy(links->self, sizeof links->self, settings->self) ||
        !text_copy(links->cluster, sizeof links->cluster, settings->cluster))
        return fault_set(fault, "the node's or the cluster's name is too long");
    if (settings->peer_count > LINK_PEERS_MAX)
        return fault_set(fault, "%zu peers, and the most is %d", settings->peer_count, LINK_PEERS_MAX);
    for (size_t i = 0; i < settings->peer_count; i++)
        if (!peer_init(links, i, &settings->peers[i], fault))
            return false;
    links->tls = tls_context_new(&settings->tls, settings->self, fault);
    return links->tls != NULL && link_listen(links, settings->listen, fault);
}

struct links *links_new(struct loop *loop, const struct links_settings *settings, struct fault *fault)
{
    ensure(settings->callbacks.on_frame != NULL);
    struct links *links = calloc(1, sizeof *links);
    if (links == NULL) {
        fault_set(fault, "no memory for links");
        return NULL;
    }
    links->loop = loop;
    if (!links_init(links, settings, fault)) {
        links_free(links);
        return NULL;
    }
    links->peer_count = settings->peer_count;
    for (size_t i = 0; i < links->peer_count; i++)
        link_dial_init(&links->peers[i]);
    return links;
}

void links_free(struct links *links)
{
    if (links == NULL)
        return;
    for (size_t i = 0; i < links->peer_count; i++)
        link_dial_end(&links->peers[i]);
    link_accept_end(links);
    tls_context_free(links->tls);
    free(links);
}

uint16_t links_port(const struct links *links)
{
    return links->port;
}

enum link_send links_send(struct links *links, size_t peer, const void *payload, size_t length)
{
    ensure(peer < links->peer_count);
    return link_dial_send(&links->peers[peer], payload, length);
}

/* --- reload --------------------------------------------------------------------------------- */

bool links_readdress(struct links *links, size_t peer, const char *address, struct fault *fault)
{
    ensure(peer < links->peer_count);
    struct peer *moved = &links->peers[peer];
    struct link_address parsed;
    if (!link_address_parse(address, &parsed, fault) || !address_fits(links, &parsed, fault))
        return fault_wrap(fault, "peer %s", moved->name);
    if (strcmp(parsed.text, moved->address.text) == 0)
        return true;
    moved->address = parsed;
    link_dial_anew(moved, "its address was changed in the configuration");
    return true;
}

bool links_reload_tls(struct links *links, const struct tls_files *files, struct fault *fault)
{
    struct tls_context *fresh = tls_context_new(files, links->self, fault);
    if (fresh == NULL)
        return fault_wrap(fault, "the TLS files in use so far stay in use");
    tls_context_free(links->tls);
    links->tls = fresh;
    return true;
}

/* --- readings ------------------------------------------------------------------------------- */

void links_expiry(const struct links *links, struct tls_expiry *expiry)
{
    tls_context_expiry(links->tls, expiry);
}

void links_status(const struct links *links, size_t peer, struct link_status *status)
{
    ensure(peer < links->peer_count);
    const struct peer *of = &links->peers[peer];
    *status = (struct link_status){
        .name = of->name,
        .address = of->address.text,
        .out = of->out_road,
        .in = of->in_road,
        .queued_bytes = of->queued_bytes,
        .dropped_down = of->dropped_down,
        .dropped_overflow = of->dropped_overflow,
        .dropped_stale = of->dropped_stale,
        .dropped_broken = of->dropped_broken,
        .round_trip_us = of->round_trip_us,
    };
}

void links_counters(const struct links *links, struct links_counters *counters)
{
    *counters = links->counters;
}
