/* threshold: from a stream of samples of one check to a state, with hysteresis.
 *
 * A failing run begins with a failure and ends only with `rise` successes in a row, so that an
 * occasional success does not reset it. It counts as failed once it has `fall` failures and has
 * lasted `for`. Faults of the observer neither lengthen nor end a run; without a sample of either
 * kind for too long, the state is unknown again.
 */
#ifndef FAILOVERD_POLICY_THRESHOLD_H
#define FAILOVERD_POLICY_THRESHOLD_H

#include "policy/config.h"
#include "policy/facts.h"

/* A check whose newest sample is older than this many intervals and its timeout is unknown. */
#define THRESHOLD_STALE_INTERVALS 3

struct threshold {
    bool sampled;                 /* the first round is complete */
    bool judged;                  /* a sample that says something about the target was seen */
    bool running;                 /* a failing run is under way */
    bool failed;                  /* it has lasted long enough */
    uint32_t failures;            /* of the run */
    uint32_t successes;           /* in a row, within the run */
    struct mono_time run_start;
    struct mono_time last;        /* newest sample of any outcome */
    struct mono_time last_judged; /* newest sample about the target */
    struct mono_time since;       /* of the present state */
    enum sample_outcome last_outcome;
    int64_t latency_us;
    struct policy_text detail;    /* of the newest failure while running, else of the newest sample */
};

void threshold_sample(struct threshold *threshold, const struct check_policy *policy,
                      const struct sample *sample);

/* Time passes: a run may become a failure, a silent check unknown. */
enum verdict threshold_state(struct threshold *threshold, const struct check_policy *policy,
                             struct mono_time now);

/* When threshold_state() may change by itself; MONO_NEVER if it can't. */
struct mono_time threshold_due(const struct threshold *threshold,
                               const struct check_policy *policy);

/* The newest judged sample is too old to go by. */
bool threshold_stale(const struct threshold *threshold, const struct check_policy *policy,
                     struct mono_time now);

#endif
