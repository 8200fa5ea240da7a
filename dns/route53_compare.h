/* What the zone holds against what is wanted; pure, for route53.c. */
#ifndef FAILOVERD_DNS_ROUTE53_COMPARE_H
#define FAILOVERD_DNS_ROUTE53_COMPARE_H

#include "dns/provider.h"
#include "dns/route53_xml.h"

/* Before the first record set of a read: everything absent. */
void route53_compare_begin(struct dns_read_result *result, size_t desired_count);

/* Takes one listed record set into account: as the fence, and for each desired record. */
void route53_compare_listed(struct dns_read_result *result, const struct route53_listed *listed,
                            const char *fence_name, const struct dns_record *desired, size_t desired_count);

/* After the last: fills in the fence's state for `service` and all_match. */
void route53_compare_end(struct dns_read_result *result, const char *service);

/* Equal apart from case and a final dot? */
bool route53_same_name(const char *a, const char *b);

#endif
