/* The connection machine against a real server, and against ones that are silent or hang up. */
#include "coordinator/base/pg_session.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define SECOND_US ((int64_t)CLOCK_US_PER_S)

static struct pg_server server;

struct answer {
    bool done;
    int count;
    enum pg_outcome outcome;
    char sqlstate[6];
    char message[PG_MESSAGE_MAX];
    char text[64];
    size_t rows;
    int64_t tcp_us;
    struct pg_session *to_free;
};

static void on_answer(void *arg, const struct pg_answer *result)
{
    struct answer *answer = arg;
    answer->done = true;
    answer->count++;
    answer->outcome = result->outcome;
    answer->rows = result->rows;
    answer->tcp_us = result->tcp_us;
    (void)snprintf(answer->sqlstate, sizeof answer->sqlstate, "%s", result->sqlstate);
    (void)snprintf(answer->message, sizeof answer->message, "%s", result->message);
    (void)snprintf(answer->text, sizeof answer->text, "%s", pg_answer_text(result, 0, 0));
    pg_session_free(answer->to_free);
}

static struct answer connect_with(struct pg_session *session, int64_t timeout_us)
{
    struct answer answer = { 0 };
    pg_session_connect(session, timeout_us, on_answer, &answer);
    CU_ASSERT_FALSE(answer.done); /* never from within the call */
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &answer.done, 10000));
    return answer;
}

static struct answer query_with(struct pg_session *session, const char *sql, const char *const *params, size_t count,
                                int64_t timeout_us)
{
    struct answer answer = { 0 };
    pg_session_query(session, sql, params, count, timeout_us, on_answer, &answer);
    CU_ASSERT_FALSE(answer.done);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &answer.done, 10000));
    return answer;
}

static struct pg_session *session_to(struct pg_target target)
{
    struct fault fault = { "" };
    struct pg_session *session = pg_session_new(pg_fixture_loop(), &target, &fault);
    if (session == NULL)
        fprintf(stderr, "%s\n", fault.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(session);
    return session;
}

static void starts_a_server(void)
{
    pg_fixture_start(&server, NULL);
}

static void queries_with_parameters(void)
{
    struct pg_session *session = session_to(pg_fixture_target(&server, "failoverd"));
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    const char *params[] = { "it's \\ \"quoted\"; drop table t", NULL };
    struct answer answer = query_with(session, "select $1::text, $2::text is null", params, 2, SECOND_US);
    CU_ASSERT_EQUAL(answer.outcome, PG_OK);
    CU_ASSERT_STRING_EQUAL(answer.text, "it's \\ \"quoted\"; drop table t");
    answer = query_with(session, "select 1/0", NULL, 0, SECOND_US);
    CU_ASSERT_EQUAL(answer.outcome, PG_ERROR);
    CU_ASSERT_STRING_EQUAL(answer.sqlstate, "22012");
    CU_ASSERT_TRUE(pg_session_is_connected(session)); /* an error costs nothing but the query */
    CU_ASSERT_STRING_EQUAL(query_with(session, "select 'still here'", NULL, 0, SECOND_US).text, "still here");
    CU_ASSERT_TRUE(pg_session_server_version(session) >= 150000);
    pg_session_free(session);
}

static void answers_in_the_order_of_asking(void)
{
    struct pg_session *session = session_to(pg_fixture_target(&server, "failoverd"));
    struct answer login = { 0 }, a = { 0 }, b = { 0 };
    pg_session_connect(session, 5 * SECOND_US, on_answer, &login);
    pg_session_query(session, "select pg_sleep(0.05), 'a'", NULL, 0, SECOND_US, on_answer, &a);
    pg_session_query(session, "select 'b'", NULL, 0, SECOND_US, on_answer, &b);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &b.done, 10000));
    CU_ASSERT_TRUE(login.done && a.done);
    CU_ASSERT_STRING_EQUAL(b.text, "b");
    pg_session_free(session);
}

static void big_answers_and_questions_pass(void)
{
    static char big[1 << 20];
    memset(big, 'x', sizeof big - 1);
    const char *params[] = { big };
    struct pg_session *session = session_to(pg_fixture_tcp(&server, "failoverd"));
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    struct answer answer = query_with(session, "select length($1::text), repeat($1, 4)", params, 1, 5 * SECOND_US);
    CU_ASSERT_EQUAL(answer.outcome, PG_OK);
    CU_ASSERT_STRING_EQUAL(answer.text, "1048575");
    pg_session_free(session);
}

static void speaks_replication(void)
{
    struct pg_target target = pg_fixture_target(&server, "postgres");
    target.replication = true;
    struct pg_session *session = session_to(target);
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    struct answer answer = query_with(session, "IDENTIFY_SYSTEM", NULL, 0, SECOND_US);
    CU_ASSERT_EQUAL(answer.outcome, PG_OK);
    CU_ASSERT_EQUAL(answer.rows, 1);
    pg_session_free(session);
}

static void a_refused_login_is_no_failure_of_the_server(void)
{
    struct pg_target target = pg_fixture_tcp(&server, "failoverd");
    target.password = "wrong";
    struct pg_session *session = session_to(target);
    struct answer answer = connect_with(session, 5 * SECOND_US);
    CU_ASSERT_EQUAL(answer.outcome, PG_AUTH);
    CU_ASSERT_STRING_EQUAL(answer.sqlstate, "28P01");
    CU_ASSERT_PTR_NULL(strstr(answer.message, "wrong"));
    CU_ASSERT_PTR_NULL(strstr(answer.message, "28P01")); /* cut out */
    pg_session_free(session);

    target = pg_fixture_tcp(&server, "failoverd");
    target.password = NULL;
    session = session_to(target);
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_AUTH);
    pg_session_free(session);

    target = pg_fixture_target(&server, "failoverd");
    target.dbname = "nowhere";
    session = session_to(target);
    answer = connect_with(session, 5 * SECOND_US);
    CU_ASSERT_EQUAL(answer.outcome, PG_AUTH);
    CU_ASSERT_STRING_EQUAL(answer.sqlstate, "3D000");
    pg_session_free(session);

    target = pg_fixture_tcp(&server, "failoverd");
    target.sslmode = "require"; /* this server has no TLS */
    session = session_to(target);
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_AUTH);
    pg_session_free(session);

    target.sslmode = "verify-full"; /* and here is no CA file */
    session = session_to(target);
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_AUTH);
    pg_session_free(session);
}

static int listener(uint16_t *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, length), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 4), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void silence_and_nobody_are_told_apart(void)
{
    struct pg_target target = { .host = "127.0.0.1", .user = "failoverd", .dbname = "postgres" };
    int fd = listener(&target.port);
    struct pg_session *session = session_to(target);
    int64_t begun_us = base_mono_us();
    struct answer answer = connect_with(session, SECOND_US / 5);
    CU_ASSERT_EQUAL(answer.outcome, PG_TIMEOUT); /* connected, then silence: a timer of our own */
    CU_ASSERT_TRUE(answer.tcp_us > 0);
    CU_ASSERT_TRUE(base_mono_us() - begun_us >= SECOND_US / 5);
    (void)close(fd);
    answer = connect_with(session, 5 * SECOND_US); /* the same session, again: now refused */
    CU_ASSERT_EQUAL(answer.outcome, PG_UNREACHABLE);
    CU_ASSERT_EQUAL(answer.tcp_us, 0);
    pg_session_free(session);
}

static void a_server_that_talks_nonsense_is_not_up(void)
{
    static const char *const nonsense[] = { "HTTP/1.1 400 Bad Request\r\n\r\n", "E", "R\xff\xff\xff\xff", "S", "" };
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        struct pg_target target = { .host = "127.0.0.1", .user = "failoverd", .dbname = "postgres" };
        int fd = listener(&target.port);
        struct pg_session *session = session_to(target);
        struct answer answer = { 0 };
        pg_session_connect(session, SECOND_US / 2, on_answer, &answer);
        bool never = false;
        (void)pg_fixture_run(pg_fixture_loop(), &never, 20);
        int peer = accept(fd, NULL, NULL);
        CU_ASSERT_TRUE(write(peer, nonsense[i], strlen(nonsense[i])) >= 0);
        (void)shutdown(peer, SHUT_WR);
        CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &answer.done, 5000));
        CU_ASSERT_NOT_EQUAL(answer.outcome, PG_OK);
        CU_ASSERT_NOT_EQUAL(answer.outcome, PG_OBSERVER);
        pg_session_free(session);
        (void)close(peer);
        (void)close(fd);
    }
}

static void no_descriptor_is_the_observers_fault(void)
{
    struct rlimit before;
    struct pg_session *session = session_to(pg_fixture_tcp(&server, "failoverd"));
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = fcntl(0, F_DUPFD_CLOEXEC, 3);
    (void)close(next);
    struct rlimit few = { .rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max };
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct answer answer = connect_with(session, 5 * SECOND_US);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
    CU_ASSERT_EQUAL(answer.outcome, PG_OBSERVER);
    pg_session_free(session);
}

static void a_query_that_takes_too_long_costs_the_connection(void)
{
    struct pg_session *session = session_to(pg_fixture_target(&server, "failoverd"));
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    struct answer waiting = { 0 }, slow = { 0 };
    pg_session_query(session, "select pg_sleep(5)", NULL, 0, SECOND_US / 10, on_answer, &slow);
    pg_session_query(session, "select 1", NULL, 0, SECOND_US, on_answer, &waiting);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &waiting.done, 3000));
    CU_ASSERT_EQUAL(slow.outcome, PG_TIMEOUT);
    CU_ASSERT_EQUAL(waiting.outcome, PG_LOST);
    CU_ASSERT_FALSE(pg_session_is_connected(session));
    CU_ASSERT_EQUAL(query_with(session, "select 1", NULL, 0, SECOND_US).outcome, PG_LOST);
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK); /* and it can be used again */
    CU_ASSERT_EQUAL(query_with(session, "select 1", NULL, 0, SECOND_US).outcome, PG_OK);
    pg_session_free(session);
}

static void a_terminated_session_says_so(void)
{
    struct pg_session *session = session_to(pg_fixture_target(&server, "failoverd"));
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    struct answer answer = query_with(session, "select pg_terminate_backend(pg_backend_pid())", NULL, 0, SECOND_US);
    CU_ASSERT_EQUAL(answer.outcome, PG_LOST);
    CU_ASSERT_STRING_EQUAL(answer.sqlstate, "57P01");
    pg_session_free(session);
}

static void a_server_that_hangs_up_on_an_idle_session_is_noticed(void)
{
    struct pg_session *session = session_to(pg_fixture_target(&server, "failoverd"));
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'failoverd'",
                                  NULL, 0));
    bool never = false;
    for (int i = 0; i < 100 && pg_session_is_connected(session); i++)
        (void)pg_fixture_run(pg_fixture_loop(), &never, 20);
    CU_ASSERT_FALSE(pg_session_is_connected(session));
    pg_session_free(session);
}

static void may_be_freed_and_closed_anywhere(void)
{
    /* in its own callback */
    struct answer answer = { 0 };
    answer.to_free = session_to(pg_fixture_target(&server, "failoverd"));
    pg_session_query(answer.to_free, "select 1", NULL, 0, SECOND_US, on_answer, &answer);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &answer.done, 3000));
    /* with a connect and a query on their way: no callback. On a machine that stands still the connect may be done
     * by the time it is freed; then once more. */
    struct answer none;
    struct pg_session *session;
    bool never = false;
    for (int tries = 0; tries < 20; tries++) {
        none = (struct answer){ 0 };
        session = session_to(pg_fixture_target(&server, "failoverd"));
        pg_session_connect(session, SECOND_US, on_answer, &none);
        pg_session_query(session, "select 1", NULL, 0, SECOND_US, on_answer, &none);
        (void)pg_fixture_run(pg_fixture_loop(), &never, 1);
        bool too_late = none.done;
        pg_session_free(session);
        if (!too_late)
            break;
    }
    (void)pg_fixture_run(pg_fixture_loop(), &never, 20);
    CU_ASSERT_FALSE(none.done);
    /* closed while connecting: one callback for each */
    struct answer login = { 0 }, query = { 0 };
    session = session_to(pg_fixture_target(&server, "failoverd"));
    pg_session_connect(session, SECOND_US, on_answer, &login);
    pg_session_query(session, "select 1", NULL, 0, SECOND_US, on_answer, &query);
    pg_session_close(session);
    CU_ASSERT_FALSE(login.done || query.done);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &query.done, 3000));
    CU_ASSERT_EQUAL(login.count, 1);
    CU_ASSERT_EQUAL(login.outcome, PG_LOST);
    CU_ASSERT_EQUAL(query.outcome, PG_LOST);
    pg_session_free(session);
}

static void the_environment_does_not_matter(void)
{
    CU_ASSERT_EQUAL(setenv("PGOPTIONS", "-c no_such_parameter=1", 1), 0);
    CU_ASSERT_EQUAL(getenv("PGOPTIONS") != NULL, 1);
    /* the first session was made long ago: what is set since then is the program's own business */
    CU_ASSERT_EQUAL(unsetenv("PGOPTIONS"), 0);
    CU_ASSERT_PTR_NULL(getenv("PGHOST")); /* set before the first one, in main's place below */
    CU_ASSERT_PTR_NULL(getenv("PGSERVICE"));
}

static void targets_that_make_no_sense_are_refused(void)
{
    struct fault fault = { "" };
    struct pg_target target = { .host = "db.example.com", .port = 5432, .user = "u" };
    CU_ASSERT_PTR_NULL(pg_session_new(pg_fixture_loop(), &target, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "hostaddr"));
    target.hostaddr = "db.example.com";
    CU_ASSERT_PTR_NULL(pg_session_new(pg_fixture_loop(), &target, &fault));
    target = (struct pg_target){ .host = "127.0.0.1,127.0.0.2", .port = 5432, .user = "u" };
    CU_ASSERT_PTR_NULL(pg_session_new(pg_fixture_loop(), &target, &fault));
    target = (struct pg_target){ .host = "127.0.0.1", .user = "u" };
    CU_ASSERT_PTR_NULL(pg_session_new(pg_fixture_loop(), &target, &fault));
    target = (struct pg_target){ .host = "127.0.0.1", .port = 5432 };
    CU_ASSERT_PTR_NULL(pg_session_new(pg_fixture_loop(), &target, &fault));
    static char longer[PG_TEXT_MAX + 8];
    memset(longer, 'a', sizeof longer - 1);
    target = (struct pg_target){ .host = "127.0.0.1", .port = 5432, .user = longer };
    CU_ASSERT_PTR_NULL(pg_session_new(pg_fixture_loop(), &target, &fault));
}

static void literals_mean_what_they_say(void)
{
    static const char *const texts[] = { "plain", "it's", "back\\slash", "'; drop table t; --", "" };
    struct pg_session *session = session_to(pg_fixture_target(&server, "failoverd"));
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char literal[64], sql[96];
        CU_ASSERT_TRUE(pg_quote_literal(literal, sizeof literal, texts[i]));
        (void)snprintf(sql, sizeof sql, "select %s", literal);
        CU_ASSERT_STRING_EQUAL(query_with(session, sql, NULL, 0, SECOND_US).text, texts[i]);
    }
    char small[4];
    CU_ASSERT_FALSE(pg_quote_literal(small, sizeof small, "four"));
    pg_session_free(session);
}

static void a_server_killed_under_a_query(void)
{
    struct pg_session *session = session_to(pg_fixture_tcp(&server, "failoverd"));
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    struct answer answer = { 0 };
    pg_session_query(session, "select pg_sleep(5)", NULL, 0, 8 * SECOND_US, on_answer, &answer);
    bool never = false;
    (void)pg_fixture_run(pg_fixture_loop(), &never, 50);
    pg_fixture_kill(&server, SIGQUIT);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &answer.done, 5000));
    CU_ASSERT_EQUAL(answer.outcome, PG_LOST); /* done or not: unknown */
    CU_ASSERT_EQUAL(connect_with(session, 2 * SECOND_US).outcome, PG_UNREACHABLE);
    pg_fixture_restart(&server);
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    pg_session_free(session);
}

static void a_stopped_server_holds_nothing_up(void)
{
    struct pg_session *session = session_to(pg_fixture_tcp(&server, "failoverd"));
    CU_ASSERT_EQUAL(kill(server.pid, SIGSTOP), 0);
    struct answer answer = connect_with(session, SECOND_US / 4);
    CU_ASSERT_EQUAL(answer.outcome, PG_TIMEOUT);
    CU_ASSERT_TRUE(answer.tcp_us > 0); /* the kernel took the connection */
    CU_ASSERT_EQUAL(kill(server.pid, SIGCONT), 0);
    CU_ASSERT_EQUAL(connect_with(session, 5 * SECOND_US).outcome, PG_OK);
    pg_session_free(session);
}

static void stops_the_server(void)
{
    pg_fixture_stop(&server);
    CU_ASSERT_EQUAL(server.pid, 0);
}

/* Before any session: libpq would go there. */
__attribute__((constructor)) static void environment_set(void)
{
    (void)setenv("PGHOST", "192.0.2.1", 1);
    (void)setenv("PGSERVICE", "nowhere", 1);
    pg_session_forget_environment();
}

SUITE_MAIN("pg_session", TEST(starts_a_server), TEST(queries_with_parameters), TEST(answers_in_the_order_of_asking),
           TEST(big_answers_and_questions_pass), TEST(speaks_replication),
           TEST(a_refused_login_is_no_failure_of_the_server), TEST(silence_and_nobody_are_told_apart),
           TEST(a_server_that_talks_nonsense_is_not_up), TEST(no_descriptor_is_the_observers_fault),
           TEST(a_query_that_takes_too_long_costs_the_connection), TEST(a_terminated_session_says_so),
           TEST(a_server_that_hangs_up_on_an_idle_session_is_noticed), TEST(may_be_freed_and_closed_anywhere),
           TEST(the_environment_does_not_matter), TEST(targets_that_make_no_sense_are_refused),
           TEST(literals_mean_what_they_say), TEST(a_server_killed_under_a_query),
           TEST(a_stopped_server_holds_nothing_up), TEST(stops_the_server))
