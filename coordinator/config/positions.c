/* Where in a JSON text each value stands: see positions.h.
 *
 * Entries are kept in the order of the text, so offsets ascend. A second array, sorted by parent,
 * key and order, answers look-ups and brings equal keys side by side.
 */
#include "coordinator/config/positions.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/config/config.h"

struct entry {
    size_t parent;
    char *key;    /* NULL for an array element */
    size_t index; /* of an array element */
    size_t line;
    size_t offset;
};

struct positions {
    struct entry *entries;
    size_t count;
    size_t room;
    size_t *sorted; /* entry numbers; made when the scan is over */
    bool too_deep;
    bool too_many;
    bool no_memory;
    size_t stopped_at;
};

struct scanner {
    const char *text;
    size_t size;
    size_t at;
    size_t line;
    size_t depth;
    struct positions *positions;
};

static size_t add_entry(struct positions *p, size_t parent, char *key, size_t index, size_t line,
                        size_t offset)
{
    if (p->count == POSITIONS_MAX) {
        p->too_many = true;
        p->stopped_at = parent;
        goto refuse;
    }
    if (p->count == p->room) {
        size_t room = p->room == 0 ? 256 : p->room * 2;
        struct entry *grown = realloc(p->entries, room * sizeof *grown);
        if (grown == NULL) {
            p->no_memory = true;
            goto refuse;
        }
        p->entries = grown;
        p->room = room;
    }
    p->entries[p->count] = (struct entry){ parent, key, index, line, offset };
    return p->count++;
refuse:
    free(key);
    return CONFIG_NONE;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->size) {
        char c = s->text[s->at];
        if (c == '\n')
            s->line++;
        else if (c != ' ' && c != '\t' && c != '\r')
            return;
        s->at++;
    }
}

static bool take(struct scanner *s, char c)
{
    skip_space(s);
    if (s->at >= s->size || s->text[s->at] != c)
        return false;
    s->at++;
    return true;
}

/* Moves past a string. `from` and `length` are what is between its quotes, still escaped. */
static bool scan_string(struct scanner *s, size_t *from, size_t *length)
{
    if (!take(s, '"'))
        return false;
    *from = s->at;
    for (; s->at < s->size; s->at++) {
        char c = s->text[s->at];
        if (c == '"') {
            *length = s->at - *from;
            s->at++;
            return true;
        }
        if ((unsigned char)c < 0x20)
            return false;
        if (c == '\\')
            s->at++;
    }
    return false;
}

/* A key as the program will see it, so that "a" and "\u0061" are the same. */
static char *decode_key(const char *raw, size_t length)
{
    if (memchr(raw, '\\', length) == NULL)
        return strndup(raw, length);
    json_t *decoded = json_loadb(raw - 1, length + 2, JSON_DECODE_ANY, NULL);
    char *key = decoded != NULL ? strdup(json_string_value(decoded)) : strndup(raw, length);
    json_decref(decoded);
    return key;
}

static bool scan_value(struct scanner *s, size_t entry);

static bool scan_object(struct scanner *s, size_t entry)
{
    if (take(s, '}'))
        return true;
    do {
        skip_space(s);
        size_t line = s->line;
        size_t offset = s->at;
        size_t from;
        size_t length;
        if (!scan_string(s, &from, &length))
            return false;
        char *key = decode_key(s->text + from, length);
        if (key == NULL) {
            s->positions->no_memory = true;
            return false;
        }
        size_t member = add_entry(s->positions, entry, key, 0, line, offset);
        if (member == CONFIG_NONE || !take(s, ':') || !scan_value(s, member))
            return false;
    } while (take(s, ','));
    return take(s, '}');
}

static bool scan_array(struct scanner *s, size_t entry)
{
    if (take(s, ']'))
        return true;
    size_t index = 0;
    do {
        skip_space(s);
        size_t element = add_entry(s->positions, entry, NULL, index++, s->line, s->at);
        if (element == CONFIG_NONE || !scan_value(s, element))
            return false;
    } while (take(s, ','));
    return take(s, ']');
}

/* Numbers and words: up to the next character that can't be part of one. */
static bool scan_word(struct scanner *s)
{
    size_t from = s->at;
    while (s->at < s->size && s->text[s->at] != '\0' && strchr(",]} \t\r\n:\"[{", s->text[s->at]) == NULL)
        s->at++;
    return s->at > from;
}

static bool scan_value(struct scanner *s, size_t entry)
{
    skip_space(s);
    if (s->at >= s->size)
        return false;
    size_t from;
    size_t length;
    char c = s->text[s->at];
    if (c == '"')
        return scan_string(s, &from, &length);
    if (c != '{' && c != '[')
        return scan_word(s);
    if (s->depth == CONFIG_MAX_DEPTH) {
        s->positions->too_deep = true;
        s->positions->stopped_at = entry;
        return false;
    }
    s->depth++;
    s->at++;
    bool good = c == '{' ? scan_object(s, entry) : scan_array(s, entry);
    s->depth--;
    return good;
}

static int compare_keys(const struct entry *a, const struct entry *b)
{
    if ((a->key == NULL) != (b->key == NULL))
        return a->key == NULL ? -1 : 1;
    if (a->key != NULL)
        return strcmp(a->key, b->key);
    return a->index < b->index ? -1 : a->index > b->index;
}

static int compare_entries(const void *left, const void *right, void *positions)
{
    const struct entry *entries = ((const struct positions *)positions)->entries;
    size_t i = *(const size_t *)left;
    size_t j = *(const size_t *)right;
    if (entries[i].parent != entries[j].parent)
        return entries[i].parent < entries[j].parent ? -1 : 1;
    int order = compare_keys(&entries[i], &entries[j]);
    if (order != 0)
        return order;
    return i < j ? -1 : i > j;
}

struct positions *positions_scan(const char *text, size_t size)
{
    struct positions *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    struct scanner scanner = { .text = text, .size = size, .line = 1, .positions = p };
    skip_space(&scanner);
    if (add_entry(p, CONFIG_NONE, NULL, 0, scanner.line, scanner.at) == CONFIG_NONE)
        goto fail;
    (void)scan_value(&scanner, POSITIONS_ROOT);
    if (p->no_memory)
        goto fail;
    p->sorted = malloc(p->count * sizeof *p->sorted);
    if (p->sorted == NULL)
        goto fail;
    for (size_t i = 0; i < p->count; i++)
        p->sorted[i] = i;
    qsort_r(p->sorted, p->count, sizeof *p->sorted, compare_entries, p);
    return p;
fail:
    positions_free(p);
    return NULL;
}

void positions_free(struct positions *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++)
        free(p->entries[i].key);
    free(p->entries);
    free(p->sorted);
    free(p);
}

bool positions_too_deep(const struct positions *p, size_t *entry)
{
    *entry = p->stopped_at;
    return p->too_deep;
}

bool positions_too_many(const struct positions *p, size_t *entry)
{
    *entry = p->stopped_at;
    return p->too_many;
}

/* The first child of `parent` with the key (or the index, when key is NULL). */
static size_t find_child(const struct positions *p, size_t parent, const char *key, size_t index)
{
    struct entry wanted = { .parent = parent, .key = (char *)(uintptr_t)key, .index = index };
    size_t low = 0;
    size_t high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct entry *e = &p->entries[p->sorted[middle]];
        bool before = e->parent != parent ? e->parent < parent : compare_keys(e, &wanted) < 0;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == p->count)
        return CONFIG_NONE;
    const struct entry *e = &p->entries[p->sorted[low]];
    return e->parent == parent && compare_keys(e, &wanted) == 0 ? p->sorted[low] : CONFIG_NONE;
}

/* Reads one segment of a path. False at its end or where it is no path. */
static bool next_segment(const char **path, char *key, size_t size, bool *is_index, size_t *index)
{
    const char *at = *path;
    *is_index = false;
    size_t length = 0;
    if (at[0] == '.') {
        at++;
        length = strcspn(at, ".[");
    } else if (at[0] == '[' && at[1] == '"') {
        at++;
        const char *end = at + 1;
        while (*end != '\0' && *end != '"')
            end += end[0] == '\\' && end[1] != '\0' ? 2 : 1;
        if (*end == '\0')
            return false;
        char *decoded = decode_key(at + 1, (size_t)(end - at - 1));
        bool fits = decoded != NULL && text_copy(key, size, decoded);
        free(decoded);
        *path = end + (end[1] == ']' ? 2 : 1);
        return fits;
    } else if (at[0] == '[') {
        char *end;
        *is_index = true;
        *index = strtoul(at + 1, &end, 10);
        *path = end + (*end == ']');
        return end != at + 1;
    }
    if (length == 0 || length >= size)
        return false;
    memcpy(key, at, length);
    key[length] = '\0';
    *path = at + length;
    return true;
}

size_t positions_find(const struct positions *p, const char *path)
{
    size_t entry = POSITIONS_ROOT;
    if (*path == '$')
        path++;
    char key[CONFIG_MAX_TEXT];
    bool is_index;
    size_t index = 0;
    while (next_segment(&path, key, sizeof key, &is_index, &index)) {
        size_t child = find_child(p, entry, is_index ? NULL : key, index);
        if (child == CONFIG_NONE)
            break;
        entry = child;
    }
    return entry;
}

size_t positions_before(const struct positions *p, size_t offset)
{
    size_t low = 0;
    size_t high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->entries[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? POSITIONS_ROOT : low - 1;
}

size_t positions_line(const struct positions *p, size_t entry)
{
    return p->entries[entry].line;
}

void positions_append_key(struct text *path, const char *key)
{
    bool plain = *key != '\0';
    for (const char *c = key; *c != '\0' && plain; c++)
        plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                *c == '_' || *c == '-';
    if (plain) {
        text_appendf(path, ".%s", key);
        return;
    }
    text_append(path, "[\"");
    text_append_json(path, key, strlen(key));
    text_append(path, "\"]");
}

void positions_path(const struct positions *p, size_t entry, struct text *path)
{
    size_t chain[CONFIG_MAX_DEPTH + 2];
    size_t depth = 0;
    for (; entry != POSITIONS_ROOT && depth < sizeof chain / sizeof chain[0]; depth++) {
        chain[depth] = entry;
        entry = p->entries[entry].parent;
    }
    text_append(path, "$");
    while (depth > 0) {
        const struct entry *e = &p->entries[chain[--depth]];
        if (e->key != NULL)
            positions_append_key(path, e->key);
        else
            text_appendf(path, "[%zu]", e->index);
    }
}

bool positions_next_duplicate(const struct positions *p, size_t *cursor, size_t *entry, size_t *first)
{
    for (size_t i = *cursor + 1; i < p->count; i++) {
        const struct entry *here = &p->entries[p->sorted[i]];
        const struct entry *before = &p->entries[p->sorted[i - 1]];
        if (here->key == NULL || here->parent != before->parent || compare_keys(here, before) != 0)
            continue;
        size_t original = i - 1;
        while (original > 0 && p->entries[p->sorted[original - 1]].parent == here->parent &&
               compare_keys(&p->entries[p->sorted[original - 1]], here) == 0)
            original--;
        *cursor = i;
        *entry = p->sorted[i];
        *first = p->sorted[original];
        return true;
    }
    *cursor = p->count;
    return false;
}
