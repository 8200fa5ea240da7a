/* Route 53's XML, both ways: see route53_xml.h.
 *
 * Reading is driven by tables: each names the path of an element and where its text goes. Elements that no table
 * names are skipped, so new ones of the provider's do no harm.
 */
#include "dns/route53_xml.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "dns/fence_text.h"

#define PATH_MAX_BYTES 256
#define NAMESPACE "https://route53.amazonaws.com/doc/2013-04-01/"

/* --- reading --- */

struct reader;
typedef void on_text(struct reader *reader, const char *text);

struct path_rule {
    const char *path; /* "/Root/Child/Leaf" */
    on_text *use;     /* called at the element's end */
};

struct reader {
    XML_Parser parser;
    const struct path_rule *rules;
    size_t rule_count;
    char path[PATH_MAX_BYTES];
    size_t path_length;
    bool path_too_long; /* of no interest to us below here; depth still counts */
    size_t outside;     /* levels below the first that did not fit into path */
    size_t depth, elements;
    char buffer[ROUTE53_XML_TEXT_MAX];
    struct text text;
    const char *refusal;
    bool complete; /* the root was the expected one */
    void *target;

    struct route53_listed listed; /* the record set being read */
    route53_on_listed *on_listed;
    void *arg;
};

static void refuse(struct reader *reader, const char *why)
{
    if (reader->refusal == NULL)
        reader->refusal = why;
    (void)XML_StopParser(reader->parser, XML_FALSE);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                               int has_internal)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal;
    refuse(arg, "it has a document type, which is not allowed");
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    struct reader *reader = arg;
    size_t length = strlen(name);
    if (++reader->depth > ROUTE53_XML_DEPTH_MAX)
        refuse(reader, "it is nested too deeply");
    else if (++reader->elements > ROUTE53_XML_ELEMENTS_MAX)
        refuse(reader, "it has too many elements");
    text_clear(&reader->text);
    if (reader->outside > 0 || reader->path_length + 1 + length >= sizeof reader->path) {
        reader->outside++;
        return;
    }
    reader->path[reader->path_length] = '/';
    memcpy(reader->path + reader->path_length + 1, name, length + 1);
    reader->path_length += length + 1;
}

static void XMLCALL on_characters(void *arg, const XML_Char *bytes, int count)
{
    struct reader *reader = arg;
    text_append_bytes(&reader->text, bytes, (size_t)count);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    struct reader *reader = arg;
    reader->depth--;
    if (reader->outside > 0) {
        reader->outside--;
        return;
    }
    for (size_t i = 0; i < reader->rule_count; i++)
        if (strcmp(reader->path, reader->rules[i].path) == 0)
            reader->rules[i].use(reader, reader->buffer);
    text_clear(&reader->text);
    reader->path_length -= strlen(name) + 1;
    reader->path[reader->path_length] = '\0';
}

static bool read_document(struct reader *reader, const char *body, size_t length, struct fault *fault)
{
    reader->text = TEXT_OF(reader->buffer);
    reader->path[0] = '\0';
    reader->parser = XML_ParserCreate("UTF-8");
    if (reader->parser == NULL)
        return fault_set(fault, "out of memory");
    XML_SetUserData(reader->parser, reader);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
    XML_SetElementHandler(reader->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader->parser, on_characters);
    bool good = true;
    if (length > INT32_MAX)
        good = fault_set(fault, "the XML is too large");
    else if (XML_Parse(reader->parser, body, (int)length, XML_TRUE) != XML_STATUS_OK || reader->refusal != NULL)
        good = fault_set(fault, "the XML can't be used: %s (line %lu)",
                         reader->refusal != NULL ? reader->refusal
                                                 : XML_ErrorString(XML_GetErrorCode(reader->parser)),
                         (unsigned long)XML_GetCurrentLineNumber(reader->parser));
    XML_ParserFree(reader->parser);
    return good;
}

bool route53_normal_name(const char *name, char *out, size_t size)
{
    struct text text = text_over(out, size);
    for (const char *at = name; *at != '\0'; at++) {
        int c = (unsigned char)*at;
        if (c == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' && at[3] >= '0' &&
            at[3] <= '7') {
            int value = (at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0');
            if (isgraph(value) && value != '.' && value != '\\') {
                c = value;
                at += 3;
            }
        }
        text_append_char(&text, (char)tolower(c));
    }
    if (text.length > 1 && out[text.length - 1] == '.')
        out[--text.length] = '\0';
    return !text.cut;
}

static void take(struct reader *reader, char *out, size_t size, const char *text)
{
    if (!text_copy(out, size, text) || reader->text.cut)
        reader->listed.does_not_fit = true;
}

static void take_number(struct reader *reader, uint32_t *out, bool *has, const char *text)
{
    unsigned long long value = 0;
    if (!text_parse_u64(text, UINT32_MAX, &value)) {
        refuse(reader, "a TTL or weight is not a number");
        return;
    }
    *out = (uint32_t)value;
    *has = true;
}

static void take_name(struct reader *reader, char *out, const char *text)
{
    if (!route53_normal_name(text, out, DNS_NAME_MAX) || reader->text.cut)
        reader->listed.does_not_fit = true;
}

#define TAKE(function, field)                                                                     \
    static void function(struct reader *reader, const char *text)                                 \
    {                                                                                             \
        take(reader, reader->listed.field, sizeof reader->listed.field, text);                    \
    }
TAKE(take_type, type)
TAKE(take_identifier, set_identifier)
TAKE(take_failover, failover)
TAKE(take_health_check, health_check_id)
TAKE(take_alias_zone, alias_zone_id)

static void take_record_name(struct reader *reader, const char *text)
{
    take_name(reader, reader->listed.name, text);
}

static void take_weight(struct reader *reader, const char *text)
{
    take_number(reader, &reader->listed.weight, &reader->listed.has_weight, text);
}

static void take_ttl(struct reader *reader, const char *text)
{
    take_number(reader, &reader->listed.ttl_s, &reader->listed.has_ttl, text);
}

static void take_other_routing(struct reader *reader, const char *text)
{
    (void)text;
    reader->listed.other_routing = true;
}

static void take_alias_name(struct reader *reader, const char *text)
{
    reader->listed.is_alias = true;
    take_name(reader, reader->listed.alias_name, text);
}

static void take_alias_evaluate(struct reader *reader, const char *text)
{
    reader->listed.alias_evaluate_health = strcmp(text, "true") == 0;
}

static void take_value(struct reader *reader, const char *text)
{
    struct route53_listed *listed = &reader->listed;
    if (listed->value_count < DNS_VALUES_MAX)
        take(reader, listed->values[listed->value_count], sizeof listed->values[0], text);
    else
        listed->does_not_fit = true;
    listed->value_count++;
}

static void take_record(struct reader *reader, const char *text)
{
    (void)text;
    if (reader->listed.name[0] == '\0' || reader->listed.type[0] == '\0')
        refuse(reader, "a record set has no name or type");
    else if (reader->refusal == NULL)
        reader->on_listed(&reader->listed, reader->arg);
    memset(&reader->listed, 0, sizeof reader->listed);
}

/* What is needed to go on must fit, or the listing would be cut short silently. */
static void take_page_field(struct reader *reader, char *out, size_t size, const char *text)
{
    if (!text_copy(out, size, text) || reader->text.cut)
        refuse(reader, "the place where the next page begins is too long");
}

static void take_truncated(struct reader *reader, const char *text)
{
    ((struct route53_page *)reader->target)->truncated = strcmp(text, "true") == 0;
}

static void take_next_name(struct reader *reader, const char *text)
{
    take_page_field(reader, ((struct route53_page *)reader->target)->next_name, DNS_NAME_MAX, text);
}

static void take_next_type(struct reader *reader, const char *text)
{
    take_page_field(reader, ((struct route53_page *)reader->target)->next_type, ROUTE53_TYPE_MAX, text);
}

static void take_next_identifier(struct reader *reader, const char *text)
{
    take_page_field(reader, ((struct route53_page *)reader->target)->next_identifier, DNS_SET_IDENTIFIER_MAX, text);
}

#define LIST "/ListResourceRecordSetsResponse"
#define SET LIST "/ResourceRecordSets/ResourceRecordSet"

/* The expected root came to its end, so the document is what we asked for. */
static void take_root(struct reader *reader, const char *text)
{
    (void)text;
    reader->complete = true;
}

static const struct path_rule list_rules[] = {
    { SET "/Name", take_record_name },
    { SET "/Type", take_type },
    { SET "/SetIdentifier", take_identifier },
    { SET "/Weight", take_weight },
    { SET "/Region", take_other_routing },
    { SET "/GeoLocation", take_other_routing },
    { SET "/GeoProximityLocation", take_other_routing },
    { SET "/MultiValueAnswer", take_other_routing },
    { SET "/CidrRoutingConfig", take_other_routing },
    { SET "/Failover", take_failover },
    { SET "/TTL", take_ttl },
    { SET "/ResourceRecords/ResourceRecord/Value", take_value },
    { SET "/AliasTarget/HostedZoneId", take_alias_zone },
    { SET "/AliasTarget/DNSName", take_alias_name },
    { SET "/AliasTarget/EvaluateTargetHealth", take_alias_evaluate },
    { SET "/HealthCheckId", take_health_check },
    { SET, take_record },
    { LIST "/IsTruncated", take_truncated },
    { LIST "/NextRecordName", take_next_name },
    { LIST "/NextRecordType", take_next_type },
    { LIST "/NextRecordIdentifier", take_next_identifier },
    { LIST, take_root },
};

bool route53_xml_read_list(const char *body, size_t length, route53_on_listed *on_listed, void *arg,
                           struct route53_page *page, struct fault *fault)
{
    struct reader reader = { .rules = list_rules, .rule_count = sizeof list_rules / sizeof list_rules[0],
                             .target = page, .on_listed = on_listed, .arg = arg };
    memset(page, 0, sizeof *page);
    if (!read_document(&reader, body, length, fault))
        return false;
    if (!reader.complete)
        return fault_set(fault, "the answer is not a list of records");
    if (page->truncated && page->next_name[0] == '\0')
        return fault_set(fault, "the list goes on but does not say where");
    return true;
}

static void take_change_id(struct reader *reader, const char *text)
{
    static const char prefix[] = "/change/";
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct route53_change_info *info = reader->target;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0)
        text += sizeof prefix - 1;
    if (text[0] == '\0' || strspn(text, letters) != strlen(text) || !text_copy(info->id, sizeof info->id, text))
        refuse(reader, "the change's id is not one");
}

static void take_change_status(struct reader *reader, const char *text)
{
    struct route53_change_info *info = reader->target;
    info->in_sync = strcmp(text, "INSYNC") == 0;
    if (!info->in_sync && strcmp(text, "PENDING") != 0)
        refuse(reader, "the change's status is neither PENDING nor INSYNC");
    reader->complete = true;
}

static const struct path_rule change_rules[] = {
    { "/ChangeResourceRecordSetsResponse/ChangeInfo/Id", take_change_id },
    { "/ChangeResourceRecordSetsResponse/ChangeInfo/Status", take_change_status },
    { "/GetChangeResponse/ChangeInfo/Id", take_change_id },
    { "/GetChangeResponse/ChangeInfo/Status", take_change_status },
};

bool route53_xml_read_change(const char *body, size_t length, struct route53_change_info *out, struct fault *fault)
{
    struct reader reader = { .rules = change_rules, .rule_count = sizeof change_rules / sizeof change_rules[0],
                             .target = out };
    memset(out, 0, sizeof *out);
    if (!read_document(&reader, body, length, fault))
        return false;
    if (!reader.complete || out->id[0] == '\0')
        return fault_set(fault, "the answer does not tell of a change");
    return true;
}

static void take_error_code(struct reader *reader, const char *text)
{
    struct route53_error *error = reader->target;
    (void)text_copy(error->code, sizeof error->code, text);
    reader->complete = true;
}

static void take_error_message(struct reader *reader, const char *text)
{
    struct route53_error *error = reader->target;
    struct text message = { .data = error->message, .capacity = sizeof error->message,
                            .length = strlen(error->message) };
    if (message.length > 0)
        text_append_char(&message, ' ');
    text_append(&message, text);
}

static void take_error_request(struct reader *reader, const char *text)
{
    struct route53_error *error = reader->target;
    (void)text_copy(error->request_id, sizeof error->request_id, text);
}

/* A refused batch has a document form of its own. */
static void take_invalid_batch(struct reader *reader, const char *text)
{
    (void)text;
    take_error_code(reader, "InvalidChangeBatch");
}

static const struct path_rule error_rules[] = {
    { "/ErrorResponse/Error/Code", take_error_code },
    { "/ErrorResponse/Error/Message", take_error_message },
    { "/ErrorResponse/RequestId", take_error_request },
    { "/ErrorResponse/RequestID", take_error_request },
    { "/InvalidChangeBatch/Messages/Message", take_error_message },
    { "/InvalidChangeBatch/RequestId", take_error_request },
    { "/InvalidChangeBatch", take_invalid_batch },
};

bool route53_xml_read_error(const char *body, size_t length, struct route53_error *out, struct fault *fault)
{
    struct reader reader = { .rules = error_rules, .rule_count = sizeof error_rules / sizeof error_rules[0],
                             .target = out };
    memset(out, 0, sizeof *out);
    if (!read_document(&reader, body, length, fault))
        return false;
    return reader.complete || fault_set(fault, "the answer is not an error that we know");
}

/* --- writing --- */

struct writer {
    struct text *out;
    size_t characters; /* of the values, as the provider counts them */
};

static bool write_text(struct writer *writer, const char *text, struct fault *fault)
{
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c > 0x7e)
            return fault_set(fault, "\"%.60s\" holds a character that can't be sent", text);
        if (c == '&' || c == '<' || c == '>')
            text_append(writer->out, c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;");
        else
            text_append_char(writer->out, *at);
    }
    return true;
}

static bool write_element(struct writer *writer, const char *name, const char *text, struct fault *fault)
{
    text_appendf(writer->out, "<%s>", name);
    if (!write_text(writer, text, fault))
        return false;
    text_appendf(writer->out, "</%s>", name);
    return true;
}

static bool write_value(struct writer *writer, const char *value, size_t weight, struct fault *fault)
{
    writer->characters += strlen(value) * weight;
    text_append(writer->out, "<ResourceRecord>");
    if (!write_element(writer, "Value", value, fault))
        return false;
    text_append(writer->out, "</ResourceRecord>");
    return true;
}

static bool value_fits_type(enum dns_type type, const char *value)
{
    struct in6_addr address;
    switch (type) {
    case DNS_TYPE_A:
        return inet_pton(AF_INET, value, &address) == 1;
    case DNS_TYPE_AAAA:
        return inet_pton(AF_INET6, value, &address) == 1;
    case DNS_TYPE_CNAME:
        return value[0] != '\0' && strpbrk(value, " \t\"") == NULL;
    }
    return false;
}

static bool check_record(const struct dns_record *record, struct fault *fault)
{
    bool alias = record->kind == DNS_KIND_ALIAS || record->alias_name[0] != '\0';
    bool routed = record->kind == DNS_KIND_WEIGHTED || record->kind == DNS_KIND_FAILOVER;
    if (record->name[0] == '\0')
        return fault_set(fault, "a record has no name");
    if (routed != (record->set_identifier[0] != '\0'))
        return fault_set(fault, "%s: a set identifier belongs to weighted and failover records, and only there", record->name);
    if (record->kind == DNS_KIND_WEIGHTED && record->weight > 255)
        return fault_set(fault, "%s: the weight %u is above 255", record->name, record->weight);
    if (alias && (record->alias_name[0] == '\0' || record->alias_zone_id[0] == '\0' || record->value_count > 0))
        return fault_set(fault, "%s: an alias needs a target's zone and name, and no values", record->name);
    if (record->kind == DNS_KIND_SIMPLE && alias)
        return fault_set(fault, "%s: a simple record has no alias target", record->name);
    if (!alias && (record->value_count == 0 || record->value_count > DNS_VALUES_MAX))
        return fault_set(fault, "%s: a record needs 1 to %d values; an empty one is never written", record->name, DNS_VALUES_MAX);
    if (!alias && record->type == DNS_TYPE_CNAME && record->value_count != 1)
        return fault_set(fault, "%s: a CNAME has one value", record->name);
    for (size_t i = 0; !alias && i < record->value_count; i++)
        if (!value_fits_type(record->type, record->values[i]))
            return fault_set(fault, "%s: \"%.60s\" is no value for its type", record->name, record->values[i]);
    return true;
}

static const char *type_name(enum dns_type type)
{
    return type == DNS_TYPE_A ? "A" : type == DNS_TYPE_AAAA ? "AAAA" : "CNAME";
}

static bool write_routing(struct writer *writer, const struct dns_record *record, struct fault *fault)
{
    if (record->set_identifier[0] != '\0' &&
        !write_element(writer, "SetIdentifier", record->set_identifier, fault))
        return false;
    if (record->kind == DNS_KIND_WEIGHTED)
        text_appendf(writer->out, "<Weight>%u</Weight>", record->weight);
    if (record->kind == DNS_KIND_FAILOVER)
        text_appendf(writer->out, "<Failover>%s</Failover>",
                     record->role == DNS_ROLE_PRIMARY ? "PRIMARY" : "SECONDARY");
    return true;
}

static bool write_alias(struct writer *writer, const struct dns_record *record, struct fault *fault)
{
    text_append(writer->out, "<AliasTarget>");
    if (!write_element(writer, "HostedZoneId", record->alias_zone_id, fault) ||
        !write_element(writer, "DNSName", record->alias_name, fault))
        return false;
    text_appendf(writer->out, "<EvaluateTargetHealth>%s</EvaluateTargetHealth></AliasTarget>",
                 record->alias_evaluate_health ? "true" : "false");
    return true;
}

/* The order of the elements is the schema's. */
static bool write_upsert(struct writer *writer, const struct dns_record *record, struct fault *fault)
{
    if (!check_record(record, fault))
        return false;
    text_append(writer->out, "<Change><Action>UPSERT</Action><ResourceRecordSet>");
    if (!write_element(writer, "Name", record->name, fault) ||
        !write_element(writer, "Type", type_name(record->type), fault) || !write_routing(writer, record, fault))
        return false;
    if (record->alias_name[0] != '\0') {
        if (!write_alias(writer, record, fault))
            return false;
    } else {
        text_appendf(writer->out, "<TTL>%u</TTL><ResourceRecords>", record->ttl_s);
        for (size_t i = 0; i < record->value_count; i++)
            if (!write_value(writer, record->values[i], 2, fault)) /* UPSERT counts double */
                return false;
        text_append(writer->out, "</ResourceRecords>");
    }
    if (record->health_check_id[0] != '\0' && !write_element(writer, "HealthCheckId", record->health_check_id, fault))
        return false;
    text_append(writer->out, "</ResourceRecordSet></Change>");
    return true;
}

static bool write_txt(struct writer *writer, const char *action, const char *name, uint32_t ttl_s,
                      const char (*values)[DNS_FENCE_VALUE_MAX], size_t count, struct fault *fault)
{
    text_appendf(writer->out, "<Change><Action>%s</Action><ResourceRecordSet>", action);
    if (!write_element(writer, "Name", name, fault))
        return false;
    text_appendf(writer->out, "<Type>TXT</Type><TTL>%u</TTL><ResourceRecords>", ttl_s);
    for (size_t i = 0; i < count; i++)
        if (!write_value(writer, values[i], 1, fault))
            return false;
    text_append(writer->out, "</ResourceRecords></ResourceRecordSet></Change>");
    return true;
}

static bool write_fence(struct writer *writer, const struct dns_change *change, struct fault *fault)
{
    const struct dns_fence *fence = change->fence;
    char ours[1][DNS_FENCE_VALUE_MAX];
    char bare[FENCE_TEXT_MAX];
    if (fence->state == DNS_FENCE_FOREIGN && !change->adopt_foreign)
        return fault_set(fault, "the TXT %s is not ours; a person has to adopt it first", change->fence_name);
    if (fence->state != DNS_FENCE_ABSENT) {
        if (fence->cannot_delete || fence->value_count == 0 || fence->value_count > DNS_FENCE_VALUES_MAX)
            return fault_set(fault, "the TXT %s can't be replaced by us; a person has to remove it", change->fence_name);
        if (!write_txt(writer, "DELETE", change->fence_name, fence->ttl_s, fence->values, fence->value_count, fault))
            return false;
    }
    if (!fence_text_write(bare, sizeof bare, change->service, &change->stamp))
        return fault_set(fault, "service \"%.64s\" at epoch %llu has no fence text", change->service,
                         (unsigned long long)change->stamp.epoch);
    (void)snprintf(ours[0], sizeof ours[0], "\"%s\"", bare);
    return write_txt(writer, "CREATE", change->fence_name, change->fence_ttl_s, ours, 1, fault);
}

bool route53_xml_write_change(struct text *out, const struct dns_change *change, struct fault *fault)
{
    struct writer writer = { .out = out };
    if (change->record_count == 0 || change->record_count > DNS_RECORDS_MAX)
        return fault_set(fault, "a change needs 1 to %d records", DNS_RECORDS_MAX);
    text_append(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ChangeResourceRecordSetsRequest xmlns=\"" NAMESPACE
                     "\"><ChangeBatch><Comment>");
    text_appendf(out, "failoverd epoch %llu operation %016llx", (unsigned long long)change->stamp.epoch,
                 (unsigned long long)change->stamp.operation);
    text_append(out, "</Comment><Changes>");
    if (!write_fence(&writer, change, fault))
        return false;
    for (size_t i = 0; i < change->record_count; i++)
        if (!write_upsert(&writer, &change->records[i], fault))
            return false;
    text_append(out, "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
    if (out->cut || writer.characters > ROUTE53_BATCH_CHARACTERS_MAX)
        return fault_set(fault, "the change is larger than the provider takes in one batch");
    return true;
}
