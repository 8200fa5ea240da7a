/* control_probe: one round of a check for a person who asks for it.
 *
 * The round runs on the probes loop, and what is known here meanwhile is who waits for it and until when.
 *
 * The core never hears of it. Its counts of failures and successes mean something because samples come at the
 * check's own pace: a person who asks ten times in a row, as people do at night, would otherwise push a check over its
 * `fall`, or end with two lucky rounds a failing run that has lasted four minutes. So the answer has what the core
 * judges, from the check's turns alone, beside what was seen now. */
#include "coordinator/control/control_internal.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "coordinator/control/probing.h"

/* For the probes loop to take the question up, and for the answer's way back. */
#define BEGIN_US (2 * US_PER_S)
#define RETURN_US (1 * US_PER_S)

static struct probe_ask *find_mark(struct control *c, uint64_t mark)
{
    for (size_t i = 0; i < CONTROL_PROBES_MAX; i++)
        if (c->asks[i].ticket != 0 && c->asks[i].ticket == mark)
            return &c->asks[i];
    return NULL;
}

static void ask_end(struct probe_ask *ask)
{
    timer_cancel(&ask->timer);
    ask->ticket = 0;
}

/* ---- which check ---------------------------------------------------------------------------- */

static const struct check_config *check_of(const struct service_region_config *region, const char *name)
{
    for (size_t i = 0; i < region->check_count; i++)
        if (strcmp(region->checks[i].name, name) == 0)
            return &region->checks[i];
    return NULL;
}

static void list_checks(const struct service_config *service, struct text *text)
{
    for (size_t r = 0; r < service->region_count; r++)
        for (size_t i = 0; i < service->regions[r].check_count; i++)
            text_appendf(text, "%s%s in %s", text->length > 0 ? ", " : "", service->regions[r].checks[i].name,
                         service->regions[r].name);
}

static void refuse_unknown(struct control *c, const struct control_request *request,
                           const struct service_config *service)
{
    char words[1024], known[1536];
    struct text list = TEXT_OF(words), todo = TEXT_OF(known);
    list_checks(service, &list);
    text_appendf(&todo, "%s has %s.", service->name, words[0] != '\0' ? words : "no checks");
    control_refuse(c->server, request->ticket, "no_check", EXIT_USAGE,
                   request->arguments.region != NULL ? "the service has no such check in that region"
                                                     : "the service has no such check",
                   known, NULL);
}

/* NULL, having refused the request, where there is none, or where the region would have to be named. */
static const struct check_config *find_check(struct control *c, const struct control_request *request,
                                             const struct service_config *service,
                                             const struct service_region_config **region)
{
    const struct command_arguments *a = &request->arguments;
    const struct check_config *found = NULL;
    size_t count = 0;
    char words[512];
    struct text text = TEXT_OF(words);
    for (size_t r = 0; r < service->region_count; r++) {
        const struct check_config *check = check_of(&service->regions[r], a->check);
        if (check == NULL || (a->region != NULL && strcmp(a->region, service->regions[r].name) != 0))
            continue;
        text_appendf(&text, "%s%s", count++ > 0 ? ", " : "", service->regions[r].name);
        found = check;
        *region = &service->regions[r];
    }
    if (count == 0) {
        refuse_unknown(c, request, service);
    } else if (count > 1) {
        char todo[640];
        struct text line = TEXT_OF(todo);
        text_appendf(&line, "Say which with --region: %s.", words);
        control_refuse(c->server, request->ticket, "which_region", EXIT_USAGE,
                       "several regions have a check of that name", todo, NULL);
    }
    return count == 1 ? found : NULL;
}

/* ---- asking and answering ------------------------------------------------------------------- */

static void on_late(void *arg)
{
    struct probe_ask *ask = arg;
    uint64_t ticket = ask->ticket;
    ask_end(ask);
    control_refuse(ask->control->server, ticket, "no_answer", EXIT_FAILED,
                   "this node's own probe loop did not come back with the round in time: it says nothing of the target",
                   "See loops in failoverctl status --json, and what else keeps this machine busy.", NULL);
}

struct posted_round {
    struct control *control;
    uint64_t mark;
    struct probe_round round;
};

static void on_round(void *arg)
{
    struct posted_round *posted = arg;
    struct control *c = posted->control;
    struct probe_ask *ask = find_mark(c, posted->mark);
    if (ask != NULL) {
        struct view_service *view = control_view(c, ask->service);
        uint64_t ticket = ask->ticket;
        struct status_probe probe = {
            .node = c->parts.local->name,
            .service = &c->parts.cluster->services[ask->service],
            .region = ask->region,
            .check = ask->check,
            .round = &posted->round,
            .now_wall_us = base_wall_us(),
        };
        ask_end(ask);
        control_reply(c->server, ticket, status_probe(&probe, view));
        free(view);
    }
    free(posted);
}

void control_post_round(struct control *c, uint64_t mark, const struct probe_round *round)
{
    struct posted_round *posted = malloc(sizeof *posted);
    if (posted == NULL)
        return; /* whoever waits is told that nothing came */
    *posted = (struct posted_round){ c, mark, *round };
    if (!loop_post(c->parts.loop, on_round, posted))
        free(posted);
}

/* NULL, having refused the request: that check is being looked at for somebody, or too many are. */
static struct probe_ask *take_place(struct control *c, const struct control_request *request,
                                    const struct check_config *check)
{
    struct probe_ask *place = NULL;
    bool twice = false;
    for (size_t i = 0; i < CONTROL_PROBES_MAX; i++) {
        twice = twice || (c->asks[i].ticket != 0 && c->asks[i].check == check);
        if (c->asks[i].ticket == 0 && place == NULL)
            place = &c->asks[i];
    }
    if (!twice && place != NULL)
        return place;
    control_refuse(c->server, request->ticket, "busy", EXIT_GATE,
                   twice ? "a round of this check is run for somebody else just now"
                         : "rounds of other checks are run for other people just now, as many as may be",
                   "Ask again in a few seconds.", NULL);
    return NULL;
}

void control_probe_ask(struct control *c, const struct control_request *request)
{
    const struct service_region_config *region = NULL;
    size_t index = config_find_service(c->parts.cluster, request->arguments.service);
    const struct service_config *service = &c->parts.cluster->services[index];
    const struct check_config *check = find_check(c, request, service, &region);
    struct probe_ask *ask = check != NULL ? take_place(c, request, check) : NULL;
    if (ask == NULL)
        return;
    struct probing_question question = { request->ticket, index, region, check, base_mono_us() + BEGIN_US };
    *ask = (struct probe_ask){
        .control = c, .ticket = request->ticket, .service = index, .region = region, .check = check
    };
    timer_init(&ask->timer, c->parts.loop, on_late, ask);
    timer_set_at_us(&ask->timer, question.begin_by_us + check->timeout_us + SCHEDULE_GRACE_US + RETURN_US);
    if (!probing_ask(c->parts.probing, &question))
        on_late(ask);
}

void control_probe_close(struct control *c)
{
    for (size_t i = 0; i < CONTROL_PROBES_MAX; i++)
        ask_end(&c->asks[i]);
}
