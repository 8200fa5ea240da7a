/* One API request on its way through the emulator: shared between api.c (the frame) and operations.c. */
#ifndef ROUTE53_EMULATOR_CALL_H
#define ROUTE53_EMULATOR_CALL_H

#include <event2/http.h>

#include "tests/route53/batch.h"
#include "tests/route53/world.h"

enum { PATH_SEGMENTS_MAX = 8, REQUEST_ID_SIZE = 37, TIMESTAMP_SIZE = 40 };

struct call {
    struct world *world;
    struct evhttp_request *request;
    const char *method, *target;
    char *path;                      /* the target's path, cut at its slashes into segments */
    size_t segment_count;
    char *segments[PATH_SEGMENTS_MAX];
    struct evkeyvalq *query;         /* decoded; NULL when the target has none */
    const unsigned char *body;
    size_t body_length;
    const struct credential *credential;
    char request_id[REQUEST_ID_SIZE];
    json_t *log;                     /* the request's log entry */
    struct zone *busy;               /* the zone that a batch of this call keeps busy until the reply */
    struct evbuffer *out;            /* the reply's body */
    struct refusal refusal;
};

/* What a path stands for. `handle` writes to call->out, or adds a refusal and returns false. */
struct operation {
    const char *name, *method;
    const char *path;                /* segments after the version; '*' stands for any one */
    bool (*handle)(struct call *call);
};

/* The operation for a call, or NULL. */
const struct operation *operation_find(const struct call *call);

/* A query parameter, or NULL. */
const char *call_parameter(const struct call *call, const char *name);

#endif
