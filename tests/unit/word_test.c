/* What people say that only the ledger keeps: how it is answered, and what the journal tells of it. */
#include "tests/unit/service_fixture.h"
#include "tests/unit/suite.h"

#include "policy/failover/word.h"

#include <string.h>

#define NOW 100
#define WALL(s) ((struct wall_time){ SECONDS(1000000 + (s)) })

static const struct said somebody = { { 77 }, { "alice" }, { "the bridge \xc3\xbc" } };

static struct pending_order said_order(enum order_kind kind, uint64_t operation)
{
    return (struct pending_order){ .active = true, .given = { 99 },
                                   .order = { .kind = kind, .to = REGION_NONE, .operation = operation,
                                              .by = { "bob" }, .why = { "why" } } };
}

static enum order_answer answer_to(enum order_kind kind, uint64_t operation, const struct ledger *l)
{
    struct pending_order o = said_order(kind, operation);
    return word_stands(&o, l);
}

/* What is said counts once; said again by somebody else it is there already. */
static void a_word_is_said_once(void)
{
    static const enum order_kind kinds[] = { ORDER_HOLD, ORDER_BACK, ORDER_PAUSE };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct ledger l = fixture_begun();
        struct pending_order o = said_order(kinds[i], 7);
        CU_ASSERT_EQUAL(word_stands(&o, &l), WORD_TO_SAY);
        struct ledger next = word_goal(&o, &l);
        CU_ASSERT(ledger_follows(&l, &next));
        CU_ASSERT_EQUAL(next.epoch, l.epoch);
        CU_ASSERT_EQUAL(next.writer, l.writer);
        CU_ASSERT_EQUAL(word_stands(&o, &next), ANSWER_ACCEPTED);
        o.given.us++;
        CU_ASSERT_EQUAL(word_stands(&o, &next), kinds[i] == ORDER_PAUSE ? WORD_TO_SAY : ANSWER_ALREADY);
    }
}

static void words_to_operations_are_refused_by_name(void)
{
    struct ledger begun = fixture_begun(), granted = fixture_granted(), first = fixture_first();
    CU_ASSERT_EQUAL(answer_to(ORDER_HOLD, 8, &begun), ANSWER_NO_OPERATION);
    CU_ASSERT_EQUAL(answer_to(ORDER_HOLD, 7, &first), ANSWER_NO_OPERATION);
    CU_ASSERT_EQUAL(answer_to(ORDER_GO, 7, &begun), ANSWER_ALREADY);
    CU_ASSERT_EQUAL(answer_to(ORDER_BACK, 7, &granted), ANSWER_NO_WAY_BACK);
    CU_ASSERT_EQUAL(answer_to(ORDER_HOLD, 7, &granted), WORD_TO_SAY);
    CU_ASSERT_EQUAL(answer_to(ORDER_RESUME, 0, &first), ANSWER_ALREADY);
    struct ledger back = ledger_wish(&begun, WISH_BACK, &somebody);
    CU_ASSERT_EQUAL(answer_to(ORDER_GO, 7, &back), ANSWER_BUSY);
    CU_ASSERT_EQUAL(answer_to(ORDER_HOLD, 7, &back), ANSWER_BUSY);
    struct ledger over = ledger_abort(&back, WALL(0));
    CU_ASSERT_EQUAL(answer_to(ORDER_BACK, 7, &over), ANSWER_ALREADY);
    CU_ASSERT_EQUAL(answer_to(ORDER_GO, 7, &over), ANSWER_NO_OPERATION);
}

/* Behind a word that is not "go" no grant follows, and a word sent back is never taken back. */
static void a_word_and_a_grant_exclude_each_other(void)
{
    struct service_policy p = fixture_policy();
    struct ledger begun = fixture_begun();
    static const enum operation_wish wishes[] = { WISH_HOLD, WISH_BACK };
    for (size_t i = 0; i < 2; i++) {
        struct ledger told = ledger_wish(&begun, wishes[i], &somebody);
        struct ledger granted = ledger_grant(&told, &p, guard_of_1);
        granted.operation.wish = WISH_GO;
        CU_ASSERT_FALSE(ledger_follows(&told, &granted));
        struct ledger again = told;
        again.version++;
        again.operation.wish = WISH_GO;
        CU_ASSERT_EQUAL(ledger_follows(&told, &again), wishes[i] == WISH_HOLD);
        struct ledger taken = ledger_takeover(&told, guard_of_1);
        CU_ASSERT_EQUAL(taken.operation.wish, wishes[i]);
    }
}

static const struct note *noted(enum note_kind kind)
{
    for (size_t i = 0; i < fixture_effects.count; i++)
        if (fixture_effects.list[i].kind == EFFECT_NOTE && fixture_effects.list[i].as.note.kind == kind)
            return &fixture_effects.list[i].as.note;
    return NULL;
}

static void tell(struct service *s, int64_t now_s)
{
    struct turn turn = turn_at(now_s);
    word_notes(s, &turn);
}

static void a_pause_is_told_once_and_its_end_by_time_too(void)
{
    struct ledger l = fixture_first();
    struct service *s = service_of(1, ledger_pause(&l, true, WALL(NOW + 60), &somebody), NOW);
    s->timer_at = MONO_NEVER;
    tell(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(noted(NOTE_PAUSED));
    CU_ASSERT_EQUAL(noted(NOTE_PAUSED)->a, SECONDS(60));
    CU_ASSERT_STRING_EQUAL(noted(NOTE_PAUSED)->detail.s, "alice: the bridge \xc3\xbc");
    CU_ASSERT_EQUAL(s->timer_at.us, AT(NOW + 60).us);
    tell(s, NOW + 59);
    CU_ASSERT_PTR_NULL(noted(NOTE_PAUSED));
    tell(s, NOW + 60);
    CU_ASSERT_PTR_NOT_NULL_FATAL(noted(NOTE_RESUMED));
    CU_ASSERT_EQUAL(noted(NOTE_RESUMED)->a, 1);
    tell(s, NOW + 61);
    CU_ASSERT_PTR_NULL(noted(NOTE_RESUMED));
}

static void a_pause_until_resumed_ends_by_a_word(void)
{
    struct ledger l = fixture_first();
    struct ledger paused = ledger_pause(&l, true, (struct wall_time){ 0 }, &somebody);
    struct said later = somebody;
    later.at.us++;
    struct ledger resumed = ledger_pause(&paused, false, (struct wall_time){ 0 }, &later);
    struct service *s = service_of(1, paused, NOW);
    tell(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(noted(NOTE_PAUSED));
    CU_ASSERT_EQUAL(noted(NOTE_PAUSED)->a, 0);
    tell(s, NOW + 100000);
    CU_ASSERT_PTR_NULL(noted(NOTE_RESUMED));
    s->learner = learner_that_knows(resumed);
    tell(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(noted(NOTE_RESUMED));
    CU_ASSERT_EQUAL(noted(NOTE_RESUMED)->a, 0);
}

/* The journal's place is short: what does not fit is cut between characters. */
static void long_reasons_are_cut_between_characters(void)
{
    struct ledger l = fixture_begun();
    struct said said = { { 1 }, { "a" }, { "" } };
    for (size_t i = 0; i + 2 < sizeof said.why.s; i += 2)
        memcpy(said.why.s + i, "\xc3\xbc", 2);
    struct service *s = service_of(1, ledger_wish(&l, WISH_HOLD, &said), NOW);
    tell(s, NOW);
    CU_ASSERT_PTR_NOT_NULL_FATAL(noted(NOTE_WISH));
    const char *words = noted(NOTE_WISH)->detail.s;
    size_t length = strlen(words);
    CU_ASSERT(length > sizeof said.why.s - 5 && length < sizeof said.why.s);
    CU_ASSERT_EQUAL((length - strlen("a: ")) % 2, 0);
    tell(s, NOW + 1);
    CU_ASSERT_PTR_NULL(noted(NOTE_WISH));
}

SUITE_MAIN("word", TEST(a_word_is_said_once), TEST(words_to_operations_are_refused_by_name),
           TEST(a_word_and_a_grant_exclude_each_other), TEST(a_pause_is_told_once_and_its_end_by_time_too),
           TEST(a_pause_until_resumed_ends_by_a_word), TEST(long_reasons_are_cut_between_characters))
