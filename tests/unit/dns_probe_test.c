/* The DNS probe: right and wrong answers, several servers, whose fault it is. */
#include "probes/dns.h"

#include "tests/unit/probe_fixture.h"

static struct stub_dns one, two;
static void (*one_says)(struct stub_dns *, const char *, unsigned, bool, struct stub_dns_reply *);

static void say_address(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply)
{
    (void)stub;
    (void)tcp;
    if (type == 1)
        stub_dns_a(reply, name, 60, "192.0.2.7");
    if (type == 28)
        stub_dns_a(reply, name, 60, "2001:db8::7");
    if (type == 5)
        stub_dns_named(reply, name, 5, 60, "Shop-East.example.com");
    if (type == 16)
        stub_dns_txt(reply, name, 60, "epoch=7");
}

static void say_through_alias(struct stub_dns *stub, const char *name, unsigned type, bool tcp,
                              struct stub_dns_reply *reply)
{
    (void)stub;
    (void)type;
    (void)tcp;
    stub_dns_named(reply, name, 5, 60, "shop-east.example.com");
    stub_dns_a(reply, "shop-east.example.com", 60, "192.0.2.7");
}

static void say_alias_alone(struct stub_dns *stub, const char *name, unsigned type, bool tcp,
                            struct stub_dns_reply *reply)
{
    (void)stub;
    (void)type;
    (void)tcp;
    stub_dns_named(reply, name, 5, 60, "shop-east.example.com");
}

static void say_nothing(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply)
{
    (void)stub;
    (void)name;
    (void)type;
    (void)tcp;
    reply->silent = true;
}

static void say_failed(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply)
{
    (void)stub;
    (void)name;
    (void)type;
    (void)tcp;
    reply->rcode = 2;
}

static void say_unknown(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply)
{
    say_failed(stub, name, type, tcp, reply);
    reply->rcode = 3;
}

static void say_no_data(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply)
{
    say_failed(stub, name, type, tcp, reply);
    reply->rcode = 0;
}

static void say_garbage(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply)
{
    say_address(stub, name, type, tcp, reply);
    reply->answers = 200; /* which are not there */
}

static void one_respond(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply)
{
    one_says(stub, name, type, tcp, reply);
}

static struct dns_probe *make(enum resolve_type type, size_t servers, const char *value)
{
    const char *addresses[] = { one.address, two.address };
    const char *values[] = { "192.0.2.99", value };
    if (type != RESOLVE_TYPE_A)
        values[0] = value;
    struct dns_probe_settings settings = { .name = "shop.example.com", .type = type, .servers = addresses,
                                           .server_count = servers, .expect_any = values,
                                           .expect_count = value != NULL ? 2 : 0 };
    struct dns_probe *probe = dns_probe_new(loop, resolver, &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
    return probe;
}

static void run_once(enum resolve_type type, size_t servers, const char *value, int64_t timeout_ms)
{
    struct dns_probe *probe = make(type, servers, value);
    run_round(&dns_probe_class, probe, timeout_ms);
    dns_probe_free(probe);
}

static void begin_servers(void)
{
    begin();
    one_says = say_address;
    CU_ASSERT_TRUE_FATAL(stub_dns_open(&one, loop, one_respond));
    CU_ASSERT_TRUE_FATAL(stub_dns_open(&two, loop, say_address));
}

static void end_servers(void)
{
    stub_dns_close(&one);
    stub_dns_close(&two);
    end();
}

static void right_answers_in_any_spelling(void)
{
    begin_servers();
    run_once(RESOLVE_TYPE_A, 1, NULL, 5000);
    EXPECT(SAMPLE_OK, "A 192.0.2.7");
    run_once(RESOLVE_TYPE_A, 1, "192.0.2.7", 5000);
    EXPECT(SAMPLE_OK, "A 192.0.2.7");
    run_once(RESOLVE_TYPE_AAAA, 1, "2001:0DB8:0:0::0007", 5000);
    EXPECT(SAMPLE_OK, "AAAA 2001:db8::7");
    run_once(RESOLVE_TYPE_CNAME, 1, "SHOP-east.Example.com.", 5000);
    EXPECT(SAMPLE_OK, "CNAME shop-east.example.com");
    run_once(RESOLVE_TYPE_TXT, 1, "epoch=7", 5000);
    EXPECT(SAMPLE_OK, "TXT epoch=7");
    one_says = say_through_alias;
    run_once(RESOLVE_TYPE_A, 1, "192.0.2.7", 5000);
    EXPECT(SAMPLE_OK, "A 192.0.2.7");
    end_servers();
}

static void wrong_answers_fail(void)
{
    begin_servers();
    run_once(RESOLVE_TYPE_A, 1, "192.0.2.8", 5000);
    EXPECT(SAMPLE_FAILED, "the answer is 192.0.2.7");
    one_says = say_alias_alone;
    run_once(RESOLVE_TYPE_A, 1, NULL, 5000);
    EXPECT(SAMPLE_FAILED, "holds no A record");
    one_says = say_unknown;
    run_once(RESOLVE_TYPE_A, 1, NULL, 5000);
    EXPECT(SAMPLE_FAILED, "does not exist");
    one_says = say_no_data;
    run_once(RESOLVE_TYPE_A, 1, NULL, 5000);
    EXPECT(SAMPLE_FAILED, "has no A record");
    one_says = say_failed;
    run_once(RESOLVE_TYPE_A, 1, NULL, 5000);
    EXPECT(SAMPLE_FAILED, "could not answer");
    one_says = say_garbage;
    run_once(RESOLVE_TYPE_A, 1, NULL, 5000);
    EXPECT(SAMPLE_FAILED, "malformed");
    one_says = say_nothing;
    run_once(RESOLVE_TYPE_A, 1, NULL, 150);
    EXPECT(SAMPLE_FAILED, "no answer in time");
    CU_ASSERT_TRUE(got.latency_us >= 150 * CLOCK_US_PER_MS);
    end_servers();
}

static void one_right_server_is_enough(void)
{
    begin_servers();
    run_once(RESOLVE_TYPE_A, 2, NULL, 5000);
    CU_ASSERT_STRING_EQUAL(got.detail, "A 192.0.2.7");
    one_says = say_nothing;
    run_once(RESOLVE_TYPE_A, 2, NULL, 600);
    EXPECT(SAMPLE_OK, "from 1 of 2 servers");
    CU_ASSERT_TRUE(got.latency_us < 600 * CLOCK_US_PER_MS); /* that of the answer */
    one_says = say_unknown;
    run_once(RESOLVE_TYPE_A, 2, "192.0.2.7", 5000);
    EXPECT(SAMPLE_OK, "from 1 of 2 servers");
    run_once(RESOLVE_TYPE_A, 2, "192.0.2.8", 5000);
    EXPECT(SAMPLE_FAILED, one.address);
    end_servers();
}

static void the_systems_servers_are_ours(void)
{
    begin_servers();
    const char *values[] = { "127.0.0.1" };
    struct dns_probe_settings settings = { .name = "shop.test", .type = RESOLVE_TYPE_A, .expect_any = values,
                                           .expect_count = 1 };
    struct dns_probe *probe = dns_probe_new(loop, resolver, &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
    zone_set(1, "127.0.0.1", NULL);
    run_round(&dns_probe_class, probe, 5000);
    EXPECT(SAMPLE_OK, "A 127.0.0.1");
    zone_set(1, "127.0.0.2", NULL);
    run_round(&dns_probe_class, probe, 5000);
    EXPECT(SAMPLE_FAILED, "not what is wanted");
    zone_set(0, NULL, NULL);
    run_round(&dns_probe_class, probe, 5000);
    EXPECT(SAMPLE_FAILED, "has no A record");
    zone.silent = true;
    run_round(&dns_probe_class, probe, 200);
    EXPECT(SAMPLE_OBSERVER, "the system's name servers");
    zone.silent = false;
    zone.rcode = 2;
    run_round(&dns_probe_class, probe, 5000);
    CU_ASSERT_EQUAL(got.outcome, SAMPLE_OBSERVER);
    dns_probe_free(probe);
    end_servers();
}

static void our_lack_of_descriptors_is_ours(void)
{
    begin_servers();
    struct dns_probe *probe = make(RESOLVE_TYPE_A, 2, NULL);
    struct rlimit before = descriptors_gone();
    run_round(&dns_probe_class, probe, 5000);
    descriptors_back(before);
    EXPECT(SAMPLE_OBSERVER, one.address);
    dns_probe_free(probe);
    end_servers();
}

static void ended_rounds_do_not_call(void)
{
    begin_servers();
    one_says = say_nothing;
    struct dns_probe *probe = make(RESOLVE_TYPE_A, 2, NULL);
    dns_probe_run(probe, 40 * CLOCK_US_PER_MS, on_done, NULL);
    run_for_ms(10);
    dns_probe_cancel(probe);
    dns_probe_run(probe, 40 * CLOCK_US_PER_MS, on_done, NULL);
    dns_probe_free(probe);
    run_for_ms(80);
    CU_ASSERT_EQUAL(rounds, 0);
    end_servers();
}

static void senseless_settings_are_refused(void)
{
    begin_servers();
    static const char *many[DNS_PROBE_VALUES_MAX + 1];
    static char long_text[RESOLVER_NAME_MAX + 1];
    const char *name[] = { "shop.example.com" }, *v4[] = { "192.0.2.7" };
    const char *long_server[] = { long_text };
    memset(long_text, 'a', sizeof long_text - 1);
    const struct dns_probe_settings bad[] = {
        { .name = NULL, .type = RESOLVE_TYPE_A },
        { .name = "", .type = RESOLVE_TYPE_A },
        { .name = long_text, .type = RESOLVE_TYPE_A },
        { .name = "shop.test", .type = (enum resolve_type)255 },
        { .name = "shop.test", .type = RESOLVE_TYPE_A, .expect_any = name, .expect_count = 1 },
        { .name = "shop.test", .type = RESOLVE_TYPE_AAAA, .expect_any = v4, .expect_count = 1 },
        { .name = "shop.test", .type = RESOLVE_TYPE_A, .expect_any = many, .expect_count = DNS_PROBE_VALUES_MAX + 1 },
        { .name = "shop.test", .type = RESOLVE_TYPE_A, .servers = many, .server_count = RESOLVER_SERVERS_MAX + 1 },
        { .name = "shop.test", .type = RESOLVE_TYPE_A, .servers = long_server, .server_count = 1 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fault.text[0] = '\0';
        CU_ASSERT_PTR_NULL(dns_probe_new(loop, resolver, &bad[i], &fault));
        CU_ASSERT_TRUE(fault.text[0] != '\0');
    }
    const char *nonsense[] = { "not-an-address" }; /* found out by the resolver only */
    struct dns_probe_settings settings = { .name = "shop.test", .type = RESOLVE_TYPE_A, .servers = nonsense,
                                           .server_count = 1 };
    struct dns_probe *probe = dns_probe_new(loop, resolver, &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
    run_round(&dns_probe_class, probe, 5000);
    EXPECT(SAMPLE_OBSERVER, "can't ask");
    dns_probe_run(probe, 1000, on_done, NULL);
    dns_probe_free(probe);
    dns_probe_free(NULL);
    end_servers();
}

SUITE_MAIN("dns_probe", TEST(right_answers_in_any_spelling), TEST(wrong_answers_fail), TEST(one_right_server_is_enough),
           TEST(the_systems_servers_are_ours), TEST(our_lack_of_descriptors_is_ours), TEST(ended_rounds_do_not_call),
           TEST(senseless_settings_are_refused))
