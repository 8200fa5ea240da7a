/* majority: counting distinct voters, never messages.
 *
 * While a change of the voter set is under way there are two sets, and whatever is counted needs a majority
 * of each (voters.h says why). An electorate is that: what a count has to reach.
 */
#ifndef FAILOVERD_POLICY_MAJORITY_H
#define FAILOVERD_POLICY_MAJORITY_H

#include "policy/types.h"

struct electorate {
    node_set now;   /* whose votes count in the set in force */
    node_set next;  /* ...in the one that a change leads to; the same as `now` while there is none */
    uint8_t gone;   /* members of the set in force that have no vote any more, and still count in its size */
};

uint8_t set_size(node_set set);

/* How many voters a majority of `voters` is. */
uint8_t majority_of(node_set voters);

/* Whether `yes` holds a majority of `voters`; members that are no voters do not count. */
bool majority_has(node_set voters, node_set yes);

/* Those who have not said no can't become a majority. */
bool majority_lost(node_set voters, node_set no);

/* One set, and no change under way. */
struct electorate electorate_of(node_set voters);

/* Everybody whose vote counts anywhere in it. */
static inline node_set electorate_all(struct electorate electorate)
{
    return (node_set)(electorate.now | electorate.next);
}

/* Whether `yes` holds a majority of the set in force, and of the one that a change leads to. */
bool electorate_has(struct electorate electorate, node_set yes);

/* Those who have not said no can't get there. */
bool electorate_lost(struct electorate electorate, node_set no);

/* How many voters it takes at least, for people. */
uint8_t electorate_needed(struct electorate electorate);

/* How far `yes` gets, for people: below what is needed by as many as are missing still, and not below if none is.
 * With two sets that is not how many there are: two of {a, b} and {a, b, c'} may be a and c', and b is missing. */
uint8_t electorate_counted(struct electorate electorate, node_set yes);

#endif
