/* Making an old primary a standby: see rejoin.h.
 *
 * Two things that never overlap: a question (ASK_LOCAL, ASK_WRITER; for an order that will run ASK_SLOT), which ends in
 * an answer, and a run (RUN_HOOK, then RUN_LOCAL and RUN_WRITER by turns), which an answered order leads to and which
 * ends in the journal.
 *
 * The slot on the writer is made first, so that no WAL goes which the hook's copy needs, and taken away again when the
 * standby turns out not to use it. Without one the hook runs all the same.
 */
#include "coordinator/control/rejoin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/random.h"
#include "coordinator/base/text.h"
#include "coordinator/status/names.h"

#define ASK_US (5 * US_PER_S)
#define LOOK_AGAIN_US (1 * US_PER_S)
#define WHO_MAX 96
#define ENVIRONMENT_MAX 12
#define ENVIRONMENT_TEXT_MAX (REJOIN_CONNINFO_MAX + 64)
#define OUTPUT_SHOWN_MAX 600

enum rejoin_stage { STAGE_IDLE, STAGE_ASK_LOCAL, STAGE_ASK_WRITER, STAGE_ASK_SLOT, STAGE_RUN_HOOK, STAGE_RUN_PAUSE,
                    STAGE_RUN_LOCAL, STAGE_RUN_WRITER };

struct rejoin {
    struct loop *loop;
    struct rejoin_settings settings;
    enum rejoin_stage stage;
    struct view_service view;      /* as of the question, and then the newest */
    struct server_look *look;
    struct fork_errand *fork;
    struct child *hook;
    struct timer pause;
    struct rejoin_request request; /* of the question */
    char who[WHO_MAX];
    struct server_seen local;
    struct fork_report theirs;
    struct rejoin_plan plan;
    struct slot_errand *slotting;  /* of the making, with the body of the answer; or of a drop, beside whatever comes */
    json_t *body;
    char slot[SLOT_NAME_MAX];      /* made on the writer for this run; "": none, */
    char slot_why[FAULT_TEXT_MAX]; /* because of this */
    uint64_t run;                  /* 0: there was none */
    bool running;
    bool well;                     /* how it ended */
    bool ended_for_writer;
    int64_t began_us;
    int64_t ended_us;
    int64_t verify_by_us;
    char text[REJOIN_TEXT_MAX];    /* where it stands, or how it ended */
};

static void ask_local(struct rejoin *r, enum rejoin_stage stage);

static struct rejoin_facts facts_of(const struct rejoin *r)
{
    return (struct rejoin_facts){
        .cluster = r->settings.cluster,
        .service = r->settings.service,
        .home = r->settings.home,
        .view = &r->view,
        .local = &r->local,
        .fork = &r->theirs,
        .lost_kept = returned_is_kept(r->settings.returned),
        .without_list = r->request.without_list,
    };
}

/* ---- answers ------------------------------------------------------------------------------- */

/* `body` is stolen. */
static void answer(struct rejoin *r, const struct rejoin_answer *answer)
{
    uint64_t ticket = r->request.ticket;
    r->request.ticket = 0;
    r->settings.answer(r->settings.arg, ticket, answer);
}

static void refuse(struct rejoin *r, const char *code, enum exit_code exit, const char *text, const char *todo,
                   json_t *body)
{
    answer(r, &(struct rejoin_answer){ true, code, exit, text, todo, body });
}

/* ---- a run --------------------------------------------------------------------------------- */

static void journal_run(struct rejoin *r, const char *event, int level, const char *text)
{
    char id[NAME_HEX_MAX];
    journal_event(r->settings.journal, event, level, r->settings.service->name, text,
                  json_pack("{s:s, s:s, s:s}", "run", format_hex(id, r->run), "who", r->who, "region",
                            r->settings.cluster->regions[r->settings.home].name));
}

static void run_end(struct rejoin *r, bool well, const char *text)
{
    r->stage = STAGE_IDLE;
    r->running = false;
    r->well = well;
    r->ended_us = base_mono_us();
    (void)text_copy(r->text, sizeof r->text, text);
    journal_run(r, well ? "rejoin_done" : "rejoin_failed", well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, text);
}

/* ---- the slot ------------------------------------------------------------------------------ */

/* The writer's database, at the address at which it answered. */
static bool writer_target(const struct rejoin *r, struct pg_target *target)
{
    if (!returned_target(r->settings.returned, r->plan.writer, target))
        return false;
    if (r->theirs.address[0] != '\0')
        target->hostaddr = r->theirs.address;
    return true;
}

static void slot_stays(const struct rejoin *r, const char *why)
{
    log_event(LOG_LEVEL_WARNING, "the replication slot of a standby that came to nothing may still be on the writer, where it "
              "keeps WAL: drop it there by hand if nobody streams through it", LOG_STR("service", r->settings.service->name),
              LOG_STR("slot", r->slot), LOG_STR("reason", why));
}

static void on_slot_dropped(void *arg, bool well, const char *why)
{
    struct rejoin *r = arg;
    r->slotting = NULL;
    if (!well)
        slot_stays(r, why);
}

/* Nobody will use what was made. */
static void slot_leave(struct rejoin *r)
{
    struct pg_target target;
    struct fault fault = { "the writer's database is not in the cluster file" };
    if (r->slot[0] == '\0')
        return;
    if (writer_target(r, &target))
        r->slotting = slot_drop(r->loop, &target, r->slot, base_mono_us() + ASK_US, on_slot_dropped, r, &fault);
    if (r->slotting == NULL)
        slot_stays(r, fault.text);
}

/* How it stands with the slot of a standby that was seen just now; true when that uses it. */
static bool slot_words(const struct rejoin *r, struct text *text)
{
    bool used = r->slot[0] != '\0' && strcmp(r->local.slot, r->slot) == 0;
    if (used)
        text_appendf(text, ", through its replication slot %s", r->slot);
    else if (r->slot[0] != '\0')
        text_appendf(text, ", without its replication slot: the hook has not set primary_slot_name to %s", r->slot);
    else
        text_appendf(text, ", without a replication slot: %s", r->slot_why);
    return used;
}

/* ---- a run, seen to its end ---------------------------------------------------------------- */

static void on_pause(void *arg)
{
    ask_local(arg, STAGE_RUN_LOCAL);
}

/* Both servers were asked: does it stream? */
static void verify(struct rejoin *r)
{
    char lacks[FAULT_TEXT_MAX];
    char text[REJOIN_TEXT_MAX];
    struct text sentence = TEXT_OF(text);
    struct rejoin_facts facts = facts_of(r);
    if (rejoin_streams(&facts, lacks, sizeof lacks)) {
        text_appendf(&sentence, "%s's database is a standby now: it streams from %s on timeline %" PRIu32,
                     r->settings.cluster->regions[r->settings.home].name,
                     r->settings.cluster->regions[r->plan.writer].name, r->local.facts.timeline);
        if (!slot_words(r, &sentence))
            slot_leave(r);
        run_end(r, true, text);
        return;
    }
    if (base_mono_us() > r->verify_by_us) {
        text_appendf(&sentence, "the hook has ended well, and yet: %s. Its fence stays shut while it is a primary; look at its log",
                     lacks);
        if (!r->local.seen || strcmp(r->local.slot, r->slot) != 0)
            slot_leave(r);
        run_end(r, false, text);
        return;
    }
    text_appendf(&sentence, "waiting until it streams: %s", lacks);
    (void)text_copy(r->text, sizeof r->text, text);
    r->stage = STAGE_RUN_PAUSE;
    timer_set_after_us(&r->pause, LOOK_AGAIN_US);
}

/* The end of a program's words, as one line. */
static void append_output(struct text *text, const struct child_result *child)
{
    size_t skip = child->output_length > OUTPUT_SHOWN_MAX ? child->output_length - OUTPUT_SHOWN_MAX : 0;
    for (const char *c = child->output + skip; *c != '\0'; c++)
        text_append_char(text, (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c);
}

static void on_hook(const struct child_result *child, void *arg)
{
    struct rejoin *r = arg;
    char text[REJOIN_TEXT_MAX];
    struct text sentence = TEXT_OF(text);
    bool well = child->end == CHILD_EXITED && child->status == 0;
    r->hook = NULL;
    log_event(well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "hook rejoin ended", LOG_STR("service", r->settings.service->name),
              LOG_STR("result", child->text), LOG_STR("output", child->output));
    if (!well) {
        text_appendf(&sentence, "the hook %s%s. It said at last: ", child->text,
                     r->ended_for_writer ? " (ended by us: this region became the writer)" : "");
        append_output(&sentence, child);
        slot_leave(r);
        run_end(r, false, text);
        return;
    }
    text_appendf(&sentence, "the hook %s", child->text);
    (void)text_copy(r->text, sizeof r->text, text);
    r->verify_by_us = base_mono_us() + REJOIN_VERIFY_US;
    ask_local(r, STAGE_RUN_LOCAL);
}

struct environment {
    char texts[ENVIRONMENT_MAX][ENVIRONMENT_TEXT_MAX];
    const char *list[ENVIRONMENT_MAX + 1];
    size_t count;
};

static void environment_add(struct environment *e, const char *name, const char *value)
{
    struct text text = TEXT_OF(e->texts[e->count]);
    text_appendf(&text, "%s=%s", name, value);
    e->list[e->count] = e->texts[e->count];
    e->list[++e->count] = NULL;
}

static void environment_fill(const struct rejoin *r, struct environment *e)
{
    const json_t *returned = returned_json(r->settings.returned);
    const char *file = json_string_value(json_object_get(returned, "file"));
    char epoch[24];
    struct text number = TEXT_OF(epoch);
    text_appendf(&number, "%" PRIu64, r->view.ledger.epoch);
    e->count = 0;
    environment_add(e, "FAILOVERD_SERVICE", r->settings.service->name);
    environment_add(e, "FAILOVERD_NODE", r->settings.node);
    environment_add(e, "FAILOVERD_REGION", r->settings.cluster->regions[r->settings.home].name);
    environment_add(e, "FAILOVERD_WRITER_REGION", r->settings.cluster->regions[r->plan.writer].name);
    environment_add(e, "FAILOVERD_EPOCH", epoch);
    environment_add(e, "FAILOVERD_METHOD", r->plan.method != NULL ? r->plan.method : "");
    environment_add(e, "FAILOVERD_SOURCE_CONNINFO", r->plan.source);
    environment_add(e, "FAILOVERD_DATA_DIRECTORY", r->local.seen ? r->local.data_directory : "");
    environment_add(e, "FAILOVERD_CONFIG_FILE", r->local.seen ? r->local.config_file : "");
    environment_add(e, "FAILOVERD_SLOT", r->slot);
    environment_add(e, "FAILOVERD_LOST_REPORT", file != NULL ? file : "");
}

static bool run_start(struct rejoin *r, struct fault *fault)
{
    const struct config_texts *hook = &r->settings.service->hooks.rejoin;
    const char *argv[CONFIG_MAX_ITEMS + 1];
    struct environment *environment = malloc(sizeof *environment);
    if (environment == NULL)
        return fault_set(fault, "out of memory");
    for (size_t i = 0; i < hook->count; i++)
        argv[i] = hook->items[i];
    argv[hook->count] = NULL;
    environment_fill(r, environment);
    struct child_request request = {
        .argv = argv,
        .environment = environment->list,
        .deadline_ms = r->settings.service->hooks.rejoin_deadline_us / US_PER_MS,
        .done = on_hook,
        .arg = r,
    };
    r->hook = child_start(r->loop, &request, fault);
    free(environment);
    if (r->hook == NULL)
        return false;
    r->run = base_random_u64() | 1; /* 0 is none */
    r->running = true;
    r->well = r->ended_for_writer = false;
    r->began_us = base_mono_us();
    r->stage = STAGE_RUN_HOOK;
    (void)text_copy(r->text, sizeof r->text, "the hook runs");
    journal_run(r, "rejoin_begun", LOG_LEVEL_WARNING, r->plan.text);
    return true;
}

/* ---- a question ---------------------------------------------------------------------------- */

/* Everything that can be done before the hook is done; `body` is stolen. */
static void answer_run(struct rejoin *r, json_t *body)
{
    struct fault fault = { "" };
    struct rejoin_plan now;
    struct rejoin_facts facts = facts_of(r);
    if (!rejoin_allowed(&facts, &now)) {
        slot_leave(r);
        refuse(r, now.code, now.exit, now.text, now.todo, body);
    } else if (now.writer != r->plan.writer) {
        slot_leave(r);
        refuse(r, "busy", EXIT_GATE, "refused: the writer has changed meanwhile", "Ask again.", body);
    } else if (!run_start(r, &fault)) {
        char text[FAULT_TEXT_MAX + 64];
        struct text sentence = TEXT_OF(text);
        slot_leave(r);
        text_appendf(&sentence, "the hook can't be started: %s", fault.text);
        refuse(r, "hook_failed", EXIT_FAILED, text, "See hooks.rejoin in cluster.json.", body);
    } else {
        char id[NAME_HEX_MAX];
        (void)json_object_set_new(body, "run", json_string(format_hex(id, r->run)));
        answer(r, &(struct rejoin_answer){ .body = body });
    }
}

static void on_slot(void *arg, bool well, const char *why)
{
    struct rejoin *r = arg;
    json_t *body = r->body;
    r->slotting = NULL;
    r->body = NULL;
    r->stage = STAGE_IDLE;
    if (!well) {
        (void)text_copy(r->slot_why, sizeof r->slot_why, why);
        log_event(LOG_LEVEL_WARNING, "no replication slot on the writer for the standby to be: it goes on without one",
                  LOG_STR("service", r->settings.service->name), LOG_STR("slot", r->slot), LOG_STR("reason", why));
        r->slot[0] = '\0';
    }
    answer_run(r, body);
}

/* `body` is stolen. */
static void make_slot(struct rejoin *r, const struct rejoin_facts *facts, json_t *body)
{
    struct pg_target target;
    struct fault fault = { "the writer's database is not in the cluster file" };
    rejoin_slot_name(facts, r->slot);
    r->body = body;
    r->stage = STAGE_ASK_SLOT;
    if (writer_target(r, &target))
        r->slotting = slot_make(r->loop, &target, r->slot, base_mono_us() + ASK_US, on_slot, r, &fault);
    if (r->slotting == NULL)
        on_slot(r, false, fault.text);
}

static void answer_order(struct rejoin *r, const struct rejoin_facts *facts, json_t *body)
{
    if (r->settings.service->hooks.rejoin.count == 0)
        refuse(r, "no_hook", EXIT_GATE, "refused: no hooks.rejoin is configured for this service, so it has to be done by hand",
               r->plan.todo, body);
    else if (!json_is_true(json_object_get(body, "would_run")))
        refuse(r, "not_listed", EXIT_GATE, "refused: what this database has that the writer lacks is not listed yet",
               r->plan.todo, body);
    else
        make_slot(r, facts, body);
}

/* Both servers were asked. */
static void decide(struct rejoin *r)
{
    struct rejoin_facts facts = facts_of(r);
    r->stage = STAGE_IDLE;
    rejoin_decide(&facts, &r->plan);
    json_t *body = rejoin_plan_json(&facts, &r->plan);
    if (r->plan.verdict == REJOIN_REFUSED)
        refuse(r, r->plan.code, r->plan.exit, r->plan.text, r->plan.todo, body);
    else if (r->request.dry_run || r->plan.verdict == REJOIN_NOTHING)
        answer(r, &(struct rejoin_answer){ .body = body });
    else
        answer_order(r, &facts, body);
}

static void both_asked(struct rejoin *r)
{
    if (r->stage == STAGE_ASK_WRITER)
        decide(r);
    else
        verify(r);
}

static void on_theirs(void *arg, const struct fork_report *report)
{
    struct rejoin *r = arg;
    r->fork = NULL;
    r->theirs = *report;
    both_asked(r);
}

static void ask_writer(struct rejoin *r)
{
    struct pg_target target;
    struct fork_question question = { .system_id = r->local.seen ? r->local.facts.system_id : 0,
                                      .timeline = r->local.seen ? r->local.facts.timeline : 0,
                                      .resolver = r->settings.resolver };
    r->stage = r->stage == STAGE_ASK_LOCAL ? STAGE_ASK_WRITER : STAGE_RUN_WRITER;
    r->theirs = (struct fork_report){ .outcome = FORK_UNREACHABLE };
    if (!returned_target(r->settings.returned, r->plan.writer, &target))
        (void)fault_set(&r->theirs.why, "its region has no database in the cluster file");
    else
        r->fork = fork_start(r->loop, &target, &question, base_mono_us() + ASK_US, on_theirs, r, &r->theirs.why);
    if (r->fork == NULL)
        both_asked(r);
}

static void on_local(void *arg, const struct server_seen *seen)
{
    struct rejoin *r = arg;
    r->look = NULL;
    r->local = *seen;
    ask_writer(r);
}

static void ask_local(struct rejoin *r, enum rejoin_stage stage)
{
    const struct service_region_config *home = config_service_region(r->settings.service, r->settings.home);
    struct pg_target target = database_inside(home->database, r->settings.secrets);
    r->stage = stage;
    r->local = (struct server_seen){ .seen = false };
    r->look = server_look_start(r->loop, &target, base_mono_us() + ASK_US, on_local, r, &r->local.why);
    if (r->look == NULL)
        ask_writer(r);
}

void rejoin_ask(struct rejoin *r, const struct rejoin_request *request, const struct view_service *view)
{
    if (r->stage != STAGE_IDLE || r->slotting != NULL) {
        struct rejoin_answer busy = { true, "busy", EXIT_GATE, "refused: this node is at it already",
                                      "Watch it with failoverctl status.", NULL };
        r->settings.answer(r->settings.arg, request->ticket, &busy);
        return;
    }
    r->request = *request;
    (void)text_copy(r->who, sizeof r->who, request->who);
    r->request.who = r->who;
    r->view = *view;
    struct rejoin_facts facts = facts_of(r);
    facts.local = NULL;
    facts.fork = NULL;
    if (rejoin_allowed(&facts, &r->plan))
        ask_local(r, STAGE_ASK_LOCAL);
    else
        refuse(r, r->plan.code, r->plan.exit, r->plan.text, r->plan.todo, rejoin_plan_json(&facts, &r->plan));
}

/* ---- while it runs ------------------------------------------------------------------------- */

void rejoin_look(struct rejoin *r, const struct view_service *view)
{
    if (!r->running && r->stage != STAGE_ASK_SLOT)
        return;
    r->view = *view;
    bool ours = view->ledger_known && view->ledger.writer == r->settings.home;
    if (ours && r->hook != NULL && !r->ended_for_writer) {
        r->ended_for_writer = true;
        child_cancel(r->hook);
    }
}

json_t *rejoin_json(const struct rejoin *r)
{
    char id[NAME_HEX_MAX];
    if (r->run == 0)
        return NULL;
    const char *step = !r->running ? NULL : r->stage == STAGE_RUN_HOOK ? "hook" : "verify";
    int64_t until_us = r->running ? base_mono_us() : r->ended_us;
    return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:o}", "run", format_hex(id, r->run), "state",
                     r->running ? "running" : r->well ? "done" : "failed", "step", step, "text", json_of_text(r->text),
                     "running_ms", json_of_ms(until_us - r->began_us), "who", json_of_text(r->who));
}

/* ---- life ---------------------------------------------------------------------------------- */

struct rejoin *rejoin_new(struct loop *loop, const struct rejoin_settings *settings)
{
    struct rejoin *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->loop = loop;
    r->settings = *settings;
    timer_init(&r->pause, loop, on_pause, r);
    return r;
}

void rejoin_free(struct rejoin *r)
{
    if (r == NULL)
        return;
    timer_cancel(&r->pause);
    server_look_cancel(r->look);
    fork_cancel(r->fork);
    slot_cancel(r->slotting);
    json_decref(r->body);
    if (r->hook != NULL)
        child_abandon(r->hook);
    free(r);
}
