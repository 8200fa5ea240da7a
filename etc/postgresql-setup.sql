-- What failoverd needs in PostgreSQL, run once as a superuser on the primary (standbys receive it):
--
--     psql -v ON_ERROR_STOP=1 -d postgres -f postgresql-setup.sql
--     psql -d postgres -c '\password failoverd'
--     psql -d postgres -c '\password failoverd_canary'
--     psql -d postgres -c '\password failoverd_commit'      (with a commit lease)
--
-- Run it in the database that cluster.json names as "dbname". It may be run again.
-- Needs PostgreSQL 15 or later. No role of it is a superuser.

-- The guard's role: it looks, fences, promotes and re-points the standby.
do $$ begin
  if not exists (select from pg_roles where rolname = 'failoverd') then
    create role failoverd login connection limit 20;
  end if;
end $$;

-- Replication's state and other roles' sessions, with all their columns.
grant pg_monitor to failoverd;
-- Ending the sessions of others (not a superuser's).
grant pg_signal_backend to failoverd;
-- Promoting, and having the server read its settings.
grant execute on function pg_promote(boolean, integer) to failoverd;
grant execute on function pg_reload_conf() to failoverd;
-- The door, where a standby receives from, and whom commits wait for. These five and no other.
grant alter system on parameter session_preload_libraries to failoverd;
grant alter system on parameter default_transaction_read_only to failoverd;
grant alter system on parameter primary_conninfo to failoverd;
grant alter system on parameter primary_slot_name to failoverd;
grant alter system on parameter synchronous_standby_names to failoverd;
-- A shut door names a library that does not exist. With a value of its own this role gets in.
-- (Not '': that reads as a library named "", and would lock it out too.)
alter role failoverd set session_preload_libraries = 'plpgsql';

-- The canary: it may log in and nothing else. That it is refused proves that the door is shut, so it
-- must never get a session_preload_libraries of its own.
do $$ begin
  if not exists (select from pg_roles where rolname = 'failoverd_canary') then
    create role failoverd_canary login connection limit 20;
  end if;
end $$;
-- Readiness asks it where the settings come from, because it sees them as an application does.
grant pg_read_all_settings to failoverd_canary;
do $$ begin
  execute format('grant connect on database %I to failoverd, failoverd_canary', current_database());
end $$;

-- The commit lease (commit_lease in cluster.json) streams as this role and can do nothing else. It is
-- not the guard's own, which every coordinator uses from afar: whoever may replicate may copy the whole
-- cluster. So pg_hba.conf lets it in from the guard's own place only:
--     local  replication  failoverd_commit                scram-sha-256
--  or host   replication  failoverd_commit  127.0.0.1/32  scram-sha-256     (guard_host an address)
-- Not needed without a commit lease; drop it then, or leave it without a password.
do $$ begin
  if not exists (select from pg_roles where rolname = 'failoverd_commit') then
    create role failoverd_commit login replication connection limit 5;
  end if;
end $$;

-- What the write check writes: one row per observer.
create table if not exists public.failoverd_heartbeat (
  observer text primary key,
  round bigint not null,
  written_at timestamptz not null
) with (fillfactor = 50);
grant usage on schema public to failoverd;
grant select, insert, update on public.failoverd_heartbeat to failoverd;
comment on table public.failoverd_heartbeat is 'failoverd: proof that a write is acknowledged, one row per observer';

-- Where the timelines of two servers part, which is asked before a standby is pointed at a new primary and when an
-- old one comes back. The function reads history files (some lines of text) and nothing else; the role needs neither
-- REPLICATION nor pg_read_server_files for it.
create or replace function public.failoverd_timeline_history(timeline bigint) returns text
  language sql stable strict security definer set search_path = pg_catalog, pg_temp
  as $$ select pg_read_file('pg_wal/' || lpad(upper(to_hex(timeline)), 8, '0') || '.history', 0, 65536, true)
        where timeline between 2 and 4294967295 $$;
revoke execute on function public.failoverd_timeline_history(bigint) from public;
grant execute on function public.failoverd_timeline_history(bigint) to failoverd;

-- A standby with a primary_slot_name needs that slot on a new primary before it can stream from there. Physical slots
-- only, and never more than a few of ours: a slot that nobody uses keeps WAL for ever (see max_slot_wal_keep_size).
create or replace function public.failoverd_make_slot(slot text) returns void
  language plpgsql strict security definer set search_path = pg_catalog, pg_temp
  as $$ begin
    if exists (select from pg_replication_slots where slot_name = slot and slot_type = 'physical') then
      return;
    end if;
    if (select count(*) from pg_replication_slots where slot_type = 'physical') >= 16 then
      raise exception 'there are 16 physical replication slots already: drop those that nobody uses';
    end if;
    perform pg_create_physical_replication_slot(slot, true);
  end $$;
revoke execute on function public.failoverd_make_slot(text) from public;
grant execute on function public.failoverd_make_slot(text) to failoverd;

-- And away again when what it was made for came to nothing: only a slot of ours by its name, and only while it is idle.
create or replace function public.failoverd_drop_slot(slot text) returns void
  language plpgsql strict security definer set search_path = pg_catalog, pg_temp
  as $$ begin
    perform pg_drop_replication_slot(slot_name) from pg_replication_slots
      where slot_name = slot and slot_type = 'physical' and not active and starts_with(slot, 'failoverd_');
  end $$;
revoke execute on function public.failoverd_drop_slot(text) from public;
grant execute on function public.failoverd_drop_slot(text) to failoverd;

-- Optional: with pg_walinspect (a part of PostgreSQL's contrib) the writes that only an old primary has are listed when it
-- comes back: transactions, tables, numbers of rows; no contents. Without it only their size in bytes is known.
do $$ begin
  if exists (select from pg_available_extensions where name = 'pg_walinspect') then
    create extension if not exists pg_walinspect;
    execute (select format('grant execute on function %I.pg_get_wal_records_info(pg_lsn, pg_lsn) to failoverd', n.nspname)
             from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_walinspect');
  else
    raise notice 'pg_walinspect is not installed: lost writes will be counted in bytes only';
  end if;
end $$;

-- Optional: for pg_rewind (etc/hooks/rejoin-pg_rewind), which copies over an ordinary session, the role in
-- replication_conninfo needs what follows, a database that it may log in to, and a line for it in pg_hba.conf:
--   grant execute on function pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean),
--     pg_read_binary_file(text), pg_read_binary_file(text, bigint, bigint, boolean), pg_control_checkpoint() to replicator;
--   grant pg_checkpoint to replicator;   -- it begins with a checkpoint of the new primary, or waits for one

-- Worth having in postgresql.conf:
--   authentication_timeout = 5s      the proof that the door is shut takes twice this
--   wal_log_hints = on               (or data checksums) lets pg_rewind bring an old primary back
