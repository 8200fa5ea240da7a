/* farm: many seeds on several processes, and what they come to.
 *
 * Workers are forked and share nothing; each takes every jobs-th seed and tells of each over a pipe of its
 * own. One that dies is told with its seed, and another goes on behind it.
 */
#ifndef FAILOVERD_TESTS_FARM_H
#define FAILOVERD_TESTS_FARM_H

#include "tests/sim/shrink.h"

/* Exit codes. */
enum { FARM_WELL = 0, FARM_FAILED = 1, FARM_USAGE = 2, FARM_BROKEN = 3 };

struct farm {
    uint64_t first, seeds;
    uint64_t minutes;      /* 0: `seeds` counts; else as many seeds as go into that */
    unsigned jobs;
    enum profile profile;  /* PROFILE_COUNT: any */
    bool stop;             /* at the first break */
    bool no_shrink;
    bool falsify;          /* tries the core's own rules on each chosen value: check_falsify.h */
    bool twice;            /* plays each seed twice, which has to be the same both times */
};

/* Runs them, tells all about it on stdout, and returns the exit code. */
int farm_run(const struct farm *farm);

/* What a break looks like to people. `count`: of the list before it was shrunk. */
void farm_show_break(const struct farm *farm, const struct mix *mix, const struct ending *ending,
                     uint16_t count, unsigned shrink_runs);

/* "clock", "disk and risk"; valid until the next call. */
const char *farm_beyond_words(const bool beyond[BEYOND_COUNT]);

/* One number for all that happens in a seed. */
uint64_t farm_hash(const struct farm *farm, uint64_t seed);

#endif
