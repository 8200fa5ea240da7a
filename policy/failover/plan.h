/* Plans: the ordered steps of each kind of operation, as one table: each row says which kinds have that step.
 *
 * Names and numbers are stable; logs, status and reports show them. Every step is idempotent: it
 * first finds out whether it is done, so another coordinator of the target region can go on after
 * a crash without doing anything twice.
 */
#ifndef FAILOVERD_POLICY_PLAN_H
#define FAILOVERD_POLICY_PLAN_H

#include "policy/act.h"
#include "policy/config.h"
#include "policy/quorum/ledger.h"

enum step_id {
    STEP_NONE,
    STEP_BEGIN,     /* the register names no writer; from here the old one gets no new lease */
    STEP_SHUT,      /* the target's own fence is shut and confirmed, beside the waiting */
    STEP_FENCE,     /* the old writer is known to acknowledge nothing any more */
    STEP_FREEZE,    /* the target stops receiving WAL */
    STEP_COMPARE,   /* the target's timeline and the loss, from a fresh look */
    STEP_GRANT,     /* the register names the target writer */
    STEP_LEASE,     /* the target's guard holds the lease */
    STEP_PROMOTE,
    STEP_OPEN,
    STEP_HOOKS,
    STEP_CUT_OVER,  /* DNS changed, and INSYNC, zone after zone */
    STEP_VERIFY,    /* every name server answers it; the public name serves */
    STEP_FINISH,    /* the register says that it is over */
    STEP_UNDO,      /* before an abort: the target streams again */
    STEP_ABORT,     /* the register names the old writer again */
    STEP_GUARD,     /* not of a plan: the guard's own acts carry it */
    STEP_FOLLOW,    /* nor this: a standby is led to the writer */
    STEP_CATCH_UP,  /* of a switchover, behind the fence: the target has all that the old writer ever acknowledged */
    STEP_SHIFT,     /* of a failback: traffic comes home stage by stage, up to the last, which the cut-over makes */
    STEP_GLASS,     /* not of a plan: what is done behind a mark, without a quorum (glass.c) */
    STEP_COUNT
};

struct plan_step {
    enum step_id step;
    unsigned of;        /* bit per enum operation_kind that has it */
    bool irreversible;
    bool back;          /* may still lead back to the old writer */
    enum act_kind act;  /* what it has the shell do, where it is one act */
    bool has_act;
};

const char *step_name(enum step_id step);

/* The steps of an operation in order, ended by a row of STEP_NONE, which nothing is next to. */
const struct plan_step *plan_first(enum operation_kind kind);
const struct plan_step *plan_next(enum operation_kind kind, const struct plan_step *row);

/* The row of a step within its plan; NULL if the plan has no such step. */
const struct plan_step *plan_find(enum operation_kind kind, enum step_id step);

/* How long a step may take before a person is told. */
int64_t plan_deadline_us(const struct service_policy *policy, enum step_id step);

#endif
