/* A person's order: begun once, answered once, and refused only if it can't have begun. */
#include "tests/unit/service_fixture.h"
#include "tests/unit/suite.h"

#define NOW 100 /* what is ordered then is answered by 110 */
#define TICKET 77

static const struct order to_region_1 = { .kind = ORDER_FAILOVER, .to = 1,
                                          .accepted_loss_bytes = -1, .accepted_loss_us = -1 };

static const struct message_order_reply *reply(void)
{
    const struct message_order_reply *found = NULL;
    for (size_t i = 0; i < fixture_effects.count; i++)
        if (fixture_effects.list[i].kind == EFFECT_REPLY)
            found = &fixture_effects.list[i].as.reply;
    return found;
}

static bool begins(const struct service *s)
{
    return message_sent(MESSAGE_PREPARE) != NULL && s->proposer.goal.operation.forced;
}

static void give(struct service *s, node_id from, const struct order *order)
{
    struct turn turn = turn_at(NOW);
    order_take(s, &turn, from, TICKET, order);
}

static void run(struct service *s, int64_t now_s)
{
    struct turn turn = turn_at(now_s);
    order_run(s, &turn);
}

/* Node 1, its begin put forward. */
static struct service *ordered(void)
{
    struct service *s = service_all_open(NOW);
    give(s, 1, &to_region_1);
    CU_ASSERT_PTR_NULL(reply());
    run(s, NOW);
    CU_ASSERT_FATAL(begins(s));
    return s;
}

/* The round came to no end that anybody knows of. */
static void round_is_over(struct service *s) { s->proposer.state = PROPOSER_IDLE; }

static void shut_a_gate(struct service *s)
{
    for (node_id n = 0; n < 3; n++)
        opine(s, 0, n, VERDICT_HEALTHY, NOW, 40);
}

static void accepted_means_that_it_is_chosen(void)
{
    struct service *s = ordered();
    struct ledger begun = s->proposer.goal;
    run(s, NOW + 1);
    CU_ASSERT_PTR_NULL(reply());
    s->learner = learner_that_knows(begun);
    run(s, NOW + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_ACCEPTED);
    CU_ASSERT_EQUAL(reply()->ticket, TICKET);
    CU_ASSERT_EQUAL(reply()->operation, begun.operation.id);
    run(s, NOW + 2);
    CU_ASSERT_PTR_NULL(reply());
}

static void a_shut_gate_is_named_and_may_be_skipped(void)
{
    struct service *s = service_all_open(NOW);
    shut_a_gate(s);
    give(s, 1, &to_region_1);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_GATE);
    CU_ASSERT_EQUAL(reply()->gate, GATE_MAJORITY_FAILED);
    CU_ASSERT_EQUAL(reply()->limit, 2);
    struct order skipping = to_region_1;
    skipping.skipped_gates = 1u << GATE_MAJORITY_FAILED;
    give(s, 1, &skipping);
    run(s, NOW);
    CU_ASSERT(begins(s));
}

/* Found by the simulator: a gate that shut after the begin had been put forward refused the order, and then that
 * begin was chosen. */
static void what_was_put_forward_is_not_refused(void)
{
    struct service *s = ordered();
    round_is_over(s);
    shut_a_gate(s);
    for (int64_t t = NOW; t < NOW + 10; t++) {
        run(s, t);
        CU_ASSERT_PTR_NULL(reply());
    }
    run(s, NOW + 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_NO_QUORUM); /* which says that nobody knows */
}

static void what_is_known_lost_may_be_refused(void)
{
    struct service *s = ordered();
    round_is_over(s);
    shut_a_gate(s);
    struct ledger other = fixture_begun(); /* another's begin took the version */
    other.operation.executor = 2;
    s->learner = learner_that_knows(other);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_BUSY);
}

static void one_at_a_time(void)
{
    struct service *s = ordered();
    give(s, 1, &to_region_1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_BUSY);
    CU_ASSERT(s->order.active);
    CU_ASSERT_EQUAL(s->order.operation, s->proposer.goal.operation.id);
}

static void bad_orders_are_answered_at_once(void)
{
    struct service *s = service_all_open(NOW);
    struct order order = to_region_1;
    order.to = 2; /* a witness */
    give(s, 1, &order);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_NOT_SERVING);
    order.to = REGION_NONE - 1;
    give(s, 1, &order);
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_NOT_SERVING);
    learner_init(&s->learner, electorate_of(VOTERS_OF_3));
    give(s, 1, &to_region_1);
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_NO_LEDGER);
}

static struct message order_message_of(int64_t sent_s)
{
    return (struct message){ .kind = MESSAGE_ORDER, .from = 0, .restarts = 4, .sent_us = SECONDS(sent_s),
                             .as.order = { TICKET, to_region_1 } };
}

/* Found by the simulator: the network brought a forwarded order once more, when it had been carried out and the
 * service had been moved back. */
static void a_message_that_comes_again_orders_nothing(void)
{
    struct service *s = service_all_open(NOW);
    struct turn turn = turn_at(NOW);
    struct message m = order_message_of(50);
    order_message(s, &turn, &m);
    CU_ASSERT(s->order.active);
    s->order.active = false;
    order_message(s, &turn, &m);
    CU_ASSERT_FALSE(s->order.active);
    m = order_message_of(49); /* overtaken by a newer one */
    order_message(s, &turn, &m);
    CU_ASSERT_FALSE(s->order.active);
    m = order_message_of(51);
    order_message(s, &turn, &m);
    CU_ASSERT(s->order.active);
}

static void a_message_older_than_the_persons_patience_orders_nothing(void)
{
    struct service *s = service_all_open(NOW);
    struct message m = order_message_of(50);
    struct turn turn = turn_at(NOW);
    turn.said_at = AT(NOW - 10);
    order_message(s, &turn, &m);
    CU_ASSERT_FALSE(s->order.active);
    turn.said_at.us++;
    order_message(s, &turn, &m);
    CU_ASSERT_FATAL(s->order.active);
    CU_ASSERT_EQUAL(s->order.deadline.us, SECONDS(NOW) + 1);
}

static void it_goes_to_a_coordinator_of_the_region_and_no_further(void)
{
    struct service *s = service_all_open(NOW);
    fixture_config.self = 2;
    give(s, 2, &to_region_1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message_sent(MESSAGE_ORDER));
    CU_ASSERT_EQUAL(message_sent(MESSAGE_ORDER)->as.order.ticket, TICKET);
    run(s, NOW + 10); /* what the other says of it by now is on its way */
    CU_ASSERT(!begins(s) && reply() == NULL);
    run(s, NOW + 11); /* whoever got it may have begun */
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_NO_QUORUM);
    give(s, 0, &to_region_1);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_ORDER));
    CU_ASSERT_PTR_NOT_NULL_FATAL(message_sent(MESSAGE_ORDER_REPLY));
    CU_ASSERT_EQUAL(message_sent(MESSAGE_ORDER_REPLY)->as.order_reply.answer, ANSWER_NO_COORDINATOR);
}

/* A switchover to region 1 runs, and its source is gone. */
static void a_switchover_may_be_made_a_failover_by_name(void)
{
    for (int variant = 0; variant < 4; variant++) {
        struct service *s = service_all_open(NOW);
        struct ledger first = fixture_first();
        struct begin_terms terms = fixture_terms(7, 1, 1);
        terms.kind = OPERATION_SWITCHOVER;
        terms.forced = true;
        struct ledger l = ledger_begin(&first, &terms);
        struct said said = { { 1 }, { "" }, { "" } };
        struct order order = to_region_1;
        if (variant == 1)
            l = ledger_wish(&l, WISH_BACK, &said);
        if (variant == 2)
            order.kind = ORDER_SWITCHOVER;
        s->learner = learner_that_knows(l);
        if (variant == 3)
            shut_a_gate(s);
        give(s, 1, &order);
        run(s, NOW);
        CU_ASSERT_EQUAL(begins(s), variant == 0);
        if (variant == 0) {
            CU_ASSERT_EQUAL(s->proposer.goal.operation.kind, OPERATION_FAILOVER);
            CU_ASSERT_EQUAL(s->proposer.goal.operation.from, 0);
            CU_ASSERT(s->proposer.goal.operation.may_return);
            CU_ASSERT_NOT_EQUAL(s->proposer.goal.operation.id, 7);
        } else {
            CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
            CU_ASSERT_EQUAL(reply()->answer, variant == 3 ? ANSWER_GATE : ANSWER_BUSY);
        }
    }
}

/* ---- ticks --------------------------------------------------------------------------------- */

#define RUNS 11 /* the operation that does, and the one before it */
#define LAST 10

static struct service *with_operations(bool runs)
{
    struct service *s = service_all_open(NOW);
    struct ledger l = *service_ledger(s);
    l.version++;
    l.last_operation = LAST;
    if (runs)
        l = ledger_adopt(&l, RUNS, l.guard.node, (struct wall_time){ 0 });
    s->learner = learner_that_knows(l);
    return s;
}

static void tick(struct service *s, uint64_t operation, uint32_t items)
{
    give(s, 1, &(struct order){ .kind = ORDER_TICK, .to = REGION_NONE, .operation = operation, .items = items,
                                .accepted_loss_bytes = -1, .accepted_loss_us = -1 });
    if (reply() == NULL)
        run(s, NOW);
}

static void a_tick_is_put_forward_and_moves_nothing(void)
{
    struct service *s = with_operations(true);
    struct ledger before = *service_ledger(s);
    tick(s, RUNS, 1u << 4);
    CU_ASSERT_PTR_NULL(reply());
    CU_ASSERT_PTR_NOT_NULL_FATAL(message_sent(MESSAGE_PREPARE));
    struct ledger goal = s->proposer.goal;
    CU_ASSERT_TRUE(goal.ticked_operation == RUNS && goal.ticked == 1u << 4);
    CU_ASSERT_TRUE(ledger_follows(&before, &goal));
    goal.version = before.version;
    goal.ticked_operation = goal.ticked = 0;
    CU_ASSERT_TRUE(ledger_equal(&before, &goal));
    s->learner = learner_that_knows(s->proposer.goal);
    round_is_over(s);
    run(s, NOW + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_ACCEPTED);
    CU_ASSERT_EQUAL(reply()->operation, RUNS);
}

static void a_tick_adds_to_what_is_ticked(void)
{
    struct service *s = with_operations(true);
    struct ledger l = ledger_tick(service_ledger(s), RUNS, 1u << 31);
    s->learner = learner_that_knows(l);
    tick(s, RUNS, 1u);
    CU_ASSERT_EQUAL(s->proposer.goal.ticked, 1u << 31 | 1u);
    s = with_operations(true);
    s->learner = learner_that_knows(l);
    tick(s, RUNS, 1u << 31); /* by somebody else meanwhile: it is ticked */
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_ACCEPTED);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_PREPARE));
}

/* Marks are kept for one operation: a late one of the last would take away those of the one that runs. */
static void only_the_open_runbook_is_ticked(void)
{
    static const struct { bool runs; uint64_t operation; bool good; } cases[] = {
        { true, RUNS, true }, { true, LAST, false }, { false, LAST, true }, { false, RUNS, false },
        { true, 0, false }, { false, 0, false }, { true, 99, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct service *s = with_operations(cases[i].runs);
        tick(s, cases[i].operation, 2);
        CU_ASSERT_EQUAL(reply() == NULL, cases[i].good);
        CU_ASSERT_TRUE(cases[i].good || (reply() != NULL && reply()->answer == ANSWER_NO_OPERATION));
        CU_ASSERT_EQUAL(message_sent(MESSAGE_PREPARE) != NULL, cases[i].good);
    }
}

SUITE_MAIN("order", TEST(a_switchover_may_be_made_a_failover_by_name),
           TEST(accepted_means_that_it_is_chosen), TEST(a_shut_gate_is_named_and_may_be_skipped),
           TEST(what_was_put_forward_is_not_refused), TEST(what_is_known_lost_may_be_refused), TEST(one_at_a_time),
           TEST(bad_orders_are_answered_at_once), TEST(a_message_that_comes_again_orders_nothing),
           TEST(a_message_older_than_the_persons_patience_orders_nothing),
           TEST(it_goes_to_a_coordinator_of_the_region_and_no_further), TEST(a_tick_is_put_forward_and_moves_nothing),
           TEST(a_tick_adds_to_what_is_ticked), TEST(only_the_open_runbook_is_ticked))
