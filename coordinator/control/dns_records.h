/* dns_records: what a zone's records should be while a region is the writer.
 *
 * A plain function of the configuration and the region: nothing is remembered, so every coordinator
 * wants the same.
 */
#ifndef FAILOVERD_CONTROL_DNS_RECORDS_H
#define FAILOVERD_CONTROL_DNS_RECORDS_H

#include "coordinator/config/config.h"
#include "dns/provider.h"

/* `out` has room for DNS_RECORDS_MAX. False with the fault set when a record has nothing for the
 * region: an empty set is never written. */
bool dns_records_of(const struct zone_config *zone, size_t region, struct dns_record *out,
                    size_t *count, struct fault *fault) CHECKED;

#endif
