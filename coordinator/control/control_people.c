/* control_people: what the control socket asks is answered from one snapshot, or becomes an order. */
#include "coordinator/control/control_internal.h"

#include <stdlib.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/control/probing.h"
#include "coordinator/status/may_write.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status.h"

static bool known_service(struct control *c, const struct control_request *request)
{
    const char *name = request->arguments.service;
    if (name == NULL || config_find_service(c->parts.cluster, name) != CONFIG_NONE)
        return true;
    control_refuse(c->server, request->ticket, "no_service", EXIT_USAGE, "this cluster has no such service",
                   "failoverctl status lists them.", NULL);
    return false;
}

static void answer_status(struct control *c, const struct control_request *request)
{
    if (!known_service(c, request))
        return;
    struct control_snapshot snapshot;
    control_snapshot(c, &snapshot);
    control_reply(c->server, request->ticket,
                  status_render(&snapshot.input, request->arguments.service));
    control_snapshot_drop(c, &snapshot);
    /* What is shown is the longest stall since it was last asked for. */
    loop_reset_stall(c->parts.loop);
    probing_reset_stall(c->parts.probing);
}

static void answer_order(struct control *c, const struct control_request *request)
{
    size_t service = 0;
    struct order order;
    if (!control_order(c->server, request, c->parts.cluster, &service, &order))
        return;
    if (request->arguments.dry_run) {
        struct control_snapshot snapshot;
        control_snapshot(c, &snapshot);
        control_reply(c->server, request->ticket,
                      status_dry_run(&snapshot.input, service, &order));
        control_snapshot_drop(c, &snapshot);
        return;
    }
    struct node_event event = { .kind = EVENT_ORDER };
    event.as.order = (struct event_order){ (uint8_t)service, request->ticket, order };
    control_event(c, &event);
}

/* 0: none that is known here, or the order was of no service. */
static uint64_t running_operation(struct control *c, const char *service)
{
    size_t index = service != NULL ? config_find_service(c->parts.cluster, service) : CONFIG_NONE;
    struct view_service *view = index != CONFIG_NONE ? malloc(sizeof *view) : NULL;
    uint64_t id = 0;
    if (view == NULL)
        return 0;
    node_view(c->node, (uint8_t)index, (struct mono_time){ base_mono_us() }, (struct wall_time){ base_wall_us() },
              view);
    if (view->ledger_known && view->ledger.operation.kind != OPERATION_NONE)
        id = view->ledger.operation.id;
    free(view);
    return id;
}

/* Whoever is told that one runs already wants to follow that one. */
void control_people_answer(struct control *c, const struct message_order_reply *reply)
{
    struct message_order_reply told = *reply;
    if (told.answer == ANSWER_BUSY && told.operation == 0)
        told.operation = running_operation(c, control_asked_service(c->server, reply->ticket));
    control_answer_order(c->server, reply->ticket, c->parts.cluster, &told);
}

static void answer_explain(struct control *c, const struct control_request *request)
{
    if (!known_service(c, request))
        return;
    struct control_snapshot snapshot;
    control_snapshot(c, &snapshot);
    control_reply(c->server, request->ticket,
                  status_explain(&snapshot.input, config_find_service(c->parts.cluster, request->arguments.service)));
    control_snapshot_drop(c, &snapshot);
}

static void answer_plan(struct control *c, const struct control_request *request)
{
    size_t service = 0;
    struct order order;
    if (!control_order(c->server, request, c->parts.cluster, &service, &order))
        return;
    struct control_snapshot snapshot;
    control_snapshot(c, &snapshot);
    control_reply(c->server, request->ticket,
                  status_plan(&snapshot.input, service, request->arguments.planned, &order));
    control_snapshot_drop(c, &snapshot);
}

static void answer_history(struct control *c, const struct control_request *request)
{
    if (known_service(c, request))
        control_reply(c->server, request->ticket,
                      history_json(c->parts.history, request->arguments.service,
                                   (size_t)request->arguments.limit));
}

static void answer_events(struct control *c, const struct control_request *request)
{
    if (!known_service(c, request))
        return;
    struct recent_question question = {
        .after = request->arguments.after,
        .run = request->arguments.run,
        .since = request->arguments.since,
        .newest = (size_t)request->arguments.limit,
        .service = request->arguments.service,
    };
    control_reply(c->server, request->ticket, journal_events(c->parts.journal, &question));
}

static json_t *render_may_write(struct control *c, const struct may_write_facts *facts,
                                const struct may_write_answer *answer)
{
    const struct ledger *ledger = &facts->view->ledger;
    bool known = facts->view->ledger_known;
    bool writer = known && ledger->writer != REGION_NONE;
    return json_pack("{s:b, s:s, s:s, s:s, s:b, s:s?, s:o}", "may_write", answer->may == MAY_WRITE_YES, "reason",
                     answer->reason, "service", facts->service->name, "node", c->parts.local->name, "final",
                     answer->final, "writer", writer ? name_region(c->parts.cluster, ledger->writer) : NULL, "epoch",
                     known ? json_of_u64(ledger->epoch) : json_null());
}

static void answer_may_write(struct control *c, const struct control_request *request)
{
    if (!known_service(c, request))
        return;
    size_t index = config_find_service(c->parts.cluster, request->arguments.service);
    struct view_service *view = malloc(sizeof *view);
    ensure(view != NULL);
    node_view(c->node, (uint8_t)index, (struct mono_time){ base_mono_us() },
              (struct wall_time){ base_wall_us() }, view);
    struct may_write_facts facts = {
        .cluster = c->parts.cluster,
        .service = &c->parts.cluster->services[index],
        .view = view,
        .self = c->parts.self,
        .instance = c->policy.instance,
        .ledger_reported = c->services[index].ledger_reported ||
                           node_durable(c->node)->services[index].accepted.present,
    };
    struct may_write_answer answer;
    may_write(&facts, &answer);
    json_t *more = render_may_write(c, &facts, &answer);
    free(view);
    if (answer.may == MAY_WRITE_YES) {
        (void)json_object_set_new(more, "text", json_of_text(answer.text));
        control_reply(c->server, request->ticket, more);
        return;
    }
    bool no = answer.may == MAY_WRITE_NO;
    control_refuse(c->server, request->ticket, no ? "not_writer" : "cant_know",
                   no ? EXIT_NOT_WRITER : EXIT_CANT_KNOW, answer.text, answer.todo, more);
}

static void answer_probe(struct control *c, const struct control_request *request)
{
    if (known_service(c, request))
        control_probe_ask(c, request);
}

static bool on_request(void *arg, const struct control_request *request)
{
    struct control *c = arg;
    switch (request->command->id) {
    case COMMAND_STATUS: answer_status(c, request); return true;
    case COMMAND_EXPLAIN: answer_explain(c, request); return true;
    case COMMAND_PLAN: answer_plan(c, request); return true;
    case COMMAND_FAILOVER:
    case COMMAND_SWITCHOVER:
    case COMMAND_DNS_ADOPT: answer_order(c, request); return true;
    case COMMAND_HISTORY: answer_history(c, request); return true;
    case COMMAND_MAY_WRITE: answer_may_write(c, request); return true;
    case COMMAND_REJOIN: control_return_ask(c, request); return true;
    case COMMAND_PROBE: answer_probe(c, request); return true;
    case COMMAND_EVENTS: answer_events(c, request); return true;
    case COMMAND_INCIDENTS: control_notify_incidents(c, request); return true;
    case COMMAND_ACK: control_notify_ack(c, request); return true;
    case COMMAND_NOTIFY_TEST: control_notify_test(c, request); return true;
    case COMMAND_WAIT:
    case COMMAND_OPERATION_SHOW:
    case COMMAND_CHECK_CONFIG:
    case COMMAND_AUDIT_VERIFY:
    case COMMAND_AUDIT_SHOW:
    case COMMAND_HELP:
    case COMMAND_COUNT:
    default: return false;
    }
}

bool control_people_open(struct control *c, struct fault *fault)
{
    struct control_server_settings settings = {
        .path = c->parts.local->control_socket,
        .roles = &c->parts.local->control,
        .handle = on_request,
        .arg = c,
        .audit = c->parts.audit,
    };
    c->server = control_server_new(c->parts.loop, &settings, fault);
    return c->server != NULL;
}
