/* Child processes with a deadline: the hooks that fence, promote, notify.
 *
 * A child gets a process group of its own, an empty stdin or the bytes that the request has for it, no
 * descriptor but 0, 1 and 2, signals at their
 * defaults, and the environment of the daemon without anything that names a secret of it (see
 * environment below). Its output is read up to a bound and the rest thrown away, so a talkative
 * child never blocks. At the deadline the whole group is sent SIGTERM and, CHILD_KILL_AFTER_MS
 * later, SIGKILL. What the child left behind in its group is killed too when the child has exited.
 * Every child is reaped, also after child_abandon.
 */
#ifndef FAILOVERD_BASE_CHILD_H
#define FAILOVERD_BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"

#define CHILD_OUTPUT_MAX 8192
#define CHILD_INPUT_MAX (64 * 1024)
#define CHILD_ARGUMENTS_MAX 64
#define CHILD_ENVIRONMENT_MAX 64
#define CHILD_KILL_AFTER_MS 2000

struct child;

enum child_end {
    CHILD_EXITED,   /* status is the exit code, 0 to 255 */
    CHILD_SIGNALED, /* by somebody else; status is the signal */
    CHILD_DEADLINE, /* ended by us because it took too long; status is the signal or exit code */
    CHILD_CANCELLED, /* ended by child_cancel */
};

struct child_result {
    enum child_end end;
    int status;
    int64_t took_us;
    const char *output; /* stdout and stderr together as they came, terminated; gone after the callback */
    size_t output_length;
    bool output_cut;
    char text[256]; /* for people: "exited with 3 after 1.2s" */
};

struct child_request {
    const char *const *argv;        /* NULL-terminated; argv[0] is an absolute path, no shell */
    const char *const *environment; /* "NAME=value" additions, NULL-terminated, or NULL */
    const char *directory;          /* working folder, or NULL for "/" */
    const char *input;              /* what its stdin holds, to its end; NULL: nothing */
    size_t input_length;            /* at most CHILD_INPUT_MAX */
    int64_t deadline_ms;            /* from now; more than 0 */
    void (*done)(const struct child_result *result, void *arg); /* on the loop, exactly once */
    void *arg;
};

/* Starts it; everything in the request is copied. A program that can't be executed at all is refused
 * here, with the reason. NULL with the fault set: `done` is not called then. The child keeps PATH,
 * HOME, LANG, TZ and LC_* of the daemon's environment and gets nothing else but the additions. */
struct child *child_start(struct loop *loop, const struct child_request *request, struct fault *fault);

/* Ends it early as at the deadline; `done` comes with CHILD_CANCELLED when it is gone. */
void child_cancel(struct child *child);

/* The same without the polite part: SIGKILL to the whole group at once. For one that something is waiting
 * for to be gone, or that must not go on past this moment. */
void child_kill(struct child *child);

/* Forgets the callback, kills the group at once and frees `child` (it is still reaped: this waits for
 * a killed process, microseconds). For shutting down. */
void child_abandon(struct child *child);

int child_pid(const struct child *child);

#endif
