/* What a hold says to nf_tables, in a network namespace of our own, against what libnftables' command shows.
 *
 * Needs root; without it the suite says so and skips.
 */
#include "coordinator/database/nft_wire.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/suite.h"

#define PORT 15432

static struct nft_wire wire = NFT_WIRE_CLOSED;

static bool nft(const char *command)
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)execl("/usr/sbin/nft", "nft", command, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void table_make(void)
{
    CU_ASSERT_TRUE(nft("flush ruleset; add table inet t; add set inet t open { type inet_service; flags timeout; }; "
                       "add set inet t ticket { type inet_service; flags timeout; }"));
}

static uint32_t generation(void)
{
    struct fault fault = { "" };
    uint32_t found = 0;
    CU_ASSERT_TRUE(nft_wire_generation(&wire, &found, &fault));
    return found;
}

static int64_t remaining_ms(const char *set)
{
    struct fault fault = { "" };
    int64_t found = -1;
    CU_ASSERT_TRUE(nft_wire_remaining_ms(&wire, "t", set, PORT, &found, &fault));
    return found;
}

static void generations_count_transactions(void)
{
    struct fault fault;
    table_make();
    uint32_t before = generation();
    CU_ASSERT_EQUAL(generation(), before);
    CU_ASSERT_EQUAL(nft_wire_put(&wire, "t", "ticket", PORT, 5000, before, &fault), NFT_WIRE_DONE);
    uint32_t after = nft_wire_generation_next(before);
    CU_ASSERT_EQUAL(generation(), after);
    CU_ASSERT_EQUAL(nft_wire_exchange(&wire, "t", "ticket", "open", PORT, 5000, after, &fault), NFT_WIRE_DONE);
    CU_ASSERT_EQUAL(generation(), nft_wire_generation_next(after));
    CU_ASSERT_EQUAL(nft_wire_generation_next(UINT32_MAX), 1);
}

static void an_element_is_as_nft_shows_it(void)
{
    struct fault fault;
    table_make();
    CU_ASSERT_EQUAL(remaining_ms("open"), 0);
    CU_ASSERT_EQUAL(nft_wire_put(&wire, "t", "open", PORT, 60000, 0, &fault), NFT_WIRE_DONE);
    CU_ASSERT_TRUE(nft("get element inet t open { 15432 }"));
    CU_ASSERT_FALSE(nft("get element inet t open { 15433 }"));
    int64_t left_ms = remaining_ms("open");
    CU_ASSERT_TRUE(left_ms > 50000 && left_ms <= 60000);
    /* nothing but the one asked for is left in it, with the newest time */
    CU_ASSERT_TRUE(nft("add element inet t open { 15433 }"));
    CU_ASSERT_EQUAL(nft_wire_put(&wire, "t", "open", PORT, 20000, 0, &fault), NFT_WIRE_DONE);
    CU_ASSERT_FALSE(nft("get element inet t open { 15433 }"));
    CU_ASSERT_TRUE(remaining_ms("open") <= 20000);
    CU_ASSERT_TRUE(nft("flush set inet t open; add element inet t open { 15432 }"));
    CU_ASSERT_EQUAL(remaining_ms("open"), INT64_MAX);
}

static void without_its_ticket_nothing_is_exchanged(void)
{
    struct fault fault = { "" };
    table_make();
    CU_ASSERT_EQUAL(nft_wire_exchange(&wire, "t", "ticket", "open", PORT, 5000, 0, &fault), NFT_WIRE_REFUSED);
    CU_ASSERT_TRUE(fault.text[0] != '\0');
    CU_ASSERT_EQUAL(remaining_ms("open"), 0);
    CU_ASSERT_EQUAL(nft_wire_put(&wire, "t", "ticket", PORT, 50, 0, &fault), NFT_WIRE_DONE);
    (void)usleep(100000);
    CU_ASSERT_EQUAL(nft_wire_exchange(&wire, "t", "ticket", "open", PORT, 5000, 0, &fault), NFT_WIRE_REFUSED);
    CU_ASSERT_EQUAL(remaining_ms("open"), 0);
    CU_ASSERT_EQUAL(nft_wire_put(&wire, "t", "ticket", PORT, 5000, 0, &fault), NFT_WIRE_DONE);
    CU_ASSERT_EQUAL(nft_wire_exchange(&wire, "t", "ticket", "open", PORT, 5000, 0, &fault), NFT_WIRE_DONE);
    CU_ASSERT_EQUAL(remaining_ms("ticket"), 0);
    CU_ASSERT_TRUE(remaining_ms("open") > 4000);
}

static void a_ruleset_that_changed_takes_nothing(void)
{
    struct fault fault = { "" };
    table_make();
    uint32_t seen = generation();
    CU_ASSERT_TRUE(nft("add table inet another"));
    CU_ASSERT_EQUAL(nft_wire_put(&wire, "t", "open", PORT, 5000, seen, &fault), NFT_WIRE_CHANGED);
    CU_ASSERT_EQUAL(remaining_ms("open"), 0);
    CU_ASSERT_EQUAL(nft_wire_put(&wire, "t", "open", PORT, 5000, generation(), &fault), NFT_WIRE_DONE);
    /* the answers to a request that failed are not taken for those to the next one */
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(nft_wire_put(&wire, "gone", "open", PORT, 5000, 0, &fault), NFT_WIRE_REFUSED);
        CU_ASSERT_EQUAL(nft_wire_put(&wire, "t", "gone", PORT, 5000, 0, &fault), NFT_WIRE_REFUSED);
        CU_ASSERT_EQUAL(nft_wire_put(&wire, "t", "open", PORT, 5000, 0, &fault), NFT_WIRE_DONE);
        CU_ASSERT_TRUE(remaining_ms("open") > 4000);
    }
    nft_wire_close(&wire);
    nft_wire_close(&wire);
    CU_ASSERT_TRUE(remaining_ms("open") > 0); /* and opens again by itself */
}

static void without_the_right_it_is_refused(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct fault fault = { "" };
        struct nft_wire mine = NFT_WIRE_CLOSED;
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        _exit(nft_wire_put(&mine, "t", "open", PORT, 5000, 0, &fault) == NFT_WIRE_REFUSED ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
}

int main(void)
{
    static const struct suite_test tests[] = {
        TEST(generations_count_transactions), TEST(an_element_is_as_nft_shows_it),
        TEST(without_its_ticket_nothing_is_exchanged), TEST(a_ruleset_that_changed_takes_nothing),
        TEST(without_the_right_it_is_refused),
    };
    if (geteuid() != 0) {
        printf("nft_wire: skipped: network namespaces and nftables need root\n0 passed, 0 failed\n");
        return EXIT_SUCCESS;
    }
    if (unshare(CLONE_NEWNET) != 0) {
        printf("nft_wire: no network namespace could be made\n0 passed, 1 failed\n");
        return EXIT_FAILURE;
    }
    return suite_run("nft_wire", tests, sizeof tests / sizeof tests[0]);
}
