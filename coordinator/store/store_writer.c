/* The writing thread: see store_writer.h.
 *
 * One mutex guards the hand-over. The loop fills `pending` (the newest blob, with the tickets that
 * wait for it); the thread swaps it out, writes without the mutex, and marks those tickets answered;
 * an eventfd brings the loop back to call them. An own eventfd rather than a post to the loop: it
 * can't be refused, and it goes away with the writer.
 */
#include "coordinator/store/store_writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"

struct store_writer {
    struct loop *loop;
    struct store *store;
    store_writer_done *done;
    void *arg;
    struct event *answer_event;
    int answer_fd;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    pthread_cond_t ended; /* on CLOCK_MONOTONIC */

    /* Below: under the mutex. */
    bool stopping;
    bool finished; /* the thread is about to return; `ended` is signalled */
    bool has_pending;
    unsigned char *pending; /* STORE_PAYLOAD_MAX */
    size_t pending_length;
    /* A ring of tickets in order of asking. `answerable` of them, from the head on, are settled; the
     * rest wait for the write in progress or for the pending blob. */
    uint64_t *tickets;
    size_t ticket_head;
    size_t ticket_count;
    size_t answerable;
    size_t answerable_ok; /* of these, how many from the head are durable */
    bool failed;
    struct fault failure;
    int64_t busy_since_us;
    uint64_t writes;
    uint64_t saves;
    uint64_t sequence;
    int64_t last_us;
    int64_t longest_us;

    unsigned char *active; /* the thread's own */
};

static void lock(const struct store_writer *writer)
{
    ensure(pthread_mutex_lock((pthread_mutex_t *)&writer->mutex) == 0);
}

static void unlock(const struct store_writer *writer)
{
    ensure(pthread_mutex_unlock((pthread_mutex_t *)&writer->mutex) == 0);
}

static void ring_loop(struct store_writer *writer)
{
    uint64_t one = 1;
    /* Full (EAGAIN) means that it rings already. */
    ssize_t n = write(writer->answer_fd, &one, sizeof one);
    (void)n;
}

/* With the mutex held. After a failure nothing waits for the disk any more. */
static void settle(struct store_writer *writer, size_t count, bool ok)
{
    if (ok)
        writer->answerable_ok += count;
    writer->answerable += count;
    if (writer->failed) {
        writer->answerable = writer->ticket_count;
        writer->has_pending = false;
    }
    ring_loop(writer);
}

/* With the mutex held, which is let go during the write. */
static void write_pending(struct store_writer *writer)
{
    unsigned char *blob = writer->pending;
    size_t length = writer->pending_length;
    writer->pending = writer->active;
    writer->active = blob;
    writer->has_pending = false;
    size_t count = writer->ticket_count - writer->answerable;
    int64_t begun_us = base_mono_us();
    writer->busy_since_us = begun_us;
    unlock(writer);

    struct fault fault;
    bool ok = store_save(writer->store, blob, length, &fault);
    int64_t took_us = base_mono_us() - begun_us;

    lock(writer);
    writer->busy_since_us = 0;
    writer->last_us = took_us > 0 ? took_us : 1;
    if (writer->last_us > writer->longest_us)
        writer->longest_us = writer->last_us;
    if (ok) {
        writer->writes++;
        writer->sequence = store_sequence(writer->store);
    } else {
        writer->failed = true;
        writer->failure = fault;
    }
    settle(writer, count, ok);
}

static void *writer_thread(void *arg)
{
    struct store_writer *writer = arg;
    lock(writer);
    for (;;) {
        while (!writer->has_pending && !writer->stopping)
            ensure(pthread_cond_wait(&writer->work, &writer->mutex) == 0);
        if (!writer->has_pending)
            break;
        write_pending(writer);
    }
    writer->finished = true;
    ensure(pthread_cond_signal(&writer->ended) == 0);
    unlock(writer);
    return NULL;
}

static void answer(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct store_writer *writer = arg;
    uint64_t rings;
    ssize_t n = read(fd, &rings, sizeof rings);
    (void)n;
    lock(writer);
    /* What the callbacks bring about is for the next round, else a failed disk and a stubborn caller
     * would keep the loop here. */
    for (size_t left = writer->answerable; left > 0; left--) {
        uint64_t ticket = writer->tickets[writer->ticket_head];
        bool ok = writer->answerable_ok > 0;
        struct fault failure;
        if (ok) {
            writer->answerable_ok--;
            writer->saves++;
        } else {
            failure = writer->failure;
        }
        writer->ticket_head = (writer->ticket_head + 1) % STORE_WRITER_TICKETS_MAX;
        writer->ticket_count--;
        writer->answerable--;
        unlock(writer);
        writer->done(ticket, ok, ok ? NULL : &failure, writer->arg);
        lock(writer);
    }
    unlock(writer);
}

static void writer_dispose(struct store_writer *writer)
{
    if (writer->answer_event != NULL)
        event_free(writer->answer_event);
    if (writer->answer_fd >= 0)
        close(writer->answer_fd);
    pthread_cond_destroy(&writer->work);
    pthread_cond_destroy(&writer->ended);
    pthread_mutex_destroy(&writer->mutex);
    free(writer->pending);
    free(writer->active);
    free(writer->tickets);
    free(writer);
}

static void init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    ensure(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* The thread takes no signals: they are the main thread's, whose loop waits for them. */
static int start_thread(struct store_writer *writer)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&writer->thread, NULL, writer_thread, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

struct store_writer *store_writer_new(struct loop *loop, struct store *store, store_writer_done *done,
                                      void *arg, struct fault *fault)
{
    struct store_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        fault_set(fault, "no memory for the store's writer");
        return NULL;
    }
    writer->loop = loop;
    writer->store = store;
    writer->done = done;
    writer->arg = arg;
    writer->sequence = store_sequence(store);
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->work, NULL);
    init_monotonic(&writer->ended);
    writer->pending = malloc(STORE_PAYLOAD_MAX);
    writer->active = malloc(STORE_PAYLOAD_MAX);
    writer->tickets = calloc(STORE_WRITER_TICKETS_MAX, sizeof *writer->tickets);
    writer->answer_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (writer->answer_fd >= 0)
        writer->answer_event = event_new(loop_base(loop), writer->answer_fd, EV_READ | EV_PERSIST, answer, writer);
    if (writer->pending == NULL || writer->active == NULL || writer->tickets == NULL ||
        writer->answer_event == NULL || event_add(writer->answer_event, NULL) != 0) {
        fault_set(fault, "no memory or no file descriptor for the store's writer");
        goto failed;
    }
    int error = start_thread(writer);
    if (error != 0) {
        fault_errno(fault, error, "starting the store's writing thread");
        goto failed;
    }
    return writer;
failed:
    writer_dispose(writer);
    return NULL;
}

bool store_writer_save(struct store_writer *writer, const void *payload, size_t length, uint64_t ticket,
                       struct fault *fault)
{
    if (length > STORE_PAYLOAD_MAX)
        return fault_set(fault, "a state of %zu bytes doesn't fit into the store's %d", length, STORE_PAYLOAD_MAX);
    lock(writer);
    bool ok = writer->ticket_count < STORE_WRITER_TICKETS_MAX;
    if (!ok) {
        fault_set(fault, "%d saves wait for the disk already; it hangs or is far too slow", STORE_WRITER_TICKETS_MAX);
        goto out;
    }
    size_t tail = (writer->ticket_head + writer->ticket_count) % STORE_WRITER_TICKETS_MAX;
    writer->tickets[tail] = ticket;
    writer->ticket_count++;
    if (writer->failed) {
        settle(writer, 1, false);
        goto out;
    }
    if (length > 0)
        memcpy(writer->pending, payload, length);
    writer->pending_length = length;
    writer->has_pending = true;
    ensure(pthread_cond_signal(&writer->work) == 0);
out:
    unlock(writer);
    return ok;
}

static struct timespec monotonic_in(int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return until;
}

bool store_writer_free(struct store_writer *writer, int64_t wait_ms)
{
    if (writer == NULL)
        return true;
    struct timespec until = monotonic_in(wait_ms);
    int error = 0;
    lock(writer);
    writer->stopping = true;
    ensure(pthread_cond_signal(&writer->work) == 0);
    while (!writer->finished && error == 0)
        error = pthread_cond_timedwait(&writer->ended, &writer->mutex, &until);
    bool finished = writer->finished;
    unlock(writer);
    if (!finished) {
        /* The thread may come back at any time: what it uses stays, the loop's part goes. */
        pthread_detach(writer->thread);
        event_free(writer->answer_event);
        writer->answer_event = NULL;
        return false;
    }
    pthread_join(writer->thread, NULL);
    writer_dispose(writer);
    return true;
}

void store_writer_status(const struct store_writer *writer, struct store_writer_status *status)
{
    memset(status, 0, sizeof *status);
    lock(writer);
    status->failed = writer->failed;
    if (writer->failed)
        memcpy(status->failure, writer->failure.text, sizeof status->failure);
    status->saves = writer->saves;
    status->writes = writer->writes;
    status->sequence = writer->sequence;
    status->waiting = writer->ticket_count;
    status->last_us = writer->last_us;
    status->longest_us = writer->longest_us;
    if (writer->busy_since_us != 0)
        status->busy_us = base_mono_us() - writer->busy_since_us;
    unlock(writer);
}
