/* What a person does to the world: see person.h. */
#include "tests/sim/person.h"

#include "tests/sim/words.h"

#include <stdio.h>

/* Skipped when nobody serves and nothing else helps. Never the fence: a person who skips that has to
 * know by other means that the old database is dead. */
#define RESCUE_SKIPS                                                                               \
    ((1u << GATE_MAJORITY_FAILED) | (1u << GATE_TARGET_HEALTHY) | (1u << GATE_TARGET_STREAMING) |  \
     (1u << GATE_LOSS_WITHIN_RPO) | (1u << GATE_OUTAGE_MIN) | (1u << GATE_COOLDOWN))

bool person_orders(struct world *w, struct host *h, uint8_t service, const struct order *order)
{
    if (!h->alive || host_stands(h))
        return false;
    struct order o = *order;
    (void)snprintf(o.by.s, sizeof o.by.s, "a person");
    world_say(w, h, "a person orders %s %s",
              o.kind == ORDER_ADOPT ? "adopt" : o.kind == ORDER_SWITCHOVER ? "switchover to" : "failover to",
              o.kind == ORDER_ADOPT ? "" : w->options.region_name[o.to]);
    world_order(w, h, service, &o);
    return true;
}

void person_formats(struct world *w, struct host *h)
{
    world_say(w, h, "a person makes a new store");
    world_host_crash(w, h, false);
    world_disk_wipe(w, h);
    h->disk.sound = true;
    world_host_start(w, h);
}

bool person_orders_voter(struct world *w, struct host *h, enum voter_change change, uint8_t about)
{
    if (!h->alive || host_stands(h) || about >= w->host_count)
        return false;
    struct node_event event = { .kind = EVENT_VOTER_ORDER };
    event.as.voter_order = (struct event_voter_order){ .ticket = ++w->tickets,
                                                       .order = { .change = change, .node = about } };
    (void)snprintf(event.as.voter_order.order.by.s, sizeof event.as.voter_order.order.by.s, "a person");
    world_say(w, h, "a person orders voter %s %s", words_change(change), w->hosts[about].name);
    world_event(w, h, &event);
    return true;
}

static struct host *voting_host(struct world *w)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].alive && !host_stands(&w->hosts[n]) && w->hosts[n].mute == MUTE_NOT)
            return &w->hosts[n];
    return NULL;
}

bool person_mends_voters(struct world *w)
{
    for (uint8_t n = 0; n < w->host_count; n++) {
        struct host *h = &w->hosts[n];
        if (!h->alive || host_stands(h))
            continue;
        if (h->mute == MUTE_STORE_BAD || (h->mute == MUTE_STORE_OLDER && !h->formatted)) {
            person_formats(w, h);
            h->formatted = true;
            return true;
        }
        struct host *at = voting_host(w);
        if ((h->mute == MUTE_IDENTITY || h->mute == MUTE_STORE_OLDER) && at != NULL)
            return person_orders_voter(w, at, VOTER_REPLACE, n);
    }
    return false;
}

bool person_rejoins(struct world *w, uint8_t service, region_id region)
{
    const struct ledger *l = check_newest(w, service);
    if (l == NULL || l->writer == REGION_NONE || l->writer == region || w->region_dead[region] ||
        !w->options.policy.regions[region].serves)
        return false;
    world_settle(w);
    const struct database *db = &w->services[service].databases[region];
    const struct database *writer = &w->services[service].databases[l->writer];
    if (!db->up || db->frozen || !world_acknowledges(w, service, l->writer) ||
        !world_reaches(w, region, l->writer))
        return false;
    bool follows = db->in_recovery && db->timeline == writer->timeline &&
                   (db->streaming || db->upstream == l->writer);
    if (follows)
        return false;
    world_say(w, NULL, "a person makes %s a standby of %s again", w->options.region_name[region],
              w->options.region_name[l->writer]);
    world_database_rejoin(w, service, region, l->writer);
    return true;
}

bool person_restores(struct world *w, uint8_t service, region_id region)
{
    const struct ledger *l = check_newest(w, service);
    const struct database *db = &w->services[service].databases[region];
    /* Not while an operation may rest on it. */
    bool settled = l != NULL && l->writer != REGION_NONE;
    if (!db->cut_off || !settled || (l->writer != region && !db->in_recovery))
        return false;
    world_say(w, NULL, "a person undoes what the remote hook did to %s", w->options.region_name[region]);
    world_database_cut_off(w, service, region, false);
    return true;
}

/* What the zones show is not what the register says. */
static bool zones_differ(const struct world *w, uint8_t service, const struct ledger *l)
{
    const struct world_service *s = &w->services[service];
    for (uint8_t z = 0; z < s->policy.zone_count; z++)
        if (s->zones[z].now.region != l->writer || s->zones[z].now.epoch < l->dns_epoch ||
            s->zones[z].now.mark != DNS_MARK_OURS)
            return true;
    return false;
}

bool person_adopts(struct world *w, uint8_t service, bool stopped)
{
    const struct ledger *l = check_newest(w, service);
    if (l == NULL || l->writer == REGION_NONE || l->guard.node >= w->host_count)
        return false;
    bool left_behind = l->operation.kind == OPERATION_NONE && l->dns_epoch > 0 && zones_differ(w, service, l);
    if (!stopped && !left_behind)
        return false;
    struct order o = { .kind = ORDER_ADOPT, .accepted_loss_bytes = -1 };
    return person_orders(w, &w->hosts[l->guard.node], service, &o);
}

/* Whether a coordinator can carry an order out, as status shows it. */
static bool is_able(const struct host *h)
{
    return (h->mute == MUTE_NOT || (h->mute == MUTE_NO_VOTE && h->found_sound)) && h->alive && !host_stands(h);
}

/* One that works the region's database, and so can make it the writer. */
static struct host *able_host(struct world *w, region_id region)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (node_in(w->hosts[n].config.services[0].regions[region].guards, n) && is_able(&w->hosts[n]))
            return &w->hosts[n];
    return NULL;
}

/* To the region with the most, of those that can be worked. */
static region_id best_region(struct world *w, uint8_t service)
{
    region_id best = REGION_NONE;
    const struct world_service *s = &w->services[service];
    for (region_id r = 0; r < w->options.region_count; r++) {
        const struct database *db = &s->databases[r];
        if (!w->options.policy.regions[r].serves || w->region_dead[r] || !db->up || db->frozen ||
            able_host(w, r) == NULL)
            continue;
        const struct database *other = best != REGION_NONE ? &s->databases[best] : NULL;
        if (other == NULL || db->timeline > other->timeline ||
            (db->timeline == other->timeline && db->lsn > other->lsn))
            best = r;
    }
    return best;
}

bool person_rescues(struct world *w, uint8_t service)
{
    const struct ledger *l = check_newest(w, service);
    struct order o = { .kind = ORDER_FAILOVER, .skipped_gates = RESCUE_SKIPS,
                       .accepted_loss_bytes = INT64_MAX / 4 };
    world_settle(w);
    /* One that waits for a person's word hears it where it is carried out. */
    bool waits = l != NULL && operation_moves(l->operation.kind) &&
                 l->operation.phase == PHASE_BEGUN && l->operation.executor < w->host_count &&
                 is_able(&w->hosts[l->operation.executor]);
    o.to = waits ? l->operation.to : best_region(w, service);
    if (waits && person_orders(w, &w->hosts[l->operation.executor], service, &o))
        return true;
    struct host *h = o.to != REGION_NONE ? able_host(w, o.to) : NULL;
    return h != NULL && person_orders(w, h, service, &o);
}
