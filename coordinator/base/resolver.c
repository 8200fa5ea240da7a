/* Names to addresses and questions to one server, by c-ares: see resolver.h.
 *
 * Each question has a c-ares channel of its own. That costs some tens of microseconds, and buys that one question
 * can be ended alone, that its servers are exactly its own, and that a changed resolv.conf counts for
 * the next question. c-ares may call back from within any call and must not be torn down from there, so its
 * callback only notes the answer and the loop concludes afterwards.
 */
#include "coordinator/base/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/dns_message.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/random.h"
#include "coordinator/base/text.h"

#define DEFAULT_DEADLINE_MS 2000
#define DEFAULT_TRY_MS 500
#define DEFAULT_TRIES 3
#define TRIES_MAX 10
#define DNS_PORT 53
/* Sockets of one channel: UDP and TCP to each server. resolv.conf may name more; those are not watched. */
#define SOCKETS_MAX 32
#define PATH_TEXT_MAX 256
#define DNS_HEADER_LENGTH 12
#define RCODE_SERVFAIL 2
#define RCODE_REFUSED 5

struct resolver {
    struct loop *loop;
    struct resolve *first;
    char resolv_conf[PATH_TEXT_MAX]; /* "" for the system's */
};

struct socket_watch {
    ares_socket_t fd; /* ARES_SOCKET_BAD when free */
    struct event event;
    struct resolve *owner;
};

struct resolve {
    struct resolver *resolver;
    struct resolve *next, *previous;
    ares_channel channel;
    bool channel_ready;
    struct socket_watch sockets[SOCKETS_MAX];
    struct timer turn;     /* c-ares' own timeouts, and the conclusion */
    struct timer deadline;
    bool finished;         /* the answer is complete; only `done` is missing */
    bool ending;           /* the channel is being destroyed: its callbacks mean nothing now */
    int socket_error;      /* the first errno with which we got no socket */
    int seen_rcode;        /* of the last message received, -1 for none */
    int64_t started_us;
    char what[RESOLVER_NAME_MAX + 80]; /* "A shop.example.com at 192.0.2.53:53" */
    resolve_done *done;
    void *arg;
    struct resolve_answer answer;
};

static const char *const outcome_names[] = {
    "ok", "nxdomain", "nodata", "servfail", "refused", "timeout",
    "unreachable", "bad_answer", "observer", "cancelled",
};

const char *resolve_outcome_name(enum resolve_outcome outcome)
{
    ensure((size_t)outcome < sizeof outcome_names / sizeof outcome_names[0]);
    return outcome_names[outcome];
}

const char *resolve_type_name(enum resolve_type type)
{
    switch (type) {
    case RESOLVE_TYPE_A:
        return "A";
    case RESOLVE_TYPE_NS:
        return "NS";
    case RESOLVE_TYPE_CNAME:
        return "CNAME";
    case RESOLVE_TYPE_SOA:
        return "SOA";
    case RESOLVE_TYPE_TXT:
        return "TXT";
    case RESOLVE_TYPE_AAAA:
        return "AAAA";
    }
    return "?";
}

bool resolver_is_literal(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

/* --- the answer --- */

static const char *outcome_meaning(enum resolve_outcome outcome)
{
    switch (outcome) {
    case RESOLVE_OK:
        return "answered";
    case RESOLVE_NXDOMAIN:
        return "the name does not exist";
    case RESOLVE_NODATA:
        return "the name has no such record";
    case RESOLVE_SERVFAIL:
        return "the name server failed";
    case RESOLVE_REFUSED:
        return "the name server refuses to answer us";
    case RESOLVE_TIMEOUT:
        return "no answer in time";
    case RESOLVE_UNREACHABLE:
        return "the name server can't be reached";
    case RESOLVE_BAD_ANSWER:
        return "the answer is malformed";
    case RESOLVE_OBSERVER:
        return "this machine could not ask";
    case RESOLVE_CANCELLED:
        return "cancelled";
    }
    return "?";
}

static bool is_our_fault(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Notes the outcome; the loop's next turn calls `done`. `detail` may be NULL. */
static void finish(struct resolve *resolve, enum resolve_outcome outcome, const char *detail)
{
    if (resolve->finished || resolve->ending)
        return;
    char reason[128] = "";
    if (outcome != RESOLVE_OK && is_our_fault(resolve->socket_error)) {
        outcome = RESOLVE_OBSERVER;
        detail = strerror_r(resolve->socket_error, reason, sizeof reason);
    }
    resolve->finished = true;
    resolve->answer.outcome = outcome;
    struct text text = TEXT_OF(resolve->answer.text);
    text_appendf(&text, "%s: %s", resolve->what, outcome_meaning(outcome));
    if (detail != NULL && outcome != RESOLVE_OK)
        text_appendf(&text, " (%s)", detail);
    timer_set_after_us(&resolve->turn, 0);
}

static enum resolve_outcome outcome_of_status(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return RESOLVE_OK;
    case ARES_ENODATA:
        return RESOLVE_NODATA;
    case ARES_ENOTFOUND:
        return RESOLVE_NXDOMAIN;
    case ARES_ESERVFAIL:
    case ARES_ENOTIMP:
    case ARES_EFORMERR:
        return RESOLVE_SERVFAIL;
    case ARES_EREFUSED:
        return RESOLVE_REFUSED;
    case ARES_ETIMEOUT:
        return RESOLVE_TIMEOUT;
    case ARES_ECONNREFUSED:
        return RESOLVE_UNREACHABLE;
    case ARES_EBADRESP:
        return RESOLVE_BAD_ANSWER;
    default:
        return RESOLVE_OBSERVER; /* memory, files, bad names */
    }
}

static enum resolve_outcome outcome_of_rcode(const struct resolve_answer *answer)
{
    switch (answer->rcode) {
    case 0:
        return answer->record_count > 0 || answer->more ? RESOLVE_OK : RESOLVE_NODATA;
    case 3:
        return RESOLVE_NXDOMAIN;
    case RCODE_REFUSED:
        return RESOLVE_REFUSED;
    default:
        return RESOLVE_SERVFAIL;
    }
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    (void)timeouts;
    struct resolve *resolve = arg;
    struct resolve_answer *answer = &resolve->answer;
    struct ares_addrinfo_node *node = result != NULL ? result->nodes : NULL;
    for (; node != NULL && !resolve->ending; node = node->ai_next) {
        bool ipv6 = node->ai_family == AF_INET6;
        const void *bytes = ipv6 ? (const void *)&((struct sockaddr_in6 *)(void *)node->ai_addr)->sin6_addr
                                 : (const void *)&((struct sockaddr_in *)(void *)node->ai_addr)->sin_addr;
        if (node->ai_family != AF_INET && !ipv6)
            continue;
        if (answer->address_count == RESOLVER_ADDRESSES_MAX) {
            answer->more = true;
            break;
        }
        struct resolve_address *address = &answer->addresses[answer->address_count];
        if (inet_ntop(node->ai_family, bytes, address->text, sizeof address->text) == NULL)
            continue;
        address->ipv6 = ipv6;
        address->ttl_s = node->ai_ttl > 0 ? (uint32_t)node->ai_ttl : 0;
        answer->address_count++;
    }
    if (result != NULL)
        ares_freeaddrinfo(result);
    enum resolve_outcome outcome = outcome_of_status(status);
    /* c-ares says "could not contact" also when every server answered that it will not or can't. */
    if (outcome == RESOLVE_UNREACHABLE && resolve->seen_rcode == RCODE_SERVFAIL)
        outcome = RESOLVE_SERVFAIL;
    if (outcome == RESOLVE_UNREACHABLE && resolve->seen_rcode == RCODE_REFUSED)
        outcome = RESOLVE_REFUSED;
    if (outcome == RESOLVE_OK && answer->address_count == 0)
        outcome = RESOLVE_NODATA;
    finish(resolve, outcome, outcome == outcome_of_status(status) ? ares_strerror(status) : NULL);
}

static void on_message(void *arg, int status, int timeouts, unsigned char *message, int length)
{
    (void)timeouts;
    struct resolve *resolve = arg;
    if (resolve->ending)
        return;
    if (status != ARES_SUCCESS || message == NULL || length < 0)
        finish(resolve, outcome_of_status(status), ares_strerror(status));
    else if (!dns_message_parse(message, (size_t)length, &resolve->answer))
        finish(resolve, RESOLVE_BAD_ANSWER, "the message can't be read");
    else
        finish(resolve, outcome_of_rcode(&resolve->answer), NULL);
}

/* --- sockets --- */

static ares_socket_t open_socket(int family, int type, int protocol, void *arg)
{
    struct resolve *resolve = arg;
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0 && resolve->socket_error == 0)
        resolve->socket_error = errno;
    return fd;
}

static int close_socket(ares_socket_t fd, void *arg)
{
    (void)arg;
    return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t length, void *arg)
{
    (void)arg;
    return connect(fd, to, length);
}

static ares_ssize_t receive(ares_socket_t fd, void *data, size_t size, int flags, struct sockaddr *from,
                            ares_socklen_t *length, void *arg)
{
    struct resolve *resolve = arg;
    ares_ssize_t got = recvfrom(fd, data, size, flags, from, length);
    if (got >= DNS_HEADER_LENGTH)
        resolve->seen_rcode = ((const unsigned char *)data)[3] & 0xf;
    return got;
}

static ares_ssize_t send_parts(ares_socket_t fd, const struct iovec *parts, int count, void *arg)
{
    (void)arg;
    return writev(fd, parts, count);
}

static const struct ares_socket_functions socket_functions = {
    .asocket = open_socket,
    .aclose = close_socket,
    .aconnect = connect_socket,
    .arecvfrom = receive,
    .asendv = send_parts,
};

/* c-ares wants to be called again at its next timeout, or at once when it has an answer. */
static void arm_turn(struct resolve *resolve)
{
    struct timeval wait;
    if (resolve->finished || ares_timeout(resolve->channel, NULL, &wait) == NULL)
        return;
    timer_set_after_us(&resolve->turn, (int64_t)wait.tv_sec * CLOCK_US_PER_S + wait.tv_usec);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct resolve *resolve = ((struct socket_watch *)arg)->owner;
    ares_process_fd(resolve->channel, (what & EV_READ) != 0 ? (ares_socket_t)fd : ARES_SOCKET_BAD,
                    (what & EV_WRITE) != 0 ? (ares_socket_t)fd : ARES_SOCKET_BAD);
    arm_turn(resolve);
}

static struct socket_watch *find_watch(struct resolve *resolve, ares_socket_t fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (resolve->sockets[i].fd == fd)
            return &resolve->sockets[i];
    return NULL;
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolve *resolve = arg;
    struct socket_watch *watch = find_watch(resolve, fd);
    if (watch != NULL)
        (void)event_del(&watch->event);
    else if (readable || writable)
        watch = find_watch(resolve, ARES_SOCKET_BAD);
    if (watch == NULL)
        return;
    if (!readable && !writable) {
        watch->fd = ARES_SOCKET_BAD;
        return;
    }
    short what = (short)(EV_PERSIST | (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    watch->fd = fd;
    ensure(event_assign(&watch->event, loop_base(resolve->resolver->loop), fd, what, on_socket, watch) == 0);
    if (event_add(&watch->event, NULL) != 0 && resolve->socket_error == 0)
        resolve->socket_error = ENOMEM;
}

/* --- beginning and end --- */

static void resolve_free(struct resolve *resolve)
{
    resolve->ending = true;
    timer_cancel(&resolve->turn);
    timer_cancel(&resolve->deadline);
    if (resolve->channel_ready)
        ares_destroy(resolve->channel);
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (resolve->sockets[i].fd != ARES_SOCKET_BAD)
            (void)event_del(&resolve->sockets[i].event);
    if (resolve->next != NULL)
        resolve->next->previous = resolve->previous;
    if (resolve->previous != NULL)
        resolve->previous->next = resolve->next;
    else if (resolve->resolver->first == resolve)
        resolve->resolver->first = resolve->next;
    free(resolve);
}

static void conclude(struct resolve *resolve)
{
    resolve->answer.took_us = base_mono_us() - resolve->started_us;
    resolve->ending = true;
    timer_cancel(&resolve->turn);
    timer_cancel(&resolve->deadline);
    resolve->done(&resolve->answer, resolve->arg);
    resolve_free(resolve);
}

static void on_turn(void *arg)
{
    struct resolve *resolve = arg;
    if (resolve->finished) {
        conclude(resolve);
        return;
    }
    ares_process_fd(resolve->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_turn(resolve);
}

static void on_deadline(void *arg)
{
    struct resolve *resolve = arg;
    finish(resolve, RESOLVE_TIMEOUT, "deadline");
}

static struct resolve *resolve_new(struct resolver *resolver, int64_t deadline_ms, resolve_done *done,
                                   void *arg, struct fault *fault)
{
    ensure(done != NULL);
    struct resolve *resolve = calloc(1, sizeof *resolve);
    if (resolve == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    resolve->resolver = resolver;
    resolve->done = done;
    resolve->arg = arg;
    resolve->started_us = base_mono_us();
    resolve->answer.rcode = -1;
    resolve->seen_rcode = -1;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        resolve->sockets[i].fd = ARES_SOCKET_BAD;
        resolve->sockets[i].owner = resolve;
    }
    resolve->next = resolver->first;
    if (resolver->first != NULL)
        resolver->first->previous = resolve;
    resolver->first = resolve;
    timer_init(&resolve->turn, resolver->loop, on_turn, resolve);
    timer_init(&resolve->deadline, resolver->loop, on_deadline, resolve);
    timer_set_after_us(&resolve->deadline,
                       (deadline_ms > 0 ? deadline_ms : DEFAULT_DEADLINE_MS) * CLOCK_US_PER_MS);
    return resolve;
}

/* "192.0.2.53", "192.0.2.53:53", "2001:db8::53" or "[2001:db8::53]:5300". */
static bool parse_server(const char *text, struct ares_addr_port_node *out, struct fault *fault)
{
    char host[RESOLVER_ADDRESS_MAX + 2];
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[';
    bool has_port = colon != NULL && (bracketed ? colon[-1] == ']' : strchr(text, ':') == colon);
    size_t length = has_port ? (size_t)(colon - text) : strlen(text);
    unsigned long long port = DNS_PORT;
    if (length < sizeof host && (!has_port || (text_parse_u64(colon + 1, UINT16_MAX, &port) && port > 0))) {
        memcpy(host, text, length);
        host[length] = '\0';
        char *address = host;
        if (bracketed && length >= 2 && host[length - 1] == ']') {
            host[length - 1] = '\0';
            address = host + 1;
        }
        memset(out, 0, sizeof *out);
        out->udp_port = out->tcp_port = (int)port;
        out->family = inet_pton(AF_INET, address, &out->addr.addr4) == 1    ? AF_INET
                      : inet_pton(AF_INET6, address, &out->addr.addr6) == 1 ? AF_INET6 : 0;
        if (out->family != 0)
            return true;
    }
    return fault_set(fault, "\"%.80s\" is not the address of a name server: an IP address with an optional "
                            "port is needed, like 192.0.2.53:53 or [2001:db8::53]:53", text);
}

static bool set_servers(struct resolve *resolve, const char *const *servers, size_t count, struct fault *fault)
{
    struct ares_addr_port_node nodes[RESOLVER_SERVERS_MAX];
    if (count > RESOLVER_SERVERS_MAX)
        return fault_set(fault, "more than %d name servers", RESOLVER_SERVERS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!parse_server(servers[i], &nodes[i], fault))
            return false;
        nodes[i].next = NULL;
        if (i > 0)
            nodes[i - 1].next = &nodes[i];
    }
    int status = count > 0 ? ares_set_servers_ports(resolve->channel, nodes) : ARES_SUCCESS;
    return status == ARES_SUCCESS || fault_set(fault, "name servers: %s", ares_strerror(status));
}

struct channel_options {
    int64_t try_ms;
    int tries;
    int flags;
    const char *const *servers;
    size_t server_count;
};

static bool open_channel(struct resolve *resolve, const struct channel_options *want, struct fault *fault)
{
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
               ARES_OPT_NDOTS | ARES_OPT_DOMAINS;
    struct ares_options options = {
        .flags = want->flags | ARES_FLAG_NOSEARCH,
        .timeout = (int)(want->try_ms > 0 ? want->try_ms : DEFAULT_TRY_MS),
        .tries = want->tries > 0 ? want->tries < TRIES_MAX ? want->tries : TRIES_MAX : DEFAULT_TRIES,
        .ndots = 1,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = resolve,
    };
    if (resolve->resolver->resolv_conf[0] != '\0') {
        mask |= ARES_OPT_RESOLVCONF;
        options.resolvconf_path = resolve->resolver->resolv_conf;
    }
    int status = ares_init_options(&resolve->channel, &options, mask);
    if (status != ARES_SUCCESS)
        return fault_set(fault, "c-ares: %s", ares_strerror(status));
    resolve->channel_ready = true;
    ares_set_socket_functions(resolve->channel, &socket_functions, resolve);
    return set_servers(resolve, want->servers, want->server_count, fault);
}

static bool check_name(const char *name, struct fault *fault)
{
    size_t length = name != NULL ? strlen(name) : 0;
    if (length == 0 || length >= RESOLVER_NAME_MAX)
        return fault_set(fault, "a name of 1 to %d characters is needed", RESOLVER_NAME_MAX - 1);
    for (const char *at = name; *at != '\0'; at++)
        if (!isgraph((unsigned char)*at))
            return fault_set(fault, "a name can't hold spaces or control characters");
    return true;
}

static void answer_literal(struct resolve *resolve, const char *literal, enum resolve_family family)
{
    struct resolve_address *address = &resolve->answer.addresses[0];
    bool ipv6 = strchr(literal, ':') != NULL;
    bool wanted = family == RESOLVE_ANY || ipv6 == (family == RESOLVE_IPV6);
    (void)text_copy(address->text, sizeof address->text, literal);
    address->ipv6 = ipv6;
    resolve->answer.address_count = wanted ? 1 : 0;
    finish(resolve, wanted ? RESOLVE_OK : RESOLVE_NODATA, "an address of the other family");
}

struct resolve *resolver_lookup(struct resolver *resolver, const struct resolve_lookup *lookup,
                                struct fault *fault)
{
    if (!check_name(lookup->name, fault))
        return NULL;
    struct resolve *resolve = resolve_new(resolver, lookup->deadline_ms, lookup->done, lookup->arg, fault);
    if (resolve == NULL)
        return NULL;
    (void)snprintf(resolve->what, sizeof resolve->what, "addresses of %s", lookup->name);
    if (resolver_is_literal(lookup->name)) {
        answer_literal(resolve, lookup->name, lookup->family);
        return resolve;
    }
    struct channel_options options = { .try_ms = lookup->try_ms, .tries = lookup->tries,
                                       .servers = lookup->servers, .server_count = lookup->server_count };
    if (!open_channel(resolve, &options, fault)) {
        (void)fault_wrap(fault, "%s", resolve->what);
        resolve_free(resolve);
        return NULL;
    }
    struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT,
        .ai_family = lookup->family == RESOLVE_ANY ? AF_UNSPEC
                     : lookup->family == RESOLVE_IPV6 ? AF_INET6 : AF_INET,
        .ai_socktype = SOCK_STREAM,
    };
    ares_getaddrinfo(resolve->channel, lookup->name, NULL, &hints, on_addresses, resolve);
    arm_turn(resolve);
    return resolve;
}

static bool send_query(struct resolve *resolve, const struct resolve_query *query, struct fault *fault)
{
    struct channel_options options = {
        .try_ms = query->try_ms,
        .tries = query->tries,
        /* One server's own words are wanted, also when it says SERVFAIL; of the system's servers the
         * next one is asked then. */
        .flags = (query->server != NULL ? ARES_FLAG_NOCHECKRESP : 0) | (query->tcp ? ARES_FLAG_USEVC : 0),
        .servers = &query->server,
        .server_count = query->server != NULL ? 1 : 0,
    };
    if (!open_channel(resolve, &options, fault))
        return false;
    unsigned char *message = NULL;
    int length = 0;
    int status = ares_create_query(query->name, 1, (int)query->type, (unsigned short)base_random_u64(),
                                   query->want_recursion || query->server == NULL, &message, &length, 0);
    if (status != ARES_SUCCESS)
        return fault_set(fault, "%s", ares_strerror(status));
    ares_send(resolve->channel, message, length, on_message, resolve);
    ares_free_string(message);
    arm_turn(resolve);
    return true;
}

struct resolve *resolver_query(struct resolver *resolver, const struct resolve_query *query,
                               struct fault *fault)
{
    if (!check_name(query->name, fault))
        return NULL;
    struct resolve *resolve = resolve_new(resolver, query->deadline_ms, query->done, query->arg, fault);
    if (resolve == NULL)
        return NULL;
    (void)snprintf(resolve->what, sizeof resolve->what, "%s %s at %s", resolve_type_name(query->type),
                   query->name, query->server != NULL ? query->server : "the system's name servers");
    if (!send_query(resolve, query, fault)) {
        (void)fault_wrap(fault, "%s", resolve->what);
        resolve_free(resolve);
        return NULL;
    }
    return resolve;
}

void resolve_cancel(struct resolve *resolve)
{
    resolve_free(resolve);
}

static void library_begin(void)
{
    ensure(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

struct resolver *resolver_new(struct loop *loop, struct fault *fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, library_begin);
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (resolver == NULL)
        (void)fault_set(fault, "resolver: out of memory");
    else
        resolver->loop = loop;
    return resolver;
}

void resolver_use_resolv_conf(struct resolver *resolver, const char *path)
{
    ensure(text_copy(resolver->resolv_conf, sizeof resolver->resolv_conf, path));
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    while (resolver->first != NULL) {
        struct resolve *resolve = resolver->first;
        if (!resolve->finished)
            finish(resolve, RESOLVE_CANCELLED, NULL);
        conclude(resolve);
    }
    free(resolver);
}
