/* A small cluster for tests: three regions (eu-west-1 a witness), three nodes, one service "shop" with a
 * check per serving region. Static storage; made anew by each call. */
#ifndef FAILOVERD_TESTS_CLUSTER_FIXTURE_H
#define FAILOVERD_TESTS_CLUSTER_FIXTURE_H

#include "coordinator/config/config.h"
#include "policy/view.h"

/* Regions and nodes in their sorted order. */
enum { FIXTURE_EU, FIXTURE_EAST, FIXTURE_WEST };

const struct cluster_config *fixture_cluster(void);

/* All well: east writes at epoch 7, west streams, every gate but majority_failed and outage_min open. */
void fixture_view(struct view_service *view);

#endif
