/* failoverctl explain: why a service has (not) failed over, for a person who is in a hurry. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_EXPLAIN_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_EXPLAIN_H

#include <jansson.h>

#include "coordinator/operator/failoverctl_table.h"

/* `explain` is the daemon's answer (coordinator/status/README.md), of which nothing is taken for granted: what is
 * missing or of another type is said to be not known. */
void explain_print(const struct table_style *style, const json_t *explain);

#endif
