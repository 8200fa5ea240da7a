/* Compare, freeze, thaw, promote, end sessions: see promote.h.
 *
 * Every errand begins with a new session and the facts; `begin` decides from those what is to be done.
 * A connection that breaks leads back to the start, so what was done is looked at, never assumed.
 */
#include "coordinator/database/promote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "coordinator/database/errand.h"
#include "coordinator/database/sessions.h"

/* How long receipt has to stand still, with no walreceiver, to count as frozen. */
#define STILL_US (40 * (int64_t)1000)
#define CONNINFO_SQL_MAX (3 * PG_TEXT_MAX)

enum task { TASK_COMPARE, TASK_FREEZE, TASK_THAW, TASK_PROMOTE, TASK_TERMINATE };

struct promote_errand {
    struct errand base;
    enum task task;
    promote_fn *done;
    void *arg;
    int64_t not_after_us;      /* promote */
    unsigned asked;            /* promote: how many calls of pg_promote may have been done */
    bool waiting;              /* promote: this session was told yes; nothing to ask again */
    bool settings_touched;     /* freeze, thaw: they may have been changed */
    bool settings_done;        /* freeze, thaw: set and reloaded */
    int64_t still_since_us;    /* freeze: 0, or since when nothing is received */
    uint64_t still_lsn;
    char conninfo_sql[CONNINFO_SQL_MAX]; /* thaw */
    char slot_sql[CONNINFO_SQL_MAX];     /* thaw; "" leaves it as it is */
    struct promote_report report;
};

static void errand_start(void *arg);

/* ---- endings ----------------------------------------------------------------------------- */

static void errand_free(struct promote_errand *errand)
{
    errand_release(&errand->base);
    explicit_bzero(errand->conninfo_sql, sizeof errand->conninfo_sql);
    free(errand);
}

void promote_cancel(struct promote_errand *errand)
{
    if (errand != NULL)
        errand_free(errand);
}

/* The text in report.why is the caller's to set. */
static void errand_end(struct promote_errand *errand, enum promote_outcome outcome)
{
    struct promote_report report = errand->report;
    promote_fn *done = errand->done;
    void *arg = errand->arg;
    report.outcome = outcome;
    errand_free(errand);
    done(arg, &report);
}

static void on_deadline(void *arg)
{
    struct promote_errand *errand = arg;
    char last[FAULT_TEXT_MAX / 2];
    (void)text_copy(last, sizeof last, errand->report.why.text[0] != '\0' ? errand->report.why.text : "no answer yet");
    if (errand->asked > 0) {
        fault_set(&errand->report.why, "the promotion was asked for and is not seen to be done; it may still "
                  "happen. Last: %s", last);
        errand_end(errand, PROMOTE_UNKNOWN);
        return;
    }
    fault_set(&errand->report.why, "not done by the deadline. Last: %s", last);
    errand_end(errand, errand->task == TASK_FREEZE && errand->settings_touched ? PROMOTE_UNKNOWN : PROMOTE_FAILED);
}

/* What a step that failed comes to: what another try may cure is tried again until the deadline. */
static void errand_trouble(struct promote_errand *errand, const struct pg_answer *result, const char *doing)
{
    fault_set(&errand->report.why, "%s: %s%s%s", doing, result->message, result->sqlstate[0] != '\0' ? ", SQLSTATE " : "",
              result->sqlstate);
    bool hopeless = result->outcome == PG_AUTH ||
                    (result->outcome == PG_ERROR && strcmp(result->sqlstate, "42501") == 0);
    if (hopeless && errand->asked == 0)
        errand_end(errand, PROMOTE_REFUSED);
    else
        errand_pause(&errand->base, ERRAND_RETRY_US, errand_start);
}

/* ---- promote ----------------------------------------------------------------------------- */

static void facts_ask(void *arg);

/* It was not begun by this call, and can't be any more. By an earlier one whose answer got lost it may be. */
static void promote_too_late(struct promote_errand *errand)
{
    fault_set(&errand->report.why, "the lease's end came before the promotion; nothing was begun");
    if (errand->asked > 0)
        errand_pause(&errand->base, ERRAND_POLL_US, facts_ask);
    else
        errand_end(errand, PROMOTE_LATE);
}

static void on_promote(void *arg, const struct pg_answer *result)
{
    struct promote_errand *errand = arg;
    bool told = false;
    if (result->outcome == PG_ERROR)
        errand->asked--; /* the server says that this one was not done */
    if (postgres_role_changed(result)) { /* "recovery is not in progress" */
        facts_ask(errand);
        return;
    }
    if (result->outcome != PG_OK) {
        errand_trouble(errand, result, "asking for the promotion");
        return;
    }
    if (pg_answer_bool(result, 0, 0, &told) && told) {
        errand->waiting = true;
        fault_set(&errand->report.why, "told to promote; still in recovery");
        errand_pause(&errand->base, ERRAND_POLL_US, facts_ask);
        return;
    }
    errand->asked--;
    if (pg_answer_is_null(result, 0, 0)) { /* the time had passed on the server's clock */
        promote_too_late(errand);
        return;
    }
    fault_set(&errand->report.why, "the server could not begin its promotion");
    errand_pause(&errand->base, ERRAND_RETRY_US, errand_start);
}

static void promote_step(struct promote_errand *errand)
{
    const struct postgres_facts *facts = &errand->report.facts;
    if (!facts->in_recovery) {
        fault_set(&errand->report.why, "primary on timeline %" PRIu32, facts->timeline);
        errand_end(errand, PROMOTE_DONE);
        return;
    }
    if (errand->waiting) {
        fault_set(&errand->report.why, "told to promote; still in recovery");
        errand_pause(&errand->base, ERRAND_POLL_US, facts_ask);
        return;
    }
    if (base_mono_us() >= errand->not_after_us) {
        promote_too_late(errand);
        return;
    }
    /* Asking twice does no harm, so an answer that got lost is asked for again. */
    char deadline[ERRAND_NUMBER_MAX];
    errand_server_deadline(deadline, sizeof deadline, facts->server_wall_us, facts->facts_received_us,
                           errand->not_after_us);
    const char *params[] = { deadline };
    errand->asked++;
    errand_query(&errand->base, "select case when clock_timestamp() < " ERRAND_SQL_DEADLINE " then pg_promote(false) end",
                 params, 1, on_promote);
}

/* ---- freeze and thaw --------------------------------------------------------------------- */

static void on_reloaded(void *arg, const struct pg_answer *result)
{
    struct promote_errand *errand = arg;
    if (result->outcome != PG_OK) {
        errand_trouble(errand, result, "having the server read its settings");
        return;
    }
    errand->settings_done = true;
    /* A session that was there before the reload may go on showing the old value: look with a new one. */
    errand_start(errand);
}

static void on_settings(void *arg, const struct pg_answer *result)
{
    struct promote_errand *errand = arg;
    if (result->outcome != PG_OK) {
        errand_trouble(errand, result, "changing where the standby receives WAL from");
        return;
    }
    errand_query(&errand->base, "select pg_reload_conf()", NULL, 0, on_reloaded);
}

static void on_conninfo(void *arg, const struct pg_answer *result)
{
    struct promote_errand *errand = arg;
    if (result->outcome != PG_OK || errand->slot_sql[0] == '\0')
        on_settings(errand, result);
    else
        errand_query(&errand->base, errand->slot_sql, NULL, 0, on_settings);
}

static void settings_change(struct promote_errand *errand)
{
    errand->settings_touched = true;
    errand_query(&errand->base,
                 errand->task == TASK_FREEZE ? "alter system set primary_conninfo = ''" : errand->conninfo_sql, NULL, 0,
                 on_conninfo);
}

static void freeze_step(struct promote_errand *errand)
{
    const struct postgres_facts *facts = &errand->report.facts;
    if (!errand->settings_done) {
        settings_change(errand);
        return;
    }
    bool still = facts->receipt_frozen && !facts->walreceiver_present;
    if (!still || errand->still_lsn != facts->receive_lsn)
        errand->still_since_us = 0;
    if (still && errand->still_since_us == 0) {
        errand->still_since_us = facts->facts_received_us;
        errand->still_lsn = facts->receive_lsn;
    }
    if (still && facts->facts_received_us - errand->still_since_us >= STILL_US) {
        fault_set(&errand->report.why, "receipt of WAL is switched off at %" PRIX64 "/%" PRIX64,
                  facts->receive_lsn >> 32, facts->receive_lsn & UINT32_MAX);
        errand_end(errand, PROMOTE_DONE);
        return;
    }
    fault_set(&errand->report.why, !facts->receipt_frozen      ? "primary_conninfo is not empty yet (is it set elsewhere too?)"
                                   : facts->walreceiver_present ? "the walreceiver is still there"
                                                                : "WAL is still being taken in");
    errand_pause(&errand->base, ERRAND_POLL_US, facts_ask);
}

static void thaw_step(struct promote_errand *errand)
{
    const struct postgres_facts *facts = &errand->report.facts;
    if (!errand->settings_done) {
        settings_change(errand);
        return;
    }
    if (!facts->receipt_frozen && facts->walreceiver_live) {
        fault_set(&errand->report.why, "streaming from %s on timeline %" PRIu32, facts->sender_host, facts->timeline);
        errand_end(errand, PROMOTE_DONE);
        return;
    }
    fault_set(&errand->report.why, "%s",
              facts->receipt_frozen ? "the new primary_conninfo is not in force yet"
              : facts->walreceiver_present
                  ? "the walreceiver is there but does not stream yet"
                  : "there is no walreceiver: it can't reach or log in to the primary, its slot is missing there, or "
                    "this standby is ahead of where the timelines part (its log says which)");
    errand_pause(&errand->base, ERRAND_RETRY_US / 2, facts_ask);
}

/* ---- sessions ---------------------------------------------------------------------------- */

static void sessions_ask(void *arg);

static void on_sessions(void *arg, const struct pg_answer *result)
{
    struct promote_errand *errand = arg;
    struct sessions sessions = { 0 };
    if (result->outcome != PG_OK) {
        errand_trouble(errand, result, "ending sessions");
        return;
    }
    if (!sessions_read(result, &sessions, &errand->report.why)) {
        errand_end(errand, PROMOTE_REFUSED);
        return;
    }
    errand->report.sessions_ended += sessions.ended;
    if (sessions.left == 0) {
        fault_set(&errand->report.why, "%zu sessions were ended", errand->report.sessions_ended);
        errand_end(errand, PROMOTE_DONE);
        return;
    }
    fault_set(&errand->report.why, "%zu sessions are left%s: %s", sessions.left,
              sessions.untouchable > 0 ? ", a superuser's among them, which this role can't end" : "", sessions.who);
    errand_pause(&errand->base, ERRAND_POLL_US, sessions_ask);
}

static void sessions_ask(void *arg)
{
    struct promote_errand *errand = arg;
    const char *params[] = { "true" };
    errand_query(&errand->base, sessions_end_sql, params, 1, on_sessions);
}

/* ---- the common beginning ---------------------------------------------------------------- */

static void on_facts(void *arg, const struct pg_answer *result)
{
    struct promote_errand *errand = arg;
    struct promote_report *report = &errand->report;
    if (result->outcome != PG_OK) {
        errand_trouble(errand, result, "reading the server's state");
        return;
    }
    report->facts = (struct postgres_facts){ .walreceiver_age_us = -1 };
    if (!postgres_facts_read(result, &report->facts, &report->why)) {
        errand_end(errand, errand->asked > 0 ? PROMOTE_UNKNOWN : PROMOTE_REFUSED);
        return;
    }
    report->facts_known = true;
    if ((errand->task == TASK_FREEZE || errand->task == TASK_THAW) && !report->facts.in_recovery) {
        fault_set(&report->why, "the server is a primary: it receives no WAL");
        errand_end(errand, PROMOTE_REFUSED);
        return;
    }
    switch (errand->task) {
    case TASK_COMPARE:
        report->why.text[0] = '\0';
        errand_end(errand, PROMOTE_DONE);
        return;
    case TASK_FREEZE: freeze_step(errand); return;
    case TASK_THAW: thaw_step(errand); return;
    case TASK_PROMOTE: promote_step(errand); return;
    case TASK_TERMINATE: sessions_ask(errand); return;
    }
}

static void facts_ask(void *arg)
{
    struct promote_errand *errand = arg;
    errand_query(&errand->base, postgres_facts_sql, NULL, 0, on_facts);
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    if (result->outcome != PG_OK)
        errand_trouble(arg, result, "connecting");
    else
        facts_ask(arg);
}

static void errand_start(void *arg)
{
    struct promote_errand *errand = arg;
    errand_connect(&errand->base, on_connected);
}

static struct promote_errand *errand_new(enum task task, struct loop *loop, const struct pg_target *target,
                                         int64_t deadline_us, promote_fn *done, void *arg, struct fault *fault)
{
    struct promote_errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    if (!errand_init(&errand->base, loop, target, deadline_us, on_deadline, errand, fault)) {
        free(errand);
        return NULL;
    }
    errand->task = task;
    errand->done = done;
    errand->arg = arg;
    errand_start(errand);
    return errand;
}

struct promote_errand *promote_start(struct loop *loop, const struct pg_target *target, int64_t not_after_us,
                                     int64_t deadline_us, promote_fn *done, void *arg, struct fault *fault)
{
    struct promote_errand *errand = errand_new(TASK_PROMOTE, loop, target, deadline_us, done, arg, fault);
    if (errand != NULL)
        errand->not_after_us = not_after_us;
    return errand;
}

struct promote_errand *promote_compare(struct loop *loop, const struct pg_target *target, int64_t deadline_us,
                                       promote_fn *done, void *arg, struct fault *fault)
{
    return errand_new(TASK_COMPARE, loop, target, deadline_us, done, arg, fault);
}

struct promote_errand *promote_freeze(struct loop *loop, const struct pg_target *target, int64_t deadline_us,
                                      promote_fn *done, void *arg, struct fault *fault)
{
    return errand_new(TASK_FREEZE, loop, target, deadline_us, done, arg, fault);
}

struct promote_errand *promote_thaw(struct loop *loop, const struct pg_target *target, const char *conninfo,
                                    const char *slot, int64_t deadline_us, promote_fn *done, void *arg,
                                    struct fault *fault)
{
    char conninfo_text[CONNINFO_SQL_MAX / 2], slot_text[CONNINFO_SQL_MAX / 2];
    if (!pg_quote_literal(conninfo_text, sizeof conninfo_text, conninfo) ||
        !pg_quote_literal(slot_text, sizeof slot_text, slot != NULL ? slot : "")) {
        fault_set(fault, "the replication_conninfo or slot name is too long");
        return NULL;
    }
    struct promote_errand *errand = errand_new(TASK_THAW, loop, target, deadline_us, done, arg, fault);
    if (errand == NULL)
        return NULL;
    (void)snprintf(errand->conninfo_sql, sizeof errand->conninfo_sql, "alter system set primary_conninfo = %s",
                   conninfo_text);
    if (slot != NULL)
        (void)snprintf(errand->slot_sql, sizeof errand->slot_sql, "alter system set primary_slot_name = %s",
                       slot_text);
    explicit_bzero(conninfo_text, sizeof conninfo_text);
    return errand;
}

struct promote_errand *promote_terminate_clients(struct loop *loop, const struct pg_target *target,
                                                 int64_t deadline_us, promote_fn *done, void *arg,
                                                 struct fault *fault)
{
    return errand_new(TASK_TERMINATE, loop, target, deadline_us, done, arg, fault);
}

const char *promote_outcome_name(enum promote_outcome outcome)
{
    switch (outcome) {
    case PROMOTE_DONE: return "done";
    case PROMOTE_LATE: return "late";
    case PROMOTE_FAILED: return "failed";
    case PROMOTE_UNKNOWN: return "unknown";
    case PROMOTE_REFUSED: return "refused";
    }
    return "invalid";
}
