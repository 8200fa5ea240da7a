/* control_snapshot: everything that status, and what people are told of, is made from, gathered in one moment. */
#include <stdlib.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/control/control_internal.h"
#include "coordinator/control/probing.h"
#include "coordinator/notify/notifier.h"

static void look_at_fence(const struct control_service *s, struct status_guarded *guarded)
{
    *guarded = (struct status_guarded){ .here = s->fence != NULL };
    if (!guarded->here)
        return;
    guarded->trouble = fence_trouble(s->fence);
    guarded->said = fence_said(s->fence);
    guarded->kernel = s->sockets != NULL;
    if (guarded->kernel)
        guarded->sockets = *socket_watch_last(s->sockets, &guarded->sockets_us);
}

struct view_service *control_view(struct control *c, size_t service)
{
    struct view_service *view = malloc(sizeof *view);
    ensure(view != NULL);
    node_view(c->node, (uint8_t)service, (struct mono_time){ base_mono_us() }, (struct wall_time){ base_wall_us() },
              view);
    return view;
}

void control_snapshot(struct control *c, struct control_snapshot *s)
{
    size_t services = c->parts.cluster->service_count;
    s->views = calloc(services > 0 ? services : 1, sizeof *s->views);
    s->commits = calloc(services > 0 ? services : 1, sizeof *s->commits);
    ensure(s->views != NULL && s->commits != NULL);
    for (size_t i = 0; i < services; i++)
        if (c->services[i].commit != NULL)
            commit_hold_status(c->services[i].commit, &s->commits[i]);
    for (size_t i = 0; i < services; i++)
        node_view(c->node, (uint8_t)i, (struct mono_time){ base_mono_us() },
                  (struct wall_time){ base_wall_us() }, &s->views[i]);
    for (size_t i = 0; i < services; i++)
        look_at_fence(&c->services[i], &s->guarded[i]);
    for (size_t i = 0; i < c->link_count; i++)
        links_status(c->links, i, &s->links[i]);
    if (c->writer != NULL)
        store_writer_status(c->writer, &s->store);
    journal_status(c->parts.journal, &s->journal);
    audit_status(c->parts.audit, &s->audit);
    links_expiry(c->links, &s->certificate);
    links_counters(c->links, &s->counters);
    control_counters(c->server, &s->people);
    s->notify = notifier_json(c->notifier);
    for (size_t i = 0; i < services; i++)
        s->returns[i] = (struct status_return){
            .returned = c->services[i].returned != NULL ? returned_json(c->services[i].returned) : NULL,
            .rejoin = control_remote_run(c, i),
        };
    for (size_t i = 0; i < services; i++)
        if (s->returns[i].rejoin == NULL && c->services[i].rejoin != NULL)
            s->returns[i].rejoin = rejoin_json(c->services[i].rejoin);
    node_voters(c->node, (struct mono_time){ base_mono_us() }, &s->voters);
    s->input = (struct status_input){
        .voters = &s->voters,
        .cluster = c->parts.cluster,
        .local = c->parts.local,
        .version = c->parts.version,
        .self = c->parts.self,
        .now_mono_us = base_mono_us(),
        .now_wall_us = base_wall_us(),
        .started_mono_us = c->started_us,
        .mute = node_mute(c->node),
        .views = s->views,
        .guarded = s->guarded,
        .commits = s->commits,
        .waits = (const struct status_waits (*)[CONFIG_MAX_REGIONS])c->waits,
        .links = s->links,
        .link_count = c->link_count,
        .counters = &s->counters,
        .refused_messages = c->refused_messages,
        .people = &s->people,
        .store = c->writer != NULL ? &s->store : NULL,
        .store_doubt = c->parts.store != NULL && store_in_doubt(c->parts.store),
        .store_text = c->parts.store_text,
        .journal = &s->journal,
        .audit = &s->audit,
        .history = c->parts.history,
        .returns = s->returns,
        .certificate = &s->certificate,
        .notify = s->notify,
        .control_stall_us = loop_longest_stall_us(c->parts.loop),
        .probes_stall_us = loop_longest_stall_us(probing_loop(c->parts.probing)),
    };
}

void control_snapshot_drop(struct control *c, struct control_snapshot *s)
{
    for (size_t i = 0; i < c->parts.cluster->service_count; i++)
        json_decref(s->returns[i].rejoin);
    json_decref(s->notify);
    free(s->views);
    free(s->commits);
}
