/* What survives a restart, as bytes: see durable.h.
 *
 *     {"format":2,"generation":"93",
 *      "seen":{"a":"17","b":"40"},"seen_stores":{"a":"81","b":"82"},
 *      "voters":{"set":{...},"promised":null,"accepted":null},
 *      "services":{"shop":{"promised":{...},"accepted":{"ballot":{...},"ledger":{...}},
 *                          "marks":{"b":{...}}}}}
 *
 * Nodes never seen, registers that hold nothing and marks that are not there are left out. Whose store it is stands
 * in the store's own header.
 */
#include "coordinator/store/durable.h"

#include <string.h>

#include "coordinator/peer/codec_field.h"
#include "coordinator/peer/codec_ledger.h"
#include "coordinator/peer/codec_mark.h"
#include "coordinator/peer/codec_voters.h"

_Static_assert(POLICY_SERVICES_MAX <= CODEC_KEYS_MAX && POLICY_NODES_MAX <= CODEC_KEYS_MAX,
               "one object holds all services, or all nodes");

static bool has_marks(const struct durable_service *service)
{
    bool any = false;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        any = any || service->marks[n].state != MARK_NONE;
    return any;
}

static bool register_empty(const struct durable_service *service)
{
    return !service->accepted.present && ballot_compare(service->promised, BALLOT_ZERO) == 0 && !has_marks(service);
}

/* A node that is gone has no store that could be rolled back, so its generation is dropped; the key
 * counts as read all the same. */
static void drop_gone(struct codec *codec, const struct codec_object *in)
{
    if (json_object_size(in->json) > CODEC_KEYS_MAX) {
        codec_refuse(codec, "", "has more nodes than there can be");
        return;
    }
    const char *name;
    json_t *value;
    codec_each_key(in, name, value)
        if (codec_find_node(codec->names, name) == NODE_NONE) {
            uint64_t dropped = 0;
            codec_u64(codec, name, &dropped);
        }
}

/* One number for each node; 0 is left out. */
static void walk_seen(struct codec *codec, const char *key, uint64_t numbers[POLICY_NODES_MAX])
{
    struct codec_object in;
    if (!codec_enter(codec, &in, key))
        return;
    for (node_id node = 0; node < codec->names->node_count; node++) {
        const char *name = codec->names->nodes[node];
        if (codec->reading ? codec_has(codec, name) : numbers[node] != 0)
            codec_u64(codec, name, &numbers[node]);
    }
    if (codec->reading)
        drop_gone(codec, &in);
    codec_leave(codec, &in);
}

/* Each under its maker's name. */
static void walk_marks(struct codec *codec, struct mark marks[POLICY_NODES_MAX])
{
    struct codec_object in;
    if (!codec_enter(codec, &in, "marks"))
        return;
    for (node_id n = 0; n < codec->names->node_count; n++) {
        const char *name = codec->names->nodes[n];
        if (codec->reading ? !codec_has(codec, name) : marks[n].state == MARK_NONE)
            continue;
        codec_mark(codec, name, &marks[n]);
        if (!codec->failed && marks[n].state != MARK_NONE && marks[n].maker.node != n)
            codec_refuse(codec, name, "is the mark of another node");
    }
    codec_leave(codec, &in);
}

static void walk_service(struct codec *codec, const char *name, struct durable_service *service)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, name))
        return;
    codec_promise(codec, "promised", &service->promised);
    codec_report(codec, "accepted", &service->accepted);
    if (service->accepted.present &&
        ballot_compare(service->promised, service->accepted.ballot) < 0)
        codec_refuse(codec, "promised", "is below the ballot that was accepted, which can't be");
    if (codec->reading ? codec_has(codec, "marks") : has_marks(service))
        walk_marks(codec, service->marks);
    codec_leave(codec, &in);
}

/* Registers that this configuration has no place for. */
static void refuse_lost_services(struct codec *codec, const struct codec_object *in)
{
    const char *name;
    json_t *value;
    codec_each_key(in, name, value)
        if (codec_find_service(codec->names, name) == SERVICE_NONE) {
            struct codec_quote quote = codec_quote(name);
            codec_refuse(codec, "", "the store holds the register of service %s, which "
                         "cluster.json does not have. What this node has promised for it must not "
                         "be lost: put the service back into cluster.json (in mode manual, if it "
                         "is not used any more)", quote.s);
            return;
        }
}

static void walk_services(struct codec *codec, struct durable *durable)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, "services"))
        return;
    if (codec->reading)
        refuse_lost_services(codec, &in);
    for (uint8_t i = 0; i < codec->names->service_count; i++) {
        const char *name = codec->names->services[i].name;
        struct durable_service *service = &durable->services[i];
        if (codec->reading ? codec_has(codec, name) : !register_empty(service))
            walk_service(codec, name, service);
    }
    codec_leave(codec, &in);
}

static void walk_voters(struct codec *codec, struct durable_voters *voters)
{
    struct codec_object in;
    if (!codec_enter(codec, &in, "voters"))
        return;
    codec_voter_set(codec, "set", &voters->set);
    codec_promise(codec, "promised", &voters->promised);
    codec_voter_report(codec, "accepted", &voters->accepted);
    if (voters->accepted.present && ballot_compare(voters->promised, voters->accepted.ballot) < 0)
        codec_refuse(codec, "promised", "is below the ballot that was accepted, which can't be");
    codec_leave(codec, &in);
}

static void walk_durable(struct codec *codec, const json_t *root, struct durable *durable)
{
    struct codec_object in;
    if (!codec_enter_root(codec, &in, root))
        return;
    int64_t format = DURABLE_FORMAT;
    codec_i64(codec, "format", 0, INT64_MAX, &format);
    if (format != DURABLE_FORMAT)
        codec_refuse(codec, "format", "is %lld, which another release of failoverd wrote; this one "
                     "reads format %d: start that release", (long long)format, DURABLE_FORMAT);
    codec_u64(codec, "generation", &durable->generation);
    walk_seen(codec, "seen", durable->seen_generation);
    walk_seen(codec, "seen_stores", durable->seen_identity);
    if (codec->reading ? codec_has(codec, "voters") : durable->voters.set.version != 0)
        walk_voters(codec, &durable->voters);
    walk_services(codec, durable);
    codec_leave(codec, &in);
}

bool durable_encode(const struct codec_names *names, const struct durable *durable, char *bytes,
                    size_t size, size_t *length, struct fault *fault)
{
    *length = 0;
    struct text out = text_over(bytes, size);
    struct durable walked = *durable; /* writing changes nothing, but the walkers can't say so */
    struct codec codec;
    codec_write(&codec, names, &out, fault);
    walk_durable(&codec, NULL, &walked);
    if (codec.failed)
        return fault_wrap(fault, "the state can't be stored");
    if (out.cut || out.length > DURABLE_BYTES_MAX)
        return fault_set(fault, "the state can't be stored: it is longer than %zu bytes",
                         size - 1 < DURABLE_BYTES_MAX ? size - 1 : (size_t)DURABLE_BYTES_MAX);
    *length = out.length;
    return true;
}

bool durable_decode(const struct codec_names *names, const void *bytes, size_t length,
                    struct durable *durable, struct fault *fault)
{
    memset(durable, 0, sizeof *durable);
    if (length == 0)
        return true;
    if (length > DURABLE_BYTES_MAX)
        return fault_set(fault, "the store's content is longer than %d bytes", DURABLE_BYTES_MAX);
    json_t *json = codec_parse(bytes, length, fault);
    if (json == NULL)
        return fault_wrap(fault, "the store's content is damaged, so this node must not vote");
    struct codec codec;
    codec_read(&codec, names, fault);
    walk_durable(&codec, json, durable);
    json_decref(json);
    if (!codec.failed)
        return true;
    memset(durable, 0, sizeof *durable);
    return fault_wrap(fault, "the store can't be used with this configuration, so this node must "
                             "not vote (put back into cluster.json what is missing there)");
}
