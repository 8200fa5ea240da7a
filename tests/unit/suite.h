/* What every unit suite shares: one binary per suite, and an exit code that is the truth.
 *
 *     static void some_rule_holds(void) { CU_ASSERT_EQUAL(2 + 2, 4); }
 *     SUITE_MAIN("arithmetic", TEST(some_rule_holds))
 *
 * CUnit's own return values do not say whether an assertion failed, so the exit code comes from
 * CU_get_number_of_failures(). The last line is "N passed, N failed" for the summary of `make test`.
 */
#ifndef FAILOVERD_TESTS_SUITE_H
#define FAILOVERD_TESTS_SUITE_H

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct suite_test {
    const char *name;
    void (*run)(void);
};

#define TEST(function) { #function, function }

static inline int suite_run(const char *name, const struct suite_test *tests, size_t count)
{
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return EXIT_FAILURE;
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    if (suite == NULL)
        return EXIT_FAILURE;
    for (size_t i = 0; i < count; i++)
        if (CU_add_test(suite, tests[i].name, tests[i].run) == NULL)
            return EXIT_FAILURE;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_ErrorCode error = CU_basic_run_tests();
    unsigned failed = CU_get_number_of_tests_failed();
    unsigned failures = CU_get_number_of_failures();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    printf("%u passed, %u failed\n", run - failed, failed);
    return error == CUE_SUCCESS && failures == 0 && run == count ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE_MAIN(name, ...)                                                                     \
    int main(void)                                                                                \
    {                                                                                             \
        static const struct suite_test tests[] = { __VA_ARGS__ };                                 \
        return suite_run(name, tests, sizeof tests / sizeof tests[0]);                            \
    }

#endif
