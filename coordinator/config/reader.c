/* Filling structs as a table of options says: the second half of reader.h.
 *
 * One walk over the JSON tree and the table together. `pattern` is where it stands in the table
 * ("$.services.*"), `path` where it stands in the file ("$.services.shop"), `base` the struct that
 * the options there fill.
 */
#include "coordinator/config/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/config/values.h"

struct walk {
    struct document *document;
    const struct option_table *table;
    bool no_memory;
};

static void fill_object(struct walk *w, const json_t *object, const char *pattern, const char *path, void *base);

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a text";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: return "null";
    }
    return "something else";
}

/* `"kernel" or "door"`. */
static const char *choice_list(const struct option *row, char *buffer, size_t size)
{
    struct text list = text_over(buffer, size);
    for (size_t i = 0; row->choices[i] != NULL; i++)
        text_appendf(&list, "%s\"%s\"", i == 0 ? "" : row->choices[i + 1] == NULL ? " or " : ", ", row->choices[i]);
    return buffer;
}

static void wrong_type(struct walk *w, const struct option *row, const json_t *value, const char *path)
{
    char words[320];
    /* An element's path ends in its index; the list's own doesn't. */
    bool whole_list = row->list && !json_is_array(value) && path[strlen(path) - 1] != ']';
    const char *wanted = row->choices != NULL ? choice_list(row, words, sizeof words) : option_type_example(row->type);
    document_error(w->document, path, "is %s; must be %s%s%s", kind_of(value), whole_list ? "a list [ ... ] with " : "",
                   wanted, json_is_null(value) ? "; to have the default leave it out" : "");
}

static void child_path(struct document_path *out, const char *path, const char *key)
{
    struct text text = TEXT_OF(out->text);
    text_append(&text, path);
    positions_append_key(&text, key);
}

static void *take(struct walk *w, size_t size)
{
    void *piece = arena_take(w->document->arena, size);
    if (piece == NULL)
        w->no_memory = true;
    return piece;
}

static const char *keep(struct walk *w, const char *text)
{
    const char *copy = arena_copy(w->document->arena, text);
    if (copy == NULL)
        w->no_memory = true;
    return copy;
}

/* ---- single values ----------------------------------------------------------------------- */

static bool text_is_good(const struct option *row, const char *text, struct fault *fault)
{
    size_t length = strlen(text);
    size_t most = row->type == OPTION_TEXT && !row->list && row->max > 0 ? (size_t)row->max : CONFIG_MAX_TEXT;
    if (length == 0)
        return fault_set(fault, "is empty; must be %s", option_type_example(row->type));
    if (length > most)
        return fault_set(fault, "has %zu characters; the most is %zu", length, most);
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return fault_set(fault, "has a control character in it");
    return true;
}

/* Whether the text is one of the row's (or, for keys of maps, of `type`). */
static bool value_is_good(enum option_type type, const char *text, struct fault *fault)
{
    switch (type) {
    case OPTION_NAME: return value_name(text, fault);
    case OPTION_FILE: return value_file(text, fault);
    case OPTION_URL: return value_url(text, fault);
    case OPTION_HOST: return value_host(text, fault);
    case OPTION_SOCKET: return *text == '/' ? value_file(text, fault) : value_host(text, fault);
    case OPTION_IP: return value_ip(text, NULL, fault);
    case OPTION_ENDPOINT: return value_endpoint(text, fault);
    case OPTION_IP_ENDPOINT: return value_ip_endpoint(text, fault);
    case OPTION_DNS_NAME: return value_dns_name(text, fault);
    case OPTION_ZONE_ID: return value_zone_id(text, fault);
    case OPTION_PRINCIPAL: return value_principal(text, fault);
    case OPTION_POINTER: return value_json_pointer(text, fault);
    case OPTION_OBJECT:
    case OPTION_OPTIONAL:
    case OPTION_MAP:
    case OPTION_LIST:
    case OPTION_TEXT:
    case OPTION_WORD:
    case OPTION_DURATION:
    case OPTION_SIZE:
    case OPTION_INTEGER:
    case OPTION_BOOL:
    case OPTION_CHOICE:
    case OPTION_STATUS:
    case OPTION_SCALAR:
    case OPTION_TYPE_COUNT: return true;
    }
    return true;
}

/* Lower case and without the final dot, so that equal names are equal texts. */
static void normalise_dns_name(char *name)
{
    size_t length = strlen(name);
    if (length > 1 && name[length - 1] == '.')
        name[length - 1] = '\0';
    for (; *name != '\0'; name++)
        if (*name >= 'A' && *name <= 'Z')
            *name = (char)(*name - 'A' + 'a');
}

static bool read_text(struct walk *w, const struct option *row, const json_t *value, const char *path,
                      const char **out)
{
    struct fault fault = { "" };
    const char *text = json_string_value(value);
    if (text == NULL) {
        wrong_type(w, row, value, path);
        return false;
    }
    if (!text_is_good(row, text, &fault) || !value_is_good(row->type, text, &fault)) {
        document_error(w->document, path, "%s", fault.text);
        return false;
    }
    char *copy = arena_copy(w->document->arena, text);
    if (copy != NULL && row->type == OPTION_DNS_NAME)
        normalise_dns_name(copy);
    w->no_memory |= copy == NULL;
    *out = copy;
    return copy != NULL;
}

static size_t count_choices(const struct option *row)
{
    size_t count = 0;
    while (row->choices[count] != NULL)
        count++;
    return count;
}

static bool read_choice(struct walk *w, const struct option *row, const json_t *value, const char *path, int *out)
{
    const char *text = json_string_value(value);
    size_t count = count_choices(row);
    for (size_t i = 0; text != NULL && i < count; i++)
        if (strcmp(text, row->choices[i]) == 0) {
            *out = (int)i;
            return true;
        }
    if (text == NULL) {
        wrong_type(w, row, value, path);
        return false;
    }
    char list[320];
    (void)choice_list(row, list, sizeof list);
    const char *nearest = value_nearest(text, row->choices, count);
    if (nearest != NULL)
        document_error(w->document, path, "\"%.80s\" is unknown; did you mean \"%s\"? It must be %s", text, nearest, list);
    else
        document_error(w->document, path, "\"%.80s\" is unknown; it must be %s", text, list);
    return false;
}

/* A number of the row's type and within its bounds. */
static bool read_number(struct walk *w, const struct option *row, const json_t *value, const char *path,
                        int64_t *out)
{
    struct fault fault = { "" };
    const char *text = json_string_value(value);
    bool whole = row->type == OPTION_INTEGER;
    if (whole ? !json_is_integer(value) : text == NULL) {
        if (whole && json_is_real(value))
            document_error(w->document, path, "has a fraction or exponent; must be a whole number");
        else
            wrong_type(w, row, value, path);
        return false;
    }
    if (whole)
        *out = json_integer_value(value);
    else if (row->type == OPTION_DURATION ? !value_duration(text, out, &fault) : !value_size(text, out, &fault)) {
        document_error(w->document, path, "%s", fault.text);
        return false;
    }
    if (*out >= row->min && *out <= row->max)
        return true;
    char low[32];
    char high[32];
    char given[32];
    void (*print)(int64_t, char *, size_t) = row->type == OPTION_DURATION ? value_duration_text : value_size_text;
    if (whole) {
        (void)snprintf(low, sizeof low, "%" PRId64, row->min);
        (void)snprintf(high, sizeof high, "%" PRId64, row->max);
        (void)snprintf(given, sizeof given, "%" PRId64, *out);
    } else {
        print(row->min, low, sizeof low);
        print(row->max, high, sizeof high);
        print(*out, given, sizeof given);
    }
    document_error(w->document, path, "%s is out of range; it must be %s to %s", given, low, high);
    return false;
}

static bool read_scalar(struct walk *w, const struct option *row, const json_t *value, const char *path,
                        const char **out)
{
    if (json_is_object(value) || json_is_array(value)) {
        wrong_type(w, row, value, path);
        return false;
    }
    char *compact = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    *out = compact != NULL ? keep(w, compact) : NULL;
    w->no_memory |= compact == NULL;
    free(compact);
    return *out != NULL;
}

/* One value into its field. The field is left alone when the value is no good. */
static bool store_value(struct walk *w, const struct option *row, const json_t *value, const char *path, void *field)
{
    const char *text = NULL;
    int64_t number = 0;
    int choice = 0;
    switch (row->type) {
    case OPTION_DURATION:
    case OPTION_SIZE:
    case OPTION_INTEGER:
        if (!read_number(w, row, value, path, &number))
            return false;
        memcpy(field, &number, sizeof number);
        return true;
    case OPTION_BOOL:
        if (!json_is_boolean(value)) {
            wrong_type(w, row, value, path);
            return false;
        }
        *(bool *)field = json_is_true(value);
        return true;
    case OPTION_CHOICE:
        if (!read_choice(w, row, value, path, &choice))
            return false;
        memcpy(field, &choice, sizeof choice);
        return true;
    case OPTION_WORD:
        if (!read_choice(w, row, value, path, &choice))
            return false;
        memcpy(field, &row->choices[choice], sizeof row->choices[choice]);
        return true;
    case OPTION_STATUS: {
        struct fault fault = { "" };
        struct status_range range;
        if (!read_text(w, row, value, path, &text))
            return false;
        if (!value_status_range(text, &range.low, &range.high, &fault)) {
            document_error(w->document, path, "%s", fault.text);
            return false;
        }
        memcpy(field, &range, sizeof range);
        return true;
    }
    case OPTION_SCALAR:
        if (!read_scalar(w, row, value, path, &text))
            return false;
        memcpy(field, &text, sizeof text);
        return true;
    case OPTION_TEXT:
    case OPTION_NAME:
    case OPTION_FILE:
    case OPTION_URL:
    case OPTION_HOST:
    case OPTION_SOCKET:
    case OPTION_IP:
    case OPTION_ENDPOINT:
    case OPTION_IP_ENDPOINT:
    case OPTION_DNS_NAME:
    case OPTION_ZONE_ID:
    case OPTION_PRINCIPAL:
        if (!read_text(w, row, value, path, &text))
            return false;
        memcpy(field, &text, sizeof text);
        return true;
    case OPTION_OBJECT:
    case OPTION_OPTIONAL:
    case OPTION_MAP:
    case OPTION_LIST:
    case OPTION_POINTER:
    case OPTION_TYPE_COUNT: break;
    }
    ensure(!"a container is no value");
    return false;
}

/* ---- lists and containers ---------------------------------------------------------------- */

static void wrong_count(struct walk *w, const struct option *row, size_t count, const char *path)
{
    if (row->min == row->max)
        document_error(w->document, path, "has %zu items; must have %" PRId64, count, row->min);
    else
        document_error(w->document, path, "has %zu item%s; must have %" PRId64 " to %" PRId64, count,
                       count == 1 ? "" : "s", row->min, row->max);
}

/* How many of `count` to look at; complains when they are too few or too many. */
static size_t bounded(struct walk *w, const struct option *row, size_t count, const char *path)
{
    if ((int64_t)count < row->min || (int64_t)count > row->max)
        wrong_count(w, row, count, path);
    return (int64_t)count > row->max ? (size_t)row->max : count;
}

/* A list of plain values: config_texts, or an array in the struct with its count. Says whether all of it was good. */
static bool store_list(struct walk *w, const struct option *row, const json_t *value, const char *path, void *base)
{
    if (!json_is_array(value)) {
        wrong_type(w, row, value, path);
        return false;
    }
    char *field = (char *)base + row->at;
    bool texts = row->type != OPTION_CHOICE && row->type != OPTION_STATUS;
    size_t item_size = texts ? sizeof(char *) : row->type == OPTION_CHOICE ? sizeof(int) : sizeof(struct status_range);
    size_t count = bounded(w, row, json_array_size(value), path);
    char *items = texts ? take(w, count * item_size) : field;
    if (items == NULL)
        return false;
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        const char *item_path = PATH("%s[%zu]", path, i);
        if (store_value(w, row, json_array_get(value, i), item_path, items + good * item_size))
            good++;
    }
    if (texts)
        memcpy(field, &(struct config_texts){ (const char **)(void *)items, good }, sizeof(struct config_texts));
    else
        memcpy((char *)base + row->count_at, &good, sizeof good);
    return good == json_array_size(value) && (int64_t)good >= row->min;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **sorted_keys(const json_t *object, size_t *count)
{
    const char **keys = calloc(json_object_size(object) + 1, sizeof *keys);
    *count = 0;
    const char *key;
    json_t *value;
    if (keys == NULL)
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        keys[(*count)++] = key;
    qsort(keys, *count, sizeof *keys, compare_texts);
    return keys;
}

/* The row for plain values of a map ("....weight.*"), or NULL when its values are objects. */
static const struct option *plain_row(const struct walk *w, const char *pattern)
{
    for (size_t i = 0; i < w->table->count; i++)
        if (option_is_child(&w->table->rows[i], pattern) && strcmp(option_key(&w->table->rows[i]), "*") == 0)
            return &w->table->rows[i];
    return NULL;
}

static void fill_element(struct walk *w, const json_t *value, const char *pattern, const char *path, void *base)
{
    if (json_is_object(value))
        fill_object(w, value, pattern, path, base);
    else
        document_error(w->document, path, "is %s; must be an object { ... }", kind_of(value));
}

static void fill_map(struct walk *w, const struct option *row, const json_t *map, const char *path, void *base)
{
    if (!json_is_object(map)) {
        wrong_type(w, row, map, path);
        return;
    }
    size_t count;
    const char **keys = sorted_keys(map, &count);
    if (keys == NULL) {
        w->no_memory = true;
        return;
    }
    count = bounded(w, row, count, path);
    char *elements = take(w, count * row->size);
    const struct option *plain = plain_row(w, row->path);
    struct fault fault = { "" };
    for (size_t i = 0; i < count && elements != NULL; i++) {
        char *element = elements + i * row->size;
        const char *key = keep(w, keys[i]);
        memcpy(element + row->key_at, &key, sizeof key);
        struct document_path item_path;
        child_path(&item_path, path, keys[i]);
        if (!value_is_good(row->key, keys[i], &fault))
            document_error(w->document, item_path.text, "%s", fault.text);
        const json_t *value = json_object_get(map, keys[i]);
        if (plain == NULL)
            fill_element(w, value, PATH("%s.*", row->path), item_path.text, element);
        else if (plain->list)
            (void)store_list(w, plain, value, item_path.text, element);
        else
            (void)store_value(w, plain, value, item_path.text, element + plain->at);
    }
    free(keys);
    if (elements == NULL)
        return;
    memcpy((char *)base + row->at, &elements, sizeof elements);
    memcpy((char *)base + row->count_at, &count, sizeof count);
}

static void fill_list(struct walk *w, const struct option *row, const json_t *list, const char *path, void *base)
{
    if (!json_is_array(list)) {
        wrong_type(w, row, list, path);
        return;
    }
    size_t count = bounded(w, row, json_array_size(list), path);
    char *elements = take(w, count * row->size);
    if (elements == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        fill_element(w, json_array_get(list, i), PATH("%s[]", row->path), PATH("%s[%zu]", path, i),
                     elements + i * row->size);
    memcpy((char *)base + row->at, &elements, sizeof elements);
    memcpy((char *)base + row->count_at, &count, sizeof count);
}

static void fill_optional(struct walk *w, const struct option *row, const json_t *object, const char *path, void *base)
{
    if (!json_is_object(object)) {
        wrong_type(w, row, object, path);
        return;
    }
    void *piece = take(w, row->size);
    if (piece == NULL)
        return;
    memcpy((char *)base + row->at, &piece, sizeof piece);
    fill_object(w, object, row->path, path, piece);
}

/* ---- options ----------------------------------------------------------------------------- */

static bool store(struct walk *w, const struct option *row, const json_t *value, const char *path, void *base)
{
    return row->list ? store_list(w, row, value, path, base)
                     : store_value(w, row, value, path, (char *)base + row->at);
}

/* The default, or, for what decides about other rows and has none, "undecided". */
static void store_fallback(struct walk *w, const struct option *row, const char *path, void *base)
{
    if (row->fallback == NULL) {
        if (row->type == OPTION_CHOICE && !row->list)
            memcpy((char *)base + row->at, &(int){ -1 }, sizeof(int));
        return;
    }
    json_t *value = json_loads(row->fallback, JSON_DECODE_ANY, NULL);
    if (value == NULL)
        w->no_memory = true;
    else
        ensure(store(w, row, value, path, base) || w->no_memory);
    json_decref(value);
}

static void fill_option(struct walk *w, const struct option *row, const json_t *value, const char *path, void *base)
{
    if (value == NULL && row->required)
        document_error(w->document, path, "is missing; it is required: %s", row->means);
    switch ((int)row->type) {
    case OPTION_OBJECT:
        if (value == NULL ? !row->required : json_is_object(value))
            fill_object(w, value, row->path, path, base);
        else if (value != NULL)
            wrong_type(w, row, value, path);
        return;
    case OPTION_OPTIONAL:
        if (value != NULL)
            fill_optional(w, row, value, path, base);
        return;
    case OPTION_MAP:
        if (value != NULL)
            fill_map(w, row, value, path, base);
        return;
    case OPTION_LIST:
        if (value != NULL)
            fill_list(w, row, value, path, base);
        return;
    default:
        if (value == NULL || !store(w, row, value, path, base))
            store_fallback(w, row, path, base);
    }
}

/* A key that no row of this object takes: says whose it is, or what may have been meant. */
static void refuse_key(struct walk *w, const char *key, const char *pattern, const char *path, const void *base)
{
    enum { MOST = 32 };
    const char *names[MOST];
    size_t count = 0;
    bool undecided;
    for (size_t i = 0; i < w->table->count; i++) {
        const struct option *row = &w->table->rows[i];
        if (!option_is_child(row, pattern))
            continue;
        if (strcmp(option_key(row), key) == 0) {
            if (option_applies(w->table, row, base, &undecided) || undecided)
                return;
            document_error(w->document, path, "does not belong here; \"%s\" is for %s only", key, row->when);
            return;
        }
        if (count < MOST && option_applies(w->table, row, base, &undecided))
            names[count++] = option_key(row);
    }
    const char *nearest = value_nearest(key, names, count);
    if (nearest != NULL) {
        document_error(w->document, path, "unknown option; did you mean \"%s\"?", nearest);
        return;
    }
    char list[320];
    struct text known = TEXT_OF(list);
    for (size_t i = 0; i < count; i++)
        text_appendf(&known, "%s%s", i == 0 ? "" : ", ", names[i]);
    document_error(w->document, path, "unknown option; the known ones are %s", list);
}

/* Whether an applying row takes the key. */
static bool key_is_taken(const struct walk *w, const char *key, const char *pattern, const void *base)
{
    bool undecided;
    for (size_t i = 0; i < w->table->count; i++) {
        const struct option *row = &w->table->rows[i];
        if (option_is_child(row, pattern) && strcmp(option_key(row), key) == 0 &&
            option_applies(w->table, row, base, &undecided))
            return true;
    }
    return false;
}

/* `object` is NULL for one that was left out: its options get their defaults. */
static void fill_object(struct walk *w, const json_t *object, const char *pattern, const char *path, void *base)
{
    bool undecided;
    struct document_path option_path;
    for (size_t i = 0; i < w->table->count; i++) {
        const struct option *row = &w->table->rows[i];
        if (!option_is_child(row, pattern) || !option_applies(w->table, row, base, &undecided))
            continue;
        child_path(&option_path, path, option_key(row));
        fill_option(w, row, json_object_get(object, option_key(row)), option_path.text, base);
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        if (key_is_taken(w, key, pattern, base))
            continue;
        child_path(&option_path, path, key);
        refuse_key(w, key, pattern, option_path.text, base);
    }
}

bool document_fill(struct document *d, const struct option_table *table, void *base)
{
    struct walk walk = { .document = d, .table = table };
    fill_object(&walk, d->root, "$", "$", base);
    if (walk.no_memory)
        document_error(d, "$", "no memory to read the file");
    return !walk.no_memory;
}
