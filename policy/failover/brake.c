/* brake: at most so many services fail over at once, so that what goes wrong everywhere at once (a name server, a
 * network, a bad configuration that looks like lost regions) does not move everything before a person has seen it.
 *
 * A service counts from its begin until its target was seen to be a primary after the grant: what is left then is
 * DNS and what follows, which may take hours and takes nothing down. Planned ones count too: they stop writes as
 * well.
 *
 * It is judged before begin, where all others that are under way count, and again before the grant (evidence_gate()
 * in steps.c), where those count that go before ours: granted ones, then those that a person ordered, then by the
 * time of their begin as the ledgers have it, then by the service's place in the configuration. All nodes read the
 * same ledgers, so of two that began at the same moment each node says the same one goes first; its clock being
 * wrong only changes which. What is in excess goes back to its old writer. Where that is impossible (no way back, or
 * its region was cut off) it goes on: holding it there would only make an outage longer.
 *
 * What that guarantees: no service begins by itself, and none is granted by itself and could still have gone back,
 * while the node that does it knows of as many others that go before it. Begins of one node's own count from the
 * moment when they are put forward. What it does not: a node learns what another began with the voters' next words,
 * so within the delay of a message, or behind a cut that leaves each of the two a majority that the other does not
 * hear in full, both may be granted when neither knows of the other's. It is a brake and no lock; a lock over all
 * services would let the trouble of one register stop every failover. A person's order is held back when it is
 * given, unless the gate is skipped by name, and by nothing afterwards.
 */
#include "policy/service.h"

static struct moving moving_of(const struct service *s, const struct ledger *l)
{
    const struct ledger_operation *op = &l->operation;
    bool granted = op->phase == PHASE_GRANTED;
    return (struct moving){
        .counts = operation_moves(op->kind) && !(granted && service_seen_primary(s, l->writer)),
        .granted = granted,
        .forced = op->forced,
        .begun = op->begun,
    };
}

struct moving brake_moving(const struct service *s)
{
    const struct ledger *l = service_ledger(s);
    struct moving known = l != NULL ? moving_of(s, l) : (struct moving){ .counts = false };
    const struct ledger *goal = &s->proposer.goal;
    bool begins = s->proposer.state != PROPOSER_IDLE && !s->proposer.learning && goal->operation.phase == PHASE_BEGUN;
    return known.counts || !begins ? known : moving_of(s, goal);
}

static bool goes_before(const struct moving *a, uint8_t a_index, const struct moving *b, uint8_t b_index)
{
    if (a->granted != b->granted)
        return a->granted;
    if (a->forced != b->forced)
        return a->forced;
    if (a->begun.us != b->begun.us)
        return a->begun.us < b->begun.us;
    return a_index < b_index;
}

void brake_judge(const struct service *s, const struct turn *turn, const struct ledger *l, struct gate *gate)
{
    struct moving ours = moving_of(s, l);
    gate->known = true;
    gate->limit = turn->config->failovers_at_once;
    for (uint8_t i = 0; i < turn->config->service_count; i++) {
        const struct moving *other = &turn->moving[i];
        if (i != s->index && other->counts && (!ours.counts || goes_before(other, i, &ours, s->index)))
            gate->value++;
    }
    gate->open = gate->limit == 0 || gate->value < gate->limit;
}
