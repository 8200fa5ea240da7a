/* The voters' word on a region: see tally.h. */
#include "policy/health/tally.h"

/* The longest that every voter of some majority has seen the region fail for. */
static int64_t standing_of_majority(struct electorate voters, node_set failed, const struct opinion *opinions,
                                    struct mono_time now)
{
    int64_t best = 0;
    for (node_id i = 0; i < POLICY_NODES_MAX; i++) {
        struct mono_time since = opinions[i].verdict.since;
        if (!node_in(failed, i) || mono_since(now, since) <= best)
            continue;
        node_set as_long = 0;
        for (node_id j = 0; j < POLICY_NODES_MAX; j++)
            if (node_in(failed, j) && opinions[j].verdict.since.us <= since.us)
                as_long = (node_set)(as_long | node_bit(j));
        if (electorate_has(voters, as_long))
            best = mono_since(now, since);
    }
    return best;
}

struct vote_count tally_failed(struct electorate voters, const struct opinion *opinions, int64_t max_age_us,
                               struct mono_time now)
{
    struct vote_count count = { .failed = 0 };
    node_set all = electorate_all(voters);
    for (node_id n = 0; all >> n != 0; n++) {
        if (!node_in(all, n))
            continue;
        const struct opinion *opinion = &opinions[n];
        int64_t age = mono_since(now, opinion->at);
        if (!opinion->heard || opinion->verdict.verdict != VERDICT_FAILED || age > max_age_us)
            continue;
        count.failed = (node_set)(count.failed | node_bit(n));
        if (age > count.oldest_us)
            count.oldest_us = age;
    }
    if (count.failed == 0) /* nearly always; of nobody is no majority */
        return count;
    count.votes = electorate_counted(voters, count.failed);
    count.majority = electorate_has(voters, count.failed);
    count.standing_us = standing_of_majority(voters, count.failed, opinions, now);
    return count;
}

bool tally_well(struct electorate voters, const struct opinion *opinions, int64_t max_age_us, struct mono_time now)
{
    node_set well = 0;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (opinions[n].heard && opinions[n].verdict.verdict == VERDICT_HEALTHY &&
            mono_since(now, opinions[n].at) <= max_age_us)
            well = (node_set)(well | node_bit(n));
    return electorate_lost(voters, well);
}
