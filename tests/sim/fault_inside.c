/* Faults of coordinators and their machines: processes, disks, clocks, guards. See fault.h. */
#include "tests/sim/fault_parts.h"
#include "tests/sim/person.h"
#include "tests/sim/world_parts.h"

/* ---- regions and processes ---- */

static void start(struct world *w, struct host *h)
{
    if (!w->region_dead[h->region] && h->machine_stopped_at < 0)
        world_host_start(w, h);
}

static bool region_lost(struct strike *k)
{
    if (k->world->region_dead[strike_region(k)])
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
    struct host *h = strike_host(k);
    if (!h->alive)
        return false;
    world_host_crash(k->world, h, (k->fault->bits & 1u) != 0);
    return true;
}

static void restart(struct strike *k)
{
    start(k->world, strike_victim(k));
}

static bool crash_persist(struct strike *k)
{
    struct host *h = strike_host(k);
    h->crash_at_persist = (uint32_t)k->fault->value;
    h->crash_writes = (k->fault->bits & 1u) != 0;
    return h->alive;
}

static void end_crash_persist(struct strike *k)
{
    strike_victim(k)->crash_at_persist = 0;
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
    struct host *h = strike_host(k);
    if (!h->alive || h->paused)
        return false;
    world_host_pause(k->world, h);
    return true;
}

static bool pause_step(struct strike *k)
{
    struct host *h = strike_host(k);
    if (!h->alive || h->paused)
        return false;
    h->pause_at_step = (uint32_t)k->fault->value;
    return true;
}

static void resume(struct strike *k)
{
    strike_victim(k)->pause_at_step = 0;
    world_host_resume(k->world, strike_victim(k));
}

static bool machine(struct strike *k)
{
    struct host *h = strike_host(k);
    if (k->world->region_dead[h->region] || h->machine_stopped_at >= 0)
        return false;
    world_host_lose_time(k->world, h, k->fault->value);
    return true;
}

/* ---- disks ---- */

static bool wipe(struct strike *k)
{
    struct host *h = strike_host(k);
    if (h->machine_stopped_at >= 0)
        return false;
    world_host_crash(k->world, h, false);
    world_disk_wipe(k->world, h);
    return true;
}

static bool copy_disk(struct strike *k)
{
    world_disk_save(strike_host(k));
    return true;
}

static void roll_back(struct strike *k)
{
    struct host *h = strike_victim(k);
    if (h->machine_stopped_at >= 0)
        return;
    world_host_crash(k->world, h, false);
    world_disk_restore(h);
    start(k->world, h);
}

static bool spoil_write(struct strike *k)
{
    struct host *h = strike_host(k);
    h->disk.next = (enum disk_fault)k->fault->value;
    return h->alive;
}

static void end_spoilt(struct strike *k)
{
    struct host *h = strike_victim(k);
    h->disk.next = DISK_WELL;
    world_host_crash(k->world, h, false);
    start(k->world, h);
}

static bool disk_fails(struct strike *k)
{
    struct host *h = strike_host(k);
    if (h->disk.fails)
        return false;
    h->disk.fails = true;
    return true;
}

static void disk_mended(struct strike *k)
{
    struct host *h = strike_victim(k);
    h->disk.fails = false;
    if (!h->store_failed)
        return;
    world_host_crash(k->world, h, false); /* its supervisor starts it anew */
    start(k->world, h);
}

static bool disk_slow(struct strike *k)
{
    struct host *h = strike_host(k);
    k->state->saved = h->disk.latency_us;
    h->disk.latency_us = k->fault->value;
    return true;
}

static void disk_fast(struct strike *k)
{
    strike_victim(k)->disk.latency_us = k->state->saved;
}

/* Where the store can't be used, or is known to be old; or just so, with bits 1. */
static bool new_store(struct strike *k)
{
    struct host *h = strike_host(k);
    bool useless = !h->disk.sound || h->mute == MUTE_STORE_OLDER || h->mute == MUTE_STORE_BAD;
    if (k->world->region_dead[h->region] || h->machine_stopped_at >= 0 || host_stands(h) ||
        (!useless && (k->fault->bits & 1u) == 0))
        return false;
    person_formats(k->world, h);
    return true;
}

static bool voter(struct strike *k)
{
    struct host *h = strike_host(k);
    return person_orders_voter(k->world, h, (enum voter_change)k->fault->value, strike_other_host(k));
}

/* ---- clocks ---- */

static bool rate(struct strike *k)
{
    struct host *h = strike_host(k);
    world_host_rate(k->world, h, (int32_t)k->fault->value);
    return true;
}

static void rate_again(struct strike *k)
{
    world_host_rate(k->world, strike_victim(k), k->world->options.clock_ppm[k->state->one]);
}

static bool rate_beyond(struct strike *k)
{
    k->world->beyond[BEYOND_CLOCK] = true;
    return rate(k);
}

static bool calendar(struct strike *k)
{
    world_host_step_calendar(strike_host(k), k->fault->value);
    return true;
}

/* ---- observers, guards, settings ---- */

static bool observer(struct strike *k)
{
    strike_host(k)->observer_broken = true;
    return true;
}

static void observer_mended(struct strike *k) { strike_victim(k)->observer_broken = false; }

static bool guard_breaks(struct strike *k)
{
    struct host *h = strike_host(k);
    if (!h->alive || !h->guard_ready)
        return false;
    world_host_guard(k->world, h, false);
    return true;
}

static void guard_mended(struct strike *k) { world_host_guard(k->world, strike_victim(k), true); }

static bool setting(struct strike *k)
{
    struct host *h = strike_host(k);
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

/* ---- the table ---- */

const struct fault_row fault_inside_rows[HIT_COUNT] = {
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
    [HIT_NEW_STORE] = { "new store made", new_store, NULL, true, false },
    [HIT_VOTER] = { "order: voter", voter, NULL, false, false },
    [HIT_DISK_FAILS] = { "disk refuses", disk_fails, disk_mended, false, false },
    [HIT_DISK_SLOW] = { "disk slow", disk_slow, disk_fast, false, false },
    [HIT_RATE] = { "clock rate", rate, rate_again, false, false },
    [HIT_RATE_BEYOND] = { "clock rate beyond", rate_beyond, rate_again, false, false },
    [HIT_CALENDAR] = { "calendar stepped", calendar, NULL, false, false },
    [HIT_OBSERVER] = { "observer broken", observer, observer_mended, false, false },
    [HIT_GUARD] = { "guard broken", guard_breaks, guard_mended, false, false },
    [HIT_SETTING] = { "lease setting changed", setting, restart, false, false },
};
