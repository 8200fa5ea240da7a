/* Filling the view of one service: see view.h. Reads everything, changes nothing. */
#include "policy/view.h"

#include "policy/quorum/majority.h"
#include "policy/service.h"

static void view_nodes(const struct service *s, const struct turn *turn, struct view_service *v)
{
    node_set voting = 0;
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct peer *peer = &turn->peers[n];
        bool self = n == turn_self(turn);
        v->nodes[n] = (struct view_node){
            .linked = self || peer->linked,
            .heard = self || peer->heard,
            .heard_age_us = self ? 0 : peer->heard ? mono_since(turn->now, peer->heard_at)
                                                   : AGE_UNKNOWN_US,
            .voter = node_in(electorate_all(turn->voters), n),
            .voting = self ? turn->voting : s->remotes[n].voting && turn_heard(turn, n),
        };
        if (node_in(electorate_all(turn->voters), n) && turn_heard(turn, n) && v->nodes[n].voting)
            voting = (node_set)(voting | node_bit(n));
        if (!self && s->remotes[n].heard && s->remotes[n].settings != 0 &&
            s->remotes[n].settings != s->settings) {
            v->settings_differ = true;
            v->settings_differ_node = n;
        }
    }
    v->voters_needed = electorate_needed(turn->voters);
    v->voters_heard = electorate_counted(turn->voters, voting);
    v->quorum = electorate_has(turn->voters, voting);
}

static void view_observers(const struct service *s, const struct turn *turn, region_id region,
                           struct view_region *v)
{
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct opinion *o = &s->health.opinions[region][n];
        if (!o->heard)
            continue;
        bool stale = mono_since(turn->now, o->at) > s->policy->evidence_max_age_us;
        v->observers[n] = (struct view_observer){
            .present = true,
            .age_us = mono_since(turn->now, o->at),
            .verdict = stale ? VERDICT_UNKNOWN : o->verdict.verdict,
            .reason = stale ? REASON_STALE : o->verdict.reason,
            .check = o->verdict.check,
            .standing_us = mono_since(turn->now, o->verdict.since),
            .detail = o->verdict.detail,
        };
    }
    v->failed_votes = tally_failed(turn->voters, s->health.opinions[region],
                                   s->policy->evidence_max_age_us, turn->now).votes;
}

static void view_database(const struct service *s, const struct turn *turn, region_id region,
                          struct view_region *v)
{
    v->database_observer = NODE_NONE;
    const struct sighting *seen = service_sighting(s, region, &v->database_observer);
    if (seen == NULL)
        return;
    v->database = seen->facts;
    v->database_age_us = mono_since(turn->now, seen->at);
    if (!seen->facts.in_recovery)
        return;
    struct loss loss = watch_loss(s, turn, region, seen->facts.lsn);
    v->lag_known = loss.known;
    v->lag_bytes = loss.bytes;
    v->lag_us = loss_time(&loss);
    v->lag_age_us = loss.age_us;
}

static void view_own_guard(const struct service *s, const struct turn *turn, struct view_region *v)
{
    const struct guard *g = &s->guard;
    v->guard_heard = true;
    v->guard_node = turn_self(turn);
    v->guard_ready = g->ready;
    v->guard_kernel = g->kernel;
    v->fence = g->fence;
    v->lease_left_us = g->lease.deadline.us > 0 ? lease_left_us(&g->lease, turn->now) : 0;
}

static void view_guard(const struct service *s, const struct turn *turn, region_id region,
                       struct view_region *v)
{
    node_set guards = s->policy->regions[region].guards;
    const struct ledger *l = service_ledger(s);
    v->guard_node = NODE_NONE;
    if (node_in(guards, turn_self(turn))) {
        view_own_guard(s, turn, v);
        return;
    }
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct remote *r = &s->remotes[n];
        if (!node_in(guards, n) || !r->heard)
            continue;
        bool named = l != NULL && l->guard.node == n;
        if (v->guard_heard && !named)
            continue;
        v->guard_heard = true;
        v->guard_node = n;
        v->guard_ready = r->guard_ready;
        v->guard_kernel = r->kernel;
        v->fence = r->fence;
        v->lease_left_us = mono_since(r->lease_until, turn->now);
    }
}

static void view_region(const struct service *s, const struct turn *turn, region_id region,
                        struct view_region *v)
{
    const struct ledger *l = service_ledger(s);
    v->serves = s->policy->regions[region].serves;
    view_observers(s, turn, region, v);
    if (!v->serves)
        return;
    view_database(s, turn, region, v);
    view_guard(s, turn, region, v);
    v->candidate = l != NULL && l->writer != region;
    if (!v->candidate)
        return;
    gates_judge(s, turn, region, false, 0, NULL, v->gates);
    gates_judge(s, turn, region, true, 0, NULL, v->planned_gates);
    v->gates_open = gates_first_shut(v->gates) == GATE_COUNT;
}

static void view_checks(const struct service *s, const struct turn *turn, struct view_service *v)
{
    for (uint8_t c = 0; c < s->policy->check_count; c++) {
        struct threshold t = s->health.thresholds[c]; /* a copy: looking may not change it */
        v->checks[c] = (struct view_check){
            .verdict = threshold_state(&t, &s->policy->checks[c], turn->now),
            .sampled = t.sampled,
            .last = t.last_outcome,
            .last_age_us = t.sampled ? mono_since(turn->now, t.last) : AGE_UNKNOWN_US,
            .latency_us = t.latency_us,
            .failures = t.failures,
            .run_us = t.running ? mono_since(turn->now, t.run_start) : 0,
            .detail = t.detail,
        };
    }
}

static void view_operation(const struct service *s, const struct turn *turn,
                           struct view_operation *v)
{
    const struct ledger *l = service_ledger(s);
    const struct operation_run *run = &s->run;
    v->running = l != NULL && l->operation.kind != OPERATION_NONE;
    v->here = run->active;
    v->loss_bytes = -1;
    if (!run->active)
        return;
    v->step = run->step;
    v->attempt = run->tries;
    v->step_us = mono_since(turn->now, run->step_started);
    v->total_us = mono_since(turn->now, run->started);
    v->overdue = run->overdue;
    int64_t left = mono_since(run->wait_until, turn->now);
    v->wait_left_us = run->wait_version != 0 && left > 0 ? left : 0;
    v->proof = run->proof;
    if (run->loss.known) {
        v->loss_bytes = run->loss.bytes;
        v->loss_us = loss_time(&run->loss);
        v->loss_age_us = run->loss.age_us;
    }
    v->detail = run->detail;
    v->in_force = run->step == STEP_SHIFT && run->shift_at == SHIFT_HOLD;
    if (!v->in_force)
        return;
    v->in_force_us = mono_since(turn->now, run->in_force_at);
    int64_t next = mono_since(mono_after(run->well_since, l->operation.shift.hold_us), turn->now);
    v->next_us = l->operation.wish == WISH_GO && run->well_since.us > 0 && next > 0 ? next : 0;
}

static void view_cut_off(const struct service *s, const struct turn *turn, struct view_cut_off *v)
{
    const struct cut_off *cut = &s->cut_off;
    if (cut->operation == 0)
        return;
    *v = (struct view_cut_off){
        .known = true,
        .running = s->run.active && s->run.id == cut->operation && s->run.step == STEP_FENCE && s->run.in_flight,
        .confirmed = cut->confirmed,
        .region = cut->region,
        .operation = cut->operation,
        .age_us = mono_since(turn->now, cut->at),
        .detail = cut->detail,
    };
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct sighting *seen = &s->health.sightings[cut->region][n];
        bool outside = turn->config->region_of[n] != cut->region;
        v->seen_since = v->seen_since || (outside && seen->known && seen->at.us > cut->at.us);
    }
}

static void view_marks(const struct service *s, const struct turn *turn, struct view_service *v)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        v->marks[n] = s->marks[n];
    v->glass = (struct view_glass){
        .own = glass_own(s) != NULL,
        .open = glass_holds(s, turn) && s->guard.fence == FENCE_OPEN,
        .durable = s->glass.on_disk != MARK_NONE,
        .detail = s->glass.detail,
    };
}

void service_view(const struct service *s, const struct turn *turn, struct view_service *v)
{
    *v = (struct view_service){ .settings_differ_node = NODE_NONE,
                                .ledger_age_us = AGE_UNKNOWN_US };
    const struct ledger *l = service_ledger(s);
    if (l != NULL) {
        v->ledger_known = true;
        v->ledger = *l;
        v->ledger_age_us = mono_since(turn->now, s->learner.chosen_at);
        v->lease_differs = l->lease_us != s->policy->lease_us ||
                           l->clock_error_ppm != s->policy->clock_error_ppm ||
                           l->fence != s->policy->fence;
    }
    const struct sighting *own = &s->health.sightings[s->home][turn_self(turn)];
    if (!own->known || !own->facts.walreceiver_live)
        v->follow = s->follow.detail;
    v->abstaining = s->health.abstaining;
    view_nodes(s, turn, v);
    for (region_id r = 0; r < turn->config->region_count; r++)
        view_region(s, turn, r, &v->regions[r]);
    view_checks(s, turn, v);
    view_operation(s, turn, &v->operation);
    view_cut_off(s, turn, &v->cut_off);
    v->ack = s->ack;
    v->proposal_age_us = s->approval.id != 0 ? mono_since(turn->now, s->approval.learnt) : 0;
    v->proposal_left_us = s->approval.id != 0 ? s->policy->approve_within_us - v->proposal_age_us : 0;
    v->proposal_withdrawn = s->approval.withdrawn;
    view_marks(s, turn, v);
}

uint64_t view_mark(const struct view_service *v, region_id keep)
{
    const struct mark *mark = NULL;
    for (region_id r = 0; mark == NULL && r < POLICY_REGIONS_MAX; r++)
        mark = r != keep ? mark_of_region(v->marks, r) : NULL;
    mark = mark != NULL ? mark : mark_of_region(v->marks, keep);
    return mark != NULL ? mark->id : 0;
}
