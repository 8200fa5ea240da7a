/* What waits to be told over one channel, in order, and when it is tried next.
 *
 * One notice is out at a time; the next follows when it was taken. A try that failed is repeated, after 1 s and ever
 * longer up to a minute. Bounded: a newcomer beyond QUEUE_NOTICES_MAX takes the place of the oldest one, which is
 * counted as lost. Of an incident that is over before anybody was told nothing is told any more, unless it was an
 * operation; its notices wait for QUEUE_AFTER_END_US longer.
 *
 * Time is the caller's. Pure but for memory and the jitter; one thread.
 */
#ifndef FAILOVERD_NOTIFY_QUEUE_H
#define FAILOVERD_NOTIFY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/notify/notice.h"

#define QUEUE_NOTICES_MAX 64
#define QUEUE_BACKOFF_FIRST_US INT64_C(1000000)
#define QUEUE_BACKOFF_MOST_US INT64_C(60000000)
#define QUEUE_AFTER_END_US (INT64_C(3600) * 1000000)
#define QUEUE_REFUSALS_MAX 3 /* of one notice as nonsense; then the others have their turn */

enum queue_outcome {
    QUEUE_TAKEN,
    QUEUE_FAILED,   /* it did not get there */
    QUEUE_UNKNOWN,  /* it may have got there */
    QUEUE_NONSENSE, /* the other side says that it makes no sense, and will say so again */
};

struct queue;

struct queue *queue_new(void); /* NULL without memory */
void queue_free(struct queue *queue);

/* Copies it. False: there was no memory, or nobody has to be told any more. */
bool queue_put(struct queue *queue, const struct notice *notice, int64_t now_us);

/* What is to be sent now, and is out until queue_result(); NULL: nothing is due. */
const struct notice *queue_next(struct queue *queue, int64_t now_us);

/* How the one that is out came out. */
void queue_result(struct queue *queue, enum queue_outcome outcome, int64_t now_us);

/* When queue_next() has to be asked again; TIME_FOREVER_US: not before the next put or result. */
int64_t queue_due_us(const struct queue *queue);

size_t queue_waiting(const struct queue *queue);
/* Dropped since the start: too many, too late, or refused as nonsense. */
uint64_t queue_lost(const struct queue *queue);
/* The oldest one's failed tries; 0 when there is none. */
unsigned queue_tries(const struct queue *queue);

#endif
