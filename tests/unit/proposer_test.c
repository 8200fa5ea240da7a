/* One round: on top of what is known chosen, or it puts forward what it found. */
#include "policy/quorum/proposer.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static struct proposer started(const struct learner *learner, struct ledger goal)
{
    struct proposer p;
    proposer_init(&p, 1, 4);
    proposer_saw(&p, ballot_of(6, 2));
    proposer_start(&p, learner, &goal, AT(20));
    return p;
}

static bool promise(struct proposer *p, const struct learner *learner, node_id voter,
                    struct register_report report)
{
    struct message_promise m = { p->ballot, report };
    return proposer_promise(p, learner, voter, &m);
}

static enum proposal_outcome accepted(struct proposer *p, const struct learner *learner,
                                      node_id voter, int64_t age_us, int64_t s)
{
    struct message_accepted m = { .ballot = p->ballot, .grant_age_us = age_us };
    return proposer_accepted(p, learner, voter, &m, AT(s));
}

static const struct register_report nothing = { .present = false };

static void a_round_starts_above_every_ballot_seen(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct proposer p = started(&l, fixture_begun());
    CU_ASSERT_EQUAL(p.ballot.counter, 7);
    CU_ASSERT_EQUAL(p.ballot.node, 1);
    CU_ASSERT_EQUAL(p.ballot.restart, 4);
    struct ledger goal = fixture_begun();
    proposer_stop(&p);
    proposer_start(&p, &l, &goal, AT(20));
    CU_ASSERT_EQUAL(p.ballot.counter, 8); /* never used twice */
}

static void the_goal_is_chosen_on_top_of_what_is_known(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct proposer p = started(&l, fixture_begun());
    CU_ASSERT_FALSE(promise(&p, &l, 0, report_of(ballot_of(1, 0), fixture_first())));
    CU_ASSERT(promise(&p, &l, 1, report_of(ballot_of(1, 0), fixture_first())));
    CU_ASSERT_EQUAL(p.value.version, 2);
    CU_ASSERT_EQUAL(accepted(&p, &l, 0, 0, 10), PROPOSAL_PENDING);
    CU_ASSERT_EQUAL(accepted(&p, &l, 1, 0, 10), PROPOSAL_CHOSEN);
}

/* A value that a minority accepted may be chosen: it is put forward, not passed over. */
static void a_newer_value_found_is_put_forward_instead(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct ledger goal = fixture_begun(), found = goal;
    found.operation.id = 99;
    struct proposer p = started(&l, goal);
    CU_ASSERT_FALSE(promise(&p, &l, 0, report_of(ballot_of(5, 2), found)));
    CU_ASSERT(promise(&p, &l, 1, report_of(ballot_of(1, 0), fixture_first())));
    CU_ASSERT(ledger_equal(&p.value, &found));
    CU_ASSERT_EQUAL(accepted(&p, &l, 0, 0, 10), PROPOSAL_PENDING);
    CU_ASSERT_EQUAL(accepted(&p, &l, 1, 0, 10), PROPOSAL_CONFLICT);
}

static void the_highest_ballot_found_decides_not_the_last_to_answer(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct ledger high = fixture_begun(), low = high;
    high.operation.id = 99;
    low.operation.id = 98;
    struct proposer p = started(&l, fixture_begun());
    (void)promise(&p, &l, 0, report_of(ballot_of(5, 2), high));
    CU_ASSERT(promise(&p, &l, 2, report_of(ballot_of(4, 2), low)));
    CU_ASSERT_EQUAL(p.value.operation.id, 99);
}

static void an_empty_register_takes_the_first_value(void)
{
    struct learner l;
    learner_init(&l, electorate_of(VOTERS_OF_3));
    struct proposer p = started(&l, fixture_first());
    (void)promise(&p, &l, 0, nothing);
    CU_ASSERT(promise(&p, &l, 1, nothing));
    CU_ASSERT_EQUAL(p.value.version, 1);
}

/* We know a chosen value and a majority has none: disks were lost. Nothing is built on that. */
static void lost_disks_are_not_an_empty_register(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct proposer p = started(&l, fixture_begun());
    CU_ASSERT_FALSE(promise(&p, &l, 0, nothing));
    CU_ASSERT_FALSE(promise(&p, &l, 2, nothing));
    CU_ASSERT_EQUAL(p.state, PROPOSER_PREPARING);
}

static void voters_are_counted_not_promises(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct proposer p = started(&l, fixture_begun());
    struct register_report first = report_of(ballot_of(1, 0), fixture_first());
    CU_ASSERT_FALSE(promise(&p, &l, 0, first));
    CU_ASSERT_FALSE(promise(&p, &l, 0, first));
    CU_ASSERT_FALSE(promise(&p, &l, 9, first));
    CU_ASSERT(promise(&p, &l, 2, first));
    CU_ASSERT_EQUAL(accepted(&p, &l, 0, 0, 10), PROPOSAL_PENDING);
    CU_ASSERT_EQUAL(accepted(&p, &l, 0, 0, 10), PROPOSAL_PENDING);
    CU_ASSERT_EQUAL(accepted(&p, &l, 9, 0, 10), PROPOSAL_PENDING);
    CU_ASSERT_EQUAL(accepted(&p, &l, 1, 0, 10), PROPOSAL_CHOSEN);
}

static void answers_to_another_ballot_count_nothing(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct proposer p = started(&l, fixture_begun());
    struct register_report first = report_of(ballot_of(1, 0), fixture_first());
    struct message_promise stale = { ballot_of(6, 1), first };
    CU_ASSERT_FALSE(proposer_promise(&p, &l, 0, &stale));
    CU_ASSERT_FALSE(proposer_promise(&p, &l, 2, &stale));
    (void)promise(&p, &l, 0, first);
    CU_ASSERT(promise(&p, &l, 1, first));
    struct message_accepted old = { .ballot = ballot_of(6, 1) };
    CU_ASSERT_EQUAL(proposer_accepted(&p, &l, 0, &old, AT(1)), PROPOSAL_PENDING);
    CU_ASSERT_EQUAL(proposer_accepted(&p, &l, 1, &old, AT(1)), PROPOSAL_PENDING);
    /* A promise that comes after the value went out changes nothing. */
    struct ledger other = fixture_begun();
    other.operation.id = 55;
    CU_ASSERT_FALSE(promise(&p, &l, 2, report_of(ballot_of(6, 2), other)));
    CU_ASSERT_EQUAL(p.value.operation.id, 7);
}

/* The latest over the majority's replies, each from its own receipt and with its own age. */
static void the_wait_is_the_latest_over_the_replies(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct proposer p = started(&l, fixture_begun());
    struct register_report first = report_of(ballot_of(1, 0), fixture_first());
    (void)promise(&p, &l, 0, first);
    (void)promise(&p, &l, 1, first);
    (void)accepted(&p, &l, 0, 0, 10);
    CU_ASSERT_EQUAL(accepted(&p, &l, 1, SECONDS(2), 11), PROPOSAL_CHOSEN);
    CU_ASSERT_EQUAL(p.wait_until.us, SECONDS(10) + 2444445);
}

static void a_new_round_forgets_the_wait_of_the_last(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct proposer p = started(&l, fixture_begun());
    struct register_report first = report_of(ballot_of(1, 0), fixture_first());
    struct ledger goal = fixture_begun();
    (void)promise(&p, &l, 0, first);
    (void)promise(&p, &l, 1, first);
    (void)accepted(&p, &l, 0, 0, 19);
    proposer_stop(&p);
    proposer_start(&p, &l, &goal, AT(40));
    CU_ASSERT_EQUAL(p.wait_until.us, 0);
    CU_ASSERT_EQUAL(p.accepted, 0);
    CU_ASSERT_EQUAL(p.promised, 0);
}

static void a_lost_majority_ends_the_round_and_shows_the_way_up(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct proposer p = started(&l, fixture_begun());
    struct message_reject no = { p.ballot, ballot_of(40, 2) };
    CU_ASSERT_EQUAL(proposer_reject(&p, &l, 0, &no), PROPOSAL_PENDING);
    CU_ASSERT_EQUAL(proposer_reject(&p, &l, 0, &no), PROPOSAL_PENDING);
    CU_ASSERT_EQUAL(proposer_reject(&p, &l, 2, &no), PROPOSAL_REJECTED);
    struct ledger goal = fixture_begun();
    proposer_start(&p, &l, &goal, AT(20));
    CU_ASSERT_EQUAL(p.ballot.counter, 41);
}

static void a_round_past_its_deadline_is_unknown_not_failed(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct proposer p = started(&l, fixture_begun());
    CU_ASSERT_EQUAL(proposer_tick(&p, AT_MS(19999)), PROPOSAL_PENDING);
    CU_ASSERT_EQUAL(proposer_tick(&p, AT(20)), PROPOSAL_UNKNOWN);
    CU_ASSERT_EQUAL(proposer_tick(&p, AT(21)), PROPOSAL_PENDING);
}

/* What comes in promises came over the wire: it is put forward only if it can be a ledger. */
static void a_promise_of_nonsense_is_not_put_forward(void)
{
    struct learner l = learner_that_knows(fixture_first());
    struct ledger bad = fixture_begun();
    bad.guard.node = NODE_NONE;
    struct proposer p = started(&l, fixture_begun());
    (void)promise(&p, &l, 0, report_of(ballot_of(5, 2), bad));
    (void)promise(&p, &l, 1, report_of(ballot_of(1, 0), fixture_first()));
    CU_ASSERT(p.state == PROPOSER_PREPARING || ledger_valid(&p.value));
}

SUITE_MAIN("proposer", TEST(a_round_starts_above_every_ballot_seen),
           TEST(the_goal_is_chosen_on_top_of_what_is_known),
           TEST(a_newer_value_found_is_put_forward_instead),
           TEST(the_highest_ballot_found_decides_not_the_last_to_answer),
           TEST(an_empty_register_takes_the_first_value),
           TEST(lost_disks_are_not_an_empty_register), TEST(voters_are_counted_not_promises),
           TEST(answers_to_another_ballot_count_nothing),
           TEST(the_wait_is_the_latest_over_the_replies),
           TEST(a_new_round_forgets_the_wait_of_the_last),
           TEST(a_lost_majority_ends_the_round_and_shows_the_way_up),
           TEST(a_round_past_its_deadline_is_unknown_not_failed),
           TEST(a_promise_of_nonsense_is_not_put_forward))
