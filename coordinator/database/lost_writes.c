/* What an old primary has that the new one lacks: see lost_writes.h.
 *
 * Three parts, each in a session: how far it has written and whether pg_walinspect is there; one statement that adds
 * up the WAL on the server, so that only sums travel; and, in each database that was written to, the names of
 * the tables. A part that fails costs what it would have told, not what is known already.
 */
#include "coordinator/database/lost_writes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/base/text.h"
#include "coordinator/database/errand.h"
#include "coordinator/database/lost_writes_sql.h"
#include "coordinator/database/timelines.h"

#define SCHEMA_SQL_MAX 160
#define SQLSTATE_WAL_GONE "58P01"
/* Left of the deadline for the names, and for the answer to get here. */
#define NAMES_SHARE_US (4 * (int64_t)CLOCK_US_PER_S)
#define SCAN_LEAST_US ((int64_t)CLOCK_US_PER_S)
#define OPTIONS "-c default_transaction_read_only=on -c statement_timeout=%lldms -c timezone=UTC -c datestyle=ISO " \
                "-c standard_conforming_strings=on"

struct lost_errand {
    struct errand base;
    struct pg_target *target;
    lost_fn *done;
    void *arg;
    char schema[SCHEMA_SQL_MAX];      /* of the extension, quoted; "": it is not there */
    uint32_t named[LOST_DATABASES_MAX]; /* databases whose names were asked for */
    size_t named_count;
    struct lost_report report;
};

static void look_start(void *arg);
static void names_next(struct lost_errand *errand);

/* ---- endings ----------------------------------------------------------------------------- */

static void errand_free(struct lost_errand *errand)
{
    errand_release(&errand->base);
    pg_target_free(errand->target);
    free(errand->report.lost.tables);
    free(errand->report.lost.list);
    free(errand->report.lost.items);
    free(errand);
}

void lost_cancel(struct lost_errand *errand)
{
    if (errand != NULL)
        errand_free(errand);
}

static void errand_end(struct lost_errand *errand, enum lost_outcome outcome)
{
    errand->report.outcome = outcome;
    errand_release(&errand->base);
    errand->done(errand->arg, &errand->report);
    errand_free(errand);
}

/* TOAST tables and rewritten catalogs are known as such by their names only. */
static void list_end(struct lost_errand *errand)
{
    struct lost_writes *lost = &errand->report.lost;
    for (size_t i = 0; i < lost->table_count; i++) {
        struct lost_table *table = &lost->tables[i];
        table->internal = strcmp(table->schema, "pg_toast") == 0 || strcmp(table->schema, "pg_catalog") == 0;
        if (!table->internal)
            continue;
        lost->rows.inserted -= table->rows.inserted;
        lost->rows.updated -= table->rows.updated;
        lost->rows.deleted -= table->rows.deleted;
    }
    errand_end(errand, LOST_LISTED);
}

/* Names may be missing; what was added up stays. */
static void on_deadline(void *arg)
{
    struct lost_errand *errand = arg;
    struct lost_report *report = &errand->report;
    char last[FAULT_TEXT_MAX / 2];
    if (report->lost.list_count > 0 || report->lost.others > 0) {
        list_end(errand);
        return;
    }
    (void)text_copy(last, sizeof last, report->why.text[0] != '\0' ? report->why.text : "no answer yet");
    fault_set(&report->why, "not found out by the deadline. Last: %s", last);
    errand_end(errand, LOST_FAILED);
}

/* ---- names ------------------------------------------------------------------------------- */

static void on_names(void *arg, const struct pg_answer *result)
{
    struct lost_errand *errand = arg;
    struct lost_writes *lost = &errand->report.lost;
    for (size_t row = 0; result->outcome == PG_OK && row < result->rows; row++) {
        uint64_t index;
        if (!pg_answer_u64(result, row, 0, &index) || index >= lost->table_count)
            continue;
        (void)text_copy(lost->tables[index].schema, LOST_NAME_MAX, pg_answer_text(result, row, 1));
        (void)text_copy(lost->tables[index].table, LOST_NAME_MAX, pg_answer_text(result, row, 2));
    }
    names_next(errand);
}

/* "{1,2}" of what the tables of the database have there. */
static void names_ask(struct lost_errand *errand, uint32_t database)
{
    const struct lost_writes *lost = &errand->report.lost;
    static const size_t room = LOST_TABLES_MAX * 12 + 3;
    char lists[3][LOST_TABLES_MAX * 12 + 3];
    struct text texts[3];
    for (size_t i = 0; i < 3; i++)
        texts[i] = text_over(lists[i], room);
    for (size_t i = 0, count = 0; i < lost->table_count; i++) {
        if (lost->tables[i].database_oid != database)
            continue;
        const char *between = count++ == 0 ? "{" : ",";
        text_appendf(&texts[0], "%s%zu", between, i);
        text_appendf(&texts[1], "%s%" PRIu32, between, lost->tables[i].tablespace_oid);
        text_appendf(&texts[2], "%s%" PRIu32, between, lost->tables[i].filenode);
    }
    for (size_t i = 0; i < 3; i++)
        text_append_char(&texts[i], '}');
    const char *params[] = { lists[0], lists[1], lists[2] };
    errand_query(&errand->base, lost_names_sql, params, 3, on_names);
}

static void on_names_connected(void *arg, const struct pg_answer *result)
{
    struct lost_errand *errand = arg;
    if (result->outcome != PG_OK)
        names_next(errand); /* its tables stay numbers */
    else
        names_ask(errand, errand->named[errand->named_count - 1]);
}

/* A table of a database that was not asked yet; table_count for none. */
static size_t unnamed_table(const struct lost_errand *errand)
{
    const struct lost_writes *lost = &errand->report.lost;
    for (size_t i = 0; i < lost->table_count; i++) {
        bool asked = errand->named_count == LOST_DATABASES_MAX || lost->tables[i].database[0] == '\0';
        for (size_t n = 0; n < errand->named_count; n++)
            asked = asked || errand->named[n] == lost->tables[i].database_oid;
        if (!asked)
            return i;
    }
    return lost->table_count;
}

static void names_next(struct lost_errand *errand)
{
    const struct lost_writes *lost = &errand->report.lost;
    size_t table = unnamed_table(errand);
    if (table == lost->table_count) {
        list_end(errand);
        return;
    }
    struct pg_target target = *errand->target;
    target.dbname = lost->tables[table].database;
    int64_t deadline_us = errand->base.deadline_us;
    struct loop *loop = errand->base.loop;
    errand->named[errand->named_count++] = lost->tables[table].database_oid;
    errand_release(&errand->base);
    if (errand_init(&errand->base, loop, &target, deadline_us, on_deadline, errand, &errand->report.why))
        errand_connect(&errand->base, on_names_connected);
    else
        list_end(errand);
}

/* ---- sums -------------------------------------------------------------------------------- */

static bool take_rows(const struct pg_answer *result, size_t row, struct lost_rows *rows)
{
    return pg_answer_u64(result, row, LOST_SQL_INSERTED, &rows->inserted) &&
           pg_answer_u64(result, row, LOST_SQL_UPDATED, &rows->updated) &&
           pg_answer_u64(result, row, LOST_SQL_DELETED, &rows->deleted);
}

static bool take_oid(const struct pg_answer *result, size_t row, size_t column, uint32_t *oid)
{
    uint64_t value;
    if (!pg_answer_u64(result, row, column, &value) || value > UINT32_MAX)
        return false;
    *oid = (uint32_t)value;
    return true;
}

static bool take_total(struct lost_writes *lost, const struct pg_answer *result, size_t row)
{
    (void)text_copy(lost->first_commit, LOST_TIME_MAX, pg_answer_text(result, row, LOST_SQL_TIME));
    (void)text_copy(lost->last_commit, LOST_TIME_MAX, pg_answer_text(result, row, LOST_SQL_NAME));
    return pg_answer_u64(result, row, LOST_SQL_XID, &lost->transactions) &&
           pg_answer_u64(result, row, LOST_SQL_DATABASE, &lost->others) && take_rows(result, row, &lost->rows);
}

static bool take_table(struct lost_writes *lost, const struct pg_answer *result, size_t row)
{
    if (lost->table_count == LOST_TABLES_MAX) {
        lost->tables_cut = true;
        return true;
    }
    struct lost_table *table = &lost->tables[lost->table_count++];
    *table = (struct lost_table){ 0 };
    (void)text_copy(table->database, LOST_NAME_MAX, pg_answer_text(result, row, LOST_SQL_NAME));
    return take_oid(result, row, LOST_SQL_DATABASE, &table->database_oid) &&
           take_oid(result, row, LOST_SQL_TABLESPACE, &table->tablespace_oid) &&
           take_oid(result, row, LOST_SQL_FILENODE, &table->filenode) && take_rows(result, row, &table->rows);
}

static bool take_transaction(struct lost_writes *lost, const struct pg_answer *result, size_t row)
{
    if (lost->list_count == LOST_TRANSACTIONS_MAX)
        return true;
    struct lost_transaction *transaction = &lost->list[lost->list_count++];
    *transaction = (struct lost_transaction){ .first_item = lost->item_count };
    (void)text_copy(transaction->committed, LOST_TIME_MAX, pg_answer_text(result, row, LOST_SQL_TIME));
    return pg_answer_u64(result, row, LOST_SQL_XID, &transaction->xid) &&
           timeline_lsn_parse(pg_answer_text(result, row, LOST_SQL_NAME), &transaction->commit_lsn);
}

/* What one transaction did to one table; its transaction's row comes right before. */
static bool take_item(struct lost_writes *lost, const struct pg_answer *result, size_t row)
{
    uint64_t xid;
    struct lost_table key = { 0 };
    struct lost_transaction *owner = lost->list_count > 0 ? &lost->list[lost->list_count - 1] : NULL;
    struct lost_rows rows;
    if (!pg_answer_u64(result, row, LOST_SQL_XID, &xid) || !take_rows(result, row, &rows) ||
        !take_oid(result, row, LOST_SQL_DATABASE, &key.database_oid) ||
        !take_oid(result, row, LOST_SQL_TABLESPACE, &key.tablespace_oid) ||
        !take_oid(result, row, LOST_SQL_FILENODE, &key.filenode))
        return false;
    size_t table = 0;
    while (table < lost->table_count && (lost->tables[table].database_oid != key.database_oid ||
                                         lost->tables[table].tablespace_oid != key.tablespace_oid ||
                                         lost->tables[table].filenode != key.filenode))
        table++;
    if (owner == NULL || owner->xid != xid || table == lost->table_count || lost->item_count == LOST_ITEMS_MAX)
        return true; /* beyond a bound */
    lost->items[lost->item_count++] = (struct lost_item){ table, rows };
    owner->item_count++;
    return true;
}

static bool take_sums(struct lost_writes *lost, const struct pg_answer *result)
{
    lost->tables = calloc(LOST_TABLES_MAX, sizeof *lost->tables);
    lost->list = calloc(LOST_TRANSACTIONS_MAX, sizeof *lost->list);
    lost->items = calloc(LOST_ITEMS_MAX, sizeof *lost->items);
    if (lost->tables == NULL || lost->list == NULL || lost->items == NULL)
        return fault_set(&lost->why_no_list, "out of memory for the list");
    static bool (*const take[])(struct lost_writes *, const struct pg_answer *, size_t) = {
        [LOST_SQL_TOTAL] = take_total, [LOST_SQL_TABLE] = take_table, [LOST_SQL_TRANSACTION] = take_transaction,
        [LOST_SQL_ITEM] = take_item,
    };
    for (size_t row = 0; row < result->rows; row++) {
        uint64_t kind;
        if (!pg_answer_u64(result, row, LOST_SQL_KIND, &kind) || kind >= sizeof take / sizeof take[0] ||
            !take[kind](lost, result, row))
            return fault_set(&lost->why_no_list, "the server's answer makes no sense in row %zu", row);
    }
    return result->rows > 0 || fault_set(&lost->why_no_list, "the server's answer is empty");
}

static void on_sums(void *arg, const struct pg_answer *result)
{
    struct lost_errand *errand = arg;
    struct lost_writes *lost = &errand->report.lost;
    if (result->outcome != PG_OK) {
        bool gone = strcmp(result->sqlstate, SQLSTATE_WAL_GONE) == 0;
        fault_set(&lost->why_no_list, "they can't be listed: %s%s%s%s", result->message,
                  result->sqlstate[0] != '\0' ? ", SQLSTATE " : "", result->sqlstate,
                  gone ? " (the WAL since the fork is not all there any more)" : "");
        errand_end(errand, LOST_BYTES_ONLY);
    } else if (!take_sums(lost, result)) {
        errand_end(errand, LOST_BYTES_ONLY);
    } else {
        names_next(errand);
    }
}

static void sums_ask(struct lost_errand *errand)
{
    struct lost_writes *lost = &errand->report.lost;
    char sql[LOST_SUMS_SQL_MAX];
    char from[TIMELINE_LSN_TEXT_MAX], to[TIMELINE_LSN_TEXT_MAX], most[ERRAND_NUMBER_MAX];
    if ((size_t)snprintf(sql, sizeof sql, lost_sums_sql, errand->schema) >= sizeof sql) {
        (void)fault_set(&lost->why_no_list, "the extension's schema has too long a name");
        errand_end(errand, LOST_BYTES_ONLY);
        return;
    }
    uint64_t end = lost->fork_lsn + (uint64_t)lost->scanned_bytes;
    (void)snprintf(most, sizeof most, "%d", LOST_TRANSACTIONS_MAX);
    const char *params[] = { timeline_lsn_text(from, lost->fork_lsn), timeline_lsn_text(to, end), most };
    int64_t left_us = errand->base.deadline_us - base_mono_us() - NAMES_SHARE_US;
    pg_session_query(errand->base.session, sql, params, 3, left_us > SCAN_LEAST_US ? left_us : SCAN_LEAST_US, on_sums,
                     errand);
}

/* ---- how far it is ----------------------------------------------------------------------- */

static void look_trouble(struct lost_errand *errand, const struct pg_answer *result, const char *doing)
{
    fault_set(&errand->report.why, "%s: %s%s%s", doing, result->message, result->sqlstate[0] != '\0' ? ", SQLSTATE " : "",
              result->sqlstate);
    if (result->outcome == PG_AUTH || result->outcome == PG_ERROR)
        errand_end(errand, LOST_FAILED);
    else
        errand_pause(&errand->base, ERRAND_RETRY_US, look_start);
}

static void on_look(void *arg, const struct pg_answer *result)
{
    struct lost_errand *errand = arg;
    struct lost_writes *lost = &errand->report.lost;
    bool may = false;
    if (result->outcome != PG_OK) {
        look_trouble(errand, result, "looking how far it has written");
        return;
    }
    if (!timeline_lsn_parse(pg_answer_text(result, 0, 0), &lost->end_lsn)) {
        fault_set(&errand->report.why, "it is no primary any more");
        errand_end(errand, LOST_FAILED);
        return;
    }
    (void)text_copy(lost->started, sizeof lost->started, pg_answer_text(result, 0, 1));
    if (lost->end_lsn <= lost->fork_lsn) {
        errand_end(errand, LOST_NOTHING);
        return;
    }
    lost->bytes = (int64_t)((lost->end_lsn - lost->fork_lsn) & INT64_MAX);
    lost->scanned_bytes = lost->bytes < LOST_SCAN_BYTES_MAX ? lost->bytes : LOST_SCAN_BYTES_MAX;
    if (!text_copy(errand->schema, sizeof errand->schema, pg_answer_text(result, 0, 2)) || errand->schema[0] == '\0') {
        char from[TIMELINE_LSN_TEXT_MAX];
        (void)fault_set(&lost->why_no_list, "pg_walinspect is not installed in the database that failoverd logs in to. "
                        "This time pg_waldump shows them, as the server's user: pg_waldump --path=DATA_DIRECTORY/pg_wal "
                        "--start=%s. For the next time run etc/postgresql-setup.sql on the new primary",
                        timeline_lsn_text(from, lost->fork_lsn));
        errand_end(errand, LOST_BYTES_ONLY);
    } else if (!pg_answer_bool(result, 0, 3, &may) || !may) {
        (void)fault_set(&lost->why_no_list, "this role may not execute pg_get_wal_records_info: run "
                        "etc/postgresql-setup.sql, or as a superuser: grant execute on function "
                        "pg_get_wal_records_info(pg_lsn, pg_lsn) to it");
        errand_end(errand, LOST_BYTES_ONLY);
    } else {
        sums_ask(errand);
    }
}

static void on_connected(void *arg, const struct pg_answer *result)
{
    struct lost_errand *errand = arg;
    if (result->outcome != PG_OK)
        look_trouble(errand, result, "connecting");
    else
        errand_query(&errand->base, lost_look_sql, NULL, 0, on_look);
}

static void look_start(void *arg)
{
    struct lost_errand *errand = arg;
    errand_connect(&errand->base, on_connected);
}

struct lost_errand *lost_start(struct loop *loop, const struct pg_target *target, uint64_t fork_lsn,
                               int64_t deadline_us, lost_fn *done, void *arg, struct fault *fault)
{
    struct lost_errand *errand = calloc(1, sizeof *errand);
    char options[sizeof OPTIONS + ERRAND_NUMBER_MAX];
    if (errand == NULL) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    int64_t left_ms = (deadline_us - base_mono_us()) / CLOCK_US_PER_MS;
    (void)snprintf(options, sizeof options, OPTIONS, (long long)(left_ms > 1 ? left_ms : 1));
    struct pg_target reading = *target;
    reading.options = options;
    errand->target = pg_target_copy(&reading, fault);
    if (errand->target == NULL ||
        !errand_init(&errand->base, loop, errand->target, deadline_us, on_deadline, errand, fault)) {
        pg_target_free(errand->target);
        free(errand);
        return NULL;
    }
    errand->done = done;
    errand->arg = arg;
    errand->report.lost.fork_lsn = fork_lsn;
    look_start(errand);
    return errand;
}
