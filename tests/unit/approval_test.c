/* Approval and the brake: what opens their gates, what is put forward, and what is withdrawn when. */
#include "tests/unit/service_fixture.h"
#include "tests/unit/suite.h"

#define NOW 100
#define WITHIN 30

static struct gate gates[GATE_COUNT];

static enum gate_id first_shut(const struct service *s, int64_t now_s, bool planned)
{
    struct turn turn = turn_at(now_s);
    gates_judge(s, &turn, 1, planned, 0, NULL, gates);
    return gates_first_shut(gates);
}

static void follow(struct service *s, int64_t now_s)
{
    struct turn turn = turn_at(now_s);
    approval_run(s, &turn);
}

static void candidate(struct service *s, int64_t now_s)
{
    struct turn turn = turn_at(now_s);
    candidate_run(s, &turn);
}

static struct service *approving(void)
{
    struct service *s = service_all_open(NOW);
    fixture_config.services[0].mode = MODE_APPROVE;
    fixture_config.services[0].approve_within_us = SECONDS(WITHIN);
    return s;
}

static void know(struct service *s, struct ledger_proposal proposal)
{
    struct ledger now = s->learner.chosen;
    s->learner = learner_that_knows(ledger_propose(&now, &proposal));
}

static struct ledger_proposal proposed(enum proposal_state state)
{
    return (struct ledger_proposal){ .state = state, .kind = OPERATION_FAILOVER, .id = 9, .from = 0, .to = 1,
                                     .proposer = 1, .said = { { 5 }, { "ann" }, { "why" } } };
}

/* A question to all voters that is answered by them: what is put forward then. */
static const struct ledger *confirmed(struct service *s, int64_t now_s)
{
    candidate(s, now_s);
    CU_ASSERT_FATAL(s->confirm.asking);
    for (node_id n = 0; n < 3; n++) {
        struct turn turn = turn_at(now_s);
        struct message_verdict said = { .region = 0, .nonce = s->confirm.nonce, .verdict = VERDICT_FAILED };
        candidate_verdict(s, &turn, n, &said);
    }
    candidate(s, now_s);
    CU_ASSERT_EQUAL_FATAL(s->proposer.state, PROPOSER_PREPARING);
    return &s->proposer.goal;
}

static void the_gate_opens_for_the_very_proposal(void)
{
    struct service *s = service_all_open(NOW);
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_COUNT); /* automatic: nobody is asked */
    s = approving();
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_APPROVED);
    CU_ASSERT_EQUAL(gates[GATE_APPROVED].value, PROPOSAL_NONE);
    CU_ASSERT_EQUAL(gates[GATE_APPROVED].limit, PROPOSAL_APPROVED);
    (void)first_shut(s, NOW, true);
    CU_ASSERT(gates[GATE_APPROVED].open); /* a planned one is a person's own order */
    know(s, proposed(PROPOSAL_WAITS));
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_APPROVED);
    CU_ASSERT_EQUAL(gates[GATE_APPROVED].value, PROPOSAL_WAITS);
    know(s, proposed(PROPOSAL_DECLINED));
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_APPROVED);
    know(s, proposed(PROPOSAL_APPROVED));
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_COUNT);
    struct ledger_proposal other = proposed(PROPOSAL_APPROVED);
    other.from = 2; /* of another loss */
    know(s, other);
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_APPROVED);
    other = proposed(PROPOSAL_APPROVED);
    other.to = 2;
    know(s, other);
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_APPROVED);
    other = proposed(PROPOSAL_APPROVED);
    other.state = PROPOSAL_SCHEDULED; /* somebody's plan is no answer */
    know(s, other);
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_APPROVED);
}

static void time_counts_from_when_it_was_learnt(void)
{
    for (int go = 0; go < 2; go++) {
        struct service *s = approving();
        fixture_config.services[0].go_without_answer = go;
        know(s, proposed(PROPOSAL_WAITS));
        follow(s, NOW);
        (void)first_shut(s, NOW + WITHIN - 1, false);
        CU_ASSERT_FALSE(gates[GATE_APPROVED].open);
        (void)first_shut(s, NOW + WITHIN, false);
        CU_ASSERT_EQUAL(gates[GATE_APPROVED].open, go);
        know(s, proposed(PROPOSAL_DECLINED));
        (void)first_shut(s, NOW + WITHIN, false);
        CU_ASSERT_FALSE(gates[GATE_APPROVED].open);
    }
    struct service *s = approving();
    fixture_config.services[0].go_without_answer = true;
    know(s, proposed(PROPOSAL_WAITS));
    (void)first_shut(s, NOW + WITHIN, false);
    CU_ASSERT_FALSE(gates[GATE_APPROVED].open); /* never followed: its time has not begun */
}

static void people_are_asked_on_fresh_evidence_and_then_it_begins(void)
{
    struct service *s = approving();
    struct ledger goal = *confirmed(s, NOW);
    CU_ASSERT_EQUAL(goal.operation.kind, OPERATION_NONE);
    CU_ASSERT_EQUAL(goal.proposal.state, PROPOSAL_WAITS);
    CU_ASSERT_EQUAL(goal.proposal.from, 0);
    CU_ASSERT_EQUAL(goal.proposal.to, 1);
    CU_ASSERT(ledger_follows(&s->learner.chosen, &goal));
    s->proposer.state = PROPOSER_IDLE;
    s->learner = learner_that_knows(goal);
    follow(s, NOW + 1);
    candidate(s, NOW + 1);
    CU_ASSERT_FALSE(s->confirm.asking); /* once is enough */
    struct said word = { { 5 }, { "ann" }, { "why" } };
    s->learner = learner_that_knows(ledger_answer(&goal, PROPOSAL_APPROVED, &word));
    const struct ledger *begun = confirmed(s, NOW + 2);
    CU_ASSERT_EQUAL(begun->operation.kind, OPERATION_FAILOVER);
    CU_ASSERT_EQUAL(begun->operation.id, goal.proposal.id);
    CU_ASSERT_FALSE(begun->operation.forced);
    CU_ASSERT_STRING_EQUAL(begun->operation.said.by.s, "ann");
    CU_ASSERT_EQUAL(begun->proposal.state, PROPOSAL_NONE);
}

static void nothing_is_asked_anew_after_a_no(void)
{
    struct service *s = approving();
    struct ledger_proposal p = proposed(PROPOSAL_DECLINED);
    know(s, p);
    follow(s, NOW);
    candidate(s, NOW);
    CU_ASSERT_FALSE(s->confirm.asking);
    s = approving();
    p.to = 2; /* whichever target */
    know(s, p);
    follow(s, NOW);
    candidate(s, NOW);
    CU_ASSERT_FALSE(s->confirm.asking);
}

/* Another region's proposal stands while that region can take over, and for a while after. */
static void a_lost_target_is_replaced(void)
{
    struct service *s = approving();
    struct ledger_proposal p = proposed(PROPOSAL_APPROVED);
    p.to = 2;
    know(s, p);
    follow(s, NOW); /* nothing is known of region 2 */
    candidate(s, NOW);
    CU_ASSERT_FALSE(s->confirm.asking);
    s->approval.lost_since = AT(NOW - 5);
    const struct ledger *goal = confirmed(s, NOW);
    CU_ASSERT_EQUAL(goal->proposal.state, PROPOSAL_WAITS);
    CU_ASSERT_EQUAL(goal->proposal.to, 1);
    CU_ASSERT_NOT_EQUAL(goal->proposal.id, p.id);
}

/* Two that only don't hear each other don't take turns. */
static void who_was_replaced_does_not_replace_back(void)
{
    struct service *s = approving();
    know(s, proposed(PROPOSAL_WAITS));
    follow(s, NOW);
    struct ledger_proposal theirs = proposed(PROPOSAL_WAITS);
    theirs.id = 10;
    theirs.to = 2;
    know(s, theirs);
    follow(s, NOW);
    CU_ASSERT_EQUAL(s->approval.withdrawn, 9);
    s->approval.lost_since = AT(NOW - 5);
    candidate(s, NOW);
    CU_ASSERT_FALSE(s->confirm.asking);
    know(s, (struct ledger_proposal){ .state = PROPOSAL_NONE });
    follow(s, NOW); /* and when nothing is proposed any more, it is as before */
    candidate(s, NOW);
    CU_ASSERT(s->confirm.asking);
}

static bool withdraws(const struct service *s)
{
    return s->proposer.state == PROPOSER_PREPARING && s->proposer.goal.proposal.state == PROPOSAL_NONE;
}

static void well_is_what_withdraws_and_silence_is_not(void)
{
    struct service *s = approving();
    know(s, proposed(PROPOSAL_DECLINED));
    follow(s, NOW);
    for (node_id n = 0; n < 3; n++)
        s->health.opinions[0][n].heard = false; /* all voters restarted */
    follow(s, NOW + 60);
    CU_ASSERT_FALSE(withdraws(s));
    for (int64_t t = NOW + 61; t < NOW + 68; t++) {
        opine(s, 0, 0, VERDICT_HEALTHY, t, t);
        opine(s, 0, 2, VERDICT_HEALTHY, t, t);
        follow(s, t);
        CU_ASSERT_FALSE(withdraws(s)); /* evidence may be 5 s old, and node 1 gives node 0 two heartbeats */
    }
    follow(s, NOW + 68);
    CU_ASSERT(withdraws(s));
}

static void one_of_another_writer_is_withdrawn_at_once(void)
{
    struct service *s = approving();
    struct ledger_proposal p = proposed(PROPOSAL_APPROVED);
    p.from = 2;
    know(s, p);
    follow(s, NOW);
    follow(s, NOW + 2);
    CU_ASSERT(withdraws(s));
}

static void a_schedule_is_left_alone(void)
{
    struct service *s = approving();
    struct ledger_proposal p = proposed(PROPOSAL_SCHEDULED);
    p.kind = OPERATION_SWITCHOVER;
    p.from = 2;
    know(s, p);
    follow(s, NOW);
    follow(s, NOW + 60);
    CU_ASSERT_FALSE(withdraws(s));
}

/* ---- the brake ---- */

static struct service *braked(uint8_t limit)
{
    struct service *s = service_all_open(NOW);
    fixture_config.service_count = 3;
    fixture_config.failovers_at_once = limit;
    for (size_t i = 0; i < POLICY_SERVICES_MAX; i++)
        fixture_moving[i] = (struct moving){ .counts = false };
    s->index = 1;
    return s;
}

static void others_that_fail_over_shut_it(void)
{
    struct service *s = braked(1);
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_COUNT);
    fixture_moving[1].counts = true; /* itself */
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_COUNT);
    fixture_moving[2].counts = true;
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_BLAST_RADIUS);
    CU_ASSERT_EQUAL(gates[GATE_BLAST_RADIUS].value, 1);
    (void)first_shut(s, NOW, true);
    CU_ASSERT_FALSE(gates[GATE_BLAST_RADIUS].open); /* planned ones stop writes too */
    fixture_config.failovers_at_once = 2;
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_COUNT);
    fixture_config.failovers_at_once = 0;
    fixture_moving[0].counts = true;
    CU_ASSERT_EQUAL(first_shut(s, NOW, false), GATE_COUNT);
    CU_ASSERT_EQUAL(gates[GATE_BLAST_RADIUS].value, 2);
    fixture_moving[0].counts = fixture_moving[2].counts = false;
}

/* Once begun, only those count that go before: each of two sees the same order. */
static void the_later_one_is_in_excess(void)
{
    static const struct { struct moving other; uint8_t index; bool open; } cases[] = {
        { { .counts = true, .begun = { 49 } }, 2, false },
        { { .counts = true, .begun = { 51 } }, 2, true },
        { { .counts = true, .begun = { 50 } }, 0, false }, /* the same moment: by its place */
        { { .counts = true, .begun = { 50 } }, 2, true },
        { { .counts = true, .granted = true, .begun = { 51 } }, 2, false },
        { { .counts = true, .forced = true, .begun = { 51 } }, 2, false },
        { { .counts = false, .begun = { 49 } }, 2, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct service *s = braked(1);
        struct ledger begun = fixture_begun();
        begun.operation.begun.us = 50;
        s->learner = learner_that_knows(begun);
        fixture_moving[cases[i].index] = cases[i].other;
        (void)first_shut(s, NOW, false);
        CU_ASSERT_EQUAL(gates[GATE_BLAST_RADIUS].open, cases[i].open);
        fixture_moving[cases[i].index].counts = false;
    }
}

static void a_service_counts_until_its_target_was_seen_a_primary(void)
{
    struct service *s = braked(1);
    CU_ASSERT_FALSE(brake_moving(s).counts);
    s->learner = learner_that_knows(fixture_begun());
    CU_ASSERT(brake_moving(s).counts && !brake_moving(s).granted);
    s->learner = learner_that_knows(fixture_granted());
    CU_ASSERT(brake_moving(s).counts && brake_moving(s).granted);
    see(s, 1, 1, (struct database_facts){ .in_recovery = false, .timeline = 2, .lsn = 6000 }, NOW);
    CU_ASSERT_FALSE(brake_moving(s).counts);
    s = braked(1);
    struct turn turn = turn_at(NOW);
    struct ledger begun = fixture_begun();
    CU_ASSERT(service_propose(s, &turn, &begun)); /* put forward here: it counts before it is chosen */
    CU_ASSERT(brake_moving(s).counts);
}

SUITE_MAIN("approval", TEST(the_gate_opens_for_the_very_proposal), TEST(time_counts_from_when_it_was_learnt),
           TEST(people_are_asked_on_fresh_evidence_and_then_it_begins), TEST(nothing_is_asked_anew_after_a_no),
           TEST(a_lost_target_is_replaced),
           TEST(who_was_replaced_does_not_replace_back), TEST(well_is_what_withdraws_and_silence_is_not),
           TEST(one_of_another_writer_is_withdrawn_at_once), TEST(a_schedule_is_left_alone),
           TEST(others_that_fail_over_shut_it), TEST(the_later_one_is_in_excess),
           TEST(a_service_counts_until_its_target_was_seen_a_primary))
