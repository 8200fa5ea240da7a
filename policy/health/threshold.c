/* Hysteresis of one check: see threshold.h. */
#include "policy/health/threshold.h"

static void success(struct threshold *t, const struct check_policy *policy, struct mono_time at)
{
    if (!t->running) {
        if (!t->judged)
            t->since = at;
        return;
    }
    t->successes++;
    if (t->successes < policy->rise)
        return;
    t->running = t->failed = false;
    t->failures = t->successes = 0;
    t->since = at;
}

static void failure(struct threshold *t, struct mono_time at)
{
    if (!t->running) {
        t->running = true;
        t->failures = 0;
        t->run_start = t->since = at;
    }
    t->successes = 0;
    if (t->failures < UINT32_MAX)
        t->failures++;
}

void threshold_sample(struct threshold *t, const struct check_policy *policy,
                      const struct sample *sample)
{
    /* A sample from before the newest one is a late completion; it says nothing new. */
    if (t->sampled && sample->at.us < t->last.us)
        return;
    t->last = sample->at;
    t->last_outcome = sample->outcome;
    t->latency_us = sample->latency_us;
    t->sampled = true;
    if (sample->outcome == SAMPLE_OBSERVER) {
        if (!t->running)
            t->detail = sample->detail;
        return;
    }
    if (sample->outcome == SAMPLE_OK)
        success(t, policy, sample->at);
    else
        failure(t, sample->at);
    if (!t->running || sample->outcome == SAMPLE_FAILED)
        t->detail = sample->detail;
    t->judged = true;
    t->last_judged = sample->at;
}

bool threshold_stale(const struct threshold *t, const struct check_policy *policy,
                     struct mono_time now)
{
    int64_t limit = THRESHOLD_STALE_INTERVALS * policy->interval_us + policy->timeout_us;
    return t->judged && mono_since(now, t->last_judged) > limit;
}

enum verdict threshold_state(struct threshold *t, const struct check_policy *policy,
                             struct mono_time now)
{
    if (!t->judged || threshold_stale(t, policy, now))
        return VERDICT_UNKNOWN;
    if (!t->running)
        return VERDICT_HEALTHY;
    if (!t->failed && t->failures >= policy->fall &&
        mono_since(now, t->run_start) >= policy->for_us)
        t->failed = true;
    return t->failed ? VERDICT_FAILED : VERDICT_SUSPECT;
}

struct mono_time threshold_due(const struct threshold *t, const struct check_policy *policy)
{
    if (!t->judged)
        return MONO_NEVER;
    int64_t limit = THRESHOLD_STALE_INTERVALS * policy->interval_us + policy->timeout_us;
    struct mono_time stale = mono_after(t->last_judged, limit + 1);
    if (t->running && !t->failed && t->failures >= policy->fall)
        return mono_earlier(stale, mono_after(t->run_start, policy->for_us));
    return stale;
}
