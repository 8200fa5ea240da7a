/* Who may not be counted: see check_falsify.h. Voters are the nodes 0, 1 and 2; STRANGER is heard and has no vote. */
#include "tests/sim/check_falsify.h"

#include "policy/quorum/acceptor.h"
#include "policy/quorum/learner.h"
#include "policy/quorum/lease.h"
#include "policy/quorum/proposer.h"

#define VOTERS 7u
#define STRANGER 5
#define HOUR_US (3600 * US_PER_S)

static const struct mono_time start = { 1000 * US_PER_S };

static struct ledger other_content(const struct ledger *l)
{
    struct ledger other = *l;
    other.last_operation++;
    return other;
}

/* One ballot carries one value, and a process that forgot its ballots is behind the one that has them. */
static const char *try_voter(const struct ledger *l)
{
    const struct register_report nothing = { .present = false };
    const struct ledger other = other_content(l);
    struct acceptor a;
    acceptor_init(&a, BALLOT_ZERO, &nothing, start);
    if (acceptor_renew(&a, &(struct message_renew){ l->guard, l->epoch, 1 }, start) != ACCEPTOR_NO)
        return "a lease granted for a value that was never accepted";
    if (acceptor_prepare(&a, (struct ballot){ 4, 2, 1 }) != ACCEPTOR_YES ||
        acceptor_prepare(&a, (struct ballot){ 4, 1, 1 }) != ACCEPTOR_NO)
        return "a promise to a process that was there before";
    if (acceptor_accept(&a, (struct ballot){ 4, 2, 1 }, l) != ACCEPTOR_YES ||
        acceptor_accept(&a, (struct ballot){ 4, 2, 1 }, &other) != ACCEPTOR_NONSENSE)
        return "two values at one ballot";
    return NULL;
}

/* A lease is one instance's, of one epoch, and only what was asked for before a release is released. */
static const char *try_grants(const struct ledger *l)
{
    if (l->writer == REGION_NONE)
        return NULL;
    const struct register_report accepted = { true, { 4, 2, 1 }, *l };
    const struct instance another = { l->guard.id + 1, l->guard.node };
    struct acceptor a;
    acceptor_init(&a, accepted.ballot, &accepted, start);
    if (acceptor_renew(&a, &(struct message_renew){ another, l->epoch, 9 }, start) != ACCEPTOR_NO ||
        acceptor_renew(&a, &(struct message_renew){ l->guard, l->epoch - 1, 9 }, start) != ACCEPTOR_NO)
        return "a lease granted to somebody else";
    if (acceptor_renew(&a, &(struct message_renew){ l->guard, l->epoch, 9 }, start) != ACCEPTOR_YES ||
        acceptor_renew(&a, &(struct message_renew){ l->guard, l->epoch, 8 }, start) != ACCEPTOR_YES)
        return "nothing: and no lease is granted";
    struct acceptor b = a, c = a, d = a;
    acceptor_release(&b, &(struct message_release){ another, l->epoch, 9 });
    acceptor_release(&c, &(struct message_release){ l->guard, l->epoch - 1, 9 });
    acceptor_release(&d, &(struct message_release){ l->guard, l->epoch, 8 }); /* 9 was sent after it */
    const struct mono_time later = mono_after(start, US_PER_S);
    if (acceptor_grant_age_us(&b, later) != US_PER_S || acceptor_grant_age_us(&c, later) != US_PER_S ||
        acceptor_grant_age_us(&d, later) != US_PER_S)
        return "a grant given back by somebody else, or too early";
    if (acceptor_renew(&d, &(struct message_renew){ l->guard, l->epoch, 10 }, later) != ACCEPTOR_NO)
        return "a lease granted after it was given back";
    if (acceptor_renew(&c, &(struct message_renew){ l->guard, l->epoch, 10 }, later) != ACCEPTOR_YES)
        return "a lease refused because of an earlier epoch's release";
    return NULL;
}

static const char *try_lease(const struct ledger *l)
{
    struct lease lease;
    lease_init(&lease, 1);
    lease_enter(&lease, l->epoch);
    uint64_t nonce = lease_attempt(&lease, start);
    bool early = lease_granted(&lease, electorate_of(VOTERS), 0, l->epoch, nonce, l->lease_us) ||
                 lease_granted(&lease, electorate_of(VOTERS), 0, l->epoch, nonce, l->lease_us) ||
                 lease_granted(&lease, electorate_of(VOTERS), STRANGER, l->epoch, nonce, l->lease_us) ||
                 lease_granted(&lease, electorate_of(VOTERS), 1, l->epoch, 0, l->lease_us) ||
                 lease_granted(&lease, electorate_of(VOTERS), 1, l->epoch, nonce + 1, l->lease_us) ||
                 lease_granted(&lease, electorate_of(VOTERS), 1, l->epoch + 1, nonce, l->lease_us);
    if (early || lease_held(&lease, start))
        return "a lease from fewer than a majority of voters, for this very attempt";
    if (!lease_granted(&lease, electorate_of(VOTERS), 1, l->epoch, nonce, l->lease_us) || !lease_held(&lease, start))
        return "nothing: and no lease is held";
    /* An age from the future, as a voter's clock error could make it, shortens no wait. */
    if (lease_wait_until(l, -HOUR_US, start).us != lease_wait_until(l, 0, start).us)
        return "a grant age below zero";
    return NULL;
}

static const char *try_learner(const struct ledger *l)
{
    const struct ledger other = other_content(l);
    const struct register_report one = { true, { 4, 2, 1 }, *l }, two = { true, { 4, 2, 1 }, other },
                                 third = { true, { 5, 2, 1 }, *l };
    struct learner learner;
    learner_init(&learner, electorate_of(VOTERS));
    bool early = learner_report(&learner, 0, &(struct register_report){ .present = false }, start) ||
                 learner_report(&learner, STRANGER, &one, start) || learner_report(&learner, 0, &one, start) ||
                 learner_report(&learner, 0, &one, start) || learner_report(&learner, 1, &two, start) ||
                 learner_report(&learner, 2, &third, start);
    if (early || learner.known)
        return "a value known chosen without a majority of voters at one ballot";
    return NULL;
}

/* A whole round, each answer first from whom it may not come from. */
static const char *try_round(const struct ledger *l)
{
    struct ledger broken = *l;
    broken.version = 0;
    struct learner learner;
    struct proposer p;
    learner_init(&learner, electorate_of(VOTERS));
    proposer_init(&p, 1, 2);
    proposer_learn(&p, mono_after(start, HOUR_US));
    const struct message_promise good = { p.ballot, { true, { 0, 1, 1 }, *l } };
    const struct message_promise bad = { p.ballot, { true, { 0, 1, 1 }, broken } };
    if (proposer_promise(&p, &learner, 0, &good) || proposer_promise(&p, &learner, STRANGER, &good) ||
        proposer_promise(&p, &learner, 0, &good) || proposer_promise(&p, &learner, 1, &bad))
        return "a majority of promises that was none";
    if (!proposer_promise(&p, &learner, 1, &good))
        return "nothing: and a majority's promises are not enough";
    const struct message_reject no = { p.ballot, { 1, 1, 0 } };
    const struct message_accepted yes = { p.ballot, 0, { true, p.ballot, *l } };
    if (proposer_reject(&p, &learner, STRANGER, &no) != PROPOSAL_PENDING ||
        proposer_accepted(&p, &learner, 0, &yes, start) != PROPOSAL_PENDING ||
        proposer_accepted(&p, &learner, STRANGER, &yes, start) != PROPOSAL_PENDING ||
        proposer_accepted(&p, &learner, 0, &yes, start) != PROPOSAL_PENDING)
        return "a majority of acceptances that was none";
    return proposer_accepted(&p, &learner, 2, &yes, start) == PROPOSAL_CONFLICT ? NULL
                                                                              : "nothing: and the round does not end";
}

/* A majority that holds nothing while we know a chosen value has lost its disks: nothing is built on that. */
static const char *try_lost_disks(const struct ledger *l)
{
    struct learner learner;
    struct proposer p;
    learner_init(&learner, electorate_of(VOTERS));
    const struct register_report chosen = { true, { 1, 1, 0 }, *l };
    (void)learner_report(&learner, 0, &chosen, start);
    if (!learner_report(&learner, 1, &chosen, start))
        return "nothing: and a majority's value is not learnt";
    proposer_init(&p, 1, 2);
    proposer_learn(&p, mono_after(start, HOUR_US));
    const struct message_promise empty = { p.ballot, { .present = false } };
    (void)proposer_promise(&p, &learner, 1, &empty);
    return proposer_promise(&p, &learner, 2, &empty) ? "a round on the ruins of a majority's disks" : NULL;
}

const char *falsify_voters(const struct ledger *next)
{
    static const char *(*const tries[])(const struct ledger *) = { try_voter, try_grants, try_lease, try_learner,
                                                                   try_round, try_lost_disks };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        const char *unnoticed = tries[i](next);
        if (unnoticed != NULL)
            return unnoticed;
    }
    return NULL;
}
