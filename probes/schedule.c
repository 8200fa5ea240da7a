/* When which check runs: see schedule.h.
 *
 * A check is idle, waiting for a place among the running, or running. check_begin and check_end alone
 * move it in and out of running; check_end is where a round is put right and told. A single round that somebody
 * asked for is a check of one round, which goes with it.
 */
#include "probes/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/random.h"
#include "probes/database.h"

/* The jitter of a first turn, as a part of the interval. */
#define JITTER_PART 10

enum check_state { CHECK_IDLE, CHECK_WAITING, CHECK_RUNNING };

struct check {
    struct schedule *schedule;
    const struct probe_class *class;
    void *self;
    size_t id;
    int64_t interval_us;
    int64_t timeout_us;
    int64_t next_turn_us;
    struct timer turn;
    struct timer guard;
    enum check_state state;
    struct check *next_waiting;
    int64_t began_us;
    int64_t stall_us; /* the longest standstill of the loop during this round */
    schedule_once_fn *once; /* NULL: a check with turns; else whom its only round is told */
    void *once_arg;
    struct schedule_counts counts;
};

struct schedule {
    struct loop *loop;
    struct fetch_pool *pool;
    struct resolver *resolver;
    struct check **checks;
    size_t count;
    struct check *first_waiting, *last_waiting;
    struct check *once[SCHEDULE_ONCE_MAX]; /* NULL: a free place */
    size_t once_count;
    size_t running; /* without those */
    size_t waiting;
    struct timer pulse;
    int64_t last_pulse_us;
    bool started;
    bool telling; /* inside of on_sample */
    schedule_sample_fn *on_sample;
    void *arg;
};

/* ---- is our own loop alive ---------------------------------------------------------------- */

/* How long the loop stood still up to now, as far as it falls into the check's round. */
static void note_stall(struct check *check, int64_t now_us)
{
    const struct schedule *schedule = check->schedule;
    int64_t since_us = schedule->last_pulse_us > check->began_us ? schedule->last_pulse_us : check->began_us;
    int64_t stall_us = now_us - since_us - SCHEDULE_PULSE_US;
    if (stall_us > check->stall_us)
        check->stall_us = stall_us;
}

static void on_pulse(void *arg)
{
    struct schedule *schedule = arg;
    int64_t now_us = base_mono_us();
    bool late = now_us - schedule->last_pulse_us > 2 * SCHEDULE_PULSE_US;
    for (size_t i = 0; i < schedule->count && late; i++)
        if (schedule->checks[i]->state == CHECK_RUNNING)
            note_stall(schedule->checks[i], now_us);
    for (size_t i = 0; i < SCHEDULE_ONCE_MAX && late; i++)
        if (schedule->once[i] != NULL)
            note_stall(schedule->once[i], now_us);
    schedule->last_pulse_us = now_us;
    timer_set_after_us(&schedule->pulse, SCHEDULE_PULSE_US);
}

/* ---- a round ------------------------------------------------------------------------------ */

static void on_round(void *arg, const struct probe_round *round);

static void check_begin(struct check *check)
{
    struct schedule *schedule = check->schedule;
    check->state = CHECK_RUNNING;
    check->began_us = base_mono_us();
    check->stall_us = 0;
    if (check->once != NULL)
        schedule->once_count++;
    else
        schedule->running++;
    if (!timer_is_set(&schedule->pulse)) {
        schedule->last_pulse_us = check->began_us;
        timer_set_after_us(&schedule->pulse, SCHEDULE_PULSE_US);
    }
    timer_set_after_us(&check->guard, check->timeout_us + SCHEDULE_GRACE_US);
    check->class->run(check->self, check->timeout_us, on_round, check);
}

static void begin_next_waiting(struct schedule *schedule)
{
    struct check *check = schedule->first_waiting;
    if (check == NULL || schedule->running >= SCHEDULE_RUNNING_MAX)
        return;
    schedule->first_waiting = check->next_waiting;
    if (schedule->first_waiting == NULL)
        schedule->last_waiting = NULL;
    check->next_waiting = NULL;
    schedule->waiting--;
    check_begin(check);
}

static void check_free(struct check *check)
{
    timer_cancel(&check->turn);
    timer_cancel(&check->guard);
    check->class->free(check->self);
    free(check);
}

/* Its only round is over: it goes, and then who asked for it hears. */
static void once_end(struct check *check, const struct probe_round *round)
{
    struct schedule *schedule = check->schedule;
    schedule_once_fn *fn = check->once;
    void *arg = check->once_arg;
    for (size_t i = 0; i < SCHEDULE_ONCE_MAX; i++)
        if (schedule->once[i] == check)
            schedule->once[i] = NULL;
    check_free(check);
    fn(arg, round);
}

static void check_end(struct check *check, struct probe_round *round)
{
    struct schedule *schedule = check->schedule;
    char stood[CLOCK_DURATION_TEXT_MAX];
    ensure(check->state == CHECK_RUNNING);
    timer_cancel(&check->guard);
    note_stall(check, base_mono_us());
    check->state = CHECK_IDLE;
    check->counts.rounds++;
    if (check->once != NULL)
        schedule->once_count--;
    else
        schedule->running--;
    if (schedule->running + schedule->once_count == 0)
        timer_cancel(&schedule->pulse); /* or it wakes a process that has nothing to do */
    if (round->outcome == SAMPLE_FAILED && check->stall_us > check->timeout_us / 2) {
        check->counts.stalled++;
        probe_end_as(round, SAMPLE_OBSERVER, "this node's own probe loop stood still for %s",
                     base_format_duration(stood, sizeof stood, check->stall_us));
    }
    schedule->telling = true;
    if (check->once != NULL)
        once_end(check, round);
    else
        schedule->on_sample(schedule->arg, check->id, round);
    schedule->telling = false;
    begin_next_waiting(schedule);
}

static void on_round(void *arg, const struct probe_round *round)
{
    struct probe_round copy = *round;
    check_end(arg, &copy);
}

/* Probes keep their own time; this is for the one that doesn't. */
static void on_guard(void *arg)
{
    struct check *check = arg;
    char allowed[CLOCK_DURATION_TEXT_MAX];
    struct probe_round round = { .latency_us = base_mono_us() - check->began_us };
    check->class->cancel(check->self);
    check->counts.ended_by_force++;
    probe_end_as(&round, SAMPLE_OBSERVER, "the %s probe did not end within its %s: this node's own fault",
                 check->class->name, base_format_duration(allowed, sizeof allowed, check->timeout_us));
    check_end(check, &round);
}

/* ---- turns -------------------------------------------------------------------------------- */

static void check_wait(struct check *check)
{
    struct schedule *schedule = check->schedule;
    check->state = CHECK_WAITING;
    if (schedule->last_waiting != NULL)
        schedule->last_waiting->next_waiting = check;
    else
        schedule->first_waiting = check;
    schedule->last_waiting = check;
    schedule->waiting++;
}

static void on_turn(void *arg)
{
    struct check *check = arg;
    int64_t now_us = base_mono_us();
    check->next_turn_us += check->interval_us;
    if (check->next_turn_us <= now_us) {
        int64_t missed = (now_us - check->next_turn_us) / check->interval_us + 1;
        check->counts.skipped += (uint64_t)missed;
        check->next_turn_us += missed * check->interval_us;
    }
    timer_set_at_us(&check->turn, check->next_turn_us);
    if (check->state != CHECK_IDLE)
        check->counts.skipped++;
    else if (check->schedule->running >= SCHEDULE_RUNNING_MAX)
        check_wait(check);
    else
        check_begin(check);
}

void schedule_start(struct schedule *schedule, schedule_sample_fn *on_sample, void *arg)
{
    ensure(!schedule->started && on_sample != NULL);
    schedule->started = true;
    schedule->on_sample = on_sample;
    schedule->arg = arg;
    int64_t now_us = base_mono_us();
    for (size_t i = 0; i < schedule->count; i++) {
        struct check *check = schedule->checks[i];
        int64_t slot_us = check->interval_us / (int64_t)schedule->count;
        int64_t jitter_us = (int64_t)base_random_below((uint64_t)check->interval_us / JITTER_PART);
        check->next_turn_us = now_us + slot_us * (int64_t)i + jitter_us;
        timer_set_at_us(&check->turn, check->next_turn_us);
    }
}

/* ---- making and freeing ------------------------------------------------------------------- */

struct schedule *schedule_new(struct loop *loop, struct fetch_pool *pool, struct resolver *resolver,
                              struct fault *fault)
{
    struct schedule *schedule = calloc(1, sizeof *schedule);
    if (schedule == NULL) {
        (void)fault_set(fault, "the schedule of checks: out of memory");
        return NULL;
    }
    schedule->loop = loop;
    schedule->pool = pool;
    schedule->resolver = resolver;
    timer_init(&schedule->pulse, loop, on_pulse, schedule);
    return schedule;
}

static struct check *find_check(const struct schedule *schedule, size_t id)
{
    for (size_t i = 0; i < schedule->count; i++)
        if (schedule->checks[i]->id == id)
            return schedule->checks[i];
    return NULL;
}

bool schedule_add_probe(struct schedule *schedule, const struct probe_class *class, void *self,
                        int64_t interval_us, int64_t timeout_us, size_t id, struct fault *fault)
{
    ensure(!schedule->started);
    if (schedule->count == SCHEDULE_CHECKS_MAX)
        return fault_set(fault, "more than %d checks", SCHEDULE_CHECKS_MAX);
    if (interval_us < SCHEDULE_INTERVAL_LEAST_US || interval_us >= TIME_FOREVER_US ||
        timeout_us <= 0 || timeout_us >= TIME_FOREVER_US)
        return fault_set(fault, "a check needs an interval of at least %d ms and a timeout",
                         SCHEDULE_INTERVAL_LEAST_US / CLOCK_US_PER_MS);
    if (find_check(schedule, id) != NULL)
        return fault_set(fault, "there is a check %zu already", id);
    struct check **larger = realloc(schedule->checks, (schedule->count + 1) * sizeof(struct check *));
    if (larger == NULL)
        return fault_set(fault, "out of memory");
    schedule->checks = larger;
    struct check *check = calloc(1, sizeof *check);
    if (check == NULL)
        return fault_set(fault, "out of memory");
    check->schedule = schedule;
    check->class = class;
    check->self = self;
    check->id = id;
    check->interval_us = interval_us;
    check->timeout_us = timeout_us;
    timer_init(&check->turn, schedule->loop, on_turn, check);
    timer_init(&check->guard, schedule->loop, on_guard, check);
    schedule->checks[schedule->count++] = check;
    return true;
}

/* NULL with the fault set when the settings make no sense. */
static void *make_probe(struct schedule *schedule, const struct schedule_check *check,
                        const struct probe_class **class, struct fault *fault)
{
    void *self = NULL;
    *class = NULL;
    switch (check->kind) {
    case SCHEDULE_HTTP:
        *class = &http_probe_class;
        self = http_probe_new(schedule->loop, schedule->pool, schedule->resolver, &check->settings.http, fault);
        break;
    case SCHEDULE_TCP:
        *class = &tcp_probe_class;
        self = tcp_probe_new(schedule->loop, schedule->resolver, &check->settings.tcp, fault);
        break;
    case SCHEDULE_DNS:
        *class = &dns_probe_class;
        self = dns_probe_new(schedule->loop, schedule->resolver, &check->settings.dns, fault);
        break;
    case SCHEDULE_POSTGRES:
        *class = &database_probe_class;
        self = database_probe_new(schedule->loop, schedule->resolver, &check->settings.postgres, fault);
        break;
    }
    ensure(*class != NULL);
    if (self == NULL)
        (void)fault_wrap(fault, "%s check", (*class)->name);
    return self;
}

bool schedule_add(struct schedule *schedule, const struct schedule_check *check, size_t id,
                  struct fault *fault)
{
    const struct probe_class *class;
    void *self = make_probe(schedule, check, &class, fault);
    if (self == NULL)
        return false;
    if (schedule_add_probe(schedule, class, self, check->interval_us, check->timeout_us, id, fault))
        return true;
    class->free(self);
    return fault_wrap(fault, "%s check", class->name);
}

bool schedule_once(struct schedule *schedule, const struct schedule_check *settings, schedule_once_fn *fn, void *arg,
                   struct fault *fault)
{
    size_t place = 0;
    ensure(fn != NULL);
    while (place < SCHEDULE_ONCE_MAX && schedule->once[place] != NULL)
        place++;
    if (place == SCHEDULE_ONCE_MAX)
        return fault_set(fault, "%d single rounds run already", SCHEDULE_ONCE_MAX);
    if (settings->timeout_us <= 0 || settings->timeout_us >= TIME_FOREVER_US)
        return fault_set(fault, "a round needs a timeout");
    struct check *check = calloc(1, sizeof *check);
    if (check == NULL)
        return fault_set(fault, "out of memory");
    check->self = make_probe(schedule, settings, &check->class, fault);
    if (check->self == NULL) {
        free(check);
        return false;
    }
    check->schedule = schedule;
    check->timeout_us = settings->timeout_us;
    check->once = fn;
    check->once_arg = arg;
    timer_init(&check->guard, schedule->loop, on_guard, check);
    schedule->once[place] = check;
    check_begin(check);
    return true;
}

void schedule_free(struct schedule *schedule)
{
    if (schedule == NULL)
        return;
    ensure(!schedule->telling);
    timer_cancel(&schedule->pulse);
    for (size_t i = 0; i < schedule->count; i++)
        check_free(schedule->checks[i]);
    for (size_t i = 0; i < SCHEDULE_ONCE_MAX; i++)
        if (schedule->once[i] != NULL)
            check_free(schedule->once[i]);
    free(schedule->checks);
    free(schedule);
}

struct schedule_counts schedule_counts(const struct schedule *schedule, size_t id)
{
    const struct check *check = find_check(schedule, id);
    return check != NULL ? check->counts : (struct schedule_counts){ 0 };
}

size_t schedule_running(const struct schedule *schedule)
{
    return schedule->running;
}

size_t schedule_waiting(const struct schedule *schedule)
{
    return schedule->waiting;
}
