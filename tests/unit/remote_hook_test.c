/* Another region's remote hook as an act, with a real program: what it is told, and that nothing but exit code 0
 * in its time is reported as done. */
#include "coordinator/control/database_acts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/loop.h"
#include "tests/unit/suite.h"

#define KILL_US ((int64_t)CHILD_KILL_AFTER_MS * CLOCK_US_PER_MS)
#define PATH_BYTES 160

static struct fault fault;
static struct loop *loop;
static char folder[PATH_BYTES];
static char program[PATH_BYTES * 2], told[PATH_BYTES * 2];
static const char *words[] = { program, "an argument" };
static struct database_config own = { .host = "127.0.0.1", .port = 1, .dbname = "x", .user = "x", .sslmode = "disable" };
static struct database_config theirs = { .host = "db.example.com", .hostaddr = "192.0.2.7", .port = 5433 };
static struct remote_hook_config hook = { { words, 2 }, US_PER_S };
static struct service_region_config of_service[] = { { .name = "us-east-1", .region = 0, .database = &theirs },
                                                     { .name = "us-west-2", .region = 1, .database = &own } };
static struct service_config service = { .name = "shop", .regions = of_service, .region_count = 2 };
static struct region_config regions[] = { { .name = "us-east-1" }, { .name = "us-west-2" } };
static struct cluster_config cluster = { .regions = regions, .region_count = 2,
                                         .services = &service, .service_count = 1 };
static struct database_secrets secrets;
static struct database_acts *acts;
static struct act_result result;
static int calls;

static void on_done(void *arg, const struct act_result *r)
{
    (void)arg;
    result = *r;
    calls++;
    loop_stop(loop);
}

static void set_up(const char *what)
{
    (void)snprintf(folder, sizeof folder, "/tmp/failoverd-remote-XXXXXX");
    if (mkdtemp(folder) == NULL)
        abort();
    (void)snprintf(program, sizeof program, "%s/hook", folder);
    (void)snprintf(told, sizeof told, "%s/told", folder);
    FILE *file = fopen(program, "w");
    if (file == NULL || fprintf(file, "#!/bin/sh\necho \"$1 $FAILOVERD_ACTION $FAILOVERD_REASON $FAILOVERD_SERVICE "
                                      "$FAILOVERD_REGION $FAILOVERD_NODE $FAILOVERD_EPOCH $FAILOVERD_OPERATION "
                                      "$FAILOVERD_DATABASE_HOST:$FAILOVERD_DATABASE_PORT\" > %s\n%s\n", told, what) < 0 ||
        fclose(file) != 0 || chmod(program, 0755) != 0)
        abort();
    of_service[0].remote_hook = &hook;
    loop = loop_new("test", &fault);
    const struct database_acts_settings settings = { .cluster = &cluster, .service = &service, .database = &own,
                                                     .secrets = &secrets, .node = "usw2-a", .on_done = on_done };
    acts = database_acts_new(loop, &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(acts);
    calls = 0;
}

static void tear_down(void)
{
    database_acts_free(acts);
    loop_free(loop);
    (void)unlink(program);
    (void)unlink(told);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

/* As the core asks for it: its deadline holds the time to kill. */
static void act(int64_t for_us)
{
    struct act a = { .kind = ACT_FENCE_REMOTE, .key = { .step = 3, .attempt = 2, .epoch = 4, .operation = 0xabc },
                     .deadline = { base_mono_us() + for_us + KILL_US }, .region = 0 };
    database_acts_run(acts, &a);
    CU_ASSERT_TRUE(calls > 0 || loop_run(loop, &fault));
    CU_ASSERT_EQUAL(calls, 1);
    CU_ASSERT_EQUAL(result.kind, ACT_FENCE_REMOTE);
    CU_ASSERT_TRUE(result.key.epoch == 4 && result.key.operation == 0xabc && result.key.attempt == 2);
}

static void exit_code_0_in_time_is_done(void)
{
    char text[512] = "";
    set_up("echo isolated");
    act(5 * US_PER_S);
    CU_ASSERT_EQUAL(result.outcome, ACT_DONE);
    CU_ASSERT_EQUAL(strncmp(result.detail.s, "isolated, ", 10), 0);
    FILE *file = fopen(told, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_PTR_NOT_NULL(fgets(text, sizeof text, file));
    (void)fclose(file);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "an argument shut takeover shop us-east-1 usw2-a 4 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "abc 192.0.2.7:5433"));
    tear_down();
}

static void anything_else_is_not(void)
{
    static const char *const ends[] = { "echo 403; exit 1", "kill -9 $$", "exit 255" };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        set_up(ends[i]);
        act(5 * US_PER_S);
        CU_ASSERT_EQUAL(result.outcome, ACT_FAILED);
        tear_down();
    }
    set_up("exit 0");
    (void)chmod(program, 0644);
    act(5 * US_PER_S);
    CU_ASSERT_NOT_EQUAL(result.outcome, ACT_DONE);
    tear_down();
}

/* Also one that would have said so: what it asked of others may be done yet, or not. */
static void past_its_deadline_nothing_is_known(void)
{
    set_up("trap 'exit 0' TERM; sleep 5 & wait");
    act(200 * US_PER_MS);
    CU_ASSERT_EQUAL(result.outcome, ACT_UNKNOWN);
    tear_down();
}

static void a_region_without_a_hook_fails_at_once(void)
{
    set_up("exit 0");
    of_service[0].remote_hook = NULL;
    act(5 * US_PER_S);
    CU_ASSERT_EQUAL(result.outcome, ACT_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.detail.s, "no remote_hook"));
    CU_ASSERT_NOT_EQUAL(access(told, F_OK), 0);
    tear_down();
}

SUITE_MAIN("remote_hook", TEST(exit_code_0_in_time_is_done), TEST(anything_else_is_not),
           TEST(past_its_deadline_nothing_is_known), TEST(a_region_without_a_hook_fails_at_once))
