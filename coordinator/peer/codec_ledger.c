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
    codec_wall(codec, "begun", &operation->begun);
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
    codec_bool(codec, "paused", &ledger->paused);
    codec_us(codec, "lease_us", &ledger->lease_us);
    codec_us(codec, "longest_lease_us", &ledger->longest_lease_us);
    codec_u32(codec, "clock_error_ppm", UINT32_MAX, &ledger->clock_error_ppm);
    codec_u64(codec, "dns_epoch", &ledger->dns_epoch);
    walk_operation(codec, &ledger->operation);
    codec_u64(codec, "last_operation", &ledger->last_operation);
    CODEC_WORD(codec, "last_outcome", outcome_words, ledger->last_outcome);
    codec_wall(codec, "last_finished", &ledger->last_finished);
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
