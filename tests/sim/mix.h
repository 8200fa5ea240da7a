/* mix: what a seed draws: a cluster, its settings, its network, and everything that happens to it.
 *
 * Purpose: struct mix is all there is to a run: the same mix gives the same course of events. It is
 * drawn by a generator of its own and not by the world's, so that leaving a fault out changes
 * nothing else of it. Settings are only drawn as the validator of the real configuration would
 * accept them (coordinator/config).
 */
#ifndef FAILOVERD_TESTS_MIX_H
#define FAILOVERD_TESTS_MIX_H

#include "tests/sim/fault.h"

enum profile {
    PROFILE_GENERAL, /* each kind of fault is on or off */
    PROFILE_CALM,    /* only coordinators restart, within their leases: nothing may be fenced */
    PROFILE_BEYOND,  /* clocks wrong by more than promised, machines that stand still */
    PROFILE_DISKS,
    PROFILE_NETWORK,
    PROFILE_DUEL,    /* people's orders from several places at once */
    PROFILE_RETURN,  /* the writer is lost, comes back and is rejoined, again and again */
    PROFILE_GLASS,   /* glasses are broken, often at both of a region's coordinators, and little else happens */
    PROFILE_COUNT    /* drawn by the seed */
};

struct mix {
    uint64_t seed;
    enum profile profile;
    struct world_options options;
    int64_t delay_us[POLICY_REGIONS_MAX][POLICY_REGIONS_MAX]; /* from, to */
    int64_t lag_bytes;
    int64_t dns_sync_us;
    int64_t promote_us, shut_us;       /* how long these acts take */
    int64_t disk_us[POLICY_NODES_MAX]; /* ...and a write of a host's disk */
    bool quick;              /* failures are seen long before a lease ends */
    bool slow_wire;
    int64_t person_every_us; /* a person makes old primaries standbys again so often; 0: nobody does */
    bool mends_voters;       /* at the end a person gives voters that lost their stores new ones, and the vote back */
    int64_t warm_up_us, safety_us;
    int64_t settle_us;       /* how long it may take to come to rest, once healed */
    enum { LOSE_NONE, LOSE_WRITER, LOSE_OTHER } lose; /* whose region is lost for good at the end */
    uint16_t fault_count;
    struct fault faults[FAULTS_MAX];
};

/* PROFILE_COUNT: the seed draws the profile too. */
void mix_draw(struct mix *mix, uint64_t seed, enum profile profile);

const char *profile_name(enum profile profile);
enum profile profile_find(const char *name); /* PROFILE_COUNT: no such */

/* The cluster and its settings in a few lines, for people. */
void mix_words(const struct mix *mix, char *words, size_t size);

#endif
