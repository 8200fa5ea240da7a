/* The door over libpq: see door.h; what it stands on is in README.md beside this file.
 *
 * Shut walks through: change the settings and reload; a canary until one is refused; sweep until
 * nobody is left; wait for the last login that began before; a canary again, sweep again; done. What
 * fails is tried again from a step that makes sense of it, until the deadline.
 */
#include "coordinator/database/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "coordinator/database/door_internal.h"
#include "coordinator/database/sessions.h"

/* On top of the server's own limits, for the granularity of its timers. */
#define LOGIN_MARGIN_US (200 * (int64_t)1000)

static const char sql_limits[] =
    "select (2 * sum(setting::bigint))::bigint, pg_is_in_recovery() from pg_settings"
    " where name in ('authentication_timeout', 'post_auth_delay', 'pre_auth_delay')";
static const char sql_shut_library[] = "alter system set session_preload_libraries = '" DOOR_LIBRARY "'";
static const char sql_shut_read_only[] = "alter system set default_transaction_read_only = 'on'";
static const char sql_reload[] = "select pg_reload_conf()";
static const char sql_open_library[] = "alter system reset session_preload_libraries";
static const char sql_open_read_only[] = "alter system reset default_transaction_read_only";
static const char sql_clock[] = "select " ERRAND_SQL_CLOCK;
static const char sql_open_reload[] =
    "select case when clock_timestamp() < " ERRAND_SQL_DEADLINE " then pg_reload_conf() end";

static void shut_begin(void *arg);
static void shut_settings(struct door_errand *errand);
static void shut_sweep(void *arg);
static void canary_begin(void *arg);
static void open_begin(void *arg);
static void inspect_begin(void *arg);

/* ---- life and endings -------------------------------------------------------------------- */

struct door_errand *door_errand_new(enum door_task task, struct loop *loop, const struct door_settings *settings,
                                    int64_t deadline_us, void (*on_deadline)(void *), void *arg,
                                    struct fault *fault)
{
    struct door_errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    errand->task = task;
    errand->arg = arg;
    errand->canary_target = pg_target_copy(&settings->canary, fault);
    if (errand->canary_target == NULL) {
        fault_wrap(fault, "the canary");
        free(errand);
        return NULL;
    }
    if (!errand_init(&errand->base, loop, &settings->guard, deadline_us, on_deadline, errand, fault)) {
        pg_target_free(errand->canary_target);
        free(errand);
        return NULL;
    }
    return errand;
}

void door_errand_free(struct door_errand *errand)
{
    if (errand->gone != NULL)
        *errand->gone = true;
    pg_session_free(errand->canary);
    pg_target_free(errand->canary_target);
    errand_release(&errand->base);
    free(errand);
}

void door_cancel(struct door_errand *errand)
{
    if (errand != NULL)
        door_errand_free(errand);
}

/* report.why is the caller's to set. */
static void door_end(struct door_errand *errand, enum door_outcome outcome)
{
    struct door_report report = errand->report;
    door_fn *done = errand->done;
    void *arg = errand->arg;
    report.outcome = outcome;
    door_errand_free(errand);
    done(arg, &report);
}

static void on_deadline(void *arg)
{
    struct door_errand *errand = arg;
    struct fault *why = &errand->report.why;
    if (why->text[0] == '\0')
        fault_set(why, "no answer yet");
    switch (errand->task) {
    case DOOR_TASK_SHUT:
        fault_wrap(why, errand->report.shut_us != 0 ? "new sessions are kept out, but the proof was not complete in time"
                                                    : "the door could not be shut in time");
        door_end(errand, errand->touched ? DOOR_UNPROVEN : DOOR_FAILED);
        return;
    case DOOR_TASK_OPEN:
        fault_wrap(why, errand->touched ? "the door was told to open, and whether it did is unknown: shut it or open it again"
                                        : "the door could not be opened in time");
        door_end(errand, DOOR_FAILED);
        return;
    case DOOR_TASK_INSPECT:
    case DOOR_TASK_READINESS:
        fault_wrap(why, "the door's state could not be seen in time");
        door_end(errand, DOOR_FAILED);
        return;
    }
}

/* Tries again from `again`, unless a person is needed. */
static void door_trouble(struct door_errand *errand, const struct pg_answer *result, const char *doing,
                         void (*again)(void *))
{
    fault_set(&errand->report.why, "%s: %s%s%s", doing, result->message,
              result->sqlstate[0] != '\0' ? ", SQLSTATE " : "", result->sqlstate);
    bool hopeless = result->outcome == PG_AUTH ||
                    (result->outcome == PG_ERROR && strcmp(result->sqlstate, "42501") == 0);
    if (hopeless)
        door_end(errand, errand->task == DOOR_TASK_SHUT && errand->touched ? DOOR_UNPROVEN : DOOR_FAILED);
    else
        errand_pause(&errand->base, ERRAND_RETRY_US, again);
}

/* ---- the canary -------------------------------------------------------------------------- */

bool door_refused(const struct pg_answer *result)
{
    return result->outcome == PG_REFUSED && strstr(result->message, DOOR_LIBRARY) != NULL;
}

static void shut_refused(struct door_errand *errand);
static void open_admitted(struct door_errand *errand);
static void inspect_end(struct door_errand *errand);

/* The door keeps it out, it is let in, or neither can be said. */
static void on_canary(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    struct door_report *report = &errand->report;
    report->state = result->outcome == PG_OK      ? DOOR_STATE_OPEN
                    : door_refused(result)        ? DOOR_STATE_SHUT
                                                  : DOOR_STATE_UNKNOWN;
    if (report->state == DOOR_STATE_UNKNOWN) {
        door_trouble(errand, result, "the canary's login, which has to be refused by the door and by nothing else",
                     canary_begin);
        return;
    }
    bool wanted_shut = errand->task == DOOR_TASK_SHUT;
    bool is_shut = report->state == DOOR_STATE_SHUT;
    if (errand->task == DOOR_TASK_INSPECT) {
        inspect_end(errand);
    } else if (wanted_shut != is_shut) {
        fault_set(&report->why, is_shut ? "the canary is still refused" : "the canary still gets in");
        errand_pause(&errand->base, ERRAND_POLL_US, canary_begin);
    } else if (wanted_shut) {
        shut_refused(errand);
    } else {
        open_admitted(errand);
    }
}

static void canary_begin(void *arg)
{
    struct door_errand *errand = arg;
    struct pg_session *session = pg_session_new(errand->base.loop, errand->canary_target, NULL);
    ensure(session != NULL); /* the target was accepted before */
    pg_session_free(errand->canary);
    errand->canary = session;
    pg_session_connect(session, errand_part_us(&errand->base), on_canary, errand);
}

/* ---- shut -------------------------------------------------------------------------------- */

static void on_sweep(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    struct door_report *report = &errand->report;
    struct sessions sessions = { 0 };
    if (result->outcome != PG_OK) {
        door_trouble(errand, result, "ending sessions", shut_begin);
        return;
    }
    if (!sessions_read(result, &sessions, &report->why)) {
        door_end(errand, DOOR_UNPROVEN);
        return;
    }
    errand->swept_own = true;
    report->writers = sessions.left;
    report->writers_known = true;
    report->sessions_ended += sessions.ended;
    if (sessions.left > 0) {
        fault_set(&report->why, "%zu sessions that could write are left%s: %s", sessions.left,
                  sessions.untouchable > 0 ? ", a superuser's among them, which the guard's role can't end" : "",
                  sessions.who);
        errand_pause(&errand->base, sessions.ended > 0 ? ERRAND_POLL_US : ERRAND_RETRY_US, shut_sweep);
        return;
    }
    int64_t now_us = base_mono_us();
    if (errand->late_logins_over_us > now_us) {
        fault_set(&report->why, "waiting for logins that may have begun before the door was shut");
        errand->last_round = true;
        errand_pause(&errand->base, errand->late_logins_over_us - now_us, shut_begin);
        return;
    }
    if (!errand->last_round) { /* the sweep itself took longer than that: once more, from the canary */
        errand->last_round = true;
        shut_begin(errand);
        return;
    }
    report->confirmed_us = now_us;
    fault_set(&report->why, "shut and confirmed: no session that could write is left, %zu were ended",
              report->sessions_ended);
    door_end(errand, DOOR_DONE);
}

static void shut_sweep(void *arg)
{
    struct door_errand *errand = arg;
    const char *params[] = { errand->swept_own ? "false" : "true" };
    errand_query(&errand->base, sessions_end_sql, params, 1, on_sweep);
}

static void shut_refused(struct door_errand *errand)
{
    struct door_report *report = &errand->report;
    if (report->shut_us == 0) {
        report->shut_us = base_mono_us();
        errand->late_logins_over_us = report->shut_us + errand->login_limit_us + LOGIN_MARGIN_US;
        fault_set(&report->why, "new sessions are kept out");
        if (errand->progress != NULL) {
            struct door_report so_far = *report;
            bool gone = false;
            errand->gone = &gone;
            errand->progress(errand->arg, &so_far);
            if (gone)
                return;
            errand->gone = NULL;
        }
    }
    errand->swept_own = false;
    shut_sweep(errand);
}

static void on_shut_reloaded(void *arg, const struct pg_answer *result)
{
    if (result->outcome != PG_OK)
        door_trouble(arg, result, "having the server read its settings", shut_begin);
    else
        canary_begin(arg);
}

static void on_shut_read_only(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK)
        door_trouble(errand, result, "setting default_transaction_read_only", shut_begin);
    else
        errand_query(&errand->base, sql_reload, NULL, 0, on_shut_reloaded);
}

static void on_shut_library(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK)
        door_trouble(errand, result, "setting session_preload_libraries", shut_begin);
    else
        errand_query(&errand->base, sql_shut_read_only, NULL, 0, on_shut_read_only);
}

static void shut_settings(struct door_errand *errand)
{
    errand->touched = true;
    errand_query(&errand->base, sql_shut_library, NULL, 0, on_shut_library);
}

static void on_shut_limits(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    int64_t limit_s = 0;
    if (result->outcome != PG_OK || !pg_answer_i64(result, 0, 0, &limit_s) ||
        !pg_answer_bool(result, 0, 1, &errand->report.in_recovery)) {
        door_trouble(errand, result, "reading authentication_timeout", shut_begin);
        return;
    }
    if (limit_s * CLOCK_US_PER_S > errand->login_limit_us)
        errand->login_limit_us = limit_s * CLOCK_US_PER_S;
    /* Set again in the last round too: it is cheap, and somebody may have reset it meanwhile. */
    shut_settings(errand);
}

static void on_shut_connected(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK)
        door_trouble(errand, result, "the guard's login", shut_begin);
    else
        errand_query(&errand->base, sql_limits, NULL, 0, on_shut_limits);
}

static void shut_begin(void *arg)
{
    struct door_errand *errand = arg;
    errand_connect(&errand->base, on_shut_connected);
}

struct door_errand *door_shut(struct loop *loop, const struct door_settings *settings, int64_t deadline_us,
                              door_fn *progress, door_fn *done, void *arg, struct fault *fault)
{
    struct door_errand *errand =
        door_errand_new(DOOR_TASK_SHUT, loop, settings, deadline_us, on_deadline, arg, fault);
    if (errand == NULL)
        return NULL;
    errand->progress = progress;
    errand->done = done;
    shut_begin(errand);
    return errand;
}

/* ---- open -------------------------------------------------------------------------------- */

/* The time was over on the server's clock when it was to read its settings. On disk the door is open,
 * and any reload or restart would open it: back with it, through the steps of shut as far as the reload. */
static void on_late_reloaded(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK) {
        fault_set(&errand->report.why, "the lease's end came first, and the door could not be shut again on disk (%s): "
                  "shut it", result->message);
        door_end(errand, DOOR_FAILED);
        return;
    }
    fault_set(&errand->report.why, "the lease's end came before the door was opened; it was told to stay shut");
    door_end(errand, DOOR_LATE);
}

static void on_late_setting(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK)
        on_late_reloaded(errand, result);
    else if (++errand->late_settings == 2)
        errand_query(&errand->base, sql_reload, NULL, 0, on_late_reloaded);
    else
        errand_query(&errand->base, sql_shut_read_only, NULL, 0, on_late_setting);
}

static void open_late(struct door_errand *errand)
{
    if (errand->touched) {
        errand_query(&errand->base, sql_shut_library, NULL, 0, on_late_setting);
        return;
    }
    fault_set(&errand->report.why, "the lease's end came before the door was opened; nothing was changed");
    door_end(errand, DOOR_LATE);
}

static void on_canary_mode(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK) {
        door_trouble(errand, result, "asking as the canary", canary_begin);
        return;
    }
    if (strcmp(pg_answer_text(result, 0, 0), "off") != 0) {
        fault_set(&errand->report.why, "new sessions get in, but are read only by default: is "
                  "default_transaction_read_only set elsewhere too?");
        errand_pause(&errand->base, ERRAND_POLL_US, canary_begin);
        return;
    }
    fault_set(&errand->report.why, "open: a new session gets in and may write");
    door_end(errand, DOOR_DONE);
}

static void open_admitted(struct door_errand *errand)
{
    pg_session_query(errand->canary, "show default_transaction_read_only", NULL, 0, errand_part_us(&errand->base),
                     on_canary_mode, errand);
}

static void on_open_reloaded(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK)
        door_trouble(errand, result, "having the server read its settings", open_begin);
    else if (pg_answer_is_null(result, 0, 0))
        open_late(errand);
    else
        canary_begin(errand);
}

static void on_open_clock(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    int64_t server_wall_us = 0;
    if (result->outcome != PG_OK || !pg_answer_i64(result, 0, 0, &server_wall_us)) {
        door_trouble(errand, result, "reading the server's clock", open_begin);
        return;
    }
    char deadline[ERRAND_NUMBER_MAX];
    errand_server_deadline(deadline, sizeof deadline, server_wall_us, result->received_us, errand->not_after_us);
    const char *params[] = { deadline };
    errand_query(&errand->base, sql_open_reload, params, 1, on_open_reloaded);
}

static void on_open_read_only(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK)
        door_trouble(errand, result, "resetting default_transaction_read_only", open_begin);
    else
        errand_query(&errand->base, sql_clock, NULL, 0, on_open_clock);
}

static void on_open_library(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK)
        door_trouble(errand, result, "resetting session_preload_libraries", open_begin);
    else
        errand_query(&errand->base, sql_open_read_only, NULL, 0, on_open_read_only);
}

static void on_open_connected(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK) {
        door_trouble(errand, result, "the guard's login", open_begin);
        return;
    }
    if (base_mono_us() >= errand->not_after_us) {
        open_late(errand);
        return;
    }
    errand->touched = true;
    errand_query(&errand->base, sql_open_library, NULL, 0, on_open_library);
}

static void open_begin(void *arg)
{
    struct door_errand *errand = arg;
    errand_connect(&errand->base, on_open_connected);
}

struct door_errand *door_open(struct loop *loop, const struct door_settings *settings, int64_t not_after_us,
                              int64_t deadline_us, door_fn *done, void *arg, struct fault *fault)
{
    struct door_errand *errand =
        door_errand_new(DOOR_TASK_OPEN, loop, settings, deadline_us, on_deadline, arg, fault);
    if (errand == NULL)
        return NULL;
    errand->done = done;
    errand->not_after_us = not_after_us;
    open_begin(errand);
    return errand;
}

/* ---- inspect ----------------------------------------------------------------------------- */

static void inspect_end(struct door_errand *errand)
{
    fault_set(&errand->report.why, errand->report.state == DOOR_STATE_OPEN ? "open: a new session gets in"
                                                                            : "shut: new sessions are kept out");
    door_end(errand, DOOR_DONE);
}

static void on_inspect_count(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    struct sessions sessions = { 0 };
    if (result->outcome == PG_OK && sessions_read(result, &sessions, &errand->report.why)) {
        errand->report.writers = sessions.left;
        errand->report.writers_known = true;
    }
    canary_begin(errand); /* which tells the state even if this did not work */
}

static void on_inspect_connected(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome == PG_OK)
        errand_query(&errand->base, sessions_count_sql, NULL, 0, on_inspect_count);
    else
        canary_begin(errand);
}

static void inspect_begin(void *arg)
{
    struct door_errand *errand = arg;
    errand_connect(&errand->base, on_inspect_connected);
}

struct door_errand *door_inspect(struct loop *loop, const struct door_settings *settings, int64_t deadline_us,
                                 door_fn *done, void *arg, struct fault *fault)
{
    struct door_errand *errand =
        door_errand_new(DOOR_TASK_INSPECT, loop, settings, deadline_us, on_deadline, arg, fault);
    if (errand == NULL)
        return NULL;
    errand->done = done;
    inspect_begin(errand);
    return errand;
}

const char *door_outcome_name(enum door_outcome outcome)
{
    switch (outcome) {
    case DOOR_DONE: return "done";
    case DOOR_LATE: return "late";
    case DOOR_FAILED: return "failed";
    case DOOR_UNPROVEN: return "unproven";
    }
    return "invalid";
}
