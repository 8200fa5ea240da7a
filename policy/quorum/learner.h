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
#include "policy/quorum/majority.h"

struct learner {
    struct electorate voters;
    struct register_report reports[POLICY_NODES_MAX]; /* each voter's newest */
    bool known;
    struct ledger chosen;         /* the newest value known chosen */
    struct mono_time chosen_at;   /* when a majority was last seen to hold it */
    node_set holding;             /* the majority that reported it last, at one ballot; 0: there is none. Counted anew
                                   * whenever a report, the voters or the value known chosen changes: learner.c alone
                                   * changes them */
};

void learner_init(struct learner *learner, struct electorate voters);

/* Another set of voters counts from now on. What they reported under the former one is forgotten, but for `own`
 * (NODE_NONE: nobody's); what is known chosen stays. */
void learner_voters(struct learner *learner, struct electorate voters, node_id own);

/* The value known chosen is what a majority (of all sets that count) reported last, at one ballot. */
bool learner_holds(const struct learner *learner);

/* Takes one voter's word for what it has accepted. True if a newer value became known chosen. */
bool learner_report(struct learner *learner, node_id voter, const struct register_report *report,
                    struct mono_time now);

#endif
