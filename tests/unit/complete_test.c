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
    const char *at = strstr(candidates, word);
    while (at != NULL && !((at == candidates || at[-1] == ' ') && at[strlen(word)] == ' ')) /* "ack" is in "failback" */
        at = strstr(at + 1, word);
    return at != NULL;
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
    CU_ASSERT_STRING_EQUAL(next("wait/", status), "");
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
           TEST(names_come_from_the_status), TEST(proposals_come_from_the_status),
           TEST(checks_are_those_of_the_service), TEST(other_values_are_the_persons),
           TEST(the_daemon_is_asked_only_for_names), TEST(anything_may_be_said))
