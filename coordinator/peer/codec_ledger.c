/* The register's values for the codec: see codec_ledger.h. */
#include "coordinator/peer/codec_ledger.h"

#include "policy/failover/gates.h"
#include "policy/message.h"

static const char *const fence_words[] = {
    [FENCE_GUARDED] = "guarded",
    [FENCE_ENFORCED] = "enforced",
};

static const char *const operation_words[] = {
    [OPERATION_NONE] = "none",
    [OPERATION_FAILOVER] = "failover",
    [OPERATION_ADOPT] = "adopt",
    [OPERATION_SWITCHOVER] = "switchover",
    [OPERATION_FAILBACK] = "failback",
};

static const char *const phase_words[] = {
    [PHASE_NONE] = "none",
    [PHASE_BEGUN] = "begun",
    [PHASE_GRANTED] = "granted",
};

static const char *const outcome_words[] = {
    [OUTCOME_NONE] = "none",
    [OUTCOME_DONE] = "done",
    [OUTCOME_ABORTED] = "aborted",
};

static const char *const proposal_words[] = {
    [PROPOSAL_NONE] = "none",
    [PROPOSAL_WAITS] = "waits",
    [PROPOSAL_APPROVED] = "approved",
    [PROPOSAL_DECLINED] = "declined",
    [PROPOSAL_SCHEDULED] = "scheduled",
};

static const char *const wish_words[] = {
    [WISH_GO] = "go",
    [WISH_HOLD] = "hold",
    [WISH_BACK] = "back",
};

static bool ballot_is_zero(const struct ballot *ballot)
{
    return ballot_compare(*ballot, BALLOT_ZERO) == 0;
}

/* A ballot that reads as zero would be another spelling of null. */
static void refuse_zero(struct codec *codec, const struct ballot *ballot)
{
    if (codec->reading && ballot_is_zero(ballot))
        codec_refuse(codec, "", "is the zero ballot, which is written as null");
}

void codec_ballot(struct codec *codec, const char *key, struct ballot *ballot)
{
    struct codec_object in;
    bool present = !ballot_is_zero(ballot);
    if (codec_enter_or_null(codec, &in, key, &present)) {
        codec_u64(codec, "counter", &ballot->counter);
        codec_node(codec, "node", &ballot->node);
        codec_u32(codec, "restart", UINT32_MAX, &ballot->restart);
        refuse_zero(codec, ballot);
        codec_leave(codec, &in);
    } else if (!present) {
        *ballot = BALLOT_ZERO;
    }
}

/* Is the node's name well-formed, but unknown here? */
static bool node_is_gone(const struct codec *codec)
{
    const json_t *node = json_object_get(codec->inside->json, "node");
    return json_is_string(node) &&
           codec_find_node(codec->names, json_string_value(node)) == NODE_NONE;
}

void codec_promise(struct codec *codec, const char *key, struct ballot *ballot)
{
    struct codec_object in;
    bool present = !ballot_is_zero(ballot);
    if (!codec_enter_or_null(codec, &in, key, &present)) {
        if (!present)
            *ballot = BALLOT_ZERO;
        return;
    }
    bool gone = codec->reading && !codec->failed && node_is_gone(codec);
    codec_u64(codec, "counter", &ballot->counter);
    codec_u32(codec, "restart", UINT32_MAX, &ballot->restart);
    if (!gone) {
        codec_node(codec, "node", &ballot->node);
        refuse_zero(codec, ballot);
    } else if (ballot->counter == UINT64_MAX) {
        codec_refuse(codec, "counter", "is the highest that there is");
    } else {
        /* The key counts as read; what it says is beyond this configuration. */
        struct policy_text name;
        codec_text(codec, "node", &name);
        *ballot = (struct ballot){ .counter = ballot->counter + 1 };
    }
    codec_leave(codec, &in);
}

void codec_instance(struct codec *codec, const char *key, struct instance *instance)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, key))
        return;
    codec_node(codec, "node", &instance->node);
    codec_u64(codec, "id", &instance->id);
    codec_leave(codec, &in);
}

static void walk_said(struct codec *codec, struct said *said)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, "said"))
        return;
    codec_wall(codec, "at", &said->at);
    codec_text(codec, "by", &said->by);
    codec_text(codec, "why", &said->why);
    codec_leave(codec, &in);
}

static void walk_pause(struct codec *codec, struct ledger_pause *pause)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, "pause"))
        return;
    codec_bool(codec, "on", &pause->on);
    codec_wall(codec, "until", &pause->until);
    walk_said(codec, &pause->said);
    codec_leave(codec, &in);
}

static void walk_proposal(struct codec *codec, struct ledger_proposal *proposal)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, "proposal"))
        return;
    CODEC_WORD(codec, "state", proposal_words, proposal->state);
    CODEC_WORD(codec, "kind", operation_words, proposal->kind);
    codec_u64(codec, "id", &proposal->id);
    codec_region_or_none(codec, "from", &proposal->from);
    codec_region_or_none(codec, "to", &proposal->to);
    codec_node_or_none(codec, "proposer", &proposal->proposer);
    codec_u32(codec, "skipped_gates", (1u << GATE_COUNT) - 1, &proposal->skipped_gates);
    codec_wall(codec, "made", &proposal->made);
    codec_wall(codec, "due", &proposal->due);
    walk_said(codec, &proposal->said);
    codec_leave(codec, &in);
}

void codec_shift(struct codec *codec, struct shift *shift)
{
    static const char *const keys[SHIFT_STAGES_MAX] = { "1", "2", "3", "4", "5", "6", "7", "8" };
    struct codec_object in;
    bool present = shift->count > 0;
    if (!codec_enter_or_null(codec, &in, "shift", &present)) {
        *shift = (struct shift){ 0 };
        return;
    }
    codec_u8(codec, "count", &shift->count);
    codec_u8(codec, "at", &shift->at);
    for (size_t i = 0; i < SHIFT_STAGES_MAX; i++)
        codec_u8(codec, keys[i], &shift->percent[i]);
    codec_us(codec, "hold_us", &shift->hold_us);
    if (!codec->failed && shift->count == 0)
        codec_refuse(codec, "count", "has to be above 0 (null says that there is none)");
    codec_leave(codec, &in);
}

static void walk_operation(struct codec *codec, struct ledger_operation *operation)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, "operation"))
        return;
    CODEC_WORD(codec, "kind", operation_words, operation->kind);
    CODEC_WORD(codec, "phase", phase_words, operation->phase);
    codec_u64(codec, "id", &operation->id);
    codec_region_or_none(codec, "from", &operation->from);
    codec_region_or_none(codec, "to", &operation->to);
    codec_node_or_none(codec, "executor", &operation->executor);
    codec_bool(codec, "may_return", &operation->may_return);
    codec_bool(codec, "forced", &operation->forced);
    codec_u32(codec, "skipped_gates", (1u << GATE_COUNT) - 1, &operation->skipped_gates);
    codec_i64(codec, "accepted_loss_bytes", -1, INT64_MAX, &operation->accepted_loss_bytes);
    codec_i64(codec, "accepted_loss_us", -1, INT64_MAX, &operation->accepted_loss_us);
    codec_wall(codec, "begun", &operation->begun);
    codec_u64(codec, "mark", &operation->mark);
    CODEC_WORD(codec, "wish", wish_words, operation->wish);
    walk_said(codec, &operation->said);
    codec_shift(codec, &operation->shift);
    codec_leave(codec, &in);
}

static void walk_reconciled(struct codec *codec, uint64_t reconciled[LEDGER_RECONCILED_MAX])
{
    static const char *const keys[LEDGER_RECONCILED_MAX] = { "1", "2", "3", "4" };
    struct codec_object in;
    bool present = reconciled[0] != 0;
    if (!codec_enter_or_null(codec, &in, "reconciled", &present))
        return;
    for (size_t i = 0; i < LEDGER_RECONCILED_MAX; i++)
        codec_u64(codec, keys[i], &reconciled[i]);
    codec_leave(codec, &in);
}

void codec_ledger(struct codec *codec, const char *key, struct ledger *ledger)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, key))
        return;
    codec_u64(codec, "version", &ledger->version);
    codec_u64(codec, "epoch", &ledger->epoch);
    codec_region_or_none(codec, "writer", &ledger->writer);
    codec_instance(codec, "guard", &ledger->guard);
    codec_u64(codec, "guard_epoch", &ledger->guard_epoch);
    CODEC_WORD(codec, "fence", fence_words, ledger->fence);
    codec_bool(codec, "keep_on_quorum_loss", &ledger->keep_on_quorum_loss);
    walk_pause(codec, &ledger->pause);
    codec_us(codec, "lease_us", &ledger->lease_us);
    codec_us(codec, "longest_lease_us", &ledger->longest_lease_us);
    codec_u32(codec, "clock_error_ppm", UINT32_MAX, &ledger->clock_error_ppm);
    codec_u64(codec, "dns_epoch", &ledger->dns_epoch);
    walk_proposal(codec, &ledger->proposal);
    walk_operation(codec, &ledger->operation);
    codec_u64(codec, "ticked_operation", &ledger->ticked_operation);
    codec_u32(codec, "ticked", UINT32_MAX, &ledger->ticked);
    codec_u64(codec, "last_operation", &ledger->last_operation);
    CODEC_WORD(codec, "last_outcome", outcome_words, ledger->last_outcome);
    codec_wall(codec, "last_finished", &ledger->last_finished);
    walk_reconciled(codec, ledger->reconciled);
    if (!codec->failed && !ledger_valid(ledger))
        codec_refuse(codec, "", "is a value that no ledger can have (versions, writer, lease and "
                     "operation contradict each other)");
    codec_leave(codec, &in);
}

void codec_report(struct codec *codec, const char *key, struct register_report *report)
{
    struct codec_object in;
    if (!codec_enter_or_null(codec, &in, key, &report->present))
        return;
    codec_ballot(codec, "ballot", &report->ballot);
    codec_ledger(codec, "ledger", &report->ledger);
    codec_leave(codec, &in);
}
