/* What may be done to a zone, by what its fence record says. */
#include "policy/failover/dns_rule.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static enum dns_ruling rule(struct ledger l, enum dns_mark mark, uint64_t epoch, uint64_t operation)
{
    struct act_result read = { .mark = mark, .mark_epoch = epoch, .mark_operation = operation };
    return dns_rule(&l, &read, l.operation.kind == OPERATION_ADOPT);
}

static void a_failover_replaces_only_an_older_mark_of_ours(void)
{
    struct ledger l = fixture_granted(); /* epoch 3, operation 7 */
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 1, 5), DNS_SUBMIT);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 3, 7), DNS_APPLIED);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 3, 8), DNS_ALARM);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 4, 7), DNS_STALE);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_ABSENT, 0, 0), DNS_UNADOPTED);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_FOREIGN, 1, 5), DNS_FOREIGN);
}

static void a_zone_below_what_was_in_sync_went_back(void)
{
    struct ledger l = fixture_granted();
    l.dns_epoch = 2;
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 1, 5), DNS_ROLLED_BACK);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 2, 5), DNS_SUBMIT);
}

static void an_adoption_vouches_for_all_but_a_newer_epoch(void)
{
    struct ledger first = fixture_first();
    first.epoch = first.guard_epoch = first.dns_epoch = 3;
    first.version = 9;
    struct ledger l = ledger_adopt(&first, 7, 0, (struct wall_time){ 1 });
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_ABSENT, 0, 0), DNS_SUBMIT);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_FOREIGN, 0, 0), DNS_SUBMIT);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 1, 5), DNS_SUBMIT);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 3, 5), DNS_SUBMIT);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 3, 7), DNS_APPLIED);
    CU_ASSERT_EQUAL(rule(l, DNS_MARK_OURS, 4, 7), DNS_STALE);
}

SUITE_MAIN("dns_rule", TEST(a_failover_replaces_only_an_older_mark_of_ours),
           TEST(a_zone_below_what_was_in_sync_went_back),
           TEST(an_adoption_vouches_for_all_but_a_newer_epoch))
