/* learner: what is known chosen.
 *
 * A value is chosen when a majority of distinct voters accepted it at one same ballot; each of
 * them accepted it, so it does not matter when each said so. Equal content at different ballots
 * counts for nothing: in a model that gave two writers. What is known chosen stays known, and a
 * node acts on nothing else (DESIGN 4).
 */
#ifndef FAILOVERD_POLICY_LEARNER_H
#define FAILOVERD_POLICY_LEARNER_H

#include "policy/message.h"

struct learner {
    node_set voters;
    struct register_report reports[POLICY_NODES_MAX]; /* each voter's newest */
    bool known;
    struct ledger chosen;         /* the newest value known chosen */
    struct mono_time chosen_at;   /* when a majority was last seen to hold it */
};

void learner_init(struct learner *learner, node_set voters);

/* Takes one voter's word for what it has accepted. True if a newer value became known chosen. */
bool learner_report(struct learner *learner, node_id voter, const struct register_report *report,
                    struct mono_time now);

#endif
