/* One event loop and the ways to get work onto it: see loop.h.
 *
 * libevent 2.1 has no hook around its wait, so a stall is measured from two sides: every callback
 * that comes through here is timed, and every timer's lateness is taken, with a pulse of our own
 * so that there always is one. Work that other modules hang on the base directly shows as lateness.
 */
#include "coordinator/base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

#define LOOP_NAME_MAX 32

struct loop_post_entry {
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    char name[LOOP_NAME_MAX];
    struct event_base *base;
    int wake_fd;
    struct event *wake;
    struct timer pulse;
    bool pulse_ready;

    pthread_mutex_t lock; /* guards the mailbox only; never held while a callback runs */
    struct loop_post_entry mailbox[LOOP_MAILBOX_MAX];
    size_t head;
    size_t waiting;

    _Atomic bool stop;
    _Atomic int64_t longest_stall_us;
    _Atomic int64_t last_pulse_us;
    _Atomic uint64_t refused;
};

static void note_stall(struct loop *loop, int64_t took_us)
{
    int64_t longest = atomic_load_explicit(&loop->longest_stall_us, memory_order_relaxed);
    while (took_us > longest &&
           !atomic_compare_exchange_weak(&loop->longest_stall_us, &longest, took_us))
        ;
}

/* eventfd's counter can only be full when a wake-up is pending anyway. */
static void wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t wrote;
    do {
        wrote = write(loop->wake_fd, &one, sizeof one);
    } while (wrote < 0 && errno == EINTR);
}

static bool take_post(struct loop *loop, struct loop_post_entry *out)
{
    bool taken = false;
    pthread_mutex_lock(&loop->lock);
    if (loop->waiting > 0) {
        *out = loop->mailbox[loop->head];
        loop->head = (loop->head + 1) % LOOP_MAILBOX_MAX;
        loop->waiting--;
        taken = true;
    }
    pthread_mutex_unlock(&loop->lock);
    return taken;
}

static void drain_mailbox(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct loop *loop = arg;
    uint64_t count;
    ssize_t got = read((int)fd, &count, sizeof count);
    (void)got; /* EAGAIN only: another round already read it */
    if (atomic_load(&loop->stop)) {
        (void)event_base_loopbreak(loop->base);
        return;
    }
    for (int i = 0; i < LOOP_DRAIN_MAX; i++) {
        struct loop_post_entry entry;
        if (!take_post(loop, &entry))
            return;
        int64_t start_us = base_mono_us();
        entry.fn(entry.arg);
        note_stall(loop, base_mono_us() - start_us);
        if (atomic_load(&loop->stop))
            break;
    }
    wake(loop); /* more is waiting; sockets and timers get their turn first */
}

static void pulse(void *arg)
{
    struct loop *loop = arg;
    atomic_store(&loop->last_pulse_us, base_mono_us());
    timer_set_after_us(&loop->pulse, LOOP_PULSE_US);
}

static bool loop_build(struct loop *loop, struct fault *fault)
{
    struct event_config *config = event_config_new();
    if (config == NULL)
        return fault_set(fault, "out of memory");
    /* The coarse clock ticks at 4 ms, which is too long beside a lease renewal. */
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    /* With the cached time a timer set late in a long round would fire early by that round. */
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (loop->base == NULL)
        return fault_set(fault, "libevent has no usable event base");
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return fault_errno(fault, errno, "eventfd");
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, drain_mailbox, loop);
    if (loop->wake == NULL || event_add(loop->wake, NULL) != 0)
        return fault_set(fault, "out of memory");
    timer_init(&loop->pulse, loop, pulse, loop);
    loop->pulse_ready = true;
    return true;
}

struct loop *loop_new(const char *name, struct fault *fault)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        (void)fault_set(fault, "loop %s: out of memory", name);
        return NULL;
    }
    (void)text_copy(loop->name, sizeof loop->name, name);
    loop->wake_fd = -1;
    ensure(pthread_mutex_init(&loop->lock, NULL) == 0);
    if (!loop_build(loop, fault)) {
        (void)fault_wrap(fault, "loop %s", name);
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->pulse_ready)
        timer_cancel(&loop->pulse);
    if (loop->wake != NULL)
        event_free(loop->wake);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->base != NULL) {
        /* libevent keeps what has a deferred callback pending until the loop has turned once more. */
        (void)event_base_loop(loop->base, EVLOOP_NONBLOCK);
        event_base_free(loop->base);
    }
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

const char *loop_name(const struct loop *loop)
{
    return loop->name;
}

bool loop_run(struct loop *loop, struct fault *fault)
{
    atomic_store(&loop->last_pulse_us, base_mono_us());
    timer_set_after_us(&loop->pulse, LOOP_PULSE_US);
    wake(loop); /* posts may be left over from an earlier run */
    bool done = true;
    while (!atomic_load(&loop->stop))
        if (event_base_loop(loop->base, 0) < 0) {
            done = fault_set(fault, "loop %s: libevent gave up", loop->name);
            break;
        }
    timer_cancel(&loop->pulse);
    atomic_store(&loop->stop, false);
    return done;
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stop, true);
    wake(loop);
}

bool loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&loop->lock);
    bool fits = loop->waiting < LOOP_MAILBOX_MAX;
    bool first = loop->waiting == 0;
    if (fits) {
        size_t at = (loop->head + loop->waiting) % LOOP_MAILBOX_MAX;
        loop->mailbox[at] = (struct loop_post_entry){ .fn = fn, .arg = arg };
        loop->waiting++;
    }
    pthread_mutex_unlock(&loop->lock);
    if (!fits)
        atomic_fetch_add(&loop->refused, 1);
    else if (first)
        wake(loop);
    return fits;
}

int64_t loop_longest_stall_us(const struct loop *loop)
{
    return atomic_load(&loop->longest_stall_us);
}

void loop_reset_stall(struct loop *loop)
{
    atomic_store(&loop->longest_stall_us, 0);
}

int64_t loop_last_pulse_us(const struct loop *loop)
{
    return atomic_load(&loop->last_pulse_us);
}

uint64_t loop_posts_refused(const struct loop *loop)
{
    return atomic_load(&loop->refused);
}

static void timer_fire(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct timer *timer = arg;
    struct loop *loop = timer->loop;
    int64_t start_us = base_mono_us();
    note_stall(loop, start_us - timer->due_us);
    timer->due_us = 0;
    timer->fn(timer->arg); /* may free the timer */
    note_stall(loop, base_mono_us() - start_us);
}

void timer_init(struct timer *timer, struct loop *loop, void (*fn)(void *arg), void *arg)
{
    memset(timer, 0, sizeof *timer);
    timer->loop = loop;
    timer->fn = fn;
    timer->arg = arg;
    ensure(event_assign(&timer->event, loop->base, -1, 0, timer_fire, timer) == 0);
}

void timer_set_after_us(struct timer *timer, int64_t after_us)
{
    ensure(timer->loop != NULL);
    if (after_us < 0)
        after_us = 0;
    struct timeval delay = { .tv_sec = (time_t)(after_us / CLOCK_US_PER_S),
                             .tv_usec = (suseconds_t)(after_us % CLOCK_US_PER_S) };
    timer->due_us = base_mono_us() + after_us;
    ensure(event_add(&timer->event, &delay) == 0);
}

void timer_set_at_us(struct timer *timer, int64_t mono_us)
{
    timer_set_after_us(timer, mono_us - base_mono_us());
}

void timer_cancel(struct timer *timer)
{
    if (timer->loop == NULL)
        return;
    (void)event_del(&timer->event);
    timer->due_us = 0;
}

bool timer_is_set(const struct timer *timer)
{
    return timer->due_us != 0;
}
