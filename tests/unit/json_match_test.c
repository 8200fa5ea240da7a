/* JSON pointers: the examples of RFC 6901, what leads nowhere, what is refused; and equality. */
#include "probes/json_match.h"

#include <string.h>

#include "tests/unit/suite.h"

static struct fault fault;

/* The compact value at the pointer, "" when there is none. */
static const char *find(const json_t *document, const char *pointer)
{
    static char text[256];
    const json_t *value = json_pointer_find(document, pointer);
    char *dump = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    (void)snprintf(text, sizeof text, "%s", dump != NULL ? dump : "");
    free(dump);
    return text;
}

static void the_examples_of_the_standard(void)
{
    static const char *const examples[][2] = {
        { "/foo", "[\"bar\",\"baz\"]" }, { "/foo/0", "\"bar\"" }, { "/", "0" }, { "/a~1b", "1" }, { "/c%d", "2" },
        { "/e^f", "3" }, { "/g|h", "4" }, { "/i\\j", "5" }, { "/k\"l", "6" }, { "/ ", "7" }, { "/m~0n", "8" },
    };
    json_t *document = json_loads("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
                                  "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}", 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(document);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        CU_ASSERT_TRUE(json_pointer_check(examples[i][0], &fault));
        CU_ASSERT_STRING_EQUAL(find(document, examples[i][0]), examples[i][1]);
    }
    CU_ASSERT_PTR_EQUAL(json_pointer_find(document, ""), document);
    json_decref(document);
}

static void escapes_are_undone_in_the_right_order(void)
{
    json_t *document = json_loads("{\"~1\":\"tilde one\",\"/\":\"slash\",\"a\":{\"\":{\"\":7}}}", 0, NULL);
    CU_ASSERT_STRING_EQUAL(find(document, "/~01"), "\"tilde one\""); /* never "/" */
    CU_ASSERT_STRING_EQUAL(find(document, "/~1"), "\"slash\"");
    CU_ASSERT_STRING_EQUAL(find(document, "/a//"), "7");
    json_decref(document);
}

static void what_leads_nowhere(void)
{
    static const char *const nowhere[] = {
        "/missing", "/list/2", "/list/-", "/list/01", "/list/-1", "/list/+1", "/list/1e0", "/list/ 1", "/list/",
        "/list/18446744073709551616", "/list/4294967296", "/text/0", "/number/x", "/list/0/x", "/null/x",
    };
    json_t *document = json_loads("{\"list\":[5,6],\"text\":\"abc\",\"number\":1,\"null\":null}", 0, NULL);
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        CU_ASSERT_TRUE(json_pointer_check(nowhere[i], &fault));
        CU_ASSERT_PTR_NULL(json_pointer_find(document, nowhere[i]));
    }
    CU_ASSERT_STRING_EQUAL(find(document, "/list/1"), "6");
    CU_ASSERT_STRING_EQUAL(find(document, "/null"), "null");
    json_decref(document);
}

static void wrong_pointers_are_refused(void)
{
    static char long_one[JSON_POINTER_MAX + 1];
    memset(long_one, '/', sizeof long_one - 1);
    CU_ASSERT_FALSE(json_pointer_check("status", &fault));
    CU_ASSERT_FALSE(json_pointer_check("/a~", &fault));
    CU_ASSERT_FALSE(json_pointer_check("/a~2", &fault));
    CU_ASSERT_FALSE(json_pointer_check(long_one, &fault));
    long_one[JSON_POINTER_MAX - 1] = '\0';
    CU_ASSERT_TRUE(json_pointer_check(long_one, &fault));
}

static bool equal(const char *a, const char *b)
{
    json_t *left = json_loads(a, JSON_DECODE_ANY, NULL), *right = json_loads(b, JSON_DECODE_ANY, NULL);
    CU_ASSERT_TRUE(left != NULL && right != NULL);
    bool same = json_match_equal(left, right);
    CU_ASSERT_EQUAL(same, json_match_equal(right, left));
    json_decref(left);
    json_decref(right);
    return same;
}

static void equality_is_that_of_values(void)
{
    CU_ASSERT_TRUE(equal("3", "3.0"));
    CU_ASSERT_TRUE(equal("{\"a\":[1,2.0],\"b\":null}", "{\"b\":null,\"a\":[1.0,2]}"));
    CU_ASSERT_TRUE(equal("\"ok\"", "\"ok\""));
    CU_ASSERT_FALSE(equal("9007199254740993", "9007199254740992"));
    CU_ASSERT_FALSE(equal("3", "\"3\""));
    CU_ASSERT_FALSE(equal("true", "1"));
    CU_ASSERT_FALSE(equal("null", "false"));
    CU_ASSERT_FALSE(equal("[1]", "[1,1]"));
    CU_ASSERT_FALSE(equal("[1,2]", "[2,1]"));
    CU_ASSERT_FALSE(equal("{\"a\":1}", "{\"b\":1}"));
    CU_ASSERT_FALSE(equal("{\"a\":1}", "{\"a\":1,\"b\":1}"));
    CU_ASSERT_FALSE(equal("[]", "{}"));
    CU_ASSERT_FALSE(json_match_equal(NULL, NULL));
}

SUITE_MAIN("json_match", TEST(the_examples_of_the_standard), TEST(escapes_are_undone_in_the_right_order),
           TEST(what_leads_nowhere), TEST(wrong_pointers_are_refused), TEST(equality_is_that_of_values))
