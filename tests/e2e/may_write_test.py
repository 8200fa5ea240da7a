#!/usr/bin/env python3
"""May a database start as a primary: what `failoverctl may-write` and the script for PostgreSQL's unit say on a
writer, a standby, an old primary that comes back, a new service, and when it can't be known.

    may_write_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import shutil
import threading
import time

import e2e
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS

YES, NO, CANT_KNOW = 0, 7, 8
SCRIPT = e2e.labs.REPOSITORY / "etc/hooks/postgresql-may-write"
WAIT_S = 30
DOOR_LEASE_S = 3
AWAY_S = 6                      # a writer whose coordinator is restarted may be without a guard for longer than a lease


def ask(lab, region, *words, service=SERVICE, timeout_s=WAIT_S + 10):
    code, output, error = lab.failoverctl(region, "may-write", service, *words, timeout_s=timeout_s)
    return code, (output + error).strip()


def expect(suite, lab, region, wanted, words, what, **more):
    code, text = ask(lab, region, **more)
    suite.expect(code == wanted and all(w in text for w in words), f"{what}: exit code {code}: {text}")


def script(lab, region, data=None, wait="1s", socket=None):
    """What the unit would run before PostgreSQL: (exit code, what it said)."""
    done = lab.run(region, [SCRIPT, SERVICE, data or lab.databases[region].data, wait], check=False, timeout_s=WAIT_S,
                   extra_environment={"FAILOVERCTL": str(e2e.labs.BUILD / "failoverctl"),
                                      "FAILOVERD_SOCKET": str(socket or lab.node_folder(region) / "control.sock")})
    return done.returncode, (done.stdout + done.stderr).strip()


def expect_script(suite, lab, region, wanted, words, what, **more):
    code, text = script(lab, region, **more)
    suite.expect(code == wanted and all(w in text for w in words), f"{what}: exit code {code}: {text}")


def asked_meanwhile(lab, region, act):
    """Asks with --wait, does something, and returns the answer and how long it took."""
    answer = []
    began = time.monotonic()
    asker = threading.Thread(target=lambda: answer.extend([*ask(lab, region, "--wait", f"{WAIT_S}s"), time.monotonic() - began]))
    asker.start()
    time.sleep(1.5)
    act()
    asker.join(WAIT_S + 15)
    return answer or [None, "no answer", WAIT_S]


def test_life(suite, lab):
    client = e2e.bring_up(lab)
    everyday(suite, lab)
    unknown(suite, lab)
    e2e.all_well(lab)
    old_primary(suite, lab, client)


def everyday(suite, lab):
    expect(suite, lab, EAST, YES, ["yes: us-east-1 is the writer", "holds its lease"], "the writer")
    expect(suite, lab, WEST, NO, ["no: us-east-1 is the writer", "standby of us-east-1"], "the standby")
    expect(suite, lab, WITNESS, CANT_KNOW, ["guards no database"], "the witness")
    expect(suite, lab, EAST, CANT_KNOW, ["no such service"], "a service that does not exist", service="shoe")
    for region, may, reason in ((EAST, True, "leased"), (WEST, False, "other_writer")):
        told = json.loads(ask(lab, region, "--json")[1])
        told = told if may else told["error"]
        suite.expect(told["may_write"] is may and told["reason"] == reason and told["writer"] == EAST and told["epoch"] == 1,
                     f"--json in {region}: {told['reason']}", told)
    began = time.monotonic()
    code, text = ask(lab, WEST, "--wait", "20s")
    suite.expect(code == NO and time.monotonic() - began < 10, f"a no for good is not waited for: exit code {code}", text)
    expect_script(suite, lab, EAST, YES, ["yes:"], "the unit's script, for the writer")
    expect_script(suite, lab, WEST, YES, ["is a standby"], "for a directory with standby.signal")
    expect_script(suite, lab, WEST, YES, ["is a standby"], "also when no failoverd answers", socket="/nonexistent/socket")
    expect_script(suite, lab, EAST, CANT_KNOW, ["no failoverd answers", "is not started"], "for a primary that is too little",
                  socket="/nonexistent/socket")
    expect_script(suite, lab, EAST, 1, ["no data directory"], "for a folder that holds no database", data=lab.folder)
    for words in (["--wait", "soon"], ["--wait"], ["--wait", "-1s"], ["--to", WEST], ["extra"]):
        code, text = ask(lab, EAST, *words)
        suite.expect(code == 2, f"may-write {' '.join(words)}: exit code {code}", text)


def unknown(suite, lab):
    """The daemon down, without a quorum, and waiting for either."""
    lab.coordinators[EAST].kill()
    expect(suite, lab, EAST, CANT_KNOW, ["no failoverd answers", "can't be known"], "failoverd down")
    code, text, took = asked_meanwhile(lab, EAST, lambda: lab.start_coordinator(EAST))
    suite.expect(code == YES and 1 < took < WAIT_S, f"--wait until failoverd is up: exit code {code} after {took:.1f} s: {text}")
    for region in (WEST, WITNESS):
        lab.coordinators[region].kill()
    lab.wait_for(lambda: (e2e.status_of(lab, EAST).get("quorum_loss") or {}).get("fenced_in_ms") == 0, 15,
                 "the quorum is lost and the lease over")
    expect(suite, lab, EAST, CANT_KNOW, ["has no lease", "only 1 of the 2 voters"], "without a quorum")
    began = time.monotonic()
    code, text = ask(lab, EAST, "--wait", "2s")
    suite.expect(code == CANT_KNOW and time.monotonic() - began >= 2 and "waiting:" in text,
                 f"--wait 2s without a quorum: exit code {code} after {time.monotonic() - began:.1f} s: {text}")
    lab.coordinators[EAST].kill()
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: lab.status(EAST), 10, "the writer's coordinator answers after its restart")
    expect(suite, lab, EAST, CANT_KNOW, ["has not been confirmed since failoverd started here"], "restarted without a quorum")
    code, text, took = asked_meanwhile(lab, EAST, lambda: lab.start_coordinator(WITNESS))
    suite.expect(code == YES and 1 < took < WAIT_S, f"--wait until a voter is back: exit code {code} after {took:.1f} s: {text}")
    lab.start_coordinator(WEST)


def old_primary(suite, lab, client):
    """The region is lost, another takes over, and then its host comes back."""
    lab.kill_region(EAST)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    expect(suite, lab, WEST, YES, ["yes: us-west-2 is the writer"], "the new writer")
    lab.start_coordinator(EAST)
    code, text = script(lab, EAST, wait=f"{WAIT_S}s")
    suite.expect(code == NO and "no: us-west-2 is the writer at epoch 3" in text and "standby of us-west-2" in text
                 and "is not started" in text, f"the old primary's unit: exit code {code}: {text}")
    # Whoever starts it by hand gets round the unit: the fence holds, and status says what was seen.
    lab.databases[EAST].start()
    warned = lambda: [w["text"] for w in e2e.node_status(lab, EAST)["warnings"] if w["code"] == "old_primary"]
    lab.wait_for(warned, 15, "status warns of the old primary")
    suite.expect("runs as a primary although us-west-2 is the writer" in warned()[0], f"status: {warned()[0]}")
    # The warning may come from another node's look; the guard says so after its own.
    fence = lambda: e2e.region_in(e2e.status_of(lab, EAST), EAST)["guard"]["fence"]
    lab.wait_for(lambda: fence() == "confirmed", 10, "its guard has confirmed its fence")
    suite.expect(fence() == "confirmed", f"and its fence is {fence()}")
    lab.wait_for(lambda: e2e.order(lab, EAST, "rejoin", SERVICE, "--dry-run")[0] == 0, 30, "failoverctl rejoin has a plan for it")
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, WEST)


def test_new(suite, lab):
    """A new service whose database asks before it is ever guarded, and a store that only looks new."""
    lab.start_databases()
    lab.start_services()
    lab.start_names()
    lab.write_configuration()
    lab.databases[EAST].stop()
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: lab.status(EAST), 10, "the first coordinator answers")
    expect(suite, lab, EAST, CANT_KNOW, ["only", "of the 2 voters"], "a new service, and nobody else is there yet")
    code, text, _ = asked_meanwhile(lab, EAST, lambda: [lab.start_coordinator(r) for r in (WEST, WITNESS)])
    suite.expect(code == YES and "no voter has a ledger" in text, f"a new service with a majority: exit code {code}: {text}")
    expect(suite, lab, WEST, CANT_KNOW, ["no majority has confirmed", "initial_writer"], "not for the standby's region")
    lab.databases[EAST].start()
    e2e.all_well(lab)
    expect(suite, lab, EAST, YES, ["holds its lease"], "and then it holds a lease")
    sockets(suite, lab)
    e2e.adopt(lab)
    # The host is set up anew: same name, an empty store, and a copy of the database that was a primary.
    lab.kill_region(EAST)
    e2e.wait_until_done(lab, WEST, 30)
    shutil.rmtree(lab.node_folder(EAST) / "state")
    (lab.node_folder(EAST) / "state").mkdir(mode=0o700)
    lab.run(EAST, [e2e.labs.BUILD / "failoverd", "--format", *lab._node_arguments(EAST)])
    for region in (WEST, WITNESS):
        lab.coordinators[region].send(e2e.signal.SIGSTOP)
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: lab.status(EAST), 10, "the coordinator with the new store answers")
    expect(suite, lab, EAST, CANT_KNOW, ["can't know"], "an empty store alone is no proof of a new service")
    for region in (WEST, WITNESS):
        lab.coordinators[region].send(e2e.signal.SIGCONT)
    code, text = ask(lab, EAST, "--wait", f"{WAIT_S}s")
    suite.expect(code == NO and "us-west-2 is the writer" in text, f"with the others heard: exit code {code}: {text}")


def sockets(suite, lab):
    """The lab's service asks its database over the Unix socket, as the application's role."""
    seen = lambda: (e2e.status_of(lab, EAST)["fence"] or {}).get("sockets")
    lab.wait_for(lambda: seen() and seen()["known"] and seen()["sessions"], 30, "the sessions on the Unix socket are seen")
    warnings = [w["text"] for w in e2e.node_status(lab, EAST)["warnings"] if w["code"] == "socket_sessions"]
    suite.expect(seen()["listens"] and "shop" in [r["role"] for r in seen()["roles"]] and "failoverd" not in str(seen()["roles"])
                 and warnings and "shop" in warnings[0], f"status: {warnings}", seen())


def test_door(suite, lab):
    """With the door as first fence a guard asks its database before it gets a lease. The writer's host restarts:
    neither may wait for the other, and a door that was shut meanwhile is opened again."""
    client = e2e.bring_up(lab)
    lab.coordinators[EAST].kill()
    lab.databases[EAST].stop()
    time.sleep(DOOR_LEASE_S + 1)
    lab.start_coordinator(EAST)
    code, text = script(lab, EAST, wait=f"{WAIT_S}s")
    suite.expect(code == YES and "a majority says that us-east-1 is the writer" in text, f"the restarted host: exit code {code}: {text}")
    lab.databases[EAST].start()
    # It may write a little before its guard has looked, and shut the door; from then on under a lease.
    lab.wait_for(lambda: "holds its lease" in ask(lab, EAST)[1], 30, "its guard holds a lease")
    last = client.last_receipt().sequence
    lab.wait_for(lambda: client.last_receipt().sequence > last + 20, 30, "the client writes again")
    expect(suite, lab, EAST, YES, ["holds its lease"], "and then it holds a lease")
    suite.expect(not e2e.failovers_begun(lab), "nothing failed over")
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, EAST, lost_at_most=0)


if __name__ == "__main__":
    e2e.main("may-write", [
        ("writer, standby, can't know, old primary", test_life, 120, e2e.brisk(health_for=f"{AWAY_S}s", database_for=f"{AWAY_S}s")),
        ("a new service", test_new, 90, e2e.brisk()),
        ("the door as first fence", test_door, 90, e2e.brisk(ladder=("door",), health_for="60s", database_for="60s",
                                                             lease=f"{DOOR_LEASE_S}s")),
    ])
