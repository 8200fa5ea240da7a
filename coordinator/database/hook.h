/* hook: runs a program of the operator's, one at a time, and says how it ended.
 *
 * The one place that knows how such a program is run: its words as they are in the configuration
 * (no shell), an environment of FAILOVERD_* variables and little else (below), a deadline, its output
 * bounded. It knows nothing of why: the fence ladder (control/fence_hook.h) and the hook after an
 * opening (control/database_acts.h) use it.
 *
 * A `struct hook` is a slot that holds at most one child. Running another overtakes the one that
 * runs: its whole process group is killed at once, its end is awaited, and only then the next begins, so
 * two never run at the same time. (A program that had others do its work, a service manager or a
 * cloud API, is outlived by what it asked them.)
 *
 * What the program gets, besides PATH, HOME, LANG, TZ and LC_* of the daemon:
 *   FAILOVERD_SERVICE FAILOVERD_REGION FAILOVERD_NODE FAILOVERD_EPOCH
 *   FAILOVERD_OPERATION            of an operation's hook: its id, hexadecimal
 *   FAILOVERD_ACTION               of a fence: shut, open, reads; of a remote hook: shut
 *   FAILOVERD_REASON               of a shut: why, one word; of a remote hook: takeover
 *   FAILOVERD_DEADLINE_SECONDS     after so many SIGTERM comes, and SIGKILL soon after; rounded down
 *   FAILOVERD_UNTIL_SECONDS        of an open: what is left of the lease; then SIGKILL; rounded down
 *   FAILOVERD_DATABASE_HOST FAILOVERD_DATABASE_PORT
 *
 * Times are base_mono_us. Nothing here blocks; all calls on the loop's thread.
 */
#ifndef FAILOVERD_DATABASE_HOOK_H
#define FAILOVERD_DATABASE_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/loop.h"

#define HOOK_TEXT_MAX 512
/* Of the first line of the output, where it stands in a sentence. */
#define HOOK_LINE_MAX 64

struct hook;

struct hook_report;

struct hook_request {
    const char *const *words; /* program (absolute path) and arguments; borrowed until `done` */
    size_t word_count;
    const char *service;      /* this and the next: borrowed until `done`; NULL: no such variable */
    const char *region;
    const char *node;
    const char *action;
    const char *reason;
    const char *database_host;
    int64_t database_port;    /* 0: no such variable */
    uint64_t epoch;
    uint64_t operation;       /* 0: no such variable */
    int64_t deadline_us;      /* SIGTERM to its group; CHILD_KILL_AFTER_MS later SIGKILL */
    int64_t kill_at_us;       /* SIGKILL to its group, whatever it does; 0: no such time */
    void (*done)(void *arg, const struct hook_report *report);
    void *arg;
};

struct hook_report {
    bool well;            /* it exited with 0 in its time; anything else proves nothing */
    int64_t took_us;
    const char *output;   /* at most CHILD_OUTPUT_MAX bytes, terminated; gone after the callback */
    char text[HOOK_TEXT_MAX]; /* one line of printable ASCII: "<first line of its output>, 1.2s" when well,
                                 else "exited with 3 after 1.2s: <its output>" */
};

/* NULL without memory. */
struct hook *hook_new(struct loop *loop);

/* Kills what runs and frees the slot, without a callback. NULL is allowed. */
void hook_free(struct hook *hook);

/* Runs it, after what runs now is killed and gone (without a callback). `done` comes exactly once, never
 * from within this call, unless it is overtaken or stopped. */
void hook_run(struct hook *hook, const struct hook_request *request);

/* Kills what runs and forgets what waits, without a callback. Does not wait for its end; the next
 * hook_run does. */
void hook_stop(struct hook *hook);

/* Whether this process may run the program; else `why` says what is wrong with it. */
bool hook_can_run(const char *program, struct fault *why) CHECKED;

#endif
