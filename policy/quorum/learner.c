/* What is known chosen: see learner.h. */
#include "policy/quorum/learner.h"

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

/* At most one ballot has a majority: two would share a voter, whose newest report is at one of them. */
static node_set count_holding(const struct learner *learner)
{
    for (node_id n = 0; n < POLICY_NODES_MAX && learner->known; n++) {
        const struct register_report *held = &learner->reports[n];
        if (!held->present || !ledger_equal(&held->ledger, &learner->chosen))
            continue;
        node_set holding = voters_at(learner, held);
        if (electorate_has(learner->voters, holding))
            return holding;
    }
    return 0;
}

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
    learner->holding = count_holding(learner);
}

bool learner_holds(const struct learner *learner)
{
    return learner->known && learner->holding != 0;
}

/* Takes in what is another report than the voter's last. True: with it a newer value is chosen. */
static bool take(struct learner *learner, node_id voter, const struct register_report *report)
{
    learner->reports[voter] = *report;
    bool newer = !learner->known || report->ledger.version > learner->chosen.version;
    bool chosen = newer && electorate_has(learner->voters, voters_at(learner, report));
    if (chosen) {
        learner->known = true;
        learner->chosen = report->ledger;
    }
    learner->holding = count_holding(learner);
    return chosen;
}

bool learner_report(struct learner *learner, node_id voter, const struct register_report *report,
                    struct mono_time now)
{
    if (!report->present || !node_in(electorate_all(learner->voters), voter) || !ledger_valid(&report->ledger))
        return false;
    const struct register_report *last = &learner->reports[voter];
    int order = last->present ? ballot_compare(report->ballot, last->ballot) : 1;
    /* Messages may be reordered; an acceptor's ballot only grows. */
    if (order < 0)
        return false;
    /* Nearly always a voter says what it said before, and nothing has to be counted. */
    bool again = order == 0 && ledger_equal(&report->ledger, &last->ledger);
    bool newer = !again && take(learner, voter, report);
    if (node_in(learner->holding, voter))
        learner->chosen_at = now;
    return newer;
}
