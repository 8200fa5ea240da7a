/* The commit lease: a supplement to the fence, never a proof of it.
 *
 * The guard attaches to its own primary as a physical replication client that synchronous_standby_names
 * names, and confirms WAL only while it holds its lease. Where it is dead, paused or without a lease
 * commits hang instead of being acknowledged, also those of clients on a Unix socket.
 *
 * What a confirmation means: that the guard held its lease when it was sent. The WAL itself is dropped as it
 * comes: a confirmed commit is no safer on another disk than before. With a synchronous standby named
 * besides, both have to confirm (sync_names.h).
 *
 * What it does not promise: a confirmation sent within the lease lets commits through whenever the server
 * gets to it, and a server that was frozen may get to it after the lease; a guard may be paused between
 * looking at the clock and sending; sessions may set synchronous_commit off for themselves; a role with
 * REPLICATION may take our name; a superuser may empty the setting. So nothing is granted because of it.
 *
 * What it does, over and over, in small steps that look first (commit_lease.c: decide): while the lease
 * is held it streams, ends older streams of ours, and has the setting name this instance. Without a
 * lease it hangs up. Shut, it also ends the sessions whose commits wait, which doesn't acknowledge them;
 * cancelling would. The setting is taken back only when the mode was left (`enabled` false) and only under
 * a lease, by a stream that confirms what waits until then.
 *
 * All calls on the loop's thread. Times are base_mono_us.
 */
#ifndef FAILOVERD_DATABASE_COMMIT_LEASE_H
#define FAILOVERD_DATABASE_COMMIT_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"
#include "coordinator/database/commit_findings.h"
#include "coordinator/database/sync_names.h"

#define COMMIT_WHY_MAX 512

enum commit_phase {
    COMMIT_OFF,        /* not enabled, and the setting doesn't name us: nothing to do, nothing is looked at */
    COMMIT_UNSEEN,     /* the server has not answered yet */
    COMMIT_STANDBY,    /* it is in recovery: nothing commits there */
    COMMIT_NO_LEASE,   /* a primary, and we hold no lease */
    COMMIT_ATTACHING,  /* we hold one, and the server doesn't wait for us yet, or we can't attach: see why */
    COMMIT_IN_FORCE,   /* commits wait for us, and we confirm */
    COMMIT_LEAVING,    /* not enabled any more: the setting is being taken back */
    COMMIT_PHASE_COUNT
};

struct commit_status {
    bool held_here;         /* this node guards the database; false in a status that is all zero */
    enum commit_phase phase;
    bool enabled;
    bool named;             /* the setting names us, this or an earlier instance: without us commits hang */
    char name[SYNC_NAME_MAX]; /* of this instance; "" until it is chosen */
    int64_t lease_left_us;  /* <= 0: none */
    bool waiting_known;
    uint64_t waiting;       /* commits that waited for a synchronous standby when last looked, */
    int64_t longest_us;     /* the longest of them for so long, */
    int64_t looked_us;      /* at this time */
    uint64_t ended;         /* sessions that were ended while their commits waited, since start */
    char why[COMMIT_WHY_MAX]; /* of not being attached, or what was last in the way; "" */
    struct commit_findings findings;
};

/* Texts are copied. */
struct commit_settings {
    const char *service;
    bool enabled;             /* false: only leaves, where an earlier run left its name */
    struct pg_target guard;   /* the role that looks and sets */
    struct pg_target stream;  /* the role that replicates; application_name and replication are set here.
                                 user NULL: there is none */
    /* Something that a person should hear of changed: phase, why, findings. Not from within a call. */
    void (*on_change)(void *arg, const struct commit_status *status);
    void *arg;
};

struct commit_lease;

/* NULL with the fault set. Nothing is asked of the server yet when it is not enabled. */
struct commit_lease *commit_lease_new(struct loop *loop, const struct commit_settings *settings,
                                      struct fault *fault);
/* Hangs up and leaves the setting as it is: what commits then waits for the next instance. */
void commit_lease_free(struct commit_lease *lease);

/* The lease is held until `until_us`; confirm until then. */
void commit_lease_hold(struct commit_lease *lease, int64_t until_us);
/* No confirmation from now on, until held again. Returns at once; what waits is ended in the background. */
void commit_lease_shut(struct commit_lease *lease);

/* Filled in anew. */
void commit_lease_status(const struct commit_lease *lease, struct commit_status *out);

const char *commit_phase_name(enum commit_phase phase);

#endif
