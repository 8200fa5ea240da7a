/* proposer: one round at a time that tries to put one value behind the one that is known chosen.
 *
 * CASPaxos with one restriction (DESIGN 4): a round proposes its own value only on top of a value
 * that is known chosen. If a majority's newest accepted value is anything else, the round puts that
 * one forward again instead, so that its fate becomes known, and ends as a CONFLICT. Whether a
 * round that timed out was chosen is unknown; the next one finds out the same way.
 */
#ifndef FAILOVERD_POLICY_PROPOSER_H
#define FAILOVERD_POLICY_PROPOSER_H

#include "policy/message.h"
#include "policy/quorum/learner.h"

enum proposer_state { PROPOSER_IDLE, PROPOSER_PREPARING, PROPOSER_ACCEPTING };

enum proposal_outcome {
    PROPOSAL_PENDING,
    PROPOSAL_CHOSEN,    /* our goal is chosen */
    PROPOSAL_CONFLICT,  /* something else is: look at the learner and think again */
    PROPOSAL_REJECTED,  /* another proposer is ahead: back off, try again */
    PROPOSAL_UNKNOWN,   /* no majority answered in time: it may be chosen or not */
};

struct proposer {
    enum proposer_state state;
    struct ballot ballot;         /* of this round; its counter only grows */
    struct ballot highest;        /* ever seen */
    bool learning;                /* this round has no goal: it only settles what was accepted */
    struct ledger goal;
    struct ledger value;          /* what is being put forward: the goal or what was found */
    struct mono_time deadline;
    node_set promised;
    node_set accepted;
    node_set rejected;
    struct register_report best;  /* of the promises */
    struct mono_time wait_until;  /* latest over the accept replies of this round */
};

void proposer_init(struct proposer *proposer, node_id self, uint32_t restarts);

/* Starts a round; the caller sends PREPARE with proposer->ballot to all voters. The goal has to
 * follow what the learner knows (a mistake of ours otherwise). */
void proposer_start(struct proposer *proposer, const struct learner *learner,
                    const struct ledger *goal, struct mono_time deadline);

/* Starts a round without a goal: what a majority's newest accepted value is gets put forward again,
 * and so becomes known chosen. It ends as a CONFLICT; where nothing was accepted it ends as UNKNOWN. */
void proposer_learn(struct proposer *proposer, struct mono_time deadline);

/* True: a majority promised; the caller sends ACCEPT with proposer->ballot and ->value. */
bool proposer_promise(struct proposer *proposer, const struct learner *learner, node_id voter,
                      const struct message_promise *promise);

/* One voter accepted. `learner` has taken the reply's report already. */
enum proposal_outcome proposer_accepted(struct proposer *proposer, const struct learner *learner,
                                        node_id voter, const struct message_accepted *accepted,
                                        struct mono_time now);

enum proposal_outcome proposer_reject(struct proposer *proposer, const struct learner *learner,
                                      node_id voter, const struct message_reject *reject);

/* Past its deadline: UNKNOWN, else PENDING. */
enum proposal_outcome proposer_tick(struct proposer *proposer, struct mono_time now);

/* Ends the round without an outcome. */
void proposer_stop(struct proposer *proposer);

/* Every ballot that comes by, so that the next round starts above it. */
void proposer_saw(struct proposer *proposer, struct ballot ballot);

#endif
