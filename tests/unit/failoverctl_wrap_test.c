/* Lines for a terminal: broken at blanks, never within a command to paste, and questions as they are. */
#include <locale.h>
#include <string.h>

#include "coordinator/operator/failoverctl_fit.h"
#include "coordinator/operator/failoverctl_wrap.h"
#include "tests/unit/suite.h"

struct terminal {
    char *text;
    size_t size;
    FILE *out;
    FILE *stream;
};

static void open_terminal(struct terminal *terminal, size_t columns)
{
    terminal->out = open_memstream(&terminal->text, &terminal->size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(terminal->out);
    terminal->stream = wrap_open(terminal->out, columns);
    CU_ASSERT_PTR_NOT_NULL_FATAL(terminal->stream);
}

static void expect_shown(struct terminal *terminal, const char *wanted)
{
    fclose(terminal->stream);
    fclose(terminal->out);
    if (strcmp(terminal->text, wanted) != 0)
        fprintf(stderr, "shown:\n%s\nwanted:\n%s\n", terminal->text, wanted);
    CU_ASSERT_STRING_EQUAL(terminal->text, wanted);
    free(terminal->text);
}

static void expect(const char *printed, size_t columns, const char *wanted)
{
    struct terminal terminal;
    open_terminal(&terminal, columns);
    fputs(printed, terminal.stream);
    expect_shown(&terminal, wanted);
}

static void what_fits_stays(void)
{
    expect("one\n\n  two three\n", 11, "one\n\n  two three\n");
    expect("\033[1;31mred\033[0m and bold\n", 12, "\033[1;31mred\033[0m and bold\n");
    expect("\xc3\xa9\xc3\xa9 \xe2\x82\xac\xe2\x82\xac\n", 5, "\xc3\xa9\xc3\xa9 \xe2\x82\xac\xe2\x82\xac\n");
    expect("", 10, "");
}

static void words_are_not_broken(void)
{
    expect("  the writer is us-east-1, and all is well\n", 20,
           "  the writer is\n    us-east-1, and\n    all is well\n");
    expect("ab abcdefghij kl\n", 4, "ab\nabcdefghij\nkl\n"); /* also where one is wider than the terminal: a hash */
    expect("  grant*     12ms  the ledger names the target\n", 40, "  grant*     12ms  the ledger names the\n             target\n");
    expect("                   in its second column\n", 60, "                   in its second column\n");
    expect("                   in its second column it stays there, too\n", 57,
           "                   in its second column it stays there,\n                   too\n");
}

static void commands_stay_whole(void)
{
    expect("To do it: failoverctl switchover shop --to us-west-2 --reason \"...\"\n", 60,
           "To do it:\n  failoverctl switchover shop --to us-west-2 --reason \"...\"\n");
    expect("On its node, failoverctl rejoin shop --reason \"...\" (it runs hooks.rejoin)\n", 50,
           "On its node,\n  failoverctl rejoin shop --reason \"...\" (it runs\n  hooks.rejoin)\n");
    /* Wider than the terminal: over its edge, so that it is copied as one line. */
    expect("Say: failoverctl pause shop --for 2h --reason x\n", 20,
           "Say:\n  failoverctl pause shop --for 2h --reason x\n");
    expect("see failoverctl history here and there\n", 24, "see\n  failoverctl history here\n  and there\n");
    expect("failoverctl: no such thing is known here\n", 20, "failoverctl: no such\n  thing is known\n  here\n");
}

static void a_question_goes_out_at_once(void)
{
    struct terminal terminal;
    open_terminal(&terminal, 20);
    fputs("first\nType us-west-2 to go on, or not: ", terminal.stream);
    fflush(terminal.stream);
    fflush(terminal.out);
    CU_ASSERT_STRING_EQUAL(terminal.text, "first\nType us-west-2 to go on, or not: ");
    fputs("and the rest of that line\nthen one that is long again\n", terminal.stream);
    expect_shown(&terminal, "first\nType us-west-2 to go on, or not: and the rest of that line\n"
                            "then one that is\n  long again\n");
}

/* Whatever comes: it ends, no row is wider than the terminal unless it is a command, and only blanks are lost. */
static void every_width(void)
{
    static const char text[] = "shop  ok  writer us-east-1: failoverctl pause shop --reason \"a b\", then (failoverctl wait ID) or "
                               "failoverctl failover ... --dry-run shows it. ";
    for (size_t columns = 1; columns < 160; columns++) {
        const char *end = text + sizeof text - 1;
        const char *at = text;
        while (at < end) {
            const char *stop = fit_row_end(at, end, columns, false);
            CU_ASSERT_FATAL(stop > at && stop <= end);
            CU_ASSERT(fit_width(at, stop) <= columns);
            const char *next = fit_next(stop, end);
            for (const char *lost = stop; lost < next; lost++)
                CU_ASSERT_EQUAL(*lost, ' ');
            at = next;
        }
    }
}

int main(void)
{
    static const struct suite_test tests[] = {
        TEST(what_fits_stays), TEST(words_are_not_broken), TEST(commands_stay_whole), TEST(a_question_goes_out_at_once),
        TEST(every_width),
    };
    (void)setlocale(LC_ALL, "C.UTF-8");
    return suite_run("failoverctl_wrap", tests, sizeof tests / sizeof tests[0]);
}
