/* Histories of timelines: good ones, hostile ones, and where two part. */
#include "coordinator/database/timelines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"

static struct timelines one, two;
static struct fault fault;

static bool parse(const char *text, uint32_t current)
{
    fault.text[0] = '\0';
    return timelines_parse(text, current, &one, &fault);
}

static void positions_are_read_as_postgresql_writes_them(void)
{
    uint64_t lsn = 7;
    char text[TIMELINE_LSN_TEXT_MAX];
    CU_ASSERT_TRUE(timeline_lsn_parse("0/3000148", &lsn));
    CU_ASSERT_EQUAL(lsn, 0x3000148);
    CU_ASSERT_TRUE(timeline_lsn_parse("FFFFFFFF/ffffffff", &lsn));
    CU_ASSERT_EQUAL(lsn, UINT64_MAX);
    CU_ASSERT_STRING_EQUAL(timeline_lsn_text(text, UINT64_C(0x1a00000bc)), "1/A00000BC");
    static const char *const bad[] = { "", "0", "/", "0/", "/0", "0/x", "0/0 ", " 0/0", "0/123456789", "123456789/0", "-1/0",
                                       "0x1/0", "0/0/0", "g/1" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(timeline_lsn_parse(bad[i], &lsn));
}

static void a_history_is_read(void)
{
    CU_ASSERT_TRUE(parse("1\t0/3000000\tno recovery target specified\n\n# a remark\n3\t0/5000148\tbefore 2000-01-01 \"x\"\n", 4));
    CU_ASSERT_EQUAL(one.current, 4);
    CU_ASSERT_EQUAL_FATAL(one.count, 2);
    CU_ASSERT_TRUE(one.past[0].timeline == 1 && one.past[0].end_lsn == 0x3000000);
    CU_ASSERT_TRUE(one.past[1].timeline == 3 && one.past[1].end_lsn == 0x5000148);
    CU_ASSERT_TRUE(parse("", 1) && one.count == 0 && one.current == 1);
    CU_ASSERT_TRUE(parse("1 A/B", 2) && one.past[0].end_lsn == UINT64_C(0xA0000000B)); /* no end of line, no reason */
    CU_ASSERT_TRUE(parse("1\t0/1\r\n2\t0/1\t\xff\xfe\n", 3)); /* a timeline left where it began; a reason of any bytes */
    CU_ASSERT_TRUE(parse("4294967294\t0/1\tx\n", UINT32_MAX));
}

static void what_can_not_be_is_refused(void)
{
    static const struct { const char *text; uint32_t current; const char *says; } bad[] = {
        { "", 2, "names no timeline" },
        { "\n\n#only remarks\n", 2, "names no timeline" },
        { "", 0, "no timeline 0" },
        { "1\t0/3000000\tx\n", 1, "ancestor" },
        { "2\t0/3000000\tx\n", 2, "ancestor" },
        { "9\t0/3000000\tx\n", 2, "ancestor" },
        { "0\t0/3000000\tx\n", 2, "is not" },
        { "-1\t0/3000000\tx\n", 2, "is not" },
        { "4294967296\t0/3000000\tx\n", 9, "is not" },
        { "99999999999999999999999\t0/1\tx\n", 9, "is not" },
        { "1\n", 2, "is not" },
        { "1\t\n", 2, "is not" },
        { "1\t0/3000000garbage\n", 2, "is not" },
        { "1\t0/0\tx\n", 2, "goes back" },
        { "1\t0/5\tx\n2\t0/4\tx\n", 3, "goes back" },
        { "2\t0/4\tx\n1\t0/5\tx\n", 3, "comes after" },
        { "1\t0/4\tx\n1\t0/5\tx\n", 3, "comes after" },
        { "one\t0/5\tx\n", 3, "is not" },
        { "1\t0/4\tx\n<html>", 3, "line 2" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CU_ASSERT_FALSE(parse(bad[i].text, bad[i].current));
        CU_ASSERT_TRUE(one.current == 0 && one.count == 0);
        if (strstr(fault.text, bad[i].says) == NULL)
            printf("  %zu: \"%s\" does not say \"%s\"\n", i, fault.text, bad[i].says);
        CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, bad[i].says));
    }
}

static void bounds_hold(void)
{
    static char text[2 * TIMELINES_TEXT_MAX];
    size_t length = 0;
    for (unsigned i = 1; i <= TIMELINES_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%u\t0/%X\tx\n", i, i);
    CU_ASSERT_TRUE(parse(text, TIMELINES_MAX + 1));
    CU_ASSERT_EQUAL(one.count, TIMELINES_MAX);
    (void)snprintf(text + length, sizeof text - length, "%u\t0/%X\tx\n", TIMELINES_MAX + 1u, TIMELINES_MAX + 1u);
    CU_ASSERT_FALSE(parse(text, TIMELINES_MAX + 2));
    memset(text, '#', sizeof text - 1);
    CU_ASSERT_FALSE(parse(text, 2));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "longer"));
    memset(text, 'x', TIMELINES_TEXT_MAX - 2); /* one endless line is quoted in part only */
    text[TIMELINES_TEXT_MAX - 2] = '\0';
    CU_ASSERT_FALSE(parse(text, 2));
    CU_ASSERT_TRUE(strlen(fault.text) < 200);
}

/* What survives of a damaged history still obeys the rules; nothing is read beyond the text. */
static void damaged_histories_do_no_harm(void)
{
    static const char good[] = "1\t0/3000000\tno recovery target specified\n2\t0/5000148\tx\n17\t1A/B\tbefore\n";
    unsigned seed = 4711;
    for (int round = 0; round < 20000; round++) {
        char *text = malloc(sizeof good);
        memcpy(text, good, sizeof good);
        for (int hit = 0; hit < 3; hit++) {
            seed = seed * 1103515245u + 12345u;
            size_t at = seed >> 8 & 127;
            if (at < sizeof good - 1)
                text[at] = hit == 0 && (seed & 64) != 0 ? "\t\n/#0"[seed >> 20 & 3] : (char)(seed >> 16);
        }
        if (parse(text, 20)) {
            CU_ASSERT_TRUE(one.count >= 1 && one.count <= TIMELINES_MAX);
            for (size_t i = 0; i < one.count; i++) {
                CU_ASSERT_TRUE(one.past[i].timeline >= 1 && one.past[i].timeline < 20);
                CU_ASSERT_TRUE(i == 0 || (one.past[i].timeline > one.past[i - 1].timeline &&
                                          one.past[i].end_lsn >= one.past[i - 1].end_lsn));
            }
        } else {
            CU_ASSERT_TRUE(one.count == 0 && fault.text[0] != '\0');
        }
        free(text);
    }
}

static struct timelines_fork fork_of(const char *ours, uint32_t our_current, const char *theirs, uint32_t their_current)
{
    CU_ASSERT_TRUE_FATAL(timelines_parse(ours, our_current, &one, &fault));
    CU_ASSERT_TRUE_FATAL(timelines_parse(theirs, their_current, &two, &fault));
    return timelines_compare(&one, &two);
}

static void where_two_part(void)
{
    struct timelines_fork fork = fork_of("", 1, "1\t0/300\tx\n", 2);
    CU_ASSERT_TRUE(fork.relation == TIMELINES_LEFT && fork.timeline == 1 && fork.lsn == 0x300);
    fork = fork_of("", 1, "1\t0/300\tx\n2\t0/400\tx\n", 3); /* two promotions later */
    CU_ASSERT_TRUE(fork.relation == TIMELINES_LEFT && fork.lsn == 0x300);
    fork = fork_of("1\t0/300\tx\n", 2, "1\t0/300\tx\n2\t0/400\tx\n", 3);
    CU_ASSERT_TRUE(fork.relation == TIMELINES_LEFT && fork.timeline == 2 && fork.lsn == 0x400);
    fork = fork_of("1\t0/300\tx\n", 2, "1\t0/300\tx\n", 2);
    CU_ASSERT_TRUE(fork.relation == TIMELINES_SAME && fork.timeline == 2);
    fork = fork_of("", 1, "", 1);
    CU_ASSERT_EQUAL(fork.relation, TIMELINES_SAME);
    /* both were promoted to a timeline 2 of their own */
    fork = fork_of("1\t0/300\tx\n", 2, "1\t0/280\tx\n", 2);
    CU_ASSERT_TRUE(fork.relation == TIMELINES_DIVERGED && fork.timeline == 1 && fork.lsn == 0x280);
    fork = fork_of("1\t0/300\tx\n", 2, "1\t0/280\tx\n2\t0/900\tx\n", 3);
    CU_ASSERT_TRUE(fork.relation == TIMELINES_DIVERGED && fork.lsn == 0x280);
    /* we are the newer: it has stayed behind */
    fork = fork_of("1\t0/300\tx\n", 2, "", 1);
    CU_ASSERT_TRUE(fork.relation == TIMELINES_DIVERGED && fork.timeline == 1 && fork.lsn == 0x300);
    fork = fork_of("1\t0/300\tx\n", 2, "3\t0/300\tx\n", 4);
    CU_ASSERT_TRUE(fork.relation == TIMELINES_UNRELATED && fork.lsn == 0);
    CU_ASSERT_EQUAL(timelines_compare(&(struct timelines){ .current = 0 }, &two).relation, TIMELINES_UNRELATED);
}

static void by_the_number_alone(void)
{
    CU_ASSERT_TRUE_FATAL(timelines_parse("1\t0/300\tx\n2\t0/400\tx\n", 4, &two, &fault));
    CU_ASSERT_EQUAL(timelines_find(2, &two).lsn, 0x400);
    CU_ASSERT_EQUAL(timelines_find(2, &two).relation, TIMELINES_LEFT);
    CU_ASSERT_EQUAL(timelines_find(4, &two).relation, TIMELINES_SAME);
    CU_ASSERT_EQUAL(timelines_find(3, &two).relation, TIMELINES_DIVERGED); /* skipped by it: somebody else's */
    CU_ASSERT_EQUAL(timelines_find(5, &two).relation, TIMELINES_DIVERGED);
    CU_ASSERT_EQUAL(timelines_find(0, &two).relation, TIMELINES_UNRELATED);
}

SUITE_MAIN("timelines", TEST(positions_are_read_as_postgresql_writes_them), TEST(a_history_is_read),
           TEST(what_can_not_be_is_refused), TEST(bounds_hold), TEST(damaged_histories_do_no_harm),
           TEST(where_two_part),
           TEST(by_the_number_alone))
