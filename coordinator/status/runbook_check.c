/* The checks of a runbook that failoverd answers itself: see runbook_check.h. One function each, and a table. */
#include "coordinator/status/runbook_check.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/status/sentences.h"
#include "policy/quorum/majority.h"

struct look {
    const struct status_service *service;
    const struct runbook_subject *subject;
    int64_t age_us;
    struct text text;
};

typedef enum runbook_answer check_function(struct look *look);

const char *runbook_answer_name(enum runbook_answer answer)
{
    static const char *const names[] = { "unknown", "no", "yes" };
    return (unsigned)answer < sizeof names / sizeof names[0] ? names[answer] : "unknown";
}

/* ---- what several of them look at ---------------------------------------------------------- */

static void rests_on(struct look *look, int64_t age_us)
{
    if (age_us > look->age_us)
        look->age_us = age_us;
}

static bool fresh(const struct look *look, int64_t age_us)
{
    return age_us >= 0 && age_us <= look->service->config->evidence_max_age_us;
}

/* The database of a region as it was seen lately; NULL, with the reason told, if it was not. */
static const struct database_facts *database_of(struct look *look, size_t region)
{
    const struct view_region *seen = &look->service->view->regions[region];
    if (!seen->serves || !seen->database.known || !fresh(look, seen->database_age_us)) {
        text_appendf(&look->text, "the database of %s was not seen lately", region_of(look->service, (unsigned)region));
        return NULL;
    }
    rests_on(look, seen->database_age_us);
    return &seen->database;
}

/* The guard of a region, heard lately. */
static bool guard_heard(const struct look *look, const struct view_region *region)
{
    if (!region->guard_heard || region->guard_node >= POLICY_NODES_MAX)
        return false;
    const struct view_node *node = &look->service->view->nodes[region->guard_node];
    return region->guard_node == look->service->input->self || (node->heard && fresh(look, node->heard_age_us));
}

/* Who votes now; while that changes, majorities of both sets are needed. */
static struct electorate voters_of(const struct look *look)
{
    const struct status_input *input = look->service->input;
    node_set voters = 0;
    if (input->voters != NULL)
        return voters_electorate(&input->voters->set);
    for (node_id n = 0; n < input->cluster->node_count && n < POLICY_NODES_MAX; n++)
        if (look->service->view->nodes[n].voter)
            voters = (node_set)(voters | node_bit(n));
    return electorate_of(voters);
}

/* The writer by the ledger; REGION_NONE, with the reason told. */
static region_id writer_of(struct look *look)
{
    const struct view_service *view = look->service->view;
    if (!view->ledger_known)
        text_append(&look->text, "who is the writer is not known here");
    else if (view->ledger.writer >= POLICY_REGIONS_MAX)
        text_append(&look->text, "no region is named writer now");
    else
        return view->ledger.writer;
    return REGION_NONE;
}

/* ---- before an operation ------------------------------------------------------------------- */

/* What only binds the pace of automatic failovers is passed over, as the order does. */
static enum runbook_answer gates_open(struct look *look)
{
    const struct view_region *target = look->subject->target;
    unsigned shut = 0;
    bool waived = false;
    if (target == NULL || look->subject->obstacle != NULL) {
        text_append(&look->text, look->subject->obstacle != NULL ? look->subject->obstacle : "no target was named");
        return RUNBOOK_UNKNOWN;
    }
    for (int i = 0; i < GATE_COUNT; i++) {
        const struct gate *gate = &target->gates[i];
        rests_on(look, gate->known ? gate->age_us : 0);
        bool automatic = !gate->skipped && status_gate_is_automatic(i);
        waived = waived || (automatic && !gate->open);
        if (gate->open || automatic)
            continue;
        text_appendf(&look->text, "%s%s%s", shut++ == 0 ? "shut: " : ", ", gate_name((enum gate_id)i),
                     gate->skipped ? " (skipped by name)" : "");
    }
    if (shut > 0)
        return RUNBOOK_NO;
    text_appendf(&look->text, "every gate to %s %sis open", region_of(look->service, look->subject->to),
                 waived ? "that binds a person " : "");
    return RUNBOOK_YES;
}

static enum runbook_answer target_streaming(struct look *look)
{
    region_id to = look->subject->to;
    if (to >= POLICY_REGIONS_MAX) {
        text_append(&look->text, "no target was named");
        return RUNBOOK_UNKNOWN;
    }
    const struct view_region *region = &look->service->view->regions[to];
    const struct database_facts *database = database_of(look, to);
    if (database == NULL)
        return RUNBOOK_UNKNOWN;
    if (!database->in_recovery || !database->walreceiver_live) {
        text_appendf(&look->text, "the database of %s %s", region_of(look->service, to),
                     database->in_recovery ? "is a standby that does not stream" : "is a primary");
        return RUNBOOK_NO;
    }
    if (!region->lag_known || region->lag_bytes < 0) {
        text_appendf(&look->text, "%s streams; how far it is behind is not known", region_of(look->service, to));
        return RUNBOOK_UNKNOWN;
    }
    rests_on(look, region->lag_age_us);
    text_appendf(&look->text, "%s streams and lacks ", region_of(look->service, to));
    text_loss(&look->text, region->lag_bytes, region->lag_us);
    bool beyond = status_beyond_rpo(look->service->config, region->lag_bytes, region->lag_us);
    bool known = beyond || region->lag_bytes == 0 || region->lag_us >= 0;
    if (known)
        text_appendf(&look->text, ", %s the RPO", beyond ? "beyond" : "within");
    return !known ? RUNBOOK_UNKNOWN : beyond ? RUNBOOK_NO : RUNBOOK_YES;
}

/* ---- the nodes ----------------------------------------------------------------------------- */

/* Modes that people chose say nothing of readiness. */
static bool matters(const char *code)
{
    return strcmp(code, "manual_mode") != 0 && strcmp(code, "paused") != 0;
}

static enum runbook_answer no_warnings(struct look *look)
{
    json_t *warnings = json_array();
    size_t index;
    const json_t *warning;
    unsigned count = 0;
    status_node_warnings(look->service->input, warnings);
    status_service_warnings(look->service, warnings);
    rests_on(look, 0);
    json_array_foreach(warnings, index, warning) {
        const char *code = json_string_value(json_object_get(warning, "code"));
        if (code != NULL && matters(code))
            text_appendf(&look->text, "%s%s", count++ == 0 ? "warnings, as in status: " : ", ", code);
    }
    json_decref(warnings);
    if (count == 0)
        text_append(&look->text, "status has no warning");
    return count == 0 ? RUNBOOK_YES : RUNBOOK_NO;
}

static enum runbook_answer all_voters(struct look *look)
{
    const struct status_input *input = look->service->input;
    unsigned voters = 0;
    unsigned missing = 0;
    for (size_t i = 0; i < input->cluster->node_count && i < POLICY_NODES_MAX; i++) {
        const struct view_node *node = &look->service->view->nodes[i];
        if (!node->voter)
            continue;
        voters++;
        bool heard = i == input->self || (node->heard && fresh(look, node->heard_age_us));
        bool votes = i == input->self ? input->mute == MUTE_NOT : node->voting;
        rests_on(look, heard && i != input->self ? node->heard_age_us : 0);
        if (!heard || !votes)
            text_appendf(&look->text, "%s%s %s", missing++ == 0 ? "" : ", ", input->cluster->nodes[i].name,
                         heard ? "does not vote" : "is not heard");
    }
    if (voters == 0) {
        text_append(&look->text, "who votes is not known here");
        return RUNBOOK_UNKNOWN;
    }
    if (missing == 0)
        text_appendf(&look->text, "all %u voters are heard and vote", voters);
    return missing == 0 ? RUNBOOK_YES : RUNBOOK_NO;
}

static enum runbook_answer audit_works(struct look *look)
{
    const struct audit_status *audit = look->service->input->audit;
    if (audit == NULL) {
        text_append(&look->text, "this node tells nothing of an audit trail");
        return RUNBOOK_UNKNOWN;
    }
    rests_on(look, 0);
    if (audit->failing)
        text_appendf(&look->text, "the audit trail of this node can't be written, so it refuses orders: %s", audit->text);
    else
        text_appendf(&look->text, "the audit trail of this node is at line %" PRIu64, audit->seq);
    return audit->failing ? RUNBOOK_NO : RUNBOOK_YES;
}

static enum runbook_answer certificate_lasts(struct look *look)
{
    const struct tls_expiry *certificate = look->service->input->certificate;
    if (certificate == NULL) {
        text_append(&look->text, "this node's certificate is not known");
        return RUNBOOK_UNKNOWN;
    }
    rests_on(look, 0);
    text_appendf(&look->text, "this node's certificate lasts %" PRId64 " days more, its authority %" PRId64 "; warned of below %d",
                 (int64_t)certificate->days_left, (int64_t)certificate->ca_days_left, CONFIG_CERTIFICATE_WARN_DAYS);
    bool lasts = certificate->days_left >= CONFIG_CERTIFICATE_WARN_DAYS &&
                 certificate->ca_days_left >= CONFIG_CERTIFICATE_WARN_DAYS;
    return lasts ? RUNBOOK_YES : RUNBOOK_NO;
}

/* ---- the old primary ----------------------------------------------------------------------- */

/* One region that is not the writer: whether its database can acknowledge a write. */
static enum runbook_answer kept_out(struct look *look, size_t index)
{
    const struct view_region *region = &look->service->view->regions[index];
    bool seen = region->database.known && fresh(look, region->database_age_us);
    bool heard = guard_heard(look, region);
    const char *where = region_of(look->service, (unsigned)index);
    if (seen && region->database.in_recovery) {
        rests_on(look, region->database_age_us);
        text_appendf(&look->text, "%s is a standby", where);
        return RUNBOOK_YES;
    }
    if (heard && region->fence == FENCE_CONFIRMED) {
        rests_on(look, look->service->view->nodes[region->guard_node].heard_age_us);
        text_appendf(&look->text, "the guard of %s confirms its fence", where);
        return RUNBOOK_YES;
    }
    if (seen) {
        rests_on(look, region->database_age_us);
        text_appendf(&look->text, "%s is a primary, and its fence is %s", where,
                     heard ? name_fence_state((int)region->fence) : "not heard of");
        return RUNBOOK_NO;
    }
    text_appendf(&look->text, "nothing was seen of %s lately", where);
    return RUNBOOK_UNKNOWN;
}

/* While the fence is being made sure of, the executor knows; afterwards each other region is looked at. */
static enum runbook_answer old_primary_fenced(struct look *look)
{
    const struct view_service *view = look->service->view;
    const struct ledger_operation *operation = &view->ledger.operation;
    unsigned told = 0;
    unsigned count[] = { 0, 0, 0 }; /* by answer */
    if (!view->ledger_known) {
        text_append(&look->text, "who is the writer is not known here");
        return RUNBOOK_UNKNOWN;
    }
    if (operation_moves(operation->kind) && operation->phase == PHASE_BEGUN && view->operation.here) {
        bool proven = view->operation.proof != PROOF_NONE;
        rests_on(look, 0);
        text_append(&look->text, name_fence_proof_text((int)view->operation.proof));
        return proven && view->operation.proof != PROOF_ACCEPTED ? RUNBOOK_YES : RUNBOOK_NO;
    }
    for (size_t i = 0; i < look->service->input->cluster->region_count && i < POLICY_REGIONS_MAX; i++) {
        if (!view->regions[i].serves || i == view->ledger.writer ||
            config_service_region(look->service->config, i) == NULL)
            continue;
        text_append(&look->text, told++ == 0 ? "" : "; ");
        count[kept_out(look, i)]++;
    }
    if (count[RUNBOOK_NO] > 0)
        return RUNBOOK_NO;
    if (count[RUNBOOK_UNKNOWN] == 0) {
        text_append(&look->text, told == 0 ? "no other region has a database" : "");
        return RUNBOOK_YES;
    }
    bool granted = look->subject->done || (operation_moves(operation->kind) && operation->phase == PHASE_GRANTED);
    if (!granted || look->subject->fence_skipped)
        return RUNBOOK_UNKNOWN;
    text_append(&look->text, "; its fence was proven before the new writer was named");
    return RUNBOOK_YES;
}

/* ---- the writer ---------------------------------------------------------------------------- */

static enum runbook_answer writes_work(struct look *look)
{
    region_id writer = writer_of(look);
    if (writer == REGION_NONE)
        return look->service->view->ledger_known ? RUNBOOK_NO : RUNBOOK_UNKNOWN;
    const struct view_region *region = &look->service->view->regions[writer];
    const struct database_facts *database = database_of(look, writer);
    if (database == NULL)
        return RUNBOOK_UNKNOWN;
    const char *where = region_of(look->service, writer);
    if (database->in_recovery) {
        text_appendf(&look->text, "the database of %s is a standby still", where);
        return RUNBOOK_NO;
    }
    if (guard_heard(look, region) && region->fence != FENCE_OPEN) {
        text_appendf(&look->text, "the fence of %s is %s", where, name_fence_state((int)region->fence));
        return RUNBOOK_NO;
    }
    if (!database->write_checked) {
        text_appendf(&look->text, "the database of %s is a primary; no check tried a write there", where);
        return RUNBOOK_UNKNOWN;
    }
    text_appendf(&look->text, "the last write check in %s %s", where, database->write_ok ? "went well" : "failed");
    return database->write_ok ? RUNBOOK_YES : RUNBOOK_NO;
}

static enum runbook_answer writer_healthy(struct look *look)
{
    const struct cluster_config *cluster = look->service->input->cluster;
    struct electorate voters = voters_of(look);
    region_id writer = writer_of(look);
    node_set healthy = 0;
    if (writer == REGION_NONE)
        return look->service->view->ledger_known ? RUNBOOK_NO : RUNBOOK_UNKNOWN;
    for (node_id n = 0; n < cluster->node_count && n < POLICY_NODES_MAX; n++) {
        const struct view_observer *observer = &look->service->view->regions[writer].observers[n];
        if (!node_in(electorate_all(voters), n) || !observer->present || observer->verdict != VERDICT_HEALTHY ||
            !fresh(look, observer->age_us))
            continue;
        rests_on(look, observer->age_us);
        healthy = (node_set)(healthy | node_bit(n));
    }
    text_appendf(&look->text, "%u of %u voters see %s healthy, %u are needed", electorate_counted(voters, healthy),
                 set_size(electorate_all(voters)), region_of(look->service, writer), electorate_needed(voters));
    return electorate_has(voters, healthy) ? RUNBOOK_YES : RUNBOOK_NO;
}

static enum runbook_answer commit_lease_attached(struct look *look)
{
    const struct status_input *input = look->service->input;
    region_id writer = writer_of(look);
    if (writer == REGION_NONE)
        return RUNBOOK_UNKNOWN;
    node_id guard = look->service->view->ledger.guard.node;
    const struct commit_status *commit = input->commits != NULL ? &input->commits[look->service->index] : NULL;
    if (guard != input->self || commit == NULL || !commit->held_here) {
        text_appendf(&look->text, "known on %s, the writer's guard: ask there", name_node(input->cluster, guard));
        return RUNBOOK_UNKNOWN;
    }
    rests_on(look, 0);
    text_appendf(&look->text, "the commit lease of this guard is %s%s%s", commit_phase_name(commit->phase),
                 commit->why[0] != '\0' ? ": " : "", commit->why);
    return commit->phase == COMMIT_IN_FORCE ? RUNBOOK_YES : RUNBOOK_NO;
}

static enum runbook_answer standby_follows(struct look *look)
{
    const struct view_service *view = look->service->view;
    region_id writer = writer_of(look);
    bool unseen = false;
    if (writer == REGION_NONE)
        return look->service->view->ledger_known ? RUNBOOK_NO : RUNBOOK_UNKNOWN;
    const struct database_facts *primary = database_of(look, writer);
    if (primary == NULL)
        return RUNBOOK_UNKNOWN;
    for (size_t i = 0; i < look->service->input->cluster->region_count && i < POLICY_REGIONS_MAX; i++) {
        const struct view_region *region = &view->regions[i];
        const struct database_facts *database = &region->database;
        if (i == writer || !region->serves)
            continue;
        if (!database->known || !fresh(look, region->database_age_us)) {
            unseen = true;
        } else if (database->in_recovery && database->walreceiver_live && database->timeline == primary->timeline) {
            rests_on(look, region->database_age_us);
            text_appendf(&look->text, "%s streams on timeline %u", region_of(look->service, (unsigned)i),
                         (unsigned)database->timeline);
            return RUNBOOK_YES;
        }
    }
    text_appendf(&look->text, "no standby is seen to stream from %s on its timeline", region_of(look->service, writer));
    text_append(&look->text, unseen ? "; not every database was seen lately" : "; failoverctl rejoin makes one of the old primary");
    return unseen ? RUNBOOK_UNKNOWN : RUNBOOK_NO;
}

/* ---- traffic ------------------------------------------------------------------------------- */

static enum runbook_answer dns_in_force(struct look *look)
{
    const struct view_service *view = look->service->view;
    if (look->service->config->dns == NULL || !view->ledger_known) {
        text_append(&look->text, view->ledger_known ? "no DNS is configured" : "the ledger is not known here");
        return RUNBOOK_UNKNOWN;
    }
    const struct ledger *ledger = &view->ledger;
    rests_on(look, view->ledger_age_us);
    if (ledger->dns_epoch == 0)
        text_append(&look->text, "failoverd has not changed the records yet");
    else
        text_appendf(&look->text, "the records of epoch %" PRIu64 " were in sync everywhere, the ledger is at epoch %" PRIu64,
                     ledger->dns_epoch, ledger->epoch);
    return ledger->dns_epoch == ledger->epoch && ledger->writer != REGION_NONE ? RUNBOOK_YES : RUNBOOK_NO;
}

static enum runbook_answer endpoints_verified(struct look *look)
{
    const struct dns_config *dns = look->service->config->dns;
    if (dns == NULL || dns->verify_endpoints.count == 0) {
        text_append(&look->text, "no dns.verify_endpoints are configured");
        return RUNBOOK_UNKNOWN;
    }
    if (look->subject->running) {
        text_append(&look->text, "not yet: step verify does that, before the operation is done");
        return RUNBOOK_NO;
    }
    if (!look->subject->done) {
        text_append(&look->text, "the operation went back, or is not over");
        return RUNBOOK_UNKNOWN;
    }
    text_appendf(&look->text, "the operation is done: %zu endpoint%s answered under the public name in step verify",
                 dns->verify_endpoints.count, dns->verify_endpoints.count == 1 ? "" : "s");
    return RUNBOOK_YES;
}

/* ---- the table ----------------------------------------------------------------------------- */

static check_function *const checks[CONFIG_RUNBOOK_CHECK_COUNT] = {
    [CONFIG_RUNBOOK_GATES_OPEN] = gates_open,
    [CONFIG_RUNBOOK_TARGET_STREAMING] = target_streaming,
    [CONFIG_RUNBOOK_NO_WARNINGS] = no_warnings,
    [CONFIG_RUNBOOK_ALL_VOTERS] = all_voters,
    [CONFIG_RUNBOOK_OLD_PRIMARY_FENCED] = old_primary_fenced,
    [CONFIG_RUNBOOK_WRITES_WORK] = writes_work,
    [CONFIG_RUNBOOK_WRITER_HEALTHY] = writer_healthy,
    [CONFIG_RUNBOOK_DNS_IN_FORCE] = dns_in_force,
    [CONFIG_RUNBOOK_ENDPOINTS_VERIFIED] = endpoints_verified,
    [CONFIG_RUNBOOK_STANDBY_FOLLOWS] = standby_follows,
    [CONFIG_RUNBOOK_COMMIT_LEASE] = commit_lease_attached,
    [CONFIG_RUNBOOK_AUDIT] = audit_works,
    [CONFIG_RUNBOOK_CERTIFICATE] = certificate_lasts,
};

void runbook_check(const struct status_service *service, int check, const struct runbook_subject *subject,
                   struct runbook_finding *out)
{
    ensure(check > CONFIG_RUNBOOK_PERSON && check < CONFIG_RUNBOOK_CHECK_COUNT && checks[check] != NULL);
    struct look look = { .service = service, .subject = subject, .age_us = AGE_UNKNOWN_US, .text = TEXT_OF(out->text) };
    out->answer = checks[check](&look);
    out->age_us = look.age_us;
}
