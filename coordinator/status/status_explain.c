/* Why one service has (not) failed over: see status_explain() in status.h. It puts together what status shows (votes,
 * gates, fence, waiting commits, the running operation) and says in plain sentences what would make it act, in the
 * order in which the core asks for it (policy/failover/candidate.c). It decides nothing; and what is not known is
 * said to be not known, a loss above all. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/status/status_parts.h"

/* The wait for an outgoing lease is stretched by the clocks' error rate: lease / γ. */
#define PPM INT64_C(1000000)

static const char *region_of(const struct status_service *service, region_id region)
{
    return name_region(service->input->cluster, region);
}

static void add_sentence(json_t *list, const char *format, ...) PRINTF_LIKE(2, 3);
static void add_sentence(json_t *list, const char *format, ...)
{
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    va_list args;
    va_start(args, format);
    text_appendv(&text, format, args);
    va_end(args);
    add(list, json_of_text(sentence));
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
        if (gate->open || gate->skipped || i == GATE_MAJORITY_FAILED || (i == GATE_OUTAGE_MIN && !failing))
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
    bool begins = votes->missing == 0 && shut == 0 && !manual;
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
    char left[CLOCK_DURATION_TEXT_MAX];
    text_appendf(why, "It is acting: %s %s runs on %s", name_operation_kind((int)ledger->kind),
                 name_phase((int)ledger->phase), executor);
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

/* ---- a candidate --------------------------------------------------------------------------- */

static json_t *render_loss(const struct status_service *service, const struct view_region *region, region_id target)
{
    char sentence[STATUS_SENTENCE_MAX];
    char bytes[NAME_BYTES_MAX];
    char seconds[CLOCK_DURATION_TEXT_MAX];
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
        (void)base_format_duration(age, sizeof age, region->lag_age_us);
        if (region->lag_bytes == 0)
            text_appendf(&text, "A failover to %s now would lose 0 B of what %s was known to have %s ago",
                         region_of(service, target), writer, age);
        else
            text_appendf(&text, "A failover to %s now would lose %s (%s) of what %s was known to have %s ago",
                         region_of(service, target), format_bytes(bytes, sizeof bytes, region->lag_bytes),
                         base_format_duration(seconds, sizeof seconds, region->lag_us > 0 ? region->lag_us : 0),
                         writer, age);
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

static json_t *render_candidates(const struct status_service *service, const json_t *status)
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

static json_t *render_fence(const struct status_service *service, const json_t *status, const struct votes *votes)
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
    put(object, "guard", render_guard(service, status, votes->subject));
    return object;
}

/* ---- commits that hang --------------------------------------------------------------------- */

static bool of_commits(const char *code)
{
    return code != NULL && (strcmp(code, "commits_wait") == 0 || strcmp(code, "commit_lease_not_attached") == 0 ||
                            strcmp(code, "commit_lease_finding") == 0);
}

/* Whether commits wait, by what this node sees; and the warnings of status about it, as its reasons. */
static json_t *render_commits(const struct status_service *service, const json_t *status, const struct votes *votes)
{
    size_t index;
    const json_t *warning;
    bool hang = false;
    char sentence[STATUS_SENTENCE_MAX];
    struct text text = TEXT_OF(sentence);
    json_t *reasons = json_array();
    json_t *waiting =
        votes->subject < POLICY_REGIONS_MAX ? status_commits_waiting(service, votes->subject) : json_null();
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
                     region_of(service, votes->subject), base_format_duration(ago, sizeof ago, age_ms * US_PER_MS));
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
    return object;
}

json_t *status_explain(const struct status_input *input, size_t index)
{
    static const char *const copied[] = { "mode",          "state",          "headline", "outlook", "ledger_known",
                                          "ledger_age_ms", "writer",         "epoch",    "paused",  "quorum",
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
    put(object, "candidates", render_candidates(&service, status));
    put(object, "fence", render_fence(&service, status, &votes));
    put(object, "commits", render_commits(&service, status, &votes));
    put(object, "settings", render_settings(service.config));
    json_decref(status);
    return object;
}
