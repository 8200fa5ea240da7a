#!/usr/bin/env python3
"""A planned move of a writer that is well: nothing is lost, under load, or it goes back and the old writer writes on.

    switchover_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import re
import subprocess
import threading
import time

import e2e
from e2e import EAST, SERVICE, WEST, WITNESS, checker, labs
import postgres            # of tests/regions, which e2e puts on the path
from return_test import with_hook
import rounds

CLIENTS = 3                     # beside the first; each follows the name
RATE = 60
ORDER_LIMIT_S = 60
REJOIN_LIMIT_S = 60
BACK_DEADLINE_S = 6             # step_deadline.fence of the case that goes back
SLOW_MS = 300
STALL_LIMIT_S = 30              # of the clients' writes; only a hang is longer, the measured time is printed
PGBENCH_CLIENTS, PGBENCH_TPS, PGBENCH_SCALE = 4, 300, 4      # what two cores carry beside three regions
PGBENCH_RUN_S, PGBENCH_LIMIT_S = 4, 60
PROCESSED = re.compile(r"number of transactions actually processed: (\d+)")
PLAN = ["begin", "shut", "fence", "catch_up", "freeze", "compare", "grant", "lease", "promote", "open", "hooks", "cut_over", "verify",
        "finish"]


def kernel(**more):
    """Heartbeats not so quick that a busy machine's pause is a silence: a guard just back from one is not relied on."""
    return e2e.brisk(heartbeat="400ms", renew_every="400ms", **more)


def bring_up(lab, change=None):
    """Everything is well and several clients write, each a row at a time."""
    e2e.bring_up(lab, change=change, rate=RATE)
    for number in range(CLIENTS):
        lab.start_writer(f"client-{number}", rate=RATE)
    lab.wait_for(lambda: all(len(w.receipts()) > 20 for w in lab.writers.values()), 15, "all clients write")


def switchover(lab, region, to, *more):
    """(exit code, what it printed) of the operator's order at that region's coordinator."""
    return e2e.order(lab, region, "switchover", SERVICE, "--to", to, *more)


def dry(lab, to=WEST):
    code, output, _ = lab.failoverctl(to, "switchover", SERVICE, "--to", to, "--dry-run", "--json")
    return json.loads(output) if code in (0, 3) else {}


def ready(lab, to=WEST):
    """Also a guard of the old writer that was silent for a moment is relied on again."""
    lab.wait_for(lambda: dry(lab, to).get("would_run"), 30, f"a switchover to {to} would begin")


def failback_plan(lab):
    """Asked at the node that carried the switchover out, which knows how long each step took."""
    code, output, _ = lab.failoverctl(WEST, "plan", "failback", SERVICE, "--json")
    return code, json.loads(output)


def seen_from_elsewhere(suite, lab):
    """The witness carried nothing out: it knows by the ledger how long the whole took."""
    ended = e2e.awaited_events(lab, "operation_ended", [WITNESS])[-1]
    told = json.loads(e2e.order(lab, WITNESS, "history", "--json")[1])["operations"][0]
    code, output, _ = lab.failoverctl(WITNESS, "plan", "switchover", SERVICE, "--to", EAST, "--json")
    estimate = json.loads(output)["estimate"]
    suite.expect(told["outcome"] == "done" and told["steps"] == [] and 0 < told["total_ms"] == ended["took_ms"]
                 and estimate["total_ms"] is None and (estimate["seen_total_ms"], estimate["seen_runs"]) == (told["total_ms"], 1),
                 f"the witness knows by the ledger that it took {told['total_ms'] / 1000:.2f} s", (told, estimate))


def move(suite, lab, to, what, asked=None):
    """There, under load: done, every step, in order, by the old guard's own word, and nothing lost. `asked`: the region
    whose coordinator gets the order, if not the target's."""
    old = next(region for region in lab.serving if region != to)
    ready(lab, to)
    epoch, began_us = e2e.status_of(lab, to)["epoch"], rounds.boot_us()
    code, output = switchover(lab, asked or to, to, "--reason", what, "--yes")
    if not suite.expect(code == 0 and f"writer of {SERVICE} is {to}" in output, f"{what}: switchover to {to}, exit code 0", output):
        return
    lab.wait_for(lambda: all(e2e.writes_in(lab, w, to) for w in lab.writers.values()), 20, f"every client writes to {to}")
    suite.expect(e2e.status_of(lab, to)["epoch"] == epoch + 2, f"{what}: two epochs on: none was the writer, then {to}")
    told = json.loads(e2e.order(lab, to, "history", "--json")[1])["operations"][0]
    suite.expect(told["kind"] == "switchover" and told["outcome"] == "done" and told["proof"] == "released" and told["loss"]["bytes"] == 0
                 and (told["from"], told["to"]) == (old, to), f"{what}: history: a switchover, done, fence released, no loss", told)
    e2e.awaited_events(lab, "step_done", [to], step="finish", operation=told["id"])
    done = {line["step"]: line["mono_us"] for line in e2e.events(lab, "step_done", [to], operation=told["id"])}
    suite.expect([s for s in PLAN if s in done] == PLAN and [done[s] for s in PLAN] == sorted(done.values()),
                 f"{what}: every step was done, in the plan's order", done)
    suite.expect("No client could write for about" in output or asked not in (None, to), f"{what}: it says for how long no client could write", output)
    suite.expect(0 < told["stopped_ms"] <= told["total_ms"], f"{what}: history says that no client could write for {told['stopped_ms'] / 1000:.2f} s", told)
    counts = {w: len(w.receipts()) for w in lab.writers.values()}
    lab.wait_for(lambda: all(len(w.receipts()) > counts[w] + 20 for w in counts), 20, "every client writes on there")
    nothing_lost(suite, lab, to, what)
    stall_s = max(stall_of(w, began_us) for w in lab.writers.values())
    parts = ", ".join(f"{s['name']} {s['took_ms']:.0f}" for s in told["steps"] if (s["took_ms"] or 0) >= 1)
    suite.expect(stall_s < STALL_LIMIT_S, f"{what}: the longest write stall of a client was {stall_s:.2f} s, and the operation took "
                 f"{told['total_ms'] / 1000:.2f} s (ms: {parts})")


def stall_of(writer, since_us):
    """The longest time between two acknowledged rows since a moment before."""
    times = sorted(r.boot_us for r in writer.receipts() if r.boot_us >= since_us - 1_000_000)
    return max((b - a for a, b in zip(times, times[1:])), default=0) / 1e6


def nothing_lost(suite, lab, writer, what):
    """Every row that was ever acknowledged is in the writer's database, once, and there were never two writers."""
    receipts = lab.all_receipts()               # before the rows are read: the clients write on
    window_us, late = checker.split_brain(receipts)
    suite.expect(not late, f"{what}: two writers for {window_us / 1000:.0f} ms, with {len(late)} writes", late[:5])
    with lab.databases[writer].connect() as session:
        counted = checker.count(receipts, checker.read_rows(session))
    suite.expect(not counted.lost and not counted.doubled, f"{what}: of {counted.acknowledged} acknowledged rows {len(counted.lost)} lost, "
                 f"{counted.doubled} doubled", counted.lost[:5])


class Pgbench:
    """pgbench's own TPC-B-like load on whichever region the name leads to, a run after the other, since it does not go
    on when its server goes. What it says that it processed is what was acknowledged to it."""

    def __init__(self, lab):
        self._lab, self._over, self._process = lab, threading.Event(), None
        self.acknowledged, self.regions, self.broken = 0, {}, 0
        with lab.databases[EAST].connect() as session:
            session.query(f"grant create on schema public to {postgres.APPLICATION}")
        self._run(lab.network.address[EAST], "-i", "-q", "-s", PGBENCH_SCALE)
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def _run(self, address, *words):
        """What it printed; a run whose server goes ends within some seconds, and says what it had processed until then."""
        target = (f"host={address} port={postgres.PORT} dbname=shop user={postgres.APPLICATION} connect_timeout=2 "
                  "tcp_user_timeout=1500 keepalives_idle=1 keepalives_interval=1 keepalives_count=2")
        argv = self._lab.prefix("clients") + [str(postgres.binaries() / "pgbench"), *map(str, words), target]
        environment = {**self._lab.environment("clients"), "PGPASSWORD": self._lab.secrets.get("application")}
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env=environment, cwd=self._lab.folder) as self._process:
            try:
                return self._process.communicate(timeout=PGBENCH_LIMIT_S)[0]
            except subprocess.TimeoutExpired:
                self._process.kill()
                return self._process.communicate()[0]

    def _go_on(self):
        while not self._over.is_set():
            address = next(iter(self._lab.resolve()), self._lab.network.address[EAST])
            region = self._lab.region_of(address)
            output = self._run(address, "-n", "-c", PGBENCH_CLIENTS, "-R", PGBENCH_TPS, "-T", PGBENCH_RUN_S)
            found = PROCESSED.search(output)
            processed = int(found.group(1)) if found else 0
            self.acknowledged += processed
            self.regions[region] = self.regions.get(region, 0) + processed
            self.broken += "aborted" in output or not found
            self._over.wait(0.2)

    def end(self):
        self._over.set()
        self._thread.join(PGBENCH_LIMIT_S + PGBENCH_RUN_S)
        if self._thread.is_alive():
            raise labs.LabError("pgbench does not end")


def returned(lab):
    return e2e.status_of(lab, EAST).get("returned") or {}


def rejoin(suite, lab):
    """The old primary has what it wrote behind its fence by itself, but no row that the new one lacks."""
    lab.wait_for(lambda: returned(lab).get("state") == "listed", 40, "us-east-1 has looked at what its database has more")
    seen = returned(lab)
    suite.expect(seen.get("bytes") == 0 or seen.get("transactions") == 0, f"the old primary has no transaction that the new one lacks: {seen.get('text')}", seen)
    lab.databases[EAST].process.expected_end = True         # the hook ends the lab's server and starts its own
    code, output, error = lab.failoverctl(EAST, "rejoin", SERVICE, "--reason", "standby of the new one", "--yes", timeout_s=REJOIN_LIMIT_S)
    suite.expect(code == 0 and lab.databases[EAST].is_standby(), "the old primary is rejoined: a standby that streams", output + error)
    e2e.all_well(lab, writer=WEST)


def test_kernel(suite, lab):
    """There and home again."""
    bring_up(lab, change=with_hook(lab))
    ready(lab)
    code, output = switchover(lab, WEST, WEST, "--dry-run")
    suite.expect(code == 0 and all(word in output for word in ("catch_up", "lose nothing", "failoverctl rejoin shop", "hooks.rejoin")),
                 "a dry run: it would begin; steps, and that the old primary has to be rejoined", output)
    suite.expect(e2e.status_of(lab, WEST)["writer"] == EAST and not e2e.failovers_begun(lab), "and it changed nothing")
    code, output = switchover(lab, WEST, EAST, "--reason", "a slip", "--yes")
    suite.expect(code == 3 and "writer already" in output, "to the present writer: refused, exit code 3", output)
    move(suite, lab, WEST, "away")
    seen_from_elsewhere(suite, lab)
    code, plan = failback_plan(lab)
    suite.expect(code == 3 and plan["failback"]["rejoin"]["ready"] is not True, f"plan failback: {plan['failback']}", plan)
    rejoin(suite, lab)
    code, plan = failback_plan(lab)
    suite.expect(code == 0 and plan["to"] == EAST and plan["failback"]["rejoin"]["ready"] and plan["failback"]["switchover_ready"]
                 and all(s["runs"] == 1 for s in plan["steps"] if s["name"] != "shift") and plan["estimate"]["total_ms"] > 0,
                 f"rejoined: plan failback would begin; {plan['failback']['rejoin']['text']}; {plan['estimate']}", plan)
    move(suite, lab, EAST, "home", asked=WEST)      # at the old writer's own node


def test_pgbench(suite, lab):
    """Beside the clients with receipts; each transaction that pgbench was told of is a row of pgbench_history."""
    bring_up(lab)
    load = Pgbench(lab)
    lab.wait_for(lambda: load.regions.get(EAST, 0) > PGBENCH_TPS, 30, "pgbench writes")
    e2e.all_well(lab)
    move(suite, lab, WEST, "under pgbench")
    lab.wait_for(lambda: load.regions.get(WEST, 0) > PGBENCH_TPS, 40, "pgbench writes on there")
    load.end()
    with lab.databases[WEST].connect() as session:
        kept = int(session.value("select count(*) from pgbench_history"))
        balanced = session.value("select (select sum(delta) from pgbench_history) = (select sum(abalance) from pgbench_accounts)")
    suite.expect(load.acknowledged <= kept <= load.acknowledged + PGBENCH_CLIENTS * load.broken and balanced == "t",
                 f"pgbench was told of {load.acknowledged} transactions ({load.regions}), and {kept} are there; sums agree: {balanced}")


def test_door(suite, lab):
    bring_up(lab)
    move(suite, lab, WEST, "by the door", asked=WITNESS)
    code, output = e2e.order(lab, EAST, "status")
    suite.expect(code == 0 and "Make it a standby" in output, "status on the old primary's node says that it has to become a standby", output)


def test_commit_lease(suite, lab):
    """Commits hang in the old writer's guard, too, from the moment that its lease ends."""
    bring_up(lab)
    move(suite, lab, WEST, "with a commit lease", asked=EAST)


def hurried(content):
    content["services"][SERVICE]["step_deadline"]["fence"] = f"{BACK_DEADLINE_S}s"


def test_held_back(suite, lab):
    """The standby is healthy and within the RPO when it begins, and gets nothing more."""
    bring_up(lab, change=hurried)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    ready(lab)
    lab.links(silent="both", only="replication")
    before = lab.writers["client"].last_receipt().sequence
    lab.wait_for(lambda: lab.writers["client"].last_receipt().sequence > before + 30, 10, "rows that the standby does not get")
    began = time.monotonic()
    code, output = switchover(lab, WEST, WEST, "--reason", "maintenance", "--yes")
    took_s = time.monotonic() - began
    print("      " + output.replace("\n", "\n      "))
    suite.expect(code == 1 and "aborted" in output and f"writer of {SERVICE} is {EAST}" in output,
                 f"it can't catch up: it goes back after {took_s:.1f} s, exit code 1", output)
    suite.expect("catch_up" in output and "did not get in time all that the old writer had acknowledged" in output,
                 "and says why, in words", output)
    suite.expect(lab.databases[WEST].is_standby(), "the standby is a standby still")
    back_us = rounds.boot_us()
    writes_again = lambda w: w.last_receipt().boot_us > back_us and e2e.writes_in(lab, w, EAST)
    lab.wait_for(lambda: all(map(writes_again, lab.writers.values())), 20, "every client writes to us-east-1 again")
    nothing_lost(suite, lab, EAST, "gone back")
    told = json.loads(e2e.order(lab, WEST, "history", "--json")[1])["operations"][0]
    suite.expect(told["kind"] == "switchover" and told["outcome"] == "aborted" and told["aborted"]["step"] == "catch_up"
                 and told["aborted"]["gate"] == "loss_within_rpo", "history: a switchover, aborted at catch_up", told)
    suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch + 2, "two epochs on: none was the writer, then us-east-1 again")
    lab.links(delay_ms=SLOW_MS, only="replication")     # a core that did not wait would lose some now
    e2e.all_well(lab)
    move(suite, lab, WEST, "replication slow")


def test_region_lost(suite, lab):
    """While it waits for the standby, the old writer's region dies: it goes back, and that is a failover then."""
    bring_up(lab, change=hurried)
    ready(lab)
    lab.links(silent="both", only="replication")
    before = lab.writers["client"].last_receipt().sequence
    lab.wait_for(lambda: lab.writers["client"].last_receipt().sequence > before + 30, 10, "rows that the standby does not get")
    code, output = switchover(lab, WEST, WEST, "--reason", "maintenance", "--yes", "--no-wait")
    suite.expect(code == 6, "begun, and not waited for: exit code 6", output)
    lab.wait_for(lambda: e2e.events(lab, "step_started", [WEST], step="catch_up"), 15, "it waits for the standby")
    lab.kill_region(EAST)
    lab.wait_for(lambda: e2e.events(lab, "operation_aborted", [WEST]), 30, "it goes back")
    lab.wait_for(lambda: all(e2e.writes_in(lab, w, WEST) for w in lab.writers.values()), 40, "then a failover moves the writer: clients write")
    e2e.wait_until_done(lab, WEST, 30)
    told = json.loads(e2e.order(lab, WEST, "history", "--json")[1])["operations"]
    suite.expect([(o["kind"], o["outcome"]) for o in told[:2]] == [("failover", "done"), ("switchover", "aborted")],
                 "history: the switchover went back, a failover followed", told[:2])
    receipts = lab.all_receipts()
    suite.expect(not checker.split_brain(receipts)[1], "never two writers")
    with lab.databases[WEST].connect() as session:
        counted = checker.count(receipts, checker.read_rows(session))
    estimate = e2e.loss_estimate(lab, WEST)
    suite.expect(not counted.doubled and len(counted.lost) <= estimate["loss_bytes"] / 100,
                 f"{len(counted.lost)} rows lost that never left us-east-1, by the failover, which said {estimate['loss_bytes']} bytes", estimate)


def test_refused(suite, lab):
    """Each by the gate's name, exit code 3, and the clients notice nothing."""
    bring_up(lab)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    lab.misbehave(WEST, "unhealthy")
    expect_gate(suite, lab, "target_healthy", "the target's region is not healthy")
    lab.misbehave(WEST, "")
    ready(lab)
    lab.coordinators[EAST].kill()
    code, output = expect_gate(suite, lab, "fence", "the old writer's guard is dead")
    suite.expect("start failoverd there" in output, "and says what to do", output)
    now = e2e.status_of(lab, WEST)
    suite.expect(now["writer"] == EAST and now["epoch"] == epoch and not now["operation"], "nothing has begun", now["headline"])
    nothing_lost(suite, lab, EAST, "refused")


def expect_gate(suite, lab, gate, what):
    lab.wait_for(lambda: dry(lab).get("shut") == [gate], 30, f"a dry run names {gate} as the one that is shut")
    code, output = switchover(lab, WEST, WEST, "--reason", "try", "--yes")
    suite.expect(code == 3 and f"the gate {gate}" in output, f"{what}: refused by the gate {gate}, exit code 3", output)
    return code, output


if __name__ == "__main__":
    e2e.main("switchover", [
        ("there and home: the fence is the kernel's", test_kernel, 90, kernel()),
        ("there, under pgbench", test_pgbench, 110, kernel()),
        ("there: the fence is the door", test_door, 90, rounds.lab_options("door")),
        ("there, with a commit lease", test_commit_lease, 90, kernel(commit_lease=True)),
        ("replication held back: it goes back", test_held_back, 90, kernel() | {"proxied": True}),
        ("the old writer's region is lost meanwhile", test_region_lost, 90, kernel() | {"proxied": True}),
        ("refused, by the gate's name", test_refused, 90, rounds.lab_options("door")),
    ])
