/* The codec: messages between the core's structs and what goes over a link.
 *
 * A message is one compact JSON object. Each carries whose it is: the version of the protocol, the
 * cluster, the set of voters that its sender counts, the sender and its process, so that nothing of
 * another cluster or by other rules of counting gets as far as the core. Every key is always there;
 * what does not apply is null. Numbers that need 64 bits without sign travel as decimal strings,
 * because JSON readers round such numbers.
 *
 * A peer is authenticated but not trusted: whatever its bytes are, the answer is a message whose
 * every index and enum is in range and whose ledgers are valid, or a fault that names the key.
 * Nothing is skipped or guessed: unknown, missing, doubled and additional keys are refused. (The
 * one exception is the name of a check, see codec_check in codec_field.h.) What a message may lead
 * to is the core's to judge.
 *
 * Each struct is walked by one function for both directions (codec_field.h), so what is written and
 * what is read cannot drift apart. The functions keep no state; any thread.
 */
#ifndef FAILOVERD_PEER_CODEC_H
#define FAILOVERD_PEER_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/base/fault.h"
#include "coordinator/peer/codec_names.h"
#include "coordinator/peer/frame.h"
#include "policy/message.h"

#define CODEC_VERSION 2

/* What any message fits into, whatever its texts are (codec_test.c measures the longest): a frame
 * without the byte that link.c puts in front. */
#define CODEC_MESSAGE_MAX (FRAME_MAX - 1)

/* Writes `message` to `bytes`; *length is set. False with the fault set when it does not fit or the
 * message is none that codec_decode_message would take (which is a mistake of ours, but a message
 * lost is better than a coordinator lost). Details that are not UTF-8 are made so. */
bool codec_encode_message(const struct codec_names *names, const struct message *message,
                          char *bytes, size_t size, size_t *length, struct fault *fault) CHECKED;

/* Reads what `peer` sent; its name was proven by its certificate, and the message has to say the
 * same. Fields of the message that do not apply are zero or none. On false `message` is all zero,
 * and the fault says who sent it, which key is wrong and why. */
bool codec_decode_message(const struct codec_names *names, const void *bytes, size_t length,
                          node_id peer, struct message *message, struct fault *fault) CHECKED;

/* "prepare", "gossip", ...: as on the wire, also for logs and metrics. */
const char *codec_kind_name(enum message_kind kind);

#endif
