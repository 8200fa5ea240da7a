/* The picture of `status --watch`: never wider nor higher than the terminal, whatever is in it. */
#include <locale.h>
#include <string.h>

#include "coordinator/base/random.h"
#include "coordinator/operator/failoverctl_screen.h"
#include "coordinator/operator/failoverctl_watch.h"
#include "tests/unit/suite.h"

#define ROWS_MAX 4096

struct seen {
    char *rows[ROWS_MAX]; /* what a terminal shows, without escapes */
    size_t count;
    bool clears_below;
    char *all;
};

/* Counts what is no continuation byte: enough for the characters used here, each of one column. */
static size_t columns(const char *row)
{
    size_t count = 0;
    for (; *row != '\0'; row++)
        count += ((unsigned char)*row & 0xc0u) != 0x80;
    return count;
}

/* Takes what is sent apart as a terminal would; fails on any escape but colours, home, clear line and clear below. */
static struct seen show(const char *text, size_t width, size_t height)
{
    struct seen seen = { .count = 0 };
    size_t length = 0;
    FILE *out = open_memstream(&seen.all, &length);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    screen_fit(out, text, (struct screen_size){ width, height });
    fclose(out);
    CU_ASSERT_EQUAL(strlen(seen.all), length);
    CU_ASSERT_EQUAL(strncmp(seen.all, "\033[H", 3), 0);
    char *to = seen.all;
    seen.rows[seen.count++] = to;
    for (const char *at = seen.all; *at != '\0';) {
        if (at[0] == '\033') {
            const char *end = at + 1 + strcspn(at + 1, "mHKJhl");
            CU_ASSERT(*end != '\0' && strchr("mHKJ", *end) != NULL);
            seen.clears_below = seen.clears_below || *end == 'J';
            at = end + 1;
        } else if (at[0] == '\r' && at[1] == '\n') {
            *to++ = '\0';
            CU_ASSERT_FATAL(seen.count < ROWS_MAX);
            seen.rows[seen.count++] = to;
            at += 2;
        } else {
            CU_ASSERT((unsigned char)*at >= 0x20);
            *to++ = *at++;
        }
    }
    *to = '\0';
    if (seen.clears_below)
        seen.count--; /* the row where it begins to clear */
    CU_ASSERT(seen.count <= height);
    for (size_t i = 0; i < seen.count; i++)
        CU_ASSERT(columns(seen.rows[i]) <= width);
    return seen;
}

static void what_fits_is_shown_as_it_is(void)
{
    struct seen seen = show("one\n  two\n\nthree \xc3\xa9\xe2\x82\xac\n", 20, 10);
    CU_ASSERT_EQUAL_FATAL(seen.count, 4);
    CU_ASSERT_STRING_EQUAL(seen.rows[0], "one");
    CU_ASSERT_STRING_EQUAL(seen.rows[1], "  two");
    CU_ASSERT_STRING_EQUAL(seen.rows[2], "");
    CU_ASSERT_STRING_EQUAL(seen.rows[3], "three \xc3\xa9\xe2\x82\xac");
    CU_ASSERT_TRUE(seen.clears_below);
    free(seen.all);
    seen = show("", 20, 10);
    CU_ASSERT_TRUE(seen.clears_below);
    free(seen.all);
}

static void long_lines_go_on_below(void)
{
    struct seen seen = show("  the writer is us-east-1, and all is well\n", 20, 10);
    CU_ASSERT_EQUAL_FATAL(seen.count, 3);
    CU_ASSERT_STRING_EQUAL(seen.rows[0], "  the writer is");
    CU_ASSERT_STRING_EQUAL(seen.rows[1], "    us-east-1, and");
    CU_ASSERT_STRING_EQUAL(seen.rows[2], "    all is well");
    free(seen.all);
    seen = show("abcdefghij\n", 4, 10); /* no blank to break at */
    CU_ASSERT_EQUAL_FATAL(seen.count, 3);
    CU_ASSERT_STRING_EQUAL(seen.rows[0], "abcd");
    CU_ASSERT_STRING_EQUAL(seen.rows[2], "ij");
    free(seen.all);
}

static void what_is_too_high_is_counted(void)
{
    struct seen seen = show("1\n2\n3\n4\n5\n", 60, 5);
    CU_ASSERT_EQUAL(seen.count, 5);
    CU_ASSERT_STRING_EQUAL(seen.rows[4], "5");
    free(seen.all);
    seen = show("1\n2\n3\n4\n5\n6\n", 60, 5);
    CU_ASSERT_EQUAL_FATAL(seen.count, 5);
    CU_ASSERT_STRING_EQUAL(seen.rows[3], "4");
    CU_ASSERT_STRING_EQUAL(seen.rows[4], "(2 more lines: a taller terminal shows them)");
    free(seen.all);
    seen = show("1\n2\n", 60, 1);
    CU_ASSERT_EQUAL(seen.count, 1);
    free(seen.all);
}

static void colours_take_no_room_and_nothing_else_gets_through(void)
{
    struct seen seen = show("\033[1;31mred\033[0m and\n\033]0;owned\a\033[2J\x80\xff\n", 7, 10);
    CU_ASSERT_STRING_EQUAL(seen.rows[0], "red and");
    CU_ASSERT_PTR_NULL(strstr(seen.all, "owned\a"));
    free(seen.all);
    static const char *const evil[] = { "\033", "\033[", "\033[1", "\033[1;", "\xc2\x9b" "31m", "\xed\xa0", "\xf4\xbf\xbf\xbf",
                                        "\xc0\x80", "\033[2J", "\033[?1049l", "\r", "\t", "\033[31;x" };
    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
        for (size_t width = 1; width < 10; width++)
            free(show(evil[i], width, 3).all);
    char noise[400];
    for (int round = 0; round < 300; round++) {
        base_random_bytes(noise, sizeof noise);
        for (size_t i = 0; i < sizeof noise; i++)
            if ((unsigned char)noise[i] >= 0x80)
                noise[i] = (char)(noise[i] | 0xf8); /* no UTF-8, so each of them is one column */
        noise[sizeof noise - 1] = '\0';
        free(show(noise, 1 + (size_t)round, 24).all);
    }
}

/* ---- the picture itself -------------------------------------------------------------------------- */

#define REGION(name, role)                                                                                            \
    "{\"name\":\"" name "\",\"role\":\"" role "\",\"verdicts\":[{\"observer\":\"use1-a\",\"verdict\":\"failed\","     \
    "\"text\":\"health has been failing for 2m: 503\",\"age_ms\":240},{\"observer\":\"usw2-a\",\"verdict\":\"healthy\"}]," \
    "\"database\":{\"role\":\"primary\",\"lsn\":\"0/16B3748\",\"timeline\":1,\"age_ms\":700},"                          \
    "\"lag\":{\"bytes\":2048,\"seconds\":0.25},\"guard\":{\"node\":\"use1-a\",\"ready\":true,\"fence\":\"open\"},"       \
    "\"gates\":[{\"name\":\"majority_failed\",\"open\":false,\"value_text\":\"0\",\"limit_text\":\"2\","               \
    "\"text\":\"0 of 3 voters say that it failed, and 2 are needed for it\"}]}"

static const char document[] =
    "{\"node\":\"use1-a\",\"region\":\"us-east-1\",\"cluster\":\"demo\",\"version\":\"1\",\"time\":\"2026-11-21T10:17:45.123Z\","
    "\"services\":[{\"name\":\"shop\",\"state\":\"failing\",\"writer\":\"us-east-1\",\"epoch\":7,"
    "\"headline\":\"us-east-1 is the writer; 1 of 3 observers says that it failed.\",\"outlook\":\"Nothing yet.\","
    "\"regions\":[" REGION("us-east-1", "writer") "," REGION("us-west-2", "standby") "]}],"
    "\"warnings\":[{\"service\":\"shop\",\"text\":\"a warning of some length, so that it has to go on below\"}],\"peers\":[]}";

static char *picture(const char *json, size_t width, bool color, const char *trouble)
{
    char *text = NULL;
    size_t length = 0;
    json_t *status = json_loads(json, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(status);
    struct table_style style = { open_memstream(&text, &length), color, true, width };
    CU_ASSERT_PTR_NOT_NULL_FATAL(style.stream);
    watch_draw(&style, &(struct watch_view){ status, 12500000, 1000000, trouble });
    fclose(style.stream);
    json_decref(status);
    return text;
}

static void a_picture_fits_every_terminal(void)
{
    for (size_t width = 1; width <= 220; width++)
        for (size_t height = 1; height <= 60; height += 7) {
            char *text = picture(document, width, height % 2 == 0, NULL);
            free(show(text, width, height).all);
            free(text);
        }
    char *text = picture(document, 200, false, NULL);
    struct seen seen = show(text, 200, 60);
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.rows[0], "2026-11-21T10:17:45.123Z, 12s old, every 1s"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "shop  failing  writer us-east-1  epoch 7"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "0 of 3 voters say that it failed, and 2 are needed for it"));
    free(seen.all);
    free(text);
}

static void an_old_picture_says_so(void)
{
    char *text = picture(document, 100, false, "failoverd is not running");
    CU_ASSERT_PTR_EQUAL(strstr(text, "OLD, 12s: failoverd does not answer: failoverd is not running."), text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "shop  failing"));
    CU_ASSERT_PTR_NULL(strchr(text, '\033'));
    free(text);
    text = picture(document, 100, true, "gone");
    CU_ASSERT_PTR_EQUAL(strstr(text, "\033[1;31mOLD"), text);
    free(text);
}

static void answers_of_any_shape_are_drawn(void)
{
    static const char *const odd[] = {
        "{}", "{\"services\":7}", "{\"services\":[7,null,\"x\",[]]}", "{\"time\":5,\"services\":[{}]}",
        "{\"services\":[{\"name\":{},\"regions\":[1,{\"verdicts\":[2]}],\"lease\":[],\"operation\":{}}],\"warnings\":[{},3]}",
        "{\"time\":\"\\u001b[2J\",\"services\":[{\"name\":\"\\u001b[31m\",\"headline\":\"a\\nb\"}]}",
        "{\"services\":[{\"lease\":{\"left_ms\":1e300},\"epoch\":-1,\"regions\":{}}],\"peers\":9,\"mute\":{}}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        for (size_t width = 1; width < 120; width += 17) {
            char *text = picture(odd[i], width, false, NULL);
            CU_ASSERT_PTR_NULL(strchr(text, '\033'));
            free(show(text, width, 24).all);
            free(text);
        }
}

int main(void)
{
    static const struct suite_test tests[] = {
        TEST(what_fits_is_shown_as_it_is), TEST(long_lines_go_on_below), TEST(what_is_too_high_is_counted),
        TEST(colours_take_no_room_and_nothing_else_gets_through), TEST(a_picture_fits_every_terminal),
        TEST(an_old_picture_says_so), TEST(answers_of_any_shape_are_drawn),
    };
    (void)setlocale(LC_ALL, "C.UTF-8"); /* as failoverctl does with the user's own */
    return suite_run("failoverctl_screen", tests, sizeof tests / sizeof tests[0]);
}
