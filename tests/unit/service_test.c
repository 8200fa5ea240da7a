/* What a node tells of an operation that others carry out: it is in the ledger, and it is over. */
#include "tests/unit/service_fixture.h"
#include "tests/unit/suite.h"

#define NOW 100
#define WALL(s) ((struct wall_time){ SECONDS(1000000 + (s)) })

static const struct note *noted(enum note_kind kind)
{
    const struct note *found = NULL;
    for (size_t i = 0; i < fixture_effects.count; i++)
        if (fixture_effects.list[i].kind == EFFECT_NOTE && fixture_effects.list[i].as.note.kind == kind)
            found = &fixture_effects.list[i].as.note;
    return found;
}

static struct service *knows(struct service *s, struct ledger ledger, int64_t now_s)
{
    struct turn turn = turn_at(now_s);
    s->learner = learner_that_knows(ledger);
    service_run(s, &turn);
    return s;
}

/* Begun at 5 s by the calendar of who began it; here that is seen at once, and the end minutes late. */
static struct service *begun_at_5(struct ledger *granted)
{
    const struct service_policy policy = fixture_policy();
    struct ledger begun = fixture_begun();
    begun.operation.begun = WALL(5);
    *granted = ledger_grant(&begun, &policy, guard_of_1);
    return knows(service_of(2, begun, NOW), begun, NOW);
}

static void how_long_it_took_is_the_ledgers_word(void)
{
    struct ledger granted;
    struct service *s = begun_at_5(&granted);
    CU_ASSERT(noted(NOTE_OPERATION_SEEN) != NULL && noted(NOTE_OPERATION_ENDED) == NULL);
    struct ledger over = ledger_finish(&granted, false, WALL(8));
    knows(s, over, NOW + 300);
    const struct note *note = noted(NOTE_OPERATION_ENDED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(note);
    CU_ASSERT(note->operation == granted.operation.id && note->region == over.writer);
    CU_ASSERT(note->a == SECONDS(3) && note->b == 1);
    over.version++;
    knows(s, over, NOW + 301);
    CU_ASSERT_PTR_NULL(noted(NOTE_OPERATION_ENDED)); /* once */
}

static void what_went_back_is_over_and_not_done(void)
{
    struct ledger granted;
    struct ledger begun = fixture_begun();
    struct service *s = begun_at_5(&granted);
    struct ledger over = ledger_abort(&begun, WALL(9));
    knows(s, over, NOW + 1);
    const struct note *note = noted(NOTE_OPERATION_ENDED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(note);
    CU_ASSERT(note->a == SECONDS(4) && note->b == 0);
}

/* Nothing is made up: a begin that was not seen, another operation's end, a calendar that was set back. */
static void what_is_not_known_is_not_told(void)
{
    struct ledger granted;
    struct service *s = begun_at_5(&granted);
    knows(s, ledger_finish(&granted, false, WALL(4)), NOW + 1);
    CU_ASSERT_PTR_NULL(noted(NOTE_OPERATION_ENDED));
    s = begun_at_5(&granted);
    struct ledger other = ledger_finish(&granted, false, WALL(8));
    other.last_operation++;
    knows(s, other, NOW + 1);
    CU_ASSERT_PTR_NULL(noted(NOTE_OPERATION_ENDED));
    struct ledger over = ledger_finish(&granted, false, WALL(8));
    knows(service_of(2, over, NOW), over, NOW);
    CU_ASSERT_PTR_NULL(noted(NOTE_OPERATION_ENDED));
}

SUITE_MAIN("service", TEST(how_long_it_took_is_the_ledgers_word), TEST(what_went_back_is_over_and_not_done),
           TEST(what_is_not_known_is_not_told))
