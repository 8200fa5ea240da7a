/* AWS keys from a file, the environment, or the machine's role: see aws_credentials.h.
 *
 * Files and the environment are read on the spot (a small local file); the two network sources are a
 * short chain of fetches, one at a time, that all waiting callers share. Only literal link-local or
 * loopback endpoints are asked, so no name server can redirect a request for keys.
 */
#include "dns/aws_credentials.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

#define PATH_TEXT_MAX 512
#define PROFILE_MAX 65
#define ENDPOINT_MAX 160
#define ROLE_MAX 129
#define METADATA_TOKEN_MAX 513
#define DEFAULT_DEADLINE_MS 3000
#define METADATA_BODY_MAX 16384

enum source { SOURCE_NONE, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_CONTAINER, SOURCE_INSTANCE };

/* What the fetch in progress will bring. */
enum step { STEP_NONE, STEP_TOKEN, STEP_ROLE, STEP_KEYS };

struct aws_credentials_wait {
    struct aws_credentials *credentials;
    struct aws_credentials_wait *next;
    struct timer deliver; /* set once the answer is known: never within the call that asks */
    bool delivering;      /* its `done` runs right now */
    aws_credentials_done *done;
    void *arg;
};

struct aws_credentials {
    struct loop *loop;
    struct fetch_pool *pool;
    enum source source;
    char file[PATH_TEXT_MAX];
    char profile[PROFILE_MAX];
    struct timespec file_time;
    ino_t file_inode;
    char instance_endpoint[ENDPOINT_MAX];
    char container_url[FETCH_URL_MAX];
    int64_t deadline_ms, deadline_us;

    bool have;
    struct aws_keys keys;
    char text[FAULT_TEXT_MAX]; /* why there are none */

    enum step step;
    struct fetch *fetch;
    char metadata_token[METADATA_TOKEN_MAX];
    char role[ROLE_MAX];
    struct aws_credentials_wait *waiting;
};

static void next_step(struct aws_credentials *credentials, enum step step);

/* --- file and environment --- */

static char *trimmed(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

static bool is_section(char *line, const char *profile)
{
    char *end = strchr(line, ']');
    if (end == NULL)
        return false;
    *end = '\0';
    char *name = trimmed(line + 1);
    if (strncmp(name, "profile ", 8) == 0)
        name = trimmed(name + 8);
    return strcmp(name, profile) == 0;
}

/* A header is made of it, so nothing but visible ASCII. */
static bool take_key(char *out, size_t size, const char *value)
{
    for (const char *at = value; *at != '\0'; at++)
        if (!isgraph((unsigned char)*at))
            return false;
    return value[0] != '\0' && text_copy(out, size, value);
}

static bool take_setting(struct aws_keys *keys, const char *name, const char *value)
{
    if (strcmp(name, "aws_access_key_id") == 0)
        return take_key(keys->access_key, sizeof keys->access_key, value);
    if (strcmp(name, "aws_secret_access_key") == 0)
        return take_key(keys->secret_key, sizeof keys->secret_key, value);
    if (strcmp(name, "aws_session_token") == 0)
        return take_key(keys->session_token, sizeof keys->session_token, value);
    return true;
}

static bool parse_file(char *text, const char *profile, struct aws_keys *keys, struct fault *fault)
{
    bool ours = false, found = false;
    unsigned number = 0;
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        number++;
        line = trimmed(line);
        if (*line == '\0' || *line == '#' || *line == ';')
            continue;
        if (*line == '[') {
            ours = is_section(line, profile);
            found = found || ours;
            continue;
        }
        char *equals = strchr(line, '=');
        if (equals == NULL)
            return fault_set(fault, "line %u is neither a [profile] nor name = value", number);
        *equals = '\0';
        if (ours && !take_setting(keys, trimmed(line), trimmed(equals + 1)))
            return fault_set(fault, "line %u: the value is empty, too long or has spaces in it", number);
    }
    if (!found)
        return fault_set(fault, "there is no profile [%s]", profile);
    if (keys->access_key[0] == '\0' || keys->secret_key[0] == '\0')
        return fault_set(fault, "profile [%s] needs aws_access_key_id and aws_secret_access_key", profile);
    return true;
}

static bool read_whole(int fd, char *out, size_t size, struct fault *fault)
{
    size_t length = 0;
    for (;;) {
        ssize_t got = read(fd, out + length, size - 1 - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault_errno(fault, errno, "reading");
        if (got == 0)
            break;
        length += (size_t)got;
        if (length == size - 1)
            return fault_set(fault, "it is larger than %d bytes", AWS_FILE_MAX);
    }
    out[length] = '\0';
    return strlen(out) == length || fault_set(fault, "it is not a text file");
}

static bool check_file(const struct stat *file, struct fault *fault)
{
    if (!S_ISREG(file->st_mode))
        return fault_set(fault, "it is not a regular file");
    if ((file->st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0)
        return fault_set(fault, "others may read or change it (mode %04o): chmod 0600 it and replace the keys",
                         (unsigned)file->st_mode & 07777);
    return true;
}

static bool load_file(struct aws_credentials *credentials, struct fault *fault)
{
    static const struct aws_keys none;
    struct stat file;
    bool loaded = false;
    struct aws_keys keys = none;
    char *text = calloc(1, AWS_FILE_MAX + 2);
    int fd = open(credentials->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (text == NULL || fd < 0 || fstat(fd, &file) != 0) {
        (void)fault_errno(fault, text == NULL ? ENOMEM : errno, "opening");
        goto out;
    }
    if (!check_file(&file, fault) || !read_whole(fd, text, AWS_FILE_MAX + 2, fault) ||
        !parse_file(text, credentials->profile, &keys, fault))
        goto out;
    credentials->keys = keys;
    credentials->file_time = file.st_mtim;
    credentials->file_inode = file.st_ino;
    loaded = true;
out:
    if (!loaded)
        (void)fault_wrap(fault, "credentials file %s", credentials->file);
    if (fd >= 0)
        close(fd);
    if (text != NULL)
        explicit_bzero(text, AWS_FILE_MAX + 2);
    free(text);
    explicit_bzero(&keys, sizeof keys);
    return loaded;
}

static bool file_changed(const struct aws_credentials *credentials)
{
    struct stat file;
    return stat(credentials->file, &file) != 0 || file.st_ino != credentials->file_inode ||
           file.st_mtim.tv_sec != credentials->file_time.tv_sec ||
           file.st_mtim.tv_nsec != credentials->file_time.tv_nsec;
}

static bool load_environment(struct aws_credentials *credentials, struct fault *fault)
{
    const char *token = getenv("AWS_SESSION_TOKEN");
    const char *access = getenv("AWS_ACCESS_KEY_ID");
    const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
    struct aws_keys *keys = &credentials->keys;
    memset(keys, 0, sizeof *keys);
    if (access == NULL || secret == NULL || !take_key(keys->access_key, sizeof keys->access_key, access) ||
        !take_key(keys->secret_key, sizeof keys->secret_key, secret) ||
        (token != NULL && token[0] != '\0' && !take_key(keys->session_token, sizeof keys->session_token, token)))
        return fault_set(fault, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is missing or one of them is malformed");
    return true;
}

/* --- those who wait --- */

static bool is_fresh(const struct aws_credentials *credentials, int64_t margin_us)
{
    return credentials->have && (credentials->keys.expires_wall_us == 0 ||
                                 base_wall_us() + margin_us < credentials->keys.expires_wall_us);
}

static void unlink_wait(struct aws_credentials_wait *wait)
{
    struct aws_credentials_wait **at = &wait->credentials->waiting;
    while (*at != NULL && *at != wait)
        at = &(*at)->next;
    if (*at != NULL)
        *at = wait->next;
    timer_cancel(&wait->deliver);
}

static void deliver(void *arg)
{
    struct aws_credentials_wait *wait = arg;
    struct aws_credentials *credentials = wait->credentials;
    bool good = is_fresh(credentials, 0);
    unlink_wait(wait);
    wait->delivering = true;
    wait->done(good ? &credentials->keys : NULL, good ? "" : credentials->text, wait->arg);
    free(wait);
}

static void deliver_all(struct aws_credentials *credentials)
{
    for (struct aws_credentials_wait *wait = credentials->waiting; wait != NULL; wait = wait->next)
        timer_set_after_us(&wait->deliver, 0);
}

static void fail(struct aws_credentials *credentials, const char *text)
{
    credentials->step = STEP_NONE;
    credentials->fetch = NULL;
    if (!is_fresh(credentials, 0)) {
        credentials->have = false;
        (void)text_copy(credentials->text, sizeof credentials->text, text);
    }
    deliver_all(credentials); /* keys that are still good for a while are used meanwhile */
}

/* --- network sources --- */

static bool parse_expiration(const char *text, int64_t *wall_us)
{
    struct tm utc = { .tm_year = 0 };
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    if (rest == NULL)
        return false;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0)
        return false;
    *wall_us = (int64_t)timegm(&utc) * CLOCK_US_PER_S;
    return true;
}

static const char *member(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL ? value : "";
}

static bool parse_keys(const char *body, size_t length, struct aws_keys *keys)
{
    json_t *object = json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL);
    memset(keys, 0, sizeof *keys);
    bool good = object != NULL &&
                take_key(keys->access_key, sizeof keys->access_key, member(object, "AccessKeyId")) &&
                take_key(keys->secret_key, sizeof keys->secret_key, member(object, "SecretAccessKey")) &&
                take_key(keys->session_token, sizeof keys->session_token, member(object, "Token")) &&
                parse_expiration(member(object, "Expiration"), &keys->expires_wall_us);
    json_decref(object);
    return good;
}

/* The role's name becomes part of a path. */
static bool parse_role(const char *body, char *out)
{
    size_t length = strcspn(body, "\r\n");
    if (length == 0 || length >= ROLE_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)body[i]) && strchr("+=,.@_-", body[i]) == NULL)
            return false;
    memcpy(out, body, length);
    out[length] = '\0';
    return true;
}

static void use_keys(struct aws_credentials *credentials, const struct fetch_response *response)
{
    struct aws_keys keys;
    bool good = parse_keys(response->body, response->body_length, &keys);
    if (good && keys.expires_wall_us <= base_wall_us()) {
        fail(credentials, "the machine's role gave keys that have expired already; is this machine's clock right?");
    } else if (!good) {
        fail(credentials, "the machine's role gave no usable keys");
    } else {
        credentials->keys = keys;
        credentials->have = true;
        credentials->step = STEP_NONE;
        deliver_all(credentials);
    }
    explicit_bzero(&keys, sizeof keys);
}

static const char *step_name(enum step step)
{
    switch (step) {
    case STEP_TOKEN:
        return "asking the instance metadata service for a session";
    case STEP_ROLE:
        return "asking the instance metadata service for the machine's role";
    case STEP_KEYS:
        return "asking for the role's keys";
    case STEP_NONE:
        break;
    }
    return "?";
}

static void on_fetched(const struct fetch_response *response, void *arg)
{
    struct aws_credentials *credentials = arg;
    enum step step = credentials->step;
    char text[FAULT_TEXT_MAX];
    credentials->fetch = NULL;
    if (response->outcome != FETCH_OK || response->status != 200) {
        (void)snprintf(text, sizeof text, "no AWS keys: %s: %s%s", step_name(step), response->text,
                       step == STEP_ROLE && response->status == 404 ? " (the instance has no role)" : "");
        fail(credentials, text);
    } else if (step == STEP_TOKEN) {
        if (take_key(credentials->metadata_token, sizeof credentials->metadata_token, response->body))
            next_step(credentials, STEP_ROLE);
        else
            fail(credentials, "the instance metadata service gave no usable session token");
    } else if (step == STEP_ROLE) {
        if (parse_role(response->body, credentials->role))
            next_step(credentials, STEP_KEYS);
        else
            fail(credentials, "the instance metadata service named no usable role");
    } else {
        use_keys(credentials, response);
    }
}

/* The URL of a step and the one header it needs; false when that can't be made. */
static bool make_request(struct aws_credentials *credentials, enum step step, struct text *url, struct text *header)
{
    if (credentials->source == SOURCE_CONTAINER) {
        const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        text_append(url, credentials->container_url);
        if (token != NULL && token[0] != '\0')
            text_appendf(header, "Authorization: %s", token);
    } else if (step == STEP_TOKEN) {
        text_appendf(url, "%s/latest/api/token", credentials->instance_endpoint);
        text_append(header, "X-aws-ec2-metadata-token-ttl-seconds: 300");
    } else {
        text_appendf(url, "%s/latest/meta-data/iam/security-credentials/%s", credentials->instance_endpoint,
                     step == STEP_KEYS ? credentials->role : "");
        text_appendf(header, "X-aws-ec2-metadata-token: %s", credentials->metadata_token);
    }
    return !url->cut && !header->cut;
}

static void next_step(struct aws_credentials *credentials, enum step step)
{
    char url_buffer[FETCH_URL_MAX], header_buffer[AWS_TOKEN_MAX + 64];
    struct text url = TEXT_OF(url_buffer), header = TEXT_OF(header_buffer);
    struct fault fault;
    int64_t left_ms = (credentials->deadline_us - base_mono_us()) / CLOCK_US_PER_MS;
    bool made = make_request(credentials, step, &url, &header);
    const char *headers[] = { header.length > 0 ? header_buffer : NULL, NULL };
    struct fetch_request request = {
        .method = step == STEP_TOKEN ? "PUT" : "GET",
        .url = url_buffer,
        .headers = headers,
        .total_ms = left_ms > 0 ? left_ms : 1,
        .body_max = METADATA_BODY_MAX,
        .fresh_connection = true, /* one chain an hour; nothing to keep alive */
        .done = on_fetched,
        .arg = credentials,
    };
    credentials->step = step;
    if (made)
        credentials->fetch = fetch_start(credentials->pool, &request, &fault);
    explicit_bzero(header_buffer, sizeof header_buffer);
    if (credentials->fetch == NULL)
        fail(credentials, made ? fault.text : "the endpoint for the role's keys is too long");
}

/* --- beginning --- */

static bool is_plain_http_literal(const char *url)
{
    char host[INET_ADDRSTRLEN];
    struct in_addr address;
    if (strncmp(url, "http://", 7) != 0)
        return false;
    size_t length = strcspn(url + 7, ":/");
    if (length >= sizeof host)
        return false;
    memcpy(host, url + 7, length);
    host[length] = '\0';
    if (inet_pton(AF_INET, host, &address) != 1)
        return false;
    uint32_t number = ntohl(address.s_addr);
    return number >> 24 == 127 || number >> 16 == (169u << 8 | 254u);
}

static bool use_container(struct aws_credentials *credentials, const struct aws_credentials_settings *settings,
                          struct fault *fault)
{
    const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *endpoint = settings->container_endpoint != NULL ? settings->container_endpoint : "http://169.254.170.2";
    struct text url = TEXT_OF(credentials->container_url);
    credentials->source = SOURCE_CONTAINER;
    if (relative != NULL && relative[0] != '\0')
        text_appendf(&url, "%s%s", endpoint, relative);
    else
        text_append(&url, full);
    if (url.cut || !is_plain_http_literal(credentials->container_url))
        return fault_set(fault, "the container's credentials endpoint has to be http:// with a link-local or loopback address");
    return true;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

static bool choose_source(struct aws_credentials *credentials, const struct aws_credentials_settings *settings,
                          struct fault *fault)
{
    if (settings->file != NULL) {
        credentials->source = SOURCE_FILE;
        if (settings->file[0] != '/' || !text_copy(credentials->file, sizeof credentials->file, settings->file))
            return fault_set(fault, "the credentials file needs an absolute path of at most %d bytes", PATH_TEXT_MAX - 1);
        const char *profile = settings->profile != NULL ? settings->profile : "default";
        if (!text_copy(credentials->profile, sizeof credentials->profile, profile))
            return fault_set(fault, "the profile's name is too long");
        return true;
    }
    if (!settings->no_environment && is_set("AWS_ACCESS_KEY_ID")) {
        credentials->source = SOURCE_ENVIRONMENT;
        return true;
    }
    if (settings->no_instance)
        return true;
    if (is_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || is_set("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
        return use_container(credentials, settings, fault);
    credentials->source = SOURCE_INSTANCE;
    const char *endpoint = settings->instance_endpoint != NULL ? settings->instance_endpoint : "http://169.254.169.254";
    if (!text_copy(credentials->instance_endpoint, sizeof credentials->instance_endpoint, endpoint) ||
        !is_plain_http_literal(endpoint))
        return fault_set(fault, "the instance metadata endpoint has to be http:// with a link-local or loopback address");
    return true;
}

struct aws_credentials *aws_credentials_new(struct loop *loop, struct fetch_pool *pool,
                                            const struct aws_credentials_settings *settings, struct fault *fault)
{
    struct aws_credentials *credentials = calloc(1, sizeof *credentials);
    if (credentials == NULL) {
        (void)fault_set(fault, "AWS credentials: out of memory");
        return NULL;
    }
    credentials->loop = loop;
    credentials->pool = pool;
    credentials->deadline_ms = settings->deadline_ms > 0 ? settings->deadline_ms : DEFAULT_DEADLINE_MS;
    if (!choose_source(credentials, settings, fault)) {
        (void)fault_wrap(fault, "AWS credentials");
        free(credentials);
        return NULL;
    }
    return credentials;
}

void aws_credentials_free(struct aws_credentials *credentials)
{
    if (credentials == NULL)
        return;
    if (credentials->fetch != NULL)
        fetch_cancel(credentials->fetch);
    while (credentials->waiting != NULL)
        aws_credentials_cancel(credentials->waiting);
    explicit_bzero(credentials, sizeof *credentials);
    free(credentials);
}

static void renew(struct aws_credentials *credentials)
{
    struct fault fault;
    bool loaded = false;
    switch (credentials->source) {
    case SOURCE_NONE:
        fail(credentials, "no AWS credentials are configured");
        return;
    case SOURCE_FILE:
        loaded = load_file(credentials, &fault);
        break;
    case SOURCE_ENVIRONMENT:
        loaded = load_environment(credentials, &fault);
        break;
    case SOURCE_CONTAINER:
    case SOURCE_INSTANCE:
        if (credentials->step != STEP_NONE)
            return; /* already under way */
        credentials->deadline_us = base_mono_us() + credentials->deadline_ms * CLOCK_US_PER_MS;
        next_step(credentials, credentials->source == SOURCE_INSTANCE ? STEP_TOKEN : STEP_KEYS);
        return;
    }
    credentials->have = loaded;
    if (!loaded)
        (void)text_copy(credentials->text, sizeof credentials->text, fault.text);
    deliver_all(credentials);
}

struct aws_credentials_wait *aws_credentials_get(struct aws_credentials *credentials, aws_credentials_done *done,
                                                 void *arg)
{
    ensure(done != NULL);
    struct aws_credentials_wait *wait = calloc(1, sizeof *wait);
    if (wait == NULL)
        return NULL;
    wait->credentials = credentials;
    wait->done = done;
    wait->arg = arg;
    timer_init(&wait->deliver, credentials->loop, deliver, wait);
    wait->next = credentials->waiting;
    credentials->waiting = wait;
    bool stale = credentials->source == SOURCE_FILE && file_changed(credentials);
    if (!stale && is_fresh(credentials, (int64_t)AWS_RENEW_BEFORE_S * CLOCK_US_PER_S))
        timer_set_after_us(&wait->deliver, 0);
    else
        renew(credentials);
    return wait;
}

void aws_credentials_cancel(struct aws_credentials_wait *wait)
{
    ensure(!wait->delivering);
    unlink_wait(wait);
    free(wait);
}

bool aws_credentials_are_static(const struct aws_credentials *credentials)
{
    return credentials->source == SOURCE_NONE || credentials->source == SOURCE_FILE ||
           credentials->source == SOURCE_ENVIRONMENT;
}

void aws_credentials_forget(struct aws_credentials *credentials)
{
    credentials->have = false;
    explicit_bzero(&credentials->keys, sizeof credentials->keys);
    (void)text_copy(credentials->text, sizeof credentials->text, "the last AWS keys were refused");
}

static void describe_source(const struct aws_credentials *credentials, struct text *text)
{
    switch (credentials->source) {
    case SOURCE_NONE:
        text_append(text, "none configured");
        break;
    case SOURCE_FILE:
        text_appendf(text, "file %s, profile %s", credentials->file, credentials->profile);
        break;
    case SOURCE_ENVIRONMENT:
        text_append(text, "environment");
        break;
    case SOURCE_CONTAINER:
        text_append(text, "the container's role");
        break;
    case SOURCE_INSTANCE:
        text_append(text, "the instance's role");
        break;
    }
}

const char *aws_credentials_describe(struct aws_credentials *credentials, char *out, size_t size)
{
    struct text text = text_over(out, size);
    char left[CLOCK_DURATION_TEXT_MAX];
    describe_source(credentials, &text);
    size_t length = strlen(credentials->keys.access_key);
    if (!credentials->have) {
        text_appendf(&text, "; %s", credentials->text[0] != '\0' ? credentials->text : "not asked yet");
        return out;
    }
    text_appendf(&text, "; key ...%s", credentials->keys.access_key + (length > 8 ? length - 4 : length));
    if (credentials->keys.expires_wall_us != 0)
        text_appendf(&text, ", expires in %s",
                     base_format_duration(left, sizeof left, credentials->keys.expires_wall_us - base_wall_us()));
    return out;
}
