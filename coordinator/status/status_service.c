/* One service of a snapshot: writer, lease, regions with verdicts, gates and guards, operation, DNS
 * and checks. The shape is in README.md. */
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status_parts.h"

json_t *status_region_name(const struct status_input *input, region_id region)
{
    return region == REGION_NONE ? json_null() : json_of_text(name_region(input->cluster, region));
}

json_t *status_node_name(const struct status_input *input, node_id node)
{
    return node == NODE_NONE ? json_null() : json_of_text(name_node(input->cluster, node));
}

region_id status_subject(const struct view_service *view)
{
    if (!view->ledger_known)
        return REGION_NONE;
    if (view->ledger.writer != REGION_NONE)
        return view->ledger.writer;
    return view->ledger.operation.from;
}

/* ---- a region ---------------------------------------------------------------------------- */

/* What the region is to the service now. An old writer stays "outgoing" until its database follows
 * the new one. */
static const char *region_role(const struct status_service *service, size_t index)
{
    const struct view_service *view = service->view;
    const struct view_region *region = &view->regions[index];
    if (!region->serves)
        return "witness";
    if (!view->ledger_known)
        return "unknown";
    if (view->ledger.writer == index)
        return "writer";
    bool writes = region->database.known && !region->database.in_recovery;
    bool left = view->ledger.writer == REGION_NONE && view->ledger.operation.from == index;
    return writes || left ? "outgoing" : "standby";
}

static json_t *render_verdict(const struct status_service *service,
                              const struct view_observer *observer, size_t node)
{
    const struct cluster_config *cluster = service->input->cluster;
    const struct check_config *check = observer->present && observer->check != CHECK_NONE
                                           ? name_find_check(service->config, observer->check)
                                           : NULL;
    json_t *object = json_object();
    put(object, "observer", json_of_text(cluster->nodes[node].name));
    put(object, "observer_region", json_of_text(cluster->nodes[node].region_name));
    put(object, "voter", json_boolean(node < POLICY_NODES_MAX && service->view->nodes[node].voter));
    put(object, "present", json_boolean(observer->present));
    if (!observer->present) {
        static const char *const keys[] = { "verdict", "reason",  "text",       "check",
                                            "detail",  "age_ms", "standing_ms" };
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            put(object, keys[i], json_null());
        return object;
    }
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    text_reason(&text, observer->reason, check != NULL ? check->name : NULL, observer->standing_us,
                observer->detail.s);
    put(object, "verdict", json_string(name_verdict((int)observer->verdict)));
    put(object, "reason", json_string(name_reason((int)observer->reason)));
    put(object, "text", json_of_text(sentence));
    put(object, "check", json_of_text(check != NULL ? check->name : NULL));
    put(object, "detail", json_of_text(observer->detail.s));
    put(object, "age_ms", json_of_ms_or_null(observer->age_us));
    put(object, "standing_ms", json_of_ms_or_null(observer->standing_us));
    return object;
}

static json_t *render_database(const struct status_service *service,
                               const struct view_region *region)
{
    const struct database_facts *database = &region->database;
    char lsn[NAME_LSN_MAX];
    if (!region->serves || !database->known)
        return json_null();
    json_t *object = json_object();
    put(object, "role", json_string(database->in_recovery ? "standby" : "primary"));
    put(object, "lsn", json_string(format_lsn(lsn, database->lsn)));
    put(object, "replayed_lsn", json_string(format_lsn(lsn, database->replayed_lsn)));
    put(object, "timeline", json_integer(database->timeline));
    put(object, "age_ms", json_of_ms_or_null(region->database_age_us));
    put(object, "observer", status_node_name(service->input, region->database_observer));
    put(object, "streaming",
        database->in_recovery ? json_boolean(database->walreceiver_live) : json_null());
    put(object, "frozen", json_boolean(database->frozen));
    put(object, "writes",
        database->write_checked ? json_boolean(database->write_ok) : json_null());
    return object;
}

json_t *status_loss(int64_t bytes, int64_t us, int64_t age_us)
{
    json_t *object = json_object();
    put(object, "known", json_boolean(bytes >= 0));
    put(object, "bytes", bytes >= 0 ? json_integer(bytes) : json_null());
    put(object, "seconds", bytes >= 0 ? json_of_seconds(us) : json_null());
    put(object, "age_seconds", bytes >= 0 ? json_of_seconds(age_us) : json_null());
    return object;
}

bool status_beyond_rpo(const struct service_config *config, int64_t bytes, int64_t us)
{
    return bytes > config->rpo.bytes_bytes || us > config->rpo.seconds_us;
}

static json_t *render_lag(const struct status_service *service, const struct view_region *region,
                          size_t index)
{
    const struct view_service *view = service->view;
    if (!region->serves || (view->ledger_known && view->ledger.writer == index))
        return json_null();
    return status_loss(region->lag_known ? region->lag_bytes : -1, region->lag_us,
                       region->lag_age_us);
}

static json_t *render_guard(const struct status_service *service, const struct view_region *region)
{
    if (!region->serves || !region->guard_heard)
        return json_null();
    json_t *object = json_object();
    put(object, "node", status_node_name(service->input, region->guard_node));
    put(object, "ready", json_boolean(region->guard_ready));
    put(object, "kernel", json_boolean(region->guard_kernel));
    put(object, "fence", json_string(name_fence_state((int)region->fence)));
    put(object, "fence_text", json_string(name_fence_state_text((int)region->fence)));
    struct status_own_fence own = status_own_fence(service, region);
    put(object, "fence_said", own.said[0] != '\0' ? json_string(own.said) : json_null());
    put(object, "trouble", own.trouble[0] != '\0' ? json_string(own.trouble) : json_null());
    put(object, "lease_left_ms",
        region->lease_left_us > 0 ? json_of_ms_or_null(region->lease_left_us) : json_null());
    return object;
}

static json_t *render_gate(const struct status_service *service, enum gate_id id,
                           const struct gate *gate)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    json_t *object = json_object();
    put(object, "name", json_string(gate_name(id)));
    put(object, "open", json_boolean(gate->open));
    put(object, "known", json_boolean(gate->known));
    put(object, "skipped", json_boolean(gate->skipped));
    put(object, "value", gate->known ? gate_number(id, gate->value) : json_null());
    put(object, "limit", gate_number(id, gate->limit));
    put(object, "unit", json_string(gate_unit(id)));
    if (gate->known)
        text_gate_value(&text, id, gate->value);
    else
        text_append(&text, "not known");
    put(object, "value_text", json_of_text(sentence));
    text_clear(&text);
    text_gate_value(&text, id, gate->limit);
    put(object, "limit_text", json_of_text(sentence));
    put(object, "observer", status_node_name(service->input, gate->observer));
    /* what nothing was seen of has no age */
    put(object, "age_ms", gate->known || gate->age_us > 0 ? json_of_ms_or_null(gate->age_us) : json_null());
    text_clear(&text);
    text_gate(&text, id, gate);
    put(object, "text", json_of_text(sentence));
    return object;
}

json_t *status_gates(const struct status_service *service, const struct view_region *region)
{
    json_t *gates = json_array();
    for (int i = 0; i < GATE_COUNT; i++)
        add(gates, render_gate(service, (enum gate_id)i, &region->gates[i]));
    return gates;
}

static json_t *render_region(const struct status_service *service, size_t index)
{
    const struct cluster_config *cluster = service->input->cluster;
    const struct view_region *region = &service->view->regions[index];
    const struct service_region_config *config = config_service_region(service->config, index);
    json_t *object = json_object();
    put(object, "name", json_of_text(cluster->regions[index].name));
    put(object, "role", json_string(region_role(service, index)));
    put(object, "priority", config != NULL && region->serves ? json_integer(config->priority)
                                                              : json_null());
    put(object, "failed_votes", json_integer(region->failed_votes));
    json_t *verdicts = json_array();
    for (size_t i = 0; i < cluster->node_count && i < POLICY_NODES_MAX; i++)
        add(verdicts, render_verdict(service, &region->observers[i], i));
    put(object, "verdicts", verdicts);
    put(object, "database", render_database(service, region));
    put(object, "lag", render_lag(service, region, index));
    put(object, "guard", render_guard(service, region));
    put(object, "commits_waiting", status_commits_waiting(service, index));
    put(object, "candidate", json_boolean(region->candidate));
    put(object, "gates_open", json_boolean(region->gates_open));
    put(object, "gates", region->candidate ? status_gates(service, region) : json_array());
    return object;
}

/* ---- the service ------------------------------------------------------------------------- */

static json_t *render_ladder(const struct service_config *config)
{
    json_t *ladder = json_array();
    for (size_t i = 0; i < config->fence.ladder_count; i++)
        add(ladder, json_string(config_fence_name(config->fence.ladder[i])));
    return ladder;
}

static json_t *render_lease(const struct status_service *service)
{
    const struct view_service *view = service->view;
    const struct ledger *ledger = &view->ledger;
    if (!view->ledger_known)
        return json_null();
    json_t *object = json_object();
    bool held = ledger->writer != REGION_NONE && ledger->writer < POLICY_REGIONS_MAX;
    json_t *left = NULL;
    if (held) {
        const struct view_region *region = &view->regions[ledger->writer];
        if (region->guard_heard && region->guard_node == ledger->guard.node)
            left = json_of_ms(region->lease_left_us > 0 ? region->lease_left_us : 0);
    }
    put(object, "held_by", held ? status_node_name(service->input, ledger->guard.node) : json_null());
    put(object, "left_ms", left != NULL ? left : json_null());
    put(object, "duration_ms", json_of_ms(ledger->lease_us));
    put(object, "fence", json_string(name_fence_mode((int)ledger->fence)));
    put(object, "ladder", render_ladder(service->config));
    put(object, "on_quorum_loss", json_string(ledger->keep_on_quorum_loss ? "keep" : "fence"));
    put(object, "clock_error_percent", json_real((double)ledger->clock_error_ppm / 10000.0));
    return object;
}

/* The step's place in its plan, from 1; 0 if it has none. */
static size_t step_number(enum operation_kind kind, enum step_id step, size_t *count)
{
    size_t number = 0;
    *count = 0;
    for (const struct plan_step *row = plan_first(kind); row->step != STEP_NONE; row = plan_next(kind, row)) {
        (*count)++;
        if (row->step == step)
            number = *count;
    }
    return number;
}

static void render_step(const struct view_service *view, json_t *object)
{
    const struct view_operation *operation = &view->operation;
    size_t count = 0;
    size_t number = 0;
    bool known = operation->here && operation->step != STEP_NONE;
    if (known)
        number = step_number(view->ledger.operation.kind, operation->step, &count);
    put(object, "step", known ? json_string(step_name(operation->step)) : json_null());
    put(object, "step_text", known ? json_string(name_step_text((int)view->ledger.operation.kind, (int)operation->step))
                                   : json_null());
    put(object, "step_number", number > 0 ? json_integer((json_int_t)number) : json_null());
    put(object, "steps", count > 0 ? json_integer((json_int_t)count) : json_null());
    put(object, "attempt", known ? json_integer(operation->attempt) : json_null());
    put(object, "step_ms", known ? json_of_ms_or_null(operation->step_us) : json_null());
    put(object, "total_ms", operation->here ? json_of_ms_or_null(operation->total_us) : json_null());
    put(object, "overdue", json_boolean(operation->overdue));
    put(object, "wait_left_ms",
        operation->here ? json_of_ms_or_null(operation->wait_left_us) : json_null());
}

static json_t *render_skipped(uint32_t skipped)
{
    json_t *names = json_array();
    for (int i = 0; i < GATE_COUNT; i++)
        if ((skipped >> i & 1u) != 0)
            add(names, json_string(gate_name((enum gate_id)i)));
    return names;
}

json_t *status_wall(struct wall_time wall)
{
    char when[CLOCK_WALL_TEXT_MAX];
    return wall.us == 0 ? json_null() : json_string(base_format_wall(when, sizeof when, wall.us));
}

/* A person's word; null while nobody said anything. */
static json_t *render_said(const struct said *said)
{
    if (said->at.us == 0)
        return json_null();
    json_t *object = json_object();
    put(object, "at", status_wall(said->at));
    put(object, "by", json_of_text(said->by.s));
    put(object, "why", json_of_text(said->why.s));
    return object;
}

/* The pause that is in force by this node's calendar. */
static json_t *render_pause(const struct status_service *service)
{
    const struct ledger_pause *pause = &service->view->ledger.pause;
    int64_t now_us = service->input->now_wall_us;
    if (!status_is_paused(service))
        return json_null();
    json_t *object = json_object();
    put(object, "since", status_wall(pause->said.at));
    put(object, "until", status_wall(pause->until));
    put(object, "left_ms", pause->until.us != 0 ? json_of_ms(pause->until.us - now_us) : json_null());
    put(object, "by", json_of_text(pause->said.by.s));
    put(object, "why", json_of_text(pause->said.why.s));
    return object;
}

/* A switchover that is put down for later. */
static json_t *render_scheduled(const struct status_service *service)
{
    const struct ledger_proposal *p = &service->view->ledger.proposal;
    char id[NAME_HEX_MAX];
    if (!service->view->ledger_known || p->state != PROPOSAL_SCHEDULED)
        return json_null();
    json_t *object = json_object();
    put(object, "id", json_string(format_hex(id, p->id)));
    put(object, "kind", json_string(name_operation_kind((int)p->kind)));
    put(object, "from", status_region_name(service->input, p->from));
    put(object, "to", status_region_name(service->input, p->to));
    put(object, "skipped_gates", render_skipped(p->skipped_gates));
    put(object, "due", status_wall(p->due));
    put(object, "left_ms", json_of_ms(p->due.us - service->input->now_wall_us));
    put(object, "said", render_said(&p->said));
    return object;
}

static json_t *render_operation(const struct status_service *service)
{
    const struct view_service *view = service->view;
    const struct ledger_operation *ledger = &view->ledger.operation;
    const struct view_operation *operation = &view->operation;
    char id[NAME_HEX_MAX];
    if (!view->ledger_known || ledger->kind == OPERATION_NONE)
        return json_null();
    json_t *object = json_object();
    put(object, "id", json_string(format_hex(id, ledger->id)));
    put(object, "kind", json_string(name_operation_kind((int)ledger->kind)));
    put(object, "phase", json_string(name_phase((int)ledger->phase)));
    put(object, "from", status_region_name(service->input, ledger->from));
    put(object, "to", status_region_name(service->input, ledger->to));
    put(object, "executor", status_node_name(service->input, ledger->executor));
    put(object, "here", json_boolean(operation->here));
    put(object, "forced", json_boolean(ledger->forced));
    put(object, "skipped_gates", render_skipped(ledger->skipped_gates));
    put(object, "accepted_loss_bytes",
        ledger->accepted_loss_bytes >= 0 ? json_integer(ledger->accepted_loss_bytes) : json_null());
    put(object, "accepted_loss_seconds",
        ledger->accepted_loss_us >= 0 ? json_of_seconds(ledger->accepted_loss_us) : json_null());
    put(object, "begun", status_wall(ledger->begun));
    put(object, "wish", json_string(name_wish((int)ledger->wish)));
    put(object, "said", render_said(&ledger->said));
    put(object, "shift", status_shift(service));
    render_step(view, object);
    put(object, "proof", json_string(name_fence_proof((int)operation->proof)));
    put(object, "proof_text", json_string(name_fence_proof_text((int)operation->proof)));
    put(object, "loss", status_loss(operation->here ? operation->loss_bytes : -1, operation->loss_us,
                                    operation->loss_age_us));
    put(object, "detail", json_of_text(operation->detail.s));
    return object;
}

static json_t *render_last_operation(const struct view_service *view)
{
    char id[NAME_HEX_MAX];
    if (!view->ledger_known || view->ledger.last_operation == 0)
        return json_null();
    json_t *object = json_object();
    put(object, "id", json_string(format_hex(id, view->ledger.last_operation)));
    put(object, "outcome", json_string(name_outcome((int)view->ledger.last_outcome)));
    put(object, "finished", status_wall(view->ledger.last_finished));
    return object;
}

static json_t *render_dns(const struct status_service *service)
{
    const struct status_input *input = service->input;
    const struct view_service *view = service->view;
    struct history_dns last;
    if (service->config->dns == NULL)
        return json_null();
    json_t *object = json_object();
    bool known = view->ledger_known;
    put(object, "zones", json_integer((json_int_t)service->config->dns->zone_count));
    put(object, "epoch_insync", known ? json_of_u64(view->ledger.dns_epoch) : json_null());
    put(object, "current", known && view->ledger.dns_epoch > 0
                               ? json_boolean(view->ledger.writer != REGION_NONE &&
                                              view->ledger.dns_epoch == view->ledger.epoch)
                               : json_null());
    bool acted = input->history != NULL &&
                 history_last_dns(input->history, service->config->name, &last);
    put(object, "act", acted ? json_of_text(last.act) : json_null());
    put(object, "act_outcome", acted ? json_of_text(last.outcome) : json_null());
    put(object, "act_ms_ago", acted && last.mono_us > 0
                                  ? json_of_ms_or_null(input->now_mono_us - last.mono_us)
                                  : json_null());
    put(object, "detail", acted ? json_of_text(last.detail) : json_null());
    return object;
}

json_t *status_check(const struct service_region_config *region, const struct check_config *config,
                     const struct view_check *check)
{
    json_t *object = json_object();
    put(object, "name", json_of_text(config->name));
    put(object, "region", json_of_text(region->name));
    put(object, "type", json_string(config_check_type_name(config->type)));
    put(object, "verdict", json_string(name_verdict((int)check->verdict)));
    put(object, "sampled", json_boolean(check->sampled));
    put(object, "last", check->sampled ? json_string(name_sample_outcome((int)check->last))
                                       : json_null());
    put(object, "last_age_ms",
        check->sampled ? json_of_ms_or_null(check->last_age_us) : json_null());
    put(object, "latency_ms", check->sampled && check->latency_us >= 0
                                  ? json_real((double)check->latency_us / 1000.0)
                                  : json_null());
    put(object, "failures", json_integer(check->failures));
    put(object, "failing_ms", json_of_ms(check->run_us > 0 ? check->run_us : 0));
    put(object, "detail", json_of_text(check->detail.s));
    return object;
}

static json_t *render_checks(const struct status_service *service)
{
    json_t *checks = json_array();
    for (size_t i = 0; i < service->config->region_count; i++) {
        const struct service_region_config *region = &service->config->regions[i];
        for (size_t j = 0; j < region->check_count; j++)
            if (region->checks[j].index < POLICY_CHECKS_MAX)
                add(checks, status_check(region, &region->checks[j],
                                         &service->view->checks[region->checks[j].index]));
    }
    return checks;
}

static json_t *render_votes(const struct status_service *service)
{
    const struct view_service *view = service->view;
    region_id subject = status_subject(view);
    json_t *object = json_object();
    put(object, "region", status_region_name(service->input, subject));
    put(object, "failed", subject < POLICY_REGIONS_MAX
                              ? json_integer(view->regions[subject].failed_votes)
                              : json_null());
    put(object, "needed", json_integer(view->voters_needed));
    return object;
}

static json_t *render_quorum(const struct view_service *view)
{
    json_t *object = json_object();
    put(object, "have", json_boolean(view->quorum));
    put(object, "heard", json_integer(view->voters_heard));
    put(object, "needed", json_integer(view->voters_needed));
    return object;
}

static json_t *render_copy(const json_t *value)
{
    json_t *copy = value != NULL ? json_deep_copy(value) : NULL;
    return copy != NULL ? copy : json_null();
}

json_t *status_render_service(const struct status_service *service)
{
    const struct view_service *view = service->view;
    const struct ledger *ledger = &view->ledger;
    bool known = view->ledger_known;
    json_t *object = json_object();
    put(object, "name", json_of_text(service->config->name));
    put(object, "mode", json_string(config_mode_name(service->config->mode)));
    status_outlook(service, object);
    put(object, "ledger_known", json_boolean(known));
    put(object, "writer", known ? status_region_name(service->input, ledger->writer) : json_null());
    put(object, "epoch", known ? json_of_u64(ledger->epoch) : json_null());
    put(object, "version", known ? json_of_u64(ledger->version) : json_null());
    put(object, "ledger_age_ms", json_of_ms_or_null(view->ledger_age_us));
    put(object, "paused", json_boolean(status_is_paused(service)));
    put(object, "pause", render_pause(service));
    put(object, "scheduled", render_scheduled(service));
    put(object, "quorum", render_quorum(view));
    put(object, "lease", render_lease(service));
    put(object, "fence", status_fence(service));
    put(object, "quorum_loss", status_quorum_loss(service));
    put(object, "commit_lease", status_commit_lease(service));
    put(object, "votes", render_votes(service));
    json_t *regions = json_array();
    for (size_t i = 0; i < service->input->cluster->region_count && i < POLICY_REGIONS_MAX; i++)
        add(regions, render_region(service, i));
    put(object, "regions", regions);
    put(object, "operation", render_operation(service));
    put(object, "last_operation", render_last_operation(view));
    put(object, "runbook", status_runbook(service));
    put(object, "proposal", status_proposal(service));
    put(object, "break_glass", status_glass(service));
    put(object, "dns", render_dns(service));
    put(object, "returned",
        render_copy(service->input->returns != NULL ? service->input->returns[service->index].returned : NULL));
    put(object, "rejoin",
        render_copy(service->input->returns != NULL ? service->input->returns[service->index].rejoin : NULL));
    put(object, "checks", render_checks(service));
    json_t *warnings = json_array();
    status_service_warnings(service, warnings);
    put(object, "warnings", warnings);
    return object;
}
