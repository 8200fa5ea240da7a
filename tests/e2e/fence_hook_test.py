#!/usr/bin/env python3
"""The fence's hook, a program that stops PostgreSQL (etc/hooks/pg_ctl-stop): in time when the writer is cut off,
after a door that can't be worked on a frozen server, and what is said and not done when it fails.

    fence_hook_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import os
import pathlib
import signal
import time

import e2e
from e2e import EAST, SERVICE, WEST, checker, labs

HOOK = pathlib.Path(__file__).resolve().parents[2] / "etc/hooks/pg_ctl-stop"
LEASE_S, BUDGET_S = 6, 4        # the hook has to be done in the time that the guard fences before its lease ends
CALM_S = 2
BUFFERS_S = 1                   # by then a client has read what its socket held


def hooked(lab, ladder, deadline="4s", lease_s=LEASE_S, budget_s=BUDGET_S, change=None):
    """Alters cluster.json. One program for all regions, which finds its data folder by FAILOVERD_REGION; while there
    is a file `broken` in the lab's folder it fails."""
    program = lab.folder / "hook"
    program.write_text(f"#!/bin/sh\n[ ! -f {lab.folder}/broken ] || exit 9\n"
                       f"exec {HOOK} \"{lab.folder}/$FAILOVERD_REGION/data\" {labs.postgres.binaries()}\n")
    program.chmod(0o755)

    def alter(content):
        service = content["services"][SERVICE]
        service["fence"] |= {"ladder": ladder, "hook": {"shut": [str(program)], "open": [str(program)], "deadline": deadline}}
        service["lease"] |= {"duration": f"{lease_s}s", "renew_every": "250ms", "fence_budget": f"{budget_s}s"}
        service["step_deadline"] |= {"fence": "60s"}
        if change:
            change(service)
    return alter


def unasked(lab, region):
    """Its PostgreSQL may end without the lab's doing."""
    lab.databases[region].process.expected_end = True


def postgres_left(lab, region):
    """Live processes whose folder is the data folder."""
    left = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(lab.databases[region].data):
                left.append(int(entry.name))
        except OSError:
            continue
    return left


def guard_of(lab, region, observer=None):
    return e2e.region_in(e2e.status_of(lab, observer or region), region).get("guard") or {}


def last_write_us(lab, region):
    return max(r.at_us for r in lab.all_receipts() if r.address == lab.network.address[region])


# ---- the writer is cut off ----------------------------------------------------------------------

def test_isolated(suite, lab):
    """Ladder: the hook alone. A client inside the cut-off region writes for as long as it is let."""
    client = e2e.bring_up(lab, change=hooked(lab, ["hook"], change=by_hand))
    status = e2e.node_status(lab, EAST)
    lease = status["services"][0]["lease"]
    suite.expect(lease["fence"] == "guarded" and lease["ladder"] == ["hook"], f"status calls it guarded, never enforced: {lease}")
    inside = lab.start_writer("inside", rate=100, region=EAST)
    lab.wait_for(lambda: len(inside.receipts()) > 20, 10, "the client inside us-east-1 writes")
    unasked(lab, EAST)
    cut_us = time.time_ns() // 1000
    lab.network.isolate(EAST)
    lab.wait_for(lambda: guard_of(lab, EAST).get("fence") == "confirmed", LEASE_S + 10, "the cut-off guard confirms its fence")
    time.sleep(BUFFERS_S)
    after_s = (last_write_us(lab, EAST) - cut_us) / 1e6
    suite.expect(after_s < LEASE_S, f"the last acknowledged write came {after_s:.1f} s after the cut, within the lease of {LEASE_S} s")
    proved = lambda: (line := e2e.events(lab, "fence_changed", [EAST])[-1]).get("fence") == "confirmed" and line
    proof = lab.wait_for(proved, 10, "the journal says that the fence is confirmed")
    suite.expect("hook:" in json.dumps(proof), f"the journal says how it is proven: {proof.get('text')}", proof)
    said = guard_of(lab, EAST).get("fence_said") or ""
    suite.expect(said.startswith("hook: ") and "no process of it is left" in said, f"and so does status: {said}")
    suite.expect(not postgres_left(lab, EAST), "no process of that PostgreSQL is left")
    time.sleep(CALM_S)
    suite.expect((last_write_us(lab, EAST) - cut_us) / 1e6 == after_s, "and nothing was acknowledged since")
    suite.expect(not e2e.failovers_begun(lab), "guarded, and its guard not heard: nobody was promoted by itself")
    reopen(suite, lab, inside)
    client.process.end()
    inside.process.end()
    suite.expect(not checker.two_writers(lab.all_receipts()), "never two writers")


def reopen(suite, lab, inside):
    """With its lease again the guard has the hook start what it stopped."""
    before = len(inside.receipts())
    lab.network.heal()
    lab.wait_for(lambda: len(inside.receipts()) > before + 20, 30, "the cut healed: the hook starts the database, and it is written to")
    suite.expect(guard_of(lab, EAST).get("fence") == "open" and e2e.status_of(lab, EAST)["writer"] == EAST,
                 "the cut healed: under the lease the hook started the database again")


def by_hand(service):
    """With the hook alone no standby can be proven shut, so a failover could only be begun and taken back."""
    service["mode"] = "manual"


# ---- a frozen server, and at first a hook that fails ---------------------------------------------

def test_frozen(suite, lab):
    """Ladder: door, then hook. Nothing answers on the frozen writer, so only killing it is proof. At first the hook
    fails: nothing is confirmed, nothing promoted. Repaired, it confirms, and the failover goes on by itself."""
    broken = lab.folder / "broken"
    broken.touch()
    client = e2e.bring_up(lab, change=hooked(lab, ["door", "hook"], deadline="20s", lease_s=3, budget_s=1))
    inside = lab.start_writer("inside", rate=100, region=EAST)
    lab.wait_for(lambda: len(inside.receipts()) > 20, 10, "the client inside us-east-1 writes")
    unasked(lab, EAST)
    os.kill(lab.databases[EAST].process.pid, signal.SIGSTOP)       # its backends go on writing
    try:
        not_confirmed(suite, lab, client)
        broken.unlink()
        e2e.wait_for_writes_in(lab, client, WEST, 45)
    finally:
        resume(lab.databases[EAST].process.pid)
    e2e.wait_until_done(lab, WEST, 30)
    changes = e2e.events(lab, "fence_changed", [EAST])
    confirmed = [line for line in changes if "no process of it is left" in json.dumps(line)]
    suite.expect(confirmed, f"the hook repaired, it confirms: {confirmed[-1].get('text') if confirmed else ''}", changes)
    proof = e2e.events(lab, "fence_proven", [WEST])
    suite.expect(proof and proof[0]["proof"] == "released", "and that is what the failover went by", proof)
    suite.expect(not postgres_left(lab, EAST), "no process of the frozen PostgreSQL is left, its backends included")
    old = last_write_us(lab, EAST)
    new = min(r.at_us for r in client.receipts() if r.address == lab.network.address[WEST])
    suite.expect(old < new, f"the old writer's last acknowledged row came {(new - old) / 1e6:.2f} s before the new one's first")
    for writer in (client, inside):
        writer.process.end()
    suite.expect(not checker.two_writers(lab.all_receipts()), "never two writers")


def not_confirmed(suite, lab, client):
    lab.wait_for(lambda: guard_of(lab, EAST).get("fence") == "failed", 40, "the guard says that its fence failed")
    guard = guard_of(lab, EAST)
    suite.expect("hook: exited with 9" in (guard.get("fence_said") or ""), f"not confirmed, and why: {guard.get('fence_said')}", guard)
    warned = [w for w in e2e.node_status(lab, EAST)["warnings"] if w["code"] == "fence_failed"]
    suite.expect(warned and "Stop PostgreSQL there by hand" in warned[0]["text"], f"status says what to do: {warned}")
    lab.wait_for(lambda: any(w["code"] == "fence_failed" for w in e2e.node_status(lab, WEST)["warnings"]), 10,
                 "the others' status says so too")
    still = (lab.databases[WEST].data / "standby.signal").exists()     # its door is shut, also to us
    suite.expect(still and not e2e.events(lab, "step_started", [WEST], step="grant"), "nothing is granted, nothing promoted")
    suite.expect(not e2e.writes_in(lab, client, WEST), "no client writes elsewhere")


def resume(pid):
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    e2e.main("fence_hook", [
        ("writer cut off, the hook alone", test_isolated, 90, e2e.brisk()),
        # The target's door is shut before the grant, and keeps its own service out: /health fails longer than that.
        ("postmaster frozen, door then hook", test_frozen, 120, e2e.brisk(health_for="30s")),
    ])
