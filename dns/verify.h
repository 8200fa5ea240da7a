/* Do the zone's own name servers all answer what was written?
 *
 * INSYNC is Route 53's word; this asks each server for each desired record and for the fence TXT.
 * An alias can only be checked to answer something, since what it stands for changes by itself; weighted
 * and failover sets must answer one of the values that the desired records of that name allow.
 */
#ifndef FAILOVERD_DNS_VERIFY_H
#define FAILOVERD_DNS_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/resolver.h"
#include "dns/provider.h"

#define DNS_VERIFY_SERVERS_MAX 8

struct dns_verify;

struct dns_verify_server {
    char name[DNS_NAME_MAX];       /* of the NS record, or the address when given by config */
    char address[RESOLVER_ADDRESS_MAX + 8];
    bool agrees;
    bool answered; /* false: silent or unreachable */
    uint64_t fence_epoch; /* what its TXT says; 0 when none of ours */
    char text[DNS_TEXT_MAX];
};

struct dns_verify_result {
    bool all_agree; /* at least one server was asked and each agrees */
    size_t server_count;
    struct dns_verify_server servers[DNS_VERIFY_SERVERS_MAX];
    int64_t took_us;
    char text[DNS_TEXT_MAX];
};

typedef void dns_verify_done(const struct dns_verify_result *result, void *arg);

struct dns_verify_request {
    const char *zone_name; /* for finding its NS; not needed when servers are given */
    const char *const *servers; /* "ip:port"; NULL or none: NS of the zone, one address each */
    size_t server_count;
    const struct dns_record *records; /* copied */
    size_t record_count;
    const char *fence_name; /* NULL: don't look at the TXT */
    const char *service;
    struct dns_stamp stamp; /* its version is not looked at */
    int64_t deadline_ms; /* of the whole; 0: 4000 */
    dns_verify_done *done; /* on the resolver's loop, exactly once, never within dns_verify_start */
    void *arg;
};

/* NULL with the fault set when the request is malformed. Valid until `done` is called. */
struct dns_verify *dns_verify_start(struct loop *loop, struct resolver *resolver,
                                    const struct dns_verify_request *request, struct fault *fault);
/* Ends it without calling `done`. */
void dns_verify_cancel(struct dns_verify *verify);

#endif
