/* One zone's acts against scripted servers: every outcome by its name, and verification at name servers. */
#include "dns/route53.h"

#include "coordinator/base/text.h"
#include "dns/verify.h"
#include "tests/unit/stub_dns.h"
#include "tests/unit/suite.h"

#define SECRET "not-a-secret/of+anybody"
#define FENCE "_failoverd.example.com"
#define OURS "failoverd v1 service=shop epoch=7 operation=0000000000c0ffee"

static struct fault fault;
static struct loop *loop;
static struct fetch_pool *pool;
static struct resolver *resolver;
static struct aws_credentials *credentials;
static struct route53 *zone;
static struct stub server;
static struct stub_dns name_server;
static struct dns_read_result read_result;
static struct dns_submit_result submit_result;
static struct dns_poll_result poll_result;
static struct dns_verify_result verify_result;
static int calls;
static const char *responses[4]; /* for the first, second... request; the last one repeats */
static char key_path[64];

static const char *respond(struct stub *stub, const char *request)
{
    (void)request;
    size_t at = stub->requests - 1;
    while (at > 0 && (at >= 4 || responses[at] == NULL))
        at--;
    return responses[at];
}

static void on_read(const struct dns_read_result *result, void *arg)
{
    (void)arg;
    read_result = *result;
    calls++;
    loop_stop(loop);
}

static void on_submit(const struct dns_submit_result *result, void *arg)
{
    (void)arg;
    submit_result = *result;
    calls++;
    loop_stop(loop);
}

static void on_poll(const struct dns_poll_result *result, void *arg)
{
    (void)arg;
    poll_result = *result;
    calls++;
    loop_stop(loop);
}

static void dns_respond(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply);

static void begin_with(const char *endpoint_format, int64_t deadline_ms)
{
    char endpoint[128];
    calls = 0;
    memset(responses, 0, sizeof responses);
    loop = loop_new("test", &fault);
    pool = fetch_pool_new(loop, 2, &fault);
    resolver = resolver_new(loop, &fault);
    CU_ASSERT_TRUE_FATAL(stub_open(&server, loop, respond));
    CU_ASSERT_TRUE_FATAL(stub_dns_open(&name_server, loop, dns_respond));
    (void)snprintf(key_path, sizeof key_path, "/tmp/route53_test.XXXXXX");
    int fd = mkstemp(key_path);
    static const char keys[] = "[default]\naws_access_key_id=AKID\naws_secret_access_key=" SECRET "\n";
    CU_ASSERT_TRUE_FATAL(fd >= 0 && write(fd, keys, sizeof keys - 1) == sizeof keys - 1);
    close(fd);
    credentials = aws_credentials_new(loop, pool, &(struct aws_credentials_settings){ .file = key_path }, &fault);
    (void)snprintf(endpoint, sizeof endpoint, "%s:%u", endpoint_format, server.port);
    zone = route53_new(loop, pool, resolver, credentials,
                       &(struct route53_settings){ .zone_id = "/hostedzone/Z1", .endpoint = endpoint,
                                                   .deadline_ms = deadline_ms }, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(zone);
}

static void begin(void)
{
    begin_with("http://127.0.0.1", 2000);
}

static void end(void)
{
    route53_free(zone);
    aws_credentials_free(credentials);
    resolver_free(resolver);
    fetch_pool_free(pool);
    stub_close(&server);
    stub_dns_close(&name_server);
    loop_free(loop);
    unlink(key_path);
}

static const char *http(const char *status, const char *type, const char *body)
{
    static char ring[8][8192];
    static size_t next;
    char *out = ring[next++ % 8];
    (void)snprintf(out, sizeof ring[0], "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status, type, strlen(body), body);
    return out;
}

static const char *list(const char *sets, const char *rest)
{
    char body[6000];
    (void)snprintf(body, sizeof body, "<?xml version=\"1.0\"?><ListResourceRecordSetsResponse><ResourceRecordSets>%s</ResourceRecordSets>%s"
                   "</ListResourceRecordSetsResponse>", sets, rest);
    return http("200 OK", "text/xml", body);
}

static const char *set(const char *name, const char *type, unsigned ttl, const char *value)
{
    static char ring[8][1024];
    static size_t next;
    char *out = ring[next++ % 8];
    (void)snprintf(out, sizeof ring[0], "<ResourceRecordSet><Name>%s.</Name><Type>%s</Type><TTL>%u</TTL><ResourceRecords><ResourceRecord>"
                   "<Value>%s</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>", name, type, ttl, value);
    return out;
}

static const char *error(const char *status, const char *code, const char *message)
{
    char body[4096];
    (void)snprintf(body, sizeof body, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r-9</RequestId></ErrorResponse>", code, message);
    return http(status, "text/xml", body);
}

static struct dns_record wanted(void)
{
    return (struct dns_record){ .name = "shop.example.com", .ttl_s = 60, .value_count = 1, .values = { "192.0.2.1" } };
}

static enum dns_outcome read_zone(void)
{
    struct dns_record record = wanted();
    int before = calls;
    CU_ASSERT_TRUE_FATAL(route53_read(zone, "shop", FENCE, &record, 1, on_read, NULL, &fault));
    CU_ASSERT_TRUE(route53_busy(zone) && calls == before);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, before + 1);
    CU_ASSERT_FALSE(route53_busy(zone));
    CU_ASSERT_PTR_NULL(strstr(read_result.base.text, SECRET));
    return read_result.base.outcome;
}

static enum dns_outcome submit(void)
{
    struct dns_record record = wanted();
    struct dns_fence fence = { .state = DNS_FENCE_OURS, .ttl_s = 5, .value_count = 1, .values = { "\"old\"" } };
    struct dns_change change = { .service = "shop", .stamp = { 7, 0xc0ffee, 100, 0 }, .fence_name = FENCE,
                                 .fence_ttl_s = 5,
                                 .fence = &fence, .records = &record, .record_count = 1 };
    CU_ASSERT_TRUE_FATAL(route53_submit(zone, &change, on_submit, NULL, &fault));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_PTR_NULL(strstr(submit_result.base.text, SECRET));
    return submit_result.base.outcome;
}

static void a_zone_is_read(void)
{
    begin();
    responses[0] = list(set(FENCE, "TXT", 5, "\"" OURS "\""), "<IsTruncated>true</IsTruncated><NextRecordName>other.example.com.</NextRecordName>");
    responses[1] = list(set("shop.example.com", "A", 60, "192.0.2.1"), "<IsTruncated>false</IsTruncated>");
    CU_ASSERT_EQUAL(read_zone(), DNS_DONE);
    CU_ASSERT_EQUAL(server.requests, 2);
    CU_ASSERT_EQUAL(strncmp(server.request, "GET /2013-04-01/hostedzone/Z1/rrset?maxitems=100&name=shop.example.com HTTP", 75), 0);
    CU_ASSERT_EQUAL(read_result.fence.state, DNS_FENCE_OURS);
    CU_ASSERT_TRUE(read_result.fence.stamp.epoch == 7 && read_result.fence.stamp.operation == 0xc0ffee &&
                   read_result.fence.ttl_s == 5);
    CU_ASSERT_STRING_EQUAL(read_result.fence.values[0], "\"" OURS "\"");
    CU_ASSERT_TRUE(read_result.all_match && read_result.records[0].matches);
    end();
}

static void absent_and_differing_records_are_seen(void)
{
    begin();
    responses[0] = list("", "<IsTruncated>false</IsTruncated>");
    CU_ASSERT_EQUAL(read_zone(), DNS_DONE);
    CU_ASSERT_EQUAL(read_result.fence.state, DNS_FENCE_ABSENT);
    CU_ASSERT_STRING_EQUAL(read_result.records[0].now, "absent");
    CU_ASSERT_FALSE(read_result.all_match);
    end();
}

/* A name with more sets than a page: the place to go on is used, and a list without end is noticed. */
static void long_lists_are_followed_but_not_for_ever(void)
{
    begin();
    responses[0] = list("", "<IsTruncated>false</IsTruncated>");
    responses[1] = list(set("shop.example.com", "AAAA", 60, "::1"), "<IsTruncated>true</IsTruncated><NextRecordName>shop.example.com.</NextRecordName>"
                        "<NextRecordType>A</NextRecordType><NextRecordIdentifier>b c</NextRecordIdentifier>");
    responses[2] = list(set("shop.example.com", "A", 60, "192.0.2.1"), "<IsTruncated>false</IsTruncated>");
    CU_ASSERT_EQUAL(read_zone(), DNS_DONE);
    CU_ASSERT_TRUE(read_result.all_match);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "?identifier=b%20c&maxitems=100&name=shop.example.com.&type=A HTTP"));
    responses[2] = responses[1];
    CU_ASSERT_EQUAL(read_zone(), DNS_INVALID);
    end();
}

static void a_change_is_submitted_and_polled(void)
{
    begin();
    responses[0] = http("200 OK", "text/xml", "<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C7</Id><Status>PENDING</Status></ChangeInfo></ChangeResourceRecordSetsResponse>");
    CU_ASSERT_EQUAL(submit(), DNS_DONE);
    CU_ASSERT_STRING_EQUAL(submit_result.change_id, "C7");
    CU_ASSERT_FALSE(submit_result.in_sync);
    CU_ASSERT_EQUAL(strncmp(server.request, "POST /2013-04-01/hostedzone/Z1/rrset/ HTTP", 42), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "Credential=AKID/"));
    responses[0] = responses[1] = http("200 OK", "text/xml", "<GetChangeResponse><ChangeInfo><Id>/change/C7</Id><Status>INSYNC</Status></ChangeInfo></GetChangeResponse>");
    CU_ASSERT_TRUE(route53_poll(zone, "C7", on_poll, NULL, &fault));
    CU_ASSERT_FALSE(route53_poll(zone, "C7", on_poll, NULL, &fault)); /* one act at a time */
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(poll_result.base.outcome, DNS_DONE);
    CU_ASSERT_TRUE(poll_result.in_sync);
    CU_ASSERT_TRUE(route53_poll(zone, "C8", on_poll, NULL, &fault));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(poll_result.base.outcome, DNS_RETRY); /* about another change */
    CU_ASSERT_FALSE(route53_poll(zone, "../C8", on_poll, NULL, &fault));
    end();
}

static void errors_have_their_outcomes(void)
{
    static const struct {
        const char *status, *code, *message;
        enum dns_outcome outcome;
    } cases[] = {
        { "400 Bad", "Throttling", "Rate exceeded", DNS_RETRY },
        { "400 Bad", "PriorRequestNotComplete", "wait", DNS_RETRY },
        { "503 Busy", "ServiceUnavailable", "busy", DNS_RETRY },
        { "500 Oops", "InternalFailure", "oops", DNS_UNKNOWN },
        { "403 No", "ExpiredToken", "expired", DNS_RETRY },
        { "403 No", "AccessDenied", "not you", DNS_REFUSED },
        { "403 No", "InvalidClientTokenId", "who", DNS_REFUSED },
        { "403 No", "SignatureDoesNotMatch", "Signature expired", DNS_REFUSED },
        { "404 No", "NoSuchHostedZone", "no zone", DNS_REFUSED },
        { "400 Bad", "InvalidInput", "huh", DNS_INVALID },
        { "400 Bad", "InvalidChangeBatch", "[Tried to delete resource record set [name='_failoverd.example.com.', type='TXT'] but the values provided do not match the current values]", DNS_CONFLICT },
        { "400 Bad", "InvalidChangeBatch", "[Tried to create resource record set [name='shop.example.com.', type='CNAME'] but it conflicts]", DNS_INVALID },
        { "400 Bad", "InvalidChangeBatch", "[Tried to delete resource record set [name='_failoverd.example.com.evil.', type='TXT'] but it was not found]", DNS_INVALID },
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        responses[0] = error(cases[i].status, cases[i].code, cases[i].message);
        CU_ASSERT_EQUAL(submit(), cases[i].outcome);
        if (submit_result.base.outcome != cases[i].outcome)
            fprintf(stderr, "%s: %s\n", cases[i].code, submit_result.base.text);
        CU_ASSERT_STRING_EQUAL(submit_result.base.code, cases[i].code);
        CU_ASSERT_STRING_EQUAL(submit_result.base.request_id, "r-9");
        CU_ASSERT_EQUAL(submit_result.base.retry_after_ms > 0, cases[i].outcome == DNS_RETRY ||
                        cases[i].outcome == DNS_REFUSED || cases[i].outcome == DNS_UNKNOWN);
    }
    responses[0] = "HTTP/1.1 400 Bad\r\nContent-Length: 96\r\n\r\n<InvalidChangeBatch><Messages><Message>'_failoverd.example.com.'</Message></Messages></InvalidChangeBatch>";
    CU_ASSERT_NOT_EQUAL(submit(), DNS_DONE);
    responses[0] = "HTTP/1.1 403 No\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\nContent-Length: 114\r\n\r\n"
                   "<ErrorResponse><Error><Type>S</Type><Code>SignatureDoesNotMatch</Code><Message>x</Message></Error></ErrorResponse>";
    CU_ASSERT_EQUAL(submit(), DNS_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(submit_result.base.text, "clock is"));
    CU_ASSERT_PTR_NOT_NULL(strstr(submit_result.base.text, "ahead of AWS"));
    end();
}

/* What can't be understood tells nothing of a change's fate, and is only a reason to read again. */
static void hostile_and_lost_replies(void)
{
    static char huge[ROUTE53_RESPONSE_MAX + 65536];
    begin_with("http://127.0.0.1", 300);
    memset(huge, ' ', sizeof huge - 1);
    memcpy(huge, "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<a>", 46);
    server.close_after = true;
    const char *const bad[] = {
        huge,
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 500\r\n\r\n<ListRes",
        http("200 OK", "text/xml", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"),
        http("200 OK", "text/html", "<html/>"),
        http("200 OK", "text/xml", "<html></html>"),
        http("502 Bad Gateway", "text/html", "<html>proxy</html>"),
        http("302 Found", "text/html", ""),
        "garbage\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        responses[0] = bad[i];
        CU_ASSERT_EQUAL(submit(), DNS_UNKNOWN);
        CU_ASSERT_EQUAL(read_zone(), DNS_RETRY);
        CU_ASSERT_TRUE(read_result.fence.state == DNS_FENCE_FOREIGN && read_result.fence.cannot_delete);
        CU_ASSERT_FALSE(read_result.all_match);
    }
    server.close_after = false;
    server.reset_after = true;
    responses[0] = NULL;
    CU_ASSERT_EQUAL(submit(), DNS_UNKNOWN);
    server.reset_after = false; /* and silence until the deadline */
    CU_ASSERT_EQUAL(submit(), DNS_UNKNOWN);
    CU_ASSERT_EQUAL(read_zone(), DNS_RETRY);
    end();
}

static void without_a_connection_nothing_was_sent(void)
{
    begin();
    evconnlistener_free(server.listener);
    server.listener = NULL;
    CU_ASSERT_EQUAL(submit(), DNS_RETRY);
    CU_ASSERT_PTR_NOT_NULL(strstr(submit_result.base.text, "nothing was sent"));
    unlink(key_path);
    CU_ASSERT_EQUAL(submit(), DNS_REFUSED); /* no keys: a person has to act */
    end();
    begin_with("http://endpoint.invalid", 400);
    char conf[] = "/tmp/route53_test_conf.XXXXXX";
    int fd = mkstemp(conf);
    CU_ASSERT_TRUE(fd >= 0 && write(fd, "nameserver 127.99.0.1\n", 22) == 22);
    resolver_use_resolv_conf(resolver, conf);
    CU_ASSERT_EQUAL(submit(), DNS_RETRY);
    CU_ASSERT_PTR_NOT_NULL(strstr(submit_result.base.text, "can't be found"));
    close(fd);
    unlink(conf);
    end();
}

static void wrong_requests_are_refused_at_once(void)
{
    begin();
    struct dns_record record = wanted();
    struct dns_fence fence = { .state = DNS_FENCE_ABSENT };
    struct dns_change change = { .service = "shop", .stamp = { .epoch = 7, .share = 100 }, .fence_name = FENCE,
                                 .fence = &fence, .records = &record };
    CU_ASSERT_FALSE(route53_submit(zone, &change, on_submit, NULL, &fault)); /* no records */
    change.record_count = 1;
    record.value_count = 0;
    CU_ASSERT_FALSE(route53_submit(zone, &change, on_submit, NULL, &fault));
    CU_ASSERT_FALSE(route53_busy(zone));
    record = wanted();
    CU_ASSERT_TRUE(route53_submit(zone, &change, on_submit, NULL, &fault));
    route53_cancel(zone);
    CU_ASSERT_FALSE(route53_busy(zone));
    CU_ASSERT_TRUE(route53_submit(zone, &change, on_submit, NULL, &fault)); /* freed while it runs */
    static const char *const endpoints[] = { "ftp://a", "http://", "https://a/b", "http://u@h" };
    struct route53_settings settings = { .zone_id = "Z1" };
    for (size_t i = 0; i < 4; i++) {
        settings.endpoint = endpoints[i];
        CU_ASSERT_PTR_NULL(route53_new(loop, pool, resolver, credentials, &settings, &fault));
    }
    end();
    CU_ASSERT_EQUAL(calls, 0);
    CU_ASSERT_STRING_EQUAL(dns_outcome_name(DNS_UNKNOWN), "unknown");
}

/* --- verification --- */

static const char *dns_mode = "good";

static void dns_respond(struct stub_dns *stub, const char *name, unsigned type, bool tcp, struct stub_dns_reply *reply)
{
    (void)stub;
    (void)tcp;
    reply->authoritative = strcmp(dns_mode, "cache") != 0;
    reply->silent = strcmp(dns_mode, "silent") == 0;
    if (strcmp(name, FENCE) == 0 && type == 16)
        stub_dns_txt(reply, name, 5,
                     strcmp(dns_mode, "old fence") == 0 ? "failoverd v1 service=shop epoch=6 operation=0000000000c0ffee"
                     : strcmp(dns_mode, "old share") == 0 ? OURS " share=10 version=3" : OURS);
    else if (type == 1)
        stub_dns_a(reply, name, strcmp(dns_mode, "old ttl") == 0 ? 300 : 60, strcmp(dns_mode, "old") == 0 ? "192.0.2.99" : "192.0.2.1");
}

static void on_verified(const struct dns_verify_result *result, void *arg)
{
    (void)arg;
    verify_result = *result;
    loop_stop(loop);
}

static bool verify(const char *mode, const struct dns_record *records, size_t count)
{
    const char *servers[] = { name_server.address };
    struct dns_verify_request request = { .servers = servers, .server_count = 1, .records = records,
                                          .record_count = count, .fence_name = FENCE,
                                          .service = "shop", .stamp = { 7, 0xc0ffee, 100, 0 },
                                          .deadline_ms = 200, .done = on_verified };
    dns_mode = mode;
    CU_ASSERT_PTR_NOT_NULL_FATAL(dns_verify_start(loop, resolver, &request, &fault));
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(verify_result.server_count, 1);
    return verify_result.all_agree;
}

static void name_servers_are_verified(void)
{
    struct dns_record record = wanted();
    begin();
    CU_ASSERT_TRUE(verify("good", &record, 1));
    CU_ASSERT_EQUAL(verify_result.servers[0].fence_epoch, 7);
    CU_ASSERT_FALSE(verify("old", &record, 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(verify_result.servers[0].text, "192.0.2.99"));
    CU_ASSERT_FALSE(verify("old ttl", &record, 1));
    CU_ASSERT_FALSE(verify("cache", &record, 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(verify_result.servers[0].text, "not authoritative"));
    CU_ASSERT_FALSE(verify("old fence", &record, 1));
    CU_ASSERT_EQUAL(verify_result.servers[0].fence_epoch, 6);
    CU_ASSERT_FALSE(verify("old share", &record, 1)); /* of this very operation, and another stage */
    CU_ASSERT_FALSE(verify("silent", &record, 1));
    CU_ASSERT_FALSE(verify_result.servers[0].answered);
    struct dns_record sets[2] = { wanted(), wanted() };
    sets[0].kind = sets[1].kind = DNS_KIND_WEIGHTED;
    sets[1].weight = 100;
    (void)text_copy(sets[0].values[0], DNS_VALUE_MAX, "192.0.2.99"); /* weight 0: must not be answered */
    CU_ASSERT_TRUE(verify("good", sets, 2));
    CU_ASSERT_FALSE(verify("old", sets, 2));
    sets[0].weight = 1;
    CU_ASSERT_TRUE(verify("old", sets, 2));
    struct dns_verify_request nothing = { .zone_name = "example.com", .done = on_verified };
    CU_ASSERT_PTR_NULL(dns_verify_start(loop, resolver, &nothing, &fault));
    nothing.records = &record;
    nothing.record_count = 1;
    struct dns_verify *running = dns_verify_start(loop, resolver, &nothing, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(running);
    dns_verify_cancel(running);
    end();
}

SUITE_MAIN("route53", TEST(a_zone_is_read), TEST(absent_and_differing_records_are_seen),
           TEST(long_lists_are_followed_but_not_for_ever),
           TEST(a_change_is_submitted_and_polled), TEST(errors_have_their_outcomes), TEST(hostile_and_lost_replies),
           TEST(without_a_connection_nothing_was_sent), TEST(wrong_requests_are_refused_at_once),
           TEST(name_servers_are_verified))
