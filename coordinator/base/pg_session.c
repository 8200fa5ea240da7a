/* The connection machine: see pg_session.h.
 *
 * One function moves it: session_advance() looks at the state and does what the socket allows,
 * until it has to wait for it. The event on the socket is made anew before every wait, because
 * PQconnectPoll may close its socket and get the same number back for the next one, and an
 * epoll registration kept because "the fd did not change" never fires again.
 */
#include "coordinator/base/pg_session.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/pg_trouble.h"
#include "coordinator/base/pg_wal_stream.h"
#include "coordinator/base/text.h"

/* A path at which there is nothing and nothing can be made, for the files that libpq would look for
 * in the home folder: it must be told some name, an empty one means "the usual". */
#define NO_FILE "/dev/null/none"
#define OPTIONS_MAX 24
/* Of a stream, in one go: what the loop is kept busy with at most. */
#define STREAM_BATCH_MESSAGES 256
#define STREAM_BATCH_BYTES (1 << 20)
#define STREAM_SQL_MAX 64

enum session_state {
    SESSION_DOWN,       /* no connection; owns nothing of libpq */
    SESSION_CONNECTING, /* connection, event, timer */
    SESSION_READY,      /* connection, event (a server may hang up) */
    SESSION_QUERYING,   /* connection, event, timer; the head of the queue is on its way */
    SESSION_STREAMING,  /* connection, event; WAL comes in, confirmations go out, nothing else */
};

struct query {
    struct query *next;
    char *sql;
    char *params[PG_PARAMS_MAX];
    size_t param_count;
    int64_t timeout_us;
    bool doomed; /* the connection that it was meant for is gone */
    bool streams; /* a stream is to come of it */
    pg_result_fn *fn;
    void *arg;
};

struct pg_session {
    struct loop *loop;
    enum session_state state;
    PGconn *connection;
    struct event *event;      /* on the connection's socket; freed before libpq may close that */
    struct timer timer;       /* of the connect or query in progress */
    struct timer kick;        /* has the loop come back to begin, to send, or to tell of an end */
    struct query *head;
    struct query *tail;
    size_t queued;
    PGresult *last;           /* of the query in progress */
    int64_t sent_us;
    int64_t tcp_us;
    pg_result_fn *connect_fn; /* NULL when no connect is waiting for its callback */
    void *connect_arg;
    bool connect_doomed;      /* closed while connecting */
    struct pg_stream_handler stream;
    struct pg_wal_stream wal; /* where the stream is */
    bool stream_more;         /* the last batch was cut short: libpq still holds some */
    bool stream_doomed;       /* ended, and on_end has yet to be called */
    unsigned stream_reads;    /* since the last whole message */
    char down_message[PG_MESSAGE_MAX]; /* why there is no connection */
    bool *gone;               /* set when freed within a callback */
    struct pg_target *target; /* our own copy */
};

static void session_advance(struct pg_session *session);

/* ---- making and freeing ------------------------------------------------------------------ */

static void on_timeout(void *arg);
static void on_kick(void *arg);

struct pg_session *pg_session_new(struct loop *loop, const struct pg_target *target, struct fault *fault)
{
    pg_session_forget_environment();
    struct pg_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    session->loop = loop;
    timer_init(&session->timer, loop, on_timeout, session);
    timer_init(&session->kick, loop, on_kick, session);
    (void)text_copy(session->down_message, sizeof session->down_message, "not connected");
    session->target = pg_target_copy(target, fault);
    if (session->target == NULL) {
        pg_session_free(session);
        return NULL;
    }
    return session;
}

static void event_drop(struct pg_session *session)
{
    if (session->event != NULL)
        event_free(session->event); /* deletes it as well */
    session->event = NULL;
}

/* Ends the connection at once, and with it the hope of everything queued. The socket is non-blocking,
 * and before the login is through libpq sends no farewell, so PQfinish does not wait either. */
static void connection_drop(struct pg_session *session)
{
    event_drop(session);
    timer_cancel(&session->timer);
    PQclear(session->last);
    session->last = NULL;
    if (session->connection != NULL)
        PQfinish(session->connection);
    session->connection = NULL;
    session->state = SESSION_DOWN;
    for (struct query *query = session->head; query != NULL; query = query->next)
        query->doomed = true;
}

static void query_free(struct query *query)
{
    free(query->sql);
    for (size_t i = 0; i < query->param_count; i++)
        free(query->params[i]);
    free(query);
}

static struct query *queue_take(struct pg_session *session)
{
    struct query *query = session->head;
    session->head = query->next;
    if (session->head == NULL)
        session->tail = NULL;
    session->queued--;
    return query;
}

void pg_session_free(struct pg_session *session)
{
    if (session == NULL)
        return;
    if (session->gone != NULL)
        *session->gone = true;
    connection_drop(session);
    timer_cancel(&session->kick);
    while (session->head != NULL)
        query_free(queue_take(session));
    pg_target_free(session->target);
    free(session);
}

/* ---- giving results ---------------------------------------------------------------------- */

/* True when the session is still there afterwards. */
static bool session_call(struct pg_session *session, pg_result_fn *fn, void *arg, const struct pg_result *result)
{
    bool gone = false;
    bool *outer = session->gone;
    session->gone = &gone;
    fn(arg, result);
    if (gone) {
        if (outer != NULL)
            *outer = true;
        return false;
    }
    session->gone = outer;
    return true;
}

/* Ends the connection and remembers why; on_kick tells everyone who waits. */
static void session_fail(struct pg_session *session, const char *message)
{
    if (session->connect_fn != NULL)
        session->connect_doomed = true;
    session->stream_doomed = session->stream_doomed || session->state == SESSION_STREAMING;
    pg_message_tidy(session->down_message, sizeof session->down_message, message);
    connection_drop(session);
    timer_set_after_us(&session->kick, 0);
}

/* Tells those whose connection is gone. False when the session is gone as well. */
static bool doomed_tell(struct pg_session *session)
{
    if (session->connect_doomed) {
        session->connect_doomed = false;
        pg_result_fn *fn = session->connect_fn;
        session->connect_fn = NULL;
        struct pg_result result = { .outcome = PG_LOST, .message = session->down_message,
                                    .sent_us = session->sent_us, .received_us = base_mono_us() };
        if (!session_call(session, fn, session->connect_arg, &result))
            return false;
    }
    if (session->stream_doomed) {
        session->stream_doomed = false;
        struct pg_result result = { .outcome = PG_LOST, .message = session->down_message,
                                    .received_us = base_mono_us() };
        if (!session_call(session, session->stream.on_end, session->stream.arg, &result))
            return false;
    }
    while (session->head != NULL && session->head->doomed) {
        struct query *query = queue_take(session);
        struct pg_result result = { .outcome = PG_LOST, .message = session->down_message,
                                    .received_us = base_mono_us() };
        bool alive = session_call(session, query->fn, query->arg, &result);
        query_free(query);
        if (!alive)
            return false;
    }
    return true;
}

static void on_kick(void *arg)
{
    struct pg_session *session = arg;
    if (!doomed_tell(session))
        return;
    bool due = session->state == SESSION_CONNECTING ? session->connection == NULL
               : session->state == SESSION_READY    ? session->head != NULL
                                                    : session->state == SESSION_STREAMING;
    if (due)
        session_advance(session);
}

/* ---- connecting -------------------------------------------------------------------------- */

static void connect_finish(struct pg_session *session, struct pg_result *result)
{
    pg_result_fn *fn = session->connect_fn;
    void *arg = session->connect_arg;
    session->connect_fn = NULL;
    result->sent_us = session->sent_us;
    result->received_us = base_mono_us();
    result->tcp_us = session->tcp_us;
    if (session_call(session, fn, arg, result) && session->head != NULL)
        timer_set_after_us(&session->kick, 0);
}

static void connect_fail(struct pg_session *session, enum pg_outcome outcome, const char *text)
{
    char message[PG_MESSAGE_MAX];
    struct pg_result result = { .outcome = outcome, .message = message };
    pg_message_tidy(message, sizeof message, text);
    if (outcome == PG_UNREACHABLE) {
        if (pg_sqlstate_find(message, result.sqlstate))
            result.outcome = pg_login_outcome(result.sqlstate);
        else
            result.outcome = pg_silent_outcome(session->tcp_us > 0, message);
    }
    connection_drop(session);
    (void)text_copy(session->down_message, sizeof session->down_message, message);
    connect_finish(session, &result);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    session_advance(arg);
}

static bool wait_for(struct pg_session *session, short what)
{
    event_drop(session);
    session->event = event_new(loop_base(session->loop), PQsocket(session->connection), what, on_socket, session);
    return session->event != NULL && event_add(session->event, NULL) == 0;
}

static void notice_ignore(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static PGconn *connect_start(const struct pg_target *target)
{
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)target->port);
    /* A literal counts as address too: otherwise libpq would look it up. */
    const char *hostaddr = target->hostaddr;
    if (hostaddr == NULL && target->host[0] != '/')
        hostaddr = target->host;
    const char *keys[OPTIONS_MAX];
    const char *values[OPTIONS_MAX];
    size_t count = 0;
    const struct { const char *key; const char *value; } options[] = {
        { "host", target->host },
        { "hostaddr", hostaddr },
        { "port", port },
        { "dbname", target->dbname },
        { "user", target->user },
        { "password", target->password },
        { "passfile", NO_FILE },
        { "sslmode", target->sslmode != NULL ? target->sslmode : "prefer" },
        { "sslrootcert", target->ca_file != NULL ? target->ca_file : NO_FILE },
        { "sslcert", NO_FILE },
        { "sslkey", NO_FILE },
        { "sslcrl", NO_FILE },
        { "gssencmode", "disable" },
        { "client_encoding", "UTF8" },
        { "target_session_attrs", "any" },
        { "application_name", target->application_name != NULL ? target->application_name : "failoverd" },
        { "options", target->options },
        { "replication", target->replication ? "true" : NULL },
        { "keepalives_idle", "10" },
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i].value == NULL)
            continue;
        keys[count] = options[i].key;
        values[count++] = options[i].value;
    }
    keys[count] = NULL;
    values[count] = NULL;
    return PQconnectStartParams(keys, values, 0);
}

static void on_connect_begin(struct pg_session *session)
{
    if (!pg_descriptor_is_free()) {
        connect_fail(session, PG_OBSERVER, "this process has no file descriptor left (see LimitNOFILE)");
        return;
    }
    session->connection = connect_start(session->target);
    if (session->connection == NULL) {
        connect_fail(session, PG_OBSERVER, "out of memory");
        return;
    }
    (void)PQsetErrorVerbosity(session->connection, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(session->connection, notice_ignore, NULL);
    if (PQstatus(session->connection) == CONNECTION_BAD) {
        connect_fail(session, PG_UNREACHABLE, PQerrorMessage(session->connection));
        return;
    }
    /* As if the poll had just asked to write, which libpq's manual prescribes. */
    if (!wait_for(session, EV_WRITE))
        connect_fail(session, PG_OBSERVER, "the event loop took no socket");
}

void pg_session_connect(struct pg_session *session, int64_t timeout_us, pg_result_fn *fn, void *arg)
{
    ensure(session->state == SESSION_DOWN && session->connect_fn == NULL);
    session->connect_fn = fn;
    session->connect_arg = arg;
    session->state = SESSION_CONNECTING;
    session->sent_us = base_mono_us();
    session->tcp_us = 0;
    timer_set_after_us(&session->timer, timeout_us);
    /* libpq is first called from the loop, so that no callback comes from within this call. */
    timer_set_after_us(&session->kick, 0);
}

static void connect_advance(struct pg_session *session)
{
    if (session->connection == NULL) {
        on_connect_begin(session);
        return;
    }
    event_drop(session);
    PostgresPollingStatusType poll = PQconnectPoll(session->connection);
    ConnStatusType status = PQstatus(session->connection);
    if (session->tcp_us == 0 && status != CONNECTION_STARTED && status != CONNECTION_NEEDED &&
        status != CONNECTION_BAD) {
        int64_t took_us = base_mono_us() - session->sent_us;
        session->tcp_us = took_us > 0 ? took_us : 1;
    }
    switch (poll) {
    case PGRES_POLLING_READING:
        if (!wait_for(session, EV_READ))
            connect_fail(session, PG_OBSERVER, "the event loop took no socket");
        return;
    case PGRES_POLLING_WRITING:
        if (!wait_for(session, EV_WRITE))
            connect_fail(session, PG_OBSERVER, "the event loop took no socket");
        return;
    case PGRES_POLLING_OK:
        break;
    case PGRES_POLLING_ACTIVE: /* "unused; keep for backwards compatibility", says libpq */
    case PGRES_POLLING_FAILED:
        connect_fail(session, PG_UNREACHABLE, PQerrorMessage(session->connection));
        return;
    }
    if (PQsetnonblocking(session->connection, 1) != 0 || !wait_for(session, EV_READ | EV_PERSIST)) {
        connect_fail(session, PG_OBSERVER, "the connection could not be made non-blocking");
        return;
    }
    (void)PQsetErrorVerbosity(session->connection, PQERRORS_DEFAULT);
    timer_cancel(&session->timer);
    session->state = SESSION_READY;
    struct pg_result result = { .outcome = PG_OK, .message = "" };
    connect_finish(session, &result);
}

/* ---- querying ---------------------------------------------------------------------------- */

static void query_finish(struct pg_session *session, struct pg_result *result)
{
    struct query *query = queue_take(session);
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
    bool alive = session_call(session, query->fn, query->arg, result);
    PQclear(rows);
    query_free(query);
    if (alive && session->head != NULL)
        timer_set_after_us(&session->kick, 0);
}

/* The connection is over under a query. A message that the server sent before says more than what
 * the socket says. */
static void query_lost(struct pg_session *session, enum pg_outcome outcome, const char *text)
{
    char message[PG_MESSAGE_MAX];
    struct pg_result result = { .outcome = outcome, .message = message };
    pg_message_tidy(message, sizeof message, text);
    if (session->last != NULL) {
        const char *said = PQresultErrorField(session->last, PG_DIAG_MESSAGE_PRIMARY);
        const char *state = PQresultErrorField(session->last, PG_DIAG_SQLSTATE);
        if (said != NULL)
            pg_message_tidy(message, sizeof message, said);
        if (state != NULL)
            (void)text_copy(result.sqlstate, sizeof result.sqlstate, state);
    }
    connection_drop(session);
    (void)text_copy(session->down_message, sizeof session->down_message, message);
    query_finish(session, &result);
}

static void query_done(struct pg_session *session)
{
    char message[PG_MESSAGE_MAX] = "";
    struct pg_result result = { .outcome = PG_OK, .message = message };
    ExecStatusType status = PQresultStatus(session->last);
    if (PQstatus(session->connection) == CONNECTION_BAD) {
        query_lost(session, PG_LOST, PQerrorMessage(session->connection));
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
            query_lost(session, PG_LOST, said != NULL ? said : "the server ended the session");
            return;
        }
        result.outcome = PG_ERROR;
        pg_message_tidy(message, sizeof message, said != NULL ? said : PQresultErrorMessage(session->last));
        if (state != NULL)
            (void)text_copy(result.sqlstate, sizeof result.sqlstate, state);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            query_lost(session, PG_LOST, "the statement began a COPY, which this session does not speak");
            return;
        }
    }
    query_finish(session, &result);
}

static void query_send(struct pg_session *session)
{
    struct query *query = session->head;
    session->state = SESSION_QUERYING;
    session->sent_us = base_mono_us();
    timer_set_after_us(&session->timer, query->timeout_us);
    /* A replication session takes the simple protocol only. */
    int sent = session->target->replication
                   ? PQsendQuery(session->connection, query->sql)
                   : PQsendQueryParams(session->connection, query->sql, (int)query->param_count, NULL,
                                       (const char *const *)query->params, NULL, NULL, 0);
    if (sent != 1)
        query_lost(session, PG_LOST, PQerrorMessage(session->connection));
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

static void query_advance(struct pg_session *session)
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
        query_lost(session, PG_LOST, PQerrorMessage(session->connection));
        return;
    }
    short what = flushed == 1 ? EV_READ | EV_WRITE | EV_PERSIST : EV_READ | EV_PERSIST;
    if ((event_get_events(session->event) & EV_WRITE) != (what & EV_WRITE) && !wait_for(session, what))
        query_lost(session, PG_OBSERVER, "the event loop took no socket");
}

/* Between queries the server may hang up, or send a notice or the like. */
static void idle_advance(struct pg_session *session)
{
    if (session->head != NULL) {
        query_send(session);
        if (session->state == SESSION_QUERYING)
            query_advance(session);
        return;
    }
    if (PQconsumeInput(session->connection) != 1 || PQstatus(session->connection) == CONNECTION_BAD) {
        session_fail(session, PQerrorMessage(session->connection));
        return;
    }
    for (PGnotify *note = PQnotifies(session->connection); note != NULL; note = PQnotifies(session->connection))
        PQfreemem(note);
}

/* ---- streaming --------------------------------------------------------------------------- */

/* The stream is over: what the server said of it, or else `text`. */
static void stream_end(struct pg_session *session, const char *text)
{
    char message[PG_MESSAGE_MAX];
    pg_message_tidy(message, sizeof message, text);
    while (PQisBusy(session->connection) == 0) {
        PGresult *result = PQgetResult(session->connection);
        const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        ExecStatusType status = PQresultStatus(result);
        if (said != NULL)
            pg_message_tidy(message, sizeof message, said);
        PQclear(result);
        if (result == NULL || said != NULL || status == PGRES_COPY_BOTH || status == PGRES_COPY_IN)
            break;
    }
    session_fail(session, message);
}

/* Takes what has come, up to a batch. False when the stream is over. */
static bool stream_take(struct pg_session *session, bool *any)
{
    size_t bytes_taken = 0;
    struct fault fault;
    session->stream_more = false;
    for (int count = 0; count < STREAM_BATCH_MESSAGES && bytes_taken < STREAM_BATCH_BYTES; count++) {
        char *bytes = NULL;
        int length = PQgetCopyData(session->connection, &bytes, 1);
        if (length == 0)
            return true;
        if (length < 0) {
            stream_end(session, length == -1 ? "the server ended the stream" : PQerrorMessage(session->connection));
            return false;
        }
        bool good = pg_wal_stream_take(&session->wal, (const unsigned char *)bytes, (size_t)length, &fault);
        PQfreemem(bytes);
        if (!good) {
            session_fail(session, fault.text);
            return false;
        }
        *any = true;
        session->stream_reads = 0;
        bytes_taken += (size_t)length;
    }
    session->stream_more = true;
    return true;
}

static void stream_advance(struct pg_session *session)
{
    bool any = false;
    /* Nothing more is read while libpq holds some: its buffer stays as big as one message. */
    bool read = session->stream_more || PQconsumeInput(session->connection) == 1;
    session->stream_reads += session->stream_more ? 0 : 1;
    if (!stream_take(session, &any))
        return;
    if (!read) {
        stream_end(session, PQerrorMessage(session->connection));
        return;
    }
    if (session->stream_reads > PG_STREAM_READS_MAX) {
        session_fail(session, "the server began a message and does not finish it");
        return;
    }
    if (session->stream_more)
        timer_set_after_us(&session->kick, 0);
    struct pg_stream_progress progress = { session->wal.received_lsn, session->wal.reply_wanted };
    session->wal.reply_wanted = false;
    if (any)
        session->stream.on_progress(session->stream.arg, &progress);
}

bool pg_session_stream_confirm(struct pg_session *session, uint64_t lsn)
{
    unsigned char status[PG_WAL_STATUS_BYTES];
    if (session->state != SESSION_STREAMING)
        return false;
    pg_wal_stream_status(status, lsn, base_wall_us());
    if (PQputCopyData(session->connection, (const char *)status, sizeof status) == 1 &&
        PQflush(session->connection) == 0)
        return true;
    session_fail(session, "the server takes no confirmations (a stopped one does this)");
    return false;
}

static void session_advance(struct pg_session *session)
{
    switch (session->state) {
    case SESSION_DOWN: return;
    case SESSION_CONNECTING: connect_advance(session); return;
    case SESSION_READY: idle_advance(session); return;
    case SESSION_QUERYING: query_advance(session); return;
    case SESSION_STREAMING: stream_advance(session); return;
    }
}

static void on_timeout(void *arg)
{
    struct pg_session *session = arg;
    char message[PG_MESSAGE_MAX];
    char took[CLOCK_DURATION_TEXT_MAX];
    (void)base_format_duration(took, sizeof took, base_mono_us() - session->sent_us);
    if (session->state == SESSION_CONNECTING) {
        (void)snprintf(message, sizeof message,
                       session->tcp_us == 0 ? "no connection within %s"
                                            : "connected, but no answer to the login within %s (a stopped or "
                                              "overloaded server does this)", took);
        connect_fail(session, PG_TIMEOUT, message);
    } else if (session->state == SESSION_QUERYING) {
        (void)snprintf(message, sizeof message, "no answer to the query within %s", took);
        query_lost(session, PG_TIMEOUT, message);
    }
}

/* ---- the queue --------------------------------------------------------------------------- */

static struct query *query_add(struct pg_session *session, const char *sql, const char *const *params,
                               size_t param_count, int64_t timeout_us, pg_result_fn *fn, void *arg)
{
    ensure(session->queued < PG_QUEUE_MAX && param_count <= PG_PARAMS_MAX);
    ensure(!session->target->replication || param_count == 0);
    ensure(session->state != SESSION_STREAMING);
    struct query *query = calloc(1, sizeof *query);
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
                      size_t param_count, int64_t timeout_us, pg_result_fn *fn, void *arg)
{
    (void)query_add(session, sql, params, param_count, timeout_us, fn, arg);
}

void pg_session_stream(struct pg_session *session, uint64_t start_lsn, int64_t timeout_us,
                       const struct pg_stream_handler *handler, pg_result_fn *begun, void *arg)
{
    char sql[STREAM_SQL_MAX];
    ensure(session->target->replication);
    (void)snprintf(sql, sizeof sql, "START_REPLICATION PHYSICAL %" PRIX64 "/%" PRIX64, start_lsn >> 32,
                   start_lsn & UINT32_MAX);
    session->stream = *handler;
    session->wal = (struct pg_wal_stream){ .received_lsn = start_lsn };
    session->stream_more = false;
    session->stream_reads = 0;
    query_add(session, sql, NULL, 0, timeout_us, begun, arg)->streams = true;
}

void pg_session_close(struct pg_session *session)
{
    if (session->state != SESSION_DOWN)
        session_fail(session, "closed by us");
}

bool pg_session_is_connected(const struct pg_session *session)
{
    return session->state == SESSION_READY || session->state == SESSION_QUERYING ||
           session->state == SESSION_STREAMING;
}

int pg_session_server_version(const struct pg_session *session)
{
    return session->connection != NULL ? PQserverVersion(session->connection) : 0;
}

/* ---- reading results --------------------------------------------------------------------- */

bool pg_result_is_null(const struct pg_result *result, size_t row, size_t column)
{
    return result->handle == NULL || row >= result->rows || column >= result->columns ||
           PQgetisnull(result->handle, (int)row, (int)column);
}

const char *pg_result_text(const struct pg_result *result, size_t row, size_t column)
{
    return pg_result_is_null(result, row, column) ? "" : PQgetvalue(result->handle, (int)row, (int)column);
}

bool pg_result_bool(const struct pg_result *result, size_t row, size_t column, bool *out)
{
    const char *text = pg_result_text(result, row, column);
    if (strcmp(text, "t") != 0 && strcmp(text, "f") != 0)
        return false;
    *out = text[0] == 't';
    return true;
}

bool pg_result_u64(const struct pg_result *result, size_t row, size_t column, uint64_t *out)
{
    unsigned long long value = 0;
    if (!text_parse_u64(pg_result_text(result, row, column), UINT64_MAX, &value))
        return false;
    *out = value;
    return true;
}

bool pg_result_i64(const struct pg_result *result, size_t row, size_t column, int64_t *out)
{
    const char *text = pg_result_text(result, row, column);
    bool negative = text[0] == '-';
    unsigned long long value = 0;
    if (!text_parse_u64(text + (negative ? 1 : 0), INT64_MAX, &value))
        return false;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}
