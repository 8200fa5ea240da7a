/* The kernel lease: packets to and from PostgreSQL's port pass only while an element with a timeout
 * is in an nftables set. Whoever keeps the element there may die, hang or be paused: the kernel
 * lets it expire and no acknowledgement leaves this host any more, on no connection, new or old.
 *
 * One table `inet failoverd_SERVICE` per service. libnftables blocks, so it has a thread
 * of its own with a queue; answers come to the loop. Each request gets exactly one callback on the
 * loop, by its deadline at the latest, unless its lease is freed first.
 *
 * A hold can't overrun: a thread that is paused between working out what is left and telling the
 * kernel would grant that time from when it wakes. So each hold first lays a short-lived ticket
 * element into a set that no rule looks at, then reads the clock, and the transaction that sets the
 * element also deletes the ticket: when that expired meanwhile the kernel refuses all of it. The
 * ticket's life is taken off the timeout. (Jiffies stand still while a machine is suspended or its
 * virtual machine paused: that the guard must notice by its clocks.)
 *
 * Not covered: Unix sockets, and whatever reaches the server from the named addresses.
 */
#ifndef FAILOVERD_DATABASE_KERNEL_LEASE_H
#define FAILOVERD_DATABASE_KERNEL_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"

#define KERNEL_LEASE_SERVICE_MAX 63
#define KERNEL_LEASE_ALLOW_MAX 64
#define KERNEL_LEASE_QUEUE_MAX 256   /* requests in progress over all services */
#define KERNEL_LEASE_TICKET_MS 200   /* how long a hold may take to reach the kernel */
#define KERNEL_LEASE_ROUNDING_MS 20  /* the kernel counts in jiffies of up to 10 ms, and rounds up */
/* A hold with less than this left is refused: the kernel would be open for nothing. */
#define KERNEL_LEASE_LEAST_LEFT_MS (KERNEL_LEASE_TICKET_MS + KERNEL_LEASE_ROUNDING_MS + 1)

enum kernel_lease_outcome {
    KERNEL_LEASE_DONE,     /* and read back */
    KERNEL_LEASE_LATE,     /* hold: nothing (or too little) is left of the lease; nothing was set */
    KERNEL_LEASE_VANISHED, /* the table is gone or not ours any more: the fence is NOT there; install it */
    KERNEL_LEASE_FAILED,   /* the kernel refused: see why */
    KERNEL_LEASE_UNKNOWN,  /* no answer by the deadline; it may still happen */
};

struct kernel_lease_report {
    enum kernel_lease_outcome outcome;
    bool whole;            /* the table is there, with every chain, rule and address as installed */
    bool open;             /* the element is there */
    int64_t remaining_ms;  /* how long it stays, as the kernel says; 0 when it is not there */
    int64_t at_us;         /* base_mono_us of that reading */
    bool repaired;         /* install: a table that differed was put right */
    struct fault why;      /* a sentence; "" when done and nothing is to be said */
};

typedef void kernel_lease_fn(void *arg, const struct kernel_lease_report *report);

/* May this process work nftables here? Blocks for some milliseconds: at start only. */
bool kernel_lease_available(struct fault *fault) CHECKED;

/* The thread. One for all services; freed after all of its leases, on the loop's thread. Freeing waits for
 * the request in progress, if any. */
struct kernel_lease_worker;
struct kernel_lease_worker *kernel_lease_worker_new(struct loop *loop, struct fault *fault);
void kernel_lease_worker_free(struct kernel_lease_worker *worker);

struct kernel_lease_settings {
    const char *service;       /* [a-z0-9-], at most KERNEL_LEASE_SERVICE_MAX; copied */
    uint16_t port;
    const char *const *allow;  /* IP addresses let through always; copied */
    size_t allow_count;
};

struct kernel_lease;
struct kernel_lease *kernel_lease_new(struct kernel_lease_worker *worker,
                                      const struct kernel_lease_settings *settings, struct fault *fault);
/* No callback comes any more; the table stays as it is: that is the point of it. NULL is allowed. */
void kernel_lease_free(struct kernel_lease *lease);

/* All times are base_mono_us; `deadline_us` is that of the request, by which its callback comes. */

/* Puts the table there in one transaction, or puts it right, and reads it back. An element that is there
 * stays and keeps its time, where the table was ours; else it is shut, unless `until_us` is not 0: then a
 * hold follows. */
void kernel_lease_install(struct kernel_lease *lease, int64_t until_us, int64_t deadline_us,
                          kernel_lease_fn *fn, void *arg);
/* Open until `until_us` at the latest (and up to KERNEL_LEASE_TICKET_MS + KERNEL_LEASE_ROUNDING_MS less). */
void kernel_lease_hold(struct kernel_lease *lease, int64_t until_us, int64_t deadline_us,
                       kernel_lease_fn *fn, void *arg);
/* Takes the element away; done when reading back shows a whole table without it. */
void kernel_lease_shut(struct kernel_lease *lease, int64_t deadline_us, kernel_lease_fn *fn, void *arg);
/* DONE when the table is whole, VANISHED when not. Meant to be called periodically. */
void kernel_lease_inspect(struct kernel_lease *lease, int64_t deadline_us, kernel_lease_fn *fn, void *arg);
/* Takes the table away: the port is open for everybody from then on. */
void kernel_lease_remove(struct kernel_lease *lease, int64_t deadline_us, kernel_lease_fn *fn, void *arg);

const char *kernel_lease_outcome_name(enum kernel_lease_outcome outcome);

#endif
