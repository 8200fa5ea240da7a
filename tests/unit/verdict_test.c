/* From checks to a region's verdict, and when a node distrusts itself. */
#include "policy/health/verdict.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static struct service_policy two_checks_in_region_0(void)
{
    struct service_policy p = fixture_policy();
    p.checks[1].region = 0;
    return p;
}

static void feed(const struct service_policy *p, struct threshold *t, uint8_t check,
                 enum sample_outcome outcome, int64_t from_s, int64_t to_s)
{
    for (int64_t s = from_s; s <= to_s; s++) {
        struct sample one = { .check = check, .outcome = outcome, .at = AT(s) };
        threshold_sample(&t[check], &p->checks[check], &one);
    }
}

static void any_failed_check_fails_the_region(void)
{
    struct service_policy p = two_checks_in_region_0();
    struct threshold t[POLICY_CHECKS_MAX] = { 0 };
    feed(&p, t, 0, SAMPLE_OK, 1, 10);
    feed(&p, t, 1, SAMPLE_FAILED, 1, 10);
    struct region_verdict v = verdict_of_region(&p, t, 0, AT(10));
    CU_ASSERT_EQUAL(v.verdict, VERDICT_FAILED);
    CU_ASSERT_EQUAL(v.reason, REASON_CHECK_FAILED);
    CU_ASSERT_EQUAL(v.check, 1);
    CU_ASSERT_EQUAL(v.since.us, SECONDS(1));
}

static void one_unknown_check_keeps_it_from_being_healthy(void)
{
    struct service_policy p = two_checks_in_region_0();
    struct threshold t[POLICY_CHECKS_MAX] = { 0 };
    feed(&p, t, 0, SAMPLE_OK, 1, 10);
    CU_ASSERT_EQUAL(verdict_of_region(&p, t, 0, AT(10)).verdict, VERDICT_UNKNOWN);
    CU_ASSERT_EQUAL(verdict_of_region(&p, t, 0, AT(10)).reason, REASON_FIRST_ROUND);
    feed(&p, t, 1, SAMPLE_OBSERVER, 1, 10);
    CU_ASSERT_EQUAL(verdict_of_region(&p, t, 0, AT(10)).reason, REASON_OBSERVER);
    feed(&p, t, 1, SAMPLE_OK, 10, 11);
    CU_ASSERT_EQUAL(verdict_of_region(&p, t, 0, AT(11)).verdict, VERDICT_HEALTHY);
}

/* A failing run outlasts its first successes; while its newest sample is one, nobody confirms it. */
static void a_region_that_has_just_answered_recovers(void)
{
    struct service_policy p = two_checks_in_region_0();
    struct threshold t[POLICY_CHECKS_MAX] = { 0 };
    p.checks[0].rise = p.checks[1].rise = 3;
    feed(&p, t, 0, SAMPLE_FAILED, 1, 10);
    feed(&p, t, 1, SAMPLE_OK, 1, 10);
    CU_ASSERT_FALSE(verdict_recovers(&p, t, 0, AT(10)));
    feed(&p, t, 0, SAMPLE_OK, 11, 11);
    CU_ASSERT_EQUAL(verdict_of_region(&p, t, 0, AT(11)).verdict, VERDICT_FAILED);
    CU_ASSERT(verdict_recovers(&p, t, 0, AT(11)));
    feed(&p, t, 0, SAMPLE_FAILED, 12, 12);
    CU_ASSERT_FALSE(verdict_recovers(&p, t, 0, AT(12)));
    /* One of two that both failed goes on failing. */
    feed(&p, t, 1, SAMPLE_FAILED, 11, 20);
    feed(&p, t, 0, SAMPLE_OK, 20, 20);
    CU_ASSERT_FALSE(verdict_recovers(&p, t, 0, AT(20)));
}

static void of_two_failing_runs_the_longer_one_speaks(void)
{
    struct service_policy p = two_checks_in_region_0();
    struct threshold t[POLICY_CHECKS_MAX] = { 0 };
    feed(&p, t, 0, SAMPLE_FAILED, 5, 10);
    feed(&p, t, 1, SAMPLE_FAILED, 2, 10);
    struct region_verdict v = verdict_of_region(&p, t, 0, AT(10));
    CU_ASSERT_EQUAL(v.check, 1);
    CU_ASSERT_EQUAL(v.since.us, SECONDS(2));
}

static void a_region_without_checks_is_unknown(void)
{
    struct service_policy p = fixture_policy();
    struct threshold t[POLICY_CHECKS_MAX] = { 0 };
    struct region_verdict v = verdict_of_region(&p, t, 2, AT(10));
    CU_ASSERT_EQUAL(v.verdict, VERDICT_UNKNOWN);
    CU_ASSERT_EQUAL(v.reason, REASON_NO_CHECKS);
    CU_ASSERT_EQUAL(v.check, CHECK_NONE);
}

static void self_distrust(void)
{
    static struct policy_config c;
    c = (struct policy_config){ .self = 1, .node_count = 3, .region_count = 3,
                                .region_of = { 0, 1, 2 } };
    struct service_policy p = fixture_policy();
    struct region_verdict v[POLICY_REGIONS_MAX] = {
        [0] = { .verdict = VERDICT_FAILED, .reason = REASON_CHECK_FAILED },
        [1] = { .verdict = VERDICT_HEALTHY, .reason = REASON_CHECKS_PASS },
        [2] = { .verdict = VERDICT_UNKNOWN, .reason = REASON_NO_CHECKS },
    };
    /* The witness is heard: one of two others is bad, and that is the one that failed. */
    struct distrust d = verdict_distrust(&c, &p, v, node_bit(2));
    CU_ASSERT_EQUAL(d.regions, 2);
    CU_ASSERT_EQUAL(d.failing, 1);
    CU_ASSERT_FALSE(distrust_abstains(d));
    /* Nobody is heard and nothing passes: it is rather us. */
    CU_ASSERT(distrust_abstains(verdict_distrust(&c, &p, v, node_bit(1))));
    /* A check that passes, or a node that is heard, is one sign of life. */
    v[0].verdict = VERDICT_HEALTHY;
    CU_ASSERT_FALSE(distrust_abstains(verdict_distrust(&c, &p, v, 0)));
    v[0].verdict = VERDICT_SUSPECT;
    CU_ASSERT_FALSE(distrust_abstains(verdict_distrust(&c, &p, v, node_bit(0))));
    CU_ASSERT_FALSE(distrust_abstains((struct distrust){ 0, 0 }));
}

SUITE_MAIN("verdict", TEST(any_failed_check_fails_the_region),
           TEST(one_unknown_check_keeps_it_from_being_healthy),
           TEST(a_region_that_has_just_answered_recovers), TEST(of_two_failing_runs_the_longer_one_speaks),
           TEST(a_region_without_checks_is_unknown), TEST(self_distrust))
