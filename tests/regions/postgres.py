"""One region's PostgreSQL: made, started, promoted by hand, killed, read afterwards.

Real servers with fsync on, SCRAM for every login, and little memory. As root the server runs as
the postgres user. Its unix socket is in the region's `run` folder; the kernel lease does not cover
it, which is how the guard and the lab itself get through a shut fence.
"""
import os
import pathlib
import pwd
import shutil
import signal

import network
import pgwire

PORT = 5432
SUPERUSER = "postgres"
REPLICATOR = "replicator"
APPLICATION = "shop"
START_DEADLINE_S = 20
SETUP_SQL = pathlib.Path(__file__).resolve().parents[2] / "etc/postgresql-setup.sql"
SETTINGS = """
listen_addresses = '{listen}'
port = {port}
unix_socket_directories = '{run}'
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
max_connections = 40
wal_level = replica
hot_standby = on
max_wal_senders = 8
max_replication_slots = 8
max_wal_size = 128MB
wal_keep_size = 64MB
wal_log_hints = on
authentication_timeout = 2s
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
autovacuum = off
log_line_prefix = '%m %p %u '
log_connections = off
"""
ACCESS = """
local all          all                     scram-sha-256
local replication  failoverd_commit        scram-sha-256
host  all          all         {subnet}  scram-sha-256
host  replication  {replicator}  {subnet}  scram-sha-256
host  all          all         fd00::/8  scram-sha-256
host  replication  {replicator}  fd00::/8  scram-sha-256
"""
# What the application owns. The coordinator's own roles come from etc/postgresql-setup.sql.
APPLICATION_SQL = """
create table orders (
    client text not null,
    sequence bigint not null,
    written_at timestamptz not null default clock_timestamp(),
    primary key (client, sequence)
);
grant select, insert on orders to {application};
"""


def binaries():
    """The folder of the newest installed server's programs."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    if not found:
        raise RuntimeError("no PostgreSQL server found in /usr/lib/postgresql; `make setup` installs it")
    return found[-1].parent


def server_user():
    """Name of the user that servers run as, None for ourselves (PostgreSQL refuses to run as root)."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("neither a postgres nor a nobody user to run PostgreSQL as")


class Postgres:
    """One for each region is the lab's own. A test may make more, on a port and in a folder of their own."""

    def __init__(self, lab, region, port=PORT, folder=None):
        self.lab, self.region, self.port = lab, region, port
        self.address = lab.network.address[region]
        self.listens = [self.address]
        self.streams_from = None        # (host, port) at which standbys stream from it; None: as the lab says
        self.folder = folder or lab.folder / region
        self.data, self.run = self.folder / "data", self.folder / "run"
        self.user = server_user()
        self.process = None
        self._bin = binaries()

    # -- making ---------------------------------------------------------------------------------

    def make_primary(self, secrets):
        self._make_folders()
        self._command("initdb", "-D", self.data, "-U", SUPERUSER, "--auth=scram-sha-256", "--no-sync",
                      "--locale=C.UTF-8", "--encoding=UTF8", "--data-checksums",
                      f"--pwfile={secrets.server_file('superuser', self.user)}")
        self._write_settings()
        self.start()
        self._make_roles(secrets)

    def make_standby(self, primary, secrets, wait=True):
        """A copy of the running primary that streams from it through a slot of its own. `wait` False when
        a guard may have shut the door that the lab would look through."""
        self._make_folders()
        conninfo = primary.replication_conninfo(secrets, self.region)
        self._command("pg_basebackup", "-D", self.data, "-d", conninfo, "-R", "-X", "stream", "-c", "fast",
                      "-C", "-S", slot_name(self.region), "--no-sync")
        self._write_settings()
        self.start(wait=wait)

    def remake_standby(self, primary, secrets, wait=True):
        """An old primary, running, frozen or dead, becomes a standby of the present one: a fresh copy.
        What only it had is gone afterwards; who wants to count that reads it before."""
        self.kill()
        for folder in (self.data, self.run):
            shutil.rmtree(folder, ignore_errors=not folder.exists())     # gone already when this is tried again
        with primary.connect("postgres") as session:
            session.query("select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                          f"where slot_name = {pgwire.literal(slot_name(self.region))} and not active")
        self.make_standby(primary, secrets, wait)

    def replication_conninfo(self, secrets, name=None):
        """How another region's server streams from this one. The password is in a file."""
        application = f" application_name={slot_name(name)}" if name else ""
        host, port = self.streams_from or self.lab.replication_address(self.region)
        return (f"host={host} port={port} user={REPLICATOR} sslmode=disable gssencmode=disable "
                f"passfile={secrets.server_file('replicator.pgpass', self.user)}{application}")

    def _make_folders(self):
        for folder, mode in ((self.data, 0o700), (self.run, 0o755)):
            folder.mkdir(parents=True, mode=mode)
            if self.user:
                shutil.chown(folder, self.user)

    def _write_settings(self):
        included = self.data / "lab.conf"
        included.write_text(SETTINGS.format(listen=", ".join(self.listens), port=self.port, run=self.run))
        main = self.data / "postgresql.conf"
        text = main.read_text()
        if "lab.conf" not in text:
            main.write_text(text + "\ninclude 'lab.conf'\n")
        (self.data / "pg_hba.conf").write_text(
            ACCESS.format(subnet=self.lab.network.subnet, replicator=REPLICATOR))

    def _make_roles(self, secrets):
        with self.connect(dbname="postgres") as session:
            session.query(f"create role {REPLICATOR} login replication password "
                          + pgwire.literal(secrets.get("replicator")))
            # as etc/postgresql-setup.sql says of pg_rewind
            session.query("grant execute on function pg_ls_dir(text, boolean, boolean), pg_stat_file(text, boolean), "
                          "pg_read_binary_file(text), pg_read_binary_file(text, bigint, bigint, boolean), "
                          "pg_control_checkpoint() to " + REPLICATOR)
            session.query(f"grant pg_checkpoint to {REPLICATOR}")
            session.query(f"create role {APPLICATION} login password "
                          + pgwire.literal(secrets.get("application")))
            session.query("create database shop")
            # the file that people run with psql, as it is; it holds no psql commands
            session.query(SETUP_SQL.read_text())
            for role, secret in (("failoverd", "failoverd"), ("failoverd_canary", "canary"),
                                 ("failoverd_commit", "commit")):
                session.query(f"alter role {role} password {pgwire.literal(secrets.get(secret))}")
        with self.connect() as session:
            session.query(APPLICATION_SQL.format(application=APPLICATION))

    def _command(self, program, *args, timeout_s=60):
        """A PostgreSQL program, in the region's place and as the server's user, to its end."""
        argv = self.lab.prefix(self.region, self.user) + [str(self._bin / program), *map(str, args)]
        network.run(argv, timeout_s=timeout_s, env=self.lab.environment(self.region), cwd=self.folder)

    # -- running --------------------------------------------------------------------------------

    def start(self, private=False, wait=True):
        """`private`: without any address and with no door, so that it can be read but not reached."""
        argv = [str(self._bin / "postgres"), "-D", str(self.data)]
        if private:
            argv += ["-c", "listen_addresses=", "-c", "session_preload_libraries="]
        self.process = self.lab.spawn(self.region, f"postgres-{self.folder.name}", argv, user=self.user, cwd=self.folder)
        if wait:
            self.lab.wait_for(self._answers, START_DEADLINE_S, f"PostgreSQL of {self.region} answers")

    def stop(self):
        """A clean, fast shutdown."""
        self.process.end(signal.SIGINT)

    def processes(self):
        """Pids of the postmaster, first, and of every process of it; empty when it does not run."""
        if self.process is None or not self.process.running():
            return []
        postmaster = self.process.pid
        try:
            children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        except OSError:
            return []
        return [postmaster, *map(int, children)]

    def signal(self, number):
        """To all of them. Returns how many there were."""
        pids = self.processes()
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        return len(pids)

    def kill(self):
        """kill -9 of everything. The postmaster is stopped first, so that it has no more children than seen."""
        self.process.expected_end = True
        self.process.send(signal.SIGSTOP)
        self.signal(signal.SIGKILL)
        self.process.kill()

    def _answers(self):
        try:
            with self.connect(dbname="postgres"):
                return True
        except pgwire.PgError:
            return False

    def connect(self, dbname="shop", timeout_s=10.0):
        """A superuser's session over the unix socket."""
        return pgwire.connect_unix(self.run, self.port, SUPERUSER, dbname, self.lab.secrets.get("superuser"), timeout_s)

    def value(self, sql, dbname="shop", timeout_s=10.0):
        with self.connect(dbname, timeout_s) as session:
            return session.value(sql, timeout_s)

    def promote(self):
        """By hand, for the lab's own test. Returns when it takes writes."""
        return self.value("select pg_promote(true, 30)", "postgres", timeout_s=35) == "t"

    def is_standby(self):
        return self.value("select pg_is_in_recovery()", "postgres") == "t"

    def streaming(self):
        """On a primary: the regions' slots that stream from it now."""
        with self.connect("postgres") as session:
            rows = session.query("select application_name from pg_stat_replication where state = 'streaming'")
        return {row[0] for row in rows}


def slot_name(region):
    return region.replace("-", "_")
