/* One voter: what it promises, accepts, grants, and what it takes back. */
#include "policy/quorum/acceptor.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static struct acceptor empty(void)
{
    struct acceptor a;
    struct register_report none = { .present = false };
    acceptor_init(&a, BALLOT_ZERO, &none, AT(10));
    return a;
}

static struct acceptor holding(struct ledger ledger)
{
    struct acceptor a;
    struct register_report report = report_of(ballot_of(3, 0), ledger);
    acceptor_init(&a, ballot_of(3, 0), &report, AT(10));
    return a;
}

static enum acceptor_answer renew(struct acceptor *a, struct instance who, uint64_t epoch,
                                  uint64_t nonce, int64_t s)
{
    struct message_renew m = { who, epoch, nonce };
    return acceptor_renew(a, &m, AT(s));
}

static void release(struct acceptor *a, struct instance who, uint64_t epoch, uint64_t nonce)
{
    struct message_release m = { who, epoch, nonce };
    acceptor_release(a, &m);
}

static void a_promise_refuses_lower_ballots(void)
{
    struct acceptor a = empty();
    struct ledger first = fixture_first();
    CU_ASSERT_EQUAL(acceptor_prepare(&a, ballot_of(5, 1)), ACCEPTOR_YES);
    CU_ASSERT_EQUAL(acceptor_prepare(&a, ballot_of(4, 2)), ACCEPTOR_NO);
    CU_ASSERT_EQUAL(ballot_compare(a.promised, ballot_of(5, 1)), 0);
    CU_ASSERT_EQUAL(acceptor_accept(&a, ballot_of(4, 2), &first), ACCEPTOR_NO);
    CU_ASSERT_FALSE(a.accepted.present);
    CU_ASSERT_EQUAL(acceptor_prepare(&a, ballot_of(5, 1)), ACCEPTOR_YES); /* a repeat */
}

static void accepting_promises_too(void)
{
    struct acceptor a = empty();
    struct ledger first = fixture_first();
    CU_ASSERT_EQUAL(acceptor_accept(&a, ballot_of(5, 1), &first), ACCEPTOR_YES);
    CU_ASSERT_EQUAL(acceptor_prepare(&a, ballot_of(4, 2)), ACCEPTOR_NO);
    CU_ASSERT(a.accepted.present);
    CU_ASSERT_EQUAL(ballot_compare(a.accepted.ballot, ballot_of(5, 1)), 0);
}

static void one_ballot_carries_one_value(void)
{
    struct acceptor a = empty();
    struct ledger first = fixture_first(), other = first;
    other.pause.on = true;
    CU_ASSERT_EQUAL(acceptor_accept(&a, ballot_of(5, 1), &first), ACCEPTOR_YES);
    CU_ASSERT_EQUAL(acceptor_accept(&a, ballot_of(5, 1), &other), ACCEPTOR_NONSENSE);
    CU_ASSERT(ledger_equal(&a.accepted.ledger, &first));
    CU_ASSERT_EQUAL(acceptor_accept(&a, ballot_of(5, 1), &first), ACCEPTOR_YES);
}

static void what_is_no_ledger_changes_nothing(void)
{
    struct acceptor a = empty();
    struct ledger bad = fixture_first();
    bad.guard.node = NODE_NONE;
    CU_ASSERT_EQUAL(acceptor_accept(&a, ballot_of(5, 1), &bad), ACCEPTOR_NONSENSE);
    CU_ASSERT_EQUAL(ballot_compare(a.promised, BALLOT_ZERO), 0);
}

/* What a voter holds need not have been chosen, so anything with a higher ballot replaces it. */
static void a_higher_ballot_replaces_any_value(void)
{
    struct acceptor a = holding(fixture_granted());
    struct ledger first = fixture_first();
    CU_ASSERT_EQUAL(acceptor_accept(&a, ballot_of(4, 2), &first), ACCEPTOR_YES);
    CU_ASSERT(ledger_equal(&a.accepted.ledger, &first));
}

static void grants_only_to_whom_the_ledger_names(void)
{
    struct acceptor a = holding(fixture_first());
    CU_ASSERT_EQUAL(renew(&a, guard_of_0, 1, 1, 20), ACCEPTOR_YES);
    CU_ASSERT_EQUAL(renew(&a, guard_of_1, 1, 1, 20), ACCEPTOR_NO);
    CU_ASSERT_EQUAL(renew(&a, (struct instance){ 1001, 0 }, 1, 1, 20), ACCEPTOR_NO);
    CU_ASSERT_EQUAL(renew(&a, guard_of_0, 2, 1, 20), ACCEPTOR_NO);
    CU_ASSERT_EQUAL(renew(&a, guard_of_0, 0, 1, 20), ACCEPTOR_NO);
    struct acceptor nothing = empty();
    CU_ASSERT_EQUAL(renew(&nothing, guard_of_0, 1, 1, 20), ACCEPTOR_NO);
}

/* After begin the outgoing guard is still in the ledger, and gets nothing: at the guard's epoch and
 * at the ledger's. */
static void nobody_is_granted_while_the_writer_is_none(void)
{
    struct acceptor a = holding(fixture_begun());
    CU_ASSERT_EQUAL(renew(&a, guard_of_0, 1, 1, 20), ACCEPTOR_NO);
    CU_ASSERT_EQUAL(renew(&a, guard_of_0, 2, 1, 20), ACCEPTOR_NO);
    CU_ASSERT_EQUAL(renew(&a, guard_of_1, 2, 1, 20), ACCEPTOR_NO);
}

static void age_counts_from_the_last_grant(void)
{
    struct acceptor a = holding(fixture_first());
    (void)renew(&a, guard_of_0, 1, 1, 20);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(23)), SECONDS(3));
    (void)renew(&a, guard_of_0, 1, 2, 22);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(23)), SECONDS(1));
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(21)), 0); /* never negative */
}

/* A voter that restarted may have granted in the instant before it died. */
static void age_of_a_restarted_voter_counts_from_its_start(void)
{
    struct acceptor a = holding(fixture_first());
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(10)), 0);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(13)), SECONDS(3));
}

static void a_refused_renewal_is_no_grant(void)
{
    struct acceptor a = holding(fixture_first());
    (void)renew(&a, guard_of_0, 1, 1, 20);
    (void)renew(&a, guard_of_1, 1, 9, 25);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(25)), SECONDS(5));
}

static void a_release_clears_grants_up_to_its_nonce(void)
{
    struct acceptor a = holding(fixture_first());
    (void)renew(&a, guard_of_0, 1, 5, 20);
    release(&a, guard_of_0, 1, 5);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(20)), GRANT_AGE_RELEASED_US);
}

static void a_release_clears_no_later_grant(void)
{
    struct acceptor a = holding(fixture_first());
    (void)renew(&a, guard_of_0, 1, 6, 20);
    release(&a, guard_of_0, 1, 5);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(20)), 0);
}

/* Renewals overtake each other; the highest nonce granted is what a release has to reach. */
static void a_late_renewal_does_not_lower_the_nonce(void)
{
    struct acceptor a = holding(fixture_first());
    (void)renew(&a, guard_of_0, 1, 6, 20);
    (void)renew(&a, guard_of_0, 1, 4, 21);
    release(&a, guard_of_0, 1, 5);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(21)), 0);
}

static void a_release_of_somebody_else_clears_nothing(void)
{
    struct acceptor a = holding(fixture_first());
    (void)renew(&a, guard_of_0, 1, 5, 20);
    release(&a, guard_of_1, 1, 9);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(20)), 0);
    a = holding(fixture_first());
    (void)renew(&a, guard_of_0, 1, 5, 20);
    release(&a, guard_of_0, 2, 9); /* of another epoch */
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(20)), 0);
}

/* What the voter's former process granted is in nobody's memory: a release can't vouch for it. */
static void a_release_says_nothing_of_a_former_process(void)
{
    struct acceptor a = holding(fixture_first());
    release(&a, guard_of_0, 1, 5);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(12)), SECONDS(2));
}

static void a_released_epoch_is_never_granted_again(void)
{
    struct acceptor a = holding(fixture_first());
    (void)renew(&a, guard_of_0, 1, 5, 20);
    release(&a, guard_of_0, 1, 5);
    CU_ASSERT_EQUAL(renew(&a, guard_of_0, 1, 4, 21), ACCEPTOR_NO);
    CU_ASSERT_EQUAL(renew(&a, guard_of_0, 1, 6, 21), ACCEPTOR_NO);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(21)), GRANT_AGE_RELEASED_US);
}

static void a_released_guard_is_granted_its_next_epoch(void)
{
    struct acceptor a = holding(fixture_first());
    (void)renew(&a, guard_of_0, 1, 5, 20);
    release(&a, guard_of_0, 1, 5);
    struct ledger begun = fixture_begun();
    struct ledger aborted = ledger_abort(&begun, (struct wall_time){ 0 });
    CU_ASSERT_EQUAL(acceptor_accept(&a, ballot_of(9, 1), &aborted), ACCEPTOR_YES);
    CU_ASSERT_EQUAL(renew(&a, guard_of_0, aborted.epoch, 6, 22), ACCEPTOR_YES);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(22)), 0);
    /* A late repeat of the first release does not touch the new grant. */
    release(&a, guard_of_0, 1, 5);
    CU_ASSERT_EQUAL(acceptor_grant_age_us(&a, AT(22)), 0);
}

SUITE_MAIN("acceptor", TEST(a_promise_refuses_lower_ballots), TEST(accepting_promises_too),
           TEST(one_ballot_carries_one_value), TEST(what_is_no_ledger_changes_nothing),
           TEST(a_higher_ballot_replaces_any_value), TEST(grants_only_to_whom_the_ledger_names),
           TEST(nobody_is_granted_while_the_writer_is_none), TEST(age_counts_from_the_last_grant),
           TEST(age_of_a_restarted_voter_counts_from_its_start),
           TEST(a_refused_renewal_is_no_grant), TEST(a_release_clears_grants_up_to_its_nonce),
           TEST(a_release_clears_no_later_grant), TEST(a_late_renewal_does_not_lower_the_nonce),
           TEST(a_release_of_somebody_else_clears_nothing),
           TEST(a_release_says_nothing_of_a_former_process),
           TEST(a_released_epoch_is_never_granted_again),
           TEST(a_released_guard_is_granted_its_next_epoch))
