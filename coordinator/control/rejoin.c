/* Making an old primary a standby: see rejoin.h.
 *
 * Two things that never overlap: a question (ASK_LOCAL, ASK_WRITER; for an order that will run ASK_SLOT), which ends in
 * an answer and is this file's, and a run (RUN_HOOK, then RUN_LOCAL and RUN_WRITER by turns), which an answered order
 * leads to and which ends in the journal: rejoin_run.c. Both ask the same two servers.
 */
#include "coordinator/control/rejoin_internal.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/status/names.h"

struct rejoin_facts rejoin_facts_now(const struct rejoin *r)
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

/* ---- a question ---------------------------------------------------------------------------- */

/* Everything that can be done before the hook is done; `body` is stolen. */
static void answer_run(struct rejoin *r, json_t *body)
{
    struct fault fault = { "" };
    struct rejoin_plan now;
    struct rejoin_facts facts = rejoin_facts_now(r);
    if (!rejoin_allowed(&facts, &now)) {
        rejoin_slot_leave(r);
        refuse(r, now.code, now.exit, now.text, now.todo, body);
    } else if (now.writer != r->plan.writer) {
        rejoin_slot_leave(r);
        refuse(r, "busy", EXIT_GATE, "refused: the writer has changed meanwhile", "Ask again.", body);
    } else if (!rejoin_run_start(r, &fault)) {
        char text[FAULT_TEXT_MAX + 64];
        struct text sentence = TEXT_OF(text);
        rejoin_slot_leave(r);
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
    if (rejoin_writer_target(r, &target))
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
    struct rejoin_facts facts = rejoin_facts_now(r);
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
        rejoin_run_verify(r);
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

void rejoin_ask_servers(struct rejoin *r, enum rejoin_stage stage)
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
    struct rejoin_facts facts = rejoin_facts_now(r);
    facts.local = NULL;
    facts.fork = NULL;
    if (rejoin_allowed(&facts, &r->plan))
        rejoin_ask_servers(r, STAGE_ASK_LOCAL);
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
    return json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:o}", "run", format_hex(id, r->run), "node", r->settings.node, "state",
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
    timer_init(&r->pause, loop, rejoin_run_look, r);
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
