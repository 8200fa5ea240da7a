#!/usr/bin/env python3
"""What must hold a failover back does, and says so: a standby that can't serve, a standby that would lose
too much, a majority that is missing. And a person who knows better can go on, by name.

    gates_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import re
import time

import e2e
from e2e import EAST, SERVICE, WEST, WITNESS

REFUSED_FOR_S = e2e.BRISK_CALM_S


def seen_gate(lab, gate):
    return e2e.gate_in(e2e.status_of(lab, WEST), WEST, gate)


def expect_refused(suite, lab, gates, epoch, what):
    """A majority says failed, nothing begins, and one of these gates is named: status, journal, dry run."""
    lab.wait_for(lambda: e2e.events(lab, "majority_failed", [WEST], region=EAST), 20, "a majority sees us-east-1 failed")
    lab.wait_for(lambda: any(e2e.events(lab, "gate_shut", [WEST], gate=g) for g in gates), 10,
                 f"the journal names one of {gates}")
    time.sleep(REFUSED_FOR_S)

    def shut_gates():
        return {g["name"] for g in e2e.region_in(e2e.status_of(lab, WEST), WEST).get("gates", []) if not g["open"]}
    # on a busy machine another one may be shut for a moment, too
    lab.wait_for(lambda: shut_gates() and shut_gates() <= set(gates), 10, f"none but {gates} is shut")
    service = e2e.status_of(lab, WEST)
    suite.expect(service["state"] == "failing" and service["writer"] == EAST and service["epoch"] == epoch
                 and not service["operation"], f"{what}: refused, nothing began", service["headline"])
    shut = [g for g in e2e.region_in(service, WEST)["gates"] if not g["open"]]
    suite.expect(shut and {g["name"] for g in shut} <= set(gates), f"{what}: status names the gate: "
                 + "; ".join(f"{g['name']}: {g['text']}" for g in shut), shut)
    suite.expect(any(g["name"] in service["outlook"] for g in shut), f"{what}: and so does the sentence on top", service["outlook"])
    line = next(x for g in gates for x in e2e.events(lab, "gate_shut", [WEST], gate=g))
    suite.expect(line["level"] == "warning" and line["gate"] in line["text"], f"{what}: and the journal: {line['text']}")
    code, output = e2e.order(lab, WEST, "failover", SERVICE, "--to", WEST, "--dry-run")
    suite.expect(code == 3 and any(g in output for g in gates), f"{what}: and a dry run (exit code {code})", output)


def test_unhealthy(suite, lab):
    """The standby's region does not serve; then the primary is lost."""
    client = e2e.bring_up(lab)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    no_quorum(suite, lab, client, epoch)
    lab.misbehave(WEST, "unhealthy")
    lab.wait_for(lambda: seen_gate(lab, "target_healthy").get("open") is False, 20, "us-west-2 is seen unhealthy")
    lab.kill_region(EAST)
    expect_refused(suite, lab, ("target_healthy",), epoch, "standby unhealthy")
    code, output = e2e.order(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", "try", "--yes")
    suite.expect(code == 3 and "target_healthy" in output, f"a person's order meets the same gate (exit code {code})", output)
    suite.expect(lab.databases[WEST].is_standby(), "the standby is a standby still")
    lab.misbehave(WEST, "")
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    client.process.end()
    suite.expect(True, "standby well again: the failover goes on by itself")
    e2e.expect_one_writer(suite, lab, client, WEST)


def no_quorum(suite, lab, client, epoch):
    """Two of the three coordinators are gone, the databases are all well."""
    lab.coordinators[EAST].kill()
    lab.coordinators[WITNESS].kill()
    lab.wait_for(lambda: e2e.status_of(lab, WEST).get("state") == "no_quorum", 15, "us-west-2 says that there is no quorum")
    time.sleep(REFUSED_FOR_S)
    service, node = e2e.status_of(lab, WEST), e2e.node_status(lab, WEST)
    suite.expect(service["state"] == "no_quorum" and not service["operation"] and not e2e.failovers_begun(lab),
                 "two of three coordinators lost: nothing happens")
    suite.expect(service["quorum"]["have"] is False and service["quorum"]["heard"] == 1 and service["quorum"]["needed"] == 2,
                 f"status counts the voters: {service['quorum']}")
    suite.expect("2 voters needed" in service["headline"] and "no failover begins" in service["outlook"] and "fence" in service["outlook"],
                 f"and says what it means: {service['headline']} {service['outlook']}")
    suite.expect(any(w["code"] == "no_quorum" for w in node["warnings"]), "it is among the warnings", node["warnings"])
    code, output = e2e.order(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", "try", "--skip-gate", "majority_failed", "--yes")
    suite.expect(code in (3, 4) and ("quorum" in output or "majority" in output), f"an order is refused for want of a quorum (exit code {code})", output)
    suite.expect(lab.databases[WEST].is_standby(), "the standby is a standby still")
    quiet_s = time.time() - client.last_receipt().at_us / 1e6
    suite.expect(quiet_s > 1, f"with on_quorum_loss fence the writer is fenced: no row for {quiet_s:.1f} s")
    lab.start_coordinator(EAST)
    lab.start_coordinator(WITNESS)
    before = client.last_receipt().sequence
    lab.wait_for(lambda: client.last_receipt().sequence > before + 20, 20, "the client writes again")
    e2e.all_well(lab)
    suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch and e2e.writes_in(lab, client, EAST),
                 "coordinators back: the same writer goes on in the same epoch")


def test_lag(suite, lab):
    """Replication is cut, acknowledged rows pile up beyond the RPO, then the primary is lost."""
    client = e2e.bring_up(lab)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    lab.network.cut(EAST, WEST)
    before = client.last_receipt().sequence
    lab.wait_for(lambda: client.last_receipt().sequence > before + 300, 20, "300 rows that the standby doesn't get")
    lag = lambda: e2e.region_in(e2e.status_of(lab, WITNESS), WEST).get("lag") or {}
    lab.wait_for(lambda: (lag().get("bytes") or 0) > 16384, 10, "the witness, who sees both, tells of the lag")
    # not healed: the dead host's kernel would still deliver what its sockets hold, and the standby catch up
    lab.kill_region(EAST)
    expect_refused(suite, lab, ("loss_within_rpo", "target_streaming_and_timeline"), epoch, "standby too far behind")
    estimate = seen_gate(lab, "loss_within_rpo")
    suite.expect(estimate["known"] and estimate["value"] > 16384 and not estimate["open"],
                 f"the loss is known, in bytes: {estimate['text']}", estimate)
    by_hand(suite, lab, client, epoch, estimate["value"])


def by_hand(suite, lab, client, epoch, bytes_at_risk):
    """A person takes the loss upon them."""
    order = ("failover", SERVICE, "--to", WEST, "--reason", "the region is gone for good", "--yes")
    code, output = e2e.order(lab, WEST, *order)
    suite.expect(code == 3, f"a person's order without --accept-loss is refused (exit code {code})", output)
    code, output = e2e.order(lab, WEST, *order, "--accept-loss", "10")
    suite.expect(code == 3 and "loss_within_rpo" in output, f"and so it is with too little of it (exit code {code})", output)
    code, output = e2e.order(lab, WEST, *order, "--accept-loss", str(bytes_at_risk * 2), "--skip-gate", "target_streaming_and_timeline")
    suite.expect(code == 0, f"with enough, and the shut gate skipped by name, it is done (exit code {code})", output)
    e2e.wait_for_writes_in(lab, client, WEST, 20)
    client.process.end()
    counted = e2e.expect_one_writer(suite, lab, client, WEST)
    suite.expect(250 <= len(counted.lost) <= bytes_at_risk / 100, f"{len(counted.lost)} acknowledged rows lost, which is what was accepted "
                 f"({bytes_at_risk} bytes)")
    told = json.loads(e2e.order(lab, WEST, "history", "--json")[1])["operations"][0]
    suite.expect(told["outcome"] == "done" and not told["automatic"] and "root" in str(told["who"])
                 and "gone for good" in str(told["why"]), f"history tells who and why: {told['who']}: {told['why']}", told)
    suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch + 2, "two epochs on")


def test_time(suite, lab):
    """Little is written, and for too long: beyond the RPO by its time alone. A person takes that time upon them."""
    client = e2e.bring_up(lab, rate=20)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    lab.network.cut(EAST, WEST)
    lag = lambda: e2e.region_in(e2e.status_of(lab, WITNESS), WEST).get("lag") or {}
    lab.wait_for(lambda: (lag().get("seconds") or 0) > 4, 20, "the witness, who sees both, tells of 4 s that the standby lacks")
    lab.kill_region(EAST)
    expect_refused(suite, lab, ("loss_within_rpo", "target_streaming_and_timeline"), epoch, "standby too long behind")
    order = ("failover", SERVICE, "--to", WEST, "--reason", "the region is gone for good", "--yes",
             "--skip-gate", "target_streaming_and_timeline")
    code, output = e2e.order(lab, WEST, *order, "--json")
    error = json.loads(output)["error"]
    suite.expect(code == 3 and error["gate"] == "loss_within_rpo" and error["value"] < error["limit"] and error["limit_seconds"] == 2
                 and error["value_seconds"] > 4, f"refused by the time alone (exit code {code}): {error['text']}", error)
    shut = e2e.events(lab, "gate_shut", [WEST], gate="loss_within_rpo")
    suite.expect(all(x["value"] < x["limit"] and x["value_ms"] > x["limit_ms"] == 2000 for x in shut),
                 "where the journal has it, then with both: " + "; ".join(x["text"] for x in shut[:1]), shut)
    for words in (("--accept-loss", "3s"), ("--accept-loss", "1GiB"), ("--accept-loss", "1GiB", "--accept-loss", "3s")):
        code, output = e2e.order(lab, WEST, *order, *words)
        suite.expect(code == 3 and "loss_within_rpo" in output, f"{' '.join(words)}: refused still (exit code {code})", output)
    enough = re.search(r"--accept-loss (\d+s)", error["todo"])
    suite.expect(enough and error["todo"].count("--accept-loss") == 1, f"it says what would be enough: {error['todo']}", error)
    code, output = e2e.order(lab, WEST, *order, "--accept-loss", enough[1])
    suite.expect(code == 0, f"with {enough[1]} it is done (exit code {code})", output)
    e2e.wait_for_writes_in(lab, client, WEST, 20)
    client.process.end()
    counted = e2e.expect_one_writer(suite, lab, client, WEST)
    lost = json.loads(e2e.order(lab, WEST, "history", "--json")[1])["operations"][0]["loss"]
    suite.expect(counted.lost and 4 < lost["seconds"] <= int(enough[1][:-1]),
                 f"{len(counted.lost)} acknowledged rows lost, of {lost['seconds']} s, which is what was accepted", lost)


if __name__ == "__main__":
    e2e.main("gates", [
        ("standby unhealthy; quorum lost", test_unhealthy, 120, e2e.brisk()),
        ("standby beyond the RPO", test_lag, 90, e2e.brisk(rpo_bytes="16KiB")),
        ("standby beyond the RPO's time", test_time, 90, e2e.brisk(rpo_seconds="2s")),
    ])
