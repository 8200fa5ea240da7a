/* A session's statements: they wait in a queue and are sent one by one; what came of each. See pg_session.h. */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/pg_session.h"
#include "coordinator/base/pg_session_internal.h"
#include "coordinator/base/pg_trouble.h"
#include "coordinator/base/text.h"

/* ---- the queue --------------------------------------------------------------------------- */

struct pg_query *pg_query_add(struct pg_session *session, const char *sql, const char *const *params,
                              size_t param_count, int64_t timeout_us, pg_answer_fn *fn, void *arg)
{
    ensure(session->queued < PG_QUEUE_MAX && param_count <= PG_PARAMS_MAX);
    ensure(!session->target->replication || param_count == 0);
    ensure(session->state != SESSION_STREAMING);
    struct pg_query *query = calloc(1, sizeof *query);
    ensure(query != NULL);
    query->sql = strdup(sql);
    ensure(query->sql != NULL);
    for (size_t i = 0; i < param_count; i++) {
        query->params[i] = params[i] != NULL ? strdup(params[i]) : NULL;
        ensure(params[i] == NULL || query->params[i] != NULL);
    }
    query->param_count = param_count;
    query->timeout_us = timeout_us;
    query->doomed = session->state == SESSION_DOWN;
    query->fn = fn;
    query->arg = arg;
    if (session->tail != NULL)
        session->tail->next = query;
    else
        session->head = query;
    session->tail = query;
    session->queued++;
    if (session->state == SESSION_DOWN || session->state == SESSION_READY)
        timer_set_after_us(&session->kick, 0);
    return query;
}

void pg_session_query(struct pg_session *session, const char *sql, const char *const *params,
                      size_t param_count, int64_t timeout_us, pg_answer_fn *fn, void *arg)
{
    (void)pg_query_add(session, sql, params, param_count, timeout_us, fn, arg);
}

void pg_query_free(struct pg_query *query)
{
    free(query->sql);
    for (size_t i = 0; i < query->param_count; i++)
        free(query->params[i]);
    free(query);
}

struct pg_query *pg_query_take(struct pg_session *session)
{
    struct pg_query *query = session->head;
    session->head = query->next;
    if (session->head == NULL)
        session->tail = NULL;
    session->queued--;
    return query;
}

/* ---- the one on its way ------------------------------------------------------------------ */

static void query_finish(struct pg_session *session, struct pg_answer *result)
{
    struct pg_query *query = pg_query_take(session);
    PGresult *rows = session->last;
    session->last = NULL;
    timer_cancel(&session->timer);
    result->sent_us = session->sent_us;
    result->received_us = base_mono_us();
    if (session->state == SESSION_QUERYING)
        session->state = SESSION_READY;
    result->handle = rows;
    if (rows != NULL) {
        result->rows = (size_t)PQntuples(rows);
        result->columns = (size_t)PQnfields(rows);
    }
    bool alive = pg_session_call(session, query->fn, query->arg, result);
    PQclear(rows);
    pg_query_free(query);
    if (alive && session->head != NULL)
        timer_set_after_us(&session->kick, 0);
}

/* A message that the server sent before says more than what the socket says. */
void pg_query_lost(struct pg_session *session, enum pg_outcome outcome, const char *text)
{
    char message[PG_MESSAGE_MAX];
    struct pg_answer result = { .outcome = outcome, .message = message };
    pg_message_tidy(message, sizeof message, text);
    if (session->last != NULL) {
        const char *said = PQresultErrorField(session->last, PG_DIAG_MESSAGE_PRIMARY);
        const char *state = PQresultErrorField(session->last, PG_DIAG_SQLSTATE);
        if (said != NULL)
            pg_message_tidy(message, sizeof message, said);
        if (state != NULL)
            (void)text_copy(result.sqlstate, sizeof result.sqlstate, state);
    }
    pg_session_drop(session);
    (void)text_copy(session->down_message, sizeof session->down_message, message);
    query_finish(session, &result);
}

static void query_done(struct pg_session *session)
{
    char message[PG_MESSAGE_MAX] = "";
    struct pg_answer result = { .outcome = PG_OK, .message = message };
    ExecStatusType status = PQresultStatus(session->last);
    if (PQstatus(session->connection) == CONNECTION_BAD) {
        pg_query_lost(session, PG_LOST, PQerrorMessage(session->connection));
        return;
    }
    if (status == PGRES_COPY_BOTH && session->head->streams) {
        session->state = SESSION_STREAMING;
        timer_set_after_us(&session->kick, 0); /* the first of it may have come along */
        query_finish(session, &result);
        return;
    }
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
        const char *said = PQresultErrorField(session->last, PG_DIAG_MESSAGE_PRIMARY);
        const char *state = PQresultErrorField(session->last, PG_DIAG_SQLSTATE);
        const char *severity = PQresultErrorField(session->last, PG_DIAG_SEVERITY_NONLOCALIZED);
        if (severity != NULL && strcmp(severity, "ERROR") != 0) { /* FATAL: the session ends with it */
            pg_query_lost(session, PG_LOST, said != NULL ? said : "the server ended the session");
            return;
        }
        result.outcome = PG_ERROR;
        pg_message_tidy(message, sizeof message, said != NULL ? said : PQresultErrorMessage(session->last));
        if (state != NULL)
            (void)text_copy(result.sqlstate, sizeof result.sqlstate, state);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            pg_query_lost(session, PG_LOST, "the statement began a COPY, which this session does not speak");
            return;
        }
    }
    query_finish(session, &result);
}

static void query_send(struct pg_session *session)
{
    struct pg_query *query = session->head;
    session->state = SESSION_QUERYING;
    session->sent_us = base_mono_us();
    timer_set_after_us(&session->timer, query->timeout_us);
    /* A replication session takes the simple protocol only. */
    int sent = session->target->replication
                   ? PQsendQuery(session->connection, query->sql)
                   : PQsendQueryParams(session->connection, query->sql, (int)query->param_count, NULL,
                                       (const char *const *)query->params, NULL, NULL, 0);
    if (sent != 1)
        pg_query_lost(session, PG_LOST, PQerrorMessage(session->connection));
}

/* The last result of a statement counts, except that what the server said before it hung up says more
 * than libpq's own word on the hanging up, which comes after it. */
static void result_keep(struct pg_session *session, PGresult *result)
{
    if (session->last != NULL && PQresultErrorField(session->last, PG_DIAG_SQLSTATE) != NULL) {
        PQclear(result);
        return;
    }
    PQclear(session->last);
    session->last = result;
}

void pg_query_advance(struct pg_session *session)
{
    int consumed = PQconsumeInput(session->connection);
    int flushed = consumed == 1 ? PQflush(session->connection) : -1;
    while (!PQisBusy(session->connection)) {
        PGresult *result = PQgetResult(session->connection);
        if (result == NULL) {
            query_done(session);
            return;
        }
        ExecStatusType status = PQresultStatus(result);
        result_keep(session, result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            query_done(session);
            return;
        }
    }
    if (consumed != 1 || flushed < 0) {
        pg_query_lost(session, PG_LOST, PQerrorMessage(session->connection));
        return;
    }
    short what = flushed == 1 ? EV_READ | EV_WRITE | EV_PERSIST : EV_READ | EV_PERSIST;
    if ((event_get_events(session->event) & EV_WRITE) != (what & EV_WRITE) && !pg_session_wait(session, what))
        pg_query_lost(session, PG_OBSERVER, "the event loop took no socket");
}

/* Between queries the server may hang up, or send a notice or the like. */
void pg_query_idle(struct pg_session *session)
{
    if (session->head != NULL) {
        query_send(session);
        if (session->state == SESSION_QUERYING)
            pg_query_advance(session);
        return;
    }
    if (PQconsumeInput(session->connection) != 1 || PQstatus(session->connection) == CONNECTION_BAD) {
        pg_session_fail(session, PQerrorMessage(session->connection));
        return;
    }
    for (PGnotify *note = PQnotifies(session->connection); note != NULL; note = PQnotifies(session->connection))
        PQfreemem(note);
}
