/* ask: what one node asks of another for a person, and its answer.
 *
 * Beside the core's messages and over the same links, for what the core has no part in: making an old primary a
 * standby is carried out where its database is, and a person may say it at any node. The payload is one byte that tells
 * the two apart from a message of the core's (which begins with '{'), and one compact JSON object under the same rules
 * as those (codec.h): every key there, nothing unknown, what is wrong refused with its place. A node of an older
 * release refuses it as no message, and whoever asked is told that no answer came.
 *
 * A peer is authenticated but not trusted: indexes are in range, words are bounded and without control characters.
 * That the person may ask was judged by the node that it was said to, as for an order that the core forwards; who it is
 * comes along, for the audit trail of the node that acts.
 *
 * The functions keep no state; any thread.
 */
#ifndef FAILOVERD_PEER_ASK_H
#define FAILOVERD_PEER_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/peer/codec_names.h"
#include "coordinator/peer/frame.h"
#include "policy/types.h"

#define ASK_VERSION 1
#define ASK_PAYLOAD_MAX (FRAME_MAX - 1) /* a frame without the byte that link.c puts in front */

#define ASK_USER_MAX 64
#define ASK_ROLE_MAX 16
#define ASK_REASON_MAX 513
#define ASK_CODE_MAX 32
#define ASK_TEXT_MAX 2048
#define ASK_EXIT_MAX 8

enum ask_what { ASK_NEITHER, ASK_QUESTION, ASK_ANSWER };

enum ask_kind {
    ASK_REJOIN,     /* make this region's old primary a standby, or say how */
    ASK_REJOIN_RUN, /* how that run stands */
    ASK_KIND_COUNT
};

struct ask_question {
    enum ask_kind kind;
    uint64_t ticket;      /* the asker's, for its answer; never 0 */
    uint8_t service;
    region_id region;
    bool dry_run;         /* of REJOIN, like all below but `run` */
    bool without_list;
    uint64_t run;         /* of REJOIN_RUN */
    uint32_t uid;
    char user[ASK_USER_MAX]; /* "" if the name is not known */
    char role[ASK_ROLE_MAX];
    char reason[ASK_REASON_MAX]; /* "": none was given */
};

struct ask_answer {
    uint64_t ticket;
    bool refused;         /* code, exit, text and todo are of a refusal */
    char code[ASK_CODE_MAX];
    uint8_t exit;         /* at most ASK_EXIT_MAX */
    char text[ASK_TEXT_MAX];
    char todo[ASK_TEXT_MAX];
    json_t *body;         /* NULL: none */
};

/* Of any payload that came over a link. */
enum ask_what ask_what(const void *payload, size_t length);

/* All four: false with the fault set. Writing: it does not fit or can't be one. Reading: the fault says who sent it,
 * which key is wrong and why; the struct is all zero then. `from` and `peer` as in codec.h. */
bool ask_encode_question(const struct codec_names *names, node_id from, const struct ask_question *question,
                         char *bytes, size_t size, size_t *length, struct fault *fault) CHECKED;
bool ask_decode_question(const struct codec_names *names, const void *bytes, size_t length, node_id peer,
                         struct ask_question *question, struct fault *fault) CHECKED;
/* `answer->body` is borrowed. */
bool ask_encode_answer(const struct codec_names *names, node_id from, const struct ask_answer *answer, char *bytes,
                       size_t size, size_t *length, struct fault *fault) CHECKED;
/* `answer->body` is a new reference, for the caller to release. */
bool ask_decode_answer(const struct codec_names *names, const void *bytes, size_t length, node_id peer,
                       struct ask_answer *answer, struct fault *fault) CHECKED;

#endif
