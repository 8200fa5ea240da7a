/* How a session connects, and why it could not: see pg_session.h. */
#include <libpq-fe.h>
#include <stdio.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/pg_session.h"
#include "coordinator/base/pg_session_internal.h"
#include "coordinator/base/pg_trouble.h"
#include "coordinator/base/text.h"

/* A path at which there is nothing and nothing can be made, for the files that libpq would look for
 * in the home folder: it must be told some name, an empty one means "the usual". */
#define NO_FILE "/dev/null/none"
#define OPTIONS_MAX 24

static void connect_finish(struct pg_session *session, struct pg_answer *result)
{
    pg_answer_fn *fn = session->connect_fn;
    void *arg = session->connect_arg;
    session->connect_fn = NULL;
    result->sent_us = session->sent_us;
    result->received_us = base_mono_us();
    result->tcp_us = session->tcp_us;
    if (pg_session_call(session, fn, arg, result) && session->head != NULL)
        timer_set_after_us(&session->kick, 0);
}

void pg_connect_fail(struct pg_session *session, enum pg_outcome outcome, const char *text)
{
    char message[PG_MESSAGE_MAX];
    struct pg_answer result = { .outcome = outcome, .message = message };
    pg_message_tidy(message, sizeof message, text);
    if (outcome == PG_UNREACHABLE) {
        if (pg_sqlstate_find(message, result.sqlstate))
            result.outcome = pg_login_outcome(result.sqlstate);
        else
            result.outcome = pg_silent_outcome(session->tcp_us > 0, message);
    }
    pg_session_drop(session);
    (void)text_copy(session->down_message, sizeof session->down_message, message);
    connect_finish(session, &result);
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
        pg_connect_fail(session, PG_OBSERVER, "this process has no file descriptor left (see LimitNOFILE)");
        return;
    }
    session->connection = connect_start(session->target);
    if (session->connection == NULL) {
        pg_connect_fail(session, PG_OBSERVER, "out of memory");
        return;
    }
    (void)PQsetErrorVerbosity(session->connection, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(session->connection, notice_ignore, NULL);
    if (PQstatus(session->connection) == CONNECTION_BAD) {
        pg_connect_fail(session, PG_UNREACHABLE, PQerrorMessage(session->connection));
        return;
    }
    /* As if the poll had just asked to write, which libpq's manual prescribes. */
    if (!pg_session_wait(session, EV_WRITE))
        pg_connect_fail(session, PG_OBSERVER, "the event loop took no socket");
}

void pg_session_connect(struct pg_session *session, int64_t timeout_us, pg_answer_fn *fn, void *arg)
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

void pg_connect_advance(struct pg_session *session)
{
    if (session->connection == NULL) {
        on_connect_begin(session);
        return;
    }
    pg_session_unwatch(session);
    PostgresPollingStatusType poll = PQconnectPoll(session->connection);
    ConnStatusType status = PQstatus(session->connection);
    if (session->tcp_us == 0 && status != CONNECTION_STARTED && status != CONNECTION_NEEDED &&
        status != CONNECTION_BAD) {
        int64_t took_us = base_mono_us() - session->sent_us;
        session->tcp_us = took_us > 0 ? took_us : 1;
    }
    switch (poll) {
    case PGRES_POLLING_READING:
        if (!pg_session_wait(session, EV_READ))
            pg_connect_fail(session, PG_OBSERVER, "the event loop took no socket");
        return;
    case PGRES_POLLING_WRITING:
        if (!pg_session_wait(session, EV_WRITE))
            pg_connect_fail(session, PG_OBSERVER, "the event loop took no socket");
        return;
    case PGRES_POLLING_OK:
        break;
    case PGRES_POLLING_ACTIVE: /* "unused; keep for backwards compatibility", says libpq */
    case PGRES_POLLING_FAILED:
        pg_connect_fail(session, PG_UNREACHABLE, PQerrorMessage(session->connection));
        return;
    }
    if (PQsetnonblocking(session->connection, 1) != 0 || !pg_session_wait(session, EV_READ | EV_PERSIST)) {
        pg_connect_fail(session, PG_OBSERVER, "the connection could not be made non-blocking");
        return;
    }
    (void)PQsetErrorVerbosity(session->connection, PQERRORS_DEFAULT);
    timer_cancel(&session->timer);
    session->state = SESSION_READY;
    struct pg_answer result = { .outcome = PG_OK, .message = "" };
    connect_finish(session, &result);
}
