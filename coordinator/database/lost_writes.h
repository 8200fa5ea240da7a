/* lost_writes: what an old primary has written beyond the fork, which the new primary therefore lacks.
 *
 * One errand with a life of its own, as those of promote.h. It only reads: in a read-only session with a
 * statement_timeout it has the server decode its own WAL from the fork to its end (pg_walinspect,
 * PostgreSQL 15 and later) and adds up committed transactions and their rows by table. Contents are not
 * looked at. Without pg_walinspect, or with the WAL gone, the size in bytes is all that is told, and
 * why_no_list says how to get the list.
 *
 * failoverd's own heartbeat rows are left out. Rows that a transaction wrote before the fork and
 * committed after it are lost with it but not counted: it is listed, with fewer rows than it had.
 */
#ifndef FAILOVERD_DATABASE_LOST_WRITES_H
#define FAILOVERD_DATABASE_LOST_WRITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/base/fault.h"
#include "coordinator/base/loop.h"
#include "coordinator/base/pg_session.h"

#define LOST_TRANSACTIONS_MAX 1000   /* listed one by one, the first; totals are of all */
#define LOST_TABLES_MAX 200          /* listed, those with most rows */
#define LOST_ITEMS_MAX 4000          /* tables within the listed transactions */
#define LOST_DATABASES_MAX 16        /* whose tables' names are looked up */
#define LOST_SCAN_BYTES_MAX (INT64_C(1) << 30) /* WAL that is decoded; what lies beyond is counted in bytes */
#define LOST_NAME_MAX 64             /* NAMEDATALEN */
#define LOST_TIME_MAX 40             /* RFC 3339, as the server's clock had it */

struct lost_rows {
    uint64_t inserted;
    uint64_t updated;
    uint64_t deleted;
};

struct lost_table {
    uint32_t database_oid;
    uint32_t tablespace_oid;
    uint32_t filenode;
    char database[LOST_NAME_MAX];
    char schema[LOST_NAME_MAX];      /* "": the name is not known (dropped or rewritten since, or no login there) */
    char table[LOST_NAME_MAX];
    bool internal;                   /* TOAST or a catalog: no rows of anybody's, and in no total */
    struct lost_rows rows;
};

struct lost_transaction {
    uint64_t xid;                    /* select ... where xmin = xid finds its rows on the old primary */
    char committed[LOST_TIME_MAX];
    uint64_t commit_lsn;
    size_t first_item, item_count;   /* into items */
};

struct lost_item {
    size_t table;                    /* into tables */
    struct lost_rows rows;
};

enum lost_outcome {
    LOST_LISTED,       /* all of it, but for the bounds above */
    LOST_BYTES_ONLY,   /* why_no_list says why and what to do */
    LOST_NOTHING,      /* it ends at the fork */
    LOST_FAILED,       /* not found out by the deadline, or it is no primary any more */
};

struct lost_writes {
    uint64_t fork_lsn, end_lsn;
    int64_t bytes;
    int64_t scanned_bytes;           /* less than `bytes` where that is beyond LOST_SCAN_BYTES_MAX */
    char started[LOST_TIME_MAX];     /* when this life of the server began */
    uint64_t transactions;           /* that changed rows of a table */
    uint64_t others;                 /* committed ones that did not (the catalog, or rows before the fork) */
    char first_commit[LOST_TIME_MAX], last_commit[LOST_TIME_MAX]; /* of `transactions`; "" for none */
    struct lost_rows rows;           /* of all tables */
    struct lost_table *tables;
    size_t table_count;
    bool tables_cut;
    struct lost_transaction *list;
    size_t list_count;               /* less than `transactions`: the rest is not listed */
    struct lost_item *items;
    size_t item_count;
    struct fault why_no_list;        /* of LOST_BYTES_ONLY */
};

struct lost_report {
    enum lost_outcome outcome;
    struct lost_writes lost;         /* valid during the callback */
    struct fault why;                /* of LOST_FAILED */
};

typedef void lost_fn(void *arg, const struct lost_report *report);

struct lost_errand;

/* `target` is the old primary by its guard's own address. NULL with the fault set when it makes no sense. */
struct lost_errand *lost_start(struct loop *loop, const struct pg_target *target, uint64_t fork_lsn,
                               int64_t deadline_us, lost_fn *done, void *arg, struct fault *fault);
/* NULL is allowed. */
void lost_cancel(struct lost_errand *errand);

#endif
