/* What each sentence does: see verbs.h and README.md. Three tables (given, when, expect), each row
 * a pattern: `%` stands for one word, anything else for itself. */
#include "tests/scenario/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP_US (10 * US_PER_S)
#define WORDS_MAX 24

struct match {
    struct play *play;
    char word[WORDS_MAX][PLAY_WORD_MAX]; /* what stood for each % */
    unsigned count;
};

typedef void verb(struct match *m);

struct row {
    const char *pattern;
    verb *run;
};

/* ---- words ---- */

static bool take_word(const char **text, char *word)
{
    *text += strspn(*text, " \t");
    size_t length = strcspn(*text, " \t");
    if (length == 0 || length >= PLAY_WORD_MAX)
        return false;
    memcpy(word, *text, length);
    word[length] = '\0';
    *text += length;
    return true;
}

static bool matches(struct match *m, const char *pattern, const char *sentence)
{
    char want[PLAY_WORD_MAX], have[PLAY_WORD_MAX];
    m->count = 0;
    for (;;) {
        bool more = take_word(&pattern, want), said = take_word(&sentence, have);
        if (!more || !said)
            return more == said;
        if (strcmp(want, "%") == 0) {
            if (m->count == WORDS_MAX)
                return false;
            memcpy(m->word[m->count++], have, sizeof have);
        } else if (strcmp(want, have) != 0) {
            return false;
        }
    }
}

static int64_t number(struct match *m, unsigned i)
{
    char *end;
    long long value = strtoll(m->word[i], &end, 10);
    if (end == m->word[i] || *end != '\0')
        play_fail(m->play, "'%s' is not a number", m->word[i]);
    return value;
}

static int64_t duration(struct match *m, unsigned i)
{
    char *end;
    double value = strtod(m->word[i], &end);
    if (strcmp(end, "ms") == 0)
        return (int64_t)(value * 1e3);
    if (strcmp(end, "s") == 0)
        return (int64_t)(value * 1e6);
    if (strcmp(end, "m") == 0)
        return (int64_t)(value * 60e6);
    play_fail(m->play, "'%s' is not a duration like 5s", m->word[i]);
    return 0;
}

static region_id region(struct match *m, unsigned i)
{
    region_id r = world_region(m->play->world, m->word[i]);
    if (r == REGION_NONE) {
        play_fail(m->play, "there is no region '%s'", m->word[i]);
        return 0;
    }
    return r;
}

static struct host *host(struct match *m, unsigned i)
{
    struct host *h = world_host(m->play->world, m->word[i]);
    if (h == NULL) {
        play_fail(m->play, "there is no coordinator '%s'", m->word[i]);
        return &m->play->world->hosts[0];
    }
    return h;
}

/* ---- given ---- */

void verbs_defaults(struct play *p)
{
    p->ruling = -1;
    p->options = (struct world_options){
        .seed = 1,
        .heartbeat_us = 500 * US_PER_MS,
        .health_for_us = 2 * US_PER_S,
        .dns_adopted = true,
        .policy = {
            .mode = MODE_AUTOMATIC,
            .lease_us = 2 * US_PER_S,
            .renew_us = 500 * US_PER_MS,
            .fence_budget_us = 500 * US_PER_MS,
            .clock_error_ppm = 100000,
            .fence = FENCE_ENFORCED,
            .rpo_bytes = 100000,
            .rpo_us = 30 * US_PER_S,
            .evidence_max_age_us = 3 * US_PER_S,
            .confirm_timeout_us = US_PER_S,
            .fence_deadline_us = 30 * US_PER_S,
            .promote_deadline_us = 60 * US_PER_S,
            .dns_deadline_us = 60 * US_PER_S,
            .verify_deadline_us = 60 * US_PER_S,
            .hooks_deadline_us = 30 * US_PER_S,
            .has_endpoints = true,
            .settings = 7,
            .zone_count = 1,
        },
    };
}

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
    if (m->play->options.region_count != number(m, 0))
        play_fail(m->play, "%s regions are said, %u are named", m->word[0],
                  m->play->options.region_count);
}

static struct service_policy *policy(struct match *m)
{
    return &m->play->options.policy;
}

static void given_lease(struct match *m)
{
    policy(m)->lease_us = duration(m, 0);
    policy(m)->renew_us = duration(m, 0) / 4;
    policy(m)->fence_budget_us = duration(m, 0) / 4;
}

static void given_health(struct match *m) { m->play->options.health_for_us = duration(m, 0); }
static void given_outage(struct match *m) { policy(m)->outage_min_us = duration(m, 0); }
static void given_cooldown(struct match *m) { policy(m)->cooldown_us = duration(m, 0); }
static void given_rpo_bytes(struct match *m) { policy(m)->rpo_bytes = number(m, 0); }
static void given_rpo_time(struct match *m) { policy(m)->rpo_us = duration(m, 0); }
static void given_guarded(struct match *m) { policy(m)->fence = FENCE_GUARDED; }
static void given_manual(struct match *m) { policy(m)->mode = MODE_MANUAL; }
static void given_keep(struct match *m) { policy(m)->keep_on_quorum_loss = true; }
static void given_accept(struct match *m) { policy(m)->accept_unconfirmed_fence = true; }
static void given_hooks(struct match *m) { policy(m)->has_hooks = true; }
static void given_unadopted(struct match *m) { m->play->options.dns_adopted = false; }
static void given_seed(struct match *m) { m->play->options.seed = (uint64_t)number(m, 0); }

static void given_zones(struct match *m)
{
    int64_t n = number(m, 0);
    if (n < 0 || n > WORLD_ZONES_MAX)
        play_fail(m->play, "at most %d zones", WORLD_ZONES_MAX);
    else
        policy(m)->zone_count = (uint8_t)n;
}

static void given_coordinators(struct match *m)
{
    struct world_options *o = &m->play->options;
    for (region_id r = 0; r < o->region_count; r++)
        if (strcmp(o->region_name[r], m->word[1]) == 0)
            o->coordinators[r] = (uint8_t)number(m, 0);
}

static void given_voters(struct match *m)
{
    m->play->options.more_voters = (uint8_t)(number(m, 0) - m->play->options.region_count);
}

static void given_clock(struct match *m)
{
    m->play->options.clock_ppm[number(m, 0) % POLICY_NODES_MAX] = (int32_t)number(m, 1);
}

static const struct row given_rows[] = {
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
    { "manual mode", given_manual },
    { "writers kept on quorum loss", given_keep },
    { "hooks", given_hooks },
    { "dns not adopted", given_unadopted },
    { "% zones", given_zones },
    { "% coordinators in %", given_coordinators },
    { "% voters", given_voters },
    { "clock of coordinator % off by % ppm", given_clock },
    { "seed %", given_seed },
};

/* ---- when ---- */

static struct world *world(struct match *m)
{
    return m->play->world;
}

static void region_killed(struct match *m) { world_region_kill(world(m), region(m, 0)); }
static void region_returns(struct match *m) { world_region_return(world(m), region(m, 0)); }
static void host_killed(struct match *m) { world_host_crash(world(m), host(m, 0), false); }
static void host_killed_late(struct match *m) { world_host_crash(world(m), host(m, 0), true); }
static void host_started(struct match *m) { world_host_start(world(m), host(m, 0)); }
static void host_paused(struct match *m) { world_host_pause(world(m), host(m, 0)); }
static void host_resumed(struct match *m) { world_host_resume(world(m), host(m, 0)); }
static void db_killed(struct match *m) { world_database_stop(world(m), region(m, 0)); }
static void db_started(struct match *m) { world_database_start(world(m), region(m, 0)); }
static void db_freezes(struct match *m) { world(m)->databases[region(m, 0)].frozen = true; }
static void db_wakes(struct match *m) { world(m)->databases[region(m, 0)].frozen = false; }
static void endpoints_fail(struct match *m) { world(m)->endpoints_up[region(m, 0)] = false; }
static void endpoints_work(struct match *m) { world(m)->endpoints_up[region(m, 0)] = true; }
static void network_heals(struct match *m) { world_heal(world(m)); }
static void lag(struct match *m) { world(m)->lag_bytes = number(m, 0); }
static void writes_stop(struct match *m) { world(m)->writes = false; }
static void dns_dies(struct match *m) { world(m)->dns_unreachable = true; }
static void dns_lives(struct match *m) { world(m)->dns_unreachable = false; }
static void dns_slow(struct match *m) { world(m)->dns_sync_us = duration(m, 0); }

static void rejoins(struct match *m)
{
    world_database_rejoin(world(m), region(m, 0), region(m, 1));
}

static void host_restarted(struct match *m)
{
    world_host_crash(world(m), host(m, 0), false);
    world_host_start(world(m), host(m, 0));
}

static void all_restarted(struct match *m)
{
    for (uint8_t n = 0; n < world(m)->host_count; n++) {
        world_host_crash(world(m), &world(m)->hosts[n], false);
        world_host_start(world(m), &world(m)->hosts[n]);
    }
}

static void killed_at(struct match *m, bool writes)
{
    enum step_id step = words_step(m->word[1]);
    if (step == STEP_COUNT)
        play_fail(m->play, "there is no step '%s'", m->word[1]);
    host(m, 0)->crash_at_step = step;
    host(m, 0)->crash_writes = writes;
}

static void host_killed_at(struct match *m) { killed_at(m, false); }
static void host_killed_at_late(struct match *m) { killed_at(m, true); }

/* A new disk, and with it a new guard. */
static void disk_lost(struct match *m)
{
    struct host *h = host(m, 0);
    world_host_crash(world(m), h, false);
    h->disk.sound = false;
    h->disk.instance += 1000;
    h->disk.restarts = 0;
    h->disk.durable = (struct durable){ 0 };
}

static void disk_saved(struct match *m) { host(m, 0)->saved = host(m, 0)->disk; }

static void disk_rolled_back(struct match *m)
{
    struct host *h = host(m, 0);
    world_host_crash(world(m), h, false);
    h->disk = h->saved;
}

static void disk_fails(struct match *m) { host(m, 0)->disk.fails = true; }
static void disk_slow(struct match *m) { host(m, 0)->disk.latency_us = duration(m, 1); }

static void guard_broken(struct match *m)
{
    struct host *h = host(m, 0);
    h->guard_ready = false;
    world_push(world(m), (struct world_item){ .at = world(m)->now_us, .kind = ITEM_GUARD_READY,
                                              .host = h->config.self, .life = h->life });
}

static void cut_both(struct match *m)
{
    region_id a = region(m, 0), b = region(m, 1);
    world(m)->cut[a][b] = world(m)->cut[b][a] = true;
}

static void cut_one(struct match *m) { world(m)->cut[region(m, 0)][region(m, 1)] = true; }

static void isolated(struct match *m)
{
    region_id a = region(m, 0);
    for (region_id r = 0; r < world(m)->options.region_count; r++)
        if (r != a)
            world(m)->cut[a][r] = world(m)->cut[r][a] = true;
}

static void slow_path(struct match *m)
{
    region_id a = region(m, 0), b = region(m, 1);
    world(m)->delay_us[a][b] = world(m)->delay_us[b][a] = duration(m, 2);
}

static void lossy(struct match *m) { world(m)->lose_permille = (uint32_t)number(m, 0) * 10; }
static void doubling(struct match *m)
{
    world(m)->duplicate_permille = (uint32_t)number(m, 0) * 10;
}

static enum act_kind act(struct match *m, unsigned i)
{
    enum act_kind kind = words_act(m->word[i]);
    if (kind == ACT_KIND_COUNT) {
        play_fail(m->play, "there is no act '%s'", m->word[i]);
        return ACT_COMPARE;
    }
    return kind;
}

static void set_fault(struct match *m, enum act_fault fault)
{
    enum act_kind kind = act(m, 0);
    world(m)->fault[kind] = fault;
    world(m)->fault_times[kind] = (uint32_t)number(m, 1);
}

static void act_fails(struct match *m) { set_fault(m, FAULT_FAIL); }
static void act_loses(struct match *m) { set_fault(m, FAULT_LOST_REPLY); }
static void act_retries(struct match *m) { set_fault(m, FAULT_RETRY); }
static void act_hangs(struct match *m) { set_fault(m, FAULT_HANG); }
static void act_takes(struct match *m) { world(m)->act_us[act(m, 0)] = duration(m, 1); }

static void zone_mark(struct match *m)
{
    struct zone *z = &world(m)->zones[0];
    z->serial++;
    z->operation = 77;
    if (strcmp(m->word[0], "absent") == 0)
        z->mark = DNS_MARK_ABSENT;
    else if (strcmp(m->word[0], "foreign") == 0)
        z->mark = DNS_MARK_FOREIGN;
    else
        z->epoch = (uint64_t)number(m, 0);
}

static void order(struct match *m, struct host *at, struct order o)
{
    (void)snprintf(o.by.s, sizeof o.by.s, "a person");
    world_order(world(m), at, &o);
}

static struct order failover_to(struct match *m, unsigned to)
{
    return (struct order){ .kind = ORDER_FAILOVER, .to = region(m, to),
                           .accepted_loss_bytes = -1 };
}

static void order_failover(struct match *m) { order(m, host(m, 0), failover_to(m, 1)); }

static void order_skipping(struct match *m)
{
    struct order o = failover_to(m, 1);
    char *rest = m->word[2];
    for (char *name; (name = strsep(&rest, "+")) != NULL;) {
        enum gate_id gate = words_gate(name);
        if (gate == GATE_COUNT)
            play_fail(m->play, "there is no gate '%s'", name);
        else
            o.skipped_gates |= 1u << gate;
    }
    order(m, host(m, 0), o);
}

static void order_adopt(struct match *m)
{
    order(m, host(m, 0), (struct order){ .kind = ORDER_ADOPT, .accepted_loss_bytes = -1 });
}

static const struct row when_rows[] = {
    { "% is killed", region_killed },
    { "% returns", region_returns },
    { "coordinator % is killed", host_killed },
    { "coordinator % is killed after writing", host_killed_late },
    { "coordinator % is started", host_started },
    { "coordinator % is restarted", host_restarted },
    { "every coordinator is restarted", all_restarted },
    { "coordinator % is paused", host_paused },
    { "coordinator % goes on", host_resumed },
    { "coordinator % will be killed at step %", host_killed_at },
    { "coordinator % will be killed after writing at step %", host_killed_at_late },
    { "coordinator % loses its disk", disk_lost },
    { "disk of % is copied", disk_saved },
    { "disk of % goes back to the copy", disk_rolled_back },
    { "disk of % fails", disk_fails },
    { "disk of % takes %", disk_slow },
    { "guard of % breaks", guard_broken },
    { "database % is killed", db_killed },
    { "database % is started", db_started },
    { "database % freezes", db_freezes },
    { "database % wakes", db_wakes },
    { "database % rejoins %", rejoins },
    { "endpoints of % fail", endpoints_fail },
    { "endpoints of % work", endpoints_work },
    { "% and % are cut", cut_both },
    { "the way from % to % is cut", cut_one },
    { "% is isolated", isolated },
    { "messages between % and % take %", slow_path },
    { "the network loses % percent", lossy },
    { "the network doubles % percent", doubling },
    { "the network heals", network_heals },
    { "replication lags % bytes", lag },
    { "clients stop writing", writes_stop },
    { "act % fails % times", act_fails },
    { "act % loses its reply % times", act_loses },
    { "act % is throttled % times", act_retries },
    { "act % hangs % times", act_hangs },
    { "act % takes %", act_takes },
    { "dns cannot be reached", dns_dies },
    { "dns can be reached", dns_lives },
    { "dns takes % to be in sync", dns_slow },
    { "the mark in dns becomes %", zone_mark },
    { "a person at % orders failover to %", order_failover },
    { "a person at % orders failover to % skipping %", order_skipping },
    { "a person at % orders adopt", order_adopt },
};

/* ---- expect: each gives what is; the words that were said have to be it ---- */

static bool is_writer(struct match *m)
{
    const struct ledger *l = world_ledger(world(m));
    if (strcmp(m->word[0], "none") == 0)
        return l != NULL && l->writer == REGION_NONE;
    return l != NULL && l->writer == region(m, 0);
}

static bool is_writing(struct match *m)
{
    bool any = false;
    for (region_id r = 0; r < world(m)->options.region_count; r++)
        any = any || world_acknowledges(world(m), r);
    if (strcmp(m->word[0], "none") == 0)
        return !any;
    return world_acknowledges(world(m), region(m, 0));
}

static bool is_epoch(struct match *m)
{
    const struct ledger *l = world_ledger(world(m));
    return l != NULL && l->epoch == (uint64_t)number(m, 0);
}

static bool is_dns(struct match *m)
{
    for (uint8_t z = 0; z < world(m)->options.policy.zone_count; z++)
        if (world(m)->zones[z].region != region(m, 0))
            return false;
    return true;
}

static bool no_operation(struct match *m)
{
    const struct ledger *l = world_ledger(world(m));
    return l != NULL && l->operation.kind == OPERATION_NONE;
}

static bool an_operation(struct match *m)
{
    return world_ledger(world(m)) != NULL && !no_operation(m);
}

static bool nothing_happened(struct match *m)
{
    return m->play->began == 0 && m->play->taken == 0 && no_operation(m);
}

static bool never_began(struct match *m) { return m->play->began == 0; }

static bool was_gate(struct match *m)
{
    enum gate_id gate = words_gate(m->word[0]);
    if (gate == GATE_COUNT)
        play_fail(m->play, "there is no gate '%s'", m->word[0]);
    return gate < GATE_COUNT && (m->play->gates_shut >> gate & 1u) != 0;
}

static bool was_proof(struct match *m)
{
    static const struct { const char *name; enum fence_proof proof; } names[] = {
        { "release", PROOF_RELEASED }, { "lapse", PROOF_LAPSED }, { "acceptance", PROOF_ACCEPTED },
        { "person", PROOF_PERSON },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, m->word[0]) == 0)
            return (m->play->proofs >> names[i].proof & 1u) != 0;
    play_fail(m->play, "there is no proof '%s'", m->word[0]);
    return false;
}

static bool is_mute(struct match *m)
{
    return strcmp(words_mute(host(m, 0)->mute), m->word[1]) == 0;
}

static bool does_vote(struct match *m) { return host(m, 0)->mute == MUTE_NOT; }

static bool was_answer(struct match *m)
{
    const struct world *w = world(m);
    return w->replies > 0 && strcmp(words_answer(w->last_reply.answer), m->word[0]) == 0;
}

static bool was_refused_by(struct match *m)
{
    const struct world *w = world(m);
    return w->replies > 0 && w->last_reply.answer == ANSWER_GATE &&
           w->last_reply.gate == words_gate(m->word[0]);
}

static bool was_step(struct match *m)
{
    enum step_id step = words_step(m->word[0]);
    return step < STEP_COUNT && (m->play->steps_started >> step & 1u) != 0;
}

static bool was_stopped(struct match *m)
{
    static const char *const names[] = { "submit", "applied", "stale", "alarm", "unadopted",
                                         "foreign", "rolled_back" };
    return m->play->ruling >= 0 && strcmp(names[m->play->ruling], m->word[0]) == 0;
}

static bool was_aborted(struct match *m) { return m->play->aborted > 0; }
static bool was_taken(struct match *m) { return m->play->taken > 0; }
static bool was_fenced(struct match *m) { return m->play->shut_acts[region(m, 0)] > 0; }
static bool never_fenced(struct match *m) { return !was_fenced(m); }
static bool lease_kept(struct match *m) { return m->play->lost == 0; }
static bool abstained(struct match *m) { return m->play->abstained > 0; }
static bool is_dead(struct match *m) { return !host(m, 0)->alive; }
static bool is_primary(struct match *m) { return !world(m)->databases[region(m, 0)].in_recovery; }
static bool is_standby(struct match *m) { return world(m)->databases[region(m, 0)].in_recovery; }
static bool is_streaming(struct match *m) { return world(m)->databases[region(m, 0)].streaming; }

struct condition {
    const char *pattern;
    bool (*holds)(struct match *m);
};

static const struct condition conditions[] = {
    { "writer %", is_writer },
    { "writes in %", is_writing },
    { "epoch %", is_epoch },
    { "dns %", is_dns },
    { "no operation", no_operation },
    { "an operation", an_operation },
    { "nothing happened", nothing_happened },
    { "no begin", never_began },
    { "gate % shut", was_gate },
    { "proof %", was_proof },
    { "coordinator % mute %", is_mute },
    { "coordinator % votes", does_vote },
    { "coordinator % dead", is_dead },
    { "answer %", was_answer },
    { "refused by gate %", was_refused_by },
    { "step % started", was_step },
    { "dns stopped %", was_stopped },
    { "an abort", was_aborted },
    { "a takeover", was_taken },
    { "% was fenced", was_fenced },
    { "% never fenced", never_fenced },
    { "no lease lost", lease_kept },
    { "an abstention", abstained },
    { "database % primary", is_primary },
    { "database % standby", is_standby },
    { "database % streaming", is_streaming },
};

/* ---- playing ---- */

void play_remember(struct play *p, const struct host *h, const struct note *n)
{
    switch ((int)n->kind) {
    case NOTE_GATE_SHUT: p->gates_shut |= 1u << n->a; break;
    case NOTE_OPERATION_BEGUN: p->began++; break;
    case NOTE_OPERATION_TAKEN: p->taken++; break;
    case NOTE_OPERATION_DONE: p->done++; break;
    case NOTE_OPERATION_ABORTED:
        p->aborted++;
        if (n->b >= 0 && n->b < GATE_COUNT)
            p->gates_shut |= 1u << n->b;
        break;
    case NOTE_STEP_STARTED: p->steps_started |= 1u << n->step; break;
    case NOTE_FENCE_PROVEN: p->proofs |= 1u << n->a; break;
    case NOTE_DNS_STOPPED: p->ruling = n->a; break;
    case NOTE_LEASE_LOST: p->lost++; break;
    case NOTE_ABSTAINING: p->abstained += n->a != 0; break;
    case NOTE_FENCE_CHANGED:
        if (n->a == FENCE_CLOSING || n->a == FENCE_CONFIRMED)
            p->shut_acts[h->region]++;
        break;
    default: break;
    }
}

static bool start(struct play *p)
{
    if (p->world != NULL)
        return true;
    if (p->options.region_count < 2) {
        play_fail(p, "say first which regions are given");
        return false;
    }
    p->world = world_new(&p->options, p->listener, p);
    if (!world_run(p->world, WARM_UP_US)) {
        play_fail(p, "broken before anything happened: %s", world_broken(p->world));
        return false;
    }
    p->start_us = p->world->now_us;
    p->started = true;
    return true;
}

static bool run_row(struct match *m, const struct row *rows, size_t count, const char *sentence)
{
    for (size_t i = 0; i < count; i++)
        if (matches(m, rows[i].pattern, sentence)) {
            rows[i].run(m);
            return true;
        }
    return false;
}

/* Clauses between commas, each by itself. */
static bool next_clause(const char **text, char *clause, size_t size)
{
    *text += strspn(*text, ", ");
    size_t length = strcspn(*text, ",");
    if (length == 0 || length >= size)
        return false;
    memcpy(clause, *text, length);
    clause[length] = '\0';
    *text += length;
    return true;
}

/* -1: nobody understands it. */
static int condition_holds(struct match *m, const char *clause)
{
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++)
        if (matches(m, conditions[i].pattern, clause))
            return conditions[i].holds(m) && !m->play->failed;
    return -1;
}

static void expect_all(struct match *m, const char *text)
{
    char clause[SCRIPT_LINE_MAX];
    while (next_clause(&text, clause, sizeof clause)) {
        int holds = condition_holds(m, clause);
        if (holds < 0)
            play_fail(m->play, "nobody understands 'expect %s'", clause);
        else if (holds == 0)
            play_fail(m->play, "expected %s at %.2fs", clause,
                      (double)(world(m)->now_us - m->play->start_us) / 1e6);
    }
}

static void play_within(struct match *m, const char *text)
{
    char word[PLAY_WORD_MAX];
    if (!take_word(&text, word)) {
        play_fail(m->play, "within how long?");
        return;
    }
    memcpy(m->word[0], word, sizeof word);
    int64_t limit = world(m)->now_us + duration(m, 0);
    text += strspn(text, " ");
    int holds;
    while ((holds = condition_holds(m, text)) == 0 && !m->play->failed)
        if (!world_run_one(world(m), limit))
            break;
    if (holds < 0)
        play_fail(m->play, "nobody understands '%s'", text);
    else if (holds == 0 && world_broken(world(m)) == NULL && condition_holds(m, text) == 0)
        play_fail(m->play, "%s did not come about by %.2fs", text,
                  (double)(limit - m->play->start_us) / 1e6);
}

static void play_given(struct match *m, const char *text)
{
    char clause[SCRIPT_LINE_MAX];
    while (next_clause(&text, clause, sizeof clause))
        if (!run_row(m, given_rows, sizeof given_rows / sizeof given_rows[0], clause))
            play_fail(m->play, "nobody understands 'given %s'", clause);
}

void verbs_play(struct play *p, const char *sentence)
{
    struct match m = { .play = p };
    if (strncmp(sentence, "given ", 6) == 0) {
        if (p->world != NULL)
            play_fail(p, "what is given comes first");
        else
            play_given(&m, sentence + 6);
        return;
    }
    if (!start(p))
        return;
    if (strncmp(sentence, "expect ", 7) == 0) {
        expect_all(&m, sentence + 7);
    } else if (strncmp(sentence, "within ", 7) == 0) {
        play_within(&m, sentence + 7);
    } else if (matches(&m, "after %", sentence)) {
        (void)world_run(p->world, p->world->now_us + duration(&m, 0));
    } else if (strncmp(sentence, "when ", 5) == 0 &&
               run_row(&m, when_rows, sizeof when_rows / sizeof when_rows[0], sentence + 5)) {
        check_event(p->world);
    } else {
        play_fail(p, "nobody understands '%s'", sentence);
    }
}
