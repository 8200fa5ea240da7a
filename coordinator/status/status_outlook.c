/* What matters first: the one-word state of a service, the sentence that explains it, what would
 * happen next, and the warnings. It repeats what the core decided and shows; it decides nothing. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/status_parts.h"
#include "policy/quorum/majority.h"

/* Above this a loop's longest stall is worth a person's attention: it is a good part of a lease. */
#define EXECUTOR_SILENT_US (15 * CLOCK_US_PER_S) /* longer than another needs to take an operation over */
#define STALL_WARNING_US (250 * US_PER_MS)
#define CERTIFICATE_WARNING_DAYS 30

static const char *region_of(const struct status_service *service, region_id region)
{
    return name_region(service->input->cluster, region);
}

/* ---- state ------------------------------------------------------------------------------- */

struct tally {
    unsigned observers;
    unsigned by_verdict[4];
};

static struct tally tally_of(const struct status_service *service, region_id region)
{
    struct tally tally = { 0 };
    if (region >= POLICY_REGIONS_MAX)
        return tally;
    for (size_t i = 0; i < service->input->cluster->node_count && i < POLICY_NODES_MAX; i++) {
        const struct view_observer *observer = &service->view->regions[region].observers[i];
        tally.observers++;
        int verdict = observer->present ? (int)observer->verdict : VERDICT_UNKNOWN;
        if (verdict >= 0 && verdict < 4)
            tally.by_verdict[verdict]++;
    }
    return tally;
}

enum state { STATE_OK, STATE_SUSPECT, STATE_FAILING, STATE_OPERATION, STATE_NO_WRITER,
             STATE_NO_QUORUM, STATE_UNKNOWN, STATE_GLASS };
static const char *const state_names[] = { "ok",        "suspect",   "failing", "operation",
                                           "no_writer", "no_quorum", "unknown", "glass_broken" };

static enum state state_of(const struct status_service *service)
{
    const struct view_service *view = service->view;
    bool reconciling = view->quorum && view->ledger_known && view->ledger.operation.mark != 0;
    if (status_glass_any(view) && !reconciling)
        return STATE_GLASS;
    if (!view->quorum)
        return STATE_NO_QUORUM;
    if (!view->ledger_known)
        return STATE_UNKNOWN;
    if (view->ledger.operation.kind != OPERATION_NONE)
        return STATE_OPERATION;
    if (view->ledger.writer >= POLICY_REGIONS_MAX)
        return STATE_NO_WRITER;
    if (view->regions[view->ledger.writer].failed_votes >= view->voters_needed)
        return STATE_FAILING;
    struct tally tally = tally_of(service, view->ledger.writer);
    bool doubted = tally.by_verdict[VERDICT_FAILED] + tally.by_verdict[VERDICT_SUSPECT] > 0;
    return doubted ? STATE_SUSPECT : STATE_OK;
}

static void append_tally(struct text *text, const struct tally *tally)
{
    static const int order[] = { VERDICT_HEALTHY, VERDICT_SUSPECT, VERDICT_FAILED, VERDICT_UNKNOWN };
    bool first = true;
    if (tally->by_verdict[VERDICT_HEALTHY] == tally->observers) {
        text_appendf(text, "all %u observers see it healthy", tally->observers);
        return;
    }
    text_appendf(text, "of %u observers ", tally->observers);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (tally->by_verdict[order[i]] > 0) {
            text_appendf(text, "%s%u %s", first ? "" : ", ", tally->by_verdict[order[i]],
                         name_verdict(order[i]));
            first = false;
        }
}

/* The first observer's reason that is not good news. */
static void append_complaint(const struct status_service *service, struct text *text,
                             region_id region)
{
    for (int want = VERDICT_FAILED; want >= VERDICT_SUSPECT; want--)
        for (size_t i = 0; i < service->input->cluster->node_count && i < POLICY_NODES_MAX; i++) {
            const struct view_observer *seen = &service->view->regions[region].observers[i];
            if (!seen->present || (int)seen->verdict != want)
                continue;
            const struct check_config *check =
                seen->check != CHECK_NONE ? name_find_check(service->config, seen->check) : NULL;
            text_appendf(text, " (%s: ", name_node(service->input->cluster, (unsigned)i));
            text_reason(text, seen->reason, check != NULL ? check->name : NULL, seen->standing_us,
                        seen->detail.s);
            text_append(text, ")");
            return;
        }
}

static void headline_operation(const struct status_service *service, struct text *text)
{
    const struct view_service *view = service->view;
    const struct ledger_operation *ledger = &view->ledger.operation;
    const struct view_operation *operation = &view->operation;
    char duration[CLOCK_DURATION_TEXT_MAX];
    if (ledger->kind == OPERATION_ADOPT)
        text_appendf(text, "%s is the writer; its DNS records are being taken over by %s",
                     region_of(service, view->ledger.writer),
                     name_node(service->input->cluster, ledger->executor));
    else
        text_appendf(text, "%s from %s to %s is under way on %s, phase %s",
                     name_operation_kind((int)ledger->kind), region_of(service, ledger->from),
                     region_of(service, ledger->to),
                     name_node(service->input->cluster, ledger->executor),
                     name_phase((int)ledger->phase));
    if (operation->here && operation->step != STEP_NONE)
        text_appendf(text, ", step %s for %s", step_name(operation->step),
                     base_format_duration(duration, sizeof duration, operation->step_us));
    if (operation->here && operation->wait_left_us > 0)
        text_appendf(text, "; the old lease runs out in %s",
                     base_format_duration(duration, sizeof duration, operation->wait_left_us));
    if (operation->detail.s[0] != '\0')
        text_appendf(text, "; %s", operation->detail.s);
    text_append(text, ".");
}

static void headline(const struct status_service *service, enum state state, struct text *text)
{
    const struct view_service *view = service->view;
    region_id writer = view->ledger_known ? view->ledger.writer : REGION_NONE;
    struct tally tally = tally_of(service, writer);
    switch (state) {
    case STATE_GLASS:
        status_glass_headline(service, text);
        if (view->quorum && view->ledger_known)
            text_appendf(text, "The ledger names %s.", region_of(service, writer));
        else
            text_appendf(text, "Only %u of the %u voters needed are heard.", view->voters_heard, view->voters_needed);
        return;
    case STATE_NO_QUORUM:
        text_appendf(text, "Only %u of the %u voters needed are heard; ", view->voters_heard,
                     view->voters_needed);
        if (writer != REGION_NONE)
            text_appendf(text, "%s was the writer at epoch %" PRIu64 " when that was last known.",
                         region_of(service, writer), view->ledger.epoch);
        else
            text_append(text, "who is the writer can't be known.");
        return;
    case STATE_UNKNOWN:
        text_append(text, "Who is the writer is not known yet: no majority has confirmed a ledger "
                          "since this node started.");
        return;
    case STATE_OPERATION:
        headline_operation(service, text);
        return;
    case STATE_NO_WRITER:
        text_append(text, "No region is named writer and no operation is under way.");
        return;
    case STATE_FAILING:
        text_appendf(text, "%s is the writer and a majority says that it failed: ",
                     region_of(service, writer));
        break;
    case STATE_SUSPECT:
    case STATE_OK:
        text_appendf(text, "%s is the writer; ", region_of(service, writer));
        break;
    }
    append_tally(text, &tally);
    if (state != STATE_OK)
        append_complaint(service, text, writer);
    text_append(text, ".");
}

/* ---- outlook ----------------------------------------------------------------------------- */

/* Gates that are shut by the very fact that the writer is well. */
static bool gate_waits_for_failure(int gate)
{
    return gate == GATE_MAJORITY_FAILED || gate == GATE_OUTAGE_MIN;
}

/* What people are asked has sentences of its own (status_proposal.c). */
static unsigned shut_gates(const struct view_region *region, bool all)
{
    unsigned shut = 0;
    for (int i = 0; i < GATE_COUNT; i++)
        if (!region->gates[i].open && !region->gates[i].skipped && i != GATE_APPROVED &&
            (all || !gate_waits_for_failure(i)))
            shut++;
    return shut;
}

static unsigned shut_if_failed(const struct view_region *region)
{
    return shut_gates(region, false);
}

region_id status_best_target(const struct status_service *service)
{
    return status_fewest_shut(service, shut_if_failed);
}

region_id status_fewest_shut(const struct status_service *service, status_gate_count *count)
{
    region_id best = REGION_NONE;
    unsigned best_shut = 0;
    int64_t best_priority = 0;
    for (size_t i = 0; i < service->input->cluster->region_count && i < POLICY_REGIONS_MAX; i++) {
        const struct view_region *region = &service->view->regions[i];
        const struct service_region_config *config = config_service_region(service->config, i);
        if (!region->candidate || config == NULL)
            continue;
        unsigned shut = count(region);
        if (best == REGION_NONE || shut < best_shut ||
            (shut == best_shut && config->priority < best_priority)) {
            best = (region_id)i;
            best_shut = shut;
            best_priority = config->priority;
        }
    }
    return best;
}

static void append_shut(struct text *text, const struct view_region *region, bool all)
{
    bool first = true;
    for (int i = 0; i < GATE_COUNT; i++) {
        const struct gate *gate = &region->gates[i];
        if (gate->open || gate->skipped || i == GATE_APPROVED || (!all && gate_waits_for_failure(i)))
            continue;
        text_appendf(text, "%s%s (", first ? "" : ", ", gate_name((enum gate_id)i));
        text_gate(text, (enum gate_id)i, gate);
        text_append(text, ")");
        first = false;
    }
}

/* The last thing that a failover would wait for, if that is or may be the remote hook's answer. */
static const char *after_hook(const struct status_service *service, const struct view_region *target)
{
    const struct ledger *ledger = &service->view->ledger;
    if (target->gates[GATE_FENCE].value == PROOF_REMOTE)
        return " It is promoted only if the old region's remote_hook confirms that it has cut that off.";
    if (ledger->fence == FENCE_GUARDED && status_remote_of(service, ledger->writer) != NULL)
        return " If no guard confirms the old region's fence then, its remote_hook has to.";
    return "";
}

static void outlook_no_quorum(const struct status_service *service, struct text *text)
{
    text_append(text, "Nothing can be decided: no failover begins, and no lease is renewed. ");
    status_quorum_text(service, text);
    text_append(text, " ");
    status_quorum_todo(service, text);
}

static void outlook_failing(const struct status_service *service, struct text *text)
{
    region_id target = status_best_target(service);
    const char *writer = region_of(service, service->view->ledger.writer);
    if (target == REGION_NONE) {
        text_appendf(text, "No other region could take over: %s has to be repaired.", writer);
        return;
    }
    const struct view_region *region = &service->view->regions[target];
    if (service->config->mode == CONFIG_MODE_MANUAL) {
        text_appendf(text, "Manual mode: nothing happens by itself. To go on: failoverctl failover "
                           "%s --to %s --reason \"...\".",
                     service->config->name, region_of(service, target));
        if (shut_gates(region, true) > 0) {
            text_append(text, " Shut gates: ");
            append_shut(text, region, true);
            text_append(text, ".");
        }
        return;
    }
    if (status_proposal_text(service, text)) {
        text_append(text, ".");
        if (shut_gates(region, true) == 0)
            return;
        text_append(text, " Shut gates: ");
        append_shut(text, region, true);
        text_append(text, ".");
        return;
    }
    if (service->config->mode == CONFIG_MODE_APPROVE && shut_gates(region, true) == 0) {
        text_appendf(text, "A failover to %s is put before people now (mode approve): all its other gates are open.",
                     region_of(service, target));
        return;
    }
    if (region->gates_open) {
        text_appendf(text, "A failover to %s begins: all its gates are open.%s",
                     region_of(service, target), after_hook(service, region));
        return;
    }
    text_appendf(text, "A failover to %s %s as soon as these gates open: ", region_of(service, target),
                 service->config->mode == CONFIG_MODE_APPROVE ? "is put before people" : "begins");
    append_shut(text, region, true);
    text_append(text, ".");
}

static void outlook_well(const struct status_service *service, enum state state, struct text *text)
{
    region_id target = status_best_target(service);
    const char *writer = region_of(service, service->view->ledger.writer);
    text_append(text, state == STATE_OK ? "Nothing to do. " : "No majority says failed yet. ");
    if (target == REGION_NONE) {
        text_appendf(text, "If %s failed, no other region could take over.", writer);
        return;
    }
    const struct view_region *region = &service->view->regions[target];
    if (shut_gates(region, false) > 0) {
        text_appendf(text, "If %s failed now, %s could not take over: ", writer,
                     region_of(service, target));
        append_shut(text, region, false);
        text_append(text, ".");
    } else if (service->config->mode == CONFIG_MODE_APPROVE) {
        text_appendf(text, "If %s failed, %s would take over once a person approves (mode approve).", writer,
                     region_of(service, target));
    } else if (service->config->mode == CONFIG_MODE_MANUAL) {
        text_appendf(text, "If %s failed, %s could take over when a person says so (manual mode).",
                     writer, region_of(service, target));
    } else {
        text_appendf(text, "If %s failed, %s would take over.%s", writer, region_of(service, target),
                     after_hook(service, region));
    }
}

static void outlook_operation(const struct status_service *service, struct text *text)
{
    const struct view_service *view = service->view;
    const struct ledger_operation *ledger = &view->ledger.operation;
    if (ledger->kind == OPERATION_ADOPT && ledger->wish == WISH_GO)
        text_append(text, "The service goes on as it is.");
    else if (status_shifts(service))
        status_shift_text(service, text);
    else if (ledger->wish == WISH_HOLD)
        text_appendf(text, "A person holds it: it goes neither on nor back until somebody says so%s.",
                     view->ledger.writer == REGION_NONE ? ", and no region writes meanwhile" : "");
    else if (ledger->wish == WISH_BACK)
        text_appendf(text, "A person sent it back: %s is named writer again.", region_of(service, ledger->from));
    else if (view->operation.overdue)
        text_append(text, "The step is past its deadline and is tried again; a person should look.");
    else if (ledger->phase == PHASE_GRANTED)
        text_appendf(text, "%s has been named writer: it goes forward from here. If %s is lost, "
                           "another coordinator there goes on.",
                     region_of(service, ledger->to),
                     name_node(service->input->cluster, ledger->executor));
    else if (operation_planned(ledger->kind) && ledger_may_abort(&view->ledger))
        text_appendf(text, "%s is fenced by its own guard, so writes pause. %s is promoted once it has all that was "
                           "ever acknowledged; if it does not get that in time, %s is opened again. Nothing is lost "
                           "either way.",
                     region_of(service, ledger->from), region_of(service, ledger->to),
                     region_of(service, ledger->from));
    else
        text_appendf(text, "%s gets no new lease. Once it is known to be fenced, %s is promoted; "
                           "until then it may still be aborted.",
                     region_of(service, ledger->from), region_of(service, ledger->to));
}

static void outlook(const struct status_service *service, enum state state, struct text *text)
{
    switch (state) {
    case STATE_GLASS:
        status_glass_outlook(service, text);
        return;
    case STATE_NO_QUORUM:
        outlook_no_quorum(service, text);
        return;
    case STATE_UNKNOWN:
        text_append(text, "Wait until a majority of voters answers. A new cluster needs its initial "
                          "writer's coordinator up to begin.");
        return;
    case STATE_OPERATION:
        outlook_operation(service, text);
        return;
    case STATE_NO_WRITER:
        text_append(text, "Nothing happens by itself. Name one: failoverctl failover ... --to REGION.");
        return;
    case STATE_FAILING:
        outlook_failing(service, text);
        return;
    case STATE_SUSPECT:
    case STATE_OK:
        outlook_well(service, state, text);
        return;
    }
}

void status_outlook(const struct status_service *service, json_t *object)
{
    char sentence[4 * STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    enum state state = state_of(service);
    put(object, "state", json_string(state_names[state]));
    headline(service, state, &text);
    put(object, "headline", json_of_text(sentence));
    text_clear(&text);
    outlook(service, state, &text);
    put(object, "outlook", json_of_text(sentence));
}

/* ---- warnings ---------------------------------------------------------------------------- */

void status_warn(json_t *warnings, const char *code, const char *service, const char *format, ...)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    va_list args;
    va_start(args, format);
    text_appendv(&text, format, args);
    va_end(args);
    json_t *object = json_object();
    put(object, "code", json_string(code));
    put(object, "service", json_of_text(service));
    put(object, "text", json_of_text(sentence));
    add(warnings, object);
}

bool status_is_paused(const struct status_service *service)
{
    return service->view->ledger_known &&
           ledger_is_paused(&service->view->ledger, (struct wall_time){ service->input->now_wall_us });
}

static void append_said(struct text *text, const struct said *said)
{
    if (said->by.s[0] != '\0')
        text_appendf(text, ", by %s", said->by.s);
    if (said->why.s[0] != '\0')
        text_appendf(text, ": %s", said->why.s);
}

static void warn_paused(const struct status_service *service, json_t *warnings)
{
    const struct ledger_pause *pause = &service->view->ledger.pause;
    char sentence[STATUS_SENTENCE_MAX], when[CLOCK_WALL_TEXT_MAX], left[CLOCK_DURATION_TEXT_MAX];
    struct text text = TEXT_OF(sentence);
    if (pause->until.us == 0)
        text_append(&text, "until somebody resumes it");
    else
        text_appendf(&text, "until %s (%s left)", base_format_wall(when, sizeof when, pause->until.us),
                     base_format_duration(left, sizeof left, pause->until.us - service->input->now_wall_us));
    append_said(&text, &pause->said);
    status_warn(warnings, "paused", service->config->name,
                "the service is paused: no failover begins by itself, %s. failoverctl resume %s --reason TEXT ends it",
                sentence, service->config->name);
}

/* Held for long, it is forgotten: that a person has to say something is what everybody has to see. */
static void warn_held(const struct status_service *service, json_t *warnings)
{
    const struct ledger *ledger = &service->view->ledger;
    char sentence[STATUS_SENTENCE_MAX], id[NAME_HEX_MAX];
    struct text text = TEXT_OF(sentence);
    if (!service->view->ledger_known || ledger->operation.kind == OPERATION_NONE || ledger->operation.wish != WISH_HOLD)
        return;
    append_said(&text, &ledger->operation.said);
    (void)format_hex(id, ledger->operation.id);
    status_warn(warnings, status_is_its_own(service) ? "home_got_worse" : "operation_held", service->config->name,
                "operation %s is held%s. %sfailoverctl operation resume %s --reason TEXT lets it go on%s", id, sentence,
                ledger->writer == REGION_NONE ? "No region writes meanwhile. " : "", id,
                ledger_may_abort(ledger) ? ", operation abort sends it back" : "");
}

/* Its executor alone says that a step is late. One that is gone says nothing, and where nobody may or can take the
 * operation over it stands until somebody hears of it. */
static void warn_alone(const struct status_service *service, json_t *warnings)
{
    const struct view_service *view = service->view;
    const struct ledger_operation *operation = &view->ledger.operation;
    char id[NAME_HEX_MAX], age[CLOCK_DURATION_TEXT_MAX];
    if (!view->ledger_known || !view->quorum || operation->kind == OPERATION_NONE || view->operation.here ||
        operation->wish == WISH_HOLD || operation->executor >= POLICY_NODES_MAX)
        return;
    const struct view_node *executor = &view->nodes[operation->executor];
    if (executor->heard && executor->heard_age_us <= EXECUTOR_SILENT_US)
        return;
    status_warn(warnings, "operation_alone", service->config->name,
                "%s, which carries operation %s out, has not been heard for %s, and nobody has taken it over. %sStart "
                "failoverd there; if that node is gone for good, failoverctl explain %s says where else the service can go",
                name_node(service->input->cluster, operation->executor), format_hex(id, operation->id),
                executor->heard ? base_format_duration(age, sizeof age, executor->heard_age_us) : "as long as this node runs",
                view->ledger.writer == REGION_NONE ? "No region writes meanwhile. " : "", service->config->name);
}

static void warn_scheduled(const struct status_service *service, json_t *warnings)
{
    const struct ledger_proposal *p = &service->view->ledger.proposal;
    char sentence[STATUS_SENTENCE_MAX], id[NAME_HEX_MAX], when[CLOCK_WALL_TEXT_MAX];
    struct text text = TEXT_OF(sentence);
    if (!service->view->ledger_known || p->state != PROPOSAL_SCHEDULED)
        return;
    append_said(&text, &p->said);
    status_warn(warnings, "switchover_scheduled", service->config->name,
                "a switchover to %s is put down for %s%s. failoverctl decline %s cancels it", region_of(service, p->to),
                base_format_wall(when, sizeof when, p->due.us), sentence, format_hex(id, p->id));
}

static void warn_quorum(const struct status_service *service, json_t *warnings)
{
    const struct view_service *view = service->view;
    const char *name = service->config->name;
    if (!view->quorum)
        status_warn(warnings, "no_quorum", name,
             "only %u of the %u voters needed are heard: no failover can begin and no lease can be "
             "renewed until more are back", view->voters_heard, view->voters_needed);
    if (!view->ledger_known)
        status_warn(warnings, "ledger_unknown", name,
             "no majority has confirmed who is the writer since this node started");
    if (view->abstaining)
        status_warn(warnings, "abstaining", name,
             "most of what this node looks at fails, so it suspects itself and does not vote that "
             "a region failed; look at this node's own network");
    if (view->settings_differ)
        status_warn(warnings, "settings_differ", name,
             "%s runs with other settings of this service, or of who is told (notify): bring cluster.json in line "
             "on all nodes",
             name_node(service->input->cluster, view->settings_differ_node));
    if (view->lease_differs)
        status_warn(warnings, "lease_differs", name,
             "the lease or fence settings of the file differ from those in force; they take effect "
             "when a writer is next named");
    if (status_is_paused(service))
        warn_paused(service, warnings);
    if (service->config->mode == CONFIG_MODE_MANUAL)
        status_warn(warnings, "manual_mode", name, "manual mode: no failover begins by itself");
}

static void warn_operation(const struct status_service *service, json_t *warnings)
{
    const struct view_service *view = service->view;
    const struct view_operation *operation = &view->operation;
    char duration[CLOCK_DURATION_TEXT_MAX];
    if (!view->ledger_known)
        return;
    if (view->ledger.operation.kind != OPERATION_NONE && operation->overdue)
        status_warn(warnings, "operation_overdue", service->config->name,
             "step %s has taken %s, longer than it should: %s", step_name(operation->step),
             base_format_duration(duration, sizeof duration, operation->step_us),
             operation->detail.s[0] != '\0' ? operation->detail.s : "no reason is known");
    if (service->config->dns != NULL && view->ledger.dns_epoch > 0 &&
        view->ledger.writer != REGION_NONE && view->ledger.operation.kind == OPERATION_NONE &&
        view->ledger.dns_epoch < view->ledger.epoch)
        status_warn(warnings, "dns_behind", service->config->name,
             "DNS was last seen in force for epoch %" PRIu64 ", the ledger is at %" PRIu64,
             view->ledger.dns_epoch, view->ledger.epoch);
}

static void warn_standbys(const struct status_service *service, json_t *warnings)
{
    const struct view_service *view = service->view;
    char lag[NAME_BYTES_MAX];
    char limit[NAME_BYTES_MAX];
    if (view->follow.s[0] != '\0')
        status_warn(warnings, "standby_cannot_follow", service->config->name,
             "this region's standby does not follow %s: %s", region_of(service, view->ledger.writer),
             view->follow.s);
    for (size_t i = 0; i < service->input->cluster->region_count && i < POLICY_REGIONS_MAX; i++) {
        const struct view_region *region = &view->regions[i];
        const char *where = service->input->cluster->regions[i].name;
        bool standby = region->serves && view->ledger_known && view->ledger.writer != i &&
                       region->database.known && region->database.in_recovery;
        if (!standby || view->ledger.operation.kind != OPERATION_NONE)
            continue;
        if (!region->database.walreceiver_live)
            status_warn(warnings, "standby_not_streaming", service->config->name,
                 "the standby in %s is not streaming: it falls behind with every write", where);
        if (region->lag_known && region->lag_bytes > service->config->rpo.bytes_bytes)
            status_warn(warnings, "lag_beyond_rpo", service->config->name,
                 "the standby in %s is %s behind, more than the %s that may be lost", where,
                 format_bytes(lag, sizeof lag, region->lag_bytes),
                 format_bytes(limit, sizeof limit, service->config->rpo.bytes_bytes));
    }
}

static void warn_returned(const struct status_service *service, json_t *warnings)
{
    const struct status_return *returns = service->input->returns;
    const json_t *returned = returns != NULL ? returns[service->index].returned : NULL;
    const char *text = json_string_value(json_object_get(returned, "text"));
    if (text != NULL)
        status_warn(warnings, "old_primary_back", service->config->name, "%s. failoverctl rejoin %s --dry-run says how it becomes a standby",
             text, service->config->name);
}

void status_service_warnings(const struct status_service *service, json_t *warnings)
{
    status_glass_warnings(service, warnings);
    warn_quorum(service, warnings);
    status_fence_warnings(service, warnings);
    status_commit_warnings(service, warnings);
    warn_operation(service, warnings);
    warn_held(service, warnings);
    warn_alone(service, warnings);
    warn_scheduled(service, warnings);
    status_shift_warn(service, warnings);
    warn_standbys(service, warnings);
    warn_returned(service, warnings);
}

/* For long, and it waits for something that does not come; until it ends both sets of voters count. */
static void warn_voter_change(const struct status_input *input, json_t *warnings)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    if (input->voters->set.change == VOTER_NONE)
        return;
    status_voter_change_text(input, &text);
    status_warn(warnings, "voter_change", NULL, "a change of the voters is under way (%s %s) and waits for this: %s",
                name_voter_change((int)input->voters->set.change), name_node(input->cluster, input->voters->set.node),
                sentence);
}

/* Of a settled set: with one region that has a majority of it, that region's loss is nobody's to fail over. */
static void warn_crowded_region(const struct status_input *input, json_t *warnings)
{
    node_set voters = input->voters->set.voters;
    for (size_t r = 0; r < input->cluster->region_count; r++) {
        unsigned here = 0;
        for (node_id n = 0; n < input->cluster->node_count && n < POLICY_NODES_MAX; n++)
            here += node_in(voters, n) && input->cluster->nodes[n].region == r;
        if (here > set_size(voters) / 2)
            status_warn(warnings, "voters_in_one_region", NULL,
                        "%u of %u voters are in %s: when it is lost there is no majority, and nothing fails over. "
                        "failoverctl voter add and remove give others a vote", here, set_size(voters),
                        input->cluster->regions[r].name);
    }
}

static void warn_voters(const struct status_input *input, json_t *warnings)
{
    const struct node_voters *v = input->voters;
    if (v == NULL)
        return;
    warn_voter_change(input, warnings);
    if (v->set.change == VOTER_NONE && set_size(v->set.voters) % 2 == 0)
        status_warn(warnings, "voters_even", NULL,
                    "%u voters: one more may be lost with 5 of them, and no fewer with 3. failoverctl voter add or remove",
                    set_size(v->set.voters));
    if (v->set.change == VOTER_NONE)
        warn_crowded_region(input, warnings);
    for (node_id n = 0; n < input->cluster->node_count && n < POLICY_NODES_MAX; n++) {
        uint64_t named = voters_identity(&v->set, n);
        if (n != input->self && node_in(v->set.voters, n) && v->heard[n] && named != 0 && v->identities[n] != named)
            status_warn(warnings, "voter_lost_store", NULL,
                        "%s is heard and does not vote: its vote belongs to a store that it has not got. If that is lost, "
                        "failoverctl voter replace %s gives the vote to its new one",
                        input->cluster->nodes[n].name, input->cluster->nodes[n].name);
    }
}

static void warn_disks(const struct status_input *input, json_t *warnings)
{
    const struct journal_status *journal = input->journal;
    char duration[CLOCK_DURATION_TEXT_MAX];
    if (input->mute != MUTE_NOT && input->mute != MUTE_NO_VOTE)
        status_warn(warnings, "mute", NULL, "%s. %s", name_mute_text((int)input->mute),
             name_mute_todo((int)input->mute));
    if (input->store != NULL && input->store->failed)
        status_warn(warnings, "store_failed", NULL,
             "a write to state_dir failed, so this node does not vote until it is repaired and "
             "restarted: %s", input->store->failure);
    if (input->store_doubt)
        status_warn(warnings, "store_doubt", NULL, "the newest save may have been lost: %s",
             input->store_text != NULL ? input->store_text : "");
    if (journal != NULL && journal->failing)
        status_warn(warnings, "journal_failing", NULL,
             "the journal %s can't be written for %s (%s): its lines wait, and are lost when there are too many",
             journal->path, base_format_duration(duration, sizeof duration, journal->failing_us),
             journal->text);
    if (journal != NULL && journal->lost > 0)
        status_warn(warnings, "journal_lost", NULL, "%" PRIu64 " lines of the journal were lost since start",
             journal->lost);
    const struct audit_status *audit = input->audit;
    if (audit != NULL && audit->failing)
        status_warn(warnings, "audit_failing", NULL,
             "the audit trail %s can't be written for %s (%s): orders of people are refused meanwhile",
             audit->path, base_format_duration(duration, sizeof duration, audit->failing_us), audit->text);
}

/* One try that failed is nothing yet; it is tried again within a minute at most. */
static void warn_channels(const struct status_input *input, json_t *warnings)
{
    char duration[CLOCK_DURATION_TEXT_MAX];
    size_t index;
    const json_t *channel;
    json_array_foreach(json_object_get(input->notify, "channels"), index, channel) {
        const char *name = json_string_value(json_object_get(channel, "name"));
        const char *text = json_string_value(json_object_get(channel, "text"));
        json_int_t failing_ms = json_integer_value(json_object_get(channel, "failing_ms"));
        json_int_t waiting = json_integer_value(json_object_get(channel, "waiting"));
        json_int_t lost = json_integer_value(json_object_get(channel, "lost"));
        if (json_is_true(json_object_get(channel, "failing")))
            status_warn(warnings, "notification_failing", NULL,
                 "nobody can be told over channel %s for %s (%s): %" JSON_INTEGER_FORMAT " wait. failoverctl notify test %s "
                 "tries it now", name, base_format_duration(duration, sizeof duration, failing_ms * US_PER_MS), text, waiting,
                 name);
        if (lost > 0)
            status_warn(warnings, "notification_lost", NULL,
                 "%" JSON_INTEGER_FORMAT " notices for channel %s were dropped since start; the journal has what they told",
                 lost, name);
    }
}

void status_node_warnings(const struct status_input *input, json_t *warnings)
{
    char duration[CLOCK_DURATION_TEXT_MAX];
    warn_voters(input, warnings);
    warn_disks(input, warnings);
    warn_channels(input, warnings);
    if (input->certificate != NULL && (input->certificate->days_left < CERTIFICATE_WARNING_DAYS ||
                                       input->certificate->ca_days_left < CERTIFICATE_WARNING_DAYS))
        status_warn(warnings, "certificate", NULL,
             "this node's certificate ends in %" PRId64 " days, its authority's in %" PRId64
             ": replace and reload before that, or its peers refuse it",
             input->certificate->days_left, input->certificate->ca_days_left);
    if (input->control_stall_us > STALL_WARNING_US)
        status_warn(warnings, "loop_stalled", NULL,
             "the control loop was held up for %s: the machine or its disk is overloaded",
             base_format_duration(duration, sizeof duration, input->control_stall_us));
    for (size_t i = 0; i < input->link_count; i++) {
        const struct link_status *link = &input->links[i];
        bool out = link->out.phase == LINK_PHASE_UP;
        bool in = link->in.phase == LINK_PHASE_UP;
        if (!out || !in)
            status_warn(warnings, "peer_down", NULL, "%s: %s%s%s", link->name,
                 !out && !in ? "no connection either way"
                 : !out      ? "we can't send to it"
                             : "it does not send to us",
                 !out && link->out.error[0] != '\0' ? ": " : "", !out ? link->out.error : "");
    }
}
