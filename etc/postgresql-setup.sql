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

-- Worth having in postgresql.conf:
--   authentication_timeout = 5s      the proof that the door is shut takes twice this
--   wal_log_hints = on               (or data checksums) lets pg_rewind bring an old primary back
