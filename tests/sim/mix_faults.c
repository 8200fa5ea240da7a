/* What happens to a cluster: see mix_faults.h.
 *
 * Single faults at random moments rarely meet: two of them within one lease is what it takes to get at a
 * rule about leases. So most of a list are troubles that are known to belong together (the writer's region
 * is cut off, then the executor dies once a step starts), drawn with random parts, and single faults are
 * strewn among them. Each kind of trouble and of fault is on or off for a whole run, so that combinations
 * differ between seeds. */
#include "tests/sim/mix_faults.h"

#include "policy/failover/gates.h"

#define SETTLED_US (20 * US_PER_S) /* the first trouble comes no earlier than so long after the warm-up */

struct brew {
    struct mix *mix;
    struct draw *draw;
};

/* ---- small draws ---- */

static struct fault *add(struct brew *b, enum fault_kind kind, int64_t at_us, int64_t for_us)
{
    static struct fault beyond_the_list;
    struct mix *m = b->mix;
    struct fault *f = m->fault_count < FAULTS_MAX ? &m->faults[m->fault_count++] : &beyond_the_list;
    *f = (struct fault){ .kind = kind, .after = STEP_NONE, .at_us = at_us > 0 ? at_us : 0, .for_us = for_us };
    if (m->options.service_count > 1)
        f->service = (uint8_t)draw_below(b->draw, m->options.service_count);
    return f;
}

static const struct service_policy *policy(const struct brew *b)
{
    return &b->mix->options.policy;
}

static uint8_t some_host(struct brew *b)
{
    region_id region_of[POLICY_NODES_MAX];
    return (uint8_t)draw_below(b->draw, fault_hosts(&b->mix->options, region_of));
}

static uint32_t all_hosts(const struct brew *b)
{
    region_id region_of[POLICY_NODES_MAX];
    return (1u << fault_hosts(&b->mix->options, region_of)) - 1u;
}

static uint8_t some_region(struct brew *b)
{
    return (uint8_t)draw_below(b->draw, b->mix->options.region_count);
}

/* A region that serves: databases and orders are about those. */
static uint8_t serving_region(struct brew *b)
{
    uint8_t r;
    do
        r = some_region(b);
    while (!policy(b)->regions[r].serves);
    return r;
}

static uint8_t host_with_a_part(struct brew *b)
{
    static const uint8_t parts[] = { PART_GUARD, PART_GUARD, PART_EXECUTOR, PART_TARGET, PART_OTHER };
    return draw_percent(b->draw, 50) ? parts[draw_below(b->draw, sizeof parts)] : some_host(b);
}

static uint8_t region_with_a_part(struct brew *b)
{
    static const uint8_t parts[] = { PART_WRITER, PART_WRITER, PART_TARGET, PART_OTHER };
    return draw_percent(b->draw, 60) ? parts[draw_below(b->draw, sizeof parts)] : some_region(b);
}

/* 0.1 to 10 leases, short ones more often. */
static int64_t leases(struct brew *b)
{
    int64_t lease = policy(b)->lease_us;
    int64_t most = 10 * lease < 150 * US_PER_S ? 10 * lease : 150 * US_PER_S;
    return draw_small(b->draw, lease / 10, most);
}

static int64_t moment(struct brew *b)
{
    return draw_range(b->draw, SETTLED_US, b->mix->safety_us);
}

static int64_t ms(struct brew *b, int64_t low, int64_t high)
{
    return draw_range(b->draw, low, high) * US_PER_MS;
}

/* How long after the begin of a trouble everybody agrees on it. */
static int64_t detection(const struct brew *b)
{
    const struct world_options *o = &b->mix->options;
    return o->health_for_us + 2 * o->probe_us + o->policy.outage_min_us + 2 * o->heartbeat_us;
}

/* Long enough to be failed over, or ends somewhere on the way there. */
static int64_t outage(struct brew *b)
{
    int64_t agreed = detection(b), lease = policy(b)->lease_us;
    if (draw_percent(b->draw, 30))
        return draw_range(b->draw, agreed / 2, agreed + lease * 5 / 4);
    return agreed + lease * 5 / 4 + b->mix->promote_us + draw_small(b->draw, 5, 90) * US_PER_S;
}

/* ---- single faults ---- */

static void draw_values(struct brew *b, struct fault *f);

static void single(struct brew *b, enum fault_kind kind, int64_t at_us)
{
    draw_values(b, add(b, kind, at_us, leases(b)));
}

static void draw_process(struct brew *b, struct fault *f)
{
    struct draw *d = b->draw;
    f->one = host_with_a_part(b);
    f->bits = (uint32_t)draw_below(d, 2);
    switch ((int)f->kind) {
    case HIT_CRASH:
        if (draw_percent(d, 60))
            f->for_us = ms(b, 10, 5000);
        break;
    case HIT_CRASH_PERSIST:
        f->value = draw_small(d, 1, 40);
        if (draw_percent(d, 60))
            f->for_us = ms(b, 3000, 12000);
        break;
    case HIT_CRASH_STEP: f->value = draw_range(d, STEP_BEGIN, STEP_ABORT); break;
    case HIT_RESTART_SET:
        f->bits = draw_percent(d, 40) ? all_hosts(b) : (uint32_t)draw_next(d) & all_hosts(b);
        f->for_us = ms(b, 10, 6000);
        break;
    case HIT_PAUSE_STEP: f->value = draw_small(d, 1, 60); break;
    case HIT_MACHINE:
        f->value = f->for_us;
        f->for_us = 0;
        break;
    case HIT_SETTING:
        f->value = policy(b)->lease_us * draw_range(d, 1, 8) / 2;
        f->for_us = ms(b, 10, 4000);
        break;
    default: break;
    }
}

static void draw_machine(struct brew *b, struct fault *f)
{
    struct draw *d = b->draw;
    int64_t most = policy(b)->clock_error_ppm;
    bool slow = draw_percent(d, 50);
    f->one = host_with_a_part(b);
    switch ((int)f->kind) {
    case HIT_WIPE: f->for_us = ms(b, 100, 20000); break;
    case HIT_ROLL_BACK: f->for_us = draw_small(d, 1, 240) * US_PER_S; break;
    case HIT_WRITE:
        f->value = draw_range(d, DISK_TORN, DISK_REFUSES);
        f->for_us = draw_small(d, 1, 120) * US_PER_S;
        break;
    case HIT_DISK_SLOW: f->value = ms(b, 20, 3000); break;
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
        f->value = policy(b)->cooldown_us > 0 ? draw_range(d, -20, 20) * US_PER_S
                                              : draw_range(d, -7200, 7200) * US_PER_S;
        f->for_us = 0;
        break;
    default: break;
    }
}

static void draw_network(struct brew *b, struct fault *f)
{
    struct draw *d = b->draw;
    f->one = region_with_a_part(b);
    f->other = region_with_a_part(b);
    f->bits = (uint32_t)draw_below(d, 2);
    switch ((int)f->kind) {
    case HIT_LINK:
        f->one = host_with_a_part(b);
        f->other = host_with_a_part(b);
        break;
    case HIT_CLOG:
    case HIT_CLOG_HOST:
        if (f->kind == HIT_CLOG_HOST)
            f->one = host_with_a_part(b);
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
        ACT_FENCE_SHUT, ACT_FENCE_SHUT, ACT_FENCE_HOLD, ACT_COMPARE, ACT_FREEZE, ACT_THAW, ACT_PROMOTE,
        ACT_PROMOTE, ACT_DNS_READ, ACT_DNS_SUBMIT, ACT_DNS_SUBMIT, ACT_DNS_POLL, ACT_DNS_VERIFY,
        ACT_ENDPOINTS, ACT_HOOKS,
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
        f->value = ms(b, 200, f->other == ACT_PROMOTE ? 60000 : 5000);
        f->for_us += 30 * US_PER_S;
        break;
    case HIT_DNS_SLOW: f->value = draw_range(d, 1, 120) * US_PER_S; break;
    case HIT_DNS_FORGETS:
    case HIT_DNS_MARK:
        f->zone = (uint8_t)draw_below(d, policy(b)->zone_count);
        f->value = draw_percent(d, 50) ? DNS_MARK_ABSENT : DNS_MARK_FOREIGN;
        f->for_us = 0;
        break;
    case HIT_OBSERVER:
    case HIT_GUARD: f->one = host_with_a_part(b); break;
    default: /* a region's database or endpoints */
        f->one = draw_percent(d, 60) ? region_with_a_part(b) : serving_region(b);
        if (f->kind == HIT_DB_PROMOTED)
            f->for_us = 0;
        break;
    }
}

static void draw_order(struct brew *b, struct fault *f)
{
    struct draw *d = b->draw;
    f->for_us = 0;
    f->one = f->kind == HIT_REJOIN ? serving_region(b) : host_with_a_part(b);
    f->other = draw_percent(d, 50) ? PART_TARGET : serving_region(b);
    f->value = -1;
    if (f->kind != HIT_ORDER || draw_percent(d, 20))
        return; /* with every gate in force */
    f->bits = 1u << GATE_MAJORITY_FAILED; /* what a planned change of the writer has to skip */
    if (draw_percent(d, 25))
        f->bits |= (uint32_t)draw_next(d) & ((1u << GATE_FENCE) - 1u);
    if (draw_percent(d, 6))
        f->bits |= 1u << GATE_FENCE;
    if (draw_percent(d, 25))
        f->value = draw_small(d, 0, 1000000);
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
    case HIT_ORDER: case HIT_ADOPT: case HIT_REJOIN:
        draw_order(b, f);
        break;
    case HIT_MEND:
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

/* ---- what belongs together ---- */

/* The writer is in trouble. */
static void trouble(struct brew *b, int64_t at, int64_t for_us)
{
    static const uint8_t kinds[] = {
        HIT_ISOLATE, HIT_ISOLATE, HIT_ISOLATE, HIT_ISOLATE, HIT_REGION_LOST, HIT_REGION_LOST, HIT_ENDPOINTS,
        HIT_ENDPOINTS, HIT_DB_KILLED, HIT_DB_FROZEN, HIT_ISOLATE_ONE_WAY,
    };
    struct fault *f = add(b, (enum fault_kind)kinds[draw_below(b->draw, sizeof kinds)], at, for_us);
    f->one = PART_WRITER;
    f->bits = (uint32_t)draw_below(b->draw, 2);
}

/* Once something starts, somebody who takes part is hit. */
static struct fault *once(struct brew *b, int64_t at, enum fault_kind kind, uint8_t who, int64_t for_us)
{
    static const uint8_t moments[] = {
        STEP_SHUT, STEP_FENCE, STEP_FENCE, STEP_FREEZE, STEP_COMPARE, STEP_GRANT, STEP_GRANT, STEP_LEASE,
        STEP_PROMOTE, STEP_PROMOTE, STEP_OPEN, STEP_CUT_OVER, STEP_VERIFY, STEP_FINISH, STEP_UNDO,
        AFTER_CONFIRM, AFTER_BEGUN, AFTER_BEGUN, AFTER_GRANTED, AFTER_GRANTED, AFTER_ABORTED, AFTER_DONE,
    };
    struct fault *f = add(b, kind, at, for_us);
    f->after = moments[draw_below(b->draw, sizeof moments)];
    f->delay_us = draw_percent(b->draw, 50) ? 0 : draw_small(b->draw, 1, 5000) * US_PER_MS;
    f->one = who;
    return f;
}

static void struck_at_work(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    struct fault *f;
    static const uint8_t others[] = { PART_FORMER, PART_FORMER, PART_OTHER, PART_TARGET };
    uint8_t who = draw_percent(d, 60) ? PART_EXECUTOR : others[draw_below(d, sizeof others)];
    switch (draw_below(d, 12)) {
    case 0:
    case 1: f = once(b, at, HIT_CRASH, who, ms(b, 10, 5000)); break;
    case 2: f = once(b, at, HIT_CRASH, who, leases(b)); break;
    case 3: f = once(b, at, HIT_PAUSE, who, leases(b)); break;
    case 4:
        f = once(b, at, HIT_PAUSE_STEP, who, leases(b));
        f->value = draw_small(d, 1, 6);
        break;
    case 5:
        f = once(b, at, HIT_CRASH_PERSIST, who, ms(b, 200, 9000));
        f->value = draw_small(d, 1, 6);
        break;
    case 6: f = once(b, at, HIT_ISOLATE, who, leases(b)); break;
    case 7: f = once(b, at, HIT_ISOLATE_ONE_WAY, who, leases(b)); break;
    case 8: f = once(b, at, HIT_MEND, who, 0); break;
    case 9:
        f = once(b, at, HIT_RESTART_SET, who, ms(b, 10, 3000));
        f->bits = (uint32_t)draw_next(d) & all_hosts(b);
        return;
    case 10:
        f = once(b, at, HIT_CLOG_HOST, who, 0);
        f->value = leases(b);
        break;
    default:
        f = once(b, at, HIT_ORDER, host_with_a_part(b), 0);
        f->other = serving_region(b);
        f->bits = 1u << GATE_MAJORITY_FAILED;
        f->value = -1;
        return;
    }
    f->bits = (uint32_t)draw_below(d, 2);
}

static void writer_in_trouble(struct brew *b, int64_t at)
{
    trouble(b, at, outage(b));
    for (unsigned i = (unsigned)draw_below(b->draw, 3); i > 0; i--)
        struck_at_work(b, at);
}

static void order_to(struct brew *b, int64_t at, uint8_t host, uint8_t region)
{
    struct fault *f = add(b, HIT_ORDER, at, 0);
    f->one = host;
    f->other = region;
    f->bits = 1u << GATE_MAJORITY_FAILED;
    f->value = -1;
}

static void ordered_and_struck(struct brew *b, int64_t at)
{
    order_to(b, at, host_with_a_part(b), PART_TARGET);
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 2); i > 0; i--)
        struck_at_work(b, at - US_PER_S);
}

/* The voters restart just after they last let a grant out. */
static void cut_and_voters_restart(struct brew *b, int64_t at)
{
    struct fault *f = add(b, draw_percent(b->draw, 70) ? HIT_ISOLATE : HIT_ISOLATE_ONE_WAY, at, outage(b));
    f->one = PART_WRITER;
    f = add(b, HIT_RESTART_SET, at + ms(b, 1, 1500), ms(b, 10, 2000));
    f->bits = all_hosts(b);
    if (draw_percent(b->draw, 40))
        struck_at_work(b, at);
}

/* The guard's requests get through, the answers come when another writes already; or its requests come
 * late, and are granted long after it sent them. */
static void late_grants(struct brew *b, int64_t at)
{
    int64_t lease = policy(b)->lease_us, for_us = outage(b);
    int64_t clogged = draw_percent(b->draw, 50) ? draw_range(b->draw, lease / 10, lease)
                                                : draw_range(b->draw, lease, for_us + lease);
    struct fault *f = add(b, HIT_CLOG_HOST, at, 0);
    f->one = PART_GUARD;
    f->bits = draw_percent(b->draw, 60);
    f->value = clogged;
    f = add(b, draw_percent(b->draw, 50) ? HIT_ISOLATE : HIT_ISOLATE_ONE_WAY,
            at + ms(b, 1, policy(b)->renew_us / US_PER_MS + 500), for_us);
    f->one = PART_WRITER;
    f->bits = 0; /* it is heard by nobody */
}

static void paused_guard(struct brew *b, int64_t at)
{
    struct fault *f = add(b, draw_percent(b->draw, 50) ? HIT_PAUSE : HIT_PAUSE_STEP, at, outage(b));
    f->one = PART_GUARD;
    f->value = draw_small(b->draw, 1, 30);
    f = add(b, draw_percent(b->draw, 60) ? HIT_ENDPOINTS : HIT_ISOLATE, at + ms(b, 0, 3000), outage(b));
    f->one = PART_WRITER;
    if (draw_percent(b->draw, 40))
        struck_at_work(b, at);
}

/* The guard's process alone dies and restarts, cut off; its database goes on. */
static void guard_restarts_alone(struct brew *b, int64_t at)
{
    int64_t for_us = outage(b);
    struct fault *f = add(b, HIT_ISOLATE, at, for_us);
    f->one = PART_WRITER;
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 3); i > 0; i--) {
        f = add(b, HIT_CRASH, at + draw_range(b->draw, -policy(b)->lease_us, for_us), leases(b));
        f->one = PART_GUARD;
    }
}

/* Releases, waits and grants of several epochs, and what was said in one heard in another. */
static void back_and_forth(struct brew *b, int64_t at)
{
    int64_t each = policy(b)->lease_us / 2 + draw_range(b->draw, 10, 40) * US_PER_S;
    unsigned times = 2 + (unsigned)draw_below(b->draw, 3);
    if (draw_percent(b->draw, 70)) { /* all of it again at once, just when the writer is cut off */
        struct fault *f = add(b, HIT_DUPLICATES, at - 5 * US_PER_S, each * times + ms(b, 5500, 12000));
        f->value = draw_range(b->draw, 100, 900);
        f->bits = (uint32_t)draw_range(b->draw, 10, 2000);
        f->other = 1;
    }
    for (unsigned i = 0; i < times; i++, at += each) {
        order_to(b, at, PART_TARGET, PART_TARGET);
        struct fault *f = add(b, HIT_REJOIN, at + each * 3 / 4, 0);
        f->one = PART_FORMER;
    }
    trouble(b, at, outage(b));
}

static void duelling_orders(struct brew *b, int64_t at)
{
    unsigned orders = 2 + (unsigned)draw_below(b->draw, 3);
    if (draw_percent(b->draw, 50)) {
        struct fault *f = add(b, HIT_LOSS, at - US_PER_S, draw_range(b->draw, 5, 60) * US_PER_S);
        f->value = draw_range(b->draw, 50, 500);
    }
    for (unsigned i = 0; i < orders; i++)
        order_to(b, at + draw_small(b->draw, 0, 3000) * US_PER_MS, some_host(b), serving_region(b));
    if (draw_percent(b->draw, 50))
        struck_at_work(b, at - US_PER_S);
}

/* Two thirds of a mesh: those in the middle see both sides. */
static void partial_mesh(struct brew *b, int64_t at)
{
    int64_t before = draw_range(b->draw, policy(b)->lease_us, 3 * policy(b)->lease_us);
    uint8_t side = draw_percent(b->draw, 70) ? PART_TARGET : PART_OTHER;
    struct fault *f = add(b, draw_percent(b->draw, 70) ? HIT_CUT : HIT_CUT_ONE_WAY, at - before, before + outage(b));
    f->one = PART_WRITER;
    f->other = side;
    if (draw_percent(b->draw, 40)) {
        f = add(b, HIT_OBSERVER, at - before, before + outage(b));
        f->one = PART_OTHER;
    }
    if (draw_percent(b->draw, 70))
        trouble(b, at, outage(b));
}

/* A disk forgets, and who could tell is not there. */
static void forgetful_disk(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    uint8_t who = host_with_a_part(b);
    static const uint8_t kinds[] = { HIT_ROLL_BACK, HIT_ROLL_BACK, HIT_WRITE, HIT_WRITE, HIT_WRITE, HIT_WIPE };
    struct fault *f = add(b, (enum fault_kind)kinds[draw_below(d, sizeof kinds)], at, draw_small(d, 1, 60) * US_PER_S);
    f->one = who;
    f->value = draw_range(d, DISK_TORN, DISK_MISDIRECTED);
    if (draw_percent(d, 50))
        order_to(b, at + ms(b, 10, 3000), PART_TARGET, PART_TARGET);
    else
        trouble(b, at + ms(b, -3000, 3000), outage(b));
    if (draw_percent(d, 50)) {
        f = add(b, HIT_RESTART_SET, at + draw_range(d, 1, 30) * US_PER_S, ms(b, 10, 8000));
        f->bits = (uint32_t)draw_next(d) & all_hosts(b);
    }
    if (draw_percent(d, 50)) {
        f = add(b, HIT_LINK, at, draw_range(d, 20, 90) * US_PER_S);
        f->one = some_host(b);
        f->other = who;
    }
    if (draw_percent(d, 40))
        struck_at_work(b, at - US_PER_S);
}

static void clumsy_acts(struct brew *b, int64_t at)
{
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 2); i > 0; i--)
        single(b, draw_percent(b->draw, 70) ? HIT_ACT : HIT_ACT_SLOW, at - US_PER_S);
    if (draw_percent(b->draw, 50))
        order_to(b, at, PART_TARGET, PART_TARGET);
    else
        trouble(b, at, outage(b));
    if (draw_percent(b->draw, 50))
        struck_at_work(b, at);
}

/* A promotion that nobody waits for any more. */
static void late_promotion(struct brew *b, int64_t at)
{
    struct fault *f = add(b, HIT_ACT, at - US_PER_S, 120 * US_PER_S);
    f->value = ACT_PROMOTE;
    f->other = draw_percent(b->draw, 60) ? FAULT_LATE : FAULT_LOST_REPLY;
    f->bits = 1;
    f->one = PART_ANY;
    order_to(b, at, PART_TARGET, PART_TARGET);
    f = once(b, at, HIT_ISOLATE, PART_EXECUTOR, outage(b));
    f->after = STEP_PROMOTE;
    if (draw_percent(b->draw, 50))
        f->kind = HIT_CRASH;
    order_to(b, at + draw_range(b->draw, 10, 60) * US_PER_S, some_host(b), serving_region(b));
}

static void trouble_with_dns(struct brew *b, int64_t at)
{
    static const uint8_t kinds[] = { HIT_DNS_GONE, HIT_DNS_SLOW, HIT_DNS_FORGETS, HIT_DNS_MARK, HIT_ACT };
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 2); i > 0; i--) {
        single(b, (enum fault_kind)kinds[draw_below(b->draw, sizeof kinds)], at - US_PER_S);
        struct fault *f = &b->mix->faults[b->mix->fault_count - 1];
        if (f->kind == HIT_ACT)
            f->value = draw_range(b->draw, ACT_DNS_READ, ACT_DNS_VERIFY);
        if (f->for_us > 0)
            f->for_us += 60 * US_PER_S;
    }
    if (draw_percent(b->draw, 50))
        order_to(b, at, PART_TARGET, PART_TARGET);
    else
        trouble(b, at, outage(b));
    struct fault *f = once(b, at, draw_percent(b->draw, 50) ? HIT_ISOLATE : HIT_PAUSE, PART_EXECUTOR, outage(b));
    f->after = STEP_CUT_OVER;
    if (draw_percent(b->draw, 50))
        order_to(b, at + draw_range(b->draw, 20, 90) * US_PER_S, some_host(b), serving_region(b));
}

/* Signs that look like a failure and are none: fluttering, or our own eyes. */
static void false_signs(struct brew *b, int64_t at)
{
    int64_t period = b->mix->options.health_for_us + b->mix->options.probe_us;
    if (draw_percent(b->draw, 50)) {
        uint8_t r = draw_percent(b->draw, 70) ? PART_WRITER : PART_TARGET;
        for (unsigned i = 0; i < 4; i++, at += draw_range(b->draw, period / 2, 2 * period)) {
            struct fault *f = add(b, draw_percent(b->draw, 70) ? HIT_ENDPOINTS : HIT_ISOLATE, at,
                                  draw_range(b->draw, period / 4, period * 5 / 4));
            f->one = r;
        }
        return;
    }
    for (unsigned n = 0; n < 1 + draw_below(b->draw, 5); n++) {
        struct fault *f = add(b, HIT_OBSERVER, at + ms(b, 0, 5000), detection(b) + leases(b));
        f->one = draw_percent(b->draw, 30) ? PART_OTHER : some_host(b);
    }
}

static void new_settings(struct brew *b, int64_t at)
{
    region_id region_of[POLICY_NODES_MAX];
    uint8_t hosts = fault_hosts(&b->mix->options, region_of);
    int64_t lease = policy(b)->lease_us * draw_range(b->draw, 1, 8) / 2;
    lease = lease < 5 * US_PER_S ? 5 * US_PER_S : lease > 90 * US_PER_S ? 90 * US_PER_S : lease;
    for (uint8_t n = 0; n < hosts; n++) {
        if (!draw_percent(b->draw, 75))
            continue; /* it keeps its old file */
        struct fault *f = add(b, HIT_SETTING, at + n * draw_range(b->draw, 1, 15) * US_PER_S, ms(b, 10, 3000));
        f->one = n;
        f->value = lease;
    }
    order_to(b, at + draw_range(b->draw, 5, 40) * US_PER_S, PART_TARGET, PART_TARGET);
    if (draw_percent(b->draw, 70))
        trouble(b, at + draw_range(b->draw, 40, 120) * US_PER_S, outage(b));
}

static void lost_and_back(struct brew *b, int64_t at)
{
    for (unsigned i = 0; i < 3; i++) {
        int64_t for_us = outage(b);
        struct fault *f = add(b, draw_percent(b->draw, 70) ? HIT_REGION_LOST : HIT_ISOLATE, at, for_us);
        f->one = PART_WRITER;
        at += for_us + draw_range(b->draw, 1, 20) * US_PER_S;
        f = add(b, HIT_REJOIN, at, 0);
        f->one = PART_FORMER;
        at += draw_range(b->draw, 5, 60) * US_PER_S;
        if (draw_percent(b->draw, 30))
            order_to(b, at, PART_TARGET, PART_TARGET);
        at += policy(b)->lease_us;
    }
}

/* The grant reaches few, its round ends without an answer, and the old writer is back. */
static void grant_in_doubt(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    struct fault *f;
    if (draw_percent(d, 70))
        trouble(b, at, outage(b) + policy(b)->lease_us);
    else
        order_to(b, at, PART_TARGET, PART_TARGET);
    static const uint8_t kinds[] = { HIT_LOSS, HIT_LOSS, HIT_CLOG_HOST, HIT_CRASH_PERSIST, HIT_CRASH, HIT_PAUSE_STEP };
    f = once(b, at, (enum fault_kind)kinds[draw_below(d, sizeof kinds)], PART_EXECUTOR, ms(b, 1000, 15000));
    f->after = STEP_GRANT;
    f->delay_us = draw_small(d, 0, 400) * US_PER_MS;
    f->bits = (uint32_t)draw_below(d, 2);
    f->value = f->kind == HIT_LOSS ? draw_range(d, 300, 900)
               : f->kind == HIT_CLOG_HOST ? ms(b, 3000, 20000) : draw_range(d, 1, 4);
    f = once(b, at, HIT_MEND, 0, 0);
    f->after = STEP_GRANT;
    f->delay_us = draw_percent(d, 40) ? 0 : ms(b, 0, 4000);
}

/* What was right to begin is wrong to go on with, and not everybody hears of it. */
static void mended_in_noise(struct brew *b, int64_t at)
{
    static const uint8_t moments[] = { AFTER_CONFIRM, AFTER_BEGUN, STEP_FENCE, STEP_FREEZE, STEP_COMPARE };
    trouble(b, at, outage(b) + policy(b)->lease_us);
    struct fault *f = once(b, at, HIT_MEND, 0, 0);
    f->after = moments[draw_below(b->draw, sizeof moments)];
    f = once(b, at, HIT_LOSS, 0, draw_range(b->draw, 5, 90) * US_PER_S);
    f->after = draw_percent(b->draw, 50) ? AFTER_CONFIRM : AFTER_BEGUN;
    f->value = draw_range(b->draw, 200, 700);
}

/* Half of five voters, each heard twice, are no majority. */
static void doubled_minority(struct brew *b, int64_t at)
{
    int64_t for_us = outage(b);
    struct fault *f = add(b, HIT_DUPLICATES, at - 10 * US_PER_S, for_us + 20 * US_PER_S);
    f->value = draw_range(b->draw, 300, 1000);
    f->bits = (uint32_t)draw_small(b->draw, 5, 3000);
    f = add(b, draw_percent(b->draw, 70) ? HIT_ISOLATE : HIT_CUT, at, for_us);
    f->one = PART_WRITER;
    f->other = PART_TARGET;
    order_to(b, at + draw_range(b->draw, 1, 20) * US_PER_S, PART_GUARD, PART_WRITER);
    order_to(b, at + draw_range(b->draw, 1, 20) * US_PER_S, PART_TARGET, PART_TARGET);
}

/* An executor that can't get at DNS for long is cut off, and gets at it when others have finished. */
static void late_dns(struct brew *b, int64_t at)
{
    order_to(b, at, PART_TARGET, PART_TARGET);
    struct fault *f = once(b, at, HIT_ISOLATE, PART_EXECUTOR, outage(b) + 120 * US_PER_S);
    f->after = STEP_CUT_OVER;
    f->delay_us = draw_small(b->draw, 0, 3000) * US_PER_MS;
    f = once(b, at, HIT_ACT, PART_EXECUTOR, outage(b) + draw_range(b->draw, 10, 100) * US_PER_S);
    f->after = STEP_CUT_OVER;
    f->delay_us = 0;
    f->value = draw_percent(b->draw, 70) ? ACT_DNS_READ : ACT_DNS_SUBMIT;
    f->other = draw_percent(b->draw, 50) ? FAULT_FAIL : FAULT_RETRY;
    f->bits = 1000;
}

typedef void pattern(struct brew *b, int64_t at);

static const struct blend {
    pattern *add;
    uint8_t weight[PROFILE_COUNT];
} blends[] = {
    /*                          general calm beyond disks network duel return */
    { writer_in_trouble,       { 22, 0, 30, 14, 16, 8, 20 } },
    { ordered_and_struck,      { 10, 0, 8, 8, 8, 22, 6 } },
    { cut_and_voters_restart,  { 9, 0, 3, 8, 6, 3, 6 } },
    { late_grants,             { 9, 0, 4, 2, 16, 2, 4 } },
    { paused_guard,            { 6, 0, 6, 2, 4, 2, 4 } },
    { guard_restarts_alone,    { 5, 0, 2, 3, 3, 2, 6 } },
    { back_and_forth,          { 6, 0, 4, 4, 8, 10, 10 } },
    { duelling_orders,         { 5, 0, 2, 4, 8, 24, 2 } },
    { partial_mesh,            { 6, 0, 2, 2, 20, 3, 2 } },
    { forgetful_disk,          { 5, 0, 2, 36, 2, 4, 2 } },
    { clumsy_acts,             { 7, 0, 3, 4, 3, 6, 6 } },
    { grant_in_doubt,          { 6, 0, 3, 6, 8, 8, 4 } },
    { mended_in_noise,         { 5, 0, 2, 2, 10, 2, 4 } },
    { doubled_minority,        { 3, 0, 1, 2, 8, 4, 2 } },
    { late_dns,                { 3, 0, 1, 1, 3, 3, 4 } },
    { late_promotion,          { 5, 0, 2, 3, 4, 6, 6 } },
    { trouble_with_dns,        { 8, 0, 3, 3, 5, 5, 8 } },
    { false_signs,             { 6, 0, 3, 2, 6, 3, 3 } },
    { new_settings,            { 4, 0, 3, 2, 2, 2, 2 } },
    { lost_and_back,           { 4, 0, 2, 3, 3, 2, 40 } },
};

#define BLENDS (sizeof blends / sizeof blends[0])

/* Of the single kinds; what is left out only comes within the above. */
static const uint8_t single_weight[HIT_COUNT] = {
    [HIT_REGION_LOST] = 6, [HIT_CRASH] = 8, [HIT_CRASH_PERSIST] = 8, [HIT_CRASH_STEP] = 8,
    [HIT_RESTART_SET] = 4, [HIT_PAUSE] = 8, [HIT_PAUSE_STEP] = 8, [HIT_WIPE] = 1, [HIT_ROLL_BACK] = 1,
    [HIT_WRITE] = 2, [HIT_DISK_FAILS] = 3, [HIT_DISK_SLOW] = 4, [HIT_RATE] = 4, [HIT_CALENDAR] = 2,
    [HIT_CUT] = 4, [HIT_CUT_ONE_WAY] = 4, [HIT_ISOLATE] = 6, [HIT_ISOLATE_ONE_WAY] = 4, [HIT_LINK] = 5,
    [HIT_CLOG] = 4, [HIT_CLOG_HOST] = 4, [HIT_LOSS] = 4, [HIT_DUPLICATES] = 3, [HIT_LATE] = 3,
    [HIT_DB_KILLED] = 4, [HIT_DB_FROZEN] = 4, [HIT_DB_PROMOTED] = 1, [HIT_ENDPOINTS] = 4, [HIT_LAG] = 2,
    [HIT_ACT] = 5, [HIT_ACT_SLOW] = 3, [HIT_DNS_GONE] = 2, [HIT_DNS_SLOW] = 2, [HIT_DNS_FORGETS] = 1,
    [HIT_DNS_MARK] = 1, [HIT_OBSERVER] = 3, [HIT_GUARD] = 3, [HIT_SETTING] = 1, [HIT_ORDER] = 8,
    [HIT_ADOPT] = 1, [HIT_REJOIN] = 6,
};

static unsigned weight_of(const struct brew *b, int kind)
{
    unsigned weight = single_weight[kind];
    switch (b->mix->profile) {
    case PROFILE_BEYOND:
        if (kind == HIT_RATE_BEYOND || kind == HIT_MACHINE)
            return 40;
        break;
    case PROFILE_DISKS:
        if (kind >= HIT_WIPE && kind <= HIT_DISK_SLOW)
            return weight * 8;
        break;
    case PROFILE_NETWORK:
        if (kind >= HIT_CUT && kind <= HIT_LATE)
            return weight * 5;
        break;
    case PROFILE_DUEL:
        if (kind == HIT_ORDER)
            return weight * 6;
        break;
    case PROFILE_GENERAL:
    case PROFILE_CALM:
    case PROFILE_RETURN:
    case PROFILE_COUNT:
    default: break;
    }
    return weight;
}

static unsigned pick(struct draw *d, const unsigned *weights, unsigned count)
{
    unsigned total = 0, i = 0;
    for (unsigned k = 0; k < count; k++)
        total += weights[k];
    unsigned at = (unsigned)draw_below(d, total);
    while (i + 1 < count && at >= weights[i])
        at -= weights[i++];
    return i;
}

/* Only restarts, each down for less than what a lease has left of it at the worst: everything that may
 * have gone since the last renewal, and what it takes to get the next. */
static void calm(struct brew *b)
{
    const struct service_policy *p = policy(b);
    int64_t beat = b->mix->options.heartbeat_us;
    int64_t room = p->lease_us - p->renew_us - p->fence_budget_us - 2 * beat - US_PER_S;
    int64_t most = room * 8 / 10;
    int64_t at = SETTLED_US;
    while (at + most < b->mix->safety_us && b->mix->fault_count < FAULTS_MAX) {
        int64_t down = draw_range(b->draw, 10 * US_PER_MS, most);
        struct fault *f = add(b, HIT_RESTART_SET, at, down);
        f->bits = draw_percent(b->draw, 40) ? all_hosts(b) : 1u << some_host(b);
        at += down + 2 * p->renew_us + 2 * beat + draw_small(b->draw, 1, 60) * US_PER_S;
    }
}

void mix_faults(struct mix *m, struct draw *d)
{
    struct brew b = { m, d };
    if (m->profile == PROFILE_CALM) {
        calm(&b);
        return;
    }
    unsigned blend[BLENDS], kind[HIT_COUNT];
    bool picky = m->profile == PROFILE_GENERAL;
    for (unsigned i = 0; i < BLENDS; i++)
        blend[i] = picky && !draw_percent(d, 50) ? 0 : blends[i].weight[m->profile];
    for (int i = 0; i < HIT_COUNT; i++)
        kind[i] = draw_percent(d, 40) ? weight_of(&b, i) : 0;
    unsigned together = 1 + (unsigned)draw_below(d, 4), singles = (unsigned)draw_small(d, 0, 16);
    for (unsigned i = 0; i < together; i++)
        blends[pick(d, blend, BLENDS)].add(&b, moment(&b));
    for (unsigned i = 0; i < singles; i++)
        single(&b, (enum fault_kind)pick(d, kind, HIT_COUNT), moment(&b));
}
