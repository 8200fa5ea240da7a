/* What would keep the door from being a fence: a table of questions to the server. Each is a query
 * whose rows are findings (name, serious, text), so the knowledge stands in one place, in SQL. None
 * of them changes anything.
 */
#include <string.h>

#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"
#include "coordinator/database/door_internal.h"

struct question {
    const char *about;
    bool as_canary;     /* asked in the canary's session, which has no settings of its own */
    int least_version;  /* of the server */
    const char *sql;
};

static const struct question questions[] = {
    { "privileges of the guard's role", false, 150000,
      "select 'privilege', true, 'role ' || current_user || ' lacks ' || what || ': run etc/postgresql-setup.sql'"
      " from (values"
      "  ('pg_monitor', pg_has_role('pg_monitor', 'usage')),"
      "  ('pg_signal_backend', pg_has_role('pg_signal_backend', 'usage')),"
      "  ('EXECUTE on pg_reload_conf()', has_function_privilege('pg_reload_conf()', 'execute')),"
      "  ('EXECUTE on pg_promote(boolean, integer)', has_function_privilege('pg_promote(boolean,integer)', 'execute')),"
      "  ('ALTER SYSTEM on session_preload_libraries', has_parameter_privilege('session_preload_libraries', 'alter system')),"
      "  ('ALTER SYSTEM on default_transaction_read_only', has_parameter_privilege('default_transaction_read_only', 'alter system')),"
      "  ('ALTER SYSTEM on primary_conninfo', has_parameter_privilege('primary_conninfo', 'alter system')),"
      "  ('ALTER SYSTEM on primary_slot_name', has_parameter_privilege('primary_slot_name', 'alter system'))"
      " ) as t(what, has) where not has" },
    { "the guard's way in", false, 0,
      "select 'guard_locked_out', true, 'role ' || current_user || ' has no session_preload_libraries of its own, so a shut"
      " door keeps it out as well: alter role ' || quote_ident(current_user) || ' set session_preload_libraries = ''plpgsql'''"
      " where not exists (select from pg_db_role_setting s, unnest(s.setconfig) c"
      "  where s.setrole = (select oid from pg_roles where rolname = current_user)"
      "  and c ~ '^session_preload_libraries=\"?plpgsql\"?$')" },
    { "authentication_timeout", false, 0,
      "select 'authentication_timeout', true, 'authentication_timeout is ' || setting || ' s: the proof that the door is"
      " shut takes twice as long. Set it to 5s or less'"
      " from pg_settings where name = 'authentication_timeout' and setting::int > 5"
      " union all select 'auth_delay', true, name || ' is ' || setting || ' s and prolongs the proof that the door is shut:"
      " set it to 0' from pg_settings where name in ('post_auth_delay', 'pre_auth_delay') and setting::int > 0" },
    { "allow_alter_system", false, 0,
      "select 'allow_alter_system', true, 'allow_alter_system is off: neither the door nor freezing and following works."
      " Turn it on' from pg_settings where name = 'allow_alter_system' and setting = 'off'" },
    { "settings of roles and databases", false, 0,
      "select 'role_setting', true, 'a setting of ' || coalesce('role ' || r.rolname, 'every role') || ' in '"
      " || coalesce('database ' || d.datname, 'every database') || ' gets round the door: ' || split_part(c, '=', 1)"
      " || '. Take it away (alter role or alter database ... reset)'"
      " from pg_db_role_setting s cross join unnest(s.setconfig) c"
      " left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase"
      " where split_part(c, '=', 1) in ('session_preload_libraries', 'default_transaction_read_only')"
      " and r.rolname is distinct from current_user" },
    { "logins that are superusers", false, 0,
      "select 'superuser_login', true, 'role ' || rolname || ' is a superuser that may log in: it can get round the door,"
      " and only a superuser can end its sessions. Applications should not use it'"
      " from pg_roles where rolsuper and rolcanlogin and rolname <> current_user and oid <> 10"
      " union all select 'superuser_session', true, 'a superuser session is open now (' || a.usename || ', '"
      " || coalesce(nullif(a.application_name, ''), 'no application_name') || '): it could write behind the door, and the"
      " guard''s role can''t end it' from pg_stat_activity a join pg_roles r on r.oid = a.usesysid"
      " where r.rolsuper and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()"
      "  and not (select rolsuper from pg_roles where rolname = current_user)" },
    { "logins that may set it", false, 150000,
      "select 'may_set', true, 'role ' || rolname || ' may set session_preload_libraries for itself and so get round the"
      " door: revoke set on parameter session_preload_libraries from it'"
      " from pg_roles where rolcanlogin and not rolsuper and rolname <> current_user"
      "  and has_parameter_privilege(oid, 'session_preload_libraries', 'set')" },
    { "replication roles", false, 0,
      "select 'replication_role', false, 'role ' || rolname || ' may open replication sessions with a database, which run"
      " SQL: let pg_hba.conf admit it to replication from the standbys only'"
      /* The commit lease's role is the guard's own: nobody else has its password. */
      " from pg_roles where rolreplication and rolcanlogin and not rolsuper"
      "  and rolname not in (current_user, 'failoverd_commit')" },
    { "subscriptions", false, 0,
      "select 'subscription', true, 'subscription ' || s.subname || ' in database ' || d.datname || ' is enabled: its worker"
      " writes without a session, and comes back behind the door. Disable it before relying on the door'"
      " from pg_subscription s join pg_database d on d.oid = s.subdbid where s.subenabled" },
    { "where the settings come from", true, 0,
      "select 'command_line', true, name || ' comes from the command line of the server, which the door can''t override:"
      " move it to postgresql.conf' from pg_settings where name in ('session_preload_libraries',"
      " 'default_transaction_read_only') and source = 'command line'"
      " union all select 'auto_conf', true, name || ' is set by ALTER SYSTEM, and opening the door resets that: move it to"
      " postgresql.conf (alter system reset ' || name || ')' from pg_settings where name in ('session_preload_libraries',"
      " 'default_transaction_read_only') and sourcefile like '%postgresql.auto.conf'"
      "  and setting not in ('off', '" DOOR_LIBRARY "', '\"" DOOR_LIBRARY "\"')" },
    { "the canary's role", true, 0,
      "select 'canary', true, 'the canary ' || current_user || ' is a superuser or has a session_preload_libraries of its"
      " own: its being refused would prove nothing' where (select rolsuper from pg_roles where rolname = current_user)"
      " or exists (select from pg_db_role_setting s, unnest(s.setconfig) c"
      "  where s.setrole = (select oid from pg_roles where rolname = current_user)"
      "  and split_part(c, '=', 1) = 'session_preload_libraries')" },
};
#define QUESTION_COUNT (sizeof questions / sizeof questions[0])

static void ask(struct door_errand *errand);

static void findings_end(struct door_errand *errand, bool complete)
{
    struct door_findings findings = errand->findings;
    door_findings_fn *done = errand->findings_done;
    void *arg = errand->arg;
    findings.complete = complete;
    door_errand_free(errand);
    done(arg, &findings);
}

static void on_deadline(void *arg)
{
    struct door_errand *errand = arg;
    fault_set(&errand->findings.why, "the server did not answer in time about %s",
              errand->question < QUESTION_COUNT ? questions[errand->question].about : "the canary");
    findings_end(errand, false);
}

static void finding_add(struct door_errand *errand, const char *name, bool serious, const char *text)
{
    struct door_findings *findings = &errand->findings;
    if (findings->count == DOOR_FINDINGS_MAX) {
        fault_set(&findings->why, "there is more than is listed");
        return;
    }
    struct door_finding *finding = &findings->list[findings->count++];
    finding->serious = serious;
    (void)text_copy(finding->name, sizeof finding->name, name);
    (void)text_copy(finding->text, sizeof finding->text, text);
}

static void on_answer(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome != PG_OK) {
        fault_set(&errand->findings.why, "asking about %s: %s", questions[errand->question].about, result->message);
        findings_end(errand, false);
        return;
    }
    for (size_t row = 0; row < result->rows; row++) {
        bool serious;
        if (!pg_answer_bool(result, row, 1, &serious))
            serious = true;
        finding_add(errand, pg_answer_text(result, row, 0), serious, pg_answer_text(result, row, 2));
    }
    errand->question++;
    ask(errand);
}

static void on_canary(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome == PG_OK) {
        ask(errand);
        return;
    }
    /* Refused by the door itself: neither the server's command line nor a setting of the canary's own outweighs
     * it, which is all that the canary would be asked. Were this not an answer, a guard that finds its door shut
     * when it starts would never be ready, never get a lease, and so never open it. */
    if (door_refused(result)) {
        findings_end(errand, true);
        return;
    }
    char text[DOOR_FINDING_TEXT_MAX];
    struct text line = TEXT_OF(text);
    text_appendf(&line, "the canary can't log in, so the door can't be proven shut: %s", result->message);
    finding_add(errand, "canary_login", true, text);
    fault_set(&errand->findings.why, "the canary can't be asked");
    findings_end(errand, false);
}

static void ask(struct door_errand *errand)
{
    if (errand->question == QUESTION_COUNT) {
        findings_end(errand, true);
        return;
    }
    const struct question *question = &questions[errand->question];
    if (pg_session_server_version(errand->base.session) < question->least_version) {
        errand->question++;
        ask(errand);
    } else if (!question->as_canary) {
        errand_query(&errand->base, question->sql, NULL, 0, on_answer);
    } else if (errand->canary == NULL) {
        errand->canary = pg_session_new(errand->base.loop, errand->canary_target, NULL);
        ensure(errand->canary != NULL); /* the target was accepted before */
        pg_session_connect(errand->canary, errand_part_us(&errand->base), on_canary, errand);
    } else {
        pg_session_query(errand->canary, question->sql, NULL, 0, errand_part_us(&errand->base), on_answer, errand);
    }
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    struct door_errand *errand = arg;
    if (result->outcome == PG_OK) {
        ask(errand);
        return;
    }
    fault_set(&errand->findings.why, "the guard's login: %s", result->message);
    findings_end(errand, false);
}

struct door_errand *door_readiness(struct loop *loop, const struct door_settings *settings, int64_t deadline_us,
                                   door_findings_fn *done, void *arg, struct fault *fault)
{
    struct door_errand *errand =
        door_errand_new(DOOR_TASK_READINESS, loop, settings, deadline_us, on_deadline, arg, fault);
    if (errand == NULL)
        return NULL;
    errand->findings_done = done;
    errand_connect(&errand->base, on_connected);
    return errand;
}
