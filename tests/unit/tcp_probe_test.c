/* The TCP probe, and with it the rules of names: every address, stale ones, whose fault it is. */
#include "probes/tcp.h"

#include "tests/unit/probe_fixture.h"

static struct tcp_probe *make(const char *host, uint16_t port)
{
    struct tcp_probe_settings settings = { .host = host, .port = port };
    struct tcp_probe *probe = tcp_probe_new(loop, resolver, &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
    return probe;
}

static void run_once(const char *host, uint16_t port, int64_t timeout_ms)
{
    struct tcp_probe *probe = make(host, port);
    run_round(&tcp_probe_class, probe, timeout_ms);
    tcp_probe_free(probe);
}

static void an_open_port_and_a_closed_one(void)
{
    begin();
    struct stub stub;
    CU_ASSERT_TRUE_FATAL(stub_open_at(&stub, NULL, "127.0.0.1", 0));
    struct tcp_probe *probe = make("127.0.0.1", stub.port);
    run_round(&tcp_probe_class, probe, 5000);
    EXPECT(SAMPLE_OK, "is open");
    CU_ASSERT_TRUE(got.phases.connect_us > 0 && got.latency_us >= got.phases.connect_us && !got.database.known);
    run_round(&tcp_probe_class, probe, 5000); /* again, with the same probe */
    EXPECT(SAMPLE_OK, "is open");
    stub_close(&stub);
    run_round(&tcp_probe_class, probe, 5000);
    EXPECT(SAMPLE_FAILED, "Connection refused");
    tcp_probe_free(probe);
    end();
}

static void ipv6_where_there_is_any(void)
{
    begin();
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    socklen_t length = sizeof address;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        CU_ASSERT_EQUAL(listen(fd, 4), 0);
        CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&address, &length), 0);
        run_once("::1", ntohs(address.sin6_port), 5000);
        EXPECT(SAMPLE_OK, "is open");
    }
    close(fd);
    end();
}

static void a_silent_host_fails_at_its_deadline(void)
{
    begin();
    struct full_queue full;
    CU_ASSERT_TRUE_FATAL(full_queue_open(&full));
    run_once("127.0.0.1", full.port, 100);
    EXPECT(SAMPLE_FAILED, "no connection in time");
    CU_ASSERT_TRUE(got.latency_us >= 100 * CLOCK_US_PER_MS);
    full_queue_close(&full);
    end();
}

static void every_address_of_the_name_counts(void)
{
    begin();
    struct stub one, two;
    CU_ASSERT_TRUE_FATAL(stub_open_at(&one, NULL, "127.0.0.1", 0));
    zone_set(2, "127.0.0.1", "127.0.0.2");
    run_once("shop.test", one.port, 5000);
    EXPECT(SAMPLE_FAILED, "127.0.0.2 port");
    EXPECT(SAMPLE_FAILED, "(1 of 2 addresses)");
    CU_ASSERT_TRUE_FATAL(stub_open_at(&two, NULL, "127.0.0.2", one.port));
    run_once("shop.test", one.port, 5000);
    EXPECT(SAMPLE_OK, "at 2 addresses");
    CU_ASSERT_TRUE(got.phases.name_us > 0);
    CU_ASSERT_TRUE(one.connections == 2 && two.connections == 1);
    stub_close(&one);
    stub_close(&two);
    end();
}

static void a_missing_name_is_the_targets_fault(void)
{
    begin();
    run_once("nowhere.test", 80, 5000);
    EXPECT(SAMPLE_FAILED, "does not exist");
    run_once("shop.test", 80, 5000); /* it exists and has no address */
    EXPECT(SAMPLE_FAILED, "has no such record");
    end();
}

static void name_servers_that_fail_are_ours(void)
{
    begin();
    struct stub stub;
    CU_ASSERT_TRUE_FATAL(stub_open_at(&stub, NULL, "127.0.0.1", 0));
    zone_set(1, "127.0.0.1", NULL);
    zone.silent = true;
    run_once("shop.test", stub.port, 300);
    EXPECT(SAMPLE_OBSERVER, "no answer in time");
    zone.silent = false;
    zone.rcode = 2;
    run_once("shop.test", stub.port, 5000);
    EXPECT(SAMPLE_OBSERVER, "the name server failed");
    stub_close(&stub);
    end();
}

static void known_addresses_outlive_the_name_servers(void)
{
    begin();
    struct stub stub;
    CU_ASSERT_TRUE_FATAL(stub_open_at(&stub, NULL, "127.0.0.1", 0));
    zone_set(1, "127.0.0.1", NULL);
    struct tcp_probe *probe = make("shop.test", stub.port);
    run_round(&tcp_probe_class, probe, 5000);
    EXPECT(SAMPLE_OK, "is open");
    unsigned asked = names.udp_questions;
    run_round(&tcp_probe_class, probe, 5000);
    CU_ASSERT_EQUAL(names.udp_questions, asked); /* fresh: nobody is asked */
    zone.silent = true;
    run_for_ms(1050); /* past the shortest time for which an answer is fresh */
    run_round(&tcp_probe_class, probe, 400);
    EXPECT(SAMPLE_OK, "as known before");
    CU_ASSERT_TRUE(names.udp_questions > asked);
    asked = names.udp_questions;
    run_round(&tcp_probe_class, probe, 400); /* and not asked again at once */
    EXPECT(SAMPLE_OK, "as known before");
    CU_ASSERT_EQUAL(names.udp_questions, asked);
    tcp_probe_free(probe);
    stub_close(&stub);
    end();
}

static void a_changed_address_is_followed(void)
{
    begin();
    struct stub one, two;
    CU_ASSERT_TRUE_FATAL(stub_open_at(&one, NULL, "127.0.0.1", 0));
    CU_ASSERT_TRUE_FATAL(stub_open_at(&two, NULL, "127.0.0.2", one.port));
    zone_set(1, "127.0.0.1", NULL);
    struct tcp_probe *probe = make("shop.test", one.port);
    run_round(&tcp_probe_class, probe, 5000);
    zone_set(1, "127.0.0.2", NULL);
    run_for_ms(1050);
    run_round(&tcp_probe_class, probe, 5000);
    EXPECT(SAMPLE_OK, "is open");
    CU_ASSERT_TRUE(one.connections == 1 && two.connections == 1);
    zone_set(0, NULL, NULL); /* taken out of DNS: an answer too */
    run_for_ms(1050);
    run_round(&tcp_probe_class, probe, 5000);
    CU_ASSERT_EQUAL(got.outcome, SAMPLE_FAILED);
    tcp_probe_free(probe);
    stub_close(&one);
    stub_close(&two);
    end();
}

static void our_lack_of_descriptors_is_ours(void)
{
    begin();
    struct tcp_probe *probe = make("127.0.0.1", closed_port());
    struct rlimit before = descriptors_gone();
    run_round(&tcp_probe_class, probe, 5000);
    descriptors_back(before);
    EXPECT(SAMPLE_OBSERVER, "Too many open files");
    run_round(&tcp_probe_class, probe, 5000);
    EXPECT(SAMPLE_FAILED, "refused");
    tcp_probe_free(probe);
    probe = make("shop.test", 80);
    before = descriptors_gone();
    run_round(&tcp_probe_class, probe, 5000);
    descriptors_back(before);
    EXPECT(SAMPLE_OBSERVER, "shop.test");
    tcp_probe_free(probe);
    end();
}

static void free_within(void *arg, const struct probe_round *round)
{
    on_done(NULL, round);
    tcp_probe_free(arg);
}

static void ended_rounds_do_not_call(void)
{
    begin();
    struct full_queue full;
    CU_ASSERT_TRUE_FATAL(full_queue_open(&full));
    struct tcp_probe *probe = make("127.0.0.1", full.port);
    tcp_probe_cancel(probe); /* nothing to do */
    tcp_probe_run(probe, 50 * CLOCK_US_PER_MS, on_done, NULL);
    tcp_probe_cancel(probe);
    tcp_probe_run(probe, 50 * CLOCK_US_PER_MS, on_done, NULL);
    run_for_ms(20);
    tcp_probe_cancel(probe);
    run_for_ms(80);
    CU_ASSERT_EQUAL(rounds, 0);
    tcp_probe_run(probe, 20 * CLOCK_US_PER_MS, free_within, probe);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(rounds, 1);
    probe = make("shop.test", 80);
    tcp_probe_run(probe, 50 * CLOCK_US_PER_MS, on_done, NULL);
    tcp_probe_free(probe); /* while the name is asked for */
    run_for_ms(80);
    CU_ASSERT_EQUAL(rounds, 1);
    full_queue_close(&full);
    end();
}

static void senseless_settings_are_refused(void)
{
    begin();
    static char long_name[RESOLVER_NAME_MAX + 1];
    memset(long_name, 'a', sizeof long_name - 1);
    const struct tcp_probe_settings bad[] = { { "127.0.0.1", 0 }, { "", 80 }, { NULL, 80 }, { long_name, 80 } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fault.text[0] = '\0';
        CU_ASSERT_PTR_NULL(tcp_probe_new(loop, resolver, &bad[i], &fault));
        CU_ASSERT_TRUE(fault.text[0] != '\0');
    }
    struct tcp_probe *probe = make("two words", 80); /* found out by the resolver only */
    run_round(&tcp_probe_class, probe, 5000);
    EXPECT(SAMPLE_OBSERVER, "");
    tcp_probe_free(probe);
    tcp_probe_free(NULL);
    end();
}

SUITE_MAIN("tcp_probe", TEST(an_open_port_and_a_closed_one), TEST(ipv6_where_there_is_any),
           TEST(a_silent_host_fails_at_its_deadline), TEST(every_address_of_the_name_counts),
           TEST(a_missing_name_is_the_targets_fault), TEST(name_servers_that_fail_are_ours),
           TEST(known_addresses_outlive_the_name_servers), TEST(a_changed_address_is_followed),
           TEST(our_lack_of_descriptors_is_ours), TEST(ended_rounds_do_not_call), TEST(senseless_settings_are_refused))
