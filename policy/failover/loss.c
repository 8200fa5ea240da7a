/* What a standby is missing: see loss.h. */
#include "policy/failover/loss.h"

void loss_init(struct loss_series *series, int64_t min_gap_us)
{
    *series = (struct loss_series){ .min_gap_us = min_gap_us };
}

static uint8_t newest(const struct loss_series *series)
{
    return (uint8_t)((series->next + LOSS_SAMPLES - 1u) % LOSS_SAMPLES);
}

void loss_sample(struct loss_series *series, uint32_t timeline, uint64_t lsn, struct mono_time at)
{
    if (timeline < series->timeline)
        return; /* a late report of a former writer */
    if (timeline > series->timeline) {
        series->timeline = timeline;
        series->count = series->next = 0;
    }
    if (series->count > 0) {
        uint8_t last = newest(series);
        if (at.us <= series->samples[last].at.us || lsn < series->samples[last].lsn)
            return;
        /* The one before stays where it is, so the gaps add up and the series still spans time. */
        uint8_t before = (uint8_t)((last + LOSS_SAMPLES - 1u) % LOSS_SAMPLES);
        if (series->count > 1 &&
            mono_since(at, series->samples[before].at) < series->min_gap_us) {
            series->samples[last].at = at;
            series->samples[last].lsn = lsn;
            return;
        }
    }
    series->samples[series->next].at = at;
    series->samples[series->next].lsn = lsn;
    series->next = (uint8_t)((series->next + 1u) % LOSS_SAMPLES);
    if (series->count < LOSS_SAMPLES)
        series->count++;
}

struct loss loss_estimate(const struct loss_series *series, uint64_t received_lsn,
                          struct mono_time now)
{
    if (series->count == 0)
        return (struct loss){ .known = false, .age_us = -1 };
    uint8_t last = newest(series);
    struct mono_time last_at = series->samples[last].at;
    uint64_t lsn = series->samples[last].lsn;
    struct loss loss = { .known = true, .age_us = mono_since(now, last_at), .writer_lsn = lsn };
    if (received_lsn >= lsn)
        return loss;
    uint64_t missing = lsn - received_lsn;
    loss.bytes = missing > INT64_MAX ? INT64_MAX : (int64_t)missing;
    loss.at_least = true;
    struct mono_time covered = last_at;
    for (uint8_t i = 0; i < series->count && loss.at_least; i++) {
        uint8_t at = (uint8_t)((last + LOSS_SAMPLES - i) % LOSS_SAMPLES);
        covered = series->samples[at].at;
        loss.at_least = series->samples[at].lsn > received_lsn;
    }
    loss.us = mono_since(last_at, covered);
    return loss;
}
