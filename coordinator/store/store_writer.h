/* The one thread that writes the store, so that no loop ever waits for a disk.
 *
 * Saves are handed over from the loop's thread and answered there, in their order. Blobs are whole
 * states, so a newer one makes those still waiting needless: they are never written, and are
 * answered together with the newest. A save is answered as done only when it, or a newer one, is
 * durable.
 *
 * A failed write is final for the process: what is waiting and every later save is answered with
 * that first failure, without touching the disk. A disk that hangs answers nothing, blocks nobody but the
 * thread, and shows in the readings.
 */
#ifndef FAILOVERD_STORE_STORE_WRITER_H
#define FAILOVERD_STORE_STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/store/store.h"

#define STORE_WRITER_TICKETS_MAX 4096 /* saves waiting for an answer */

struct store_writer;

/* On the loop's thread, once per accepted save, in order, never within store_writer_save. With !ok
 * the fault says why, and no later save will succeed. Must not free the writer. */
typedef void store_writer_done(uint64_t ticket, bool ok, const struct fault *fault, void *arg);

/* Starts the thread. The store has been started (store_start), stays the caller's, and is used by
 * nobody else until store_writer_free returned true. NULL with the fault set. */
struct store_writer *store_writer_new(struct loop *loop, struct store *store, store_writer_done *done,
                                      void *arg, struct fault *fault);

/* Hands the blob over (it is copied); the answer carries `ticket`. False with the fault set, and no
 * answer follows: too long, too many waiting, or no memory. Failed already: true, and answered with
 * the failure. Loop's thread. */
bool store_writer_save(struct store_writer *writer, const void *payload, size_t length, uint64_t ticket,
                       struct fault *fault) CHECKED;

/* Writes what is waiting, then ends the thread; gives up after `wait_ms`. Nothing is answered any
 * more. False when the disk hangs: the thread and the store are left to themselves and the process
 * should exit; the store must not be closed. NULL is allowed and true. */
bool store_writer_free(struct store_writer *writer, int64_t wait_ms) CHECKED;

struct store_writer_status {
    bool failed;          /* for good */
    char failure[FAULT_TEXT_MAX];
    uint64_t saves;       /* answered as done */
    uint64_t writes;      /* that took place; fewer, since waiting ones are merged */
    uint64_t sequence;    /* of the newest durable save */
    size_t waiting;       /* saves not answered yet */
    int64_t last_us;      /* the last write with its sync; 0: none yet */
    int64_t longest_us;
    int64_t busy_us;      /* how long the write in progress has been going on; 0: none */
};
/* Loop's thread. */
void store_writer_status(const struct store_writer *writer, struct store_writer_status *status);

#endif
