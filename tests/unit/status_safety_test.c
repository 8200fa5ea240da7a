/* What status says of the fence and of a lost quorum: what an automatic failover may do, where the fence leaks,
 * when the database shuts, since when nobody was heard, and what a person can do. */
#include <string.h>

#include "coordinator/status/status.h"
#include "coordinator/status/status_text.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/suite.h"

static struct view_service view;
static struct service_config service;
static struct cluster_config cluster;
static struct status_guarded guarded;
static size_t self;
static json_t *status;

static void set_up(void)
{
    fixture_view(&view);
    cluster = *fixture_cluster();
    service = cluster.services[0];
    service.evidence_max_age_us = 3000000;
    service.lease.fence_budget_us = 500000;
    cluster.services = &service;
    guarded = (struct status_guarded){ .here = true, .kernel = true, .trouble = "" };
    self = FIXTURE_EAST;
}

static const json_t *service_now(void)
{
    struct status_input input = { .cluster = &cluster, .version = "0", .self = self, .now_mono_us = 9000000,
                                  .views = &view, .guarded = &guarded };
    json_decref(status);
    status = status_render(&input, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(status);
    return json_array_get(json_object_get(status, "services"), 0);
}

static const json_t *part(const char *key)
{
    return json_object_get(service_now(), key);
}

static bool says(const json_t *object, const char *key, const char *words)
{
    bool found = strstr(peek_str(object, key, ""), words) != NULL;
    if (!found)
        printf("    %s: \"%s\" lacks \"%s\"\n", key, peek_str(object, key, "?"), words);
    return found;
}

static const char *warning(const char *code)
{
    size_t index;
    const json_t *item;
    json_array_foreach(json_object_get(service_now(), "warnings"), index, item)
        if (strcmp(peek_str(item, "code", ""), code) == 0)
            return peek_str(item, "text", "?");
    return NULL;
}

static int64_t number(const json_t *object, const char *key)
{
    int64_t value = -1;
    return peek_int(object, key, &value) ? value : -1;
}

static void what_the_fence_allows(void)
{
    set_up();
    CU_ASSERT_STRING_EQUAL(peek_str(part("fence"), "kind", ""), "enforced");
    CU_ASSERT_STRING_EQUAL(peek_str(part("fence"), "automatic_failover", ""), "after_wait");
    CU_ASSERT_PTR_NULL(warning("fence_guarded"));
    view.ledger.fence = FENCE_GUARDED;
    CU_ASSERT_STRING_EQUAL(peek_str(part("fence"), "automatic_failover", ""), "confirmed_only");
    CU_ASSERT_TRUE(says(part("fence"), "text", "waits for a person"));
    service.fence.accept_unconfirmed_fence = true;
    CU_ASSERT_STRING_EQUAL(peek_str(part("fence"), "automatic_failover", ""), "unconfirmed");
    CU_ASSERT_TRUE(says(part("fence"), "text", "Two regions may then acknowledge writes at once"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning("fence_guarded"), "Two regions may then acknowledge"));
    view.ledger.keep_on_quorum_loss = true; /* which outweighs that */
    CU_ASSERT_STRING_EQUAL(peek_str(part("fence"), "automatic_failover", ""), "confirmed_only");
    CU_ASSERT_TRUE(says(part("fence"), "text", "on_quorum_loss is keep"));
    view.ledger_known = false;
    CU_ASSERT_TRUE(json_is_null(json_object_get(part("fence"), "kind")));
}

static void what_a_remote_hook_allows_and_leaves(void)
{
    static const char *words[] = { "/cut" };
    static struct remote_hook_config hook;
    hook = (struct remote_hook_config){ { words, 1 }, 20000000 };
    set_up();
    view.ledger.fence = FENCE_GUARDED;
    region_id home = (region_id)cluster.nodes[view.ledger.guard.node].region;
    for (size_t r = 0; r < service.region_count; r++)
        if (service.regions[r].region == home)
            service.regions[r].remote_hook = &hook;
    CU_ASSERT_STRING_EQUAL(peek_str(part("fence"), "automatic_failover", ""), "after_remote_hook");
    CU_ASSERT_TRUE(says(part("fence"), "text", "goes on if the hook confirms, and else waits for a person"));
    CU_ASSERT_PTR_NULL(warning("fence_guarded"));
    CU_ASSERT_TRUE(says(service_now(), "outlook", "its remote_hook has to"));
    CU_ASSERT_TRUE(json_is_null(json_object_get(part("fence"), "remote_hook")));
    view.ledger.keep_on_quorum_loss = true;
    CU_ASSERT_STRING_EQUAL(peek_str(part("fence"), "automatic_failover", ""), "after_remote_hook");
    CU_ASSERT_TRUE(says(part("fence"), "text", "on_quorum_loss is keep"));
    /* Run, and it did not confirm. */
    view.cut_off = (struct view_cut_off){ .known = true, .running = true, .region = home, .operation = 7,
                                          .age_us = 61000000 };
    (void)text_copy(view.cut_off.detail.s, sizeof view.cut_off.detail.s, "exited with 1 after 2s: 403");
    CU_ASSERT_PTR_NULL(warning("remote_hook_unconfirmed"));
    view.cut_off.running = false;
    CU_ASSERT_PTR_NOT_NULL_FATAL(warning("remote_hook_unconfirmed"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning("remote_hook_unconfirmed"), "403"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning("remote_hook_unconfirmed"), "may be cut off or not"));
    CU_ASSERT_EQUAL(number(json_object_get(part("fence"), "remote_hook"), "age_ms"), 61000);
    /* It did. */
    view.cut_off.confirmed = true;
    CU_ASSERT_PTR_NULL(warning("remote_hook_unconfirmed"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(warning("region_cut_off"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning("region_cut_off"), "until a person undoes that"));
    view.cut_off.seen_since = true; /* somebody undid it: bad only while an operation goes by it */
    CU_ASSERT_PTR_NULL(warning("region_cut_off"));
    CU_ASSERT_PTR_NULL(warning("remote_hook_doubt"));
    view.operation.here = true;
    CU_ASSERT_PTR_NOT_NULL(warning("remote_hook_doubt"));
}

static void who_is_on_the_socket(void)
{
    set_up();
    CU_ASSERT_TRUE(json_is_null(json_object_get(part("fence"), "sockets"))); /* not looked yet */
    guarded.sockets_us = 8000000;
    guarded.sockets = (struct socket_sessions){ .complete = true, .listens = true };
    CU_ASSERT_EQUAL(number(json_object_get(part("fence"), "sockets"), "sessions"), 0);
    CU_ASSERT_EQUAL(number(json_object_get(part("fence"), "sockets"), "age_ms"), 1000);
    CU_ASSERT_PTR_NULL(warning("socket_sessions"));
    guarded.sockets.sessions = 5;
    guarded.sockets.count = 2;
    (void)text_copy(guarded.sockets.roles[0].name, sizeof guarded.sockets.roles[0].name, "shop");
    guarded.sockets.roles[0].sessions = 4;
    (void)text_copy(guarded.sockets.roles[1].name, sizeof guarded.sockets.roles[1].name, "cron");
    guarded.sockets.roles[1].sessions = 1;
    CU_ASSERT_PTR_NOT_NULL_FATAL(warning("socket_sessions"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning("socket_sessions"), "5 sessions"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning("socket_sessions"), "shop (4), cron (1)"));
    /* What was found before says nothing of now. */
    guarded.sockets.complete = false;
    (void)fault_set(&guarded.sockets.why, "no answer");
    CU_ASSERT_PTR_NULL(warning("socket_sessions"));
    CU_ASSERT_TRUE(json_is_null(json_object_get(json_object_get(part("fence"), "sockets"), "sessions")));
    guarded.sockets.complete = true;
    guarded.here = false;
    CU_ASSERT_PTR_NULL(warning("socket_sessions"));
}

static void an_old_primary_is_seen(void)
{
    set_up();
    CU_ASSERT_PTR_NULL(warning("old_primary"));
    view.ledger.writer = FIXTURE_WEST;
    CU_ASSERT_PTR_NOT_NULL_FATAL(warning("old_primary"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warning("old_primary"), "database of us-east-1 runs as a primary although us-west-2"));
    view.regions[FIXTURE_EAST].database_age_us = 3000001; /* seen long ago */
    CU_ASSERT_PTR_NULL(warning("old_primary"));
    view.regions[FIXTURE_EAST].database_age_us = 0;
    view.ledger.operation.kind = OPERATION_FAILOVER; /* it is being changed */
    CU_ASSERT_PTR_NULL(warning("old_primary"));
}

static void before_the_quorum_is_lost(void)
{
    set_up();
    const json_t *loss = part("quorum_loss");
    CU_ASSERT_STRING_EQUAL(peek_str(loss, "mode", ""), "fence");
    CU_ASSERT_FALSE(peek_yes(loss, "lost"));
    CU_ASSERT_TRUE(peek_yes(loss, "writers_guard_here"));
    CU_ASSERT_EQUAL(number(loss, "fenced_in_ms"), 1400);
    CU_ASSERT_TRUE(json_is_null(json_object_get(loss, "todo")));
    CU_ASSERT_TRUE(says(loss, "text", "the database of us-east-1 is fenced 1.4s later"));
    view.ledger.fence = FENCE_GUARDED; /* its guard shuts a budget early */
    CU_ASSERT_EQUAL(number(part("quorum_loss"), "fenced_in_ms"), 900);
    view.ledger.keep_on_quorum_loss = true;
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "stays open, held by this guard alone"));
    CU_ASSERT_TRUE(json_is_null(json_object_get(part("quorum_loss"), "fenced_in_ms")));
    self = FIXTURE_WEST;
    CU_ASSERT_FALSE(peek_yes(part("quorum_loss"), "writers_guard_here"));
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "If use1-a lost the quorum"));
    view.ledger.writer = REGION_NONE;
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "no region is the writer"));
}

/* The two others were heard 3 s and 5 s ago: with ourselves, a majority was there until 3 s ago. */
static void lose_it(void)
{
    set_up();
    view.quorum = false;
    view.voters_heard = 1;
    for (size_t i = 0; i < 3; i++)
        view.nodes[i].voting = i == FIXTURE_EAST;
    view.nodes[FIXTURE_EAST].heard_age_us = 0;
    view.nodes[FIXTURE_WEST].heard_age_us = 3000000;
    view.nodes[FIXTURE_EU].heard_age_us = 5000000;
}

static void while_it_is_lost(void)
{
    lose_it();
    const json_t *loss = part("quorum_loss");
    CU_ASSERT_TRUE(peek_yes(loss, "lost"));
    CU_ASSERT_EQUAL(number(loss, "lost_ms"), 3000);
    CU_ASSERT_TRUE(says(loss, "text", "No quorum for 3s: the database of us-east-1 is fenced in 1.4s"));
    CU_ASSERT_TRUE(says(loss, "todo", "Bring back euw1-a, usw2-a"));
    CU_ASSERT_TRUE(says(service_now(), "outlook", "is fenced in 1.4s"));
    CU_ASSERT_TRUE(says(service_now(), "outlook", "no failover begins"));
    view.regions[FIXTURE_EAST].lease_left_us = -1000000;
    CU_ASSERT_EQUAL(number(part("quorum_loss"), "fenced_in_ms"), 0);
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "is fenced: no write is acknowledged"));
    view.ledger.keep_on_quorum_loss = true;
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "held open by this guard alone"));
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "the kernel would shut it some minutes later"));
    CU_ASSERT_TRUE(says(part("quorum_loss"), "todo", "--skip-gate fence"));
    view.regions[FIXTURE_EAST].guard_kernel = false;
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "it would stay open"));
}

static void while_it_is_lost_elsewhere(void)
{
    lose_it();
    self = FIXTURE_WEST;
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "this node can't take over"));
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "goes on if its guard has a quorum"));
    view.ledger.keep_on_quorum_loss = true;
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "stays open"));
    view.ledger_known = false;
    CU_ASSERT_TRUE(says(part("quorum_loss"), "text", "opens nothing"));
    CU_ASSERT_TRUE(json_is_null(json_object_get(part("quorum_loss"), "mode")));
    /* Since when is not known of voters that were never heard. */
    view.nodes[FIXTURE_EU].heard = view.nodes[FIXTURE_WEST].heard = false;
    CU_ASSERT_TRUE(json_is_null(json_object_get(part("quorum_loss"), "lost_ms")));
    json_decref(status);
    status = NULL;
}

SUITE_MAIN("status_safety", TEST(what_the_fence_allows), TEST(what_a_remote_hook_allows_and_leaves),
           TEST(who_is_on_the_socket), TEST(an_old_primary_is_seen),
           TEST(before_the_quorum_is_lost), TEST(while_it_is_lost), TEST(while_it_is_lost_elsewhere))
