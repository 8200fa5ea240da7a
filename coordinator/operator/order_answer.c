/* What the answer to an order means: see order_answer.h. */
#include "coordinator/operator/order_answer.h"

#include "coordinator/status/names.h"

static const struct order_answer_row rows[] = {
    { ANSWER_ACCEPTED, EXIT_DONE, "the operation has begun: a majority of voters knows of it",
      "It goes on by itself; failoverctl status shows it." },
    { ANSWER_GATE, EXIT_GATE, "refused by a gate", "" },
    { ANSWER_NO_QUORUM, EXIT_NO_QUORUM,
      "no answer came in time (from a majority of voters, or from the coordinator that the order went to), "
      "so it is not known whether the operation has begun",
      "Look at failoverctl status before you try again: an operation shown there has begun." },
    { ANSWER_BUSY, EXIT_GATE,
      "refused: an operation or another order is under way for this service, and there is one at a time",
      "Watch it with failoverctl status; try again when it is over." },
    { ANSWER_ALREADY, EXIT_GATE, "refused: that region is the writer already", "Nothing needs to be done." },
    { ANSWER_NOT_SERVING, EXIT_GATE, "refused: that region has no database of this service",
      "failoverctl status SERVICE shows the regions that have." },
    { ANSWER_NO_COORDINATOR, EXIT_GATE,
      "refused: no coordinator that could carry it out is heard: only one in the target region can promote its "
      "database (and only the writer's guard can adopt DNS)",
      "Start failoverd there, or mend the network to it." },
    { ANSWER_NO_DNS, EXIT_GATE, "refused: no DNS is configured for this service",
      "See dns in cluster.json." },
    { ANSWER_NO_LEDGER, EXIT_NO_QUORUM,
      "refused: no majority has confirmed yet who is the writer, so nothing can be changed",
      "See failoverctl status; a majority of voters has to be up and connected." },
};

const struct order_answer_row *order_answer_row(enum order_answer answer)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].answer == answer)
            return &rows[i];
    return NULL;
}

void order_answer_text(struct text *text, const struct message_order_reply *reply)
{
    const struct order_answer_row *row = order_answer_row(reply->answer);
    if (row == NULL) {
        text_append(text, "the daemon gave an answer that this version does not know");
        return;
    }
    if (reply->answer == ANSWER_BUSY && reply->operation != 0) {
        char id[NAME_HEX_MAX];
        text_appendf(text, "refused: operation %s is under way for this service, and there is one at a time",
                     format_hex(id, reply->operation));
        return;
    }
    if (reply->answer != ANSWER_GATE || reply->gate >= GATE_COUNT) {
        text_append(text, row->text);
        return;
    }
    enum gate_id gate = (enum gate_id)reply->gate;
    text_appendf(text, "refused by the gate %s: it stands at ", gate_name(gate));
    text_gate_value(text, gate, reply->value);
    text_append(text, ", its limit is ");
    text_gate_value(text, gate, reply->limit);
    text_append(text, ". Nothing was changed");
}

static void gate_todo(struct text *text, enum gate_id gate, enum order_kind kind)
{
    bool planned = kind == ORDER_SWITCHOVER;
    text_appendf(text, "failoverctl %s ... --dry-run shows every gate. ", planned ? "switchover" : "failover");
    if (planned && gate == GATE_FENCE)
        text_append(text, "A switchover needs the old writer's own guard, with a fence that it can confirm: start "
                          "failoverd there, or mend its fence; one that is just back counts after some seconds. If "
                          "that writer is lost, it is a failover.");
    else
        text_appendf(text, "If you know better: --skip-gate %s%s.", gate_name(gate),
                     gate == GATE_LOSS_WITHIN_RPO && !planned ? " or --accept-loss BYTES" : "");
}

void order_answer_todo(struct text *text, enum order_kind kind, const struct message_order_reply *reply)
{
    const struct order_answer_row *row = order_answer_row(reply->answer);
    if (reply->answer == ANSWER_GATE && reply->gate < GATE_COUNT) {
        gate_todo(text, (enum gate_id)reply->gate, kind);
        return;
    }
    if (reply->answer == ANSWER_BUSY && reply->operation != 0) {
        char id[NAME_HEX_MAX];
        text_appendf(text, "Follow it with failoverctl wait %s; if it is still wanted then, order again.",
                     format_hex(id, reply->operation));
        return;
    }
    text_append(text, row != NULL ? row->todo : "Look at failoverctl status.");
}
