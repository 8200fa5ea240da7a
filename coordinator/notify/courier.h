/* The courier: carries one notice over one channel, once, and says how it came out.
 *
 * It works on the loop of the probes: TLS handshakes, name servers and programs that hang are nothing that the
 * control loop, with its lease and its operations, ever waits for. Jobs go there and come back through the loops'
 * mailboxes; who waits and what is tried again is the queue's business.
 *
 * The secret of a channel is read for each try, used, and wiped; it is in no text that comes back. A local file of
 * a few bytes is read on the loop, as resolv.conf is.
 */
#ifndef FAILOVERD_NOTIFY_COURIER_H
#define FAILOVERD_NOTIFY_COURIER_H

#include "coordinator/base/child.h"
#include "coordinator/base/fetch.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "coordinator/notify/queue.h"

#define COURIER_TEXT_MAX 320

struct courier;

/* Belongs to the caller while it rests, to the courier from courier_send() until `done`. */
struct courier_job {
    const struct channel_config *channel;
    struct notice notice;
    unsigned try;           /* which: of a receiver with several addresses each has its turn */
    void (*done)(struct courier_job *job); /* on the loop that asked, exactly once */
    void *arg;
    /* How it came out. */
    enum queue_outcome outcome;
    long status;            /* HTTP's, or a program's exit code; -1: there is none */
    int64_t took_us;
    char text[COURIER_TEXT_MAX]; /* "HTTP status 200"; never a secret */
    /* The courier's own. */
    struct courier *courier;
    struct courier_job *next;
    struct resolve *resolve;
    struct fetch *fetch;
    struct child *child;
    struct timer again;
    int64_t started_us;
};

/* `sending` is not running yet, `asking` is the caller's. */
struct courier *courier_new(struct loop *sending, struct loop *asking, struct fault *fault);

/* When `sending` has ended: what is under way ends without `done`. NULL is allowed. */
void courier_free(struct courier *courier);

/* False: the loop's mailbox is full; the job stays the caller's. */
bool courier_send(struct courier *courier, struct courier_job *job) CHECKED;

#endif
