/* What may be done to a zone, by what its fence record says. */
#include "policy/failover/dns_rule.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

static enum dns_ruling rule(struct ledger l, enum dns_mark mark, uint64_t epoch, uint64_t operation)
{
    struct act_result read = { .mark = mark, .mark_epoch = epoch, .mark_operation = operation,
                               .mark_share = 100 };
    return dns_rule(&l, &read, l.operation.kind == OPERATION_ADOPT);
}

/* A failback at its second stage of three (10, 50, 100): version 4, epoch 3, operation 7. */
static struct ledger at_half(void)
{
    struct ledger l = fixture_granted();
    l.operation.kind = OPERATION_FAILBACK;
    l.operation.shift = (struct shift){ 3, 1, { 10, 50, 100 }, 1 };
    l.version = 4;
    return l;
}

static enum dns_ruling share_rule(const struct ledger *l, uint8_t share, uint64_t version)
{
    struct act_result read = { .mark = DNS_MARK_OURS, .mark_epoch = 3, .mark_operation = 7, .mark_share = share,
                               .mark_version = version };
    return dns_rule(l, &read, false);
}

static void another_share_of_ours_is_replaced_where_it_is_older(void)
{
    struct ledger l = at_half();
    CU_ASSERT_EQUAL(share_rule(&l, 50, 2), DNS_APPLIED);
    CU_ASSERT_EQUAL(share_rule(&l, 50, 9), DNS_APPLIED);
    CU_ASSERT_EQUAL(share_rule(&l, 10, 3), DNS_SUBMIT);
    CU_ASSERT_EQUAL(share_rule(&l, 100, 0), DNS_SUBMIT); /* written before there were shares */
    CU_ASSERT_EQUAL(share_rule(&l, 0, 5), DNS_STALE);    /* it was sent back since, and we have not heard */
    CU_ASSERT_EQUAL(share_rule(&l, 10, 4), DNS_ALARM);   /* one version says one share */
    l.operation.wish = WISH_BACK;
    CU_ASSERT_EQUAL(share_rule(&l, 50, 3), DNS_SUBMIT);
    CU_ASSERT_EQUAL(share_rule(&l, 0, 3), DNS_APPLIED);
    l = at_half();
    struct act_result newer = { .mark = DNS_MARK_OURS, .mark_epoch = 4, .mark_operation = 7, .mark_share = 10,
                                .mark_version = 3 };
    CU_ASSERT_EQUAL(dns_rule(&l, &newer, false), DNS_STALE); /* whatever the share, the epoch comes first */
    newer.mark_epoch = 3;
    newer.mark_operation = 8;
    CU_ASSERT_EQUAL(dns_rule(&l, &newer, false), DNS_ALARM);
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
    struct act_result share = { .mark = DNS_MARK_OURS, .mark_epoch = 3, .mark_operation = 5, .mark_share = 50,
                                .mark_version = 12 };
    CU_ASSERT_EQUAL(dns_rule(&l, &share, true), DNS_SUBMIT); /* whatever version it had: that operation is over */
}

SUITE_MAIN("dns_rule", TEST(a_failover_replaces_only_an_older_mark_of_ours),
           TEST(another_share_of_ours_is_replaced_where_it_is_older),
           TEST(a_zone_below_what_was_in_sync_went_back),
           TEST(an_adoption_vouches_for_all_but_a_newer_epoch))
