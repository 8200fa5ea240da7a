/* A commit lease's look at a server: see commit_look.h. */
#include "coordinator/database/commit_look.h"

#include <string.h>

#include "coordinator/database/errand.h"

/* Of pg_stat_replication: ours, but not this instance's. */
#define OLDER                                                                                     \
    "application_name <> $1 and left(application_name, length($2)) = $2"                          \
    " and substr(application_name, length($2) + 1) ~ '^[af][0-9a-f]{12}$'"

const char *const commit_look_sql =
    "select pg_is_in_recovery(), current_setting('synchronous_standby_names'),"
    " coalesce((select sourcefile like '%postgresql.auto.conf' from pg_settings"
    "  where name = 'synchronous_standby_names'), false),"
    " w.count, w.longest_us,"
    " coalesce((select max(sync_state) from pg_stat_replication"
    "  where application_name = $1 and state = 'streaming'), ''),"
    " (select count(*) from pg_stat_replication where " OLDER "),"
    " " ERRAND_SQL_CLOCK ", pg_has_role('pg_read_all_stats', 'usage')"
    " from (select count(*),"
    "   coalesce(max(extract(epoch from clock_timestamp() - query_start) * 1000000), 0)::bigint as longest_us"
    "  from pg_stat_activity where wait_event = 'SyncRep') w";

enum look_column {
    COLUMN_RECOVERY, COLUMN_SETTING, COLUMN_AUTO, COLUMN_WAITING, COLUMN_LONGEST, COLUMN_STATE, COLUMN_OLDER,
    COLUMN_CLOCK, COLUMN_MAY_SEE, COLUMN_COUNT
};

const char *const commit_end_waiting_sql =
    "with me as (select rolsuper as super from pg_roles where rolname = current_user)"
    " select count(pg_terminate_backend(a.pid))"
    " from me cross join pg_stat_activity a join pg_roles r on r.oid = a.usesysid"
    " where a.wait_event = 'SyncRep' and a.backend_type = 'client backend' and (me.super or not r.rolsuper)";

const char *const commit_end_older_sql =
    "select count(pg_terminate_backend(pid)) from pg_stat_replication where " OLDER;

bool commit_look_read(const struct pg_answer *result, const char *service, struct commit_look *out,
                      struct fault *fault)
{
    bool may_see = false;
    *out = (struct commit_look){ .setting = "" };
    if (result->rows != 1 || result->columns != COLUMN_COUNT ||
        !pg_answer_bool(result, 0, COLUMN_RECOVERY, &out->in_recovery) ||
        !pg_answer_bool(result, 0, COLUMN_AUTO, &out->by_alter_system) ||
        !pg_answer_u64(result, 0, COLUMN_WAITING, &out->waiting) ||
        !pg_answer_i64(result, 0, COLUMN_LONGEST, &out->longest_us) ||
        !pg_answer_u64(result, 0, COLUMN_OLDER, &out->older) ||
        !pg_answer_i64(result, 0, COLUMN_CLOCK, &out->server_wall_us) ||
        !pg_answer_bool(result, 0, COLUMN_MAY_SEE, &may_see))
        return fault_set(fault, "the server's answer about its commits makes no sense");
    if (!may_see)
        return fault_set(fault, "the guard's role may not see who waits: grant pg_monitor to it "
                                "(etc/postgresql-setup.sql does)");
    const char *state = pg_answer_text(result, 0, COLUMN_STATE);
    out->waited_for = strcmp(state, "sync") == 0 || strcmp(state, "quorum") == 0;
    out->looked_us = result->received_us;
    out->setting = pg_answer_text(result, 0, COLUMN_SETTING);
    out->known = true;
    return sync_names_parse(out->setting, &out->theirs, fault) &&
           sync_names_strip(&out->theirs, service, &out->mark, fault);
}
