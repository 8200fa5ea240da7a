/* What matters first: the one-word state of a service, the sentence that explains it, and what would
 * happen next. It repeats what the core decided and shows; it decides nothing. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status_parts.h"
#include "policy/quorum/majority.h"

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
    else if (status_glass_stuck(service, text))
        text_append(text, ".");
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
        text_appendf(text, "%s gets no new lease. Once it is known to be fenced, %s is promoted; %s.",
                     region_of(service, ledger->from), region_of(service, ledger->to),
                     ledger_may_abort(&view->ledger) ? "until then it may still be aborted" : "it does not go back");
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
        text_appendf(text, "Nothing happens by itself. Name one: failoverctl failover %s --to REGION --reason \"...\".",
                     service->config->name);
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
