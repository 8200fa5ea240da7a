/* truth: what check.c and its parts remember of what truly happened, per service.
 *
 * Nobody else includes this. All of it is in true time unless a name says `mono`, and all of it is
 * learned from what the world tells; nothing is asked of a node. What grows has a bound: rings forget
 * their oldest entry, and each says why that does no harm.
 */
#ifndef FAILOVERD_TESTS_TRUTH_H
#define FAILOVERD_TESTS_TRUTH_H

#include "tests/sim/check.h"

#define TRUTH_LEASES 4     /* (instance, epoch) pairs that a voter granted: older ones have no holder */
#define TRUTH_LOSSES 32    /* operations whose estimate is remembered: only the latest ones promote */
#define TRUTH_STEPS 64     /* promotions, begins and grants seen */
#define TRUTH_TICKS 32     /* items that people ticked */
#define TRUTH_ORDERS 32    /* orders that people gave */
#define TRUTH_MARKS 16     /* broken glasses, and orders to reconcile them */
#define TRUTH_NEVER_US (-TIME_FOREVER_US)
#define TRUTH_ROUNDING_US (2 * US_PER_MS) /* of host_true() and of times worked out in doubles */

struct truth_lease {
    struct instance instance;
    uint64_t epoch;
    uint64_t nonce;        /* the highest that it granted */
    int64_t last_us;       /* the newest grant for it, when it left the voter... */
    int64_t made_mono_us;  /* ...and when it was made, by the voter's clock */
};

/* One check as one node's probe sees it: a failing run as the README of policy/ tells it. */
struct truth_watch {
    bool judged, running;
    uint32_t failures, successes;
    int64_t run_start_mono_us;
    int64_t last_mono_us;      /* newest sample of any outcome */
    int64_t judged_mono_us, judged_us;
    int64_t ok_us;             /* when it last succeeded, for this life or one before */
    int64_t failed_until_us;   /* an earlier run had lasted long enough when it ended here */
};

struct truth_voter {
    bool seen;
    uint32_t life;             /* that the rest is about */
    uint64_t identity;         /* of the store that the next three are of */
    struct ballot promised, accepted; /* the highest that its disk said it has */
    struct ballot word;        /* the highest that it has promised or accepted to anybody */
    struct ballot asked;       /* of its newest round, and when it asked for promises first */
    int64_t asked_us;
    uint32_t asked_life;
    uint64_t asked_version;    /* of the voters, by which that round counts */
    uint64_t renewed_nonce, renewed_version; /* likewise its newest request for a lease */
    int64_t said_failed_us[POLICY_REGIONS_MAX]; /* when it last answered a candidate so */
    struct truth_lease leases[TRUTH_LEASES];
    uint8_t next_lease;
    int64_t quiet_since_us;    /* its last grant for the service, or the start of its process */
    int64_t lapsed_until_us;   /* it had been quiet for longer than a lease until here */
    struct truth_watch watches[POLICY_CHECKS_MAX];
    struct message_release released; /* by this host's guard, the newest */
};

struct truth_loss {
    uint64_t operation;
    int64_t bytes, us, age_us; /* bytes -1: unknown */
    uint8_t host;
};

struct truth_order {
    uint64_t ticket;           /* 0: none, or refused */
    region_id to;
};

struct truth_tick {
    uint64_t ticket;           /* 0: none */
    uint64_t operation;
    uint32_t items;
};

struct truth_answer {
    uint64_t proposal;         /* 0: none */
    enum order_kind kind;
};

/* A broken glass, by maker, as that one's disk has it. */
struct truth_glass {
    uint64_t id;               /* 0: none ever */
    uint64_t instance;
    uint64_t epoch;            /* of the register as its maker knew it then */
    enum mark_state state;
    region_id yields;
    bool forgot;               /* its maker's disk went back to before it */
    int64_t back_us;           /* > 0: it went back to when it stood; since when its process knows that mark */
    bool went_by;              /* ...and it went by that, since nobody told it better */
    uint8_t told;              /* how often others have said to that process that the mark was given up... */
    int64_t told_us;           /* ...and when for the second time: one may be overtaken by what was said later */
    int64_t given_us;
    region_id met;             /* whose open database it hears of... */
    int64_t met_us, last_us;   /* ...since when without a silence, and last */
};

/* A mark on a host's disk, by maker. */
struct truth_known {
    uint64_t id;
    uint64_t instance;         /* of the host then */
    int64_t at_us;             /* as the mark says */
    int64_t since_us;
    bool leased;               /* the host's region held, or could hold, a lease when the mark got there */
    bool kept;                 /* its guard, this host, held it open without one, as the ledger says... */
    uint32_t restarts;         /* ...by the process that ran then */
    bool bars;
};

struct truth_reconcile {
    uint64_t mark;
    region_id keep;
    bool vouched;              /* ...for the fence of the side that is given up, by name */
};

struct truth_step {
    uint64_t operation, epoch;
};

struct truth {
    /* The register. */
    uint64_t top;                      /* newest version that is truly chosen; 0: none */
    struct ballot top_ballot;          /* the highest at which it was */
    int64_t epoch_us;                  /* when the first value of its epoch was */
    struct ledger chosen[WORLD_VERSIONS_MAX]; /* by version, all of 1 to top */
    struct world_round rounds[WORLD_ROUNDS_MAX];
    uint8_t next_round;
    struct truth_voter voters[POLICY_NODES_MAX]; /* all nodes */
    struct truth_answer answers[TRUTH_ORDERS]; /* by people, a ring */
    uint8_t next_answer;
    int64_t proposed_us;               /* when the newest proposal was chosen first */
    /* Steps. */
    struct truth_step promoted[TRUTH_STEPS], begun[TRUTH_STEPS];
    struct truth_step cut_off[TRUTH_STEPS]; /* confirmed to whoever asked */
    uint8_t next_promoted, next_begun, next_cut_off;
    struct truth_order orders[TRUTH_ORDERS]; /* by people, a ring */
    uint8_t next_order;
    uint32_t ordered[POLICY_REGIONS_MAX], obeyed[POLICY_REGIONS_MAX]; /* orders not refused; forced begins */
    struct truth_tick ticks[TRUTH_TICKS]; /* by people, a ring */
    uint8_t next_tick;
    struct truth_loss losses[TRUTH_LOSSES];
    uint8_t next_loss;
    /* Broken glasses (check_glass.c). */
    struct truth_glass glasses[POLICY_NODES_MAX];
    struct truth_known known[POLICY_NODES_MAX][POLICY_NODES_MAX];
    int64_t heard_open_us[POLICY_NODES_MAX][POLICY_REGIONS_MAX]; /* by a host, of the guard that its ledger names */
    struct truth_reconcile reconciles[TRUTH_MARKS];
    uint64_t mark_ids[TRUTH_MARKS];
    uint8_t next_reconcile, next_mark;
    /* Databases. */
    uint64_t made;                     /* bit per timeline that a promotion of ours made, and the first */
    uint32_t head;                     /* the timeline that clients wrote into last */
    int64_t by_hand_since_us[POLICY_REGIONS_MAX]; /* a primary that a person made writes; < 0: no */
    int64_t opened_us[POLICY_REGIONS_MAX]; /* when it began to acknowledge writes last */
    int64_t silent_us[POLICY_REGIONS_MAX]; /* when it was last seen to answer nobody */
    bool calm;
};

/* ---- words of our own (check.c) ---- */

unsigned truth_count(node_set set);

/* The voters (check_voters.c). Everybody who has a vote under the newest set; whether these are a majority by any set
 * that somebody may still count by, by one version's, or by any since that. */
node_set truth_voters(const struct world *world);
bool truth_is_majority(const struct world *world, node_set yes);
/* By the newest set that anybody who runs counts by. It need not be the newest that was chosen: where the only one that
 * saw a change end loses its disk before it told anybody, the change goes on for all others, and goes on needing a
 * majority of the former set. Of three voters, one that the change replaces and that one lost, there is none left. An
 * end that was put forward and never chosen would look the same to the third, so it may not go by the next set alone:
 * a former set that lost its majority while it still counted is a person's to get over, like any. */
bool truth_may_go_on(const struct world *world, node_set voting);
/* By some such set, the others without these can't be one. */
bool truth_can_block(const struct world *world, node_set no);
bool truth_majority_of(const struct world *world, uint64_t version, node_set yes);
bool truth_majority_since(const struct world *world, uint64_t version, node_set yes);
const struct voter_set *truth_set(const struct world *world); /* the newest truly chosen */
/* The host's store, as it is now, has a vote under that version. */
bool truth_has_vote(const struct world *world, const struct host *host, uint64_t version);
bool truth_identity_has_vote(const struct world *world, uint8_t host, uint64_t identity, uint64_t version);
uint64_t truth_named(const struct world *world, uint8_t host, uint64_t version); /* identity; 0: any */
const char *truth_region(const struct world *world, region_id region);
int truth_ballots(struct ballot a, struct ballot b);   /* <0, 0, >0 */
bool truth_same_instance(struct instance a, struct instance b);
bool truth_same_value(const struct ledger *a, const struct ledger *b);
bool truth_same_terms(const struct ledger *a, const struct ledger *b);

/* The newest chosen value of an epoch; NULL: none. */
const struct ledger *truth_of_epoch(const struct truth *truth, uint64_t epoch);

/* How long `us` of a host's clock may last in true time, and of a clock that is wrong as allowed. */
int64_t truth_longest_us(const struct host *host, int64_t us);
/* By how much an age that nodes were told may be too small: ways out, and processes that stood. */
int64_t truth_slack_us(const struct world *world);

/* Until when the lease lasts at the most that a majority granted to the guard that a value names; TRUTH_NEVER_US:
 * none did (check_acts.c). */
int64_t truth_leased_until_us(const struct world *world, uint8_t service, const struct ledger *ledger);

/* A database that a person promoted past the coordinators, and that the register doesn't name. */
bool truth_by_hand(const struct world *world, uint8_t service, region_id region);

/* A region's database starts to take writes (check_loss.c). */
void truth_opened(struct world *world, uint8_t service, region_id region);

/* A voter as the present life of its host has it; call before anything of it is used. */
struct truth_voter *truth_voter(struct world *world, uint8_t service, const struct host *host);
/* The voter's silence towards the writer's guard ends now (check_evidence.c). */
void truth_quiet_ends(struct world *world, uint8_t service, const struct host *host);

/* How long a region has been failing for a node by any of its checks, long enough or not; what it saw
 * fail until `recent_us` ago counts as for ever, and so does a leased region that nobody renews for. */
int64_t truth_failing_us(const struct world *world, uint8_t service, uint8_t node, region_id region,
                         int64_t recent_us);
/* How long ago a check of it, that fails still, had failed for long enough; 0: none has. */
int64_t truth_failed_us(const struct world *world, uint8_t service, uint8_t node, region_id region);

/* A value is chosen on top of another: an operation that a person forced, if it is one (check_evidence.c). */
void truth_forced(struct world *world, uint8_t service, const struct ledger *before, const struct ledger *ledger);

/* ...and the marks that people made (check_tick.c). */
void truth_ticked(struct world *world, const struct ledger *before, const struct ledger *ledger);

/* A begin that nobody forced (check_pace.c). `round_us`: how long a register round may take. */
void truth_pace(struct world *world, uint8_t service, const struct ledger *before,
                const struct ledger *ledger, region_id source, int64_t round_us);

/* ...in mode approve; a value is chosen on top of another, and with it a proposal comes or goes (check_approval.c). */
void truth_approved(struct world *world, uint8_t service, const struct ledger *before, const struct ledger *ledger);
void truth_proposed(struct world *world, uint8_t service, const struct ledger *before, const struct ledger *ledger);

/* A begin or a grant that nobody forced, of several services (check_brake.c). */
void truth_braked(struct world *world, uint8_t service, const struct ledger *before, const struct ledger *ledger,
                  int64_t decided_us);

/* ---- check_glass.c ---- */

/* A host's guard may hold its database by a mark of its own, which is on its disk. */
bool truth_held_by_mark(const struct world *world, uint8_t service, const struct host *host);
/* The same of an opening, which is judged. `leased`: a lease covers it too, so no mark has to. */
bool check_held_by_mark(struct world *world, uint8_t service, const struct host *host, bool leased);
/* The glass was broken for that region, and the mark may be stood by: not known shut, or not reconciled. */
bool truth_is_marked(const struct world *world, uint8_t service, region_id region);
/* Who should have shut one of two that write, of which one does so by a mark, since they heard each other; NULL:
 * nobody. */
const struct host *truth_glass_late(const struct world *world, uint8_t service, region_id a, region_id b);
bool truth_list_follows(const struct ledger *now, const struct ledger *next);
void check_reconciled(struct world *world, uint8_t service, const struct ledger *before, const struct ledger *ledger);
bool truth_apart_by_glass(const struct world_service *service, uint32_t a, uint32_t b);

/* True the first time. */
bool truth_step_is_new(struct truth_step *ring, uint8_t *next, uint64_t operation, uint64_t epoch);

/* The old writer's region was cut off in this operation and epoch, and whoever asked for it was told so. */
bool truth_is_cut_off(const struct truth *truth, uint64_t operation, uint64_t epoch);

/* What a finished operation left behind (check_acts.c). */
void truth_finished(struct world *world, uint8_t service, const struct ledger *before,
                    const struct ledger *after);

#endif
