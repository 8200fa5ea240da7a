/* What status says of a broken glass, and of whoever has to end it. */
#include "tests/unit/status_fixture.h"

/* Said at every node, in red, with both sides and the command, and until it is reconciled. */
static void a_broken_glass_is_never_silent(void)
{
    fixture_view(&view);
    view.marks[FIXTURE_WEST] = (struct mark){ .state = MARK_STANDS, .id = 0xc0ffee,
        .maker = { 9, FIXTURE_WEST }, .region = FIXTURE_WEST, .yields = REGION_NONE, .by = { "ann" },
        .proof = { "it burnt" }, .version = 3, .epoch = 2, .writer = FIXTURE_EAST, .timeline = 1, .lsn = 0x1000 };
    json_t *status = render();
    const json_t *service = service_of(status);
    const json_t *mark = json_array_get(json_object_get(json_object_get(service, "break_glass"), "marks"), 0);
    CU_ASSERT_STRING_EQUAL(peek_str(service, "state", ""), "glass_broken");
    CU_ASSERT_TRUE(warned(status, "glass_broken") && warned(status, "reconcile_needed"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(service, "headline", ""), "nothing proves that it is the only writer"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(service, "outlook", ""), "reconcile shop --keep us-west-2"));
    CU_ASSERT_STRING_EQUAL(peek_str(mark, "state", ""), "stands");
    CU_ASSERT_STRING_EQUAL(peek_str(mark, "id", ""), "0000000000c0ffee");
    CU_ASSERT_STRING_EQUAL(peek_str(mark, "known_writer", ""), "us-east-1");
    CU_ASSERT_TRUE(json_is_null(json_object_get(mark, "gives_way_to")));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(mark, "sides")), 2);
    json_decref(status);
    view.marks[FIXTURE_WEST].state = MARK_SHUT;
    view.marks[FIXTURE_WEST].yields = FIXTURE_EAST;
    view.quorum = false;
    status = render();
    service = service_of(status);
    CU_ASSERT_STRING_EQUAL(peek_str(service, "state", ""), "glass_broken");
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(service, "headline", ""), "is shut since us-east-1 writes"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(service, "outlook", ""), "majority of the voters back"));
    CU_ASSERT_TRUE(warned(status, "glass_broken") && !warned(status, "reconcile_needed")); /* nobody can yet */
    json_decref(status);
    /* The operation that ends it is what matters then. */
    view.quorum = true;
    view.ledger.writer = REGION_NONE;
    view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILOVER, .phase = PHASE_BEGUN, .id = 7,
        .from = FIXTURE_EAST, .to = FIXTURE_WEST, .executor = FIXTURE_WEST, .mark = 0xc0ffee };
    status = render();
    CU_ASSERT_STRING_EQUAL(peek_str(service_of(status), "state", ""), "operation");
    CU_ASSERT_TRUE(warned(status, "glass_broken") && !warned(status, "reconcile_needed"));
    json_decref(status);
}

/* Two coordinators of a region made one each: which one counts is told first, and what the other one's is. */
static void two_marks_of_a_region_are_told_apart(void)
{
    fixture_view(&view);
    struct mark mark = { .state = MARK_STANDS, .id = 0xc0ffee, .maker = { 9, FIXTURE_WEST }, .region = FIXTURE_WEST,
                         .yields = REGION_NONE, .at = { 7 }, .by = { "ann" }, .proof = { "it burnt" },
                         .writer = FIXTURE_EAST, .timeline = 1, .lsn = 0x1000 };
    view.marks[FIXTURE_WEST] = mark;
    struct mark *first = &view.marks[FIXTURE_WEST], *other = &view.marks[FIXTURE_EAST];
    *other = mark;
    other->id = 0xbad;
    other->maker.node = FIXTURE_EAST;
    other->at.us = 8;
    json_t *status = render();
    const json_t *glass = json_object_get(service_of(status), "break_glass");
    const json_t *told = json_array_get(json_object_get(glass, "marks"), 0);
    CU_ASSERT_STRING_EQUAL(peek_str(told, "id", ""), "0000000000c0ffee");
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(told, "obstacle", ""), "have to hear each other"));
    json_decref(status);
    first->state = MARK_SHUT; /* whichever stands is told first */
    first->yields = FIXTURE_WEST;
    status = render();
    glass = json_object_get(service_of(status), "break_glass");
    told = json_array_get(json_object_get(glass, "marks"), 0);
    CU_ASSERT_STRING_EQUAL(peek_str(told, "id", ""), "0000000000000bad");
    CU_ASSERT_TRUE(json_is_null(json_object_get(told, "obstacle")));
    told = json_array_get(json_object_get(glass, "marks"), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(told, "text", ""), "looks after the same database"));
    CU_ASSERT_STRING_EQUAL(peek_str(told, "todo", ""), "It is reconciled together with that one");
    json_decref(status);
    /* Its region got its lease before this mark was heard of. */
    view.marks[FIXTURE_EAST] = (struct mark){ .state = MARK_NONE };
    view.ledger.writer = FIXTURE_WEST;
    status = render();
    told = json_array_get(json_object_get(json_object_get(service_of(status), "break_glass"), "marks"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(told, "text", ""), "its region has a lease"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(told, "todo", ""), "reconcile shop --keep us-west-2"));
    json_decref(status);
}

/* What the mark says of who has to carry its end out; "": nothing is in the way. */
static void expect_obstacle(const char *words, const char *todo, const char *without)
{
    json_t *status = render();
    const json_t *glass = json_object_get(service_of(status), "break_glass");
    const json_t *mark = json_array_get(json_object_get(glass, "marks"), 0);
    const char *obstacle = peek_str(mark, "obstacle", "");
    CU_ASSERT(words[0] != '\0' ? strstr(obstacle, words) != NULL : json_is_null(json_object_get(mark, "obstacle")));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(mark, "todo", ""), todo));
    CU_ASSERT_PTR_NULL(strstr(peek_str(mark, "todo", ""), without));
    json_decref(status);
}

/* Only the maker of a mark can end it, or carry its reconciliation on: where it can't, that and what helps is said. */
static void a_maker_that_can_not_act_is_said(void)
{
    fixture_view(&view);
    view.marks[FIXTURE_WEST] = (struct mark){ .state = MARK_STANDS, .id = 0xc0ffee, .maker = { 9, FIXTURE_WEST },
        .region = FIXTURE_WEST, .yields = REGION_NONE, .writer = FIXTURE_EAST, .timeline = 1, .lsn = 0x1000 };
    struct view_node *maker = &view.nodes[FIXTURE_WEST];
    expect_obstacle("", "reconcile shop --keep us-west-2 or --keep us-east-1", "voter replace");
    maker->voting = false;
    expect_obstacle("does not vote", "failoverctl voter replace usw2-a", "skip-gate");
    maker->heard_age_us = 60 * US_PER_S;
    expect_obstacle("is not heard", "--keep us-east-1 --skip-gate fence", "voter replace");
    view.marks[FIXTURE_WEST].state = MARK_SHUT;
    expect_obstacle("is not heard", "only to keep us-west-2", "--skip-gate");
    /* In the midst of keeping the marked side: it is waited for, unless a person says that it is gone. */
    view.marks[FIXTURE_WEST].state = MARK_STANDS;
    view.ledger.writer = REGION_NONE;
    view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILOVER, .phase = PHASE_BEGUN, .id = 7,
        .from = FIXTURE_EAST, .to = FIXTURE_WEST, .executor = FIXTURE_WEST, .mark = 0xc0ffee };
    expect_obstacle("no region writes before it is back", "Start failoverd there, on its own state_dir", "abort");
    expect_obstacle("if it is gone for good", "reconcile shop --keep us-east-1 --skip-gate fence", "abort");
    json_t *status = render();
    CU_ASSERT_TRUE(warned_of(status, "reconcile_stuck", "usw2-a is not heard"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(service_of(status), "outlook", ""), "Start failoverd there"));
    CU_ASSERT_PTR_NULL(strstr(peek_str(service_of(status), "outlook", ""), "may still be aborted"));
    json_decref(status);
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1", .self = FIXTURE_EAST, .views = &view };
    json_t *explained = status_explain(&input, 0);
    const json_t *would = json_array_get(json_object_get(explained, "would_act"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(json_string_value(would), "Start failoverd there"));
    json_decref(explained);
    maker->heard_age_us = 100000; /* back on a store that has no vote */
    expect_obstacle("does not vote", "no voter is replaced while an operation runs", "voter replace usw2-a");
    maker->voting = true;
    expect_obstacle("", "being reconciled", "Start failoverd");
    status = render();
    CU_ASSERT_FALSE(warned(status, "reconcile_stuck"));
    json_decref(status);
}

SUITE_MAIN("status_glass", TEST(a_broken_glass_is_never_silent),
           TEST(two_marks_of_a_region_are_told_apart), TEST(a_maker_that_can_not_act_is_said))
