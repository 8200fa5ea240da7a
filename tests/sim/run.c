/* Playing one mix: see run.h. */
#include "tests/sim/run.h"

#include "policy/failover/dns_rule.h"
#include "tests/sim/person.h"
#include "tests/sim/truth.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_BY_US (60 * US_PER_S)     /* a cluster that nothing happens to has its writers by then */
#define PERSON_LOOKS_US (15 * US_PER_S)  /* after healing */
#define RESCUE_EVERY_US (60 * US_PER_S)
#define LIFTS_MAX 8                      /* each gives what was held time to go on */

struct run {
    const struct mix *mix;
    struct world *world;
    struct tally *tally;
    run_trace *trace;
    void *trace_arg;
    int64_t start_us;                    /* end of the warm-up */
    struct fault_state states[FAULTS_MAX];
    uint32_t seen;                       /* bit per step and AFTER_... since it was last looked at */
    uint32_t armed;                      /* faults that wait for one */
    bool dns_stopped[WORLD_SERVICES_MAX];
    int64_t act_us[ACT_KIND_COUNT];
};

void tally_add(struct tally *sum, const struct tally *more)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    _Static_assert(sizeof(struct tally) % sizeof(uint64_t) == 0, "a tally is all 64-bit numbers");
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

/* ---- listening ---- */

static void see(struct run *r, unsigned what)
{
    r->seen |= 1u << what;
}

static void see_note(struct run *r, const struct note *n)
{
    switch ((int)n->kind) {
    case NOTE_STEP_STARTED: see(r, n->step); break;
    case NOTE_CONFIRM_ASKED: see(r, AFTER_CONFIRM); break;
    case NOTE_CHOSEN:
        if (n->b == PHASE_BEGUN)
            see(r, AFTER_BEGUN);
        if (n->b == PHASE_GRANTED)
            see(r, AFTER_GRANTED);
        break;
    case NOTE_PROPOSED:
        see(r, AFTER_PROPOSED);
        r->tally->proposed++;
        break;
    case NOTE_OPERATION_DONE:
        see(r, AFTER_DONE);
        r->tally->finished++;
        break;
    case NOTE_OPERATION_ABORTED:
        see(r, AFTER_ABORTED);
        r->tally->aborted++;
        break;
    case NOTE_OPERATION_TAKEN: r->tally->taken++; break;
    case NOTE_LEASE_LOST: r->tally->leases_lost++; break;
    case NOTE_ABSTAINING: r->tally->abstentions += n->a != 0; break;
    case NOTE_ACT_DONE:
        r->tally->promotions += n->a == ACT_PROMOTE && n->b == ACT_DONE;
        r->tally->dns_changes += n->a == ACT_DNS_SUBMIT && n->b == ACT_DONE;
        break;
    case NOTE_DNS_STOPPED:
        if (n->service < WORLD_SERVICES_MAX && n->a != DNS_STALE)
            r->dns_stopped[n->service] = true;
        break;
    default: break;
    }
}

static void listen(void *arg, const struct world *w, const struct host *h, const struct note *note,
                   const char *words)
{
    struct run *r = arg;
    if (note != NULL)
        see_note(r, note);
    if (r->trace != NULL)
        r->trace(r->trace_arg, w, r->start_us, h, note, words);
}

/* ---- faults ---- */

static void say_fault(struct run *r, const struct fault *f, const char *before)
{
    char words[256];
    if (r->trace == NULL)
        return;
    fault_words(f, &r->world->options, words, sizeof words);
    world_say(r->world, NULL, "%s%s", before, words);
}

/* Also those that are over anyway once their victim comes back by another's end: undoing is harmless. */
static void end_what_hides(struct run *r)
{
    for (uint16_t i = 0; i < r->mix->fault_count; i++)
        if (r->states[i].struck && fault_hides(r->mix->faults[i].kind))
            fault_undo(r->world, &r->mix->faults[i], &r->states[i]);
}

static void strike(struct run *r, uint16_t i)
{
    const struct fault *f = &r->mix->faults[i];
    say_fault(r, f, "--- ");
    bool struck = fault_apply(r->world, f, &r->states[i]);
    r->tally->faults[f->kind] += struck;
    r->tally->orders += struck && (f->kind == HIT_ORDER || f->kind == HIT_SWITCHOVER || f->kind == HIT_ADOPT ||
                                   f->kind == HIT_WORD || f->kind == HIT_SCHEDULED || f->kind == HIT_FAILBACK ||
                                   f->kind == HIT_GLASS || f->kind == HIT_RECONCILE);
    if (f->kind == HIT_MEND)
        end_what_hides(r);
}

/* What waited for something that has just happened gets its time. True: some did. */
static bool look_at_armed(struct run *r)
{
    uint32_t seen = r->seen, before = r->armed;
    r->seen = 0;
    for (uint16_t i = 0; seen != 0 && i < r->mix->fault_count; i++) {
        struct fault_state *s = &r->states[i];
        if (!s->armed || s->due_us != 0 || (seen >> r->mix->faults[i].after & 1u) == 0)
            continue;
        s->due_us = r->world->now_us + r->mix->faults[i].delay_us;
        r->armed--;
    }
    return r->armed != before;
}

/* The next moment at which the list asks for something. */
static int64_t next_moment(const struct run *r, int64_t until_us)
{
    int64_t at = until_us;
    for (uint16_t i = 0; i < r->mix->fault_count; i++) {
        const struct fault_state *s = &r->states[i];
        int64_t one = !s->struck && !s->armed ? r->start_us + r->mix->faults[i].at_us
                      : !s->struck && s->due_us != 0 ? s->due_us
                      : s->struck && !s->over ? s->ends_us : until_us;
        at = one < at ? one : at;
    }
    return at;
}

static void play_moment(struct run *r)
{
    int64_t now = r->world->now_us;
    for (uint16_t i = 0; i < r->mix->fault_count; i++) {
        struct fault_state *s = &r->states[i];
        const struct fault *f = &r->mix->faults[i];
        if (s->struck && !s->over && now >= s->ends_us) {
            say_fault(r, f, "--- over: ");
            fault_undo(r->world, f, s);
        }
        if (!s->struck && !s->armed && now >= r->start_us + f->at_us) {
            s->armed = true;
            if (f->after == STEP_NONE)
                s->due_us = now;
            else
                r->armed++;
        }
        if (s->armed && !s->struck && s->due_us != 0 && now >= s->due_us)
            strike(r, i);
    }
}

/* Until `until_us`, or until something is due that waited for what happens on the way. */
static bool play_until(struct run *r, int64_t until_us)
{
    struct world *w = r->world;
    r->seen = 0;
    while (r->armed > 0 && world_run_one(w, until_us))
        if (look_at_armed(r))
            until_us = next_moment(r, until_us);
    return world_broken(w) == NULL && (w->now_us >= until_us || world_run(w, until_us));
}

static bool person_around(struct run *r)
{
    bool any = false;
    for (uint8_t s = 0; s < r->world->service_count; s++)
        for (region_id g = 0; g < r->world->options.region_count; g++) {
            any = person_rejoins(r->world, s, g) || any;
            any = person_restores(r->world, s, g) || any;
        }
    r->tally->faults[HIT_REJOIN] += any;
    return any;
}

static bool safety_phase(struct run *r)
{
    int64_t end = r->start_us + r->mix->safety_us;
    int64_t person = r->mix->person_every_us > 0 ? r->start_us + r->mix->person_every_us : end;
    while (r->world->now_us < end) {
        int64_t next = next_moment(r, end < person ? end : person);
        if (!play_until(r, next > r->world->now_us ? next : r->world->now_us))
            return false;
        play_moment(r);
        if (r->world->now_us >= person && person < end) {
            (void)person_around(r);
            person += r->mix->person_every_us;
        }
        if (world_broken(r->world) != NULL)
            return false;
    }
    return true;
}

/* ---- before ---- */

static bool all_served(const struct world *w)
{
    for (uint8_t s = 0; s < w->service_count; s++) {
        bool any = false;
        for (region_id g = 0; g < w->options.region_count; g++)
            any = any || world_acknowledges(w, s, g);
        if (!any)
            return false;
    }
    return true;
}

static void set_up(struct run *r)
{
    struct world *w = r->world;
    const struct mix *m = r->mix;
    for (uint8_t a = 0; a < w->host_count; a++) {
        for (uint8_t b = 0; b < w->host_count; b++)
            w->links[a][b].delay_us = m->delay_us[w->hosts[a].region][w->hosts[b].region];
        w->hosts[a].disk.latency_us = m->disk_us[a];
    }
    w->lag_bytes = m->lag_bytes;
    w->dns_sync_us = m->dns_sync_us;
    w->act_us[ACT_PROMOTE] = m->promote_us;
    w->act_us[ACT_FENCE_SHUT] = m->shut_us;
    memcpy(r->act_us, w->act_us, sizeof r->act_us);
}

static bool warm_up(struct run *r)
{
    struct world *w = r->world;
    if (!world_run(w, r->mix->warm_up_us))
        return false;
    int64_t latest = r->mix->warm_up_us + WRITER_BY_US;
    while (!all_served(w) && w->now_us < latest)
        if (!world_run(w, w->now_us + US_PER_S))
            return false;
    if (!all_served(w))
        world_break(w, INVARIANT_CONVERGES, "a cluster that nothing happened to has no writer");
    r->start_us = w->now_us;
    r->seen = 0;
    return world_broken(w) == NULL;
}

/* ---- after ---- */

static void heal_host(struct run *r, struct host *h)
{
    struct world *w = r->world;
    uint8_t n = host_index(w, h);
    h->crash_at_step = STEP_NONE;
    h->crash_at_persist = h->pause_at_step = 0;
    h->pause_before = ACT_KIND_COUNT;
    h->observer_broken = false;
    h->disk.fails = false;
    h->disk.next = DISK_WELL;
    h->disk.latency_us = r->mix->disk_us[n];
    world_host_rate(w, h, w->options.clock_ppm[n]);
    world_host_step_calendar(h, -h->clock.wall_us);
    world_host_resume(w, h);
    if (h->alive && h->store_failed)
        world_host_crash(w, h, false);
    world_host_start(w, h);
    if (!h->guard_ready)
        world_host_guard(w, h, true);
}

static void heal_service(struct world *w, uint8_t service)
{
    for (region_id g = 0; g < w->options.region_count; g++) {
        if (!w->options.policy.regions[g].serves)
            continue;
        world_settle(w);
        w->services[service].databases[g].frozen = false;
        w->services[service].endpoints_up[g] = true;
        if (!w->services[service].databases[g].up)
            world_database_start(w, service, g);
    }
}

/* A machine that stands still wakes by itself; nothing else of it can be healed before. */
static void wait_for_machines(struct run *r)
{
    struct world *w = r->world;
    for (uint8_t n = 0; n < w->host_count; n++)
        while (w->hosts[n].machine_stopped_at >= 0 && world_run_one(w, TIME_FOREVER_US / 2)) {
        }
}

static void heal(struct run *r)
{
    struct world *w = r->world;
    for (uint16_t i = 0; i < r->mix->fault_count; i++)
        if (r->states[i].struck)
            fault_undo(w, &r->mix->faults[i], &r->states[i]);
    wait_for_machines(r);
    world_heal(w);
    w->dns_unreachable = false;
    w->dns_sync_us = r->mix->dns_sync_us;
    w->lag_bytes = r->mix->lag_bytes;
    memcpy(w->act_us, r->act_us, sizeof w->act_us);
    memset(w->fault_times, 0, sizeof w->fault_times);
    for (region_id g = 0; g < w->options.region_count; g++)
        if (w->region_dead[g])
            world_region_return(w, g);
    for (uint8_t s = 0; s < w->service_count; s++)
        heal_service(w, s);
    for (uint8_t n = 0; n < w->host_count; n++)
        heal_host(r, &w->hosts[n]);
    world_say(w, NULL, "--- everything is healed");
    check_event(w);
}

/* A majority of voters whose disks never forgot: what is left mute then is a bug and no loss. (One that was put into
 * the place of a lost one has a disk of its own since; it is not counted on.) */
static bool majority_has_its_disks(const struct run *r)
{
    uint32_t hosts = 0;
    for (uint16_t i = 0; i < r->mix->fault_count; i++)
        if (r->states[i].struck && fault_damages(r->mix->faults[i].kind))
            hosts |= 1u << r->states[i].one;
    return truth_majority_of(r->world, truth_set(r->world)->version, (node_set)~hosts);
}

static node_set voting(const struct world *w)
{
    node_set set = 0;
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].alive && w->hosts[n].mute == MUTE_NOT)
            set = (node_set)(set | node_bit(n));
    return set;
}

static bool is_served(const struct world *w, uint8_t service)
{
    bool any = false;
    for (region_id g = 0; g < w->options.region_count; g++)
        any = any || world_acknowledges(w, service, g);
    return any;
}

/* People look now and then: they lift pauses and let go on what was held, rejoin and adopt, and where
 * nobody serves for long they give orders. */
static bool settle(struct run *r, int64_t for_us)
{
    struct world *w = r->world;
    int64_t begun = w->now_us, end = begun + for_us, rescue = begun + for_us / 2;
    unsigned lifted = 0;
    unsigned looks = 0;
    while (w->now_us < end) {
        int64_t next = w->now_us + PERSON_LOOKS_US;
        if (!world_run(w, next < end ? next : end))
            return false;
        r->tally->mended += person_around(r);
        looks++;
        if (r->mix->mends_voters)
            r->tally->mended += person_mends_voters(w);
        for (uint8_t s = 0; s < w->service_count; s++) {
            if (person_lifts(w, s) && lifted++ < LIFTS_MAX)
                end += 2 * PERSON_LOOKS_US; /* what it held only goes on now */
            r->tally->approved += person_approves(w, s);
            bool adopted = person_adopts(w, s, r->dns_stopped[s]);
            r->tally->mended += person_resumes(w, s);
            r->tally->mended += adopted;
            r->tally->mended += person_ends_marks(w, s, looks);
            r->dns_stopped[s] = r->dns_stopped[s] && !adopted;
            if (w->now_us < rescue || is_served(w, s) || end - w->now_us < for_us / 8)
                continue;
            r->tally->rescued += person_rescues(w, s);
        }
        if (w->now_us >= rescue)
            rescue += RESCUE_EVERY_US;
    }
    return world_broken(w) == NULL;
}

/* Nobody helps but by saying yes where that is asked for. */
static bool run_approving(struct run *r, int64_t until_us)
{
    struct world *w = r->world;
    while (w->options.policy.mode == MODE_APPROVE && w->now_us + PERSON_LOOKS_US < until_us) {
        if (!world_run(w, w->now_us + PERSON_LOOKS_US))
            return false;
        for (uint8_t s = 0; s < w->service_count; s++)
            r->tally->approved += person_approves(w, s);
    }
    return world_run(w, until_us);
}

static void lose(struct run *r, region_id gone)
{
    struct world *w = r->world;
    bool lost[POLICY_REGIONS_MAX] = { false };
    node_set left = voting(w);
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].region == gone)
            left = (node_set)(left & ~node_bit(n));
    if (!truth_may_go_on(w, left))
        return; /* too few of them have their disks */
    lost[gone] = true;
    r->tally->lost_for_good++;
    world_say(w, NULL, "--- %s is lost for good", w->options.region_name[gone]);
    world_region_kill(w, gone);
    check_event(w);
    if (run_approving(r, w->now_us + r->mix->settle_us))
        check_rest(w, lost);
}

/* By the register; or by a broken glass that could not be reconciled, since its maker has no vote: while that mark
 * stands it is the writer, and when it is lost nobody may follow before a person says so. */
static bool writes_somewhere(const struct world *w, region_id region)
{
    bool any = false;
    for (uint8_t s = 0; s < w->service_count; s++) {
        const struct ledger *l = check_newest(w, s);
        any = any || l == NULL || l->writer == REGION_NONE || l->writer == region || world_acknowledges(w, s, region);
    }
    return any;
}

/* The writer's: its standby serves. Another one: nothing happens to any service. */
static void lose_a_region(struct run *r)
{
    struct world *w = r->world;
    const struct ledger *l = check_newest(w, 0);
    if (r->mix->lose == LOSE_WRITER && l != NULL && l->writer != REGION_NONE)
        lose(r, l->writer);
    for (unsigned i = 0; r->mix->lose == LOSE_OTHER && i < w->options.region_count; i++) {
        region_id gone = (region_id)((r->mix->seed + i) % w->options.region_count);
        if (writes_somewhere(w, gone))
            continue;
        lose(r, gone);
        return;
    }
}

static void liveness_phase(struct run *r)
{
    struct world *w = r->world;
    heal(r);
    if (world_broken(w) != NULL || !settle(r, r->mix->settle_us))
        return;
    if (!truth_may_go_on(w, voting(w))) {
        if (majority_has_its_disks(r))
            world_break(w, INVARIANT_CONVERGES, "no majority votes, though one has its disks");
        r->tally->not_held++;
        return;
    }
    bool lost[POLICY_REGIONS_MAX] = { false };
    r->tally->rested++;
    if (truth_set(w)->change != VOTER_NONE)
        world_break(w, INVARIANT_CONVERGES, "the change of the voters does not come to its end");
    check_rest(w, lost);
    if (world_broken(w) == NULL)
        lose_a_region(r);
}

/* ---- the whole ---- */

static sigjmp_buf trapped;

/* policy_ensure() traps. It holds no lock and no memory of ours, so leaving from there is safe. */
static void on_trap(int number)
{
    siglongjmp(trapped, number);
}

static void play(struct run *r)
{
    set_up(r);
    if (!warm_up(r))
        return;
    bool calm = r->mix->profile == PROFILE_CALM;
    check_calm(r->world, calm);
    if (!safety_phase(r))
        return;
    if (calm && !world_run(r->world, r->world->now_us + r->world->options.policy.lease_us))
        return;
    check_calm(r->world, false);
    liveness_phase(r);
}

static void judge(struct run *r, struct ending *v)
{
    struct world *w = r->world;
    v->hash = w->hash ^ w->events << 32 ^ (uint64_t)w->now_us;
    v->at_us = w->now_us - r->start_us;
    r->tally->sets += truth_set(w)->version - 1;
    for (int b = 0; b < BEYOND_COUNT; b++)
        r->tally->excused[b] += w->overlapped[b];
    if (world_broken(w) == NULL)
        return;
    v->invariant = w->broken_invariant;
    v->excused = world_excused(w);
    memcpy(v->beyond, w->beyond, sizeof v->beyond);
    (void)snprintf(v->text, sizeof v->text, "%s", w->broken);
    for (int b = 0; v->excused && b < BEYOND_COUNT; b++)
        r->tally->excused[b] += w->beyond[b];
}

void run_mix(const struct mix *mix, struct ending *ending, struct tally *tally, run_trace *trace, void *arg)
{
    static struct run run; /* not on the stack, where a jump could undo what it holds */
    struct sigaction trap = { .sa_handler = on_trap, .sa_flags = SA_NODEFER }, before;
    memset(ending, 0, sizeof *ending);
    memset(&run, 0, sizeof run);
    run.mix = mix;
    run.tally = tally;
    run.trace = trace;
    run.trace_arg = arg;
    (void)sigaction(SIGILL, &trap, &before);
    if (sigsetjmp(trapped, 1) == 0) {
        run.world = world_new(&mix->options, listen, &run);
        play(&run);
    } else {
        world_break(run.world, INVARIANT_SANE, "the core met what its own code calls impossible (policy_ensure)");
    }
    (void)sigaction(SIGILL, &before, NULL);
    judge(&run, ending);
    tally->seeds++;
    tally->profiles[mix->profile]++;
    tally->events += run.world->events;
    tally->simulated_us += run.world->now_us;
    world_free(run.world);
}
