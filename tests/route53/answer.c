/* From a question to an answer, as an authoritative Route 53 name server gives it.
 *
 * CNAME chains are followed inside the account's zones that this server has; aliases are replaced by what
 * they point to under the asked name. Of several sets with identifiers one is chosen: by weight, by
 * failover role and health, or (latency, which needs geography) the first healthy one. If every set is
 * unhealthy, all are taken for healthy, as Route 53 does.
 */
#include "tests/route53/answer.h"

#include <string.h>

enum {
    CHAIN_MAX = 8,                   /* CNAMEs or aliases in a row */
    ALIAS_TTL_S = 60,                /* of an alias into one of AWS's own zones */
    CANDIDATES_MAX = 128,
    MULTIVALUE_MAX = 8,
};

struct context {
    struct world *world;
    struct dns_message *message;
    const struct dns_query *query;
};

static bool set_is_healthy(struct context *context, const struct zone *zone, const struct rrset *set, unsigned depth);

/* The sets of exactly that name and type; returns how many. */
static size_t candidates(const struct zone *zone, const struct dname *name, uint16_t type, struct rrset **out)
{
    size_t from, to, count = 0;
    version_range(zone->served, name, &from, &to);
    for (size_t i = from; i < to && count < CANDIDATES_MAX; i++)
        if ((uint16_t)zone->served->sets[i]->type == type)
            out[count++] = zone->served->sets[i];
    return count;
}

static struct zone *alias_zone(struct context *context, const struct rrset *set)
{
    return world_zone(context->world, set->alias_zone_id);
}

static bool target_is_healthy(struct context *context, const struct rrset *alias, unsigned depth)
{
    struct rrset *sets[CANDIDATES_MAX];
    struct zone *zone = alias_zone(context, alias);
    size_t count = zone == NULL ? 0 : candidates(zone, &alias->alias_name, (uint16_t)alias->type, sets);
    for (size_t i = 0; i < count; i++)
        if (set_is_healthy(context, zone, sets[i], depth + 1))
            return true;
    return false;
}

static bool set_is_healthy(struct context *context, const struct zone *zone, const struct rrset *set, unsigned depth)
{
    if (!world_is_healthy(context->world, zone, set))
        return false;
    return !set->alias || !set->evaluate_target_health || depth >= CHAIN_MAX || target_is_healthy(context, set, depth);
}

static const struct rrset *draw_by_weight(struct rrset *const *sets, size_t count)
{
    unsigned total = 0;
    for (size_t i = 0; i < count; i++)
        total += sets[i]->weight;
    if (total == 0)                  /* all zero: each is as likely */
        return sets[random_below((unsigned)count)];
    unsigned ticket = random_below(total);
    for (size_t i = 0; i < count; i++) {
        if (ticket < sets[i]->weight)
            return sets[i];
        ticket -= sets[i]->weight;
    }
    return sets[0];
}

/* Healthy sets only. A healthy set of weight 0 answers only when none with a weight is healthy. */
static const struct rrset *choose_weighted(struct context *context, const struct zone *zone,
                                           struct rrset **sets, size_t count)
{
    struct rrset *healthy[CANDIDATES_MAX];
    size_t healthy_count = 0;
    for (size_t i = 0; i < count; i++)
        if (set_is_healthy(context, zone, sets[i], 0))
            healthy[healthy_count++] = sets[i];
    return healthy_count > 0 ? draw_by_weight(healthy, healthy_count) : draw_by_weight(sets, count);
}

static const struct rrset *choose_failover(struct context *context, const struct zone *zone,
                                           struct rrset **sets, size_t count)
{
    const struct rrset *primary = NULL, *secondary = NULL;
    for (size_t i = 0; i < count; i++)
        if (sets[i]->primary)
            primary = sets[i];
        else
            secondary = sets[i];
    if (primary != NULL && set_is_healthy(context, zone, primary, 0))
        return primary;
    if (secondary != NULL && set_is_healthy(context, zone, secondary, 0))
        return secondary;
    return primary;                  /* the last resort; a lone unhealthy secondary answers nothing */
}

static const struct rrset *choose(struct context *context, const struct zone *zone, struct rrset **sets, size_t count)
{
    switch (sets[0]->routing) {
    case ROUTING_WEIGHTED: return choose_weighted(context, zone, sets, count);
    case ROUTING_FAILOVER: return choose_failover(context, zone, sets, count);
    case ROUTING_LATENCY:
        for (size_t i = 0; i < count; i++)
            if (set_is_healthy(context, zone, sets[i], 0))
                return sets[i];
        return sets[0];
    case ROUTING_SIMPLE:
    case ROUTING_MULTIVALUE: break;
    }
    return sets[0];
}

static void add_set(struct context *context, const struct dname *owner, const struct rrset *set, uint32_t ttl_s)
{
    for (size_t i = 0; i < set->value_count; i++)
        dns_add(context->message, context->query, DNS_ANSWER, owner, (uint16_t)set->type, ttl_s, set->rdata[i].bytes,
                set->rdata[i].length);
}

/* Up to eight healthy sets, all together; all of them when none is healthy. */
static size_t add_multivalue(struct context *context, const struct dname *owner, const struct zone *zone,
                             struct rrset **sets, size_t count)
{
    size_t added = 0;
    for (int pass = 0; pass < 2 && added == 0; pass++)
        for (size_t i = 0; i < count && added < MULTIVALUE_MAX; i++)
            if (pass == 1 || set_is_healthy(context, zone, sets[i], 0)) {
                add_set(context, owner, sets[i], sets[i]->ttl_s);
                added++;
            }
    return added;
}

/* Adds what `name` has of `type` under the name `owner`. Returns false when that is nothing. */
static bool add_type(struct context *context, const struct dname *owner, const struct zone *zone,
                     const struct dname *name,
                     uint16_t type, unsigned depth)
{
    struct rrset *sets[CANDIDATES_MAX];
    size_t count = candidates(zone, name, type, sets);
    if (count == 0 || depth >= CHAIN_MAX)
        return false;
    if (sets[0]->routing == ROUTING_MULTIVALUE)
        return add_multivalue(context, owner, zone, sets, count) > 0;
    const struct rrset *set = choose(context, zone, sets, count);
    if (set == NULL)
        return false;
    if (!set->alias) {
        add_set(context, owner, set, zone->service ? ALIAS_TTL_S : set->ttl_s);
        return set->value_count > 0;
    }
    struct zone *target = alias_zone(context, set);
    return target != NULL && add_type(context, owner, target, &set->alias_name, type, depth + 1);
}

/* The name whose records answer for `name`: itself, or the wildcard of its closest encloser. False: NXDOMAIN. */
static bool find_source(const struct zone *zone, const struct dname *name, struct dname *source)
{
    const struct zone_version *version = zone->served;
    struct dname encloser = *name;
    *source = *name;
    for (;;) {
        size_t at = version_find(version, &encloser);
        /* Names beneath sort behind, but names with '-' or '!' may come between. */
        while (at < version->count && dname_order(&version->sets[at]->name, &encloser) >= 0
               && !dname_within(&version->sets[at]->name, &encloser))
            at++;
        if (at < version->count && dname_within(&version->sets[at]->name, &encloser))
            break;
        if (!dname_parent(&encloser, &encloser))
            return false;
    }
    if (dname_equal(&encloser, name))
        return true;
    size_t from, to;
    if (!dname_prepend(source, "*", &encloser))
        return false;
    version_range(version, source, &from, &to);
    return from < to;
}

/* The zone cut at or above the name, if the zone delegates it away. */
static bool find_cut(const struct zone *zone, const struct dname *name, uint16_t type, struct dname *cut)
{
    struct rrset *sets[CANDIDATES_MAX];
    bool found = false;
    for (struct dname at = *name; !dname_equal(&at, &zone->name); ) {
        if (candidates(zone, &at, RR_NS, sets) > 0 && !(type == 43 && dname_equal(&at, name))) {
            *cut = at;
            found = true;
        }
        if (!dname_parent(&at, &at))
            break;
    }
    return found;
}

static void add_referral(struct context *context, const struct zone *zone, const struct dname *cut)
{
    struct rrset *sets[CANDIDATES_MAX], *glue[CANDIDATES_MAX];
    size_t count = candidates(zone, cut, RR_NS, sets);
    static const uint16_t address_types[] = { RR_A, RR_AAAA };
    for (size_t i = 0; count > 0 && i < sets[0]->value_count; i++)
        dns_add(context->message, context->query, DNS_AUTHORITY, cut, RR_NS, sets[0]->ttl_s, sets[0]->rdata[i].bytes,
                sets[0]->rdata[i].length);
    for (size_t i = 0; count > 0 && i < sets[0]->value_count; i++)
        for (size_t j = 0; j < 2; j++) {
            struct dname server;
            if (!dname_from_wire(&server, sets[0]->rdata[i].bytes, sets[0]->rdata[i].length)
                || !dname_within(&server, &zone->name) || candidates(zone, &server, address_types[j], glue) == 0)
                continue;
            for (size_t k = 0; k < glue[0]->value_count; k++)
                dns_add(context->message, context->query, DNS_ADDITIONAL, &server, address_types[j], glue[0]->ttl_s,
                        glue[0]->rdata[k].bytes, glue[0]->rdata[k].length);
        }
}

/* SOA in the authority section; its TTL is the smaller of its own and the minimum field. */
static void add_soa(struct context *context, const struct zone *zone)
{
    struct rrset *sets[CANDIDATES_MAX];
    if (candidates(zone, &zone->name, RR_SOA, sets) == 0 || sets[0]->alias)
        return;
    const struct rdata *rdata = &sets[0]->rdata[0];
    const uint8_t *minimum = rdata->bytes + rdata->length - 4;
    uint32_t negative_s = (uint32_t)minimum[0] << 24 | (uint32_t)minimum[1] << 16 |
                          (uint32_t)minimum[2] << 8 | minimum[3];
    dns_add(context->message, context->query, DNS_AUTHORITY, &zone->name, RR_SOA,
            negative_s < sets[0]->ttl_s ? negative_s : sets[0]->ttl_s, rdata->bytes, rdata->length);
}

/* ANY gets one type that is there (RFC 8482 allows a subset). */
static uint16_t any_type(const struct zone *zone, const struct dname *source)
{
    size_t from, to;
    version_range(zone->served, source, &from, &to);
    return from < to ? (uint16_t)zone->served->sets[from]->type : DNS_TYPE_ANY;
}

enum dns_rcode answer_query(struct world *world, struct dns_message *message, const struct dns_query *query,
                            bool *authoritative)
{
    struct context context = { .world = world, .message = message, .query = query };
    struct dname name = query->name, source, cut;
    *authoritative = false;
    for (unsigned chain = 0; chain < CHAIN_MAX; chain++) {
        struct rrset *cname[CANDIDATES_MAX];
        struct zone *zone = world_zone_for(world, &name);
        if (zone == NULL)
            return chain == 0 ? DNS_REFUSED : DNS_NOERROR;    /* the chain leads elsewhere: a resolver goes on */
        if (find_cut(zone, &name, query->type, &cut)) {
            add_referral(&context, zone, &cut);
            return DNS_NOERROR;
        }
        *authoritative = true;
        if (!find_source(zone, &name, &source)) {
            add_soa(&context, zone);
            return DNS_NXDOMAIN;
        }
        uint16_t type = query->type == DNS_TYPE_ANY ? any_type(zone, &source) : query->type;
        if (add_type(&context, &name, zone, &source, type, 0))
            return DNS_NOERROR;
        size_t count = type == RR_CNAME ? 0 : candidates(zone, &source, RR_CNAME, cname);
        const struct rrset *set = count == 0 ? NULL : choose(&context, zone, cname, count);
        if (set == NULL || set->alias) {
            add_soa(&context, zone);
            return DNS_NOERROR;
        }
        add_set(&context, &name, set, set->ttl_s);
        if (!dname_from_wire(&name, set->rdata[0].bytes, set->rdata[0].length))
            return DNS_SERVFAIL;
    }
    return DNS_NOERROR;
}
