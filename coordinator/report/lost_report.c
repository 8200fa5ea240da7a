/* What the report of lost writes says: see lost_report.h; lost_report_file.c keeps it. */
#include "coordinator/report/lost_report.h"

#include <inttypes.h>
#include <string.h>

#include "coordinator/base/clock.h"
#include "coordinator/status/names.h"

#define CLOCK_AT 11      /* where hours begin in "2026-11-21T20:16:40.212766Z" */
#define CLOCK_LENGTH 8

static void put(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

/* ---- the sentence -------------------------------------------------------------------------- */

static uint64_t rows_of(const struct lost_rows *rows)
{
    return rows->inserted + rows->updated + rows->deleted;
}

static void append_table(struct text *text, const struct lost_table *table)
{
    if (table->schema[0] == '\0')
        text_appendf(text, "file %" PRIu32 " of %s", table->filenode,
                     table->database[0] != '\0' ? table->database : "a dropped database");
    else if (strcmp(table->schema, "public") == 0)
        text_append(text, table->table);
    else
        text_appendf(text, "%s.%s", table->schema, table->table);
}

/* "12 rows in orders, 1 in users and 3 in 2 more tables" */
static void append_tables(struct text *text, const struct lost_writes *lost)
{
    size_t named = 0, others = 0;
    uint64_t rest = rows_of(&lost->rows);
    for (size_t i = 0; i < lost->table_count; i++) {
        const struct lost_table *table = &lost->tables[i];
        if (table->internal)
            continue;
        if (named == LOST_SENTENCE_TABLES_MAX) {
            others++;
            continue;
        }
        uint64_t rows = rows_of(&table->rows);
        text_appendf(text, "%s%" PRIu64 "%s in ", named > 0 ? ", " : "", rows,
                     named > 0 ? "" : rows == 1 ? " row" : " rows");
        append_table(text, table);
        rest -= rows;
        named++;
    }
    if (others > 0 || lost->tables_cut)
        text_appendf(text, " and %" PRIu64 " in further tables", rest);
}

void lost_report_sentence(struct text *text, const struct lost_context *context, const struct lost_report *report)
{
    const struct lost_writes *lost = &report->lost;
    char bytes[NAME_BYTES_MAX];
    text_appendf(text, "%s's old primary is back, fenced; ", context->region);
    (void)format_bytes(bytes, sizeof bytes, lost->bytes);
    if (report->outcome == LOST_NOTHING) {
        text_appendf(text, "it has nothing that %s lacks", context->writer);
    } else if (report->outcome == LOST_BYTES_ONLY) {
        text_appendf(text, "it has %s of WAL that %s lacks; which writes these are is not known: %s", bytes, context->writer,
                     lost->why_no_list.text);
    } else if (lost->transactions == 0) {
        text_appendf(text, "it has %s of WAL that %s lacks, and in it no transaction that changed a table's rows", bytes,
                     context->writer);
    } else {
        text_appendf(text, "it has %" PRIu64 " transaction%s (", lost->transactions, lost->transactions == 1 ? "" : "s");
        append_tables(text, lost);
        text_append(text, ")");
        if (strlen(lost->first_commit) > CLOCK_AT + CLOCK_LENGTH && strlen(lost->last_commit) > CLOCK_AT + CLOCK_LENGTH)
            text_appendf(text, " from %.*s to %.*s UTC", CLOCK_LENGTH, lost->first_commit + CLOCK_AT, CLOCK_LENGTH,
                         lost->last_commit + CLOCK_AT);
        text_appendf(text, " that %s lacks", context->writer);
    }
}

/* ---- the file ------------------------------------------------------------------------------ */

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_of_text(text) : json_null();
}

static json_t *lsn(uint64_t value)
{
    char text[NAME_LSN_MAX];
    return json_string(format_lsn(text, value));
}

static void put_rows(json_t *object, const struct lost_rows *rows)
{
    put(object, "inserted", json_of_u64(rows->inserted));
    put(object, "updated", json_of_u64(rows->updated));
    put(object, "deleted", json_of_u64(rows->deleted));
}

static json_t *table_json(const struct lost_table *table, const struct lost_rows *rows)
{
    json_t *object = json_object();
    put(object, "database", text_or_null(table->database));
    put(object, "schema", text_or_null(table->schema));
    put(object, "table", text_or_null(table->table));
    put(object, "filenode", json_integer(table->filenode));
    put_rows(object, rows);
    return object;
}

static json_t *tables_json(const struct lost_writes *lost)
{
    json_t *tables = json_array();
    for (size_t i = 0; i < lost->table_count; i++)
        if (!lost->tables[i].internal)
            (void)json_array_append_new(tables, table_json(&lost->tables[i], &lost->tables[i].rows));
    return tables;
}

static json_t *transaction_json(const struct lost_writes *lost, const struct lost_transaction *transaction)
{
    json_t *object = json_object();
    json_t *tables = json_array();
    put(object, "xid", json_of_u64(transaction->xid));
    put(object, "committed", text_or_null(transaction->committed));
    put(object, "commit_lsn", lsn(transaction->commit_lsn));
    for (size_t i = 0; i < transaction->item_count; i++) {
        const struct lost_item *item = &lost->items[transaction->first_item + i];
        if (!lost->tables[item->table].internal)
            (void)json_array_append_new(tables, table_json(&lost->tables[item->table], &item->rows));
    }
    put(object, "tables", tables);
    return object;
}

static json_t *rows_json(const struct lost_rows *rows)
{
    json_t *object = json_object();
    put_rows(object, rows);
    return object;
}

json_t *lost_report_json(const struct lost_context *context, const struct lost_report *report)
{
    const struct lost_writes *lost = &report->lost;
    bool listed = report->outcome == LOST_LISTED;
    char sentence[LOST_REPORT_TEXT_MAX], when[CLOCK_WALL_TEXT_MAX], system_id[24];
    struct text text = TEXT_OF(sentence), number = TEXT_OF(system_id);
    lost_report_sentence(&text, context, report);
    text_appendf(&number, "%" PRIu64, context->system_id);
    json_t *object = json_object();
    json_t *list = json_array();
    put(object, "text", json_of_text(sentence));
    put(object, "service", json_of_text(context->service));
    put(object, "region", json_of_text(context->region));
    put(object, "writer", json_of_text(context->writer));
    put(object, "node", json_of_text(context->node));
    put(object, "epoch", json_of_u64(context->epoch));
    put(object, "written", json_string(base_format_wall(when, sizeof when, base_wall_us())));
    put(object, "system_identifier", json_of_text(system_id));
    put(object, "server_started", text_or_null(lost->started));
    put(object, "timeline", json_integer(context->fork.timeline));
    put(object, "writer_timeline", json_integer(context->writer_timeline));
    put(object, "fork_lsn", lsn(lost->fork_lsn));
    put(object, "end_lsn", lsn(lost->end_lsn));
    put(object, "bytes", json_integer(lost->bytes));
    put(object, "listed", json_boolean(listed));
    put(object, "why_not_listed", listed ? json_null() : text_or_null(lost->why_no_list.text));
    put(object, "listed_bytes", json_integer(listed ? lost->scanned_bytes : 0));
    put(object, "transactions", listed ? json_of_u64(lost->transactions) : json_null());
    put(object, "other_transactions", listed ? json_of_u64(lost->others) : json_null());
    put(object, "first_commit", text_or_null(lost->first_commit));
    put(object, "last_commit", text_or_null(lost->last_commit));
    put(object, "rows", listed ? rows_json(&lost->rows) : json_null());
    put(object, "tables", tables_json(lost));
    put(object, "tables_cut", json_boolean(lost->tables_cut));
    for (size_t i = 0; i < lost->list_count; i++)
        (void)json_array_append_new(list, transaction_json(lost, &lost->list[i]));
    put(object, "list", list);
    put(object, "list_cut", json_boolean(lost->transactions > lost->list_count));
    return object;
}
