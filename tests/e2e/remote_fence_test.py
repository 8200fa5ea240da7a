#!/usr/bin/env python3
"""The remote hook: the writer's region is cut off from all others, its guard dead, its door open, and a client inside
writes on. The target's coordinator has the hook cut that database off, and goes on when it confirms; with a hook
that does not confirm nobody is promoted, and status says why and what to do.

    remote_fence_test.py [WORD...]      only the cases whose title holds one of the words
"""
import time

import e2e
from e2e import EAST, SERVICE, WEST, checker

STEP_S = 8                      # the operation goes back then
CALM_S = 2

# Stands for a cloud's API: it can be reached from every region, and drops what goes to and from a database. Says so
# only after reading back.
HOOK = """#!/bin/sh
env | grep ^FAILOVERD_ >> {folder}/asked
[ ! -f {folder}/broken ] || {{ echo "the API answered 403"; exit 1; }}
inside() {{ nsenter --net=/run/netns/{run}-$FAILOVERD_REGION -- nft "$@"; }}
inside -f - <<END
add table inet away
flush table inet away
table inet away {{
    chain in {{ type filter hook input priority -10; tcp dport $FAILOVERD_DATABASE_PORT drop; }}
    chain out {{ type filter hook output priority -10; tcp sport $FAILOVERD_DATABASE_PORT drop; }}
}}
END
[ "$(inside list table inet away | grep -c drop)" = 2 ] || {{ echo "the rules are not there"; exit 1; }}
echo "the database of $FAILOVERD_REGION is isolated"
"""


def hooked(lab):
    """Alters cluster.json."""
    program = lab.folder / "remote-hook"
    program.write_text(HOOK.format(folder=lab.folder, run=lab.run_id))
    program.chmod(0o755)

    def alter(content):
        service = content["services"][SERVICE]
        service["fence"] |= {"ladder": ["door"]}
        service["step_deadline"] |= {"fence": f"{STEP_S}s"}
        service["cooldown"] = "0s"
        for region in (EAST, WEST):
            service["regions"][region]["remote_hook"] = {"shut": [str(program)], "deadline": "3s"}
    return alter


def undo(lab, region):
    lab.run(region, ["/usr/sbin/nft", "delete", "table", "inet", "away"])


def begin(suite, lab):
    """All is well; then the guard of us-east-1 is killed and its region cut off. Returns the clients and when."""
    client = e2e.bring_up(lab, change=hooked(lab))
    service = e2e.status_of(lab, WEST)
    suite.expect(service["fence"]["kind"] == "guarded" and service["fence"]["automatic_failover"] == "after_remote_hook"
                 and not warned(lab, "fence_guarded"), f"the fence is {service['fence']['text']}", service["fence"])
    inside = lab.start_writer("inside", rate=100, region=EAST)
    lab.wait_for(lambda: len(inside.receipts()) > 20, 10, "the client inside us-east-1 writes")
    lab.coordinators[EAST].kill()
    lab.network.isolate(EAST)
    return client, inside, time.time_ns() // 1000


def warned(lab, code):
    return next((w["text"] for w in e2e.status_of(lab, WEST).get("warnings", []) if w["code"] == code), None)


def asked(lab):
    """What the hook was told at its last run."""
    lines = (lab.folder / "asked").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def one_writer(suite, lab, client, inside, since_us):
    old = max(r.at_us for r in lab.all_receipts() if r.address == lab.network.address[EAST])
    new = min(r.at_us for r in client.receipts() if r.address == lab.network.address[WEST])
    suite.expect(since_us < old < new, f"the client inside wrote for {(old - since_us) / 1e6:.1f} s after the cut; its last "
                 f"acknowledged row came {(new - old) / 1e6:.2f} s before the new writer's first")
    suite.expect(not checker.two_writers(lab.all_receipts()), "two writers for 0 ms")


def test_confirmed(suite, lab):
    client, inside, cut_us = begin(suite, lab)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 20)
    proof = e2e.events(lab, "fence_proven", [WEST])
    suite.expect(len(proof) == 1 and proof[0]["proof"] == "remote", f"what it went by: {proof[-1]['text']}", proof)
    told, address = asked(lab), lab.network.address[EAST]
    suite.expect(told["FAILOVERD_REGION"] == EAST and told["FAILOVERD_ACTION"] == "shut" and told["FAILOVERD_SERVICE"] == SERVICE
                 and told["FAILOVERD_DATABASE_HOST"] == address and told["FAILOVERD_NODE"] == e2e.NAMES[WEST]
                 and told["FAILOVERD_OPERATION"] and int(told["FAILOVERD_EPOCH"]) > 0, "the hook was told what it is about", told)
    left = e2e.events(lab, "left_cut_off", [WEST])
    suite.expect(left and "undo" in left[0]["text"], f"the journal says what is left to do: {left[0]['text'] if left else ''}")
    suite.expect("until a person undoes" in (warned(lab, "region_cut_off") or ""), f"and status: {warned(lab, 'region_cut_off')}")
    one_writer(suite, lab, client, inside, cut_us)
    # The region comes back: its guard shuts the door before the hook is undone, so that opens nothing.
    lab.network.heal()
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: (e2e.region_in(e2e.status_of(lab, EAST), EAST).get("guard") or {}).get("fence") == "confirmed", 30,
                 "the old writer's guard is back and confirms its fence")
    undo(lab, EAST)
    lab.wait_for(lambda: not warned(lab, "region_cut_off"), 15, "undone, the region is seen again, and the warning goes")
    time.sleep(CALM_S)
    for writer in (client, inside):
        writer.process.end()
    suite.expect(not checker.two_writers(lab.all_receipts()), "the hook undone: still two writers for 0 ms")


def test_refused(suite, lab):
    """It exits with 1 until it is repaired."""
    (lab.folder / "broken").touch()
    client, inside, cut_us = begin(suite, lab)
    lab.wait_for(lambda: e2e.events(lab, "operation_aborted", [WEST]), STEP_S + 20, "the operation goes back")
    said = lab.wait_for(lambda: warned(lab, "remote_hook_unconfirmed"), 10, "status says that the hook did not confirm")
    suite.expect("the API answered 403" in said and "--skip-gate fence" in said, f"status says why, and what to do: {said}")
    still = (lab.databases[WEST].data / "standby.signal").exists()     # its door is shut, also to us
    suite.expect(still and not e2e.events(lab, "step_started", [WEST], step="grant")
                 and not e2e.events(lab, "fence_proven", [WEST]), "nothing is proven, granted or promoted")
    before = len(inside.receipts())
    lab.wait_for(lambda: len(inside.receipts()) > before + 20, 10, "the client inside us-east-1 writes on")
    (lab.folder / "broken").unlink()
    e2e.wait_until_done(lab, WEST, 20, writer=EAST)
    # Its door was shut for the first try, and opens for reads when it streams again: its own service looks unhealthy.
    code, output = e2e.order(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", "the hook is repaired", "--yes",
                             "--skip-gate", "target_healthy")
    proof = e2e.events(lab, "fence_proven", [WEST])
    suite.expect(code == 0 and proof and proof[-1]["proof"] == "remote", "the hook repaired, a person orders it again, "
                 "without a word about the fence: the hook proves it", output)
    e2e.wait_for_writes_in(lab, client, WEST, 10)
    one_writer(suite, lab, client, inside, cut_us)


if __name__ == "__main__":
    # The target's door is shut before the grant, and keeps its own service out: /health fails longer than that.
    e2e.main("remote fence", [
        ("the remote hook confirms", test_confirmed, 90, e2e.brisk(health_for="30s")),
        ("the remote hook is refused", test_refused, 90, e2e.brisk(health_for="30s")),
    ])
