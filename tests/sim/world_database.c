/* Databases and their fences: see world.h.
 *
 * An enforced fence is a kernel element with a deadline: packets pass before it, and it runs out by
 * itself. A guarded one is a door: it stays as it was left, whatever dies. */
#include "tests/sim/world.h"

#define WRITTEN_PER_TICK 100

bool world_acknowledges(const struct world *w, region_id r)
{
    const struct database *db = &w->databases[r];
    bool open = w->options.policy.fence == FENCE_ENFORCED ? w->now_us < db->fence_until
                                                          : db->door_open;
    return db->up && !db->frozen && !db->in_recovery && open;
}

static bool follows(const struct world *w, region_id r)
{
    const struct database *db = &w->databases[r];
    if (!db->up || db->frozen || !db->in_recovery || db->receipt_off || db->upstream == r)
        return false;
    const struct database *from = &w->databases[db->upstream];
    return from->up && !from->frozen && !from->in_recovery && from->timeline == db->timeline &&
           from->lsn >= db->lsn && world_reaches(w, r, db->upstream);
}

void database_tick(struct world *w)
{
    for (region_id r = 0; r < w->options.region_count; r++)
        if (w->writes && world_acknowledges(w, r))
            w->databases[r].lsn += WRITTEN_PER_TICK;
    for (region_id r = 0; r < w->options.region_count; r++) {
        struct database *db = &w->databases[r];
        db->streaming = follows(w, r);
        if (!db->streaming)
            continue;
        uint64_t have = w->databases[db->upstream].lsn, lag = (uint64_t)w->lag_bytes;
        uint64_t received = have > lag ? have - lag : 0;
        db->lsn = received > db->lsn ? received : db->lsn;
    }
}

struct database_facts database_facts_of(const struct world *w, region_id r)
{
    const struct database *db = &w->databases[r];
    return (struct database_facts){
        .known = true,
        .in_recovery = db->in_recovery,
        .walreceiver_live = db->streaming,
        .frozen = db->receipt_off,
        .timeline = db->timeline,
        .lsn = db->lsn,
        .replayed_lsn = db->lsn,
        .system_id = 42,
    };
}

void world_database_stop(struct world *w, region_id r)
{
    struct database *db = &w->databases[r];
    db->up = db->frozen = db->streaming = false;
    db->fence_until = 0; /* the host's kernel starts anew, without the element */
}

void world_database_start(struct world *w, region_id r)
{
    w->databases[r].up = true;
}

/* A person made it a standby again (pg_rewind). */
void world_database_rejoin(struct world *w, region_id r, region_id upstream)
{
    struct database *db = &w->databases[r];
    db->up = db->in_recovery = true;
    db->receipt_off = false;
    db->upstream = upstream;
    db->timeline = w->databases[upstream].timeline;
    db->lsn = w->databases[upstream].lsn;
}
