/* What a region's own coordinator does to its database over libpq: compare, freeze, thaw, promote,
 * end the clients' sessions.
 *
 * Each call is one errand with a life of its own: it ends with exactly one callback, on the loop, by
 * its deadline at the latest, and frees itself after it; or it is cancelled before, without
 * callback. All of them may be repeated: each looks first whether it is done already. Times are
 * base_mono_us; texts are copied.
 */
#ifndef FAILOVERD_DATABASE_PROMOTE_H
#define FAILOVERD_DATABASE_PROMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"
#include "probes/postgres.h"

enum promote_outcome {
    PROMOTE_DONE,    /* and verified */
    PROMOTE_LATE,    /* promote only: not_after_us had passed, nothing was begun, and it is a standby */
    PROMOTE_FAILED,  /* it was not done, as far as the server says */
    PROMOTE_UNKNOWN, /* it may have been done or may still happen: ask again before anything else */
    PROMOTE_REFUSED, /* trying again will not help: privileges, wrong role, settings */
};

struct promote_report {
    enum promote_outcome outcome;
    bool facts_known;              /* facts were read in this errand, the last time at facts.facts_received_us */
    struct postgres_facts facts;
    size_t sessions_ended;         /* terminate_clients */
    struct fault why;              /* a sentence, also when done */
};

typedef void promote_fn(void *arg, const struct promote_report *report);

struct promote_errand;

/* Ends it without a callback. What was already sent to the server may still happen. */
void promote_cancel(struct promote_errand *errand);

/* Promotes a standby: asks at `not_after_us` at the latest, by the database's own clock, and polls until it
 * takes writes. DONE at once on a primary. An answer that got lost is looked for, never assumed. */
struct promote_errand *promote_start(struct loop *loop, const struct pg_target *target, int64_t not_after_us,
                                     int64_t deadline_us, promote_fn *done, void *arg, struct fault *fault);

/* Facts, from a session made for it. */
struct promote_errand *promote_compare(struct loop *loop, const struct pg_target *target, int64_t deadline_us,
                                       promote_fn *done, void *arg, struct fault *fault);

/* Stops a standby's receipt of WAL and sees its walreceiver gone. REFUSED on a primary. */
struct promote_errand *promote_freeze(struct loop *loop, const struct pg_target *target, int64_t deadline_us,
                                      promote_fn *done, void *arg, struct fault *fault);

/* Points a standby at `conninfo` and sees it stream; FAILED at the deadline says what it saw instead,
 * and the setting stays. `slot` (or NULL: left as it is) becomes primary_slot_name; "" takes it away. */
struct promote_errand *promote_thaw(struct loop *loop, const struct pg_target *target, const char *conninfo,
                                    const char *slot, int64_t deadline_us, promote_fn *done, void *arg,
                                    struct fault *fault);

/* Ends every session but its own that could write, and sees them gone. New ones are not kept out. */
struct promote_errand *promote_terminate_clients(struct loop *loop, const struct pg_target *target,
                                                 int64_t deadline_us, promote_fn *done, void *arg,
                                                 struct fault *fault);

const char *promote_outcome_name(enum promote_outcome outcome);

#endif
