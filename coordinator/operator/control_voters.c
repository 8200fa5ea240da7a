/* Orders about the voters between the control socket and the core: see control_server.h. */
#include "coordinator/base/text.h"
#include "coordinator/operator/control_names.h"
#include "coordinator/operator/control_parts.h"
#include "coordinator/operator/order_answer.h"
#include "coordinator/status/names.h"

bool control_is_voter_order(enum command_id command)
{
    return command == COMMAND_VOTER_ADD || command == COMMAND_VOTER_REMOVE || command == COMMAND_VOTER_REPLACE;
}

static enum voter_change change_of(enum command_id command)
{
    return command == COMMAND_VOTER_ADD ? VOTER_ADD : command == COMMAND_VOTER_REMOVE ? VOTER_REMOVE : VOTER_REPLACE;
}

bool control_voter_order(struct control_server *server, const struct control_request *request,
                         const struct cluster_config *cluster, struct voter_order *order)
{
    const struct command_arguments *arguments = &request->arguments;
    size_t node = arguments->node != NULL ? config_find_node(cluster, arguments->node) : CONFIG_NONE;
    if (node == CONFIG_NONE) {
        control_no_node(server, request->ticket, cluster, arguments->node);
        return false;
    }
    *order = (struct voter_order){ .change = change_of(request->command->id), .node = (node_id)node };
    control_order_words(request, &order->by, &order->why);
    return true;
}

/* What differs from the answers to other orders. */
static void say(const struct cluster_config *cluster, const struct message_order_reply *reply, struct text *text,
                struct text *todo)
{
    const struct order_answer_row *row = order_answer_row(reply->answer);
    bool of_service = reply->answer == ANSWER_OPERATION || reply->answer == ANSWER_NO_LEDGER;
    if (reply->answer == ANSWER_ACCEPTED) {
        text_append(text, "the change has begun: a majority of the voters knows of it");
        text_append(todo, "It comes to its end by itself, after one full wait of the longest lease; failoverctl voter "
                          "list shows it.");
        return;
    }
    if (reply->answer == ANSWER_NO_QUORUM) {
        text_append(text, "no answer came in time (from a majority of the voters, or from the node that the order was forwarded to), so it is "
                          "not known whether the change has begun");
        text_append(todo, "Look at failoverctl voter list before you try again.");
        return;
    }
    if (row == NULL) {
        text_append(text, "the daemon gave an answer that this version does not know");
        return;
    }
    text_append(text, row->text);
    if (of_service && reply->value >= 0 && reply->value < (int64_t)cluster->service_count)
        text_appendf(text, " (service %s)", cluster->services[reply->value].name);
    text_append(todo, row->todo);
}

void control_answer_voter(struct control_server *server, uint64_t ticket, const struct cluster_config *cluster,
                          const struct message_order_reply *reply)
{
    char sentence[512];
    char next[512];
    struct text text = TEXT_OF(sentence);
    struct text todo = TEXT_OF(next);
    const struct order_answer_row *row = order_answer_row(reply->answer);
    const char *code = name_order_answer((int)reply->answer);
    say(cluster, reply, &text, &todo);
    if (reply->answer != ANSWER_ACCEPTED) {
        json_t *error = control_error(code, row != NULL ? row->exit : EXIT_FAILED, sentence, next, NULL);
        control_end(server, ticket, &(struct control_end){ false, error, code, 0 });
        return;
    }
    json_t *more = json_pack("{s:s, s:o, s:s, s:s}", "answer", code, "version", json_of_u64((uint64_t)reply->value),
                             "text", sentence, "todo", next);
    control_end(server, ticket, &(struct control_end){ true, more, code, 0 });
}
