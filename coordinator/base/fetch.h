/* HTTP(S) requests on a loop, by libcurl; the only file that includes curl is fetch.c.
 *
 * libcurl never resolves a name here: the caller says which address to connect to (resolver.h). The
 * URL's host is still what is sent as Host and SNI and what the certificate is checked against.
 * No proxy, no redirects, no cookies, no .netrc, http and https only, HTTP/1.1.
 * Every phase has a limit of its own and the whole has one, so `done` always comes.
 */
#ifndef FAILOVERD_BASE_FETCH_H
#define FAILOVERD_BASE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"

#define FETCH_URL_MAX 2048
#define FETCH_HEADERS_MAX 32
#define FETCH_BODY_MAX_DEFAULT (64 * 1024)
#define FETCH_BODY_MAX_MOST (8 * 1024 * 1024)
#define FETCH_RESPONSE_HEADERS_MAX (32 * 1024)
#define FETCH_TEXT_MAX 256
#define FETCH_ADDRESS_MAX 64

struct fetch_pool;
struct fetch;

enum fetch_outcome {
    FETCH_OK,                    /* a whole HTTP response came, whatever its status */
    FETCH_CONNECT_REFUSED,       /* refused or unreachable: the other side or the net said no */
    FETCH_CONNECT_TIMEOUT,       /* no answer to the connect within connect_ms */
    FETCH_TLS_CERTIFICATE,       /* expired, unknown CA, wrong name */
    FETCH_TLS_OTHER,             /* the handshake failed otherwise */
    FETCH_TIMEOUT,               /* connected, then first_byte_ms or total_ms ran out */
    FETCH_RESET,                 /* the connection broke before the response was whole */
    FETCH_TOO_LARGE,             /* more body or headers than allowed */
    FETCH_PROTOCOL,              /* what came is not HTTP/1.x */
    FETCH_OBSERVER,              /* our own fault: no descriptors, memory, buffers, CA file unreadable */
    FETCH_CANCELLED,             /* fetch_pool_free; fetch_cancel gives no callback at all */
};

/* "ok", "connect_refused", ...: stable names for logs, status and metrics. */
const char *fetch_outcome_name(enum fetch_outcome outcome);

struct fetch_sigv4 {
    const char *access_key; /* NULL: do not sign */
    const char *secret_key;
    const char *session_token; /* NULL or "": none */
    const char *region;        /* "us-east-1" */
    const char *service;       /* "route53" */
};

struct fetch_response {
    enum fetch_outcome outcome;
    long status;      /* HTTP status; 0 when none came */
    const char *body; /* terminated; what arrived, also on errors; gone after the callback */
    size_t body_length;
    char content_type[128];
    int64_t date_wall_us; /* of the Date header; 0 when there was none */
    /* Since the start of the request; 0 when that phase was not reached or not needed (kept alive). */
    int64_t connect_us;
    int64_t tls_us;
    int64_t first_byte_us;
    int64_t total_us;
    bool reused; /* over a kept-alive connection */
    /* The request, or part of it, may have reached the server: without a response its effect is unknown. */
    bool may_have_been_sent;
    char address[FETCH_ADDRESS_MAX]; /* "192.0.2.7:443", "[2001:db8::1]:443" */
    int64_t certificate_not_after_s; /* wall seconds; 0 when not asked for or not known */
    char text[FETCH_TEXT_MAX];       /* why, for people; never holds a secret */
};

typedef void fetch_done(const struct fetch_response *response, void *arg);

/* Zero is a sensible default everywhere except where noted. All of it is copied by fetch_start. */
struct fetch_request {
    const char *method; /* NULL: GET, or POST with a body. GET, HEAD, POST, PUT */
    const char *url;    /* required: http:// or https://, no user or password in it */
    const char *connect_address; /* IP literal; required unless the URL's host is an IP literal */
    uint16_t connect_port;       /* 0: the URL's */
    const char *const *headers;  /* "Name: value", NULL-terminated, or NULL. "Host: x" is allowed */
    const char *body;            /* NULL: none */
    size_t body_length;
    const char *user_agent;      /* NULL: "failoverd" */

    int64_t connect_ms;    /* TCP; 0: total_ms */
    int64_t first_byte_ms; /* TLS and the wait for the first byte, counted from connected; 0: total_ms */
    int64_t total_ms;      /* required */
    size_t body_max;       /* 0: FETCH_BODY_MAX_DEFAULT; more is FETCH_TOO_LARGE */

    bool fresh_connection; /* neither reuse a kept-alive connection nor leave one behind */
    const char *ca_file;   /* NULL: the system's. One per pool, or TLS becomes forty times dearer */
    bool insecure_skip_verify; /* neither chain nor name is checked; says so in its name */
    bool want_certificate_expiry;

    struct fetch_sigv4 sigv4; /* signed requests get a fresh handle each; fetch_start checks the
                                 shape that signing needs (dns/sigv4.h makes it) */

    fetch_done *done; /* on the loop, exactly once, never within fetch_start */
    void *arg;
};

/* One per loop. `max_idle_connections`: at least the number of targets that are kept alive. */
struct fetch_pool *fetch_pool_new(struct loop *loop, size_t max_idle_connections, struct fault *fault);

/* Running requests end with FETCH_CANCELLED, called from here. NULL is allowed. Not from within `done`. */
void fetch_pool_free(struct fetch_pool *pool);

/* NULL with the fault set when the request itself is wrong or we lack memory: `done` isn't called then. The fault names
 * the host, and of the URL nothing else: the rest may be a secret.
 * The handle is valid until `done` returns. */
struct fetch *fetch_start(struct fetch_pool *pool, const struct fetch_request *request, struct fault *fault);

/* Ends it without calling `done`; allowed from any callback on the loop, except on the fetch whose
 * own `done` is running. */
void fetch_cancel(struct fetch *fetch);

/* Requests in progress. */
size_t fetch_pool_running(const struct fetch_pool *pool);

#endif
