#!/usr/bin/env python3
"""The commit lease: a guard that is paused or dead hangs commits, over TCP and over a Unix socket alike,
and none is acknowledged before it holds its lease again; the other nodes say why. With a synchronous
standby besides, a failover loses nothing that was acknowledged.

    commit_lease_test.py [WORD...]      only the cases whose title holds one of the words

Where the guard is paused the fence is the door, which a paused guard can't shut: what keeps commits from
being acknowledged there is the commit lease alone.
"""
import pathlib
import signal
import threading
import time

import e2e
from e2e import EAST, WEST, checker, cluster_files

import pgwire                                                                          # noqa: E402
import postgres                                                                        # noqa: E402

HANGS_FOR_S = 4                 # well past the lease
PATIENCE_MS = 30000             # of a client that waits for its answer as an application does
BEHIND_MS = 40                  # how far the standby is behind: without its word rows of that time would be lost
UNHEARD_S = 0.3                 # well within a lease
CLIENTS = 4
SETTING = "select current_setting('synchronous_standby_names')"


class SocketClient:
    """Writes rows one by one over the database's Unix socket, which no kernel fence covers, and keeps when
    each was acknowledged. Ends with stop(), whatever the server does."""

    def __init__(self, lab, region):
        self._database, self._password = lab.databases[region], lab.secrets.get("application")
        self.acknowledged, self.errors, self._ends = [], [], False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        sequence = 0
        while not self._ends:
            try:
                with pgwire.connect_unix(self._database.run, postgres.PORT, postgres.APPLICATION, "shop", self._password,
                                         timeout_s=5, application="socket") as session:
                    while not self._ends:
                        sequence += 1
                        session.query(f"insert into orders (client, sequence) values ('socket', {sequence})", timeout_s=60)
                        self.acknowledged.append((time.time(), sequence))
                        time.sleep(0.01)
            except (pgwire.PgError, OSError) as error:
                self.errors.append(str(error))
                time.sleep(0.05)

    def stop(self):
        self._ends = True
        self._thread.join(5)

    def after(self, moment):
        return [a for a in self.acknowledged if a[0] > moment]

    def receipts(self):
        """As the other clients leave them: all from the one server, and the one timeline that it was the writer on."""
        to_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME) - time.time()
        return [checker.Receipt("socket", sequence, int(at * 1e6), self._database.address, int((at + to_boot_s) * 1e6), 1)
                for at, sequence in self.acknowledged]


def commit_lease(lab, region=EAST):
    return e2e.status_of(lab, region).get("commit_lease") or {}


def in_force(lab):
    lab.wait_for(lambda: commit_lease(lab).get("phase") == "in_force", 15, "the commit lease of us-east-1 is in force")


def errors_of(client):
    return [e for e in client.events() if e["event"] == "error"]


def warning(lab, region, code):
    return next((w["text"] for w in (lab.status(region) or {}).get("warnings", []) if w["code"] == code), "")


def acknowledged_after(client, moment):
    return [r for r in client.receipts() if r.at_us / 1e6 > moment]


def test_paused(suite, lab):
    """SIGSTOP of the guard under load; nobody fails over, since a person would have to."""
    client = e2e.bring_up(lab)
    in_force(lab)
    local = SocketClient(lab, EAST)
    try:
        paused(suite, lab, client, local)
    finally:
        local.stop()


def paused(suite, lab, client, local):
    lab.wait_for(lambda: len(local.acknowledged) > 20, 10, "a client writes over the Unix socket")
    east = lab.databases[EAST]
    suite.expect(east.value("select sync_state from pg_stat_replication where usename = 'failoverd_commit'") == "sync",
                 "the guard is a synchronous standby of its own primary")
    suite.expect("failoverd_shop_f" in east.value(SETTING), "the setting names it", east.value(SETTING))
    guard = lab.coordinators[EAST]
    stop(lab, guard)
    stopped = time.time()
    try:
        time.sleep(HANGS_FOR_S)
        # What it confirmed before may still be on its way, and a client has one row at a time.
        late, local_late = acknowledged_after(client, stopped), local.after(stopped)
        suite.expect(len(late) <= 1 and len(local_late) <= 1,
                     f"guard paused: no commit acknowledged for {HANGS_FOR_S} s, nor over the Unix socket", (late[:3], local_late[:3]))
        waiting = int(east.value("select count(*) from pg_stat_activity where wait_event = 'SyncRep'"))
        suite.expect(waiting >= 2 and east.value("select count(*) from orders") is not None,
                     f"{waiting} commits wait, and reads go on")
        lab.wait_for(lambda: "commit lease" in warning(lab, WEST, "commits_wait"), 10, "us-west-2 says why")
        suite.expect(True, "us-west-2 says why: " + warning(lab, WEST, "commits_wait"))
        waits = e2e.region_in(e2e.status_of(lab, WEST), EAST).get("commits_waiting") or {}
        suite.expect(waits.get("count", 0) >= 2 and waits.get("commit_lease") and waits.get("longest_ms", 0) > 1000,
                     f"and how many for how long: {waits}")
        code, output = e2e.order(lab, WEST, "status")
        suite.expect("wait for the commit lease" in output, f"failoverctl status shows it (exit code {code})", output)
        suite.expect(waiting_probes(east) <= len(lab.regions), "the checks leave at most one waiting session each behind",
                     waiting_probes(east))
    finally:
        resumed = time.time()
        guard.send(signal.SIGCONT)
    lab.wait_for(lambda: acknowledged_after(client, resumed) and local.after(resumed), 20, "both clients write again after SIGCONT")
    in_force(lab)
    suite.expect(not e2e.failovers_begun(lab), "guard continued: both clients write again, no failover")
    local.stop()
    client.process.end()
    present = {int(n) for (n,) in rows(east, "select sequence from orders where client = 'socket'")}
    suite.expect(all(n in present for _at, n in local.acknowledged), "every acknowledged row of the Unix socket is there")
    counted = e2e.expect_one_writer(suite, lab, client, EAST)
    suite.expect(not counted.lost, "and of the other client's", counted.lost[:5])


def stop(lab, process):
    """SIGSTOP; all of its threads have stopped when this returns."""
    def states():
        return [path.read_text().rpartition(")")[2].split()[0] for path in pathlib.Path(f"/proc/{process.pid}/task").glob("*/stat")]
    process.send(signal.SIGSTOP)
    lab.wait_for(lambda: set(states()) == {"T"}, 5, f"{process.name} is stopped")


def waiting_probes(database):
    return int(database.value("select count(*) from pg_stat_activity where wait_event = 'SyncRep' and usename = 'failoverd'"))


def rows(database, sql):
    with database.connect() as session:
        return session.query(sql)


def test_restarted(suite, lab):
    """kill -9 of the guard and a start within its lease, then the mode is left. Commits stall while there is no
    guard, so the client that is asked is one that waits for its answer as an application does."""
    e2e.bring_up(lab).process.end()
    in_force(lab)
    client = lab.start_writer("patient", rate=100, patience_ms=PATIENCE_MS)
    lab.wait_for(lambda: len(client.receipts()) > 50, 10, "the client writes")
    errors, first = len(errors_of(client)), commit_lease(lab)["name"]
    east, epoch = lab.databases[EAST], e2e.status_of(lab, EAST)["epoch"]
    killed = time.time()
    lab.coordinators[EAST].kill()
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: acknowledged_after(client, killed + 0.1), 15, "the client writes on")
    in_force(lab)
    second = commit_lease(lab)["name"]
    before = client.last_receipt().sequence
    lab.wait_for(lambda: client.last_receipt().sequence > before + 50, 10, "50 rows more")
    gap = e2e.gap_s(client.receipts(), int((killed - 0.5) * 1e6))
    suite.expect(len(errors_of(client)) == errors, f"guard killed and restarted within its lease: no write refused, the longest pause {gap:.2f} s",
                 errors_of(client)[-3:])
    suite.expect(first != second and second in east.value(SETTING) and first not in east.value(SETTING),
                 "the new instance took the old one's place in the setting", (first, second, east.value(SETTING)))
    suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch and not e2e.failovers_begun(lab), "no failover, the same epoch")
    left(suite, lab, client, east)


def left(suite, lab, client, east):
    """commit_lease.enabled becomes false: under its first lease the guard takes the setting back."""
    configuration = lab.folder / "cluster.json"
    configuration.write_text(configuration.read_text().replace('"commit_lease": {\n        "enabled": true', '"commit_lease": {\n        "enabled": false'))
    errors = len(errors_of(client))
    lab.coordinators[EAST].end()
    stopped = time.time()
    time.sleep(1)
    suite.expect(len(acknowledged_after(client, stopped)) <= 1 and "failoverd_shop" in east.value(SETTING),
                 "stopped, the guard leaves the setting as it is: commits wait for the next")
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: east.value(SETTING) == "", 15, "the setting is taken back")
    before = client.last_receipt().sequence
    lab.wait_for(lambda: client.last_receipt().sequence > before + 50, 10, "the client writes on")
    suite.expect(len(errors_of(client)) == errors and commit_lease(lab) == {}, "not enabled any more: restored, what waited went on, no write refused",
                 errors_of(client)[-3:])
    suite.expect(east.value("select count(*) from pg_stat_replication where usename = 'failoverd_commit'") == "0", "and the guard streams no more")
    client.process.end()
    counted = e2e.expect_one_writer(suite, lab, client, EAST)
    suite.expect(not counted.lost, "no acknowledged row is lost", counted.lost[:5])


# ---- with a synchronous standby besides ---------------------------------------------------------

def both_confirm(lab):
    """The administrator names the standby, who knows nothing of the commit lease; the guard puts itself back beside it.
    The standby is a little behind from now on, as in another region."""
    east = lab.databases[EAST]
    east.value(f"alter system set synchronous_standby_names = '{postgres.slot_name(WEST)}'", "postgres")
    east.value("select pg_reload_conf()", "postgres")
    wanted = {("failoverd_commit", "sync"), (postgres.REPLICATOR, "sync")}
    lab.wait_for(lambda: set(rows(east, "select usename, sync_state from pg_stat_replication")) == wanted, 15,
                 "commits wait for the guard and for the standby")
    lab.links(delay_ms=BEHIND_MS)


def nothing_lost(suite, lab, lose, what, then=None):
    """Clients that follow the name, one inside us-east-1 over TCP and one over the Unix socket; us-east-1 is lost."""
    clients = [e2e.bring_up(lab)]
    clients += [lab.start_writer(f"client{i}", rate=100) for i in range(1, CLIENTS)]
    clients.append(lab.start_writer("inside", rate=100, region=EAST))
    in_force(lab)
    both_confirm(lab)
    local = SocketClient(lab, EAST)
    try:
        counts = [len(client.receipts()) for client in clients]
        lab.wait_for(lambda: len(local.acknowledged) > 20 and
                     all(len(client.receipts()) > n + 20 for client, n in zip(clients, counts)), 20, "every client writes, and each commit waits for both")
        lose()
        e2e.wait_for_writes_in(lab, clients[0], WEST, 30)
        e2e.wait_until_done(lab, WEST, 30)
        if then:
            then()
    finally:
        local.stop()
    for client in clients:
        client.process.end()
    receipts = lab.all_receipts() + local.receipts()
    with lab.databases[WEST].connect() as session:
        counted = checker.count(receipts, checker.read_rows(session))
    suite.expect(not counted.lost, f"{what}: {len(counted.lost)} of {counted.acknowledged} acknowledged rows lost, "
                 f"{len(local.acknowledged)} of them over the Unix socket", counted.lost[:5])
    suite.expect(counted.doubled == 0, f"{what}: no row twice")
    window_us, late = checker.split_brain(receipts)
    suite.expect(not late, f"{what}: two writers for {window_us / 1000:.0f} ms with {len(late)} writes", late[:5])


def test_synchronous_killed(suite, lab):
    """kill -9 of everything in the region under load, when the standby has heard nothing for a moment: what was on its
    way to it never arrives, so whatever was acknowledged without its word would be lost."""
    def lose():
        lab.links(silent="both")
        time.sleep(UNHEARD_S)
        lab.kill_region(EAST)
        lab.links(resets=1)
    nothing_lost(suite, lab, lose, "killed")


def test_synchronous_cut_off(suite, lab):
    """The region lives on behind the cut with two clients inside, and comes back."""
    def back():
        lab.network.heal()
        lab.wait_for(lambda: e2e.status_of(lab, EAST).get("writer") == WEST, 20, "us-east-1 is back and knows who the writer is")
        time.sleep(1)                                   # for its clients to try
    nothing_lost(suite, lab, lambda: lab.network.isolate(EAST), "cut off", back)


PAUSED = {"thresholds": cluster_files.Thresholds(commit_lease=True, mode="manual", ladder=("door",), lease="2s")}
# Without a guard commits wait, so to the others the region fails: for longer here than any machine takes to start one.
RESTARTED = {"thresholds": cluster_files.Thresholds(commit_lease=True, lease="8s", renew_every="500ms", health_for="7s", database_for="7s")}
SYNCHRONOUS = e2e.brisk(commit_lease=True) | {"proxied": True}

e2e.main("commit lease", [
    ("the guard paused", test_paused, 90, PAUSED),
    ("the guard restarted within its lease, and the mode left", test_restarted, 90, RESTARTED),
    ("the region killed, with a synchronous standby besides", test_synchronous_killed, 90, SYNCHRONOUS),
    ("the region cut off, with a synchronous standby besides", test_synchronous_cut_off, 90, SYNCHRONOUS),
])
