/* How late a message is: what it was held up, whatever the two clocks show. */
#include "policy/health/lateness.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

#define MS(n) ((n) * US_PER_MS)
#define OTHERS_CLOCK SECONDS(50000) /* by how much the sender's is behind ours */

/* A message sent at `sent_ms` after the start by true time arrives `way_ms` later. */
static int64_t late_ms(struct lateness *l, int64_t sent_ms, int64_t way_ms)
{
    struct mono_time now = { OTHERS_CLOCK + MS(sent_ms + way_ms) };
    return lateness_of(l, MS(sent_ms), now) / US_PER_MS;
}

static void the_fastest_is_not_late(void)
{
    struct lateness l = { .known = false };
    CU_ASSERT_EQUAL(late_ms(&l, 0, 40), 0); /* nothing to measure it by */
    CU_ASSERT_EQUAL(late_ms(&l, 1000, 10), 0);
    CU_ASSERT_EQUAL(late_ms(&l, 2000, 40), 30);
    CU_ASSERT_EQUAL(late_ms(&l, 3000, 10), 0);
}

/* A minute of gossip waits while a process stands still, and comes all at once. */
static void what_waited_in_a_queue_is_late(void)
{
    struct lateness l = { .known = false };
    for (int64_t t = 0; t <= 30000; t += 1000)
        CU_ASSERT_EQUAL(late_ms(&l, t, 10), 0);
    for (int64_t t = 31000; t <= 91000; t += 1000)
        CU_ASSERT_EQUAL(late_ms(&l, t, 91000 - t + 10), 91000 - t);
    CU_ASSERT_EQUAL(late_ms(&l, 92000, 10), 0);
}

static void an_old_message_once_more_is_as_late_as_it_is(void)
{
    struct lateness l = { .known = false };
    for (int64_t t = 0; t <= 60000; t += 1000)
        (void)late_ms(&l, t, 10);
    CU_ASSERT_EQUAL(late_ms(&l, 5000, 55010), 55000);
    CU_ASSERT_EQUAL(late_ms(&l, 61000, 10), 0);
}

/* After two windows a clock that stood still with its machine is like any other. */
static void a_clock_that_stood_still_is_forgiven(void)
{
    struct lateness l = { .known = false };
    for (int64_t t = 0; t <= 20000; t += 1000)
        (void)late_ms(&l, t, 10);
    int64_t stood = 60000; /* what was sent at t by true time says t - stood */
    CU_ASSERT_EQUAL(late_ms(&l, 81000 - stood, 10 + stood), stood);
    for (int64_t t = 82000; t <= 102000; t += 1000)
        (void)late_ms(&l, t - stood, 10 + stood);
    CU_ASSERT_EQUAL(late_ms(&l, 103000 - stood, 10 + stood), 0);
}

/* One part in a hundred slower: within a window of ten seconds or two that makes a fifth of a second. */
static void a_slow_clock_is_hardly_late(void)
{
    struct lateness l = { .known = false };
    for (int64_t t = 0; t <= 3600000; t += 1000) {
        struct mono_time now = { OTHERS_CLOCK + MS(t) };
        CU_ASSERT(lateness_of(&l, MS(t) / 100 * 99, now) <= MS(210));
    }
}

SUITE_MAIN("lateness", TEST(the_fastest_is_not_late), TEST(what_waited_in_a_queue_is_late),
           TEST(an_old_message_once_more_is_as_late_as_it_is), TEST(a_clock_that_stood_still_is_forgiven),
           TEST(a_slow_clock_is_hardly_late))
