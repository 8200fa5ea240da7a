/* Replication slots on a real primary: made once, taken away only where they are ours and idle. */
#include "coordinator/database/slot.h"

#include <signal.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define SLOTS "select coalesce(string_agg(slot_name, ' ' order by slot_name), '') from pg_replication_slots"
#define LIMIT_US (5 * (int64_t)CLOCK_US_PER_S)

static struct pg_server primary, standby;

struct answer {
    bool done;
    bool well;
    int count;
    char why[FAULT_TEXT_MAX];
};

static void on_answer(void *arg, bool well, const char *why)
{
    struct answer *answer = arg;
    answer->done = true;
    answer->well = well;
    answer->count++;
    (void)text_copy(answer->why, sizeof answer->why, why);
}

typedef struct slot_errand *start_fn(struct loop *loop, const struct pg_target *primary, const char *name,
                                     int64_t deadline_us, slot_fn *done, void *arg, struct fault *fault);

static struct answer ask(start_fn *start, const char *user, const char *name)
{
    struct answer answer = { .done = false };
    struct fault fault = { "" };
    struct pg_target target = pg_fixture_target(&primary, user);
    struct slot_errand *errand = start(pg_fixture_loop(), &target, name, base_mono_us() + LIMIT_US, on_answer, &answer,
                                       &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    CU_ASSERT_TRUE_FATAL(pg_fixture_run(pg_fixture_loop(), &answer.done, 10000));
    CU_ASSERT_EQUAL(answer.count, 1);
    return answer;
}

static bool slots_are(const char *wanted)
{
    char found[256] = "";
    return pg_fixture_sql(&primary, SLOTS, found, sizeof found) && strcmp(found, wanted) == 0;
}

static void made_by_name_and_once(void)
{
    pg_fixture_start(&primary, NULL);
    CU_ASSERT_TRUE(ask(slot_make, "failoverd", "failoverd_us_east_1").well);
    CU_ASSERT_TRUE(ask(slot_make, "failoverd", "failoverd_us_east_1").well);
    CU_ASSERT_TRUE(slots_are("failoverd_us_east_1"));
    char reserved[8] = "";
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "select restart_lsn is not null from pg_replication_slots", reserved, sizeof reserved));
    CU_ASSERT_STRING_EQUAL(reserved, "t"); /* WAL is kept from now on, not from its first use */
}

static void what_cannot_be_made_is_said(void)
{
    struct answer answer = ask(slot_make, "app", "failoverd_us_east_1");
    CU_ASSERT_TRUE(!answer.well && strstr(answer.why, "permission denied") != NULL);
    answer = ask(slot_make, "failoverd", "No Such Name'");
    CU_ASSERT_TRUE(!answer.well && strstr(answer.why, "No Such Name'") != NULL);
    struct pg_target target = pg_fixture_target(&primary, "failoverd");
    struct fault fault;
    char too_long[SLOT_NAME_MAX + 1];
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    CU_ASSERT_PTR_NULL(slot_make(pg_fixture_loop(), &target, "", 0, on_answer, &answer, &fault));
    CU_ASSERT_PTR_NULL(slot_make(pg_fixture_loop(), &target, too_long, 0, on_answer, &answer, &fault));
}

static void dropped_only_where_ours_and_idle(void)
{
    CU_ASSERT_TRUE(ask(slot_make, "failoverd", "others").well);
    CU_ASSERT_TRUE(ask(slot_drop, "failoverd", "others").well);
    CU_ASSERT_TRUE(ask(slot_drop, "failoverd", "failoverd_not_there").well);
    CU_ASSERT_TRUE(slots_are("failoverd_us_east_1 others"));
    pg_fixture_standby(&standby, &primary);
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "alter system set primary_slot_name = 'failoverd_us_east_1'", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "select pg_reload_conf()", NULL, 0));
    CU_ASSERT_TRUE(pg_fixture_await(&primary, "select active from pg_replication_slots where slot_name ~ '^failoverd'", "t"));
    CU_ASSERT_TRUE(ask(slot_drop, "failoverd", "failoverd_us_east_1").well);
    CU_ASSERT_TRUE(slots_are("failoverd_us_east_1 others"));
    pg_fixture_stop(&standby);
    CU_ASSERT_TRUE(pg_fixture_await(&primary, "select active from pg_replication_slots where slot_name ~ '^failoverd'", "f"));
    CU_ASSERT_FALSE(ask(slot_drop, "app", "failoverd_us_east_1").well);
    CU_ASSERT_TRUE(ask(slot_drop, "failoverd", "failoverd_us_east_1").well);
    CU_ASSERT_TRUE(slots_are("others"));
}

static void a_silent_server_has_a_deadline(void)
{
    struct answer answer = { .done = false };
    struct fault fault = { "" };
    struct pg_target target = pg_fixture_target(&primary, "failoverd");
    pg_fixture_kill(&primary, SIGKILL);
    struct slot_errand *errand = slot_make(pg_fixture_loop(), &target, "late", base_mono_us() + LIMIT_US / 10, on_answer,
                                           &answer, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &answer.done, 10000));
    CU_ASSERT_TRUE(!answer.well && answer.why[0] != '\0');
    pg_fixture_stop(&primary);
}

SUITE_MAIN("slot", TEST(made_by_name_and_once), TEST(what_cannot_be_made_is_said), TEST(dropped_only_where_ours_and_idle),
           TEST(a_silent_server_has_a_deadline))
