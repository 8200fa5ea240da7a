/* rejoin: makes this region's old primary a standby of the writer, for a person who asked for it.
 *
 * A question (dry run) or an order asks both servers first and has rejoin_plan.h decide. An order that would run starts
 * the service's hook as a child process and then looks until the database streams from the writer, on its timeline, or
 * REJOIN_VERIFY_US has passed. The fence is no business of this: it stays as the guard keeps it, which is shut for
 * as long as the database is a primary. One question or run at a time; all on the control loop.
 *
 * Before the hook is started a replication slot is made on the writer for the standby to be, as FAILOVERD_SLOT tells
 * the hook. Where none can be made it goes on without one and says so; where the standby doesn't use it, it is taken
 * away again.
 *
 * If this region becomes the writer while the hook runs, the hook is ended. A majority that is out of reach for a while
 * does not end it: a copy that is broken off leaves nothing that could start.
 */
#ifndef FAILOVERD_CONTROL_REJOIN_H
#define FAILOVERD_CONTROL_REJOIN_H

#include <jansson.h>

#include "coordinator/control/rejoin_plan.h"
#include "coordinator/control/returned.h"
#include "coordinator/report/journal.h"

#define REJOIN_VERIFY_US (180 * US_PER_S)

struct rejoin_answer {
    bool refused;
    const char *code;      /* of a refusal */
    enum exit_code exit;
    const char *text;
    const char *todo;
    json_t *body;          /* the plan, to be stolen; with "run": ID where a run has begun */
};

/* Exactly once for each ticket, unless rejoin_free comes first; also from within. */
typedef void rejoin_answer_fn(void *arg, uint64_t ticket, const struct rejoin_answer *answer);

struct rejoin_settings {
    const struct cluster_config *cluster;
    const struct service_config *service;
    size_t home;
    const char *node;
    const struct database_secrets *secrets; /* of our own region's database */
    struct returned *returned;              /* freed after this */
    struct resolver *resolver;
    struct journal *journal;
    rejoin_answer_fn *answer;
    void *arg;
};

struct rejoin;

/* What the settings point to outlives it. NULL without memory. */
struct rejoin *rejoin_new(struct loop *loop, const struct rejoin_settings *settings);
/* A hook that runs is killed. */
void rejoin_free(struct rejoin *rejoin);

struct rejoin_request {
    uint64_t ticket;
    bool dry_run;
    bool without_list;
    const char *who;       /* copied */
};

/* Answers by settings.answer. `view` is borrowed for the call. */
void rejoin_ask(struct rejoin *rejoin, const struct rejoin_request *request, const struct view_service *view);

/* The newest view, about once a second. */
void rejoin_look(struct rejoin *rejoin, const struct view_service *view);

/* For status: NULL, or { "run": ID, "state": "running", "done" or "failed", "step": "hook" or "verify", "text",
 * "running_ms", "who" } of the last run since the start of this process. A new reference. */
json_t *rejoin_json(const struct rejoin *rejoin);

#endif
