/* Messages of a physical replication stream: see pg_wal_stream.h. All numbers are big-endian. */
#include "coordinator/base/pg_wal_stream.h"

#include <string.h>

#define WAL_HEAD_BYTES 25       /* 'w', start, end of the server's WAL, its clock */
#define KEEPALIVE_BYTES 18      /* 'k', end of the server's WAL, its clock, reply wanted */
#define LSN_HALF_DIGITS 8
/* PostgreSQL counts microseconds since 2000-01-01T00:00:00Z. */
#define EPOCH_2000_US (INT64_C(946684800) * 1000000)

static uint64_t number_read(const unsigned char *bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | bytes[i];
    return number;
}

static void number_write(unsigned char *out, uint64_t number)
{
    for (size_t i = 0; i < sizeof number; i++)
        out[i] = (unsigned char)(number >> (56 - 8 * i));
}

static bool wal_take(struct pg_wal_stream *stream, const unsigned char *bytes, size_t length, struct fault *fault)
{
    if (length < WAL_HEAD_BYTES)
        return fault_set(fault, "the server sent a message of WAL of %zu bytes, less than its head", length);
    uint64_t start = number_read(bytes + 1);
    uint64_t data = length - WAL_HEAD_BYTES;
    if (start != stream->received_lsn || start > UINT64_MAX - data)
        return fault_set(fault, "the server sent WAL that does not follow on what came before");
    stream->received_lsn = start + data;
    stream->server_lsn = number_read(bytes + 9);
    return true;
}

static bool keepalive_take(struct pg_wal_stream *stream, const unsigned char *bytes, size_t length,
                           struct fault *fault)
{
    if (length != KEEPALIVE_BYTES || bytes[17] > 1)
        return fault_set(fault, "the server sent a keepalive that is none");
    stream->server_lsn = number_read(bytes + 1);
    stream->reply_wanted = stream->reply_wanted || bytes[17] == 1;
    return true;
}

bool pg_wal_stream_take(struct pg_wal_stream *stream, const unsigned char *bytes, size_t length,
                        struct fault *fault)
{
    if (length == 0 || length > PG_WAL_MESSAGE_MAX)
        return fault_set(fault, "the server sent a message of %zu bytes in the stream of WAL", length);
    if (bytes[0] == 'w')
        return wal_take(stream, bytes, length, fault);
    if (bytes[0] == 'k')
        return keepalive_take(stream, bytes, length, fault);
    return fault_set(fault, "the server sent a message of unknown kind %u in the stream of WAL", (unsigned)bytes[0]);
}

void pg_wal_stream_status(unsigned char out[PG_WAL_STATUS_BYTES], uint64_t lsn, int64_t wall_us)
{
    out[0] = 'r';
    number_write(out + 1, lsn);
    number_write(out + 9, lsn);
    number_write(out + 17, lsn);
    number_write(out + 25, (uint64_t)(wall_us - EPOCH_2000_US));
    out[33] = 0; /* no reply wanted */
}

static bool half_read(const char **at, uint64_t *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t count = 0;
    for (*out = 0; **at != '\0' && **at != '/'; (*at)++) {
        const char *digit = strchr(digits, **at);
        if (digit == NULL || ++count > LSN_HALF_DIGITS)
            return false;
        *out = *out << 4 | (uint64_t)(digit - digits);
    }
    return count > 0;
}

bool pg_lsn_read(const char *text, uint64_t *out)
{
    uint64_t high, low;
    if (!half_read(&text, &high) || *text != '/')
        return false;
    text++;
    if (!half_read(&text, &low) || *text != '\0')
        return false;
    *out = high << 32 | low;
    return true;
}
