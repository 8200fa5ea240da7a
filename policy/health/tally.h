/* tally: what the voters together say of a region.
 *
 * A region is failed when a majority of *all* voters say so, each freshly and for itself. Silence,
 * unknown and abstention are never a vote.
 */
#ifndef FAILOVERD_POLICY_TALLY_H
#define FAILOVERD_POLICY_TALLY_H

#include "policy/config.h"
#include "policy/facts.h"
#include "policy/quorum/majority.h"

/* What one node was last heard to judge of one region. */
struct opinion {
    bool heard;
    struct mono_time at; /* when it was said, by our clock: the receipt */
    struct region_verdict verdict;
};

struct vote_count {
    node_set failed;     /* voters that say failed, freshly */
    uint8_t votes;       /* as far as they get to electorate_needed(): for people (electorate_counted) */
    bool majority;       /* they are one, of the set in force and of one that a change leads to */
    int64_t oldest_us;   /* age of the oldest vote counted */
    int64_t standing_us; /* how long the youngest failing run among a majority has lasted */
};

struct vote_count tally_failed(struct electorate voters, const struct opinion *opinions /* by node */,
                               int64_t max_age_us, struct mono_time now);

/* So many voters see the region well, freshly, that no majority against it is possible. Votes that are merely missing
 * don't make it so. */
bool tally_well(struct electorate voters, const struct opinion *opinions, int64_t max_age_us, struct mono_time now);

static inline bool tally_won(struct vote_count count)
{
    return count.majority;
}

#endif
