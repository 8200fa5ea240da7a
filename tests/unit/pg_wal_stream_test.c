/* Streams of WAL from servers that send what they should, and from such that don't. */
#include "coordinator/base/pg_wal_stream.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/pg_session.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define SECOND_US ((int64_t)CLOCK_US_PER_S)
#define START UINT64_C(0x1000)

/* ---- messages ---------------------------------------------------------------------------- */

static size_t wal(unsigned char *out, uint64_t start, uint64_t end, size_t data)
{
    memset(out, 0, 25 + data);
    out[0] = 'w';
    for (int i = 0; i < 8; i++) {
        out[1 + i] = (unsigned char)(start >> (56 - 8 * i));
        out[9 + i] = (unsigned char)(end >> (56 - 8 * i));
    }
    return 25 + data;
}

static void follows_the_stream(void)
{
    static unsigned char bytes[PG_WAL_MESSAGE_MAX + 1];
    struct pg_wal_stream stream = { .received_lsn = START };
    struct fault fault;
    CU_ASSERT_TRUE(pg_wal_stream_take(&stream, bytes, wal(bytes, START, 0x2000, 100), &fault));
    CU_ASSERT_EQUAL(stream.received_lsn, START + 100);
    CU_ASSERT_EQUAL(stream.server_lsn, 0x2000);
    CU_ASSERT_TRUE(pg_wal_stream_take(&stream, bytes, wal(bytes, START + 100, 0x2000, 0), &fault));
    unsigned char keepalive[18] = { 'k', 0, 0, 0, 0, 0, 0, 0x30, 0 };
    CU_ASSERT_TRUE(pg_wal_stream_take(&stream, keepalive, 18, &fault));
    CU_ASSERT_FALSE(stream.reply_wanted);
    keepalive[17] = 1;
    CU_ASSERT_TRUE(pg_wal_stream_take(&stream, keepalive, 18, &fault));
    CU_ASSERT_TRUE(stream.reply_wanted);
    CU_ASSERT_EQUAL(stream.server_lsn, 0x3000);
}

static void refuses_what_makes_no_sense(void)
{
    static unsigned char bytes[PG_WAL_MESSAGE_MAX + 1];
    struct pg_wal_stream stream = { .received_lsn = START }, before = stream;
    struct fault fault = { "" };
    size_t length = wal(bytes, START, 0, 10);
    for (size_t cut = 0; cut < 25; cut++)
        CU_ASSERT_FALSE(pg_wal_stream_take(&stream, bytes, cut, &fault));
    CU_ASSERT_FALSE(pg_wal_stream_take(&stream, bytes, PG_WAL_MESSAGE_MAX + 1, &fault));
    CU_ASSERT_FALSE(pg_wal_stream_take(&stream, bytes, wal(bytes, START - 1, 0, 10), &fault));
    CU_ASSERT_FALSE(pg_wal_stream_take(&stream, bytes, wal(bytes, START + 1, 0, 10), &fault));
    length = wal(bytes, START, 0, 10);
    for (int kind = 0; kind < 256; kind++) {
        bytes[0] = (unsigned char)kind;
        if (kind != 'w')
            CU_ASSERT_FALSE(pg_wal_stream_take(&stream, bytes, length, &fault));
    }
    unsigned char keepalive[19] = { 'k' };
    CU_ASSERT_FALSE(pg_wal_stream_take(&stream, keepalive, 17, &fault));
    CU_ASSERT_FALSE(pg_wal_stream_take(&stream, keepalive, 19, &fault));
    keepalive[17] = 2;
    CU_ASSERT_FALSE(pg_wal_stream_take(&stream, keepalive, 18, &fault));
    CU_ASSERT_EQUAL(memcmp(&stream, &before, sizeof stream), 0);
    stream.received_lsn = UINT64_MAX - 5;
    CU_ASSERT_FALSE(pg_wal_stream_take(&stream, bytes, wal(bytes, UINT64_MAX - 5, 0, 10), &fault)); /* past the end */
    CU_ASSERT_TRUE(fault.text[0] != '\0');
}

static void confirms_in_the_servers_form(void)
{
    unsigned char status[PG_WAL_STATUS_BYTES];
    pg_wal_stream_status(status, UINT64_C(0x0102030405060708), INT64_C(946684800) * 1000000 + 0x0A0B);
    static const unsigned char wanted[PG_WAL_STATUS_BYTES] = {
        'r', 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0x0A, 0x0B, 0 };
    CU_ASSERT_EQUAL(memcmp(status, wanted, sizeof status), 0);
}

static void reads_positions(void)
{
    uint64_t lsn = 0;
    CU_ASSERT_TRUE(pg_lsn_read("16/B374D848", &lsn));
    CU_ASSERT_EQUAL(lsn, UINT64_C(0x16B374D848));
    CU_ASSERT_TRUE(pg_lsn_read("FFFFFFFF/FFFFFFFF", &lsn));
    static const char *const bad[] = { "", "/", "1/", "/1", "1", "1/2/3", "123456789/1", "1/123456789", "g/1", "1/-1", " 1/1", "1/1 " };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(pg_lsn_read(bad[i], &lsn));
}

/* ---- a server that follows a script ------------------------------------------------------ */

struct liar {
    struct evconnlistener *listener;
    struct bufferevent *peer;
    uint16_t port;
    int stage;                /* messages heard: startup, START_REPLICATION, confirmations */
    const void *script;       /* sent once the stream stands */
    size_t length;
    size_t heard;             /* bytes of confirmations */
    bool trickles;            /* goes on with a byte at a time */
    bool hangs_up;
    struct timer pace;
};

static void on_pace(void *arg)
{
    struct liar *liar = arg;
    if (liar->peer == NULL)
        return;
    (void)bufferevent_write(liar->peer, "x", 1);
    timer_set_after_us(&liar->pace, 500);
}

static void on_liar_heard(struct bufferevent *peer, void *arg)
{
    static const unsigned char welcome[] = { 'R', 0, 0, 0, 8, 0, 0, 0, 0, 'Z', 0, 0, 0, 5, 'I' };
    static const unsigned char both[] = { 'W', 0, 0, 0, 7, 0, 0, 0 };
    struct liar *liar = arg;
    size_t length = evbuffer_get_length(bufferevent_get_input(peer));
    (void)evbuffer_drain(bufferevent_get_input(peer), length);
    if (liar->stage == 0)
        (void)bufferevent_write(peer, welcome, sizeof welcome);
    if (liar->stage == 1) {
        (void)bufferevent_write(peer, both, sizeof both);
        (void)bufferevent_write(peer, liar->script, liar->length);
        if (liar->trickles)
            timer_set_after_us(&liar->pace, 0);
    }
    if (liar->stage >= 2)
        liar->heard += length;
    liar->stage++;
}

static void on_liar_written(struct bufferevent *peer, void *arg)
{
    struct liar *liar = arg;
    if (liar->hangs_up && liar->stage >= 2) {
        bufferevent_free(peer);
        liar->peer = NULL;
    }
}

static void on_liar_event(struct bufferevent *peer, short what, void *arg)
{
    struct liar *liar = arg;
    (void)what;
    bufferevent_free(peer);
    liar->peer = NULL;
}

static void on_liar_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length,
                           void *arg)
{
    struct liar *liar = arg;
    (void)listener;
    (void)from;
    (void)length;
    liar->peer = bufferevent_socket_new(loop_base(pg_fixture_loop()), fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(liar->peer, on_liar_heard, on_liar_written, on_liar_event, liar);
    bufferevent_enable(liar->peer, EV_READ | EV_WRITE);
}

static void liar_open(struct liar *liar, const void *script, size_t length)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    *liar = (struct liar){ .script = script, .length = length };
    timer_init(&liar->pace, pg_fixture_loop(), on_pace, liar);
    liar->listener = evconnlistener_new_bind(loop_base(pg_fixture_loop()), on_liar_accept, liar,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 4,
                                             (struct sockaddr *)&address, sizeof address);
    CU_ASSERT_PTR_NOT_NULL_FATAL(liar->listener);
    CU_ASSERT_EQUAL(getsockname(evconnlistener_get_fd(liar->listener), (struct sockaddr *)&address, &size), 0);
    liar->port = ntohs(address.sin_port);
}

static void liar_close(struct liar *liar)
{
    timer_cancel(&liar->pace);
    if (liar->peer != NULL)
        bufferevent_free(liar->peer);
    evconnlistener_free(liar->listener);
}

/* ---- us ---------------------------------------------------------------------------------- */

struct client {
    struct pg_session *session;
    bool connected, begun, ended, freed;
    int ends, progresses;
    enum pg_outcome begun_as;
    uint64_t received;
    bool free_at_progress;
    char why[PG_MESSAGE_MAX];
};

static void on_progress(void *arg, const struct pg_stream_progress *progress)
{
    struct client *client = arg;
    client->progresses++;
    client->received = progress->received_lsn;
    if (client->free_at_progress) {
        pg_session_free(client->session);
        client->session = NULL;
        client->freed = true;
        return;
    }
    CU_ASSERT_TRUE(pg_session_stream_confirm(client->session, progress->received_lsn));
}

static void on_end(void *arg, const struct pg_answer *result)
{
    struct client *client = arg;
    client->ends++;
    client->ended = true;
    CU_ASSERT_EQUAL(result->outcome, PG_LOST);
    CU_ASSERT_FALSE(pg_session_is_connected(client->session));
    CU_ASSERT_FALSE(pg_session_stream_confirm(client->session, START));
    (void)snprintf(client->why, sizeof client->why, "%s", result->message);
}

static void on_begun(void *arg, const struct pg_answer *result)
{
    struct client *client = arg;
    client->begun = true;
    client->begun_as = result->outcome;
    client->ends += result->outcome != PG_OK; /* over before it stood: no on_end follows */
    client->ended = client->ended || result->outcome != PG_OK;
    (void)snprintf(client->why, sizeof client->why, "%s", result->message);
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    struct client *client = arg;
    struct pg_stream_handler handler = { on_progress, on_end, client };
    CU_ASSERT_EQUAL(result->outcome, PG_OK);
    client->connected = true;
    pg_session_stream(client->session, START, SECOND_US, &handler, on_begun, client);
}

static void client_start(struct client *client, const struct liar *liar)
{
    struct fault fault;
    struct pg_target target = { .host = "127.0.0.1", .port = liar->port, .user = "u", .sslmode = "disable", .replication = true };
    *client = (struct client){ .session = pg_session_new(pg_fixture_loop(), &target, &fault) };
    CU_ASSERT_PTR_NOT_NULL_FATAL(client->session);
    pg_session_connect(client->session, 5 * SECOND_US, on_connected, client);
}

/* One CopyData message around `length` bytes. */
static size_t copy_data(unsigned char *out, const unsigned char *bytes, size_t length)
{
    size_t all = length + 4;
    out[0] = 'd';
    for (int i = 0; i < 4; i++)
        out[1 + i] = (unsigned char)(all >> (24 - 8 * i));
    memcpy(out + 5, bytes, length);
    return length + 5;
}

/* Plays the script; the session has to end, once, with a word about it. */
static void ends_with(const void *script, size_t length, bool trickles, bool hangs_up, const char *words)
{
    struct liar liar;
    struct client client;
    liar_open(&liar, script, length);
    liar.trickles = trickles;
    liar.hangs_up = hangs_up;
    client_start(&client, &liar);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &client.ended, 8000));
    CU_ASSERT_TRUE(client.begun_as == PG_OK || (hangs_up && client.begun_as == PG_LOST));
    CU_ASSERT_EQUAL(client.ends, 1);
    if (strstr(client.why, words) == NULL)
        fprintf(stderr, "\"%s\" has no \"%s\"\n", client.why, words);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.why, words));
    pg_session_free(client.session);
    liar_close(&liar);
}

static void a_good_stream_is_taken_and_confirmed(void)
{
    static unsigned char script[64 * 1024], message[4096];
    size_t length = 0;
    uint64_t at = START;
    for (int i = 0; i < 500; i++) { /* more than a batch, and all of it in libpq's buffer at once */
        length += copy_data(script + length, message, wal(message, at, at, 1));
        at += 1;
    }
    struct liar liar;
    struct client client;
    liar_open(&liar, script, length);
    client_start(&client, &liar);
    bool never = false;
    for (int i = 0; i < 100 && client.received != at; i++)
        (void)pg_fixture_run(pg_fixture_loop(), &never, 20);
    CU_ASSERT_EQUAL(client.received, at);
    CU_ASSERT_TRUE(client.progresses >= 2 && client.progresses < 100);
    (void)pg_fixture_run(pg_fixture_loop(), &never, 50);
    CU_ASSERT_TRUE(liar.heard >= PG_WAL_STATUS_BYTES + 5 && liar.heard % (PG_WAL_STATUS_BYTES + 5) == 0);
    pg_session_close(client.session);
    CU_ASSERT_FALSE(client.ended); /* never from within the call */
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &client.ended, 1000));
    pg_session_free(client.session);
    liar_close(&liar);
    liar_open(&liar, script, length);
    client_start(&client, &liar);
    client.free_at_progress = true;
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &client.freed, 5000));
    (void)pg_fixture_run(pg_fixture_loop(), &never, 50);
    CU_ASSERT_TRUE(client.progresses == 1 && !client.ended);
    liar_close(&liar);
}

static void hostile_bytes_end_the_session(void)
{
    static unsigned char script[8192], message[4096];
    size_t length = copy_data(script, message, wal(message, START + 7, 0, 50));
    ends_with(script, length, false, false, "does not follow on");
    length = copy_data(script, message, wal(message, START, 0, 50));
    length += copy_data(script + length, message, wal(message, START, 0, 50)); /* the same again */
    ends_with(script, length, false, false, "does not follow on");
    length = copy_data(script, (const unsigned char *)"?", 1);
    ends_with(script, length, false, false, "unknown kind");
    static const unsigned char done[] = { 'c', 0, 0, 0, 4 };
    ends_with(done, sizeof done, false, false, "ended the stream");
    static const char said[] = "E\0\0\0\x30SFATAL\0VFATAL\0C57P01\0Mthe server goes down\0";
    ends_with(said, sizeof said, false, false, "the server goes down");
    static const unsigned char unknown[] = { '~', 0, 0, 0, 9, 1, 2, 3, 4, 5 };
    ends_with(unknown, sizeof unknown, false, true, "");
    static const unsigned char negative[] = { 'd', 0xff, 0xff, 0xff, 0xf0, 'w' };
    ends_with(negative, sizeof negative, false, true, "");
    ends_with("", 0, false, true, "");
}

/* Two gigabytes are announced and come byte by byte: it is neither waited for nor made room for. */
static void a_message_without_end_is_not_waited_for(void)
{
    static const unsigned char begun[] = { 'd', 0x10, 0, 0, 0, 'w' };
    ends_with(begun, sizeof begun, true, false, "does not finish it");
}

SUITE_MAIN("pg_wal_stream", TEST(follows_the_stream), TEST(refuses_what_makes_no_sense), TEST(confirms_in_the_servers_form),
           TEST(reads_positions), TEST(a_good_stream_is_taken_and_confirmed), TEST(hostile_bytes_end_the_session),
           TEST(a_message_without_end_is_not_waited_for))
