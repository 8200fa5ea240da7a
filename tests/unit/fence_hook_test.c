/* The fence's hook and its place in the ladder, with real programs: what is run when, what counts as
 * shut, that an open never outlives the lease, and that a fence which hangs leaves the next its time. */
#include "coordinator/control/fence_hook.h"

#include <string.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/control/fence.h"
#include "tests/unit/hook_fixture.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/stub_server.h"
#include "tests/unit/suite.h"

static char program[PATH_BYTES * 2];
static const char *words[] = { program, "an argument" };
static struct database_config database = { .host = "127.0.0.1", .guard_host = "127.0.0.1", .port = 1, .dbname = "x",
                                           .user = "x", .sslmode = "disable", .canary_user = "y" };

/* ---- a program whose doings are read afterwards ---- */

/* It notes action and reason, says so if another of its kind still runs, then does what `shut`, `open` or
 * `reads` in its folder say. */
static void make_program(void)
{
    make_folder();
    (void)snprintf(program, sizeof program, "%s/hook", folder);
    write_file("hook", 0755,
               "#!/bin/sh\ncd %s\n"
               "echo \"$FAILOVERD_ACTION ${FAILOVERD_REASON:-${FAILOVERD_UNTIL_SECONDS:+until}}\" >> log\n"
               "if [ -f pid ] && kill -0 \"$(cat pid)\" 2>/dev/null; then echo BOTH >> log; fi\n"
               "echo $$ > pid\n[ -f \"$FAILOVERD_ACTION\" ] && . \"./$FAILOVERD_ACTION\"\nrm -f pid\n"
               "echo \"$FAILOVERD_ACTION done\"; echo \"$FAILOVERD_ACTION done\" >> log\n", folder);
}

/* What it noted since the last time, on one line. */
static const char *logged(void)
{
    static char text[2048];
    (void)text_copy(text, sizeof text, read_file("log"));
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '\n' ? ';' : *at;
    (void)unlink(path("log"));
    return text;
}

/* Until the program has noted that. */
static void run_until_logged(const char *wanted)
{
    run_until_file("log", wanted);
}

/* ---- the rung alone ---- */

static struct database_secrets secrets;
static struct fence_hook_config config;
static struct fence_hook *rung;
static bool well;
static char detail[1024];
static int calls;

static void on_rung(void *arg, bool good, const char *words_of_it)
{
    (void)arg;
    well = good;
    (void)text_copy(detail, sizeof detail, words_of_it);
    calls++;
    loop_stop(loop);
}

static void open_rung(bool has_open, int64_t deadline_us)
{
    make_program();
    loop = loop_new("test", &fault);
    config = (struct fence_hook_config){ .shut = { words, 2 }, .open = { words, has_open ? 2 : 0 },
                                         .deadline_us = deadline_us };
    const struct fence_hook_settings settings = { "shop", "us-east-1", "use1-a", &config, &database, &secrets };
    rung = fence_hook_new(loop, &settings);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rung);
    calls = 0;
}

static void close_rung(void)
{
    fence_hook_free(rung);
    loop_free(loop);
    remove_folder();
}

static struct act act_of(enum act_kind kind, int64_t until_us)
{
    int64_t now = base_mono_us();
    return (struct act){ .kind = kind, .key = { .epoch = 4 }, .until = { now + until_us },
                         .deadline = { now + 30 * US_PER_S } };
}

static void shut(const char *reason)
{
    struct act act = act_of(ACT_FENCE_SHUT, 0);
    fence_hook_shut(rung, &act, reason, act.deadline.us, on_rung, NULL);
}

static void open_for(enum act_kind kind, int64_t until_us)
{
    struct act act = act_of(kind, until_us);
    fence_hook_open(rung, &act, on_rung, NULL);
}

static void shut_and_opened_as_needed(void)
{
    open_rung(true, 5 * US_PER_S);
    CU_ASSERT_TRUE(fence_hook_must_open(rung)); /* nothing is known yet */
    open_for(ACT_FENCE_HOLD, 5 * US_PER_S);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(well);
    CU_ASSERT_STRING_EQUAL(logged(), "open until;open done;");
    CU_ASSERT_FALSE(fence_hook_must_open(rung));
    shut(FENCE_HOOK_ASKED);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(well);
    CU_ASSERT_EQUAL(strncmp(detail, "hook: shut done, ", 17), 0);
    CU_ASSERT_STRING_EQUAL(logged(), "shut fence;shut done;");
    CU_ASSERT_TRUE(fence_hook_must_open(rung));
    open_for(ACT_FENCE_READS, 1); /* reads need no lease */
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(well);
    CU_ASSERT_STRING_EQUAL(logged(), "reads ;reads done;");
    CU_ASSERT_FALSE(fence_hook_must_open(rung));
    CU_ASSERT_EQUAL(calls, 3);
    close_rung();
}

static void what_is_not_proven_is_not_shut(void)
{
    open_rung(true, 2 * US_PER_S); /* time enough to begin on a busy machine */
    write_file("shut", 0644, "echo 'the disk is gone'; exit 1\n");
    shut(FENCE_HOOK_ASKED);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_FALSE(well);
    CU_ASSERT_EQUAL(strncmp(detail, "hook: exited with 1 after ", 26), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(detail, "the disk is gone"));
    CU_ASSERT_TRUE(fence_hook_must_open(rung)); /* who knows what it did */
    write_file("shut", 0644, "sleep 60\n");
    shut(FENCE_HOOK_ASKED);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_FALSE(well);
    CU_ASSERT_PTR_NOT_NULL(strstr(detail, "did not finish in time"));
    (void)logged();
    (void)unlink(path("hook"));
    CU_ASSERT_FALSE(fence_hook_ready(rung, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "fence.hook.shut can't be run"));
    shut(FENCE_HOOK_ASKED);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_FALSE(well);
    CU_ASSERT_PTR_NOT_NULL(strstr(detail, "cannot run"));
    close_rung();
}

static void a_shut_ends_in_the_time_it_is_given(void)
{
    open_rung(true, 20 * US_PER_S);
    write_file("shut", 0644, "trap '' TERM; while :; do sleep 1; done\n");
    struct act act = act_of(ACT_FENCE_SHUT, 0);
    int64_t by = base_mono_us() + 300 * US_PER_MS + KILL_US;
    fence_hook_shut(rung, &act, FENCE_HOOK_ASKED, by, on_rung, NULL);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_FALSE(well);
    CU_ASSERT_TRUE(base_mono_us() - by < 10 * US_PER_S); /* not after 20 s */
    close_rung();
}

/* One shut, and no open after it. (A busy machine may not get as far as the open's first line.) */
static void expect_late_shut(void)
{
    const char *log = logged();
    const char *open = "open until;";
    bool begun = strncmp(log, open, strlen(open)) == 0;
    CU_ASSERT_STRING_EQUAL(log + (begun ? strlen(open) : 0), "shut late;shut done;");
}

/* It is killed when the lease ends, whatever it does about that, and what it may have done is undone. */
static void an_open_does_not_outlive_the_lease(void)
{
    open_rung(true, 20 * US_PER_S);
    write_file("open", 0644, "trap '' TERM; sleep 300 & wait\n");
    int64_t began = base_mono_us();
    open_for(ACT_FENCE_HOLD, 400 * US_PER_MS);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_FALSE(well);
    CU_ASSERT_PTR_NOT_NULL(strstr(detail, "the lease ended"));
    CU_ASSERT_TRUE(base_mono_us() - began < 400 * US_PER_MS + KILL_US); /* no SIGTERM first */
    run_until_logged("shut done");
    run_for(50 * US_PER_MS);
    expect_late_shut();
    CU_ASSERT_EQUAL(calls, 1);
    CU_ASSERT_TRUE(fence_hook_must_open(rung));
    close_rung();
}

/* The core asks for a shut as well: it is the same one. */
static void a_late_shut_is_taken_up(void)
{
    open_rung(true, 20 * US_PER_S);
    write_file("open", 0644, "sleep 300\n");
    write_file("shut", 0644, "sleep 2\n"); /* until it was asked for as well */
    config.on_standby = true; /* without a look first */
    open_for(ACT_FENCE_HOLD, 200 * US_PER_MS);
    CU_ASSERT_TRUE(stub_run(loop));
    run_until_logged("shut late");
    fence_hook_overtake_open(rung);
    shut(FENCE_HOOK_ASKED);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(well);
    CU_ASSERT_EQUAL(calls, 2);
    expect_late_shut();
    close_rung();
}

static void a_shut_overtakes_an_open(void)
{
    open_rung(true, 20 * US_PER_S);
    write_file("open", 0644, "trap 'echo TERM >> log' TERM; echo opening >> log; sleep 300 & wait\n");
    open_for(ACT_FENCE_HOLD, 20 * US_PER_S);
    run_until_logged("opening");
    fence_hook_overtake_open(rung);
    shut(FENCE_HOOK_ASKED);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(well);
    CU_ASSERT_EQUAL(calls, 1); /* nobody hears of the open any more */
    CU_ASSERT_STRING_EQUAL(logged(), "open until;opening;shut fence;shut done;"); /* at once, no SIGTERM first */
    close_rung();
}

static void without_an_open_a_person_starts_it(void)
{
    open_rung(false, 5 * US_PER_S);
    CU_ASSERT_FALSE(fence_hook_must_open(rung));
    shut(FENCE_HOOK_ASKED);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(fence_hook_must_open(rung));
    (void)logged();
    open_for(ACT_FENCE_HOLD, 5 * US_PER_S);
    CU_ASSERT_TRUE(well);
    CU_ASSERT_PTR_NOT_NULL(strstr(detail, "by hand"));
    CU_ASSERT_FALSE(fence_hook_must_open(rung));
    CU_ASSERT_STRING_EQUAL(logged(), "");
    close_rung();
}

/* A real primary and its standby: that one is not stopped, and nothing is claimed of it. */
static void a_standby_is_not_shut_unless_asked_for(void)
{
    static struct pg_server primary, standby;
    const struct database_config elsewhere = database;
    pg_fixture_start(&primary, NULL);
    pg_fixture_standby(&standby, &primary);
    open_rung(true, 8 * US_PER_S);
    for (int i = 0; i < 3; i++) {
        const struct pg_server *server = i == 0 ? &primary : &standby;
        database.guard_host = server->folder;
        database.port = server->port;
        database.user = "failoverd";
        database.dbname = "postgres";
        config.on_standby = i == 2;
        const struct fence_hook_settings settings = { "shop", "us-east-1", "use1-a", &config, &database, &secrets };
        fence_hook_free(rung);
        rung = fence_hook_new(loop, &settings);
        CU_ASSERT_PTR_NOT_NULL_FATAL(rung);
        shut(FENCE_HOOK_ASKED);
        CU_ASSERT_TRUE(stub_run(loop));
        CU_ASSERT_EQUAL(well, i != 1);
        CU_ASSERT_EQUAL(strstr(detail, "is a standby") != NULL, i == 1);
        CU_ASSERT_STRING_EQUAL(logged(), i != 1 ? "shut fence;shut done;" : "");
    }
    close_rung();
    database = elsewhere;
    pg_fixture_stop(&standby);
    pg_fixture_stop(&primary);
}

/* ---- the ladder ---- */

static struct service_config service;
static struct local_config local;
static struct fence *fence;
static struct act_result result;
static bool ready, told;
static char why[512];

static void on_result(void *arg, const struct act_result *got)
{
    (void)arg;
    result = *got;
    calls++;
    loop_stop(loop);
}

static void on_ready(void *arg, uint8_t index, bool is_ready, bool kernel, const char *reason)
{
    (void)arg;
    (void)index;
    CU_ASSERT_FALSE(kernel);
    ready = is_ready;
    told = true;
    (void)text_copy(why, sizeof why, reason);
}

static void on_settled(void *arg)
{
    (void)arg;
}

static void open_ladder(int first, int second, int64_t deadline_us)
{
    static char socket_path[PATH_BYTES * 2];
    make_program();
    loop = loop_new("test", &fault);
    (void)snprintf(socket_path, sizeof socket_path, "%s/control.sock", folder);
    local = (struct local_config){ .name = "use1-a", .control_socket = socket_path };
    service = (struct service_config){ .name = "shop", .fence = {
        .ladder = { first, second }, .ladder_count = second >= 0 ? 2 : 1,
        .hook = { { words, 2 }, { words, 2 }, deadline_us, false } } };
    const struct fence_settings settings = {
        .service = "shop", .config = &service, .region = "us-east-1", .database = &database, .secrets = &secrets,
        .kernel_missing = "no nftables here", .on_done = on_result, .on_ready = on_ready, .on_settled = on_settled,
        .local = &local, .brand_new = true,
    };
    told = false;
    calls = 0;
    fence = fence_new(loop, &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fence);
}

static void close_ladder(void)
{
    fence_free(fence);
    loop_free(loop);
    remove_folder();
}

static void work(enum act_kind kind, int64_t until_us, int64_t deadline_us)
{
    static uint32_t attempt;
    struct act act = act_of(kind, until_us);
    act.key.attempt = ++attempt;
    act.deadline.us = base_mono_us() + deadline_us;
    fence_act(fence, &act);
}

/* Nobody answers where the door is looked for, and the hook still gets what it needs. */
static void a_door_that_hangs_leaves_the_hook_its_time(void)
{
    open_ladder(CONFIG_FENCE_DOOR, CONFIG_FENCE_HOOK, US_PER_S);
    write_file("shut", 0644, "sleep 0.5\n");
    int64_t began = base_mono_us();
    work(ACT_FENCE_SHUT, 0, US_PER_S + KILL_US + 1500 * US_PER_MS);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(result.outcome, ACT_DONE);
    CU_ASSERT_EQUAL(strncmp(result.detail.s, "hook: shut done, ", 17), 0);
    CU_ASSERT_TRUE(base_mono_us() - began >= 1500 * US_PER_MS); /* the door had the rest */
    CU_ASSERT_STRING_EQUAL(logged(), "shut escalation;shut done;");
    CU_ASSERT_STRING_EQUAL(fence_said(fence), result.detail.s);
    /* Looked at again: by what proved it, and the door is not waited for. */
    began = base_mono_us();
    work(ACT_FENCE_SHUT, 0, 30 * US_PER_S);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(result.outcome, ACT_DONE);
    CU_ASSERT_TRUE(base_mono_us() - began < 10 * US_PER_S);
    CU_ASSERT_STRING_EQUAL(logged(), "shut recheck;shut done;");
    close_ladder();
}

static void a_kernel_that_is_missing_does_too(void)
{
    open_ladder(CONFIG_FENCE_KERNEL, CONFIG_FENCE_HOOK, US_PER_S);
    work(ACT_FENCE_SHUT, 0, 30 * US_PER_S);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(result.outcome, ACT_DONE);
    CU_ASSERT_STRING_EQUAL(logged(), "shut escalation;shut done;");
    run_until(&told);
    CU_ASSERT_FALSE(ready);
    CU_ASSERT_STRING_EQUAL(fence_trouble(fence), "no nftables here");
    close_ladder();
}

static void when_none_confirms_it_has_failed(void)
{
    open_ladder(CONFIG_FENCE_HOOK, CONFIG_FENCE_DOOR, US_PER_S);
    write_file("shut", 0644, "echo will not; exit 9\n");
    work(ACT_FENCE_SHUT, 0, 1500 * US_PER_MS + KILL_US);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(result.outcome, ACT_FAILED);
    CU_ASSERT_EQUAL(strncmp(result.detail.s, "door: ", 6), 0);
    CU_ASSERT_EQUAL(strncmp(fence_said(fence), "door: ", 6), 0);
    close_ladder();
    open_ladder(CONFIG_FENCE_HOOK, -1, US_PER_S);
    write_file("shut", 0644, "echo will not; exit 9\n");
    work(ACT_FENCE_SHUT, 0, 30 * US_PER_S);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(result.outcome, ACT_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(fence_said(fence), "exited with 9"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fence_said(fence), "will not"));
    close_ladder();
}

static void the_ladder_opens_once_and_shuts_over_an_open(void)
{
    open_ladder(CONFIG_FENCE_HOOK, -1, 5 * US_PER_S);
    work(ACT_FENCE_HOLD, 10 * US_PER_S, 30 * US_PER_S);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(result.outcome, ACT_DONE);
    work(ACT_FENCE_HOLD, 10 * US_PER_S, 30 * US_PER_S);
    CU_ASSERT_EQUAL(calls, 2); /* nothing to do */
    run_for(US_PER_MS);        /* which takes up the loop's stop for it */
    CU_ASSERT_STRING_EQUAL(logged(), "open until;open done;");
    work(ACT_FENCE_SHUT, 0, 30 * US_PER_S);
    CU_ASSERT_TRUE(stub_run(loop));
    (void)logged();
    write_file("open", 0644, "trap '' TERM; sleep 300 & wait\n");
    work(ACT_FENCE_HOLD, 10 * US_PER_S, 30 * US_PER_S);
    run_until_logged("open until");
    work(ACT_FENCE_SHUT, 0, 30 * US_PER_S);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_TRUE(result.kind == ACT_FENCE_SHUT && result.outcome == ACT_DONE);
    CU_ASSERT_EQUAL(calls, 4);
    CU_ASSERT_STRING_EQUAL(logged(), "open until;shut fence;shut done;");
    close_ladder();
}

/* Also where the door is to shut first: nothing goes on opening beside it. */
static void an_open_ends_at_once_whatever_shuts(void)
{
    open_ladder(CONFIG_FENCE_DOOR, CONFIG_FENCE_HOOK, 20 * US_PER_S);
    write_file("open", 0644, "echo $$ > pid; trap '' TERM; echo opening >> log; sleep 300 & wait\n");
    work(ACT_FENCE_HOLD, 60 * US_PER_S, 30 * US_PER_S);
    run_until_logged("opening");
    pid_t pid = (pid_t)strtol(read_file("pid"), NULL, 10);
    CU_ASSERT_TRUE_FATAL(pid > 0);
    CU_ASSERT_EQUAL(kill(pid, 0), 0);
    work(ACT_FENCE_SHUT, 0, 30 * US_PER_S); /* of which the door has 8 s */
    run_for(US_PER_S);
    CU_ASSERT_EQUAL(kill(pid, 0), -1);
    CU_ASSERT_EQUAL(calls, 0);
    close_ladder();
}

static void without_its_program_there_is_no_fence(void)
{
    open_ladder(CONFIG_FENCE_HOOK, -1, US_PER_S);
    run_until(&told);
    CU_ASSERT_TRUE(ready);
    CU_ASSERT_STRING_EQUAL(fence_trouble(fence), "");
    close_ladder();
    open_ladder(CONFIG_FENCE_HOOK, -1, US_PER_S);
    CU_ASSERT_EQUAL(chmod(program, 0644), 0);
    run_until(&told);
    CU_ASSERT_FALSE(ready);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "fence.hook.shut can't be run"));
    CU_ASSERT_STRING_EQUAL(fence_trouble(fence), why);
    close_ladder();
}

SUITE_MAIN("fence_hook", TEST(shut_and_opened_as_needed), TEST(what_is_not_proven_is_not_shut),
           TEST(a_shut_ends_in_the_time_it_is_given), TEST(an_open_does_not_outlive_the_lease),
           TEST(a_late_shut_is_taken_up), TEST(a_shut_overtakes_an_open), TEST(without_an_open_a_person_starts_it),
           TEST(a_standby_is_not_shut_unless_asked_for),
           TEST(a_door_that_hangs_leaves_the_hook_its_time), TEST(a_kernel_that_is_missing_does_too),
           TEST(when_none_confirms_it_has_failed), TEST(the_ladder_opens_once_and_shuts_over_an_open),
           TEST(an_open_ends_at_once_whatever_shuts),
           TEST(without_its_program_there_is_no_fence))
