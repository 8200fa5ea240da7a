/* outbox: keeps what may only leave once it is on disk.
 *
 * The core says of each message whether it shows durable state. Such a message waits until every
 * write that was asked for before it is done; the others go at once. Messages leave in order. After
 * a failed write nothing durable leaves any more: what it would promise may be lost.
 */
#ifndef FAILOVERD_CONTROL_OUTBOX_H
#define FAILOVERD_CONTROL_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/effect.h"

#define OUTBOX_MAX 1024 /* waiting; more means a disk that hangs: the oldest are dropped */

struct outbox;

typedef void outbox_send(void *arg, const struct effect_send *send);

struct outbox *outbox_new(outbox_send *send, void *arg);
void outbox_free(struct outbox *outbox);

/* A write was asked for under this ticket; tickets grow. */
void outbox_expect(struct outbox *outbox, uint64_t ticket);

void outbox_put(struct outbox *outbox, const struct effect_send *send);

/* The write under this ticket, and so all before it, is on disk. May send. */
void outbox_written(struct outbox *outbox, uint64_t ticket);

/* Final. Drops what waits and everything durable from now on. */
void outbox_fail(struct outbox *outbox);

uint64_t outbox_dropped(const struct outbox *outbox);

#endif
