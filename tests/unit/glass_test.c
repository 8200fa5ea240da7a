/* Broken glasses: nothing before the disk, refusals, who opens and who doesn't, how a mark ends. */
#include "tests/unit/service_fixture.h"
#include "tests/unit/suite.h"

#define NOW 100
#define TICKET 5

static const struct order break_glass = { .kind = ORDER_BREAK, .to = 1,
                                          .accepted_loss_bytes = -1, .accepted_loss_us = -1 };

static const struct message_order_reply *reply(void)
{
    const struct message_order_reply *found = NULL;
    for (size_t i = 0; i < fixture_effects.count; i++)
        if (fixture_effects.list[i].kind == EFFECT_REPLY)
            found = &fixture_effects.list[i].as.reply;
    return found;
}

static const struct note *noted(enum note_kind kind)
{
    for (size_t i = 0; i < fixture_effects.count; i++)
        if (fixture_effects.list[i].kind == EFFECT_NOTE && fixture_effects.list[i].as.note.kind == kind)
            return &fixture_effects.list[i].as.note;
    return NULL;
}

/* Node 1, a standby's, which hears nobody. */
static struct service *alone(void)
{
    struct service *s = service_all_open(NOW);
    fixture_peers[0].heard = fixture_peers[2].heard = false;
    fixture_persist = false;
    return s;
}

static enum order_answer given(struct service *s, node_id from, const struct order *order)
{
    struct turn turn = turn_at(NOW);
    order_take(s, &turn, from, TICKET, order);
    return reply() != NULL ? reply()->answer : ANSWER_COUNT;
}

static void run(struct service *s, int64_t now_s)
{
    struct turn turn = turn_at(now_s);
    glass_run(s, &turn);
    order_run(s, &turn);
}

static struct mark mark_of(region_id region, enum mark_state state)
{
    return (struct mark){ .state = state, .id = 9, .maker = { 1000u + region, region }, .region = region,
                          .yields = REGION_NONE, .at = { 7 }, .writer = 0 };
}

/* Our own, on our disk; its database looked at, and open. */
static struct service *broken(void)
{
    struct service *s = alone();
    s->marks[1] = mark_of(1, MARK_STANDS);
    s->glass = (struct glass){ .on_disk = MARK_STANDS, .stage = GLASS_OPEN };
    s->guard.fence = FENCE_OPEN;
    s->guard.wanted = ACT_FENCE_HOLD;
    return s;
}

static void nothing_is_done_before_the_mark_is_on_the_disk(void)
{
    struct service *s = alone();
    CU_ASSERT_EQUAL(given(s, 1, &break_glass), ANSWER_COUNT);
    CU_ASSERT(fixture_persist);
    CU_ASSERT_PTR_NOT_NULL(noted(NOTE_MARK_MADE));
    struct mark made = s->marks[1];
    CU_ASSERT(made.state == MARK_STANDS && made.id != 0 && made.writer == 0 && made.epoch == 1 && made.lsn == 5000);
    run(s, NOW);
    const struct message *ask = message_sent(MESSAGE_GOSSIP);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ask);
    CU_ASSERT(ask->as.gossip.mark.id == made.id);
    run(s, NOW + 5);
    CU_ASSERT(act_sent(ACT_COMPARE) == NULL && act_sent(ACT_FREEZE) == NULL && act_sent(ACT_PROMOTE) == NULL);
    CU_ASSERT_PTR_NULL(reply());
    struct mark other = made;
    other.id++;
    glass_on_disk(s, &other);
    CU_ASSERT_EQUAL(s->glass.on_disk, MARK_NONE);
    glass_on_disk(s, &made);
    run(s, NOW + 6);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_COMPARE));
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT(reply()->answer == ANSWER_ACCEPTED && reply()->operation == made.id);
}

static void a_disk_that_takes_nothing_is_said(void)
{
    struct service *s = alone();
    CU_ASSERT_EQUAL(given(s, 1, &break_glass), ANSWER_COUNT);
    run(s, NOW + 11);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_NO_STORE);
    CU_ASSERT_PTR_NULL(act_sent(ACT_COMPARE));
}

static void it_is_refused_where_it_is_not_right(void)
{
    struct service *s = alone();
    (void)given(s, 2, &break_glass); /* forwarded: never */
    CU_ASSERT_PTR_NOT_NULL_FATAL(message_sent(MESSAGE_ORDER_REPLY));
    CU_ASSERT_EQUAL(message_sent(MESSAGE_ORDER_REPLY)->as.order_reply.answer, ANSWER_NOT_HERE);
    struct order elsewhere = break_glass;
    elsewhere.to = 0;
    CU_ASSERT_EQUAL(given(alone(), 1, &elsewhere), ANSWER_NOT_HERE);
    s = alone();
    fixture_peers[2].heard = true;
    CU_ASSERT_EQUAL(given(s, 1, &break_glass), ANSWER_QUORUM);
    s = alone();
    s->guard.ready = false;
    CU_ASSERT_EQUAL(given(s, 1, &break_glass), ANSWER_NO_FENCE);
    s = alone();
    see(s, 1, 1, (struct database_facts){ .timeline = 2 }, NOW);
    CU_ASSERT_EQUAL(given(s, 1, &break_glass), ANSWER_NO_STANDBY);
    s = alone();
    see(s, 1, 1, (struct database_facts){ .in_recovery = true }, NOW - 60);
    CU_ASSERT_EQUAL(given(s, 1, &break_glass), ANSWER_NO_STANDBY);
    s = alone();
    s->marks[0] = mark_of(0, MARK_SHUT);
    CU_ASSERT_EQUAL(given(s, 1, &break_glass), ANSWER_MARKED);
    s = alone();
    fixture_config.voters = 0x1f; /* of five, whom two are no majority */
    fixture_peers[0].heard = true;
    s->remotes[0] = (struct remote){ .heard = true, .at = AT(NOW), .fence = FENCE_OPEN, .granting = NODE_NONE };
    CU_ASSERT_EQUAL(given(s, 1, &break_glass), ANSWER_STILL_OPEN);
    s->remotes[0].fence = FENCE_CONFIRMED;
    CU_ASSERT_EQUAL(given(s, 1, &break_glass), ANSWER_COUNT);
}

static void it_gives_way_to_whoever_is_open_or_leased(void)
{
    struct remote quiet = { .heard = true, .at = AT(NOW), .fence = FENCE_CONFIRMED, .granting = NODE_NONE };
    struct remote open = quiet, leased = quiet, granting = quiet, stale = quiet;
    open.fence = FENCE_OPEN;
    leased.lease_until = AT(NOW + 1);
    granting.granting = 0;
    stale.fence = FENCE_OPEN;
    stale.at = AT(NOW - 30); /* heard since, by something else than gossip */
    struct { const struct remote *said; bool gives; } cases[] = {
        { &quiet, false }, { &open, true }, { &leased, true }, { &granting, true }, { &stale, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct service *s = broken();
        fixture_peers[0].heard = true;
        s->remotes[0] = *cases[i].said;
        run(s, NOW);
        CU_ASSERT_EQUAL(s->marks[1].state == MARK_GIVEN, cases[i].gives);
        CU_ASSERT_EQUAL(s->marks[1].yields, cases[i].gives ? 0 : REGION_NONE);
        CU_ASSERT_EQUAL(fixture_persist, cases[i].gives);
    }
    struct service *s = broken();
    fixture_peers[2].heard = true; /* a voter by whose grant our own region may be leased */
    s->remotes[2] = quiet;
    s->remotes[2].granting = 1;
    run(s, NOW);
    CU_ASSERT_EQUAL(s->marks[1].state, MARK_STANDS);
}

static void what_was_given_up_is_shut_and_stays_so(void)
{
    struct service *s = broken();
    struct turn turn = turn_at(NOW);
    glass_give(s, &turn, NODE_NONE, 0);
    CU_ASSERT(!glass_stands(s));
    guard_run(s, &turn);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_FENCE_SHUT));
    run(s, NOW);
    CU_ASSERT_EQUAL(s->marks[1].state, MARK_GIVEN);
    s->guard.fence = FENCE_CONFIRMED;
    run(s, NOW + 1);
    CU_ASSERT_EQUAL(s->marks[1].state, MARK_SHUT);
    turn = turn_at(NOW + 2);
    guard_run(s, &turn);
    CU_ASSERT(act_sent(ACT_FENCE_HOLD) == NULL && act_sent(ACT_FENCE_READS) == NULL);
}

static void a_mark_bars_all_but_for_whom_it_was_given_up(void)
{
    struct service *s = alone();
    struct turn turn = turn_at(NOW);
    for (int state = MARK_STANDS; state < MARK_STATE_COUNT; state++) {
        s->marks[1] = mark_of(1, (enum mark_state)state);
        s->marks[1].yields = state == MARK_STANDS ? REGION_NONE : 0;
        CU_ASSERT_EQUAL(glass_bars(s, &turn, 0) != NULL, state != MARK_SHUT);
        CU_ASSERT_PTR_NOT_NULL(glass_bars(s, &turn, 2));
        CU_ASSERT_PTR_NULL(glass_bars(s, &turn, 1));
    }
}

/* The writer's own guard, with a lease that a majority just granted; `open`: it had opened before it heard of the
 * mark. */
static enum act_kind wanted_with_a_mark(bool open)
{
    struct service *s = service_of(0, fixture_first(), NOW);
    lease_enter(&s->guard.lease, 1);
    s->guard.lease.deadline = AT(NOW + 2);
    s->guard.wanted = open ? ACT_FENCE_HOLD : ACT_FENCE_SHUT;
    s->guard.known_epoch = 1;
    s->guard.next_renew = AT(NOW);
    s->guard.clock_mono = AT(NOW);
    s->guard.clock_wall.us = SECONDS(1000000 + NOW);
    s->marks[1] = mark_of(1, MARK_STANDS);
    struct turn turn = turn_at(NOW);
    guard_run(s, &turn);
    CU_ASSERT_EQUAL(message_sent(MESSAGE_RENEW) != NULL, open);
    return s->guard.wanted;
}

static void open_stays_open_and_shut_stays_shut(void)
{
    CU_ASSERT_EQUAL(wanted_with_a_mark(true), ACT_FENCE_HOLD);
    CU_ASSERT_EQUAL(wanted_with_a_mark(false), ACT_FENCE_SHUT);
}

/* At the writer's region, which has a second coordinator (node 1); the ledger names another guard than this. */
static struct service *unnamed(struct instance named)
{
    struct ledger l = fixture_first();
    l.guard = named;
    struct service *s = service_of(0, l, NOW);
    fixture_config.region_of[1] = 0;
    fixture_config.services[0].regions[0].guards = node_bit(0) | node_bit(1);
    s->guard.wanted = ACT_COMPARE;
    s->guard.known_epoch = 1;
    s->guard.clock_mono = AT(NOW);
    s->guard.clock_wall.us = SECONDS(1000000 + NOW);
    s->marks[2] = mark_of(2, MARK_STANDS);
    s->remotes[1] = s->remotes[2] = (struct remote){ .heard = true, .at = AT(NOW), .granting = NODE_NONE };
    return s;
}

static enum act_kind wanted_by(struct service *s, bool brand_new)
{
    struct turn turn = turn_at(NOW);
    turn.brand_new = brand_new;
    guard_run(s, &turn);
    return s->guard.wanted;
}

static void what_nobody_holds_open_is_shut(void)
{
    struct instance former = { 4242, 0 }, second = { 1001, 1 };
    struct service *s = unnamed(former);
    s->marks[2] = mark_of(2, MARK_NONE);
    CU_ASSERT_EQUAL(wanted_by(s, false), ACT_COMPARE); /* without a mark it is not ours */
    CU_ASSERT_EQUAL(wanted_by(unnamed(former), false), ACT_FENCE_SHUT);
    s = unnamed(former);
    s->remotes[2].granting = 0; /* a voter may have leased it */
    CU_ASSERT_EQUAL(wanted_by(s, false), ACT_COMPARE);
    s->remotes[2].at = AT(NOW - 30);
    CU_ASSERT_EQUAL(wanted_by(s, false), ACT_FENCE_SHUT);
    s = unnamed(former);
    s->remotes[1].fence = FENCE_OPEN; /* under a later ledger than we know */
    CU_ASSERT_EQUAL(wanted_by(s, false), ACT_COMPARE);
    s = unnamed(former);
    s->guard.start = AT(NOW); /* it may not have been heard yet */
    CU_ASSERT_EQUAL(wanted_by(s, false), ACT_COMPARE);
    CU_ASSERT_EQUAL(wanted_by(unnamed(second), false), ACT_COMPARE); /* that one sees to it itself */
    s = unnamed(second);
    fixture_peers[1].heard = false;
    CU_ASSERT_EQUAL(wanted_by(s, false), ACT_FENCE_SHUT);
}

static void a_new_installation_beside_a_mark_is_none(void)
{
    struct instance former = { 4242, 0 };
    for (int marked = 0; marked < 2; marked++) {
        struct service *s = unnamed(former);
        s->learner.known = false;
        if (!marked)
            s->marks[2] = mark_of(2, MARK_NONE);
        CU_ASSERT_EQUAL(wanted_by(s, true), marked ? ACT_FENCE_SHUT : ACT_COMPARE);
    }
}

/* Where the grants are not heard of, or there are none since it needs no lease: whoever hears that it is open tells. */
static void a_writer_heard_open_is_told_on(void)
{
    struct remote open = { .heard = true, .at = AT(NOW), .fence = FENCE_OPEN, .instance = guard_of_0,
                           .granting = NODE_NONE };
    struct remote shut = open, other = open, stale = open, leased = open;
    leased.lease_until = AT(NOW + 1);
    shut.fence = FENCE_CONFIRMED;
    other.instance.id = 4242;
    stale.at = AT(NOW - 30);
    struct { const struct remote *said; bool keep, named; node_id told; } cases[] = {
        { &open, true, true, 0 },          { &open, false, true, NODE_NONE },  { &open, true, false, NODE_NONE },
        { &shut, true, true, NODE_NONE },  { &other, true, true, NODE_NONE },  { &stale, true, true, NODE_NONE },
        { &leased, false, true, 0 },       { &leased, false, false, NODE_NONE },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ledger l = fixture_first();
        l.keep_on_quorum_loss = cases[i].keep;
        l.writer = cases[i].named ? l.writer : REGION_NONE;
        struct service *s = service_of(2, l, NOW);
        fixture_peers[0].heard = true;
        s->remotes[0] = *cases[i].said;
        struct turn turn = turn_at(NOW);
        CU_ASSERT_EQUAL(glass_granting(s, &turn), cases[i].told);
        CU_ASSERT_EQUAL(glass_is_granted(s, &turn, 0), cases[i].told == 0);
    }
}

static void a_voter_begins_no_lease_and_breaks_none_off(void)
{
    struct service *s = service_of(2, fixture_first(), NOW);
    struct message_renew renew = { guard_of_0, 1, 1 };
    struct turn turn = turn_at(NOW);
    s->acceptor.accepted = report_of(ballot_of(1, 0), fixture_first());
    CU_ASSERT_FALSE(glass_refuses(s, &turn, &renew));
    s->marks[1] = mark_of(1, MARK_STANDS);
    CU_ASSERT(glass_refuses(s, &turn, &renew));
    CU_ASSERT_EQUAL(glass_granting(s, &turn), NODE_NONE);
    CU_ASSERT_EQUAL(acceptor_renew(&s->acceptor, &renew, AT(NOW)), ACCEPTOR_YES);
    turn = turn_at(NOW + 2);
    CU_ASSERT_FALSE(glass_refuses(s, &turn, &renew));
    CU_ASSERT_EQUAL(glass_granting(s, &turn), 0);
    struct message_renew other = { { 4242, 0 }, 1, 2 };
    CU_ASSERT(glass_refuses(s, &turn, &other));
    turn = turn_at(NOW + 3); /* 2 s by a clock that may be wrong by 10 % end before 2.45 s */
    CU_ASSERT(glass_refuses(s, &turn, &renew));
    renew.instance = guard_of_1; /* the marked region's own */
    CU_ASSERT_FALSE(glass_refuses(s, &turn, &renew));
}

static void what_is_told_is_remembered_and_only_grows(void)
{
    struct service *s = service_of(2, fixture_first(), NOW);
    struct turn turn = turn_at(NOW);
    struct mark mark = mark_of(1, MARK_GIVEN);
    fixture_persist = false;
    glass_hear(s, &turn, &mark);
    CU_ASSERT(fixture_persist && s->marks[1].state == MARK_GIVEN && noted(NOTE_MARK_HEARD) != NULL);
    fixture_persist = false;
    mark.state = MARK_STANDS; /* said earlier */
    glass_hear(s, &turn, &mark);
    CU_ASSERT(!fixture_persist && s->marks[1].state == MARK_GIVEN);
    mark.state = MARK_SHUT;
    glass_hear(s, &turn, &mark);
    CU_ASSERT_EQUAL(s->marks[1].state, MARK_SHUT);
    struct mark nonsense[] = { mark_of(1, MARK_NONE), mark_of(1, MARK_STATE_COUNT), mark_of(1, MARK_STANDS),
                               mark_of(1, MARK_STANDS), mark_of(1, MARK_STANDS) };
    nonsense[2].id = 0;
    nonsense[3].region = 7;
    nonsense[4].maker.node = 2; /* of another region */
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        nonsense[i].at.us = 1000;
        glass_hear(s, &turn, &nonsense[i]);
        CU_ASSERT_EQUAL(s->marks[1].state, MARK_SHUT);
    }
    CU_ASSERT_EQUAL(glass_count(s), 1);
    CU_ASSERT(glass_is_alone(s, &turn, 9) && !glass_is_alone(s, &turn, 0));
}

/* What others know of our own they had from us: that it was given up, which our disk has forgotten, but not that its
 * database is shut now; nor is another mark of ours about this one. */
static void of_our_own_we_hear_that_it_was_given_up(void)
{
    for (int state = MARK_STANDS; state <= MARK_SHUT; state++) {
        struct service *gave = broken();
        struct turn then = turn_at(NOW);
        struct mark said = mark_of(1, (enum mark_state)state);
        said.id++;
        glass_hear(gave, &then, &said);
        CU_ASSERT(glass_stands(gave));
        said.id--;
        said.yields = 2;
        glass_hear(gave, &then, &said);
        CU_ASSERT_EQUAL(glass_stands(gave), state == MARK_STANDS);
        CU_ASSERT(state == MARK_STANDS || (glass_own(gave)->state == MARK_GIVEN && glass_own(gave)->yields == 2));
    }
    struct service *s;
    struct turn turn = turn_at(NOW);
    struct mark told;
    /* A node that lost its store hears of what its former self did: it holds nothing open by that. */
    s = alone();
    told = mark_of(1, MARK_STANDS);
    told.maker.id = 4242;
    glass_hear(s, &turn, &told);
    CU_ASSERT(s->marks[1].state == MARK_STANDS && glass_own(s) == NULL && !glass_stands(s));
}

/* Our disk shows none: it is over, or forgotten. */
static void nobody_opens_by_hearsay(void)
{
    const enum mark_state as[] = { MARK_GIVEN, MARK_GIVEN, MARK_SHUT };
    for (int state = MARK_STANDS; state <= MARK_SHUT; state++) {
        struct service *s = alone();
        struct turn turn = turn_at(NOW);
        struct mark told = mark_of(1, (enum mark_state)state);
        s->learner.known = false; /* it may be over, for all that a process that starts knows */
        glass_hear(s, &turn, &told);
        CU_ASSERT_PTR_NULL(glass_own(s));
        s->learner.known = true;
        glass_hear(s, &turn, &told);
        CU_ASSERT_PTR_NOT_NULL_FATAL(glass_own(s));
        CU_ASSERT_EQUAL(glass_own(s)->state, as[state - MARK_STANDS]);
        CU_ASSERT(fixture_persist);
        run(s, NOW);
        CU_ASSERT_PTR_NULL(act_sent(ACT_COMPARE));
    }
}

/* The service started at 1 s. What it finds on its disk may be over, and whoever is there has the time to say so. */
static void a_process_that_starts_hears_others_before_it_goes_by_its_mark(void)
{
    struct service *s = broken();
    s->glass.stage = GLASS_LOOK;
    run(s, 6);
    CU_ASSERT(act_sent(ACT_COMPARE) == NULL && glass_wants(s) == ACT_COMPARE);
    CU_ASSERT(s->timer_at.us <= AT(7).us && s->glass.detail.s[0] != '\0');
    run(s, 7);
    CU_ASSERT_PTR_NOT_NULL(act_sent(ACT_COMPARE));
}

static void an_old_disk_opens_nothing_by_its_mark(void)
{
    struct service *s = broken();
    s->glass.stage = GLASS_LOOK;
    struct turn turn = turn_at(NOW);
    turn.older = true;
    glass_run(s, &turn);
    CU_ASSERT(act_sent(ACT_COMPARE) == NULL && glass_wants(s) == ACT_COMPARE && glass_stands(s));
    s->glass.made_here = true; /* what a person says now is no word of yesterday */
    glass_run(s, &turn);
    CU_ASSERT(act_sent(ACT_COMPARE) != NULL && glass_holds(s, &turn));
    s = broken();
    s->glass.stage = GLASS_OPEN; /* known too late: who is open by now, or hears another, is what decides */
    glass_run(s, &turn);
    CU_ASSERT_EQUAL(glass_wants(s), ACT_FENCE_HOLD);
    for (int stage = GLASS_SHUT; stage <= GLASS_OPEN; stage++) { /* something was begun, and nothing is open yet */
        s = broken();
        s->guard.fence = FENCE_CONFIRMED;
        s->glass.stage = (enum glass_stage)stage;
        glass_run(s, &turn);
        CU_ASSERT(s->glass.stage == GLASS_LOOK && glass_wants(s) == ACT_COMPARE && act_sent(ACT_PROMOTE) == NULL);
    }
    s = broken();
    s->guard.fence = FENCE_CONFIRMED;
    s->glass.stage = GLASS_PROMOTE;
    s->glass.in_flight = true;
    s->glass.flying = ACT_PROMOTE;
    glass_run(s, &turn);
    CU_ASSERT(s->glass.stage == GLASS_PROMOTE && glass_wants(s) == ACT_FENCE_SHUT); /* what is under way ends shut */
    struct act_result done = { .kind = ACT_PROMOTE, .key = { .attempt = s->glass.attempt }, .outcome = ACT_DONE,
                               .database = { .known = true, .timeline = 2, .lsn = 9 } };
    glass_act_done(s, &turn, &done);
    CU_ASSERT(s->marks[1].promoted && s->glass.stage == GLASS_LOOK);
}

static struct service *looked(enum glass_stage stage, bool promoted, bool in_recovery)
{
    struct service *s = broken();
    s->marks[1].promoted = promoted;
    s->glass.stage = stage;
    s->glass.in_flight = true;
    s->glass.flying = stage == GLASS_LOOK ? ACT_COMPARE : ACT_PROMOTE;
    struct act_result result = { .kind = s->glass.flying, .key = { .attempt = s->glass.attempt }, .outcome = ACT_DONE,
                                 .database = { .known = true, .in_recovery = in_recovery, .timeline = 2, .lsn = 9 } };
    struct turn turn = turn_at(NOW);
    fixture_persist = false;
    glass_act_done(s, &turn, &result);
    return s;
}

static void a_mark_promotes_once(void)
{
    struct service *s = looked(GLASS_PROMOTE, false, false);
    CU_ASSERT(s->marks[1].promoted && fixture_persist && s->glass.stage == GLASS_OPEN);
    s = looked(GLASS_LOOK, false, false); /* the process died before it had written that down */
    CU_ASSERT(s->marks[1].promoted && fixture_persist && s->glass.stage == GLASS_OPEN);
    s = looked(GLASS_LOOK, false, true);
    CU_ASSERT(glass_stands(s) && !s->marks[1].promoted && s->glass.stage == GLASS_SHUT);
    s = looked(GLASS_LOOK, true, false);
    CU_ASSERT(glass_stands(s) && s->glass.stage == GLASS_OPEN);
    s = looked(GLASS_LOOK, true, true); /* made a standby since */
    CU_ASSERT(s->marks[1].state == MARK_GIVEN && s->marks[1].yields == REGION_NONE && fixture_persist);
    CU_ASSERT(s->marks[1].lsn != 9);
}

static void only_a_chosen_ledger_ends_it(void)
{
    struct service *s = broken();
    run(s, NOW);
    CU_ASSERT_EQUAL(s->marks[1].state, MARK_STANDS);
    struct ledger first = fixture_first();
    s->learner.chosen = ledger_reconcile(&first, 8);
    run(s, NOW);
    CU_ASSERT_EQUAL(s->marks[1].state, MARK_STANDS);
    s->learner.chosen = ledger_reconcile(&first, 9);
    fixture_persist = false;
    run(s, NOW);
    CU_ASSERT(s->marks[1].state == MARK_NONE && fixture_persist && noted(NOTE_MARK_ENDED) != NULL);
    struct turn turn = turn_at(NOW);
    struct mark told = mark_of(1, MARK_STANDS);
    told.maker.id = 4242;
    glass_hear(s, &turn, &told); /* by one that has not heard of the end */
    CU_ASSERT_EQUAL(s->marks[1].state, MARK_NONE);
}

/* ---- two coordinators of one region ---- */

/* Our own mark stands, and node 2, a second coordinator of our region, made one too. */
static struct service *both_broken(const struct mark *other)
{
    struct service *s = broken();
    fixture_config.region_of[2] = 1;
    fixture_config.services[0].regions[1].guards = node_bit(1) | node_bit(2);
    s->marks[2] = *other;
    s->marks[2].maker = (struct instance){ 1002, 2 };
    s->marks[2].id = 8;
    s->remotes[2] = (struct remote){ .heard = true, .at = AT(NOW), .granting = NODE_NONE, .instance = { 1002, 2 } };
    fixture_peers[2].heard = true;
    return s;
}

static struct mark fellow(enum mark_state state, int64_t at_us, region_id yields)
{
    struct mark m = mark_of(1, state);
    m.at.us = at_us;
    m.yields = yields;
    return m;
}

static void of_two_marks_of_a_region_one_is_left(void)
{
    struct { enum mark_state state; int64_t at_us; region_id yields; bool heard; uint64_t is; enum mark_state own;
             region_id own_yields; } cases[] = {
        { MARK_STANDS, 6, REGION_NONE, true, 1002, MARK_GIVEN, 1 },
        { MARK_STANDS, 8, REGION_NONE, true, 1002, MARK_STANDS, REGION_NONE },
        { MARK_STANDS, 7, REGION_NONE, true, 1002, MARK_GIVEN, 1 },             /* at one moment: the lower id */
        { MARK_STANDS, 6, REGION_NONE, false, 1002, MARK_STANDS, REGION_NONE }, /* it may be dead */
        { MARK_STANDS, 6, REGION_NONE, true, 4242, MARK_STANDS, REGION_NONE },  /* its store was lost */
        { MARK_GIVEN, 8, 0, false, 1002, MARK_GIVEN, 0 },                       /* for another region: so are we */
        { MARK_SHUT, 8, 0, true, 1002, MARK_GIVEN, 0 },
        { MARK_SHUT, 8, 1, true, 1002, MARK_STANDS, REGION_NONE },              /* for ours */
        { MARK_SHUT, 6, REGION_NONE, true, 1002, MARK_STANDS, REGION_NONE },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mark other = fellow(cases[i].state, cases[i].at_us, cases[i].yields);
        struct service *s = both_broken(&other);
        s->remotes[2].instance.id = cases[i].is;
        fixture_peers[2].heard = s->remotes[2].heard = cases[i].heard;
        run(s, NOW);
        CU_ASSERT_EQUAL(s->marks[1].state, cases[i].own);
        CU_ASSERT_EQUAL(s->marks[1].yields, cases[i].own_yields);
        CU_ASSERT_EQUAL(s->marks[2].state, cases[i].state);
    }
}

/* A majority is back, and has leased it to the region's guard since our mark was made. */
static void a_mark_gives_way_to_its_regions_lease(void)
{
    for (int i = 0; i < 3; i++) {
        struct mark other = fellow(MARK_NONE, 6, REGION_NONE);
        struct service *s = both_broken(&other);
        s->learner.chosen.writer = 1;
        s->learner.chosen.guard = (struct instance){ 1002, 2 };
        s->learner.chosen.longest_lease_us = SECONDS(2);
        s->glass.since = i == 1 ? AT(NOW - 1) : AT(NOW - 10); /* it may be the lease that it had then */
        s->remotes[2].lease_until = i == 2 ? AT(NOW) : AT(NOW + 1);
        run(s, NOW);
        CU_ASSERT_EQUAL(s->marks[1].state, i == 0 ? MARK_GIVEN : MARK_STANDS);
    }
}

/* What was given up is shut once; after that whoever holds the database is left alone. */
static void given_up_for_a_fellow_it_is_left_to_that_one(void)
{
    struct mark other = fellow(MARK_STANDS, 6, REGION_NONE);
    struct { enum mark_state own; region_id yields; bool heard, lost; enum act_kind wanted; } cases[] = {
        { MARK_GIVEN, 1, true, false, ACT_FENCE_SHUT }, { MARK_SHUT, 1, true, false, ACT_COMPARE },
        { MARK_SHUT, 1, false, false, ACT_FENCE_SHUT }, { MARK_SHUT, 1, true, true, ACT_FENCE_SHUT },
        { MARK_SHUT, 0, true, false, ACT_FENCE_SHUT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct service *s = both_broken(&other);
        s->marks[1].state = cases[i].own;
        s->marks[1].yields = cases[i].yields;
        s->remotes[2].heard = fixture_peers[2].heard = cases[i].heard;
        s->remotes[2].instance.id = cases[i].lost ? 4242 : 1002;
        s->guard.mine = true;
        s->guard.clock_mono = AT(NOW);
        s->guard.clock_wall.us = SECONDS(1000000 + NOW);
        CU_ASSERT_EQUAL(wanted_by(s, false), cases[i].wanted);
    }
}

/* ---- reconciling ---- */

static const struct order set_aside = { .kind = ORDER_RECONCILE, .to = 0, .operation = 9,
                                        .accepted_loss_bytes = -1, .accepted_loss_us = -1 };

static void the_mark_is_set_aside_only_when_it_is_shut_and_on_disk(void)
{
    struct service *s = broken();
    fixture_peers[0].heard = fixture_peers[2].heard = true;
    CU_ASSERT_EQUAL(given(s, 1, &set_aside), ANSWER_COUNT);
    run(s, NOW);
    CU_ASSERT(s->marks[1].state == MARK_GIVEN && s->marks[1].yields == 0 && message_sent(MESSAGE_PREPARE) == NULL);
    s->marks[1].state = MARK_SHUT;
    run(s, NOW);
    CU_ASSERT_PTR_NULL(message_sent(MESSAGE_PREPARE));
    s->glass.on_disk = MARK_SHUT;
    run(s, NOW + 2);
    CU_ASSERT_PTR_NOT_NULL(message_sent(MESSAGE_PREPARE));
    CU_ASSERT(s->proposer.goal.reconciled[0] == 9 && s->proposer.goal.writer == 0);
    s->proposer.state = PROPOSER_IDLE;
    s->learner.chosen = s->proposer.goal;
    run(s, NOW + 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_ACCEPTED);
}

static void the_marked_side_is_begun_with_no_way_back(void)
{
    struct service *s = broken();
    fixture_peers[0].heard = fixture_peers[2].heard = true;
    struct order keep = set_aside;
    keep.to = 1;
    CU_ASSERT_EQUAL(given(s, 1, &keep), ANSWER_COUNT);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message_sent(MESSAGE_PREPARE));
    const struct ledger *goal = &s->proposer.goal;
    CU_ASSERT(goal->operation.mark == 9 && !goal->operation.may_return && goal->writer == REGION_NONE &&
              s->marks[1].state == MARK_STANDS);
    CU_ASSERT(ledger_follows(&s->learner.chosen, goal));
    struct service_policy policy = fixture_policy();
    struct ledger granted = ledger_grant(goal, &policy, guard_of_1);
    CU_ASSERT(ledger_follows(goal, &granted) && ledger_is_reconciled(&granted, 9));
    struct ledger other = granted;
    other.reconciled[0] = 10;
    CU_ASSERT_FALSE(ledger_follows(goal, &other));
    struct ledger returning = *goal;
    returning.operation.may_return = true;
    CU_ASSERT_FALSE(ledger_follows(&s->learner.chosen, &returning));
}

/* Each ends in its turn, the executor's own last; and one that may stand keeps its region from being kept. */
static void two_marks_of_a_region_end_one_after_the_other(void)
{
    struct mark stands = fellow(MARK_STANDS, 8, REGION_NONE), shut = fellow(MARK_SHUT, 8, 1);
    struct order keep = set_aside;
    keep.to = 1;
    struct service *s = both_broken(&stands);
    fixture_peers[0].heard = true;
    CU_ASSERT_EQUAL(given(s, 1, &keep), ANSWER_COUNT);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT(reply()->answer == ANSWER_GATE && reply()->gate == GATE_NO_MARK);
    s = both_broken(&shut);
    fixture_peers[0].heard = true;
    keep.operation = 8; /* the other's, as a person may have been shown it */
    CU_ASSERT_EQUAL(given(s, 1, &keep), ANSWER_COUNT);
    run(s, NOW);
    CU_ASSERT(s->proposer.goal.reconciled[0] == 8 && s->proposer.goal.operation.kind == OPERATION_NONE);
    s->proposer.state = PROPOSER_IDLE;
    s->learner.chosen = s->proposer.goal;
    run(s, NOW + 1);
    CU_ASSERT(reply() == NULL && s->marks[2].state == MARK_NONE);
    CU_ASSERT(s->proposer.goal.operation.mark == 9 && s->proposer.goal.reconciled[0] == 8);
    s->proposer.state = PROPOSER_IDLE;
    s->learner.chosen = s->proposer.goal;
    run(s, NOW + 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_ACCEPTED);
}

static void there_is_only_the_mark_that_was_seen(void)
{
    struct service *s = broken();
    fixture_peers[0].heard = fixture_peers[2].heard = true;
    struct order other = set_aside;
    other.operation = 10;
    CU_ASSERT_EQUAL(given(s, 1, &other), ANSWER_COUNT);
    run(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply());
    CU_ASSERT_EQUAL(reply()->answer, ANSWER_NO_MARK);
}

static void no_failover_begins_while_it_is_broken(void)
{
    struct service *s = service_all_open(NOW);
    struct gate gates[GATE_COUNT];
    struct turn turn = turn_at(NOW);
    gates_judge(s, &turn, 1, false, 0, NULL, gates);
    CU_ASSERT_EQUAL(gates_first_shut(gates), GATE_COUNT);
    s->marks[0] = mark_of(0, MARK_SHUT);
    gates_judge(s, &turn, 1, false, UINT32_MAX, NULL, gates);
    CU_ASSERT(gates_first_shut(gates) == GATE_NO_MARK && !gates[GATE_NO_MARK].skipped);
}

SUITE_MAIN("glass", TEST(nothing_is_done_before_the_mark_is_on_the_disk), TEST(a_disk_that_takes_nothing_is_said),
           TEST(it_is_refused_where_it_is_not_right), TEST(it_gives_way_to_whoever_is_open_or_leased),
           TEST(what_was_given_up_is_shut_and_stays_so), TEST(a_mark_bars_all_but_for_whom_it_was_given_up),
           TEST(open_stays_open_and_shut_stays_shut), TEST(what_nobody_holds_open_is_shut),
           TEST(a_new_installation_beside_a_mark_is_none), TEST(a_voter_begins_no_lease_and_breaks_none_off),
           TEST(a_writer_heard_open_is_told_on),
           TEST(what_is_told_is_remembered_and_only_grows), TEST(of_our_own_we_hear_that_it_was_given_up),
           TEST(nobody_opens_by_hearsay),
           TEST(a_process_that_starts_hears_others_before_it_goes_by_its_mark),
           TEST(an_old_disk_opens_nothing_by_its_mark), TEST(a_mark_promotes_once),
           TEST(only_a_chosen_ledger_ends_it), TEST(of_two_marks_of_a_region_one_is_left),
           TEST(a_mark_gives_way_to_its_regions_lease), TEST(given_up_for_a_fellow_it_is_left_to_that_one),
           TEST(two_marks_of_a_region_end_one_after_the_other),
           TEST(the_mark_is_set_aside_only_when_it_is_shut_and_on_disk),
           TEST(the_marked_side_is_begun_with_no_way_back), TEST(there_is_only_the_mark_that_was_seen),
           TEST(no_failover_begins_while_it_is_broken))
