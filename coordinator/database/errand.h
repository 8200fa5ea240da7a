/* What every errand on a database has in common: one session of the guard's role, an overall deadline,
 * and steps that follow each other. Internal to coordinator/database.
 *
 * An errand embeds this struct and drives it with callbacks that get its own pointer (`owner`). Only one
 * of connect, query, pause is in progress at a time. When the deadline passes whatever is in progress
 * is dropped and on_deadline is called instead.
 */
#ifndef FAILOVERD_DATABASE_ERRAND_H
#define FAILOVERD_DATABASE_ERRAND_H

#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"

/* The longest that one connect or query is waited for; then it is tried again or given up. */
#define ERRAND_PART_MAX_US (5 * (int64_t)1000000)
/* Between two tries of what failed, and between two looks at what takes its time. */
#define ERRAND_RETRY_US (200 * (int64_t)1000)
#define ERRAND_POLL_US (20 * (int64_t)1000)

struct errand {
    struct loop *loop;
    struct pg_target *target;
    struct pg_session *session;
    struct timer deadline;
    struct timer pause;
    int64_t deadline_us;
    void *owner;
};

/* Copies the target and sets the deadline. On false everything is released again. */
bool errand_init(struct errand *errand, struct loop *loop, const struct pg_target *target, int64_t deadline_us,
                 void (*on_deadline)(void *owner), void *owner, struct fault *fault) CHECKED;
/* Drops session and timers; idempotent. */
void errand_release(struct errand *errand);

/* A new session, whatever there was. */
void errand_connect(struct errand *errand, pg_answer_fn *fn);
/* `param_count` of 0 takes NULL. */
void errand_query(struct errand *errand, const char *sql, const char *const *params, size_t param_count,
                  pg_answer_fn *fn);
void errand_pause(struct errand *errand, int64_t pause_us, void (*fn)(void *owner));

/* What one part may take: what is left, ERRAND_PART_MAX_US at the most. */
int64_t errand_part_us(const struct errand *errand);

/* Writes "$1" for a guarded call: the server's clock at which our `not_after_us` comes, from a reading of
 * that clock (µs since 1970) and when we received it. The true instant is never later. */
void errand_server_deadline(char *out, size_t size, int64_t server_wall_us, int64_t received_us,
                            int64_t not_after_us);
#define ERRAND_NUMBER_MAX 24
/* $1, in the form of the above, as SQL. */
#define ERRAND_SQL_DEADLINE "(timestamptz 'epoch' + $1::bigint * interval '1 microsecond')"
#define ERRAND_SQL_CLOCK "(extract(epoch from clock_timestamp()) * 1000000)::bigint"

#endif
