/* The ledger: which value may stand behind which, and what each change keeps. */
#include "policy/quorum/ledger.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static void ballots_order_by_counter_then_node_then_restart(void)
{
    struct ballot low = { 1, 9, 2 }, high = { 2, 0, 0 };
    CU_ASSERT(ballot_compare(low, high) < 0);
    CU_ASSERT(ballot_compare(high, low) > 0);
    CU_ASSERT(ballot_compare((struct ballot){ 1, 9, 0 }, (struct ballot){ 1, 1, 1 }) < 0);
    CU_ASSERT(ballot_compare((struct ballot){ 1, 1, 0 }, (struct ballot){ 1, 2, 0 }) < 0);
    CU_ASSERT_EQUAL(ballot_compare(low, low), 0);
}

/* A guard on a new store is another one, on the same node too. */
static void an_instance_is_node_and_store(void)
{
    CU_ASSERT(instance_equal(guard_of_0, guard_of_0));
    CU_ASSERT_FALSE(instance_equal(guard_of_0, (struct instance){ 1001, 0 }));
    CU_ASSERT_FALSE(instance_equal(guard_of_0, (struct instance){ 1000, 1 }));
}

static void the_first_value_follows_nothing_only(void)
{
    struct ledger first = fixture_first(), begun = fixture_begun();
    CU_ASSERT(ledger_follows(NULL, &first));
    CU_ASSERT_FALSE(ledger_follows(NULL, &begun));
    CU_ASSERT_FALSE(ledger_follows(&first, &first));
    CU_ASSERT_EQUAL(first.writer, 0);
    CU_ASSERT_EQUAL(first.guard_epoch, 1);
}

static void begin_names_no_writer_and_keeps_the_outgoing_guard(void)
{
    struct ledger first = fixture_first(), begun = fixture_begun();
    CU_ASSERT(ledger_follows(&first, &begun));
    CU_ASSERT_EQUAL(begun.writer, REGION_NONE);
    CU_ASSERT_EQUAL(begun.epoch, first.epoch + 1);
    CU_ASSERT(instance_equal(begun.guard, first.guard));
    CU_ASSERT_EQUAL(begun.guard_epoch, first.guard_epoch);
    CU_ASSERT_EQUAL(begun.operation.from, 0);
    CU_ASSERT_EQUAL(begun.operation.to, 1);
    CU_ASSERT(begun.operation.may_return);
}

/* A switchover stands on a settled writer alone, and stays one when it is taken over. */
static void a_switchover_begins_on_a_settled_writer(void)
{
    struct service_policy p = fixture_policy();
    struct ledger first = fixture_first(), begun = fixture_begun(), granted = fixture_granted();
    struct begin_terms terms = fixture_terms(8, 1, 1);
    terms.kind = OPERATION_SWITCHOVER;
    terms.forced = true;
    struct ledger planned = ledger_begin(&first, &terms);
    CU_ASSERT_EQUAL(planned.operation.kind, OPERATION_SWITCHOVER);
    CU_ASSERT(ledger_follows(&first, &planned));
    CU_ASSERT(ledger_may_abort(&planned));
    struct ledger bad = ledger_begin(&begun, &terms);
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad));
    bad = ledger_begin(&granted, &terms);
    CU_ASSERT_FALSE(ledger_follows(&granted, &bad));
    terms.forced = false;
    bad = ledger_begin(&first, &terms);
    CU_ASSERT_FALSE(ledger_follows(&first, &bad)); /* nobody plans by itself */
    struct ledger there = ledger_grant(&planned, &p, guard_of_1);
    CU_ASSERT(ledger_follows(&planned, &there));
    bad = there;
    bad.operation.kind = OPERATION_FAILOVER;
    CU_ASSERT_FALSE(ledger_follows(&planned, &bad));
    struct ledger taken = ledger_takeover(&there, (struct instance){ 2001, 2 });
    CU_ASSERT(ledger_follows(&there, &taken));
    CU_ASSERT_EQUAL(taken.operation.kind, OPERATION_SWITCHOVER);
    CU_ASSERT_FALSE(ledger_may_abort(&taken));
}

static void begin_with_another_guard_or_lease_is_refused(void)
{
    struct ledger first = fixture_first(), bad = fixture_begun();
    bad.guard = guard_of_1;
    CU_ASSERT_FALSE(ledger_follows(&first, &bad));
    bad = fixture_begun();
    bad.guard_epoch = bad.epoch;
    CU_ASSERT_FALSE(ledger_follows(&first, &bad));
    bad = fixture_begun();
    bad.lease_us /= 2;
    CU_ASSERT_FALSE(ledger_follows(&first, &bad));
    bad = fixture_begun();
    bad.longest_lease_us *= 2;
    CU_ASSERT_FALSE(ledger_follows(&first, &bad));
    bad = fixture_begun();
    bad.clock_error_ppm /= 2;
    CU_ASSERT_FALSE(ledger_follows(&first, &bad));
    bad = fixture_begun();
    bad.keep_on_quorum_loss = true;
    CU_ASSERT_FALSE(ledger_follows(&first, &bad));
    bad = fixture_begun();
    bad.fence = FENCE_GUARDED;
    CU_ASSERT_FALSE(ledger_follows(&first, &bad));
}

static void a_change_without_a_new_epoch_is_refused(void)
{
    struct ledger first = fixture_first(), begun = fixture_begun(), granted = fixture_granted();
    begun.epoch = first.epoch;
    CU_ASSERT_FALSE(ledger_follows(&first, &begun));
    begun = fixture_begun();
    granted.epoch = granted.guard_epoch = begun.epoch;
    CU_ASSERT_FALSE(ledger_follows(&begun, &granted));
}

static void versions_are_never_skipped(void)
{
    struct ledger first = fixture_first(), begun = fixture_begun();
    begun.version++;
    CU_ASSERT_FALSE(ledger_follows(&first, &begun));
}

static void the_writer_never_changes_without_begin(void)
{
    struct ledger first = fixture_first(), bad = first;
    bad.version++;
    bad.writer = 1;
    CU_ASSERT_FALSE(ledger_follows(&first, &bad));
    bad.epoch++;
    bad.guard = guard_of_1;
    bad.guard_epoch = bad.epoch;
    CU_ASSERT_FALSE(ledger_follows(&first, &bad));
}

static void grant_names_target_guard_and_its_epoch(void)
{
    struct ledger begun = fixture_begun(), granted = fixture_granted();
    CU_ASSERT(ledger_follows(&begun, &granted));
    CU_ASSERT_EQUAL(granted.writer, 1);
    CU_ASSERT(instance_equal(granted.guard, guard_of_1));
    CU_ASSERT_EQUAL(granted.guard_epoch, granted.epoch);
    CU_ASSERT_EQUAL(granted.epoch, begun.epoch + 1);
    CU_ASSERT_EQUAL(granted.operation.phase, PHASE_GRANTED);
}

static void grant_of_another_operation_target_or_executor_is_refused(void)
{
    struct ledger begun = fixture_begun(), bad = fixture_granted();
    bad.operation.id++;
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad));
    bad = fixture_granted();
    bad.operation.to = bad.writer = 2;
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad));
    bad = fixture_granted();
    bad.operation.executor = 2;
    bad.guard.node = 2;
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad));
    bad = fixture_granted();
    bad.guard_epoch = 1;
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad));
}

/* What waiting out has to outlast never shrinks, and a grant takes the larger clock error. */
static void the_longest_lease_never_shrinks(void)
{
    struct ledger begun = fixture_begun();
    struct service_policy p = fixture_policy();
    p.lease_us = SECONDS(1);
    p.clock_error_ppm = 50000;
    struct ledger granted = ledger_grant(&begun, &p, guard_of_1);
    CU_ASSERT(ledger_follows(&begun, &granted));
    CU_ASSERT_EQUAL(granted.lease_us, SECONDS(1));
    CU_ASSERT_EQUAL(granted.longest_lease_us, SECONDS(2));
    CU_ASSERT_EQUAL(granted.clock_error_ppm, 100000);
    struct ledger bad = granted;
    bad.longest_lease_us = SECONDS(1);
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad));
    p.lease_us = SECONDS(9);
    granted = ledger_grant(&begun, &p, guard_of_1);
    CU_ASSERT_EQUAL(granted.longest_lease_us, SECONDS(9));
}

static void abort_returns_to_the_old_guard_in_a_new_epoch(void)
{
    struct ledger begun = fixture_begun();
    CU_ASSERT(ledger_may_abort(&begun));
    struct ledger aborted = ledger_abort(&begun, (struct wall_time){ 5 });
    CU_ASSERT(ledger_follows(&begun, &aborted));
    CU_ASSERT_EQUAL(aborted.writer, 0);
    CU_ASSERT(instance_equal(aborted.guard, guard_of_0));
    CU_ASSERT_EQUAL(aborted.epoch, begun.epoch + 1);
    CU_ASSERT_EQUAL(aborted.guard_epoch, aborted.epoch);
    CU_ASSERT_EQUAL(aborted.last_outcome, OUTCOME_ABORTED);
    CU_ASSERT_EQUAL(aborted.last_operation, 7);
    struct ledger bad = aborted;
    bad.guard = guard_of_1;
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad));
    bad = aborted;
    bad.writer = 1;
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad));
}

static void a_grant_takes_the_way_back_for_good(void)
{
    struct ledger granted = fixture_granted();
    CU_ASSERT_FALSE(ledger_may_abort(&granted));
    struct begin_terms terms = fixture_terms(8, 0, 0);
    struct ledger again = ledger_begin(&granted, &terms);
    CU_ASSERT(ledger_follows(&granted, &again));
    CU_ASSERT_FALSE(ledger_may_abort(&again));
    struct begin_terms third = fixture_terms(9, 2, 2);
    struct ledger more = ledger_begin(&again, &third);
    CU_ASSERT_FALSE(ledger_may_abort(&more));
    struct ledger forged = more;
    forged.version++;
    forged.epoch++;
    forged.writer = more.operation.from;
    forged.guard_epoch = forged.epoch;
    forged.operation = fixture_first().operation;
    CU_ASSERT(ledger_valid(&forged));
    CU_ASSERT_FALSE(ledger_follows(&more, &forged));
}

static void begin_on_begin_keeps_who_wrote_last_and_the_way_back(void)
{
    struct ledger begun = fixture_begun();
    struct begin_terms terms = fixture_terms(8, 2, 2);
    struct ledger again = ledger_begin(&begun, &terms);
    CU_ASSERT(ledger_follows(&begun, &again));
    CU_ASSERT_EQUAL(again.operation.from, 0);
    CU_ASSERT(ledger_may_abort(&again));
    CU_ASSERT(instance_equal(again.guard, guard_of_0));
}

static void takeover_before_grant_changes_the_executor_alone(void)
{
    struct ledger begun = fixture_begun();
    struct ledger taken = ledger_takeover(&begun, (struct instance){ 77, 4 });
    CU_ASSERT(ledger_follows(&begun, &taken));
    CU_ASSERT_EQUAL(taken.operation.executor, 4);
    CU_ASSERT_EQUAL(taken.epoch, begun.epoch);
    CU_ASSERT(ledger_may_abort(&taken));
}

static void takeover_of_a_grant_by_another_guard_names_no_writer(void)
{
    struct ledger granted = fixture_granted();
    struct ledger taken = ledger_takeover(&granted, (struct instance){ 77, 4 });
    CU_ASSERT(ledger_follows(&granted, &taken));
    CU_ASSERT_EQUAL(taken.writer, REGION_NONE);
    CU_ASSERT_EQUAL(taken.operation.phase, PHASE_BEGUN);
    CU_ASSERT_EQUAL(taken.epoch, granted.epoch + 1);
    CU_ASSERT(instance_equal(taken.guard, guard_of_1));
    CU_ASSERT_FALSE(ledger_may_abort(&taken));
    /* The same node with a new store is another guard too. */
    taken = ledger_takeover(&granted, (struct instance){ 2222, 1 });
    CU_ASSERT_EQUAL(taken.writer, REGION_NONE);
    /* The same guard just goes on. */
    taken = ledger_takeover(&granted, guard_of_1);
    CU_ASSERT_EQUAL(taken.writer, 1);
    CU_ASSERT(ledger_follows(&granted, &taken));
}

static void finish_records_dns_only_when_told(void)
{
    struct ledger granted = fixture_granted();
    struct ledger done = ledger_finish(&granted, true, (struct wall_time){ 9 });
    CU_ASSERT(ledger_follows(&granted, &done));
    CU_ASSERT_EQUAL(done.dns_epoch, granted.epoch);
    CU_ASSERT_EQUAL(done.operation.kind, OPERATION_NONE);
    CU_ASSERT_EQUAL(done.last_outcome, OUTCOME_DONE);
    CU_ASSERT_EQUAL(done.epoch, granted.epoch);
    done = ledger_finish(&granted, false, (struct wall_time){ 9 });
    CU_ASSERT_EQUAL(done.dns_epoch, 0);
}

static void the_dns_epoch_never_goes_back(void)
{
    struct ledger granted = fixture_granted();
    struct ledger done = ledger_finish(&granted, true, (struct wall_time){ 9 });
    struct ledger bad = done;
    bad.version++;
    bad.dns_epoch = 1;
    CU_ASSERT_FALSE(ledger_follows(&done, &bad));
}

static void an_operation_cannot_end_before_its_grant(void)
{
    struct ledger begun = fixture_begun(), bad = begun;
    bad.version++;
    bad.operation = fixture_first().operation;
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad)); /* writer none without an operation */
    bad.writer = 1;
    CU_ASSERT_FALSE(ledger_follows(&begun, &bad));
}

static void adopt_leaves_the_writer_alone(void)
{
    struct ledger first = fixture_first();
    struct ledger adopt = ledger_adopt(&first, 5, 0, (struct wall_time){ 1 });
    CU_ASSERT(ledger_follows(&first, &adopt));
    CU_ASSERT_EQUAL(adopt.epoch, first.epoch);
    CU_ASSERT_EQUAL(adopt.writer, 0);
    CU_ASSERT_FALSE(ledger_may_abort(&adopt));
    struct ledger granted = fixture_granted();
    struct ledger over = ledger_adopt(&granted, 5, 0, (struct wall_time){ 1 });
    CU_ASSERT_FALSE(ledger_follows(&granted, &over)); /* not over a running failover */
}

static void nonsense_is_no_ledger(void)
{
    struct ledger good = fixture_granted(), bad = good;
    CU_ASSERT(ledger_valid(&good));
#define REFUSED(field, value)                                                                     \
    bad = good;                                                                                   \
    bad.field = value;                                                                            \
    CU_ASSERT_FALSE(ledger_valid(&bad))
    REFUSED(version, 0);
    REFUSED(epoch, 0);
    REFUSED(epoch, good.version + 1);
    REFUSED(writer, POLICY_REGIONS_MAX);
    REFUSED(writer, 0);                       /* granted, but not to the target */
    REFUSED(writer, REGION_NONE);
    REFUSED(guard.node, NODE_NONE);
    REFUSED(guard.node, 0);                   /* not the executor */
    REFUSED(guard_epoch, 0);
    REFUSED(guard_epoch, good.epoch + 1);
    REFUSED(fence, (enum fence_mode)9);
    REFUSED(lease_us, 0);
    REFUSED(lease_us, -1);
    REFUSED(lease_us, TIME_FOREVER_US);
    REFUSED(longest_lease_us, good.lease_us - 1);
    REFUSED(longest_lease_us, INT64_MAX);
    REFUSED(clock_error_ppm, 1000000);
    REFUSED(dns_epoch, good.epoch + 1);
    REFUSED(operation.id, 0);
    REFUSED(operation.executor, POLICY_NODES_MAX);
    REFUSED(operation.to, POLICY_REGIONS_MAX);
    REFUSED(operation.from, REGION_NONE);
    REFUSED(operation.kind, (enum operation_kind)9);
    REFUSED(operation.phase, PHASE_NONE);
#undef REFUSED
}

static void equality_sees_every_field(void)
{
    const struct ledger good = fixture_granted();
    struct ledger other = good;
    CU_ASSERT(ledger_equal(&good, &other));
#define SEEN(field)                                                                               \
    other = good;                                                                                 \
    other.field = (__typeof__(other.field))(other.field ^ 1);                                     \
    CU_ASSERT_FALSE(ledger_equal(&good, &other))
    SEEN(version); SEEN(epoch); SEEN(writer); SEEN(guard.id); SEEN(guard.node); SEEN(guard_epoch);
    SEEN(fence); SEEN(keep_on_quorum_loss); SEEN(pause.on); SEEN(lease_us); SEEN(longest_lease_us);
    SEEN(clock_error_ppm); SEEN(dns_epoch); SEEN(operation.kind); SEEN(operation.phase);
    SEEN(operation.id); SEEN(operation.from); SEEN(operation.to); SEEN(operation.executor);
    SEEN(operation.may_return); SEEN(operation.forced); SEEN(operation.skipped_gates);
    SEEN(operation.accepted_loss_bytes); SEEN(operation.accepted_loss_us);
    SEEN(operation.begun.us); SEEN(last_operation);
    SEEN(last_outcome); SEEN(last_finished.us); SEEN(pause.until.us); SEEN(pause.said.at.us);
    SEEN(pause.said.by.s[0]); SEEN(pause.said.why.s[0]); SEEN(proposal.state); SEEN(proposal.kind);
    SEEN(proposal.id); SEEN(proposal.from); SEEN(proposal.to); SEEN(proposal.proposer);
    SEEN(proposal.skipped_gates); SEEN(proposal.made.us); SEEN(proposal.due.us); SEEN(proposal.said.at.us);
    SEEN(operation.wish); SEEN(operation.said.at.us); SEEN(operation.shift.count); SEEN(operation.shift.at);
    SEEN(operation.shift.percent[SHIFT_STAGES_MAX - 1]); SEEN(operation.shift.hold_us); SEEN(ticked_operation);
    SEEN(ticked); SEEN(operation.mark); SEEN(reconciled[0]); SEEN(reconciled[LEDGER_RECONCILED_MAX - 1]);
#undef SEEN
}

/* ---- a failback's traffic ---- */

static const struct said somebody = { .at = { 5 }, .by = { "anna" } };

static struct ledger failback_granted(void)
{
    struct service_policy policy = fixture_policy();
    struct ledger first = fixture_first();
    struct begin_terms terms = fixture_terms(7, 1, 1);
    terms.kind = OPERATION_FAILBACK;
    terms.forced = true;
    terms.shift = (struct shift){ 3, 0, { 10, 50, 100 }, SECONDS(5) };
    struct ledger begun = ledger_begin(&first, &terms);
    CU_ASSERT(ledger_follows(&first, &begun));
    CU_ASSERT_FALSE(ledger_shifts(&begun));
    CU_ASSERT_EQUAL(ledger_share(&begun), 100);
    struct ledger granted = ledger_grant(&begun, &policy, guard_of_1);
    CU_ASSERT(ledger_follows(&begun, &granted));
    return granted;
}

static void traffic_moves_stage_by_stage_and_ends_with_the_last(void)
{
    struct ledger l = failback_granted();
    CU_ASSERT(ledger_shifts(&l) && !ledger_shift_over(&l));
    CU_ASSERT_EQUAL(ledger_share(&l), 10);
    struct ledger over = ledger_finish(&l, true, (struct wall_time){ 9 });
    CU_ASSERT_FALSE(ledger_follows(&l, &over)); /* not with a part of it */
    struct ledger next = ledger_shift(&l, NULL);
    CU_ASSERT(ledger_follows(&l, &next));
    CU_ASSERT_EQUAL(ledger_share(&next), 50);
    struct ledger wrong = next;
    wrong.operation.shift.at = 2; /* one is left out */
    CU_ASSERT_FALSE(ledger_follows(&l, &wrong));
    wrong = next;
    wrong.operation.shift.percent[1] = 60;
    CU_ASSERT_FALSE(ledger_follows(&l, &wrong));
    wrong = ledger_shift(&next, NULL);
    wrong.version++;
    wrong.operation.shift.at = 1; /* and none comes again by itself */
    struct ledger last = ledger_shift(&next, &somebody);
    CU_ASSERT_FALSE(ledger_follows(&last, &wrong));
    CU_ASSERT(ledger_shift_over(&last) && !ledger_may_shift(&last));
    over = ledger_finish(&last, true, (struct wall_time){ 9 });
    CU_ASSERT(ledger_follows(&last, &over));
}

static void traffic_that_was_sent_back_comes_from_the_first_stage_again(void)
{
    struct ledger first = failback_granted(), l = ledger_shift(&first, NULL);
    CU_ASSERT(ledger_may_wish(&l, WISH_BACK));
    struct ledger back = ledger_wish(&l, WISH_BACK, &somebody);
    CU_ASSERT(ledger_valid(&back) && ledger_follows(&l, &back));
    CU_ASSERT_EQUAL(ledger_share(&back), 0);
    CU_ASSERT_EQUAL(back.writer, 1); /* the database stays */
    CU_ASSERT_FALSE(ledger_may_shift(&back));
    CU_ASSERT_FALSE(ledger_may_wish(&back, WISH_HOLD));
    CU_ASSERT(ledger_may_wish(&back, WISH_GO));
    struct ledger again = ledger_wish(&back, WISH_GO, &somebody);
    CU_ASSERT(ledger_follows(&back, &again));
    CU_ASSERT_EQUAL(ledger_share(&again), 10);
    again.operation.shift.at = 1;
    CU_ASSERT_FALSE(ledger_follows(&back, &again));
    struct ledger over = ledger_finish(&back, true, (struct wall_time){ 9 });
    CU_ASSERT_FALSE(ledger_follows(&back, &over));
    struct ledger last = ledger_shift(&l, NULL), from_all = ledger_wish(&last, WISH_BACK, &somebody);
    CU_ASSERT(ledger_follows(&last, &from_all));
    over = ledger_finish(&from_all, true, (struct wall_time){ 9 });
    CU_ASSERT_FALSE(ledger_follows(&from_all, &over));
}

/* What people said is about traffic: home has a writer again all the same, and the traffic is where they wanted it. */
static void a_takeover_keeps_stage_and_word_and_is_granted(void)
{
    struct service_policy policy = fixture_policy();
    static const struct instance other = { 1004, 4 };
    static const enum operation_wish wishes[] = { WISH_GO, WISH_HOLD, WISH_BACK };
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        struct ledger first = failback_granted(), l = ledger_shift(&first, NULL);
        if (wishes[i] != WISH_GO)
            l = ledger_wish(&l, wishes[i], &somebody);
        struct ledger taken = ledger_takeover(&l, other);
        CU_ASSERT(ledger_follows(&l, &taken));
        CU_ASSERT_EQUAL(taken.operation.wish, wishes[i]);
        CU_ASSERT_FALSE(ledger_may_abort(&taken));
        struct ledger granted = ledger_grant(&taken, &policy, other);
        CU_ASSERT(ledger_follows(&taken, &granted));
        CU_ASSERT_EQUAL(ledger_share(&granted), wishes[i] == WISH_BACK ? 0 : 50);
        CU_ASSERT_EQUAL(granted.operation.shift.at, 1);
    }
}

static void stages_that_make_no_sense_are_refused(void)
{
    static const struct shift wrong[] = {
        { 9, 0, { 10, 100 }, 1 }, { 2, 2, { 10, 100 }, 1 }, { 2, 0, { 0, 100 }, 1 }, { 2, 0, { 50, 50 }, 1 },
        { 2, 0, { 10, 99 }, 1 }, { 2, 0, { 10, 101 }, 1 }, { 3, 0, { 50, 10, 100 }, 1 }, { 2, 0, { 10, 100 }, -1 },
        { 2, 0, { 10, 100 }, LEDGER_HOLD_MAX_US + 1 }, { 0, 1, { 0 }, 0 }, { 0, 0, { 0 }, 1 },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_FALSE(shift_valid(&wrong[i]));
    struct ledger l = failback_granted();
    l.operation.kind = OPERATION_SWITCHOVER; /* only a failback has them */
    CU_ASSERT_FALSE(ledger_valid(&l));
}

SUITE_MAIN("ledger", TEST(ballots_order_by_counter_then_node_then_restart),
           TEST(an_instance_is_node_and_store), TEST(the_first_value_follows_nothing_only),
           TEST(begin_names_no_writer_and_keeps_the_outgoing_guard),
           TEST(a_switchover_begins_on_a_settled_writer), TEST(begin_with_another_guard_or_lease_is_refused),
           TEST(a_change_without_a_new_epoch_is_refused), TEST(versions_are_never_skipped),
           TEST(the_writer_never_changes_without_begin),
           TEST(grant_names_target_guard_and_its_epoch),
           TEST(grant_of_another_operation_target_or_executor_is_refused),
           TEST(the_longest_lease_never_shrinks),
           TEST(abort_returns_to_the_old_guard_in_a_new_epoch),
           TEST(a_grant_takes_the_way_back_for_good),
           TEST(begin_on_begin_keeps_who_wrote_last_and_the_way_back),
           TEST(takeover_before_grant_changes_the_executor_alone),
           TEST(takeover_of_a_grant_by_another_guard_names_no_writer),
           TEST(finish_records_dns_only_when_told), TEST(the_dns_epoch_never_goes_back),
           TEST(an_operation_cannot_end_before_its_grant), TEST(adopt_leaves_the_writer_alone),
           TEST(traffic_moves_stage_by_stage_and_ends_with_the_last),
           TEST(traffic_that_was_sent_back_comes_from_the_first_stage_again),
           TEST(a_takeover_keeps_stage_and_word_and_is_granted), TEST(stages_that_make_no_sense_are_refused),
           TEST(nonsense_is_no_ledger), TEST(equality_sees_every_field))
