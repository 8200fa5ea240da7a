/* What is known chosen, and what never is. */
#include "policy/quorum/learner.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static bool report(struct learner *l, node_id voter, struct ballot b, struct ledger v, int64_t s)
{
    struct register_report r = report_of(b, v);
    return learner_report(l, voter, &r, AT(s));
}

static void a_majority_at_one_ballot_is_chosen(void)
{
    struct learner l;
    learner_init(&l, electorate_of(VOTERS_OF_3));
    CU_ASSERT_FALSE(report(&l, 0, ballot_of(1, 0), fixture_first(), 1));
    CU_ASSERT_FALSE(l.known);
    CU_ASSERT(report(&l, 2, ballot_of(1, 0), fixture_first(), 2));
    CU_ASSERT(l.known);
    CU_ASSERT_EQUAL(l.chosen_at.us, SECONDS(2));
}

/* Counting equal content gave two writers in a model. */
static void equal_content_at_two_ballots_is_not_chosen(void)
{
    struct learner l;
    learner_init(&l, electorate_of(VOTERS_OF_3));
    CU_ASSERT_FALSE(report(&l, 0, ballot_of(1, 0), fixture_first(), 1));
    CU_ASSERT_FALSE(report(&l, 1, ballot_of(2, 0), fixture_first(), 1));
    CU_ASSERT_FALSE(report(&l, 2, ballot_of(2, 1), fixture_first(), 1));
    CU_ASSERT_FALSE(l.known);
}

static void voters_are_counted_not_messages(void)
{
    struct learner l;
    learner_init(&l, electorate_of(VOTERS_OF_3));
    for (int i = 0; i < 5; i++)
        CU_ASSERT_FALSE(report(&l, 1, ballot_of(1, 0), fixture_first(), 1));
    CU_ASSERT_FALSE(report(&l, 3, ballot_of(1, 0), fixture_first(), 1)); /* no voter */
    CU_ASSERT_FALSE(report(&l, 200, ballot_of(1, 0), fixture_first(), 1));
    CU_ASSERT_FALSE(l.known);
}

static void three_of_five_are_needed(void)
{
    struct learner l;
    learner_init(&l, electorate_of((node_set)0x1f));
    CU_ASSERT_FALSE(report(&l, 0, ballot_of(1, 0), fixture_first(), 1));
    CU_ASSERT_FALSE(report(&l, 1, ballot_of(1, 0), fixture_first(), 1));
    CU_ASSERT(report(&l, 4, ballot_of(1, 0), fixture_first(), 1));
}

static void a_late_report_does_not_bring_back_an_older_ballot(void)
{
    struct learner l;
    learner_init(&l, electorate_of(VOTERS_OF_3));
    CU_ASSERT_FALSE(report(&l, 0, ballot_of(2, 1), fixture_begun(), 1));
    CU_ASSERT_FALSE(report(&l, 0, ballot_of(1, 0), fixture_first(), 1));
    CU_ASSERT_FALSE(report(&l, 1, ballot_of(1, 0), fixture_first(), 1));
    CU_ASSERT_FALSE(l.known);
    CU_ASSERT(report(&l, 2, ballot_of(1, 0), fixture_first(), 1));
}

/* Each voter accepted it, so it does not matter that they did not say so at one time. */
static void reports_add_up_over_time(void)
{
    struct learner l;
    learner_init(&l, electorate_of(VOTERS_OF_3));
    CU_ASSERT_FALSE(report(&l, 0, ballot_of(1, 0), fixture_first(), 1));
    CU_ASSERT(report(&l, 1, ballot_of(1, 0), fixture_first(), 1000));
}

static void known_chosen_stays_known_while_a_round_is_half_done(void)
{
    struct learner l = learner_that_knows(fixture_first());
    CU_ASSERT_FALSE(report(&l, 0, ballot_of(2, 1), fixture_begun(), 2));
    CU_ASSERT(l.known);
    CU_ASSERT_EQUAL(l.chosen.version, 1);
    CU_ASSERT(report(&l, 1, ballot_of(2, 1), fixture_begun(), 3));
    CU_ASSERT_EQUAL(l.chosen.version, 2);
}

static void an_older_value_never_replaces_a_newer(void)
{
    struct learner l = learner_that_knows(fixture_begun());
    CU_ASSERT_FALSE(report(&l, 0, ballot_of(9, 1), fixture_first(), 2));
    CU_ASSERT_FALSE(report(&l, 1, ballot_of(9, 1), fixture_first(), 2));
    CU_ASSERT_EQUAL(l.chosen.version, 2);
}

static void being_told_again_makes_it_fresh(void)
{
    struct learner l = learner_that_knows(fixture_first());
    CU_ASSERT_FALSE(report(&l, 1, ballot_of(1, 0), fixture_first(), 8));
    CU_ASSERT_EQUAL(l.chosen_at.us, SECONDS(8));
}

static void nothing_and_nonsense_count_for_nothing(void)
{
    struct learner l;
    learner_init(&l, electorate_of(VOTERS_OF_3));
    struct register_report none = { .present = false };
    struct ledger bad = fixture_first();
    bad.lease_us = 0;
    for (node_id n = 0; n < 3; n++) {
        CU_ASSERT_FALSE(learner_report(&l, n, &none, AT(1)));
        CU_ASSERT_FALSE(report(&l, n, ballot_of(1, 0), bad, 1));
    }
    CU_ASSERT_FALSE(l.known);
}

SUITE_MAIN("learner", TEST(a_majority_at_one_ballot_is_chosen),
           TEST(equal_content_at_two_ballots_is_not_chosen),
           TEST(voters_are_counted_not_messages), TEST(three_of_five_are_needed),
           TEST(a_late_report_does_not_bring_back_an_older_ballot), TEST(reports_add_up_over_time),
           TEST(known_chosen_stays_known_while_a_round_is_half_done),
           TEST(an_older_value_never_replaces_a_newer), TEST(being_told_again_makes_it_fresh),
           TEST(nothing_and_nonsense_count_for_nothing))
