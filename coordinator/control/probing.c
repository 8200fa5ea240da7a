/* The probes loop and its thread: see probing.h. */
#include "coordinator/control/probing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/control/database_target.h"
#include "probes/schedule.h"

#define PROBE_CONNECTIONS (CONFIG_MAX_SERVICES * CONFIG_MAX_CHECKS)

struct probing {
    const struct cluster_config *cluster;
    size_t self;
    struct loop *loop;
    struct fetch_pool *pool;
    struct resolver *resolver;
    struct schedule *schedule;
    struct control *control;
    _Atomic bool may_write[CONFIG_MAX_SERVICES][CONFIG_MAX_REGIONS];
    pthread_t thread;
    bool running;
};

/* A check's id on the schedule holds its service and its index. */
static size_t id_of(size_t service, size_t check)
{
    return service * CONFIG_MAX_CHECKS + check;
}

static void on_round(void *arg, size_t id, const struct probe_round *round)
{
    struct probing *p = arg;
    struct sample sample = {
        .check = (uint8_t)(id % CONFIG_MAX_CHECKS),
        .outcome = round->outcome,
        .at = { base_mono_us() },
        .latency_us = round->latency_us,
        .database = round->database,
    };
    (void)text_copy(sample.detail.s, sizeof sample.detail.s, round->detail);
    control_post_sample(p->control, (uint8_t)(id / CONFIG_MAX_CHECKS), &sample, &round->waits);
}

/* ---- settings ---- */

static void fill_http(const struct check_config *check, struct http_probe_settings *out,
                      struct http_status_range *status, struct http_json_expectation *json)
{
    const struct http_check_config *http = &check->http;
    for (size_t i = 0; i < http->status_count; i++)
        status[i] = (struct http_status_range){ http->status[i].low, http->status[i].high };
    for (size_t i = 0; i < http->json_count; i++)
        json[i] = (struct http_json_expectation){ http->json[i].pointer, http->json[i].value_json };
    *out = (struct http_probe_settings){
        .url = http->url,
        .status = status,
        .status_count = http->status_count,
        .contains = http->contains,
        .json = json,
        .json_count = http->json_count,
        .skip_certificate_check = !http->certificate_check,
        .ca_file = http->ca_file,
        .server_name = http->server_name,
        .connect_us = http->connect_us,
        .tls_us = http->tls_us,
        .first_byte_us = http->first_byte_us,
        .total_us = http->total_us,
    };
}

static enum resolve_type type_of(int record)
{
    switch ((enum config_record_type)record) {
    case CONFIG_RECORD_AAAA: return RESOLVE_TYPE_AAAA;
    case CONFIG_RECORD_CNAME: return RESOLVE_TYPE_CNAME;
    case CONFIG_RECORD_A:
    default: return RESOLVE_TYPE_A;
    }
}

static bool add_http(struct probing *p, const struct check_config *check, size_t id,
                     struct fault *fault)
{
    struct http_status_range status[CONFIG_MAX_STATUS_RANGES];
    struct http_json_expectation json[CONFIG_MAX_ITEMS];
    struct schedule_check add = { .kind = SCHEDULE_HTTP,
                                  .interval_us = check->interval_us,
                                  .timeout_us = check->timeout_us };
    fill_http(check, &add.settings.http, status, json);
    return schedule_add(p->schedule, &add, id, fault);
}

static bool add_tcp(struct probing *p, const struct check_config *check, size_t id,
                    struct fault *fault)
{
    char host[CONFIG_MAX_TEXT];
    struct schedule_check add = { .kind = SCHEDULE_TCP,
                                  .interval_us = check->interval_us,
                                  .timeout_us = check->timeout_us };
    add.settings.tcp.host = host;
    return (config_split_endpoint(check->tcp.address, host, sizeof host,
                                  &add.settings.tcp.port) ||
            fault_set(fault, "%s is no host:port", check->tcp.address)) &&
           schedule_add(p->schedule, &add, id, fault);
}

static bool add_dns(struct probing *p, const struct check_config *check, size_t id,
                    struct fault *fault)
{
    struct schedule_check add = { .kind = SCHEDULE_DNS,
                                  .interval_us = check->interval_us,
                                  .timeout_us = check->timeout_us };
    add.settings.dns = (struct dns_probe_settings){
        .name = check->dns.name,
        .type = type_of(check->dns.record),
        .servers = check->dns.servers.items,
        .server_count = check->dns.servers.count,
        .expect_any = check->dns.expect_any.items,
        .expect_count = check->dns.expect_any.count,
    };
    return schedule_add(p->schedule, &add, id, fault);
}

static bool add_postgres(struct probing *p, size_t service,
                         const struct service_region_config *region,
                         const struct check_config *check, size_t id, struct fault *fault)
{
    struct database_secrets secrets;
    if (region->database == NULL)
        return fault_set(fault, "there is no database in this region");
    if (!database_secrets_read(region->database, &secrets, fault))
        return false;
    struct schedule_check add = { .kind = SCHEDULE_POSTGRES,
                                  .interval_us = check->interval_us,
                                  .timeout_us = check->timeout_us };
    /* The guard looks at its own database from inside: its own fence must not blind it. */
    bool inside = config_is_guard(region, p->self);
    add.settings.postgres = (struct postgres_probe_settings){
        .target = inside ? database_inside(region->database, &secrets)
                         : database_outside(region->database, &secrets),
        .observer = p->cluster->nodes[p->self].name,
        .write_check = check->postgres.write_check,
        .may_write = &p->may_write[service][region->region],
    };
    bool added = schedule_add(p->schedule, &add, id, fault);
    explicit_bzero(&secrets, sizeof secrets);
    return added;
}

static bool add_check(struct probing *p, size_t service, const struct service_region_config *region,
                      const struct check_config *check, struct fault *fault)
{
    size_t id = id_of(service, check->index);
    switch ((enum config_check_type)check->type) {
    case CONFIG_CHECK_HTTP: return add_http(p, check, id, fault);
    case CONFIG_CHECK_TCP: return add_tcp(p, check, id, fault);
    case CONFIG_CHECK_DNS: return add_dns(p, check, id, fault);
    case CONFIG_CHECK_POSTGRES: return add_postgres(p, service, region, check, id, fault);
    default: return fault_set(fault, "unknown type of check");
    }
}

static bool add_all(struct probing *p, struct fault *fault)
{
    for (size_t s = 0; s < p->cluster->service_count; s++) {
        const struct service_config *service = &p->cluster->services[s];
        for (size_t r = 0; r < service->region_count; r++) {
            const struct service_region_config *region = &service->regions[r];
            for (size_t c = 0; c < region->check_count; c++)
                if (!add_check(p, s, region, &region->checks[c], fault))
                    return fault_wrap(fault, "service %s, region %s, check %s", service->name,
                                      region->name, region->checks[c].name);
        }
    }
    return true;
}

/* ---- life ---- */

struct probing *probing_new(const struct cluster_config *cluster, size_t self, struct fault *fault)
{
    struct probing *p = calloc(1, sizeof *p);
    if (p == NULL) {
        (void)fault_set(fault, "out of memory for the probes");
        return NULL;
    }
    p->cluster = cluster;
    p->self = self;
    p->loop = loop_new("probes", fault);
    p->pool = p->loop != NULL ? fetch_pool_new(p->loop, PROBE_CONNECTIONS, fault) : NULL;
    p->resolver = p->pool != NULL ? resolver_new(p->loop, fault) : NULL;
    p->schedule = p->resolver != NULL ? schedule_new(p->loop, p->pool, p->resolver, fault) : NULL;
    if (p->schedule == NULL || !add_all(p, fault)) {
        probing_free(p);
        return NULL;
    }
    return p;
}

struct loop *probing_loop(const struct probing *p)
{
    return p->loop;
}

void probing_reset_stall(struct probing *p)
{
    loop_reset_stall(p->loop);
}

static void *run_loop(void *arg)
{
    struct probing *p = arg;
    struct fault fault;
    if (!loop_run(p->loop, &fault))
        log_event(LOG_LEVEL_ERROR, "the probes loop ended: this node sees nothing any more",
                  LOG_STR("reason", fault.text));
    return NULL;
}

void probing_set_writer(struct probing *p, uint8_t service, uint8_t region)
{
    for (size_t r = 0; r < CONFIG_MAX_REGIONS; r++)
        p->may_write[service][r] = r == region;
}

bool probing_start(struct probing *p, struct control *control, struct fault *fault)
{
    p->control = control;
    schedule_start(p->schedule, on_round, p);
    /* Signals are the control loop's. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&p->thread, NULL, run_loop, p);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        return fault_errno(fault, error, "can't start the probes' thread");
    p->running = true;
    return true;
}

void probing_stop(struct probing *p)
{
    if (p == NULL || !p->running)
        return;
    loop_stop(p->loop);
    (void)pthread_join(p->thread, NULL);
    p->running = false;
}

void probing_free(struct probing *p)
{
    if (p == NULL)
        return;
    probing_stop(p);
    schedule_free(p->schedule);
    resolver_free(p->resolver);
    fetch_pool_free(p->pool);
    loop_free(p->loop);
    free(p);
}
