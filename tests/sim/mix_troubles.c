/* Faults that belong together: see brew.h. Each is a rule of the design under the circumstances in which it
 * matters, with random parts. */
#include "tests/sim/brew.h"

#include "policy/failover/gates.h"

/* The writer is in trouble. */
static void trouble(struct brew *b, int64_t at, int64_t for_us)
{
    static const uint8_t kinds[] = {
        HIT_ISOLATE, HIT_ISOLATE, HIT_ISOLATE, HIT_ISOLATE, HIT_REGION_LOST, HIT_REGION_LOST, HIT_ENDPOINTS,
        HIT_ENDPOINTS, HIT_DB_KILLED, HIT_DB_FROZEN, HIT_ISOLATE_ONE_WAY,
    };
    struct fault *f = brew_add(b, (enum fault_kind)kinds[draw_below(b->draw, sizeof kinds)], at, for_us);
    f->one = PART_WRITER;
    f->bits = (uint32_t)draw_below(b->draw, 2);
}

/* Once something starts, somebody who takes part is hit. */
static struct fault *once(struct brew *b, int64_t at, enum fault_kind kind, uint8_t who, int64_t for_us)
{
    static const uint8_t moments[] = {
        STEP_SHUT, STEP_FENCE, STEP_FENCE, STEP_FREEZE, STEP_COMPARE, STEP_GRANT, STEP_GRANT, STEP_LEASE,
        STEP_PROMOTE, STEP_PROMOTE, STEP_OPEN, STEP_SHIFT, STEP_CUT_OVER, STEP_VERIFY, STEP_FINISH, STEP_UNDO,
        AFTER_CONFIRM, AFTER_BEGUN, AFTER_BEGUN, AFTER_GRANTED, AFTER_GRANTED, AFTER_ABORTED, AFTER_DONE,
    };
    struct fault *f = brew_add(b, kind, at, for_us);
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
    case 1: f = once(b, at, HIT_CRASH, who, brew_ms(b, 10, 5000)); break;
    case 2: f = once(b, at, HIT_CRASH, who, brew_leases(b)); break;
    case 3: f = once(b, at, HIT_PAUSE, who, brew_leases(b)); break;
    case 4:
        f = once(b, at, HIT_PAUSE_STEP, who, brew_leases(b));
        f->value = draw_small(d, 1, 6);
        break;
    case 5:
        f = once(b, at, HIT_CRASH_PERSIST, who, brew_ms(b, 200, 9000));
        f->value = draw_small(d, 1, 6);
        break;
    case 6: f = once(b, at, HIT_ISOLATE, who, brew_leases(b)); break;
    case 7: f = once(b, at, HIT_ISOLATE_ONE_WAY, who, brew_leases(b)); break;
    case 8: f = once(b, at, HIT_MEND, who, 0); break;
    case 9:
        f = once(b, at, HIT_RESTART_SET, who, brew_ms(b, 10, 3000));
        f->bits = (uint32_t)draw_next(d) & brew_all_hosts(b);
        return;
    case 10:
        f = once(b, at, HIT_CLOG_HOST, who, 0);
        f->value = brew_leases(b);
        break;
    default:
        f = once(b, at, draw_percent(d, 50) ? HIT_SWITCHOVER : HIT_ORDER, brew_host_or_part(b), 0);
        f->other = brew_serving_region(b);
        f->bits = 1u << GATE_MAJORITY_FAILED;
        f->value = -1;
        return;
    }
    f->bits = (uint32_t)draw_below(d, 2);
}

static void writer_in_trouble(struct brew *b, int64_t at)
{
    trouble(b, at, brew_outage(b));
    for (unsigned i = (unsigned)draw_below(b->draw, 3); i > 0; i--)
        struck_at_work(b, at);
}

static void order_to(struct brew *b, int64_t at, uint8_t host, uint8_t region)
{
    struct fault *f = brew_add(b, draw_percent(b->draw, 50) ? HIT_SWITCHOVER : HIT_ORDER, at, 0);
    f->one = host;
    f->other = region;
    f->bits = 1u << GATE_MAJORITY_FAILED;
    f->value = -1;
}

static void ordered_and_struck(struct brew *b, int64_t at)
{
    order_to(b, at, brew_host_or_part(b), PART_TARGET);
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 2); i > 0; i--)
        struck_at_work(b, at - US_PER_S);
}

/* The voters restart just after they last let a grant out. */
static void cut_and_voters_restart(struct brew *b, int64_t at)
{
    struct fault *f = brew_add(b, draw_percent(b->draw, 70) ? HIT_ISOLATE : HIT_ISOLATE_ONE_WAY, at, brew_outage(b));
    f->one = PART_WRITER;
    f = brew_add(b, HIT_RESTART_SET, at + brew_ms(b, 1, 1500), brew_ms(b, 10, 2000));
    f->bits = brew_all_hosts(b);
    if (draw_percent(b->draw, 40))
        struck_at_work(b, at);
}

/* The guard's requests get through, the answers come when another writes already; or its requests come
 * late, and are granted long after it sent them. */
static void late_grants(struct brew *b, int64_t at)
{
    int64_t lease = brew_policy(b)->lease_us, for_us = brew_outage(b);
    int64_t clogged = draw_percent(b->draw, 50) ? draw_range(b->draw, lease / 10, lease)
                                                : draw_range(b->draw, lease, for_us + lease);
    struct fault *f = brew_add(b, HIT_CLOG_HOST, at, 0);
    f->one = PART_GUARD;
    f->bits = draw_percent(b->draw, 60);
    f->value = clogged;
    f = brew_add(b, draw_percent(b->draw, 50) ? HIT_ISOLATE : HIT_ISOLATE_ONE_WAY,
            at + brew_ms(b, 1, brew_policy(b)->renew_us / US_PER_MS + 500), for_us);
    f->one = PART_WRITER;
    f->bits = 0; /* it is heard by nobody */
}

static void paused_guard(struct brew *b, int64_t at)
{
    struct fault *f = brew_add(b, draw_percent(b->draw, 50) ? HIT_PAUSE : HIT_PAUSE_STEP, at, brew_outage(b));
    f->one = PART_GUARD;
    f->value = draw_small(b->draw, 1, 30);
    f = brew_add(b, draw_percent(b->draw, 60) ? HIT_ENDPOINTS : HIT_ISOLATE, at + brew_ms(b, 0, 3000), brew_outage(b));
    f->one = PART_WRITER;
    if (draw_percent(b->draw, 40))
        struck_at_work(b, at);
}

/* The guard's process alone dies and restarts, cut off; its database goes on. */
static void guard_restarts_alone(struct brew *b, int64_t at)
{
    int64_t for_us = brew_outage(b);
    struct fault *f = brew_add(b, HIT_ISOLATE, at, for_us);
    f->one = PART_WRITER;
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 3); i > 0; i--) {
        f = brew_add(b, HIT_CRASH, at + draw_range(b->draw, -brew_policy(b)->lease_us, for_us), brew_leases(b));
        f->one = PART_GUARD;
    }
}

/* It dies before it could shut anything, and is back, cut off still, when its lease is over and another region
 * serves. */
static void guard_back_too_late(struct brew *b, int64_t at)
{
    const struct service_policy *p = brew_policy(b);
    int64_t away = brew_detection(b) + p->lease_us * 5 / 4 + b->mix->promote_us + brew_ms(b, 1000, 30000);
    struct fault *f = brew_add(b, HIT_ISOLATE, at, away + p->lease_us + brew_ms(b, 1000, 60000));
    f->one = PART_WRITER;
    f = brew_add(b, HIT_CRASH, at + draw_range(b->draw, -p->renew_us, p->lease_us / 4), away);
    f->one = PART_GUARD;
}

/* Releases, waits and grants of several epochs, and what was said in one heard in another. */
static void back_and_forth(struct brew *b, int64_t at)
{
    int64_t each = brew_policy(b)->lease_us / 2 + draw_range(b->draw, 10, 40) * US_PER_S;
    unsigned times = 2 + (unsigned)draw_below(b->draw, 3);
    if (draw_percent(b->draw, 70)) { /* all of it again at once, just when the writer is cut off */
        struct fault *f = brew_add(b, HIT_DUPLICATES, at - 5 * US_PER_S, each * times + brew_ms(b, 5500, 12000));
        f->value = draw_range(b->draw, 100, 900);
        f->bits = (uint32_t)draw_range(b->draw, 10, 2000);
        f->other = 1;
    }
    for (unsigned i = 0; i < times; i++, at += each) {
        order_to(b, at, draw_percent(b->draw, 50) ? PART_TARGET : brew_host(b), PART_TARGET);
        struct fault *f = brew_add(b, HIT_REJOIN, at + each * 3 / 4, 0);
        f->one = PART_FORMER;
    }
    trouble(b, at, brew_outage(b));
}

static void duelling_orders(struct brew *b, int64_t at)
{
    unsigned orders = 2 + (unsigned)draw_below(b->draw, 3);
    if (draw_percent(b->draw, 50)) {
        struct fault *f = brew_add(b, HIT_LOSS, at - US_PER_S, draw_range(b->draw, 5, 60) * US_PER_S);
        f->value = draw_range(b->draw, 50, 500);
    }
    for (unsigned i = 0; i < orders; i++)
        order_to(b, at + draw_small(b->draw, 0, 3000) * US_PER_MS, brew_host(b), brew_serving_region(b));
    if (draw_percent(b->draw, 50))
        struck_at_work(b, at - US_PER_S);
}

/* Two thirds of a mesh: those in the middle see both sides. */
static void partial_mesh(struct brew *b, int64_t at)
{
    int64_t before = draw_range(b->draw, brew_policy(b)->lease_us, 3 * brew_policy(b)->lease_us);
    uint8_t side = draw_percent(b->draw, 70) ? PART_TARGET : PART_OTHER;
    struct fault *f = brew_add(b, draw_percent(b->draw, 70) ? HIT_CUT : HIT_CUT_ONE_WAY, at - before,
                               before + brew_outage(b));
    f->one = PART_WRITER;
    f->other = side;
    if (draw_percent(b->draw, 40)) {
        f = brew_add(b, HIT_OBSERVER, at - before, before + brew_outage(b));
        f->one = PART_OTHER;
    }
    if (draw_percent(b->draw, 70))
        trouble(b, at, brew_outage(b));
}

/* A disk forgets, and who could tell is not there. */
static void forgetful_disk(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    uint8_t who = brew_host_or_part(b);
    static const uint8_t kinds[] = { HIT_ROLL_BACK, HIT_ROLL_BACK, HIT_WRITE, HIT_WRITE, HIT_WRITE, HIT_WIPE };
    struct fault *f = brew_add(b, (enum fault_kind)kinds[draw_below(d, sizeof kinds)], at,
                               draw_small(d, 1, 60) * US_PER_S);
    f->one = who;
    f->value = draw_range(d, DISK_TORN, DISK_MISDIRECTED);
    if (draw_percent(d, 50))
        order_to(b, at + brew_ms(b, 10, 3000), PART_TARGET, PART_TARGET);
    else
        trouble(b, at + brew_ms(b, -3000, 3000), brew_outage(b));
    if (draw_percent(d, 50)) {
        f = brew_add(b, HIT_RESTART_SET, at + draw_range(d, 1, 30) * US_PER_S, brew_ms(b, 10, 8000));
        f->bits = (uint32_t)draw_next(d) & brew_all_hosts(b);
    }
    if (draw_percent(d, 50)) {
        f = brew_add(b, HIT_LINK, at, draw_range(d, 20, 90) * US_PER_S);
        f->one = brew_host(b);
        f->other = who;
    }
    if (draw_percent(d, 40))
        struck_at_work(b, at - US_PER_S);
}

static void clumsy_acts(struct brew *b, int64_t at)
{
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 2); i > 0; i--)
        brew_single(b, draw_percent(b->draw, 70) ? HIT_ACT : HIT_ACT_SLOW, at - US_PER_S);
    if (draw_percent(b->draw, 50))
        order_to(b, at, PART_TARGET, PART_TARGET);
    else
        trouble(b, at, brew_outage(b));
    if (draw_percent(b->draw, 50))
        struck_at_work(b, at);
}

/* A promotion that nobody waits for any more. */
static void late_promotion(struct brew *b, int64_t at)
{
    struct fault *f = brew_add(b, HIT_ACT, at - US_PER_S, 120 * US_PER_S);
    f->value = ACT_PROMOTE;
    f->other = draw_percent(b->draw, 60) ? FAULT_LATE : FAULT_LOST_REPLY;
    f->bits = 1;
    f->one = PART_ANY;
    order_to(b, at, PART_TARGET, PART_TARGET);
    f = once(b, at, HIT_ISOLATE, PART_EXECUTOR, brew_outage(b));
    f->after = STEP_PROMOTE;
    if (draw_percent(b->draw, 50))
        f->kind = HIT_CRASH;
    order_to(b, at + draw_range(b->draw, 10, 60) * US_PER_S, brew_host(b), brew_serving_region(b));
}

static void trouble_with_dns(struct brew *b, int64_t at)
{
    static const uint8_t kinds[] = { HIT_DNS_GONE, HIT_DNS_SLOW, HIT_DNS_FORGETS, HIT_DNS_MARK, HIT_ACT };
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 2); i > 0; i--) {
        brew_single(b, (enum fault_kind)kinds[draw_below(b->draw, sizeof kinds)], at - US_PER_S);
        struct fault *f = &b->mix->faults[b->mix->fault_count - 1];
        if (f->kind == HIT_ACT)
            f->value = draw_range(b->draw, ACT_DNS_READ, ACT_DNS_VERIFY);
        if (f->for_us > 0)
            f->for_us += 60 * US_PER_S;
    }
    if (draw_percent(b->draw, 50))
        order_to(b, at, PART_TARGET, PART_TARGET);
    else
        trouble(b, at, brew_outage(b));
    struct fault *f = once(b, at, draw_percent(b->draw, 50) ? HIT_ISOLATE : HIT_PAUSE, PART_EXECUTOR, brew_outage(b));
    f->after = STEP_CUT_OVER;
    if (draw_percent(b->draw, 50))
        order_to(b, at + draw_range(b->draw, 20, 90) * US_PER_S, brew_host(b), brew_serving_region(b));
}

/* Signs that look like a failure and are none: fluttering, or our own eyes. */
static void false_signs(struct brew *b, int64_t at)
{
    int64_t period = b->mix->options.health_for_us + b->mix->options.probe_us;
    if (draw_percent(b->draw, 50)) {
        uint8_t r = draw_percent(b->draw, 70) ? PART_WRITER : PART_TARGET;
        for (unsigned i = 0; i < 4; i++, at += draw_range(b->draw, period / 2, 2 * period)) {
            struct fault *f = brew_add(b, draw_percent(b->draw, 70) ? HIT_ENDPOINTS : HIT_ISOLATE, at,
                                  draw_range(b->draw, period / 4, period * 5 / 4));
            f->one = r;
        }
        return;
    }
    for (unsigned n = 0; n < 1 + draw_below(b->draw, 5); n++) {
        struct fault *f = brew_add(b, HIT_OBSERVER, at + brew_ms(b, 0, 5000), brew_detection(b) + brew_leases(b));
        f->one = draw_percent(b->draw, 30) ? PART_OTHER : brew_host(b);
    }
}

static void new_settings(struct brew *b, int64_t at)
{
    region_id region_of[POLICY_NODES_MAX];
    uint8_t hosts = fault_hosts(&b->mix->options, region_of);
    int64_t lease = brew_policy(b)->lease_us * draw_range(b->draw, 1, 8) / 2;
    lease = lease < 5 * US_PER_S ? 5 * US_PER_S : lease > 90 * US_PER_S ? 90 * US_PER_S : lease;
    for (uint8_t n = 0; n < hosts; n++) {
        if (!draw_percent(b->draw, 75))
            continue; /* it keeps its old file */
        struct fault *f = brew_add(b, HIT_SETTING, at + n * draw_range(b->draw, 1, 15) * US_PER_S,
                                   brew_ms(b, 10, 3000));
        f->one = n;
        f->value = lease;
    }
    order_to(b, at + draw_range(b->draw, 5, 40) * US_PER_S, PART_TARGET, PART_TARGET);
    if (draw_percent(b->draw, 70))
        trouble(b, at + draw_range(b->draw, 40, 120) * US_PER_S, brew_outage(b));
}

static void lost_and_back(struct brew *b, int64_t at)
{
    for (unsigned i = 0; i < 3; i++) {
        int64_t for_us = brew_outage(b);
        struct fault *f = brew_add(b, draw_percent(b->draw, 70) ? HIT_REGION_LOST : HIT_ISOLATE, at, for_us);
        f->one = PART_WRITER;
        at += for_us + draw_range(b->draw, 1, 20) * US_PER_S;
        f = brew_add(b, HIT_REJOIN, at, 0);
        f->one = PART_FORMER;
        at += draw_range(b->draw, 5, 60) * US_PER_S;
        if (draw_percent(b->draw, 30))
            order_to(b, at, PART_TARGET, PART_TARGET);
        at += brew_policy(b)->lease_us;
    }
}

/* The grant reaches few, its round ends without an answer, and the old writer is back. */
static void grant_in_doubt(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    struct fault *f;
    if (draw_percent(d, 70))
        trouble(b, at, brew_outage(b) + brew_policy(b)->lease_us);
    else
        order_to(b, at, PART_TARGET, PART_TARGET);
    static const uint8_t kinds[] = { HIT_LOSS, HIT_LOSS, HIT_CLOG_HOST, HIT_CRASH_PERSIST, HIT_CRASH, HIT_PAUSE_STEP };
    f = once(b, at, (enum fault_kind)kinds[draw_below(d, sizeof kinds)], PART_EXECUTOR, brew_ms(b, 1000, 15000));
    f->after = STEP_GRANT;
    f->delay_us = draw_small(d, 0, 400) * US_PER_MS;
    f->bits = (uint32_t)draw_below(d, 2);
    f->value = f->kind == HIT_LOSS ? draw_range(d, 300, 900)
               : f->kind == HIT_CLOG_HOST ? brew_ms(b, 3000, 20000) : draw_range(d, 1, 4);
    f = once(b, at, HIT_MEND, 0, 0);
    f->after = STEP_GRANT;
    f->delay_us = draw_percent(d, 40) ? 0 : brew_ms(b, 0, 4000);
}

/* What was right to begin is wrong to go on with, and not everybody hears of it. */
static void mended_in_noise(struct brew *b, int64_t at)
{
    static const uint8_t moments[] = { AFTER_CONFIRM, AFTER_BEGUN, STEP_FENCE, STEP_FREEZE, STEP_COMPARE };
    trouble(b, at, brew_outage(b) + brew_policy(b)->lease_us);
    struct fault *f = once(b, at, HIT_MEND, 0, 0);
    f->after = moments[draw_below(b->draw, sizeof moments)];
    f = once(b, at, HIT_LOSS, 0, draw_range(b->draw, 5, 90) * US_PER_S);
    f->after = draw_percent(b->draw, 50) ? AFTER_CONFIRM : AFTER_BEGUN;
    f->value = draw_range(b->draw, 200, 700);
}

/* Half of five voters, each heard twice, are no majority. */
static void doubled_minority(struct brew *b, int64_t at)
{
    int64_t for_us = brew_outage(b);
    struct fault *f = brew_add(b, HIT_DUPLICATES, at - 10 * US_PER_S, for_us + 20 * US_PER_S);
    f->value = draw_range(b->draw, 300, 1000);
    f->bits = (uint32_t)draw_small(b->draw, 5, 3000);
    f = brew_add(b, draw_percent(b->draw, 70) ? HIT_ISOLATE : HIT_CUT, at, for_us);
    f->one = PART_WRITER;
    f->other = PART_TARGET;
    order_to(b, at + draw_range(b->draw, 1, 20) * US_PER_S, PART_GUARD, PART_WRITER);
    order_to(b, at + draw_range(b->draw, 1, 20) * US_PER_S, PART_TARGET, PART_TARGET);
}

/* An executor that can't get at DNS for long is cut off, and gets at it when others have finished. */
static void late_dns(struct brew *b, int64_t at)
{
    order_to(b, at, PART_TARGET, PART_TARGET);
    struct fault *f = once(b, at, HIT_ISOLATE, PART_EXECUTOR, brew_outage(b) + 120 * US_PER_S);
    f->after = STEP_CUT_OVER;
    f->delay_us = draw_small(b->draw, 0, 3000) * US_PER_MS;
    f = once(b, at, HIT_ACT, PART_EXECUTOR, brew_outage(b) + draw_range(b->draw, 10, 100) * US_PER_S);
    f->after = STEP_CUT_OVER;
    f->delay_us = 0;
    f->value = draw_percent(b->draw, 70) ? ACT_DNS_READ : ACT_DNS_SUBMIT;
    f->other = draw_percent(b->draw, 50) ? FAULT_FAIL : FAULT_RETRY;
    f->bits = 1000;
}

/* The first region of the others, after `after` more, that may have a database, or must. */
static region_id another_region(const struct brew *b, unsigned after, bool serving)
{
    const struct world_options *o = &b->mix->options;
    region_id r = o->policy.initial_writer;
    for (unsigned i = 0; i <= after; i++)
        do
            r = (region_id)((r + 1) % o->region_count);
        while (r != o->policy.initial_writer && serving && !o->policy.regions[r].serves);
    return r;
}

/* Of five regions: two that see no more of the writer, and one that sees it again and can't tell the first. */
struct blindness {
    region_id writer, candidate, blind, silent;
};

static struct blindness draw_blindness(struct brew *b)
{
    unsigned first = (unsigned)draw_below(b->draw, 2), third = 2 + (unsigned)draw_below(b->draw, 2);
    struct blindness of = { b->mix->options.policy.initial_writer, another_region(b, 0, true),
                            another_region(b, first, false), another_region(b, third, false) };
    if (of.blind == of.candidate)
        of.blind = another_region(b, 1 - first, false);
    return of;
}

/* Both lose sight of the writer, and stay so. */
static void blind_both(struct brew *b, const struct blindness *of, int64_t at, int64_t for_us)
{
    for (unsigned i = 0; i < 2; i++) {
        struct fault *f = brew_add(b, HIT_CUT, at, for_us);
        f->one = of->writer;
        f->other = i == 0 ? of->candidate : of->blind;
    }
}

/* All of these happen to one service. */
static void to_one_service(struct brew *b, size_t first)
{
    for (size_t i = first; i < b->mix->fault_count; i++)
        b->mix->faults[i].service = b->mix->faults[first].service;
}

static void silence(struct brew *b, const struct blindness *of, int64_t at, int64_t for_us)
{
    struct fault *f = brew_add(b, HIT_LINK, at, for_us);
    f->one = of->silent; /* hosts come in the order of their regions first */
    f->other = of->candidate;
}

/* Two lose sight of the writer for long. The two others saw it fail for a moment too, and one of them can't tell
 * the candidate that it sees it again: its vote is stale, at the begin or only at the grant. */
static void vote_gone_stale(struct brew *b, int64_t at)
{
    if (b->mix->options.region_count < 5) {
        writer_in_trouble(b, at);
        return;
    }
    struct blindness of = draw_blindness(b);
    int64_t begin = brew_detection(b), outage = brew_policy(b)->outage_min_us;
    int64_t silent = outage > 3 * US_PER_S && draw_percent(b->draw, 70) ? begin - brew_ms(b, 3000, outage / US_PER_MS)
                                                                      : begin + brew_ms(b, 0, 8000);
    int64_t seen = silent + brew_ms(b, 0, 2000), for_us = brew_leases(b) + seen + 60 * US_PER_S;
    struct fault *f = brew_add(b, HIT_ISOLATE, at, seen);
    f->one = of.writer;
    blind_both(b, &of, at, for_us);
    silence(b, &of, at + silent, for_us - silent);
}

/* The same with a writer that only its clients can't reach: it gives its lease back, its standby lacks nothing,
 * and that is slow to be looked at. Nothing but the age of the votes speaks against the grant. */
static void grant_on_stale_votes(struct brew *b, int64_t at)
{
    if (b->mix->options.region_count < 5) {
        mended_in_noise(b, at);
        return;
    }
    struct blindness of = draw_blindness(b);
    int64_t seen = brew_detection(b) + brew_ms(b, 500, 4000);
    int64_t stale = seen + brew_policy(b)->evidence_max_age_us + brew_ms(b, 8000, 30000);
    size_t first = b->mix->fault_count;
    struct fault *f = brew_add(b, HIT_ENDPOINTS, at, seen);
    f->one = of.writer;
    blind_both(b, &of, at + seen - brew_ms(b, 400, 1500), stale + 60 * US_PER_S);
    silence(b, &of, at + seen - brew_ms(b, 0, 400), stale + 60 * US_PER_S);
    f = brew_add(b, HIT_ACT, at, stale);
    f->after = AFTER_BEGUN;
    f->one = PART_ANY;
    f->value = ACT_COMPARE;
    f->other = draw_percent(b->draw, 50) ? FAULT_FAIL : FAULT_RETRY;
    f->bits = 1000;
    to_one_service(b, first);
}

/* The machine under the writer stands still, its clock with it, until another region serves; then it goes on,
 * with a lease that by that clock still runs, and mostly without a network that could tell it. Its process may have
 * restarted just before, and know less than the kernel. */
static void suspended_machine(struct brew *b, int64_t at)
{
    struct fault *f = brew_add(b, HIT_MACHINE, at, 0);
    f->one = PART_GUARD;
    f->value = brew_detection(b) + brew_policy(b)->lease_us * 5 / 4 + b->mix->promote_us + brew_ms(b, 1000, 60000);
    if (draw_percent(b->draw, 20))
        return;
    int64_t stands = f->value;
    bool restarts = draw_percent(b->draw, 40);
    int64_t before = restarts ? brew_ms(b, 1000, 4000) : brew_ms(b, 0, 1000);
    f = brew_add(b, HIT_ISOLATE, at - before, before + stands + brew_leases(b));
    f->one = PART_WRITER;
    if (!restarts)
        return;
    f = brew_add(b, HIT_CRASH, at - before + brew_ms(b, 10, 500), brew_ms(b, 10, 400));
    f->one = PART_GUARD;
}

/* The second coordinator of a standby's region hears nothing for long, and tends its database by what it knew,
 * while the first one takes over. */
static void deaf_second(struct brew *b, int64_t at)
{
    region_id region_of[POLICY_NODES_MAX];
    uint8_t count = fault_hosts(&b->mix->options, region_of), second = NODE_NONE;
    for (uint8_t n = b->mix->options.region_count; n < count; n++)
        if (brew_policy(b)->regions[region_of[n]].serves && region_of[n] != b->mix->options.policy.initial_writer)
            second = n;
    if (second == NODE_NONE) {
        writer_in_trouble(b, at);
        return;
    }
    struct fault *f = brew_add(b, HIT_CLOG_HOST, at - brew_ms(b, 0, 10000), 0);
    f->one = second;
    f->bits = 1;
    f->value = brew_detection(b) + brew_policy(b)->lease_us * 5 / 4 + b->mix->promote_us + brew_ms(b, 10000, 60000);
    if (draw_percent(b->draw, 60))
        order_to(b, at, region_of[second], region_of[second]);
    else
        trouble(b, at, brew_outage(b));
}

/* Whoever waits for the old lease to run out hears nobody for longer than votes are worth anything: what it could
 * still do without a majority, such as cutting the old region off from outside, it must not. */
static void executor_goes_blind(struct brew *b, int64_t at)
{
    const struct service_policy *p = brew_policy(b);
    trouble(b, at, brew_outage(b));
    int64_t blind = p->lease_us * 5 / 4 + p->evidence_max_age_us + brew_ms(b, 5000, 60000);
    struct fault *f = once(b, at, HIT_ISOLATE, PART_EXECUTOR, blind);
    f->after = AFTER_BEGUN;
    f->delay_us = draw_range(b->draw, 0, p->lease_us);
}

/* Away, home again in stages, and while the traffic comes people talk, home gets worse, or somebody is hit. */
static void home_in_stages(struct brew *b, int64_t at)
{
    static const uint8_t words[] = { ORDER_HOLD, ORDER_GO, ORDER_BACK, ORDER_BACK, ORDER_SKIP, ORDER_SKIP };
    struct draw *d = b->draw;
    region_id home = brew_policy(b)->initial_writer;
    int64_t moved = brew_policy(b)->lease_us * 5 / 4 + b->mix->promote_us + 2 * (b->mix->dns_sync_us + 10 * US_PER_S);
    order_to(b, at, brew_host_or_part(b), PART_TARGET);
    struct fault *f = brew_add(b, HIT_REJOIN, at + moved, 0);
    f->one = home;
    int64_t back = at + moved + brew_ms(b, 3000, 20000);
    f = brew_add(b, HIT_FAILBACK, back, 0);
    f->one = brew_host_or_part(b);
    f->value = draw_range(d, 1, FAILBACK_HOLD_US);
    f->bits = 1u << draw_range(d, 1, 9) | 1u << draw_range(d, 1, 9);
    for (unsigned i = 1 + (unsigned)draw_below(d, 3); i > 0; i--) {
        f = brew_add(b, HIT_TRAFFIC, back, 0);
        f->after = STEP_SHIFT;
        f->delay_us = brew_ms(b, 100, 40000);
        f->one = brew_host_or_part(b);
        f->value = words[draw_below(d, sizeof words)];
    }
    f = brew_add(b, draw_percent(d, 70) ? HIT_ENDPOINTS : HIT_CRASH, back, brew_ms(b, 200, 20000));
    f->after = STEP_SHIFT;
    f->delay_us = brew_ms(b, 100, 30000);
    f->one = f->kind == HIT_ENDPOINTS ? home : PART_EXECUTOR;
    if (draw_percent(d, 60))
        struck_at_work(b, back);
}

/* The writer's region is silent, and the remote hook that is to cut it off gives no answer: it was lost, or comes too
 * late. */
void brew_hook_unanswered(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    int64_t away = brew_outage(b) + brew_ms(b, 10000, 90000);
    struct fault *f = brew_add(b, HIT_ACT, at, away);
    f->one = PART_ANY;
    f->value = ACT_FENCE_REMOTE;
    f->other = draw_percent(d, 60) ? FAULT_LOST_REPLY : FAULT_HANG;
    f->bits = draw_percent(d, 40) ? 1000 : (uint32_t)draw_range(d, 1, 3);
    f = brew_add(b, draw_percent(d, 70) ? HIT_ISOLATE : HIT_REGION_LOST, at, away);
    f->one = PART_WRITER;
    f->bits = 0;
}

/* ---- the voters ---- */

/* Refused while anything else is under way, so a person asks a few times. */
static void voter_orders(struct brew *b, int64_t at, enum voter_change change, uint8_t about)
{
    for (unsigned i = 2 + (unsigned)draw_below(b->draw, 3); i > 0; i--) {
        struct fault *f = brew_add(b, HIT_VOTER, at, 0);
        f->one = brew_host(b);
        f->other = about;
        f->value = change;
        at += draw_small(b->draw, 2, 40) * US_PER_S;
    }
}

/* A disk is lost, a new one is made, and the voter replaced. */
static void voter_lost_and_replaced(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    uint8_t who = brew_host(b);
    int64_t gone = draw_small(d, 1, 90) * US_PER_S;
    struct fault *f = brew_add(b, draw_percent(d, 70) ? HIT_WIPE : HIT_ROLL_BACK, at, draw_small(d, 1, 20) * US_PER_S);
    f->one = who;
    f = brew_add(b, HIT_NEW_STORE, at + gone, 0);
    f->one = who;
    f->bits = draw_percent(d, 80);
    voter_orders(b, at + gone + brew_ms(b, 200, 12000), VOTER_REPLACE, who);
}

/* Another one than the set has gets the vote, or loses it. */
static void voter_comes_or_goes(struct brew *b, int64_t at)
{
    bool comes = draw_percent(b->draw, 55);
    voter_orders(b, at, comes ? VOTER_ADD : VOTER_REMOVE, brew_host(b));
    if (draw_percent(b->draw, 60))
        voter_orders(b, at + draw_small(b->draw, 10, 200) * US_PER_S, comes ? VOTER_REMOVE : VOTER_ADD, brew_host(b));
}

/* One that keeps the former set, with an old disk and old news, while the others go on. */
static void old_voter_comes_back(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    uint8_t who = brew_host(b);
    bool replaced = draw_percent(d, 60);
    int64_t later = draw_small(d, 1, 60) * US_PER_S;
    struct fault *f = brew_add(b, replaced ? HIT_ROLL_BACK : draw_percent(d, 50) ? HIT_PAUSE : HIT_CRASH, at,
                               later + draw_range(d, 10, 240) * US_PER_S);
    f->one = who;
    if (replaced) { /* the disk that was lost turns up again */
        f = brew_add(b, HIT_NEW_STORE, at + later, 0);
        f->one = who;
        f->bits = 1;
    }
    voter_orders(b, at + later + brew_ms(b, 500, 12000), replaced ? VOTER_REPLACE : VOTER_REMOVE, who);
}

/* Several people at once, each of another mind: one round finds what another has half done. */
static void voters_ordered_at_once(struct brew *b, int64_t at)
{
    for (unsigned i = 2 + (unsigned)draw_below(b->draw, 3); i > 0; i--) {
        struct fault *f = brew_add(b, HIT_VOTER, at + draw_small(b->draw, 1, 400) * US_PER_MS, 0);
        f->one = brew_host(b);
        f->other = brew_host(b);
        f->value = draw_range(b->draw, VOTER_ADD, VOTER_REMOVE);
    }
    if (draw_percent(b->draw, 40)) {
        struct fault *f = brew_add(b, HIT_CRASH, at + brew_ms(b, 1, 400), brew_ms(b, 100, 20000));
        f->one = brew_host(b);
        f->bits = (uint32_t)draw_below(b->draw, 2);
    }
}

/* Within a lease of the change the writer is cut off, and its region failed over. */
static void amid_a_lease(struct brew *b, int64_t at)
{
    trouble(b, at + draw_range(b->draw, -brew_policy(b)->lease_us, 2 * brew_policy(b)->lease_us), brew_outage(b));
    if (draw_percent(b->draw, 50))
        struck_at_work(b, at);
}

void brew_voters(struct brew *b)
{
    static void (*const kinds[])(struct brew *b, int64_t at) = {
        voter_lost_and_replaced, voter_lost_and_replaced, voter_comes_or_goes, old_voter_comes_back,
        voters_ordered_at_once,
    };
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 3); i > 0; i--) {
        int64_t at = brew_moment(b);
        kinds[draw_below(b->draw, sizeof kinds / sizeof kinds[0])](b, at);
        if (draw_percent(b->draw, 60))
            amid_a_lease(b, at + draw_small(b->draw, 1, 90) * US_PER_S);
        if (draw_percent(b->draw, 30))
            brew_single(b, HIT_CRASH, at + draw_small(b->draw, 1, 60) * US_PER_S);
    }
}

typedef void pattern(struct brew *b, int64_t at);

static const struct blend {
    pattern *add;
    uint8_t weight[PROFILE_COUNT];
} blends[] = {
    /*                          general calm beyond disks network duel return */
    { writer_in_trouble,       { 12, 0, 30, 14, 6, 8, 20 } },
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
    { vote_gone_stale,         { 10, 0, 1, 1, 18, 1, 1 } }, /* of five regions; else writer_in_trouble() */
    { grant_on_stale_votes,    { 10, 0, 1, 1, 20, 1, 1 } }, /* likewise; else mended_in_noise() */
    { suspended_machine,       { 1, 0, 10, 0, 0, 0, 0 } },
    { guard_back_too_late,     { 5, 0, 2, 2, 3, 2, 6 } },
    { executor_goes_blind,     { 4, 0, 2, 1, 6, 2, 3 } },
    { home_in_stages,          { 7, 0, 2, 3, 4, 8, 16 } },
    { deaf_second,             { 5, 0, 2, 2, 8, 4, 4 } }, /* where a region has two; else writer_in_trouble() */
};

_Static_assert(sizeof blends / sizeof blends[0] == BREW_TROUBLES, "all of them are told");

unsigned brew_trouble_weight(unsigned trouble, enum profile profile)
{
    return blends[trouble].weight[profile];
}

void brew_trouble(struct brew *b, unsigned trouble, int64_t at)
{
    blends[trouble].add(b, at);
}
