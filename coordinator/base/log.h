/* Log lines: time, level, message, then key=value fields. One event, one line, one write(2).
 *
 *     log_event(LOG_LEVEL_INFO, "voted to fail the region over",
 *               LOG_STR("service", name), LOG_UINT("epoch", epoch), LOG_US("outage", outage_us));
 *
 *     2026-11-21T10:17:45.123Z info  voted to fail the region over service=shop epoch=7 outage=4m10s
 *     {"time":"2026-11-21T10:17:45.123Z","level":"info","message":"voted …","service":"shop","epoch":7,"outage_us":250000000}
 *
 * The fields are an array that the macro builds, so a wrong type does not compile. Common keys are
 * service, region, node, epoch, operation, step, reason, peer, check. A line longer than LOG_LINE_MAX
 * is cut and says so (cut=true). Control bytes are escaped: one event can't forge another line.
 * Secrets are never passed to this module; LOG_SECRET prints only whether there is one.
 *
 * Thread-safe. log_open once at start, before threads; before it, lines go to stderr as text at info.
 */
#ifndef FAILOVERD_BASE_LOG_H
#define FAILOVERD_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

#define LOG_LINE_MAX 4096
#define LOG_FIELDS_MAX 24

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_form { LOG_FORM_TEXT, LOG_FORM_JSON };

struct log_settings {
    enum log_level level; /* lines below it are dropped */
    enum log_form form;
    int fd; /* where to write; not closed by this module */
    /* systemd's "<N>" in front of each line, so that the journal knows the level. */
    bool priority_prefix;
};

/* Text to stderr at info; the priority prefix when stderr is the journal (JOURNAL_STREAM). */
struct log_settings log_settings_default(void);

void log_open(const struct log_settings *settings);

/* Changes the level while running. Any thread. */
void log_set_level(enum log_level level);

/* False when a line of this level would be dropped: for fields that are costly to make. */
bool log_enabled(enum log_level level);

/* "debug", "info", "warning", "error" and back. */
const char *log_level_name(enum log_level level);
bool log_level_parse(const char *name, enum log_level *out) CHECKED;

/* Lines that could not be written since start (full disk, closed pipe). Any thread. */
uint64_t log_lost(void);

enum log_kind { LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_UINT, LOG_KIND_BOOL, LOG_KIND_US, LOG_KIND_HEX };

struct log_field {
    const char *key; /* [a-z0-9_]+ by convention */
    enum log_kind kind;
    const char *string;
    int64_t integer;
    uint64_t natural;
};

/* A string; NULL is written as "-" (null in JSON). */
#define LOG_STR(name, value) ((struct log_field){ .key = (name), .kind = LOG_KIND_STR, .string = (value) })
#define LOG_INT(name, value) ((struct log_field){ .key = (name), .kind = LOG_KIND_INT, .integer = (value) })
#define LOG_UINT(name, value) ((struct log_field){ .key = (name), .kind = LOG_KIND_UINT, .natural = (value) })
#define LOG_BOOL(name, value) ((struct log_field){ .key = (name), .kind = LOG_KIND_BOOL, .integer = (value) ? 1 : 0 })
/* A duration in microseconds: "4m10s" in text, a number under NAME_us in JSON. */
#define LOG_US(name, value) ((struct log_field){ .key = (name), .kind = LOG_KIND_US, .integer = (value) })
/* 64 bits as 16 hexadecimal digits: operation ids, nonces that are not secret. */
#define LOG_HEX(name, value) ((struct log_field){ .key = (name), .kind = LOG_KIND_HEX, .natural = (value) })
/* Only "set" or "unset": the value itself is never read beyond its first byte. */
#define LOG_SECRET(name, value) LOG_STR((name), (value) != NULL && (value)[0] != '\0' ? "set" : "unset")

/* At most LOG_FIELDS_MAX fields are written. With no field use log_message. */
#define log_event(level, message, ...)                                                            \
    log_write((level), (message), (const struct log_field[]){ __VA_ARGS__ },                      \
              sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

#define log_message(level, message) log_write((level), (message), NULL, 0)

/* What the macros call. */
void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t count);

#endif
