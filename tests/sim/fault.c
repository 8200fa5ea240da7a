/* How each fault strikes and is undone: one table, a row for each kind. See fault.h. */
#include "tests/sim/fault.h"

#include "tests/sim/person.h"

#include <stdio.h>
#include <string.h>

struct strike {
    struct world *world;
    const struct fault *fault;
    struct fault_state *state;
};

typedef bool striker(struct strike *k);
typedef void undoer(struct strike *k);

/* ---- who it is ---- */

uint8_t fault_hosts(const struct world_options *o, region_id region_of[POLICY_NODES_MAX])
{
    uint8_t count = 0;
    for (uint8_t round = 0; round < POLICY_NODES_MAX; round++)
        for (region_id r = 0; r < o->region_count && count < POLICY_NODES_MAX; r++)
            if (o->coordinators[r] > round)
                region_of[count++] = r;
    return count;
}

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
    if (l != NULL && l->operation.kind == OPERATION_FAILOVER && l->operation.to != writer)
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
    if (l != NULL && l->operation.kind == OPERATION_FAILOVER && l->operation.phase == PHASE_GRANTED)
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

static region_id region_one(struct strike *k)
{
    return k->state->one = region_for(k->world, k->fault->service, k->fault->one);
}

static region_id region_other(struct strike *k)
{
    return k->state->other = region_for(k->world, k->fault->service, k->fault->other);
}

static struct host *host_one(struct strike *k)
{
    k->state->one = host_for(k->world, k->fault->service, k->fault->one);
    return &k->world->hosts[k->state->one];
}

static struct host *struck_host(struct strike *k)
{
    return &k->world->hosts[k->state->one];
}

/* ---- regions and processes ---- */

static void start(struct world *w, struct host *h)
{
    if (!w->region_dead[h->region] && h->machine_stopped_at < 0)
        world_host_start(w, h);
}

static bool region_lost(struct strike *k)
{
    if (k->world->region_dead[region_one(k)])
        return false;
    world_region_kill(k->world, k->state->one);
    return true;
}

static void region_returns(struct strike *k)
{
    if (k->world->region_dead[k->state->one])
        world_region_return(k->world, k->state->one);
}

static bool crash(struct strike *k)
{
    struct host *h = host_one(k);
    if (!h->alive)
        return false;
    world_host_crash(k->world, h, (k->fault->bits & 1u) != 0);
    return true;
}

static void restart(struct strike *k)
{
    start(k->world, struck_host(k));
}

static bool crash_persist(struct strike *k)
{
    struct host *h = host_one(k);
    h->crash_at_persist = (uint32_t)k->fault->value;
    h->crash_writes = (k->fault->bits & 1u) != 0;
    return h->alive;
}

static void end_crash_persist(struct strike *k)
{
    struck_host(k)->crash_at_persist = 0;
    restart(k);
}

static bool crash_step(struct strike *k)
{
    for (uint8_t n = 0; n < k->world->host_count; n++) {
        k->world->hosts[n].crash_at_step = (enum step_id)k->fault->value;
        k->world->hosts[n].crash_writes = (k->fault->bits & 1u) != 0;
    }
    return true;
}

static void end_crash_step(struct strike *k)
{
    for (uint8_t n = 0; n < k->world->host_count; n++) {
        k->world->hosts[n].crash_at_step = STEP_NONE;
        start(k->world, &k->world->hosts[n]);
    }
}

static bool restart_set(struct strike *k)
{
    bool any = false;
    for (uint8_t n = 0; n < k->world->host_count; n++) {
        if ((k->fault->bits >> n & 1u) == 0 || !k->world->hosts[n].alive)
            continue;
        world_host_crash(k->world, &k->world->hosts[n], false);
        any = true;
    }
    return any;
}

static void end_restart_set(struct strike *k)
{
    for (uint8_t n = 0; n < k->world->host_count; n++)
        if ((k->fault->bits >> n & 1u) != 0)
            start(k->world, &k->world->hosts[n]);
}

static bool pause_host(struct strike *k)
{
    struct host *h = host_one(k);
    if (!h->alive || h->paused)
        return false;
    world_host_pause(k->world, h);
    return true;
}

static bool pause_step(struct strike *k)
{
    struct host *h = host_one(k);
    if (!h->alive || h->paused)
        return false;
    h->pause_at_step = (uint32_t)k->fault->value;
    return true;
}

static void resume(struct strike *k)
{
    struck_host(k)->pause_at_step = 0;
    world_host_resume(k->world, struck_host(k));
}

static bool machine(struct strike *k)
{
    struct host *h = host_one(k);
    if (k->world->region_dead[h->region] || h->machine_stopped_at >= 0)
        return false;
    world_host_lose_time(k->world, h, k->fault->value);
    return true;
}

/* ---- disks ---- */

static bool wipe(struct strike *k)
{
    struct host *h = host_one(k);
    world_host_crash(k->world, h, false);
    world_disk_wipe(k->world, h);
    return true;
}

static bool copy_disk(struct strike *k)
{
    world_disk_save(host_one(k));
    return true;
}

static void roll_back(struct strike *k)
{
    struct host *h = struck_host(k);
    world_host_crash(k->world, h, false);
    world_disk_restore(h);
    start(k->world, h);
}

static bool spoil_write(struct strike *k)
{
    struct host *h = host_one(k);
    h->disk.next = (enum disk_fault)k->fault->value;
    return h->alive;
}

static void end_spoilt(struct strike *k)
{
    struct host *h = struck_host(k);
    h->disk.next = DISK_WELL;
    world_host_crash(k->world, h, false);
    start(k->world, h);
}

static bool disk_fails(struct strike *k)
{
    struct host *h = host_one(k);
    if (h->disk.fails)
        return false;
    h->disk.fails = true;
    return true;
}

static void disk_mended(struct strike *k)
{
    struct host *h = struck_host(k);
    h->disk.fails = false;
    if (!h->store_failed)
        return;
    world_host_crash(k->world, h, false); /* its supervisor starts it anew */
    start(k->world, h);
}

static bool disk_slow(struct strike *k)
{
    struct host *h = host_one(k);
    k->state->saved = h->disk.latency_us;
    h->disk.latency_us = k->fault->value;
    return true;
}

static void disk_fast(struct strike *k)
{
    struck_host(k)->disk.latency_us = k->state->saved;
}

/* ---- clocks ---- */

static bool rate(struct strike *k)
{
    struct host *h = host_one(k);
    world_host_rate(k->world, h, (int32_t)k->fault->value);
    return true;
}

static void rate_again(struct strike *k)
{
    world_host_rate(k->world, struck_host(k), k->world->options.clock_ppm[k->state->one]);
}

static bool rate_beyond(struct strike *k)
{
    k->world->beyond[BEYOND_CLOCK] = true;
    return rate(k);
}

static bool calendar(struct strike *k)
{
    world_host_step_calendar(host_one(k), k->fault->value);
    return true;
}

/* ---- the network ---- */

static bool cut(struct strike *k)
{
    region_id a = region_one(k), b = region_other(k);
    world_settle(k->world);
    k->world->cut[a][b] = k->world->cut[b][a] = a != b;
    return a != b;
}

static bool cut_one_way(struct strike *k)
{
    region_id a = region_one(k), b = region_other(k);
    world_settle(k->world);
    k->world->cut[a][b] = a != b;
    return a != b;
}

static void uncut(struct strike *k)
{
    world_settle(k->world);
    k->world->cut[k->state->one][k->state->other] = false;
    if (k->fault->kind == HIT_CUT)
        k->world->cut[k->state->other][k->state->one] = false;
}

static bool isolate(struct strike *k)
{
    world_region_isolate(k->world, region_one(k), true);
    return true;
}

static void rejoin_network(struct strike *k)
{
    world_region_isolate(k->world, k->state->one, false);
}

static void one_way(struct strike *k, bool is_cut)
{
    region_id a = k->state->one;
    bool deaf = (k->fault->bits & 1u) != 0;
    world_settle(k->world);
    for (region_id r = 0; r < k->world->options.region_count; r++)
        if (r != a)
            k->world->cut[deaf ? r : a][deaf ? a : r] = is_cut;
}

static bool isolate_one_way(struct strike *k)
{
    (void)region_one(k);
    one_way(k, true);
    return true;
}

static void end_one_way(struct strike *k)
{
    one_way(k, false);
}

static bool link_cut(struct strike *k)
{
    (void)host_one(k);
    k->state->other = host_for(k->world, k->fault->service, k->fault->other);
    k->world->links[k->state->one][k->state->other].cut = true;
    return k->state->one != k->state->other;
}

static void link_mended(struct strike *k)
{
    k->world->links[k->state->one][k->state->other].cut = false;
}

/* Nothing to undo: it clears by itself, and what was on its way comes then. */
static bool clog_ways(struct strike *k)
{
    struct world *w = k->world;
    region_id a = region_one(k), b = region_other(k);
    for (uint8_t from = 0; from < w->host_count; from++)
        for (uint8_t to = 0; to < w->host_count; to++)
            if (w->hosts[from].region == a && w->hosts[to].region == b)
                w->links[from][to].clogged_until = w->now_us + k->fault->value;
    return a != b;
}

static bool clog_host(struct strike *k)
{
    struct world *w = k->world;
    uint8_t h = host_index(w, host_one(k));
    bool to = (k->fault->bits & 1u) != 0;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (n != h)
            w->links[to ? n : h][to ? h : n].clogged_until = w->now_us + k->fault->value;
    return true;
}

static bool loss(struct strike *k)
{
    k->world->lose_permille = (uint32_t)k->fault->value;
    return true;
}

static void no_loss(struct strike *k) { k->world->lose_permille = 0; }

static bool duplicates(struct strike *k)
{
    k->world->duplicate_permille = (uint32_t)k->fault->value;
    k->world->duplicate_late_us = (int64_t)k->fault->bits * US_PER_MS;
    return true;
}

static void no_duplicates(struct strike *k) { k->world->duplicate_permille = 0; }

static bool late(struct strike *k)
{
    k->world->late_permille = (uint32_t)k->fault->value;
    k->world->late_us = (int64_t)k->fault->bits * US_PER_MS;
    return true;
}

static void in_time(struct strike *k) { k->world->late_permille = 0; }

/* ---- databases and endpoints ---- */

static struct database *database(struct strike *k)
{
    return &k->world->services[k->fault->service].databases[k->state->one];
}

static bool can_be_hit(struct strike *k)
{
    return !k->world->region_dead[region_one(k)] &&
           k->world->options.policy.regions[k->state->one].serves;
}

static bool db_killed(struct strike *k)
{
    if (!can_be_hit(k) || !database(k)->up)
        return false;
    world_database_stop(k->world, k->fault->service, k->state->one);
    return true;
}

static void db_started(struct strike *k)
{
    if (!k->world->region_dead[k->state->one] && !database(k)->up)
        world_database_start(k->world, k->fault->service, k->state->one);
}

static bool db_frozen(struct strike *k)
{
    if (!can_be_hit(k) || !database(k)->up || database(k)->frozen)
        return false;
    world_settle(k->world);
    database(k)->frozen = true;
    return true;
}

static void db_wakes(struct strike *k)
{
    world_settle(k->world);
    database(k)->frozen = false;
}

/* As a person would who believes the writer dead: a standby, and not where writes go on. */
static bool db_promoted(struct strike *k)
{
    if (!can_be_hit(k) || !database(k)->up || database(k)->frozen || !database(k)->in_recovery)
        return false;
    world_database_promote_by_hand(k->world, k->fault->service, k->state->one);
    return true;
}

static bool endpoints_fail(struct strike *k)
{
    if (!can_be_hit(k))
        return false;
    k->world->services[k->fault->service].endpoints_up[k->state->one] = false;
    return true;
}

static void endpoints_work(struct strike *k)
{
    if (!k->world->region_dead[k->state->one])
        k->world->services[k->fault->service].endpoints_up[k->state->one] = true;
}

static bool lag(struct strike *k)
{
    world_settle(k->world);
    k->state->saved = k->world->lag_bytes;
    k->world->lag_bytes = k->fault->value;
    return true;
}

static void no_lag(struct strike *k)
{
    world_settle(k->world);
    k->world->lag_bytes = k->state->saved;
}

/* ---- acts and DNS ---- */

static bool act_goes_wrong(struct strike *k)
{
    k->world->fault[k->fault->value] = (enum act_fault)k->fault->other;
    k->world->fault_times[k->fault->value] = k->fault->bits;
    k->world->fault_at[k->fault->value] =
        k->fault->one == PART_ANY ? 0 : node_bit(host_index(k->world, host_one(k)));
    return true;
}

static void act_goes_right(struct strike *k)
{
    k->world->fault_times[k->fault->value] = 0;
}

static bool act_slow(struct strike *k)
{
    k->state->saved = k->world->act_us[k->fault->other];
    k->world->act_us[k->fault->other] = k->fault->value;
    return k->state->saved != k->fault->value;
}

static void act_fast(struct strike *k)
{
    k->world->act_us[k->fault->other] = k->state->saved;
}

static bool dns_gone(struct strike *k)
{
    k->world->dns_unreachable = true;
    return true;
}

static void dns_back(struct strike *k) { k->world->dns_unreachable = false; }

static bool dns_slow(struct strike *k)
{
    k->state->saved = k->world->dns_sync_us;
    k->world->dns_sync_us = k->fault->value;
    return true;
}

static void dns_fast(struct strike *k) { k->world->dns_sync_us = k->state->saved; }

static bool zone_exists(struct strike *k)
{
    return k->fault->zone < k->world->services[k->fault->service].policy.zone_count;
}

static bool dns_forgets(struct strike *k)
{
    if (!zone_exists(k))
        return false;
    world_zone_lose_change(k->world, k->fault->service, k->fault->zone);
    return true;
}

static bool dns_mark(struct strike *k)
{
    if (!zone_exists(k))
        return false;
    struct zone_state *z = &k->world->services[k->fault->service].zones[k->fault->zone].now;
    z->mark = (enum dns_mark)k->fault->value;
    z->serial++;
    return true;
}

/* ---- observers, guards, settings ---- */

static bool observer(struct strike *k)
{
    host_one(k)->observer_broken = true;
    return true;
}

static void observer_mended(struct strike *k) { struck_host(k)->observer_broken = false; }

static bool guard_breaks(struct strike *k)
{
    struct host *h = host_one(k);
    if (!h->alive || !h->guard_ready)
        return false;
    world_host_guard(k->world, h, false);
    return true;
}

static void guard_mended(struct strike *k) { world_host_guard(k->world, struck_host(k), true); }

static bool setting(struct strike *k)
{
    struct host *h = host_one(k);
    for (uint8_t s = 0; s < k->world->service_count; s++) {
        struct service_policy *p = &h->config_next.services[s];
        p->lease_us = k->fault->value;
        p->renew_us = k->fault->value / 4;
        p->fence_budget_us = k->fault->value / 5;
        p->settings++;
    }
    world_host_crash(k->world, h, false);
    return true;
}

/* ---- people ---- */

static bool order(struct strike *k)
{
    struct host *h = host_one(k);
    struct order o = { .kind = ORDER_FAILOVER, .to = region_other(k),
                       .skipped_gates = k->fault->bits, .accepted_loss_bytes = k->fault->value };
    return person_orders(k->world, h, k->fault->service, &o);
}

static bool adopt(struct strike *k)
{
    struct order o = { .kind = ORDER_ADOPT, .accepted_loss_bytes = -1 };
    return person_orders(k->world, host_one(k), k->fault->service, &o);
}

static bool rejoin(struct strike *k)
{
    return person_rejoins(k->world, k->fault->service, region_one(k));
}

static bool mend(struct strike *k)
{
    (void)k; /* run.c ends the others */
    return true;
}

/* ---- the table ---- */

static const struct row {
    const char *name;
    striker *apply;
    undoer *undo;
    bool damages, hides;
} rows[HIT_COUNT] = {
    [HIT_REGION_LOST] = { "region lost", region_lost, region_returns, false, true },
    [HIT_CRASH] = { "coordinator killed", crash, restart, false, false },
    [HIT_CRASH_PERSIST] = { "killed at a write", crash_persist, end_crash_persist, false, false },
    [HIT_CRASH_STEP] = { "killed at a step", crash_step, end_crash_step, false, false },
    [HIT_RESTART_SET] = { "several restarted", restart_set, end_restart_set, false, false },
    [HIT_PAUSE] = { "process paused", pause_host, resume, false, true },
    [HIT_PAUSE_STEP] = { "paused within a step", pause_step, resume, false, false },
    [HIT_MACHINE] = { "machine stands still", machine, NULL, false, false },
    [HIT_WIPE] = { "store wiped", wipe, restart, true, false },
    [HIT_ROLL_BACK] = { "store rolled back", copy_disk, roll_back, true, false },
    [HIT_WRITE] = { "write spoilt", spoil_write, end_spoilt, true, false },
    [HIT_DISK_FAILS] = { "disk refuses", disk_fails, disk_mended, false, false },
    [HIT_DISK_SLOW] = { "disk slow", disk_slow, disk_fast, false, false },
    [HIT_RATE] = { "clock rate", rate, rate_again, false, false },
    [HIT_RATE_BEYOND] = { "clock rate beyond", rate_beyond, rate_again, false, false },
    [HIT_CALENDAR] = { "calendar stepped", calendar, NULL, false, false },
    [HIT_CUT] = { "regions cut", cut, uncut, false, true },
    [HIT_CUT_ONE_WAY] = { "regions cut one way", cut_one_way, uncut, false, true },
    [HIT_ISOLATE] = { "region isolated", isolate, rejoin_network, false, true },
    [HIT_ISOLATE_ONE_WAY] = { "isolated one way", isolate_one_way, end_one_way, false, true },
    [HIT_LINK] = { "link cut one way", link_cut, link_mended, false, true },
    [HIT_CLOG] = { "regions clogged", clog_ways, NULL, false, false },
    [HIT_CLOG_HOST] = { "host clogged", clog_host, NULL, false, false },
    [HIT_LOSS] = { "messages lost", loss, no_loss, false, true },
    [HIT_DUPLICATES] = { "messages doubled", duplicates, no_duplicates, false, false },
    [HIT_LATE] = { "messages late", late, in_time, false, false },
    [HIT_DB_KILLED] = { "database killed", db_killed, db_started, false, true },
    [HIT_DB_FROZEN] = { "database frozen", db_frozen, db_wakes, false, true },
    [HIT_DB_PROMOTED] = { "promoted by hand", db_promoted, NULL, false, false },
    [HIT_ENDPOINTS] = { "endpoints fail", endpoints_fail, endpoints_work, false, true },
    [HIT_LAG] = { "replication lags", lag, no_lag, false, false },
    [HIT_ACT] = { "act goes wrong", act_goes_wrong, act_goes_right, false, false },
    [HIT_ACT_SLOW] = { "act slow", act_slow, act_fast, false, false },
    [HIT_DNS_GONE] = { "DNS unreachable", dns_gone, dns_back, false, false },
    [HIT_DNS_SLOW] = { "DNS slow", dns_slow, dns_fast, false, false },
    [HIT_DNS_FORGETS] = { "DNS loses a change", dns_forgets, NULL, false, false },
    [HIT_DNS_MARK] = { "DNS mark changed", dns_mark, NULL, false, false },
    [HIT_OBSERVER] = { "observer broken", observer, observer_mended, false, false },
    [HIT_GUARD] = { "guard broken", guard_breaks, guard_mended, false, false },
    [HIT_SETTING] = { "lease setting changed", setting, restart, false, false },
    [HIT_ORDER] = { "order: failover", order, NULL, false, false },
    [HIT_ADOPT] = { "order: adopt", adopt, NULL, false, false },
    [HIT_REJOIN] = { "old primary rejoined", rejoin, NULL, false, false },
    [HIT_MEND] = { "all outages end early", mend, NULL, false, false },
};

const char *fault_name(enum fault_kind kind)
{
    return rows[kind].name;
}

bool fault_damages(enum fault_kind kind)
{
    return rows[kind].damages;
}

bool fault_hides(enum fault_kind kind)
{
    return rows[kind].hides;
}

bool fault_apply(struct world *w, const struct fault *f, struct fault_state *state)
{
    struct strike k = { w, f, state };
    bool struck = rows[f->kind].apply(&k);
    state->struck = true;
    state->over = !struck || rows[f->kind].undo == NULL || f->for_us <= 0;
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
    rows[f->kind].undo(&k);
    check_event(w);
}
