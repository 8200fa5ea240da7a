/* What the core needs to know of the configuration: plain numbers, fixed when the node starts.
 *
 * The shell fills it from the cluster and node files, which it has validated; the core trusts it.
 * What safety depends on (lease, clock error, fence mode, guard instance) is copied into the
 * ledger when a writer is named and read from there afterwards, never from here (DESIGN 4).
 */
#ifndef FAILOVERD_POLICY_CONFIG_H
#define FAILOVERD_POLICY_CONFIG_H

#include "policy/types.h"

/* MODE_APPROVE: a failover is put before people, and begins at their word (failover/approval.c). */
enum service_mode { MODE_AUTOMATIC, MODE_MANUAL, MODE_APPROVE };

/* What enforces the end of a lease. ENFORCED: something besides the guard's own code (the kernel)
 * ends the writer's acknowledgements when the lease lapses. GUARDED: a live guard has to do it. */
enum fence_mode { FENCE_GUARDED, FENCE_ENFORCED };

enum check_kind { CHECK_HTTP, CHECK_POSTGRES, CHECK_TCP, CHECK_DNS };

struct check_policy {
    enum check_kind kind;
    region_id region;
    int64_t interval_us;
    int64_t timeout_us;
    int64_t for_us;  /* how long a failing run lasts before the check counts as failed */
    uint32_t fall;   /* how many failures such a run needs; at least 1 */
    uint32_t rise;   /* how many successes in a row end it; at least 1 */
};

struct region_policy {
    bool serves;        /* has endpoints and a database of this service */
    uint32_t priority;  /* lower is preferred among equals */
    node_set guards;    /* nodes that can fence its database, promote and open it */
    int64_t remote_hook_us; /* how long a run of its remote hook may take; 0: it has none */
};

struct service_policy {
    enum service_mode mode;
    int64_t approve_within_us; /* how long a proposal waits for a person's answer */
    bool go_without_answer;    /* it goes on then; else nothing happens until somebody answers */
    region_id initial_writer;

    int64_t lease_us;
    int64_t renew_us;
    int64_t fence_budget_us;   /* how long before its deadline a guard starts to fence by itself */
    uint32_t clock_error_ppm;  /* rho: by how much two clocks' rates may differ from true time */
    enum fence_mode fence;
    bool accept_unconfirmed_fence;
    bool keep_on_quorum_loss;

    int64_t rpo_bytes;
    int64_t rpo_us;
    int64_t outage_min_us;
    int64_t cooldown_us;
    int64_t evidence_max_age_us;
    int64_t confirm_timeout_us;

    int64_t fence_deadline_us;
    int64_t promote_deadline_us;
    int64_t dns_deadline_us;
    int64_t verify_deadline_us;
    int64_t hooks_deadline_us;
    bool has_hooks;
    bool has_endpoints;        /* public names to verify after the cut-over */
    uint64_t settings;         /* digest of all the service's settings, compared between nodes */
    uint8_t zone_count;        /* DNS zones to change; 0: no DNS */
    uint32_t shifts_from;      /* bit per region: from there traffic can go home by and by; the records are weighted */

    uint8_t check_count;
    struct check_policy checks[POLICY_CHECKS_MAX];
    struct region_policy regions[POLICY_REGIONS_MAX];
};

struct policy_config {
    node_id self;
    uint8_t node_count;
    uint8_t region_count;
    uint8_t service_count;
    node_set voters;           /* 3 or 5 of them */
    region_id region_of[POLICY_NODES_MAX];
    int64_t heartbeat_us;
    uint8_t failovers_at_once; /* of all services, by themselves; 0: no limit */
    uint64_t instance;         /* this node's durable guard identity, made with its store */
    uint64_t seed;             /* of jitter, nonces and ids. Another one for each process: what an earlier life gave an
                                  id to, perhaps before its store was lost or put back, is never meant by a new one */
    struct service_policy services[POLICY_SERVICES_MAX];
};

static inline const struct region_policy *region_policy(const struct service_policy *service,
                                                        region_id region)
{
    policy_ensure(region < POLICY_REGIONS_MAX);
    return &service->regions[region];
}

#endif
