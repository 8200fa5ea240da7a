/* check_falsify: tries the core's own checks on values that a played cluster really chose.
 *
 * What a sound cluster never sends itself never meets the rule that refuses it. So each chosen value is
 * made wrong in one thing at a time, and what has to notice is called directly: ledger_equal(),
 * ledger_valid(), ledger_follows(), a voter, a learner, a proposer and a lease. These are checks of parts
 * on real values, not of a cluster; the simulator does this with --falsify alone.
 */
#ifndef FAILOVERD_TESTS_SIM_CHECK_FALSIFY_H
#define FAILOVERD_TESTS_SIM_CHECK_FALSIFY_H

#include "policy/quorum/ledger.h"
#include "policy/quorum/voters.h"

/* `next` was chosen directly behind `before` (NULL: it is the first). Returns what was made wrong without
 * anybody noticing; NULL: everything was noticed. */
const char *falsify_chosen(const struct ledger *before, const struct ledger *next);

/* Has a voter, a learner, a proposer and a lease of their own meet that value from people who may not be
 * counted: nodes without a vote, another process, another instance, an earlier attempt. The same result. */
const char *falsify_voters(const struct ledger *next);

/* Takes a value that is settled some steps on, as people and operations would, and makes each step wrong in one thing:
 * proposals, pauses, wishes, marks, stages. The same result. */
const char *falsify_steps(const struct ledger *next);

/* Changes that set of voters in each way there is, and makes each change wrong in one thing. The same result. */
const char *falsify_set(const struct voter_set *set);

/* Makes it what no ledger can be, in one of several ways. */
void falsify_spoil(struct ledger *ledger, uint64_t which);

#endif
