/* What happens: see README.md. */
#include "tests/scenario/verbs_match.h"
#include "tests/sim/person.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void region_killed(struct match *m) { world_region_kill(match_world(m), match_region(m, 0)); }
static void region_returns(struct match *m) { world_region_return(match_world(m), match_region(m, 0)); }
static void host_killed(struct match *m) { world_host_crash(match_world(m), match_host(m, 0), false); }
static void host_killed_late(struct match *m) { world_host_crash(match_world(m), match_host(m, 0), true); }
static void host_started(struct match *m) { world_host_start(match_world(m), match_host(m, 0)); }
static void host_paused(struct match *m) { world_host_pause(match_world(m), match_host(m, 0)); }
static void host_resumed(struct match *m) { world_host_resume(match_world(m), match_host(m, 0)); }
static void db_killed(struct match *m) { world_database_stop(match_world(m), 0, match_region(m, 0)); }
static void db_started(struct match *m) { world_database_start(match_world(m), 0, match_region(m, 0)); }
static void db_freezes(struct match *m) { match_service(m)->databases[match_region(m, 0)].frozen = true; }
static void db_wakes(struct match *m) { match_service(m)->databases[match_region(m, 0)].frozen = false; }
static void endpoints_fail(struct match *m) { match_service(m)->endpoints_up[match_region(m, 0)] = false; }
static void endpoints_work(struct match *m) { match_service(m)->endpoints_up[match_region(m, 0)] = true; }
static void network_heals(struct match *m) { world_heal(match_world(m)); }
static void lag(struct match *m) { match_world(m)->lag_bytes = match_number(m, 0); }
static void writes_stop(struct match *m) { match_world(m)->writes = false; }
static void dns_dies(struct match *m) { match_world(m)->dns_unreachable = true; }
static void dns_lives(struct match *m) { match_world(m)->dns_unreachable = false; }
static void dns_slow(struct match *m) { match_world(m)->dns_sync_us = match_duration(m, 0); }

static void rejoins(struct match *m)
{
    world_database_rejoin(match_world(m), 0, match_region(m, 0), match_region(m, 1));
}

static void remote_hook_undone(struct match *m)
{
    world_database_cut_off(match_world(m), 0, match_region(m, 0), false);
}

static void host_restarted(struct match *m)
{
    world_host_crash(match_world(m), match_host(m, 0), false);
    world_host_start(match_world(m), match_host(m, 0));
}

static void all_restarted(struct match *m)
{
    for (uint8_t n = 0; n < match_world(m)->host_count; n++) {
        world_host_crash(match_world(m), &match_world(m)->hosts[n], false);
        world_host_start(match_world(m), &match_world(m)->hosts[n]);
    }
}

static void killed_at(struct match *m, bool writes)
{
    enum step_id step = words_step(m->word[1]);
    if (step == STEP_COUNT)
        play_fail(m->play, "there is no step '%s'", m->word[1]);
    match_host(m, 0)->crash_at_step = step;
    match_host(m, 0)->crash_writes = writes;
}

static void host_killed_at(struct match *m) { killed_at(m, false); }
static void host_killed_at_late(struct match *m) { killed_at(m, true); }

/* A new disk, and with it a new guard. */
static void disk_lost(struct match *m)
{
    struct host *h = match_host(m, 0);
    world_host_crash(match_world(m), h, false);
    world_disk_wipe(match_world(m), h);
}

/* Made by a person where the old one is gone; the coordinator starts on it. */
static void new_store(struct match *m) { person_formats(match_world(m), match_host(m, 0)); }

static void order_voter(struct match *m)
{
    static const char *const changes[VOTER_CHANGE_COUNT] = { "", "add", "remove", "replace" };
    for (int c = VOTER_ADD; c < VOTER_CHANGE_COUNT; c++)
        if (strcmp(changes[c], m->word[1]) == 0) {
            (void)person_orders_voter(match_world(m), match_host(m, 0), (enum voter_change)c,
                                      (uint8_t)(match_host(m, 2) - match_world(m)->hosts));
            return;
        }
    play_fail(m->play, "a voter is not %sd", m->word[1]);
}

static void disk_saved(struct match *m) { world_disk_save(match_host(m, 0)); }

static void disk_rolled_back(struct match *m)
{
    struct host *h = match_host(m, 0);
    world_host_crash(match_world(m), h, false);
    world_disk_restore(h);
}

static void disk_fails(struct match *m) { match_host(m, 0)->disk.fails = true; }
static void disk_slow(struct match *m) { match_host(m, 0)->disk.latency_us = match_duration(m, 1); }
static void guard_broken(struct match *m)
{
    world_host_guard(match_world(m), match_host(m, 0), false);
}

static void guard_mended(struct match *m)
{
    world_host_guard(match_world(m), match_host(m, 0), true);
}

/* Its probes see nothing, which says nothing about what they look at. */
static void observer_breaks(struct match *m) { match_host(m, 0)->observer_broken = true; }
static void observer_mended(struct match *m) { match_host(m, 0)->observer_broken = false; }

static void names_resolve(struct match *m, bool they_do)
{
    for (uint8_t n = 0; n < match_world(m)->host_count; n++)
        match_world(m)->hosts[n].observer_broken = !they_do;
}

static void names_down(struct match *m) { names_resolve(m, false); }
static void names_up(struct match *m) { names_resolve(m, true); }

static enum act_kind act(struct match *m, unsigned i)
{
    enum act_kind kind = words_act(m->word[i]);
    if (kind == ACT_KIND_COUNT) {
        play_fail(m->play, "there is no act '%s'", m->word[i]);
        return ACT_COMPARE;
    }
    return kind;
}

static void host_stops_before(struct match *m)
{
    match_host(m, 0)->pause_before = act(m, 1);
}

static void machine_stands(struct match *m)
{
    world_host_lose_time(match_world(m), match_host(m, 0), match_duration(m, 1));
}

static void calendar_steps(struct match *m)
{
    world_host_step_calendar(match_host(m, 0), match_duration(m, 1));
}

/* Read at its next start, like everything in a file. */
static void file_says_lease(struct match *m)
{
    struct service_policy *p = &match_host(m, 0)->config_next.services[0];
    p->lease_us = match_duration(m, 1);
    p->renew_us = match_duration(m, 1) / 4;
    p->fence_budget_us = match_duration(m, 1) / 4;
    p->settings++;
}

static void cut_both(struct match *m)
{
    region_id a = match_region(m, 0), b = match_region(m, 1);
    match_world(m)->cut[a][b] = match_world(m)->cut[b][a] = true;
}

static void cut_one(struct match *m) { match_world(m)->cut[match_region(m, 0)][match_region(m, 1)] = true; }

/* Between these two alone, one way; data and probes of their regions go on. */
static void cut_link(struct match *m)
{
    struct world *w = match_world(m);
    w->links[match_host(m, 0) - w->hosts][match_host(m, 1) - w->hosts].cut = true;
}

static void isolated(struct match *m)
{
    world_region_isolate(match_world(m), match_region(m, 0), true);
}

/* Of all that is cut, this one is not any more. */
static void meet_again(struct match *m)
{
    region_id a = match_region(m, 0), b = match_region(m, 1);
    match_world(m)->cut[a][b] = match_world(m)->cut[b][a] = false;
}

static void slow_path(struct match *m)
{
    region_id a = match_region(m, 0), b = match_region(m, 1);
    struct world *w = match_world(m);
    for (uint8_t x = 0; x < w->host_count; x++)
        for (uint8_t y = 0; y < w->host_count; y++)
            if ((w->hosts[x].region == a && w->hosts[y].region == b) ||
                (w->hosts[x].region == b && w->hosts[y].region == a))
                w->links[x][y].delay_us = match_duration(m, 2);
}

static void lossy(struct match *m) { match_world(m)->lose_permille = (uint32_t)match_number(m, 0) * 10; }
static void doubling(struct match *m)
{
    match_world(m)->duplicate_permille = (uint32_t)match_number(m, 0) * 10;
}

static void everything_again(struct match *m)
{
    struct world *w = match_world(m);
    w->duplicate_permille = 1000;
    w->duplicate_at_us = w->now_us + match_duration(m, 0);
}

static void set_fault(struct match *m, enum act_fault fault)
{
    enum act_kind kind = act(m, 0);
    match_world(m)->fault[kind] = fault;
    match_world(m)->fault_times[kind] = (uint32_t)match_number(m, 1);
}

static void act_fails(struct match *m) { set_fault(m, FAULT_FAIL); }
static void act_loses(struct match *m) { set_fault(m, FAULT_LOST_REPLY); }
static void act_retries(struct match *m) { set_fault(m, FAULT_RETRY); }
static void act_hangs(struct match *m) { set_fault(m, FAULT_HANG); }
static void act_takes(struct match *m) { match_world(m)->act_us[act(m, 0)] = match_duration(m, 1); }

static void zone_mark(struct match *m)
{
    struct zone_state *z = &match_service(m)->zones[0].now;
    z->serial++;
    z->operation = 77;
    if (strcmp(m->word[0], "absent") == 0)
        z->mark = DNS_MARK_ABSENT;
    else if (strcmp(m->word[0], "foreign") == 0)
        z->mark = DNS_MARK_FOREIGN;
    else
        z->epoch = (uint64_t)match_number(m, 0);
}

/* Of an operation: what another before it did is nothing to expect of this one. */
static void forget_the_last(struct play *p)
{
    p->steps_started = p->gates_shut = p->proofs = 0;
    p->taken = p->aborted = 0;
}

static void order(struct match *m, struct host *at, struct order o)
{
    if (o.kind == ORDER_FAILOVER || o.kind == ORDER_SWITCHOVER || o.kind == ORDER_FAILBACK || o.kind == ORDER_RECONCILE)
        forget_the_last(m->play);
    (void)snprintf(o.by.s, sizeof o.by.s, "a person");
    world_order(match_world(m), at, 0, &o);
}

static struct order failover_to(struct match *m, unsigned to)
{
    return (struct order){ .kind = ORDER_FAILOVER, .to = match_region(m, to),
                           .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
}

static void order_accepting_bytes(struct match *m)
{
    struct order o = failover_to(m, 1);
    o.accepted_loss_bytes = match_number(m, 2);
    order(m, match_host(m, 0), o);
}

static void order_accepting_time(struct match *m)
{
    struct order o = failover_to(m, 1);
    o.accepted_loss_us = match_duration(m, 2);
    order(m, match_host(m, 0), o);
}

static void order_accepting_both(struct match *m)
{
    struct order o = failover_to(m, 1);
    o.accepted_loss_bytes = match_number(m, 2);
    o.accepted_loss_us = match_duration(m, 3);
    order(m, match_host(m, 0), o);
}

static void order_switchover(struct match *m)
{
    struct order o = failover_to(m, 1);
    o.kind = ORDER_SWITCHOVER;
    order(m, match_host(m, 0), o);
}

static void order_switchover_later(struct match *m)
{
    struct host *h = match_host(m, 0);
    struct order o = failover_to(m, 1);
    o.kind = ORDER_SWITCHOVER;
    o.at.us = host_wall(match_world(m), h) + match_duration(m, 2);
    order(m, h, o);
}

static void order_failover(struct match *m) { order(m, match_host(m, 0), failover_to(m, 1)); }

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
    order(m, match_host(m, 0), o);
}

/* In stages such as 10+50+100, each held for so long. */
static void order_failback(struct match *m)
{
    struct order o = failover_to(m, 1);
    o.kind = ORDER_FAILBACK;
    o.shift.hold_us = match_duration(m, 3);
    char *rest = m->word[2];
    for (char *percent; (percent = strsep(&rest, "+")) != NULL && o.shift.count < SHIFT_STAGES_MAX;)
        o.shift.percent[o.shift.count++] = (uint8_t)strtol(percent, NULL, 10);
    order(m, match_host(m, 0), o);
}

static void break_glass(struct match *m)
{
    struct order o = failover_to(m, 1);
    o.kind = ORDER_BREAK;
    (void)snprintf(o.proof.s, sizeof o.proof.s, "the data centre burnt down");
    order(m, match_host(m, 0), o);
}

/* Which mark a person means who sees what this coordinator sees. */
static void reconcile(struct match *m, uint32_t skipped)
{
    struct host *h = match_host(m, 0);
    struct order o = { .kind = ORDER_RECONCILE, .to = match_region(m, 1), .skipped_gates = skipped,
                       .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    struct view_service view;
    if (h->alive) {
        node_view(h->node, 0, (struct mono_time){ host_mono(match_world(m), h) }, (struct wall_time){ 0 }, &view);
        o.operation = view_mark(&view, o.to);
    }
    m->play->mark = o.operation;
    order(m, h, o);
}

/* That of a region, where this coordinator sees more than one. */
static void reconcile_mark_of(struct match *m)
{
    struct host *h = match_host(m, 0);
    struct order o = { .kind = ORDER_RECONCILE, .to = match_region(m, 2), .accepted_loss_bytes = -1,
                       .accepted_loss_us = -1 };
    struct view_service view;
    if (h->alive) {
        node_view(h->node, 0, (struct mono_time){ host_mono(match_world(m), h) }, (struct wall_time){ 0 }, &view);
        const struct mark *mark = mark_of_region(view.marks, match_region(m, 1));
        o.operation = mark != NULL ? mark->id : 0;
    }
    order(m, h, o);
}

/* The same mark, which may be over by now. */
static void reconcile_once_more(struct match *m)
{
    struct order o = { .kind = ORDER_RECONCILE, .to = match_region(m, 1), .operation = m->play->mark,
                       .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    order(m, match_host(m, 0), o);
}

static void reconcile_keeping(struct match *m) { reconcile(m, 0); }
static void reconcile_skipping(struct match *m) { reconcile(m, 1u << GATE_FENCE); }

static void order_adopt(struct match *m)
{
    order(m, match_host(m, 0), (struct order){ .kind = ORDER_ADOPT,
                                               .accepted_loss_bytes = -1, .accepted_loss_us = -1 });
}

/* By the calendar of the coordinator that they are given to. */
static void pause_for(struct match *m, int64_t us)
{
    struct host *h = match_host(m, 0);
    struct order o = { .kind = ORDER_PAUSE, .to = REGION_NONE, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    o.at.us = us > 0 ? host_wall(match_world(m), h) + us : 0;
    order(m, h, o);
}

static void order_pause(struct match *m) { pause_for(m, match_duration(m, 1)); }
static void order_pause_for_good(struct match *m) { pause_for(m, 0); }

static void order_resume(struct match *m)
{
    order(m, match_host(m, 0), (struct order){ .kind = ORDER_RESUME, .to = REGION_NONE,
                                               .accepted_loss_bytes = -1, .accepted_loss_us = -1 });
}

/* About the operation that runs, or ran last. */
static void order_about(struct match *m, enum order_kind kind)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    struct order o = { .kind = kind, .to = REGION_NONE, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    if (l != NULL)
        o.operation = l->operation.kind != OPERATION_NONE ? l->operation.id : l->last_operation;
    order(m, match_host(m, 0), o);
}

static void order_hold(struct match *m) { order_about(m, ORDER_HOLD); }
static void order_go(struct match *m) { order_about(m, ORDER_GO); }
static void order_back(struct match *m) { order_about(m, ORDER_BACK); }
static void stage_skipped(struct match *m) { order_about(m, ORDER_SKIP); }
static void order_ack(struct match *m) { order_about(m, ORDER_ACK); }

/* A word about the operation before the one that runs. */
static void stage_of_the_last_skipped(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    order(m, match_host(m, 0), (struct order){ .kind = ORDER_SKIP, .to = REGION_NONE,
                                               .operation = l != NULL ? l->last_operation : 0,
                                               .accepted_loss_bytes = -1, .accepted_loss_us = -1 });
}

/* With more to say than a notice has room for, in characters of two bytes each. */
static void order_pause_with_words(struct match *m)
{
    struct order o = { .kind = ORDER_PAUSE, .to = REGION_NONE, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    for (size_t i = 0; i + 2 < sizeof o.why.s; i += 2)
        memcpy(o.why.s + i, "\xc3\xa4", 2);
    order(m, match_host(m, 0), o);
}

static void tick(struct match *m, uint64_t operation)
{
    uint32_t items = UINT32_C(1) << (match_number(m, 1) & 31);
    order(m, match_host(m, 0), (struct order){ .kind = ORDER_TICK, .to = REGION_NONE, .operation = operation,
                                               .accepted_loss_bytes = -1, .accepted_loss_us = -1, .items = items });
}

/* An item of the operation that runs, or of the last. */
static void order_tick(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    tick(m, l == NULL ? 0 : l->operation.kind != OPERATION_NONE ? l->operation.id : l->last_operation);
}

static void order_tick_of_the_last(struct match *m)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    tick(m, l != NULL ? l->last_operation : 0);
}

/* The proposal that is there, or the one that was answered or seen before. */
static void answer(struct match *m, enum order_kind kind, bool former)
{
    const struct ledger *l = world_ledger(match_world(m), 0);
    if (!former && l != NULL && l->proposal.state != PROPOSAL_NONE)
        m->play->proposal = l->proposal.id;
    if (m->play->proposal == 0)
        play_fail(m->play, "there is no proposal yet");
    order(m, match_host(m, 0), (struct order){ .kind = kind, .to = REGION_NONE,
                                               .accepted_loss_bytes = -1, .accepted_loss_us = -1,
                                               .operation = m->play->proposal });
}

static void approves(struct match *m) { answer(m, ORDER_APPROVE, false); }
static void declines(struct match *m) { answer(m, ORDER_DECLINE, false); }
static void approves_former(struct match *m) { answer(m, ORDER_APPROVE, true); }
static void declines_former(struct match *m) { answer(m, ORDER_DECLINE, true); }

static void order_failover_of(struct match *m)
{
    struct order o = failover_to(m, 2);
    o.skipped_gates = strcmp(m->word[3], "nothing") == 0 ? 0 : 1u << words_gate(m->word[3]);
    (void)snprintf(o.by.s, sizeof o.by.s, "a person");
    world_order(match_world(m), match_host(m, 0), (uint8_t)match_number(m, 1), &o);
}

const struct row when_rows[] = {
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
    { "guard of % is mended", guard_mended },
    { "observer of % breaks", observer_breaks },
    { "observer of % is mended", observer_mended },
    { "the name server is down everywhere", names_down },
    { "the name server is up again", names_up },
    { "coordinator % will stand still before act %", host_stops_before },
    { "the machine of % stands still for %", machine_stands },
    { "the calendar of % is set by %", calendar_steps },
    { "the file of % says lease %", file_says_lease },
    { "database % is killed", db_killed },
    { "database % is started", db_started },
    { "database % freezes", db_freezes },
    { "database % wakes", db_wakes },
    { "database % rejoins %", rejoins },
    { "the remote hook of % is undone", remote_hook_undone },
    { "endpoints of % fail", endpoints_fail },
    { "endpoints of % work", endpoints_work },
    { "% and % are cut", cut_both },
    { "the way from % to % is cut", cut_one },
    { "the way from coordinator % to coordinator % is cut", cut_link },
    { "% is isolated", isolated },
    { "% and % meet again", meet_again },
    { "messages between % and % take %", slow_path },
    { "the network loses % percent", lossy },
    { "the network doubles % percent", doubling },
    { "the network sends everything again after %", everything_again },
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
    { "a person at % orders failover to % accepting %", order_accepting_time },
    { "a person at % orders failover to % accepting % bytes", order_accepting_bytes },
    { "a person at % orders failover to % accepting % bytes and %", order_accepting_both },
    { "a person at % orders switchover to %", order_switchover },
    { "a person at % orders switchover to % in %", order_switchover_later },
    { "a person at % orders failback to % in % of %", order_failback },
    { "a person at % skips the stage", stage_skipped },
    { "a person at % skips the stage of the last", stage_of_the_last_skipped },
    { "a person at % acknowledges", order_ack },
    { "a person at % orders adopt", order_adopt },
    { "a person at % pauses for %", order_pause },
    { "a person at % pauses", order_pause_for_good },
    { "a person at % pauses with many words", order_pause_with_words },
    { "a person at % resumes", order_resume },
    { "a person at % holds the operation", order_hold },
    { "a person at % lets the operation go on", order_go },
    { "a person at % sends the operation back", order_back },
    { "a person at % ticks item %", order_tick },
    { "a person at % ticks item % of the last", order_tick_of_the_last },
    { "a person at % approves", approves },
    { "a person at % declines", declines },
    { "a person at % approves what was proposed before", approves_former },
    { "a person at % declines what was proposed before", declines_former },
    { "a person at % orders failover of service % to % skipping %", order_failover_of },
    { "a person at % breaks the glass for %", break_glass },
    { "a person at % reconciles keeping %", reconcile_keeping },
    { "a person at % reconciles keeping % though the marked database may be open", reconcile_skipping },
    { "a person at % reconciles the mark of % keeping %", reconcile_mark_of },
    { "a person at % reconciles the same mark keeping %", reconcile_once_more },
    { "a person at % orders voter % %", order_voter },
    { "a person makes a new store at %", new_store },
    { NULL, NULL },
};
