/* From checks to a region's verdict: see verdict.h. */
#include "policy/health/verdict.h"

/* Worst first: a failed check decides whatever the others say; one that is unknown keeps the
 * region from being called healthy, not from being called suspect. */
static int weight(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_FAILED: return 3;
    case VERDICT_SUSPECT: return 2;
    case VERDICT_UNKNOWN: return 1;
    case VERDICT_HEALTHY: return 0;
    default: return 1;
    }
}

static enum verdict_reason reason_of(const struct threshold *t, const struct check_policy *policy,
                                     enum verdict verdict, struct mono_time now)
{
    switch (verdict) {
    case VERDICT_FAILED: return REASON_CHECK_FAILED;
    case VERDICT_SUSPECT: return REASON_CHECK_FAILING;
    case VERDICT_HEALTHY: return REASON_CHECKS_PASS;
    case VERDICT_UNKNOWN:
    default:
        if (t->sampled && t->last_outcome == SAMPLE_OBSERVER)
            return REASON_OBSERVER;
        return threshold_stale(t, policy, now) ? REASON_STALE : REASON_FIRST_ROUND;
    }
}

struct region_verdict verdict_of_region(const struct service_policy *policy,
                                        struct threshold *thresholds, region_id region,
                                        struct mono_time now)
{
    uint8_t worst = CHECK_NONE;
    enum verdict worst_verdict = VERDICT_UNKNOWN;
    struct mono_time worst_since = now;
    for (uint8_t c = 0; c < policy->check_count; c++) {
        if (policy->checks[c].region != region)
            continue;
        struct threshold *t = &thresholds[c];
        enum verdict verdict = threshold_state(t, &policy->checks[c], now);
        bool longer = verdict == worst_verdict && t->running && t->run_start.us < worst_since.us;
        if (worst != CHECK_NONE && weight(verdict) <= weight(worst_verdict) && !longer)
            continue;
        worst = c;
        worst_verdict = verdict;
        worst_since = t->running ? t->run_start : t->since;
    }
    if (worst == CHECK_NONE)
        return (struct region_verdict){ VERDICT_UNKNOWN, REASON_NO_CHECKS, CHECK_NONE, now, { "" } };
    return (struct region_verdict){
        .verdict = worst_verdict,
        .reason = reason_of(&thresholds[worst], &policy->checks[worst], worst_verdict, now),
        .check = worst,
        .since = worst_since,
        .detail = thresholds[worst].detail,
    };
}

bool verdict_recovers(const struct service_policy *policy, struct threshold *thresholds, region_id region,
                      struct mono_time now)
{
    bool failed = false;
    for (uint8_t c = 0; c < policy->check_count; c++) {
        if (policy->checks[c].region != region ||
            threshold_state(&thresholds[c], &policy->checks[c], now) != VERDICT_FAILED)
            continue;
        if (thresholds[c].successes == 0)
            return false;
        failed = true;
    }
    return failed;
}

static bool region_heard(const struct policy_config *config, region_id region, node_set heard)
{
    for (node_id n = 0; n < config->node_count; n++)
        if (config->region_of[n] == region && node_in(heard, n))
            return true;
    return false;
}

static bool region_has_node(const struct policy_config *config, region_id region)
{
    for (node_id n = 0; n < config->node_count; n++)
        if (config->region_of[n] == region)
            return true;
    return false;
}

struct distrust verdict_distrust(const struct policy_config *config,
                                 const struct service_policy *policy,
                                 const struct region_verdict *verdicts, node_set heard)
{
    struct distrust result = { 0, 0 };
    region_id home = config->region_of[config->self];
    for (region_id r = 0; r < config->region_count; r++) {
        if (r == home)
            continue;
        const struct region_verdict *v = &verdicts[r];
        bool checked = policy->regions[r].serves && v->reason != REASON_NO_CHECKS;
        if (!checked && !region_has_node(config, r))
            continue;
        result.regions++;
        bool passes = checked && v->verdict == VERDICT_HEALTHY;
        if (!passes && !region_heard(config, r, heard))
            result.failing++;
    }
    return result;
}
