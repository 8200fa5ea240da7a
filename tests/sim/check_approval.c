/* Approval: in mode approve nothing begins by itself but what was proposed, and approved or left without an answer for as
 * long as the service says; what was declined never does, and no no is forgotten while the region is gone. See check.h. */
#include "tests/sim/truth.h"

#define PPM 1000000

/* A proposal that any chosen value up to `version` holds in this state. */
static bool was(const struct truth *t, uint64_t version, uint64_t id, enum proposal_state state)
{
    for (uint64_t v = version; v > 0; v--)
        if (t->chosen[v].proposal.id == id && t->chosen[v].proposal.state == state)
            return true;
    return false;
}

/* By the fastest clock that there is: whoever counted may have counted so. */
static bool waited(const struct world *w, uint8_t service, const struct service_policy *policy)
{
    int32_t fastest = 0;
    for (uint8_t n = 0; n < w->host_count; n++)
        fastest = w->hosts[n].clock.ppm > fastest ? w->hosts[n].clock.ppm : fastest;
    const struct truth *t = w->services[service].truth;
    return w->now_us - t->proposed_us >= policy->approve_within_us / (PPM + fastest) * PPM - TRUTH_ROUNDING_US;
}

void truth_approved(struct world *w, uint8_t service, const struct ledger *before, const struct ledger *l)
{
    const struct truth *t = w->services[service].truth;
    const struct host *executor = &w->hosts[l->operation.executor];
    const struct service_policy *policy = &executor->config.services[service];
    const struct ledger_proposal *p = &before->proposal;
    uint64_t id = l->operation.id;
    region_id source = before->writer != REGION_NONE ? before->writer : before->operation.from;
    if (p->state == PROPOSAL_NONE || p->id != id || p->to != l->operation.to || p->from != source)
        world_break(w, INVARIANT_EVIDENCE, "%s begins what was not proposed so, in mode approve", executor->name);
    else if (was(t, before->version, id, PROPOSAL_DECLINED))
        world_break(w, INVARIANT_EVIDENCE, "%s begins what was declined", executor->name);
    else if (p->state != PROPOSAL_APPROVED && !(policy->go_without_answer && waited(w, service, policy)))
        world_break(w, INVARIANT_EVIDENCE, "%s begins what nobody has approved", executor->name);
}

void truth_proposed(struct world *w, uint8_t service, const struct ledger *before, const struct ledger *l)
{
    struct truth *t = w->services[service].truth;
    const struct ledger_proposal *old = &before->proposal, *new = &l->proposal;
    if (new->state != PROPOSAL_NONE && new->id != old->id)
        t->proposed_us = w->now_us;
    bool over = old->state == PROPOSAL_DECLINED && new->id != old->id && l->epoch == before->epoch;
    region_id source = before->writer != REGION_NONE ? before->writer : before->operation.from;
    if (!over || old->from != source)
        return;
    const struct service_policy *policy = &w->services[service].policy;
    node_set gone = 0;
    for (uint8_t n = 0; n < w->host_count; n++) {
        const struct host *h = &w->hosts[n];
        int64_t late = truth_longest_us(h, 2 * policy->evidence_max_age_us) + 2 * truth_slack_us(w) +
                       8 * h->config.heartbeat_us;
        if (node_in(truth_voters(w), n) && h->alive && truth_failed_us(w, service, n, old->from) > late)
            gone = (node_set)(gone | node_bit(n));
    }
    if (truth_is_majority(w, gone))
        world_break(w, INVARIANT_EVIDENCE, "that people declined a failover of %s is forgotten, and it is still gone",
                    truth_region(w, old->from));
}
