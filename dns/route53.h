/* One hosted zone of Route 53: read, submit, poll, each asynchronous and each with a deadline.
 *
 * Each request is resolved (unless the endpoint is a literal), signed, sent once, and its outcome
 * handed back with advice; nothing is retried here (except the next page of a listing, which is part
 * of the same read). See provider.h for the meaning of the outcomes. What comes back is never trusted:
 * anything malformed, too large or too slow is an outcome with a reason.
 */
#ifndef FAILOVERD_DNS_ROUTE53_H
#define FAILOVERD_DNS_ROUTE53_H

#include "coordinator/base/fault.h"
#include "coordinator/base/fetch.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "dns/aws_credentials.h"
#include "dns/provider.h"

#define ROUTE53_ENDPOINT "https://route53.amazonaws.com"
#define ROUTE53_REGION "us-east-1"
#define ROUTE53_DEADLINE_MS 5000
#define ROUTE53_RESPONSE_MAX (512 * 1024)

struct route53;

struct route53_settings {
    const char *zone_id;  /* "Z0123456789ABC", with or without "/hostedzone/" */
    const char *endpoint; /* NULL: ROUTE53_ENDPOINT; scheme, host, port, no path */
    const char *region;   /* what is signed for; NULL: ROUTE53_REGION */
    const char *ca_file;  /* NULL: the system's */
    int64_t deadline_ms;  /* of each act, name resolution, credentials and pages included; 0: the above */
};

/* Copies the settings; pool, resolver and credentials outlive it. NULL with the fault set. */
struct route53 *route53_new(struct loop *loop, struct fetch_pool *pool, struct resolver *resolver,
                            struct aws_credentials *credentials,
                            const struct route53_settings *settings, struct fault *fault);
/* Cancels what is in progress. NULL is allowed. Not from its own callback: post it. */
void route53_free(struct route53 *zone);

/* One act at a time per object. False with the fault set when one is in progress or the request is malformed:
 * `done` isn't called then. What is passed is copied. A callback may start the next act. */
bool route53_read(struct route53 *zone, const char *service, const char *fence_name,
                  const struct dns_record *desired, size_t desired_count, dns_read_done *done, void *arg,
                  struct fault *fault) CHECKED;
bool route53_submit(struct route53 *zone, const struct dns_change *change, dns_submit_done *done, void *arg,
                    struct fault *fault) CHECKED;
bool route53_poll(struct route53 *zone, const char *change_id, dns_poll_done *done, void *arg,
                  struct fault *fault) CHECKED;

/* Ends the act in progress without calling `done`; a submit may have been applied. */
void route53_cancel(struct route53 *zone);
bool route53_busy(const struct route53 *zone);

#endif
