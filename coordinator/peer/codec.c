/* Messages between the core's structs and the wire: see codec.h.
 *
 * One walker per kind of message, for both directions; the table `kinds` says which. To change what
 * a message carries, change its walker and, when older nodes would not understand, CODEC_VERSION.
 */
#include "coordinator/peer/codec.h"

#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/peer/codec_field.h"
#include "coordinator/peer/codec_ledger.h"
#include "coordinator/peer/codec_mark.h"
#include "coordinator/peer/codec_voters.h"
#include "policy/failover/gates.h"

static const char *const verdict_words[] = {
    [VERDICT_UNKNOWN] = "unknown",
    [VERDICT_HEALTHY] = "healthy",
    [VERDICT_SUSPECT] = "suspect",
    [VERDICT_FAILED] = "failed",
};

static const char *const reason_words[] = {
    [REASON_NO_CHECKS] = "no-checks",
    [REASON_FIRST_ROUND] = "first-round",
    [REASON_OBSERVER] = "observer",
    [REASON_STALE] = "stale",
    [REASON_SELF_SUSPECT] = "self-suspect",
    [REASON_LEASE_LAPSED] = "lease-lapsed",
    [REASON_CHECKS_PASS] = "checks-pass",
    [REASON_CHECK_FAILING] = "check-failing",
    [REASON_CHECK_FAILED] = "check-failed",
};

static const char *const fence_state_words[] = {
    [FENCE_UNKNOWN] = "unknown",
    [FENCE_OPEN] = "open",
    [FENCE_READS] = "reads",
    [FENCE_CLOSING] = "closing",
    [FENCE_CONFIRMED] = "confirmed",
    [FENCE_FAILED] = "failed",
};

static const char *const order_words[] = {
    [ORDER_FAILOVER] = "failover",
    [ORDER_ADOPT] = "adopt",
    [ORDER_SWITCHOVER] = "switchover",
    [ORDER_FAILBACK] = "failback",
    [ORDER_PAUSE] = "pause",
    [ORDER_RESUME] = "resume",
    [ORDER_APPROVE] = "approve",
    [ORDER_DECLINE] = "decline",
    [ORDER_HOLD] = "hold",
    [ORDER_GO] = "go",
    [ORDER_BACK] = "back",
    [ORDER_SKIP] = "skip",
    [ORDER_TICK] = "tick",
    [ORDER_ACK] = "ack",
    [ORDER_BREAK] = "break-glass",
    [ORDER_RECONCILE] = "reconcile",
};
_Static_assert(sizeof order_words / sizeof order_words[0] == ORDER_KIND_COUNT,
               "every order has a word");

static const char *const answer_words[] = {
    [ANSWER_ACCEPTED] = "accepted",
    [ANSWER_GATE] = "gate",
    [ANSWER_NO_QUORUM] = "no-quorum",
    [ANSWER_BUSY] = "busy",
    [ANSWER_ALREADY] = "already",
    [ANSWER_NOT_SERVING] = "not-serving",
    [ANSWER_NO_COORDINATOR] = "no-coordinator",
    [ANSWER_NO_DNS] = "no-dns",
    [ANSWER_NO_LEDGER] = "no-ledger",
    [ANSWER_NO_OPERATION] = "no-operation",
    [ANSWER_NO_WAY_BACK] = "no-way-back",
    [ANSWER_DECLINED] = "declined",
    [ANSWER_NO_STAGE] = "no-stage",
    [ANSWER_QUORUM] = "quorum",
    [ANSWER_STILL_OPEN] = "still-open",
    [ANSWER_NOT_HERE] = "not-here",
    [ANSWER_NO_FENCE] = "no-fence",
    [ANSWER_NO_STANDBY] = "no-standby",
    [ANSWER_NO_STORE] = "no-store",
    [ANSWER_MARKED] = "marked",
    [ANSWER_NO_MARK] = "no-mark",
    [ANSWER_VOTES_ALREADY] = "votes-already",
    [ANSWER_NO_VOTER] = "no-voter",
    [ANSWER_CHANGING] = "changing",
    [ANSWER_TOO_FEW] = "too-few",
    [ANSWER_TOO_MANY] = "too-many",
    [ANSWER_NO_STORE_THERE] = "no-store-there",
    [ANSWER_MUTE] = "mute",
    [ANSWER_NO_MAJORITY] = "no-majority",
    [ANSWER_OPERATION] = "operation",
};
_Static_assert(sizeof answer_words / sizeof answer_words[0] == ANSWER_COUNT, "every answer has a word");

/* ---- the register --------------------------------------------------------------------------- */

static void walk_prepare(struct codec *codec, struct message *message)
{
    codec_ballot(codec, "ballot", &message->as.prepare.ballot);
}

static void walk_promise(struct codec *codec, struct message *message)
{
    struct message_promise *promise = &message->as.promise;
    codec_ballot(codec, "ballot", &promise->ballot);
    codec_report(codec, "report", &promise->report);
}

static void walk_accept(struct codec *codec, struct message *message)
{
    struct message_accept *accept = &message->as.accept;
    codec_ballot(codec, "ballot", &accept->ballot);
    codec_ledger(codec, "ledger", &accept->ledger);
}

static void walk_accepted(struct codec *codec, struct message *message)
{
    struct message_accepted *accepted = &message->as.accepted;
    codec_ballot(codec, "ballot", &accepted->ballot);
    codec_us(codec, "grant_age_us", &accepted->grant_age_us);
    codec_report(codec, "report", &accepted->report);
}

static void walk_reject(struct codec *codec, struct message *message)
{
    struct message_reject *reject = &message->as.reject;
    codec_ballot(codec, "ballot", &reject->ballot);
    codec_ballot(codec, "promised", &reject->promised);
}

/* ---- the lease ------------------------------------------------------------------------------ */

static void walk_renew(struct codec *codec, struct message *message)
{
    struct message_renew *renew = &message->as.renew;
    codec_instance(codec, "instance", &renew->instance);
    codec_u64(codec, "epoch", &renew->epoch);
    codec_u64(codec, "nonce", &renew->nonce);
}

static void walk_grant(struct codec *codec, struct message *message)
{
    struct message_grant *grant = &message->as.grant;
    codec_instance(codec, "instance", &grant->instance);
    codec_u64(codec, "epoch", &grant->epoch);
    codec_u64(codec, "nonce", &grant->nonce);
    codec_report(codec, "report", &grant->report);
}

static void walk_release(struct codec *codec, struct message *message)
{
    struct message_release *release = &message->as.release;
    codec_instance(codec, "instance", &release->instance);
    codec_u64(codec, "epoch", &release->epoch);
    codec_u64(codec, "nonce", &release->nonce);
}

/* ---- what is seen --------------------------------------------------------------------------- */

static void walk_confirm(struct codec *codec, struct message *message)
{
    struct message_confirm *confirm = &message->as.confirm;
    codec_region(codec, "region", &confirm->region);
    codec_u64(codec, "nonce", &confirm->nonce);
}

static void walk_verdict(struct codec *codec, struct message *message)
{
    struct message_verdict *verdict = &message->as.verdict;
    codec_region(codec, "region", &verdict->region);
    codec_u64(codec, "nonce", &verdict->nonce);
    CODEC_WORD(codec, "verdict", verdict_words, verdict->verdict);
    CODEC_WORD(codec, "reason", reason_words, verdict->reason);
    codec_us(codec, "standing_us", &verdict->standing_us);
}

static void walk_database(struct codec *codec, struct gossip_region *region)
{
    struct database_facts *facts = &region->database;
    struct codec_object in;
    if (!codec_enter_or_null(codec, &in, "database", &facts->known))
        return;
    codec_us(codec, "age_us", &region->database_age_us);
    codec_bool(codec, "in_recovery", &facts->in_recovery);
    codec_bool(codec, "write_checked", &facts->write_checked);
    codec_bool(codec, "write_ok", &facts->write_ok);
    codec_bool(codec, "walreceiver_live", &facts->walreceiver_live);
    codec_bool(codec, "frozen", &facts->frozen);
    codec_u32(codec, "timeline", UINT32_MAX, &facts->timeline);
    codec_u64(codec, "lsn", &facts->lsn);
    codec_u64(codec, "replayed_lsn", &facts->replayed_lsn);
    codec_u64(codec, "system_id", &facts->system_id);
    codec_leave(codec, &in);
}

static void walk_gossip_region(struct codec *codec, uint8_t service, region_id id,
                               struct gossip_region *region)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, codec->names->regions[id]))
        return;
    CODEC_WORD(codec, "verdict", verdict_words, region->verdict);
    CODEC_WORD(codec, "reason", reason_words, region->reason);
    codec_check(codec, "check", service, id, &region->check);
    codec_us(codec, "standing_us", &region->standing_us);
    codec_text(codec, "detail", &region->detail);
    walk_database(codec, region);
    codec_leave(codec, &in);
}

/* The regions in which this service serves, by name; of the others there is nothing to say. */
static void walk_gossip_regions(struct codec *codec, uint8_t service, struct gossip_region *regions)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, "regions"))
        return;
    for (region_id id = 0; id < POLICY_REGIONS_MAX; id++) {
        if (codec->reading)
            regions[id].check = CHECK_NONE;
        if (codec->names->services[service].serves[id])
            walk_gossip_region(codec, service, id, &regions[id]);
    }
    codec_leave(codec, &in);
}

static void walk_last_word(struct codec *codec, struct last_word *last)
{
    struct codec_object in;
    bool present = last->epoch != 0;
    if (!codec_enter_or_null(codec, &in, "last", &present))
        return;
    codec_u64(codec, "epoch", &last->epoch);
    codec_u64(codec, "lsn", &last->lsn);
    codec_u32(codec, "timeline", UINT32_MAX, &last->timeline);
    if (!codec->failed && last->epoch == 0)
        codec_refuse(codec, "epoch", "has to be above 0 (null says that there is none)");
    codec_leave(codec, &in);
}

static void walk_gossip_guard(struct codec *codec, struct message_gossip *gossip)
{
    struct codec_object in;
    if (codec->reading)
        gossip->instance = INSTANCE_NONE;
    if (!codec_enter_or_null(codec, &in, "guard", &gossip->guard))
        return;
    codec_bool(codec, "ready", &gossip->guard_ready);
    codec_bool(codec, "kernel", &gossip->kernel);
    codec_instance(codec, "instance", &gossip->instance);
    CODEC_WORD(codec, "fence", fence_state_words, gossip->fence);
    codec_i64(codec, "lease_left_us", -TIME_FOREVER_US, TIME_FOREVER_US, &gossip->lease_left_us);
    codec_u64(codec, "released_epoch", &gossip->released_epoch);
    walk_last_word(codec, &gossip->last);
    codec_leave(codec, &in);
}

static void walk_ack(struct codec *codec, struct ack *ack)
{
    struct codec_object in;
    bool present = ack->incident != 0;
    if (!codec_enter_or_null(codec, &in, "ack", &present))
        return;
    codec_u64(codec, "incident", &ack->incident);
    codec_wall(codec, "at", &ack->at);
    codec_text(codec, "by", &ack->by);
    if (!codec->failed && ack->incident == 0)
        codec_refuse(codec, "incident", "has to be above 0 (null says that there is none)");
    codec_leave(codec, &in);
}

static void walk_gossip(struct codec *codec, struct message *message)
{
    struct message_gossip *gossip = &message->as.gossip;
    codec_bool(codec, "ask", &gossip->ask);
    codec_bool(codec, "voting", &gossip->voting);
    codec_report(codec, "report", &gossip->report);
    codec_u64(codec, "known_version", &gossip->known_version);
    codec_u64(codec, "settings", &gossip->settings);
    walk_gossip_guard(codec, gossip);
    walk_ack(codec, &gossip->ack);
    codec_mark(codec, "mark", &gossip->mark);
    codec_node_or_none(codec, "granting", &gossip->granting);
    walk_gossip_regions(codec, message->service, gossip->regions);
}

/* ---- orders --------------------------------------------------------------------------------- */

static void walk_order(struct codec *codec, struct message *message)
{
    struct order *order = &message->as.order.order;
    codec_u64(codec, "ticket", &message->as.order.ticket);
    CODEC_WORD(codec, "order", order_words, order->kind);
    codec_region_or_none(codec, "to", &order->to);
    codec_u64(codec, "operation", &order->operation);
    codec_u32(codec, "skipped_gates", (1u << GATE_COUNT) - 1, &order->skipped_gates);
    codec_i64(codec, "accepted_loss_bytes", -1, INT64_MAX, &order->accepted_loss_bytes);
    codec_i64(codec, "accepted_loss_us", -1, INT64_MAX, &order->accepted_loss_us);
    codec_us(codec, "at", &order->at.us); /* becomes the end of a pause, which no ledger has before 1970 */
    codec_shift(codec, &order->shift);
    codec_u32(codec, "items", UINT32_MAX, &order->items);
    codec_text(codec, "by", &order->by);
    codec_text(codec, "why", &order->why);
    codec_text(codec, "proof", &order->proof);
}

static void walk_order_reply(struct codec *codec, struct message *message)
{
    struct message_order_reply *reply = &message->as.order_reply;
    codec_u64(codec, "ticket", &reply->ticket);
    CODEC_WORD(codec, "answer", answer_words, reply->answer);
    codec_u8(codec, "gate", &reply->gate);
    codec_i64(codec, "value", INT64_MIN, INT64_MAX, &reply->value);
    codec_i64(codec, "limit", INT64_MIN, INT64_MAX, &reply->limit);
    codec_i64(codec, "value_us", -1, INT64_MAX, &reply->value_us);
    codec_i64(codec, "limit_us", 0, INT64_MAX, &reply->limit_us);
    codec_u64(codec, "operation", &reply->operation);
    if (reply->answer == ANSWER_GATE && reply->gate >= GATE_COUNT)
        codec_refuse(codec, "gate", "this version has no gate number %u", reply->gate);
}

static void walk_generation(struct codec *codec, struct message *message)
{
    codec_u64(codec, "identity", &message->as.generation_seen.identity);
    codec_u64(codec, "seen", &message->as.generation_seen.seen);
}

/* ---- the voters ----------------------------------------------------------------------------- */

static void walk_voters(struct codec *codec, struct message *message)
{
    codec_voter_set(codec, "set", &message->as.voters.report.set);
    message->as.voters.report.present = true;
}

static void walk_voters_ballot(struct codec *codec, struct message *message)
{
    codec_ballot(codec, "ballot", &message->as.voters.ballot);
}

static void walk_voters_report(struct codec *codec, struct message *message)
{
    walk_voters_ballot(codec, message);
    codec_voter_report(codec, "report", &message->as.voters.report);
}

static void walk_voters_reject(struct codec *codec, struct message *message)
{
    walk_voters_ballot(codec, message);
    codec_ballot(codec, "promised", &message->as.voters.promised);
}

static void walk_voter_order(struct codec *codec, struct message *message)
{
    struct voter_order *order = &message->as.voter_order.order;
    codec_u64(codec, "ticket", &message->as.voter_order.ticket);
    codec_voter_change(codec, "change", &order->change);
    if (!codec->failed && order->change == VOTER_NONE)
        codec_refuse(codec, "change", "an order has to change something");
    codec_node(codec, "node", &order->node);
    codec_text(codec, "by", &order->by);
    codec_text(codec, "why", &order->why);
}

/* What its value is depends on the answer; a service goes by its name, as everywhere. */
static void walk_voter_reply(struct codec *codec, struct message *message)
{
    struct message_order_reply *reply = &message->as.order_reply;
    codec_u64(codec, "ticket", &reply->ticket);
    CODEC_WORD(codec, "answer", answer_words, reply->answer);
    bool of_service = reply->answer == ANSWER_OPERATION || reply->answer == ANSWER_NO_LEDGER;
    uint8_t service = of_service ? (uint8_t)reply->value : SERVICE_NONE;
    uint64_t version = of_service ? 0 : (uint64_t)reply->value;
    codec_service_or_none(codec, "service", &service);
    codec_u64(codec, "version", &version);
    if (!codec->failed && of_service != (service != SERVICE_NONE))
        codec_refuse(codec, "service", of_service ? "has to be named in an answer of %s"
                                                  : "has to be null in an answer of %s", answer_words[reply->answer]);
    if (!codec->failed && of_service && version != 0)
        codec_refuse(codec, "version", "has no place in an answer of %s", answer_words[reply->answer]);
    reply->value = of_service ? (int64_t)service : (int64_t)version;
}

/* ---- the envelope --------------------------------------------------------------------------- */

struct kind {
    const char *name;
    void (*walk)(struct codec *codec, struct message *message);
    bool of_node; /* about the node; all others are about a service */
};

static const struct kind kinds[] = {
    [MESSAGE_PREPARE] = { "prepare", walk_prepare, false },
    [MESSAGE_PROMISE] = { "promise", walk_promise, false },
    [MESSAGE_ACCEPT] = { "accept", walk_accept, false },
    [MESSAGE_ACCEPTED] = { "accepted", walk_accepted, false },
    [MESSAGE_REJECT] = { "reject", walk_reject, false },
    [MESSAGE_RENEW] = { "renew", walk_renew, false },
    [MESSAGE_GRANT] = { "grant", walk_grant, false },
    [MESSAGE_REFUSE] = { "refuse", walk_grant, false },
    [MESSAGE_RELEASE] = { "release", walk_release, false },
    [MESSAGE_CONFIRM] = { "confirm", walk_confirm, false },
    [MESSAGE_VERDICT] = { "verdict", walk_verdict, false },
    [MESSAGE_GOSSIP] = { "gossip", walk_gossip, false },
    [MESSAGE_ORDER] = { "order", walk_order, false },
    [MESSAGE_ORDER_REPLY] = { "order-reply", walk_order_reply, false },
    [MESSAGE_GENERATION] = { "generation", walk_generation, true },
    [MESSAGE_VOTERS] = { "voters", walk_voters, true },
    [MESSAGE_VOTERS_PREPARE] = { "voters-prepare", walk_voters_ballot, true },
    [MESSAGE_VOTERS_PROMISE] = { "voters-promise", walk_voters_report, true },
    [MESSAGE_VOTERS_ACCEPT] = { "voters-accept", walk_voters_report, true },
    [MESSAGE_VOTERS_ACCEPTED] = { "voters-accepted", walk_voters_ballot, true },
    [MESSAGE_VOTERS_REJECT] = { "voters-reject", walk_voters_reject, true },
    [MESSAGE_VOTER_ORDER] = { "voter-order", walk_voter_order, true },
    [MESSAGE_VOTER_REPLY] = { "voter-reply", walk_voter_reply, true },
};
_Static_assert(sizeof kinds / sizeof kinds[0] == MESSAGE_KIND_COUNT, "every kind has a row");

const char *codec_kind_name(enum message_kind kind)
{
    return kind < MESSAGE_KIND_COUNT ? kinds[kind].name : "unknown";
}

static void walk_kind(struct codec *codec, struct message *message)
{
    const char *words[MESSAGE_KIND_COUNT];
    for (size_t i = 0; i < MESSAGE_KIND_COUNT; i++)
        words[i] = kinds[i].name;
    CODEC_WORD(codec, "kind", words, message->kind);
}

static void walk_version(struct codec *codec)
{
    int64_t version = CODEC_VERSION;
    codec_i64(codec, "v", 0, INT64_MAX, &version);
    if (version != CODEC_VERSION)
        codec_refuse(codec, "v", "is version %lld of the messages, this node speaks version %d: "
                     "run the same release on all nodes", (long long)version, CODEC_VERSION);
}

/* By which voters its sender counts. As long as those of the file do, the files have to agree; afterwards the core
 * looks at the version alone, which was agreed upon. */
static void walk_counted(struct codec *codec, struct message *message)
{
    const struct codec_names *names = codec->names;
    codec_u64(codec, "voters_version", &message->voters_version);
    if (message->voters_version == 0)
        codec_refuse(codec, "voters_version", "is 0, and the voters of the configuration are version 1");
    if (message->voters_version <= 1)
        codec_same(codec, "voters", names->voter_names,
                   "nodes that count different voters must not count together; give all nodes the "
                   "same voters in cluster.json");
    else
        codec_null(codec, "voters");
    codec_u64(codec, "identity", &message->identity);
}

/* Whose message it is comes first, so that a stranger hears why before details are looked at. */
static void walk_envelope(struct codec *codec, struct message *message, node_id from)
{
    const struct codec_names *names = codec->names;
    walk_version(codec);
    codec_same(codec, "cluster", names->cluster, "the message is of another cluster");
    codec_same(codec, "from", names->nodes[from],
               "the message has to carry the name of the certificate that it came with");
    walk_counted(codec, message);
    codec_u32(codec, "restarts", UINT32_MAX, &message->restarts);
    codec_u64(codec, "generation", &message->generation);
    codec_us(codec, "sent_us", &message->sent_us);
    codec_service_or_none(codec, "service", &message->service);
    walk_kind(codec, message);
    if (codec->failed)
        return;
    const struct kind *kind = &kinds[message->kind];
    if (kind->of_node != (message->service == SERVICE_NONE)) {
        codec_refuse(codec, "service", kind->of_node ? "has to be null in a message of kind %s"
                                                     : "has to be named in a message of kind %s",
                     kind->name);
        return;
    }
    struct codec_object body;
    if (codec_enter(codec, &body, "body")) {
        kind->walk(codec, message);
        codec_leave(codec, &body);
    }
}

bool codec_encode_message(const struct codec_names *names, const struct message *message,
                          char *bytes, size_t size, size_t *length, struct fault *fault)
{
    *length = 0;
    struct text out = text_over(bytes, size);
    struct codec codec;
    struct codec_object root;
    struct message walked = *message; /* writing changes nothing, but the walkers can't say so */
    codec_write(&codec, names, &out, fault);
    if (message->from >= names->node_count)
        return fault_set(fault, "a message of node number %u, which there isn't, can't be sent",
                         message->from);
    if (codec_enter_root(&codec, &root, NULL)) {
        walk_envelope(&codec, &walked, message->from);
        codec_leave(&codec, &root);
    }
    if (codec.failed)
        return fault_wrap(fault, "this %s can't be sent", codec_kind_name(message->kind));
    if (out.cut)
        return fault_set(fault, "this %s can't be sent: it is longer than %zu bytes",
                         codec_kind_name(message->kind), size - 1);
    *length = out.length;
    return true;
}

static bool read_message(const struct codec_names *names, const void *bytes, size_t length,
                         node_id peer, struct message *message, struct fault *fault)
{
    if (length > CODEC_MESSAGE_MAX)
        return fault_set(fault, "it is longer than %d bytes", CODEC_MESSAGE_MAX);
    json_t *json = codec_parse(bytes, length, fault);
    if (json == NULL)
        return false;
    struct codec codec;
    struct codec_object root;
    codec_read(&codec, names, fault);
    if (codec_enter_root(&codec, &root, json)) {
        walk_envelope(&codec, message, peer);
        codec_leave(&codec, &root);
    }
    json_decref(json);
    return !codec.failed;
}

bool codec_decode_message(const struct codec_names *names, const void *bytes, size_t length,
                          node_id peer, struct message *message, struct fault *fault)
{
    ensure(peer < names->node_count);
    memset(message, 0, sizeof *message);
    message->from = peer;
    if (read_message(names, bytes, length, peer, message, fault))
        return true;
    memset(message, 0, sizeof *message);
    return fault_wrap(fault, "a message of %s is refused", names->nodes[peer]);
}
