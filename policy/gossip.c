/* gossip: once a heartbeat, and at once when something changed, each node tells the others what it judges,
 * what it saw of the databases, how its guard stands and what its voter has accepted. Times go as ages.
 */
#include "policy/service.h"

static void fill_gossip_region(const struct service *s, const struct turn *turn, region_id region,
                               struct gossip_region *say)
{
    const struct region_verdict *v = service_own_verdict(s, turn, region);
    const struct sighting *seen = &s->health.sightings[region][turn_self(turn)];
    *say = (struct gossip_region){
        .verdict = v->verdict,
        .reason = v->reason,
        .check = v->check,
        .standing_us = mono_since(turn->now, v->since),
        .detail = v->detail,
    };
    if (say->standing_us < 0)
        say->standing_us = 0;
    if (seen->known) {
        say->database = seen->facts;
        say->database_age_us = mono_since(turn->now, seen->at);
        if (say->database_age_us < 0)
            say->database_age_us = 0;
    }
}

static void send_gossip(struct service *s, struct turn *turn, node_set to, bool ask)
{
    const struct guard *g = &s->guard;
    struct message *m = effects_send(turn->effects, to, true, MESSAGE_GOSSIP, s->index);
    m->as.gossip = (struct message_gossip){
        .ask = ask,
        .voting = turn->voting,
        .report = register_report_of(s, turn),
        .known_version = s->learner.known ? s->learner.chosen.version : 0,
        .settings = s->settings,
        .guard = g->mine,
        .guard_ready = g->mine && g->ready,
        .kernel = g->mine && g->kernel,
        .instance = g->self,
        .fence = g->fence,
        .lease_left_us = g->lease.deadline.us > 0 ? lease_left_us(&g->lease, turn->now) : 0,
        .released_epoch = g->released_epoch,
        .last = g->last,
        .ack = s->ack,
        .mark = glass_tell(s),
        .granting = glass_granting(s, turn),
    };
    for (region_id r = 0; r < turn->config->region_count; r++)
        fill_gossip_region(s, turn, r, &m->as.gossip.regions[r]);
}

void gossip_run(struct service *s, struct turn *turn)
{
    bool due = mono_reached(turn->now, s->next_gossip);
    if (due || s->gossip_now) {
        node_set others = (node_set)(turn_everyone(turn) & ~node_bit(turn_self(turn)));
        send_gossip(s, turn, others, s->gossip_ask);
        s->gossip_now = s->gossip_ask = false;
        s->next_gossip = mono_after(turn->now, turn->config->heartbeat_us);
    }
    service_wake(s, s->next_gossip);
}

void gossip_take(struct service *s, struct turn *turn, node_id from,
                      const struct message_gossip *gossip)
{
    struct remote *r = &s->remotes[from];
    if (from == turn_self(turn)) {
        glass_on_disk(s, &gossip->mark);
        return;
    }
    if (r->heard && turn->said_at.us < r->at.us)
        return; /* overtaken by what was said later */
    struct mono_time mute_since = r->heard && !r->voting ? r->mute_since : turn->now;
    bool silent = !r->heard || mono_since(turn->said_at, r->at) > SILENT_HEARTBEATS * turn->config->heartbeat_us;
    uint64_t released = instance_equal(r->instance, gossip->instance) ? r->released_epoch : 0;
    *r = (struct remote){
        .heard = true,
        .at = turn->said_at,
        .back_at = silent ? turn->said_at : r->back_at,
        .voting = gossip->voting,
        .mute_since = mute_since,
        .guard = gossip->guard,
        .guard_ready = gossip->guard_ready,
        .kernel = gossip->kernel,
        .instance = gossip->instance,
        .fence = gossip->fence,
        .lease_until = mono_after(turn->said_at, gossip->lease_left_us),
        .released_epoch = gossip->released_epoch > released ? gossip->released_epoch : released,
        .last = gossip->last,
        .known_version = gossip->known_version,
        .granting = gossip->granting,
        .settings = gossip->settings,
        .order = r->order,
    };
    if (gossip->ack.at.us > s->ack.at.us)
        s->ack = gossip->ack; /* told on with our own */
    glass_hear(s, turn, &gossip->mark);
    register_learn(s, turn, from, &gossip->report);
    watch_gossip(s, turn, from, gossip);
    if (gossip->ask)
        send_gossip(s, turn, node_bit(from), false);
}

void gossip_confirm(struct service *s, struct turn *turn, node_id from,
                       const struct message_confirm *confirm)
{
    if (confirm->region >= turn->config->region_count)
        return;
    /* Judged now: thresholds and self-distrust at this very moment, not as last told. */
    watch_run(s, turn);
    struct region_verdict v = *service_own_verdict(s, turn, confirm->region);
    /* A run of failures outlasts its first successes, so that one now and then does not end it. But nobody
     * begins to take down a region that has just answered: the next samples say whether it goes on failing. */
    if (v.verdict == VERDICT_FAILED && v.reason == REASON_CHECK_FAILED &&
        verdict_recovers(s->policy, s->health.thresholds, confirm->region, turn->now)) {
        v.verdict = VERDICT_SUSPECT;
        v.reason = REASON_CHECK_FAILING;
    }
    effects_send(turn->effects, node_bit(from), false, MESSAGE_VERDICT, s->index)->as.verdict =
        (struct message_verdict){ confirm->region, confirm->nonce, v.verdict, v.reason,
                                  mono_since(turn->now, v.since) };
}
