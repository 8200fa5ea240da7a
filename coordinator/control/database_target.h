/* Where a region's database is and as whom we go there, with the secrets read from their files.
 *
 * Two doors to the same server: `outside`, as every observer reaches it, and `inside`, as its own
 * region's guard does (a socket folder on its host, which no fence of ours closes).
 */
#ifndef FAILOVERD_CONTROL_DATABASE_TARGET_H
#define FAILOVERD_CONTROL_DATABASE_TARGET_H

#include "coordinator/base/pg_session.h"
#include "coordinator/config/config.h"

#define DATABASE_SECRET_MAX 512

struct database_secrets {
    char password[DATABASE_SECRET_MAX];
    char canary[DATABASE_SECRET_MAX];
    char commit[DATABASE_SECRET_MAX];
};

/* Blocking: at start or reload only. */
bool database_secrets_read(const struct database_config *database, struct database_secrets *secrets,
                           struct fault *fault) CHECKED;

/* To go to every region's database from outside, by place in service->regions: without the canaries, which are
 * the business of each region's own guard. Blocking, as above. */
bool database_secrets_of_regions(const struct service_config *service,
                                 struct database_secrets secrets[CONFIG_MAX_REGIONS], struct fault *fault) CHECKED;

/* The texts are borrowed from both arguments. */
struct pg_target database_outside(const struct database_config *database,
                                  const struct database_secrets *secrets);
struct pg_target database_inside(const struct database_config *database,
                                 const struct database_secrets *secrets);
struct pg_target database_canary(const struct database_config *database,
                                 const struct database_secrets *secrets);
/* As the role that streams for the commit lease; its user is NULL where there is none. */
struct pg_target database_commit(const struct database_config *database,
                                 const struct database_secrets *secrets);

#endif
