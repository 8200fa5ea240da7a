/* Fetch: what comes back, each way of failing by its name, limits, TLS checks, hostile responses. */
#include "coordinator/base/fetch.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/resource.h>

#include "tests/unit/stub_server.h"
#include "tests/unit/suite.h"

#define DAY_S 86400L

static struct fault fault;
static struct loop *loop;
static struct fetch_pool *pool;
static struct stub server;
static struct fetch_response response;
static char body[FETCH_BODY_MAX_DEFAULT + 1];
static int calls;
static const char *script; /* what the server sends */
static size_t script_length;

static void done(const struct fetch_response *got, void *arg)
{
    (void)arg;
    response = *got;
    memcpy(body, got->body, got->body_length + 1);
    calls++;
    loop_stop(loop);
}

static const char *respond(struct stub *stub, const char *request)
{
    (void)request;
    stub->response_length = script_length;
    return script;
}

static void begin(void)
{
    calls = 0;
    script_length = 0;
    loop = loop_new("test", &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
    pool = fetch_pool_new(loop, 4, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
    CU_ASSERT_TRUE_FATAL(stub_open(&server, loop, respond));
}

static void end(void)
{
    fetch_pool_free(pool);
    stub_close(&server);
    loop_free(loop);
}

static struct fetch_request request_for(const char *url)
{
    return (struct fetch_request){ .url = url, .connect_address = "127.0.0.1", .connect_port = server.port,
                                   .total_ms = 3000, .done = done };
}

static void run(const struct fetch_request *request)
{
    int before = calls;
    CU_ASSERT_PTR_NOT_NULL_FATAL(fetch_start(pool, request, &fault));
    CU_ASSERT_EQUAL(calls, before);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, before + 1);
    CU_ASSERT_EQUAL(fetch_pool_running(pool), 0);
}

static void get(const char *answer)
{
    struct fetch_request request = request_for("http://shop.example.com/health?x=1");
    script = answer;
    run(&request);
}

static void expect(enum fetch_outcome outcome)
{
    if (response.outcome != outcome)
        fprintf(stderr, "got %s: %s\n", fetch_outcome_name(response.outcome), response.text);
    CU_ASSERT_EQUAL(response.outcome, outcome);
}

static void a_response_comes_back_whole(void)
{
    begin();
    get("HTTP/1.1 503 Busy\r\nContent-Length: 5\r\nContent-Type: text/x\r\nDate: Sat, 21 Nov 2026 10:17:45 GMT\r\n\r\nhello");
    expect(FETCH_OK);
    CU_ASSERT_EQUAL(response.status, 503);
    CU_ASSERT_STRING_EQUAL(body, "hello");
    CU_ASSERT_STRING_EQUAL(response.content_type, "text/x");
    CU_ASSERT_EQUAL(response.date_wall_us, 1795256265LL * CLOCK_US_PER_S);
    CU_ASSERT_EQUAL(strncmp(server.request, "GET /health?x=1 HTTP/1.1\r\nHost: shop.example.com\r\n", 50), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "User-Agent: failoverd\r\n"));
    CU_ASSERT_TRUE(response.total_us > 0 && response.connect_us > 0 && response.first_byte_us >= response.connect_us);
    CU_ASSERT_EQUAL(response.tls_us, 0);
    CU_ASSERT_EQUAL(strncmp(response.address, "127.0.0.1:", 10), 0);
    end();
}

static void connections_are_kept_unless_fresh(void)
{
    begin();
    const char *ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    get(ok);
    CU_ASSERT_FALSE(response.reused);
    get(ok);
    CU_ASSERT_TRUE(response.reused);
    CU_ASSERT_EQUAL(server.connections, 1);
    struct fetch_request request = request_for("http://shop.example.com/");
    request.fresh_connection = true;
    run(&request);
    CU_ASSERT_EQUAL(server.connections, 2);
    get(ok);
    CU_ASSERT_EQUAL(server.connections, 2); /* the first one again */
    end();
}

static void methods_bodies_and_headers(void)
{
    begin();
    script = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const char *headers[] = { "X-Test: 1", "Content-Type: application/xml", NULL };
    struct fetch_request request = request_for("http://shop.example.com/");
    request.headers = headers;
    request.body = "a<b";
    request.body_length = 3;
    run(&request);
    CU_ASSERT_EQUAL(strncmp(server.request, "POST / ", 7), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "\r\nX-Test: 1\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "\r\nContent-Type: application/xml\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "\r\n\r\na<b"));
    request = request_for("http://shop.example.com/");
    request.method = "PUT";
    run(&request);
    CU_ASSERT_EQUAL(strncmp(server.request, "PUT / ", 6), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "Content-Length: 0\r\n"));
    request.method = "HEAD";
    script = "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n";
    run(&request);
    expect(FETCH_OK);
    end();
}

static void wrong_requests_are_refused_at_once(void)
{
    begin();
    static const char *const urls[] = { "ftp://a/", "http://user:pw@a/", "file:///etc/passwd", "http://", "not a url" };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct fetch_request request = request_for(urls[i]);
        CU_ASSERT_PTR_NULL(fetch_start(pool, &request, &fault));
    }
    /* What is wrong is told, but nothing of the URL that may be a secret. */
    static const char *const secret[] = { "ftp://a/s3cret", "http://s3cret:s3cret@a/", "s3cret",
                                         "gopher://s3cret@a?s3cret" };
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++) {
        struct fetch_request request = request_for(secret[i]);
        CU_ASSERT_PTR_NULL(fetch_start(pool, &request, &fault));
        CU_ASSERT_TRUE(fault.text[0] != '\0');
        CU_ASSERT_PTR_NULL(strstr(fault.text, "s3cret"));
    }
    struct fetch_request request = request_for("http://shop.example.com/");
    request.connect_address = NULL; /* would need a name looked up */
    CU_ASSERT_PTR_NULL(fetch_start(pool, &request, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "is a name"));
    request.connect_address = "localhost";
    CU_ASSERT_PTR_NULL(fetch_start(pool, &request, &fault));
    static const char *const bad[][2] = { { "X: a\r\nY: b", NULL }, { "NoColon", NULL }, { "Accept:", NULL }, { ": x", NULL } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        request = request_for("http://shop.example.com/");
        request.headers = bad[i];
        CU_ASSERT_PTR_NULL(fetch_start(pool, &request, &fault));
    }
    CU_ASSERT_EQUAL(calls, 0);
    end();
}

static void refused_connections_are_told(void)
{
    begin();
    struct fetch_request request = request_for("http://shop.example.com/");
    struct stub other;
    CU_ASSERT_TRUE(stub_open(&other, loop, respond));
    request.connect_port = other.port;
    stub_close(&other);
    run(&request);
    expect(FETCH_CONNECT_REFUSED);
    CU_ASSERT_FALSE(response.may_have_been_sent);
    end();
}

/* A listener whose queue is full drops further SYNs: the nearest thing to a silent host on loopback. */
static void a_silent_host_is_a_connect_timeout(void)
{
    begin();
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), filler[4];
    CU_ASSERT_EQUAL(bind(silent, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL(listen(silent, 0), 0);
    CU_ASSERT_EQUAL(getsockname(silent, (struct sockaddr *)&address, &length), 0);
    for (int i = 0; i < 4; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(filler[i], (struct sockaddr *)&address, sizeof address);
    }
    struct fetch_request request = request_for("http://shop.example.com/");
    request.connect_port = ntohs(address.sin_port);
    request.connect_ms = 80;
    run(&request);
    expect(FETCH_CONNECT_TIMEOUT);
    CU_ASSERT_FALSE(response.may_have_been_sent);
    CU_ASSERT_TRUE(response.total_us >= 80 * CLOCK_US_PER_MS);
    CU_ASSERT_TRUE(response.total_us < 2500 * CLOCK_US_PER_MS); /* its own limit, not the total's */
    for (int i = 0; i < 4; i++)
        close(filler[i]);
    close(silent);
    end();
}

static void each_phase_has_its_limit(void)
{
    begin();
    struct fetch_request request = request_for("http://shop.example.com/");
    script = NULL; /* accepts and says nothing, as a frozen server */
    request.connect_ms = 3000;
    request.first_byte_ms = 60;
    run(&request);
    expect(FETCH_TIMEOUT);
    CU_ASSERT_TRUE(response.may_have_been_sent);
    CU_ASSERT_TRUE(response.total_us < 2500 * CLOCK_US_PER_MS);
    script = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart"; /* begins and never ends */
    request.total_ms = 150;
    run(&request);
    expect(FETCH_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(body, "part");
    CU_ASSERT_PTR_NOT_NULL(strstr(response.text, "did not end"));
    end();
}

static void broken_connections_are_resets(void)
{
    begin();
    server.reset_after = true;
    get(NULL);
    expect(FETCH_RESET);
    CU_ASSERT_TRUE(response.may_have_been_sent);
    get("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart");
    expect(FETCH_RESET);
    server.reset_after = false;
    server.close_after = true;
    get(NULL);
    expect(FETCH_RESET);
    get("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart");
    expect(FETCH_RESET);
    end();
}

static void hostile_responses_are_bounded(void)
{
    static char huge[FETCH_BODY_MAX_MOST / 8];
    begin();
    server.close_after = true;
    memset(huge, 'x', sizeof huge - 1);
    memcpy(huge, "HTTP/1.1 200 OK\r\n\r\n", 19);
    get(huge);
    expect(FETCH_TOO_LARGE);
    CU_ASSERT_EQUAL(response.body_length, FETCH_BODY_MAX_DEFAULT);
    memcpy(huge, "HTTP/1.1 200 OK\r\nA: ", 20); /* one endless header */
    get(huge);
    expect(FETCH_TOO_LARGE);
    memset(huge, 'x', sizeof huge - 1);
    for (size_t i = 17; i + 8 < sizeof huge; i += 8) /* and endlessly many */
        memcpy(huge + i, "B: abc\r\n", 8);
    memcpy(huge, "HTTP/1.1 200 OK\r\n", 17);
    get(huge);
    expect(FETCH_TOO_LARGE);
    get("SSH-2.0-OpenSSH_9\r\n");
    expect(FETCH_PROTOCOL);
    get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    expect(FETCH_PROTOCOL);
    get("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    expect(FETCH_OK); /* and never followed */
    CU_ASSERT_EQUAL(response.status, 302);
    end();
}

static void our_own_lack_of_descriptors_is_told_apart(void)
{
    begin();
    struct rlimit before, none;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct fetch_request request = request_for("http://shop.example.com/");
    CU_ASSERT_PTR_NOT_NULL_FATAL(fetch_start(pool, &request, &fault));
    none = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool ran = stub_run(loop);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
    CU_ASSERT_TRUE(ran);
    expect(FETCH_OBSERVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(response.text, "Too many open files"));
    end();
}

static struct fetch *victim;

static void done_cancelling_another(const struct fetch_response *got, void *arg)
{
    done(got, arg);
    fetch_cancel(victim);
}

static void cancelled_ones_do_not_call(void)
{
    begin();
    script = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct fetch_request request = request_for("http://shop.example.com/");
    victim = fetch_start(pool, &request, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(victim);
    request.done = done_cancelling_another;
    request.fresh_connection = true;
    CU_ASSERT_PTR_NOT_NULL_FATAL(fetch_start(pool, &request, &fault));
    fetch_cancel(victim);
    request.done = done;
    script = NULL;
    victim = fetch_start(pool, &request, &fault);
    script = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, 1);
    request.done = done;
    CU_ASSERT_PTR_NOT_NULL_FATAL(fetch_start(pool, &request, &fault));
    fetch_pool_free(pool);
    pool = NULL;
    CU_ASSERT_EQUAL(calls, 2);
    expect(FETCH_CANCELLED);
    end();
}

/* --- TLS --- */

static EVP_PKEY *ca_key, *server_key;
static X509 *ca;
static char ca_path[] = "/tmp/fetch_test.XXXXXX";

static X509 *certify(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, long from_s, long to_s)
{
    X509 *certificate = X509_new();
    char alternative[128];
    (void)snprintf(alternative, sizeof alternative, issuer != NULL ? "DNS:%s" : "CA:TRUE", name);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)random());
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer != NULL ? issuer : certificate));
    int kind = issuer != NULL ? NID_subject_alt_name : NID_basic_constraints;
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, alternative);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(certificate, issuer_key, EVP_sha256());
    return certificate;
}

static void serve(const char *name, EVP_PKEY *issuer_key, long from_s, long to_s)
{
    X509 *certificate = certify(server_key, name, ca, issuer_key, from_s, to_s);
    SSL_CTX_free(server.tls);
    server.tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(server.tls, certificate);
    SSL_CTX_use_PrivateKey(server.tls, server_key);
    X509_free(certificate);
}

static void get_tls(const char *url, bool insecure)
{
    struct fetch_request request = request_for(url);
    script = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    request.ca_file = ca_path;
    request.fresh_connection = true;
    request.want_certificate_expiry = true;
    request.insecure_skip_verify = insecure;
    request.total_ms = server.tls != NULL ? 3000 : 200;
    run(&request);
}

static void certificates_are_checked(void)
{
    begin();
    ca_key = EVP_EC_gen("P-256");
    server_key = EVP_EC_gen("P-256");
    EVP_PKEY *stranger = EVP_EC_gen("P-256");
    ca = certify(ca_key, "Test CA", NULL, ca_key, -DAY_S, DAY_S);
    FILE *file = fdopen(mkstemp(ca_path), "we");
    PEM_write_X509(file, ca);
    fclose(file);
    serve("shop.example.com", ca_key, -DAY_S, 10 * DAY_S);
    get_tls("https://shop.example.com/", false);
    expect(FETCH_OK);
    CU_ASSERT_TRUE(response.tls_us > response.connect_us);
    int64_t left_s = response.certificate_not_after_s - base_wall_us() / CLOCK_US_PER_S;
    CU_ASSERT_TRUE(left_s > 10 * DAY_S - 100 && left_s <= 10 * DAY_S);
    get_tls("https://other.example.com/", false); /* a wrong name */
    expect(FETCH_TLS_CERTIFICATE);
    CU_ASSERT_FALSE(response.may_have_been_sent);
    get_tls("https://other.example.com/", true);
    expect(FETCH_OK);
    serve("shop.example.com", ca_key, -2 * DAY_S, -DAY_S); /* expired */
    get_tls("https://shop.example.com/", false);
    expect(FETCH_TLS_CERTIFICATE);
    serve("shop.example.com", stranger, -DAY_S, DAY_S); /* signed by somebody else */
    get_tls("https://shop.example.com/", false);
    expect(FETCH_TLS_CERTIFICATE);
    serve("shop.example.com", ca_key, -DAY_S, DAY_S);
    SSL_CTX_set_max_proto_version(server.tls, TLS1_1_VERSION); /* too old */
    get_tls("https://shop.example.com/", false);
    expect(FETCH_TLS_OTHER);
    SSL_CTX_free(server.tls);
    server.tls = NULL; /* no TLS at all */
    get_tls("https://shop.example.com/", false);
    expect(FETCH_TIMEOUT);
    CU_ASSERT_FALSE(response.may_have_been_sent);
    unlink(ca_path);
    (void)snprintf(ca_path, sizeof ca_path, "/nonexistent");
    serve("shop.example.com", ca_key, -DAY_S, DAY_S);
    get_tls("https://shop.example.com/", false); /* our CA file is gone: our own fault */
    expect(FETCH_OBSERVER);
    SSL_CTX_free(server.tls);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(server_key);
    EVP_PKEY_free(stranger);
    end();
}

SUITE_MAIN("fetch", TEST(a_response_comes_back_whole), TEST(connections_are_kept_unless_fresh),
           TEST(methods_bodies_and_headers), TEST(wrong_requests_are_refused_at_once),
           TEST(refused_connections_are_told),
           TEST(a_silent_host_is_a_connect_timeout), TEST(each_phase_has_its_limit),
           TEST(broken_connections_are_resets),
           TEST(hostile_responses_are_bounded), TEST(our_own_lack_of_descriptors_is_told_apart),
           TEST(cancelled_ones_do_not_call), TEST(certificates_are_checked))
