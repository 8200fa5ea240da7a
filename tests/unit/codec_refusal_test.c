/* The message codec: nothing that is wrong gets in, one fault at a time and by chance. */
#include <jansson.h>

#include "tests/unit/codec_wire.h"

#define SEED UINT64_C(20240617)
#define FLIPS 100000
#define PATH_MAX_BYTES 512

/* ---- one thing wrong at a time -------------------------------------------------------------- */

static bool ends_with(const char *string, const char *end)
{
    size_t a = strlen(string), b = strlen(end);
    return a >= b && strcmp(string + a - b, end) == 0;
}

static bool one_of(const char *path, const char *const *ends)
{
    for (; *ends != NULL; ends++)
        if (ends_with(path, *ends))
            return true;
    return false;
}

static const char *const nullable[] = {
    ".writer", ".operation.from", ".operation.to", ".operation.executor", ".check", ".database",
    "$.body.guard", ".report", ".ballot", ".promised", "$.body.to", "$.body.shift", ".operation.shift", "$.body.ack",
    ".guard.last", ".mark", ".yields", ".granting", ".reconciled", NULL,
};
static const char *const free_text[] = { ".detail", ".by", ".why", ".proof", ".check", NULL };
static const char *const may_be_negative[] = {
    ".lease_left_us", ".value", ".limit", ".begun", ".last_finished", ".said.at", ".ack.at", ".mark.at", ".made", ".due", NULL,
};
/* Good by themselves, and refused for what else the ledger says: the fault names the ledger. */
static const char *const null_contradicts[] = { ".proposal.from", ".proposal.to", ".proposal.proposer", NULL };
static const char *const negative_contradicts[] = { ".pause.until", NULL };
/* Their zero would be the null that says that there is none. */
static const char *const never_zero[] = { ".shift.count", ".guard.last.epoch", ".ack.incident", NULL };
static const char *const may_be_huge[] = {
    ".accepted_loss_bytes", ".accepted_loss_us", ".value", ".limit", ".value_us", ".limit_us", NULL,
};

static json_t *document;
static size_t mutants;

/* The document as it is now is refused, and the fault names `path`. */
static void expect_refused(const char *what, const char *path)
{
    static char text[CODEC_MESSAGE_MAX * 2];
    size_t length = json_dumpb(document, text, sizeof text, JSON_COMPACT);
    CU_ASSERT_FATAL(length > 0 && length <= sizeof text);
    struct message got;
    memset(&got, 0xaa, sizeof got);
    mutants++;
    bool refused = !codec_decode_message(&names, text, length, 2, &got, &fault);
    if (!refused || strstr(fault.text, path) == NULL || !all_zero(&got, sizeof got)) {
        printf("    %s of %s: %s\n", what, path, refused ? fault.text : "taken");
        CU_FAIL("not refused as it should be");
    }
}

/* The path that the fault has to name. */
static const char *named(const char *path, const char *const *contradicting)
{
    static char ledger[PATH_MAX_BYTES];
    const char *end = strstr(path, ".ledger");
    if (!one_of(path, contradicting) || end == NULL)
        return path;
    (void)snprintf(ledger, sizeof ledger, "%.*s: ", (int)(end - path) + (int)strlen(".ledger"), path);
    return ledger;
}

static void expect_refused_as(json_t *object, const char *key, json_t *value, const char *what,
                              const char *path)
{
    json_t *original = json_incref(json_object_get(object, key));
    CU_ASSERT_FATAL(value != NULL);
    bool same = json_equal(original, value);
    CU_ASSERT_FATAL(json_object_set_new(object, key, value) == 0);
    if (!same)
        expect_refused(what, path);
    CU_ASSERT_FATAL(json_object_set_new(object, key, original) == 0);
}

static void retype(json_t *object, const char *key, const char *path)
{
    json_type type = json_typeof(json_object_get(object, key));
    bool is_bool = type == JSON_TRUE || type == JSON_FALSE;
    expect_refused_as(object, key, json_real(1.5), "real", path);
    expect_refused_as(object, key, json_array(), "array", path);
    if (!is_bool)
        expect_refused_as(object, key, json_true(), "true", path);
    if (type != JSON_INTEGER)
        expect_refused_as(object, key, json_integer(7), "number", path);
    if (type != JSON_STRING && !ends_with(path, ".check"))
        expect_refused_as(object, key, json_string("7"), "string", path);
    if (!one_of(path, nullable))
        expect_refused_as(object, key, json_null(), "null", named(path, null_contradicts));
    expect_refused_as(object, key, json_object(), "empty object", path);
}

static void revalue(json_t *object, const char *key, const char *path)
{
    json_type type = json_typeof(json_object_get(object, key));
    if (type == JSON_STRING && !one_of(path, free_text)) {
        expect_refused_as(object, key, json_string("no-such"), "other string", path);
        expect_refused_as(object, key, json_string(""), "empty string", path);
        expect_refused_as(object, key, json_string("18446744073709551616"), "2^64", path);
        expect_refused_as(object, key, json_string("01"), "leading zero", path);
        expect_refused_as(object, key, json_string("-1"), "sign", path);
    }
    if (type == JSON_STRING && one_of(path, free_text)) {
        char text[POLICY_TEXT_MAX + 1] = { 0 };
        memset(text, 'x', POLICY_TEXT_MAX);
        expect_refused_as(object, key, json_string(text), "long string", path);
    }
    if (one_of(path, never_zero))
        expect_refused_as(object, key, type == JSON_STRING ? json_string("0") : json_integer(0), "zero", path);
    if (type == JSON_INTEGER && !one_of(path, may_be_negative))
        expect_refused_as(object, key, json_integer(-2), "negative", named(path, negative_contradicts));
    if (type == JSON_INTEGER && !one_of(path, may_be_huge))
        expect_refused_as(object, key, json_integer(INT64_MAX), "huge", path);
}

static void mutate_key(json_t *object, const char *key, const char *path)
{
    json_t *value = json_incref(json_object_get(object, key));
    json_object_del(object, key);
    expect_refused("removal", path);
    CU_ASSERT_FATAL(json_object_set(object, "renamed", value) == 0);
    expect_refused("renaming", path);
    json_object_del(object, "renamed");
    CU_ASSERT_FATAL(json_object_set_new(object, key, value) == 0);
    retype(object, key, path);
    revalue(object, key, path);
}

static void mutate(json_t *object, const char *path)
{
    const char *keys[64];
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        CU_ASSERT_FATAL(count < 64);
        keys[count++] = key;
    }
    char inner[PATH_MAX_BYTES];
    for (size_t i = 0; i < count; i++) {
        char *own = strdup(keys[i]); /* the object frees its key when the key is deleted */
        CU_ASSERT_FATAL(own != NULL);
        (void)snprintf(inner, sizeof inner, "%s.%s", path, own);
        mutate_key(object, own, inner);
        if (json_is_object(json_object_get(object, own)))
            mutate(json_object_get(object, own), inner);
        free(own);
    }
    CU_ASSERT_FATAL(json_object_set_new(object, "extra", json_null()) == 0);
    (void)snprintf(inner, sizeof inner, "%s: \"extra\"", path);
    expect_refused("addition", inner);
    json_object_del(object, "extra");
}

/* A message of the kind with as little left out as possible. */
static void full_message(struct dice *dice, enum message_kind kind, struct message *message)
{
    size_t best = 0;
    for (int i = 0; i < 50; i++) {
        struct message tried;
        dice_message(dice, &names, kind, &tried);
        tried.from = 2;
        CU_ASSERT_FATAL(encode(&tried));
        size_t nulls = 0;
        for (const char *at = strstr(wire, "null"); at != NULL; at = strstr(at + 1, "null"))
            nulls++;
        size_t score = 100000 + wire_length - 1000 * nulls;
        if (score > best) {
            best = score;
            *message = tried;
        }
    }
    CU_ASSERT_FATAL(encode(message));
}

/* Their keys are of free choice, so what is left without one may be whole: a_bad_set_of_voters_is_refused(). */
static bool has_voters(unsigned kind)
{
    return kind == MESSAGE_VOTERS || kind == MESSAGE_VOTERS_PROMISE || kind == MESSAGE_VOTERS_ACCEPT;
}

static void every_key_counts(void)
{
    use_example();
    struct dice dice = { SEED };
    mutants = 0;
    for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
        for (int variant = 0; variant < 4 && !has_voters(kind); variant++) {
            struct message message;
            full_message(&dice, (enum message_kind)kind, &message);
            json_error_t error;
            document = json_loadb(wire, wire_length, 0, &error);
            CU_ASSERT_FATAL(document != NULL);
            mutate(document, "$");
            json_decref(document);
        }
    printf("\n    %zu mutants refused\n", mutants);
    CU_ASSERT(mutants > 1000);
}

static void contradicting_ledgers_are_refused(void)
{
    use_example();
    struct message message, got;
    struct dice dice = { SEED };
    dice_message(&dice, &names, MESSAGE_ACCEPT, &message);
    CU_ASSERT_FATAL(encode(&message));
    json_error_t error;
    json_t *json = json_loadb(wire, wire_length, 0, &error);
    json_t *ledger = json_object_get(json_object_get(json, "body"), "ledger");
    CU_ASSERT_FATAL(ledger != NULL);
    json_object_set_new(ledger, "version", json_string("0"));
    wire_length = json_dumpb(json, wire, sizeof wire, JSON_COMPACT);
    CU_ASSERT_FALSE(decode(message.from, &got));
    CU_ASSERT(fault_says("$.body.ledger", "no ledger can have"));
    json_decref(json);
}

/* The one key of the body is replaced by `value`; the rest stays. */
static bool taken_with(enum message_kind kind, const char *key, json_t *value)
{
    use_example();
    struct dice dice = { SEED };
    struct message message, got;
    do
        dice_message(&dice, &names, kind, &message);
    while (kind == MESSAGE_ORDER_REPLY && message.as.order_reply.answer != ANSWER_GATE);
    CU_ASSERT_FATAL(encode(&message));
    json_error_t error;
    json_t *json = json_loadb(wire, wire_length, 0, &error);
    CU_ASSERT_FATAL(json_object_set_new(json_object_get(json, "body"), key, value) == 0);
    wire_length = json_dumpb(json, wire, sizeof wire, JSON_COMPACT);
    json_decref(json);
    return decode(message.from, &got);
}

static void gates_that_do_not_exist_are_refused(void)
{
    CU_ASSERT_TRUE(taken_with(MESSAGE_ORDER_REPLY, "gate", json_integer(GATE_COUNT - 1)));
    CU_ASSERT_FALSE(taken_with(MESSAGE_ORDER_REPLY, "gate", json_integer(GATE_COUNT)));
    CU_ASSERT_TRUE(taken_with(MESSAGE_ORDER, "skipped_gates", json_integer((1 << GATE_COUNT) - 1)));
    CU_ASSERT_FALSE(taken_with(MESSAGE_ORDER, "skipped_gates", json_integer(1 << GATE_COUNT)));
}

static void orders_about_the_voters_have_to_make_sense(void)
{
    CU_ASSERT_TRUE(taken_with(MESSAGE_VOTER_ORDER, "change", json_string("replace")));
    CU_ASSERT_FALSE(taken_with(MESSAGE_VOTER_ORDER, "change", json_string("none")));
    CU_ASSERT_FALSE(taken_with(MESSAGE_VOTER_ORDER, "change", json_string("double")));
    CU_ASSERT_TRUE(taken_with(MESSAGE_VOTER_ORDER, "node", json_string("iad-1")));
    CU_ASSERT_FALSE(taken_with(MESSAGE_VOTER_ORDER, "node", json_string("nobody")));
    CU_ASSERT_FALSE(taken_with(MESSAGE_VOTER_ORDER, "node", json_null()));
    CU_ASSERT_FALSE(taken_with(MESSAGE_VOTER_REPLY, "service", json_string("nothing")));
    CU_ASSERT_FALSE(taken_with(MESSAGE_VOTER_REPLY, "version", json_string("-1")));
}

/* Nothing has two spellings. */
static void the_zero_ballot_is_null(void)
{
    CU_ASSERT_TRUE(taken_with(MESSAGE_PREPARE, "ballot", json_null()));
    CU_ASSERT_FALSE(taken_with(MESSAGE_PREPARE, "ballot",
                               json_pack("{sssssi}", "counter", "0", "node", "fra-1", "restart", 0)));
    CU_ASSERT_TRUE(taken_with(MESSAGE_PREPARE, "ballot",
                              json_pack("{sssssi}", "counter", "0", "node", "fra-2", "restart", 0)));
}

/* ---- hostile bytes -------------------------------------------------------------------------- */

static void splice(const char *find, const char *bytes, size_t count)
{
    char *at = strstr(wire, find);
    CU_ASSERT_FATAL(at != NULL && wire_length + count < sizeof wire);
    memmove(at + count, at, wire_length - (size_t)(at - wire) + 1);
    memcpy(at, bytes, count);
    wire_length += count;
}

static void use_order(void)
{
    use_example();
    struct message sent = { .voters_version = 1, .kind = MESSAGE_ORDER, .service = 0 };
    sent.as.order.order.accepted_loss_bytes = sent.as.order.order.accepted_loss_us = -1;
    memcpy(sent.as.order.order.why.s, "because", 7);
    CU_ASSERT_FATAL(encode(&sent));
}

static void malformed_text_is_refused(void)
{
    static const struct { const char *bytes; size_t count; } bad[] = {
        { "\\u0000", 6 }, { "\0", 1 }, { "\xff", 1 }, { "\xc0\x80", 2 }, { "\xed\xa0\x80", 3 },
        { "\xf5\x80\x80\x80", 4 }, { "\\ud800", 6 }, { "\n", 1 }, { "\\x", 2 }, { "\"", 1 },
    };
    struct message got;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        use_order();
        splice("because", bad[i].bytes, bad[i].count);
        CU_ASSERT_FALSE(decode(0, &got));
    }
    use_order();
    splice("because", "\\u00e9 \xc3\xa9 ", 10);
    CU_ASSERT_TRUE(decode(0, &got));
    CU_ASSERT_STRING_EQUAL(got.as.order.order.why.s, "\xc3\xa9 \xc3\xa9 because");
}

static void malformed_documents_are_refused(void)
{
    struct message got;
    use_order();
    splice("\"why\"", "\"why\":\"twice\",", 14);
    CU_ASSERT_FALSE(decode(0, &got));
    CU_ASSERT(fault_says("duplicate", "why"));
    use_order();
    splice("\"body\"", "\"v\":1,", 6);
    CU_ASSERT_FALSE(decode(0, &got));
    use_order();
    wire[wire_length++] = '{';
    CU_ASSERT_FALSE(decode(0, &got));
    static const char *const others[] = {
        "", " ", "{}", "[]", "null", "1", "\"x\"", "{", "[{}]", "\xef\xbb\xbf{}",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        size_t length = strlen(others[i]);
        CU_ASSERT_FALSE(codec_decode_message(&names, others[i], length, 0, &got, &fault));
        CU_ASSERT_FALSE(codec_decode_message(&names, others[i], length, 0, &got, NULL));
    }
    use_order();
    splice("\"v\"", "\"very-long\":1e999,", 18);
    CU_ASSERT_FALSE(decode(0, &got));
    use_order();
    splice("-1", "99999999999999999999", 20);
    CU_ASSERT_FALSE(decode(0, &got));
}

static void deep_and_long_documents_are_refused(void)
{
    struct message got;
    use_example();
    memset(wire, '[', CODEC_MESSAGE_MAX);
    wire_length = CODEC_MESSAGE_MAX;
    CU_ASSERT_FALSE(decode(0, &got));
    wire_length = 0;
    while (wire_length + 5 < CODEC_MESSAGE_MAX) {
        memcpy(wire + wire_length, "{\"v\":", 5);
        wire_length += 5;
    }
    CU_ASSERT_FALSE(decode(0, &got));
    use_order();
    memset(wire + wire_length, ' ', sizeof wire - wire_length);
    wire_length = CODEC_MESSAGE_MAX;
    CU_ASSERT_TRUE(decode(0, &got));
    wire_length = CODEC_MESSAGE_MAX + 1;
    CU_ASSERT_FALSE(decode(0, &got));
    CU_ASSERT(fault_says("longer than", "fra-1"));
}

static void hostile_words_are_escaped_in_faults(void)
{
    use_order();
    static const char key[] = "\"\\u001b[2J\\\"\\n\":1,";
    splice("\"v\"", key, sizeof key - 1);
    struct message got;
    CU_ASSERT_FALSE(decode(0, &got));
    CU_ASSERT(fault_says("\\u001b[2J", "not a key"));
    for (const char *at = fault.text; *at != '\0'; at++)
        CU_ASSERT((unsigned char)*at >= ' ');
}

/* What is taken is whole: it can be sent again, and comes back the same. */
static void expect_whole(const char *bytes, size_t length, node_id peer)
{
    /* A copy of exactly this size, so that a reader that goes too far is seen. */
    char *copy = malloc(length == 0 ? 1 : length);
    CU_ASSERT_FATAL(copy != NULL);
    memcpy(copy, bytes, length);
    struct message got, again;
    if (codec_decode_message(&names, copy, length, peer, &got, &fault)) {
        static char out[CODEC_MESSAGE_MAX];
        size_t out_length;
        CU_ASSERT_FATAL(codec_encode_message(&names, &got, out, sizeof out, &out_length, &fault));
        CU_ASSERT_FATAL(codec_decode_message(&names, out, out_length, peer, &again, &fault));
        CU_ASSERT(memcmp(&got, &again, sizeof got) == 0);
    } else {
        CU_ASSERT(all_zero(&got, sizeof got));
    }
    free(copy);
}

static void truncation_is_refused_at_every_byte(void)
{
    use_example();
    struct dice dice = { SEED };
    for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
        struct message message, got;
        dice_message(&dice, &names, (enum message_kind)kind, &message);
        CU_ASSERT_FATAL(encode(&message));
        for (size_t length = 0; length < wire_length; length++) {
            char *copy = malloc(length == 0 ? 1 : length);
            CU_ASSERT_FATAL(copy != NULL);
            memcpy(copy, wire, length);
            CU_ASSERT_FALSE(codec_decode_message(&names, copy, length, message.from, &got, &fault));
            free(copy);
        }
    }
}

static void random_flips_do_no_harm(void)
{
    use_example();
    struct dice dice = { SEED };
    static char flipped[CODEC_MESSAGE_MAX];
    struct message message = { 0 };
    for (int flip = 0; flip < FLIPS; flip++) {
        if (flip % 20 == 0) {
            dice_message(&dice, &names, (enum message_kind)dice_below(&dice, MESSAGE_KIND_COUNT),
                         &message);
            CU_ASSERT_FATAL(encode(&message));
        }
        memcpy(flipped, wire, wire_length);
        unsigned count = 1 + dice_below(&dice, 3);
        for (unsigned i = 0; i < count; i++) {
            size_t at = dice_below(&dice, (unsigned)wire_length);
            unsigned mask = dice_bool(&dice) ? dice_below(&dice, 256) : 1u << dice_below(&dice, 8);
            flipped[at] = (char)((unsigned char)flipped[at] ^ (unsigned char)mask);
        }
        expect_whole(flipped, wire_length, message.from);
    }
}

#define SET_HEAD "{\"v\":2,\"cluster\":\"prod\",\"from\":\"iad-1\",\"voters_version\":\"3\",\"voters\":null," \
                 "\"identity\":\"9\",\"restarts\":1,\"generation\":\"4\",\"sent_us\":5,\"service\":null," \
                 "\"kind\":\"voters\",\"body\":{\"set\":"

static void a_bad_set_of_voters_is_refused(void)
{
    static const struct { const char *set, *says; } bad[] = {
        { "{\"version\":\"0\",\"voters\":{\"fra-1\":\"1\",\"fra-2\":\"2\",\"iad-1\":\"3\"},\"change\":null}", "can't be" },
        { "{\"version\":\"3\",\"voters\":{\"fra-1\":\"1\",\"iad-1\":\"3\"},\"change\":null}", "can't be" },
        { "{\"version\":\"3\",\"voters\":{\"fra-1\":\"1\",\"fra-2\":\"2\",\"lhr-1\":\"3\"},\"change\":null}", "lhr-1" },
        { "{\"version\":\"3\",\"voters\":{\"fra-1\":\"1\",\"fra-2\":\"2\",\"iad-1\":\"3\"},"
          "\"change\":{\"kind\":\"remove\",\"node\":\"iad-1\",\"identity\":\"0\"}}", "can't be" },
        { "{\"version\":\"3\",\"voters\":{\"fra-1\":\"1\",\"fra-2\":\"2\",\"iad-1\":\"3\"},"
          "\"change\":{\"kind\":\"add\",\"node\":\"witness\",\"identity\":\"0\"}}", "can't be" },
        { "{\"version\":\"3\",\"voters\":{\"fra-1\":\"1\",\"fra-2\":\"2\",\"iad-1\":\"3\"},"
          "\"change\":{\"kind\":\"replace\",\"node\":\"iad-1\",\"identity\":\"3\"}}", "can't be" },
        { "{\"version\":\"3\",\"voters\":{\"fra-1\":\"1\",\"fra-2\":\"2\",\"iad-1\":\"3\"},"
          "\"change\":{\"kind\":\"none\",\"node\":\"iad-1\",\"identity\":\"0\"}}", "can't be" },
    };
    use_example();
    struct message got;
    wire_length = (size_t)snprintf(wire, sizeof wire, SET_HEAD
                                   "{\"version\":\"3\",\"voters\":{\"fra-1\":\"1\",\"fra-2\":\"0\",\"iad-1\":\"3\"},"
                                   "\"change\":{\"kind\":\"add\",\"node\":\"witness\",\"identity\":\"7\"}}}}");
    CU_ASSERT_TRUE(decode(2, &got));
    CU_ASSERT(got.as.voters.report.set.voters == 7 && got.as.voters.report.set.node == 3);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        wire_length = (size_t)snprintf(wire, sizeof wire, SET_HEAD "%s}}", bad[i].set);
        CU_ASSERT_FALSE(decode(2, &got));
        CU_ASSERT(fault_says(bad[i].says, "$.body.set"));
    }
}

SUITE_MAIN("codec_refusal", TEST(a_bad_set_of_voters_is_refused), TEST(every_key_counts), TEST(contradicting_ledgers_are_refused),
           TEST(gates_that_do_not_exist_are_refused),
           TEST(orders_about_the_voters_have_to_make_sense), TEST(the_zero_ballot_is_null),
           TEST(malformed_text_is_refused), TEST(malformed_documents_are_refused),
           TEST(deep_and_long_documents_are_refused), TEST(hostile_words_are_escaped_in_faults),
           TEST(truncation_is_refused_at_every_byte), TEST(random_flips_do_no_harm))
