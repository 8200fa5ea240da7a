/* One writer, calm, spinning; and the small words of all checks: see check.h. */
#include "tests/sim/truth.h"

#include <stdlib.h>
#include <string.h>

#define PPM 1000000
/* Delays are remembered for one to two of these. */
#define SLOW_PERIOD_US (120 * US_PER_S)
#define SLACK_LEAST_US US_PER_S

/* ---- names ---- */

static const char *const invariant_names[INVARIANT_COUNT] = {
    [INVARIANT_NONE] = "none",           [INVARIANT_ONE_WRITER] = "one-writer",
    [INVARIANT_REGISTER] = "register",   [INVARIANT_LOSS] = "loss",
    [INVARIANT_EVIDENCE] = "evidence",   [INVARIANT_DNS] = "dns",
    [INVARIANT_ONCE] = "once",           [INVARIANT_LEASE] = "lease",
    [INVARIANT_CONVERGES] = "converges", [INVARIANT_CALM] = "calm",
    [INVARIANT_CHOSEN] = "chosen",       [INVARIANT_SANE] = "sane",
};

const char *invariant_name(enum invariant invariant)
{
    return (unsigned)invariant < INVARIANT_COUNT ? invariant_names[invariant] : "none";
}

#define CLOCK (1u << BEYOND_CLOCK)
#define DISK (1u << BEYOND_DISK)
#define MACHINE (1u << BEYOND_MACHINE)
#define RISK (1u << BEYOND_RISK)

/* CLOCK: leases are spans of time, so whoever waits one out by a wrong clock finds the old writer still
 * open: two write, and what the old one took is lost. Nothing else goes by time.
 * DISK: a voter that votes without what it had said may help choose another value, or lose the chosen
 * one, so everything that rests on the register may go; but nothing spins.
 * MACHINE: one that stood still goes on as if nothing had happened: for as long as its guard takes to
 * notice and to shut, two may write, and what the old one takes is lost.
 * RISK: the new writer was opened beside an old one that nobody knew to be shut, knowingly: two may
 * write, and what the old one takes from then on is lost. */
static const unsigned excuses[INVARIANT_COUNT] = {
    [INVARIANT_ONE_WRITER] = CLOCK | DISK | RISK,
    [INVARIANT_LEASE] = CLOCK | DISK | MACHINE,
    [INVARIANT_LOSS] = CLOCK | DISK | MACHINE | RISK,
    [INVARIANT_REGISTER] = DISK,
    [INVARIANT_CHOSEN] = DISK,
    [INVARIANT_EVIDENCE] = DISK,
    [INVARIANT_DNS] = DISK,
    [INVARIANT_ONCE] = DISK,
    [INVARIANT_CONVERGES] = DISK,
};

bool world_excused(const struct world *w)
{
    for (unsigned b = 0; b < BEYOND_COUNT; b++)
        if (w->beyond[b] && (excuses[w->broken_invariant] >> b & 1u) != 0)
            return true;
    return false;
}

/* ---- small words ---- */

unsigned truth_count(node_set set)
{
    unsigned n = 0;
    for (unsigned bit = 0; bit < POLICY_NODES_MAX; bit++)
        n += (unsigned)set >> bit & 1u;
    return n;
}

const char *truth_region(const struct world *w, region_id r)
{
    return r < w->options.region_count ? w->options.region_name[r] : "none";
}

int truth_ballots(struct ballot a, struct ballot b)
{
    if (a.counter != b.counter)
        return a.counter < b.counter ? -1 : 1;
    if (a.node != b.node)
        return a.node < b.node ? -1 : 1;
    return a.restart == b.restart ? 0 : a.restart < b.restart ? -1 : 1;
}

bool truth_same_instance(struct instance a, struct instance b)
{
    return a.id == b.id && a.node == b.node;
}

/* What a lease was given on, which only naming a writer may change. */
bool truth_same_terms(const struct ledger *a, const struct ledger *b)
{
    return a->fence == b->fence && a->keep_on_quorum_loss == b->keep_on_quorum_loss &&
           a->lease_us == b->lease_us && a->longest_lease_us == b->longest_lease_us &&
           a->clock_error_ppm == b->clock_error_ppm;
}

static bool same_operation(const struct ledger_operation *a, const struct ledger_operation *b)
{
    return a->id == b->id && a->kind == b->kind && a->phase == b->phase && a->from == b->from &&
           a->to == b->to && a->executor == b->executor && a->may_return == b->may_return &&
           a->forced == b->forced && a->skipped_gates == b->skipped_gates &&
           a->accepted_loss_bytes == b->accepted_loss_bytes && a->accepted_loss_us == b->accepted_loss_us &&
           a->begun.us == b->begun.us && a->wish == b->wish &&
           a->mark == b->mark &&
           a->said.at.us == b->said.at.us && a->shift.at == b->shift.at && a->shift.count == b->shift.count &&
           memcmp(a->shift.percent, b->shift.percent, sizeof a->shift.percent) == 0 &&
           a->shift.hold_us == b->shift.hold_us;
}

static bool same_pause(const struct ledger_pause *a, const struct ledger_pause *b)
{
    return a->on == b->on && a->until.us == b->until.us && a->said.at.us == b->said.at.us;
}

static bool same_proposal(const struct ledger_proposal *a, const struct ledger_proposal *b)
{
    return a->state == b->state && a->kind == b->kind && a->id == b->id && a->from == b->from && a->to == b->to &&
           a->proposer == b->proposer && a->skipped_gates == b->skipped_gates && a->made.us == b->made.us &&
           a->due.us == b->due.us && a->said.at.us == b->said.at.us;
}

bool truth_same_value(const struct ledger *a, const struct ledger *b)
{
    return a->version == b->version && a->epoch == b->epoch && a->writer == b->writer &&
           truth_same_instance(a->guard, b->guard) && a->guard_epoch == b->guard_epoch &&
           truth_same_terms(a, b) && same_pause(&a->pause, &b->pause) && a->dns_epoch == b->dns_epoch &&
           same_proposal(&a->proposal, &b->proposal) && a->ticked_operation == b->ticked_operation &&
           a->ticked == b->ticked &&
           same_operation(&a->operation, &b->operation) &&
           a->last_operation == b->last_operation && a->last_outcome == b->last_outcome &&
           a->last_finished.us == b->last_finished.us &&
           memcmp(a->reconciled, b->reconciled, sizeof a->reconciled) == 0;
}

const struct ledger *truth_of_epoch(const struct truth *t, uint64_t epoch)
{
    for (uint64_t v = t->top; v > 0 && t->chosen[v].epoch >= epoch; v--)
        if (t->chosen[v].epoch == epoch)
            return &t->chosen[v];
    return NULL;
}

bool truth_step_is_new(struct truth_step *ring, uint8_t *next, uint64_t operation, uint64_t epoch)
{
    for (size_t i = 0; i < TRUTH_STEPS; i++)
        if (ring[i].operation == operation && ring[i].epoch == epoch)
            return false;
    ring[*next] = (struct truth_step){ operation, epoch };
    *next = (uint8_t)((*next + 1u) % TRUTH_STEPS);
    return true;
}

int64_t truth_longest_us(const struct host *h, int64_t us)
{
    int64_t slow = h->clock.ppm < 0 ? -h->clock.ppm : 0;
    int64_t bound = h->config.services[0].clock_error_ppm;
    slow = slow > bound ? slow : bound;
    return us / (PPM - slow) * PPM + us % (PPM - slow) * PPM / (PPM - slow) + 1;
}

/* ---- how late things are ---- */

void check_delivered(struct world *w, int64_t since_us)
{
    int64_t late = w->now_us - since_us;
    if (w->now_us - w->slow_since_us > SLOW_PERIOD_US) {
        w->slow_us[1] = w->now_us - w->slow_since_us > 2 * SLOW_PERIOD_US ? 0 : w->slow_us[0];
        w->slow_us[0] = 0;
        w->slow_since_us = w->now_us;
    }
    if (late > w->slow_us[0])
        w->slow_us[0] = late;
}

int64_t truth_slack_us(const struct world *w)
{
    int64_t slow = w->slow_us[0] > w->slow_us[1] ? w->slow_us[0] : w->slow_us[1], disk = 0;
    for (uint8_t n = 0; n < w->host_count; n++)
        disk = w->hosts[n].disk.latency_us > disk ? w->hosts[n].disk.latency_us : disk;
    return SLACK_LEAST_US + 2 * slow + 4 * disk;
}

/* ---- after every event ---- */

bool truth_by_hand(const struct world *w, uint8_t service, region_id r)
{
    const struct truth *t = w->services[service].truth;
    const struct database *db = &w->services[service].databases[r];
    bool named = t->top > 0 && t->chosen[t->top].writer == r;
    return !named && db->timeline < 64 && (t->made >> db->timeline & 1u) == 0;
}

/* No promise says what a person does past the coordinators; but a kernel's element that let reads
 * through to that standby has to run out, and is not renewed for a primary. Of a door that stood open
 * for reads only a live guard can make sure. */
static bool by_hand_too_long(const struct world *w, uint8_t service, region_id r)
{
    const struct world_service *s = &w->services[service];
    int64_t since = s->truth->by_hand_since_us[r];
    return s->policy.fence == FENCE_ENFORCED && since >= 0 &&
           w->now_us - since > 3 * s->policy.lease_us + 2 * truth_slack_us(w);
}

/* True: a writer that the coordinators let write. */
static bool look(struct world *w, uint8_t service, region_id r, bool *opened)
{
    struct world_service *s = &w->services[service];
    struct database *db = &s->databases[r];
    if (!db->up || db->frozen)
        s->truth->silent_us[r] = w->now_us;
    /* What is down or a standby acknowledges nothing: most need no closer look. */
    if (!db->acknowledges && (!db->up || db->in_recovery))
        return false;
    bool now = world_acknowledges(w, service, r), was = db->acknowledges;
    db->acknowledges = now;
    if (now != was) {
        if (w->service_count > 1)
            world_say(w, NULL, "%s %s writes of service %u", truth_region(w, r),
                      now ? "acknowledges" : "stops acknowledging", service + 1u);
        else
            world_say(w, NULL, "%s %s writes", truth_region(w, r),
                      now ? "acknowledges" : "stops acknowledging");
        s->truth->by_hand_since_us[r] = -1;
        if (now)
            s->truth->opened_us[r] = w->now_us;
        if (!now && s->truth->calm && db->up && !db->frozen && !w->region_dead[r])
            world_break(w, INVARIANT_CALM, "%s stops acknowledging writes though nothing but "
                        "coordinators restarted", truth_region(w, r));
    }
    if (!now)
        return false;
    if (truth_by_hand(w, service, r)) {
        if (s->truth->by_hand_since_us[r] < 0)
            s->truth->by_hand_since_us[r] = w->now_us;
        return by_hand_too_long(w, service, r);
    }
    *opened = !was || db->timeline != s->truth->head;
    return true;
}

/* Whose duty it was to have a region shut by now, and who was able to: its lease is over, its guard runs and its
 * database answers, for as long as hearing, shutting and one try more take. NULL: nobody was. */
static const struct host *who_should_have_shut(const struct world *w, uint8_t service, region_id region)
{
    const struct truth *t = w->services[service].truth;
    uint64_t v = t->top;
    while (v > 0 && t->chosen[v].writer != region)
        v--;
    if (v == 0 || t->chosen[v].keep_on_quorum_loss || t->chosen[v].epoch == t->chosen[t->top].epoch)
        return NULL;
    const struct host *h = &w->hosts[t->chosen[v].guard.node % POLICY_NODES_MAX];
    const struct service_policy *policy = &h->config.services[service];
    int64_t takes = 8 * h->config.heartbeat_us + 2 * policy->fence_budget_us + 4 * w->act_us[ACT_FENCE_SHUT];
    /* One that is back after its lease asks for it first, where nobody can have been granted without a person. */
    if (t->chosen[v].fence == FENCE_GUARDED && !policy->accept_unconfirmed_fence)
        takes += 2 * US_PER_S;
    /* It starts early by what shutting may take; where that takes longer, it is late by as much. */
    int64_t shut_us = 2 * w->act_us[ACT_FENCE_HOLD] + w->act_us[ACT_FENCE_SHUT];
    int64_t lapsed_us = truth_leased_until_us(w, service, &t->chosen[v]);
    if (shut_us > policy->fence_budget_us || shut_us > t->chosen[v].lease_us / 2)
        lapsed_us += 4 * shut_us;
    int64_t since = h->trouble_until_us > t->silent_us[region] ? h->trouble_until_us : t->silent_us[region];
    bool same = h->config.instance == t->chosen[v].guard.id;
    bool due = w->now_us > lapsed_us && w->now_us - since > truth_longest_us(h, takes);
    return due && h->alive && !host_stands(h) && same ? h : NULL;
}

/* A machine of the region went on under a lease that by its clock still runs, and its guard has not been able to
 * notice and to shut for as long as that takes. */
static bool has_just_woken(const struct world *w, uint8_t service, region_id region)
{
    for (uint8_t n = 0; n < w->host_count; n++) {
        const struct host *h = &w->hosts[n];
        int64_t takes = 2 * h->config.heartbeat_us + 3 * w->act_us[ACT_FENCE_SHUT] + US_PER_S;
        int64_t woke = h->machine_woke_us, able = h->trouble_until_us > woke ? h->trouble_until_us : woke;
        if (h->region != region || woke == 0 ||
            w->now_us - woke > truth_longest_us(h, h->config.services[service].lease_us + takes))
            continue;
        if (!h->alive || host_stands(h) || h->woke_unaware || w->now_us - able <= truth_longest_us(h, takes))
            return true;
    }
    return false;
}

/* Where a risk was accepted, two may write as long as the old writer's guard can't do its part. A guard
 * that runs and was merely cut off has shut its database in time, whatever was accepted. */
static void two_write(struct world *w, uint8_t service, region_id a, region_id b)
{
    const struct host *late = truth_glass_late(w, service, a, b);
    bool by_mark = truth_is_marked(w, service, a) || truth_is_marked(w, service, b);
    if (by_mark) {
        if (!w->overlapped[BEYOND_RISK])
            world_say(w, NULL, "%s and %s both write: a person's word stood for the old one's death",
                      truth_region(w, a), truth_region(w, b));
        w->overlapped[BEYOND_RISK] = true;
        if (late == NULL)
            return;
        w->beyond[BEYOND_RISK] = false; /* they have met: it explains nothing any more */
        world_break(w, INVARIANT_ONE_WRITER, "two writers: %s and %s, one of them by a broken glass, and they have "
                                             "met: %s",
                    truth_region(w, a), truth_region(w, b), late->name);
        return;
    }
    const struct host *idle = who_should_have_shut(w, service, a);
    if (idle == NULL)
        idle = who_should_have_shut(w, service, b);
    bool anything_goes = w->beyond[BEYOND_CLOCK] || w->beyond[BEYOND_DISK];
    bool woken = has_just_woken(w, service, a) || has_just_woken(w, service, b), at_risk = w->beyond[BEYOND_RISK];
    if (!anything_goes && (woken || (at_risk && idle == NULL))) {
        enum beyond why = woken ? BEYOND_MACHINE : BEYOND_RISK;
        if (!w->overlapped[why])
            world_say(w, NULL, "%s and %s both write: %s", truth_region(w, a), truth_region(w, b),
                      woken ? "a machine that stood still has just gone on" : "the risk that was accepted");
        w->overlapped[why] = true;
        return;
    }
    if (idle != NULL && !anything_goes)
        w->beyond[BEYOND_RISK] = false; /* it explains nothing here */
    world_break(w, INVARIANT_ONE_WRITER, "two writers: %s and %s%s%s", truth_region(w, a), truth_region(w, b),
                idle != NULL ? ", and nothing keeps it from shutting: " : "", idle != NULL ? idle->name : "");
}

/* Openings happen at events only, and a kernel element that has not run out yet counts as open until
 * it has: so no overlap falls between two events. */
static void check_writers(struct world *w, uint8_t service)
{
    region_id writer = REGION_NONE, opened_one = REGION_NONE;
    for (region_id r = 0; r < w->options.region_count; r++) {
        bool opened = false;
        if (!look(w, service, r, &opened))
            continue;
        if (writer != REGION_NONE)
            two_write(w, service, writer, r);
        writer = r;
        if (opened && !has_just_woken(w, service, r)) /* that one may only think that it is the writer */
            opened_one = r;
    }
    if (opened_one != REGION_NONE && w->broken_invariant == INVARIANT_NONE)
        truth_opened(w, service, opened_one);
}

void check_event(struct world *w)
{
    w->same_time = w->now_us == w->same_time_us ? w->same_time + 1 : 0;
    w->same_time_us = w->now_us;
    if (w->same_time > WORLD_SPIN_MAX)
        world_break(w, INVARIANT_SANE, "the core spins: thousands of events and no time passes");
    for (uint8_t s = 0; s < w->service_count; s++)
        check_writers(w, s);
}

void check_calm(struct world *w, bool calm)
{
    for (uint8_t s = 0; s < w->service_count; s++)
        w->services[s].truth->calm = calm;
}

/* ---- its life ---- */

void check_init(struct world *w, uint8_t service)
{
    struct truth *t = calloc(1, sizeof *t);
    if (t == NULL)
        abort();
    t->made = 1u << 1; /* the first timeline was there before us */
    t->head = 1;
    for (uint8_t n = 0; n < POLICY_NODES_MAX; n++) {
        t->voters[n].lapsed_until_us = TRUTH_NEVER_US;
        for (uint8_t c = 0; c < POLICY_CHECKS_MAX; c++)
            t->voters[n].watches[c].failed_until_us = TRUTH_NEVER_US;
    }
    for (region_id r = 0; r < POLICY_REGIONS_MAX; r++)
        t->by_hand_since_us[r] = -1;
    w->services[service].truth = t;
}

void check_free(struct world *w, uint8_t service)
{
    free(w->services[service].truth);
    w->services[service].truth = NULL;
}
