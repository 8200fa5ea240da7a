/* The names behind the core's indexes: see codec_names.h. */
#include "coordinator/peer/codec_names.h"

#include <string.h>

#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "policy/message.h"

_Static_assert(CONFIG_MAX_NAME <= CODEC_NAME_MAX, "every configured name fits");
_Static_assert(CONFIG_MAX_NODES <= POLICY_NODES_MAX, "every configured node has an index");
_Static_assert(CONFIG_MAX_REGIONS <= POLICY_REGIONS_MAX, "every configured region has an index");
_Static_assert(CONFIG_MAX_SERVICES <= POLICY_SERVICES_MAX, "every configured service has an index");
_Static_assert(CONFIG_MAX_CHECKS <= POLICY_CHECKS_MAX, "every configured check has an index");

/* ---- checking ------------------------------------------------------------------------------- */

/* Printable, and without what would make voter_names or a message in words ambiguous. */
static bool name_usable(const char *name)
{
    if (name == NULL || name[0] == '\0' || strlen(name) > CODEC_NAME_MAX)
        return false;
    for (const char *at = name; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || *at == ',' || *at == '"' || *at == '\\')
            return false;
    return true;
}

static bool list_usable(const char *what, const char *const *list, size_t count,
                        struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        if (!name_usable(list[i]))
            return fault_set(fault, "the name of %s %zu is missing, empty, longer than %d bytes or "
                             "not plain", what, i, CODEC_NAME_MAX);
        for (size_t k = 0; k < i; k++)
            if (strcmp(list[i], list[k]) == 0)
                return fault_set(fault, "two %ss are called \"%s\"", what, list[i]);
    }
    return true;
}

static bool checks_usable(const struct codec_service *service, size_t region_count,
                          struct fault *fault)
{
    for (size_t i = 0; i < service->check_count; i++) {
        const struct codec_check *check = &service->checks[i];
        if (!name_usable(check->name))
            return fault_set(fault, "the name of check %zu is missing, empty, longer than %d bytes "
                             "or not plain", i, CODEC_NAME_MAX);
        if (check->region >= region_count)
            return fault_set(fault, "check \"%s\" is of no region", check->name);
        for (size_t k = 0; k < i; k++)
            if (service->checks[k].region == check->region &&
                strcmp(service->checks[k].name, check->name) == 0)
                return fault_set(fault, "two checks of one region are called \"%s\"", check->name);
    }
    return true;
}

static bool services_usable(const struct codec_names *names, struct fault *fault)
{
    const char *list[POLICY_SERVICES_MAX];
    for (size_t i = 0; i < names->service_count; i++)
        list[i] = names->services[i].name;
    if (!list_usable("service", list, names->service_count, fault))
        return false;
    for (size_t i = 0; i < names->service_count; i++) {
        const struct codec_service *service = &names->services[i];
        if (service->check_count > POLICY_CHECKS_MAX)
            return fault_set(fault, "service \"%s\" has too many checks", service->name);
        if (!checks_usable(service, names->region_count, fault))
            return fault_wrap(fault, "service \"%s\"", service->name);
        for (size_t region = names->region_count; region < POLICY_REGIONS_MAX; region++)
            if (service->serves[region])
                return fault_set(fault, "service \"%s\" serves in a region without a name",
                                 service->name);
    }
    return true;
}

/* ---- the voters ----------------------------------------------------------------------------- */

/* The first voter by name that comes after `after` (NULL: the first of all); NULL: none. */
static const char *next_voter(const struct codec_names *names, const char *after)
{
    const char *next = NULL;
    for (node_id node = 0; node < names->node_count; node++) {
        const char *name = names->nodes[node];
        if (!node_in(names->voters, node) || (after != NULL && strcmp(name, after) <= 0))
            continue;
        if (next == NULL || strcmp(name, next) < 0)
            next = name;
    }
    return next;
}

static bool name_voters(struct codec_names *names, struct fault *fault)
{
    if (names->voters == 0 || names->voters >> names->node_count != 0)
        return fault_set(fault, "there are no voters, or voters that are no nodes");
    struct text text = TEXT_OF(names->voter_names);
    for (const char *name = next_voter(names, NULL); name != NULL; name = next_voter(names, name)) {
        if (text.length > 0)
            text_append_char(&text, ',');
        text_append(&text, name);
    }
    if (text.cut)
        return fault_set(fault, "there are more than %d voters", POLICY_VOTERS_MAX);
    return true;
}

bool codec_names_finish(struct codec_names *names, struct fault *fault)
{
    if (names->cluster == NULL || names->cluster[0] == '\0' ||
        strlen(names->cluster) > CODEC_NAME_MAX)
        return fault_set(fault, "the cluster's name is missing, empty or longer than %d bytes",
                         CODEC_NAME_MAX);
    if (names->node_count > POLICY_NODES_MAX || names->region_count > POLICY_REGIONS_MAX ||
        names->service_count > POLICY_SERVICES_MAX)
        return fault_set(fault, "there are too many nodes, regions or services");
    return list_usable("node", names->nodes, names->node_count, fault) &&
           list_usable("region", names->regions, names->region_count, fault) &&
           services_usable(names, fault) && name_voters(names, fault);
}

/* ---- from the configuration ----------------------------------------------------------------- */

static bool take_service(struct codec_service *to, const struct service_config *from,
                         struct fault *fault)
{
    to->name = from->name;
    to->check_count = (uint8_t)from->check_count;
    for (size_t i = 0; i < from->region_count; i++) {
        const struct service_region_config *region = &from->regions[i];
        if (region->region >= POLICY_REGIONS_MAX)
            return fault_set(fault, "service \"%s\": region %zu has no index", from->name, i);
        to->serves[region->region] = true;
        for (size_t k = 0; k < region->check_count; k++) {
            const struct check_config *check = &region->checks[k];
            if (check->index >= from->check_count || check->index >= POLICY_CHECKS_MAX)
                return fault_set(fault, "service \"%s\": check %zu has no index", from->name, k);
            to->checks[check->index] =
                (struct codec_check){ check->name, (region_id)region->region };
        }
    }
    return true;
}

bool codec_names_from_config(struct codec_names *names, const struct cluster_config *cluster,
                             struct fault *fault)
{
    memset(names, 0, sizeof *names);
    if (cluster->node_count > POLICY_NODES_MAX || cluster->region_count > POLICY_REGIONS_MAX ||
        cluster->service_count > POLICY_SERVICES_MAX)
        return fault_set(fault, "there are too many nodes, regions or services");
    names->cluster = cluster->cluster;
    names->node_count = (uint8_t)cluster->node_count;
    for (size_t i = 0; i < cluster->node_count; i++)
        names->nodes[i] = cluster->nodes[i].name;
    names->region_count = (uint8_t)cluster->region_count;
    for (size_t i = 0; i < cluster->region_count; i++)
        names->regions[i] = cluster->regions[i].name;
    for (size_t i = 0; i < cluster->voter_count; i++)
        if (cluster->voters[i] < POLICY_NODES_MAX)
            names->voters |= node_bit((node_id)cluster->voters[i]);
    names->service_count = (uint8_t)cluster->service_count;
    for (size_t i = 0; i < cluster->service_count; i++)
        if (!take_service(&names->services[i], &cluster->services[i], fault))
            return false;
    return codec_names_finish(names, fault);
}

/* ---- finding -------------------------------------------------------------------------------- */

node_id codec_find_node(const struct codec_names *names, const char *name)
{
    for (node_id node = 0; node < names->node_count; node++)
        if (strcmp(names->nodes[node], name) == 0)
            return node;
    return NODE_NONE;
}

region_id codec_find_region(const struct codec_names *names, const char *name)
{
    for (region_id region = 0; region < names->region_count; region++)
        if (strcmp(names->regions[region], name) == 0)
            return region;
    return REGION_NONE;
}

uint8_t codec_find_service(const struct codec_names *names, const char *name)
{
    for (uint8_t service = 0; service < names->service_count; service++)
        if (strcmp(names->services[service].name, name) == 0)
            return service;
    return SERVICE_NONE;
}

uint8_t codec_find_check(const struct codec_names *names, uint8_t service, region_id region,
                         const char *name)
{
    const struct codec_service *of = &names->services[service];
    for (uint8_t check = 0; check < of->check_count; check++)
        if (of->checks[check].region == region && strcmp(of->checks[check].name, name) == 0)
            return check;
    return CHECK_NONE;
}
