/* ask: questions between nodes and their answers come back whole, and what is wrong is refused with its place. */
#include "coordinator/peer/ask.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/peer/codec.h"
#include "tests/unit/random_message.h"
#include "tests/unit/suite.h"

#define SELF 0
#define OTHER 2

static struct codec_names names;
static struct fault fault;
static char wire[ASK_PAYLOAD_MAX + 8];
static size_t wire_length;

static struct ask_question a_question(void)
{
    names = example_names();
    CU_ASSERT_FATAL(codec_names_finish(&names, &fault));
    return (struct ask_question){ .kind = ASK_REJOIN, .ticket = UINT64_MAX, .service = 1, .region = 2,
                                  .without_list = true, .uid = UINT32_MAX, .user = "ann", .role = "operate", .reason = "home \"again\"" };
}

static bool put(const struct ask_question *q)
{
    return ask_encode_question(&names, SELF, q, wire, sizeof wire, &wire_length, &fault);
}

static bool get(struct ask_question *q)
{
    return ask_decode_question(&names, wire, wire_length, SELF, q, &fault);
}

static bool put_answer(const struct ask_answer *a)
{
    return ask_encode_answer(&names, SELF, a, wire, sizeof wire, &wire_length, &fault);
}

static bool get_answer(struct ask_answer *a)
{
    return ask_decode_answer(&names, wire, wire_length, SELF, a, &fault);
}

static bool is_zero(const void *what, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((const unsigned char *)what)[i] != 0)
            return false;
    return true;
}

static void a_question_comes_back_whole(void)
{
    struct ask_question sent = a_question(), got;
    CU_ASSERT_FATAL(put(&sent) && get(&got));
    CU_ASSERT(ask_what(wire, wire_length) == ASK_QUESTION);
    CU_ASSERT(got.kind == ASK_REJOIN && got.ticket == UINT64_MAX && got.service == 1 && got.region == 2);
    CU_ASSERT(!got.dry_run && got.without_list && got.run == 0 && got.uid == UINT32_MAX);
    CU_ASSERT_STRING_EQUAL(got.user, "ann");
    CU_ASSERT_STRING_EQUAL(got.role, "operate");
    CU_ASSERT_STRING_EQUAL(got.reason, "home \"again\"");
    sent = (struct ask_question){ .kind = ASK_REJOIN_RUN, .ticket = 1, .service = 0, .region = 0, .run = 7 };
    CU_ASSERT_FATAL(put(&sent) && get(&got));
    CU_ASSERT(got.kind == ASK_REJOIN_RUN && got.run == 7 && got.user[0] == '\0');
}

static void an_answer_comes_back_whole(void)
{
    (void)a_question();
    struct ask_answer sent = { .ticket = 9, .refused = true, .code = "not_listed", .exit = 3, .text = "refused", .todo = "wait",
                               .body = json_pack("{s:s, s:[s]}", "node", "fra-1", "commands", "pg_rewind") };
    struct ask_answer got;
    CU_ASSERT_FATAL(put_answer(&sent) && get_answer(&got));
    CU_ASSERT(ask_what(wire, wire_length) == ASK_ANSWER);
    CU_ASSERT(got.ticket == 9 && got.refused && got.exit == 3 && json_equal(got.body, sent.body));
    CU_ASSERT_STRING_EQUAL(got.code, "not_listed");
    json_decref(got.body);
    json_decref(sent.body);
    sent = (struct ask_answer){ .ticket = 9 };
    CU_ASSERT_FATAL(put_answer(&sent) && get_answer(&got));
    CU_ASSERT(!got.refused && got.body == NULL);
}

/* The core's messages begin with a brace: neither is ever taken for the other. */
static void no_message_of_the_core_is_one(void)
{
    struct ask_question q = a_question(), got;
    struct message message;
    CU_ASSERT_EQUAL(ask_what("{", 1), ASK_NEITHER);
    CU_ASSERT_EQUAL(ask_what("", 0), ASK_NEITHER);
    CU_ASSERT_FATAL(put(&q));
    CU_ASSERT_FALSE(codec_decode_message(&names, wire, wire_length, SELF, &message, &fault));
    wire[0] = '!';
    CU_ASSERT_FALSE(get(&got)); /* a question is no answer */
    struct ask_answer answer;
    CU_ASSERT_FALSE(get_answer(&answer));
    CU_ASSERT_FALSE(ask_decode_question(&names, wire, 0, SELF, &got, &fault));
}

/* `key` of the object becomes `value`, or is left out (NULL); refused, with the place, and nothing is kept. */
static void spoilt(bool question, const char *key, json_t *value)
{
    json_error_t error;
    json_t *json = json_loadb(wire + 1, wire_length - 1, 0, &error);
    char place[64];
    size_t was = wire_length;
    static char kept[sizeof wire];
    memcpy(kept, wire, sizeof wire);
    (void)snprintf(place, sizeof place, strcmp(key, "more") == 0 ? "$: \"%s\"" : "$.%s: ", key);
    CU_ASSERT_FATAL(json != NULL);
    if (value != NULL)
        (void)json_object_set_new(json, key, value);
    else
        (void)json_object_del(json, key);
    wire_length = 1 + json_dumpb(json, wire + 1, sizeof wire - 1, JSON_COMPACT);
    json_decref(json);
    struct ask_question q;
    struct ask_answer a;
    bool taken = question ? get(&q) : get_answer(&a);
    bool zero = question ? is_zero(&q, sizeof q) : is_zero(&a, sizeof a);
    if (taken || !zero || strstr(fault.text, place) == NULL || strstr(fault.text, "fra-1") == NULL) {
        printf("    %s: %s\n", place, taken ? "taken" : fault.text);
        CU_FAIL("not refused as it should be");
    }
    memcpy(wire, kept, sizeof wire);
    wire_length = was;
}

static json_t *long_string(size_t length)
{
    char *words = malloc(length + 1);
    CU_ASSERT_FATAL(words != NULL);
    memset(words, 'x', length);
    words[length] = '\0';
    json_t *json = json_string(words);
    free(words);
    return json;
}

static void bad_questions_are_refused_with_their_place(void)
{
    static const char *const keys[] = { "v", "cluster", "from", "ticket", "ask", "service", "region", "dry_run", "without_list",
                                        "run", "uid", "user", "role", "reason" };
    struct ask_question q = a_question();
    CU_ASSERT_FATAL(put(&q));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        spoilt(true, keys[i], NULL);
        spoilt(true, keys[i], json_array());
        spoilt(true, keys[i], json_null());
    }
    spoilt(true, "v", json_integer(2));
    spoilt(true, "cluster", json_string("staging"));
    spoilt(true, "from", json_string("fra-2"));
    spoilt(true, "ticket", json_string("0"));
    spoilt(true, "ask", json_string("failover"));
    spoilt(true, "service", json_string("nothing"));
    spoilt(true, "region", json_string("mars"));
    spoilt(true, "run", json_string("7")); /* of a question that is about none */
    spoilt(true, "uid", json_integer(-1));
    spoilt(true, "user", long_string(ASK_USER_MAX));
    spoilt(true, "reason", long_string(ASK_REASON_MAX));
    spoilt(true, "reason", json_string("\x1b[2J"));
    spoilt(true, "more", json_true());
}

static void bad_answers_are_refused_with_their_place(void)
{
    (void)a_question();
    static const char *const keys[] = { "v", "cluster", "from", "ticket", "refused", "code", "exit", "text", "todo" };
    struct ask_answer a = { .ticket = 9, .refused = true, .code = "busy", .exit = 3, .text = "refused" };
    CU_ASSERT_FATAL(put_answer(&a));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        spoilt(false, keys[i], NULL);
        spoilt(false, keys[i], json_array());
        spoilt(false, keys[i], json_null());
    }
    spoilt(false, "body", NULL);
    spoilt(false, "body", json_array());
    spoilt(false, "body", json_string("plan"));
    spoilt(false, "exit", json_integer(0));
    spoilt(false, "exit", json_integer(ASK_EXIT_MAX + 1));
    spoilt(false, "code", json_string("")); /* a refusal has a name */
    spoilt(false, "code", json_string("../x"));
    spoilt(false, "code", long_string(ASK_CODE_MAX));
    spoilt(false, "text", long_string(ASK_TEXT_MAX));
    spoilt(false, "todo", json_string("a\nb"));
    spoilt(false, "more", json_true());
    a = (struct ask_answer){ .ticket = 9, .body = json_object() };
    CU_ASSERT_FATAL(put_answer(&a));
    json_decref(a.body);
    spoilt(false, "exit", json_integer(3));
    spoilt(false, "code", json_string("busy"));
}

/* What would not be taken is not sent either; control characters of ours are made spaces. */
static void what_makes_no_sense_is_not_sent(void)
{
    struct ask_question q = a_question(), got;
    q.service = 77;
    CU_ASSERT_FALSE(put(&q));
    q = a_question();
    q.ticket = 0;
    CU_ASSERT_FALSE(put(&q));
    q = a_question();
    (void)memcpy(q.reason, "a\nb\x1b", 5);
    CU_ASSERT_FATAL(put(&q) && get(&got));
    CU_ASSERT_STRING_EQUAL(got.reason, "a b ");
    struct ask_answer a = { .ticket = 9, .body = json_object() };
    (void)json_object_set_new(a.body, "text", long_string(ASK_PAYLOAD_MAX));
    CU_ASSERT_FALSE(put_answer(&a));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "longer than"));
    json_decref(a.body);
}

static void hostile_bytes_do_no_harm(void)
{
    struct ask_question q = a_question(), got;
    struct dice dice = { 20261122 };
    struct ask_answer answer;
    CU_ASSERT_FATAL(put(&q));
    size_t length = wire_length;
    for (size_t cut = 0; cut < length; cut++)
        CU_ASSERT_FALSE(ask_decode_question(&names, wire, cut, SELF, &got, &fault));
    for (int i = 0; i < 20000; i++) {
        CU_ASSERT_FATAL(put(&q));
        for (uint32_t flips = 1 + dice_below(&dice, 3); flips > 0; flips--)
            wire[dice_below(&dice, (uint32_t)length)] ^= (char)(1u << dice_below(&dice, 8));
        (void)get(&got);
        if (get_answer(&answer))
            json_decref(answer.body);
    }
    CU_ASSERT_FALSE(ask_decode_question(&names, "?{\"v\":1}x", 9, SELF, &got, &fault));
    CU_ASSERT_FALSE(ask_decode_question(&names, "?[]", 3, SELF, &got, &fault));
    CU_ASSERT_FALSE(ask_decode_question(&names, "?", 1, OTHER, &got, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "iad-1"));
}

SUITE_MAIN("ask", TEST(a_question_comes_back_whole), TEST(an_answer_comes_back_whole), TEST(no_message_of_the_core_is_one),
           TEST(bad_questions_are_refused_with_their_place), TEST(bad_answers_are_refused_with_their_place),
           TEST(what_makes_no_sense_is_not_sent), TEST(hostile_bytes_do_no_harm))
