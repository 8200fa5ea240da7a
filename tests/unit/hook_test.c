/* Programs of the operator's: how they end, what they get, what is left of them. */
#include "coordinator/database/hook.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "tests/unit/hook_fixture.h"
#include "tests/unit/stub_server.h"
#include "tests/unit/suite.h"

#define S CLOCK_US_PER_S
#define MS CLOCK_US_PER_MS

static struct hook *hook;
static struct hook_report said;
static char output[CHILD_OUTPUT_MAX + 1];
static int calls;

static void done(void *arg, const struct hook_report *report)
{
    (void)arg;
    said = *report;
    memcpy(output, report->output, strlen(report->output) + 1);
    calls++;
    loop_stop(loop);
}

static void begin(void)
{
    loop = loop_new("test", &fault);
    hook = hook_new(loop);
    CU_ASSERT_PTR_NOT_NULL_FATAL(hook);
    calls = 0;
}

/* Nothing of ours is left to reap either. */
static void end(void)
{
    hook_free(hook);
    loop_free(loop);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

/* `script` is borrowed until it is done. */
static void ask(const char **words, const char *script, int64_t deadline_us, int64_t kill_after_us)
{
    int64_t now = base_mono_us();
    words[0] = "/bin/sh";
    words[1] = "-c";
    words[2] = script;
    struct hook_request request = {
        .words = words, .word_count = 3, .service = "shop", .region = "us-east-1", .node = "use1-a",
        .action = "shut", .reason = "fence", .database_host = "db.example", .database_port = 5433, .epoch = 7,
        .operation = 0xabc, .deadline_us = now + deadline_us,
        .kill_at_us = kill_after_us != 0 ? now + kill_after_us : 0, .done = done,
    };
    hook_run(hook, &request);
}

static void run(const char *script, int64_t deadline_us, int64_t kill_after_us)
{
    const char *words[3];
    begin();
    ask(words, script, deadline_us, kill_after_us);
    CU_ASSERT_EQUAL(calls, 0); /* never from within the call */
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, 1);
    end();
}

static void exit_code_0_alone_is_well(void)
{
    run("echo; echo '  the first   line'; echo second", 5 * S, 0);
    CU_ASSERT_TRUE(said.well);
    CU_ASSERT_EQUAL(strncmp(said.text, "the first line, ", 16), 0);
    run("exit 0", 5 * S, 0);
    CU_ASSERT_TRUE(said.well);
    CU_ASSERT_EQUAL(strncmp(said.text, "exit code 0, ", 13), 0);
    run("echo no; echo 'not at all' >&2; exit 3", 5 * S, 0);
    CU_ASSERT_FALSE(said.well);
    CU_ASSERT_EQUAL(strncmp(said.text, "exited with 3 after ", 20), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.text, ": no not at all"));
    run("echo gone; kill -9 $$", 5 * S, 0);
    CU_ASSERT_FALSE(said.well);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.text, "ended by signal 9"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said.text, ": gone"));
}

static void output_is_bounded_and_made_plain(void)
{
    run("printf 'a\\033[31mb\\303\\244\\000c\\n'; head -c 300000 /dev/zero | tr '\\0' x", 10 * S, 0);
    CU_ASSERT_TRUE(said.well);
    CU_ASSERT_EQUAL(strncmp(said.text, "a?[31mb??", 9), 0);
    CU_ASSERT_TRUE(strlen(output) <= CHILD_OUTPUT_MAX);
    run("head -c 300000 /dev/zero | tr '\\0' x; exit 1", 10 * S, 0);
    CU_ASSERT_FALSE(said.well);
    CU_ASSERT_TRUE(strlen(said.text) < HOOK_TEXT_MAX && strstr(said.text, "xxxx") != NULL);
    run("head -c 300 /dev/zero | tr '\\0' x", 10 * S, 0);
    CU_ASSERT_TRUE(strlen(said.text) < HOOK_LINE_MAX + 16); /* the time is not cut off */
    CU_ASSERT_PTR_NOT_NULL(strstr(said.text, "x, "));
}

static void it_knows_what_it_is_about(void)
{
    run("env | grep FAILOVERD_ | sort; ls /proc/self/fd | wc -l; cat", 9 * S, 4 * S + 500 * MS);
    CU_ASSERT_STRING_EQUAL(output, "FAILOVERD_ACTION=shut\nFAILOVERD_DATABASE_HOST=db.example\n"
        "FAILOVERD_DATABASE_PORT=5433\nFAILOVERD_DEADLINE_SECONDS=8\nFAILOVERD_EPOCH=7\nFAILOVERD_NODE=use1-a\n"
        "FAILOVERD_OPERATION=0000000000000abc\nFAILOVERD_REASON=fence\nFAILOVERD_REGION=us-east-1\n"
        "FAILOVERD_SERVICE=shop\nFAILOVERD_UNTIL_SECONDS=4\n4\n");
    setenv("PGPASSWORD", "topsecret", 1);
    char *path = strdup(getenv("PATH"));
    unsetenv("PATH");
    run("env | grep -c PGPASSWORD; env | grep ^PATH", 9 * S, 0);
    setenv("PATH", path, 1);
    free(path);
    CU_ASSERT_STRING_EQUAL(output, "0\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
    unsetenv("PGPASSWORD");
}

static void the_deadline_ends_all_of_it(void)
{
    run("trap '' TERM; (trap '' TERM; sleep 300) & echo $!; while :; do sleep 1; done", 1500 * MS, 0);
    CU_ASSERT_FALSE(said.well);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.text, "did not finish in time"));
    CU_ASSERT_TRUE(said.took_us >= 1500 * MS + CHILD_KILL_AFTER_MS * (int64_t)MS);
    CU_ASSERT_TRUE(is_gone(strtol(output, NULL, 10)));
    /* Whoever says that all is well after his deadline is not believed. */
    run("trap 'exit 0' TERM; while :; do sleep 0.05; done", S, 0);
    CU_ASSERT_FALSE(said.well);
}

static void a_hard_end_has_no_manners(void)
{
    run("trap '' TERM; (trap '' TERM; sleep 300) & echo $!; while :; do sleep 1; done", 60 * S, 300 * MS);
    CU_ASSERT_FALSE(said.well);
    CU_ASSERT_TRUE(said.took_us < 300 * MS + CHILD_KILL_AFTER_MS * (int64_t)MS);
    CU_ASSERT_TRUE(is_gone(strtol(output, NULL, 10)));
    run("echo never", 60 * S, -1); /* over before it began */
    CU_ASSERT_FALSE(said.well);
    CU_ASSERT_STRING_EQUAL(output, "");
    CU_ASSERT_PTR_NOT_NULL(strstr(said.text, "was not run"));
}

static void what_cannot_run_is_told_later(void)
{
    const char *missing[] = { "/nonexistent/fence" };
    struct hook_request request = { .words = missing, .word_count = 1, .deadline_us = base_mono_us() + S,
                                    .done = done };
    begin();
    hook_run(hook, &request);
    CU_ASSERT_EQUAL(calls, 0);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_FALSE(said.well);
    CU_ASSERT_PTR_NOT_NULL(strstr(said.text, "/nonexistent/fence"));
    request.word_count = 0;
    hook_run(hook, &request);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_FALSE(said.well);
    CU_ASSERT_FALSE(hook_can_run("/nonexistent/fence", &fault));
    CU_ASSERT_FALSE(hook_can_run("/etc", &fault));
    CU_ASSERT_FALSE(hook_can_run("/etc/passwd", &fault));
    CU_ASSERT_TRUE(hook_can_run("/bin/sh", &fault));
    end();
}

/* The second begins only when nothing of the first runs any more, however stubborn that is. */
static void the_next_waits_until_the_last_is_gone(void)
{
    char first[512], second[512];
    const char *words[2][3];
    make_folder();
    (void)snprintf(first, sizeof first, "cd %s; trap 'echo > manners' TERM INT; echo $$ > pid; "
                   "(trap '' TERM; echo > begun; sleep 300) & wait; echo > end", folder);
    (void)snprintf(second, sizeof second, "cd %s; kill -0 $(cat pid) 2>/dev/null && echo both; ls; rm -r %s",
                   folder, folder);
    begin();
    ask(words[0], first, 60 * S, 0);
    run_until_file("begun", "\n");
    ask(words[1], second, 5 * S, 0);
    ask(words[1], second, 5 * S, 0); /* while the first is dying: that one is forgotten, not run twice */
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, 1); /* none for the first */
    CU_ASSERT_TRUE(said.well);
    CU_ASSERT_STRING_EQUAL(output, "begun\npid\n"); /* at once, no SIGTERM first */
    run_for(50 * MS);
    CU_ASSERT_EQUAL(calls, 1);
    end();
}

static void what_is_stopped_says_nothing(void)
{
    const char *words[3];
    begin();
    ask(words, "sleep 300", 60 * S, 0);
    run_for(100 * MS);
    hook_stop(hook);
    hook_stop(hook);
    run_for(200 * MS);
    CU_ASSERT_EQUAL(calls, 0);
    ask(words, "sleep 300", 60 * S, 0);
    hook_stop(hook); /* before it began */
    run_for(100 * MS);
    CU_ASSERT_EQUAL(calls, 0);
    ask(words, "sleep 300", 60 * S, 0);
    run_for(100 * MS);
    end(); /* freed while it runs */
    CU_ASSERT_EQUAL(calls, 0);
}

SUITE_MAIN("hook", TEST(exit_code_0_alone_is_well), TEST(output_is_bounded_and_made_plain),
           TEST(it_knows_what_it_is_about), TEST(the_deadline_ends_all_of_it), TEST(a_hard_end_has_no_manners),
           TEST(what_cannot_run_is_told_later), TEST(the_next_waits_until_the_last_is_gone),
           TEST(what_is_stopped_says_nothing))
