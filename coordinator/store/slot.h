/* The bytes of one slot: a header block, then the payload. Pure; store.c does the I/O.
 *
 * Header, little-endian, in STORE_HEADER_BYTES of which the rest is zero:
 *   0 magic "FAILOVD\n"   8 format u32        12 payload length u32   16 sequence u64
 *  24 store id u64        32 restarts u64     40 written wall us i64  48 doubt u32 (0, 1)
 *  52 payload checksum    56 cluster, 64 bytes, zero-filled           120 node, likewise
 *  STORE_HEADER_BYTES - 4 checksum of all of the header before it
 */
#ifndef FAILOVERD_STORE_SLOT_H
#define FAILOVERD_STORE_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/store/store.h"

struct slot_header {
    uint32_t format;
    uint32_t length;
    uint64_t sequence;
    uint64_t store_id;
    uint64_t restarts;
    int64_t written_wall_us;
    bool doubt;
    char cluster[STORE_NAME_MAX];
    char node[STORE_NAME_MAX];
};

enum slot_state {
    SLOT_ABSENT,       /* decided by the reader of files */
    SLOT_GOOD,
    SLOT_BAD,
    SLOT_OTHER_FORMAT, /* intact, but of a format that this program doesn't read */
};

/* Fills `image` (STORE_SLOT_BYTES) and returns how many bytes of it are to be written. `payload`
 * may be NULL when header->length is 0. */
size_t slot_encode(unsigned char *image, const struct slot_header *header, const void *payload);

/* Judges the `size` bytes that a slot's file holds. The fault says why when it isn't good. */
enum slot_state slot_decode(const unsigned char *image, size_t size, struct slot_header *header,
                            struct fault *fault) CHECKED;

#endif
