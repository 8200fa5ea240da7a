/* The six operations: changing and listing record sets, the state of a change, hosted zones. */
#include <errno.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/route53/call.h"
#include "tests/route53/xml.h"

enum { RECORDS_PAGE_MAX = 300, ZONES_PAGE_MAX = 100 };

const char *call_parameter(const struct call *call, const char *name)
{
    return call->query == NULL ? NULL : evhttp_find_header(call->query, name);
}

static struct zone *find_zone(struct call *call, const char *id)
{
    struct zone *zone = world_zone(call->world, id);
    if (zone == NULL)
        refusal_add(&call->refusal, 404, "NoSuchHostedZone", "No hosted zone found with ID: %s", id);
    return zone;
}

static void open_response(struct call *call, const char *name)
{
    evbuffer_add_printf(call->out, "<?xml version=\"1.0\"?>\n<%s xmlns=\"%s\">", name, XML_NAMESPACE);
}

static void write_change_info(struct call *call, const struct change *change)
{
    char stamp[TIMESTAMP_SIZE];
    struct tm parts;
    time_t seconds = (time_t)(change->submitted_us / 1000000);
    gmtime_r(&seconds, &parts);
    size_t length = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(stamp + length, sizeof stamp - length, ".%03dZ", (int)(change->submitted_us / 1000 % 1000));
    evbuffer_add_printf(call->out, "<ChangeInfo><Id>/change/%s</Id><Status>%s</Status><SubmittedAt>%s</SubmittedAt>",
                        change->id, change->insync_us == 0 ? "PENDING" : "INSYNC", stamp);
    if (change->comment != NULL)
        xml_element(call->out, "Comment", change->comment);
    evbuffer_add_printf(call->out, "</ChangeInfo>");
}

/* A page's size from maxitems; 0 with a refusal. */
static size_t page_size(struct call *call, size_t max)
{
    const char *text = call_parameter(call, "maxitems");
    char *end = NULL;
    if (text == NULL)
        return max;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || value == 0) {
        refusal_add(&call->refusal, 400, "InvalidInput", "Invalid value for maxitems: %.100s", text);
        return 0;
    }
    return value > max ? max : (size_t)value;
}

/* ---- record sets ---- */

static bool zone_is_busy(const struct call *call, const struct zone *zone)
{
    if (zone->busy)
        return true;
    if (!call->world->faults.prior_until_insync)
        return false;
    for (size_t i = 0; i < call->world->change_count; i++)
        if (call->world->changes[i]->zone == zone && call->world->changes[i]->insync_us == 0)
            return true;
    return false;
}

static struct change *submit(struct call *call, struct zone *zone, struct zone_version *version,
                             const struct batch *batch)
{
    json_t *log = json_copy(call->log);
    json_object_set_new(log, "kind", json_string("change"));
    json_object_set_new(log, "comment", batch->comment == NULL ? json_null() : json_string(batch->comment));
    json_object_set_new(log, "changes", batch_to_json(batch));
    struct change *change = zone_advance(call->world, zone, version, batch->comment, log);
    json_decref(log);
    if (change == NULL)
        refusal_add(&call->refusal, 500, "InternalFailure", "The emulator has no room for more changes.");
    else
        json_object_set_new(call->log, "change_id", json_string(change->id));
    return change;
}

static bool change_record_sets(struct call *call)
{
    struct zone *zone = find_zone(call, call->segments[2]);
    struct batch batch;
    struct zone_version *version = NULL;
    struct change *change = NULL;
    if (zone == NULL)
        return false;
    bool parsed = batch_parse(&batch, (const char *)call->body, call->body_length, &call->refusal);
    json_object_set_new(call->log, "changes", batch_to_json(&batch));
    if (parsed && (zone_is_busy(call, zone) || call->world->faults.prior_request_next > 0)) {
        call->world->faults.prior_request_next -= call->world->faults.prior_request_next > 0;
        refusal_add(&call->refusal, 400, "PriorRequestNotComplete",
                    "The request was rejected because Route 53 was still processing a prior request.");
        parsed = false;
    }
    if (parsed)
        version = batch_apply(call->world, zone, &batch, &call->refusal);
    if (version != NULL)
        change = submit(call, zone, version, &batch);
    batch_clear(&batch);
    if (change == NULL)
        return false;
    call->busy = zone;
    open_response(call, "ChangeResourceRecordSetsResponse");
    write_change_info(call, change);
    evbuffer_add_printf(call->out, "</ChangeResourceRecordSetsResponse>");
    return true;
}

/* Where a listing starts. Returns false with a refusal. */
static bool list_start(struct call *call, const struct zone_version *version, size_t *start)
{
    const char *name = call_parameter(call, "name"), *type = call_parameter(call, "type");
    const char *identifier = call_parameter(call, "identifier");
    struct dname parsed;
    *start = 0;
    if ((type != NULL && name == NULL) || (identifier != NULL && type == NULL)) {
        refusal_add(&call->refusal, 400, "InvalidInput", type != NULL && name == NULL
                    ? "The request specified a type but no name" : "The request specified an identifier but no type");
        return false;
    }
    if (type != NULL && rrtype_parse(type) == RR_NONE) {
        refusal_add(&call->refusal, 400, "InvalidInput", "Invalid value for type: %.100s", type);
        return false;
    }
    if (name == NULL)
        return true;
    enum dname_fault fault = dname_parse(&parsed, name);
    if (fault != DNAME_OK) {
        refusal_add(&call->refusal, 400, "InvalidInput", "FATAL problem: %s encountered with '%.1024s'", dname_fault_text(fault), name);
        return false;
    }
    while (*start < version->count
           && rrset_order_key(version->sets[*start], &parsed, type ? type : "", identifier ? identifier : "") < 0)
        (*start)++;
    return true;
}

static bool list_record_sets(struct call *call)
{
    struct zone *zone = find_zone(call, call->segments[2]);
    size_t size = zone == NULL ? 0 : page_size(call, RECORDS_PAGE_MAX), start;
    if (size == 0 || !list_start(call, zone->current, &start))
        return false;
    const struct zone_version *version = zone->current;
    size_t end = version->count - start > size ? start + size : version->count;
    open_response(call, "ListResourceRecordSetsResponse");
    evbuffer_add_printf(call->out, "<ResourceRecordSets>");
    for (size_t i = start; i < end; i++)
        rrset_write_xml(version->sets[i], call->out);
    evbuffer_add_printf(call->out, "</ResourceRecordSets><IsTruncated>%s</IsTruncated>", end < version->count ? "true" : "false");
    if (end < version->count) {
        char name[DNAME_TEXT_SIZE];
        const struct rrset *next = version->sets[end];
        xml_element(call->out, "NextRecordName", dname_text(&next->name, name));
        xml_element(call->out, "NextRecordType", rrtype_text(next->type));
        if (next->set_identifier != NULL)
            xml_element(call->out, "NextRecordIdentifier", next->set_identifier);
    }
    evbuffer_add_printf(call->out, "<MaxItems>%zu</MaxItems></ListResourceRecordSetsResponse>", size);
    return true;
}

static bool get_change(struct call *call)
{
    struct change *change = world_change(call->world, call->segments[2]);
    if (change == NULL) {
        refusal_add(&call->refusal, 404, "NoSuchChange", "Could not find resource with ID: %s", call->segments[2]);
        return false;
    }
    open_response(call, "GetChangeResponse");
    write_change_info(call, change);
    change_asked(change);
    evbuffer_add_printf(call->out, "</GetChangeResponse>");
    return true;
}

/* ---- zones ---- */

static void write_zone(struct call *call, const struct zone *zone)
{
    char name[DNAME_TEXT_SIZE];
    evbuffer_add_printf(call->out, "<HostedZone><Id>/hostedzone/%s</Id>", zone->id);
    xml_element(call->out, "Name", dname_text(&zone->name, name));
    evbuffer_add_printf(call->out, "<CallerReference>emulator-%s</CallerReference><Config>", zone->id);
    if (zone->comment != NULL && zone->comment[0] != '\0')
        xml_element(call->out, "Comment", zone->comment);
    evbuffer_add_printf(call->out, "<PrivateZone>false</PrivateZone></Config><ResourceRecordSetCount>%zu"
                        "</ResourceRecordSetCount></HostedZone>", zone->current->count);
}

static bool get_hosted_zone(struct call *call)
{
    const struct zone *zone = find_zone(call, call->segments[2]);
    if (zone == NULL)
        return false;
    open_response(call, "GetHostedZoneResponse");
    write_zone(call, zone);
    evbuffer_add_printf(call->out, "<DelegationSet><NameServers>");
    for (size_t i = 0; i < zone->name_server_count; i++) {
        char *plain = strdup(zone->name_servers[i]);     /* AWS shows these without the trailing dot */
        size_t length = plain == NULL ? 0 : strlen(plain);
        if (length > 1 && plain[length - 1] == '.')
            plain[length - 1] = '\0';
        xml_element(call->out, "NameServer", plain ? plain : "");
        free(plain);
    }
    evbuffer_add_printf(call->out, "</NameServers></DelegationSet></GetHostedZoneResponse>");
    return true;
}

static int order_by_id(const void *a, const void *b)
{
    return strcmp((*(struct zone *const *)a)->id, (*(struct zone *const *)b)->id);
}

static int order_by_name(const void *a, const void *b)
{
    int order = dname_order(&(*(struct zone *const *)a)->name, &(*(struct zone *const *)b)->name);
    return order != 0 ? order : order_by_id(a, b);
}

/* Service zones stand for AWS's own and are not the account's to list. */
static size_t own_zones(const struct call *call, struct zone **out, int (*order)(const void *, const void *))
{
    size_t count = 0;
    for (size_t i = 0; i < call->world->zone_count; i++)
        if (!call->world->zones[i]->service)
            out[count++] = call->world->zones[i];
    qsort(out, count, sizeof(struct zone *), order);
    return count;
}

static bool list_hosted_zones(struct call *call)
{
    struct zone *zones[ZONES_MAX];
    size_t count = own_zones(call, zones, order_by_id), start = 0, size = page_size(call, ZONES_PAGE_MAX);
    const char *marker = call_parameter(call, "marker");
    if (size == 0)
        return false;
    while (marker != NULL && start < count && strcmp(zones[start]->id, marker) < 0)
        start++;
    size_t end = count - start > size ? start + size : count;
    open_response(call, "ListHostedZonesResponse");
    evbuffer_add_printf(call->out, "<HostedZones>");
    for (size_t i = start; i < end; i++)
        write_zone(call, zones[i]);
    evbuffer_add_printf(call->out, "</HostedZones>");
    if (marker != NULL)
        xml_element(call->out, "Marker", marker);
    evbuffer_add_printf(call->out, "<IsTruncated>%s</IsTruncated>", end < count ? "true" : "false");
    if (end < count)
        xml_element(call->out, "NextMarker", zones[end]->id);
    evbuffer_add_printf(call->out, "<MaxItems>%zu</MaxItems></ListHostedZonesResponse>", size);
    return true;
}

static bool list_hosted_zones_by_name(struct call *call)
{
    struct zone *zones[ZONES_MAX];
    size_t count = own_zones(call, zones, order_by_name), start = 0, size = page_size(call, ZONES_PAGE_MAX);
    const char *name = call_parameter(call, "dnsname"), *id = call_parameter(call, "hostedzoneid");
    struct dname parsed;
    char text[DNAME_TEXT_SIZE];
    if (size == 0)
        return false;
    if (name == NULL && id != NULL) {
        refusal_add(&call->refusal, 400, "InvalidInput", "A hosted zone ID was specified but no DNS name");
        return false;
    }
    if (name != NULL && dname_parse(&parsed, name) != DNAME_OK) {
        refusal_add(&call->refusal, 400, "InvalidDomainName", "%.1024s is not a valid domain name", name);
        return false;
    }
    for (int order; name != NULL && start < count; start++)
        if ((order = dname_order(&zones[start]->name, &parsed)) > 0
            || (order == 0 && (id == NULL || strcmp(zones[start]->id, id) >= 0)))
            break;
    size_t end = count - start > size ? start + size : count;
    open_response(call, "ListHostedZonesByNameResponse");
    evbuffer_add_printf(call->out, "<HostedZones>");
    for (size_t i = start; i < end; i++)
        write_zone(call, zones[i]);
    evbuffer_add_printf(call->out, "</HostedZones>");
    if (name != NULL)
        xml_element(call->out, "DNSName", dname_text(&parsed, text));
    if (id != NULL)
        xml_element(call->out, "HostedZoneId", id);
    evbuffer_add_printf(call->out, "<IsTruncated>%s</IsTruncated>", end < count ? "true" : "false");
    if (end < count) {
        xml_element(call->out, "NextDNSName", dname_text(&zones[end]->name, text));
        xml_element(call->out, "NextHostedZoneId", zones[end]->id);
    }
    evbuffer_add_printf(call->out, "<MaxItems>%zu</MaxItems></ListHostedZonesByNameResponse>", size);
    return true;
}

static const struct operation operations[] = {
    { "ChangeResourceRecordSets", "POST", "hostedzone/*/rrset", change_record_sets },
    { "ListResourceRecordSets", "GET", "hostedzone/*/rrset", list_record_sets },
    { "GetChange", "GET", "change/*", get_change },
    { "GetHostedZone", "GET", "hostedzone/*", get_hosted_zone },
    { "ListHostedZones", "GET", "hostedzone", list_hosted_zones },
    { "ListHostedZonesByName", "GET", "hostedzonesbyname", list_hosted_zones_by_name },
};

static bool path_matches(const struct call *call, const char *path)
{
    size_t segment = 1;
    for (const char *at = path; at != NULL; segment++) {
        size_t length = strcspn(at, "/");
        if (segment >= call->segment_count)
            return false;
        const char *have = call->segments[segment];
        if (at[0] != '*' && (strlen(have) != length || strncmp(have, at, length) != 0))
            return false;
        at = at[length] == '/' ? at + length + 1 : NULL;
    }
    return segment == call->segment_count;
}

const struct operation *operation_find(const struct call *call)
{
    if (call->segment_count < 2 || strcmp(call->segments[0], "2013-04-01") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].method, call->method) == 0 && path_matches(call, operations[i].path))
            return &operations[i];
    return NULL;
}
