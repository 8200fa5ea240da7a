/* Acts on our own region's database, and hooks: see database_acts.h. */
#include "coordinator/control/database_acts.h"

#include <stdlib.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/control/lead.h"
#include "coordinator/database/hook.h"
#include "coordinator/database/promote.h"

#define REMOTE_KILL_US ((int64_t)CHILD_KILL_AFTER_MS * CLOCK_US_PER_MS)

struct database_acts {
    struct loop *loop;
    struct database_acts_settings settings;
    struct pg_target target;
    struct promote_errand *errand;
    struct lead *lead;
    struct hook *hook;
    struct act act;
    bool busy;
    bool leading;
    bool hooking;
};

static void done(struct database_acts *a, struct act_result *result, const char *detail)
{
    if (!a->busy)
        return;
    a->busy = false;
    result->kind = a->act.kind;
    result->key = a->act.key;
    (void)text_copy(result->detail.s, sizeof result->detail.s, detail);
    a->settings.on_done(a->settings.arg, result);
}

static enum act_outcome outcome_of(enum promote_outcome outcome)
{
    switch (outcome) {
    case PROMOTE_DONE: return ACT_DONE;
    case PROMOTE_LATE: return ACT_RETRY;
    case PROMOTE_UNKNOWN: return ACT_UNKNOWN;
    case PROMOTE_REFUSED: return ACT_REFUSED;
    case PROMOTE_FAILED:
    default: return ACT_FAILED;
    }
}

static void on_errand(void *arg, const struct promote_report *report)
{
    struct database_acts *a = arg;
    a->errand = NULL;
    struct act_result result = { .outcome = outcome_of(report->outcome) };
    if (report->facts_known)
        postgres_facts_to_policy(&report->facts, &result.database);
    done(a, &result, report->why.text);
}

static void on_led(void *arg, enum promote_outcome outcome, const struct postgres_facts *facts, const char *why)
{
    struct database_acts *a = arg;
    a->leading = false;
    struct act_result result = { .outcome = outcome_of(outcome) };
    if (facts != NULL)
        postgres_facts_to_policy(facts, &result.database);
    done(a, &result, why);
}

static void on_hook(void *arg, const struct hook_report *report)
{
    struct database_acts *a = arg;
    struct act_result result = { .outcome = report->well ? ACT_DONE : ACT_FAILED };
    log_event(report->well ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "hook after_open ended",
              LOG_STR("service", a->settings.service->name), LOG_STR("result", report->text),
              LOG_STR("output", report->output));
    done(a, &result, report->text);
}

static void start_hook(struct database_acts *a)
{
    const struct service_config *service = a->settings.service;
    struct hook_request request = {
        .words = service->hooks.after_open.items,
        .word_count = service->hooks.after_open.count,
        .service = service->name,
        .region = a->settings.cluster->regions[a->act.region].name,
        .node = a->settings.node,
        .epoch = a->act.key.epoch,
        .operation = a->act.key.operation,
        .deadline_us = a->act.deadline.us,
        .done = on_hook,
        .arg = a,
    };
    hook_run(a->hook, &request);
}

/* ---- another region's remote hook ---- */

static void on_remote(void *arg, const struct hook_report *report)
{
    struct database_acts *a = arg;
    /* One that was ended by its deadline may have done its work, or do it yet: nothing is known then. */
    bool in_time = base_mono_us() < a->act.deadline.us - REMOTE_KILL_US;
    struct act_result result = { .outcome = report->well ? ACT_DONE : in_time ? ACT_FAILED : ACT_UNKNOWN };
    log_event(LOG_LEVEL_WARNING,
              report->well ? "the remote hook says that no client reaches the region's database any more"
                           : "the remote hook did not confirm: the region may be cut off, or not",
              LOG_STR("service", a->settings.service->name),
              LOG_STR("region", a->settings.cluster->regions[a->act.region].name),
              LOG_STR("result", report->text), LOG_STR("output", report->output));
    done(a, &result, report->text);
}

/* The region's own node may be gone, and its database's address is all that it is known by here. */
static bool start_remote(struct database_acts *a, struct fault *fault)
{
    const struct service_config *service = a->settings.service;
    const struct service_region_config *region = config_service_region(service, a->act.region);
    if (region == NULL || region->remote_hook == NULL || region->database == NULL)
        return fault_set(fault, "that region has no remote_hook in the cluster file");
    log_event(LOG_LEVEL_WARNING, "running the remote hook, which cuts a region's database off",
              LOG_STR("service", service->name), LOG_STR("region", region->name));
    struct hook_request request = {
        .words = region->remote_hook->shut.items,
        .word_count = region->remote_hook->shut.count,
        .service = service->name,
        .region = region->name,
        .node = a->settings.node,
        .action = "shut",
        .reason = "takeover",
        .database_host = region->database->hostaddr != NULL ? region->database->hostaddr : region->database->host,
        .database_port = region->database->port,
        .epoch = a->act.key.epoch,
        .operation = a->act.key.operation,
        .deadline_us = a->act.deadline.us - REMOTE_KILL_US,
        .done = on_remote,
        .arg = a,
    };
    hook_run(a->hook, &request);
    return true;
}

/* How others stream from a region's database; what a frozen standby goes back to. */
static const char *conninfo_of(const struct database_acts *a, region_id region)
{
    const struct service_region_config *r = config_service_region(a->settings.service, region);
    return r != NULL && r->database != NULL ? r->database->replication_conninfo : NULL;
}

static void start_thaw(struct database_acts *a, struct fault *fault)
{
    const char *conninfo = conninfo_of(a, a->act.region);
    if (conninfo == NULL) {
        (void)fault_set(fault, "region %s has no replication_conninfo in the cluster file: set "
                               "primary_conninfo of this standby by hand",
                        a->settings.cluster->regions[a->act.region].name);
        return;
    }
    a->errand = promote_thaw(a->loop, &a->target, conninfo, NULL, a->act.deadline.us, on_errand, a,
                             fault);
}

static void start(struct database_acts *a, struct fault *fault)
{
    int64_t deadline = a->act.deadline.us;
    switch (a->act.kind) {
    case ACT_COMPARE:
        a->errand = promote_compare(a->loop, &a->target, deadline, on_errand, a, fault);
        return;
    case ACT_FREEZE:
        a->errand = promote_freeze(a->loop, &a->target, deadline, on_errand, a, fault);
        return;
    case ACT_THAW:
        start_thaw(a, fault);
        return;
    case ACT_FOLLOW:
        a->leading = lead_start(a->lead, a->act.region, deadline, fault);
        return;
    case ACT_PROMOTE:
        a->errand = promote_start(a->loop, &a->target, a->act.until.us, deadline, on_errand, a,
                                  fault);
        return;
    case ACT_HOOKS:
        start_hook(a);
        a->hooking = true;
        return;
    case ACT_FENCE_REMOTE:
        a->hooking = start_remote(a, fault);
        return;
    case ACT_FENCE_HOLD:
    case ACT_FENCE_READS:
    case ACT_FENCE_SHUT:
    case ACT_DNS_READ:
    case ACT_DNS_SUBMIT:
    case ACT_DNS_POLL:
    case ACT_DNS_VERIFY:
    case ACT_ENDPOINTS:
    case ACT_KIND_COUNT:
    default:
        (void)fault_set(fault, "not an act on a database");
    }
}

static void stop(struct database_acts *a)
{
    if (a->errand != NULL)
        promote_cancel(a->errand);
    a->errand = NULL;
    if (a->hook != NULL)
        hook_stop(a->hook);
    if (a->lead != NULL)
        lead_stop(a->lead);
    a->leading = a->hooking = a->busy = false;
}

void database_acts_run(struct database_acts *a, const struct act *act)
{
    struct fault fault;
    stop(a);
    a->act = *act;
    a->busy = true;
    start(a, &fault);
    if (a->errand == NULL && !a->leading && !a->hooking) {
        struct act_result result = { .outcome = ACT_FAILED };
        done(a, &result, fault.text);
    }
}

struct database_acts *database_acts_new(struct loop *loop, const struct database_acts_settings *settings,
                                        struct fault *fault)
{
    struct database_acts *a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    a->loop = loop;
    a->settings = *settings;
    a->target = database_inside(settings->database, settings->secrets);
    struct lead_settings lead = {
        .cluster = settings->cluster,
        .service = settings->service,
        .own = &a->target,
        .resolver = settings->resolver,
        .done = on_led,
        .arg = a,
    };
    a->hook = hook_new(loop);
    a->lead = a->hook != NULL ? lead_new(loop, &lead, fault) : NULL;
    if (a->lead != NULL)
        return a;
    if (a->hook == NULL)
        (void)fault_set(fault, "out of memory");
    database_acts_free(a);
    return NULL;
}

void database_acts_free(struct database_acts *a)
{
    if (a == NULL)
        return;
    stop(a);
    lead_free(a->lead);
    hook_free(a->hook);
    free(a);
}
