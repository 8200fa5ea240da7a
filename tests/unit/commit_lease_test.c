/* The commit lease on a real server: who is let through, who hangs, and what the setting is afterwards. */
#include "coordinator/database/commit_lease.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/pg_wal_stream.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define SECOND_US ((int64_t)CLOCK_US_PER_S)
#define SETTING "select current_setting('synchronous_standby_names')"

static struct pg_server server, standby;

/* ---- a lease ----------------------------------------------------------------------------- */

struct guard {
    struct commit_lease *lease;
    struct commit_status status;
    int changes;
    bool wanted;                  /* the phase that is waited for has come */
    enum commit_phase phase;
};

static void on_change(void *arg, const struct commit_status *status)
{
    struct guard *guard = arg;
    guard->changes++;
    guard->status = *status;
    guard->wanted = guard->wanted || status->phase == guard->phase;
}

static void guard_start(struct guard *guard, bool enabled)
{
    struct fault fault = { "" };
    *guard = (struct guard){ .phase = COMMIT_PHASE_COUNT };
    struct commit_settings settings = {
        .service = "shop", .enabled = enabled, .guard = pg_fixture_target(&server, "failoverd"),
        .stream = pg_fixture_target(&server, "failoverd_commit"), .on_change = on_change, .arg = guard,
    };
    guard->lease = commit_lease_new(pg_fixture_loop(), &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(guard->lease);
}

static bool guard_reaches(struct guard *guard, enum commit_phase phase)
{
    commit_lease_status(guard->lease, &guard->status);
    guard->phase = phase;
    guard->wanted = guard->status.phase == phase;
    bool reached = guard->wanted || pg_fixture_run(pg_fixture_loop(), &guard->wanted, 10000);
    commit_lease_status(guard->lease, &guard->status);
    if (!reached)
        fprintf(stderr, "phase %s, not %s: %s\n", commit_phase_name(guard->status.phase), commit_phase_name(phase),
                guard->status.why);
    return reached;
}

static void guard_hold(struct guard *guard, int64_t for_us)
{
    commit_lease_hold(guard->lease, base_mono_us() + for_us);
}

static void run_for(int64_t ms)
{
    bool never = false;
    (void)pg_fixture_run(pg_fixture_loop(), &never, ms);
}

/* ---- a client that commits --------------------------------------------------------------- */

struct client {
    struct pg_session *session;
    bool connected, done;
    enum pg_outcome outcome;
};

static void on_client_connected(void *arg, const struct pg_answer *result)
{
    struct client *client = arg;
    client->connected = true;
    CU_ASSERT_EQUAL(result->outcome, PG_OK);
}

static void on_client_done(void *arg, const struct pg_answer *result)
{
    struct client *client = arg;
    client->done = true;
    client->outcome = result->outcome;
}

static void client_start(struct client *client)
{
    struct pg_target target = pg_fixture_target(&server, "app");
    *client = (struct client){ .session = pg_session_new(pg_fixture_loop(), &target, NULL) };
    CU_ASSERT_PTR_NOT_NULL_FATAL(client->session);
    pg_session_connect(client->session, 5 * SECOND_US, on_client_connected, client);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &client->connected, 5000));
}

static void client_run(struct client *client, const char *sql)
{
    client->done = false;
    pg_session_query(client->session, sql, NULL, 0, 60 * SECOND_US, on_client_done, client);
}

static void client_insert(struct client *client)
{
    client_run(client, "insert into t (who) values ('client')");
}

static bool client_gets_through(struct client *client)
{
    return pg_fixture_run(pg_fixture_loop(), &client->done, 20000) && client->outcome == PG_OK;
}

static bool client_hangs(struct client *client, int64_t ms)
{
    return !pg_fixture_run(pg_fixture_loop(), &client->done, ms);
}

static void setting_is(const char *wanted)
{
    CU_ASSERT_TRUE(pg_fixture_await(&server, SETTING, wanted));
}

static void setting_names(const struct guard *guard)
{
    char wanted[128];
    (void)snprintf(wanted, sizeof wanted, "FIRST 1 (\"%s\")", guard->status.name);
    setting_is(wanted);
}

static void setting_make(const char *text)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "alter system set synchronous_standby_names = '%s'", text);
    CU_ASSERT_TRUE(pg_fixture_sql(&server, sql, NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "select pg_reload_conf()", NULL, 0));
    setting_is(text);
}

/* Nobody may be left waiting from one test to the next: by the superuser, who cancels nothing. */
static void clean(void)
{
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'",
                                  NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "alter system reset synchronous_standby_names", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "select pg_reload_conf()", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&server, SETTING, ""));
}

/* ---- tests ------------------------------------------------------------------------------- */

static void starts_a_server(void)
{
    pg_fixture_start(&server, NULL);
}

static void lets_commits_through_while_held(void)
{
    struct guard guard;
    struct client client;
    guard_start(&guard, true);
    client_start(&client);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_NO_LEASE)); /* looked, and changed nothing */
    setting_is("");
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    CU_ASSERT_EQUAL(strncmp(guard.status.name, "failoverd_shop_f", 16), 0);
    setting_names(&guard);
    for (int i = 0; i < 50; i++) {
        client_insert(&client);
        CU_ASSERT_TRUE(client_gets_through(&client));
    }
    CU_ASSERT_TRUE(pg_fixture_await(&server, "select sync_state || ' ' || usename from pg_stat_replication", "sync failoverd_commit"));
    /* Much WAL at once: 40 MB, and what is many small messages. */
    client_run(&client, "insert into t (who) select repeat('x', 2000) from generate_series(1, 20000)");
    CU_ASSERT_TRUE(client_gets_through(&client));
    client_run(&client, "do $$ begin for i in 1..2000 loop insert into t (who) values ('loop'); commit; end loop; end $$");
    CU_ASSERT_TRUE(client_gets_through(&client));
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    commit_lease_free(guard.lease);
    setting_names(&guard); /* a guard that goes leaves it: what commits now waits for the next */
    client_insert(&client);
    CU_ASSERT_TRUE(client_hangs(&client, 300));
    guard_start(&guard, true);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(client_gets_through(&client));
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    setting_names(&guard);
    commit_lease_free(guard.lease);
    pg_session_free(client.session);
    clean();
}

static void past_the_lease_a_commit_hangs(void)
{
    struct guard guard;
    struct client client;
    guard_start(&guard, true);
    client_start(&client);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    guard_hold(&guard, SECOND_US / 10); /* it is data: what was told last counts */
    run_for(150);
    client_insert(&client);
    CU_ASSERT_TRUE(client_hangs(&client, 1500));
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_NO_LEASE));
    CU_ASSERT_TRUE(guard.status.named && guard.status.lease_left_us < 0);
    run_for(1100);
    commit_lease_status(guard.lease, &guard.status);
    CU_ASSERT_TRUE(guard.status.waiting_known && guard.status.waiting == 1 && guard.status.longest_us > SECOND_US);
    CU_ASSERT_FALSE(client.done);
    CU_ASSERT_TRUE(pg_fixture_await(&server, "select count(*) from pg_stat_replication", "0"));
    guard_hold(&guard, 60 * SECOND_US); /* regained: what waited was written under this very writer */
    CU_ASSERT_TRUE(client_gets_through(&client));
    commit_lease_free(guard.lease);
    pg_session_free(client.session);
    clean();
}

/* A guard that was paused past its lease finds WAL in its socket before any timer of it has run. */
static void a_guard_that_wakes_too_late_confirms_nothing(void)
{
    struct guard guard;
    struct client client;
    struct timespec pause = { .tv_nsec = 700 * 1000000 };
    guard_start(&guard, true);
    client_start(&client);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    guard_hold(&guard, SECOND_US / 5);
    client_run(&client, "insert into t (who) select 'late' from pg_sleep(0.4)");
    run_for(20);
    (void)nanosleep(&pause, NULL);
    CU_ASSERT_TRUE(client_hangs(&client, 600));
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(client_gets_through(&client));
    commit_lease_free(guard.lease);
    pg_session_free(client.session);
    clean();
}

static void shut_ends_what_waits_and_acknowledges_nothing(void)
{
    struct guard guard;
    struct client client, other;
    guard_start(&guard, true);
    client_start(&client);
    client_start(&other);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    client_insert(&client);
    CU_ASSERT_TRUE(client_gets_through(&client));
    commit_lease_shut(guard.lease);
    client_insert(&client);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &client.done, 5000));
    CU_ASSERT_EQUAL(client.outcome, PG_LOST); /* and not PG_OK, nor an answer with a warning */
    setting_names(&guard);
    run_for(300);
    commit_lease_status(guard.lease, &guard.status);
    CU_ASSERT_TRUE(guard.status.ended >= 1);
    CU_ASSERT_EQUAL(guard.status.phase, COMMIT_NO_LEASE);
    CU_ASSERT_TRUE(pg_session_is_connected(other.session)); /* who doesn't wait is left alone */
    commit_lease_free(guard.lease);
    pg_session_free(client.session);
    pg_session_free(other.session);
    clean();
}

/* Left: nothing is touched before there is a lease, then what waits is let through by it, then restored. */
static void leaving_acknowledges_nothing_without_a_lease(void)
{
    struct guard guard;
    struct client client;
    guard_start(&guard, true);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    commit_lease_free(guard.lease);
    setting_names(&guard);
    struct commit_status before = guard.status;
    client_start(&client);
    client_insert(&client);
    guard_start(&guard, false);
    CU_ASSERT_TRUE(client_hangs(&client, 300));
    commit_lease_hold(guard.lease, base_mono_us() - 1); /* over already */
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_NO_LEASE));
    commit_lease_shut(guard.lease);
    CU_ASSERT_TRUE(client_hangs(&client, 500));
    guard.status = before;
    setting_names(&guard);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_OFF));
    CU_ASSERT_TRUE(client_gets_through(&client));
    setting_is("");
    CU_ASSERT_TRUE(pg_fixture_await(&server, "select source from pg_settings where name = 'synchronous_standby_names'", "default"));
    CU_ASSERT_TRUE(pg_fixture_await(&server, "select count(*) from pg_stat_replication", "0"));
    client_insert(&client);
    CU_ASSERT_TRUE(client_gets_through(&client));
    commit_lease_free(guard.lease);
    guard_start(&guard, false); /* nothing of ours: looks once, and never again */
    guard_hold(&guard, 60 * SECOND_US);
    run_for(200);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_OFF));
    CU_ASSERT_TRUE(pg_fixture_await(&server, "select count(*) from pg_stat_activity where usename = 'failoverd'", "0"));
    commit_lease_free(guard.lease);
    pg_session_free(client.session);
    clean();
}

static void a_standby_of_the_administrators_is_needed_too(void)
{
    struct guard guard;
    struct client client;
    pg_fixture_standby(&standby, &server);
    setting_make("walreceiver");
    guard_start(&guard, true);
    client_start(&client);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    CU_ASSERT_EQUAL(strncmp(guard.status.name, "failoverd_shop_a", 16), 0);
    client_insert(&client);
    CU_ASSERT_TRUE(client_gets_through(&client));
    pg_fixture_kill(&standby, SIGKILL);
    client_insert(&client);
    CU_ASSERT_TRUE(client_hangs(&client, 500)); /* our lease alone is not enough */
    pg_fixture_restart(&standby);
    CU_ASSERT_TRUE(client_gets_through(&client));
    guard_hold(&guard, 0);
    run_for(50);
    client_insert(&client);
    CU_ASSERT_TRUE(client_hangs(&client, 500)); /* nor is the standby */
    commit_lease_free(guard.lease);
    guard_start(&guard, false);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(client_gets_through(&client));
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_OFF));
    setting_is("FIRST 1 (\"walreceiver\")");
    commit_lease_free(guard.lease);
    pg_session_free(client.session);
    pg_fixture_stop(&standby);
    clean();
}

/* ---- others who stream ------------------------------------------------------------------- */

struct streamer {
    struct pg_session *session;
    uint64_t from_lsn;
    bool stands, ended;
};

static void on_streamer_progress(void *arg, const struct pg_stream_progress *progress)
{
    struct streamer *streamer = arg;
    CU_ASSERT_TRUE(pg_session_stream_confirm(streamer->session, progress->received_lsn));
}

static void on_streamer_end(void *arg, const struct pg_answer *result)
{
    struct streamer *streamer = arg;
    CU_ASSERT_EQUAL(result->outcome, PG_LOST);
    streamer->ended = true;
}

static void on_streamer_begun(void *arg, const struct pg_answer *result)
{
    struct streamer *streamer = arg;
    streamer->stands = result->outcome == PG_OK;
}

static void on_streamer_connected(void *arg, const struct pg_answer *result)
{
    struct streamer *streamer = arg;
    struct pg_stream_handler handler = { on_streamer_progress, on_streamer_end, streamer };
    CU_ASSERT_EQUAL(result->outcome, PG_OK);
    pg_session_stream(streamer->session, streamer->from_lsn, SECOND_US, &handler, on_streamer_begun, streamer);
}

static void streamer_start(struct streamer *streamer, const char *name)
{
    struct pg_target target = pg_fixture_target(&server, "failoverd_commit");
    target.replication = true;
    target.application_name = name;
    *streamer = (struct streamer){ .session = pg_session_new(pg_fixture_loop(), &target, NULL) };
    CU_ASSERT_PTR_NOT_NULL_FATAL(streamer->session);
    char from[32] = "";
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "select pg_current_wal_flush_lsn()", from, sizeof from));
    CU_ASSERT_TRUE(pg_lsn_read(from, &streamer->from_lsn));
    pg_session_connect(streamer->session, 5 * SECOND_US, on_streamer_connected, streamer);
}

static void an_older_instance_is_ended(void)
{
    struct guard guard;
    struct streamer older, other;
    streamer_start(&older, "failoverd_shop_f000000000001");
    streamer_start(&other, "failoverd_shop-b_f000000000001");
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &older.stands, 5000));
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &other.stands, 5000));
    guard_start(&guard, true);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_NO_LEASE));
    run_for(100);
    CU_ASSERT_FALSE(older.ended); /* whoever holds no lease ends nobody */
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &older.ended, 5000));
    CU_ASSERT_FALSE(other.ended); /* another service's */
    setting_names(&guard);
    commit_lease_free(guard.lease);
    pg_session_free(older.session);
    pg_session_free(other.session);
    clean();
}

/* ---- servers and settings as they are found ---------------------------------------------- */

static void a_restarted_server_is_attached_to_again(void)
{
    struct guard guard;
    struct client client;
    guard_start(&guard, true);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    pg_fixture_restart(&server);
    run_for(50);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    client_start(&client);
    client_insert(&client);
    CU_ASSERT_TRUE(client_gets_through(&client));
    setting_names(&guard);
    /* A person who sets it by hand is not overruled: both count from then on. */
    setting_make("someone");
    client_insert(&client);
    CU_ASSERT_TRUE(client_hangs(&client, 200));
    run_for(6000);
    CU_ASSERT_TRUE(pg_fixture_await(&server, "select current_setting('synchronous_standby_names') ~"
                                    " '^FIRST 2 \\(\"failoverd_shop_a[0-9a-f]{12}\", \"someone\"\\)$'", "t"));
    commit_lease_free(guard.lease);
    pg_session_free(client.session);
    clean();
}

static void what_cannot_be_combined_is_left_alone_and_said(void)
{
    struct guard guard;
    setting_make("ANY 1 (s1, s2)");
    guard_start(&guard, true);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_ATTACHING));
    run_for(300);
    commit_lease_status(guard.lease, &guard.status);
    CU_ASSERT_EQUAL(guard.status.phase, COMMIT_ATTACHING);
    CU_ASSERT_PTR_NOT_NULL(strstr(guard.status.why, "1 of 2 standbys"));
    setting_is("ANY 1 (s1, s2)");
    CU_ASSERT_TRUE(pg_fixture_await(&server, "select count(*) from pg_stat_replication", "0"));
    commit_lease_free(guard.lease);
    clean();
}

static bool has_finding(const struct guard *guard, const char *name, const char *words)
{
    const struct commit_finding *list = guard->status.findings.list;
    for (size_t i = 0; i < guard->status.findings.count; i++)
        if (strcmp(list[i].name, name) == 0 && strstr(list[i].text, words) != NULL)
            return true;
    return false;
}

static void what_gets_round_it_is_found(void)
{
    struct guard guard;
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "alter role app set synchronous_commit = off", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "alter database postgres set synchronous_commit = local", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "alter role failoverd_commit noreplication", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "revoke alter system on parameter synchronous_standby_names from failoverd", NULL, 0));
    guard_start(&guard, true);
    guard_hold(&guard, 60 * SECOND_US);
    for (int i = 0; i < 50 && guard.status.findings.count < 4; i++)
        run_for(100);
    CU_ASSERT_EQUAL(guard.status.findings.count, 4);
    CU_ASSERT_TRUE(has_finding(&guard, "synchronous_commit", "role app"));
    CU_ASSERT_TRUE(has_finding(&guard, "synchronous_commit", "database postgres"));
    CU_ASSERT_TRUE(has_finding(&guard, "stream_role", "failoverd_commit"));
    CU_ASSERT_TRUE(has_finding(&guard, "privilege", "synchronous_standby_names"));
    CU_ASSERT_PTR_NOT_NULL(strstr(guard.status.why, "replication login")); /* and says why it isn't attached */
    CU_ASSERT_EQUAL(guard.status.phase, COMMIT_ATTACHING);
    setting_is("");
    commit_lease_free(guard.lease);
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "alter role app reset synchronous_commit", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "alter database postgres reset synchronous_commit", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "alter role failoverd_commit replication", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "grant alter system on parameter synchronous_standby_names to failoverd", NULL, 0));
}

/* Stopped, it takes no confirmation and gives no answer; nothing here waits for it for long. */
static void a_stopped_server_holds_up_nothing(void)
{
    struct guard guard;
    guard_start(&guard, true);
    guard_hold(&guard, 60 * SECOND_US);
    CU_ASSERT_TRUE(guard_reaches(&guard, COMMIT_IN_FORCE));
    CU_ASSERT_EQUAL(kill(server.pid, SIGSTOP), 0);
    int64_t began_us = base_mono_us();
    loop_reset_stall(pg_fixture_loop());
    for (int i = 0; i < 100; i++)
        guard_hold(&guard, 60 * SECOND_US);
    commit_lease_shut(guard.lease);
    run_for(200);
    CU_ASSERT_TRUE(base_mono_us() - began_us < 5 * SECOND_US);
    commit_lease_free(guard.lease);
    CU_ASSERT_EQUAL(kill(server.pid, SIGCONT), 0);
    clean();
}

SUITE_MAIN("commit_lease", TEST(starts_a_server), TEST(lets_commits_through_while_held), TEST(past_the_lease_a_commit_hangs),
           TEST(a_guard_that_wakes_too_late_confirms_nothing), TEST(shut_ends_what_waits_and_acknowledges_nothing),
           TEST(leaving_acknowledges_nothing_without_a_lease),
           TEST(a_standby_of_the_administrators_is_needed_too), TEST(an_older_instance_is_ended),
           TEST(a_restarted_server_is_attached_to_again), TEST(what_cannot_be_combined_is_left_alone_and_said),
           TEST(what_gets_round_it_is_found), TEST(a_stopped_server_holds_up_nothing))
