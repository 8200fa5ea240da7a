/* A session that streams WAL: it takes what comes in batches, drops it, and confirms. See pg_session.h. */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/pg_session.h"
#include "coordinator/base/pg_session_internal.h"
#include "coordinator/base/pg_trouble.h"
#include "coordinator/base/pg_wal_stream.h"

/* Of a stream, in one go: what the loop is kept busy with at most. */
#define STREAM_BATCH_MESSAGES 256
#define STREAM_BATCH_BYTES (1 << 20)
#define STREAM_SQL_MAX 64

void pg_session_stream(struct pg_session *session, uint64_t start_lsn, int64_t timeout_us,
                       const struct pg_stream_handler *handler, pg_answer_fn *begun, void *arg)
{
    char sql[STREAM_SQL_MAX];
    ensure(session->target->replication);
    (void)snprintf(sql, sizeof sql, "START_REPLICATION PHYSICAL %" PRIX64 "/%" PRIX64, start_lsn >> 32,
                   start_lsn & UINT32_MAX);
    session->stream = *handler;
    session->wal = (struct pg_wal_stream){ .received_lsn = start_lsn };
    session->stream_more = false;
    session->stream_reads = 0;
    pg_query_add(session, sql, NULL, 0, timeout_us, begun, arg)->streams = true;
}

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
    pg_session_fail(session, message);
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
            pg_session_fail(session, fault.text);
            return false;
        }
        *any = true;
        session->stream_reads = 0;
        bytes_taken += (size_t)length;
    }
    session->stream_more = true;
    return true;
}

void pg_stream_advance(struct pg_session *session)
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
        pg_session_fail(session, "the server began a message and does not finish it");
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
    pg_session_fail(session, "the server takes no confirmations (a stopped one does this)");
    return false;
}
