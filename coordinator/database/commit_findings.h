/* What makes the commit lease weaker on a server than it looks, or keeps it from working: roles and databases
 * that override synchronous_commit, missing rights, names that others could take. As door_readiness.c it is
 * a query whose rows are findings.
 *
 * A session that switched synchronous_commit off for itself (SET) can't be seen by anybody else: no view
 * shows another session's settings. What it commits is acknowledged without us, whoever holds the lease.
 */
#ifndef FAILOVERD_DATABASE_COMMIT_FINDINGS_H
#define FAILOVERD_DATABASE_COMMIT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/base/pg_session.h"

#define COMMIT_FINDINGS_MAX 8
#define COMMIT_FINDING_TEXT_MAX 320

struct commit_finding {
    char name[32];                       /* stable: "synchronous_commit", "privilege", ... */
    char text[COMMIT_FINDING_TEXT_MAX];  /* what, what it means, what to do */
};
struct commit_findings {
    size_t count;
    bool more;                           /* than are listed */
    struct commit_finding list[COMMIT_FINDINGS_MAX];
};

/* $1: the role that streams ("" when there is none), $2: what our names begin with. Changes nothing. PostgreSQL 15. */
extern const char *const commit_findings_sql;
void commit_findings_read(const struct pg_answer *result, struct commit_findings *out);
bool commit_findings_equal(const struct commit_findings *a, const struct commit_findings *b);

#endif
