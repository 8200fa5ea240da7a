/* What no single option can tell: names that must lead somewhere, and settings that must fit.
 *
 * The rules run on what the reader filled in, also when that had errors, so that one run finds
 * all problems; so they put up with NULL and 0. They resolve names into indexes as they go.
 */
#ifndef FAILOVERD_CONFIG_RULES_H
#define FAILOVERD_CONFIG_RULES_H

#include "coordinator/config/reader.h"

/* Nodes, voters, regions. Makes cluster->regions. First of all. */
void rules_cluster(struct document *document, struct cluster_config *cluster);

/* Regions, guards, lease, fence, checks, databases of one service. */
void rules_service(struct document *document, const struct cluster_config *cluster, struct service_config *service);

/* The runbook of one service. */
void rules_runbook(struct document *document, const struct service_config *service);

/* The zones and records of one service. After rules_service. */
void rules_dns(struct document *document, struct cluster_config *cluster, struct service_config *service);

/* That no two services change the same record. Last. */
void rules_shared_records(struct document *document, const struct cluster_config *cluster);

/* Channels, their templates and the times of escalation. */
void rules_notify(struct document *document, const struct cluster_config *cluster);

void rules_node(struct document *document, struct local_config *node);

/* ` (did you mean "x"?)` or "" for a name that isn't among `names`. */
const char *rules_hint(char *buffer, size_t size, const char *wrong, const char *const *names, size_t count);

#endif
