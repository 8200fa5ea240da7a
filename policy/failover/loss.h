/* loss: what a standby is missing of what the writer had, and how old that knowledge is.
 *
 * The writer's positions are sampled by whoever sees its database; the series pairs each with the
 * time it was seen. Bytes: newest known position minus what the standby has received. Seconds: from
 * the newest sample that the standby has to the newest sample there is, so an idle writer's
 * caught-up standby loses nothing however long ago that was. The series thins out with age and keeps
 * its oldest, so that a person can be told of, and accept, a loss far beyond the RPO. What the writer wrote after its
 * last sample is not in there: that is what `age` says.
 */
#ifndef FAILOVERD_POLICY_LOSS_H
#define FAILOVERD_POLICY_LOSS_H

#include "policy/facts.h"

#define LOSS_SAMPLES 64

struct loss_series {
    uint32_t timeline;
    uint8_t count;
    int64_t min_gap_us;                       /* while the newest is closer to the one before, the next replaces it */
    struct loss_at { struct mono_time at; uint64_t lsn; } samples[LOSS_SAMPLES]; /* from old to new */
};

struct loss {
    bool known;
    bool at_least;    /* the standby is behind every sample there is: `us` may be more */
    int64_t bytes;
    int64_t us;
    int64_t age_us;   /* of the newest position known of the writer */
    uint64_t writer_lsn;
};

void loss_init(struct loss_series *series, int64_t min_gap_us);

/* A position of the writer, seen at `at`. A new timeline starts afresh. */
void loss_sample(struct loss_series *series, uint32_t timeline, uint64_t lsn, struct mono_time at);

/* What people are told of its time; -1: not known. */
int64_t loss_time(const struct loss *loss);

struct loss loss_estimate(const struct loss_series *series, uint64_t received_lsn,
                          struct mono_time now);

#endif
