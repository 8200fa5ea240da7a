/* Public names, one URL after the other: see endpoints.h. */
#include "coordinator/control/endpoints.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/base/text.h"

#define ENDPOINT_HOST_MAX 256
#define ENDPOINT_TEXT_MAX 400

struct endpoints {
    struct fetch_pool *pool;
    struct resolver *resolver;
    struct endpoints_request request;
    size_t at;
    struct resolve *resolve;
    struct fetch *fetch;
};

static void finish(struct endpoints *e, bool serve, const char *text)
{
    endpoints_done *done = e->request.done;
    void *arg = e->request.arg;
    free(e);
    done(serve, text, arg);
}

static void next(struct endpoints *e);

static void refuse(struct endpoints *e, const char *why)
{
    char text[ENDPOINT_TEXT_MAX];
    (void)snprintf(text, sizeof text, "%s: %s", e->request.urls[e->at], why);
    finish(e, false, text);
}

static void on_fetched(const struct fetch_response *response, void *arg)
{
    struct endpoints *e = arg;
    e->fetch = NULL;
    char why[ENDPOINT_TEXT_MAX];
    if (response->outcome != FETCH_OK) {
        refuse(e, response->text);
        return;
    }
    if (response->status < 200 || response->status >= 400) {
        (void)snprintf(why, sizeof why, "answers %ld", response->status);
        refuse(e, why);
        return;
    }
    e->at++;
    next(e);
}

static void fetch_at(struct endpoints *e, const char *address)
{
    struct fault fault;
    struct fetch_request request = {
        .url = e->request.urls[e->at],
        .connect_address = address,
        .total_ms = e->request.total_ms,
        .fresh_connection = true,
        .done = on_fetched,
        .arg = e,
    };
    e->fetch = fetch_start(e->pool, &request, &fault);
    if (e->fetch == NULL)
        refuse(e, fault.text);
}

static void on_resolved(const struct resolve_answer *answer, void *arg)
{
    struct endpoints *e = arg;
    e->resolve = NULL;
    if (answer->outcome != RESOLVE_OK || answer->address_count == 0)
        refuse(e, answer->text);
    else
        fetch_at(e, answer->addresses[0].text);
}

static bool host_of(const char *url, char *host, size_t size)
{
    struct evhttp_uri *uri = evhttp_uri_parse(url);
    const char *found = uri != NULL ? evhttp_uri_get_host(uri) : NULL;
    bool fits = found != NULL && found[0] != '\0' && text_copy(host, size, found);
    if (uri != NULL)
        evhttp_uri_free(uri);
    return fits;
}

static void next(struct endpoints *e)
{
    char host[ENDPOINT_HOST_MAX];
    struct fault fault;
    if (e->at == e->request.url_count) {
        finish(e, true, "every public name serves");
        return;
    }
    if (!host_of(e->request.urls[e->at], host, sizeof host)) {
        refuse(e, "no URL with a host");
        return;
    }
    struct resolve_lookup lookup = {
        .name = host,
        .servers = e->request.servers,
        .server_count = e->request.server_count,
        .deadline_ms = e->request.total_ms,
        .done = on_resolved,
        .arg = e,
    };
    e->resolve = resolver_lookup(e->resolver, &lookup, &fault);
    if (e->resolve == NULL)
        refuse(e, fault.text);
}

/* The first question is asked from the loop, so that `done` never comes within endpoints_start. */
struct endpoints *endpoints_start(struct fetch_pool *pool, struct resolver *resolver,
                                  const struct endpoints_request *request, struct fault *fault)
{
    char host[ENDPOINT_HOST_MAX];
    if (request->url_count == 0 || !host_of(request->urls[0], host, sizeof host)) {
        (void)fault_set(fault, "there is no URL with a host to check");
        return NULL;
    }
    struct endpoints *e = calloc(1, sizeof *e);
    if (e == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    *e = (struct endpoints){ .pool = pool, .resolver = resolver, .request = *request };
    struct resolve_lookup lookup = {
        .name = host,
        .servers = request->servers,
        .server_count = request->server_count,
        .deadline_ms = request->total_ms,
        .done = on_resolved,
        .arg = e,
    };
    e->resolve = resolver_lookup(resolver, &lookup, fault);
    if (e->resolve == NULL) {
        free(e);
        return NULL;
    }
    return e;
}

void endpoints_cancel(struct endpoints *e)
{
    if (e->resolve != NULL)
        resolve_cancel(e->resolve);
    if (e->fetch != NULL)
        fetch_cancel(e->fetch);
    free(e);
}
