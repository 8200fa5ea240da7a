/* control_notify: what people have to be told is looked for once a second; who takes care says so here.
 *
 * An acknowledgement counts here at once, and is given to the core as an order, which tells it on in the gossip of a
 * service: every node hears of it within a heartbeat, with a quorum or without, and notifier_look() takes it there. An
 * order that the core refuses, since it works on another one, is given again at each look until the view shows it.
 *
 * The gossip of a service has the newest one. It is in every message, so a lost one does not matter, and a node that
 * was restarted or away hears it when it is back. What it does not hear then is the older of two of the same service:
 * if that node is the one to tell, it goes on calling until it is asked itself. An incident of no service goes with the
 * first one.
 *
 * Of some incidents one node alone knows (NOTIFY_OWN). So an id that is not open here is told on all the same; only
 * nobody here can say then whether it was anybody's, and the answer is no success.
 */
#include <stdlib.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/control/control_internal.h"
#include "coordinator/control/probing.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status.h"

#define LOOK_EVERY_US US_PER_S

/* ---- looking --------------------------------------------------------------------------------- */

static void spread(struct control *c, const struct control_ack *ack)
{
    struct node_event event = { .kind = EVENT_ORDER };
    event.as.order = (struct event_order){
        ack->service, CONTROL_OWN_TICKET,
        { .kind = ORDER_ACK, .to = REGION_NONE, .operation = ack->incident, .accepted_loss_bytes = -1, .by = ack->by } };
    control_event(c, &event);
}

static void spread_what_is_left(struct control *c, const struct view_service *views)
{
    for (size_t i = 0; i < CONTROL_ACKS_MAX; i++) {
        struct control_ack *ack = &c->acks[i];
        if (ack->incident != 0 && views[ack->service].ack.incident == ack->incident)
            ack->incident = 0;
        if (ack->incident != 0)
            spread(c, ack);
    }
}

static void on_look(void *arg)
{
    struct control *c = arg;
    struct control_snapshot snapshot;
    control_snapshot(c, &snapshot);
    json_t *warnings = status_warnings(&snapshot.input, NULL);
    notifier_look(c->notifier, snapshot.views, warnings);
    json_decref(warnings);
    spread_what_is_left(c, snapshot.views);
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

static void tell_on(struct control *c, uint64_t incident, const struct policy_text *by)
{
    struct control_ack *ack = &c->acks[c->next_ack];
    c->next_ack = (c->next_ack + 1) % CONTROL_ACKS_MAX;
    *ack = (struct control_ack){ incident, notifier_service_of(c->notifier, incident), *by };
    spread(c, ack);
}

static void answer_ack_of_another(struct control *c, const struct control_request *request, const char *who)
{
    char words[512], todo[1024];
    struct text text = TEXT_OF(words), next = TEXT_OF(todo);
    text_appendf(&text, "incident %s is not open on this node. Every node is told that %s takes care of it, and where it is "
                        "open nobody else is called; whether it is open anywhere can't be seen from here",
                 request->arguments.incident, who);
    text_append(&next, "failoverctl incidents on the node that sent the message shows who takes care of it. ");
    json_t *open = open_incidents(c, &next);
    control_refuse(c->server, request->ticket, "no_incident", EXIT_FAILED, words, todo, json_pack("{s:o}", "open", open));
}

void control_notify_ack(struct control *c, const struct control_request *request)
{
    uint64_t incident = 0;
    struct order order = { .kind = ORDER_ACK };
    char words[512];
    struct text text = TEXT_OF(words);
    control_sign(request, &order);
    ensure(parse_hex(request->arguments.incident, &incident)); /* command_parse() saw to it */
    bool open = notifier_acknowledged(c->notifier, incident, order.by.s, base_wall_us());
    if (incident != 0)
        tell_on(c, incident, &order.by);
    if (!open) {
        answer_ack_of_another(c, request, order.by.s);
        return;
    }
    text_appendf(&text, "incident %s: %s takes care of it, and every node is told so: nobody else is called for it",
                 request->arguments.incident, order.by.s);
    control_reply(c->server, request->ticket, json_pack("{s:s, s:o, s:o}", "incident", request->arguments.incident,
                                                        "acknowledged_by", json_of_text(order.by.s), "text", json_of_text(words)));
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
