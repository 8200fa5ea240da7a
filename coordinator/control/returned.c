/* An old primary that is back: see returned.h.
 *
 * One stage after the other; returned_look() begins the first and every end leads to another stage or back to
 * waiting. What an errand holds in hand is dropped when the sight changes under it.
 */
#include "coordinator/control/returned.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/database/fork.h"
#include "coordinator/database/lost_writes.h"
#include "coordinator/report/lost_report.h"
#include "coordinator/status/names.h"

#define FORK_LIMIT_US (10 * US_PER_S)
#define LIST_LIMIT_US (60 * US_PER_S)
#define SAVE_LIMIT_US (30 * US_PER_S)
#define RETRY_US (5 * US_PER_S)
/* Older facts, or older than some rounds of the check, are of a server that does not answer any more; the next one is
 * another life of it. */
#define FACTS_FRESH_US (20 * US_PER_S)
#define FACTS_FRESH_ROUNDS 3
#define JOURNAL_TABLES_MAX 16

enum stage {
    STAGE_NONE,   /* no old primary is here */
    STAGE_WAIT,   /* one is; tried again at retry_us */
    STAGE_OURS,   /* reading our own timelines */
    STAGE_THEIRS, /* reading the writer's */
    STAGE_LIST,   /* reading the WAL */
    STAGE_SAVE,   /* the report is being written */
    STAGE_KEPT,   /* it is on disk */
};

struct returned {
    struct loop *loop;
    struct returned_settings settings;
    struct database_secrets secrets[CONFIG_MAX_REGIONS]; /* by place in service->regions */
    enum stage stage;
    uint64_t epoch;          /* of the sight that the stage is about */
    region_id writer;
    int64_t fresh_us;        /* how old facts of our database may be */
    int64_t retry_us;
    int64_t save_by_us;
    struct fork_errand *fork;
    struct lost_errand *lost;
    struct lost_save *save;
    struct timelines ours;
    uint64_t system_id;
    struct lost_context context;
    json_t *summary;         /* of the report being saved */
    char sentence[LOST_REPORT_TEXT_MAX];
    json_t *status;          /* NULL: nothing to tell */
};

static const char *region_name(const struct returned *r, size_t region)
{
    return r->settings.cluster->regions[region].name;
}

/* ---- stages -------------------------------------------------------------------------------- */

static void stop(struct returned *r)
{
    fork_cancel(r->fork);
    lost_cancel(r->lost);
    lost_report_drop(r->save);
    r->fork = NULL;
    r->lost = NULL;
    r->save = NULL;
    json_decref(r->summary);
    r->summary = NULL;
    r->stage = STAGE_NONE;
}

static void tell(struct returned *r, const char *state, const char *text)
{
    json_decref(r->status);
    r->status = json_pack("{s:s, s:o, s:o}", "state", state, "text", json_of_text(text), "epoch", json_of_u64(r->epoch));
}

/* Logged when it is another reason than before. */
static void try_later(struct returned *r, const char *doing, const char *why)
{
    char sentence[LOST_REPORT_TEXT_MAX];
    struct text text = TEXT_OF(sentence);
    text_appendf(&text, "%s's old primary is back; what it has that %s lacks is not known yet: %s: %s",
                 region_name(r, r->settings.home), region_name(r, r->writer), doing, why);
    const char *last = json_string_value(json_object_get(r->status, "text"));
    if (last == NULL || strcmp(last, sentence) != 0)
        log_event(LOG_LEVEL_WARNING, sentence, LOG_STR("service", r->settings.service->name));
    tell(r, "looking", sentence);
    r->stage = STAGE_WAIT;
    r->retry_us = base_mono_us() + RETRY_US;
}

static void on_saved(void *arg, const struct lost_saved *saved)
{
    struct returned *r = arg;
    r->save = NULL;
    if (!saved->ok) {
        try_later(r, "keeping the report", saved->fault.text);
        return;
    }
    r->stage = STAGE_KEPT;
    char sentence[LOST_REPORT_TEXT_MAX + LOST_REPORT_PATH_MAX];
    struct text text = TEXT_OF(sentence);
    text_appendf(&text, "%s; kept in %s", saved->found ? saved->text : r->sentence, saved->path);
    (void)json_object_set_new(r->summary, "file", json_of_text(saved->path));
    tell(r, "listed", sentence);
    (void)json_object_update_missing(r->status, r->summary);
    if (!saved->found)
        journal_event(r->settings.journal, "lost_writes", LOG_LEVEL_WARNING, r->settings.service->name, sentence,
                      json_incref(r->summary));
    json_decref(r->summary);
    r->summary = NULL;
}

/* The journal's and status' share of a report: its numbers, and the tables with most rows. */
static json_t *summary_of(const struct returned *r, json_t *report)
{
    static const char *const keys[] = { "region", "writer", "epoch", "fork_lsn", "bytes", "listed", "transactions", "rows",
                                        "first_commit", "last_commit" };
    json_t *summary = json_object();
    json_t *tables = json_array();
    size_t index;
    json_t *table;
    (void)r;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        (void)json_object_set(summary, keys[i], json_object_get(report, keys[i]));
    json_array_foreach(json_object_get(report, "tables"), index, table)
        if (index < JOURNAL_TABLES_MAX)
            (void)json_array_append(tables, table);
    (void)json_object_set_new(summary, "tables", tables);
    return summary;
}

static void on_lost(void *arg, const struct lost_report *report)
{
    struct returned *r = arg;
    struct fault fault;
    r->lost = NULL;
    if (report->outcome == LOST_FAILED) {
        try_later(r, "reading its WAL", report->why.text);
        return;
    }
    struct text text = TEXT_OF(r->sentence);
    lost_report_sentence(&text, &r->context, report);
    json_t *document = lost_report_json(&r->context, report);
    json_decref(r->summary);
    r->summary = summary_of(r, document);
    r->stage = STAGE_SAVE;
    r->save_by_us = base_mono_us() + SAVE_LIMIT_US;
    r->save = lost_report_save(r->loop, r->settings.local->state_dir, r->settings.service->name, r->epoch, document,
                               on_saved, r, &fault);
    if (r->save == NULL)
        try_later(r, "keeping the report", fault.text);
}

static void list_start(struct returned *r)
{
    struct fault fault;
    const struct service_region_config *home = config_service_region(r->settings.service, r->settings.home);
    struct pg_target target = database_inside(home->database, r->settings.secrets);
    r->stage = STAGE_LIST;
    r->lost = lost_start(r->loop, &target, r->context.fork.lsn, base_mono_us() + LIST_LIMIT_US, on_lost, r, &fault);
    if (r->lost == NULL)
        try_later(r, "reading its WAL", fault.text);
}

static void on_theirs(void *arg, const struct fork_report *report)
{
    struct returned *r = arg;
    r->fork = NULL;
    bool parted = report->outcome == FORK_LEFT || (report->outcome == FORK_NOT_ANCESTOR && report->fork.lsn != 0);
    if (!parted) {
        try_later(r, "asking the new primary where it left our timeline", report->why.text);
        return;
    }
    r->context = (struct lost_context){
        .service = r->settings.service->name,
        .region = region_name(r, r->settings.home),
        .writer = region_name(r, r->writer),
        .node = r->settings.local->name,
        .epoch = r->epoch,
        .system_id = r->system_id,
        .fork = report->fork,
        .writer_timeline = report->history.current,
    };
    list_start(r);
}

static void on_ours(void *arg, const struct fork_report *report)
{
    struct returned *r = arg;
    struct fault fault;
    struct pg_target target;
    r->fork = NULL;
    if (report->outcome != FORK_READ || report->facts.in_recovery) {
        try_later(r, "reading its own timeline", report->outcome != FORK_READ ? report->why.text : "it is a standby now");
        return;
    }
    r->ours = report->history;
    r->system_id = report->facts.system_id;
    if (!returned_target(r, r->writer, &target)) {
        try_later(r, "asking the new primary", "its region has no database in the cluster file");
        return;
    }
    struct fork_question question = { r->system_id, r->ours.current, &r->ours, r->settings.resolver };
    r->stage = STAGE_THEIRS;
    r->fork = fork_start(r->loop, &target, &question, base_mono_us() + FORK_LIMIT_US, on_theirs, r, &fault);
    if (r->fork == NULL)
        try_later(r, "asking the new primary", fault.text);
}

static void begin(struct returned *r)
{
    struct fault fault;
    const struct service_region_config *home = config_service_region(r->settings.service, r->settings.home);
    struct pg_target target = database_inside(home->database, r->settings.secrets);
    r->stage = STAGE_OURS;
    r->fork = fork_start(r->loop, &target, &(struct fork_question){ .timeline = 0 }, base_mono_us() + FORK_LIMIT_US,
                         on_ours, r, &fault);
    if (r->fork == NULL)
        try_later(r, "reading its own timeline", fault.text);
}

/* ---- looking ------------------------------------------------------------------------------- */

/* The writer is another region, settled, and our database is a primary behind a confirmed fence. */
static bool is_old_primary(const struct returned *r, const struct view_service *view)
{
    const struct ledger *ledger = &view->ledger;
    const struct view_region *home = &view->regions[r->settings.home];
    return view->ledger_known && ledger->writer != REGION_NONE && ledger->writer != r->settings.home &&
           ledger->operation.kind == OPERATION_NONE && home->database.known && !home->database.in_recovery &&
           home->database_age_us < r->fresh_us && home->fence == FENCE_CONFIRMED;
}

void returned_look(struct returned *r, const struct view_service *view)
{
    if (!is_old_primary(r, view)) {
        /* Also after the report: the server that comes up next is another life of it. */
        if (r->stage != STAGE_NONE || r->status != NULL) {
            stop(r);
            json_decref(r->status);
            r->status = NULL;
        }
        return;
    }
    if (r->stage != STAGE_NONE && (r->epoch != view->ledger.epoch || r->writer != view->ledger.writer))
        stop(r);
    if (r->stage == STAGE_SAVE && base_mono_us() > r->save_by_us) {
        lost_report_drop(r->save);
        r->save = NULL;
        try_later(r, "keeping the report", "the disk does not answer");
    }
    if (r->stage != STAGE_NONE && (r->stage != STAGE_WAIT || base_mono_us() < r->retry_us))
        return;
    r->epoch = view->ledger.epoch;
    r->writer = view->ledger.writer;
    begin(r);
}

const json_t *returned_json(const struct returned *r)
{
    return r->status;
}

bool returned_is_kept(const struct returned *r)
{
    return r->stage == STAGE_KEPT;
}

bool returned_target(const struct returned *r, region_id region, struct pg_target *target)
{
    const struct service_config *service = r->settings.service;
    for (size_t i = 0; i < service->region_count && i < CONFIG_MAX_REGIONS; i++) {
        const struct service_region_config *config = &service->regions[i];
        if (config != config_service_region(service, region) || config->database == NULL)
            continue;
        *target = database_outside(config->database, &r->secrets[i]);
        return true;
    }
    return false;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int64_t fresh_of(const struct service_region_config *home)
{
    int64_t fresh_us = FACTS_FRESH_US;
    for (size_t i = 0; i < home->check_count; i++)
        if (home->checks[i].type == CONFIG_CHECK_POSTGRES &&
            fresh_us < FACTS_FRESH_ROUNDS * home->checks[i].interval_us)
            fresh_us = FACTS_FRESH_ROUNDS * home->checks[i].interval_us;
    return fresh_us;
}

struct returned *returned_new(struct loop *loop, const struct returned_settings *settings, struct fault *fault)
{
    struct returned *r = calloc(1, sizeof *r);
    if (r == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    r->loop = loop;
    r->settings = *settings;
    r->fresh_us = fresh_of(config_service_region(settings->service, settings->home));
    if (!database_secrets_of_regions(settings->service, r->secrets, fault)) {
        returned_free(r);
        return NULL;
    }
    return r;
}

void returned_free(struct returned *r)
{
    if (r == NULL)
        return;
    stop(r);
    json_decref(r->status);
    explicit_bzero(r->secrets, sizeof r->secrets);
    free(r);
}
