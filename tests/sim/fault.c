/* A fault by its number: see fault.h. What each does: fault_inside.c and fault_outside.c. */
#include "tests/sim/fault_parts.h"

static const struct fault_row *row_of(enum fault_kind kind)
{
    return fault_inside_rows[kind].name != NULL ? &fault_inside_rows[kind] : &fault_outside_rows[kind];
}

uint8_t fault_hosts(const struct world_options *o, region_id region_of[POLICY_NODES_MAX])
{
    uint8_t count = 0;
    for (uint8_t round = 0; round < POLICY_NODES_MAX; round++)
        for (region_id r = 0; r < o->region_count && count < POLICY_NODES_MAX; r++)
            if (o->coordinators[r] > round)
                region_of[count++] = r;
    return count;
}

const char *fault_name(enum fault_kind kind)
{
    return row_of(kind)->name;
}

bool fault_damages(enum fault_kind kind)
{
    return row_of(kind)->damages;
}

bool fault_hides(enum fault_kind kind)
{
    return row_of(kind)->hides;
}

bool fault_apply(struct world *w, const struct fault *f, struct fault_state *state)
{
    struct strike k = { w, f, state };
    const struct fault_row *row = row_of(f->kind);
    bool struck = row->apply(&k);
    state->struck = true;
    state->over = !struck || row->undo == NULL || f->for_us <= 0;
    state->ends_us = w->now_us + f->for_us;
    check_event(w);
    return struck;
}

void fault_undo(struct world *w, const struct fault *f, struct fault_state *state)
{
    struct strike k = { w, f, state };
    if (state->over)
        return;
    state->over = true;
    row_of(f->kind)->undo(&k);
    check_event(w);
}
