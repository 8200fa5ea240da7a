/* Configuration to core: see policy_setup.h. */
#include "coordinator/control/policy_setup.h"

#include <string.h>

#include "coordinator/base/child.h"
#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/random.h"
#include "coordinator/config/weights.h"
#include "policy/service.h"

_Static_assert(CONFIG_MAX_NODES <= POLICY_NODES_MAX, "the core has room for every node");
_Static_assert(CONFIG_MAX_REGIONS <= POLICY_REGIONS_MAX, "the core has room for every region");
_Static_assert(CONFIG_MAX_SERVICES <= POLICY_SERVICES_MAX, "the core has room for every service");
_Static_assert(CONFIG_MAX_CHECKS <= POLICY_CHECKS_MAX, "the core has room for every check");
_Static_assert(CONFIG_MAX_ZONES <= POLICY_ZONES_MAX, "the core has room for every zone");
_Static_assert(CONFIG_MAX_VOTERS <= POLICY_VOTERS_MAX, "the core has room for every voter");

_Static_assert(CONFIG_FENCE_ACT_US == GUARD_ACT_DEADLINE_US, "the ladder's rules count on the guard's deadline");

static enum check_kind kind_of(int type)
{
    switch ((enum config_check_type)type) {
    case CONFIG_CHECK_HTTP: return CHECK_HTTP;
    case CONFIG_CHECK_POSTGRES: return CHECK_POSTGRES;
    case CONFIG_CHECK_TCP: return CHECK_TCP;
    case CONFIG_CHECK_DNS:
    default: return CHECK_DNS;
    }
}

static void setup_region(struct service_policy *policy, const struct service_region_config *region)
{
    struct region_policy *out = &policy->regions[region->region];
    out->serves = region->database != NULL;
    out->priority = (uint32_t)region->priority;
    if (region->remote_hook != NULL) /* with the time to kill it */
        out->remote_hook_us = region->remote_hook->deadline_us + CHILD_KILL_AFTER_MS * CLOCK_US_PER_MS;
    for (size_t g = 0; g < region->guard_count; g++)
        out->guards = (node_set)(out->guards | node_bit((node_id)region->guards[g]));
    for (size_t c = 0; c < region->check_count; c++) {
        const struct check_config *check = &region->checks[c];
        ensure(check->index < POLICY_CHECKS_MAX);
        policy->checks[check->index] = (struct check_policy){
            .kind = kind_of(check->type),
            .region = (region_id)region->region,
            .interval_us = check->interval_us,
            .timeout_us = check->timeout_us,
            .for_us = check->for_us,
            .fall = (uint32_t)check->fall,
            .rise = (uint32_t)check->rise,
        };
    }
}

/* The kernel enforces a lease's end only where it is the first rung, and where the end counts. Door and
 * hook are worked by the guard: without a live one they enforce nothing. */
static enum fence_mode fence_of(const struct service_config *service)
{
    bool kernel = service->fence.ladder_count > 0 &&
                  service->fence.ladder[0] == CONFIG_FENCE_KERNEL;
    bool keeps = service->fence.on_quorum_loss == CONFIG_QUORUM_LOSS_KEEP;
    return kernel && !keeps ? FENCE_ENFORCED : FENCE_GUARDED;
}

static enum service_mode mode_of(int mode)
{
    return mode == CONFIG_MODE_AUTOMATIC ? MODE_AUTOMATIC : mode == CONFIG_MODE_APPROVE ? MODE_APPROVE : MODE_MANUAL;
}

static void setup_service(struct service_policy *policy, const struct service_config *service)
{
    *policy = (struct service_policy){
        .mode = mode_of(service->mode),
        .approve_within_us = service->approve_within_us,
        .go_without_answer = service->on_no_answer == CONFIG_NO_ANSWER_GO,
        .initial_writer = (region_id)service->regions[service->initial_writer].region,
        .lease_us = service->lease.duration_us,
        .renew_us = service->lease.renew_every_us,
        .fence_budget_us = service->lease.fence_budget_us,
        .clock_error_ppm = (uint32_t)service->lease.clock_error_percent * 10000u,
        .fence = fence_of(service),
        .accept_unconfirmed_fence = service->fence.accept_unconfirmed_fence,
        .keep_on_quorum_loss = service->fence.on_quorum_loss == CONFIG_QUORUM_LOSS_KEEP,
        .rpo_bytes = service->rpo.bytes_bytes,
        .rpo_us = service->rpo.seconds_us,
        .outage_min_us = service->outage_min_us,
        .cooldown_us = service->cooldown_us,
        .evidence_max_age_us = service->evidence_max_age_us,
        .confirm_timeout_us = service->confirm_timeout_us,
        .fence_deadline_us = service->step_deadline.fence_us,
        .promote_deadline_us = service->step_deadline.promote_us,
        .dns_deadline_us = service->step_deadline.dns_us,
        .verify_deadline_us = service->step_deadline.verify_us,
        .hooks_deadline_us = service->hooks.deadline_us,
        .has_hooks = service->hooks.after_open.count > 0,
        .has_endpoints = service->dns != NULL && service->dns->verify_endpoints.count > 0,
        .settings = config_digest_service(service),
        .zone_count = service->dns != NULL ? (uint8_t)service->dns->zone_count : 0,
        .check_count = (uint8_t)service->check_count,
    };
    for (size_t r = 0; r < service->region_count; r++) {
        setup_region(policy, &service->regions[r]);
        size_t from = service->regions[r].region;
        if (weights_shift(service, from, policy->initial_writer))
            policy->shifts_from |= 1u << from;
    }
}

void policy_setup(struct policy_config *policy, const struct cluster_config *cluster, size_t self,
                  uint64_t instance)
{
    ensure(self < cluster->node_count && cluster->node_count <= POLICY_NODES_MAX);
    memset(policy, 0, sizeof *policy);
    policy->self = (node_id)self;
    policy->node_count = (uint8_t)cluster->node_count;
    policy->region_count = (uint8_t)cluster->region_count;
    policy->service_count = (uint8_t)cluster->service_count;
    policy->heartbeat_us = cluster->heartbeat_us;
    policy->failovers_at_once = (uint8_t)cluster->failovers_at_once;
    policy->instance = instance;
    policy->seed = base_random_u64();
    for (size_t v = 0; v < cluster->voter_count; v++)
        policy->voters = (node_set)(policy->voters | node_bit((node_id)cluster->voters[v]));
    for (size_t n = 0; n < cluster->node_count; n++)
        policy->region_of[n] = (region_id)cluster->nodes[n].region;
    for (size_t s = 0; s < cluster->service_count; s++) {
        setup_service(&policy->services[s], &cluster->services[s]);
        /* Gossiped for each service: that nodes would tell different people is seen in any. */
        policy->services[s].settings ^= config_digest_notify(cluster);
    }
}
