/* acceptor: one voter's part of one service's register, and the leases it has granted.
 *
 * CASPaxos (D. Rystsov, 2018) with single-decree acceptors: `promised` and `accepted` are durable
 * before any reply that shows them; neither ever goes down. Grants live in memory only: a voter
 * that restarted knows just that its last grant was no later than its start, which is what its
 * age says (DESIGN 5).
 */
#ifndef FAILOVERD_POLICY_ACCEPTOR_H
#define FAILOVERD_POLICY_ACCEPTOR_H

#include "policy/message.h"
#include "policy/quorum/ledger.h"

/* What a released lease is worth in the waiting: there is nothing left to wait for. */
#define GRANT_AGE_RELEASED_US TIME_FOREVER_US

struct acceptor {
    struct ballot promised;
    struct register_report accepted;

    struct mono_time last_grant;     /* or this process's start */
    struct instance granted;         /* whom the last grant of this process went to */
    uint64_t granted_epoch;
    uint64_t granted_nonce;
    bool grant_released;             /* that grant has been given back */
    struct instance released;        /* never granted this epoch again */
    uint64_t released_epoch;
};

enum acceptor_answer { ACCEPTOR_YES, ACCEPTOR_NO, ACCEPTOR_NONSENSE };

void acceptor_init(struct acceptor *acceptor, struct ballot promised,
                   const struct register_report *accepted, struct mono_time start);

/* YES: promised; the caller persists, then sends promised/accepted. NO: `promised` is higher. */
enum acceptor_answer acceptor_prepare(struct acceptor *acceptor, struct ballot ballot);

/* YES: accepted; the caller persists, then sends. NONSENSE: no ledger, or another value for a
 * ballot that carried one already; nothing changes. */
enum acceptor_answer acceptor_accept(struct acceptor *acceptor, struct ballot ballot,
                                     const struct ledger *ledger);

/* Grants a lease to the instance that the accepted ledger names writer at this epoch. */
enum acceptor_answer acceptor_renew(struct acceptor *acceptor, const struct message_renew *renew,
                                    struct mono_time now);

/* Clears grants up to the nonce that the release carries, and no later one. */
void acceptor_release(struct acceptor *acceptor, const struct message_release *release);

/* How long ago this voter's last grant was, at most as long as it can prove: never longer than its
 * process lives. GRANT_AGE_RELEASED_US if that grant was given back. */
int64_t acceptor_grant_age_us(const struct acceptor *acceptor, struct mono_time now);

#endif
