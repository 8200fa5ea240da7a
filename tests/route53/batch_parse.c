/* From the request's XML to a batch. Shape errors are AWS's InvalidInput, content errors InvalidChangeBatch.
 *
 * Elements may come in any order, as with AWS, but none may be unknown or there twice: an emulator that
 * skips over what it does not know would bless a client's typing error.
 */
#include "tests/route53/batch.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/route53/xml.h"

void refusal_add(struct refusal *refusal, int status, const char *code, const char *format, ...)
{
    char text[MESSAGE_SIZE];
    va_list arguments;
    refusal->status = status;
    refusal->code = code;
    if (refusal->count == BATCH_MESSAGES_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *copy = strdup(text);
    if (copy != NULL)
        refusal->messages[refusal->count++] = copy;
}

void refusal_clear(struct refusal *refusal)
{
    for (size_t i = 0; i < refusal->count; i++)
        free(refusal->messages[i]);
    *refusal = (struct refusal){ 0 };
}

/* Refuses children that are not in `allowed` (a list ended by NULL) or that come twice where `single`. */
static bool check_children(const struct xml_node *node, const char *const *allowed, bool single,
                           struct refusal *refusal)
{
    for (const struct xml_node *child = node->first; child != NULL; child = child->next) {
        bool known = false;
        for (size_t i = 0; allowed[i] != NULL && !known; i++)
            known = strcmp(allowed[i], child->name) == 0;
        if (!known || (single && xml_child(node, child->name) != child)) {
            refusal_add(refusal, 400, "InvalidInput", "Invalid XML ; cvc-complex-type.2.4.a: Invalid content was found "
                        "starting with element '%.200s' in '%s'.", child->name, node->name);
            return false;
        }
    }
    return true;
}

static bool missing(const struct xml_node *node, const char *name, struct refusal *refusal)
{
    refusal_add(refusal, 400, "InvalidInput", "Invalid XML ; cvc-complex-type.2.4.b: The content of element '%s' is not "
                "complete. One of '{\"%s\":%s}' is expected.", node->name, XML_NAMESPACE, name);
    return false;
}

static bool read_records(struct draft *draft, const struct xml_node *records, const char **values,
                         struct refusal *refusal)
{
    static const char *const record_only[] = { "ResourceRecord", NULL }, *const value_only[] = { "Value", NULL };
    draft->has_records = true;
    draft->values = values;
    if (!check_children(records, record_only, false, refusal))
        return false;
    for (const struct xml_node *record = records->first; record != NULL; record = record->next) {
        const char *value = xml_child_text(record, "Value");
        if (!check_children(record, value_only, true, refusal))
            return false;
        if (value == NULL)
            return missing(record, "Value", refusal);
        if (draft->value_count == RECORD_VALUES_MAX) {
            refusal_add(refusal, 400, "InvalidChangeBatch", "Cannot have more than %d records in a RRSet.", RECORD_VALUES_MAX);
            return false;
        }
        values[draft->value_count++] = value;
    }
    return true;
}

static bool read_set(struct draft *draft, const struct xml_node *node, const char **values, struct refusal *refusal)
{
    static const char *const known[] = { "Name", "Type", "SetIdentifier", "Weight", "Region", "GeoLocation", "Failover",
        "MultiValueAnswer", "TTL", "ResourceRecords", "AliasTarget", "HealthCheckId", "TrafficPolicyInstanceId",
        "CidrRoutingConfig", "GeoProximityLocation", NULL };
    static const char *const alias_known[] = { "HostedZoneId", "DNSName", "EvaluateTargetHealth", NULL };
    static const char *const unsupported[] = { "GeoLocation", "TrafficPolicyInstanceId", "CidrRoutingConfig",
        "GeoProximityLocation" };
    if (!check_children(node, known, true, refusal))
        return false;
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++)
        if (xml_child(node, unsupported[i]) != NULL)
            draft->unsupported = unsupported[i];
    draft->name = xml_child_text(node, "Name");
    draft->type = xml_child_text(node, "Type");
    draft->set_identifier = xml_child_text(node, "SetIdentifier");
    draft->weight = xml_child_text(node, "Weight");
    draft->region = xml_child_text(node, "Region");
    draft->failover = xml_child_text(node, "Failover");
    draft->multivalue = xml_child_text(node, "MultiValueAnswer");
    draft->ttl = xml_child_text(node, "TTL");
    draft->health_check_id = xml_child_text(node, "HealthCheckId");
    const struct xml_node *alias = xml_child(node, "AliasTarget"), *records = xml_child(node, "ResourceRecords");
    if (alias != NULL) {
        if (!check_children(alias, alias_known, true, refusal))
            return false;
        draft->has_alias = true;
        draft->alias_zone_id = xml_child_text(alias, "HostedZoneId");
        draft->alias_name = xml_child_text(alias, "DNSName");
        draft->evaluate_target_health = xml_child_text(alias, "EvaluateTargetHealth");
    }
    return records == NULL || read_records(draft, records, values, refusal);
}

static bool read_action(const char *text, enum batch_action *action)
{
    if (strcmp(text, "CREATE") == 0)
        *action = BATCH_CREATE;
    else if (strcmp(text, "DELETE") == 0)
        *action = BATCH_DELETE;
    else if (strcmp(text, "UPSERT") == 0)
        *action = BATCH_UPSERT;
    else
        return false;
    return true;
}

/* False ends the reading (the shape is wrong); a wrong value only adds its message and goes on. */
static bool read_change(struct batch *batch, const struct xml_node *node, struct refusal *refusal)
{
    static const char *const known[] = { "Action", "ResourceRecordSet", NULL };
    const char *values[RECORD_VALUES_MAX], *action_text = xml_child_text(node, "Action");
    const struct xml_node *set_node = xml_child(node, "ResourceRecordSet");
    struct batch_change *change = &batch->changes[batch->count];
    struct draft draft = { 0 };
    char message[MESSAGE_SIZE];
    if (!check_children(node, known, true, refusal))
        return false;
    if (action_text == NULL || set_node == NULL)
        return missing(node, action_text == NULL ? "Action" : "ResourceRecordSet", refusal);
    if (!read_action(action_text, &change->action)) {
        refusal_add(refusal, 400, "InvalidInput", "Invalid XML ; cvc-enumeration-valid: Value '%.100s' is not facet-valid "
                    "with respect to enumeration '[CREATE, DELETE, UPSERT]'.", action_text);
        return false;
    }
    if (!read_set(&draft, set_node, values, refusal))
        return false;
    switch (rrset_build(&change->set, &draft, action_text, message)) {
    case BUILD_OK:
        batch->count++;
        return true;
    case BUILD_INVALID_BATCH:
        refusal_add(refusal, 400, "InvalidChangeBatch", "%s", message);
        return true;
    case BUILD_INVALID_INPUT:
        refusal_clear(refusal);
        refusal_add(refusal, 400, "InvalidInput", "%s", message);
        return false;
    case BUILD_NO_MEMORY:
        break;
    }
    refusal_add(refusal, 500, "InternalFailure", "The emulator is out of memory.");
    return false;
}

static bool read_changes(struct batch *batch, const struct xml_node *changes, struct refusal *refusal)
{
    static const char *const change_only[] = { "Change", NULL };
    size_t count = 0;
    if (!check_children(changes, change_only, false, refusal))
        return false;
    for (const struct xml_node *node = changes->first; node != NULL; node = node->next)
        count++;
    if (count == 0)
        return missing(changes, "Change", refusal);
    if (count > BATCH_CHANGES_MAX) {
        refusal_add(refusal, 400, "InvalidChangeBatch", "Number of records limit of %d exceeded.", BATCH_RECORDS_MAX);
        return false;
    }
    batch->changes = calloc(count, sizeof *batch->changes);
    if (batch->changes == NULL) {
        refusal_add(refusal, 500, "InternalFailure", "The emulator is out of memory.");
        return false;
    }
    for (const struct xml_node *node = changes->first; node != NULL; node = node->next)
        if (!read_change(batch, node, refusal))
            return false;
    return refusal->count == 0;
}

static bool read_request(struct batch *batch, const struct xml_node *root, struct refusal *refusal)
{
    static const char *const request_known[] = { "ChangeBatch", NULL }, *const batch_known[] = { "Comment", "Changes", NULL };
    const struct xml_node *node = xml_child(root, "ChangeBatch");
    if (strcmp(root->name, "ChangeResourceRecordSetsRequest") != 0) {
        refusal_add(refusal, 400, "MalformedInput", "%.200s is not valid, expected ChangeResourceRecordSetsRequest", root->name);
        return false;
    }
    if (!check_children(root, request_known, true, refusal))
        return false;
    if (node == NULL)
        return missing(root, "ChangeBatch", refusal);
    if (!check_children(node, batch_known, true, refusal))
        return false;
    const char *comment = xml_child_text(node, "Comment");
    const struct xml_node *changes = xml_child(node, "Changes");
    if (comment != NULL && strlen(comment) > 256) {
        refusal_add(refusal, 400, "InvalidInput", "Comment must have at most 256 characters");
        return false;
    }
    batch->comment = comment == NULL ? NULL : strdup(comment);
    return changes == NULL ? missing(node, "Changes", refusal) : read_changes(batch, changes, refusal);
}

bool batch_parse(struct batch *batch, const char *body, size_t length, struct refusal *refusal)
{
    char message[512];
    *batch = (struct batch){ 0 };
    struct xml_node *root = xml_parse(body, length, message, sizeof message);
    if (root == NULL) {
        refusal_add(refusal, 400, "InvalidInput", "Invalid XML ; %s", message);
        return false;
    }
    bool good = read_request(batch, root, refusal);
    xml_free(root);
    return good;
}

void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        rrset_drop(batch->changes[i].set);
    free(batch->changes);
    free(batch->comment);
    *batch = (struct batch){ 0 };
}

json_t *batch_to_json(const struct batch *batch)
{
    static const char *const names[] = { [BATCH_CREATE] = "CREATE", [BATCH_DELETE] = "DELETE", [BATCH_UPSERT] = "UPSERT" };
    json_t *list = json_array();
    for (size_t i = 0; i < batch->count; i++)
        json_array_append_new(list, json_pack("{s:s, s:o}", "Action", names[batch->changes[i].action],
                                              "ResourceRecordSet", rrset_to_json(batch->changes[i].set)));
    return list;
}
