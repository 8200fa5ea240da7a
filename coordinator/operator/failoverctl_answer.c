/* Answering a proposal: see failoverctl_answer.h. A yes cannot be taken back once it has begun, so whoever says it on a
 * terminal first sees what is known now, which may be more than when it was proposed. */
#include "coordinator/operator/failoverctl_answer.h"

#include <string.h>

#include "coordinator/operator/failoverctl_explain.h"
#include "coordinator/status/status_text.h"

/* The service whose proposal it is; NULL: none here has it, and the daemon says what became of it. */
static const json_t *find_proposed(const json_t *status, const char *id)
{
    size_t index;
    const json_t *service;
    json_array_foreach(json_object_get(status, "services"), index, service)
        if (strcmp(peek_str(json_object_get(service, "proposal"), "id", ""), id) == 0)
            return service;
    return NULL;
}

static enum exit_code show_evidence(const struct ctl_settings *settings, const char *service)
{
    struct fault fault = { "" };
    json_t *explain = NULL;
    enum exit_code code = EXIT_DONE;
    json_t *question = json_pack("{s:s, s:s}", "command", "explain", "service", service);
    enum ctl_outcome outcome =
        ctl_ask(settings->socket_path, settings->timeout_ms, question, &explain, &fault);
    if (outcome == CTL_OK)
        explain_print(&settings->style, explain);
    else
        code = ctl_complain(settings, outcome, explain, &fault);
    json_decref(explain);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

/* What a person sees before a yes, and the word that has to be typed: the region that would become the writer. */
static enum exit_code ask(const struct ctl_settings *settings, const char *id)
{
    struct fault fault = { "" };
    json_t *status = NULL;
    enum exit_code code = EXIT_DONE;
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms,
                                       json_pack("{s:s}", "command", "status"), &status, &fault);
    const json_t *service = outcome == CTL_OK ? find_proposed(status, id) : NULL;
    if (outcome != CTL_OK)
        code = ctl_complain(settings, outcome, status, &fault);
    if (service != NULL)
        code = show_evidence(settings, peek_str(service, "name", "?"));
    if (service != NULL && code == EXIT_DONE) {
        json_t *question = json_pack("{s:s, s:s, s:s}", "command", "approve the failover of", "service",
                                     peek_str(service, "name", "?"), "to",
                                     peek_str(json_object_get(service, "proposal"), "to", "?"));
        code = ctl_confirm(settings, question);
        json_decref(question);
    }
    json_decref(status);
    return code;
}

enum exit_code ctl_answer(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    json_t *result = NULL;
    enum exit_code code = EXIT_DONE;
    bool yes = strcmp(peek_str(request, "command", ""), "approve") == 0;
    if (yes && settings->json && !settings->yes)
        code = ctl_confirm(settings, request); /* nothing but the one document goes to stdout */
    else if (yes && !settings->yes)
        code = ask(settings, peek_str(request, "operation", ""));
    if (code != EXIT_DONE) {
        json_decref(request);
        return code;
    }
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms, request, &result, &fault);
    if (outcome != CTL_OK)
        code = ctl_complain(settings, outcome, result, &fault);
    else if (settings->json)
        code = ctl_print_json(result, EXIT_DONE);
    else
        printf("%s: %s\n%s\n", peek_str(result, "operation", "?"), peek_str(result, "text", "?"),
               peek_str(result, "todo", ""));
    if (outcome == CTL_BROKEN || outcome == CTL_INTERRUPTED) {
        fputs("failoverctl: whether the answer was taken is not known: look at failoverctl status\n", stderr);
        if (outcome == CTL_INTERRUPTED)
            code = EXIT_RUNNING;
    }
    json_decref(result);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}
