/* Reading the audit trail for people: see failoverctl_audit.h. */
#include "coordinator/operator/failoverctl_audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "coordinator/config/config_report.h"
#include "coordinator/report/audit_verify.h"
#include "coordinator/status/names.h"

#define NODE_FILE_DEFAULT "/etc/failoverd/node.json"

/* ---- the file ------------------------------------------------------------------------------ */

static enum exit_code unreadable(const struct ctl_settings *settings, const char *path, const struct fault *fault)
{
    char text[FAULT_TEXT_MAX + CONFIG_MAX_TEXT + 64];
    struct text line = TEXT_OF(text);
    text_appendf(&line, "the audit trail %s can't be read: %s", path, fault->text);
    return ctl_refuse(settings, "unreadable", EXIT_USAGE, text,
                      "Give its FILE, or run this as root or as the daemon's user, on the node that has it.");
}

/* False, having said why, when the node's configuration is there and can't be read. */
static bool find_path(const struct ctl_settings *settings, const struct ctl_audit *what, char *path, size_t size)
{
    struct config_problems problems = { 0 };
    const char *node_file = what->node_file != NULL ? what->node_file : NODE_FILE_DEFAULT;
    if (what->file != NULL) {
        if (text_copy(path, size, what->file))
            return true;
        (void)ctl_refuse(settings, "usage", EXIT_USAGE, "FILE is too long", "");
        return false;
    }
    if (what->node_file == NULL && access(node_file, F_OK) != 0)
        return text_copy(path, size, CONFIG_AUDIT_DEFAULT);
    struct local_config *node = config_load_node(node_file, &problems);
    bool good = node != NULL && text_copy(path, size, node->audit);
    if (node == NULL) {
        config_print_problems(&problems, stderr);
        char words[CONFIG_MAX_TEXT + 64];
        struct text text = TEXT_OF(words);
        text_appendf(&text, "%s does not say where the audit trail is; give its FILE", node_file);
        (void)ctl_refuse(settings, "unreadable", EXIT_USAGE, words, "");
    }
    config_problems_free(&problems);
    config_local_free(node);
    return good;
}

/* EXIT_DONE: walked to its end. */
static enum exit_code walk_file(const struct ctl_settings *settings, const struct ctl_audit *what, char *path,
                                size_t size, audit_seen *seen, void *arg, struct audit_report *report)
{
    struct fault fault = { "" };
    path[0] = '\0';
    *report = (struct audit_report){ .lines = 0 };
    if (!find_path(settings, what, path, size))
        return EXIT_USAGE;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        (void)fault_set(&fault, "%s", strerror(errno));
    bool good = file != NULL && audit_walk(file, what->expect, seen, arg, report, &fault);
    if (file != NULL)
        (void)fclose(file);
    return good ? EXIT_DONE : unreadable(settings, path, &fault);
}

/* ---- verify -------------------------------------------------------------------------------- */

static json_t *place_json(const struct audit_link *link, const char *time)
{
    return json_pack("{s:I, s:s, s:s, s:s}", "seq", (json_int_t)link->seq, "time", time, "hash", link->hash, "prev",
                     link->prev);
}

static json_t *finding_json(const struct audit_finding *finding)
{
    char sentence[256];
    struct text text = TEXT_OF(sentence);
    audit_break_text(&text, finding);
    return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s}", "kind", audit_break_name(finding->what), "line",
                     (json_int_t)finding->line, "from", (json_int_t)finding->from, "to", (json_int_t)finding->to,
                     "text", sentence, "todo", audit_break_todo(finding->what));
}

static json_t *report_json(const struct audit_report *report, const char *path, bool whole, bool asked)
{
    json_t *breaks = json_array();
    for (size_t i = 0; i < report->breaks && i < AUDIT_FINDINGS_MAX; i++)
        (void)json_array_append_new(breaks, finding_json(&report->findings[i]));
    bool any = report->lines > 0;
    json_t *first = any ? place_json(&report->first, report->first_time) : json_null();
    json_t *last = any ? place_json(&report->last, report->last_time) : json_null();
    json_t *expected = asked ? json_boolean(report->expected) : json_null();
    return json_pack("{s:o, s:b, s:I, s:o, s:o, s:b, s:I, s:o, s:I, s:o}", "file", json_of_text(path), "whole", whole,
                     "lines", (json_int_t)report->lines, "first", first, "last", last, "continues", report->continues,
                     "pieces", (json_int_t)report->pieces, "expected", expected, "break_count",
                     (json_int_t)report->breaks, "breaks", breaks);
}

static void print_findings(const struct audit_report *report)
{
    char sentence[256];
    for (size_t i = 0; i < report->breaks && i < AUDIT_FINDINGS_MAX; i++) {
        struct text text = TEXT_OF(sentence);
        audit_break_text(&text, &report->findings[i]);
        printf("  line %zu: %s\n", report->findings[i].line, sentence);
        if (i == 0 || report->findings[i].what != report->findings[i - 1].what)
            printf("    %s\n", audit_break_todo(report->findings[i].what));
    }
    if (report->breaks > AUDIT_FINDINGS_MAX)
        printf("  and %zu more\n", report->breaks - AUDIT_FINDINGS_MAX);
}

static void print_report(const struct audit_report *report, const char *path, const char *expect)
{
    bool missing = expect != NULL && !report->expected;
    printf("%s: %s\n", path, report->breaks > 0 ? "BROKEN" : missing ? "CUT OFF OR MADE ANEW" : "the chain is whole");
    if (report->lines == 0) {
        puts("  It has no line. failoverd writes one whenever it starts: it never ran with this file, or the file was "
             "emptied.");
    } else {
        printf("  %zu lines, numbers %" PRIu64 " to %" PRIu64 ", from %s to %s\n", report->lines, report->first.seq,
               report->last.seq, report->first_time, report->last_time);
        if (report->continues)
            printf("  Number %" PRIu64 " continues an older file, whose last line has to have the hash\n    %s\n",
                   report->first.seq, report->first.prev);
    }
    if (report->pieces > 0)
        printf("  %zu torn pieces of a crash or a full disk are accounted for by the lines after them\n",
               report->pieces);
    print_findings(report);
    if (expect != NULL)
        puts(report->expected ? "  The expected hash is there: nothing up to its line was made anew."
                              : "  THE EXPECTED HASH IS NOT THERE: lines were cut off, or the trail was made anew, or "
                                "the hash is of another file or node.");
    if (report->lines > 0)
        printf("  newest hash %s\n  Keep it elsewhere: whoever can write the file can make all of it anew, and only "
               "that shows it.\n", report->last.hash);
}

static bool is_hash(const char *text)
{
    return strlen(text) == AUDIT_HASH_SIZE - 1 && strspn(text, "0123456789abcdef") == AUDIT_HASH_SIZE - 1;
}

enum exit_code ctl_audit_verify(const struct ctl_settings *settings, const struct ctl_audit *what)
{
    char path[CONFIG_MAX_TEXT + 1];
    struct audit_report report;
    if (what->expect != NULL && !is_hash(what->expect))
        return ctl_refuse(settings, "usage", EXIT_USAGE, "--expect takes a hash: 64 digits of 0-9 and a-f", "");
    enum exit_code code = walk_file(settings, what, path, sizeof path, NULL, NULL, &report);
    if (code != EXIT_DONE)
        return code;
    bool whole = report.breaks == 0 && (what->expect == NULL || report.expected);
    code = whole ? EXIT_DONE : EXIT_FAILED;
    if (settings->json) {
        json_t *document = report_json(&report, path, whole, what->expect != NULL);
        code = ctl_print_json(document, code);
        json_decref(document);
        return code;
    }
    print_report(&report, path, what->expect);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

/* ---- show ---------------------------------------------------------------------------------- */

/* The newest lines only: a ring. */
struct newest {
    json_t *lines[AUDIT_SHOW_MAX];
    size_t limit;
    size_t count; /* all that were seen */
};

static void keep_newest(const json_t *line, enum audit_shape shape, void *arg)
{
    (void)shape;
    struct newest *newest = arg;
    json_t **place = &newest->lines[newest->count++ % newest->limit];
    json_decref(*place);
    *place = json_incref((json_t *)line);
}

/* Steals the ring's lines. */
static json_t *newest_json(struct newest *newest)
{
    json_t *list = json_array();
    size_t kept = newest->count < newest->limit ? newest->count : newest->limit;
    for (size_t i = 0; i < kept; i++)
        (void)json_array_append_new(list, newest->lines[(newest->count - kept + i) % newest->limit]);
    return list;
}

enum exit_code ctl_audit_show(const struct ctl_settings *settings, const struct ctl_audit *what)
{
    static struct newest newest; /* too large for the stack */
    char path[CONFIG_MAX_TEXT + 1];
    struct audit_report report;
    newest = (struct newest){ .limit = what->limit > 0 && what->limit <= AUDIT_SHOW_MAX ? what->limit
                                                                                         : AUDIT_SHOW_DEFAULT };
    enum exit_code code = walk_file(settings, what, path, sizeof path, keep_newest, &newest, &report);
    json_t *document = json_pack("{s:o, s:b, s:o}", "file", json_of_text(path), "whole", report.breaks == 0, "lines",
                                 newest_json(&newest));
    if (code == EXIT_DONE && settings->json)
        code = ctl_print_json(document, code);
    else if (code == EXIT_DONE)
        table_audit(&settings->style, document);
    json_decref(document);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}
