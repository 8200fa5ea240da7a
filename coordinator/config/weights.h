/* weights: of weighted records while traffic moves from one region to another by and by. Pure. */
#ifndef FAILOVERD_CONFIG_WEIGHTS_H
#define FAILOVERD_CONFIG_WEIGHTS_H

#include "coordinator/config/config.h"

/* The weight of `record` (of `zone`) with `share` percent (1 to 99) of the traffic at region `to` and the rest where it
 * goes while `from` writes; the set's weights add up to about 100. False where it can't be in between: its set is not
 * weighted, or its records point elsewhere for either writer. */
bool weights_mix(const struct zone_config *zone, const struct record_config *record, size_t from, size_t to,
                 unsigned share, uint32_t *weight);

/* Whether any record of the service can be in between. */
bool weights_shift(const struct service_config *service, size_t from, size_t to);

#endif
