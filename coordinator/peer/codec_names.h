/* What the codec calls things: the names behind the core's indexes.
 *
 * Inside the process nodes, regions, services and checks are indexes into the configuration; on the
 * wire and on disk they are names, so that two nodes with different files, or one node before and
 * after a change of its file, never take one thing for another. This is the table between the two.
 * It can be made from a loaded configuration or, for tests and tools, by hand.
 */
#ifndef FAILOVERD_PEER_CODEC_NAMES_H
#define FAILOVERD_PEER_CODEC_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "policy/types.h"

#define CODEC_NAME_MAX 63 /* bytes of any name */
#define CODEC_VOTERS_MAX (POLICY_VOTERS_MAX * (CODEC_NAME_MAX + 1))

struct cluster_config;

/* A check is named within its region: two regions may both have a "health". */
struct codec_check {
    const char *name;
    region_id region;
};

struct codec_service {
    const char *name;
    bool serves[POLICY_REGIONS_MAX]; /* the regions that gossip about this service speaks of */
    struct codec_check checks[POLICY_CHECKS_MAX];
    uint8_t check_count;
};

/* Indexes are the core's. The names are borrowed and have to outlive this table. */
struct codec_names {
    const char *cluster;
    const char *nodes[POLICY_NODES_MAX];
    uint8_t node_count;
    const char *regions[POLICY_REGIONS_MAX];
    uint8_t region_count;
    struct codec_service services[POLICY_SERVICES_MAX];
    uint8_t service_count;
    node_set voters;
    /* "a,b,c": the voters by name in the order of names, as every message carries them. Made by
     * codec_names_finish. */
    char voter_names[CODEC_VOTERS_MAX];
};

/* Fills the table from a checked configuration, which has to outlive it, and finishes it. Reads
 * the struct only; calls nothing of config/. */
bool codec_names_from_config(struct codec_names *names, const struct cluster_config *cluster,
                             struct fault *fault) CHECKED;

/* After the table was filled by hand: checks it (names there, not empty, not too long, none twice
 * where that would make them ambiguous, indexes within their counts) and makes voter_names. */
bool codec_names_finish(struct codec_names *names, struct fault *fault) CHECKED;

/* By name; NODE_NONE, REGION_NONE, SERVICE_NONE or CHECK_NONE when there is none. */
node_id codec_find_node(const struct codec_names *names, const char *name);
region_id codec_find_region(const struct codec_names *names, const char *name);
uint8_t codec_find_service(const struct codec_names *names, const char *name);
uint8_t codec_find_check(const struct codec_names *names, uint8_t service, region_id region,
                         const char *name);

#endif
