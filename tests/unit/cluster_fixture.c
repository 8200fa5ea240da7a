/* A small cluster for tests: see cluster_fixture.h. */
#include "tests/unit/cluster_fixture.h"

#include <string.h>

static struct node_config nodes[3];
static struct region_config regions[3];
static struct service_config service;
static struct service_region_config serving[2];
static struct check_config checks[2];
static struct dns_config dns;
static struct zone_config zone;
static struct cluster_config cluster;

const struct cluster_config *fixture_cluster(void)
{
    static const char *const region_names[] = { "eu-west-1", "us-east-1", "us-west-2" };
    static const char *const node_names[] = { "euw1-a", "use1-a", "usw2-a" };
    for (size_t i = 0; i < 3; i++) {
        regions[i] = (struct region_config){ region_names[i], 1, 1 };
        nodes[i] = (struct node_config){ node_names[i], region_names[i], i, "127.0.0.1:1", true };
    }
    for (size_t i = 0; i < 2; i++) {
        checks[i] = (struct check_config){ .name = "health", .index = i };
        serving[i] = (struct service_region_config){ .name = region_names[i + 1],
                                                     .region = i + 1,
                                                     .priority = 100,
                                                     .guards = { i + 1 },
                                                     .guard_count = 1,
                                                     .checks = &checks[i],
                                                     .check_count = 1 };
    }
    zone = (struct zone_config){ .id = "Z1", .name = "shop.test" };
    dns = (struct dns_config){ .provider = "route53", .zones = &zone, .zone_count = 1 };
    service = (struct service_config){ .name = "shop",
                                       .regions = serving,
                                       .region_count = 2,
                                       .check_count = 2,
                                       .rpo = { 16 << 20, 5000000 },
                                       .dns = &dns };
    cluster = (struct cluster_config){ .cluster = "demo",
                                       .voters = { 0, 1, 2 },
                                       .voter_count = 3,
                                       .nodes = nodes,
                                       .node_count = 3,
                                       .regions = regions,
                                       .region_count = 3,
                                       .services = &service,
                                       .service_count = 1 };
    return &cluster;
}

static void fill_region(struct view_region *region, bool standby)
{
    region->serves = true;
    for (size_t i = 0; i < 3; i++)
        region->observers[i] = (struct view_observer){ .present = true,
                                                       .age_us = 240000,
                                                       .verdict = VERDICT_HEALTHY,
                                                       .reason = REASON_CHECKS_PASS,
                                                       .check = CHECK_NONE,
                                                       .standing_us = 3600000000 };
    region->database = (struct database_facts){ .known = true,
                                                .in_recovery = standby,
                                                .walreceiver_live = standby,
                                                .write_checked = !standby,
                                                .write_ok = !standby,
                                                .timeline = 1,
                                                .lsn = 0x16B3748,
                                                .replayed_lsn = 0x16B3748 };
    region->database_age_us = 700000;
    region->guard_heard = region->guard_ready = region->guard_kernel = true;
    region->fence = standby ? FENCE_READS : FENCE_OPEN;
    region->lease_left_us = standby ? 0 : 1400000;
}

void fixture_view(struct view_service *view)
{
    memset(view, 0, sizeof *view);
    view->ledger_known = view->quorum = true;
    view->ledger_age_us = 300000;
    view->voters_heard = 3;
    view->voters_needed = 2;
    view->ledger = (struct ledger){ .version = 15,
                                    .epoch = 7,
                                    .writer = FIXTURE_EAST,
                                    .guard = { 42, FIXTURE_EAST },
                                    .fence = FENCE_ENFORCED,
                                    .lease_us = 2000000,
                                    .clock_error_ppm = 100000,
                                    .dns_epoch = 7 };
    fill_region(&view->regions[FIXTURE_EAST], false);
    fill_region(&view->regions[FIXTURE_WEST], true);
    view->regions[FIXTURE_EAST].guard_node = view->regions[FIXTURE_EAST].database_observer =
        FIXTURE_EAST;
    struct view_region *west = &view->regions[FIXTURE_WEST];
    west->guard_node = west->database_observer = FIXTURE_WEST;
    west->lag_known = west->candidate = true;
    west->lag_age_us = 700000;
    for (size_t i = 0; i < GATE_COUNT; i++)
        west->gates[i] = (struct gate){ .open = true, .known = true, .observer = FIXTURE_WEST };
    west->gates[GATE_MAJORITY_FAILED] = (struct gate){ .known = true, .limit = 2 };
    west->gates[GATE_OUTAGE_MIN] = (struct gate){ .known = true, .limit = 10000000 };
    west->gates[GATE_LOSS_WITHIN_RPO].limit = 16 << 20;
    west->gates[GATE_TARGET_HEALTHY].value = west->gates[GATE_TARGET_HEALTHY].limit = VERDICT_HEALTHY;
    west->gates[GATE_FENCE].value = PROOF_LAPSED;
    memcpy(west->planned_gates, west->gates, sizeof west->planned_gates);
    west->planned_gates[GATE_MAJORITY_FAILED].open = west->planned_gates[GATE_OUTAGE_MIN].open = true;
    west->planned_gates[GATE_FENCE].value = west->planned_gates[GATE_FENCE].limit = PROOF_RELEASED;
    for (size_t i = 0; i < 3; i++)
        view->nodes[i] = (struct view_node){ .linked = true, .heard = true, .voter = true, .voting = true,
                                             .heard_age_us = 200000 };
}
