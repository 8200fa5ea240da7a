/* The URL's canonical form, and the signature on the wire recomputed here from scratch. */
#include "dns/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "coordinator/base/fetch.h"
#include "tests/unit/stub_server.h"
#include "tests/unit/suite.h"

#define ACCESS "AKIDEXAMPLE"
#define SECRET "not/a+secret=of-anybody"

static struct fault fault;
static struct loop *loop;
static struct stub server;

static void paths_are_checked(void)
{
    CU_ASSERT_TRUE(sigv4_path_ok("/2013-04-01/hostedzone/Z1/rrset/"));
    CU_ASSERT_TRUE(sigv4_path_ok("/a.b"));
    static const char *const wrong[] = { "", "a", "//a", "/a//b", "/a/../b", "/./a", "/a b", "/a%20", "/a?b", "/*", "/a/.." };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_FALSE(sigv4_path_ok(wrong[i]));
}

static void queries_are_sorted_and_encoded(void)
{
    char out[256], small[20];
    struct text url = TEXT_OF(out), cut = TEXT_OF(small);
    const struct sigv4_parameter parameters[] = { { "type", "A" }, { "name", "*.a b/ä" }, { "maxitems", "1" }, { "empty", NULL } };
    CU_ASSERT_TRUE(sigv4_url(&url, "https://h", "/p", parameters, 4, &fault));
    CU_ASSERT_STRING_EQUAL(out, "https://h/p?empty=&maxitems=1&name=%2A.a%20b%2F%C3%A4&type=A");
    CU_ASSERT_FALSE(sigv4_url(&cut, "https://h", "/p", parameters, 4, &fault));
    text_clear(&url);
    CU_ASSERT_FALSE(sigv4_url(&url, "https://h", "/p/../q", NULL, 0, &fault));
}

/* --- the verifier: AWS's description of version 4, nothing shared with the client --- */

static void hex(const unsigned char *bytes, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void hash(const char *text, size_t length, char out[65])
{
    unsigned char digest[32];
    SHA256((const unsigned char *)text, length, digest);
    hex(digest, sizeof digest, out);
}

static void mac(unsigned char key[32], size_t key_length, const char *text)
{
    unsigned char out[32];
    unsigned length = 0;
    HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)text, strlen(text), out, &length);
    memcpy(key, out, 32);
}

static void header(const char *request, const char *name, char *out, size_t size)
{
    char key[64];
    (void)snprintf(key, sizeof key, "\r\n%s:", name);
    const char *at = strcasestr(request, key);
    out[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(key);
    at += strspn(at, " ");
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
}

static void part(const char *authorization, const char *name, char *out, size_t size)
{
    const char *at = strstr(authorization, name);
    out[0] = '\0';
    if (at != NULL)
        (void)snprintf(out, size, "%.*s", (int)strcspn(at + strlen(name), ", \r"), at + strlen(name));
}

static void canonical_request(const char *request, const char *signed_headers, char *out, size_t size)
{
    char method[8], target[1024], digest[65], names[256];
    (void)sscanf(request, "%7s %1023s", method, target);
    char *query = strchr(target, '?');
    if (query != NULL)
        *query++ = '\0';
    struct text text = text_over(out, size);
    text_appendf(&text, "%s\n%s\n%s\n", method, target, query != NULL ? query : "");
    (void)snprintf(names, sizeof names, "%s", signed_headers);
    char *rest = names, *name;
    while ((name = strsep(&rest, ";")) != NULL) {
        char value[8192];
        header(request, name, value, sizeof value);
        text_appendf(&text, "%s:%s\n", name, value);
    }
    const char *body = strstr(request, "\r\n\r\n") + 4;
    hash(body, strlen(body), digest);
    text_appendf(&text, "\n%s\n%s", signed_headers, digest);
}

static bool is_signed_right(const char *request, const char *secret)
{
    static char authorization[2048], canonical[16384], to_sign[1024];
    char date[32], scope[128], names[256], given[80], digest[65], expected[65];
    header(request, "Authorization", authorization, sizeof authorization);
    header(request, "X-Amz-Date", date, sizeof date);
    part(authorization, "Credential=" ACCESS "/", scope, sizeof scope);
    part(authorization, "SignedHeaders=", names, sizeof names);
    part(authorization, "Signature=", given, sizeof given);
    canonical_request(request, names, canonical, sizeof canonical);
    hash(canonical, strlen(canonical), digest);
    (void)snprintf(to_sign, sizeof to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, digest);
    unsigned char key[512];
    size_t length = (size_t)snprintf((char *)key, sizeof key, "AWS4%s", secret);
    char day[9];
    (void)snprintf(day, sizeof day, "%.8s", date);
    mac(key, length, day);
    mac(key, 32, "us-east-1");
    mac(key, 32, "route53");
    mac(key, 32, "aws4_request");
    mac(key, 32, to_sign);
    hex(key, 32, expected);
    char wanted_scope[128];
    (void)snprintf(wanted_scope, sizeof wanted_scope, "%s/us-east-1/route53/aws4_request", day);
    return strcmp(scope, wanted_scope) == 0 && strcmp(given, expected) == 0 && strstr(names, "host") != NULL &&
           strstr(names, "x-amz-date") != NULL;
}

/* The verifier itself against AWS's published example values for the derived key. */
static void the_verifier_derives_the_published_key(void)
{
    unsigned char key[512];
    char text[65];
    size_t length = (size_t)snprintf((char *)key, sizeof key, "AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    mac(key, length, "20150830");
    mac(key, 32, "us-east-1");
    mac(key, 32, "iam");
    mac(key, 32, "aws4_request");
    hex(key, 32, text);
    CU_ASSERT_STRING_EQUAL(text, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

static void done(const struct fetch_response *response, void *arg)
{
    (void)arg;
    CU_ASSERT_EQUAL(response->outcome, FETCH_OK);
    CU_ASSERT_PTR_NULL(strstr(response->text, SECRET));
    loop_stop(loop);
}

static const char *respond(struct stub *stub, const char *request)
{
    (void)stub;
    (void)request;
    return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
}

static void the_wire_carries_a_right_signature(void)
{
    loop = loop_new("test", &fault);
    struct fetch_pool *pool = fetch_pool_new(loop, 2, &fault);
    CU_ASSERT_TRUE_FATAL(stub_open(&server, loop, respond));
    static const char *const types[] = { "Content-Type: application/xml", NULL };
    static const char *const tokens[] = { NULL, "FwoGZXIvYXdzEXAMPLE/token+with==" };
    static const char *const names[] = { "shop.example.com", "*.a b", "~-_.", "ä/+&=%" };
    for (size_t i = 0; i < 16; i++) {
        char url_buffer[512], endpoint[64];
        struct text url = TEXT_OF(url_buffer);
        (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", server.port);
        const struct sigv4_parameter parameters[] = { { "type", "A" }, { "name", names[i / 4] } };
        bool post = i % 2 == 1;
        CU_ASSERT_TRUE(sigv4_url(&url, endpoint, "/2013-04-01/hostedzone/Z1/rrset", parameters, post ? 0 : 2, &fault));
        struct fetch_request request = {
            .url = url_buffer, .headers = post ? types : NULL, .body = post ? "<a>&amp;</a>" : NULL,
            .body_length = post ? 12 : 0, .total_ms = 3000,
            .sigv4 = { ACCESS, SECRET, tokens[i / 2 % 2], "us-east-1", "route53" }, .done = done,
        };
        CU_ASSERT_PTR_NOT_NULL_FATAL(fetch_start(pool, &request, &fault));
        CU_ASSERT_TRUE(stub_run(loop));
        CU_ASSERT_TRUE(is_signed_right(server.request, SECRET));
        CU_ASSERT_FALSE(is_signed_right(server.request, SECRET "x"));
        CU_ASSERT_PTR_NULL(strstr(server.request, SECRET));
        CU_ASSERT_PTR_NULL(strstr(server.request, "Basic"));
        CU_ASSERT_EQUAL(strstr(server.request, "oken: FwoG") != NULL, i / 2 % 2 == 1);
    }
    struct fetch_request wrong = { .url = "http://127.0.0.1:1/a b", .total_ms = 1,
                                   .sigv4 = { ACCESS, SECRET, NULL, "us-east-1", "route53" }, .done = done };
    CU_ASSERT_PTR_NULL(fetch_start(pool, &wrong, &fault));
    wrong.url = "http://127.0.0.1:1/a";
    wrong.sigv4.region = "us east:1";
    CU_ASSERT_PTR_NULL(fetch_start(pool, &wrong, &fault));
    fetch_pool_free(pool);
    stub_close(&server);
    loop_free(loop);
}

SUITE_MAIN("sigv4", TEST(paths_are_checked), TEST(queries_are_sorted_and_encoded),
           TEST(the_verifier_derives_the_published_key), TEST(the_wire_carries_a_right_signature))
