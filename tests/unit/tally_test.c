/* Votes on a region: whose, how fresh, and since when. */
#include "policy/health/tally.h"
#include "policy/quorum/majority.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static struct opinion opinion(enum verdict verdict, int64_t said_s, int64_t since_s)
{
    return (struct opinion){ true, AT(said_s), { .verdict = verdict, .since = AT(since_s) } };
}

static struct vote_count count(const struct opinion *opinions, node_set voters)
{
    return tally_failed(electorate_of(voters), opinions, SECONDS(5), AT(100));
}

static void a_majority_of_all_voters_is_needed(void)
{
    struct opinion o[POLICY_NODES_MAX] = { [0] = opinion(VERDICT_FAILED, 99, 50) };
    CU_ASSERT_FALSE(tally_won(count(o, VOTERS_OF_3)));
    o[2] = opinion(VERDICT_FAILED, 99, 60);
    CU_ASSERT(tally_won(count(o, VOTERS_OF_3)));
    CU_ASSERT_FALSE(tally_won(count(o, (node_set)0x1f))); /* silence is no vote */
}

static void others_than_voters_have_no_vote(void)
{
    struct opinion o[POLICY_NODES_MAX] = { [0] = opinion(VERDICT_FAILED, 99, 50),
                                           [4] = opinion(VERDICT_FAILED, 99, 50),
                                           [5] = opinion(VERDICT_FAILED, 99, 50) };
    CU_ASSERT_EQUAL(count(o, VOTERS_OF_3).votes, 1);
}

static void suspect_and_unknown_are_no_votes(void)
{
    struct opinion o[POLICY_NODES_MAX] = { [0] = opinion(VERDICT_SUSPECT, 99, 50),
                                           [1] = opinion(VERDICT_UNKNOWN, 99, 50),
                                           [2] = opinion(VERDICT_HEALTHY, 99, 50) };
    CU_ASSERT_EQUAL(count(o, VOTERS_OF_3).votes, 0);
}

static void stale_votes_do_not_count(void)
{
    struct opinion o[POLICY_NODES_MAX] = { [0] = opinion(VERDICT_FAILED, 95, 50),
                                           [1] = opinion(VERDICT_FAILED, 94, 50) };
    struct vote_count c = count(o, VOTERS_OF_3);
    CU_ASSERT_EQUAL(c.votes, 1);
    CU_ASSERT_EQUAL(c.failed, node_bit(0));
    CU_ASSERT_EQUAL(c.oldest_us, SECONDS(5));
}

static void the_outage_is_as_long_as_a_majority_saw_it(void)
{
    struct opinion o[POLICY_NODES_MAX] = { [0] = opinion(VERDICT_FAILED, 99, 10),
                                           [1] = opinion(VERDICT_FAILED, 99, 70),
                                           [2] = opinion(VERDICT_FAILED, 99, 90) };
    CU_ASSERT_EQUAL(count(o, VOTERS_OF_3).standing_us, SECONDS(30));
    o[1].heard = false;
    CU_ASSERT_EQUAL(count(o, VOTERS_OF_3).standing_us, SECONDS(10));
    o[2].heard = false;
    CU_ASSERT_EQUAL(count(o, VOTERS_OF_3).standing_us, 0);
}

static void majorities(void)
{
    CU_ASSERT_EQUAL(majority_of(VOTERS_OF_3), 2);
    CU_ASSERT_EQUAL(majority_of((node_set)0x1f), 3);
    CU_ASSERT_FALSE(majority_lost(VOTERS_OF_3, 0));
    CU_ASSERT_FALSE(majority_lost(VOTERS_OF_3, 2));
    CU_ASSERT_TRUE(majority_lost(VOTERS_OF_3, 6));
    CU_ASSERT_FALSE(majority_has(0, 7));
    CU_ASSERT_FALSE(majority_has(0, 0));
    CU_ASSERT_FALSE(majority_has(VOTERS_OF_3, (node_set)0xf8));
}

SUITE_MAIN("tally", TEST(a_majority_of_all_voters_is_needed), TEST(others_than_voters_have_no_vote),
           TEST(suspect_and_unknown_are_no_votes), TEST(stale_votes_do_not_count),
           TEST(the_outage_is_as_long_as_a_majority_saw_it), TEST(majorities))
