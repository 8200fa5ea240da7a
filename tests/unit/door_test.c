/* The door on a real server: clients that hammer, logins that began before it, leases that end. */
#include "coordinator/database/door.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define SECOND_US ((int64_t)CLOCK_US_PER_S)
#define CLIENTS 8

static struct pg_server server;

struct outcome {
    bool done;
    bool shut_seen;
    struct door_report at_shut;
    struct door_report report;
    struct door_findings findings;
};

static void on_progress(void *arg, const struct door_report *report)
{
    struct outcome *outcome = arg;
    outcome->shut_seen = true;
    outcome->at_shut = *report;
}

static void on_done(void *arg, const struct door_report *report)
{
    struct outcome *outcome = arg;
    outcome->done = true;
    outcome->report = *report;
}

static void on_findings(void *arg, const struct door_findings *findings)
{
    struct outcome *outcome = arg;
    outcome->done = true;
    outcome->findings = *findings;
}

static int64_t in_us(int64_t us)
{
    return base_mono_us() + us;
}

static struct door_settings door_of(const struct pg_server *of)
{
    return (struct door_settings){ .guard = pg_fixture_target(of, "failoverd"),
                                   .canary = pg_fixture_tcp(of, "failoverd_canary") };
}

static void wait_for(struct outcome *outcome, struct door_errand *errand)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    CU_ASSERT_FALSE(outcome->done);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &outcome->done, 30000));
}

static struct outcome shut(int64_t limit_us)
{
    struct outcome outcome = { 0 };
    struct door_settings settings = door_of(&server);
    wait_for(&outcome, door_shut(pg_fixture_loop(), &settings, in_us(limit_us), on_progress, on_done, &outcome, NULL));
    return outcome;
}

static struct door_report door_opened(int64_t not_after_us, int64_t limit_us)
{
    struct outcome outcome = { 0 };
    struct door_settings settings = door_of(&server);
    wait_for(&outcome, door_open(pg_fixture_loop(), &settings, not_after_us, in_us(limit_us), on_done, &outcome, NULL));
    return outcome.report;
}

static struct door_report inspected(void)
{
    struct outcome outcome = { 0 };
    struct door_settings settings = door_of(&server);
    wait_for(&outcome, door_inspect(pg_fixture_loop(), &settings, in_us(5 * SECOND_US), on_done, &outcome, NULL));
    return outcome.report;
}

static struct door_findings readiness(void)
{
    struct outcome outcome = { 0 };
    struct door_settings settings = door_of(&server);
    wait_for(&outcome, door_readiness(pg_fixture_loop(), &settings, in_us(10 * SECOND_US), on_findings,
                                      &outcome, NULL));
    return outcome.findings;
}

static const struct door_finding *found(const struct door_findings *findings, const char *name)
{
    for (size_t i = 0; i < findings->count; i++)
        if (strcmp(findings->list[i].name, name) == 0)
            return &findings->list[i];
    return NULL;
}

/* ---- clients that hammer ----------------------------------------------------------------- */

struct client {
    struct pg_session *session;
    struct timer again;
    int number;
};

static struct client clients[CLIENTS];
static uint64_t acknowledged;       /* writes that the server said were done */
static int64_t last_acknowledged_us;

static void client_write(struct client *client);

static void client_connected(void *arg, const struct pg_answer *result)
{
    struct client *client = arg;
    if (result->outcome == PG_OK)
        client_write(client);
    else
        timer_set_after_us(&client->again, 3 * CLOCK_US_PER_MS);
}

static void client_begin(void *arg)
{
    struct client *client = arg;
    pg_session_connect(client->session, 5 * SECOND_US, client_connected, client);
}

static void client_written(void *arg, const struct pg_answer *result)
{
    struct client *client = arg;
    if (result->outcome == PG_OK) {
        acknowledged++;
        last_acknowledged_us = base_mono_us();
    }
    if (pg_session_is_connected(client->session))
        client_write(client);
    else
        timer_set_after_us(&client->again, CLOCK_US_PER_MS);
}

/* Half of them do what an application may: say that they want to write. */
static void client_write(struct client *client)
{
    const char *params[] = { "client" };
    if (client->number % 2 == 0)
        pg_session_query(client->session, "insert into t (who) values ($1)", params, 1, 5 * SECOND_US, client_written, client);
    else
        pg_session_query(client->session, "with w as (select set_config('transaction_read_only', 'off', true)) "
                         "insert into t (who) select $1 from w", params, 1, 5 * SECOND_US, client_written, client);
}

static void clients_begin(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct pg_target target = pg_fixture_target(&server, "app");
        if (i % 2 == 0)
            target.options = "-c default_transaction_read_only=off"; /* a careless application */
        clients[i] = (struct client){ .number = i };
        clients[i].session = pg_session_new(pg_fixture_loop(), &target, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(clients[i].session);
        timer_init(&clients[i].again, pg_fixture_loop(), client_begin, &clients[i]);
        client_begin(&clients[i]);
    }
}

static void clients_end(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        timer_cancel(&clients[i].again);
        pg_session_free(clients[i].session);
    }
}

static uint64_t rows(void)
{
    char out[32];
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "select count(*) from t", out, sizeof out));
    return strtoull(out, NULL, 10);
}

static void run_ms(int64_t ms)
{
    bool never = false;
    (void)pg_fixture_run(pg_fixture_loop(), &never, ms);
}

/* ---- the tests --------------------------------------------------------------------------- */

static void starts_a_server(void)
{
    pg_fixture_start(&server, NULL);
}

static void a_fresh_setup_is_ready(void)
{
    struct door_findings findings = readiness();
    CU_ASSERT_TRUE(findings.complete);
    for (size_t i = 0; i < findings.count; i++) {
        CU_ASSERT_FALSE(findings.list[i].serious);
        if (findings.list[i].serious)
            fprintf(stderr, "%s: %s\n", findings.list[i].name, findings.list[i].text);
    }
    CU_ASSERT_EQUAL(inspected().state, DOOR_STATE_OPEN);
}

static void eight_clients_that_hammer_write_nothing_after_it_is_confirmed(void)
{
    acknowledged = 0;
    clients_begin();
    run_ms(300);
    uint64_t before = acknowledged;
    CU_ASSERT_TRUE(before > 20);
    struct outcome outcome = shut(20 * SECOND_US);
    int64_t confirmed_us = base_mono_us();
    uint64_t at_confirmed = rows();
    CU_ASSERT_EQUAL(outcome.report.outcome, DOOR_DONE);
    if (outcome.report.outcome != DOOR_DONE)
        fprintf(stderr, "%s\n", outcome.report.why.text);
    CU_ASSERT_TRUE(outcome.shut_seen);
    CU_ASSERT_EQUAL(outcome.at_shut.confirmed_us, 0);
    CU_ASSERT_TRUE(outcome.report.shut_us != 0 &&
                   outcome.report.confirmed_us >= outcome.report.shut_us + 2 * SECOND_US);
    CU_ASSERT_TRUE(outcome.report.sessions_ended >= CLIENTS);
    run_ms(600);
    CU_ASSERT_EQUAL(rows(), at_confirmed);
    CU_ASSERT_TRUE(last_acknowledged_us < confirmed_us);
    CU_ASSERT_TRUE(acknowledged <= at_confirmed); /* what was acknowledged is there */
    struct door_report report = inspected();
    CU_ASSERT_EQUAL(report.state, DOOR_STATE_SHUT);
    CU_ASSERT_TRUE(report.writers_known && report.writers == 0);
    CU_ASSERT_EQUAL(door_opened(in_us(5 * SECOND_US), 5 * SECOND_US).outcome, DOOR_DONE);
    run_ms(300);
    CU_ASSERT_TRUE(rows() > at_confirmed); /* and the same clients write again */
    clients_end();
}

static void it_outlives_a_restart_and_shutting_again_is_fine(void)
{
    CU_ASSERT_EQUAL(shut(SECOND_US).report.outcome, DOOR_UNPROVEN); /* in force, not yet proven */
    CU_ASSERT_EQUAL(shut(20 * SECOND_US).report.outcome, DOOR_DONE);
    pg_fixture_restart(&server);
    CU_ASSERT_EQUAL(inspected().state, DOOR_STATE_SHUT);
    struct door_findings findings = readiness();
    CU_ASSERT_TRUE(findings.complete); /* a canary that the door keeps out has answered */
    CU_ASSERT_EQUAL(findings.count, 0);
    CU_ASSERT_EQUAL(door_opened(in_us(5 * SECOND_US), 5 * SECOND_US).outcome, DOOR_DONE);
    CU_ASSERT_EQUAL(door_opened(in_us(5 * SECOND_US), 5 * SECOND_US).outcome, DOOR_DONE);
    CU_ASSERT_EQUAL(inspected().state, DOOR_STATE_OPEN);
}

/* What a client sends first, by hand: it connects before the door is shut, and speaks only later. */
static size_t startup_packet(unsigned char *out)
{
    static const char body[] = "\0\3\0\0user\0app\0database\0postgres\0options\0-c default_transaction_read_only=off\0";
    size_t length = sizeof body + 4; /* with the literal's own end as the list's */
    out[0] = out[1] = out[2] = 0;
    out[3] = (unsigned char)length;
    memcpy(out + 4, body, sizeof body);
    return length;
}

static int early_connect(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.%u", server.folder, (unsigned)server.port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void early_asks(int fd)
{
    static const char sql[] = "insert into t (who) values ('late')";
    unsigned char packet[5 + sizeof sql] = { 'Q', 0, 0, 0, 4 + sizeof sql };
    memcpy(packet + 5, sql, sizeof sql);
    (void)send(fd, packet, sizeof packet, MSG_NOSIGNAL);
}

static void a_login_that_began_before_the_door_gets_nowhere(void)
{
    int early = early_connect();
    run_ms(100); /* its process is there, and waits for the startup packet */
    struct outcome outcome = { 0 };
    struct door_settings settings = door_of(&server);
    struct door_errand *errand = door_shut(pg_fixture_loop(), &settings, in_us(20 * SECOND_US), on_progress,
                                           on_done, &outcome,
                                           NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &outcome.shut_seen, 5000));
    run_ms(300);
    CU_ASSERT_FALSE(outcome.done);
    unsigned char packet[128];
    size_t length = startup_packet(packet);
    CU_ASSERT_EQUAL(send(early, packet, length, MSG_NOSIGNAL), (ssize_t)length);
    run_ms(200);
    early_asks(early);
    /* It gets in, past a door that is shut, and writes: that is what the wait is for. */
    CU_ASSERT_TRUE(pg_fixture_await(&server, "select count(*) from t where who = 'late'", "1"));
    CU_ASSERT_FALSE(outcome.done);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &outcome.done, 20000));
    CU_ASSERT_EQUAL(outcome.report.outcome, DOOR_DONE);
    early_asks(early);
    run_ms(300);
    CU_ASSERT_TRUE(pg_fixture_await(&server, "select count(*) from t where who = 'late'", "1"));
    (void)close(early);
    CU_ASSERT_EQUAL(door_opened(in_us(5 * SECOND_US), 5 * SECOND_US).outcome, DOOR_DONE);
}

static void opening_is_refused_after_the_lease(void)
{
    CU_ASSERT_EQUAL(shut(SECOND_US).report.outcome, DOOR_UNPROVEN);
    CU_ASSERT_EQUAL(door_opened(in_us(-1), 5 * SECOND_US).outcome, DOOR_LATE);
    CU_ASSERT_EQUAL(inspected().state, DOOR_STATE_SHUT);
    /* the server is stopped until the lease is over: its own clock refuses */
    struct outcome outcome = { 0 };
    struct door_settings settings = door_of(&server);
    struct door_errand *errand = door_open(pg_fixture_loop(), &settings, in_us(SECOND_US / 2),
                                           in_us(8 * SECOND_US), on_done,
                                           &outcome, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    CU_ASSERT_EQUAL(kill(server.pid, SIGSTOP), 0);
    run_ms(700);
    CU_ASSERT_EQUAL(kill(server.pid, SIGCONT), 0);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &outcome.done, 10000));
    CU_ASSERT_EQUAL(outcome.report.outcome, DOOR_LATE);
    CU_ASSERT_EQUAL(inspected().state, DOOR_STATE_SHUT);
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "select pg_reload_conf()", NULL, 0)); /* and a reload does not open it */
    run_ms(100);
    CU_ASSERT_EQUAL(inspected().state, DOOR_STATE_SHUT);
    CU_ASSERT_EQUAL(door_opened(in_us(5 * SECOND_US), 5 * SECOND_US).outcome, DOOR_DONE);
}

static void a_silent_server_is_not_confirmed(void)
{
    CU_ASSERT_EQUAL(kill(server.pid, SIGSTOP), 0);
    int64_t begun_us = base_mono_us();
    struct outcome outcome = shut(SECOND_US / 2);
    CU_ASSERT_NOT_EQUAL(outcome.report.outcome, DOOR_DONE);
    CU_ASSERT_EQUAL(outcome.report.confirmed_us, 0);
    CU_ASSERT_TRUE(base_mono_us() - begun_us >= SECOND_US / 2);
    CU_ASSERT_EQUAL(kill(server.pid, SIGCONT), 0);
    /* a deadline that is too short for the proof is honest too */
    outcome = shut(SECOND_US);
    CU_ASSERT_EQUAL(outcome.report.outcome, DOOR_UNPROVEN);
    CU_ASSERT_TRUE(outcome.report.shut_us != 0 && outcome.report.confirmed_us == 0);
    CU_ASSERT_EQUAL(door_opened(in_us(5 * SECOND_US), 5 * SECOND_US).outcome, DOOR_DONE);
}

static void a_canary_that_is_refused_for_another_reason_proves_nothing(void)
{
    struct outcome outcome = { 0 };
    struct door_settings settings = door_of(&server);
    settings.canary.password = "wrong";
    wait_for(&outcome, door_shut(pg_fixture_loop(), &settings, in_us(3 * SECOND_US), on_progress, on_done,
                                 &outcome, NULL));
    CU_ASSERT_EQUAL(outcome.report.outcome, DOOR_UNPROVEN);
    CU_ASSERT_FALSE(outcome.shut_seen);
    CU_ASSERT_EQUAL(door_opened(in_us(5 * SECOND_US), 5 * SECOND_US).outcome, DOOR_DONE);
}

static void a_superusers_session_keeps_it_from_being_confirmed(void)
{
    struct pg_target super = pg_fixture_target(&server, "postgres");
    struct client client = { 0 };
    struct pg_session *session = pg_session_new(pg_fixture_loop(), &super, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(session);
    client.session = session;
    timer_init(&client.again, pg_fixture_loop(), client_begin, &client);
    client_begin(&client); /* writes on and on */
    run_ms(200);
    struct outcome outcome = shut(SECOND_US);
    CU_ASSERT_EQUAL(outcome.report.outcome, DOOR_UNPROVEN);
    CU_ASSERT_TRUE(outcome.report.writers >= 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.report.why.text, "superuser"));
    struct door_findings findings = readiness();
    CU_ASSERT_TRUE(findings.complete && findings.count == 1);
    CU_ASSERT_STRING_EQUAL(findings.list[0].name, "superuser_session");
    timer_cancel(&client.again);
    pg_session_free(session);
    CU_ASSERT_EQUAL(door_opened(in_us(5 * SECOND_US), 5 * SECOND_US).outcome, DOOR_DONE);
}

static void readiness_names_what_gets_round_it(void)
{
    static const struct { const char *name; const char *set; const char *undo; } cases[] = {
        { "authentication_timeout", "alter system set authentication_timeout = '60s'", "alter system reset authentication_timeout" },
        { "auth_delay", "alter system set post_auth_delay = '1s'", "alter system reset post_auth_delay" },
        { "role_setting", "alter role app set session_preload_libraries = 'plpgsql'",
          "alter role app reset session_preload_libraries" },
        { "role_setting", "alter database postgres set default_transaction_read_only = off",
          "alter database postgres reset default_transaction_read_only" },
        { "superuser_login", "create role root login superuser", "drop role root" },
        { "may_set", "grant set on parameter session_preload_libraries to app",
          "revoke set on parameter session_preload_libraries from app" },
        { "replication_role", "create role streams login replication", "drop role streams" },
        { "guard_locked_out", "alter role failoverd reset session_preload_libraries",
          "alter role failoverd set session_preload_libraries = 'plpgsql'" },
        { "privilege", "revoke alter system on parameter session_preload_libraries from failoverd",
          "grant alter system on parameter session_preload_libraries to failoverd" },
        { "auto_conf", "alter system set session_preload_libraries = 'plpgsql'", "alter system reset session_preload_libraries" },
        { "canary", "alter role failoverd_canary set session_preload_libraries = 'plpgsql'",
          "alter role failoverd_canary reset session_preload_libraries" },
        { "canary_login", "alter role failoverd_canary nologin", "alter role failoverd_canary login" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_TRUE(pg_fixture_sql(&server, cases[i].set, NULL, 0));
        CU_ASSERT_TRUE(pg_fixture_sql(&server, "select pg_reload_conf()", NULL, 0));
        run_ms(50);
        struct door_findings findings = readiness();
        const struct door_finding *finding = found(&findings, cases[i].name);
        CU_ASSERT_PTR_NOT_NULL(finding);
        if (finding == NULL)
            fprintf(stderr, "not found: %s (%s)\n", cases[i].name, findings.why.text);
        else
            CU_ASSERT_TRUE(finding->text[0] != '\0' && finding->serious == (strcmp(cases[i].name, "replication_role") != 0));
        CU_ASSERT_TRUE(pg_fixture_sql(&server, cases[i].undo, NULL, 0));
        CU_ASSERT_TRUE(pg_fixture_sql(&server, "select pg_reload_conf()", NULL, 0));
    }
}

static void privileges_that_lack_end_it_at_once(void)
{
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "revoke alter system on parameter session_preload_libraries from failoverd", NULL, 0));
    struct outcome outcome = shut(20 * SECOND_US);
    CU_ASSERT_NOT_EQUAL(outcome.report.outcome, DOOR_DONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.report.why.text, "42501"));
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "grant alter system on parameter session_preload_libraries to failoverd", NULL, 0));
}

static void works_on_a_standby_and_holds_after_promotion(void)
{
    static struct pg_server standby;
    pg_fixture_standby(&standby, &server);
    struct outcome outcome = { 0 };
    struct door_settings settings = door_of(&standby);
    wait_for(&outcome, door_shut(pg_fixture_loop(), &settings, in_us(20 * SECOND_US), on_progress, on_done,
                                 &outcome, NULL));
    CU_ASSERT_EQUAL(outcome.report.outcome, DOOR_DONE);
    CU_ASSERT_TRUE(outcome.report.in_recovery);
    CU_ASSERT_EQUAL(inspected().state, DOOR_STATE_OPEN); /* the primary's own door is another */
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "select pg_promote()", NULL, 0));
    outcome = (struct outcome){ 0 };
    wait_for(&outcome, door_inspect(pg_fixture_loop(), &settings, in_us(5 * SECOND_US), on_done, &outcome, NULL));
    CU_ASSERT_EQUAL(outcome.report.state, DOOR_STATE_SHUT);
    CU_ASSERT_FALSE(outcome.report.in_recovery);
    outcome = (struct outcome){ 0 };
    wait_for(&outcome, door_open(pg_fixture_loop(), &settings, in_us(5 * SECOND_US), in_us(5 * SECOND_US),
                                 on_done, &outcome,
                                 NULL));
    CU_ASSERT_EQUAL(outcome.report.outcome, DOOR_DONE);
    pg_fixture_stop(&standby);
}

static void a_cancelled_one_calls_nobody(void)
{
    struct outcome outcome = { 0 };
    struct door_settings settings = door_of(&server);
    struct door_errand *errand = door_inspect(pg_fixture_loop(), &settings, in_us(SECOND_US), on_done, &outcome, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    run_ms(2);
    door_cancel(errand);
    run_ms(100);
    CU_ASSERT_FALSE(outcome.done);
    pg_fixture_stop(&server);
}

SUITE_MAIN("door", TEST(starts_a_server), TEST(a_fresh_setup_is_ready),
           TEST(eight_clients_that_hammer_write_nothing_after_it_is_confirmed),
           TEST(it_outlives_a_restart_and_shutting_again_is_fine),
               TEST(a_login_that_began_before_the_door_gets_nowhere),
           TEST(opening_is_refused_after_the_lease), TEST(a_silent_server_is_not_confirmed),
           TEST(a_canary_that_is_refused_for_another_reason_proves_nothing),
           TEST(a_superusers_session_keeps_it_from_being_confirmed), TEST(readiness_names_what_gets_round_it),
           TEST(privileges_that_lack_end_it_at_once), TEST(works_on_a_standby_and_holds_after_promotion),
           TEST(a_cancelled_one_calls_nobody))
