/* Frames: how messages are cut out of a stream of bytes.
 *
 * A frame is a length of 4 bytes, big-endian, and that many bytes of payload. The length is at
 * least 1 and at most FRAME_MAX, so that a peer can neither make us buffer without end nor keep us
 * busy with nothing. What the payload means is not known here: link.c puts one byte for its own
 * purposes in front of each message, and the message codec has the rest.
 */
#ifndef FAILOVERD_PEER_FRAME_H
#define FAILOVERD_PEER_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

#define FRAME_HEADER_BYTES 4
#define FRAME_MAX (64 * 1024)

struct evbuffer;

enum frame_result {
    FRAME_READY,   /* *payload and *length are set */
    FRAME_PARTIAL, /* more bytes are needed; nothing is consumed */
    FRAME_REFUSED, /* the stream can't be a stream of frames: close it; the fault says why */
};

/* Looks at the frame at the head of `in` without consuming it. The payload points into the buffer
 * and is valid until frame_drop or any other change of the buffer. */
enum frame_result frame_peek(struct evbuffer *in, const unsigned char **payload, size_t *length,
                             struct fault *fault) CHECKED;

/* Consumes the frame that frame_peek found, whose payload is `length` bytes long. */
void frame_drop(struct evbuffer *in, size_t length);

/* Writes the header for a payload of `length` bytes, which is within 1..FRAME_MAX. */
void frame_header(unsigned char out[FRAME_HEADER_BYTES], size_t length);

#endif
