/* lateness: by how much longer than usual a message was on its way.
 *
 * What a peer says carries ages ("seen 300 ms ago"), taken as it was sent. A message that waited (a clogged
 * link, a process that stood still, the queue behind either) would make old evidence look young. Each
 * message tells the sender's clock, and the fastest of the last while shows how far that clock is from
 * ours: whatever came later than that was late. Neither clock is trusted to be right, only to go on, and
 * the fastest is looked for anew all the time, so clock rates, and a clock that stood still with its
 * machine, are soon no lateness any more. The filter is that of NTP's clock filter (RFC 5905, 10): of several
 * delays the least has the least error.
 */
#ifndef FAILOVERD_POLICY_LATENESS_H
#define FAILOVERD_POLICY_LATENESS_H

#include "policy/types.h"

/* A fastest message counts for one to two of these. The queue of a stall comes in a moment, however long the
 * stall was: only a link that is that slow all the time is taken for a usual one. */
#define LATENESS_WINDOW_US (10 * US_PER_S)

struct lateness {
    bool known;
    int64_t newest_us;           /* by the sender's clock: what left before it says nothing of the way now */
    struct mono_time window;     /* since when `least` is looked for */
    int64_t least, former_least; /* receiver's clock minus sender's: of this window and the one before */
};

/* A message that left at `sent_us` of its sender's clock arrives. >= 0. */
int64_t lateness_of(struct lateness *lateness, int64_t sent_us, struct mono_time now);

#endif
