/* Orders between the control socket and the core: a request becomes a struct order, and the core's
 * answer becomes words. See control_server.h. */
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/operator/control_names.h"
#include "coordinator/operator/control_parts.h"
#include "coordinator/operator/order_answer.h"
#include "coordinator/status/names.h"
#include "coordinator/status/sentences.h"

#define WORD_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define LATER_MAX_US (INT64_C(7) * 24 * 60 * 60 * CLOCK_US_PER_S)

static enum order_kind order_kind_of(enum command_id command)
{
    switch ((int)command) {
    case COMMAND_DNS_ADOPT: return ORDER_ADOPT;
    case COMMAND_SWITCHOVER: return ORDER_SWITCHOVER;
    case COMMAND_FAILBACK: return ORDER_FAILBACK;
    case COMMAND_RECONCILE: return ORDER_RECONCILE;
    case COMMAND_PAUSE: return ORDER_PAUSE;
    case COMMAND_RESUME: return ORDER_RESUME;
    case COMMAND_OPERATION_PAUSE: return ORDER_HOLD;
    case COMMAND_OPERATION_RESUME: return ORDER_GO;
    case COMMAND_OPERATION_ABORT: return ORDER_BACK;
    case COMMAND_OPERATION_TICK: return ORDER_TICK;
    case COMMAND_APPROVE: return ORDER_APPROVE;
    case COMMAND_DECLINE: return ORDER_DECLINE;
    case COMMAND_OPERATION_SKIP: return ORDER_SKIP;
    default: return ORDER_FAILOVER;
    }
}

/* The service and the operation that were asked about, in place of the words SERVICE and ID: to be pasted. */
static void name_it(struct text *out, const char *todo, const struct command_arguments *asked, uint64_t operation)
{
    char id[NAME_HEX_MAX];
    const char *made = operation != 0 ? format_hex(id, operation) : NULL;
    const char *const words[] = { "SERVICE", "ID" };
    const char *const names[] = { asked != NULL ? asked->service : NULL,
                                  asked != NULL && asked->operation != NULL ? asked->operation : made };
    while (*todo != '\0') {
        size_t length = strspn(todo, WORD_LETTERS);
        const char *name = NULL;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (length == strlen(words[i]) && strncmp(todo, words[i], length) == 0)
                name = names[i];
        if (name != NULL)
            text_append(out, name);
        else
            text_append_bytes(out, todo, length > 0 ? length : 1);
        todo += length > 0 ? length : 1;
    }
}

void control_answer_order(struct control_server *server, uint64_t ticket,
                          const struct cluster_config *cluster,
                          const struct message_order_reply *reply)
{
    if (control_is_voter_order(control_asked(server, ticket))) {
        control_answer_voter(server, ticket, cluster, reply);
        return;
    }
    char sentence[512];
    char todo[512];
    char id[NAME_HEX_MAX];
    struct text text = TEXT_OF(sentence);
    struct text next = TEXT_OF(todo);
    const struct command_arguments *asked = control_arguments(server, ticket);
    enum order_kind kind = order_kind_of(control_asked(server, ticket));
    if (asked != NULL && asked->break_glass)
        kind = ORDER_BREAK;
    const struct order_answer_row *row =
        control_asked_later(server, ticket) ? order_answer_row_later(kind, reply->answer) : NULL;
    if (row != NULL) {
        text_append(&text, row->text);
        text_append(&next, row->todo);
    } else {
        row = order_answer_row_of(kind, reply->answer);
        order_answer_text(&text, kind, reply);
        order_answer_todo(&next, kind, reply);
    }
    char named[sizeof todo + 4 * CONFIG_MAX_NAME];
    struct text with_names = TEXT_OF(named);
    text_append(&with_names, "");
    name_it(&with_names, todo, asked, reply->operation);
    const char *code = name_order_answer((int)reply->answer);
    json_t *more = json_object();
    if (reply->operation != 0)
        (void)json_object_set_new(more, "operation", json_string(format_hex(id, reply->operation)));
    if (reply->answer == ANSWER_GATE && reply->gate < GATE_COUNT) {
        enum gate_id gate = (enum gate_id)reply->gate;
        (void)json_object_set_new(more, "gate", json_string(gate_name(gate)));
        (void)json_object_set_new(more, "value", gate_number(gate, reply->value));
        (void)json_object_set_new(more, "limit", gate_number(gate, reply->limit));
        (void)json_object_set_new(more, "unit", json_string(gate_unit(gate)));
        if (gate == GATE_LOSS_WITHIN_RPO) {
            (void)json_object_set_new(more, "value_seconds", json_of_seconds(reply->value_us));
            (void)json_object_set_new(more, "limit_seconds", json_of_seconds(reply->limit_us));
        }
    }
    if (reply->answer == ANSWER_ACCEPTED) {
        (void)json_object_set_new(more, "answer", json_string(code));
        (void)json_object_set_new(more, "text", json_string(sentence));
        (void)json_object_set_new(more, "todo", json_string(named));
        control_end(server, ticket,
                    &(struct control_end){ true, more, code, reply->operation });
        return;
    }
    json_t *error =
        control_error(code, row != NULL ? row->exit : EXIT_FAILED, sentence, named, more);
    /* Without a quorum it is not known whether it began; should it have, the name belongs to it. */
    uint64_t operation = reply->answer == ANSWER_NO_QUORUM ? reply->operation : 0;
    control_end(server, ticket, &(struct control_end){ false, error, code, operation });
}

/* Cut to fit, and never within a character. */
static void policy_words(struct policy_text *out, const char *words)
{
    if (text_copy(out->s, sizeof out->s, words))
        return;
    size_t end = sizeof out->s - 1;
    while (end > 0 && ((unsigned char)words[end] & 0xc0) == 0x80)
        end--;
    out->s[end] = '\0';
}

/* By this node's calendar; what it means if that is wrong: policy/failover/word.c. */
static struct wall_time pause_until(const struct command_arguments *arguments)
{
    int64_t for_us = arguments->pause_us > 0 ? arguments->pause_us : INT64_C(1) * COMMAND_PAUSE_S * CLOCK_US_PER_S;
    return (struct wall_time){ arguments->until_resumed ? 0 : base_wall_us() + for_us };
}

void control_order_words(const struct control_request *request, struct policy_text *by, struct policy_text *why)
{
    char who[sizeof by->s];
    struct text name = TEXT_OF(who);
    if (request->who.user[0] != '\0')
        text_append(&name, request->who.user);
    else
        text_appendf(&name, "uid %u", (unsigned)request->who.uid);
    policy_words(by, who);
    policy_words(why, request->arguments.reason != NULL ? request->arguments.reason : "");
}

void control_sign(const struct control_request *request, struct order *order)
{
    control_order_words(request, &order->by, &order->why);
}

void control_answer_of(const struct control_request *request, struct order *order)
{
    uint64_t id = 0;
    if (!parse_hex(request->arguments.operation, &id)) /* checked when it was parsed */
        id = 0;
    *order = (struct order){ .kind = order_kind_of(request->command->id), .to = REGION_NONE,
                             .operation = id, .accepted_loss_bytes = -1, .accepted_loss_us = -1 };
    control_sign(request, order);
}

/* Where the service began. */
static size_t home_of(const struct service_config *service)
{
    return service->initial_writer < service->region_count ? service->regions[service->initial_writer].region
                                                           : CONFIG_NONE;
}

bool control_order(struct control_server *server, const struct control_request *request,
                   const struct cluster_config *cluster, size_t *service, struct order *order)
{
    const struct command_arguments *arguments = &request->arguments;
    uint64_t operation = 0;
    bool by_id = arguments->operation != NULL && parse_hex(arguments->operation, &operation);
    *service = arguments->service != NULL ? config_find_service(cluster, arguments->service)
                                          : CONFIG_NONE;
    if (*service == CONFIG_NONE && !by_id) {
        control_no_service(server, request->ticket, cluster, arguments->service);
        return false;
    }
    size_t to = arguments->to != NULL ? config_find_region(cluster, arguments->to) : CONFIG_NONE;
    if (request->command->id == COMMAND_FAILBACK)
        to = home_of(&cluster->services[*service]);
    if ((command_moves(request->command->id) || arguments->to != NULL) && to == CONFIG_NONE) {
        control_no_region(server, request->ticket, cluster, *service, arguments->to);
        return false;
    }
    int64_t ahead_us = arguments->at_us - base_wall_us();
    if (arguments->at_us != 0 && (ahead_us <= 0 || ahead_us > LATER_MAX_US)) {
        control_refuse(server, request->ticket, "usage", EXIT_USAGE,
                       "the time that it is put down for has to come within the next 7 days",
                       "Times without a date are UTC.", NULL);
        return false;
    }
    *order = (struct order){
        .kind = order_kind_of(request->command->id),
        .to = to != CONFIG_NONE ? (region_id)to : REGION_NONE,
        .operation = operation,
        .skipped_gates = arguments->skipped_gates,
        .accepted_loss_bytes = arguments->accepted_loss_bytes,
        .accepted_loss_us = arguments->accepted_loss_us,
    };
    order->at.us = arguments->at_us;
    bool in_stages = arguments->shift.count > 1; /* one alone is all of it, at once */
    if ((order->kind == ORDER_FAILBACK || request->command->id == COMMAND_PLAN) && in_stages)
        order->shift = arguments->shift;
    if (order->kind == ORDER_PAUSE)
        order->at = pause_until(arguments);
    if (arguments->break_glass && request->command->id == COMMAND_FAILOVER)
        order->kind = ORDER_BREAK;
    if (arguments->mark != NULL && !parse_hex(arguments->mark, &order->operation))
        order->operation = 0; /* which no mark is; and command_parse() has read it */
    policy_words(&order->proof, arguments->old_is_dead != NULL ? arguments->old_is_dead : "");
    control_sign(request, order);
    return true;
}
