/* Loading good files, and refusing bad ones with the right line, path and words. */
#include "tests/unit/suite.h"

#include "coordinator/config/config_report.h"
#include "tests/unit/config_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SECONDS(n) (INT64_C(1000000) * (n))

static struct cluster_config *load(const char *text, struct config_problems *problems)
{
    *problems = (struct config_problems){ 0 };
    return config_load_cluster(fixture_write("cluster.json", text), problems);
}

static struct cluster_config *load_good(const char *text)
{
    struct config_problems problems;
    struct cluster_config *cluster = load(text, &problems);
    CU_ASSERT_PTR_NOT_NULL(cluster);
    CU_ASSERT_EQUAL(problems.count, 0);
    fixture_show(&problems);
    config_problems_free(&problems);
    return cluster;
}

static struct cluster_config *load_changed(const char *from, const char *to)
{
    char *text = fixture_replace(fixture_cluster, from, to);
    struct cluster_config *cluster = load_good(text);
    free(text);
    return cluster;
}

/* ---- good files -------------------------------------------------------------------------- */

static void lists_are_sorted_and_names_resolved(void)
{
    struct cluster_config *c = load_good(fixture_cluster);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(c->node_count == 3 && c->region_count == 3 && c->service_count == 1 && c->voter_count == 3);
    CU_ASSERT_STRING_EQUAL(c->nodes[0].name, "n1");
    CU_ASSERT_STRING_EQUAL(c->regions[0].name, "alpha");
    CU_ASSERT_STRING_EQUAL(c->regions[2].name, "gamma");
    CU_ASSERT_TRUE(c->voters[0] == 0 && c->voters[1] == 1 && c->voters[2] == 2);
    CU_ASSERT_TRUE(c->nodes[2].region == 2 && c->nodes[2].voter && c->regions[2].voter_count == 1);
    const struct service_config *s = &c->services[0];
    CU_ASSERT_TRUE(s->region_count == 2 && s->check_count == 3 && s->initial_writer == 0);
    CU_ASSERT_STRING_EQUAL(s->regions[0].name, "alpha");
    CU_ASSERT_STRING_EQUAL(s->regions[0].checks[0].name, "db");
    CU_ASSERT_TRUE(s->regions[0].checks[1].index == 1 && s->regions[1].checks[0].index == 2);
    CU_ASSERT_TRUE(s->regions[1].guard_count == 1 && s->regions[1].guards[0] == 1);
    CU_ASSERT_TRUE(config_is_guard(&s->regions[1], 1) && !config_is_guard(&s->regions[1], 0));
    CU_ASSERT_PTR_EQUAL(config_service_region(s, 1), &s->regions[1]);
    CU_ASSERT_PTR_NULL(config_service_region(s, 2));
    CU_ASSERT_EQUAL(config_find_node(c, "n3"), 2);
    CU_ASSERT_EQUAL(config_find_node(c, "n4"), CONFIG_NONE);
    CU_ASSERT_EQUAL(config_find_region(c, "beta"), 1);
    CU_ASSERT_EQUAL(config_find_service(c, "web"), 0);
    CU_ASSERT_EQUAL(config_find_service(c, ""), CONFIG_NONE);
    const struct record_config *record = &s->dns->zones[0].records[0];
    CU_ASSERT_STRING_EQUAL(config_record_values(record, 1)->values.items[0], "198.51.100.2");
    CU_ASSERT_PTR_NULL(config_record_values(record, 2));
    CU_ASSERT_PTR_NULL(config_record_alias(record, 0));
    CU_ASSERT_PTR_NULL(config_record_weight(record, 0));
    config_cluster_free(c);
}

static void what_is_left_out_has_its_default(void)
{
    struct cluster_config *c = load_good(fixture_cluster);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    const struct service_config *s = &c->services[0];
    const struct check_config *db = &s->regions[0].checks[0];
    const struct check_config *health = &s->regions[0].checks[1];
    CU_ASSERT_EQUAL(c->heartbeat_us, SECONDS(1));
    CU_ASSERT_EQUAL(s->mode, CONFIG_MODE_AUTOMATIC);
    CU_ASSERT(s->approve_within_us == SECONDS(900) && s->on_no_answer == CONFIG_NO_ANSWER_NOTHING);
    CU_ASSERT_EQUAL(c->failovers_at_once, 0);
    CU_ASSERT_EQUAL(s->lease.duration_us, SECONDS(10));
    CU_ASSERT_EQUAL(s->lease.clock_error_percent, 10);
    CU_ASSERT_TRUE(s->fence.ladder_count == 1 && s->fence.ladder[0] == CONFIG_FENCE_KERNEL);
    CU_ASSERT_TRUE(!s->fence.accept_unconfirmed_fence && s->fence.on_quorum_loss == CONFIG_QUORUM_LOSS_FENCE);
    CU_ASSERT_TRUE(s->rpo.bytes_bytes == 16 << 20 && s->rpo.seconds_us == SECONDS(60));
    CU_ASSERT_TRUE(s->cooldown_us == SECONDS(1800) && s->outage_min_us == 0);
    CU_ASSERT_TRUE(s->evidence_max_age_us == SECONDS(15) && s->confirm_timeout_us == SECONDS(2));
    CU_ASSERT_TRUE(s->step_deadline.dns_us == SECONDS(300) && s->step_deadline.verify_us == SECONDS(120));
    CU_ASSERT_TRUE(s->hooks.after_open.count == 0 && s->hooks.deadline_us == SECONDS(30));
    CU_ASSERT_TRUE(s->hooks.rejoin.count == 0 && s->hooks.rejoin_deadline_us == SECONDS(3600));
    /* The seeded thresholds: /health failing for 5 minutes, the database unreachable for 2. */
    CU_ASSERT_EQUAL(health->type, CONFIG_CHECK_HTTP);
    CU_ASSERT_TRUE(health->for_us == SECONDS(300) && health->fall == 3 && health->rise == 2);
    CU_ASSERT_TRUE(health->http.connect_us == SECONDS(1) && health->timeout_us == SECONDS(4));
    CU_ASSERT_TRUE(health->http.status_count == 1 && health->http.status[0].low == 200 &&
                   health->http.status[0].high == 299);
    CU_ASSERT_TRUE(health->http.certificate_check && health->http.contains == NULL && health->http.json_count == 0);
    CU_ASSERT_TRUE(db->for_us == SECONDS(120) && db->interval_us == SECONDS(2) && db->postgres.write_check);
    CU_ASSERT_TRUE(db->timeout_us == SECONDS(3) && db->http.url == NULL);
    CU_ASSERT_EQUAL(s->regions[0].database->port, 5432);
    CU_ASSERT_STRING_EQUAL(s->regions[0].database->user, "failoverd");
    CU_ASSERT_STRING_EQUAL(s->regions[0].database->sslmode, "verify-full");
    CU_ASSERT_PTR_NULL(s->regions[0].database->password_file);
    CU_ASSERT_STRING_EQUAL(s->dns->provider, "route53");
    CU_ASSERT_STRING_EQUAL(s->dns->region, "us-east-1");
    CU_ASSERT_EQUAL(s->dns->credentials.source, CONFIG_CREDENTIALS_INSTANCE);
    CU_ASSERT_TRUE(s->dns->zones[0].records[0].ttl_s == 60 && s->dns->zones[0].records[0].kind == CONFIG_KIND_SIMPLE);
    config_cluster_free(c);
}

static void the_samples_load_whole(void)
{
    struct config_problems problems = { 0 };
    struct cluster_config *c = config_load_cluster("etc/cluster.sample.json", &problems);
    struct local_config *n = config_load_node("etc/node.sample.json", &problems);
    fixture_show(&problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    CU_ASSERT_TRUE(config_check(c, n, &problems));
    CU_ASSERT_EQUAL(problems.count, 0);
    const struct service_config *ledger = &c->services[config_find_service(c, "ledger")];
    const struct service_config *shop = &c->services[config_find_service(c, "shop")];
    CU_ASSERT_TRUE(ledger->mode == CONFIG_MODE_MANUAL && ledger->fence.ladder_count == 3);
    CU_ASSERT_EQUAL(ledger->fence.ladder[1], CONFIG_FENCE_DOOR);
    CU_ASSERT_EQUAL(ledger->fence.ladder[2], CONFIG_FENCE_HOOK);
    CU_ASSERT_EQUAL(ledger->fence.hook.shut.count, 3);
    CU_ASSERT_STRING_EQUAL(ledger->fence.hook.open.items[1], "postgresql@15-main.service");
    CU_ASSERT_EQUAL(ledger->fence.hook.deadline_us, SECONDS(10));
    CU_ASSERT_EQUAL(ledger->fence.on_quorum_loss, CONFIG_QUORUM_LOSS_KEEP);
    CU_ASSERT_TRUE(ledger->regions[0].remote_hook->shut.count == 6 && shop->regions[0].remote_hook == NULL);
    CU_ASSERT_EQUAL(ledger->regions[1].remote_hook->deadline_us, SECONDS(20));
    CU_ASSERT_STRING_EQUAL(ledger->dns->credentials.file, "/etc/failoverd/aws.credentials");
    const struct record_config *weighted = &ledger->dns->zones[0].records[0];
    CU_ASSERT_STRING_EQUAL(weighted->set_identifier, "us-east-1");
    size_t west = config_find_region(c, "us-west-2");
    CU_ASSERT_EQUAL(config_record_weight(weighted, west)->weight, 0);
    CU_ASSERT_EQUAL(ledger->dns->zones[0].records[3].role, CONFIG_ROLE_SECONDARY);
    CU_ASSERT_STRING_EQUAL(config_record_alias(&shop->dns->zones[0].records[1], west)->zone, "Z0EXAMPLEUSW2LB");
    const struct http_check_config *http = &shop->regions[0].checks[2].http;
    CU_ASSERT_STRING_EQUAL(http->json[1].pointer, "/status");
    CU_ASSERT_STRING_EQUAL(http->json[1].value_json, "\"ok\"");
    CU_ASSERT_STRING_EQUAL(http->json[0].value_json, "true");
    CU_ASSERT_STRING_EQUAL(shop->hooks.after_open.items[2], "shop");
    CU_ASSERT_STRING_EQUAL(shop->hooks.rejoin.items[1], "postgresql@15-main");
    CU_ASSERT_STRING_EQUAL(n->control.read.items[1], "group:failoverd");
    CU_ASSERT_STRING_EQUAL(n->aws_credentials->profile, "default");
    CU_ASSERT_TRUE(n->log.level == CONFIG_LOG_INFO && n->log.format == CONFIG_LOG_TEXT);
    config_cluster_free(c);
    config_local_free(n);
    c = config_load_cluster("etc/cluster.minimal.json", &problems);
    CU_ASSERT_PTR_NOT_NULL(c);
    CU_ASSERT_EQUAL(problems.count, 0);
    config_cluster_free(c);
    config_problems_free(&problems);
}

static void dns_names_are_brought_to_one_form(void)
{
    struct cluster_config *c = load_changed("\"web.example.com\", \"type\"", "\"Web.Example.COM.\", \"type\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->services[0].dns->zones[0].records[0].name, "web.example.com");
    config_cluster_free(c);
}

/* ---- runbooks ---------------------------------------------------------------------------- */

#define RUNBOOK(id, when, text) "\"runbook\": [ { \"id\": \"" id "\", \"when\": \"" when "\", \"text\": \"" text "\" } ], "

static void runbooks_keep_their_order(void)
{
    struct cluster_config *c = load_changed("\"initial_writer\"",
        "\"runbook\": [ { \"id\": \"z\", \"when\": \"after\", \"text\": \"Look.\" },\n { \"id\": \"a\", \"when\": \"before\", "
        "\"text\": \"Gates.\", \"check\": \"gates_open\", \"kinds\": [\"adopt\", \"failover\"] } ], \"initial_writer\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    const struct service_config *s = &c->services[0];
    CU_ASSERT_EQUAL_FATAL(s->runbook_count, 2);
    CU_ASSERT_STRING_EQUAL(s->runbook[0].id, "z");
    CU_ASSERT_STRING_EQUAL(s->runbook[0].text, "Look.");
    CU_ASSERT_TRUE(s->runbook[0].when == CONFIG_RUNBOOK_AFTER && s->runbook[0].check == CONFIG_RUNBOOK_PERSON);
    CU_ASSERT_TRUE(s->runbook[0].kind_count == 3 && s->runbook[0].kinds[2] == CONFIG_OPERATION_FAILBACK);
    CU_ASSERT_TRUE(s->runbook[1].when == CONFIG_RUNBOOK_BEFORE && s->runbook[1].check == CONFIG_RUNBOOK_GATES_OPEN);
    CU_ASSERT_TRUE(s->runbook[1].kind_count == 2 && s->runbook[1].kinds[0] == CONFIG_OPERATION_ADOPT);
    config_cluster_free(c);
}

/* Every part of an item counts, and the order too: nodes tick by place. */
static void the_digest_has_the_runbook(void)
{
    static const char *const books[] = {
        RUNBOOK("a", "after", "look"), RUNBOOK("b", "after", "look"), RUNBOOK("a", "during", "look"), RUNBOOK("a", "after", "see"),
        "\"runbook\": [ { \"id\": \"a\", \"when\": \"after\", \"text\": \"look\", \"check\": \"audit\" } ], ",
        "\"runbook\": [ { \"id\": \"a\", \"when\": \"after\", \"text\": \"look\", \"kinds\": [\"adopt\"] } ], ",
        "\"runbook\": [ { \"id\": \"a\", \"when\": \"after\", \"text\": \"look\" }, { \"id\": \"b\", \"when\": \"after\", \"text\": \"look\" } ], ",
        "\"runbook\": [ { \"id\": \"b\", \"when\": \"after\", \"text\": \"look\" }, { \"id\": \"a\", \"when\": \"after\", \"text\": \"look\" } ], ",
    };
    uint64_t digests[COUNT(books)];
    for (size_t i = 0; i < COUNT(books); i++) {
        char more[512];
        (void)snprintf(more, sizeof more, "%s\"initial_writer\"", books[i]);
        struct cluster_config *c = load_changed("\"initial_writer\"", more);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        digests[i] = c->service_digests[0];
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(digests[i], digests[j]);
        config_cluster_free(c);
    }
}

/* ---- digests ----------------------------------------------------------------------------- */

static void digests_are_of_what_is_meant(void)
{
    struct cluster_config *c = load_good(fixture_cluster);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    static const struct {
        const char *from;
        const char *to;
        bool cluster_same;
        bool service_same;
    } cases[] = {
        { "\"10s\"", "\"10000ms\"", true, true },
        { "\"duration\": \"10s\",", "", true, true },
        { "\"fence\": { \"ladder\": [\"kernel\"] },", "\"mode\": \"automatic\",", true, true },
        { "\"n1\", \"n2\",", "\"n2\", \"n1\",", true, true },
        { "{ \"type\": \"postgres\" } },\n        \"database\": { \"host\": \"b", "{ \"fall\": 3, \"type\": \"postgres\" } },\n        \"database\": { \"host\": \"b", true, true },
        { "\"/ca\"", "\"/another/place\"", true, true }, /* a file on this host only */
        { "\"10s\"", "\"11s\"", true, false },
        { "[\"kernel\"]", "[\"kernel\", \"kernel\"]", true, false },
        { "\"192.0.2.2\"]", "\"192.0.2.3\"]", true, false },
        { "\"type\": \"postgres\" }", "\"type\": \"postgres\", \"rise\": 3 }", true, false },
        { "\"initial_writer\"", RUNBOOK("a", "after", "look") "\"initial_writer\"", true, false }, /* all of it: */
        { "\"cluster\": \"test\",",
          "\"cluster\": \"test\", \"notify\": { \"escalation\": { \"level_3\": \"2h\" } },", false, true },
        { "\"cluster\": \"test\"", "\"cluster\": \"tesu\"", false, true },
        { "192.0.2.1:7400", "192.0.2.1:7401", false, true },
        { "\"cluster\": \"test\",", "\"cluster\": \"test\", \"heartbeat\": \"2s\",", false, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config_problems problems;
        char *text = fixture_replace(fixture_cluster, cases[i].from, cases[i].to);
        struct cluster_config *other = load(text, &problems);
        free(text);
        /* The one that doubles an entry is refused; it is there to see that the test can tell. */
        if (other == NULL) {
            CU_ASSERT_EQUAL(i, 7);
        } else {
            CU_ASSERT_EQUAL(other->digest == c->digest, cases[i].cluster_same);
            CU_ASSERT_EQUAL(other->service_digests[0] == c->service_digests[0], cases[i].service_same);
            bool notify = strstr(cases[i].to, "notify") != NULL;
            CU_ASSERT_EQUAL(config_digest_notify(other) != config_digest_notify(c), notify);
        }
        config_cluster_free(other);
        config_problems_free(&problems);
    }
    CU_ASSERT_NOT_EQUAL(c->digest, 0);
    CU_ASSERT_EQUAL(config_digest_service(&c->services[0]), c->service_digests[0]);
    config_cluster_free(c);
}

/* ---- bad files --------------------------------------------------------------------------- */

struct bad {
    const char *from;
    const char *to;
    const char *wanted;
};

#define ALPHA "$.services.web.regions.alpha"
#define RECORD "$.services.web.dns.zones[0].records[0]"

static const struct bad bad_files[] = {
    /* Keys. */
    { "\"renew_every\"", "\"renewevery\"", "13: $.services.web.lease.renewevery: unknown option; did you mean \"renew_every\"?" },
    { "\"cluster\": \"test\"", "\"cluster\": \"test\", \"zzzzzzzz\": 1", "2: $.zzzzzzzz: the known ones are cluster, voters, nodes, heartbeat, failovers_at_once, services" },
    { "\"cluster\": \"test\",", "\"cluster\": \"test\", \"a.b c\": 1,", "2: $[\"a.b c\"]: unknown option" },
    { "\"cluster\": \"test\",", "", "1: $.cluster: is missing; it is required" },
    { "\"region\": \"beta\",", "", "8: $.nodes.n2.region: is missing" },
    { "\"renew_every\": \"2s\"", "\"duration\": \"2s\"", "13: $.services.web.lease.duration: a second time, first on line 12" },
    { "\"n2\": {", "\"n1\": {", "8: $.nodes.n1: a second time, first on line 7" },
    { "\"type\": \"http\", ", "", "22: $.services.web.regions.alpha.checks.health.type: is missing" },
    { "\"type\": \"http\"", "\"type\": \"htpt\"", "22: " ALPHA ".checks.health.type: \"htpt\" is unknown; did you mean \"http\"?" },
    { "\"type\": \"http\"", "\"type\": \"tcp\", \"address\": \"a:1\"", "22: " ALPHA ".checks.health.url: does not belong here; \"url\" is for type=http only" },
    { "\"ttl\": 60", "\"weight\": { \"alpha\": 1 }", "31: " RECORD ".weight: \"weight\" is for kind=weighted only" },
    /* Runbooks. */
    { "\"initial_writer\"", RUNBOOK("a", "befor", "x") "\"initial_writer\"", "11: $.services.web.runbook[0].when: did you mean \"before\"?" },
    { "\"initial_writer\"", RUNBOOK("A b", "before", "x") "\"initial_writer\"", "11: $.services.web.runbook[0].id: \"A b\" is no name" },
    { "\"initial_writer\"", RUNBOOK("a", "before", "") "\"initial_writer\"", "11: $.services.web.runbook[0].text: is empty" },
    { "\"initial_writer\"", "\"runbook\": [], \"initial_writer\"", "11: $.services.web.runbook: has 0 items; must have 1 to 32" },
    { "\"initial_writer\"", "\"runbook\": [ {} ], \"initial_writer\"", "11: $.services.web.runbook[0].id: is missing" },
    { "\"initial_writer\"", "\"runbook\": [ { \"id\": \"a\", \"when\": \"after\", \"text\": \"x\", \"check\": \"weather\" } ], \"initial_writer\"",
      "11: $.services.web.runbook[0].check: \"weather\" is unknown; it must be \"person\", \"gates_open\", \"target_streaming\", "
      "\"no_warnings\", \"all_voters\", \"old_primary_fenced\", \"writes_work\", \"writer_healthy\", \"dns_in_force\", "
      "\"endpoints_verified\", \"standby_follows\", \"commit_lease\", \"audit\" or \"certificate\"" },
    { "\"initial_writer\"", "\"runbook\": [ { \"id\": \"a\", \"when\": \"after\", \"text\": \"x\", \"kinds\": [\"drill\"] } ], \"initial_writer\"",
      "11: $.services.web.runbook[0].kinds[0]: \"drill\" is unknown" },
    { "\"initial_writer\"", "\"runbook\": [ { \"id\": \"a\", \"when\": \"after\", \"text\": \"x\", \"kinds\": [\"adopt\", \"adopt\"] } ], \"initial_writer\"",
      "11: $.services.web.runbook[0].kinds[1]: stands in it already" },
    { "\"initial_writer\"", "\"runbook\": [ { \"id\": \"a\", \"when\": \"after\", \"text\": \"x\" }, { \"id\": \"a\", \"when\": \"before\", \"text\": \"y\" } ], \"initial_writer\"",
      "11: $.services.web.runbook[1].id: \"a\" is the id of item 0 already" },
    /* Types and values. */
    { "\"cluster\": \"test\",", "\"cluster\": \"test\", \"failovers_at_once\": 33,", "2: $.failovers_at_once: 33 is out of range" },
    { "\"fence\": {", "\"mode\": \"approved\", \"fence\": {", "14: $.services.web.mode: did you mean \"approve\"?" },
    { "\"fence\": {", "\"on_no_answer\": \"stop\", \"fence\": {", "14: $.services.web.on_no_answer: \"stop\"" },
    { "\"fence\": {", "\"approve_within\": \"0s\", \"fence\": {", "14: $.services.web.approve_within: 0s is out of range" },
    { "\"duration\": \"10s\"", "\"duration\": 10", "12: $.services.web.lease.duration: is a number; must be a duration such as \"10s\"" },
    { "\"duration\": \"10s\"", "\"duration\": \"10\"", "12: $.services.web.lease.duration: has no unit; write \"10s\"" },
    { "\"duration\": \"10s\"", "\"duration\": \"-10s\"", "12: $.services.web.lease.duration: is negative" },
    { "\"duration\": \"10s\"", "\"duration\": \"2h\"", "12: $.services.web.lease.duration: 2h is out of range; it must be 500ms to 1h" },
    { "\"duration\": \"10s\"", "\"duration\": \"99999999999999999999s\"", "12: $.services.web.lease.duration: is too large" },
    { "\"duration\": \"10s\"", "\"duration\": null", "12: $.services.web.lease.duration: to have the default leave it out" },
    { "\"duration\": \"10s\"", "\"clock_error_percent\": 51", "12: $.services.web.lease.clock_error_percent: 51 is out of range; it must be 1 to 50" },
    { "\"duration\": \"10s\"", "\"clock_error_percent\": -1", "12: $.services.web.lease.clock_error_percent: -1 is out of range" },
    { "\"duration\": \"10s\"", "\"clock_error_percent\": 1.5", "12: $.services.web.lease.clock_error_percent: must be a whole number" },
    { "\"duration\": \"10s\"", "\"clock_error_percent\": \"10\"", "12: $.services.web.lease.clock_error_percent: is a text; must be a whole number" },
    { "\"duration\": \"10s\"", "\"clock_error_percent\": NaN", "12: $.services.web.lease.clock_error_percent: is not JSON" },
    { "\"duration\": \"10s\"", "\"clock_error_percent\": 1e999", "12: $.services.web.lease.clock_error_percent: is not JSON" },
    { "\"duration\": \"10s\"", "\"clock_error_percent\": 99999999999999999999", "12: $.services.web.lease.clock_error_percent: is not JSON" },
    { "\"fence\": {", "\"rpo\": { \"bytes\": \"16MB\" }, \"fence\": {", "14: $.services.web.rpo.bytes: ends in no known unit; they are B, KiB" },
    { "{ \"ladder\": [\"kernel\"] }", "\"kernel\"", "14: $.services.web.fence: is a text; must be an object" },
    { "[\"kernel\"]", "\"kernel\"", "14: $.services.web.fence.ladder: is a text; must be a list [ ... ] with \"kernel\", \"door\" or \"hook\"" },
    { "[\"kernel\"]", "[]", "14: $.services.web.fence.ladder: has 0 items; must have 1 to 3" },
    { "[\"kernel\"]", "[\"kernel\", \"dor\"]", "14: $.services.web.fence.ladder[1]: did you mean \"door\"?" },
    { "[\"kernel\"]", "[\"kernel\", \"door\", \"door\"]", "14: $.services.web.fence.ladder[2]: \"door\" stands in it already" },
    { "[\"kernel\"]", "[\"kernel\", \"hook\"]", "14: $.services.web.fence.ladder: there is no program to run: set fence.hook.shut" },
    { "[\"kernel\"]", "[\"kernel\", \"hook\"], \"hook\": { \"open\": [\"/o\"] }", "14: $.services.web.fence.ladder: there is no program to run: set fence.hook.shut" },
    { "[\"kernel\"]", "[\"kernel\", \"hook\"], \"hook\": { \"shut\": [] }", "14: $.services.web.fence.hook.shut: has 0 items" },
    { "[\"kernel\"]", "[\"kernel\", \"hook\"], \"hook\": { \"shut\": [\"stop\"] }", "14: $.services.web.fence.hook.shut[0]: \"stop\" is no absolute path" },
    { "[\"kernel\"]", "[\"kernel\", \"hook\"], \"hook\": { \"shut\": [\"/s\"], \"open\": [\"./o\"] }", "14: $.services.web.fence.hook.open[0]: \"./o\" is no absolute path" },
    { "[\"kernel\"]", "[\"kernel\", \"hook\"], \"hook\": { \"shut\": [\"/s\"], \"deadline\": \"26s\" }", "14: $.services.web.fence.hook.deadline: 26s" },
    { "\"guards\": [\"n1\"],", "\"guards\": [\"n1\"], \"remote_hook\": { \"shut\": [\"cut\"] },", "20: " ALPHA ".remote_hook.shut[0]: \"cut\" is no absolute path" },
    { "\"guards\": [\"n1\"],", "\"guards\": [\"n1\"], \"remote_hook\": { \"deadline\": \"5s\" },", "20: " ALPHA ".remote_hook.shut: is missing" },
    { "\"guards\": [\"n1\"],", "\"guards\": [\"n1\"], \"remote_hook\": { \"shut\": [] },", "20: " ALPHA ".remote_hook.shut: has 0 items" },
    { "\"guards\": [\"n1\"],", "\"guards\": [\"n1\"], \"remote_hook\": { \"shut\": [\"/c\"], \"deadline\": \"6m\" },", "20: " ALPHA ".remote_hook.deadline: it must be 100ms to 5m" },
    { "\"guards\": [\"n1\"],", "\"guards\": [\"n1\"], \"remote_hook\": { \"shut\": [\"/c\"], \"open\": [\"/o\"] },", "20: " ALPHA ".remote_hook.open: unknown option" },
    { "\"guards\": [\"n1\"],", "\"guards\": [\"n1\"], \"remote_hook\": { \"shut\": [\"/c\"], \"deadline\": \"58s\" },", "20: " ALPHA ".remote_hook.deadline: no time for a second try" },
    { "[\"kernel\"]", "[\"kernel\", \"kernel\"]", "14: $.services.web.fence.ladder[1]: \"kernel\" stands in it already" },
    { "\"http://192.0.2.2/\"", "\"192.0.2.2/\"", "22: " ALPHA ".checks.health.url: must begin with http:// or https://" },
    { "\"http://192.0.2.2/\"", "\"http://u:p@192.0.2.2/\"", "22: " ALPHA ".checks.health.url: the config holds no secrets" },
    { "\"192.0.2.1:7400\"", "\"192.0.2.1:74000\"", "7: $.nodes.n1.address: no address with a port (1 to 65535)" },
    { "\"192.0.2.1:7400\"", "\"192.0.2.300:7400\"", "7: $.nodes.n1.address: neither a host name nor an IP address" },
    { "\"192.0.2.1:7400\"", "\"198.51.100.1:7400\"", "8: $.nodes.n2.address: the address of node n1 already" },
    { "[\"198.51.100.9\"]", "[\"198.51.100.9/24\"]", "26: " ALPHA ".database.kernel_allow[0]: is no IP address" },
    { "\"host=a\"", "\"host=a password=x\"", "26: " ALPHA ".database.replication_conninfo: holds a password" },
    { "\"host=a\"", "\"postgres://u:p@a/\"", "26: " ALPHA ".database.replication_conninfo: holds a password" },
    { "\"a.example.com\", \"ca_file\": \"/ca\"", "\"a.example.com\", \"ca_file\": \"ca\"", "25: " ALPHA ".database.ca_file: must begin with \"/\"" },
    { "\"a.example.com\", \"ca_file\": \"/ca\"", "\"a.example.com\", \"port\": 0", "25: " ALPHA ".database.port: 0 is out of range; it must be 1 to 65535" },
    { "\"a.example.com\", \"ca_file\": \"/ca\"", "\"a.example.com\"", "25: " ALPHA ".database: sslmode is verify-full, which needs ca_file" },
    { "\"type\": \"http\"", "\"type\": \"http\", \"expect\": { \"status\": [\"299-200\"] }", "22: " ALPHA ".checks.health.expect.status[0]: is no HTTP status" },
    { "\"type\": \"http\"", "\"type\": \"http\", \"expect\": { \"json\": { \"status\": 1 } }", "22: " ALPHA ".checks.health.expect.json.status: is no JSON pointer" },
    { "\"web\": {", "\"Web\": {", "10: $.services.Web: \"Web\" is no name" },
    /* Voters. */
    { "\"n1\", \"n2\",\n    \"n3\"", "\"n1\", \"n2\",\n    \"n1\"", "4: $.voters[2]: \"n1\" is a voter already" },
    { "\"n1\", \"n2\",\n    \"n3\"", "\"n1\", \"n2\",\n    \"n4\"", "4: $.voters[2]: \"n4\" is none of the nodes (did you mean \"n1\"?)" },
    { "\"n1\", \"n2\",\n    \"n3\"", "\"n1\", \"n2\"", "3: $.voters: has 2 items; must have 3 to 5" },
    { "\"n1\", \"n2\",\n    \"n3\"", "\"n1\"", "3: $.voters: has 1 item; must have 3 to 5" },
    { "\"n1\", \"n2\",\n    \"n3\"", "\"n1\", \"n2\", \"n3\", \"n3\"", "3: $.voters: has 4 voters; the number must be odd, 3 or 5" },
    /* What must fit. */
    { "\"duration\": \"10s\"", "\"duration\": \"6s\"", "12: $.services.web.lease.duration: 6s is too short for its parts: fence_budget 2s + 2 x renew_every 2s = 6s" },
    { "\"duration\": \"10s\"", "\"duration\": \"5500ms\"", "12: $.services.web.lease.duration: 5500ms is too short for its parts" },
    { "\"total\": \"4s\"", "\"total\": \"1500ms\"", "23: " ALPHA ".checks.health.timeouts.tls: 2s is longer than the whole may take, 1500ms (total)" },
    { "\"interval\": \"5s\"", "\"interval\": \"10s\"", "22: " ALPHA ".checks.health: up to 15s old (interval + timeout + heartbeat)" },
    { "\"initial_writer\": \"alpha\"", "\"initial_writer\": \"alpa\"", "11: $.services.web.initial_writer: \"alpa\" is none of the service's regions (did you mean \"alpha\"?)" },
    { "\"initial_writer\": \"alpha\"", "\"initial_writer\": \"gamma\"", "11: $.services.web.initial_writer: \"gamma\" is none of the service's regions" },
    { "\"guards\": [\"n1\"]", "\"guards\": [\"n2\"]", "20: " ALPHA ".guards[0]: node \"n2\" is in region beta, not in alpha" },
    { "\"guards\": [\"n1\"]", "\"guards\": [\"n1\", \"n1\"]", "20: " ALPHA ".guards[1]: \"n1\" is listed twice" },
    { "\"guards\": [\"n1\"]", "\"guards\": [\"m1\"]", "20: " ALPHA ".guards[0]: \"m1\" is none of the nodes (did you mean \"n1\"?)" },
    { "\"guards\": [\"n1\"],", "", "20: " ALPHA ": has a database but no guards" },
    { "\"beta\": { \"guards\"", "\"betta\": { \"guards\"", "16: $.services.web.regions.betta: no node is in a region \"betta\" (did you mean \"beta\"?)" },
    { "\"initial_writer\": \"alpha\",", "\"initial_writer\": \"alpha\", \"hooks\": { \"after_open\": [\"ls\"] },", "11: $.services.web.hooks.after_open[0]: no absolute path" },
    { "\"initial_writer\": \"alpha\",", "\"initial_writer\": \"alpha\", \"hooks\": { \"rejoin\": [\"ls\"] },", "11: $.services.web.hooks.rejoin[0]: no absolute path" },
    { "\"a.example.com\",", "\"a.example.com\", \"canary_user\": \"failoverd\",", "25: " ALPHA ".database.canary_user: is the guard's own role" },
    { "\"a.example.com\",", "\"a.example.com\", \"commit_user\": \"failoverd\",", "25: " ALPHA ".database.commit_user: give it a role of its own" },
    { "\"a.example.com\",", "\"a.example.com\", \"canary_user\": \"c\", \"commit_user\": \"c\",", "25: " ALPHA ".database.commit_user: give it a role of its own" },
    { "\"fence\": {", "\"commit_lease\": { \"enabled\": true }, \"fence\": {", "25: " ALPHA ".database: there is no commit_user, but commit_lease.enabled is true" },
    { "\"fence\": {", "\"commit_lease\": { \"enabled\": true }, \"fence\": { \"on_quorum_loss\": \"keep\",",
      "14: $.services.web.commit_lease.enabled: Set on_quorum_loss to \"fence\", or enabled to false" },
    { "{ \"type\": \"postgres\" } },\n        \"database\": { \"host\": \"b.example.com\", \"ca_file\": \"/ca\",\n"
      "          \"kernel_allow\": [\"192.0.2.9\"], \"replication_conninfo\": \"host=b\" } },",
      "{ \"type\": \"postgres\" } } },", "17: $.services.web.regions.beta.checks.db: the region has none" },
    /* Records. */
    { "\"beta\": [\"198.51.100.2\"]", "\"beta\": []", "33: " RECORD ".values.beta: has 0 items; must have 1 to 8" },
    { ",\n              \"beta\": [\"198.51.100.2\"]", "", "32: " RECORD ".values: has nothing for region beta" },
    { "\"beta\": [\"198.51.100.2\"]", "\"beta\": [\"2001:db8::1\"]", "33: " RECORD ".values.beta[0]: is no IPv4 address" },
    { "\"beta\": [\"198.51.100.2\"]", "\"beta\": [\"198.51.100.2\", \"198.51.100.2\"]", "33: " RECORD ".values.beta[1]: is listed twice" },
    { "\"beta\": [\"198.51.100.2\"]", "\"beta\": [\"198.51.100.2\"], \"gamma\": [\"192.0.2.7\"]", "33: " RECORD ".values.gamma: \"gamma\" is none of the service's regions" },
    { "\"type\": \"A\"", "\"type\": \"CNAME\"", "32: " RECORD ".values.alpha[0]: is an address; a CNAME holds a name" },
    { "\"web.example.com\", \"type\": \"A\"", "\"web.example.org\", \"type\": \"A\"", "31: " RECORD ".name: is not within the zone example.com" },
    { "\"web.example.com\", \"type\": \"A\"", "\"notexample.com\", \"type\": \"A\"", "31: " RECORD ".name: is not within the zone example.com" },
    { "\"_f.example.com\"", "\"web.example.com\"", "31: " RECORD ".name: \"web.example.com\" is the fence_record's name" },
    { "\"_f.example.com\"", "\"WEB.example.com.\"", "31: " RECORD ".name: \"web.example.com\" is the fence_record's name" },
    { "\"_f.example.com\"", "\"_f.example.net\"", "29: $.services.web.dns.zones[0].fence_record: is not a name within the zone example.com" },
    { "\"_f.example.com\"", "\"example.com\"", "29: $.services.web.dns.zones[0].fence_record: is not a name within the zone" },
    { "\"_f.example.com\"", "\"*.example.com\"", "29: $.services.web.dns.zones[0].fence_record: may not be a wildcard" },
    { "\"records\": [", "\"records\": [ { \"name\": \"WEB.example.com\", \"type\": \"A\", \"values\": { \"alpha\": [\"192.0.2.2\"], \"beta\": [\"192.0.2.3\"] } },",
      "31: $.services.web.dns.zones[0].records[1].name: is the same record as records[0]" },
    { "\"records\": [", "\"records\": [ { \"name\": \"web.example.com\", \"type\": \"CNAME\", \"values\": { \"alpha\": [\"a.example\"], \"beta\": [\"b.example\"] } },",
      "31: $.services.web.dns.zones[0].records[1].type: nothing else may stand at the name of a CNAME" },
    { "\"records\": [", "\"records\": [ { \"name\": \"x.example.com\", \"type\": \"A\", \"kind\": \"alias\" },",
      "30: " RECORD ": has no \"alias\"" },
    { "\"records\": [", "\"records\": [ { \"name\": \"example.com\", \"type\": \"CNAME\", \"values\": { \"alpha\": [\"a.example\"], \"beta\": [\"b.example\"] } },",
      "30: " RECORD ".type: the zone's own name can't be a CNAME" },
    { "\"verify_endpoints\"", "\"credentials\": { \"source\": \"file\" }, \"verify_endpoints\"", "28: $.services.web.dns.credentials.file: is missing" },
    { "  } }\n}", "  }, \"shop\": { \"initial_writer\": \"alpha\", \"regions\": { \"alpha\": {} }, \"dns\": { \"zones\": [ { \"id\": \"Z1\","
      " \"name\": \"example.com\", \"fence_record\": \"_f.example.com\", \"records\": [] } ] } } }\n}",
      "29: $.services.web.dns.zones[0].fence_record: is a fence_record of service shop already" },
    { "  } }\n}", "  }, \"shop\": { \"initial_writer\": \"alpha\", \"regions\": { \"alpha\": {} }, \"dns\": { \"zones\": [ { \"id\": \"Z1\","
      " \"name\": \"example.com\", \"fence_record\": \"_g.example.com\", \"records\": [ { \"name\": \"web.example.com\","
      " \"type\": \"A\", \"values\": { \"alpha\": [\"192.0.2.2\"] } } ] } ] } } }\n}",
      "31: " RECORD ".name: \"web.example.com\" is a record of service shop already" },
    /* JSON. */
    { "\"test\",", "\"test\"", "3: $.cluster: is not JSON" },
    { "  } }\n}\n", "  } }\n} x\n", "36: $.services.web.dns.zones[0].records[0].values.beta[0]: is not JSON" },
};

static void bad_files_are_refused_with_line_path_and_words(void)
{
    for (size_t i = 0; i < COUNT(bad_files); i++) {
        struct config_problems problems;
        char *text = fixture_replace(fixture_cluster, bad_files[i].from, bad_files[i].to);
        struct cluster_config *cluster = load(text, &problems);
        bool told = fixture_has(&problems, CONFIG_ERROR, bad_files[i].wanted);
        CU_ASSERT_PTR_NULL(cluster);
        CU_ASSERT_TRUE(problems.errors > 0);
        CU_ASSERT_TRUE(told);
        if (cluster != NULL || !told) {
            fprintf(stderr, "%zu: wanted %s, got:\n", i, bad_files[i].wanted);
            fixture_show(&problems);
        }
        free(text);
        config_cluster_free(cluster);
        config_problems_free(&problems);
    }
}

static bool warns_of(const struct config_problems *problems, const char *words)
{
    bool found = false;
    for (size_t i = 0; i < problems->count; i++)
        found = found || strstr(problems->items[i].text, words) != NULL;
    return found;
}

/* What a hook for each region changes in the warnings: the fence may rely on it, or never asks it. */
static void remote_hooks_are_told_of_where_they_matter(void)
{
    static const char with[] = "\"remote_hook\": { \"shut\": [\"/c\"] },";
    static const struct {
        const char *fence;
        const char *wanted; /* among the warnings; NULL: nothing of interest */
        const char *not_wanted;
    } cases[] = {
        { "\"ladder\": [\"door\"]", NULL, "waits for a person" },
        { "\"ladder\": [\"door\"], \"on_quorum_loss\": \"keep\"", NULL, "a lapsed lease proves nothing" },
        { "\"ladder\": [\"door\"], \"accept_unconfirmed_fence\": true", "a failover goes on without any proof", "first in" },
        { "\"ladder\": [\"kernel\"], \"on_quorum_loss\": \"keep\"", NULL, "is never run" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config_problems problems;
        char to[2][96];
        (void)snprintf(to[0], sizeof to[0], "\"guards\": [\"n1\"], %s", with);
        (void)snprintf(to[1], sizeof to[1], "\"guards\": [\"n2\"], %s", with);
        char *one = fixture_replace(fixture_cluster, "\"guards\": [\"n1\"],", to[0]);
        char *two = fixture_replace(one, "\"guards\": [\"n2\"],", to[1]);
        char *text = fixture_replace(two, "\"ladder\": [\"kernel\"]", cases[i].fence);
        struct cluster_config *cluster = load(text, &problems);
        CU_ASSERT_PTR_NOT_NULL(cluster);
        CU_ASSERT_TRUE(cases[i].wanted == NULL || warns_of(&problems, cases[i].wanted));
        CU_ASSERT_FALSE(warns_of(&problems, cases[i].not_wanted));
        free(one);
        free(two);
        free(text);
        config_cluster_free(cluster);
        config_problems_free(&problems);
    }
}

static const struct bad warned_files[] = {
    { "\"initial_writer\"", "\"runbook\": [ { \"id\": \"a\", \"when\": \"after\", \"text\": \"x\", \"check\": \"commit_lease\" } ], \"initial_writer\"",
      "11: $.services.web.runbook[0].check: can never be yes: commit_lease.enabled is false" },
    { "\"initial_writer\"", "\"runbook\": [ { \"id\": \"a\", \"when\": \"during\", \"text\": \"x\", \"check\": \"gates_open\" } ], \"initial_writer\"",
      "11: $.services.web.runbook[0].check: this item is for during it" },
    { "[\"kernel\"]", "[\"kernel\", \"door\"]", "25: " ALPHA ".database: there is no canary_user" },
    { "\"a.example.com\",", "\"a.example.com\", \"commit_password_file\": \"/p\",", "25: " ALPHA ".database.commit_password_file: is never used" },
    { "[\"kernel\"]", "[\"door\"]", "14: $.services.web.fence.ladder: the failover waits for a person" },
    { "[\"kernel\"]", "[\"kernel\"], \"hook\": { \"shut\": [\"/s\"] }", "14: $.services.web.fence.hook: is never used" },
    { "[\"kernel\"]", "[\"kernel\"], \"hook\": { \"open\": [\"/o\"] }", "14: $.services.web.fence.hook: is never used" },
    { "\"guards\": [\"n1\"],", "\"guards\": [\"n1\"], \"remote_hook\": { \"shut\": [\"/c\"] },", "20: " ALPHA ".remote_hook: is never run: with \"kernel\" first in fence.ladder" },
    { "[\"kernel\"]", "[\"door\", \"hook\"], \"hook\": { \"shut\": [\"/s\"], \"deadline\": \"2s\" }", "14: $.services.web.fence.ladder: shut the door or run the hook" },
    { "[\"kernel\"]", "[\"hook\"], \"hook\": { \"shut\": [\"/s\"], \"deadline\": \"2s\" }", "14: $.services.web.fence.ladder: not even by a person's order" },
    { "[\"kernel\"]", "[\"hook\"], \"hook\": { \"shut\": [\"/s\"] }", "14: $.services.web.fence.hook.deadline: fence_budget 10s and lease.duration longer than 14s" },
    { "[\"kernel\"]", "[\"door\", \"hook\"], \"hook\": { \"shut\": [\"/s\"], \"deadline\": \"17s\" }", "14: $.services.web.fence.hook.deadline: Make it at most 16s" },
    { "{ \"ladder\"", "{ \"accept_unconfirmed_fence\": true, \"ladder\"", "14: $.services.web.fence.accept_unconfirmed_fence: those writes will be lost" },
    { "{ \"ladder\"", "{ \"on_quorum_loss\": \"keep\", \"ladder\"", "14: $.services.web.fence.on_quorum_loss: a lapsed lease proves nothing" },
    { "\"ttl\": 60", "\"ttl\": 3600", "31: " RECORD ".ttl: 3600 s after a failover" },
    { "\"verify_endpoints\": [\"http://web.example.com/\"], ", "", "28: $.services.web.dns: there are no verify_endpoints" },
    { ", \"replication_conninfo\": \"host=a\"", "", "25: " ALPHA ".database: there is no replication_conninfo" },
    { "\"kernel_allow\": [\"198.51.100.9\"], ", "", "25: " ALPHA ".database: kernel_allow is empty" },
    { "\"ca_file\": \"/ca\",\n"
      "          \"kernel_allow\": [\"198.51.100.9\"]", "\"sslmode\": \"require\",\n          \"kernel_allow\": [\"198.51.100.9\"]",
      "25: " ALPHA ".database.sslmode: does not prove that it is the right server" },
    { "\"http://192.0.2.2/\"", "\"https://192.0.2.2/\", \"certificate_check\": false", "22: " ALPHA ".checks.health.certificate_check: can call the region healthy" },
    { "\"cluster\": \"test\",", "\"cluster\": \"test\", \"failovers_at_once\": 1,", "2: $.failovers_at_once: is 1, and there is 1 service: it never holds one back" },
    { "\"fence\": {", "\"on_no_answer\": \"go\", \"fence\": {", "14: $.services.web.on_no_answer: counts only in mode \"approve\"; the mode is \"automatic\"" },
    { "{ \"region\": \"gamma\"", "{ \"region\": \"alpha\"", "3: $.voters: 2 of 3 voters are in region alpha: when it is lost there is no majority" },
    { "\"checks\": { \"db\": { \"type\": \"postgres\" } },", "", "16: $.services.web.regions.beta: has no checks" },
};

static void doubtful_files_are_warned_of(void)
{
    for (size_t i = 0; i < COUNT(warned_files); i++) {
        struct config_problems problems;
        char *text = fixture_replace(fixture_cluster, warned_files[i].from, warned_files[i].to);
        struct cluster_config *cluster = load(text, &problems);
        bool told = fixture_has(&problems, CONFIG_WARNING, warned_files[i].wanted);
        CU_ASSERT_PTR_NOT_NULL(cluster);
        CU_ASSERT_TRUE(told);
        CU_ASSERT_EQUAL(problems.errors, 0);
        if (cluster == NULL || !told) {
            fprintf(stderr, "%zu: wanted %s, got:\n", i, warned_files[i].wanted);
            fixture_show(&problems);
        }
        free(text);
        config_cluster_free(cluster);
        config_problems_free(&problems);
    }
}

static void missing_dns_and_databases_are_warned_of(void)
{
    static const char text[] = "{ \"cluster\": \"t\", \"voters\": [\"a\", \"b\", \"c\"], \"nodes\": {\n"
                               "\"a\": {\"region\": \"x\", \"address\": \"192.0.2.1:1\"},\n"
                               "\"b\": {\"region\": \"y\", \"address\": \"192.0.2.2:1\"},\n"
                               "\"c\": {\"region\": \"z\", \"address\": \"192.0.2.3:1\"}},\n"
                               "\"services\": {\n\"s\": {\"initial_writer\": \"x\",\n\"regions\": {\n"
                               "\"x\": {\"guards\": [\"a\"], \"database\": {\"host\": \"h\", \"sslmode\": \"disable\"}},\n"
                               "\"y\": {}}}}}";
    struct config_problems problems;
    struct cluster_config *cluster = load(text, &problems);
    CU_ASSERT_PTR_NOT_NULL(cluster);
    CU_ASSERT_TRUE(fixture_has(&problems, CONFIG_WARNING, "6: $.services.s: there is no \"dns\""));
    CU_ASSERT_TRUE(fixture_has(&problems, CONFIG_WARNING, "7: $.services.s.regions: nowhere to fail over to"));
    CU_ASSERT_TRUE(fixture_has(&problems, CONFIG_WARNING, "9: $.services.s.regions.y: can never become the writer"));
    config_cluster_free(cluster);
    config_problems_free(&problems);
}

static void all_problems_are_told_in_order(void)
{
    struct config_problems problems;
    char *one = fixture_replace(fixture_cluster, "\"10s\"", "\"3s\"");
    char *two = fixture_replace(one, "\"ttl\": 60", "\"tll\": 60");
    char *three = fixture_replace(two, "\"n3\"]", "\"n2\"]");
    struct cluster_config *cluster = load(three, &problems);
    CU_ASSERT_PTR_NULL(cluster);
    CU_ASSERT_EQUAL(problems.errors, 3);
    CU_ASSERT_EQUAL_FATAL(problems.count, 3);
    CU_ASSERT_TRUE(problems.items[0].line == 4 && problems.items[1].line == 12 && problems.items[2].line == 31);
    char text[256];
    config_problem_text(&problems.items[0], text, sizeof text);
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted, "%s:4: $.voters[2]: \"n2\" is a voter already; each node has one vote",
                   fixture_path("cluster.json"));
    CU_ASSERT_STRING_EQUAL(text, wanted);
    free(one);
    free(two);
    free(three);
    config_problems_free(&problems);
}

/* ---- the node file ----------------------------------------------------------------------- */

static const char good_node[] = "{ \"name\": \"n1\",\n"
                                "\"tls\": { \"ca\": \"/a\",\n\"certificate\": \"/b\",\n\"key\": \"/c\" },\n"
                                "\"listen\": \"[::]:7400\"\n}";

static const struct bad bad_nodes[] = {
    { "\"name\": \"n1\",", "", "1: $.name: is missing" },
    { "\"listen\": \"[::]:7400\"", "\"listen\": \"localhost:7400\"", "5: $.listen: is no IP address with a port" },
    { "\"key\": \"/c\"", "\"key\": \"c\"", "4: $.tls.key: must begin with \"/\"" },
    { ",\n\"key\": \"/c\"", "", "2: $.tls.key: is missing" },
    { "\"ca\": \"/a\"", "\"ca\": \"/c\"", "2: $.tls.ca: names the same file as \"key\"" },
    { "\"listen\": \"[::]:7400\"", "\"audit\": \"/var/lib/failoverd/journal.jsonl\"",
      "5: $.audit: names the same file as \"journal\"" },
    { "\"listen\": \"[::]:7400\"", "\"lisen\": \"[::]:7400\"", "5: $.lisen: did you mean \"listen\"?" },
    { "\"listen\": \"[::]:7400\"", "\"control\": { \"force\": [\"root\", \"users:x\"] }", "5: $.control.force[1]: \"users:x\" is nobody" },
    { "\"listen\": \"[::]:7400\"", "\"log\": { \"level\": \"loud\" }", "5: $.log.level: it must be \"error\", \"warning\", \"info\" or \"debug\"" },
    { "\"listen\": \"[::]:7400\"", "\"aws_credentials\": {}", "5: $.aws_credentials.source: is missing" },
    { "\"listen\": \"[::]:7400\"", "\"aws_credentials\": { \"source\": \"instance\", \"file\": \"/x\" }", "5: $.aws_credentials.file: for source=file only" },
    { "\"listen\": \"[::]:7400\"",
      "\"control_socket\": \"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
      "5: $.control_socket: may have at most 107" },
};

static void bad_node_files_are_refused(void)
{
    for (size_t i = 0; i < COUNT(bad_nodes); i++) {
        struct config_problems problems = { 0 };
        char *text = fixture_replace(good_node, bad_nodes[i].from, bad_nodes[i].to);
        struct local_config *node = config_load_node(fixture_write("node.json", text), &problems);
        CU_ASSERT_PTR_NULL(node);
        CU_ASSERT_TRUE(fixture_has(&problems, CONFIG_ERROR, bad_nodes[i].wanted));
        if (!fixture_has(&problems, CONFIG_ERROR, bad_nodes[i].wanted)) {
            fprintf(stderr, "%zu: wanted %s, got:\n", i, bad_nodes[i].wanted);
            fixture_show(&problems);
        }
        free(text);
        config_local_free(node);
        config_problems_free(&problems);
    }
}

static void the_node_must_be_one_of_the_cluster(void)
{
    struct config_problems problems = { 0 };
    struct cluster_config *c = load_good(fixture_cluster);
    struct local_config *n = config_load_node(fixture_write("node.json", good_node), &problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    CU_ASSERT_STRING_EQUAL(n->state_dir, "/var/lib/failoverd");
    CU_ASSERT_STRING_EQUAL(n->control.force.items[0], "root");
    CU_ASSERT_PTR_NULL(n->aws_credentials);
    CU_ASSERT_TRUE(config_check(c, n, &problems));
    config_local_free(n);
    char *text = fixture_replace(good_node, "n1", "n11");
    n = config_load_node(fixture_write("node.json", text), &problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    CU_ASSERT_FALSE(config_check(c, n, &problems));
    CU_ASSERT_TRUE(fixture_has(&problems, CONFIG_ERROR, "1: $.name: \"n11\" is none of the nodes in "));
    CU_ASSERT_PTR_NOT_NULL(strstr(problems.items[0].text, "did you mean \"n1\"?"));
    free(text);
    config_local_free(n);
    config_cluster_free(c);
    config_problems_free(&problems);
}

/* ---- the report -------------------------------------------------------------------------- */

static void reports_have_an_exit_code(void)
{
    char *text = fixture_replace(fixture_cluster, "\"10s\"", "\"3s\"");
    const char *bad = fixture_write("cluster.json", text);
    struct config_report_options options = { .without_files = true };
    FILE *out = fopen(fixture_path("out"), "w+");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_EQUAL(config_check_files(bad, "etc/node.sample.json", &options, out), 1);
    options.json = true;
    CU_ASSERT_EQUAL(config_check_files(bad, NULL, &options, out), 1);
    CU_ASSERT_EQUAL(config_check_files("etc/cluster.sample.json", "etc/node.sample.json", &options, out), 0);
    CU_ASSERT_TRUE(config_print_options(out));
    CU_ASSERT_EQUAL(fclose(out), 0);
    size_t size;
    char *printed = fixture_read(fixture_path("out"), &size);
    CU_ASSERT_PTR_NOT_NULL(strstr(printed, ":12: $.services.web.lease.duration: 3s is too short"));
    CU_ASSERT_PTR_NOT_NULL(strstr(printed, "refused: 1 error"));
    CU_ASSERT_PTR_NOT_NULL(strstr(printed, "\"line\": 12"));
    CU_ASSERT_PTR_NOT_NULL(strstr(printed, "\"ok\": true"));
    free(printed);
    free(text);
    FILE *full = fopen("/dev/full", "w");
    if (full != NULL) {
        CU_ASSERT_EQUAL(config_check_files("etc/cluster.sample.json", NULL, &options, full), 2);
        (void)fclose(full);
    }
}

SUITE_MAIN("config", TEST(lists_are_sorted_and_names_resolved), TEST(what_is_left_out_has_its_default),
           TEST(the_samples_load_whole), TEST(remote_hooks_are_told_of_where_they_matter),
           TEST(dns_names_are_brought_to_one_form), TEST(digests_are_of_what_is_meant),
           TEST(runbooks_keep_their_order), TEST(the_digest_has_the_runbook),
           TEST(bad_files_are_refused_with_line_path_and_words), TEST(doubtful_files_are_warned_of),
           TEST(missing_dns_and_databases_are_warned_of), TEST(all_problems_are_told_in_order),
           TEST(bad_node_files_are_refused), TEST(the_node_must_be_one_of_the_cluster), TEST(reports_have_an_exit_code))
