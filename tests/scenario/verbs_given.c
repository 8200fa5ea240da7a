/* What a world starts with: see README.md. */
#include "tests/scenario/verbs_match.h"

#include <stdio.h>
#include <string.h>

static void given_region(struct match *m, unsigned name, const char *role)
{
    struct world_options *o = &m->play->options;
    region_id r = o->region_count++;
    (void)snprintf(o->region_name[r], sizeof o->region_name[r], "%.31s", m->word[name]);
    if (o->coordinators[r] == 0)
        o->coordinators[r] = 1;
    o->policy.regions[r].serves = strcmp(role, "(witness)") != 0;
    if (strcmp(role, "(writer)") == 0)
        o->policy.initial_writer = r;
    else if (strcmp(role, "(standby)") != 0 && strcmp(role, "(witness)") != 0)
        play_fail(m->play, "a region is (writer), (standby) or (witness), not %s", role);
}

static void given_regions(struct match *m)
{
    for (unsigned i = 1; i + 1 < m->count; i += 2)
        given_region(m, i, m->word[i + 1]);
    if (m->play->options.region_count != match_number(m, 0))
        play_fail(m->play, "%s regions are said, %u are named", m->word[0],
                  m->play->options.region_count);
}

static struct service_policy *policy(struct match *m)
{
    return &m->play->options.policy;
}

static void given_lease(struct match *m)
{
    policy(m)->lease_us = match_duration(m, 0);
    policy(m)->renew_us = match_duration(m, 0) / 4;
    policy(m)->fence_budget_us = match_duration(m, 0) / 4;
}

static void given_health(struct match *m) { m->play->options.health_for_us = match_duration(m, 0); }
static void given_outage(struct match *m) { policy(m)->outage_min_us = match_duration(m, 0); }
static void given_cooldown(struct match *m) { policy(m)->cooldown_us = match_duration(m, 0); }
static void given_rpo_bytes(struct match *m) { policy(m)->rpo_bytes = match_number(m, 0); }
static void given_rpo_time(struct match *m) { policy(m)->rpo_us = match_duration(m, 0); }
static void given_guarded(struct match *m) { policy(m)->fence = FENCE_GUARDED; }
static void given_services(struct match *m) { m->play->options.service_count = (uint8_t)match_number(m, 0); }
static void given_brake(struct match *m) { m->play->options.failovers_at_once = (uint8_t)match_number(m, 0); }
static void given_go(struct match *m) { policy(m)->go_without_answer = true; }

static void given_approval(struct match *m)
{
    policy(m)->mode = MODE_APPROVE;
    policy(m)->approve_within_us = match_duration(m, 0);
}

static void given_manual(struct match *m) { policy(m)->mode = MODE_MANUAL; }
static void given_keep(struct match *m) { policy(m)->keep_on_quorum_loss = true; }

static void given_remote_hooks(struct match *m)
{
    for (region_id r = 0; r < POLICY_REGIONS_MAX; r++)
        policy(m)->regions[r].remote_hook_us = match_duration(m, 0);
}

static void given_accept(struct match *m) { policy(m)->accept_unconfirmed_fence = true; }
static void given_hooks(struct match *m) { policy(m)->has_hooks = true; }
static void given_unadopted(struct match *m) { m->play->options.dns_adopted = false; }
static void given_seed(struct match *m) { m->play->options.seed = (uint64_t)match_number(m, 0); }

static void given_zones(struct match *m)
{
    int64_t n = match_number(m, 0);
    if (n < 0 || n > WORLD_ZONES_MAX)
        play_fail(m->play, "at most %d zones", WORLD_ZONES_MAX);
    else
        policy(m)->zone_count = (uint8_t)n;
}

static void given_weighted(struct match *m) { policy(m)->shifts_from = UINT32_MAX; }

static void given_coordinators(struct match *m)
{
    struct world_options *o = &m->play->options;
    for (region_id r = 0; r < o->region_count; r++)
        if (strcmp(o->region_name[r], m->word[1]) == 0)
            o->coordinators[r] = (uint8_t)match_number(m, 0);
}

static void given_voters(struct match *m)
{
    m->play->options.more_voters = (uint8_t)(match_number(m, 0) - m->play->options.region_count);
}

static void given_clock(struct match *m)
{
    m->play->options.clock_ppm[match_number(m, 0) % POLICY_NODES_MAX] = (int32_t)match_number(m, 1);
}

const struct row given_rows[] = {
    { "% regions % % % %", given_regions },
    { "% regions % % % % % %", given_regions },
    { "% regions % % % % % % % %", given_regions },
    { "% regions % % % % % % % % % %", given_regions },
    { "lease %", given_lease },
    { "health for %", given_health },
    { "outage of at least %", given_outage },
    { "cooldown %", given_cooldown },
    { "rpo % bytes", given_rpo_bytes },
    { "rpo %", given_rpo_time },
    { "a guarded fence", given_guarded },
    { "an unconfirmed fence accepted", given_accept },
    { "remote hooks within %", given_remote_hooks },
    { "manual mode", given_manual },
    { "approval within %", given_approval },
    { "no answer is a yes", given_go },
    { "% services", given_services },
    { "at most % failovers at once", given_brake },
    { "writers kept on quorum loss", given_keep },
    { "hooks", given_hooks },
    { "dns not adopted", given_unadopted },
    { "% zones", given_zones },
    { "weighted records", given_weighted },
    { "% coordinators in %", given_coordinators },
    { "% voters", given_voters },
    { "clock of coordinator % off by % ppm", given_clock },
    { "seed %", given_seed },
    { NULL, NULL },
};
