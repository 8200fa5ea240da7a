/* The promises, looked at after every event: see world.h. */
#include "tests/sim/world.h"

static const char *name(const struct world *w, region_id r)
{
    return r < w->options.region_count ? w->options.region_name[r] : "none";
}

/* One region at most acknowledges writes. Openings happen at events only, and a kernel element that
 * has not run out yet counts as open until it has, so no overlap falls between two events. */
void check_event(struct world *w)
{
    w->same_time = w->now_us == w->same_time_us ? w->same_time + 1 : 0;
    w->same_time_us = w->now_us;
    if (w->same_time > WORLD_SPIN_MAX)
        world_break(w, "the core spins: thousands of events and no time passes");
    region_id writer = REGION_NONE;
    for (region_id r = 0; r < w->options.region_count; r++) {
        struct database *db = &w->databases[r];
        bool now = world_acknowledges(w, r);
        if (now != db->acknowledges)
            world_say(w, NULL, "%s %s writes", name(w, r),
                      now ? "acknowledges" : "stops acknowledging");
        db->acknowledges = now;
        if (!now)
            continue;
        if (writer != REGION_NONE)
            world_break(w, "two writers: %s and %s", name(w, writer), name(w, r));
        writer = r;
    }
}

/* At each version one value is chosen, whoever says so; each follows the one before it; no process
 * goes back. */
void check_chosen(struct world *w, struct host *h)
{
    const struct ledger *l = &h->ledger;
    uint64_t v = l->version;
    if (v >= WORLD_VERSIONS_MAX) {
        world_break(w, "more versions than this world can remember");
        return;
    }
    if (v < h->known_version)
        world_break(w, "%s went back from version %llu to %llu", h->name,
                    (unsigned long long)h->known_version, (unsigned long long)v);
    h->known_version = v;
    if (w->chosen_known[v]) {
        if (!ledger_equal(&w->chosen[v], l))
            world_break(w, "two values are chosen at version %llu", (unsigned long long)v);
        return;
    }
    w->chosen[v] = *l;
    w->chosen_known[v] = true;
    if (v > 1 && w->chosen_known[v - 1] && !ledger_follows(&w->chosen[v - 1], l))
        world_break(w, "version %llu may not follow the one before", (unsigned long long)v);
    if (v + 1 < WORLD_VERSIONS_MAX && w->chosen_known[v + 1] &&
        !ledger_follows(l, &w->chosen[v + 1]))
        world_break(w, "version %llu may not follow the one before", (unsigned long long)v + 1);
    if (v > w->top_version)
        w->top_version = v;
}

/* A promotion starts only for a grant that is known chosen, to this region and this node. */
void check_promotion(struct world *w, const struct host *h, const struct act *act)
{
    for (uint64_t v = 1; v <= w->top_version; v++) {
        const struct ledger *l = &w->chosen[v];
        if (w->chosen_known[v] && l->epoch == act->key.epoch && l->writer == h->region &&
            l->guard.node == h->config.self && l->guard.id == h->config.instance &&
            l->operation.phase == PHASE_GRANTED && l->operation.id == act->key.operation)
            return;
    }
    world_break(w, "%s promotes without a chosen grant", h->name);
}

/* Neither below what was there, nor below an epoch that the register knows to be in force. */
void check_dns(struct world *w, uint8_t zone, uint64_t before)
{
    struct zone *z = &w->zones[zone];
    if (z->epoch < before || z->epoch < z->highest_epoch)
        world_break(w, "DNS went back from epoch %llu to %llu",
                    (unsigned long long)(before > z->highest_epoch ? before : z->highest_epoch),
                    (unsigned long long)z->epoch);
    if (z->epoch > z->highest_epoch)
        z->highest_epoch = z->epoch;
    for (uint64_t v = 1; v <= w->top_version; v++)
        if (w->chosen_known[v] && w->chosen[v].dns_epoch > z->epoch)
            world_break(w, "DNS is below an epoch that was in force");
}
