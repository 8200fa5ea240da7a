#!/usr/bin/env python3
"""Somebody else's `nft flush ruleset` on the hosts of the old and of the new writer.

The old writer's PostgreSQL runs on as a primary behind the shut kernel lease, so the moment the rules are
gone its clients could write again. The guard is told of the change by the kernel and puts them back at
once; on the new writer's host they come back open, for what is left of the lease.
"""
import subprocess
import time

import e2e
from e2e import EAST, WEST, checker

BACK_S = 3.0        # by far longer than it takes, also on a busy machine, and shorter than the look every five seconds
BUFFERS_US = 200_000    # by then a client has read what its socket held


def now_us():
    return time.time_ns() // 1000


def flush(lab, region):
    subprocess.run([*lab.network.enter(region), "nft", "flush", "ruleset"], check=True, timeout=10)


def rules(lab, region):
    done = subprocess.run([*lab.network.enter(region), "nft", "list", "ruleset"], check=True, timeout=10,
                          capture_output=True, text=True)
    return done.stdout


def back_after_s(lab, region):
    began = time.monotonic()
    while time.monotonic() - began < 10:
        if "drop" in rules(lab, region):
            return time.monotonic() - began
        time.sleep(0.01)
    return None


def test_flush(suite, lab):
    client = e2e.bring_up(lab)
    local = lab.start_writer("inside-east", region=EAST)
    lab.wait_for(lambda: local.last_receipt() is not None, 20, "a row from inside us-east-1")
    code, output = e2e.order(lab, WEST, "failover", e2e.SERVICE, "--to", WEST, "--reason", "test of the flush",
                             "--skip-gate", "majority_failed", "--yes")
    suite.expect(code == 0, "us-west-2 is the writer", output)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    suite.expect(not lab.databases[EAST].is_standby(), "us-east-1's database still is a primary, behind its fence")
    moved_us, without = now_us(), []
    for _ in range(3):
        flushed_us = now_us()
        flush(lab, EAST)
        took = back_after_s(lab, EAST)
        without.append((flushed_us, now_us() + BUFFERS_US))
        suite.expect(took is not None and took < BACK_S, "flushed on the old writer's host: back at once", took)
    flush(lab, WEST)
    took = back_after_s(lab, WEST)
    suite.expect(took is not None and took < BACK_S, "flushed on the new writer's host: back at once", took)
    at = client.last_receipt().at_us
    lab.wait_for(lambda: client.last_receipt().at_us > at + 500_000, 15, "the new writer's clients write on")
    time.sleep(1)
    client.process.end()
    local.process.end()
    late = [r for r in local.receipts() if r.at_us > moved_us]
    # Nothing holds a row back while there are no rules: mostly that is too short for a client to log in and write.
    early = [r for r in late if any(begin <= r.at_us <= end for begin, end in without)]
    suite.expect(len(late) == len(early), f"{len(late) - len(early)} rows acknowledged by the old writer afterwards, and "
                 f"{len(early)} in the {sum(end - begin - BUFFERS_US for begin, end in without) / 1e6:.2f} s without rules", late[:3])


e2e.main("flush", [("rules flushed by somebody else", test_flush, 90, {})])
