/* The journal's thread: see journal_writer.h.
 *
 * The queue's head stays in the queue until it is in the file, so a disk that refuses loses nothing
 * that was taken; what does not fit any more is refused at the door. */
#include "coordinator/report/journal_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/report/journal.h"

struct entry {
    struct entry *next;
    uint64_t token;
    size_t length;
    char line[];
};

struct synced {
    struct synced *next;
    uint64_t token;
};

struct journal_writer {
    char path[512];
    journal_synced *synced;
    void *arg;
    struct event *event;
    int wake_fd;
    pthread_t thread;

    /* The thread's own. */
    int fd;
    bool torn; /* the file ends within a line */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct entry *head, *tail;
    size_t lines, bytes;
    struct synced *done_head, *done_tail;
    struct journal_writer_status status;
    bool stop;
    bool ended;
};

/* ---- the file: the thread only ------------------------------------------------------------ */

/* So that the name of a new file outlives a power failure, too. Best effort: its lines are what is waited for. */
static void sync_folder(const char *path)
{
    char folder[512];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || !text_copy(folder, sizeof folder, path))
        return;
    folder[slash == path ? 1 : slash - path] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

/* Opens it anew when the name leads elsewhere by now: it was moved away or removed. */
static bool follow_name(struct journal_writer *writer)
{
    struct stat open_file;
    struct stat named;
    bool same = writer->fd >= 0 && fstat(writer->fd, &open_file) == 0 &&
                stat(writer->path, &named) == 0 && named.st_dev == open_file.st_dev &&
                named.st_ino == open_file.st_ino;
    if (same)
        return true;
    int fd = open(writer->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                  0640);
    if (fd < 0)
        return false;
    if (fstat(fd, &named) != 0 || !S_ISREG(named.st_mode)) {
        (void)close(fd);
        errno = EINVAL;
        return false;
    }
    if (writer->fd >= 0) {
        (void)close(writer->fd);
        writer->torn = false; /* it is another file now */
    }
    writer->fd = fd;
    sync_folder(writer->path);
    return true;
}

static bool write_whole(struct journal_writer *writer, const char *bytes, size_t length)
{
    ssize_t wrote;
    do {
        wrote = write(writer->fd, bytes, length);
    } while (wrote < 0 && errno == EINTR);
    if (wrote == (ssize_t)length)
        return true;
    if (wrote >= 0) {
        writer->torn = writer->torn || wrote > 0;
        errno = ENOSPC; /* what a short write to a file means */
    }
    return false;
}

/* A line torn by an earlier failure gets its end first, so that only itself is unreadable. */
static bool write_entry(struct journal_writer *writer, const struct entry *entry)
{
    if (!follow_name(writer))
        return false;
    if (writer->torn) {
        if (!write_whole(writer, "\n", 1))
            return false;
        writer->torn = false;
    }
    if (!write_whole(writer, entry->line, entry->length))
        return false;
    return entry->token == 0 || fdatasync(writer->fd) == 0;
}

/* ---- the queue: under the lock ------------------------------------------------------------- */

static void pop(struct journal_writer *writer)
{
    struct entry *entry = writer->head;
    writer->head = entry->next;
    if (writer->head == NULL)
        writer->tail = NULL;
    writer->lines--;
    writer->bytes -= entry->length;
    free(entry);
}

static void tell_synced(struct journal_writer *writer, uint64_t token)
{
    struct synced *done = malloc(sizeof *done);
    if (done == NULL)
        return; /* the asker's deadline answers it */
    *done = (struct synced){ .token = token };
    if (writer->done_tail != NULL)
        writer->done_tail->next = done;
    else
        writer->done_head = done;
    writer->done_tail = done;
    uint64_t one = 1;
    ssize_t wrote = write(writer->wake_fd, &one, sizeof one);
    (void)wrote; /* only full when a wake-up is pending anyway */
}

static void wait_retry(struct journal_writer *writer)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)JOURNAL_RETRY_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(&writer->changed, &writer->lock, &until);
}

static void failed(struct journal_writer *writer, int error)
{
    if (!writer->status.failing)
        writer->status.failing_since_us = base_mono_us();
    writer->status.failing = true;
    writer->status.error = error;
    if (!writer->stop)
        wait_retry(writer);
}

static void *run(void *arg)
{
    struct journal_writer *writer = arg;
    bool gave_up = false;
    pthread_mutex_lock(&writer->lock);
    for (;;) {
        while (writer->head == NULL && !writer->stop)
            pthread_cond_wait(&writer->changed, &writer->lock);
        if (writer->head == NULL || gave_up)
            break;
        struct entry *entry = writer->head;
        bool stopping = writer->stop;
        pthread_mutex_unlock(&writer->lock);
        bool good = write_entry(writer, entry);
        int error = errno;
        pthread_mutex_lock(&writer->lock);
        if (!good) {
            gave_up = stopping; /* every line gets one more try at the end */
            failed(writer, error);
            continue;
        }
        writer->status.failing = false;
        writer->status.written++;
        if (entry->token != 0)
            tell_synced(writer, entry->token);
        pop(writer);
    }
    writer->ended = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- the loop's side ----------------------------------------------------------------------- */

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct journal_writer *writer = arg;
    uint64_t count;
    ssize_t got = read((int)fd, &count, sizeof count);
    (void)got;
    pthread_mutex_lock(&writer->lock);
    struct synced *done = writer->done_head;
    writer->done_head = writer->done_tail = NULL;
    pthread_mutex_unlock(&writer->lock);
    while (done != NULL) {
        struct synced *next = done->next;
        if (writer->synced != NULL)
            writer->synced(done->token, writer->arg);
        free(done);
        done = next;
    }
}

static bool init_locks(struct journal_writer *writer)
{
    pthread_condattr_t attributes;
    bool good = pthread_mutex_init(&writer->lock, NULL) == 0 &&
                pthread_condattr_init(&attributes) == 0;
    if (!good)
        return false;
    good = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(&writer->changed, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return good;
}

static void release(struct journal_writer *writer)
{
    if (writer->event != NULL)
        event_free(writer->event);
    if (writer->wake_fd >= 0)
        (void)close(writer->wake_fd);
    if (writer->fd >= 0)
        (void)close(writer->fd);
    while (writer->head != NULL)
        pop(writer);
    while (writer->done_head != NULL) {
        struct synced *next = writer->done_head->next;
        free(writer->done_head);
        writer->done_head = next;
    }
    free(writer);
}

struct journal_writer *journal_writer_new(struct loop *loop, const char *path, int fd, bool torn,
                                          journal_synced *synced, void *arg, struct fault *fault)
{
    struct journal_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        if (fd >= 0)
            (void)close(fd);
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    writer->fd = fd;
    writer->torn = torn;
    writer->synced = synced;
    writer->arg = arg;
    writer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!text_copy(writer->path, sizeof writer->path, path)) {
        (void)fault_set(fault, "the path is too long");
        goto fail;
    }
    if (writer->wake_fd >= 0)
        writer->event = event_new(loop_base(loop), writer->wake_fd, EV_READ | EV_PERSIST, on_wake,
                                  writer);
    if (writer->event == NULL || event_add(writer->event, NULL) != 0 || !init_locks(writer)) {
        (void)fault_set(fault, "out of descriptors or memory");
        goto fail;
    }
    int error = pthread_create(&writer->thread, NULL, run, writer);
    if (error != 0) {
        (void)fault_errno(fault, error, "its thread can't be started");
        goto fail;
    }
    return writer;
fail:
    release(writer);
    return NULL;
}

bool journal_writer_free(struct journal_writer *writer, int64_t wait_ms)
{
    if (writer == NULL)
        return true;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    pthread_cond_broadcast(&writer->changed);
    int waited = 0;
    while (!writer->ended && waited == 0)
        waited = pthread_cond_timedwait(&writer->changed, &writer->lock, &until);
    bool ended = writer->ended;
    bool all = writer->head == NULL;
    pthread_mutex_unlock(&writer->lock);
    if (!ended) {
        /* The disk hangs, and the thread within a call to it: it keeps what it uses. */
        (void)event_del(writer->event);
        (void)pthread_detach(writer->thread);
        return false;
    }
    (void)pthread_join(writer->thread, NULL);
    (void)pthread_cond_destroy(&writer->changed);
    (void)pthread_mutex_destroy(&writer->lock);
    release(writer);
    return all;
}

bool journal_writer_put(struct journal_writer *writer, const char *line, size_t length,
                        uint64_t token)
{
    struct entry *entry = malloc(sizeof *entry + length);
    if (entry == NULL)
        return false;
    *entry = (struct entry){ .token = token, .length = length };
    memcpy(entry->line, line, length);
    pthread_mutex_lock(&writer->lock);
    bool room = writer->lines < JOURNAL_QUEUE_LINES_MAX &&
                writer->bytes + length <= JOURNAL_QUEUE_BYTES_MAX;
    if (room) {
        if (writer->tail != NULL)
            writer->tail->next = entry;
        else
            writer->head = entry;
        writer->tail = entry;
        writer->lines++;
        writer->bytes += length;
        if (!writer->status.failing)
            pthread_cond_signal(&writer->changed);
    }
    pthread_mutex_unlock(&writer->lock);
    if (!room)
        free(entry);
    return room;
}

void journal_writer_status(struct journal_writer *writer, struct journal_writer_status *status)
{
    pthread_mutex_lock(&writer->lock);
    *status = writer->status;
    status->waiting = writer->lines;
    pthread_mutex_unlock(&writer->lock);
}
