/* What a channel says, as its configuration has it: text with {placeholders}. See config.h.
 *
 * Pieces are found here, for the rule that refuses a wrong template and for whoever fills one in
 * (coordinator/notify/body.c), so that both read it the same way.
 */
#include <string.h>

#include "coordinator/config/config.h"

static const char *const placeholders[CONFIG_PLACEHOLDER_COUNT] = {
    [CONFIG_PLACEHOLDER_SERVICE] = "service",     [CONFIG_PLACEHOLDER_REGION] = "region",
    [CONFIG_PLACEHOLDER_EVENT] = "event",         [CONFIG_PLACEHOLDER_TEXT] = "text",
    [CONFIG_PLACEHOLDER_OPERATION] = "operation", [CONFIG_PLACEHOLDER_NODE] = "node",
    [CONFIG_PLACEHOLDER_TODO] = "todo",           [CONFIG_PLACEHOLDER_INCIDENT] = "incident",
    [CONFIG_PLACEHOLDER_SEVERITY] = "severity",   [CONFIG_PLACEHOLDER_TIME] = "time",
};

/* `from` is behind the opening brace. */
static bool next_placeholder(const char **at, const char *from, struct config_template_piece *piece,
                             struct fault *fault)
{
    size_t length = strcspn(from, "{}");
    if (from[length] != '}')
        return fault_set(fault, "has a { without its }; {{ is the brace itself");
    for (int i = 0; i < CONFIG_PLACEHOLDER_COUNT; i++)
        if (strlen(placeholders[i]) == length && memcmp(from, placeholders[i], length) == 0) {
            *piece = (struct config_template_piece){ .placeholder = (enum config_placeholder)i };
            *at = from + length + 1;
            return true;
        }
    return fault_set(fault, "names {%.*s}, which there is not; there are {service} {region} {event} {text} {operation} "
                     "{node} {todo} {incident} {severity} {time}", (int)(length < 40 ? length : 40), from);
}

bool config_template_next(const char **at, struct config_template_piece *piece, struct fault *fault)
{
    const char *from = *at;
    fault->text[0] = '\0';
    if (from[0] == '\0')
        return false;
    if (from[0] == '{' && from[1] != '{')
        return next_placeholder(at, from + 1, piece, fault);
    if (from[0] == '}' && from[1] != '}')
        return fault_set(fault, "has a } without its {; }} is the brace itself");
    bool brace = from[0] == '{' || from[0] == '}';
    *piece = (struct config_template_piece){ .text = from, .length = brace ? 1 : strcspn(from, "{}") };
    *at = from + (brace ? 2 : piece->length);
    return true;
}
