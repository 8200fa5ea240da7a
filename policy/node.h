/* node: one failoverd's core. Event in, effects out; it composes and dispatches, and decides
 * nothing itself.
 *
 * Purpose: the shell (or the simulator) makes one node, gives it every event in order, and carries
 * out the effects of each step before the next event whose outcome could depend on them, as
 * effect.h says. Nothing here reads a clock, allocates or does I/O; the same events give the same
 * effects.
 */
#ifndef FAILOVERD_POLICY_NODE_H
#define FAILOVERD_POLICY_NODE_H

#include "policy/config.h"
#include "policy/effect.h"
#include "policy/event.h"
#include "policy/mark.h"
#include "policy/quorum/voter_register.h"
#include "policy/view.h"

/* What survives a restart; the shell writes it whole. The restart counter is kept by the store
 * itself, which counts before anything else. `generation` grows with every persist effect of a node that
 * may vote, so a peer that saw a newer one than a restarted voter has on disk knows that the disk went back.
 * What is written while it waits to be confirmed (a mark) leaves it alone: a disk that went back must not
 * look new because something was written on it since. */
struct durable_service {
    struct ballot promised;
    struct register_report accepted;
    struct mark marks[POLICY_NODES_MAX]; /* by maker, our own and those heard of: failover/glass.c */
};

struct durable {
    uint64_t generation;
    uint64_t seen_generation[POLICY_NODES_MAX]; /* of the peers' stores... */
    uint64_t seen_identity[POLICY_NODES_MAX];   /* ...and which stores those were; 0: not known */
    struct durable_voters voters;               /* set.version 0: nothing yet; the configuration's holds */
    struct durable_service services[POLICY_SERVICES_MAX];
};

/* What the shell found on disk. */
struct node_store {
    bool sound;             /* false: missing or corrupt; the node never votes in this process */
    uint32_t restarts;      /* counted durably before this process does anything */
    struct durable durable;
    /* Until when a former process of this boot held each service's lease, as noted at each hold; 0: not
     * known. Only what a guarded fence's guard may leave open after a restart depends on it. */
    struct mono_time held_until[POLICY_SERVICES_MAX];
    bool doubt;             /* sound, but something newer may have been lost (a torn or rotten slot) */
};

struct node;

/* Bytes that a node of so many services needs; the caller allocates them, zeroed, and frees them at the end. */
size_t node_size(uint8_t service_count);

/* `config` must outlive the node. Effects include the first timer. */
void node_init(struct node *node, const struct policy_config *config,
               const struct node_store *store, struct mono_time now, struct wall_time wall,
               struct effects *effects);

/* `effects` is emptied first. */
void node_step(struct node *node, const struct node_event *event, struct effects *effects);

/* What EFFECT_PERSIST has to write. Valid until the next step. */
const struct durable *node_durable(const struct node *node);

enum mute_reason node_mute(const struct node *node);

/* The set of voters known chosen, and how far its change is; for people. */
struct node_voters {
    struct voter_set set;
    uint64_t identities[POLICY_NODES_MAX]; /* of every node's store, as last heard; 0: not known, or none */
    bool heard[POLICY_NODES_MAX];
    bool voting[POLICY_NODES_MAX];         /* by its own word, under this set */
    bool stored;                           /* enough have the set on disk */
    struct voter_grounds grounds;          /* of a change under way */
};
void node_voters(const struct node *node, struct mono_time now, struct node_voters *voters);

void node_view(const struct node *node, uint8_t service, struct mono_time now,
               struct wall_time wall, struct view_service *view);

#endif
