/* lease: the arithmetic of permission in time, for the guard that holds one and for the executor
 * that waits one out.
 *
 * Holder: a renewal is a quorum read. Grants of a majority of distinct voters to one attempt, for
 * a value known chosen, set the deadline to the time that the attempt was *sent* plus the lease,
 * so however long messages and voters took, the deadline lies before lease + any voter's grant.
 *
 * Waiter: with rho the bound of a clock's rate error, a lease of length L by the guard's clock ends
 * within L/(1-rho) of true time after the voter granted it. A voter's age a and the waiter's wait w
 * are at least a/(1+rho) and w/(1+rho) of true time, so w = L*(1+rho)/(1-rho) - a, counted from the
 * receipt of the reply that carried the age, is enough. (Gray and Cheriton 1989, with rates.)
 */
#ifndef FAILOVERD_POLICY_LEASE_H
#define FAILOVERD_POLICY_LEASE_H

#include "policy/quorum/ledger.h"
#include "policy/quorum/majority.h"
#include "policy/types.h"

/* Renewal attempts that may be under way; a late majority for an older one still counts. */
#define LEASE_ATTEMPTS 8

struct lease_attempt {
    uint64_t nonce; /* 0: free */
    struct mono_time sent;
    node_set granted;
};

struct lease {
    uint64_t epoch;              /* which everything below is about */
    uint64_t nonce;              /* the last one used; never reused, across epochs either */
    struct mono_time deadline;   /* us <= 0: none was ever held in this epoch */
    struct mono_time confirmed;  /* when the newest attempt that won was sent */
    struct lease_attempt attempts[LEASE_ATTEMPTS];
};

/* `nonce_base` has to differ between restarts of one instance (restart counter in the high bits),
 * so a release or grant of a former process is never taken for one of this. */
void lease_init(struct lease *lease, uint64_t nonce_base);

/* Forgets all grants; from here only those for `epoch` count. */
void lease_enter(struct lease *lease, uint64_t epoch);

/* Starts an attempt; the caller sends it to all voters now. */
uint64_t lease_attempt(struct lease *lease, struct mono_time now);

/* Another set of voters counts: grants for attempts that have not won yet are forgotten. */
void lease_voters_changed(struct lease *lease);

/* One voter's grant for one attempt. True if the deadline moved. */
bool lease_granted(struct lease *lease, struct electorate voters, node_id voter, uint64_t epoch,
                   uint64_t nonce, int64_t lease_us);

/* Compared by every handler that is about to rely on the lease; never a timer's business. */
bool lease_held(const struct lease *lease, struct mono_time now);

int64_t lease_left_us(const struct lease *lease, struct mono_time now);

/* Until when one voter's reply makes the executor wait. */
struct mono_time lease_wait_until(const struct ledger *ledger, int64_t grant_age_us,
                                  struct mono_time received);

#endif
