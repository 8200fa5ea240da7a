#!/usr/bin/env python3
"""What people say while it runs: a pause, an operation that is held, let go on, sent back; a switchover made a
failover.

    operation_words_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import time

import e2e
from e2e import EAST, SERVICE, WEST, WITNESS, labs
import rounds
import switchover_test as moves
import tmux

BACK_DEADLINE_S = 6             # step_deadline.fence: held, an operation stands still for longer


def say(lab, region, *words):
    return e2e.order(lab, region, *words)


def hurried(content):
    content["services"][SERVICE]["step_deadline"]["fence"] = f"{BACK_DEADLINE_S}s"


def pause_of(lab, region):
    return e2e.status_of(lab, region).get("pause") or {}


def everywhere(lab, look, what, deadline_s=15):
    lab.wait_for(lambda: all(look(region) for region in lab.regions), deadline_s, what)


def refused_forms(suite, lab):
    for words, wanted in ((("pause", SERVICE), "needs --reason"), (("pause", SERVICE, "--for", "8d", "--reason", "x"), "--for 8d: the value is wrong"),
                          (("pause", SERVICE, "--for", "500ms", "--reason", "x"), "value is wrong"),
                          (("pause", SERVICE, "--for", "1h", "--until-resumed", "--reason", "x"), "not both"),
                          (("pause", SERVICE, "--all", "--reason", "x"), "every service"), (("pause", "--reason", "x"), "needs SERVICE"),
                          (("operation", "abort", "deadbeef", "--reason", "x"), "16 hexadecimal"),
                          (("operation", "pause", "00c0ffee00c0ffee", "--reason", "x"), "knows of no such operation")):
        code, output = say(lab, WEST, *words)
        suite.expect(code == 2 and wanted in output, f"{' '.join(words)}: exit code 2, and says why", output)
    code, output = say(lab, WEST, "resume", SERVICE, "--reason", "x")
    suite.expect(code == 3 and "it is not paused" in output, "resume of what is not paused: exit code 3", output)
    suite.expect(not any(pause_of(lab, region) for region in lab.regions), "and nothing was paused by any of it")


def test_pause(suite, lab):
    """Nothing begins by itself while paused, at whichever node it was said, until somebody resumes it, or its time is over."""
    client = e2e.bring_up(lab)
    refused_forms(suite, lab)
    code, output = say(lab, WITNESS, "pause", SERVICE, "--for", "2s", "--reason", "a short one")
    suite.expect(code == 0 and "until 20" in output and "failoverctl resume" in output, "pause for 2s: until when, and how to end it", output)
    told = e2e.awaited_events(lab, "resumed", [EAST])
    suite.expect(told[-1]["by_its_time"] == 1, "it ends by its time, which the journal tells", told)
    code, output = say(lab, WITNESS, "pause", "--all", "--reason", "network works")
    suite.expect(code == 0 and f"{SERVICE}: paused" in output and "until 20" in output, "pause --all: each service, exit code 0", output)
    everywhere(lab, lambda r: pause_of(lab, r).get("why") == "network works", "every node's status shows the pause")
    shown = pause_of(lab, EAST)
    suite.expect(shown["by"] and shown["until"] and 3500_000 < shown["left_ms"] <= 3600_000, "with by, why, until and what is left: an hour", shown)
    for words in (("status",), ("explain", SERVICE), ("plan", "failover", SERVICE)):
        code, output = say(lab, EAST, *words)
        suite.expect("paused" in output and (words[0] == "plan" or "network works" in output), f"{words[0]} shows it", output)
    lab.databases[EAST].kill()
    lab.wait_for(lambda: e2e.gate_in(e2e.status_of(lab, WEST), WEST, "majority_failed").get("open"), 30, "a majority says that us-east-1 failed")
    time.sleep(4)
    suite.expect(not e2e.failovers_begun(lab), "and no failover begins")
    code, output = say(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", "try", "--yes")
    suite.expect(code == 3 and "the gate not_paused" in output, "a person's is refused by the gate not_paused, exit code 3", output)
    code, output = say(lab, WEST, "resume", "--all", "--reason", "works are over")
    suite.expect(code == 0 and "resumed" in output, "resume --all: exit code 0", output)
    e2e.wait_for_writes_in(lab, client, WEST, 40)
    suite.expect(True, "then the failover begins by itself, and clients write")


def waiting_switchover(suite, lab):
    """One that waits for a standby that gets nothing more; its id."""
    moves.ready(lab)
    lab.links(silent="both", only="replication")
    before = lab.writers["client"].last_receipt().sequence
    lab.wait_for(lambda: lab.writers["client"].last_receipt().sequence > before + 30, 10, "rows that the standby does not get")
    code, output = moves.switchover(lab, WEST, WEST, "--reason", "maintenance", "--yes", "--no-wait")
    suite.expect(code == 6, "begun, and not waited for: exit code 6", output)
    started = lab.wait_for(lambda: e2e.events(lab, "step_started", [WEST], step="catch_up"), 15, "it waits for the standby")
    return started[-1]["operation"]


def shown_as(lab, region):
    return (e2e.status_of(lab, region).get("operation") or {}).get("wish")


def test_hold(suite, lab):
    """Held past its deadline it neither goes on nor back; let go on, it ends where it was to end, and loses nothing."""
    moves.bring_up(lab, change=hurried)
    operation = waiting_switchover(suite, lab)
    code, output = say(lab, WITNESS, "operation", "pause", operation, "--reason", "somebody looks")
    suite.expect(code == 0 and "held" in output and "operation resume" in output, "operation pause, at the witness: exit code 0", output)
    everywhere(lab, lambda r: shown_as(lab, r) == "hold", "every node's status shows that it is held")
    lab.links(only="replication")
    time.sleep(BACK_DEADLINE_S + 2)
    suite.expect(all(shown_as(lab, r) == "hold" for r in lab.regions) and not e2e.events(lab, "operation_aborted"),
                 "past its deadline, and with the standby caught up, it stands still")
    code, output = say(lab, EAST, "wait", operation, "--timeout", "2")
    suite.expect(code == 6 and "HELD by" in output and "somebody looks" in output, "wait says so and goes on waiting: exit code 6 at its time", output)
    for words in (("status",), ("explain", SERVICE), ("operation", "show", operation)):
        code, output = say(lab, WEST, *words)
        suite.expect("HELD" in output or "is held" in output, f"{' '.join(words)} shows it", output)
    code, output = say(lab, WEST, "operation", "pause", operation, "--reason", "me too", "--json")
    suite.expect(code == 3 and "held already" in output, "held once more: refused, exit code 3", output)
    code, output = say(lab, WEST, "operation", "show", operation, "--json")
    suite.expect(code == 0 and json.loads(output)["running"]["said"]["why"] == "somebody looks", "as JSON with who, when and why", output)
    code, output = say(lab, EAST, "operation", "resume", operation, "--reason", "looks well", "--json")
    suite.expect(code == 0 and "it goes on" in output, "operation resume: exit code 0", output)
    code, output = say(lab, WEST, "wait", operation)
    suite.expect(code == 0 and f"writer of {SERVICE} is {WEST}" in output, "it ends as a switchover does", output)
    lab.wait_for(lambda: all(e2e.writes_in(lab, w, WEST) for w in lab.writers.values()), 20, "every client writes to us-west-2")
    moves.nothing_lost(suite, lab, WEST, "held meanwhile")
    code, output = say(lab, WEST, "operation", "abort", operation, "--reason", "too late")
    suite.expect(code == 2 and "no such operation runs" in output, "sent back when it is over: exit code 2", output)


def test_abort(suite, lab):
    """Sent back while it may, the old writer opens again and nothing is lost."""
    moves.bring_up(lab)
    operation = waiting_switchover(suite, lab)
    code, output = say(lab, WITNESS, "operation", "abort", operation, "--reason", "not today", "--json")
    suite.expect(code == 0 and "it goes back" in output and json.loads(output)["operation"] == operation, "operation abort, at the witness: exit code 0", output)
    code, output = say(lab, WEST, "wait", operation)
    suite.expect(code == 1 and "a person said so" in output and f"{SERVICE} is {EAST}" in output, "wait: it went back, since a person said so", output)
    back_us = rounds.boot_us()
    writes_again = lambda w: w.last_receipt().boot_us > back_us and e2e.writes_in(lab, w, EAST)
    lab.wait_for(lambda: all(map(writes_again, lab.writers.values())), 20, "every client writes to us-east-1 again")
    moves.nothing_lost(suite, lab, EAST, "sent back")
    code, output = say(lab, EAST, "operation", "abort", operation, "--reason", "again")
    suite.expect(code == 3 and "went back, already" in output, "once more: refused, exit code 3", output)


def test_turned(suite, lab):
    """Its source is lost half-way: a failover on top of it, by a person, with the gates of one."""
    moves.bring_up(lab)
    operation = waiting_switchover(suite, lab)
    lab.kill_region(EAST)
    code, output = say(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", "its region is gone", "--yes")
    if code == 3:
        suite.expect("the gate " in output, "before the votes are there it is refused, by the gate's name", output)
        lab.wait_for(lambda: e2e.gate_in(e2e.status_of(lab, WEST), WEST, "majority_failed").get("open"), 30, "a majority says so")
        code, output = say(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", "its region is gone", "--yes")
    suite.expect(code == 0 and f"writer of {SERVICE} is {WEST}" in output, "the switchover goes on as a failover: exit code 0", output)
    lab.wait_for(lambda: all(e2e.writes_in(lab, w, WEST) for w in lab.writers.values()), 40, "clients write to us-west-2")
    told = json.loads(say(lab, WEST, "history", "--json")[1])["operations"]
    suite.expect(told[0]["kind"] == "failover" and told[0]["outcome"] == "done" and told[0]["id"] != operation, "history: a failover, done", told[:2])


def test_asked(suite, lab):
    """Whoever follows the switchover on a terminal is asked, and types the region's name."""
    moves.bring_up(lab)
    moves.ready(lab)
    lab.links(silent="both", only="replication")
    before = lab.writers["client"].last_receipt().sequence
    lab.wait_for(lambda: lab.writers["client"].last_receipt().sequence > before + 30, 10, "rows that the standby does not get")
    words = [labs.BUILD / "failoverctl", "--socket", lab.node_folder(WEST) / "control.sock", "switchover", SERVICE, "--to", WEST,
             "--reason", "maintenance"]
    with tmux.Terminal(words, columns=150, rows=50, environment=lab.environment(WEST)) as terminal:
        terminal.wait_for(lambda s: f"Type {WEST} to go on" in s, "the confirmation is asked for")
        terminal.keys(WEST, "Enter")
        lab.wait_for(lambda: e2e.events(lab, "step_started", [WEST], step="catch_up"), 15, "it waits for the standby")
        lab.kill_region(EAST)
        screen = terminal.wait_for(lambda s: "to go on as a failover" in s, "it asks: go on as a failover?")
        suite.expect(f"{EAST} has failed" in screen and "A failover would lose" in screen, "it says what is lost, and asks", screen)
        terminal.keys(WEST, "Enter")
        screen = terminal.wait_for(lambda s: "exit code" in s, "it ends", 60)
        suite.expect("exit code 0" in screen and f"writer of {SERVICE} is {WEST}" in screen, "it goes on as a failover: exit code 0", screen)


def test_later(suite, lab):
    """Put down for a time: shown at every node, begun at that time, not before."""
    moves.bring_up(lab)
    moves.ready(lab)
    for when, wanted in (("25:00", "value is wrong"), ("2026-02-30T10:00Z", "value is wrong"), ("2001-01-01T00:00Z", "within the next 7 days")):
        code, output = moves.switchover(lab, WEST, WEST, "--reason", "x", "--yes", "--at", when)
        suite.expect(code == 2 and wanted in output, f"--at {when}: exit code 2", output)
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    code, output = moves.switchover(lab, WEST, WEST, "--reason", "at night", "--yes", "--at", later)
    waiting = output.split()[output.split().index("operation") + 1]
    code, output = say(lab, WITNESS, "decline", waiting, "--reason", "not tonight")
    suite.expect(code == 0 and "cancelled" in output and "region was well" not in output, "decline cancels it at another node, and says so", output)
    everywhere(lab, lambda r: e2e.status_of(lab, r).get("scheduled") is None, "no node shows it any more")
    due_s = time.time() + 8
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(due_s))
    code, output = moves.switchover(lab, WITNESS, WEST, "--reason", "at night", "--yes", "--at", when)
    suite.expect(code == 0 and "put down for later" in output and when[:-1] in output, "switchover --at: exit code 0, says when", output)
    operation = output.split()[output.split().index("operation") + 1]
    everywhere(lab, lambda r: (e2e.status_of(lab, r).get("scheduled") or {}).get("id") == operation, "every node's status shows it")
    code, output = moves.switchover(lab, WEST, WEST, "--reason", "me too", "--yes", "--at", when)
    suite.expect(code == 3, "another one is refused meanwhile: exit code 3", output)
    lab.wait_for(lambda: e2e.events(lab, "operation_begun", [WEST], operation=operation), 20, "it begins by itself, under that id")
    began = e2e.events(lab, "operation_begun", [WEST], operation=operation)[0]
    suite.expect(began["time"] >= when[:-1], "not before its time", began)
    e2e.wait_until_done(lab, WEST, 40)
    lab.wait_for(lambda: all(e2e.writes_in(lab, w, WEST) for w in lab.writers.values()), 20, "every client writes to us-west-2")
    moves.nothing_lost(suite, lab, WEST, "put down for later")


if __name__ == "__main__":
    e2e.main("operation_words", [
        ("a pause", test_pause, 100, e2e.brisk(heartbeat="400ms", renew_every="400ms")),
        ("held, and let go on", test_hold, 90, moves.kernel() | {"proxied": True}),
        ("sent back", test_abort, 90, moves.kernel() | {"proxied": True}),
        ("a switchover made a failover", test_turned, 90, moves.kernel() | {"proxied": True}),
        ("put down for later", test_later, 90, moves.kernel()),
        ("asked on a terminal", test_asked, 90, moves.kernel() | {"proxied": True}),
    ])
