/* What waits to be told over one channel: see queue.h. */
#include "coordinator/notify/queue.h"

#include <stdlib.h>

#include "coordinator/base/ensure.h"
#include "coordinator/base/random.h"
#include "policy/types.h"

struct item {
    struct item *next;
    struct notice notice;
    unsigned tries;
    unsigned refusals;
    bool may_be_there;  /* a try of it may have been taken */
    int64_t expires_us; /* TIME_FOREVER_US: its incident goes on */
};

struct queue {
    struct item *first;
    struct item **last;
    size_t count;
    bool out;        /* the first one is being sent */
    int64_t not_before_us;
    uint64_t lost;
};

struct queue *queue_new(void)
{
    struct queue *queue = calloc(1, sizeof *queue);
    if (queue != NULL)
        queue->last = &queue->first;
    return queue;
}

static void take_out(struct queue *queue, struct item **at)
{
    struct item *item = *at;
    *at = item->next;
    if (queue->last == &item->next)
        queue->last = at;
    queue->count--;
    free(item);
}

void queue_free(struct queue *queue)
{
    if (queue == NULL)
        return;
    while (queue->first != NULL)
        take_out(queue, &queue->first);
    free(queue);
}

/* The oldest that is not on its way just now. */
static struct item **oldest(struct queue *queue)
{
    return queue->out && queue->first != NULL ? &queue->first->next : &queue->first;
}

/* Nobody was told that it began, so nobody has to be told that it is over. */
static bool passed_unseen(const struct queue *queue, uint64_t incident)
{
    for (const struct item *item = queue->first; item != NULL; item = item->next)
        if (item->notice.incident == incident && item->notice.first)
            return !item->notice.keep && !item->may_be_there && !(queue->out && item == queue->first);
    return false;
}

static void forget(struct queue *queue, uint64_t incident)
{
    for (struct item **at = &queue->first; *at != NULL;)
        if ((*at)->notice.incident == incident)
            take_out(queue, at);
        else
            at = &(*at)->next;
}

static void let_expire(struct queue *queue, uint64_t incident, int64_t at_us)
{
    for (struct item *item = queue->first; item != NULL; item = item->next)
        if (item->notice.incident == incident)
            item->expires_us = at_us;
}

bool queue_put(struct queue *queue, const struct notice *notice, int64_t now_us)
{
    bool over = notice->action == NOTICE_RESOLVE;
    if (over && passed_unseen(queue, notice->incident)) {
        forget(queue, notice->incident);
        return false;
    }
    struct item *item = calloc(1, sizeof *item);
    if (item == NULL) {
        queue->lost++;
        return false;
    }
    if (queue->count == QUEUE_NOTICES_MAX) {
        take_out(queue, oldest(queue));
        queue->lost++;
    }
    item->notice = *notice;
    item->expires_us = TIME_FOREVER_US;
    *queue->last = item;
    queue->last = &item->next;
    queue->count++;
    if (over)
        let_expire(queue, notice->incident, now_us + QUEUE_AFTER_END_US);
    return true;
}

const struct notice *queue_next(struct queue *queue, int64_t now_us)
{
    while (!queue->out && queue->first != NULL && now_us >= queue->first->expires_us) {
        take_out(queue, &queue->first);
        queue->lost++;
    }
    if (queue->out || queue->first == NULL || now_us < queue->not_before_us)
        return NULL;
    queue->out = true;
    return &queue->first->notice;
}

/* Within a quarter of it, so that nodes which began together don't go on together. */
static int64_t backoff_us(unsigned tries)
{
    int64_t wait = QUEUE_BACKOFF_FIRST_US;
    for (unsigned i = 1; i < tries && wait < QUEUE_BACKOFF_MOST_US; i++)
        wait *= 2;
    if (wait > QUEUE_BACKOFF_MOST_US)
        wait = QUEUE_BACKOFF_MOST_US;
    return wait - wait / 4 + (int64_t)base_random_below((uint64_t)wait / 4 + 1);
}

void queue_result(struct queue *queue, enum queue_outcome outcome, int64_t now_us)
{
    struct item *item = queue->first;
    ensure(queue->out && item != NULL);
    queue->out = false;
    if (outcome == QUEUE_NONSENSE)
        item->refusals++;
    if (outcome == QUEUE_TAKEN || item->refusals == QUEUE_REFUSALS_MAX) {
        queue->lost += outcome != QUEUE_TAKEN;
        queue->not_before_us = 0;
        take_out(queue, &queue->first);
        return;
    }
    item->may_be_there |= outcome == QUEUE_UNKNOWN;
    item->tries++;
    queue->not_before_us = now_us + backoff_us(item->tries);
}

int64_t queue_due_us(const struct queue *queue)
{
    if (queue->out || queue->first == NULL)
        return TIME_FOREVER_US;
    return queue->not_before_us;
}

size_t queue_waiting(const struct queue *queue)
{
    return queue->count;
}

uint64_t queue_lost(const struct queue *queue)
{
    return queue->lost;
}

unsigned queue_tries(const struct queue *queue)
{
    return queue->first != NULL ? queue->first->tries : 0;
}
