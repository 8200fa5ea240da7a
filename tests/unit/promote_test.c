/* Compare, freeze, thaw, promote and ending sessions, on real pairs, as the role that isn't superuser. */
#include "coordinator/database/promote.h"

#include <signal.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define SECOND_US ((int64_t)CLOCK_US_PER_S)

static struct pg_server primary, standby;
static char conninfo[128];

struct outcome {
    bool done;
    struct promote_report report;
};

static void on_done(void *arg, const struct promote_report *report)
{
    struct outcome *outcome = arg;
    outcome->done = true;
    outcome->report = *report;
}

static struct promote_report wait_for(struct outcome *outcome, struct promote_errand *errand)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    CU_ASSERT_FALSE(outcome->done);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &outcome->done, 40000));
    return outcome->report;
}

static int64_t in_us(int64_t us)
{
    return base_mono_us() + us;
}

static struct promote_report compare(const struct pg_server *server)
{
    struct outcome outcome = { 0 };
    struct pg_target target = pg_fixture_target(server, "failoverd");
    return wait_for(&outcome, promote_compare(pg_fixture_loop(), &target, in_us(5 * SECOND_US), on_done,
                                              &outcome, NULL));
}

static struct promote_report freeze(const struct pg_server *server)
{
    struct outcome outcome = { 0 };
    struct pg_target target = pg_fixture_target(server, "failoverd");
    return wait_for(&outcome, promote_freeze(pg_fixture_loop(), &target, in_us(5 * SECOND_US), on_done,
                                             &outcome, NULL));
}

static struct promote_report thaw(const struct pg_server *server, const char *to, int64_t limit_us)
{
    struct outcome outcome = { 0 };
    struct pg_target target = pg_fixture_target(server, "failoverd");
    return wait_for(&outcome, promote_thaw(pg_fixture_loop(), &target, to, NULL, in_us(limit_us), on_done,
                                           &outcome, NULL));
}

static struct promote_report promote(const struct pg_server *server, int64_t not_after_us, int64_t limit_us)
{
    struct outcome outcome = { 0 };
    struct pg_target target = pg_fixture_target(server, "failoverd");
    return wait_for(&outcome, promote_start(pg_fixture_loop(), &target, not_after_us, in_us(limit_us), on_done,
                                            &outcome, NULL));
}

static void starts_a_pair(void)
{
    pg_fixture_start(&primary, NULL);
    pg_fixture_standby(&standby, &primary);
    (void)snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%u user=postgres application_name='it\\'s us'",
                   (unsigned)primary.port);
}

static void compares(void)
{
    struct promote_report report = compare(&standby);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_DONE);
    CU_ASSERT_TRUE(report.facts_known && report.facts.in_recovery && report.facts.walreceiver_live);
    report = compare(&primary);
    CU_ASSERT_TRUE(report.facts_known && !report.facts.in_recovery && report.facts.flush_lsn != 0);
}

static void freezes_and_thaws(void)
{
    struct promote_report report = freeze(&standby);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_DONE);
    CU_ASSERT_TRUE(report.facts.receipt_frozen && !report.facts.walreceiver_present);
    uint64_t frozen_at = report.facts.receive_lsn;
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "insert into t (who) select 'later' from generate_series(1, 1000)", NULL, 0));
    report = freeze(&standby); /* again: done already */
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_DONE);
    CU_ASSERT_EQUAL(report.facts.receive_lsn, frozen_at);
    report = thaw(&standby, "host=127.0.0.1 port=1 user=postgres", SECOND_US);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.why.text, "walreceiver"));
    /* PostgreSQL tries again each 5 s, and may have begun its next try with what was set before. */
    report = thaw(&standby, conninfo, 30 * SECOND_US);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_DONE);
    CU_ASSERT_TRUE(report.facts.walreceiver_live);
    CU_ASSERT_TRUE(pg_fixture_await(&standby, "select count(*) from t where who = 'later'", "1000"));
    CU_ASSERT_EQUAL(thaw(&standby, conninfo, 30 * SECOND_US).outcome, PROMOTE_DONE); /* and again */
    report = freeze(&primary);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_REFUSED);
    char out[64];
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "select count(*) from pg_file_settings where name = 'primary_conninfo'", out,
                                  sizeof out));
    CU_ASSERT_STRING_EQUAL(out, "0"); /* nothing was set there */
}

static void ignore_result(void *arg, const struct pg_answer *result)
{
    (void)arg;
    (void)result;
}

static void ends_sessions_and_nothing_else(void)
{
    struct outcome outcome = { 0 };
    struct fault fault;
    struct pg_target app = pg_fixture_target(&primary, "app");
    struct pg_session *session = pg_session_new(pg_fixture_loop(), &app, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(session);
    bool never = false;
    pg_session_connect(session, 5 * SECOND_US, ignore_result, NULL);
    for (int i = 0; i < 100 && !pg_session_is_connected(session); i++)
        (void)pg_fixture_run(pg_fixture_loop(), &never, 20);
    CU_ASSERT_TRUE(pg_session_is_connected(session));
    struct pg_target target = pg_fixture_target(&primary, "failoverd");
    struct promote_report report = wait_for(&outcome, promote_terminate_clients(pg_fixture_loop(), &target,
                                            in_us(5 * SECOND_US), on_done, &outcome, NULL));
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_DONE);
    CU_ASSERT_TRUE(report.sessions_ended >= 1);
    for (int i = 0; i < 100 && pg_session_is_connected(session); i++)
        (void)pg_fixture_run(pg_fixture_loop(), &never, 20);
    CU_ASSERT_FALSE(pg_session_is_connected(session));
    pg_session_free(session);
    CU_ASSERT_TRUE(compare(&standby).facts.walreceiver_live); /* replication went on */
}

static void not_after_its_deadline(void)
{
    struct promote_report report = promote(&standby, in_us(-1), 5 * SECOND_US);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_LATE);
    /* also when the request was on its way in time and only the server was late: it waits in the socket
     * of a stopped server until the lease is over */
    struct outcome outcome = { 0 };
    struct pg_target target = pg_fixture_target(&standby, "failoverd");
    CU_ASSERT_EQUAL(kill(standby.pid, SIGSTOP), 0);
    struct promote_errand *errand = promote_start(pg_fixture_loop(), &target, in_us(SECOND_US / 2),
                                                  in_us(6 * SECOND_US),
                                                  on_done, &outcome, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    bool never = false;
    (void)pg_fixture_run(pg_fixture_loop(), &never, 700);
    CU_ASSERT_FALSE(outcome.done);
    CU_ASSERT_EQUAL(kill(standby.pid, SIGCONT), 0);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &outcome.done, 8000));
    CU_ASSERT_EQUAL(outcome.report.outcome, PROMOTE_LATE);
    CU_ASSERT_TRUE(compare(&standby).facts.in_recovery);
}

static void the_server_itself_refuses_what_is_late(void)
{
    /* the statement as it is sent, by the server's clock alone */
    char out[64];
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "select coalesce((case when clock_timestamp() < (timestamptz 'epoch' + "
                                  "((extract(epoch from clock_timestamp()) * 1000000)::bigint - 1) * interval '1 microsecond') "
                                  "then pg_promote(false) end)::text, 'nothing')", out, sizeof out));
    CU_ASSERT_STRING_EQUAL(out, "nothing");
    CU_ASSERT_TRUE(compare(&standby).facts.in_recovery);
}

static void a_silent_server_is_not_done_by_the_deadline(void)
{
    CU_ASSERT_EQUAL(kill(standby.pid, SIGSTOP), 0);
    int64_t begun_us = base_mono_us();
    struct promote_report report = promote(&standby, in_us(10 * SECOND_US), SECOND_US / 2);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_FAILED); /* not even a session: nothing was asked for */
    CU_ASSERT_TRUE(base_mono_us() - begun_us >= SECOND_US / 2);
    CU_ASSERT_EQUAL(kill(standby.pid, SIGCONT), 0);
    CU_ASSERT_TRUE(compare(&standby).facts.in_recovery);
}

static void a_cancelled_one_calls_nobody(void)
{
    struct outcome outcome = { 0 };
    struct pg_target target = pg_fixture_target(&standby, "failoverd");
    struct promote_errand *errand = promote_compare(pg_fixture_loop(), &target, in_us(SECOND_US), on_done,
                                                    &outcome, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    bool never = false;
    (void)pg_fixture_run(pg_fixture_loop(), &never, 1);
    promote_cancel(errand);
    (void)pg_fixture_run(pg_fixture_loop(), &never, 100);
    CU_ASSERT_FALSE(outcome.done);
}

static void privileges_that_lack_are_said(void)
{
    struct outcome outcome = { 0 };
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "revoke execute on function pg_promote(boolean, integer) from failoverd", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&standby, "select has_function_privilege('failoverd', 'pg_promote(boolean,integer)', 'execute')",
                                    "f"));
    struct promote_report report = promote(&standby, in_us(5 * SECOND_US), 5 * SECOND_US);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.why.text, "42501"));
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "grant execute on function pg_promote(boolean, integer) to failoverd", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&standby, "select has_function_privilege('failoverd', 'pg_promote(boolean,integer)', 'execute')",
                                    "t"));
    struct pg_target target = pg_fixture_tcp(&standby, "failoverd");
    target.password = "wrong";
    report = wait_for(&outcome, promote_start(pg_fixture_loop(), &target, in_us(5 * SECOND_US),
                                              in_us(5 * SECOND_US), on_done,
                                              &outcome, NULL));
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_REFUSED);
}

static void promotes_with_replay_frozen(void)
{
    CU_ASSERT_EQUAL(freeze(&standby).outcome, PROMOTE_DONE);
    struct promote_report report = promote(&standby, in_us(5 * SECOND_US), 10 * SECOND_US);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_DONE);
    CU_ASSERT_TRUE(report.facts_known && !report.facts.in_recovery);
    CU_ASSERT_EQUAL(report.facts.timeline, 2);
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "insert into t (who) values ('after')", NULL, 0));
    report = promote(&standby, in_us(-1), 5 * SECOND_US); /* again, and late: it is done all the same */
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_DONE);
    CU_ASSERT_EQUAL(report.facts.timeline, 2);
}

static void what_was_asked_and_not_seen_is_unknown(void)
{
    static struct pg_server other;
    pg_fixture_standby(&other, &primary);
    /* its startup process is stopped: the promotion is accepted, and happens when that wakes */
    char out[32];
    CU_ASSERT_TRUE(pg_fixture_sql(&other, "select pid from pg_stat_activity where backend_type = 'startup'", out, sizeof out));
    pid_t startup = (pid_t)strtol(out, NULL, 10);
    CU_ASSERT_TRUE_FATAL(startup > 1);
    CU_ASSERT_EQUAL(kill(startup, SIGSTOP), 0);
    struct promote_report report = promote(&other, in_us(SECOND_US / 2), SECOND_US);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_UNKNOWN);
    CU_ASSERT_EQUAL(kill(startup, SIGCONT), 0);
    report = promote(&other, in_us(5 * SECOND_US), 5 * SECOND_US);
    CU_ASSERT_EQUAL(report.outcome, PROMOTE_DONE);
    pg_fixture_stop(&other);
    pg_fixture_stop(&standby);
    pg_fixture_stop(&primary);
}

SUITE_MAIN("promote", TEST(starts_a_pair), TEST(compares), TEST(freezes_and_thaws), TEST(ends_sessions_and_nothing_else),
           TEST(not_after_its_deadline), TEST(the_server_itself_refuses_what_is_late),
           TEST(a_silent_server_is_not_done_by_the_deadline), TEST(a_cancelled_one_calls_nobody),
           TEST(privileges_that_lack_are_said), TEST(promotes_with_replay_frozen),
           TEST(what_was_asked_and_not_seen_is_unknown))
