/* Building, comparing and printing record sets. See records.h. */
#include "tests/route53/records.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/route53/rdata.h"
#include "tests/route53/xml.h"

static const struct {
    enum rrtype type;
    const char *text;
} types[] = {
    { RR_A, "A" }, { RR_AAAA, "AAAA" }, { RR_CAA, "CAA" }, { RR_CNAME, "CNAME" }, { RR_MX, "MX" },
    { RR_NS, "NS" }, { RR_PTR, "PTR" }, { RR_SOA, "SOA" }, { RR_SPF, "SPF" }, { RR_SRV, "SRV" },
    { RR_TXT, "TXT" },
};

enum rrtype rrtype_parse(const char *text)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].text, text) == 0)
            return types[i].type;
    return RR_NONE;
}

const char *rrtype_text(enum rrtype type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type)
            return types[i].text;
    return "?";
}

__attribute__((format(printf, 2, 3)))
static void say(char message[MESSAGE_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, MESSAGE_SIZE, format, arguments);
    va_end(arguments);
}

/* The tail that AWS puts behind messages about a change's shape. */
static enum build_result refuse_shape(const struct draft *draft, const char *action, char message[MESSAGE_SIZE],
                                      const char *problem)
{
    say(message, "Invalid request: %s in Change with [Action=%s, Name=%s, Type=%s, SetIdentifier=%s]", problem, action,
        draft->name, draft->type, draft->set_identifier ? draft->set_identifier : "null");
    return BUILD_INVALID_INPUT;
}

static bool read_number(const char *text, unsigned long max, unsigned long *value)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoul(text, &end, 10);
    return errno == 0 && *end == '\0' && *value <= max;
}

static bool read_bool(const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *value || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

/* Which of the routing elements is there, and is there exactly one if there is an identifier? */
static enum build_result build_routing(struct rrset *set, const struct draft *draft, const char *action,
                                       char message[MESSAGE_SIZE])
{
    unsigned long weight = 0;
    int count = (draft->weight != NULL) + (draft->region != NULL) + (draft->failover != NULL) +
                (draft->multivalue != NULL);
    if (count > 1)
        return refuse_shape(draft, action, message, "Expected exactly one of [Weight, Region, Failover, GeoLocation, "
                            "MultiValueAnswer], but found more than one");
    if (count == 1 && draft->set_identifier == NULL)
        return refuse_shape(draft, action, message, "Missing field 'SetIdentifier'");
    if (count == 0 && draft->set_identifier != NULL)
        return refuse_shape(draft, action, message, "Expected exactly one of [Weight, Region, Failover, GeoLocation, "
                            "MultiValueAnswer], but found none");
    if (draft->set_identifier != NULL
        && (draft->set_identifier[0] == '\0' || strlen(draft->set_identifier) > RECORD_IDENTIFIER_MAX))
        return refuse_shape(draft, action, message, "SetIdentifier must have 1 to 128 characters");
    if (draft->weight != NULL) {
        if (!read_number(draft->weight, 255, &weight))
            return refuse_shape(draft, action, message, "Weight must be a number from 0 to 255");
        set->routing = ROUTING_WEIGHTED;
        set->weight = (unsigned)weight;
    } else if (draft->failover != NULL) {
        set->routing = ROUTING_FAILOVER;
        set->primary = strcmp(draft->failover, "PRIMARY") == 0;
        if (!set->primary && strcmp(draft->failover, "SECONDARY") != 0)
            return refuse_shape(draft, action, message, "Failover must be PRIMARY or SECONDARY");
    } else if (draft->region != NULL) {
        set->routing = ROUTING_LATENCY;
        set->region = strdup(draft->region);
        if (set->region == NULL)
            return BUILD_NO_MEMORY;
    } else if (draft->multivalue != NULL) {
        set->routing = ROUTING_MULTIVALUE;
        if (!read_bool(draft->multivalue, &set->multivalue))
            return refuse_shape(draft, action, message, "MultiValueAnswer must be true or false");
    }
    return BUILD_OK;
}

static enum build_result build_alias(struct rrset *set, const struct draft *draft, const char *action,
                                     char message[MESSAGE_SIZE])
{
    const char *missing = draft->alias_zone_id == NULL ? "HostedZoneId" : draft->alias_name == NULL ? "DNSName"
                        : draft->evaluate_target_health == NULL ? "EvaluateTargetHealth" : NULL;
    if (missing != NULL) {
        say(message, "Invalid XML ; cvc-complex-type.2.4.b: The content of element 'AliasTarget' is not complete. "
            "One of '{\"%s\":%s}' is expected.", XML_NAMESPACE, missing);
        return BUILD_INVALID_INPUT;
    }
    if (!read_bool(draft->evaluate_target_health, &set->evaluate_target_health))
        return refuse_shape(draft, action, message, "EvaluateTargetHealth must be true or false");
    enum dname_fault fault = dname_parse(&set->alias_name, draft->alias_name);
    if (fault != DNAME_OK) {
        say(message, "FATAL problem: %s encountered with '%s'", dname_fault_text(fault), draft->alias_name);
        return BUILD_INVALID_BATCH;
    }
    set->alias = true;
    set->alias_zone_id = strdup(draft->alias_zone_id);
    return set->alias_zone_id == NULL ? BUILD_NO_MEMORY : BUILD_OK;
}

static enum build_result build_value(struct rrset *set, const char *text, char message[MESSAGE_SIZE])
{
    const char *fault = NULL;
    if (strlen(text) > RECORD_VALUE_CHARACTERS_MAX) {
        say(message, "Invalid Resource Record: 'FATAL problem: ValueTooLong (Value is longer than %d characters)'",
            RECORD_VALUE_CHARACTERS_MAX);
        return BUILD_INVALID_BATCH;
    }
    for (size_t i = 0; i < set->value_count; i++)
        if (strcmp(set->values[i], text) == 0) {
            say(message, "Duplicate Resource Record: '%s'", text);
            return BUILD_INVALID_BATCH;
        }
    if (!rdata_encode(&set->rdata[set->value_count], set->type, text, &fault)) {
        say(message, "Invalid Resource Record: 'FATAL problem: %s encountered with '%s''", fault, text);
        return BUILD_INVALID_BATCH;
    }
    set->values[set->value_count] = strdup(text);
    set->value_count++;              /* counted even on failure, so that drop frees the rdata */
    return set->values[set->value_count - 1] == NULL ? BUILD_NO_MEMORY : BUILD_OK;
}

static enum build_result build_values(struct rrset *set, const struct draft *draft, const char *action,
                                      char message[MESSAGE_SIZE])
{
    unsigned long ttl_s = 0;
    if (!read_number(draft->ttl, RECORD_TTL_MAX, &ttl_s))
        return refuse_shape(draft, action, message, "TTL must be a number from 0 to 2147483647");
    set->ttl_s = (uint32_t)ttl_s;
    if (draft->value_count > RECORD_VALUES_MAX) {
        say(message, "Cannot have more than %d records in a RRSet.", RECORD_VALUES_MAX);
        return BUILD_INVALID_BATCH;
    }
    set->values = calloc(draft->value_count, sizeof *set->values);
    set->rdata = calloc(draft->value_count, sizeof *set->rdata);
    if (set->values == NULL || set->rdata == NULL)
        return BUILD_NO_MEMORY;
    for (size_t i = 0; i < draft->value_count; i++) {
        enum build_result result = build_value(set, draft->values[i], message);
        if (result != BUILD_OK)
            return result;
    }
    if ((set->type == RR_CNAME || set->type == RR_SOA) && set->value_count > 1) {
        say(message, "RRSet of type %s may contain only one resource record", rrtype_text(set->type));
        return BUILD_INVALID_BATCH;
    }
    return BUILD_OK;
}

static enum build_result build(struct rrset *set, const struct draft *draft, const char *action,
                               char message[MESSAGE_SIZE])
{
    if (draft->name == NULL || draft->type == NULL) {
        say(message, "Invalid XML ; cvc-complex-type.2.4.b: The content of element 'ResourceRecordSet' is not complete. "
            "One of '{\"%s\":%s}' is expected.", XML_NAMESPACE, draft->name == NULL ? "Name" : "Type");
        return BUILD_INVALID_INPUT;
    }
    set->type = rrtype_parse(draft->type);
    if (set->type == RR_NONE)
        return refuse_shape(draft, action, message, "Type is not one of [A, AAAA, CAA, CNAME, MX, NS, PTR, SOA, SPF, SRV, TXT]");
    if (draft->unsupported != NULL) {
        say(message, "This emulator has no rules for the element %s", draft->unsupported);
        return BUILD_INVALID_INPUT;
    }
    bool values = draft->ttl != NULL && draft->has_records && draft->value_count > 0;
    bool some_values = draft->ttl != NULL || draft->has_records;
    if (draft->has_alias ? some_values : !values)
        return refuse_shape(draft, action, message, draft->has_alias
            ? "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found more than one"
            : "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none");
    enum build_result result = build_routing(set, draft, action, message);
    if (result != BUILD_OK)
        return result;
    enum dname_fault fault = dname_parse(&set->name, draft->name);
    if (fault != DNAME_OK) {
        say(message, "FATAL problem: %s encountered with '%s'", dname_fault_text(fault), draft->name);
        return BUILD_INVALID_BATCH;
    }
    if (draft->set_identifier != NULL && (set->set_identifier = strdup(draft->set_identifier)) == NULL)
        return BUILD_NO_MEMORY;
    if (draft->health_check_id != NULL && (set->health_check_id = strdup(draft->health_check_id)) == NULL)
        return BUILD_NO_MEMORY;
    return draft->has_alias ? build_alias(set, draft, action, message) : build_values(set, draft, action, message);
}

enum build_result rrset_build(struct rrset **out, const struct draft *draft, const char *action,
                              char message[MESSAGE_SIZE])
{
    struct rrset *set = calloc(1, sizeof *set);
    *out = NULL;
    message[0] = '\0';
    if (set == NULL)
        return BUILD_NO_MEMORY;
    set->references = 1;
    enum build_result result = build(set, draft, action, message);
    if (result != BUILD_OK) {
        rrset_drop(set);
        return result;
    }
    *out = set;
    return BUILD_OK;
}

struct rrset *rrset_take(struct rrset *set)
{
    set->references++;
    return set;
}

void rrset_drop(struct rrset *set)
{
    if (set == NULL || --set->references > 0)
        return;
    for (size_t i = 0; i < set->value_count; i++) {
        free(set->values[i]);
        free(set->rdata[i].bytes);
    }
    free(set->values);
    free(set->rdata);
    free(set->set_identifier);
    free(set->region);
    free(set->alias_zone_id);
    free(set->health_check_id);
    free(set);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool rrset_same_key(const struct rrset *a, const struct rrset *b)
{
    return a->type == b->type && dname_equal(&a->name, &b->name) && same_text(a->set_identifier, b->set_identifier);
}

/* Values hold no duplicates, so equal counts and containment one way mean equal sets. */
static bool same_values(const struct rrset *a, const struct rrset *b)
{
    if (a->value_count != b->value_count)
        return false;
    for (size_t i = 0; i < a->value_count; i++) {
        bool found = false;
        for (size_t j = 0; j < b->value_count && !found; j++)
            found = strcmp(a->values[i], b->values[j]) == 0;
        if (!found)
            return false;
    }
    return true;
}

bool rrset_same_content(const struct rrset *a, const struct rrset *b)
{
    if (a->routing != b->routing || a->weight != b->weight || a->primary != b->primary || a->multivalue != b->multivalue
        || !same_text(a->region, b->region) || !same_text(a->health_check_id, b->health_check_id)
        || a->alias != b->alias)
        return false;
    if (a->alias)
        return strcmp(a->alias_zone_id, b->alias_zone_id) == 0 && dname_equal(&a->alias_name, &b->alias_name)
            && a->evaluate_target_health == b->evaluate_target_health;
    return a->ttl_s == b->ttl_s && same_values(a, b);
}

int rrset_order_key(const struct rrset *set, const struct dname *name, const char *type, const char *identifier)
{
    int order = dname_order(&set->name, name);
    if (order == 0)
        order = strcmp(rrtype_text(set->type), type);
    if (order == 0)
        order = strcmp(set->set_identifier ? set->set_identifier : "", identifier);
    return order;
}

int rrset_order(const struct rrset *a, const struct rrset *b)
{
    return rrset_order_key(a, &b->name, rrtype_text(b->type), b->set_identifier ? b->set_identifier : "");
}

void rrset_label(const struct rrset *set, char *out, size_t size)
{
    char name[DNAME_TEXT_SIZE];
    snprintf(out, size, "[name='%s', type='%s'%s%s%s]", dname_text(&set->name, name), rrtype_text(set->type),
             set->set_identifier ? ", set-identifier='" : "", set->set_identifier ? set->set_identifier : "",
             set->set_identifier ? "'" : "");
}

void rrset_write_xml(const struct rrset *set, struct evbuffer *out)
{
    char name[DNAME_TEXT_SIZE];
    evbuffer_add_printf(out, "<ResourceRecordSet>");
    xml_element(out, "Name", dname_text(&set->name, name));
    xml_element(out, "Type", rrtype_text(set->type));
    if (set->set_identifier != NULL)
        xml_element(out, "SetIdentifier", set->set_identifier);
    if (set->routing == ROUTING_WEIGHTED)
        evbuffer_add_printf(out, "<Weight>%u</Weight>", set->weight);
    if (set->routing == ROUTING_LATENCY)
        xml_element(out, "Region", set->region);
    if (set->routing == ROUTING_FAILOVER)
        xml_element(out, "Failover", set->primary ? "PRIMARY" : "SECONDARY");
    if (set->routing == ROUTING_MULTIVALUE)
        xml_element(out, "MultiValueAnswer", set->multivalue ? "true" : "false");
    if (set->alias) {
        evbuffer_add_printf(out, "<AliasTarget>");
        xml_element(out, "HostedZoneId", set->alias_zone_id);
        xml_element(out, "DNSName", dname_text(&set->alias_name, name));
        xml_element(out, "EvaluateTargetHealth", set->evaluate_target_health ? "true" : "false");
        evbuffer_add_printf(out, "</AliasTarget>");
    } else {
        evbuffer_add_printf(out, "<TTL>%u</TTL><ResourceRecords>", set->ttl_s);
        for (size_t i = 0; i < set->value_count; i++) {
            evbuffer_add_printf(out, "<ResourceRecord>");
            xml_element(out, "Value", set->values[i]);
            evbuffer_add_printf(out, "</ResourceRecord>");
        }
        evbuffer_add_printf(out, "</ResourceRecords>");
    }
    if (set->health_check_id != NULL)
        xml_element(out, "HealthCheckId", set->health_check_id);
    evbuffer_add_printf(out, "</ResourceRecordSet>");
}

json_t *rrset_to_json(const struct rrset *set)
{
    char name[DNAME_TEXT_SIZE];
    json_t *json = json_pack("{s:s, s:s, s:s*}", "Name", dname_text(&set->name, name), "Type", rrtype_text(set->type),
                             "SetIdentifier", set->set_identifier);
    if (set->routing == ROUTING_WEIGHTED)
        json_object_set_new(json, "Weight", json_integer((json_int_t)set->weight));
    if (set->routing == ROUTING_LATENCY)
        json_object_set_new(json, "Region", json_string(set->region));
    if (set->routing == ROUTING_FAILOVER)
        json_object_set_new(json, "Failover", json_string(set->primary ? "PRIMARY" : "SECONDARY"));
    if (set->routing == ROUTING_MULTIVALUE)
        json_object_set_new(json, "MultiValueAnswer", json_boolean(set->multivalue));
    if (set->alias) {
        json_object_set_new(json, "AliasTarget", json_pack("{s:s, s:s, s:b}", "HostedZoneId", set->alias_zone_id, "DNSName",
                            dname_text(&set->alias_name, name), "EvaluateTargetHealth", (int)set->evaluate_target_health));
    } else {
        json_t *values = json_array();
        for (size_t i = 0; i < set->value_count; i++)
            json_array_append_new(values, json_pack("{s:s}", "Value", set->values[i]));
        json_object_set_new(json, "TTL", json_integer((json_int_t)set->ttl_s));
        json_object_set_new(json, "ResourceRecords", values);
    }
    if (set->health_check_id != NULL)
        json_object_set_new(json, "HealthCheckId", json_string(set->health_check_id));
    return json;
}

static const char *optional_text(json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static bool alias_from_json(struct draft *draft, json_t *alias, char message[MESSAGE_SIZE])
{
    json_t *health = json_object_get(alias, "EvaluateTargetHealth");
    draft->has_alias = true;
    draft->alias_zone_id = optional_text(alias, "HostedZoneId");
    draft->alias_name = optional_text(alias, "DNSName");
    draft->evaluate_target_health = json_is_true(health) ? "true" : json_is_false(health) ? "false" : NULL;
    if (!json_is_object(alias) || draft->evaluate_target_health == NULL) {
        say(message, "AliasTarget must be an object with HostedZoneId, DNSName and EvaluateTargetHealth");
        return false;
    }
    return true;
}

bool draft_from_json(struct draft *draft, json_t *json, const char **values, struct draft_scratch *scratch,
                     char message[MESSAGE_SIZE])
{
    static const char *const known[] = { "Name", "Type", "SetIdentifier", "Weight", "Region", "Failover",
        "MultiValueAnswer", "TTL", "ResourceRecords", "AliasTarget", "HealthCheckId" };
    const char *key;
    json_t *value, *records = json_object_get(json, "ResourceRecords");
    size_t index;
    memset(draft, 0, sizeof *draft);
    if (!json_is_object(json)) {
        say(message, "a record must be an object");
        return false;
    }
    json_object_foreach(json, key, value) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0] && !found; i++)
            found = strcmp(key, known[i]) == 0;
        if (!found) {
            say(message, "a record has an unknown key \"%s\"", key);
            return false;
        }
    }
    draft->name = optional_text(json, "Name");
    draft->type = optional_text(json, "Type");
    draft->set_identifier = optional_text(json, "SetIdentifier");
    draft->region = optional_text(json, "Region");
    draft->failover = optional_text(json, "Failover");
    draft->health_check_id = optional_text(json, "HealthCheckId");
    value = json_object_get(json, "MultiValueAnswer");
    draft->multivalue = value == NULL ? NULL : json_is_true(value) ? "true" : "false";
    if ((value = json_object_get(json, "Weight")) != NULL) {
        snprintf(scratch->weight, sizeof scratch->weight, "%lld", (long long)json_integer_value(value));
        draft->weight = scratch->weight;
    }
    if ((value = json_object_get(json, "TTL")) != NULL) {
        snprintf(scratch->ttl, sizeof scratch->ttl, "%lld", (long long)json_integer_value(value));
        draft->ttl = scratch->ttl;
    }
    draft->has_records = records != NULL;
    draft->values = values;
    json_array_foreach(records, index, value) {
        const char *text = optional_text(value, "Value");
        if (text == NULL || draft->value_count == RECORD_VALUES_MAX) {
            say(message, "ResourceRecords must be at most %d objects with a Value", RECORD_VALUES_MAX);
            return false;
        }
        values[draft->value_count++] = text;
    }
    value = json_object_get(json, "AliasTarget");
    return value == NULL || alias_from_json(draft, value, message);
}
