/* Texts that stand for something, and the lines at which they stand. */
#include "tests/unit/suite.h"

#include <string.h>
#include <sys/socket.h>

#include "coordinator/config/config.h"
#include "coordinator/config/positions.h"
#include "coordinator/config/values.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void durations_have_a_unit(void)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = { { "0s", 0 }, { "1us", 1 }, { "250ms", 250000 }, { "10s", 10000000 }, { "5m", 300000000 },
                 { "2h", INT64_C(7200000000) }, { "30d", INT64_C(2592000000000) }, { "007s", 7000000 } };
    static const char *const bad[] = { "", "s", "10", "-1s", "+1s", "1.5s", "10 s", " 10s", "10s ", "10S", "10sec",
                                       "1e3s", "0x10s", "NaN", "inf", "9223372036854775808us", "9223372036854775807s",
                                       "99999999999999999999999999999999d", "106751992d", "１s" };
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t us = -1;
        CU_ASSERT_TRUE(value_duration(good[i].text, &us, NULL));
        CU_ASSERT_EQUAL(us, good[i].us);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t us;
        struct fault fault = { "" };
        CU_ASSERT_FALSE(value_duration(bad[i], &us, &fault));
        CU_ASSERT_NOT_EQUAL(fault.text[0], '\0');
    }
    int64_t us;
    CU_ASSERT_TRUE(value_duration("9223372036854775807us", &us, NULL));
    CU_ASSERT_EQUAL(us, INT64_MAX);
}

static void a_missing_unit_is_proposed(void)
{
    struct fault fault;
    int64_t value;
    CU_ASSERT_FALSE(value_duration("10", &value, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "\"10s\""));
    CU_ASSERT_FALSE(value_size("16", &value, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "\"16MiB\""));
    CU_ASSERT_FALSE(value_size("16MB", &value, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "KiB, MiB, GiB"));
}

static void sizes_have_a_unit(void)
{
    int64_t bytes;
    CU_ASSERT_TRUE(value_size("0B", &bytes, NULL));
    CU_ASSERT_EQUAL(bytes, 0);
    CU_ASSERT_TRUE(value_size("16MiB", &bytes, NULL));
    CU_ASSERT_EQUAL(bytes, 16 * 1024 * 1024);
    CU_ASSERT_TRUE(value_size("3TiB", &bytes, NULL));
    CU_ASSERT_EQUAL(bytes, INT64_C(3) << 40);
    static const char *const bad[] = { "", "16", "16MB", "16mib", "-1B", "1.5GiB", "8388608TiB" };
    for (size_t i = 0; i < COUNT(bad); i++)
        CU_ASSERT_FALSE(value_size(bad[i], &bytes, NULL));
}

static void values_print_in_their_largest_unit(void)
{
    char text[32];
    value_duration_text(90 * US_PER_SECOND, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "90s");
    value_duration_text(1500000, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "1500ms");
    value_duration_text(0, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "0s");
    value_duration_text(3600 * US_PER_SECOND, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "1h");
    value_size_text(1 << 20, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "1MiB");
    value_size_text(1025, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "1025B");
}

struct judged {
    const char *text;
    bool good;
};

#define JUDGE(function, ...)                                                                       \
    do {                                                                                           \
        static const struct judged cases[] = { __VA_ARGS__ };                                      \
        for (size_t i = 0; i < COUNT(cases); i++) {                                                \
            struct fault fault = { "" };                                                           \
            bool good = function(cases[i].text, &fault);                                           \
            if (good != cases[i].good)                                                             \
                fprintf(stderr, #function "(\"%s\") says %d: %s\n", cases[i].text, good, fault.text); \
            CU_ASSERT_EQUAL(good, cases[i].good);                                                  \
            CU_ASSERT_EQUAL(fault.text[0] == '\0', good);                                          \
        }                                                                                          \
    } while (0)

static void names_are_plain(void)
{
    JUDGE(value_name, { "a", true }, { "us-east-1", true }, { "9", true }, { "", false }, { "-a", false },
          { "a-", false }, { "A", false }, { "a_b", false }, { "a.b", false }, { "a/b", false }, { "é", false },
          { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
          { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false });
}

static void hosts_and_endpoints(void)
{
    JUDGE(value_host, { "a.example.com", true }, { "localhost", true }, { "192.0.2.1", true }, { "2001:db8::1", true },
          { "256.0.0.1", false }, { "1.2.3", false }, { "", false }, { "a b", false }, { "-a", false }, { "a-.b", false },
          { ".", false }, { "a..b", false }, { "a;b", false }, { "[::1]", false });
    JUDGE(value_endpoint, { "192.0.2.1:7400", true }, { "a.example.com:1", true }, { "[2001:db8::1]:65535", true },
          { "192.0.2.1", false }, { "192.0.2.1:0", false }, { "192.0.2.1:65536", false }, { "192.0.2.1:-1", false },
          { "2001:db8::1:7400", false }, { ":7400", false }, { "a:", false }, { "a:7x", false }, { "[192.0.2.1]:1", false },
          { "[::1]", false }, { "[::1:7400", false }, { "a:1:2", false }, { "300.1.1.1:5", false });
    JUDGE(value_ip_endpoint, { "192.0.2.1:53", true }, { "[::]:53", true }, { "dns.example.com:53", false });
    JUDGE(value_dns_name, { "*.example.com", true }, { "_a.example.com.", true }, { "*", false }, { "a.*.b", false },
          { "*.", false }, { "192.0.2.1", false });
}

static void urls_hold_no_secrets(void)
{
    JUDGE(value_url, { "http://a", true }, { "https://a.example.com:8443/health?x=%20#", false },
          { "https://a.example.com:8443/health?x=%20", true }, { "http://[2001:db8::1]:80/", true },
          { "http://[2001:db8::1]/", true }, { "https://192.0.2.1?x", true }, { "HTTP://a", false }, { "ftp://a", false },
          { "https://", false }, { "https:///x", false }, { "https://a:0/", false }, { "https://a:b/", false },
          { "https://u:p@a/", false }, { "https://u@a/", false }, { "http://a/ b", false }, { "http://a/\x7f", false },
          { "http://a/é", false }, { "http://[::1", false }, { "http://[1.2.3.4]/", false }, { "http://a/@", true });
}

static void other_texts(void)
{
    JUDGE(value_file, { "/a/b", true }, { "/", true }, { "a", false }, { "", false }, { "/a/../b", false }, { "/./a", false },
          { "/a/..b", true });
    JUDGE(value_principal, { "root", true }, { "user:a.b-c_d", true }, { "group:x", true }, { "user:", false },
          { "all", false }, { "user:a b", false }, { "user:-x", false }, { "", false });
    JUDGE(value_json_pointer, { "", true }, { "/a~0b~1c/0", true }, { "a", false }, { "/a~2", false }, { "/a~", false });
    JUDGE(value_zone_id, { "Z0ABC", true }, { "/hostedzone/Z0", false }, { "", false }, { "z", false });
    int low;
    int high;
    CU_ASSERT_TRUE(value_status_range("200-299", &low, &high, NULL));
    CU_ASSERT_TRUE(low == 200 && high == 299);
    CU_ASSERT_TRUE(value_status_range("404", &low, &high, NULL));
    CU_ASSERT_TRUE(low == 404 && high == 404);
    static const char *const bad[] = { "", "2", "099", "600", "200-", "-200", "200-199", "200-2000", "2000", "+20", "2xx",
                                       "200-299-300" };
    for (size_t i = 0; i < COUNT(bad); i++)
        CU_ASSERT_FALSE(value_status_range(bad[i], &low, &high, NULL));
}

static void endpoints_split(void)
{
    char host[64];
    uint16_t port;
    CU_ASSERT_TRUE(config_split_endpoint("[2001:db8::1]:53", host, sizeof host, &port));
    CU_ASSERT_STRING_EQUAL(host, "2001:db8::1");
    CU_ASSERT_EQUAL(port, 53);
    CU_ASSERT_TRUE(config_split_endpoint("a.example.com:65535", host, sizeof host, &port));
    CU_ASSERT_STRING_EQUAL(host, "a.example.com");
    CU_ASSERT_EQUAL(port, 65535);
    CU_ASSERT_FALSE(config_split_endpoint("a.example.com:1", host, 13, &port));
    CU_ASSERT_TRUE(config_split_endpoint("a.example.com:1", host, 14, &port));
}

static void slips_of_the_keys_are_near(void)
{
    CU_ASSERT_EQUAL(value_distance("lease", "lease"), 0);
    CU_ASSERT_EQUAL(value_distance("laese", "lease"), 1);
    CU_ASSERT_EQUAL(value_distance("", "abc"), 3);
    CU_ASSERT_EQUAL(value_distance("kitten", "sitting"), 3);
    static const char *const names[] = { "duration", "renew_every", "fence_budget" };
    CU_ASSERT_PTR_EQUAL(value_nearest("durations", names, 3), names[0]);
    CU_ASSERT_PTR_EQUAL(value_nearest("renewevery", names, 3), names[1]);
    CU_ASSERT_PTR_NULL(value_nearest("banana", names, 3));
    CU_ASSERT_PTR_NULL(value_nearest("", names, 0));
}

/* ---- positions --------------------------------------------------------------------------- */

static void check_line(const struct positions *positions, const char *path, size_t line)
{
    size_t found = positions_line(positions, positions_find(positions, path));
    if (found != line)
        fprintf(stderr, "%s is on line %zu, found on %zu\n", path, line, found);
    CU_ASSERT_EQUAL(found, line);
}

static void lines_are_those_of_the_keys(void)
{
    static const char text[] = "\n{ \"a\": 1,\n  \"b\": {\n\n \"c\"\n : [ 1,\n  {\"d\": \"\\\"}\\n\"\n}, 2]\n},"
                               " \"e.f\": null, \"g h\": [[],\n[true]] }\n";
    struct positions *positions = positions_scan(text, sizeof text - 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(positions);
    check_line(positions, "$", 2);
    check_line(positions, "$.a", 2);
    check_line(positions, "$.b", 3);
    check_line(positions, "$.b.c", 5);
    check_line(positions, "$.b.c[0]", 6);
    check_line(positions, "$.b.c[1]", 7);
    check_line(positions, "$.b.c[1].d", 7);
    check_line(positions, "$.b.c[2]", 8);
    check_line(positions, "$[\"e.f\"]", 9);
    check_line(positions, "$[\"g h\"][1][0]", 10);
    /* What is not there is where it would have to be put. */
    check_line(positions, "$.b.missing.deeper", 3);
    check_line(positions, "$.b.c[9]", 5);
    check_line(positions, "", 2);
    check_line(positions, "$$$[", 2);
    check_line(positions, "$[\"unfinished", 2);
    positions_free(positions);
}

static void paths_round_trip(void)
{
    static const char text[] = "{\"a\":{\"b-c\":[0,{\"/x.y\":1,\"\":2,\"q\\\"\\\\\":3}]}}";
    static const char *const paths[] = { "$.a", "$.a.b-c", "$.a.b-c[1]", "$.a.b-c[1][\"/x.y\"]", "$.a.b-c[1][\"\"]",
                                         "$.a.b-c[1][\"q\\\"\\\\\"]" };
    struct positions *positions = positions_scan(text, sizeof text - 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(positions);
    for (size_t i = 0; i < COUNT(paths); i++) {
        char buffer[128];
        struct text path = TEXT_OF(buffer);
        positions_path(positions, positions_find(positions, paths[i]), &path);
        CU_ASSERT_STRING_EQUAL(buffer, paths[i]);
    }
    positions_free(positions);
}

static void keys_that_occur_twice_are_found(void)
{
    static const char text[] = "{\"a\":1,\n\"b\":{\"a\":1,\n\"\\u0061\":2},\n\"a\":3,\n\"a\":4}";
    struct positions *positions = positions_scan(text, sizeof text - 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(positions);
    size_t cursor = 0;
    size_t entry;
    size_t first;
    size_t lines[4][2];
    size_t count = 0;
    while (count < 4 && positions_next_duplicate(positions, &cursor, &entry, &first)) {
        lines[count][0] = positions_line(positions, entry);
        lines[count][1] = positions_line(positions, first);
        count++;
    }
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT_TRUE(lines[0][0] == 4 && lines[0][1] == 1);
    CU_ASSERT_TRUE(lines[1][0] == 5 && lines[1][1] == 1);
    CU_ASSERT_TRUE(lines[2][0] == 3 && lines[2][1] == 2);
    positions_free(positions);
}

static void what_is_no_json_is_scanned_as_far_as_it_goes(void)
{
    static const char *const texts[] = { "", " ", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "[", "[1,", "]",
                                         "\"", "\"\\", "{\"\\u00", "{a:1}", "{\"a\":}", "[}", "nul", "{\"a\":\"\\", "\xff\xfe",
                                         "{\"\\ud800\":1,\"\\ud800\":2}" };
    for (size_t i = 0; i < COUNT(texts); i++) {
        /* Without a terminator, so that a read past the end is noticed by the sanitizer. */
        size_t size = strlen(texts[i]);
        char *copy = malloc(size + (size == 0));
        CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
        memcpy(copy, texts[i], size);
        struct positions *positions = positions_scan(copy, size);
        CU_ASSERT_PTR_NOT_NULL(positions);
        positions_free(positions);
        free(copy);
    }
}

static void scanning_is_bounded(void)
{
    char deep[200];
    size_t entry;
    memset(deep, '[', sizeof deep);
    struct positions *positions = positions_scan(deep, sizeof deep);
    CU_ASSERT_PTR_NOT_NULL_FATAL(positions);
    CU_ASSERT_TRUE(positions_too_deep(positions, &entry));
    positions_free(positions);
    size_t size = 4 * POSITIONS_MAX;
    char *many = malloc(size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(many);
    for (size_t i = 0; i < size; i++)
        many[i] = i == 0 ? '[' : i % 2 == 1 ? '0' : ',';
    positions = positions_scan(many, size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(positions);
    CU_ASSERT_TRUE(positions_too_many(positions, &entry));
    CU_ASSERT_FALSE(positions_too_deep(positions, &entry));
    positions_free(positions);
    free(many);
}

SUITE_MAIN("config values", TEST(durations_have_a_unit), TEST(a_missing_unit_is_proposed), TEST(sizes_have_a_unit),
           TEST(values_print_in_their_largest_unit), TEST(names_are_plain), TEST(hosts_and_endpoints),
           TEST(urls_hold_no_secrets), TEST(other_texts), TEST(endpoints_split), TEST(slips_of_the_keys_are_near),
           TEST(lines_are_those_of_the_keys), TEST(paths_round_trip), TEST(keys_that_occur_twice_are_found),
           TEST(what_is_no_json_is_scanned_as_far_as_it_goes), TEST(scanning_is_bounded))
