/* What a standby is missing: see loss.h. */
#include "policy/failover/loss.h"

#include <string.h>

#define STEP_SCALE 1000000 /* steps are compared per so much of age */

void loss_init(struct loss_series *series, int64_t min_gap_us)
{
    *series = (struct loss_series){ .min_gap_us = min_gap_us };
}

/* The newer half stays as it is: spaced by min_gap_us, it is what an RPO is judged on. Of the older half the one goes
 * that is missed least, its neighbours being closest for how long ago it is; the oldest of all never does. So the
 * series reaches back as far as anybody has looked, by steps that grow with age, and a missing one makes a loss look
 * longer. */
static void forget_one(struct loss_series *series, struct mono_time now)
{
    uint8_t least = 1;
    int64_t least_step = INT64_MAX;
    for (uint8_t i = 1; i < LOSS_SAMPLES / 2; i++) {
        int64_t age = mono_since(now, series->samples[i].at);
        int64_t step = mono_since(series->samples[i + 1].at, series->samples[i - 1].at) / (age / STEP_SCALE + 1);
        if (step < least_step) {
            least_step = step;
            least = i;
        }
    }
    series->count--;
    memmove(&series->samples[least], &series->samples[least + 1],
            (size_t)(series->count - least) * sizeof series->samples[0]);
}

void loss_sample(struct loss_series *series, uint32_t timeline, uint64_t lsn, struct mono_time at)
{
    if (timeline < series->timeline)
        return; /* a late report of a former writer */
    if (timeline > series->timeline) {
        series->timeline = timeline;
        series->count = 0;
    }
    if (series->count > 0) {
        struct loss_at *last = &series->samples[series->count - 1];
        if (at.us <= last->at.us || lsn < last->lsn)
            return;
        if (series->count > 1 && mono_since(last->at, last[-1].at) < series->min_gap_us) {
            *last = (struct loss_at){ at, lsn };
            return;
        }
    }
    if (series->count == LOSS_SAMPLES)
        forget_one(series, at);
    series->samples[series->count++] = (struct loss_at){ at, lsn };
}

int64_t loss_time(const struct loss *loss)
{
    return loss->known && !loss->at_least ? loss->us : -1;
}

struct loss loss_estimate(const struct loss_series *series, uint64_t received_lsn,
                          struct mono_time now)
{
    if (series->count == 0)
        return (struct loss){ .known = false, .age_us = -1 };
    const struct loss_at *last = &series->samples[series->count - 1];
    struct loss loss = { .known = true, .age_us = mono_since(now, last->at), .writer_lsn = last->lsn };
    if (received_lsn >= last->lsn)
        return loss;
    uint64_t missing = last->lsn - received_lsn;
    loss.bytes = missing > INT64_MAX ? INT64_MAX : (int64_t)missing;
    const struct loss_at *covered = last;
    while (covered > series->samples && covered->lsn > received_lsn)
        covered--;
    loss.at_least = covered->lsn > received_lsn;
    loss.us = mono_since(last->at, covered->at);
    return loss;
}
