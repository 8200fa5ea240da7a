/* fork: where did a server's timeline leave ours? Asked of the new primary, before a standby is pointed
 * at it, and when an old primary comes back.
 *
 * One errand with a life of its own, as those of promote.h: exactly one callback, on the loop, by the
 * deadline at the latest, then it frees itself; or it is cancelled before, without callback. Reads only.
 *
 * It is plain SQL over the ordinary session of the guard's role. The history file comes from
 * failoverd_timeline_history(), a function of etc/postgresql-setup.sql that can read history files and
 * nothing else: TIMELINE_HISTORY over a replication session would need the REPLICATION attribute, with which a
 * role may copy the whole server, and pg_read_file() would need as much.
 */
#ifndef FAILOVERD_DATABASE_FORK_H
#define FAILOVERD_DATABASE_FORK_H

#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"
#include "coordinator/base/resolver.h"
#include "coordinator/database/timelines.h"
#include "probes/postgres.h"

enum fork_outcome {
    FORK_READ,         /* no question was asked (timeline 0): facts and history are there */
    FORK_SAME,         /* it is on our timeline */
    FORK_LEFT,         /* it left ours at fork.lsn; what we have beyond that it lacks */
    FORK_NOT_ANCESTOR, /* ours does not lead to its; fork.lsn says where they part, 0: not known */
    FORK_OTHER_SYSTEM, /* another database cluster altogether: system identifiers differ */
    FORK_UNREACHABLE,  /* no answer in time */
    FORK_REFUSED,      /* it answered and would not say: privileges, setup not run, nonsense */
};

struct fork_question {
    uint64_t system_id;              /* ours; 0: not compared */
    uint32_t timeline;               /* ours; 0: nothing is asked, only read */
    const struct timelines *history; /* ours, whole, copied; NULL: by the number alone */
    struct resolver *resolver;       /* for a target whose host is a name without hostaddr; NULL: it is none */
};

struct fork_report {
    enum fork_outcome outcome;
    struct timelines_fork fork;      /* of SAME, LEFT, NOT_ANCESTOR */
    bool facts_known;
    struct postgres_facts facts;     /* its own */
    struct timelines history;        /* its own; current 0: not known */
    char address[RESOLVER_ADDRESS_MAX]; /* what its name was resolved to; "" where that was not needed */
    struct fault why;                /* a sentence, also when it went well */
};

typedef void fork_fn(void *arg, const struct fork_report *report);

struct fork_errand;

/* NULL with the fault set when the target makes no sense. */
struct fork_errand *fork_start(struct loop *loop, const struct pg_target *target, const struct fork_question *question,
                               int64_t deadline_us, fork_fn *done, void *arg, struct fault *fault);
/* NULL is allowed. */
void fork_cancel(struct fork_errand *errand);

const char *fork_outcome_name(enum fork_outcome outcome);

#endif
