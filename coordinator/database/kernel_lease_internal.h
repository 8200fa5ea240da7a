/* What the two halves of the kernel lease share. Internal to kernel_lease.c (the thread's work) and
 * kernel_lease_queue.c (the loop's side). */
#ifndef FAILOVERD_DATABASE_KERNEL_LEASE_INTERNAL_H
#define FAILOVERD_DATABASE_KERNEL_LEASE_INTERNAL_H

#include <netinet/in.h>
#include <pthread.h>

#include "coordinator/database/kernel_lease.h"
#include "coordinator/database/nft_wire.h"

#define KERNEL_LEASE_TABLE_PREFIX "failoverd_"
#define KERNEL_LEASE_LISTING_MAX 16384

enum verb { VERB_INSTALL, VERB_HOLD, VERB_SHUT, VERB_INSPECT, VERB_REMOVE };

struct request {
    struct request *next;        /* in `waiting` or `finished`; under the lock */
    struct request *next_owned;  /* all of them; loop only */
    struct kernel_lease *lease;
    enum verb verb;
    int64_t until_us;
    int64_t deadline_us;
    kernel_lease_fn *fn;         /* NULL: nobody waits any more; loop only */
    void *arg;
    struct timer timer;          /* loop only */
    struct kernel_lease_report report; /* thread, then loop */
};

struct kernel_lease {
    struct kernel_lease_worker *worker;
    char table[sizeof KERNEL_LEASE_TABLE_PREFIX + KERNEL_LEASE_SERVICE_MAX];
    uint16_t port;
    char allow[KERNEL_LEASE_ALLOW_MAX][INET6_ADDRSTRLEN];
    bool allow_is_v6[KERNEL_LEASE_ALLOW_MAX];
    size_t allow_count;
    size_t requests;             /* in progress; loop only */
    bool freed;                  /* by its owner; goes when the last request is back; loop only */
    char fingerprint[KERNEL_LEASE_LISTING_MAX]; /* of the table as installed; "" before; thread only */
    uint64_t whole_in;           /* the span in which it was last found whole; 0: none; thread only */
};

struct kernel_lease_worker {
    struct loop *loop;
    struct event *event;         /* on `wake_fd` */
    int wake_fd;
    struct request *owned;
    size_t owned_count;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stopping;               /* under the lock, as are the lists */
    struct request *waiting;
    struct request *finished;
    struct nft_ctx *nft;         /* thread only, as is all that follows */
    struct nft_wire wire;
    /* A span is a time in which nobody but our own holds changed the ruleset: what was found whole in it is
     * whole still while the ruleset's generation is this one. */
    uint64_t span;
    uint32_t generation;         /* 0: not known */
};

/* Does one request and fills in its report. On the thread. */
void kernel_lease_work(struct kernel_lease_worker *worker, struct request *request);
/* Lets nftables go. On the thread, at its end. */
void kernel_lease_work_end(struct kernel_lease_worker *worker);

#endif
