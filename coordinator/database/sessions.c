/* Sessions that could write: see sessions.h. */
#include "coordinator/database/sessions.h"

#include <stdint.h>

#include "coordinator/base/text.h"

#define WRITERS                                                                                   \
    "with me as (select rolsuper as super from pg_roles where rolname = current_user),"           \
    " writer as (select a.pid, a.usename = current_user as own,"                                  \
    "   coalesce(r.rolsuper, true) and not me.super as untouchable,"                              \
    "   coalesce(a.usename, '-') || ' (' || a.backend_type || coalesce(', ' || nullif(a.application_name, ''), '')" \
    "    || ')' as who"                                                                           \
    "  from me cross join pg_stat_activity a left join pg_roles r on r.oid = a.usesysid"          \
    "  where a.pid <> pg_backend_pid() and (a.backend_type in ('client backend', 'logical replication worker')" \
    "   or (a.backend_type = 'walsender' and a.datid is not null)))"

#define SUMMARY                                                                                   \
    "count(*) filter (where own is not true), count(*) filter (where untouchable),"               \
    " coalesce(left(string_agg(distinct who, ', ') filter (where own is not true), 200), ''),"    \
    " pg_has_role('pg_read_all_stats', 'usage')"

const char *const sessions_end_sql =
    WRITERS ", told as (select *, case when untouchable or (own and not $1::boolean) then false"
    " else pg_terminate_backend(pid) end as ended from writer)"
    " select count(*) filter (where ended), " SUMMARY " from told";

const char *const sessions_count_sql = WRITERS " select 0, " SUMMARY " from writer";

bool sessions_read(const struct pg_answer *result, struct sessions *out, struct fault *fault)
{
    uint64_t ended = 0, left = 0, untouchable = 0;
    bool may_see = false;
    if (result->rows != 1 || !pg_answer_u64(result, 0, 0, &ended) || !pg_answer_u64(result, 0, 1, &left) ||
        !pg_answer_u64(result, 0, 2, &untouchable) || !pg_answer_bool(result, 0, 4, &may_see))
        return fault_set(fault, "the server's answer about its sessions makes no sense");
    if (!may_see)
        return fault_set(fault, "the guard's role may not see other roles' sessions: grant pg_monitor to it "
                                "(etc/postgresql-setup.sql does)");
    out->ended = (size_t)ended;
    out->left = (size_t)left;
    out->untouchable = (size_t)untouchable;
    (void)text_copy(out->who, sizeof out->who, pg_answer_text(result, 0, 3));
    return true;
}
