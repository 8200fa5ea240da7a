/* The fields of the codec: one cursor that writes or reads, so that each struct is walked by one
 * function for both directions.
 *
 *     struct codec_object in;
 *     if (!codec_enter(codec, &in, "ballot"))
 *         return;
 *     codec_u64(codec, "counter", &ballot->counter);
 *     codec_node(codec, "node", &ballot->node);
 *     codec_leave(codec, &in);
 *
 * The first thing that is wrong is kept with its path ("$.body.ballot.counter: is missing"); every
 * call after it does nothing, so a walker needs no checks in between. Both directions hold a value
 * to the same limits: what can be written can be read back. On reading, a field that is refused
 * keeps the value it had.
 *
 * jansson does the parsing; writing goes straight into a buffer. Used by codec.c for the wire and
 * by store/durable.c for the disk.
 */
#ifndef FAILOVERD_PEER_CODEC_FIELD_H
#define FAILOVERD_PEER_CODEC_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/text.h"
#include "coordinator/peer/codec_names.h"
#include "policy/types.h"

#define CODEC_KEYS_MAX 48    /* keys of one object; more than any walker asks for */
#define CODEC_PATH_MAX 512
#define CODEC_STRING_MAX 2048 /* of the longest words, their end included */
#define CODEC_QUOTE_BYTES 64 /* of what a peer sent, when it is quoted in a fault */

/* One object that is being walked; on the walker's stack between enter and leave. */
struct codec_object {
    struct codec_object *outer;
    const json_t *json;                /* reading */
    const char *keys[CODEC_KEYS_MAX];  /* asked for so far */
    size_t key_count;
    size_t path_length;                /* of the path outside of it */
};

/* For objects with keys of free choice: each key that was found, when reading. */
#define codec_each_key(object, key, value)                                                        \
    json_object_foreach ((json_t *)(uintptr_t)(object)->json, key, value)

struct codec {
    const struct codec_names *names;
    bool reading;
    bool failed;
    struct fault *fault;         /* may be NULL */
    struct text *out;            /* writing */
    struct codec_object *inside; /* innermost object */
    struct text path;
    char path_bytes[CODEC_PATH_MAX];
};

/* Begins to write into `out`, or to read. The codec must not be moved afterwards. */
void codec_write(struct codec *codec, const struct codec_names *names, struct text *out,
                 struct fault *fault);
void codec_read(struct codec *codec, const struct codec_names *names, struct fault *fault);

/* Parses `bytes` strictly: one object, UTF-8, no key twice, no NUL, nothing behind it. The caller
 * releases the result with json_decref. NULL with the fault set. */
json_t *codec_parse(const void *bytes, size_t length, struct fault *fault);

/* The outermost object; `root` is NULL when writing. */
bool codec_enter_root(struct codec *codec, struct codec_object *object, const json_t *root) CHECKED;

/* The object under `key`. False: it is not there, or something failed before; do not leave it. */
bool codec_enter(struct codec *codec, struct codec_object *object, const char *key) CHECKED;

/* The same where null stands for "does not apply": *present says so when writing and is set when
 * reading. True only when it is present and was entered. */
bool codec_enter_or_null(struct codec *codec, struct codec_object *object, const char *key,
                         bool *present) CHECKED;

/* Ends it; when reading, refuses keys that nobody asked for. */
void codec_leave(struct codec *codec, struct codec_object *object);

/* Reading: is there such a key in the innermost object? For objects with keys of free choice. */
bool codec_has(const struct codec *codec, const char *key);

/* Refuses the field `key` of the innermost object ("" for the object itself), unless something was
 * refused before. */
void codec_refuse(struct codec *codec, const char *key, const char *format, ...) PRINTF_LIKE(3, 4);

/* What a peer sent, made fit to be shown: at most CODEC_QUOTE_BYTES of it, quoted and escaped. */
struct codec_quote {
    char s[CODEC_QUOTE_BYTES * 6 + 8];
};
struct codec_quote codec_quote(const char *string);

void codec_bool(struct codec *codec, const char *key, bool *value);
void codec_u32(struct codec *codec, const char *key, uint32_t max, uint32_t *value);
void codec_u8(struct codec *codec, const char *key, uint8_t *value);
void codec_i64(struct codec *codec, const char *key, int64_t min, int64_t max, int64_t *value);

/* A decimal string, without sign or leading zeros. */
void codec_u64(struct codec *codec, const char *key, uint64_t *value);

/* An age or a duration: 0..TIME_FOREVER_US. */
void codec_us(struct codec *codec, const char *key, int64_t *value);

/* A reading of the calendar, any. */
void codec_wall(struct codec *codec, const char *key, struct wall_time *value);

/* An index by name. The forms with _or_none take null for none. */
void codec_node(struct codec *codec, const char *key, node_id *value);
void codec_node_or_none(struct codec *codec, const char *key, node_id *value);
void codec_region(struct codec *codec, const char *key, region_id *value);
void codec_region_or_none(struct codec *codec, const char *key, region_id *value);
void codec_service_or_none(struct codec *codec, const char *key, uint8_t *value);

/* The check that decided a verdict, or null. A name that this node has no check for is read as
 * none: nothing but words for people depends on it, and it is how two nodes with different checks
 * come to show each other that their settings differ. */
void codec_check(struct codec *codec, const char *key, uint8_t service, region_id region,
                 uint8_t *value);

/* Words for people, shorter than POLICY_TEXT_MAX. Writing cuts them between characters and replaces
 * bytes that are not UTF-8 by '?'; reading refuses what is too long. */
void codec_text(struct codec *codec, const char *key, struct policy_text *value);
/* The same for words of any length: `value` has `size` bytes, its end included. */
void codec_string(struct codec *codec, const char *key, char *value, size_t size);

/* What the codec knows nothing of, or null for none (NULL). Reading gives a new reference. */
void codec_json(struct codec *codec, const char *key, json_t **value);

/* A string that has to be `ours`; `meaning` says what a difference means and what to do. */
void codec_same(struct codec *codec, const char *key, const char *ours, const char *meaning);

/* What does not apply: null, and nothing else. */
void codec_null(struct codec *codec, const char *key);

/* One of the words of a list; an enum's numbers are the list's places. Use CODEC_WORD. */
void codec_word(struct codec *codec, const char *key, const char *const *words, size_t count,
                unsigned *value);

#define CODEC_WORD(codec, key, list, field)                                                       \
    do {                                                                                          \
        unsigned codec_word_ = (unsigned)(field);                                                 \
        codec_word((codec), (key), (list), sizeof(list) / sizeof((list)[0]), &codec_word_);       \
        (field) = codec_word_;                                                                    \
    } while (0)

#endif
