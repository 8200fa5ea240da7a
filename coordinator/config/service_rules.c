/* Rules for a service's regions, guards, lease, fence, checks and databases: see rules.h. */
#include <string.h>
#include <sys/socket.h>

#include "coordinator/base/child.h"
#include "coordinator/config/rules.h"
#include "coordinator/config/values.h"

#define DURATION_TEXT 32

static size_t count_databases(const struct service_config *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->region_count; i++)
        count += s->regions[i].database != NULL;
    return count;
}

static size_t count_remote_hooks(const struct service_config *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->region_count; i++)
        count += s->regions[i].database != NULL && s->regions[i].remote_hook != NULL;
    return count;
}

/* ---- lease and fence --------------------------------------------------------------------- */

static void check_lease(struct document *d, const struct service_config *s)
{
    const struct lease_config *lease = &s->lease;
    int64_t parts = lease->fence_budget_us + 2 * lease->renew_every_us;
    if (lease->duration_us > parts)
        return;
    char duration[DURATION_TEXT];
    char budget[DURATION_TEXT];
    char renew[DURATION_TEXT];
    char sum[DURATION_TEXT];
    value_duration_text(lease->duration_us, duration, sizeof duration);
    value_duration_text(lease->fence_budget_us, budget, sizeof budget);
    value_duration_text(lease->renew_every_us, renew, sizeof renew);
    value_duration_text(parts, sum, sizeof sum);
    document_error(d, PATH("$.services.%s.lease.duration", s->name),
                   "%s is too short for its parts: fence_budget %s + 2 x renew_every %s = %s, and it must be longer than "
                   "that, or the guard would fence between two renewals. Make it longer, or the parts shorter",
                   duration, budget, renew, sum);
}

static bool stands_before(const struct service_config *s, size_t rung)
{
    for (size_t i = 0; i < rung; i++)
        if (s->fence.ladder[i] == s->fence.ladder[rung])
            return true;
    return false;
}

static void check_ladder(struct document *d, const struct service_config *s)
{
    for (size_t i = 1; i < s->fence.ladder_count; i++)
        if (stands_before(s, i))
            document_error(d, PATH("$.services.%s.fence.ladder[%zu]", s->name, i), "\"%s\" stands in it already",
                           config_fence_name(s->fence.ladder[i]));
    bool enforced = config_has_fence(s, CONFIG_FENCE_KERNEL);
    bool remote = count_remote_hooks(s) == count_databases(s);
    if (s->fence.accept_unconfirmed_fence)
        document_warn(d, PATH("$.services.%s.fence.accept_unconfirmed_fence", s->name),
                      "%s", enforced
                      ? "is true: if the kernel fence is not in force on the old primary's host, a cut-off primary may go "
                        "on acknowledging writes while the new one does too, and those writes will be lost"
                      : "is true and nothing enforces the fence: a primary that is cut off with a dead or frozen guard goes on "
                        "acknowledging writes while the new one does too, and those writes will be lost. Use the \"kernel\" "
                        "fence, or be sure that this is wanted");
    else if (!enforced && !remote && s->mode != CONFIG_MODE_MANUAL)
        document_warn(d, PATH("$.services.%s.fence.ladder", s->name),
                      "only a live guard can %s, so when a whole region is lost nothing confirms the fence and "
                      "the failover waits for a person; with \"kernel\", or a remote_hook for each region that has a "
                      "database, it goes on by itself",
                      !config_has_fence(s, CONFIG_FENCE_HOOK) ? "shut the door"
                      : config_has_fence(s, CONFIG_FENCE_DOOR) ? "shut the door or run the hook" : "run the hook");
    if (s->fence.on_quorum_loss == CONFIG_QUORUM_LOSS_KEEP && !remote && s->mode != CONFIG_MODE_MANUAL)
        document_warn(d, PATH("$.services.%s.fence.on_quorum_loss", s->name),
                      "with \"keep\" a lapsed lease proves nothing, so a failover needs a confirmed fence or a person");
}

static void check_absolute(struct document *d, const struct config_texts *program, const char *path)
{
    if (program->count > 0 && program->items[0][0] != '/')
        document_error(d, PATH("%s[0]", path), "\"%.80s\" is no absolute path; it must begin with \"/\", no shell looks "
                       "it up", program->items[0]);
}

/* The hook's deadline against what a guard has: before the end of its lease, and beside the other rungs. */
static void check_hook_deadline(struct document *d, const struct service_config *s)
{
    const struct fence_hook_config *hook = &s->fence.hook;
    int64_t room = CONFIG_FENCE_ACT_US - CHILD_KILL_AFTER_MS * INT64_C(1000) - CONFIG_FENCE_DOOR_US;
    char deadline[DURATION_TEXT];
    char other[DURATION_TEXT];
    char right[DURATION_TEXT];
    value_duration_text(hook->deadline_us, deadline, sizeof deadline);
    if (config_has_fence(s, CONFIG_FENCE_DOOR) && hook->deadline_us > room) {
        value_duration_text(CONFIG_FENCE_DOOR_US, other, sizeof other);
        value_duration_text(room, right, sizeof right);
        document_warn(d, PATH("$.services.%s.fence.hook.deadline", s->name),
                      "%s leaves the door less than the %s that its proof may take; a guard has 30s for all fences of the "
                      "ladder together. Make it at most %s, or have authentication_timeout short", deadline, other, right);
    }
    bool first = s->fence.ladder_count > 0 && s->fence.ladder[0] == CONFIG_FENCE_HOOK;
    if (!first || s->fence.on_quorum_loss == CONFIG_QUORUM_LOSS_KEEP || hook->deadline_us <= s->lease.fence_budget_us)
        return;
    value_duration_text(s->lease.fence_budget_us, other, sizeof other);
    value_duration_text(hook->deadline_us + 2 * s->lease.renew_every_us, right, sizeof right);
    document_warn(d, PATH("$.services.%s.fence.hook.deadline", s->name),
                  "the hook may take %s, but the guard runs it only fence_budget (%s) before its lease ends: a writer that is "
                  "cut off may acknowledge writes for longer than its lease. Make the deadline at most %s, or fence_budget %s "
                  "and lease.duration longer than %s", deadline, other, other, deadline, right);
}

static void check_hook(struct document *d, const struct service_config *s)
{
    const struct fence_hook_config *hook = &s->fence.hook;
    const char *path = PATH("$.services.%s.fence.hook", s->name);
    check_absolute(d, &hook->shut, PATH("%s.shut", path));
    check_absolute(d, &hook->open, PATH("%s.open", path));
    bool used = config_has_fence(s, CONFIG_FENCE_HOOK);
    if (!used && (hook->shut.count > 0 || hook->open.count > 0))
        document_warn(d, path, "is never used: \"hook\" does not stand in fence.ladder");
    if (!used)
        return;
    if (hook->shut.count == 0)
        document_error(d, PATH("$.services.%s.fence.ladder", s->name), "has \"hook\", but there is no program to run: set "
                       "fence.hook.shut, or take \"hook\" out");
    if (s->fence.ladder_count == 1 && !hook->on_standby && count_databases(s) > 1)
        document_warn(d, PATH("$.services.%s.fence.ladder", s->name), "has the hook alone, which is not run on a standby: the "
                      "target of a failover can't be shut and proven, so there is none, not even by a person's order. Put "
                      "\"kernel\" or \"door\" before it; or set hook.on_standby, if the guard gets in through what it shuts");
    check_hook_deadline(d, s);
}

/* A hook that is never run, or whose answer comes too late, is worse than none: somebody counts on it. */
static void check_remote_hook(struct document *d, const struct service_config *s, const struct service_region_config *r)
{
    const struct remote_hook_config *hook = r->remote_hook;
    const char *path = PATH("$.services.%s.regions.%s.remote_hook", s->name, r->name);
    bool keeps = s->fence.on_quorum_loss == CONFIG_QUORUM_LOSS_KEEP;
    bool enforced = s->fence.ladder_count > 0 && s->fence.ladder[0] == CONFIG_FENCE_KERNEL;
    if (hook == NULL)
        return;
    check_absolute(d, &hook->shut, PATH("%s.shut", path));
    if (r->database == NULL)
        document_error(d, path, "cuts a database off, but the region has none; add \"database\" or take the hook out");
    else if (enforced && !keeps)
        document_warn(d, path, "is never run: with \"kernel\" first in fence.ladder a failover goes on when the lease has run "
                      "out. It is for ladders that begin with \"door\" or \"hook\", and for on_quorum_loss \"keep\"");
    else if (s->fence.accept_unconfirmed_fence && !keeps)
        document_warn(d, path, "is never run: with accept_unconfirmed_fence a failover goes on without any proof. Set that to "
                      "false, and it goes on when the hook has confirmed");
    if (hook->deadline_us + CHILD_KILL_AFTER_MS * INT64_C(1000) < s->step_deadline.fence_us)
        return;
    char deadline[DURATION_TEXT];
    char step[DURATION_TEXT];
    value_duration_text(hook->deadline_us, deadline, sizeof deadline);
    value_duration_text(s->step_deadline.fence_us, step, sizeof step);
    document_error(d, PATH("%s.deadline", path), "it may take %s (and 2s to be killed), but after step_deadline.fence, %s, the "
                   "operation goes back: there would be no time for a second try. Make the deadline shorter, or "
                   "step_deadline.fence longer", deadline, step);
}

static void check_commit_lease(struct document *d, const struct service_config *s)
{
    if (s->commit_lease.enabled && s->fence.on_quorum_loss == CONFIG_QUORUM_LOSS_KEEP)
        document_error(d, PATH("$.services.%s.commit_lease.enabled", s->name),
                       "is true, but on_quorum_loss is \"keep\": that leaves the database open without a live guard, in which "
                       "the commit lease would make commits hang. Set on_quorum_loss to \"fence\", or enabled to false");
}

static void check_ages(struct document *d, const struct cluster_config *c, const struct service_config *s)
{
    char have[DURATION_TEXT];
    char need[DURATION_TEXT];
    value_duration_text(s->evidence_max_age_us, have, sizeof have);
    for (size_t i = 0; i < s->region_count; i++)
        for (size_t j = 0; j < s->regions[i].check_count; j++) {
            const struct check_config *check = &s->regions[i].checks[j];
            int64_t oldest = check->interval_us + check->timeout_us + c->heartbeat_us;
            if (check->type < 0 || oldest < s->evidence_max_age_us)
                continue;
            value_duration_text(oldest, need, sizeof need);
            document_error(d, PATH("$.services.%s.regions.%s.checks.%s", s->name, s->regions[i].name, check->name),
                           "its results are up to %s old (interval + timeout + heartbeat) when the others hear of them, but "
                           "evidence_max_age is %s, so they would count as unknown. Make evidence_max_age longer, or "
                           "the interval shorter", need, have);
        }
}

/* ---- checks ------------------------------------------------------------------------------ */

static void check_phases(struct document *d, const struct http_check_config *http, const char *path)
{
    const struct {
        const char *name;
        int64_t us;
    } phases[] = { { "connect", http->connect_us }, { "tls", http->tls_us }, { "first_byte", http->first_byte_us } };
    char total[DURATION_TEXT];
    char phase[DURATION_TEXT];
    value_duration_text(http->total_us, total, sizeof total);
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        if (phases[i].us <= http->total_us)
            continue;
        value_duration_text(phases[i].us, phase, sizeof phase);
        document_error(d, PATH("%s.timeouts.%s", path, phases[i].name), "%s is longer than the whole may take, %s (total)",
                       phase, total);
    }
}

static void check_http(struct document *d, struct check_config *check, const char *path)
{
    check->timeout_us = check->http.total_us;
    check_phases(d, &check->http, path);
    bool https = check->http.url != NULL && strncmp(check->http.url, "https://", 8) == 0;
    if (https && !check->http.certificate_check)
        document_warn(d, PATH("%s.certificate_check", path),
                      "is false: anything that answers at that address can call the region healthy");
    if (!https && check->http.url != NULL && check->http.ca_file != NULL)
        document_warn(d, PATH("%s.ca_file", path), "is never used: the URL is not https");
}

static void check_dns_answers(struct document *d, const struct check_config *check, const char *path)
{
    int wanted = check->dns.record == CONFIG_RECORD_A ? AF_INET : AF_INET6;
    for (size_t i = 0; i < check->dns.expect_any.count; i++) {
        const char *answer = check->dns.expect_any.items[i];
        int family = 0;
        bool is_ip = value_ip(answer, &family, NULL);
        if (check->dns.record == CONFIG_RECORD_CNAME ? is_ip : family != wanted)
            document_error(d, PATH("%s.expect_any[%zu]", path, i), "\"%s\" can't be the answer for a record of type %s",
                           answer, config_record_type_name(check->dns.record));
    }
}

static void check_one(struct document *d, const struct service_region_config *r, struct check_config *check,
                      const char *path)
{
    switch (check->type) {
    case CONFIG_CHECK_HTTP:
        check_http(d, check, path);
        break;
    case CONFIG_CHECK_POSTGRES:
        if (r->database == NULL)
            document_error(d, path, "looks at the region's database, but the region has none; add \"database\" or take the "
                           "check out");
        break;
    case CONFIG_CHECK_DNS:
        check_dns_answers(d, check, path);
        break;
    default:
        break;
    }
}

/* ---- databases --------------------------------------------------------------------------- */

/* A password in the text for other servers would be read by everyone who may read the config. */
static bool holds_password(const char *conninfo)
{
    for (const char *at = conninfo; (at = strstr(at, "password")) != NULL; at += 8) {
        bool begins = at == conninfo || strchr(" \t?&", at[-1]) != NULL;
        if (begins && at[8 + strspn(at + 8, " \t")] == '=')
            return true;
    }
    const char *uri = strstr(conninfo, "://");
    const char *host = uri != NULL ? strchr(uri + 3, '@') : NULL;
    return host != NULL && memchr(uri + 3, ':', (size_t)(host - uri - 3)) != NULL;
}

static void check_canary(struct document *d, const struct service_config *s, const struct database_config *db,
                         const char *path)
{
    if (db->canary_user != NULL && db->user != NULL && strcmp(db->canary_user, db->user) == 0)
        document_error(d, PATH("%s.canary_user", path), "is the guard's own role; the guard is let in through a shut door, so "
                       "it must be another one, an ordinary one");
    if (config_has_fence(s, CONFIG_FENCE_DOOR) && db->canary_user == NULL)
        document_warn(d, path, "the fence ladder has \"door\", but there is no canary_user: nothing can prove that the "
                      "door is shut, so it never counts as confirmed");
    if (db->canary_user == NULL && db->canary_password_file != NULL)
        document_warn(d, PATH("%s.canary_password_file", path), "is never used: there is no canary_user");
}

static void check_commit_user(struct document *d, const struct service_config *s, const struct database_config *db,
                              const char *path)
{
    const char *user = db->commit_user;
    if (user == NULL && s->commit_lease.enabled)
        document_error(d, path, "there is no commit_user, but commit_lease.enabled is true: name the role as which the guard "
                       "streams, such as failoverd_commit of etc/postgresql-setup.sql");
    if (user != NULL && ((db->user != NULL && strcmp(user, db->user) == 0) ||
                         (db->canary_user != NULL && strcmp(user, db->canary_user) == 0)))
        document_error(d, PATH("%s.commit_user", path), "is the role of user or canary_user; it may replicate, so copy everything, "
                       "and neither of those should: give it a role of its own");
    if (user == NULL && db->commit_password_file != NULL)
        document_warn(d, PATH("%s.commit_password_file", path), "is never used: there is no commit_user");
}

static void check_database(struct document *d, const struct service_config *s, const struct service_region_config *r)
{
    const struct database_config *db = r->database;
    char path[DOCUMENT_PATH_MAX];
    (void)snprintf(path, sizeof path, "$.services.%s.regions.%s.database", s->name, r->name);
    bool verifies = strncmp(db->sslmode, "verify", 6) == 0;
    if (verifies && db->ca_file == NULL)
        document_error(d, path, "sslmode is %s, which needs ca_file: the authority that signed the server's certificate",
                       db->sslmode);
    else if (!verifies)
        document_warn(d, PATH("%s.sslmode", path), "\"%s\" does not prove that it is the right server; \"verify-full\" does",
                      db->sslmode);
    check_canary(d, s, db, path);
    check_commit_user(d, s, db, path);
    if (db->replication_conninfo != NULL && holds_password(db->replication_conninfo))
        document_error(d, PATH("%s.replication_conninfo", path), "holds a password; the config holds no secrets: use "
                       "passfile= or a certificate");
    if (count_databases(s) < 2)
        return;
    if (db->replication_conninfo == NULL)
        document_warn(d, path, "there is no replication_conninfo: after a failover to here the other standbys are not "
                      "made to follow");
    if (config_has_fence(s, CONFIG_FENCE_KERNEL) && db->kernel_allow.count == 0)
        document_warn(d, path, "kernel_allow is empty: while it is fenced the other regions' databases can't stream from "
                      "here either; list their addresses");
}

/* ---- regions ----------------------------------------------------------------------------- */

static void resolve_guard(struct document *d, const struct cluster_config *c, struct service_region_config *r,
                          const char *name, const char *path)
{
    size_t node = config_find_node(c, name);
    if (node == CONFIG_NONE) {
        const char *names[CONFIG_MAX_NODES];
        char hint[96];
        for (size_t i = 0; i < c->node_count; i++)
            names[i] = c->nodes[i].name;
        document_error(d, path, "\"%s\" is none of the nodes%s", name,
                       rules_hint(hint, sizeof hint, name, names, c->node_count));
        return;
    }
    if (c->nodes[node].region != r->region && c->nodes[node].region_name != NULL) {
        document_error(d, path, "node \"%s\" is in region %s, not in %s; a guard is in the region of the database that it "
                       "fences", name, c->nodes[node].region_name, r->name);
        return;
    }
    for (size_t i = 0; i < r->guard_count; i++)
        if (r->guards[i] == node) {
            document_error(d, path, "\"%s\" is listed twice", name);
            return;
        }
    r->guards[r->guard_count++] = node;
}

static void resolve_region(struct document *d, const struct cluster_config *c, struct service_region_config *r,
                           const char *path)
{
    r->region = config_find_region(c, r->name);
    if (r->region != CONFIG_NONE)
        return;
    const char *names[CONFIG_MAX_NODES];
    char hint[96];
    for (size_t i = 0; i < c->region_count; i++)
        names[i] = c->regions[i].name;
    document_error(d, path, "no node is in a region \"%s\"%s; a region that serves has a coordinator of its own",
                   r->name, rules_hint(hint, sizeof hint, r->name, names, c->region_count));
}

static void check_region(struct document *d, const struct cluster_config *c, struct service_config *s,
                         struct service_region_config *r)
{
    char path[DOCUMENT_PATH_MAX];
    (void)snprintf(path, sizeof path, "$.services.%s.regions.%s", s->name, r->name);
    resolve_region(d, c, r, path);
    for (size_t i = 0; i < r->guard_names.count && r->region != CONFIG_NONE; i++)
        resolve_guard(d, c, r, r->guard_names.items[i], PATH("%s.guards[%zu]", path, i));
    if (r->database != NULL && r->guard_names.count == 0)
        document_error(d, path, "has a database but no guards; list the nodes of this region that can fence it");
    if (r->database == NULL)
        document_warn(d, path, "has no database, so it can never become the writer");
    if (r->check_count == 0)
        document_warn(d, path, "has no checks, so nobody can see it fail or be well: no failover from here or to here");
    for (size_t i = 0; i < r->check_count; i++) {
        r->checks[i].index = s->check_count++;
        check_one(d, r, &r->checks[i], PATH("%s.checks.%s", path, r->checks[i].name));
    }
    if (r->database != NULL && r->database->sslmode != NULL)
        check_database(d, s, r);
    check_remote_hook(d, s, r);
}

static void check_initial_writer(struct document *d, struct service_config *s)
{
    const char *path = PATH("$.services.%s.initial_writer", s->name);
    const char *names[CONFIG_MAX_REGIONS];
    char hint[96];
    s->initial_writer = CONFIG_NONE;
    for (size_t i = 0; i < s->region_count; i++)
        names[i] = s->regions[i].name;
    if (s->initial_writer_name == NULL)
        return;
    for (size_t i = 0; i < s->region_count; i++)
        if (strcmp(names[i], s->initial_writer_name) == 0)
            s->initial_writer = i;
    if (s->initial_writer == CONFIG_NONE)
        document_error(d, path, "\"%s\" is none of the service's regions%s", s->initial_writer_name,
                       rules_hint(hint, sizeof hint, s->initial_writer_name, names, s->region_count));
    else if (s->regions[s->initial_writer].database == NULL)
        document_error(d, path, "region \"%s\" has no database here, so it can't be the writer; add \"database\" to it or "
                       "name another region", s->initial_writer_name);
}

/* Who sets it believes that it counts. */
static void check_no_answer(struct document *d, const struct service_config *s)
{
    if (s->on_no_answer == CONFIG_NO_ANSWER_GO && s->mode != CONFIG_MODE_APPROVE)
        document_warn(d, PATH("$.services.%s.on_no_answer", s->name),
                      "counts only in mode \"approve\"; the mode is \"%s\"", config_mode_name(s->mode));
}

void rules_service(struct document *d, const struct cluster_config *c, struct service_config *s)
{
    for (size_t i = 0; i < s->region_count; i++)
        check_region(d, c, s, &s->regions[i]);
    if (s->check_count > CONFIG_MAX_CHECKS)
        document_error(d, PATH("$.services.%s.regions", s->name), "the regions have %zu checks together; the most is %d",
                       s->check_count, CONFIG_MAX_CHECKS);
    check_initial_writer(d, s);
    if (s->regions != NULL && count_databases(s) < 2)
        document_warn(d, PATH("$.services.%s.regions", s->name), "fewer than two regions have a database: there is "
                      "nowhere to fail over to");
    check_lease(d, s);
    check_ladder(d, s);
    check_hook(d, s);
    check_commit_lease(d, s);
    check_ages(d, c, s);
    check_no_answer(d, s);
    check_absolute(d, &s->hooks.after_open, PATH("$.services.%s.hooks.after_open", s->name));
    check_absolute(d, &s->hooks.rejoin, PATH("$.services.%s.hooks.rejoin", s->name));
    if (s->dns == NULL)
        document_warn(d, PATH("$.services.%s", s->name), "there is no \"dns\": a failover moves the database, but nobody "
                      "is told where to go");
}
