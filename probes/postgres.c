/* The look at a PostgreSQL server: see postgres.h.
 *
 * A round goes: log in (or take the kept session), ask for the facts, on a primary write a row; each
 * part gets what is left of the round's time. probe_end() is the only way out of a round.
 */
#include "probes/postgres.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/ensure.h"
#include "coordinator/base/text.h"

/* The least time that a part of a round gets, so that a part begun late ends as a timeout of its own. */
#define PART_LEAST_US 1000
#define ROLE_TRIES 2

/* One row. The role is read once (offset 0 keeps the planner from reading it twice), so that primary and
 * standby functions are not mixed. The timeline of a primary is that of the WAL it writes: the
 * control file shows the old one for a while after a promotion. That of a standby is the highest it
 * has got to by any account; without a walreceiver (the primary is dead, or receipt is frozen) also by the names of its
 * WAL segments, because the control file of a standby that was led to a new primary shows the old timeline until its
 * next restartpoint, minutes later. What was restored from an archive counts as received. */
const char *const postgres_facts_sql =
    "select s.r,"
    " (select system_identifier from pg_control_system()),"
    " case when s.r then greatest((select timeline_id from pg_control_checkpoint()),"
    "   (select min_recovery_end_timeline from pg_control_recovery()), w.received_tli,"
    "   case when w.pid is null and pg_has_role('pg_monitor', 'usage') then"
    "    (select max(('x' || substr(name, 1, 8))::bit(32)::int) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$')"
    "   end)::bigint"
    "  else ('x' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8))::bit(32)::bigint end,"
    " case when not s.r then pg_current_wal_insert_lsn() - '0/0'::pg_lsn end,"
    " case when not s.r then pg_current_wal_flush_lsn() - '0/0'::pg_lsn end,"
    " case when s.r then greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn end,"
    " case when s.r then pg_last_wal_replay_lsn() - '0/0'::pg_lsn end,"
    " case when s.r then pg_is_wal_replay_paused() end,"
    " case when s.r and pg_has_role('pg_read_all_settings', 'usage')"
    "  then current_setting('primary_conninfo') = '' end,"
    " w.pid is not null,"
    " w.status,"
    " (extract(epoch from clock_timestamp() - w.last_msg_receipt_time) * 1000000)::bigint,"
    " w.sender_host,"
    " w.slot_name,"
    " (extract(epoch from clock_timestamp()) * 1000000)::bigint,"
    " pg_has_role('pg_read_all_stats', 'usage'),"
    " c.waiting, c.longest, c.own, current_setting('synchronous_standby_names') like '%failoverd\\_%'"
    " from (select pg_is_in_recovery() as r offset 0) s left join pg_stat_wal_receiver w on true cross join"
    " (select count(*) as waiting, coalesce(max(age), 0)::bigint as longest,"
    "   coalesce(max(age) filter (where usename = current_user), 0)::bigint as own"
    "  from (select usename, extract(epoch from clock_timestamp() - query_start) * 1000000 as age"
    "   from pg_stat_activity where wait_event = 'SyncRep') a) c";

enum facts_column {
    COLUMN_RECOVERY, COLUMN_SYSTEM_ID, COLUMN_TIMELINE, COLUMN_INSERT, COLUMN_FLUSH, COLUMN_RECEIVE,
    COLUMN_REPLAY, COLUMN_PAUSED, COLUMN_FROZEN, COLUMN_RECEIVER, COLUMN_STATUS, COLUMN_AGE,
    COLUMN_SENDER, COLUMN_SLOT, COLUMN_CLOCK, COLUMN_MAY_SEE, COLUMN_WAITING, COLUMN_LONGEST, COLUMN_OWN,
    COLUMN_LEASED, COLUMN_COUNT
};

static const char write_sql[] =
    "insert into public.failoverd_heartbeat as h (observer, round, written_at)"
    " values ($1, 1, clock_timestamp())"
    " on conflict (observer) do update set round = h.round + 1, written_at = excluded.written_at";

struct postgres_probe {
    struct loop *loop;
    struct pg_target *target;
    char observer[64];
    bool write_check;
    const _Atomic bool *may_write;
    struct pg_session *kept;   /* NULL, or logged in by an earlier part or round */
    struct pg_session *fresh;  /* on its way in */
    int64_t fresh_every_us;
    int64_t login_at_us;       /* when the last one began */
    int64_t begun_us;
    int64_t deadline_us;
    int role_tries;
    bool logged_in;            /* or tried to, in this round: not twice */
    postgres_probe_fn *fn;     /* NULL when no round is in progress */
    void *arg;
    struct postgres_facts facts;
};

/* ---- reading the facts ------------------------------------------------------------------- */

static void lsn_read(const struct pg_answer *result, enum facts_column column, uint64_t *out)
{
    if (!pg_answer_u64(result, 0, column, out))
        *out = 0;
}

static void flag_read(const struct pg_answer *result, enum facts_column column, bool *out)
{
    if (!pg_answer_bool(result, 0, column, out))
        *out = false;
}

static void receiver_read(const struct pg_answer *result, struct postgres_facts *facts)
{
    flag_read(result, COLUMN_RECEIVER, &facts->walreceiver_present);
    facts->walreceiver_streaming =
        facts->walreceiver_present && strcmp(pg_answer_text(result, 0, COLUMN_STATUS), "streaming") == 0;
    if (!pg_answer_i64(result, 0, COLUMN_AGE, &facts->walreceiver_age_us))
        facts->walreceiver_age_us = -1;
    else if (facts->walreceiver_age_us < 0)
        facts->walreceiver_age_us = 0; /* its clock was set back in between */
    facts->walreceiver_live = facts->walreceiver_streaming && facts->walreceiver_age_us >= 0 &&
                              facts->walreceiver_age_us <= POSTGRES_WALRECEIVER_AGE_MAX_US;
    (void)text_copy(facts->sender_host, sizeof facts->sender_host, pg_answer_text(result, 0, COLUMN_SENDER));
    (void)text_copy(facts->slot, sizeof facts->slot, pg_answer_text(result, 0, COLUMN_SLOT));
}

static void waits_read(const struct pg_answer *result, struct postgres_facts *facts)
{
    if (!pg_answer_u64(result, 0, COLUMN_WAITING, &facts->commits_waiting))
        facts->commits_waiting = 0;
    if (!pg_answer_i64(result, 0, COLUMN_LONGEST, &facts->commits_longest_us))
        facts->commits_longest_us = 0;
    if (!pg_answer_i64(result, 0, COLUMN_OWN, &facts->own_longest_us))
        facts->own_longest_us = 0;
    flag_read(result, COLUMN_LEASED, &facts->commit_lease);
}

bool postgres_facts_read(const struct pg_answer *result, struct postgres_facts *facts, struct fault *fault)
{
    bool may_see = false;
    uint64_t timeline = 0;
    if (result->rows != 1 || result->columns != COLUMN_COUNT ||
        !pg_answer_bool(result, 0, COLUMN_RECOVERY, &facts->in_recovery) ||
        !pg_answer_u64(result, 0, COLUMN_SYSTEM_ID, &facts->system_id) ||
        !pg_answer_u64(result, 0, COLUMN_TIMELINE, &timeline) || timeline == 0 || timeline > UINT32_MAX ||
        !pg_answer_i64(result, 0, COLUMN_CLOCK, &facts->server_wall_us) ||
        !pg_answer_bool(result, 0, COLUMN_MAY_SEE, &may_see))
        return fault_set(fault, "the server's answer to the facts query makes no sense");
    waits_read(result, facts);
    facts->timeline = (uint32_t)timeline;
    facts->facts_received_us = result->received_us;
    lsn_read(result, COLUMN_INSERT, &facts->insert_lsn);
    lsn_read(result, COLUMN_FLUSH, &facts->flush_lsn);
    lsn_read(result, COLUMN_RECEIVE, &facts->receive_lsn);
    lsn_read(result, COLUMN_REPLAY, &facts->replay_lsn);
    flag_read(result, COLUMN_PAUSED, &facts->replay_paused);
    flag_read(result, COLUMN_FROZEN, &facts->receipt_frozen);
    receiver_read(result, facts);
    facts->reachable = true;
    if (!may_see)
        return fault_set(fault, "the role may not see replication's state: grant pg_monitor to it "
                                "(etc/postgresql-setup.sql does)");
    return true;
}

void postgres_facts_to_policy(const struct postgres_facts *facts, struct database_facts *out)
{
    *out = (struct database_facts){
        .known = facts->facts_received_us != 0,
        .in_recovery = facts->in_recovery,
        .write_checked = facts->write_checked,
        .write_ok = facts->write_ok,
        .walreceiver_live = facts->walreceiver_live,
        .frozen = facts->receipt_frozen,
        .timeline = facts->timeline,
        .lsn = facts->in_recovery ? facts->receive_lsn : facts->flush_lsn,
        .replayed_lsn = facts->in_recovery ? facts->replay_lsn : facts->flush_lsn,
        .system_id = facts->system_id,
    };
}

bool postgres_role_changed(const struct pg_answer *result)
{
    return result->outcome == PG_ERROR && strcmp(result->sqlstate, "55000") == 0;
}

enum postgres_problem postgres_problem_of(const struct pg_answer *result)
{
    switch (result->outcome) {
    case PG_OK: return POSTGRES_FINE;
    case PG_OBSERVER: return POSTGRES_OBSERVER;
    case PG_UNREACHABLE: return POSTGRES_UNREACHABLE;
    case PG_TIMEOUT: return POSTGRES_TIMEOUT;
    case PG_LOST: return POSTGRES_BROKEN;
    case PG_AUTH: return POSTGRES_AUTH;
    case PG_NOT_NOW: return POSTGRES_NOT_NOW;
    case PG_FULL: return POSTGRES_FULL;
    case PG_REFUSED: return POSTGRES_REFUSED;
    case PG_ERROR: return strcmp(result->sqlstate, "42501") == 0 ? POSTGRES_PRIVILEGE : POSTGRES_QUERY;
    }
    return POSTGRES_QUERY;
}

/* What the server says of a write that failed. A missing table or grant is our own housekeeping. */
static enum postgres_problem write_problem_of(const struct pg_answer *result)
{
    static const char *const housekeeping[] = { "42501", "42P01", "42703", "42P10", "3F000" };
    if (result->outcome == PG_TIMEOUT)
        return POSTGRES_WRITE_TIMEOUT;
    if (result->outcome != PG_ERROR)
        return postgres_problem_of(result);
    if (strcmp(result->sqlstate, "57014") == 0)
        return POSTGRES_WRITE_TIMEOUT;
    for (size_t i = 0; i < sizeof housekeeping / sizeof housekeeping[0]; i++)
        if (strcmp(result->sqlstate, housekeeping[i]) == 0)
            return POSTGRES_PRIVILEGE;
    return POSTGRES_WRITE_REFUSED;
}

static const struct {
    const char *name;
    enum sample_outcome outcome;
    const char *means;
} problems[] = {
    [POSTGRES_FINE] = { "fine", SAMPLE_OK, "" },
    [POSTGRES_OBSERVER] = { "observer", SAMPLE_OBSERVER, "this observer can't look" },
    [POSTGRES_UNREACHABLE] = { "unreachable", SAMPLE_FAILED, "can't connect" },
    [POSTGRES_TIMEOUT] = { "timeout", SAMPLE_FAILED, "too late" },
    [POSTGRES_BROKEN] = { "broken", SAMPLE_FAILED, "the connection broke" },
    [POSTGRES_AUTH] = { "auth", SAMPLE_OBSERVER, "login not accepted, check user, password, pg_hba.conf and certificates" },
    [POSTGRES_PRIVILEGE] = { "privilege", SAMPLE_OBSERVER, "run etc/postgresql-setup.sql" },
    [POSTGRES_NOT_NOW] = { "not-now", SAMPLE_FAILED, "the server takes no sessions now" },
    [POSTGRES_FULL] = { "full", SAMPLE_OBSERVER, "no connection slot is free for this check" },
    [POSTGRES_REFUSED] = { "refused", SAMPLE_FAILED, "the server ended the login" },
    [POSTGRES_QUERY] = { "query", SAMPLE_FAILED, "the query failed" },
    [POSTGRES_WRITE_REFUSED] = { "write-refused", SAMPLE_FAILED, "the primary refuses writes" },
    [POSTGRES_WRITE_TIMEOUT] = { "write-timeout", SAMPLE_FAILED, "the primary does not acknowledge a write" },
};

const char *postgres_problem_name(enum postgres_problem problem)
{
    return (size_t)problem < sizeof problems / sizeof problems[0] ? problems[problem].name : "invalid";
}

/* ---- a round ----------------------------------------------------------------------------- */

static int64_t time_left_us(const struct postgres_probe *probe)
{
    int64_t left_us = probe->deadline_us - base_mono_us();
    return left_us > PART_LEAST_US ? left_us : PART_LEAST_US;
}

/* Two sessions at the most; both go when nothing is known of them. */
static void sessions_drop(struct postgres_probe *probe)
{
    pg_session_free(probe->fresh);
    pg_session_free(probe->kept);
    probe->fresh = NULL;
    probe->kept = NULL;
}

static void probe_end(struct postgres_probe *probe, enum postgres_problem problem, const char *said)
{
    struct postgres_facts *facts = &probe->facts;
    facts->problem = problem;
    facts->outcome = problems[problem].outcome;
    facts->total_us = base_mono_us() - probe->begun_us;
    struct text detail = TEXT_OF(facts->detail);
    if (problem != POSTGRES_FINE)
        text_appendf(&detail, "%s: %s", problems[problem].means, said);
    else if (facts->in_recovery)
        text_appendf(&detail, "standby on timeline %" PRIu32 ", %s", facts->timeline,
                     facts->receipt_frozen ? "receipt of WAL switched off"
                     : facts->walreceiver_live ? "streaming" : "not streaming");
    else
        text_appendf(&detail, "primary on timeline %" PRIu32 "%s", facts->timeline,
                     facts->write_ok ? ", a write was acknowledged" : "");
    postgres_probe_fn *fn = probe->fn;
    probe->fn = NULL;
    struct postgres_facts given = *facts;
    fn(probe->arg, &given); /* last: it may free the probe */
}

static void login_begin(struct postgres_probe *probe);
static void facts_ask(struct postgres_probe *probe);

static void on_write(void *arg, const struct pg_answer *result)
{
    struct postgres_probe *probe = arg;
    struct postgres_facts *facts = &probe->facts;
    enum postgres_problem problem = write_problem_of(result);
    facts->write_us = result->received_us - result->sent_us;
    facts->write_checked = problems[problem].outcome != SAMPLE_OBSERVER;
    facts->write_ok = problem == POSTGRES_FINE;
    if (!pg_session_is_connected(probe->kept))
        sessions_drop(probe);
    probe_end(probe, problem, result->message);
}

static void on_facts(void *arg, const struct pg_answer *result)
{
    struct postgres_probe *probe = arg;
    struct fault fault = { "" };
    if (result->outcome == PG_LOST && !probe->logged_in) {
        login_begin(probe); /* a restart since the last round, or a session ended by a sweep */
        return;
    }
    if (postgres_role_changed(result) && ++probe->role_tries < ROLE_TRIES) {
        facts_ask(probe);
        return;
    }
    probe->facts.query_us = result->received_us - result->sent_us;
    if (result->outcome != PG_OK) {
        if (!pg_session_is_connected(probe->kept))
            sessions_drop(probe);
        probe_end(probe, postgres_problem_of(result), result->message);
        return;
    }
    if (!postgres_facts_read(result, &probe->facts, &fault)) {
        probe_end(probe, probe->facts.reachable ? POSTGRES_PRIVILEGE : POSTGRES_QUERY, fault.text);
        return;
    }
    bool may_write = probe->may_write == NULL || *probe->may_write;
    if (probe->facts.in_recovery || !probe->write_check || !may_write) {
        probe_end(probe, POSTGRES_FINE, "");
        return;
    }
    if (probe->facts.own_longest_us >= probe->deadline_us - probe->begun_us) {
        char said[POSTGRES_DETAIL_MAX], age[CLOCK_DURATION_TEXT_MAX];
        (void)snprintf(said, sizeof said, "%" PRIu64 " commits wait for %s, %s", probe->facts.commits_waiting,
                       probe->facts.commit_lease ? "the commit lease" : "a standby",
                       base_format_duration(age, sizeof age, probe->facts.commits_longest_us));
        probe->facts.write_checked = true;
        probe_end(probe, POSTGRES_WRITE_TIMEOUT, said);
        return;
    }
    const char *params[] = { probe->observer };
    pg_session_query(probe->kept, write_sql, params, 1, time_left_us(probe), on_write, probe);
}

static void facts_ask(struct postgres_probe *probe)
{
    pg_session_query(probe->kept, postgres_facts_sql, NULL, 0, time_left_us(probe), on_facts, probe);
}

static void on_login(void *arg, const struct pg_answer *result)
{
    struct postgres_probe *probe = arg;
    probe->facts.tcp_us = result->tcp_us;
    probe->facts.login_us = result->received_us - result->sent_us;
    if (result->outcome == PG_OK) {
        pg_session_free(probe->kept);
        probe->kept = probe->fresh;
        probe->fresh = NULL;
        probe->logged_in = true;
        probe->facts.fresh = true;
        facts_ask(probe);
        return;
    }
    enum postgres_problem problem = postgres_problem_of(result);
    char said[POSTGRES_DETAIL_MAX];
    (void)text_copy(said, sizeof said, result->message);
    if (problem == POSTGRES_FULL && probe->kept != NULL && pg_session_is_connected(probe->kept)) {
        /* The server lives and says so; the session that we have tells the rest. */
        pg_session_free(probe->fresh);
        probe->fresh = NULL;
        probe->logged_in = true;
        facts_ask(probe);
        return;
    }
    sessions_drop(probe);
    probe_end(probe, problem, said);
}

static void login_begin(struct postgres_probe *probe)
{
    probe->login_at_us = base_mono_us();
    /* The server gives up on a statement when we do, so that none is left behind. */
    char options[PG_TEXT_MAX];
    struct pg_target target = *probe->target;
    int64_t timeout_ms = (probe->deadline_us - probe->begun_us) / CLOCK_US_PER_MS;
    (void)snprintf(options, sizeof options, "%s%s-c statement_timeout=%lld",
                   target.options != NULL ? target.options : "", target.options != NULL ? " " : "",
                   (long long)(timeout_ms > 0 ? timeout_ms : 1));
    target.options = options;
    probe->fresh = pg_session_new(probe->loop, &target, NULL);
    if (probe->fresh == NULL) {
        sessions_drop(probe);
        probe_end(probe, POSTGRES_OBSERVER, "out of memory, or the connection's options are too long");
        return;
    }
    pg_session_connect(probe->fresh, time_left_us(probe), on_login, probe);
}

void postgres_probe_run(struct postgres_probe *probe, int64_t timeout_us, postgres_probe_fn *fn, void *arg)
{
    ensure(probe->fn == NULL && fn != NULL);
    probe->fn = fn;
    probe->arg = arg;
    probe->begun_us = base_mono_us();
    probe->deadline_us = probe->begun_us + timeout_us;
    probe->facts = (struct postgres_facts){ .walreceiver_age_us = -1 };
    probe->role_tries = 0;
    probe->logged_in = false;
    bool anew = probe->begun_us - probe->login_at_us >= probe->fresh_every_us;
    if (anew || probe->kept == NULL || !pg_session_is_connected(probe->kept))
        login_begin(probe);
    else
        facts_ask(probe);
}

/* ---- making and freeing ------------------------------------------------------------------ */

struct postgres_probe *postgres_probe_new(struct loop *loop, const struct postgres_probe_settings *settings,
                                          struct fault *fault)
{
    struct postgres_probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) {
        fault_set(fault, "out of memory");
        return NULL;
    }
    probe->loop = loop;
    probe->write_check = settings->write_check;
    probe->may_write = settings->may_write;
    probe->fresh_every_us = settings->fresh_every_us > 0 ? settings->fresh_every_us : POSTGRES_FRESH_EVERY_US;
    probe->target = pg_target_copy(&settings->target, fault);
    if (probe->target == NULL ||
        !text_copy(probe->observer, sizeof probe->observer, settings->observer)) {
        if (probe->target != NULL)
            fault_set(fault, "the observer's name \"%s\" is too long", settings->observer);
        postgres_probe_free(probe);
        return NULL;
    }
    return probe;
}

void postgres_probe_free(struct postgres_probe *probe)
{
    if (probe == NULL)
        return;
    sessions_drop(probe);
    pg_target_free(probe->target);
    free(probe);
}
