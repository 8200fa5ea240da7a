/* One connection to a PostgreSQL server, driven by a loop: connect, then a queue of queries.
 *
 * This is the only room in which libpq is spoken (pg_session*.c). Nothing here blocks and nothing waits without a
 * timer of our own: libpq's connect_timeout does not count for its asynchronous calls, and a frozen
 * server accepts TCP and then says nothing for ever. A query that overruns its time costs the
 * connection, because asking the server to cancel would block as well (PQcancel is never used).
 *
 * Names are never resolved here: `host` is an IP literal or a socket folder, or a name for the
 * certificate check with `hostaddr` beside it. The environment (PG*, ~/.pgpass, ~/.postgresql) is
 * ignored. Passwords are kept in memory that is wiped, and are never logged.
 *
 * Every connect and every query gets exactly one callback, on the loop's thread and never from
 * within the call that asked for it, unless the session is freed first: then none. A callback may
 * free the session, connect it again, or queue more. All calls on the loop's thread.
 */
#ifndef FAILOVERD_BASE_PG_SESSION_H
#define FAILOVERD_BASE_PG_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"

#define PG_TEXT_MAX 1024     /* any one text of a target */
#define PG_QUEUE_MAX 32      /* queries waiting in one session */
#define PG_PARAMS_MAX 8      /* parameters of one query */
#define PG_MESSAGE_MAX 512   /* what is kept of a server's message */
#define PG_SQLSTATE_LENGTH 5

/* Where and as whom. Every text is copied by pg_session_new; NULL means "leave it out". */
struct pg_target {
    const char *host;     /* IP literal, absolute socket folder, or a name (then hostaddr is needed) */
    const char *hostaddr; /* IP literal, or NULL */
    uint16_t port;
    const char *dbname;
    const char *user;
    const char *password; /* NULL: none is sent */
    const char *sslmode;  /* as libpq spells it; NULL: "prefer", as for libpq */
    const char *ca_file;  /* for verify-ca and verify-full */
    const char *application_name; /* NULL: "failoverd" */
    const char *options;  /* command-line options for the backend, such as "-c statement_timeout=2s" */
    bool replication;     /* a physical replication session: takes IDENTIFY_SYSTEM and the like */
};

/* A copy that lasts, for those who connect again and again; NULL with the fault set when the target makes
 * no sense. pg_target_free wipes the password; NULL is allowed. */
struct pg_target *pg_target_copy(const struct pg_target *target, struct fault *fault);
void pg_target_free(struct pg_target *target);

enum pg_outcome {
    PG_OK,
    PG_OBSERVER,    /* our own fault: no file descriptor, no memory, no local port */
    PG_UNREACHABLE, /* refused, no route, reset before the login was through */
    PG_TIMEOUT,     /* no end within the time given; the connection was dropped */
    PG_LOST,        /* the connection broke under the query: whether it was done is unknown */
    PG_AUTH,        /* the server or its certificate was not accepted, or we were not: password,
                       pg_hba.conf, missing role or database, TLS */
    PG_NOT_NOW,     /* the server is starting up, shutting down or recovering (57P03) */
    PG_FULL,        /* no connection slot is left (53300) */
    PG_REFUSED,     /* the server ended the login with another error: see sqlstate */
    PG_ERROR,       /* the query failed and the server said so: see sqlstate */
};

/* What came of a connect or a query. Valid during the callback only. */
struct pg_answer {
    enum pg_outcome outcome;
    char sqlstate[PG_SQLSTATE_LENGTH + 1]; /* "" when there is none */
    const char *message;   /* "" when OK; one line */
    int64_t sent_us;       /* base_mono_us when it was begun or handed to the socket */
    int64_t received_us;   /* base_mono_us when its end was noticed */
    int64_t tcp_us;        /* of a connect: how long until the transport stood; 0 when it never did */
    size_t rows;
    size_t columns;
    const void *handle;    /* private */
};

typedef void pg_answer_fn(void *arg, const struct pg_answer *result);

struct pg_session;

/* Forgets the PG* variables of the environment, which libpq would obey. The first pg_session_new
 * does it as well; a program with threads calls it in main, before it starts one. */
void pg_session_forget_environment(void);

/* A session that is not yet connected. NULL with the fault set when the target makes no sense. */
struct pg_session *pg_session_new(struct loop *loop, const struct pg_target *target, struct fault *fault);

/* Drops the connection at once and without waiting; no callback comes any more. NULL is allowed. */
void pg_session_free(struct pg_session *session);

/* Begins to connect; the session must not be connected or connecting. `timeout_us` covers all of
 * it: transport, TLS, login. */
void pg_session_connect(struct pg_session *session, int64_t timeout_us, pg_answer_fn *fn, void *arg);

/* Queues one statement with its parameters as texts ($1, ...; NULL is SQL NULL), all copied. The
 * time runs from the moment it is sent. Without a connection the callback gets PG_LOST. Not more than
 * PG_QUEUE_MAX at once and PG_PARAMS_MAX parameters, none at all on a replication session. */
void pg_session_query(struct pg_session *session, const char *sql, const char *const *params,
                      size_t param_count, int64_t timeout_us, pg_answer_fn *fn, void *arg);

/* Drops the connection; a connect or queries that wait get PG_LOST, soon. The session can be connected
 * again, when the connect's callback has come. */
void pg_session_close(struct pg_session *session);

bool pg_session_is_connected(const struct pg_session *session);

/* ---- physical replication ---------------------------------------------------------------- */

/* How far a stream has come. */
struct pg_stream_progress {
    uint64_t received_lsn; /* everything before it was received, and dropped */
    bool reply_wanted;     /* the server waits for a confirmation, of whatever we like */
};

struct pg_stream_handler {
    /* After each batch of messages, not after each. Last thing that is done, so it may free the session. */
    void (*on_progress)(void *arg, const struct pg_stream_progress *progress);
    /* Once, when the stream is over and the connection is dropped; outcome PG_LOST. Not when we free it. */
    pg_answer_fn *on_end;
    void *arg;
};

/* Begins to stream WAL from `start_lsn` on a session made with `replication`, and nothing else may be asked
 * of it any more. `begun` is called with PG_OK when the stream stands. Only a few messages are taken at
 * once, so that a flood of WAL does not hold up the loop; what is not taken waits in the socket. A
 * message that makes no sense (pg_wal_stream.h), or that is not whole after PG_STREAM_READS_MAX reads,
 * ends the session. */
#define PG_STREAM_READS_MAX 1024
void pg_session_stream(struct pg_session *session, uint64_t start_lsn, int64_t timeout_us,
                       const struct pg_stream_handler *handler, pg_answer_fn *begun, void *arg);

/* Tells the server that everything before `lsn` is safe with us. It leaves for the kernel at once or
 * not at all: a confirmation that the socket doesn't take ends the session (on_end follows), so that none
 * lies in a buffer of ours and leaves later. False when it was not sent. */
bool pg_session_stream_confirm(struct pg_session *session, uint64_t lsn) CHECKED;

/* The server's version as a number (150004), 0 without a connection. */
int pg_session_server_version(const struct pg_session *session);

/* The text of a value, "" where it is NULL or does not exist; it lives as long as the result. */
const char *pg_answer_text(const struct pg_answer *result, size_t row, size_t column);
bool pg_answer_is_null(const struct pg_answer *result, size_t row, size_t column);
/* Typed reading of what the server sent. False when it is NULL or not such a value. */
bool pg_answer_bool(const struct pg_answer *result, size_t row, size_t column, bool *out) CHECKED;
bool pg_answer_i64(const struct pg_answer *result, size_t row, size_t column, int64_t *out) CHECKED;
bool pg_answer_u64(const struct pg_answer *result, size_t row, size_t column, uint64_t *out) CHECKED;

/* "unreachable", "timeout", ... */
const char *pg_outcome_name(enum pg_outcome outcome);

/* Writes `text` as an SQL literal, quotes included, for the statements that take no parameters
 * (ALTER SYSTEM). False when it does not fit. */
bool pg_quote_literal(char *out, size_t size, const char *text) CHECKED;

#endif
