/* From the configuration to the core, and to the records that DNS should hold: on the shipped sample. */
#include <string.h>

#include "coordinator/config/weights.h"
#include "coordinator/control/dns_records.h"
#include "coordinator/control/policy_setup.h"
#include "tests/unit/suite.h"

static struct cluster_config *load(void)
{
    struct config_problems problems = { 0 };
    struct cluster_config *cluster = config_load_cluster("etc/cluster.sample.json", &problems);
    config_problems_free(&problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(cluster);
    return cluster;
}

static void the_core_gets_what_the_file_says(void)
{
    static struct policy_config policy;
    struct cluster_config *cluster = load();
    policy_setup(&policy, cluster, 1, 77);
    CU_ASSERT_EQUAL(policy.self, 1);
    CU_ASSERT_EQUAL(policy.instance, 77);
    CU_ASSERT_EQUAL(policy.node_count, cluster->node_count);
    CU_ASSERT_EQUAL(policy.region_count, cluster->region_count);
    CU_ASSERT_EQUAL(policy.heartbeat_us, cluster->heartbeat_us);
    unsigned voters = 0;
    for (node_id n = 0; n < POLICY_NODES_MAX; n++)
        voters += node_in(policy.voters, n);
    CU_ASSERT_EQUAL(voters, cluster->voter_count);
    for (size_t s = 0; s < cluster->service_count; s++) {
        const struct service_config *from = &cluster->services[s];
        const struct service_policy *to = &policy.services[s];
        CU_ASSERT_EQUAL(to->lease_us, from->lease.duration_us);
        CU_ASSERT_EQUAL(to->clock_error_ppm, from->lease.clock_error_percent * 10000);
        CU_ASSERT_EQUAL(to->initial_writer, from->regions[from->initial_writer].region);
        CU_ASSERT_EQUAL(to->check_count, from->check_count);
        for (size_t r = 0; r < from->region_count; r++) {
            const struct service_region_config *region = &from->regions[r];
            int64_t hook_us = region->remote_hook != NULL ? region->remote_hook->deadline_us + 2000000 : 0;
            CU_ASSERT_EQUAL(to->regions[region->region].remote_hook_us, hook_us); /* with the time to kill it */
            for (size_t c = 0; c < region->check_count; c++) {
                const struct check_policy *check = &to->checks[region->checks[c].index];
                CU_ASSERT_EQUAL(check->region, region->region);
                CU_ASSERT_EQUAL(check->for_us, region->checks[c].for_us);
                CU_ASSERT_EQUAL(check->fall, region->checks[c].fall);
            }
            for (size_t g = 0; g < region->guard_count; g++)
                CU_ASSERT(node_in(to->regions[region->region].guards, (node_id)region->guards[g]));
        }
    }
    config_cluster_free(cluster);
}

/* What an automatic failover may count on: the kernel first on the ladder, and a lease whose end
 * counts. Anything else needs a live guard. */
static void only_the_kernel_first_and_without_keep_is_enforced(void)
{
    static struct policy_config policy;
    struct cluster_config *cluster = load();
    struct service_config *service = &cluster->services[0];
    service->fence.ladder_count = 2;
    service->fence.ladder[0] = CONFIG_FENCE_KERNEL;
    service->fence.ladder[1] = CONFIG_FENCE_DOOR;
    service->fence.on_quorum_loss = CONFIG_QUORUM_LOSS_FENCE;
    policy_setup(&policy, cluster, 0, 1);
    CU_ASSERT_EQUAL(policy.services[0].fence, FENCE_ENFORCED);
    service->fence.on_quorum_loss = CONFIG_QUORUM_LOSS_KEEP;
    policy_setup(&policy, cluster, 0, 1);
    CU_ASSERT_EQUAL(policy.services[0].fence, FENCE_GUARDED);
    service->fence.on_quorum_loss = CONFIG_QUORUM_LOSS_FENCE;
    service->fence.ladder[0] = CONFIG_FENCE_DOOR;
    service->fence.ladder[1] = CONFIG_FENCE_KERNEL;
    policy_setup(&policy, cluster, 0, 1);
    CU_ASSERT_EQUAL(policy.services[0].fence, FENCE_GUARDED);
    config_cluster_free(cluster);
}

static struct dns_aim all_at(size_t region)
{
    return (struct dns_aim){ region, 100, CONFIG_NONE };
}

static void records_follow_the_writer_and_are_never_empty(void)
{
    static struct dns_record east[DNS_RECORDS_MAX], west[DNS_RECORDS_MAX];
    struct cluster_config *cluster = load();
    struct fault fault;
    size_t at_east = config_find_region(cluster, "us-east-1");
    size_t at_west = config_find_region(cluster, "us-west-2");
    size_t nowhere = config_find_region(cluster, "eu-west-1");
    for (size_t s = 0; s < cluster->service_count; s++) {
        const struct dns_config *dns = cluster->services[s].dns;
        for (size_t z = 0; dns != NULL && z < dns->zone_count; z++) {
            size_t count = 0, other = 0;
            CU_ASSERT_TRUE_FATAL(dns_records_of(&dns->zones[z], all_at(at_east), east, &count, &fault));
            CU_ASSERT_TRUE_FATAL(dns_records_of(&dns->zones[z], all_at(at_west), west, &other, &fault));
            CU_ASSERT_EQUAL(count, dns->zones[z].record_count);
            CU_ASSERT_EQUAL(other, count);
            bool differ = false;
            for (size_t r = 0; r < count; r++) {
                CU_ASSERT_STRING_EQUAL(east[r].name, west[r].name);
                CU_ASSERT(east[r].value_count > 0 || east[r].alias_name[0] != '\0');
                differ = differ || memcmp(&east[r], &west[r], sizeof east[r]) != 0;
            }
            CU_ASSERT_TRUE(differ);
            CU_ASSERT_FALSE(dns_records_of(&dns->zones[z], all_at(nowhere), west, &other, &fault));
        }
    }
    config_cluster_free(cluster);
}

/* ---- while traffic moves ---- */

static struct record_config *weighted_records(struct cluster_config *cluster, struct service_config **service,
                                              struct zone_config **zone)
{
    *service = NULL;
    for (size_t s = 0; s < cluster->service_count; s++)
        if (cluster->services[s].dns != NULL && cluster->services[s].dns->zones[0].record_count >= 2 &&
            cluster->services[s].dns->zones[0].records[0].kind == CONFIG_KIND_WEIGHTED)
            *service = &cluster->services[s];
    CU_ASSERT_PTR_NOT_NULL_FATAL(*service);
    *zone = &(*service)->dns->zones[0];
    return (*zone)->records;
}

static void weights_of(const struct zone_config *zone, size_t home, unsigned share, size_t from, uint32_t *weights)
{
    static struct dns_record out[DNS_RECORDS_MAX];
    struct fault fault;
    size_t count = 0;
    CU_ASSERT_TRUE_FATAL(dns_records_of(zone, (struct dns_aim){ home, share, from }, out, &count, &fault));
    for (size_t r = 0; r < count; r++) {
        weights[r] = out[r].weight;
        CU_ASSERT(out[r].value_count > 0 || out[r].alias_name[0] != '\0');
    }
}

static void weighted_sets_are_in_between(void)
{
    struct cluster_config *cluster = load();
    struct service_config *service;
    struct zone_config *zone;
    struct record_config *records = weighted_records(cluster, &service, &zone);
    size_t home = config_find_region(cluster, "us-east-1"), from = config_find_region(cluster, "us-west-2");
    uint32_t w[DNS_RECORDS_MAX];
    CU_ASSERT_TRUE(weights_shift(service, from, home));
    CU_ASSERT_FALSE(weights_shift(service, home, home));
    static const struct { unsigned share; uint32_t home, from; } mixed[] = {
        { 0, 0, 100 }, { 1, 1, 99 }, { 10, 10, 90 }, { 50, 50, 50 }, { 99, 99, 1 }, { 100, 100, 0 },
    };
    for (size_t i = 0; i < sizeof mixed / sizeof mixed[0]; i++) {
        weights_of(zone, home, mixed[i].share, from, w);
        CU_ASSERT(w[0] == mixed[i].home && w[1] == mixed[i].from);
    }
    /* What the weights add up to differs between the two, and does not count. */
    for (size_t i = 0; i < records[1].weight_count; i++)
        records[1].weight[i].weight = records[1].weight[i].region == from ? 3 : 0;
    weights_of(zone, home, 10, from, w);
    CU_ASSERT(w[0] == 10 && w[1] == 90);
    weights_of(zone, home, 0, from, w);
    CU_ASSERT(w[0] == 0 && w[1] == 3); /* sent back: as it was */
    for (size_t i = 0; i < records[0].weight_count; i++) /* little is not nothing: a tail of 1 in 256 at home, too */
        records[0].weight[i].weight = records[0].weight[i].region == from ? 1 : 255;
    for (size_t i = 0; i < records[1].weight_count; i++)
        records[1].weight[i].weight = records[1].weight[i].region == from ? 255 : 0;
    weights_of(zone, home, 1, from, w);
    CU_ASSERT(w[0] == 1 && w[1] == 99);
    config_cluster_free(cluster);
}

static void what_is_not_weighted_waits_for_all_of_it(void)
{
    struct cluster_config *cluster = load();
    struct service_config *service;
    struct zone_config *zone;
    struct record_config *records = weighted_records(cluster, &service, &zone);
    size_t home = config_find_region(cluster, "us-east-1"), from = config_find_region(cluster, "us-west-2");
    uint32_t w[DNS_RECORDS_MAX];
    for (size_t i = 0; i < records[0].weight_count; i++)
        records[0].weight[i].weight = 0; /* nothing to mix with while home writes */
    for (size_t i = 0; i < records[1].weight_count; i++)
        records[1].weight[i].weight = records[1].weight[i].region == from ? 100 : 0;
    CU_ASSERT_FALSE(weights_shift(service, from, home));
    weights_of(zone, home, 50, from, w);
    CU_ASSERT(w[0] == 0 && w[1] == 100);
    for (size_t r = 0; r < zone->record_count; r++)
        records[r].kind = CONFIG_KIND_SIMPLE;
    CU_ASSERT_FALSE(weights_shift(service, from, home));
    static struct dns_record part[DNS_RECORDS_MAX], before[DNS_RECORDS_MAX];
    size_t count = 0;
    struct fault fault;
    CU_ASSERT_TRUE(dns_records_of(zone, all_at(from), before, &count, &fault));
    CU_ASSERT_TRUE(dns_records_of(zone, (struct dns_aim){ home, 50, from }, part, &count, &fault));
    CU_ASSERT_EQUAL(memcmp(part, before, count * sizeof part[0]), 0);
    static struct policy_config policy;
    policy_setup(&policy, cluster, 0, 1);
    for (uint8_t s = 0; s < policy.service_count; s++)
        if (&cluster->services[s] == service)
            CU_ASSERT_EQUAL(policy.services[s].shifts_from, 0);
    config_cluster_free(cluster);
}

/* A store that was put back has the same identity and counts its restarts from before once more. */
static void each_process_draws_ids_of_its_own(void)
{
    static struct policy_config policy;
    struct cluster_config *cluster = load();
    policy_setup(&policy, cluster, 1, 77);
    uint64_t former = policy.seed;
    policy_setup(&policy, cluster, 1, 77);
    CU_ASSERT_NOT_EQUAL(policy.seed, former);
    config_cluster_free(cluster);
}

SUITE_MAIN("setup", TEST(the_core_gets_what_the_file_says),
           TEST(only_the_kernel_first_and_without_keep_is_enforced),
           TEST(records_follow_the_writer_and_are_never_empty), TEST(weighted_sets_are_in_between),
           TEST(what_is_not_weighted_waits_for_all_of_it),
           TEST(each_process_draws_ids_of_its_own))
