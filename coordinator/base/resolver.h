/* Names to addresses, and questions to one given name server, by c-ares on a loop; the only file
 * that includes ares is resolver.c.
 *
 * Two kinds of work. resolver_lookup asks the system's name servers (resolv.conf and hosts file,
 * read again when they change) or a given list for the addresses of a name. resolver_query asks
 * exactly one server for one record type and returns what it said, for verifying DNS at a zone's own servers
 * and for DNS probes. Each has a deadline of its own beside the tries, so `done` always comes.
 */
#ifndef FAILOVERD_BASE_RESOLVER_H
#define FAILOVERD_BASE_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"

#define RESOLVER_NAME_MAX 256
#define RESOLVER_ADDRESS_MAX 48
#define RESOLVER_ADDRESSES_MAX 16
#define RESOLVER_RECORDS_MAX 32
#define RESOLVER_VALUE_MAX 512
#define RESOLVER_SERVERS_MAX 8
#define RESOLVER_TEXT_MAX 256

struct resolver;
struct resolve; /* one question in progress */

enum resolve_outcome {
    RESOLVE_OK,
    RESOLVE_NXDOMAIN,   /* the name does not exist */
    RESOLVE_NODATA,     /* it does, but has no record of this type */
    RESOLVE_SERVFAIL,   /* the server could not answer */
    RESOLVE_REFUSED,    /* the server does not want to answer us */
    RESOLVE_TIMEOUT,    /* nobody answered in time */
    RESOLVE_UNREACHABLE, /* connection refused or no route to the server */
    RESOLVE_BAD_ANSWER, /* malformed */
    RESOLVE_OBSERVER,   /* our own fault: descriptors, memory, bad resolv.conf, bad name */
    RESOLVE_CANCELLED,  /* resolver_free; resolve_cancel gives no callback at all */
};

/* "ok", "nxdomain", ...: stable names for logs, status and metrics. */
const char *resolve_outcome_name(enum resolve_outcome outcome);

enum resolve_family { RESOLVE_ANY, RESOLVE_IPV4, RESOLVE_IPV6 };

enum resolve_type {
    RESOLVE_TYPE_A = 1,
    RESOLVE_TYPE_NS = 2,
    RESOLVE_TYPE_CNAME = 5,
    RESOLVE_TYPE_SOA = 6,
    RESOLVE_TYPE_TXT = 16,
    RESOLVE_TYPE_AAAA = 28,
};
const char *resolve_type_name(enum resolve_type type);

struct resolve_address {
    char text[RESOLVER_ADDRESS_MAX]; /* IP literal */
    bool ipv6;
    uint32_t ttl_s; /* 0 from the hosts file or an IP literal */
};

struct resolve_record {
    char name[RESOLVER_NAME_MAX]; /* owner, without the final dot, lower case */
    enum resolve_type type;
    uint32_t ttl_s;
    /* A, AAAA: the literal. NS, CNAME: the name without the final dot, lower case. TXT: the strings
     * joined. SOA: "mname rname serial refresh retry expire minimum". */
    char value[RESOLVER_VALUE_MAX];
    uint32_t soa_serial; /* SOA only */
};

/* What came back; valid during the callback. */
struct resolve_answer {
    enum resolve_outcome outcome;
    size_t address_count; /* lookups */
    struct resolve_address addresses[RESOLVER_ADDRESSES_MAX];
    size_t record_count; /* queries: the answer section, in order, types above only */
    struct resolve_record records[RESOLVER_RECORDS_MAX];
    bool more;          /* there were more than fit */
    bool authoritative; /* queries: the AA bit */
    int rcode;          /* queries: the header's code, -1 when no answer came */
    int64_t took_us;
    char text[RESOLVER_TEXT_MAX]; /* for people: what was asked of whom and what came */
};

typedef void resolve_done(const struct resolve_answer *answer, void *arg);

struct resolve_lookup {
    const char *name; /* a name, or an IP literal (answered without asking) */
    enum resolve_family family;
    /* "192.0.2.53:53", "[2001:db8::53]:5300", port optional; NULL or empty: the system's. */
    const char *const *servers;
    size_t server_count;
    int64_t deadline_ms; /* of the whole; 0: 2000 */
    int64_t try_ms;      /* of one try; 0: 500 */
    int tries;           /* 0: 3 */
    resolve_done *done;  /* on the loop, exactly once, never within the starting call */
    void *arg;
};

struct resolve_query {
    const char *name;
    enum resolve_type type;
    const char *server; /* "ip", "ip:port" or "[ip6]:port"; NULL: the system's name servers */
    bool want_recursion; /* false for authoritative servers */
    bool tcp;            /* TCP from the start; else UDP, TCP when the answer is truncated */
    int64_t deadline_ms; /* as above */
    int64_t try_ms;
    int tries;
    resolve_done *done;
    void *arg;
};

/* One per loop. NULL with the fault set. */
struct resolver *resolver_new(struct loop *loop, struct fault *fault);

/* For tests: the file instead of /etc/resolv.conf. */
void resolver_use_resolv_conf(struct resolver *resolver, const char *path);

/* Questions in progress end with RESOLVE_CANCELLED, called from here. NULL is allowed. */
void resolver_free(struct resolver *resolver);

/* NULL with the fault set when the question is malformed: `done` isn't called then. The handle is
 * valid until `done` is called. */
struct resolve *resolver_lookup(struct resolver *resolver, const struct resolve_lookup *lookup,
                                struct fault *fault);
struct resolve *resolver_query(struct resolver *resolver, const struct resolve_query *query,
                               struct fault *fault);

/* Ends it without calling `done`. */
void resolve_cancel(struct resolve *resolve);

/* Is it an IPv4 or IPv6 literal (no brackets, no port)? */
bool resolver_is_literal(const char *text);

#endif
