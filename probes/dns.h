/* Do name servers answer for a name, and with what is expected?
 *
 * All servers are asked at once. The round is OK as soon as they all ended and at least one gave a
 * right answer, because a client asks the next server when one is silent; the detail then counts
 * those that didn't. A right answer holds a record of the type with any of the expected values, or any
 * such record at all when none is expected.
 *   failed     no server gave one: silent, refusing, failing, no such name or record, other values
 *   observer   none did and this host could not ask; with the system's own servers (none named)
 *              also their silence or failure, since it says nothing about the name
 */
#ifndef FAILOVERD_PROBES_DNS_H
#define FAILOVERD_PROBES_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "probes/probe.h"

#define DNS_PROBE_VALUES_MAX 64

/* All of it is copied by dns_probe_new. */
struct dns_probe_settings {
    const char *name;
    enum resolve_type type;
    const char *const *servers; /* "192.0.2.53", "192.0.2.53:53", "[2001:db8::53]:53" */
    size_t server_count;        /* at most RESOLVER_SERVERS_MAX; 0: the system's */
    const char *const *expect_any; /* addresses in any spelling; names with or without the final dot */
    size_t expect_count;           /* 0: any answer will do */
};

struct dns_probe;

/* NULL with the fault set when the settings make no sense. Loop and resolver outlive it. */
struct dns_probe *dns_probe_new(struct loop *loop, struct resolver *resolver,
                                const struct dns_probe_settings *settings, struct fault *fault);
void dns_probe_free(struct dns_probe *probe); /* NULL is allowed */
void dns_probe_run(struct dns_probe *probe, int64_t timeout_us, probe_done *done, void *arg);
void dns_probe_cancel(struct dns_probe *probe);

extern const struct probe_class dns_probe_class;

#endif
