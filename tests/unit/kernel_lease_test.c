/* The kernel lease in a network namespace of our own, with real connections through its rules.
 *
 * Needs root (a namespace and CAP_NET_ADMIN); without it the suite says so and skips.
 */
#include "coordinator/database/kernel_lease.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define PORT 15432
#define SECOND_US ((int64_t)CLOCK_US_PER_S)

static struct kernel_lease_worker *worker;
static const char *const allowed[] = { "127.0.0.9", "10.1.2.3", "fd00::1" };
static const struct kernel_lease_settings settings = {
    .service = "shop-1", .port = PORT, .allow = allowed, .allow_count = 3,
};

struct outcome {
    bool done;
    int count;
    struct kernel_lease_report report;
};

static void on_done(void *arg, const struct kernel_lease_report *report)
{
    struct outcome *outcome = arg;
    outcome->done = true;
    outcome->count++;
    outcome->report = *report;
}

static struct kernel_lease_report await(struct outcome *outcome)
{
    CU_ASSERT_FALSE(outcome->done);
    CU_ASSERT_TRUE(pg_fixture_run(pg_fixture_loop(), &outcome->done, 10000));
    return outcome->report;
}

static int64_t in_us(int64_t us)
{
    return base_mono_us() + us;
}

static struct kernel_lease_report install(struct kernel_lease *lease, int64_t until_us)
{
    struct outcome outcome = { 0 };
    kernel_lease_install(lease, until_us, in_us(5 * SECOND_US), on_done, &outcome);
    return await(&outcome);
}

static struct kernel_lease_report hold(struct kernel_lease *lease, int64_t until_us)
{
    struct outcome outcome = { 0 };
    kernel_lease_hold(lease, until_us, in_us(5 * SECOND_US), on_done, &outcome);
    return await(&outcome);
}

static struct kernel_lease_report shut(struct kernel_lease *lease)
{
    struct outcome outcome = { 0 };
    kernel_lease_shut(lease, in_us(5 * SECOND_US), on_done, &outcome);
    return await(&outcome);
}

static struct kernel_lease_report inspect(struct kernel_lease *lease)
{
    struct outcome outcome = { 0 };
    kernel_lease_inspect(lease, in_us(5 * SECOND_US), on_done, &outcome);
    return await(&outcome);
}

static struct kernel_lease *lease_make(void)
{
    struct fault fault = { "" };
    struct kernel_lease *lease = kernel_lease_new(worker, &settings, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lease);
    return lease;
}

/* An administrator at the command line. */
static bool nft(const char *command)
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDERR_FILENO);
        (void)execl("/usr/sbin/nft", "nft", command, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void wait_ms(long ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&time, NULL);
}

/* ---- connections ------------------------------------------------------------------------- */

static int listener4, listener6;

static struct sockaddr_storage address_of(const char *ip, uint16_t port, socklen_t *length)
{
    struct sockaddr_storage storage = { 0 };
    if (strchr(ip, ':') != NULL) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        (void)inet_pton(AF_INET6, ip, &v6->sin6_addr);
        *length = sizeof *v6;
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        (void)inet_pton(AF_INET, ip, &v4->sin_addr);
        *length = sizeof *v4;
    }
    return storage;
}

static int listen_on(const char *ip)
{
    socklen_t length;
    int one = 1;
    struct sockaddr_storage address = address_of(ip, PORT, &length);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, length), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 16), 0);
    return fd;
}

/* A connection from `from` to `to`; -1 when it isn't there within 300 ms. */
static int connect_from(const char *from, const char *to)
{
    socklen_t length, from_length;
    struct sockaddr_storage address = address_of(to, PORT, &length);
    struct sockaddr_storage source = address_of(from, 0, &from_length);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&source, from_length), 0);
    struct pollfd poller = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t size = sizeof error;
    if (connect(fd, (struct sockaddr *)&address, length) == 0)
        return fd;
    if (errno == EINPROGRESS && poll(&poller, 1, 300) == 1 &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static bool can_connect(const char *from, const char *to)
{
    int fd = connect_from(from, to);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

static int accept_one(int listener)
{
    struct pollfd poller = { .fd = listener, .events = POLLIN };
    int fd = -1, next;
    while (poll(&poller, 1, fd < 0 ? 300 : 0) == 1 && (next = accept(listener, NULL, NULL)) >= 0) {
        if (fd >= 0)
            (void)close(fd);
        fd = next; /* the newest */
    }
    return fd;
}

static bool arrives(int from, int to, int limit_ms)
{
    char byte = 'x', got = 0;
    struct pollfd poller = { .fd = to, .events = POLLIN };
    if (write(from, &byte, 1) != 1)
        return false;
    return poll(&poller, 1, limit_ms) == 1 && read(to, &got, 1) == 1;
}

static void drain(int fd)
{
    char bytes[64];
    struct pollfd poller = { .fd = fd, .events = POLLIN };
    while (poll(&poller, 1, 20) == 1 && read(fd, bytes, sizeof bytes) > 0)
        ;
}

/* ---- the tests --------------------------------------------------------------------------- */

static void is_available_here(void)
{
    struct fault fault = { "" };
    CU_ASSERT_TRUE(kernel_lease_available(&fault));
    if (fault.text[0] != '\0')
        fprintf(stderr, "%s\n", fault.text);
    /* and says so where it isn't */
    pid_t pid = fork();
    if (pid == 0) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
        (void)syscall(SYS_capset, &header, none);
        _exit(kernel_lease_available(&fault) ? 1 : strstr(fault.text, "CAP_NET_ADMIN") != NULL ? 0 : 2);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    listener4 = listen_on("127.0.0.1");
    listener6 = listen_on("::1");
    worker = kernel_lease_worker_new(pg_fixture_loop(), &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(worker);
}

static void installed_it_is_shut_for_all_but_the_named(void)
{
    struct kernel_lease *lease = lease_make();
    CU_ASSERT_TRUE(can_connect("127.0.0.1", "127.0.0.1"));
    struct kernel_lease_report report = install(lease, 0);
    CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(report.whole && !report.open && !report.repaired);
    CU_ASSERT_FALSE(can_connect("127.0.0.1", "127.0.0.1"));
    CU_ASSERT_FALSE(can_connect("::1", "::1"));
    CU_ASSERT_TRUE(can_connect("127.0.0.9", "127.0.0.1")); /* replication */
    kernel_lease_free(lease);
}

static void held_it_is_open_until_the_deadline_and_no_longer(void)
{
    struct kernel_lease *lease = lease_make();
    CU_ASSERT_EQUAL(install(lease, 0).outcome, KERNEL_LEASE_DONE);
    int64_t until_us = in_us(1200 * CLOCK_US_PER_MS);
    struct kernel_lease_report report = hold(lease, until_us);
    CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(report.whole && report.open && report.remaining_ms > 0);
    /* the kernel's own idea of the end is not after ours */
    CU_ASSERT_TRUE(report.at_us + report.remaining_ms * CLOCK_US_PER_MS <= until_us);
    int client = connect_from("127.0.0.1", "127.0.0.1");
    CU_ASSERT_TRUE_FATAL(client >= 0);
    CU_ASSERT_TRUE(can_connect("::1", "::1"));
    int server = accept_one(listener4);
    CU_ASSERT_TRUE_FATAL(server >= 0);
    CU_ASSERT_TRUE(arrives(client, server, 300));
    CU_ASSERT_TRUE(arrives(server, client, 300));
    while (base_mono_us() < until_us)
        wait_ms(10);
    /* nobody did anything: the open connection stands still, in both directions, and new ones don't come */
    CU_ASSERT_FALSE(arrives(server, client, 200));
    CU_ASSERT_FALSE(arrives(client, server, 200));
    CU_ASSERT_FALSE(can_connect("127.0.0.1", "127.0.0.1"));
    report = inspect(lease);
    CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_FALSE(report.open);
    /* a new lease, and it goes on where it was */
    CU_ASSERT_EQUAL(hold(lease, in_us(5 * SECOND_US)).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(arrives(server, client, 3000));
    report = shut(lease);
    CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(report.whole && !report.open);
    drain(client); /* what was sent while it stood still arrives late */
    CU_ASSERT_FALSE(arrives(server, client, 100));
    CU_ASSERT_EQUAL(shut(lease).outcome, KERNEL_LEASE_DONE); /* again */
    (void)close(client);
    (void)close(server);
    kernel_lease_free(lease);
}

static void renewals_follow_each_other_without_a_gap(void)
{
    struct kernel_lease *lease = lease_make();
    CU_ASSERT_EQUAL(install(lease, in_us(SECOND_US)).outcome, KERNEL_LEASE_DONE);
    int client = connect_from("127.0.0.1", "127.0.0.1");
    int server = accept_one(listener4);
    CU_ASSERT_TRUE_FATAL(client >= 0 && server >= 0);
    for (int i = 0; i < 6; i++) {
        int64_t until_us = in_us(SECOND_US);
        struct kernel_lease_report report = hold(lease, until_us);
        CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_DONE);
        CU_ASSERT_TRUE(report.open);
        CU_ASSERT_TRUE(report.at_us + report.remaining_ms * CLOCK_US_PER_MS <= until_us);
        CU_ASSERT_TRUE(arrives(server, client, 200));
        wait_ms(100);
    }
    /* also to an earlier end */
    struct kernel_lease_report report = hold(lease, in_us(400 * CLOCK_US_PER_MS));
    CU_ASSERT_TRUE(report.open && report.remaining_ms <= 400);
    (void)close(client);
    (void)close(server);
    kernel_lease_free(lease);
}

static void nothing_left_nothing_set(void)
{
    struct kernel_lease *lease = lease_make();
    CU_ASSERT_EQUAL(install(lease, 0).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_EQUAL(shut(lease).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_EQUAL(hold(lease, in_us(-1)).outcome, KERNEL_LEASE_LATE);
    CU_ASSERT_EQUAL(hold(lease, in_us(100 * CLOCK_US_PER_MS)).outcome, KERNEL_LEASE_LATE);
    CU_ASSERT_FALSE(inspect(lease).open);
    CU_ASSERT_EQUAL(hold(lease, INT64_MAX / 2).outcome, KERNEL_LEASE_DONE); /* and no end is a day at the most */
    struct kernel_lease_report report = inspect(lease);
    CU_ASSERT_TRUE(report.open && report.remaining_ms <= 24 * 3600 * 1000LL &&
                   report.remaining_ms > 23 * 3600 * 1000LL);
    CU_ASSERT_EQUAL(shut(lease).outcome, KERNEL_LEASE_DONE);
    kernel_lease_free(lease);
}

static void an_expired_ticket_opens_nothing(void)
{
    /* what a thread that was paused before its transaction sends when it wakes: the kernel takes none of it */
    struct kernel_lease *lease = lease_make();
    CU_ASSERT_EQUAL(install(lease, 0).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_EQUAL(shut(lease).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(nft("flush set inet failoverd_shop_1 ticket; add element inet failoverd_shop_1 ticket "
                       "{ 15432 timeout 200ms }"));
    wait_ms(KERNEL_LEASE_TICKET_MS + KERNEL_LEASE_ROUNDING_MS);
    CU_ASSERT_FALSE(nft("delete element inet failoverd_shop_1 ticket { 15432 }; flush set inet failoverd_shop_1 open; "
                        "add element inet failoverd_shop_1 open { 15432 timeout 5000ms }"));
    CU_ASSERT_FALSE(inspect(lease).open);
    kernel_lease_free(lease);
}

static void another_process_keeps_what_is_left(void)
{
    struct kernel_lease *first = lease_make();
    CU_ASSERT_EQUAL(install(first, in_us(10 * SECOND_US)).outcome, KERNEL_LEASE_DONE);
    kernel_lease_free(first); /* the daemon was restarted */
    struct kernel_lease *lease = lease_make();
    CU_ASSERT_EQUAL(inspect(lease).outcome, KERNEL_LEASE_VANISHED); /* not known to be whole yet */
    struct kernel_lease_report report = install(lease, 0);
    CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(report.open && report.remaining_ms > 5000 && !report.repaired);
    kernel_lease_free(lease);
}

static const char *const meddling[] = {
    "flush ruleset",
    "delete table inet failoverd_shop_1",
    "flush chain inet failoverd_shop_1 output",
    "flush table inet failoverd_shop_1",
    "insert rule inet failoverd_shop_1 input accept",
    "add element inet failoverd_shop_1 allow4 { 127.0.0.1 }",
    "add table inet failoverd_shop_1 { flags dormant; }",
    "delete table inet failoverd_shop_1; add table inet failoverd_shop_1; add set inet failoverd_shop_1 open "
    "{ type ipv4_addr; }",
};

static void meddling_is_noticed_and_put_right(void)
{
    struct kernel_lease *lease = lease_make();
    for (size_t i = 0; i < sizeof meddling / sizeof meddling[0]; i++) {
        CU_ASSERT_EQUAL(install(lease, in_us(10 * SECOND_US)).outcome, KERNEL_LEASE_DONE);
        CU_ASSERT_TRUE(nft(meddling[i]));
        struct kernel_lease_report report = inspect(lease);
        CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_VANISHED);
        CU_ASSERT_FALSE(report.whole);
        CU_ASSERT_TRUE(report.why.text[0] != '\0');
        CU_ASSERT_EQUAL(hold(lease, in_us(10 * SECOND_US)).outcome, KERNEL_LEASE_VANISHED);
        CU_ASSERT_EQUAL(shut(lease).outcome, KERNEL_LEASE_VANISHED);
        report = install(lease, 0);
        CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_DONE);
        CU_ASSERT_TRUE(report.whole && !report.open);
        CU_ASSERT_FALSE(can_connect("127.0.0.1", "127.0.0.1"));
    }
    kernel_lease_free(lease);
}

/* No inspection in between: the hold itself must not open what is not fenced. */
static void a_hold_notices_meddling_by_itself(void)
{
    struct kernel_lease *lease = lease_make();
    for (size_t i = 0; i < sizeof meddling / sizeof meddling[0]; i++) {
        CU_ASSERT_EQUAL(install(lease, in_us(10 * SECOND_US)).outcome, KERNEL_LEASE_DONE);
        CU_ASSERT_EQUAL(hold(lease, in_us(10 * SECOND_US)).outcome, KERNEL_LEASE_DONE);
        CU_ASSERT_TRUE(nft(meddling[i]));
        struct kernel_lease_report report = hold(lease, in_us(10 * SECOND_US));
        CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_VANISHED);
        CU_ASSERT_FALSE(report.whole);
        CU_ASSERT_TRUE(report.why.text[0] != '\0');
        report = install(lease, 0);
        CU_ASSERT_TRUE(report.outcome == KERNEL_LEASE_DONE && report.whole && !report.open);
    }
    kernel_lease_free(lease);
}

static void an_element_taken_away_comes_back_with_the_next_hold(void)
{
    struct kernel_lease *lease = lease_make();
    CU_ASSERT_EQUAL(install(lease, in_us(10 * SECOND_US)).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(nft("flush set inet failoverd_shop_1 open"));
    CU_ASSERT_FALSE(can_connect("127.0.0.1", "127.0.0.1"));
    struct kernel_lease_report report = hold(lease, in_us(5 * SECOND_US));
    CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(report.open && report.remaining_ms > 4000 && report.remaining_ms <= 5000);
    CU_ASSERT_TRUE(can_connect("127.0.0.1", "127.0.0.1"));
    /* one without end, which is not ours to leave */
    CU_ASSERT_TRUE(nft("flush set inet failoverd_shop_1 open; add element inet failoverd_shop_1 open { 15432 }"));
    report = hold(lease, in_us(5 * SECOND_US));
    CU_ASSERT_TRUE(report.outcome == KERNEL_LEASE_DONE && report.remaining_ms <= 5000);
    CU_ASSERT_EQUAL(shut(lease).outcome, KERNEL_LEASE_DONE);
    kernel_lease_free(lease);
}

/* Two services on a host, and a firewall that is being worked on: every hold goes through. */
static void others_on_the_host_do_not_hinder_a_hold(void)
{
    struct fault fault = { "" };
    struct kernel_lease_settings second = settings;
    second.service = "till";
    second.port = PORT + 1;
    struct kernel_lease *lease = lease_make(), *other = kernel_lease_new(worker, &second, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    CU_ASSERT_EQUAL(install(lease, 0).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_EQUAL(install(other, 0).outcome, KERNEL_LEASE_DONE);
    for (int i = 0; i < 20; i++) {
        int64_t until_us = in_us(5 * SECOND_US);
        struct kernel_lease_report report = hold(i % 3 == 0 ? lease : other, until_us);
        CU_ASSERT_EQUAL(report.outcome, KERNEL_LEASE_DONE);
        CU_ASSERT_TRUE(report.open && report.whole);
        CU_ASSERT_TRUE(report.at_us + report.remaining_ms * CLOCK_US_PER_MS <= until_us);
        if (i % 5 == 4)
            CU_ASSERT_TRUE(nft("add table inet friendly; delete table inet friendly"));
    }
    pid_t busy = fork();
    if (busy == 0)
        for (;;)
            (void)nft("add table inet friendly; delete table inet friendly");
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(hold(lease, in_us(5 * SECOND_US)).outcome, KERNEL_LEASE_DONE);
        wait_ms(5);
    }
    (void)kill(busy, SIGKILL);
    (void)waitpid(busy, NULL, 0);
    CU_ASSERT_EQUAL(shut(lease).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(inspect(other).open);
    struct outcome outcome = { 0 };
    kernel_lease_remove(other, in_us(5 * SECOND_US), on_done, &outcome);
    CU_ASSERT_EQUAL(await(&outcome).outcome, KERNEL_LEASE_DONE);
    kernel_lease_free(other);
    kernel_lease_free(lease);
}

static void a_firewall_of_others_can_not_open_it(void)
{
    struct kernel_lease *lease = lease_make();
    CU_ASSERT_EQUAL(install(lease, 0).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_EQUAL(shut(lease).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(nft("add table inet friendly; add chain inet friendly input { type filter hook input priority -300; }; "
                       "add rule inet friendly input tcp dport 15432 accept; add chain inet friendly late { type filter hook "
                       "input priority 400; }; add rule inet friendly late accept"));
    CU_ASSERT_FALSE(can_connect("127.0.0.1", "127.0.0.1"));
    CU_ASSERT_EQUAL(inspect(lease).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(nft("delete table inet friendly"));
    kernel_lease_free(lease);
}

static void strange_settings_are_refused(void)
{
    static const char *const names[] = { "", "UPPER", "a b", "x; flush ruleset", "under_score" };
    struct fault fault;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct kernel_lease_settings strange = settings;
        strange.service = names[i];
        CU_ASSERT_PTR_NULL(kernel_lease_new(worker, &strange, &fault));
    }
    const char *const addresses[] = { "10.0.0.1 }; flush ruleset" };
    struct kernel_lease_settings strange = settings;
    strange.allow = addresses;
    strange.allow_count = 1;
    CU_ASSERT_PTR_NULL(kernel_lease_new(worker, &strange, &fault));
    strange = settings;
    strange.port = 0;
    CU_ASSERT_PTR_NULL(kernel_lease_new(worker, &strange, &fault));
}

static void a_full_house_of_addresses_fits(void)
{
    static char texts[KERNEL_LEASE_ALLOW_MAX][48];
    const char *list[KERNEL_LEASE_ALLOW_MAX];
    struct fault fault = { "" };
    for (unsigned i = 0; i < KERNEL_LEASE_ALLOW_MAX; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "fd00:1111:2222:3333:4444:5555:6666:%x", 0x1000 + i);
        list[i] = texts[i];
    }
    char name[KERNEL_LEASE_SERVICE_MAX + 1];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct kernel_lease_settings full = { .service = name, .port = 65535, .allow = list,
                                          .allow_count = KERNEL_LEASE_ALLOW_MAX };
    struct kernel_lease *lease = kernel_lease_new(worker, &full, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lease);
    CU_ASSERT_EQUAL(install(lease, in_us(5 * SECOND_US)).outcome, KERNEL_LEASE_DONE);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(inspect(lease).outcome, KERNEL_LEASE_DONE); /* listed the same each time */
    struct outcome outcome = { 0 };
    kernel_lease_remove(lease, in_us(5 * SECOND_US), on_done, &outcome);
    CU_ASSERT_EQUAL(await(&outcome).outcome, KERNEL_LEASE_DONE);
    kernel_lease_free(lease);
}

/* IPv4 addresses as IPv6 programs write them, and the same one twice. */
static void an_address_may_be_spelt_in_any_way(void)
{
    static const char *const spelt[] = { "::ffff:127.0.0.8", "127.0.0.8", "0:0:0:0:0:0:0:1", "::1", "::FFFF:7f00:7" };
    struct kernel_lease_settings odd = { .service = "spelt", .port = PORT, .allow = spelt, .allow_count = 5 };
    struct fault fault = { "" };
    struct kernel_lease *lease = kernel_lease_new(worker, &odd, &fault);
    struct kernel_lease *first = lease_make();
    struct outcome outcome = { 0 }, again = { 0 };
    CU_ASSERT_PTR_NOT_NULL_FATAL(lease);
    kernel_lease_remove(first, in_us(5 * SECOND_US), on_done, &outcome);
    CU_ASSERT_EQUAL(await(&outcome).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_EQUAL(install(lease, 0).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(can_connect("127.0.0.8", "127.0.0.1"));
    CU_ASSERT_TRUE(can_connect("127.0.0.7", "127.0.0.1"));
    CU_ASSERT_FALSE(can_connect("127.0.0.1", "127.0.0.1"));
    CU_ASSERT_TRUE(can_connect("::1", "::1"));
    CU_ASSERT_EQUAL(inspect(lease).outcome, KERNEL_LEASE_DONE);
    kernel_lease_remove(lease, in_us(5 * SECOND_US), on_done, &again);
    CU_ASSERT_EQUAL(await(&again).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_EQUAL(install(first, 0).outcome, KERNEL_LEASE_DONE);
    kernel_lease_free(first);
    kernel_lease_free(lease);
}

static void requests_have_deadlines_and_owners(void)
{
    struct kernel_lease *lease = lease_make();
    struct outcome late = { 0 }, none = { 0 };
    kernel_lease_inspect(lease, in_us(-1), on_done, &late);
    CU_ASSERT_NOT_EQUAL(await(&late).outcome, KERNEL_LEASE_DONE);
    bool never = false;
    (void)pg_fixture_run(pg_fixture_loop(), &never, 50);
    CU_ASSERT_EQUAL(late.count, 1);
    for (int i = 0; i < 20; i++)
        kernel_lease_hold(lease, in_us(SECOND_US), in_us(5 * SECOND_US), on_done, &none);
    kernel_lease_free(lease);
    (void)pg_fixture_run(pg_fixture_loop(), &never, 200);
    CU_ASSERT_FALSE(none.done);
}

static void removed_it_lets_everybody_in(void)
{
    struct kernel_lease *lease = lease_make();
    struct outcome outcome = { 0 };
    kernel_lease_remove(lease, in_us(5 * SECOND_US), on_done, &outcome);
    CU_ASSERT_EQUAL(await(&outcome).outcome, KERNEL_LEASE_DONE);
    CU_ASSERT_TRUE(can_connect("127.0.0.1", "127.0.0.1"));
    CU_ASSERT_EQUAL(hold(lease, in_us(SECOND_US)).outcome, KERNEL_LEASE_VANISHED);
    /* freed with work in the queue */
    for (int i = 0; i < 5; i++)
        kernel_lease_inspect(lease, in_us(5 * SECOND_US), on_done, &outcome);
    kernel_lease_free(lease);
    kernel_lease_worker_free(worker);
    (void)close(listener4);
    (void)close(listener6);
}

/* Our own network, with its loopback up; before any thread is there. */
static bool namespace_enter(void)
{
    if (unshare(CLONE_NEWNET) != 0)
        return false;
    struct ifreq request = { .ifr_flags = IFF_UP };
    (void)snprintf(request.ifr_name, sizeof request.ifr_name, "lo");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    (void)close(fd);
    return up;
}

int main(void)
{
    static const struct suite_test tests[] = {
        TEST(is_available_here), TEST(installed_it_is_shut_for_all_but_the_named),
        TEST(held_it_is_open_until_the_deadline_and_no_longer), TEST(renewals_follow_each_other_without_a_gap),
        TEST(nothing_left_nothing_set), TEST(an_expired_ticket_opens_nothing), TEST(another_process_keeps_what_is_left),
        TEST(meddling_is_noticed_and_put_right), TEST(a_hold_notices_meddling_by_itself),
        TEST(an_element_taken_away_comes_back_with_the_next_hold), TEST(others_on_the_host_do_not_hinder_a_hold),
        TEST(a_firewall_of_others_can_not_open_it),
            TEST(strange_settings_are_refused),
        TEST(a_full_house_of_addresses_fits), TEST(an_address_may_be_spelt_in_any_way),
        TEST(requests_have_deadlines_and_owners),
            TEST(removed_it_lets_everybody_in),
    };
    if (geteuid() != 0) {
        printf("kernel_lease: skipped: network namespaces and nftables need root\n0 passed, 0 failed\n");
        return EXIT_SUCCESS;
    }
    if (!namespace_enter()) {
        printf("kernel_lease: no network namespace could be made: %s\n0 passed, 1 failed\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return suite_run("kernel_lease", tests, sizeof tests / sizeof tests[0]);
}
