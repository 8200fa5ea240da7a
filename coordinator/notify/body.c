/* What goes out for a notice: see body.h. */
#include "coordinator/notify/body.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/status/names.h"

#define SUMMARY_MAX 1024 /* PagerDuty's */

static const char usual[] = "[{severity}] {service} {event}: {text} {todo} (incident {incident}, {node})";
static const char usual_of_none[] = "[{severity}] {event}: {text} {todo} (incident {incident}, {node})";

/* ---- the message ----------------------------------------------------------------------------- */

static void append_value(struct text *out, const char *value, bool slack)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (c < 0x20 || c == 0x7f)
            text_append_char(out, ' ');
        else if (slack && c == '&')
            text_append(out, "&amp;");
        else if (slack && c == '<')
            text_append(out, "&lt;");
        else if (slack && c == '>')
            text_append(out, "&gt;");
        else
            text_append_char(out, (char)c);
    }
}

static const char *value_of(enum config_placeholder placeholder, const struct notice *n, char *buffer, size_t size)
{
    switch (placeholder) {
    case CONFIG_PLACEHOLDER_SERVICE: return n->service;
    case CONFIG_PLACEHOLDER_REGION: return n->region;
    case CONFIG_PLACEHOLDER_EVENT: return n->event;
    case CONFIG_PLACEHOLDER_TEXT: return n->text;
    case CONFIG_PLACEHOLDER_OPERATION: return n->operation != 0 ? format_hex(buffer, n->operation) : "";
    case CONFIG_PLACEHOLDER_NODE: return n->node;
    case CONFIG_PLACEHOLDER_TODO: return n->todo;
    case CONFIG_PLACEHOLDER_INCIDENT: return format_hex(buffer, n->incident);
    case CONFIG_PLACEHOLDER_SEVERITY: return n->severity;
    case CONFIG_PLACEHOLDER_TIME: return base_format_wall(buffer, size, n->wall_us);
    case CONFIG_PLACEHOLDER_COUNT: break;
    }
    return "";
}

void body_message(char *out, size_t size, const struct channel_config *channel, const struct notice *notice)
{
    struct text text = text_over(out, size);
    struct config_template_piece piece;
    struct fault fault = { "" };
    char buffer[CLOCK_WALL_TEXT_MAX];
    bool slack = channel->kind == CONFIG_CHANNEL_SLACK;
    const char *at = channel->template != NULL ? channel->template : notice->service[0] != '\0' ? usual : usual_of_none;
    while (config_template_next(&at, &piece, &fault)) {
        if (piece.text != NULL)
            text_append_bytes(&text, piece.text, piece.length);
        else
            append_value(&text, value_of(piece.placeholder, notice, buffer, sizeof buffer), slack);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static const char *action_name(enum notice_action action)
{
    static const char *const names[] = { "trigger", "acknowledge", "resolve", "trigger" };
    return names[action];
}

static json_t *text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? json_of_text(text) : json_null();
}

static json_t *plain_object(const struct channel_config *channel, const struct notice *n)
{
    char message[BODY_MESSAGE_MAX];
    char incident[NAME_HEX_MAX];
    char operation[NAME_HEX_MAX];
    char since[CLOCK_WALL_TEXT_MAX];
    char now[CLOCK_WALL_TEXT_MAX];
    body_message(message, sizeof message, channel, n);
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "event", n->event, "action",
        action_name(n->action), "incident", format_hex(incident, n->incident), "severity", n->severity, "level", n->level,
        "cluster", json_of_text(n->cluster), "service", text_or_null(n->service), "region", text_or_null(n->region),
        "operation", text_or_null(n->operation != 0 ? format_hex(operation, n->operation) : NULL), "step",
        text_or_null(n->step), "text", json_of_text(n->text), "todo", json_of_text(n->todo));
    json_t *rest = json_pack("{s:o, s:s, s:s, s:o, s:o}", "message", json_of_text(message), "since",
                             base_format_wall(since, sizeof since, n->since_wall_us), "time",
                             base_format_wall(now, sizeof now, n->wall_us), "node", json_of_text(n->node),
                             "acknowledged_by", text_or_null(n->by));
    bool good = object != NULL && rest != NULL && json_object_update(object, rest) == 0;
    json_decref(rest);
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *slack_object(const struct channel_config *channel, const struct notice *notice)
{
    char message[BODY_MESSAGE_MAX];
    body_message(message, sizeof message, channel, notice);
    return json_pack("{s:o}", "text", json_of_text(message));
}

/* dedup_key: the same incident is one on all nodes, and other clusters of the same integration keep theirs. */
static json_t *pagerduty_object(const struct channel_config *channel, const struct notice *n, const char *key)
{
    char id[NAME_HEX_MAX];
    char dedup[sizeof "failoverd/" + CONFIG_MAX_NAME + NAME_HEX_MAX + 8];
    char when[CLOCK_WALL_TEXT_MAX];
    char summary[SUMMARY_MAX];
    struct text text = TEXT_OF(dedup);
    text_appendf(&text, "failoverd/%s/%s", n->cluster, n->action == NOTICE_TEST ? "test" : format_hex(id, n->incident));
    json_t *object = json_pack("{s:s, s:s, s:o}", "routing_key", key, "event_action", action_name(n->action), "dedup_key",
                               json_of_text(dedup));
    if (object == NULL || n->action == NOTICE_ACKNOWLEDGE || n->action == NOTICE_RESOLVE)
        return object;
    text = TEXT_OF(summary);
    if (n->service[0] != '\0')
        text_appendf(&text, "%s: ", n->service);
    append_value(&text, n->text, false);
    json_t *payload = json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:s, s:o}", "summary", json_of_text(summary), "source",
                                json_of_text(n->node), "severity", n->severity, "timestamp",
                                base_format_wall(when, sizeof when, n->wall_us), "component",
                                json_of_text(n->service[0] != '\0' ? n->service : n->cluster), "group",
                                json_of_text(n->cluster), "class", n->event, "custom_details", plain_object(channel, n));
    if (payload != NULL && json_object_set_new(object, "payload", payload) == 0)
        return object;
    json_decref(object);
    return NULL;
}

char *body_make(const struct channel_config *channel, const struct notice *notice, const char *secret, size_t *length)
{
    json_t *object = NULL;
    switch ((enum config_channel_kind)channel->kind) {
    case CONFIG_CHANNEL_SLACK: object = slack_object(channel, notice); break;
    case CONFIG_CHANNEL_PAGERDUTY: object = pagerduty_object(channel, notice, secret != NULL ? secret : ""); break;
    case CONFIG_CHANNEL_JSON:
    case CONFIG_CHANNEL_EXEC: object = plain_object(channel, notice); break;
    }
    char *body = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    *length = body != NULL ? strlen(body) : 0;
    return body;
}
