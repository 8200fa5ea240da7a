/* What a person should look at although nobody asked: one sentence each, with what to do about it. Those of one subject
 * (fence, broken glass, commits, traffic) are in that subject's file. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status_parts.h"

#define EXECUTOR_SILENT_US (15 * CLOCK_US_PER_S) /* longer than another needs to take an operation over */
/* Above this a loop's longest stall is worth a person's attention: it is a good part of a lease. */
#define STALL_WARNING_US (250 * US_PER_MS)

void status_warn(json_t *warnings, const char *code, const char *service, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_t *object = json_object();
    put(object, "code", json_string(code));
    put(object, "service", json_of_text(service));
    put(object, "text", json_sentence(format, args));
    add(warnings, object);
    va_end(args);
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
        operation->wish == WISH_HOLD || operation->mark != 0 || /* reconcile_stuck */
        operation->executor >= POLICY_NODES_MAX)
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
             "DNS was last seen in force for epoch %" PRIu64 ", the ledger is at %" PRIu64 ": clients may be led to a region "
             "that is the writer no more. status --verbose shows what became of the change; after a look at the zone "
             "failoverctl dns adopt %s --reason TEXT makes it", view->ledger.dns_epoch, view->ledger.epoch,
             service->config->name);
}

static void warn_lag(const struct status_service *service, const struct view_region *region, const char *where,
                     json_t *warnings)
{
    const struct rpo_config *rpo = &service->config->rpo;
    char sentence[STATUS_SENTENCE_MAX];
    char bytes[NAME_BYTES_MAX];
    char time[CLOCK_DURATION_TEXT_MAX];
    struct text text = TEXT_OF(sentence);
    text_appendf(&text, "the standby in %s lacks ", where);
    text_loss(&text, region->lag_bytes, region->lag_us);
    status_warn(warnings, "lag_beyond_rpo", service->config->name,
                "%s, and no more than %s (%s) may be lost: no failover goes to it by itself while that is so", sentence,
                format_bytes(bytes, sizeof bytes, rpo->bytes_bytes),
                base_format_duration(time, sizeof time, rpo->seconds_us));
}

static void warn_standbys(const struct status_service *service, json_t *warnings)
{
    const struct view_service *view = service->view;
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
        if (region->lag_known && status_beyond_rpo(service->config, region->lag_bytes, region->lag_us))
            warn_lag(service, region, where, warnings);
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
                    "%u voters: no more of them may be lost than of %u, and one more has to answer. failoverctl voter add "
                    "or voter remove makes their number odd", set_size(v->set.voters), set_size(v->set.voters) - 1);
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
    if (input->certificate != NULL && (input->certificate->days_left < CONFIG_CERTIFICATE_WARN_DAYS ||
                                       input->certificate->ca_days_left < CONFIG_CERTIFICATE_WARN_DAYS))
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
