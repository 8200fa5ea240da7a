/* What is known chosen: see learner.h. */
#include "policy/quorum/learner.h"

void learner_init(struct learner *learner, struct electorate voters)
{
    *learner = (struct learner){ .voters = voters };
}

void learner_voters(struct learner *learner, struct electorate voters, node_id own)
{
    learner->voters = voters;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (n != own)
            learner->reports[n] = (struct register_report){ 0 };
}

/* One ballot carries one value, if every proposer's restarts are counted on a sound disk. Where one's
 * are not, the same ballot with other content proves nothing, so content is compared too. */
static node_set voters_at(const struct learner *learner, const struct register_report *value)
{
    node_set at = 0;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        const struct register_report *report = &learner->reports[n];
        if (node_in(electorate_all(learner->voters), n) && report->present &&
            ballot_compare(report->ballot, value->ballot) == 0 &&
            ledger_equal(&report->ledger, &value->ledger))
            at = (node_set)(at | node_bit(n));
    }
    return at;
}

bool learner_holds(const struct learner *learner)
{
    for (node_id n = 0; n < POLICY_NODES_MAX && learner->known; n++)
        if (learner->reports[n].present && ledger_equal(&learner->reports[n].ledger, &learner->chosen) &&
            electorate_has(learner->voters, voters_at(learner, &learner->reports[n])))
            return true;
    return false;
}

bool learner_report(struct learner *learner, node_id voter, const struct register_report *report,
                    struct mono_time now)
{
    if (!report->present || !node_in(electorate_all(learner->voters), voter) || !ledger_valid(&report->ledger))
        return false;
    struct register_report *last = &learner->reports[voter];
    /* Messages may be reordered; an acceptor's ballot only grows. */
    if (last->present && ballot_compare(report->ballot, last->ballot) < 0)
        return false;
    *last = *report;
    if (!electorate_has(learner->voters, voters_at(learner, report)))
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
