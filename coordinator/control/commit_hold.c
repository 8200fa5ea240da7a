/* A service's commit lease, led by the fence's acts: see commit_hold.h. */
#include "coordinator/control/commit_hold.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/log.h"

struct commit_hold {
    const char *service;
    struct commit_lease *lease;
    enum commit_phase phase;          /* as last logged */
    struct commit_findings findings;
};

static void log_phase(const struct commit_hold *hold, const struct commit_status *status)
{
    bool ill = status->enabled && status->phase == COMMIT_ATTACHING && status->why[0] != '\0';
    log_event(ill ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
              ill ? "the commit lease is not in force: commits don't depend on this guard, or hang" : "commit lease",
              LOG_STR("service", hold->service), LOG_STR("phase", commit_phase_name(status->phase)),
              LOG_STR("name", status->name), LOG_STR("reason", status->why), LOG_UINT("waiting", status->waiting),
              LOG_UINT("ended", status->ended));
}

static void on_change(void *arg, const struct commit_status *status)
{
    struct commit_hold *hold = arg;
    if (status->phase != hold->phase || status->phase == COMMIT_ATTACHING)
        log_phase(hold, status);
    hold->phase = status->phase;
    if (commit_findings_equal(&hold->findings, &status->findings))
        return;
    hold->findings = status->findings;
    for (size_t i = 0; i < status->findings.count; i++)
        log_event(LOG_LEVEL_WARNING, status->findings.list[i].text, LOG_STR("service", hold->service),
                  LOG_STR("finding", status->findings.list[i].name));
}

struct commit_hold *commit_hold_new(struct loop *loop, const struct service_config *service,
                                    const struct database_config *database,
                                    const struct database_secrets *secrets, struct fault *fault)
{
    struct commit_hold *hold = calloc(1, sizeof *hold);
    if (hold == NULL) {
        (void)fault_set(fault, "out of memory for the commit lease of %s", service->name);
        return NULL;
    }
    hold->service = service->name;
    struct commit_settings settings = {
        .service = service->name,
        .enabled = service->commit_lease.enabled,
        .guard = database_inside(database, secrets),
        .stream = database_commit(database, secrets),
        .on_change = on_change,
        .arg = hold,
    };
    hold->lease = commit_lease_new(loop, &settings, fault);
    if (hold->lease == NULL) {
        free(hold);
        return NULL;
    }
    return hold;
}

void commit_hold_free(struct commit_hold *hold)
{
    if (hold == NULL)
        return;
    commit_lease_free(hold->lease);
    free(hold);
}

void commit_hold_act(struct commit_hold *hold, const struct act *act)
{
    if (act->kind == ACT_FENCE_HOLD)
        commit_lease_hold(hold->lease, act->until.us);
    else
        commit_lease_shut(hold->lease);
}

void commit_hold_status(const struct commit_hold *hold, struct commit_status *out)
{
    commit_lease_status(hold->lease, out);
}
