/* mix_faults: what happens to a cluster that was drawn. Between mix.c and mix_faults.c. */
#ifndef FAILOVERD_TESTS_MIX_FAULTS_H
#define FAILOVERD_TESTS_MIX_FAULTS_H

#include "tests/sim/draw.h"
#include "tests/sim/mix.h"

void mix_faults(struct mix *mix, struct draw *draw);

#endif
