/* Which region's database a rejoin is about, as it is seen from one node. */
#include "coordinator/control/rejoin_where.h"

#include <string.h>

#include "tests/unit/suite.h"

enum { EAST, WEST, SOUTH, WITNESS };

static struct region_config regions[4] = { { .name = "us-east-1" }, { .name = "us-west-2" }, { .name = "sa-east-1" },
                                           { .name = "eu-west-1" } };
static struct service_region_config homes[3];
static struct service_config service;
static struct cluster_config cluster;
static struct view_service view;
static struct rejoin_where where;

static void standby(region_id region)
{
    view.regions[region].database = (struct database_facts){ .known = true, .in_recovery = true,
                                                             .walreceiver_live = true };
}

/* us-west-2 is the writer; us-east-1 came back as a primary; sa-east-1 streams. */
static struct rejoin_where_facts the_usual(size_t home)
{
    for (size_t i = 0; i < 3; i++)
        homes[i] = (struct service_region_config){ .name = regions[i].name, .region = i, .guards = { i },
                                                   .guard_count = 1 };
    service = (struct service_config){ .name = "shop", .regions = homes, .region_count = 3,
                                       .evidence_max_age_us = 10000000 };
    cluster = (struct cluster_config){ .regions = regions, .region_count = 4, .services = &service,
                                       .service_count = 1 };
    view = (struct view_service){ .ledger_known = true, .ledger = { .writer = WEST } };
    view.regions[EAST].database = view.regions[WEST].database = (struct database_facts){ .known = true };
    standby(SOUTH);
    return (struct rejoin_where_facts){ &cluster, &service, &view, home, CONFIG_NONE };
}

static size_t found(const struct rejoin_where_facts *facts)
{
    rejoin_where(facts, &where);
    bool explained = where.text[0] != '\0' && strstr(where.todo, "--region ") != NULL;
    CU_ASSERT_EQUAL(explained, where.region == CONFIG_NONE);
    return where.region;
}

static void the_one_that_does_not_stream(void)
{
    const size_t homes_of[] = { EAST, WEST, SOUTH, CONFIG_NONE };
    for (size_t i = 0; i < sizeof homes_of / sizeof homes_of[0]; i++) {
        struct rejoin_where_facts facts = the_usual(homes_of[i]);
        CU_ASSERT_EQUAL(found(&facts), EAST);
    }
}

static void a_database_that_is_not_seen_may_be_the_one(void)
{
    struct rejoin_where_facts facts = the_usual(CONFIG_NONE);
    view.regions[EAST].database = (struct database_facts){ .known = false };
    CU_ASSERT_EQUAL(found(&facts), EAST);
    standby(EAST);
    view.regions[EAST].database_age_us = service.evidence_max_age_us + 1; /* news of long ago */
    CU_ASSERT_EQUAL(found(&facts), EAST);
    standby(EAST);
    view.regions[EAST].database_age_us = 0;
    view.regions[EAST].database.walreceiver_live = false;
    CU_ASSERT_EQUAL(found(&facts), EAST);
}

static void of_two_a_person_says_which(void)
{
    struct rejoin_where_facts facts = the_usual(CONFIG_NONE);
    view.regions[SOUTH].database.walreceiver_live = false;
    CU_ASSERT_EQUAL(found(&facts), CONFIG_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(where.todo, "--region us-east-1 or --region sa-east-1"));
    CU_ASSERT_PTR_NULL(strstr(where.todo, "us-west-2"));
    facts.asked = SOUTH;
    CU_ASSERT_EQUAL(found(&facts), SOUTH);
    facts.asked = CONFIG_NONE;
    facts.home = SOUTH; /* on the database's own host it is that one */
    CU_ASSERT_EQUAL(found(&facts), SOUTH);
    facts.home = WEST;
    CU_ASSERT_EQUAL(found(&facts), CONFIG_NONE);
}

static void with_none_our_own_node_says_why_or_a_person_says_which(void)
{
    struct rejoin_where_facts facts = the_usual(WEST);
    standby(EAST);
    CU_ASSERT_EQUAL(found(&facts), WEST);
    facts.home = CONFIG_NONE;
    CU_ASSERT_EQUAL(found(&facts), CONFIG_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(where.todo, "--region us-east-1 or --region sa-east-1"));
}

static void without_a_known_writer_a_person_says_which(void)
{
    struct rejoin_where_facts facts = the_usual(CONFIG_NONE);
    view.ledger.writer = REGION_NONE;
    CU_ASSERT_EQUAL(found(&facts), CONFIG_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(where.text, "does not know who the writer is"));
    view.ledger_known = false;
    CU_ASSERT_EQUAL(found(&facts), CONFIG_NONE);
    facts.home = EAST;
    CU_ASSERT_EQUAL(found(&facts), EAST);
}

SUITE_MAIN("rejoin_where", TEST(the_one_that_does_not_stream), TEST(a_database_that_is_not_seen_may_be_the_one),
           TEST(of_two_a_person_says_which), TEST(with_none_our_own_node_says_why_or_a_person_says_which),
           TEST(without_a_known_writer_a_person_says_which))
