/* Child processes with a deadline: see child.h.
 *
 * A pidfd tells of the end, so no SIGCHLD handler is needed and no pid can be mistaken: it stays ours
 * until it is reaped here, and nobody else reaps.
 */
#include "coordinator/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"

/* How long child_abandon waits for a process that was just killed (one in the kernel's hands may take longer; it is
 * then left to init). */
#define ABANDON_WAIT_MS 100
#define INHERITED_MAX 16

struct child {
    struct loop *loop;
    pid_t pid; /* also the number of its process group */
    int pidfd;
    int output_fd;
    struct event *ended;
    struct event *readable;
    struct timer limit;
    bool told_to_end; /* SIGTERM was sent; the timer now runs to SIGKILL */
    enum child_end why;
    int64_t started_us;
    char output[CHILD_OUTPUT_MAX + 1];
    size_t output_length;
    bool output_cut;
    void (*done)(const struct child_result *result, void *arg);
    void *arg;
};

static void kill_group(const struct child *child, int signal)
{
    (void)kill(-child->pid, signal); /* ESRCH: nobody is left, which is what is wanted */
}

/* Reads what is there; true while more may come. */
static bool read_output(struct child *child)
{
    char waste[4096];
    for (;;) {
        size_t room = CHILD_OUTPUT_MAX - child->output_length;
        char *to = room > 0 ? child->output + child->output_length : waste;
        ssize_t got = read(child->output_fd, to, room > 0 ? room : sizeof waste);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN;
        if (got == 0)
            return false;
        if (room > 0)
            child->output_length += (size_t)got;
        else
            child->output_cut = true;
        if (room == 0)
            return true; /* one read a round: a flood must not keep the loop */
    }
}

static void child_free(struct child *child)
{
    timer_cancel(&child->limit);
    if (child->ended != NULL)
        event_free(child->ended);
    if (child->readable != NULL)
        event_free(child->readable);
    if (child->pidfd >= 0)
        close(child->pidfd);
    if (child->output_fd >= 0)
        close(child->output_fd);
    free(child);
}

static void describe(struct child_result *result)
{
    char took[CLOCK_DURATION_TEXT_MAX];
    (void)base_format_duration(took, sizeof took, result->took_us);
    switch (result->end) {
    case CHILD_EXITED:
        (void)snprintf(result->text, sizeof result->text, "exited with %d after %s", result->status, took);
        break;
    case CHILD_SIGNALED:
        (void)snprintf(result->text, sizeof result->text, "was ended by signal %d (%s) after %s",
                       result->status, strsignal(result->status), took);
        break;
    case CHILD_DEADLINE:
        (void)snprintf(result->text, sizeof result->text,
                       "did not finish in time and was ended after %s", took);
        break;
    case CHILD_CANCELLED:
        (void)snprintf(result->text, sizeof result->text, "was cancelled after %s", took);
        break;
    }
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct child *child = arg;
    if (!read_output(child))
        (void)event_del(child->readable);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct child *child = arg;
    /* Not reaped yet, so the group's number can't be anybody else's. */
    kill_group(child, SIGKILL);
    int status = 0;
    pid_t reaped;
    do {
        reaped = waitpid(child->pid, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    ensure(reaped == child->pid);
    (void)read_output(child);
    child->output[child->output_length] = '\0';
    struct child_result result = {
        .end = child->why,
        .status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
        .took_us = base_mono_us() - child->started_us,
        .output = child->output,
        .output_length = child->output_length,
        .output_cut = child->output_cut,
    };
    if (result.end == CHILD_EXITED && WIFSIGNALED(status))
        result.end = CHILD_SIGNALED;
    describe(&result);
    child->done(&result, child->arg);
    child_free(child);
}

static void end_early(struct child *child, enum child_end why)
{
    if (child->told_to_end)
        return;
    child->told_to_end = true;
    child->why = why;
    kill_group(child, SIGTERM);
    kill_group(child, SIGCONT); /* a stopped one could not even die politely */
    timer_set_after_us(&child->limit, (int64_t)CHILD_KILL_AFTER_MS * CLOCK_US_PER_MS);
}

static void on_limit(void *arg)
{
    struct child *child = arg;
    if (child->told_to_end)
        kill_group(child, SIGKILL);
    else
        end_early(child, CHILD_DEADLINE);
}

static bool is_inherited(const char *entry)
{
    static const char *const kept[] = { "PATH=", "HOME=", "LANG=", "TZ=", "LC_" };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (strncmp(entry, kept[i], strlen(kept[i])) == 0)
            return true;
    return false;
}

/* Pointers only: posix_spawn has copied them when it returns. */
static bool gather_environment(const char *const *additions, char **out, struct fault *fault)
{
    size_t count = 0;
    for (size_t i = 0; additions != NULL && additions[i] != NULL; i++) {
        if (i == CHILD_ENVIRONMENT_MAX)
            return fault_set(fault, "more than %d environment variables", CHILD_ENVIRONMENT_MAX);
        if (strchr(additions[i], '=') == NULL)
            return fault_set(fault, "environment entry %zu has no '='", i);
        out[count++] = (char *)(uintptr_t)additions[i];
    }
    size_t own = count;
    for (char **entry = environ; *entry != NULL && count < own + INHERITED_MAX; entry++) {
        bool replaced = false;
        size_t name = strcspn(*entry, "=") + 1;
        for (size_t i = 0; i < own && !replaced; i++)
            replaced = strncmp(*entry, out[i], name) == 0;
        if (is_inherited(*entry) && !replaced)
            out[count++] = *entry;
    }
    out[count] = NULL;
    return true;
}

/* The input as a file in memory, which a child reads when it likes: nobody has to feed a pipe, and a child that
 * reads nothing holds up nobody. */
static bool make_input(const struct child_request *request, int *fd, struct fault *fault)
{
    size_t written = 0;
    if (request->input == NULL)
        return true;
    ensure(request->input_length <= CHILD_INPUT_MAX);
    *fd = memfd_create("input", MFD_CLOEXEC);
    if (*fd < 0)
        return fault_errno(fault, errno, "memfd_create");
    while (written < request->input_length) {
        ssize_t put = write(*fd, request->input + written, request->input_length - written);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return fault_errno(fault, errno, "its input");
        written += (size_t)put;
    }
    return lseek(*fd, 0, SEEK_SET) == 0 || fault_errno(fault, errno, "its input");
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGKILL);
    (void)sigdelset(&all, SIGSTOP);
    int error = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (error == 0)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (error == 0)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    return error != 0 ? error : posix_spawnattr_setsigmask(attributes, &none);
}

static int set_actions(posix_spawn_file_actions_t *actions, const char *directory, int input_fd, int output_fd)
{
    int error = posix_spawn_file_actions_addchdir_np(actions, directory);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, output_fd, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, output_fd, STDERR_FILENO);
    if (error == 0)
        error = input_fd >= 0 ? posix_spawn_file_actions_adddup2(actions, input_fd, STDIN_FILENO)
                              : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    return error != 0 ? error : posix_spawn_file_actions_addclosefrom_np(actions, 3);
}

static bool spawn(struct child *child, const struct child_request *request, int input_fd, int output_fd,
                  struct fault *fault)
{
    char *environment[CHILD_ENVIRONMENT_MAX + INHERITED_MAX + 1];
    if (!gather_environment(request->environment, environment, fault))
        return false;
    const char *directory = request->directory != NULL ? request->directory : "/";
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0)
        return fault_errno(fault, error, "spawn");
    error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = set_attributes(&attributes);
        if (error == 0)
            error = set_actions(&actions, directory, input_fd, output_fd);
        if (error == 0)
            error = posix_spawn(&child->pid, request->argv[0], &actions, &attributes,
                                (char *const *)(uintptr_t)request->argv, environment);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    (void)posix_spawnattr_destroy(&attributes);
    if (error != 0)
        return fault_errno(fault, error, "in %s", directory);
    return true;
}

static bool watch(struct child *child, struct fault *fault)
{
    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd < 0)
        return fault_errno(fault, errno, "pidfd_open");
    struct event_base *base = loop_base(child->loop);
    child->ended = event_new(base, child->pidfd, EV_READ, on_ended, child);
    child->readable = event_new(base, child->output_fd, EV_READ | EV_PERSIST, on_output, child);
    if (child->ended == NULL || child->readable == NULL || event_add(child->ended, NULL) != 0 ||
        event_add(child->readable, NULL) != 0)
        return fault_set(fault, "out of memory");
    return true;
}

static bool check_request(const struct child_request *request, struct fault *fault)
{
    ensure(request->done != NULL && request->deadline_ms > 0);
    if (request->argv == NULL || request->argv[0] == NULL || request->argv[0][0] != '/')
        return fault_set(fault, "a program needs an absolute path");
    size_t count = 0;
    while (request->argv[count] != NULL)
        if (++count > CHILD_ARGUMENTS_MAX)
            return fault_set(fault, "more than %d arguments", CHILD_ARGUMENTS_MAX);
    return true;
}

struct child *child_start(struct loop *loop, const struct child_request *request, struct fault *fault)
{
    int pipe_fds[2] = { -1, -1 };
    int input_fd = -1;
    struct child *child = NULL;
    if (!check_request(request, fault) || !make_input(request, &input_fd, fault))
        goto refused;
    child = calloc(1, sizeof *child);
    if (child == NULL) {
        (void)fault_set(fault, "out of memory");
        goto refused;
    }
    *child = (struct child){ .loop = loop, .pidfd = -1, .output_fd = -1, .why = CHILD_EXITED,
                             .started_us = base_mono_us(), .done = request->done, .arg = request->arg };
    timer_init(&child->limit, loop, on_limit, child);
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        (void)fault_errno(fault, errno, "pipe");
        goto refused;
    }
    child->output_fd = pipe_fds[0];
    if (fcntl(child->output_fd, F_SETFL, O_NONBLOCK) != 0) {
        (void)fault_errno(fault, errno, "fcntl");
        goto refused;
    }
    if (!spawn(child, request, input_fd, pipe_fds[1], fault))
        goto refused;
    close(pipe_fds[1]);
    pipe_fds[1] = -1;
    if (input_fd >= 0)
        close(input_fd);
    input_fd = -1;
    if (!watch(child, fault)) {
        child_abandon(child);
        child = NULL;
        goto refused;
    }
    timer_set_after_us(&child->limit, request->deadline_ms * CLOCK_US_PER_MS);
    return child;
refused:
    (void)fault_wrap(fault, "cannot run %s",
                     request->argv != NULL && request->argv[0] != NULL ? request->argv[0] : "a program");
    if (pipe_fds[1] >= 0)
        close(pipe_fds[1]);
    if (input_fd >= 0)
        close(input_fd);
    if (child != NULL)
        child_free(child);
    return NULL;
}

void child_cancel(struct child *child)
{
    end_early(child, CHILD_CANCELLED);
}

void child_kill(struct child *child)
{
    child->told_to_end = true;
    child->why = CHILD_CANCELLED;
    timer_cancel(&child->limit);
    kill_group(child, SIGKILL);
}

void child_abandon(struct child *child)
{
    kill_group(child, SIGKILL);
    struct pollfd ended = { .fd = child->pidfd, .events = POLLIN };
    if (child->pidfd >= 0)
        (void)poll(&ended, 1, ABANDON_WAIT_MS);
    (void)waitpid(child->pid, NULL, child->pidfd >= 0 ? WNOHANG : 0);
    child_free(child);
}

int child_pid(const struct child *child)
{
    return child->pid;
}
