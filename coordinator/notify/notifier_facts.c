/* From what the core says and what the node sees to incidents.
 *
 * Notes are told as they happen, and are of operations that this node carries out. What every node sees (a region
 * that a majority suspects, an operation or a proposal in the ledger, a warning of status, a node that is lost) is
 * looked at once a second. A new kind of event is a row in `happenings`, or in notify_events.c where status warns of
 * it.
 */
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/notify/notifier_parts.h"
#include "coordinator/notify/notify_events.h"
#include "coordinator/report/vocabulary.h"
#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"
#include "policy/failover/plan.h"

#define WELL_US (60 * US_PER_S)      /* a failed operation's service is well again for so long: the incident is over */
#define NODE_LOST_US (30 * US_PER_S)

/* ---- notes ----------------------------------------------------------------------------------- */

/* What becomes an event of the operation's incident. `a` is what the note's a has to be; -1: anything. Of what is
 * proposed every node notes the same, so that is looked at instead (notifier_proposals.c). */
static const struct {
    enum note_kind kind;
    int64_t a;
    enum config_event event;
} happenings[] = {
    { NOTE_OPERATION_BEGUN, -1, CONFIG_EVENT_BEGIN },
    { NOTE_OPERATION_TAKEN, -1, CONFIG_EVENT_BEGIN },
    { NOTE_STEP_DONE, -1, CONFIG_EVENT_STEP },
    { NOTE_STEP_OVERDUE, -1, CONFIG_EVENT_STUCK },
    { NOTE_FENCE_PROVEN, PROOF_ACCEPTED, CONFIG_EVENT_FENCE },
    { NOTE_FENCE_PROVEN, PROOF_PERSON, CONFIG_EVENT_FENCE },
    { NOTE_OPERATION_DONE, -1, CONFIG_EVENT_DONE },
    { NOTE_OPERATION_ABORTED, -1, CONFIG_EVENT_FAILED },
};

/* A step that can't be taken back is so in every plan that has it. */
static bool irreversible(uint8_t step)
{
    const struct plan_step *row = plan_find(OPERATION_FAILOVER, (enum step_id)step);
    return row != NULL && row->irreversible;
}

static const char *sentence_of(const struct notifier *n, const struct note *note, char *out, size_t size)
{
    struct text text = text_over(out, size);
    vocabulary_sentence(&text, n->settings.cluster, note);
    return out;
}

static void note_happened(struct notifier *n, const struct note *note, enum config_event event)
{
    char text[NOTICE_TEXT_MAX];
    struct incident_time now = notifier_now();
    if (event == CONFIG_EVENT_STEP) {
        incidents_goes_on(n->incidents, note->operation);
        if (!irreversible(note->step))
            return;
    }
    bool stepped = event == CONFIG_EVENT_STEP || event == CONFIG_EVENT_STUCK;
    struct incident_fact fact = {
        .id = note->operation,
        .operation = note->operation,
        .teller = TELLER_EXECUTOR,
        .executor = (node_id)n->settings.self,
        .event = event,
        .step = stepped ? note->step : STEP_NONE,
        .service = note->service,
        .region = note->region != REGION_NONE ? name_region(n->settings.cluster, note->region) : NULL,
        .text = sentence_of(n, note, text, sizeof text),
    };
    incidents_event(n->incidents, &fact, now);
    if (event == CONFIG_EVENT_DONE)
        incidents_over(n->incidents, note->operation, "done", now);
}

static struct incident_fact suspicion_of(const struct notifier *n, size_t service, size_t region, const char *text)
{
    const struct cluster_config *cluster = n->settings.cluster;
    const char *name = cluster->services[service].name;
    const char *where = cluster->regions[region].name;
    return (struct incident_fact){
        .id = incident_id(cluster->cluster, name, "suspicion", where, n->epochs[service]),
        .key = incident_id(cluster->cluster, name, "suspicion", where, 0),
        .teller = TELLER_ELECTED,
        .event = CONFIG_EVENT_SUSPICION,
        .service = (uint8_t)service,
        .region = where,
        .text = text,
    };
}

/* The next look finds it too, but may come when the failover has begun. */
static void note_failed(struct notifier *n, const struct note *note)
{
    char text[NOTICE_TEXT_MAX];
    struct incident_fact fact =
        suspicion_of(n, note->service, note->region, sentence_of(n, note, text, sizeof text));
    incidents_stands(n->incidents, &fact, notifier_now());
}

void notifier_note(struct notifier *n, const struct note *note)
{
    const struct cluster_config *cluster = n->settings.cluster;
    if (note->service >= cluster->service_count)
        return;
    if (note->kind == NOTE_MAJORITY_FAILED && note->region < cluster->region_count)
        note_failed(n, note);
    for (size_t i = 0; i < sizeof happenings / sizeof happenings[0]; i++)
        if (happenings[i].kind == note->kind && (happenings[i].a == -1 || happenings[i].a == note->a) &&
            note->operation != 0)
            note_happened(n, note, happenings[i].event);
}

/* ---- operations, as the ledger has them ------------------------------------------------------ */

static struct incident_fact operation_fact(const struct notifier *n, const struct view_service *view, size_t service)
{
    const struct ledger_operation *operation = &view->ledger.operation;
    return (struct incident_fact){
        .id = operation->id,
        .operation = operation->id,
        .teller = TELLER_EXECUTOR,
        .executor = operation->executor,
        .service = (uint8_t)service,
        .region = name_region(n->settings.cluster, operation->to),
    };
}

static void look_at_operation(struct notifier *n, const struct view_service *view, size_t service)
{
    const struct ledger_operation *operation = &view->ledger.operation;
    const struct cluster_config *cluster = n->settings.cluster;
    char text[NOTICE_TEXT_MAX];
    struct text words = TEXT_OF(text);
    if (!view->ledger_known || operation->kind == OPERATION_NONE)
        return;
    text_appendf(&words, "%s of %s from %s to %s has begun, carried out by %s", name_operation_kind((int)operation->kind),
                 cluster->services[service].name, name_region(cluster, operation->from),
                 name_region(cluster, operation->to), name_node(cluster, operation->executor));
    struct incident_fact fact = operation_fact(n, view, service);
    fact.event = CONFIG_EVENT_BEGIN;
    fact.text = text;
    incidents_event(n->incidents, &fact, notifier_now());
}

/* Of those who vote now, whoever that was when the file was written. */
static bool majority_doubts(const struct view_service *view, size_t region)
{
    unsigned doubts = 0;
    for (node_id v = 0; v < POLICY_NODES_MAX; v++) {
        const struct view_observer *seen = &view->regions[region].observers[v];
        doubts += view->nodes[v].voter && seen->present &&
                  (seen->verdict == VERDICT_SUSPECT || seen->verdict == VERDICT_FAILED);
    }
    return doubts >= view->voters_needed;
}

void notifier_end_when_well(struct notifier *n, struct incident *incident, const struct view_service *view)
{
    region_id writer = view->ledger.writer;
    struct incident_time now = notifier_now();
    bool well = writer < POLICY_REGIONS_MAX && view->quorum &&
                !majority_doubts(view, writer);
    if (!well)
        incident->well_us = 0;
    else if (incident->well_us == 0)
        incident->well_us = now.us;
    else if (now.us - incident->well_us >= WELL_US)
        incidents_over(n->incidents, incident->id, "the service is well again", now);
}

/* What became of an operation that is not in the ledger any more. */
static void look_back(struct notifier *n, struct incident *incident, const struct view_service *view)
{
    const struct ledger *ledger = &view->ledger;
    const struct cluster_config *cluster = n->settings.cluster;
    struct incident_time now = notifier_now();
    char text[NOTICE_TEXT_MAX];
    struct text words = TEXT_OF(text);
    struct incident_fact fact = { .id = incident->id,
                                  .operation = incident->id,
                                  .teller = TELLER_EXECUTOR,
                                  .executor = incident->executor,
                                  .service = incident->service,
                                  .region = incident->region,
                                  .text = text };
    if (!view->ledger_known || (ledger->operation.kind != OPERATION_NONE && ledger->operation.id == incident->id))
        return;
    if ((incident->seen & incident_bit(CONFIG_EVENT_BEGIN, STEP_NONE)) == 0 && ledger->last_operation != incident->id) {
        notifier_look_back_at_proposal(n, incident, view);
        return;
    }
    bool aborted = ledger->last_operation == incident->id && ledger->last_outcome == OUTCOME_ABORTED;
    bool failed = aborted || (incident->seen & incident_bit(CONFIG_EVENT_FAILED, STEP_NONE)) != 0;
    if (ledger->operation.kind != OPERATION_NONE || (ledger->last_operation != incident->id && !failed)) {
        incidents_over(n->incidents, incident->id, "another operation took its place", now);
    } else if (!failed) {
        text_appendf(&words, "operation done: %s is the writer at epoch %llu", name_region(cluster, ledger->writer),
                     (unsigned long long)ledger->epoch);
        fact.event = CONFIG_EVENT_DONE;
        incidents_event(n->incidents, &fact, now);
        incidents_over(n->incidents, incident->id, "done", now);
    } else {
        text_appendf(&words, "the operation went back: %s is the writer again", name_region(cluster, ledger->writer));
        fact.event = CONFIG_EVENT_FAILED;
        incidents_event(n->incidents, &fact, now);
        notifier_end_when_well(n, incident, view);
    }
}

static void look_back_at_all(struct notifier *n, const struct view_service *views)
{
    for (size_t i = 0; i < INCIDENTS_MAX; i++) {
        struct incident *incident = incidents_at(n->incidents, i);
        if (incident != NULL && incident->operation != 0 && incident->service < n->settings.cluster->service_count)
            look_back(n, incident, &views[incident->service]);
    }
}

/* ---- regions --------------------------------------------------------------------------------- */

void notifier_append_doubts(struct text *text, const struct notifier *n, const struct view_service *view,
                            size_t service, size_t region)
{
    const struct cluster_config *cluster = n->settings.cluster;
    const struct view_observer *worst = NULL;
    unsigned voters = 0;
    unsigned suspect = 0;
    unsigned failed = 0;
    for (node_id v = 0; v < POLICY_NODES_MAX; v++) {
        const struct view_observer *seen = &view->regions[region].observers[v];
        voters += view->nodes[v].voter;
        if (!view->nodes[v].voter || !seen->present ||
            (seen->verdict != VERDICT_SUSPECT && seen->verdict != VERDICT_FAILED))
            continue;
        suspect += seen->verdict == VERDICT_SUSPECT;
        failed += seen->verdict == VERDICT_FAILED;
        if (worst == NULL || (seen->verdict == VERDICT_FAILED && worst->verdict != VERDICT_FAILED))
            worst = seen;
    }
    text_appendf(text, "%s: of %u voters %u say failed, %u suspect", cluster->regions[region].name, voters,
                 failed, suspect);
    if (worst == NULL)
        return;
    const struct check_config *check =
        worst->check != CHECK_NONE ? name_find_check(&cluster->services[service], worst->check) : NULL;
    text_append(text, " (");
    text_reason(text, worst->reason, check != NULL ? check->name : NULL, worst->standing_us, worst->detail.s);
    text_append(text, ")");
}

static void look_at_regions(struct notifier *n, const struct view_service *view, size_t service)
{
    const struct cluster_config *cluster = n->settings.cluster;
    const struct service_config *config = &cluster->services[service];
    char sentence[NOTICE_TEXT_MAX];
    for (size_t r = 0; r < cluster->region_count && r < POLICY_REGIONS_MAX; r++) {
        if (config_service_region(config, r) == NULL || !majority_doubts(view, r))
            continue;
        struct text text = TEXT_OF(sentence);
        bool writer = view->ledger_known && view->ledger.writer == r;
        notifier_append_doubts(&text, n, view, service, r);
        struct incident_fact fact = suspicion_of(n, service, r, sentence);
        /* In manual mode nothing will happen by itself. */
        fact.person = writer && config->mode == CONFIG_MODE_MANUAL &&
                      view->regions[r].failed_votes >= view->voters_needed;
        incidents_stands(n->incidents, &fact, notifier_now());
    }
}

/* ---- warnings and nodes ---------------------------------------------------------------------- */

static void look_at_warning(struct notifier *n, const json_t *warning)
{
    const struct cluster_config *cluster = n->settings.cluster;
    const char *code = json_string_value(json_object_get(warning, "code"));
    const char *name = json_string_value(json_object_get(warning, "service"));
    const char *text = json_string_value(json_object_get(warning, "text"));
    const struct notify_warning *row = code != NULL ? notify_warning_row(code) : NULL;
    size_t service = name != NULL ? config_find_service(cluster, name) : CONFIG_NONE;
    if (row == NULL || text == NULL)
        return;
    /* Each node has a quorum or none; that it has none is one incident. */
    bool own = row->view == NOTIFY_OWN && row->event != CONFIG_EVENT_NO_QUORUM;
    const char *where = own ? cluster->nodes[n->settings.self].name : NULL;
    struct incident_fact fact = {
        .id = incident_id(cluster->cluster, name, code, where, service != CONFIG_NONE ? n->epochs[service] : 0),
        .key = incident_id(cluster->cluster, name, code, where, 0),
        .teller = row->view == NOTIFY_OWN ? TELLER_SELF : TELLER_ELECTED,
        .event = row->event,
        .service = service != CONFIG_NONE ? (uint8_t)service : SERVICE_NONE,
        .region = own ? cluster->nodes[n->settings.self].region_name : NULL,
        .text = text,
        .hold_us = row->hold_us,
    };
    incidents_stands(n->incidents, &fact, notifier_now());
}

/* Every node that misses it says so itself: it may be the link between these two alone. The id is the same. */
static void look_at_node(struct notifier *n, node_id node, bool voter)
{
    const struct cluster_config *cluster = n->settings.cluster;
    char text[NOTICE_TEXT_MAX];
    struct text words = TEXT_OF(text);
    text_appendf(&words, "failoverd on %s in %s has not been heard for %d s: one vote less%s", cluster->nodes[node].name,
                 cluster->nodes[node].region_name, (int)(NODE_LOST_US / US_PER_S),
                 voter ? "" : " to look with");
    struct incident_fact fact = {
        .id = incident_id(cluster->cluster, NULL, "node_lost", cluster->nodes[node].name, 0),
        .key = incident_id(cluster->cluster, NULL, "node_lost", cluster->nodes[node].name, 0),
        .teller = TELLER_SELF,
        .event = CONFIG_EVENT_READINESS,
        .service = SERVICE_NONE,
        .region = cluster->nodes[node].region_name,
        .text = text,
        .hold_us = NODE_LOST_US,
    };
    incidents_stands(n->incidents, &fact, notifier_now());
}

static void look_at_acks(struct notifier *n)
{
    for (size_t i = 0; i < NOTIFIER_ACKS_MAX; i++) {
        const struct ack *ack = &n->acks[i];
        bool taken = ack->incident != 0 && notifier_acknowledged(n, ack->incident, ack->by.s, ack->at.us);
        (void)taken; /* else it is not open here, or is another one than was meant */
    }
}

void notifier_look(struct notifier *n, const struct view_service *views, const json_t *warnings)
{
    const struct cluster_config *cluster = n->settings.cluster;
    size_t index;
    const json_t *warning;
    n->peers = notifier_peers(cluster, n->settings.self, &views[0]);
    for (size_t s = 0; s < cluster->service_count; s++) {
        if (views[s].ledger_known)
            n->epochs[s] = views[s].ledger.epoch;
        look_at_operation(n, &views[s], s);
        notifier_look_at_proposal(n, &views[s], s);
        look_at_regions(n, &views[s], s);
    }
    look_back_at_all(n, views);
    json_array_foreach(warnings, index, warning)
        look_at_warning(n, warning);
    for (node_id node = 0; node < cluster->node_count && node < POLICY_NODES_MAX; node++)
        if (!node_in(n->peers.heard, node))
            look_at_node(n, node, views[0].nodes[node].voter);
    look_at_acks(n);
    incidents_tick(n->incidents, notifier_now());
}
