/* lead: our own region's standby is led to another region's primary. One act, made of errands:
 *
 *   look at our own server     a primary receives nothing: REFUSED
 *   ask the primary            where its timeline left ours; past that point ours can't follow: REFUSED, by how much
 *   make the slot there        where our standby uses one
 *   primary_conninfo           set, read, and seen to stream: DONE; else FAILED, with what was seen, and it stays set
 *
 * When the primary can't be asked, the settings are changed all the same: a server attaches to nothing that its
 * own timeline does not lead to, and its log says so.
 */
#ifndef FAILOVERD_CONTROL_LEAD_H
#define FAILOVERD_CONTROL_LEAD_H

#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "coordinator/config/config.h"
#include "coordinator/control/database_target.h"
#include "coordinator/database/promote.h"
#include "policy/act.h"

typedef void lead_fn(void *arg, enum promote_outcome outcome, const struct postgres_facts *facts, const char *why);

struct lead_settings {
    const struct cluster_config *cluster;
    const struct service_config *service;
    const struct pg_target *own; /* as our guard reaches it */
    struct resolver *resolver;
    lead_fn *done;               /* `facts` NULL: none were read; all of it lives during the call only */
    void *arg;
};

struct lead;

/* Reads the secrets of the other regions' databases: at start only. What the settings point to outlives it. */
struct lead *lead_new(struct loop *loop, const struct lead_settings *settings, struct fault *fault);
/* NULL is allowed. */
void lead_free(struct lead *lead);

/* One at a time. `done` comes once, by the deadline, unless it is stopped before. False: not begun. */
bool lead_start(struct lead *lead, region_id to, int64_t deadline_us, struct fault *fault) CHECKED;
void lead_stop(struct lead *lead);

#endif
