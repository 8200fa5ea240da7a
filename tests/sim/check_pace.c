/* Pace: an automatic failover keeps to what the policy says of when and whereto. See check.h.
 *
 * Nothing here makes two writers; it is the promise that the cure is not worse than the disease. A begin
 * that nobody forced is held against what truly happened, leniently by how late things are at present. */
#include "tests/sim/truth.h"

/* A calendar that somebody stepped says nothing of how long ago something was. */
static bool calendars_agree(const struct world *w)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].clock.wall_us != 0)
            return false;
    return true;
}

static void check_cooldown(struct world *w, const struct service_policy *policy,
                           const struct ledger *before, const struct ledger *l)
{
    int64_t since = l->operation.begun.us - before->last_finished.us;
    if (!operation_moves(before->operation.kind) && before->last_finished.us > 0 &&
        since >= 0 && since < policy->cooldown_us && calendars_agree(w))
        world_break(w, INVARIANT_EVIDENCE, "a failover begins %lld ms after the last, and the cooldown is "
                    "%lld ms", (long long)(since / US_PER_MS),
                    (long long)(policy->cooldown_us / US_PER_MS));
}

static void check_outage(struct world *w, uint8_t service, const struct host *executor, region_id source,
                         int64_t late_us)
{
    const struct service_policy *policy = &executor->config.services[service];
    int64_t least = policy->outage_min_us - late_us;
    node_set yes = 0;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (node_in(truth_voters(w), n) && truth_failing_us(w, service, n, source, late_us) >= least)
            yes = (node_set)(yes | node_bit(n));
    if (!truth_is_majority(w, yes))
        world_break(w, INVARIANT_EVIDENCE, "a failover of %s begins, and it has not failed for the %lld ms "
                    "that an outage takes", truth_region(w, source),
                    (long long)(policy->outage_min_us / US_PER_MS));
}

/* By its own coordinator, which has the nearest look. */
static void check_target(struct world *w, uint8_t service, const struct host *executor, int64_t late_us)
{
    if (truth_failed_us(w, service, host_index(w, executor), executor->region) > late_us)
        world_break(w, INVARIANT_EVIDENCE, "%s begins a failover to itself, and its region has failed for it",
                    executor->name);
}

void truth_pace(struct world *w, uint8_t service, const struct ledger *before, const struct ledger *l,
                region_id source, int64_t round_us)
{
    const struct host *executor = &w->hosts[l->operation.executor];
    const struct service_policy *policy = &executor->config.services[service];
    if (policy->mode == MODE_APPROVE)
        truth_approved(w, service, before, l);
    if (policy->mode == MODE_MANUAL)
        world_break(w, INVARIANT_EVIDENCE, "%s begins a failover by itself, and its mode is manual",
                    executor->name);
    int64_t late_us = truth_longest_us(executor, policy->confirm_timeout_us + round_us) + truth_slack_us(w);
    check_cooldown(w, policy, before, l);
    check_outage(w, service, executor, source, late_us);
    check_target(w, service, executor, late_us);
}
