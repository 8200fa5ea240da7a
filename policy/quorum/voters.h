/* voters: the set of voters as a value, how it may change, and what a count needs meanwhile.
 *
 * Version 1 is what the configuration says; every later one was chosen by the voters themselves. A voter is a
 * node *and* the identity that its store was made with: a node whose store was lost comes back as another
 * identity, and has no vote until a change names it. (Version 1 knows no identities, 0 here: there a voter
 * whose store was lost is told by its generation, vote.c. Each change writes down those it knows.)
 *
 * A change moves one voter: one is added, one is removed, or one gets a new identity (which is one leaving and
 * another coming in one go, and needs no set of an even size in between). It takes two versions:
 *
 *     version v     S            settled: a majority of S decides everything
 *     version v+1   S and S'     both: whatever is counted needs a majority of S and one of S'
 *     version v+2   S'           settled again
 *
 * Which version comes next is decided by the voters of the one before: version n+1 is one single decree among the
 * electorate of version n (voter_register.h). A voter durably knows one version, answers only questions that were
 * asked under it, and every answer carries it; so a vote counts only under the version that it was given under,
 * and no voter ever gives one under an older version than it has given one before.
 *
 * Why no two counts miss each other. Two counts of versions next to each other meet: those of v and v+1 in S, those
 * of v+1 and v+2 in S' (a count of v+1 has a majority of both). Two of v and v+2 need not (S = {a,b,c}, c gets a new
 * identity: {a,c} and {b,c'}). So v+2 is put forward only once it can't matter, that is, when whoever puts it forward
 * has seen, under v+1:
 *
 *   (1) that a majority of S and one of S' have v+1 on disk. From there no count of v can come to its end any more:
 *       all its votes would have to be given under v, by a majority of S.
 *   (2) for each service, a majority of S and one of S' that report one same accepted value at one same ballot, the
 *       value known chosen. Nothing chosen under v can be newer: a majority of S accepted that before it went on to
 *       v+1, one of them is among those who report, and what a voter accepted never goes down. And everything after
 *       v+2 asks a majority of S', which has it. So what was chosen is not lost (and what was promised to a round of
 *       v is worth nothing: it can't end).
 *       A store that is lost after its report is as one that never answers again: each later majority of S' meets
 *       those who reported in another, since nobody votes in its place. Another store of its node has no vote where
 *       the set names an identity, is told by its generation where it names none, and is named by a change only:
 *       that one needs a majority of S' without it, and of those (2) again.
 *   (3) one full wait after (1), as long as the longest lease of any service may last by any clock (lease.h). A lease
 *       whose grants were counted under v was granted before (1) by one at least, so it is over. One that was
 *       counted under v+1 was granted by a majority of S', which whoever waits one out under v+2 asks how long ago.
 *       That is also the wait of the new identity: until then nothing was decided on its word alone, since a
 *       majority of S is needed beside it.
 * (2) and (3) look at the services of the configuration: while the voters change, all nodes have to have the same ones.
 *
 * A change is not begun while an operation is under way in any service: one thing at a time. Nothing above needs that,
 * and what begins meanwhile does not hold up the end of the change: an operation may wait for hours for a person, and
 * as long as both sets count, more voters are needed than afterwards.
 *
 * (A voter that votes knows its generation to be confirmed under the version it votes under: vote.c.)
 *
 * A voter that was removed, or whose identity was replaced, may come back late with the old set: it is at most at v,
 * or v+1, and so is answered by nobody and counted by nobody who went on, while those who did not are too few.
 *
 * Sizes: 3 to 5, 4 only for as long as it takes to remove or add another. Fewer than 3 is refused: 2 can lose
 * nobody, and with a replacement in one go nothing ever needs it.
 */
#ifndef FAILOVERD_POLICY_VOTERS_H
#define FAILOVERD_POLICY_VOTERS_H

#include "policy/quorum/majority.h"
#include "policy/types.h"

#define VOTERS_MIN 3

enum voter_change { VOTER_NONE, VOTER_ADD, VOTER_REMOVE, VOTER_REPLACE, VOTER_CHANGE_COUNT };

struct voter_set {
    uint64_t version;                    /* from 1; 0: no set at all */
    node_set voters;                     /* in force */
    uint64_t identity[POLICY_NODES_MAX]; /* of each of them; 0: not known, or no voter */
    enum voter_change change;            /* under way; NONE: settled */
    node_id node;                        /* whom it is about; NODE_NONE: nobody */
    uint64_t node_identity;              /* ADD, REPLACE: who gets the vote */
};

/* Version 1, from the configuration. */
struct voter_set voters_first(node_set voters);

bool voters_equal(const struct voter_set *a, const struct voter_set *b);

/* Whether it can be a set at all, of so many nodes: for what comes from the wire or the disk. */
bool voters_valid(const struct voter_set *set, uint8_t node_count);

/* Whether `next` may directly follow `now`: one change, or its end. */
bool voters_follows(const struct voter_set *now, const struct voter_set *next);

/* The set with a change under way. `now` is settled and the change makes sense (voters_valid of the result). */
struct voter_set voters_changing(const struct voter_set *now, enum voter_change change, node_id node,
                                 uint64_t identity);

/* The set that the change under way leads to. */
struct voter_set voters_settled(const struct voter_set *changing);

/* What a count under this set needs. */
struct electorate voters_electorate(const struct voter_set *set);

/* Whether this identity of this node has a vote under the set. Identity 0 never has. */
bool voters_may_vote(const struct voter_set *set, node_id node, uint64_t identity);

/* The identity that has the node's vote; 0: none has, or whichever it is. */
uint64_t voters_identity(const struct voter_set *set, node_id node);

#endif
