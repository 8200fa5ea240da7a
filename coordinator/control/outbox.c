/* Messages that wait for the disk: see outbox.h. */
#include "coordinator/control/outbox.h"

#include <stdlib.h>

#include "coordinator/base/ensure.h"

struct waiting {
    struct waiting *next;
    uint64_t ticket;
    struct effect_send send;
};

struct outbox {
    outbox_send *send;
    void *arg;
    uint64_t expected; /* newest ticket asked for */
    uint64_t written;  /* newest known done */
    bool failed;
    struct waiting *first;
    struct waiting **last;
    size_t count;
    uint64_t dropped;
};

struct outbox *outbox_new(outbox_send *send, void *arg)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    o->send = send;
    o->arg = arg;
    o->last = &o->first;
    return o;
}

static struct waiting *take(struct outbox *o)
{
    struct waiting *w = o->first;
    o->first = w->next;
    if (o->first == NULL)
        o->last = &o->first;
    o->count--;
    return w;
}

static void drop_all(struct outbox *o)
{
    while (o->first != NULL) {
        free(take(o));
        o->dropped++;
    }
}

void outbox_free(struct outbox *o)
{
    if (o == NULL)
        return;
    drop_all(o);
    free(o);
}

void outbox_expect(struct outbox *o, uint64_t ticket)
{
    ensure(ticket > o->expected);
    o->expected = ticket;
}

void outbox_put(struct outbox *o, const struct effect_send *send)
{
    if (!send->durable || (!o->failed && o->written >= o->expected)) {
        o->send(o->arg, send);
        return;
    }
    if (o->failed) {
        o->dropped++;
        return;
    }
    if (o->count == OUTBOX_MAX) {
        free(take(o));
        o->dropped++;
    }
    struct waiting *w = malloc(sizeof *w);
    if (w == NULL) { /* a message lost; the protocol lives with that */
        o->dropped++;
        return;
    }
    *w = (struct waiting){ .ticket = o->expected, .send = *send };
    *o->last = w;
    o->last = &w->next;
    o->count++;
}

void outbox_written(struct outbox *o, uint64_t ticket)
{
    if (o->failed)
        return;
    if (ticket > o->written)
        o->written = ticket;
    /* Sending to ourselves may put more in: what waits behind this ticket stays behind it. */
    while (o->first != NULL && o->first->ticket <= o->written) {
        struct waiting *w = take(o);
        o->send(o->arg, &w->send);
        free(w);
    }
}

void outbox_fail(struct outbox *o)
{
    o->failed = true;
    drop_all(o);
}

uint64_t outbox_dropped(const struct outbox *o)
{
    return o->dropped;
}
