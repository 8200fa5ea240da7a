/* control_return: what has come back is looked at once a second; people who want it to rejoin are answered. */
#include <stdlib.h>

#include "coordinator/control/control_internal.h"
#include "coordinator/control/rejoin_where.h"
#include "coordinator/operator/control_names.h"

#define LOOK_EVERY_US US_PER_S

static void on_look(void *arg)
{
    struct control *c = arg;
    for (size_t s = 0; s < c->parts.cluster->service_count; s++) {
        if (c->services[s].returned == NULL)
            continue;
        struct view_service *view = control_view(c, s);
        /* What a person made the writer is no old primary that is back. */
        if (!view->glass.own || !view->glass.open)
            returned_look(c->services[s].returned, view);
        rejoin_look(c->services[s].rejoin, view);
        free(view);
    }
    timer_set_after_us(&c->look, LOOK_EVERY_US);
}

/* `answer->body` says on which node: it may be read on another. */
static void on_answer(void *arg, uint64_t ticket, const struct rejoin_answer *answer)
{
    struct control *c = arg;
    if (answer->body != NULL)
        (void)json_object_set_new(answer->body, "node", json_string(c->parts.local->name));
    if (control_remote_is(ticket)) {
        control_remote_answered(c, ticket, answer);
        return;
    }
    if (answer->refused) {
        json_t *more = json_object();
        if (answer->body != NULL)
            (void)json_object_set_new(more, "plan", answer->body);
        control_refuse(c->server, ticket, answer->code, answer->exit, answer->text, answer->todo, more);
        return;
    }
    control_reply(c->server, ticket, answer->body);
}

void control_return_here(struct control *c, size_t service, const struct rejoin_request *ask)
{
    static const struct rejoin_answer marked = {
        true, "marked", EXIT_GATE,
        "refused: the glass was broken for this region, and nobody has said yet which side is kept. Nothing was changed",
        "First failoverctl reconcile; then rejoin the side that was given up.", NULL
    };
    struct view_service *view = control_view(c, service);
    /* What only the marked database has waits for a person's decision, and rejoining it would take it away. */
    region_id home = (region_id)c->parts.cluster->nodes[c->parts.self].region;
    if (mark_of_region(view->marks, home) != NULL && !ask->dry_run)
        on_answer(c, ask->ticket, &marked);
    else
        rejoin_ask(c->services[service].rejoin, ask, view);
    free(view);
}

void control_return_ask(struct control *c, const struct control_request *request)
{
    size_t service = config_find_service(c->parts.cluster, request->arguments.service);
    if (service == CONFIG_NONE) {
        control_no_service(c->server, request->ticket, c->parts.cluster, request->arguments.service);
        return;
    }
    const char *named = request->arguments.region;
    size_t asked = named != NULL ? config_find_region(c->parts.cluster, named) : CONFIG_NONE;
    const struct service_config *config = &c->parts.cluster->services[service];
    if (named != NULL && (asked == CONFIG_NONE || config_service_region(config, asked) == NULL)) {
        control_no_region(c->server, request->ticket, c->parts.cluster, service, named);
        return;
    }
    struct view_service *view = control_view(c, service);
    size_t home = c->services[service].rejoin != NULL ? c->parts.cluster->nodes[c->parts.self].region : CONFIG_NONE;
    struct rejoin_where_facts facts = { c->parts.cluster, config, view, home, asked };
    struct rejoin_where where;
    rejoin_where(&facts, &where);
    if (where.region == CONFIG_NONE) {
        control_refuse(c->server, request->ticket, "which_region", EXIT_GATE, where.text, where.todo, NULL);
    } else if (where.region != home) {
        control_remote_ask(c, request, service, where.region);
    } else {
        struct rejoin_request ask = {
            .ticket = request->ticket,
            .dry_run = request->arguments.dry_run,
            .without_list = request->arguments.without_list,
            .who = request->who.user,
        };
        if (!ask.dry_run)
            control_remote_forget(c, service);
        control_return_here(c, service, &ask);
    }
    free(view);
}

/* ---- life ---------------------------------------------------------------------------------- */

bool control_return_open(struct control *c, size_t index, const struct service_region_config *region,
                         struct fault *fault)
{
    struct control_service *s = &c->services[index];
    struct returned_settings returned = {
        .cluster = c->parts.cluster,
        .service = &c->parts.cluster->services[index],
        .local = c->parts.local,
        .home = region->region,
        .secrets = &s->secrets,
        .journal = c->parts.journal,
        .resolver = c->parts.resolver,
    };
    s->returned = returned_new(c->parts.loop, &returned, fault);
    if (s->returned == NULL)
        return false;
    struct rejoin_settings rejoin = {
        .cluster = returned.cluster,
        .service = returned.service,
        .home = returned.home,
        .node = c->parts.local->name,
        .secrets = &s->secrets,
        .returned = s->returned,
        .resolver = c->parts.resolver,
        .journal = c->parts.journal,
        .answer = on_answer,
        .arg = c,
    };
    s->rejoin = rejoin_new(c->parts.loop, &rejoin);
    return s->rejoin != NULL || fault_set(fault, "out of memory");
}

void control_return_begin(struct control *c)
{
    timer_init(&c->look, c->parts.loop, on_look, c);
    timer_set_after_us(&c->look, LOOK_EVERY_US);
}

void control_return_close(struct control *c)
{
    timer_cancel(&c->look);
    for (size_t s = 0; s < c->parts.cluster->service_count; s++) {
        rejoin_free(c->services[s].rejoin);
        returned_free(c->services[s].returned);
    }
}
