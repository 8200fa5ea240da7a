/* glass: break-glass, the writer by a person's word when no majority is left to ask; and the marks that say so.
 *
 * On a node of the target a person states that the old database is dead. The mark goes to this node's disk first, and
 * only when it is known to be there (a message to ourselves that the shell lets out from there) is anything done:
 *
 *   look     is it a primary already (a restart behind a mark, once others had time to say it is over)? then open
 *   shut     our own fence is confirmed, so a promotion that completes late gives a database nobody can enter
 *   freeze   what the mark says of the fork is what is promoted
 *   promote
 *   open     guard.c holds it open, ten minutes at a time, by its live guard alone
 *
 * While the marked node meets nobody, that person's word is the only proof of one writer, and everything says so.
 * From the first contact on the nodes have to see to it themselves. Four rules do, whoever is met first:
 *
 *  - Nobody opens anew who knows of a mark, but for whom it was given up, once its database is known shut: a guard
 *    opens nothing on any lease, a voter begins no lease (glass_refuses). The mark is told on, and kept on the disk of
 *    each that heard of it, so it makes no difference whether the old writer's region meets its maker or only a voter
 *    that did. A voter that never heard of it and meets nobody who did can't refuse: no promise is made where no node
 *    is reachable that shows the mark.
 *  - What is open, and no lease can hold it, is shut as well: under a guarded fence a database writes on when its guard
 *    is dead, or has come back as another after it lost its store, and that one's lease nobody renews. Whoever looks
 *    after that database, and hears of nobody who holds it or may have leased it, shuts it: the marked side, which
 *    hears neither, has nobody to give way to, and would go on beside it (guard.c, is_left_open).
 *  - What is open under a lease by then stays open: it is the majority's, its clients write, and shutting it would take
 *    a healthy writer down for one that never had a lease. The marked side gives its mark up instead, for good and on
 *    its disk, as soon as it hears of such a lease: from that guard (open, or its lease runs) or from any voter by
 *    whose grant it may run. A voter that would refuse a new lease does not break a running one off, so both sides go
 *    by the same fact. Where that fact is wrong (a grant that never made a majority), both are shut and a person
 *    decides: never two. The marked side may hear neither of these, but a node without a vote that hears the guard. So
 *    whoever hears the guard that the ledger names say that it is open under its lease tells that on like a grant of
 *    its own (is_heard_open). With on_quorum_loss keep that guard needs no lease to stay open, and no voter renews one
 *    for it beside a mark: there the fact is that it is open.
 *  - Neither rule helps where the marked side hears a database write on that nobody says to hold, and is not heard
 *    there: who would shut it never learns of the mark. So it gives way as well to what is seen to write for longer
 *    than shutting it would have taken (who_writes_on).
 *
 * So with the old writer dead and the ledger as it was, the marked side goes on and nobody else opens. With a majority
 * that went on without it, the marked side is shut at contact, keeps all that it has, and is never opened by that mark
 * again; then it bars the region that it yielded to no more, since a blip of that one's guard must not become an outage
 * without end, and still every other. What is left in both cases is a person's decision (reconcile.c): until then no
 * failover begins (gates.c, no_mark).
 *
 * A mark ends only by a chosen ledger that says so; each node that learns of that forgets it. Two glasses broken in two
 * regions are two marks, each barring the other: at contact each hears that the other is open, and one or both are
 * shut.
 *
 * Two coordinators of one region that don't hear each other may both break it there, and both hold the same database
 * open. Neither ends for the other's end: whoever is deaf to that would go on opening what its fellow has shut. So
 * there are two marks, and the makers see to it that one is left (glass_fellow): as soon as it hears the other's, the
 * maker of the younger gives it up, and shuts for good before it stands back; the database that the older holds is away
 * for as long as its maker takes to see that. The same where the region's guard has its lease, renewed since the mark
 * was made: a majority is back, and what that guard opens needs no person's word. And as soon as the one is given up
 * for another region, or at a person's word, so is the other, whoever told; not where it was given up for nobody, since
 * that maker's store is lost: the other goes on. A reconciliation that keeps the region waits until one is left; one
 * that doesn't, until all are shut (reconcile.c).
 */
#include "policy/quorum/majority.h"
#include "policy/service.h"

#define GLASS_RETRY_MIN_US (500 * US_PER_MS)
#define GLASS_RETRY_MAX_US (10 * US_PER_S)

/* ---- marks ---- */

static struct mark *own_mark(struct service *s)
{
    struct mark *m = &s->marks[s->guard.self.node];
    return m->state != MARK_NONE && instance_equal(m->maker, s->guard.self) ? m : NULL;
}

const struct mark *glass_own(const struct service *s)
{
    const struct mark *m = &s->marks[s->guard.self.node];
    return m->state != MARK_NONE && instance_equal(m->maker, s->guard.self) ? m : NULL;
}

bool glass_stands(const struct service *s)
{
    const struct mark *m = glass_own(s);
    return m != NULL && m->state == MARK_STANDS;
}

/* Others say that our disk went back: nothing is opened by what is on it. What is open by then stays so, if they say it
 * so late. */
static bool stops_short(const struct service *s, const struct turn *turn)
{
    const struct glass *g = &s->glass;
    bool open = g->opened || (g->stage == GLASS_OPEN && s->guard.fence == FENCE_OPEN);
    return turn->older && !g->made_here && !open;
}

bool glass_holds(const struct service *s, const struct turn *turn)
{
    return glass_stands(s) && !stops_short(s, turn);
}

const struct mark *glass_find(const struct service *s, uint64_t mark)
{
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        if (s->marks[n].state != MARK_NONE && s->marks[n].id == mark)
            return &s->marks[n];
    return NULL;
}

bool glass_may_stand(const struct service *s, const struct ledger *l, uint64_t mark)
{
    const struct mark *m = glass_find(s, mark);
    return mark != 0 && !ledger_is_reconciled(l, mark) && (m == NULL || m->state == MARK_STANDS);
}

uint8_t glass_count(const struct service *s)
{
    uint8_t count = 0;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        count = (uint8_t)(count + (s->marks[n].state != MARK_NONE));
    return count;
}

bool glass_is_alone(const struct service *s, const struct turn *turn, uint64_t mark)
{
    const struct mark *own = glass_find(s, mark);
    for (node_id n = 0; n < POLICY_NODES_MAX; n++) {
        const struct mark *m = &s->marks[n];
        bool over = m->state == MARK_SHUT || (m->state != MARK_NONE && glass_maker_lost(s, turn, m));
        bool rests = own != NULL && m->region == own->region && over;
        if (m->state != MARK_NONE && (mark == 0 || m->id != mark) && !rests)
            return false;
    }
    return true;
}

const struct mark *glass_bars(const struct service *s, const struct turn *turn, region_id region)
{
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct mark *m = &s->marks[n];
        bool for_fellow = mark_rests(m) && mark_of_region(s->marks, m->region) != m; /* which bars, or not */
        bool yielded = (m->state == MARK_SHUT && m->yields == region) || for_fellow;
        if (m->state != MARK_NONE && m->region != region && !yielded)
            return m;
    }
    return NULL;
}

bool glass_is_tended(const struct service *s, const struct turn *turn)
{
    for (node_id n = 0; n < turn->config->node_count; n++) {
        const struct mark *m = &s->marks[n];
        bool stands = n != turn_self(turn) && m->state == MARK_STANDS && m->region == s->home;
        if (stands && turn_heard(turn, n) && !glass_maker_lost(s, turn, m))
            return true;
    }
    return false;
}

static struct note *note_mark(struct service *s, struct turn *turn, enum note_kind kind, const struct mark *m)
{
    struct note *note = service_note(s, turn, kind);
    note->region = m->region;
    note->node = m->maker.node;
    note->operation = m->id;
    s->gossip_now = true;
    return note;
}

/* On a disk that takes nothing it is remembered for as long as the process lives. */
static void keep(const struct turn *turn)
{
    if (turn->stores)
        *turn->persist = true;
}

/* What others tell of our own mark they had from us, and not before it was on our disk. That it was given up, where our
 * disk says that it stands, was before that went back: another may have opened for it. */
static void hear_own(struct service *s, struct turn *turn, const struct mark *told)
{
    const struct mark *own = own_mark(s);
    if (own->id == told->id && own->state == MARK_STANDS && told->state > MARK_STANDS)
        glass_give(s, turn, NODE_NONE, told->yields);
}

void glass_hear(struct service *s, struct turn *turn, const struct mark *told)
{
    if (told->state <= MARK_NONE || told->state >= MARK_STATE_COUNT || told->id == 0 ||
        told->region >= turn->config->region_count || told->maker.node >= turn->config->node_count ||
        turn->config->region_of[told->maker.node] != told->region)
        return;
    const struct ledger *l = service_ledger(s);
    struct mark *m = &s->marks[told->maker.node];
    bool ended = l != NULL && ledger_is_reconciled(l, told->id);
    if (ended)
        return;
    if (m == own_mark(s)) { /* or one of a former store's, which ours has taken the place of */
        hear_own(s, turn, told);
        return;
    }
    /* We made it, and our disk doesn't show it: it is over, and whoever tells of it has not heard that; or our disk
     * went back to before it. In neither case do we open by it, which only what is on our own disk allows: what is
     * over bars nobody else any more, and what we forgot we may have given up, and another opened for that. As long
     * as nothing is known of the ledger it is taken to be over (it is told again, and a database that is open under a
     * former process's lease is not shut for it). A ledger that doesn't say so shows that we forgot: then it counts as
     * given up, so that we shut and a person can end it. */
    struct mark heard = *told;
    if (instance_equal(told->maker, s->guard.self)) {
        if (l == NULL)
            return;
        heard.state = told->state > MARK_GIVEN ? told->state : MARK_GIVEN;
    }
    bool same = m->state != MARK_NONE && m->id == heard.id;
    bool newer = same ? heard.state > m->state : m->state == MARK_NONE || heard.at.us > m->at.us;
    if (!newer)
        return;
    *m = heard;
    keep(turn);
    if (!same)
        note_mark(s, turn, NOTE_MARK_HEARD, m);
    s->gossip_now = true;
}

struct mark glass_tell(struct service *s)
{
    for (node_id i = 1; i <= POLICY_NODES_MAX; i++) {
        node_id n = (node_id)((s->mark_told + i) % POLICY_NODES_MAX);
        if (s->marks[n].state == MARK_NONE)
            continue;
        s->mark_told = n;
        return s->marks[n];
    }
    return (struct mark){ .state = MARK_NONE };
}

static void forget_reconciled(struct service *s, struct turn *turn)
{
    const struct ledger *l = service_ledger(s);
    for (node_id n = 0; l != NULL && n < turn->config->node_count; n++) {
        struct mark *m = &s->marks[n];
        if (m->state == MARK_NONE || !ledger_is_reconciled(l, m->id))
            continue;
        note_mark(s, turn, NOTE_MARK_ENDED, m);
        if (m == own_mark(s))
            s->glass = (struct glass){ .attempt = s->glass.attempt, .rival = REGION_NONE };
        *m = (struct mark){ .state = MARK_NONE };
        keep(turn);
    }
}

/* ---- giving up ---- */

void glass_give(struct service *s, struct turn *turn, node_id node, region_id region)
{
    struct mark *m = own_mark(s);
    policy_ensure(m != NULL && m->state == MARK_STANDS);
    m->state = MARK_GIVEN;
    m->yields = region;
    keep(turn);
    s->glass.in_flight = false;
    s->glass.stage = GLASS_LOOK;
    s->glass.detail = (struct policy_text){ "" };
    struct note *note = note_mark(s, turn, NOTE_MARK_GIVEN, m);
    note->node = node;
    note->a = node != NODE_NONE;
    service_wake(s, turn->now); /* the guard shuts now */
}

static void see_shut(struct service *s, struct turn *turn, struct mark *m)
{
    const struct guard *g = &s->guard;
    if (m->state != MARK_GIVEN || g->fence != FENCE_CONFIRMED || g->wanted != ACT_FENCE_SHUT)
        return;
    m->state = MARK_SHUT;
    keep(turn);
    note_mark(s, turn, NOTE_MARK_SHUT, m);
}

/* ---- what stands on our disk ---- */

void glass_on_disk(struct service *s, const struct mark *told)
{
    const struct mark *m = glass_own(s);
    if (m != NULL && told->id == m->id && told->state > s->glass.on_disk)
        s->glass.on_disk = told->state;
}

/* The message waits behind every write asked for so far; one may be dropped, so it is sent again. */
static void ask_the_disk(struct service *s, struct turn *turn, const struct mark *m)
{
    if (s->glass.on_disk >= m->state)
        return;
    if (mono_reached(turn->now, s->glass.ask_at)) {
        struct message *ask = effects_send(turn->effects, node_bit(turn_self(turn)), true, MESSAGE_GOSSIP, s->index);
        ask->as.gossip = (struct message_gossip){ .instance = s->guard.self, .mark = *m, .granting = NODE_NONE };
        s->glass.ask_at = mono_after(turn->now, turn->config->heartbeat_us);
    }
    service_wake(s, s->glass.ask_at);
}

/* ---- what is done behind it ---- */

enum act_kind glass_wants(const struct service *s)
{
    if (s->glass.stage == GLASS_OPEN)
        return ACT_FENCE_HOLD;
    /* A process that starts behind its mark may have left the database open: the first look decides. */
    return s->glass.stage == GLASS_LOOK ? ACT_COMPARE : ACT_FENCE_SHUT;
}

static void enter(struct service *s, struct turn *turn, enum glass_stage stage)
{
    struct glass *g = &s->glass;
    g->stage = stage;
    g->tries = 0;
    g->retry_at = turn->now;
    g->in_flight = false;
    g->detail = (struct policy_text){ "" };
    service_wake(s, turn->now);
}

static void send_act(struct service *s, struct turn *turn, enum act_kind kind)
{
    struct glass *g = &s->glass;
    const struct ledger *l = service_ledger(s);
    if (g->in_flight && !mono_reached(turn->now, g->act_deadline)) {
        service_wake(s, g->act_deadline);
        return;
    }
    if (!mono_reached(turn->now, g->retry_at)) {
        service_wake(s, g->retry_at);
        return;
    }
    int64_t deadline_us = kind == ACT_PROMOTE ? s->policy->promote_deadline_us : s->policy->promote_deadline_us / 4;
    struct act *act = &effects_add(turn->effects, EFFECT_ACT)->as.act;
    *act = (struct act){
        .kind = kind,
        .key = { s->index, STEP_GLASS, ++g->attempt, l != NULL ? l->epoch : 0, glass_own(s)->id },
        .until = mono_after(turn->now, deadline_us),
        .deadline = mono_after(turn->now, deadline_us),
        .region = s->home,
    };
    g->in_flight = true;
    g->flying = kind;
    g->tries++;
    g->act_deadline = mono_after(act->deadline, US_PER_S); /* the shell answers before; then it counts as lost */
    struct note *note = service_note(s, turn, NOTE_ACT_SENT);
    note->step = STEP_GLASS;
    note->a = kind;
    note->operation = glass_own(s)->id;
    service_wake(s, g->act_deadline);
}

/* Where it left the others: what is compared when a person reconciles. */
static void note_fork(struct service *s, struct turn *turn, const struct database_facts *facts)
{
    struct mark *m = own_mark(s);
    if (!facts->known || !facts->in_recovery || (m->timeline == facts->timeline && m->lsn == facts->lsn))
        return;
    m->timeline = facts->timeline;
    m->lsn = facts->lsn;
    keep(turn);
    s->gossip_now = true;
}

/* A mark promotes once. Its maker's store may be lost and the database made a standby again, by somebody who knew of no
 * mark any more; when the old disk then turns up, its mark still stands. What the person said of the old writer was
 * said of another time, and what was promoted by it is gone: such a mark is given up, and a person decides. A crash
 * before this is on the disk leaves a primary, which is what the next process finds. */
static void note_promoted(struct service *s, struct turn *turn)
{
    struct mark *m = own_mark(s);
    if (m->promoted)
        return;
    m->promoted = true;
    keep(turn);
}

static enum glass_stage after(enum act_kind kind, bool primary)
{
    if (primary || kind == ACT_PROMOTE)
        return GLASS_OPEN;
    return kind == ACT_FREEZE ? GLASS_PROMOTE : GLASS_SHUT;
}

void glass_act_done(struct service *s, struct turn *turn, const struct act_result *result)
{
    struct glass *g = &s->glass;
    if (!glass_stands(s) || !g->in_flight || result->key.attempt != g->attempt || result->kind != g->flying)
        return;
    g->in_flight = false;
    struct note *note = service_note(s, turn, NOTE_ACT_DONE);
    note->step = STEP_GLASS;
    note->a = result->kind;
    note->b = result->outcome;
    note->detail = result->detail;
    note->operation = glass_own(s)->id;
    if (result->database.known)
        s->health.sightings[s->home][turn_self(turn)] = (struct sighting){ true, turn->now, result->database };
    bool primary = result->database.known && !result->database.in_recovery;
    bool standby = result->database.known && result->database.in_recovery;
    if (g->stage == GLASS_LOOK && standby && glass_own(s)->promoted) {
        glass_give(s, turn, NODE_NONE, REGION_NONE);
        return;
    }
    if (g->stage != GLASS_PROMOTE)
        note_fork(s, turn, &result->database);
    if (primary || (result->kind == ACT_PROMOTE && result->outcome == ACT_DONE))
        note_promoted(s, turn);
    if (result->outcome == ACT_DONE || primary) {
        enter(s, turn, stops_short(s, turn) ? GLASS_LOOK : after(result->kind, primary));
        return;
    }
    int64_t wait_us = GLASS_RETRY_MIN_US << (g->tries < 5 ? g->tries : 5);
    g->retry_at = mono_after(turn->now, wait_us < GLASS_RETRY_MAX_US ? wait_us : GLASS_RETRY_MAX_US);
    g->detail = result->detail;
    service_wake(s, g->retry_at);
}

/* A mark that a process finds on its disk need not be in force any more: it may have been ended while the maker was
 * away, or the disk is one of yesterday, from before it was given up. In both cases another is open by now, and whoever
 * is reachable can say so. So nothing is done by it before they had the time to, and nothing where they know that our
 * disk went back: what it forgot may be just that, and what it says is a person's to end. Until then the database is
 * left as it is; what a former process holds open by the mark has minutes left. A maker that meets nobody who knows
 * better goes on by what it finds. */
static bool may_be_over(struct service *s, struct turn *turn)
{
    if (s->glass.made_here)
        return false;
    struct mono_time hears_until = mono_after(s->start, GUARD_HEAR_US);
    if (turn->older) {
        policy_text_set(&s->glass.detail, "the store here went back to before: nothing is opened by the mark on it");
        return true;
    }
    if (mono_reached(turn->now, hears_until))
        return false;
    policy_text_set(&s->glass.detail, "hearing first whether the others know the mark ended");
    service_wake(s, hears_until);
    return true;
}

static void work(struct service *s, struct turn *turn)
{
    struct glass *g = &s->glass;
    if (g->stage != GLASS_LOOK && !g->in_flight && stops_short(s, turn))
        enter(s, turn, GLASS_LOOK);
    if (g->stage == GLASS_LOOK && !g->in_flight && may_be_over(s, turn))
        return;
    switch (g->stage) {
    case GLASS_LOOK: send_act(s, turn, ACT_COMPARE); return;
    case GLASS_SHUT:
        g->detail = s->guard.detail;
        if (s->guard.fence == FENCE_CONFIRMED && s->guard.wanted == ACT_FENCE_SHUT)
            enter(s, turn, GLASS_FREEZE);
        return;
    case GLASS_FREEZE: send_act(s, turn, ACT_FREEZE); return;
    case GLASS_PROMOTE: send_act(s, turn, ACT_PROMOTE); return;
    case GLASS_OPEN:
    default:
        g->detail = s->guard.detail;
        if (!g->opened && s->guard.fence == FENCE_OPEN)
            note_mark(s, turn, NOTE_MARK_OPENED, glass_own(s));
        g->opened = g->opened || s->guard.fence == FENCE_OPEN;
    }
}

static void give_way(struct service *s, struct turn *turn, const struct mark *m)
{
    if (m->state != MARK_STANDS)
        return;
    region_id region = REGION_NONE;
    node_id to = glass_rival(s, turn, &region);
    if (to == NODE_NONE)
        to = glass_fellow(s, turn, &region);
    if (to != NODE_NONE)
        glass_give(s, turn, to, region);
}

void glass_run(struct service *s, struct turn *turn)
{
    forget_reconciled(s, turn);
    struct mark *m = own_mark(s);
    if (m == NULL)
        return;
    give_way(s, turn, m);
    see_shut(s, turn, m);
    ask_the_disk(s, turn, m);
    if (m->state == MARK_STANDS && s->glass.on_disk == MARK_STANDS)
        work(s, turn);
}

void glass_init(struct service *s, const struct turn *turn, const struct mark marks[POLICY_NODES_MAX])
{
    s->glass.rival = REGION_NONE;
    s->glass.since = turn->now;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        s->marks[n] = marks[n];
    const struct mark *m = &s->marks[turn_self(turn)];
    struct instance self = { turn->config->instance, turn_self(turn) };
    if (m->state != MARK_NONE && instance_equal(m->maker, self))
        s->glass.on_disk = m->state;
}

/* ---- breaking it ---- */

static bool hears_a_majority(const struct service *s, const struct turn *turn)
{
    node_set heard = 0;
    for (node_id n = 0; n < turn->config->node_count; n++)
        if (service_able(s, turn, n))
            heard = (node_set)(heard | node_bit(n));
    return electorate_has(turn->voters, heard);
}

static bool is_a_standby(const struct service *s, const struct turn *turn)
{
    const struct sighting *own = &s->health.sightings[s->home][turn_self(turn)];
    return own->known && own->facts.in_recovery && mono_since(turn->now, own->at) <= s->policy->evidence_max_age_us;
}

/* ANSWER_ACCEPTED: nothing speaks against it but what nobody can know. */
static enum order_answer judge(const struct service *s, const struct turn *turn)
{
    const struct pending_order *o = &s->order;
    if (o->from != turn_self(turn) || !s->guard.mine || o->order.to != s->home)
        return ANSWER_NOT_HERE;
    if (glass_count(s) != 0)
        return ANSWER_MARKED;
    if (hears_a_majority(s, turn))
        return ANSWER_QUORUM;
    if (glass_leads(s, turn) != NODE_NONE)
        return ANSWER_STILL_OPEN;
    if (!turn->stores)
        return ANSWER_NO_STORE;
    if (!s->guard.ready)
        return ANSWER_NO_FENCE;
    return is_a_standby(s, turn) ? ANSWER_ACCEPTED : ANSWER_NO_STANDBY;
}

static void make_mark(struct service *s, struct turn *turn)
{
    struct pending_order *o = &s->order;
    const struct register_report *accepted = &s->acceptor.accepted;
    const struct ledger *l = service_ledger(s);
    if (l == NULL && accepted->present) /* a process that started without a majority knows only its own disk */
        l = &accepted->ledger;
    const struct database_facts *facts = &s->health.sightings[s->home][turn_self(turn)].facts;
    o->operation = turn_random(turn) | 1u;
    s->marks[turn_self(turn)] = (struct mark){
        .state = MARK_STANDS,
        .id = o->operation,
        .maker = s->guard.self,
        .region = s->home,
        .yields = REGION_NONE,
        .at = o->given,
        .by = o->order.by,
        .why = o->order.why,
        .proof = o->order.proof,
        .version = l != NULL ? l->version : 0,
        .epoch = l != NULL ? l->epoch : 0,
        .writer = l != NULL ? l->writer : REGION_NONE,
        .timeline = facts->timeline,
        .lsn = facts->lsn,
    };
    s->glass = (struct glass){ .made_here = true, .since = turn->now, .attempt = s->glass.attempt, .ask_at = turn->now,
                               .rival = REGION_NONE };
    *turn->persist = true;
    note_mark(s, turn, NOTE_MARK_MADE, own_mark(s))->detail = o->order.by;
}

void glass_order_take(struct service *s, struct turn *turn)
{
    enum order_answer said = judge(s, turn);
    if (said == ANSWER_ACCEPTED)
        make_mark(s, turn);
    else
        order_say(s, turn, said, NULL, GATE_COUNT);
}

/* Answered when the mark is on the disk; what comes of it is told by status, as of any operation. */
void glass_order_run(struct service *s, struct turn *turn)
{
    const struct pending_order *o = &s->order;
    if (s->glass.on_disk != MARK_NONE)
        order_say(s, turn, ANSWER_ACCEPTED, NULL, GATE_COUNT);
    else if (mono_reached(turn->now, o->deadline))
        order_say(s, turn, ANSWER_NO_STORE, NULL, GATE_COUNT);
    else
        service_wake(s, o->deadline);
}
