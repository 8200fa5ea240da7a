/* Saying a word: see failoverctl_word.h. */
#include "coordinator/operator/failoverctl_word.h"

#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/status/status_text.h"

static bool is_pause(const json_t *request)
{
    return strcmp(peek_str(request, "command", ""), "pause") == 0;
}

/* Until when, by this machine's calendar, which is the daemon's too. */
static void append_until(struct text *text, const json_t *request)
{
    char when[CLOCK_WALL_TEXT_MAX], left[CLOCK_DURATION_TEXT_MAX];
    int64_t for_ms = (int64_t)COMMAND_PAUSE_S * 1000;
    if (peek_yes(request, "until_resumed")) {
        text_append(text, "until somebody resumes it");
        return;
    }
    (void)peek_int(request, "for_ms", &for_ms);
    int64_t for_us = for_ms * CLOCK_US_PER_MS;
    text_appendf(text, "until %s (%s)", base_format_wall(when, sizeof when, base_wall_us() + for_us),
                 base_format_duration(left, sizeof left, for_us));
}

/* One answer in a line or two. What was refused goes to stderr. */
static void tell(const struct ctl_settings *settings, const json_t *request, const char *who, const json_t *result)
{
    char line[512];
    struct text text = TEXT_OF(line);
    text_appendf(&text, "%s%s%s", who, who[0] != '\0' ? ": " : "", peek_str(result, "text", "done"));
    if (is_pause(request)) {
        text_append(&text, "; ");
        append_until(&text, request);
    }
    fprintf(settings->style.stream, "%s.\n", line);
    if (peek_str(result, "todo", "")[0] != '\0' && who[0] == '\0')
        fprintf(settings->style.stream, "%s\n", peek_str(result, "todo", ""));
}

static void tell_unknown(enum ctl_outcome outcome)
{
    if (outcome == CTL_BROKEN || outcome == CTL_INTERRUPTED)
        fputs("failoverctl: whether it was taken is not known: look at failoverctl status\n", stderr);
}

enum exit_code ctl_word(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    json_t *result = NULL;
    enum exit_code code = EXIT_DONE;
    enum ctl_outcome outcome =
        ctl_ask(settings->socket_path, settings->timeout_ms, json_incref(request), &result, &fault);
    if (outcome != CTL_OK)
        code = ctl_complain(settings, outcome, result, &fault);
    else if (settings->json)
        code = ctl_print_json(result, EXIT_DONE);
    else
        tell(settings, request, "", result);
    tell_unknown(outcome);
    json_decref(result);
    json_decref(request);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

/* ---- to all --------------------------------------------------------------------------------- */

static json_t *outcome_of(const char *service, enum ctl_outcome outcome, const json_t *result,
                          const struct fault *fault)
{
    json_t *document = outcome == CTL_OK ? json_pack("{s:b, s:O}", "ok", 1, "result", result)
                                         : ctl_error_document(outcome, result, fault);
    (void)json_object_set_new(document, "service", json_string(service));
    return document;
}

static enum exit_code say_to(const struct ctl_settings *settings, const json_t *request, const char *service,
                             json_t *told)
{
    struct fault fault = { "" };
    json_t *result = NULL;
    json_t *one = json_deep_copy(request);
    enum exit_code code = EXIT_DONE;
    (void)json_object_set_new(one, "service", json_string(service));
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms, one, &result, &fault);
    if (settings->json) {
        code = ctl_exit_of(outcome, result);
        (void)json_array_append_new(told, outcome_of(service, outcome, result, &fault));
    } else if (outcome == CTL_OK) {
        tell(settings, request, service, result);
    } else {
        fprintf(stderr, "%s:\n", service);
        code = ctl_complain(settings, outcome, result, &fault);
        tell_unknown(outcome);
    }
    json_decref(result);
    return code;
}

static enum exit_code say_to_each(const struct ctl_settings *settings, const json_t *request, const json_t *services)
{
    size_t index;
    const json_t *service;
    enum exit_code worst = EXIT_DONE;
    unsigned said = 0;
    json_t *told = json_array();
    json_array_foreach(services, index, service) {
        const json_t *pause = json_object_get(service, "pause");
        if (!is_pause(request) && !json_is_object(pause))
            continue;
        enum exit_code code = say_to(settings, request, peek_str(service, "name", ""), told);
        worst = code > worst ? code : worst;
        said++;
    }
    if (settings->json) {
        json_t *document = json_pack("{s:b, s:O}", "ok", worst == EXIT_DONE, "services", told);
        worst = ctl_print_json(document, worst);
        json_decref(document);
    } else if (said == 0) {
        fputs("No service is paused: nothing needs to be done.\n", settings->style.stream);
    } else if (worst == EXIT_DONE && is_pause(request)) {
        fputs("People may still order, with --skip-gate not_paused. failoverctl resume all --reason TEXT ends it.\n",
              settings->style.stream);
    }
    json_decref(told);
    return worst;
}

enum exit_code ctl_word_to_all(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    json_t *status = NULL;
    enum exit_code code;
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms,
                                       json_pack("{s:s}", "command", "status"), &status, &fault);
    if (outcome != CTL_OK)
        code = ctl_complain(settings, outcome, status, &fault);
    else
        code = say_to_each(settings, request, json_object_get(status, "services"));
    json_decref(status);
    json_decref(request);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}
