/* Orders between the control socket and the core: a request becomes a struct order, and the core's
 * answer becomes words. See control_server.h. */
#include "coordinator/base/text.h"
#include "coordinator/operator/control_parts.h"
#include "coordinator/operator/order_answer.h"
#include "coordinator/status/names.h"

static enum order_kind order_kind_of(enum command_id command)
{
    return command == COMMAND_DNS_ADOPT    ? ORDER_ADOPT
           : command == COMMAND_SWITCHOVER ? ORDER_SWITCHOVER
                                           : ORDER_FAILOVER;
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
    order_answer_text(&text, reply);
    order_answer_todo(&next, order_kind_of(control_asked(server, ticket)), reply);
    const struct order_answer_row *row = order_answer_row(reply->answer);
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
    }
    if (reply->answer == ANSWER_ACCEPTED) {
        (void)json_object_set_new(more, "answer", json_string(code));
        (void)json_object_set_new(more, "text", json_string(sentence));
        (void)json_object_set_new(more, "todo", json_string(todo));
        control_end(server, ticket,
                    &(struct control_end){ true, more, code, reply->operation });
        return;
    }
    json_t *error =
        control_error(code, row != NULL ? row->exit : EXIT_FAILED, sentence, todo, more);
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

bool control_order(struct control_server *server, const struct control_request *request,
                   const struct cluster_config *cluster, size_t *service, struct order *order)
{
    const struct command_arguments *arguments = &request->arguments;
    *service = arguments->service != NULL ? config_find_service(cluster, arguments->service)
                                          : CONFIG_NONE;
    if (*service == CONFIG_NONE) {
        control_refuse(server, request->ticket, "no_service", EXIT_USAGE,
                       "this cluster has no such service", "failoverctl status lists them.", NULL);
        return false;
    }
    size_t to = arguments->to != NULL ? config_find_region(cluster, arguments->to) : CONFIG_NONE;
    if ((command_moves(request->command->id) || arguments->to != NULL) && to == CONFIG_NONE) {
        control_refuse(server, request->ticket, "no_region", EXIT_USAGE,
                       "this cluster has no such region", "failoverctl status lists them.", NULL);
        return false;
    }
    *order = (struct order){
        .kind = order_kind_of(request->command->id),
        .to = to != CONFIG_NONE ? (region_id)to : REGION_NONE,
        .skipped_gates = arguments->skipped_gates,
        .accepted_loss_bytes = arguments->accepted_loss_bytes,
    };
    control_order_words(request, &order->by, &order->why);
    return true;
}
