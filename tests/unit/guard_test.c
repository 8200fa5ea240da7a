/* The guard: when it opens, when it shuts, when it gives its lease back. */
#include "tests/unit/service_fixture.h"
#include "tests/unit/suite.h"

/* Grants of nodes 1 and 2 to the attempt that was sent last. */
static void grant_last(struct service *s, int64_t s_at)
{
    const struct ledger *l = service_ledger(s);
    struct turn turn = turn_at(s_at);
    struct message_grant grant = { .instance = s->guard.self, .epoch = l->epoch,
                                   .nonce = s->guard.lease.nonce };
    guard_granted(s, &turn, 1, &grant);
    guard_granted(s, &turn, 2, &grant);
}

static void run(struct service *s, int64_t s_at)
{
    struct turn turn = turn_at(s_at);
    guard_run(s, &turn);
}

static void done(struct service *s, int64_t s_at, enum act_kind kind, enum act_outcome outcome)
{
    struct turn turn = turn_at(s_at);
    struct act_result r = { .kind = kind, .outcome = outcome,
                            .key = { .step = STEP_GUARD, .attempt = s->guard.attempt } };
    guard_act_done(s, &turn, &r);
}

static void finish_act(struct service *s, int64_t s_at, enum act_kind kind)
{
    done(s, s_at, kind, ACT_DONE);
}

/* Writer, lease sent at 10 and held until 12, database open. */
static struct service *holding(void)
{
    struct service *s = service_of(0, fixture_first(), 10);
    run(s, 10);
    grant_last(s, 10);
    if (s->guard.in_flight)
        finish_act(s, 10, s->guard.flying);
    run(s, 10);
    finish_act(s, 10, ACT_FENCE_HOLD);
    return s;
}

static void it_asks_all_voters_and_opens_until_the_deadline(void)
{
    struct service *s = service_of(0, fixture_first(), 2);
    run(s, 2);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_RENEW)); /* it has just started, and hears the others first */
    s->remotes[1].heard = s->remotes[2].heard = true;
    run(s, 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message_sent(MESSAGE_RENEW));
    CU_ASSERT_EQUAL(message_sent(MESSAGE_RENEW)->as.renew.epoch, 1);
    CU_ASSERT(instance_equal(message_sent(MESSAGE_RENEW)->as.renew.instance, guard_of_0));
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_HOLD));
    grant_last(s, 3);
    run(s, 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(act_sent(ACT_FENCE_HOLD));
    CU_ASSERT_EQUAL(act_sent(ACT_FENCE_HOLD)->until.us, SECONDS(4)); /* sent at 2, lease 2 */
}

/* A process that starts after its former life's lease gives those that it does not hear the time that links take. */
static void a_guard_that_starts_anew_hears_the_others_first(void)
{
    struct service *s = service_of(0, fixture_first(), 6); /* started at 1 */
    s->remotes[1].heard = true;
    run(s, 6);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_RENEW));
    run(s, 7);
    CU_ASSERT_PTR_NOT_NULL(message_sent(MESSAGE_RENEW));
    s = service_of(0, fixture_first(), 2);
    s->guard.former_until = AT(3); /* its former life's lease runs still */
    run(s, 2);
    CU_ASSERT_PTR_NOT_NULL(message_sent(MESSAGE_RENEW));
}

/* Nobody can have been granted anything without it: it asks, and shuts only if nobody answers for a moment. */
static void a_guarded_fence_that_is_back_after_its_lease_asks_first(void)
{
    struct ledger l = fixture_first();
    l.fence = FENCE_GUARDED;
    struct service *s = service_of(0, l, 2);
    run(s, 2); /* started at 1 */
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_SHUT));
    CU_ASSERT_PTR_NOT_NULL(message_sent(MESSAGE_RENEW));
    run(s, 3);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
    s = service_of(0, l, 2); /* others may have been granted by now */
    fixture_config.services[0].accept_unconfirmed_fence = true;
    run(s, 2);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
}

static void it_never_opens_without_a_lease(void)
{
    struct service *s = service_of(0, fixture_first(), 10);
    for (int64_t t = 10; t < 20; t++) {
        run(s, t);
        CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_HOLD));
    }
    CU_ASSERT_EQUAL(s->guard.wanted, ACT_FENCE_SHUT);
}

static void it_shuts_when_the_lease_lapses(void)
{
    struct service *s = holding();
    CU_ASSERT_EQUAL(s->guard.fence, FENCE_OPEN);
    run(s, 11);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_SHUT));
    run(s, 12);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_RELEASE)); /* still the writer: nothing to give back */
}

/* A guarded fence is shut early enough to be done by the deadline. */
static void a_guarded_fence_starts_before_the_deadline(void)
{
    struct service *s = holding();
    s->learner.chosen.fence = FENCE_GUARDED;
    struct turn turn = turn_at(11);
    turn.now.us = SECONDS(12) - fixture_config.services[0].fence_budget_us - 1;
    guard_run(s, &turn);
    CU_ASSERT_EQUAL(s->guard.wanted, ACT_FENCE_HOLD);
    turn.now.us++;
    guard_run(s, &turn);
    CU_ASSERT_EQUAL(s->guard.wanted, ACT_FENCE_SHUT);
}

static void a_lease_of_another_epoch_opens_nothing(void)
{
    struct service *s = holding();
    struct ledger begun = fixture_begun();
    s->learner.chosen = ledger_abort(&begun, (struct wall_time){ 1 }); /* epoch 3, ours again */
    run(s, 11);
    CU_ASSERT_EQUAL(s->guard.lease.epoch, 3);
    CU_ASSERT_FALSE(lease_held(&s->guard.lease, AT(11)));
    CU_ASSERT_EQUAL(s->guard.wanted, ACT_FENCE_SHUT);
}

static void begin_shuts_the_old_writer_under_a_lease_that_still_runs(void)
{
    struct service *s = holding();
    s->learner.chosen = fixture_begun();
    run(s, 11);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_RELEASE)); /* not before it is confirmed */
    finish_act(s, 11, ACT_FENCE_SHUT);
    uint64_t last = s->guard.lease.nonce;
    run(s, 11);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message_sent(MESSAGE_RELEASE));
    CU_ASSERT_EQUAL(message_sent(MESSAGE_RELEASE)->as.release.epoch, 1);
    CU_ASSERT_EQUAL(message_sent(MESSAGE_RELEASE)->as.release.nonce, last);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_RENEW));
    /* Said again until the next writer is named: it may be lost. */
    run(s, 13);
    CU_ASSERT_PTR_NOT_NULL(message_sent(MESSAGE_RELEASE));
}

static struct service *leaving(enum operation_kind kind)
{
    struct service *s = holding();
    s->learner.chosen = fixture_begun();
    s->learner.chosen.operation.kind = kind;
    run(s, 11);
    finish_act(s, 11, ACT_FENCE_SHUT);
    run(s, 11);
    return s;
}

static void looked(struct service *s, int64_t s_at, struct act_key key, struct database_facts facts)
{
    struct turn turn = turn_at(s_at);
    struct act_result r = { .kind = ACT_COMPARE, .outcome = ACT_DONE, .key = key, .database = facts };
    guard_act_done(s, &turn, &r);
}

static void a_planned_move_is_told_how_far_the_writer_wrote(void)
{
    const struct database_facts far = { .known = true, .timeline = 3, .lsn = 700 };
    struct service *s = leaving(OPERATION_FAILOVER);
    CU_ASSERT_PTR_NULL(act_sent(ACT_COMPARE)); /* which waits for nobody's word */
    s = holding();
    s->learner.chosen = fixture_begun();
    s->learner.chosen.operation.kind = OPERATION_SWITCHOVER;
    run(s, 11);
    CU_ASSERT_PTR_NULL(act_sent(ACT_COMPARE)); /* not before the fence is confirmed */
    s = leaving(OPERATION_SWITCHOVER);
    CU_ASSERT_PTR_NOT_NULL_FATAL(act_sent(ACT_COMPARE));
    struct act_key key = act_sent(ACT_COMPARE)->key, other = key;
    CU_ASSERT_EQUAL(s->guard.last.epoch, 0);
    other.attempt++;
    looked(s, 11, other, far);
    CU_ASSERT_EQUAL(s->guard.last.epoch, 0);
    other = key;
    other.epoch--;
    looked(s, 11, other, far); /* asked for before the lease was given back */
    CU_ASSERT_EQUAL(s->guard.last.epoch, 0);
    run(s, 12); /* asked again */
    CU_ASSERT_PTR_NOT_NULL_FATAL(act_sent(ACT_COMPARE));
    looked(s, 12, act_sent(ACT_COMPARE)->key,
           (struct database_facts){ .known = true, .in_recovery = true, .lsn = 700 });
    CU_ASSERT_EQUAL(s->guard.last.epoch, 0);
    run(s, 13);
    CU_ASSERT_PTR_NOT_NULL_FATAL(act_sent(ACT_COMPARE));
    looked(s, 13, act_sent(ACT_COMPARE)->key, far);
    CU_ASSERT(s->guard.last.epoch == 1 && s->guard.last.lsn == 700 && s->guard.last.timeline == 3);
    CU_ASSERT(s->gossip_now);
    run(s, 14);
    CU_ASSERT_PTR_NULL(act_sent(ACT_COMPARE)); /* once is enough */
}

/* A look that comes back when the old writer was named again, and may write, says nothing. */
static void a_look_that_comes_after_the_way_back_is_no_word(void)
{
    struct service *s = leaving(OPERATION_SWITCHOVER);
    struct act_key key = act_sent(ACT_COMPARE)->key;
    s->learner.chosen = ledger_abort(&s->learner.chosen, (struct wall_time){ 1 });
    looked(s, 11, key, (struct database_facts){ .known = true, .timeline = 1, .lsn = 700 });
    CU_ASSERT_EQUAL(s->guard.last.epoch, 0);
}

static void a_fence_that_fails_is_tried_again_and_never_released(void)
{
    struct service *s = holding();
    s->learner.chosen = fixture_begun();
    run(s, 11);
    done(s, 11, ACT_FENCE_SHUT, ACT_FAILED);
    CU_ASSERT_EQUAL(s->guard.fence, FENCE_FAILED);
    run(s, 11); /* between two attempts, with none under way */
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_SHUT));
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_RELEASE));
    run(s, 12);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_RELEASE));
}

/* The late answer of an opening does not undo what was asked since. */
static void a_late_answer_changes_nothing(void)
{
    struct service *s = service_of(0, fixture_first(), 2);
    run(s, 2);
    grant_last(s, 2);
    run(s, 2);
    uint32_t opening = s->guard.attempt;
    s->learner.chosen = fixture_begun();
    run(s, 3);
    CU_ASSERT_EQUAL(s->guard.flying, ACT_FENCE_SHUT);
    struct turn turn = turn_at(3);
    struct act_result late = { .kind = ACT_FENCE_HOLD, .outcome = ACT_DONE,
                               .key = { .step = STEP_GUARD, .attempt = opening } };
    guard_act_done(s, &turn, &late);
    CU_ASSERT_NOT_EQUAL(s->guard.fence, FENCE_OPEN);
    CU_ASSERT(s->guard.in_flight);
}

static void the_target_opens_only_on_the_operations_word(void)
{
    struct service *s = service_of(1, fixture_granted(), 10);
    run(s, 10);
    grant_last(s, 10);
    run(s, 10);
    CU_ASSERT(lease_held(&s->guard.lease, AT(10)));
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_HOLD));
    CU_ASSERT_EQUAL(s->guard.wanted, ACT_FENCE_SHUT);
    finish_act(s, 10, ACT_FENCE_SHUT);
    s->guard.open_epoch = 3;
    run(s, 11);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_HOLD));
}

/* A guard that has known the epoch for a second, and sees this of its database. */
static struct service *elsewhere(struct database_facts facts)
{
    struct service *s = service_of(1, fixture_first(), 9);
    run(s, 9);
    s->health.sightings[1][1] = (struct sighting){ true, AT(10), facts };
    run(s, 10);
    return s;
}

static void a_standby_serves_reads_and_a_primary_elsewhere_is_shut(void)
{
    elsewhere((struct database_facts){ .known = true, .in_recovery = true, .walreceiver_live = true });
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_READS));
    /* In recovery, but on its way out of it for all we know. */
    elsewhere((struct database_facts){ .known = true, .in_recovery = true });
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
    elsewhere((struct database_facts){ .known = true });
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
}

/* Before it was looked at in this epoch it may be the one that was just left, or the one that was just
 * promoted: it is left alone, and not for ever. */
static void nothing_is_done_on_a_look_of_another_epoch(void)
{
    struct service *s = service_of(1, fixture_first(), 10);
    s->health.sightings[1][1] =
        (struct sighting){ true, AT(10), { .known = true, .in_recovery = true, .walreceiver_live = true } };
    run(s, 10);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_READS));
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_SHUT));
    run(s, 14);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_SHUT));
    run(s, 15); /* the database does not answer: who knows what it is */
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_READS));
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
}

/* It stood still while another region was granted: what it held open is shut before anything is looked at. */
static void what_was_held_open_is_shut_at_once(void)
{
    struct service *s = holding();
    CU_ASSERT_EQUAL(s->guard.fence, FENCE_OPEN);
    s->learner.chosen = fixture_granted();
    run(s, 11);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
}

/* In the meantime another coordinator of this region may have let reads through. */
static void a_proof_is_of_one_epoch(void)
{
    struct service *s = elsewhere((struct database_facts){ .known = true });
    finish_act(s, 10, ACT_FENCE_SHUT);
    CU_ASSERT_EQUAL(s->guard.fence, FENCE_CONFIRMED);
    run(s, 11);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_SHUT));
    fixture_config.services[0].regions[1].guards = (node_set)(node_bit(1) | node_bit(3));
    s->learner.chosen = fixture_begun();
    run(s, 12);
    CU_ASSERT_NOT_EQUAL(s->guard.fence, FENCE_CONFIRMED);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
    finish_act(s, 12, ACT_FENCE_SHUT);
    CU_ASSERT_EQUAL(s->guard.fence, FENCE_CONFIRMED);
    fixture_config.services[0].regions[1].guards = node_bit(1);
    s->learner.chosen.epoch++; /* alone, nobody else can have */
    run(s, 13);
    CU_ASSERT_EQUAL(s->guard.fence, FENCE_CONFIRMED);
}

/* Shut and proven, and seen to write once more. True: it is being shut again. */
static bool shuts_again(struct service *s, int64_t s_at)
{
    finish_act(s, s_at, ACT_FENCE_SHUT);
    s->health.sightings[1][1] = (struct sighting){ true, AT(s_at + 1), { .known = true, .write_checked = true,
                                                                         .write_ok = true } };
    run(s, s_at + 1);
    return act_sent(ACT_FENCE_SHUT) != NULL;
}

/* Who may lag can't know whether another coordinator of its region rightly holds open what it shut. */
static void what_somebody_opens_again_is_not_shut_for_ever(void)
{
    struct service *s = elsewhere((struct database_facts){ .known = true });
    fixture_config.services[0].regions[1].guards = (node_set)(node_bit(1) | node_bit(3));
    struct turn turn = turn_at(10);
    CU_ASSERT(guard_may_lag(s, &turn));
    CU_ASSERT(shuts_again(s, 10) && s->guard.contested == 1);
    CU_ASSERT(!shuts_again(s, 12) && s->guard.fence == FENCE_FAILED);
    run(s, 32);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_SHUT));
    run(s, 33); /* 20 s later */
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
    CU_ASSERT_FALSE(shuts_again(s, 33));
    run(s, 73);
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_SHUT));
    run(s, 74); /* 40 s */
    CU_ASSERT(act_sent(ACT_FENCE_SHUT) != NULL && shuts_again(s, 300)); /* long after: as at first */
    for (int64_t at = 302; at < 320; at += 2) { /* it knows whose it is, or is alone there */
        s->guard.contested = 0;
        fixture_config.services[0].regions[1].guards = node_bit(1);
        CU_ASSERT(shuts_again(s, at) && s->guard.contested == 0);
    }
}

static void the_target_of_an_operation_is_shut_as_a_standby_too(void)
{
    struct service *s = service_of(1, fixture_begun(), 10);
    s->health.sightings[1][1] =
        (struct sighting){ true, AT(10), { .known = true, .in_recovery = true } };
    run(s, 10);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
}

static void another_instance_of_its_region_is_not_its_business(void)
{
    struct ledger other = fixture_first();
    other.guard.id = 4242;
    struct service *s = service_of(0, other, 10);
    run(s, 10);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_RENEW));
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_HOLD));
    CU_ASSERT_PTR_NULL(act_sent(ACT_FENCE_SHUT));
}

static void no_renewal_without_a_fence_that_works(void)
{
    struct service *s = service_of(0, fixture_first(), 10);
    s->guard.ready = false;
    run(s, 10);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_RENEW));
}

static void grants_of_a_former_life_or_a_foreign_instance_count_nothing(void)
{
    struct service *s = service_of(0, fixture_first(), 10);
    run(s, 10);
    struct turn turn = turn_at(10);
    struct message_grant grant = { .instance = { 4242, 0 }, .epoch = 1,
                                   .nonce = s->guard.lease.nonce };
    guard_granted(s, &turn, 1, &grant);
    guard_granted(s, &turn, 2, &grant);
    grant.instance = s->guard.self;
    grant.nonce = 77; /* another process's */
    guard_granted(s, &turn, 1, &grant);
    guard_granted(s, &turn, 2, &grant);
    CU_ASSERT_FALSE(lease_held(&s->guard.lease, AT(10)));
    CU_ASSERT(s->guard.lease.nonce > UINT64_C(1) << 32);
}

/* A release is a proof only from the instance that the ledger names, of its epoch or later. */
static void a_release_proves_only_for_the_named_instance(void)
{
    struct service *s = service_of(1, fixture_begun(), 10);
    const struct ledger *l = service_ledger(s);
    CU_ASSERT_FALSE(guard_has_released(s, l));
    s->remotes[0] = (struct remote){ .heard = true, .instance = guard_of_0, .released_epoch = 1 };
    CU_ASSERT(guard_has_released(s, l));
    s->remotes[0].instance.id = 4242;
    CU_ASSERT_FALSE(guard_has_released(s, l));
    s->remotes[0] = (struct remote){ .heard = true, .instance = guard_of_0, .released_epoch = 0 };
    CU_ASSERT_FALSE(guard_has_released(s, l));
}

SUITE_MAIN("guard", TEST(it_asks_all_voters_and_opens_until_the_deadline),
           TEST(a_guard_that_starts_anew_hears_the_others_first),
           TEST(a_guarded_fence_that_is_back_after_its_lease_asks_first),
           TEST(it_never_opens_without_a_lease), TEST(it_shuts_when_the_lease_lapses),
           TEST(a_guarded_fence_starts_before_the_deadline),
           TEST(a_lease_of_another_epoch_opens_nothing),
           TEST(begin_shuts_the_old_writer_under_a_lease_that_still_runs),
           TEST(a_planned_move_is_told_how_far_the_writer_wrote),
           TEST(a_look_that_comes_after_the_way_back_is_no_word),
           TEST(a_fence_that_fails_is_tried_again_and_never_released),
           TEST(a_late_answer_changes_nothing), TEST(the_target_opens_only_on_the_operations_word),
           TEST(a_standby_serves_reads_and_a_primary_elsewhere_is_shut),
           TEST(nothing_is_done_on_a_look_of_another_epoch), TEST(a_proof_is_of_one_epoch),
           TEST(what_was_held_open_is_shut_at_once), TEST(what_somebody_opens_again_is_not_shut_for_ever),
           TEST(the_target_of_an_operation_is_shut_as_a_standby_too),
           TEST(another_instance_of_its_region_is_not_its_business),
           TEST(no_renewal_without_a_fence_that_works),
           TEST(grants_of_a_former_life_or_a_foreign_instance_count_nothing),
           TEST(a_release_proves_only_for_the_named_instance))
