/* What the files of the notifier share. Internal to coordinator/notify. */
#ifndef FAILOVERD_NOTIFY_NOTIFIER_PARTS_H
#define FAILOVERD_NOTIFY_NOTIFIER_PARTS_H

#include "coordinator/base/text.h"
#include "coordinator/notify/courier.h"
#include "coordinator/notify/incidents.h"
#include "coordinator/notify/notifier.h"
#include "coordinator/notify/queue.h"

/* What a node hears of the others, which decides who tells: see notifier_teller.c. */
struct notifier_peers {
    bool looked;      /* else nothing is known yet */
    bool quorum;      /* we hear a majority */
    node_set heard;   /* lately, ourselves included */
    node_set eligible; /* of them, those that vote and that we can send to: they hear us */
};

struct notifier_channel {
    struct notifier *notifier;
    struct queue *queue;
    struct courier_job job;
    uint64_t delivered;
    /* The last try. */
    bool tried;
    bool failing;
    int64_t tried_us;
    int64_t failing_since_us;
    uint64_t lost_said;
    long status;
    char text[COURIER_TEXT_MAX];
};

struct notifier {
    struct notifier_settings settings;
    struct courier *courier;   /* NULL: there are no channels */
    struct incidents *incidents;
    struct timer timer;        /* of the queues */
    int64_t started_us;
    struct notifier_peers peers;
    uint64_t epochs[CONFIG_MAX_SERVICES]; /* of the ledgers, as last seen */
    struct notifier_channel channels[CONFIG_MAX_CHANNELS];
};

/* notifier_teller.c: who of several nodes tells. */
struct notifier_peers notifier_peers(const struct cluster_config *cluster, size_t self,
                                     const struct view_service *view);
bool notifier_tells(const struct notifier_peers *peers, size_t self, const struct incident *incident);

struct incident_time notifier_now(void);

/* notifier_facts.c */
void notifier_append_doubts(struct text *text, const struct notifier *notifier, const struct view_service *view,
                            size_t service, size_t region);
/* What failed needs a person until its service was well for a while. */
void notifier_end_when_well(struct notifier *notifier, struct incident *incident, const struct view_service *view);

/* notifier_proposals.c: what is put down in the ledger, and what became of it when it did not begin. */
void notifier_look_at_proposal(struct notifier *notifier, const struct view_service *view, size_t service);
void notifier_look_back_at_proposal(struct notifier *notifier, struct incident *incident,
                                    const struct view_service *view);

#endif
