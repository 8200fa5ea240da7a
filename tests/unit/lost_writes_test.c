/* Fork and lost writes, on a real pair that was parted: both wrote on after the standby's promotion. */
#include "coordinator/database/lost_writes.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/database/fork.h"
#include "coordinator/database/promote.h"
#include "coordinator/database/server_look.h"
#include "tests/unit/pg_fixture.h"
#include "tests/unit/suite.h"

#define SECOND_US ((int64_t)CLOCK_US_PER_S)

static struct pg_server primary, standby;
static uint64_t fork_lsn, system_id;

static int64_t in_us(int64_t us)
{
    return base_mono_us() + us;
}

/* ---- asking -------------------------------------------------------------------------------- */

struct statement {
    bool done;
    bool ok;
};

static void on_statement(void *arg, const struct pg_answer *result)
{
    struct statement *statement = arg;
    statement->done = true;
    statement->ok = result->outcome == PG_OK;
    if (!statement->ok)
        printf("  %s %s\n", result->sqlstate, result->message);
}

/* In a session, so that a transaction may take several statements; as superuser. */
static void run_in(const struct pg_server *server, const char *dbname, const char *const *statements)
{
    struct pg_target target = pg_fixture_target(server, "postgres");
    target.dbname = dbname;
    struct pg_session *session = pg_session_new(pg_fixture_loop(), &target, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(session);
    struct statement statement = { 0 };
    pg_session_connect(session, 10 * SECOND_US, on_statement, &statement);
    CU_ASSERT_TRUE_FATAL(pg_fixture_run(pg_fixture_loop(), &statement.done, 15000) && statement.ok);
    for (size_t i = 0; statements[i] != NULL; i++) {
        statement = (struct statement){ 0 };
        pg_session_query(session, statements[i], NULL, 0, 10 * SECOND_US, on_statement, &statement);
        CU_ASSERT_TRUE_FATAL(pg_fixture_run(pg_fixture_loop(), &statement.done, 15000) && statement.ok);
    }
    pg_session_free(session);
}

struct fork_answer {
    bool done;
    struct fork_report report;
};

static void on_fork(void *arg, const struct fork_report *report)
{
    struct fork_answer *answer = arg;
    answer->done = true;
    answer->report = *report;
}

static struct fork_answer answer; /* large */

static const struct fork_report *ask_fork(const struct pg_target *target, const struct fork_question *question,
                                          int64_t limit_us)
{
    answer = (struct fork_answer){ 0 };
    struct fork_errand *errand = fork_start(pg_fixture_loop(), target, question, in_us(limit_us), on_fork, &answer,
                                            NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    CU_ASSERT_FALSE(answer.done);
    CU_ASSERT_TRUE_FATAL(pg_fixture_run(pg_fixture_loop(), &answer.done, 20000));
    CU_ASSERT_TRUE(answer.report.why.text[0] != '\0');
    return &answer.report;
}

static const struct fork_report *fork_of(const struct pg_server *server, const struct fork_question *question)
{
    struct pg_target target = pg_fixture_target(server, "failoverd");
    return ask_fork(&target, question, 10 * SECOND_US);
}

/* ---- the fork ------------------------------------------------------------------------------ */

static void on_promoted(void *arg, const struct promote_report *report)
{
    struct statement *statement = arg;
    statement->done = true;
    statement->ok = report->outcome == PROMOTE_DONE;
}

static void starts_and_parts_a_pair(void)
{
    pg_fixture_start(&primary, NULL);
    pg_fixture_standby(&standby, &primary);
    static const char *const make[] = { "create database \"Shop\"", "alter role failoverd connection limit 40", NULL };
    static const char *const tables[] = { "create table orders (id bigserial primary key, x text)",
                                          "create schema acct", "create table acct.users (id int primary key, t text)",
                                          "insert into acct.users values (1, 'a'), (2, 'b')", "create table gone (i int)", NULL };
    run_in(&primary, "postgres", make);
    run_in(&primary, "Shop", tables);
    CU_ASSERT_TRUE(pg_fixture_await(&standby, "select count(*) from pg_stat_wal_receiver where latest_end_lsn = "
                                    "pg_last_wal_replay_lsn()", "1"));
    const struct fork_report *report = fork_of(&primary, &(struct fork_question){ .timeline = 1 });
    CU_ASSERT_EQUAL(report->outcome, FORK_SAME);
    system_id = report->facts.system_id;
    CU_ASSERT_TRUE(system_id != 0);
    struct statement promoted = { 0 };
    struct pg_target target = pg_fixture_target(&standby, "failoverd");
    CU_ASSERT_PTR_NOT_NULL_FATAL(promote_start(pg_fixture_loop(), &target, in_us(10 * SECOND_US), in_us(10 * SECOND_US),
                                               on_promoted, &promoted, NULL));
    CU_ASSERT_TRUE_FATAL(pg_fixture_run(pg_fixture_loop(), &promoted.done, 15000) && promoted.ok);
}

static void the_fork_is_found(void)
{
    char wanted[64];
    const struct fork_report *report = fork_of(&standby, &(struct fork_question){ .system_id = system_id,
                                                                                  .timeline = 1 });
    CU_ASSERT_EQUAL(report->outcome, FORK_LEFT);
    CU_ASSERT_TRUE(report->history.current == 2 && report->history.count == 1);
    fork_lsn = report->fork.lsn;
    CU_ASSERT_TRUE_FATAL(fork_lsn != 0);
    /* a second opinion: the server's own file, read by a superuser */
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "select split_part(pg_read_file('pg_wal/00000002.history'), E'\\t', 2)", wanted,
                                  sizeof wanted));
    char text[TIMELINE_LSN_TEXT_MAX];
    CU_ASSERT_STRING_EQUAL(timeline_lsn_text(text, fork_lsn), wanted);
    /* and with both histories whole */
    struct timelines ours = fork_of(&primary, &(struct fork_question){ .timeline = 0 })->history;
    CU_ASSERT_EQUAL(answer.report.outcome, FORK_READ);
    CU_ASSERT_EQUAL(ours.current, 1);
    report = fork_of(&standby, &(struct fork_question){ system_id, 1, &ours, NULL });
    CU_ASSERT_TRUE(report->outcome == FORK_LEFT && report->fork.lsn == fork_lsn);
}

static void what_is_no_ancestor_is_said(void)
{
    const struct fork_report *report = fork_of(&primary, &(struct fork_question){ .system_id = system_id,
                                                                                  .timeline = 2 });
    CU_ASSERT_EQUAL(report->outcome, FORK_NOT_ANCESTOR); /* asked the other way round */
    report = fork_of(&standby, &(struct fork_question){ .system_id = system_id + 1, .timeline = 1 });
    CU_ASSERT_EQUAL(report->outcome, FORK_OTHER_SYSTEM);
    CU_ASSERT_PTR_NOT_NULL(strstr(report->why.text, "not a copy"));
    report = fork_of(&standby, &(struct fork_question){ .timeline = 9 });
    CU_ASSERT_EQUAL(report->outcome, FORK_NOT_ANCESTOR);
}

static void who_can_not_answer_is_told_apart(void)
{
    struct pg_target target = pg_fixture_target(&standby, "failoverd");
    target.port = 1;
    CU_ASSERT_EQUAL(ask_fork(&target, &(struct fork_question){ .timeline = 1 }, SECOND_US)->outcome, FORK_UNREACHABLE);
    CU_ASSERT_EQUAL(kill(standby.pid, SIGSTOP), 0); /* takes the connection, says nothing */
    CU_ASSERT_EQUAL(fork_of(&standby, &(struct fork_question){ .timeline = 0 })->outcome, FORK_UNREACHABLE);
    CU_ASSERT_EQUAL(kill(standby.pid, SIGCONT), 0);
    target = pg_fixture_target(&standby, "app"); /* may not read the history */
    const struct fork_report *report = ask_fork(&target, &(struct fork_question){ .timeline = 1 }, 5 * SECOND_US);
    CU_ASSERT_EQUAL(report->outcome, FORK_REFUSED);
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "alter function failoverd_timeline_history(bigint) rename to h", NULL, 0));
    report = fork_of(&standby, &(struct fork_question){ .timeline = 1 });
    CU_ASSERT_EQUAL(report->outcome, FORK_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(report->why.text, "postgresql-setup.sql"));
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "alter function h(bigint) rename to failoverd_timeline_history", NULL, 0));
}

static void the_function_reads_histories_only(void)
{
    char out[128];
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "set role failoverd; select coalesce(public.failoverd_timeline_history(1), 'no') || "
                                  "coalesce(public.failoverd_timeline_history(-1), 'no') || "
                                  "coalesce(public.failoverd_timeline_history(77), 'no')", out, sizeof out));
    CU_ASSERT_STRING_EQUAL(out, "nonono");
    CU_ASSERT_TRUE(pg_fixture_sql(&standby, "select has_function_privilege('app', 'failoverd_timeline_history(bigint)', 'execute')",
                                  out, sizeof out));
    CU_ASSERT_STRING_EQUAL(out, "f");
}

static void a_name_is_looked_up(void)
{
    struct fault fault;
    struct resolver *resolver = resolver_new(pg_fixture_loop(), &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
    struct pg_target target = pg_fixture_tcp(&standby, "failoverd");
    target.host = "localhost";
    const struct fork_report *report = ask_fork(&target, &(struct fork_question){ .timeline = 1, .resolver = resolver },
                                                10 * SECOND_US);
    CU_ASSERT_EQUAL(report->outcome, FORK_LEFT);
    target.host = "there.is.no.such.name.invalid";
    report = ask_fork(&target, &(struct fork_question){ .timeline = 1, .resolver = resolver }, 4 * SECOND_US);
    CU_ASSERT_EQUAL(report->outcome, FORK_UNREACHABLE);
    resolver_free(resolver);
    /* without a resolver it has to be an address */
    CU_ASSERT_PTR_NULL(fork_start(pg_fixture_loop(), &target, &(struct fork_question){ .timeline = 1 },
                                  in_us(SECOND_US), on_fork, &answer, &fault));
}

static void a_cancelled_one_calls_nobody(void)
{
    bool never = false;
    answer = (struct fork_answer){ 0 };
    struct pg_target target = pg_fixture_target(&standby, "failoverd");
    struct fork_errand *errand = fork_start(pg_fixture_loop(), &target, &(struct fork_question){ .timeline = 1 },
                                            in_us(SECOND_US), on_fork, &answer, NULL);
    (void)pg_fixture_run(pg_fixture_loop(), &never, 1);
    fork_cancel(errand);
    fork_cancel(NULL);
    (void)pg_fixture_run(pg_fixture_loop(), &never, 60);
    CU_ASSERT_FALSE(answer.done);
}

struct look_answer {
    bool done;
    struct server_seen seen;
};

static void on_seen(void *arg, const struct server_seen *seen)
{
    struct look_answer *look = arg;
    look->done = true;
    look->seen = *seen;
}

static struct server_seen look_at(const struct pg_target *target, int64_t limit_us)
{
    static struct look_answer look;
    look = (struct look_answer){ 0 };
    CU_ASSERT_PTR_NOT_NULL_FATAL(server_look_start(pg_fixture_loop(), target, in_us(limit_us), on_seen, &look, NULL));
    CU_ASSERT_TRUE_FATAL(pg_fixture_run(pg_fixture_loop(), &look.done, 20000));
    return look.seen;
}

static void a_server_says_where_its_files_are(void)
{
    struct pg_target target = pg_fixture_target(&primary, "failoverd");
    struct server_seen seen = look_at(&target, 10 * SECOND_US);
    CU_ASSERT_TRUE_FATAL(seen.seen);
    CU_ASSERT_STRING_EQUAL(seen.data_directory, primary.data);
    CU_ASSERT_TRUE(strncmp(seen.config_file, primary.data, strlen(primary.data)) == 0);
    CU_ASSERT_TRUE(seen.hints && !seen.full_page_writes && !seen.facts.in_recovery); /* as the fixture has them */
    CU_ASSERT_TRUE(seen.oldest_lsn > 0 && seen.oldest_lsn <= fork_lsn);
    target = pg_fixture_target(&standby, "app"); /* may not look into the WAL's folder */
    seen = look_at(&target, 10 * SECOND_US);
    CU_ASSERT_TRUE(!seen.seen && seen.why.text[0] != '\0');
    target.port = 1;
    seen = look_at(&target, 5 * SECOND_US);
    CU_ASSERT_TRUE(!seen.seen && seen.why.text[0] != '\0');
    server_look_cancel(NULL);
}

/* ---- what was lost ------------------------------------------------------------------------- */

static struct lost_table tables[LOST_TABLES_MAX];
static struct lost_transaction list[LOST_TRANSACTIONS_MAX];
static struct lost_item items[LOST_ITEMS_MAX];

struct lost_answer {
    bool done;
    struct lost_report report;
};

/* Keeps copies of the lists, which live during the callback. */
static void on_lost(void *arg, const struct lost_report *report)
{
    struct lost_answer *lost = arg;
    lost->done = true;
    lost->report = *report;
    for (size_t i = 0; i < report->lost.table_count; i++)
        tables[i] = report->lost.tables[i];
    for (size_t i = 0; i < report->lost.list_count; i++)
        list[i] = report->lost.list[i];
    for (size_t i = 0; i < report->lost.item_count; i++)
        items[i] = report->lost.items[i];
}

static struct lost_report lost_of(const struct pg_server *server, uint64_t from, const char *user)
{
    struct lost_answer lost = { 0 };
    struct fault fault;
    struct pg_target target = pg_fixture_target(server, user);
    struct lost_errand *errand = lost_start(pg_fixture_loop(), &target, from, in_us(15 * SECOND_US), on_lost, &lost,
                                            &fault);
    CU_ASSERT_PTR_NOT_NULL_FATAL(errand);
    CU_ASSERT_TRUE_FATAL(pg_fixture_run(pg_fixture_loop(), &lost.done, 20000));
    return lost.report;
}

static const struct lost_table *table_named(const struct lost_writes *lost, const char *schema, const char *name)
{
    for (size_t i = 0; i < lost->table_count; i++)
        if (strcmp(tables[i].table, name) == 0 && strcmp(tables[i].schema, schema) == 0)
            return &tables[i];
    return NULL;
}

static void nothing_is_lost_where_nothing_was_written(void)
{
    struct lost_report report = lost_of(&primary, UINT64_C(1) << 60, "failoverd");
    CU_ASSERT_EQUAL(report.outcome, LOST_NOTHING);
}

static void writes_on_both_sides(void)
{
    static const char *const theirs[] = { "insert into orders (x) values ('elsewhere')", NULL };
    static const char *const orders[] = {
        "insert into orders (x) select 'r' || g from generate_series(1, 3) g",
        "begin", "insert into orders (x) values ('top')", "savepoint a", "insert into orders (x) values ('kept')",
        "release a", "savepoint b", "insert into orders (x) values ('rolled back')", "rollback to b",
        "update acct.users set t = 'z' where id = 1", "delete from acct.users where id = 2", "commit",
        "begin", "insert into orders (x) values ('aborted')", "rollback",
        /* stored apart, in the TOAST table, whose rows are nobody's */
        "insert into orders (x) select string_agg(md5(g::text), '') from generate_series(1, 500) g",
        "create table acct.later as select g from generate_series(1, 40) g",
        "insert into gone values (1)", "drop table gone",
        "begin", "insert into orders (x) values ('open')", NULL };
    static const char *const heartbeat[] = {
        "insert into failoverd_heartbeat values ('x', 1, now()) on conflict (observer) do update set round = 2", NULL };
    run_in(&standby, "Shop", theirs);
    run_in(&primary, "Shop", orders);
    run_in(&primary, "postgres", heartbeat);
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "insert into t (who) values ('here')", NULL, 0));
}

static void what_was_lost_is_listed(void)
{
    struct lost_report report = lost_of(&primary, fork_lsn, "failoverd");
    const struct lost_writes *lost = &report.lost;
    if (report.outcome != LOST_LISTED)
        printf("  %s%s\n", report.why.text, lost->why_no_list.text);
    CU_ASSERT_EQUAL_FATAL(report.outcome, LOST_LISTED);
    CU_ASSERT_TRUE(lost->bytes > 0 && lost->scanned_bytes == lost->bytes &&
                   lost->end_lsn - fork_lsn == (uint64_t)lost->bytes);
    CU_ASSERT_EQUAL(lost->transactions, 6); /* 3 rows; the one with savepoints; TOAST; later; gone; t */
    CU_ASSERT_TRUE(lost->others >= 1); /* drop table */
    CU_ASSERT_EQUAL(lost->list_count, 6);
    CU_ASSERT_EQUAL(lost->rows.inserted, 3 + 2 + 1 + 40 + 1 + 1);
    CU_ASSERT_TRUE(lost->rows.updated == 1 && lost->rows.deleted == 1);
    const struct lost_table *orders = table_named(lost, "public", "orders");
    CU_ASSERT_PTR_NOT_NULL_FATAL(orders);
    CU_ASSERT_STRING_EQUAL(orders->database, "Shop");
    CU_ASSERT_TRUE(orders->rows.inserted == 6 && orders->rows.updated == 0 && orders->rows.deleted == 0);
    const struct lost_table *users = table_named(lost, "acct", "users");
    CU_ASSERT_PTR_NOT_NULL_FATAL(users);
    CU_ASSERT_TRUE(users->rows.inserted == 0 && users->rows.updated == 1 && users->rows.deleted == 1);
    const struct lost_table *later = table_named(lost, "acct", "later");
    CU_ASSERT_TRUE(later != NULL && later->rows.inserted == 40);
    CU_ASSERT_PTR_NOT_NULL(table_named(lost, "public", "t"));
    CU_ASSERT_PTR_NULL(table_named(lost, "public", "failoverd_heartbeat"));
    const struct lost_table *dropped = table_named(lost, "", "");
    CU_ASSERT_TRUE(dropped != NULL && dropped->rows.inserted == 1 && strcmp(dropped->database, "Shop") == 0);
    /* in the order of their commits, with what each did */
    CU_ASSERT_STRING_EQUAL(list[0].committed, lost->first_commit);
    CU_ASSERT_STRING_EQUAL(list[5].committed, lost->last_commit);
    CU_ASSERT_TRUE(strlen(lost->first_commit) == 27 && lost->first_commit[26] == 'Z');
    for (size_t i = 1; i < lost->list_count; i++)
        CU_ASSERT_TRUE(list[i].commit_lsn > list[i - 1].commit_lsn &&
                       strcmp(list[i].committed, list[i - 1].committed) >= 0);
    CU_ASSERT_EQUAL(list[1].item_count, 2);
    const struct lost_item *item = &items[list[1].first_item];
    if (strcmp(tables[item->table].table, "orders") != 0)
        item++;
    CU_ASSERT_TRUE(strcmp(tables[item->table].table, "orders") == 0 && item->rows.inserted == 2);
}

static void the_list_is_bounded(void)
{
    static const char *const many[] = { "create table many (i int)",
        "do $$ begin for i in 1 .. 1100 loop insert into many values (i); commit; end loop; end $$", NULL };
    run_in(&primary, "Shop", many);
    struct lost_report report = lost_of(&primary, fork_lsn, "failoverd");
    CU_ASSERT_EQUAL(report.outcome, LOST_LISTED);
    CU_ASSERT_EQUAL(report.lost.transactions, 1106);
    CU_ASSERT_EQUAL(report.lost.list_count, LOST_TRANSACTIONS_MAX);
    const struct lost_table *table = table_named(&report.lost, "public", "many");
    CU_ASSERT_TRUE(table != NULL && table->rows.inserted == 1100);
}

static void a_crash_in_between_loses_nothing_of_it(void)
{
    pg_fixture_kill(&primary, SIGKILL);
    pg_fixture_restart(&primary);
    struct lost_report report = lost_of(&primary, fork_lsn, "failoverd");
    CU_ASSERT_EQUAL(report.outcome, LOST_LISTED);
    CU_ASSERT_EQUAL(report.lost.transactions, 1106);
}

static void without_the_extension_the_size_is_told(void)
{
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "revoke execute on function pg_get_wal_records_info(pg_lsn, pg_lsn) from failoverd",
                                  NULL, 0));
    struct lost_report report = lost_of(&primary, fork_lsn, "failoverd");
    CU_ASSERT_EQUAL(report.outcome, LOST_BYTES_ONLY);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.lost.why_no_list.text, "grant execute"));
    CU_ASSERT_TRUE(report.lost.bytes > 0);
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "drop extension pg_walinspect", NULL, 0));
    report = lost_of(&primary, fork_lsn, "failoverd");
    CU_ASSERT_EQUAL(report.outcome, LOST_BYTES_ONLY);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.lost.why_no_list.text, "pg_waldump"));
    CU_ASSERT_TRUE(report.lost.bytes > 0 && report.lost.started[0] == '2');
}

static void wal_that_is_gone_is_said(void)
{
    CU_ASSERT_TRUE(pg_fixture_sql(&primary, "create extension pg_walinspect; grant execute on function "
                                  "pg_get_wal_records_info(pg_lsn, pg_lsn) to failoverd", NULL, 0));
    for (int i = 0; i < 4; i++)
        CU_ASSERT_TRUE(pg_fixture_sql(&primary, "select pg_switch_wal()", NULL, 0) &&
                       pg_fixture_sql(&primary, "checkpoint", NULL, 0));
    for (int i = 0; i < 20; i++)
        CU_ASSERT_TRUE(pg_fixture_sql(&primary, "insert into t (who) select repeat('x', 3000) from generate_series(1, 1200)",
                                      NULL, 0) && pg_fixture_sql(&primary, "checkpoint", NULL, 0));
    struct lost_report report = lost_of(&primary, fork_lsn, "failoverd");
    CU_ASSERT_EQUAL(report.outcome, LOST_BYTES_ONLY);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.lost.why_no_list.text, "not all there"));
}

static void others_fail_with_a_reason(void)
{
    struct lost_report report = lost_of(&primary, fork_lsn, "nobody");
    CU_ASSERT_EQUAL(report.outcome, LOST_FAILED);
    CU_ASSERT_TRUE(report.why.text[0] != '\0');
    struct pg_server third;
    pg_fixture_standby(&third, &standby);
    report = lost_of(&third, fork_lsn, "failoverd");
    CU_ASSERT_EQUAL(report.outcome, LOST_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(report.why.text, "no primary"));
    pg_fixture_stop(&third);
    pg_fixture_stop(&standby);
    pg_fixture_stop(&primary);
}

SUITE_MAIN("lost_writes", TEST(starts_and_parts_a_pair), TEST(the_fork_is_found), TEST(what_is_no_ancestor_is_said),
           TEST(who_can_not_answer_is_told_apart), TEST(the_function_reads_histories_only), TEST(a_name_is_looked_up),
           TEST(a_cancelled_one_calls_nobody), TEST(a_server_says_where_its_files_are),
           TEST(nothing_is_lost_where_nothing_was_written), TEST(writes_on_both_sides), TEST(what_was_lost_is_listed),
           TEST(the_list_is_bounded), TEST(a_crash_in_between_loses_nothing_of_it),
           TEST(without_the_extension_the_size_is_told), TEST(wal_that_is_gone_is_said),
           TEST(others_fail_with_a_reason))
