/* steps: what operation.c, steps.c, cut_over.c and shift.c share. Internal to policy/failover. */
#ifndef FAILOVERD_POLICY_STEPS_H
#define FAILOVERD_POLICY_STEPS_H

#include "policy/service.h"

/* The longest pause between two tries, and how long the undoing of a freeze may take. */
#define ACT_RETRY_MAX_US (5 * US_PER_S)
#define THAW_DEADLINE_US (2 * US_PER_S)

enum step_said {
    STEP_WAITS,
    STEP_IS_DONE,
    STEP_GOES_BACK,  /* run->abort_gate says why */
    STEP_REDOES_DNS, /* what was in force in a zone is not there any more */
};

typedef enum step_said step_function(struct service *service, struct turn *turn);

/* Runs the present step once. */
enum step_said step_run(struct service *service, struct turn *turn);

step_function step_cut_over; /* cut_over.c */
step_function step_verify;
step_function step_shift; /* shift.c */

/* Brings zone after zone, from run->zone on, to what the ledger says; and has their name servers asked whether they
 * answer it. Both leave run->zone at 0 when done. */
step_function cut_over_zones, cut_over_verify_zones;
/* Begins with the first zone again, whatever is under way. */
void cut_over_begin(struct operation_run *run);

/* What the run waits for, or what last did not work; for people. */
void step_say(struct operation_run *run, const char *words);

/* The act of the present step, sent once and again after a backoff if it failed. Gives its result when
 * there is one that was not looked at yet; else NULL. */
const struct act_result *step_act_result(struct service *service, struct turn *turn,
                                         enum act_kind kind, int64_t deadline_us);
/* The act is sent again, after a pause that grows. */
void step_retry_later(struct service *service, struct turn *turn, const struct act_result *result);

/* cut_off.c, for the fence step. Has the remote hook run if there is one, it is not running, its pause is over
 * and the evidence is fresh. */
void cut_off_ask(struct service *service, struct turn *turn);
/* Takes its answer, if one has come. */
void cut_off_take(struct service *service, struct turn *turn);
bool cut_off_runs(const struct service *service, const struct turn *turn);
/* It confirmed in this operation and epoch. */
bool cut_off_proven(const struct service *service, const struct ledger *ledger);
/* Says, when the operation is left, that a region stays as the hook left it. */
void cut_off_note_left(struct service *service, struct turn *turn);

/* A step that can't be done before the old lease is over has its time from then on. Called when it begins, and when the
 * wait is learnt anew. */
void step_has_wait(struct service *service);
/* Our guard holds the lease of the ledger's epoch right now. */
bool step_lease_is_ours(const struct service *service, const struct turn *turn);

#endif
