/* run: one seed from its mix to how it ends.
 *
 * A warm-up until every service has a writer; a safety phase under the mix's faults; then all is
 * healed, people mend what only they may (old primaries, DNS marks), and everything has to come to
 * rest within the mix's time; in part of the seeds the writer's region is then lost for good.
 */
#ifndef FAILOVERD_TESTS_RUN_H
#define FAILOVERD_TESTS_RUN_H

#include "tests/sim/mix.h"

struct ending {
    enum invariant invariant;    /* INVARIANT_NONE: all well */
    bool excused;                /* within what the promises leave out */
    bool beyond[BEYOND_COUNT];   /* what of that happened */
    int64_t at_us;               /* since the end of the warm-up */
    uint64_t hash;
    char text[256];
};

/* Sums over any number of runs; plain data, so that workers can hand it on. */
struct tally {
    uint64_t seeds, events;
    int64_t simulated_us;
    uint64_t faults[HIT_COUNT];
    uint64_t profiles[PROFILE_COUNT];
    uint64_t finished, aborted, taken, promotions, dns_changes, orders, leases_lost, abstentions;
    uint64_t sets;               /* versions of the voters that were chosen */
    uint64_t mended;             /* what people mended while all was healed */
    uint64_t rescued;            /* orders that people had to give then, because nobody served */
    uint64_t proposed, approved; /* notes of a proposal; words that people gave while all was healed */
    uint64_t rested;             /* runs that were held to come to rest... */
    uint64_t not_held;           /* ...and that were not: no majority has its disks any more */
    uint64_t lost_for_good;
    uint64_t excused[BEYOND_COUNT];
};

void tally_add(struct tally *sum, const struct tally *more);

/* What it all comes to. `trace`: gets everything that is said; NULL: nobody. */
typedef void run_trace(void *arg, const struct world *world, int64_t start_us,
                       const struct host *host, const struct note *note, const char *words);

void run_mix(const struct mix *mix, struct ending *ending, struct tally *tally, run_trace *trace,
             void *arg);

#endif
