/* What links say to each other: the one byte in front of each payload, and the hello. Pure. */
#ifndef FAILOVERD_PEER_LINK_WIRE_H
#define FAILOVERD_PEER_LINK_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/base/fault.h"
#include "coordinator/peer/link.h"

/* Dialler to acceptor: HELLO first, then MESSAGE and PING. Acceptor to dialler: HELLO first, then
 * PONG; REFUSAL, a text for people, at any time before it closes. */
enum wire_kind {
    WIRE_HELLO = 'H',
    WIRE_MESSAGE = 'M',
    WIRE_PING = 'P',
    WIRE_PONG = 'O',
    WIRE_REFUSAL = 'R',
};

#define WIRE_HELLO_MAX 512
#define WIRE_PING_BYTES 8

/* Appends a frame of this kind; `length` is at most LINK_PAYLOAD_MAX. False without memory. */
bool wire_put(struct evbuffer *out, enum wire_kind kind, const void *bytes, size_t length) CHECKED;

/* {"hello":1,"cluster":"shop"} */
bool wire_put_hello(struct evbuffer *out, const char *cluster) CHECKED;

/* Judges a hello of the other side. On false *refusal and the fault say why. */
bool wire_judge_hello(const unsigned char *bytes, size_t length, const char *cluster,
                      enum link_refusal *refusal, struct fault *fault) CHECKED;

/* A refusal's text, made harmless for logs and terminals and cut to fit. */
void wire_read_refusal(const unsigned char *bytes, size_t length, char out[LINK_TEXT_MAX]);

#endif
