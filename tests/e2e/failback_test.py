#!/usr/bin/env python3
"""Home again, and the traffic by and by: weights at the emulator of Route 53 stage by stage, a health gate between, and
back by itself when home gets worse.

    failback_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import re

import e2e
from e2e import EAST, SERVICE, WEST, WITNESS, cluster_files
from return_test import with_hook
from switchover_test import kernel, move, nothing_lost, rejoin

WEIGHTED = "weighted.example.com"
SHARE = re.compile(r"share=(\d+) version=(\d+)")


def weighted(lab):
    """Beside the lab's simple record a weighted set, which does not exist before it is adopted."""
    def change(content):
        with_hook(lab)(content)
        record = lambda region: {"name": WEIGHTED, "type": "A", "ttl": lab.thresholds.ttl_s, "kind": "weighted", "set_identifier": region,
                                 "values": {r: [lab.network.address[region]] for r in lab.serving},
                                 "weight": {r: 100 if r == region else 0 for r in lab.serving}}
        content["services"][SERVICE]["dns"]["zones"][0]["records"] += [record(EAST), record(WEST)]
    return change


def away(suite, lab, change):
    """The writer is us-west-2, and us-east-1 its standby."""
    e2e.bring_up(lab, change=change)
    move(suite, lab, WEST, "away")
    rejoin(suite, lab)


def failback(lab, at, *words):
    return e2e.order(lab, at, "failback", SERVICE, *words)


def told(lab, at, *words):
    """The error of a refusal, or the result, as JSON; and the exit code."""
    code, output, _ = lab.failoverctl(at, *words, "--json")
    document = json.loads(output) if output.strip() else {}
    return code, document.get("error", document)


def home_ready(lab):
    lab.wait_for(lambda: told(lab, EAST, "plan", "failback", SERVICE)[0] == 0, 30, "a failback would begin")


def changes(lab, epoch):
    """What each change of that epoch made, oldest first: [(share in the mark, {region: weight}, address of the simple record)]."""
    found = []
    for change in e2e.batches(lab).get(epoch, []):
        share, weights, simple = None, {}, None
        for item in change["changes"]:
            record = item["ResourceRecordSet"]
            name, value = record["Name"].rstrip("."), record["ResourceRecords"][0]["Value"]
            if item["Action"] == "CREATE" and name == cluster_files.FENCE_RECORD:
                share = [int(n) for n in SHARE.search(value).groups()] if SHARE.search(value) else None
            elif name == WEIGHTED:
                weights[record["SetIdentifier"]] = int(record["Weight"])
            elif name == cluster_files.RECORD:
                simple = lab.region_of(value)
        found.append((share, weights, simple))
    return found


def operation_of(lab, at):
    return e2e.status_of(lab, at).get("operation") or {}


def at_stage(lab, percent, at=EAST):
    shift = operation_of(lab, at).get("shift") or {}
    return shift.get("percent") == percent and shift.get("in_force")


def test_stages(suite, lab):
    away(suite, lab, weighted(lab))
    code, error = told(lab, EAST, "failback", SERVICE, "--shift", "50,10,100", "--reason", "x", "--yes")
    suite.expect(code == 2, "stages that go down are no stages: exit code 2", error)
    home_ready(lab)
    code, output = failback(lab, WEST, "--shift", "10,50,100", "--hold", "2s", "--dry-run")
    suite.expect(code == 0 and "10 %, 50 %, 100 % at home" in output and "shift" in output and "2s" in output,
                 "a dry run tells the stages and what happens between", output)
    epoch = e2e.status_of(lab, EAST)["epoch"]
    code, output = failback(lab, WITNESS, "--shift", "10,50,100", "--hold", "2s", "--reason", "home", "--yes")
    suite.expect(code == 0 and f"writer of {SERVICE} is {EAST}" in output, "failback from the witness: done, exit code 0", output)
    suite.expect("50 % of the traffic home (stage 2 of 3)" in output, "it told the stages while it ran", output)
    seen = changes(lab, epoch + 2)
    suite.expect([s[0][0] for s in seen if s[0]] == [10, 50, 100] and len(seen) == 3, "three changes, each with its share in the mark", seen)
    suite.expect([(s[1].get(EAST), s[1].get(WEST)) for s in seen] == [(10, 90), (50, 50), (100, 0)], "the weights of both regions, in one change each", seen)
    suite.expect([s[2] for s in seen] == [WEST, WEST, EAST], "the record that is not weighted moved with the last", seen)
    versions = [s[0][1] for s in seen if s[0]]
    suite.expect(versions == sorted(set(versions)), "each mark rests on a newer version of the ledger", versions)
    moved = e2e.events(lab, "traffic_moved", [EAST])
    suite.expect([m["percent"] for m in moved] == [10, 50] and moved[1]["mono_us"] - moved[0]["mono_us"] >= 2_000_000,
                 "each stage was in force, and held for 2 s", moved)
    suite.expect([lab.region_of(a) for a in lab.resolve()] == [EAST], "the public name points home")
    history = json.loads(e2e.order(lab, EAST, "history", "--json")[1])["operations"][0]
    suite.expect(history["kind"] == "failback" and history["outcome"] == "done" and history["loss"]["bytes"] == 0
                 and any(s["name"] == "shift" for s in history["steps"]), "history: a failback, done, no loss, with its step shift", history)
    e2e.wait_for_writes_in(lab, lab.writers["client"], EAST, 20)
    nothing_lost(suite, lab, EAST, "home")


def test_worse(suite, lab):
    """Home's endpoints fail with half of the traffic there."""
    away(suite, lab, weighted(lab))
    home_ready(lab)
    epoch = e2e.status_of(lab, EAST)["epoch"]
    code, output = failback(lab, EAST, "--shift", "10,50,100", "--hold", "6s", "--reason", "home", "--yes", "--no-wait", "--json")
    suite.expect(code == 6 and json.loads(output)["outcome"] == "running", "begun, and not waited for: exit code 6", output)
    lab.wait_for(lambda: at_stage(lab, 50), 60, "half of the traffic is at home")
    operation = operation_of(lab, EAST)
    suite.expect("50 % of the traffic at us-east-1 for " in operation["shift"]["text"] and "then 100 %" in operation["shift"]["text"],
                 f"status says how it stands: {operation['shift']['text']}", operation)
    lab.misbehave(EAST, "unhealthy")
    lab.wait_for(lambda: at_stage(lab, 0), 20, "the traffic is back by itself")
    seen = changes(lab, epoch + 2)
    shares, (_, weights, simple) = [s[0][0] for s in seen], seen[-1]
    suite.expect(shares == [10, 50, 0] and (weights[EAST], weights[WEST]) == (0, 100) and simple == WEST,
                 "10, 50, and all of it back in us-west-2", seen)
    suite.expect(e2e.status_of(lab, EAST)["writer"] == EAST and not lab.databases[EAST].is_standby(), "the database stays at home")
    for region in (EAST, WITNESS):
        code, output = e2e.order(lab, region, "status")
        suite.expect(code == 0 and "operation resume" in output and "us-west-2" in output and "failoverd said so" in output,
                     f"status in {region} says why, and what a person can do", output)
    code, error = told(lab, WITNESS, "operation", "skip", operation["id"], "--reason", "go on")
    suite.expect(code == 2 and error.get("code") == "no_stage", "what was sent back has no next stage: refused", error)
    lab.misbehave(EAST, "")
    code, output = e2e.order(lab, WITNESS, "operation", "resume", operation["id"], "--reason", "home is well", "--json")
    suite.expect(code == 0, "a person lets it come again", output)
    lab.wait_for(lambda: at_stage(lab, 10), 30, "from the first stage")
    code, output = e2e.order(lab, WITNESS, "operation", "pause", operation["id"], "--reason", "looking")
    suite.expect(code == 0 and operation_of(lab, WITNESS).get("wish") == "hold", "and holds it there", output)
    for stage in (50, 100):
        code, output = e2e.order(lab, WEST, "operation", "skip", operation["id"], "--reason", "looks well", "--json")
        suite.expect(code == 0, f"skipped to {stage} %", output)
    e2e.wait_until_done(lab, EAST, 40, writer=EAST)
    last = changes(lab, epoch + 2)[-1]
    suite.expect(last[0][0] == 100 and (last[1][EAST], last[1][WEST]) == (100, 0) and last[2] == EAST, "all of it is home", last)


def test_not_ready(suite, lab):
    """The old primary is no standby; then it is, and no record is weighted."""
    e2e.bring_up(lab, change=with_hook(lab))
    code, error = told(lab, EAST, "failback", SERVICE, "--reason", "x", "--yes")
    suite.expect(code == 3 and error.get("code") == "already", "at home already: refused, exit code 3", error)
    move(suite, lab, WEST, "away")
    epoch = e2e.status_of(lab, WEST)["epoch"]
    code, error = told(lab, WEST, "failback", SERVICE, "--reason", "too early", "--yes")
    suite.expect(code == 3 and error.get("code") == "not_rejoined" and f"failoverctl rejoin {SERVICE}" in error.get("todo", ""),
                 f"not rejoined: refused, exit code 3, with what to run: {error.get('todo')}", error)
    suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch, "and nothing was changed")
    rejoin(suite, lab)
    home_ready(lab)
    code, output = failback(lab, EAST, "--dry-run")
    suite.expect(code == 0 and "no record of the service is weighted" in output and "100 % at home" in output,
                 "a dry run says that all of the traffic comes at once", output)
    code, plan = told(lab, EAST, "failback", SERVICE, "--dry-run")
    suite.expect(code == 0 and plan["failback"]["traffic"]["stages"] == [100] and not plan["failback"]["traffic"]["weighted"], "as JSON, too", plan)
    code, output = failback(lab, EAST, "--reason", "home", "--yes", "--json")
    seen = changes(lab, epoch + 2)
    suite.expect(code == 0 and json.loads(output)["outcome"] == "done" and len(seen) == 1 and seen[0][2] == EAST, "and so it does", output)


if __name__ == "__main__":
    e2e.main("failback", [
        ("stages: 10, 50, 100", test_stages, 150, kernel()),
        ("worse at 50", test_worse, 150, kernel()),
        ("not ready, and without weights", test_not_ready, 150, kernel()),
    ])
