/* The addresses of one name, remembered between rounds: see addresses.h. */
#include "probes/addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

#define DISCARD_PORT 9
/* The second try of c-ares waits twice as long as the first: together they fill the deadline. */
#define NAME_TRIES 2
#define NAME_TRY_SHARES 3

struct addresses {
    struct loop *loop;
    struct resolver *resolver;
    char host[RESOLVER_NAME_MAX];
    bool literal;
    size_t count; /* what is known, however old */
    char text[RESOLVER_ADDRESSES_MAX][RESOLVER_ADDRESS_MAX];
    int64_t fresh_until_us;
    int64_t retry_at_us; /* while stale: not asked again before */
    char trouble[RESOLVER_TEXT_MAX]; /* why they are stale */
    struct timer soon; /* answers from memory come from here */
    struct resolve *question;
    addresses_fn *fn; /* NULL: nobody waits */
    void *arg;
};

/* A UDP connect only looks at the routing table. When it can't be tried, the address is kept. */
static bool have_ipv6_route(const char *literal)
{
    struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(DISCARD_PORT) };
    if (inet_pton(AF_INET6, literal, &to.sin6_addr) != 1)
        return true;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno != EAFNOSUPPORT;
    bool have = connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 ||
                (errno != ENETUNREACH && errno != EADDRNOTAVAIL && errno != EACCES);
    close(fd);
    return have;
}

static bool is_ipv6(const char *literal)
{
    return strchr(literal, ':') != NULL;
}

static void put_known(const struct addresses *addresses, struct addresses_answer *answer)
{
    bool has_ipv4 = false;
    for (size_t i = 0; i < addresses->count; i++)
        has_ipv4 = has_ipv4 || !is_ipv6(addresses->text[i]);
    for (size_t i = 0; i < addresses->count; i++) {
        const char *text = addresses->text[i];
        if (has_ipv4 && is_ipv6(text) && !have_ipv6_route(text))
            continue;
        memcpy(answer->text[answer->count++], text, RESOLVER_ADDRESS_MAX);
    }
}

static void tell(struct addresses *addresses, struct addresses_answer *answer)
{
    addresses_fn *fn = addresses->fn;
    void *arg = addresses->arg;
    addresses->fn = NULL;
    fn(arg, answer); /* last: it may free the object */
}

static void tell_known(struct addresses *addresses, int64_t took_us)
{
    struct addresses_answer answer = { .outcome = ADDRESSES_KNOWN, .took_us = took_us };
    answer.stale = !addresses->literal && base_mono_us() >= addresses->fresh_until_us;
    if (answer.stale)
        (void)text_copy(answer.detail, sizeof answer.detail, addresses->trouble);
    put_known(addresses, &answer);
    tell(addresses, &answer);
}

static void on_soon(void *arg)
{
    tell_known(arg, 0);
}

static void remember(struct addresses *addresses, const struct resolve_answer *found)
{
    int64_t fresh_us = ADDRESSES_FRESH_MOST_US;
    addresses->count = found->address_count;
    for (size_t i = 0; i < found->address_count; i++) {
        int64_t ttl_us = (int64_t)found->addresses[i].ttl_s * CLOCK_US_PER_S;
        memcpy(addresses->text[i], found->addresses[i].text, RESOLVER_ADDRESS_MAX);
        fresh_us = ttl_us < fresh_us ? ttl_us : fresh_us;
    }
    if (fresh_us < ADDRESSES_FRESH_LEAST_US)
        fresh_us = ADDRESSES_FRESH_LEAST_US;
    addresses->fresh_until_us = base_mono_us() + fresh_us;
    addresses->retry_at_us = 0;
}

static void on_answer(const struct resolve_answer *found, void *arg)
{
    struct addresses *addresses = arg;
    addresses->question = NULL;
    if (found->outcome == RESOLVE_OK && found->address_count > 0) {
        remember(addresses, found);
        tell_known(addresses, found->took_us);
        return;
    }
    bool none = found->outcome == RESOLVE_NXDOMAIN || found->outcome == RESOLVE_NODATA;
    if (none)
        addresses->count = 0;
    if (addresses->count > 0) {
        (void)text_copy(addresses->trouble, sizeof addresses->trouble, found->text);
        addresses->retry_at_us = base_mono_us() + ADDRESSES_RETRY_US;
        tell_known(addresses, found->took_us);
        return;
    }
    struct addresses_answer answer = { .outcome = none ? ADDRESSES_NONE : ADDRESSES_UNKNOWN,
                                       .took_us = found->took_us };
    (void)text_copy(answer.detail, sizeof answer.detail, found->text);
    tell(addresses, &answer);
}

/* The question could not even be asked. */
static void on_unasked(void *arg)
{
    struct addresses *addresses = arg;
    struct addresses_answer answer = { .outcome = ADDRESSES_UNKNOWN };
    (void)text_copy(answer.detail, sizeof answer.detail, addresses->trouble);
    tell(addresses, &answer);
}

static void answer_soon(struct addresses *addresses, void (*how)(void *arg))
{
    timer_init(&addresses->soon, addresses->loop, how, addresses);
    timer_set_after_us(&addresses->soon, 0);
}

void addresses_find(struct addresses *addresses, int64_t budget_us, addresses_fn *fn, void *arg)
{
    ensure(addresses->fn == NULL && fn != NULL);
    addresses->fn = fn;
    addresses->arg = arg;
    int64_t now_us = base_mono_us();
    bool known = addresses->count > 0;
    if (known && (addresses->literal || now_us < addresses->fresh_until_us || now_us < addresses->retry_at_us)) {
        answer_soon(addresses, on_soon);
        return;
    }
    int64_t deadline_ms = budget_us / (known ? 4 : 2) / CLOCK_US_PER_MS;
    struct fault fault = { "" };
    struct resolve_lookup lookup = {
        .name = addresses->host,
        .family = RESOLVE_ANY,
        .deadline_ms = deadline_ms > 0 ? deadline_ms : 1,
        .try_ms = deadline_ms > NAME_TRY_SHARES ? deadline_ms / NAME_TRY_SHARES : 1,
        .tries = NAME_TRIES,
        .done = on_answer,
        .arg = addresses,
    };
    addresses->question = resolver_lookup(addresses->resolver, &lookup, &fault);
    if (addresses->question != NULL)
        return;
    (void)text_copy(addresses->trouble, sizeof addresses->trouble, fault.text);
    answer_soon(addresses, known ? on_soon : on_unasked);
}

void addresses_cancel(struct addresses *addresses)
{
    timer_cancel(&addresses->soon);
    if (addresses->question != NULL)
        resolve_cancel(addresses->question);
    addresses->question = NULL;
    addresses->fn = NULL;
}

struct addresses *addresses_new(struct loop *loop, struct resolver *resolver, const char *host,
                                struct fault *fault)
{
    struct addresses *addresses = calloc(1, sizeof *addresses);
    if (addresses == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    addresses->loop = loop;
    addresses->resolver = resolver;
    if (host == NULL || host[0] == '\0' || !text_copy(addresses->host, sizeof addresses->host, host)) {
        (void)fault_set(fault, "a host of 1 to %d characters is needed", RESOLVER_NAME_MAX - 1);
        free(addresses);
        return NULL;
    }
    addresses->literal = resolver_is_literal(host);
    if (addresses->literal) {
        addresses->count = 1;
        ensure(text_copy(addresses->text[0], sizeof addresses->text[0], host));
    }
    return addresses;
}

void addresses_free(struct addresses *addresses)
{
    if (addresses == NULL)
        return;
    addresses_cancel(addresses);
    free(addresses);
}
