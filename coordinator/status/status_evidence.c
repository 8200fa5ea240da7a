/* What an explanation rests on: what a failover now would lose, what would prove the fence, whether commits hang. Taken
 * from what status shows, and put in words; what is not known is said to be not known, a loss above all. Why nothing or
 * something begins is status_explain.c's. */
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status_parts.h"

/* The wait for an outgoing lease is stretched by the clocks' error rate: lease / γ. */
#define PPM INT64_C(1000000)

/* ---- a candidate --------------------------------------------------------------------------- */

static json_t *render_loss(const struct status_service *service, const struct view_region *region, region_id target)
{
    char sentence[STATUS_SENTENCE_MAX];
    char age[CLOCK_DURATION_TEXT_MAX];
    struct text text = TEXT_OF(sentence);
    const char *writer = region_of(service, status_subject(service->view));
    bool known = region->lag_known && region->lag_bytes >= 0 && region->lag_age_us >= 0;
    json_t *loss = status_loss(known ? region->lag_bytes : -1, region->lag_us, region->lag_age_us);
    if (!known) {
        text_appendf(
            &text,
            "What a failover to %s now would lose is not known: nobody has a fresh enough position of the writer and "
            "of this standby.",
            region_of(service, target));
    } else {
        text_appendf(&text, "A failover to %s now would lose ", region_of(service, target));
        text_loss(&text, region->lag_bytes, region->lag_us);
        text_appendf(&text, " of what %s was known to have %s ago", writer,
                     base_format_duration(age, sizeof age, region->lag_age_us));
        text_append(&text, "; what it wrote in that time is not known.");
    }
    put(loss, "text", json_of_text(sentence));
    return loss;
}

static json_t *find_region(const json_t *status, const char *name)
{
    size_t index;
    json_t *region;
    json_array_foreach(json_object_get(status, "regions"), index, region) {
        const char *found = json_string_value(json_object_get(region, "name"));
        if (found != NULL && strcmp(found, name) == 0)
            return region;
    }
    return NULL;
}

json_t *status_evidence_candidates(const struct status_service *service, const json_t *status)
{
    json_t *list = json_array();
    region_id best = status_best_target(service);
    for (size_t i = 0; i < service->input->cluster->region_count && i < POLICY_REGIONS_MAX; i++) {
        const struct view_region *region = &service->view->regions[i];
        const json_t *shown = find_region(status, service->input->cluster->regions[i].name);
        if (!region->candidate || shown == NULL)
            continue;
        json_t *object = json_object();
        json_t *shut = json_array();
        for (int g = 0; g < GATE_COUNT; g++)
            if (!region->gates[g].open && !region->gates[g].skipped)
                add(shut, json_string(gate_name((enum gate_id)g)));
        put(object, "region", json_incref(json_object_get(shown, "name")));
        put(object, "best", json_boolean(best == i));
        put(object, "role", json_incref(json_object_get(shown, "role")));
        put(object, "priority", json_incref(json_object_get(shown, "priority")));
        put(object, "gates_open", json_boolean(region->gates_open));
        put(object, "shut", shut);
        put(object, "loss", render_loss(service, region, (region_id)i));
        put(object, "gates", json_incref(json_object_get(shown, "gates")));
        add(list, object);
    }
    return list;
}

/* ---- the fence ----------------------------------------------------------------------------- */

static void say_lapse(const struct status_service *service, struct text *text)
{
    const struct ledger *ledger = &service->view->ledger;
    char wait[CLOCK_DURATION_TEXT_MAX];
    int64_t ppm = ledger->clock_error_ppm;
    int64_t most_us = ppm >= 0 && ppm < PPM && ledger->lease_us >= 0 && ledger->lease_us < TIME_FOREVER_US / PPM
                          ? ledger->lease_us * (PPM + ppm) / (PPM - ppm) : ledger->lease_us;
    text_appendf(text, "the lease of %s has run out everywhere, at most %s after its last renewal",
                 name_node(service->input->cluster, ledger->guard.node),
                 base_format_duration(wait, sizeof wait, most_us));
}

/* What would prove that the writer's database acknowledges nothing any more, as the gate of `target` has it. */
static void say_proof(const struct status_service *service, const struct gate *gate, struct text *text)
{
    const struct cluster_config *cluster = service->input->cluster;
    const char *guard = name_node(cluster, service->view->ledger.guard.node);
    switch ((int)gate->value) {
    case PROOF_RELEASED:
        text_appendf(text,
                     "Proven when its guard %s, which is there, confirms that it is shut and gives its lease back.",
                     guard);
        return;
    case PROOF_LAPSED:
        text_append(text, "Proven when ");
        say_lapse(service, text);
        text_appendf(
            text, ", since the kernel on its host shuts the port by itself; earlier if %s confirms that it is shut.",
            guard);
        return;
    case PROOF_REMOTE:
        text_append(text, "Proven when ");
        say_lapse(service, text);
        text_append(text, " and the old region's remote_hook, which is run then, confirms that no client reaches it.");
        return;
    case PROOF_ACCEPTED:
        text_append(text, "Not proven by anything: a failover would go on when ");
        say_lapse(service, text);
        text_append(text, " (accept_unconfirmed_fence), and two regions may then acknowledge writes at once.");
        return;
    default:
        text_appendf(
            text,
            "Nothing can prove it now: %s has to be heard again and confirm it, or a person who knows that the "
            "database there is dead orders failoverctl failover %s --to REGION --skip-gate fence --reason \"...\".",
            guard, service->config->name);
        return;
    }
}

/* As status has it, with how long ago that node was heard: its word is as old. */
static json_t *render_guard(const struct status_service *service, const json_t *status, region_id region)
{
    const json_t *shown = region < POLICY_REGIONS_MAX
                              ? json_object_get(find_region(status, region_of(service, region)), "guard") : NULL;
    if (!json_is_object(shown))
        return json_null();
    json_t *guard = json_deep_copy(shown);
    node_id node = service->view->regions[region].guard_node;
    bool heard = node < POLICY_NODES_MAX && service->view->nodes[node].heard;
    put(guard, "heard_ms", heard ? json_of_ms_or_null(service->view->nodes[node].heard_age_us) : json_null());
    return guard;
}

json_t *status_evidence_fence(const struct status_service *service, const json_t *status, region_id subject)
{
    const struct view_service *view = service->view;
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    region_id target = status_best_target(service);
    const json_t *shown = json_object_get(status, "fence");
    json_t *object = json_object();
    bool runs = view->ledger_known && operation_moves(view->ledger.operation.kind);
    const struct gate *gate = target != REGION_NONE ? &view->regions[target].gates[GATE_FENCE] : NULL;
    if (!view->ledger_known)
        text_append(&text, "What would prove it is not known: the ledger is not known here.");
    else if (runs && view->operation.here)
        text_appendf(&text, "In this operation: %s.", name_fence_proof_text((int)view->operation.proof));
    else if (runs)
        text_appendf(&text, "Whether it is proven is known to %s, which carries the operation out.",
                     name_node(service->input->cluster, view->ledger.operation.executor));
    else if (gate != NULL)
        say_proof(service, gate, &text);
    else
        text_append(&text, "No failover is possible, so nothing has to prove it.");
    put(object, "kind", json_incref(json_object_get(shown, "kind")));
    put(object, "automatic_failover", json_incref(json_object_get(shown, "automatic_failover")));
    put(object, "text", json_incref(json_object_get(shown, "text")));
    put(object, "proof", gate != NULL && !runs && view->ledger_known ? json_string(name_fence_proof((int)gate->value))
                                                                     : json_null());
    put(object, "proof_text", json_of_text(sentence));
    put(object, "guard", render_guard(service, status, subject));
    return object;
}

/* ---- commits that hang --------------------------------------------------------------------- */

static bool of_commits(const char *code)
{
    return code != NULL && (strcmp(code, "commits_wait") == 0 || strcmp(code, "commit_lease_not_attached") == 0 ||
                            strcmp(code, "commit_lease_finding") == 0);
}

/* Whether commits wait, by what this node sees; and the warnings of status about it, as its reasons. */
json_t *status_evidence_commits(const struct status_service *service, const json_t *status, region_id subject)
{
    size_t index;
    const json_t *warning;
    bool hang = false;
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    json_t *reasons = json_array();
    json_t *waiting =
        subject < POLICY_REGIONS_MAX ? status_commits_waiting(service, subject) : json_null();
    json_array_foreach(json_object_get(status, "warnings"), index, warning) {
        const char *code = json_string_value(json_object_get(warning, "code"));
        json_t *words = json_object_get(warning, "text");
        if (!of_commits(code) || words == NULL)
            continue;
        hang = hang || strcmp(code, "commits_wait") == 0;
        add(reasons, json_incref(words));
    }
    bool own = json_is_object(json_object_get(status, "commit_lease"));
    int64_t age_ms = json_integer_value(json_object_get(waiting, "age_ms"));
    char ago[CLOCK_DURATION_TEXT_MAX];
    bool known = hang || json_is_object(waiting);
    if (hang)
        text_append(&text, "Commits hang.");
    else if (known)
        text_appendf(&text, "No commit had hung for long in %s when its database was last seen from here, %s ago.",
                     region_of(service, subject), base_format_duration(ago, sizeof ago, age_ms * US_PER_MS));
    else
        text_append(
            &text,
            "Whether commits hang is not known here: this node's checks have not seen the writer's database lately.");
    json_t *object = json_object();
    put(object, "hang", known ? json_boolean(hang) : json_null());
    put(object, "text", json_of_text(sentence));
    put(object, "reasons", reasons);
    put(object, "waiting", waiting);
    put(object, "commit_lease", own ? json_incref(json_object_get(status, "commit_lease")) : json_null());
    return object;
}
