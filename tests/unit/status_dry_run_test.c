/* An order that is only asked about: what would be done, and what is in the way. */
#include "tests/unit/status_fixture.h"

static void a_dry_run_tells_and_changes_nothing(void)
{
    fixture_view(&view);
    struct view_service before = view;
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1",
                                  .self = FIXTURE_EAST, .views = &view };
    struct order order = { .to = FIXTURE_WEST, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    json_t *plan = status_dry_run(&input, 0, &order);
    CU_ASSERT_FALSE(peek_yes(plan, "would_run")); /* a healthy writer: has to be named */
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(json_object_get(plan, "shut"), 0)),
                           "majority_failed");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(plan, "shut")), 1);
    json_decref(plan);
    order.skipped_gates = 1u << GATE_MAJORITY_FAILED;
    plan = status_dry_run(&input, 0, &order);
    CU_ASSERT_TRUE(peek_yes(plan, "would_run"));
    CU_ASSERT(json_array_size(json_object_get(plan, "steps")) > 5);
    json_decref(plan);
    CU_ASSERT_EQUAL(memcmp(&before, &view, sizeof view), 0);
    order.to = FIXTURE_EU;
    plan = status_dry_run(&input, 0, &order);
    CU_ASSERT_FALSE(peek_yes(plan, "would_run"));
    json_decref(plan);
    order.to = FIXTURE_WEST;
    view.quorum = false;
    plan = status_dry_run(&input, 0, &order);
    CU_ASSERT_FALSE(peek_yes(plan, "would_run"));
    json_decref(plan);
}

static json_t *weighed(int64_t bytes, int64_t us)
{
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1",
                                  .self = FIXTURE_EAST, .views = &view };
    struct order order = { .to = FIXTURE_WEST, .skipped_gates = 1u << GATE_MAJORITY_FAILED,
                           .accepted_loss_bytes = bytes, .accepted_loss_us = us };
    return status_dry_run(&input, 0, &order);
}

static bool would_run(int64_t bytes, int64_t us)
{
    json_t *plan = weighed(bytes, us);
    bool runs = peek_yes(plan, "would_run");
    json_decref(plan);
    return runs;
}

/* As the order would be judged: each kind by itself, and a time that is not known by none. */
static void a_dry_run_weighs_what_is_accepted(void)
{
    fixture_view(&view);
    struct gate *loss = &view.regions[FIXTURE_WEST].gates[GATE_LOSS_WITHIN_RPO];
    *loss = (struct gate){ .known = true, .value = 32 << 20, .limit = 16 << 20,
                           .value_us = 9000000, .limit_us = 5000000, .observer = FIXTURE_WEST };
    CU_ASSERT_FALSE(would_run(-1, -1));
    CU_ASSERT_FALSE(would_run(64 << 20, -1));
    CU_ASSERT_FALSE(would_run(-1, 9000000));
    CU_ASSERT_FALSE(would_run(64 << 20, 8000000));
    CU_ASSERT_TRUE(would_run(64 << 20, 9000000));
    json_t *plan = weighed(64 << 20, -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(plan, "todo", ""), "--accept-loss 10s."));
    json_decref(plan);
    loss->at_least = true;
    CU_ASSERT_FALSE(would_run(64 << 20, INT64_MAX));
    plan = weighed(64 << 20, INT64_MAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(plan, "todo", ""), "--skip-gate loss_within_rpo"));
    json_decref(plan);
    *loss = (struct gate){ .open = true, .known = true, .value = 5, .limit = 16 << 20, .limit_us = 5000000 };
    CU_ASSERT_TRUE(would_run(-1, 0));
    CU_ASSERT_FALSE(would_run(4, -1)); /* less than the RPO allows */
}

static const char *step_text(const json_t *plan, const char *name)
{
    size_t index;
    const json_t *step;
    json_array_foreach(json_object_get(plan, "steps"), index, step)
        if (strcmp(peek_str(step, "name", ""), name) == 0)
            return peek_str(step, "text", "");
    return NULL;
}

static void a_dry_run_of_a_switchover_has_its_own_gates(void)
{
    fixture_view(&view);
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1",
                                  .self = FIXTURE_EAST, .views = &view };
    struct order order = { .kind = ORDER_SWITCHOVER, .to = FIXTURE_WEST,
                           .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    int64_t number = -1;
    json_t *plan = status_dry_run(&input, 0, &order);
    CU_ASSERT_TRUE(peek_yes(plan, "would_run")); /* a writer that is well is what it is for */
    CU_ASSERT_STRING_EQUAL(peek_str(plan, "kind", ""), "switchover");
    CU_ASSERT_TRUE(peek_int(json_object_get(plan, "loss"), "bytes", &number) && number == 0);
    CU_ASSERT_PTR_NOT_NULL(step_text(plan, "catch_up"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(plan, "afterwards", ""), "failoverctl rejoin"));
    json_decref(plan);
    view.regions[FIXTURE_WEST].planned_gates[GATE_LOSS_WITHIN_RPO] =
        (struct gate){ .known = true, .value = 4096, .limit = 16 << 20, .value_us = 43 * US_PER_S,
                       .limit_us = 10 * US_PER_S };
    plan = status_dry_run(&input, 0, &order);
    const json_t *loss = json_array_get(json_object_get(plan, "gates"), GATE_LOSS_WITHIN_RPO);
    CU_ASSERT_STRING_EQUAL(peek_str(loss, "text", ""), "its standby lacks 4 KiB (43s), which is waited for; it begins at up "
                                                       "to 16 MiB (10s)");
    json_decref(plan);
    view.regions[FIXTURE_WEST].planned_gates[GATE_LOSS_WITHIN_RPO].open = true;
    view.regions[FIXTURE_WEST].planned_gates[GATE_FENCE] = (struct gate){ .known = true, .limit = PROOF_RELEASED };
    plan = status_dry_run(&input, 0, &order);
    CU_ASSERT_FALSE(peek_yes(plan, "would_run"));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(plan, "shut")), 1);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(json_object_get(plan, "shut"), 0)), "fence");
    const json_t *fence = json_array_get(json_object_get(plan, "gates"), GATE_FENCE);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(fence, "text", ""), "own guard is silent"));
    json_decref(plan);
    order.to = FIXTURE_EAST;
    plan = status_dry_run(&input, 0, &order);
    CU_ASSERT_FALSE(peek_yes(plan, "would_run"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(plan, "text", ""), "the writer already"));
    json_decref(plan);
    order = (struct order){ .kind = ORDER_FAILOVER, .to = FIXTURE_WEST,
                            .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    plan = status_dry_run(&input, 0, &order);
    CU_ASSERT_STRING_EQUAL(peek_str(plan, "kind", ""), "failover");
    CU_ASSERT_PTR_NULL(step_text(plan, "catch_up"));
    json_decref(plan);
}

SUITE_MAIN("status_dry_run", TEST(a_dry_run_tells_and_changes_nothing), TEST(a_dry_run_weighs_what_is_accepted),
           TEST(a_dry_run_of_a_switchover_has_its_own_gates))
