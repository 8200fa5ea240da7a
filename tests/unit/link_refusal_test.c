/* Links against wrong identities, wrong certificates, wrong bytes, and crowds. The wrong TLS is spoken by
 * the openssl program, which owes nothing to our own code. */
#include "coordinator/peer/link.h"

#include <signal.h>

#include "tests/unit/link_fixture.h"

/* --- the openssl program --------------------------------------------------------------------- */

struct program {
    pid_t pid;
    int input; /* kept open: s_client ends when it is closed */
};

/* `argv` ends with NULL. Its output goes nowhere. */
static struct program program_start(const char *const argv[])
{
    struct program program = { .input = -1 };
    int ends[2];
    posix_spawn_file_actions_t actions;
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&program.pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    CU_ASSERT_EQUAL_FATAL(error, 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    program.input = ends[1];
    return program;
}

static void program_stop(struct program *program)
{
    close(program->input);
    (void)kill(program->pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(program->pid, NULL, 0), program->pid);
}

/* A client with this certificate (NULL: none) and one more option is refused in the handshake. */
static void client_refused(const char *stem, const char *option)
{
    struct node a;
    char certificate[80] = "";
    char key[80] = "";
    fixture_begin();
    node_start(&a, "a", "b", UNUSED_PORT);
    const char *argv[16] = { "openssl", "s_client", "-connect", local_address(links_port(a.links)), "-quiet" };
    size_t count = 5;
    if (stem != NULL) {
        (void)snprintf(certificate, sizeof certificate, "%s.pem", stem);
        (void)snprintf(key, sizeof key, "%s.key", stem);
        argv[count++] = "-cert";
        argv[count++] = pki_path(certificate);
        argv[count++] = "-key";
        argv[count++] = pki_path(key);
    }
    if (option != NULL)
        argv[count++] = option;
    struct program client = program_start(argv);
    expect_refused(&a, LINK_REFUSED_TLS, 1);
    CU_ASSERT_EQUAL(status_of(&a).in.ups, 0);
    program_stop(&client);
    node_stop(&a);
    fixture_end();
}

static void client_without_certificate(void)
{
    client_refused(NULL, NULL);
}

static void client_expired(void)
{
    client_refused("b-expired", NULL);
}

static void client_of_another_authority(void)
{
    client_refused("b-other-ca", NULL);
}

static void client_with_two_names(void)
{
    client_refused("b-two-names", NULL);
}

static void client_of_tls_1_2(void)
{
    client_refused("b", "-tls1_2");
}

static bool can_connect(void *arg)
{
    struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(*(uint16_t *)arg) };
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&where, sizeof where) == 0;
    close(fd);
    return ok;
}

static uint16_t free_port(void)
{
    struct sockaddr_in where = { .sin_family = AF_INET };
    socklen_t length = sizeof where;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&where, length), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&where, &length), 0);
    close(fd);
    return ntohs(where.sin_port);
}

/* Node b dials a server that shows this certificate for a. */
static void server_refused(const char *stem, const char *option, const char *word)
{
    struct node b;
    char certificate[80];
    char key[80];
    uint16_t port = free_port();
    fixture_begin();
    (void)snprintf(certificate, sizeof certificate, "%s.pem", stem);
    (void)snprintf(key, sizeof key, "%s.key", stem);
    const char *argv[] = { "openssl", "s_server", "-accept", local_address(port), "-quiet", "-cert", pki_path(certificate),
                           "-key", pki_path(key), option, NULL };
    struct program server = program_start(argv);
    CU_ASSERT_FATAL(wait_until(can_connect, &port));
    node_start(&b, "b", "a", local_address(port));
    expect_out_error(&b, word);
    CU_ASSERT_EQUAL(status_of(&b).out.ups, 0);
    CU_ASSERT(refused_of(&b, LINK_REFUSED_TLS) > 0);
    node_stop(&b);
    program_stop(&server);
    fixture_end();
}

static void server_expired(void)
{
    server_refused("a-expired", NULL, "names a, is refused: certificate has expired");
}

static void server_not_yet_valid(void)
{
    server_refused("a-future", NULL, "is refused: certificate is not yet valid");
}

static void server_of_another_authority(void)
{
    server_refused("a-other-ca", NULL, "is refused: unable to get local issuer certificate");
}

static void server_of_tls_1_2(void)
{
    server_refused("a", "-tls1_2", "alert: protocol version");
}

/* --- identities ------------------------------------------------------------------------------ */

static void dialled_node_is_another(void)
{
    struct node a, c;
    fixture_begin();
    node_start(&c, "c", "a", UNUSED_PORT);
    node_start(&a, "a", "b", local_address(links_port(c.links)));
    expect_out_error(&a, "names c, and node b was dialled");
    /* The other side learns of it too. */
    expect_refused(&c, LINK_REFUSED_TLS, 1);
    CU_ASSERT_EQUAL(a.ups[LINK_OUT], 0);
    node_stop(&a);
    node_stop(&c);
    fixture_end();
}

static void stranger_of_the_right_authority(void)
{
    struct node a, c;
    fixture_begin();
    node_start(&a, "a", "b", UNUSED_PORT);
    node_start(&c, "c", "a", local_address(links_port(a.links)));
    expect_refused(&a, LINK_REFUSED_NAME, 1);
    expect_out_error(&c, "it refused us: the certificate shown names c, which is no peer of node a");
    CU_ASSERT_EQUAL(a.ups[LINK_IN], 0);
    CU_ASSERT_EQUAL(c.ups[LINK_OUT], 0);
    node_stop(&a);
    node_stop(&c);
    fixture_end();
}

static void own_name_is_refused(void)
{
    struct node a;
    struct wire wire;
    fixture_begin();
    node_start(&a, "a", "b", UNUSED_PORT);
    wire_dial(&wire, "a", &a, "a");
    expect_refused(&a, LINK_REFUSED_NAME, 1);
    CU_ASSERT(wait_until(wire_is_over, &wire));
    CU_ASSERT(wire_heard(&wire, "this node itself"));
    wire_close(&wire);
    node_stop(&a);
    fixture_end();
}

static void other_cluster_is_refused_with_both_named(void)
{
    struct node a, b;
    fixture_begin();
    node_start(&a, "a", "b", UNUSED_PORT);
    const struct links_peer peers[] = { { "a", local_address(links_port(a.links)) } };
    struct links_settings settings = fixture_settings("b", peers, 1);
    settings.cluster = "shop-test";
    node_start_with(&b, settings);
    expect_refused(&a, LINK_REFUSED_CLUSTER, 1);
    expect_out_error(&b, "it belongs to cluster shop-test, and this node to cluster shop");
    node_stop(&a);
    node_stop(&b);
    fixture_end();
}

/* --- bytes ----------------------------------------------------------------------------------- */

static void bytes_refused(const char *bytes, size_t length, enum link_refusal refusal, const char *word, bool greet)
{
    struct node a;
    struct wire wire;
    fixture_begin();
    node_start(&a, "a", "b", UNUSED_PORT);
    wire_dial(&wire, "b", &a, "a");
    if (greet) {
        wire_say_hello(&wire);
        CU_ASSERT(wait_until(wire_heard_something, &wire));
    }
    wire_say(&wire, bytes, length);
    expect_refused(&a, refusal, 1);
    CU_ASSERT(wait_until(wire_is_over, &wire));
    if (!wire_heard(&wire, word))
        printf("  wanted \"%s\"\n", word);
    CU_ASSERT(wire_heard(&wire, word));
    CU_ASSERT_PTR_NOT_NULL(strstr(wire.end, "closed the connection"));
    CU_ASSERT_EQUAL(status_of(&a).in.phase, LINK_PHASE_WAITING);
    CU_ASSERT_EQUAL(a.downs[LINK_IN], greet ? 1 : 0);
    CU_ASSERT_EQUAL(a.frames, 0);
    wire_close(&wire);
    node_stop(&a);
    fixture_end();
}

#define BYTES(text) text, sizeof(text) - 1

static void malformed_frames_are_refused(void)
{
    for (int greet = 0; greet < 2; greet++) {
        bytes_refused(BYTES("\0\0\0\0"), LINK_REFUSED_FRAME, "empty frame", greet);
        bytes_refused(BYTES("\0\1\0\1x"), LINK_REFUSED_FRAME, "65537 bytes", greet);
        bytes_refused(BYTES("GET / HTTP/1.1\r\n\r\n"), LINK_REFUSED_FRAME, "is announced", greet);
    }
    bytes_refused(BYTES("\0\0\0\2Zz"), LINK_REFUSED_FRAME, "kind 0x5a and 2 bytes", true);
    bytes_refused(BYTES("\0\0\0\1M"), LINK_REFUSED_FRAME, "kind 0x4d", true);
    bytes_refused(BYTES("\0\0\0\3P12"), LINK_REFUSED_FRAME, "kind 0x50", true);
    bytes_refused(BYTES("\0\0\0\2H{"), LINK_REFUSED_FRAME, "kind 0x48", true);
}

static void bad_hellos_are_refused(void)
{
    bytes_refused(BYTES("\0\0\0\5Mhell"), LINK_REFUSED_FRAME, "not a hello", false);
    bytes_refused(BYTES("\0\0\0\5Hhell"), LINK_REFUSED_FRAME, "not a hello", false);
    bytes_refused(BYTES("\0\0\0\1H"), LINK_REFUSED_FRAME, "not a hello", false);
    bytes_refused(BYTES("\0\0\0\3H{}"), LINK_REFUSED_PROTOCOL, "not a hello", false);
    bytes_refused(BYTES("\0\0\0\xcH{\"hello\":9}"), LINK_REFUSED_PROTOCOL, "protocol 9, and this node speaks 1", false);
    bytes_refused(BYTES("\0\0\0\xcH{\"hello\":1}"), LINK_REFUSED_CLUSTER, "names no cluster", false);
    static char big[4 + 600] = "\0\0\2\130H"; /* 600 */
    bytes_refused(big, sizeof big, LINK_REFUSED_FRAME, "a hello of 599 bytes", false);
}

/* Half a frame is no offence; silence is. */
static void half_a_frame_is_waited_for_then_given_up(void)
{
    struct node a;
    struct wire wire;
    fixture_begin();
    const struct links_peer peers[] = { { "b", UNUSED_PORT } };
    struct links_settings settings = fixture_settings("a", peers, 1);
    settings.handshake_ms = 400;
    settings.idle_ms = 400;
    node_start_with(&a, settings);
    wire_dial(&wire, "b", &a, "a");
    wire_say(&wire, "\0\0\0\40H{", 7);
    expect_refused(&a, LINK_REFUSED_DEADLINE, 1);
    CU_ASSERT(wait_until(wire_is_over, &wire));
    wire_close(&wire);
    wire_dial(&wire, "b", &a, "a");
    wire_say_hello(&wire);
    CU_ASSERT(wait_until(wire_heard_something, &wire));
    wire_say(&wire, "\0\0\1\0Mhalf", 9);
    CU_ASSERT(wait_until(wire_is_over, &wire));
    CU_ASSERT_PTR_NOT_NULL(strstr(a.reason, "nothing was heard of it for 400ms"));
    CU_ASSERT_EQUAL(a.frames, 0);
    wire_close(&wire);
    node_stop(&a);
    fixture_end();
}

static bool wire_has_hello(void *arg)
{
    return wire_heard(arg, "\"hello\"");
}

static void newer_connection_of_a_peer_replaces_the_older(void)
{
    struct node a;
    struct wire older, newer;
    fixture_begin();
    node_start(&a, "a", "b", UNUSED_PORT);
    wire_dial(&older, "b", &a, "a");
    wire_say_hello(&older);
    CU_ASSERT(wait_until(wire_has_hello, &older));
    wire_dial(&newer, "b", &a, "a");
    wire_say_hello(&newer);
    CU_ASSERT(wait_until(wire_is_over, &older));
    CU_ASSERT(wait_until(wire_has_hello, &newer));
    CU_ASSERT_EQUAL(status_of(&a).in.phase, LINK_PHASE_UP);
    struct links_counters counters;
    links_counters(a.links, &counters);
    CU_ASSERT_EQUAL(counters.replaced, 1);
    CU_ASSERT_EQUAL(counters.half_open, 0);
    wire_close(&older);
    wire_close(&newer);
    node_stop(&a);
    fixture_end();
}

static void node_killed_without_goodbye_is_noticed(void)
{
    struct node a;
    struct wire wire;
    fixture_begin();
    node_start(&a, "a", "b", UNUSED_PORT);
    wire_dial(&wire, "b", &a, "a");
    wire_say_hello(&wire);
    CU_ASSERT(wait_until(wire_has_hello, &wire));
    (void)shutdown(bufferevent_getfd(wire.bev), SHUT_RDWR);
    CU_ASSERT(wait_until(wire_is_over, &wire));
    run_for_ms(50);
    CU_ASSERT_EQUAL(a.downs[LINK_IN], 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(a.reason, "without a goodbye"));
    wire_close(&wire);
    node_stop(&a);
    fixture_end();
}

static void sleep_now(struct bufferevent *bev, void *arg)
{
    (void)arg;
    bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
    usleep(700 * 1000);
}

static bool in_is_down(void *arg)
{
    return ((struct node *)arg)->downs[LINK_IN] > 0;
}

/* The message is in the socket when the whole loop stands still, as in a machine that was paused. */
static void what_came_during_a_pause_is_thrown_away(void)
{
    struct node a;
    struct wire wire;
    fixture_begin();
    const struct links_peer peers[] = { { "b", UNUSED_PORT } };
    struct links_settings settings = fixture_settings("a", peers, 1);
    settings.idle_ms = 500;
    node_start_with(&a, settings);
    wire_dial(&wire, "b", &a, "a");
    wire_say_hello(&wire);
    CU_ASSERT(wait_until(wire_has_hello, &wire));
    bufferevent_setcb(wire.bev, NULL, sleep_now, NULL, NULL);
    wire_say_frame(&wire, "Mstale", 6);
    CU_ASSERT(wait_until(in_is_down, &a));
    CU_ASSERT_EQUAL(a.frames, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(a.reason, "thrown away"));
    wire_close(&wire);
    node_stop(&a);
    fixture_end();
}

/* --- crowds ---------------------------------------------------------------------------------- */

static bool crowd_is_gone(void *arg)
{
    struct links_counters counters;
    links_counters(((struct node *)arg)->links, &counters);
    return counters.half_open == 0;
}

static bool pair_is_up(void *arg)
{
    return both_up(arg);
}

#define IDLERS 100

static void idle_crowd_harms_nobody(void)
{
    struct node a, b;
    struct pair pair = { &a, &b };
    int idlers[IDLERS];
    struct links_counters counters;
    fixture_begin();
    const struct links_peer peers[] = { { "b", UNUSED_PORT } };
    struct links_settings settings = fixture_settings("a", peers, 1);
    settings.handshake_ms = 4000;
    node_start_with(&a, settings);
    for (size_t i = 0; i < IDLERS; i++) {
        idlers[i] = connected_socket(links_port(a.links));
        /* Every other one begins to speak TLS and stops. */
        if (i % 2 == 0)
            CU_ASSERT_EQUAL(write(idlers[i], "\26\3\1\2\0\1\0", 7), 7);
    }
    node_start(&b, "b", "a", local_address(links_port(a.links)));
    CU_ASSERT(links_readdress(a.links, 0, local_address(links_port(b.links)), &fault));
    CU_ASSERT(wait_until(pair_is_up, &pair));
    links_counters(a.links, &counters);
    CU_ASSERT(counters.half_open <= LINK_HALF_OPEN_MAX);
    CU_ASSERT(counters.accepted >= IDLERS);
    CU_ASSERT(refused_of(&a, LINK_REFUSED_CROWD) >= IDLERS - LINK_HALF_OPEN_MAX);
    /* The rest runs out of time, and the peer stays. */
    CU_ASSERT(wait_until(crowd_is_gone, &a));
    CU_ASSERT(refused_of(&a, LINK_REFUSED_DEADLINE) > 0);
    CU_ASSERT(both_up(&pair));
    for (size_t i = 0; i < IDLERS; i++)
        close(idlers[i]);
    node_stop(&a);
    node_stop(&b);
    fixture_end();
}

static void plain_bytes_are_refused(void)
{
    struct node a;
    fixture_begin();
    node_start(&a, "a", "b", UNUSED_PORT);
    int fd = connected_socket(links_port(a.links));
    CU_ASSERT_EQUAL(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    expect_refused(&a, LINK_REFUSED_TLS, 1);
    close(fd);
    /* Gone before a word. */
    close(connected_socket(links_port(a.links)));
    expect_refused(&a, LINK_REFUSED_TLS, 2);
    node_stop(&a);
    fixture_end();
}

static void ends_cleanly_in_every_phase(void)
{
    for (int ms = 0; ms < 30; ms += 3) {
        struct node a, b;
        fixture_begin();
        node_start(&a, "a", "b", UNUSED_PORT);
        node_start(&b, "b", "a", local_address(links_port(a.links)));
        CU_ASSERT(links_readdress(a.links, 0, local_address(links_port(b.links)), &fault));
        run_for_ms(ms);
        node_stop(&b);
        run_for_ms(1);
        node_stop(&a);
        fixture_end();
    }
}

SUITE_MAIN("link_refusal", TEST(client_without_certificate), TEST(client_expired), TEST(client_of_another_authority),
           TEST(client_with_two_names), TEST(client_of_tls_1_2), TEST(server_expired), TEST(server_not_yet_valid),
           TEST(server_of_another_authority), TEST(server_of_tls_1_2), TEST(dialled_node_is_another),
           TEST(stranger_of_the_right_authority), TEST(own_name_is_refused),
           TEST(other_cluster_is_refused_with_both_named), TEST(malformed_frames_are_refused),
           TEST(bad_hellos_are_refused), TEST(half_a_frame_is_waited_for_then_given_up),
           TEST(newer_connection_of_a_peer_replaces_the_older), TEST(node_killed_without_goodbye_is_noticed),
           TEST(what_came_during_a_pause_is_thrown_away), TEST(idle_crowd_harms_nobody),
           TEST(plain_bytes_are_refused), TEST(ends_cleanly_in_every_phase))
