/* Whom a fault hits: parts that hosts and regions play at the moment. See fault.h. */
#include "tests/sim/fault_parts.h"

static region_id writer_of(const struct world *w, uint8_t service)
{
    const struct ledger *l = check_newest(w, service);
    if (l == NULL)
        return service > 0 && w->options.initial_writer[service] != 0
                   ? w->options.initial_writer[service] : w->options.policy.initial_writer;
    return l->writer != REGION_NONE ? l->writer : l->operation.from;
}

static region_id target_of(const struct world *w, uint8_t service)
{
    const struct ledger *l = check_newest(w, service);
    region_id writer = writer_of(w, service);
    if (l != NULL && operation_moves(l->operation.kind) && l->operation.to != writer)
        return l->operation.to;
    for (region_id r = 0; r < w->options.region_count; r++)
        if (r != writer && w->options.policy.regions[r].serves)
            return r;
    return writer;
}

static region_id other_of(const struct world *w, uint8_t service)
{
    region_id writer = writer_of(w, service), target = target_of(w, service);
    for (region_id r = 0; r < w->options.region_count; r++)
        if (r != writer && r != target)
            return r;
    return target;
}

static uint8_t host_of(const struct world *w, region_id region)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].region == region)
            return n;
    return 0;
}

static uint8_t guard_of(const struct world *w, uint8_t service)
{
    const struct ledger *l = check_newest(w, service);
    if (l != NULL && l->guard.node < w->host_count)
        return l->guard.node;
    return host_of(w, writer_of(w, service));
}

static uint8_t executor_of(const struct world *w, uint8_t service)
{
    const struct ledger *l = check_newest(w, service);
    if (l != NULL && l->operation.kind != OPERATION_NONE && l->operation.executor < w->host_count)
        return l->operation.executor;
    return host_of(w, target_of(w, service));
}

/* While a begin stands, the ledger still names the outgoing guard. */
static uint8_t former_guard_of(const struct world *w, uint8_t service)
{
    const struct ledger *l = check_newest(w, service);
    if (l != NULL && operation_moves(l->operation.kind) && l->operation.phase == PHASE_GRANTED)
        return host_of(w, l->operation.from);
    return guard_of(w, service);
}

/* Regions for the kinds that name regions, hosts for those that name hosts: each kind uses what it
 * is given as the one or the other, and so a part of the other sort is turned into it. */
static region_id region_for(const struct world *w, uint8_t service, uint8_t who)
{
    switch (who) {
    case PART_WRITER: return writer_of(w, service);
    case PART_TARGET: return target_of(w, service);
    case PART_OTHER: return other_of(w, service);
    case PART_GUARD: return w->hosts[guard_of(w, service)].region;
    case PART_EXECUTOR: return w->hosts[executor_of(w, service)].region;
    case PART_FORMER: return w->hosts[former_guard_of(w, service)].region;
    default: return who < w->options.region_count ? who : 0;
    }
}

static uint8_t host_for(const struct world *w, uint8_t service, uint8_t who)
{
    switch (who) {
    case PART_GUARD: return guard_of(w, service);
    case PART_EXECUTOR: return executor_of(w, service);
    case PART_FORMER: return former_guard_of(w, service);
    case PART_WRITER:
    case PART_TARGET:
    case PART_OTHER: return host_of(w, region_for(w, service, who));
    default: return who < w->host_count ? who : 0;
    }
}

region_id strike_region(struct strike *k)
{
    return k->state->one = region_for(k->world, k->fault->service, k->fault->one);
}

region_id strike_other_region(struct strike *k)
{
    return k->state->other = region_for(k->world, k->fault->service, k->fault->other);
}

struct host *strike_host(struct strike *k)
{
    k->state->one = host_for(k->world, k->fault->service, k->fault->one);
    return &k->world->hosts[k->state->one];
}

struct host *strike_victim(struct strike *k)
{
    return &k->world->hosts[k->state->one];
}

uint8_t strike_other_host(struct strike *k)
{
    return k->state->other = host_for(k->world, k->fault->service, k->fault->other);
}
