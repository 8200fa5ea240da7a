/* The control port. See control.h and README.md for what it speaks.
 *
 * Every request is checked whole before anything is set: a typing error in a test must not become a
 * fault that silently never happens.
 */
#include "tests/route53/control.h"

#include <event2/buffer.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/route53/api.h"

enum { CONTROL_BODY_MAX = 1024 * 1024 };

struct knob {
    const char *name;
    size_t offset;
    int64_t minimum, maximum;
};

#define COUNT(field) { #field, offsetof(struct faults, field), 0, 1000000 }
#define MILLISECONDS(field) { #field, offsetof(struct faults, field), 0, 3600000 }

static const struct knob numbers[] = {
    COUNT(throttle_next), COUNT(fail_5xx_next), COUNT(lose_reply_next), COUNT(lose_request_next),
    COUNT(prior_request_next), COUNT(pending_asks),
    MILLISECONDS(insync_after_ms), MILLISECONDS(delay_reply_ms), MILLISECONDS(batch_ms),
    COUNT(bucket_size), COUNT(bucket_per_s),
    { "clock_skew_ms", offsetof(struct faults, clock_skew_ms), -86400000, 86400000 },
    { "fail_5xx_status", offsetof(struct faults, fail_5xx_status), 500, 599 },
};

#define SWITCH(field) { #field, offsetof(struct faults, field), 0, 1 }

static const struct knob switches[] = {
    SWITCH(refuse_credentials), SWITCH(deny_access), SWITCH(serve_at_apply), SWITCH(prior_until_insync),
    SWITCH(messages_form), SWITCH(changes_only),
};

static const struct knob per_server[] = {
    { "dns_silent", offsetof(struct faults, dns_silent), 0, 1 },
    { "dns_servfail", offsetof(struct faults, dns_servfail), 0, 1 },
};

#define FIND(table, key) find_knob(table, sizeof table / sizeof table[0], key)

static const struct knob *find_knob(const struct knob *table, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, key) == 0)
            return &table[i];
    return NULL;
}

static void *field(struct faults *faults, const struct knob *knob)
{
    return (char *)faults + knob->offset;
}

/* true and false mean all name servers; a list names some by their place on the command line. */
static bool set_per_server(bool flags[NAME_SERVERS_MAX], json_t *value)
{
    json_t *item;
    size_t index;
    if (!json_is_boolean(value) && !json_is_array(value))
        return false;
    for (size_t i = 0; i < NAME_SERVERS_MAX; i++)
        flags[i] = json_is_true(value);
    json_array_foreach(value, index, item) {
        if (!json_is_integer(item) || json_integer_value(item) < 0 || json_integer_value(item) >= NAME_SERVERS_MAX)
            return false;
        flags[json_integer_value(item)] = true;
    }
    return true;
}

static bool set_one(struct faults *faults, const char *key, json_t *value)
{
    const struct knob *knob;
    if ((knob = FIND(numbers, key)) != NULL) {
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < knob->minimum || number > knob->maximum)
            return false;
        *(int64_t *)field(faults, knob) = number;
        return true;
    }
    if ((knob = FIND(switches, key)) != NULL) {
        if (!json_is_boolean(value))
            return false;
        *(bool *)field(faults, knob) = json_is_true(value);
        return true;
    }
    knob = FIND(per_server, key);
    return knob != NULL && set_per_server(field(faults, knob), value);
}

static json_t *faults_to_json(struct faults *faults)
{
    json_t *json = json_object();
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_object_set_new(json, numbers[i].name, json_integer(*(int64_t *)field(faults, &numbers[i])));
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        json_object_set_new(json, switches[i].name, json_boolean(*(bool *)field(faults, &switches[i])));
    for (size_t i = 0; i < sizeof per_server / sizeof per_server[0]; i++) {
        const bool *flags = field(faults, &per_server[i]);
        json_t *list = json_array();
        for (size_t j = 0; j < NAME_SERVERS_MAX; j++)
            if (flags[j])
                json_array_append_new(list, json_integer((json_int_t)j));
        json_object_set_new(json, per_server[i].name, list);
    }
    return json;
}

/* ---- what the paths do: each returns the reply's JSON, or NULL and a message ---- */

static json_t *do_faults(struct world *world, json_t *body, char message[MESSAGE_SIZE])
{
    struct faults faults = world->faults;
    const char *key;
    json_t *value;
    json_object_foreach(body, key, value)
        if (!set_one(&faults, key, value)) {
            snprintf(message, MESSAGE_SIZE, "\"%.100s\" is not a fault, or its value is of the wrong kind or out of range", key);
            return NULL;
        }
    if (faults.bucket_size != world->faults.bucket_size)
        world->tokens = (double)faults.bucket_size;
    world->faults = faults;
    return faults_to_json(&world->faults);
}

static json_t *sets_to_json(const struct zone_version *version)
{
    json_t *list = json_array();
    for (size_t i = 0; i < version->count; i++)
        json_array_append_new(list, rrset_to_json(version->sets[i]));
    return list;
}

static json_t *do_state(struct world *world, json_t *body, char message[MESSAGE_SIZE])
{
    char name[DNAME_TEXT_SIZE];
    json_t *zones = json_array();
    (void)body, (void)message;
    for (size_t i = 0; i < world->zone_count; i++) {
        struct zone *zone = world->zones[i];
        json_array_append_new(zones, json_pack("{s:s, s:s, s:b, s:I, s:I, s:o, s:o}", "id", zone->id, "name",
            dname_text(&zone->name, name), "service", (int)zone->service, "version", (json_int_t)zone->current->number,
            "served_version", (json_int_t)zone->served->number, "records", sets_to_json(zone->current),
            "served_records", sets_to_json(zone->served)));
    }
    return json_pack("{s:I, s:o, s:O, s:O, s:o, s:O, s:I, s:I}", "now_us", (json_int_t)now_us(), "zones", zones,
                     "changes", world->change_log, "requests", world->request_log, "faults", faults_to_json(&world->faults),
                     "unhealthy", world->unhealthy, "requests_seen", (json_int_t)world->requests_seen,
                     "dns_queries_seen", (json_int_t)world->dns_queries_seen);
}

static struct zone *zone_of(struct world *world, json_t *body, char message[MESSAGE_SIZE])
{
    const char *id = json_string_value(json_object_get(body, "zone"));
    struct zone *zone = id == NULL ? NULL : world_zone(world, id);
    if (zone == NULL)
        snprintf(message, MESSAGE_SIZE, "\"zone\" must be the id of a zone");
    return zone;
}

static json_t *do_snapshot(struct world *world, json_t *body, char message[MESSAGE_SIZE])
{
    struct zone *zone = zone_of(world, body, message);
    const char *name = json_string_value(json_object_get(body, "name"));
    if (zone == NULL)
        return NULL;
    if (name == NULL || !zone_snapshot(zone, name)) {
        snprintf(message, MESSAGE_SIZE, "\"name\" must be a text of up to 32 characters, and a zone keeps %d snapshots", SNAPSHOTS_MAX);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:I}", "zone", zone->id, "name", name, "version", (json_int_t)zone->current->number);
}

/* The zone gets the snapshot's content as a new version, listed and served at once: what a control plane
 * that lost its last writes looks like. It is logged like a change, of kind "restore". */
static json_t *do_restore(struct world *world, json_t *body, char message[MESSAGE_SIZE])
{
    struct zone *zone = zone_of(world, body, message);
    const char *name = json_string_value(json_object_get(body, "name"));
    struct zone_version *from = zone == NULL || name == NULL ? NULL : zone_snapshot_find(zone, name);
    struct rrset **sets = from == NULL ? NULL : calloc(from->count, sizeof(struct rrset *));
    struct zone_version *version = sets == NULL ? NULL : version_new(sets, from->count, ++zone->last_number);
    if (version == NULL) {
        free(sets);
        if (zone != NULL)
            snprintf(message, MESSAGE_SIZE, "\"name\" must be a snapshot of that zone (\"start\" is always there)");
        return NULL;
    }
    for (size_t i = 0; i < from->count; i++)
        sets[i] = rrset_take(from->sets[i]);
    version_drop(zone->current);
    version_drop(zone->served);
    zone->current = version;
    zone->served = version_take(version);
    json_array_append_new(world->change_log, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "kind", "restore", "zone", zone->id,
        "snapshot", name, "version", (json_int_t)version->number, "submitted_us", (json_int_t)now_us(), "insync_us",
        (json_int_t)now_us(), "status", "INSYNC"));
    world_log(world, "zone %s is restored to snapshot %s", zone->id, name);
    return json_pack("{s:s, s:s, s:I}", "zone", zone->id, "name", name, "version", (json_int_t)version->number);
}

/* {"health_check_id": ..., "healthy": b} or {"zone":, "name":, "type":, "set_identifier":, "healthy":} */
static json_t *do_health(struct world *world, json_t *body, char message[MESSAGE_SIZE])
{
    char key[DNAME_TEXT_SIZE + 256], text[DNAME_TEXT_SIZE];
    const char *id = json_string_value(json_object_get(body, "health_check_id"));
    const char *name = json_string_value(json_object_get(body, "name"));
    const char *type = json_string_value(json_object_get(body, "type"));
    const char *identifier = json_string_value(json_object_get(body, "set_identifier"));
    json_t *healthy = json_object_get(body, "healthy");
    struct dname parsed;
    if (!json_is_boolean(healthy)) {
        snprintf(message, MESSAGE_SIZE, "\"healthy\" must be true or false");
        return NULL;
    }
    if (id != NULL) {
        snprintf(key, sizeof key, "%s", id);
    } else {
        struct zone *zone = zone_of(world, body, message);
        if (zone == NULL)
            return NULL;
        if (name == NULL || type == NULL || dname_parse(&parsed, name) != DNAME_OK) {
            snprintf(message, MESSAGE_SIZE, "without \"health_check_id\", \"name\" and \"type\" must name a record");
            return NULL;
        }
        snprintf(key, sizeof key, "%s %s %.16s %.128s", zone->id, dname_text(&parsed, text), type, identifier ? identifier : "");
    }
    if (json_is_true(healthy))
        json_object_del(world->unhealthy, key);
    else
        json_object_set_new(world->unhealthy, key, json_true());
    return json_incref(world->unhealthy);
}

static const struct {
    const char *method, *path;
    json_t *(*act)(struct world *world, json_t *body, char message[MESSAGE_SIZE]);
} actions[] = {
    { "POST", "/faults", do_faults },
    { "GET", "/state", do_state },
    { "POST", "/snapshot", do_snapshot },
    { "POST", "/restore", do_restore },
    { "POST", "/health", do_health },
};

static void send_json(struct evhttp_request *request, int status, json_t *json)
{
    struct evbuffer *out = evbuffer_new();
    char *text = json_dumps(json, JSON_COMPACT);
    if (out != NULL && text != NULL)
        evbuffer_add(out, text, strlen(text));
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "application/json");
    evhttp_send_reply(request, status, status == 200 ? "OK" : status == 404 ? "Not Found" : "Bad Request", out);
    if (out != NULL)
        evbuffer_free(out);
    free(text);
}

/* An empty body of a POST counts as {}. NULL with a message when it is not an object. */
static json_t *read_body(struct evhttp_request *request, char message[MESSAGE_SIZE])
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t length = evbuffer_get_length(input);
    json_error_t error;
    if (length == 0)
        return json_object();
    json_t *body = json_loadb((const char *)evbuffer_pullup(input, -1), length, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(body))
        return body;
    snprintf(message, MESSAGE_SIZE, "the body must be one JSON object: %s", body == NULL ? error.text : "it is another value");
    json_decref(body);
    return NULL;
}

static void on_control(struct evhttp_request *request, void *context)
{
    struct world *world = context;
    const char *method = evhttp_request_get_command(request) == EVHTTP_REQ_POST ? "POST" : "GET";
    const char *target = evhttp_request_get_uri(request);
    char message[MESSAGE_SIZE] = "out of memory";
    int status = 404;
    json_t *reply = NULL;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].method, method) != 0 || strcmp(actions[i].path, target) != 0)
            continue;
        json_t *body = read_body(request, message);
        reply = body == NULL ? NULL : actions[i].act(world, body, message);
        status = reply == NULL ? 400 : 200;
        json_decref(body);
    }
    if (status == 404)
        snprintf(message, sizeof message, "there is POST /faults, /snapshot, /restore, /health and GET /state");
    if (reply == NULL)
        reply = json_pack("{s:s}", "error", message);
    send_json(request, status, reply);
    json_decref(reply);
}

void control_attach(struct evhttp *http, struct world *world)
{
    http_limit(http, CONTROL_BODY_MAX);
    evhttp_set_gencb(http, on_control, world);
}
