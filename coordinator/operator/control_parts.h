/* What control_server.c and control_orders.c share; not for others. */
#ifndef FAILOVERD_OPERATOR_CONTROL_PARTS_H
#define FAILOVERD_OPERATOR_CONTROL_PARTS_H

#include "coordinator/operator/control_server.h"

/* An error object; steals `more`, which may be NULL. */
json_t *control_error(const char *code, enum exit_code exit, const char *text, const char *todo,
                      json_t *more);

struct control_end {
    bool ok;
    json_t *body;        /* result or error; stolen */
    const char *outcome; /* for the audit trail */
    uint64_t operation;  /* for the audit trail; 0: none */
};

/* What that ticket's asker wants; COMMAND_COUNT: it has gone. */
/* Borrowed until it is answered; NULL: nobody waits any more. */
const struct command_arguments *control_arguments(struct control_server *server, uint64_t ticket);
enum command_id control_asked(struct control_server *server, uint64_t ticket);

/* ...and it is about a switchover for a time to come: its own order, or what control_about_later() was told of. */
bool control_asked_later(struct control_server *server, uint64_t ticket);

/* Answers and ends the request; a ticket that is nobody's is dropped. */
void control_end(struct control_server *server, uint64_t ticket, const struct control_end *end);

/* By whom and why, as an order carries it; cut to fit. */
void control_order_words(const struct control_request *request, struct policy_text *by, struct policy_text *why);

/* Orders about the voters (control_voters.c). */
bool control_is_voter_order(enum command_id command);
void control_answer_voter(struct control_server *server, uint64_t ticket, const struct cluster_config *cluster,
                          const struct message_order_reply *reply);

#endif
