/* Applying a batch to a copy of the zone, change by change, and judging the result.
 *
 * Each change sees what the changes before it made, so DELETE then CREATE of one set is fine and CREATE of
 * a CNAME before the DELETE of what stands in its way is not. What only the whole can tell (the apex, alias
 * targets, equal TTLs of weighted sets, one set per failover role) is judged at the end. AWS reports all
 * the problems that it found, and so does this.
 */
#include "tests/route53/batch.h"

#include <stdlib.h>
#include <string.h>

struct work {
    struct world *world;
    struct zone *zone;
    struct refusal *refusal;
    struct rrset **sets;
    size_t count, room;
    char zone_name[DNAME_TEXT_SIZE];
};

#define REFUSE(work, ...) refusal_add((work)->refusal, 400, "InvalidChangeBatch", __VA_ARGS__)

static size_t position(const struct work *work, const struct rrset *set)
{
    size_t low = 0, high = work->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rrset_order(work->sets[middle], set) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct rrset *find(const struct work *work, const struct rrset *set)
{
    size_t at = position(work, set);
    return at < work->count && rrset_same_key(work->sets[at], set) ? work->sets[at] : NULL;
}

static void remove_set(struct work *work, const struct rrset *set)
{
    size_t at = position(work, set);
    rrset_drop(work->sets[at]);
    work->count--;
    memmove(work->sets + at, work->sets + at + 1, (work->count - at) * sizeof *work->sets);
}

static void insert_set(struct work *work, struct rrset *set)
{
    size_t at = position(work, set);
    memmove(work->sets + at + 1, work->sets + at, (work->count - at) * sizeof *work->sets);
    work->sets[at] = rrset_take(set);
    work->count++;
}

/* "RRSet with DNS name x., type A, SetIdentifier s": how AWS names a set in conflicts. */
static void describe(const struct rrset *set, char *out, size_t size)
{
    char name[DNAME_TEXT_SIZE];
    snprintf(out, size, "RRSet with DNS name %s, type %s%s%s", dname_text(&set->name, name), rrtype_text(set->type),
             set->set_identifier ? ", SetIdentifier " : "", set->set_identifier ? set->set_identifier : "");
}

static const char *routing_text(enum routing routing)
{
    switch (routing) {
    case ROUTING_SIMPLE: return "simple";
    case ROUTING_WEIGHTED: return "weighted";
    case ROUTING_LATENCY: return "latency";
    case ROUTING_FAILOVER: return "failover";
    case ROUTING_MULTIVALUE: return "multivalue";
    }
    return "?";
}

static bool conflicts_with(struct work *work, const struct rrset *set, const struct rrset *other)
{
    char text[DNAME_TEXT_SIZE + 2 * RECORD_IDENTIFIER_MAX], name[DNAME_TEXT_SIZE];
    dname_text(&set->name, name);
    if (set->type != other->type) {
        if (set->type == RR_CNAME) {
            REFUSE(work, "RRSet of type CNAME with DNS name %s is not permitted as it conflicts with other records with the "
                   "same DNS name in zone %s", name, work->zone_name);
            return true;
        }
        if (other->type == RR_CNAME) {
            REFUSE(work, "RRSet of type %s with DNS name %s is not permitted because a conflicting RRSet of type CNAME with "
                   "the same DNS name already exists in zone %s", rrtype_text(set->type), name, work->zone_name);
            return true;
        }
        return false;
    }
    if (rrset_same_key(set, other))
        return false;
    describe(set, text, sizeof text);
    if (set->routing == ROUTING_SIMPLE) {
        REFUSE(work, "%s cannot be created as other RRSets exist with the same name and type.", text);
        return true;
    }
    if (other->routing != set->routing) {
        REFUSE(work, "%s cannot be created as a non-%s set exists with the same name and type.", text,
               routing_text(set->routing));
        return true;
    }
    return false;
}

/* Is there room for the set beside the others of its name? One message is enough. */
static bool fits(struct work *work, const struct rrset *set)
{
    char name[DNAME_TEXT_SIZE];
    struct zone_version view = { .count = work->count, .sets = work->sets };
    size_t from, to;
    if (set->type == RR_CNAME && dname_equal(&set->name, &work->zone->name)) {
        REFUSE(work, "RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", dname_text(&set->name, name),
               work->zone_name);
        return false;
    }
    if (set->type == RR_SOA && !dname_equal(&set->name, &work->zone->name)) {
        REFUSE(work, "RRSet of type SOA with DNS name %s is only permitted at apex in zone %s", dname_text(&set->name, name),
               work->zone_name);
        return false;
    }
    version_range(&view, &set->name, &from, &to);
    for (size_t i = from; i < to; i++)
        if (conflicts_with(work, set, work->sets[i]))
            return false;
    return true;
}

static void apply_change(struct work *work, const struct batch_change *change)
{
    char label[DNAME_TEXT_SIZE + 2 * RECORD_IDENTIFIER_MAX], name[DNAME_TEXT_SIZE];
    struct rrset *existing = find(work, change->set);
    rrset_label(change->set, label, sizeof label);
    if (!dname_within(&change->set->name, &work->zone->name)) {
        REFUSE(work, "RRSet with DNS name %s is not permitted in zone %s", dname_text(&change->set->name, name), work->zone_name);
        return;
    }
    switch (change->action) {
    case BATCH_DELETE:
        if (existing == NULL)
            REFUSE(work, "Tried to delete resource record set %s but it was not found", label);
        else if (!rrset_same_content(existing, change->set))
            REFUSE(work, "Tried to delete resource record set %s but the values provided do not match the current values", label);
        /* Also after a mismatch, so that the CREATE that follows isn't reported as a second problem. */
        if (existing != NULL)
            remove_set(work, change->set);
        return;
    case BATCH_CREATE:
        if (existing != NULL)
            REFUSE(work, "Tried to create resource record set %s but it already exists", label);
        else if (fits(work, change->set))
            insert_set(work, change->set);
        return;
    case BATCH_UPSERT:
        if (fits(work, change->set)) {
            if (existing != NULL)
                remove_set(work, change->set);
            insert_set(work, change->set);
        }
        return;
    }
}

/* One set may be named once, or twice as DELETE then CREATE. */
static void check_repeats(struct work *work, const struct batch *batch)
{
    char name[DNAME_TEXT_SIZE];
    for (size_t i = 0; i < batch->count; i++) {
        size_t before = 0;
        bool after_delete = false;
        for (size_t j = 0; j < i; j++)
            if (rrset_same_key(batch->changes[i].set, batch->changes[j].set)) {
                before++;
                after_delete = batch->changes[j].action == BATCH_DELETE;
            }
        if (before == 0 || (before == 1 && after_delete && batch->changes[i].action == BATCH_CREATE))
            continue;
        REFUSE(work, "The request contains an invalid set of changes for a resource record set '%s %s'",
               rrtype_text(batch->changes[i].set->type), dname_text(&batch->changes[i].set->name, name));
    }
}

static void check_limits(struct work *work, const struct batch *batch)
{
    size_t records = 0, characters = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct batch_change *change = &batch->changes[i];
        size_t times = change->action == BATCH_UPSERT ? 2 : 1;
        records += times * change->set->value_count;
        for (size_t j = 0; j < change->set->value_count; j++)
            characters += times * strlen(change->set->values[j]);
    }
    if (records > BATCH_RECORDS_MAX)
        REFUSE(work, "Number of records limit of %d exceeded.", BATCH_RECORDS_MAX);
    if (characters > BATCH_CHARACTERS_MAX)
        REFUSE(work, "RDATA character limit of %d exceeded.", BATCH_CHARACTERS_MAX);
}

/* ---- the whole ---- */

static void check_apex(struct work *work)
{
    struct zone_version view = { .count = work->count, .sets = work->sets };
    size_t from, to, soa = 0, ns = 0;
    version_range(&view, &work->zone->name, &from, &to);
    for (size_t i = from; i < to; i++) {
        soa += work->sets[i]->type == RR_SOA;
        ns += work->sets[i]->type == RR_NS && !work->sets[i]->alias;
    }
    if (ns == 0)
        REFUSE(work, "A HostedZone must contain at least one NS record for the zone itself.");
    if (soa != 1)
        REFUSE(work, "A HostedZone must contain exactly one SOA record.");
}

static bool target_exists(const struct zone_version *version, const struct rrset *alias)
{
    size_t from, to;
    version_range(version, &alias->alias_name, &from, &to);
    for (size_t i = from; i < to; i++)
        if (version->sets[i]->type == alias->type)
            return true;
    return false;
}

static void check_alias(struct work *work, const struct rrset *alias)
{
    char target[DNAME_TEXT_SIZE];
    struct zone_version view = { .count = work->count, .sets = work->sets };
    struct zone *zone = world_zone(work->world, alias->alias_zone_id);
    bool own = zone == work->zone;
    if (zone != NULL && !own && !zone->service)
        zone = NULL;
    dname_text(&alias->alias_name, target);
    if (zone == NULL || !dname_within(&alias->alias_name, &zone->name))
        REFUSE(work, "Tried to create an alias that targets %s, type %s in zone %s, but the alias target name does not lie "
               "within the target zone", target, rrtype_text(alias->type), alias->alias_zone_id);
    if (zone == NULL || dname_equal(&alias->alias_name, &alias->name)
        || !target_exists(own ? &view : zone->current, alias))
        REFUSE(work, "Tried to create an alias that targets %s, type %s in zone %s, but that target was not found", target,
               rrtype_text(alias->type), alias->alias_zone_id);
}

/* Weighted sets of one name share a TTL; a failover role is taken once. */
static void check_siblings(struct work *work, const struct rrset *set)
{
    char text[DNAME_TEXT_SIZE + 2 * RECORD_IDENTIFIER_MAX], name[DNAME_TEXT_SIZE];
    struct zone_version view = { .count = work->count, .sets = work->sets };
    size_t from, to;
    version_range(&view, &set->name, &from, &to);
    for (size_t i = from; i < to; i++) {
        const struct rrset *other = work->sets[i];
        if (other->type != set->type || rrset_same_key(other, set))
            continue;
        describe(set, text, sizeof text);
        if (set->routing == ROUTING_WEIGHTED && !set->alias && !other->alias && set->ttl_s != other->ttl_s) {
            REFUSE(work, "RRSet with DNS name %s and type %s, SetIdentifier %s cannot be created as weighted sets must contain "
                   "the same TTL.", dname_text(&set->name, name), rrtype_text(set->type), set->set_identifier);
            return;
        }
        if (set->routing == ROUTING_FAILOVER && set->primary == other->primary) {
            REFUSE(work, "%s cannot be created as a %s set exists with the same name and type.", text,
                   set->primary ? "PRIMARY failover" : "SECONDARY failover");
            return;
        }
    }
}

static bool known_health_check(struct work *work, const struct rrset *set)
{
    json_t *id;
    size_t index;
    if (set->health_check_id == NULL || work->world->health_checks == NULL)
        return true;
    json_array_foreach(work->world->health_checks, index, id)
        if (json_is_string(id) && strcmp(json_string_value(id), set->health_check_id) == 0)
            return true;
    return false;
}

static void check_whole(struct work *work, const struct batch *batch)
{
    check_apex(work);
    if (work->count > ZONE_RRSETS_MAX)
        REFUSE(work, "Exceeded limit MAX_RRSETS_BY_ZONE for zone: %s", work->zone->id);
    for (size_t i = 0; i < batch->count; i++) {
        const struct rrset *set = batch->changes[i].set;
        if (batch->changes[i].action == BATCH_DELETE)
            continue;
        if (set->alias)
            check_alias(work, set);
        check_siblings(work, set);
        if (!known_health_check(work, set)) {
            refusal_clear(work->refusal);
            refusal_add(work->refusal, 404, "NoSuchHealthCheck", "No health check found with ID: %s", set->health_check_id);
            return;
        }
    }
}

static bool work_start(struct work *work, size_t changes)
{
    const struct zone_version *current = work->zone->current;
    work->room = current->count + changes;
    work->sets = calloc(work->room, sizeof *work->sets);
    if (work->sets == NULL)
        return false;
    for (work->count = 0; work->count < current->count; work->count++)
        work->sets[work->count] = rrset_take(current->sets[work->count]);
    return true;
}

struct zone_version *batch_apply(struct world *world, struct zone *zone, const struct batch *batch,
                                 struct refusal *refusal)
{
    struct work work = { .world = world, .zone = zone, .refusal = refusal };
    struct zone_version *version = NULL;
    dname_text(&zone->name, work.zone_name);
    if (!work_start(&work, batch->count))
        goto out;
    check_limits(&work, batch);
    check_repeats(&work, batch);
    bool whole = refusal->count == 0;    /* a batch refused for its size or repeats is not tried */
    for (size_t i = 0; whole && i < batch->count; i++)
        apply_change(&work, &batch->changes[i]);
    if (refusal->count == 0)
        check_whole(&work, batch);
    if (refusal->count > 0)
        goto out;
    version = version_new(work.sets, work.count, zone->last_number + 1);
    if (version != NULL) {
        zone->last_number++;
        return version;
    }
out:
    for (size_t i = 0; i < work.count; i++)
        rrset_drop(work.sets[i]);
    free(work.sets);
    if (refusal->count == 0)
        refusal_add(refusal, 500, "InternalFailure", "The emulator is out of memory.");
    return NULL;
}
