/* What a standby is missing, in bytes, in time, and how old that knowledge is. */
#include "policy/failover/loss.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static struct loss_series series(void)
{
    struct loss_series s;
    loss_init(&s, SECONDS(1));
    for (int64_t i = 0; i < 10; i++)
        loss_sample(&s, 1, (uint64_t)(1000 + 100 * i), AT(10 + i));
    return s;
}

static void nothing_known_is_no_loss_known(void)
{
    struct loss_series s;
    loss_init(&s, SECONDS(1));
    CU_ASSERT_FALSE(loss_estimate(&s, 0, AT(1)).known);
}

static void bytes_and_seconds_against_the_newest_position(void)
{
    struct loss_series s = series();
    struct loss l = loss_estimate(&s, 1650, AT(25));
    CU_ASSERT(l.known);
    CU_ASSERT_EQUAL(l.bytes, 250);
    CU_ASSERT_EQUAL(l.us, SECONDS(3)); /* it has the sample of 16, the newest is of 19 */
    CU_ASSERT_EQUAL(l.age_us, SECONDS(6));
    CU_ASSERT_FALSE(l.at_least);
}

/* However long ago the writer was last seen: what had everything then lost nothing then. */
static void a_standby_that_has_all_of_an_idle_writer_lost_nothing(void)
{
    struct loss_series s = series();
    struct loss l = loss_estimate(&s, 1900, AT(9000));
    CU_ASSERT_EQUAL(l.bytes, 0);
    CU_ASSERT_EQUAL(l.us, 0);
    CU_ASSERT_EQUAL(l.age_us, SECONDS(8981));
}

static void behind_every_sample_is_at_least(void)
{
    struct loss_series s = series();
    struct loss l = loss_estimate(&s, 500, AT(25));
    CU_ASSERT(l.at_least);
    CU_ASSERT_EQUAL(l.bytes, 1400);
    CU_ASSERT_EQUAL(l.us, SECONDS(9));
}

static void a_newer_timeline_starts_afresh_and_an_older_one_is_late(void)
{
    struct loss_series s = series();
    loss_sample(&s, 2, 1500, AT(30));
    CU_ASSERT_EQUAL(s.timeline, 2);
    CU_ASSERT_EQUAL(loss_estimate(&s, 1500, AT(30)).bytes, 0);
    loss_sample(&s, 1, 9000, AT(31));
    CU_ASSERT_EQUAL(loss_estimate(&s, 1500, AT(31)).bytes, 0);
}

static void late_and_backward_samples_change_nothing(void)
{
    struct loss_series s = series();
    loss_sample(&s, 1, 5000, AT(12));
    loss_sample(&s, 1, 100, AT(40));
    CU_ASSERT_EQUAL(loss_estimate(&s, 0, AT(40)).writer_lsn, 1900);
}

static void close_samples_do_not_push_out_the_old_ones(void)
{
    struct loss_series s;
    loss_init(&s, SECONDS(1));
    for (int64_t i = 0; i < 10000; i++)
        loss_sample(&s, 1, (uint64_t)i, AT_MS(i * 5)); /* 50 s, a sample each 5 ms */
    struct loss l = loss_estimate(&s, 2000, AT(50)); /* 10 s in */
    CU_ASSERT_FALSE(l.at_least);
    CU_ASSERT(l.us >= SECONDS(39) && l.us <= SECONDS(42));
}

/* For a day, of which the RPO is a minute: the standby that stopped hours ago is known to be hours behind, by more than
 * it is and never by less, and what the RPO is judged on is as fine as ever. */
static void it_reaches_back_as_far_as_anybody_looked(void)
{
    struct loss_series s;
    loss_init(&s, SECONDS(60) / (LOSS_SAMPLES / 2));
    for (int64_t i = 0; i <= 86400; i++)
        loss_sample(&s, 1, (uint64_t)(1000 + i), AT(i));
    CU_ASSERT_EQUAL(s.count, LOSS_SAMPLES);
    for (int64_t behind = 1; behind <= 86400; behind++) {
        struct loss l = loss_estimate(&s, (uint64_t)(1000 + 86400 - behind), AT(86400));
        int64_t most = SECONDS(behind <= 60 ? behind + 2 : behind + behind / 2);
        if (l.at_least || l.bytes != behind || l.us < SECONDS(behind) || l.us > most)
            CU_FAIL_FATAL("a standby is judged wrongly");
    }
    CU_ASSERT_TRUE(loss_estimate(&s, 999, AT(86400)).at_least);
}

static void absurd_positions_do_not_overflow(void)
{
    struct loss_series s;
    loss_init(&s, SECONDS(1));
    loss_sample(&s, 1, UINT64_MAX, AT(1));
    CU_ASSERT_EQUAL(loss_estimate(&s, 0, AT(2)).bytes, INT64_MAX);
}

SUITE_MAIN("loss", TEST(nothing_known_is_no_loss_known),
           TEST(bytes_and_seconds_against_the_newest_position),
           TEST(a_standby_that_has_all_of_an_idle_writer_lost_nothing),
           TEST(behind_every_sample_is_at_least),
           TEST(a_newer_timeline_starts_afresh_and_an_older_one_is_late),
           TEST(late_and_backward_samples_change_nothing),
           TEST(close_samples_do_not_push_out_the_old_ones),
           TEST(it_reaches_back_as_far_as_anybody_looked),
           TEST(absurd_positions_do_not_overflow))
