#!/usr/bin/env python3
"""Both other voters are killed: what the writer's database does then (on_quorum_loss: fence, keep), what status
says of it before and meanwhile, and what follows.

    quorum_loss_test.py [WORD...]      only the cases whose title holds one of the words
"""
import re
import time

import e2e
from e2e import EAST, NAMES, WEST, WITNESS

LEASE_S = e2e.BRISK_LEASE_S
SLACK_S = 0.2                   # of the kernel's timer
CALM_S = e2e.BRISK_CALM_S
PATIENCE_MS = 10000             # of a client that is to be refused nothing: a busy disk's commit may take a second
KEPT_S = (300, 600)             # of what a guard under keep holds the kernel's element for, what its death may leave
STALL_S = 2.0                   # shorter than any fence here, longer than a busy machine's pause


def errors(client):
    return len([e for e in client.events() if e["event"] == "error"])


def loss(lab, region):
    return e2e.status_of(lab, region).get("quorum_loss") or {}


def text_status(lab, region):
    return e2e.order(lab, region, "status")[1]


def lose_the_quorum(lab):
    """Kills both other coordinators; returns when the last of them was gone."""
    for region in (WEST, WITNESS):
        lab.coordinators[region].kill()
    return time.time()


def test_fence(suite, lab):
    client = e2e.bring_up(lab)
    epoch = e2e.status_of(lab, EAST)["epoch"]
    before = loss(lab, EAST)
    suite.expect(before["mode"] == "fence" and not before["lost"] and before["writers_guard_here"]
                 and 0 < before["fenced_in_ms"] <= LEASE_S * 1000 and before["todo"] is None,
                 f"while all is well status says what would be: {before['text']}", before)
    suite.expect(before["text"].split(":")[0] in text_status(lab, EAST), "also as text", text_status(lab, EAST))
    suite.expect(not loss(lab, WEST)["writers_guard_here"] and NAMES[EAST] in loss(lab, WEST)["text"],
                 f"and elsewhere: {loss(lab, WEST)['text']}")
    gone = lose_the_quorum(lab)
    lab.wait_for(lambda: loss(lab, EAST).get("lost"), 10, "the writer's coordinator says that the quorum is lost")
    lab.wait_for(lambda: loss(lab, EAST).get("fenced_in_ms") == 0, 10, "and then that the database is fenced")
    time.sleep(LEASE_S)
    last = client.last_receipt()
    after_s = e2e.last_written_us(lab, EAST, client) / 1e6 - gone
    suite.expect(after_s <= LEASE_S + SLACK_S, f"fence: the last acknowledged write came {after_s:.2f} s after the voters' death, "
                 f"lease {LEASE_S} s")
    suite.expect(time.time() - last.at_us / 1e6 >= LEASE_S / 2, "and since then no client has got an acknowledgement")
    now = loss(lab, EAST)
    suite.expect("no write is acknowledged" in now["text"] and now["lost_ms"] >= LEASE_S * 1000
                 and NAMES[WEST] in now["todo"] and NAMES[WITNESS] in now["todo"], f"status: {now['text']} {now['todo']}", now)
    suite.expect("is fenced" in text_status(lab, EAST) and "Bring back" in text_status(lab, EAST), "the text says so too")
    guard = e2e.region_in(e2e.status_of(lab, EAST), EAST)["guard"]
    suite.expect(guard["fence"] == "confirmed", f"its fence is {guard['fence']}")
    lab.start_coordinator(WITNESS)
    lab.wait_for(lambda: client.last_receipt().sequence > last.sequence + 20, 20, "one voter is back: the client writes again")
    service = e2e.status_of(lab, EAST)
    suite.expect(service["writer"] == EAST and service["epoch"] == epoch and not e2e.failovers_begun(lab)
                 and lab.databases[WEST].is_standby(), "the same writer, the same epoch, nothing failed over", service["headline"])
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, EAST, lost_at_most=0)


def test_keep(suite, lab):
    client = e2e.bring_up(lab, patience_ms=PATIENCE_MS)
    epoch = e2e.status_of(lab, EAST)["epoch"]
    fence = e2e.status_of(lab, EAST)["fence"]
    suite.expect(fence["kind"] == "guarded" and fence["automatic_failover"] == "confirmed_only" and fence["guarded_here"],
                 f"keep: the fence is {fence['text']}", fence)
    suite.expect("stays open" in loss(lab, EAST)["text"] and loss(lab, EAST)["fenced_in_ms"] is None,
                 f"while all is well status says what would be: {loss(lab, EAST)['text']}", loss(lab, EAST))
    keeps_open(suite, lab, client)
    for region in (WEST, WITNESS):
        lab.start_coordinator(region)
    e2e.all_well(lab)
    dead_guard(suite, lab, client, epoch)
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, EAST, lost_at_most=0)


def keeps_open(suite, lab, client):
    errors_before, began_us = errors(client), time.time_ns() // 1000
    lose_the_quorum(lab)
    time.sleep(CALM_S)
    now = loss(lab, EAST)
    gap = e2e.gap_s(client.receipts(), began_us)
    quiet_s = time.time() - client.last_receipt().at_us / 1e6
    suite.expect(gap < STALL_S and quiet_s < STALL_S and errors(client) == errors_before,
                 f"keep: no write was refused in {CALM_S} s without a quorum; the longest pause was {gap:.2f} s", client.events()[-3:])
    suite.expect(now["lost"] and now["mode"] == "keep" and "held open by this guard alone" in now["text"]
                 and now["lost_ms"] > LEASE_S * 1000 and now["fenced_in_ms"] is None and "--skip-gate fence" in now["todo"],
                 f"status: {now['text']} {now['todo']}", now)
    suite.expect("held open by this guard alone" in text_status(lab, EAST), "the text says so too")
    code, output, error = lab.failoverctl(EAST, "may-write", e2e.SERVICE)
    suite.expect(code == 0 and "keep" in output, f"its database may even be restarted: {output}{error}")


def kernel_opens_for_s(lab):
    """What is left of each element with a timeout in the packet filter of the writer's host."""
    rules = lab.run(EAST, ["/usr/sbin/nft", "list", "ruleset"]).stdout
    spans = re.findall(r"expires ((?:\d+(?:ms|[dhms]))+)", rules)
    unit = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
    return [round(sum(int(n) * unit[u] for n, u in re.findall(r"(\d+)(ms|[dhms])", span))) for span in spans]


def dead_guard(suite, lab, client, epoch):
    """With a quorum again, the guard alone is killed and stays dead."""
    errors_before, began_us = errors(client), time.time_ns() // 1000
    lab.coordinators[EAST].kill()
    time.sleep(CALM_S)
    gap = e2e.gap_s(client.receipts(), began_us)
    suite.expect(gap < STALL_S and errors(client) == errors_before and e2e.writes_in(lab, client, EAST)
                 and time.time() - client.last_receipt().at_us / 1e6 < STALL_S,
                 f"keep, the guard dead for {CALM_S} s: no write was refused; the longest pause was {gap:.2f} s", client.events()[-3:])
    service = e2e.status_of(lab, WEST)
    suite.expect(service["writer"] == EAST and service["epoch"] == epoch and not service["operation"]
                 and not e2e.failovers_begun(lab) and lab.databases[WEST].is_standby(), "nothing fails over", service["headline"])
    left = kernel_opens_for_s(lab)
    suite.expect(left and KEPT_S[0] - CALM_S - 1 <= min(left) and max(left) <= KEPT_S[1],
                 f"and the kernel will shut the port by itself, in {left} s")
    gate = e2e.gate_in(service, WEST, "fence")
    suite.expect(not gate["open"], f"what would hold a failover back is the fence: {gate['text']}", gate)


if __name__ == "__main__":
    e2e.main("quorum loss", [
        ("fence: both other voters lost", test_fence, 60, e2e.brisk()),
        ("keep: both other voters lost, then the guard alone", test_keep, 90, e2e.brisk(on_quorum_loss="keep")),
    ])
