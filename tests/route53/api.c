/* The frame around every API request: logging, faults, authentication, the rate limit, errors, replies.
 *
 * Order: a request that gets lost is lost before anything looks at it; then the signature; then the rate
 * limit and injected refusals; then the operation. A reply that gets lost is lost after the change was
 * applied, which is the case that clients must survive.
 */
#include "tests/route53/api.h"

#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>

#include "tests/route53/call.h"
#include "tests/route53/sigv4.h"
#include "tests/route53/xml.h"

enum {
    HEADERS_MAX = 16 * 1024,
    BODY_MAX = 2 * 1024 * 1024,
    IDLE_TIMEOUT_S = 75,             /* above the 30 s that the AWS waiter lets a connection rest */
};

/* A finished reply that waits for its time. The client may go away meanwhile: then request is NULL. */
struct reply {
    struct world *world;
    struct evhttp_request *request;
    struct evhttp_connection *connection;
    struct evbuffer *body;
    struct event *timer;
    struct zone *busy;
    json_t *log;
    int status;
    bool lose;
    char request_id[REQUEST_ID_SIZE];
    struct reply *next;
};

void http_limit(struct evhttp *http, size_t body_max)
{
    evhttp_set_max_headers_size(http, HEADERS_MAX);
    evhttp_set_max_body_size(http, (ev_ssize_t)body_max);
    evhttp_set_timeout(http, IDLE_TIMEOUT_S);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
}

/* ---- replying ---- */

static void reply_unlink(struct reply *reply)
{
    for (struct reply **at = &reply->world->replies; *at != NULL; at = &(*at)->next)
        if (*at == reply) {
            *at = reply->next;
            return;
        }
}

static void reply_free(struct reply *reply)
{
    reply_unlink(reply);
    if (reply->busy != NULL)
        reply->busy->busy = false;
    if (reply->timer != NULL)
        event_free(reply->timer);
    evbuffer_free(reply->body);
    json_decref(reply->log);
    free(reply);
}

static void on_client_gone(struct evhttp_connection *connection, void *context)
{
    struct reply *reply = context;
    (void)connection;
    reply->request = NULL;
    json_object_set_new(reply->log, "reply", json_string("client gone"));
}

static const char *reason(int status)
{
    return status == 200 ? "OK" : status == 400 ? "Bad Request" : status == 403 ? "Forbidden" : status == 404 ? "Not Found"
         : status == 500 ? "Internal Server Error" : status == 503 ? "Service Unavailable" : "Error";
}

static void on_reply_due(evutil_socket_t fd, short what, void *context)
{
    struct reply *reply = context;
    struct evhttp_request *request = reply->request;
    (void)fd, (void)what;
    if (request != NULL) {
        evhttp_connection_set_closecb(reply->connection, NULL, NULL);
        json_object_set_new(reply->log, "reply", json_string(reply->lose ? "lost" : "sent"));
        if (reply->lose) {
            evhttp_connection_free(reply->connection);
        } else {
            struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
            evhttp_add_header(headers, "Content-Type", "text/xml");
            evhttp_add_header(headers, "x-amzn-RequestId", reply->request_id);
            evhttp_send_reply(request, reply->status, reason(reply->status), reply->body);
        }
    }
    reply_free(reply);
}

/* Hands the call's reply over to its timer. Takes the output buffer. */
static void reply_later(struct call *call, int status, int64_t delay_ms, bool lose)
{
    struct reply *reply = calloc(1, sizeof *reply);
    struct timeval delay = { .tv_sec = delay_ms / 1000, .tv_usec = (delay_ms % 1000) * 1000 };
    if (reply == NULL) {
        evhttp_send_error(call->request, 500, NULL);
        return;
    }
    *reply = (struct reply){ .world = call->world, .request = call->request, .body = call->out, .busy = call->busy,
        .log = json_incref(call->log), .status = status, .lose = lose, .next = call->world->replies,
        .connection = evhttp_request_get_connection(call->request) };
    memcpy(reply->request_id, call->request_id, sizeof reply->request_id);
    call->out = NULL;
    call->world->replies = reply;
    if (reply->busy != NULL)
        reply->busy->busy = true;
    evhttp_connection_set_closecb(reply->connection, on_client_gone, reply);
    reply->timer = evtimer_new(call->world->base, on_reply_due, reply);
    if (reply->timer == NULL)
        on_reply_due(-1, 0, reply);
    else
        evtimer_add(reply->timer, &delay);
}

void api_detach(struct world *world)
{
    while (world->replies != NULL)
        reply_free(world->replies);
}

/* AWS has two forms for InvalidChangeBatch: today's joins the messages in brackets, the documented one lists them. */
static void write_error(struct call *call)
{
    const struct refusal *refusal = &call->refusal;
    bool batch = strcmp(refusal->code, "InvalidChangeBatch") == 0;
    evbuffer_drain(call->out, evbuffer_get_length(call->out));
    evbuffer_add_printf(call->out, "<?xml version=\"1.0\"?>\n");
    if (batch && call->world->faults.messages_form) {
        evbuffer_add_printf(call->out, "<InvalidChangeBatch xmlns=\"%s\"><Messages>", XML_NAMESPACE);
        for (size_t i = 0; i < refusal->count; i++)
            xml_element(call->out, "Message", refusal->messages[i]);
        evbuffer_add_printf(call->out, "</Messages><RequestId>%s</RequestId></InvalidChangeBatch>", call->request_id);
        return;
    }
    evbuffer_add_printf(call->out, "<ErrorResponse xmlns=\"%s\"><Error><Type>%s</Type>", XML_NAMESPACE,
                        refusal->status >= 500 ? "Receiver" : "Sender");
    xml_element(call->out, "Code", refusal->code);
    evbuffer_add_printf(call->out, "<Message>%s", batch ? "[" : "");
    for (size_t i = 0; i < refusal->count; i++) {
        evbuffer_add_printf(call->out, "%s", i > 0 ? ", " : "");
        xml_escape(call->out, refusal->messages[i]);
    }
    evbuffer_add_printf(call->out, "%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>", batch ? "]" : "",
                        call->request_id);
}

/* ---- before the operation ---- */

static bool use(int64_t *counter)
{
    if (*counter <= 0)
        return false;
    (*counter)--;
    return true;
}

static bool deny(struct call *call, const struct operation *operation)
{
    refusal_add(&call->refusal, 403, "AccessDenied", "User: arn:aws:iam::123456789012:user/%s is not authorized to perform: "
                "route53:%s because no identity-based policy allows the route53:%s action", call->credential->access_key,
                operation->name, operation->name);
    return false;
}

/* Injected refusals and the rate limit. `scoped`: the request is of the kind that counted faults are for. */
static bool admit(struct call *call, const struct operation *operation, bool scoped)
{
    struct world *world = call->world;
    if (world->faults.deny_access)
        return deny(call, operation);
    if ((scoped && use(&world->faults.throttle_next)) || !world_take_token(world)) {
        refusal_add(&call->refusal, 400, "Throttling", "Rate exceeded");
        return false;
    }
    if (scoped && use(&world->faults.fail_5xx_next)) {
        bool unavailable = world->faults.fail_5xx_status == 503;
        refusal_add(&call->refusal, (int)world->faults.fail_5xx_status, unavailable ? "ServiceUnavailable" : "InternalFailure",
                    unavailable ? "Service is currently unavailable" : "An internal error occurred");
        return false;
    }
    return true;
}

static bool run(struct call *call, bool scoped)
{
    struct world *world = call->world;
    if (!sigv4_verify(world, call->request, call->method, call->target, call->body, call->body_length,
                      &call->credential,
                      &call->refusal))
        return false;
    json_object_set_new(call->log, "access_key", json_string(call->credential->access_key));
    const struct operation *operation = operation_find(call);
    if (operation == NULL) {
        refusal_add(&call->refusal, 404, "UnknownOperationException", "There is no %s %s here", call->method, call->target);
        return false;
    }
    json_object_set_new(call->log, "operation", json_string(operation->name));
    return admit(call, operation, scoped) && operation->handle(call);
}

/* ---- the request ---- */

static void make_request_id(char out[REQUEST_ID_SIZE])
{
    unsigned part[8];
    for (size_t i = 0; i < 8; i++)
        part[i] = random_below(0x10000);
    snprintf(out, REQUEST_ID_SIZE, "%04x%04x-%04x-%04x-%04x-%04x%04x%04x", part[0], part[1], part[2], part[3], part[4],
             part[5], part[6], part[7]);
}

static void split_target(struct call *call)
{
    const char *query = strchr(call->target, '?');
    size_t length = query == NULL ? strlen(call->target) : (size_t)(query - call->target);
    char *rest, *part;
    call->path = strndup(call->target, length);
    for (rest = call->path; (part = strsep(&rest, "/")) != NULL; ) {
        if (*part == '\0')
            continue;
        if (call->segment_count == PATH_SEGMENTS_MAX || !percent_decode(part)) {
            call->segment_count = 0;
            break;
        }
        call->segments[call->segment_count++] = part;
    }
    if (query != NULL && (call->query = calloc(1, sizeof *call->query)) != NULL
        && evhttp_parse_query_str(query + 1, call->query) != 0) {
        free(call->query);
        call->query = NULL;
        call->segment_count = 0;     /* no operation: an unreadable query is nobody's */
    }
}

static void log_request(struct call *call)
{
    struct world *world = call->world;
    const char *agent = evhttp_find_header(evhttp_request_get_input_headers(call->request), "User-Agent");
    char *peer = NULL;
    ev_uint16_t port = 0;
    evhttp_connection_get_peer(evhttp_request_get_connection(call->request), &peer, &port);
    call->log = json_pack("{s:I, s:I, s:s, s:i, s:s, s:s%, s:s*, s:s}", "number", (json_int_t)++world->requests_seen,
                          "at_us", (json_int_t)now_us(), "peer", peer ? peer : "", "port", (int)port,
                          "method", call->method, "target", call->target,
                          strnlen(call->target, 2048), "user_agent", agent, "request_id", call->request_id);
    if (call->log == NULL)           /* a user agent or target that is not UTF-8 */
        call->log = json_pack("{s:I, s:I}", "number", (json_int_t)world->requests_seen, "at_us", (json_int_t)now_us());
    if (json_array_size(world->request_log) >= REQUEST_LOG_MAX)
        json_array_remove(world->request_log, 0);
    json_array_append(world->request_log, call->log);
}

static void call_end(struct call *call)
{
    refusal_clear(&call->refusal);
    if (call->query != NULL) {
        evhttp_clear_headers(call->query);
        free(call->query);
    }
    if (call->out != NULL)
        evbuffer_free(call->out);
    free(call->path);
    json_decref(call->log);
}

static void note_result(struct call *call, int status)
{
    json_object_set_new(call->log, "status", json_integer(status));
    if (status == 200)
        return;
    json_t *messages = json_array();
    for (size_t i = 0; i < call->refusal.count; i++)
        json_array_append_new(messages, json_string(call->refusal.messages[i]));
    json_object_set_new(call->log, "code", json_string(call->refusal.code));
    json_object_set_new(call->log, "messages", messages);
}

static void on_request(struct evhttp_request *request, void *context)
{
    struct world *world = context;
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    struct call call = { .world = world, .request = request, .target = evhttp_request_get_uri(request),
        .method = evhttp_request_get_command(request) == EVHTTP_REQ_POST ? "POST" : "GET", .out = evbuffer_new() };
    bool is_change = strcmp(call.method, "POST") == 0;
    bool scoped = is_change || !world->faults.changes_only;
    make_request_id(call.request_id);
    log_request(&call);
    if (call.out == NULL) {
        evhttp_send_error(request, 500, NULL);
        call_end(&call);
        return;
    }
    if (scoped && use(&world->faults.lose_request_next)) {
        json_object_set_new(call.log, "lost", json_true());
        reply_later(&call, 0, 0, true);
        call_end(&call);
        return;
    }
    call.body_length = evbuffer_get_length(input);
    call.body = call.body_length > 0 ? evbuffer_pullup(input, -1) : (const unsigned char *)"";
    split_target(&call);
    bool good = run(&call, scoped);
    if (!good)
        write_error(&call);
    int status = good ? 200 : call.refusal.status;
    int64_t delay_ms = world->faults.delay_reply_ms;
    if (call.busy != NULL && delay_ms < world->faults.batch_ms)
        delay_ms = world->faults.batch_ms;
    note_result(&call, status);
    world_log(world, "%s %s: %d %s", call.method, call.target, status, good ? "" : call.refusal.code);
    reply_later(&call, status, delay_ms, good && is_change && use(&world->faults.lose_reply_next));
    call_end(&call);
}

void api_attach(struct evhttp *http, struct world *world)
{
    http_limit(http, BODY_MAX);
    evhttp_set_gencb(http, on_request, world);
}
