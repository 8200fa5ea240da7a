/* Route 53's XML both ways, the fence's text, comparing what is with what is wanted; hostile documents. */
#include "dns/route53_xml.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/random.h"
#include "dns/fence_text.h"
#include "dns/route53_compare.h"
#include "tests/unit/suite.h"

#define NS " xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\""

static struct fault fault;
static struct route53_listed listed[8];
static size_t listed_count;

static void keep(const struct route53_listed *one, void *arg)
{
    (void)arg;
    if (listed_count < 8)
        listed[listed_count++] = *one;
}

static bool read_list(const char *body, struct route53_page *page)
{
    listed_count = 0;
    return route53_xml_read_list(body, strlen(body), keep, NULL, page, &fault);
}

#define LIST_OF(sets) "<?xml version=\"1.0\"?>\n<ListResourceRecordSetsResponse" NS "><ResourceRecordSets>" sets \
    "</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListResourceRecordSetsResponse>"

static const char weighted[] = LIST_OF(
    "<ResourceRecordSet><Name>\\052.Shop.Example.com.</Name><Type>A</Type><SetIdentifier>us &amp; east</SetIdentifier>"
    "<Weight>100</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord>"
    "<ResourceRecord><Value>192.0.2.2</Value></ResourceRecord></ResourceRecords><HealthCheckId>abc</HealthCheckId></ResourceRecordSet>"
    "<ResourceRecordSet><Name>alias.example.com.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z2</HostedZoneId>"
    "<DNSName>lb.example.net.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget><Future><Deep>1</Deep></Future></ResourceRecordSet>"
    "<ResourceRecordSet><Name>geo.example.com.</Name><Type>A</Type><SetIdentifier>x</SetIdentifier><GeoLocation><CountryCode>DE</CountryCode></GeoLocation>"
    "<TTL>1</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>");

static void lists_are_read(void)
{
    struct route53_page page;
    CU_ASSERT_TRUE_FATAL(read_list(weighted, &page));
    CU_ASSERT_EQUAL_FATAL(listed_count, 3);
    CU_ASSERT_STRING_EQUAL(listed[0].name, "*.shop.example.com");
    CU_ASSERT_STRING_EQUAL(listed[0].set_identifier, "us & east");
    CU_ASSERT_TRUE(listed[0].has_weight && listed[0].weight == 100 && listed[0].ttl_s == 60);
    CU_ASSERT_EQUAL(listed[0].value_count, 2);
    CU_ASSERT_STRING_EQUAL(listed[0].health_check_id, "abc");
    CU_ASSERT_TRUE(listed[1].is_alias && listed[1].alias_evaluate_health && !listed[1].has_ttl &&
                   !listed[1].has_weight);
    CU_ASSERT_STRING_EQUAL(listed[1].alias_name, "lb.example.net");
    CU_ASSERT_TRUE(listed[2].other_routing);
    CU_ASSERT_FALSE(page.truncated);
    CU_ASSERT_TRUE(read_list("<ListResourceRecordSetsResponse><IsTruncated>true</IsTruncated><NextRecordName>\\052.b.</NextRecordName>"
                             "<NextRecordType>TXT</NextRecordType></ListResourceRecordSetsResponse>", &page));
    CU_ASSERT_TRUE(page.truncated);
    CU_ASSERT_STRING_EQUAL(page.next_name, "\\052.b.");
}

static void hostile_documents_are_refused(void)
{
    static const char *const wrong[] = {
        "", " ", "<", "<html><body>Bad gateway</body></html>", "{\"a\":1}",
        "<!DOCTYPE a [<!ENTITY x \"y\">]><ListResourceRecordSetsResponse>&x;</ListResourceRecordSetsResponse>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><ListResourceRecordSetsResponse/>",
        "<ListResourceRecordSetsResponse><ResourceRecordSets>",
        "<ListResourceRecordSetsResponse>&undefined;</ListResourceRecordSetsResponse>",
        "<a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></a></a></a>",
        "<ListResourceRecordSetsResponse><IsTruncated>true</IsTruncated></ListResourceRecordSetsResponse>",
        LIST_OF("<ResourceRecordSet><Name>a.</Name><Type>A</Type><TTL>-1</TTL></ResourceRecordSet>"),
        LIST_OF("<ResourceRecordSet><Type>A</Type></ResourceRecordSet>"),
        LIST_OF("") "<more/>",
    };
    struct route53_page page;
    struct route53_change_info info;
    struct route53_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CU_ASSERT_FALSE(read_list(wrong[i], &page));
        CU_ASSERT_FALSE(route53_xml_read_change(wrong[i], strlen(wrong[i]), &info, &fault));
        CU_ASSERT_FALSE(route53_xml_read_error(wrong[i], strlen(wrong[i]), &error, &fault));
    }
    CU_ASSERT_FALSE(read_list(wrong[5], &page));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "document type"));
    for (size_t length = 0; length + 1 < sizeof weighted; length++) {
        char *exact = malloc(length + 1);
        memcpy(exact, weighted, length);
        CU_ASSERT_FALSE(route53_xml_read_list(exact, length, keep, NULL, &page, &fault));
        free(exact);
    }
    for (int i = 0; i < 3000; i++) {
        char damaged[sizeof weighted];
        memcpy(damaged, weighted, sizeof weighted);
        for (uint64_t n = 1 + base_random_below(5); n > 0; n--)
            damaged[base_random_below(sizeof weighted - 1)] = (char)base_random_below(256);
        listed_count = 0;
        (void)!route53_xml_read_list(damaged, sizeof weighted - 1, keep, NULL, &page, &fault);
    }
}

static void large_fields_are_marked_not_cut_silently(void)
{
    static char body[20000];
    struct route53_page page;
    char value[3000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    (void)snprintf(body, sizeof body, LIST_OF("<ResourceRecordSet><Name>a.</Name><Type>TXT</Type><TTL>1</TTL><ResourceRecords>"
                                              "<ResourceRecord><Value>\"%s\"</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"), value);
    CU_ASSERT_TRUE(read_list(body, &page));
    CU_ASSERT_TRUE(listed[0].does_not_fit);
    struct text many = TEXT_OF(body);
    text_append(&many, "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>a.</Name><Type>A</Type><ResourceRecords>");
    for (int i = 0; i < DNS_VALUES_MAX + 1; i++)
        text_append(&many, "<ResourceRecord><Value>192.0.2.1</Value></ResourceRecord>");
    text_append(&many, "</ResourceRecords></ResourceRecordSet></ResourceRecordSets></ListResourceRecordSetsResponse>");
    CU_ASSERT_TRUE(read_list(body, &page));
    CU_ASSERT_EQUAL(listed[0].value_count, DNS_VALUES_MAX + 1);
    CU_ASSERT_TRUE(listed[0].does_not_fit);
}

static void changes_and_errors_are_read(void)
{
    struct route53_change_info info;
    struct route53_error error;
    const char *pending = "<ChangeResourceRecordSetsResponse" NS "><ChangeInfo><Id>/change/C12AB</Id><Status>PENDING</Status>"
                          "<SubmittedAt>2026-11-21T10:17:45Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>";
    CU_ASSERT_TRUE(route53_xml_read_change(pending, strlen(pending), &info, &fault));
    CU_ASSERT_STRING_EQUAL(info.id, "C12AB");
    CU_ASSERT_FALSE(info.in_sync);
    const char *in_sync = "<GetChangeResponse><ChangeInfo><Id>C1</Id><Status>INSYNC</Status></ChangeInfo></GetChangeResponse>";
    CU_ASSERT_TRUE(route53_xml_read_change(in_sync, strlen(in_sync), &info, &fault));
    CU_ASSERT_TRUE(info.in_sync);
    static const char *const wrong[] = {
        "<GetChangeResponse><ChangeInfo><Id>C1</Id><Status>DONE</Status></ChangeInfo></GetChangeResponse>",
        "<GetChangeResponse><ChangeInfo><Id>../C1?</Id><Status>INSYNC</Status></ChangeInfo></GetChangeResponse>",
        "<GetChangeResponse><ChangeInfo><Status>INSYNC</Status></ChangeInfo></GetChangeResponse>",
        "<GetChangeResponse><ChangeInfo><Id>C1</Id></ChangeInfo></GetChangeResponse>",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_FALSE(route53_xml_read_change(wrong[i], strlen(wrong[i]), &info, &fault));
    const char *throttled = "<ErrorResponse" NS "><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
                            "<RequestId>r-1</RequestId></ErrorResponse>";
    CU_ASSERT_TRUE(route53_xml_read_error(throttled, strlen(throttled), &error, &fault));
    CU_ASSERT_STRING_EQUAL(error.code, "Throttling");
    CU_ASSERT_STRING_EQUAL(error.message, "Rate exceeded");
    CU_ASSERT_STRING_EQUAL(error.request_id, "r-1");
    const char *batch = "<InvalidChangeBatch" NS "><Messages><Message>one</Message><Message>two</Message></Messages><RequestId>r</RequestId></InvalidChangeBatch>";
    CU_ASSERT_TRUE(route53_xml_read_error(batch, strlen(batch), &error, &fault));
    CU_ASSERT_STRING_EQUAL(error.code, "InvalidChangeBatch");
    CU_ASSERT_STRING_EQUAL(error.message, "one two");
}

static struct dns_record simple_record(void)
{
    return (struct dns_record){ .name = "shop.example.com", .ttl_s = 60, .value_count = 1, .values = { "192.0.2.1" } };
}

static bool write_one(struct dns_record record, struct dns_fence *fence, char *out, size_t size)
{
    struct text text = text_over(out, size);
    struct dns_change change = { .service = "shop", .stamp = { 7, 0xc0ffee, 100, 0 }, .fence_name = "_f.example.com",
                                 .fence_ttl_s = 5, .fence = fence, .records = &record, .record_count = 1 };
    return route53_xml_write_change(&text, &change, &fault);
}

static void changes_are_written(void)
{
    static char out[ROUTE53_BATCH_XML_MAX];
    struct dns_fence fence = { .state = DNS_FENCE_OURS, .ttl_s = 9, .value_count = 1, .values = { "\"old & <x>\"" } };
    CU_ASSERT_TRUE(write_one(simple_record(), &fence, out, sizeof out));
    const char *removal = strstr(out, "<Action>DELETE</Action><ResourceRecordSet><Name>_f.example.com</Name><Type>TXT</Type><TTL>9</TTL>"
                                      "<ResourceRecords><ResourceRecord><Value>\"old &amp; &lt;x&gt;\"</Value>");
    const char *creation = strstr(out, "<Action>CREATE</Action><ResourceRecordSet><Name>_f.example.com</Name><Type>TXT</Type><TTL>5</TTL>"
                                       "<ResourceRecords><ResourceRecord><Value>\"failoverd v1 service=shop epoch=7 operation=0000000000c0ffee\"</Value>");
    const char *upsert = strstr(out, "<Action>UPSERT</Action><ResourceRecordSet><Name>shop.example.com</Name><Type>A</Type><TTL>60</TTL>");
    CU_ASSERT_TRUE(removal != NULL && creation != NULL && upsert != NULL && removal < creation && creation < upsert);
    fence = (struct dns_fence){ .state = DNS_FENCE_ABSENT };
    struct dns_record record = simple_record();
    record.kind = DNS_KIND_WEIGHTED;
    record.weight = 0;
    (void)text_copy(record.set_identifier, sizeof record.set_identifier, "us-east-1");
    CU_ASSERT_TRUE(write_one(record, &fence, out, sizeof out));
    CU_ASSERT_PTR_NULL(strstr(out, "DELETE"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "<Type>A</Type><SetIdentifier>us-east-1</SetIdentifier><Weight>0</Weight><TTL>60</TTL>"));
    record.kind = DNS_KIND_FAILOVER;
    record.role = DNS_ROLE_SECONDARY;
    record.value_count = 0;
    (void)text_copy(record.alias_name, sizeof record.alias_name, "lb.example.net");
    (void)text_copy(record.alias_zone_id, sizeof record.alias_zone_id, "Z2");
    (void)text_copy(record.health_check_id, sizeof record.health_check_id, "hc-1");
    CU_ASSERT_TRUE(write_one(record, &fence, out, sizeof out));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "<Failover>SECONDARY</Failover><AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>lb.example.net</DNSName>"
                                       "<EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget><HealthCheckId>hc-1</HealthCheckId>"));
}

static void incomplete_changes_are_never_written(void)
{
    static char out[ROUTE53_BATCH_XML_MAX];
    struct dns_fence absent = { .state = DNS_FENCE_ABSENT };
    struct dns_record record = simple_record();
    record.value_count = 0;
    CU_ASSERT_FALSE(write_one(record, &absent, out, sizeof out));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "empty one is never written"));
    record = simple_record();
    (void)text_copy(record.values[0], DNS_VALUE_MAX, "not-an-address");
    CU_ASSERT_FALSE(write_one(record, &absent, out, sizeof out));
    record = simple_record();
    record.type = DNS_TYPE_AAAA;
    CU_ASSERT_FALSE(write_one(record, &absent, out, sizeof out));
    record = simple_record();
    record.kind = DNS_KIND_WEIGHTED; /* without a set identifier */
    CU_ASSERT_FALSE(write_one(record, &absent, out, sizeof out));
    record = simple_record();
    record.kind = DNS_KIND_ALIAS; /* without a target */
    CU_ASSERT_FALSE(write_one(record, &absent, out, sizeof out));
    struct dns_fence foreign = { .state = DNS_FENCE_FOREIGN, .value_count = 1, .values = { "\"mine\"" } };
    CU_ASSERT_FALSE(write_one(simple_record(), &foreign, out, sizeof out));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "adopt"));
    CU_ASSERT_FALSE(write_one(simple_record(), &absent, out, 300)); /* too small a buffer is noticed */
}

/* While traffic moves by and by the text says how much of it has, and by which version of the ledger. */
static void the_fence_text_says_the_share(void)
{
    char text[FENCE_TEXT_MAX], service[DNS_SERVICE_MAX];
    struct dns_stamp half = { 7, 0xc0ffee, 50, 42 }, back = { UINT64_MAX, UINT64_MAX, 0, UINT64_MAX };
    struct dns_stamp unfounded = { 7, 1, 50, 0 }, much = { 7, 1, 101, 42 }, stamp;
    CU_ASSERT_TRUE(fence_text_write(text, sizeof text, "shop", &half));
    CU_ASSERT_STRING_EQUAL(text, "failoverd v1 service=shop epoch=7 operation=0000000000c0ffee share=50 version=42");
    CU_ASSERT_TRUE(fence_text_parse(text, service, &stamp));
    CU_ASSERT_TRUE(stamp.epoch == 7 && stamp.operation == 0xc0ffee && stamp.share == 50 && stamp.version == 42);
    char longest[DNS_SERVICE_MAX];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CU_ASSERT_TRUE(fence_text_write(text, sizeof text, longest, &back));
    CU_ASSERT_TRUE(fence_text_parse(text, service, &stamp));
    CU_ASSERT_TRUE(stamp.share == 0 && stamp.version == UINT64_MAX);
    CU_ASSERT_FALSE(fence_text_write(text, sizeof text, "shop", &unfounded));
    CU_ASSERT_FALSE(fence_text_write(text, sizeof text, "shop", &much));
}

#define PART(words) "failoverd v1 service=a epoch=1 operation=0000000000000001 " words

static void the_fence_text_is_strict(void)
{
    char text[FENCE_TEXT_MAX], service[DNS_SERVICE_MAX];
    struct dns_stamp whole = { UINT64_MAX, 0xfedcba9876543210, 100, 0 }, none = { 0, 1, 100, 0 }, stamp;
    CU_ASSERT_TRUE(fence_text_write(text, sizeof text, "shop-2", &whole));
    CU_ASSERT_STRING_EQUAL(text, "failoverd v1 service=shop-2 epoch=18446744073709551615 operation=fedcba9876543210");
    CU_ASSERT_TRUE(fence_text_parse(text, service, &stamp));
    CU_ASSERT_STRING_EQUAL(service, "shop-2");
    CU_ASSERT_TRUE(stamp.epoch == UINT64_MAX && stamp.operation == 0xfedcba9876543210 && stamp.share == 100 &&
                   stamp.version == 0);
    CU_ASSERT_FALSE(fence_text_write(text, sizeof text, "Shop", &whole));
    CU_ASSERT_FALSE(fence_text_write(text, sizeof text, "", &whole));
    CU_ASSERT_FALSE(fence_text_write(text, sizeof text, "shop", &none));
    static const char *const wrong[] = {
        "", "failoverd v1", "failoverd v2 service=a epoch=1 operation=0000000000000001",
        "failoverd v1 service= epoch=1 operation=0000000000000001", "failoverd v1 service=a epoch=01 operation=0000000000000001",
        "failoverd v1 service=a epoch=0 operation=0000000000000001", "failoverd v1 service=a epoch=-1 operation=0000000000000001",
        "failoverd v1 service=a epoch=18446744073709551616 operation=0000000000000001", "failoverd v1 service=a epoch=1 operation=1",
        "failoverd v1 service=a epoch=1 operation=000000000000000A", "failoverd v1 service=a epoch=1 operation=0000000000000001 ",
        "failoverd v1  service=a epoch=1 operation=0000000000000001", " failoverd v1 service=a epoch=1 operation=0000000000000001",
        "failoverd v1 epoch=1 service=a operation=0000000000000001", "failoverd v1 service=a_b epoch=1 operation=0000000000000001",
        PART("share=50"), PART("share=101 version=3"), PART("share=050 version=3"), PART("share=50 version=0"),
        PART("share=50 version=03"), PART("share=-1 version=3"), PART("version=3 share=50"), PART("share=50 version=3 "),
        PART("share= version=3"), PART("share=50  version=3"), PART(""),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_FALSE(fence_text_parse(wrong[i], service, &stamp));
    char out[32];
    CU_ASSERT_TRUE(fence_text_unquote("\"a\\\"b\" \"\\052\\\\\"", out, sizeof out));
    CU_ASSERT_STRING_EQUAL(out, "a\"b*\\");
    static const char *const unquoted[] = { "", "a", "\"a", "\"a\"b", "\"a\"  \"b\"", "\"\\x\"", "\"\\000\"", "\"a\" ", "\"\\05\"" };
    for (size_t i = 0; i < sizeof unquoted / sizeof unquoted[0]; i++)
        CU_ASSERT_FALSE(fence_text_unquote(unquoted[i], out, sizeof out));
    CU_ASSERT_FALSE(fence_text_unquote("\"0123456789012345678901234567890123456789\"", out, sizeof out));
}

static struct route53_listed listed_record(void)
{
    return (struct route53_listed){ .name = "shop.example.com", .type = "A", .has_ttl = true, .ttl_s = 60,
                                    .value_count = 1, .values = { "192.0.2.1" } };
}

static struct dns_record_state compare(struct dns_record wanted, struct route53_listed one)
{
    static struct dns_read_result result;
    route53_compare_begin(&result, 1);
    route53_compare_listed(&result, &one, "_f.example.com", &wanted, 1);
    route53_compare_end(&result, "shop");
    CU_ASSERT_EQUAL(result.all_match, result.records[0].matches);
    return result.records[0];
}

static void what_is_there_is_compared(void)
{
    struct dns_record wanted = simple_record();
    struct route53_listed one = listed_record();
    (void)text_copy(wanted.name, sizeof wanted.name, "SHOP.example.com.");
    CU_ASSERT_TRUE(compare(wanted, one).matches);
    one.ttl_s = 61;
    CU_ASSERT_TRUE(compare(wanted, one).present && !compare(wanted, one).matches);
    one = listed_record();
    one.value_count = 2;
    CU_ASSERT_FALSE(compare(wanted, one).matches);
    one = listed_record();
    one.does_not_fit = true;
    CU_ASSERT_FALSE(compare(wanted, one).matches);
    one = listed_record();
    (void)text_copy(one.type, sizeof one.type, "CNAME");
    CU_ASSERT_TRUE(compare(wanted, one).blocked);
    (void)text_copy(one.type, sizeof one.type, "AAAA");
    CU_ASSERT_FALSE(compare(wanted, one).blocked);
    one = listed_record();
    one.has_weight = true;
    CU_ASSERT_TRUE(compare(wanted, one).blocked);
    wanted.type = DNS_TYPE_AAAA;
    (void)text_copy(wanted.values[0], DNS_VALUE_MAX, "2001:db8:0::1");
    one = listed_record();
    (void)text_copy(one.type, sizeof one.type, "AAAA");
    (void)text_copy(one.values[0], DNS_FENCE_VALUE_MAX, "2001:DB8::1");
    CU_ASSERT_TRUE(compare(wanted, one).matches);
    (void)text_copy(one.name, sizeof one.name, "other.example.com");
    CU_ASSERT_FALSE(compare(wanted, one).present);
}

static void fences_are_told_apart(void)
{
    struct route53_listed one = { .name = "_f.example.com", .type = "TXT", .has_ttl = true, .ttl_s = 5, .value_count = 1,
                                  .values = { "\"failoverd v1 service=shop epoch=7 operation=0000000000c0ffee\"" } };
    struct dns_record wanted = simple_record();
    static struct dns_read_result result;
    static const struct {
        const char *service;
        int kind;
        enum dns_fence_state state;
        bool cannot_delete;
    } cases[] = { { "shop", 0, DNS_FENCE_OURS, false }, { "other", 0, DNS_FENCE_FOREIGN, false },
                  { "shop", 1, DNS_FENCE_FOREIGN, true },
                  { "shop", 2, DNS_FENCE_FOREIGN, false }, { "shop", 3, DNS_FENCE_FOREIGN, true } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct route53_listed spoilt = one;
        spoilt.has_weight = cases[i].kind == 1;
        spoilt.value_count = cases[i].kind == 2 ? 2 : 1;
        spoilt.does_not_fit = cases[i].kind == 3;
        route53_compare_begin(&result, 1);
        CU_ASSERT_EQUAL(result.fence.state, DNS_FENCE_ABSENT);
        route53_compare_listed(&result, &spoilt, "_F.example.com.", &wanted, 1);
        route53_compare_end(&result, cases[i].service);
        CU_ASSERT_EQUAL(result.fence.state, cases[i].state);
        CU_ASSERT_EQUAL(result.fence.cannot_delete, cases[i].cannot_delete);
        CU_ASSERT_STRING_EQUAL(result.fence.values[0], one.values[0]);
    }
}

SUITE_MAIN("route53_xml", TEST(lists_are_read), TEST(hostile_documents_are_refused),
           TEST(large_fields_are_marked_not_cut_silently),
           TEST(changes_and_errors_are_read), TEST(changes_are_written), TEST(incomplete_changes_are_never_written),
           TEST(the_fence_text_is_strict), TEST(the_fence_text_says_the_share),
           TEST(what_is_there_is_compared), TEST(fences_are_told_apart))
