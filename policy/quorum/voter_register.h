/* voter_register: the register that holds the set of voters, and the one change at a time that a person orders.
 *
 * Every version of the set is decided once, by the voters of the version before: a single decree of Paxos, with the
 * same two phases, ballots and durable words as the services' registers, and much less around it (no lease, no
 * successor on top of a value in doubt), which is why it does not share their proposer. Whoever sees a majority
 * accept tells everybody, and each takes the set as it is told: who was away for several versions could not count for
 * sets that it has never heard of, and what is chosen is the same wherever it is heard.
 *
 * A change is put forward by the node that a person asks; by the first that votes, if that one may not propose: it
 * forwards the order once, and gives the answer that it gets. Its end (voters.h) is put forward by whoever sees that
 * everything is in place, that node first, so a change that is found half done comes to its end by itself.
 *
 * This file knows nothing of services: what node.c finds in them comes as `struct voter_grounds`.
 */
#ifndef FAILOVERD_POLICY_VOTER_REGISTER_H
#define FAILOVERD_POLICY_VOTER_REGISTER_H

#include "policy/event.h"
#include "policy/quorum/voters.h"

struct turn;

/* By when a person hears whether a change has begun. */
#define VOTER_ORDER_DEADLINE_US (10 * US_PER_S)

/* What is on disk. `promised` and `accepted` are about the version after `set`. */
struct durable_voters {
    struct voter_set set;
    struct ballot promised;
    struct voter_report accepted;
};

/* How far the services are, looked at when a change begins or is about to end. */
struct voter_grounds {
    bool known;              /* each service has a value known chosen... */
    bool idle;               /* ...and none an operation under way: asked for when a change begins only */
    bool held;               /* each such value is reported at one ballot by all majorities that are needed */
    uint8_t service;         /* the first for which one of these is not so; SERVICE_NONE */
    struct mono_time waited; /* when a full wait that began at `stored_at` is over, for each service */
};

enum voter_round { VOTER_ROUND_IDLE, VOTER_ROUND_PREPARING, VOTER_ROUND_ACCEPTING };

struct pending_voter_order {
    bool active;
    node_id from;              /* the node whose control socket it came to: where its answer goes */
    uint64_t ticket;           /* of that node */
    node_id executor;          /* to whom we forwarded it; NODE_NONE: we carry it out */
    struct voter_order order;
    uint64_t version;          /* of the set as it was when the order came */
    struct mono_time deadline;
};

struct voter_register {
    struct durable_voters d;
    struct electorate electorate; /* what a count under `d.set` needs; the two change together: put_in_force() */
    enum voter_round round;
    struct ballot ballot;      /* of our round; its counter only grows */
    struct ballot highest;     /* ever seen */
    bool learning;             /* our round has no goal but to settle what somebody has accepted */
    struct voter_set goal, value;
    struct voter_report best;
    node_set promised, accepted, rejected; /* who answered it */
    struct mono_time deadline, next_at;
    uint32_t losses;
    node_set stored_by;        /* who has `set` on disk */
    struct mono_time stored_at; /* since when a majority of all that are needed has; 0: not yet known */
    struct mono_time ready_at;  /* since when the change could end; 0: it can't yet */
    struct mono_time doubt_at;  /* since when something accepted has been waiting for its end; 0: nothing is */
    bool ours;                 /* the change under way was ordered here */
    struct pending_voter_order order;
};

void voter_register_init(struct voter_register *voters, const struct durable_voters *durable, node_set first,
                         node_id self, uint32_t restarts);

/* All of these return true if the set known chosen is a newer one now; the caller tells all its parts. */
bool voter_register_message(struct voter_register *voters, struct turn *turn, const struct message *message);
bool voter_register_told(struct voter_register *voters, struct turn *turn, const struct voter_set *set);

/* A voter's word that it has `version` on disk. */
void voter_register_stored(struct voter_register *voters, const struct turn *turn, node_id voter,
                           uint64_t version);

/* A person's order of `from`'s control socket. It gets one answer, now or by VOTER_ORDER_DEADLINE_US after it was
 * said: by EFFECT_REPLY if it is ours, else by a message to that node. One of another node is not forwarded on; whether
 * it is new is for the caller to say (order_is_new). `able`: the nodes that are heard and whose stores are sound;
 * `identities`: of all nodes as last heard, 0 where it is not known. */
struct voter_witness {
    node_set voting;           /* heard lately, and voting */
    node_set able;             /* heard lately, with a store */
    uint64_t identities[POLICY_NODES_MAX];
    uint64_t former[POLICY_NODES_MAX]; /* the one that has the node's vote, as far as is known */
};
void voter_register_order(struct voter_register *voters, struct turn *turn, node_id from, uint64_t ticket,
                          const struct voter_order *order, const struct voter_witness *witness,
                          const struct voter_grounds *grounds);

/* A node answers the order that we forwarded to it; from anybody else, or to another, it is dropped. */
void voter_register_reply(struct voter_register *voters, struct turn *turn, node_id from,
                          const struct message_order_reply *reply);

/* Whether it is worth finding out the grounds: a change is under way. */
static inline bool voter_register_changing(const struct voter_register *voters)
{
    return voters->d.set.change != VOTER_NONE;
}

/* Rounds and deadlines; once after every event. Gives when it wants to be called again. */
struct mono_time voter_register_run(struct voter_register *voters, struct turn *turn,
                                    const struct voter_grounds *grounds);

#endif
