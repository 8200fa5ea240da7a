/* Who is on a real server's Unix socket, asked as the role that is no superuser. */
#include "coordinator/database/socket_sessions.h"

#include <signal.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define SECOND_US ((int64_t)CLOCK_US_PER_S)
#define CLIENTS 3

static struct pg_server server;
static struct pg_session *clients[CLIENTS];

struct outcome {
    bool done;
    struct socket_sessions found;
};

static void on_found(void *arg, const struct socket_sessions *found)
{
    struct outcome *outcome = arg;
    CU_ASSERT_FALSE(outcome->done);
    outcome->done = true;
    outcome->found = *found;
}

static struct socket_sessions look(int64_t limit_us)
{
    struct outcome outcome = { 0 };
    struct pg_target guard = pg_fixture_target(&server, "failoverd");
    struct socket_errand *errand = socket_sessions_look(pg_fixture_loop(), &guard, "failoverd_canary",
                                                        base_mono_us() + limit_us, on_found, &outcome, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    CU_ASSERT_FALSE(outcome.done);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &outcome.done, 20000));
    return outcome.found;
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    bool *connected = arg;
    CU_ASSERT_EQUAL(result->outcome, PG_OK);
    *connected = true;
}

static struct pg_session *connect_to(const struct pg_target *target)
{
    bool connected = false;
    struct pg_session *session = pg_session_new(pg_fixture_loop(), target, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(session);
    pg_session_connect(session, 5 * SECOND_US, on_connected, &connected);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &connected, 10000));
    return session;
}

static void nobody_is_there(void)
{
    /* The guard itself, the canary, and a client over TCP don't count. */
    struct pg_target canary = pg_fixture_target(&server, "failoverd_canary");
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "create role shop login password '" PG_FIXTURE_PASSWORD "'", NULL, 0));
    struct pg_target shop = pg_fixture_tcp(&server, "shop");
    struct pg_session *there[] = { connect_to(&canary), connect_to(&shop) };
    struct socket_sessions found = look(5 * SECOND_US);
    CU_ASSERT_TRUE(found.complete);
    CU_ASSERT_TRUE(found.listens);
    CU_ASSERT_EQUAL(found.sessions, 0);
    CU_ASSERT_EQUAL(found.count, 0);
    for (size_t i = 0; i < 2; i++)
        pg_session_free(there[i]);
}

static void applications_are_told_by_role(void)
{
    CU_ASSERT_TRUE(pg_fixture_sql(&server, "create role \"cron\033[2Jjob\" login", NULL, 0));
    struct pg_target shop = pg_fixture_target(&server, "shop");
    struct pg_target cron = pg_fixture_target(&server, "cron\033[2Jjob");
    clients[0] = connect_to(&shop);
    clients[1] = connect_to(&cron);
    clients[2] = connect_to(&shop);
    struct socket_sessions found = look(5 * SECOND_US);
    CU_ASSERT_TRUE(found.complete);
    CU_ASSERT_EQUAL(found.sessions, 3);
    CU_ASSERT_EQUAL_FATAL(found.count, 2);
    CU_ASSERT_STRING_EQUAL(found.roles[0].name, "shop");
    CU_ASSERT_EQUAL(found.roles[0].sessions, 2);
    CU_ASSERT_STRING_EQUAL(found.roles[1].name, "cron?[2Jjob");
    CU_ASSERT_EQUAL(found.roles[1].sessions, 1);
    for (size_t i = 0; i < CLIENTS; i++)
        pg_session_free(clients[i]);
}

static void a_frozen_server_ends_at_the_deadline(void)
{
    CU_ASSERT_EQUAL(kill(server.pid, SIGSTOP), 0);
    struct socket_sessions found = look(SECOND_US / 2);
    CU_ASSERT_FALSE(found.complete);
    CU_ASSERT(found.why.text[0] != '\0');
    CU_ASSERT_EQUAL(kill(server.pid, SIGCONT), 0);
}

static void a_server_that_is_down_is_not_known(void)
{
    struct outcome outcome = { 0 };
    struct pg_target guard = pg_fixture_target(&server, "failoverd");
    struct socket_errand *errand = socket_sessions_look(pg_fixture_loop(), &guard, NULL, base_mono_us() + SECOND_US,
                                                        on_found, &outcome, NULL);
    socket_sessions_cancel(errand); /* and no callback comes of it */
    pg_fixture_kill(&server, SIGKILL);
    struct socket_sessions found = look(5 * SECOND_US);
    CU_ASSERT_FALSE(outcome.done);
    CU_ASSERT_FALSE(found.complete);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.why.text, "login"));
    pg_fixture_stop(&server);
}

static void set_up(void)
{
    pg_fixture_start(&server, NULL);
}

SUITE_MAIN("socket_sessions", TEST(set_up), TEST(nobody_is_there), TEST(applications_are_told_by_role),
           TEST(a_frozen_server_ends_at_the_deadline), TEST(a_server_that_is_down_is_not_known))
