/* State: loading, versions, the life of a change, health and the rate limit. See world.h. */
#include "tests/route53/world.h"

#include <event2/util.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    NS_TTL_S = 172800,
    SOA_TTL_S = 900,
};

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t now_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t steady_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

void random_id(char *out, char first, size_t length)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    uint8_t bytes[64] = { 0 };
    evutil_secure_rng_get_bytes(bytes, sizeof bytes);
    out[0] = first;
    for (size_t i = 1; i < length; i++)
        out[i] = alphabet[bytes[i % sizeof bytes] % (sizeof alphabet - 1)];
    out[length] = '\0';
}

unsigned random_below(unsigned limit)
{
    uint32_t value;
    evutil_secure_rng_get_bytes(&value, sizeof value);
    return limit == 0 ? 0 : (unsigned)(value % limit);
}

void world_log(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->log == NULL)
        return;
    fprintf(world->log, "%lld ", (long long)now_us());
    va_start(arguments, format);
    vfprintf(world->log, format, arguments);
    va_end(arguments);
    fputc('\n', world->log);
    fflush(world->log);
}

struct world *world_new(struct event_base *base)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return NULL;
    world->base = base;
    world->change_log = json_array();
    world->request_log = json_array();
    world->unhealthy = json_object();
    world->faults = (struct faults){ .fail_5xx_status = 503, .bucket_size = 50, .bucket_per_s = 10, .batch_ms = 20 };
    world->tokens = 50;
    world->tokens_us = steady_us();
    return world;
}

static void zone_free(struct zone *zone)
{
    for (size_t i = 0; i < zone->name_server_count; i++)
        free(zone->name_servers[i]);
    for (size_t i = 0; i < zone->snapshot_count; i++)
        version_drop(zone->snapshots[i].version);
    version_drop(zone->current);
    version_drop(zone->served);
    free(zone->comment);
    free(zone);
}

static void change_free(struct change *change)
{
    if (change->timer != NULL)
        event_free(change->timer);
    version_drop(change->version);
    json_decref(change->log);
    free(change->comment);
    free(change);
}

void world_free(struct world *world)
{
    if (world == NULL)
        return;
    for (size_t i = 0; i < world->change_count; i++)
        change_free(world->changes[i]);
    free(world->changes);
    for (size_t i = 0; i < world->zone_count; i++)
        zone_free(world->zones[i]);
    for (size_t i = 0; i < world->credential_count; i++) {
        free(world->credentials[i].access_key);
        free(world->credentials[i].secret);
        free(world->credentials[i].session_token);
    }
    json_decref(world->change_log);
    json_decref(world->request_log);
    json_decref(world->unhealthy);
    json_decref(world->health_checks);
    if (world->log != NULL)
        fclose(world->log);
    free(world);
}

struct zone_version *version_take(struct zone_version *version)
{
    version->references++;
    return version;
}

void version_drop(struct zone_version *version)
{
    if (version == NULL || --version->references > 0)
        return;
    for (size_t i = 0; i < version->count; i++)
        rrset_drop(version->sets[i]);
    free(version->sets);
    free(version);
}

struct zone_version *version_new(struct rrset **sets, size_t count, uint64_t number)
{
    struct zone_version *version = calloc(1, sizeof *version);
    if (version == NULL)
        return NULL;
    *version = (struct zone_version){ .references = 1, .number = number, .count = count, .sets = sets };
    return version;
}

size_t version_find(const struct zone_version *version, const struct dname *name)
{
    size_t low = 0, high = version->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (dname_order(&version->sets[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void version_range(const struct zone_version *version, const struct dname *name, size_t *from, size_t *to)
{
    *from = *to = version_find(version, name);
    while (*to < version->count && dname_equal(&version->sets[*to]->name, name))
        (*to)++;
}

struct zone *world_zone(struct world *world, const char *id)
{
    const char *slash = strrchr(id, '/');
    if (slash != NULL)
        id = slash + 1;
    for (size_t i = 0; i < world->zone_count; i++)
        if (strcmp(world->zones[i]->id, id) == 0)
            return world->zones[i];
    return NULL;
}

struct zone *world_zone_for(struct world *world, const struct dname *name)
{
    struct zone *best = NULL;
    for (size_t i = 0; i < world->zone_count; i++)
        if (dname_within(name, &world->zones[i]->name)
            && (best == NULL || world->zones[i]->name.length > best->name.length))
            best = world->zones[i];
    return best;
}

struct change *world_change(struct world *world, const char *id)
{
    for (size_t i = world->change_count; i > 0; i--)
        if (strcmp(world->changes[i - 1]->id, id) == 0)
            return world->changes[i - 1];
    return NULL;
}

/* Changes may overtake each other when insync_after_ms was shortened in between: serving never goes back. */
static void serve(struct zone *zone, struct zone_version *version)
{
    if (version->number <= zone->served->number)
        return;
    version_drop(zone->served);
    zone->served = version_take(version);
}

static void on_insync(evutil_socket_t fd, short what, void *context)
{
    struct change *change = context;
    (void)fd, (void)what;
    serve(change->zone, change->version);
    version_drop(change->version);
    change->version = NULL;
    change->insync_us = now_us();
    json_object_set_new(change->log, "status", json_string("INSYNC"));
    json_object_set_new(change->log, "insync_us", json_integer(change->insync_us));
    world_log(change->world, "change %s is INSYNC in zone %s", change->id, change->zone->id);
}

static void begin_sync(struct change *change)
{
    int64_t after_ms = change->world->faults.insync_after_ms;
    struct timeval delay = { .tv_sec = after_ms / 1000, .tv_usec = (after_ms % 1000) * 1000 };
    evtimer_add(change->timer, &delay);
    world_log(change->world, "change %s is INSYNC in %lld ms", change->id, (long long)after_ms);
}

void change_asked(struct change *change)
{
    if (change->pending_asks > 0 && --change->pending_asks == 0)
        begin_sync(change);
}

static bool room_for_change(struct world *world)
{
    if (world->change_count < world->change_room)
        return true;
    size_t room = world->change_room == 0 ? 64 : world->change_room * 2;
    struct change **grown = world->change_count >= CHANGES_MAX ? NULL : realloc(world->changes, room * sizeof *grown);
    if (grown == NULL)
        return false;
    world->changes = grown;
    world->change_room = room;
    return true;
}

struct change *zone_advance(struct world *world, struct zone *zone, struct zone_version *version, const char *comment,
                            json_t *log)
{
    struct change *change = room_for_change(world) ? calloc(1, sizeof *change) : NULL;
    if (change == NULL || (change->timer = evtimer_new(world->base, on_insync, change)) == NULL) {
        free(change);
        version_drop(version);
        return NULL;
    }
    change->world = world;
    change->zone = zone;
    change->comment = comment == NULL ? NULL : strdup(comment);
    change->submitted_us = now_us();
    change->version = version_take(version);
    change->log = json_incref(log);
    random_id(change->id, 'C', 21);
    world->changes[world->change_count++] = change;
    version_drop(zone->current);
    zone->current = version;
    if (world->faults.serve_at_apply)
        serve(zone, version);
    json_object_set_new(log, "id", json_string(change->id));
    json_object_set_new(log, "zone", json_string(zone->id));
    json_object_set_new(log, "version", json_integer((json_int_t)version->number));
    json_object_set_new(log, "submitted_us", json_integer(change->submitted_us));
    json_object_set_new(log, "status", json_string("PENDING"));
    json_object_set_new(log, "insync_us", json_null());
    json_array_append(world->change_log, log);
    world_log(world, "change %s of zone %s is applied as version %llu", change->id, zone->id,
              (unsigned long long)version->number);
    change->pending_asks = world->faults.pending_asks;
    if (change->pending_asks == 0)
        begin_sync(change);
    return change;
}

struct zone_version *zone_snapshot_find(struct zone *zone, const char *name)
{
    for (size_t i = 0; i < zone->snapshot_count; i++)
        if (strcmp(zone->snapshots[i].name, name) == 0)
            return zone->snapshots[i].version;
    return NULL;
}

bool zone_snapshot(struct zone *zone, const char *name)
{
    for (size_t i = 0; i < zone->snapshot_count; i++)
        if (strcmp(zone->snapshots[i].name, name) == 0) {
            version_drop(zone->snapshots[i].version);
            zone->snapshots[i].version = version_take(zone->current);
            return true;
        }
    if (zone->snapshot_count == SNAPSHOTS_MAX || strlen(name) >= ID_SIZE)
        return false;
    struct snapshot *snapshot = &zone->snapshots[zone->snapshot_count++];
    memcpy(snapshot->name, name, strlen(name) + 1);
    snapshot->version = version_take(zone->current);
    return true;
}

bool world_is_healthy(struct world *world, const struct zone *zone, const struct rrset *set)
{
    char key[DNAME_TEXT_SIZE + 3 * RECORD_IDENTIFIER_MAX], name[DNAME_TEXT_SIZE];
    if (set->health_check_id != NULL && json_object_get(world->unhealthy, set->health_check_id) != NULL)
        return false;
    snprintf(key, sizeof key, "%s %s %s %s", zone->id, dname_text(&set->name, name), rrtype_text(set->type),
             set->set_identifier ? set->set_identifier : "");
    return json_object_get(world->unhealthy, key) == NULL;
}

bool world_take_token(struct world *world)
{
    int64_t now = steady_us();
    world->tokens += (double)(now - world->tokens_us) * (double)world->faults.bucket_per_s / 1e6;
    world->tokens_us = now;
    if (world->tokens > (double)world->faults.bucket_size)
        world->tokens = (double)world->faults.bucket_size;
    if (world->tokens < 1)
        return false;
    world->tokens -= 1;
    return true;
}

/* ---- loading ---- */

static bool load_record(struct zone *zone, json_t *json, struct rrset **sets, size_t *count, char message[MESSAGE_SIZE])
{
    const char *values[RECORD_VALUES_MAX];
    struct draft_scratch scratch;
    struct draft draft;
    struct rrset *set;
    if (!draft_from_json(&draft, json, values, &scratch, message))
        return false;
    if (rrset_build(&set, &draft, "CREATE", message) != BUILD_OK)
        return false;
    if (!dname_within(&set->name, &zone->name)) {
        snprintf(message, MESSAGE_SIZE, "record %s lies outside of its zone", draft.name);
        rrset_drop(set);
        return false;
    }
    for (size_t i = 0; i < *count; i++)
        if (rrset_same_key(sets[i], set)) {
            snprintf(message, MESSAGE_SIZE, "record %s %s is there twice", draft.name, draft.type);
            rrset_drop(set);
            return false;
        }
    sets[(*count)++] = set;
    return true;
}

static bool has_apex(const struct zone *zone, struct rrset *const *sets, size_t count, enum rrtype type)
{
    for (size_t i = 0; i < count; i++)
        if (sets[i]->type == type && dname_equal(&sets[i]->name, &zone->name))
            return true;
    return false;
}

/* A hosted zone is born with its NS and SOA sets, as in AWS, unless the file brings its own. */
static bool add_apex(struct zone *zone, struct rrset **sets, size_t *count, char message[MESSAGE_SIZE])
{
    char name[DNAME_TEXT_SIZE], soa[DNAME_TEXT_SIZE];
    bool good = true;
    dname_text(&zone->name, name);
    if (!has_apex(zone, sets, *count, RR_NS)) {
        json_t *values = json_array();
        for (size_t i = 0; i < zone->name_server_count; i++)
            json_array_append_new(values, json_pack("{s:s}", "Value", zone->name_servers[i]));
        json_t *json = json_pack("{s:s, s:s, s:i, s:o}", "Name", name, "Type", "NS", "TTL", (int)NS_TTL_S,
                                 "ResourceRecords", values);
        good = load_record(zone, json, sets, count, message);
        json_decref(json);
    }
    if (good && !has_apex(zone, sets, *count, RR_SOA)) {
        snprintf(soa, sizeof soa, "%s awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", zone->name_servers[0]);
        json_t *json = json_pack("{s:s, s:s, s:i, s:[{s:s}]}", "Name", name, "Type", "SOA", "TTL", (int)SOA_TTL_S,
                                 "ResourceRecords", "Value", soa);
        good = load_record(zone, json, sets, count, message);
        json_decref(json);
    }
    return good;
}

static int order_sets(const void *a, const void *b)
{
    return rrset_order(*(struct rrset *const *)a, *(struct rrset *const *)b);
}

static bool load_records(struct zone *zone, json_t *records, char message[MESSAGE_SIZE])
{
    struct rrset **sets = calloc(ZONE_RRSETS_MAX, sizeof(struct rrset *));
    size_t count = 0, index;
    json_t *record;
    bool good = sets != NULL;
    json_array_foreach(records, index, record) {
        if (good && count + 2 >= ZONE_RRSETS_MAX) {
            snprintf(message, MESSAGE_SIZE, "a zone may have at most %d record sets", ZONE_RRSETS_MAX);
            good = false;
        }
        good = good && load_record(zone, record, sets, &count, message);
    }
    good = good && add_apex(zone, sets, &count, message);
    if (good) {
        qsort(sets, count, sizeof(struct rrset *), order_sets);
        zone->current = version_new(sets, count, ++zone->last_number);
        good = zone->current != NULL;
    }
    if (good) {
        zone->served = version_take(zone->current);
        return zone_snapshot(zone, "start");
    }
    for (size_t i = 0; sets != NULL && i < count; i++)
        rrset_drop(sets[i]);
    free(sets);
    return false;
}

static bool load_zone(struct world *world, json_t *json, char message[MESSAGE_SIZE])
{
    const char *id = json_string_value(json_object_get(json, "id"));
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *comment = json_string_value(json_object_get(json, "comment"));
    json_t *servers = json_object_get(json, "name_servers"), *server;
    size_t index;
    if (id == NULL || name == NULL || id[0] == '\0' || strlen(id) >= ID_SIZE || strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != strlen(id)) {
        snprintf(message, MESSAGE_SIZE, "every zone needs an \"id\" (up to 32 of A-Z and 0-9) and a \"name\"");
        return false;
    }
    if (world->zone_count == ZONES_MAX || world_zone(world, id) != NULL) {
        snprintf(message, MESSAGE_SIZE, "zone %s is there twice, or there are more than %d zones", id, ZONES_MAX);
        return false;
    }
    struct zone *zone = calloc(1, sizeof *zone);
    if (zone == NULL)
        return false;
    world->zones[world->zone_count++] = zone;
    memcpy(zone->id, id, strlen(id) + 1);
    zone->comment = strdup(comment ? comment : "");
    zone->service = json_is_true(json_object_get(json, "service"));
    if (dname_parse(&zone->name, name) != DNAME_OK) {
        snprintf(message, MESSAGE_SIZE, "zone %s: \"%s\" is not a domain name", id, name);
        return false;
    }
    json_array_foreach(servers, index, server)
        if (json_is_string(server) && zone->name_server_count < NAME_SERVERS_MAX)
            zone->name_servers[zone->name_server_count++] = strdup(json_string_value(server));
    if (zone->name_server_count == 0) {
        zone->name_servers[0] = strdup("ns-1.awsdns.invalid.");
        zone->name_server_count = 1;
    }
    return load_records(zone, json_object_get(json, "records"), message);
}

bool world_load(struct world *world, const char *path, char message[MESSAGE_SIZE])
{
    json_error_t error;
    char why[MESSAGE_SIZE] = "";
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *zone;
    size_t index;
    bool good = root != NULL;
    if (!good)
        snprintf(message, MESSAGE_SIZE, "%s:%d: %s", path, error.line, error.text);
    if (good && json_array_size(json_object_get(root, "zones")) == 0) {
        snprintf(message, MESSAGE_SIZE, "%s: it must hold an object with a list \"zones\"", path);
        good = false;
    }
    json_array_foreach(json_object_get(root, "zones"), index, zone)
        if (good && !load_zone(world, zone, why)) {
            snprintf(message, MESSAGE_SIZE, "%.1000s: zones[%zu]: %.6000s", path, index, why);
            good = false;
        }
    if (good && json_is_array(json_object_get(root, "health_checks")))
        world->health_checks = json_incref(json_object_get(root, "health_checks"));
    json_decref(root);
    return good;
}
