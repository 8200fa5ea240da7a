/* What may come next on the command line: by the help texts, and by a status that may be anything. */
#include <string.h>

#include "coordinator/operator/commands.h"
#include "coordinator/operator/complete.h"
#include "tests/unit/suite.h"

#define LINE_MAX_WORDS 16

static const char shop_and_desk[] =
    "{\"services\":[{\"name\":\"shop\",\"regions\":[{\"name\":\"us-east-1\"},{\"name\":\"us-west-2\"}]},"
    "{\"name\":\"desk\",\"regions\":[{\"name\":\"eu-west-1\"}]}]}";

static char found[4096];

static void keep(void *context, const char *candidate)
{
    (void)context;
    CU_ASSERT_FATAL(strlen(found) + strlen(candidate) + 2 < sizeof found);
    strncat(found, candidate, sizeof found - strlen(found) - 1);
    strncat(found, " ", sizeof found - strlen(found) - 1);
}

/* The candidates for a line whose words are parted by `/`, each followed by a space. */
static const char *next(const char *words, const char *status)
{
    static char copy[512];
    const char *list[LINE_MAX_WORDS];
    size_t count = 0;
    CU_ASSERT_FATAL(strlen(words) < sizeof copy);
    memcpy(copy, words, strlen(words) + 1);
    for (char *at = copy; count < LINE_MAX_WORDS;) {
        list[count++] = at;
        at = strchr(at, '/');
        if (at == NULL)
            break;
        *at++ = '\0';
    }
    json_t *said = status != NULL ? json_loads(status, 0, NULL) : NULL;
    const char *socket_path = "none";
    found[0] = '\0';
    (void)complete_needs_status((struct complete_line){ list, count }, &socket_path);
    complete_candidates((struct complete_line){ list, count }, said, keep, NULL);
    json_decref(said);
    return found;
}

static bool has(const char *candidates, const char *word)
{
    for (const char *at = strstr(candidates, word); at != NULL; at = strstr(at + 1, word))
        if ((at == candidates || at[-1] == ' ') && at[strlen(word)] == ' ')
            return true;
    return false;
}

static void every_command_is_offered(void)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        char first[64] = "";
        strncat(first, command_row((enum command_id)i)->name, strcspn(command_row((enum command_id)i)->name, " "));
        CU_ASSERT(has(next("", NULL), first));
        CU_ASSERT(has(next(first, NULL), first));
    }
    CU_ASSERT_STRING_EQUAL(next("swit", NULL), "switchover ");
    CU_ASSERT_STRING_EQUAL(next("op", NULL), "operation ");
    CU_ASSERT_STRING_EQUAL(next("dn", NULL), "dns ");
    CU_ASSERT_STRING_EQUAL(next("dns/", NULL), "adopt ");
    CU_ASSERT_STRING_EQUAL(next("dns/b", NULL), "");
    CU_ASSERT_STRING_EQUAL(next("help/swit", NULL), "switchover ");
    CU_ASSERT_STRING_EQUAL(next("nonsense/", NULL), "");
}

static void options_are_those_of_the_command(void)
{
    CU_ASSERT(has(next("failover/shop/--", NULL), "--accept-loss"));
    CU_ASSERT(!has(next("switchover/shop/--", NULL), "--accept-loss"));
    CU_ASSERT(has(next("switchover/shop/--", NULL), "--reason"));
    CU_ASSERT(has(next("dns/adopt/shop/--", NULL), "--no-wait"));
    CU_ASSERT(has(next("--", NULL), "--socket"));
    CU_ASSERT(!has(next("--", NULL), "--to"));
    CU_ASSERT_STRING_EQUAL(next("status/--verb", NULL), "--verbose ");
}

static void each_option_once(void)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        char line[128] = "";
        strncat(line, command_row((enum command_id)i)->name, sizeof line - 1);
        char *space = strchr(line, ' ');
        if (space != NULL)
            *space = '/';
        strncat(line, "/--", sizeof line - strlen(line) - 1);
        (void)next(line, NULL);
        for (char *word = strtok_r(found, " ", &space); word != NULL; word = strtok_r(NULL, " ", &space)) {
            CU_ASSERT_FALSE(has(space, word));
            CU_ASSERT_EQUAL(strspn(word, "abcdefghijklmnopqrstuvwxyz-"), strlen(word));
        }
    }
}

static void names_come_from_the_status(void)
{
    CU_ASSERT_STRING_EQUAL(next("status/", shop_and_desk), "shop desk ");
    CU_ASSERT_STRING_EQUAL(next("status/s", shop_and_desk), "shop ");
    CU_ASSERT_STRING_EQUAL(next("switchover/shop/--to/", shop_and_desk), "us-east-1 us-west-2 ");
    CU_ASSERT_STRING_EQUAL(next("switchover/desk/--to/", shop_and_desk), "eu-west-1 ");
    CU_ASSERT_STRING_EQUAL(next("switchover/--to/us-w", shop_and_desk), "us-west-2 ");
    CU_ASSERT_STRING_EQUAL(next("switchover/shop/--to/us-west-2/--yes/", shop_and_desk), "");
    CU_ASSERT_STRING_EQUAL(next("switchover/--reason/switchover/", shop_and_desk), "shop desk ");
    CU_ASSERT_STRING_EQUAL(next("--socket/x/status/d", shop_and_desk), "desk ");
}

static void proposals_come_from_the_status(void)
{
    static const char status[] = "{\"services\":[{\"name\":\"shop\",\"proposal\":{\"id\":\"00c0ffee00c0ffee\"}},"
                                 "{\"name\":\"desk\",\"proposal\":null},{\"proposal\":{\"id\":\"$(x)\"}},{\"proposal\":7}]}";
    CU_ASSERT_STRING_EQUAL(next("approve/", status), "00c0ffee00c0ffee ");
    CU_ASSERT_STRING_EQUAL(next("decline/00c", status), "00c0ffee00c0ffee ");
    CU_ASSERT_STRING_EQUAL(next("decline/00c0ffee00c0ffee/--reason/", status), "");
    CU_ASSERT_STRING_EQUAL(next("wait/", status), "00c0ffee00c0ffee ");
    CU_ASSERT_STRING_EQUAL(next("operation/abort/", status), "");
}

/* Of all that has an id, each command is offered what it can do something with. */
static void ids_fit_the_command(void)
{
    static const char status[] =
        "{\"services\":[{\"name\":\"shop\",\"operation\":{\"id\":\"00000000000000aa\"},\"scheduled\":null,"
        "\"last_operation\":{\"id\":\"00000000000000bb\"},\"proposal\":null,"
        "\"runbook\":{\"operation\":\"00000000000000aa\"}},"
        "{\"name\":\"desk\",\"operation\":null,\"scheduled\":{\"id\":\"00000000000000cc\"},"
        "\"proposal\":{\"id\":\"00000000000000dd\"},\"last_operation\":{\"id\":\"\"},\"runbook\":7}],"
        "\"notify\":{\"incidents\":[{\"id\":\"00000000000000ee\"},{\"id\":\"a b\"},3],"
        "\"channels\":[{\"name\":\"pager\"},"
        "{\"name\":\"$(x)\"},{\"name\":\"chat\"},null]}}";
    static const char *const words[] = { "pause", "resume", "abort", "skip" };
    char line[64];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        (void)snprintf(line, sizeof line, "operation/%s/", words[i]);
        CU_ASSERT_STRING_EQUAL(next(line, status), "00000000000000aa ");
    }
    CU_ASSERT_STRING_EQUAL(next("operation/tick/", status), "00000000000000aa ");
    CU_ASSERT_STRING_EQUAL(next("wait/", status),
                           "00000000000000aa 00000000000000bb 00000000000000dd 00000000000000cc ");
    CU_ASSERT_STRING_EQUAL(next("operation/show/", status), next("wait/", status));
    CU_ASSERT_STRING_EQUAL(next("approve/", status), "00000000000000dd ");
    CU_ASSERT_STRING_EQUAL(next("decline/", status), "00000000000000dd 00000000000000cc ");
    CU_ASSERT_STRING_EQUAL(next("ack/", status), "00000000000000ee ");
    CU_ASSERT_STRING_EQUAL(next("wait/00000000000000a", status), "00000000000000aa ");
    CU_ASSERT_STRING_EQUAL(next("notify/test/", status), "pager chat ");
    CU_ASSERT_STRING_EQUAL(next("notify/test/p", status), "pager ");
    CU_ASSERT_STRING_EQUAL(next("notify/test/pager/", status), "");
}

static void items_are_those_of_the_operation(void)
{
    static const char status[] =
        "{\"services\":[{\"name\":\"desk\",\"runbook\":{\"operation\":\"00000000000000bb\",\"list\":["
        "{\"id\":\"other\",\"by\":\"person\",\"state\":\"open\"}]}},"
        "{\"name\":\"shop\",\"runbook\":{\"operation\":\"00000000000000aa\",\"list\":["
        "{\"id\":\"tell-people\",\"by\":\"person\",\"state\":\"open\"},"
        "{\"id\":\"done-one\",\"by\":\"person\",\"state\":\"done\"},"
        "{\"id\":\"lag\",\"by\":\"failoverd\",\"state\":\"open\"},"
        "{\"id\":\"tidy-up\",\"by\":\"person\",\"state\":\"later\"},"
        "{\"id\":\"`x`\",\"by\":\"person\",\"state\":\"open\"},{\"id\":\"half\"},9]}}]}";
    CU_ASSERT_STRING_EQUAL(next("operation/tick/00000000000000aa/", status), "tell-people tidy-up ");
    CU_ASSERT_STRING_EQUAL(next("operation/tick/00000000000000bb/", status), "other ");
    CU_ASSERT_STRING_EQUAL(next("operation/tick/00000000000000aa/te", status), "tell-people ");
    CU_ASSERT_STRING_EQUAL(next("operation/tick/00000000000000cc/", status), "");
    CU_ASSERT_STRING_EQUAL(next("operation/tick/00000000000000aa/tell-people/", status), "");
}

static void votes_go_to_who_has_none(void)
{
    static const char status[] =
        "{\"node\":\"here\",\"peers\":[{\"node\":\"a\"},{\"node\":\"b\"},{\"node\":\"$(x)\"},{\"node\":\"c\"}],"
        "\"voters\":{\"voters\":[{\"node\":\"a\"},{\"node\":\"c\"},{\"node\":7},null]}}";
    CU_ASSERT_STRING_EQUAL(next("voter/add/", status), "here b ");
    CU_ASSERT_STRING_EQUAL(next("voter/remove/", status), "a c ");
    CU_ASSERT_STRING_EQUAL(next("voter/replace/c", status), "c ");
    CU_ASSERT_STRING_EQUAL(next("voter/add/b/", status), "");
    CU_ASSERT_STRING_EQUAL(next("voter/", status), "list add remove replace ");
}

/* SERVICE|all: names, not the word SERVICE. */
static void what_stands_for_a_value_is_never_offered(void)
{
    CU_ASSERT_STRING_EQUAL(next("pause/", shop_and_desk), "shop desk all ");
    CU_ASSERT_STRING_EQUAL(next("pause/--a", shop_and_desk), "--all ");
    CU_ASSERT_STRING_EQUAL(next("pause/shop/--for/", shop_and_desk), "");
    CU_ASSERT_STRING_EQUAL(next("pause/--for/30m/", shop_and_desk), "shop desk all ");
    CU_ASSERT_STRING_EQUAL(next("events/--since/", shop_and_desk), "");
    CU_ASSERT_STRING_EQUAL(next("plan/", NULL), "failover switchover failback ");
    CU_ASSERT_STRING_EQUAL(next("plan/failback/", shop_and_desk), "shop desk ");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        char line[128] = "";
        strncat(line, command_row((enum command_id)i)->name, sizeof line - 2);
        char *space = strchr(line, ' ');
        if (space != NULL)
            *space = '/';
        strncat(line, "/", sizeof line - strlen(line) - 1);
        CU_ASSERT_PTR_NULL(strpbrk(next(line, NULL), "ABCDEFGHIJKLMNOPQRSTUVWXYZ|"));
    }
}

static void checks_are_those_of_the_service(void)
{
    static const char two[] =
        "{\"services\":[{\"name\":\"shop\",\"regions\":[{\"name\":\"us-east-1\"}],\"checks\":[{\"name\":\"health\"},"
        "{\"name\":\"front\"},{\"name\":\"health\"},{\"name\":7},{\"name\":\"$(x)\"},null]},"
        "{\"name\":\"desk\",\"checks\":[{\"name\":\"database\"}]},{\"name\":\"odd\",\"checks\":7}]}";
    CU_ASSERT_STRING_EQUAL(next("probe/shop/", two), "health front ");
    CU_ASSERT_STRING_EQUAL(next("probe/shop/he", two), "health ");
    CU_ASSERT_STRING_EQUAL(next("probe/desk/", two), "database ");
    CU_ASSERT_STRING_EQUAL(next("probe/", two), "shop desk odd ");
    CU_ASSERT_STRING_EQUAL(next("probe/odd/", two), "");
    CU_ASSERT_STRING_EQUAL(next("probe/nobody/", two), "");
    CU_ASSERT_STRING_EQUAL(next("probe/shop/health/--region/", two), "us-east-1 ");
    CU_ASSERT(has(next("probe/shop/health/--", two), "--region"));
}

static void other_values_are_the_persons(void)
{
    CU_ASSERT_STRING_EQUAL(next("switchover/shop/--reason/", shop_and_desk), "");
    CU_ASSERT_STRING_EQUAL(next("--socket/", shop_and_desk), "");
    CU_ASSERT_STRING_EQUAL(next("history/--limit/", shop_and_desk), "");
    CU_ASSERT(has(next("failover/shop/--skip-gate/", NULL), "majority_failed"));
    CU_ASSERT_STRING_EQUAL(next("failover/shop/--skip-gate/maj", NULL), "majority_failed ");
}

static void the_daemon_is_asked_only_for_names(void)
{
    const char *names[] = { "status", "" }, *options[] = { "status", "--" }, *commands[] = { "" };
    const char *elsewhere[] = { "--socket", "/tmp/x", "switchover", "shop", "--to", "" };
    const char *socket_path = "default";
    CU_ASSERT_TRUE(complete_needs_status((struct complete_line){ names, 2 }, &socket_path));
    CU_ASSERT_FALSE(complete_needs_status((struct complete_line){ options, 2 }, &socket_path));
    CU_ASSERT_FALSE(complete_needs_status((struct complete_line){ commands, 1 }, &socket_path));
    CU_ASSERT_STRING_EQUAL(socket_path, "default");
    CU_ASSERT_TRUE(complete_needs_status((struct complete_line){ elsewhere, 6 }, &socket_path));
    static const char *const asking[][3] = { { "voter", "add", "" }, { "operation", "abort", "" },
                                             { "notify", "test", "" }, { "pause", "" }, { "ack", "" } };
    for (size_t i = 0; i < sizeof asking / sizeof asking[0]; i++)
        CU_ASSERT_TRUE(complete_needs_status((struct complete_line){ asking[i], i < 3 ? 3 : 2 }, &socket_path));
    CU_ASSERT_STRING_EQUAL(socket_path, "/tmp/x");
}

static void anything_may_be_said(void)
{
    static const char *const statuses[] = { "[]", "{}", "{\"services\":7}", "{\"services\":[7,null,{\"name\":1},{\"regions\":[]}]}",
                                            "{\"services\":[{\"name\":\"shop\",\"regions\":{\"name\":\"x\"}}]}" };
    static char long_word[400], line[512];
    memset(long_word, 'x', sizeof long_word - 1);
    CU_ASSERT_STRING_EQUAL(next("status/", "{\"services\":[{\"name\":\"a;b\"},{\"name\":\"$(x)\"},{\"name\":\"-y\"},"
                                           "{\"name\":\"a\\nb\"},{\"name\":\"fine\"}]}"), "fine ");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        (void)next("status/", statuses[i]);
        (void)next("switchover/shop/--to/", statuses[i]);
        (void)next("operation/tick/00000000000000aa/", statuses[i]);
        (void)next("wait/", statuses[i]);
        (void)next("voter/add/", statuses[i]);
        (void)next("notify/test/", statuses[i]);
    }
    CU_ASSERT_STRING_EQUAL(next(long_word, NULL), "");
    snprintf(line, sizeof line, "%s/", long_word);
    CU_ASSERT_STRING_EQUAL(next(line, NULL), "");
    snprintf(line, sizeof line, "status/--%s/", long_word);
    CU_ASSERT_STRING_EQUAL(next(line, shop_and_desk), "shop desk ");
    CU_ASSERT_STRING_EQUAL(next("-", NULL), next("-", NULL));
    found[0] = '\0';
    complete_candidates((struct complete_line){ NULL, 0 }, NULL, keep, NULL);
    CU_ASSERT(has(found, "status"));
}

SUITE_MAIN("complete", TEST(every_command_is_offered), TEST(options_are_those_of_the_command), TEST(each_option_once),
           TEST(names_come_from_the_status), TEST(proposals_come_from_the_status), TEST(ids_fit_the_command),
           TEST(items_are_those_of_the_operation), TEST(votes_go_to_who_has_none),
           TEST(what_stands_for_a_value_is_never_offered),
           TEST(checks_are_those_of_the_service), TEST(other_values_are_the_persons),
           TEST(the_daemon_is_asked_only_for_names), TEST(anything_may_be_said))
