/* Snapshots as people get them: what is there, what is null, what is said first. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"
#include "coordinator/status/status.h"
#include "coordinator/status/status_text.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/suite.h"

static struct view_service view;

static json_t *render(void)
{
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1",
                                  .self = FIXTURE_EAST, .now_mono_us = 9000000,
                                  .now_wall_us = 1763720265123000, .started_mono_us = 1000000,
                                  .mute = MUTE_NOT, .views = &view };
    json_t *status = status_render(&input, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(status);
    return status;
}

static json_t *service_of(const json_t *status)
{
    return json_array_get(json_object_get(status, "services"), 0);
}

static const char *state(void)
{
    static char word[32];
    json_t *status = render();
    (void)text_copy(word, sizeof word, peek_str(service_of(status), "state", "?"));
    json_decref(status);
    return word;
}

static bool warned(const json_t *status, const char *code)
{
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(status, "warnings"), index, warning)
        if (strcmp(peek_str(warning, "code", ""), code) == 0)
            return true;
    return false;
}

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

static void warnings_say_what_is_wrong(void)
{
    fixture_view(&view);
    view.ledger.fence = FENCE_GUARDED;
    view.abstaining = view.settings_differ = view.lease_differs = view.ledger.pause.on = true;
    view.regions[FIXTURE_WEST].guard_ready = false;
    view.regions[FIXTURE_WEST].fence = FENCE_FAILED;
    view.regions[FIXTURE_WEST].database.walreceiver_live = false;
    view.regions[FIXTURE_WEST].lag_bytes = 32 << 20;
    view.ledger.dns_epoch = 5;
    json_t *status = render();
    static const char *const codes[] = { "fence_guarded", "abstaining", "settings_differ",
        "lease_differs", "paused", "guard_not_ready", "fence_failed", "standby_not_streaming",
        "lag_beyond_rpo", "dns_behind" };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        CU_ASSERT_TRUE(warned(status, codes[i]));
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

/* What only the guard's own node knows: why, and how it is proven. */
static void our_own_fence_is_explained(void)
{
    fixture_view(&view);
    struct status_guarded fence = { .here = true, .trouble = "fence.hook.shut can't be run", .said = "hook: exited with 3" };
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1", .self = FIXTURE_EAST,
                                  .views = &view, .guarded = &fence };
    for (int i = 0; i < 3; i++) {
        struct view_region *region = &view.regions[i < 2 ? FIXTURE_EAST : FIXTURE_WEST];
        region->guard_ready = i != 1;
        region->fence = FENCE_FAILED;
        json_t *status = status_render(&input, NULL);
        const char *wanted = i == 0 ? "fence_part_missing" : "guard_not_ready";
        CU_ASSERT_EQUAL(warned(status, wanted), i < 2);
        char *all = json_dumps(json_object_get(status, "warnings"), 0);
        CU_ASSERT_EQUAL(strstr(all, "shut can't be run") != NULL, i < 2);
        CU_ASSERT_EQUAL(strstr(all, "the last try said: hook: exited with 3") != NULL, i < 2);
        CU_ASSERT_EQUAL(strstr(all, "status on that node says why") != NULL, i == 2);
        CU_ASSERT_PTR_NOT_NULL(strstr(all, "Stop PostgreSQL there by hand"));
        free(all);
        json_decref(status);
        if (i == 1) { /* and now another region's, of which nothing is known but that it failed */
            fixture_view(&view);
            fence.trouble = "";
        }
    }
}

static void the_nodes_own_troubles(void)
{
    fixture_view(&view);
    struct store_writer_status store = { .failed = true, .failure = "no space" };
    struct journal_status journal = { .path = "/x", .failing = true, .lost = 3, .text = "full" };
    struct audit_status audit = { .path = "/y", .seq = 41, .hash = "9f", .failing = true, .text = "hangs" };
    struct tls_expiry certificate = { .days_left = 3, .ca_days_left = 100 };
    struct link_status link = { .name = "usw2-a", .round_trip_us = -1 };
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1",
                                  .self = FIXTURE_EAST, .mute = MUTE_STORE_FAILED, .views = &view,
                                  .store = &store, .journal = &journal, .audit = &audit,
                                  .certificate = &certificate,
                                  .links = &link, .link_count = 1, .control_stall_us = 900000 };
    json_t *status = status_render(&input, "nothing");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(status, "services")), 0);
    static const char *const codes[] = { "mute", "store_failed", "journal_failing", "journal_lost", "audit_failing",
                                         "certificate", "loop_stalled", "peer_down" };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        CU_ASSERT_TRUE(warned(status, codes[i]));
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(status, "mute"), "reason", ""), "store_failed");
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(status, "store"), "state", ""), "failed");
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(status, "audit"), "hash", ""), "9f");
    CU_ASSERT_FALSE(peek_yes(status, "voting"));
    json_decref(status);
}

static const char *warning_text(const json_t *status, const char *code)
{
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(status, "warnings"), index, warning)
        if (strcmp(peek_str(warning, "code", ""), code) == 0)
            return peek_str(warning, "text", "");
    return "";
}

static void says_why_commits_hang(void)
{
    static struct status_waits waits[CONFIG_MAX_SERVICES][CONFIG_MAX_REGIONS];
    static struct commit_status commit; /* all zero: this node guards nothing */
    fixture_view(&view);
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1", .self = FIXTURE_EAST,
                                  .now_mono_us = 9000000, .views = &view, .commits = &commit,
                                  .waits = (const struct status_waits (*)[CONFIG_MAX_REGIONS])waits };
    json_t *status = status_render(&input, NULL);
    CU_ASSERT_TRUE(json_is_null(json_object_get(service_of(status), "commit_lease")));
    CU_ASSERT_FALSE(warned(status, "commits_wait"));
    json_decref(status);
    /* Another node's guard is silent; this node's check saw them wait. Old news is none. */
    waits[0][FIXTURE_WEST] = (struct status_waits){ { true, true, 3, 2500000 }, 8000000 };
    status = status_render(&input, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(warning_text(status, "commits_wait"), "3 commits in us-west-2 wait for the commit lease"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning_text(status, "commits_wait"), "2.5s"));
    json_decref(status);
    waits[0][FIXTURE_WEST].seen.longest_us = 2000; /* on their way, as ever */
    status = status_render(&input, NULL);
    CU_ASSERT_FALSE(warned(status, "commits_wait"));
    json_decref(status);
    waits[0][FIXTURE_WEST].seen.longest_us = 2500000;
    input.now_mono_us = 60000000;
    status = status_render(&input, NULL);
    CU_ASSERT_FALSE(warned(status, "commits_wait"));
    json_decref(status);
    /* The guard itself, restarted and without a lease. */
    input.now_mono_us = 9000000;
    commit = (struct commit_status){ .held_here = true, .phase = COMMIT_NO_LEASE, .enabled = true, .named = true,
                                     .waiting_known = true, .waiting = 2, .longest_us = 4000000, .looked_us = 8500000,
                                     .lease_left_us = -5, .why = "this guard holds no lease" };
    status = status_render(&input, "shop");
    const json_t *lease = json_object_get(service_of(status), "commit_lease");
    CU_ASSERT_STRING_EQUAL(peek_str(lease, "phase", ""), "no_lease");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(lease, "waiting")), 2);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(lease, "longest_ms")), 4000);
    CU_ASSERT_TRUE(json_is_null(json_object_get(lease, "lease_left_ms")));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning_text(status, "commits_wait"), "2 commits wait for this guard's lease, the longest for 4s: this guard holds no lease"));
    json_decref(status);
    commit.phase = COMMIT_ATTACHING;
    (void)snprintf(commit.why, sizeof commit.why, "role x lacks REPLICATION");
    status = status_render(&input, "shop");
    CU_ASSERT_PTR_NOT_NULL(strstr(warning_text(status, "commit_lease_not_attached"), "role x lacks REPLICATION"));
    json_decref(status);
    for (int phase = -1; phase <= COMMIT_PHASE_COUNT; phase++) { /* whatever it is, it is survived */
        commit.phase = (enum commit_phase)phase;
        json_decref(status_render(&input, "shop"));
    }
}

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

static void every_step_has_its_words(void)
{
    for (int kind = OPERATION_NONE; kind < OPERATION_KIND_COUNT; kind++)
        for (int step = 0; step < STEP_COUNT; step++) {
            CU_ASSERT(strlen(name_step_text(kind, step)) > 5);
            CU_ASSERT(strlen(name_way_back_text(step)) > 5);
        }
    CU_ASSERT_STRING_NOT_EQUAL(name_step_text(OPERATION_SWITCHOVER, STEP_FENCE),
                               name_step_text(OPERATION_FAILOVER, STEP_FENCE));
    CU_ASSERT_STRING_EQUAL(name_step_text(OPERATION_FAILOVER, STEP_COUNT), name_step_text(OPERATION_FAILOVER, -1));
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

static void units(void)
{
    char lsn[NAME_LSN_MAX];
    char bytes[NAME_BYTES_MAX];
    char hex[NAME_HEX_MAX];
    uint64_t id = 0;
    CU_ASSERT_STRING_EQUAL(format_lsn(lsn, UINT64_MAX), "FFFFFFFF/FFFFFFFF");
    CU_ASSERT_STRING_EQUAL(format_bytes(bytes, sizeof bytes, 1536), "1.5 KiB");
    CU_ASSERT_STRING_EQUAL(format_bytes(bytes, sizeof bytes, 0), "0 B");
    CU_ASSERT_STRING_EQUAL(format_hex(hex, 0xc0ffee), "0000000000c0ffee");
    CU_ASSERT_TRUE(parse_hex("0000000000c0ffee", &id));
    CU_ASSERT_EQUAL(id, 0xc0ffee);
    CU_ASSERT_FALSE(parse_hex("c0ffee", &id));
    CU_ASSERT_FALSE(parse_hex("0000000000C0FFEE", &id));
    CU_ASSERT_FALSE(parse_hex("0000000000c0ffeeX", &id));
    CU_ASSERT_STRING_EQUAL(name_verdict(77), "unknown_value");
    CU_ASSERT_STRING_EQUAL(name_verdict(-1), "unknown_value");
    for (int i = 0; i < GATE_COUNT; i++) {
        enum gate_id gate = GATE_COUNT;
        CU_ASSERT_TRUE(name_find_gate(name_gate(i), &gate));
        CU_ASSERT_EQUAL((int)gate, i);
    }
}

static void an_old_primary_that_is_back_is_warned_of(void)
{
    fixture_view(&view);
    json_t *status = render();
    CU_ASSERT_FALSE(warned(status, "old_primary_back"));
    CU_ASSERT_TRUE(json_is_null(json_object_get(service_of(status), "returned")));
    json_decref(status);
    json_t *returned = json_pack("{s:s, s:s}", "state", "listed", "text", "it has 3 transactions");
    json_t *rejoin = json_pack("{s:s}", "state", "running");
    struct status_return returns[] = { { returned, rejoin } };
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1", .self = FIXTURE_EAST,
                                  .now_mono_us = 9000000, .mute = MUTE_NOT, .views = &view, .returns = returns };
    status = status_render(&input, NULL);
    CU_ASSERT_TRUE(warned(status, "old_primary_back"));
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(service_of(status), "returned"), "state", ""), "listed");
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(service_of(status), "rejoin"), "state", ""), "running");
    json_decref(status);
    CU_ASSERT_EQUAL(rejoin->refcount, 1); /* copied, not taken */
    json_decref(returned);
    json_decref(rejoin);
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

/* A change that does not end leaves two sets of voters to be asked; what it waits for is said. */
static void a_change_of_the_voters_is_told_while_it_lasts(void)
{
    struct node_voters voters = { .set = { .voters = 7, .change = VOTER_REMOVE, .node = FIXTURE_WEST } };
    struct status_input input = { .cluster = fixture_cluster(), .version = "0.0.1", .self = FIXTURE_EAST, .views = &view,
                                  .voters = &voters };
    fixture_view(&view);
    json_t *status = status_render(&input, NULL);
    CU_ASSERT_TRUE(warned(status, "voter_change"));
    json_decref(status);
    voters.set.change = VOTER_NONE;
    status = status_render(&input, NULL);
    CU_ASSERT_FALSE(warned(status, "voter_change"));
    json_decref(status);
}

/* What nobody would choose: an even number of voters, and a region whose loss takes the majority along. */
static void a_poor_set_of_voters_is_warned_of(void)
{
    struct cluster_config crowded = *fixture_cluster();
    struct node_config nodes[3] = { crowded.nodes[0], crowded.nodes[1], crowded.nodes[2] };
    struct node_voters voters = { .set = { .version = 3, .voters = 7 } };
    struct status_input input = { .cluster = &crowded, .version = "0.0.1", .self = FIXTURE_EAST, .views = &view,
                                  .voters = &voters };
    crowded.nodes = nodes;
    fixture_view(&view);
    json_t *status = status_render(&input, NULL);
    CU_ASSERT_FALSE(warned(status, "voters_even") || warned(status, "voters_in_one_region"));
    json_decref(status);
    nodes[1].region = nodes[0].region;
    status = status_render(&input, NULL);
    CU_ASSERT_TRUE(warned(status, "voters_in_one_region"));
    json_decref(status);
    voters.set.voters = 5; /* one in each of two regions */
    status = status_render(&input, NULL);
    CU_ASSERT_TRUE(warned(status, "voters_even"));
    CU_ASSERT_FALSE(warned(status, "voters_in_one_region"));
    json_decref(status);
}

static bool warned_of(const json_t *status, const char *code, const char *words)
{
    size_t index;
    const json_t *warning;
    json_array_foreach(json_object_get(status, "warnings"), index, warning)
        if (strcmp(peek_str(warning, "code", ""), code) == 0 && strstr(peek_str(warning, "text", ""), words) != NULL)
            return true;
    return false;
}

static void an_answer_that_is_waited_for_reads_well(void)
{
    char words[256];
    struct text text = TEXT_OF(words);
    struct gate gate = { .known = true, .value = PROPOSAL_WAITS, .value_us = 4 * US_PER_S, .limit_us = 900 * US_PER_S };
    text_gate(&text, GATE_APPROVED, &gate);
    CU_ASSERT_STRING_EQUAL(words, "a person was asked 4s ago, and has not answered; the time for it is 15m");
    gate.open = true;
    gate.value_us = 960 * US_PER_S;
    text_clear(&text);
    text_gate(&text, GATE_APPROVED, &gate);
    CU_ASSERT_STRING_EQUAL(words, "a person was asked 16m ago, and has not answered within 15m: it goes on without");
}

/* Gates go by both, so what is warned of does. */
static void a_lag_is_beyond_the_rpo_by_bytes_or_by_time(void)
{
    struct view_region *west = &view.regions[FIXTURE_WEST];
    fixture_view(&view);
    west->lag_bytes = 4096;
    west->lag_us = 5 * US_PER_S;
    json_t *status = render();
    CU_ASSERT_FALSE(warned(status, "lag_beyond_rpo"));
    json_decref(status);
    west->lag_us = 43 * US_PER_S;
    status = render();
    CU_ASSERT_TRUE(warned_of(status, "lag_beyond_rpo", "lacks 4 KiB (43s), and no more than 16 MiB (5s) may be lost"));
    json_decref(status);
    west->lag_us = -1;
    status = render();
    CU_ASSERT_FALSE(warned(status, "lag_beyond_rpo"));
    json_decref(status);
}

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

/* ---- a round that somebody asked for -------------------------------------------------------- */

static json_t *render_probe(int type, const struct probe_round *round)
{
    const struct cluster_config *cluster = fixture_cluster();
    static struct check_config check;
    check = (struct check_config){ .name = "health", .type = type, .timeout_us = 4000000, .fall = 3, .rise = 2,
                                   .for_us = 300000000 };
    const struct service_config *service = &cluster->services[0];
    struct status_probe probe = { .node = "use1-a", .service = service, .region = &service->regions[0],
                                  .check = &check, .round = round, .now_wall_us = INT64_C(1763720265123000) };
    json_t *object = status_probe(&probe, &view);
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    return object;
}

/* "name_lookup:- connect:0.2 " */
static const char *phases_of(const json_t *probe)
{
    static char line[256];
    struct text text = TEXT_OF(line);
    size_t index;
    const json_t *phase;
    json_array_foreach(json_object_get(probe, "phases"), index, phase) {
        double ms;
        text_appendf(&text, "%s:", peek_str(phase, "name", "?"));
        if (peek_real(phase, "ms", &ms))
            text_appendf(&text, "%.1f ", ms);
        else
            text_append(&text, "- ");
    }
    return line;
}

static void a_round_shows_its_phases(void)
{
    fixture_view(&view);
    struct probe_round round = { .outcome = SAMPLE_OK, .latency_us = 5100, .address = "192.0.2.1",
                                 .detail = "HTTP status 200", .phases = { 400, 200, 1500, 2500, 500 },
                                 .certificate_not_after_s = 1763720265 + 10 * 86400 };
    static const struct {
        int type;
        const char *phases;
    } kinds[] = { { CONFIG_CHECK_HTTP, "name_lookup:0.4 connect:0.2 tls:1.5 first_byte:2.5 body:0.5 " },
                  { CONFIG_CHECK_TCP, "name_lookup:0.4 connect:0.2 " },
                  { CONFIG_CHECK_DNS, "answer:0.4 " },
                  { CONFIG_CHECK_POSTGRES, "name_lookup:0.4 connect:0.2 login:1.5 query:2.5 write:0.5 " },
                  { 99, "name_lookup:0.4 " } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        json_t *probe = render_probe(kinds[i].type, &round);
        CU_ASSERT_STRING_EQUAL(phases_of(probe), kinds[i].phases);
        json_decref(probe);
    }
    json_t *probe = render_probe(CONFIG_CHECK_HTTP, &round);
    int64_t days = 0;
    CU_ASSERT_TRUE(peek_yes(probe, "passed"));
    CU_ASSERT_STRING_EQUAL(peek_str(probe, "address", "?"), "192.0.2.1");
    CU_ASSERT_STRING_EQUAL(peek_str(probe, "region", "?"), "us-east-1");
    CU_ASSERT_TRUE(peek_int(json_object_get(probe, "certificate"), "days_left", &days) && (days == 9 || days == 10));
    json_decref(probe);
}

/* What it had none of is null, and whose fault it was is told apart. */
static void a_round_that_did_not_pass(void)
{
    static const enum sample_outcome outcomes[] = { SAMPLE_FAILED, SAMPLE_OBSERVER };
    static const char *const words[] = { "failed", "observer" };
    fixture_view(&view);
    for (size_t i = 0; i < 2; i++) {
        struct probe_round round = { .outcome = outcomes[i], .detail = "why" };
        json_t *probe = render_probe(CONFIG_CHECK_TCP, &round);
        CU_ASSERT_FALSE(peek_yes(probe, "passed"));
        CU_ASSERT_STRING_EQUAL(peek_str(probe, "outcome", "?"), words[i]);
        CU_ASSERT_STRING_EQUAL(phases_of(probe), "name_lookup:- connect:- ");
        CU_ASSERT(json_is_null(json_object_get(probe, "address")) && json_is_null(json_object_get(probe, "took_ms")) &&
                  json_is_null(json_object_get(probe, "certificate")));
        json_decref(probe);
    }
}

static void beside_a_round_stands_what_is_judged(void)
{
    struct probe_round round = { .outcome = SAMPLE_OK };
    fixture_view(&view);
    view.checks[0] = (struct view_check){ .verdict = VERDICT_UNKNOWN };
    json_t *probe = render_probe(CONFIG_CHECK_TCP, &round);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(probe, "judged"), "text", ""), "no round"));
    json_decref(probe);
    view.checks[0] = (struct view_check){ .verdict = VERDICT_SUSPECT, .sampled = true, .last = SAMPLE_FAILED,
                                          .last_age_us = 2000000, .failures = 4, .run_us = 61000000 };
    probe = render_probe(CONFIG_CHECK_TCP, &round);
    const json_t *judged = json_object_get(probe, "judged");
    int64_t fall = 0, for_ms = 0;
    CU_ASSERT_TRUE(peek_int(judged, "fall", &fall) && fall == 3);
    CU_ASSERT_TRUE(peek_int(judged, "for_ms", &for_ms) && for_ms == 300000);
    CU_ASSERT_STRING_EQUAL(peek_str(judged, "verdict", "?"), "suspect");
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(judged, "text", ""), "a failure 2s ago; 4 failures for 1m01s, and 3 for "));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(judged, "text", ""), "count as failed; 2 in a row that pass end it"));
    json_decref(probe);
}

SUITE_MAIN("status", TEST(an_old_primary_that_is_back_is_warned_of), TEST(a_round_shows_its_phases),
           TEST(a_round_that_did_not_pass), TEST(beside_a_round_stands_what_is_judged), TEST(all_well),
           TEST(unknown_is_null_and_never_zero),
           TEST(states_by_what_matters_most), TEST(what_holds_a_failover_back_is_said),
           TEST(a_pause_and_a_held_operation_are_told),
           TEST(an_operation_shows_its_step), TEST(a_broken_glass_is_never_silent),
           TEST(a_maker_that_can_not_act_is_said), TEST(an_answer_that_is_waited_for_reads_well),
           TEST(a_lag_is_beyond_the_rpo_by_bytes_or_by_time),
           TEST(who_sent_traffic_back_is_told_apart), TEST(an_operation_whose_executor_is_gone_is_told),
           TEST(a_change_of_the_voters_is_told_while_it_lasts), TEST(a_poor_set_of_voters_is_warned_of),
           TEST(warnings_say_what_is_wrong),
           TEST(our_own_fence_is_explained), TEST(the_nodes_own_troubles), TEST(says_why_commits_hang),
           TEST(a_dry_run_tells_and_changes_nothing), TEST(a_dry_run_weighs_what_is_accepted),
           TEST(a_dry_run_of_a_switchover_has_its_own_gates),
           TEST(a_switchover_says_what_it_waits_for), TEST(every_step_has_its_words),
           TEST(text_survives_anything), TEST(units))
