/* View: what a node knows, sees and would do, as one plain snapshot for people.
 *
 * Made by node_view() on the control loop; coordinator/status renders it (text, JSON). Nothing in
 * here is read back by a decision.
 */
#ifndef FAILOVERD_POLICY_VIEW_H
#define FAILOVERD_POLICY_VIEW_H

#include "policy/facts.h"
#include "policy/failover/gates.h"
#include "policy/failover/plan.h"
#include "policy/mark.h"
#include "policy/message.h"
#include "policy/types.h"

#define AGE_UNKNOWN_US INT64_C(-1)

enum mute_reason {
    MUTE_NOT,          /* votes */
    MUTE_NO_VOTE,      /* not a voter */
    MUTE_UNCONFIRMED,  /* just started: asking the others whether they know a newer store of ours */
    MUTE_STORE_BAD,    /* missing or corrupt: needs a person */
    MUTE_STORE_OLDER,  /* peers know a newer generation: rolled back; needs a person */
    MUTE_STORE_FAILED, /* a write failed: final for this process */
    MUTE_IDENTITY,     /* the vote is another store's of this node: needs a person (voter replace) */
};

struct view_node {
    bool linked;
    bool heard;
    int64_t heard_age_us;
    bool voter;           /* has a vote under the set of voters in force */
    bool voting;          /* by its own word */
    enum mute_reason mute; /* of ourselves only */
};

/* What one observer says of one region. */
struct view_observer {
    bool present;
    int64_t age_us;         /* since it said so */
    enum verdict verdict;
    enum verdict_reason reason;
    uint8_t check;
    int64_t standing_us;
    struct policy_text detail;
};

struct view_region {
    bool serves;
    struct view_observer observers[POLICY_NODES_MAX];
    uint8_t failed_votes;   /* fresh votes of voters, as far as they get to voters_needed (electorate_counted) */
    /* The newest facts of its database by anyone, and who has them. */
    struct database_facts database;
    int64_t database_age_us;
    node_id database_observer;
    /* As a standby, against the writer's newest known position. */
    bool lag_known;
    int64_t lag_bytes;
    int64_t lag_us;         /* -1: goes further back than is known */
    int64_t lag_age_us;     /* how old the knowledge of the writer's position is */
    /* Its guard, as last heard. */
    bool guard_heard;
    node_id guard_node;
    bool guard_ready;
    bool guard_kernel;
    enum fence_state fence;
    int64_t lease_left_us;  /* <= 0: none */
    /* As a candidate for a failover now. */
    bool candidate;
    bool gates_open;
    struct gate gates[GATE_COUNT];
    struct gate planned_gates[GATE_COUNT]; /* the same for a switchover, which leaves a writer that is well */
};

struct view_check {
    enum verdict verdict;
    bool sampled;
    enum sample_outcome last;
    int64_t last_age_us;
    int64_t latency_us;
    uint32_t failures;      /* in the running failing run */
    int64_t run_us;         /* how long that run is; 0: none */
    struct policy_text detail;
};

struct view_operation {
    bool running;           /* the ledger has one */
    bool here;              /* this node executes it */
    enum step_id step;      /* known only where it runs */
    uint32_t attempt;
    int64_t step_us;        /* in this step */
    int64_t total_us;       /* since this node took it up */
    bool overdue;
    int64_t wait_left_us;   /* until the old lease has run out */
    enum fence_proof proof;
    int64_t loss_bytes;     /* as compared; -1 unknown */
    int64_t loss_us;        /* likewise, of its own */
    int64_t loss_age_us;
    bool in_force;          /* a failback's stage: every name server answers it */
    int64_t in_force_us;    /* since when */
    int64_t next_us;        /* until the next, if home stays well; 0: it waits for something else */
    struct policy_text detail; /* the last thing that did not work, or what it waits for */
};

/* The last run of a remote hook that this node asked for. */
struct view_cut_off {
    bool known;
    bool running;
    bool confirmed;          /* no client reached the region when it ended */
    bool seen_since;         /* ...but another region's node has seen its database since */
    region_id region;
    uint64_t operation;
    int64_t age_us;          /* since it ended, or, while it runs, began */
    struct policy_text detail;
};

/* What this node does behind its own mark. */
struct view_glass {
    bool own;                    /* it has one */
    bool open;                   /* its database is open by it */
    bool durable;                /* it is known to be on its disk */
    struct policy_text detail;   /* what did not work, or what it waits for */
};

struct view_service {
    bool ledger_known;
    struct ledger ledger;
    int64_t ledger_age_us;       /* since a majority was last known to hold it; AGE_UNKNOWN_US */
    bool quorum;                 /* a majority of voters was heard within the last heartbeats */
    uint8_t voters_heard;        /* likewise */
    uint8_t voters_needed;
    bool abstaining;
    bool settings_differ;        /* a peer runs with other settings */
    node_id settings_differ_node;
    bool lease_differs;          /* the file's lease settings wait for the next grant */
    struct view_cut_off cut_off;
    int64_t proposal_age_us;     /* since this node learnt of the proposal that is there */
    int64_t proposal_left_us;    /* until its time is over, as this node counts it; <= 0: it is */
    uint64_t proposal_withdrawn; /* the last that came to nothing; 0: none since this process started */
    struct mark marks[POLICY_NODES_MAX]; /* of broken glasses that nobody has reconciled, by maker */
    struct view_glass glass;     /* what is done behind our own */
    struct ack ack;              /* the newest acknowledgement heard of */
    struct policy_text follow;   /* why our own region's standby does not stream from the writer; "": it may */
    struct view_node nodes[POLICY_NODES_MAX];
    struct view_region regions[POLICY_REGIONS_MAX];
    struct view_check checks[POLICY_CHECKS_MAX];
    struct view_operation operation;
};

/* The mark that a reconciliation which keeps `keep` is about, as this node sees it: first those of other regions, which
 * are set aside, then its own; 0: there is none. */
uint64_t view_mark(const struct view_service *view, region_id keep);

#endif
