/* Does a port take connections: see tcp.h.
 *
 * A round finds the addresses, begins one connect to each, and ends when all ended or the time is up.
 */
#include "probes/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "probes/addresses.h"

#define ERROR_TEXT_MAX 96

struct tcp_try {
    struct tcp_probe *probe;
    struct event event;
    int fd; /* -1 when not connecting */
    int error; /* errno, 0 when connected, ETIMEDOUT when the time ran out */
    int64_t took_us;
    char address[RESOLVER_ADDRESS_MAX];
};

struct tcp_probe {
    struct loop *loop;
    struct addresses *addresses;
    uint16_t port;
    struct timer deadline;
    int64_t began_us;
    int64_t timeout_us;
    int64_t connect_began_us;
    struct tcp_try tries[RESOLVER_ADDRESSES_MAX];
    size_t try_count;
    size_t pending;
    bool stale;
    struct probe_round round;
    probe_done *done; /* NULL: no round is in progress */
    void *arg;
};

static void conclude(struct tcp_probe *probe)
{
    timer_cancel(&probe->deadline);
    struct probe_round round = probe->round;
    round.latency_us = base_mono_us() - probe->began_us;
    probe_done *done = probe->done;
    probe->done = NULL;
    done(probe->arg, &round); /* last: it may free the probe */
}

static enum sample_outcome outcome_of(const struct tcp_try *try)
{
    return try->error == 0 ? SAMPLE_OK : probe_is_own_fault(try->error) ? SAMPLE_OBSERVER : SAMPLE_FAILED;
}

/* The target's failures count before our own, and the slowest stands for those that are well. */
static const struct tcp_try *deciding(const struct tcp_probe *probe, size_t *bad)
{
    static const int rank[] = { [SAMPLE_OK] = 0, [SAMPLE_OBSERVER] = 1, [SAMPLE_FAILED] = 2 };
    const struct tcp_try *chosen = &probe->tries[0];
    *bad = 0;
    for (size_t i = 0; i < probe->try_count; i++) {
        const struct tcp_try *try = &probe->tries[i];
        int mine = rank[outcome_of(try)], best = rank[outcome_of(chosen)];
        if (mine > best || (mine == best && mine == 0 && try->took_us > chosen->took_us))
            chosen = try;
        *bad += try->error != 0;
    }
    return chosen;
}

static void judge(struct tcp_probe *probe)
{
    char reason[ERROR_TEXT_MAX];
    size_t bad;
    const struct tcp_try *try = deciding(probe, &bad);
    struct probe_round *round = &probe->round;
    round->phases.connect_us = try->took_us;
    (void)text_copy(round->address, sizeof round->address, try->address);
    if (try->error == 0)
        probe_end_as(round, SAMPLE_OK, "port %u is open at %zu address%s%s", probe->port, probe->try_count,
                     probe->try_count == 1 ? "" : "es",
                     probe->stale ? " (as known before the name servers failed)" : "");
    else
        probe_end_as(round, outcome_of(try), "%s port %u: %s (%zu of %zu address%s)", try->address, probe->port,
                     try->error == ETIMEDOUT ? "no connection in time" : strerror_r(try->error, reason, sizeof reason),
                     bad, probe->try_count, probe->try_count == 1 ? "" : "es");
    conclude(probe);
}

static void try_end(struct tcp_try *try, int error)
{
    struct tcp_probe *probe = try->probe;
    if (try->fd >= 0) {
        (void)event_del(&try->event);
        close(try->fd);
        try->fd = -1;
    }
    try->error = error;
    try->took_us = base_mono_us() - probe->connect_began_us;
    probe->pending--;
}

static void on_connect(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct tcp_try *try = arg;
    struct tcp_probe *probe = try->probe;
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt((int)fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    try_end(try, error);
    if (probe->pending == 0)
        judge(probe);
}

static void on_deadline(void *arg)
{
    struct tcp_probe *probe = arg;
    for (size_t i = 0; i < probe->try_count; i++)
        if (probe->tries[i].fd >= 0)
            try_end(&probe->tries[i], ETIMEDOUT);
    judge(probe);
}

static int begin_connect(struct tcp_try *try)
{
    struct tcp_probe *probe = try->probe;
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(probe->port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(probe->port) };
    bool is_v4 = inet_pton(AF_INET, try->address, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, try->address, &v6.sin6_addr) != 1)
        return EAFNOSUPPORT;
    try->fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (try->fd < 0)
        return errno;
    ensure(event_assign(&try->event, loop_base(probe->loop), try->fd, EV_WRITE, on_connect, try) == 0);
    const struct sockaddr *to = is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    if (connect(try->fd, to, is_v4 ? sizeof v4 : sizeof v6) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    return event_add(&try->event, NULL) == 0 ? EINPROGRESS : ENOMEM;
}

static void on_addresses(void *arg, const struct addresses_answer *answer)
{
    struct tcp_probe *probe = arg;
    probe->round.phases.name_us = answer->took_us;
    probe->stale = answer->stale;
    if (answer->outcome != ADDRESSES_KNOWN) {
        probe_end_as(&probe->round, answer->outcome == ADDRESSES_NONE ? SAMPLE_FAILED : SAMPLE_OBSERVER, "%s",
                     answer->detail);
        conclude(probe);
        return;
    }
    probe->connect_began_us = base_mono_us();
    probe->try_count = answer->count;
    probe->pending = answer->count;
    timer_set_at_us(&probe->deadline, probe->began_us + probe->timeout_us);
    for (size_t i = 0; i < answer->count; i++) {
        struct tcp_try *try = &probe->tries[i];
        *try = (struct tcp_try){ .probe = probe, .fd = -1 };
        memcpy(try->address, answer->text[i], sizeof try->address);
        int error = begin_connect(try);
        if (error != EINPROGRESS)
            try_end(try, error);
    }
    if (probe->pending == 0)
        judge(probe);
}

void tcp_probe_run(struct tcp_probe *probe, int64_t timeout_us, probe_done *done, void *arg)
{
    ensure(probe->done == NULL && done != NULL);
    probe->done = done;
    probe->arg = arg;
    probe->began_us = base_mono_us();
    probe->timeout_us = timeout_us;
    probe->round = (struct probe_round){ .outcome = SAMPLE_OBSERVER };
    probe->try_count = 0;
    addresses_find(probe->addresses, timeout_us, on_addresses, probe);
}

void tcp_probe_cancel(struct tcp_probe *probe)
{
    if (probe->done == NULL)
        return;
    addresses_cancel(probe->addresses);
    timer_cancel(&probe->deadline);
    for (size_t i = 0; i < probe->try_count; i++)
        if (probe->tries[i].fd >= 0)
            try_end(&probe->tries[i], ETIMEDOUT);
    probe->try_count = 0;
    probe->done = NULL;
}

struct tcp_probe *tcp_probe_new(struct loop *loop, struct resolver *resolver,
                                const struct tcp_probe_settings *settings, struct fault *fault)
{
    struct tcp_probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    probe->loop = loop;
    probe->port = settings->port;
    timer_init(&probe->deadline, loop, on_deadline, probe);
    if (settings->port == 0)
        (void)fault_set(fault, "a port from 1 to 65535 is needed");
    else
        probe->addresses = addresses_new(loop, resolver, settings->host, fault);
    if (probe->addresses == NULL) {
        tcp_probe_free(probe);
        return NULL;
    }
    return probe;
}

void tcp_probe_free(struct tcp_probe *probe)
{
    if (probe == NULL)
        return;
    tcp_probe_cancel(probe);
    addresses_free(probe->addresses);
    free(probe);
}

static void class_run(void *self, int64_t timeout_us, probe_done *done, void *arg)
{
    tcp_probe_run(self, timeout_us, done, arg);
}

static void class_cancel(void *self)
{
    tcp_probe_cancel(self);
}

static void class_free(void *self)
{
    tcp_probe_free(self);
}

const struct probe_class tcp_probe_class = { "tcp", class_run, class_cancel, class_free };
