/* What a seed draws of cluster, settings and network: see mix.h. What happens to them: mix_faults.c.
 *
 * Times are long (heartbeats of seconds, probes of several) because that is how clusters between
 * regions are set, and because an hour of them costs less to play. */
#include "tests/sim/mix.h"

#include "tests/sim/mix_faults.h"

#include <stdio.h>
#include <string.h>

#define CLUSTER_STREAM UINT64_C(0x636c7573746572) /* draws of the cluster don't depend on... */
#define FAULTS_STREAM UINT64_C(0x6661756c7473)    /* ...how many the faults needed */
#define TIMEOUT_US (500 * US_PER_MS)              /* of a check, as world_new has it */

static const char *const profile_names[PROFILE_COUNT] = {
    [PROFILE_GENERAL] = "general", [PROFILE_CALM] = "calm", [PROFILE_BEYOND] = "beyond",
    [PROFILE_DISKS] = "disks", [PROFILE_NETWORK] = "network", [PROFILE_DUEL] = "duel",
    [PROFILE_RETURN] = "return",   [PROFILE_GLASS] = "glass",
};

static const unsigned profile_percent[PROFILE_COUNT] = {
    [PROFILE_GENERAL] = 37, [PROFILE_CALM] = 6, [PROFILE_BEYOND] = 6, [PROFILE_DISKS] = 14,
    [PROFILE_NETWORK] = 14, [PROFILE_DUEL] = 8, [PROFILE_RETURN] = 10,
    [PROFILE_GLASS] = 5,
};

static const char *const region_names[] = { "athens", "berlin", "cairo", "dakar", "essen" };

/* Who sits where. Voters are the first coordinators of all regions and `more` of the second ones. */
static const struct shape {
    uint8_t percent, regions, more;
    uint8_t coordinators[5];
} shapes[] = {
    { 48, 3, 0, { 1, 1, 1 } },       { 8, 3, 0, { 2, 1, 1 } },    { 5, 3, 0, { 2, 2, 1 } },
    { 12, 2, 1, { 2, 1 } },          { 10, 3, 2, { 2, 2, 1 } },   { 5, 4, 1, { 2, 1, 1, 1 } },
    { 2, 4, 1, { 2, 2, 1, 1 } },     { 7, 5, 0, { 1, 1, 1, 1, 1 } }, { 3, 2, 3, { 3, 2 } },
};

/* Two coordinators in more than one region. */
static const size_t pairs_shapes[] = { 2, 4, 6, 8 };

const char *profile_name(enum profile profile)
{
    return profile < PROFILE_COUNT ? profile_names[profile] : "any";
}

enum profile profile_find(const char *name)
{
    for (int p = 0; p < PROFILE_COUNT; p++)
        if (strcmp(profile_names[p], name) == 0)
            return (enum profile)p;
    return PROFILE_COUNT;
}

static enum profile draw_profile(struct draw *d)
{
    uint64_t at = draw_below(d, 100);
    for (int p = 0; p < PROFILE_COUNT; p++) {
        if (at < profile_percent[p])
            return (enum profile)p;
        at -= profile_percent[p];
    }
    return PROFILE_GENERAL;
}

/* ---- the cluster ---- */

static void draw_shape(struct world_options *o, struct draw *d, bool pairs)
{
    uint64_t at = draw_below(d, 100);
    size_t i = 0;
    while (i + 1 < sizeof shapes / sizeof shapes[0] && at >= shapes[i].percent)
        at -= shapes[i++].percent;
    if (pairs && draw_percent(d, 80))
        i = pairs_shapes[draw_below(d, sizeof pairs_shapes / sizeof pairs_shapes[0])];
    o->region_count = shapes[i].regions;
    o->more_voters = shapes[i].more;
    for (region_id r = 0; r < o->region_count; r++) {
        (void)snprintf(o->region_name[r], sizeof o->region_name[r], "%s", region_names[r]);
        o->coordinators[r] = shapes[i].coordinators[r];
    }
}

static region_id draw_serving(const struct world_options *o, struct draw *d)
{
    region_id r;
    do
        r = (region_id)draw_below(d, o->region_count);
    while (!o->policy.regions[r].serves);
    return r;
}

static void draw_services(struct world_options *o, struct draw *d)
{
    unsigned serving = o->region_count > 2 && draw_percent(d, 30) ? 3 : 2;
    while (serving > 0) {
        region_id r = (region_id)draw_below(d, o->region_count);
        serving -= !o->policy.regions[r].serves;
        o->policy.regions[r].serves = true;
    }
    o->policy.initial_writer = draw_serving(o, d);
    o->service_count = draw_percent(d, 86) ? 1 : (uint8_t)(2 + draw_small(d, 0, 2));
    for (uint8_t s = 1; s < o->service_count; s++)
        o->initial_writer[s] = draw_serving(o, d);
}

/* ---- settings, each within what the validator takes (service_rules.c) ---- */

static int64_t tenths(struct draw *d, int64_t low_ms, int64_t high_ms)
{
    return draw_range(d, low_ms / 100, high_ms / 100) * 100 * US_PER_MS;
}

/* In half of the runs the lease is much longer than the detection, or each would have lapsed before a
 * begin, and no rule about waiting would matter. */
static void draw_lease(struct mix *m, struct draw *d)
{
    struct service_policy *p = &m->options.policy;
    bool calm = m->profile == PROFILE_CALM;
    m->quick = !calm && draw_percent(d, 55);
    p->lease_us = m->quick ? tenths(d, 15000, 60000) : tenths(d, calm ? 20000 : 5000, 30000);
    p->renew_us = p->lease_us / (calm ? 5 : draw_range(d, 3, 5));
    /* lease.duration has to be longer than fence_budget + 2 x renew_every */
    int64_t room = p->lease_us - 2 * p->renew_us;
    int64_t most = calm ? room / 3 : draw_percent(d, 60) ? 3 * US_PER_S : room * 3 / 4;
    p->fence_budget_us = draw_range(d, US_PER_S, most < room * 3 / 4 ? most : room * 3 / 4);
    p->clock_error_ppm = draw_percent(d, 40) ? 10000u : (uint32_t)draw_range(d, 1, 10) * 10000u;
}

static void draw_fence(struct service_policy *p, struct draw *d)
{
    p->fence = draw_percent(d, 64) ? FENCE_ENFORCED : FENCE_GUARDED;
    p->keep_on_quorum_loss = draw_percent(d, 12);
    /* As policy_setup.c has it: keeping on means that no end counts. The core itself has to hold to that
     * whatever it is told. */
    if (p->keep_on_quorum_loss && draw_percent(d, 60))
        p->fence = FENCE_GUARDED;
    p->accept_unconfirmed_fence = draw_percent(d, p->fence == FENCE_GUARDED ? 45 : 4);
}

static void draw_pace(struct mix *m, struct draw *d)
{
    struct world_options *o = &m->options;
    struct service_policy *p = &o->policy;
    uint64_t beat = draw_below(d, 100);
    o->heartbeat_us = (beat < 8 ? 1 : beat < 40 ? 2 : 3) * US_PER_S;
    o->probe_us = m->quick ? tenths(d, 2000, 4500) : tenths(d, 4000, 10000);
    o->health_for_us = m->quick ? draw_range(d, 1, 5) * US_PER_S : draw_small(d, 5, 40) * US_PER_S;
    /* evidence_max_age has to be longer than interval + timeout + heartbeat */
    p->evidence_max_age_us = o->probe_us + TIMEOUT_US + o->heartbeat_us + tenths(d, 500, 10000);
    p->confirm_timeout_us = tenths(d, 1000, 3000);
    p->outage_min_us = draw_percent(d, m->quick ? 85 : 65) ? 0 : tenths(d, 1000, 30000);
    p->cooldown_us = draw_percent(d, 50) ? 0 : draw_range(d, 5, 120) * US_PER_S;
    p->fence_deadline_us = draw_range(d, 30, 120) * US_PER_S;
    p->promote_deadline_us = draw_range(d, 20, 90) * US_PER_S;
    p->dns_deadline_us = draw_range(d, 40, 200) * US_PER_S;
    p->verify_deadline_us = draw_range(d, 40, 120) * US_PER_S;
    p->hooks_deadline_us = draw_range(d, 10, 40) * US_PER_S;
}

static void draw_data(struct mix *m, struct draw *d)
{
    struct service_policy *p = &m->options.policy;
    p->rpo_bytes = draw_percent(d, 85) ? 1000000 : draw_range(d, 0, 20000);
    p->rpo_us = draw_percent(d, 85) ? 120 * US_PER_S : draw_range(d, 10, 40) * US_PER_S;
    m->options.synchronous = draw_percent(d, 20);
    if (!m->options.synchronous && draw_percent(d, 40))
        m->lag_bytes = draw_small(d, 100, 50000);
}

static void draw_policy(struct mix *m, struct draw *d)
{
    struct service_policy *p = &m->options.policy;
    draw_services(&m->options, d);
    draw_lease(m, d);
    draw_fence(p, d);
    draw_pace(m, d);
    draw_data(m, d);
    p->mode = draw_percent(d, m->profile == PROFILE_DUEL ? 60 : 88) ? MODE_AUTOMATIC : MODE_MANUAL;
    p->zone_count = (uint8_t)draw_below(d, 3);
    p->shifts_from = draw_percent(d, 85) ? UINT32_MAX : 0;
    p->has_hooks = draw_percent(d, 20);
    p->has_endpoints = draw_percent(d, 60);
    p->settings = 7;
    m->options.dns_adopted = draw_percent(d, 90);
}

/* ---- clocks and network ---- */

/* At the bound often: that is where arithmetic is wrong. The first writer's coordinators the other way
 * from all others is the worst there is. */
static void draw_clocks(struct world_options *o, struct draw *d)
{
    int32_t most = (int32_t)o->policy.clock_error_ppm;
    region_id region_of[POLICY_NODES_MAX];
    uint8_t hosts = fault_hosts(o, region_of);
    uint64_t how = draw_below(d, 100);
    for (uint8_t n = 0; n < hosts; n++) {
        bool writers = region_of[n] == o->policy.initial_writer;
        bool slow = how < 35 ? writers : how < 50 ? !writers : draw_percent(d, 50);
        int32_t ppm = how < 50 || draw_percent(d, 50) ? most : (int32_t)draw_range(d, 0, most);
        o->clock_ppm[n] = how >= 80 ? 0 : slow ? -ppm : ppm;
    }
}

static void draw_network(struct mix *m, struct draw *d)
{
    m->slow_wire = m->profile != PROFILE_CALM && draw_percent(d, 6);
    for (region_id a = 0; a < m->options.region_count; a++) {
        m->delay_us[a][a] = 300;
        for (region_id b = (region_id)(a + 1); b < m->options.region_count; b++) {
            int64_t round_trip = draw_range(d, 1, m->slow_wire ? 1500 : 150) * US_PER_MS;
            int64_t there = draw_percent(d, 20) ? round_trip / 5 : round_trip / 2;
            m->delay_us[a][b] = there + 1;
            m->delay_us[b][a] = round_trip - there + 1;
        }
    }
    /* Short acts mostly: what passes between the end of a wait and the opening hides waits that are
     * too short. */
    m->dns_sync_us = draw_small(d, 1, 60) * US_PER_S;
    m->promote_us = draw_percent(d, 75) ? draw_range(d, 20, 300) * US_PER_MS : draw_range(d, 1, 30) * US_PER_S;
    m->shut_us = draw_percent(d, 80) ? 10 * US_PER_MS
                                     : draw_range(d, 10 * US_PER_MS, m->options.policy.fence_budget_us * 8 / 10);
    for (uint8_t n = 0; n < POLICY_NODES_MAX; n++)
        m->disk_us[n] = draw_percent(d, 70) ? 2 * US_PER_MS : draw_small(d, 2, 500) * US_PER_MS;
}

/* How long coming to rest may take: what every wait in the settings adds up to, twice (an operation that
 * is begun, goes back and is begun again), and some for the retries between. */
static void work_out_settling(struct mix *m)
{
    const struct service_policy *p = &m->options.policy;
    int64_t lease = p->lease_us > 60 * US_PER_S ? p->lease_us : 60 * US_PER_S;
    for (uint16_t i = 0; i < m->fault_count; i++)
        if (m->faults[i].kind == HIT_SETTING && m->faults[i].value > lease)
            lease = m->faults[i].value;
    int64_t one = m->options.health_for_us + p->outage_min_us + 2 * m->options.probe_us +
                  6 * m->options.heartbeat_us + lease * 5 / 4 + m->promote_us + p->confirm_timeout_us +
                  p->zone_count * (m->dns_sync_us + 10 * US_PER_S);
    for (uint16_t i = 0; i < m->fault_count; i++)
        if (m->faults[i].kind == HIT_GLASS) { /* and what reconciles it, of which there may be two, each tried twice */
            one *= 2;
            break;
        }
    m->settle_us = 2 * one + p->cooldown_us + 30 * US_PER_S;
    if (p->mode == MODE_APPROVE) /* until it is withdrawn, asked anew, and seen by somebody */
        m->settle_us += 2 * p->evidence_max_age_us + 30 * m->options.heartbeat_us + 60 * US_PER_S;
    if (m->options.failovers_at_once > 0) /* one after the other */
        m->settle_us += (m->options.service_count - 1) * (one + p->cooldown_us);
    /* A failback whose traffic has to come home again from its first stage, twice. */
    m->settle_us += 2 * FAILBACK_STAGES * (FAILBACK_HOLD_US + p->zone_count * (m->dns_sync_us + 5 * US_PER_S));
}

/* In all regions that serve, or in none. The world's cloud answers within seconds, if it does. */
static void draw_remote_hooks(struct world_options *o, struct draw *d)
{
    int64_t us = draw_percent(d, 45) ? draw_range(d, 3, 25) * US_PER_S : 0;
    for (region_id r = 0; r < o->region_count; r++)
        o->policy.regions[r].remote_hook_us = o->policy.regions[r].serves ? us : 0;
}

static bool has_remote_hooks(const struct service_policy *p)
{
    bool any = false;
    for (region_id r = 0; r < POLICY_REGIONS_MAX; r++)
        any = any || p->regions[r].remote_hook_us > 0;
    return any;
}

/* Only where nothing but a decision of ours can be in the way. */
static bool can_lose_the_writer(const struct mix *m)
{
    const struct service_policy *p = &m->options.policy;
    region_id region_of[POLICY_NODES_MAX];
    (void)fault_hosts(&m->options, region_of);
    uint8_t voters = (uint8_t)(m->options.region_count + m->options.more_voters);
    for (region_id r = 0; r < m->options.region_count; r++) {
        unsigned there = 0;
        for (uint8_t n = 0; n < voters; n++)
            there += region_of[n] == r;
        if (p->regions[r].serves && there > voters / 2u)
            return false; /* a majority would be lost with it */
    }
    bool proven = (p->fence == FENCE_ENFORCED && !p->keep_on_quorum_loss) || has_remote_hooks(p);
    return p->mode != MODE_MANUAL && proven &&
           p->rpo_bytes >= 1000000 && p->rpo_us >= 60 * US_PER_S && !m->slow_wire && m->profile != PROFILE_BEYOND;
}

/* Who has to say yes, and how many may go at once. Drawn last, so that clusters without either stay what they were. */
static void draw_people(struct world_options *o, struct draw *d)
{
    struct service_policy *p = &o->policy;
    if (p->mode == MODE_AUTOMATIC && draw_percent(d, 18)) {
        p->mode = MODE_APPROVE;
        p->approve_within_us = draw_small(d, 5, 120) * US_PER_S;
        p->go_without_answer = draw_percent(d, 45);
    }
    if (o->service_count < 2 || !draw_percent(d, 60))
        return;
    o->failovers_at_once = (uint8_t)(draw_percent(d, 70) ? 1 : draw_range(d, 1, o->service_count - 1));
    if (o->initial_writer[1] == 0 || o->initial_writer[1] == p->initial_writer)
        for (region_id r = 1; r < o->region_count; r++) /* 0 stands for the first service's */
            if (p->regions[r].serves && r != p->initial_writer)
                o->initial_writer[1] = r;
}

void mix_draw(struct mix *m, uint64_t seed, enum profile profile)
{
    struct draw cluster = { seed * UINT64_C(0xd1342543de82ef95) ^ CLUSTER_STREAM };
    struct draw faults = { seed * UINT64_C(0xd1342543de82ef95) ^ FAULTS_STREAM };
    memset(m, 0, sizeof *m);
    m->seed = m->options.seed = seed;
    enum profile drawn = draw_profile(&cluster);
    m->profile = profile < PROFILE_COUNT ? profile : drawn;
    draw_shape(&m->options, &cluster, m->profile == PROFILE_GLASS);
    draw_policy(m, &cluster);
    draw_clocks(&m->options, &cluster);
    draw_network(m, &cluster);
    m->person_every_us = draw_percent(&cluster, 65) ? draw_range(&cluster, 20, 90) * US_PER_S : 0;
    m->warm_up_us = draw_range(&cluster, 10, 30) * US_PER_S;
    int64_t long_phase = draw_range(&cluster, 300, 900), short_phase = draw_range(&cluster, 300, 900);
    m->safety_us = (long_phase < short_phase ? long_phase : short_phase) * US_PER_S;
    bool lose = draw_percent(&cluster, 70);
    m->options.guards_apart = draw_percent(&cluster, 25);
    draw_remote_hooks(&m->options, &cluster);
    draw_people(&m->options, &cluster);
    mix_faults(m, &faults);
    if (lose)
        m->lose = can_lose_the_writer(m) && draw_percent(&cluster, 70) ? LOSE_WRITER : LOSE_OTHER;
    work_out_settling(m);
}

static const char *mode_words(const struct world_options *o, char *words, size_t size)
{
    const struct service_policy *p = &o->policy;
    char brake[48] = "";
    if (o->failovers_at_once > 0)
        (void)snprintf(brake, sizeof brake, ", %u failovers at once", o->failovers_at_once);
    if (p->mode == MODE_APPROVE)
        (void)snprintf(words, size, "approved within %.0fs or %s%s", (double)p->approve_within_us / 1e6,
                       p->go_without_answer ? "anyway" : "not", brake);
    else
        (void)snprintf(words, size, "%s%s", p->mode == MODE_AUTOMATIC ? "automatic" : "manual", brake);
    return words;
}

void mix_words(const struct mix *m, char *words, size_t size)
{
    char people[96];
    const struct world_options *o = &m->options;
    const struct service_policy *p = &o->policy;
    int n = snprintf(words, size, "profile %s, %u services, %u voters; regions", profile_name(m->profile),
                     o->service_count, (unsigned)o->region_count + o->more_voters);
    for (region_id r = 0; r < o->region_count && n > 0 && (size_t)n < size; r++)
        n += snprintf(words + n, size - (size_t)n, " %s(%u%s)", o->region_name[r], o->coordinators[r],
                      r == p->initial_writer ? ", writer" : p->regions[r].serves ? ", standby" : "");
    if (n <= 0 || (size_t)n >= size)
        return;
    (void)snprintf(words + n, size - (size_t)n,
                   "%s\nlease %.1fs renew %.1fs budget %.1fs clock error %u%%, %s fence%s%s, %s%s, heartbeat %.0fs, "
                   "probes %.1fs for %.0fs\noutage_min %.1fs, cooldown %.0fs, rpo %lld bytes %.0fs, lag %lld, "
                   "%u zones%s%s%s%s, INSYNC after %.0fs, promotion takes %.1fs, safety phase %.0fs, "
                   "settling %.0fs%s%s", o->guards_apart ? ", guards without a vote" : "",
                   (double)p->lease_us / 1e6, (double)p->renew_us / 1e6, (double)p->fence_budget_us / 1e6,
                   p->clock_error_ppm / 10000u, p->fence == FENCE_ENFORCED ? "enforced" : "guarded",
                   p->accept_unconfirmed_fence ? " (unconfirmed accepted)" : "",
                   p->keep_on_quorum_loss ? " (kept on quorum loss)" : "",
                   mode_words(o, people, sizeof people),
                   o->synchronous ? ", synchronous" : "", (double)o->heartbeat_us / 1e6,
                   (double)o->probe_us / 1e6, (double)o->health_for_us / 1e6,
                   (double)p->outage_min_us / 1e6, (double)p->cooldown_us / 1e6, (long long)p->rpo_bytes,
                   (double)p->rpo_us / 1e6, (long long)m->lag_bytes, p->zone_count,
                   o->dns_adopted ? "" : " not adopted", p->has_hooks ? ", hooks" : "",
                   has_remote_hooks(p) ? ", remote hooks" : "",
                   p->has_endpoints ? ", endpoints" : "", (double)m->dns_sync_us / 1e6,
                   (double)m->promote_us / 1e6, (double)m->safety_us / 1e6, (double)m->settle_us / 1e6,
                   m->person_every_us > 0 ? ", a person mends old primaries" : "",
                   m->lose == LOSE_WRITER ? ", then the writer's region is lost for good"
                   : m->lose == LOSE_OTHER ? ", then another region is lost for good" : "");
}
