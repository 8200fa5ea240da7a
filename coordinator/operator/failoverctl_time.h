/* Times to come, as people type them. */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_TIME_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"

/* "02:30" or "02:30Z" (UTC, today or else tomorrow), or a date and time as in RFC 3339 ("2026-11-22T02:30Z",
 * "2026-11-22T03:30:00+01:00"). Both in microseconds since 1970. False: it is none of these, or no such day or hour. */
bool ctl_parse_time(const char *text, int64_t now_us, int64_t *at_us) CHECKED;

#endif
