/* What rejoining takes: refused by name, nothing to do, pg_rewind or a new copy. */
#include "coordinator/control/rejoin_plan.h"

#include <string.h>

#include "coordinator/base/text.h"
#include "tests/unit/suite.h"

#define EAST 0
#define WEST 1

static char conninfo[] = "host=10.0.0.2 user=replicator passfile=/etc/it's/pgpass";
static char hook_word[] = "/hook";
static const char *hook_words[] = { hook_word };
static struct region_config regions[2] = { { .name = "us-east-1" }, { .name = "us-west-2" } };
static struct database_config databases[2];
static struct service_region_config homes[2];
static struct service_config service;
static struct cluster_config cluster;
static struct view_service view;
static struct server_seen local;
static struct fork_report theirs;
static struct rejoin_plan plan;

/* us-east-1's old primary is up and listed, us-west-2 is the writer, a hook is there. */
static struct rejoin_facts the_usual(void)
{
    databases[WEST] = (struct database_config){ .replication_conninfo = conninfo };
    for (size_t i = 0; i < 2; i++)
        homes[i] = (struct service_region_config){ .name = regions[i].name, .region = i, .database = &databases[i] };
    service = (struct service_config){ .name = "shop", .regions = homes, .region_count = 2,
                                       .hooks = { .rejoin = { .items = hook_words, .count = 1 } } };
    cluster = (struct cluster_config){ .regions = regions, .region_count = 2, .services = &service,
                                       .service_count = 1 };
    view = (struct view_service){ .ledger_known = true, .quorum = true, .ledger = { .writer = WEST, .epoch = 3 } };
    local = (struct server_seen){ .seen = true, .facts = { .in_recovery = false, .timeline = 1, .system_id = 5 },
                                  .data_directory = "/data/15", .config_file = "/etc/pg/postgresql.conf", .hints = true,
                                  .full_page_writes = true, .oldest_lsn = 0x1000000 };
    theirs = (struct fork_report){ .outcome = FORK_LEFT, .facts_known = true, .fork = { TIMELINES_LEFT, 1, 0x3000148 },
                                   .facts = { .in_recovery = false, .timeline = 2, .system_id = 5 } };
    return (struct rejoin_facts){ .cluster = &cluster, .service = &service, .home = EAST, .view = &view,
                                  .local = &local,
                                  .fork = &theirs, .lost_kept = true };
}

static void refused_as(const struct rejoin_facts *facts, const char *code, enum exit_code exit)
{
    rejoin_decide(facts, &plan);
    CU_ASSERT_EQUAL(plan.verdict, REJOIN_REFUSED);
    CU_ASSERT_STRING_EQUAL(plan.code, code);
    CU_ASSERT_EQUAL(plan.exit, exit);
    CU_ASSERT_TRUE(plan.exit != EXIT_DONE && plan.text[0] != '\0' && plan.todo[0] != '\0');
    json_t *json = rejoin_plan_json(facts, &plan);
    CU_ASSERT_TRUE(json_is_false(json_object_get(json, "would_run")) && json_array_size(json_object_get(json, "commands")) == 0);
    json_decref(json);
}

static void it_is_refused_by_name(void)
{
    struct rejoin_facts facts = the_usual();
    view.ledger.writer = EAST;
    refused_as(&facts, "writer", EXIT_GATE);
    facts = the_usual();
    view.ledger_known = false;
    refused_as(&facts, "no_ledger", EXIT_NO_QUORUM);
    facts = the_usual();
    view.quorum = false;
    refused_as(&facts, "no_ledger", EXIT_NO_QUORUM);
    facts = the_usual();
    view.ledger.writer = REGION_NONE;
    refused_as(&facts, "busy", EXIT_GATE);
    facts = the_usual();
    view.ledger.operation.kind = OPERATION_FAILOVER;
    refused_as(&facts, "busy", EXIT_GATE);
    facts = the_usual();
    databases[WEST].replication_conninfo = NULL;
    refused_as(&facts, "no_source", EXIT_GATE);
    facts = the_usual();
    theirs = (struct fork_report){ .outcome = FORK_UNREACHABLE };
    refused_as(&facts, "writer_unreachable", EXIT_GATE);
    facts = the_usual();
    theirs = (struct fork_report){ .outcome = FORK_REFUSED }; /* it does not even let us look */
    refused_as(&facts, "writer_unreachable", EXIT_GATE);
    facts = the_usual();
    theirs.outcome = FORK_OTHER_SYSTEM;
    refused_as(&facts, "other_system", EXIT_GATE);
    facts = the_usual();
    theirs.facts.in_recovery = true;
    refused_as(&facts, "writer_is_standby", EXIT_GATE);
}

static void a_healthy_standby_needs_nothing(void)
{
    char text[256];
    struct rejoin_facts facts = the_usual();
    local.facts = (struct postgres_facts){ .in_recovery = true, .walreceiver_live = true, .timeline = 2,
                                           .system_id = 5 };
    theirs.outcome = FORK_SAME;
    rejoin_decide(&facts, &plan);
    CU_ASSERT_EQUAL(plan.verdict, REJOIN_NOTHING);
    CU_ASSERT_TRUE(rejoin_streams(&facts, text, sizeof text));
    local.facts.walreceiver_live = false;
    CU_ASSERT_FALSE(rejoin_streams(&facts, text, sizeof text));
    local.facts.walreceiver_live = true;
    local.facts.receipt_frozen = true;
    CU_ASSERT_FALSE(rejoin_streams(&facts, text, sizeof text));
    local.facts.receipt_frozen = false;
    theirs.outcome = FORK_LEFT; /* streams, but on another timeline than the writer's */
    (void)fault_set(&theirs.why, "left ours");
    CU_ASSERT_FALSE(rejoin_streams(&facts, text, sizeof text));
    CU_ASSERT_STRING_EQUAL(text, "left ours");
    local.facts.in_recovery = false;
    theirs.outcome = FORK_SAME;
    CU_ASSERT_FALSE(rejoin_streams(&facts, text, sizeof text));
    local.seen = false;
    CU_ASSERT_FALSE(rejoin_streams(&facts, text, sizeof text));
}

static void decide_for(const struct rejoin_facts *facts, const char *method, const char *says)
{
    rejoin_decide(facts, &plan);
    CU_ASSERT_EQUAL(plan.verdict, REJOIN_RUN);
    CU_ASSERT_STRING_EQUAL(plan.method, method);
    if (strstr(plan.text, says) == NULL)
        printf("  \"%s\" does not say \"%s\"\n", plan.text, says);
    CU_ASSERT_PTR_NOT_NULL(strstr(plan.text, says));
}

static void the_way_depends_on_the_server(void)
{
    struct rejoin_facts facts = the_usual();
    decide_for(&facts, "pg_rewind", "takes it back");
    local.hints = false;
    decide_for(&facts, "pg_basebackup", "wal_log_hints");
    facts = the_usual();
    local.full_page_writes = false;
    decide_for(&facts, "pg_basebackup", "full_page_writes");
    facts = the_usual();
    local.oldest_lsn = 0x4000000;
    decide_for(&facts, "pg_basebackup", "not all there");
    facts = the_usual();
    theirs.outcome = FORK_REFUSED; /* the setup was not run again: no history */
    theirs.fork.lsn = 0;
    decide_for(&facts, "pg_basebackup", "not known");
    facts = the_usual();
    local = (struct server_seen){ .seen = false };
    theirs.outcome = FORK_READ;
    decide_for(&facts, "either", "does not answer");
    facts = the_usual();
    local.facts.in_recovery = true; /* ahead of the fork */
    decide_for(&facts, "pg_rewind", "does not follow");
}

static bool would_run(const struct rejoin_facts *facts)
{
    rejoin_decide(facts, &plan);
    json_t *json = rejoin_plan_json(facts, &plan);
    bool would = json_is_true(json_object_get(json, "would_run"));
    json_decref(json);
    return would;
}

static void the_list_comes_first(void)
{
    struct rejoin_facts facts = the_usual();
    CU_ASSERT_TRUE(would_run(&facts));
    facts.lost_kept = false;
    CU_ASSERT_FALSE(would_run(&facts));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan.todo, "--without-list"));
    facts.without_list = true;
    CU_ASSERT_TRUE(would_run(&facts));
    facts.without_list = false;
    local.seen = false; /* a server that is down may have something too */
    CU_ASSERT_FALSE(would_run(&facts));
    facts = the_usual();
    service.hooks.rejoin.count = 0;
    CU_ASSERT_FALSE(would_run(&facts));
    CU_ASSERT_PTR_NOT_NULL(strstr(plan.todo, "by hand"));
}

static const char *commands_of(const struct rejoin_facts *facts)
{
    static char all[8192];
    size_t index;
    const json_t *command;
    struct text text = TEXT_OF(all);
    rejoin_decide(facts, &plan);
    json_t *json = rejoin_plan_json(facts, &plan);
    json_array_foreach(json_object_get(json, "commands"), index, command)
        text_appendf(&text, "%s\n", json_string_value(command));
    json_decref(json);
    return all;
}

static void the_commands_can_be_pasted(void)
{
    struct rejoin_facts facts = the_usual();
    const char *all = commands_of(&facts);
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "pg_rewind --target-pgdata='/data/15' --source-server='host=10.0.0.2 user=replicator "
                                       "passfile=/etc/it'\\''s/pgpass dbname=postgres' --write-recovery-conf --progress "
                                       "--config-file='/etc/pg/postgresql.conf'\n"));
    CU_ASSERT_PTR_NULL(strstr(all, ".kept"));
    (void)text_copy(local.config_file, sizeof local.config_file, "/data/15/postgresql.conf"); /* would be replaced */
    all = commands_of(&facts);
    CU_ASSERT_TRUE(strstr(all, "/$f.kept") == NULL && strstr(all, "'/data/15'.$f.kept") != NULL && strstr(all, "--config-file") == NULL);
    (void)text_copy(local.data_directory, sizeof local.data_directory, "/da ta/'; rm -rf /");
    CU_ASSERT_PTR_NOT_NULL(strstr(commands_of(&facts), "--target-pgdata='/da ta/'\\''; rm -rf /' "));
    local.hints = false;
    all = commands_of(&facts);
    CU_ASSERT_TRUE(strstr(all, "pg_basebackup --pgdata=") != NULL && strstr(all, "rm -rf /'.before-rejoin") != NULL);
    local.seen = false;
    CU_ASSERT_PTR_NOT_NULL(strstr(commands_of(&facts), "'DATA_DIRECTORY'"));
}

static void is_slot(const struct rejoin_facts *facts, const char *wanted)
{
    char name[SLOT_NAME_MAX];
    rejoin_slot_name(facts, name);
    CU_ASSERT_STRING_EQUAL(name, wanted);
}

static void its_slot_has_a_name(void)
{
    static char longest[] = "a-23456789-123456789-123456789-123456789-123456789-123456789-12";
    struct rejoin_facts facts = the_usual();
    is_slot(&facts, "failoverd_us_east_1");
    (void)text_copy(local.slot, sizeof local.slot, "its_own_1");
    is_slot(&facts, "its_own_1");
    local.seen = false; /* then nobody knows */
    is_slot(&facts, "failoverd_us_east_1");
    local.seen = true;
    (void)text_copy(local.slot, sizeof local.slot, "x'; rm -rf /"); /* a hook writes it into a file */
    is_slot(&facts, "failoverd_us_east_1");
    regions[EAST].name = longest;
    is_slot(&facts, "failoverd_a_23456789_123456789_123456789_123456789_123456789_12");
    regions[EAST].name = "us-east-1";
}

SUITE_MAIN("rejoin_plan", TEST(its_slot_has_a_name), TEST(it_is_refused_by_name),
           TEST(a_healthy_standby_needs_nothing), TEST(the_way_depends_on_the_server),
           TEST(the_list_comes_first), TEST(the_commands_can_be_pasted))
