/* What people are told of: one row for each event, and one for each warning of status that becomes an event.
 *
 * Pure tables. The names of the events are the configuration's (option_events); what happens to the core becomes
 * an event in notifier_facts.c.
 */
#ifndef FAILOVERD_NOTIFY_NOTIFY_EVENTS_H
#define FAILOVERD_NOTIFY_NOTIFY_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/config/config.h"

struct notify_event {
    const char *severity; /* as PagerDuty has it: "info", "warning", "error", "critical" */
    bool person;          /* is told to the next level until somebody acknowledges it */
    const char *todo;     /* {service} stands for its name */
};

const struct notify_event *notify_event_row(enum config_event event);

/* Who knows of a warning: all nodes that hear a majority see it alike, or this node alone does. */
enum notify_view { NOTIFY_SHARED, NOTIFY_OWN };

struct notify_warning {
    const char *code;        /* as status has it */
    enum config_event event;
    enum notify_view view;
    int64_t hold_us;         /* for how long it has to stand before anybody is told */
};

/* NULL: nobody is told of such a warning; status says it. */
const struct notify_warning *notify_warning_row(const char *code);

#endif
