/* The transport's own frames: see link_wire.h. */
#include "coordinator/peer/link_wire.h"

#include <event2/buffer.h>
#include <jansson.h>
#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

bool wire_put(struct evbuffer *out, enum wire_kind kind, const void *bytes, size_t length)
{
    unsigned char head[FRAME_HEADER_BYTES + 1];
    ensure(length <= LINK_PAYLOAD_MAX);
    frame_header(head, length + 1);
    head[FRAME_HEADER_BYTES] = (unsigned char)kind;
    /* All or nothing: half a frame would spoil the stream. */
    if (evbuffer_expand(out, sizeof head + length) != 0)
        return false;
    return evbuffer_add(out, head, sizeof head) == 0 && (length == 0 || evbuffer_add(out, bytes, length) == 0);
}

bool wire_put_hello(struct evbuffer *out, const char *cluster)
{
    char hello[WIRE_HELLO_MAX];
    struct text text = TEXT_OF(hello);
    text_appendf(&text, "{\"hello\":%d,\"cluster\":\"", LINK_PROTOCOL);
    text_append_json(&text, cluster, strlen(cluster));
    text_append(&text, "\"}");
    return !text.cut && wire_put(out, WIRE_HELLO, hello, text.length);
}

static bool judge(const json_t *hello, const char *cluster, enum link_refusal *refusal, struct fault *fault)
{
    const json_t *version = json_object_get(hello, "hello");
    const char *theirs = json_string_value(json_object_get(hello, "cluster"));
    *refusal = LINK_REFUSED_PROTOCOL;
    if (!json_is_integer(version))
        return fault_set(fault, "the first frame is not a hello");
    if (json_integer_value(version) != LINK_PROTOCOL)
        return fault_set(fault, "it speaks protocol %lld, and this node speaks %d: run releases that know each other",
                         (long long)json_integer_value(version), LINK_PROTOCOL);
    *refusal = LINK_REFUSED_CLUSTER;
    if (theirs == NULL || strlen(theirs) >= LINK_CLUSTER_MAX)
        return fault_set(fault, "its hello names no cluster");
    if (strcmp(theirs, cluster) != 0)
        return fault_set(fault, "it belongs to cluster %s, and this node to cluster %s", theirs, cluster);
    return true;
}

bool wire_judge_hello(const unsigned char *bytes, size_t length, const char *cluster,
                      enum link_refusal *refusal, struct fault *fault)
{
    *refusal = LINK_REFUSED_FRAME;
    if (length > WIRE_HELLO_MAX)
        return fault_set(fault, "a hello of %zu bytes", length);
    json_t *hello = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, NULL);
    if (hello == NULL)
        return fault_set(fault, "the first frame is not a hello");
    bool ok = judge(hello, cluster, refusal, fault);
    json_decref(hello);
    return ok;
}

void wire_read_refusal(const unsigned char *bytes, size_t length, char out[LINK_TEXT_MAX])
{
    struct text text = text_over(out, LINK_TEXT_MAX);
    text_append(&text, "it refused us: ");
    text_append_json(&text, (const char *)bytes, length < LINK_TEXT_MAX ? length : LINK_TEXT_MAX);
}
