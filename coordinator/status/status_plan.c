/* What `failoverctl plan` shows: a dry run (status_dry_run.c) with the region chosen, and for a failback which of its
 * two parts is ready: the old primary rejoined as a standby, and a switchover to it. Changes nothing, asks nobody. */
#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/status/status_parts.h"

static unsigned planned_shut(const struct view_region *region)
{
    unsigned shut = 0;
    for (int i = 0; i < GATE_COUNT; i++)
        shut += !region->planned_gates[i].open;
    return shut;
}

static region_id home_of(const struct status_service *service)
{
    const struct service_config *config = service->config;
    return config->initial_writer < config->region_count ? (region_id)config->regions[config->initial_writer].region
                                                         : REGION_NONE;
}

static region_id choose(const struct status_service *service, enum planned planned)
{
    switch (planned) {
    case PLANNED_FAILOVER: return status_best_target(service);
    case PLANNED_SWITCHOVER: return status_fewest_shut(service, planned_shut);
    case PLANNED_FAILBACK: return home_of(service);
    case PLANNED_COUNT:
    default: return REGION_NONE;
    }
}

/* ---- the rejoin before a failback ---------------------------------------------------------- */

enum readiness { READY_UNKNOWN, READY_NO, READY_YES };

/* Whether home's database is a standby that streams from the writer, as far as can be seen from this node. */
static enum readiness rejoined(const struct status_service *service, region_id home, struct text *text)
{
    const char *where = region_of(service, home);
    if (home >= POLICY_REGIONS_MAX || !service->view->ledger_known) {
        text_append(text, "not known: who is the writer is not known here");
        return READY_UNKNOWN;
    }
    const struct view_region *region = &service->view->regions[home];
    const struct database_facts *database = &region->database;
    bool fresh = region->database_age_us >= 0 && region->database_age_us <= service->config->evidence_max_age_us;
    if (service->view->ledger.writer == home) {
        text_appendf(text, "%s is the writer: there is nothing to rejoin", where);
        return READY_YES;
    }
    if (!database->known || !fresh) {
        text_appendf(text, "not known: the database of %s was not seen lately", where);
        return READY_UNKNOWN;
    }
    if (!database->in_recovery) {
        text_appendf(text, "the database of %s is a primary still, kept fenced, and no standby", where);
        return READY_NO;
    }
    if (!database->walreceiver_live || !region->planned_gates[GATE_TARGET_STREAMING].open) {
        text_appendf(text, "the database of %s is a standby that does not stream from the writer on its timeline",
                     where);
        return READY_NO;
    }
    text_appendf(text, "the database of %s is a standby that streams from the writer, timeline %u", where,
                 (unsigned)database->timeline);
    return READY_YES;
}

static json_t *render_rejoin(const struct status_service *service, region_id home, enum readiness *ready)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    json_t *object = json_object();
    const struct service_region_config *config = config_service_region(service->config, home);
    bool guarded = config != NULL && config->guard_count > 0;
    *ready = rejoined(service, home, &text);
    put(object, "ready", *ready == READY_UNKNOWN ? json_null() : json_boolean(*ready == READY_YES));
    put(object, "text", json_of_text(sentence));
    put(object, "node", guarded ? status_node_name(service->input, (node_id)config->guards[0]) : json_null());
    text_clear(&text);
    text_appendf(&text, "failoverctl rejoin %s --dry-run", service->config->name);
    put(object, "command", *ready == READY_YES ? json_null() : json_of_text(sentence));
    return object;
}

static void add_failback(const struct status_service *service, const struct order *order, json_t *plan)
{
    region_id home = order->to;
    enum readiness ready;
    bool moves = json_is_true(json_object_get(plan, "would_run"));
    json_t *rejoin = render_rejoin(service, home, &ready);
    json_t *object = json_object();
    put(object, "home", status_region_name(service->input, home));
    put(object, "rejoin", rejoin);
    put(object, "switchover_ready", json_boolean(moves));
    put(object, "traffic", status_shift_plan(service, home, &order->shift));
    put(plan, "failback", object);
    put(plan, "kind", json_string(planned_name(PLANNED_FAILBACK)));
    put(plan, "would_run", json_boolean(moves && ready == READY_YES));
    if (ready == READY_NO)
        put(plan, "text", json_string("it would not begin yet: the old primary has to be rejoined first"));
    else if (ready == READY_UNKNOWN && moves) /* else what is there says what is in its way */
        put(plan, "text", json_string("it would not begin: it is not known here whether the old primary was rejoined"));
}

json_t *status_plan(const struct status_input *input, size_t index, enum planned planned, const struct order *wish)
{
    ensure(index < input->cluster->service_count);
    struct status_service service = { input, &input->cluster->services[index], &input->views[index], index };
    struct order order = *wish;
    order.kind = planned == PLANNED_FAILOVER   ? ORDER_FAILOVER
                 : planned == PLANNED_FAILBACK ? ORDER_FAILBACK
                                               : ORDER_SWITCHOVER;
    if (order.kind != ORDER_FAILBACK)
        order.shift = (struct shift){ 0 };
    if (order.to == REGION_NONE)
        order.to = choose(&service, planned);
    json_t *plan = status_dry_run(input, index, &order);
    put(plan, "chosen", json_boolean(wish->to == REGION_NONE && order.to != REGION_NONE));
    put(plan, "operation", json_string(planned_name(planned)));
    if (planned == PLANNED_FAILBACK)
        add_failback(&service, &order, plan);
    return plan;
}

json_t *status_rejoin_first(const struct status_input *input, size_t index, region_id home)
{
    ensure(index < input->cluster->service_count);
    struct status_service service = { input, &input->cluster->services[index], &input->views[index], index };
    enum readiness ready;
    json_t *rejoin = render_rejoin(&service, home, &ready);
    if (ready == READY_NO)
        return rejoin;
    json_decref(rejoin);
    return NULL;
}
