#!/usr/bin/env python3
"""Orders that meet: two people who want opposite things at the same moment, an order while a failover runs by itself,
and an order that was forwarded to a node which dies, or is cut off, before it can answer.

    orders_test.py [WORD...]      only the cases whose title holds one of the words
"""
import concurrent.futures
import json
import signal
import threading
import time

import e2e
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS, labs

THIRD = WITNESS                 # where all three regions have a database
ORDER_DEADLINE_S = 10           # after which the node that was asked says that it does not know
END_S = 60
ASK_NOTHING = ("decline", "pause", "resume")


def at_once(lab, *orders):
    """[(code, document)] of orders given at one moment by people on different nodes: (node's region, words...)."""
    gate = threading.Barrier(len(orders))

    def give(order):
        gate.wait(10)
        return json_of(lab, order[0], *order[1:])
    with concurrent.futures.ThreadPoolExecutor(len(orders)) as pool:
        return list(pool.map(give, orders))


def json_of(lab, region, *words):
    sure = () if words[0] in ASK_NOTHING else ("--yes",)
    code, output, error = lab.failoverctl(region, *words, *sure, "--json", timeout_s=END_S * labs.PATIENCE)
    return code, json.loads(output) if output.strip() else {"error": {"text": error, "code": "none"}}


def would_begin(lab, region, *words):
    lab.wait_for(lambda: lab.failoverctl(region, *words, "--dry-run")[0] == 0, 30, f"{' '.join(words)} would begin")


def one_of(suite, told, what):
    """Exactly one was taken and is done; every other was refused, and told of the one that was quicker. The accepted."""
    won = [document for code, document in told if code == 0]
    lost = [(code, document.get("error", {})) for code, document in told if code != 0]
    suite.expect(len(won) == 1 and won[0]["outcome"] == "done", f"{what}: exactly one is done", told)
    suite.expect(all(code == 3 and error.get("code") in ("busy", "already") for code, error in lost),
                 f"{what}: the other is refused, exit code 3: " + "; ".join(error.get("text", "?") for _, error in lost), told)
    return won[0] if won else {}


def test_opposite(suite, lab):
    """A failover to one region and a switchover to another; then the same switchover twice, from two nodes."""
    client = e2e.bring_up(lab)
    forced = ["failover", SERVICE, "--to", WEST, "--skip-gate", "majority_failed", "--reason", "I want it west"]
    planned = ["switchover", SERVICE, "--to", THIRD, "--reason", "I want it in Europe"]
    would_begin(lab, THIRD, *planned)
    epoch = e2e.status_of(lab, EAST)["epoch"]
    told = at_once(lab, (WEST, *forced), (EAST, *planned))
    won = one_of(suite, told, "a failover to us-west-2, a switchover to eu-west-1")
    writer = WEST if told[0][0] == 0 else THIRD
    for region in lab.regions:
        e2e.wait_until_done(lab, region, 30, writer=writer)
    now = e2e.status_of(lab, EAST)
    suite.expect(now["writer"] == writer and now["last_operation"]["id"] == won.get("operation"),
                 f"the end is what the accepted one wanted: {now['writer']}", (now["last_operation"], won))
    suite.expect(now["epoch"] == epoch + 2, "two epochs on: none was the writer, then the new one; nothing twice", now["epoch"])
    begun = {line["operation"] for line in e2e.events(lab, "operation_begun") if line["epoch"] > epoch}
    suite.expect(len(begun) == 1, "one operation was begun anywhere", begun)
    e2e.wait_for_writes_in(lab, client, writer, 20)
    the_same_twice(suite, lab, THIRD if writer == WEST else WEST, epoch + 2)
    client.process.end()


def the_same_twice(suite, lab, to, epoch):
    words = ["switchover", SERVICE, "--to", to, "--reason", "on it goes"]
    would_begin(lab, to, *words)
    won = one_of(suite, at_once(lab, (WEST, *words), (THIRD, *words)), f"twice a switchover to {to}")
    now = e2e.status_of(lab, to)
    suite.expect(now["writer"] == to and now["epoch"] == epoch + 2 and now["last_operation"]["id"] == won.get("operation"),
                 "done once", now["last_operation"])


def approving(cluster):
    cluster["services"][SERVICE].update(mode="approve", approve_within="60s", on_no_answer="nothing")


def test_yes_and_no(suite, lab):
    """A proposed failover is approved and declined at one moment: a no that is taken holds, also over a yes; one that
    comes too late is told so. And the service is paused and resumed at one moment."""
    client = e2e.bring_up(lab, change=approving)
    paused(suite, lab)
    lab.kill_region(EAST)
    proposal = lambda region: (e2e.status_of(lab, region).get("proposal") or {}).get("id")
    lab.wait_for(lambda: proposal(WEST) and proposal(WEST) == proposal(WITNESS), 40, "a failover is proposed")
    one = proposal(WEST)
    told = at_once(lab, (WITNESS, "approve", one, "--reason", "go"), (WEST, "decline", one, "--reason", "stay"))
    (yes, _), (no, _) = told
    refused = [document["error"]["code"] for code, document in told if code != 0]
    suite.expect(0 in (yes, no) and {yes, no} <= {0, 3} and set(refused) <= {"declined", "already"},
                 f"approve: exit code {yes}, decline: exit code {no}: who comes too late is told so: {refused}", told)
    if no == 0:
        time.sleep(e2e.BRISK_CALM_S)
    else:
        e2e.wait_for_writes_in(lab, client, WEST, 60)
    suite.expect(bool(e2e.failovers_begun(lab)) == (no != 0), "a no that was taken holds, and else the yes is done", e2e.failovers_begun(lab))
    client.process.end()


def paused(suite, lab):
    for _ in range(3):
        told = at_once(lab, (WEST, "pause", SERVICE, "--reason", "stay"), (WITNESS, "resume", SERVICE, "--reason", "go"))
        suite.expect(told[0][0] == 0 and told[1][0] in (0, 3), "pause and resume at once: paused, and resumed or nothing to resume", told)
        stays = told[1][0] != 0         # there was nothing to resume yet; else either may have been the last
        lab.wait_for(lambda: len({(e2e.status_of(lab, r).get("pause") or {}).get("since") for r in lab.regions}) == 1, 10,
                     "every node shows the same")
        suite.expect(e2e.status_of(lab, EAST)["paused"] or not stays, "and it is as the last word has it", told)
        json_of(lab, EAST, "resume", SERVICE, "--reason", "again")
        lab.wait_for(lambda: not any(e2e.status_of(lab, r).get("paused", True) for r in lab.regions), 10, "it is paused no more")


def test_automatic(suite, lab):
    """The failover goes on, and is what everybody is pointed at."""
    client = e2e.bring_up(lab)
    lab.kill_region(EAST)
    running = lab.wait_for(lambda: (e2e.status_of(lab, WITNESS).get("operation") or {}).get("id"), 30, "a failover runs by itself")
    for region, words in ((WITNESS, ["failover", "--skip-gate", "majority_failed"]), (WEST, ["switchover"]), (WITNESS, ["switchover"])):
        code, document = json_of(lab, region, words[0], SERVICE, "--to", WEST, "--reason", "quick", *words[1:])
        error = document.get("error", {})
        suite.expect(code == 3 and error.get("code") == "busy" and error.get("operation") == running and running in error["text"]
                     and f"failoverctl wait {running}" in error["todo"],
                     f"{words[0]} on {NAMES[region]}: exit code 3, {error.get('text')}. {error.get('todo')}", document)
    code, output = e2e.order(lab, WITNESS, "wait", running)
    suite.expect(code == 0, "the one that they were pointed at is waited for, and done", output)
    e2e.wait_for_writes_in(lab, client, WEST, 20)
    told = e2e.events(lab, "operation_done", [WEST])
    suite.expect([line["operation"] for line in told if line["operation"] == running] and e2e.failovers_begun(lab) == {running},
                 "one failover, as it began by itself", e2e.failovers_begun(lab))
    client.process.end()


class Order:
    """Given in a thread of its own; end() has (exit code, document, seconds)."""

    def __init__(self, lab, region, *words):
        self._began, self._pool = time.monotonic(), concurrent.futures.ThreadPoolExecutor(1)
        self._told = self._pool.submit(json_of, lab, region, *words)

    def end(self):
        code, document = self._told.result(END_S * labs.PATIENCE)
        self._pool.shutdown()
        return code, document, time.monotonic() - self._began


MOVE = ("switchover", SERVICE, "--to", WEST, "--reason", "maintenance")


def test_dies(suite, lab):
    """It hangs when the order comes, and is killed with the order unread."""
    client = e2e.bring_up(lab)
    would_begin(lab, WITNESS, *MOVE)
    epoch = e2e.status_of(lab, EAST)["epoch"]
    lab.coordinators[WEST].send(signal.SIGSTOP)
    order = Order(lab, WITNESS, *MOVE)
    lab.wait_for(lambda: e2e.events(lab, "order_taken", [WITNESS]), 10, "the witness has taken the order and passed it on")
    lab.coordinators[WEST].kill()
    not_known(suite, "the node that it went to is killed", *order.end())
    lab.start_coordinator(WEST)
    e2e.all_well(lab)
    suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch and not e2e.failovers_begun(lab), "nothing had begun, and status says so")
    client.process.end()


def test_cut_off(suite, lab):
    """The order arrives and begins; the word of it does not come back."""
    client = e2e.bring_up(lab)
    would_begin(lab, WITNESS, *MOVE)
    lab.network.cut(WEST, WITNESS, both=False)
    order = Order(lab, WITNESS, *MOVE)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    not_known(suite, "its answer is lost", *order.end())
    e2e.wait_until_done(lab, EAST, 30)
    lab.network.heal()
    e2e.wait_until_done(lab, WITNESS, 30)
    now = e2e.status_of(lab, WITNESS)
    suite.expect(now["writer"] == WEST and now["last_operation"]["outcome"] == "done", "it had begun, is done, and status there says so")
    client.process.end()


def not_known(suite, what, code, document, took_s):
    error = document.get("error", {})
    suite.expect(code in (4, 6) and "not known whether" in error.get("text", "") and "failoverctl status" in error.get("todo", ""),
                 f"{what}: exit code {code} after {took_s:.1f} s: {error.get('text')}. {error.get('todo')}", document)
    suite.expect(took_s < ORDER_DEADLINE_S * labs.PATIENCE, "by the order's deadline")


def test_asked_dies(suite, lab):
    """The very node that a person asks is killed while the order is under way."""
    client = e2e.bring_up(lab)
    would_begin(lab, WITNESS, *MOVE)
    lab.coordinators[WEST].send(signal.SIGSTOP)
    order = Order(lab, WITNESS, *MOVE)
    lab.wait_for(lambda: e2e.events(lab, "order_taken", [WITNESS]), 10, "the witness has taken the order")
    lab.coordinators[WITNESS].kill()
    code, document, _ = order.end()
    error = document.get("error", {})
    suite.expect(code in (5, 6) and "may have been taken" in error.get("todo", "") and "failoverctl status" in error["todo"],
                 f"the node that was asked is killed: exit code {code}: {error.get('text')}. {error.get('todo')}", document)
    lab.coordinators[WEST].kill()
    for region in (WEST, WITNESS):
        lab.start_coordinator(region)
    e2e.all_well(lab)
    suite.expect(not e2e.failovers_begun(lab), "nothing had begun")
    client.process.end()


def calm(**more):
    """Heartbeats so far apart that a node which was stopped a moment ago counts as there."""
    return e2e.brisk(heartbeat="1s", evidence_max_age="5s", **more)


if __name__ == "__main__":
    e2e.main("orders", [
        ("two people at once", test_opposite, 110, e2e.brisk(heartbeat="400ms", renew_every="400ms") | {"serving": (EAST, WEST, THIRD)}),
        ("a yes and a no at once", test_yes_and_no, 110, e2e.brisk()),
        ("while an automatic failover runs", test_automatic, 90, e2e.brisk()),
        ("forwarded, and the node dies", test_dies, 90, calm()),
        ("forwarded, and the answer is lost", test_cut_off, 90, calm()),
        ("the node that was asked dies", test_asked_dies, 90, calm()),
    ])
