/* Log lines: see log.h. */
#include "coordinator/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

/* Kept free at the end of each line for the mark that it was cut, and the newline. */
#define LINE_TAIL_MAX 32

static _Atomic int current_level = LOG_LEVEL_INFO;
static _Atomic uint64_t lost_lines;
static enum log_form current_form = LOG_FORM_TEXT;
static int current_fd = STDERR_FILENO;
static bool current_prefix;

static const char *const level_names[] = { "debug", "info", "warning", "error" };
static const int level_priorities[] = { 7, 6, 4, 3 };

/* systemd names the device and inode of the journal's stream; stderr may have been redirected since. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat file;
    if (stream == NULL || fstat(STDERR_FILENO, &file) != 0)
        return false;
    char actual[64];
    struct text text = TEXT_OF(actual);
    text_appendf(&text, "%ju:%ju", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino);
    return strcmp(actual, stream) == 0;
}

struct log_settings log_settings_default(void)
{
    return (struct log_settings){ .level = LOG_LEVEL_INFO,
                                  .form = LOG_FORM_TEXT,
                                  .fd = STDERR_FILENO,
                                  .priority_prefix = stderr_is_journal() };
}

void log_open(const struct log_settings *settings)
{
    current_form = settings->form;
    current_fd = settings->fd;
    current_prefix = settings->priority_prefix;
    log_set_level(settings->level);
}

void log_set_level(enum log_level level)
{
    atomic_store(&current_level, (int)level);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load(&current_level);
}

const char *log_level_name(enum log_level level)
{
    ensure((size_t)level < sizeof level_names / sizeof level_names[0]);
    return level_names[level];
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}

uint64_t log_lost(void)
{
    return atomic_load(&lost_lines);
}

/* Bare when that is unambiguous, else as a JSON string. */
static void append_text_value(struct text *line, const char *value)
{
    bool bare = value[0] != '\0';
    for (const char *at = value; *at != '\0' && bare; at++)
        bare = *at > ' ' && *at != '"' && *at != '=' && *at != '\\' && *at != 0x7f;
    if (bare) {
        text_append(line, value);
        return;
    }
    text_append_char(line, '"');
    text_append_json(line, value, strlen(value));
    text_append_char(line, '"');
}

static void append_text_field(struct text *line, const struct log_field *field)
{
    char duration[CLOCK_DURATION_TEXT_MAX];
    text_appendf(line, " %s=", field->key);
    switch (field->kind) {
    case LOG_KIND_STR:
        append_text_value(line, field->string != NULL ? field->string : "-");
        break;
    case LOG_KIND_INT:
        text_appendf(line, "%" PRId64, field->integer);
        break;
    case LOG_KIND_UINT:
        text_appendf(line, "%" PRIu64, field->natural);
        break;
    case LOG_KIND_BOOL:
        text_append(line, field->integer != 0 ? "true" : "false");
        break;
    case LOG_KIND_US:
        text_append(line, base_format_duration(duration, sizeof duration, field->integer));
        break;
    case LOG_KIND_HEX:
        text_appendf(line, "%016" PRIx64, field->natural);
        break;
    }
}

static void append_json_string(struct text *line, const char *string)
{
    text_append_char(line, '"');
    text_append_json(line, string, strlen(string));
    text_append_char(line, '"');
}

static void append_json_field(struct text *line, const struct log_field *field)
{
    text_appendf(line, ",\"%s%s\":", field->key, field->kind == LOG_KIND_US ? "_us" : "");
    switch (field->kind) {
    case LOG_KIND_STR:
        if (field->string == NULL)
            text_append(line, "null");
        else
            append_json_string(line, field->string);
        break;
    case LOG_KIND_INT:
    case LOG_KIND_US:
        text_appendf(line, "%" PRId64, field->integer);
        break;
    case LOG_KIND_UINT:
        text_appendf(line, "%" PRIu64, field->natural);
        break;
    case LOG_KIND_BOOL:
        text_append(line, field->integer != 0 ? "true" : "false");
        break;
    case LOG_KIND_HEX:
        text_appendf(line, "\"%016" PRIx64 "\"", field->natural);
        break;
    }
}

/* Cuts inside of a JSON string would leave a line that no program can read, so a field that does not
 * fit is left out whole. */
static void append_fields(struct text *line, const struct log_field *fields, size_t count)
{
    size_t most = count < LOG_FIELDS_MAX ? count : LOG_FIELDS_MAX;
    bool cut = count > LOG_FIELDS_MAX || line->cut;
    for (size_t i = 0; i < most; i++) {
        struct text before = *line;
        if (current_form == LOG_FORM_JSON)
            append_json_field(line, &fields[i]);
        else
            append_text_field(line, &fields[i]);
        if (line->cut) {
            *line = before;
            line->data[line->length] = '\0';
            line->cut = false;
            cut = true;
        }
    }
    line->cut = cut;
}

static void write_line(const char *line, size_t length)
{
    ssize_t wrote;
    do {
        wrote = write(current_fd, line, length);
    } while (wrote < 0 && errno == EINTR);
    if (wrote < 0 || (size_t)wrote < length)
        atomic_fetch_add(&lost_lines, 1);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
    if (!log_enabled(level))
        return;
    int saved_errno = errno;
    char buffer[LOG_LINE_MAX];
    char when[CLOCK_WALL_TEXT_MAX];
    struct text line = text_over(buffer, sizeof buffer - LINE_TAIL_MAX);
    if (current_prefix)
        text_appendf(&line, "<%d>", level_priorities[level]);
    (void)base_format_wall(when, sizeof when, base_wall_us());
    /* A message may quote what somebody else sent; half a line of it is enough to see what it is. */
    char shown[LOG_LINE_MAX / 2];
    struct text safe = TEXT_OF(shown);
    text_append_json(&safe, message, strnlen(message, sizeof shown / 8));
    bool json = current_form == LOG_FORM_JSON;
    if (json)
        text_appendf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"", when,
                     log_level_name(level), shown);
    else
        text_appendf(&line, "%s %-7s %s", when, log_level_name(level), shown);
    line.cut = line.cut || strlen(message) > sizeof shown / 8;
    append_fields(&line, fields, count);
    bool cut = line.cut;
    line.capacity = sizeof buffer;
    if (cut)
        text_append(&line, json ? ",\"cut\":true" : " cut=true");
    text_append(&line, json ? "}\n" : "\n");
    write_line(line.data, line.length);
    errno = saved_errno;
}
