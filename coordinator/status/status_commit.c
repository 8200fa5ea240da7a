/* Whose commits hang, and why: the commit lease of this node's own guard, and what its checks see of
 * every region's primary. A guard that is dead or paused can't speak: then the others' checks tell. */
#include <inttypes.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/status_parts.h"

/* Shorter waits are those of any commit on its way. */
#define HANGS_US (1 * (int64_t)CLOCK_US_PER_S)
/* Older than this it says nothing of now. */
#define SEEN_MAX_US (30 * (int64_t)CLOCK_US_PER_S)

static const struct commit_status *own(const struct status_service *service)
{
    const struct commit_status *commits = service->input->commits;
    return commits != NULL && commits[service->index].held_here ? &commits[service->index] : NULL;
}

static const char *phase_text(const struct commit_status *commit)
{
    switch (commit->phase) {
    case COMMIT_OFF: return "not used";
    case COMMIT_UNSEEN: return "the database has not answered this guard yet";
    case COMMIT_STANDBY: return "the database is a standby: nothing commits there";
    case COMMIT_NO_LEASE:
        return commit->named ? "commits wait for this guard's lease: it confirms none before it holds one"
                             : "this guard holds no lease, and the database doesn't wait for it";
    case COMMIT_ATTACHING:
        return commit->named ? "commits wait for this guard's lease: it holds one, and is not attached"
                             : "this guard holds a lease and is not attached: commits go on without it";
    case COMMIT_IN_FORCE: return "in force: commits wait for this guard, which holds its lease and confirms them";
    case COMMIT_LEAVING: return "being left: the database's setting is being taken back";
    case COMMIT_PHASE_COUNT:
    default: return "not known";
    }
}

static json_t *render_findings(const struct commit_findings *findings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        json_t *object = json_object();
        put(object, "name", json_of_text(findings->list[i].name));
        put(object, "text", json_of_text(findings->list[i].text));
        add(list, object);
    }
    return list;
}

json_t *status_commit_lease(const struct status_service *service)
{
    const struct commit_status *commit = own(service);
    if (commit == NULL || (!commit->enabled && commit->phase == COMMIT_OFF))
        return json_null();
    json_t *object = json_object();
    put(object, "enabled", json_boolean(commit->enabled));
    put(object, "phase", json_string(commit_phase_name(commit->phase)));
    put(object, "text", json_string(phase_text(commit)));
    put(object, "why", json_of_text(commit->why));
    put(object, "named", json_boolean(commit->named));
    put(object, "name", commit->name[0] != '\0' ? json_of_text(commit->name) : json_null());
    put(object, "lease_left_ms", commit->lease_left_us > 0 ? json_of_ms(commit->lease_left_us) : json_null());
    put(object, "waiting", commit->waiting_known ? json_of_u64(commit->waiting) : json_null());
    put(object, "longest_ms", commit->waiting_known ? json_of_ms(commit->longest_us) : json_null());
    put(object, "looked_ms", commit->waiting_known ? json_of_ms_or_null(service->input->now_mono_us - commit->looked_us)
                                                   : json_null());
    put(object, "ended", json_of_u64(commit->ended));
    put(object, "findings", render_findings(&commit->findings));
    return object;
}

static const struct status_waits *seen_in(const struct status_service *service, size_t region)
{
    if (service->input->waits == NULL || region >= CONFIG_MAX_REGIONS)
        return NULL;
    const struct status_waits *waits = &service->input->waits[service->index][region];
    return waits->seen.known && service->input->now_mono_us - waits->at_us < SEEN_MAX_US ? waits : NULL;
}

json_t *status_commits_waiting(const struct status_service *service, size_t region)
{
    const struct status_waits *waits = seen_in(service, region);
    if (waits == NULL)
        return json_null();
    json_t *object = json_object();
    put(object, "count", json_of_u64(waits->seen.count));
    put(object, "longest_ms", json_of_ms(waits->seen.longest_us));
    put(object, "commit_lease", json_boolean(waits->seen.commit_lease));
    put(object, "age_ms", json_of_ms_or_null(service->input->now_mono_us - waits->at_us));
    return object;
}

/* The guard's own word, where this node is it. */
static bool warn_own(const struct status_service *service, json_t *warnings)
{
    const struct commit_status *commit = own(service);
    const char *name = service->config->name;
    char longest[CLOCK_DURATION_TEXT_MAX];
    if (commit == NULL || (!commit->enabled && commit->phase == COMMIT_OFF))
        return false;
    bool hangs = commit->named && commit->waiting > 0 && commit->longest_us >= HANGS_US &&
                 commit->phase != COMMIT_STANDBY;
    if (hangs)
        status_warn(warnings, "commits_wait", name, "%" PRIu64 " commits wait for this guard's lease, the longest for %s: %s",
                    commit->waiting, base_format_duration(longest, sizeof longest, commit->longest_us),
                    commit->why[0] != '\0' ? commit->why
                    : commit->phase == COMMIT_IN_FORCE
                        ? "the lease is held and confirmed; another synchronous standby is missing or slow"
                        : phase_text(commit));
    if (commit->enabled && commit->phase == COMMIT_ATTACHING)
        status_warn(warnings, "commit_lease_not_attached", name, "%s. %s", phase_text(commit), commit->why);
    for (size_t i = 0; i < commit->findings.count; i++)
        status_warn(warnings, "commit_lease_finding", name, "%s", commit->findings.list[i].text);
    return hangs;
}

void status_commit_warnings(const struct status_service *service, json_t *warnings)
{
    const struct cluster_config *cluster = service->input->cluster;
    bool told = warn_own(service, warnings);
    for (size_t r = 0; r < cluster->region_count; r++) {
        const struct status_waits *waits = seen_in(service, r);
        char longest[CLOCK_DURATION_TEXT_MAX];
        bool here = r == cluster->nodes[service->input->self].region;
        if (waits == NULL || waits->seen.count == 0 || waits->seen.longest_us < HANGS_US || (told && here))
            continue;
        (void)base_format_duration(longest, sizeof longest, waits->seen.longest_us);
        if (waits->seen.commit_lease)
            status_warn(warnings, "commits_wait", service->config->name,
                        "%" PRIu64 " commits in %s wait for the commit lease of its guard, the longest for %s: the guard is "
                        "dead, paused, cut off from the database or without a lease. They go on when it holds one again; restart "
                        "failoverd there if it is down", waits->seen.count, cluster->regions[r].name, longest);
        else
            status_warn(warnings, "commits_wait", service->config->name,
                        "%" PRIu64 " commits in %s wait for a synchronous standby, the longest for %s",
                        waits->seen.count, cluster->regions[r].name, longest);
    }
}
