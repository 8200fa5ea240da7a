/* The resolver: lookups, questions to one server, each way of failing, hostile messages. */
#include "coordinator/base/resolver.h"

#include <sys/resource.h>

#include "coordinator/base/dns_message.h"
#include "coordinator/base/random.h"
#include "tests/unit/stub_dns.h"
#include "tests/unit/suite.h"

static struct fault fault;
static struct loop *loop;
static struct resolver *resolver;
static struct stub_dns server;
static struct resolve_answer answer;
static int calls;

static void done(const struct resolve_answer *got, void *arg)
{
    (void)arg;
    answer = *got;
    calls++;
    loop_stop(loop);
}

static void respond(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply)
{
    (void)stub;
    reply->authoritative = true;
    if (strcmp(name, "shop.example.com") == 0 && type == 1) {
        stub_dns_a(reply, name, 60, "192.0.2.7");
        stub_dns_a(reply, name, 60, "192.0.2.8");
    } else if (strcmp(name, "shop.example.com") == 0 && type == 28) {
        stub_dns_a(reply, name, 30, "2001:db8::7");
    } else if (strcmp(name, "_f.example.com") == 0 && type == 16) {
        stub_dns_txt(reply, name, 5, "failoverd v1 service=shop");
    } else if (strcmp(name, "www.example.com") == 0) {
        stub_dns_named(reply, name, 5, 20, "Shop.Example.com");
        if (type == 1)
            stub_dns_a(reply, "shop.example.com", 60, "192.0.2.7");
    } else if (strcmp(name, "example.com") == 0 && type == 2) {
        stub_dns_named(reply, name, 2, 99, "ns1.example.net");
        stub_dns_named(reply, name, 2, 99, "ns2.example.net");
    } else if (strcmp(name, "example.com") == 0 && type == 6) {
        struct stub_dns_reply soa = { .length = 0 };
        uint32_t numbers[] = { htonl(2026112101u), htonl(2), htonl(3), htonl(4), htonl(5) };
        stub_dns_put_name(&soa, "ns1.example.net");
        stub_dns_put_name(&soa, "admin.example.com");
        stub_dns_put(&soa, numbers, sizeof numbers);
        stub_dns_record(reply, name, 6, 9, soa.bytes, soa.length);
    } else if (strcmp(name, "big.example.com") == 0) {
        reply->truncated = !tcp;
        for (int i = 0; tcp && i < 40; i++)
            stub_dns_a(reply, name, 1, "192.0.2.9");
    } else if (strcmp(name, "only4.example.com") == 0) {
        if (type == 1)
            stub_dns_a(reply, name, 60, "192.0.2.7");
    } else if (strcmp(name, "fail.example.com") == 0) {
        reply->rcode = 2;
    } else if (strcmp(name, "refused.example.com") == 0) {
        reply->rcode = 5;
    } else if (strcmp(name, "silent.example.com") == 0) {
        reply->silent = true;
    } else if (strcmp(name, "garbage.example.com") == 0) {
        reply->answers = 3;
        stub_dns_put(reply, "\xc0\xff\xff\x01", 4);
    } else if (strcmp(name, "empty.example.com") != 0) {
        reply->rcode = 3;
    }
}

static void begin(void)
{
    calls = 0;
    loop = loop_new("test", &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
    resolver = resolver_new(loop, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
    CU_ASSERT_TRUE_FATAL(stub_dns_open(&server, loop, respond));
}

static void end(void)
{
    resolver_free(resolver);
    stub_dns_close(&server);
    loop_free(loop);
}

static void query(const char *name, enum resolve_type type, bool tcp)
{
    struct resolve_query wanted = { .name = name, .type = type, .server = server.address, .tcp = tcp,
                                    .deadline_ms = 300, .try_ms = 100, .tries = 2, .done = done };
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver_query(resolver, &wanted, &fault));
    int before = calls;
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, before + 1);
}

static void lookup(const char *name, enum resolve_family family)
{
    const char *servers[] = { server.address };
    struct resolve_lookup wanted = { .name = name, .family = family, .servers = servers, .server_count = 1,
                                     .deadline_ms = 300, .try_ms = 100, .tries = 2, .done = done };
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver_lookup(resolver, &wanted, &fault));
    int before = calls;
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, before + 1);
}

static void names_have_addresses(void)
{
    begin();
    lookup("shop.example.com", RESOLVE_ANY);
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_OK);
    CU_ASSERT_EQUAL(answer.address_count, 3);
    lookup("shop.example.com", RESOLVE_IPV4);
    CU_ASSERT_EQUAL_FATAL(answer.address_count, 2);
    CU_ASSERT_STRING_EQUAL(answer.addresses[0].text, "192.0.2.7");
    CU_ASSERT_EQUAL(answer.addresses[0].ttl_s, 60);
    lookup("shop.example.com", RESOLVE_IPV6);
    CU_ASSERT_EQUAL_FATAL(answer.address_count, 1);
    CU_ASSERT_STRING_EQUAL(answer.addresses[0].text, "2001:db8::7");
    CU_ASSERT_TRUE(answer.addresses[0].ipv6);
    lookup("only4.example.com", RESOLVE_ANY);
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_OK);
    CU_ASSERT_EQUAL(answer.address_count, 1);
    lookup("www.example.com", RESOLVE_IPV4);
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_OK);
    CU_ASSERT_STRING_EQUAL(answer.addresses[0].text, "192.0.2.7");
    end();
}

static void literals_need_no_server(void)
{
    begin();
    lookup("192.0.2.1", RESOLVE_ANY);
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_OK);
    CU_ASSERT_STRING_EQUAL(answer.addresses[0].text, "192.0.2.1");
    lookup("::1", RESOLVE_IPV4);
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_NODATA);
    CU_ASSERT_EQUAL(server.udp_questions, 0);
    CU_ASSERT_TRUE(resolver_is_literal("::1") && !resolver_is_literal("localhost"));
    end();
}

static void each_failure_has_its_name(void)
{
    static const struct {
        const char *name;
        enum resolve_outcome lookup, query;
    } cases[] = {
        { "missing.example.com", RESOLVE_NXDOMAIN, RESOLVE_NXDOMAIN },
        { "empty.example.com", RESOLVE_NODATA, RESOLVE_NODATA },
        { "fail.example.com", RESOLVE_SERVFAIL, RESOLVE_SERVFAIL },
        { "refused.example.com", RESOLVE_REFUSED, RESOLVE_REFUSED },
        { "silent.example.com", RESOLVE_TIMEOUT, RESOLVE_TIMEOUT },
        { "garbage.example.com", RESOLVE_BAD_ANSWER, RESOLVE_BAD_ANSWER },
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lookup(cases[i].name, RESOLVE_IPV4);
        if (answer.outcome != cases[i].lookup)
            fprintf(stderr, "%s\n", answer.text);
        CU_ASSERT_EQUAL(answer.outcome, cases[i].lookup);
        query(cases[i].name, RESOLVE_TYPE_A, false);
        CU_ASSERT_EQUAL(answer.outcome, cases[i].query);
        CU_ASSERT_PTR_NOT_NULL(strstr(answer.text, cases[i].name));
    }
    end();
}

static void a_closed_port_is_unreachable(void)
{
    begin();
    struct resolve_query wanted = { .name = "x.example.com", .type = RESOLVE_TYPE_A, .deadline_ms = 1000, .done = done };
    char address[32];
    struct stub_dns other;
    CU_ASSERT_TRUE(stub_dns_open(&other, loop, respond));
    (void)snprintf(address, sizeof address, "%s", other.address);
    stub_dns_close(&other);
    wanted.server = address;
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver_query(resolver, &wanted, &fault));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_UNREACHABLE);
    CU_ASSERT_EQUAL(answer.rcode, -1);
    end();
}

static void one_server_is_quoted_word_for_word(void)
{
    begin();
    query("_f.example.com", RESOLVE_TYPE_TXT, false);
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_OK);
    CU_ASSERT_EQUAL_FATAL(answer.record_count, 1);
    CU_ASSERT_STRING_EQUAL(answer.records[0].value, "failoverd v1 service=shop");
    CU_ASSERT_EQUAL(answer.records[0].ttl_s, 5);
    CU_ASSERT_TRUE(answer.authoritative);
    CU_ASSERT_FALSE(server.recursion_wanted);
    query("www.example.com", RESOLVE_TYPE_A, false);
    CU_ASSERT_EQUAL_FATAL(answer.record_count, 2);
    CU_ASSERT_EQUAL(answer.records[0].type, RESOLVE_TYPE_CNAME);
    CU_ASSERT_STRING_EQUAL(answer.records[0].value, "shop.example.com");
    query("example.com", RESOLVE_TYPE_NS, false);
    CU_ASSERT_EQUAL_FATAL(answer.record_count, 2);
    CU_ASSERT_STRING_EQUAL(answer.records[1].value, "ns2.example.net");
    query("example.com", RESOLVE_TYPE_SOA, false);
    CU_ASSERT_EQUAL_FATAL(answer.record_count, 1);
    CU_ASSERT_EQUAL(answer.records[0].soa_serial, 2026112101u);
    CU_ASSERT_STRING_EQUAL(answer.records[0].value, "ns1.example.net admin.example.com 2026112101 2 3 4 5");
    query("shop.example.com", RESOLVE_TYPE_AAAA, true);
    CU_ASSERT_EQUAL_FATAL(answer.record_count, 1);
    CU_ASSERT_STRING_EQUAL(answer.records[0].value, "2001:db8::7");
    CU_ASSERT_EQUAL(server.tcp_questions, 1);
    end();
}

static void truncated_answers_are_asked_again_over_tcp(void)
{
    begin();
    query("big.example.com", RESOLVE_TYPE_A, false);
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_OK);
    CU_ASSERT_EQUAL(answer.record_count, RESOLVER_RECORDS_MAX);
    CU_ASSERT_TRUE(answer.more);
    CU_ASSERT_EQUAL(server.tcp_questions, 1);
    end();
}

static void malformed_questions_are_refused_at_once(void)
{
    begin();
    static const char *const servers[] = { "localhost:53", "127.0.0.1:0", "127.0.0.1:70000", "[::1", "", "1.2.3.4:x" };
    struct resolve_query wanted = { .name = "a.example.com", .type = RESOLVE_TYPE_A, .done = done };
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        wanted.server = servers[i];
        CU_ASSERT_PTR_NULL(resolver_query(resolver, &wanted, &fault));
        CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "is not the address of a name server"));
    }
    wanted.server = server.address;
    static const char *const names[] = { "", "a b", "a\n", "a..b" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        wanted.name = names[i];
        CU_ASSERT_PTR_NULL(resolver_query(resolver, &wanted, &fault));
    }
    CU_ASSERT_EQUAL(calls, 0);
    end();
}

static void cancelled_ones_do_not_call(void)
{
    begin();
    struct resolve_query wanted = { .name = "silent.example.com", .type = RESOLVE_TYPE_A, .server = server.address,
                                    .done = done };
    struct resolve *first = resolver_query(resolver, &wanted, &fault);
    struct resolve *second = resolver_query(resolver, &wanted, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_PTR_NOT_NULL_FATAL(second);
    resolve_cancel(first);
    CU_ASSERT_EQUAL(calls, 0);
    resolver_free(resolver); /* what is left is told */
    resolver = NULL;
    CU_ASSERT_EQUAL(calls, 1);
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_CANCELLED);
    end();
}

static void no_descriptor_left_is_our_own_fault(void)
{
    begin();
    struct rlimit before, none;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
    struct resolve_query wanted = { .name = "shop.example.com", .type = RESOLVE_TYPE_A, .server = server.address,
                                    .deadline_ms = 500, .done = done };
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct resolve *resolve = resolver_query(resolver, &wanted, &fault);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolve);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_OBSERVER);
    end();
}

static void a_changed_resolv_conf_counts_at_once(void)
{
    begin();
    char path[] = "/tmp/resolv_test.XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    /* Port 53 of a loopback address where nobody listens, then another: told apart by the text is enough. */
    CU_ASSERT_TRUE(write(fd, "nameserver 127.99.0.1\n", 22) == 22);
    resolver_use_resolv_conf(resolver, path);
    struct resolve_lookup wanted = { .name = "shop.example.com", .family = RESOLVE_IPV4, .deadline_ms = 500,
                                     .try_ms = 100, .tries = 1, .done = done };
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver_lookup(resolver, &wanted, &fault));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(answer.outcome, RESOLVE_UNREACHABLE);
    close(fd);
    unlink(path);
    end();
}

/* Every prefix and thousands of damaged copies of a good message: never a crash, never out of bounds. */
static void hostile_messages_do_no_harm(void)
{
    struct stub_dns_reply reply = { .length = 0 };
    static const uint8_t header[] = { 0, 1, 0x84, 0, 0, 1, 0, 4, 0, 0, 0, 0 };
    stub_dns_put(&reply, header, sizeof header);
    stub_dns_put_name(&reply, "a.example.com");
    stub_dns_put(&reply, "\0\1\0\1", 4);
    stub_dns_a(&reply, "a.example.com", 1, "192.0.2.1");
    stub_dns_txt(&reply, "a.example.com", 1, "hello");
    stub_dns_named(&reply, "a.example.com", 5, 1, "b.example.com");
    stub_dns_a(&reply, "a.example.com", 1, "::1");
    CU_ASSERT_TRUE(dns_message_parse(reply.bytes, reply.length, &answer));
    CU_ASSERT_EQUAL(answer.record_count, 4);
    for (size_t length = 0; length < reply.length; length++) {
        uint8_t *exact = malloc(length + 1); /* so that a sanitizer sees one byte too many */
        memcpy(exact, reply.bytes, length);
        CU_ASSERT_FALSE(dns_message_parse(exact, length, &answer));
        free(exact);
    }
    for (int i = 0; i < 20000; i++) {
        struct stub_dns_reply damaged = reply;
        for (uint64_t n = 1 + base_random_below(4); n > 0; n--)
            damaged.bytes[base_random_below(reply.length)] = (uint8_t)base_random_below(256);
        (void)!dns_message_parse(damaged.bytes, damaged.length, &answer);
    }
    static const uint8_t circle[] = { 0, 1, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1 };
    CU_ASSERT_FALSE(dns_message_parse(circle, sizeof circle, &answer));
}

SUITE_MAIN("resolver", TEST(names_have_addresses), TEST(literals_need_no_server), TEST(each_failure_has_its_name),
           TEST(a_closed_port_is_unreachable), TEST(one_server_is_quoted_word_for_word),
           TEST(truncated_answers_are_asked_again_over_tcp), TEST(malformed_questions_are_refused_at_once),
           TEST(cancelled_ones_do_not_call), TEST(no_descriptor_left_is_our_own_fault),
           TEST(a_changed_resolv_conf_counts_at_once), TEST(hostile_messages_do_no_harm))
