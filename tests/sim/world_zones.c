/* Route 53 as far as the core can tell: a mark, records, PENDING until INSYNC.
 *
 * A change replaces the mark exactly as the same host read it, or is refused as a whole. What a host
 * knows (what it read, the id of its change) comes with an answer, so an answer that nobody waited for
 * any more, or that got lost, leaves the change made and its host without its id. */
#include "tests/sim/check.h"
#include "tests/sim/world_parts.h"

/* Each state of a mark has a number of its own, also when a change before it was lost. Who changes a
 * zone by hand counts on from the number that is there. */
#define SERIALS_PER_CHANGE 1024u

void zone_init(struct world *w, uint8_t service)
{
    struct world_service *s = &w->services[service];
    for (uint8_t z = 0; z < WORLD_ZONES_MAX; z++) {
        struct zone_state start = {
            .mark = w->options.dns_adopted ? DNS_MARK_OURS : DNS_MARK_ABSENT,
            .epoch = w->options.dns_adopted ? 1 : 0,
            .operation = 1,
            .serial = 1,
            .region = s->policy.initial_writer,
            .share = 100,
        };
        s->zones[z] =
            (struct zone){ .now = start, .former = start, .highest_epoch = start.epoch,
                           .highest_operation = start.operation };
    }
}

/* Whether the host still is who asked, and gets the answer. */
static bool hears(const struct host *h, const struct world_act *a)
{
    return h->alive && h->life == a->life && !a->reported && a->fault != FAULT_LOST_REPLY;
}

/* A loss of the control plane is made good when what was lost is there again, or something newer. Versions order the
 * shares of one operation only. */
static bool is_behind(const struct zone *z)
{
    return z->now.epoch < z->highest_epoch ||
           (z->now.epoch == z->highest_epoch && z->now.operation == z->highest_operation &&
            z->now.version < z->highest_version);
}

static void heal(struct zone *z)
{
    if (is_behind(z))
        return;
    z->highest_epoch = z->now.epoch;
    z->highest_operation = z->now.operation;
    z->highest_version = z->now.version;
    z->rolled_back = false;
}

static void submit(struct world *w, struct host *h, const struct world_act *a, struct zone *z,
                   struct act_result *result)
{
    const struct act *act = &a->act;
    bool heard = hears(h, a);
    uint64_t *id = &h->change[act->key.service][act->zone];
    if (heard)
        *id = 0;
    if (a->read_serial == 0) {
        act_words(result, ACT_UNKNOWN, "the zone has to be read before it is changed");
        return;
    }
    if (z->now.serial != a->read_serial) {
        result->conflict = true;
        act_words(result, ACT_FAILED, "the mark is not as it was read");
        return;
    }
    struct zone_state before = z->now;
    z->change++;
    z->former = before;
    z->now = (struct zone_state){ .mark = DNS_MARK_OURS, .epoch = act->key.epoch,
                                  .operation = act->key.operation,
                                  .serial = z->change * SERIALS_PER_CHANGE,
                                  .change = z->change, .region = act->region,
                                  .share = act->share, .version = act->version };
    z->insync_at = w->now_us + w->dns_sync_us;
    if (heard)
        *id = z->change;
    world_mix(w, z->now.serial);
    world_mix(w, z->now.epoch);
    check_zone(w, h, act, act->zone, &before);
    heal(z);
    if (act->version == 0)
        world_say(w, h, "DNS is changed to %s, epoch %llu", w->options.region_name[act->region],
                  (unsigned long long)act->key.epoch);
    else
        world_say(w, h, "DNS is changed: %u percent to %s, epoch %llu", act->share, w->options.region_name[act->region],
                  (unsigned long long)act->key.epoch);
    result->outcome = ACT_DONE;
}

static void read_mark(struct host *h, const struct world_act *a, const struct zone *z,
                      struct act_result *result)
{
    if (hears(h, a))
        h->read_serial[a->act.key.service][a->act.zone] = z->now.serial;
    result->mark = z->now.mark;
    result->mark_epoch = z->now.epoch;
    result->mark_operation = z->now.operation;
    result->mark_share = z->now.share;
    result->mark_version = z->now.version;
    result->records_match = z->now.region == a->act.region;
    result->outcome = ACT_DONE;
}

/* About the id of the host's own last change, in force as soon as that or a newer one is. A change that
 * was lost is not known any more. */
static void poll_change(const struct world *w, const struct host *h, const struct act *act,
                        const struct zone *z, struct act_result *result)
{
    uint64_t id = h->change[act->key.service][act->zone];
    if (id == 0 || id > z->now.change) {
        act_words(result, ACT_UNKNOWN, "the change id is not known");
        return;
    }
    result->insync = w->now_us >= z->insync_at;
    result->outcome = ACT_DONE;
}

/* The name servers answer both, the records and the mark. */
static void verify(const struct world *w, const struct act *act, const struct zone *z,
                   struct act_result *result)
{
    bool ours = z->now.mark == DNS_MARK_OURS && z->now.epoch == act->key.epoch &&
                z->now.operation == act->key.operation && z->now.region == act->region &&
                z->now.share == act->share;
    if (ours && w->now_us >= z->insync_at)
        result->outcome = ACT_DONE;
    else
        act_words(result, ACT_RETRY, "a name server still answers the old record");
}

void zone_act(struct world *w, struct host *h, const struct world_act *a,
              struct act_result *result)
{
    const struct act *act = &a->act;
    if (act->zone >= WORLD_ZONES_MAX) {
        act_words(result, ACT_FAILED, "there is no such zone");
        return;
    }
    struct zone *z = &w->services[act->key.service].zones[act->zone];
    if (w->dns_unreachable) {
        act_words(result, ACT_RETRY, "Route 53 does not answer");
        return;
    }
    switch ((int)act->kind) {
    case ACT_DNS_READ: read_mark(h, a, z, result); break;
    case ACT_DNS_SUBMIT: submit(w, h, a, z, result); break;
    case ACT_DNS_POLL: poll_change(w, h, act, z, result); break;
    case ACT_DNS_VERIFY: verify(w, act, z, result); break;
    default: break;
    }
}

void world_zone_lose_change(struct world *w, uint8_t service, uint8_t zone)
{
    struct zone *z = &w->services[service].zones[zone % WORLD_ZONES_MAX];
    if (z->now.change == z->former.change)
        return; /* nothing to lose */
    z->now = z->former;
    z->insync_at = w->now_us;
    z->rolled_back = is_behind(z);
    world_mix(w, z->now.serial);
    world_say(w, NULL, "Route 53 loses a change: DNS is %s again, epoch %llu",
              w->options.region_name[z->now.region], (unsigned long long)z->now.epoch);
}
