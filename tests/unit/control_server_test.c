/* The control socket: the protocol, roles, and everything that people and programs do wrong to it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/operator/control_roles.h"
#include "coordinator/operator/control_server.h"
#include "coordinator/status/status_text.h"
#include "tests/unit/cluster_fixture.h"
#include "tests/unit/suite.h"

#define WAIT_MS 10000
#define LATER 0x1a7e4 /* what is put down for a time has this id */

static char folder[64];
static char path[100];
static char journal_path[128];
static char audit_path[128];
static struct loop *loop;
static struct control_server *server;
static struct journal *journal;
static struct audit *audit;
static pthread_t thread;
static struct control_config roles;

/* What the handler does with the next requests. */
enum behaviour { ANSWERS, ANSWERS_LATER, CANNOT, ORDERS, LARGE, BIG };
static _Atomic int behaviour;
static _Atomic int handled;
static _Atomic uint64_t held_ticket;
static struct order ordered; /* the last; read once its answer has come */

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static bool handle(void *arg, const struct control_request *request)
{
    (void)arg;
    handled++;
    size_t service;
    struct order order;
    switch ((enum behaviour)behaviour) {
    case ANSWERS:
        control_reply(server, request->ticket, json_pack("{s:s}", "said", request->command->name));
        return true;
    case ANSWERS_LATER:
        held_ticket = request->ticket;
        return true;
    case CANNOT:
        return false;
    case LARGE:
    case BIG: {
        size_t size = behaviour == BIG ? CONTROL_REPLY_MAX + 100 : 65536;
        char *big = calloc(1, size);
        memset(big, 'x', size - 1);
        control_reply(server, request->ticket, json_pack("{s:s}", "big", big));
        free(big);
        return true;
    }
    case ORDERS:
        if (command_answers(request->command->id)) {
            struct message_order_reply reply = { .answer = ANSWER_ACCEPTED, .operation = 0xaa, .gate = GATE_COUNT };
            control_answer_of(request, &ordered);
            if (ordered.operation == LATER)
                control_about_later(server, request->ticket);
            control_answer_order(server, request->ticket, fixture_cluster(), &reply);
            return true;
        }
        if (control_order(server, request, fixture_cluster(), &service, &order)) {
            ordered = order;
            struct message_order_reply reply = { .answer = ANSWER_ACCEPTED, .operation = 0xaa,
                                                 .gate = GATE_COUNT };
            if (order.skipped_gates != 0)
                reply = (struct message_order_reply){ .answer = ANSWER_GATE,
                                                      .gate = GATE_TARGET_HEALTHY };
            control_answer_order(server, request->ticket, fixture_cluster(), &reply);
        }
        return true;
    }
    return false;
}

static void *run(void *arg)
{
    struct fault fault;
    (void)arg;
    if (!loop_run(loop, &fault))
        abort();
    return NULL;
}

static void start(bool with_audit, int64_t idle_ms)
{
    struct fault fault = { "" };
    struct log_settings quiet = log_settings_default();
    quiet.level = LOG_LEVEL_ERROR;
    log_open(&quiet);
    snprintf(folder, sizeof folder, "/tmp/control-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sock", folder);
    snprintf(journal_path, sizeof journal_path, "%s/journal", folder);
    snprintf(audit_path, sizeof audit_path, "%s/audit", folder);
    loop = loop_new("test", &fault);
    struct journal_settings js = { journal_path, "use1-a", fixture_cluster(), loop, NULL };
    journal = with_audit ? journal_new(&js, &fault) : NULL;
    struct audit_settings as = { audit_path, "use1-a", loop, journal };
    audit = with_audit ? audit_new(&as, &fault) : NULL;
    behaviour = ANSWERS;
    handled = 0;
    held_ticket = 0;
    struct control_server_settings settings = { .path = path, .roles = &roles, .handle = handle,
                                                .audit = audit, .idle_ms = idle_ms };
    server = control_server_new(loop, &settings, &fault);
    if (server == NULL)
        fprintf(stderr, "%s\n", fault.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(server);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, NULL), 0);
}

static void stop(void)
{
    loop_stop(loop);
    pthread_join(thread, NULL);
    control_server_free(server);
    CU_ASSERT_TRUE(audit_free(audit, 5000));
    CU_ASSERT_TRUE(journal_free(journal, 5000));
    loop_free(loop);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    unlink(journal_path);
    unlink(audit_path);
    rmdir(folder);
}

/* ---- a client, written anew so that a mistake is not made twice ---- */

static int dial(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval timeout = { WAIT_MS / 1000, 0 };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t length = strlen(text);
    (void)!send(fd, text, length, MSG_NOSIGNAL);
}

/* One line, parsed; NULL at the end of the connection. */
static json_t *hear(int fd)
{
    static char line[CONTROL_REPLY_MAX + 16];
    size_t used = 0;
    while (used + 1 < sizeof line) {
        ssize_t got = recv(fd, line + used, 1, 0);
        if (got <= 0)
            return NULL;
        if (line[used] == '\n')
            return json_loadb(line, used, 0, NULL);
        used++;
    }
    return NULL;
}

static json_t *ask(int fd, const char *text)
{
    say(fd, text);
    return hear(fd);
}

static void expect_error(json_t *reply, const char *code, int exit)
{
    int64_t number = -1;
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
    CU_ASSERT_TRUE(json_is_false(json_object_get(reply, "ok")));
    const json_t *error = json_object_get(reply, "error");
    CU_ASSERT_STRING_EQUAL(peek_str(error, "code", "?"), code);
    CU_ASSERT(strlen(peek_str(error, "text", "")) > 5);
    CU_ASSERT_TRUE(peek_int(error, "exit", &number));
    CU_ASSERT_EQUAL(number, exit);
    json_decref(reply);
}

static void expect_good(json_t *reply)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
    CU_ASSERT_TRUE(json_is_true(json_object_get(reply, "ok")));
    json_decref(reply);
}

#define STATUS "{\"id\":5,\"command\":\"status\"}\n"
#define FAILOVER(more)                                                                            \
    "{\"id\":1,\"command\":\"failover\",\"service\":\"shop\",\"to\":\"us-west-2\",\"reason\":\"fire\"" more "}\n"

#define SWITCHOVER(to, more)                                                                      \
    "{\"id\":1,\"command\":\"switchover\",\"service\":\"shop\",\"to\":\"" to "\",\"reason\":\"new disks\"" more "}\n"

#define DECLINE(id) "{\"command\":\"decline\",\"operation\":\"" id "\",\"reason\":\"not tonight\"}\n"

static bool until(bool (*happened)(void))
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        if (happened())
            return true;
        usleep(10000);
    }
    return false;
}

static bool has_ticket(void) { return held_ticket != 0; }
static bool nobody_connected(void)
{
    struct control_counters counters;
    control_counters(server, &counters);
    return counters.connections == 0;
}

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

/* ---- tests ---- */

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

static void roles_go_by_numbers(void)
{
    const char *read_items[] = { "group:daemon" };
    const char *force_items[] = { "user:bin", "root" };
    struct control_config config = { .read = { read_items, 1 }, .force = { force_items, 2 } };
    struct fault fault = { "" };
    struct control_roles *people = control_roles_new(&config, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(people);
    gid_t daemon_group = 1; /* Debian's static numbers: daemon 1, bin 2 */
    CU_ASSERT_EQUAL(control_roles_role(people, 12345, NULL, 0), ROLE_NONE);
    CU_ASSERT_EQUAL(control_roles_role(people, 12345, &daemon_group, 1), ROLE_READ);
    CU_ASSERT_EQUAL(control_roles_role(people, 2, NULL, 0), ROLE_FORCE);
    CU_ASSERT_EQUAL(control_roles_role(people, 0, NULL, 0), ROLE_FORCE);
    CU_ASSERT_EQUAL(control_roles_role(people, geteuid(), NULL, 0), ROLE_FORCE);
    gid_t group = 99;
    CU_ASSERT_TRUE(control_roles_group(people, &group));
    CU_ASSERT_EQUAL(group, daemon_group);
    control_roles_free(people);
    read_items[0] = "user:no-such-user-here";
    CU_ASSERT_PTR_NULL(control_roles_new(&config, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "no-such-user-here"));
    read_items[0] = "everybody";
    CU_ASSERT_PTR_NULL(control_roles_new(&config, &fault));
}

static struct control_server *try_listen(struct fault *fault)
{
    struct control_server_settings settings = { .path = path, .roles = &roles, .handle = handle };
    return control_server_new(loop, &settings, fault);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void)
{
    start(false, 0);
    struct fault fault = { "" };
    CU_ASSERT_PTR_NULL(try_listen(&fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "running already"));
    int fd = dial();
    expect_good(ask(fd, STATUS)); /* the first one is untouched */
    close(fd);
    stop();
    CU_ASSERT_EQUAL(mkdir(folder, 0700), 0);
    loop = loop_new("test", &fault);
    /* Left behind by a process that died. */
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead);
    struct control_server *again = try_listen(&fault);
    CU_ASSERT_PTR_NOT_NULL(again);
    control_server_free(again);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    /* Something else of that name is left alone. */
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    CU_ASSERT_PTR_NULL(try_listen(&fault));
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    unlink(path);
    loop_free(loop);
    rmdir(folder);
}

SUITE_MAIN("control_server", TEST(questions_are_answered_in_order), TEST(answers_may_come_later),
           TEST(each_process_has_tickets_of_its_own),
           TEST(wrong_requests_are_refused), TEST(garbage_ends_only_its_own_connection),
           TEST(half_lines_and_silence_end_at_the_deadline), TEST(a_crowd_of_idlers_makes_room),
           TEST(a_client_that_never_reads_harms_nobody),
           TEST(orders_are_on_record), TEST(an_order_that_cannot_be_kept_is_refused),
           TEST(an_order_outlived_by_its_line_is_not_done),
           TEST(a_denied_order_is_on_record), TEST(a_switchover_is_ordered_as_one),
           TEST(what_is_put_down_for_later_is_answered_as_such), TEST(roles_go_by_numbers),
           TEST(a_stale_socket_is_replaced_and_a_live_one_is_not))
