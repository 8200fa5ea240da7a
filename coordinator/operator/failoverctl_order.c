/* Giving an order: see failoverctl_order.h. Following it to its end is failoverctl_operation.h's. */
#include "coordinator/operator/failoverctl_order.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "coordinator/operator/failoverctl_operation.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

#define REFUSAL_MAX 4096

static enum exit_code print_document(const json_t *document, size_t flags, enum exit_code code)
{
    bool good = json_dumpf(document, stdout, flags) == 0 && putchar('\n') != EOF && fflush(stdout) == 0;
    return good ? code : EXIT_FAILED;
}

enum exit_code ctl_print_json(const json_t *document, enum exit_code code)
{
    return print_document(document, JSON_INDENT(2), code);
}

enum exit_code ctl_exit_of(enum ctl_outcome outcome, const json_t *error)
{
    int64_t code;
    switch (outcome) {
    case CTL_OK:
        return EXIT_DONE;
    case CTL_REFUSED:
        /* Never 0, whatever the other side says. */
        return peek_int(error, "exit", &code) && code > EXIT_DONE && code <= EXIT_RUNNING
                   ? (enum exit_code)code
                   : EXIT_FAILED;
    case CTL_UNREACHABLE:
    case CTL_BROKEN:
        return EXIT_UNREACHABLE;
    case CTL_INTERRUPTED:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

/* As the daemon's own refusals have it, so that a program finds the same keys whoever says it. */
static json_t *own_error(enum ctl_outcome outcome, const struct fault *fault)
{
    const char *code = "interrupted";
    const char *todo = "";
    if (outcome == CTL_UNREACHABLE) {
        code = "unreachable";
        todo = "See that failoverd runs here (systemctl status failoverd), and that --socket is right.";
    } else if (outcome == CTL_BROKEN) {
        code = "broken_answer";
        todo = "See the log of failoverd; what was ordered may have been taken: failoverctl status shows it.";
    }
    return json_pack("{s:s, s:o, s:s, s:i}", "code", code, "text",
                     json_of_text(outcome == CTL_INTERRUPTED ? "interrupted" : fault->text), "todo", todo, "exit",
                     (int)ctl_exit_of(outcome, NULL));
}

json_t *ctl_error_document(enum ctl_outcome outcome, const json_t *error, const struct fault *fault)
{
    json_t *copy = outcome == CTL_REFUSED ? json_deep_copy(error) : own_error(outcome, fault);
    return json_pack("{s:b, s:o}", "ok", 0, "error", copy != NULL ? copy : json_null());
}

enum exit_code ctl_complain(const struct ctl_settings *settings, enum ctl_outcome outcome,
                            const json_t *error, const struct fault *fault)
{
    enum exit_code code = ctl_exit_of(outcome, error);
    if (settings->json) {
        /* On one line: some commands print a document a line, and this may come among them. */
        json_t *document = ctl_error_document(outcome, error, fault);
        (void)print_document(document, 0, code);
        json_decref(document);
        return code;
    }
    if (outcome == CTL_REFUSED)
        fprintf(stderr, "failoverctl: %s\n%s%s", peek_str(error, "text", "refused"),
                peek_str(error, "todo", ""), peek_str(error, "todo", "")[0] != '\0' ? "\n" : "");
    else if (outcome == CTL_UNREACHABLE)
        fprintf(stderr, "failoverctl: no failoverd answers: %s\n", fault->text);
    else if (outcome == CTL_BROKEN)
        fprintf(stderr, "failoverctl: failoverd on %s did not answer as it should: %s\n",
                settings->socket_path, fault->text);
    else
        fputs("failoverctl: interrupted\n", stderr);
    return code;
}

/* "a\n  b   c" is "a; b c": a text of the protocol is one line, and whoever shows it refuses others. */
static json_t *in_one_line(const char *lines)
{
    char line[REFUSAL_MAX];
    size_t used = 0;
    const char *between = "";
    for (; *lines != '\0' && used + 3 < sizeof line; lines++) {
        bool blank = *lines == ' ' || *lines == '\n';
        if (blank && used > 0 && strcmp(between, "; ") != 0)
            between = *lines == '\n' ? "; " : " ";
        if (blank)
            continue;
        for (; *between != '\0'; between++)
            line[used++] = *between;
        line[used++] = (unsigned char)*lines < ' ' || *lines == 0x7f ? '?' : *lines;
    }
    line[used] = '\0';
    return json_of_text(line);
}

enum exit_code ctl_refuse(const struct ctl_settings *settings, const char *code, enum exit_code exit, const char *text,
                          const char *todo)
{
    if (!settings->json) {
        fprintf(stderr, "failoverctl: %s\n%s%s", text, todo, todo[0] != '\0' ? "\n" : "");
        return exit;
    }
    json_t *document = json_pack("{s:b, s:{s:s, s:o, s:o, s:i}}", "ok", 0, "error", "code", code, "text",
                                 in_one_line(text), "todo", in_one_line(todo), "exit", (int)exit);
    (void)print_document(document, 0, exit);
    json_decref(document);
    return exit;
}

/* ---- asking the person ---------------------------------------------------------------------- */

/* The word that has to be typed for an order: its node or region, or the service where there is none. */
static const char *word_of(const json_t *request)
{
    return peek_str(request, "node",
                    peek_str(request, "to", peek_str(request, "keep", peek_str(request, "service", ""))));
}

/* read(2) rather than stdio: Ctrl-C at the question has to end it. */
bool ctl_read_line(char *out, size_t size)
{
    size_t used = 0;
    for (;;) {
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        char c;
        if (ctl_interrupted())
            return false;
        if (poll(&input, 1, 1000) <= 0)
            continue;
        if (read(STDIN_FILENO, &c, 1) != 1)
            return false;
        if (c == '\n')
            break;
        if (used + 1 < size)
            out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

enum exit_code ctl_confirm(const struct ctl_settings *settings, const json_t *request)
{
    char typed[CONFIG_MAX_NAME + 2];
    if (settings->yes)
        return EXIT_DONE;
    if (isatty(STDIN_FILENO) != 1)
        return ctl_refuse(settings, "not_confirmed", EXIT_USAGE,
                          "this needs a confirmation, and there is no terminal to ask on: give --yes", "");
    fprintf(stderr, "\n%s %s. This can't be undone by itself.\nType %s to go on: ",
            peek_str(request, "command", "?"), peek_str(request, "service", peek_str(request, "node", "?")),
            word_of(request));
    fflush(stderr);
    if (!ctl_read_line(typed, sizeof typed) || strcmp(typed, word_of(request)) != 0) {
        fputs("\n", stderr);
        return ctl_refuse(settings, "not_confirmed", EXIT_USAGE, "that is not it; nothing was changed", "");
    }
    return EXIT_DONE;
}

/* ---- looking before ------------------------------------------------------------------------- */

enum exit_code ctl_plan(const struct ctl_settings *settings, const json_t *request)
{
    struct fault fault = { "" };
    json_t *plan = NULL;
    enum ctl_outcome outcome =
        ctl_ask(settings->socket_path, settings->timeout_ms, json_deep_copy(request), &plan, &fault);
    enum exit_code code = peek_yes(plan, "would_run") ? EXIT_DONE : EXIT_GATE;
    if (outcome != CTL_OK)
        code = ctl_complain(settings, outcome, plan, &fault);
    else if (settings->json)
        code = ctl_print_json(plan, code);
    else
        table_dry_run(&settings->style, plan);
    json_decref(plan);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

/* The same for an order: for a person who is about to decide, or for --dry-run. */
static enum exit_code look(const struct ctl_settings *settings, const json_t *request)
{
    json_t *question = json_deep_copy(request);
    (void)json_object_set_new(question, "dry_run", json_true());
    enum exit_code code = ctl_plan(settings, question);
    json_decref(question);
    return code;
}

/* ---- the order ------------------------------------------------------------------------------ */

/* Nothing has begun, so there is nothing to follow. */
static enum exit_code put_down(const struct ctl_settings *settings, const json_t *result, int64_t at_ms)
{
    char when[CLOCK_WALL_TEXT_MAX], left[CLOCK_DURATION_TEXT_MAX];
    int64_t at_us = at_ms * CLOCK_US_PER_MS;
    if (settings->json)
        return ctl_print_json(result, EXIT_DONE);
    printf("operation %s at %s (in %s): %s.\n%s\n", peek_str(result, "operation", "?"),
           base_format_wall(when, sizeof when, at_us), base_format_duration(left, sizeof left, at_us - base_wall_us()),
           peek_str(result, "text", "accepted"), peek_str(result, "todo", ""));
    return EXIT_DONE;
}

enum exit_code ctl_order(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    char service[CONFIG_MAX_NAME + 1];
    json_t *result = NULL;
    enum exit_code code;
    const struct command *command = command_find(peek_str(request, "command", ""));
    bool moves = command != NULL && command_moves(command->id);
    int64_t at_ms = 0;
    (void)text_copy(service, sizeof service, peek_str(request, "service", ""));
    (void)peek_int(request, "at_ms", &at_ms);
    if (settings->dry_run) {
        code = look(settings, request);
        json_decref(request);
        return code;
    }
    if (moves && !settings->yes && !settings->json) {
        code = look(settings, request);
        /* A shut gate is shown and left to the daemon to refuse: it may open meanwhile. */
        if (code != EXIT_DONE && code != EXIT_GATE) {
            json_decref(request);
            return code;
        }
    }
    code = ctl_confirm(settings, request);
    if (code != EXIT_DONE) {
        json_decref(request);
        return code;
    }
    enum ctl_outcome outcome =
        ctl_ask(settings->socket_path, settings->timeout_ms, request, &result, &fault);
    if (outcome == CTL_OK && at_ms != 0)
        code = put_down(settings, result, at_ms);
    else if (outcome == CTL_OK)
        code = ctl_operation_begun(settings, service, result);
    else
        code = ctl_complain(settings, outcome, result, &fault);
    if (outcome == CTL_BROKEN || outcome == CTL_INTERRUPTED) {
        fputs("failoverctl: whether the order was taken is not known: look at failoverctl status\n",
              stderr);
        if (outcome == CTL_INTERRUPTED)
            code = EXIT_RUNNING;
    }
    json_decref(result);
    return code;
}
