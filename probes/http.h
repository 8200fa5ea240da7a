/* One look at a health endpoint over HTTP or HTTPS, at every address of the URL's name.
 *
 * All addresses are asked at once, each over a connection of its own that is not kept: a new client
 * would have to connect as well. The round is OK when all of them pass and FAILED when one fails, and says
 * which one and why (addresses.h has the rules of names).
 *
 * How an ending counts:
 *   failed     no connection, TLS or certificate refused, too late in any phase, a broken or too
 *              large response, a status or body other than wanted; a name that does not exist
 *   observer   no descriptors, memory or local ports here, an unreadable CA file, a name server
 *              that is silent or fails while no earlier answer of it is known
 */
#ifndef FAILOVERD_PROBES_HTTP_H
#define FAILOVERD_PROBES_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/fetch.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "probes/probe.h"

#define HTTP_STATUS_RANGES_MAX 16
#define HTTP_JSON_MAX 64

struct http_status_range {
    int low;
    int high; /* inclusive */
};

/* Where in the body (RFC 6901) and what must be there, as JSON text: "\"ok\"", "3", "true", "null". */
struct http_json_expectation {
    const char *pointer;
    const char *value_json;
};

/* All of it is copied by http_probe_new. */
struct http_probe_settings {
    const char *url;
    const struct http_status_range *status;
    size_t status_count; /* 0: 200 to 299 */
    const char *contains; /* the body must hold it; NULL: no matter */
    const struct http_json_expectation *json;
    size_t json_count;
    bool skip_certificate_check;
    const char *ca_file;     /* NULL: the system's */
    const char *server_name; /* https: for SNI and the certificate; NULL: the URL's host */
    /* Limits of the phases; 0: the whole round's. The response must be whole within total_us. */
    int64_t connect_us;
    int64_t tls_us;
    int64_t first_byte_us;
    int64_t total_us;
    size_t body_max; /* 0: FETCH_BODY_MAX_DEFAULT */
};

struct http_probe;

/* NULL with the fault set when the settings make no sense. Loop, pool and resolver outlive it. */
struct http_probe *http_probe_new(struct loop *loop, struct fetch_pool *pool, struct resolver *resolver,
                                  const struct http_probe_settings *settings, struct fault *fault);
void http_probe_free(struct http_probe *probe); /* NULL is allowed */
void http_probe_run(struct http_probe *probe, int64_t timeout_us, probe_done *done, void *arg);
void http_probe_cancel(struct http_probe *probe);

extern const struct probe_class http_probe_class;

#endif
