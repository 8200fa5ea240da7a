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
#include "coordinator/control/check_settings.h"

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
    /* As they were at the start, which is what the checks' turns go by; NULL where nobody logs in. */
    struct database_secrets *secrets[CONFIG_MAX_SERVICES][CONFIG_MAX_REGIONS];
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

static bool read_secrets(struct probing *p, size_t service, const struct service_region_config *region,
                         struct fault *fault)
{
    struct database_secrets *secrets = calloc(1, sizeof *secrets);
    p->secrets[service][region->region] = secrets;
    if (secrets == NULL)
        return fault_set(fault, "out of memory");
    return database_secrets_read(region->database, secrets, fault);
}

static bool fill(struct probing *p, size_t service, const struct service_region_config *region,
                 const struct check_config *check, struct check_settings *settings, struct fault *fault)
{
    struct check_place place = {
        .cluster = p->cluster,
        .self = p->self,
        .region = region,
        .secrets = p->secrets[service][region->region],
        .may_write = &p->may_write[service][region->region],
    };
    return check_settings_fill(&place, check, settings, fault);
}

static bool add_check(struct probing *p, size_t service, const struct service_region_config *region,
                      const struct check_config *check, struct fault *fault)
{
    struct check_settings settings;
    if (check->type == CONFIG_CHECK_POSTGRES && region->database != NULL &&
        p->secrets[service][region->region] == NULL && !read_secrets(p, service, region, fault))
        return false;
    return fill(p, service, region, check, &settings, fault) &&
           schedule_add(p->schedule, &settings.check, id_of(service, check->index), fault);
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

/* ---- single rounds ---- */

/* Goes to the probes loop with the question and comes back with the answer; freed by where it ends. */
struct asked {
    struct probing *probing;
    struct probing_question question;
    struct probe_round round;
};

static void answer(struct asked *asked)
{
    control_post_round(asked->probing->control, asked->question.mark, &asked->round);
    free(asked);
}

static void on_single(void *arg, const struct probe_round *round)
{
    struct asked *asked = arg;
    asked->round = *round;
    answer(asked);
}

static void begin_single(void *arg)
{
    struct asked *asked = arg;
    struct probing *p = asked->probing;
    const struct probing_question *question = &asked->question;
    struct check_settings settings;
    struct fault fault = { "" };
    if (base_mono_us() > question->begin_by_us) {
        free(asked); /* this loop stood still, and nobody waits for it any more */
        return;
    }
    if (fill(p, question->service, question->region, question->check, &settings, &fault) &&
        schedule_once(p->schedule, &settings.check, on_single, asked, &fault))
        return;
    probe_end_as(&asked->round, SAMPLE_OBSERVER, "this node can't look: %s", fault.text);
    answer(asked);
}

bool probing_ask(struct probing *p, const struct probing_question *question)
{
    struct asked *asked = calloc(1, sizeof *asked);
    if (asked == NULL)
        return false;
    asked->probing = p;
    asked->question = *question;
    if (loop_post(p->loop, begin_single, asked))
        return true;
    free(asked);
    return false;
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
    for (size_t s = 0; s < CONFIG_MAX_SERVICES; s++)
        for (size_t r = 0; r < CONFIG_MAX_REGIONS; r++)
            if (p->secrets[s][r] != NULL) {
                explicit_bzero(p->secrets[s][r], sizeof *p->secrets[s][r]);
                free(p->secrets[s][r]);
            }
    free(p);
}
