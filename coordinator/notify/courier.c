/* The courier: see courier.h. All but courier_send() and the posting back runs on the sending loop. */
#include "coordinator/notify/courier.h"

#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/notify/body.h"

#define CONNECTIONS 4
#define HOST_MAX 256
#define LEAST_MS 500            /* for the request itself, when names took their time */
#define BACK_AGAIN_US 100000    /* the mailbox of the loop that asked was full */

struct courier {
    struct loop *sending;
    struct loop *asking;
    struct fetch_pool *pool;    /* its own: other authorities than the probes' would cost those their cache */
    struct resolver *resolver;
    struct courier_job *running;
};

/* ---- coming back ----------------------------------------------------------------------------- */

static void on_back(void *arg)
{
    struct courier_job *job = arg;
    job->done(job);
}

static void go_back(void *arg)
{
    struct courier_job *job = arg;
    struct courier *courier = job->courier;
    for (struct courier_job **at = &courier->running; *at != NULL; at = &(*at)->next)
        if (*at == job) {
            *at = job->next;
            break;
        }
    if (loop_post(courier->asking, on_back, job))
        return;
    job->next = courier->running;
    courier->running = job;
    timer_set_after_us(&job->again, BACK_AGAIN_US);
}

static void finish(struct courier_job *job, enum queue_outcome outcome, long status, const char *text)
{
    job->resolve = NULL;
    job->fetch = NULL;
    job->child = NULL;
    job->outcome = outcome;
    job->status = status;
    job->took_us = base_mono_us() - job->started_us;
    (void)text_copy(job->text, sizeof job->text, text);
    go_back(job);
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

static enum queue_outcome outcome_of(const struct fetch_response *response)
{
    if (response->outcome != FETCH_OK)
        return response->may_have_been_sent ? QUEUE_UNKNOWN : QUEUE_FAILED;
    if (response->status >= 200 && response->status < 300)
        return QUEUE_TAKEN;
    bool nonsense = response->status == 400 || response->status == 413 || response->status == 422;
    return nonsense ? QUEUE_NONSENSE : QUEUE_FAILED;
}

static void on_fetched(const struct fetch_response *response, void *arg)
{
    char text[COURIER_TEXT_MAX];
    struct text words = TEXT_OF(text);
    text_append(&words, response->text);
    if (response->outcome != FETCH_OK && strcmp(response->text, fetch_outcome_name(response->outcome)) != 0)
        text_appendf(&words, " (%s)", fetch_outcome_name(response->outcome));
    finish(arg, outcome_of(response), response->status > 0 ? response->status : -1, text);
}

/* The URL and, for PagerDuty, the key. Both are wiped by the caller. */
struct secrets {
    char url[FETCH_URL_MAX];
    char key[CONFIG_MAX_TEXT];
};

static bool read_secrets(const struct channel_config *channel, struct secrets *secrets, struct fault *fault)
{
    if (channel->url_file != NULL)
        return config_read_secret(channel->url_file, secrets->url, sizeof secrets->url, fault);
    return (text_copy(secrets->url, sizeof secrets->url, channel->endpoint) ||
            fault_set(fault, "the endpoint is too long")) &&
           config_read_secret(channel->routing_key_file, secrets->key, sizeof secrets->key, fault);
}

static bool host_of(const char *url, char *host, size_t size)
{
    struct evhttp_uri *uri = evhttp_uri_parse(url);
    const char *found = uri != NULL ? evhttp_uri_get_host(uri) : NULL;
    size_t length = found != NULL ? strlen(found) : 0;
    bool bracketed = length > 2 && found[0] == '[' && found[length - 1] == ']';
    bool fits = length > 0 && length < size;
    if (fits) {
        struct text text = text_over(host, size);
        text_append_bytes(&text, found + (bracketed ? 1 : 0), length - (bracketed ? 2 : 0));
    }
    if (uri != NULL)
        evhttp_uri_free(uri);
    return fits;
}

static bool post(struct courier_job *job, const struct secrets *secrets, const char *address, struct fault *fault)
{
    static const char *const headers[] = { "Content-Type: application/json", NULL };
    size_t length = 0;
    char *body = body_make(job->channel, &job->notice, secrets->key, &length);
    int64_t left_ms = (job->channel->deadline_us - (base_mono_us() - job->started_us)) / CLOCK_US_PER_MS;
    if (body == NULL)
        return fault_set(fault, "out of memory");
    struct fetch_request request = {
        .method = "POST",
        .url = secrets->url,
        .connect_address = address,
        .headers = headers,
        .body = body,
        .body_length = length,
        .total_ms = left_ms > LEAST_MS ? left_ms : LEAST_MS,
        .fresh_connection = true,
        .ca_file = job->channel->ca_file,
        .done = on_fetched,
        .arg = job,
    };
    job->fetch = fetch_start(job->courier->pool, &request, fault);
    explicit_bzero(body, length);
    free(body);
    return job->fetch != NULL || fault_wrap(fault, "no request can be made of its URL");
}

static void on_resolved(const struct resolve_answer *answer, void *arg)
{
    struct courier_job *job = arg;
    struct secrets secrets = { .url = "" };
    struct fault fault;
    job->resolve = NULL;
    if (answer->outcome != RESOLVE_OK || answer->address_count == 0)
        finish(job, QUEUE_FAILED, -1, answer->text);
    else if (!read_secrets(job->channel, &secrets, &fault) ||
             !post(job, &secrets, answer->addresses[job->try % answer->address_count].text, &fault))
        finish(job, QUEUE_FAILED, -1, fault.text);
    explicit_bzero(&secrets, sizeof secrets);
}

static void start_http(struct courier_job *job)
{
    struct secrets secrets = { .url = "" };
    struct fault fault;
    char host[HOST_MAX];
    if (!read_secrets(job->channel, &secrets, &fault)) {
        finish(job, QUEUE_FAILED, -1, fault.text);
    } else if (!host_of(secrets.url, host, sizeof host)) {
        finish(job, QUEUE_FAILED, -1, "what its url_file holds is no URL with a host");
    } else {
        struct resolve_lookup lookup = { .name = host,
                                         .deadline_ms = job->channel->deadline_us / CLOCK_US_PER_MS / 2,
                                         .done = on_resolved,
                                         .arg = job };
        job->resolve = resolver_lookup(job->courier->resolver, &lookup, &fault);
        if (job->resolve == NULL)
            finish(job, QUEUE_FAILED, -1, fault.text);
    }
    explicit_bzero(&secrets, sizeof secrets);
}

/* ---- programs -------------------------------------------------------------------------------- */

static void on_ended(const struct child_result *result, void *arg)
{
    bool told = result->end == CHILD_EXITED && result->status == 0;
    finish(arg, told ? QUEUE_TAKEN : QUEUE_UNKNOWN, result->end == CHILD_EXITED ? result->status : -1, result->text);
}

static void start_program(struct courier_job *job)
{
    const char *argv[CONFIG_MAX_ITEMS + 1] = { NULL };
    struct fault fault;
    size_t length = 0;
    char *body = body_make(job->channel, &job->notice, NULL, &length);
    for (size_t i = 0; i < job->channel->program.count; i++)
        argv[i] = job->channel->program.items[i];
    struct child_request request = { .argv = argv,
                                     .input = body,
                                     .input_length = length,
                                     .deadline_ms = job->channel->deadline_us / CLOCK_US_PER_MS,
                                     .done = on_ended,
                                     .arg = job };
    if (body != NULL)
        job->child = child_start(job->courier->sending, &request, &fault);
    else
        (void)fault_set(&fault, "out of memory");
    free(body);
    if (job->child == NULL)
        finish(job, QUEUE_FAILED, -1, fault.text);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_job(void *arg)
{
    struct courier_job *job = arg;
    job->started_us = base_mono_us();
    job->resolve = NULL;
    job->fetch = NULL;
    job->child = NULL;
    timer_init(&job->again, job->courier->sending, go_back, job);
    job->next = job->courier->running;
    job->courier->running = job;
    if (job->channel->kind == CONFIG_CHANNEL_EXEC)
        start_program(job);
    else
        start_http(job);
}

bool courier_send(struct courier *courier, struct courier_job *job)
{
    job->courier = courier;
    return loop_post(courier->sending, on_job, job);
}

struct courier *courier_new(struct loop *sending, struct loop *asking, struct fault *fault)
{
    struct courier *courier = calloc(1, sizeof *courier);
    if (courier == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    courier->sending = sending;
    courier->asking = asking;
    courier->pool = fetch_pool_new(sending, CONNECTIONS, fault);
    courier->resolver = courier->pool != NULL ? resolver_new(sending, fault) : NULL;
    if (courier->resolver != NULL)
        return courier;
    courier_free(courier);
    return NULL;
}

void courier_free(struct courier *courier)
{
    if (courier == NULL)
        return;
    while (courier->running != NULL) {
        struct courier_job *job = courier->running;
        courier->running = job->next;
        timer_cancel(&job->again);
        if (job->resolve != NULL)
            resolve_cancel(job->resolve);
        if (job->fetch != NULL)
            fetch_cancel(job->fetch);
        if (job->child != NULL)
            child_abandon(job->child);
    }
    resolver_free(courier->resolver);
    fetch_pool_free(courier->pool);
    free(courier);
}
