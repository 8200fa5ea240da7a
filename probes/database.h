/* The PostgreSQL look (postgres.h) at a server that is known by name.
 *
 * libpq would block on resolving, so the name is resolved here and its address handed over. The
 * address is kept while the name still has it; when it changes, the session to the old one is dropped.
 * Of several addresses the first is used: a database is one server.
 */
#ifndef FAILOVERD_PROBES_DATABASE_H
#define FAILOVERD_PROBES_DATABASE_H

#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/resolver.h"
#include "probes/postgres.h"
#include "probes/probe.h"

struct database_probe;

/* settings->target.host may be a name without hostaddr. NULL with the fault set when the settings make
 * no sense. Everything is copied; loop and resolver outlive it. */
struct database_probe *database_probe_new(struct loop *loop, struct resolver *resolver,
                                          const struct postgres_probe_settings *settings,
                                          struct fault *fault);
void database_probe_free(struct database_probe *probe); /* NULL is allowed */
void database_probe_run(struct database_probe *probe, int64_t timeout_us, probe_done *done, void *arg);
void database_probe_cancel(struct database_probe *probe);

extern const struct probe_class database_probe_class;

#endif
