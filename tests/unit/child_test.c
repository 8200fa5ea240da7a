/* Child processes: results, bounds, deadlines for whole groups, hygiene, no zombies. */
#include "coordinator/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "tests/unit/stub_server.h"
#include "tests/unit/suite.h"

static struct fault fault;
static struct loop *loop;
static struct child_result result;
static char output[CHILD_OUTPUT_MAX + 1];
static int calls;

static void done(const struct child_result *got, void *arg)
{
    (void)arg;
    result = *got;
    memcpy(output, got->output, got->output_length + 1);
    calls++;
    loop_stop(loop);
}

static struct child *start_with(const char *script, const char *const *environment, int64_t deadline_ms)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    struct child_request request = { .argv = argv, .environment = environment, .deadline_ms = deadline_ms,
                                     .done = done };
    calls = 0;
    return child_start(loop, &request, &fault);
}

static void run(const char *script, int64_t deadline_ms)
{
    loop = loop_new("test", &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(start_with(script, NULL, deadline_ms));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, 1);
    loop_free(loop);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1); /* ECHILD: nothing is left to reap */
    CU_ASSERT_EQUAL(errno, ECHILD);
}

static void exit_code_and_output_come_back(void)
{
    run("echo out; echo err >&2; exit 3", 5000);
    CU_ASSERT_EQUAL(result.end, CHILD_EXITED);
    CU_ASSERT_EQUAL(result.status, 3);
    CU_ASSERT_STRING_EQUAL(output, "out\nerr\n");
    CU_ASSERT_FALSE(result.output_cut);
    CU_ASSERT_EQUAL(strncmp(result.text, "exited with 3 after ", 20), 0);
}

static void a_signal_is_told(void)
{
    run("kill -9 $$", 5000);
    CU_ASSERT_EQUAL(result.end, CHILD_SIGNALED);
    CU_ASSERT_EQUAL(result.status, SIGKILL);
}

static void a_flood_of_output_is_bounded(void)
{
    run("head -c 300000 /dev/zero | tr '\\0' x; exit 7", 10000);
    CU_ASSERT_EQUAL(result.status, 7);
    CU_ASSERT_EQUAL(result.output_length, CHILD_OUTPUT_MAX);
    CU_ASSERT_TRUE(result.output_cut);
}

static void the_deadline_ends_it(void)
{
    run("sleep 60", 50);
    CU_ASSERT_EQUAL(result.end, CHILD_DEADLINE);
    CU_ASSERT_EQUAL(result.status, SIGTERM);
}

static void one_that_ignores_sigterm_is_killed(void)
{
    run("trap '' TERM; echo ready; while :; do sleep 1; done", 200);
    CU_ASSERT_EQUAL(result.end, CHILD_DEADLINE);
    CU_ASSERT_EQUAL(result.status, SIGKILL);
    CU_ASSERT_TRUE(result.took_us >= (200 + CHILD_KILL_AFTER_MS) * CLOCK_US_PER_MS);
    CU_ASSERT_STRING_EQUAL(output, "ready\n");
}

static void a_stopped_one_is_ended_too(void)
{
    run("kill -STOP $$; exit 0", 100);
    CU_ASSERT_EQUAL(result.end, CHILD_DEADLINE);
}

static bool is_gone(long pid)
{
    for (int i = 0; i < 200; i++) {
        if (kill((pid_t)pid, 0) != 0)
            return true;
        char path[64], state[256] = "";
        (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        FILE *file = fopen(path, "re");
        bool read_it = file != NULL && fgets(state, sizeof state, file) != NULL;
        if (file != NULL)
            fclose(file);
        if (!read_it || strstr(state, ") Z") != NULL) /* killed; its new parent has yet to reap it */
            return true;
        usleep(10000);
    }
    return false;
}

static void grandchildren_go_as_well(void)
{
    run("sleep 300 & echo $!; exit 0", 5000); /* left behind, with our pipe open */
    CU_ASSERT_EQUAL(result.end, CHILD_EXITED);
    CU_ASSERT_TRUE(is_gone(strtol(output, NULL, 10)));
    run("sleep 300 & echo $!; wait", 100); /* at the deadline */
    CU_ASSERT_EQUAL(result.end, CHILD_DEADLINE);
    CU_ASSERT_TRUE(is_gone(strtol(output, NULL, 10)));
}

static void nothing_of_ours_leaks_into_it(void)
{
    int open_fd = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as a careless library would */
    sigset_t blocked;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    setenv("AWS_SECRET_ACCESS_KEY", "topsecret", 1);
    loop = loop_new("test", &fault);
    static const char *const environment[] = { "SERVICE=shop", "LANG=xx", NULL };
    CU_ASSERT_PTR_NOT_NULL_FATAL(start_with(
        "ls /proc/self/fd | wc -l; echo $AWS_SECRET_ACCESS_KEY-$SERVICE-$LANG; pwd; read x || echo eof; "
        "grep SigBlk /proc/self/status; grep SigIgn /proc/self/status | tail -c 8; [ -n \"$PATH\" ] && echo path", environment, 5000));
    CU_ASSERT_TRUE(stub_run(loop));
    loop_free(loop);
    (void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    close(open_fd);
    /* 0, 1, 2 and the folder that ls itself reads; the C library ignores two signals of its own above 31 */
    CU_ASSERT_STRING_EQUAL(output, "4\n-shop-xx\n/\neof\nSigBlk:\t0000000000000000\n0000000\npath\n");
}

static void what_cannot_run_is_refused_at_once(void)
{
    loop = loop_new("test", &fault);
    const char *missing[] = { "/nonexistent/hook", NULL };
    const char *relative[] = { "hook", NULL };
    const char *folder[] = { "/bin/true", NULL };
    struct child_request request = { .argv = missing, .deadline_ms = 100, .done = done };
    CU_ASSERT_PTR_NULL(child_start(loop, &request, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "/nonexistent/hook"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "No such file"));
    request.argv = relative;
    CU_ASSERT_PTR_NULL(child_start(loop, &request, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "absolute path"));
    request.argv = folder;
    request.directory = "/nonexistent";
    CU_ASSERT_PTR_NULL(child_start(loop, &request, &fault));
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    loop_free(loop);
}

static void cancel_and_abandon(void)
{
    loop = loop_new("test", &fault);
    struct child *child = start_with("sleep 60", NULL, 60000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(child);
    child_cancel(child);
    child_cancel(child);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(result.end, CHILD_CANCELLED);
    child = start_with("sleep 60", NULL, 60000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(child);
    int pid = child_pid(child);
    child_abandon(child);
    CU_ASSERT_EQUAL(kill(pid, 0), -1);
    CU_ASSERT_EQUAL(calls, 0);
    loop_free(loop);
}

static void a_kill_does_not_wait_for_manners(void)
{
    loop = loop_new("test", &fault);
    struct child *child = start_with("trap '' TERM; sleep 300 & echo $!; wait", NULL, 60000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(child);
    usleep(200000); /* until it ignores SIGTERM and has a child of its own */
    int64_t killed_us = base_mono_us();
    child_kill(child);
    child_kill(child);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(result.end, CHILD_CANCELLED);
    CU_ASSERT_EQUAL(result.status, SIGKILL);
    CU_ASSERT_TRUE(base_mono_us() - killed_us < (int64_t)CHILD_KILL_AFTER_MS * CLOCK_US_PER_MS);
    CU_ASSERT_TRUE(is_gone(strtol(output, NULL, 10)));
    loop_free(loop);
}

static void run_with_input(const char *script, const char *input, size_t length)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    struct child_request request = { .argv = argv, .input = input, .input_length = length, .deadline_ms = 5000,
                                     .done = done };
    calls = 0;
    loop = loop_new("test", &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(child_start(loop, &request, &fault));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, 1);
    loop_free(loop);
}

/* More than a pipe would hold, to one that reads all of it, some of it, or nothing. */
static void its_input_ends_and_holds_up_nobody(void)
{
    static char much[CHILD_INPUT_MAX];
    memset(much, 'x', sizeof much);
    run_with_input("wc -c", much, sizeof much);
    CU_ASSERT_EQUAL(strtol(output, NULL, 10), CHILD_INPUT_MAX);
    run_with_input("head -c 3; exit 4", "abcdef", 6);
    CU_ASSERT_STRING_EQUAL(output, "abc");
    CU_ASSERT_EQUAL(result.status, 4);
    run_with_input("true", much, sizeof much);
    CU_ASSERT_EQUAL(result.status, 0);
    run_with_input("wc -c", "", 0);
    CU_ASSERT_EQUAL(strtol(output, NULL, 10), 0);
    run("wc -c", 5000); /* without one there is nothing to read */
    CU_ASSERT_EQUAL(strtol(output, NULL, 10), 0);
}

SUITE_MAIN("child", TEST(its_input_ends_and_holds_up_nobody),
           TEST(exit_code_and_output_come_back), TEST(a_signal_is_told), TEST(a_flood_of_output_is_bounded),
           TEST(the_deadline_ends_it), TEST(one_that_ignores_sigterm_is_killed), TEST(a_stopped_one_is_ended_too),
           TEST(grandchildren_go_as_well), TEST(nothing_of_ours_leaks_into_it),
           TEST(what_cannot_run_is_refused_at_once), TEST(cancel_and_abandon),
           TEST(a_kill_does_not_wait_for_manners))
