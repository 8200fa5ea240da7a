/* The checklist of an operation at the terminal: see failoverctl_runbook.h. */
#include "coordinator/operator/failoverctl_runbook.h"

#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/status/status_text.h"

enum exit_code ctl_tick(const struct ctl_settings *settings, json_t *request)
{
    struct fault fault = { "" };
    json_t *result = NULL;
    enum ctl_outcome outcome = ctl_ask(settings->socket_path, settings->timeout_ms, request, &result, &fault);
    enum exit_code code = EXIT_DONE;
    if (outcome != CTL_OK)
        code = ctl_complain(settings, outcome, result, &fault);
    else if (settings->json)
        code = ctl_print_json(result, EXIT_DONE);
    else
        printf("%s\n%s\n", peek_str(result, "text", "ticked"), peek_str(result, "todo", ""));
    if (outcome == CTL_BROKEN || outcome == CTL_INTERRUPTED)
        fputs("failoverctl: whether it was ticked is not known; to tick it again does no harm\n", stderr);
    json_decref(result);
    return fflush(stdout) == 0 ? code : EXIT_FAILED;
}

const json_t *runbook_of(const json_t *service, const char *operation)
{
    const json_t *runbook = json_object_get(service, "runbook");
    return json_is_object(runbook) && strcmp(peek_str(runbook, "operation", ""), operation) == 0 ? runbook : NULL;
}

bool runbook_waits(const json_t *runbook, size_t index, struct text *line)
{
    const json_t *item = json_array_get(json_object_get(runbook, "list"), index);
    if (strcmp(peek_str(item, "by", ""), "person") != 0 || strcmp(peek_str(item, "state", ""), "open") != 0)
        return false;
    text_appendf(line, "for a person, %s: %s (failoverctl operation tick %s %s)", peek_str(item, "when", "?"),
                 peek_str(item, "text", "?"), peek_str(runbook, "operation", "ID"), peek_str(item, "id", "?"));
    return true;
}

bool runbook_open(const json_t *runbook, struct text *line)
{
    int64_t open;
    if (!peek_int(runbook, "open", &open) || open <= 0)
        return false;
    text_appendf(line, "%s: failoverctl operation show %s", peek_str(runbook, "text", "runbook items are open"),
                 peek_str(runbook, "operation", "ID"));
    return true;
}
