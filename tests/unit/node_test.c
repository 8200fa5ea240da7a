/* node: voting, generations, what is durable before what is said, and three nodes together. */
#include "policy/node.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

#include <string.h>

#define NODES 3

static struct policy_config configs[NODES];
static struct node_store stores[NODES];
static struct node *nodes[NODES];
static struct effects effects;

static void make(node_id n, int64_t now_s)
{
    struct policy_config *c = &configs[n];
    *c = (struct policy_config){ .self = n, .node_count = NODES, .region_count = 3,
                                 .service_count = 1, .voters = VOTERS_OF_3,
                                 .region_of = { 0, 1, 2 }, .heartbeat_us = SECONDS(1),
                                 .instance = 1000u + n, .seed = n + 1u };
    c->services[0] = fixture_policy();
    if (nodes[n] == NULL)
        nodes[n] = malloc(node_size(1));
    CU_ASSERT_PTR_NOT_NULL_FATAL(nodes[n]);
    memset(nodes[n], 0, node_size(1));
    node_init(nodes[n], c, &stores[n], AT(now_s), (struct wall_time){ SECONDS(now_s) }, &effects);
}

static void fresh(node_id n)
{
    stores[n] = (struct node_store){ .sound = true, .restarts = 1 };
    make(n, 1);
}

static void step(node_id n, struct node_event event, int64_t now_s)
{
    event.now = AT(now_s);
    event.wall.us = SECONDS(now_s);
    node_step(nodes[n], &event, &effects);
}

static void say(node_id to, struct message m, int64_t now_s)
{
    struct node_event event = { .kind = EVENT_MESSAGE };
    event.as.message = m;
    if (m.voters_version == 0) {
        event.as.message.voters_version = 1;
        event.as.message.identity = 1000u + m.from;
    }
    step(to, event, now_s);
}

static void generation(node_id to, node_id from, uint64_t seen)
{
    say(to, (struct message){ .kind = MESSAGE_GENERATION, .service = SERVICE_NONE, .from = from,
                              .restarts = 1, .identity = 1000u + from, .voters_version = 1,
                              .as.generation_seen = { 1000u + to, seen } }, 2);
}

static void prepare(node_id to, node_id from, uint64_t counter)
{
    say(to, (struct message){ .kind = MESSAGE_PREPARE, .service = 0, .from = from, .restarts = 1,
                              .as.prepare = { ballot_of(counter, from) } }, 3);
}

static const struct effect *sent(enum message_kind kind)
{
    for (size_t i = 0; i < effects.count; i++)
        if (effects.list[i].kind == EFFECT_SEND && effects.list[i].as.send.message.kind == kind)
            return &effects.list[i];
    return NULL;
}

static bool persists_first(void)
{
    return effects.count > 0 && effects.list[0].kind == EFFECT_PERSIST;
}

static void a_voter_is_silent_until_its_store_is_confirmed(void)
{
    fresh(0);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_UNCONFIRMED);
    prepare(0, 1, 5);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_PROMISE));
    CU_ASSERT_FALSE(persists_first());
    generation(0, 1, 0);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_NOT);
    prepare(0, 1, 5);
    CU_ASSERT_PTR_NOT_NULL(sent(MESSAGE_PROMISE));
}

static void what_is_promised_is_durable_before_it_is_said(void)
{
    fresh(0);
    generation(0, 1, 0);
    uint64_t before = node_durable(nodes[0])->generation;
    prepare(0, 1, 5);
    CU_ASSERT(persists_first());
    uint64_t written = effects.list[0].as.persist.generation;
    CU_ASSERT(written > before);
    CU_ASSERT_EQUAL(written, node_durable(nodes[0])->generation);
    const struct effect *promise = sent(MESSAGE_PROMISE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(promise);
    CU_ASSERT(promise->as.send.durable);
    CU_ASSERT_EQUAL(promise->as.send.message.generation, written);
    CU_ASSERT_EQUAL(promise->as.send.message.from, 0);
    CU_ASSERT_EQUAL(node_durable(nodes[0])->services[0].promised.counter, 5);
}

static void a_store_that_went_back_stays_mute(void)
{
    fresh(0);
    generation(0, 1, 9); /* peers saw more than is on disk */
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_STORE_OLDER);
    generation(0, 2, 0);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_STORE_OLDER);
    prepare(0, 1, 5);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_PROMISE));
}

/* Whoever was confirmed by one and is contradicted by another later falls silent all the same. */
static void a_late_contradiction_ends_the_vote(void)
{
    fresh(0);
    generation(0, 1, 0);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_NOT);
    generation(0, 2, 9);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_STORE_OLDER);
}

static void a_missing_store_is_never_confirmed(void)
{
    stores[0] = (struct node_store){ .sound = false, .restarts = 1 };
    make(0, 1);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_STORE_BAD);
    generation(0, 1, 0);
    generation(0, 2, 0);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_STORE_BAD);
}

static void a_failed_write_is_final(void)
{
    fresh(0);
    generation(0, 1, 0);
    step(0, (struct node_event){ .kind = EVENT_STORE_FAILED }, 2);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_STORE_FAILED);
    generation(0, 2, 0);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_STORE_FAILED);
    prepare(0, 1, 5);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_PROMISE));
}

static void a_new_process_is_told_what_is_known_of_its_store(void)
{
    fresh(0);
    struct message hello = { .kind = MESSAGE_GOSSIP, .service = 0, .from = 1, .restarts = 3,
                             .generation = 12 };
    say(0, hello, 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent(MESSAGE_GENERATION));
    CU_ASSERT_EQUAL(sent(MESSAGE_GENERATION)->as.send.message.as.generation_seen.seen, 0);
    hello.restarts = 4;
    hello.generation = 5; /* its disk went back: it hears of the 12 */
    say(0, hello, 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent(MESSAGE_GENERATION));
    CU_ASSERT_EQUAL(sent(MESSAGE_GENERATION)->as.send.message.as.generation_seen.seen, 12);
}

/* A change writes down the identities of those who vote: that of a store which has forgotten its word never gets there
 * by what the one before it said of itself. */
static void a_new_store_does_not_vote_by_the_word_of_the_one_before(void)
{
    struct node_voters seen;
    fresh(0);
    struct message m = { .kind = MESSAGE_GOSSIP, .service = 0, .from = 1, .restarts = 3, .generation = 12,
                         .identity = 1001, .voters_version = 1, .as.gossip.voting = true };
    say(0, m, 2);
    node_voters(nodes[0], AT(2), &seen);
    CU_ASSERT(seen.voting[1] && seen.identities[1] == 1001);
    m = (struct message){ .kind = MESSAGE_GENERATION, .service = SERVICE_NONE, .from = 1, .restarts = 1,
                          .identity = 2001, .voters_version = 1 };
    say(0, m, 3);
    node_voters(nodes[0], AT(3), &seen);
    CU_ASSERT_EQUAL(seen.identities[1], 2001);
    CU_ASSERT_FALSE(seen.voting[1]);
}

static void one_that_is_no_voter_promises_nothing(void)
{
    fresh(0);
    configs[0].voters = (node_set)6;
    stores[0] = (struct node_store){ .sound = true, .restarts = 1 };
    memset(nodes[0], 0, node_size(1));
    node_init(nodes[0], &configs[0], &stores[0], AT(1), (struct wall_time){ 0 }, &effects);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_NO_VOTE);
    generation(0, 1, 0);
    prepare(0, 1, 5);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_PROMISE));
}

/* The ballot of the round by which the node finds out what became of a value that one voter accepted; all zero: it
 * asks nobody. */
static struct ballot asks(node_id n)
{
    struct message m = { .kind = MESSAGE_GOSSIP, .service = 0, .from = 1, .restarts = 1 };
    m.as.gossip.granting = NODE_NONE;
    m.as.gossip.voting = true;
    m.as.gossip.report = (struct register_report){ true, ballot_of(5, 1), fixture_first() };
    for (int64_t s = 3; s < 12; s++) {
        say(n, m, s);
        const struct effect *e = sent(MESSAGE_PREPARE);
        if (e != NULL)
            return e->as.send.message.as.prepare.ballot;
    }
    return BALLOT_ZERO;
}

/* Its disk went back, and so its restarts are counted as before, and nobody tells it. */
static void one_that_is_no_voter_asks_by_no_ballot_twice(void)
{
    struct ballot ballots[2];
    for (unsigned life = 0; life < 2; life++) {
        fresh(0);
        configs[0].voters = (node_set)6;
        configs[0].seed = 11 + life;
        memset(nodes[0], 0, node_size(1));
        node_init(nodes[0], &configs[0], &stores[0], AT(1), (struct wall_time){ 0 }, &effects);
        CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_NO_VOTE);
        ballots[life] = asks(0);
        CU_ASSERT_EQUAL(ballots[life].counter, 6);
    }
    CU_ASSERT_NOT_EQUAL(ballot_compare(ballots[0], ballots[1]), 0);
}

/* A disk that went back may fail as well; what it says of the restarts is no better by that. */
static void a_store_that_fails_unconfirmed_asks_nobody(void)
{
    for (int confirmed = 0; confirmed < 2; confirmed++) {
        fresh(0);
        if (confirmed != 0)
            generation(0, 1, 0);
        step(0, (struct node_event){ .kind = EVENT_STORE_FAILED }, 2);
        CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_STORE_FAILED);
        CU_ASSERT_EQUAL(asks(0).counter, confirmed != 0 ? 6 : 0);
    }
}

/* Input from peers never aborts: unknown senders, services, regions, steps and checks. */
static void nonsense_is_dropped(void)
{
    fresh(0);
    generation(0, 1, 0);
    for (int kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
        for (unsigned fill = 0; fill < 2; fill++) {
            struct message m;
            memset(&m, 0, sizeof m);
            m.kind = (enum message_kind)kind;
            m.restarts = 1;
            if (fill != 0 && (kind == MESSAGE_CONFIRM || kind == MESSAGE_VERDICT))
                m.as.confirm.region = 200;
            if (fill != 0 && kind == MESSAGE_ORDER)
                m.as.order.order.to = 200;
            if (fill != 0 && kind == MESSAGE_ORDER_REPLY)
                m.as.order_reply.gate = 200;
            if (fill != 0 && kind == MESSAGE_VOTER_ORDER)
                m.as.voter_order.order.node = 200;
            m.from = 200;
            say(0, m, 3);
            CU_ASSERT_PTR_NULL(sent(MESSAGE_PROMISE));
            m.from = 1;
            m.service = 77;
            say(0, m, 3);
            m.service = 0;
            say(0, m, 3);
        }
    struct node_event sample = { .kind = EVENT_SAMPLE };
    sample.as.sample.sample.check = 200;
    step(0, sample, 3);
    struct node_event act = { .kind = EVENT_ACT_DONE };
    act.as.act.key.step = 200;
    step(0, act, 3);
    struct node_event link = { .kind = EVENT_LINK };
    link.as.link.peer = 200;
    step(0, link, 3);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_NOT);
}

/* An accept of what is no ledger is refused, and noted; it never gets to the disk. */
static void an_accept_of_nonsense_is_refused(void)
{
    fresh(0);
    generation(0, 1, 0);
    struct message m = { .kind = MESSAGE_ACCEPT, .service = 0, .from = 1, .restarts = 1 };
    m.as.accept = (struct message_accept){ ballot_of(5, 1), fixture_first() };
    m.as.accept.ledger.guard.node = NODE_NONE;
    say(0, m, 3);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_ACCEPTED));
    CU_ASSERT_FALSE(persists_first());
}

/* A renewal is answered to its own node only: nobody asks for somebody else's lease. */
static void a_renewal_for_another_node_is_not_answered(void)
{
    fresh(1);
    generation(1, 2, 0);
    struct message m = { .kind = MESSAGE_ACCEPT, .service = 0, .from = 0, .restarts = 1 };
    m.as.accept = (struct message_accept){ ballot_of(5, 0), fixture_first() };
    say(1, m, 3);
    CU_ASSERT_PTR_NOT_NULL(sent(MESSAGE_ACCEPTED));
    m = (struct message){ .kind = MESSAGE_RENEW, .service = 0, .from = 2, .restarts = 1 };
    m.as.renew = (struct message_renew){ guard_of_0, 1, 9 };
    say(1, m, 3);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_GRANT));
    CU_ASSERT_PTR_NULL(sent(MESSAGE_REFUSE));
    m.from = 0;
    say(1, m, 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent(MESSAGE_GRANT));
    CU_ASSERT_EQUAL(sent(MESSAGE_GRANT)->as.send.message.as.grant.nonce, 9);
}

/* What was accepted is there after a restart, and a promise is kept across it. */
static void a_restart_keeps_promise_and_value(void)
{
    fresh(1);
    generation(1, 2, 0);
    struct message m = { .kind = MESSAGE_ACCEPT, .service = 0, .from = 0, .restarts = 1 };
    m.as.accept = (struct message_accept){ ballot_of(5, 0), fixture_first() };
    say(1, m, 3);
    stores[1] = (struct node_store){ .sound = true, .restarts = 2,
                                     .durable = *node_durable(nodes[1]) };
    make(1, 9);
    generation(1, 2, stores[1].durable.generation);
    CU_ASSERT_EQUAL(node_mute(nodes[1]), MUTE_NOT);
    prepare(1, 2, 4);
    CU_ASSERT_PTR_NOT_NULL(sent(MESSAGE_REJECT));
    prepare(1, 2, 6);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent(MESSAGE_PROMISE));
    const struct register_report *r = &sent(MESSAGE_PROMISE)->as.send.message.as.promise.report;
    CU_ASSERT(r->present);
    CU_ASSERT_EQUAL(r->ledger.version, 1);
}

/* The timer is always armed for later than now, or the shell would turn in circles. */
static void the_timer_lies_ahead(void)
{
    fresh(0);
    generation(0, 1, 0);
    for (int64_t s = 2; s < 60; s++) {
        for (int again = 0; again < 5; again++)
            step(0, (struct node_event){ .kind = EVENT_TIMER }, s);
        const struct effect *last = &effects.list[effects.count - 1];
        CU_ASSERT_EQUAL(last->kind, EFFECT_TIMER);
        CU_ASSERT(last->as.timer_at.us > SECONDS(s));
    }
}

static void free_nodes(void)
{
    for (node_id n = 0; n < NODES; n++) {
        free(nodes[n]);
        nodes[n] = NULL;
    }
    CU_PASS();
}

/* A mark is kept by a voter that nobody has confirmed yet, too; but its store must not look newer by that: it may have
 * gone back. */
static void what_an_unconfirmed_voter_writes_leaves_its_generation(void)
{
    stores[0] = (struct node_store){ .sound = true, .restarts = 3, .durable = { .generation = 7 } };
    make(0, 1);
    struct message heard = { .kind = MESSAGE_GOSSIP, .from = 1, .restarts = 1 };
    heard.as.gossip.granting = NODE_NONE;
    heard.as.gossip.mark = (struct mark){ .state = MARK_STANDS, .id = 9, .maker = { 1001, 1 }, .region = 1,
                                          .yields = REGION_NONE, .writer = 0 };
    say(0, heard, 2);
    CU_ASSERT(persists_first());
    CU_ASSERT(effects.list[0].as.persist.generation == 7 && effects.list[0].as.persist.ticket == 1);
    CU_ASSERT_EQUAL(node_durable(nodes[0])->generation, 7);
    CU_ASSERT_EQUAL(node_durable(nodes[0])->services[0].marks[1].id, 9);
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_UNCONFIRMED);
    generation(0, 2, 8); /* somebody has seen more */
    CU_ASSERT_EQUAL(node_mute(nodes[0]), MUTE_STORE_OLDER);
    generation(0, 1, 0);
    prepare(0, 1, 5);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_PROMISE));
}

SUITE_MAIN("node", TEST(a_voter_is_silent_until_its_store_is_confirmed),
           TEST(what_is_promised_is_durable_before_it_is_said),
           TEST(a_store_that_went_back_stays_mute), TEST(a_late_contradiction_ends_the_vote),
           TEST(a_missing_store_is_never_confirmed), TEST(a_failed_write_is_final),
           TEST(a_new_process_is_told_what_is_known_of_its_store),
           TEST(a_new_store_does_not_vote_by_the_word_of_the_one_before),
           TEST(one_that_is_no_voter_promises_nothing), TEST(one_that_is_no_voter_asks_by_no_ballot_twice),
           TEST(a_store_that_fails_unconfirmed_asks_nobody), TEST(nonsense_is_dropped),
           TEST(an_accept_of_nonsense_is_refused), TEST(a_renewal_for_another_node_is_not_answered),
           TEST(what_an_unconfirmed_voter_writes_leaves_its_generation),
           TEST(a_restart_keeps_promise_and_value), TEST(the_timer_lies_ahead), TEST(free_nodes))
