/* One event loop and the ways to get work onto it.
 *
 * The daemon has two: control and probes, each run by one thread. Everything that belongs to a loop
 * (timers, fetches, resolvers, child processes) is touched by that thread only; loop_post, loop_stop
 * and the readings below are the only calls allowed from other threads. Nothing here blocks.
 */
#ifndef FAILOVERD_BASE_LOOP_H
#define FAILOVERD_BASE_LOOP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

/* Posts waiting at one time; a post beyond it is refused. */
#define LOOP_MAILBOX_MAX 8192
/* Posts run in one go before other events get their turn. */
#define LOOP_DRAIN_MAX 64
/* How often the loop takes its own pulse: a stall in which no other timer came due is sure to be seen
 * only when it is longer than this. Each pulse wakes an idle process, so it is not more often. */
#define LOOP_PULSE_US 1000000

struct loop;

/* `name` ("control", "probes") is kept by copy and appears in messages. NULL with the fault set. */
struct loop *loop_new(const char *name, struct fault *fault);

/* After the loop has ended and everything on it is freed. Posts still waiting are dropped, not run.
 * NULL is allowed. */
void loop_free(struct loop *loop);

struct event_base *loop_base(struct loop *loop);
const char *loop_name(const struct loop *loop);

/* Runs until loop_stop; a stop asked for before it began counts. False only when libevent fails. */
bool loop_run(struct loop *loop, struct fault *fault) CHECKED;

/* Ends loop_run after the callback in progress. Any thread; not from a signal handler. */
void loop_stop(struct loop *loop);

/* Has fn(arg) called on the loop's thread, in the order of posting. Any thread. False when the
 * mailbox is full: the caller still owns `arg` and counts or retries. */
bool loop_post(struct loop *loop, void (*fn)(void *arg), void *arg) CHECKED;

/* Readings, from any thread.
 *
 * The longest time for which the loop was busy or late since the last reset: the duration of any
 * timer or posted callback, and by how much any timer came late. */
int64_t loop_longest_stall_us(const struct loop *loop);
void loop_reset_stall(struct loop *loop);
/* When (base_mono_us) the loop last took its pulse: older than a few LOOP_PULSE_US means that it
 * hangs right now. 0 before it ran. The watchdog is kicked on this. */
int64_t loop_last_pulse_us(const struct loop *loop);
/* Posts refused because the mailbox was full, since start. */
uint64_t loop_posts_refused(const struct loop *loop);

/* A timer that lives inside its owner. Once only: it fires, and is set again if wanted.
 *
 *     timer_init(&link->retry, loop, link_retry, link);
 *     timer_set_after_us(&link->retry, 250 * CLOCK_US_PER_MS);
 *
 * timer_cancel before the owner is freed. All calls on the loop's thread. */
struct timer {
    struct event event;
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
    int64_t due_us; /* base_mono_us at which it should fire; 0 when not set */
};

void timer_init(struct timer *timer, struct loop *loop, void (*fn)(void *arg), void *arg);
/* Sets or moves it. Negative is now (but never within this call). */
void timer_set_after_us(struct timer *timer, int64_t after_us);
/* The same with the time of firing. */
void timer_set_at_us(struct timer *timer, int64_t mono_us);
/* Idempotent, also on storage that is all zero. */
void timer_cancel(struct timer *timer);
bool timer_is_set(const struct timer *timer);

#endif
