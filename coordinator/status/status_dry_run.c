/* What a failover or a switchover would do, and what holds it back: see status_dry_run() in status.h. It weighs the
 * gates as the core shows them, and explains each step; it changes nothing and asks nobody. */
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/config/values.h"
#include "coordinator/config/weights.h"
#include "coordinator/operator/order_answer.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status_parts.h"

/* The gates as this kind of order is judged by, with what it skips and accepts. */
static void apply_order(struct view_region *region, const struct order *order)
{
    if (order->kind != ORDER_FAILOVER)
        memcpy(region->gates, region->planned_gates, sizeof region->gates);
    struct gate *loss = &region->gates[GATE_LOSS_WITHIN_RPO];
    if (order->accepted_loss_bytes >= 0)
        loss->limit = order->accepted_loss_bytes;
    if (order->accepted_loss_us >= 0)
        loss->limit_us = order->accepted_loss_us;
    if (order->accepted_loss_bytes >= 0 || order->accepted_loss_us >= 0)
        loss->open = loss->known && !loss->at_least && loss->value <= loss->limit && loss->value_us <= loss->limit_us;
    for (int i = 0; i < GATE_COUNT; i++)
        if ((order->skipped_gates >> i & 1u) != 0 && !region->gates[i].open)
            region->gates[i].skipped = true;
}

/* The pace of automatic failovers does not bind a person; every other gate has to be named. */
bool status_gate_is_automatic(int gate)
{
    return gate == GATE_OUTAGE_MIN || gate == GATE_COOLDOWN || gate == GATE_APPROVED; /* who orders it approves it */
}

/* How long the steps took before, added up; -1: at least one of them was never run. */
struct estimate {
    double total_ms;
    double until_open_ms; /* from begin until writes go on */
    bool open;
};

static void add_time(struct estimate *estimate, struct history_time time, enum step_id step)
{
    double *sums[] = { &estimate->total_ms, &estimate->until_open_ms };
    for (size_t i = 0; i < (estimate->open ? 1 : 2); i++)
        *sums[i] = *sums[i] < 0 || time.runs == 0 ? -1 : *sums[i] + time.ms;
    estimate->open = estimate->open || step == STEP_OPEN;
}

/* To a thousandth, as the journal has it; null below 0. */
static json_t *render_ms(double ms)
{
    return ms >= 0 ? json_real((double)(int64_t)(ms * 1000 + 0.5) / 1000) : json_null();
}

/* A failback is a switchover home and then its traffic: until there was one, its steps take as long as those of a
 * switchover did. */
static struct history_time step_time(const struct status_service *service, enum operation_kind kind, const char *step)
{
    const struct history *history = service->input->history;
    const char *name = service->config->name;
    struct history_time time = { .ms = -1 };
    if (history != NULL)
        time = history_step_time(history, name, name_operation_kind((int)kind), step);
    if (history != NULL && time.runs == 0 && kind == OPERATION_FAILBACK)
        time = history_step_time(history, name, name_operation_kind(OPERATION_SWITCHOVER), step);
    return time;
}

/* Traffic that comes all at once takes nothing in step shift: it is cut over. */
static bool comes_in_stages(const struct status_service *service, const struct order *order)
{
    region_id from = status_subject(service->view);
    return order->shift.count > 1 && from < POLICY_REGIONS_MAX && order->to < POLICY_REGIONS_MAX &&
           weights_shift(service->config, from, order->to);
}

static json_t *render_steps(const struct status_service *service, enum operation_kind kind, bool in_stages,
                            struct estimate *estimate)
{
    json_t *steps = json_array();
    json_int_t number = 0;
    for (const struct plan_step *row = plan_first(kind); row->step != STEP_NONE; row = plan_next(kind, row)) {
        json_t *step = json_object();
        const char *name = step_name(row->step);
        struct history_time time = step_time(service, kind, name);
        if (row->step != STEP_SHIFT || in_stages)
            add_time(estimate, time, row->step);
        put(step, "number", json_integer(++number));
        put(step, "name", json_string(name));
        put(step, "irreversible", json_boolean(row->irreversible));
        put(step, "way_back", json_boolean(row->back));
        put(step, "took_ms", render_ms(time.ms));
        put(step, "runs", json_integer((json_int_t)time.runs));
        put(step, "text", json_string(name_step_text((int)kind, (int)row->step)));
        add(steps, step);
    }
    return steps;
}

/* The whole is known of those that others carried out, too: the ledger has it. A failback's is what its stages were. */
static json_t *render_estimate(const struct status_service *service, enum operation_kind kind,
                               const struct estimate *estimate)
{
    const struct history *history = service->input->history;
    struct history_time seen = { .ms = -1 };
    if (history != NULL && kind != OPERATION_FAILBACK)
        seen = history_total_time(history, service->config->name, name_operation_kind((int)kind));
    json_t *object = json_object();
    put(object, "total_ms", render_ms(estimate->total_ms));
    put(object, "until_open_ms", render_ms(estimate->until_open_ms));
    put(object, "seen_total_ms", render_ms(seen.ms));
    put(object, "seen_runs", json_integer((json_int_t)seen.runs));
    return object;
}

/* From where on it only goes forward. A hook that has cut the old region off is no smaller step than the grant. */
static json_t *render_no_way_back(const struct view_region *target, enum operation_kind kind)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    const struct plan_step *row = plan_first(kind);
    while (row->step != STEP_NONE && row->back)
        row = plan_next(kind, row);
    json_t *object = json_object();
    text_appendf(&text,
                 "until step %s it can go back to the old writer; from there on it only goes forward, also when its "
                 "coordinator dies",
                 step_name(row->step));
    if (kind == OPERATION_FAILOVER && target->gates[GATE_FENCE].value == PROOF_REMOTE)
        text_append(&text,
                    ". Once the old region's remote_hook has confirmed in step fence that it is cut off, there is "
                    "no way back either");
    put(object, "step", json_string(step_name(row->step)));
    put(object, "text", json_of_text(sentence));
    return object;
}

/* As it was asked for, with what it is to skip; null where there is no region to name. */
static json_t *render_command(const struct status_service *service, const struct order *order)
{
    char line[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(line);
    if (order->to == REGION_NONE)
        return json_null();
    text_appendf(&text, "failoverctl %s %s", name_order_kind((int)order->kind), service->config->name);
    if (order->kind != ORDER_FAILBACK)
        text_appendf(&text, " --to %s", region_of(service, order->to));
    for (uint8_t i = 0; i < order->shift.count && i < SHIFT_STAGES_MAX; i++)
        text_appendf(&text, "%s%u", i == 0 ? " --shift " : ",", order->shift.percent[i]);
    if (order->shift.count > 0)
        text_appendf(&text, " --hold %llds", (long long)(order->shift.hold_us / CLOCK_US_PER_S));
    else if (order->kind == ORDER_FAILBACK)
        text_append(&text, " --shift 100");
    text_append(&text, " --reason \"...\"");
    for (int i = 0; i < GATE_COUNT; i++)
        if ((order->skipped_gates >> i & 1u) != 0)
            text_appendf(&text, " --skip-gate %s", gate_name((enum gate_id)i));
    if (order->accepted_loss_bytes >= 0)
        text_appendf(&text, " --accept-loss %lld", (long long)order->accepted_loss_bytes);
    if (order->accepted_loss_us >= 0) {
        char time[CLOCK_DURATION_TEXT_MAX];
        value_duration_text(order->accepted_loss_us, time, sizeof time);
        text_appendf(&text, " --accept-loss %s", time);
    }
    return json_of_text(line);
}

/* What to do about the first of the gates that are in the way; null: nothing is. */
static json_t *render_todo(const struct order *order, const struct view_region *region, bool weighed)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    for (int i = 0; i < GATE_COUNT && weighed; i++) {
        if (region->gates[i].open || region->gates[i].skipped || status_gate_is_automatic(i))
            continue;
        const struct gate *gate = &region->gates[i];
        struct message_order_reply reply = { .answer = ANSWER_GATE, .gate = (uint8_t)i,
                                             .value = gate->known ? gate->value : -1, .limit = gate->limit,
                                             .value_us = gate->known && !gate->at_least ? gate->value_us : -1,
                                             .limit_us = gate->limit_us };
        order_answer_todo(&text, order->kind, &reply);
        return json_of_text(sentence);
    }
    return json_null();
}

/* Why there is nothing to weigh at all; NULL if there is. */
static const char *dry_run_obstacle(const struct view_service *view, const struct order *order)
{
    if (!view->quorum)
        return "no majority of voters is heard: nothing can begin";
    if (!view->ledger_known)
        return "who is the writer is not known yet: nothing can begin";
    if (view->ledger.operation.kind != OPERATION_NONE)
        return "an operation is running already";
    if (order->to == REGION_NONE)
        return "no other region of this service could become the writer";
    if (order->to >= POLICY_REGIONS_MAX || !view->regions[order->to].serves)
        return "that region has no database of this service";
    if (view->ledger.writer == order->to)
        return "that region is the writer already";
    return NULL;
}

/* What a gate says where nothing failed and the old writer is to confirm its own fence; false: as always. */
static bool planned_sentence(struct text *text, enum gate_id id, const struct gate *gate)
{
    if (id == GATE_MAJORITY_FAILED || id == GATE_OUTAGE_MIN) {
        text_append(text, "not asked for: a switchover leaves a writer that is well");
        return true;
    }
    if (id == GATE_FENCE) {
        text_append(text, gate->open ? "the old writer's own guard is there and can confirm its fence"
                                     : "the old writer's own guard is silent, has only just come back, or can't work "
                                       "its fence: nothing else says what it acknowledged last");
        return true;
    }
    if (id == GATE_LOSS_WITHIN_RPO && gate->known) {
        char bytes[NAME_BYTES_MAX];
        char time[CLOCK_DURATION_TEXT_MAX];
        text_append(text, "its standby lacks ");
        text_loss(text, gate->value, gate->at_least ? -1 : gate->value_us);
        text_appendf(text, ", which is waited for; it begins at up to %s (%s)",
                     format_bytes(bytes, sizeof bytes, gate->limit),
                     base_format_duration(time, sizeof time, gate->limit_us));
        return true;
    }
    return false;
}

static json_t *render_gates(const struct status_service *service, const struct view_region *region, bool planned)
{
    json_t *gates = status_gates(service, region);
    for (int i = 0; i < GATE_COUNT && planned; i++) {
        char sentence[STATUS_SENTENCE_MAX];
        struct text text = TEXT_OF(sentence);
        if (planned_sentence(&text, (enum gate_id)i, &region->gates[i]))
            put(json_array_get(gates, (size_t)i), "text", json_of_text(sentence));
    }
    return gates;
}

/* What is left to people when the writer has moved. */
static json_t *render_afterwards(const struct status_service *service)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    region_id from = status_subject(service->view);
    text_appendf(&text, "the old primary in %s stays fenced and is no standby of the new one until it is rejoined: "
                        "failoverctl rejoin %s --reason \"...\" ",
                 region_of(service, from), service->config->name);
    text_append(&text, service->config->hooks.rejoin.count > 0
                           ? "(it runs hooks.rejoin)"
                           : "(no hooks.rejoin is configured: it shows the commands)");
    return json_of_text(sentence);
}

/* A switchover loses nothing: it waits for all of it, or goes back. */
static json_t *render_dry_loss(const struct view_region *region, bool planned)
{
    return planned ? status_loss(0, 0, 0)
                   : status_loss(region->lag_known ? region->lag_bytes : -1, region->lag_us, region->lag_age_us);
}

json_t *status_dry_run(const struct status_input *input, size_t index, const struct order *order)
{
    ensure(index < input->cluster->service_count);
    const struct view_service *view = &input->views[index];
    struct status_service service = { input, &input->cluster->services[index], view, index };
    struct view_region region = { 0 };
    bool planned = order->kind != ORDER_FAILOVER;
    enum operation_kind kind = order->kind == ORDER_FAILBACK ? OPERATION_FAILBACK
                               : planned                     ? OPERATION_SWITCHOVER
                                                             : OPERATION_FAILOVER;
    const char *obstacle = dry_run_obstacle(view, order);
    json_t *object = json_object();
    json_t *shut = json_array();
    json_t *skipped = json_array();
    if (order->to < POLICY_REGIONS_MAX && view->regions[order->to].serves)
        region = view->regions[order->to];
    apply_order(&region, order);
    for (int i = 0; i < GATE_COUNT && obstacle == NULL; i++) {
        if (region.gates[i].skipped)
            add(skipped, json_string(gate_name((enum gate_id)i)));
        else if (!region.gates[i].open && !status_gate_is_automatic(i))
            add(shut, json_string(gate_name((enum gate_id)i)));
    }
    bool runs = obstacle == NULL && json_array_size(shut) == 0;
    put(object, "service", json_of_text(service.config->name));
    put(object, "kind", json_string(name_operation_kind((int)kind)));
    put(object, "from", status_region_name(input, status_subject(view)));
    put(object, "to", status_region_name(input, order->to));
    put(object, "would_run", json_boolean(runs));
    put(object, "text", json_string(obstacle != NULL ? obstacle
                                    : runs ? "it would begin; nothing was changed"
                                           : "it would be refused by the gates named in shut"));
    put(object, "gates", obstacle == NULL ? render_gates(&service, &region, planned) : json_array());
    put(object, "shut", shut);
    put(object, "skipped", skipped);
    put(object, "proposal", status_proposal(&service));
    put(object, "loss", render_dry_loss(&region, planned));
    put(object, "lag", status_loss(region.lag_known ? region.lag_bytes : -1, region.lag_us, region.lag_age_us));
    struct estimate estimate = { 0 };
    put(object, "steps", render_steps(&service, kind, comes_in_stages(&service, order), &estimate));
    put(object, "estimate", render_estimate(&service, kind, &estimate));
    put(object, "no_way_back", render_no_way_back(&region, kind));
    put(object, "afterwards", render_afterwards(&service));
    struct status_runbook_plan before = { kind, order->to, &region, obstacle };
    put(object, "runbook", status_runbook_before(&service, &before));
    put(object, "command", render_command(&service, order));
    put(object, "todo", render_todo(order, &region, obstacle == NULL));
    return object;
}
