/* The voters' word on a region: see tally.h. */
#include "policy/health/tally.h"

#include "policy/quorum/majority.h"

/* The needed-th longest standing run: a majority has seen the region fail for at least this long. */
static int64_t standing_of_majority(const int64_t *standing, uint8_t count, uint8_t needed)
{
    if (count < needed)
        return 0;
    int64_t best = 0;
    for (uint8_t i = 0; i < count; i++) {
        uint8_t at_least = 0;
        for (uint8_t j = 0; j < count; j++)
            if (standing[j] >= standing[i])
                at_least++;
        if (at_least >= needed && standing[i] > best)
            best = standing[i];
    }
    return best;
}

struct vote_count tally_failed(node_set voters, const struct opinion *opinions, int64_t max_age_us,
                               struct mono_time now)
{
    struct vote_count count = { .needed = majority_of(voters) };
    int64_t standing[POLICY_NODES_MAX];
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        if (!node_in(voters, n))
            continue;
        const struct opinion *opinion = &opinions[n];
        int64_t age = mono_since(now, opinion->at);
        if (!opinion->heard || opinion->verdict.verdict != VERDICT_FAILED || age > max_age_us)
            continue;
        standing[count.votes] = mono_since(now, opinion->verdict.since);
        count.failed = (node_set)(count.failed | node_bit(n));
        count.votes++;
        if (age > count.oldest_us)
            count.oldest_us = age;
    }
    count.standing_us = standing_of_majority(standing, count.votes, count.needed);
    return count;
}

bool tally_well(node_set voters, const struct opinion *opinions, int64_t max_age_us, struct mono_time now)
{
    uint8_t well = 0;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (node_in(voters, n) && opinions[n].heard && opinions[n].verdict.verdict == VERDICT_HEALTHY &&
            mono_since(now, opinions[n].at) <= max_age_us)
            well++;
    return well > set_size(voters) - majority_of(voters);
}
