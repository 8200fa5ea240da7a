/* Refusals of names that the cluster does not have, and of the wrong node: each says which was meant, and which there
 * are.
 *
 * `name` may be NULL: left out where it was needed. Each ends the ticket. */
#ifndef FAILOVERD_OPERATOR_CONTROL_NAMES_H
#define FAILOVERD_OPERATOR_CONTROL_NAMES_H

#include <stdint.h>

#include "coordinator/config/config.h"
#include "coordinator/operator/control_server.h"

void control_no_service(struct control_server *server, uint64_t ticket, const struct cluster_config *cluster,
                        const char *name);
/* Of the regions those that serve `service`, which may be CONFIG_NONE: all. */
void control_no_region(struct control_server *server, uint64_t ticket, const struct cluster_config *cluster,
                       size_t service, const char *name);
void control_no_node(struct control_server *server, uint64_t ticket, const struct cluster_config *cluster,
                     const char *name);

#endif
