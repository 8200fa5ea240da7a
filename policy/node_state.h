/* node_state: one node, as the files that it is made of share it: node.c composes and dispatches, vote.c says whether
 * it may vote.
 *
 * Internal to policy/: the shell knows `struct node` by name only (node.h).
 */
#ifndef FAILOVERD_POLICY_NODE_STATE_H
#define FAILOVERD_POLICY_NODE_STATE_H

#include "policy/node.h"
#include "policy/service.h"

struct node {
    const struct policy_config *config;
    struct peer peers[POLICY_NODES_MAX];
    struct durable durable;
    uint32_t restarts;
    enum mute_reason mute;
    bool sound;                  /* the store, as found */
    bool doubt;                  /* something newer than what was found may have been lost */
    bool brand_new;              /* nothing was ever written on a sound store of this voter */
    bool store_failed;
    bool outdated;               /* others know that our store went back, whatever became of it since */
    bool confirmed;              /* others have said in this process that our store is the newest: it may be written */
    struct voter_register voters;
    struct mono_time voters_due;
    uint64_t start_generation;   /* as found on disk */
    uint64_t newest_known;       /* by any peer */
    node_set confirmed_by;
    uint64_t random;
    uint64_t writes;             /* asked for by this process */
    bool persist;
    struct mono_time due[POLICY_SERVICES_MAX];
    struct moving moving[POLICY_SERVICES_MAX]; /* as each service's last run left it */
    struct service services[];   /* as many as are configured */
};

/* A line of the journal that is about no service; the caller adds the rest. */
static inline struct note *node_note(struct effects *effects, enum note_kind kind)
{
    struct note *note = &effects_add(effects, EFFECT_NOTE)->as.note;
    *note = (struct note){ .kind = kind, .service = SERVICE_NONE, .region = REGION_NONE,
                           .node = NODE_NONE, .check = CHECK_NONE };
    return note;
}

#endif
