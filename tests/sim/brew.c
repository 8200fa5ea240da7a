/* Small draws and single faults: see brew.h. */
#include "tests/sim/brew.h"

#include "policy/failover/gates.h"

#define SETTLED_US (20 * US_PER_S) /* the first trouble comes no earlier than so long after the warm-up */

/* ---- small draws ---- */

struct fault *brew_add(struct brew *b, enum fault_kind kind, int64_t at_us, int64_t for_us)
{
    static struct fault beyond_the_list;
    struct mix *m = b->mix;
    struct fault *f = m->fault_count < FAULTS_MAX ? &m->faults[m->fault_count++] : &beyond_the_list;
    *f = (struct fault){ .kind = kind, .after = STEP_NONE, .at_us = at_us > 0 ? at_us : 0, .for_us = for_us };
    if (m->options.service_count > 1)
        f->service = (uint8_t)draw_below(b->draw, m->options.service_count);
    return f;
}

const struct service_policy *brew_policy(const struct brew *b)
{
    return &b->mix->options.policy;
}

uint8_t brew_host(struct brew *b)
{
    region_id region_of[POLICY_NODES_MAX];
    return (uint8_t)draw_below(b->draw, fault_hosts(&b->mix->options, region_of));
}

uint32_t brew_all_hosts(const struct brew *b)
{
    region_id region_of[POLICY_NODES_MAX];
    return (1u << fault_hosts(&b->mix->options, region_of)) - 1u;
}

uint8_t brew_region(struct brew *b)
{
    return (uint8_t)draw_below(b->draw, b->mix->options.region_count);
}

uint8_t brew_serving_region(struct brew *b)
{
    uint8_t r;
    do
        r = brew_region(b);
    while (!brew_policy(b)->regions[r].serves);
    return r;
}

uint8_t brew_host_or_part(struct brew *b)
{
    static const uint8_t parts[] = { PART_GUARD, PART_GUARD, PART_EXECUTOR, PART_TARGET, PART_OTHER };
    return draw_percent(b->draw, 50) ? parts[draw_below(b->draw, sizeof parts)] : brew_host(b);
}

uint8_t brew_region_or_part(struct brew *b)
{
    static const uint8_t parts[] = { PART_WRITER, PART_WRITER, PART_TARGET, PART_OTHER };
    return draw_percent(b->draw, 60) ? parts[draw_below(b->draw, sizeof parts)] : brew_region(b);
}

/* 0.1 to 10 leases, short ones more often. */
int64_t brew_leases(struct brew *b)
{
    int64_t lease = brew_policy(b)->lease_us;
    int64_t most = 10 * lease < 150 * US_PER_S ? 10 * lease : 150 * US_PER_S;
    return draw_small(b->draw, lease / 10, most);
}

int64_t brew_moment(struct brew *b)
{
    return draw_range(b->draw, SETTLED_US, b->mix->safety_us);
}

int64_t brew_ms(struct brew *b, int64_t low, int64_t high)
{
    return draw_range(b->draw, low, high) * US_PER_MS;
}

/* How long after the begin of a trouble everybody agrees on it. */
int64_t brew_detection(const struct brew *b)
{
    const struct world_options *o = &b->mix->options;
    return o->health_for_us + 2 * o->probe_us + o->policy.outage_min_us + 2 * o->heartbeat_us;
}

/* Long enough to be failed over, or ends somewhere on the way there. */
int64_t brew_outage(struct brew *b)
{
    int64_t agreed = brew_detection(b), lease = brew_policy(b)->lease_us;
    if (draw_percent(b->draw, 30))
        return draw_range(b->draw, agreed / 2, agreed + lease * 5 / 4);
    return agreed + lease * 5 / 4 + b->mix->promote_us + draw_small(b->draw, 5, 90) * US_PER_S;
}

/* ---- single faults ---- */

static void draw_values(struct brew *b, struct fault *f);

void brew_single(struct brew *b, enum fault_kind kind, int64_t at_us)
{
    draw_values(b, brew_add(b, kind, at_us, brew_leases(b)));
}

static void draw_process(struct brew *b, struct fault *f)
{
    struct draw *d = b->draw;
    f->one = brew_host_or_part(b);
    f->bits = (uint32_t)draw_below(d, 2);
    switch ((int)f->kind) {
    case HIT_CRASH:
        if (draw_percent(d, 60))
            f->for_us = brew_ms(b, 10, 5000);
        break;
    case HIT_CRASH_PERSIST:
        f->value = draw_small(d, 1, 40);
        if (draw_percent(d, 60))
            f->for_us = brew_ms(b, 3000, 12000);
        break;
    case HIT_CRASH_STEP: f->value = draw_range(d, STEP_BEGIN, STEP_ABORT); break;
    case HIT_RESTART_SET:
        f->bits = draw_percent(d, 40) ? brew_all_hosts(b) : (uint32_t)draw_next(d) & brew_all_hosts(b);
        f->for_us = brew_ms(b, 10, 6000);
        break;
    case HIT_PAUSE_STEP: f->value = draw_small(d, 1, 60); break;
    case HIT_MACHINE:
        f->value = f->for_us;
        f->for_us = 0;
        break;
    case HIT_SETTING:
        f->value = brew_policy(b)->lease_us * draw_range(d, 1, 8) / 2;
        f->for_us = brew_ms(b, 10, 4000);
        break;
    default: break;
    }
}

static void draw_machine(struct brew *b, struct fault *f)
{
    struct draw *d = b->draw;
    int64_t most = brew_policy(b)->clock_error_ppm;
    bool slow = draw_percent(d, 50);
    f->one = brew_host_or_part(b);
    switch ((int)f->kind) {
    case HIT_WIPE: f->for_us = brew_ms(b, 100, 20000); break;
    case HIT_ROLL_BACK: f->for_us = draw_small(d, 1, 240) * US_PER_S; break;
    case HIT_WRITE:
        f->value = draw_range(d, DISK_TORN, DISK_REFUSES);
        f->for_us = draw_small(d, 1, 120) * US_PER_S;
        break;
    case HIT_DISK_SLOW: f->value = brew_ms(b, 20, 3000); break;
    case HIT_RATE:
        f->value = draw_percent(d, 60) ? most : draw_range(d, 0, most);
        f->value = slow ? -f->value : f->value;
        f->for_us = draw_range(d, 10, 300) * US_PER_S;
        break;
    case HIT_RATE_BEYOND:
        f->value = most + draw_small(d, 1000, 400000);
        f->value = slow ? -f->value : f->value;
        f->for_us = draw_range(d, 10, 200) * US_PER_S;
        break;
    case HIT_CALENDAR:
        /* How far the cooldown reaches, which is counted by the calendar, is bounded so. */
        f->value = brew_policy(b)->cooldown_us > 0 ? draw_range(d, -20, 20) * US_PER_S
                                              : draw_range(d, -7200, 7200) * US_PER_S;
        f->for_us = 0;
        break;
    default: break;
    }
}

static void draw_network(struct brew *b, struct fault *f)
{
    struct draw *d = b->draw;
    f->one = brew_region_or_part(b);
    f->other = brew_region_or_part(b);
    f->bits = (uint32_t)draw_below(d, 2);
    switch ((int)f->kind) {
    case HIT_LINK:
        f->one = brew_host_or_part(b);
        f->other = brew_host_or_part(b);
        break;
    case HIT_CLOG:
    case HIT_CLOG_HOST:
        if (f->kind == HIT_CLOG_HOST)
            f->one = brew_host_or_part(b);
        f->value = f->for_us;
        f->for_us = 0;
        break;
    case HIT_LOSS: f->value = draw_small(d, 5, 500); break;
    case HIT_DUPLICATES:
        f->value = draw_small(d, 10, 500);
        f->bits = (uint32_t)draw_small(d, 500, 60000);
        f->other = draw_percent(d, 25);
        break;
    case HIT_LATE:
        f->value = draw_small(d, 10, 300);
        f->bits = (uint32_t)draw_small(d, 200, 60000);
        break;
    default: break;
    }
}

static uint8_t act_of_interest(struct brew *b)
{
    static const uint8_t acts[] = {
        ACT_FENCE_SHUT, ACT_FENCE_SHUT, ACT_FENCE_HOLD, ACT_COMPARE, ACT_FREEZE, ACT_THAW, ACT_FOLLOW, ACT_PROMOTE,
        ACT_PROMOTE, ACT_DNS_READ, ACT_DNS_SUBMIT, ACT_DNS_SUBMIT, ACT_DNS_POLL, ACT_DNS_VERIFY,
        ACT_ENDPOINTS, ACT_HOOKS, ACT_FENCE_REMOTE, ACT_FENCE_REMOTE,
    };
    return acts[draw_below(b->draw, sizeof acts)];
}

static void draw_outside(struct brew *b, struct fault *f)
{
    struct draw *d = b->draw;
    switch ((int)f->kind) {
    case HIT_LAG: f->value = draw_small(d, 0, 100000); break;
    case HIT_ACT:
        f->value = act_of_interest(b);
        f->other = (uint8_t)draw_range(d, FAULT_FAIL, FAULT_LATE);
        f->bits = (uint32_t)draw_small(d, 1, 8);
        f->one = draw_percent(d, 50) ? PART_ANY : draw_percent(d, 50) ? PART_GUARD : PART_TARGET;
        f->for_us += 60 * US_PER_S;
        break;
    case HIT_ACT_SLOW:
        f->other = act_of_interest(b);
        f->value = brew_ms(b, 200, f->other == ACT_PROMOTE ? 60000 : 5000);
        f->for_us += 30 * US_PER_S;
        break;
    case HIT_DNS_SLOW: f->value = draw_range(d, 1, 120) * US_PER_S; break;
    case HIT_DNS_FORGETS:
    case HIT_DNS_MARK:
        f->zone = (uint8_t)draw_below(d, brew_policy(b)->zone_count);
        f->value = draw_percent(d, 50) ? DNS_MARK_ABSENT : DNS_MARK_FOREIGN;
        f->for_us = 0;
        break;
    case HIT_OBSERVER:
    case HIT_GUARD: f->one = brew_host_or_part(b); break;
    default: /* a region's database or endpoints */
        f->one = draw_percent(d, 60) ? brew_region_or_part(b) : brew_serving_region(b);
        if (f->kind == HIT_DB_PROMOTED)
            f->for_us = 0;
        break;
    }
}

static void draw_order(struct brew *b, struct fault *f)
{
    struct draw *d = b->draw;
    f->for_us = 0;
    f->one = f->kind == HIT_REJOIN ? brew_serving_region(b) : brew_host_or_part(b);
    f->other = draw_percent(d, 50) ? PART_TARGET : brew_serving_region(b);
    f->value = -1;
    if (f->kind == HIT_TICK) {
        f->value = draw_percent(d, 25);
        f->bits = UINT32_C(1) << draw_below(d, 32);
        if (draw_percent(d, 70))
            f->after = (uint8_t)(draw_percent(d, 30) ? AFTER_BEGUN : draw_range(d, STEP_NONE + 1, STEP_COUNT - 1));
        return;
    }
    if (f->kind == HIT_ANSWER) {
        f->value = draw_percent(d, 60) ? ORDER_APPROVE : ORDER_DECLINE;
        f->bits = draw_percent(d, 12);
        return;
    }
    if ((f->kind != HIT_ORDER && f->kind != HIT_SWITCHOVER) || draw_percent(d, f->kind == HIT_ORDER ? 20 : 60))
        return; /* with every gate in force */
    f->bits = 1u << GATE_MAJORITY_FAILED; /* what forcing out a writer that is well has to skip */
    if (draw_percent(d, 25))
        f->bits |= (uint32_t)draw_next(d) & ((1u << GATE_FENCE) - 1u);
    if (draw_percent(d, 6))
        f->bits |= 1u << GATE_FENCE;
    if (draw_percent(d, 25))
        f->value = draw_small(d, 0, 1000000);
    if (draw_percent(d, 25))
        f->time_us = draw_small(d, 1, 1000) * US_PER_S;
}

static void draw_traffic(struct brew *b, struct fault *f)
{
    static const uint8_t words[] = { ORDER_HOLD, ORDER_GO, ORDER_GO, ORDER_BACK, ORDER_SKIP, ORDER_SKIP };
    struct draw *d = b->draw;
    f->for_us = 0;
    f->one = brew_host_or_part(b);
    f->value = words[draw_below(d, sizeof words)];
    if (f->kind != HIT_FAILBACK)
        return;
    f->value = brew_ms(b, 100, 15000);
    f->bits = 1u << draw_range(d, 1, 9) | (draw_percent(d, 50) ? 1u << draw_range(d, 1, 9) : 0);
}

static void draw_voter(struct brew *b, struct fault *f)
{
    f->for_us = 0;
    f->one = brew_host_or_part(b);
    f->other = brew_host(b);
    f->bits = draw_percent(b->draw, 20);
    f->value = draw_range(b->draw, VOTER_ADD, VOTER_REPLACE);
}

static void draw_values(struct brew *b, struct fault *f)
{
    switch (f->kind) {
    case HIT_CRASH: case HIT_CRASH_PERSIST: case HIT_CRASH_STEP: case HIT_RESTART_SET: case HIT_PAUSE:
    case HIT_PAUSE_STEP: case HIT_MACHINE: case HIT_SETTING:
        draw_process(b, f);
        break;
    case HIT_WIPE: case HIT_ROLL_BACK: case HIT_WRITE: case HIT_DISK_FAILS: case HIT_DISK_SLOW:
    case HIT_RATE: case HIT_RATE_BEYOND: case HIT_CALENDAR:
        draw_machine(b, f);
        break;
    case HIT_REGION_LOST: case HIT_CUT: case HIT_CUT_ONE_WAY: case HIT_ISOLATE: case HIT_ISOLATE_ONE_WAY:
    case HIT_LINK: case HIT_CLOG: case HIT_CLOG_HOST: case HIT_LOSS: case HIT_DUPLICATES: case HIT_LATE:
        draw_network(b, f);
        break;
    case HIT_FAILBACK: case HIT_TRAFFIC:
        draw_traffic(b, f);
        break;
    case HIT_ORDER: case HIT_SWITCHOVER: case HIT_ADOPT: case HIT_REJOIN: case HIT_TICK: case HIT_ANSWER:
        draw_order(b, f);
        break;
    case HIT_NEW_STORE: case HIT_VOTER:
        draw_voter(b, f);
        break;
    case HIT_MEND: case HIT_LIES: case HIT_WORD: case HIT_SCHEDULED: case HIT_GLASS:
    case HIT_RECONCILE:
        f->for_us = 0;
        break;
    case HIT_DB_KILLED: case HIT_DB_FROZEN: case HIT_DB_PROMOTED: case HIT_ENDPOINTS: case HIT_LAG:
    case HIT_ACT: case HIT_ACT_SLOW: case HIT_DNS_GONE: case HIT_DNS_SLOW: case HIT_DNS_FORGETS:
    case HIT_DNS_MARK: case HIT_OBSERVER: case HIT_GUARD:
    case HIT_COUNT:
    default:
        draw_outside(b, f);
        break;
    }
}
