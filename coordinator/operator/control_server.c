/* The control socket: connections, lines, tickets. See control_server.h.
 *
 * A connection is in one of three states: it listens (no ticket), its request is being answered (a
 * ticket; nothing more is read), or it is closing (what is left is written, then it ends). */
#include "coordinator/operator/control_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/random.h"
#include "coordinator/base/text.h"
#include "coordinator/operator/control_parts.h"
#include "coordinator/operator/control_roles.h"
#include "coordinator/operator/control_socket.h"
#include "coordinator/status/names.h"

#define ID_TEXT_MAX 64
#define BACKLOG_BYTES_MAX (256 * 1024) /* answers not taken; beyond it no further request is looked at */
#define ACCEPT_PAUSE_MS 500 /* after an accept that failed: descriptors are short */

struct connection {
    struct control_server *server; /* NULL: a free place */
    struct bufferevent *stream;
    struct timer timer;
    int64_t quiet_since_us; /* of the last whole request, or of the beginning */
    bool dispatching;
    bool closing;
    bool audited;
    bool about_later;       /* see control_about_later() */
    uint64_t asked;         /* its number in the audit trail; 0: none */
    json_t *object;         /* the request being answered */
    struct control_request request;
};

struct control_server {
    struct loop *loop;
    struct evconnlistener *listener;
    struct timer accept_again;
    struct control_roles *people;
    struct audit *audit;
    control_handler *handle;
    void *arg;
    int64_t idle_us;
    uint64_t last_ticket;
    char path[256];
    struct stat file;
    bool listening;
    struct control_counters counters;
    struct connection connections[CONTROL_CONNECTIONS_MAX];
};

/* ---- ends ---------------------------------------------------------------------------------- */

static void connection_end(struct connection *connection)
{
    struct control_server *server = connection->server;
    if (server->audit != NULL)
        audit_forget(server->audit, connection);
    timer_cancel(&connection->timer);
    bufferevent_free(connection->stream);
    json_decref(connection->object);
    memset(connection, 0, sizeof *connection);
    server->counters.connections--;
}

static void connection_quiet(struct connection *connection)
{
    connection->quiet_since_us = base_mono_us();
    timer_set_after_us(&connection->timer, connection->server->idle_us);
}

/* Once what is queued has been taken. bufferevent's own timeout ends a reader who does not read. */
static void connection_close_soon(struct connection *connection)
{
    connection->closing = true;
    (void)bufferevent_disable(connection->stream, EV_READ);
    if (evbuffer_get_length(bufferevent_get_output(connection->stream)) == 0 &&
        !connection->dispatching)
        connection_end(connection);
}

/* ---- answers ------------------------------------------------------------------------------- */

/* The asker's own mark, given back; anything that is no small mark becomes null. */
static json_t *id_of(const json_t *object)
{
    json_t *id = json_object_get(object, "id");
    bool good = json_is_integer(id) || (json_is_string(id) && json_string_length(id) < ID_TEXT_MAX);
    return good ? json_incref(id) : json_null();
}

/* Steals both. False if it could not be made. */
static bool send_line(struct connection *connection, json_t *id, bool ok, json_t *body)
{
    json_t *reply = json_pack("{s:o, s:b, s:o}", "id", id, "ok", ok, ok ? "result" : "error", body);
    char *line = reply != NULL ? json_dumps(reply, JSON_COMPACT) : NULL;
    json_decref(reply);
    size_t length = line != NULL ? strlen(line) : 0;
    bool good = length > 0 && length < CONTROL_REPLY_MAX &&
                bufferevent_write(connection->stream, line, length) == 0 &&
                bufferevent_write(connection->stream, "\n", 1) == 0;
    free(line);
    return good;
}

json_t *control_error(const char *code, enum exit_code exit, const char *text, const char *todo,
                      json_t *more)
{
    json_t *error = json_object();
    (void)json_object_set_new(error, "code", json_string(code));
    (void)json_object_set_new(error, "text", json_of_text(text));
    (void)json_object_set_new(error, "todo", json_of_text(todo));
    (void)json_object_set_new(error, "exit", json_integer((json_int_t)exit));
    if (more != NULL)
        (void)json_object_update_missing(error, more);
    json_decref(more);
    return error;
}

/* A line that is no request gets its reason, and the connection ends: where the next line begins
 * can't be trusted. */
static void refuse_line(struct connection *connection, const char *text)
{
    connection->server->counters.malformed++;
    (void)send_line(connection, json_null(), false,
                    control_error("malformed", EXIT_USAGE, text,
                             "See coordinator/operator/README.md for the protocol.", NULL));
    connection_close_soon(connection);
}

static struct connection *find_ticket(struct control_server *server, uint64_t ticket)
{
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX && ticket != 0; i++)
        if (server->connections[i].server != NULL &&
            server->connections[i].request.ticket == ticket)
            return &server->connections[i];
    return NULL;
}

static void process_lines(struct connection *connection);

static struct journal_audit audit_entry(const struct connection *connection, const char *event, const char *outcome)
{
    const struct control_request *request = &connection->request;
    return (struct journal_audit){
        .event = event,
        .uid = request->who.uid,
        .pid = request->who.pid,
        .user = request->who.user,
        .role = control_role_name(request->who.role),
        .command = request->command->name,
        .service = request->arguments.service,
        .reason = request->arguments.reason,
        .skipped_gates = request->arguments.skipped_gates,
        .outcome = outcome,
    };
}

static void audit_answer(struct connection *connection, const char *outcome, uint64_t operation)
{
    struct fault fault;
    if (!connection->audited)
        return;
    struct journal_audit entry = audit_entry(connection, "order_answered", outcome);
    entry.operation = operation;
    entry.asked = connection->asked;
    if (!audit_put(connection->server->audit, &entry, NULL, NULL, NULL, &fault))
        log_event(LOG_LEVEL_ERROR, "the outcome of an order could not be put into the audit trail",
                  LOG_STR("reason", fault.text));
}

/* Steals the body; ends the request. */
static void answer(struct connection *connection, bool ok, json_t *body, const char *outcome,
                   uint64_t operation)
{
    audit_answer(connection, outcome, operation);
    bool sent = send_line(connection, id_of(connection->object), ok, body);
    if (!sent)
        sent = send_line(connection, id_of(connection->object), false,
                         control_error("too_large", EXIT_FAILED, "the answer is too large",
                                  "Ask for one service.", NULL));
    json_decref(connection->object);
    connection->object = NULL;
    connection->request = (struct control_request){ .who = connection->request.who };
    connection->audited = false;
    connection->about_later = false;
    connection->asked = 0;
    if (!sent) {
        connection_close_soon(connection);
        return;
    }
    connection_quiet(connection);
    if (connection->dispatching)
        return;
    (void)bufferevent_enable(connection->stream, EV_READ);
    process_lines(connection);
}

void control_reply(struct control_server *server, uint64_t ticket, json_t *result)
{
    struct connection *connection = find_ticket(server, ticket);
    if (connection == NULL) {
        json_decref(result);
        return;
    }
    answer(connection, true, result != NULL ? result : json_null(), "done", 0);
}

const struct command_arguments *control_arguments(struct control_server *server, uint64_t ticket)
{
    struct connection *connection = find_ticket(server, ticket);
    return connection != NULL ? &connection->request.arguments : NULL;
}

enum command_id control_asked(struct control_server *server, uint64_t ticket)
{
    struct connection *connection = find_ticket(server, ticket);
    return connection != NULL ? connection->request.command->id : COMMAND_COUNT;
}

bool control_asked_later(struct control_server *server, uint64_t ticket)
{
    struct connection *connection = find_ticket(server, ticket);
    return connection != NULL && (connection->about_later || connection->request.arguments.at_us != 0);
}

void control_about_later(struct control_server *server, uint64_t ticket)
{
    struct connection *connection = find_ticket(server, ticket);
    if (connection != NULL)
        connection->about_later = true;
}

const char *control_asked_service(struct control_server *server, uint64_t ticket)
{
    struct connection *connection = find_ticket(server, ticket);
    return connection != NULL ? connection->request.arguments.service : NULL;
}

void control_end(struct control_server *server, uint64_t ticket, const struct control_end *end)
{
    struct connection *connection = find_ticket(server, ticket);
    if (connection == NULL) {
        json_decref(end->body);
        return;
    }
    answer(connection, end->ok, end->body, end->outcome, end->operation);
}

void control_refuse(struct control_server *server, uint64_t ticket, const char *code,
                    enum exit_code exit, const char *text, const char *todo, json_t *more)
{
    struct connection *connection = find_ticket(server, ticket);
    if (connection == NULL) {
        json_decref(more);
        return;
    }
    answer(connection, false, control_error(code, exit, text, todo, more), code, 0);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void hand_over(struct connection *connection)
{
    struct control_server *server = connection->server;
    uint64_t ticket = connection->request.ticket;
    if (server->handle(server->arg, &connection->request))
        return;
    control_refuse(server, ticket, "unavailable", EXIT_FAILED, "this daemon can't do that now",
                   "Look at failoverctl status and the daemon's log.", NULL);
}

static void on_audited(bool ok, const struct fault *fault, void *arg)
{
    struct connection *connection = arg;
    char text[FAULT_TEXT_MAX + 128];
    struct text line = TEXT_OF(text);
    if (ok) {
        hand_over(connection);
        return;
    }
    text_appendf(&line, "not done: what people order is kept in the audit trail first, and %s",
                 fault->text);
    control_refuse(connection->server, connection->request.ticket, "not_audited", EXIT_FAILED, text,
                   "Make room on the disk of the audit trail, or mend it, and try again.", NULL);
}

static void audit_first(struct connection *connection, const char *event, const char *outcome, audit_kept *done)
{
    struct fault fault;
    struct journal_audit entry = audit_entry(connection, event, outcome);
    entry.arguments = connection->request.object;
    if (!audit_put(connection->server->audit, &entry, done, connection, &connection->asked, &fault))
        done(false, &fault, connection);
}

/* Whether or not that is on record: it is refused. */
static void on_denial_audited(bool ok, const struct fault *fault, void *arg)
{
    struct connection *connection = arg;
    const struct control_request *request = &connection->request;
    char text[256];
    struct text line = TEXT_OF(text);
    if (!ok)
        log_event(LOG_LEVEL_ERROR, "a denied order could not be put into the audit trail",
                  LOG_STR("reason", fault->text));
    text_appendf(&line, "%s needs the role %s; uid %u has %s", request->command->name,
                 control_role_name(request->arguments.role), (unsigned)request->who.uid,
                 control_role_name(request->who.role));
    control_refuse(connection->server, request->ticket, "denied", EXIT_USAGE, text,
                   "The roles are in control of node.json on this machine.", NULL);
}

/* The answer waits for the disk: whoever may not order can't fill the trail's queue with it either. */
static void deny(struct connection *connection)
{
    connection->server->counters.denied++;
    if (connection->request.command->changes && connection->server->audit != NULL)
        audit_first(connection, "order_denied", "denied", on_denial_audited);
    else
        on_denial_audited(true, NULL, connection);
}

/* Takes the object over and answers it, now or later. */
static void take_request(struct connection *connection, json_t *object)
{
    struct control_server *server = connection->server;
    struct control_request *request = &connection->request;
    struct fault fault;
    char name[ID_TEXT_MAX];
    const char *asked = json_string_value(json_object_get(object, "command"));
    server->counters.requests++;
    (void)text_copy(name, sizeof name, asked != NULL ? asked : "");
    connection->object = object;
    request->object = object;
    request->ticket = ++server->last_ticket;
    request->command = command_find(name);
    timer_set_after_us(&connection->timer, (int64_t)CONTROL_ANSWER_MS * CLOCK_US_PER_MS);
    if (request->command == NULL || !request->command->daemon) {
        control_refuse(server, request->ticket, "unknown_command", EXIT_USAGE,
                       "there is no such command", "failoverctl help lists them; client and daemon "
                       "may be of different versions.", NULL);
        return;
    }
    if (!command_parse(request->command, object, &request->arguments, &fault)) {
        control_refuse(server, request->ticket, "usage", EXIT_USAGE, fault.text,
                       "failoverctl help COMMAND says what it takes.", NULL);
        return;
    }
    if (request->who.role < request->arguments.role) {
        deny(connection);
        return;
    }
    connection->audited = request->command->changes && !request->arguments.dry_run &&
                          server->audit != NULL;
    if (connection->audited)
        audit_first(connection, "order_asked", NULL, on_audited);
    else
        hand_over(connection);
}

static bool too_deep(const char *line, size_t length)
{
    /* Counted with strings ignored: brackets in strings only make it stricter. */
    int depth = 0;
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '{' || line[i] == '[')
            depth++;
        else if (line[i] == '}' || line[i] == ']')
            depth--;
        if (depth > CONFIG_MAX_DEPTH)
            return true;
    }
    return false;
}

static void take_line(struct connection *connection, const char *line, size_t length)
{
    json_error_t error;
    if (too_deep(line, length)) {
        refuse_line(connection, "the line nests too deeply");
        return;
    }
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(object)) {
        take_request(connection, object);
        return;
    }
    json_decref(object);
    char text[JSON_ERROR_TEXT_LENGTH + 64];
    struct text reason = TEXT_OF(text);
    text_appendf(&reason, "the line is no JSON object: %s",
                 object == NULL ? error.text : "it is another value");
    refuse_line(connection, text);
}

static bool backlogged(const struct connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->stream)) > BACKLOG_BYTES_MAX;
}

static void process_lines(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    connection->dispatching = true;
    while (connection->request.ticket == 0 && !connection->closing && !backlogged(connection)) {
        size_t length = 0;
        char *line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF);
        if (line == NULL) {
            if (evbuffer_get_length(input) > CONTROL_LINE_MAX)
                refuse_line(connection, "the line is longer than 65536 bytes");
            break;
        }
        if (length > CONTROL_LINE_MAX)
            refuse_line(connection, "the line is longer than 65536 bytes");
        else if (length > 0)
            take_line(connection, line, length);
        free(line);
    }
    connection->dispatching = false;
    if (connection->closing)
        connection_close_soon(connection);
    else if (connection->request.ticket != 0 || backlogged(connection))
        (void)bufferevent_disable(connection->stream, EV_READ);
    else
        (void)bufferevent_enable(connection->stream, EV_READ);
}

/* ---- connections --------------------------------------------------------------------------- */

static void on_read(struct bufferevent *stream, void *arg)
{
    (void)stream;
    process_lines(arg);
}

static void on_written(struct bufferevent *stream, void *arg)
{
    struct connection *connection = arg;
    if (evbuffer_get_length(bufferevent_get_output(stream)) > 0)
        return;
    if (connection->closing)
        connection_end(connection);
    else if (connection->request.ticket == 0)
        process_lines(connection); /* it had stopped at a backlog */
}

/* The end of their sending, an error, or an answer that is not taken. */
static void on_event(struct bufferevent *stream, short what, void *arg)
{
    struct connection *connection = arg;
    bool half = (what & BEV_EVENT_EOF) != 0 &&
                (connection->request.ticket != 0 ||
                 evbuffer_get_length(bufferevent_get_output(stream)) > 0);
    if ((what & BEV_EVENT_TIMEOUT) != 0)
        connection->server->counters.timed_out++;
    if (half && connection->request.ticket == 0)
        connection_close_soon(connection);
    else if (!half)
        connection_end(connection);
}

static void on_timer(void *arg)
{
    struct connection *connection = arg;
    connection->server->counters.timed_out++;
    if (connection->request.ticket != 0) {
        control_refuse(connection->server, connection->request.ticket, "no_answer", EXIT_FAILED,
                       "the daemon did not come to an answer in time; whether it was done is not known",
                       "Look at failoverctl status.", NULL);
        return;
    }
    connection_close_soon(connection);
}

/* A place for a newcomer: a free one, or that of whoever has been silent longest. */
static struct connection *find_place(struct control_server *server)
{
    struct connection *silent = NULL;
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        struct connection *connection = &server->connections[i];
        if (connection->server == NULL)
            return connection;
        if (connection->request.ticket == 0 &&
            (silent == NULL || connection->quiet_since_us < silent->quiet_since_us))
            silent = connection;
    }
    if (silent != NULL) {
        server->counters.evicted++;
        connection_end(silent);
    }
    return silent;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int length, void *arg)
{
    (void)listener;
    (void)address;
    (void)length;
    struct control_server *server = arg;
    struct timeval write_timeout = { CONTROL_WRITE_MS / 1000, 0 };
    struct connection *connection = find_place(server);
    struct control_person who;
    struct fault fault;
    server->counters.accepted++;
    if (connection == NULL || !control_roles_identify(server->people, (int)fd, &who, &fault)) {
        (void)close((int)fd);
        return;
    }
    connection->stream = bufferevent_socket_new(loop_base(server->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    if (connection->stream == NULL) {
        (void)close((int)fd);
        return;
    }
    connection->server = server;
    connection->request.who = who;
    server->counters.connections++;
    timer_init(&connection->timer, server->loop, on_timer, connection);
    bufferevent_setcb(connection->stream, on_read, on_written, on_event, connection);
    bufferevent_setwatermark(connection->stream, EV_READ, 0, CONTROL_LINE_MAX + 2);
    (void)bufferevent_set_timeouts(connection->stream, NULL, &write_timeout);
    (void)bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
    connection_quiet(connection);
}

static void on_accept_again(void *arg)
{
    struct control_server *server = arg;
    (void)evconnlistener_enable(server->listener);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct control_server *server = arg;
    log_event(LOG_LEVEL_WARNING, "the control socket can't take a connection just now",
              LOG_STR("reason", strerror(EVUTIL_SOCKET_ERROR())));
    (void)evconnlistener_disable(listener);
    timer_set_after_us(&server->accept_again, ACCEPT_PAUSE_MS * CLOCK_US_PER_MS);
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool start_listening(struct control_server *server, struct fault *fault)
{
    gid_t group = 0;
    bool named = control_roles_group(server->people, &group);
    int fd = control_socket_open(server->path, named, group, &server->file, fault);
    if (fd < 0)
        return fault_wrap(fault, "control socket");
    server->listening = true;
    server->listener = evconnlistener_new(loop_base(server->loop), on_accept, server,
                                          LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (server->listener == NULL) {
        (void)close(fd);
        return fault_set(fault, "control socket: out of memory");
    }
    evconnlistener_set_error_cb(server->listener, on_accept_error);
    return true;
}

struct control_server *control_server_new(struct loop *loop,
                                          const struct control_server_settings *settings,
                                          struct fault *fault)
{
    struct control_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    server->loop = loop;
    server->handle = settings->handle;
    server->arg = settings->arg;
    server->audit = settings->audit;
    server->idle_us = (settings->idle_ms > 0 ? settings->idle_ms : CONTROL_IDLE_MS_DEFAULT) *
                      CLOCK_US_PER_MS;
    /* Counted from anywhere: another node may answer late what a former process of ours forwarded to it, and by its
     * ticket that would be the answer to the order of another person. */
    server->last_ticket = base_random_u64() >> 1;
    timer_init(&server->accept_again, loop, on_accept_again, server);
    if (!text_copy(server->path, sizeof server->path, settings->path)) {
        (void)fault_set(fault, "the control socket's path is too long");
        goto fail;
    }
    server->people = control_roles_new(settings->roles, fault);
    if (server->people == NULL || !start_listening(server, fault))
        goto fail;
    return server;
fail:
    control_server_free(server);
    return NULL;
}

void control_server_free(struct control_server *server)
{
    if (server == NULL)
        return;
    timer_cancel(&server->accept_again);
    if (server->listener != NULL)
        evconnlistener_free(server->listener);
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        if (server->connections[i].server != NULL)
            connection_end(&server->connections[i]);
    if (server->listening)
        control_socket_remove(server->path, &server->file);
    control_roles_free(server->people);
    free(server);
}

void control_counters(const struct control_server *server, struct control_counters *counters)
{
    *counters = server->counters;
}
