/* The executor: what it does not do before its time. Whole operations are played in
 * tests/scenario/; here are the conditions of the single steps. */
#include "tests/unit/service_fixture.h"
#include "tests/unit/suite.h"

#define NOW 100

/* Node 1 carries out operation 7 to its region: begun, the old lease waited out, its own fence
 * shut, every gate open. */
static struct service *at_step(struct ledger ledger, enum step_id step)
{
    struct service *s = service_of(1, ledger, NOW);
    for (node_id n = 0; n < 3; n++)
        s->health.opinions[0][n] = (struct opinion){
            true, AT(NOW), { .verdict = VERDICT_FAILED, .since = AT(40) } };
    s->health.opinions[1][1] = (struct opinion){
        true, AT(NOW), { .verdict = VERDICT_HEALTHY, .since = AT(40) } };
    s->health.sightings[1][1] = (struct sighting){
        true, AT(NOW), { .known = true, .in_recovery = true, .timeline = 1, .lsn = 5000 } };
    s->health.series_region = 0;
    loss_sample(&s->health.writer_series, 1, 5000, AT(40));
    s->health.streaming_at = AT(40);
    s->guard.fence = FENCE_CONFIRMED;
    s->guard.wanted = ACT_FENCE_SHUT;
    s->run = (struct operation_run){ .active = true, .id = 7, .kind = OPERATION_FAILOVER,
                                     .step = step, .step_started = AT(90),
                                     .step_deadline = AT(200), .abort_gate = GATE_COUNT,
                                     .wait_version = ledger.version, .wait_until = AT(99) };
    s->wait_version = ledger.version;
    return s;
}

static void hold_lease(struct service *s, int64_t sent_s)
{
    lease_enter(&s->guard.lease, service_ledger(s)->epoch);
    uint64_t nonce = lease_attempt(&s->guard.lease, AT(sent_s));
    for (node_id n = 0; n < 2; n++)
        (void)lease_granted(&s->guard.lease, electorate_of(VOTERS_OF_3), n, s->guard.lease.epoch, nonce,
                            SECONDS(2));
}

static void run(struct service *s, int64_t now_s)
{
    struct turn turn = turn_at(now_s);
    operation_run_step(s, &turn);
}

static bool proposes(void)
{
    return message_sent(MESSAGE_PREPARE) != NULL;
}

static void grant_with_proof_and_a_shut_target(void)
{
    struct service *s = at_step(fixture_begun(), STEP_GRANT);
    run(s, NOW);
    CU_ASSERT(proposes());
    CU_ASSERT_EQUAL(s->proposer.goal.writer, 1);
    CU_ASSERT_EQUAL(s->proposer.goal.operation.phase, PHASE_GRANTED);
}

static void no_grant_before_the_lease_has_run_out(void)
{
    struct service *s = at_step(fixture_begun(), STEP_GRANT);
    s->run.wait_until = AT(NOW + 1);
    run(s, NOW);
    CU_ASSERT_FALSE(proposes());
}

/* The wait is that of a round of this process, for exactly this ledger. */
static void no_grant_on_the_wait_of_another_ledger(void)
{
    struct service *s = at_step(fixture_begun(), STEP_GRANT);
    s->run.wait_version--;
    run(s, NOW);
    CU_ASSERT(!proposes() || s->proposer.goal.operation.phase != PHASE_GRANTED);
}

static void no_grant_while_the_targets_own_fence_is_open(void)
{
    struct service *s = at_step(fixture_begun(), STEP_GRANT);
    s->guard.fence = FENCE_CLOSING;
    run(s, NOW);
    CU_ASSERT_FALSE(proposes());
    s = at_step(fixture_begun(), STEP_GRANT);
    s->guard.wanted = ACT_FENCE_READS; /* confirmed once, about to open */
    run(s, NOW);
    CU_ASSERT_FALSE(proposes());
}

/* Where nothing enforces the lease, its end proves nothing. */
static void no_grant_on_the_end_of_a_guarded_or_kept_lease(void)
{
    struct ledger l = fixture_begun();
    l.fence = FENCE_GUARDED;
    struct service *s = at_step(l, STEP_GRANT);
    run(s, NOW);
    CU_ASSERT_FALSE(proposes());
    s->remotes[0] = (struct remote){ .heard = true, .instance = guard_of_0, .released_epoch = 1 };
    run(s, NOW);
    CU_ASSERT(proposes());
    l = fixture_begun();
    l.keep_on_quorum_loss = true;
    s = at_step(l, STEP_GRANT);
    run(s, NOW);
    CU_ASSERT_FALSE(proposes());
}

/* ---- the switchover ---- */

/* Behind the old writer's fence, given back by its guard, which has not said yet how far it wrote. */
static struct service *switching_over(enum step_id step)
{
    struct ledger first = fixture_first();
    struct begin_terms terms = fixture_terms(7, 1, 1);
    terms.kind = OPERATION_SWITCHOVER;
    terms.forced = true;
    struct service *s = at_step(ledger_begin(&first, &terms), step);
    s->run.kind = OPERATION_SWITCHOVER;
    s->remotes[0] = (struct remote){ .heard = true, .instance = guard_of_0, .released_epoch = 1 };
    s->run.proof = PROOF_RELEASED;
    return s;
}

static void the_writer_says(struct service *s, uint64_t epoch, uint64_t lsn)
{
    s->remotes[0].last = (struct last_word){ .epoch = epoch, .lsn = lsn, .timeline = 1 };
}

static void a_switchover_waits_for_all_that_was_acknowledged(void)
{
    struct service *s = switching_over(STEP_CATCH_UP);
    see(s, 0, 0, (struct database_facts){ .timeline = 1, .lsn = 1000 }, NOW); /* nobody's look counts but its guard's */
    run(s, NOW);
    CU_ASSERT_FALSE(s->run.last_known);
    the_writer_says(s, 3, 1000); /* of another lease */
    run(s, NOW);
    CU_ASSERT_FALSE(s->run.last_known);
    the_writer_says(s, 1, 1000);
    s->remotes[0].instance.id++; /* another instance's */
    run(s, NOW);
    CU_ASSERT_FALSE(s->run.last_known);
    s->remotes[0].instance.id--;
    the_writer_says(s, 1, 6000);
    run(s, NOW);
    CU_ASSERT_EQUAL(s->run.step, STEP_CATCH_UP);
    CU_ASSERT_EQUAL(s->run.last_lsn, 6000);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_COMPARE)); /* the target is looked at at once */
    see(s, 1, 1, (struct database_facts){ .in_recovery = true, .timeline = 1, .lsn = 6000 }, NOW);
    run(s, NOW);
    CU_ASSERT_EQUAL(s->run.step, STEP_FREEZE);
}

static void a_switchover_that_cannot_catch_up_goes_back(void)
{
    struct service *s = switching_over(STEP_CATCH_UP);
    the_writer_says(s, 1, 6000);
    run(s, 201);
    CU_ASSERT_EQUAL(s->run.abort_gate, GATE_LOSS_WITHIN_RPO);
    CU_ASSERT(s->run.step == STEP_UNDO || s->run.step == STEP_ABORT);
    s = switching_over(STEP_GRANT); /* whoever came here without having looked */
    run(s, NOW);
    CU_ASSERT_FALSE(proposes());
    CU_ASSERT_EQUAL(s->run.abort_gate, GATE_LOSS_WITHIN_RPO);
}

/* The lease's end, which proves a failover's fence, does not say what was acknowledged last. */
static void only_the_writers_guard_proves_a_switchovers_fence(void)
{
    struct service *s = switching_over(STEP_FENCE);
    s->remotes[0].released_epoch = 0;
    run(s, NOW);
    CU_ASSERT_EQUAL(s->run.step, STEP_FENCE);
    s->remotes[0].released_epoch = 1;
    run(s, NOW);
    CU_ASSERT_NOT_EQUAL(s->run.step, STEP_FENCE);
    s->remotes[0].instance.id++; /* said once it stays true */
    s->run.step = STEP_CATCH_UP;
    run(s, NOW);
    CU_ASSERT_EQUAL(s->run.proof, PROOF_RELEASED);
}

/* ---- the remote hook ---- */

static struct service *with_hook(bool keeps)
{
    struct ledger l = fixture_begun();
    l.fence = FENCE_GUARDED;
    l.keep_on_quorum_loss = keeps;
    struct service *s = at_step(l, STEP_FENCE);
    fixture_config.services[0].regions[0].remote_hook_us = SECONDS(5);
    return s;
}

static void hook_ends(struct service *s, enum act_outcome outcome, int64_t now_s)
{
    struct turn turn = turn_at(now_s);
    const struct ledger *l = service_ledger(s);
    struct act_result result = { .kind = ACT_FENCE_REMOTE, .outcome = outcome,
                                 .key = { 0, STEP_FENCE, s->run.attempt, l->epoch, s->run.id } };
    operation_act_done(s, &turn, &result);
    operation_run_step(s, &turn);
}

static void a_remote_hook_proves_for_its_operation_and_epoch(void)
{
    for (int keeps = 0; keeps < 2; keeps++) {
        struct service *s = with_hook(keeps);
        run(s, NOW);
        CU_ASSERT_PTR_NOT_NULL_FATAL(act_sent(ACT_FENCE_REMOTE));
        CU_ASSERT_EQUAL(act_sent(ACT_FENCE_REMOTE)->region, 0);
        CU_ASSERT_EQUAL(act_sent(ACT_FENCE_REMOTE)->deadline.us, AT(NOW + 5).us);
        hook_ends(s, ACT_DONE, NOW + 1);
        CU_ASSERT_EQUAL(s->run.proof, PROOF_REMOTE);
        CU_ASSERT_EQUAL(s->run.step, STEP_FREEZE);
        /* At the grant it counts in that epoch of that operation alone. */
        struct cut_off told = s->cut_off;
        for (int other = 0; other < 3; other++) {
            s = with_hook(keeps);
            s->run.step = STEP_GRANT;
            s->cut_off = told;
            s->cut_off.operation += other == 1;
            s->cut_off.epoch -= other == 2;
            run(s, NOW);
            CU_ASSERT_EQUAL(proposes(), other == 0);
        }
    }
}

static void only_a_remote_hook_that_confirms_proves(void)
{
    static const enum act_outcome not_well[] = { ACT_FAILED, ACT_RETRY, ACT_UNKNOWN, ACT_REFUSED };
    for (size_t i = 0; i < sizeof not_well / sizeof not_well[0]; i++) {
        struct service *s = with_hook(false);
        run(s, NOW);
        hook_ends(s, not_well[i], NOW + 1);
        CU_ASSERT_EQUAL(s->run.proof, PROOF_NONE);
        CU_ASSERT_EQUAL(s->run.step, STEP_FENCE);
        CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_REMOTE)); /* after a pause */
        run(s, NOW + 3);
        CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_REMOTE));
    }
}

static void nobody_is_cut_off_too_early_or_without_evidence(void)
{
    struct service *s = with_hook(false);
    s->run.wait_until = AT(NOW + 1); /* the guard may still confirm */
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_REMOTE));
    s = with_hook(false);
    s->health.opinions[0][0].verdict.verdict = s->health.opinions[0][2].verdict.verdict = VERDICT_UNKNOWN;
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_REMOTE));
    s->learner.chosen.operation.forced = true; /* a person's order is no evidence; a gate named by one is */
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_REMOTE));
    s->learner.chosen.operation.skipped_gates = 1u << GATE_MAJORITY_FAILED;
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_REMOTE));
    s = with_hook(false); /* never the target's own region */
    s->learner.chosen.guard = guard_of_1;
    fixture_config.services[0].regions[1].remote_hook_us = SECONDS(5);
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_REMOTE));
}

/* Cut off, the region looks failed or not by the hook's doing; and it is not named again lightly. */
static void a_region_cut_off_is_not_gone_back_to_lightly(void)
{
    struct service *s = with_hook(false);
    run(s, NOW);
    hook_ends(s, ACT_DONE, NOW + 1);
    for (node_id n = 0; n < 3; n++)
        s->health.opinions[0][n].verdict.verdict = VERDICT_HEALTHY;
    s->run.step = STEP_GRANT;
    run(s, NOW + 1);
    CU_ASSERT(proposes());
    s = with_hook(false);
    run(s, NOW);
    hook_ends(s, ACT_DONE, NOW + 1);
    s->health.sightings[1][1].facts.timeline = 2; /* a gate of the target */
    s->run.step = STEP_GRANT;
    run(s, NOW + 1);
    CU_ASSERT_FALSE(proposes());
    CU_ASSERT_EQUAL(s->run.step, STEP_GRANT);
    s->run.overdue = true;
    run(s, NOW + 1);
    CU_ASSERT_EQUAL(s->run.step, STEP_UNDO);
}

static void a_release_needs_no_waiting(void)
{
    struct service *s = at_step(fixture_begun(), STEP_GRANT);
    s->run.wait_until = AT(NOW + 1);
    s->remotes[0] = (struct remote){ .heard = true, .instance = guard_of_0, .released_epoch = 1 };
    run(s, NOW);
    CU_ASSERT(proposes());
}

static void evidence_to_the_contrary_leads_back(void)
{
    struct service *s = at_step(fixture_begun(), STEP_GRANT);
    for (node_id n = 0; n < 3; n++)
        s->health.opinions[0][n].verdict.verdict = VERDICT_HEALTHY;
    run(s, NOW);
    CU_ASSERT_EQUAL(s->run.step, STEP_UNDO);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_THAW));
    CU_ASSERT_FALSE(proposes());
}

static void a_target_on_another_timeline_is_never_granted(void)
{
    struct service *s = at_step(fixture_begun(), STEP_GRANT);
    s->health.sightings[1][1].facts.timeline = 9;
    run(s, NOW);
    CU_ASSERT(!proposes() || s->proposer.goal.operation.phase != PHASE_GRANTED);
}

static void promote_only_under_the_lease(void)
{
    struct service *s = at_step(fixture_granted(), STEP_PROMOTE);
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_PROMOTE));
    hold_lease(s, NOW - 1);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(act_sent(ACT_PROMOTE));
    CU_ASSERT_EQUAL(act_sent(ACT_PROMOTE)->until.us, SECONDS(NOW + 1));
    CU_ASSERT_EQUAL(act_sent(ACT_PROMOTE)->key.epoch, 3);
    CU_ASSERT_EQUAL(act_sent(ACT_PROMOTE)->key.operation, 7);
}

static void a_lease_of_an_older_epoch_promotes_nothing(void)
{
    struct service *s = at_step(fixture_granted(), STEP_PROMOTE);
    hold_lease(s, NOW - 1);
    s->guard.lease.epoch = 2;
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_PROMOTE));
}

/* Completions of another attempt, step, epoch or operation change nothing. */
static void late_completions_are_dropped(void)
{
    struct service *s = at_step(fixture_granted(), STEP_PROMOTE);
    hold_lease(s, NOW - 1);
    run(s, NOW);
    struct turn turn = turn_at(NOW);
    const struct act_key good = { 0, STEP_PROMOTE, s->run.attempt, 3, 7 };
    struct act_key keys[4] = { good, good, good, good };
    keys[0].attempt++;
    keys[1].step = STEP_FREEZE;
    keys[2].epoch = 2;
    keys[3].operation = 8;
    for (size_t i = 0; i < 4; i++) {
        struct act_result r = { .kind = ACT_PROMOTE, .key = keys[i], .outcome = ACT_DONE };
        operation_act_done(s, &turn, &r);
        CU_ASSERT_FALSE(s->run.answered);
        CU_ASSERT(s->run.in_flight);
    }
    struct act_result r = { .kind = ACT_PROMOTE, .key = good, .outcome = ACT_DONE };
    operation_act_done(s, &turn, &r);
    CU_ASSERT(s->run.answered);
}

static void an_act_under_way_is_not_sent_twice(void)
{
    struct service *s = at_step(fixture_granted(), STEP_PROMOTE);
    hold_lease(s, NOW - 1);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_PROMOTE));
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_PROMOTE));
}

static void answer(struct service *s, enum act_kind kind, struct act_result r)
{
    struct turn turn = turn_at(NOW);
    r.kind = kind;
    r.key = (struct act_key){ 0, (uint8_t)s->run.step, s->run.attempt, 3, 7 };
    operation_act_done(s, &turn, &r);
}

/* DNS is read, then a majority is asked, then it is changed: never on what was believed earlier. */
static void dns_is_changed_only_after_a_renewal_that_was_sent_after_reading(void)
{
    struct service *s = at_step(fixture_granted(), STEP_CUT_OVER);
    hold_lease(s, NOW - 1);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_DNS_READ));
    answer(s, ACT_DNS_READ, (struct act_result){ .outcome = ACT_DONE, .mark = DNS_MARK_OURS,
                                                 .mark_epoch = 1, .mark_operation = 4 });
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_DNS_SUBMIT)); /* the lease we hold was asked for before */
    uint64_t nonce = lease_attempt(&s->guard.lease, AT(NOW));
    for (node_id n = 0; n < 2; n++)
        (void)lease_granted(&s->guard.lease, electorate_of(VOTERS_OF_3), n, 3, nonce, SECONDS(2));
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_DNS_SUBMIT));
}

static void a_newer_mark_stops_a_stale_executor(void)
{
    struct service *s = at_step(fixture_granted(), STEP_CUT_OVER);
    hold_lease(s, NOW - 1);
    run(s, NOW);
    answer(s, ACT_DNS_READ, (struct act_result){ .outcome = ACT_DONE, .mark = DNS_MARK_OURS,
                                                 .mark_epoch = 5, .mark_operation = 9 });
    hold_lease(s, NOW);
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_DNS_SUBMIT));
    CU_ASSERT_EQUAL(s->run.dns_stage, DNS_STAGE_READ);
}

static void nothing_is_done_for_an_operation_of_another_node(void)
{
    struct ledger l = fixture_begun();
    l.operation.executor = 2;
    struct service *s = at_step(l, STEP_GRANT);
    fixture_peers[2] = (struct peer){ .heard = true, .heard_at = AT(NOW) };
    run(s, NOW);
    CU_ASSERT_FALSE(proposes());
    CU_ASSERT_FALSE(s->run.active);
}

/* A silent executor is replaced by another coordinator of the target region, and only by one. */
static void a_silent_executor_is_taken_over_from(void)
{
    struct ledger l = fixture_begun();
    l.operation.executor = 2;
    struct service *s = at_step(l, STEP_GRANT);
    s->run.active = false;
    fixture_config.services[0].regions[1].guards = 6;
    fixture_peers[2] = (struct peer){ .heard = true, .heard_at = AT(NOW - 3) };
    run(s, NOW);
    CU_ASSERT_FALSE(proposes());
    fixture_peers[2].heard_at = AT(NOW - 5); /* more than four heartbeats */
    run(s, NOW);
    CU_ASSERT(proposes());
    CU_ASSERT_EQUAL(s->proposer.goal.operation.executor, 1);
    s = at_step(l, STEP_GRANT);
    s->run.active = false;
    s->guard.ready = false;
    fixture_config.services[0].regions[1].guards = 6;
    fixture_peers[2].heard_at = AT(NOW - 5);
    run(s, NOW);
    CU_ASSERT_FALSE(proposes());
}

/* What ends a mark is left to the mark's maker for as long as the mark may stand. */
static void what_ends_a_mark_is_taken_over_once_it_was_given_up(void)
{
    const struct {
        enum mark_state state;
        uint64_t id, reconciled;
        bool taken;
    } cases[] = {
        { MARK_STANDS, 9, 0, false }, { MARK_GIVEN, 9, 0, true },  { MARK_SHUT, 9, 0, true },
        { MARK_NONE, 0, 0, false },   { MARK_SHUT, 8, 0, false },  { MARK_NONE, 0, 9, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ledger l = fixture_begun();
        l.operation.executor = 2;
        l.operation.mark = 9;
        l.operation.may_return = false;
        l.reconciled[0] = cases[i].reconciled;
        struct service *s = at_step(l, STEP_GRANT);
        s->run.active = false;
        s->marks[1] = (struct mark){ .state = cases[i].state, .id = cases[i].id, .maker = { 1002, 2 }, .region = 1,
                                     .yields = REGION_NONE, .at = { 7 } };
        fixture_config.services[0].regions[1].guards = 6;
        fixture_peers[2] = (struct peer){ .heard = true, .heard_at = AT(NOW - 5) };
        run(s, NOW);
        CU_ASSERT_EQUAL(proposes(), cases[i].taken);
    }
}

/* ---- a person's word ---- */

/* The ledger as it is after `wish` was chosen on top of what `s` knows. */
static void told(struct service *s, enum operation_wish wish)
{
    struct said said = { { 1 }, { "a person" }, { "a test" } };
    s->learner = learner_that_knows(ledger_wish(service_ledger(s), wish, &said));
    s->proposer.state = PROPOSER_IDLE;
}

static void held_it_stands_still_and_no_deadline_runs(void)
{
    struct service *s = at_step(fixture_begun(), STEP_GRANT);
    told(s, WISH_HOLD);
    run(s, NOW);
    run(s, 1000);
    CU_ASSERT_FALSE(proposes());
    CU_ASSERT_FALSE(s->run.overdue);
    CU_ASSERT_EQUAL(s->run.step, STEP_GRANT);
    told(s, WISH_GO);
    s->wait_version = service_ledger(s)->version; /* a round of ours had it chosen */
    run(s, 1000);
    CU_ASSERT_FALSE(s->run.overdue);
    CU_ASSERT_EQUAL(s->run.step_deadline.us, AT(200 + 900).us);
    CU_ASSERT_EQUAL(s->run.step_started.us, AT(90 + 900).us);
}

static void held_it_sends_no_act_and_keeps_what_comes_back(void)
{
    struct service *s = at_step(fixture_granted(), STEP_PROMOTE);
    hold_lease(s, NOW);
    told(s, WISH_HOLD);
    run(s, NOW);
    CU_ASSERT_PTR_NULL(act_sent(ACT_PROMOTE));
    told(s, WISH_GO);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(act_sent(ACT_PROMOTE));
    struct turn turn = turn_at(NOW);
    struct act_result done = { .kind = ACT_PROMOTE, .outcome = ACT_DONE,
                               .key = { 0, STEP_PROMOTE, s->run.attempt, service_ledger(s)->epoch, 7 } };
    told(s, WISH_HOLD);
    operation_act_done(s, &turn, &done);
    run(s, NOW);
    CU_ASSERT_EQUAL(s->run.step, STEP_PROMOTE);
    told(s, WISH_GO);
    run(s, NOW);
    CU_ASSERT_EQUAL(s->run.step, STEP_OPEN);
}

/* Its executor had waited for the value before; until it knows as much of this one, nothing rests on it. */
static void a_word_has_the_wait_learnt_again(void)
{
    for (int64_t now = NOW; now <= 300; now += 200) { /* past its deadline too, it does not go back for that */
        struct service *s = at_step(fixture_begun(), STEP_GRANT);
        told(s, WISH_HOLD);
        told(s, WISH_GO);
        for (node_id n = 0; n < 3; n++)
            s->health.opinions[0][n].at = s->health.opinions[1][n].at = AT(now);
        s->health.sightings[1][1].at = AT(now);
        run(s, now);
        CU_ASSERT_FATAL(proposes());
        CU_ASSERT_EQUAL(s->proposer.goal.operation.phase, PHASE_BEGUN);
        CU_ASSERT_EQUAL(s->proposer.goal.operation.id, 7);
        CU_ASSERT_EQUAL(s->run.step, STEP_GRANT);
        s->learner = learner_that_knows(s->proposer.goal);
        s->proposer.state = PROPOSER_IDLE;
        s->wait_version = service_ledger(s)->version;
        s->wait_until = AT(now - 1);
        run(s, now); /* learns it */
        run(s, now);
        CU_ASSERT_EQUAL(s->proposer.goal.operation.phase, PHASE_GRANTED);
    }
}

static void a_release_needs_no_wait_after_a_word_either(void)
{
    struct service *s = at_step(fixture_begun(), STEP_GRANT);
    s->remotes[0] = (struct remote){ .heard = true, .instance = guard_of_0, .released_epoch = 1 };
    told(s, WISH_HOLD);
    told(s, WISH_GO);
    run(s, NOW);
    CU_ASSERT_FATAL(proposes());
    CU_ASSERT_EQUAL(s->proposer.goal.operation.phase, PHASE_GRANTED);
}

static void sent_back_it_goes_back_from_any_step_before_the_grant(void)
{
    for (const struct plan_step *row = plan_first(OPERATION_FAILOVER); row->step != STEP_LEASE;
         row = plan_next(OPERATION_FAILOVER, row)) {
        struct service *s = at_step(fixture_begun(), row->step);
        told(s, WISH_BACK);
        s->proposed_operation = 7; /* ours, and nothing is frozen */
        run(s, NOW);
        CU_ASSERT_EQUAL(s->run.step, STEP_ABORT);
        CU_ASSERT_FATAL(proposes());
        CU_ASSERT_EQUAL(s->proposer.goal.operation.kind, OPERATION_NONE);
        CU_ASSERT_EQUAL(s->proposer.goal.writer, 0);
    }
}

/* Whoever held it may have undone the hook; and a hook that runs is awaited before it goes back. */
static void a_remote_hook_and_a_persons_word(void)
{
    struct service *s = with_hook(false);
    run(s, NOW);
    hook_ends(s, ACT_DONE, NOW + 1);
    CU_ASSERT_EQUAL(s->run.step, STEP_FREEZE);
    told(s, WISH_HOLD);
    run(s, NOW + 2);
    told(s, WISH_GO);
    run(s, NOW + 3);
    CU_ASSERT_FALSE(s->cut_off.confirmed);
    CU_ASSERT_EQUAL(s->run.step, STEP_BEGIN);
    s = with_hook(false);
    run(s, NOW);
    told(s, WISH_BACK);
    run(s, NOW + 1);
    CU_ASSERT_EQUAL(s->run.step, STEP_FENCE);
    hook_ends(s, ACT_DONE, NOW + 2);
    CU_ASSERT(s->run.step == STEP_UNDO || s->run.step == STEP_ABORT);
    CU_ASSERT(s->cut_off.confirmed);
}

static void a_pause_leads_back_what_began_by_itself_alone(void)
{
    for (int forced = 0; forced < 2; forced++) {
        struct service *s = at_step(fixture_begun(), STEP_GRANT);
        s->learner.chosen.operation.forced = forced;
        s->learner.chosen.pause.on = true;
        run(s, NOW);
        CU_ASSERT_EQUAL(s->run.went_back, !forced);
        CU_ASSERT(forced || s->run.abort_gate == GATE_NOT_PAUSED);
    }
}

/* The old writer's own coordinator, with nobody of the target left. */
static void held_it_is_not_called_back_and_sent_back_it_is(void)
{
    static const enum operation_wish wishes[] = { WISH_GO, WISH_HOLD, WISH_BACK };
    for (int failed = 0; failed < 2; failed++)
        for (size_t i = 0; i < 3; i++) {
            struct ledger l = fixture_begun();
            struct said said = { { 1 }, { "" }, { "" } };
            if (wishes[i] != WISH_GO)
                l = ledger_wish(&l, wishes[i], &said);
            struct service *s = service_of(0, l, NOW);
            opine(s, 0, 0, failed ? VERDICT_FAILED : VERDICT_HEALTHY, NOW, 40);
            s->guard.mine = true;
            s->guard.self = guard_of_0;
            fixture_peers[1].heard_at = AT(NOW - 50);
            run(s, NOW);
            CU_ASSERT_EQUAL(proposes(), wishes[i] == WISH_BACK || (wishes[i] == WISH_GO && !failed));
        }
}

static void plans_are_sound_tables(void)
{
    static const struct {
        enum operation_kind kind;
        size_t steps;
    } plans[] = { { OPERATION_FAILOVER, 13 }, { OPERATION_ADOPT, 4 }, { OPERATION_SWITCHOVER, 14 },
                  { OPERATION_FAILBACK, 15 }, { OPERATION_NONE, 0 } };
    for (size_t k = 0; k < sizeof plans / sizeof plans[0]; k++) {
        enum operation_kind kind = plans[k].kind;
        bool back = true;
        size_t steps = 0;
        for (const struct plan_step *row = plan_first(kind); row->step != STEP_NONE; row = plan_next(kind, row)) {
            steps++;
            CU_ASSERT_STRING_NOT_EQUAL(step_name(row->step), "none");
            CU_ASSERT_PTR_EQUAL(plan_find(kind, row->step), row); /* once */
            CU_ASSERT(back || !row->back); /* no way back reopens */
            back = row->back;
        }
        CU_ASSERT_EQUAL(steps, plans[k].steps);
    }
    CU_ASSERT_PTR_NULL(plan_find(OPERATION_FAILOVER, STEP_UNDO));
    CU_ASSERT_PTR_NULL(plan_find(OPERATION_FAILOVER, STEP_CATCH_UP));
    CU_ASSERT_PTR_NULL(plan_find(OPERATION_SWITCHOVER, STEP_SHIFT));
}

SUITE_MAIN("operation", TEST(grant_with_proof_and_a_shut_target),
           TEST(no_grant_before_the_lease_has_run_out),
           TEST(no_grant_on_the_wait_of_another_ledger),
           TEST(no_grant_while_the_targets_own_fence_is_open),
           TEST(no_grant_on_the_end_of_a_guarded_or_kept_lease), TEST(a_release_needs_no_waiting),
           TEST(a_switchover_waits_for_all_that_was_acknowledged), TEST(a_switchover_that_cannot_catch_up_goes_back),
           TEST(only_the_writers_guard_proves_a_switchovers_fence),
           TEST(a_remote_hook_proves_for_its_operation_and_epoch), TEST(only_a_remote_hook_that_confirms_proves),
           TEST(nobody_is_cut_off_too_early_or_without_evidence), TEST(a_region_cut_off_is_not_gone_back_to_lightly),

           TEST(evidence_to_the_contrary_leads_back),
           TEST(a_target_on_another_timeline_is_never_granted), TEST(promote_only_under_the_lease),
           TEST(a_lease_of_an_older_epoch_promotes_nothing), TEST(late_completions_are_dropped),
           TEST(an_act_under_way_is_not_sent_twice),
           TEST(dns_is_changed_only_after_a_renewal_that_was_sent_after_reading),
           TEST(a_newer_mark_stops_a_stale_executor),
           TEST(nothing_is_done_for_an_operation_of_another_node),
           TEST(held_it_stands_still_and_no_deadline_runs), TEST(held_it_sends_no_act_and_keeps_what_comes_back),
           TEST(a_word_has_the_wait_learnt_again), TEST(a_release_needs_no_wait_after_a_word_either),
           TEST(sent_back_it_goes_back_from_any_step_before_the_grant), TEST(a_remote_hook_and_a_persons_word),
           TEST(a_pause_leads_back_what_began_by_itself_alone), TEST(held_it_is_not_called_back_and_sent_back_it_is),
           TEST(a_silent_executor_is_taken_over_from),
           TEST(what_ends_a_mark_is_taken_over_once_it_was_given_up), TEST(plans_are_sound_tables))
