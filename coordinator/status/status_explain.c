/* Why one service has (not) failed over: see status_explain() in status.h. It says in plain sentences what would make
 * it act, in the order in which the core asks for it (policy/failover/candidate.c), and puts that together with the
 * votes and what else it rests on (status_evidence.c). It decides nothing. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status_parts.h"

static void add_sentence(json_t *list, const char *format, ...) PRINTF_LIKE(2, 3);
static void add_sentence(json_t *list, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(list, json_sentence(format, args));
    va_end(args);
}

/* ---- votes --------------------------------------------------------------------------------- */

struct votes {
    region_id subject; /* REGION_NONE: nobody knows whom it would be about */
    unsigned voters;
    unsigned failed;
    unsigned missing;  /* for a majority */
};

static struct votes votes_of(const struct status_service *service)
{
    const struct view_service *view = service->view;
    struct votes votes = { .subject = status_subject(view) };
    for (size_t i = 0; i < service->input->cluster->node_count && i < POLICY_NODES_MAX; i++)
        votes.voters += service->view->nodes[i].voter;
    if (votes.subject < POLICY_REGIONS_MAX)
        votes.failed = view->regions[votes.subject].failed_votes;
    votes.missing = votes.failed < view->voters_needed ? view->voters_needed - votes.failed : 0;
    return votes;
}

static bool counts_as_failed(const struct view_observer *seen)
{
    return seen->present && seen->verdict == VERDICT_FAILED;
}

static json_t *render_vote(const struct status_service *service, const struct votes *votes, size_t node)
{
    const struct node_config *config = &service->input->cluster->nodes[node];
    const struct view_node *peer = &service->view->nodes[node];
    const struct view_observer *seen =
        votes->subject < POLICY_REGIONS_MAX ? &service->view->regions[votes->subject].observers[node] : NULL;
    bool present = seen != NULL && seen->present;
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    const struct check_config *check =
        present && seen->check != CHECK_NONE ? name_find_check(service->config, seen->check) : NULL;
    json_t *object = json_object();
    if (present)
        text_reason(&text, seen->reason, check != NULL ? check->name : NULL, seen->standing_us, seen->detail.s);
    else
        text_append(&text, "this node has not heard it say anything of that region");
    put(object, "voter", json_of_text(config->name));
    put(object, "region", json_of_text(config->region_name));
    put(object, "verdict", present ? json_string(name_verdict((int)seen->verdict)) : json_null());
    put(object, "counts", json_boolean(present && counts_as_failed(seen)));
    put(object, "standing_ms", present ? json_of_ms_or_null(seen->standing_us) : json_null());
    put(object, "age_ms", present ? json_of_ms_or_null(seen->age_us) : json_null());
    put(object, "voting", json_boolean(peer->voting));
    put(object, "heard_ms", peer->heard ? json_of_ms_or_null(peer->heard_age_us) : json_null());
    put(object, "text", json_of_text(sentence));
    return object;
}

/* "2 of 3 voters would have to say that us-east-1 failed; none does." */
static void say_votes(const struct status_service *service, const struct votes *votes, struct text *text)
{
    const struct cluster_config *cluster = service->input->cluster;
    unsigned said = 0;
    text_appendf(text, "%u of %u voters would have to say that %s failed; ", service->view->voters_needed,
                 votes->voters, region_of(service, votes->subject));
    if (votes->failed == 0) {
        text_append(text, "none does");
        return;
    }
    for (size_t i = 0; i < cluster->node_count && i < POLICY_NODES_MAX; i++)
        if (service->view->nodes[i].voter && counts_as_failed(&service->view->regions[votes->subject].observers[i]))
            text_appendf(text, "%s%s", said++ > 0 ? ", " : "", cluster->nodes[i].name);
    text_appendf(text, "%s%s", said > 0 ? "" : "some", votes->failed == 1 ? " does" : " do");
    if (votes->missing > 0)
        text_appendf(text, ", %u more %s needed", votes->missing, votes->missing == 1 ? "is" : "are");
}

static json_t *render_votes(const struct status_service *service, const struct votes *votes)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    const struct cluster_config *cluster = service->input->cluster;
    bool known = votes->subject < POLICY_REGIONS_MAX;
    json_t *object = json_object();
    json_t *list = json_array();
    if (known)
        say_votes(service, votes, &text);
    else
        text_append(&text, "which region is the writer is not known here, so nobody's vote can be counted");
    for (size_t i = 0; i < cluster->node_count && i < POLICY_NODES_MAX; i++)
        if (service->view->nodes[i].voter)
            add(list, render_vote(service, votes, i));
    put(object, "region", status_region_name(service->input, votes->subject));
    put(object, "voters", json_integer(votes->voters));
    put(object, "needed", json_integer(service->view->voters_needed));
    put(object, "failed", known ? json_integer(votes->failed) : json_null());
    put(object, "missing", known ? json_integer(votes->missing) : json_null());
    put(object, "text", json_of_text(sentence));
    put(object, "list", list);
    return object;
}

/* ---- what would make it act ---------------------------------------------------------------- */

/* After which failures a voter says so. */
static void say_thresholds(const struct status_service *service, region_id subject, json_t *list)
{
    const struct service_region_config *config = config_service_region(service->config, subject);
    char sentence[STATUS_SENTENCE_MAX];
    char duration[CLOCK_DURATION_TEXT_MAX];
    struct text text = TEXT_OF(sentence);
    for (size_t i = 0; config != NULL && i < config->check_count; i++)
        text_appendf(&text, "%s%s has failed for %s", i > 0 ? ", or once " : "", config->checks[i].name,
                     base_format_duration(duration, sizeof duration, config->checks[i].for_us));
    if (text.length > 0)
        add_sentence(list, "A voter says so by its own checks: once %s.", sentence);
}

/* What is left of a gate that only waits; 0: it does not open by waiting. */
static int64_t left_us(int gate, const struct gate *value)
{
    bool waits = gate == GATE_COOLDOWN || gate == GATE_OUTAGE_MIN;
    return waits && value->known && value->limit > value->value ? value->limit - value->value : 0;
}

/* Why the target's own coordinator does not judge it healthy. */
static void say_target(const struct status_service *service, region_id target, struct text *text)
{
    const struct view_region *region = &service->view->regions[target];
    node_id node = region->gates[GATE_TARGET_HEALTHY].observer;
    if (node >= POLICY_NODES_MAX || !region->observers[node].present ||
        region->observers[node].verdict == VERDICT_HEALTHY)
        return;
    const struct view_observer *seen = &region->observers[node];
    const struct check_config *check = seen->check != CHECK_NONE ? name_find_check(service->config, seen->check) : NULL;
    text_append(text, " (");
    text_reason(text, seen->reason, check != NULL ? check->name : NULL, seen->standing_us, seen->detail.s);
    text_append(text, ")");
}

/* Each gate in the way but the votes', which have a sentence of their own. How long an outage has lasted says nothing
 * while there is none. */
static unsigned say_gates(const struct status_service *service, region_id target, bool failing, json_t *list)
{
    const struct view_region *region = &service->view->regions[target];
    unsigned shut = 0;
    for (int i = 0; i < GATE_COUNT; i++) {
        const struct gate *gate = &region->gates[i];
        char sentence[STATUS_SENTENCE_MAX];
        char left[CLOCK_DURATION_TEXT_MAX];
        struct text text = TEXT_OF(sentence);
        if (gate->open || gate->skipped || i == GATE_MAJORITY_FAILED || (i == GATE_OUTAGE_MIN && !failing) ||
            i == GATE_APPROVED)
            continue;
        shut++;
        text_gate(&text, (enum gate_id)i, gate);
        if (i == GATE_TARGET_HEALTHY)
            say_target(service, target, &text);
        if (left_us(i, gate) > 0)
            add_sentence(list, "Gate %s of %s: %s; it opens in %s.", gate_name((enum gate_id)i),
                         region_of(service, target), sentence,
                         base_format_duration(left, sizeof left, left_us(i, gate)));
        else
            add_sentence(list, "Gate %s of %s has to open: %s.", gate_name((enum gate_id)i),
                         region_of(service, target), sentence);
    }
    return shut;
}

/* The one sentence: what is in the way, most decisive first. */
static void say_why(const struct status_service *service, const struct votes *votes, region_id target, unsigned shut,
                    struct text *why)
{
    const char *writer = region_of(service, votes->subject);
    const char *other = region_of(service, target);
    if (votes->missing > 0 && votes->failed == 0)
        text_appendf(why, "Nothing fails over, because no voter says that %s failed", writer);
    else if (votes->missing > 0)
        text_appendf(why, "Nothing fails over, because no majority says that %s failed: %u of the %u voters needed %s",
                     writer, votes->failed, service->view->voters_needed, votes->failed == 1 ? "does" : "do");
    else if (shut > 0)
        text_appendf(why, "A majority says that %s failed, and nothing fails over, because %u gate%s of %s %s shut",
                     writer, shut, shut == 1 ? "" : "s", other, shut == 1 ? "is" : "are");
    else if (!service->view->regions[target].gates[GATE_APPROVED].open)
        text_appendf(why, "A majority says that %s failed, and the failover to %s waits for a person's word: the mode "
                          "is approve", writer, other);
    else if (service->config->mode == CONFIG_MODE_MANUAL)
        text_appendf(why, "A majority says that %s failed, and nothing fails over by itself: the mode is manual",
                     writer);
    else
        text_appendf(why, "A failover to %s begins now: a majority says that %s failed, and every gate is open", other,
                     writer);
}

/* A writer is named and nothing runs. */
static bool explain_writer(const struct status_service *service, const struct votes *votes, struct text *why,
                           json_t *list)
{
    region_id target = status_best_target(service);
    bool manual = service->config->mode == CONFIG_MODE_MANUAL;
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    if (target == REGION_NONE) {
        text_appendf(why, "No other region has a database of %s: if %s fails, it has to be repaired",
                     service->config->name, region_of(service, votes->subject));
        return false;
    }
    if (votes->missing > 0) {
        say_votes(service, votes, &text);
        add_sentence(list, "%s.", sentence);
        say_thresholds(service, votes->subject, list);
    }
    unsigned shut = say_gates(service, target, votes->missing == 0, list);
    if (manual)
        add_sentence(list, "Mode manual: also then a person orders it: failoverctl failover %s --to %s --reason "
                           "\"...\".", service->config->name, region_of(service, target));
    say_why(service, votes, target, shut, why);
    text_clear(&text);
    bool approved = service->view->regions[target].gates[GATE_APPROVED].open;
    if (status_proposal_text(service, &text))
        add_sentence(list, "%s.", sentence);
    else if (!approved)
        add_sentence(list, "Mode approve: then a person is asked, and it begins at failoverctl approve ID.");
    bool begins = votes->missing == 0 && shut == 0 && !manual && approved;
    if (begins)
        add_sentence(list, "Nothing more: %s has every voter look once more, and begins if a majority says failed "
                           "again.", region_of(service, target));
    return begins;
}

static void explain_operation(const struct status_service *service, struct text *why, json_t *list)
{
    const struct ledger_operation *ledger = &service->view->ledger.operation;
    const struct view_operation *operation = &service->view->operation;
    const char *executor = name_node(service->input->cluster, ledger->executor);
    char sentence[STATUS_SENTENCE_MAX];
    struct text stuck = TEXT_OF(sentence);
    char left[CLOCK_DURATION_TEXT_MAX];
    text_appendf(why, "It is acting: %s %s runs on %s", name_operation_kind((int)ledger->kind),
                 name_phase((int)ledger->phase), executor);
    if (status_glass_stuck(service, &stuck))
        add_sentence(list, "%s.", sentence);
    bool heard = status_hears(service->input->cluster, service->input->self, service->view, ledger->executor);
    if (!operation->here && !heard) {
        if (stuck.length == 0)
            add_sentence(list, "%s is not heard here, and at which step it is, or who goes on instead, is not known.",
                         executor);
        return;
    }
    if (!operation->here) {
        add_sentence(list,
                     "At which step it is and what it waits for is known to %s: run failoverctl explain %s there.",
                     executor, service->config->name);
        return;
    }
    if (operation->step != STEP_NONE)
        text_appendf(why, ", in step %s for %s (%s)", step_name(operation->step),
                     base_format_duration(left, sizeof left, operation->step_us),
                     name_step_text((int)ledger->kind, (int)operation->step));
    if (operation->wait_left_us > 0)
        add_sentence(
            list, "The old lease runs out everywhere in %s; a fence that its guard confirms ends the wait earlier.",
            base_format_duration(left, sizeof left, operation->wait_left_us));
    if (operation->detail.s[0] != '\0')
        add_sentence(list, "It waits, or the last try said: %s.", operation->detail.s);
    if (operation->overdue)
        add_sentence(list, "The step is past its deadline and is tried again; a person should look.");
    if (json_array_size(list) == 0)
        add_sentence(list, "It goes on by itself.");
}

static void explain_no_quorum(const struct status_service *service, struct text *why, json_t *list)
{
    const struct view_service *view = service->view;
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    text_appendf(why, "Nothing can be decided here: of the %u voters needed %u %s heard, so no failover begins and no "
                      "lease is renewed", view->voters_needed, view->voters_heard,
                 view->voters_heard == 1 ? "is" : "are");
    add_sentence(list, "A majority of the voters has to be heard first: %u more.",
                 view->voters_needed - view->voters_heard);
    status_quorum_text(service, &text);
    add(list, json_of_text(sentence));
    text_clear(&text);
    status_quorum_todo(service, &text);
    add(list, json_of_text(sentence));
}

/* Whether an automatic failover begins now; the reason is appended to `why`, the sentences are added to `list`. */
static bool explain_why(const struct status_service *service, const struct votes *votes, struct text *why, json_t *list)
{
    const struct view_service *view = service->view;
    bool moves = view->ledger_known && operation_moves(view->ledger.operation.kind);
    if (view->quorum && view->ledger_known && !moves && view->ledger.writer < POLICY_REGIONS_MAX)
        return explain_writer(service, votes, why, list);
    if (!view->quorum) {
        explain_no_quorum(service, why, list);
    } else if (!view->ledger_known) {
        text_append(why, "Nothing can be decided here: no majority has confirmed who is the writer since this node "
                         "started");
        add_sentence(list, "A majority has to answer with the same ledger. A new cluster needs its initial writer's "
                           "coordinator.");
    } else if (moves) {
        explain_operation(service, why, list);
    } else {
        text_append(why, "No region is named writer and no operation is under way: nothing happens by itself");
        add_sentence(list, "A person has to name one: failoverctl failover %s --to REGION --reason \"...\".",
                     service->config->name);
    }
    return false;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void copy(json_t *object, const json_t *status, const char *key)
{
    json_t *value = json_object_get(status, key);
    put(object, key, value != NULL ? json_incref(value) : json_null());
}

static json_t *render_settings(const struct service_config *config)
{
    json_t *object = json_object();
    put(object, "evidence_max_age_ms", json_of_ms(config->evidence_max_age_us));
    put(object, "outage_min_ms", json_of_ms(config->outage_min_us));
    put(object, "cooldown_ms", json_of_ms(config->cooldown_us));
    put(object, "rpo_bytes", json_integer(config->rpo.bytes_bytes));
    put(object, "rpo_ms", json_of_ms(config->rpo.seconds_us));
    return object;
}

json_t *status_explain(const struct status_input *input, size_t index)
{
    static const char *const copied[] = { "mode",          "state",          "headline", "outlook", "ledger_known",
                                          "ledger_age_ms", "writer",         "epoch",    "paused",
                                          "pause",         "scheduled",      "proposal", "break_glass", "quorum",
                                          "operation",     "last_operation", "warnings" };
    ensure(index < input->cluster->service_count);
    struct status_service service = { input, &input->cluster->services[index], &input->views[index], index };
    struct votes votes = votes_of(&service);
    char sentence[STATUS_SENTENCE_MAX];
    struct text why = TEXT_OF(sentence);
    json_t *status = status_render_service(&service);
    json_t *object = json_object();
    json_t *would = json_array();
    bool begins = explain_why(&service, &votes, &why, would);
    text_append(&why, ".");
    put(object, "service", json_of_text(service.config->name));
    put(object, "node", json_of_text(input->cluster->nodes[input->self].name));
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++)
        copy(object, status, copied[i]);
    put(object, "begins", json_boolean(begins));
    put(object, "why", json_of_text(sentence));
    put(object, "would_act", would);
    put(object, "votes", render_votes(&service, &votes));
    put(object, "candidates", status_evidence_candidates(&service, status));
    put(object, "fence", status_evidence_fence(&service, status, votes.subject));
    put(object, "commits", status_evidence_commits(&service, status, votes.subject));
    put(object, "settings", render_settings(service.config));
    json_decref(status);
    return object;
}
