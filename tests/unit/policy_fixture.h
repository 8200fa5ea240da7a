/* What the suites of the core share: a service of three regions and ledgers in each phase of it.
 * Region and node numbers are the same: 0 writes, 1 is its standby, 2 a witness. */
#ifndef FAILOVERD_TESTS_POLICY_FIXTURE_H
#define FAILOVERD_TESTS_POLICY_FIXTURE_H

#include "policy/config.h"
#include "policy/facts.h"
#include "policy/quorum/ledger.h"
#include "policy/quorum/learner.h"

#define VOTERS_OF_3 ((node_set)7u)
#define SECONDS(n) ((int64_t)(n) * US_PER_S)
#define AT(s) ((struct mono_time){ SECONDS(s) })
#define AT_MS(ms) ((struct mono_time){ (ms) * US_PER_MS })

static const struct instance guard_of_0 = { 1000, 0 };
static const struct instance guard_of_1 = { 1001, 1 };

static inline struct service_policy fixture_policy(void)
{
    struct service_policy p = {
        .mode = MODE_AUTOMATIC,
        .initial_writer = 0,
        .lease_us = SECONDS(2),
        .renew_us = 500 * US_PER_MS,
        .fence_budget_us = 500 * US_PER_MS,
        .clock_error_ppm = 100000,
        .fence = FENCE_ENFORCED,
        .rpo_bytes = 1000,
        .rpo_us = SECONDS(10),
        .evidence_max_age_us = SECONDS(5),
        .confirm_timeout_us = SECONDS(1),
        .fence_deadline_us = SECONDS(30),
        .promote_deadline_us = SECONDS(60),
        .dns_deadline_us = SECONDS(60),
        .verify_deadline_us = SECONDS(60),
        .hooks_deadline_us = SECONDS(30),
        .zone_count = 1,
        .check_count = 2,
    };
    for (region_id r = 0; r < 2; r++) {
        p.regions[r].serves = true;
        p.regions[r].priority = r;
        p.regions[r].guards = node_bit(r);
        p.checks[r] = (struct check_policy){ CHECK_POSTGRES, r, SECONDS(1), SECONDS(1), SECONDS(2),
                                             2, 2 };
    }
    return p;
}

static inline struct ledger fixture_first(void)
{
    struct service_policy p = fixture_policy();
    return ledger_first(&p, guard_of_0);
}

static inline struct begin_terms fixture_terms(uint64_t id, region_id to, node_id executor)
{
    return (struct begin_terms){ .id = id, .kind = OPERATION_FAILOVER, .to = to, .executor = executor,
                                 .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
}

static inline struct ledger fixture_begun(void)
{
    struct ledger first = fixture_first();
    struct begin_terms terms = fixture_terms(7, 1, 1);
    return ledger_begin(&first, &terms);
}

static inline struct ledger fixture_granted(void)
{
    struct service_policy p = fixture_policy();
    struct ledger begun = fixture_begun();
    return ledger_grant(&begun, &p, guard_of_1);
}

static inline struct ballot ballot_of(uint64_t counter, node_id node)
{
    return (struct ballot){ .counter = counter, .restart = 1, .node = node };
}

static inline struct register_report report_of(struct ballot ballot, struct ledger ledger)
{
    return (struct register_report){ true, ballot, ledger };
}

/* A learner that two of three voters told `ledger` at one ballot. */
static inline struct learner learner_that_knows(struct ledger ledger)
{
    struct learner learner;
    struct register_report report = report_of(ballot_of(1, 0), ledger);
    learner_init(&learner, electorate_of(VOTERS_OF_3));
    (void)learner_report(&learner, 0, &report, AT(1));
    (void)learner_report(&learner, 1, &report, AT(1));
    return learner;
}

#endif
