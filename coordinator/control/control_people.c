/* control_people: what the control socket asks is answered from one snapshot, or becomes an order. */
#include "coordinator/control/control_internal.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/control/probing.h"
#include "coordinator/operator/control_names.h"
#include "coordinator/status/may_write.h"
#include "coordinator/status/names.h"
#include "coordinator/status/status.h"
#include "coordinator/status/status_text.h"

static bool known_service(struct control *c, const struct control_request *request)
{
    const char *name = request->arguments.service;
    if (name == NULL || config_find_service(c->parts.cluster, name) != CONFIG_NONE)
        return true;
    control_no_service(c->server, request->ticket, c->parts.cluster, name);
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

/* The service that an operation is of, the one that runs or the last; CONFIG_NONE: none that is known here. */
static size_t service_of_operation(struct control *c, uint64_t operation)
{
    size_t found = CONFIG_NONE;
    for (size_t i = 0; found == CONFIG_NONE && i < c->parts.cluster->service_count; i++) {
        struct view_service *view = control_view(c, i);
        bool runs = view->ledger.operation.kind != OPERATION_NONE && view->ledger.operation.id == operation;
        if (view->ledger_known && (runs || view->ledger.last_operation == operation))
            found = i;
        free(view);
    }
    return found;
}

/* How the runbook's items for before stand when an order is given, a line each: afterwards nobody can look any more. */
static void journal_before(struct control *c, size_t service, const struct order *order)
{
    const char *name = c->parts.cluster->services[service].name;
    struct control_snapshot snapshot;
    size_t index;
    const json_t *item;
    if (c->parts.cluster->services[service].runbook_count == 0)
        return;
    control_snapshot(c, &snapshot);
    json_t *plan = status_dry_run(&snapshot.input, service, order);
    control_snapshot_drop(c, &snapshot);
    json_array_foreach(json_object_get(json_object_get(plan, "runbook"), "list"), index, item) {
        char sentence[512];
        struct text text = TEXT_OF(sentence);
        const char *check = json_string_value(json_object_get(item, "check"));
        const char *answer = json_string_value(json_object_get(item, "answer"));
        const char *id = json_string_value(json_object_get(item, "id"));
        const char *evidence = json_string_value(json_object_get(item, "evidence"));
        if (check == NULL || answer == NULL || id == NULL || evidence == NULL)
            continue;
        text_appendf(&text, "runbook, before an order: %s: %s: %s", id, answer, evidence);
        journal_event(c->parts.journal, "runbook_checked", strcmp(answer, "yes") == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                      name, sentence, json_pack("{s:s, s:s, s:s, s:s}", "item", id, "check", check, "answer", answer,
                                                "evidence", evidence));
    }
    json_decref(plan);
}

/* The gates would refuse it too; what to run first is said only here. True: it was refused. */
static bool has_to_rejoin_first(struct control *c, const struct control_request *request, size_t service,
                                region_id home)
{
    char what[512], todo[512];
    struct text text = TEXT_OF(what), next = TEXT_OF(todo);
    struct control_snapshot snapshot;
    control_snapshot(c, &snapshot);
    json_t *rejoin = status_rejoin_first(&snapshot.input, service, home);
    if (rejoin != NULL) {
        text_appendf(&text, "refused: the old primary has to be rejoined first: %s. Nothing was changed",
                     peek_str(rejoin, "text", "it is no standby"));
        text_appendf(&next, "failoverctl rejoin %s --reason TEXT. failoverctl plan failback %s shows when it is "
                            "ready.",
                     request->arguments.service, request->arguments.service);
        control_refuse(c->server, request->ticket, "not_rejoined", EXIT_GATE, what, todo,
                       json_pack("{s:O}", "rejoin", rejoin));
    }
    bool refused = rejoin != NULL;
    json_decref(rejoin);
    control_snapshot_drop(c, &snapshot);
    return refused;
}

static void answer_order(struct control *c, const struct control_request *request)
{
    size_t service = 0;
    struct order order;
    if (!control_order(c->server, request, c->parts.cluster, &service, &order))
        return;
    if (service == CONFIG_NONE)
        service = service_of_operation(c, order.operation);
    if (service == CONFIG_NONE) {
        control_refuse(c->server, request->ticket, name_order_answer(ANSWER_NO_OPERATION), EXIT_USAGE,
                       "refused: this node knows of no such operation, running or just over",
                       "failoverctl status shows what runs, failoverctl history SERVICE what ran.", NULL);
        return;
    }
    if (request->arguments.dry_run) {
        struct control_snapshot snapshot;
        control_snapshot(c, &snapshot);
        control_reply(c->server, request->ticket,
                      order.kind == ORDER_FAILBACK
                          ? status_plan(&snapshot.input, service, PLANNED_FAILBACK, &order)
                          : status_dry_run(&snapshot.input, service, &order));
        control_snapshot_drop(c, &snapshot);
        return;
    }
    if (order.kind == ORDER_FAILBACK && has_to_rejoin_first(c, request, service, order.to))
        return;
    if (command_moves(request->command->id) && order.kind != ORDER_BREAK)
        journal_before(c, service, &order);
    struct node_event event = { .kind = EVENT_ORDER };
    event.as.order = (struct event_order){ (uint8_t)service, request->ticket, order };
    control_event(c, &event);
}

static void refuse_tick(struct control *c, const struct control_request *request, enum tick_ruling ruling,
                        const char *why)
{
    static const struct {
        const char *code;
        enum exit_code exit;
        const char *todo;
    } rows[] = {
        [TICK_NO_OPERATION] = { "no_operation", EXIT_USAGE, "failoverctl status shows the operations that have one." },
        [TICK_NO_LEDGER] = { "no_ledger", EXIT_NO_QUORUM, "See failoverctl status; a majority of voters has to be up and connected." },
        [TICK_NO_ITEM] = { "no_item", EXIT_USAGE, "failoverctl operation show ID lists the items; they are runbook of cluster.json." },
        [TICK_MACHINE] = { "machine_checked", EXIT_USAGE, "failoverctl operation show ID shows how it stands, and what that rests on." },
        [TICK_ALREADY] = { "already", EXIT_GATE, "Nothing needs to be done; the journal and the audit trail of the node that was told have who and why." },
    };
    char sentence[STATUS_TICK_TEXT_MAX + 16];
    struct text text = TEXT_OF(sentence);
    text_appendf(&text, "refused: %s", why);
    control_refuse(c->server, request->ticket, rows[ruling].code, rows[ruling].exit, sentence, rows[ruling].todo, NULL);
}

static void answer_tick(struct control *c, const struct control_request *request)
{
    struct control_snapshot snapshot;
    size_t service = 0;
    char why[STATUS_TICK_TEXT_MAX];
    struct text text = TEXT_OF(why);
    struct order order = { .kind = ORDER_TICK, .to = REGION_NONE, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    ensure(parse_hex(request->arguments.operation, &order.operation)); /* command_parse() saw to it */
    control_snapshot(c, &snapshot);
    enum tick_ruling ruling = status_tick(&snapshot.input, order.operation, request->arguments.item, &service,
                                          &order.items, &text);
    control_snapshot_drop(c, &snapshot);
    if (ruling != TICK_GOOD) {
        refuse_tick(c, request, ruling, why);
        return;
    }
    control_sign(request, &order);
    struct node_event event = { .kind = EVENT_ORDER };
    event.as.order = (struct event_order){ (uint8_t)service, request->ticket, order };
    control_event(c, &event);
}

/* The service whose proposal has this id, or whose operation had; CONFIG_NONE. `withdrawn`: it was one, and is no
 * more. `later`: it is no failover, but a switchover that a person has put down for a time. */
static size_t service_of_proposal(struct control *c, uint64_t id, bool *withdrawn, bool *later)
{
    size_t found = CONFIG_NONE;
    *withdrawn = *later = false;
    for (size_t i = 0; i < c->parts.cluster->service_count && found == CONFIG_NONE; i++) {
        struct view_service *view = control_view(c, i);
        const struct ledger *l = &view->ledger;
        bool proposed = l->proposal.state != PROPOSAL_NONE && l->proposal.id == id;
        if (view->ledger_known && (proposed || l->operation.id == id || l->last_operation == id)) {
            found = i;
            *later = proposed && operation_planned(l->proposal.kind);
        }
        *withdrawn = *withdrawn || view->proposal_withdrawn == id;
        free(view);
    }
    return found;
}

static void answer_proposal(struct control *c, const struct control_request *request)
{
    struct node_event event = { .kind = EVENT_ORDER };
    struct order *order = &event.as.order.order;
    bool withdrawn = false, later = false;
    control_answer_of(request, order);
    size_t service =
        order->operation != 0 ? service_of_proposal(c, order->operation, &withdrawn, &later) : CONFIG_NONE;
    if (service == CONFIG_NONE) {
        control_refuse(c->server, request->ticket, withdrawn ? "withdrawn" : "unknown_proposal", EXIT_USAGE,
                       withdrawn ? "refused: this proposal was withdrawn: its region is well again, or another region "
                                   "is to take over"
                                 : "refused: no proposal of this id is known here",
                       "failoverctl status shows the proposals that wait.", NULL);
        return;
    }
    if (later)
        control_about_later(c->server, request->ticket);
    event.as.order.service = (uint8_t)service;
    event.as.order.ticket = request->ticket;
    control_event(c, &event);
}

static void answer_voter_list(struct control *c, const struct control_request *request)
{
    struct control_snapshot snapshot;
    control_snapshot(c, &snapshot);
    control_reply(c->server, request->ticket, status_voters(&snapshot.input));
    control_snapshot_drop(c, &snapshot);
}

static void answer_voter_order(struct control *c, const struct control_request *request)
{
    struct node_event event = { .kind = EVENT_VOTER_ORDER };
    event.as.voter_order.ticket = request->ticket;
    if (control_voter_order(c->server, request, c->parts.cluster, &event.as.voter_order.order))
        control_event(c, &event);
}

/* 0: none that is known here, or the order was of no service. */
static uint64_t running_operation(struct control *c, const char *service)
{
    size_t index = service != NULL ? config_find_service(c->parts.cluster, service) : CONFIG_NONE;
    if (index == CONFIG_NONE)
        return 0;
    struct view_service *view = control_view(c, index);
    bool runs = view->ledger_known && view->ledger.operation.kind != OPERATION_NONE;
    uint64_t id = runs ? view->ledger.operation.id : 0;
    free(view);
    return id;
}

/* The gate says how many say that the writer failed. Where too few are heard for a majority it can't open, and nothing
 * that the gate's name stands for helps: what is missing is the quorum, and what is left is another command. */
static bool lacks_quorum(struct control *c, const struct message_order_reply *reply)
{
    const char *service = control_asked_service(c->server, reply->ticket);
    size_t index = service != NULL ? config_find_service(c->parts.cluster, service) : CONFIG_NONE;
    if (reply->answer != ANSWER_GATE || reply->gate != GATE_MAJORITY_FAILED || index == CONFIG_NONE)
        return false;
    struct view_service *view = control_view(c, index);
    bool lacks = !view->quorum;
    free(view);
    return lacks;
}

/* Whoever is told that one runs already wants to follow that one. */
void control_people_answer(struct control *c, const struct message_order_reply *reply)
{
    struct message_order_reply told = *reply;
    if (told.ticket == CONTROL_OWN_TICKET) {
        control_notify_answered(c, reply);
        return;
    }
    if (told.answer == ANSWER_BUSY && told.operation == 0)
        told.operation = running_operation(c, control_asked_service(c->server, reply->ticket));
    if (lacks_quorum(c, reply))
        told.answer = ANSWER_NO_MAJORITY;
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
    struct view_service *view = control_view(c, index);
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
    case COMMAND_FAILBACK:
    case COMMAND_PAUSE:
    case COMMAND_RESUME:
    case COMMAND_OPERATION_PAUSE:
    case COMMAND_OPERATION_RESUME:
    case COMMAND_OPERATION_ABORT:
    case COMMAND_OPERATION_SKIP:
    case COMMAND_RECONCILE:
    case COMMAND_DNS_ADOPT: answer_order(c, request); return true;
    case COMMAND_OPERATION_TICK: answer_tick(c, request); return true;
    case COMMAND_APPROVE:
    case COMMAND_DECLINE: answer_proposal(c, request); return true;
    case COMMAND_HISTORY: answer_history(c, request); return true;
    case COMMAND_MAY_WRITE: answer_may_write(c, request); return true;
    case COMMAND_REJOIN: control_return_ask(c, request); return true;
    case COMMAND_PROBE: answer_probe(c, request); return true;
    case COMMAND_EVENTS: answer_events(c, request); return true;
    case COMMAND_VOTER_LIST: answer_voter_list(c, request); return true;
    case COMMAND_VOTER_ADD:
    case COMMAND_VOTER_REMOVE:
    case COMMAND_VOTER_REPLACE: answer_voter_order(c, request); return true;
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
