/* For tests of the operator's programs: a loop, a folder in which programs leave what they did, and waiting for it. */
#ifndef FAILOVERD_TESTS_HOOK_FIXTURE_H
#define FAILOVERD_TESTS_HOOK_FIXTURE_H

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "tests/unit/stub_server.h" /* before the names that its functions have as well */
#include "tests/unit/suite.h"

#define KILL_US ((int64_t)CHILD_KILL_AFTER_MS * CLOCK_US_PER_MS) /* from SIGTERM to SIGKILL */
#define PATH_BYTES 160
#define WAIT_MS 10000 /* for what a program is to do at once: a busy machine takes its time */
#define LOOK_MS 20

static struct fault fault;
static struct loop *loop;
static char folder[PATH_BYTES];

/* The path of a file in the folder; good for the next three calls. */
static inline const char *path(const char *name)
{
    static char paths[4][PATH_BYTES + NAME_MAX + 2];
    static size_t next;
    char *text = paths[next++ % 4];
    (void)snprintf(text, sizeof paths[0], "%s/%s", folder, name);
    return text;
}

static inline void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/failoverd-hook-XXXXXX");
    if (mkdtemp(folder) == NULL)
        abort();
}

/* With what the programs left in it. */
static inline void remove_folder(void)
{
    DIR *listing = opendir(folder);
    if (listing == NULL)
        abort();
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        if (entry->d_type == DT_REG)
            (void)unlink(path(entry->d_name));
    (void)closedir(listing);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static inline void write_file(const char *name, mode_t mode, const char *format, ...) PRINTF_LIKE(3, 4);
static inline void write_file(const char *name, mode_t mode, const char *format, ...)
{
    FILE *file = fopen(path(name), "w");
    va_list args;
    va_start(args, format);
    if (file == NULL || vfprintf(file, format, args) < 0 || fclose(file) != 0 || chmod(path(name), mode) != 0)
        abort();
    va_end(args);
}

/* The beginning of a file of the folder, "" when there is none. */
static inline const char *read_file(const char *name)
{
    static char text[2048];
    FILE *file = fopen(path(name), "r");
    size_t length = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    text[length] = '\0';
    return text;
}

static inline void stop_soon(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* The loop runs for that long, or until somebody stops it. */
static inline void run_for(int64_t us)
{
    struct timer timer;
    timer_init(&timer, loop, stop_soon, NULL);
    timer_set_after_us(&timer, us);
    CU_ASSERT_TRUE(loop_run(loop, &fault));
    timer_cancel(&timer);
}

/* The loop runs until that is true. */
static inline void run_until(const bool *what)
{
    for (int waited_ms = 0; !*what && waited_ms < WAIT_MS; waited_ms += LOOK_MS)
        run_for(LOOK_MS * CLOCK_US_PER_MS);
    CU_ASSERT_TRUE(*what);
}

/* The loop runs until a file of the folder holds that. */
static inline void run_until_file(const char *name, const char *wanted)
{
    for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += LOOK_MS) {
        if (strstr(read_file(name), wanted) != NULL)
            return;
        run_for(LOOK_MS * CLOCK_US_PER_MS);
    }
    CU_FAIL("the program did not come that far");
}

/* Ended, within a while; a zombie counts as gone, as whoever is to reap it may take its time. */
static inline bool is_gone(long pid)
{
    char stat[64];
    (void)snprintf(stat, sizeof stat, "/proc/%ld/stat", pid);
    for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += LOOK_MS) {
        char state[256] = "";
        FILE *file = fopen(stat, "re");
        bool read_it = file != NULL && fgets(state, sizeof state, file) != NULL;
        if (file != NULL)
            (void)fclose(file);
        if (!read_it || strstr(state, ") Z") != NULL)
            return true;
        usleep(LOOK_MS * 1000);
    }
    return false;
}

#endif
