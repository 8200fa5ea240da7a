/* The stream of a commit lease: takes a primary's WAL, drops it, and confirms it while a lease is held.
 * Internal to coordinator/database.
 *
 * The one place where a confirmation is sent, and so the one where the deadline is looked at: data
 * compared with the clock at each sending, whatever timers do. Whoever finds it passed hangs up.
 */
#ifndef FAILOVERD_DATABASE_COMMIT_STREAM_H
#define FAILOVERD_DATABASE_COMMIT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"

struct commit_stream;

struct commit_stream_settings {
    const struct pg_target *target;  /* a replication session, with the application_name of this instance */
    const int64_t *until_us;         /* base_mono_us; read before each confirmation */
    /* The stream stands, or it has ended or failed: then `why` is not NULL, and it may be freed here. Once each. */
    void (*on_change)(void *arg, const char *why);
    void *arg;
};

/* Begins to connect. What the settings point to outlives it, the target is copied. NULL with the fault set. */
struct commit_stream *commit_stream_new(struct loop *loop, const struct commit_stream_settings *settings,
                                        struct fault *fault);
/* Hangs up, without a callback. NULL is allowed. */
void commit_stream_free(struct commit_stream *stream);

bool commit_stream_stands(const struct commit_stream *stream);

/* Confirms what was received, when the lease is still held. False when nothing was sent. */
bool commit_stream_confirm(struct commit_stream *stream);

#endif
