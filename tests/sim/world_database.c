/* Databases, their timelines and their fences: see world.h.
 *
 * Nothing ticks. What a database wrote, received and acknowledged since it was last looked at is worked
 * out when somebody looks or changes something: between two such moments nothing about it changes but
 * one thing, a kernel element that runs out by itself, and that is what an interval is cut by.
 *
 * An enforced fence is a kernel element with a deadline: packets pass before it. A guarded one is a
 * door: it stays as it was left, whatever dies. */
#include "tests/sim/check.h"
#include "tests/sim/world_parts.h"

#define FIRST_LSN 1000000u
#define WRITE_BYTES_PER_S 1000
/* What clients have under way while their commits wait for a standby: they write no further. */
#define IN_FLIGHT_BYTES 200u
/* The shell sets no kernel element for longer, also where the core asks for ever. */
#define HOLD_MAX_US (3600 * US_PER_S)

/* ---- time passes ---- */

static bool runs(const struct database *db)
{
    return db->up && !db->frozen;
}

bool world_acknowledges(const struct world *w, uint8_t service, region_id r)
{
    const struct world_service *s = &w->services[service];
    const struct database *db = &s->databases[r];
    bool open = s->policy.fence == FENCE_ENFORCED ? w->now_us < db->fence_until : db->door_open;
    return runs(db) && !db->in_recovery && open && !db->cut_off;
}

/* A timeline whose history holds `timeline` can be followed by what is on that one, unless it has gone
 * past the fork already: up to `limit` both are the same. */
static bool descends(const struct world_service *s, uint32_t from, uint32_t timeline,
                     uint64_t *limit)
{
    *limit = UINT64_MAX;
    for (uint32_t t = from; t != timeline; t = s->timelines[t].parent) {
        if (t == 0)
            return false;
        if (s->timelines[t].fork_lsn < *limit)
            *limit = s->timelines[t].fork_lsn;
    }
    return true;
}

bool world_can_follow(const struct world *w, uint8_t service, region_id r, region_id leader)
{
    const struct world_service *s = &w->services[service];
    const struct database *db = &s->databases[r], *from = &s->databases[leader];
    uint64_t limit;
    return runs(db) && db->in_recovery && runs(from) && !from->in_recovery && from->lsn >= db->lsn &&
           descends(s, from->timeline, db->timeline, &limit) && db->lsn <= limit && world_reaches(w, r, leader);
}

static bool follows(const struct world *w, const struct world_service *s, region_id r)
{
    const struct database *db = &s->databases[r];
    return !db->receipt_off && !db->promoting && db->upstream != r && db->upstream < w->options.region_count &&
           world_can_follow(w, (uint8_t)(s - w->services), r, db->upstream);
}

/* How far behind a writer that writes its standbys are. One that waits for them can't get further ahead
 * than what is in flight. */
static uint64_t lag_of(const struct world *w)
{
    uint64_t lag = w->lag_bytes > 0 ? (uint64_t)w->lag_bytes : 0;
    return w->options.synchronous && lag > IN_FLIGHT_BYTES ? IN_FLIGHT_BYTES : lag;
}

static uint64_t received(uint64_t have, uint64_t written, uint64_t lag)
{
    uint64_t sent = written > lag ? written - lag : 0;
    return sent > have ? sent : have;
}

/* Whole bytes since the start of time, so that it makes no difference when somebody looks. */
static uint64_t bytes_by(int64_t us)
{
    return (uint64_t)(us / US_PER_S * WRITE_BYTES_PER_S +
                      us % US_PER_S * WRITE_BYTES_PER_S / US_PER_S);
}

static void acknowledged(struct timeline *t, uint64_t lsn, int64_t at)
{
    if (lsn <= t->acknowledged_lsn || lsn <= t->fork_lsn)
        return;
    t->acknowledged_lsn = lsn;
    t->acknowledged_us = at;
}

/* With synchronous replication a commit is acknowledged when every standby of its timeline has it. One
 * that receives nothing holds all of them up: what is in flight then is written and never acknowledged
 * before it comes back. True if so. */
static bool write_synchronously(struct world *w, struct world_service *s, region_id writer,
                                uint64_t bytes, int64_t from, int64_t end)
{
    struct database *db = &s->databases[writer];
    uint64_t held = UINT64_MAX, lsn = db->lsn + bytes, had_by_all;
    for (region_id r = 0; r < w->options.region_count; r++) {
        const struct database *other = &s->databases[r];
        if (r == writer || !s->policy.regions[r].serves || !other->in_recovery ||
            other->timeline != db->timeline)
            continue;
        if (!(other->upstream == writer && follows(w, s, r)) && other->lsn < held)
            held = other->lsn;
    }
    bool stops = held < UINT64_MAX - IN_FLIGHT_BYTES && lsn > held + IN_FLIGHT_BYTES;
    if (stops)
        lsn = held + IN_FLIGHT_BYTES > db->lsn ? held + IN_FLIGHT_BYTES : db->lsn;
    db->lsn = lsn;
    had_by_all = lsn < held ? lsn : held;
    for (region_id r = 0; r < w->options.region_count; r++) {
        const struct database *other = &s->databases[r];
        if (r == writer || other->upstream != writer || other->timeline != db->timeline ||
            !follows(w, s, r))
            continue;
        uint64_t there = received(other->lsn, lsn, lag_of(w));
        had_by_all = there < had_by_all ? there : had_by_all;
    }
    acknowledged(&s->timelines[db->timeline], had_by_all, stops ? from : end);
    return stops;
}

/* What one database wrote from `from` to now. True if it writes on. */
static bool write_on(struct world *w, struct world_service *s, region_id r, int64_t from)
{
    struct database *db = &s->databases[r];
    bool enforced = s->policy.fence == FENCE_ENFORCED;
    bool open = enforced ? from < db->fence_until : db->door_open;
    if (!w->writes || !runs(db) || db->in_recovery || !open || db->cut_off)
        return false;
    int64_t end = enforced && db->fence_until < w->now_us ? db->fence_until : w->now_us;
    uint64_t bytes = bytes_by(end) - bytes_by(from);
    bool stops = false;
    if (w->options.synchronous) {
        stops = write_synchronously(w, s, r, bytes, from, end);
    } else if (bytes > 0) {
        db->lsn += bytes;
        acknowledged(&s->timelines[db->timeline], db->lsn, end);
    }
    return !stops && (!enforced || w->now_us < db->fence_until);
}

/* A standby that streams stays `lag` behind a writer that writes and gets everything from one that has
 * stopped. It is on its upstream's timeline from where that begins. */
static void receive(const struct world *w, struct world_service *s, region_id r, bool writes_on)
{
    struct database *db = &s->databases[r];
    const struct database *from = &s->databases[db->upstream];
    uint64_t limit;
    db->lsn = received(db->lsn, from->lsn, writes_on ? lag_of(w) : 0);
    if (from->timeline == db->timeline || !descends(s, from->timeline, db->timeline, &limit) || db->lsn < limit)
        return;
    db->timeline = from->timeline;
    db->joined_lsn = s->timelines[db->timeline].acknowledged_lsn;
}

static void settle(struct world *w, struct world_service *s)
{
    bool writes_on[POLICY_REGIONS_MAX] = { false };
    bool passed = w->now_us > s->settled_at;
    for (region_id r = 0; passed && r < w->options.region_count; r++)
        writes_on[r] = write_on(w, s, r, s->settled_at);
    for (region_id r = 0; r < w->options.region_count; r++) {
        struct database *db = &s->databases[r];
        db->streaming = follows(w, s, r);
        if (db->streaming && passed)
            receive(w, s, r, writes_on[db->upstream]);
    }
    s->settled_at = w->now_us;
}

void world_settle(struct world *w)
{
    for (uint8_t i = 0; i < w->service_count; i++)
        settle(w, &w->services[i]);
}

void database_init(struct world *w, uint8_t service)
{
    struct world_service *s = &w->services[service];
    region_id writer = s->policy.initial_writer;
    s->settled_at = w->now_us;
    s->timeline_count = 1;
    s->timelines[1] = (struct timeline){ .fork_lsn = FIRST_LSN };
    for (region_id r = 0; r < w->options.region_count; r++)
        s->databases[r] = (struct database){
            .up = s->policy.regions[r].serves, .in_recovery = r != writer, .timeline = 1,
            .lsn = FIRST_LSN, .upstream = writer, .door_open = true };
    settle(w, s);
}

/* ---- looking ---- */

/* A server that is down or stopped says nothing. */
struct database_facts database_facts_of(struct world *w, uint8_t service, region_id r)
{
    struct world_service *s = &w->services[service];
    const struct database *db = &s->databases[r];
    settle(w, s);
    if (!runs(db))
        return (struct database_facts){ 0 };
    return (struct database_facts){
        .known = true,
        .in_recovery = db->in_recovery,
        .walreceiver_live = db->streaming,
        .frozen = db->receipt_off,
        .timeline = db->timeline,
        .lsn = db->lsn,
        .replayed_lsn = db->lsn,
        .system_id = 42u + service,
    };
}

/* ---- acts ---- */

/* False: this world can't count any further. */
static bool leave_recovery(struct world *w, struct world_service *s, struct database *db)
{
    uint32_t next = s->timeline_count + 1;
    if (next >= WORLD_TIMELINES_MAX) {
        world_break(w, INVARIANT_SANE, "more promotions than this world can remember");
        return false;
    }
    s->timelines[next] = (struct timeline){ .parent = db->timeline, .fork_lsn = db->lsn, .joined_lsn = db->joined_lsn };
    s->timeline_count = next;
    db->in_recovery = db->receipt_off = db->streaming = db->promoting = false;
    db->timeline = next;
    world_mix(w, next);
    world_mix(w, db->lsn);
    return true;
}

/* Done already: it only looks. */
static void promote(struct world *w, struct host *h, const struct act *act,
                    struct act_result *result)
{
    struct world_service *s = &w->services[act->key.service];
    struct database *db = &s->databases[h->region];
    if (db->in_recovery) {
        uint32_t parent = db->timeline;
        uint64_t fork = db->lsn;
        if (!leave_recovery(w, s, db))
            return;
        s->timelines[db->timeline].operation = act->key.operation;
        world_say(w, h, "its database is promoted");
        check_promoted(w, h, act, parent, fork);
    }
    result->outcome = ACT_DONE;
}

/* Until when an opening lasts by true time. A door has no clock of its own: its guard has to shut it by
 * then. */
static int64_t open_until(const struct world *w, const struct host *h, const struct act *act,
                          bool enforced)
{
    int64_t until = host_true(h, act->until.us), most = w->now_us + HOLD_MAX_US;
    return enforced && until > most ? most : until;
}

/* HOLD and READS: to the fence they are the same, so READS that meets a primary opens it for writes. */
static void hold(struct world *w, struct host *h, const struct act *act, struct act_result *result)
{
    uint8_t service = act->key.service;
    struct database *db = &w->services[service].databases[h->region];
    bool enforced = w->services[service].policy.fence == FENCE_ENFORCED;
    if (host_mono(w, h) >= act->until.us) {
        act_words(result, ACT_FAILED, "the lease ran out before the fence could open");
        return;
    }
    int64_t until = open_until(w, h, act, enforced);
    db->fence_until = until;
    db->door_open = true;
    db->opened_by = host_index(w, h);
    if (act->kind == ACT_FENCE_HOLD && h->alive)
        h->disk.held_until_us[service] = act->until.us;
    check_opened(w, h, act, until);
    result->outcome = ACT_DONE;
}

static void fence(struct world *w, struct host *h, const struct act *act,
                  struct act_result *result)
{
    uint8_t service = act->key.service;
    struct database *db = &w->services[service].databases[h->region];
    bool enforced = w->services[service].policy.fence == FENCE_ENFORCED;
    /* The kernel does as it is told whatever PostgreSQL does; a door is PostgreSQL's. */
    if (enforced ? w->region_dead[h->region] : !runs(db)) {
        act_words(result, ACT_FAILED, "the database does not answer");
        return;
    }
    if (act->kind != ACT_FENCE_SHUT) {
        hold(w, h, act, result);
        return;
    }
    db->fence_until = 0;
    db->door_open = false;
    result->outcome = ACT_DONE;
}

/* A server takes any setting; it streams only from where its own timeline leads to. The shell looks first whether
 * it has gone past that, if it can ask. */
static void follow(struct world *w, struct host *h, const struct act *act, struct act_result *result)
{
    struct world_service *s = &w->services[act->key.service];
    struct database *db = &s->databases[h->region];
    const struct database *leader = &s->databases[act->region];
    uint64_t limit;
    bool asked = runs(leader) && !leader->in_recovery && world_reaches(w, h->region, act->region);
    if (asked && descends(s, leader->timeline, db->timeline, &limit) && db->lsn > limit) {
        act_words(result, ACT_REFUSED, "it has gone past the point where that one left its timeline");
        return;
    }
    check_follows(w, h, act);
    db->upstream = act->region;
    db->receipt_off = false;
    settle(w, s);
    act_words(result, db->streaming ? ACT_DONE : ACT_FAILED, db->streaming ? "" : "it does not stream");
}

void database_act(struct world *w, struct host *h, const struct act *act,
                  struct act_result *result)
{
    uint8_t service = act->key.service;
    struct database *db = &w->services[service].databases[h->region];
    settle(w, &w->services[service]);
    if (act->kind == ACT_FENCE_HOLD || act->kind == ACT_FENCE_READS ||
        act->kind == ACT_FENCE_SHUT) {
        fence(w, h, act, result);
        return;
    }
    if (!runs(db)) {
        act_words(result, ACT_FAILED, "the database does not answer");
        return;
    }
    bool receipt = act->kind == ACT_FREEZE || act->kind == ACT_THAW || act->kind == ACT_FOLLOW;
    if (receipt && !db->in_recovery) {
        act_words(result, ACT_REFUSED, "the server is a primary: it receives no WAL");
    } else if (act->kind == ACT_PROMOTE) {
        promote(w, h, act, result);
    } else if (act->kind == ACT_FOLLOW) {
        follow(w, h, act, result);
    } else {
        if (receipt)
            db->receipt_off = act->kind == ACT_FREEZE;
        if (act->kind == ACT_THAW)
            db->upstream = act->region;
        result->outcome = ACT_DONE;
    }
    result->database = database_facts_of(w, service, h->region);
}

/* ---- what befalls them, and what people do ---- */

/* Outside of the server and the guard: neither notices, nor can either undo it. */
void world_database_cut_off(struct world *w, uint8_t service, region_id r, bool cut_off)
{
    settle(w, &w->services[service]);
    w->services[service].databases[r].cut_off = cut_off;
}

/* Its machine stops: the kernel starts anew, without the element. */
void world_database_stop(struct world *w, uint8_t service, region_id r)
{
    struct world_service *s = &w->services[service];
    struct database *db = &s->databases[r];
    settle(w, s);
    db->up = db->frozen = db->promoting = false;
    db->life++;
    db->fence_until = 0;
    settle(w, s);
}

void world_database_start(struct world *w, uint8_t service, region_id r)
{
    struct world_service *s = &w->services[service];
    if (!s->policy.regions[r].serves || w->region_dead[r])
        return;
    settle(w, s);
    struct database *db = &s->databases[r];
    if (!db->up) {
        db->life++; /* what was asked while it was down found nobody */
        db->promoting = false;
    }
    db->up = true;
    settle(w, s);
}

void world_database_restart(struct world *w, uint8_t service, region_id r)
{
    struct world_service *s = &w->services[service];
    if (!s->policy.regions[r].serves || w->region_dead[r])
        return;
    settle(w, s);
    s->databases[r].up = true;
    s->databases[r].frozen = s->databases[r].promoting = false;
    s->databases[r].life++;
    settle(w, s);
}

/* A person made it a standby again (pg_rewind), for which the one to copy from has to answer. */
void world_database_rejoin(struct world *w, uint8_t service, region_id r, region_id upstream)
{
    struct world_service *s = &w->services[service];
    struct database *db = &s->databases[r];
    const struct database *from = &s->databases[upstream];
    settle(w, s);
    if (r == upstream || !s->policy.regions[r].serves || w->region_dead[r] || !runs(from) ||
        !world_reaches(w, r, upstream)) {
        world_say(w, NULL, "%s can't be made a standby of %s now", w->options.region_name[r],
                  w->options.region_name[upstream]);
        return;
    }
    db->up = db->in_recovery = true;
    db->frozen = db->receipt_off = db->promoting = false;
    db->life++;
    db->upstream = upstream;
    db->timeline = from->timeline;
    db->joined_lsn = 0; /* what it copied has all of it */
    db->lsn = from->lsn;
    settle(w, s);
}

void world_database_promote_by_hand(struct world *w, uint8_t service, region_id r)
{
    struct world_service *s = &w->services[service];
    struct database *db = &s->databases[r];
    settle(w, s);
    if (!runs(db) || !db->in_recovery || !leave_recovery(w, s, db))
        return;
    world_say(w, NULL, "%s is promoted by hand", w->options.region_name[r]);
    settle(w, s);
}
