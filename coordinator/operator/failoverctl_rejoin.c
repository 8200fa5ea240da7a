/* failoverctl rejoin: see failoverctl_rejoin.h.
 *
 * The plan comes with a refusal too, so that a person without a hook still gets the commands. The run is watched
 * through status, by its id. */
#include "coordinator/operator/failoverctl_rejoin.h"

#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/status/status_text.h"

#define POLL_MS 500
#define SILENCE_US (30 * INT64_C(1000000)) /* of the daemon, while waiting */

/* Whatever came over the socket: no control character gets to the terminal. */
static void print_clean(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++)
        (void)fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, stream);
}

static void print_line(const char *before, const char *text)
{
    fputs(before, stdout);
    print_clean(stdout, text);
    fputc('\n', stdout);
}

/* To be pasted: in one piece, also where the terminal is narrower. */
static void print_command(const char *text)
{
    fputs("    ", stdout);
    (void)fflush(stdout);
    print_line("", text);
}

static void print_plan(const json_t *plan)
{
    size_t index;
    const json_t *item;
    const json_t *hook = json_object_get(plan, "hook");
    print_line("", peek_str(plan, "text", "?"));
    if (json_array_size(json_object_get(plan, "commands")) > 0) {
        fputs(json_is_array(hook) ? "\nBy hand it would be, on the host of " : "\nTo be run on the host of ", stdout);
        print_clean(stdout, peek_str(plan, "node", "?"));
        fputs(json_is_array(hook) ? " and as PostgreSQL's user:\n" : ", as PostgreSQL's user:\n", stdout);
        json_array_foreach(json_object_get(plan, "commands"), index, item)
            print_command(json_string_value(item) != NULL ? json_string_value(item) : "?");
    }
    if (json_is_array(hook)) {
        fputs("\nThe configured hook:", stdout);
        json_array_foreach(hook, index, item) {
            fputc(' ', stdout);
            print_clean(stdout, json_string_value(item) != NULL ? json_string_value(item) : "?");
        }
        fputc('\n', stdout);
    }
    if (peek_str(plan, "todo", "")[0] != '\0')
        print_line("\n", peek_str(plan, "todo", ""));
    (void)fflush(stdout);
}

static enum exit_code show_plan(const struct ctl_settings *settings, const json_t *plan)
{
    if (settings->json)
        return ctl_print_json(plan, EXIT_DONE);
    print_plan(plan);
    return EXIT_DONE;
}

static bool is_nothing(const json_t *plan)
{
    return strcmp(peek_str(plan, "verdict", ""), "nothing_to_do") == 0;
}

/* EXIT_DONE: there is a plan, and *plan is it. */
static enum exit_code ask_plan(const struct ctl_settings *settings, const json_t *request, json_t **plan)
{
    struct fault fault = { "" };
    json_t *question = json_deep_copy(request);
    (void)json_object_set_new(question, "dry_run", json_true());
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms, question, plan, &fault);
    if (outcome == CTL_OK)
        return EXIT_DONE;
    return ctl_complain(settings, outcome, *plan, &fault);
}

/* ---- watching ------------------------------------------------------------------------------- */

static json_t *run_of(const json_t *status, const char *service, const char *id)
{
    size_t index;
    const json_t *item;
    json_array_foreach(json_object_get(status, "services"), index, item) {
        json_t *rejoin = json_object_get(item, "rejoin");
        if (strcmp(peek_str(item, "name", ""), service) == 0 && strcmp(peek_str(rejoin, "run", ""), id) == 0)
            return rejoin;
    }
    return NULL;
}

static enum exit_code finish(const struct ctl_settings *settings, const char *id, const json_t *run,
                             enum exit_code code, const char *why)
{
    const char *text = why != NULL ? why : peek_str(run, "text", "?");
    if (settings->json) {
        json_t *document = json_pack("{s:b, s:s, s:s, s:s, s:O?}", "ok", code == EXIT_DONE, "run", id, "outcome",
                                     code == EXIT_DONE ? "done" : code == EXIT_RUNNING ? "running" : "failed", "text", text,
                                     "rejoin", run);
        code = ctl_print_json(document, code);
        json_decref(document);
        return code;
    }
    fputs(code == EXIT_DONE ? "done: " : code == EXIT_RUNNING ? "" : "failed: ", stdout);
    print_line("", text);
    if (code == EXIT_RUNNING)
        fputs("It goes on without us; failoverctl status shows it.\n", stdout);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

static void show_progress(const struct ctl_settings *settings, const json_t *run, char *last, size_t size)
{
    char line[256], since[CLOCK_DURATION_TEXT_MAX];
    struct text text = text_over(line, sizeof line);
    int64_t ms = 0;
    text_appendf(&text, "%s: %s", peek_str(run, "step", "?"), peek_str(run, "text", "?"));
    if (settings->json || strcmp(line, last) == 0)
        return;
    (void)text_copy(last, size, line);
    (void)peek_int(run, "running_ms", &ms);
    printf("  %8s  ", base_format_duration(since, sizeof since, ms * CLOCK_US_PER_MS));
    print_line("", line);
    (void)fflush(stdout);
}

static enum exit_code watch(const struct ctl_settings *settings, const char *service, const char *id)
{
    char last[256] = "";
    int64_t heard_us = base_mono_us();
    for (;;) {
        struct fault fault = { "" };
        json_t *status = NULL;
        enum exit_code code = EXIT_RUNNING;
        const char *why = NULL;
        (void)ctl_ask(settings->socket_path, settings->timeout_ms,
                      json_pack("{s:s, s:s}", "command", "status", "service", service), &status, &fault);
        const json_t *run = run_of(status, service, id);
        const char *state = peek_str(run, "state", "");
        bool over = true;
        if (run != NULL)
            heard_us = base_mono_us();
        if (strcmp(state, "done") == 0) {
            code = EXIT_DONE;
        } else if (strcmp(state, "failed") == 0) {
            code = EXIT_FAILED;
        } else if (ctl_interrupted()) {
            why = "interrupted";
        } else if (base_mono_us() - heard_us > SILENCE_US) {
            why = "the daemon says nothing of it any more; look at failoverctl status";
        } else {
            over = false;
            if (run != NULL)
                show_progress(settings, run, last, sizeof last);
        }
        if (over)
            code = finish(settings, id, run, code, why);
        json_decref(status);
        if (over)
            return code;
        ctl_sleep_ms(POLL_MS);
    }
}

/* ---- the command ---------------------------------------------------------------------------- */

static enum exit_code refused(const struct ctl_settings *settings, enum ctl_outcome outcome, const json_t *error,
                              const struct fault *fault)
{
    const json_t *plan = json_object_get(error, "plan");
    enum exit_code code = ctl_complain(settings, outcome, error, fault);
    if (outcome == CTL_REFUSED && !settings->json && json_array_size(json_object_get(plan, "commands")) > 0)
        print_plan(plan);
    if (outcome == CTL_BROKEN || outcome == CTL_INTERRUPTED)
        fputs("failoverctl: whether it was taken is not known: look at failoverctl status\n", stderr);
    return code;
}

static enum exit_code order(const struct ctl_settings *settings, const json_t *request)
{
    struct fault fault = { "" };
    json_t *result = NULL;
    enum exit_code code;
    enum ctl_outcome outcome =
        ctl_ask(settings->socket_path, settings->timeout_ms, json_deep_copy(request), &result, &fault);
    const char *id = peek_str(result, "run", "");
    if (outcome != CTL_OK)
        code = refused(settings, outcome, result, &fault);
    else if (is_nothing(result))
        code = show_plan(settings, result);
    else if (settings->no_wait)
        code = finish(settings, id, NULL, EXIT_RUNNING, "the hook runs");
    else
        code = watch(settings, peek_str(request, "service", ""), id);
    json_decref(result);
    return code;
}

enum exit_code ctl_rejoin(const struct ctl_settings *settings, json_t *request)
{
    json_t *plan = NULL;
    enum exit_code code = EXIT_DONE;
    if (settings->dry_run || (!settings->yes && !settings->json)) {
        code = ask_plan(settings, request, &plan);
        if (code == EXIT_DONE)
            code = show_plan(settings, plan);
        if (code == EXIT_DONE && settings->dry_run && !settings->json && peek_yes(plan, "would_run"))
            printf("\nTo do it: failoverctl rejoin %s --reason \"...\"\n", peek_str(request, "service", "?"));
        if (code != EXIT_DONE || settings->dry_run || is_nothing(plan))
            goto out;
    }
    code = ctl_confirm(settings, request);
    if (code == EXIT_DONE)
        code = order(settings, request);
out:
    json_decref(plan);
    json_decref(request);
    return code;
}
