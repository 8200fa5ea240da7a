/* The messages within a physical replication stream: reading the server's, writing ours.
 *
 * Bytes in, bytes out; the connection is pg_session's. What the server sends is not trusted: a message
 * that is too short or too long, of an unknown kind, or that does not follow on what came before, is
 * a fault, and the caller ends the session on it.
 */
#ifndef FAILOVERD_BASE_PG_WAL_STREAM_H
#define FAILOVERD_BASE_PG_WAL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

/* PostgreSQL sends at most 16 pages at once, and a page has 64 KiB at most. */
#define PG_WAL_MESSAGE_MAX ((1 << 20) + 64)
#define PG_WAL_STATUS_BYTES 34

struct pg_wal_stream {
    uint64_t received_lsn; /* everything before it has come; begin with the start of the stream */
    uint64_t server_lsn;   /* the end of its WAL, as it last said; 0: it has not */
    bool reply_wanted;     /* the server asked for a word; the caller clears it */
};

/* Takes one message. False with the fault set; the stream is left as it was. */
bool pg_wal_stream_take(struct pg_wal_stream *stream, const unsigned char *bytes, size_t length,
                        struct fault *fault) CHECKED;

/* Our word that everything before `lsn` is written, flushed and applied. `wall_us` is base_wall_us. */
void pg_wal_stream_status(unsigned char out[PG_WAL_STATUS_BYTES], uint64_t lsn, int64_t wall_us);

/* Reads "16/B374D848" as the server writes it. */
bool pg_lsn_read(const char *text, uint64_t *out) CHECKED;

#endif
