/* endpoints: does the service answer through its public names?
 *
 * Each URL's host is resolved afresh at the zone's own name servers (the daemon's resolver may still
 * have the old answer for a TTL), then asked once; 2xx and 3xx count as serving.
 */
#ifndef FAILOVERD_CONTROL_ENDPOINTS_H
#define FAILOVERD_CONTROL_ENDPOINTS_H

#include "coordinator/base/fetch.h"
#include "coordinator/base/resolver.h"

struct endpoints;

typedef void endpoints_done(bool all_serve, const char *text, void *arg);

struct endpoints_request {
    const char *const *urls; /* these texts outlive the check */
    size_t url_count;        /* at least 1 */
    const char *const *servers; /* "ip:port"; none: the system's */
    size_t server_count;
    int64_t total_ms;        /* of each URL */
    endpoints_done *done;    /* exactly once, never within endpoints_start */
    void *arg;
};

/* NULL with the fault set. The handle is valid until `done` is called. */
struct endpoints *endpoints_start(struct fetch_pool *pool, struct resolver *resolver,
                                  const struct endpoints_request *request, struct fault *fault);
void endpoints_cancel(struct endpoints *endpoints);

#endif
