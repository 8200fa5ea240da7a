/* probing: the probes loop on its thread, running every check of every service from this node, and
 * handing each sample over to the control loop.
 */
#ifndef FAILOVERD_CONTROL_PROBING_H
#define FAILOVERD_CONTROL_PROBING_H

#include "coordinator/base/loop.h"
#include "coordinator/config/config.h"
#include "coordinator/control/control.h"

struct probing;

/* Reads the databases' secrets. `self` is an index into cluster->nodes, which outlives it. */
struct probing *probing_new(const struct cluster_config *cluster, size_t self, struct fault *fault);

/* Before the thread is started others may put their own work on it (coordinator/notify). */
struct loop *probing_loop(const struct probing *probing);
void probing_reset_stall(struct probing *probing);

/* Starts the thread; samples go to `control` from now on. */
bool probing_start(struct probing *probing, struct control *control, struct fault *fault) CHECKED;

/* The ledger's word on who writes: only the writer's database is ever written to by a check. Before
 * the first call none is. `region` is REGION_NONE while there is no writer. Any thread. */
void probing_set_writer(struct probing *probing, uint8_t service, uint8_t region);

/* One round of a check, now, by the very settings of its turns and beside them: its sample goes to whoever asked and
 * not to the core. `check` and `region` are of that service of the cluster; `mark` comes back with the answer. */
struct probing_question {
    uint64_t mark;
    size_t service;
    const struct service_region_config *region;
    const struct check_config *check;
    int64_t begin_by_us; /* base_mono_us; later it is dropped, without an answer */
};

/* From the control loop; the answer comes through control_post_round(), within the check's timeout and
 * SCHEDULE_GRACE_US from when it begins. False: not taken, because the probes loop does not keep up. */
bool probing_ask(struct probing *probing, const struct probing_question *question) CHECKED;

/* Ends the thread; no sample is posted after it. Idempotent, NULL is allowed. */
void probing_stop(struct probing *probing);
void probing_free(struct probing *probing);

#endif
