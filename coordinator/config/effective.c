/* A config turned back into JSON, and digests over that: see effective.h and config.h. */
#include "coordinator/config/effective.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/config/config.h"

static json_t *effective_text(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *effective_value(const struct option *row, const void *field)
{
    switch ((int)row->type) {
    case OPTION_DURATION:
    case OPTION_SIZE:
    case OPTION_INTEGER:
        return json_integer(*(const int64_t *)field);
    case OPTION_BOOL:
        return json_boolean(*(const bool *)field);
    case OPTION_CHOICE:
        return json_string(row->choices[*(const int *)field]);
    case OPTION_STATUS: {
        const struct status_range *range = field;
        return json_pack("[ii]", range->low, range->high);
    }
    default:
        return effective_text(*(const char *const *)field);
    }
}

static json_t *effective_list(const struct option *row, const char *base)
{
    const char *items = base + row->at;
    size_t count;
    size_t size = sizeof(const char *);
    if (row->type == OPTION_CHOICE || row->type == OPTION_STATUS) {
        memcpy(&count, base + row->count_at, sizeof count);
        size = row->type == OPTION_CHOICE ? sizeof(int) : sizeof(struct status_range);
    } else {
        const struct config_texts *texts = (const void *)items;
        count = texts->count;
        items = (const char *)texts->items;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count && list != NULL; i++)
        if (json_array_append_new(list, effective_value(row, items + i * size)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *effective_plain(const struct option *row, const void *base)
{
    return row->list ? effective_list(row, base) : effective_value(row, (const char *)base + row->at);
}

/* Elements of a map or list, in the order of the config (a map's are sorted): maps as [key, value] pairs. */
static json_t *effective_elements(const struct option_table *table, const struct option *row, const char *base)
{
    const char *elements;
    size_t count;
    memcpy(&elements, base + row->at, sizeof elements);
    memcpy(&count, base + row->count_at, sizeof count);
    char pattern[160];
    struct text text = TEXT_OF(pattern);
    text_appendf(&text, "%s%s", row->path, row->type == OPTION_MAP ? ".*" : "[]");
    const struct option *plain = NULL;
    for (size_t i = 0; i < table->count; i++)
        if (row->type == OPTION_MAP && strcmp(table->rows[i].path, pattern) == 0)
            plain = &table->rows[i];
    json_t *list = json_array();
    for (size_t i = 0; i < count && list != NULL; i++) {
        const char *element = elements + i * row->size;
        json_t *value = plain != NULL ? effective_plain(plain, element) : effective_object(table, pattern, element);
        json_t *item = value;
        if (row->type == OPTION_MAP && value != NULL)
            item = json_pack("[so]", *(const char *const *)(const void *)(element + row->key_at), value);
        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *effective_option(const struct option_table *table, const struct option *row, const char *base)
{
    const void *pointer;
    switch ((int)row->type) {
    case OPTION_OBJECT:
        return effective_object(table, row->path, base);
    case OPTION_OPTIONAL:
        memcpy(&pointer, base + row->at, sizeof pointer);
        return pointer != NULL ? effective_object(table, row->path, pointer) : json_null();
    case OPTION_MAP:
    case OPTION_LIST:
        return effective_elements(table, row, base);
    default:
        return effective_plain(row, base);
    }
}

json_t *effective_object(const struct option_table *table, const char *pattern, const void *base)
{
    json_t *object = json_object();
    bool undecided;
    for (size_t i = 0; i < table->count && object != NULL; i++) {
        const struct option *row = &table->rows[i];
        if (!option_is_child(row, pattern) || row->type == OPTION_FILE || !option_applies(table, row, base, &undecided))
            continue;
        if (json_object_set_new(object, option_key(row), effective_option(table, row, base)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* ---- digests ----------------------------------------------------------------------------- */

/* FNV-1a: against accidents, not against an attacker, who has no certificate. Steals `value`. */
static uint64_t digest_of(json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(value);
    if (text == NULL)
        return 0;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    free(text);
    return hash;
}

uint64_t config_digest_cluster(const struct cluster_config *cluster)
{
    json_t *whole = effective_object(&cluster_options, "$", cluster);
    json_object_del(whole, "services");
    /* The order of the voters means nothing, so the resolved ones count, which are sorted. */
    json_t *voters = json_array();
    for (size_t i = 0; i < cluster->voter_count; i++)
        json_array_append_new(voters, json_string(cluster->nodes[cluster->voters[i]].name));
    json_object_set_new(whole, "voters", voters);
    return digest_of(whole);
}

uint64_t config_digest_notify(const struct cluster_config *cluster)
{
    return digest_of(effective_object(&cluster_options, "$.notify", cluster));
}

uint64_t config_digest_service(const struct service_config *service)
{
    json_t *whole = effective_object(&cluster_options, "$.services.*", service);
    /* The name keeps two services with equal settings apart. */
    return digest_of(whole != NULL ? json_pack("[so]", service->name, whole) : NULL);
}
