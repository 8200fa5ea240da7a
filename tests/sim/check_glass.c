/* Broken glasses: see check.h.
 *
 * A person's word stands where a majority can't be asked. What that word is worth nobody can check, so two may write
 * while the marked side has met nobody: that is counted as a risk that was accepted. What the nodes can see to they
 * are held to:
 *   - nothing is promoted or opened by a mark that is not on its maker's disk;
 *   - nothing is opened, right after a start, by a mark that stands again because the disk went back: who knows better
 *     is heard first; nor by one of which others tell that it was given up, or on a disk of which they tell that it
 *     went back;
 *   - from the first contact of two that write on there is one, after the time that hearing and shutting take; also
 *     where it is by a third that the marked side hears of the guard that the ledger names;
 *   - who has such a mark on its disk and starts anew opens nothing by a lease;
 *   - a mark goes from a disk, and into the ledger as reconciled, only at a person's order, the way that was ordered;
 *   - the old lease is over when the marked side is granted one; and nobody's word stands for the fence of a writer
 *     that was named since, but one that said so by name. */
#include "tests/sim/truth.h"

#include <string.h>

/* How long two of two regions have to be out of hearing to have lost each other, in heartbeats. */
#define APART_BEATS 5

/* For how long at least a process hears others before it goes by a mark on its disk. */
#define HEARS_US (5 * US_PER_S)

static bool is_listed(const struct ledger *l, uint64_t mark)
{
    for (size_t i = 0; i < LEDGER_RECONCILED_MAX; i++)
        if (mark != 0 && l->reconciled[i] == mark)
            return true;
    return false;
}

static bool is_reconciled(const struct truth *t, uint64_t mark)
{
    for (uint64_t v = t->top; v > 0; v--)
        if (is_listed(&t->chosen[v], mark))
            return true;
    return false;
}

static bool is_mark(const struct truth *t, uint64_t id)
{
    for (size_t i = 0; i < TRUTH_MARKS; i++)
        if (id != 0 && t->mark_ids[i] == id)
            return true;
    return false;
}

/* ---- what is on the disks ---- */

static void made(struct world *w, struct truth *t, const struct host *h, const struct mark *m)
{
    t->glasses[host_index(w, h)] = (struct truth_glass){ .id = m->id, .instance = m->maker.id, .epoch = m->epoch,
                                                         .met_us = TRUTH_NEVER_US, .last_us = TRUTH_NEVER_US };
    t->mark_ids[t->next_mark] = m->id;
    t->next_mark = (uint8_t)((t->next_mark + 1u) % TRUTH_MARKS);
    w->beyond[BEYOND_RISK] = true;
}

/* By any grant that still counts. What it was opened by before it had heard of the mark may be on its way yet. */
static bool is_leased(const struct world *w, uint8_t service, const struct host *h)
{
    const struct truth *t = w->services[service].truth;
    const struct ledger *l = t->top > 0 ? &t->chosen[t->top] : NULL;
    return l != NULL && l->writer == h->region && truth_leased_until_us(w, service, l) + truth_slack_us(w) > w->now_us;
}

/* With on_quorum_loss keep it may be open after its lease, and its guard holds it on from time to time. The kernel
 * still shows the last of these. */
static bool is_kept_open(const struct world *w, uint8_t service, const struct host *h)
{
    const struct world_service *s = &w->services[service];
    const struct truth *t = s->truth;
    const struct ledger *l = t->top > 0 ? &t->chosen[t->top] : NULL;
    return l != NULL && l->writer == h->region && l->keep_on_quorum_loss && l->guard.node == host_index(w, h) &&
           l->guard.id == h->config.instance && w->now_us < s->databases[h->region].fence_until;
}

/* The maker knows now that what its old disk says is over. */
static void stood_again(const struct world *w, struct truth_glass *glass, const struct mark *m)
{
    if (glass->back_us == 0 || m->state == MARK_STANDS)
        return;
    glass->back_us = 0;
    if (m->state != MARK_NONE)
        return;
    glass->state = MARK_SHUT;
    glass->given_us = w->now_us;
}

/* Never opened by again, and there is another of its region, which is about the same database. */
static bool rests(const struct world *w, const struct mark marks[POLICY_NODES_MAX], uint8_t maker)
{
    const struct mark *m = &marks[maker];
    bool fellow = false;
    for (uint8_t n = 0; n < w->host_count; n++)
        fellow = fellow || (n != maker && marks[n].state != MARK_NONE && marks[n].region == m->region);
    return fellow && m->state == MARK_SHUT && (m->yields == m->region || m->yields == REGION_NONE);
}

void check_marks(struct world *w, const struct host *h, uint8_t service, const struct mark marks[POLICY_NODES_MAX])
{
    struct truth *t = w->services[service].truth;
    uint8_t n = host_index(w, h);
    for (uint8_t maker = 0; maker < w->host_count; maker++) {
        struct truth_known *known = &t->known[n][maker];
        const struct mark *m = &marks[maker];
        uint64_t id = m->state == MARK_NONE ? 0 : m->id;
        bool own = maker == n && id != 0 && m->maker.id == h->config.instance;
        if (known->id != 0 && id != known->id && !h->store_was_lost && known->instance == h->config.instance &&
            !is_reconciled(t, known->id) && (id == 0 || m->at.us < known->at_us))
            world_break(w, INVARIANT_EVIDENCE, "%s forgets a broken glass that nobody has reconciled", h->name);
        if (known->id != id || known->instance != h->config.instance)
            *known = (struct truth_known){ .id = id, .instance = h->config.instance, .at_us = m->at.us,
                                           .since_us = w->now_us, .leased = is_leased(w, service, h),
                                           .kept = is_kept_open(w, service, h), .restarts = h->disk.restarts };
        known->bars = id != 0 && !(m->state == MARK_SHUT && m->yields == h->region) && !rests(w, marks, maker);
        struct truth_glass *glass = &t->glasses[maker];
        if (own && glass->id != id)
            made(w, t, h, m);
        if (maker == n)
            stood_again(w, glass, m);
        if (!own)
            continue;
        /* What its disk forgot, or the ledger ended, is heard of once more: as given up, and shut anew. */
        if (m->state == MARK_GIVEN && glass->state == MARK_SHUT && (glass->forgot || is_reconciled(t, id)))
            continue;
        if (m->state < glass->state)
            world_break(w, INVARIANT_EVIDENCE, "%s takes back that it gave a mark up", h->name);
        if (m->state != MARK_STANDS && glass->state == MARK_STANDS)
            glass->given_us = w->now_us;
        glass->state = m->state;
        glass->yields = m->yields;
    }
}

/* The world's doing, like a voter's forgotten promise: nobody else has seen the store that had it. Found once more by
 * another node's word, or never; from here on it is held to what it found. */
void check_forgot(struct world *w, const struct host *h)
{
    uint8_t n = host_index(w, h);
    for (uint8_t s = 0; s < w->service_count; s++)
        for (uint8_t maker = 0; maker < w->host_count; maker++) {
            struct truth *t = w->services[s].truth;
            struct truth_known *known = &t->known[n][maker];
            struct truth_glass *glass = &t->glasses[maker];
            const struct mark *found = &h->disk.durable.services[s].marks[maker];
            bool own = maker == n && known->id != 0 && glass->id == known->id;
            bool other = found->state == MARK_NONE || found->id != known->id;
            bool less = own && !other && found->state < glass->state;
            if (known->id == 0 || known->instance != h->disk.instance || (!other && !less))
                continue;
            world_say(w, h, "has forgotten a broken glass");
            w->beyond[BEYOND_DISK] = true;
            glass->forgot = glass->forgot || (own && other);
            if (less)
                glass->state = found->state;
            else
                *known = (struct truth_known){ .id = found->state != MARK_NONE ? found->id : 0, .at_us = found->at.us,
                                               .instance = known->instance, .since_us = w->now_us };
        }
}

/* Put back, the store shows less of its own mark than it did: how it stood before it was given up, or ended; or none.
 * The process can only go by what it finds, once it had the time to hear who knows better. */
void check_went_back(struct world *w, const struct host *h)
{
    uint8_t n = host_index(w, h);
    for (uint8_t s = 0; s < w->service_count; s++) {
        struct truth_glass *glass = &w->services[s].truth->glasses[n];
        const struct mark *found = &h->disk.durable.services[s].marks[n];
        if (glass->id == 0 || glass->instance != h->disk.instance)
            continue;
        bool found_it = found->state != MARK_NONE && found->id == glass->id;
        glass->forgot = glass->forgot || !found_it;
        bool back = found_it && found->state == MARK_STANDS && (glass->state > MARK_STANDS || glass->back_us > 0);
        if (back)
            world_say(w, h, "finds its mark as it stood before");
        glass->back_us = back ? w->now_us : 0;
        glass->told = 0;
        glass->went_by = false;
        if (found_it && found->state < glass->state)
            glass->state = found->state;
    }
}

/* Others open on the word that a mark was given up and its database shut. */
void check_told(struct world *w, const struct host *h, const struct message *m)
{
    const struct mark *told = &m->as.gossip.mark;
    if (m->kind != MESSAGE_GOSSIP || m->service >= w->service_count || told->state == MARK_NONE ||
        told->maker.node != host_index(w, h) || told->maker.id != h->config.instance || h->disk.forgot)
        return;
    const struct mark *kept = &h->disk.durable.services[m->service].marks[host_index(w, h)];
    if (kept->id != told->id || kept->state < told->state)
        world_break(w, INVARIANT_EVIDENCE, "%s tells of a mark what is not on its disk", h->name);
}

/* ---- acts ---- */

/* For how long what was asked for may still be done: giving a mark up overtakes nothing that is under way. */
static int64_t act_takes_us(const struct world *w)
{
    return 2 * w->act_us[ACT_FENCE_HOLD] + w->act_us[ACT_FENCE_SHUT] + 2 * truth_slack_us(w);
}

/* The act was asked for while the mark stood. */
static bool covered_by_mark(const struct world *w, const struct truth *t, const struct host *h)
{
    const struct truth_glass *g = &t->glasses[host_index(w, h)];
    bool just_given = g->state != MARK_STANDS && w->now_us - g->given_us <= act_takes_us(w);
    return g->id != 0 && g->instance == h->config.instance && (g->state == MARK_STANDS || just_given);
}

bool truth_held_by_mark(const struct world *w, uint8_t service, const struct host *h)
{
    return covered_by_mark(w, w->services[service].truth, h);
}

bool truth_is_marked(const struct world *w, uint8_t service, region_id r)
{
    const struct truth *t = w->services[service].truth;
    bool marked = false;
    for (uint8_t n = 0; n < w->host_count; n++) {
        const struct truth_glass *g = &t->glasses[n];
        bool of_region = g->id != 0 && w->hosts[n].region == r;
        marked = marked || (of_region && (g->state != MARK_SHUT || !is_reconciled(t, g->id)));
    }
    return marked;
}

/* A voter knew that its store went back before it had done anything by what it found there, and told it so. (One whose
 * store fails after that, and one without a vote, are told nothing that they could go by.) */
static bool was_outdated(const struct world *w, const struct truth_glass *g, const struct host *h)
{
    return !g->went_by && h->outdated && w->now_us - h->outdated_us > act_takes_us(w) &&
           truth_has_vote(w, h, h->voters_version);
}

/* An old disk's mark: it went by it too soon, or was told better, and no disk explains that; or it can't know. */
static void check_stood_again(struct world *w, struct truth_glass *g, const struct host *h)
{
    int64_t back_us = g->back_us;
    if (back_us == 0)
        return;
    if (g->told > 1 && w->now_us - g->told_us > act_takes_us(w)) {
        world_break(w, INVARIANT_LEASE, "%s opens by a mark on a disk that went back, and others have told it that it "
                                        "was given up",
                    h->name);
    } else if (was_outdated(w, g, h)) {
        world_break(w, INVARIANT_LEASE, "%s opens by a mark on a disk that went back, and was told that it did",
                    h->name);
    } else if (w->now_us - back_us < HEARS_US) {
        world_break(w, INVARIANT_LEASE, "%s opens by a mark on a disk that went back, and has not heard the others",
                    h->name);
    } else {
        g->went_by = true;
        w->beyond[BEYOND_DISK] = true;
    }
}

bool check_held_by_mark(struct world *w, uint8_t service, const struct host *h, bool leased)
{
    if (!truth_held_by_mark(w, service, h))
        return false;
    if (!leased)
        check_stood_again(w, &w->services[service].truth->glasses[host_index(w, h)], h);
    return true;
}

void check_glass_promotion(struct world *w, const struct host *h, const struct act *act)
{
    struct truth *t = w->services[act->key.service].truth;
    check_stood_again(w, &t->glasses[host_index(w, h)], h);
    if (!covered_by_mark(w, t, h) || t->glasses[host_index(w, h)].id != act->key.operation)
        world_break(w, INVARIANT_EVIDENCE, "%s promotes by a broken glass that is not on its disk", h->name);
}

/* Whose region had no lease when the mark got to its disk opens nothing by one that it gets since; what is open may
 * go on. (A door may be opened late, for a process that died.) What the ledger lets its guard keep open without a lease
 * is open as well: that very process, which never let go of it, may hold it on, and it opens nothing by that. */
void check_barred(struct world *w, const struct host *h, const struct act *act)
{
    const struct truth *t = w->services[act->key.service].truth;
    if (w->services[act->key.service].policy.fence != FENCE_ENFORCED)
        return;
    for (uint8_t maker = 0; maker < w->host_count; maker++) {
        const struct truth_known *known = &t->known[host_index(w, h)][maker];
        region_id r = w->hosts[maker].region;
        bool goes_on = known->leased || (known->kept && known->restarts == h->disk.restarts);
        bool found = known->bars && !goes_on && known->instance == h->config.instance;
        const struct truth_glass *g = &t->glasses[maker];
        bool yielded = g->yields == h->region || g->yields == r || g->yields == REGION_NONE;
        bool shut = g->id == known->id && g->state == MARK_SHUT && yielded; /* and told */
        if (r != h->region && found && !shut && !h->store_was_lost && !is_reconciled(t, known->id))
            world_break(w, INVARIANT_LEASE, "%s opens its database, and its disk shows that the glass was broken "
                                            "for %s",
                        h->name, truth_region(w, r));
    }
}

/* ---- contact ---- */

static void was_told(const struct world *w, struct truth_glass *g, const struct message *m)
{
    const struct mark *told = &m->as.gossip.mark;
    if (told->id != g->id || told->state <= MARK_STANDS || g->back_us == 0 || g->told > 1)
        return;
    g->told++;
    g->told_us = w->now_us;
}

/* Its database acknowledges writes, and did when it said that. */
static bool is_open_still(const struct world *w, const struct message *m, const struct host *other)
{
    int64_t sent_us = host_true(other, m->sent_us);
    return m->as.gossip.guard && world_acknowledges(w, m->service, other->region) &&
           sent_us >= w->services[m->service].truth->opened_us[other->region] && m->restarts == other->disk.restarts;
}

static bool is_in_time(const struct world *w, const struct host *h, const struct host *other, const struct message *m)
{
    return w->now_us - host_true(other, m->sent_us) <= h->config.heartbeat_us;
}

/* The guard that is named by what is known here holds its database open, by a lease or as the ledger allows. */
static void hears_open(const struct world *w, struct truth *t, const struct host *h, uint8_t from,
                       const struct message *m)
{
    const struct host *other = &w->hosts[from];
    const struct message_gossip *gossip = &m->as.gossip;
    const struct ledger *l = &h->ledger[m->service];
    bool named = h->ledger_known[m->service] && l->writer == other->region && l->guard.node == from &&
                 truth_same_instance(l->guard, gossip->instance);
    bool holds = gossip->fence == FENCE_OPEN && (l->keep_on_quorum_loss || gossip->lease_left_us > 0);
    if (named && holds && is_open_still(w, m, other) && is_in_time(w, h, other, m))
        t->heard_open_us[host_index(w, h)][other->region] = w->now_us;
}

/* Of whose open database the maker hears: of the very one who speaks, or, as that one tells on, of another that it has
 * just heard. */
static region_id met_by(const struct world *w, const struct truth *t, const struct host *h, uint8_t from,
                        const struct message *m)
{
    const struct host *other = &w->hosts[from];
    if (other->region != h->region && is_open_still(w, m, other))
        return other->region;
    int64_t sent_us = host_true(other, m->sent_us);
    for (region_id r = 0; r < w->options.region_count; r++) {
        int64_t heard_us = t->heard_open_us[from][r];
        if (r != h->region && heard_us > 0 && sent_us >= heard_us && sent_us - heard_us <= h->config.heartbeat_us &&
            heard_us >= t->opened_us[r] && m->restarts == other->disk.restarts && is_in_time(w, h, other, m) &&
            world_acknowledges(w, m->service, r))
            return r;
    }
    return REGION_NONE;
}

void check_met(struct world *w, const struct host *h, uint8_t from, const struct message *m)
{
    if (m->service >= w->service_count || m->kind != MESSAGE_GOSSIP || from == host_index(w, h))
        return;
    struct truth *t = w->services[m->service].truth;
    struct truth_glass *g = &t->glasses[host_index(w, h)];
    hears_open(w, t, h, from, m);
    if (g->id == 0 || g->instance != h->config.instance)
        return;
    was_told(w, g, m);
    region_id met = met_by(w, t, h, from, m);
    if (met == REGION_NONE)
        return;
    bool again = g->met == met && w->now_us - g->last_us <= APART_BEATS * h->config.heartbeat_us;
    if (!again)
        g->met_us = w->now_us;
    g->met = met;
    g->last_us = w->now_us;
}

/* Two write, and one of them by a mark: the maker has heard of the other for as long as hearing, asking for a lease and
 * shutting may take them. */
static bool is_late(const struct world *w, const struct truth *t, uint8_t service, const struct host *h,
                    region_id other)
{
    const struct truth_glass *g = &t->glasses[host_index(w, h)];
    if (g->id == 0 || g->met != other || g->met_us == TRUTH_NEVER_US)
        return false;
    const struct service_policy *policy = &h->config.services[service];
    int64_t lease = t->top > 0 ? t->chosen[t->top].longest_lease_us : policy->lease_us;
    int64_t takes = lease + 10 * h->config.heartbeat_us + 2 * policy->fence_budget_us +
                    8 * (w->act_us[ACT_FENCE_SHUT] + w->act_us[ACT_FENCE_HOLD]) + 4 * truth_slack_us(w);
    int64_t since = h->trouble_until_us > g->met_us ? h->trouble_until_us : g->met_us;
    since = t->silent_us[h->region] > since ? t->silent_us[h->region] : since;
    bool together = w->now_us - g->last_us <= APART_BEATS * h->config.heartbeat_us;
    bool able = h->alive && !host_stands(h) && h->config.instance == g->instance && h->guard_ready && !h->store_failed;
    return together && able && w->now_us - since > truth_longest_us(h, takes);
}

/* It gave its mark up and shut, and another coordinator of its region opens the same database by its own mark: this
 * other is held to what it heard itself. */
static bool opened_by_fellow(const struct world *w, const struct truth *t, const struct host *h)
{
    bool fellow = false;
    for (uint8_t n = 0; n < w->host_count; n++) {
        const struct host *other = &w->hosts[n];
        const struct truth_glass *g = &t->glasses[n];
        bool stands = g->id != 0 && g->state == MARK_STANDS && g->instance == other->config.instance;
        fellow = fellow || (other != h && other->region == h->region && other->alive && stands);
    }
    return fellow && t->glasses[host_index(w, h)].state == MARK_SHUT;
}

static const struct host *late_by(const struct world *w, const struct truth *t, uint8_t service, region_id marked,
                                  region_id other)
{
    for (uint8_t n = 0; n < w->host_count; n++)
        if (w->hosts[n].region == marked && is_late(w, t, service, &w->hosts[n], other) &&
            !opened_by_fellow(w, t, &w->hosts[n]))
            return &w->hosts[n];
    return NULL;
}

const struct host *truth_glass_late(const struct world *w, uint8_t service, region_id a, region_id b)
{
    const struct truth *t = w->services[service].truth;
    const struct host *h = late_by(w, t, service, a, b);
    return h != NULL ? h : late_by(w, t, service, b, a);
}

/* ---- reconciling ---- */

void check_reconcile_ordered(struct world *w, uint8_t service, const struct order *order)
{
    struct truth *t = w->services[service].truth;
    bool vouched = (order->skipped_gates >> GATE_FENCE & 1u) != 0;
    t->reconciles[t->next_reconcile] = (struct truth_reconcile){ order->operation, order->to, vouched };
    t->next_reconcile = (uint8_t)((t->next_reconcile + 1u) % TRUTH_MARKS);
}

static const struct truth_glass *find_glass(const struct truth *t, uint64_t mark)
{
    for (uint8_t n = 0; n < POLICY_NODES_MAX; n++)
        if (mark != 0 && t->glasses[n].id == mark)
            return &t->glasses[n];
    return NULL;
}

/* What is said of one mark of a region is said of all that there are of it. */
static bool is_about(const struct world *w, const struct truth *t, const struct truth_reconcile *said, uint64_t mark)
{
    const struct truth_glass *a = find_glass(t, said->mark);
    const struct truth_glass *b = find_glass(t, mark);
    bool same_region = a != NULL && b != NULL && w->hosts[a - t->glasses].region == w->hosts[b - t->glasses].region;
    return mark != 0 && (said->mark == mark || same_region);
}

/* Where its region is kept, a mark is ended by the grant; and before it where another's of that region is granted, if
 * it was known shut by then, or its maker's store was lost. */
static bool was_ordered(const struct world *w, const struct truth *t, uint64_t mark, bool granted)
{
    const struct truth_glass *g = find_glass(t, mark);
    region_id region = g != NULL ? w->hosts[g - t->glasses].region : REGION_NONE;
    for (size_t i = 0; i < TRUTH_MARKS; i++) {
        bool keeps = t->reconciles[i].keep == region;
        bool lost = g != NULL && w->hosts[g - t->glasses].disk.instance != g->instance;
        bool rests = keeps && g != NULL && (g->state == MARK_SHUT || lost) && t->reconciles[i].mark != 0;
        if (is_about(w, t, &t->reconciles[i], mark) && (keeps == granted || rests))
            return true;
    }
    return false;
}

static bool was_vouched(const struct world *w, const struct truth *t, uint64_t mark)
{
    for (size_t i = 0; i < TRUTH_MARKS; i++)
        if (is_about(w, t, &t->reconciles[i], mark) && t->reconciles[i].vouched)
            return true;
    return false;
}

/* A coordinator of the region whose disk says that it may open without a lease, as the disk of the granted one shows
 * too. Only one that lost its store can't. NULL: none. */
static const struct host *may_open(const struct world *w, const struct truth *t, region_id region, node_id granted)
{
    for (uint8_t n = 0; n < w->host_count; n++) {
        const struct truth_glass *g = &t->glasses[n];
        bool stands = g->id != 0 && g->state == MARK_STANDS && w->hosts[n].disk.instance == g->instance;
        if (w->hosts[n].region == region && stands && t->known[granted][n].id == g->id)
            return &w->hosts[n];
    }
    return NULL;
}

/* The list of reconciled marks goes on from value to value: at most one joins, in front. */
bool truth_list_follows(const struct ledger *now, const struct ledger *next)
{
    if (memcmp(now->reconciled, next->reconciled, sizeof now->reconciled) == 0)
        return true;
    size_t rest = sizeof now->reconciled - sizeof now->reconciled[0];
    bool joins = memcmp(now->reconciled, next->reconciled + 1, rest) == 0 &&
                 next->reconciled[0] != 0 && !is_listed(now, next->reconciled[0]);
    bool granted = now->operation.phase == PHASE_BEGUN && next->operation.phase == PHASE_GRANTED;
    return joins && (granted ? next->reconciled[0] == now->operation.mark : next->epoch == now->epoch);
}

/* Ended by a word, and its region not granted by it: it is known shut, or a person vouches for that by name. (What a
 * disk that went back has forgotten others have heard.) */
static void check_set_aside(struct world *w, const struct truth *t, const struct truth_glass *g)
{
    bool may_open = g != NULL && g->state < MARK_SHUT && w->hosts[g - t->glasses].disk.instance == g->instance;
    if (may_open && g->back_us == 0 && !g->forgot && !was_vouched(w, t, g->id))
        world_break(w, INVARIANT_LEASE, "the glass that was broken at %s is reconciled, and it is not known shut",
                    w->hosts[g - t->glasses].name);
}

void check_reconciled(struct world *w, uint8_t service, const struct ledger *before, const struct ledger *l)
{
    struct truth *t = w->services[service].truth;
    uint64_t mark = l->reconciled[0];
    if (mark == before->reconciled[0] || mark == 0)
        return;
    bool keeps = l->operation.phase == PHASE_GRANTED && l->operation.mark == mark && before->writer == REGION_NONE;
    if (!was_ordered(w, t, mark, keeps))
        world_break(w, INVARIANT_EVIDENCE, "a broken glass is reconciled as nobody has ordered");
    const struct truth_glass *g = find_glass(t, mark);
    if (!keeps) {
        check_set_aside(w, t, g);
        return;
    }
    region_id marked = g != NULL ? w->hosts[g - t->glasses].region : REGION_NONE;
    /* Whichever of its coordinators is granted. */
    const struct host *opens = may_open(w, t, marked, l->guard.node);
    if (opens != NULL)
        world_break(w, INVARIANT_LEASE, "the marked side is granted, and the disk of %s says that it may open without "
                                        "a lease",
                    opens->name);
    bool skipped = (before->operation.skipped_gates >> GATE_FENCE & 1u) != 0;
    bool same_database = w->hosts[before->guard.node].region == marked; /* which its maker has shut: above */
    if (g != NULL && skipped && before->guard_epoch > g->epoch && !same_database && !was_vouched(w, t, mark))
        world_break(w, INVARIANT_LEASE, "the marked side is granted at a person's word that the other is dead, which "
                                        "was said before that one was named");
    for (uint64_t v = t->top; v > 0; v--) { /* the outgoing guard, in its own epoch */
        const struct ledger *old = &t->chosen[v];
        if (old->epoch != before->guard_epoch || old->writer == REGION_NONE)
            continue;
        const struct message_release *released = &t->voters[old->guard.node].released;
        bool given = truth_same_instance(released->instance, old->guard) && released->epoch >= before->guard_epoch;
        if (!given && w->now_us + truth_slack_us(w) < truth_leased_until_us(w, service, old))
            world_break(w, INVARIANT_LEASE, "the marked side is granted, and the old lease still runs");
        return;
    }
}

/* A timeline that a person's word began, on one side and not on the other: what is lost there a person was shown. */
bool truth_apart_by_glass(const struct world_service *s, uint32_t a, uint32_t b)
{
    uint32_t sides[2] = { a, b };
    for (size_t i = 0; i < 2; i++)
        for (uint32_t t = sides[i]; t != 0; t = s->timelines[t].parent) {
            uint32_t other = sides[1 - i];
            while (other != 0 && other != t)
                other = s->timelines[other].parent;
            if (other == 0 && is_mark(s->truth, s->timelines[t].operation))
                return true;
        }
    return false;
}
