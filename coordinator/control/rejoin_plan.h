/* rejoin_plan: what it takes to make an old primary a standby of the new one, as words and commands. Pure.
 *
 * From what the two servers and the ledger say: nothing to do, refused by name, or a method with its reason and
 * the exact commands. pg_rewind keeps what both have and takes the rest from the new primary; where it can't work,
 * a new copy is made beside the old data directory, which is kept.
 */
#ifndef FAILOVERD_CONTROL_REJOIN_PLAN_H
#define FAILOVERD_CONTROL_REJOIN_PLAN_H

#include <jansson.h>
#include <stdbool.h>

#include "coordinator/config/config.h"
#include "coordinator/database/fork.h"
#include "coordinator/database/server_look.h"
#include "coordinator/database/slot.h"
#include "coordinator/operator/commands.h"
#include "policy/view.h"

#define REJOIN_TEXT_MAX 2048
#define REJOIN_CONNINFO_MAX 1100

enum rejoin_verdict {
    REJOIN_NOTHING,   /* it streams from the writer already */
    REJOIN_RUN,       /* the commands, or the hook, would do it */
    REJOIN_REFUSED,
};

struct rejoin_facts {
    const struct cluster_config *cluster;
    const struct service_config *service;
    size_t home;                     /* our region */
    const struct view_service *view;
    const struct server_seen *local; /* NULL: not asked yet */
    const struct fork_report *fork;  /* of the writer, against ours; NULL: not asked yet */
    bool lost_kept;                  /* the report of lost writes is on disk */
    bool without_list;               /* asked for: go on without it */
};

struct rejoin_plan {
    enum rejoin_verdict verdict;
    const char *code;                /* stable word: "writer", "no_ledger", ..., "rewind", "basebackup" */
    enum exit_code exit;             /* of a refusal */
    char text[REJOIN_TEXT_MAX];      /* what holds, and why this way */
    char todo[REJOIN_TEXT_MAX];
    const char *method;              /* "pg_rewind", "pg_basebackup", "either" (the server is not up); NULL: none */
    char source[REJOIN_CONNINFO_MAX]; /* libpq connection string of the new primary, with a dbname */
    region_id writer;
};

/* What the ledger alone has against it, before any server is asked: writer, no_ledger, busy, no_source. True when
 * there is nothing. */
bool rejoin_allowed(const struct rejoin_facts *facts, struct rejoin_plan *plan) CHECKED;

/* The whole, with `local` and `fork` asked. */
void rejoin_decide(const struct rejoin_facts *facts, struct rejoin_plan *plan);

/* The replication slot on the writer for it: the one that the server names itself (primary_slot_name), else one of ours
 * after the region, cut where that is too long. */
void rejoin_slot_name(const struct rejoin_facts *facts, char out[SLOT_NAME_MAX]);

/* True where the database is a standby that streams from the writer, on its timeline; else *text says what lacks. */
bool rejoin_streams(const struct rejoin_facts *facts, char *text, size_t size) CHECKED;

/* { "service", "region", "writer", "verdict", "answer", "text", "todo", "method", "data_directory", "source", "commands": [...],
 *   "hook": [...] or null, "would_run" }. A new reference. */
json_t *rejoin_plan_json(const struct rejoin_facts *facts, const struct rejoin_plan *plan);

#endif
