/* dns_records: what a zone's records should be while a region is the writer, and while traffic moves there.
 *
 * A plain function of the configuration, the regions and the share: nothing is remembered, so every coordinator
 * wants the same.
 */
#ifndef FAILOVERD_CONTROL_DNS_RECORDS_H
#define FAILOVERD_CONTROL_DNS_RECORDS_H

#include "coordinator/config/config.h"
#include "dns/provider.h"

struct dns_aim {
    size_t region;
    unsigned share; /* percent of the traffic at `region`, to 100 */
    size_t from;    /* where the rest is; not looked at with 100 */
};

/* `out` has room for DNS_RECORDS_MAX. With a part of the traffic only weighted sets are in between (config/weights.h);
 * everything else stays as it is for `from` until all of it moves. False with the fault set when a record has nothing
 * for the region: an empty set is never written. */
bool dns_records_of(const struct zone_config *zone, struct dns_aim aim, struct dns_record *out,
                    size_t *count, struct fault *fault) CHECKED;

#endif
