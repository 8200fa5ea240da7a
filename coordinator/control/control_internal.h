/* What control.c shares with the files that work for it. Internal to coordinator/control. */
#ifndef FAILOVERD_CONTROL_CONTROL_INTERNAL_H
#define FAILOVERD_CONTROL_CONTROL_INTERNAL_H

#include <jansson.h>

#include "coordinator/control/commit_hold.h"
#include "coordinator/control/control.h"
#include "coordinator/control/database_acts.h"
#include "coordinator/control/database_target.h"
#include "coordinator/control/dns_acts.h"
#include "coordinator/control/fence.h"
#include "coordinator/control/outbox.h"
#include "coordinator/control/socket_watch.h"
#include "coordinator/control/rejoin.h"
#include "coordinator/control/returned.h"
#include "coordinator/notify/notifier.h"
#include "coordinator/operator/control_server.h"
#include "coordinator/peer/ask.h"
#include "coordinator/peer/codec.h"
#include "coordinator/peer/link.h"
#include "coordinator/status/status.h"
#include "coordinator/store/store_writer.h"
#include "policy/node.h"
#include "probes/schedule.h"

struct queued_event {
    struct queued_event *next;
    struct node_event event;
};

/* A person's rejoin that another node was handed. */
#define CONTROL_REMOTE_MAX 8
struct remote_ask {
    struct control *control;
    uint64_t number;  /* ours, on the wire; 0: a free place */
    uint64_t ticket;  /* of the person */
    node_id node;     /* who has it; NODE_NONE: nobody yet, no road is up */
    struct ask_question question;
    int64_t began_us;
    struct timer timer;
};

/* ...which has begun there, as that node tells it. */
struct remote_run {
    struct control *control; /* NULL: there is none */
    size_t service, region;
    node_id node;
    uint64_t run;
    uint64_t number;         /* of the newest question about it */
    int64_t heard_us;
    json_t *last;            /* rejoin_json() of there; NULL: nothing was heard yet */
    struct timer timer;
};

/* One that another node handed us. */
struct remote_served {
    struct control *control; /* NULL: a free place */
    node_id from;
    struct ask_question question;
    bool audited;
    uint64_t asked;          /* its number in our audit trail */
};

/* What this node can do to one service. NULL where it has nothing to do with it. */
struct control_service {
    struct database_secrets secrets;
    struct fence *fence;
    struct socket_watch *sockets; /* where the kernel is a fence */
    struct commit_hold *commit;
    struct database_acts *database;
    struct dns_acts *dns;
    bool ledger_reported; /* a peer has said that its voter accepted a ledger of the service */
    struct returned *returned;
    struct rejoin *rejoin;
    struct remote_run elsewhere; /* the last rejoin that was said here and carried out elsewhere */
};

/* Rounds of checks that people wait for; the schedule would not take more. */
#define CONTROL_PROBES_MAX SCHEDULE_ONCE_MAX

struct probe_ask {
    struct control *control;
    uint64_t ticket; /* of the person, and the round's mark; 0: a free place */
    size_t service;
    const struct service_region_config *region;
    const struct check_config *check;
    struct timer timer;
};

/* Acknowledgements that the core has not taken yet; a newcomer takes the oldest one's place. */
#define CONTROL_ACKS_MAX 8
#define CONTROL_OWN_TICKET 0 /* of an order that no connection waits for */

struct control_ack {
    uint64_t incident; /* 0: a free place */
    uint8_t service;   /* whose gossip carries it */
    struct policy_text by;
};

struct control {
    struct control_parts parts;
    int64_t started_us;
    struct policy_config policy;
    struct codec_names names;
    struct node *node;
    struct effects effects;
    struct timer timer;
    struct timer watchdog;
    struct timer look;         /* at what has come back: see returned.h */
    struct notifier *notifier;
    struct timer tell;         /* looks what people have to be told */
    struct control_ack acks[CONTROL_ACKS_MAX];
    size_t next_ack;           /* its place */

    /* Events wait here while one is being worked, so that an effect that answers at once (a message
     * to ourselves, an act that fails right away) never steps the node within a step. */
    struct queued_event *first;
    struct queued_event **last;
    bool stepping;

    struct links *links;
    size_t link_count;
    node_id link_node[LINK_PEERS_MAX]; /* a link's place to node */
    size_t node_link[POLICY_NODES_MAX];

    struct store_writer *writer;
    struct outbox *outbox;
    char durable[STORE_PAYLOAD_MAX];
    bool store_failed;
    bool brand_new;    /* a sound store in which nothing was ever written */

    struct kernel_lease_worker *kernel;
    char kernel_missing[FAULT_TEXT_MAX];
    struct nft_watch *nft_watch;
    bool told_ready;   /* systemd knows that we are up */
    struct control_service services[POLICY_SERVICES_MAX];
    struct status_waits waits[CONFIG_MAX_SERVICES][CONFIG_MAX_REGIONS]; /* as this node's checks see them */

    struct control_server *server;
    struct probe_ask asks[CONTROL_PROBES_MAX];
    struct remote_ask remote[CONTROL_REMOTE_MAX];
    struct remote_served served[CONTROL_REMOTE_MAX];
    uint64_t remote_number;    /* of the last question */
    uint64_t served_last[POLICY_NODES_MAX]; /* the last that each node asked */
    uint64_t refused_messages;
    int64_t refused_logged_us;
};

/* Everything that a snapshot is made from, borrowed for the call. */
struct control_snapshot {
    struct status_input input;
    struct node_voters voters;
    struct status_return returns[POLICY_SERVICES_MAX];
    struct view_service *views;
    struct status_guarded guarded[POLICY_SERVICES_MAX];
    struct commit_status *commits;
    struct link_status links[LINK_PEERS_MAX];
    struct store_writer_status store;
    struct journal_status journal;
    struct audit_status audit;
    struct tls_expiry certificate;
    struct links_counters counters;
    struct control_counters people;
    json_t *notify;
};

/* control_snapshot.c: what the core says of one service at this moment. The caller frees it: it is too large for a
 * stack. Never NULL. */
struct view_service *control_view(struct control *control, size_t service);

/* control_snapshot.c: fills it, and lets go of what it took. */
void control_snapshot(struct control *control, struct control_snapshot *snapshot);
void control_snapshot_drop(struct control *control, struct control_snapshot *snapshot);

/* control_notify.c: telling people. */
bool control_notify_open(struct control *control, struct fault *fault) CHECKED;
void control_notify_close(struct control *control);
void control_notify_begin(struct control *control);
void control_notify_incidents(struct control *control, const struct control_request *request);
void control_notify_ack(struct control *control, const struct control_request *request);
void control_notify_test(struct control *control, const struct control_request *request);
/* The core's answer to an order of ours. */
void control_notify_answered(struct control *control, const struct message_order_reply *reply);

/* control.c: puts an event in line and works the line unless that is being done already. */
void control_event(struct control *control, const struct node_event *event);

/* control_acts.c */
bool control_acts_open(struct control *control, struct fault *fault) CHECKED;
void control_acts_close(struct control *control);
/* Tells systemd once that we are up: when every fence of ours is in place, so that what is ordered after
 * us (the database) never runs without it. */
void control_tell_ready(struct control *control);
void control_act(struct control *control, const struct act *act);

/* control_return.c: an old primary that is back, and making it a standby. */
bool control_return_open(struct control *control, size_t service, const struct service_region_config *region,
                         struct fault *fault) CHECKED;
void control_return_close(struct control *control);
void control_return_begin(struct control *control);
void control_return_ask(struct control *control, const struct control_request *request);
/* Carries it out here: this node has the service's rejoin part. Answered by its ticket: a person's, or one of
 * control_remote.c's. */
void control_return_here(struct control *control, size_t service, const struct rejoin_request *ask);

/* control_remote.c: a rejoin that is said at one node and carried out by another. */
/* Hands it to a node of that region; answers the request, now or later. */
void control_remote_ask(struct control *control, const struct control_request *request, size_t service, size_t region);
/* A frame for which ask_what() is not ASK_NEITHER. False with the fault set: refused. */
bool control_remote_frame(struct control *control, node_id from, const unsigned char *payload, size_t length,
                          struct fault *fault) CHECKED;
/* A link to that node broke, in either direction: nobody waits for its answers any longer. */
void control_remote_lost(struct control *control, node_id node);
/* Whether a ticket is of another node's question, and the answer to that. */
bool control_remote_is(uint64_t ticket);
void control_remote_answered(struct control *control, uint64_t ticket, const struct rejoin_answer *answer);
/* For status: how the run goes that was said here last and is carried out elsewhere; NULL: there is none, or nothing
 * was heard of it lately. A new reference. */
json_t *control_remote_run(const struct control *control, size_t service);
/* A rejoin was begun here since. */
void control_remote_forget(struct control *control, size_t service);
void control_remote_close(struct control *control);

/* control_probe.c: one round of a check for a person. Their service is known to exist. */
void control_probe_ask(struct control *control, const struct control_request *request);
void control_probe_close(struct control *control);

/* control_people.c: requests of the control socket. */
bool control_people_open(struct control *control, struct fault *fault) CHECKED;
/* The core's answer to an order, with what the ledger has to add. */
void control_people_answer(struct control *control, const struct message_order_reply *reply);

#endif
