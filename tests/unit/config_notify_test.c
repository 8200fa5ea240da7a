/* Channels in cluster.json: what is taken, what is refused and in which words, and that no channel's file keeps
 * failoverd from starting. */
#include "tests/unit/suite.h"

#include "tests/unit/config_fixture.h"

static struct config_problems problems;

/* The fixture with that "notify" before its services; from line 10 on. */
static struct cluster_config *load(const char *notify)
{
    char text[4096];
    (void)snprintf(text, sizeof text, "  \"notify\": %s,\n  \"services\"", notify);
    char *file = fixture_replace(fixture_cluster, "  \"services\"", text);
    problems = (struct config_problems){ 0 };
    struct cluster_config *cluster = config_load_cluster(fixture_write("cluster.json", file), &problems);
    free(file);
    return cluster;
}

static void refused(const char *notify, const char *wanted)
{
    struct cluster_config *cluster = load(notify);
    CU_ASSERT_PTR_NULL(cluster);
    bool found = fixture_has(&problems, CONFIG_ERROR, wanted);
    CU_ASSERT_TRUE(found);
    if (!found) {
        fprintf(stderr, "wanted: %s\n", wanted);
        fixture_show(&problems);
    }
    config_cluster_free(cluster);
    config_problems_free(&problems);
}

static void nothing_is_told_by_default(void)
{
    problems = (struct config_problems){ 0 };
    struct cluster_config *c = config_load_cluster(fixture_write("cluster.json", fixture_cluster), &problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->notify.channel_count, 0);
    CU_ASSERT_EQUAL(c->notify.escalate_us[0], 0);
    CU_ASSERT_EQUAL(c->notify.escalate_us[1], INT64_C(900000000));
    CU_ASSERT_EQUAL(c->notify.escalate_us[3], INT64_C(3600000000));
    config_cluster_free(c);
    config_problems_free(&problems);
}

static void channels_of_each_kind(void)
{
    struct cluster_config *c =
        load("{ \"channels\": { \"b\": { \"kind\": \"slack\", \"url_file\": \"/u\", \"template\": \"{{x}} {text}\" },"
             " \"a\": { \"kind\": \"pagerduty\", \"routing_key_file\": \"/k\", \"events\": [\"stuck\", \"begin\"] },"
             " \"c\": { \"kind\": \"exec\", \"program\": [\"/bin/true\", \"x\"], \"level\": 2, \"deadline\": \"5s\" } } }");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    const struct channel_config *list = c->notify.channels;
    CU_ASSERT_EQUAL_FATAL(c->notify.channel_count, 3);
    CU_ASSERT_STRING_EQUAL(list[0].name, "a");
    CU_ASSERT_EQUAL(list[0].kind, CONFIG_CHANNEL_PAGERDUTY);
    CU_ASSERT_STRING_EQUAL(list[0].endpoint, "https://events.pagerduty.com/v2/enqueue");
    CU_ASSERT_TRUE(config_channel_wants(&list[0], CONFIG_EVENT_STUCK));
    CU_ASSERT_FALSE(config_channel_wants(&list[0], CONFIG_EVENT_DONE));
    CU_ASSERT_TRUE(config_channel_wants(&list[1], CONFIG_EVENT_DONE));
    CU_ASSERT_PTR_NULL(list[1].endpoint);
    CU_ASSERT_EQUAL(list[2].level, 2);
    CU_ASSERT_EQUAL(list[2].deadline_us, 5000000);
    CU_ASSERT_STRING_EQUAL(list[2].program.items[1], "x");
    CU_ASSERT_PTR_NULL(list[2].url_file);
    config_cluster_free(c);
    config_problems_free(&problems);
}

static void what_is_wrong_is_said(void)
{
    refused("{ \"channels\": { \"a\": { \"kind\": \"slack\" } } }", "10: $.notify.channels.a.url_file: is missing");
    refused("{ \"channels\": { \"a\": { \"kind\": \"exec\", \"url_file\": \"/u\", \"program\": [\"/p\"] } } }",
            "10: $.notify.channels.a.url_file: does not belong here");
    refused("{ \"channels\": { \"a\": { \"kind\": \"slak\", \"url_file\": \"/u\" } } }",
            "10: $.notify.channels.a.kind: \"slak\" is unknown; did you mean \"slack\"?");
    refused("{ \"channels\": { \"a\": { \"kind\": \"json\", \"url_file\": \"https://hooks.example.com/x\" } } }",
            "10: $.notify.channels.a.url_file: ");
    refused("{ \"channels\": { \"a\": { \"kind\": \"exec\", \"program\": [\"send\"] } } }",
            "10: $.notify.channels.a.program[0]: \"send\" is no absolute path");
    refused("{ \"channels\": { \"a\": { \"kind\": \"json\", \"url_file\": \"/u\", \"events\": [\"done\", \"done\"] } } }",
            "10: $.notify.channels.a.events[1]: \"done\" is listed twice");
    refused("{ \"channels\": { \"a\": { \"kind\": \"json\", \"url_file\": \"/u\", \"level\": 4 } } }",
            "10: $.notify.channels.a.level: 4 is out of range; it must be 0 to 3");
    refused("{ \"escalation\": { \"level_1\": \"1h\" } }",
            "10: $.notify.escalation.level_2: 30m is not after level_1's 1h");
    refused("{ \"channels\": {} }", "10: $.notify.channels: has 0 items; must have 1 to 8");
}

static void templates_name_what_there_is(void)
{
    static const struct { const char *template; const char *words; } bad[] = {
        { "{servce}", "names {servce}, which there is not; there are {service}" },
        { "{text", "has a { without its }" },
        { "text}", "has a } without its {" },
        { "{}", "names {}, which there is not" },
        { "{text {node}", "has a { without its }" },
        { "{{{", "has a { without its }" },
        { "{ text}", "names { text}" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char notify[256];
        char wanted[256];
        (void)snprintf(notify, sizeof notify, "{ \"channels\": { \"a\": { \"kind\": \"json\", \"url_file\": \"/u\", "
                       "\"template\": \"%s\" } } }", bad[i].template);
        (void)snprintf(wanted, sizeof wanted, "10: $.notify.channels.a.template: %s", bad[i].words);
        refused(notify, wanted);
    }
}

/* A daemon that coordinates and tells nobody is better than none. */
static void a_channels_file_is_a_warning_only(void)
{
    struct local_config node = { .name = "n1", .state_dir = "/tmp", .control_socket = "/tmp/s", .journal = "/tmp/j",
                                 .audit = "/tmp/a", .path = "/dev/null" };
    char notify[512];
    const char *open_to_all = fixture_write_bytes("pass", "https://x\n", 10, 0644);
    (void)snprintf(notify, sizeof notify, "{ \"channels\": { \"a\": { \"kind\": \"json\", \"url_file\": \"/nowhere/u\" },"
                   " \"b\": { \"kind\": \"slack\", \"url_file\": \"%s\" },"
                   " \"c\": { \"kind\": \"exec\", \"program\": [\"/nowhere/p\"] } } }", open_to_all);
    struct cluster_config *c = load(notify);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    c->service_count = 0;
    (void)!config_check_named_files(c, &node, NULL, &problems);
    CU_ASSERT_TRUE(fixture_has(&problems, CONFIG_WARNING, "10: $.notify.channels.a.url_file: /nowhere/u can't be read"));
    CU_ASSERT_TRUE(fixture_has(&problems, CONFIG_WARNING, "10: $.notify.channels.c.program[0]: /nowhere/p is no program"));
    bool secret = false;
    for (size_t i = 0; i < problems.count; i++) {
        CU_ASSERT_FALSE(problems.items[i].severity == CONFIG_ERROR && strstr(problems.items[i].path, "notify") != NULL);
        secret |= strstr(problems.items[i].path, "channels.b") != NULL && strstr(problems.items[i].text, "it is a secret") != NULL;
    }
    CU_ASSERT_TRUE(secret);
    config_cluster_free(c);
    config_problems_free(&problems);
}

SUITE_MAIN("config_notify", TEST(nothing_is_told_by_default), TEST(channels_of_each_kind), TEST(what_is_wrong_is_said),
           TEST(templates_name_what_there_is), TEST(a_channels_file_is_a_warning_only))
