/* The ledger: the value in a service's register, and the only ways in which it may change.
 *
 * To change the writer, first name none, make sure of the fence, then name the next; the epoch
 * grows at each (DESIGN 5). Every change is a compare-and-set on `version`, so each constructor
 * below takes the value that is known chosen and gives the one that may follow it. ledger_follows()
 * says whether one value may stand directly behind another; a proposer is held to it.
 */
#ifndef FAILOVERD_POLICY_LEDGER_H
#define FAILOVERD_POLICY_LEDGER_H

#include "policy/config.h"
#include "policy/types.h"

/* A proposer's number. Ordered by counter, then node, then restart. The restart counter is
 * durable, so a proposer that lost its memory cannot use a ballot twice. */
struct ballot {
    uint64_t counter;
    uint32_t restart;
    node_id node;
};

/* Bounds of what a ledger may hold; they keep the arithmetic of waiting in range. */
#define LEDGER_LEASE_MAX_US (INT64_C(86400) * US_PER_S)
#define LEDGER_CLOCK_ERROR_MAX_PPM 500000u

#define BALLOT_ZERO ((struct ballot){ 0, 0, 0 })

int ballot_compare(struct ballot a, struct ballot b); /* <0, 0, >0 */

/* One guard, as the ledger names it: a node and the identity that its store was made with. A guard
 * that restarts on the same store is the same instance; one that lost its store is another. */
struct instance {
    uint64_t id;
    node_id node;
};

#define INSTANCE_NONE ((struct instance){ 0, NODE_NONE })

bool instance_equal(struct instance a, struct instance b);

enum operation_kind {
    OPERATION_NONE,
    OPERATION_FAILOVER,
    OPERATION_ADOPT, /* a person lets us take over the DNS records as they are: DESIGN 8 */
    OPERATION_SWITCHOVER, /* planned: the old writer is well, confirms its fence, and nothing it acknowledged is lost */
    OPERATION_KIND_COUNT
};

/* It changes the writer: none is named first, then the target. */
static inline bool operation_moves(enum operation_kind kind)
{
    return kind == OPERATION_FAILOVER || kind == OPERATION_SWITCHOVER;
}

/* How far the register knows an operation to be. Everything between is found out again by each
 * step's own check, so that nothing can be done twice. */
enum operation_phase {
    PHASE_NONE,
    PHASE_BEGUN,   /* writer is none: the old one is being fenced */
    PHASE_GRANTED, /* writer is the target: it may promote and open under its lease */
};

enum operation_outcome { OUTCOME_NONE, OUTCOME_DONE, OUTCOME_ABORTED };

struct ledger_operation {
    enum operation_kind kind;
    enum operation_phase phase;
    uint64_t id;
    region_id from;          /* the writer just before begin */
    region_id to;
    node_id executor;        /* the one node that carries it out; a takeover changes it by CAS */
    bool may_return;         /* nobody but `from` can have been granted since it wrote */
    bool forced;             /* a person asked for it by name */
    uint32_t skipped_gates;  /* bit per enum gate_id, each skipped by name by a person */
    int64_t accepted_loss_bytes; /* what a person agreed to lose; -1: the service's RPO holds */
    struct wall_time begun;
};

struct ledger {
    uint64_t version;
    uint64_t epoch;
    region_id writer;        /* REGION_NONE between begin and grant */
    struct instance guard;   /* the writer's guard; while writer is none, the outgoing one */
    uint64_t guard_epoch;    /* the epoch in which `guard` was named, under which its lease ran */
    enum fence_mode fence;   /* what the outgoing or current guard's lease is enforced by */
    bool keep_on_quorum_loss;
    bool paused;
    int64_t lease_us;
    int64_t longest_lease_us; /* the longest ever in force: what waiting out has to outlast */
    uint32_t clock_error_ppm;
    uint64_t dns_epoch;      /* the newest epoch whose DNS change was seen INSYNC; 0: none yet */
    struct ledger_operation operation;
    uint64_t last_operation;
    enum operation_outcome last_outcome;
    struct wall_time last_finished; /* of the last failover, done or aborted; 0: none yet */
};

bool ledger_equal(const struct ledger *a, const struct ledger *b);

/* Whether `next` may directly follow `now` (NULL: an empty register). Pure bookkeeping; evidence,
 * fence and lease are the operation's business. */
bool ledger_follows(const struct ledger *now, const struct ledger *next);

/* Whether a value can be a ledger at all, for what comes from the wire or the disk. */
bool ledger_valid(const struct ledger *ledger);

/* The first value of a service: `guard` of the initial writer proposes itself. */
struct ledger ledger_first(const struct service_policy *policy, struct instance guard);

struct begin_terms {
    uint64_t id;
    region_id to;
    node_id executor;
    bool planned;        /* a switchover; only where the writer is settled */
    bool forced;
    bool granted_wrote;  /* on top of a grant: the granted region was seen as a primary */
    uint32_t skipped_gates;
    int64_t accepted_loss_bytes;
    struct wall_time wall;
};

/* begin: writer becomes none. May also follow a begin whose target is lost (`from` stays the one
 * that wrote last) or a grant whose target failed. */
struct ledger ledger_begin(const struct ledger *now, const struct begin_terms *terms);

/* grant: the target becomes writer under `guard`, with the lease settings of `policy`. */
struct ledger ledger_grant(const struct ledger *now, const struct service_policy *policy,
                           struct instance guard);

/* Another coordinator of the target region goes on with the operation. After a grant to another
 * instance the writer becomes none again: the new instance needs its own wait and grant. */
struct ledger ledger_takeover(const struct ledger *now, struct instance executor);

/* abort: back to the old writer and its guard, without a wait. That is safe only while no grant can
 * have been chosen since that guard's last lease: the value just before begin was a settled writer
 * (no operation), and each value since is a begin put directly on top, which compare-and-set on
 * `version` guarantees. A begin on top of a grant, finished or not, loses this right for good. */
bool ledger_may_abort(const struct ledger *now);

/* The operation hands one region's database from one of its guards to another: the outgoing guard is
 * one of the target region's own. */
bool ledger_same_database(const struct ledger *now, const struct service_policy *policy);
struct ledger ledger_abort(const struct ledger *now, struct wall_time wall);

/* finish: the operation is over and DNS of this epoch is in force (or there is none to change). */
struct ledger ledger_finish(const struct ledger *now, bool dns_done, struct wall_time wall);

/* A DNS adoption: the writer goes on writing. */
struct ledger ledger_adopt(const struct ledger *now, uint64_t id, node_id executor,
                           struct wall_time wall);

#endif
