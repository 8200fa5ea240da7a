/* The connection machine: see pg_session.h.
 *
 * One function moves it: session_advance() looks at the state and has the part that it belongs to do what
 * the socket allows (pg_session_connect.c, pg_session_query.c, pg_session_stream.c), until it has to wait
 * for it. The event on the socket is made anew before every wait, because PQconnectPoll may close its
 * socket and get the same number back for the next one, and an epoll registration kept because "the fd
 * did not change" never fires again.
 */
#include "coordinator/base/pg_session.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/pg_session_internal.h"
#include "coordinator/base/pg_trouble.h"
#include "coordinator/base/text.h"

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

void pg_session_unwatch(struct pg_session *session)
{
    if (session->event != NULL)
        event_free(session->event); /* deletes it as well */
    session->event = NULL;
}

/* The socket is non-blocking, and before the login is through libpq sends no farewell, so PQfinish does not
 * wait either. */
void pg_session_drop(struct pg_session *session)
{
    pg_session_unwatch(session);
    timer_cancel(&session->timer);
    PQclear(session->last);
    session->last = NULL;
    if (session->connection != NULL)
        PQfinish(session->connection);
    session->connection = NULL;
    session->state = SESSION_DOWN;
    for (struct pg_query *query = session->head; query != NULL; query = query->next)
        query->doomed = true;
}

void pg_session_free(struct pg_session *session)
{
    if (session == NULL)
        return;
    if (session->gone != NULL)
        *session->gone = true;
    pg_session_drop(session);
    timer_cancel(&session->kick);
    while (session->head != NULL)
        pg_query_free(pg_query_take(session));
    pg_target_free(session->target);
    free(session);
}

/* ---- giving results ---------------------------------------------------------------------- */

bool pg_session_call(struct pg_session *session, pg_answer_fn *fn, void *arg, const struct pg_answer *result)
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

/* on_kick tells everyone who waits. */
void pg_session_fail(struct pg_session *session, const char *message)
{
    if (session->connect_fn != NULL)
        session->connect_doomed = true;
    session->stream_doomed = session->stream_doomed || session->state == SESSION_STREAMING;
    pg_message_tidy(session->down_message, sizeof session->down_message, message);
    pg_session_drop(session);
    timer_set_after_us(&session->kick, 0);
}

/* Tells those whose connection is gone. False when the session is gone as well. */
static bool doomed_tell(struct pg_session *session)
{
    if (session->connect_doomed) {
        session->connect_doomed = false;
        pg_answer_fn *fn = session->connect_fn;
        session->connect_fn = NULL;
        struct pg_answer result = { .outcome = PG_LOST, .message = session->down_message,
                                    .sent_us = session->sent_us, .received_us = base_mono_us() };
        if (!pg_session_call(session, fn, session->connect_arg, &result))
            return false;
    }
    if (session->stream_doomed) {
        session->stream_doomed = false;
        struct pg_answer result = { .outcome = PG_LOST, .message = session->down_message,
                                    .received_us = base_mono_us() };
        if (!pg_session_call(session, session->stream.on_end, session->stream.arg, &result))
            return false;
    }
    while (session->head != NULL && session->head->doomed) {
        struct pg_query *query = pg_query_take(session);
        struct pg_answer result = { .outcome = PG_LOST, .message = session->down_message,
                                    .received_us = base_mono_us() };
        bool alive = pg_session_call(session, query->fn, query->arg, &result);
        pg_query_free(query);
        if (!alive)
            return false;
    }
    return true;
}

/* ---- moving ------------------------------------------------------------------------------ */

static void session_advance(struct pg_session *session)
{
    switch (session->state) {
    case SESSION_DOWN: return;
    case SESSION_CONNECTING: pg_connect_advance(session); return;
    case SESSION_READY: pg_query_idle(session); return;
    case SESSION_QUERYING: pg_query_advance(session); return;
    case SESSION_STREAMING: pg_stream_advance(session); return;
    }
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

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    session_advance(arg);
}

bool pg_session_wait(struct pg_session *session, short what)
{
    pg_session_unwatch(session);
    session->event = event_new(loop_base(session->loop), PQsocket(session->connection), what, on_socket, session);
    return session->event != NULL && event_add(session->event, NULL) == 0;
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
        pg_connect_fail(session, PG_TIMEOUT, message);
    } else if (session->state == SESSION_QUERYING) {
        (void)snprintf(message, sizeof message, "no answer to the query within %s", took);
        pg_query_lost(session, PG_TIMEOUT, message);
    }
}

void pg_session_close(struct pg_session *session)
{
    if (session->state != SESSION_DOWN)
        pg_session_fail(session, "closed by us");
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
