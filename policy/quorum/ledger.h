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
#define LEDGER_HOLD_MAX_US (INT64_C(86400) * US_PER_S)

/* How many reconciled marks a ledger remembers: a node that was away for more reconciliations than that brings its mark
 * back once, and a person reconciles it again. */
#define LEDGER_RECONCILED_MAX 4

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
    OPERATION_FAILBACK, /* a switchover home, whose traffic then moves by and by */
    OPERATION_KIND_COUNT
};

/* It leaves a writer that is well, and loses nothing. */
static inline bool operation_planned(enum operation_kind kind)
{
    return kind == OPERATION_SWITCHOVER || kind == OPERATION_FAILBACK;
}

/* It changes the writer: none is named first, then the target. */
static inline bool operation_moves(enum operation_kind kind)
{
    return kind == OPERATION_FAILOVER || operation_planned(kind);
}

/* How far the register knows an operation to be. Everything between is found out again by each
 * step's own check, so that nothing can be done twice. */
enum operation_phase {
    PHASE_NONE,
    PHASE_BEGUN,   /* writer is none: the old one is being fenced */
    PHASE_GRANTED, /* writer is the target: it may promote and open under its lease */
};

enum operation_outcome { OUTCOME_NONE, OUTCOME_DONE, OUTCOME_ABORTED };

/* A person's word, for the others to read at whichever node they ask; no decision reads it. */
struct said {
    struct wall_time at;
    struct policy_text by;
    struct policy_text why;
};

/* No failover begins by itself, and one that began by itself and may still go back does. */
struct ledger_pause {
    bool on;
    struct wall_time until;  /* 0: until somebody resumes it */
    struct said said;        /* of the newest pause or resume */
};

/* What is put before a person, or waits for its time; it changes nothing by itself. */
enum proposal_state {
    PROPOSAL_NONE,
    PROPOSAL_WAITS,     /* for a person's word */
    PROPOSAL_APPROVED,
    PROPOSAL_DECLINED,  /* ...until what led to it is over */
    PROPOSAL_SCHEDULED, /* ordered by a person for a time: `due` */
    PROPOSAL_STATE_COUNT
};

struct ledger_proposal {
    enum proposal_state state;
    enum operation_kind kind;
    uint64_t id;             /* that the operation will have */
    region_id from, to;
    node_id proposer;
    uint32_t skipped_gates;  /* of a scheduled one */
    struct wall_time made;
    struct wall_time due;    /* of a scheduled one */
    struct said said;
};

/* What a person wants of the operation that runs. */
enum operation_wish {
    WISH_GO,
    WISH_HOLD,  /* no step that has not begun begins */
    WISH_BACK,  /* back to the old writer, as long as that is possible; never taken back. Of a failback whose database
                 * is home already (ledger_shifts()) only its traffic goes back, and may be told to go again */
    WISH_COUNT
};

/* How a failback's traffic moves: `percent[at]` of it is at home. count 0: all at once. */
#define SHIFT_STAGES_MAX 8
#define SHARE_ALL 100u
struct shift {
    uint8_t count;
    uint8_t at;                        /* the stage that is in force, or is being put in force */
    uint8_t percent[SHIFT_STAGES_MAX]; /* ascending, 1 to 100; the last is 100 */
    int64_t hold_us;                   /* how long each stage has to stay well before the next */
};

/* Stages go up, to all of it; or there are none. */
bool shift_valid(const struct shift *shift);

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
    int64_t accepted_loss_us;    /* likewise, in time */
    struct wall_time begun;
    uint64_t mark;           /* the mark that it reconciles, by naming its region; 0: none (mark.h) */
    enum operation_wish wish;
    struct said said;        /* who ordered it, or, later, who last said what it is to do */
    struct shift shift;      /* of a failback */
};

struct ledger {
    uint64_t version;
    uint64_t epoch;
    region_id writer;        /* REGION_NONE between begin and grant */
    struct instance guard;   /* the writer's guard; while writer is none, the outgoing one */
    uint64_t guard_epoch;    /* the epoch in which `guard` was named, under which its lease ran */
    enum fence_mode fence;   /* what the outgoing or current guard's lease is enforced by */
    bool keep_on_quorum_loss;
    struct ledger_pause pause;
    int64_t lease_us;
    int64_t longest_lease_us; /* the longest ever in force: what waiting out has to outlast */
    uint32_t clock_error_ppm;
    uint64_t dns_epoch;      /* the newest epoch whose DNS change was seen INSYNC; 0: none yet */
    struct ledger_proposal proposal;
    struct ledger_operation operation;
    uint64_t ticked_operation; /* whose runbook `ticked` is about: the one that runs, or the last; 0: none */
    uint32_t ticked;           /* bit per item of its runbook that a person did */
    uint64_t last_operation;
    enum operation_outcome last_outcome;
    struct wall_time last_finished; /* of the last failover, done or aborted; 0: none yet */
    uint64_t reconciled[LEDGER_RECONCILED_MAX]; /* marks that people ended, the newest first; 0: none */
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
    enum operation_kind kind; /* a planned one only where the writer is settled */
    bool forced;
    bool granted_wrote;  /* on top of a grant: the granted region was seen as a primary */
    uint32_t skipped_gates;
    int64_t accepted_loss_bytes;
    int64_t accepted_loss_us;
    uint64_t mark;       /* what it reconciles: then there is no way back, see ledger_begin() */
    struct wall_time wall;
    struct said said;
    struct shift shift;
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

/* ---- what people say: the writer and its epoch stay ---- */

/* Whether a pause is in force, by the calendar of whoever asks. Nothing unsafe follows from one that is wrong: a
 * failover that is not held back meets every other gate. */
bool ledger_is_paused(const struct ledger *now, struct wall_time wall);

/* Pauses (`until`: see there) or, with `on` false, resumes. */
struct ledger ledger_pause(const struct ledger *now, bool on, struct wall_time until, const struct said *said);

/* Puts a proposal before people, in place of the one that is there; PROPOSAL_NONE withdraws it. While an operation
 * moves the writer it can only be a failover's: out of an operation that nobody carries on, or away from a region that
 * was promoted and is lost while DNS is still open. */
struct ledger ledger_propose(const struct ledger *now, const struct ledger_proposal *proposal);

/* A person's answer to the proposal that is there: PROPOSAL_APPROVED or PROPOSAL_DECLINED. */
struct ledger ledger_answer(const struct ledger *now, enum proposal_state answer, const struct said *said);

/* A failback in stages whose target was granted: its database is home for good, and what people say of the operation
 * is about its traffic alone. */
bool ledger_shifts(const struct ledger *now);

/* How much of the traffic is to be at the writer's region by what the ledger says, in percent; the rest is to be where
 * it was, at the operation's `from`. */
uint8_t ledger_share(const struct ledger *now);

/* No stage is left but the last, with all of the traffic; and it was not sent back. */
bool ledger_shift_over(const struct ledger *now);

/* Whether the running operation may be told so: hold and go on at any time; back while it may return to the old
 * writer. Said back, it stays so. A failback that shifts may be told back, and then to go again from its first
 * stage. */
bool ledger_may_wish(const struct ledger *now, enum operation_wish wish);
struct ledger ledger_wish(const struct ledger *now, enum operation_wish wish, const struct said *said);

/* A failback's traffic may enter its next stage. */
bool ledger_may_shift(const struct ledger *now);

/* It does; NULL: by itself, else at a person's word, which ends a hold as well. */
struct ledger ledger_shift(const struct ledger *now, const struct said *said);

/* Marks items of the runbook of the operation that runs, or of the last. */
struct ledger ledger_tick(const struct ledger *now, uint64_t operation, uint32_t items);

/* Whether a mark is ended (mark.h): by the grant of the operation that names its region, or by setting it aside. */
bool ledger_is_reconciled(const struct ledger *now, uint64_t mark);

/* A person sets a mark aside: the writer stays who it is. */
struct ledger ledger_reconcile(const struct ledger *now, uint64_t mark);

/* A DNS adoption: the writer goes on writing. */
struct ledger ledger_adopt(const struct ledger *now, uint64_t id, node_id executor,
                           struct wall_time wall);

#endif
