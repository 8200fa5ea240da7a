/* What a commit lease looks at in a server, and whom it may end there: its SQL. Internal to
 * coordinator/database.
 */
#ifndef FAILOVERD_DATABASE_COMMIT_LOOK_H
#define FAILOVERD_DATABASE_COMMIT_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/pg_session.h"
#include "coordinator/database/sync_names.h"

struct commit_look {
    bool known;             /* the server's answer was one; all but `theirs` and `mark` hold */
    bool in_recovery;
    bool by_alter_system;   /* the setting comes from there */
    bool waited_for;        /* our stream is one that commits wait for */
    uint64_t older;         /* streams of other instances for the service */
    uint64_t waiting;       /* commits that wait for a synchronous standby, */
    int64_t longest_us;     /* the longest of them so long */
    int64_t server_wall_us; /* the server's clock */
    int64_t looked_us;      /* base_mono_us at which this was received */
    const char *setting;    /* synchronous_standby_names as it is in force; lives as long as the result */
    struct sync_names theirs; /* without ours */
    struct sync_mark mark;
};

/* One row. $1: our name, or the one last chosen; $2: what all our names begin with. */
extern const char *const commit_look_sql;
/* False with the fault set when the answer is none, or when the setting can't be understood. */
bool commit_look_read(const struct pg_answer *result, const char *service, struct commit_look *out,
                      struct fault *fault) CHECKED;

/* Ends the sessions whose commits wait; gives their count. A session that is ended while it waits does not
 * acknowledge its commit; one that is cancelled would. */
extern const char *const commit_end_waiting_sql;
/* Ends the streams of other instances for the service; parameters as for the look. */
extern const char *const commit_end_older_sql;

#endif
