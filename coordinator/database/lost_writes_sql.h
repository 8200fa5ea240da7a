/* The statements of lost_writes.c. Internal to coordinator/database.
 *
 * The sums come as rows of one shape, whose first column says what a row is; what a column means
 * depends on that:
 *
 *   kind         xid              database       tablespace, filenode  name          time          inserted ... deleted
 *   total        transactions     others         0                     last commit   first commit  of all tables
 *   table        0                its oid        its file              database      ""            in the table
 *   transaction  its id           0              0                     commit LSN    commit        0
 *   item         its id           oid            of the table          ""            ""            by it in the table
 *
 * All tables come before all transactions, and each transaction before its items.
 */
#ifndef FAILOVERD_DATABASE_LOST_WRITES_SQL_H
#define FAILOVERD_DATABASE_LOST_WRITES_SQL_H

#define LOST_SUMS_SQL_MAX 8192

enum { LOST_SQL_TOTAL, LOST_SQL_TABLE, LOST_SQL_TRANSACTION, LOST_SQL_ITEM };
enum { LOST_SQL_KIND, LOST_SQL_XID, LOST_SQL_DATABASE, LOST_SQL_TABLESPACE, LOST_SQL_FILENODE, LOST_SQL_NAME,
       LOST_SQL_TIME, LOST_SQL_INSERTED, LOST_SQL_UPDATED, LOST_SQL_DELETED };

/* End of the WAL (NULL on a standby), start of the server, the extension's schema quoted, may we use it. */
extern const char *const lost_look_sql;
/* A format whose one %s is the extension's schema; $1 and $2 are from and to, $3 the most transactions. */
extern const char *const lost_sums_sql;
/* $1 our indexes, $2 tablespaces, $3 filenodes: index, schema, table of those that the database has. Its catalog and
 * TOAST tables are among them. */
extern const char *const lost_names_sql;

#endif
