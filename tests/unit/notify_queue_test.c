/* What waits for a channel, in virtual time: order, one at a time, retries, bounds, what nobody has to be told. */
#include "tests/unit/suite.h"

#include <string.h>

#include "coordinator/notify/queue.h"
#include "policy/types.h"

#define S(n) (INT64_C(1000000) * (n))

static struct queue *queue;

static struct notice notice(uint64_t incident, enum notice_action action, const char *event)
{
    return (struct notice){ .incident = incident, .action = action, .event = event };
}

static bool put(uint64_t incident, enum notice_action action, const char *event, bool first, bool keep, int64_t at_us)
{
    struct notice n = notice(incident, action, event);
    n.first = first;
    n.keep = keep;
    return queue_put(queue, &n, at_us);
}

/* The event that is sent at that moment; "-": none. */
static const char *next(int64_t at_us)
{
    const struct notice *n = queue_next(queue, at_us);
    return n != NULL ? n->event : "-";
}

static void begin(void)
{
    queue = queue_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(queue);
}

static void one_after_the_other_in_order(void)
{
    begin();
    CU_ASSERT_STRING_EQUAL(next(0), "-");
    CU_ASSERT_EQUAL(queue_due_us(queue), TIME_FOREVER_US);
    CU_ASSERT_TRUE(put(1, NOTICE_TRIGGER, "a", true, true, 0));
    CU_ASSERT_TRUE(put(1, NOTICE_TRIGGER, "b", false, true, 0));
    CU_ASSERT_TRUE(queue_due_us(queue) <= 0);
    CU_ASSERT_STRING_EQUAL(next(0), "a");
    CU_ASSERT_STRING_EQUAL(next(S(100)), "-"); /* the first is still out */
    CU_ASSERT_EQUAL(queue_due_us(queue), TIME_FOREVER_US);
    queue_result(queue, QUEUE_TAKEN, S(101));
    CU_ASSERT_STRING_EQUAL(next(S(101)), "b");
    queue_result(queue, QUEUE_TAKEN, S(102));
    CU_ASSERT_STRING_EQUAL(next(S(102)), "-");
    CU_ASSERT_TRUE(queue_waiting(queue) == 0 && queue_lost(queue) == 0);
    queue_free(queue);
}

static void tried_again_ever_later(void)
{
    int64_t now_us = 0;
    int64_t longest_us = 0;
    begin();
    CU_ASSERT_TRUE(put(1, NOTICE_TRIGGER, "a", true, true, 0));
    for (unsigned i = 0; i < 12; i++) {
        CU_ASSERT_STRING_EQUAL(next(now_us), "a");
        queue_result(queue, i % 2 == 0 ? QUEUE_FAILED : QUEUE_UNKNOWN, now_us);
        CU_ASSERT_EQUAL(queue_tries(queue), i + 1);
        int64_t wait_us = queue_due_us(queue) - now_us;
        int64_t most_us = i < 6 ? QUEUE_BACKOFF_FIRST_US << i : QUEUE_BACKOFF_MOST_US;
        CU_ASSERT_TRUE(wait_us >= most_us - most_us / 4 && wait_us <= most_us);
        CU_ASSERT_STRING_EQUAL(next(queue_due_us(queue) - 1), "-");
        longest_us = wait_us > longest_us ? wait_us : longest_us;
        now_us = queue_due_us(queue);
    }
    CU_ASSERT_TRUE(longest_us <= QUEUE_BACKOFF_MOST_US);
    CU_ASSERT_STRING_EQUAL(next(now_us), "a");
    queue_result(queue, QUEUE_TAKEN, now_us);
    CU_ASSERT_EQUAL(queue_waiting(queue), 0);
    queue_free(queue);
}

static void the_oldest_goes_when_it_is_full(void)
{
    static char names[QUEUE_NOTICES_MAX + 3][8];
    begin();
    for (size_t i = 0; i < QUEUE_NOTICES_MAX + 3; i++) {
        (void)snprintf(names[i], sizeof names[i], "%zu", i);
        CU_ASSERT_TRUE(put(i + 1, NOTICE_TRIGGER, names[i], true, true, 0));
        if (i == 0)
            CU_ASSERT_STRING_EQUAL(next(0), "0"); /* on its way: not to be dropped under the sender */
    }
    CU_ASSERT_EQUAL(queue_waiting(queue), QUEUE_NOTICES_MAX);
    CU_ASSERT_EQUAL(queue_lost(queue), 3);
    queue_result(queue, QUEUE_FAILED, 0);
    CU_ASSERT_STRING_EQUAL(next(S(1)), "0");
    queue_result(queue, QUEUE_TAKEN, 0);
    CU_ASSERT_STRING_EQUAL(next(0), "4");
    queue_result(queue, QUEUE_TAKEN, 0);
    for (size_t i = 5; i < QUEUE_NOTICES_MAX + 3; i++) {
        CU_ASSERT_STRING_EQUAL(next(0), names[i]);
        queue_result(queue, QUEUE_TAKEN, 0);
    }
    CU_ASSERT_EQUAL(queue_waiting(queue), 0);
    CU_ASSERT_TRUE(put(1, NOTICE_TRIGGER, "z", true, true, 0)); /* and its end is still in place */
    CU_ASSERT_STRING_EQUAL(next(0), "z");
    queue_free(queue);
}

/* What came and went while nobody could be told is nothing to be told. */
static void what_passed_unseen_is_dropped(void)
{
    begin();
    CU_ASSERT_TRUE(put(7, NOTICE_TRIGGER, "other", true, false, 0));
    CU_ASSERT_TRUE(put(1, NOTICE_TRIGGER, "a", true, false, 0));
    CU_ASSERT_TRUE(put(1, NOTICE_ACKNOWLEDGE, "acknowledged", false, false, 0));
    CU_ASSERT_FALSE(put(1, NOTICE_RESOLVE, "resolved", false, false, 0));
    CU_ASSERT_EQUAL(queue_waiting(queue), 1);
    CU_ASSERT_EQUAL(queue_lost(queue), 0);
    CU_ASSERT_STRING_EQUAL(next(0), "other");
    /* On its way, it may have been seen. */
    CU_ASSERT_TRUE(put(7, NOTICE_RESOLVE, "resolved", false, false, 0));
    queue_result(queue, QUEUE_TAKEN, 0);
    CU_ASSERT_STRING_EQUAL(next(0), "resolved");
    queue_result(queue, QUEUE_TAKEN, 0);
    /* So may one whose try did not say how it ended. */
    CU_ASSERT_TRUE(put(8, NOTICE_TRIGGER, "b", true, false, 0));
    CU_ASSERT_STRING_EQUAL(next(0), "b");
    queue_result(queue, QUEUE_UNKNOWN, 0);
    CU_ASSERT_TRUE(put(8, NOTICE_RESOLVE, "resolved", false, false, 0));
    CU_ASSERT_EQUAL(queue_waiting(queue), 2);
    queue_free(queue);
}

static void an_operation_is_told_also_late_but_not_for_ever(void)
{
    begin();
    CU_ASSERT_TRUE(put(1, NOTICE_TRIGGER, "begin", true, true, 0));
    CU_ASSERT_STRING_EQUAL(next(0), "begin");
    queue_result(queue, QUEUE_FAILED, 0);
    CU_ASSERT_TRUE(put(1, NOTICE_RESOLVE, "done", false, true, S(60)));
    CU_ASSERT_STRING_EQUAL(next(S(61)), "begin");
    queue_result(queue, QUEUE_FAILED, S(61));
    CU_ASSERT_STRING_EQUAL(next(S(60) + QUEUE_AFTER_END_US), "-");
    CU_ASSERT_EQUAL(queue_waiting(queue), 0);
    CU_ASSERT_EQUAL(queue_lost(queue), 2);
    queue_free(queue);
}

static void nonsense_does_not_block_the_rest(void)
{
    int64_t now_us = 0;
    begin();
    CU_ASSERT_TRUE(put(1, NOTICE_TRIGGER, "bad", true, true, 0));
    CU_ASSERT_TRUE(put(2, NOTICE_TRIGGER, "good", true, true, 0));
    for (unsigned i = 0; i < QUEUE_REFUSALS_MAX; i++) {
        CU_ASSERT_STRING_EQUAL(next(now_us), "bad");
        queue_result(queue, QUEUE_NONSENSE, now_us);
        now_us += S(60);
    }
    CU_ASSERT_EQUAL(queue_lost(queue), 1);
    CU_ASSERT_STRING_EQUAL(next(now_us), "good");
    queue_free(queue);
}

SUITE_MAIN("notify_queue", TEST(one_after_the_other_in_order), TEST(tried_again_ever_later),
           TEST(the_oldest_goes_when_it_is_full), TEST(what_passed_unseen_is_dropped),
           TEST(an_operation_is_told_also_late_but_not_for_ever), TEST(nonsense_does_not_block_the_rest))
