/* The notifier: people are told what happens, over the channels of cluster.json.
 *
 * It is told of each note of the core and looks at the core's views and status's warnings once a second; from
 * these come incidents (incidents.h), from incidents notices, which wait in a queue for each channel (queue.h) and
 * are carried by the courier on the loop of the probes (courier.h). Nothing here waits: an operation goes on the
 * same whether anybody can be told or not. All on the control loop; README.md says who of several nodes tells.
 */
#ifndef FAILOVERD_NOTIFY_NOTIFIER_H
#define FAILOVERD_NOTIFY_NOTIFIER_H

#include <jansson.h>

#include "coordinator/base/loop.h"
#include "coordinator/config/config.h"
#include "coordinator/report/journal.h"
#include "policy/note.h"
#include "policy/view.h"

struct notifier;

struct notifier_settings {
    struct loop *loop;      /* the control loop, whose thread calls */
    struct loop *sending;   /* where the courier works; not running yet */
    const struct cluster_config *cluster; /* outlives it */
    size_t self;
    struct journal *journal; /* outlives it */
};

/* NULL with the fault set. */
struct notifier *notifier_new(const struct notifier_settings *settings, struct fault *fault);

/* When the sending loop has ended. What was not told yet is not told. NULL is allowed. */
void notifier_free(struct notifier *notifier);

/* A note of the core, as it happens. */
void notifier_note(struct notifier *notifier, const struct note *note);

/* Once a second: what the node sees, and the acknowledgements that it heard of. `warnings` as status has them; both
 * borrowed for the call. */
void notifier_look(struct notifier *notifier, const struct view_service *views, const json_t *warnings);

/* Somebody takes care of an incident, said at that wall time, on whichever node: its own control socket or another
 * node's word. False: no such incident is open here, or that word is older than it. Twice is as good as once. */
bool notifier_acknowledged(struct notifier *notifier, uint64_t incident, const char *by, int64_t wall_us) CHECKED;

/* The service (index) of an incident that is open here; 0 if it is of none, or there is none. */
uint8_t notifier_service_of(const struct notifier *notifier, uint64_t incident);

/* Sends a test over that channel (by name) at once, past its queue. `done` on the control loop, exactly once if this is
 * true; false with the fault set: there is no such channel, or it can't be started. */
struct notifier_test {
    const char *channel;
    const char *who;
    void (*done)(void *arg, uint64_t ticket, bool taken, long status, int64_t took_us, const char *channel,
                 const char *text);
    void *arg;
    uint64_t ticket;
};
bool notifier_test(struct notifier *notifier, const struct notifier_test *test, struct fault *fault) CHECKED;

/* { "incidents": [...], "channels": [...] } as README.md says. A new reference; NULL without memory. */
json_t *notifier_json(const struct notifier *notifier);

#endif
