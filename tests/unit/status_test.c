/* Snapshots as people get them: what is there, what is null, what is said first. */
#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"
#include "tests/unit/status_fixture.h"

static void all_well(void)
{
    fixture_view(&view);
    json_t *status = render();
    const json_t *service = service_of(status);
    CU_ASSERT_STRING_EQUAL(peek_str(status, "node", ""), "use1-a");
    CU_ASSERT_STRING_EQUAL(peek_str(service, "state", ""), "ok");
    CU_ASSERT_STRING_EQUAL(peek_str(service, "writer", ""), "us-east-1");
    CU_ASSERT_STRING_EQUAL(peek_str(service, "headline", ""),
                           "us-east-1 is the writer; all 3 observers see it healthy.");
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(service, "outlook", ""), "us-west-2 would take over"));
    CU_ASSERT_TRUE(json_is_null(json_object_get(service, "operation")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(service, "last_operation")));
    const json_t *regions = json_object_get(service, "regions");
    CU_ASSERT_STRING_EQUAL(peek_str(json_array_get(regions, 0), "role", ""), "witness");
    CU_ASSERT_STRING_EQUAL(peek_str(json_array_get(regions, 1), "role", ""), "writer");
    CU_ASSERT_STRING_EQUAL(peek_str(json_array_get(regions, 2), "role", ""), "standby");
    const json_t *database = json_object_get(json_array_get(regions, 2), "database");
    CU_ASSERT_STRING_EQUAL(peek_str(database, "lsn", ""), "0/16B3748");
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_array_get(regions, 0), "database")));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_array_get(regions, 2), "gates")), GATE_COUNT);
    int64_t left = 0;
    CU_ASSERT_TRUE(peek_int(json_object_get(service, "lease"), "left_ms", &left));
    CU_ASSERT_EQUAL(left, 1400);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(service, "warnings")), 0);
    json_decref(status);
}

static void unknown_is_null_and_never_zero(void)
{
    memset(&view, 0, sizeof view);
    view.quorum = true;
    view.ledger_age_us = AGE_UNKNOWN_US;
    view.regions[FIXTURE_EAST].serves = true;
    view.regions[FIXTURE_EAST].database_age_us = AGE_UNKNOWN_US;
    json_t *status = render();
    const json_t *service = service_of(status);
    static const char *const keys[] = { "writer", "epoch", "version", "ledger_age_ms", "lease" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        CU_ASSERT_TRUE(json_is_null(json_object_get(service, keys[i])));
    CU_ASSERT_STRING_EQUAL(peek_str(service, "state", ""), "unknown");
    const json_t *east = json_array_get(json_object_get(service, "regions"), 1);
    CU_ASSERT_TRUE(json_is_null(json_object_get(east, "database")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(east, "guard")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(east, "lag"), "bytes")));
    const json_t *verdict = json_array_get(json_object_get(east, "verdicts"), 2);
    CU_ASSERT_FALSE(peek_yes(verdict, "present"));
    CU_ASSERT_TRUE(json_is_null(json_object_get(verdict, "verdict")));
    CU_ASSERT_TRUE(warned(status, "ledger_unknown"));
    json_decref(status);
}

static void states_by_what_matters_most(void)
{
    fixture_view(&view);
    struct view_observer *seen = &view.regions[FIXTURE_EAST].observers[FIXTURE_WEST];
    seen->verdict = VERDICT_SUSPECT;
    seen->reason = REASON_CHECK_FAILING;
    seen->check = 0;
    CU_ASSERT_STRING_EQUAL(state(), "suspect");
    view.regions[FIXTURE_EAST].failed_votes = 2;
    CU_ASSERT_STRING_EQUAL(state(), "failing");
    view.ledger.writer = REGION_NONE;
    CU_ASSERT_STRING_EQUAL(state(), "no_writer");
    view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILOVER,
        .phase = PHASE_BEGUN, .id = 0xc0ffee, .from = FIXTURE_EAST, .to = FIXTURE_WEST,
        .executor = FIXTURE_WEST, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    CU_ASSERT_STRING_EQUAL(state(), "operation");
    view.quorum = false;
    CU_ASSERT_STRING_EQUAL(state(), "no_quorum");
}

static void what_holds_a_failover_back_is_said(void)
{
    fixture_view(&view);
    struct view_region *west = &view.regions[FIXTURE_WEST];
    view.regions[FIXTURE_EAST].failed_votes = 2;
    west->gates[GATE_MAJORITY_FAILED].open = west->gates[GATE_OUTAGE_MIN].open = true;
    struct gate *loss = &west->gates[GATE_LOSS_WITHIN_RPO];
    *loss = (struct gate){ .known = true, .value = 32 << 20, .limit = 16 << 20,
                           .value_us = 9000000, .limit_us = 5000000, .observer = FIXTURE_WEST };
    json_t *status = render();
    const char *outlook = peek_str(service_of(status), "outlook", "");
    CU_ASSERT_PTR_NOT_NULL(strstr(outlook, "loss_within_rpo (32 MiB (9"));
    CU_ASSERT_PTR_NULL(strstr(outlook, "target_healthy"));
    json_decref(status);
}

static void an_operation_shows_its_step(void)
{
    fixture_view(&view);
    view.ledger.writer = REGION_NONE;
    view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILOVER,
        .phase = PHASE_BEGUN, .id = 0xc0ffee, .from = FIXTURE_EAST, .to = FIXTURE_WEST,
        .executor = FIXTURE_WEST,
        .accepted_loss_bytes = -1, .accepted_loss_us = -1, .skipped_gates = 1u << GATE_FENCE };
    view.operation = (struct view_operation){ .running = true, .here = true, .step = STEP_FENCE,
        .attempt = 1, .step_us = 420000, .total_us = 500000, .wait_left_us = 900000,
        .loss_bytes = -1, .proof = PROOF_PERSON };
    json_t *status = render();
    const json_t *operation = json_object_get(service_of(status), "operation");
    int64_t number = 0;
    CU_ASSERT_STRING_EQUAL(peek_str(operation, "id", ""), "0000000000c0ffee");
    CU_ASSERT_STRING_EQUAL(peek_str(operation, "step", ""), "fence");
    CU_ASSERT_STRING_EQUAL(peek_str(operation, "step_text", ""), name_step_text(OPERATION_FAILOVER, STEP_FENCE));
    CU_ASSERT_TRUE(peek_int(operation, "step_number", &number));
    CU_ASSERT_EQUAL(number, 3);
    CU_ASSERT_TRUE(peek_int(operation, "wait_left_ms", &number));
    CU_ASSERT_EQUAL(number, 900);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(operation, "skipped_gates")), 1);
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(operation, "loss"), "bytes")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(operation, "accepted_loss_bytes")));
    CU_ASSERT_TRUE(warned(status, "fence_not_proven"));
    const json_t *east = json_array_get(json_object_get(service_of(status), "regions"), 1);
    CU_ASSERT_STRING_EQUAL(peek_str(east, "role", ""), "outgoing");
    /* The same operation, seen from where it does not run. */
    view.operation = (struct view_operation){ .running = true, .loss_bytes = -1 };
    json_decref(status);
    status = render();
    operation = json_object_get(service_of(status), "operation");
    CU_ASSERT_TRUE(json_is_null(json_object_get(operation, "step")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(operation, "step_ms")));
    json_decref(status);
}

static void a_switchover_says_what_it_waits_for(void)
{
    fixture_view(&view);
    view.ledger.writer = REGION_NONE;
    view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_SWITCHOVER, .phase = PHASE_BEGUN,
        .id = 0xc0ffee, .from = FIXTURE_EAST, .to = FIXTURE_WEST, .executor = FIXTURE_WEST,
        .accepted_loss_bytes = -1, .accepted_loss_us = -1, .may_return = true };
    view.operation = (struct view_operation){ .running = true, .here = true, .step = STEP_CATCH_UP, .loss_bytes = -1 };
    json_t *status = render();
    int64_t number = 0;
    const json_t *service = service_of(status);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(service, "headline", ""), "switchover from us-east-1 to us-west-2"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(service, "outlook", ""), "us-east-1 is opened again"));
    CU_ASSERT_TRUE(peek_int(json_object_get(service, "operation"), "step_number", &number) && number == 4);
    CU_ASSERT_TRUE(peek_int(json_object_get(service, "operation"), "steps", &number) && number == 14);
    json_decref(status);
    view.ledger.operation.may_return = false; /* it was granted before: there is no way back */
    status = render();
    CU_ASSERT_PTR_NULL(strstr(peek_str(service_of(status), "outlook", ""), "opened again"));
    json_decref(status);
    view.ledger.operation.kind = OPERATION_FAILOVER;
    view.ledger.operation.may_return = true;
    status = render();
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(service_of(status), "outlook", ""), "gets no new lease"));
    json_decref(status);
}

/* Who, why, until when, and what is left; over by its time, it is not told any more. */
static void a_pause_and_a_held_operation_are_told(void)
{
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1", .self = FIXTURE_EAST,
                                  .views = &view, .now_wall_us = 1000000000 };
    for (int left_s = 0; left_s < 2; left_s++) {
        fixture_view(&view);
        view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILOVER, .phase = PHASE_BEGUN,
            .id = 0xc0ffee, .from = FIXTURE_EAST, .to = FIXTURE_WEST, .executor = FIXTURE_WEST,
            .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
        view.ledger.pause = (struct ledger_pause){ true, { 1000000000 + left_s * 1000000 },
                                                   { { 5000000 }, { "alice" }, { "works" } } };
        view.ledger.operation.wish = WISH_HOLD;
        view.ledger.operation.said = (struct said){ { 6000000 }, { "bob" }, { "a look" } };
        json_t *status = status_render(&input, NULL);
        const json_t *service = service_of(status);
        const json_t *pause = json_object_get(service, "pause");
        CU_ASSERT_EQUAL(json_is_true(json_object_get(service, "paused")), left_s == 1);
        CU_ASSERT_EQUAL(json_is_object(pause), left_s == 1);
        CU_ASSERT_EQUAL(warned(status, "paused"), left_s == 1);
        if (left_s == 1) {
            CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(pause, "by")), "alice");
            CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(pause, "why")), "works");
            CU_ASSERT_EQUAL(json_integer_value(json_object_get(pause, "left_ms")), 1000);
        }
        CU_ASSERT_TRUE(warned(status, "operation_held"));
        const json_t *operation = json_object_get(service, "operation");
        CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(operation, "wish")), "hold");
        CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json_object_get(operation, "said"), "by")), "bob");
        CU_ASSERT_PTR_NOT_NULL(strstr(json_string_value(json_object_get(service, "outlook")), "A person holds it"));
        json_decref(status);
    }
}

/* What failoverd did by itself is not told as if a person had wanted it. */
static void who_sent_traffic_back_is_told_apart(void)
{
    static const struct {
        const char *by;
        enum operation_wish wish;
        const char *code;
    } cases[] = { { "failoverd", WISH_BACK, "home_got_worse" }, { "ann", WISH_BACK, "traffic_sent_back" },
                  { "failoverd", WISH_HOLD, "home_got_worse" }, { "ann", WISH_HOLD, "operation_held" } };
    static const char *const codes[] = { "home_got_worse", "traffic_sent_back", "operation_held" };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_view(&view);
        view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILBACK, .phase = PHASE_GRANTED, .id = 7,
            .from = FIXTURE_WEST, .to = FIXTURE_EAST, .executor = FIXTURE_EAST, .wish = cases[i].wish,
            .shift = { .count = 2, .percent = { 50, 100 }, .hold_us = 1000000 }, .accepted_loss_bytes = -1 };
        (void)snprintf(view.ledger.operation.said.by.s, sizeof view.ledger.operation.said.by.s, "%s", cases[i].by);
        json_t *status = render();
        for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++)
            CU_ASSERT_EQUAL(warned(status, codes[k]), strcmp(codes[k], cases[i].code) == 0);
        json_decref(status);
    }
}

/* Nobody says that its steps are late, if who carries it out is gone. */
static void an_operation_whose_executor_is_gone_is_told(void)
{
    static const struct {
        enum operation_wish wish;
        bool heard;
        int64_t age_s;
        bool quorum, told;
    } cases[] = { { WISH_GO, true, 1, true, false },   { WISH_GO, true, 16, true, true },
                  { WISH_GO, false, 0, true, true },   { WISH_GO, true, 16, false, false },
                  { WISH_HOLD, true, 16, true, false } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_view(&view);
        view.quorum = cases[i].quorum;
        view.ledger.writer = REGION_NONE;
        view.ledger.operation = (struct ledger_operation){ .kind = OPERATION_FAILOVER, .phase = PHASE_BEGUN, .id = 7,
            .from = FIXTURE_EAST, .to = FIXTURE_WEST, .executor = FIXTURE_WEST, .wish = cases[i].wish,
            .accepted_loss_bytes = -1 };
        view.nodes[FIXTURE_WEST].heard = cases[i].heard;
        view.nodes[FIXTURE_WEST].heard_age_us = cases[i].age_s * 1000000;
        json_t *status = render();
        CU_ASSERT_EQUAL(warned(status, "operation_alone"), cases[i].told);
        json_decref(status);
    }
}

static void text_survives_anything(void)
{
    static const char *const odd[] = {
        "{}", "[]", "{\"services\":{}}", "{\"services\":[null,1,[],{}]}",
        "{\"services\":[{\"name\":7,\"lease\":{\"left_ms\":1e300},\"regions\":[{\"verdicts\":[3]}],"
        "\"operation\":{\"step\":\"x\"}}],\"warnings\":[{}]}",
        "{\"node\":\"\\u001b[2Jevil\",\"cluster\":\"a\\u0000b\",\"mute\":{}}",
    };
    char buffer[4096];
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        json_t *status = json_loads(odd[i], JSON_ALLOW_NUL, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(status);
        struct text text = TEXT_OF(buffer);
        status_text(&text, status);
        CU_ASSERT(text.length > 0);
        CU_ASSERT_PTR_NULL(strchr(buffer, '\033'));
        json_decref(status);
    }
    fixture_view(&view);
    json_t *status = render();
    struct text text = TEXT_OF(buffer);
    status_text(&text, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(buffer, "shop  ok  writer us-east-1  epoch 7"));
    json_decref(status);
}

SUITE_MAIN("status", TEST(all_well), TEST(unknown_is_null_and_never_zero), TEST(states_by_what_matters_most),
           TEST(what_holds_a_failover_back_is_said), TEST(an_operation_shows_its_step),
           TEST(a_switchover_says_what_it_waits_for), TEST(a_pause_and_a_held_operation_are_told),
           TEST(who_sent_traffic_back_is_told_apart), TEST(an_operation_whose_executor_is_gone_is_told),
           TEST(text_survives_anything))
