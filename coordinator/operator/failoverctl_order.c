/* Giving an order: see failoverctl_order.h.
 *
 * Waiting looks at the ledger's word only (operation, last_operation), so it makes no difference which
 * node carries the operation out, nor whether that node lives. */
#include "coordinator/operator/failoverctl_order.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status_text.h"

#define POLL_MS 250
#define APPEAR_US (10 * INT64_C(1000000)) /* for a begun operation to show at the node asked */
#define SILENCE_US (30 * INT64_C(1000000)) /* of the daemon, while waiting */

enum exit_code ctl_print_json(const json_t *document, enum exit_code code)
{
    bool good = json_dumpf(document, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF &&
                fflush(stdout) == 0;
    return good ? code : EXIT_FAILED;
}

static enum exit_code exit_of(enum ctl_outcome outcome, const json_t *error)
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

json_t *ctl_error_document(enum ctl_outcome outcome, const json_t *error, const struct fault *fault)
{
    json_t *copy;
    if (outcome == CTL_REFUSED)
        copy = json_deep_copy(error);
    else
        copy = json_pack("{s:s, s:o}", "code",
                         outcome == CTL_UNREACHABLE ? "unreachable"
                         : outcome == CTL_BROKEN    ? "broken_answer"
                                                    : "interrupted",
                         "text", json_of_text(fault->text));
    return json_pack("{s:b, s:o}", "ok", 0, "error", copy != NULL ? copy : json_null());
}

enum exit_code ctl_complain(const struct ctl_settings *settings, enum ctl_outcome outcome,
                            const json_t *error, const struct fault *fault)
{
    enum exit_code code = exit_of(outcome, error);
    if (settings->json) {
        json_t *document = ctl_error_document(outcome, error, fault);
        (void)ctl_print_json(document, code);
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

/* ---- asking the person ---------------------------------------------------------------------- */

/* The word that has to be typed for an order: its region, or the service where there is none. */
static const char *word_of(const json_t *request)
{
    return peek_str(request, "to", peek_str(request, "service", ""));
}

/* read(2) rather than stdio: Ctrl-C at the question has to end it. */
static bool read_word(char *out, size_t size)
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
    if (isatty(STDIN_FILENO) != 1) {
        fputs("failoverctl: this needs a confirmation, and there is no terminal to ask on: give --yes\n",
              stderr);
        return EXIT_USAGE;
    }
    fprintf(stderr, "\n%s %s. This can't be undone by itself.\nType %s to go on: ",
            peek_str(request, "command", "?"), peek_str(request, "service", "?"), word_of(request));
    fflush(stderr);
    if (!read_word(typed, sizeof typed) || strcmp(typed, word_of(request)) != 0) {
        fputs("\nfailoverctl: that is not it; nothing was changed\n", stderr);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

/* ---- looking before ------------------------------------------------------------------------- */

/* The gates, for a person who is about to decide, or for --dry-run. */
static enum exit_code look(const struct ctl_settings *settings, const json_t *request)
{
    struct fault fault = { "" };
    json_t *plan = NULL;
    json_t *question = json_deep_copy(request);
    (void)json_object_set_new(question, "dry_run", json_true());
    enum ctl_outcome outcome =
        ctl_ask(settings->socket_path, settings->timeout_ms, question, &plan, &fault);
    enum exit_code code = peek_yes(plan, "would_run") ? EXIT_DONE : EXIT_GATE;
    if (outcome != CTL_OK)
        code = ctl_complain(settings, outcome, plan, &fault);
    else if (settings->json)
        code = ctl_print_json(plan, code);
    else
        table_dry_run(&settings->style, plan);
    json_decref(plan);
    return code;
}

/* ---- watching ------------------------------------------------------------------------------- */

enum sight { SIGHT_NOT_YET, SIGHT_RUNNING, SIGHT_DONE, SIGHT_ABORTED, SIGHT_OTHER };

struct watch {
    const struct ctl_settings *settings;
    const char *service;
    const char *id;
    char last_line[1024];
    char executor[CONFIG_MAX_NAME + 1]; /* "": not seen */
    int64_t began_us;
    int64_t heard_us;
    bool seen;
};

static const json_t *find_service(const json_t *status, const char *name)
{
    size_t index;
    const json_t *service;
    json_array_foreach(json_object_get(status, "services"), index, service)
        if (strcmp(peek_str(service, "name", ""), name) == 0)
            return service;
    return NULL;
}

static enum sight judge(const struct watch *watch, const json_t *service)
{
    const json_t *operation = json_object_get(service, "operation");
    const json_t *last = json_object_get(service, "last_operation");
    if (strcmp(peek_str(operation, "id", ""), watch->id) == 0)
        return SIGHT_RUNNING;
    if (strcmp(peek_str(last, "id", ""), watch->id) == 0)
        return strcmp(peek_str(last, "outcome", ""), "done") == 0 ? SIGHT_DONE : SIGHT_ABORTED;
    return watch->seen && json_is_true(json_object_get(service, "ledger_known")) ? SIGHT_OTHER
                                                                                 : SIGHT_NOT_YET;
}

static void show_progress(struct watch *watch, const json_t *service)
{
    const json_t *operation = json_object_get(service, "operation");
    char line[256];
    (void)text_copy(watch->executor, sizeof watch->executor, peek_str(operation, "executor", ""));
    struct text text = TEXT_OF(line);
    char since[CLOCK_DURATION_TEXT_MAX];
    text_appendf(&text, "phase %s, on %s", peek_str(operation, "phase", "?"),
                 peek_str(operation, "executor", "?"));
    if (peek_str(operation, "step", NULL) != NULL)
        text_appendf(&text, ", step %s", peek_str(operation, "step", "?"));
    /* what it waits for or what did not work; else what the step is there for */
    const char *words = peek_str(operation, "detail", "");
    if (words[0] == '\0')
        words = peek_str(operation, "step_text", "");
    text_appendf(&text, "%s%s", words[0] != '\0' ? ": " : "", words);
    if (strcmp(line, watch->last_line) == 0 || watch->settings->json)
        return;
    (void)text_copy(watch->last_line, sizeof watch->last_line, line);
    printf("  %8s  %s\n",
           base_format_duration(since, sizeof since, base_mono_us() - watch->began_us), line);
    (void)fflush(stdout);
}

static void say_goes_on(const struct watch *watch, const char *why)
{
    fprintf(stderr, "failoverctl: %s; operation %s of %s goes on without us.\n"
                    "Watch it with: failoverctl --socket %s status %s\n",
            why, watch->id, watch->service, watch->settings->socket_path, watch->service);
}

/* At which step it went back and why, from the history of the node that is asked; NULL where that one does not know. */
static json_t *why_aborted(const struct watch *watch)
{
    struct fault fault = { "" };
    json_t *history = NULL;
    json_t *why = NULL;
    json_t *question = json_pack("{s:s, s:s}", "command", "history", "service", watch->service);
    size_t index;
    const json_t *operation;
    (void)ctl_ask(watch->settings->socket_path, watch->settings->timeout_ms, question, &history, &fault);
    json_array_foreach(json_object_get(history, "operations"), index, operation) {
        json_t *aborted = json_object_get(operation, "aborted");
        if (why == NULL && strcmp(peek_str(operation, "id", ""), watch->id) == 0 && json_is_object(aborted))
            why = json_incref(aborted);
    }
    json_decref(history);
    return why;
}

static void say_why(const struct watch *watch, const json_t *why)
{
    if (why != NULL)
        printf("It went back at step %s (gate %s): %s.\n", peek_str(why, "step", "?"), peek_str(why, "gate", "none"),
               peek_str(why, "text", "see failoverctl history"));
    else
        printf("See failoverctl history%s%s for why.\n", watch->executor[0] != '\0' ? " on " : "", watch->executor);
}

static enum exit_code finish(const struct watch *watch, const char *outcome, enum exit_code code,
                             const json_t *service)
{
    char took[CLOCK_DURATION_TEXT_MAX];
    json_t *why = strcmp(outcome, "aborted") == 0 ? why_aborted(watch) : NULL;
    if (watch->settings->json) {
        json_t *document = json_pack("{s:b, s:s, s:s, s:s, s:O?, s:O?}", "ok", code == EXIT_DONE, "operation",
                                     watch->id, "service", watch->service, "outcome", outcome,
                                     "status", service, "why", why);
        json_decref(why);
        code = ctl_print_json(document, code);
        json_decref(document);
        return code;
    }
    if (code != EXIT_RUNNING)
        printf("%s after %s: writer of %s is %s\n", outcome,
               base_format_duration(took, sizeof took, base_mono_us() - watch->began_us),
               watch->service, peek_str(service, "writer", "none"));
    if (code != EXIT_RUNNING && code != EXIT_DONE)
        say_why(watch, why);
    json_decref(why);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

static enum exit_code watch_to_end(struct watch *watch)
{
    const struct ctl_settings *settings = watch->settings;
    for (;;) {
        struct fault fault = { "" };
        json_t *status = NULL;
        json_t *question = json_pack("{s:s, s:s}", "command", "status", "service", watch->service);
        enum ctl_outcome outcome =
            ctl_ask(settings->socket_path, settings->timeout_ms, question, &status, &fault);
        const json_t *service = outcome == CTL_OK ? find_service(status, watch->service) : NULL;
        int64_t now_us = base_mono_us();
        enum sight sight = SIGHT_NOT_YET;
        enum exit_code code = EXIT_RUNNING;
        const char *end = NULL;
        if (service != NULL) {
            watch->heard_us = now_us;
            sight = judge(watch, service);
        }
        if (ctl_interrupted()) {
            say_goes_on(watch, "interrupted");
            end = "running";
        } else if (service == NULL && now_us - watch->heard_us > SILENCE_US) {
            say_goes_on(watch, fault.text[0] != '\0' ? fault.text : "the daemon says nothing of it");
            end = "running";
        } else if (sight == SIGHT_RUNNING) {
            watch->seen = true;
            show_progress(watch, service);
        } else if (sight == SIGHT_DONE || sight == SIGHT_ABORTED) {
            end = sight == SIGHT_DONE ? "done" : "aborted";
            code = sight == SIGHT_DONE ? EXIT_DONE : EXIT_FAILED;
        } else if (sight == SIGHT_OTHER ||
                   (service != NULL && !watch->seen && now_us - watch->began_us > APPEAR_US)) {
            fputs("failoverctl: the operation is over, or was replaced, and this node does not know how "
                  "it ended\n", stderr);
            end = "unknown";
            code = EXIT_FAILED;
        }
        if (end != NULL)
            code = finish(watch, end, code, service);
        json_decref(status);
        if (end != NULL)
            return code;
        ctl_sleep_ms(POLL_MS);
    }
}

/* ---- the order ------------------------------------------------------------------------------ */

static enum exit_code after_acceptance(const struct ctl_settings *settings, const char *service,
                                       const json_t *result)
{
    struct watch watch = { .settings = settings, .service = service,
                           .id = peek_str(result, "operation", ""), .began_us = base_mono_us(),
                           .heard_us = base_mono_us() };
    uint64_t id;
    if (!parse_hex(watch.id, &id)) {
        fputs("failoverctl: the daemon accepted the order and did not name the operation; see "
              "failoverctl status\n", stderr);
        return EXIT_FAILED;
    }
    if (!settings->json) {
        printf("operation %s: %s\n", watch.id, peek_str(result, "text", "accepted"));
        (void)fflush(stdout);
    }
    if (!settings->no_wait)
        return watch_to_end(&watch);
    if (!settings->json)
        printf("Not waiting for its end. Watch it with: failoverctl status %s\n", service);
    return finish(&watch, "running", EXIT_RUNNING, NULL);
}

enum exit_code ctl_order(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    char service[CONFIG_MAX_NAME + 1];
    json_t *result = NULL;
    enum exit_code code;
    const struct command *command = command_find(peek_str(request, "command", ""));
    bool moves = command != NULL && command_moves(command->id);
    (void)text_copy(service, sizeof service, peek_str(request, "service", ""));
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
    if (outcome == CTL_OK)
        code = after_acceptance(settings, service, result);
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
