/* May a database start as a primary: every situation a host can be in when it comes up, and that nothing but
 * the four good reasons gives a yes. */
#include <string.h>

#include "coordinator/status/may_write.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/suite.h"

#define INSTANCE 42 /* as the fixture's ledger names its guard */

static struct view_service view;
static struct service_config service;
static struct may_write_facts facts;
static struct may_write_answer answer;

/* East is the writer, holds its lease, and asks. */
static void set_up(void)
{
    fixture_view(&view);
    service = fixture_cluster()->services[0];
    facts = (struct may_write_facts){ .cluster = fixture_cluster(), .service = &service, .view = &view,
                                      .self = FIXTURE_EAST, .instance = INSTANCE, .ledger_reported = true };
}

static bool answers(enum may_write may, const char *reason)
{
    memset(&answer, 0x55, sizeof answer);
    may_write(&facts, &answer);
    bool said = strlen(answer.text) > 10 && (may == MAY_WRITE_YES) == (answer.todo[0] == '\0');
    if (answer.may != may || strcmp(answer.reason, reason) != 0 || !said)
        printf("    %d %s: %s | %s\n", (int)answer.may, answer.reason, answer.text, answer.todo);
    return answer.may == may && strcmp(answer.reason, reason) == 0 && said;
}

static struct view_region *home(void)
{
    return &view.regions[FIXTURE_EAST];
}

static void the_named_guard_with_its_lease_may(void)
{
    set_up();
    CU_ASSERT_TRUE(answers(MAY_WRITE_YES, "leased"));
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.text, "yes: us-east-1 is the writer at epoch 7"));
    CU_ASSERT_TRUE(answer.final);
}

static void being_named_is_not_enough(void)
{
    set_up();
    home()->lease_left_us = 0;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "no_lease"));
    CU_ASSERT_FALSE(answer.final);
    home()->lease_left_us = -1;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "no_lease"));
    home()->guard_ready = false;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "fence_not_ready"));
    view.quorum = false;
    view.voters_heard = 1;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "no_quorum"));
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.text, "1 of the 2 voters"));
}

static void another_guard_or_a_former_store_is_not_us(void)
{
    set_up();
    view.ledger.guard.node = FIXTURE_WEST; /* as if it were a second one of our region */
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "other_guard"));
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.todo, "usw2-a"));
    set_up();
    facts.instance = INSTANCE + 1;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "other_instance"));
}

static void an_old_primary_may_not(void)
{
    set_up();
    view.ledger.writer = FIXTURE_WEST;
    view.ledger.guard = (struct instance){ 43, FIXTURE_WEST };
    view.ledger.epoch = 9;
    CU_ASSERT_TRUE(answers(MAY_WRITE_NO, "other_writer"));
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.text, "no: us-west-2 is the writer at epoch 9"));
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.todo, "standby of us-west-2"));
    CU_ASSERT_TRUE(answer.final);
    /* A lease of an epoch that is over, or `keep`, changes nothing. */
    view.ledger.keep_on_quorum_loss = true;
    view.quorum = facts.ledger_reported = false;
    home()->lease_left_us = -1;
    CU_ASSERT_TRUE(answers(MAY_WRITE_NO, "other_writer"));
}

static void nobody_may_while_none_is_named(void)
{
    set_up();
    view.ledger.writer = REGION_NONE;
    view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILOVER, .phase = PHASE_BEGUN,
                                                       .from = FIXTURE_EAST, .to = FIXTURE_WEST };
    CU_ASSERT_TRUE(answers(MAY_WRITE_NO, "no_writer"));
    CU_ASSERT_FALSE(answer.final); /* it may come back */
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.text, "from us-east-1 to us-west-2"));
}

static void a_lapsed_lease_counts_only_with_keep_and_if_it_was_held(void)
{
    set_up();
    view.quorum = false;
    view.ledger.keep_on_quorum_loss = true;
    home()->lease_left_us = -5000000;
    CU_ASSERT_TRUE(answers(MAY_WRITE_YES, "kept"));
    home()->lease_left_us = 0; /* this process never had it */
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "no_quorum"));
    home()->lease_left_us = -5000000;
    view.ledger.keep_on_quorum_loss = false;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "no_quorum"));
}

static void a_door_is_asked_after_the_start(void)
{
    set_up();
    service.fence.ladder[0] = CONFIG_FENCE_DOOR;
    service.fence.ladder_count = 1;
    home()->lease_left_us = 0;
    home()->guard_ready = false;
    CU_ASSERT_TRUE(answers(MAY_WRITE_YES, "not_asked"));
    view.ledger_age_us = view.ledger.lease_us; /* confirmed too long ago */
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "fence_not_ready"));
    view.ledger_age_us = 0;
    view.quorum = false;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "no_quorum"));
    view.quorum = home()->guard_ready = true; /* it was asked: then a lease has to come */
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "no_lease"));
    home()->guard_ready = false;
    service.fence.ladder[0] = CONFIG_FENCE_KERNEL; /* which needs no database to be ready */
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "fence_not_ready"));
}

static void a_new_service_needs_a_majority_that_knows_of_none(void)
{
    set_up();
    view.ledger_known = facts.ledger_reported = false;
    CU_ASSERT_TRUE(answers(MAY_WRITE_YES, "first_start"));
    facts.ledger_reported = true;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "ledger_unknown"));
    facts.ledger_reported = false;
    view.quorum = false;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "no_quorum"));
    CU_ASSERT_FALSE(answer.final);
    view.quorum = true;
    facts.self = FIXTURE_WEST; /* not the initial writer */
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "ledger_unknown"));
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.todo, "initial_writer"));
}

static void who_guards_nothing_knows_nothing(void)
{
    set_up();
    facts.self = FIXTURE_EU;
    CU_ASSERT_TRUE(answers(MAY_WRITE_UNKNOWN, "not_a_guard"));
    CU_ASSERT_TRUE(answer.final);
    facts.self = FIXTURE_WEST; /* a standby's guard does know */
    CU_ASSERT_TRUE(answers(MAY_WRITE_NO, "other_writer"));
}

SUITE_MAIN("may_write", TEST(the_named_guard_with_its_lease_may), TEST(being_named_is_not_enough),
           TEST(another_guard_or_a_former_store_is_not_us), TEST(an_old_primary_may_not),
           TEST(nobody_may_while_none_is_named), TEST(a_lapsed_lease_counts_only_with_keep_and_if_it_was_held),
           TEST(a_door_is_asked_after_the_start), TEST(a_new_service_needs_a_majority_that_knows_of_none),
           TEST(who_guards_nothing_knows_nothing))
