/* Log lines: form, escaping, bounds, levels, and what happens when they can't be written. */
#include "coordinator/base/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/suite.h"

static int pipe_fds[2];
static char line[65536];

static void begin(enum log_form form, enum log_level level, bool prefix)
{
    CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    log_open(&(struct log_settings){ .level = level, .form = form, .fd = pipe_fds[1], .priority_prefix = prefix });
}

static const char *take(void)
{
    ssize_t got = read(pipe_fds[0], line, sizeof line - 1);
    line[got > 0 ? got : 0] = '\0';
    return line;
}

static void finish(void)
{
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    log_open(&(struct log_settings){ .level = LOG_LEVEL_ERROR, .fd = STDERR_FILENO });
}

static void text_lines_read_well(void)
{
    begin(LOG_FORM_TEXT, LOG_LEVEL_INFO, false);
    log_event(LOG_LEVEL_INFO, "voted", LOG_STR("service", "shop"), LOG_UINT("epoch", 7), LOG_INT("lag", -3),
              LOG_US("outage", 250000000), LOG_BOOL("fresh", true), LOG_HEX("operation", 0xc0ffee),
              LOG_STR("reason", "no route"), LOG_STR("peer", NULL), LOG_STR("empty", ""));
    take();
    CU_ASSERT_EQUAL(strlen(line), 24 + strlen(" info    voted service=shop epoch=7 lag=-3 outage=4m10s fresh=true "
                                              "operation=0000000000c0ffee reason=\"no route\" peer=- empty=\"\"\n"));
    CU_ASSERT_STRING_EQUAL(line + 24, " info    voted service=shop epoch=7 lag=-3 outage=4m10s fresh=true "
                                      "operation=0000000000c0ffee reason=\"no route\" peer=- empty=\"\"\n");
    CU_ASSERT_EQUAL(line[23], 'Z');
    finish();
}

static void json_lines_parse(void)
{
    begin(LOG_FORM_JSON, LOG_LEVEL_DEBUG, true);
    const char *secret = "topsecret";
    log_event(LOG_LEVEL_WARNING, "say \"hi\"\n", LOG_STR("reason", "a\\b\x01\xff"), LOG_US("age", 1500),
              LOG_STR("none", NULL), LOG_SECRET("key", secret));
    CU_ASSERT_EQUAL(strncmp(take(), "<4>{", 4), 0);
    json_t *value = json_loads(line + 3, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(value, "level")), "warning");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(value, "message")), "say \"hi\"\n");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(value, "age_us")), 1500);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(value, "key")), "set");
    CU_ASSERT_TRUE(json_is_null(json_object_get(value, "none")));
    CU_ASSERT_PTR_NULL(strstr(line, secret));
    json_decref(value);
    finish();
}

static void nobody_can_forge_a_line(void)
{
    begin(LOG_FORM_TEXT, LOG_LEVEL_INFO, false);
    log_event(LOG_LEVEL_INFO, "got\nforged error", LOG_STR("reason", "x\n2026 error all is lost a=b"));
    take();
    CU_ASSERT_PTR_EQUAL(strchr(line, '\n'), line + strlen(line) - 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "reason=\"x\\n2026 error"));
    finish();
}

static void long_lines_are_cut_and_stay_readable(void)
{
    static char huge[3 * LOG_LINE_MAX];
    memset(huge, 'x', sizeof huge - 1);
    for (int json = 0; json < 2; json++) {
        begin(json ? LOG_FORM_JSON : LOG_FORM_TEXT, LOG_LEVEL_INFO, false);
        log_event(LOG_LEVEL_INFO, huge, LOG_STR("big", huge), LOG_STR("service", "shop"));
        take();
        CU_ASSERT_TRUE(strlen(line) <= LOG_LINE_MAX);
        CU_ASSERT_EQUAL(line[strlen(line) - 1], '\n');
        CU_ASSERT_PTR_NOT_NULL(strstr(line, json ? "\"cut\":true" : "cut=true"));
        CU_ASSERT_PTR_NOT_NULL(strstr(line, "shop")); /* the small field survives the large one */
        json_t *value = json ? json_loads(line, 0, NULL) : NULL;
        CU_ASSERT_TRUE(!json || value != NULL);
        json_decref(value);
        finish();
    }
}

static void every_length_stays_in_bounds(void)
{
    static char value[LOG_LINE_MAX];
    begin(LOG_FORM_JSON, LOG_LEVEL_INFO, false);
    for (size_t length = LOG_LINE_MAX - 300; length < LOG_LINE_MAX; length++) {
        memset(value, '"', length);
        value[length] = '\0';
        log_event(LOG_LEVEL_INFO, "m", LOG_STR("v", value + length / 2), LOG_STR("w", "1"));
        take();
        json_t *parsed = json_loads(line, 0, NULL);
        CU_ASSERT_PTR_NOT_NULL(parsed);
        json_decref(parsed);
    }
    finish();
}

static void levels_are_kept(void)
{
    begin(LOG_FORM_TEXT, LOG_LEVEL_WARNING, false);
    log_message(LOG_LEVEL_INFO, "not this");
    CU_ASSERT_STRING_EQUAL(take(), "");
    CU_ASSERT_FALSE(log_enabled(LOG_LEVEL_INFO));
    log_set_level(LOG_LEVEL_DEBUG);
    log_message(LOG_LEVEL_DEBUG, "this");
    CU_ASSERT_PTR_NOT_NULL(strstr(take(), "debug   this\n"));
    enum log_level level;
    CU_ASSERT_TRUE(log_level_parse("error", &level) && level == LOG_LEVEL_ERROR);
    CU_ASSERT_FALSE(log_level_parse("loud", &level));
    finish();
}

static void lost_lines_are_counted(void)
{
    begin(LOG_FORM_TEXT, LOG_LEVEL_INFO, false);
    uint64_t before = log_lost();
    close(pipe_fds[0]);
    log_message(LOG_LEVEL_INFO, "nobody reads this");
    CU_ASSERT_EQUAL(log_lost(), before + 1);
    finish();
}

#define WRITERS 4
#define LINES_EACH 100

static void *write_lines(void *arg)
{
    for (int i = 0; i < LINES_EACH; i++)
        log_event(LOG_LEVEL_INFO, "line", LOG_INT("writer", (intptr_t)arg), LOG_STR("end", "END"));
    return NULL;
}

static void lines_of_threads_do_not_mix(void)
{
    begin(LOG_FORM_TEXT, LOG_LEVEL_INFO, false);
    pthread_t threads[WRITERS];
    for (intptr_t i = 0; i < WRITERS; i++)
        CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, write_lines, (void *)i), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    take();
    int count = 0;
    for (char *at = line; *at != '\0'; count++) {
        char *end = strchr(at, '\n');
        CU_ASSERT_PTR_NOT_NULL_FATAL(end);
        CU_ASSERT_EQUAL(strncmp(end - 8, " end=END", 8), 0);
        CU_ASSERT_EQUAL(end - at, 24 + (long)strlen(" info    line writer=0 end=END"));
        at = end + 1;
    }
    CU_ASSERT_EQUAL(count, WRITERS * LINES_EACH);
    finish();
}

SUITE_MAIN("log", TEST(text_lines_read_well), TEST(json_lines_parse), TEST(nobody_can_forge_a_line),
           TEST(long_lines_are_cut_and_stay_readable), TEST(every_length_stays_in_bounds), TEST(levels_are_kept),
           TEST(lost_lines_are_counted), TEST(lines_of_threads_do_not_mix))
