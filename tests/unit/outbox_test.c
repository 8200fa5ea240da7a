/* The outbox: nothing that shows durable state leaves before it is on disk, in any order of events. */
#include "coordinator/control/outbox.h"

#include "tests/unit/suite.h"

#define SEEN_MAX 4096

static uint64_t seen[SEEN_MAX];
static size_t seen_count;
static struct outbox *box;
static bool answer_by_putting;

static void on_send(void *arg, const struct effect_send *send)
{
    (void)arg;
    seen[seen_count++] = send->message.generation;
    /* A message to ourselves may make the core put another one in, from within this call. */
    if (answer_by_putting && send->message.generation < 100) {
        struct effect_send again = *send;
        again.message.generation += 100;
        outbox_put(box, &again);
    }
}

static void put(uint64_t mark, bool durable)
{
    struct effect_send send = { .to = 1, .durable = durable };
    send.message.generation = mark;
    outbox_put(box, &send);
}

static void begin(void)
{
    seen_count = 0;
    answer_by_putting = false;
    box = outbox_new(on_send, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(box);
}

static void without_a_write_everything_leaves_at_once(void)
{
    begin();
    put(1, true);
    put(2, false);
    CU_ASSERT_EQUAL(seen_count, 2);
    outbox_free(box);
}

static void durable_waits_for_its_write_and_others_do_not(void)
{
    begin();
    outbox_expect(box, 1);
    put(1, true);
    put(2, false);
    CU_ASSERT_EQUAL(seen_count, 1);
    CU_ASSERT_EQUAL(seen[0], 2);
    outbox_written(box, 1);
    CU_ASSERT_EQUAL(seen_count, 2);
    CU_ASSERT_EQUAL(seen[1], 1);
    outbox_free(box);
}

/* The core changed again before the first write was done: what shows the second change waits for
 * the second write, though the first is done. */
static void each_waits_for_all_writes_asked_for_before_it(void)
{
    begin();
    outbox_expect(box, 1);
    put(1, true);
    outbox_expect(box, 2);
    put(2, true);
    outbox_written(box, 1);
    CU_ASSERT_EQUAL(seen_count, 1);
    CU_ASSERT_EQUAL(seen[0], 1);
    outbox_written(box, 2);
    CU_ASSERT_EQUAL(seen_count, 2);
    outbox_free(box);
}

/* Writes may be merged: the newest one being done means that all before it are. */
static void a_merged_write_lets_all_before_it_go_in_order(void)
{
    begin();
    for (uint64_t t = 1; t <= 5; t++) {
        outbox_expect(box, t);
        put(t, true);
    }
    outbox_written(box, 5);
    CU_ASSERT_EQUAL_FATAL(seen_count, 5);
    for (uint64_t t = 1; t <= 5; t++)
        CU_ASSERT_EQUAL(seen[t - 1], t);
    outbox_free(box);
}

static void after_a_failed_write_nothing_durable_leaves(void)
{
    begin();
    outbox_expect(box, 1);
    put(1, true);
    outbox_fail(box);
    outbox_written(box, 1); /* a late success of another write changes nothing */
    put(2, true);
    put(3, false);
    CU_ASSERT_EQUAL(seen_count, 1);
    CU_ASSERT_EQUAL(seen[0], 3);
    CU_ASSERT_EQUAL(outbox_dropped(box), 2);
    outbox_free(box);
}

static void what_is_put_in_while_sending_waits_for_its_own_write(void)
{
    begin();
    answer_by_putting = true;
    outbox_expect(box, 1);
    put(1, true);
    outbox_expect(box, 2);
    outbox_written(box, 1);
    CU_ASSERT_EQUAL(seen_count, 1); /* the answer shows what write 2 is about */
    outbox_written(box, 2);
    CU_ASSERT_EQUAL(seen_count, 2);
    CU_ASSERT_EQUAL(seen[1], 101);
    outbox_free(box);
}

static void a_hung_disk_costs_the_oldest_messages_not_the_memory(void)
{
    begin();
    outbox_expect(box, 1);
    for (uint64_t i = 0; i < OUTBOX_MAX + 10; i++)
        put(i, true);
    CU_ASSERT_EQUAL(outbox_dropped(box), 10);
    outbox_written(box, 1);
    CU_ASSERT_EQUAL(seen_count, OUTBOX_MAX);
    CU_ASSERT_EQUAL(seen[0], 10);
    outbox_free(box);
}

SUITE_MAIN("outbox", TEST(without_a_write_everything_leaves_at_once),
           TEST(durable_waits_for_its_write_and_others_do_not),
           TEST(each_waits_for_all_writes_asked_for_before_it),
           TEST(a_merged_write_lets_all_before_it_go_in_order),
           TEST(after_a_failed_write_nothing_durable_leaves),
           TEST(what_is_put_in_while_sending_waits_for_its_own_write),
           TEST(a_hung_disk_costs_the_oldest_messages_not_the_memory))
