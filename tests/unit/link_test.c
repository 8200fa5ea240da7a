/* Links between well-behaved nodes: up and down, messages, moving, reloading, queues, settings. */
#include "coordinator/peer/link.h"

#include "tests/unit/link_fixture.h"

static bool frames_arrived(void *arg)
{
    const struct pair *pair = arg;
    return pair->b->frames >= 3;
}

static bool round_trip_known(void *arg)
{
    return status_of(arg).round_trip_us >= 0;
}

static void messages_arrive_whole(void)
{
    struct node a, b;
    struct pair pair = { &a, &b };
    static unsigned char big[LINK_PAYLOAD_MAX + 1];
    fixture_begin();
    pair_start(&a, &b);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (unsigned char)(i * 31);
    CU_ASSERT_EQUAL(links_send(a.links, 0, "x", 1), LINK_QUEUED);
    CU_ASSERT_EQUAL(links_send(a.links, 0, "hello", 5), LINK_QUEUED);
    CU_ASSERT_EQUAL(links_send(a.links, 0, big, LINK_PAYLOAD_MAX), LINK_QUEUED);
    CU_ASSERT_EQUAL(links_send(a.links, 0, big, sizeof big), LINK_DROPPED);
    CU_ASSERT_EQUAL(links_send(a.links, 0, big, 0), LINK_DROPPED);
    CU_ASSERT(wait_until(frames_arrived, &pair));
    CU_ASSERT_EQUAL(b.bytes, 6 + LINK_PAYLOAD_MAX);
    CU_ASSERT_EQUAL(b.last_length, LINK_PAYLOAD_MAX);
    CU_ASSERT_EQUAL(memcmp(b.last, big, LINK_PAYLOAD_MAX), 0);
    CU_ASSERT_EQUAL(b.last_peer, 0);
    CU_ASSERT_EQUAL(a.frames, 0);
    CU_ASSERT(wait_until(round_trip_known, &a));
    struct link_status status = status_of(&a);
    CU_ASSERT_STRING_EQUAL(status.name, "b");
    CU_ASSERT_EQUAL(status.out.frames, 3);
    CU_ASSERT_EQUAL(status.out.bytes, 6 + LINK_PAYLOAD_MAX);
    CU_ASSERT_EQUAL(status.dropped_down, 2);
    CU_ASSERT_EQUAL(status.out.ups, 1);
    CU_ASSERT(status.out.since_us > 0);
    CU_ASSERT_EQUAL(status_of(&b).in.frames, 3);
    CU_ASSERT_EQUAL(a.ups[LINK_OUT], 1);
    CU_ASSERT_EQUAL(a.ups[LINK_IN], 1);
    node_stop(&a);
    node_stop(&b);
    fixture_end();
}

static bool many_arrived(void *arg)
{
    return ((struct node *)arg)->frames >= 1000;
}

static void many_small_ones_keep_their_order(void)
{
    struct node a, b;
    fixture_begin();
    pair_start(&a, &b);
    for (uint32_t i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(links_send(a.links, 0, &i, sizeof i), LINK_QUEUED);
    CU_ASSERT(wait_until(many_arrived, &b));
    uint32_t last;
    memcpy(&last, b.last, sizeof last);
    CU_ASSERT_EQUAL(last, 999);
    CU_ASSERT_EQUAL(b.frames, 1000);
    node_stop(&a);
    node_stop(&b);
    fixture_end();
}

static bool out_down(void *arg)
{
    return status_of(arg).out.phase != LINK_PHASE_UP && status_of(arg).in.phase != LINK_PHASE_UP;
}

static void restarted_peer_is_found_again(void)
{
    struct node a, b;
    struct pair pair = { &a, &b };
    fixture_begin();
    pair_start(&a, &b);
    uint16_t port = links_port(b.links);
    node_stop(&b);
    CU_ASSERT(wait_until(out_down, &a));
    /* It said goodbye, so this is not "gone". */
    CU_ASSERT_PTR_NOT_NULL(strstr(a.reason, "closed the connection"));
    CU_ASSERT_EQUAL(a.downs[LINK_OUT], 1);
    CU_ASSERT_EQUAL(a.downs[LINK_IN], 1);
    CU_ASSERT_EQUAL(links_send(a.links, 0, "lost", 4), LINK_DROPPED);
    expect_out_error(&a, "Connection refused");
    const struct links_peer peers[] = { { "a", local_address(links_port(a.links)) } };
    struct links_settings settings = fixture_settings("b", peers, 1);
    settings.listen = local_address(port);
    node_start_with(&b, settings);
    CU_ASSERT(wait_until(both_up, &pair));
    CU_ASSERT_EQUAL(status_of(&a).out.ups, 2);
    CU_ASSERT(status_of(&a).out.failures >= 2);
    node_stop(&a);
    node_stop(&b);
    fixture_end();
}

static bool in_up(void *arg)
{
    return status_of(arg).in.phase == LINK_PHASE_UP;
}

static void directions_fail_by_themselves(void)
{
    struct node a, b;
    fixture_begin();
    node_start(&a, "a", "b", UNUSED_PORT);
    node_start(&b, "b", "a", local_address(links_port(a.links)));
    CU_ASSERT(wait_until(in_up, &a));
    expect_out_error(&a, "Connection refused");
    CU_ASSERT_NOT_EQUAL(status_of(&a).out.phase, LINK_PHASE_UP);
    CU_ASSERT_EQUAL(status_of(&a).in.phase, LINK_PHASE_UP);
    node_stop(&a);
    node_stop(&b);
    fixture_end();
}

static void moved_peer_is_dialled_there(void)
{
    struct node a, b;
    struct pair pair = { &a, &b };
    fixture_begin();
    pair_start(&a, &b);
    CU_ASSERT_FALSE(links_readdress(a.links, 0, "nonsense", &fault));
    CU_ASSERT_FALSE(links_readdress(a.links, 0, "127.0.0.1:0", &fault));
    CU_ASSERT_EQUAL(status_of(&a).out.phase, LINK_PHASE_UP);
    CU_ASSERT(links_readdress(a.links, 0, UNUSED_PORT, &fault));
    CU_ASSERT_EQUAL(a.downs[LINK_OUT], 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(a.reason, "address was changed"));
    expect_out_error(&a, "Connection refused");
    CU_ASSERT(links_readdress(a.links, 0, local_address(links_port(b.links)), &fault));
    CU_ASSERT(wait_until(both_up, &pair));
    node_stop(&a);
    node_stop(&b);
    fixture_end();
}

static void reload_takes_new_files_or_keeps_old(void)
{
    struct node a, b;
    struct pair pair = { &a, &b };
    fixture_begin();
    pair_start(&a, &b);
    struct tls_files files = pki_files("b");
    CU_ASSERT_FALSE(links_reload_tls(a.links, &files, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "stay in use"));
    files = pki_files("a-expired");
    CU_ASSERT_FALSE(links_reload_tls(a.links, &files, &fault));
    /* Standing connections stay over a good reload, and new ones use it. */
    files = pki_files("a");
    CU_ASSERT(links_reload_tls(a.links, &files, &fault));
    CU_ASSERT(both_up(&pair));
    struct tls_expiry expiry;
    links_expiry(a.links, &expiry);
    CU_ASSERT(expiry.days_left > 300);
    const char *address = local_address(links_port(b.links));
    CU_ASSERT(links_readdress(a.links, 0, UNUSED_PORT, &fault) && links_readdress(a.links, 0, address, &fault));
    CU_ASSERT(wait_until(both_up, &pair));
    node_stop(&a);
    node_stop(&b);
    fixture_end();
}

/* --- a receiver that does not read ----------------------------------------------------------- */

struct deaf {
    struct wire wire;
    int listener;
    uint16_t port;
    struct event *acceptable;
    bool greet;
    const char *answer; /* instead of a hello; a string, after its length */
    size_t answer_length;
};

static void deaf_event(struct bufferevent *bev, short events, void *arg)
{
    struct deaf *deaf = arg;
    wire_event(bev, events, &deaf->wire);
    if ((events & BEV_EVENT_CONNECTED) != 0 && deaf->greet) {
        wire_say_hello(&deaf->wire);
        bufferevent_disable(bev, EV_READ);
    }
    if ((events & BEV_EVENT_CONNECTED) != 0 && deaf->answer != NULL)
        wire_say(&deaf->wire, deaf->answer, deaf->answer_length);
}

static void deaf_accept(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct deaf *deaf = arg;
    int conversation = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int small = 4096;
    if (conversation < 0 || deaf->wire.bev != NULL) {
        close(conversation);
        return;
    }
    (void)setsockopt(conversation, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct tls_files files = pki_files("b");
    deaf->wire.tls = tls_context_new(&files, "b", &fault);
    wire_use(&deaf->wire, tls_accept(deaf->wire.tls, loop_base(loop), conversation, &fault));
    bufferevent_setcb(deaf->wire.bev, wire_read, NULL, deaf_event, deaf);
}

static void deaf_start(struct deaf *deaf, bool greet)
{
    struct sockaddr_in where = { .sin_family = AF_INET };
    socklen_t length = sizeof where;
    memset(deaf, 0, sizeof *deaf);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    deaf->greet = greet;
    deaf->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CU_ASSERT_EQUAL_FATAL(bind(deaf->listener, (struct sockaddr *)&where, length), 0);
    CU_ASSERT_EQUAL_FATAL(listen(deaf->listener, 8), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(deaf->listener, (struct sockaddr *)&where, &length), 0);
    deaf->port = ntohs(where.sin_port);
    deaf->acceptable = event_new(loop_base(loop), deaf->listener, EV_READ | EV_PERSIST, deaf_accept, deaf);
    event_add(deaf->acceptable, NULL);
}

static void deaf_stop(struct deaf *deaf)
{
    event_free(deaf->acceptable);
    close(deaf->listener);
    if (deaf->wire.bev != NULL)
        wire_close(&deaf->wire);
}

static bool out_up(void *arg)
{
    return status_of(arg).out.phase == LINK_PHASE_UP;
}

static bool out_not_up(void *arg)
{
    return status_of(arg).out.phase != LINK_PHASE_UP;
}

static bool dropped_stale(void *arg)
{
    return status_of(arg).dropped_stale > 0;
}

static void deaf_receiver_costs_only_its_queue(void)
{
    struct node a;
    struct deaf b;
    static unsigned char message[30000];
    fixture_begin();
    deaf_start(&b, true);
    const struct links_peer peers[] = { { "b", local_address(b.port) } };
    struct links_settings settings = fixture_settings("a", peers, 1);
    settings.idle_ms = 600;
    node_start_with(&a, settings);
    CU_ASSERT_FATAL(wait_until(out_up, &a));
    for (int i = 0; i < 400; i++) {
        CU_ASSERT_EQUAL(links_send(a.links, 0, message, sizeof message), LINK_QUEUED);
        if (i % 40 == 0)
            run_for_ms(1);
        CU_ASSERT(status_of(&a).queued_bytes <= LINK_QUEUE_BYTES_MAX);
    }
    CU_ASSERT(status_of(&a).dropped_overflow > 100);
    /* It answers no ping either, so the road is given up, and what waited with it. */
    CU_ASSERT(wait_until(out_not_up, &a));
    CU_ASSERT_PTR_NOT_NULL(strstr(a.reason, "nothing was heard of it for 600ms"));
    struct link_status status = status_of(&a);
    CU_ASSERT(status.dropped_broken > 0);
    CU_ASSERT_EQUAL(status.queued_bytes, 0);
    CU_ASSERT_EQUAL(status.round_trip_us, -1);
    node_stop(&a);
    deaf_stop(&b);
    fixture_end();
}

static bool heard_much(void *arg)
{
    return evbuffer_get_length(((struct deaf *)arg)->wire.heard) > 1000;
}

/* A receiver that pauses for longer than a message may wait gets none of the waiting ones. */
static void waiting_messages_grow_stale(void)
{
    struct node a;
    struct deaf b;
    static unsigned char message[30000];
    fixture_begin();
    deaf_start(&b, true);
    const struct links_peer peers[] = { { "b", local_address(b.port) } };
    struct links_settings settings = fixture_settings("a", peers, 1);
    settings.idle_ms = 10000;
    node_start_with(&a, settings);
    CU_ASSERT_FATAL(wait_until(out_up, &a));
    for (int i = 0; i < 400; i++) {
        (void)links_send(a.links, 0, message, sizeof message);
        if (i % 40 == 0)
            run_for_ms(1);
    }
    run_for_ms(LINK_QUEUE_AGE_MAX_MS + 50);
    bufferevent_enable(b.wire.bev, EV_READ);
    CU_ASSERT(wait_until(heard_much, &b));
    CU_ASSERT(wait_until(dropped_stale, &a));
    CU_ASSERT_EQUAL(status_of(&a).out.phase, LINK_PHASE_UP);
    node_stop(&a);
    deaf_stop(&b);
    fixture_end();
}

/* As a stopped process looks: TCP is accepted by its kernel, and then nothing. */
static void silent_acceptor_is_given_up(void)
{
    struct node a;
    struct deaf b;
    fixture_begin();
    deaf_start(&b, false);
    const struct links_peer peers[] = { { "b", local_address(b.port) } };
    struct links_settings settings = fixture_settings("a", peers, 1);
    settings.handshake_ms = 300;
    node_start_with(&a, settings);
    expect_out_error(&a, "no hello came within 300ms");
    CU_ASSERT_EQUAL(a.ups[LINK_OUT], 0);
    node_stop(&a);
    deaf_stop(&b);
    fixture_end();
}

static void answer_refused(const char *answer, size_t length, const char *word)
{
    struct node a;
    struct deaf b;
    fixture_begin();
    deaf_start(&b, false);
    b.answer = answer;
    b.answer_length = length;
    node_start(&a, "a", "b", local_address(b.port));
    expect_out_error(&a, word);
    CU_ASSERT_EQUAL(a.ups[LINK_OUT], 0);
    node_stop(&a);
    deaf_stop(&b);
    fixture_end();
}

#define BYTES(text) text, sizeof(text) - 1

/* Who accepts may be hostile as well: nothing of it is believed, and no text reaches a terminal raw. */
static void bad_answers_are_refused(void)
{
    answer_refused(BYTES("\0\0\0\0"), "empty frame");
    answer_refused(BYTES("\377\377\377\377"), "4294967295 bytes");
    answer_refused(BYTES("\0\0\0\2Mx"), "not a hello");
    answer_refused(BYTES("\0\0\0\xcH{\"hello\":2}"), "protocol 2, and this node speaks 1");
    answer_refused(BYTES("\0\0\0\7R\033[2Jno"), "it refused us: \\u001b[2Jno");
    answer_refused(BYTES("\0\0\0\1R"), "it refused us: ");
}

/* --- settings -------------------------------------------------------------------------------- */

static void settings_refused(struct links_settings settings, const char *word)
{
    settings.callbacks.on_frame = fixture_frame;
    CU_ASSERT_PTR_NULL(links_new(loop, &settings, &fault));
    if (strstr(fault.text, word) == NULL)
        printf("  wanted \"%s\" in: %s\n", word, fault.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, word));
}

static void peers_refused(const char *name, const char *address, const char *word)
{
    const struct links_peer peers[] = { { "b", "127.0.0.1:7400" }, { name, address } };
    settings_refused(fixture_settings("a", peers, 2), word);
}

static void bad_settings_are_refused(void)
{
    fixture_begin();
    peers_refused("b", "127.0.0.1:7401", "peer b is given twice");
    peers_refused("a", "127.0.0.1:7401", "own name");
    peers_refused("", "127.0.0.1:7401", "1 to 63 bytes");
    static const char *const bad[] = { "127.0.0.1", ":7400", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
                                       "::1:7400", "[::1]", "[host]:7400x", "[]:1", "" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        peers_refused("c", bad[i], "is not an address");
    peers_refused("c", "host.example:7400", "no resolver");
    struct links_settings settings = fixture_settings("a", NULL, 0);
    settings.listen = "localhost:0";
    settings_refused(settings, "has to be an IP address");
    settings.listen = "192.0.2.1:7400";
    settings_refused(settings, "can't listen");
    settings = fixture_settings("a", NULL, 0);
    settings.tls = pki_files("b");
    settings_refused(settings, "certificate of node b");
    struct node a;
    node_start_with(&a, fixture_settings("a", NULL, 0));
    settings = fixture_settings("a", NULL, 0);
    settings.listen = local_address(links_port(a.links));
    settings_refused(settings, "Address already in use");
    node_stop(&a);
    fixture_end();
}

static void names_are_resolved(void)
{
    struct node a, b;
    struct pair pair = { &a, &b };
    char address[32];
    fixture_begin();
    struct resolver *resolver = resolver_new(loop, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
    node_start(&b, "b", "a", UNUSED_PORT);
    (void)snprintf(address, sizeof address, "localhost:%u", links_port(b.links));
    const struct links_peer peers[] = { { "b", address } };
    struct links_settings settings = fixture_settings("a", peers, 1);
    settings.resolver = resolver;
    node_start_with(&a, settings);
    CU_ASSERT(links_readdress(b.links, 0, local_address(links_port(a.links)), &fault));
    CU_ASSERT(wait_until(both_up, &pair));
    node_stop(&a);
    node_stop(&b);
    resolver_free(resolver);
    fixture_end();
}

static void ipv6_works(void)
{
    struct node a, b;
    struct pair pair = { &a, &b };
    char address[32];
    fixture_begin();
    const struct links_peer peers[] = { { "a", UNUSED_PORT } };
    struct links_settings settings = fixture_settings("b", peers, 1);
    settings.listen = "[::1]:0";
    settings.callbacks.on_frame = fixture_frame;
    struct links *probe = links_new(loop, &settings, &fault);
    if (probe == NULL) {
        puts("  no IPv6 here: left out");
        fixture_end();
        return;
    }
    links_free(probe);
    node_start_with(&b, settings);
    (void)snprintf(address, sizeof address, "[::1]:%u", links_port(b.links));
    node_start(&a, "a", "b", address);
    CU_ASSERT(links_readdress(b.links, 0, local_address(links_port(a.links)), &fault));
    CU_ASSERT(wait_until(both_up, &pair));
    node_stop(&a);
    node_stop(&b);
    fixture_end();
}

SUITE_MAIN("link", TEST(messages_arrive_whole), TEST(many_small_ones_keep_their_order),
           TEST(restarted_peer_is_found_again), TEST(directions_fail_by_themselves),
           TEST(moved_peer_is_dialled_there), TEST(reload_takes_new_files_or_keeps_old),
           TEST(deaf_receiver_costs_only_its_queue), TEST(waiting_messages_grow_stale),
           TEST(silent_acceptor_is_given_up), TEST(bad_answers_are_refused),
            TEST(bad_settings_are_refused), TEST(names_are_resolved),
           TEST(ipv6_works))
