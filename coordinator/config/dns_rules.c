/* Rules for zones and records: see rules.h. Names are already in lower case, without a final dot. */
#include <string.h>
#include <sys/socket.h>

#include "coordinator/config/rules.h"
#include "coordinator/config/values.h"

#define TTL_LONG_S 300

static bool is_within(const char *name, const char *zone)
{
    size_t length = strlen(name);
    size_t end = strlen(zone);
    if (length < end || strcmp(name + length - end, zone) != 0)
        return false;
    return length == end || name[length - end - 1] == '.';
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* The region of a map's key: known to the cluster and to the service. */
static size_t resolve_region(struct document *d, const struct cluster_config *c, const struct service_config *s,
                             const char *name, const char *path)
{
    size_t region = config_find_region(c, name);
    if (region != CONFIG_NONE && config_service_region(s, region) != NULL)
        return region;
    const char *names[CONFIG_MAX_REGIONS];
    char hint[96];
    for (size_t i = 0; i < s->region_count; i++)
        names[i] = s->regions[i].name;
    document_error(d, path, "\"%s\" is none of the service's regions%s", name,
                   rules_hint(hint, sizeof hint, name, names, s->region_count));
    return CONFIG_NONE;
}

static void check_values(struct document *d, const struct record_config *record, const struct record_values *values,
                         const char *path)
{
    int wanted = record->type == CONFIG_RECORD_A ? AF_INET : AF_INET6;
    for (size_t i = 0; i < values->values.count; i++) {
        const char *value = values->values.items[i];
        const char *item = PATH("%s[%zu]", path, i);
        int family = 0;
        bool is_ip = value_ip(value, &family, NULL);
        if (record->type == CONFIG_RECORD_CNAME && is_ip)
            document_error(d, item, "\"%s\" is an address; a CNAME holds a name", value);
        else if (record->type != CONFIG_RECORD_CNAME && family != wanted)
            document_error(d, item, "\"%s\" is no %s address, which a record of type %s holds", value,
                           wanted == AF_INET ? "IPv4" : "IPv6", config_record_type_name(record->type));
        for (size_t j = 0; j < i; j++)
            if (same(value, values->values.items[j]))
                document_error(d, item, "\"%s\" is listed twice", value);
    }
    if (record->type == CONFIG_RECORD_CNAME && values->values.count > 1)
        document_error(d, path, "has %zu values; a CNAME has one", values->values.count);
}

/* Every region that may become the writer needs an entry. */
static void check_complete(struct document *d, const struct service_config *s, const struct record_config *record,
                           const char *path, const char *what)
{
    for (size_t i = 0; i < s->region_count; i++) {
        const struct service_region_config *region = &s->regions[i];
        if (region->database == NULL || region->region == CONFIG_NONE)
            continue;
        bool there = strcmp(what, "values") == 0 ? config_record_values(record, region->region) != NULL
                     : strcmp(what, "alias") == 0 ? config_record_alias(record, region->region) != NULL
                                                  : config_record_weight(record, region->region) != NULL;
        if (!there)
            document_error(d, PATH("%s.%s", path, what), "has nothing for region %s, which may become the writer; add "
                           "\"%s\": ...", region->name, region->name);
    }
}

static void check_targets(struct document *d, const struct cluster_config *c, const struct service_config *s,
                          struct record_config *record, const char *path)
{
    for (size_t i = 0; i < record->value_count; i++) {
        struct record_values *values = &record->values[i];
        const char *item = PATH("%s.values.%s", path, values->region_name);
        values->region = resolve_region(d, c, s, values->region_name, item);
        if (record->type >= 0)
            check_values(d, record, values, item);
    }
    for (size_t i = 0; i < record->alias_count; i++)
        record->alias[i].region = resolve_region(d, c, s, record->alias[i].region_name,
                                                 PATH("%s.alias.%s", path, record->alias[i].region_name));
    for (size_t i = 0; i < record->weight_count; i++)
        record->weight[i].region = resolve_region(d, c, s, record->weight[i].region_name,
                                                  PATH("%s.weight.%s", path, record->weight[i].region_name));
    if (record->values != NULL && record->alias != NULL) {
        document_error(d, PATH("%s.alias", path), "stands beside \"values\"; a record has one or the other");
        return;
    }
    if (record->values == NULL && record->alias == NULL)
        document_error(d, path, "has %s; say what it holds while each region is the writer",
                       record->kind == CONFIG_KIND_ALIAS ? "no \"alias\"" :
                       record->kind == CONFIG_KIND_SIMPLE ? "no \"values\"" : "neither \"values\" nor \"alias\"");
    else
        check_complete(d, s, record, path, record->alias != NULL ? "alias" : "values");
    if (record->weight != NULL)
        check_complete(d, s, record, path, "weight");
}

static void check_record(struct document *d, const struct cluster_config *c, const struct service_config *s,
                         const struct zone_config *zone, struct record_config *record, const char *path)
{
    check_targets(d, c, s, record, path);
    if (record->ttl_s > TTL_LONG_S)
        document_warn(d, PATH("%s.ttl", path), "clients may keep going to the old region for %lld s after a failover",
                      (long long)record->ttl_s);
    if (record->name == NULL || zone->name == NULL)
        return;
    if (!is_within(record->name, zone->name))
        document_error(d, PATH("%s.name", path), "\"%s\" is not within the zone %s", record->name, zone->name);
    if (same(record->name, zone->fence_record))
        document_error(d, PATH("%s.name", path), "\"%s\" is the fence_record's name; that has a name of its own, on which "
                       "nothing else stands", record->name);
    if (record->type == CONFIG_RECORD_CNAME && same(record->name, zone->name))
        document_error(d, PATH("%s.type", path), "the zone's own name can't be a CNAME; use an alias");
}

/* Two records at one name that Route 53 would refuse together. */
static void check_pair(struct document *d, const struct record_config *one, const struct record_config *other,
                       size_t other_index, const char *path)
{
    if (!same(one->name, other->name) || one->type < 0 || other->type < 0)
        return;
    if (one->type != other->type) {
        if (one->type == CONFIG_RECORD_CNAME || other->type == CONFIG_RECORD_CNAME)
            document_error(d, PATH("%s.type", path), "nothing else may stand at the name of a CNAME, but records[%zu] "
                           "does too", other_index);
        return;
    }
    bool grouped = one->kind == CONFIG_KIND_WEIGHTED || one->kind == CONFIG_KIND_FAILOVER;
    if (one->kind != other->kind)
        document_error(d, PATH("%s.kind", path), "differs from that of records[%zu] with the same name and type", other_index);
    else if (!grouped)
        document_error(d, PATH("%s.name", path), "is the same record as records[%zu]: same name and type", other_index);
    else if (same(one->set_identifier, other->set_identifier))
        document_error(d, PATH("%s.set_identifier", path), "\"%s\" is that of records[%zu] with the same name and type already",
                       one->set_identifier, other_index);
    else if (one->kind == CONFIG_KIND_FAILOVER && one->role == other->role && one->role >= 0)
        document_error(d, PATH("%s.role", path), "is that of records[%zu] already; there is one of each", other_index);
}

static void check_zone(struct document *d, const struct cluster_config *c, const struct service_config *s,
                       struct zone_config *zone, const char *path)
{
    if (zone->fence_record != NULL && zone->name != NULL) {
        if (!is_within(zone->fence_record, zone->name) || same(zone->fence_record, zone->name))
            document_error(d, PATH("%s.fence_record", path), "\"%s\" is not a name within the zone %s; write one such as "
                           "\"_failoverd.%s.%s\"", zone->fence_record, zone->name, s->name, zone->name);
        else if (zone->fence_record[0] == '*')
            document_error(d, PATH("%s.fence_record", path), "may not be a wildcard");
    }
    for (size_t i = 0; i < zone->record_count; i++) {
        char item[DOCUMENT_PATH_MAX];
        (void)snprintf(item, sizeof item, "%s.records[%zu]", path, i);
        check_record(d, c, s, zone, &zone->records[i], item);
        for (size_t j = 0; j < i; j++)
            check_pair(d, &zone->records[i], &zone->records[j], j, item);
    }
}

void rules_dns(struct document *d, struct cluster_config *c, struct service_config *s)
{
    if (s->dns == NULL)
        return;
    char path[DOCUMENT_PATH_MAX];
    (void)snprintf(path, sizeof path, "$.services.%s.dns", s->name);
    for (size_t i = 0; i < s->dns->zone_count; i++) {
        struct zone_config *zone = &s->dns->zones[i];
        check_zone(d, c, s, zone, PATH("%s.zones[%zu]", path, i));
        for (size_t j = 0; j < i; j++)
            if (same(zone->id, s->dns->zones[j].id))
                document_error(d, PATH("%s.zones[%zu].id", path, i), "is that of zones[%zu] already; put its records there",
                               j);
    }
    if (s->dns->verify_endpoints.count == 0)
        document_warn(d, path, "there are no verify_endpoints: an operation is called done without having seen the "
                      "service answer under its public name");
}

/* ---- between services -------------------------------------------------------------------- */

struct owner {
    size_t service;
    size_t zone;
};

/* What the other service's zone has at the name that this one wants alone; NULL: nothing. */
static const char *taken_as(const struct zone_config *other, const char *name, const struct record_config *record)
{
    if (same(other->fence_record, name))
        return "fence_record";
    for (size_t i = 0; i < other->record_count; i++) {
        const struct record_config *theirs = &other->records[i];
        if (!same(theirs->name, name))
            continue;
        if (record == NULL)
            return "record";
        bool same_set = theirs->set_identifier == NULL || record->set_identifier == NULL ||
                        same(theirs->set_identifier, record->set_identifier);
        if (theirs->type == record->type && same_set)
            return "record";
    }
    return NULL;
}

static void compare_zones(struct document *d, const struct cluster_config *c, struct owner mine, struct owner theirs)
{
    const struct zone_config *zone = &c->services[mine.service].dns->zones[mine.zone];
    const struct zone_config *other = &c->services[theirs.service].dns->zones[theirs.zone];
    const char *service = c->services[theirs.service].name;
    if (!same(zone->id, other->id))
        return;
    char path[DOCUMENT_PATH_MAX];
    (void)snprintf(path, sizeof path, "$.services.%s.dns.zones[%zu]", c->services[mine.service].name, mine.zone);
    const char *as = zone->fence_record != NULL ? taken_as(other, zone->fence_record, NULL) : NULL;
    if (as != NULL)
        document_error(d, PATH("%s.fence_record", path), "\"%s\" is a %s of service %s already; each service has its own",
                       zone->fence_record, as, service);
    for (size_t i = 0; i < zone->record_count; i++) {
        const struct record_config *record = &zone->records[i];
        as = record->name != NULL ? taken_as(other, record->name, record) : NULL;
        if (as != NULL)
            document_error(d, PATH("%s.records[%zu].name", path, i), "\"%s\" is a %s of service %s already; two services "
                           "would overwrite each other", record->name, as, service);
    }
}

void rules_shared_records(struct document *d, const struct cluster_config *c)
{
    for (size_t i = 0; i < c->service_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct dns_config *mine = c->services[i].dns;
            const struct dns_config *theirs = c->services[j].dns;
            for (size_t m = 0; mine != NULL && m < mine->zone_count; m++)
                for (size_t t = 0; theirs != NULL && t < theirs->zone_count; t++)
                    compare_zones(d, c, (struct owner){ i, m }, (struct owner){ j, t });
        }
}
