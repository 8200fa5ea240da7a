#!/usr/bin/env python3
"""The coordinator that carries a failover out is killed with -9, at every step: the failover is finished,
by it when it is back or by another of its region, and every step's effect happens once.

    killed_executor_test.py [WORD...]      only the cases whose title holds one of the words
"""
import time

import e2e
from e2e import EAST, NAMES, WEST, WITNESS, cluster_files, labs
from journal_tail import JournalTail

STEPS = ("begin", "shut", "fence", "freeze", "compare", "grant", "lease", "promote", "open", "hooks", "cut_over", "verify",
         "finish")
WATCH_S = 0.002
FINISH_DEADLINE_S = 60
SECOND = "usw2-b"
MORE = {SECOND: (WEST, 7401), "euw1-b": (WITNESS, 7401)}


def wait_for_step(lab, tail, steps, deadline_s):
    """The first of these steps to be started, seen at once. None when the operation is done before."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        for line in tail.new_lines():
            if line.get("event") == "step_started" and line.get("step") in steps:
                return line["step"]
            if line.get("event") == "operation_done":
                return None
        time.sleep(WATCH_S)
    raise labs.LabError(f"none of the steps {', '.join(steps)} was begun within {deadline_s} s")


def expect_finished_once(suite, lab, client, what):
    """Over, at the epochs of one failover; promoted once; one DNS batch per epoch, the newest ours."""
    e2e.wait_until_done(lab, WITNESS, FINISH_DEADLINE_S)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    service = e2e.status_of(lab, WITNESS)
    suite.expect(e2e.timeline_of(lab, WEST) == 2, f"{what}: promoted once, timeline 2")
    applied = e2e.batches(lab)
    suite.expect(all(len(of_epoch) == 1 for of_epoch in applied.values()),
                 f"{what}: one applied DNS batch per epoch: { {k: len(v) for k, v in applied.items()} }")
    # a takeover after the UPSERT was sent is a newer epoch, with a batch of its own
    suite.expect(list(applied) == sorted(applied) and max(applied) == service["epoch"],
                 f"{what}: never backwards, the last of them of the ledger's epoch {service['epoch']}")
    suite.expect(lab.resolve() == [lab.network.address[WEST]], f"{what}: the name leads to us-west-2")
    suite.expect(service["last_operation"]["outcome"] == "done", f"{what}: the ledger says done", service["last_operation"])
    time.sleep(0.5)
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, WEST, lost_at_most=100)     # a second's: replication lags
    return service


LEFT = set(STEPS)               # not struck at yet


def test_every_step(last):
    """One failover, its executor killed as soon as each step begins for the first time, and restarted. What begins
    while the step before it is struck at is missed, and a step that isn't repeated then (grant) can't be struck at any
    more; on a busy machine that happens, so there is another failover for what is left."""
    def test(suite, lab):
        if LEFT <= {"hooks"}:
            return
        struck = strike(suite, lab)
        print(f"      struck at {', '.join(struck)}")
        suite.expect(not last or LEFT <= {"hooks"}, "killed at every step of the plan", sorted(LEFT))
    return test


def strike(suite, lab):
    client = e2e.bring_up(lab)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    tail = JournalTail(lab.node_folder(WEST) / "state" / "journal.jsonl")
    lab.kill_region(EAST)
    struck = []
    while LEFT:
        step = wait_for_step(lab, tail, LEFT, FINISH_DEADLINE_S)
        if step is None:
            break
        lab.coordinators[WEST].kill()
        LEFT.discard(step)
        struck.append(step)
        lab.start_coordinator(WEST)
    service = expect_finished_once(suite, lab, client, f"killed at {len(struck)} steps")
    suite.expect(service["epoch"] >= epoch + 2, f"epoch {epoch} -> {service['epoch']}, each takeover one more")
    return struck


# ---- two coordinators in the target region ------------------------------------------------------

def with_more(lab):
    """Five voters: a second coordinator in us-west-2, where it may guard as well, and in eu-west-1."""
    def change(content):
        for name, (region, port) in MORE.items():
            content["nodes"][name] = {"region": region, "address": f"{lab.network.address[region]}:{port}"}
            content["voters"].append(name)
        content["services"]["shop"]["regions"][WEST]["guards"].append(SECOND)
    return change


def more_folder(lab, name):
    return lab.folder / MORE[name][0] / name


def start_more(lab, name):
    region, port = MORE[name]
    folder = more_folder(lab, name)
    (folder / "state").mkdir(parents=True, mode=0o700)
    labs.network.run(["sh", str(labs.REPOSITORY / "tests/pki/make-ca.sh"), str(lab.pki), name])
    node = cluster_files.node(lab, region)
    node |= {"name": name, "state_dir": str(folder / "state"), "listen": f"{lab.network.address[region]}:{port}",
             "control_socket": str(folder / "control.sock"), "journal": str(folder / "state" / "journal.jsonl"),
             "audit": str(folder / "state" / "audit.jsonl")}
    node["tls"] |= {"certificate": str(lab.pki / f"{name}.pem"), "key": str(lab.pki / f"{name}.key")}
    cluster_files.write(folder / "node.json", node)
    arguments = ["--cluster", lab.cluster_path, "--node", folder / "node.json"]
    lab.run(region, [labs.BUILD / "failoverd", "--format", *arguments])
    lab.spawn(region, name, [labs.BUILD / "failoverd", *arguments])


def test_second(step):
    """Two coordinators in us-west-2. The one that executes is killed at this step, for good."""
    def test(suite, lab):
        client = e2e.bring_up(lab, change=with_more(lab), more=lambda: [start_more(lab, name) for name in MORE])
        tails = {NAMES[WEST]: JournalTail(lab.node_folder(WEST) / "state" / "journal.jsonl"),
                 SECOND: JournalTail(more_folder(lab, SECOND) / "state" / "journal.jsonl")}
        lab.kill_region(EAST)
        wait_for_step(lab, tails[NAMES[WEST]], {step}, FINISH_DEADLINE_S)
        lab.coordinators[WEST].kill()
        what = f"{NAMES[WEST]} killed for good at {step}"
        service = expect_finished_once(suite, lab, client, what)
        taken = [line for line in tails[SECOND].new_lines() if line.get("event") == "operation_taken"]
        suite.expect(taken, f"{what}: {SECOND} carried the operation on")
        suite.expect(service["lease"]["held_by"] == SECOND, f"{what}: and guards the database: {service['lease']}")
    return test


if __name__ == "__main__":
    e2e.main("killed executor", [
        ("killed at every step of one failover", test_every_step(last=False), 120, e2e.brisk()),
        ("killed at the steps that were missed", test_every_step(last=False), 120, e2e.brisk()),
        ("killed at those that were missed again", test_every_step(last=True), 120, e2e.brisk()),
        ("killed for good before the grant, another takes over", test_second("freeze"), 90, e2e.brisk()),
        ("killed for good after the promotion, another takes over", test_second("cut_over"), 90, e2e.brisk()),
    ])
