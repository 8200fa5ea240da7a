/* Length-prefixed frames: see frame.h. */
#include "coordinator/peer/frame.h"

#include <event2/buffer.h>

#include "coordinator/base/ensure.h"

void frame_header(unsigned char out[FRAME_HEADER_BYTES], size_t length)
{
    ensure(length > 0 && length <= FRAME_MAX);
    out[0] = (unsigned char)(length >> 24);
    out[1] = (unsigned char)(length >> 16);
    out[2] = (unsigned char)(length >> 8);
    out[3] = (unsigned char)length;
}

enum frame_result frame_peek(struct evbuffer *in, const unsigned char **payload, size_t *length,
                             struct fault *fault)
{
    unsigned char header[FRAME_HEADER_BYTES];
    if (evbuffer_copyout(in, header, sizeof header) < (ev_ssize_t)sizeof header)
        return FRAME_PARTIAL;
    size_t announced = (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
    if (announced == 0) {
        fault_set(fault, "an empty frame");
        return FRAME_REFUSED;
    }
    /* Judged before the bytes arrive, so that none of them is waited for. */
    if (announced > FRAME_MAX) {
        fault_set(fault, "a frame of %zu bytes is announced, and the most is %d", announced, FRAME_MAX);
        return FRAME_REFUSED;
    }
    if (evbuffer_get_length(in) < FRAME_HEADER_BYTES + announced)
        return FRAME_PARTIAL;
    unsigned char *whole = evbuffer_pullup(in, (ev_ssize_t)(FRAME_HEADER_BYTES + announced));
    if (whole == NULL) {
        fault_set(fault, "no memory for a frame of %zu bytes", announced);
        return FRAME_REFUSED;
    }
    *payload = whole + FRAME_HEADER_BYTES;
    *length = announced;
    return FRAME_READY;
}

void frame_drop(struct evbuffer *in, size_t length)
{
    ensure(evbuffer_drain(in, FRAME_HEADER_BYTES + length) == 0);
}
