/* Random messages and registers that the codec has to carry whole, for its tests.
 *
 * Everything starts as zero bytes and is filled field by field, and so is what the codec reads, so
 * that two of them can be compared as bytes: a field that the codec forgets cannot hide.
 */
#ifndef FAILOVERD_TESTS_RANDOM_MESSAGE_H
#define FAILOVERD_TESTS_RANDOM_MESSAGE_H

#include <string.h>

#include "coordinator/peer/codec_names.h"
#include "policy/failover/gates.h"
#include "policy/message.h"
#include "policy/node.h"

struct dice {
    uint64_t state;
};

static inline uint64_t dice_u64(struct dice *dice)
{
    dice->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = dice->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline unsigned dice_below(struct dice *dice, unsigned bound)
{
    return (unsigned)(dice_u64(dice) % bound);
}

static inline bool dice_bool(struct dice *dice)
{
    return dice_below(dice, 2) != 0;
}

/* With the ends and the numbers that doubles round more often than chance would have it. */
static inline uint64_t dice_wide(struct dice *dice)
{
    static const uint64_t edges[] = {
        0, 1, UINT32_MAX, (UINT64_C(1) << 53) + 1, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1,
        UINT64_MAX,
    };
    unsigned pick = dice_below(dice, 16);
    if (pick < 8)
        return edges[pick];
    return dice_u64(dice) >> dice_below(dice, 64);
}

static inline int64_t dice_us(struct dice *dice)
{
    return dice_below(dice, 8) == 0 ? TIME_FOREVER_US
                                    : (int64_t)(dice_u64(dice) % (uint64_t)TIME_FOREVER_US);
}

static inline int64_t dice_any_us(struct dice *dice)
{
    return dice_bool(dice) ? dice_us(dice) : -dice_us(dice);
}

static inline void dice_text(struct dice *dice, struct policy_text *text)
{
    static const char *const pieces[] = {
        "timeout after 2 s", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x98", "\"",
        "\\", "\n", "\x01", "/", "\x7f",
    };
    size_t length = 0;
    unsigned count = dice_below(dice, 40);
    for (unsigned i = 0; i < count; i++) {
        const char *piece = pieces[dice_below(dice, sizeof pieces / sizeof pieces[0])];
        if (length + strlen(piece) >= sizeof text->s)
            return;
        memcpy(text->s + length, piece, strlen(piece));
        length += strlen(piece);
    }
}

static inline node_id dice_node(struct dice *dice, const struct codec_names *names)
{
    return (node_id)dice_below(dice, names->node_count);
}

static inline region_id dice_region(struct dice *dice, const struct codec_names *names)
{
    return (region_id)dice_below(dice, names->region_count);
}

static inline void dice_ballot(struct dice *dice, const struct codec_names *names,
                               struct ballot *ballot)
{
    if (dice_below(dice, 8) == 0)
        return;
    ballot->counter = dice_wide(dice) | 1;
    ballot->restart = (uint32_t)dice_wide(dice);
    ballot->node = dice_node(dice, names);
}

static inline void dice_instance(struct dice *dice, const struct codec_names *names,
                                 struct instance *instance)
{
    instance->id = dice_wide(dice);
    instance->node = dice_node(dice, names);
}

static inline void dice_said(struct dice *dice, struct said *said)
{
    said->at.us = dice_any_us(dice);
    dice_text(dice, &said->by);
    dice_text(dice, &said->why);
}

static inline void dice_shift(struct dice *dice, struct shift *shift)
{
    shift->count = (uint8_t)(1 + dice_below(dice, SHIFT_STAGES_MAX));
    shift->at = (uint8_t)dice_below(dice, shift->count);
    for (uint8_t i = 0; i < shift->count; i++)
        shift->percent[i] = (uint8_t)(1 + i * 12);
    shift->percent[shift->count - 1] = 100;
    shift->hold_us = (int64_t)dice_below(dice, 1000000000);
}

/* Where no operation is in the way. */
static inline void dice_proposal(struct dice *dice, const struct codec_names *names, struct ledger *ledger)
{
    struct ledger_proposal *proposal = &ledger->proposal;
    proposal->from = proposal->to = REGION_NONE;
    proposal->proposer = NODE_NONE;
    if (operation_moves(ledger->operation.kind) || dice_bool(dice))
        return;
    proposal->state = (enum proposal_state)(1 + dice_below(dice, PROPOSAL_STATE_COUNT - 1));
    proposal->kind = dice_bool(dice) ? OPERATION_FAILOVER : OPERATION_SWITCHOVER;
    proposal->id = dice_wide(dice) | 1;
    proposal->from = dice_region(dice, names);
    proposal->to = dice_region(dice, names);
    proposal->proposer = dice_node(dice, names);
    proposal->skipped_gates = dice_below(dice, 1u << GATE_COUNT);
    proposal->made.us = dice_any_us(dice);
    proposal->due.us = dice_any_us(dice);
    dice_said(dice, &proposal->said);
}

static inline void dice_operation(struct dice *dice, const struct codec_names *names,
                                  struct ledger *ledger)
{
    struct ledger_operation *operation = &ledger->operation;
    operation->kind = (enum operation_kind)dice_below(dice, OPERATION_KIND_COUNT);
    operation->from = operation->to = REGION_NONE;
    operation->executor = NODE_NONE;
    operation->accepted_loss_bytes = operation->accepted_loss_us = -1;
    if (operation->kind == OPERATION_NONE)
        return;
    operation->id = dice_wide(dice) | 1;
    operation->from = dice_region(dice, names);
    operation->to = dice_region(dice, names);
    operation->executor = dice_node(dice, names);
    operation->may_return = dice_bool(dice);
    operation->forced = dice_bool(dice);
    operation->skipped_gates = dice_below(dice, 1u << GATE_COUNT);
    operation->accepted_loss_bytes = dice_bool(dice) ? (int64_t)(dice_wide(dice) >> 1) : -1;
    operation->accepted_loss_us = dice_bool(dice) ? (int64_t)(dice_wide(dice) >> 1) : -1;
    operation->begun.us = dice_any_us(dice);
    operation->phase = PHASE_GRANTED;
    if (operation->kind == OPERATION_ADOPT)
        operation->to = ledger->writer;
    else if (dice_bool(dice)) {
        operation->phase = PHASE_BEGUN;
        ledger->writer = REGION_NONE;
    } else {
        ledger->writer = operation->to;
        ledger->guard.node = operation->executor;
    }
    operation->mark = dice_bool(dice) ? dice_wide(dice) : 0;
    operation->wish = (enum operation_wish)dice_below(dice, ledger_may_abort(ledger) ? WISH_COUNT : WISH_BACK);
    dice_said(dice, &operation->said);
    if (operation->kind == OPERATION_FAILBACK && dice_bool(dice))
        dice_shift(dice, &operation->shift);
}

static inline void dice_ledger(struct dice *dice, const struct codec_names *names,
                               struct ledger *ledger)
{
    ledger->version = dice_wide(dice) | 1;
    for (size_t i = 0, n = dice_below(dice, LEDGER_RECONCILED_MAX + 1); i < n; i++)
        ledger->reconciled[i] = dice_wide(dice) | 1;
    ledger->epoch = ledger->version - dice_u64(dice) % ledger->version;
    ledger->writer = dice_region(dice, names);
    dice_instance(dice, names, &ledger->guard);
    ledger->guard_epoch = 1 + dice_u64(dice) % ledger->epoch;
    ledger->fence = dice_bool(dice) ? FENCE_ENFORCED : FENCE_GUARDED;
    ledger->keep_on_quorum_loss = dice_bool(dice);
    ledger->pause.on = dice_bool(dice);
    ledger->pause.until.us = dice_us(dice);
    dice_said(dice, &ledger->pause.said);
    ledger->lease_us = 1 + (int64_t)dice_below(dice, 1000000000);
    ledger->longest_lease_us = ledger->lease_us + (int64_t)dice_below(dice, 1000000000);
    ledger->clock_error_ppm = dice_below(dice, LEDGER_CLOCK_ERROR_MAX_PPM + 1);
    ledger->dns_epoch = dice_u64(dice) % ledger->epoch;
    dice_operation(dice, names, ledger);
    dice_proposal(dice, names, ledger);
    ledger->ticked_operation = dice_wide(dice) | 1;
    ledger->ticked = (uint32_t)dice_wide(dice);
    ledger->last_operation = dice_wide(dice);
    ledger->last_outcome = (enum operation_outcome)dice_below(dice, 3);
    ledger->last_finished.us = dice_any_us(dice);
}

static inline void dice_report(struct dice *dice, const struct codec_names *names,
                               struct register_report *report)
{
    report->present = dice_below(dice, 4) != 0;
    if (!report->present)
        return;
    dice_ballot(dice, names, &report->ballot);
    dice_ledger(dice, names, &report->ledger);
}

static inline void dice_gossip_region(struct dice *dice, const struct codec_names *names,
                                      uint8_t service, region_id id, struct gossip_region *region)
{
    const struct codec_service *of = &names->services[service];
    region->check = CHECK_NONE;
    if (!of->serves[id])
        return;
    region->verdict = (enum verdict)dice_below(dice, VERDICT_FAILED + 1);
    region->reason = (enum verdict_reason)dice_below(dice, REASON_CHECK_FAILED + 1);
    uint8_t check = (uint8_t)dice_below(dice, POLICY_CHECKS_MAX);
    if (check < of->check_count && of->checks[check].region == id)
        region->check = check;
    region->standing_us = dice_us(dice);
    dice_text(dice, &region->detail);
    region->database.known = dice_bool(dice);
    if (!region->database.known)
        return;
    region->database_age_us = dice_us(dice);
    region->database.in_recovery = dice_bool(dice);
    region->database.write_checked = dice_bool(dice);
    region->database.write_ok = dice_bool(dice);
    region->database.walreceiver_live = dice_bool(dice);
    region->database.frozen = dice_bool(dice);
    region->database.timeline = (uint32_t)dice_wide(dice);
    region->database.lsn = dice_wide(dice);
    region->database.replayed_lsn = dice_wide(dice);
    region->database.system_id = dice_wide(dice);
}

static inline void dice_mark(struct dice *dice, const struct codec_names *names, struct mark *mark)
{
    mark->state = (enum mark_state)(1 + dice_below(dice, MARK_STATE_COUNT - 1));
    mark->id = dice_wide(dice) | 1;
    dice_instance(dice, names, &mark->maker);
    mark->region = dice_region(dice, names);
    mark->yields = dice_bool(dice) ? dice_region(dice, names) : REGION_NONE;
    mark->at.us = dice_any_us(dice);
    dice_text(dice, &mark->by);
    dice_text(dice, &mark->why);
    dice_text(dice, &mark->proof);
    mark->version = dice_wide(dice);
    mark->epoch = dice_wide(dice);
    mark->writer = dice_bool(dice) ? dice_region(dice, names) : REGION_NONE;
    mark->timeline = (uint32_t)dice_wide(dice);
    mark->lsn = dice_wide(dice);
    mark->promoted = dice_bool(dice);
}

static inline void dice_gossip(struct dice *dice, const struct codec_names *names, uint8_t service,
                               struct message_gossip *gossip)
{
    gossip->ask = dice_bool(dice);
    gossip->voting = dice_bool(dice);
    dice_report(dice, names, &gossip->report);
    gossip->known_version = dice_wide(dice);
    gossip->settings = dice_wide(dice);
    gossip->guard = dice_bool(dice);
    gossip->instance = INSTANCE_NONE;
    if (gossip->guard) {
        gossip->guard_ready = dice_bool(dice);
        gossip->kernel = dice_bool(dice);
        dice_instance(dice, names, &gossip->instance);
        gossip->fence = (enum fence_state)dice_below(dice, FENCE_FAILED + 1);
        gossip->lease_left_us = dice_any_us(dice);
        gossip->released_epoch = dice_wide(dice);
        if (dice_bool(dice))
            gossip->last = (struct last_word){ dice_wide(dice) | 1, dice_wide(dice), (uint32_t)dice_wide(dice) };
    }
    if (dice_bool(dice)) {
        gossip->ack.incident = dice_wide(dice) | 1;
        gossip->ack.at.us = dice_any_us(dice);
        dice_text(dice, &gossip->ack.by);
    }
    if (dice_bool(dice))
        dice_mark(dice, names, &gossip->mark);
    gossip->granting = dice_bool(dice) ? dice_node(dice, names) : NODE_NONE;
    for (region_id id = 0; id < POLICY_REGIONS_MAX; id++)
        dice_gossip_region(dice, names, service, id, &gossip->regions[id]);
}

static inline void dice_order(struct dice *dice, const struct codec_names *names,
                              struct message_order *order)
{
    order->ticket = dice_wide(dice);
    order->order.kind = (enum order_kind)dice_below(dice, ORDER_KIND_COUNT);
    order->order.to = dice_bool(dice) ? dice_region(dice, names) : REGION_NONE;
    order->order.skipped_gates = dice_below(dice, 1u << GATE_COUNT);
    order->order.accepted_loss_bytes = dice_bool(dice) ? (int64_t)(dice_wide(dice) >> 1) : -1;
    order->order.accepted_loss_us = dice_bool(dice) ? (int64_t)(dice_wide(dice) >> 1) : -1;
    order->order.operation = dice_wide(dice);
    order->order.at.us = dice_us(dice);
    order->order.items = (uint32_t)dice_wide(dice);
    if (dice_bool(dice))
        dice_shift(dice, &order->order.shift);
    dice_text(dice, &order->order.by);
    dice_text(dice, &order->order.why);
    dice_text(dice, &order->order.proof);
}

static inline void dice_reply(struct dice *dice, struct message_order_reply *reply)
{
    reply->ticket = dice_wide(dice);
    reply->answer = (enum order_answer)dice_below(dice, ANSWER_COUNT);
    reply->gate = (uint8_t)dice_below(dice, reply->answer == ANSWER_GATE ? GATE_COUNT : 256);
    reply->value = (int64_t)dice_wide(dice);
    reply->limit = (int64_t)dice_wide(dice);
    reply->value_us = dice_bool(dice) ? (int64_t)(dice_wide(dice) >> 1) : -1;
    reply->limit_us = (int64_t)(dice_wide(dice) >> 1);
    reply->operation = dice_wide(dice);
}

static inline void dice_voter_reply(struct dice *dice, const struct codec_names *names,
                                    struct message_order_reply *reply)
{
    reply->ticket = dice_wide(dice);
    reply->answer = (enum order_answer)dice_below(dice, ANSWER_COUNT);
    bool of_service = reply->answer == ANSWER_OPERATION || reply->answer == ANSWER_NO_LEDGER;
    reply->value = (int64_t)(of_service ? dice_below(dice, names->service_count) : dice_wide(dice) >> 1);
}

/* Any three nodes or more, and a change of any kind that makes sense of them. */
static inline void dice_voter_set(struct dice *dice, const struct codec_names *names, struct voter_set *set)
{
    do {
        memset(set, 0, sizeof *set);
        set->version = dice_wide(dice) | 1u;
        set->voters = (node_set)dice_below(dice, 1u << names->node_count);
        for (node_id n = 0; n < names->node_count; n++)
            if (node_in(set->voters, n) && dice_bool(dice))
                set->identity[n] = dice_wide(dice);
        set->change = (enum voter_change)dice_below(dice, VOTER_CHANGE_COUNT);
        set->node = set->change != VOTER_NONE ? dice_node(dice, names) : NODE_NONE;
        if (set->change == VOTER_ADD || set->change == VOTER_REPLACE)
            set->node_identity = dice_wide(dice) | 1u;
    } while (!voters_valid(set, names->node_count));
}

static inline void dice_voter_report(struct dice *dice, const struct codec_names *names,
                                     struct voter_report *report)
{
    report->present = dice_bool(dice);
    if (!report->present)
        return;
    dice_ballot(dice, names, &report->ballot);
    dice_voter_set(dice, names, &report->set);
}

static inline void dice_body(struct dice *dice, const struct codec_names *names,
                             struct message *message)
{
    switch (message->kind) {
    case MESSAGE_PREPARE:
        dice_ballot(dice, names, &message->as.prepare.ballot);
        break;
    case MESSAGE_PROMISE:
        dice_ballot(dice, names, &message->as.promise.ballot);
        dice_report(dice, names, &message->as.promise.report);
        break;
    case MESSAGE_ACCEPT:
        dice_ballot(dice, names, &message->as.accept.ballot);
        dice_ledger(dice, names, &message->as.accept.ledger);
        break;
    case MESSAGE_ACCEPTED:
        dice_ballot(dice, names, &message->as.accepted.ballot);
        message->as.accepted.grant_age_us = dice_us(dice);
        dice_report(dice, names, &message->as.accepted.report);
        break;
    case MESSAGE_REJECT:
        dice_ballot(dice, names, &message->as.reject.ballot);
        dice_ballot(dice, names, &message->as.reject.promised);
        break;
    case MESSAGE_RENEW:
        dice_instance(dice, names, &message->as.renew.instance);
        message->as.renew.epoch = dice_wide(dice);
        message->as.renew.nonce = dice_wide(dice);
        break;
    case MESSAGE_GRANT:
    case MESSAGE_REFUSE:
        dice_instance(dice, names, &message->as.grant.instance);
        message->as.grant.epoch = dice_wide(dice);
        message->as.grant.nonce = dice_wide(dice);
        dice_report(dice, names, &message->as.grant.report);
        break;
    case MESSAGE_RELEASE:
        dice_instance(dice, names, &message->as.release.instance);
        message->as.release.epoch = dice_wide(dice);
        message->as.release.nonce = dice_wide(dice);
        break;
    case MESSAGE_CONFIRM:
        message->as.confirm.region = dice_region(dice, names);
        message->as.confirm.nonce = dice_wide(dice);
        break;
    case MESSAGE_VERDICT:
        message->as.verdict.region = dice_region(dice, names);
        message->as.verdict.nonce = dice_wide(dice);
        message->as.verdict.verdict = (enum verdict)dice_below(dice, VERDICT_FAILED + 1);
        message->as.verdict.reason = (enum verdict_reason)dice_below(dice, REASON_CHECK_FAILED + 1);
        message->as.verdict.standing_us = dice_us(dice);
        break;
    case MESSAGE_GOSSIP:
        dice_gossip(dice, names, message->service, &message->as.gossip);
        break;
    case MESSAGE_ORDER:
        dice_order(dice, names, &message->as.order);
        break;
    case MESSAGE_ORDER_REPLY:
        dice_reply(dice, &message->as.order_reply);
        break;
    case MESSAGE_GENERATION:
        message->as.generation_seen.identity = dice_wide(dice);
        message->as.generation_seen.seen = dice_wide(dice);
        break;
    case MESSAGE_VOTERS:
        message->as.voters.report.present = true;
        dice_voter_set(dice, names, &message->as.voters.report.set);
        break;
    case MESSAGE_VOTERS_PREPARE:
    case MESSAGE_VOTERS_ACCEPTED:
        dice_ballot(dice, names, &message->as.voters.ballot);
        break;
    case MESSAGE_VOTERS_PROMISE:
    case MESSAGE_VOTERS_ACCEPT:
        dice_ballot(dice, names, &message->as.voters.ballot);
        dice_voter_report(dice, names, &message->as.voters.report);
        break;
    case MESSAGE_VOTERS_REJECT:
        dice_ballot(dice, names, &message->as.voters.ballot);
        dice_ballot(dice, names, &message->as.voters.promised);
        break;
    case MESSAGE_VOTER_ORDER:
        message->as.voter_order.ticket = dice_wide(dice);
        message->as.voter_order.order.change = (enum voter_change)(1 + dice_below(dice, VOTER_CHANGE_COUNT - 1));
        message->as.voter_order.order.node = dice_node(dice, names);
        dice_text(dice, &message->as.voter_order.order.by);
        dice_text(dice, &message->as.voter_order.order.why);
        break;
    case MESSAGE_VOTER_REPLY:
        dice_voter_reply(dice, names, &message->as.order_reply);
        break;
    case MESSAGE_KIND_COUNT:
        break;
    }
}

/* A message of this kind that the codec has to carry from any node. */
static inline void dice_message(struct dice *dice, const struct codec_names *names,
                                enum message_kind kind, struct message *message)
{
    memset(message, 0, sizeof *message);
    message->kind = kind;
    message->from = dice_node(dice, names);
    message->restarts = (uint32_t)dice_wide(dice);
    message->generation = dice_wide(dice);
    message->identity = dice_wide(dice);
    message->voters_version = dice_bool(dice) ? 1 : dice_wide(dice) | 1u;
    message->service = SERVICE_NONE;
    if (kind < MESSAGE_GENERATION) /* those behind it are of the node */
        message->service = (uint8_t)dice_below(dice, names->service_count);
    dice_body(dice, names, message);
}

/* A small cluster by hand: witness w, and checks of one name in two regions. */
static inline struct codec_names example_names(void)
{
    return (struct codec_names){
        .cluster = "prod",
        .nodes = { "fra-1", "fra-2", "iad-1", "witness" },
        .node_count = 4,
        .regions = { "fra", "iad", "sin" },
        .region_count = 3,
        .services = {
            { .name = "billing", .serves = { true, true, true },
              .checks = { { "health", 0 }, { "health", 1 }, { "database", 1 } }, .check_count = 3 },
            { .name = "shop", .serves = { false, true, true },
              .checks = { { "health", 1 }, { "health", 2 } }, .check_count = 2 },
        },
        .service_count = 2,
        .voters = 1u << 0 | 1u << 2 | 1u << 3,
    };
}

#endif
