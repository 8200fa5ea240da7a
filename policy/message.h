/* What nodes tell each other. The shell's codec turns indexes into names and refuses what does not
 * parse; the core refuses what parses and makes no sense. Times are ages or durations, as of the moment it
 * was sent, and never readings, but for that moment itself (lateness.h). The header fields bind a message
 * to its sender's process and disk.
 */
#ifndef FAILOVERD_POLICY_MESSAGE_H
#define FAILOVERD_POLICY_MESSAGE_H

#include "policy/facts.h"
#include "policy/mark.h"
#include "policy/quorum/ledger.h"
#include "policy/quorum/voters.h"
#include "policy/types.h"

enum message_kind {
    MESSAGE_PREPARE,
    MESSAGE_PROMISE,
    MESSAGE_ACCEPT,
    MESSAGE_ACCEPTED,   /* to every node: each learns what is chosen by counting for itself */
    MESSAGE_REJECT,
    MESSAGE_RENEW,      /* guard asks for its lease: a quorum read */
    MESSAGE_GRANT,
    MESSAGE_REFUSE,
    MESSAGE_RELEASE,    /* guard: my fence is confirmed, my lease of this epoch is over for good */
    MESSAGE_CONFIRM,    /* candidate: say afresh what you see of this region */
    MESSAGE_VERDICT,
    MESSAGE_GOSSIP,
    MESSAGE_ORDER,      /* a person's order, forwarded to the node that can carry it out */
    MESSAGE_ORDER_REPLY,
    MESSAGE_GENERATION, /* node level: the newest generation of your store that I know of */
    MESSAGE_VOTERS,     /* node level, like all below: this set of voters is chosen */
    MESSAGE_VOTERS_PREPARE,
    MESSAGE_VOTERS_PROMISE,
    MESSAGE_VOTERS_ACCEPT,
    MESSAGE_VOTERS_ACCEPTED,
    MESSAGE_VOTERS_REJECT,
    MESSAGE_VOTER_ORDER,  /* a person's order about the voters, forwarded to a node that votes */
    MESSAGE_VOTER_REPLY,
    MESSAGE_KIND_COUNT
};

/* What a voter has accepted. A value is chosen only when a majority of distinct voters reported
 * it at one same ballot. */
struct register_report {
    bool present;
    struct ballot ballot;
    struct ledger ledger;
};

struct message_prepare { struct ballot ballot; };
struct message_promise { struct ballot ballot; struct register_report report; };
struct message_accept { struct ballot ballot; struct ledger ledger; };
struct message_accepted {
    struct ballot ballot;
    int64_t grant_age_us; /* since this voter's last grant for the service, taken after accepting */
    struct register_report report;
};
struct message_reject { struct ballot ballot; struct ballot promised; };

struct message_renew { struct instance instance; uint64_t epoch; uint64_t nonce; };
struct message_grant {
    struct instance instance;
    uint64_t epoch;
    uint64_t nonce;
    struct register_report report;
};
struct message_release { struct instance instance; uint64_t epoch; uint64_t nonce; };

struct message_confirm { region_id region; uint64_t nonce; };
struct message_verdict {
    region_id region;
    uint64_t nonce;
    enum verdict verdict;
    enum verdict_reason reason;
    int64_t standing_us;
};

struct gossip_region {
    enum verdict verdict;
    enum verdict_reason reason;
    uint8_t check;
    int64_t standing_us;      /* how long the verdict, or the failing run, stands */
    struct policy_text detail;
    int64_t database_age_us;  /* of `database`, if it is known */
    struct database_facts database;
};

/* A person has seen it: nobody needs to be called any more. The newest by the calendar is told on. */
struct ack {
    uint64_t incident;        /* 0: none yet */
    struct wall_time at;
    struct policy_text by;
};

struct message_gossip {
    bool ask;                 /* answer with yours at once */
    bool voting;              /* store sound and confirmed */
    struct register_report report;
    uint64_t known_version;   /* newest value known chosen */
    uint64_t settings;        /* digest of the service's settings */
    bool guard;               /* the fields below are about this node's own region */
    bool guard_ready;         /* its fence can be worked */
    bool kernel;              /* ...and is enforced by the kernel */
    struct instance instance;
    enum fence_state fence;
    int64_t lease_left_us;    /* <= 0: none */
    uint64_t released_epoch;  /* the newest epoch whose lease this instance gave back for good */
    struct last_word last;
    struct ack ack;
    struct mark mark;         /* one of those that it knows of, each in its turn; MARK_NONE: it knows of none */
    node_id granting;         /* whose lease may still run by a grant of this voter, or whom this node hears hold its
                               * database open, by a lease or kept without one; NODE_NONE: nobody's */
    struct gossip_region regions[POLICY_REGIONS_MAX];
};

enum order_kind {
    ORDER_FAILOVER,
    ORDER_ADOPT,
    ORDER_SWITCHOVER,
    ORDER_FAILBACK,
    /* These change the ledger and nothing else; any node can carry them out (failover/word.c). */
    ORDER_PAUSE,
    ORDER_RESUME,
    ORDER_APPROVE,
    ORDER_DECLINE,
    ORDER_HOLD,   /* operation pause */
    ORDER_GO,     /* operation resume */
    ORDER_BACK,   /* operation abort */
    ORDER_SKIP,   /* operation skip: a failback's next stage, at once */
    ORDER_TICK,
    ORDER_ACK,    /* this one not even that: it is told on by gossip */
    ORDER_BREAK,  /* the quorum is gone, and a person says so: carried out here or nowhere (failover/glass.c) */
    ORDER_RECONCILE, /* ...and how that ends (failover/reconcile.c) */
    ORDER_KIND_COUNT
};

struct order {
    enum order_kind kind;
    region_id to;                /* of those that move the writer; of a reconciliation, the region that is kept */
    uint64_t operation;          /* of those that are about one; of an ack, the incident; of a reconciliation, the
                                    mark */
    uint32_t skipped_gates;
    int64_t accepted_loss_bytes; /* -1: the service's RPO holds */
    int64_t accepted_loss_us;    /* likewise */
    struct wall_time at;         /* of a pause: until then; of a switchover or failback: not before; 0: not given */
    struct shift shift;          /* of a failback */
    uint32_t items;              /* of a tick */
    struct policy_text by;
    struct policy_text why;
    struct policy_text proof;    /* of a broken glass: how it is known that the old database is dead */
};

enum order_answer {
    ANSWER_ACCEPTED,        /* begin is chosen: the operation runs */
    ANSWER_GATE,            /* refused by a gate, named by number */
    ANSWER_NO_QUORUM,       /* could not reach a majority; unknown whether it began: look at status */
    ANSWER_BUSY,            /* an operation is running already */
    ANSWER_ALREADY,         /* that region is the writer */
    ANSWER_NOT_SERVING,     /* that region has no database of this service */
    ANSWER_NO_COORDINATOR,  /* no coordinator of the target region can be reached */
    ANSWER_NO_DNS,
    ANSWER_NO_LEDGER,       /* nothing is known chosen yet */
    ANSWER_NO_OPERATION,    /* the operation, or proposal, that it is about is not there (any more) */
    ANSWER_NO_WAY_BACK,     /* the target has been granted, or the old writer is not known to have everything */
    ANSWER_DECLINED,        /* somebody has declined the proposal, and that stays so */
    ANSWER_NO_STAGE,        /* a failback has no such stages, or its traffic was sent back */
    /* Of a broken glass and its end: */
    ANSWER_QUORUM,          /* a majority is heard: an ordinary failover is right */
    ANSWER_STILL_OPEN,      /* a node that is heard says that its region's database is open, or may be */
    ANSWER_NOT_HERE,        /* this node guards no database of the service in that region */
    ANSWER_NO_FENCE,        /* the fence can't be worked: what can't be shut again is not opened */
    ANSWER_NO_STANDBY,      /* the database is not seen as a standby */
    ANSWER_NO_STORE,        /* the mark can't be made durable here */
    ANSWER_MARKED,          /* there is an unreconciled mark already */
    ANSWER_NO_MARK,         /* there is none, or another than the person saw */
    /* Of a change of the voters: */
    ANSWER_VOTES_ALREADY,   /* it is a voter; a replacement: it votes as who it is */
    ANSWER_NO_VOTER,        /* it is none */
    ANSWER_CHANGING,        /* another change is under way */
    ANSWER_TOO_FEW,         /* fewer voters than a cluster needs would be left */
    ANSWER_TOO_MANY,
    ANSWER_NO_STORE_THERE,  /* that node is not heard, or has no store to vote with */
    ANSWER_MUTE,            /* this node may not ask the voters, and hears none of them that votes */
    ANSWER_NO_MAJORITY,     /* too few of the voters that there would be are heard and vote; nothing was changed */
    ANSWER_OPERATION,       /* a service has an operation under way; `value`: which service */
    ANSWER_COUNT
};

/* A person's order about the voters. */
struct voter_order {
    enum voter_change change;
    node_id node;
    struct policy_text by;
    struct policy_text why;
};

struct message_order { uint64_t ticket; struct order order; };
struct message_voter_order { uint64_t ticket; struct voter_order order; };
/* Of orders about the voters too: there `value` is the version that was chosen, or the service that the answer is
 * about. */
struct message_order_reply {
    uint64_t ticket;
    enum order_answer answer;
    uint8_t gate;
    int64_t value;
    int64_t limit;
    int64_t value_us; /* of GATE_LOSS_WITHIN_RPO, the same in time; of it a value of -1 is one that is not known */
    int64_t limit_us;
    uint64_t operation;
};

struct message_generation {
    uint64_t identity;     /* of the store that it is about */
    uint64_t seen;
};

/* What a voter has accepted of the version after the set in force. */
struct voter_report {
    bool present;
    struct ballot ballot;
    struct voter_set set;
};

/* VOTERS: `report.set`, without a ballot. PREPARE, ACCEPTED: `ballot`. PROMISE: with `report`, if there is one.
 * ACCEPT: `report.set` is put forward. REJECT: `promised` is ahead of `ballot`. */
struct message_voters {
    struct ballot ballot;
    struct ballot promised;
    struct voter_report report;
};

#define SERVICE_NONE 0xffu

struct message {
    enum message_kind kind;
    uint8_t service;       /* SERVICE_NONE for node-level messages */
    node_id from;
    uint32_t restarts;     /* of the sender's process */
    uint64_t generation;   /* on the sender's disk when this was sent; 0: not said */
    int64_t sent_us;       /* the sender's clock then: only ever compared with others of the same sender */
    uint64_t identity;     /* of the sender's store, which its vote depends on; 0: it has none */
    uint64_t voters_version; /* of the set of voters that it counts by, and votes under */
    union {
        struct message_prepare prepare;
        struct message_promise promise;
        struct message_accept accept;
        struct message_accepted accepted;
        struct message_reject reject;
        struct message_renew renew;
        struct message_grant grant;      /* GRANT and REFUSE */
        struct message_release release;
        struct message_confirm confirm;
        struct message_verdict verdict;
        struct message_gossip gossip;
        struct message_order order;
        struct message_order_reply order_reply; /* ORDER_REPLY and VOTER_REPLY */
        struct message_generation generation_seen;
        struct message_voters voters;
        struct message_voter_order voter_order;
    } as;
};

#endif
