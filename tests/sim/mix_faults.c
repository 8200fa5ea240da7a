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
    [HIT_SWITCHOVER] = 6, [HIT_ADOPT] = 1, [HIT_REJOIN] = 6,
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

void mix_faults(struct mix *m, struct draw *d)
{
    struct brew b = { m, d };
    if (m->profile == PROFILE_CALM) {
        calm(&b);
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
    m->mends_voters = draw_percent(d, 60);
    if (draw_percent(d, 40))
        brew_voters(&b);
}
