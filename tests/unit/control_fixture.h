/* A control socket with a handler of its own, on a loop in its own thread, and a client that is written anew, so that a
 * mistake is not made twice: for suites of the control server. */
#ifndef FAILOVERD_TESTS_CONTROL_FIXTURE_H
#define FAILOVERD_TESTS_CONTROL_FIXTURE_H

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "coordinator/base/log.h"
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

static inline bool handle(void *arg, const struct control_request *request)
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

static inline void *run(void *arg)
{
    struct fault fault;
    (void)arg;
    if (!loop_run(loop, &fault))
        abort();
    return NULL;
}

static inline void start(bool with_audit, int64_t idle_ms)
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

static inline void stop(void)
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

/* ---- the client ---- */

static inline int dial(void)
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

static inline void say(int fd, const char *text)
{
    size_t length = strlen(text);
    (void)!send(fd, text, length, MSG_NOSIGNAL);
}

/* One line, parsed; NULL at the end of the connection. */
static inline json_t *hear(int fd)
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

static inline json_t *ask(int fd, const char *text)
{
    say(fd, text);
    return hear(fd);
}

static inline void expect_error(json_t *reply, const char *code, int exit)
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

static inline void expect_good(json_t *reply)
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

static inline bool until(bool (*happened)(void))
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        if (happened())
            return true;
        usleep(10000);
    }
    return false;
}

#endif
