/* The database probe by name: the address is found and followed; and one look at a real server. */
#include "probes/database.h"

#include "tests/unit/pg_fixture.h"
#include "tests/unit/probe_fixture.h"

static struct database_probe *make(const struct pg_target *target)
{
    struct postgres_probe_settings settings = { .target = *target, .observer = "witness",
                                                .fresh_every_us = 2 * (int64_t)CLOCK_US_PER_S };
    struct database_probe *probe = database_probe_new(loop, resolver, &settings, &fault);
    if (probe == NULL)
        fprintf(stderr, "%s\n", fault.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
    return probe;
}

/* Not a PostgreSQL server, but it counts who connects. */
static const char *hang_up(struct stub *stub, const char *request)
{
    (void)request;
    stub->close_after = true;
    return NULL;
}

static void the_address_of_the_name_is_followed(void)
{
    begin();
    struct stub one, two;
    CU_ASSERT_TRUE_FATAL(stub_open_at(&one, hang_up, "127.0.0.1", 0));
    CU_ASSERT_TRUE_FATAL(stub_open_at(&two, hang_up, "127.0.0.2", one.port));
    struct pg_target target = { .host = "shop.test", .port = one.port, .user = "x", .dbname = "x", .sslmode = "disable" };
    struct database_probe *probe = make(&target);
    zone_set(1, "127.0.0.1", NULL);
    run_round(&database_probe_class, probe, 300);
    CU_ASSERT_EQUAL(got.outcome, SAMPLE_FAILED);
    CU_ASSERT_TRUE(got.phases.name_us > 0 && !got.database.known);
    CU_ASSERT_TRUE(one.connections > 0 && two.connections == 0);
    zone.silent = true; /* stale, and used */
    run_for_ms(1050);
    unsigned before = one.connections;
    run_round(&database_probe_class, probe, 300);
    CU_ASSERT_EQUAL(got.outcome, SAMPLE_FAILED);
    CU_ASSERT_TRUE(one.connections > before);
    database_probe_free(probe);
    probe = make(&target);
    run_round(&database_probe_class, probe, 300); /* one that never knew */
    EXPECT(SAMPLE_OBSERVER, "no answer in time");
    zone_set(2, "127.0.0.2", "127.0.0.3");
    before = one.connections;
    run_round(&database_probe_class, probe, 300);
    CU_ASSERT_TRUE(one.connections == before && two.connections > 0);
    zone_set(2, "127.0.0.3", "127.0.0.2"); /* in another order: still there */
    run_for_ms(1050);
    before = two.connections;
    run_round(&database_probe_class, probe, 300);
    CU_ASSERT_TRUE(two.connections > before);
    zone_set(1, "127.0.0.1", NULL);
    run_for_ms(1050);
    before = one.connections;
    run_round(&database_probe_class, probe, 300);
    CU_ASSERT_TRUE(one.connections > before);
    database_probe_free(probe);
    target.host = "nowhere.test";
    probe = make(&target);
    run_round(&database_probe_class, probe, 300);
    EXPECT(SAMPLE_FAILED, "does not exist");
    database_probe_free(probe);
    stub_close(&one);
    stub_close(&two);
    end();
}

static void ended_rounds_do_not_call(void)
{
    begin();
    struct full_queue full;
    CU_ASSERT_TRUE_FATAL(full_queue_open(&full));
    struct pg_target target = { .host = "127.0.0.1", .port = full.port, .user = "x", .dbname = "x", .sslmode = "disable" };
    struct database_probe *probe = make(&target);
    database_probe_run(probe, 60 * CLOCK_US_PER_MS, on_done, NULL);
    run_for_ms(20);
    database_probe_cancel(probe);
    run_for_ms(60);
    CU_ASSERT_EQUAL(rounds, 0);
    run_round(&database_probe_class, probe, 60);
    EXPECT(SAMPLE_FAILED, "too late");
    database_probe_run(probe, 60 * CLOCK_US_PER_MS, on_done, NULL);
    database_probe_free(probe);
    target.host = "shop.test";
    probe = make(&target);
    database_probe_run(probe, 60 * CLOCK_US_PER_MS, on_done, NULL);
    database_probe_free(probe); /* while the name is asked for */
    run_for_ms(80);
    CU_ASSERT_EQUAL(rounds, 1);
    full_queue_close(&full);
    end();
}

static void a_real_server(void)
{
    struct pg_server server;
    pg_fixture_start(&server, NULL);
    begin();
    zone_set(1, "127.0.0.1", NULL);
    struct pg_target target = pg_fixture_tcp(&server, "postgres");
    (void)pg_fixture_sql(&server, "alter role postgres password '" PG_FIXTURE_PASSWORD "'", NULL, 0);
    target.hostaddr = NULL;
    target.host = "shop.test";
    struct database_probe *probe = make(&target);
    run_round(&database_probe_class, probe, 10000);
    EXPECT(SAMPLE_OK, "primary on timeline 1");
    CU_ASSERT_TRUE(got.database.known && !got.database.in_recovery && got.database.timeline == 1 &&
                   got.database.lsn > 0);
    CU_ASSERT_TRUE(got.phases.connect_us > 0 && got.phases.tls_us > 0 && got.phases.first_byte_us > 0);
    run_round(&database_probe_class, probe, 10000); /* over the kept session */
    EXPECT(SAMPLE_OK, "primary on timeline 1");
    CU_ASSERT_EQUAL(got.phases.connect_us, 0);
    pg_fixture_kill(&server, SIGKILL);
    /* The kept session's own backend may live on for a moment; a new login finds out. */
    for (int i = 0; i < 100 && got.outcome != SAMPLE_FAILED; i++) {
        run_for_ms(100);
        run_round(&database_probe_class, probe, 10000);
    }
    CU_ASSERT_EQUAL(got.outcome, SAMPLE_FAILED);
    database_probe_free(probe);
    end();
    pg_fixture_stop(&server);
}

static void senseless_settings_are_refused(void)
{
    begin();
    static char long_name[100];
    memset(long_name, 'a', sizeof long_name - 1);
    const struct postgres_probe_settings bad[] = {
        { .observer = "witness", .target = { .host = NULL } },
        { .observer = "witness", .target = { .host = "shop.test", .hostaddr = "not-an-address" } },
        { .observer = "witness", .target = { .host = "one,two" } },
        { .observer = NULL, .target = { .host = "shop.test" } },
        { .observer = long_name, .target = { .host = "shop.test" } },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fault.text[0] = '\0';
        CU_ASSERT_PTR_NULL(database_probe_new(loop, resolver, &bad[i], &fault));
        CU_ASSERT_TRUE(fault.text[0] != '\0');
    }
    database_probe_free(NULL);
    end();
}

SUITE_MAIN("database_probe", TEST(the_address_of_the_name_is_followed), TEST(ended_rounds_do_not_call),
           TEST(a_real_server), TEST(senseless_settings_are_refused))
