/* Hysteresis of one check. */
#include "policy/health/threshold.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static const struct check_policy check = {
    .kind = CHECK_HTTP, .interval_us = SECONDS(1), .timeout_us = SECONDS(1), .for_us = SECONDS(5),
    .fall = 3, .rise = 2,
};

static void sample(struct threshold *t, enum sample_outcome outcome, int64_t s)
{
    struct sample one = { .outcome = outcome, .at = AT(s) };
    threshold_sample(t, &check, &one);
}

static enum verdict state(struct threshold *t, int64_t s)
{
    return threshold_state(t, &check, AT(s));
}

static void unknown_until_the_first_judged_sample(void)
{
    struct threshold t = { 0 };
    CU_ASSERT_EQUAL(state(&t, 1), VERDICT_UNKNOWN);
    sample(&t, SAMPLE_OBSERVER, 1);
    CU_ASSERT_EQUAL(state(&t, 1), VERDICT_UNKNOWN);
    sample(&t, SAMPLE_OK, 2);
    CU_ASSERT_EQUAL(state(&t, 2), VERDICT_HEALTHY);
}

static void failed_needs_count_and_duration(void)
{
    struct threshold t = { 0 };
    sample(&t, SAMPLE_OK, 9);
    for (int64_t s = 10; s < 15; s++) {
        sample(&t, SAMPLE_FAILED, s);
        CU_ASSERT_EQUAL(state(&t, s), VERDICT_SUSPECT); /* enough failures, not long enough */
    }
    CU_ASSERT_EQUAL(state(&t, 15), VERDICT_FAILED);
    struct threshold few = { 0 };
    sample(&few, SAMPLE_FAILED, 10);
    sample(&few, SAMPLE_FAILED, 13);
    CU_ASSERT_EQUAL(state(&few, 16), VERDICT_SUSPECT); /* long enough, not often enough */
}

static void an_occasional_success_does_not_end_a_run(void)
{
    struct threshold t = { 0 };
    for (int64_t s = 10; s < 15; s++)
        sample(&t, s == 12 ? SAMPLE_OK : SAMPLE_FAILED, s);
    CU_ASSERT_EQUAL(state(&t, 15), VERDICT_FAILED);
    CU_ASSERT_EQUAL(t.run_start.us, SECONDS(10));
}

static void only_successes_in_a_row_end_a_run(void)
{
    struct threshold t = { 0 };
    for (int64_t s = 10; s < 15; s++)
        sample(&t, SAMPLE_FAILED, s);
    CU_ASSERT_EQUAL(state(&t, 15), VERDICT_FAILED);
    sample(&t, SAMPLE_OK, 15);
    CU_ASSERT_EQUAL(state(&t, 15), VERDICT_FAILED);
    sample(&t, SAMPLE_FAILED, 16);
    sample(&t, SAMPLE_OK, 17);
    CU_ASSERT_EQUAL(state(&t, 17), VERDICT_FAILED);
    sample(&t, SAMPLE_OK, 18);
    CU_ASSERT_EQUAL(state(&t, 18), VERDICT_HEALTHY);
    sample(&t, SAMPLE_FAILED, 19);
    CU_ASSERT_EQUAL(state(&t, 19), VERDICT_SUSPECT); /* a new run, from its own start */
    CU_ASSERT_EQUAL(t.run_start.us, SECONDS(19));
    CU_ASSERT_EQUAL(t.failures, 1);
}

static void faults_of_the_observer_neither_lengthen_nor_end_a_run(void)
{
    struct threshold t = { 0 };
    sample(&t, SAMPLE_FAILED, 10);
    for (int64_t s = 11; s < 14; s++)
        sample(&t, SAMPLE_OBSERVER, s);
    CU_ASSERT_EQUAL(t.failures, 1);
    CU_ASSERT_EQUAL(state(&t, 13), VERDICT_SUSPECT);
    CU_ASSERT(t.running);
}

static void a_silent_check_is_unknown_again(void)
{
    struct threshold t = { 0 };
    sample(&t, SAMPLE_OK, 10);
    CU_ASSERT_EQUAL(state(&t, 14), VERDICT_HEALTHY); /* 3 intervals and a timeout */
    CU_ASSERT_EQUAL(threshold_state(&t, &check, (struct mono_time){ SECONDS(14) + 1 }),
                    VERDICT_UNKNOWN);
    for (int64_t s = 10; s < 16; s++)
        sample(&t, SAMPLE_FAILED, s);
    CU_ASSERT_EQUAL(state(&t, 16), VERDICT_FAILED);
    /* An observer that only fails itself knows nothing of the target after a while. */
    for (int64_t s = 16; s < 21; s++)
        sample(&t, SAMPLE_OBSERVER, s);
    CU_ASSERT_EQUAL(state(&t, 20), VERDICT_UNKNOWN);
}

static void late_completions_say_nothing(void)
{
    struct threshold t = { 0 };
    sample(&t, SAMPLE_OK, 10);
    sample(&t, SAMPLE_FAILED, 9);
    CU_ASSERT_EQUAL(state(&t, 10), VERDICT_HEALTHY);
    CU_ASSERT_FALSE(t.running);
}

static void due_is_when_the_state_may_change_by_itself(void)
{
    struct threshold t = { 0 };
    CU_ASSERT_EQUAL(threshold_due(&t, &check).us, TIME_FOREVER_US);
    sample(&t, SAMPLE_FAILED, 10);
    sample(&t, SAMPLE_FAILED, 11);
    sample(&t, SAMPLE_FAILED, 12);
    CU_ASSERT_EQUAL(threshold_due(&t, &check).us, SECONDS(15));
    CU_ASSERT_EQUAL(state(&t, 15), VERDICT_FAILED);
    CU_ASSERT_EQUAL(threshold_due(&t, &check).us, SECONDS(16) + 1);
}

SUITE_MAIN("threshold", TEST(unknown_until_the_first_judged_sample),
           TEST(failed_needs_count_and_duration), TEST(an_occasional_success_does_not_end_a_run),
           TEST(only_successes_in_a_row_end_a_run),
           TEST(faults_of_the_observer_neither_lengthen_nor_end_a_run),
           TEST(a_silent_check_is_unknown_again), TEST(late_completions_say_nothing),
           TEST(due_is_when_the_state_may_change_by_itself))
