/* Approval: in mode approve nothing begins by itself but what was proposed, and approved or left without an answer for
 * as long as the service says; what was declined never does, and no no is forgotten while the region is gone. See
 * check.h. */
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

void check_answered(struct world *w, uint8_t service, const struct order *order)
{
    struct truth *t = w->services[service].truth;
    t->answers[t->next_answer] = (struct truth_answer){ order->operation, order->kind };
    t->next_answer = (uint8_t)((t->next_answer + 1) % TRUTH_ORDERS);
}

/* An answer stands in the ledger for a proposal that a person named so. */
static void check_word(struct world *w, const struct truth *t, const struct ledger_proposal *p)
{
    enum order_kind kind = p->state == PROPOSAL_APPROVED ? ORDER_APPROVE : ORDER_DECLINE;
    for (unsigned i = 0; i < TRUTH_ORDERS; i++)
        if (t->answers[i].proposal == p->id && t->answers[i].kind == kind)
            return;
    world_break(w, INVARIANT_EVIDENCE, "a proposal is %s, and nobody has said so of that one",
                kind == ORDER_APPROVE ? "approved" : "declined");
}

/* Lately: what a verdict that says well rests on, and what was still told of it. */
static bool has_answered(const struct world *w, uint8_t service, uint8_t n, region_id region)
{
    const struct host *h = &w->hosts[n];
    const struct service_policy *policy = &h->config.services[service];
    int64_t since = w->now_us - truth_longest_us(h, 3 * policy->evidence_max_age_us + 8 * h->config.heartbeat_us) -
                    2 * truth_slack_us(w);
    for (uint8_t c = 0; c < policy->check_count; c++) {
        const struct truth_watch *watch = &w->services[service].truth->voters[n].watches[c];
        if (policy->checks[c].region == region && watch->ok_us > 0 && watch->ok_us >= since)
            return true;
    }
    return false;
}

void truth_proposed(struct world *w, uint8_t service, const struct ledger *before, const struct ledger *l)
{
    struct truth *t = w->services[service].truth;
    const struct ledger_proposal *old = &before->proposal, *new = &l->proposal;
    if (new->state != PROPOSAL_NONE && new->id != old->id)
        t->proposed_us = w->now_us;
    bool answered = new->state == PROPOSAL_APPROVED || new->state == PROPOSAL_DECLINED;
    if (answered && (new->id != old->id || new->state != old->state))
        check_word(w, t, new);
    /* A no to a switchover that was put down for later is about that alone: it ends it. */
    bool over = old->state == PROPOSAL_DECLINED && !operation_planned(old->kind) && new->id != old->id &&
                l->epoch == before->epoch;
    region_id source = before->writer != REGION_NONE ? before->writer : before->operation.from;
    if (!over || old->from != source)
        return;
    node_set seen = 0;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (has_answered(w, service, n, old->from))
            seen = (node_set)(seen | node_bit(n));
    if (!truth_can_block(w, seen))
        world_break(w, INVARIANT_EVIDENCE, "that people declined a failover of %s is forgotten, and only %u voters "
                    "have seen it answer since", truth_region(w, old->from),
                    truth_count((node_set)(seen & truth_voters(w))));
}
