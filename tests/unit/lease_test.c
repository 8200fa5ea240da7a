/* Lease arithmetic: from when a permission counts, who has to agree, and how long to wait. */
#include "policy/quorum/acceptor.h"
#include "policy/quorum/lease.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

#define LEASE SECONDS(2)

static struct lease entered(void)
{
    struct lease l;
    lease_init(&l, UINT64_C(5) << 32);
    lease_enter(&l, 3);
    return l;
}

static bool grant(struct lease *l, node_id voter, uint64_t nonce)
{
    return lease_granted(l, electorate_of(VOTERS_OF_3), voter, 3, nonce, LEASE);
}

static void the_deadline_counts_from_sending(void)
{
    struct lease l = entered();
    uint64_t nonce = lease_attempt(&l, AT(10));
    CU_ASSERT_FALSE(grant(&l, 0, nonce));
    CU_ASSERT_FALSE(lease_held(&l, AT(10)));
    CU_ASSERT(grant(&l, 1, nonce));
    CU_ASSERT_EQUAL(l.deadline.us, SECONDS(12));
    CU_ASSERT_EQUAL(l.confirmed.us, SECONDS(10));
    CU_ASSERT(lease_held(&l, AT_MS(11999)));
    CU_ASSERT_FALSE(lease_held(&l, AT(12)));
    CU_ASSERT_EQUAL(lease_left_us(&l, AT(11)), SECONDS(1));
}

static void grants_of_two_attempts_do_not_add_up(void)
{
    struct lease l = entered();
    uint64_t one = lease_attempt(&l, AT(10)), two = lease_attempt(&l, AT(11));
    CU_ASSERT_FALSE(grant(&l, 0, one));
    CU_ASSERT_FALSE(grant(&l, 1, two));
    CU_ASSERT_FALSE(lease_held(&l, AT(11)));
}

static void voters_are_counted_not_grants(void)
{
    struct lease l = entered();
    uint64_t nonce = lease_attempt(&l, AT(10));
    CU_ASSERT_FALSE(grant(&l, 1, nonce));
    CU_ASSERT_FALSE(grant(&l, 1, nonce));
    CU_ASSERT_FALSE(grant(&l, 7, nonce));   /* no voter */
    CU_ASSERT_FALSE(grant(&l, 255, nonce));
    CU_ASSERT_FALSE(lease_held(&l, AT(10)));
}

static void a_grant_of_another_epoch_or_an_unknown_nonce_counts_nothing(void)
{
    struct lease l = entered();
    uint64_t nonce = lease_attempt(&l, AT(10));
    for (node_id n = 0; n < 3; n++) {
        CU_ASSERT_FALSE(lease_granted(&l, electorate_of(VOTERS_OF_3), n, 2, nonce, LEASE));
        CU_ASSERT_FALSE(lease_granted(&l, electorate_of(VOTERS_OF_3), n, 4, nonce, LEASE));
        CU_ASSERT_FALSE(grant(&l, n, nonce + 1));
        CU_ASSERT_FALSE(grant(&l, n, 0)); /* free slots have no nonce */
        CU_ASSERT_FALSE(grant(&l, n, UINT64_C(4) << 32 | 1)); /* of a former process */
    }
    CU_ASSERT_EQUAL(l.deadline.us, 0);
}

static void a_late_majority_for_an_older_attempt_never_shortens(void)
{
    struct lease l = entered();
    uint64_t one = lease_attempt(&l, AT(10)), two = lease_attempt(&l, AT(11));
    (void)grant(&l, 0, two);
    CU_ASSERT(grant(&l, 1, two));
    (void)grant(&l, 0, one);
    CU_ASSERT_FALSE(grant(&l, 1, one));
    CU_ASSERT_EQUAL(l.deadline.us, SECONDS(13));
    CU_ASSERT_EQUAL(l.confirmed.us, SECONDS(11));
}

static void attempts_that_were_replaced_count_no_more(void)
{
    struct lease l = entered();
    uint64_t first = lease_attempt(&l, AT(10));
    for (int i = 0; i < LEASE_ATTEMPTS; i++)
        (void)lease_attempt(&l, AT(11));
    (void)grant(&l, 0, first);
    CU_ASSERT_FALSE(grant(&l, 1, first));
}

static void entering_an_epoch_forgets_grants_but_no_nonce(void)
{
    struct lease l = entered();
    uint64_t nonce = lease_attempt(&l, AT(10));
    (void)grant(&l, 0, nonce);
    (void)grant(&l, 1, nonce);
    lease_enter(&l, 4);
    CU_ASSERT_FALSE(lease_held(&l, AT(10)));
    CU_ASSERT_EQUAL(l.confirmed.us, 0);
    CU_ASSERT_FALSE(lease_granted(&l, electorate_of(VOTERS_OF_3), 2, 4, nonce, LEASE));
    CU_ASSERT(lease_attempt(&l, AT(10)) > nonce);
}

/* gamma: a guard's clock may run slow by rho and the waiter's fast by rho. */
static void the_wait_is_lease_over_gamma_less_age_from_receipt(void)
{
    struct ledger ledger = fixture_first(); /* 2 s, 10 % */
    int64_t full = 2444445; /* 2 s * 1.1 / 0.9, rounded up */
    CU_ASSERT_EQUAL(lease_wait_until(&ledger, 0, AT(50)).us, SECONDS(50) + full);
    CU_ASSERT_EQUAL(lease_wait_until(&ledger, SECONDS(1), AT(50)).us, SECONDS(49) + full);
    CU_ASSERT_EQUAL(lease_wait_until(&ledger, full, AT(50)).us, SECONDS(50));
    CU_ASSERT_EQUAL(lease_wait_until(&ledger, SECONDS(900), AT(50)).us, SECONDS(50));
    CU_ASSERT_EQUAL(lease_wait_until(&ledger, GRANT_AGE_RELEASED_US, AT(50)).us, SECONDS(50));
    CU_ASSERT_EQUAL(lease_wait_until(&ledger, -SECONDS(5), AT(50)).us, SECONDS(50) + full);
    CU_ASSERT_EQUAL(lease_wait_until(&ledger, INT64_MIN, AT(50)).us, SECONDS(50) + full);
}

static void the_wait_outlasts_the_longest_lease_ever(void)
{
    struct ledger ledger = fixture_first();
    ledger.longest_lease_us = SECONDS(9);
    ledger.clock_error_ppm = 0;
    CU_ASSERT_EQUAL(lease_wait_until(&ledger, 0, AT(0)).us, SECONDS(9) + 1);
}

/* Worst clocks: the guard's runs slow, the voter's and the waiter's run fast. True time is what
 * the wait is about. */
static void the_wait_outlasts_the_lease_in_true_time(void)
{
    for (int64_t ppm = 0; ppm <= 200000; ppm += 25000) {
        struct ledger ledger = fixture_first();
        ledger.clock_error_ppm = (uint32_t)ppm;
        double rho = (double)ppm / 1e6, lease = (double)ledger.longest_lease_us;
        for (double true_age = 0; true_age < 3e6; true_age += 3e5) {
            int64_t told = (int64_t)(true_age * (1 + rho));
            int64_t wait = lease_wait_until(&ledger, told, AT(0)).us;
            double until = (double)wait / (1 + rho);
            CU_ASSERT(true_age + until >= lease / (1 - rho) - 1.0);
        }
    }
}

/* Whatever a peer may send as a ledger: the wait is defined, and never shorter than the lease. */
static void the_wait_is_sane_for_every_valid_ledger(void)
{
    static const int64_t leases[] = { 1, SECONDS(86400), TIME_FOREVER_US / 2, TIME_FOREVER_US - 1 };
    static const uint32_t errors[] = { 0, 100000, 500000, 900000, 999999 };
    for (size_t i = 0; i < sizeof leases / sizeof leases[0]; i++)
        for (size_t j = 0; j < sizeof errors / sizeof errors[0]; j++) {
            struct ledger ledger = fixture_first();
            ledger.lease_us = ledger.longest_lease_us = leases[i];
            ledger.clock_error_ppm = errors[j];
            if (!ledger_valid(&ledger))
                continue;
            CU_ASSERT(lease_wait_until(&ledger, 0, AT(0)).us >= leases[i]);
        }
}

SUITE_MAIN("lease", TEST(the_deadline_counts_from_sending),
           TEST(grants_of_two_attempts_do_not_add_up), TEST(voters_are_counted_not_grants),
           TEST(a_grant_of_another_epoch_or_an_unknown_nonce_counts_nothing),
           TEST(a_late_majority_for_an_older_attempt_never_shortens),
           TEST(attempts_that_were_replaced_count_no_more),
           TEST(entering_an_epoch_forgets_grants_but_no_nonce),
           TEST(the_wait_is_lease_over_gamma_less_age_from_receipt),
           TEST(the_wait_outlasts_the_longest_lease_ever),
           TEST(the_wait_outlasts_the_lease_in_true_time),
           TEST(the_wait_is_sane_for_every_valid_ledger))
