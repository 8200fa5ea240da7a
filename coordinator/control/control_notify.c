/* control_notify: what people have to be told is looked for once a second; who takes care says so here.
 *
 * An acknowledgement is taken on the node that is asked, and counts there: another node that tells goes on until it is
 * told too.
 */
#include <stdlib.h>

#include "coordinator/base/clock.h"
#include "coordinator/control/control_internal.h"
#include "coordinator/control/probing.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status.h"

#define LOOK_EVERY_US US_PER_S

/* ---- looking --------------------------------------------------------------------------------- */

static void on_look(void *arg)
{
    struct control *c = arg;
    struct control_snapshot snapshot;
    control_snapshot(c, &snapshot);
    json_t *warnings = status_warnings(&snapshot.input, NULL);
    notifier_look(c->notifier, snapshot.views, warnings);
    json_decref(warnings);
    control_snapshot_drop(c, &snapshot);
    timer_set_after_us(&c->tell, LOOK_EVERY_US);
}

/* ---- people ---------------------------------------------------------------------------------- */

void control_notify_incidents(struct control *c, const struct control_request *request)
{
    control_reply(c->server, request->ticket, notifier_json(c->notifier));
}

/* Which there are, for who mistyped one: ids, and a sentence. */
static json_t *open_incidents(struct control *c, struct text *sentence)
{
    json_t *open = json_array();
    json_t *all = notifier_json(c->notifier);
    size_t index;
    const json_t *incident;
    json_array_foreach(json_object_get(all, "incidents"), index, incident) {
        json_t *id = json_object_get(incident, "id");
        (void)json_array_append(open, id);
        text_appendf(sentence, "%s%s (%s)", index > 0 ? ", " : "Open here: ", json_string_value(id),
                     json_string_value(json_object_get(incident, "event")));
    }
    if (index == 0)
        text_append(sentence, "None is open here.");
    json_decref(all);
    return open;
}

void control_notify_ack(struct control *c, const struct control_request *request)
{
    uint64_t incident = 0;
    char todo[1024];
    struct text text = TEXT_OF(todo);
    const char *who = request->who.user[0] != '\0' ? request->who.user : "somebody";
    bool known = parse_hex(request->arguments.incident, &incident) &&
                 notifier_acknowledged(c->notifier, incident, who, base_wall_us());
    if (!known) {
        json_t *open = open_incidents(c, &text);
        control_refuse(c->server, request->ticket, "no_incident", EXIT_USAGE, "no such incident is open on this node", todo,
                       json_pack("{s:o}", "open", open));
        return;
    }
    char words[512];
    text = TEXT_OF(words);
    text_appendf(&text, "incident %s: %s takes care of it; nobody else is called for it from here", request->arguments.incident,
                 who);
    control_reply(c->server, request->ticket, json_pack("{s:s, s:o, s:o}", "incident", request->arguments.incident,
                                                        "acknowledged_by", json_of_text(who), "text", json_of_text(words)));
}

static void on_tested(void *arg, uint64_t ticket, bool taken, long status, int64_t took_us, const char *channel,
                      const char *text)
{
    struct control *c = arg;
    char words[512];
    struct text sentence = TEXT_OF(words);
    char took[CLOCK_DURATION_TEXT_MAX];
    json_t *more = json_pack("{s:s, s:b, s:o, s:o}", "channel", channel, "delivered", taken, "status",
                             status >= 0 ? json_integer(status) : json_null(), "took_ms", json_of_ms(took_us));
    text_appendf(&sentence, "channel %s %s after %s: %s", channel, taken ? "took the test" : "did not take the test",
                 base_format_duration(took, sizeof took, took_us), text);
    if (taken) {
        (void)json_object_set_new(more, "text", json_of_text(words));
        control_reply(c->server, ticket, more);
        return;
    }
    control_refuse(c->server, ticket, "not_delivered", EXIT_FAILED, words,
                   "Look at the channel's file or program on this node, and at what receives it.", more);
}

void control_notify_test(struct control *c, const struct control_request *request)
{
    struct fault fault;
    struct notifier_test test = { .channel = request->arguments.channel,
                                  .who = request->who.user,
                                  .done = on_tested,
                                  .arg = c,
                                  .ticket = request->ticket };
    if (notifier_test(c->notifier, &test, &fault))
        return;
    char todo[512];
    struct text text = TEXT_OF(todo);
    text_append(&text, c->parts.cluster->notify.channel_count > 0 ? "Channels:" : "cluster.json names none: notify.channels.");
    for (size_t i = 0; i < c->parts.cluster->notify.channel_count; i++)
        text_appendf(&text, " %s", c->parts.cluster->notify.channels[i].name);
    control_refuse(c->server, request->ticket, "no_channel", EXIT_USAGE, fault.text, todo, NULL);
}

/* ---- life ------------------------------------------------------------------------------------ */

bool control_notify_open(struct control *c, struct fault *fault)
{
    struct notifier_settings settings = {
        .loop = c->parts.loop,
        .sending = probing_loop(c->parts.probing),
        .cluster = c->parts.cluster,
        .self = c->parts.self,
        .journal = c->parts.journal,
    };
    c->notifier = notifier_new(&settings, fault);
    return c->notifier != NULL || fault_wrap(fault, "notifications");
}

void control_notify_begin(struct control *c)
{
    timer_init(&c->tell, c->parts.loop, on_look, c);
    timer_set_after_us(&c->tell, LOOK_EVERY_US);
}

void control_notify_close(struct control *c)
{
    timer_cancel(&c->tell);
    notifier_free(c->notifier);
    c->notifier = NULL;
}
