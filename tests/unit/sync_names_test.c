/* synchronous_standby_names as PostgreSQL reads it, and our name in and out of it. */
#include "coordinator/database/sync_names.h"

#include <string.h>

#include "tests/unit/suite.h"

#define OURS "failoverd_shop_f0123456789ab"

static void reads_every_form(void)
{
    static const struct { const char *text; size_t need, count; const char *last; } forms[] = {
        { "", 0, 0, "" }, { "  \t", 0, 0, "" }, { "s1", 1, 1, "s1" }, { " s1 , \"s 2\" ", 1, 2, "s 2" }, { "2 (a, b, c)", 2, 3, "c" },
        { "FIRST 1 (\"it\"\"s\")", 1, 1, "it\"s" }, { "any 2(a,b)", 2, 2, "b" }, { "*", 1, 1, "*" }, { "any", 0, 0, NULL },
        { "12", 1, 1, "12" }, { "\"first\"", 1, 1, "first" }, { "a$1_\xc3\xa9", 1, 1, "a$1_\xc3\xa9" },
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct sync_names names;
        struct fault fault;
        bool read = sync_names_parse(forms[i].text, &names, &fault);
        CU_ASSERT_EQUAL(read, forms[i].last != NULL);
        if (!read || forms[i].last == NULL)
            continue;
        CU_ASSERT_EQUAL(names.need, forms[i].need);
        CU_ASSERT_EQUAL(names.count, forms[i].count);
        if (names.count > 0)
            CU_ASSERT_STRING_EQUAL(names.names[names.count - 1], forms[i].last);
    }
}

static void refuses_what_is_none(void)
{
    static const char *const bad[] = {
        "first", "first 1", "first 1 s1", "2 (a", "2 (a,)", "a,,b", "a b", "(a)", "0 (a)", "99999999999 (a)", "\"a", "\"\"", "a;b", "a-b",
        "1 (a) b", "FIRST 1 (a), b", ",", "-1 (a)", "a\\b",
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
        "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sync_names names;
        struct fault fault = { "" };
        if (sync_names_parse(bad[i], &names, &fault))
            fprintf(stderr, "read: %s\n", bad[i]);
        CU_ASSERT_TRUE(fault.text[0] != '\0');
    }
}

/* In and out again gives what was there, and everybody named is needed in between. */
static void goes_in_and_comes_out(void)
{
    static const struct { const char *before, *with, *after; } cases[] = {
        { "", "FIRST 1 (\"" OURS "\")", "" },
        { "s1", "FIRST 2 (\"" OURS "\", \"s1\")", "FIRST 1 (\"s1\")" },
        { "ANY 2 (s1, \"it\"\"s\")", "FIRST 3 (\"" OURS "\", \"s1\", \"it\"\"s\")", "FIRST 2 (\"s1\", \"it\"\"s\")" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sync_names names;
        struct sync_mark mark;
        struct fault fault;
        char text[SYNC_TEXT_MAX];
        CU_ASSERT_TRUE(sync_names_parse(cases[i].before, &names, &fault));
        CU_ASSERT_TRUE(sync_names_strip(&names, "shop", &mark, &fault));
        CU_ASSERT_FALSE(mark.present);
        CU_ASSERT_TRUE(sync_names_combine(&names, OURS, text, sizeof text, &fault));
        CU_ASSERT_STRING_EQUAL(text, cases[i].with);
        CU_ASSERT_TRUE(sync_names_parse(text, &names, &fault));
        CU_ASSERT_TRUE(sync_names_strip(&names, "shop", &mark, &fault));
        CU_ASSERT_TRUE(mark.present && !mark.by_alter_system);
        CU_ASSERT_STRING_EQUAL(mark.name, OURS);
        CU_ASSERT_TRUE(sync_names_text(&names, text, sizeof text));
        CU_ASSERT_STRING_EQUAL(text, cases[i].after);
    }
}

/* Where others could satisfy the server without us there is no combination. */
static void refuses_what_others_could_satisfy(void)
{
    static const char *const bad[] = { "ANY 1 (s1, s2)", "s1, s2", "FIRST 2 (a, b, c)", "*", "FIRST 2 (a, \"*\")", "FIRST 2 (a)",
                                       "FIRST 15 (a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p)" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sync_names names;
        struct fault fault = { "" };
        char text[SYNC_TEXT_MAX];
        CU_ASSERT_TRUE(sync_names_parse(bad[i], &names, &fault));
        CU_ASSERT_FALSE(sync_names_combine(&names, OURS, text, sizeof text, &fault));
        CU_ASSERT_TRUE(fault.text[0] != '\0');
    }
    struct sync_names names;
    struct sync_mark mark;
    struct fault fault = { "" };
    CU_ASSERT_TRUE(sync_names_parse("FIRST 1 (s1, " OURS ")", &names, &fault));
    CU_ASSERT_FALSE(sync_names_strip(&names, "shop", &mark, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, OURS));
}

static void knows_its_own_names(void)
{
    static const char *const foreign[] = { "failoverd_shop_b_f0123456789ab", "failoverd_shop_x0123456789ab", "failoverd_shop_f0123456789a",
                                           "failoverd_shop_f0123456789abc", "failoverd_shop_f0123456789aG", "failoverd_sho_f0123456789ab",
                                           "failoverd_shop_", "FAILOVERD_SHOP_F0123456789AB" };
    struct fault fault;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        struct sync_names names = { .need = 1, .count = 1 };
        struct sync_mark mark;
        (void)snprintf(names.names[0], SYNC_NAME_MAX, "%s", foreign[i]);
        CU_ASSERT_TRUE(sync_names_strip(&names, "shop", &mark, &fault));
        CU_ASSERT_FALSE(mark.present);
    }
    /* Names of the longest services fit, are ours, and differ. */
    char a[64], b[64], one[SYNC_NAME_MAX], two[SYNC_NAME_MAX];
    memset(a, 'x', 63);
    a[63] = '\0';
    memcpy(b, a, sizeof b);
    b[62] = 'y';
    sync_mark_make(one, a, true, UINT64_MAX);
    sync_mark_make(two, b, true, UINT64_MAX);
    CU_ASSERT_TRUE(strlen(one) < SYNC_NAME_MAX && strcmp(one, two) != 0);
    struct sync_names names = { .need = 1, .count = 1 };
    struct sync_mark mark;
    (void)snprintf(names.names[0], SYNC_NAME_MAX, "%s", one);
    CU_ASSERT_TRUE(sync_names_strip(&names, a, &mark, &fault));
    CU_ASSERT_TRUE(mark.present && mark.by_alter_system);
}

SUITE_MAIN("sync_names", TEST(reads_every_form), TEST(refuses_what_is_none), TEST(goes_in_and_comes_out),
           TEST(refuses_what_others_could_satisfy), TEST(knows_its_own_names))
