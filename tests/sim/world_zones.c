/* Route 53 as far as the core can tell: a mark, records, PENDING until INSYNC.
 *
 * A change replaces the mark exactly as the same host read it last, or is refused as a whole. */
#include "tests/sim/world.h"

#include <stdio.h>

static void words(struct act_result *result, enum act_outcome outcome, const char *text)
{
    result->outcome = outcome;
    (void)snprintf(result->detail.s, sizeof result->detail.s, "%s", text);
}

static void submit(struct world *w, struct host *h, const struct act *act,
                   struct act_result *result)
{
    struct zone *z = &w->zones[act->zone];
    if (z->serial != h->read_serial[act->zone]) {
        result->conflict = true;
        words(result, ACT_FAILED, "the mark is not as it was read");
        return;
    }
    uint64_t before = z->epoch;
    *z = (struct zone){ .mark = DNS_MARK_OURS, .epoch = act->key.epoch,
                        .operation = act->key.operation, .serial = z->serial + 1,
                        .region = act->region, .insync_at = w->now_us + w->dns_sync_us,
                        .highest_epoch = z->highest_epoch };
    h->has_change[act->zone] = true;
    check_dns(w, act->zone, before);
    world_say(w, h, "DNS is changed to %s, epoch %llu", w->options.region_name[act->region],
              (unsigned long long)act->key.epoch);
    result->outcome = ACT_DONE;
}

void dns_act(struct world *w, struct host *h, const struct act *act, struct act_result *result)
{
    struct zone *z = &w->zones[act->zone];
    if (w->dns_unreachable) {
        words(result, ACT_RETRY, "Route 53 does not answer");
        return;
    }
    switch ((int)act->kind) {
    case ACT_DNS_READ:
        h->read_serial[act->zone] = z->serial;
        result->mark = z->mark;
        result->mark_epoch = z->epoch;
        result->mark_operation = z->operation;
        result->records_match = z->region == act->region;
        result->outcome = ACT_DONE;
        break;
    case ACT_DNS_SUBMIT: submit(w, h, act, result); break;
    case ACT_DNS_POLL:
        if (!h->has_change[act->zone]) {
            words(result, ACT_UNKNOWN, "the change id is not known");
            break;
        }
        result->insync = w->now_us >= z->insync_at;
        result->outcome = ACT_DONE;
        break;
    case ACT_DNS_VERIFY:
        if (w->now_us >= z->insync_at && z->region == act->region)
            result->outcome = ACT_DONE;
        else
            words(result, ACT_FAILED, "a name server still answers the old record");
        break;
    default: break;
    }
}
