/* voters: which sets there can be, how one follows another, whose majority counts, and the register's rounds. */
#include "policy/quorum/voters.h"
#include "policy/service.h"
#include "tests/unit/policy_fixture.h"
#include "tests/unit/suite.h"

#define NODES 6

static struct voter_set three(void)
{
    struct voter_set set = voters_first(VOTERS_OF_3);
    set.identity[0] = 10;
    set.identity[1] = 11;
    set.identity[2] = 12;
    return set;
}

static void the_first_set_knows_no_identities(void)
{
    struct voter_set first = voters_first(VOTERS_OF_3);
    CU_ASSERT(voters_valid(&first, NODES));
    CU_ASSERT_EQUAL(first.version, 1);
    CU_ASSERT(voters_may_vote(&first, 2, 77)); /* whichever it is: generations tell */
    CU_ASSERT_FALSE(voters_may_vote(&first, 2, 0));
    CU_ASSERT_FALSE(voters_may_vote(&first, 3, 77));
    CU_ASSERT_FALSE(voters_may_vote(&first, 200, 77));
}

static void a_vote_belongs_to_an_identity(void)
{
    struct voter_set set = three();
    CU_ASSERT(voters_may_vote(&set, 2, 12));
    CU_ASSERT_FALSE(voters_may_vote(&set, 2, 13));
    struct voter_set replaced = voters_changing(&set, VOTER_REPLACE, 2, 13);
    CU_ASSERT(voters_may_vote(&replaced, 2, 13));
    CU_ASSERT_FALSE(voters_may_vote(&replaced, 2, 12)); /* from the moment that it is under way */
    struct voter_set removed = voters_changing(&set, VOTER_REMOVE, 2, 0);
    CU_ASSERT(voters_may_vote(&removed, 2, 12));        /* until it is over */
    removed = voters_settled(&removed);
    CU_ASSERT_FALSE(voters_may_vote(&removed, 2, 12));
}

static void both_sets_count_while_one_is_added(void)
{
    struct voter_set set = three(), next = voters_changing(&set, VOTER_ADD, 3, 14);
    struct electorate e = voters_electorate(&next);
    CU_ASSERT(electorate_has(e, 0x7));
    CU_ASSERT(electorate_has(e, 0xb));
    CU_ASSERT_FALSE(electorate_has(e, 0x3)); /* two of the three, but not of the four */
    CU_ASSERT_FALSE(electorate_has(e, 0x9));
    CU_ASSERT_EQUAL(electorate_needed(e), 3);
    struct voter_set settled = voters_settled(&next);
    CU_ASSERT(voters_valid(&settled, NODES) && settled.voters == 0xf && settled.identity[3] == 14);
}

/* {1, 2'} of the new set never met {0, 2} of the old one: so 2' counts in the new one alone. */
static void a_new_identity_has_no_vote_in_the_old_set(void)
{
    struct voter_set set = three(), next = voters_changing(&set, VOTER_REPLACE, 2, 13);
    struct electorate e = voters_electorate(&next);
    CU_ASSERT(electorate_has(e, 0x3));
    CU_ASSERT_FALSE(electorate_has(e, 0x5));
    CU_ASSERT_FALSE(electorate_has(e, 0x6));
    CU_ASSERT(electorate_has(e, 0x7));
    CU_ASSERT(electorate_lost(e, 0x1));
    CU_ASSERT_FALSE(electorate_lost(e, 0x4));
    struct voter_set settled = voters_settled(&next);
    CU_ASSERT(electorate_has(voters_electorate(&settled), 0x6));
    set = voters_first(0xf); /* the one that leaves still makes the size of the old set: three of its four */
    next = voters_changing(&set, VOTER_REPLACE, 3, 13);
    CU_ASSERT_FALSE(electorate_has(voters_electorate(&next), 0xb));
    CU_ASSERT(electorate_has(voters_electorate(&next), 0x7));
}

/* What people read never says that enough are there while they are not, nor the other way round. */
static void people_are_told_how_far_a_count_gets(void)
{
    struct voter_set set = three(), replaced = voters_changing(&set, VOTER_REPLACE, 2, 13);
    CU_ASSERT_EQUAL(electorate_counted(voters_electorate(&set), 0x5), 2);
    CU_ASSERT_EQUAL(electorate_counted(voters_electorate(&replaced), 0x5), 1); /* one more, of the old set */
    CU_ASSERT_EQUAL(electorate_counted(voters_electorate(&replaced), 0x4), 0);
    CU_ASSERT_EQUAL(electorate_counted(voters_electorate(&replaced), 0x7), 3);
    struct voter_set sets[] = { three(), replaced, voters_changing(&set, VOTER_ADD, 3, 14), voters_first(0xf),
                                voters_first(0x1f) };
    sets[3] = voters_changing(&sets[3], VOTER_ADD, 4, 15);
    sets[4] = voters_changing(&sets[4], VOTER_REMOVE, 4, 0);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct electorate e = voters_electorate(&sets[i]);
        for (unsigned yes = 0; yes < 1u << NODES; yes++)
            CU_ASSERT_EQUAL(electorate_has(e, (node_set)yes),
                            electorate_counted(e, (node_set)yes) >= electorate_needed(e));
    }
}

/* Any two majorities of versions next to each other have somebody in common. */
static void majorities_next_to_each_other_meet(void)
{
    static const struct { node_set voters; enum voter_change change; node_id node; } changes[] = {
        { 0x7, VOTER_ADD, 3 },     { 0x7, VOTER_REPLACE, 1 },  { 0xf, VOTER_REMOVE, 0 }, { 0xf, VOTER_ADD, 5 },
        { 0xf, VOTER_REPLACE, 3 }, { 0x1f, VOTER_REMOVE, 4 }, { 0x1f, VOTER_REPLACE, 2 },
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct voter_set at[3] = { voters_first(changes[i].voters) };
        at[1] = voters_changing(&at[0], changes[i].change, changes[i].node, 99);
        at[2] = voters_settled(&at[1]);
        for (int v = 0; v < 2; v++)
            for (unsigned yes = 0; yes < 1u << NODES; yes++) {
                node_set mine = (node_set)yes, others = (node_set)(~yes & 0x3f);
                CU_ASSERT_FALSE(electorate_has(voters_electorate(&at[v]), mine) &&
                                electorate_has(voters_electorate(&at[v + 1]), others));
            }
    }
}

static void one_step_follows_another(void)
{
    struct voter_set set = three(), add = voters_changing(&set, VOTER_ADD, 3, 14), other = add;
    CU_ASSERT(voters_follows(&set, &add));
    struct voter_set settled = voters_settled(&add);
    CU_ASSERT(voters_follows(&add, &settled));
    CU_ASSERT_FALSE(voters_follows(&set, &settled)); /* not in one go */
    CU_ASSERT_FALSE(voters_follows(&add, &add));
    other.version++;
    CU_ASSERT_FALSE(voters_follows(&set, &other));
    CU_ASSERT_FALSE(voters_follows(&add, &other)); /* a change on top of a change */
    other = add;
    other.identity[1] = 99; /* who has the vote is not changed in passing... */
    CU_ASSERT_FALSE(voters_follows(&set, &other));
    set.identity[1] = 0; /* ...but may be written down */
    CU_ASSERT(voters_follows(&set, &other));
    other = settled;
    other.voters = 0x1f;
    CU_ASSERT_FALSE(voters_follows(&add, &other));
}

static void sizes_and_nonsense_are_refused(void)
{
    struct voter_set set = three();
    struct voter_set few = voters_changing(&set, VOTER_REMOVE, 2, 0);
    CU_ASSERT_FALSE(voters_valid(&few, NODES));
    CU_ASSERT_FALSE(voters_follows(&set, &few));
    set.voters = 0x1f;
    struct voter_set many = voters_changing(&set, VOTER_ADD, 5, 15);
    CU_ASSERT_FALSE(voters_valid(&many, NODES));
    set = three();
    struct voter_set twice = voters_changing(&set, VOTER_ADD, 1, 15), nobody = voters_changing(&set, VOTER_ADD, 3, 0),
                     same = voters_changing(&set, VOTER_REPLACE, 1, 11),
                     stranger = voters_changing(&set, VOTER_REMOVE, 4, 0),
                     beyond = voters_changing(&set, VOTER_ADD, 5, 15);
    CU_ASSERT_FALSE(voters_valid(&twice, NODES));
    CU_ASSERT_FALSE(voters_valid(&nobody, NODES));
    CU_ASSERT_FALSE(voters_valid(&same, NODES));
    CU_ASSERT_FALSE(voters_valid(&stranger, NODES));
    CU_ASSERT_FALSE(voters_valid(&beyond, 5)); /* a node that there isn't */
    set.version = 0;
    CU_ASSERT_FALSE(voters_valid(&set, NODES));
    set = three();
    set.change = (enum voter_change)77;
    CU_ASSERT_FALSE(voters_valid(&set, NODES));
    set = three();
    set.identity[4] = 1; /* of one who is no voter */
    CU_ASSERT_FALSE(voters_valid(&set, NODES));
}

/* ---- the register ---- */

static struct voter_register reg;
static struct effects effects;
static struct policy_config config = { .self = 0, .node_count = NODES, .heartbeat_us = SECONDS(1) };
static struct peer peers[POLICY_NODES_MAX];
static uint64_t random_state = 5;
static bool persist;

static struct turn at(int64_t s)
{
    effects.count = 0;
    persist = false;
    return (struct turn){ .now = AT(s), .said_at = AT(s), .config = &config, .voters = voters_electorate(&reg.d.set),
                          .peers = peers,
                          .effects = &effects, .random = &random_state, .voting = true, .may_propose = true,
                          .ballots = 7, .persist = &persist };
}

static const struct message *sent(enum message_kind kind)
{
    for (size_t i = 0; i < effects.count; i++)
        if (effects.list[i].kind == EFFECT_SEND && effects.list[i].as.send.message.kind == kind)
            return &effects.list[i].as.send.message;
    return NULL;
}

static int answered(void)
{
    for (size_t i = 0; i < effects.count; i++)
        if (effects.list[i].kind == EFFECT_REPLY)
            return (int)effects.list[i].as.reply.answer;
    return -1;
}

static struct message from(node_id voter, enum message_kind kind, struct ballot ballot)
{
    return (struct message){ .kind = kind, .from = voter, .as.voters = { .ballot = ballot } };
}

static void begin(void)
{
    struct durable_voters d = { .set = three() };
    voter_register_init(&reg, &d, 0, 0, 7);
}

/* Node 3 is there, with a store; the three voters vote; every service is at rest. */
static const struct voter_witness all_vote = {
    .voting = 0x7, .able = 0xf, .identities = { 10, 11, 12, 14 }, .former = { 10, 11, 12 }
};

static void give(struct turn *turn, node_id given_at, uint64_t ticket, const struct voter_witness *w,
                 enum voter_change change, node_id node, bool idle)
{
    struct voter_grounds g = { .known = true, .idle = idle, .service = SERVICE_NONE };
    struct voter_order o = { .change = change, .node = node, .by = { "ann" } };
    voter_register_order(&reg, turn, given_at, ticket, &o, w, &g);
}

static int order(enum voter_change change, node_id node, bool idle)
{
    struct turn turn = at(10);
    give(&turn, 0, 1, &all_vote, change, node, idle);
    return answered();
}

static void what_is_accepted_by_others_goes_on(void)
{
    begin();
    CU_ASSERT_EQUAL(order(VOTER_ADD, 3, true), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent(MESSAGE_VOTERS_PREPARE));
    struct ballot ballot = sent(MESSAGE_VOTERS_PREPARE)->as.voters.ballot;
    struct voter_set set = three(), theirs = voters_changing(&set, VOTER_REPLACE, 2, 88);
    struct turn turn = at(11);
    struct message m = from(0, MESSAGE_VOTERS_PROMISE, ballot);
    CU_ASSERT_FALSE(voter_register_message(&reg, &turn, &m));
    CU_ASSERT_PTR_NULL(sent(MESSAGE_VOTERS_ACCEPT));
    CU_ASSERT_FALSE(voter_register_message(&reg, &turn, &m)); /* one voter twice is one voter */
    CU_ASSERT_PTR_NULL(sent(MESSAGE_VOTERS_ACCEPT));
    m = from(1, MESSAGE_VOTERS_PROMISE, ballot);
    m.as.voters.report = (struct voter_report){ true, { 1, 1, 1 }, theirs };
    CU_ASSERT_FALSE(voter_register_message(&reg, &turn, &m));
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent(MESSAGE_VOTERS_ACCEPT));
    CU_ASSERT(voters_equal(&sent(MESSAGE_VOTERS_ACCEPT)->as.voters.report.set, &theirs));
    m = from(0, MESSAGE_VOTERS_ACCEPTED, ballot);
    CU_ASSERT_FALSE(voter_register_message(&reg, &turn, &m));
    m.from = 1;
    CU_ASSERT(voter_register_message(&reg, &turn, &m));
    CU_ASSERT(persist);
    CU_ASSERT_EQUAL(reg.d.set.node_identity, 88);
    CU_ASSERT_EQUAL(answered(), ANSWER_CHANGING); /* chosen is another's */
}

static void a_voter_keeps_its_word(void)
{
    begin();
    struct voter_set set = three(), add = voters_changing(&set, VOTER_ADD, 3, 14),
                     other = voters_changing(&set, VOTER_ADD, 4, 15), far = voters_settled(&add);
    struct turn turn = at(1);
    struct message m = from(1, MESSAGE_VOTERS_PREPARE, (struct ballot){ 5, 1, 1 });
    (void)voter_register_message(&reg, &turn, &m);
    CU_ASSERT(persist && sent(MESSAGE_VOTERS_PROMISE) != NULL);
    turn = at(1);
    m = from(2, MESSAGE_VOTERS_ACCEPT, (struct ballot){ 4, 1, 2 });
    m.as.voters.report = (struct voter_report){ true, m.as.voters.ballot, add };
    (void)voter_register_message(&reg, &turn, &m);
    CU_ASSERT(!persist && sent(MESSAGE_VOTERS_REJECT) != NULL);
    turn = at(1);
    m.as.voters.ballot = (struct ballot){ 5, 1, 1 };
    (void)voter_register_message(&reg, &turn, &m);
    CU_ASSERT(persist && sent(MESSAGE_VOTERS_ACCEPTED) != NULL);
    turn = at(1);
    m.as.voters.report.set = other; /* another value by one ballot */
    (void)voter_register_message(&reg, &turn, &m);
    CU_ASSERT(!persist && sent(MESSAGE_VOTERS_ACCEPTED) == NULL);
    turn = at(1);
    m.as.voters.ballot.counter = 9;
    m.as.voters.report.set = far; /* what may not follow */
    (void)voter_register_message(&reg, &turn, &m);
    CU_ASSERT(!persist && sent(MESSAGE_VOTERS_ACCEPTED) == NULL);
    CU_ASSERT(voters_equal(&reg.d.accepted.set, &add));
    turn = at(1);
    turn.voting = false; /* a mute one says nothing */
    m = from(1, MESSAGE_VOTERS_PREPARE, (struct ballot){ 50, 1, 1 });
    (void)voter_register_message(&reg, &turn, &m);
    CU_ASSERT_EQUAL(effects.count, 0);
}

static void a_change_ends_when_everything_is_in_place(void)
{
    begin();
    struct voter_set set = three(), add = voters_changing(&set, VOTER_ADD, 3, 14);
    struct turn turn = at(10);
    CU_ASSERT(voter_register_told(&reg, &turn, &add));
    CU_ASSERT_FALSE(voter_register_told(&reg, &turn, &set)); /* old news */
    struct voter_grounds g = { .known = true, .held = true, .service = SERVICE_NONE, .waited = AT(40) };
    reg.ours = true;
    turn = at(50);
    (void)voter_register_run(&reg, &turn, &g);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_VOTERS_PREPARE)); /* nobody is known to have it on disk */
    voter_register_stored(&reg, &turn, 0, 1);         /* the former one */
    voter_register_stored(&reg, &turn, 0, 2);
    voter_register_stored(&reg, &turn, 1, 2);
    (void)voter_register_run(&reg, &turn, &g);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_VOTERS_PREPARE)); /* two are no majority of four */
    voter_register_stored(&reg, &turn, 3, 2);
    turn = at(39);
    (void)voter_register_run(&reg, &turn, &g);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_VOTERS_PREPARE)); /* the wait */
    g.held = false;
    turn = at(60);
    (void)voter_register_run(&reg, &turn, &g);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_VOTERS_PREPARE)); /* a service's value */
    g.held = true;
    (void)voter_register_run(&reg, &turn, &g);
    CU_ASSERT_PTR_NOT_NULL(sent(MESSAGE_VOTERS_PREPARE));
    CU_ASSERT(reg.goal.version == 3 && reg.goal.change == VOTER_NONE && reg.goal.voters == 0xf);
}

static void orders_that_make_no_sense_are_refused(void)
{
    begin();
    CU_ASSERT_EQUAL(order(VOTER_ADD, 1, true), ANSWER_VOTES_ALREADY);
    CU_ASSERT_EQUAL(order(VOTER_REPLACE, 1, true), ANSWER_VOTES_ALREADY);
    CU_ASSERT_EQUAL(order(VOTER_REMOVE, 3, true), ANSWER_NO_VOTER);
    CU_ASSERT_EQUAL(order(VOTER_REMOVE, 1, true), ANSWER_TOO_FEW);
    CU_ASSERT_EQUAL(order(VOTER_ADD, 4, true), ANSWER_NO_STORE_THERE);
    CU_ASSERT_EQUAL(order(VOTER_ADD, 200, true), ANSWER_NO_VOTER);
    CU_ASSERT_EQUAL(order((enum voter_change)9, 3, true), ANSWER_NO_VOTER);
    CU_ASSERT_EQUAL(order(VOTER_ADD, 3, false), ANSWER_OPERATION);
    CU_ASSERT_EQUAL(reg.round, VOTER_ROUND_IDLE);
    CU_ASSERT_EQUAL(order(VOTER_ADD, 3, true), -1);
    CU_ASSERT_EQUAL(order(VOTER_ADD, 3, true), ANSWER_CHANGING);
}

/* ---- orders that are forwarded ---- */

static struct turn mute_at(int64_t s)
{
    struct turn turn = at(s);
    turn.voting = turn.may_propose = false;
    return turn;
}

/* Node 0 is mute, 1 and 2 vote. */
static struct voter_witness without_us(void)
{
    struct voter_witness w = all_vote;
    w.voting = 0x6;
    return w;
}

static void run_at(int64_t s)
{
    struct turn turn = mute_at(s);
    struct voter_grounds g = { .service = SERVICE_NONE };
    (void)voter_register_run(&reg, &turn, &g);
}

static void a_mute_node_hands_an_order_to_one_that_votes(void)
{
    begin();
    struct voter_witness w = without_us();
    struct turn turn = mute_at(10);
    give(&turn, 0, 5, &w, VOTER_ADD, 3, true);
    const struct message *m = sent(MESSAGE_VOTER_ORDER);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT(m->as.voter_order.ticket == 5 && m->as.voter_order.order.node == 3 && m->service == SERVICE_NONE);
    CU_ASSERT_STRING_EQUAL(m->as.voter_order.order.by.s, "ann");
    CU_ASSERT_EQUAL(answered(), -1);
    CU_ASSERT_EQUAL(reg.round, VOTER_ROUND_IDLE);
    struct message_order_reply said = { .ticket = 5, .answer = ANSWER_OPERATION, .value = 2 };
    turn = mute_at(11);
    voter_register_reply(&reg, &turn, 2, &said); /* not whom it was handed to */
    said.ticket = 4;
    voter_register_reply(&reg, &turn, 1, &said); /* an answer to another order */
    CU_ASSERT_EQUAL(answered(), -1);
    said.ticket = 5;
    voter_register_reply(&reg, &turn, 1, &said);
    CU_ASSERT_EQUAL(answered(), ANSWER_OPERATION);
    turn = mute_at(12);
    voter_register_reply(&reg, &turn, 1, &said); /* answered once */
    CU_ASSERT_EQUAL(answered(), -1);
}

/* Heard by its own road, and ours to it may be down still. */
static void one_that_can_be_reached_is_asked_first(void)
{
    begin();
    struct voter_witness w = without_us();
    struct turn turn = mute_at(10);
    peers[2].linked = true;
    give(&turn, 0, 5, &w, VOTER_ADD, 3, true);
    peers[2].linked = false;
    CU_ASSERT_EQUAL(reg.order.executor, 2);
}

/* Whoever has it may have begun; what a chosen set looks like does not say whose order it was. */
static void nobody_knows_what_became_of_an_order_without_its_answer(void)
{
    begin();
    struct voter_witness w = without_us();
    struct turn turn = mute_at(10);
    give(&turn, 0, 5, &w, VOTER_ADD, 3, true);
    struct voter_set set = three(), add = voters_changing(&set, VOTER_ADD, 3, 14);
    turn = mute_at(11);
    CU_ASSERT(voter_register_told(&reg, &turn, &add));
    CU_ASSERT_EQUAL(answered(), -1);
    CU_ASSERT_FALSE(reg.ours);
    run_at(19);
    CU_ASSERT_EQUAL(answered(), -1);
    run_at(20);
    CU_ASSERT_EQUAL(answered(), ANSWER_NO_QUORUM);
}

/* Even if it gets its vote while it waits: it would begin a second time. */
static void what_was_handed_on_is_not_begun_here(void)
{
    begin();
    CU_ASSERT_EQUAL(order(VOTER_ADD, 3, true), -1); /* leaves a goal behind */
    reg.order.active = false;
    reg.round = VOTER_ROUND_IDLE;
    struct voter_witness w = without_us();
    struct turn turn = mute_at(10);
    give(&turn, 0, 5, &w, VOTER_ADD, 3, true);
    turn = at(15);
    struct voter_grounds g = { .service = SERVICE_NONE };
    (void)voter_register_run(&reg, &turn, &g);
    CU_ASSERT_PTR_NULL(sent(MESSAGE_VOTERS_PREPARE));
}

static void forwarded_once_and_never_on(void)
{
    begin();
    struct voter_witness w = without_us();
    struct turn turn = mute_at(10);
    give(&turn, 2, 5, &w, VOTER_ADD, 3, true); /* from a node that took us for one that votes */
    CU_ASSERT_PTR_NULL(sent(MESSAGE_VOTER_ORDER));
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent(MESSAGE_VOTER_REPLY));
    CU_ASSERT_EQUAL(sent(MESSAGE_VOTER_REPLY)->as.order_reply.answer, ANSWER_MUTE);
    w.voting = 0;
    turn = mute_at(10);
    give(&turn, 0, 6, &w, VOTER_ADD, 3, true); /* nobody that votes is heard */
    CU_ASSERT_EQUAL(answered(), ANSWER_MUTE);
}

/* Answers go to the node where it was given; the time counts from there. */
static void an_order_of_another_node_is_carried_out(void)
{
    begin();
    struct turn turn = at(10);
    turn.said_at = AT(7);
    give(&turn, 2, 5, &all_vote, VOTER_ADD, 3, true);
    CU_ASSERT_PTR_NOT_NULL(sent(MESSAGE_VOTERS_PREPARE));
    CU_ASSERT_EQUAL(reg.order.deadline.us, SECONDS(17));
    turn = at(11);
    give(&turn, 1, 9, &all_vote, VOTER_ADD, 4, true); /* the one under way is not disturbed */
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent(MESSAGE_VOTER_REPLY));
    CU_ASSERT(sent(MESSAGE_VOTER_REPLY)->as.order_reply.ticket == 9 &&
              sent(MESSAGE_VOTER_REPLY)->as.order_reply.answer == ANSWER_CHANGING);
    struct voter_set set = three(), add = voters_changing(&set, VOTER_ADD, 3, 14);
    turn = at(12);
    CU_ASSERT(voter_register_told(&reg, &turn, &add));
    CU_ASSERT_EQUAL(answered(), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent(MESSAGE_VOTER_REPLY));
    CU_ASSERT(sent(MESSAGE_VOTER_REPLY)->as.order_reply.ticket == 5 &&
              sent(MESSAGE_VOTER_REPLY)->as.order_reply.answer == ANSWER_ACCEPTED &&
              sent(MESSAGE_VOTER_REPLY)->as.order_reply.value == 2);
    CU_ASSERT(reg.ours);
}

SUITE_MAIN("voters", TEST(the_first_set_knows_no_identities), TEST(a_vote_belongs_to_an_identity),
           TEST(both_sets_count_while_one_is_added), TEST(a_new_identity_has_no_vote_in_the_old_set),
           TEST(people_are_told_how_far_a_count_gets),
           TEST(majorities_next_to_each_other_meet), TEST(one_step_follows_another),
           TEST(sizes_and_nonsense_are_refused),
           TEST(what_is_accepted_by_others_goes_on), TEST(a_voter_keeps_its_word),
           TEST(a_change_ends_when_everything_is_in_place), TEST(orders_that_make_no_sense_are_refused),
           TEST(a_mute_node_hands_an_order_to_one_that_votes),
           TEST(one_that_can_be_reached_is_asked_first),
           TEST(nobody_knows_what_became_of_an_order_without_its_answer), TEST(what_was_handed_on_is_not_begun_here),
           TEST(forwarded_once_and_never_on), TEST(an_order_of_another_node_is_carried_out))
