/* What is known chosen: see learner.h. */
#include "policy/quorum/learner.h"

#include "policy/quorum/majority.h"

void learner_init(struct learner *learner, node_set voters)
{
    *learner = (struct learner){ .voters = voters };
}

/* One ballot carries one value, if every proposer's restarts are counted on a sound disk. Where one's
 * are not, the same ballot with other content proves nothing, so content is compared too. */
static node_set voters_at(const struct learner *learner, const struct register_report *value)
{
    node_set at = 0;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        const struct register_report *report = &learner->reports[n];
        if (node_in(learner->voters, n) && report->present &&
            ballot_compare(report->ballot, value->ballot) == 0 &&
            ledger_equal(&report->ledger, &value->ledger))
            at = (node_set)(at | node_bit(n));
    }
    return at;
}

bool learner_report(struct learner *learner, node_id voter, const struct register_report *report,
                    struct mono_time now)
{
    if (!report->present || !node_in(learner->voters, voter) || !ledger_valid(&report->ledger))
        return false;
    struct register_report *last = &learner->reports[voter];
    /* Messages may be reordered; an acceptor's ballot only grows. */
    if (last->present && ballot_compare(report->ballot, last->ballot) < 0)
        return false;
    *last = *report;
    if (!majority_has(learner->voters, voters_at(learner, report)))
        return false;
    bool newer = !learner->known || report->ledger.version > learner->chosen.version;
    if (!newer) {
        if (ledger_equal(&report->ledger, &learner->chosen))
            learner->chosen_at = now;
        return false;
    }
    learner->known = true;
    learner->chosen = report->ledger;
    learner->chosen_at = now;
    return true;
}
