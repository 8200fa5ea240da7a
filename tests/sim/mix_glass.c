/* A broken glass: see brew.h. The quorum is gone with the writer's region, or seems so from where a person stands; then
 * everything comes back, in every order that matters. */
#include "tests/sim/brew.h"

/* Whatever else is left is cut off from the marked region, or lost too. */
static void lose_the_others(struct brew *b, int64_t at, uint8_t marked, int64_t for_us)
{
    struct draw *d = b->draw;
    if (draw_percent(d, 45)) {
        brew_add(b, HIT_ISOLATE, at, for_us)->one = marked;
        return;
    }
    for (uint8_t r = 0; r < b->mix->options.region_count; r++) {
        if (r == marked || r == b->mix->options.policy.initial_writer)
            continue;
        brew_add(b, draw_percent(d, 70) ? HIT_REGION_LOST : HIT_ISOLATE, at + brew_ms(b, 0, 4000),
                 for_us + brew_ms(b, 0, 60000) - brew_ms(b, 0, 30000))->one = r;
    }
}

/* Somebody is struck while it is broken, or after. */
static void strike_the_marked(struct brew *b, int64_t at, uint8_t marked)
{
    struct draw *d = b->draw;
    static const uint8_t kinds[] = { HIT_CRASH, HIT_CRASH, HIT_CRASH_PERSIST, HIT_PAUSE, HIT_PAUSE_STEP, HIT_DISK_SLOW,
                                     HIT_ISOLATE, HIT_CRASH };
    struct fault *f = brew_add(b, (enum fault_kind)kinds[draw_below(d, sizeof kinds)], at + brew_ms(b, 0, 3000),
                               brew_ms(b, 10, 20000));
    f->one = marked; /* host and region by one number: the first coordinators are the regions' */
    f->bits = (uint32_t)draw_below(d, 2);
    f->value = f->kind == HIT_DISK_SLOW ? brew_ms(b, 100, 4000) : draw_small(d, 1, 4);
}

static uint8_t second_of(struct brew *b, uint8_t region)
{
    region_id region_of[POLICY_NODES_MAX];
    uint8_t count = fault_hosts(&b->mix->options, region_of);
    for (uint8_t n = b->mix->options.region_count; n < count; n++)
        if (region_of[n] == region)
            return n;
    return NODE_NONE;
}

/* The region's two coordinators don't hear each other, for shorter or longer than the rest takes, and another person
 * breaks the glass at the other one. */
static void break_both(struct brew *b, const struct fault *first, int64_t for_us)
{
    int64_t breaks = first->at_us;
    uint8_t marked = first->one;
    struct draw *d = b->draw;
    uint8_t second = second_of(b, marked);
    if (second == NODE_NONE)
        return;
    bool alone = draw_percent(d, 20); /* it hears nobody else either */
    for (uint8_t n = 0; n < b->mix->options.region_count; n++)
        for (unsigned way = 0; way < 2 && (n == marked || alone); way++) {
            if (n == marked && way == 1 && draw_percent(d, 20))
                continue;
            struct fault *f = brew_add(b, HIT_LINK, breaks - brew_ms(b, 500, 3000), for_us);
            f->one = way == 0 ? n : second;
            f->other = way == 0 ? second : n;
        }
    struct fault *f = brew_add(b, HIT_GLASS, breaks + brew_ms(b, 0, 5000), 0);
    f->one = marked;
    f->service = first->service;
    f->bits = 2u | first->bits;
}

void brew_glass(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    uint8_t writer = b->mix->options.policy.initial_writer, marked = brew_serving_region(b);
    for (unsigned i = 0; i < 8 && marked == writer; i++)
        marked = brew_serving_region(b);
    bool wrong = draw_percent(d, 30);
    int64_t out = brew_detection(b) + brew_leases(b) + brew_ms(b, 20000, 90000);
    int64_t longer = draw_percent(d, 50) ? out + brew_ms(b, 1000, 60000) : out / 2 + brew_ms(b, 10000, 30000);
    brew_add(b, wrong ? HIT_ISOLATE : HIT_REGION_LOST, at, longer)->one = writer;
    lose_the_others(b, at, marked, out);
    int64_t breaks = at + 5 * b->mix->options.heartbeat_us + brew_ms(b, 1000, 15000);
    struct fault *f = brew_add(b, HIT_GLASS, breaks, 0);
    f->one = marked;
    f->bits = wrong;
    uint8_t service = f->service;
    if (draw_percent(d, 70))
        break_both(b, f, draw_percent(d, 50) ? out : out + brew_ms(b, 5000, 120000));
    if (draw_percent(d, 45))
        strike_the_marked(b, breaks, marked);
    if (draw_percent(d, 15)) { /* another person elsewhere */
        f = brew_add(b, HIT_GLASS, breaks + brew_ms(b, 0, 10000), 0);
        f->one = brew_serving_region(b);
        f->bits = 1;
    }
    int64_t met = at + (out > longer ? out : longer);
    if (draw_percent(d, 40))
        strike_the_marked(b, met - brew_ms(b, 0, 5000), draw_percent(d, 60) ? marked : brew_host(b));
    for (unsigned i = (unsigned)draw_below(d, 3); i > 0; i--) {
        met += brew_ms(b, 1000, 60000);
        f = brew_add(b, HIT_RECONCILE, met, 0);
        f->service = service;
        f->other = draw_percent(d, 50) ? marked : draw_percent(d, 80) ? PART_WRITER : brew_serving_region(b);
        f->bits = draw_percent(d, 15);
        if (draw_percent(d, 40))
            strike_the_marked(b, met, marked);
    }
}

/* ---- a third between ---- */

static void cut(struct brew *b, uint8_t one, uint8_t other, int64_t at, int64_t for_us)
{
    struct fault *f = brew_add(b, HIT_CUT, at, for_us);
    f->one = one;
    f->other = other;
}

/* Way by way, since the end of an isolation mends all of its ways. The others hear of the mark before the writer's
 * guard has them renew its lease. */
void brew_kept_open(struct brew *b, int64_t at)
{
    struct draw *d = b->draw;
    uint8_t writer = b->mix->options.policy.initial_writer, marked = brew_serving_region(b);
    if (!brew_policy(b)->keep_on_quorum_loss || marked == writer)
        return;
    int64_t beat = b->mix->options.heartbeat_us, out = 5 * beat + brew_ms(b, 15000, 40000);
    int64_t later = out + 5 * beat + brew_ms(b, 1000, 30000);
    cut(b, marked, writer, at, later + brew_policy(b)->lease_us + 20 * beat + brew_ms(b, 20000, 200000));
    for (uint8_t r = 0; r < b->mix->options.region_count; r++) {
        if (r == marked || r == writer)
            continue;
        cut(b, marked, r, at, out);
        cut(b, writer, r, at, later);
    }
    struct fault *f = brew_add(b, HIT_GLASS, at + 5 * beat + brew_ms(b, 1000, 10000), 0);
    f->one = marked;
    f->bits = 1;
    if (draw_percent(d, 30))
        strike_the_marked(b, at + out, marked);
}

/* ---- the disk of its maker ---- */

/* fault_count: none is. */
static size_t first_broken(const struct mix *m)
{
    size_t i = 0;
    while (i < m->fault_count && m->faults[i].kind != HIT_GLASS)
        i++;
    return i;
}

static bool is_absence(enum fault_kind kind)
{
    return kind == HIT_ISOLATE || kind == HIT_REGION_LOST || kind == HIT_CUT;
}

/* All that made a majority unreachable, and stands before it in the list, is over. */
static int64_t over_at(const struct mix *m, size_t broken)
{
    int64_t over = m->faults[broken].at_us;
    for (size_t i = broken; i > 0 && is_absence(m->faults[i - 1].kind); i--)
        if (m->faults[i - 1].at_us + m->faults[i - 1].for_us > over)
            over = m->faults[i - 1].at_us + m->faults[i - 1].for_us;
    return over;
}

/* One other is all that the marked region hears, and that one was away when the mark ended. */
static void leave_it_one(struct brew *b, uint8_t marked, int64_t away_at, int64_t at, int64_t for_us)
{
    uint8_t one;
    do
        one = brew_region(b);
    while (one == marked);
    brew_add(b, HIT_CRASH, away_at, at - away_at + brew_ms(b, 100, 4000))->one = one;
    for (uint8_t r = 0; r < b->mix->options.region_count; r++) {
        if (r == marked || r == one)
            continue;
        cut(b, marked, r, at, for_us);
        cut(b, one, r, at, for_us);
    }
}

void brew_old_mark(struct brew *b)
{
    struct draw *d = b->draw;
    size_t broken = first_broken(b->mix);
    if (broken == b->mix->fault_count || !draw_percent(d, 40))
        return;
    const struct fault glass = b->mix->faults[broken];
    uint8_t marked = glass.one;
    int64_t copied = glass.at_us + brew_ms(b, 1000, 15000), met = over_at(b->mix, broken);
    int64_t ends = met + brew_ms(b, 5000, 40000), back = ends + brew_ms(b, 15000, 90000);
    struct fault *f = brew_add(b, HIT_ROLL_BACK, copied, back - copied);
    f->one = marked; /* host and region by one number */
    for (unsigned i = 0; i < 2; i++) {
        f = brew_add(b, HIT_RECONCILE, ends + i * brew_ms(b, 2000, 10000), 0);
        f->service = glass.service;
        f->other = draw_percent(d, 75) ? b->mix->options.policy.initial_writer : marked;
    }
    if (draw_percent(d, 60)) {
        f = brew_add(b, HIT_REJOIN, back - brew_ms(b, 1000, 10000), 0);
        f->service = glass.service;
        f->one = marked;
    }
    int64_t before = brew_ms(b, 500, 8000), alone = before + brew_leases(b);
    if (draw_percent(d, 40))
        brew_add(b, HIT_ISOLATE, back - before, alone)->one = marked;
    else if (draw_percent(d, 50))
        leave_it_one(b, marked, met + brew_ms(b, 1000, 10000), back - before, alone);
}
