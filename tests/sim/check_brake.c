/* The brake: nobody begins or is granted a failover by itself while it knows of as many others as may be under way that
 * go before. See check.h. What a node knows is what its present life was seen to know chosen, and only what it had
 * known for a while counts: a round that was begun before goes on. */
#include "tests/sim/truth.h"

static bool goes_before(const struct ledger_operation *a, uint8_t a_index, const struct ledger_operation *b,
                        uint8_t b_index)
{
    if (a->phase == PHASE_GRANTED || a->forced)
        return true;
    return a->begun.us != b->begun.us ? a->begun.us < b->begun.us : a_index < b_index;
}

void truth_braked(struct world *w, uint8_t service, const struct ledger *before, const struct ledger *l,
                  int64_t decided_us)
{
    const struct host *h = &w->hosts[l->operation.executor];
    bool ours = operation_moves(before->operation.kind) && before->operation.phase == PHASE_BEGUN;
    unsigned others = 0;
    for (uint8_t s = 0; s < w->service_count; s++) {
        const struct ledger_operation *op = &h->ledger[s].operation;
        if (s == service || !h->ledger_known[s] || !operation_moves(op->kind) || op->to >= w->options.region_count ||
            !w->services[s].databases[op->to].in_recovery || h->known_since_us[s] > decided_us - truth_slack_us(w))
            continue;
        others += !ours || goes_before(op, s, &before->operation, service);
    }
    if (w->options.failovers_at_once > 0 && others >= w->options.failovers_at_once)
        world_break(w, INVARIANT_EVIDENCE, "%s %s service %u, and knows of %u others that fail over; at most %u may",
                    h->name, l->operation.phase == PHASE_GRANTED ? "is granted" : "begins", service, others,
                    w->options.failovers_at_once);
}
