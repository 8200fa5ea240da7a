/* What the suites of probes share: a loop with pool and resolver, one name server on port 53 of a loopback
 * address of its own, HTTP stubs on chosen addresses, and rounds that are run to their end.
 */
#ifndef FAILOVERD_TESTS_PROBE_FIXTURE_H
#define FAILOVERD_TESTS_PROBE_FIXTURE_H

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "coordinator/base/fetch.h"
#include "coordinator/base/random.h"
#include "coordinator/base/resolver.h"
#include "probes/probe.h"
#include "tests/unit/stub_dns.h"
#include "tests/unit/stub_server.h"
#include "tests/unit/suite.h"

#define NAMED_ADDRESSES_MAX 4

/* What the name server says of "shop.test"; every other name does not exist. */
static struct {
    const char *addresses[NAMED_ADDRESSES_MAX];
    size_t count;
    uint32_t ttl_s;
    bool silent;
    uint8_t rcode;
} zone;

static struct fault fault;
static struct loop *loop;
static struct fetch_pool *pool;
static struct resolver *resolver;
static struct stub_dns names;
static char resolv_conf[64];

static struct probe_round got;
static unsigned rounds;
static bool within_run;

static inline void zone_respond(struct stub_dns *stub, const char *name, unsigned type, bool tcp,
                                struct stub_dns_reply *reply)
{
    (void)stub;
    (void)tcp;
    reply->silent = zone.silent;
    reply->rcode = zone.rcode;
    if (strcmp(name, "shop.test") != 0) {
        reply->rcode = reply->rcode != 0 ? reply->rcode : 3;
        return;
    }
    for (size_t i = 0; i < zone.count && zone.rcode == 0; i++)
        if ((strchr(zone.addresses[i], ':') != NULL ? 28 : 1) == type)
            stub_dns_a(reply, name, zone.ttl_s, zone.addresses[i]);
}

static inline void zone_set(size_t count, const char *first, const char *second)
{
    memset(&zone, 0, sizeof zone);
    zone.count = count;
    zone.addresses[0] = first;
    zone.addresses[1] = second;
    zone.ttl_s = 1;
}

/* Port 53 needs root; without it a network namespace of our own gives it. */
static inline void become_root_of_a_network(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    if (geteuid() == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    (void)ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
}

static inline bool names_open(void)
{
    memset(&names, 0, sizeof names);
    names.loop = loop;
    names.respond = zone_respond;
    uint64_t chance = base_random_u64();
    char address[32];
    (void)snprintf(address, sizeof address, "127.%u.%u.%u", 100 + (unsigned)(chance % 100),
                   (unsigned)(chance >> 16 & 0xff), 1 + (unsigned)(chance >> 32) % 250);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };
    inet_pton(AF_INET, address, &at.sin_addr);
    names.udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (names.udp < 0 || bind(names.udp, (struct sockaddr *)&at, sizeof at) != 0)
        return false;
    names.udp_event = event_new(loop_base(loop), names.udp, EV_READ | EV_PERSIST, stub_dns_on_udp, &names);
    (void)snprintf(resolv_conf, sizeof resolv_conf, "/tmp/probe_test.XXXXXX");
    int fd = mkstemp(resolv_conf);
    bool written = fd >= 0 && dprintf(fd, "nameserver %s\n", address) > 0;
    close(fd);
    resolver_use_resolv_conf(resolver, resolv_conf);
    return written && names.udp_event != NULL && event_add(names.udp_event, NULL) == 0;
}

static inline void begin(void)
{
    become_root_of_a_network();
    loop = loop_new("test", &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
    pool = fetch_pool_new(loop, 4, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    resolver = resolver_new(loop, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
    CU_ASSERT_TRUE_FATAL(names_open());
    zone_set(0, NULL, NULL);
    rounds = 0;
}

static inline void end(void)
{
    CU_ASSERT_EQUAL(fetch_pool_running(pool), 0);
    resolver_free(resolver);
    fetch_pool_free(pool);
    event_free(names.udp_event);
    close(names.udp);
    unlink(resolv_conf);
    loop_free(loop);
}

static inline void on_done(void *arg, const struct probe_round *round)
{
    (void)arg;
    CU_ASSERT_FALSE(within_run);
    got = *round;
    rounds++;
    loop_stop(loop);
}

/* One round to its end: exactly one call, and the latency is told. */
static inline void run_round(const struct probe_class *class, void *self, int64_t timeout_ms)
{
    unsigned before = rounds;
    memset(&got, 0xa5, sizeof got);
    within_run = true;
    class->run(self, timeout_ms * CLOCK_US_PER_MS, on_done, NULL);
    within_run = false;
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(rounds, before + 1);
    CU_ASSERT_TRUE(got.latency_us >= 0);
    CU_ASSERT_TRUE(memchr(got.detail, '\0', sizeof got.detail) != NULL && got.detail[0] != '\0');
}

static inline bool got_is(enum sample_outcome outcome, const char *detail_part)
{
    bool right = got.outcome == outcome && strstr(got.detail, detail_part) != NULL;
    if (!right)
        fprintf(stderr, "\n  outcome %d, wanted %d with \"%s\": %s\n", (int)got.outcome, (int)outcome, detail_part,
                got.detail);
    return right;
}
/* The failing line is that of the caller. */
#define EXPECT(outcome, part) CU_ASSERT_TRUE(got_is((outcome), (part)))

static inline void stop_loop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* Lets the loop go on for that long. */
static inline void run_for_ms(int64_t ms)
{
    struct timer timer;
    timer_init(&timer, loop, stop_loop, NULL);
    timer_set_after_us(&timer, ms * CLOCK_US_PER_MS);
    CU_ASSERT_TRUE(loop_run(loop, &fault));
    timer_cancel(&timer);
}

/* As stub_open, on an address and port of choice. */
static inline bool stub_open_at(struct stub *stub, const char *(*respond)(struct stub *stub, const char *request),
                                const char *ip, uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    socklen_t length = sizeof address;
    memset(stub, 0, sizeof *stub);
    stub->loop = loop;
    stub->respond = respond;
    inet_pton(AF_INET, ip, &address.sin_addr);
    stub->listener = evconnlistener_new_bind(loop_base(loop), stub_on_accept, stub,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 16,
                                             (struct sockaddr *)&address, sizeof address);
    if (stub->listener == NULL ||
        getsockname(evconnlistener_get_fd(stub->listener), (struct sockaddr *)&address, &length) != 0)
        return false;
    stub->port = ntohs(address.sin_port);
    return true;
}

/* A listener whose queue is full drops further SYNs: the nearest thing to a silent host on loopback. */
struct full_queue {
    int listener;
    int filler[4];
    uint16_t port;
};

static inline bool full_queue_open(struct full_queue *full)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    memset(full, 0, sizeof *full);
    full->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(full->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(full->listener, 0) != 0 ||
        getsockname(full->listener, (struct sockaddr *)&address, &length) != 0)
        return false;
    for (size_t i = 0; i < 4; i++) {
        full->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(full->filler[i], (struct sockaddr *)&address, sizeof address);
    }
    full->port = ntohs(address.sin_port);
    return true;
}

static inline void full_queue_close(struct full_queue *full)
{
    for (size_t i = 0; i < 4; i++)
        close(full->filler[i]);
    close(full->listener);
}

/* A port of 127.0.0.1 at which nobody listens. */
static inline uint16_t closed_port(void)
{
    struct stub stub;
    CU_ASSERT_TRUE(stub_open_at(&stub, NULL, "127.0.0.1", 0));
    stub_close(&stub);
    return stub.port;
}

/* No descriptor can be had from here until descriptors_back. */
static inline struct rlimit descriptors_gone(void)
{
    struct rlimit before;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = { .rlim_cur = 3, .rlim_max = before.rlim_max };
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    return before;
}

static inline void descriptors_back(struct rlimit before)
{
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
}

#endif
