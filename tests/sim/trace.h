/* trace: a run as lines to read, and as one number to compare. */
#ifndef FAILOVERD_TESTS_TRACE_H
#define FAILOVERD_TESTS_TRACE_H

#include "tests/sim/run.h"

/* For run_mix(): prints a line to stdout for what is worth one. `arg` is not used. */
void trace_print(void *arg, const struct world *world, int64_t start_us, const struct host *host,
                 const struct note *note, const char *words);

/* For run_mix(): takes every note and everything that is said into the uint64_t at `arg`. */
void trace_hash(void *arg, const struct world *world, int64_t start_us, const struct host *host,
                const struct note *note, const char *words);

/* The faults of a mix as a list. */
void trace_faults(const struct mix *mix);

#endif
