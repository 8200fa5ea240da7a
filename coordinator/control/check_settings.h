/* A configured check as the schedule takes it: for its turns, and the same for a single round that somebody asks for.
 */
#ifndef FAILOVERD_CONTROL_CHECK_SETTINGS_H
#define FAILOVERD_CONTROL_CHECK_SETTINGS_H

#include <stdatomic.h>

#include "coordinator/config/config.h"
#include "coordinator/control/database_target.h"
#include "probes/schedule.h"

/* Where a check belongs, and what only its owner knows. */
struct check_place {
    const struct cluster_config *cluster;
    size_t self;                            /* index into cluster->nodes */
    const struct service_region_config *region;
    const struct database_secrets *secrets; /* of the region's database; NULL where it has none */
    const _Atomic bool *may_write;
};

struct check_settings {
    struct schedule_check check; /* borrows from what follows, from the configuration and the secrets */
    struct http_status_range status[CONFIG_MAX_STATUS_RANGES];
    struct http_json_expectation json[CONFIG_MAX_ITEMS];
    char host[CONFIG_MAX_TEXT];
};

/* *out is not to be moved afterwards. */
bool check_settings_fill(const struct check_place *place, const struct check_config *check, struct check_settings *out,
                         struct fault *fault) CHECKED;

#endif
