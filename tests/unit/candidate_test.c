/* The candidate: when a coordinator begins a failover by itself, and when it holds back. */
#include "tests/unit/service_fixture.h"
#include "tests/unit/suite.h"

#define NOW 100 /* a question that is asked then is open until 101 */

static void run_at(struct service *s, struct mono_time now)
{
    struct turn turn = turn_at(0);
    turn.now = turn.said_at = now;
    candidate_run(s, &turn);
}

static void run(struct service *s, int64_t now_s) { run_at(s, AT(now_s)); }

static struct service *asking(void)
{
    struct service *s = service_all_open(NOW);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message_sent(MESSAGE_CONFIRM));
    return s;
}

static void answer(struct service *s, node_id from, region_id region, enum verdict verdict, uint64_t nonce)
{
    struct turn turn = turn_at(NOW);
    struct message_verdict said = { .region = region, .nonce = nonce, .verdict = verdict };
    candidate_verdict(s, &turn, from, &said);
}

static void says_failed(struct service *s, node_id from) { answer(s, from, 0, VERDICT_FAILED, s->confirm.nonce); }

static bool begins(const struct service *s)
{
    return message_sent(MESSAGE_PREPARE) != NULL && s->proposer.goal.operation.kind == OPERATION_FAILOVER;
}

static void it_asks_everyone_and_begins_on_a_majority(void)
{
    struct service *s = asking();
    CU_ASSERT_FALSE(begins(s));
    says_failed(s, 1);
    run(s, NOW);
    CU_ASSERT_FALSE(begins(s));
    says_failed(s, 2);
    run(s, NOW);
    CU_ASSERT_FATAL(begins(s));
    CU_ASSERT_EQUAL(s->proposer.goal.operation.to, 1);
    CU_ASSERT_FALSE(s->proposer.goal.operation.forced);
}

static void only_voters_count_once_each_and_only_what_was_asked(void)
{
    struct service *s = asking();
    says_failed(s, 1);
    says_failed(s, 1);
    answer(s, 2, 0, VERDICT_SUSPECT, s->confirm.nonce);
    answer(s, 2, 0, VERDICT_UNKNOWN, s->confirm.nonce);
    answer(s, 2, 1, VERDICT_FAILED, s->confirm.nonce);
    answer(s, 2, 0, VERDICT_FAILED, s->confirm.nonce + 1);
    says_failed(s, 3); /* no voter */
    run(s, NOW);
    CU_ASSERT_FALSE(begins(s));
    CU_ASSERT(s->confirm.asking);
}

/* Found by the simulator: nobody looks at the question while a person's order is under way, and when that was
 * refused, a majority's answers of long ago were there. */
static void answers_whose_time_is_over_begin_nothing(void)
{
    struct service *s = asking();
    s->order.active = true;
    says_failed(s, 1);
    says_failed(s, 2);
    run(s, NOW);
    CU_ASSERT_FALSE(begins(s));
    s->order.active = false;
    run(s, NOW + 1);
    CU_ASSERT_FALSE(begins(s));
    uint64_t asked = s->confirm.nonce;
    run(s, NOW + 2);
    CU_ASSERT(s->confirm.asking && s->confirm.nonce != asked);
}

static void it_asks_again_a_heartbeat_after_a_question_that_failed(void)
{
    struct service *s = asking();
    run(s, NOW + 1);
    CU_ASSERT_FALSE(s->confirm.asking);
    run_at(s, (struct mono_time){ SECONDS(NOW + 2) - 1 });
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_CONFIRM));
    run(s, NOW + 2);
    CU_ASSERT_PTR_NOT_NULL(message_sent(MESSAGE_CONFIRM));
}

static void a_gate_that_shuts_ends_the_question(void)
{
    struct service *s = asking();
    says_failed(s, 1);
    says_failed(s, 2);
    opine(s, 0, 0, VERDICT_HEALTHY, NOW, NOW);
    opine(s, 0, 2, VERDICT_HEALTHY, NOW, NOW);
    run(s, NOW);
    CU_ASSERT_FALSE(begins(s));
    CU_ASSERT_FALSE(s->confirm.asking);
}

static void who_may_not_begin_asks_nobody(void)
{
    struct service *s = service_all_open(NOW);
    fixture_config.services[0].mode = MODE_MANUAL;
    run(s, NOW);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_CONFIRM));
    s = service_all_open(NOW);
    s->guard.mine = false;
    run(s, NOW);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_CONFIRM));
    s = service_all_open(NOW);
    s->learner = learner_that_knows(fixture_begun()); /* under way, and its executor is heard */
    run(s, NOW);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_CONFIRM));
}

/* Its store is lost, or not confirmed yet: whatever it heard, it could put nothing forward. */
static void who_may_not_propose_asks_when_it_may(void)
{
    struct service *s = service_all_open(NOW);
    struct turn turn = turn_at(NOW);
    turn.may_propose = false;
    candidate_run(s, &turn);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_CONFIRM));
    CU_ASSERT_FALSE(s->confirm.asking);
    run(s, NOW + 1);
    CU_ASSERT_PTR_NOT_NULL(message_sent(MESSAGE_CONFIRM));
}

/* An earlier coordinator of our own region goes first; should it do nothing, its turn passes. */
static void it_waits_for_its_turn(void)
{
    struct service *s = service_all_open(NOW);
    fixture_config.services[0].regions[1].guards = node_bit(0) | node_bit(1);
    s->remotes[0].guard_ready = true;
    int64_t turn_s = 3; /* a confirmation and two heartbeats */
    run(s, NOW);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_CONFIRM));
    run(s, NOW + turn_s - 1);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_CONFIRM));
    run(s, NOW + turn_s);
    CU_ASSERT_PTR_NOT_NULL(message_sent(MESSAGE_CONFIRM));
}

SUITE_MAIN("candidate", TEST(it_asks_everyone_and_begins_on_a_majority),
           TEST(only_voters_count_once_each_and_only_what_was_asked),
           TEST(answers_whose_time_is_over_begin_nothing),
           TEST(it_asks_again_a_heartbeat_after_a_question_that_failed),
           TEST(a_gate_that_shuts_ends_the_question), TEST(who_may_not_begin_asks_nobody),
           TEST(who_may_not_propose_asks_when_it_may),
           TEST(it_waits_for_its_turn))
