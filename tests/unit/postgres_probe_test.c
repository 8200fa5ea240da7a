/* The look at a database, on a real primary and its standby. */
#include "probes/postgres.h"

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define SECOND_US ((int64_t)CLOCK_US_PER_S)

static struct pg_server primary, standby;

struct round {
    bool done;
    struct postgres_facts facts;
    struct postgres_probe *to_free;
};

static void on_round(void *arg, const struct postgres_facts *facts)
{
    struct round *round = arg;
    round->done = true;
    round->facts = *facts;
    postgres_probe_free(round->to_free);
}

static struct postgres_probe *probe_anew(struct pg_target target, bool write_check, int64_t fresh_every_us)
{
    struct fault fault = { "" };
    struct postgres_probe_settings settings = { .target = target, .observer = "use1-a", .write_check = write_check,
                                                .fresh_every_us = fresh_every_us };
    struct postgres_probe *probe = postgres_probe_new(pg_fixture_loop(), &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
    return probe;
}

static struct postgres_probe *probe_on(struct pg_target target, bool write_check)
{
    return probe_anew(target, write_check, 0);
}

static struct postgres_facts look(struct postgres_probe *probe, int64_t timeout_us)
{
    struct round round = { 0 };
    postgres_probe_run(probe, timeout_us, on_round, &round);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &round.done, 10000));
    return round.facts;
}

static void starts_a_pair(void)
{
    pg_fixture_start(&primary, NULL);
    pg_fixture_standby(&standby, &primary);
}

static void a_primary_that_takes_writes(void)
{
    struct postgres_probe *probe = probe_on(pg_fixture_tcp(&primary, "failoverd"), true);
    struct postgres_facts facts = look(probe, 5 * SECOND_US);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_FINE);
    CU_ASSERT_EQUAL(facts.outcome, SAMPLE_OK);
    CU_ASSERT_TRUE(facts.reachable && facts.fresh && !facts.in_recovery);
    CU_ASSERT_EQUAL(facts.timeline, 1);
    CU_ASSERT_TRUE(facts.system_id != 0 && facts.flush_lsn != 0 && facts.insert_lsn >= facts.flush_lsn);
    CU_ASSERT_TRUE(facts.write_checked && facts.write_ok);
    CU_ASSERT_TRUE(facts.tcp_us > 0 && facts.login_us >= facts.tcp_us && facts.query_us > 0 && facts.write_us > 0);
    uint64_t before = facts.flush_lsn;
    facts = look(probe, 5 * SECOND_US);
    CU_ASSERT_TRUE(facts.flush_lsn > before); /* a real write */
    CU_ASSERT_FALSE(facts.fresh);             /* on the session that was kept */
    CU_ASSERT_EQUAL(facts.login_us, 0);
    char rounds[16];
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "select round from failoverd_heartbeat where observer = 'use1-a'", rounds,
                                  sizeof rounds));
    CU_ASSERT_STRING_EQUAL(rounds, "2");
    struct database_facts policy;
    postgres_facts_to_policy(&facts, &policy);
    CU_ASSERT_TRUE(policy.known && policy.write_ok && policy.lsn == facts.flush_lsn && policy.timeline == 1);
    postgres_probe_free(probe);
}

static void a_standby_that_streams(void)
{
    struct postgres_probe *probe = probe_on(pg_fixture_target(&standby, "failoverd"), true);
    struct postgres_probe *other = probe_on(pg_fixture_target(&primary, "failoverd"), false);
    struct postgres_facts facts = look(probe, 5 * SECOND_US);
    struct postgres_facts writer = look(other, 5 * SECOND_US);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_FINE);
    CU_ASSERT_TRUE(facts.in_recovery && facts.walreceiver_present && facts.walreceiver_streaming &&
                   facts.walreceiver_live);
    CU_ASSERT_TRUE(facts.walreceiver_age_us >= 0);
    CU_ASSERT_STRING_EQUAL(facts.sender_host, primary.folder);
    CU_ASSERT_EQUAL(facts.timeline, 1);
    CU_ASSERT_TRUE(facts.receive_lsn != 0 && facts.replay_lsn != 0 && facts.flush_lsn == 0);
    CU_ASSERT_FALSE(facts.write_checked || facts.receipt_frozen || facts.replay_paused);
    CU_ASSERT_EQUAL(facts.system_id, writer.system_id);
    CU_ASSERT_FALSE(writer.write_checked);
    /* the walreceiver of a primary that is gone is not live, and what it has stays */
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "alter system set primary_conninfo = 'host=/nowhere'", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "select pg_reload_conf()", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&standby, "select count(*) from pg_stat_wal_receiver", "0"));
    struct postgres_facts alone = look(probe, 5 * SECOND_US);
    CU_ASSERT_EQUAL(alone.problem, POSTGRES_FINE);
    CU_ASSERT_FALSE(alone.walreceiver_live || alone.walreceiver_streaming);
    CU_ASSERT_TRUE(alone.receive_lsn >= facts.receive_lsn);
    CU_ASSERT_EQUAL(alone.timeline, 1);
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "alter system reset primary_conninfo", NULL, 0));
    postgres_probe_free(probe);
    postgres_probe_free(other);
}

static void our_own_housekeeping_is_no_failure(void)
{
    struct pg_target target = pg_fixture_tcp(&primary, "failoverd");
    target.password = "wrong";
    struct postgres_probe *probe = probe_on(target, true);
    struct postgres_facts facts = look(probe, 5 * SECOND_US);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_AUTH);
    CU_ASSERT_EQUAL(facts.outcome, SAMPLE_OBSERVER);
    CU_ASSERT_PTR_NULL(strstr(facts.detail, "wrong"));
    postgres_probe_free(probe);
    /* the table is missing */
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "alter table failoverd_heartbeat rename to elsewhere", NULL, 0));
    probe = probe_on(pg_fixture_target(&primary, "failoverd"), true);
    facts = look(probe, 5 * SECOND_US);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_PRIVILEGE);
    CU_ASSERT_EQUAL(facts.outcome, SAMPLE_OBSERVER);
    CU_ASSERT_FALSE(facts.write_checked);
    CU_ASSERT_PTR_NOT_NULL(strstr(facts.detail, "postgresql-setup.sql"));
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "alter table elsewhere rename to failoverd_heartbeat", NULL, 0));
    CU_ASSERT_EQUAL(look(probe, 5 * SECOND_US).problem, POSTGRES_FINE);
    postgres_probe_free(probe);
    /* a role that may not see */
    probe = probe_on(pg_fixture_target(&primary, "app"), false);
    facts = look(probe, 5 * SECOND_US);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_PRIVILEGE);
    CU_ASSERT_EQUAL(facts.outcome, SAMPLE_OBSERVER);
    postgres_probe_free(probe);
}

static void a_primary_that_refuses_writes_has_failed(void)
{
    struct postgres_probe *probe = probe_on(pg_fixture_target(&primary, "failoverd"), true);
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "alter role failoverd set default_transaction_read_only = on", NULL, 0));
    struct postgres_facts facts = look(probe, 5 * SECOND_US);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_WRITE_REFUSED);
    CU_ASSERT_EQUAL(facts.outcome, SAMPLE_FAILED);
    CU_ASSERT_TRUE(facts.write_checked && !facts.write_ok && facts.reachable);
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "alter role failoverd reset default_transaction_read_only", NULL, 0));
    postgres_probe_free(probe);
}

static void a_commit_that_hangs_has_failed(void)
{
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "alter system set synchronous_standby_names = 'nobody'", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "select pg_reload_conf()", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&primary, "show synchronous_standby_names", "nobody"));
    struct postgres_probe *probe = probe_on(pg_fixture_target(&primary, "failoverd"), true);
    struct postgres_facts facts = look(probe, SECOND_US / 2);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_WRITE_TIMEOUT);
    CU_ASSERT_EQUAL(facts.outcome, SAMPLE_FAILED);
    CU_ASSERT_TRUE(facts.reachable && facts.write_checked && !facts.write_ok);
    /* Its write waits on in the server. The next rounds say so and add no other, so that the checks don't
     * take up the role's connections one by one, and they tell for what. */
    bool never = false;
    (void)pg_fixture_run(pg_fixture_loop(), &never, 200);
    for (int i = 0; i < 3; i++) {
        facts = look(probe, SECOND_US / 2);
        CU_ASSERT_EQUAL(facts.problem, POSTGRES_WRITE_TIMEOUT);
        CU_ASSERT_TRUE(facts.reachable && facts.write_checked && !facts.write_ok && facts.total_us < SECOND_US / 2);
        CU_ASSERT_TRUE(facts.commits_waiting == 1 && facts.commits_longest_us >= SECOND_US / 2 && !facts.commit_lease);
        CU_ASSERT_PTR_NOT_NULL(strstr(facts.detail, "1 commits wait for a standby"));
    }
    CU_ASSERT_TRUE(pg_fixture_await(&primary, "select count(*) from pg_stat_activity where wait_event = 'SyncRep'", "1"));
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "alter system set synchronous_standby_names = 'failoverd_shop_f0123456789ab'", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "select pg_reload_conf()", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&primary, "show synchronous_standby_names", "failoverd_shop_f0123456789ab"));
    (void)look(probe, SECOND_US / 2); /* may be of a session that has not read it yet */
    facts = look(probe, SECOND_US / 2);
    CU_ASSERT_TRUE(facts.commit_lease);
    CU_ASSERT_PTR_NOT_NULL(strstr(facts.detail, "1 commits wait for the commit lease"));
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "alter system reset synchronous_standby_names", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "select pg_reload_conf()", NULL, 0));
    CU_ASSERT_EQUAL(look(probe, 5 * SECOND_US).problem, POSTGRES_FINE);
    postgres_probe_free(probe);
}

static void a_session_ended_between_rounds_is_no_failure(void)
{
    struct postgres_probe *probe = probe_on(pg_fixture_target(&primary, "failoverd"), true);
    CU_ASSERT_EQUAL(look(probe, 5 * SECOND_US).problem, POSTGRES_FINE);
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'failoverd'",
                                  NULL, 0));
    struct postgres_facts facts = look(probe, 5 * SECOND_US);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_FINE);
    CU_ASSERT_TRUE(facts.fresh);
    postgres_probe_free(probe);
}

static void a_login_of_some_age_is_repeated(void)
{
    static const int64_t every_us = SECOND_US;
    struct postgres_probe *probe = probe_anew(pg_fixture_tcp(&primary, "failoverd"), true, every_us);
    struct postgres_probe *usual = probe_on(pg_fixture_tcp(&primary, "failoverd"), true);
    int64_t login_before_us = base_mono_us(), login_after_us = 0;
    bool asked_too_early = false, asked_too_late = false;
    int logins = 0;
    CU_ASSERT_TRUE(look(usual, 5 * SECOND_US).fresh);
    while (logins < 3 && base_mono_us() - login_before_us < 10 * every_us) {
        int64_t began_us = base_mono_us();
        struct postgres_facts facts = look(probe, 5 * SECOND_US);
        CU_ASSERT_EQUAL(facts.problem, POSTGRES_FINE);
        asked_too_early = asked_too_early || (facts.fresh && logins > 0 && base_mono_us() - login_before_us < every_us);
        asked_too_late = asked_too_late || (!facts.fresh && began_us - login_after_us >= every_us);
        if (facts.fresh) {
            logins++;
            login_before_us = began_us;
            login_after_us = base_mono_us();
        }
        (void)usleep(50000);
    }
    CU_ASSERT_EQUAL(logins, 3);
    CU_ASSERT_FALSE(asked_too_early);
    CU_ASSERT_FALSE(asked_too_late);
    CU_ASSERT_FALSE(look(usual, 5 * SECOND_US).fresh);
    postgres_probe_free(usual);
    postgres_probe_free(probe);
}

static void a_frozen_postmaster_is_found_out(void)
{
    struct postgres_probe *kept = probe_on(pg_fixture_tcp(&primary, "failoverd"), true);
    struct postgres_probe *probe = probe_anew(pg_fixture_tcp(&primary, "failoverd"), true, 1);
    CU_ASSERT_EQUAL(look(kept, 5 * SECOND_US).problem, POSTGRES_FINE);
    CU_ASSERT_EQUAL(look(probe, 5 * SECOND_US).problem, POSTGRES_FINE);
    CU_ASSERT_EQUAL(kill(primary.pid, SIGSTOP), 0);
    CU_ASSERT_EQUAL(look(kept, 5 * SECOND_US).problem, POSTGRES_FINE); /* its backend answers */
    for (int i = 0; i < 2; i++) { /* a new login doesn't, and then no session is kept either */
        struct postgres_facts facts = look(probe, SECOND_US / 4);
        CU_ASSERT_TRUE(facts.problem == POSTGRES_TIMEOUT && facts.outcome == SAMPLE_FAILED);
    }
    CU_ASSERT_EQUAL(kill(primary.pid, SIGCONT), 0);
    CU_ASSERT_EQUAL(look(probe, 5 * SECOND_US).problem, POSTGRES_FINE);
    postgres_probe_free(probe);
    postgres_probe_free(kept);
}

static void a_full_server_is_alive(void)
{
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "alter role failoverd connection limit 1", NULL, 0));
    struct postgres_probe *probe = probe_anew(pg_fixture_target(&primary, "failoverd"), false, 1);
    struct postgres_probe *late = probe_on(pg_fixture_target(&primary, "failoverd"), false);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(look(probe, 5 * SECOND_US).problem, POSTGRES_FINE); /* its own session takes the slot */
    struct postgres_facts facts = look(late, 5 * SECOND_US);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_FULL);
    CU_ASSERT_EQUAL(facts.outcome, SAMPLE_OBSERVER);
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "alter role failoverd connection limit 20", NULL, 0));
    postgres_probe_free(late);
    postgres_probe_free(probe);
}

static void the_timeline_of_a_promoted_server_is_the_new_one(void)
{
    struct postgres_probe *probe = probe_on(pg_fixture_target(&standby, "failoverd"), true);
    CU_ASSERT_TRUE(look(probe, 5 * SECOND_US).in_recovery);
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "select pg_promote()", NULL, 0));
    struct postgres_facts facts = look(probe, 5 * SECOND_US); /* on the session from before */
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_FINE);
    CU_ASSERT_TRUE(!facts.in_recovery && facts.write_ok);
    CU_ASSERT_EQUAL(facts.timeline, 2);
    postgres_probe_free(probe);
}

static void may_be_freed_in_its_callback_and_in_a_round(void)
{
    struct round round = { .to_free = probe_on(pg_fixture_target(&primary, "failoverd"), true) };
    postgres_probe_run(round.to_free, 5 * SECOND_US, on_round, &round);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &round.done, 10000));
    struct round none = { 0 };
    struct postgres_probe *probe = probe_on(pg_fixture_target(&primary, "failoverd"), true);
    postgres_probe_run(probe, 5 * SECOND_US, on_round, &none);
    postgres_probe_free(probe);
    bool never = false;
    (void)pg_fixture_run(pg_fixture_loop(), &never, 50);
    CU_ASSERT_FALSE(none.done);
}

/* Led to a new primary, and that one gone before the standby's next restartpoint: the control file knows the old
 * timeline only, and what has come over the new one must count all the same. */
static void a_standby_that_was_led_on_keeps_its_timeline(void)
{
    static struct pg_server next, third;
    char sql[256];
    pg_fixture_standby(&next, &primary);
    pg_fixture_standby(&third, &primary);
    CU_ASSERT_TRUE(pg_fixture_sql(&next, "select pg_promote()", NULL, 0));
    (void)snprintf(sql, sizeof sql, "alter system set primary_conninfo = 'host=%s port=%u user=postgres'", next.folder,
                   (unsigned)next.port);
    CU_ASSERT_TRUE(pg_fixture_sql(&third, sql, NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&third, "select pg_reload_conf()", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&third, "select received_tli from pg_stat_wal_receiver where status = 'streaming'", "2"));
    CU_ASSERT_TRUE(pg_fixture_sql(&next, "create table after_the_promotion ()", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&third, "select count(*) from pg_class where relname = 'after_the_promotion'", "1"));
    struct postgres_probe *probe = probe_on(pg_fixture_target(&third, "failoverd"), true);
    CU_ASSERT_EQUAL(look(probe, 5 * SECOND_US).timeline, 2);
    CU_ASSERT_TRUE(pg_fixture_sql(&third, "alter system set primary_conninfo = ''", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&third, "select pg_reload_conf()", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&third, "select count(*) from pg_stat_wal_receiver", "0"));
    CU_ASSERT_TRUE(pg_fixture_await(&third, "select timeline_id from pg_control_checkpoint()", "1"));
    struct postgres_facts alone = look(probe, 5 * SECOND_US);
    CU_ASSERT_TRUE(alone.receipt_frozen);
    CU_ASSERT_EQUAL(alone.timeline, 2);
    postgres_probe_free(probe);
    pg_fixture_stop(&third);
    pg_fixture_stop(&next);
}

static void nobody_there_has_failed(void)
{
    /* Logs in each round: a kept session's backend may outlive the postmaster for a moment. */
    struct postgres_probe *probe = probe_anew(pg_fixture_tcp(&primary, "failoverd"), true, 1);
    CU_ASSERT_EQUAL(look(probe, 5 * SECOND_US).problem, POSTGRES_FINE);
    pg_fixture_kill(&primary, SIGKILL);
    struct postgres_facts facts = look(probe, 2 * SECOND_US);
    CU_ASSERT_EQUAL(facts.outcome, SAMPLE_FAILED);
    CU_ASSERT_FALSE(facts.reachable);
    facts = look(probe, 2 * SECOND_US);
    CU_ASSERT_EQUAL(facts.problem, POSTGRES_UNREACHABLE);
    postgres_probe_free(probe);
    pg_fixture_stop(&primary);
    pg_fixture_stop(&standby);
}

SUITE_MAIN("postgres_probe", TEST(starts_a_pair), TEST(a_primary_that_takes_writes), TEST(a_standby_that_streams),
           TEST(our_own_housekeeping_is_no_failure), TEST(a_primary_that_refuses_writes_has_failed),
           TEST(a_commit_that_hangs_has_failed), TEST(a_session_ended_between_rounds_is_no_failure),
           TEST(a_login_of_some_age_is_repeated), TEST(a_frozen_postmaster_is_found_out), TEST(a_full_server_is_alive),
           TEST(the_timeline_of_a_promoted_server_is_the_new_one), TEST(may_be_freed_in_its_callback_and_in_a_round),
           TEST(a_standby_that_was_led_on_keeps_its_timeline), TEST(nobody_there_has_failed))
