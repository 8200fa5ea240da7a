/* Desired records of a zone: see dns_records.h. */
#include "coordinator/control/dns_records.h"

#include "coordinator/base/text.h"
#include "coordinator/config/weights.h"

#define SHARE_ALL 100u

static enum dns_type type_of(int type)
{
    switch ((enum config_record_type)type) {
    case CONFIG_RECORD_A: return DNS_TYPE_A;
    case CONFIG_RECORD_AAAA: return DNS_TYPE_AAAA;
    case CONFIG_RECORD_CNAME:
    default: return DNS_TYPE_CNAME;
    }
}

static enum dns_kind kind_of(int kind)
{
    switch ((enum config_record_kind)kind) {
    case CONFIG_KIND_SIMPLE: return DNS_KIND_SIMPLE;
    case CONFIG_KIND_ALIAS: return DNS_KIND_ALIAS;
    case CONFIG_KIND_WEIGHTED: return DNS_KIND_WEIGHTED;
    case CONFIG_KIND_FAILOVER:
    default: return DNS_KIND_FAILOVER;
    }
}

static bool fill_values(const struct record_config *config, size_t region, struct dns_record *out)
{
    const struct record_values *values = config_record_values(config, region);
    if (values == NULL || values->values.count == 0 || values->values.count > DNS_VALUES_MAX)
        return false;
    bool fits = true;
    for (size_t v = 0; v < values->values.count; v++)
        fits = text_copy(out->values[v], sizeof out->values[v], values->values.items[v]) && fits;
    out->value_count = values->values.count;
    return fits;
}

static bool fill_alias(const struct record_config *config, size_t region, struct dns_record *out)
{
    const struct record_alias *alias = config_record_alias(config, region);
    if (alias == NULL)
        return false;
    out->alias_evaluate_health = alias->evaluate;
    return text_copy(out->alias_zone_id, sizeof out->alias_zone_id, alias->zone) &&
           text_copy(out->alias_name, sizeof out->alias_name, alias->name);
}

static bool fill(const struct record_config *config, size_t region, struct dns_record *out)
{
    *out = (struct dns_record){
        .type = type_of(config->type),
        .kind = kind_of(config->kind),
        .ttl_s = (uint32_t)config->ttl_s,
        .role = config->role == CONFIG_ROLE_PRIMARY ? DNS_ROLE_PRIMARY : DNS_ROLE_SECONDARY,
    };
    bool fits = text_copy(out->name, sizeof out->name, config->name);
    if (config->set_identifier != NULL)
        fits = text_copy(out->set_identifier, sizeof out->set_identifier,
                         config->set_identifier) && fits;
    if (config->health_check_id != NULL)
        fits = text_copy(out->health_check_id, sizeof out->health_check_id,
                         config->health_check_id) && fits;
    const struct record_weight *weight = config_record_weight(config, region);
    if (weight != NULL)
        out->weight = (uint32_t)weight->weight;
    bool points = config->alias_count > 0 ? fill_alias(config, region, out)
                                          : fill_values(config, region, out);
    return fits && points;
}

bool dns_records_of(const struct zone_config *zone, struct dns_aim aim, struct dns_record *out,
                    size_t *count, struct fault *fault)
{
    size_t region = aim.share >= SHARE_ALL ? aim.region : aim.from;
    if (zone->record_count > DNS_RECORDS_MAX)
        return fault_set(fault, "zone %s has %zu records; at most %d can change in one batch",
                         zone->name, zone->record_count, DNS_RECORDS_MAX);
    for (size_t r = 0; r < zone->record_count; r++) {
        if (!fill(&zone->records[r], region, &out[r]))
            return fault_set(fault, "record %s of zone %s has no value for the region that it is to point to",
                             zone->records[r].name, zone->name);
        if (aim.share > 0 && aim.share < SHARE_ALL)
            (void)weights_mix(zone, &zone->records[r], aim.from, aim.region, aim.share, &out[r].weight);
    }
    *count = zone->record_count;
    return true;
}
