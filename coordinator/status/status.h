/* Status: one snapshot of all that this node knows, rendered for people and programs.
 *
 * The owner of the control loop gathers a status_input, in which everything is borrowed for the
 * call, and answers `status` with what comes out. The shape is in README.md. Nothing here decides,
 * keeps or reads anything; a value that is not known is null, never a zero.
 */
#ifndef FAILOVERD_STATUS_STATUS_H
#define FAILOVERD_STATUS_STATUS_H

#include <jansson.h>

#include "coordinator/base/text.h"
#include "coordinator/config/config.h"
#include "coordinator/database/commit_lease.h"
#include "coordinator/database/socket_sessions.h"
#include "coordinator/operator/control_server.h"
#include "coordinator/peer/link.h"
#include "coordinator/peer/tls.h"
#include "coordinator/report/history.h"
#include "coordinator/report/audit.h"
#include "coordinator/report/journal.h"
#include "coordinator/store/store_writer.h"
#include "policy/message.h"
#include "policy/node.h"
#include "policy/view.h"
#include "probes/probe.h"

/* Commits that hang on a region's primary, as this node's own checks last saw them. */
struct status_waits {
    struct probe_waits seen;
    int64_t at_us;
};

/* What the shell knows of the fence of one service's database in this node's region. */
struct status_guarded {
    bool here;                      /* this node guards it; else nothing below is told */
    bool kernel;                    /* the kernel's lease is among its fences */
    const char *trouble;            /* why the fence, or a later part of its ladder, can't be worked; "" when it can */
    const char *said;               /* how the last shut is proven, or why it is not; "": nothing to say */
    struct socket_sessions sockets; /* with `kernel` only */
    int64_t sockets_us;             /* base_mono_us of that look; 0: none yet */
};

/* Of a service, where this node guards one of its databases: rendered as they are. */
struct status_return {
    const json_t *returned;         /* an old primary that is back; NULL: none */
    json_t *rejoin;                 /* the last run of rejoin; NULL: none. Owned by who made the input */
};

struct status_input {
    const struct cluster_config *cluster;
    const struct local_config *local;
    const char *version;            /* of failoverd */
    size_t self;                    /* index into cluster->nodes */
    int64_t now_mono_us;
    int64_t now_wall_us;
    int64_t started_mono_us;
    enum mute_reason mute;          /* node_mute() */

    const struct node_voters *voters; /* node_voters(); NULL: not told */
    const struct view_service *views; /* one per service of the cluster, in its order */
    const struct status_guarded *guarded; /* likewise; NULL: not told */
    const struct commit_status *commits; /* likewise; NULL: not told. `held_here` false: not this node's */
    const struct status_waits (*waits)[CONFIG_MAX_REGIONS]; /* by service and region; NULL: not told */

    const struct link_status *links;  /* by name, in any order; NULL: no links yet */
    size_t link_count;
    const struct links_counters *counters; /* of the peer port; NULL with no links */
    uint64_t refused_messages;  /* frames that a peer sent and that were no message */
    const struct control_counters *people; /* of the control socket; NULL: not told */

    const struct store_writer_status *store; /* NULL: there is no store to write to */
    bool store_doubt;
    const char *store_text;         /* why there is none, or why there is doubt; NULL or "": nothing */

    const struct journal_status *journal;    /* NULL: none */
    const struct audit_status *audit;        /* NULL: none */
    const struct history *history;           /* for the last DNS act; NULL: not told */
    const struct status_return *returns;     /* one per service; NULL: not told */
    const struct tls_expiry *certificate;    /* NULL: not known */
    const json_t *notify;                    /* incidents and channels, as the notifier has them; NULL: not told */

    int64_t control_stall_us;       /* loop_longest_stall_us() of the two loops */
    int64_t probes_stall_us;
};

/* The whole snapshot, or with a service's name only that one in services[]. A new reference; NULL
 * only without memory. An unknown name gives an empty services[]; ask config_find_service first. */
json_t *status_render(const struct status_input *input, const char *service);

/* Its warnings alone: of the node, and of that service (NULL: of all). A new reference. */
json_t *status_warnings(const struct status_input *input, const char *service);

/* What a failover or switchover to `order->to` would do and what holds it back, changing nothing; the shape is in
 * README.md. `order->to` may be REGION_NONE: then no region could become the writer. `service` is an index into
 * the cluster's services. */
json_t *status_dry_run(const struct status_input *input, size_t service, const struct order *order);

/* The same with the region chosen where `order->to` is REGION_NONE, and for a failback with its two parts. `order`
 * says to, skipped_gates and what loss is accepted; its kind follows from `planned`. */
json_t *status_plan(const struct status_input *input, size_t service, enum planned planned, const struct order *order);

/* Whether a person may tick that item of that operation's runbook. */
enum tick_ruling { TICK_GOOD, TICK_NO_OPERATION, TICK_NO_LEDGER, TICK_NO_ITEM, TICK_MACHINE, TICK_ALREADY };

#define STATUS_TICK_TEXT_MAX 1024

/* TICK_GOOD: `service` and `bit` say which item it is. Else the reason is appended to `text`, without its full stop;
 * `service` may have been set. */
enum tick_ruling status_tick(const struct status_input *input, uint64_t operation, const char *item, size_t *service,
                             uint32_t *bit, struct text *text);

/* What has to be done before a failback to `home` can begin, as far as that is seen here: an object with "text" and
 * "command"; NULL: nothing is known to be in its way. */
json_t *status_rejoin_first(const struct status_input *input, size_t service, region_id home);

/* A word of that node came within the last heartbeats, or it is `self`; both are indexes into cluster->nodes.
 * `view`: of any service. */
bool status_hears(const struct cluster_config *cluster, size_t self, const struct view_service *view, size_t node);

/* Who has a vote, who uses it and why the others don't, and a change that is under way; null if that was not told. */
json_t *status_voters(const struct status_input *input);

/* Why one service has (not) failed over, and what would make it act; the shape is in README.md. */
json_t *status_explain(const struct status_input *input, size_t service);

/* One round of a check that somebody asked for, with what this node judges of the target by the check's own turns. */
struct status_probe {
    const char *node;
    const struct service_config *service;
    const struct service_region_config *region;
    const struct check_config *check;
    const struct probe_round *round;
    int64_t now_wall_us;
};
json_t *status_probe(const struct status_probe *probe, const struct view_service *view);

#endif
