/* The journal's thread: lines in, an append-only file out. Knows nothing of what is in a line.
 *
 * Everything but the thread itself is called from one other thread, the loop's. See journal.h for the
 * promises. */
#ifndef FAILOVERD_REPORT_JOURNAL_WRITER_H
#define FAILOVERD_REPORT_JOURNAL_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"

struct journal_writer;

/* A line that was to be synced is on disk; on the loop's thread. */
typedef void journal_synced(uint64_t token, void *arg);

/* `fd`: open for appending and taken over, also on failure; -1: the thread opens the file with the first line.
 * `torn`: the file does not end with a line end. `synced` may be NULL. */
struct journal_writer *journal_writer_new(struct loop *loop, const char *path, int fd, bool torn,
                                          journal_synced *synced, void *arg, struct fault *fault);

/* As journal_free. */
bool journal_writer_free(struct journal_writer *writer, int64_t wait_ms) CHECKED;

/* Queues a copy of the line (with its end). `token` not 0: sync after it and tell. False: no room. */
bool journal_writer_put(struct journal_writer *writer, const char *line, size_t length,
                        uint64_t token) CHECKED;

struct journal_writer_status {
    uint64_t written;
    size_t waiting;
    bool failing;
    int64_t failing_since_us; /* base_mono_us */
    int error;                /* errno of the last failure */
};
void journal_writer_status(struct journal_writer *writer, struct journal_writer_status *status);

#endif
