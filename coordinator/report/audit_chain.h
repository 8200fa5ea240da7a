/* A line of the audit trail and the hash that ties it to the one before. Text in, text out; no file.
 *
 * A line is a JSON object whose last two keys are "prev", the hash of the line before (64 zeros: there is none), and
 * "hash": SHA-256, in lower-case hex, over the bytes of the line as it would be without the key "hash". `prev` is
 * among those bytes, so a line's hash stands for all lines up to it. Anybody can work it out again:
 *
 *     sed -n 5p audit.jsonl | sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\n' | sha256sum
 *
 * The bytes as they are in the file count, not what they mean as JSON: another spelling is another line.
 */
#ifndef FAILOVERD_REPORT_AUDIT_CHAIN_H
#define FAILOVERD_REPORT_AUDIT_CHAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

#define AUDIT_HASH_SIZE 65            /* 64 hex digits and the terminator */
#define AUDIT_LINE_MAX (256 * 1024)   /* bytes, without its end; more than a request of the control socket can need */

/* Where a line stands in its chain. */
struct audit_link {
    uint64_t seq;                     /* 1 for the first of a chain */
    char prev[AUDIT_HASH_SIZE];
    char hash[AUDIT_HASH_SIZE];
};

/* No line before: 64 zeros. */
extern const char audit_genesis[AUDIT_HASH_SIZE];

/* False only when libcrypto fails. */
bool audit_hash(const char *bytes, size_t length, char hash[AUDIT_HASH_SIZE]) CHECKED;

/* The line as text, with `link` filled: seq, prev and its hash. `body` has neither seq, prev nor hash and is
 * left as it is. The text is the caller's to free, has no line end, and *length bytes. NULL with the fault set:
 * it would be longer than AUDIT_LINE_MAX, or no memory. */
char *audit_seal(const json_t *body, uint64_t seq, const char *prev, struct audit_link *link, size_t *length,
                 struct fault *fault);

enum audit_shape {
    AUDIT_WHOLE,   /* a line as audit_seal makes them: its hash fits it */
    AUDIT_CHANGED, /* one with all its keys, whose hash does not fit it */
    AUDIT_ALIEN,   /* nothing of the kind, or not recognisable any more */
};

/* `text` without its line end. The link is filled unless it is alien; so is *body, the whole object, if `body` is
 * not NULL: a new reference. */
enum audit_shape audit_read(const char *text, size_t length, struct audit_link *link, json_t **body);

#endif
