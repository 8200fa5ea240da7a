/* AWS keys from each source, renewal, refusals, and secrets that stay secret. */
#include "dns/aws_credentials.h"

#include <sys/stat.h>
#include <time.h>

#include "tests/unit/stub_server.h"
#include "tests/unit/suite.h"

#define SECRET "not-a-secret/of+anybody"

static struct fault fault;
static struct loop *loop;
static struct fetch_pool *pool;
static struct aws_credentials *credentials;
static struct stub server;
static struct aws_keys keys;
static bool got_keys;
static char text[1024];
static int calls;
static int64_t lifetime_s;
static const char *mode;
static char endpoint[64];

static void done(const struct aws_keys *got, const char *why, void *arg)
{
    (void)arg;
    got_keys = got != NULL;
    memset(&keys, 0, sizeof keys);
    if (got != NULL)
        keys = *got;
    (void)snprintf(text, sizeof text, "%s", why);
    calls++;
    loop_stop(loop);
}

static const char *with_length(const char *status, const char *body)
{
    static char out[4096];
    (void)snprintf(out, sizeof out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    return out;
}

static const char *role_keys(void)
{
    static char out[1024];
    char when[32];
    time_t expires = time(NULL) + lifetime_s;
    struct tm utc;
    gmtime_r(&expires, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    (void)snprintf(out, sizeof out, "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIAROLE%u\",\"SecretAccessKey\":\"" SECRET
                   "\",\"Token\":\"tok\",\"Expiration\":\"%s\"}", server.requests, when);
    return out;
}

static const char *metadata(struct stub *stub, const char *request)
{
    (void)stub;
    if (strcmp(mode, "silent") == 0)
        return NULL;
    if (strncmp(request, "PUT /latest/api/token ", 22) == 0)
        return strstr(request, "X-aws-ec2-metadata-token-ttl-seconds: ") != NULL ? with_length("200 OK", "TOKEN==") : with_length("400 Bad", "");
    if (strncmp(request, "GET /container ", 15) == 0)
        return with_length("200 OK", role_keys());
    if (strstr(request, "X-aws-ec2-metadata-token: TOKEN==\r\n") == NULL)
        return with_length("401 Unauthorized", "");
    if (strncmp(request, "GET /latest/meta-data/iam/security-credentials/ ", 48) == 0)
        return strcmp(mode, "no role") == 0 ? with_length("404 Not Found", "")
               : with_length("200 OK", strcmp(mode, "bad role") == 0 ? "../../etc" : "my-role\n");
    if (strncmp(request, "GET /latest/meta-data/iam/security-credentials/my-role ", 55) == 0)
        return with_length("200 OK", strcmp(mode, "garbage") == 0 ? "<html>" : role_keys());
    return with_length("404 Not Found", "");
}

static void begin(struct aws_credentials_settings settings)
{
    static const char *const names[] = { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI" };
    for (size_t i = 0; i < 2; i++)
        if (settings.container_endpoint == NULL)
            unsetenv(names[i]);
    calls = 0;
    lifetime_s = 3600;
    mode = "good";
    loop = loop_new("test", &fault);
    pool = fetch_pool_new(loop, 2, &fault);
    CU_ASSERT_TRUE_FATAL(stub_open(&server, loop, metadata));
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", server.port);
    settings.instance_endpoint = endpoint;
    settings.deadline_ms = 300;
    if (settings.container_endpoint != NULL)
        settings.container_endpoint = endpoint;
    credentials = aws_credentials_new(loop, pool, &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(credentials);
}

static void end(void)
{
    aws_credentials_free(credentials);
    fetch_pool_free(pool);
    stub_close(&server);
    loop_free(loop);
}

static void get(void)
{
    int before = calls;
    CU_ASSERT_PTR_NOT_NULL_FATAL(aws_credentials_get(credentials, done, NULL));
    CU_ASSERT_EQUAL(calls, before);
    CU_ASSERT_TRUE(stub_run(loop));
    CU_ASSERT_EQUAL(calls, before + 1);
    char described[512];
    CU_ASSERT_PTR_NULL(strstr(aws_credentials_describe(credentials, described, sizeof described), SECRET));
    CU_ASSERT_PTR_NULL(strstr(text, SECRET));
}

static char path[64];

static void write_file(const char *content, mode_t permissions)
{
    (void)snprintf(path, sizeof path, "/tmp/aws_credentials_test.XXXXXX");
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content) &&
                         fchmod(fd, permissions) == 0);
    close(fd);
}

#define GOOD_FILE "# keys\n[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key=" SECRET "\n\n[profile other]\n" \
    "aws_access_key_id=AKIDOTHER\r\naws_secret_access_key=x/y=z\naws_session_token=tok\nregion=eu\n"

static void files_are_read(void)
{
    write_file(GOOD_FILE, 0600);
    begin((struct aws_credentials_settings){ .file = path });
    get();
    CU_ASSERT_TRUE(got_keys);
    CU_ASSERT_STRING_EQUAL(keys.access_key, "AKIDDEFAULT");
    CU_ASSERT_STRING_EQUAL(keys.secret_key, SECRET);
    CU_ASSERT_STRING_EQUAL(keys.session_token, "");
    CU_ASSERT_EQUAL(keys.expires_wall_us, 0);
    CU_ASSERT_TRUE(aws_credentials_are_static(credentials));
    char moved[64];
    (void)snprintf(moved, sizeof moved, "%s", path);
    write_file("[default]\naws_access_key_id=AKIDNEW\naws_secret_access_key=new\n", 0600);
    CU_ASSERT_EQUAL(rename(path, moved), 0); /* rotated under us */
    get();
    CU_ASSERT_STRING_EQUAL(keys.access_key, "AKIDNEW");
    unlink(moved);
    get();
    CU_ASSERT_FALSE(got_keys);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "No such file"));
    end();
    write_file(GOOD_FILE, 0640);
    begin((struct aws_credentials_settings){ .file = path, .profile = "other" });
    get();
    CU_ASSERT_STRING_EQUAL(keys.access_key, "AKIDOTHER");
    CU_ASSERT_STRING_EQUAL(keys.secret_key, "x/y=z");
    CU_ASSERT_STRING_EQUAL(keys.session_token, "tok");
    end();
    unlink(path);
}

static void bad_files_are_refused(void)
{
    static const struct {
        const char *content, *why;
        mode_t permissions;
    } cases[] = {
        { GOOD_FILE, "chmod 0600", 0644 },
        { GOOD_FILE, "chmod 0600", 0620 },
        { "[other]\na=b\n", "no profile [default]", 0600 },
        { "[default]\naws_access_key_id=" SECRET "\n", "needs aws_access_key_id and aws_secret_access_key", 0600 },
        { "[default]\n" SECRET "\n", "line 2 is neither", 0600 },
        { "[default]\naws_access_key_id=a b\n", "line 2", 0600 },
        { "", "no profile", 0600 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].content, cases[i].permissions);
        begin((struct aws_credentials_settings){ .file = path });
        get();
        CU_ASSERT_FALSE(got_keys);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, cases[i].why));
        CU_ASSERT_PTR_NOT_NULL(strstr(text, path));
        end();
        unlink(path);
    }
    begin((struct aws_credentials_settings){ .file = "/tmp" });
    get();
    CU_ASSERT_FALSE(got_keys);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "not a regular file"));
    end();
}

static void the_environment_is_read(void)
{
    setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
    begin((struct aws_credentials_settings){ .file = NULL });
    get();
    CU_ASSERT_STRING_EQUAL(keys.access_key, "AKIDENV");
    CU_ASSERT_EQUAL(server.requests, 0);
    end();
    unsetenv("AWS_SECRET_ACCESS_KEY");
    begin((struct aws_credentials_settings){ .file = NULL });
    get();
    CU_ASSERT_FALSE(got_keys);
    end();
    unsetenv("AWS_ACCESS_KEY_ID");
    begin((struct aws_credentials_settings){ .no_instance = true });
    get();
    CU_ASSERT_FALSE(got_keys);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "no AWS credentials are configured"));
    end();
}

static void the_instances_role_is_asked_and_kept(void)
{
    begin((struct aws_credentials_settings){ .no_environment = true });
    CU_ASSERT_FALSE(aws_credentials_are_static(credentials));
    CU_ASSERT_PTR_NOT_NULL(aws_credentials_get(credentials, done, NULL)); /* two callers, one chain */
    CU_ASSERT_PTR_NOT_NULL(aws_credentials_get(credentials, done, NULL));
    while (calls < 2)
        CU_ASSERT_TRUE_FATAL(stub_run(loop));
    CU_ASSERT_TRUE(got_keys);
    CU_ASSERT_STRING_EQUAL(keys.access_key, "ASIAROLE3");
    CU_ASSERT_STRING_EQUAL(keys.session_token, "tok");
    CU_ASSERT_EQUAL(server.requests, 3);
    get();
    CU_ASSERT_EQUAL(server.requests, 3); /* from memory */
    aws_credentials_forget(credentials);
    get();
    CU_ASSERT_EQUAL(server.requests, 6);
    end();
}

static void keys_are_renewed_before_they_expire(void)
{
    begin((struct aws_credentials_settings){ .no_environment = true });
    lifetime_s = AWS_RENEW_BEFORE_S - 10;
    get();
    CU_ASSERT_TRUE(got_keys);
    get();
    CU_ASSERT_EQUAL(server.requests, 6);
    mode = "silent"; /* the old ones are still good for a while */
    get();
    CU_ASSERT_TRUE(got_keys);
    CU_ASSERT_STRING_EQUAL(keys.access_key, "ASIAROLE6");
    mode = "good";
    lifetime_s = -10;
    aws_credentials_forget(credentials);
    get();
    CU_ASSERT_FALSE(got_keys);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "expired already"));
    end();
}

static void each_failure_says_what_is_wrong(void)
{
    static const char *const cases[][2] = {
        { "no role", "the instance has no role" }, { "bad role", "no usable role" },
        { "garbage", "no usable keys" }, { "silent", "asking the instance metadata service for a session" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin((struct aws_credentials_settings){ .no_environment = true });
        mode = cases[i][0];
        get();
        CU_ASSERT_FALSE(got_keys);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, cases[i][1]));
        end();
    }
}

static void the_containers_role_is_asked(void)
{
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/container", 1);
    begin((struct aws_credentials_settings){ .no_environment = true, .container_endpoint = "x" });
    get();
    CU_ASSERT_TRUE(got_keys);
    CU_ASSERT_STRING_EQUAL(keys.access_key, "ASIAROLE1");
    end();
    unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
}

static void keys_are_only_asked_for_nearby(void)
{
    static const char *const far[] = { "https://169.254.169.254", "http://192.0.2.1", "http://metadata.example.com", "http://169.254.169.254.example.com" };
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        struct aws_credentials_settings settings = { .no_environment = true, .instance_endpoint = far[i] };
        CU_ASSERT_PTR_NULL(aws_credentials_new(NULL, NULL, &settings, &fault));
        CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "link-local"));
    }
}

static void cancelled_callers_are_not_called(void)
{
    begin((struct aws_credentials_settings){ .no_environment = true });
    struct aws_credentials_wait *wait = aws_credentials_get(credentials, done, NULL);
    aws_credentials_cancel(wait);
    get();
    CU_ASSERT_EQUAL(calls, 1);
    mode = "silent";
    aws_credentials_forget(credentials);
    CU_ASSERT_PTR_NOT_NULL(aws_credentials_get(credentials, done, NULL)); /* freed while it waits */
    end();
    CU_ASSERT_EQUAL(calls, 1);
}

SUITE_MAIN("aws_credentials", TEST(files_are_read), TEST(bad_files_are_refused), TEST(the_environment_is_read),
           TEST(the_instances_role_is_asked_and_kept), TEST(keys_are_renewed_before_they_expire),
           TEST(each_failure_says_what_is_wrong), TEST(the_containers_role_is_asked),
           TEST(keys_are_only_asked_for_nearby),
           TEST(cancelled_callers_are_not_called))
