/* The stream of a commit lease: see commit_stream.h. */
#include "coordinator/database/commit_stream.h"

#include <stdlib.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/pg_wal_stream.h"
#include "coordinator/base/text.h"

#define PART_US (5 * (int64_t)CLOCK_US_PER_S) /* for the connect, and for each of the two answers */
#define POSITION_COLUMN 2                     /* of IDENTIFY_SYSTEM: the end of the flushed WAL */

struct commit_stream {
    struct commit_stream_settings settings;
    struct pg_session *session;
    uint64_t received_lsn;
    bool stands;
};

static void end(struct commit_stream *stream, const char *doing, const char *why)
{
    char text[FAULT_TEXT_MAX];
    struct text line = TEXT_OF(text);
    text_appendf(&line, "%s: %s", doing, why);
    stream->stands = false;
    stream->settings.on_change(stream->settings.arg, text); /* last: it may free the stream */
}

static void hang_up(struct commit_stream *stream)
{
    stream->stands = false;
    pg_session_close(stream->session); /* on_end follows */
}

bool commit_stream_confirm(struct commit_stream *stream)
{
    if (!stream->stands)
        return false;
    if (base_mono_us() >= *stream->settings.until_us) {
        hang_up(stream);
        return false;
    }
    return pg_session_stream_confirm(stream->session, stream->received_lsn);
}

static void on_progress(void *arg, const struct pg_stream_progress *progress)
{
    struct commit_stream *stream = arg;
    stream->received_lsn = progress->received_lsn;
    (void)commit_stream_confirm(stream);
}

static void on_end(void *arg, const struct pg_answer *result)
{
    end(arg, "the stream of the commit lease ended", result->message);
}

static void on_begun(void *arg, const struct pg_answer *result)
{
    struct commit_stream *stream = arg;
    if (result->outcome != PG_OK) {
        end(stream, "the commit lease can't stream", result->message);
        return;
    }
    stream->stands = true;
    (void)commit_stream_confirm(stream);
    stream->settings.on_change(stream->settings.arg, NULL);
}

static void on_identified(void *arg, const struct pg_answer *result)
{
    struct commit_stream *stream = arg;
    struct pg_stream_handler handler = { on_progress, on_end, stream };
    if (result->outcome != PG_OK) {
        end(stream, "the commit lease can't stream", result->message);
        return;
    }
    if (!pg_lsn_read(pg_answer_text(result, 0, POSITION_COLUMN), &stream->received_lsn)) {
        end(stream, "the commit lease can't stream", "the server's answer to IDENTIFY_SYSTEM makes no sense");
        return;
    }
    pg_session_stream(stream->session, stream->received_lsn, PART_US, &handler, on_begun, stream);
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    struct commit_stream *stream = arg;
    if (result->outcome != PG_OK)
        end(stream, "the commit lease's replication login", result->message);
    else
        pg_session_query(stream->session, "IDENTIFY_SYSTEM", NULL, 0, PART_US, on_identified, stream);
}

struct commit_stream *commit_stream_new(struct loop *loop, const struct commit_stream_settings *settings,
                                        struct fault *fault)
{
    struct commit_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    stream->settings = *settings;
    stream->session = pg_session_new(loop, settings->target, fault);
    if (stream->session == NULL) {
        free(stream);
        return NULL;
    }
    pg_session_connect(stream->session, PART_US, on_connected, stream);
    return stream;
}

void commit_stream_free(struct commit_stream *stream)
{
    if (stream == NULL)
        return;
    pg_session_free(stream->session);
    free(stream);
}

bool commit_stream_stands(const struct commit_stream *stream)
{
    return stream->stands;
}
