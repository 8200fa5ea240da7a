/* failoverctl's side of the control socket: see failoverctl_client.h. */
#include "coordinator/operator/failoverctl_client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/operator/control_server.h"

#define READ_BYTES 65536

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void ctl_catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool ctl_interrupted(void)
{
    return interrupted != 0;
}

void ctl_sleep_ms(int64_t ms)
{
    struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000L };
    if (!ctl_interrupted())
        (void)nanosleep(&time, NULL);
}

static int64_t left_ms(int64_t deadline_us)
{
    int64_t left = (deadline_us - base_mono_us()) / CLOCK_US_PER_MS;
    return left > 0 ? left : 0;
}

/* Waits for `events`; false at the deadline or when interrupted. */
static bool wait_for(int fd, short events, int64_t deadline_us)
{
    for (;;) {
        struct pollfd poll_fd = { .fd = fd, .events = events };
        int64_t left = left_ms(deadline_us);
        if (left == 0 || ctl_interrupted())
            return false;
        int ready = poll(&poll_fd, 1, left > 60000 ? 60000 : (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

static int connect_to(const char *path, int64_t deadline_us, struct fault *fault)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (!text_copy(address.sun_path, sizeof address.sun_path, path)) {
        (void)fault_set(fault, "%s: a socket's path has at most %zu bytes", path,
                        sizeof address.sun_path - 1);
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        (void)fault_errno(fault, errno, "no socket can be made");
        return -1;
    }
    while (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        if (errno == EAGAIN && left_ms(deadline_us) > 0 && !ctl_interrupted()) {
            ctl_sleep_ms(20); /* its queue of newcomers is full */
            continue;
        }
        const char *why = errno == EACCES   ? " (your user may not use this socket; see control in node.json)"
                          : errno == ENOENT ? " (is failoverd running here? is --socket right?)"
                          : errno == ECONNREFUSED ? " (failoverd is not running)"
                                                  : "";
        (void)fault_set(fault, "%s: %s%s", path, strerror(errno), why);
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const char *bytes, size_t length, int64_t deadline_us,
                     struct fault *fault)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (!wait_for(fd, POLLOUT, deadline_us))
                return fault_set(fault, "the daemon does not take the request");
        } else {
            return fault_errno(fault, errno, "the daemon closed the connection");
        }
    }
    return true;
}

/* One line without its end; the caller frees it. */
static char *receive_line(int fd, int64_t deadline_us, size_t *length, struct fault *fault)
{
    size_t capacity = READ_BYTES;
    size_t used = 0;
    char *line = malloc(capacity);
    while (line != NULL) {
        if (used == capacity) {
            char *more = capacity < CONTROL_REPLY_MAX ? realloc(line, capacity * 2) : NULL;
            if (more == NULL) {
                (void)fault_set(fault, "its answer is longer than %d bytes", CONTROL_REPLY_MAX);
                break;
            }
            line = more;
            capacity *= 2;
        }
        ssize_t got = recv(fd, line + used, capacity - used, 0);
        if (got > 0) {
            char *end = memchr(line + used, '\n', (size_t)got);
            used += (size_t)got;
            if (end == NULL)
                continue;
            *length = (size_t)(end - line);
            return line;
        }
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (wait_for(fd, POLLIN, deadline_us))
                continue;
            (void)fault_set(fault, "it did not answer in time");
        } else if (got == 0) {
            (void)fault_set(fault, "it closed the connection without a whole answer");
        } else {
            (void)fault_errno(fault, errno, "the connection broke");
        }
        break;
    }
    free(line);
    return NULL;
}

static enum ctl_outcome read_answer(const char *line, size_t length, json_t **result,
                                    struct fault *fault)
{
    json_error_t error;
    json_t *answer = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    const json_t *ok = json_object_get(answer, "ok");
    const json_t *id = json_object_get(answer, "id");
    enum ctl_outcome outcome = CTL_BROKEN;
    if (!json_is_boolean(ok)) {
        (void)fault_set(fault, "its answer is not of this protocol; is it another program's socket?");
    } else if (json_is_true(ok) && json_integer_value(id) != 1) {
        (void)fault_set(fault, "its answer is to another question");
    } else {
        json_t *body = json_object_get(answer, json_is_true(ok) ? "result" : "error");
        if (json_is_object(body)) {
            *result = json_incref(body);
            outcome = json_is_true(ok) ? CTL_OK : CTL_REFUSED;
        } else {
            (void)fault_set(fault, "its answer has no content");
        }
    }
    json_decref(answer);
    return outcome;
}

enum ctl_outcome ctl_ask(const char *socket_path, int64_t timeout_ms, json_t *request,
                         json_t **result, struct fault *fault)
{
    int64_t deadline_us = base_mono_us() + timeout_ms * CLOCK_US_PER_MS;
    enum ctl_outcome outcome = CTL_BROKEN;
    char *line = NULL;
    char *answer = NULL;
    size_t length = 0;
    *result = NULL;
    int fd = -1;
    if (json_object_set_new(request, "id", json_integer(1)) != 0 ||
        (line = json_dumps(request, JSON_COMPACT)) == NULL) {
        (void)fault_set(fault, "the request can't be put into words (is all of it UTF-8?)");
        goto out;
    }
    fd = connect_to(socket_path, deadline_us, fault);
    if (fd < 0) {
        outcome = CTL_UNREACHABLE;
        goto out;
    }
    if (send_all(fd, line, strlen(line), deadline_us, fault) &&
        send_all(fd, "\n", 1, deadline_us, fault))
        answer = receive_line(fd, deadline_us, &length, fault);
    if (answer != NULL)
        outcome = read_answer(answer, length, result, fault);
    else if (ctl_interrupted())
        outcome = CTL_INTERRUPTED;
out:
    free(answer);
    free(line);
    json_decref(request);
    if (fd >= 0)
        (void)close(fd);
    return outcome;
}
