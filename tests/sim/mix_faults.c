/* What happens to a cluster: see mix_faults.h.
 *
 * Single faults at random moments rarely meet: two of them within one lease is what it takes to get at a
 * rule about leases. So most of a list are troubles that are known to belong together (the writer's region
 * is cut off, then the executor dies once a step starts), drawn with random parts, and single faults are
 * strewn among them. Each kind of trouble and of fault is on or off for a whole run, so that combinations
 * differ between seeds. */
#include "tests/sim/mix_faults.h"

#include "tests/sim/brew.h"

/* Of the single kinds; what is left out only comes within the above. */
static const uint8_t single_weight[HIT_COUNT] = {
    [HIT_REGION_LOST] = 6, [HIT_CRASH] = 8, [HIT_CRASH_PERSIST] = 8, [HIT_CRASH_STEP] = 8,
    [HIT_RESTART_SET] = 4, [HIT_PAUSE] = 8, [HIT_PAUSE_STEP] = 8, [HIT_WIPE] = 1, [HIT_ROLL_BACK] = 1,
    [HIT_WRITE] = 2, [HIT_DISK_FAILS] = 3, [HIT_DISK_SLOW] = 4, [HIT_RATE] = 4, [HIT_CALENDAR] = 2,
    [HIT_CUT] = 4, [HIT_CUT_ONE_WAY] = 4, [HIT_ISOLATE] = 6, [HIT_ISOLATE_ONE_WAY] = 4, [HIT_LINK] = 5,
    [HIT_CLOG] = 4, [HIT_CLOG_HOST] = 4, [HIT_LOSS] = 4, [HIT_DUPLICATES] = 3, [HIT_LATE] = 3,
    [HIT_DB_KILLED] = 4, [HIT_DB_FROZEN] = 4, [HIT_DB_PROMOTED] = 1, [HIT_ENDPOINTS] = 4, [HIT_LAG] = 2,
    [HIT_ACT] = 5, [HIT_ACT_SLOW] = 3, [HIT_DNS_GONE] = 2, [HIT_DNS_SLOW] = 2, [HIT_DNS_FORGETS] = 1,
    [HIT_DNS_MARK] = 1, [HIT_OBSERVER] = 3, [HIT_GUARD] = 3, [HIT_SETTING] = 1, [HIT_ORDER] = 6,
    [HIT_SWITCHOVER] = 6, [HIT_FAILBACK] = 5, [HIT_TRAFFIC] = 3, [HIT_ADOPT] = 1, [HIT_REJOIN] = 6,
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
        if (kind == HIT_ORDER || kind == HIT_SWITCHOVER)
            return weight * 6;
        break;
    case PROFILE_GENERAL:
    case PROFILE_CALM:
    case PROFILE_RETURN:
    case PROFILE_GLASS:
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
    const struct service_policy *p = brew_policy(b);
    int64_t beat = b->mix->options.heartbeat_us;
    int64_t room = p->lease_us - p->renew_us - p->fence_budget_us - 2 * beat - US_PER_S;
    int64_t most = room * 8 / 10;
    int64_t at = 20 * US_PER_S;
    while (at + most < b->mix->safety_us && b->mix->fault_count < FAULTS_MAX) {
        int64_t down = draw_range(b->draw, 10 * US_PER_MS, most);
        struct fault *f = brew_add(b, HIT_RESTART_SET, at, down);
        f->bits = draw_percent(b->draw, 40) ? brew_all_hosts(b) : 1u << brew_host(b);
        at += down + 2 * p->renew_us + 2 * beat + draw_small(b->draw, 1, 60) * US_PER_S;
    }
}

/* To one proposal after the other, soon or late, and now and then by two people at once. */
static void answers(struct brew *b)
{
    for (unsigned i = 1 + (unsigned)draw_below(b->draw, 6); i > 0; i--) {
        int64_t at = brew_moment(b);
        brew_single(b, HIT_ANSWER, at);
        if (b->mix->fault_count == FAULTS_MAX)
            return;
        struct fault *f = &b->mix->faults[b->mix->fault_count - 1];
        f->after = draw_percent(b->draw, 85) ? AFTER_PROPOSED : STEP_NONE;
        f->delay_us = draw_percent(b->draw, 30) ? 0 : draw_small(b->draw, 10, 90000) * US_PER_MS;
    }
}

/* A region is lost for long, people say no, and then nobody sees anything for a while: no sign that it is back. */
static void a_no_and_no_sight(struct brew *b)
{
    int64_t at = draw_range(b->draw, 20, 60) * US_PER_S;
    struct fault *f = brew_add(b, HIT_REGION_LOST, at, draw_range(b->draw, 200, 300) * US_PER_S);
    f->one = PART_WRITER;
    f = brew_add(b, HIT_ANSWER, at, 0);
    f->one = PART_TARGET;
    f->value = ORDER_DECLINE;
    f->after = AFTER_PROPOSED;
    f->delay_us = US_PER_S;
    int64_t blind = at + draw_range(b->draw, 90, 120) * US_PER_S;
    for (uint32_t hosts = brew_all_hosts(b), n = 0; hosts >> n != 0; n++) {
        f = brew_add(b, HIT_OBSERVER, blind + draw_range(b->draw, 0, 3000) * US_PER_MS, 80 * US_PER_S);
        f->one = (uint8_t)n;
    }
}

/* Two services lose their writers' regions at one moment, and the coordinators that each could go to hear of each other
 * late: both begin, and one of them is too many. */
static void two_services_at_once(struct brew *b)
{
    const struct world_options *o = &b->mix->options;
    uint8_t writer[2] = { o->policy.initial_writer, o->initial_writer[1] };
    int64_t at = draw_range(b->draw, 20, 60) * US_PER_S, cut_us = draw_range(b->draw, 20, 60) * US_PER_S;
    bool cut = draw_percent(b->draw, 75);
    for (uint8_t s = 0; s < 2; s++) {
        struct fault *f = brew_add(b, HIT_ENDPOINTS, at + draw_small(b->draw, 0, 2000) * US_PER_MS,
                                   draw_range(b->draw, 60, 180) * US_PER_S);
        f->service = s;
        f->one = writer[s];
        if (!cut)
            continue;
        f = brew_add(b, HIT_LINK, at, cut_us);
        f->one = writer[s];
        f->other = writer[1 - s]; /* hosts come in the order of their regions first */
    }
}

void mix_faults(struct mix *m, struct draw *d)
{
    struct brew b = { m, d };
    if (m->profile == PROFILE_CALM) {
        calm(&b);
        return;
    }
    if (m->profile == PROFILE_GLASS) {
        for (unsigned i = 1 + (unsigned)draw_below(d, 2); i > 0; i--)
            brew_glass(&b, brew_moment(&b));
        for (unsigned i = (unsigned)draw_below(d, 4); i > 0; i--) {
            int64_t at = brew_moment(&b);
            brew_single(&b, (enum fault_kind)draw_below(d, HIT_LIES), at);
        }
        return;
    }
    unsigned blend[BREW_TROUBLES], kind[HIT_LIES];
    bool picky = m->profile == PROFILE_GENERAL;
    for (unsigned i = 0; i < BREW_TROUBLES; i++)
        blend[i] = picky && !draw_percent(d, 50) ? 0 : brew_trouble_weight(i, m->profile);
    for (int i = 0; i < HIT_LIES; i++)
        kind[i] = draw_percent(d, 40) ? weight_of(&b, i) : 0;
    unsigned together = 1 + (unsigned)draw_below(d, 4), singles = (unsigned)draw_small(d, 0, 16);
    for (unsigned i = 0; i < together; i++) {
        int64_t at = brew_moment(&b);
        brew_trouble(&b, pick(d, blend, BREW_TROUBLES), at);
    }
    for (unsigned i = 0; i < singles; i++) {
        int64_t at = brew_moment(&b);
        brew_single(&b, (enum fault_kind)pick(d, kind, HIT_LIES), at);
    }
    /* Drawn last, so that seeds without it stay what they were. */
    if (draw_percent(d, 10)) {
        struct fault *f = brew_add(&b, HIT_LIES, 0, m->safety_us);
        f->value = draw_range(d, 10, 300);
    }
    brew_people(&b);
    for (int64_t ticks = draw_percent(d, 30) ? draw_range(d, 1, 6) : 0; ticks > 0; ticks--) {
        int64_t at = brew_moment(&b);
        brew_single(&b, HIT_TICK, at);
    }
    if (m->options.policy.mode == MODE_APPROVE)
        answers(&b);
    if (m->options.policy.mode == MODE_APPROVE && draw_percent(d, 35))
        a_no_and_no_sight(&b);
    if (m->options.failovers_at_once > 0 && draw_percent(d, 50))
        two_services_at_once(&b);
    if (draw_percent(d, 15))
        brew_glass(&b, brew_moment(&b));
    m->mends_voters = draw_percent(d, 60);
    if (draw_percent(d, 40))
        brew_voters(&b);
    if (m->options.policy.keep_on_quorum_loss && draw_percent(d, 12))
        brew_kept_open(&b, brew_moment(&b));
    brew_old_mark(&b);
    if (m->options.policy.regions[m->options.policy.initial_writer].remote_hook_us > 0 && draw_percent(d, 8))
        brew_hook_unanswered(&b, brew_moment(&b));
}
