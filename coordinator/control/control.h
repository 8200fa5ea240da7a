/* control: the shell around the core. Events in, effects out, in the order that effect.h demands.
 *
 * The one file that calls node_step(). Everything that happens to this node becomes an event here:
 * frames of peers, samples of the probes, completions of acts and disk writes, orders from the
 * control socket, the timer. Everything runs on the control loop; nothing here blocks.
 */
#ifndef FAILOVERD_CONTROL_CONTROL_H
#define FAILOVERD_CONTROL_CONTROL_H

#include "coordinator/base/fetch.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "coordinator/config/config.h"
#include "coordinator/report/history.h"
#include "coordinator/report/audit.h"
#include "coordinator/report/journal.h"
#include "coordinator/store/store.h"
#include "policy/facts.h"
#include "probes/probe.h"

struct control;
struct probing;

struct control_parts {
    struct loop *loop;         /* the control loop */
    struct probing *probing;
    const struct cluster_config *cluster;
    const struct local_config *local;
    size_t self;
    const char *version;
    struct fetch_pool *pool;
    struct resolver *resolver;
    struct journal *journal;
    struct audit *audit;
    struct history *history;
    struct store *store;       /* started; NULL: there is none that can be trusted */
    const struct store_found *found; /* with `store` */
    uint64_t restarts;         /* as store_start() said; 0 without a store */
    const char *store_text;    /* why there is no store, or what is in doubt */
};

/* What the parts point to outlives it. Listens for peers and people, and starts the core. NULL with
 * the fault set. */
struct control *control_new(const struct control_parts *parts, struct fault *fault);

/* Lets the guard's lease lapse or be kept by its successor: nothing is fenced or opened on the way
 * out. */
void control_free(struct control *control);

/* A sample of the probes loop, from its thread. */
void control_post_sample(struct control *control, uint8_t service, const struct sample *sample,
                         const struct probe_waits *waits);

/* The answer to probing_ask(), from the probes loop's thread. The core hears nothing of it. */
void control_post_round(struct control *control, uint64_t mark, const struct probe_round *round);

/* New certificates, from now on. */
bool control_reload_tls(struct control *control, struct fault *fault) CHECKED;

#endif
