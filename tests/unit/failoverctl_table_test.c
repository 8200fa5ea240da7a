/* What people are shown: what is there, in its place; what is missing or of another kind as "?", and never a crash. */
#include <locale.h>
#include <string.h>

#include "coordinator/operator/failoverctl_table.h"
#include "tests/unit/suite.h"

typedef void show_function(const struct table_style *style, const json_t *answer);

static char *shown(show_function *show, const char *document, bool color, size_t width)
{
    char *text = NULL;
    size_t size = 0;
    json_t *answer = json_loads(document, JSON_DECODE_ANY, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    FILE *stream = open_memstream(&text, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    show(&(struct table_style){ .stream = stream, .color = color, .verbose = true, .width = width }, answer);
    fclose(stream);
    json_decref(answer);
    return text;
}

static void expect(show_function *show, const char *document, const char *wanted)
{
    char *text = shown(show, document, false, 0);
    if (strcmp(text, wanted) != 0)
        fprintf(stderr, "shown:\n%s\nwanted:\n%s\n", text, wanted);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    free(text);
}

static void gates_in_columns(void)
{
    expect(table_gates, "[{\"name\":\"fence\",\"open\":true,\"value_text\":\"lapsed\",\"limit_text\":\"lapsed\",\"age_ms\":0,"
                        "\"observer\":\"a\",\"text\":\"provable\"},{\"name\":\"cooldown\",\"skipped\":true},{}]",
           "GATE     STATE   VALUE  LIMIT  AGE OBSERVER WHAT IT SAYS\n"
           "fence    open    lapsed lapsed now a        provable\n"
           "cooldown skipped ?      ?      -   -        ?\n"
           "?        SHUT    ?      ?      -   -        ?\n");
    expect(table_gates, "[]", "");
}

static void expect_within(show_function *show, const char *document, size_t width, const char *wanted)
{
    char *text = shown(show, document, false, width);
    if (strcmp(text, wanted) != 0)
        fprintf(stderr, "shown:\n%s\nwanted:\n%s\n", text, wanted);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    free(text);
}

/* Sentences go below their row first, then the widest columns with their titles; no word is broken. */
static void a_table_that_is_too_wide(void)
{
    static const char gates[] =
        "[{\"name\":\"fence\",\"open\":true,\"value_text\":\"lapsed\",\"limit_text\":\"lapsed\",\"age_ms\":0,"
        "\"observer\":\"use1-a\",\"text\":\"provable: the lease runs out\"},{\"name\":\"cooldown\",\"text\":\"a\\u001bb\"}]";
    expect_within(table_gates, gates, 70,
                  "GATE     STATE VALUE  LIMIT  AGE OBSERVER WHAT IT SAYS\n"
                  "fence    open  lapsed lapsed now use1-a   provable: the lease runs out\n"
                  "cooldown SHUT  ?      ?      -   -        ?\n");
    expect_within(table_gates, gates, 69,
                  "GATE     STATE VALUE  LIMIT  AGE OBSERVER\n"
                  "fence    open  lapsed lapsed now use1-a\n"
                  "    provable: the lease runs out\n"
                  "cooldown SHUT  ?      ?      -   -\n"
                  "    ?\n");
    expect_within(table_gates, gates, 40,
                  "GATE     STATE VALUE  LIMIT  AGE\n"
                  "fence    open  lapsed lapsed now\n"
                  "    observer: use1-a\n"
                  "    provable: the lease runs out\n"
                  "cooldown SHUT  ?      ?      -\n"
                  "    ?\n");
    expect_within(table_gates, gates, 1,
                  "GATE\n"
                  "fence\n"
                  "    state: open\n"
                  "    value: lapsed\n"
                  "    limit: lapsed\n"
                  "    age: now\n"
                  "    observer: use1-a\n"
                  "    provable: the lease runs out\n"
                  "cooldown\n"
                  "    state: SHUT\n"
                  "    value: ?\n"
                  "    limit: ?\n"
                  "    ?\n");
}

static void voters_and_what_is_under_way(void)
{
    expect(table_voters,
           "{\"version\":4,\"needed\":2,\"quorum\":true,\"voters\":[{\"node\":\"a\",\"region\":\"east\",\"voting\":true},"
           "{\"node\":\"b\",\"region\":\"west\",\"voting\":false,\"why\":\"its store is gone\",\"todo\":\"replace it\"}],"
           "\"change\":{\"kind\":\"add\",\"node\":\"c\",\"waits_for\":\"the longest lease\"}}",
           "version 4 of the voters; 2 of them are a majority\n"
           "NODE REGION VOTES WHY NOT\n"
           "a    east   yes   \n"
           "b    west   no    its store is gone\n"
           "b: replace it\n"
           "under way: add c; both sets count until it is over. Waiting: the longest lease\n");
}

static void a_standby_that_lacks_nothing(void)
{
    char *text = shown(table_status, "{\"services\":[{\"regions\":[{\"name\":\"east\",\"lag\":{\"bytes\":0,\"seconds\":0}},"
                                     "{\"name\":\"west\",\"lag\":{\"bytes\":4096,\"seconds\":43}},{\"lag\":{}}]}]}", false, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " nothing "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " 4 KiB (43s) "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " not known "));
    CU_ASSERT_PTR_NULL(strstr(text, "0 B"));
    free(text);
}

static void an_operation_with_its_steps(void)
{
    expect(table_operation,
           "{\"id\":\"00000000000000aa\",\"service\":\"shop\",\"kind\":\"switchover\",\"from\":\"east\",\"to\":\"west\","
           "\"outcome\":\"done\",\"total_ms\":1900,\"begun\":\"then\",\"automatic\":false,\"who\":\"ada\",\"why\":\"disks\","
           "\"stopped_ms\":1200,\"loss\":{\"bytes\":0,\"seconds\":0},\"steps\":[{\"name\":\"begin\",\"began\":\"then\","
           "\"took_ms\":12,\"retries\":0},{\"name\":\"fence\",\"took_ms\":700,\"retries\":2,\"detail\":\"no answer\"}]}",
           "00000000000000aa  shop switchover  east -> west  done in 1.9s\n"
           "  begun then by ada: disks\n"
           "  no client could write for 1.2s\n"
           "  estimated loss: nothing\n"
           "STEP  BEGAN  TOOK RETRIES LAST TROUBLE\n"
           "begin then   12ms         \n"
           "fence ?     700ms       2 no answer\n");
    expect(table_operation, "{\"id\":\"00000000000000aa\",\"loss\":{\"bytes\":4096,\"seconds\":null}}",
           "00000000000000aa  ? ?  ? -> ?  ?\n  begun ? by a person\n"
           "  estimated loss: 4 KiB (of nobody knows how long)\n");
    expect(table_operation, "{\"id\":\"00000000000000aa\",\"aborted\":{\"step\":\"fence\",\"gate\":\"none\","
                            "\"text\":\"a person sent it back\"}}",
           "00000000000000aa  ? ?  ? -> ?  ?\n  begun ? by a person\n"
           "  went back at step fence: a person sent it back\n");
    expect(table_history, "{\"operations\":[]}", "no operation is known to this node\n");
}

static void incidents_and_channels(void)
{
    expect(table_incidents,
           "{\"incidents\":[{\"id\":\"00000000000000ee\",\"event\":\"stuck\",\"service\":\"shop\",\"open_ms\":61000,\"level\":1,"
           "\"needs_person\":true,\"text\":\"a step is late\"}],\"channels\":[]}",
           "INCIDENT         EVENT SERVICE OPEN FOR LEVEL TAKES CARE WHAT\n"
           "00000000000000ee stuck shop    1m01s    1     nobody     a step is late\n"
           "\nno channels: nobody is told anything (notify.channels of cluster.json)\n");
}

static void a_checklist(void)
{
    expect(table_runbook,
           "{\"text\":\"1 of 2 items is open\",\"list\":[{\"id\":\"tell\",\"when\":\"before\",\"by\":\"person\",\"state\":\"done\","
           "\"text\":\"tell people\",\"evidence\":\"ticked\"},{\"id\":\"lag\",\"when\":\"after\",\"by\":\"failoverd\","
           "\"state\":\"open\",\"answer\":\"no\",\"text\":\"it streams\",\"evidence\":\"it does not\",\"age_ms\":2000}]}",
           "    WHEN   ITEM WHO CHECKS WHAT        WHAT IT RESTS ON\n"
           "[x] before tell person     tell people ticked\n"
           "[!] after  lag  failoverd  it streams  it does not (2s ago)\n"
           "1 of 2 items is open. Nothing waits for an open item.\n");
}

/* Whatever comes over the socket. Colours only where they were asked for, and nothing of the answer's own. */
static void answers_of_any_shape(void)
{
    static show_function *const all[] = { table_status, table_dry_run, table_gates, table_votes, table_phases,
                                          table_incidents, table_words, table_audit, table_runbook, table_voters,
                                          table_history, table_operation };
    static const char *const odd[] = {
        "{}", "[]", "7", "null", "\"x\"", "[7,null,{},[],\"\\u001b[31m\"]",
        "{\"services\":[{\"regions\":[{\"verdicts\":[{}],\"guard\":{},\"lag\":{},\"database\":{}}],\"checks\":[{}],\"dns\":{},"
        "\"operation\":{},\"runbook\":{\"list\":[{}]},\"proposal\":{}}],\"notify\":{\"incidents\":[{\"needs_person\":true}]}}",
        "{\"text\":\"\\u001b[2J\",\"operations\":[{\"id\":\"\\u001b]0;x\\u0007\",\"steps\":[{\"name\":7}],\"total_ms\":1e300}]}",
        "{\"lines\":[{\"user\":\"\\u009b31m\",\"uid\":1,\"skipped_gates\":[\"\\u001b[1m\",7]}],\"channels\":[{\"last_ms\":-1}]}",
        "{\"voters\":[{\"todo\":\"\\u001b[0m\"}],\"change\":{},\"gates\":[{}],\"steps\":[{\"took_ms\":-5}],\"loss\":{\"bytes\":-1}}",
    };
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
        for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
            for (size_t width = 0; width <= 100; width += 50) {
                char *text = shown(all[k], odd[i], false, width);
                CU_ASSERT_PTR_NULL(strchr(text, '\033'));
                CU_ASSERT_PTR_NULL(strchr(text, '\a'));
                free(text);
                free(shown(all[k], odd[i], true, width));
            }
    char *text = shown(table_gates, "[{\"name\":\"fence\",\"open\":true}]", true, 0);
    CU_ASSERT_PTR_NOT_NULL(strchr(text, '\033'));
    free(text);
}

int main(void)
{
    static const struct suite_test tests[] = {
        TEST(gates_in_columns), TEST(a_table_that_is_too_wide), TEST(voters_and_what_is_under_way),
        TEST(a_standby_that_lacks_nothing),
        TEST(an_operation_with_its_steps),
        TEST(incidents_and_channels), TEST(a_checklist), TEST(answers_of_any_shape),
    };
    (void)setlocale(LC_ALL, "C.UTF-8");
    return suite_run("failoverctl_table", tests, sizeof tests / sizeof tests[0]);
}
