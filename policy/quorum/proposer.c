/* One round at a time: see proposer.h. */
#include "policy/quorum/proposer.h"

#include "policy/quorum/lease.h"
#include "policy/quorum/majority.h"

void proposer_init(struct proposer *proposer, node_id self, uint32_t restarts)
{
    *proposer = (struct proposer){ .ballot = { 0, restarts, self } };
}

void proposer_saw(struct proposer *proposer, struct ballot ballot)
{
    if (ballot_compare(ballot, proposer->highest) > 0)
        proposer->highest = ballot;
}

static void begin_round(struct proposer *proposer, struct mono_time deadline)
{
    uint64_t counter = proposer->highest.counter > proposer->ballot.counter
                           ? proposer->highest.counter
                           : proposer->ballot.counter;
    proposer->ballot.counter = counter + 1;
    proposer->state = PROPOSER_PREPARING;
    proposer->deadline = deadline;
    proposer->promised = proposer->accepted = proposer->rejected = 0;
    proposer->best = (struct register_report){ 0 };
    proposer->wait_until = (struct mono_time){ 0 };
}

void proposer_start(struct proposer *proposer, const struct learner *learner,
                    const struct ledger *goal, struct mono_time deadline)
{
    policy_ensure(ledger_follows(learner->known ? &learner->chosen : NULL, goal));
    begin_round(proposer, deadline);
    proposer->goal = *goal;
    proposer->learning = false;
}

void proposer_learn(struct proposer *proposer, struct mono_time deadline)
{
    begin_round(proposer, deadline);
    proposer->goal = (struct ledger){ 0 };
    proposer->learning = true;
}

/* The register holds what we built the goal on: nothing at all, or the value known chosen. The
 * goal then is its successor by proposer_start's check. */
static bool found_what_we_know(const struct proposer *proposer, const struct learner *learner)
{
    if (proposer->learning)
        return false;
    if (!proposer->best.present)
        return !learner->known && proposer->goal.version == 1;
    return learner->known && ledger_equal(&proposer->best.ledger, &learner->chosen) &&
           ledger_follows(&learner->chosen, &proposer->goal);
}

bool proposer_promise(struct proposer *proposer, const struct learner *learner, node_id voter,
                      const struct message_promise *promise)
{
    if (proposer->state != PROPOSER_PREPARING || !node_in(electorate_all(learner->voters), voter) ||
        ballot_compare(promise->ballot, proposer->ballot) != 0 ||
        (promise->report.present && !ledger_valid(&promise->report.ledger)))
        return false;
    proposer->promised = (node_set)(proposer->promised | node_bit(voter));
    const struct register_report *report = &promise->report;
    if (report->present && (!proposer->best.present ||
                            ballot_compare(report->ballot, proposer->best.ballot) > 0))
        proposer->best = *report;
    if (!electorate_has(learner->voters, proposer->promised))
        return false;
    if (found_what_we_know(proposer, learner))
        proposer->value = proposer->goal;
    else if (proposer->best.present)
        proposer->value = proposer->best.ledger;
    else
        /* We know a chosen value and a majority has none: those disks were lost. Proposing
         * anything would build on that loss, so the round is left to time out. */
        return false;
    proposer->state = PROPOSER_ACCEPTING;
    return true;
}

enum proposal_outcome proposer_accepted(struct proposer *proposer, const struct learner *learner,
                                        node_id voter, const struct message_accepted *accepted,
                                        struct mono_time now)
{
    if (proposer->state != PROPOSER_ACCEPTING || !node_in(electorate_all(learner->voters), voter) ||
        ballot_compare(accepted->ballot, proposer->ballot) != 0 ||
        node_in(proposer->accepted, voter))
        return PROPOSAL_PENDING;
    proposer->accepted = (node_set)(proposer->accepted | node_bit(voter));
    proposer->wait_until = mono_later(
        proposer->wait_until, lease_wait_until(&proposer->value, accepted->grant_age_us, now));
    if (!electorate_has(learner->voters, proposer->accepted))
        return PROPOSAL_PENDING;
    proposer->state = PROPOSER_IDLE;
    bool ours = !proposer->learning && ledger_equal(&proposer->value, &proposer->goal);
    return ours ? PROPOSAL_CHOSEN : PROPOSAL_CONFLICT;
}

enum proposal_outcome proposer_reject(struct proposer *proposer, const struct learner *learner,
                                      node_id voter, const struct message_reject *reject)
{
    proposer_saw(proposer, reject->promised);
    if (proposer->state == PROPOSER_IDLE || !node_in(electorate_all(learner->voters), voter) ||
        ballot_compare(reject->ballot, proposer->ballot) != 0)
        return PROPOSAL_PENDING;
    proposer->rejected = (node_set)(proposer->rejected | node_bit(voter));
    if (!electorate_lost(learner->voters, proposer->rejected))
        return PROPOSAL_PENDING;
    proposer->state = PROPOSER_IDLE;
    return PROPOSAL_REJECTED;
}

enum proposal_outcome proposer_tick(struct proposer *proposer, struct mono_time now)
{
    if (proposer->state == PROPOSER_IDLE || !mono_reached(now, proposer->deadline))
        return PROPOSAL_PENDING;
    proposer->state = PROPOSER_IDLE;
    return PROPOSAL_UNKNOWN;
}

void proposer_stop(struct proposer *proposer)
{
    proposer->state = PROPOSER_IDLE;
}
