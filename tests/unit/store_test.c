/* The store against crashes at every byte, rot, full and failing disks, and other people's files. */
#include "coordinator/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/suite.h"

#define PATH_MAX_TEST 256
#define BLOB 300 /* small, so that every byte offset can be tried */

static char folder[PATH_MAX_TEST];
static struct fault fault;

/* --- a disk that can be told to fail ----------------------------------------------------- */

static long writes_left = -1; /* bytes until the power goes; -1: never */
static int pwrite_error, sync_error, folder_sync_error, read_error, fallocate_error;
static int writes_seen, syncs_seen;

static ssize_t test_pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    writes_seen++;
    if (pwrite_error != 0) {
        errno = pwrite_error;
        return -1;
    }
    if (writes_left < 0)
        return pwrite(fd, bytes, count, offset);
    if (writes_left == 0) {
        errno = EIO;
        return -1;
    }
    size_t some = count < (size_t)writes_left ? count : (size_t)writes_left;
    ssize_t n = pwrite(fd, bytes, some, offset);
    if (n > 0)
        writes_left -= n;
    return n;
}

static int test_sync(int fd)
{
    syncs_seen++;
    struct stat status;
    int error = fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) ? folder_sync_error : sync_error;
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

static ssize_t test_pread(int fd, void *bytes, size_t count, off_t offset)
{
    if (read_error == 0)
        return pread(fd, bytes, count, offset);
    errno = read_error;
    return -1;
}

static int test_fallocate(int fd, off_t offset, off_t length)
{
    return fallocate_error != 0 ? fallocate_error : posix_fallocate(fd, offset, length);
}

static const struct store_disk test_disk = { test_pread, test_pwrite, test_sync, test_sync, test_fallocate };

static struct store_settings settings_for(const char *cluster, const char *node)
{
    return (struct store_settings){ .folder = folder, .cluster = cluster, .node = node, .disk = &test_disk };
}

static struct store_settings ours(void)
{
    return settings_for("shop", "a");
}

static void begin(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/store-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        abort();
    writes_left = -1;
    pwrite_error = sync_error = folder_sync_error = read_error = fallocate_error = 0;
    writes_seen = syncs_seen = 0;
}

static const char *path_of(const char *name)
{
    static char path[PATH_MAX_TEST + 32];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void end(void)
{
    static const char *const names[] = { STORE_SLOT_A, STORE_SLOT_B, STORE_SLOT_A ".new", STORE_SLOT_B ".new" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(path_of(names[i]));
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static void format(void)
{
    struct store_settings settings = ours();
    bool ok = store_format(&settings, &fault);
    if (!ok)
        puts(fault.text);
    CU_ASSERT_FATAL(ok);
}

static enum store_outcome open_outcome(struct store **store, struct store_found *found)
{
    struct store_settings settings = ours();
    fault.text[0] = '\0';
    return store_open(&settings, store, found, &fault);
}

static struct store *open_ok(struct store_found *found)
{
    struct store *store;
    CU_ASSERT_EQUAL_FATAL(open_outcome(&store, found), STORE_OK);
    return store;
}

static struct store *start_ok(uint64_t *restarts)
{
    struct store_found found;
    struct store *store = open_ok(&found);
    CU_ASSERT_FATAL(store_start(store, restarts, &fault));
    return store;
}

static void blob_of(unsigned char blob[BLOB], unsigned char mark)
{
    for (size_t i = 0; i < BLOB; i++)
        blob[i] = (unsigned char)(mark + i * 7);
}

static void expect_open_refused(enum store_outcome wanted, const char *word)
{
    struct store *store;
    struct store_found found;
    CU_ASSERT_EQUAL(open_outcome(&store, &found), wanted);
    CU_ASSERT_PTR_NULL(store);
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, word));
}

static size_t slurp(const char *name, unsigned char *bytes, size_t size)
{
    int fd = open(path_of(name), O_RDONLY);
    ssize_t n = pread(fd, bytes, size, 0);
    close(fd);
    return n < 0 ? 0 : (size_t)n;
}

static void spill(const char *name, const unsigned char *bytes, size_t size)
{
    int fd = open(path_of(name), O_WRONLY);
    CU_ASSERT_EQUAL(pwrite(fd, bytes, size, 0), (ssize_t)size);
    close(fd);
}

static void flip(const char *name, size_t offset, unsigned char bit)
{
    int fd = open(path_of(name), O_RDWR);
    unsigned char byte;
    CU_ASSERT_EQUAL_FATAL(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= bit;
    CU_ASSERT_EQUAL_FATAL(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

/* --- tests --------------------------------------------------------------------------------- */

static void checksum_is_castagnoli(void)
{
    CU_ASSERT_EQUAL(store_checksum(0, "123456789", 9), 0xE3069283u);
    unsigned char zeros[32] = { 0 };
    CU_ASSERT_EQUAL(store_checksum(0, zeros, sizeof zeros), 0x8A9136AAu);
    CU_ASSERT_EQUAL(store_checksum(store_checksum(0, "1234", 4), "56789", 5), 0xE3069283u);
}

static void saves_come_back(void)
{
    begin();
    format();
    uint64_t restarts = 0;
    struct store *store = start_ok(&restarts);
    CU_ASSERT_EQUAL(restarts, 1);
    unsigned char blob[BLOB];
    for (unsigned char mark = 1; mark <= 9; mark++) {
        blob_of(blob, mark);
        CU_ASSERT(store_save(store, blob, BLOB, &fault));
    }
    CU_ASSERT_EQUAL(store_sequence(store), 11);
    uint64_t id = store_id(store);
    store_close(store);
    struct store_found found;
    store = open_ok(&found);
    CU_ASSERT_EQUAL(found.sequence, 11);
    CU_ASSERT_EQUAL(found.restarts, 1);
    CU_ASSERT_EQUAL(found.store_id, id);
    CU_ASSERT_EQUAL(found.length, BLOB);
    CU_ASSERT_EQUAL(memcmp(found.payload, blob, BLOB), 0);
    CU_ASSERT_FALSE(found.doubt);
    CU_ASSERT_STRING_EQUAL(found.doubt_text, "");
    CU_ASSERT(found.written_wall_us > 0);
    /* The restart number is durable by itself, and the payload goes with it. */
    CU_ASSERT(store_start(store, &restarts, &fault));
    CU_ASSERT_EQUAL(restarts, 2);
    store_close(store);
    store = open_ok(&found);
    CU_ASSERT_EQUAL(found.restarts, 2);
    CU_ASSERT_EQUAL(memcmp(found.payload, blob, BLOB), 0);
    store_close(store);
    end();
}

static void biggest_and_empty_blobs(void)
{
    begin();
    format();
    uint64_t restarts;
    struct store *store = start_ok(&restarts);
    unsigned char *big = malloc(STORE_PAYLOAD_MAX + 1);
    memset(big, 0x5a, STORE_PAYLOAD_MAX + 1);
    CU_ASSERT(store_save(store, big, STORE_PAYLOAD_MAX, &fault));
    CU_ASSERT_FALSE(store_save(store, big, STORE_PAYLOAD_MAX + 1, &fault));
    store_close(store);
    struct store_found found;
    store = open_ok(&found);
    CU_ASSERT_EQUAL(found.length, STORE_PAYLOAD_MAX);
    CU_ASSERT_EQUAL(memcmp(found.payload, big, STORE_PAYLOAD_MAX), 0);
    CU_ASSERT(store_start(store, &restarts, &fault));
    /* Too long is refused, not final. */
    CU_ASSERT(store_save(store, NULL, 0, &fault));
    store_close(store);
    store = open_ok(&found);
    CU_ASSERT_EQUAL(found.length, 0);
    store_close(store);
    free(big);
    end();
}

static void format_refuses_what_exists(void)
{
    begin();
    format();
    struct store_settings settings = ours();
    CU_ASSERT_FALSE(store_format(&settings, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "exists already"));
    /* Also when only the damaged half of one is left. */
    (void)unlink(path_of(STORE_SLOT_A));
    CU_ASSERT_EQUAL(truncate(path_of(STORE_SLOT_B), 0), 0);
    CU_ASSERT_FALSE(store_format(&settings, &fault));
    end();
}

static void format_fails_cleanly(void)
{
    begin();
    struct store_settings settings = ours();
    fallocate_error = ENOSPC;
    CU_ASSERT_FALSE(store_format(&settings, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "No space"));
    fallocate_error = 0;
    pwrite_error = EIO;
    CU_ASSERT_FALSE(store_format(&settings, &fault));
    pwrite_error = 0;
    sync_error = EIO;
    CU_ASSERT_FALSE(store_format(&settings, &fault));
    sync_error = 0;
    expect_open_refused(STORE_MISSING, "no store");
    CU_ASSERT(store_format(&settings, &fault));
    CU_ASSERT(syncs_seen >= 3); /* both files and the folder */
    end();
}

/* A real limit of the kernel's, not of our table. */
static void real_file_limit_is_refused(void)
{
    begin();
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = { 8192, 8192 };
        struct store_settings settings = ours();
        settings.disk = NULL;
        bool refused = setrlimit(RLIMIT_FSIZE, &limit) == 0 && !store_format(&settings, &fault) &&
                       strstr(fault.text, "File too large") != NULL;
        _exit(refused ? 0 : 1);
    }
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    end();
}

/* The power goes after each number of bytes: what was durable before is there, and says its sequence. */
static void torn_at_every_byte(void)
{
    begin();
    format();
    uint64_t restarts;
    unsigned char before[BLOB];
    unsigned char after[BLOB];
    blob_of(before, 1);
    blob_of(after, 99);
    static unsigned char a[STORE_SLOT_BYTES];
    static unsigned char b[STORE_SLOT_BYTES];
    struct store *store = start_ok(&restarts);
    CU_ASSERT(store_save(store, before, BLOB, &fault));
    uint64_t sequence = store_sequence(store);
    store_close(store);
    slurp(STORE_SLOT_A, a, sizeof a);
    slurp(STORE_SLOT_B, b, sizeof b);
    size_t lost = 0, doubted = 0;
    for (long cut = 0; cut < STORE_HEADER_BYTES + BLOB; cut++) {
        spill(STORE_SLOT_A, a, STORE_HEADER_BYTES + BLOB);
        spill(STORE_SLOT_B, b, STORE_HEADER_BYTES + BLOB);
        struct store_found found;
        store = open_ok(&found);
        writes_left = -1;
        CU_ASSERT_FATAL(store_start(store, &restarts, &fault));
        uint64_t acknowledged = store_sequence(store);
        writes_left = cut;
        CU_ASSERT_FALSE_FATAL(store_save(store, after, BLOB, &fault));
        store_close(store);
        writes_left = -1;
        store = open_ok(&found);
        if (found.sequence != acknowledged || found.length != BLOB || memcmp(found.payload, before, BLOB) != 0)
            lost++;
        /* Nothing written: the old twin is whole, and there is nothing to doubt. */
        if (found.doubt)
            doubted++;
        store_close(store);
    }
    CU_ASSERT_EQUAL(lost, 0);
    CU_ASSERT(doubted > STORE_HEADER_BYTES / 2);
    CU_ASSERT(sequence > 0);
    end();
}

static void every_flipped_bit_is_noticed(void)
{
    begin();
    format();
    uint64_t restarts;
    struct store *store = start_ok(&restarts);
    unsigned char blob[BLOB];
    blob_of(blob, 7);
    CU_ASSERT(store_save(store, blob, BLOB, &fault)); /* sequence 3, slot a */
    uint64_t sequence = store_sequence(store);
    store_close(store);
    size_t unnoticed = 0;
    for (size_t at = 0; at < STORE_HEADER_BYTES + BLOB; at++) {
        unsigned char bit = (unsigned char)(1u << (at % 8));
        flip(STORE_SLOT_A, at, bit);
        struct store_found found;
        struct store *opened = NULL;
        if (open_outcome(&opened, &found) != STORE_OK || found.sequence != sequence - 1 || !found.doubt ||
            strstr(found.doubt_text, "slot-a") == NULL)
            unnoticed++;
        store_close(opened);
        flip(STORE_SLOT_A, at, bit);
    }
    CU_ASSERT_EQUAL(unnoticed, 0);
    struct store_found found;
    store = open_ok(&found);
    CU_ASSERT_EQUAL(found.sequence, sequence);
    CU_ASSERT_FALSE(found.doubt);
    store_close(store);
    end();
}

static void doubt_outlives_restarts_until_settled(void)
{
    begin();
    format();
    uint64_t restarts;
    store_close(start_ok(&restarts));
    flip(STORE_SLOT_B, 30, 1); /* sequence 2, the newest */
    for (int i = 0; i < 3; i++) {
        struct store_found found;
        struct store *store = open_ok(&found);
        CU_ASSERT(found.doubt);
        CU_ASSERT(store_start(store, &restarts, &fault));
        CU_ASSERT(store_in_doubt(store));
        CU_ASSERT(store_save(store, "x", 1, &fault));
        store_close(store);
    }
    struct store_found found;
    struct store *store = open_ok(&found);
    CU_ASSERT(store_start(store, &restarts, &fault));
    store_settle(store);
    CU_ASSERT(store_save(store, "y", 1, &fault));
    store_close(store);
    store = open_ok(&found);
    CU_ASSERT_FALSE(found.doubt);
    store_close(store);
    end();
}

static void missing_twin_is_doubt_and_made_anew(void)
{
    begin();
    format();
    uint64_t restarts;
    store_close(start_ok(&restarts));
    CU_ASSERT_EQUAL(unlink(path_of(STORE_SLOT_B)), 0);
    struct store_found found;
    struct store *store = open_ok(&found);
    CU_ASSERT(found.doubt);
    CU_ASSERT_EQUAL(found.sequence, 1);
    CU_ASSERT(store_start(store, &restarts, &fault));
    store_close(store);
    store = open_ok(&found);
    CU_ASSERT_EQUAL(found.slot, 'b');
    store_close(store);
    end();
}

static void older_copy_of_a_slot_is_noticed(void)
{
    begin();
    format();
    uint64_t restarts;
    static unsigned char old[STORE_SLOT_BYTES];
    struct store *store = start_ok(&restarts);
    CU_ASSERT(store_save(store, "one", 3, &fault));
    slurp(STORE_SLOT_A, old, sizeof old);
    for (int i = 0; i < 4; i++)
        CU_ASSERT(store_save(store, "more", 4, &fault));
    store_close(store);
    spill(STORE_SLOT_A, old, sizeof old);
    struct store_found found;
    store = open_ok(&found);
    CU_ASSERT(found.doubt);
    CU_ASSERT_PTR_NOT_NULL(strstr(found.doubt_text, "older copy"));
    store_close(store);
    /* Both slots the same file. */
    spill(STORE_SLOT_B, old, sizeof old);
    expect_open_refused(STORE_CORRUPT, "not of one store");
    end();
}

static void lost_corrupt_and_foreign_are_told_apart(void)
{
    begin();
    expect_open_refused(STORE_MISSING, "--format");
    format();
    struct store_settings other = settings_for("shop", "b");
    struct store *store;
    struct store_found found;
    CU_ASSERT_EQUAL(store_open(&other, &store, &found, &fault), STORE_FOREIGN);
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "node a of cluster shop"));
    other = settings_for("shop2", "a");
    CU_ASSERT_EQUAL(store_open(&other, &store, &found, &fault), STORE_FOREIGN);
    CU_ASSERT_EQUAL(truncate(path_of(STORE_SLOT_A), 100), 0);
    flip(STORE_SLOT_B, 0, 1);
    expect_open_refused(STORE_CORRUPT, "stays mute");
    CU_ASSERT_EQUAL(truncate(path_of(STORE_SLOT_A), 0), 0);
    CU_ASSERT_EQUAL(truncate(path_of(STORE_SLOT_B), 0), 0);
    expect_open_refused(STORE_CORRUPT, "cut off");
    end();
    begin();
    format();
    read_error = EIO;
    expect_open_refused(STORE_IO, "Input/output error");
    end();
    expect_open_refused(STORE_IO, "create it"); /* the folder is gone */
}

static void other_format_is_named(void)
{
    begin();
    format();
    static unsigned char image[STORE_SLOT_BYTES];
    static const char *const names[] = { STORE_SLOT_A, STORE_SLOT_B };
    for (size_t i = 0; i < 2; i++) {
        slurp(names[i], image, sizeof image);
        image[8] = 2;
        uint32_t crc = store_checksum(0, image, STORE_HEADER_BYTES - 4);
        for (unsigned k = 0; k < 4; k++)
            image[STORE_HEADER_BYTES - 4 + k] = (unsigned char)(crc >> (8 * k));
        spill(names[i], image, sizeof image);
    }
    expect_open_refused(STORE_FOREIGN, "format 2");
    end();
}

static void second_opener_is_locked_out(void)
{
    begin();
    format();
    struct store_found found;
    struct store *store = open_ok(&found);
    expect_open_refused(STORE_LOCKED, "another process");
    struct store_settings settings = ours();
    CU_ASSERT_FALSE(store_format(&settings, &fault));
    store_close(store);
    store = open_ok(&found);
    store_close(store);
    end();
}

static void failure_is_final(int *error, int number)
{
    begin();
    format();
    uint64_t restarts;
    struct store *store = start_ok(&restarts);
    CU_ASSERT(store_save(store, "good", 4, &fault));
    *error = number;
    CU_ASSERT_FALSE(store_save(store, "bad", 3, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, strerror(number)));
    *error = 0;
    int writes = writes_seen;
    int syncs = syncs_seen;
    CU_ASSERT_FALSE(store_save(store, "later", 5, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "for good"));
    CU_ASSERT_EQUAL(writes_seen, writes);
    CU_ASSERT_EQUAL(syncs_seen, syncs);
    store_close(store);
    end();
}

static void failed_sync_is_final(void)
{
    failure_is_final(&sync_error, EIO);
}

static void full_disk_is_final(void)
{
    failure_is_final(&pwrite_error, ENOSPC);
}

static void failed_start_is_refused(void)
{
    begin();
    format();
    struct store_found found;
    struct store *store = open_ok(&found);
    uint64_t restarts = 0;
    sync_error = EIO;
    CU_ASSERT_FALSE(store_start(store, &restarts, &fault));
    store_close(store);
    end();
}

SUITE_MAIN("store", TEST(checksum_is_castagnoli), TEST(saves_come_back), TEST(biggest_and_empty_blobs),
           TEST(format_refuses_what_exists), TEST(format_fails_cleanly), TEST(real_file_limit_is_refused),
           TEST(torn_at_every_byte), TEST(every_flipped_bit_is_noticed),
           TEST(doubt_outlives_restarts_until_settled), TEST(missing_twin_is_doubt_and_made_anew),
           TEST(older_copy_of_a_slot_is_noticed), TEST(lost_corrupt_and_foreign_are_told_apart),
           TEST(other_format_is_named), TEST(second_opener_is_locked_out), TEST(failed_sync_is_final),
           TEST(full_disk_is_final), TEST(failed_start_is_refused))
