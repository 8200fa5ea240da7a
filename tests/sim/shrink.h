/* shrink: leave faults out of a broken run for as long as it breaks in the same way. */
#ifndef FAILOVERD_TESTS_SHRINK_H
#define FAILOVERD_TESTS_SHRINK_H

#include "tests/sim/run.h"

#define SHRINK_RUNS_MAX 400

/* `mix` is left with the smallest list found in at most `runs_max` runs, `ending` with what that breaks.
 * Returns how many runs it took. */
unsigned shrink_mix(struct mix *mix, struct ending *ending, unsigned runs_max);

#endif
