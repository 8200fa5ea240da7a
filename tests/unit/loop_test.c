/* The loop: order of posts, bounds, timers, threads, and the stall readings; clocks and text with it. */
#include "coordinator/base/loop.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/random.h"
#include "coordinator/base/text.h"
#include "tests/unit/stub_server.h"
#include "tests/unit/suite.h"

#define POSTS_PER_THREAD 2000
#define THREADS 4

static struct fault fault;
static struct loop *loop;
static int calls;
static int order[8];

static void begin(void)
{
    calls = 0;
    loop = loop_new("test", &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
}

static void note(void *arg)
{
    order[calls++ % 8] = (int)(intptr_t)arg;
}

static void stop(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

static void posts_run_in_order(void)
{
    begin();
    for (intptr_t i = 1; i <= 5; i++)
        CU_ASSERT_TRUE(loop_post(loop, note, (void *)i));
    CU_ASSERT_TRUE(loop_post(loop, stop, NULL));
    CU_ASSERT_EQUAL(calls, 0);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, 5);
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(order[i], i + 1);
    loop_free(loop);
}

static void the_mailbox_is_bounded(void)
{
    begin();
    for (int i = 0; i < LOOP_MAILBOX_MAX; i++)
        CU_ASSERT_TRUE(loop_post(loop, note, NULL));
    CU_ASSERT_FALSE(loop_post(loop, note, NULL));
    CU_ASSERT_EQUAL(loop_posts_refused(loop), 1);
    loop_free(loop); /* what waits is dropped, not run */
    CU_ASSERT_EQUAL(calls, 0);
}

static struct timer flood_timer;
static int posts_seen_by_timer;

static void post_again(void *arg)
{
    calls++;
    if (calls < 10000)
        CU_ASSERT_TRUE(loop_post(loop, post_again, arg));
}

static void look(void *arg)
{
    (void)arg;
    posts_seen_by_timer = calls;
    loop_stop(loop);
}

/* Something that posts itself for ever must leave a turn to timers. */
static void a_flood_of_posts_starves_nobody(void)
{
    begin();
    timer_init(&flood_timer, loop, look, NULL);
    timer_set_after_us(&flood_timer, 0);
    CU_ASSERT_TRUE(loop_post(loop, post_again, NULL));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(posts_seen_by_timer < 10000);
    loop_free(loop);
}

static _Atomic int threads_done;
static int per_thread[THREADS];

static void count_for(void *arg)
{
    per_thread[(intptr_t)arg]++;
    if (++calls == THREADS * POSTS_PER_THREAD)
        loop_stop(loop);
}

static void *post_many(void *arg)
{
    for (int i = 0; i < POSTS_PER_THREAD; i++)
        while (!loop_post(loop, count_for, arg))
            (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    threads_done++;
    return NULL;
}

static void posts_from_threads_all_arrive(void)
{
    begin();
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, post_many, (void *)i), 0);
    CU_ASSERT_TRUE(stub_run(loop));
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(per_thread[i], POSTS_PER_THREAD);
    }
    loop_free(loop);
}

static void a_stop_before_the_run_counts(void)
{
    begin();
    loop_stop(loop);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(loop_post(loop, stop, NULL)); /* and it can run again */
    CU_ASSERT_TRUE(stub_run(loop));
    loop_free(loop);
}

static struct timer first_timer, second_timer, moved_timer, cancelled_timer;
static int64_t fired_us;

static void note_time(void *arg)
{
    fired_us = base_mono_us();
    note(arg);
    loop_stop(loop);
}

static void timers_fire_in_order_and_never_early(void)
{
    begin();
    int64_t start_us = base_mono_us();
    timer_init(&first_timer, loop, note, (void *)1);
    timer_init(&second_timer, loop, note_time, (void *)3);
    timer_init(&moved_timer, loop, note, (void *)2);
    timer_init(&cancelled_timer, loop, note, (void *)9);
    timer_set_after_us(&second_timer, 30000);
    timer_set_after_us(&moved_timer, 1000000000);
    timer_set_at_us(&moved_timer, start_us + 15000);
    timer_set_after_us(&first_timer, -5);
    timer_set_after_us(&cancelled_timer, 10000);
    timer_cancel(&cancelled_timer);
    timer_cancel(&cancelled_timer);
    CU_ASSERT_FALSE(timer_is_set(&cancelled_timer));
    CU_ASSERT_TRUE(timer_is_set(&second_timer));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, 3);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(order[i], i + 1);
    CU_ASSERT_TRUE(fired_us - start_us >= 29000);
    CU_ASSERT_FALSE(timer_is_set(&second_timer));
    struct timer never = { .loop = NULL };
    timer_cancel(&never);
    loop_free(loop);
}

static void hog(void *arg)
{
    (void)arg;
    (void)nanosleep(&(struct timespec){ .tv_nsec = 60000000 }, NULL);
    CU_ASSERT_TRUE(loop_post(loop, stop, NULL));
}

static void a_stall_is_measured(void)
{
    begin();
    CU_ASSERT_EQUAL(loop_longest_stall_us(loop), 0);
    CU_ASSERT_EQUAL(loop_last_pulse_us(loop), 0);
    CU_ASSERT_TRUE(loop_post(loop, hog, NULL));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(loop_longest_stall_us(loop) >= 60000);
    CU_ASSERT_TRUE(loop_last_pulse_us(loop) > 0);
    loop_reset_stall(loop);
    CU_ASSERT_EQUAL(loop_longest_stall_us(loop), 0);
    loop_free(loop);
}

static void times_are_written_for_people(void)
{
    static const struct {
        int64_t us;
        const char *text;
    } durations[] = {
        { 0, "0s" },            { 850, "850us" },         { 320000, "320ms" },
        { 4200000, "4.2s" },    { 59000000, "59s" },      { 250000000, "4m10s" },
        { 300000000, "5m" },    { 11100000000, "3h05m" }, { -1500000, "-1.5s" },
        { 1051200000000, "12d4h" },
    };
    char out[CLOCK_DURATION_TEXT_MAX], wall[CLOCK_WALL_TEXT_MAX];
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
        CU_ASSERT_STRING_EQUAL(base_format_duration(out, sizeof out, durations[i].us), durations[i].text);
    CU_ASSERT_PTR_NOT_NULL(base_format_duration(out, sizeof out, INT64_MIN));
    CU_ASSERT_STRING_EQUAL(base_format_wall(wall, sizeof wall, 0), "1970-01-01T00:00:00.000Z");
    CU_ASSERT_STRING_EQUAL(base_format_wall(wall, sizeof wall, 1795256265123456), "2026-11-21T10:17:45.123Z");
    CU_ASSERT_STRING_EQUAL(base_format_wall(wall, sizeof wall, -1), "1969-12-31T23:59:59.999Z");
    CU_ASSERT_STRING_EQUAL(base_format_wall(wall, sizeof wall, INT64_MAX), "invalid-time");
    CU_ASSERT_TRUE(base_mono_us() > 0);
}

static void text_never_overruns(void)
{
    char small[8];
    struct text text = TEXT_OF(small);
    text_append(&text, "abc");
    text_appendf(&text, "%d", 12);
    CU_ASSERT_FALSE(text.cut);
    text_appendf(&text, "%s", "xyz");
    CU_ASSERT_TRUE(text.cut);
    CU_ASSERT_STRING_EQUAL(small, "abc12xy");
    text_append_char(&text, '!');
    CU_ASSERT_STRING_EQUAL(small, "abc12xy");
    text_clear(&text);
    CU_ASSERT_FALSE(text.cut);
    text_append_bytes(&text, "1234567", 7);
    CU_ASSERT_FALSE(text.cut);
    CU_ASSERT_FALSE(text_copy(small, sizeof small, "12345678"));
    CU_ASSERT_TRUE(text_copy(small, sizeof small, "1234567"));
}

static void text_is_escaped(void)
{
    char out[128];
    struct text text = TEXT_OF(out);
    static const char input[] = "a\"\\\n\x01\xff\xc3\xa4\xed\xa0\x80";
    text_append_json(&text, input, sizeof input - 1);
    CU_ASSERT_STRING_EQUAL(out, "a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa4"
                                "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    text_clear(&text);
    text_append_uri(&text, "a b/*~", false);
    CU_ASSERT_STRING_EQUAL(out, "a%20b%2F%2A~");
}

static void numbers_are_parsed_strictly(void)
{
    unsigned long long value = 0;
    CU_ASSERT_TRUE(text_parse_u64("18446744073709551615", UINT64_MAX, &value));
    CU_ASSERT_EQUAL(value, UINT64_MAX);
    CU_ASSERT_FALSE(text_parse_u64("18446744073709551616", UINT64_MAX, &value));
    CU_ASSERT_TRUE(text_parse_u64("255", 255, &value));
    CU_ASSERT_FALSE(text_parse_u64("256", 255, &value));
    CU_ASSERT_TRUE(text_parse_u64("3", 5, &value));
    CU_ASSERT_FALSE(text_parse_u64("7", 5, &value));
    static const char *const wrong[] = { "", " 1", "1 ", "-1", "+1", "0x1", "1.0" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_FALSE(text_parse_u64(wrong[i], 100, &value));
    CU_ASSERT_TRUE(text_equal_secret("abc", "abc"));
    CU_ASSERT_FALSE(text_equal_secret("abc", "abd"));
    CU_ASSERT_FALSE(text_equal_secret("abc", "ab"));
}

static void random_numbers_stay_below_their_bound(void)
{
    CU_ASSERT_EQUAL(base_random_below(0), 0);
    CU_ASSERT_EQUAL(base_random_below(1), 0);
    bool seen[6] = { false };
    for (int i = 0; i < 1000; i++)
        seen[base_random_below(6)] = true;
    for (int i = 0; i < 6; i++)
        CU_ASSERT_TRUE(seen[i]);
    CU_ASSERT_NOT_EQUAL(base_random_u64(), base_random_u64());
}

SUITE_MAIN("loop", TEST(posts_run_in_order), TEST(the_mailbox_is_bounded), TEST(a_flood_of_posts_starves_nobody),
           TEST(posts_from_threads_all_arrive), TEST(a_stop_before_the_run_counts),
           TEST(timers_fire_in_order_and_never_early), TEST(a_stall_is_measured),
           TEST(times_are_written_for_people), TEST(text_never_overruns), TEST(text_is_escaped),
           TEST(numbers_are_parsed_strictly), TEST(random_numbers_stay_below_their_bound))
