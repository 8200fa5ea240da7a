/* Loading, finding and naming: see config.h for the story. */
#include "coordinator/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/config/options.h"
#include "coordinator/config/reader.h"
#include "coordinator/config/rules.h"

static void run_cluster_rules(struct document *d, struct cluster_config *c)
{
    rules_cluster(d, c);
    if (c->regions == NULL)
        return;
    for (size_t i = 0; i < c->service_count; i++) {
        rules_service(d, c, &c->services[i]);
        rules_runbook(d, &c->services[i]);
        rules_dns(d, c, &c->services[i]);
    }
    rules_shared_records(d, c);
    rules_notify(d, c);
}

/* An empty config of `size` bytes in an arena of its own, or NULL with the problem added. */
static void *new_config(size_t size, const char *path, struct config_arena **arena, struct config_problems *problems)
{
    *arena = arena_new();
    void *config = *arena != NULL ? arena_take(*arena, size) : NULL;
    if (config == NULL) {
        arena_free(*arena);
        problems_addf(problems, CONFIG_ERROR, path, "", "no memory to read it");
    }
    return config;
}

struct cluster_config *config_load_cluster(const char *path, struct config_problems *problems)
{
    struct config_arena *arena;
    struct cluster_config *cluster = new_config(sizeof *cluster, path, &arena, problems);
    if (cluster == NULL)
        return NULL;
    cluster->arena = arena;
    cluster->path = arena_copy(arena, path);
    struct document document;
    bool good = document_open(&document, path, arena, problems);
    if (good) {
        if (document_fill(&document, &cluster_options, cluster))
            run_cluster_rules(&document, cluster);
        good = document_is_good(&document) && cluster->path != NULL;
    }
    document_close(&document);
    if (!good) {
        config_cluster_free(cluster);
        return NULL;
    }
    cluster->digest = config_digest_cluster(cluster);
    for (size_t i = 0; i < cluster->service_count; i++)
        cluster->service_digests[i] = config_digest_service(&cluster->services[i]);
    return cluster;
}

struct local_config *config_load_node(const char *path, struct config_problems *problems)
{
    struct config_arena *arena;
    struct local_config *node = new_config(sizeof *node, path, &arena, problems);
    if (node == NULL)
        return NULL;
    node->arena = arena;
    node->path = arena_copy(arena, path);
    struct document document;
    bool good = document_open(&document, path, arena, problems);
    if (good) {
        if (document_fill(&document, &node_options, node))
            rules_node(&document, node);
        good = document_is_good(&document) && node->path != NULL;
    }
    document_close(&document);
    if (!good) {
        config_local_free(node);
        return NULL;
    }
    return node;
}

void config_cluster_free(struct cluster_config *cluster)
{
    if (cluster != NULL)
        arena_free(cluster->arena);
}

void config_local_free(struct local_config *node)
{
    if (node != NULL)
        arena_free(node->arena);
}

/* ---- finding ----------------------------------------------------------------------------- */

size_t config_find_node(const struct cluster_config *cluster, const char *name)
{
    for (size_t i = 0; i < cluster->node_count; i++)
        if (strcmp(cluster->nodes[i].name, name) == 0)
            return i;
    return CONFIG_NONE;
}

size_t config_find_region(const struct cluster_config *cluster, const char *name)
{
    for (size_t i = 0; i < cluster->region_count; i++)
        if (strcmp(cluster->regions[i].name, name) == 0)
            return i;
    return CONFIG_NONE;
}

size_t config_find_service(const struct cluster_config *cluster, const char *name)
{
    for (size_t i = 0; i < cluster->service_count; i++)
        if (strcmp(cluster->services[i].name, name) == 0)
            return i;
    return CONFIG_NONE;
}

const struct service_region_config *config_service_region(const struct service_config *service, size_t region)
{
    for (size_t i = 0; i < service->region_count; i++)
        if (service->regions[i].region == region)
            return &service->regions[i];
    return NULL;
}

bool config_is_guard(const struct service_region_config *region, size_t node)
{
    for (size_t i = 0; i < region->guard_count; i++)
        if (region->guards[i] == node)
            return true;
    return false;
}

bool config_has_fence(const struct service_config *service, int fence)
{
    for (size_t i = 0; i < service->fence.ladder_count; i++)
        if (service->fence.ladder[i] == fence)
            return true;
    return false;
}

const struct record_values *config_record_values(const struct record_config *record, size_t region)
{
    for (size_t i = 0; i < record->value_count; i++)
        if (record->values[i].region == region)
            return &record->values[i];
    return NULL;
}

const struct record_alias *config_record_alias(const struct record_config *record, size_t region)
{
    for (size_t i = 0; i < record->alias_count; i++)
        if (record->alias[i].region == region)
            return &record->alias[i];
    return NULL;
}

const struct record_weight *config_record_weight(const struct record_config *record, size_t region)
{
    for (size_t i = 0; i < record->weight_count; i++)
        if (record->weight[i].region == region)
            return &record->weight[i];
    return NULL;
}

/* ---- naming ------------------------------------------------------------------------------ */

static const char *choice_name(const char *const *choices, int choice)
{
    for (int i = 0; choice >= 0 && choices[i] != NULL; i++)
        if (i == choice)
            return choices[i];
    return "unknown";
}

const char *config_mode_name(int mode)
{
    return choice_name(option_modes, mode);
}

const char *config_fence_name(int fence)
{
    return choice_name(option_fences, fence);
}

const char *config_runbook_when_name(int when)
{
    return choice_name(option_runbook_whens, when);
}

const char *config_runbook_check_name(int check)
{
    return choice_name(option_runbook_checks, check);
}

const char *config_check_type_name(int type)
{
    return choice_name(option_check_types, type);
}

const char *config_record_type_name(int type)
{
    return choice_name(option_record_types, type);
}

bool config_channel_wants(const struct channel_config *channel, int event)
{
    for (size_t i = 0; i < channel->event_count; i++)
        if (channel->events[i] == event)
            return true;
    return channel->event_count == 0;
}

const char *config_event_name(int event)
{
    return choice_name(option_events, event);
}

const char *config_channel_kind_name(int kind)
{
    return choice_name(option_channel_kinds, kind);
}

const char *config_record_kind_name(int kind)
{
    return choice_name(option_record_kinds, kind);
}
