/* Leading a standby to a primary: see lead.h. */
#include "coordinator/control/lead.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/text.h"
#include "coordinator/database/fork.h"
#include "coordinator/database/slot.h"

/* Of the time that there is, asking may take so much: the rest is for the standby to stream. */
#define ASKING_SHARE 3

struct lead {
    struct loop *loop;
    struct lead_settings settings;
    struct database_secrets secrets[CONFIG_MAX_REGIONS]; /* by place in service->regions */
    const struct service_region_config *to;
    struct pg_target primary;
    char address[RESOLVER_ADDRESS_MAX];
    int64_t asking_us, deadline_us;
    struct postgres_facts own;
    struct timelines history;
    struct fork_errand *fork;
    struct slot_errand *slot;
    struct promote_errand *thaw;
};

static void end(struct lead *l, enum promote_outcome outcome, const struct postgres_facts *facts, const char *why)
{
    l->settings.done(l->settings.arg, outcome, facts, why);
}

static void refuse(struct lead *l, const char *why)
{
    struct fault words;
    fault_set(&words, "%s", why);
    end(l, PROMOTE_REFUSED, &l->own, words.text);
}

/* ---- the settings ---- */

static void on_thawed(void *arg, const struct promote_report *report)
{
    struct lead *l = arg;
    l->thaw = NULL;
    end(l, report->outcome, report->facts_known ? &report->facts : NULL, report->why.text);
}

static void set_conninfo(struct lead *l)
{
    struct fault fault;
    l->thaw = promote_thaw(l->loop, l->settings.own, l->to->database->replication_conninfo, NULL, l->deadline_us,
                           on_thawed, l, &fault);
    if (l->thaw == NULL)
        end(l, PROMOTE_FAILED, &l->own, fault.text);
}

static void on_slot(void *arg, bool there, const char *why)
{
    struct lead *l = arg;
    l->slot = NULL;
    if (!there)
        log_event(LOG_LEVEL_WARNING, "the standby's replication slot is not on the new primary; make it there by hand",
                  LOG_STR("service", l->settings.service->name), LOG_STR("reason", why));
    set_conninfo(l);
}

/* ---- the question ---- */

/* Ours has more than the primary took over: it would never attach. */
static bool is_past(const struct lead *l, const struct fork_report *report, struct fault *fault)
{
    char at[TIMELINE_LSN_TEXT_MAX];
    const char *region = l->to->name;
    if (report->outcome == FORK_OTHER_SYSTEM)
        return !fault_set(fault, "no copy of %s's database: %s", region, report->why.text);
    if (report->outcome == FORK_NOT_ANCESTOR)
        return !fault_set(fault, "use pg_rewind or a new copy of %s: %s", region, report->why.text);
    if (report->outcome != FORK_LEFT || l->own.receive_lsn <= report->fork.lsn)
        return false;
    return !fault_set(fault, "%" PRIu64 " bytes past %s, where timeline %" PRIu32 " began: needs pg_rewind or a new copy",
                      l->own.receive_lsn - report->fork.lsn, timeline_lsn_text(at, report->fork.lsn),
                      report->history.current);
}

static void on_primary(void *arg, const struct fork_report *report)
{
    struct lead *l = arg;
    struct fault fault;
    l->fork = NULL;
    if (is_past(l, report, &fault)) {
        refuse(l, fault.text);
        return;
    }
    bool asked = report->outcome == FORK_SAME || report->outcome == FORK_LEFT;
    if (!asked || report->facts.in_recovery) {
        set_conninfo(l);
        return;
    }
    (void)text_copy(l->address, sizeof l->address, report->address);
    if (l->address[0] != '\0')
        l->primary.hostaddr = l->address;
    l->slot = slot_start(l->loop, l->settings.own, &l->primary, l->asking_us, on_slot, l, &fault);
    if (l->slot == NULL)
        on_slot(l, false, fault.text);
}

static void on_own(void *arg, const struct fork_report *report)
{
    struct lead *l = arg;
    struct fault fault;
    l->fork = NULL;
    if (!report->facts_known) {
        end(l, PROMOTE_FAILED, NULL, report->why.text);
        return;
    }
    l->own = report->facts;
    if (!l->own.in_recovery) {
        refuse(l, "the server is a primary: it receives no WAL");
        return;
    }
    l->history = report->history;
    struct fork_question question = {
        .system_id = l->own.system_id,
        .timeline = l->own.timeline,
        .history = report->outcome == FORK_READ && l->history.current == l->own.timeline ? &l->history : NULL,
        .resolver = l->settings.resolver,
    };
    l->fork = fork_start(l->loop, &l->primary, &question, l->asking_us, on_primary, l, &fault);
    if (l->fork == NULL)
        set_conninfo(l);
}

bool lead_start(struct lead *l, region_id to, int64_t deadline_us, struct fault *fault)
{
    const struct service_config *service = l->settings.service;
    l->to = config_service_region(service, to);
    if (l->to == NULL || l->to->database == NULL || l->to->database->replication_conninfo == NULL)
        return fault_set(fault, "region %s has no replication_conninfo in the cluster file: set primary_conninfo of "
                                "this standby by hand", l->settings.cluster->regions[to].name);
    l->primary = database_outside(l->to->database, &l->secrets[l->to - service->regions]);
    int64_t now = base_mono_us();
    l->deadline_us = deadline_us;
    l->asking_us = now + (deadline_us - now) / ASKING_SHARE;
    l->fork = fork_start(l->loop, l->settings.own, &(struct fork_question){ .timeline = 0 }, l->asking_us, on_own, l,
                         fault);
    return l->fork != NULL;
}

void lead_stop(struct lead *l)
{
    fork_cancel(l->fork);
    slot_cancel(l->slot);
    if (l->thaw != NULL)
        promote_cancel(l->thaw);
    l->fork = NULL;
    l->slot = NULL;
    l->thaw = NULL;
}

/* ---- life ---- */

struct lead *lead_new(struct loop *loop, const struct lead_settings *settings, struct fault *fault)
{
    struct lead *l = calloc(1, sizeof *l);
    if (l == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    l->loop = loop;
    l->settings = *settings;
    if (!database_secrets_of_regions(settings->service, l->secrets, fault)) {
        lead_free(l);
        return NULL;
    }
    return l;
}

void lead_free(struct lead *l)
{
    if (l == NULL)
        return;
    lead_stop(l);
    explicit_bzero(l->secrets, sizeof l->secrets);
    free(l);
}
