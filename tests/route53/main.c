/* route53-emulator: arguments, listeners, ready file, signals. The account itself is in world.c.
 *
 * A second opinion on failoverd's Route 53 client: it shares no line with the product. README.md has the
 * command line and the control port's language.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/util.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/route53/api.h"
#include "tests/route53/control.h"
#include "tests/route53/dns_server.h"

enum { SECRET_MAX = 256, EXIT_USAGE = 2 };

struct options {
    const char *listen, *control, *zones, *ready_file, *log, *tls_cert, *tls_key;
    const char *dns[NAME_SERVERS_MAX];
    size_t dns_count;
    const char *access_keys[CREDENTIALS_MAX], *secret_files[CREDENTIALS_MAX], *token_files[CREDENTIALS_MAX];
    size_t key_count, secret_count;
    long insync_after_ms;
};

struct emulator {
    struct event_base *base;
    struct world *world;
    struct evhttp *api, *control;
    uint16_t api_port, control_port;
    SSL_CTX *tls;
    struct dns_server *dns[NAME_SERVERS_MAX];
    size_t dns_count;
    struct event *on_term, *on_int;
};

static const char usage[] =
    "route53-emulator --listen ADDR:PORT --dns ADDR:PORT [--dns ...] --control ADDR:PORT --zones FILE.json\n"
    "                 --access-key ID --secret-file FILE [--session-token-file FILE] [--access-key ...]\n"
    "                 [--insync-after MS] [--ready-file FILE] [--log FILE] [--tls-cert FILE --tls-key FILE]\n"
    "Port 0 takes a free port; the ready file tells which.\n";

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "route53-emulator: %s: %s\n", what, why);
    return false;
}

/* ---- arguments ---- */

static bool take_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case 'l': options->listen = value; return true;
    case 'c': options->control = value; return true;
    case 'z': options->zones = value; return true;
    case 'r': options->ready_file = value; return true;
    case 'L': options->log = value; return true;
    case 'C': options->tls_cert = value; return true;
    case 'K': options->tls_key = value; return true;
    case 'd':
        if (options->dns_count == NAME_SERVERS_MAX)
            return fail("--dns", "too many");
        options->dns[options->dns_count++] = value;
        return true;
    case 'a':
        if (options->key_count == CREDENTIALS_MAX)
            return fail("--access-key", "too many");
        options->access_keys[options->key_count++] = value;
        return true;
    case 's':
        if (options->secret_count == options->key_count)
            return fail("--secret-file", "it must follow its --access-key");
        options->secret_files[options->secret_count++] = value;
        return true;
    case 't':
        if (options->key_count == 0)
            return fail("--session-token-file", "it must follow its --access-key");
        options->token_files[options->key_count - 1] = value;
        return true;
    case 'i': {
        char *end = NULL;
        errno = 0;
        options->insync_after_ms = strtol(value, &end, 10);
        if (errno != 0 || end == value || *end != '\0' || options->insync_after_ms < 0 ||
            options->insync_after_ms > 3600000)
            return fail("--insync-after", "it must be milliseconds, 0 to 3600000");
        return true;
    }
    default: return false;
    }
}

static bool read_options(struct options *options, int argc, char **argv)
{
    static const struct option table[] = {
        { "listen", required_argument, NULL, 'l' }, { "dns", required_argument, NULL, 'd' },
        { "control", required_argument, NULL, 'c' }, { "zones", required_argument, NULL, 'z' },
        { "access-key", required_argument, NULL, 'a' }, { "secret-file", required_argument, NULL, 's' },
        { "session-token-file", required_argument, NULL, 't' }, { "insync-after", required_argument, NULL, 'i' },
        { "ready-file", required_argument, NULL, 'r' }, { "log", required_argument, NULL, 'L' },
        { "tls-cert", required_argument, NULL, 'C' }, { "tls-key", required_argument, NULL, 'K' }, { 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1)
        if (!take_option(options, option, optarg))
            return false;
    if (optind < argc || options->listen == NULL || options->control == NULL || options->zones == NULL
        || options->dns_count == 0 || options->key_count == 0 || options->key_count != options->secret_count)
        return false;
    return (options->tls_cert == NULL) == (options->tls_key == NULL);
}

/* ---- pieces ---- */

static bool read_secret(const char *path, char **out)
{
    char line[SECRET_MAX * 8];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(path, strerror(errno));
    bool good = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    if (!good)
        return fail(path, "it must hold one line");
    line[strcspn(line, "\r\n")] = '\0';
    *out = strdup(line);
    return *out != NULL;
}

static bool load_credentials(struct world *world, const struct options *options)
{
    for (size_t i = 0; i < options->key_count; i++) {
        struct credential *credential = &world->credentials[world->credential_count++];
        credential->access_key = strdup(options->access_keys[i]);
        if (!read_secret(options->secret_files[i], &credential->secret))
            return false;
        if (strlen(credential->secret) > SECRET_MAX)
            return fail(options->secret_files[i], "the secret is too long");
        if (options->token_files[i] != NULL && !read_secret(options->token_files[i], &credential->session_token))
            return false;
    }
    return true;
}

/* By hand, as libevent's own parser refuses port 0. */
static bool parse_address(const char *text, struct sockaddr_storage *address, int *length)
{
    char host[64], *end = NULL;
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']';
    const char *from = text + (bracketed ? 1 : 0), *to = colon == NULL ? text : colon - (bracketed ? 1 : 0);
    long port = colon == NULL ? -1 : strtol(colon + 1, &end, 10);
    memset(address, 0, sizeof *address);
    if (port < 0 || port > 65535 || end == colon + 1 || *end != '\0' || to <= from ||
        (size_t)(to - from) >= sizeof host)
        return fail(text, "it must be ADDRESS:PORT or [ADDRESS]:PORT");
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    if (!bracketed && inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        *length = sizeof *four;
    } else if (bracketed && inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        *length = sizeof *six;
    } else {
        return fail(text, "the address must be numeric");
    }
    return true;
}

static struct bufferevent *on_tls_connection(struct event_base *base, void *context)
{
    SSL *ssl = SSL_new(context);
    return ssl == NULL ? NULL : bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                               BEV_OPT_CLOSE_ON_FREE);
}

static bool start_tls(struct emulator *emulator, const struct options *options)
{
    if (options->tls_cert == NULL)
        return true;
    emulator->tls = SSL_CTX_new(TLS_server_method());
    if (emulator->tls == NULL || SSL_CTX_set_min_proto_version(emulator->tls, TLS1_2_VERSION) != 1
        || SSL_CTX_use_certificate_chain_file(emulator->tls, options->tls_cert) != 1
        || SSL_CTX_use_PrivateKey_file(emulator->tls, options->tls_key, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_check_private_key(emulator->tls) != 1)
        return fail("TLS", ERR_error_string(ERR_get_error(), NULL));
    evhttp_set_bevcb(emulator->api, on_tls_connection, emulator->tls);
    return true;
}

/* Binds by hand, as evhttp itself takes no address structure, and tells the port that it became. */
static bool listen_http(struct evhttp *http, const char *text, uint16_t *port)
{
    struct sockaddr_storage address;
    int length, one = 1;
    socklen_t bound = sizeof address;
    if (http == NULL || !parse_address(text, &address, &length))
        return false;
    evutil_socket_t fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(text, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, (socklen_t)length) != 0 || listen(fd, 128) != 0
        || getsockname(fd, (struct sockaddr *)&address, &bound) != 0 || evhttp_accept_socket(http, fd) != 0) {
        evutil_closesocket(fd);
        return fail(text, strerror(errno));
    }
    *port = address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                          : ntohs(((struct sockaddr_in *)&address)->sin_port);
    return true;
}

static bool start_dns(struct emulator *emulator, const struct options *options)
{
    char message[MESSAGE_SIZE] = "out of memory";
    for (size_t i = 0; i < options->dns_count; i++) {
        struct sockaddr_storage address;
        int length;
        if (!parse_address(options->dns[i], &address, &length))
            return false;
        emulator->dns[i] = dns_server_start(emulator->world, (struct sockaddr *)&address, (socklen_t)length, i,
                                            message);
        if (emulator->dns[i] == NULL)
            return fail(options->dns[i], message);
        emulator->dns_count++;
    }
    return true;
}

/* Written beside and renamed, so that whoever waits for it never reads half of it. */
static bool write_ready_file(const struct emulator *emulator, const char *path)
{
    char beside[4096];
    json_t *dns = json_array();
    if (path == NULL) {
        json_decref(dns);
        return true;
    }
    for (size_t i = 0; i < emulator->dns_count; i++)
        json_array_append_new(dns, json_integer(dns_server_port(emulator->dns[i])));
    json_t *ready = json_pack("{s:i, s:i, s:i, s:o}", "pid", (int)getpid(), "listen", (int)emulator->api_port, "control",
                              (int)emulator->control_port, "dns", dns);
    bool good = (size_t)snprintf(beside, sizeof beside, "%s.new", path) < sizeof beside
        && json_dump_file(ready, beside, 0) == 0 && rename(beside, path) == 0;
    json_decref(ready);
    return good || fail(path, "cannot write it");
}

static void on_signal(evutil_socket_t signal_number, short what, void *context)
{
    (void)signal_number, (void)what;
    event_base_loopbreak(context);
}

static bool start(struct emulator *emulator, const struct options *options)
{
    char message[MESSAGE_SIZE] = "out of memory";
    emulator->base = event_base_new();
    emulator->world = emulator->base == NULL ? NULL : world_new(emulator->base);
    if (emulator->world == NULL)
        return fail("start", message);
    if (options->log != NULL && (emulator->world->log = fopen(options->log, "ae")) == NULL)
        return fail(options->log, strerror(errno));
    emulator->world->faults.insync_after_ms = options->insync_after_ms;
    if (!load_credentials(emulator->world, options))
        return false;
    if (!world_load(emulator->world, options->zones, message))
        return fail("zones", message);
    emulator->api = evhttp_new(emulator->base);
    emulator->control = evhttp_new(emulator->base);
    if (emulator->api == NULL || emulator->control == NULL)
        return fail("start", "out of memory");
    api_attach(emulator->api, emulator->world);
    control_attach(emulator->control, emulator->world);
    if (!start_tls(emulator, options) || !listen_http(emulator->api, options->listen, &emulator->api_port)
        || !listen_http(emulator->control, options->control, &emulator->control_port)
        || !start_dns(emulator, options))
        return false;
    emulator->on_term = evsignal_new(emulator->base, SIGTERM, on_signal, emulator->base);
    emulator->on_int = evsignal_new(emulator->base, SIGINT, on_signal, emulator->base);
    if (emulator->on_term == NULL || emulator->on_int == NULL || event_add(emulator->on_term, NULL) != 0
        || event_add(emulator->on_int, NULL) != 0)
        return fail("start", "cannot watch signals");
    return write_ready_file(emulator, options->ready_file);
}

static void stop(struct emulator *emulator)
{
    if (emulator->api != NULL)
        evhttp_free(emulator->api);
    if (emulator->control != NULL)
        evhttp_free(emulator->control);
    for (size_t i = 0; i < NAME_SERVERS_MAX; i++)
        dns_server_stop(emulator->dns[i]);
    if (emulator->world != NULL)
        api_detach(emulator->world);
    world_free(emulator->world);
    if (emulator->on_term != NULL)
        event_free(emulator->on_term);
    if (emulator->on_int != NULL)
        event_free(emulator->on_int);
    SSL_CTX_free(emulator->tls);
    if (emulator->base != NULL)
        event_base_free(emulator->base);
    libevent_global_shutdown();
}

int main(int argc, char **argv)
{
    struct options options = { 0 };
    struct emulator emulator = { 0 };
    signal(SIGPIPE, SIG_IGN);
    if (!read_options(&options, argc, argv)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    bool started = start(&emulator, &options);
    if (started)
        event_base_dispatch(emulator.base);
    stop(&emulator);
    return started ? EXIT_SUCCESS : EXIT_FAILURE;
}
