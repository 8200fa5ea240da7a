/* The remote hook of one service in words: what the last run of it here came to, and what a person has to do about
 * the region that it cut off, or may have. What it is for is in the fence's text (status_fence.c). */
#include "coordinator/base/clock.h"
#include "coordinator/status/status_parts.h"

const struct remote_hook_config *status_remote_of(const struct status_service *service, region_id region)
{
    const struct service_region_config *config = config_service_region(service->config, region);
    return config != NULL ? config->remote_hook : NULL;
}

json_t *status_remote_hook(const struct status_service *service)
{
    const struct view_cut_off *cut = &service->view->cut_off;
    char id[NAME_HEX_MAX];
    if (!cut->known)
        return json_null();
    json_t *object = json_object();
    put(object, "region", status_region_name(service->input, cut->region));
    put(object, "operation", json_string(format_hex(id, cut->operation)));
    put(object, "running", json_boolean(cut->running));
    put(object, "confirmed", json_boolean(cut->confirmed));
    put(object, "seen_since", json_boolean(cut->seen_since));
    put(object, "age_ms", json_of_ms_or_null(cut->age_us));
    put(object, "text", json_of_text(cut->detail.s));
    return object;
}

void status_remote_warnings(const struct status_service *service, json_t *warnings)
{
    const struct view_cut_off *cut = &service->view->cut_off;
    const char *name = service->config->name;
    const char *where = region_of(service, cut->region);
    const char *said = cut->detail.s[0] != '\0' ? cut->detail.s : "nothing";
    char ago[CLOCK_DURATION_TEXT_MAX];
    base_format_duration(ago, sizeof ago, cut->age_us);
    if (!cut->known || cut->running)
        return;
    if (cut->confirmed && !cut->seen_since)
        status_warn(warnings, "region_cut_off", name,
                    "%s was cut off by its remote_hook %s ago (it said: %s) and stays so until a person undoes that. Do so when "
                    "its database is a standby or is stopped, or when %s is named writer again; not while it may be open as a "
                    "second primary", where, ago, said, where);
    else if (cut->confirmed && service->view->operation.here)
        status_warn(warnings, "remote_hook_doubt", name,
                    "the remote_hook of %s confirmed %s ago that no client reaches its database, and it has been seen from "
                    "another region since: somebody undid it, or the hook does not do what it says. Look at once", where, ago);
    else if (!cut->confirmed)
        status_warn(warnings, "remote_hook_unconfirmed", name,
                    "the remote_hook of %s was run %s ago and did not confirm (it said: %s), so no failover goes by it. %s Make the "
                    "hook work and try it by hand; who knows by other means that the database of %s is down goes on with "
                    "failoverctl failover %s --to REGION --skip-gate fence", where, ago, said,
                    cut->seen_since ? "The database has been seen since." : "The region may be cut off or not: see which.",
                    where, name);
}
