/* Orders on the control socket: as the core gets them, in words, and on record before anything is done. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "coordinator/base/clock.h"
#include "tests/unit/control_fixture.h"

static bool one_connected(void)
{
    struct control_counters counters;
    control_counters(server, &counters);
    return counters.connections == 1;
}

static bool was_handled(void)
{
    return handled > 0;
}

static void count_orders(const char *file_path)
{
    FILE *file = fopen(file_path, "r");
    char line[JOURNAL_LINE_MAX];
    int asked = 0;
    int answered = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fgets(line, sizeof line, file) != NULL) {
        asked += strstr(line, "\"order_asked\"") != NULL && strstr(line, "\"uid\":") != NULL;
        answered += strstr(line, "\"order_answered\"") != NULL && strstr(line, "\"outcome\":") != NULL;
    }
    fclose(file);
    CU_ASSERT_EQUAL(asked, 5);
    CU_ASSERT_EQUAL(answered, 5);
}

static void orders_are_on_record(void)
{
    start(true, 0);
    behaviour = ORDERS;
    int fd = dial();
    json_t *reply = ask(fd, FAILOVER(""));
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(reply, "result"), "operation", ""),
                           "00000000000000aa");
    json_decref(reply);
    reply = ask(fd, FAILOVER(",\"skip_gates\":[\"fence\"]"));
    CU_ASSERT_STRING_EQUAL(peek_str(json_object_get(reply, "error"), "gate", ""), "target_healthy");
    expect_error(reply, "gate", EXIT_GATE);
    expect_error(ask(fd, "{\"command\":\"failover\",\"service\":\"no\",\"to\":\"us-west-2\",\"reason\":\"x\"}\n"),
                 "no_service", EXIT_USAGE);
    expect_error(ask(fd, "{\"command\":\"failover\",\"service\":\"shop\",\"to\":\"no\",\"reason\":\"x\"}\n"),
                 "no_region", EXIT_USAGE);
    expect_good(ask(fd, "{\"command\":\"dns adopt\",\"service\":\"shop\",\"reason\":\"x\"}\n"));
    close(fd);
    loop_stop(loop);
    pthread_join(thread, NULL);
    control_server_free(server);
    server = NULL;
    CU_ASSERT_TRUE(audit_free(audit, 5000));
    audit = NULL;
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    journal = NULL;
    count_orders(journal_path);
    count_orders(audit_path);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, NULL), 0);
    stop();
}

static int lines_with(const char *file_path, const char *needle)
{
    FILE *file = fopen(file_path, "r");
    char line[JOURNAL_LINE_MAX];
    int found = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fgets(line, sizeof line, file) != NULL)
        found += strstr(line, needle) != NULL;
    fclose(file);
    return found;
}

/* The line is there when the handler is called, and no handler is called when it can't be there. */
static void an_order_that_cannot_be_kept_is_refused(void)
{
    start(true, 0);
    behaviour = ANSWERS_LATER;
    int fd = dial();
    say(fd, FAILOVER(""));
    CU_ASSERT_TRUE(until(was_handled));
    CU_ASSERT_EQUAL(lines_with(audit_path, "\"order_asked\""), 1);
    int waiting = fd; /* for ever: its answer never comes */
    CU_ASSERT_EQUAL(unlink(audit_path), 0);
    CU_ASSERT_EQUAL(mkdir(audit_path, 0700), 0); /* so that the next line finds no file */
    behaviour = ANSWERS;
    handled = 0;
    fd = dial();
    json_t *reply = ask(fd, FAILOVER(""));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(reply, "error"), "text", ""), audit_path));
    expect_error(reply, "not_audited", EXIT_FAILED);
    CU_ASSERT_EQUAL(handled, 0);
    expect_good(ask(fd, STATUS)); /* looking needs no record */
    CU_ASSERT_EQUAL(handled, 1);
    say(fd, FAILOVER(""));
    close(fd); /* gone before the disk answered */
    CU_ASSERT_TRUE(until(one_connected));
    CU_ASSERT_EQUAL(rmdir(audit_path), 0);
    fd = dial();
    expect_good(ask(fd, FAILOVER("")));
    CU_ASSERT_EQUAL(handled, 2);
    close(fd);
    close(waiting);
    stop();
}

static bool was_asked(void)
{
    struct control_counters counters;
    control_counters(server, &counters);
    return counters.requests > 0;
}

static bool trail_begins(void) { return access(audit_path, R_OK) == 0 && lines_with(audit_path, "\n") > 0; }

/* The line that opened the trail, and the order's. */
static bool order_was_kept(void) { return lines_with(journal_path, "\"audit_line\"") == 2; }

/* The socket is closed while the disk has not taken the line yet: it is kept, and nobody is there to be told. */
static void an_order_outlived_by_its_line_is_not_done(void)
{
    start(true, 0);
    CU_ASSERT_TRUE(until(trail_begins));
    CU_ASSERT_EQUAL(unlink(audit_path), 0);
    CU_ASSERT_EQUAL(mkdir(audit_path, 0700), 0);
    int fd = dial();
    say(fd, FAILOVER(""));
    CU_ASSERT_TRUE(until(was_asked));
    loop_stop(loop);
    pthread_join(thread, NULL);
    control_server_free(server);
    server = NULL;
    CU_ASSERT_EQUAL(rmdir(audit_path), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, NULL), 0);
    CU_ASSERT_TRUE(until(order_was_kept));
    CU_ASSERT_EQUAL(handled, 0);
    close(fd);
    stop();
}

/* As somebody who is nobody: only root can try that. */
static void a_denied_order_is_on_record(void)
{
    if (geteuid() != 0)
        return;
    start(true, 0);
    CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
    CU_ASSERT_EQUAL(chmod(path, 0666), 0);
    pid_t child = fork();
    CU_ASSERT_FATAL(child >= 0);
    if (child == 0) {
        char reply[512] = "";
        if (setresuid(65534, 65534, 65534) != 0)
            _exit(2);
        int fd = dial();
        say(fd, FAILOVER(""));
        _exit(read(fd, reply, sizeof reply - 1) > 0 && strstr(reply, "\"denied\"") != NULL ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(handled, 0);
    CU_ASSERT_EQUAL(lines_with(audit_path, "\"order_denied\""), 1);
    CU_ASSERT_EQUAL(lines_with(audit_path, "\"uid\":65534"), 1);
    stop();
}

/* As the core gets it, and its answer in words of the same command. */
static void a_switchover_is_ordered_as_one(void)
{
    start(false, 0);
    behaviour = ORDERS;
    int fd = dial();
    expect_good(ask(fd, SWITCHOVER("us-west-2", "")));
    CU_ASSERT_EQUAL(ordered.kind, ORDER_SWITCHOVER);
    CU_ASSERT_EQUAL(ordered.to, FIXTURE_WEST);
    CU_ASSERT_STRING_EQUAL(ordered.why.s, "new disks");
    json_t *reply = ask(fd, SWITCHOVER("us-west-2", ",\"skip_gates\":[\"target_streaming_and_timeline\"]"));
    const char *todo = peek_str(json_object_get(reply, "error"), "todo", "");
    CU_ASSERT_PTR_NOT_NULL(strstr(todo, "failoverctl switchover"));
    CU_ASSERT_PTR_NULL(strstr(todo, "SERVICE")); /* its name instead, to be pasted */
    expect_error(reply, "gate", EXIT_GATE);
    expect_error(ask(fd, SWITCHOVER("no", "")), "no_region", EXIT_USAGE);
    expect_error(ask(fd, SWITCHOVER("us-west-2", ",\"skip_gates\":[\"fence\"]")), "usage", EXIT_USAGE);
    expect_good(ask(fd, FAILOVER("")));
    CU_ASSERT_EQUAL(ordered.kind, ORDER_FAILOVER);
    close(fd);
    stop();
}

/* To cancel what waits for its time is no word about a region that failed. */
static void what_is_put_down_for_later_is_answered_as_such(void)
{
    start(false, 0);
    behaviour = ORDERS;
    int fd = dial();
    json_t *reply = ask(fd, DECLINE("000000000001a7e4"));
    const json_t *result = json_object_get(reply, "result");
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(result, "text", ""), "cancelled: the switchover"));
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(result, "todo", ""), "--at TIME"));
    expect_good(reply);
    /* The next on the same connection is another matter. */
    reply = ask(fd, DECLINE("00000000000000aa"));
    result = json_object_get(reply, "result");
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(result, "text", ""), "before the region was well again"));
    expect_good(reply);
    char order[256];
    (void)snprintf(order, sizeof order, SWITCHOVER("us-west-2", ",\"at_ms\":%lld"),
                   (long long)(base_wall_us() / 1000 + 3600000));
    reply = ask(fd, order);
    CU_ASSERT_PTR_NOT_NULL(strstr(peek_str(json_object_get(reply, "result"), "text", ""), "put down for later"));
    expect_good(reply);
    close(fd);
    stop();
}

SUITE_MAIN("control_orders", TEST(orders_are_on_record), TEST(an_order_that_cannot_be_kept_is_refused),
           TEST(an_order_outlived_by_its_line_is_not_done), TEST(a_denied_order_is_on_record),
           TEST(a_switchover_is_ordered_as_one), TEST(what_is_put_down_for_later_is_answered_as_such))
