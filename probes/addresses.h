/* The addresses of one name, remembered between rounds.
 *
 * An answer is used until its TTL ends, within ADDRESSES_FRESH_LEAST_US and ADDRESSES_FRESH_MOST_US. When the
 * name servers are silent or fail then, the last addresses go on being used for as long as it takes: that our
 * resolver is down says nothing about the target. That a name does not exist is an answer, and it is told.
 *
 * IPv6 addresses are left out where this host has no route to them and the name has IPv4 addresses too: most
 * hosts without IPv6 would otherwise see failures in every dual-stack name. Having no route to anything
 * is not judged here; the connect then fails and says so.
 */
#ifndef FAILOVERD_PROBES_ADDRESSES_H
#define FAILOVERD_PROBES_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"

#define ADDRESSES_FRESH_LEAST_US (1 * (int64_t)1000000)
#define ADDRESSES_FRESH_MOST_US (30 * (int64_t)1000000)
/* While stale addresses are used, the name servers are asked no oftener than this. */
#define ADDRESSES_RETRY_US (5 * (int64_t)1000000)

enum addresses_outcome {
    ADDRESSES_KNOWN,   /* there are some, fresh or stale */
    ADDRESSES_NONE,    /* the name does not exist or has no address: the target's fault */
    ADDRESSES_UNKNOWN, /* we could not find out and never knew: our own */
};

struct addresses_answer {
    enum addresses_outcome outcome;
    size_t count; /* at least 1 when known */
    char text[RESOLVER_ADDRESSES_MAX][RESOLVER_ADDRESS_MAX]; /* IP literals */
    bool stale;
    int64_t took_us; /* 0 when nobody had to be asked */
    char detail[RESOLVER_TEXT_MAX]; /* why, unless known and fresh */
};

struct addresses;

/* Called on the loop, never from within addresses_find; it may free the object. */
typedef void addresses_fn(void *arg, const struct addresses_answer *answer);

/* `host` is a name or an IP literal without brackets; copied. NULL with the fault set. */
struct addresses *addresses_new(struct loop *loop, struct resolver *resolver, const char *host,
                                struct fault *fault);
void addresses_free(struct addresses *addresses); /* NULL is allowed */

/* One question at a time. Of `budget_us` at most half is spent, and at most a quarter when there are
 * addresses to fall back on. */
void addresses_find(struct addresses *addresses, int64_t budget_us, addresses_fn *fn, void *arg);
/* Ends it without the callback. */
void addresses_cancel(struct addresses *addresses);

#endif
