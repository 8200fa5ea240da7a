/* What the files of a session share: its state, and how its parts call each other. Internal to pg_session*.c, the
 * room in which libpq is known. All of it on the loop's thread.
 *
 * What is said to drop or fail a session may be called at any time; what calls a callback may find the session freed
 * afterwards, so each such call is the last thing that is done with it, except where it says otherwise.
 */
#ifndef FAILOVERD_BASE_PG_SESSION_INTERNAL_H
#define FAILOVERD_BASE_PG_SESSION_INTERNAL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"
#include "coordinator/base/pg_wal_stream.h"

enum pg_session_state {
    SESSION_DOWN,       /* no connection; owns nothing of libpq */
    SESSION_CONNECTING, /* connection, event, timer */
    SESSION_READY,      /* connection, event (a server may hang up) */
    SESSION_QUERYING,   /* connection, event, timer; the head of the queue is on its way */
    SESSION_STREAMING,  /* connection, event; WAL comes in, confirmations go out, nothing else */
};

struct pg_query {
    struct pg_query *next;
    char *sql;
    char *params[PG_PARAMS_MAX];
    size_t param_count;
    int64_t timeout_us;
    bool doomed; /* the connection that it was meant for is gone */
    bool streams; /* a stream is to come of it */
    pg_answer_fn *fn;
    void *arg;
};

struct pg_session {
    struct loop *loop;
    enum pg_session_state state;
    PGconn *connection;
    struct event *event;      /* on the connection's socket; freed before libpq may close that */
    struct timer timer;       /* of the connect or query in progress */
    struct timer kick;        /* has the loop come back to begin, to send, or to tell of an end */
    struct pg_query *head;
    struct pg_query *tail;
    size_t queued;
    PGresult *last;           /* of the query in progress */
    int64_t sent_us;
    int64_t tcp_us;
    pg_answer_fn *connect_fn; /* NULL when no connect is waiting for its callback */
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

/* ---- pg_session.c: the connection, and those who wait for it ----------------------------- */

/* Calls back. True when the session is still there afterwards. */
bool pg_session_call(struct pg_session *session, pg_answer_fn *fn, void *arg, const struct pg_answer *result);

/* Ends the connection at once, and with it the hope of everything queued; tells nobody. */
void pg_session_drop(struct pg_session *session);

/* Ends the connection and remembers why; everyone who waits is told, soon. */
void pg_session_fail(struct pg_session *session, const char *message);

/* Waits for the connection's socket (EV_READ, EV_WRITE, EV_PERSIST) instead of for what was waited for. False when the
 * loop does not take it. */
bool pg_session_wait(struct pg_session *session, short what);

/* Waits for nothing: before libpq may close its socket. */
void pg_session_unwatch(struct pg_session *session);

/* ---- pg_session_connect.c ----------------------------------------------------------------- */

/* One step of a connect, as far as the socket allows. */
void pg_connect_advance(struct pg_session *session);

/* The connect is over without a connection: drops what there is and calls back. */
void pg_connect_fail(struct pg_session *session, enum pg_outcome outcome, const char *text);

/* ---- pg_session_query.c ------------------------------------------------------------------- */

/* Queues a statement; see pg_session_query(). */
struct pg_query *pg_query_add(struct pg_session *session, const char *sql, const char *const *params,
                              size_t param_count, int64_t timeout_us, pg_answer_fn *fn, void *arg);

/* Takes the head off the queue, which holds one; the caller frees it. */
struct pg_query *pg_query_take(struct pg_session *session);
void pg_query_free(struct pg_query *query);

/* Nothing is on its way: sends the head of the queue, or takes what the server says by itself. */
void pg_query_idle(struct pg_session *session);

/* The statement that is on its way, as far as the socket allows. */
void pg_query_advance(struct pg_session *session);

/* The connection is over under the statement that is on its way: drops it and calls back. */
void pg_query_lost(struct pg_session *session, enum pg_outcome outcome, const char *text);

/* ---- pg_session_stream.c ------------------------------------------------------------------ */

/* Takes a batch of what has come. */
void pg_stream_advance(struct pg_session *session);

#endif
