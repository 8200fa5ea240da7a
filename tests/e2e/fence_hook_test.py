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
LEASE_S, BUDGET_S = 7, 5        # the hook has to be done in the time that the guard fences before its lease ends
CALM_S = 4


def hooked(lab, ladder, program=HOOK, deadline="4s", change=None):
    """Alters cluster.json. The hook's data folder is that of the region it runs in: one program for both, which
    finds it by FAILOVERD_REGION."""
    wrapper = lab.folder / "hook"
    wrapper.write_text(f"#!/bin/sh\nexec {program} \"{lab.folder}/$FAILOVERD_REGION/data\" {labs.postgres.binaries()}\n")
    wrapper.chmod(0o755)

    def alter(content):
        service = content["services"][SERVICE]
        service["fence"] |= {"ladder": ladder, "hook": {"shut": [str(wrapper)], "open": [str(wrapper)], "deadline": deadline}}
        service["lease"] |= {"duration": f"{LEASE_S}s", "renew_every": "500ms", "fence_budget": f"{BUDGET_S}s"}
        service["step_deadline"] |= {"fence": "40s"}
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
    after_s = (last_write_us(lab, EAST) - cut_us) / 1e6
    suite.expect(after_s < LEASE_S, f"the last acknowledged write came {after_s:.1f} s after the cut, within the lease of {LEASE_S} s")
    proof = e2e.events(lab, "fence_changed", [EAST])[-1]
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


# ---- a frozen server ----------------------------------------------------------------------------

def test_frozen(suite, lab):
    """Ladder: door, then hook. Nothing answers on the frozen writer, so only killing it is proof; a failover that its
    guard's confirmed fence allows then goes on by itself."""
    client = e2e.bring_up(lab, change=hooked(lab, ["door", "hook"], deadline="20s"))
    inside = lab.start_writer("inside", rate=100, region=EAST)
    lab.wait_for(lambda: len(inside.receipts()) > 20, 10, "the client inside us-east-1 writes")
    unasked(lab, EAST)
    os.kill(lab.databases[EAST].process.pid, signal.SIGSTOP)       # its backends go on writing
    try:
        e2e.wait_for_writes_in(lab, client, WEST, 45)
    finally:
        resume(lab.databases[EAST].process.pid)
    e2e.wait_until_done(lab, WEST, 30)
    confirmed = [line for line in e2e.events(lab, "fence_changed", [EAST]) if "hook:" in json.dumps(line)]
    suite.expect(confirmed, f"the door hangs, the hook confirms: {confirmed[-1].get('text') if confirmed else ''}",
                 e2e.events(lab, "fence_changed", [EAST]))
    proof = e2e.events(lab, "fence_proven", [WEST])
    suite.expect(proof and proof[0]["proof"] == "released", "and that is what the failover went by", proof)
    suite.expect(not postgres_left(lab, EAST), "no process of the frozen PostgreSQL is left, its backends included")
    old, new = last_write_us(lab, EAST), min(r.at_us for r in client.receipts() if r.address == lab.network.address[WEST])
    suite.expect(old < new, f"the old writer's last acknowledged row came {(new - old) / 1e6:.2f} s before the new one's first")
    for writer in (client, inside):
        writer.process.end()
    suite.expect(not checker.two_writers(lab.all_receipts()), "never two writers")


def resume(pid):
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


# ---- a hook that fails --------------------------------------------------------------------------

def test_failing(suite, lab):
    """Nothing confirms, so nothing is promoted; status and journal say why, and what a person does."""
    client = e2e.bring_up(lab, change=hooked(lab, ["door", "hook"], program="/bin/false", deadline="20s", change=impatient))
    os.kill(lab.databases[EAST].process.pid, signal.SIGSTOP)
    unasked(lab, EAST)
    try:
        lab.wait_for(lambda: guard_of(lab, EAST).get("fence") == "failed", 40, "the guard says that its fence failed")
        guard = guard_of(lab, EAST)
        suite.expect("hook: exited with 1" in (guard.get("fence_said") or ""), f"not confirmed, and why: {guard.get('fence_said')}", guard)
        warned = [w for w in e2e.node_status(lab, EAST)["warnings"] if w["code"] == "fence_failed"]
        suite.expect(warned and "Stop PostgreSQL there by hand" in warned[0]["text"], f"status says what to do: {warned}")
        lab.wait_for(lambda: any(w["code"] == "fence_failed" for w in e2e.node_status(lab, WEST)["warnings"]), 10,
                     "the others' status says so too")
        still = (lab.databases[WEST].data / "standby.signal").exists()     # its door is shut, also to us
        suite.expect(still and not e2e.events(lab, "step_started", [WEST], step="grant"),
                     "nothing is granted, nothing promoted")
        suite.expect(not e2e.writes_in(lab, client, WEST), "no client writes elsewhere")
    finally:
        resume(lab.databases[EAST].process.pid)
    client.process.end()


def impatient(service):
    service["step_deadline"]["fence"] = "60s"


if __name__ == "__main__":
    e2e.main("fence_hook", [
        ("writer cut off, the hook alone", test_isolated, 90, e2e.brisk()),
        # The target's door is shut before the grant, and keeps its own service out: /health fails longer than that.
        ("postmaster frozen, door then hook", test_frozen, 120, e2e.brisk(health_for="12s")),
        ("a hook that fails", test_failing, 90, e2e.brisk(health_for="12s")),
    ])
