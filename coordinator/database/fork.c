/* Where a server's timeline left ours: see fork.h. */
#include "coordinator/database/fork.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "coordinator/database/errand.h"

#define SQLSTATE_NO_FUNCTION "42883"
#define SQLSTATE_NO_PRIVILEGE "42501"
/* Stands where a name's address will be; nobody connects to it. */
#define ADDRESS_TO_COME "0.0.0.0"

struct fork_errand {
    struct errand base;
    struct pg_target *named;   /* a target whose name is being looked up; else NULL */
    struct resolve *resolve;
    struct fork_question question;
    struct timelines ours;
    fork_fn *done;
    void *arg;
    struct fork_report report;
};

static void errand_start(void *arg);

static void errand_stop(struct fork_errand *errand)
{
    errand_release(&errand->base);
    if (errand->resolve != NULL)
        resolve_cancel(errand->resolve);
    errand->resolve = NULL;
    pg_target_free(errand->named);
    errand->named = NULL;
}

static void errand_free(struct fork_errand *errand)
{
    errand_stop(errand);
    free(errand);
}

void fork_cancel(struct fork_errand *errand)
{
    if (errand != NULL)
        errand_free(errand);
}

/* The errand's memory is kept through the callback, because the report is too large for every stack. */
static void errand_end(struct fork_errand *errand, enum fork_outcome outcome)
{
    errand->report.outcome = outcome;
    errand_stop(errand);
    errand->done(errand->arg, &errand->report);
    free(errand);
}

static void on_deadline(void *arg)
{
    struct fork_errand *errand = arg;
    char last[FAULT_TEXT_MAX / 2];
    (void)text_copy(last, sizeof last, errand->report.why.text[0] != '\0' ? errand->report.why.text : "no answer yet");
    fault_set(&errand->report.why, "no answer by the deadline. Last: %s", last);
    errand_end(errand, FORK_UNREACHABLE);
}

static void errand_trouble(struct fork_errand *errand, const struct pg_answer *result, const char *doing)
{
    bool setup = result->outcome == PG_ERROR && (strcmp(result->sqlstate, SQLSTATE_NO_FUNCTION) == 0 ||
                                                 strcmp(result->sqlstate, SQLSTATE_NO_PRIVILEGE) == 0);
    fault_set(&errand->report.why, "%s: %s%s%s%s", doing, result->message, result->sqlstate[0] != '\0' ? ", SQLSTATE " : "",
              result->sqlstate, setup ? " (run etc/postgresql-setup.sql on the primary again)" : "");
    if (setup || result->outcome == PG_AUTH || result->outcome == PG_ERROR)
        errand_end(errand, FORK_REFUSED);
    else
        errand_pause(&errand->base, ERRAND_RETRY_US, errand_start);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static enum fork_outcome outcome_of(enum timelines_relation relation)
{
    switch (relation) {
    case TIMELINES_SAME: return FORK_SAME;
    case TIMELINES_LEFT: return FORK_LEFT;
    case TIMELINES_DIVERGED:
    case TIMELINES_UNRELATED:
    default: return FORK_NOT_ANCESTOR;
    }
}

static void answer(struct fork_errand *errand)
{
    struct fork_report *report = &errand->report;
    const struct fork_question *question = &errand->question;
    char at[TIMELINE_LSN_TEXT_MAX];
    if (question->system_id != 0 && question->system_id != report->facts.system_id) {
        fault_set(&report->why, "system identifier %" PRIu64 ", ours is %" PRIu64 ": not a copy of our database",
                  report->facts.system_id, question->system_id);
        errand_end(errand, FORK_OTHER_SYSTEM);
        return;
    }
    if (question->timeline == 0) {
        fault_set(&report->why, "on timeline %" PRIu32, report->history.current);
        errand_end(errand, FORK_READ);
        return;
    }
    report->fork = question->history != NULL ? timelines_compare(&errand->ours, &report->history)
                                             : timelines_find(question->timeline, &report->history);
    (void)timeline_lsn_text(at, report->fork.lsn);
    switch (report->fork.relation) {
    case TIMELINES_SAME:
        fault_set(&report->why, "on our timeline %" PRIu32, question->timeline);
        break;
    case TIMELINES_LEFT:
        fault_set(&report->why, "its timeline %" PRIu32 " left ours (%" PRIu32 ") at %s", report->history.current,
                  question->timeline, at);
        break;
    case TIMELINES_DIVERGED:
    case TIMELINES_UNRELATED:
    default:
        fault_set(&report->why, "our timeline %" PRIu32 " is no ancestor of its timeline %" PRIu32 "%s%s", question->timeline,
                  report->history.current, report->fork.lsn != 0 ? "; they part at " : "",
                  report->fork.lsn != 0 ? at : "");
        break;
    }
    errand_end(errand, outcome_of(report->fork.relation));
}

static void on_history(void *arg, const struct pg_answer *result)
{
    struct fork_errand *errand = arg;
    if (result->outcome != PG_OK) {
        errand_trouble(errand, result, "reading the history of its timeline");
        return;
    }
    if (pg_answer_is_null(result, 0, 0)) {
        fault_set(&errand->report.why, "it has no history file of its timeline %" PRIu32, errand->report.facts.timeline);
        errand_end(errand, FORK_REFUSED);
        return;
    }
    if (!timelines_parse(pg_answer_text(result, 0, 0), errand->report.facts.timeline, &errand->report.history,
                         &errand->report.why))
        errand_end(errand, FORK_REFUSED);
    else
        answer(errand);
}

static void on_facts(void *arg, const struct pg_answer *result)
{
    struct fork_errand *errand = arg;
    struct fork_report *report = &errand->report;
    if (result->outcome != PG_OK) {
        if (postgres_role_changed(result)) /* promoted under the query */
            errand_pause(&errand->base, ERRAND_RETRY_US, errand_start);
        else
            errand_trouble(errand, result, "reading the server's state");
        return;
    }
    report->facts = (struct postgres_facts){ .walreceiver_age_us = -1 };
    if (!postgres_facts_read(result, &report->facts, &report->why)) {
        errand_end(errand, FORK_REFUSED);
        return;
    }
    report->facts_known = true;
    if (report->facts.timeline <= 1) { /* the first has no history */
        if (!timelines_parse("", report->facts.timeline, &report->history, &report->why))
            errand_end(errand, FORK_REFUSED);
        else
            answer(errand);
        return;
    }
    char timeline[ERRAND_NUMBER_MAX];
    (void)snprintf(timeline, sizeof timeline, "%" PRIu32, report->facts.timeline);
    const char *params[] = { timeline };
    errand_query(&errand->base, "select public.failoverd_timeline_history($1::bigint)", params, 1, on_history);
}

/* ---- the beginning ------------------------------------------------------------------------- */

static void on_connected(void *arg, const struct pg_answer *result)
{
    struct fork_errand *errand = arg;
    if (result->outcome != PG_OK)
        errand_trouble(errand, result, "connecting");
    else
        errand_query(&errand->base, postgres_facts_sql, NULL, 0, on_facts);
}

static void errand_start(void *arg)
{
    struct fork_errand *errand = arg;
    errand_connect(&errand->base, on_connected);
}

static void on_resolved(const struct resolve_answer *found, void *arg)
{
    struct fork_errand *errand = arg;
    errand->resolve = NULL;
    if (found->outcome != RESOLVE_OK || found->address_count == 0) {
        fault_set(&errand->report.why, "its address is not found: %s", found->text);
        errand_end(errand, FORK_UNREACHABLE);
        return;
    }
    struct pg_target target = *errand->named;
    struct loop *loop = errand->base.loop;
    int64_t deadline_us = errand->base.deadline_us;
    target.hostaddr = found->addresses[0].text;
    (void)text_copy(errand->report.address, sizeof errand->report.address, target.hostaddr);
    errand_release(&errand->base);
    if (errand_init(&errand->base, loop, &target, deadline_us, on_deadline, errand, &errand->report.why))
        errand_start(errand);
    else
        errand_end(errand, FORK_UNREACHABLE);
}

static bool resolve_start(struct fork_errand *errand, const struct pg_target *target, struct fault *fault)
{
    struct resolve_lookup lookup = { .name = target->host, .done = on_resolved, .arg = errand };
    errand->named = pg_target_copy(target, fault);
    if (errand->named == NULL)
        return false;
    errand->resolve = resolver_lookup(errand->question.resolver, &lookup, fault);
    return errand->resolve != NULL;
}

struct fork_errand *fork_start(struct loop *loop, const struct pg_target *target, const struct fork_question *question,
                               int64_t deadline_us, fork_fn *done, void *arg, struct fault *fault)
{
    struct fork_errand *errand = calloc(1, sizeof *errand);
    struct pg_target given = *target;
    bool named = question->resolver != NULL && given.hostaddr == NULL && given.host != NULL && given.host[0] != '/' &&
                 !resolver_is_literal(given.host);
    ensure(question->history == NULL || question->history->current == question->timeline);
    if (errand == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    if (named)
        given.hostaddr = ADDRESS_TO_COME;
    errand->question = *question;
    if (!errand_init(&errand->base, loop, &given, deadline_us, on_deadline, errand, fault)) {
        free(errand);
        return NULL;
    }
    if (named && !resolve_start(errand, &given, fault)) {
        errand_free(errand);
        return NULL;
    }
    if (question->history != NULL)
        errand->ours = *question->history;
    errand->done = done;
    errand->arg = arg;
    if (!named)
        errand_start(errand);
    return errand;
}

const char *fork_outcome_name(enum fork_outcome outcome)
{
    switch (outcome) {
    case FORK_READ: return "read";
    case FORK_SAME: return "same";
    case FORK_LEFT: return "left";
    case FORK_NOT_ANCESTOR: return "not_ancestor";
    case FORK_OTHER_SYSTEM: return "other_system";
    case FORK_UNREACHABLE: return "unreachable";
    case FORK_REFUSED: return "refused";
    }
    return "invalid";
}
