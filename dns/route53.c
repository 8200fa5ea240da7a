/* One hosted zone of Route 53: see route53.h.
 *
 * An act goes through stages: keys, then the endpoint's address, then one request (a read: one for
 * each name and page). Whatever stage fails, `settle` hands the outcome back; the object is idle
 * again before the callback runs, so that the callback may start the next act.
 */
#include "dns/route53.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "dns/route53_compare.h"
#include "dns/route53_xml.h"
#include "dns/sigv4.h"

#define ENDPOINT_MAX 256
#define REGION_MAX 33
#define CA_FILE_MAX 512
#define API "/2013-04-01"
#define PAGE_SIZE "100"
#define PAGES_MAX 50
#define NAMES_MAX (DNS_RECORDS_MAX + 1)
#define RETRY_SOON_MS 500
#define RETRY_THROTTLED_MS 1500
#define RETRY_KEYS_MS 2000
#define CONNECT_SHARE 2 /* connecting may take this part of what is left, so that another address can be tried */
#define SKEW_TOLERATED_US (240LL * CLOCK_US_PER_S)

enum act { ACT_NONE, ACT_READ, ACT_SUBMIT, ACT_POLL };

struct route53 {
    struct loop *loop;
    struct fetch_pool *pool;
    struct resolver *resolver;
    struct aws_credentials *credentials;
    char zone_id[DNS_ZONE_ID_MAX];
    char endpoint[ENDPOINT_MAX];
    char host[ENDPOINT_MAX];
    char region[REGION_MAX];
    char ca_file[CA_FILE_MAX];
    int64_t deadline_ms;

    /* Kept between acts: used when the name servers are silent. */
    struct resolve_address addresses[RESOLVER_ADDRESSES_MAX];
    size_t address_count, address_next;

    enum act act;
    int64_t started_us, deadline_us;
    struct timer turn; /* the deadline before anything is sent, and put-off outcomes */
    struct aws_credentials_wait *keys_wait;
    struct resolve *resolve;
    struct fetch *fetch;
    struct aws_keys keys;
    size_t addresses_tried;
    struct dns_result result; /* what comes of the act */
    bool settled;

    /* read */
    char service[DNS_SERVICE_MAX];
    char fence_name[DNS_NAME_MAX];
    struct dns_record desired[DNS_RECORDS_MAX];
    size_t desired_count;
    char names[NAMES_MAX][DNS_NAME_MAX]; /* distinct; the one being listed is names[name_now] */
    size_t name_count, name_now, pages;
    struct route53_page page;
    bool page_follows;
    bool name_done; /* the listing has gone past the name */
    struct dns_read_result read;
    dns_read_done *read_done;
    /* submit */
    char *batch;
    dns_submit_done *submit_done;
    struct route53_change_info change;
    /* poll */
    char change_id[DNS_CHANGE_ID_MAX];
    dns_poll_done *poll_done;
    void *arg;
};

static const char *const outcome_names[] = { "done", "conflict", "retry", "unknown", "refused", "invalid" };

const char *dns_outcome_name(enum dns_outcome outcome)
{
    ensure((size_t)outcome < sizeof outcome_names / sizeof outcome_names[0]);
    return outcome_names[outcome];
}

static void send_request(struct route53 *zone);

/* --- the end of an act --- */

/* Back to idle: nothing of the act is left running. */
static void clear_act(struct route53 *zone)
{
    timer_cancel(&zone->turn);
    if (zone->keys_wait != NULL)
        aws_credentials_cancel(zone->keys_wait);
    if (zone->resolve != NULL)
        resolve_cancel(zone->resolve);
    if (zone->fetch != NULL)
        fetch_cancel(zone->fetch);
    zone->keys_wait = NULL;
    zone->resolve = NULL;
    zone->fetch = NULL;
    free(zone->batch);
    zone->batch = NULL;
    explicit_bzero(&zone->keys, sizeof zone->keys);
    zone->act = ACT_NONE;
    zone->settled = false;
}

static void report(struct route53 *zone)
{
    enum act act = zone->act;
    zone->result.took_us = base_mono_us() - zone->started_us;
    struct dns_result result = zone->result;
    clear_act(zone);
    if (act == ACT_READ) {
        if (result.outcome != DNS_DONE) {
            /* Half a listing must not be taken for the zone: least of all a fence that only seems absent. */
            route53_compare_begin(&zone->read, zone->desired_count);
            zone->read.fence.state = DNS_FENCE_FOREIGN;
            zone->read.fence.cannot_delete = true;
        }
        zone->read.base = result;
        zone->read_done(&zone->read, zone->arg);
    } else if (act == ACT_SUBMIT) {
        struct dns_submit_result submit = { .base = result, .in_sync = zone->change.in_sync };
        (void)text_copy(submit.change_id, sizeof submit.change_id, zone->change.id);
        zone->submit_done(&submit, zone->arg);
    } else if (act == ACT_POLL) {
        struct dns_poll_result poll = { .base = result, .in_sync = zone->change.in_sync };
        zone->poll_done(&poll, zone->arg);
    }
}

/* Notes the outcome; the loop's next turn reports it. The first one counts. */
static void PRINTF_LIKE(4, 5) settle(struct route53 *zone, enum dns_outcome outcome, int64_t retry_after_ms,
                                     const char *format, ...)
{
    if (zone->settled)
        return;
    va_list args;
    va_start(args, format);
    struct text text = TEXT_OF(zone->result.text);
    text_appendv(&text, format, args);
    va_end(args);
    zone->settled = true;
    zone->result.outcome = outcome;
    zone->result.retry_after_ms = retry_after_ms;
    timer_set_after_us(&zone->turn, 0);
}

/* Something was sent and what came back tells nothing. Only a change may have had an effect. */
static void settle_unclear(struct route53 *zone, const char *why)
{
    if (zone->act == ACT_SUBMIT)
        settle(zone, DNS_UNKNOWN, RETRY_SOON_MS, "the change was sent and its fate is unknown (%s): read the zone again", why);
    else
        settle(zone, DNS_RETRY, RETRY_SOON_MS, "Route 53 did not answer properly: %s", why);
}

static void on_turn(void *arg)
{
    struct route53 *zone = arg;
    if (zone->settled) {
        report(zone);
        return;
    }
    settle(zone, DNS_RETRY, RETRY_SOON_MS, "out of time before anything was sent: %s",
           zone->keys_wait != NULL ? "no AWS keys yet" : "the endpoint's address is not known yet");
}

/* --- what an answer means --- */

enum meaning { MEANS_RETRY, MEANS_THROTTLED, MEANS_KEYS_EXPIRED, MEANS_REFUSED, MEANS_INVALID };

static const struct {
    const char *code;
    enum meaning meaning;
    const char *advice;
} meanings[] = {
    { "Throttling", MEANS_THROTTLED, "the account's request rate is used up" },
    { "ThrottlingException", MEANS_THROTTLED, "the account's request rate is used up" },
    { "RequestLimitExceeded", MEANS_THROTTLED, "the account's request rate is used up" },
    { "PriorRequestNotComplete", MEANS_RETRY, "another change of the zone is in progress" },
    { "ServiceUnavailable", MEANS_RETRY, "Route 53 is overloaded" },
    { "ExpiredToken", MEANS_KEYS_EXPIRED, "the AWS keys have expired; fetching new ones" },
    { "ExpiredTokenException", MEANS_KEYS_EXPIRED, "the AWS keys have expired; fetching new ones" },
    { "AccessDenied", MEANS_REFUSED, "the AWS identity may not do this: check its policy" },
    { "AccessDeniedException", MEANS_REFUSED, "the AWS identity may not do this: check its policy" },
    { "NotAuthorizedException", MEANS_REFUSED, "the AWS identity may not do this: check its policy" },
    { "OptInRequired", MEANS_REFUSED, "the AWS account is not signed up for Route 53" },
    { "InvalidClientTokenId", MEANS_REFUSED, "AWS does not know the access key: check the credentials" },
    { "UnrecognizedClientException", MEANS_REFUSED, "AWS does not know the access key: check the credentials" },
    { "MissingAuthenticationToken", MEANS_REFUSED, "the request was not signed: check the credentials" },
    { "IncompleteSignature", MEANS_REFUSED, "the signature was not understood" },
    { "SignatureDoesNotMatch", MEANS_REFUSED, "the secret key or the clock is wrong" },
    { "InvalidSignatureException", MEANS_REFUSED, "the secret key or the clock is wrong" },
    { "RequestExpired", MEANS_REFUSED, "the clock is wrong" },
    { "RequestTimeTooSkewed", MEANS_REFUSED, "the clock is wrong" },
    { "NoSuchHostedZone", MEANS_REFUSED, "there is no such zone: check its id and the account" },
    { "NoSuchChange", MEANS_INVALID, "Route 53 does not know the change" },
};

static void append_skew(const struct fetch_response *response, struct text *text)
{
    char by[CLOCK_DURATION_TEXT_MAX];
    int64_t ahead_us = response->date_wall_us != 0 ? base_wall_us() - response->date_wall_us : 0;
    if (ahead_us > -SKEW_TOLERATED_US && ahead_us < SKEW_TOLERATED_US)
        return;
    (void)base_format_duration(by, sizeof by, ahead_us < 0 ? -ahead_us : ahead_us);
    text_appendf(text, "; this machine's clock is %s %s AWS's: correct it", by, ahead_us > 0 ? "ahead of" : "behind");
}

static void settle_invalid_batch(struct route53 *zone, const struct route53_error *error)
{
    char fence[DNS_NAME_MAX];
    char message[sizeof error->message];
    bool about_fence = route53_normal_name(zone->fence_name, fence, sizeof fence);
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)tolower((unsigned char)error->message[i]);
    /* "[Tried to delete resource record set [name='x.example.com.', type='TXT'] but ...]" */
    char quoted[DNS_NAME_MAX + 4];
    (void)snprintf(quoted, sizeof quoted, "'%s", fence);
    const char *found = about_fence ? strstr(message, quoted) : NULL;
    size_t length = strlen(quoted);
    about_fence = found != NULL && (found[length] == '\'' || (found[length] == '.' && found[length + 1] == '\''));
    if (about_fence)
        settle(zone, DNS_CONFLICT, 0, "the fence TXT was changed by somebody else since it was read; nothing was changed: %s",
               error->message);
    else
        settle(zone, DNS_INVALID, 0, "Route 53 can't do this change, and nothing was changed: %s", error->message);
}

static void settle_known(struct route53 *zone, enum meaning meaning, const char *advice,
                         const struct route53_error *error, const struct fetch_response *response)
{
    char buffer[DNS_TEXT_MAX];
    struct text text = TEXT_OF(buffer);
    text_appendf(&text, "%s (%s: %.200s)", advice, error->code, error->message);
    switch (meaning) {
    case MEANS_RETRY:
        settle(zone, DNS_RETRY, RETRY_SOON_MS, "%s", buffer);
        break;
    case MEANS_THROTTLED:
        settle(zone, DNS_RETRY, RETRY_THROTTLED_MS, "%s", buffer);
        break;
    case MEANS_KEYS_EXPIRED:
        aws_credentials_forget(zone->credentials);
        settle(zone, DNS_RETRY, RETRY_SOON_MS, "%s", buffer);
        break;
    case MEANS_REFUSED:
        aws_credentials_forget(zone->credentials); /* they may have been rotated: look again next time */
        append_skew(response, &text);
        settle(zone, DNS_REFUSED, RETRY_KEYS_MS, "%s", buffer);
        break;
    case MEANS_INVALID:
        settle(zone, DNS_INVALID, 0, "%s", buffer);
        break;
    }
}

static void on_error(struct route53 *zone, const struct fetch_response *response)
{
    struct route53_error error;
    struct fault fault;
    char why[DNS_TEXT_MAX];
    if (!route53_xml_read_error(response->body, response->body_length, &error, &fault)) {
        (void)snprintf(why, sizeof why, "HTTP status %ld, %.300s", response->status, fault.text);
        settle_unclear(zone, why);
        return;
    }
    (void)text_copy(zone->result.code, sizeof zone->result.code, error.code);
    (void)text_copy(zone->result.request_id, sizeof zone->result.request_id, error.request_id);
    if (strcmp(error.code, "InvalidChangeBatch") == 0 && zone->act == ACT_SUBMIT) {
        settle_invalid_batch(zone, &error);
        return;
    }
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (strcmp(error.code, meanings[i].code) == 0) {
            settle_known(zone, meanings[i].meaning, meanings[i].advice, &error, response);
            return;
        }
    (void)snprintf(why, sizeof why, "HTTP status %ld, %s: %.300s", response->status, error.code, error.message);
    if (response->status >= 500)
        settle_unclear(zone, why); /* an internal error may come after the change was made */
    else
        settle(zone, DNS_INVALID, 0, "Route 53 does not accept the request: %s", why);
}

static void on_listed(const struct route53_listed *listed, void *arg)
{
    struct route53 *zone = arg;
    if (!route53_same_name(listed->name, zone->names[zone->name_now])) {
        zone->name_done = true;
        return;
    }
    route53_compare_listed(&zone->read, listed, zone->fence_name, zone->desired, zone->desired_count);
}

static void on_page(struct route53 *zone, const struct fetch_response *response)
{
    struct fault fault;
    struct route53_page page;
    if (!route53_xml_read_list(response->body, response->body_length, on_listed, zone, &page, &fault)) {
        settle_unclear(zone, fault.text);
        return;
    }
    bool more = page.truncated && !zone->name_done && route53_same_name(page.next_name, zone->names[zone->name_now]);
    zone->page = page;
    zone->page_follows = more;
    zone->name_done = false;
    if (!more)
        zone->name_now++;
    if (zone->name_now == zone->name_count) {
        route53_compare_end(&zone->read, zone->service);
        settle(zone, DNS_DONE, 0, "the zone was read");
    } else if (++zone->pages >= PAGES_MAX) {
        settle(zone, DNS_INVALID, 0, "the list of records at %s does not end", zone->names[zone->name_now]);
    } else {
        send_request(zone);
    }
}

static void on_change(struct route53 *zone, const struct fetch_response *response)
{
    struct fault fault;
    if (!route53_xml_read_change(response->body, response->body_length, &zone->change, &fault))
        settle_unclear(zone, fault.text);
    else if (zone->act == ACT_POLL && strcmp(zone->change.id, zone->change_id) != 0)
        settle_unclear(zone, "the answer is about another change");
    else
        settle(zone, DNS_DONE, 0, zone->change.in_sync ? "the change is on all name servers" : "the change is pending");
}

static void on_response(struct route53 *zone, const struct fetch_response *response)
{
    zone->result.http_status = (int)response->status;
    if (response->status < 200 || response->status >= 300)
        on_error(zone, response);
    else if (strstr(response->content_type, "xml") == NULL)
        settle_unclear(zone, "the answer is not XML");
    else if (zone->act == ACT_READ)
        on_page(zone, response);
    else
        on_change(zone, response);
}

/* --- sending --- */

static bool another_address(struct route53 *zone)
{
    zone->address_next = zone->address_count > 0 ? (zone->address_next + 1) % zone->address_count : 0;
    return ++zone->addresses_tried < zone->address_count && base_mono_us() < zone->deadline_us;
}

static void on_fetched(const struct fetch_response *response, void *arg)
{
    struct route53 *zone = arg;
    zone->fetch = NULL;
    if (response->outcome == FETCH_OK) {
        on_response(zone, response);
        return;
    }
    char why[DNS_TEXT_MAX];
    (void)snprintf(why, sizeof why, "%s, %s", fetch_outcome_name(response->outcome), response->text);
    if (response->may_have_been_sent)
        settle_unclear(zone, why);
    else if (response->outcome == FETCH_TLS_CERTIFICATE)
        settle(zone, DNS_REFUSED, RETRY_KEYS_MS,
               "the certificate of %s is not accepted; check the clock and the CA file: %s", zone->host, why);
    else if (another_address(zone))
        send_request(zone);
    else
        settle(zone, DNS_RETRY, RETRY_SOON_MS, "no connection to Route 53, nothing was sent: %s", why);
}

static bool make_url(struct route53 *zone, struct text *url, struct fault *fault)
{
    char path[128];
    struct sigv4_parameter parameters[4];
    size_t count = 0;
    if (zone->act == ACT_POLL) {
        (void)snprintf(path, sizeof path, API "/change/%s", zone->change_id);
    } else if (zone->act == ACT_SUBMIT) {
        (void)snprintf(path, sizeof path, API "/hostedzone/%s/rrset/", zone->zone_id);
    } else {
        const struct route53_page *page = &zone->page;
        bool next = zone->page_follows;
        (void)snprintf(path, sizeof path, API "/hostedzone/%s/rrset", zone->zone_id);
        parameters[count++] = (struct sigv4_parameter){ "maxitems", PAGE_SIZE };
        parameters[count++] = (struct sigv4_parameter){ "name", next ? page->next_name : zone->names[zone->name_now] };
        if (next && page->next_type[0] != '\0')
            parameters[count++] = (struct sigv4_parameter){ "type", page->next_type };
        if (next && page->next_identifier[0] != '\0')
            parameters[count++] = (struct sigv4_parameter){ "identifier", page->next_identifier };
    }
    return sigv4_url(url, zone->endpoint, path, parameters, count, fault);
}

static void send_request(struct route53 *zone)
{
    static const char *const xml_headers[] = { "Content-Type: application/xml", NULL };
    char url_buffer[FETCH_URL_MAX];
    struct text url = TEXT_OF(url_buffer);
    struct fault fault;
    int64_t left_ms = (zone->deadline_us - base_mono_us()) / CLOCK_US_PER_MS;
    timer_cancel(&zone->turn);
    if (left_ms <= 0) {
        settle(zone, DNS_RETRY, RETRY_SOON_MS, "out of time before the request could be sent");
        return;
    }
    bool literal = zone->address_count == 0;
    bool submit = zone->act == ACT_SUBMIT;
    struct fetch_request request = {
        .url = url_buffer,
        .connect_address = literal ? NULL : zone->addresses[zone->address_next].text,
        .headers = submit ? xml_headers : NULL,
        .body = submit ? zone->batch : NULL,
        .body_length = submit ? strlen(zone->batch) : 0,
        .connect_ms = left_ms / CONNECT_SHARE > 0 ? left_ms / CONNECT_SHARE : 1,
        .total_ms = left_ms,
        .body_max = ROUTE53_RESPONSE_MAX,
        /* libcurl sends a request again when a kept-alive connection turns out to be dead: never a change. */
        .fresh_connection = submit,
        .ca_file = zone->ca_file[0] != '\0' ? zone->ca_file : NULL,
        .sigv4 = { .access_key = zone->keys.access_key, .secret_key = zone->keys.secret_key,
                   .session_token = zone->keys.session_token, .region = zone->region, .service = "route53" },
        .done = on_fetched,
        .arg = zone,
    };
    if (make_url(zone, &url, &fault))
        zone->fetch = fetch_start(zone->pool, &request, &fault);
    if (zone->fetch == NULL)
        settle(zone, DNS_RETRY, RETRY_SOON_MS, "the request could not be started: %s", fault.text);
}

/* --- the stages before --- */

static void on_resolved(const struct resolve_answer *answer, void *arg)
{
    struct route53 *zone = arg;
    zone->resolve = NULL;
    if (answer->outcome == RESOLVE_OK) {
        memcpy(zone->addresses, answer->addresses, sizeof zone->addresses);
        zone->address_count = answer->address_count;
        zone->address_next %= zone->address_count;
    }
    if (zone->address_count > 0) /* an address from an earlier act is better than none */
        send_request(zone);
    else
        settle(zone, DNS_RETRY, RETRY_SOON_MS, "the address of Route 53 can't be found: %s", answer->text);
}

static void find_address(struct route53 *zone)
{
    struct fault fault;
    if (resolver_is_literal(zone->host)) {
        zone->address_count = 0;
        send_request(zone);
        return;
    }
    struct resolve_lookup lookup = {
        .name = zone->host,
        .family = RESOLVE_ANY,
        .deadline_ms = zone->deadline_ms / 3 + 1, /* leaves time for a known address */
        .done = on_resolved,
        .arg = zone,
    };
    zone->resolve = resolver_lookup(zone->resolver, &lookup, &fault);
    if (zone->resolve == NULL)
        settle(zone, DNS_RETRY, RETRY_SOON_MS, "the address of Route 53 can't be looked up: %s", fault.text);
}

static void on_keys(const struct aws_keys *keys, const char *text, void *arg)
{
    struct route53 *zone = arg;
    zone->keys_wait = NULL;
    if (keys == NULL) {
        bool person = aws_credentials_are_static(zone->credentials);
        settle(zone, person ? DNS_REFUSED : DNS_RETRY, RETRY_KEYS_MS, "%s", text);
        return;
    }
    zone->keys = *keys;
    find_address(zone);
}

static bool may_begin(const struct route53 *zone, struct fault *fault)
{
    return zone->act == ACT_NONE || fault_set(fault, "zone %s: an act is in progress", zone->zone_id);
}

static void begin(struct route53 *zone, enum act act, void *arg)
{
    zone->act = act;
    zone->arg = arg;
    zone->settled = false;
    zone->addresses_tried = 0;
    zone->started_us = base_mono_us();
    zone->deadline_us = zone->started_us + zone->deadline_ms * CLOCK_US_PER_MS;
    memset(&zone->result, 0, sizeof zone->result);
    memset(&zone->change, 0, sizeof zone->change);
    timer_set_at_us(&zone->turn, zone->deadline_us);
    zone->keys_wait = aws_credentials_get(zone->credentials, on_keys, zone);
    if (zone->keys_wait == NULL)
        settle(zone, DNS_RETRY, RETRY_SOON_MS, "out of memory");
}

/* --- the acts --- */

static bool add_name(struct route53 *zone, const char *name, struct fault *fault)
{
    char normal[DNS_NAME_MAX];
    if (name[0] == '\0' || !route53_normal_name(name, normal, sizeof normal))
        return fault_set(fault, "\"%.80s\" is no name for a record", name);
    for (size_t i = 0; i < zone->name_count; i++)
        if (strcmp(zone->names[i], normal) == 0)
            return true;
    (void)text_copy(zone->names[zone->name_count++], DNS_NAME_MAX, normal);
    return true;
}

bool route53_read(struct route53 *zone, const char *service, const char *fence_name,
                  const struct dns_record *desired, size_t desired_count, dns_read_done *done, void *arg,
                  struct fault *fault)
{
    ensure(done != NULL);
    if (!may_begin(zone, fault))
        return false;
    if (desired_count > DNS_RECORDS_MAX)
        return fault_set(fault, "more than %d records", DNS_RECORDS_MAX);
    zone->name_count = zone->name_now = zone->pages = 0;
    zone->page_follows = zone->name_done = false;
    if (!text_copy(zone->service, sizeof zone->service, service) ||
        !text_copy(zone->fence_name, sizeof zone->fence_name, fence_name) || !add_name(zone, fence_name, fault))
        return fault_set(fault, "the service's or the fence TXT's name is missing or too long");
    for (size_t i = 0; i < desired_count; i++) {
        zone->desired[i] = desired[i];
        if (!add_name(zone, desired[i].name, fault))
            return false;
    }
    zone->desired_count = desired_count;
    route53_compare_begin(&zone->read, desired_count);
    zone->read_done = done;
    begin(zone, ACT_READ, arg);
    return true;
}

bool route53_submit(struct route53 *zone, const struct dns_change *change, dns_submit_done *done, void *arg,
                    struct fault *fault)
{
    ensure(done != NULL && change->fence != NULL);
    if (!may_begin(zone, fault))
        return false;
    char *batch = malloc(ROUTE53_BATCH_XML_MAX);
    if (batch == NULL)
        return fault_set(fault, "out of memory");
    struct text text = text_over(batch, ROUTE53_BATCH_XML_MAX);
    if (!text_copy(zone->fence_name, sizeof zone->fence_name, change->fence_name) ||
        !route53_xml_write_change(&text, change, fault)) {
        free(batch);
        return fault_wrap(fault, "zone %s", zone->zone_id);
    }
    zone->batch = batch;
    zone->submit_done = done;
    begin(zone, ACT_SUBMIT, arg);
    return true;
}

bool route53_poll(struct route53 *zone, const char *change_id, dns_poll_done *done, void *arg, struct fault *fault)
{
    ensure(done != NULL);
    if (!may_begin(zone, fault))
        return false;
    if (change_id[0] == '\0' || strspn(change_id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != strlen(change_id) ||
        !text_copy(zone->change_id, sizeof zone->change_id, change_id))
        return fault_set(fault, "\"%.60s\" is no id of a change", change_id);
    zone->poll_done = done;
    begin(zone, ACT_POLL, arg);
    return true;
}

void route53_cancel(struct route53 *zone)
{
    clear_act(zone);
}

bool route53_busy(const struct route53 *zone)
{
    return zone->act != ACT_NONE;
}

/* --- the object --- */

static bool take_zone_id(struct route53 *zone, const char *id, struct fault *fault)
{
    static const char prefix[] = "/hostedzone/";
    if (strncmp(id, prefix, sizeof prefix - 1) == 0)
        id += sizeof prefix - 1;
    if (id[0] == '\0' || strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != strlen(id) ||
        !text_copy(zone->zone_id, sizeof zone->zone_id, id))
        return fault_set(fault, "\"%.60s\" is no id of a hosted zone (like Z0123456789ABC)", id);
    return true;
}

static bool take_endpoint(struct route53 *zone, const char *endpoint, struct fault *fault)
{
    const char *host = strstr(endpoint, "://");
    bool scheme = strncmp(endpoint, "https://", 8) == 0 || strncmp(endpoint, "http://", 7) == 0;
    if (!scheme || host == NULL || !text_copy(zone->endpoint, sizeof zone->endpoint, endpoint))
        return fault_set(fault, "the endpoint \"%.80s\" is not http:// or https:// and a host", endpoint);
    host += 3;
    bool bracketed = host[0] == '[';
    size_t length = bracketed ? strcspn(host, "]") : strcspn(host, ":/?#");
    struct text text = TEXT_OF(zone->host);
    text_append_bytes(&text, host + (bracketed ? 1 : 0), length - (bracketed ? 1 : 0));
    if (text.length == 0 || strpbrk(host, "/?#@") != NULL)
        return fault_set(fault, "the endpoint \"%.80s\" may have a host and a port only", endpoint);
    return true;
}

struct route53 *route53_new(struct loop *loop, struct fetch_pool *pool, struct resolver *resolver,
                            struct aws_credentials *credentials, const struct route53_settings *settings,
                            struct fault *fault)
{
    struct route53 *zone = calloc(1, sizeof *zone);
    if (zone == NULL) {
        (void)fault_set(fault, "Route 53: out of memory");
        return NULL;
    }
    zone->loop = loop;
    zone->pool = pool;
    zone->resolver = resolver;
    zone->credentials = credentials;
    zone->deadline_ms = settings->deadline_ms > 0 ? settings->deadline_ms : ROUTE53_DEADLINE_MS;
    timer_init(&zone->turn, loop, on_turn, zone);
    const char *endpoint = settings->endpoint != NULL ? settings->endpoint : ROUTE53_ENDPOINT;
    const char *region = settings->region != NULL ? settings->region : ROUTE53_REGION;
    bool good = take_zone_id(zone, settings->zone_id, fault) && take_endpoint(zone, endpoint, fault);
    if (good && !text_copy(zone->region, sizeof zone->region, region))
        good = fault_set(fault, "the region's name is too long");
    if (good && settings->ca_file != NULL && !text_copy(zone->ca_file, sizeof zone->ca_file, settings->ca_file))
        good = fault_set(fault, "the CA file's path is too long");
    if (good)
        return zone;
    (void)fault_wrap(fault, "Route 53");
    free(zone);
    return NULL;
}

void route53_free(struct route53 *zone)
{
    if (zone == NULL)
        return;
    clear_act(zone);
    free(zone);
}
