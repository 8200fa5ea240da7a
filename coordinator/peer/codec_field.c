/* The cursor of the codec: see codec_field.h. */
#include "coordinator/peer/codec_field.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/base/ensure.h"
#include "policy/message.h"

#define U64_DIGITS_MAX 20

/* ---- what went wrong ------------------------------------------------------------------------ */

struct codec_quote codec_quote(const char *string)
{
    struct codec_quote quote;
    struct text text = TEXT_OF(quote.s);
    size_t length = strlen(string);
    text_append_char(&text, '"');
    text_append_json(&text, string, length < CODEC_QUOTE_BYTES ? length : CODEC_QUOTE_BYTES);
    text_append(&text, length > CODEC_QUOTE_BYTES ? "...\"" : "\"");
    return quote;
}

void codec_refuse(struct codec *codec, const char *key, const char *format, ...)
{
    if (codec->failed)
        return;
    codec->failed = true;
    char reason[FAULT_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    (void)fault_set(codec->fault, "%s%s%s: %s", codec->path.data, key[0] == '\0' ? "" : ".", key,
                    reason);
}

static void refuse_type(struct codec *codec, const char *key, const char *wanted)
{
    codec_refuse(codec, key, "has to be %s", wanted);
}

/* ---- objects -------------------------------------------------------------------------------- */

static void begin(struct codec *codec, const struct codec_names *names, struct fault *fault)
{
    memset(codec, 0, sizeof *codec);
    codec->names = names;
    codec->fault = fault;
    codec->path = TEXT_OF(codec->path_bytes);
    text_append_char(&codec->path, '$');
}

void codec_write(struct codec *codec, const struct codec_names *names, struct text *out,
                 struct fault *fault)
{
    begin(codec, names, fault);
    codec->out = out;
}

void codec_read(struct codec *codec, const struct codec_names *names, struct fault *fault)
{
    begin(codec, names, fault);
    codec->reading = true;
}

json_t *codec_parse(const void *bytes, size_t length, struct fault *fault)
{
    json_error_t error;
    json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        /* jansson quotes the source, which may be anything. */
        struct codec_quote quote = codec_quote(error.text);
        (void)fault_set(fault, "byte %d: is not the JSON that it should be: %s", error.position,
                        quote.s);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        (void)fault_set(fault, "$: has to be an object");
        return NULL;
    }
    return root;
}

static void open_object(struct codec *codec, struct codec_object *object, const json_t *json)
{
    object->outer = codec->inside;
    object->json = json;
    object->key_count = 0;
    object->path_length = codec->path.length;
    codec->inside = object;
    if (!codec->reading)
        text_append_char(codec->out, '{');
}

/* Notes that the innermost object has this key; when writing, puts it there. */
static void take_key(struct codec *codec, const char *key)
{
    struct codec_object *object = codec->inside;
    ensure(object != NULL && object->key_count < CODEC_KEYS_MAX);
    object->keys[object->key_count++] = key;
    if (codec->reading)
        return;
    if (object->key_count > 1)
        text_append_char(codec->out, ',');
    text_append_char(codec->out, '"');
    text_append_json(codec->out, key, strlen(key));
    text_append(codec->out, "\":");
}

/* The value to read under `key`; NULL when there is none, or something failed before. */
static const json_t *take_value(struct codec *codec, const char *key)
{
    if (codec->failed)
        return NULL;
    take_key(codec, key);
    const json_t *value = json_object_get(codec->inside->json, key);
    if (value == NULL)
        codec_refuse(codec, key, "is missing");
    return value;
}

/* Writing: puts the key, unless something failed before. */
static bool put_key(struct codec *codec, const char *key)
{
    if (codec->failed)
        return false;
    take_key(codec, key);
    return true;
}

bool codec_enter_root(struct codec *codec, struct codec_object *object, const json_t *root)
{
    ensure(codec->inside == NULL && (root != NULL) == codec->reading);
    open_object(codec, object, root);
    return true;
}

bool codec_enter_or_null(struct codec *codec, struct codec_object *object, const char *key,
                         bool *present)
{
    const json_t *json = NULL;
    if (codec->reading) {
        json = take_value(codec, key);
        if (json == NULL)
            return false;
        *present = !json_is_null(json);
        if (*present && !json_is_object(json)) {
            refuse_type(codec, key, "an object");
            return false;
        }
    } else {
        if (!put_key(codec, key))
            return false;
        if (!*present)
            text_append(codec->out, "null");
    }
    if (!*present)
        return false;
    open_object(codec, object, json);
    text_append_char(&codec->path, '.');
    text_append(&codec->path, key);
    return true;
}

bool codec_enter(struct codec *codec, struct codec_object *object, const char *key)
{
    bool present = true;
    if (codec_enter_or_null(codec, object, key, &present))
        return true;
    if (!present)
        refuse_type(codec, key, "an object");
    return false;
}

static bool asked_for(const struct codec_object *object, const char *key)
{
    for (size_t i = 0; i < object->key_count; i++)
        if (strcmp(object->keys[i], key) == 0)
            return true;
    return false;
}

static void refuse_extra_key(struct codec *codec, const struct codec_object *object)
{
    const char *key;
    json_t *value;
    codec_each_key(object, key, value)
        if (!asked_for(object, key)) {
            struct codec_quote quote = codec_quote(key);
            codec_refuse(codec, "", "%s is not a key of it", quote.s);
            return;
        }
}

void codec_leave(struct codec *codec, struct codec_object *object)
{
    ensure(codec->inside == object);
    if (!codec->failed && codec->reading && json_object_size(object->json) != object->key_count)
        refuse_extra_key(codec, object);
    if (!codec->reading)
        text_append_char(codec->out, '}');
    codec->inside = object->outer;
    codec->path.length = object->path_length;
    codec->path.data[object->path_length] = '\0';
}

bool codec_has(const struct codec *codec, const char *key)
{
    ensure(codec->reading && codec->inside != NULL);
    return json_object_get(codec->inside->json, key) != NULL;
}

/* ---- numbers -------------------------------------------------------------------------------- */

void codec_bool(struct codec *codec, const char *key, bool *value)
{
    if (!codec->reading) {
        if (put_key(codec, key))
            text_append(codec->out, *value ? "true" : "false");
        return;
    }
    const json_t *json = take_value(codec, key);
    if (json == NULL)
        return;
    if (json_is_boolean(json))
        *value = json_is_true(json);
    else
        refuse_type(codec, key, "true or false");
}

void codec_i64(struct codec *codec, const char *key, int64_t min, int64_t max, int64_t *value)
{
    int64_t number = *value;
    if (codec->reading) {
        const json_t *json = take_value(codec, key);
        if (json == NULL)
            return;
        if (!json_is_integer(json)) {
            refuse_type(codec, key, "a whole number");
            return;
        }
        number = json_integer_value(json);
    } else if (!put_key(codec, key)) {
        return;
    }
    if (number < min || number > max) {
        codec_refuse(codec, key, "has to be from %" PRId64 " to %" PRId64 ", not %" PRId64, min,
                     max, number);
        return;
    }
    if (codec->reading)
        *value = number;
    else
        text_appendf(codec->out, "%" PRId64, number);
}

void codec_u32(struct codec *codec, const char *key, uint32_t max, uint32_t *value)
{
    int64_t number = *value;
    codec_i64(codec, key, 0, max, &number);
    *value = (uint32_t)number;
}

void codec_u8(struct codec *codec, const char *key, uint8_t *value)
{
    int64_t number = *value;
    codec_i64(codec, key, 0, UINT8_MAX, &number);
    *value = (uint8_t)number;
}

void codec_us(struct codec *codec, const char *key, int64_t *value)
{
    codec_i64(codec, key, 0, TIME_FOREVER_US, value);
}

void codec_wall(struct codec *codec, const char *key, struct wall_time *value)
{
    codec_i64(codec, key, -TIME_FOREVER_US, TIME_FOREVER_US, &value->us);
}

void codec_u64(struct codec *codec, const char *key, uint64_t *value)
{
    if (!codec->reading) {
        if (put_key(codec, key))
            text_appendf(codec->out, "\"%" PRIu64 "\"", *value);
        return;
    }
    const json_t *json = take_value(codec, key);
    if (json == NULL)
        return;
    unsigned long long number = 0;
    const char *digits = json_string_value(json);
    if (digits == NULL || strlen(digits) > U64_DIGITS_MAX ||
        (digits[0] == '0' && digits[1] != '\0') ||
        !text_parse_u64(digits, UINT64_MAX, &number))
        refuse_type(codec, key, "a decimal number below 2^64, written as a string");
    else
        *value = number;
}

/* ---- strings and names ---------------------------------------------------------------------- */

static void put_string(struct codec *codec, const char *string)
{
    text_append_char(codec->out, '"');
    text_append_json(codec->out, string, strlen(string));
    text_append_char(codec->out, '"');
}

static const char *take_string(struct codec *codec, const char *key)
{
    const json_t *json = take_value(codec, key);
    if (json == NULL)
        return NULL;
    const char *string = json_string_value(json);
    if (string == NULL)
        refuse_type(codec, key, "a string");
    return string;
}

/* How an index gets its name and the name its index. */
struct index_kind {
    const char *what;
    const char *(*name)(const struct codec_names *names, uint8_t index); /* NULL: none such */
    uint8_t (*find)(const struct codec_names *names, const char *name);
    uint8_t none;
};

static const char *node_name(const struct codec_names *names, uint8_t index)
{
    return index < names->node_count ? names->nodes[index] : NULL;
}

static const char *region_name(const struct codec_names *names, uint8_t index)
{
    return index < names->region_count ? names->regions[index] : NULL;
}

static const char *service_name(const struct codec_names *names, uint8_t index)
{
    return index < names->service_count ? names->services[index].name : NULL;
}

static const struct index_kind node_index = {
    "node", node_name, codec_find_node, NODE_NONE,
};
static const struct index_kind region_index = {
    "region", region_name, codec_find_region, REGION_NONE,
};
static const struct index_kind service_index = {
    "service", service_name, codec_find_service, SERVICE_NONE,
};

static void write_index(struct codec *codec, const char *key, const struct index_kind *kind,
                        bool or_none, uint8_t value)
{
    if (!put_key(codec, key))
        return;
    const char *name = kind->name(codec->names, value);
    if (name != NULL)
        put_string(codec, name);
    else if (or_none && value == kind->none)
        text_append(codec->out, "null");
    else
        codec_refuse(codec, key, "there is no %s number %u", kind->what, value);
}

static void walk_index(struct codec *codec, const char *key, const struct index_kind *kind,
                       bool or_none, uint8_t *value)
{
    if (!codec->reading) {
        write_index(codec, key, kind, or_none, *value);
        return;
    }
    const json_t *json = take_value(codec, key);
    if (json == NULL)
        return;
    if (or_none && json_is_null(json)) {
        *value = kind->none;
        return;
    }
    const char *name = json_string_value(json);
    if (name == NULL) {
        codec_refuse(codec, key, "has to be the name of a %s%s", kind->what,
                     or_none ? " or null" : "");
        return;
    }
    uint8_t found = kind->find(codec->names, name);
    if (found != kind->none) {
        *value = found;
        return;
    }
    struct codec_quote quote = codec_quote(name);
    codec_refuse(codec, key, "this node's cluster.json has no %s %s", kind->what, quote.s);
}

void codec_node(struct codec *codec, const char *key, node_id *value)
{
    walk_index(codec, key, &node_index, false, value);
}

void codec_node_or_none(struct codec *codec, const char *key, node_id *value)
{
    walk_index(codec, key, &node_index, true, value);
}

void codec_region(struct codec *codec, const char *key, region_id *value)
{
    walk_index(codec, key, &region_index, false, value);
}

void codec_region_or_none(struct codec *codec, const char *key, region_id *value)
{
    walk_index(codec, key, &region_index, true, value);
}

void codec_service_or_none(struct codec *codec, const char *key, uint8_t *value)
{
    walk_index(codec, key, &service_index, true, value);
}

static void write_check(struct codec *codec, const char *key, uint8_t service, region_id region,
                        uint8_t value)
{
    if (!put_key(codec, key))
        return;
    if (value == CHECK_NONE) {
        text_append(codec->out, "null");
        return;
    }
    const struct codec_service *of = &codec->names->services[service];
    if (value >= of->check_count || of->checks[value].region != region)
        codec_refuse(codec, key, "there is no check number %u of this region", value);
    else
        put_string(codec, of->checks[value].name);
}

void codec_check(struct codec *codec, const char *key, uint8_t service, region_id region,
                 uint8_t *value)
{
    if (codec->failed)
        return;
    ensure(service < codec->names->service_count);
    if (!codec->reading) {
        write_check(codec, key, service, region, *value);
        return;
    }
    const json_t *json = take_value(codec, key);
    if (json == NULL)
        return;
    const char *name = json_string_value(json);
    size_t length = name == NULL ? 0 : strlen(name);
    if (json_is_null(json))
        *value = CHECK_NONE;
    else if (length == 0 || length > CODEC_NAME_MAX)
        refuse_type(codec, key, "the name of a check or null");
    else
        *value = codec_find_check(codec->names, service, region, name);
}

void codec_word(struct codec *codec, const char *key, const char *const *words, size_t count,
                unsigned *value)
{
    if (!codec->reading) {
        if (!put_key(codec, key))
            return;
        if (*value < count && words[*value] != NULL)
            put_string(codec, words[*value]);
        else
            codec_refuse(codec, key, "there is no word for number %u", *value);
        return;
    }
    const char *word = take_string(codec, key);
    if (word == NULL)
        return;
    for (unsigned i = 0; i < count; i++)
        if (words[i] != NULL && strcmp(words[i], word) == 0) {
            *value = i;
            return;
        }
    struct codec_quote quote = codec_quote(word);
    codec_refuse(codec, key, "%s is none of the words that this version knows", quote.s);
}

void codec_same(struct codec *codec, const char *key, const char *ours, const char *meaning)
{
    if (!codec->reading) {
        if (put_key(codec, key))
            put_string(codec, ours);
        return;
    }
    const char *theirs = take_string(codec, key);
    if (theirs == NULL || strcmp(theirs, ours) == 0)
        return;
    char shown[CODEC_VOTERS_MAX * 2];
    struct text text = TEXT_OF(shown);
    size_t length = strlen(theirs);
    text_append_json(&text, theirs, length < CODEC_VOTERS_MAX ? length : CODEC_VOTERS_MAX);
    codec_refuse(codec, key, "is \"%s\" there and \"%s\" here: %s", text.data, ours, meaning);
}

void codec_null(struct codec *codec, const char *key)
{
    if (!codec->reading) {
        if (put_key(codec, key))
            text_append(codec->out, "null");
        return;
    }
    const json_t *json = take_value(codec, key);
    if (json != NULL && !json_is_null(json))
        refuse_type(codec, key, "null");
}

/* ---- words for people ----------------------------------------------------------------------- */

/* How many bytes the character at `at` has, of `left` that there are; 0 when it is none (overlong
 * forms, surrogates and numbers beyond U+10FFFF are none either). */
static size_t character_bytes(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        size_t bytes;
    } forms[] = {
        { 0x01, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
        { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
        { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at[0] < forms[i].first_min || at[0] > forms[i].first_max)
            continue;
        if (forms[i].bytes > left)
            return 0;
        if (forms[i].bytes > 1 && (at[1] < forms[i].second_min || at[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].bytes; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].bytes;
    }
    return 0;
}

/* A copy that is UTF-8 and ends, whatever the shell put there; both have `size` bytes. A character that was cut off at
 * the end is left out, other bytes that make no sense become '?'. */
static void clean(char *to, const char *from, size_t size)
{
    const unsigned char *at = (const unsigned char *)from;
    size_t left = strnlen(from, size);
    bool cut = left >= size - 1;
    size_t length = 0;
    while (left > 0) {
        size_t bytes = character_bytes(at, left);
        bool part = bytes == 0 && at[0] >= 0xc2 && at[0] <= 0xf4 && left < 4;
        if (part && cut)
            break;
        size_t step = bytes == 0 ? 1 : bytes;
        if (length + step > size - 1)
            break;
        memcpy(to + length, bytes == 0 ? (const unsigned char *)"?" : at, step);
        length += step;
        at += step;
        left -= step;
    }
    to[length] = '\0';
}

void codec_string(struct codec *codec, const char *key, char *value, size_t size)
{
    if (!codec->reading) {
        char cleaned[CODEC_STRING_MAX];
        ensure(size <= sizeof cleaned);
        clean(cleaned, value, size);
        if (put_key(codec, key))
            put_string(codec, cleaned);
        return;
    }
    const char *string = take_string(codec, key);
    if (string == NULL)
        return;
    if (strlen(string) >= size) {
        codec_refuse(codec, key, "has to be shorter than %zu bytes", size);
        return;
    }
    memset(value, 0, size);
    memcpy(value, string, strlen(string));
}

void codec_text(struct codec *codec, const char *key, struct policy_text *value)
{
    codec_string(codec, key, value->s, sizeof value->s);
}

void codec_json(struct codec *codec, const char *key, json_t **value)
{
    if (codec->reading) {
        const json_t *json = take_value(codec, key);
        *value = json != NULL && !json_is_null(json) ? json_incref((json_t *)(uintptr_t)json) : NULL;
        return;
    }
    char *words = *value != NULL ? json_dumps(*value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (put_key(codec, key))
        text_append(codec->out, words != NULL ? words : "null");
    free(words);
}
