/* The HTTP probe: what passes, every way of failing and whose fault it is, limits of the phases, names,
 * certificates, hostile servers. */
#include "probes/http.h"

#include <sys/wait.h>

#include "tests/unit/probe_fixture.h"

#define URL_MAX 256

static struct stub server;
static const char *script; /* what the server sends; NULL: nothing */
static size_t script_length; /* 0: a string */

static const char *respond(struct stub *stub, const char *request)
{
    (void)request;
    stub->response_length = script_length;
    return script;
}

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}";

static void begin_server(void)
{
    begin();
    script = ok;
    script_length = 0;
    CU_ASSERT_TRUE_FATAL(stub_open_at(&server, respond, "127.0.0.1", 0));
}

static void end_server(void)
{
    stub_close(&server);
    end();
}

static struct http_probe *make(struct http_probe_settings settings, const char *host)
{
    char url[URL_MAX];
    if (settings.url == NULL)
        settings.url = "http";
    (void)snprintf(url, sizeof url, "%s://%s:%u/health?deep=1#part", settings.url, host, server.port);
    settings.url = url;
    struct http_probe *probe = http_probe_new(loop, pool, resolver, &settings, &fault);
    if (probe == NULL)
        fprintf(stderr, "%s\n", fault.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(probe);
    return probe;
}

static void run_once(struct http_probe_settings settings, const char *host, int64_t timeout_ms)
{
    struct http_probe *probe = make(settings, host);
    run_round(&http_probe_class, probe, timeout_ms);
    http_probe_free(probe);
}

static void get(struct http_probe_settings settings, const char *answer)
{
    script = answer;
    run_once(settings, "127.0.0.1", 3000);
}

#define NOTHING_SPECIAL (struct http_probe_settings){ .url = NULL }

static void status_codes(void)
{
    begin_server();
    get(NOTHING_SPECIAL, ok);
    EXPECT(SAMPLE_OK, "HTTP status 200");
    CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "GET /health?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
    CU_ASSERT_TRUE(got.phases.connect_us > 0 && got.phases.first_byte_us > 0 && got.phases.tls_us == 0);
    CU_ASSERT_TRUE(got.latency_us >= got.phases.connect_us + got.phases.first_byte_us);
    get(NOTHING_SPECIAL, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    EXPECT(SAMPLE_FAILED, "127.0.0.1: HTTP status 503, wanted 200-299");
    get(NOTHING_SPECIAL, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    EXPECT(SAMPLE_FAILED, "HTTP status 302");
    const struct http_status_range ranges[] = { { 200, 204 }, { 401, 401 } };
    struct http_probe_settings settings = { .status = ranges, .status_count = 2 };
    get(settings, "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n");
    EXPECT(SAMPLE_OK, "401");
    get(settings, "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n");
    EXPECT(SAMPLE_FAILED, "wanted 200-204, 401");
    CU_ASSERT_EQUAL(server.connections, 5); /* a new one each */
    end_server();
}

static void bodies_by_text(void)
{
    static const char with_null[] = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall\0is well";
    begin_server();
    struct http_probe_settings settings = { .contains = "\"ok\"" };
    get(settings, ok);
    EXPECT(SAMPLE_OK, "200");
    settings.contains = "fine";
    get(settings, ok);
    EXPECT(SAMPLE_FAILED, "does not contain");
    settings.contains = "is well";
    script_length = sizeof with_null - 1;
    get(settings, with_null);
    EXPECT(SAMPLE_OK, "200");
    script_length = 0;
    get(settings, "HTTP/1.1 204 None\r\n\r\n");
    EXPECT(SAMPLE_FAILED, "does not contain");
    end_server();
}

static void bodies_by_json(void)
{
    static const char body[] = "HTTP/1.1 200 OK\r\nContent-Length: 52\r\n\r\n"
                               "{\"a/b\":{\"m~n\":[1,true,null]},\"lag\":3.0,\"x\":\"\xc3\xa9\xc3\xa9\"}  ";
    begin_server();
    const struct http_json_expectation good[] = {
        { "/a~1b/m~0n/1", "true" }, { "/a~1b/m~0n/2", "null" }, { "/lag", "3" }, { "/a~1b/m~0n", "[1, true, null]" },
    };
    struct http_probe_settings settings = { .json = good, .json_count = 4 };
    get(settings, body);
    EXPECT(SAMPLE_OK, "200");
    const struct http_json_expectation bad[] = {
        { "/a~1b/m~0n/0", "true" }, { "/a~1b/m~0n/3", "null" }, { "/x", "\"e\"" },
    };
    settings.json_count = 1;
    settings.json = &bad[0];
    get(settings, body);
    EXPECT(SAMPLE_FAILED, "\"/a~1b/m~0n/0\" is not the value wanted");
    settings.json = &bad[1];
    get(settings, body);
    EXPECT(SAMPLE_FAILED, "\"/a~1b/m~0n/3\" is missing");
    settings.json = &bad[2];
    get(settings, body);
    EXPECT(SAMPLE_FAILED, "\"/x\" is not");
    get(settings, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe{}");
    EXPECT(SAMPLE_FAILED, "not JSON");
    for (const char *c = got.detail; *c != '\0'; c++)
        CU_ASSERT_TRUE(*c >= ' ' && *c <= '~');
    get(settings, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT(SAMPLE_FAILED, "not JSON");
    end_server();
}

static void deep_json_does_no_harm(void)
{
    static char deep[60000];
    begin_server();
    int head = snprintf(deep, sizeof deep, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    memset(deep + head, '[', sizeof deep - (size_t)head - 1);
    server.close_after = true;
    const struct http_json_expectation wish = { "/0", "1" };
    struct http_probe_settings settings = { .json = &wish, .json_count = 1 };
    get(settings, deep);
    EXPECT(SAMPLE_FAILED, "not JSON");
    end_server();
}

static void servers_that_misbehave(void)
{
    begin_server();
    server.close_after = true;
    get(NOTHING_SPECIAL, "SSH-2.0-OpenSSH_9\r\n");
    EXPECT(SAMPLE_FAILED, "not HTTP");
    get(NOTHING_SPECIAL, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort");
    EXPECT(SAMPLE_FAILED, "broke");
    get(NOTHING_SPECIAL, NULL);
    EXPECT(SAMPLE_FAILED, "broke");
    struct http_probe_settings settings = { .body_max = 8 };
    get(settings, ok);
    EXPECT(SAMPLE_FAILED, "larger than the 8 bytes");
    server.reset_after = true;
    get(NOTHING_SPECIAL, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort");
    EXPECT(SAMPLE_FAILED, "broke");
    end_server();
}

static void connections_that_fail(void)
{
    begin_server();
    stub_close(&server);
    server.port = closed_port();
    run_once(NOTHING_SPECIAL, "127.0.0.1", 3000);
    EXPECT(SAMPLE_FAILED, "no connection");
    struct full_queue full;
    CU_ASSERT_TRUE_FATAL(full_queue_open(&full));
    server.port = full.port;
    struct http_probe_settings settings = { .connect_us = 80 * CLOCK_US_PER_MS };
    run_once(settings, "127.0.0.1", 10000);
    EXPECT(SAMPLE_FAILED, "no connection in time");
    CU_ASSERT_TRUE(got.latency_us >= 80 * CLOCK_US_PER_MS && got.latency_us < 5000 * CLOCK_US_PER_MS);
    full_queue_close(&full);
    CU_ASSERT_TRUE_FATAL(stub_open_at(&server, respond, "127.0.0.1", 0));
    end_server();
}

static void late_answers(void)
{
    begin_server();
    struct http_probe_settings settings = { .first_byte_us = 80 * CLOCK_US_PER_MS };
    script = NULL;
    run_once(settings, "127.0.0.1", 10000);
    EXPECT(SAMPLE_FAILED, "connected, but no response in time");
    CU_ASSERT_TRUE(got.latency_us < 5000 * CLOCK_US_PER_MS);
    script = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nslow";
    settings.total_us = 150 * CLOCK_US_PER_MS;
    run_once(settings, "127.0.0.1", 10000);
    EXPECT(SAMPLE_FAILED, "the response did not end in time");
    CU_ASSERT_TRUE(got.latency_us < 5000 * CLOCK_US_PER_MS);
    run_once(NOTHING_SPECIAL, "127.0.0.1", 100); /* and the round's own limit */
    EXPECT(SAMPLE_FAILED, "the response did not end in time");
    settings.total_us = 0; /* room for the first reading of the system's CA file */
    settings.tls_us = 80 * CLOCK_US_PER_MS;
    settings.url = "https"; /* of a server that speaks no TLS and stays silent */
    script = NULL;
    run_once(settings, "127.0.0.1", 10000);
    EXPECT(SAMPLE_FAILED, "the TLS handshake did not end in time");
    end_server();
}

static void every_address_of_the_name(void)
{
    begin_server();
    struct stub second;
    zone_set(2, "127.0.0.1", "127.0.0.2");
    run_once(NOTHING_SPECIAL, "shop.test", 3000);
    EXPECT(SAMPLE_FAILED, "127.0.0.2 (1 of 2): no connection");
    CU_ASSERT_EQUAL(server.requests, 1); /* tried all the same */
    CU_ASSERT_TRUE_FATAL(stub_open_at(&second, respond, "127.0.0.2", server.port));
    run_once(NOTHING_SPECIAL, "shop.test", 3000);
    EXPECT(SAMPLE_OK, "HTTP status 200 from 2 addresses");
    CU_ASSERT_TRUE(got.phases.name_us > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(second.request, "\r\nHost: shop.test:"));
    CU_ASSERT_EQUAL(second.requests, 1);
    stub_close(&second);
    end_server();
}

static void names_that_fail(void)
{
    begin_server();
    run_once(NOTHING_SPECIAL, "nowhere.test", 3000);
    EXPECT(SAMPLE_FAILED, "does not exist");
    run_once(NOTHING_SPECIAL, "shop.test", 3000);
    EXPECT(SAMPLE_FAILED, "no such record");
    zone_set(1, "127.0.0.1", NULL);
    struct http_probe *probe = make(NOTHING_SPECIAL, "shop.test");
    zone.silent = true;
    run_round(&http_probe_class, probe, 300);
    EXPECT(SAMPLE_OBSERVER, "no answer in time");
    zone.silent = false;
    run_round(&http_probe_class, probe, 3000);
    EXPECT(SAMPLE_OK, "200");
    zone.silent = true;
    run_for_ms(1050);
    run_round(&http_probe_class, probe, 1000);
    EXPECT(SAMPLE_OK, "as resolved before");
    http_probe_free(probe);
    CU_ASSERT_EQUAL(server.requests, 2);
    end_server();
}

static void our_lack_of_descriptors_is_ours(void)
{
    begin_server();
    struct http_probe *probe = make(NOTHING_SPECIAL, "127.0.0.1");
    struct rlimit before = descriptors_gone();
    run_round(&http_probe_class, probe, 3000);
    descriptors_back(before);
    EXPECT(SAMPLE_OBSERVER, "Too many open files");
    run_round(&http_probe_class, probe, 3000);
    EXPECT(SAMPLE_OK, "200");
    http_probe_free(probe);
    end_server();
}

static void free_within(void *arg, const struct probe_round *round)
{
    on_done(NULL, round);
    http_probe_free(arg);
}

static void ended_rounds_do_not_call(void)
{
    begin_server();
    script = NULL;
    struct http_probe *probe = make(NOTHING_SPECIAL, "127.0.0.1");
    http_probe_cancel(probe);
    http_probe_run(probe, 60 * CLOCK_US_PER_MS, on_done, NULL);
    run_for_ms(20);
    http_probe_cancel(probe);
    run_for_ms(80);
    CU_ASSERT_EQUAL(rounds, 0);
    script = ok;
    http_probe_run(probe, 3000 * CLOCK_US_PER_MS, free_within, probe);
    CU_ASSERT_TRUE(stub_run(loop));
    EXPECT(SAMPLE_OK, "200");
    probe = make(NOTHING_SPECIAL, "shop.test");
    http_probe_run(probe, 60 * CLOCK_US_PER_MS, on_done, NULL);
    http_probe_free(probe);
    run_for_ms(80);
    CU_ASSERT_EQUAL(rounds, 1);
    end_server();
}

static void senseless_settings_are_refused(void)
{
    begin_server();
    static char long_url[FETCH_URL_MAX + 64];
    memset(long_url, 'a', sizeof long_url - 1);
    memcpy(long_url, "http://h/", 9);
    const struct http_status_range reversed = { 300, 200 }, tiny = { 0, 200 };
    const struct http_json_expectation pointer = { "status", "1" }, value = { "/status", "ok" };
    const struct http_probe_settings bad[] = {
        { .url = NULL }, { .url = "" }, { .url = "health" }, { .url = "ftp://h/" }, { .url = "http:///x" },
        { .url = "http://user:secret@h/" }, { .url = long_url }, { .url = "http://h/a b" }, { .url = "http://h:99999/" },
        { .url = "http://h/", .status = &reversed, .status_count = 1 },
        { .url = "http://h/", .status = &tiny, .status_count = 1 },
        { .url = "http://h/", .status = &tiny, .status_count = HTTP_STATUS_RANGES_MAX + 1 },
        { .url = "http://h/", .json = &pointer, .json_count = 1 },
        { .url = "http://h/", .json = &value, .json_count = 1 },
        { .url = "http://h/", .json = &value, .json_count = HTTP_JSON_MAX + 1 },
        { .url = "https://h/", .server_name = "a/b" }, { .url = "https://h/", .server_name = "a\r\nX: y" },
        { .url = "https://h/", .server_name = "" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fault.text[0] = '\0';
        struct http_probe *probe = http_probe_new(loop, pool, resolver, &bad[i], &fault);
        if (probe != NULL)
            fprintf(stderr, "accepted: number %zu\n", i);
        CU_ASSERT_PTR_NULL(probe);
        CU_ASSERT_TRUE(fault.text[0] != '\0' && strstr(fault.text, "secret") == NULL);
    }
    http_probe_free(NULL);
    end_server();
}

/* ---- TLS ---------------------------------------------------------------------------------- */

static char pki[64];

static bool make_certificates(void)
{
    (void)snprintf(pki, sizeof pki, "/tmp/http_probe_test.XXXXXX");
    if (mkdtemp(pki) == NULL)
        return false;
    pid_t child = fork();
    if (child == 0) {
        execl("tests/pki/make-ca.sh", "make-ca.sh", pki, "shop.test", "shop.test:expired", "shop.test:other-ca", (char *)NULL);
        _exit(127);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void remove_certificates(void)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", pki, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    CU_ASSERT_TRUE(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static const char *pki_file(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", pki, name);
    return path;
}

static void present(const char *stem)
{
    char name[64];
    SSL_CTX_free(server.tls);
    server.tls = SSL_CTX_new(TLS_server_method());
    (void)snprintf(name, sizeof name, "%s.pem", stem);
    CU_ASSERT_EQUAL(SSL_CTX_use_certificate_chain_file(server.tls, pki_file(name)), 1);
    (void)snprintf(name, sizeof name, "%s.key", stem);
    CU_ASSERT_EQUAL(SSL_CTX_use_PrivateKey_file(server.tls, pki_file(name), SSL_FILETYPE_PEM), 1);
}

static void certificates(void)
{
    char ca[128];
    begin_server();
    CU_ASSERT_TRUE_FATAL(make_certificates());
    (void)snprintf(ca, sizeof ca, "%s", pki_file("ca.pem"));
    struct http_probe_settings settings = { .url = "https", .ca_file = ca };
    zone_set(1, "127.0.0.1", NULL);
    present("shop.test");
    run_once(settings, "shop.test", 3000);
    EXPECT(SAMPLE_OK, "200");
    CU_ASSERT_TRUE(got.phases.tls_us > 0);
    CU_ASSERT_TRUE(got.certificate_not_after_s > base_wall_us() / CLOCK_US_PER_S + 300 * 86400LL);
    run_once(settings, "127.0.0.1", 3000); /* the certificate is for another name */
    EXPECT(SAMPLE_FAILED, "certificate:");
    settings.server_name = "shop.test";
    run_once(settings, "127.0.0.1", 3000); /* as told */
    EXPECT(SAMPLE_OK, "200");
    CU_ASSERT_PTR_NOT_NULL(strstr(server.request, "\r\nHost: 127.0.0.1:")); /* and the URL's host is asked for */
    settings.server_name = "other.test";
    run_once(settings, "shop.test", 3000);
    EXPECT(SAMPLE_FAILED, "certificate:");
    settings.skip_certificate_check = true;
    run_once(settings, "shop.test", 3000);
    EXPECT(SAMPLE_OK, "200");
    settings = (struct http_probe_settings){ .url = "https", .ca_file = ca };
    present("shop.test-expired");
    run_once(settings, "shop.test", 3000);
    EXPECT(SAMPLE_FAILED, "certificate:");
    EXPECT(SAMPLE_FAILED, "expired");
    present("shop.test-other-ca");
    run_once(settings, "shop.test", 3000);
    EXPECT(SAMPLE_FAILED, "certificate:");
    settings.ca_file = "/nonexistent/ca.pem";
    present("shop.test");
    run_once(settings, "shop.test", 3000);
    EXPECT(SAMPLE_OBSERVER, "can't look");
    SSL_CTX_free(server.tls);
    remove_certificates();
    end_server();
}

/* A server that takes its time before it answers the client's hello. */
struct late_tls {
    struct timer timer;
    int fd;
};

static void late_handshake(void *arg)
{
    struct late_tls *late = arg;
    stub_on_accept(NULL, late->fd, NULL, 0, &server);
}

static void late_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length,
                        void *arg)
{
    (void)listener;
    (void)from;
    (void)length;
    struct late_tls *late = arg;
    late->fd = (int)fd;
    timer_init(&late->timer, loop, late_handshake, late);
    timer_set_after_us(&late->timer, 150 * CLOCK_US_PER_MS);
}

static void late_answer(void *arg)
{
    struct bufferevent *peer = arg;
    bufferevent_write(peer, ok, sizeof ok - 1);
}

static struct timer answer_timer;

static const char *respond_late(struct stub *stub, const char *request)
{
    (void)request;
    for (size_t i = 0; i < STUB_PEERS_MAX; i++)
        if (stub->peers[i] != NULL) {
            timer_init(&answer_timer, loop, late_answer, stub->peers[i]);
            timer_set_after_us(&answer_timer, 150 * CLOCK_US_PER_MS);
        }
    return NULL;
}

/* Handshake and first byte share the time of the fetch below; one may not use up the other's. */
static void tls_and_first_byte_each_have_their_own_limit(void)
{
    struct late_tls late = { .fd = -1 };
    begin_server();
    CU_ASSERT_TRUE_FATAL(make_certificates());
    present("shop.test");
    evconnlistener_set_cb(server.listener, late_accept, &late);
    struct http_probe_settings settings = { .url = "https", .skip_certificate_check = true,
                                            .tls_us = 60 * CLOCK_US_PER_MS, .first_byte_us = 2000 * CLOCK_US_PER_MS };
    run_once(settings, "127.0.0.1", 5000);
    EXPECT(SAMPLE_FAILED, "the TLS handshake took");
    CU_ASSERT_TRUE(got.phases.tls_us >= 100 * CLOCK_US_PER_MS);
    settings.tls_us = 2000 * CLOCK_US_PER_MS;
    run_once(settings, "127.0.0.1", 5000);
    EXPECT(SAMPLE_OK, "200");
    evconnlistener_set_cb(server.listener, stub_on_accept, &server);
    server.respond = respond_late;
    settings.first_byte_us = 60 * CLOCK_US_PER_MS;
    run_once(settings, "127.0.0.1", 5000);
    EXPECT(SAMPLE_FAILED, "the first byte took");
    settings.first_byte_us = 2000 * CLOCK_US_PER_MS;
    run_once(settings, "127.0.0.1", 5000);
    EXPECT(SAMPLE_OK, "200");
    SSL_CTX_free(server.tls);
    remove_certificates();
    end_server();
}

SUITE_MAIN("http_probe", TEST(status_codes), TEST(bodies_by_text), TEST(bodies_by_json), TEST(deep_json_does_no_harm),
           TEST(servers_that_misbehave), TEST(connections_that_fail), TEST(late_answers),
               TEST(every_address_of_the_name),
           TEST(names_that_fail), TEST(our_lack_of_descriptors_is_ours), TEST(ended_rounds_do_not_call),
           TEST(senseless_settings_are_refused), TEST(certificates), TEST(tls_and_first_byte_each_have_their_own_limit))
