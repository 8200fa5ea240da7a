/* What a person does to the world: see person.h. */
#include "tests/sim/person.h"

#include "tests/sim/words.h"

#include <stdio.h>

/* Skipped when nobody serves and nothing else helps. Never the fence: a person who skips that has to
 * know by other means that the old database is dead. */
#define RESCUE_SKIPS                                                                               \
    ((1u << GATE_MAJORITY_FAILED) | (1u << GATE_TARGET_HEALTHY) | (1u << GATE_TARGET_STREAMING) |  \
     (1u << GATE_LOSS_WITHIN_RPO) | (1u << GATE_OUTAGE_MIN) | (1u << GATE_COOLDOWN) |              \
     (1u << GATE_BLAST_RADIUS))

static const char *order_words(enum order_kind kind)
{
    switch ((int)kind) {
    case ORDER_ADOPT: return "adopt";
    case ORDER_SWITCHOVER: return "switchover to";
    case ORDER_FAILOVER: return "failover to";
    case ORDER_FAILBACK: return "failback to";
    case ORDER_SKIP: return "the next stage";
    case ORDER_PAUSE: return "a pause";
    case ORDER_RESUME: return "an end of the pause";
    case ORDER_HOLD: return "the operation to be held";
    case ORDER_GO: return "the operation to go on";
    case ORDER_BACK: return "the operation to go back";
    case ORDER_BREAK: return "break-glass for";
    case ORDER_RECONCILE: return "to reconcile, keeping";
    case ORDER_APPROVE: return "what is proposed";
    case ORDER_DECLINE: return "not what is proposed";
    default: return "something";
    }
}

bool person_orders(struct world *w, struct host *h, uint8_t service, const struct order *order)
{
    if (!h->alive || host_stands(h))
        return false;
    struct order o = *order;
    (void)snprintf(o.by.s, sizeof o.by.s, "a person");
    bool moves = o.kind == ORDER_FAILOVER || o.kind == ORDER_SWITCHOVER || o.kind == ORDER_FAILBACK ||
                 o.kind == ORDER_BREAK || o.kind == ORDER_RECONCILE;
    if (o.kind == ORDER_TICK)
        world_say(w, h, "a person ticks items %x of operation %llx", o.items, (unsigned long long)o.operation);
    else
        world_say(w, h, "a person orders %s %s", order_words(o.kind), moves ? w->options.region_name[o.to] : "");
    world_order(w, h, service, &o);
    return true;
}

/* Shown by any coordinator that is there. */
static const struct mark *shown_mark(const struct world *w, uint8_t service, region_id region, bool only)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        for (region_id r = 0; r < w->options.region_count && w->hosts[n].alive; r++) {
            const struct mark *m = mark_of_region(w->hosts[n].disk.durable.services[service].marks, r);
            if (m != NULL && (!only || r == region))
                return m;
        }
    return NULL;
}

static bool is_marked(const struct world *w, uint8_t service, region_id region)
{
    return shown_mark(w, service, region, true) != NULL;
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
    check_voter_ordered(w, w->tickets, &event.as.voter_order.order);
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
    if (is_marked(w, service, region))
        return false; /* what it has is waiting for a person's decision */
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
        if (s->zones[z].now.region != l->writer || s->zones[z].now.share != 100 ||
            s->zones[z].now.epoch < l->dns_epoch || s->zones[z].now.mark != DNS_MARK_OURS)
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
    struct order o = { .kind = ORDER_ADOPT, .to = REGION_NONE, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    return person_orders(w, &w->hosts[l->guard.node], service, &o);
}

bool person_answers(struct world *w, struct host *h, uint8_t service, enum order_kind answer, bool stale)
{
    const struct ledger *l = check_newest(w, service);
    uint64_t id = l != NULL ? l->proposal.id : 0;
    for (uint64_t v = l != NULL ? l->version : 0; stale && v > 0; v--) {
        uint64_t former = check_chosen(w, service, v)->proposal.id;
        if (former == 0 || former == l->proposal.id)
            continue;
        id = former;
        break;
    }
    struct order o = { .kind = answer, .to = REGION_NONE, .operation = id,
                       .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    return id != 0 && person_orders(w, h, service, &o);
}

bool person_approves(struct world *w, uint8_t service)
{
    const struct ledger *l = check_newest(w, service);
    if (l == NULL || l->proposal.state != PROPOSAL_WAITS)
        return false;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].mute == MUTE_NOT && w->hosts[n].ledger_known[service] &&
            w->hosts[n].ledger[service].version == l->version &&
            person_answers(w, &w->hosts[n], service, ORDER_APPROVE, false))
            return true;
    return false;
}

bool person_tells_traffic(struct world *w, struct host *h, uint8_t service, enum order_kind kind)
{
    const struct ledger *l = check_newest(w, service);
    bool granted = l != NULL && (l->operation.phase == PHASE_GRANTED || !l->operation.may_return);
    if (!granted || l->operation.kind != OPERATION_FAILBACK || l->operation.shift.count == 0)
        return false;
    struct order o = { .kind = kind, .to = REGION_NONE, .operation = l->operation.id,
                       .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    return person_orders(w, h, service, &o);
}

/* Whether a coordinator can carry an order out, as status shows it. */
static bool is_able(const struct host *h)
{
    return (h->mute == MUTE_NOT || (h->mute == MUTE_NO_VOTE && h->found_sound)) && h->alive && !host_stands(h);
}

bool person_resumes(struct world *w, uint8_t service)
{
    const struct ledger *l = check_newest(w, service);
    struct host *h = NULL;
    for (uint8_t n = 0; n < w->host_count && h == NULL; n++)
        h = is_able(&w->hosts[n]) ? &w->hosts[n] : NULL;
    return l != NULL && h != NULL && l->operation.wish != WISH_GO && person_tells_traffic(w, h, service, ORDER_GO);
}

/* One that works the region's database, and so can make it the writer. */
static struct host *able_host(struct world *w, region_id region)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (node_in(w->hosts[n].config.services[0].regions[region].guards, n) && is_able(&w->hosts[n]))
            return &w->hosts[n];
    return NULL;
}

bool person_says(struct world *w, struct host *h, uint8_t service, enum order_kind kind, int64_t for_us)
{
    const struct ledger *l = check_newest(w, service);
    if (l == NULL)
        return false;
    struct order o = { .kind = kind, .to = REGION_NONE, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    o.operation = l->operation.kind != OPERATION_NONE ? l->operation.id : l->last_operation;
    if (kind == ORDER_PAUSE && for_us > 0)
        o.at.us = host_wall(w, h) + for_us;
    return person_orders(w, h, service, &o);
}

bool person_lifts(struct world *w, uint8_t service)
{
    const struct ledger *l = check_newest(w, service);
    bool held = l != NULL && l->operation.kind != OPERATION_NONE && l->operation.wish == WISH_HOLD;
    if (l == NULL || (!held && !l->pause.on))
        return false;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (is_able(&w->hosts[n]))
            return person_says(w, &w->hosts[n], service, held ? ORDER_GO : ORDER_RESUME, 0);
    return false;
}

/* ...also without a vote of its own that anybody confirmed: it waits for a majority that may never come. */
static struct host *able_guard(struct world *w, region_id region)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (node_in(w->hosts[n].config.services[0].regions[region].guards, n) && w->hosts[n].alive &&
            !host_stands(&w->hosts[n]))
            return &w->hosts[n];
    return NULL;
}

static struct host *last_guard(struct world *w, region_id region)
{
    for (uint8_t n = w->host_count; n > 0; n--)
        if (node_in(w->hosts[n - 1].config.services[0].regions[region].guards, n - 1) && w->hosts[n - 1].alive &&
            !host_stands(&w->hosts[n - 1]))
            return &w->hosts[n - 1];
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
                       .accepted_loss_bytes = INT64_MAX / 4, .accepted_loss_us = INT64_MAX / 4 };
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

/* ---- broken glasses ---- */

/* No client of it gets an answer, and nothing starts it by itself. */
static bool is_dead(const struct world *w, uint8_t service, region_id r)
{
    const struct database *db = &w->services[service].databases[r];
    return !w->options.policy.regions[r].serves || w->region_dead[r] || !db->up || db->in_recovery;
}

bool person_breaks(struct world *w, uint8_t service, region_id region, bool last, bool whatever)
{
    struct host *h = last ? last_guard(w, region) : able_guard(w, region);
    bool dead = true;
    for (region_id r = 0; r < w->options.region_count; r++)
        dead = dead && (r == region || is_dead(w, service, r));
    if (h == NULL || (!dead && !whatever))
        return false;
    struct order o = { .kind = ORDER_BREAK, .to = region, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    (void)snprintf(o.proof.s, sizeof o.proof.s, "seen with my own eyes");
    return person_orders(w, h, service, &o);
}

static bool reconciles(struct world *w, uint8_t service, const struct mark *m, region_id keep, bool whatever)
{
    world_settle(w);
    struct order o = { .kind = ORDER_RECONCILE, .to = keep, .operation = m->id,
                       .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    /* A person who says that it is dead has looked. */
    if (whatever && m->region != keep && !world_acknowledges(w, service, m->region))
        o.skipped_gates = 1u << GATE_FENCE;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (is_able(&w->hosts[n]) && w->hosts[n].disk.durable.services[service].marks[m->maker.node].id == m->id)
            return person_orders(w, &w->hosts[n], service, &o);
    return false;
}

bool person_reconciles(struct world *w, uint8_t service, region_id keep, bool whatever)
{
    const struct mark *m = shown_mark(w, service, REGION_NONE, false);
    return m != NULL && reconciles(w, service, m, keep, whatever);
}

/* One after the other: what is refused for one of two, since its maker has no vote, may be done for the other. */
bool person_ends_marks(struct world *w, uint8_t service, unsigned tries)
{
    const struct ledger *l = check_newest(w, service);
    const struct mark *m = NULL;
    for (region_id i = 0; i < w->options.region_count && m == NULL; i++)
        m = shown_mark(w, service, (region_id)((tries / 4 + i) % w->options.region_count), true);
    if (m == NULL || l == NULL)
        return false;
    region_id other = l->writer != REGION_NONE ? l->writer : l->operation.from;
    region_id keep = ((m->id >> 1) + tries / 2) % 2 == 0 ? m->region : other;
    return reconciles(w, service, m, keep, tries > 2);
}
