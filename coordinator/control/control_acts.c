/* control_acts: hands each act of the core to what can carry it out, and completions back. */
#include "coordinator/control/control_internal.h"

#include <stdlib.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/log.h"
#include "coordinator/base/notify.h"
#include "coordinator/base/text.h"
#include "coordinator/database/nft_watch.h"

static void on_act_done(void *arg, const struct act_result *result)
{
    struct node_event event = { .kind = EVENT_ACT_DONE };
    event.as.act = *result;
    control_event(arg, &event);
}

static void on_ready(void *arg, uint8_t service, bool ready, bool kernel, const char *why)
{
    struct control *c = arg;
    log_event(ready ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
              ready ? "the fence of our region's database can be worked"
                    : "the fence of our region's database can't be worked: no lease, no failover to "
                      "here until it can",
              LOG_STR("service", c->parts.cluster->services[service].name),
              LOG_STR("reason", why));
    struct node_event event = { .kind = EVENT_GUARD_READY };
    event.as.guard_ready = (struct event_guard_ready){ service, ready, kernel };
    control_event(c, &event);
}

static void on_settled(void *arg)
{
    control_tell_ready(arg);
}

/* What nobody here can carry out fails at once instead of being waited for. */
static void refuse(struct control *c, const struct act *act, const char *why)
{
    struct act_result result = { .kind = act->kind, .key = act->key, .outcome = ACT_REFUSED };
    (void)text_copy(result.detail.s, sizeof result.detail.s, why);
    on_act_done(c, &result);
}

void control_act(struct control *c, const struct act *act)
{
    struct control_service *s = &c->services[act->key.service];
    switch (act->kind) {
    case ACT_FENCE_HOLD:
    case ACT_FENCE_READS:
    case ACT_FENCE_SHUT:
        if (s->commit != NULL)
            commit_hold_act(s->commit, act);
        if (s->fence != NULL)
            fence_act(s->fence, act);
        else
            refuse(c, act, "this node guards no database of the service");
        return;
    case ACT_COMPARE:
    case ACT_FREEZE:
    case ACT_THAW:
    case ACT_FOLLOW:
    case ACT_PROMOTE:
    case ACT_HOOKS:
    case ACT_FENCE_REMOTE:
        if (s->database != NULL)
            database_acts_run(s->database, act);
        else
            refuse(c, act, "this node's region has no database of the service");
        return;
    case ACT_DNS_READ:
    case ACT_DNS_SUBMIT:
    case ACT_DNS_POLL:
    case ACT_DNS_VERIFY:
    case ACT_ENDPOINTS:
        if (s->dns != NULL)
            dns_acts_run(s->dns, act);
        else
            refuse(c, act, "the service has no DNS in the configuration");
        return;
    case ACT_KIND_COUNT:
    default: refuse(c, act, "unknown act");
    }
}

/* ---- opening ---- */

void control_tell_ready(struct control *c)
{
    if (c->told_ready || c->stepping)
        return;
    for (size_t s = 0; s < c->parts.cluster->service_count; s++)
        if (c->services[s].fence != NULL && !fence_settled(c->services[s].fence))
            return;
    c->told_ready = true;
    notify_send("READY=1");
}

static void on_ruleset_changed(void *arg)
{
    struct control *c = arg;
    for (size_t s = 0; s < c->parts.cluster->service_count; s++)
        if (c->services[s].fence != NULL)
            fence_ruleset_changed(c->services[s].fence);
}

static bool has_kernel(const struct service_config *service)
{
    for (size_t r = 0; r < service->fence.ladder_count; r++)
        if (service->fence.ladder[r] == CONFIG_FENCE_KERNEL)
            return true;
    return false;
}

static bool any_kernel(const struct cluster_config *cluster)
{
    for (size_t s = 0; s < cluster->service_count; s++)
        if (config_has_fence(&cluster->services[s], CONFIG_FENCE_KERNEL))
            return true;
    return false;
}

static void open_kernel(struct control *c)
{
    struct fault fault;
    if (!any_kernel(c->parts.cluster))
        return;
    if (kernel_lease_available(&fault))
        c->kernel = kernel_lease_worker_new(c->parts.loop, &fault);
    if (c->kernel != NULL)
        c->nft_watch = nft_watch_new(c->parts.loop, on_ruleset_changed, c, &fault);
    if (c->kernel != NULL && c->nft_watch == NULL)
        log_event(LOG_LEVEL_WARNING, "somebody else's changes of the packet filter are noticed late",
                  LOG_STR("reason", fault.text));
    if (c->kernel == NULL)
        (void)text_copy(c->kernel_missing, sizeof c->kernel_missing, fault.text);
}

static bool open_guarded(struct control *c, size_t index,
                         const struct service_region_config *region, struct fault *fault)
{
    const struct service_config *config = &c->parts.cluster->services[index];
    struct control_service *s = &c->services[index];
    if (!database_secrets_read(region->database, &s->secrets, fault))
        return false;
    struct fence_settings fence = {
        .service = config->name,
        .config = config,
        .region = region->name,
        .database = region->database,
        .secrets = &s->secrets,
        .kernel = c->kernel,
        .kernel_missing = c->kernel_missing,
        .on_done = on_act_done,
        .on_ready = on_ready,
        .on_settled = on_settled,
        .arg = c,
        .local = c->parts.local,
        .index = (uint8_t)index,
        .brand_new = c->brand_new,
    };
    struct database_acts_settings acts = {
        .cluster = c->parts.cluster,
        .service = config,
        .database = region->database,
        .secrets = &s->secrets,
        .node = c->parts.local->name,
        .resolver = c->parts.resolver,
        .on_done = on_act_done,
        .arg = c,
    };
    s->commit = commit_hold_new(c->parts.loop, config, region->database, &s->secrets, fault);
    if (s->commit == NULL)
        return false;
    s->fence = fence_new(c->parts.loop, &fence, fault);
    s->database = s->fence != NULL ? database_acts_new(c->parts.loop, &acts, fault) : NULL;
    if (s->database == NULL)
        return false;
    if (has_kernel(config))
        s->sockets = socket_watch_new(c->parts.loop, region->database, &s->secrets);
    if (has_kernel(config) && s->sockets == NULL)
        return fault_set(fault, "out of memory");
    return control_return_open(c, index, region, fault);
}

static bool open_dns(struct control *c, size_t index, struct fault *fault)
{
    const struct service_config *config = &c->parts.cluster->services[index];
    struct dns_acts_settings settings = {
        .service = config,
        .credentials = c->parts.local->aws_credentials,
        .pool = c->parts.pool,
        .resolver = c->parts.resolver,
        .on_done = on_act_done,
        .arg = c,
    };
    if (config->dns == NULL)
        return true;
    c->services[index].dns = dns_acts_new(c->parts.loop, &settings, fault);
    return c->services[index].dns != NULL;
}

bool control_acts_open(struct control *c, struct fault *fault)
{
    const struct cluster_config *cluster = c->parts.cluster;
    open_kernel(c);
    for (size_t s = 0; s < cluster->service_count; s++) {
        const struct service_region_config *home =
            config_service_region(&cluster->services[s], cluster->nodes[c->parts.self].region);
        bool guards = home != NULL && home->database != NULL &&
                      config_is_guard(home, c->parts.self);
        if (guards && (!open_guarded(c, s, home, fault) || !open_dns(c, s, fault)))
            return fault_wrap(fault, "service %s", cluster->services[s].name);
    }
    return true;
}

void control_acts_close(struct control *c)
{
    control_return_close(c);
    for (size_t s = 0; s < c->parts.cluster->service_count; s++) {
        commit_hold_free(c->services[s].commit);
        fence_free(c->services[s].fence);
        socket_watch_free(c->services[s].sockets);
        database_acts_free(c->services[s].database);
        dns_acts_free(c->services[s].dns);
    }
    nft_watch_free(c->nft_watch);
    if (c->kernel != NULL)
        kernel_lease_worker_free(c->kernel);
}
