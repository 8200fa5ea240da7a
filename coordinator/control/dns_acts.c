/* DNS as acts of the core: see dns_acts.h. */
#include "coordinator/control/dns_acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/control/dns_records.h"
#include "coordinator/control/endpoints.h"
#include "dns/route53.h"
#include "dns/verify.h"

#define FENCE_TTL_S 60u
#define REQUEST_MS 4000

struct zone_state {
    struct route53 *route53;
    struct dns_fence fence;                /* as last read */
    bool fence_read;
    char change_id[DNS_CHANGE_ID_MAX];     /* of the last accepted submit; "" none */
    bool insync_at_once;
};

struct dns_acts {
    struct loop *loop;
    struct dns_acts_settings settings;
    struct aws_credentials *credentials;
    size_t zone_count;
    struct zone_state zones[CONFIG_MAX_ZONES];
    struct dns_verify *verify;
    struct endpoints *endpoints;
    struct act act;
    bool busy;
    struct timer deadline;
    struct dns_record desired[DNS_RECORDS_MAX];
    size_t desired_count;
};

static void stop(struct dns_acts *a)
{
    timer_cancel(&a->deadline);
    for (size_t z = 0; z < a->zone_count; z++)
        if (a->zones[z].route53 != NULL && route53_busy(a->zones[z].route53))
            route53_cancel(a->zones[z].route53);
    if (a->verify != NULL)
        dns_verify_cancel(a->verify);
    a->verify = NULL;
    if (a->endpoints != NULL)
        endpoints_cancel(a->endpoints);
    a->endpoints = NULL;
    a->busy = false;
}

static void done(struct dns_acts *a, struct act_result *result, const char *detail)
{
    if (!a->busy)
        return;
    a->busy = false;
    timer_cancel(&a->deadline);
    result->kind = a->act.kind;
    result->key = a->act.key;
    (void)text_copy(result->detail.s, sizeof result->detail.s, detail);
    a->settings.on_done(a->settings.arg, result);
}

static void fail(struct dns_acts *a, enum act_outcome outcome, const char *detail)
{
    struct act_result result = { .outcome = outcome };
    done(a, &result, detail);
}

static void on_deadline(void *arg)
{
    struct dns_acts *a = arg;
    bool sent = a->act.kind == ACT_DNS_SUBMIT;
    bool was_busy = a->busy;
    stop(a);
    a->busy = was_busy;
    fail(a, sent ? ACT_UNKNOWN : ACT_FAILED, "no answer by the act's deadline");
}

static enum act_outcome outcome_of(enum dns_outcome outcome)
{
    switch (outcome) {
    case DNS_DONE: return ACT_DONE;
    case DNS_CONFLICT:
    case DNS_UNKNOWN: return ACT_UNKNOWN;
    case DNS_RETRY: return ACT_RETRY;
    case DNS_REFUSED: return ACT_REFUSED;
    case DNS_INVALID:
    default: return ACT_FAILED;
    }
}

static const struct zone_config *zone_of(const struct dns_acts *a)
{
    return &a->settings.service->dns->zones[a->act.zone];
}

static struct dns_stamp stamp_of(const struct act *act)
{
    return (struct dns_stamp){ act->key.epoch, act->key.operation, act->share, act->version };
}

static void on_read(const struct dns_read_result *read, void *arg)
{
    struct dns_acts *a = arg;
    struct zone_state *zone = &a->zones[a->act.zone];
    struct act_result result = { .outcome = outcome_of(read->base.outcome) };
    if (result.outcome == ACT_DONE) {
        zone->fence = read->fence;
        zone->fence_read = true;
        result.mark = read->fence.state == DNS_FENCE_ABSENT ? DNS_MARK_ABSENT
                      : read->fence.state == DNS_FENCE_OURS ? DNS_MARK_OURS
                                                            : DNS_MARK_FOREIGN;
        result.mark_epoch = read->fence.stamp.epoch;
        result.mark_operation = read->fence.stamp.operation;
        result.mark_share = read->fence.stamp.share;
        result.mark_version = read->fence.stamp.version;
        result.records_match = read->all_match;
    }
    done(a, &result, read->base.text);
}

static void run_read(struct dns_acts *a, struct fault *fault)
{
    const struct zone_config *zone = zone_of(a);
    a->zones[a->act.zone].fence_read = false;
    if (!route53_read(a->zones[a->act.zone].route53, a->settings.service->name, zone->fence_record,
                      a->desired, a->desired_count, on_read, a, fault))
        fail(a, ACT_FAILED, fault->text);
}

static void on_submitted(const struct dns_submit_result *submit, void *arg)
{
    struct dns_acts *a = arg;
    struct zone_state *zone = &a->zones[a->act.zone];
    struct act_result result = { .outcome = outcome_of(submit->base.outcome),
                                 .conflict = submit->base.outcome == DNS_CONFLICT };
    zone->fence_read = false; /* whatever came of it, what was read is no longer what is there */
    if (result.outcome == ACT_DONE) {
        (void)text_copy(zone->change_id, sizeof zone->change_id, submit->change_id);
        zone->insync_at_once = submit->in_sync;
    }
    done(a, &result, submit->base.text);
}

static void run_submit(struct dns_acts *a, struct fault *fault)
{
    const struct zone_config *config = zone_of(a);
    struct zone_state *zone = &a->zones[a->act.zone];
    if (!zone->fence_read) {
        fail(a, ACT_UNKNOWN, "the zone has to be read before it is changed");
        return;
    }
    struct dns_change change = {
        .service = a->settings.service->name,
        .stamp = stamp_of(&a->act),
        .fence_name = config->fence_record,
        .fence_ttl_s = FENCE_TTL_S,
        .fence = &zone->fence,
        /* The core submits over a foreign mark only when a person adopted the zone. */
        .adopt_foreign = zone->fence.state == DNS_FENCE_FOREIGN,
        .records = a->desired,
        .record_count = a->desired_count,
    };
    zone->change_id[0] = '\0';
    if (!route53_submit(zone->route53, &change, on_submitted, a, fault))
        fail(a, ACT_FAILED, fault->text);
}

static void on_polled(const struct dns_poll_result *poll, void *arg)
{
    struct dns_acts *a = arg;
    struct act_result result = { .outcome = outcome_of(poll->base.outcome),
                                 .insync = poll->in_sync };
    done(a, &result, poll->base.text);
}

static void run_poll(struct dns_acts *a, struct fault *fault)
{
    struct zone_state *zone = &a->zones[a->act.zone];
    if (zone->change_id[0] == '\0') {
        fail(a, ACT_UNKNOWN, "the change's id is not known: the zone has to be read again");
        return;
    }
    if (zone->insync_at_once) {
        struct act_result result = { .outcome = ACT_DONE, .insync = true };
        done(a, &result, "");
        return;
    }
    if (!route53_poll(zone->route53, zone->change_id, on_polled, a, fault))
        fail(a, ACT_FAILED, fault->text);
}

static void on_verified(const struct dns_verify_result *verified, void *arg)
{
    struct dns_acts *a = arg;
    a->verify = NULL;
    fail(a, verified->all_agree ? ACT_DONE : ACT_RETRY, verified->text);
}

static int64_t left_ms(const struct dns_acts *a)
{
    int64_t left = (a->act.deadline.us - base_mono_us()) / US_PER_MS;
    return left > 1 ? left : 1;
}

static void run_verify(struct dns_acts *a, struct fault *fault)
{
    const struct zone_config *zone = zone_of(a);
    int64_t left = left_ms(a);
    struct dns_verify_request request = {
        .zone_name = zone->name,
        .servers = zone->name_servers.items,
        .server_count = zone->name_servers.count,
        .records = a->desired,
        .record_count = a->desired_count,
        .fence_name = zone->fence_record,
        .service = a->settings.service->name,
        .stamp = stamp_of(&a->act),
        .deadline_ms = left < REQUEST_MS ? left : REQUEST_MS,
        .done = on_verified,
        .arg = a,
    };
    a->verify = dns_verify_start(a->loop, a->settings.resolver, &request, fault);
    if (a->verify == NULL)
        fail(a, ACT_FAILED, fault->text);
}

static void on_endpoints(bool all_serve, const char *text, void *arg)
{
    struct dns_acts *a = arg;
    a->endpoints = NULL;
    fail(a, all_serve ? ACT_DONE : ACT_RETRY, text);
}

static void run_endpoints(struct dns_acts *a, struct fault *fault)
{
    const struct dns_config *dns = a->settings.service->dns;
    int64_t left = left_ms(a);
    struct endpoints_request request = {
        .urls = dns->verify_endpoints.items,
        .url_count = dns->verify_endpoints.count,
        .servers = dns->zone_count > 0 ? dns->zones[0].name_servers.items : NULL,
        .server_count = dns->zone_count > 0 ? dns->zones[0].name_servers.count : 0,
        .total_ms = left < REQUEST_MS ? left : REQUEST_MS,
        .done = on_endpoints,
        .arg = a,
    };
    a->endpoints = endpoints_start(a->settings.pool, a->settings.resolver, &request, fault);
    if (a->endpoints == NULL)
        fail(a, ACT_FAILED, fault->text);
}

void dns_acts_run(struct dns_acts *a, const struct act *act)
{
    struct fault fault;
    stop(a);
    a->act = *act;
    a->busy = true;
    timer_set_at_us(&a->deadline, act->deadline.us);
    if (act->kind == ACT_ENDPOINTS) {
        run_endpoints(a, &fault);
        return;
    }
    if (act->zone >= a->zone_count) {
        fail(a, ACT_FAILED, "there is no such zone in the configuration");
        return;
    }
    struct dns_aim aim = { act->region, act->share, act->from };
    if (!dns_records_of(zone_of(a), aim, a->desired, &a->desired_count, &fault)) {
        fail(a, ACT_REFUSED, fault.text);
        return;
    }
    if (act->kind == ACT_DNS_READ)
        run_read(a, &fault);
    else if (act->kind == ACT_DNS_SUBMIT)
        run_submit(a, &fault);
    else if (act->kind == ACT_DNS_POLL)
        run_poll(a, &fault);
    else
        run_verify(a, &fault);
}

static bool make_credentials(struct dns_acts *a, struct fault *fault)
{
    const struct credentials_config *from = a->settings.credentials != NULL
                                                ? a->settings.credentials
                                                : &a->settings.service->dns->credentials;
    struct aws_credentials_settings settings = {
        .file = from->source == CONFIG_CREDENTIALS_FILE ? from->file : NULL,
        .profile = from->profile,
        .no_environment = from->source != CONFIG_CREDENTIALS_ENVIRONMENT,
        .no_instance = from->source != CONFIG_CREDENTIALS_INSTANCE,
    };
    a->credentials = aws_credentials_new(a->loop, a->settings.pool, &settings, fault);
    return a->credentials != NULL;
}

static bool make_zones(struct dns_acts *a, struct fault *fault)
{
    const struct dns_config *dns = a->settings.service->dns;
    for (size_t z = 0; z < dns->zone_count; z++) {
        struct route53_settings settings = {
            .zone_id = dns->zones[z].id,
            .endpoint = dns->endpoint,
            .region = dns->region,
            .ca_file = dns->ca_file,
            .deadline_ms = REQUEST_MS,
        };
        a->zones[z].route53 = route53_new(a->loop, a->settings.pool, a->settings.resolver,
                                          a->credentials, &settings, fault);
        if (a->zones[z].route53 == NULL)
            return fault_wrap(fault, "zone %s", dns->zones[z].name);
        a->zone_count++;
    }
    return true;
}

struct dns_acts *dns_acts_new(struct loop *loop, const struct dns_acts_settings *settings,
                              struct fault *fault)
{
    struct dns_acts *a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)fault_set(fault, "out of memory for the DNS of %s", settings->service->name);
        return NULL;
    }
    a->loop = loop;
    a->settings = *settings;
    timer_init(&a->deadline, loop, on_deadline, a);
    if (!make_credentials(a, fault) || !make_zones(a, fault)) {
        dns_acts_free(a);
        return NULL;
    }
    return a;
}

void dns_acts_free(struct dns_acts *a)
{
    if (a == NULL)
        return;
    stop(a);
    for (size_t z = 0; z < a->zone_count; z++)
        route53_free(a->zones[z].route53);
    aws_credentials_free(a->credentials);
    free(a);
}
