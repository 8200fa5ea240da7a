/* What the zone holds against what is wanted: see route53_compare.h. */
#include "dns/route53_compare.h"

#include <arpa/inet.h>
#include <string.h>

#include "coordinator/base/text.h"
#include "dns/fence_text.h"

bool route53_same_name(const char *a, const char *b)
{
    char x[DNS_NAME_MAX], y[DNS_NAME_MAX];
    return route53_normal_name(a, x, sizeof x) && route53_normal_name(b, y, sizeof y) && strcmp(x, y) == 0;
}

static const char *type_name(enum dns_type type)
{
    return type == DNS_TYPE_A ? "A" : type == DNS_TYPE_AAAA ? "AAAA" : "CNAME";
}

static bool same_value(enum dns_type type, const char *a, const char *b)
{
    struct in6_addr x = { 0 }, y = { 0 };
    if (type == DNS_TYPE_CNAME)
        return route53_same_name(a, b);
    int family = type == DNS_TYPE_A ? AF_INET : AF_INET6;
    return inet_pton(family, a, &x) == 1 && inet_pton(family, b, &y) == 1 && memcmp(&x, &y, sizeof x) == 0;
}

static bool same_values(const struct dns_record *wanted, const struct route53_listed *listed)
{
    if (listed->value_count != wanted->value_count || listed->does_not_fit)
        return false;
    for (size_t i = 0; i < wanted->value_count; i++) {
        bool found = false;
        for (size_t j = 0; j < listed->value_count && !found; j++)
            found = same_value(wanted->type, wanted->values[i], listed->values[j]);
        if (!found)
            return false;
    }
    return true;
}

static bool same_routing(const struct dns_record *wanted, const struct route53_listed *listed)
{
    const char *role = wanted->kind != DNS_KIND_FAILOVER ? ""
                       : wanted->role == DNS_ROLE_PRIMARY ? "PRIMARY" : "SECONDARY";
    bool weighted = wanted->kind == DNS_KIND_WEIGHTED;
    return !listed->other_routing && strcmp(listed->failover, role) == 0 && listed->has_weight == weighted &&
           (!weighted || listed->weight == wanted->weight) &&
           strcmp(listed->health_check_id, wanted->health_check_id) == 0;
}

static bool same_record(const struct dns_record *wanted, const struct route53_listed *listed)
{
    bool alias = wanted->alias_name[0] != '\0';
    if (!same_routing(wanted, listed) || listed->is_alias != alias)
        return false;
    if (alias)
        return strcmp(listed->alias_zone_id, wanted->alias_zone_id) == 0 &&
               route53_same_name(listed->alias_name, wanted->alias_name) &&
               listed->alias_evaluate_health == wanted->alias_evaluate_health;
    return listed->has_ttl && listed->ttl_s == wanted->ttl_s && same_values(wanted, listed);
}

/* The kinds of sets that may live side by side at one name and type. */
static int routing_class(bool weighted, bool failover, bool other)
{
    return other ? 3 : weighted ? 1 : failover ? 2 : 0;
}

static bool blocks(const struct dns_record *wanted, const struct route53_listed *listed, bool same_type)
{
    bool cname_beside_other = !same_type && (wanted->type == DNS_TYPE_CNAME || strcmp(listed->type, "CNAME") == 0);
    int have = routing_class(listed->has_weight, listed->failover[0] != '\0', listed->other_routing);
    int want = routing_class(wanted->kind == DNS_KIND_WEIGHTED, wanted->kind == DNS_KIND_FAILOVER, false);
    return cname_beside_other || (same_type && have != want);
}

static void describe(const struct route53_listed *listed, char *out, size_t size)
{
    struct text text = text_over(out, size);
    text_append(&text, listed->type);
    if (listed->set_identifier[0] != '\0')
        text_appendf(&text, " set %s", listed->set_identifier);
    if (listed->has_weight)
        text_appendf(&text, " weight %u", listed->weight);
    if (listed->failover[0] != '\0')
        text_appendf(&text, " %s", listed->failover);
    if (listed->is_alias)
        text_appendf(&text, " alias of %s", listed->alias_name);
    if (listed->has_ttl)
        text_appendf(&text, " TTL %u:", listed->ttl_s);
    for (size_t i = 0; i < listed->value_count && i < DNS_VALUES_MAX; i++)
        text_appendf(&text, " %s", listed->values[i]);
    if (listed->does_not_fit)
        text_append(&text, " ... (more than we keep)");
}

static void compare_one(struct dns_record_state *state, const struct dns_record *wanted,
                        const struct route53_listed *listed)
{
    if (!route53_same_name(wanted->name, listed->name))
        return;
    bool same_type = strcmp(listed->type, type_name(wanted->type)) == 0;
    if (blocks(wanted, listed, same_type)) {
        state->blocked = true;
        describe(listed, state->now, sizeof state->now);
    } else if (same_type && strcmp(listed->set_identifier, wanted->set_identifier) == 0) {
        state->present = true;
        state->matches = same_record(wanted, listed);
        describe(listed, state->now, sizeof state->now);
    }
}

static void keep_fence(struct dns_fence *fence, const struct route53_listed *listed)
{
    bool second = fence->state != DNS_FENCE_ABSENT;
    bool plain = listed->has_ttl && !listed->is_alias && !listed->has_weight && !listed->other_routing &&
                 listed->failover[0] == '\0' && listed->set_identifier[0] == '\0' && listed->health_check_id[0] == '\0';
    fence->state = DNS_FENCE_FOREIGN;
    fence->cannot_delete = fence->cannot_delete || second || !plain || listed->does_not_fit ||
                           listed->value_count > DNS_FENCE_VALUES_MAX || listed->value_count == 0;
    fence->ttl_s = listed->ttl_s;
    fence->value_count = listed->value_count < DNS_FENCE_VALUES_MAX ? listed->value_count : DNS_FENCE_VALUES_MAX;
    for (size_t i = 0; i < fence->value_count; i++)
        (void)text_copy(fence->values[i], sizeof fence->values[i], listed->values[i]);
}

void route53_compare_begin(struct dns_read_result *result, size_t desired_count)
{
    memset(result, 0, sizeof *result);
    result->fence.state = DNS_FENCE_ABSENT;
    result->record_count = desired_count;
    for (size_t i = 0; i < desired_count; i++)
        (void)text_copy(result->records[i].now, sizeof result->records[i].now, "absent");
}

void route53_compare_listed(struct dns_read_result *result, const struct route53_listed *listed,
                            const char *fence_name, const struct dns_record *desired, size_t desired_count)
{
    /* A CNAME at the fence's name would make the CREATE fail, so it counts as foreign as well. */
    bool at_fence = route53_same_name(listed->name, fence_name);
    if (at_fence && (strcmp(listed->type, "TXT") == 0 || strcmp(listed->type, "CNAME") == 0)) {
        keep_fence(&result->fence, listed);
        result->fence.cannot_delete = result->fence.cannot_delete || listed->type[0] != 'T';
    }
    for (size_t i = 0; i < desired_count; i++)
        compare_one(&result->records[i], &desired[i], listed);
}

void route53_compare_end(struct dns_read_result *result, const char *service)
{
    if (result->fence.state != DNS_FENCE_ABSENT)
        fence_text_classify(&result->fence, service);
    result->all_match = true;
    for (size_t i = 0; i < result->record_count; i++) {
        struct dns_record_state *state = &result->records[i];
        state->matches = state->matches && !state->blocked;
        result->all_match = result->all_match && state->matches;
    }
}
