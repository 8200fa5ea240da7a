/* weights: how much of a weighted set's traffic each of its records gets while a service moves from one region to
 * another by and by.
 *
 * A set is all weighted records of one name and type in a zone. It can be in between only if each of its records points
 * to the same place whoever writes, so that the weights alone say where the traffic goes. Then a record's weight in
 * between is its part of the set while the one region writes, and its part while the other does, mixed by the share. */
#include "coordinator/config/weights.h"

#include <string.h>

#define ALL 100

static bool same_text(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool same_values(const struct record_config *record, size_t a, size_t b)
{
    const struct record_values *one = config_record_values(record, a), *other = config_record_values(record, b);
    if (one == NULL || other == NULL || one->values.count != other->values.count)
        return one == other;
    for (size_t i = 0; i < one->values.count; i++)
        if (!same_text(one->values.items[i], other->values.items[i]))
            return false;
    return true;
}

static bool same_alias(const struct record_config *record, size_t a, size_t b)
{
    const struct record_alias *one = config_record_alias(record, a), *other = config_record_alias(record, b);
    if (one == NULL || other == NULL)
        return one == other;
    return same_text(one->zone, other->zone) && same_text(one->name, other->name) && one->evaluate == other->evaluate;
}

static int64_t weight_of(const struct record_config *record, size_t region)
{
    const struct record_weight *weight = config_record_weight(record, region);
    return weight != NULL ? weight->weight : 0;
}

/* What the set's weights add up to while either region writes, and whether they can be mixed. */
struct mixture {
    int64_t there, here;
    bool can, moves;
};

static struct mixture mixture_of(const struct zone_config *zone, const struct record_config *record, size_t from,
                                 size_t to)
{
    struct mixture mix = { .can = record->kind == CONFIG_KIND_WEIGHTED };
    for (size_t r = 0; r < zone->record_count; r++) {
        const struct record_config *other = &zone->records[r];
        if (other->kind != CONFIG_KIND_WEIGHTED || other->type != record->type || !same_text(other->name, record->name))
            continue;
        mix.there += weight_of(other, from);
        mix.here += weight_of(other, to);
        mix.can = mix.can && same_values(other, from, to) && same_alias(other, from, to);
        mix.moves = mix.moves || weight_of(other, from) != weight_of(other, to);
    }
    mix.can = mix.can && mix.moves && mix.there > 0 && mix.here > 0;
    return mix;
}

bool weights_mix(const struct zone_config *zone, const struct record_config *record, size_t from, size_t to,
                 unsigned share, uint32_t *weight)
{
    struct mixture mix = mixture_of(zone, record, from, to);
    if (!mix.can)
        return false;
    int64_t whole = mix.there * mix.here;
    int64_t part = (int64_t)share * weight_of(record, to) * mix.there +
                   (int64_t)(ALL - share) * weight_of(record, from) * mix.here;
    int64_t rounded = (part + whole / 2) / whole;
    *weight = part > 0 && rounded == 0 ? 1 : (uint32_t)rounded; /* little is not nothing */
    return true;
}

bool weights_shift(const struct service_config *service, size_t from, size_t to)
{
    for (size_t z = 0; service->dns != NULL && z < service->dns->zone_count; z++) {
        const struct zone_config *zone = &service->dns->zones[z];
        for (size_t r = 0; r < zone->record_count; r++)
            if (mixture_of(zone, &zone->records[r], from, to).can)
                return true;
    }
    return false;
}
