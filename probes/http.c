/* One look at a health endpoint: see http.h.
 *
 * A round finds the addresses, fetches from each of them, and ends with the last of the fetches: every
 * fetch has a limit for each phase and for the whole. What one response means is settled where it comes in;
 * which of the addresses speaks for the round, at the end.
 */
#include "probes/http.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "probes/addresses.h"
#include "probes/json_match.h"

#define HOST_HEADER_MAX (RESOLVER_NAME_MAX + 16)
#define STATUS_TEXT_MAX 64

struct http_wish {
    char *pointer;
    json_t *value;
};

/* What one address had to say. */
struct http_try {
    struct http_probe *probe;
    struct fetch *fetch; /* NULL when it has ended */
    char address[RESOLVER_ADDRESS_MAX];
    struct probe_round result;
};

struct http_probe {
    struct loop *loop;
    struct fetch_pool *pool;
    struct addresses *addresses;
    char url[FETCH_URL_MAX];           /* with the name for the certificate as its host */
    char host_header[HOST_HEADER_MAX]; /* "Host: ..." when that name is another; else "" */
    bool https;
    struct http_status_range status[HTTP_STATUS_RANGES_MAX];
    size_t status_count;
    char status_text[STATUS_TEXT_MAX]; /* "200-299, 401" */
    char *contains;
    struct http_wish wishes[HTTP_JSON_MAX];
    size_t wish_count;
    bool skip_certificate_check;
    char *ca_file;
    int64_t connect_us, tls_us, first_byte_us, total_us; /* 0: the round's */
    size_t body_max;

    int64_t began_us;
    int64_t deadline_us;
    struct http_try tries[RESOLVER_ADDRESSES_MAX];
    size_t try_count;
    size_t pending;
    bool stale;
    struct probe_round round;
    probe_done *done; /* NULL: no round is in progress */
    void *arg;
};

/* ---- what a response means ---------------------------------------------------------------- */

static bool status_wanted(const struct http_probe *probe, long status)
{
    for (size_t i = 0; i < probe->status_count; i++)
        if (status >= probe->status[i].low && status <= probe->status[i].high)
            return true;
    return false;
}

static bool json_is_wanted(const struct http_probe *probe, const struct fetch_response *response,
                           struct probe_round *result)
{
    json_error_t error;
    json_t *body = json_loadb(response->body, response->body_length, JSON_DECODE_ANY, &error);
    bool good = true;
    if (body == NULL) {
        probe_end_as(result, SAMPLE_FAILED, "the body is not JSON: %.60s", error.text);
        return false;
    }
    for (size_t i = 0; i < probe->wish_count && good; i++) {
        const struct http_wish *wish = &probe->wishes[i];
        const json_t *found = json_pointer_find(body, wish->pointer);
        good = json_match_equal(found, wish->value);
        if (!good)
            probe_end_as(result, SAMPLE_FAILED, "the body's \"%.50s\" is %s", wish->pointer,
                         found == NULL ? "missing" : "not the value wanted");
    }
    json_decref(body);
    return good;
}

static bool body_is_wanted(const struct http_probe *probe, const struct fetch_response *response,
                           struct probe_round *result)
{
    if (probe->contains != NULL &&
        memmem(response->body, response->body_length, probe->contains, strlen(probe->contains)) == NULL) {
        probe_end_as(result, SAMPLE_FAILED, "the body does not contain the wanted text");
        return false;
    }
    return probe->wish_count == 0 || json_is_wanted(probe, response, result);
}

/* fetch counts every time from the start; a round tells each part's own. */
static void take_phases(const struct fetch_response *response, struct probe_round *result)
{
    struct probe_phases *phases = &result->phases;
    int64_t ready_us = response->tls_us > 0 ? response->tls_us : response->connect_us;
    phases->connect_us = response->connect_us;
    if (response->tls_us > 0)
        phases->tls_us = response->tls_us - response->connect_us;
    if (response->first_byte_us > 0) {
        phases->first_byte_us = response->first_byte_us - ready_us;
        phases->rest_us = response->total_us - response->first_byte_us;
    }
    result->latency_us = response->total_us;
    result->certificate_not_after_s = response->certificate_not_after_s;
}

/* The fetch has one limit for the handshake and the first byte together, their sum; each one's own is held here. */
static bool phase_is_late(const struct http_probe *probe, struct probe_round *result)
{
    const struct probe_phases *phases = &result->phases;
    char took[CLOCK_DURATION_TEXT_MAX], allowed[CLOCK_DURATION_TEXT_MAX];
    const char *what = NULL;
    int64_t took_us = 0, allowed_us = 0;
    if (probe->tls_us > 0 && phases->tls_us > probe->tls_us) {
        what = "the TLS handshake";
        took_us = phases->tls_us;
        allowed_us = probe->tls_us;
    } else if (probe->first_byte_us > 0 && phases->first_byte_us > probe->first_byte_us) {
        what = "the first byte";
        took_us = phases->first_byte_us;
        allowed_us = probe->first_byte_us;
    }
    if (what != NULL)
        probe_end_as(result, SAMPLE_FAILED, "%s took %s, more than the %s allowed", what,
                     base_format_duration(took, sizeof took, took_us),
                     base_format_duration(allowed, sizeof allowed, allowed_us));
    return what != NULL;
}

static const char *timeout_phase(const struct http_probe *probe, const struct fetch_response *response)
{
    if (response->first_byte_us > 0)
        return "the response did not end in time";
    if (probe->https && response->tls_us == 0)
        return "the TLS handshake did not end in time";
    return "connected, but no response in time";
}

static void settle(const struct http_probe *probe, const struct fetch_response *response, struct probe_round *result)
{
    take_phases(response, result);
    switch (response->outcome) {
    case FETCH_OK:
        if (phase_is_late(probe, result))
            return;
        if (!status_wanted(probe, response->status))
            probe_end_as(result, SAMPLE_FAILED, "HTTP status %ld, wanted %s", response->status, probe->status_text);
        else if (body_is_wanted(probe, response, result))
            probe_end_as(result, SAMPLE_OK, "HTTP status %ld", response->status);
        return;
    case FETCH_TIMEOUT:
        probe_end_as(result, SAMPLE_FAILED, "%s", timeout_phase(probe, response));
        return;
    case FETCH_CONNECT_REFUSED:
        probe_end_as(result, SAMPLE_FAILED, "no connection: %s", response->text);
        return;
    case FETCH_CONNECT_TIMEOUT:
        probe_end_as(result, SAMPLE_FAILED, "no connection in time");
        return;
    case FETCH_TLS_CERTIFICATE:
        probe_end_as(result, SAMPLE_FAILED, "certificate: %s", response->text);
        return;
    case FETCH_TLS_OTHER:
        probe_end_as(result, SAMPLE_FAILED, "TLS: %s", response->text);
        return;
    case FETCH_RESET:
        probe_end_as(result, SAMPLE_FAILED, "the connection broke: %s", response->text);
        return;
    case FETCH_TOO_LARGE:
        probe_end_as(result, SAMPLE_FAILED, "%s", response->text);
        return;
    case FETCH_PROTOCOL:
        probe_end_as(result, SAMPLE_FAILED, "what came is not HTTP: %s", response->text);
        return;
    case FETCH_OBSERVER:
        probe_end_as(result, SAMPLE_OBSERVER, "this node can't look: %s", response->text);
        return;
    case FETCH_CANCELLED:
        probe_end_as(result, SAMPLE_OBSERVER, "cancelled");
        return;
    }
}

/* ---- a round ------------------------------------------------------------------------------ */

static void conclude(struct http_probe *probe)
{
    struct probe_round round = probe->round;
    round.latency_us = base_mono_us() - probe->began_us;
    probe_done *done = probe->done;
    probe->done = NULL;
    done(probe->arg, &round); /* last: it may free the probe */
}

/* The target's failures count before our own, and the slowest stands for those that are well. */
static const struct http_try *deciding(const struct http_probe *probe, size_t *bad)
{
    static const int rank[] = { [SAMPLE_OK] = 0, [SAMPLE_OBSERVER] = 1, [SAMPLE_FAILED] = 2 };
    const struct http_try *chosen = &probe->tries[0];
    *bad = 0;
    for (size_t i = 0; i < probe->try_count; i++) {
        const struct http_try *try = &probe->tries[i];
        int mine = rank[try->result.outcome], best = rank[chosen->result.outcome];
        if (mine > best || (mine == best && mine == 0 && try->result.latency_us > chosen->result.latency_us))
            chosen = try;
        *bad += try->result.outcome != SAMPLE_OK;
    }
    return chosen;
}

static int64_t earliest_certificate_end(const struct http_probe *probe)
{
    int64_t earliest_s = 0;
    for (size_t i = 0; i < probe->try_count; i++) {
        int64_t end_s = probe->tries[i].result.certificate_not_after_s;
        if (end_s > 0 && (earliest_s == 0 || end_s < earliest_s))
            earliest_s = end_s;
    }
    return earliest_s;
}

static void judge(struct http_probe *probe)
{
    size_t bad;
    const struct http_try *try = deciding(probe, &bad);
    struct probe_round *round = &probe->round;
    int64_t name_us = round->phases.name_us;
    *round = try->result;
    round->phases.name_us = name_us;
    round->certificate_not_after_s = earliest_certificate_end(probe);
    const char *note = probe->stale ? ", as resolved before the name servers failed" : "";
    if (round->outcome != SAMPLE_OK && probe->try_count > 1)
        probe_say(round, "%s (%zu of %zu): %s", try->address, bad, probe->try_count, try->result.detail);
    else if (round->outcome != SAMPLE_OK)
        probe_say(round, "%s: %s", try->address, try->result.detail);
    else if (probe->try_count > 1 || probe->stale)
        probe_say(round, "%s from %zu address%s%s", try->result.detail, probe->try_count,
                  probe->try_count == 1 ? "" : "es", note);
    conclude(probe);
}

static void on_response(const struct fetch_response *response, void *arg)
{
    struct http_try *try = arg;
    struct http_probe *probe = try->probe;
    try->fetch = NULL;
    settle(probe, response, &try->result);
    if (--probe->pending == 0)
        judge(probe);
}

/* Whole milliseconds, at least one; 0 stays "no limit of its own". */
static int64_t limit_ms(int64_t us)
{
    return us <= 0 ? 0 : (us + CLOCK_US_PER_MS - 1) / CLOCK_US_PER_MS;
}

static void begin_fetch(struct http_try *try)
{
    struct http_probe *probe = try->probe;
    const char *headers[] = { probe->host_header[0] != '\0' ? probe->host_header : NULL, NULL };
    int64_t left_us = probe->deadline_us - base_mono_us();
    int64_t total_us = probe->total_us > 0 && probe->total_us < left_us ? probe->total_us : left_us;
    int64_t answer_us = probe->first_byte_us;
    if (probe->https)
        answer_us = answer_us > 0 && probe->tls_us > 0 ? answer_us + probe->tls_us : 0;
    struct fetch_request request = {
        .url = probe->url,
        .connect_address = try->address,
        .headers = headers,
        .connect_ms = limit_ms(probe->connect_us),
        .first_byte_ms = limit_ms(answer_us),
        .total_ms = total_us > CLOCK_US_PER_MS ? total_us / CLOCK_US_PER_MS : 1,
        .body_max = probe->body_max,
        .fresh_connection = true,
        .ca_file = probe->ca_file,
        .insecure_skip_verify = probe->skip_certificate_check,
        .want_certificate_expiry = probe->https,
        .done = on_response,
        .arg = try,
    };
    struct fault fault = { "" };
    try->fetch = fetch_start(probe->pool, &request, &fault);
    if (try->fetch == NULL) {
        probe_end_as(&try->result, SAMPLE_OBSERVER, "this node can't look: %s", fault.text);
        probe->pending--;
    }
}

static void on_addresses(void *arg, const struct addresses_answer *answer)
{
    struct http_probe *probe = arg;
    probe->round.phases.name_us = answer->took_us;
    probe->stale = answer->stale;
    if (answer->outcome != ADDRESSES_KNOWN) {
        probe_end_as(&probe->round, answer->outcome == ADDRESSES_NONE ? SAMPLE_FAILED : SAMPLE_OBSERVER, "%s",
                     answer->detail);
        conclude(probe);
        return;
    }
    probe->try_count = answer->count;
    probe->pending = answer->count;
    for (size_t i = 0; i < answer->count; i++) {
        struct http_try *try = &probe->tries[i];
        *try = (struct http_try){ .probe = probe };
        memcpy(try->address, answer->text[i], sizeof try->address);
        (void)text_copy(try->result.address, sizeof try->result.address, try->address);
        begin_fetch(try);
    }
    if (probe->pending == 0)
        judge(probe);
}

void http_probe_run(struct http_probe *probe, int64_t timeout_us, probe_done *done, void *arg)
{
    ensure(probe->done == NULL && done != NULL);
    probe->done = done;
    probe->arg = arg;
    probe->began_us = base_mono_us();
    probe->deadline_us = probe->began_us + timeout_us;
    probe->round = (struct probe_round){ .outcome = SAMPLE_OBSERVER };
    probe->try_count = 0;
    addresses_find(probe->addresses, timeout_us, on_addresses, probe);
}

void http_probe_cancel(struct http_probe *probe)
{
    if (probe->done == NULL)
        return;
    addresses_cancel(probe->addresses);
    for (size_t i = 0; i < probe->try_count; i++)
        if (probe->tries[i].fetch != NULL)
            fetch_cancel(probe->tries[i].fetch);
    probe->try_count = 0;
    probe->done = NULL;
}

/* ---- making and freeing ------------------------------------------------------------------- */

/* "[2001:db8::1]" loses its brackets. */
static bool bare_host(const char *host, char *out, size_t size)
{
    struct text text = text_over(out, size);
    size_t length = strlen(host);
    bool bracketed = length > 2 && host[0] == '[' && host[length - 1] == ']';
    text_append_bytes(&text, host + (bracketed ? 1 : 0), length - (bracketed ? 2 : 0));
    return !text.cut && text.length > 0;
}

/* The URL again with `name` as its host; what else it holds stays. */
static bool write_url(struct http_probe *probe, const struct evhttp_uri *uri, const char *name)
{
    struct text text = TEXT_OF(probe->url);
    const char *path = evhttp_uri_get_path(uri);
    const char *query = evhttp_uri_get_query(uri);
    text_appendf(&text, "%s://%s", probe->https ? "https" : "http", name);
    if (evhttp_uri_get_port(uri) > 0)
        text_appendf(&text, ":%d", evhttp_uri_get_port(uri));
    text_append(&text, path != NULL && path[0] != '\0' ? path : "/");
    if (query != NULL)
        text_appendf(&text, "?%s", query);
    return !text.cut;
}

static bool write_host_header(struct http_probe *probe, const struct evhttp_uri *uri)
{
    struct text text = TEXT_OF(probe->host_header);
    text_appendf(&text, "Host: %s", evhttp_uri_get_host(uri));
    if (evhttp_uri_get_port(uri) > 0)
        text_appendf(&text, ":%d", evhttp_uri_get_port(uri));
    return !text.cut;
}

static bool take_uri(struct http_probe *probe, const struct evhttp_uri *uri, const char *server_name,
                     struct resolver *resolver, struct fault *fault)
{
    char host[RESOLVER_NAME_MAX];
    const char *scheme = evhttp_uri_get_scheme(uri);
    const char *uri_host = evhttp_uri_get_host(uri);
    bool http = scheme != NULL && strcasecmp(scheme, "http") == 0;
    probe->https = scheme != NULL && strcasecmp(scheme, "https") == 0;
    if (!http && !probe->https)
        return fault_set(fault, "the URL must begin with http:// or https://");
    if (uri_host == NULL || !bare_host(uri_host, host, sizeof host))
        return fault_set(fault, "the URL has no host, or one of more than %d characters", RESOLVER_NAME_MAX - 1);
    const char *name = probe->https && server_name != NULL ? server_name : uri_host;
    if (strcasecmp(name, uri_host) != 0 && !write_host_header(probe, uri))
        return fault_set(fault, "the URL's host is too long");
    if (!write_url(probe, uri, name))
        return fault_set(fault, "the URL is longer than %d characters", FETCH_URL_MAX - 1);
    probe->addresses = addresses_new(probe->loop, resolver, host, fault);
    return probe->addresses != NULL;
}

static bool take_url(struct http_probe *probe, const struct http_probe_settings *settings,
                     struct resolver *resolver, struct fault *fault)
{
    const char *name = settings->server_name;
    if (name != NULL && (name[0] == '\0' || strpbrk(name, "/:?#@ \t\r\n") != NULL))
        return fault_set(fault, "the server name \"%.100s\" is not a host name", name);
    struct evhttp_uri *uri = settings->url != NULL ? evhttp_uri_parse(settings->url) : NULL;
    if (uri == NULL)
        return fault_set(fault, "the URL can't be read: \"http://host:port/path\" or the like is needed");
    bool taken;
    if (evhttp_uri_get_userinfo(uri) != NULL)
        taken = fault_set(fault, "a user or password in a URL would end up in logs"); /* so the URL isn't shown */
    else
        taken = take_uri(probe, uri, name, resolver, fault) || fault_wrap(fault, "\"%.200s\"", settings->url);
    evhttp_uri_free(uri);
    return taken;
}

static bool take_status(struct http_probe *probe, const struct http_probe_settings *settings, struct fault *fault)
{
    static const struct http_status_range success = { 200, 299 };
    bool given = settings->status_count > 0;
    const struct http_status_range *ranges = given ? settings->status : &success;
    struct text text = TEXT_OF(probe->status_text);
    probe->status_count = given ? settings->status_count : 1;
    if (probe->status_count > HTTP_STATUS_RANGES_MAX)
        return fault_set(fault, "more than %d ranges of status codes", HTTP_STATUS_RANGES_MAX);
    for (size_t i = 0; i < probe->status_count; i++) {
        if (ranges[i].low < 100 || ranges[i].high > 599 || ranges[i].low > ranges[i].high)
            return fault_set(fault, "%d to %d is not a range of HTTP status codes", ranges[i].low, ranges[i].high);
        probe->status[i] = ranges[i];
        text_appendf(&text, "%s%d", i > 0 ? ", " : "", ranges[i].low);
        if (ranges[i].high > ranges[i].low)
            text_appendf(&text, "-%d", ranges[i].high);
    }
    return true;
}

static bool take_wishes(struct http_probe *probe, const struct http_probe_settings *settings, struct fault *fault)
{
    if (settings->json_count > HTTP_JSON_MAX)
        return fault_set(fault, "more than %d JSON expectations", HTTP_JSON_MAX);
    for (size_t i = 0; i < settings->json_count; i++) {
        const struct http_json_expectation *from = &settings->json[i];
        json_error_t error;
        if (!json_pointer_check(from->pointer, fault))
            return false;
        struct http_wish *wish = &probe->wishes[probe->wish_count++];
        wish->pointer = strdup(from->pointer);
        if (wish->pointer == NULL)
            return fault_set(fault, "out of memory");
        wish->value = json_loads(from->value_json, JSON_DECODE_ANY, &error);
        if (wish->value == NULL)
            return fault_set(fault, "the value wanted at \"%.60s\" is not JSON: %s", from->pointer, error.text);
    }
    return true;
}

static bool take_text(char **out, const char *text, struct fault *fault)
{
    *out = text != NULL ? strdup(text) : NULL;
    return text == NULL || *out != NULL || fault_set(fault, "out of memory");
}

struct http_probe *http_probe_new(struct loop *loop, struct fetch_pool *pool, struct resolver *resolver,
                                  const struct http_probe_settings *settings, struct fault *fault)
{
    struct http_probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    probe->loop = loop;
    probe->pool = pool;
    probe->skip_certificate_check = settings->skip_certificate_check;
    probe->connect_us = settings->connect_us;
    probe->tls_us = settings->tls_us;
    probe->first_byte_us = settings->first_byte_us;
    probe->total_us = settings->total_us;
    probe->body_max = settings->body_max < FETCH_BODY_MAX_MOST ? settings->body_max : FETCH_BODY_MAX_MOST;
    if (!take_url(probe, settings, resolver, fault) || !take_status(probe, settings, fault) ||
        !take_wishes(probe, settings, fault) || !take_text(&probe->contains, settings->contains, fault) ||
        !take_text(&probe->ca_file, settings->ca_file, fault)) {
        http_probe_free(probe);
        return NULL;
    }
    return probe;
}

void http_probe_free(struct http_probe *probe)
{
    if (probe == NULL)
        return;
    http_probe_cancel(probe);
    addresses_free(probe->addresses);
    for (size_t i = 0; i < probe->wish_count; i++) {
        free(probe->wishes[i].pointer);
        json_decref(probe->wishes[i].value);
    }
    free(probe->contains);
    free(probe->ca_file);
    free(probe);
}

static void class_run(void *self, int64_t timeout_us, probe_done *done, void *arg)
{
    http_probe_run(self, timeout_us, done, arg);
}

static void class_cancel(void *self)
{
    http_probe_cancel(self);
}

static void class_free(void *self)
{
    http_probe_free(self);
}

const struct probe_class http_probe_class = { "http", class_run, class_cancel, class_free };
