/* The statements of lost_writes.c: see lost_writes_sql.h.
 *
 * pg_get_wal_records_info() gives a record's contents as the text that pg_waldump prints, so what is needed is taken
 * out of that: the relation of the first block, the number of tuples of a multi-insert ("3 tuples" up to
 * PostgreSQL 15, "ntuples: 3" since), a commit's time and its subtransactions. Relations whose file has a number
 * below 16384 are the catalog's. A file rewritten in the meantime no longer has a name.
 */
#include "coordinator/database/lost_writes_sql.h"

#define RFC3339 "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'"

const char *const lost_look_sql =
    "select case when pg_is_in_recovery() then null else pg_current_wal_flush_lsn() end,"
    " to_char(pg_postmaster_start_time(), " RFC3339 "), quote_ident(n.nspname),"
    " has_function_privilege(p.oid, 'execute')"
    " from (values (1)) one left join (pg_extension e join pg_namespace n on n.oid = e.extnamespace"
    " join pg_proc p on p.pronamespace = n.oid and p.proname = 'pg_get_wal_records_info' and p.pronargs > 1)"
    " on e.extname = 'pg_walinspect'";

const char *const lost_sums_sql =
    "with record as materialized ("
    " select start_lsn, xid::text::bigint xid, split_part(record_type, '+', 1) type, description,"
    "  regexp_match(block_ref, 'rel (\\d+)/(\\d+)/(\\d+)') rel"
    " from %s.pg_get_wal_records_info($1::pg_lsn, $2::pg_lsn)"
    " where resource_manager = 'Transaction' and record_type ~ '^COMMIT'"
    "  or resource_manager in ('Heap', 'Heap2') and record_type ~ '^(INSERT|MULTI_INSERT|UPDATE|HOT_UPDATE|DELETE)'"
    "), done as materialized ("
    " select coalesce(substring(description from '^(\\d+): ')::bigint, xid) xid, start_lsn lsn,"
    "  substring(description from '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d[.\\d]*[-+:\\d]*')::timestamptz at,"
    "  substring(description from 'subxacts: ([\\d ]+)') subs"
    " from record where type in ('COMMIT', 'COMMIT_PREPARED')"
    "), member as materialized ("
    " select xid top, xid from done union all"
    " select xid, sub::bigint from done, regexp_split_to_table(btrim(subs), ' +') sub where subs <> ''"
    "), own as materialized ("
    " select (select oid from pg_database where datname = current_database()) database,"
    "  pg_relation_filenode(to_regclass('public.failoverd_heartbeat')) filenode"
    "), change as materialized ("
    " select top, rel[1]::oid tablespace, rel[2]::oid database, rel[3]::oid filenode,"
    "  sum(case type when 'INSERT' then 1"
    "   when 'MULTI_INSERT' then coalesce(substring(description from '(\\d+) tuples'),"
    "    substring(description from 'ntuples: (\\d+)'))::bigint else 0 end) inserted,"
    "  count(*) filter (where type in ('UPDATE', 'HOT_UPDATE')) updated,"
    "  count(*) filter (where type = 'DELETE') deleted,"
    "  bool_or(rel[2]::oid is not distinct from own.database and rel[3]::oid is not distinct from own.filenode) ours"
    " from record join member using (xid) cross join own"
    " where rel is not null and rel[3]::bigint >= 16384 group by 1, 2, 3, 4"
    "), kept as materialized ("
    " select done.xid, done.lsn, done.at, row_number() over (order by done.lsn) place from done"
    " where exists (select from change where top = done.xid and not ours)"
    "), sums as ("
    " select 0 kind, count(*)::bigint xid,"
    "  (select count(*) from done where not exists (select from change where top = done.xid))::bigint database,"
    "  0::bigint tablespace, 0::bigint filenode, to_char(max(at), " RFC3339 ") name, to_char(min(at), " RFC3339 ") at,"
    "  coalesce((select sum(inserted) from change where not ours), 0)::bigint inserted,"
    "  coalesce((select sum(updated) from change where not ours), 0)::bigint updated,"
    "  coalesce((select sum(deleted) from change where not ours), 0)::bigint deleted, 0::bigint place from kept"
    " union all"
    " (select 1, 0, database::bigint, tablespace::bigint, filenode::bigint,"
    "  (select datname::text from pg_database where oid = database), '', sum(inserted)::bigint, sum(updated)::bigint,"
    "  sum(deleted)::bigint, -sum(inserted + updated + deleted)::bigint"
    "  from change where not ours group by database, tablespace, filenode"
    "  order by sum(inserted + updated + deleted) desc limit 1000)"
    " union all"
    " select 2, xid, 0, 0, 0, lsn::text, to_char(at, " RFC3339 "), 0, 0, 0, place from kept where place <= $3::bigint"
    " union all"
    " select 3, top, database::bigint, tablespace::bigint, filenode::bigint, '', '', inserted::bigint, updated, deleted, place"
    "  from change join kept on kept.xid = top where not ours and place <= $3::bigint)"
    "select kind, xid, database, tablespace, filenode, coalesce(name, ''), coalesce(at, ''), inserted, updated, deleted"
    " from sums order by least(kind, 2), place, kind";

const char *const lost_names_sql =
    "select asked.at, n.nspname, c.relname"
    " from unnest($1::bigint[], $2::oid[], $3::oid[]) asked(at, tablespace, filenode)"
    " join pg_class c on c.oid = pg_filenode_relation(asked.tablespace, asked.filenode)"
    " join pg_namespace n on n.oid = c.relnamespace";
