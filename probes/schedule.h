/* When which check runs: each at its own fixed pace, all of them on one loop.
 *
 * First rounds are spread over each check's interval, with a jitter, so that neither the checks of one node
 * nor the nodes of a cluster look in step. From then on a check's turns come exactly `interval` apart: a late
 * turn does not move the later ones. A check never overlaps itself: when its last round still runs or
 * waits at its next turn, that turn is skipped and counted. At most SCHEDULE_RUNNING_MAX rounds run at once,
 * others wait in the order of their turns.
 *
 * Two things are put right here, whatever a probe says:
 *   - a round that has not ended SCHEDULE_GRACE_US after its timeout is ended, as OBSERVER: probes
 *     keep their time, so what went wrong is ours;
 *   - a FAILED round during which this loop stood still for more than half of the check's timeout
 *     is OBSERVER: the target may have answered while we were not listening.
 */
#ifndef FAILOVERD_PROBES_SCHEDULE_H
#define FAILOVERD_PROBES_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/fetch.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "probes/dns.h"
#include "probes/http.h"
#include "probes/postgres.h"
#include "probes/probe.h"
#include "probes/tcp.h"

#define SCHEDULE_CHECKS_MAX 1024
#define SCHEDULE_RUNNING_MAX 64
#define SCHEDULE_ONCE_MAX 8
#define SCHEDULE_GRACE_US 100000
/* How often the loop's being alive is looked at while rounds run. */
#define SCHEDULE_PULSE_US 50000
/* Shorter would be a busy loop, not a check. */
#define SCHEDULE_INTERVAL_LEAST_US 10000

struct schedule;

enum schedule_kind { SCHEDULE_HTTP, SCHEDULE_TCP, SCHEDULE_DNS, SCHEDULE_POSTGRES };

struct schedule_check {
    enum schedule_kind kind;
    int64_t interval_us; /* at least SCHEDULE_INTERVAL_LEAST_US */
    int64_t timeout_us;  /* of one whole round, name lookup included; more than 0, may exceed the interval */
    union {
        struct http_probe_settings http;
        struct tcp_probe_settings tcp;
        struct dns_probe_settings dns;
        struct postgres_probe_settings postgres; /* target.host may be a name without hostaddr */
    } settings;
};

/* What happened to one check so far. */
struct schedule_counts {
    uint64_t rounds;   /* ended */
    uint64_t skipped;  /* turns at which the last round was still in progress, or that the loop missed */
    uint64_t ended_by_force; /* rounds that outran their timeout and grace */
    uint64_t stalled;  /* failed rounds not counted because our own loop stood still */
};

/* Called on the loop for each round that ends. It must not free the schedule. */
typedef void schedule_sample_fn(void *arg, size_t check, const struct probe_round *round);

/* Loop, pool and resolver outlive it. NULL with the fault set. */
struct schedule *schedule_new(struct loop *loop, struct fetch_pool *pool, struct resolver *resolver,
                              struct fault *fault);
/* Ends everything in progress, without callbacks. Not from within on_sample. NULL is allowed. */
void schedule_free(struct schedule *schedule);

/* `id` is what on_sample is told; settings are copied. Before schedule_start only. */
bool schedule_add(struct schedule *schedule, const struct schedule_check *check, size_t id,
                  struct fault *fault) CHECKED;
/* The same with a probe made elsewhere, which then belongs to the schedule; not when it returns false. */
bool schedule_add_probe(struct schedule *schedule, const struct probe_class *class, void *self,
                        int64_t interval_us, int64_t timeout_us, size_t id, struct fault *fault) CHECKED;

/* One round, now, of a probe made for it, beside the checks and their turns: no check is late or skipped because of it,
 * nothing of it is counted, and on_sample never hears of it. It is made as schedule_add() would, so nothing is kept
 * from earlier rounds: the name is looked up, a database is logged in to. Both rules above hold for it, too. At most
 * SCHEDULE_ONCE_MAX at a time, beyond SCHEDULE_RUNNING_MAX. False: not begun. */
typedef void schedule_once_fn(void *arg, const struct probe_round *round);
bool schedule_once(struct schedule *schedule, const struct schedule_check *check, schedule_once_fn *fn, void *arg,
                   struct fault *fault) CHECKED;

void schedule_start(struct schedule *schedule, schedule_sample_fn *on_sample, void *arg);

/* Of the check with this id; all zero when there is none. */
struct schedule_counts schedule_counts(const struct schedule *schedule, size_t id);
/* Rounds in progress (of turns), and rounds that wait for one of them to end. */
size_t schedule_running(const struct schedule *schedule);
size_t schedule_waiting(const struct schedule *schedule);

#endif
