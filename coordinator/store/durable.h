/* What survives a restart, between the core's struct and the store's bytes.
 *
 * As on the wire everything goes by name, so a changed configuration cannot turn one service's
 * promise into another's. The rule for changes is: nothing that this voter has promised is ever
 * forgotten in silence.
 *
 *   - a service that is new in the configuration starts empty;
 *   - a service that the configuration no longer has, but whose register holds something, is
 *     refused, with what to do;
 *   - a node or region that a register still speaks of, but which the configuration no longer has,
 *     is refused likewise; with one exception that is safe: a mere promise to such a node is kept
 *     as a promise to the next higher counter, which refuses more and forgets nothing;
 *   - the last known generations of nodes that are gone are dropped;
 *   - the set of voters is the store's once anything was written, whatever the configuration says; a
 *     voter that the configuration no longer has is refused.
 */
#ifndef FAILOVERD_STORE_DURABLE_H
#define FAILOVERD_STORE_DURABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/base/fault.h"
#include "coordinator/peer/codec_names.h"
#include "coordinator/store/store.h"
#include "policy/node.h"

#define DURABLE_FORMAT 2
#define DURABLE_BYTES_MAX STORE_PAYLOAD_MAX

/* Writes the blob for store_save(); *length is set. False with the fault set when it does not fit
 * or could not be read back. Any thread. */
bool durable_encode(const struct codec_names *names, const struct durable *durable, char *bytes,
                    size_t size, size_t *length, struct fault *fault) CHECKED;

/* Reads what store_open() found. Length 0 is a store just formatted: everything is empty. On false
 * `durable` is all zero, and the fault says what is wrong and what to do; the node must not vote
 * with it. Any thread. */
bool durable_decode(const struct codec_names *names, const void *bytes, size_t length,
                    struct durable *durable, struct fault *fault) CHECKED;

#endif
