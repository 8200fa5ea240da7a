/* failoverctl operation tick, and what a person has to do now while an operation is followed. The list itself is
 * table_runbook() of failoverctl_table.h; the daemon says how each item stands (status/status_runbook.c). */
#ifndef FAILOVERD_OPERATOR_FAILOVERCTL_RUNBOOK_H
#define FAILOVERD_OPERATOR_FAILOVERCTL_RUNBOOK_H

#include "coordinator/base/text.h"
#include "coordinator/operator/failoverctl_order.h"

/* `request` is stolen: command, operation, item and perhaps a reason. */
enum exit_code ctl_tick(const struct ctl_settings *settings, json_t *request);

/* The runbook of that operation in a rendered service; NULL: there is none. Borrowed. */
const json_t *runbook_of(const json_t *service, const char *operation);

/* The item at `index` as a line for the person who follows, if it waits for a person; false: it does not. */
bool runbook_waits(const json_t *runbook, size_t index, struct text *line) CHECKED;

/* "2 of 5 runbook items open, 1 for a person: failoverctl operation show ID"; false: none is open. */
bool runbook_open(const json_t *runbook, struct text *line) CHECKED;

#endif
