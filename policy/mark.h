/* mark: the durable trace of a broken glass: with no majority to ask, a person said that a region's database is the
 * writer. failover/glass.c makes and keeps marks; failover/reconcile.c ends them.
 *
 * No lease, no epoch and no proof stands behind a mark, only that person's word. So it is written down before anything
 * is done, told to every node that is met, remembered by each on its disk, and ended by a chosen ledger alone.
 *
 * Each is remembered by its maker, since two coordinators of one region that don't hear each other may both have made
 * one, about the same database: what ends the one says nothing of what the other still holds open.
 */
#ifndef FAILOVERD_POLICY_MARK_H
#define FAILOVERD_POLICY_MARK_H

#include "policy/quorum/ledger.h"
#include "policy/types.h"

/* Only ever goes up, until the mark is reconciled and gone. */
enum mark_state {
    MARK_NONE,    /* there is none, and the rest means nothing */
    MARK_STANDS,  /* its maker opens, and holds open, its region's database without a lease */
    MARK_GIVEN,   /* its maker never opens by it again: another one writes, or a person reconciles; it is being shut */
    MARK_SHUT,    /* ...and its fence was confirmed since */
    MARK_STATE_COUNT
};

struct mark {
    enum mark_state state;
    uint64_t id;
    struct instance maker;     /* the guard that holds the database; a node that lost its store is another */
    region_id region;
    region_id yields;          /* for whom it was given up; REGION_NONE while it stands */
    struct wall_time at;
    struct policy_text by;
    struct policy_text why;    /* the reason given */
    struct policy_text proof;  /* how that person knows that the old database is dead */
    uint64_t version, epoch;   /* the register as it was last known there; 0: not at all */
    region_id writer;
    uint32_t timeline;         /* where the database was when it was promoted, and so where it left the others */
    uint64_t lsn;
    bool promoted;             /* its maker saw the database as a primary since: this mark promotes none again */
};

/* Of the marks of each maker, the one by which `region` is open, or else the oldest of that region; NULL: it has
 * none. */
const struct mark *mark_of_region(const struct mark marks[POLICY_NODES_MAX], region_id region);

/* Its maker opens nothing by it any more, and nothing is to be opened elsewhere instead: it gave way to another mark of
 * its own region, or to nobody (what was promoted by it is gone, or its maker's store). */
bool mark_rests(const struct mark *mark);

/* Of two marks which was made first: the same answer wherever both are known, whatever the makers' calendars. */
bool mark_is_older(const struct mark *mark, const struct mark *than);

#endif
