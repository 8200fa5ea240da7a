/* What makes the commit lease weaker: see commit_findings.h. */
#include "coordinator/database/commit_findings.h"

#include <string.h>

#include "coordinator/base/text.h"

const char *const commit_findings_sql =
    "select 'privilege', 'role ' || current_user || ' lacks ' || what || ': run etc/postgresql-setup.sql'"
    " from (values"
    "  ('pg_monitor', pg_has_role('pg_monitor', 'usage')),"
    "  ('pg_signal_backend', pg_has_role('pg_signal_backend', 'usage')),"
    "  ('EXECUTE on pg_reload_conf()', has_function_privilege('pg_reload_conf()', 'execute')),"
    "  ('ALTER SYSTEM on synchronous_standby_names', has_parameter_privilege('synchronous_standby_names', 'alter system'))"
    " ) as t(what, has) where not has"
    " union all select 'stream_role', case when $1 = '' then 'there is no commit_user in cluster.json: nobody can attach'"
    "  else 'role ' || $1 || ' does not exist or lacks LOGIN or REPLICATION: run etc/postgresql-setup.sql' end"
    " where not exists (select from pg_roles where rolname = $1 and rolreplication and rolcanlogin)"
    " union all select 'synchronous_commit', 'synchronous_commit is ' || setting || ' for the server: its commits are"
    " acknowledged without the commit lease. Set it to on' from pg_settings"
    " where name = 'synchronous_commit' and reset_val in ('off', 'local')"
    "  and source in ('default', 'configuration file', 'command line', 'environment variable')"
    " union all select 'synchronous_commit', 'a setting of ' || coalesce('role ' || r.rolname, 'every role') || ' in '"
    " || coalesce('database ' || d.datname, 'every database') || ' gets round the commit lease: ' || c"
    " || '. Take it away (alter role or alter database ... reset)'"
    " from pg_db_role_setting s cross join unnest(s.setconfig) c"
    " left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase"
    " where c ~* '^synchronous_commit=(off|local|false|no|0|f|n|fa|fal|fals|of)$'"
    " union all select 'command_line', 'synchronous_standby_names comes from the command line of the server, which ALTER"
    " SYSTEM can''t override: move it to postgresql.conf' from pg_settings"
    " where name = 'synchronous_standby_names' and source = 'command line'"
    " union all select 'allow_alter_system', 'allow_alter_system is off: the setting can''t be changed. Turn it on'"
    " from pg_settings where name = 'allow_alter_system' and setting = 'off'"
    " union all select 'same_name', count(*) || ' standbys stream under the name ' || application_name || ': where the"
    " setting names it, two of them can acknowledge without the commit lease. Give each its own application_name'"
    " from pg_stat_replication where left(application_name, length($2)) <> $2"
    "  and position('\"' || application_name || '\"' in current_setting('synchronous_standby_names')) > 0"
    " group by application_name having count(*) > 1";

void commit_findings_read(const struct pg_answer *result, struct commit_findings *out)
{
    *out = (struct commit_findings){ .count = 0 };
    for (size_t row = 0; row < result->rows; row++) {
        if (out->count == COMMIT_FINDINGS_MAX) {
            out->more = true;
            return;
        }
        struct commit_finding *finding = &out->list[out->count++];
        (void)text_copy(finding->name, sizeof finding->name, pg_answer_text(result, row, 0));
        (void)text_copy(finding->text, sizeof finding->text, pg_answer_text(result, row, 1));
    }
}

bool commit_findings_equal(const struct commit_findings *a, const struct commit_findings *b)
{
    bool same = a->count == b->count && a->more == b->more;
    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->list[i].text, b->list[i].text) == 0;
    return same;
}
