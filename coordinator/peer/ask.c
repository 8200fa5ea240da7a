/* Questions between nodes for a person, and their answers: see ask.h. */
#include "coordinator/peer/ask.h"

#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/peer/codec_field.h"
#include "policy/message.h"

#define MARK_QUESTION '?'
#define MARK_ANSWER '!'

static const char *const kind_words[] = {
    [ASK_REJOIN] = "rejoin",
    [ASK_REJOIN_RUN] = "rejoin-run",
};
_Static_assert(sizeof kind_words / sizeof kind_words[0] == ASK_KIND_COUNT, "every kind has a word");

enum ask_what ask_what(const void *payload, size_t length)
{
    const char *bytes = payload;
    if (length == 0)
        return ASK_NEITHER;
    return bytes[0] == MARK_QUESTION ? ASK_QUESTION : bytes[0] == MARK_ANSWER ? ASK_ANSWER : ASK_NEITHER;
}

/* ---- fields --------------------------------------------------------------------------------- */

static bool is_control(char byte)
{
    return (unsigned char)byte < 0x20 || byte == 0x7f;
}

/* It ends on a terminal and in the audit trail: one line, whatever a peer sent. */
static void walk_line(struct codec *codec, const char *key, char *value, size_t size)
{
    for (size_t i = 0; !codec->reading && i < size && value[i] != '\0'; i++)
        if (is_control(value[i]))
            value[i] = ' ';
    codec_string(codec, key, value, size);
    for (size_t i = 0; codec->reading && !codec->failed && i < size && value[i] != '\0'; i++)
        if (is_control(value[i]))
            codec_refuse(codec, key, "has a control character");
}

/* A stable word of ours: a-z, 0-9 and '_'. */
static void walk_code(struct codec *codec, const char *key, char *value, size_t size)
{
    codec_string(codec, key, value, size);
    if (!codec->failed && value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
        codec_refuse(codec, key, "has to be of a-z, 0-9 and '_'");
}

static void walk_ticket(struct codec *codec, uint64_t *ticket)
{
    codec_u64(codec, "ticket", ticket);
    if (*ticket == 0)
        codec_refuse(codec, "ticket", "has to be above 0");
}

static void walk_envelope(struct codec *codec, node_id from)
{
    int64_t version = ASK_VERSION;
    codec_i64(codec, "v", 0, INT64_MAX, &version);
    if (version != ASK_VERSION)
        codec_refuse(codec, "v", "is version %lld of questions between nodes, this node speaks version %d: run the same "
                     "release on all nodes", (long long)version, ASK_VERSION);
    codec_same(codec, "cluster", codec->names->cluster, "it is of another cluster");
    codec_same(codec, "from", codec->names->nodes[from], "it has to carry the name of the certificate that it came with");
}

static void walk_question(struct codec *codec, struct ask_question *q)
{
    walk_ticket(codec, &q->ticket);
    CODEC_WORD(codec, "ask", kind_words, q->kind);
    if (codec->reading)
        q->service = SERVICE_NONE;
    codec_service_or_none(codec, "service", &q->service);
    if (q->service == SERVICE_NONE)
        codec_refuse(codec, "service", "has to be named");
    codec_region(codec, "region", &q->region);
    codec_bool(codec, "dry_run", &q->dry_run);
    codec_bool(codec, "without_list", &q->without_list);
    codec_u64(codec, "run", &q->run);
    codec_u32(codec, "uid", UINT32_MAX, &q->uid);
    walk_line(codec, "user", q->user, sizeof q->user);
    walk_line(codec, "role", q->role, sizeof q->role);
    walk_line(codec, "reason", q->reason, sizeof q->reason);
    if (!codec->failed && (q->kind == ASK_REJOIN_RUN) != (q->run != 0))
        codec_refuse(codec, "run", "has to be named where a run is asked about, and nowhere else");
}

static void walk_answer(struct codec *codec, struct ask_answer *a)
{
    walk_ticket(codec, &a->ticket);
    codec_bool(codec, "refused", &a->refused);
    walk_code(codec, "code", a->code, sizeof a->code);
    codec_u8(codec, "exit", &a->exit);
    walk_line(codec, "text", a->text, sizeof a->text);
    walk_line(codec, "todo", a->todo, sizeof a->todo);
    codec_json(codec, "body", &a->body);
    if (codec->failed)
        return;
    if (a->exit > ASK_EXIT_MAX || a->refused != (a->exit != 0))
        codec_refuse(codec, "exit", "can't be the exit code of %s", a->refused ? "a refusal" : "what was done");
    else if (a->refused != (a->code[0] != '\0'))
        codec_refuse(codec, "code", a->refused ? "has to name the refusal" : "has no place where nothing is refused");
    else if (a->body != NULL && !json_is_object(a->body))
        codec_refuse(codec, "body", "has to be an object, or null");
}

/* ---- both directions ------------------------------------------------------------------------ */

typedef void walk_body(struct codec *codec, void *what);

static void walk_any_question(struct codec *codec, void *what) { walk_question(codec, what); }
static void walk_any_answer(struct codec *codec, void *what) { walk_answer(codec, what); }

/* `what` is the caller's own copy: control characters are taken out of it. */
static bool encode(const struct codec_names *names, node_id from, char mark, walk_body *walk, void *what, char *bytes,
                   size_t size, size_t *length, struct fault *fault)
{
    struct codec codec;
    struct codec_object root;
    *length = 0;
    ensure(from < names->node_count && size > 1);
    bytes[0] = mark;
    struct text out = text_over(bytes + 1, size - 1);
    codec_write(&codec, names, &out, fault);
    if (codec_enter_root(&codec, &root, NULL)) {
        walk_envelope(&codec, from);
        walk(&codec, what);
        codec_leave(&codec, &root);
    }
    if (codec.failed)
        return fault_wrap(fault, "this can't be sent");
    if (out.cut)
        return fault_set(fault, "this can't be sent: it is longer than %zu bytes", size - 1);
    *length = out.length + 1;
    return true;
}

static bool decode(const struct codec_names *names, const char *bytes, size_t length, node_id peer, char mark,
                   walk_body *walk, void *what, struct fault *fault)
{
    ensure(peer < names->node_count);
    if (length == 0 || bytes[0] != mark)
        return fault_set(fault, "it does not begin with '%c'", mark);
    if (length > ASK_PAYLOAD_MAX)
        return fault_set(fault, "it is longer than %d bytes", ASK_PAYLOAD_MAX);
    json_t *json = codec_parse(bytes + 1, length - 1, fault);
    if (json == NULL)
        return false;
    struct codec codec;
    struct codec_object root;
    codec_read(&codec, names, fault);
    if (codec_enter_root(&codec, &root, json)) {
        walk_envelope(&codec, peer);
        walk(&codec, what);
        codec_leave(&codec, &root);
    }
    json_decref(json);
    return !codec.failed;
}

bool ask_encode_question(const struct codec_names *names, node_id from, const struct ask_question *question,
                         char *bytes, size_t size, size_t *length, struct fault *fault)
{
    struct ask_question copy = *question;
    return encode(names, from, MARK_QUESTION, walk_any_question, &copy, bytes, size, length, fault);
}

bool ask_decode_question(const struct codec_names *names, const void *bytes, size_t length, node_id peer,
                         struct ask_question *question, struct fault *fault)
{
    memset(question, 0, sizeof *question);
    if (decode(names, bytes, length, peer, MARK_QUESTION, walk_any_question, question, fault))
        return true;
    memset(question, 0, sizeof *question);
    return fault_wrap(fault, "a question of %s is refused", names->nodes[peer]);
}

bool ask_encode_answer(const struct codec_names *names, node_id from, const struct ask_answer *answer, char *bytes,
                       size_t size, size_t *length, struct fault *fault)
{
    struct ask_answer copy = *answer;
    return encode(names, from, MARK_ANSWER, walk_any_answer, &copy, bytes, size, length, fault);
}

bool ask_decode_answer(const struct codec_names *names, const void *bytes, size_t length, node_id peer,
                       struct ask_answer *answer, struct fault *fault)
{
    memset(answer, 0, sizeof *answer);
    if (decode(names, bytes, length, peer, MARK_ANSWER, walk_any_answer, answer, fault))
        return true;
    json_decref(answer->body);
    memset(answer, 0, sizeof *answer);
    return fault_wrap(fault, "an answer of %s is refused", names->nodes[peer]);
}
