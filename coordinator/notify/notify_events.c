/* What people are told of: see notify_events.h. */
#include "coordinator/notify/notify_events.h"

#include <string.h>

#define S(n) (INT64_C(1000000) * (n))

#define LOOK "failoverctl explain {service}"
#define WATCH "failoverctl status {service} --watch"

static const struct notify_event events[CONFIG_EVENT_COUNT] = {
    [CONFIG_EVENT_SUSPICION]   = { "error", false, LOOK },
    [CONFIG_EVENT_PROPOSAL]    = { "critical", true, "failoverctl approve {incident}, or failoverctl decline {incident} --reason TEXT" },
    [CONFIG_EVENT_BEGIN]       = { "warning", false, WATCH },
    [CONFIG_EVENT_STEP]        = { "info", false, WATCH },
    [CONFIG_EVENT_DONE]        = { "info", false, "failoverctl history {service}" },
    [CONFIG_EVENT_FAILED]      = { "critical", true, LOOK },
    [CONFIG_EVENT_STUCK]       = { "critical", true, "failoverctl status {service} on the node that carries it out" },
    [CONFIG_EVENT_FENCE]       = { "critical", true, "make sure that the old database is down; " LOOK },
    [CONFIG_EVENT_NO_QUORUM]   = { "critical", true, LOOK " on every node that can be reached" },
    [CONFIG_EVENT_READINESS]   = { "warning", false, "failoverctl status" },
    [CONFIG_EVENT_CERTIFICATE] = { "warning", false, "put a new certificate in its place and reload failoverd" },
    [CONFIG_EVENT_AUDIT]       = { "error", true, "make room on the disk of the audit trail, or mend it" },
    [CONFIG_EVENT_GLASS]       = { "critical", true, "failoverctl status {service}" },
};

/* Not told: what a person has chosen (manual_mode, fence_guarded, traffic_sent_back, voters_even,
 * voters_in_one_region), what passes by itself (loop_stalled), and what is told anyway (operation_overdue,
 * fence_not_proven; switchover_scheduled when it is late). What a person has chosen and may have forgotten is told
 * after a while. */
static const struct notify_warning warnings[] = {
    { "fence_failed", CONFIG_EVENT_FENCE, NOTIFY_SHARED, 0 },
    { "remote_hook_doubt", CONFIG_EVENT_FENCE, NOTIFY_OWN, 0 },
    { "remote_hook_unconfirmed", CONFIG_EVENT_FENCE, NOTIFY_OWN, 0 },
    { "no_quorum", CONFIG_EVENT_NO_QUORUM, NOTIFY_OWN, S(10) },
    { "mute", CONFIG_EVENT_READINESS, NOTIFY_OWN, S(30) },
    { "store_failed", CONFIG_EVENT_READINESS, NOTIFY_OWN, 0 },
    { "journal_failing", CONFIG_EVENT_READINESS, NOTIFY_OWN, S(30) },
    { "ledger_unknown", CONFIG_EVENT_READINESS, NOTIFY_OWN, S(120) },
    { "abstaining", CONFIG_EVENT_READINESS, NOTIFY_OWN, S(30) },
    { "settings_differ", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(60) },
    { "guard_not_ready", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(30) },
    { "fence_part_missing", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(30) },
    { "standby_not_streaming", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(30) },
    { "standby_cannot_follow", CONFIG_EVENT_READINESS, NOTIFY_OWN, S(30) },
    { "lag_beyond_rpo", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(60) },
    { "dns_behind", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(60) },
    { "commits_wait", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(30) },
    { "region_cut_off", CONFIG_EVENT_READINESS, NOTIFY_OWN, 0 },
    { "old_primary_back", CONFIG_EVENT_READINESS, NOTIFY_OWN, S(5) },
    { "notification_failing", CONFIG_EVENT_READINESS, NOTIFY_OWN, S(60) }, /* over the others */
    { "certificate", CONFIG_EVENT_CERTIFICATE, NOTIFY_OWN, 0 },
    { "audit_failing", CONFIG_EVENT_AUDIT, NOTIFY_OWN, 0 },
    { "glass_broken", CONFIG_EVENT_GLASS, NOTIFY_SHARED, 0 },
    { "reconcile_needed", CONFIG_EVENT_GLASS, NOTIFY_SHARED, S(10) },
    { "reconcile_stuck", CONFIG_EVENT_STUCK, NOTIFY_SHARED, S(30) },
    { "home_got_worse", CONFIG_EVENT_STUCK, NOTIFY_SHARED, 0 },
    { "operation_held", CONFIG_EVENT_STUCK, NOTIFY_SHARED, S(300) },
    { "operation_alone", CONFIG_EVENT_STUCK, NOTIFY_SHARED, S(60) },
    { "paused", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(8 * 60 * 60) },
    { "voter_lost_store", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(60) },
    { "voter_change", CONFIG_EVENT_READINESS, NOTIFY_SHARED, S(300) },
};

const struct notify_event *notify_event_row(enum config_event event)
{
    return &events[event];
}

const struct notify_warning *notify_warning_row(const char *code)
{
    for (size_t i = 0; i < sizeof warnings / sizeof warnings[0]; i++)
        if (strcmp(warnings[i].code, code) == 0)
            return &warnings[i];
    return NULL;
}
