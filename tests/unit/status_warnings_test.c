/* What is warned of: once something is wrong, and only then. */
#include "tests/unit/status_fixture.h"

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

SUITE_MAIN("status_warnings", TEST(warnings_say_what_is_wrong), TEST(our_own_fence_is_explained),
           TEST(the_nodes_own_troubles), TEST(says_why_commits_hang), TEST(an_old_primary_that_is_back_is_warned_of),
           TEST(a_change_of_the_voters_is_told_while_it_lasts), TEST(a_poor_set_of_voters_is_warned_of),
           TEST(a_lag_is_beyond_the_rpo_by_bytes_or_by_time))
