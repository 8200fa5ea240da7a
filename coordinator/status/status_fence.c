/* The fence of one service in words: what it allows an automatic failover to do, and where it leaks. It repeats
 * what the ledger and the guard say; what may happen is decided by the core. */
#include "coordinator/status/status_parts.h"

/* What an automatic failover may do when the old region says nothing more. The order is the core's: `keep`
 * outweighs an accepted fence. */
enum allowance {
    ALLOWS_WAITED,
    ALLOWS_CONFIRMED_KEPT,
    ALLOWS_UNCONFIRMED,
    ALLOWS_REMOTE,
    ALLOWS_REMOTE_KEPT,
    ALLOWS_CONFIRMED,
};

static const struct {
    const char *name; /* stable */
    const char *text;
} allowances[] = {
    [ALLOWS_WAITED] = { "after_wait",
        "enforced: the kernel of the database's host shuts it when its lease lapses, so an automatic failover goes on "
        "once the old lease has run out, also when the old region says nothing more" },
    [ALLOWS_CONFIRMED_KEPT] = { "confirmed_only",
        "guarded, because on_quorum_loss is keep: the database may stay open after its lease, so only its guard's "
        "confirmed fence or a person's word lets a failover go on" },
    [ALLOWS_UNCONFIRMED] = { "unconfirmed",
        "guarded, and accept_unconfirmed_fence is set: an automatic failover goes on once the old lease has run out, "
        "although nothing proves that the old database is shut. Two regions may then acknowledge writes at once, and "
        "those of one side are lost" },
    [ALLOWS_REMOTE] = { "after_remote_hook",
        "guarded, with a remote_hook: where no guard confirms the fence, the coordinator that takes over waits the old "
        "lease out and has that hook cut the old region off. An automatic failover goes on if the hook confirms, and "
        "else waits for a person" },
    [ALLOWS_REMOTE_KEPT] = { "after_remote_hook",
        "guarded, because on_quorum_loss is keep, with a remote_hook: the database may stay open after its lease, so an "
        "automatic failover goes on when its guard confirms the fence, or when that hook confirms that it has cut the old "
        "region off; else it waits for a person" },
    [ALLOWS_CONFIRMED] = { "confirmed_only",
        "guarded: only a live guard shuts the database, so an automatic failover needs its confirmed fence; when guard "
        "or region are gone it waits for a person" },
};

static enum allowance allowance_of(const struct status_service *service)
{
    const struct ledger *ledger = &service->view->ledger;
    if (ledger->fence == FENCE_ENFORCED)
        return ALLOWS_WAITED;
    const struct cluster_config *cluster = service->input->cluster;
    bool remote = ledger->guard.node < cluster->node_count &&
                  status_remote_of(service, (region_id)cluster->nodes[ledger->guard.node].region) != NULL;
    if (ledger->keep_on_quorum_loss)
        return remote ? ALLOWS_REMOTE_KEPT : ALLOWS_CONFIRMED_KEPT;
    if (service->config->fence.accept_unconfirmed_fence)
        return ALLOWS_UNCONFIRMED;
    return remote ? ALLOWS_REMOTE : ALLOWS_CONFIRMED;
}

static const struct status_guarded *guarded_here(const struct status_service *service)
{
    const struct status_guarded *guarded = service->input->guarded;
    return guarded != NULL && guarded[service->index].here ? &guarded[service->index] : NULL;
}

static json_t *render_sockets(const struct status_service *service, const struct status_guarded *guarded)
{
    if (!guarded->kernel || guarded->sockets_us == 0)
        return json_null();
    const struct socket_sessions *sockets = &guarded->sockets;
    json_t *object = json_object();
    json_t *roles = json_array();
    for (size_t i = 0; sockets->complete && i < sockets->count; i++) {
        json_t *role = json_object();
        put(role, "role", json_of_text(sockets->roles[i].name));
        put(role, "sessions", json_integer(sockets->roles[i].sessions));
        add(roles, role);
    }
    put(object, "known", json_boolean(sockets->complete));
    put(object, "listens", sockets->complete ? json_boolean(sockets->listens) : json_null());
    put(object, "sessions", sockets->complete ? json_integer(sockets->sessions) : json_null());
    put(object, "roles", roles);
    put(object, "age_ms", json_of_ms_or_null(service->input->now_mono_us - guarded->sockets_us));
    put(object, "text", json_of_text(sockets->complete ? "" : sockets->why.text));
    return object;
}

json_t *status_fence(const struct status_service *service)
{
    const struct status_guarded *guarded = guarded_here(service);
    bool known = service->view->ledger_known;
    json_t *object = json_object();
    const char *name = known ? allowances[allowance_of(service)].name : NULL;
    put(object, "kind", known ? json_string(name_fence_mode((int)service->view->ledger.fence)) : json_null());
    put(object, "automatic_failover", json_of_text(name));
    put(object, "text", json_of_text(known ? allowances[allowance_of(service)].text : NULL));
    put(object, "remote_hook", status_remote_hook(service));
    put(object, "guarded_here", json_boolean(guarded != NULL));
    put(object, "trouble", json_of_text(guarded != NULL ? guarded->trouble : NULL));
    put(object, "sockets", guarded != NULL ? render_sockets(service, guarded) : json_null());
    return object;
}

/* ---- warnings ---------------------------------------------------------------------------- */

static void warn_sockets(const struct status_service *service, json_t *warnings)
{
    const struct status_guarded *guarded = guarded_here(service);
    if (guarded == NULL || !guarded->kernel || guarded->sockets_us == 0)
        return;
    const struct socket_sessions *sockets = &guarded->sockets;
    char list[256];
    struct text roles = TEXT_OF(list);
    if (!sockets->complete || sockets->sessions == 0)
        return;
    for (size_t i = 0; i < sockets->count; i++)
        text_appendf(&roles, "%s%s (%lld)", i > 0 ? ", " : "", sockets->roles[i].name,
                     (long long)sockets->roles[i].sessions);
    status_warn(warnings, "socket_sessions", service->config->name,
                "%lld session%s connected to the database here over a Unix socket, which the kernel fence does not "
                "cover: %s%s. What writes for your users has to connect over TCP", (long long)sockets->sessions,
                sockets->sessions == 1 ? " is" : "s are", list, roles.cut ? "..." : "");
}

/* Whether a host's unit asks before it starts its database can't be seen from inside. That it was not asked, or
 * not heeded, can. */
static void warn_old_primaries(const struct status_service *service, json_t *warnings)
{
    const struct view_service *view = service->view;
    region_id writer = view->ledger.writer;
    if (!view->ledger_known || writer == REGION_NONE || operation_moves(view->ledger.operation.kind))
        return;
    for (size_t i = 0; i < service->input->cluster->region_count && i < POLICY_REGIONS_MAX; i++) {
        const struct view_region *region = &view->regions[i];
        bool fresh = region->database_age_us >= 0 &&
                     region->database_age_us <= service->config->evidence_max_age_us;
        if (!region->serves || i == writer || !region->database.known || region->database.in_recovery || !fresh)
            continue;
        const char *where = service->input->cluster->regions[i].name;
        status_warn(warnings, "old_primary", service->config->name,
                    "the database of %s runs as a primary although %s is the writer; its guard keeps it fenced. Make "
                    "it a standby. If it was started since then, its unit does not ask first: see "
                    "postgresql-may-write.conf", where, region_of(service, writer));
    }
}

static void warn_guard(const struct status_service *service, const struct view_region *region,
                       const char *where, json_t *warnings)
{
    const char *name = service->config->name;
    const char *node = name_node(service->input->cluster, region->guard_node);
    struct status_own_fence own = status_own_fence(service, region);
    if (!region->guard_ready)
        status_warn(warnings, "guard_not_ready", name,
                    "%s in %s can't work its database's fence: %s could neither be promoted nor fenced by it%s%s",
                    node, where, where, own.trouble[0] != '\0' ? ": " : "", own.trouble);
    else if (own.trouble[0] != '\0')
        status_warn(warnings, "fence_part_missing", name,
                    "a later fence of %s's ladder can't be worked, only those before it: %s", node, own.trouble);
    if (region->fence == FENCE_FAILED)
        status_warn(warnings, "fence_failed", name,
                    "the fence of %s could not be shut or proven, so it may still acknowledge writes; its guard goes on "
                    "trying. Stop PostgreSQL there by hand and see that no process of it is left; %s%s", where,
                    own.said[0] != '\0' ? "the last try said: " : "status on that node says why", own.said);
}

void status_fence_warnings(const struct status_service *service, json_t *warnings)
{
    const struct view_service *view = service->view;
    const char *name = service->config->name;
    bool waits = view->ledger_known && view->ledger.fence == FENCE_GUARDED &&
                 allowance_of(service) != ALLOWS_REMOTE && allowance_of(service) != ALLOWS_REMOTE_KEPT;
    if (waits)
        status_warn(warnings, "fence_guarded", name, "the writer's fence is %s",
                    allowances[allowance_of(service)].text);
    if (view->ledger_known && view->ledger.operation.kind != OPERATION_NONE && view->operation.here &&
        (view->operation.proof == PROOF_ACCEPTED || view->operation.proof == PROOF_PERSON))
        status_warn(warnings, "fence_not_proven", name,
                    "this operation goes on although nothing proves the old writer fenced (%s): make sure "
                    "by hand that its database is down", name_fence_proof((int)view->operation.proof));
    for (size_t i = 0; i < service->input->cluster->region_count && i < POLICY_REGIONS_MAX; i++) {
        const struct view_region *region = &view->regions[i];
        if (region->serves && region->guard_heard)
            warn_guard(service, region, service->input->cluster->regions[i].name, warnings);
    }
    status_remote_warnings(service, warnings);
    warn_sockets(service, warnings);
    warn_old_primaries(service, warnings);
}
