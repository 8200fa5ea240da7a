/* Where in a JSON text each value stands.
 *
 * jansson tells no line numbers for the values it hands out, so the text is scanned once beside
 * it: every member and element becomes an entry with its line and its place in the tree. The same
 * scan finds keys that occur twice, with both lines.
 *
 * The boundary: this is no validator. It never refuses; on a text that isn't JSON it stops at the
 * first thing it doesn't understand and keeps the entries up to there, which is what a message
 * about the error needs. Bounded in depth (CONFIG_MAX_DEPTH) and entries (POSITIONS_MAX).
 */
#ifndef FAILOVERD_CONFIG_POSITIONS_H
#define FAILOVERD_CONFIG_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/text.h"

#define POSITIONS_MAX 65536
#define POSITIONS_ROOT 0

struct positions;

/* NULL only when there is no memory. `text` needs no terminator and may be freed afterwards. */
struct positions *positions_scan(const char *text, size_t size) CHECKED;

/* NULL is allowed. */
void positions_free(struct positions *positions);

/* The scan stopped because of CONFIG_MAX_DEPTH or POSITIONS_MAX; `entry` is where. */
bool positions_too_deep(const struct positions *positions, size_t *entry);
bool positions_too_many(const struct positions *positions, size_t *entry);

/* The entry that `path` ("$.voters[1]") leads to, or its nearest ancestor that is there. */
size_t positions_find(const struct positions *positions, const char *path);

/* The last entry that begins at or before the byte `offset` of the text. */
size_t positions_before(const struct positions *positions, size_t offset);

/* The line on which the entry's key stands, or its value when it has none. From 1. */
size_t positions_line(const struct positions *positions, size_t entry);

/* Appends the entry's path. */
void positions_path(const struct positions *positions, size_t entry, struct text *path);

/* Walks over the members whose key occurred before in the same object: true with the member and
 * the first of its kind. Start with *cursor = 0. */
bool positions_next_duplicate(const struct positions *positions, size_t *cursor, size_t *entry,
                              size_t *first);

/* Appends ".key", or ["key"] when the key has other characters than [A-Za-z0-9_-]. */
void positions_append_key(struct text *path, const char *key);

#endif
