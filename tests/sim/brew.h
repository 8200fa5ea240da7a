/* brew: a list of faults in the making: small draws and single faults, for mix_faults.c and mix_troubles.c.
 *
 * Times are microseconds since the end of the warm-up.
 */
#ifndef FAILOVERD_TESTS_BREW_H
#define FAILOVERD_TESTS_BREW_H

#include "tests/sim/draw.h"
#include "tests/sim/mix.h"

struct brew {
    struct mix *mix;
    struct draw *draw;
};

/* A new entry, with nothing drawn but its service. One that the list has no room for goes nowhere. */
struct fault *brew_add(struct brew *brew, enum fault_kind kind, int64_t at_us, int64_t for_us);

/* A single fault with all that it needs drawn. */
void brew_single(struct brew *brew, enum fault_kind kind, int64_t at_us);

const struct service_policy *brew_policy(const struct brew *brew);
uint8_t brew_host(struct brew *brew);
uint32_t brew_all_hosts(const struct brew *brew); /* bit per host */
uint8_t brew_region(struct brew *brew);
uint8_t brew_serving_region(struct brew *brew);   /* databases and orders are about those */
uint8_t brew_host_or_part(struct brew *brew);     /* often a part that somebody plays (fault.h) */
uint8_t brew_region_or_part(struct brew *brew);
int64_t brew_leases(struct brew *brew);           /* 0.1 to 10 leases, short ones more often */
int64_t brew_moment(struct brew *brew);
int64_t brew_ms(struct brew *brew, int64_t low, int64_t high); /* so many ms, in us */
int64_t brew_detection(const struct brew *brew);  /* from a trouble until everybody agrees on it */
int64_t brew_outage(struct brew *brew);           /* enough for a failover, or ends on the way there */

/* One of the troubles that belong together, with what it consists of. */
#define BREW_TROUBLES 27
unsigned brew_trouble_weight(unsigned trouble, enum profile profile);
void brew_trouble(struct brew *brew, unsigned trouble, int64_t at_us);

/* What people say meanwhile (mix_people.c); in some of the lists only. */
void brew_people(struct brew *brew);

/* A quorum is gone with the writer, a person breaks the glass, and in some order all come back (mix_glass.c). */
void brew_glass(struct brew *brew, int64_t at_us);

/* Where the writer is kept open without a lease: it and the marked side meet a third, and not one another. */
void brew_kept_open(struct brew *brew, int64_t at_us);

/* In some of the lists with a broken glass: the disk of its maker goes back to when the mark stood, after that has
 * ended. */
void brew_old_mark(struct brew *brew);

/* The writer's region is silent, and the remote hook that is to cut it off gives no answer; for clusters with remote
 * hooks. Like the two above it is drawn last, so that seeds without it stay what they were (mix_troubles.c). */
void brew_hook_unanswered(struct brew *brew, int64_t at_us);

/* Changes of the voters, with what makes them hard. */
void brew_voters(struct brew *brew);

#endif
