/* The control socket: the protocol, and everything that people and programs do wrong to it. */
#include <sys/stat.h>

#include "tests/unit/control_fixture.h"

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static bool has_ticket(void) { return held_ticket != 0; }
static bool nobody_connected(void)
{
    struct control_counters counters;
    control_counters(server, &counters);
    return counters.connections == 0;
}

static void questions_are_answered_in_order(void)
{
    start(false, 0);
    struct stat file;
    CU_ASSERT_EQUAL(stat(path, &file), 0);
    CU_ASSERT_EQUAL(file.st_mode & 0777, 0660);
    int fd = dial();
    json_t *reply = ask(fd, STATUS);
    int64_t id = 0;
    CU_ASSERT_TRUE(peek_int(reply, "id", &id));
    CU_ASSERT_EQUAL(id, 5);
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(reply, "result"), "said", ""), "status");
    json_decref(reply);
    /* Two in one piece, and an empty line between them. */
    say(fd, STATUS "\n{\"id\":\"x\",\"command\":\"history\"}\n");
    expect_good(hear(fd));
    reply = hear(fd);
    CU_ASSERT_STRING_EQUAL(peek_str(reply, "id", ""), "x");
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(reply, "result"), "said", ""), "history");
    json_decref(reply);
    /* Byte by byte. */
    for (const char *at = STATUS; *at != '\0'; at++)
        CU_ASSERT_EQUAL(send(fd, at, 1, MSG_NOSIGNAL), 1);
    expect_good(hear(fd));
    /* Closed for sending right after the question: the answer still comes. */
    say(fd, STATUS);
    shutdown(fd, SHUT_WR);
    expect_good(hear(fd));
    CU_ASSERT_PTR_NULL(hear(fd));
    close(fd);
    stop();
}

/* Another node may answer late what a former process forwarded to it: that is nobody's answer here. */
static void each_process_has_tickets_of_its_own(void)
{
    uint64_t first = 0;
    for (int process = 0; process < 2; process++) {
        start(false, 0);
        behaviour = ANSWERS_LATER;
        int fd = dial();
        say(fd, STATUS);
        CU_ASSERT_TRUE_FATAL(until(has_ticket));
        CU_ASSERT_NOT_EQUAL(held_ticket, first);
        first = held_ticket;
        close(fd);
        stop();
    }
}

static void answers_may_come_later(void)
{
    start(false, 0);
    behaviour = ANSWERS_LATER;
    int fd = dial();
    say(fd, STATUS STATUS);
    CU_ASSERT_TRUE_FATAL(until(has_ticket));
    CU_ASSERT_EQUAL(handled, 1); /* one at a time */
    /* Others are served meanwhile. */
    behaviour = ANSWERS;
    int other = dial();
    expect_good(ask(other, STATUS));
    close(other);
    loop_stop(loop);
    pthread_join(thread, NULL);
    control_reply(server, held_ticket + 1000, json_object()); /* nobody's */
    control_reply(server, held_ticket, json_object());
    control_reply(server, held_ticket, json_object()); /* twice */
    struct fault fault;
    CU_ASSERT_TRUE(loop_post(loop, stop_loop, loop));
    (void)!loop_run(loop, &fault);
    expect_good(hear(fd));
    expect_good(hear(fd));
    close(fd);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, NULL), 0);
    stop();
}

static void wrong_requests_are_refused(void)
{
    start(false, 0);
    int fd = dial();
    expect_error(ask(fd, "{\"id\":1,\"command\":\"reboot\"}\n"), "unknown_command", EXIT_USAGE);
    expect_error(ask(fd, "{\"id\":1,\"command\":\"check-config\"}\n"), "unknown_command", EXIT_USAGE);
    expect_error(ask(fd, "{\"id\":1}\n"), "unknown_command", EXIT_USAGE);
    expect_error(ask(fd, "{\"id\":1,\"command\":[]}\n"), "unknown_command", EXIT_USAGE);
    expect_error(ask(fd, "{\"command\":\"status\",\"x\":1}\n"), "usage", EXIT_USAGE);
    expect_error(ask(fd, FAILOVER(",\"skip_gates\":[\"x\"]")), "usage", EXIT_USAGE);
    behaviour = CANNOT;
    expect_error(ask(fd, STATUS), "unavailable", EXIT_FAILED);
    behaviour = BIG;
    expect_error(ask(fd, STATUS), "too_large", EXIT_FAILED);
    behaviour = ANSWERS;
    expect_good(ask(fd, STATUS)); /* the connection is still good */
    close(fd);
    stop();
}

static void garbage_ends_only_its_own_connection(void)
{
    static const char *const garbage[] = { "hello\n", "[]\n", "{\"a\":1,\"a\":2}\n", "{\n", "\xff\xfe\n",
                                           "GET / HTTP/1.1\r\n", "{\"command\":\"status\"} x\n" };
    start(false, 0);
    int good = dial();
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        int fd = dial();
        expect_error(ask(fd, garbage[i]), "malformed", EXIT_USAGE);
        CU_ASSERT_PTR_NULL(hear(fd));
        close(fd);
    }
    static char deep[CONTROL_LINE_MAX];
    memset(deep, '[', sizeof deep - 2);
    deep[sizeof deep - 2] = '\n';
    int fd = dial();
    expect_error(ask(fd, deep), "malformed", EXIT_USAGE);
    close(fd);
    static char endless[4 * CONTROL_LINE_MAX];
    memset(endless, 'a', sizeof endless - 1);
    fd = dial();
    fcntl(fd, F_SETFL, O_NONBLOCK);
    say(fd, endless);
    fcntl(fd, F_SETFL, 0);
    expect_error(hear(fd), "malformed", EXIT_USAGE);
    close(fd);
    expect_good(ask(good, STATUS));
    close(good);
    CU_ASSERT_TRUE(until(nobody_connected));
    stop();
}

static void half_lines_and_silence_end_at_the_deadline(void)
{
    start(false, 200);
    int half = dial();
    say(half, "{\"command\":\"sta");
    int silent = dial();
    CU_ASSERT_PTR_NULL(hear(silent));
    CU_ASSERT_PTR_NULL(hear(half));
    close(half);
    close(silent);
    CU_ASSERT_TRUE(until(nobody_connected));
    stop();
}

static void a_crowd_of_idlers_makes_room(void)
{
    int fds[CONTROL_CONNECTIONS_MAX + 36];
    size_t count = sizeof fds / sizeof fds[0];
    start(false, 0);
    for (size_t i = 0; i < count; i++)
        fds[i] = dial();
    int fd = dial();
    expect_good(ask(fd, STATUS));
    struct control_counters counters;
    control_counters(server, &counters);
    CU_ASSERT(counters.connections <= CONTROL_CONNECTIONS_MAX);
    CU_ASSERT(counters.evicted >= 36);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    close(fd);
    stop();
}

static void a_client_that_never_reads_harms_nobody(void)
{
    start(false, 0);
    int deaf = dial();
    fcntl(deaf, F_SETFL, O_NONBLOCK);
    behaviour = LARGE;
    /* More questions than answers fit anywhere: the server stops looking at them, then we can't send. */
    for (int i = 0; i < 20000; i++)
        if (send(deaf, STATUS, strlen(STATUS), MSG_NOSIGNAL) < 0)
            usleep(50);
    usleep(200000);
    CU_ASSERT(handled > 0 && handled < 200);
    behaviour = ANSWERS;
    int fd = dial();
    for (int i = 0; i < 20; i++)
        expect_good(ask(fd, STATUS));
    close(fd);
    close(deaf);
    CU_ASSERT_TRUE(until(nobody_connected));
    stop();
}

SUITE_MAIN("control_server", TEST(questions_are_answered_in_order), TEST(each_process_has_tickets_of_its_own),
           TEST(answers_may_come_later), TEST(wrong_requests_are_refused), TEST(garbage_ends_only_its_own_connection),
           TEST(half_lines_and_silence_end_at_the_deadline), TEST(a_crowd_of_idlers_makes_room),
           TEST(a_client_that_never_reads_harms_nobody))
