#!/usr/bin/env python3
"""Loss of the primary region, of a coordinator alone, and of the witness: what fails over and what must not.

    loss_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import time

import e2e
from e2e import EAST, NAMES, WEST, WITNESS, checker
from postgres import slot_name

LEASE_S = 6                     # where a guard is started again within it, also on a busy machine
CALM_S = LEASE_S + 4            # past the lease and the checks' `for`: what would fail over has done so by then
PAUSE_S = LEASE_S / 3           # of a client; a guard that lost its lease makes a longer one
PATIENCE_MS = 10000             # of a client that is to be refused nothing: a busy disk's commit may take a second


def test_region(suite, lab):
    client = e2e.bring_up(lab)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    suite.expect(lab.resolve() == [lab.network.address[EAST]], "before: the name leads to us-east-1")
    lost_at_us = time.time_ns() // 1000
    lab.kill_region(EAST)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    e2e.wait_until_done(lab, WITNESS, 10)
    took = next(r.at_us for r in client.receipts() if r.address == lab.network.address[WEST]) - lost_at_us
    print(f"      recovered in {took / 1e6:.2f} s")
    suite.expect(lab.resolve() == [lab.network.address[WEST]], "the name leads to us-west-2")
    suite.expect(not lab.databases[WEST].is_standby(), "the standby was promoted")
    suite.expect(e2e.timeline_of(lab, WEST) == 2, "exactly once")
    check_epoch(suite, lab, epoch)
    check_order(suite, lab)
    check_history(suite, lab)
    time.sleep(0.5)
    client.process.end()
    check_loss(suite, lab, client)
    check_return(suite, lab)


def test_synchronous(suite, lab):
    """Every commit waits for the standby: then a failover loses none that was acknowledged."""
    client = e2e.bring_up(lab)
    primary = lab.databases[EAST]
    for statement in (f"alter system set synchronous_standby_names = '{slot_name(WEST)}'", "select pg_reload_conf()"):
        primary.value(statement, "postgres")
    lab.wait_for(lambda: primary.value("select sync_state from pg_stat_replication", "postgres") == "sync", 10,
                 "the standby is synchronous")
    written = len(client.receipts())
    lab.wait_for(lambda: len(client.receipts()) > written + 100, 10, "the client writes, and each commit waits")
    lab.kill_region(EAST)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, WEST, lost_at_most=0)


def check_epoch(suite, lab, epoch):
    """None is named first, then the next: each is an epoch of its own."""
    for region in (WEST, WITNESS):
        now = e2e.status_of(lab, region)["epoch"]
        suite.expect(now == epoch + 2, f"{NAMES[region]}: epoch {epoch} -> {now}, once for nobody, once for us-west-2")
    marks = e2e.batches(lab)
    suite.expect(len(marks.get(epoch + 2, [])) == 1 and len(marks) == 2, "one DNS batch, with the new epoch in its mark", marks.keys())


def check_order(suite, lab):
    """By the journal: fenced before granted, granted before promoted, promoted before opened, then DNS."""
    e2e.awaited_events(lab, "step_done", [WEST], step="finish")
    done = {line["step"]: line["mono_us"] for line in e2e.events(lab, "step_done", [WEST])}
    wanted = ["begin", "shut", "fence", "freeze", "compare", "grant", "lease", "promote", "open", "hooks", "cut_over",
              "verify", "finish"]
    suite.expect([s for s in wanted if s in done] == wanted and [done[s] for s in wanted] == sorted(done.values()),
                 "every step was done, in the order of the plan", done)
    proof = e2e.events(lab, "fence_proven", [WEST])
    suite.expect(proof and proof[0]["proof"] == "lapsed", "the fence's proof: the kernel's lease has lapsed", proof)


def check_history(suite, lab):
    code, output = e2e.order(lab, WEST, "history")
    suite.expect(code == 0 and all(word in output for word in ("failover", EAST, WEST, "promote")),
                 "failoverctl history tells of it", output)
    told = json.loads(e2e.order(lab, WEST, "history", "--json")[1])["operations"][0]
    suite.expect(told["outcome"] == "done" and told["to"] == WEST and told["proof"] == "lapsed",
                 "and so does history --json, with outcome and proof", told)


def check_loss(suite, lab, client):
    """Rows that were acknowledged and are not there, against what the coordinator said would be lost.

    A row takes well over 100 bytes of WAL. What the old primary wrote after its last position was
    seen is not in the estimate's bytes; the estimate's age says for how long that was."""
    counted = e2e.expect_one_writer(suite, lab, client, WEST)
    estimate = e2e.loss_estimate(lab, WEST)
    lost_at = max(r.at_us for r in client.receipts() if r.address == lab.network.address[EAST])
    unseen_s = estimate["known_age_ms"] / 1000
    rows_in_estimate = estimate["loss_bytes"] / 100 + unseen_s * 100
    suite.expect(len(counted.lost) <= rows_in_estimate,
                 f"{len(counted.lost)} acknowledged rows lost; said: {estimate['loss_bytes']} bytes, known {unseen_s:.1f} s ago")
    suite.expect(all(lost_at - r.at_us < 3_000_000 for r in counted.lost), "and only of the last moment before the loss",
                 counted.lost[:5])


def check_return(suite, lab):
    """The lost region comes back, its database as the primary that it was: it is not written to."""
    lab.start_region(EAST)
    fenced = lambda: (e2e.region_in(e2e.status_of(lab, EAST), EAST).get("guard") or {}).get("fence") == "confirmed"
    lab.wait_for(fenced, 20, "the returned region's database is fenced")
    lab.wait_for(lambda: e2e.status_of(lab, EAST).get("writer") == WEST, 10, "the returned coordinator knows who the writer is")
    try:
        stray = lab.start_writer("stray", region=EAST)
        time.sleep(1.5)
        suite.expect(not stray.receipts(), "the returned primary acknowledges nothing")
        stray.process.end()
    finally:
        lab.writers.pop("stray", None)


def no_failover(suite, lab, client, epoch, what):
    service = e2e.status_of(lab, WEST)
    suite.expect(service.get("writer") == EAST and service.get("epoch") == epoch and not service.get("operation"),
                 f"{what}: no failover", service.get("headline"))
    suite.expect(not e2e.failovers_begun(lab), f"{what}: none was begun in any journal")
    suite.expect({r.address for r in client.receipts()} == {lab.network.address[EAST]}, f"{what}: the client stayed")


def test_parts(suite, lab):
    """In one lab: the primary's coordinator dies and comes back, the witness dies and comes back, and at
    the last the primary's coordinator stays dead."""
    client = e2e.bring_up(lab, patience_ms=PATIENCE_MS)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    errors = len([e for e in client.events() if e["event"] == "error"])

    began_us = time.time_ns() // 1000
    lab.coordinators[EAST].kill()
    lab.start_coordinator(EAST)
    time.sleep(CALM_S)
    no_failover(suite, lab, client, epoch, "coordinator of the primary killed and restarted")
    gap = e2e.gap_s(client.receipts(), began_us)
    suite.expect(gap < PAUSE_S and len([e for e in client.events() if e["event"] == "error"]) == errors,
                 f"no write was refused meanwhile; the longest pause was {gap:.2f} s", client.events()[-3:])
    e2e.all_well(lab)

    lab.coordinators[WITNESS].kill()
    time.sleep(CALM_S)
    no_failover(suite, lab, client, epoch, "witness lost")
    suite.expect(e2e.status_of(lab, WEST)["quorum"]["have"], "two of three are a majority still")
    peers = {p["node"]: p for p in e2e.node_status(lab, WEST)["peers"]}
    suite.expect(peers[NAMES[WITNESS]]["out"] != "up" and any(w["code"] == "peer_down" for w in e2e.node_status(lab, WEST)["warnings"]),
                 "status names the lost witness", peers[NAMES[WITNESS]])
    suite.expect(e2e.gap_s(client.receipts(), began_us) < PAUSE_S, "and the client wrote on")
    lab.start_coordinator(WITNESS)
    e2e.all_well(lab)

    lose_guard(suite, lab, client, epoch)


def lose_guard(suite, lab, client, epoch):
    """Nobody renews the lease: the kernel shuts the database's port, though all else of it is well. The others
    know that, and when it has lasted they move the writer; the database behind the shut port loses nothing."""
    lab.coordinators[EAST].kill()
    lost_us = time.time_ns() // 1000
    lab.wait_for(lambda: e2e.status_of(lab, WEST).get("state") not in ("ok", None), 15, "status does not call that well")
    seen = e2e.status_of(lab, WEST)
    suite.expect(True, f"coordinator gone for good: status says {seen.get('state')}: {seen.get('headline')}")
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    took_s = (e2e.last_written_us(lab, EAST, client) - lost_us) / 1e6
    suite.expect(took_s < LEASE_S + 0.2, f"the kernel shut the database's port after {took_s:.2f} s (lease {LEASE_S} s)")
    now = e2e.status_of(lab, WEST)
    suite.expect(now["epoch"] == epoch + 2, f"then the writer was moved: epoch {epoch} -> {now['epoch']}")
    lab.start_coordinator(EAST)
    fenced = lambda: (e2e.region_in(e2e.status_of(lab, EAST), EAST).get("guard") or {}).get("fence") == "confirmed"
    lab.wait_for(fenced, 20, "the coordinator that comes back keeps its database fenced")
    lab.wait_for(lambda: e2e.status_of(lab, EAST).get("writer") == WEST, 10, "and learns who the writer is")
    time.sleep(0.5)
    client.process.end()
    counted = e2e.expect_one_writer(suite, lab, client, WEST)
    suite.expect(len(counted.lost) <= 5, f"the database was alive and streaming all the time: {len(counted.lost)} acknowledged rows lost",
                 counted.lost[:5])


# ---- a region that is not dead, only cut off or frozen ------------------------------------------

def with_client_inside(suite, lab, lose, give_back, what):
    """A client in us-east-1 goes on writing to the database beside it for as long as it is let."""
    client = e2e.bring_up(lab)
    inside = lab.start_writer("inside", rate=100, region=EAST)
    lab.wait_for(lambda: len(inside.receipts()) > 20, 10, "the client inside us-east-1 writes")
    lose()
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    give_back()
    lab.wait_for(lambda: e2e.status_of(lab, EAST).get("writer") == WEST, 20, f"us-east-1 {what} and back: it knows who the writer is")
    guard = lambda: e2e.region_in(e2e.status_of(lab, EAST), EAST).get("guard") or {}
    lab.wait_for(lambda: guard().get("fence") == "confirmed" and not guard()["lease_left_ms"], 10, f"{what} and back: its database is fenced")
    time.sleep(1)
    for writer in (client, inside):
        writer.process.end()
    first_new = min(r.at_us for r in client.receipts() if r.address == lab.network.address[WEST])
    last_old = max(r.at_us for r in lab.all_receipts() if r.address == lab.network.address[EAST])
    suite.expect(last_old < first_new, f"{what}: the old writer's last acknowledged row came {(first_new - last_old) / 1e6:.2f} s before "
                 "the new one's first, and none after it was back")
    suite.expect(not checker.two_writers(lab.all_receipts()), f"{what}: never two writers")
    counted = lab.count_rows(WEST)
    suite.expect(counted.doubled == 0, f"{what}: no row twice; {len(counted.lost)} that were acknowledged behind the cut are lost")


def test_cut_off(suite, lab):
    with_client_inside(suite, lab, lambda: lab.network.isolate(EAST), lab.network.heal, "cut off")


def test_frozen(suite, lab):
    with_client_inside(suite, lab, lambda: lab.freeze_region(EAST), lambda: lab.freeze_region(EAST, frozen=False), "frozen")


if __name__ == "__main__":
    e2e.main("loss", [
        ("loss of the primary region", test_region, 90, {}),
        ("a coordinator alone, the witness, a guard that stays away", test_parts, 120,
         {"thresholds": e2e.cluster_files.Thresholds(lease=f"{LEASE_S}s")}),
        ("the primary region cut off, its database alive", test_cut_off, 60, e2e.brisk()),
        ("the primary region, with a synchronous standby", test_synchronous, 60, e2e.brisk()),
        ("the primary region frozen, then awake again", test_frozen, 60, e2e.brisk()),
    ])
