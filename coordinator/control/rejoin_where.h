/* rejoin_where: which region's old primary a rejoin is about, for a person who said it at any node. Pure.
 *
 * What it needs stands in the node's view: the region serves, is not the writer, and its database was not lately seen
 * to be a standby that streams. Where that is so of the region that this node guards, it is that one, as a person on
 * the database's own host expects; else it has to be so of one region only, or the person says which.
 */
#ifndef FAILOVERD_CONTROL_REJOIN_WHERE_H
#define FAILOVERD_CONTROL_REJOIN_WHERE_H

#include "coordinator/config/config.h"
#include "policy/view.h"

#define REJOIN_WHERE_TEXT_MAX 1024

struct rejoin_where_facts {
    const struct cluster_config *cluster;
    const struct service_config *service;
    const struct view_service *view;
    size_t home;  /* the region whose database this node guards; CONFIG_NONE: none */
    size_t asked; /* by name, one in which the service is; CONFIG_NONE: not said */
};

struct rejoin_where {
    size_t region;                    /* CONFIG_NONE: a person has to say */
    char text[REJOIN_WHERE_TEXT_MAX]; /* why, without one... */
    char todo[REJOIN_WHERE_TEXT_MAX]; /* ...and what to say */
};

void rejoin_where(const struct rejoin_where_facts *facts, struct rejoin_where *where);

#endif
