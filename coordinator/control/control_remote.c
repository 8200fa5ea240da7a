/* control_remote: a rejoin that is said here and carried out by a node of its region, and the other way round.
 *
 * As with orders that the core forwards: handed over once and never on, one answer for each person by the deadline, and
 * without one it is said that it may have begun. The node that acts has its own checks and puts who asked, and from
 * which node, into its audit trail before it does. A run is followed by asking that node how it stands, as long as it
 * goes on, so that status here shows it like one of our own.
 */
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/control/control_internal.h"
#include "coordinator/control/rejoin_where.h"
#include "coordinator/status/names.h"

#define PATIENCE_US (14 * US_PER_S) /* below failoverctl's own, which would say less */
#define ROAD_US (6 * US_PER_S)      /* of it for a road: one that broke is dialled anew within LINK_RETRY_MAX_MS */
#define ROAD_EVERY_US (200 * US_PER_MS)
#define FOLLOW_EVERY_US US_PER_S
#define FOLLOW_GIVE_UP_US (600 * US_PER_S)
#define FOLLOW_STALE_US (5 * US_PER_S) /* without word from there nothing is known of it */
/* Tickets of the control socket never have this bit; the rest is a place in `served`. */
#define SERVED_BIT (UINT64_C(1) << 63)

static const char *node_name_of(const struct control *c, node_id node)
{
    return c->parts.cluster->nodes[node].name;
}

static bool send_question(struct control *c, node_id to, const struct ask_question *question)
{
    struct fault fault;
    char bytes[ASK_PAYLOAD_MAX];
    size_t length = 0;
    if (ask_encode_question(&c->names, c->policy.self, question, bytes, sizeof bytes, &length, &fault))
        return links_send(c->links, c->node_link[to], bytes, length) == LINK_QUEUED;
    log_event(LOG_LEVEL_ERROR, "a question of ours can't be encoded and is not sent", LOG_STR("reason", fault.text));
    return false;
}

/* ---- said here, carried out there ----------------------------------------------------------- */

static struct remote_ask *free_ask(struct control *c)
{
    for (size_t i = 0; i < CONTROL_REMOTE_MAX; i++)
        if (c->remote[i].number == 0)
            return &c->remote[i];
    return NULL;
}

static void end_ask(struct remote_ask *ask)
{
    timer_cancel(&ask->timer);
    ask->number = 0;
}

/* Whoever has it may have begun, or not: as for an order. */
static void not_known(struct remote_ask *ask, const char *why)
{
    struct control *c = ask->control;
    uint64_t ticket = ask->ticket;
    const char *node = node_name_of(c, ask->node);
    const char *service = c->parts.cluster->services[ask->question.service].name;
    char sentence[512], next[512];
    struct text text = TEXT_OF(sentence), todo = TEXT_OF(next);
    text_appendf(&text, "%s, which this was forwarded to, gave no answer (%s)", node, why);
    text_append(&text, ask->question.dry_run ? ". Nothing was changed" : ", so it is not known whether the rejoin has begun there");
    text_appendf(&todo, "On %s, failoverctl status %s shows a rejoin that has begun and how it ended, failoverctl audit show "
                        "whether it was asked for. To ask again does no harm: there is one at a time.", node, service);
    end_ask(ask);
    control_refuse(c->server, ticket, "no_answer", EXIT_UNREACHABLE, sentence, next, NULL);
}

static void nobody_there(struct remote_ask *ask, const struct service_region_config *region)
{
    struct control *c = ask->control;
    uint64_t ticket = ask->ticket;
    const char *service = c->parts.cluster->services[ask->question.service].name;
    char sentence[512], next[1024];
    struct text text = TEXT_OF(sentence), todo = TEXT_OF(next);
    text_appendf(&text, "refused: no coordinator of %s is heard here and can be reached, and only one there can make its "
                        "database a standby. Nothing was changed", region->name);
    text_append(&todo, "Start failoverd there, or mend the links to it, or say it on its node:");
    for (size_t i = 0; i < region->guard_count; i++)
        text_appendf(&todo, "%s %s", i > 0 ? "," : "", c->parts.cluster->nodes[region->guards[i]].name);
    text_appendf(&todo, ". failoverctl status %s shows who is heard.", service);
    end_ask(ask);
    control_refuse(c->server, ticket, "no_coordinator", EXIT_GATE, sentence, next, NULL);
}

/* To the first of its region's coordinators that is heard, and that our road leads to. *heard: there is one, and its
 * road may be up soon. */
static bool hand_over(struct remote_ask *ask, const struct service_region_config *region, bool *heard)
{
    struct control *c = ask->control;
    struct node_voters nodes; /* who is heard lately: the same for each service */
    node_voters(c->node, (struct mono_time){ base_mono_us() }, &nodes);
    *heard = false;
    for (size_t i = 0; i < region->guard_count; i++) {
        node_id node = (node_id)region->guards[i];
        if (node == c->policy.self || !nodes.heard[node])
            continue;
        *heard = true;
        if (!send_question(c, node, &ask->question))
            continue;
        ask->node = node;
        return true;
    }
    return false;
}

/* What no road took was not sent, so it may be tried again; what one took is sent once. */
static void try_ask(void *arg)
{
    struct remote_ask *ask = arg;
    struct control *c = ask->control;
    const struct service_region_config *region =
        config_service_region(&c->parts.cluster->services[ask->question.service], ask->question.region);
    bool heard = false;
    ensure(region != NULL); /* rejoin_where() gives none that the service is not in */
    if (ask->node != NODE_NONE)
        not_known(ask, "in time");
    else if (hand_over(ask, region, &heard))
        timer_set_at_us(&ask->timer, ask->began_us + PATIENCE_US);
    else if (heard && base_mono_us() - ask->began_us < ROAD_US)
        timer_set_after_us(&ask->timer, ROAD_EVERY_US);
    else
        nobody_there(ask, region);
}

void control_remote_ask(struct control *c, const struct control_request *request, size_t service, size_t home)
{
    struct remote_ask *ask = free_ask(c);
    if (ask == NULL) {
        control_refuse(c->server, request->ticket, "busy", EXIT_GATE,
                       "refused: too many such questions are under way at this node", "Ask again in a while.", NULL);
        return;
    }
    struct ask_question question = {
        .kind = ASK_REJOIN,
        .ticket = ++c->remote_number,
        .service = (uint8_t)service,
        .region = (region_id)home,
        .dry_run = request->arguments.dry_run,
        .without_list = request->arguments.without_list,
        .uid = request->who.uid,
    };
    (void)text_copy(question.user, sizeof question.user, request->who.user);
    (void)text_copy(question.role, sizeof question.role, control_role_name(request->who.role));
    (void)text_copy(question.reason, sizeof question.reason,
                    request->arguments.reason != NULL ? request->arguments.reason : "");
    *ask = (struct remote_ask){ .control = c, .number = question.ticket, .ticket = request->ticket, .node = NODE_NONE,
                                .question = question, .began_us = base_mono_us() };
    timer_init(&ask->timer, c->parts.loop, try_ask, ask);
    try_ask(ask);
}

/* ---- its run, followed ---------------------------------------------------------------------- */

static void ask_on(void *arg)
{
    struct remote_run *run = arg;
    struct control *c = run->control;
    if (base_mono_us() - run->heard_us > FOLLOW_GIVE_UP_US)
        return;
    struct ask_question question = { .kind = ASK_REJOIN_RUN, .ticket = ++c->remote_number,
                                     .service = (uint8_t)run->service, .region = (region_id)run->region,
                                     .run = run->run };
    run->number = question.ticket;
    (void)send_question(c, run->node, &question); /* lost: asked again */
    timer_set_after_us(&run->timer, FOLLOW_EVERY_US);
}

void control_remote_forget(struct control *c, size_t service)
{
    struct remote_run *run = &c->services[service].elsewhere;
    if (run->control == NULL)
        return;
    timer_cancel(&run->timer);
    json_decref(run->last);
    *run = (struct remote_run){ .control = NULL };
}

/* A new one, as its beginning was answered. */
static void follow(struct control *c, const struct remote_ask *ask, uint64_t id)
{
    size_t service = ask->question.service;
    struct remote_run *run = &c->services[service].elsewhere;
    control_remote_forget(c, service);
    *run = (struct remote_run){ .control = c, .service = service, .region = ask->question.region, .node = ask->node,
                                .run = id, .heard_us = base_mono_us() };
    timer_init(&run->timer, c->parts.loop, ask_on, run);
    ask_on(run);
}

static void take_run(struct remote_run *run, json_t *body)
{
    if (body == NULL) { /* that node has started anew, or has begun another: it will never know of it again */
        timer_cancel(&run->timer);
        return;
    }
    json_decref(run->last);
    run->last = body;
    run->heard_us = base_mono_us();
    const char *state = json_string_value(json_object_get(body, "state"));
    if (state != NULL && strcmp(state, "running") != 0)
        timer_cancel(&run->timer);
}

json_t *control_remote_run(const struct control *c, size_t service)
{
    const struct remote_run *run = &c->services[service].elsewhere;
    if (run->control == NULL || run->last == NULL)
        return NULL;
    const char *state = json_string_value(json_object_get(run->last, "state"));
    bool goes_on = state == NULL || strcmp(state, "running") == 0;
    if (goes_on && base_mono_us() - run->heard_us > FOLLOW_STALE_US)
        return NULL;
    return json_incref(run->last);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void pass_on(struct control *c, struct remote_ask *ask, struct ask_answer *answer)
{
    uint64_t ticket = ask->ticket, id = 0;
    const char *run = json_string_value(json_object_get(answer->body, "run"));
    if (!answer->refused && run != NULL && parse_hex(run, &id) && id != 0)
        follow(c, ask, id);
    end_ask(ask);
    if (!answer->refused) {
        control_reply(c->server, ticket, answer->body);
        return;
    }
    json_t *more = json_object();
    if (answer->body != NULL)
        (void)json_object_set_new(more, "plan", answer->body);
    control_refuse(c->server, ticket, answer->code, (enum exit_code)answer->exit, answer->text, answer->todo, more);
}

static void on_answer(struct control *c, node_id from, struct ask_answer *answer)
{
    for (size_t i = 0; i < CONTROL_REMOTE_MAX; i++) {
        struct remote_ask *ask = &c->remote[i];
        if (ask->number != answer->ticket || ask->node != from)
            continue;
        pass_on(c, ask, answer);
        return;
    }
    for (size_t s = 0; s < c->parts.cluster->service_count; s++) {
        struct remote_run *run = &c->services[s].elsewhere;
        if (run->control == NULL || run->number != answer->ticket || run->node != from || answer->refused)
            continue;
        take_run(run, answer->body);
        return;
    }
    json_decref(answer->body); /* late: its asker was told that nothing is known */
}

void control_remote_lost(struct control *c, node_id node)
{
    for (size_t i = 0; i < CONTROL_REMOTE_MAX; i++)
        if (c->remote[i].number != 0 && c->remote[i].node == node)
            not_known(&c->remote[i], "the link to it broke");
}

/* ---- said there, carried out here ----------------------------------------------------------- */

/* `answer->body` is borrowed. */
static void send_answer(struct control *c, node_id to, const struct ask_answer *answer)
{
    struct fault fault;
    char bytes[ASK_PAYLOAD_MAX];
    size_t length = 0;
    if (ask_encode_answer(&c->names, c->policy.self, answer, bytes, sizeof bytes, &length, &fault))
        (void)links_send(c->links, c->node_link[to], bytes, length); /* lost: the asker says that it is not known */
    else
        log_event(LOG_LEVEL_ERROR, "an answer of ours can't be encoded and is not sent", LOG_STR("reason", fault.text));
}

static struct journal_audit audit_entry(const struct remote_served *served, const char *event, const char *outcome)
{
    const struct control *c = served->control;
    return (struct journal_audit){
        .event = event,
        .uid = (uid_t)served->question.uid,
        .user = served->question.user,
        .from = node_name_of(c, served->from),
        .role = served->question.role,
        .command = command_row(COMMAND_REJOIN)->name,
        .service = c->parts.cluster->services[served->question.service].name,
        .reason = served->question.reason[0] != '\0' ? served->question.reason : NULL,
        .outcome = outcome,
    };
}

bool control_remote_is(uint64_t ticket)
{
    return (ticket & SERVED_BIT) != 0;
}

void control_remote_answered(struct control *c, uint64_t ticket, const struct rejoin_answer *said)
{
    struct remote_served *served = &c->served[(ticket & ~SERVED_BIT) % CONTROL_REMOTE_MAX];
    struct ask_answer answer = { .ticket = served->question.ticket, .refused = said->refused, .body = said->body };
    if (said->refused) {
        answer.exit = (uint8_t)said->exit;
        (void)text_copy(answer.code, sizeof answer.code, said->code);
        (void)text_copy(answer.text, sizeof answer.text, said->text);
        (void)text_copy(answer.todo, sizeof answer.todo, said->todo);
    }
    if (served->audited) {
        struct fault fault;
        struct journal_audit entry = audit_entry(served, "order_answered", said->refused ? said->code : "done");
        entry.asked = served->asked;
        if (!audit_put(c->parts.audit, &entry, NULL, NULL, NULL, &fault))
            log_event(LOG_LEVEL_ERROR, "the outcome of an order could not be put into the audit trail",
                      LOG_STR("reason", fault.text));
    }
    node_id from = served->from;
    served->control = NULL; /* before anything can ask again */
    send_answer(c, from, &answer);
    json_decref(answer.body);
}

static void refuse_served(struct remote_served *served, const char *code, enum exit_code exit, const char *text,
                          const char *todo)
{
    struct control *c = served->control;
    control_remote_answered(c, SERVED_BIT | (uint64_t)(served - c->served),
                            &(struct rejoin_answer){ true, code, exit, text, todo, NULL });
}

static void begin_served(struct remote_served *served)
{
    struct control *c = served->control;
    char who[ASK_USER_MAX + CONFIG_MAX_NAME + 16];
    struct text name = TEXT_OF(who);
    if (served->question.user[0] != '\0')
        text_append(&name, served->question.user);
    else
        text_appendf(&name, "uid %u", (unsigned)served->question.uid);
    text_appendf(&name, " at %s", node_name_of(c, served->from));
    control_return_here(c, served->question.service, &(struct rejoin_request){
        .ticket = SERVED_BIT | (uint64_t)(served - c->served),
        .dry_run = served->question.dry_run,
        .without_list = served->question.without_list,
        .who = who,
    });
}

static void on_audited(bool ok, const struct fault *fault, void *arg)
{
    struct remote_served *served = arg;
    char words[FAULT_TEXT_MAX + 128];
    struct text text = TEXT_OF(words);
    if (ok) {
        begin_served(served);
        return;
    }
    text_appendf(&text, "not done: what people order is kept in the audit trail first, and on %s %s",
                 served->control->parts.local->name, fault->text);
    refuse_served(served, "not_audited", EXIT_FAILED, words,
                  "Make room on the disk of that node's audit trail, or mend it, and try again.");
}

static struct remote_served *free_served(struct control *c)
{
    for (size_t i = 0; i < CONTROL_REMOTE_MAX; i++)
        if (c->served[i].control == NULL)
            return &c->served[i];
    return NULL;
}

static void serve_rejoin(struct control *c, node_id from, const struct ask_question *question)
{
    struct remote_served *served = free_served(c);
    if (served == NULL) {
        struct ask_answer busy = { .ticket = question->ticket, .refused = true, .code = "busy", .exit = EXIT_GATE,
                                   .text = "refused: too many such questions are under way at that node",
                                   .todo = "Ask again in a while." };
        send_answer(c, from, &busy);
        return;
    }
    *served = (struct remote_served){ .control = c, .from = from, .question = *question };
    bool here = c->services[question->service].rejoin != NULL &&
                c->parts.cluster->nodes[c->parts.self].region == question->region;
    if (!here) {
        refuse_served(served, "not_here", EXIT_GATE,
                      "refused: the node that this was forwarded to guards no such database by its cluster.json. Nothing "
                      "was changed", "Give all nodes the same cluster.json.");
        return;
    }
    if (question->dry_run) {
        begin_served(served);
        return;
    }
    struct fault fault;
    struct journal_audit entry = audit_entry(served, "order_asked", NULL);
    served->audited = true;
    if (!audit_put(c->parts.audit, &entry, on_audited, served, &served->asked, &fault))
        on_audited(false, &fault, served);
}

static void serve_run(struct control *c, node_id from, const struct ask_question *question)
{
    struct rejoin *rejoin = c->services[question->service].rejoin;
    json_t *run = rejoin != NULL ? rejoin_json(rejoin) : NULL;
    uint64_t id = 0;
    const char *name = json_string_value(json_object_get(run, "run"));
    bool same = name != NULL && parse_hex(name, &id) && id == question->run;
    send_answer(c, from, &(struct ask_answer){ .ticket = question->ticket, .body = same ? run : NULL });
    json_decref(run);
}

/* ---- frames --------------------------------------------------------------------------------- */

bool control_remote_frame(struct control *c, node_id from, const unsigned char *payload, size_t length,
                          struct fault *fault)
{
    struct ask_question question;
    struct ask_answer answer;
    if (ask_what(payload, length) == ASK_ANSWER) {
        if (!ask_decode_answer(&c->names, payload, length, from, &answer, fault))
            return false;
        on_answer(c, from, &answer);
        return true;
    }
    if (!ask_decode_question(&c->names, payload, length, from, &question, fault))
        return false;
    if (question.kind == ASK_REJOIN_RUN) {
        serve_run(c, from, &question);
        return true;
    }
    if (question.ticket == c->served_last[from]) /* a link never brings one twice; and if, it is done once */
        return true;
    c->served_last[from] = question.ticket;
    serve_rejoin(c, from, &question);
    return true;
}

void control_remote_close(struct control *c)
{
    for (size_t i = 0; i < CONTROL_REMOTE_MAX; i++) {
        if (c->remote[i].number != 0)
            end_ask(&c->remote[i]);
        if (c->served[i].control != NULL && c->parts.audit != NULL)
            audit_forget(c->parts.audit, &c->served[i]);
    }
    for (size_t s = 0; s < c->parts.cluster->service_count; s++)
        control_remote_forget(c, s);
}
