/* A standby's replication slot, made on the primary that it is about to be led to.
 *
 * A standby with primary_slot_name set streams only from a server that has the slot, and slots do not come
 * along with a promotion. slot_start reads the name from the standby and has the primary make the slot where it
 * lacks it; slot_make and slot_drop are told the name (failoverd_make_slot() and failoverd_drop_slot() of
 * etc/postgresql-setup.sql, so that the role needs no REPLICATION).
 *
 * One errand with a life of its own, as those of promote.h: exactly one callback, on the loop, by the deadline
 * at the latest, then it frees itself; or it is cancelled before, without callback. It may be repeated.
 */
#ifndef FAILOVERD_DATABASE_SLOT_H
#define FAILOVERD_DATABASE_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"

#define SLOT_NAME_MAX 64           /* as PostgreSQL has it, with the end */
#define SLOT_OURS_PREFIX "failoverd_"

/* `well`: the slot exists now, or none is used, or (of a drop) it is not there or not idle; else `why` says what kept
 * that from being done. `why` lives during the call only. */
typedef void slot_fn(void *arg, bool well, const char *why);

struct slot_errand;

/* NULL with the fault set when a target makes no sense. */
struct slot_errand *slot_start(struct loop *loop, const struct pg_target *standby, const struct pg_target *primary,
                               int64_t deadline_us, slot_fn *done, void *arg, struct fault *fault);
/* The same for a slot whose name is known: the primary alone is asked. NULL with the fault set also for a name that is
 * empty or too long. */
struct slot_errand *slot_make(struct loop *loop, const struct pg_target *primary, const char *name, int64_t deadline_us,
                              slot_fn *done, void *arg, struct fault *fault);
/* Takes it away again, if its name begins with SLOT_OURS_PREFIX and nobody streams through it: an idle slot keeps WAL
 * for ever. A slot of any other name stays. */
struct slot_errand *slot_drop(struct loop *loop, const struct pg_target *primary, const char *name, int64_t deadline_us,
                              slot_fn *done, void *arg, struct fault *fault);
/* NULL is allowed. */
void slot_cancel(struct slot_errand *errand);

#endif
