/* What people tick in a runbook: see check.h.
 *
 * A mark is a word: it moves nothing, it is kept for as long as its operation is the one that runs or the last, and who
 * heard that it is ticked can count on that. Held against the chosen values, which never change. */
#include "tests/sim/truth.h"

/* The operation whose runbook is open: the one that runs, or else the last. */
static uint64_t open_operation(const struct ledger *l)
{
    return l->operation.kind != OPERATION_NONE ? l->operation.id : l->last_operation;
}

void truth_ticked(struct world *w, const struct ledger *before, const struct ledger *l)
{
    bool changed = l->ticked_operation != before->ticked_operation || l->ticked != before->ticked;
    bool kept = l->ticked_operation == before->ticked_operation && (before->ticked & ~l->ticked) == 0;
    if (before->ticked_operation == open_operation(l) && !kept)
        world_break(w, INVARIANT_REGISTER, "marks of the runbook that is open are lost");
    if (!changed)
        return;
    if (l->ticked_operation != open_operation(l))
        world_break(w, INVARIANT_REGISTER, "a runbook is ticked that is not open");
    if (l->writer != before->writer || l->epoch != before->epoch || l->operation.id != before->operation.id ||
        l->operation.phase != before->operation.phase || l->operation.kind != before->operation.kind)
        world_break(w, INVARIANT_REGISTER, "a tick moves the writer, the epoch or an operation");
}

void check_tick_ordered(struct world *w, uint8_t service, uint64_t ticket, const struct order *order)
{
    struct truth *t = w->services[service].truth;
    t->ticks[t->next_tick] = (struct truth_tick){ ticket, order->operation, order->items };
    t->next_tick = (uint8_t)((t->next_tick + 1) % TRUTH_TICKS);
}

static bool was_ticked(const struct truth *t, const struct truth_tick *tick)
{
    for (uint64_t v = t->top; v > 0; v--)
        if (t->chosen[v].ticked_operation == tick->operation && (t->chosen[v].ticked & tick->items) == tick->items)
            return true;
    return false;
}

void check_tick_accepted(struct world *w, uint64_t ticket)
{
    for (uint8_t s = 0; s < w->service_count; s++)
        for (unsigned i = 0; i < TRUTH_TICKS; i++) {
            const struct truth *t = w->services[s].truth;
            if (ticket != 0 && t->ticks[i].ticket == ticket && !was_ticked(t, &t->ticks[i]))
                world_break(w, INVARIANT_REGISTER, "a person hears that an item is ticked, and it is not");
        }
}
