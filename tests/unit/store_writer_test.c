/* The writing thread: order, merging, failure for good, and a disk that hangs. */
#include "coordinator/store/store_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "tests/unit/suite.h"

#define WAIT_S 20
#define TICKETS 64

static char folder[64];
static struct fault fault;
static atomic_int sync_error;
static atomic_bool hang;
static sem_t hung;    /* posted when a sync begins to hang */
static sem_t release; /* lets one hanging sync go */

static int test_fdatasync(int fd)
{
    if (atomic_load(&hang)) {
        sem_post(&hung);
        while (sem_wait(&release) != 0)
            continue;
    }
    int error = atomic_load(&sync_error);
    if (error != 0) {
        errno = error;
        return -1;
    }
    return fdatasync(fd);
}

static int test_fallocate(int fd, off_t offset, off_t length)
{
    return posix_fallocate(fd, offset, length);
}

static const struct store_disk disk = { pread, pwrite, test_fdatasync, fsync, test_fallocate };

struct bench {
    struct loop *loop;
    struct store *store;
    struct store_writer *writer;
    struct timer deadline;
    struct timer tick;
    uint64_t answered[TICKETS];
    bool ok[TICKETS];
    size_t count;
    size_t wanted;
    size_t ticks;
    size_t ticks_wanted;
    bool late;
    bool stubborn; /* saves again whenever one failed */
    char failure[FAULT_TEXT_MAX];
};

static void stop_if_done(struct bench *bench)
{
    if (bench->count >= bench->wanted && bench->ticks >= bench->ticks_wanted)
        loop_stop(bench->loop);
}

static void on_done(uint64_t ticket, bool ok, const struct fault *why, void *arg)
{
    struct bench *bench = arg;
    if (bench->count < TICKETS) {
        bench->answered[bench->count] = ticket;
        bench->ok[bench->count] = ok;
    }
    bench->count++;
    if (!ok)
        (void)snprintf(bench->failure, sizeof bench->failure, "%s", why->text);
    if (!ok && bench->stubborn)
        CU_ASSERT(store_writer_save(bench->writer, "again", 5, 99, &fault));
    stop_if_done(bench);
}

static void on_deadline(void *arg)
{
    struct bench *bench = arg;
    bench->late = true;
    loop_stop(bench->loop);
}

static void on_tick(void *arg)
{
    struct bench *bench = arg;
    bench->ticks++;
    timer_set_after_us(&bench->tick, CLOCK_US_PER_MS);
    stop_if_done(bench);
}

static void run_until(struct bench *bench, size_t answers, size_t ticks)
{
    bench->wanted = answers;
    bench->ticks = 0;
    bench->ticks_wanted = ticks;
    timer_set_after_us(&bench->deadline, WAIT_S * (int64_t)CLOCK_US_PER_S);
    timer_set_after_us(&bench->tick, 0);
    CU_ASSERT(loop_run(bench->loop, &fault));
    timer_cancel(&bench->deadline);
    timer_cancel(&bench->tick);
    CU_ASSERT_FALSE(bench->late);
}

static struct store_settings settings(void)
{
    return (struct store_settings){ .folder = folder, .cluster = "shop", .node = "a", .disk = &disk };
}

static void begin(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    atomic_store(&sync_error, 0);
    atomic_store(&hang, false);
    sem_init(&hung, 0, 0);
    sem_init(&release, 0, 0);
    (void)snprintf(folder, sizeof folder, "/tmp/store-writer-XXXXXX");
    struct store_settings set = settings();
    struct store_found found;
    uint64_t restarts;
    CU_ASSERT_FATAL(mkdtemp(folder) != NULL && store_format(&set, &fault));
    CU_ASSERT_EQUAL_FATAL(store_open(&set, &bench->store, &found, &fault), STORE_OK);
    CU_ASSERT_FATAL(store_start(bench->store, &restarts, &fault));
    bench->loop = loop_new("test", &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->loop);
    bench->writer = store_writer_new(bench->loop, bench->store, on_done, bench, &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->writer);
    timer_init(&bench->deadline, bench->loop, on_deadline, bench);
    timer_init(&bench->tick, bench->loop, on_tick, bench);
}

static void remove_folder(void)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/%s", folder, STORE_SLOT_A);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/%s", folder, STORE_SLOT_B);
    (void)unlink(path);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static void end(struct bench *bench)
{
    CU_ASSERT(store_writer_free(bench->writer, WAIT_S * 1000));
    store_close(bench->store);
    loop_free(bench->loop);
    remove_folder();
}

static void expect_stored(const char *text)
{
    struct store_settings set = settings();
    struct store *store;
    struct store_found found;
    CU_ASSERT_EQUAL_FATAL(store_open(&set, &store, &found, &fault), STORE_OK);
    CU_ASSERT_EQUAL_FATAL(found.length, strlen(text));
    CU_ASSERT_EQUAL(memcmp(found.payload, text, found.length), 0);
    store_close(store);
}

static void save(struct bench *bench, const char *text, uint64_t ticket)
{
    CU_ASSERT(store_writer_save(bench->writer, text, strlen(text), ticket, &fault));
}

static void answers_come_in_order(void)
{
    struct bench bench;
    begin(&bench);
    for (uint64_t i = 0; i < 20; i++) {
        save(&bench, "state", i);
        if (i % 3 == 0)
            run_until(&bench, (size_t)i + 1, 0);
    }
    run_until(&bench, 20, 0);
    for (size_t i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(bench.answered[i], i);
        CU_ASSERT(bench.ok[i]);
    }
    struct store_writer_status status;
    store_writer_status(bench.writer, &status);
    CU_ASSERT_EQUAL(status.saves, 20);
    CU_ASSERT_EQUAL(status.waiting, 0);
    CU_ASSERT(status.writes <= 20 && status.writes > 0);
    CU_ASSERT(status.last_us > 0 && status.longest_us >= status.last_us);
    CU_ASSERT_EQUAL(status.busy_us, 0);
    CU_ASSERT_EQUAL(status.sequence, 2 + status.writes);
    end(&bench);
}

static void waiting_saves_are_merged(void)
{
    struct bench bench;
    begin(&bench);
    atomic_store(&hang, true);
    save(&bench, "first", 1);
    while (sem_wait(&hung) != 0)
        continue;
    atomic_store(&hang, false);
    for (uint64_t i = 2; i <= 10; i++)
        save(&bench, i < 10 ? "older" : "newest", i);
    /* A disk that hangs: nothing is answered, the loop goes on, and the readings say so. */
    run_until(&bench, 0, 20);
    CU_ASSERT_EQUAL(bench.count, 0);
    struct store_writer_status status;
    store_writer_status(bench.writer, &status);
    CU_ASSERT(status.busy_us > 0);
    CU_ASSERT_EQUAL(status.waiting, 10);
    sem_post(&release);
    run_until(&bench, 10, 0);
    for (size_t i = 0; i < 10; i++)
        CU_ASSERT(bench.ok[i] && bench.answered[i] == i + 1);
    store_writer_status(bench.writer, &status);
    CU_ASSERT_EQUAL(status.writes, 2);
    CU_ASSERT_EQUAL(status.saves, 10);
    end(&bench);
}

static void failure_answers_all_and_stays(void)
{
    struct bench bench;
    begin(&bench);
    save(&bench, "good", 1);
    run_until(&bench, 1, 0);
    atomic_store(&hang, true);
    save(&bench, "doomed", 2);
    while (sem_wait(&hung) != 0)
        continue;
    save(&bench, "behind", 3);
    atomic_store(&sync_error, EIO);
    atomic_store(&hang, false);
    sem_post(&release);
    run_until(&bench, 3, 0);
    atomic_store(&sync_error, 0);
    save(&bench, "later", 4);
    CU_ASSERT_EQUAL(bench.count, 3); /* never answered from within */
    run_until(&bench, 4, 0);
    CU_ASSERT(bench.ok[0]);
    for (size_t i = 1; i < 4; i++)
        CU_ASSERT(!bench.ok[i] && bench.answered[i] == i + 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(bench.failure, "Input/output error"));
    struct store_writer_status status;
    store_writer_status(bench.writer, &status);
    CU_ASSERT(status.failed);
    CU_ASSERT_EQUAL(status.writes, 1);
    CU_ASSERT_EQUAL(status.waiting, 0);
    end(&bench);
}

static void stubborn_caller_does_not_hold_the_loop(void)
{
    struct bench bench;
    begin(&bench);
    atomic_store(&sync_error, ENOSPC);
    bench.stubborn = true;
    save(&bench, "doomed", 1);
    run_until(&bench, 5, 5);
    CU_ASSERT(bench.count >= 5);
    bench.stubborn = false;
    end(&bench);
}

static void too_many_and_too_long_are_refused(void)
{
    struct bench bench;
    begin(&bench);
    static unsigned char big[STORE_PAYLOAD_MAX + 1];
    CU_ASSERT_FALSE(store_writer_save(bench.writer, big, sizeof big, 1, &fault));
    atomic_store(&hang, true);
    save(&bench, "x", 0);
    while (sem_wait(&hung) != 0)
        continue;
    atomic_store(&hang, false);
    for (uint64_t i = 1; i < STORE_WRITER_TICKETS_MAX; i++)
        save(&bench, "x", i);
    CU_ASSERT_FALSE(store_writer_save(bench.writer, "x", 1, 1, &fault));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "wait for the disk"));
    sem_post(&release);
    run_until(&bench, STORE_WRITER_TICKETS_MAX, 0);
    end(&bench);
}

static void what_waits_is_written_on_free(void)
{
    struct bench bench;
    begin(&bench);
    save(&bench, "last words", 1);
    CU_ASSERT(store_writer_free(bench.writer, WAIT_S * 1000));
    store_close(bench.store);
    loop_free(bench.loop);
    CU_ASSERT_EQUAL(bench.count, 0);
    expect_stored("last words");
    remove_folder();
}

static void hung_disk_does_not_hold_the_end(void)
{
    struct bench bench;
    begin(&bench);
    atomic_store(&hang, true);
    save(&bench, "never", 1);
    while (sem_wait(&hung) != 0)
        continue;
    /* Kept reachable: a hung thread's memory is its own, on purpose. */
    static struct store_writer *abandoned;
    abandoned = bench.writer;
    CU_ASSERT_FALSE(store_writer_free(bench.writer, 50));
    CU_ASSERT_PTR_NOT_NULL(abandoned);
    loop_free(bench.loop);
    remove_folder();
}

SUITE_MAIN("store_writer", TEST(answers_come_in_order), TEST(waiting_saves_are_merged),
           TEST(failure_answers_all_and_stays), TEST(stubborn_caller_does_not_hold_the_loop),
           TEST(too_many_and_too_long_are_refused), TEST(what_waits_is_written_on_free),
           TEST(hung_disk_does_not_hold_the_end))
