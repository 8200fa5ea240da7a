/* returned: an old primary that is back. Finds out what it has that the new one lacks, once per epoch and
 * life of the server, and has that written down.
 *
 * It looks when this node guards a database that is a primary, another region is the writer, no operation is
 * under way and the fence is confirmed: fenced first, looked at then. It reads our own history of timelines, the
 * new primary's, the WAL since they parted, and saves the report; a part that fails is tried again later. It
 * decides nothing, and nothing waits for it but `failoverctl rejoin`.
 */
#ifndef FAILOVERD_CONTROL_RETURNED_H
#define FAILOVERD_CONTROL_RETURNED_H

#include <jansson.h>
#include <stdbool.h>

#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "coordinator/config/config.h"
#include "coordinator/control/database_target.h"
#include "coordinator/report/journal.h"
#include "policy/view.h"

struct returned;

struct returned_settings {
    const struct cluster_config *cluster;
    const struct service_config *service;
    const struct local_config *local;
    size_t home;                            /* our region */
    const struct database_secrets *secrets; /* of our own region's database */
    struct journal *journal;                /* outlives it */
    struct resolver *resolver;
};

/* What the settings point to outlives it. Reads the other regions' passwords: blocking, at start only. NULL with the
 * fault set. */
struct returned *returned_new(struct loop *loop, const struct returned_settings *settings, struct fault *fault);
void returned_free(struct returned *returned);

/* The newest view of the service, about once a second. */
void returned_look(struct returned *returned, const struct view_service *view);

/* For status: null, or { "state": "looking" or "listed", "text", "file", "epoch", "fork_lsn", ... }. Borrowed, valid
 * until the next look. */
const json_t *returned_json(const struct returned *returned);

/* The report of this epoch and this life of the server is on disk. */
bool returned_is_kept(const struct returned *returned);

/* How to reach another region's database as an observer; false where there is none. */
bool returned_target(const struct returned *returned, region_id region, struct pg_target *target) CHECKED;

#endif
