/* HTTP(S) requests on a loop, by libcurl: see fetch.h.
 *
 * libcurl is driven by its multi-socket interface; its callbacks only note what it wants watched. Each
 * fetch has one timer of its own for the phase it is in, since libcurl's connect timeout takes TCP
 * and TLS together. TLS sessions are not shared between requests: a resumed session would hide
 * that a certificate has expired meanwhile.
 */
#include "coordinator/base/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

#define BODY_FIRST_SIZE 2048
#define SIGV4_PROVIDER_MAX 128
#define CONNECT_TO_MAX 96
#define HEADER_LINE_MAX 8192
#define CA_CACHE_S 600
#define HOST_SHOWN_MAX 200

struct fetch_pool {
    struct loop *loop;
    CURLM *multi;
    struct timer turn; /* libcurl's own next timeout */
    struct fetch *first;
    size_t running;
};

/* What libcurl wants to know about one socket. */
struct socket_watch {
    struct event event;
    struct fetch_pool *pool;
};

struct fetch {
    struct fetch_pool *pool;
    struct fetch *next, *previous;
    CURL *easy;
    bool added;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    struct timer limit;
    int64_t started_us;
    int64_t connected_us; /* since started_us; 0 while connecting */
    int64_t connect_ms, first_byte_ms, total_ms;
    size_t body_max;
    char *body;
    size_t body_length, body_size;
    size_t header_length;
    bool too_large;
    bool out_of_memory;
    int socket_error; /* errno with which we got no socket */
    bool want_certificate_expiry;
    int64_t date_wall_us;
    char error[CURL_ERROR_SIZE];
    fetch_done *done;
    void *arg;
};

static const char *const outcome_names[] = {
    "ok", "connect_refused", "connect_timeout", "tls_certificate", "tls_other", "timeout",
    "reset", "too_large", "protocol", "observer", "cancelled",
};

const char *fetch_outcome_name(enum fetch_outcome outcome)
{
    ensure((size_t)outcome < sizeof outcome_names / sizeof outcome_names[0]);
    return outcome_names[outcome];
}

/* --- what came of it --- */

static int64_t get_time_us(const struct fetch *fetch, CURLINFO info)
{
    curl_off_t value = 0;
    (void)curl_easy_getinfo(fetch->easy, info, &value);
    return value;
}

static long get_number(const struct fetch *fetch, CURLINFO info)
{
    long value = 0;
    (void)curl_easy_getinfo(fetch->easy, info, &value);
    return value;
}

static bool is_our_fault(long error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL;
}

static enum fetch_outcome classify_connect(const struct fetch *fetch)
{
    long error = fetch->socket_error != 0 ? fetch->socket_error
                                          : get_number(fetch, CURLINFO_OS_ERRNO);
    if (is_our_fault(error))
        return FETCH_OBSERVER;
    return error == ETIMEDOUT ? FETCH_CONNECT_TIMEOUT : FETCH_CONNECT_REFUSED;
}

/* libcurl says "receive error" also for a broken chunked encoding, and "out of memory" for a header
 * line that is longer than it allows. */
static enum fetch_outcome classify_broken(const struct fetch *fetch)
{
    bool nonsense = strstr(fetch->error, "hunk") != NULL || strstr(fetch->error, "alformed") != NULL;
    return nonsense ? FETCH_PROTOCOL : FETCH_RESET;
}

static enum fetch_outcome classify(const struct fetch *fetch, CURLcode code)
{
    if (fetch->out_of_memory)
        return FETCH_OBSERVER;
    if (fetch->too_large)
        return FETCH_TOO_LARGE;
    /* libcurl counts a connection from its TLS on; while that runs, only note_wish() knows. */
    bool connected = fetch->connected_us > 0 || get_time_us(fetch, CURLINFO_CONNECT_TIME_T) > 0;
    switch ((int)code) { /* the library may return codes that its header doesn't name */
    case CURLE_OK:
        return get_number(fetch, CURLINFO_RESPONSE_CODE) > 0 ? FETCH_OK : FETCH_PROTOCOL;
    case CURLE_COULDNT_CONNECT:
        return classify_connect(fetch);
    case CURLE_OPERATION_TIMEDOUT:
        return connected ? FETCH_TIMEOUT : FETCH_CONNECT_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        return FETCH_TLS_CERTIFICATE;
    case CURLE_SSL_CONNECT_ERROR:
        /* A certificate whose signature is wrong fails inside of OpenSSL's ASN.1 part, which libcurl doesn't
         * know as a certificate's fault. */
        return strstr(fetch->error, "asn1 encoding routines") != NULL ? FETCH_TLS_CERTIFICATE : FETCH_TLS_OTHER;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_INITFAILED:
        return FETCH_TLS_OTHER;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return classify_broken(fetch);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return FETCH_RESET;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_HTTP2:
    case CURLE_BAD_CONTENT_ENCODING:
        return FETCH_PROTOCOL;
    case CURLE_OUT_OF_MEMORY:
        return connected ? FETCH_TOO_LARGE : FETCH_OBSERVER;
    default:
        return FETCH_OBSERVER; /* CA file unreadable, options refused, ... */
    }
}

static int64_t certificate_not_after_s(const struct fetch *fetch)
{
    static const char key[] = "Expire date:";
    struct curl_certinfo *chain = NULL;
    if (!fetch->want_certificate_expiry ||
        curl_easy_getinfo(fetch->easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL ||
        chain->num_of_certs < 1)
        return 0;
    for (const struct curl_slist *line = chain->certinfo[0]; line != NULL; line = line->next)
        if (strncmp(line->data, key, sizeof key - 1) == 0) {
            time_t when = curl_getdate(line->data + sizeof key - 1, NULL);
            return when > 0 ? when : 0;
        }
    return 0;
}

static void describe(const struct fetch *fetch, struct fetch_response *response, const char *detail)
{
    struct text text = TEXT_OF(response->text);
    char reason[128];
    if (response->outcome == FETCH_OK) {
        text_appendf(&text, "HTTP status %ld", response->status);
    } else if (response->outcome == FETCH_TOO_LARGE) {
        text_appendf(&text, "the response is larger than the %zu bytes allowed", fetch->body_max);
    } else if (fetch->socket_error != 0) {
        text_appendf(&text, "no socket: %s", strerror_r(fetch->socket_error, reason, sizeof reason));
    } else {
        text_append(&text, detail != NULL && detail[0] != '\0' ? detail : fetch_outcome_name(response->outcome));
    }
}

static void fill_times(const struct fetch *fetch, struct fetch_response *response)
{
    response->total_us = base_mono_us() - fetch->started_us;
    response->reused = response->status > 0 && get_number(fetch, CURLINFO_NUM_CONNECTS) == 0;
    if (!response->reused) {
        response->connect_us = get_time_us(fetch, CURLINFO_CONNECT_TIME_T);
        response->tls_us = get_time_us(fetch, CURLINFO_APPCONNECT_TIME_T);
    }
    response->first_byte_us = get_time_us(fetch, CURLINFO_STARTTRANSFER_TIME_T);
    response->may_have_been_sent = get_number(fetch, CURLINFO_REQUEST_SIZE) > 0 ||
                                   get_time_us(fetch, CURLINFO_PRETRANSFER_TIME_T) > 0;
}

static void fill_address(const struct fetch *fetch, struct fetch_response *response)
{
    char *ip = NULL;
    long port = get_number(fetch, CURLINFO_PRIMARY_PORT);
    if (curl_easy_getinfo(fetch->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip != NULL && ip[0] != '\0')
        (void)snprintf(response->address, sizeof response->address,
                       strchr(ip, ':') != NULL ? "[%.45s]:%ld" : "%.45s:%ld", ip, port);
}

static void fetch_free(struct fetch *fetch)
{
    struct fetch_pool *pool = fetch->pool;
    timer_cancel(&fetch->limit);
    if (fetch->added) {
        (void)curl_multi_remove_handle(pool->multi, fetch->easy);
        pool->running--;
        if (fetch->next != NULL)
            fetch->next->previous = fetch->previous;
        if (fetch->previous != NULL)
            fetch->previous->next = fetch->next;
        else
            pool->first = fetch->next;
    }
    if (fetch->easy != NULL)
        curl_easy_cleanup(fetch->easy);
    curl_slist_free_all(fetch->headers);
    curl_slist_free_all(fetch->connect_to);
    free(fetch->body);
    free(fetch);
}

/* Ends the fetch: tells its owner, then frees it. */
static void conclude(struct fetch *fetch, enum fetch_outcome outcome, const char *detail)
{
    static const char nothing[1] = "";
    timer_cancel(&fetch->limit);
    char *type = NULL;
    struct fetch_response response = {
        .outcome = outcome,
        .status = get_number(fetch, CURLINFO_RESPONSE_CODE),
        .body = fetch->body != NULL ? fetch->body : nothing,
        .body_length = fetch->body_length,
        .date_wall_us = fetch->date_wall_us,
        .certificate_not_after_s = certificate_not_after_s(fetch),
    };
    if (curl_easy_getinfo(fetch->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL)
        (void)text_copy(response.content_type, sizeof response.content_type, type);
    fill_times(fetch, &response);
    fill_address(fetch, &response);
    describe(fetch, &response, detail);
    fetch->done(&response, fetch->arg);
    fetch_free(fetch);
}

static struct fetch *next_finished(struct fetch_pool *pool, CURLcode *code)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(pool->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        char *owner = NULL;
        *code = message->data.result;
        ensure(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner) == CURLE_OK);
        return (struct fetch *)(void *)owner;
    }
    return NULL;
}

static void conclude_finished(struct fetch_pool *pool)
{
    CURLcode code;
    struct fetch *fetch;
    while ((fetch = next_finished(pool, &code)) != NULL)
        conclude(fetch, classify(fetch, code),
                 fetch->error[0] != '\0' ? fetch->error : curl_easy_strerror(code));
}

/* --- phases --- */

/* The end of the phase the fetch is in, and what it means when that comes. */
static int64_t phase_end_us(const struct fetch *fetch, enum fetch_outcome *outcome, const char **text)
{
    int64_t total_us = fetch->total_ms * CLOCK_US_PER_MS;
    bool connected = fetch->connected_us > 0;
    bool answered = get_time_us(fetch, CURLINFO_STARTTRANSFER_TIME_T) > 0;
    int64_t end_us = total_us;
    *outcome = connected ? FETCH_TIMEOUT : FETCH_CONNECT_TIMEOUT;
    *text = !connected ? "no connection in time"
            : answered ? "the response did not end in time" : "connected, but no response in time";
    if (!connected)
        end_us = fetch->connect_ms * CLOCK_US_PER_MS;
    else if (!answered)
        end_us = fetch->connected_us + fetch->first_byte_ms * CLOCK_US_PER_MS;
    return fetch->started_us + (end_us < total_us ? end_us : total_us);
}

static void on_limit(void *arg)
{
    struct fetch *fetch = arg;
    enum fetch_outcome outcome;
    const char *text;
    int64_t end_us = phase_end_us(fetch, &outcome, &text);
    if (end_us <= base_mono_us())
        conclude(fetch, outcome, text);
    else
        timer_set_at_us(&fetch->limit, end_us);
}

/* While it connects, libcurl waits for the socket to become writable only; the first wish to read
 * means that the connection is there (libcurl's own reading of it comes after TLS). */
static void note_wish(CURL *easy, int what)
{
    char *owner = NULL;
    enum fetch_outcome outcome;
    const char *text;
    if ((what != CURL_POLL_IN && what != CURL_POLL_INOUT) ||
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner) != CURLE_OK || owner == NULL)
        return;
    struct fetch *fetch = (struct fetch *)(void *)owner;
    if (fetch->connected_us > 0 || !timer_is_set(&fetch->limit))
        return;
    fetch->connected_us = base_mono_us() - fetch->started_us + 1;
    timer_set_at_us(&fetch->limit, phase_end_us(fetch, &outcome, &text));
}

/* --- libcurl's multi-socket interface --- */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct fetch_pool *pool = ((struct socket_watch *)arg)->pool;
    int running;
    int mask = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(pool->multi, (curl_socket_t)fd, mask, &running);
    conclude_finished(pool);
}

static void on_turn(void *arg)
{
    struct fetch_pool *pool = arg;
    int running;
    (void)curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    conclude_finished(pool);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *pool_arg, void *watch_arg)
{
    note_wish(easy, what);
    struct fetch_pool *pool = pool_arg;
    struct socket_watch *watch = watch_arg;
    if (watch != NULL)
        (void)event_del(&watch->event);
    if (what == CURL_POLL_REMOVE) {
        free(watch);
        (void)curl_multi_assign(pool->multi, fd, NULL);
        return 0;
    }
    if (watch == NULL) {
        watch = calloc(1, sizeof *watch);
        if (watch == NULL)
            return -1;
        watch->pool = pool;
        (void)curl_multi_assign(pool->multi, fd, watch);
    }
    short events = (short)(EV_PERSIST | ((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
                           ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0));
    if (event_assign(&watch->event, loop_base(pool->loop), fd, events, on_socket, watch) != 0 ||
        event_add(&watch->event, NULL) != 0)
        return -1;
    return 0;
}

static int want_timeout(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct fetch_pool *pool = arg;
    if (timeout_ms < 0)
        timer_cancel(&pool->turn);
    else
        timer_set_after_us(&pool->turn, (int64_t)timeout_ms * CLOCK_US_PER_MS);
    return 0;
}

/* --- callbacks of one transfer --- */

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct fetch *fetch = arg;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    if (fd < 0)
        fetch->socket_error = errno;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static bool grow_body(struct fetch *fetch, size_t wanted)
{
    if (wanted < fetch->body_size)
        return true;
    size_t size = fetch->body_size > 0 ? fetch->body_size : BODY_FIRST_SIZE;
    while (size <= wanted)
        size *= 2;
    char *larger = realloc(fetch->body, size);
    if (larger == NULL) {
        fetch->out_of_memory = true;
        return false;
    }
    fetch->body = larger;
    fetch->body_size = size;
    return true;
}

static size_t on_body(char *data, size_t one, size_t count, void *arg)
{
    (void)one;
    struct fetch *fetch = arg;
    size_t room = fetch->body_max - fetch->body_length;
    size_t taken = count < room ? count : room;
    if (!grow_body(fetch, fetch->body_length + taken))
        return 0;
    memcpy(fetch->body + fetch->body_length, data, taken);
    fetch->body_length += taken;
    fetch->body[fetch->body_length] = '\0';
    fetch->too_large = taken < count;
    return taken < count ? CURL_READFUNC_ABORT : count;
}

static size_t on_header(char *data, size_t one, size_t count, void *arg)
{
    (void)one;
    struct fetch *fetch = arg;
    static const char date[] = "Date:";
    fetch->header_length += count;
    if (fetch->header_length > FETCH_RESPONSE_HEADERS_MAX) {
        fetch->too_large = true;
        return 0;
    }
    if (count > sizeof date && strncasecmp(data, date, sizeof date - 1) == 0) {
        char value[64];
        struct text text = TEXT_OF(value);
        text_append_bytes(&text, data + sizeof date - 1, count - sizeof date + 1);
        time_t when = curl_getdate(value, NULL);
        fetch->date_wall_us = when > 0 ? (int64_t)when * CLOCK_US_PER_S : 0;
    }
    return count;
}

/* --- beginning --- */

static void library_begin(void)
{
    ensure(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets that the peer may have closed */
}

struct fetch_pool *fetch_pool_new(struct loop *loop, size_t max_idle_connections, struct fault *fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, library_begin);
    struct fetch_pool *pool = calloc(1, sizeof *pool);
    CURLM *multi = pool != NULL ? curl_multi_init() : NULL;
    if (multi == NULL) {
        (void)fault_set(fault, "fetch pool: out of memory");
        free(pool);
        return NULL;
    }
    pool->loop = loop;
    pool->multi = multi;
    timer_init(&pool->turn, loop, on_turn, pool);
    bool set = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want_socket) == CURLM_OK &&
               curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, pool) == CURLM_OK &&
               curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timeout) == CURLM_OK &&
               curl_multi_setopt(multi, CURLMOPT_TIMERDATA, pool) == CURLM_OK &&
               curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
               curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                                 (long)(max_idle_connections > 0 ? max_idle_connections : 1)) == CURLM_OK;
    ensure(set);
    return pool;
}

void fetch_pool_free(struct fetch_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->first != NULL)
        conclude(pool->first, FETCH_CANCELLED, "cancelled");
    (void)curl_multi_cleanup(pool->multi);
    timer_cancel(&pool->turn);
    free(pool);
}

size_t fetch_pool_running(const struct fetch_pool *pool)
{
    return pool->running;
}

static bool is_literal_host(const char *host)
{
    char bare[FETCH_ADDRESS_MAX];
    size_t length = strlen(host);
    struct in6_addr address;
    if (length < 3 || length >= sizeof bare)
        return false;
    bool bracketed = host[0] == '[' && host[length - 1] == ']';
    struct text text = TEXT_OF(bare);
    text_append_bytes(&text, host + (bracketed ? 1 : 0), length - (bracketed ? 2 : 0));
    return inet_pton(bracketed ? AF_INET6 : AF_INET, bare, &address) == 1;
}

/* Takes the URL apart as libcurl will, so that what is checked is what is used. */
static bool check_url(const struct fetch_request *request, struct fault *fault)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL, *password = NULL;
    bool good = false;
    if (url == NULL)
        return fault_set(fault, "out of memory");
    if (strlen(request->url) >= FETCH_URL_MAX || curl_url_set(url, CURLUPART_URL, request->url, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        (void)fault_set(fault, "it is not a URL that we can use");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        (void)fault_set(fault, "only http and https are allowed, not %.20s", scheme);
    else if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK ||
             curl_url_get(url, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
        (void)fault_set(fault, "a user or password in a URL would end up in logs");
    else if (request->connect_address == NULL && !is_literal_host(host))
        (void)fault_set(fault, "the address to connect to is missing and \"%.100s\" is a name", host);
    else
        good = true;
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(url);
    return good;
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static bool add_headers(struct fetch *fetch, const struct fetch_request *request, struct fault *fault)
{
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
        const char *line = request->headers[i];
        const char *colon = strchr(line, ':');
        size_t length = strlen(line);
        if (i == FETCH_HEADERS_MAX)
            return fault_set(fault, "more than %d headers", FETCH_HEADERS_MAX);
        if (length >= HEADER_LINE_MAX || strpbrk(line, "\r\n") != NULL || colon == NULL || colon == line)
            return fault_set(fault, "header %zu is not of the form \"Name: value\"", i);
        if (colon[1 + strspn(colon + 1, " \t")] == '\0')
            return fault_set(fault, "header %zu has no value", i); /* libcurl would remove it, which breaks signing */
        if (!add_line(&fetch->headers, line))
            return fault_set(fault, "out of memory");
    }
    /* libcurl would wait up to a second for a "100 Continue"; only for bodies that are never signed. */
    if (request->body_length > 0 && request->sigv4.access_key == NULL && !add_line(&fetch->headers, "Expect:"))
        return fault_set(fault, "out of memory");
    return true;
}

static bool add_connect_to(struct fetch *fetch, const struct fetch_request *request, struct fault *fault)
{
    const char *address = request->connect_address;
    struct in6_addr parsed;
    char line[CONNECT_TO_MAX];
    char port[8] = "";
    if (address == NULL && request->connect_port == 0)
        return true;
    if (request->connect_port != 0)
        (void)snprintf(port, sizeof port, "%u", request->connect_port);
    if (address == NULL)
        (void)snprintf(line, sizeof line, ":::%s", port);
    else if (inet_pton(AF_INET, address, &parsed) == 1)
        (void)snprintf(line, sizeof line, "::%s:%s", address, port);
    else if (inet_pton(AF_INET6, address, &parsed) == 1)
        (void)snprintf(line, sizeof line, "::[%s]:%s", address, port);
    else
        return fault_set(fault, "\"%.60s\" is not an IP address", address);
    return add_line(&fetch->connect_to, line) || fault_set(fault, "out of memory");
}

#define SET(option, value) (curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

static bool set_plumbing(struct fetch *fetch)
{
    CURL *easy = fetch->easy;
    return SET(CURLOPT_PRIVATE, (void *)fetch) && SET(CURLOPT_ERRORBUFFER, fetch->error) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, (void *)fetch) &&
           SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, (void *)fetch) &&
           SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) && SET(CURLOPT_OPENSOCKETDATA, (void *)fetch) &&
           SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_PROXY, "") && SET(CURLOPT_PROTOCOLS_STR, "http,https") &&
           SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(CURLOPT_HTTP09_ALLOWED, 0L) && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(CURLOPT_CONNECTTIMEOUT_MS, (long)fetch->total_ms) && SET(CURLOPT_CONNECT_TO, fetch->connect_to) &&
           SET(CURLOPT_HTTPHEADER, fetch->headers);
}

static bool set_tls(CURL *easy, const struct fetch_request *request)
{
    long verify = request->insecure_skip_verify ? 0L : 1L;
    /* With a CA folder set, libcurl reads the CA file again for each connection. */
    return SET(CURLOPT_CAPATH, (char *)NULL) &&
           (request->ca_file == NULL || SET(CURLOPT_CAINFO, request->ca_file)) &&
           SET(CURLOPT_SSL_VERIFYPEER, verify) && SET(CURLOPT_SSL_VERIFYHOST, verify != 0 ? 2L : 0L) &&
           SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           /* A replaced CA file counts after this. */
           SET(CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_S) &&
           SET(CURLOPT_CERTINFO, request->want_certificate_expiry ? 1L : 0L);
}

static bool set_method(CURL *easy, const struct fetch_request *request, struct fault *fault)
{
    const char *method = request->method != NULL ? request->method : request->body != NULL ? "POST" : "GET";
    bool post = strcmp(method, "POST") == 0, put = strcmp(method, "PUT") == 0;
    bool set = true;
    if (post || put)
        set = SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length) &&
              SET(CURLOPT_COPYPOSTFIELDS, request->body != NULL ? request->body : "") &&
              (!put || SET(CURLOPT_CUSTOMREQUEST, "PUT"));
    else if (request->body != NULL)
        return fault_set(fault, "%.10s can't have a body", method);
    else if (strcmp(method, "HEAD") == 0)
        set = SET(CURLOPT_NOBODY, 1L);
    else if (strcmp(method, "GET") == 0)
        set = SET(CURLOPT_HTTPGET, 1L);
    else
        return fault_set(fault, "the method %.10s is not supported", method);
    return set || fault_set(fault, "out of memory");
}

static bool plain_word(const char *word)
{
    size_t length = word != NULL ? strlen(word) : 0;
    return length > 0 && length < SIGV4_PROVIDER_MAX / 3 &&
           strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* The path and the query are signed as libcurl sends them, which is right only for plain ones. */
static bool signable(const char *url)
{
    const char *path = strstr(url, "://");
    path = path != NULL ? strchr(path + 3, '/') : NULL;
    if (path == NULL)
        return true;
    for (const char *at = path; *at != '\0' && *at != '?'; at++)
        if (!((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '-' && *at <= '9')))
            return false;
    return strchr(path, '#') == NULL && strchr(path, '+') == NULL;
}

static bool set_signing(struct fetch *fetch, const struct fetch_request *request, struct fault *fault)
{
    CURL *easy = fetch->easy;
    const struct fetch_sigv4 *keys = &request->sigv4;
    char provider[SIGV4_PROVIDER_MAX];
    char token[HEADER_LINE_MAX];
    if (keys->access_key == NULL)
        return true;
    if (keys->secret_key == NULL || !plain_word(keys->region) || !plain_word(keys->service))
        return fault_set(fault, "signing needs an access key, a secret key, a region and a service");
    if (!signable(request->url))
        return fault_set(fault, "signing needs a path of [A-Za-z0-9/.-] and an encoded query");
    (void)snprintf(provider, sizeof provider, "aws:amz:%s:%s", keys->region, keys->service);
    if (keys->session_token != NULL && keys->session_token[0] != '\0') {
        int length = snprintf(token, sizeof token, "X-Amz-Security-Token: %s", keys->session_token);
        if (length < 0 || (size_t)length >= sizeof token || strpbrk(token, "\r\n") != NULL)
            return fault_set(fault, "the session token can't be sent in a header");
        bool added = add_line(&fetch->headers, token);
        explicit_bzero(token, sizeof token);
        if (!added)
            return fault_set(fault, "out of memory");
    }
    if (!SET(CURLOPT_AWS_SIGV4, provider) || !SET(CURLOPT_USERNAME, keys->access_key) ||
        !SET(CURLOPT_PASSWORD, keys->secret_key))
        return fault_set(fault, "out of memory");
    return true;
}

static bool configure(struct fetch *fetch, const struct fetch_request *request, struct fault *fault)
{
    CURL *easy = fetch->easy;
    /* Signing may add a header of its own, so the list is handed over last. */
    if (!check_url(request, fault) || !add_headers(fetch, request, fault) ||
        !add_connect_to(fetch, request, fault) || !set_method(easy, request, fault) ||
        !set_signing(fetch, request, fault))
        return false;
    bool fresh = request->fresh_connection;
    if (!SET(CURLOPT_URL, request->url) || !set_plumbing(fetch) || !set_tls(easy, request) ||
        !SET(CURLOPT_USERAGENT, request->user_agent != NULL ? request->user_agent : "failoverd") ||
        !SET(CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L) || !SET(CURLOPT_FORBID_REUSE, fresh ? 1L : 0L))
        return fault_set(fault, "libcurl refuses the request's options");
    return true;
}

static bool begin(struct fetch *fetch, struct fault *fault)
{
    struct fetch_pool *pool = fetch->pool;
    CURLMcode code = curl_multi_add_handle(pool->multi, fetch->easy);
    if (code != CURLM_OK)
        return fault_set(fault, "%s", curl_multi_strerror(code));
    fetch->added = true;
    fetch->next = pool->first;
    if (pool->first != NULL)
        pool->first->previous = fetch;
    pool->first = fetch;
    pool->running++;
    int64_t first_ms = fetch->connect_ms < fetch->total_ms ? fetch->connect_ms : fetch->total_ms;
    timer_set_after_us(&fetch->limit, first_ms * CLOCK_US_PER_MS);
    return true;
}

/* Whom a request goes to, without path, query, user or password: any of these may be a secret, and so may all of what
 * is no URL. */
static void append_host(struct text *text, const char *url)
{
    const char *host = strstr(url, "://");
    if (host == NULL)
        return;
    const char *end = host + 3 + strcspn(host + 3, "/?#");
    host += 3;
    for (const char *at = host; at < end; at++)
        if (*at == '@')
            host = at + 1;
    text_append_bytes(text, host, (size_t)(end - host));
}

struct fetch *fetch_start(struct fetch_pool *pool, const struct fetch_request *request, struct fault *fault)
{
    ensure(request->done != NULL && request->total_ms > 0 && request->url != NULL);
    ensure(request->body_max <= FETCH_BODY_MAX_MOST);
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL) {
        (void)fault_set(fault, "fetch: out of memory");
        return NULL;
    }
    fetch->pool = pool;
    fetch->started_us = base_mono_us();
    fetch->total_ms = request->total_ms;
    fetch->connect_ms = request->connect_ms > 0 ? request->connect_ms : request->total_ms;
    fetch->first_byte_ms = request->first_byte_ms > 0 ? request->first_byte_ms : request->total_ms;
    fetch->body_max = request->body_max > 0 ? request->body_max : FETCH_BODY_MAX_DEFAULT;
    fetch->want_certificate_expiry = request->want_certificate_expiry;
    fetch->done = request->done;
    fetch->arg = request->arg;
    timer_init(&fetch->limit, pool->loop, on_limit, fetch);
    fetch->easy = curl_easy_init();
    if (fetch->easy == NULL)
        (void)fault_set(fault, "out of memory");
    if (fetch->easy == NULL || !configure(fetch, request, fault) || !begin(fetch, fault)) {
        char host[HOST_SHOWN_MAX];
        struct text text = TEXT_OF(host);
        append_host(&text, request->url);
        (void)fault_wrap(fault, "a request to \"%s\"", host);
        fetch_free(fetch);
        return NULL;
    }
    return fetch;
}

void fetch_cancel(struct fetch *fetch)
{
    fetch_free(fetch);
}
