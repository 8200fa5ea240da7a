/* Delta debugging over the list of faults (Zeller's ddmin, complements only): see shrink.h. */
#include "tests/sim/shrink.h"

#include <string.h>

struct shrinking {
    struct mix *best;
    struct ending *ending; /* what `best` breaks */
    unsigned runs, runs_max;
};

/* Without the faults [from, to): does it break in the same way? Then that is the new list. */
static bool try_without(struct shrinking *s, uint16_t from, uint16_t to)
{
    static struct mix fewer;
    static struct tally tally;
    struct ending ending;
    if (s->runs >= s->runs_max)
        return false;
    s->runs++;
    fewer = *s->best;
    memmove(fewer.faults + from, fewer.faults + to, (size_t)(fewer.fault_count - to) * sizeof fewer.faults[0]);
    fewer.fault_count = (uint16_t)(fewer.fault_count - (to - from));
    run_mix(&fewer, &ending, &tally, NULL, NULL);
    if (ending.invariant != s->ending->invariant || ending.excused != s->ending->excused)
        return false;
    *s->best = fewer;
    *s->ending = ending;
    return true;
}

/* One pass in pieces of `size`, from the end: what came last matters least often. */
static bool pass(struct shrinking *s, uint16_t size)
{
    bool any = false;
    int from = s->best->fault_count - size;
    for (; from > -size; from -= size) {
        int start = from < 0 ? 0 : from, end = from + size;
        if (end > s->best->fault_count)
            end = s->best->fault_count;
        if (end > start && try_without(s, (uint16_t)start, (uint16_t)end))
            any = true;
    }
    return any;
}

unsigned shrink_mix(struct mix *mix, struct ending *ending, unsigned runs_max)
{
    struct shrinking s = { .best = mix, .ending = ending, .runs_max = runs_max };
    if (mix->fault_count == 0)
        return 0;
    (void)try_without(&s, 0, mix->fault_count);
    for (uint16_t size = (uint16_t)((mix->fault_count + 1) / 2); size > 1; size = (uint16_t)((size + 1) / 2))
        (void)pass(&s, size);
    while (mix->fault_count > 0 && s.runs < runs_max && pass(&s, 1)) {
    }
    return s.runs;
}
