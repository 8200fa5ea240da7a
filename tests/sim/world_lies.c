/* A peer that lies, or a message that was garbled on its way: see world_lie().
 *
 * Only what the core says it refuses: fields that make no sense (a ledger that can't be one, a region, node,
 * service or kind that does not exist) and answers to what nobody asked (another ballot, attempt, instance,
 * ticket). A voter that lies about what it accepted, or about its own instance, is outside the fault model:
 * nothing could be held then. The true message goes its way as well.
 */
#include "tests/sim/check_falsify.h"
#include "tests/sim/world_parts.h"

#define FAR_AWAY 1000 /* epochs and attempts that nobody comes to */

static bool spoil_report(struct world *w, struct register_report *report)
{
    if (report->present)
        falsify_spoil(&report->ledger, world_random(w, UINT32_MAX));
    return report->present;
}

/* Another value at the ballot at which the voter has accepted this one; else one that can't be. */
static bool lie_accept(struct world *w, const struct host *to, uint8_t service, struct message_accept *accept)
{
    const struct register_report *has = &to->disk.durable.services[service].accepted;
    bool same = has->present && has->ballot.counter == accept->ballot.counter &&
                has->ballot.node == accept->ballot.node && has->ballot.restart == accept->ballot.restart;
    if (same)
        accept->ledger.last_operation++;
    else
        falsify_spoil(&accept->ledger, world_random(w, UINT32_MAX));
    return true;
}

static bool lie_grant(struct world *w, struct message_grant *grant, bool granted)
{
    switch (world_random(w, granted ? 5 : 1)) {
    case 1: grant->instance.id++; return true;
    case 2: grant->epoch += FAR_AWAY; return true;
    case 3: grant->nonce = 0; return true;
    case 4: grant->nonce += FAR_AWAY; return true;
    default: return spoil_report(w, &grant->report);
    }
}

static bool lie_renew(struct world *w, struct message_renew *renew)
{
    switch (world_random(w, 3)) {
    case 0: renew->instance.node ^= 1; return true;
    case 1: renew->instance.id++; return true;
    default: renew->epoch += FAR_AWAY; return true;
    }
}

static bool lie_gossip(struct world *w, struct message_gossip *gossip)
{
    for (region_id r = 0; r < w->options.region_count; r++)
        gossip->regions[r].check = 0xfe;
    (void)spoil_report(w, &gossip->report);
    return true;
}

/* A set that can't be one, or what belongs to no round. */
static bool lie_voters(struct message *m)
{
    switch ((int)m->kind) {
    case MESSAGE_VOTERS:
        m->as.voters.report.set.version += FAR_AWAY;
        m->as.voters.report.set.voters = 1;
        return true;
    case MESSAGE_VOTERS_ACCEPT: m->as.voters.report.set.version++; return true;
    case MESSAGE_VOTERS_PROMISE:
    case MESSAGE_VOTERS_ACCEPTED:
    case MESSAGE_VOTERS_REJECT: m->as.voters.ballot.counter = 0; return true;
    case MESSAGE_VOTER_ORDER:
        m->as.voter_order.ticket += FAR_AWAY;
        m->as.voter_order.order.node = POLICY_NODES_MAX;
        return true;
    case MESSAGE_VOTER_REPLY: m->as.order_reply.ticket += FAR_AWAY; return true;
    default: return false; /* a prepare has nothing to refuse it by */
    }
}

static bool lie_within(struct world *w, const struct host *to, struct message *m)
{
    bool other_round = world_random(w, 2) == 0;
    switch ((int)m->kind) {
    case MESSAGE_PROMISE:
        if (!other_round)
            return spoil_report(w, &m->as.promise.report);
        m->as.promise.ballot.counter = 0;
        return true;
    case MESSAGE_ACCEPT: return lie_accept(w, to, m->service, &m->as.accept);
    case MESSAGE_ACCEPTED:
        if (!other_round)
            return spoil_report(w, &m->as.accepted.report);
        m->as.accepted.ballot.counter = 0;
        return true;
    case MESSAGE_REJECT: m->as.reject.ballot.counter = 0; return true;
    case MESSAGE_RENEW: return lie_renew(w, &m->as.renew);
    case MESSAGE_GRANT: return lie_grant(w, &m->as.grant, true);
    case MESSAGE_REFUSE: return lie_grant(w, &m->as.grant, false);
    case MESSAGE_RELEASE: m->as.release.instance.node ^= 1; return true;
    case MESSAGE_CONFIRM: m->as.confirm.region = POLICY_REGIONS_MAX; return true;
    case MESSAGE_VERDICT:
        if (other_round)
            m->as.verdict.nonce++;
        else
            m->as.verdict.region = POLICY_REGIONS_MAX;
        return true;
    case MESSAGE_GOSSIP: return lie_gossip(w, &m->as.gossip);
    case MESSAGE_ORDER:
        m->as.order.ticket += FAR_AWAY;
        m->as.order.order.kind = ORDER_FAILOVER;
        m->as.order.order.to = POLICY_REGIONS_MAX;
        return true;
    case MESSAGE_ORDER_REPLY: m->as.order_reply.ticket += FAR_AWAY; return true;
    default: return false; /* a prepare and a generation have nothing to refuse them by */
    }
}

bool world_lie(struct world *w, const struct host *to, struct message *m)
{
    switch (world_random(w, 12)) {
    case 0: m->service = (uint8_t)(w->service_count + world_random(w, 3)); return m->kind < MESSAGE_GENERATION;
    case 1: m->from = (node_id)(w->host_count + world_random(w, 100)); return true;
    case 2: m->kind = MESSAGE_KIND_COUNT; return true;
    default:
        if (m->kind >= MESSAGE_VOTERS)
            return lie_voters(m);
        return m->service < w->service_count && lie_within(w, to, m);
    }
}
