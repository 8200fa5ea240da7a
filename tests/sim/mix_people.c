/* What people say while things go wrong: pauses, and words to a running operation, at any moment, from any node, twice and
 * too late. Drawn after all else, so that seeds without it stay what they were. */
#include "tests/sim/brew.h"

#include "policy/failover/gates.h"

#define TALKATIVE_PERCENT 30

static uint8_t a_word(struct brew *b)
{
    static const uint8_t words[] = { ORDER_HOLD, ORDER_HOLD, ORDER_HOLD, ORDER_GO, ORDER_BACK, ORDER_BACK,
                                     ORDER_PAUSE, ORDER_PAUSE, ORDER_RESUME };
    return words[draw_below(b->draw, sizeof words)];
}

static struct fault *say(struct brew *b, int64_t at_us, uint8_t kind)
{
    struct fault *f = brew_add(b, HIT_WORD, at_us, 0);
    f->one = brew_host_or_part(b);
    f->value = kind;
    f->bits = draw_percent(b->draw, 30) ? 0 : (uint32_t)draw_small(b->draw, 5, 600);
    return f;
}

/* To an operation as it comes to some step; mostly taken back before people lose patience. */
static void speak_at_work(struct brew *b, int64_t at_us)
{
    static const uint8_t moments[] = {
        STEP_SHUT, STEP_FENCE, STEP_FENCE, STEP_CATCH_UP, STEP_FREEZE, STEP_COMPARE, STEP_GRANT, STEP_GRANT, STEP_LEASE,
        STEP_PROMOTE, STEP_OPEN, STEP_CUT_OVER, STEP_VERIFY, STEP_UNDO, AFTER_CONFIRM, AFTER_BEGUN, AFTER_BEGUN,
        AFTER_GRANTED, AFTER_DONE,
    };
    struct fault *f = say(b, at_us, a_word(b));
    f->after = moments[draw_below(b->draw, sizeof moments)];
    f->delay_us = draw_percent(b->draw, 50) ? 0 : draw_small(b->draw, 1, 5000) * US_PER_MS;
    if (draw_percent(b->draw, 30)) {
        struct fault *other = say(b, at_us, a_word(b)); /* somebody else, at once */
        other->after = f->after;
        other->delay_us = f->delay_us + draw_small(b->draw, 0, 2000) * US_PER_MS;
    }
    bool stands = f->value == ORDER_HOLD || f->value == ORDER_PAUSE;
    if (!stands || draw_percent(b->draw, 15))
        return;
    struct fault *end = say(b, at_us, f->value == ORDER_HOLD ? ORDER_GO : ORDER_RESUME);
    end->after = f->after;
    end->delay_us = f->delay_us + draw_small(b->draw, 100, 120000) * US_PER_MS;
}

/* A switchover loses its source half-way, and is made a failover. */
static void turn_round(struct brew *b, int64_t at_us)
{
    static const uint8_t losses[] = { HIT_REGION_LOST, HIT_ISOLATE, HIT_DB_KILLED };
    struct fault *f = brew_add(b, HIT_SWITCHOVER, at_us, 0);
    f->one = f->other = PART_TARGET;
    f->value = -1;
    f = brew_add(b, (enum fault_kind)losses[draw_below(b->draw, sizeof losses)], at_us, brew_outage(b));
    f->one = PART_WRITER;
    f->after = draw_percent(b->draw, 50) ? AFTER_BEGUN : STEP_FENCE;
    f->delay_us = draw_small(b->draw, 0, 2000) * US_PER_MS;
    f = brew_add(b, HIT_ORDER, at_us, 0);
    f->one = f->other = PART_TARGET;
    f->value = -1;
    f->after = AFTER_BEGUN;
    f->delay_us = draw_small(b->draw, 500, 30000) * US_PER_MS;
    if (draw_percent(b->draw, 70))
        f->bits = 1u << GATE_MAJORITY_FAILED;
}

void brew_people(struct brew *b)
{
    if (!draw_percent(b->draw, TALKATIVE_PERCENT))
        return;
    if (draw_percent(b->draw, 30))
        turn_round(b, brew_moment(b));
    unsigned words = 1 + (unsigned)draw_below(b->draw, 4);
    for (unsigned i = 0; i < words; i++) {
        int64_t at_us = brew_moment(b);
        if (draw_percent(b->draw, 70))
            speak_at_work(b, at_us);
        else
            (void)say(b, at_us, a_word(b));
    }
}
