/* glass_contact: what the nodes see to once the marked side and others hear of each other. Why each of these rules is
 * needed, and what they come to together, is argued at the top of glass.c.
 */
#include "policy/quorum/lease.h"
#include "policy/service.h"

/* ---- leases beside a mark ---- */

/* By this voter's own grant. Its clock may be wrong, so for as long as a waiter would count it. */
static bool may_run(const struct service *s, const struct turn *turn)
{
    const struct acceptor *a = &s->acceptor;
    if (!turn->voting || !a->accepted.present || a->granted.node == NODE_NONE || a->grant_released)
        return false;
    struct mono_time until = lease_wait_until(&a->accepted.ledger, acceptor_grant_age_us(a, turn->now), turn->now);
    return !mono_reached(turn->now, until);
}

bool glass_refuses(const struct service *s, const struct turn *turn, const struct message_renew *renew)
{
    node_id n = renew->instance.node;
    bool barred = n < turn->config->node_count && glass_bars(s, turn, turn->config->region_of[n]) != NULL;
    bool goes_on = may_run(s, turn) && instance_equal(s->acceptor.granted, renew->instance) &&
                   s->acceptor.granted_epoch == renew->epoch;
    return barred && !goes_on;
}

/* What it last said of its guard may be older than what it was last heard by. */
static bool has_news(const struct service *s, const struct turn *turn, node_id n)
{
    const struct remote *r = &s->remotes[n];
    bool news = r->heard && mono_since(turn->now, r->at) <= SILENT_HEARTBEATS * turn->config->heartbeat_us;
    return n != turn_self(turn) && turn_heard(turn, n) && news;
}

/* The guard that the ledger names says to us that it holds its database open: under a lease that runs, or without one,
 * as the ledger allows. */
static bool is_heard_open(const struct service *s, const struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    if (l == NULL || l->writer == REGION_NONE || !has_news(s, turn, l->guard.node))
        return false;
    const struct remote *r = &s->remotes[l->guard.node];
    bool held = l->keep_on_quorum_loss || !mono_reached(turn->now, r->lease_until);
    return held && r->fence == FENCE_OPEN && instance_equal(r->instance, l->guard);
}

node_id glass_granting(const struct service *s, const struct turn *turn)
{
    if (may_run(s, turn))
        return s->acceptor.granted.node;
    return is_heard_open(s, turn) ? service_ledger(s)->guard.node : NODE_NONE;
}

bool glass_is_granted(const struct service *s, const struct turn *turn, node_id guard)
{
    bool granted = glass_granting(s, turn) == guard;
    for (node_id n = 0; n < turn->config->node_count; n++)
        granted = granted || (has_news(s, turn, n) && s->remotes[n].granting == guard);
    return granted;
}

/* ---- whom the marked side gives way to ---- */

/* A node of another region that is heard says that its database is open, or leased, or that it may have leased one to
 * another region; NODE_NONE: nobody does. */
node_id glass_leads(const struct service *s, const struct turn *turn)
{
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct remote *r = &s->remotes[n];
        if (!has_news(s, turn, n))
            continue;
        bool elsewhere = turn->config->region_of[n] != s->home;
        if (elsewhere && (r->fence == FENCE_OPEN || !mono_reached(turn->now, r->lease_until)))
            return n;
        if (r->granting < turn->config->node_count && turn->config->region_of[r->granting] != s->home)
            return r->granting;
    }
    return NODE_NONE;
}

/* The newest look that tried a write, or found no primary. (A node of the region itself tries one, and none while it
 * knows the database fenced.) */
static bool is_newer_look(const struct sighting *seen, const struct sighting *than)
{
    bool tells = seen->known && (seen->facts.write_checked || seen->facts.in_recovery);
    return tells && (than == NULL || seen->at.us > than->at.us);
}

/* When a database of another region was last seen to be a primary that acknowledges writes, and by whom. NULL: none
 * is. */
static const struct sighting *who_writes(const struct service *s, const struct turn *turn, region_id *region,
                                         node_id *observer)
{
    for (*region = 0; *region < turn->config->region_count; (*region)++) {
        const struct sighting *newest = NULL;
        for (node_id n = 0; *region != s->home && n < turn->config->node_count; n++)
            if (is_newer_look(&s->health.sightings[*region][n], newest)) {
                newest = &s->health.sightings[*region][n];
                *observer = n;
            }
        if (newest != NULL && !newest->facts.in_recovery && newest->facts.write_ok &&
            mono_since(turn->now, newest->at) <= s->policy->evidence_max_age_us)
            return newest;
    }
    return NULL;
}

/* For as long as a guard that hears of our mark may take to shut what nobody holds open: a grant of the dead one's may
 * count until its lease is over, and the mark has to get there. */
static int64_t rival_may_take_us(const struct service *s, const struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    int64_t lease_us = l != NULL ? l->longest_lease_us : s->policy->lease_us;
    return lease_us + SILENT_HEARTBEATS * turn->config->heartbeat_us;
}

/* It was still seen to write after that time: whoever looks after it does not hear us, and will not give way. Judged by
 * when it was looked at, so that an old look proves nothing. NODE_NONE: there is none such; else who saw it. */
static node_id who_writes_on(struct service *s, struct turn *turn, region_id *region)
{
    struct glass *g = &s->glass;
    node_id observer = NODE_NONE;
    const struct sighting *seen = who_writes(s, turn, region, &observer);
    if (seen == NULL) {
        g->rival = REGION_NONE;
        return NODE_NONE;
    }
    if (g->rival != *region) {
        g->rival = *region;
        g->rival_since = seen->at;
    }
    return mono_since(seen->at, g->rival_since) >= rival_may_take_us(s, turn) ? observer : NODE_NONE;
}

node_id glass_rival(struct service *s, struct turn *turn, region_id *region)
{
    node_id leads = glass_leads(s, turn);
    if (leads == NODE_NONE)
        return who_writes_on(s, turn, region);
    *region = turn->config->region_of[leads];
    return leads;
}

/* ---- of our own region ---- */

bool glass_maker_lost(const struct service *s, const struct turn *turn, const struct mark *m)
{
    node_id n = m->maker.node;
    if (n == turn_self(turn))
        return !instance_equal(s->guard.self, m->maker);
    return has_news(s, turn, n) && !instance_equal(s->remotes[n].instance, m->maker);
}

/* It holds the same database: the older mark's maker, who is heard (else it may be dead, and the database away with it
 * if we gave up); or the guard that has the region's lease, and had it renewed since
 * ours was made. */
static bool holds_ours(const struct service *s, const struct turn *turn, const struct mark *own, node_id n)
{
    const struct mark *m = &s->marks[n];
    const struct ledger *l = service_ledger(s);
    bool by_mark = m->state == MARK_STANDS && m->region == s->home && has_news(s, turn, n) && mark_is_older(m, own) &&
                   !glass_maker_lost(s, turn, m);
    /* No lease runs for longer than that, but one that a majority has granted since. */
    struct mono_time renewed = l != NULL ? mono_after(s->glass.since, l->longest_lease_us) : MONO_NEVER;
    const struct remote *r = &s->remotes[n];
    bool by_lease = l != NULL && l->writer == s->home && l->guard.node == n && instance_equal(r->instance, l->guard) &&
                    has_news(s, turn, n) && !mono_reached(turn->now, r->lease_until) &&
                    !mono_reached(renewed, r->lease_until);
    return by_mark || by_lease;
}

node_id glass_fellow(const struct service *s, const struct turn *turn, region_id *region)
{
    const struct mark *own = glass_own(s);
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct mark *m = &s->marks[n];
        bool given = m->state > MARK_STANDS && m->region == s->home && m->yields != s->home && m->yields != REGION_NONE;
        if (n == turn_self(turn) || (!given && !holds_ours(s, turn, own, n)))
            continue;
        *region = given ? m->yields : s->home;
        return n;
    }
    return NODE_NONE;
}
