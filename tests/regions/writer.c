/* The lab's customer: resolves the service's name, writes rows, and keeps a receipt for each one.
 *
 * It behaves as a well-made application does: it asks the name servers itself, keeps its connection
 * while that works, and on any trouble resolves the name again and reconnects, with short timeouts
 * of its own on every phase. A row whose outcome is unknown (the connection broke before the answer)
 * is sent again under the same number, `on conflict do nothing`, so that each number is acknowledged
 * once and the checker can tell exactly which acknowledged rows a database is missing.
 *
 * Receipts go to a file with one write(2) per acknowledged row, before the next row is sent:
 *
 *     SEQUENCE MICROSECONDS_SINCE_1970 SERVER_ADDRESS MICROSECONDS_SINCE_BOOT TIMELINE
 *
 * The second clock is one for all regions of a machine and is never set. The timeline is the one that
 * the server wrote WAL on: each promotion begins another, so (timeline, address) names one reign.
 *
 * Standard output gets one JSON line per change: another address, an error, writing again.
 * With --address the name is not asked: that is the client inside a cut-off region. Ends on SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_SERVERS = 8,
    MAX_ADDRESSES = 8,
    MAX_TEXT = 256,
    MAX_PACKET = 1232,
    DNS_TIMEOUT_MS = 300,
    DNS_HEADER = 12,
    TIMELINE_DIGITS = 8,
    DNS_TYPE_A = 1,
    DNS_CLASS_IN = 1,
};

struct options {
    struct sockaddr_in servers[MAX_SERVERS];
    size_t server_count;
    const char *name;
    const char *address;
    const char *port;
    const char *dbname;
    const char *user;
    const char *client;
    const char *receipts;
    char password[MAX_TEXT];
    int64_t rate;
    int64_t connect_ms;
    int64_t query_ms;
    int64_t ttl_cap_ms;
    int64_t retry_ms;
};

struct names {
    char addresses[MAX_ADDRESSES][INET_ADDRSTRLEN];
    size_t count;
    size_t next; /* the one to try next, so that a set with a dead member is walked through */
    int64_t expires_ms;
};

struct writer {
    const struct options *options;
    struct names names;
    PGconn *connection;
    char address[INET_ADDRSTRLEN];
    char timeline[TIMELINE_DIGITS + 1]; /* of the row acknowledged last, hexadecimal */
    char error[MAX_TEXT];
    bool writing;
    int receipts;
    int64_t sequence;
    int64_t acknowledged;
};

static volatile sig_atomic_t ending;

static void on_end(int number)
{
    (void)number;
    ending = 1;
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t now_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

static void pause_ms(int64_t ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    nanosleep(&rest, NULL); /* cut short by SIGTERM, which is meant */
}

/* Waits for the descriptor until the deadline; false when it passed or the end was asked for. */
static bool wait_for(int fd, short events, int64_t deadline_ms)
{
    while (!ending) {
        int64_t left = deadline_ms - now_ms();
        if (left <= 0)
            return false;
        struct pollfd one = {.fd = fd, .events = events};
        int ready = poll(&one, 1, (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
    return false;
}

/* ---- what it tells ----------------------------------------------------------------------- */

static void print_json_text(const char *text)
{
    putchar('"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            putchar('\\');
        putchar((unsigned char)*c < ' ' ? ' ' : *c);
    }
    putchar('"');
}

static void tell(const char *event, const char *key, const char *text, int64_t sequence)
{
    printf("{\"at\": %lld, \"event\": \"%s\"", (long long)clock_us(CLOCK_REALTIME), event);
    if (key != NULL) {
        printf(", \"%s\": ", key);
        print_json_text(text);
    }
    if (sequence > 0)
        printf(", \"sequence\": %lld", (long long)sequence);
    puts("}");
    fflush(stdout);
}

/* An error is told once, until it changes or a row was written meanwhile. */
static void tell_error(struct writer *writer, const char *text)
{
    char line[MAX_TEXT];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text); /* libpq goes on with hints */
    writer->writing = false;
    if (strcmp(line, writer->error) == 0)
        return;
    snprintf(writer->error, sizeof writer->error, "%s", line);
    tell("error", "text", line, 0);
}

/* ---- the name ---------------------------------------------------------------------------- */

static size_t put_question(unsigned char *packet, const char *name, const unsigned char id[2])
{
    static const unsigned char one_question[DNS_HEADER - 2] = {0, 0, 0, 1};
    size_t at = 0;
    memcpy(packet, id, 2);
    memcpy(packet + 2, one_question, sizeof one_question);
    at = DNS_HEADER;
    while (*name != '\0') {
        size_t length = strcspn(name, ".");
        if (length == 0 || length > 63 || at + length + 6 > MAX_PACKET / 2)
            return 0;
        packet[at++] = (unsigned char)length;
        memcpy(packet + at, name, length);
        at += length;
        name += length;
        if (*name == '.')
            name++;
    }
    const unsigned char tail[] = {0, 0, DNS_TYPE_A, 0, DNS_CLASS_IN};
    memcpy(packet + at, tail, sizeof tail);
    return at + sizeof tail;
}

static bool skip_name(const unsigned char *packet, size_t length, size_t *at)
{
    while (*at < length) {
        unsigned char label = packet[*at];
        if (label == 0) {
            *at += 1;
            return true;
        }
        if ((label & 0xC0) != 0) {
            *at += 2;
            return *at <= length;
        }
        *at += (size_t)label + 1;
    }
    return false;
}

static unsigned get16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Takes the A records out of a reply; false if it is not one to this question or holds none. */
static bool take_answers(struct writer *writer, const unsigned char *packet, size_t length,
                         const unsigned char id[2])
{
    struct names found = {0};
    int64_t ttl_ms = writer->options->ttl_cap_ms;
    if (length < DNS_HEADER || memcmp(packet, id, 2) != 0 || (packet[2] & 0x80) == 0 ||
        (packet[3] & 0x0F) != 0 || get16(packet + 4) != 1)
        return false;
    unsigned answers = get16(packet + 6);
    size_t at = DNS_HEADER;
    if (!skip_name(packet, length, &at) || at + 4 > length)
        return false;
    at += 4;
    for (unsigned i = 0; i < answers && found.count < MAX_ADDRESSES; i++) {
        if (!skip_name(packet, length, &at) || at + 10 > length)
            return false;
        unsigned type = get16(packet + at);
        int64_t record_ttl_ms =
            ((int64_t)get16(packet + at + 4) << 16 | (int64_t)get16(packet + at + 6)) * 1000;
        size_t size = get16(packet + at + 8);
        at += 10;
        if (at + size > length)
            return false;
        if (type == DNS_TYPE_A && size == 4) {
            inet_ntop(AF_INET, packet + at, found.addresses[found.count++], INET_ADDRSTRLEN);
            ttl_ms = record_ttl_ms < ttl_ms ? record_ttl_ms : ttl_ms;
        }
        at += size;
    }
    if (found.count == 0)
        return false;
    found.expires_ms = now_ms() + ttl_ms;
    writer->names = found;
    return true;
}

static bool ask_server(struct writer *writer, const struct sockaddr_in *server)
{
    unsigned char packet[MAX_PACKET];
    unsigned char id[2];
    bool taken = false;
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        return false;
    size_t length = put_question(packet, writer->options->name, id);
    if (length == 0)
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    int64_t deadline_ms = now_ms() + DNS_TIMEOUT_MS;
    if (connect(fd, (const struct sockaddr *)server, sizeof *server) == 0 &&
        send(fd, packet, length, 0) == (ssize_t)length) {
        while (!taken && wait_for(fd, POLLIN, deadline_ms)) {
            ssize_t got = recv(fd, packet, sizeof packet, 0);
            if (got < 0)
                break;
            taken = take_answers(writer, packet, (size_t)got, id);
        }
    }
    close(fd);
    return taken;
}

/* The address to try now, or NULL with the error told. */
static const char *resolve(struct writer *writer)
{
    const struct options *options = writer->options;
    struct names *names = &writer->names;
    if (options->address != NULL)
        return options->address;
    if (names->count == 0 || now_ms() >= names->expires_ms) {
        names->count = 0;
        for (size_t i = 0; i < options->server_count && names->count == 0; i++)
            ask_server(writer, &options->servers[i]);
    }
    if (names->count == 0) {
        tell_error(writer, "no name server answers with an address");
        return NULL;
    }
    return names->addresses[names->next++ % names->count];
}

/* ---- the database ------------------------------------------------------------------------ */

static void disconnect(struct writer *writer)
{
    PQfinish(writer->connection);
    writer->connection = NULL;
}

static bool finish_connecting(struct writer *writer)
{
    int64_t deadline_ms = now_ms() + writer->options->connect_ms;
    PGconn *connection = writer->connection;
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
    while (wanted != PGRES_POLLING_OK) {
        if (wanted == PGRES_POLLING_FAILED) {
            tell_error(writer, PQerrorMessage(connection));
            return false;
        }
        short events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!wait_for(PQsocket(connection), events, deadline_ms)) {
            tell_error(writer, "timeout while connecting");
            return false;
        }
        wanted = PQconnectPoll(connection);
    }
    return PQsetnonblocking(connection, 1) == 0;
}

static bool connect_database(struct writer *writer)
{
    const struct options *options = writer->options;
    const char *address = resolve(writer);
    if (address == NULL)
        return false;
    if (strcmp(address, writer->address) != 0) {
        snprintf(writer->address, sizeof writer->address, "%s", address);
        tell("address", "address", address, 0);
        writer->writing = false;
    }
    const char *const keys[] = {"hostaddr", "port",    "dbname",     "user",
                                "password", "sslmode", "gssencmode", "application_name", NULL};
    const char *const values[] = {address,           options->port, options->dbname, options->user,
                                  options->password, "disable",     "disable",       options->client,
                                  NULL};
    writer->connection = PQconnectStartParams(keys, values, 0);
    if (writer->connection != NULL && PQstatus(writer->connection) != CONNECTION_BAD) {
        if (finish_connecting(writer))
            return true;
    } else {
        tell_error(writer, writer->connection ? PQerrorMessage(writer->connection) : "no memory");
    }
    disconnect(writer);
    return false;
}

/* The next result of the row just sent, NULL after the last; false with the error told when the
 * connection broke or the time is up. */
static bool await_result(struct writer *writer, PGresult **result)
{
    *result = NULL;
    int64_t deadline_ms = now_ms() + writer->options->query_ms;
    PGconn *connection = writer->connection;
    for (;;) {
        int flushed = PQflush(connection);
        if (flushed < 0)
            break;
        if (flushed == 0 && !PQisBusy(connection)) { /* also when it was read along with the last one */
            *result = PQgetResult(connection);
            return true;
        }
        if (!wait_for(PQsocket(connection), flushed > 0 ? POLLIN | POLLOUT : POLLIN, deadline_ms)) {
            tell_error(writer, "timeout while waiting for a row's acknowledgement");
            return false;
        }
        if (PQconsumeInput(connection) == 0)
            break;
    }
    tell_error(writer, PQerrorMessage(connection));
    return false;
}

/* True when the server acknowledged the row, now or on an earlier try whose answer was lost. */
static bool write_row(struct writer *writer)
{
    static const char insert[] =
        "with put as (insert into orders(client, sequence) values ($1, $2::bigint) on conflict do nothing) "
        "select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)";
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)writer->sequence);
    const char *const values[] = {writer->options->client, number};
    if (PQsendQueryParams(writer->connection, insert, 2, NULL, values, NULL, NULL, 0) != 1) {
        tell_error(writer, PQerrorMessage(writer->connection));
        return false;
    }
    PGresult *result = NULL;
    if (!await_result(writer, &result))
        return false;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        tell_error(writer, PQresultErrorMessage(result));
        PQclear(result);
        return false;
    }
    snprintf(writer->timeline, sizeof writer->timeline, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    /* The commit itself comes after "SELECT 1": only the end of the whole answer is a receipt. */
    if (!await_result(writer, &result))
        return false;
    if (result != NULL || PQtransactionStatus(writer->connection) != PQTRANS_IDLE) {
        tell_error(writer, result != NULL ? PQresultErrorMessage(result) : "the row did not commit");
        PQclear(result);
        return false;
    }
    return true;
}

static bool keep_receipt(struct writer *writer)
{
    char line[128];
    int length = snprintf(line, sizeof line, "%lld %lld %s %lld %ld\n", (long long)writer->sequence,
                          (long long)clock_us(CLOCK_REALTIME), writer->address,
                          (long long)clock_us(CLOCK_BOOTTIME), strtol(writer->timeline, NULL, 16));
    if (write(writer->receipts, line, (size_t)length) != length) {
        tell("stopped", "text", "a receipt could not be written; the count would be wrong", 0);
        return false;
    }
    writer->acknowledged++;
    if (!writer->writing) {
        writer->writing = true;
        writer->error[0] = '\0';
        tell("writing", "address", writer->address, writer->sequence);
    }
    return true;
}

static bool run(struct writer *writer)
{
    int64_t period_us = 1000000 / writer->options->rate;
    int64_t next_us = clock_us(CLOCK_MONOTONIC);
    while (!ending) {
        if (writer->connection == NULL && !connect_database(writer)) {
            pause_ms(writer->options->retry_ms);
            continue;
        }
        if (!write_row(writer)) {
            disconnect(writer);
            pause_ms(writer->options->retry_ms);
            continue;
        }
        if (!keep_receipt(writer))
            return false;
        writer->sequence++;
        next_us += period_us;
        int64_t now_us = clock_us(CLOCK_MONOTONIC);
        if (next_us > now_us)
            pause_ms((next_us - now_us) / 1000);
        else
            next_us = now_us; /* rows missed during an outage are not made up for */
    }
    return true;
}

/* ---- arguments --------------------------------------------------------------------------- */

static const char usage[] =
    "usage: writer (--servers IP:PORT[,IP:PORT...] --name NAME | --address IP) --user USER\n"
    "              --password-file FILE --client ID --receipts FILE [--port 5432] [--dbname shop]\n"
    "              [--rate 50] [--connect-ms 300] [--query-ms 500] [--ttl-cap-ms 100] [--retry-ms 25]\n";

static bool read_number(const char *text, int64_t *number)
{
    char *end = NULL;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *number >= 1 && *number <= 1000000;
}

static bool read_servers(struct options *options, char *list)
{
    char *rest = list;
    for (char *one = strsep(&rest, ","); one != NULL; one = strsep(&rest, ",")) {
        char *colon = strrchr(one, ':');
        int64_t port = 53;
        if (options->server_count == MAX_SERVERS)
            return false;
        struct sockaddr_in *server = &options->servers[options->server_count++];
        if (colon != NULL)
            *colon = '\0';
        if (colon != NULL && (!read_number(colon + 1, &port) || port > 65535))
            return false;
        server->sin_family = AF_INET;
        server->sin_port = htons((uint16_t)port);
        if (inet_pton(AF_INET, one, &server->sin_addr) != 1)
            return false;
    }
    return options->server_count > 0;
}

static bool read_password(struct options *options, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool got = fgets(options->password, sizeof options->password, file) != NULL;
    fclose(file);
    options->password[strcspn(options->password, "\r\n")] = '\0';
    return got;
}

enum { OPT_SERVERS = 1, OPT_NAME, OPT_ADDRESS, OPT_PORT, OPT_DBNAME, OPT_USER, OPT_PASSWORD,
       OPT_CLIENT, OPT_RECEIPTS, OPT_RATE, OPT_CONNECT, OPT_QUERY, OPT_TTL, OPT_RETRY };

static const struct option long_options[] = {
    {"servers", required_argument, NULL, OPT_SERVERS},
    {"name", required_argument, NULL, OPT_NAME},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"port", required_argument, NULL, OPT_PORT},
    {"dbname", required_argument, NULL, OPT_DBNAME},
    {"user", required_argument, NULL, OPT_USER},
    {"password-file", required_argument, NULL, OPT_PASSWORD},
    {"client", required_argument, NULL, OPT_CLIENT},
    {"receipts", required_argument, NULL, OPT_RECEIPTS},
    {"rate", required_argument, NULL, OPT_RATE},
    {"connect-ms", required_argument, NULL, OPT_CONNECT},
    {"query-ms", required_argument, NULL, OPT_QUERY},
    {"ttl-cap-ms", required_argument, NULL, OPT_TTL},
    {"retry-ms", required_argument, NULL, OPT_RETRY},
    {NULL, 0, NULL, 0},
};

static bool take_option(struct options *options, int option)
{
    switch (option) {
    case OPT_SERVERS: return read_servers(options, optarg);
    case OPT_NAME: options->name = optarg; return true;
    case OPT_ADDRESS: options->address = optarg; return true;
    case OPT_PORT: options->port = optarg; return true;
    case OPT_DBNAME: options->dbname = optarg; return true;
    case OPT_USER: options->user = optarg; return true;
    case OPT_PASSWORD: return read_password(options, optarg);
    case OPT_CLIENT: options->client = optarg; return true;
    case OPT_RECEIPTS: options->receipts = optarg; return true;
    case OPT_RATE: return read_number(optarg, &options->rate);
    case OPT_CONNECT: return read_number(optarg, &options->connect_ms);
    case OPT_QUERY: return read_number(optarg, &options->query_ms);
    case OPT_TTL: return read_number(optarg, &options->ttl_cap_ms);
    case OPT_RETRY: return read_number(optarg, &options->retry_ms);
    default: return false;
    }
}

static bool read_options(struct options *options, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        if (!take_option(options, option))
            return false;
    bool has_name = options->name != NULL && options->server_count > 0;
    return optind == argc && has_name != (options->address != NULL) && options->user != NULL &&
           options->client != NULL && options->receipts != NULL && options->password[0] != '\0';
}

static void catch_end(void)
{
    struct sigaction action = {.sa_handler = on_end};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    struct options options = {.port = "5432", .dbname = "shop", .rate = 50, .connect_ms = 300,
                              .query_ms = 500, .ttl_cap_ms = 100, .retry_ms = 25};
    if (!read_options(&options, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    struct writer writer = {.options = &options, .sequence = 1};
    writer.receipts =
        open(options.receipts, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    if (writer.receipts < 0) {
        fprintf(stderr, "writer: %s: %s; receipts of different runs are not mixed\n",
                options.receipts, strerror(errno));
        return 1;
    }
    catch_end();
    bool clean = run(&writer);
    disconnect(&writer);
    close(writer.receipts);
    tell("end", NULL, NULL, writer.acknowledged);
    return clean ? 0 : 1;
}
