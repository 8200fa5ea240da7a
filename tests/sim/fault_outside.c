/* Faults of everything around the coordinators, and what people do: network, databases, endpoints, acts,
 * DNS, orders. See fault.h. */
#include "tests/sim/fault_parts.h"
#include "tests/sim/person.h"

/* ---- the network ---- */

static bool cut(struct strike *k)
{
    region_id a = strike_region(k), b = strike_other_region(k);
    world_settle(k->world);
    k->world->cut[a][b] = k->world->cut[b][a] = a != b;
    return a != b;
}

static bool cut_one_way(struct strike *k)
{
    region_id a = strike_region(k), b = strike_other_region(k);
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
    world_region_isolate(k->world, strike_region(k), true);
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
    (void)strike_region(k);
    one_way(k, true);
    return true;
}

static void end_one_way(struct strike *k)
{
    one_way(k, false);
}

static bool link_cut(struct strike *k)
{
    (void)strike_host(k);
    (void)strike_other_host(k);
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
    region_id a = strike_region(k), b = strike_other_region(k);
    for (uint8_t from = 0; from < w->host_count; from++)
        for (uint8_t to = 0; to < w->host_count; to++)
            if (w->hosts[from].region == a && w->hosts[to].region == b)
                w->links[from][to].clogged_until = w->now_us + k->fault->value;
    return a != b;
}

static bool clog_host(struct strike *k)
{
    struct world *w = k->world;
    uint8_t h = host_index(w, strike_host(k));
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
    k->world->duplicate_at_us = k->fault->other != 0 ? k->world->now_us + k->fault->for_us : 0;
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

static bool lies(struct strike *k)
{
    k->world->lies_permille = (uint32_t)k->fault->value;
    return true;
}

static void no_lies(struct strike *k) { k->world->lies_permille = 0; }

/* ---- databases and endpoints ---- */

static struct database *database(struct strike *k)
{
    return &k->world->services[k->fault->service].databases[k->state->one];
}

static bool can_be_hit(struct strike *k)
{
    return !k->world->region_dead[strike_region(k)] &&
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
        k->fault->one == PART_ANY ? 0 : node_bit(host_index(k->world, strike_host(k)));
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

/* ---- people ---- */

static bool order(struct strike *k)
{
    struct host *h = strike_host(k);
    struct order o = { .kind = k->fault->kind == HIT_SWITCHOVER ? ORDER_SWITCHOVER : ORDER_FAILOVER,
                       .to = strike_other_region(k),
                       .skipped_gates = k->fault->bits, .accepted_loss_bytes = k->fault->value,
                       .accepted_loss_us = k->fault->time_us > 0 ? k->fault->time_us : -1 };
    return person_orders(k->world, h, k->fault->service, &o);
}

static bool answer(struct strike *k)
{
    return person_answers(k->world, strike_host(k), k->fault->service, (enum order_kind)k->fault->value,
                          (k->fault->bits & 1u) != 0);
}

/* Of the ten tens of percent, those whose bit is set; and all. */
static struct shift stages(const struct fault *f)
{
    struct shift shift = { .hold_us = f->value };
    for (uint8_t ten = 1; ten < 10 && shift.count + 1 < SHIFT_STAGES_MAX; ten++)
        if ((f->bits >> ten & 1u) != 0)
            shift.percent[shift.count++] = (uint8_t)(ten * 10);
    shift.percent[shift.count++] = 100;
    return shift;
}

static bool failback(struct strike *k)
{
    struct order o = { .kind = ORDER_FAILBACK, .to = k->world->options.policy.initial_writer,
                       .accepted_loss_bytes = -1, .accepted_loss_us = -1, .shift = stages(k->fault) };
    return person_orders(k->world, strike_host(k), k->fault->service, &o);
}

static bool traffic(struct strike *k)
{
    return person_tells_traffic(k->world, strike_host(k), k->fault->service, (enum order_kind)k->fault->value);
}

static bool adopt(struct strike *k)
{
    struct order o = { .kind = ORDER_ADOPT, .to = REGION_NONE, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    return person_orders(k->world, strike_host(k), k->fault->service, &o);
}

static bool scheduled(struct strike *k)
{
    struct host *h = strike_host(k);
    struct order o = { .kind = ORDER_SWITCHOVER, .to = strike_other_region(k), .skipped_gates = k->fault->bits,
                       .accepted_loss_bytes = -1, .accepted_loss_us = -1,
                       .at = { host_wall(k->world, h) + k->fault->value * US_PER_S } };
    return person_orders(k->world, h, k->fault->service, &o);
}

static bool word(struct strike *k)
{
    struct host *h = strike_host(k);
    return person_says(k->world, h, k->fault->service, (enum order_kind)k->fault->value,
                       k->fault->bits * US_PER_S);
}

static bool rejoin(struct strike *k)
{
    return person_rejoins(k->world, k->fault->service, strike_region(k));
}

/* Of the operation that runs, or the last; or late, of the last while another runs. */
static bool tick(struct strike *k)
{
    const struct ledger *l = check_newest(k->world, k->fault->service);
    if (l == NULL)
        return false;
    bool runs = l->operation.kind != OPERATION_NONE && k->fault->value == 0;
    struct order o = { .kind = ORDER_TICK, .to = REGION_NONE, .operation = runs ? l->operation.id : l->last_operation,
                       .accepted_loss_bytes = -1, .accepted_loss_us = -1, .items = k->fault->bits };
    return o.operation != 0 && person_orders(k->world, strike_host(k), k->fault->service, &o);
}

static bool break_glass(struct strike *k)
{
    return person_breaks(k->world, k->fault->service, strike_region(k), (k->fault->bits & 2u) != 0,
                         (k->fault->bits & 1u) != 0);
}

static bool reconcile(struct strike *k)
{
    return person_reconciles(k->world, k->fault->service, strike_other_region(k), (k->fault->bits & 1u) != 0);
}

static bool mend(struct strike *k)
{
    (void)k; /* run.c ends the others */
    return true;
}

/* ---- the table ---- */

const struct fault_row fault_outside_rows[HIT_COUNT] = {
    [HIT_CUT] = { "regions cut", cut, uncut, false, true },
    [HIT_CUT_ONE_WAY] = { "regions cut one way", cut_one_way, uncut, false, true },
    [HIT_ISOLATE] = { "region isolated", isolate, rejoin_network, false, true },
    [HIT_ISOLATE_ONE_WAY] = { "isolated one way", isolate_one_way, end_one_way, false, true },
    [HIT_LINK] = { "link cut one way", link_cut, link_mended, false, true },
    [HIT_CLOG] = { "regions clogged", clog_ways, NULL, false, false },
    [HIT_CLOG_HOST] = { "host clogged", clog_host, NULL, false, false },
    [HIT_LOSS] = { "messages lost", loss, no_loss, false, false },
    [HIT_DUPLICATES] = { "messages doubled", duplicates, no_duplicates, false, false },
    [HIT_LATE] = { "messages late", late, in_time, false, false },
    [HIT_LIES] = { "messages lie", lies, no_lies, false, false },
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
    [HIT_ORDER] = { "order: failover", order, NULL, false, false },
    [HIT_SWITCHOVER] = { "order: switchover", order, NULL, false, false },
    [HIT_ANSWER] = { "order: approve or decline", answer, NULL, false, false },
    [HIT_FAILBACK] = { "order: failback", failback, NULL, false, false },
    [HIT_TRAFFIC] = { "order: traffic", traffic, NULL, false, false },
    [HIT_ADOPT] = { "order: adopt", adopt, NULL, false, false },
    [HIT_REJOIN] = { "old primary rejoined", rejoin, NULL, false, false },
    [HIT_SCHEDULED] = { "order: switchover later", scheduled, NULL, false, false },
    [HIT_WORD] = { "a word", word, NULL, false, false },
    [HIT_TICK] = { "order: tick", tick, NULL, false, false },
    [HIT_GLASS] = { "glass broken", break_glass, NULL, false, false },
    [HIT_RECONCILE] = { "glass reconciled", reconcile, NULL, false, false },
    [HIT_MEND] = { "all outages end early", mend, NULL, false, false },
};
