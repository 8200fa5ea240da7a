/* After healing: has everything come to rest, and is every service served? See check.h.
 *
 * Asked is only what the coordinators can do by themselves. Where the design leaves it to a person (a
 * guarded fence whose guard is gone, disks that are lost for a majority, a zone that is not ours, a
 * target that lacks too much, a service in manual mode), nothing is asked but one thing: whoever is
 * named and can write, writes. */
#include "tests/sim/truth.h"

#include "policy/view.h"

/* A target may lack a little less than what is allowed: what was last known is not what was last written. */
#define LOSS_SHARE 2

/* ---- who is there ---- */

static bool link_works(const struct world *w, uint8_t a, uint8_t b)
{
    region_id from = w->hosts[a].region, to = w->hosts[b].region;
    return a == b || (!w->links[a][b].cut && !w->links[b][a].cut && !w->cut[from][to] &&
                      !w->cut[to][from]);
}

static bool is_up(const struct world *w, uint8_t n, const bool lost[POLICY_REGIONS_MAX])
{
    const struct host *h = &w->hosts[n];
    return h->alive && !host_stands(h) && !lost[h->region];
}

/* Voters that vote and reach each other by way of `n`. */
static node_set voting_with(const struct world *w, uint8_t n, const bool lost[POLICY_REGIONS_MAX])
{
    node_set set = 0;
    for (uint8_t v = 0; v < w->host_count; v++)
        if (node_in(truth_voters(w), v) && is_up(w, v, lost) && link_works(w, n, v) &&
            w->hosts[v].mute == MUTE_NOT)
            set = (node_set)(set | node_bit(v));
    return set;
}

static bool has_quorum(const struct world *w, uint8_t n, const bool lost[POLICY_REGIONS_MAX])
{
    return is_up(w, n, lost) && truth_is_majority(w, voting_with(w, n, lost));
}

static bool may_propose(const struct host *h)
{
    return h->mute == MUTE_NOT || (h->mute == MUTE_NO_VOTE && h->found_sound);
}

/* ---- who could serve ---- */

static bool answers(const struct world *w, uint8_t service, region_id r,
                    const bool lost[POLICY_REGIONS_MAX])
{
    const struct world_service *s = &w->services[service];
    const struct database *db = &s->databases[r];
    return !lost[r] && !w->region_dead[r] && s->policy.regions[r].serves && db->up &&
           !db->frozen && s->endpoints_up[r];
}

/* The very guard that the register names is there and can work its fence. */
static bool guard_is_able(const struct world *w, const struct ledger *l,
                          const bool lost[POLICY_REGIONS_MAX])
{
    if (l->guard.node >= w->host_count)
        return false;
    const struct host *h = &w->hosts[l->guard.node];
    return has_quorum(w, l->guard.node, lost) && h->guard_ready &&
           h->config.instance == l->guard.id;
}

/* A coordinator that may begin a failover to its region by itself. */
static bool has_candidate(const struct world *w, uint8_t service, region_id r,
                          const bool lost[POLICY_REGIONS_MAX])
{
    for (uint8_t n = 0; n < w->host_count; n++) {
        const struct host *h = &w->hosts[n];
        node_set guards = h->config.services[service].regions[r].guards;
        if (h->region == r && node_in(guards, n) && has_quorum(w, n, lost) && may_propose(h) && h->guard_ready &&
            !h->observer_broken && h->config.services[service].mode != MODE_MANUAL)
            return true;
    }
    return false;
}

/* A node for which most other regions are gone suspects itself, and says nothing of them. */
static bool trusts_itself(const struct world *w, uint8_t n, region_id gone,
                          const bool lost[POLICY_REGIONS_MAX])
{
    unsigned regions = 0, failing = 0;
    for (region_id r = 0; r < w->options.region_count; r++) {
        if (r == w->hosts[n].region)
            continue;
        bool heard = false;
        for (uint8_t o = 0; o < w->host_count; o++)
            heard = heard || (w->hosts[o].region == r && is_up(w, o, lost) && link_works(w, n, o));
        regions++;
        if (lost[r] || r == gone || !heard)
            failing++;
    }
    return failing * 2 <= regions && !w->hosts[n].observer_broken;
}

static bool majority_can_judge(const struct world *w, region_id gone,
                               const bool lost[POLICY_REGIONS_MAX])
{
    node_set yes = 0;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (has_quorum(w, n, lost) && trusts_itself(w, n, gone, lost))
            yes = (node_set)(yes | node_bit(n));
    return truth_is_majority(w, yes);
}

static uint64_t written_lsn(const struct world_service *s)
{
    const struct timeline *head = &s->timelines[s->truth->head];
    return head->acknowledged_lsn > head->fork_lsn ? head->acknowledged_lsn : head->fork_lsn;
}

/* A standby of the writer's timeline that lacks less than may be lost; nothing at all where there is no
 * way back: whether it streamed to the last is something that nodes forget when they restart. */
static bool is_good_target(const struct world *w, uint8_t service, region_id r,
                           const struct ledger *l, const bool lost[POLICY_REGIONS_MAX])
{
    const struct world_service *s = &w->services[service];
    const struct database *db = &s->databases[r];
    region_id source = l->writer != REGION_NONE ? l->writer : l->operation.from;
    if (r == source || !answers(w, service, r, lost) || !has_candidate(w, service, r, lost) ||
        !db->in_recovery || db->timeline != s->truth->head ||
        s->databases[source].timeline != s->truth->head)
        return false;
    uint64_t wrote = written_lsn(s), lacks = wrote > db->lsn ? wrote - db->lsn : 0;
    if (lacks > 0 && l->writer == REGION_NONE && !l->operation.may_return)
        return false;
    uint64_t bytes = (uint64_t)s->policy.rpo_bytes / LOSS_SHARE;
    uint64_t timed = (uint64_t)(s->policy.rpo_us / US_PER_S) * WORLD_WRITE_BYTES_PER_S / LOSS_SHARE;
    return lacks == 0 || (lacks < bytes && lacks < timed);
}

static bool fence_needs_nobody(const struct world *w, uint8_t service, const struct ledger *l)
{
    return !l->keep_on_quorum_loss &&
           (l->fence == FENCE_ENFORCED || w->services[service].policy.accept_unconfirmed_fence);
}

/* People said no, or other services have to go first. */
static bool is_held_back(const struct world *w, uint8_t service, const struct ledger *l)
{
    if (l->proposal.state == PROPOSAL_DECLINED)
        return true;
    unsigned others = 0;
    for (uint8_t s = 0; s < w->service_count; s++) {
        const struct ledger *other = check_newest(w, s);
        others += s != service && other != NULL && operation_moves(other->operation.kind);
    }
    return w->options.failovers_at_once > 0 && others >= w->options.failovers_at_once;
}

/* A region that the coordinators have to move the service to; REGION_NONE: a person has to help. */
static region_id should_move_to(const struct world *w, uint8_t service, const struct ledger *l,
                                const bool lost[POLICY_REGIONS_MAX])
{
    region_id source = l->writer != REGION_NONE ? l->writer : l->operation.from;
    if (!fence_needs_nobody(w, service, l) || !majority_can_judge(w, source, lost) || l->pause.on ||
        is_held_back(w, service, l))
        return REGION_NONE;
    for (region_id r = 0; r < w->options.region_count; r++)
        if (is_good_target(w, service, r, l, lost))
            return r;
    return REGION_NONE;
}

/* ---- what has to be so ---- */

static bool is_served(const struct world *w, uint8_t service)
{
    for (region_id r = 0; r < w->options.region_count; r++)
        if (world_acknowledges(w, service, r) && !truth_by_hand(w, service, r))
            return true;
    return false;
}

/* Whoever can take part knows what is chosen. */
static void check_agreement(struct world *w, uint8_t service, const struct ledger *l,
                            const bool lost[POLICY_REGIONS_MAX])
{
    for (uint8_t n = 0; n < w->host_count; n++) {
        const struct host *h = &w->hosts[n];
        if (!has_quorum(w, n, lost) || !may_propose(h))
            continue;
        if (!h->ledger_known[service] || h->ledger[service].version != l->version)
            world_break(w, INVARIANT_CONVERGES, "%s knows version %llu, and %llu is chosen", h->name,
                        h->ledger_known[service]
                            ? (unsigned long long)h->ledger[service].version : 0ull,
                        (unsigned long long)l->version);
        /* A voter that has something else on its disk can't grant: the next one that is lost stops the service. What
         * its disk has just forgotten it still has in memory, and will write with whatever it accepts next. */
        const struct register_report *has = &h->disk.durable.services[service].accepted;
        bool behind = !has->present || has->ledger.version < l->version ||
                      (has->ledger.version == l->version && !truth_same_value(&has->ledger, l));
        if (node_in(truth_voters(w), n) && h->mute == MUTE_NOT && !h->store_failed && !h->disk.forgot && behind)
            world_break(w, INVARIANT_CONVERGES, "the voter of %s is left behind version %llu", h->name,
                        (unsigned long long)l->version);
    }
}

static bool waits_for_zone(const struct world_service *s, const struct ledger *l)
{
    for (uint8_t z = 0; z < s->policy.zone_count && z < WORLD_ZONES_MAX; z++)
        if (s->zones[z].now.mark != DNS_MARK_OURS || s->zones[z].now.epoch < l->dns_epoch)
            return true;
    return false;
}

static void check_operation_over(struct world *w, uint8_t service, const struct ledger *l,
                                 const bool lost[POLICY_REGIONS_MAX])
{
    const struct ledger_operation *op = &l->operation;
    bool has_executor = op->executor < w->host_count && has_quorum(w, op->executor, lost) &&
                        w->hosts[op->executor].guard_ready && may_propose(&w->hosts[op->executor]);
    if (op->kind == OPERATION_NONE || !has_executor)
        return; /* one without an executor is looked at by who serves */
    if (op->phase == PHASE_GRANTED && waits_for_zone(&w->services[service], l))
        return;
    /* With no way back and a gate that stays shut a person has to decide. */
    if (op->phase == PHASE_BEGUN && !op->may_return)
        return;
    if (!answers(w, service, op->to, lost) && !op->may_return)
        return;
    world_break(w, INVARIANT_CONVERGES, "an operation towards %s does not come to an end",
                truth_region(w, op->to));
}

static void check_served(struct world *w, uint8_t service, const struct ledger *l,
                         const bool lost[POLICY_REGIONS_MAX])
{
    const struct database *db =
        l->writer != REGION_NONE ? &w->services[service].databases[l->writer] : NULL;
    if (is_served(w, service))
        return;
    bool may_write = db != NULL && answers(w, service, l->writer, lost) &&
                     guard_is_able(w, l, lost) &&
                     (!db->in_recovery || l->operation.phase == PHASE_GRANTED);
    if (may_write) {
        world_break(w, INVARIANT_CONVERGES, "%s is named and can write, and does not",
                    truth_region(w, l->writer));
        return;
    }
    /* Named, and well but for a guard that is another now: it may be found failed or not. */
    region_id target = should_move_to(w, service, l, lost);
    if (target != REGION_NONE)
        world_break(w, INVARIANT_CONVERGES, "nobody serves, and %s could", truth_region(w, target));
}

/* A person can have a zone mended by the guard that the register names, and by nobody else. */
static void check_dns_rests(struct world *w, uint8_t service, const struct ledger *l,
                            const bool lost[POLICY_REGIONS_MAX])
{
    const struct world_service *s = &w->services[service];
    if (!guard_is_able(w, l, lost) || !may_propose(&w->hosts[l->guard.node]))
        return;
    for (uint8_t z = 0; z < s->policy.zone_count && z < WORLD_ZONES_MAX; z++) {
        const struct zone *zone = &s->zones[z];
        if (zone->now.mark != DNS_MARK_OURS || l->operation.kind != OPERATION_NONE)
            continue;
        if (zone->rolled_back || zone->now.epoch < l->dns_epoch)
            world_break(w, INVARIANT_DNS, "zone %u has not been mended: it shows epoch %llu, and "
                        "%llu was in force", z, (unsigned long long)zone->now.epoch,
                        (unsigned long long)l->dns_epoch);
        else if (l->dns_epoch == l->epoch && (zone->now.region != l->writer || zone->now.share != 100))
            world_break(w, INVARIANT_DNS, "zone %u points at %s, and %s writes", z,
                        truth_region(w, zone->now.region), truth_region(w, l->writer));
    }
}

/* Every standby that can follow the writer does, and nobody had to ask for it. */
static void check_followed(struct world *w, uint8_t service, const struct ledger *l,
                           const bool lost[POLICY_REGIONS_MAX])
{
    const struct world_service *s = &w->services[service];
    if (l->writer == REGION_NONE || operation_moves(l->operation.kind) || !answers(w, service, l->writer, lost) ||
        s->databases[l->writer].in_recovery || truth_by_hand(w, service, l->writer))
        return;
    for (region_id r = 0; r < w->options.region_count; r++) {
        const struct database *db = &s->databases[r];
        bool guarded = false;
        for (uint8_t n = 0; n < w->host_count; n++)
            guarded = guarded || (w->hosts[n].region == r && has_quorum(w, n, lost) && !w->hosts[n].observer_broken);
        if (r == l->writer || lost[r] || w->region_dead[r] || !s->policy.regions[r].serves || !db->up || db->frozen ||
            db->promoting || !guarded || !world_can_follow(w, service, r, l->writer))
            continue;
        if (!db->streaming || db->upstream != l->writer)
            world_break(w, INVARIANT_CONVERGES, "the standby of %s could stream from %s, and does not",
                        truth_region(w, r), truth_region(w, l->writer));
    }
}

/* Only the maker can shut what it holds by its mark; where its store is lost, a person has to stop that database. A
 * region's marks end together. */
static bool maker_is_mute(const struct world *w, const struct mark marks[POLICY_NODES_MAX], region_id region)
{
    bool mute = false;
    for (uint8_t n = 0; n < w->host_count; n++)
        mute = mute || (marks[n].state != MARK_NONE && marks[n].region == region && w->hosts[n].mute != MUTE_NOT);
    return mute;
}

/* People gave the order, and all are there to carry it out. */
static void check_reconciled_all(struct world *w, uint8_t service, const bool lost[POLICY_REGIONS_MAX])
{
    for (uint8_t n = 0; n < w->host_count; n++)
        for (uint8_t maker = 0; maker < w->host_count; maker++) {
            const struct mark *marks = w->hosts[n].disk.durable.services[service].marks;
            if (has_quorum(w, n, lost) && may_propose(&w->hosts[n]) && marks[maker].state != MARK_NONE &&
                !maker_is_mute(w, marks, marks[maker].region))
                world_break(w, INVARIANT_CONVERGES, "%s still shows the glass that was broken at %s", w->hosts[n].name,
                            w->hosts[maker].name);
        }
}

void check_rest(struct world *w, const bool lost[POLICY_REGIONS_MAX])
{
    bool quorum = false;
    world_settle(w);
    for (uint8_t n = 0; n < w->host_count; n++)
        quorum = quorum || has_quorum(w, n, lost);
    for (uint8_t s = 0; s < w->service_count && quorum; s++) {
        const struct ledger *l = check_newest(w, s);
        if (l == NULL) {
            world_break(w, INVARIANT_CONVERGES, "no value was ever chosen");
            continue;
        }
        check_served(w, s, l, lost);
        check_agreement(w, s, l, lost);
        check_operation_over(w, s, l, lost);
        check_dns_rests(w, s, l, lost);
        check_followed(w, s, l, lost);
        check_reconciled_all(w, s, lost);
    }
}
