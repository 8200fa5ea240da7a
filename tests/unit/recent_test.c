/* The newest lines in memory: bounded, in order, and nothing is missing without being said. */
#include <string.h>

#include "coordinator/report/recent.h"
#include "tests/unit/suite.h"

#define LINE_BYTES 100

static struct recent *recent;

static void put(uint64_t seq, const char *service, size_t bytes)
{
    char time[32];
    snprintf(time, sizeof time, "2026-11-21T10:%02d:%02d.000Z", (int)(seq / 60 % 60), (int)(seq % 60));
    json_t *line = json_pack("{s:I, s:s, s:s, s:s*}", "seq", (json_int_t)seq, "time", time, "event", "x", "service", service);
    recent_line(recent, line, bytes);
    json_decref(line);
}

static void fill(uint64_t from, uint64_t to)
{
    for (uint64_t seq = from; seq <= to; seq++)
        put(seq, seq % 2 == 0 ? "shop" : NULL, LINE_BYTES);
}

struct got {
    size_t count;
    int64_t first, last, next, missed;
    bool more, restarted, cut;
    char run[32];
};

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static struct got ask(struct recent_question question)
{
    struct got got = { .count = 0 };
    json_t *answer = recent_json(recent, &question);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    const json_t *events = json_object_get(answer, "events");
    got.count = json_array_size(events);
    got.first = number(json_array_get(events, 0), "seq");
    got.last = got.count > 0 ? number(json_array_get(events, got.count - 1), "seq") : 0;
    got.next = number(answer, "next");
    got.missed = number(answer, "missed");
    got.more = json_is_true(json_object_get(answer, "more"));
    got.restarted = json_is_true(json_object_get(answer, "restarted"));
    got.cut = json_is_true(json_object_get(answer, "cut"));
    snprintf(got.run, sizeof got.run, "%s", json_string_value(json_object_get(answer, "run")));
    json_decref(answer);
    return got;
}

static void nothing_yet(void)
{
    recent = recent_new();
    recent_begin(recent, 0);
    struct got got = ask((struct recent_question){ .after = -1, .newest = 20 });
    CU_ASSERT(got.count == 0 && got.next == 0 && !got.more && !got.cut && got.missed == 0);
    fill(1, 1);
    got = ask((struct recent_question){ .after = got.next, .run = got.run });
    CU_ASSERT(got.count == 1 && got.next == 1 && !got.restarted && got.missed == 0);
    recent_free(recent);
    recent_free(NULL);
}

static void the_newest_and_then_those_that_come(void)
{
    recent = recent_new();
    fill(1, 40);
    recent_begin(recent, 40);
    fill(41, 50);
    struct got got = ask((struct recent_question){ .after = -1, .newest = 20 });
    CU_ASSERT(got.count == 20 && got.first == 31 && got.last == 50 && got.next == 50 && !got.more && !got.cut);
    got = ask((struct recent_question){ .after = -1, .newest = 20, .service = "shop" });
    CU_ASSERT(got.count == 20 && got.first == 12 && got.last == 50 && !got.cut);
    got = ask((struct recent_question){ .after = -1, .newest = 60 });
    CU_ASSERT(got.count == 50 && !got.cut); /* there were no others */
    got = ask((struct recent_question){ .after = -1, .since = "2026-11-21T10:00:45.000Z" });
    CU_ASSERT(got.count == 6 && got.first == 45 && !got.cut);
    got = ask((struct recent_question){ .after = -1, .since = "2027-11-21T10:00:45.000Z" });
    CU_ASSERT(got.count == 0 && got.next == 50);
    struct got none = ask((struct recent_question){ .after = got.next, .run = got.run });
    CU_ASSERT(none.count == 0 && none.next == 50 && none.missed == 0);
    fill(51, 53);
    got = ask((struct recent_question){ .after = 50, .run = got.run, .since = "2027-11-21T10:00:45.000Z", .newest = 1 });
    CU_ASSERT(got.count == 3 && got.first == 51 && got.next == 53); /* a cursor is all that counts then */
    got = ask((struct recent_question){ .after = 50, .service = "shoe" });
    CU_ASSERT(got.count == 0 && got.next == 53 && got.missed == 0); /* passed over, not missing */
    recent_free(recent);
}

static void the_oldest_go_and_that_is_said(void)
{
    recent = recent_new();
    recent_begin(recent, 0);
    fill(1, RECENT_LINES_MAX + 100);
    struct got got = ask((struct recent_question){ .after = 10 });
    CU_ASSERT(got.first == 101 && got.missed == 90);
    CU_ASSERT(ask((struct recent_question){ .after = 100 }).missed == 0);
    CU_ASSERT(ask((struct recent_question){ .after = 99 }).missed == 1);
    CU_ASSERT(ask((struct recent_question){ .after = -1 }).cut);
    CU_ASSERT_FALSE(ask((struct recent_question){ .after = -1, .newest = 100 }).cut);
    CU_ASSERT_TRUE(ask((struct recent_question){ .after = -1, .newest = 1000, .service = "shop" }).cut);
    CU_ASSERT_TRUE(ask((struct recent_question){ .after = -1, .since = "2026-11-21T10:00:00.000Z" }).cut);
    put(RECENT_LINES_MAX + 105, NULL, LINE_BYTES); /* four that could not even be made */
    CU_ASSERT(ask((struct recent_question){ .after = RECENT_LINES_MAX + 100 }).missed == 4);
    recent_free(recent);
}

static void bytes_are_bounded_too(void)
{
    recent = recent_new();
    recent_begin(recent, 0);
    for (uint64_t seq = 1; seq <= 10; seq++)
        put(seq, NULL, RECENT_BYTES_MAX / 4);
    CU_ASSERT(ask((struct recent_question){ .after = 0 }).missed == 6);
    put(11, NULL, RECENT_BYTES_MAX);
    put(12, NULL, RECENT_BYTES_MAX + 1); /* not kept at all */
    CU_ASSERT(ask((struct recent_question){ .after = 0 }).missed == 10);
    recent_free(recent);
}

static void long_answers_come_in_pieces(void)
{
    recent = recent_new();
    recent_begin(recent, 0);
    fill(1, 1000);
    struct got got = ask((struct recent_question){ .after = -1, .newest = 1000 });
    size_t count = got.count;
    CU_ASSERT(got.count == RECENT_ANSWER_LINES_MAX && got.more && got.first == 1);
    for (int i = 0; got.more && i < 10; i++) {
        int64_t before = got.next;
        got = ask((struct recent_question){ .after = before, .run = got.run });
        CU_ASSERT(got.first == before + 1 && got.missed == 0);
        count += got.count;
    }
    CU_ASSERT(count == 1000 && got.next == 1000 && !got.more);
    recent_free(recent);
    recent = recent_new();
    for (uint64_t seq = 1; seq <= 5; seq++)
        put(seq, NULL, RECENT_ANSWER_BYTES_MAX / 2);
    got = ask((struct recent_question){ .after = 1 });
    CU_ASSERT(got.count == 2 && got.more && got.next == 3);
    recent_free(recent);
}

static void restarts_are_said_and_leave_no_hole(void)
{
    recent = recent_new();
    fill(1, 40); /* of the file's tail */
    recent_begin(recent, 40);
    fill(41, 42);
    struct got got = ask((struct recent_question){ .after = 38, .run = "00000000000000ff" });
    CU_ASSERT(got.restarted && got.first == 39 && got.missed == 0);
    /* The other run's last lines never got to the file: their numbers are used anew, and those are new. */
    got = ask((struct recent_question){ .after = 41, .run = "00000000000000ff" });
    CU_ASSERT(got.restarted && got.first == 41 && got.next == 42);
    got = ask((struct recent_question){ .after = 5000, .run = "00000000000000ff" });
    CU_ASSERT(got.restarted && got.first == 41);
    /* Of this run nobody can have seen more than there is. */
    got = ask((struct recent_question){ .after = 5000, .run = got.run });
    CU_ASSERT(!got.restarted && got.count == 0 && got.next == 42 && got.missed == 0);
    recent_free(recent);
    recent = recent_new();
    recent_begin(recent, 500); /* a tail of which no line could be kept */
    got = ask((struct recent_question){ .after = 400, .run = "00000000000000ff" });
    CU_ASSERT(got.restarted && got.count == 0);
    fill(501, 501);
    got = ask((struct recent_question){ .after = 400, .run = got.run });
    CU_ASSERT(got.missed == 100 && got.first == 501);
    recent_free(recent);
}

static void rubbish_of_the_file_is_passed_over(void)
{
    static const char *const odd[] = { "{}", "[]", "[1]", "{\"seq\":\"5\"}", "{\"seq\":-1}", "{\"seq\":0}", "{\"seq\":1.5}",
                                       "{\"seq\":3}", "{\"seq\":3}", "{\"seq\":2}", "{\"seq\":4,\"service\":7,\"time\":[]}" };
    recent = recent_new();
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        json_t *line = json_loads(odd[i], 0, NULL);
        recent_line(recent, line, LINE_BYTES);
        json_decref(line);
    }
    recent_begin(recent, 4);
    struct got got = ask((struct recent_question){ .after = -1 });
    CU_ASSERT(got.count == 2 && got.first == 3 && got.last == 4);
    CU_ASSERT(ask((struct recent_question){ .after = -1, .service = "shop" }).count == 0);
    CU_ASSERT(ask((struct recent_question){ .after = -1, .since = "0000" }).count == 0);
    recent_free(recent);
}

SUITE_MAIN("recent", TEST(nothing_yet), TEST(the_newest_and_then_those_that_come), TEST(the_oldest_go_and_that_is_said),
           TEST(bytes_are_bounded_too), TEST(long_answers_come_in_pieces), TEST(restarts_are_said_and_leave_no_hole),
           TEST(rubbish_of_the_file_is_passed_over))
