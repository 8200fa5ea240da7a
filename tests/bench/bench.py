#!/usr/bin/env python3
"""What the coordinator itself takes, and what it costs when nothing happens.

    bench.py [--runs N] [--idle SECONDS]         (make bench; needs root: namespaces and the kernel's lease)

Each run is a lab of its own in which us-east-1 is killed. The journals' monotonic microseconds tell when
the last threshold was met (the executor's majority_failed), when `begin` was known chosen, when promote
was sent, and the emulator's log when it got the UPSERT. What PostgreSQL and Route 53 took in between
are the durations of the acts sent to them, and waiting for the old lease to run out is neither's;
the rest is the coordinator's own, the fsyncs of two register rounds (begin, grant) included. fsync is
measured on the same file system in the same run and stands beside it.

Route 53's PENDING time is set to 0, so that kill -> first acknowledged row is detection, agreement,
promotion, the DNS change and the client's own finding its way. "Configured detection" is an interval
(the first failing sample comes at most that late) and the longest `for` that has to pass.

Prints tables and "met" or "over" beside each goal; exits with 0 unless it can't measure.
"""
import argparse
import dataclasses
import os
import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import e2e                                                                             # noqa: E402
from e2e import EAST, NAMES, WEST, cluster_files, labs                                 # noqa: E402

RUNS, IDLE_S = 5, 30
FSYNCS, FSYNC_BYTES = 60, 8192
OWN_GOAL_MS = 20
RECOVERY_SLACK_S = 0.5
RSS_GOAL_KB, CPU_GOAL_PERCENT = 12 * 1024, 0.5
DEADLINE_S = 40
POSTGRES_ACTS = ("freeze", "compare", "promote")
ROUTE53_ACTS = ("dns_read",)


class CannotMeasure(Exception):
    """A line that has to be in a journal is not."""


@dataclasses.dataclass
class Run:
    """Milliseconds since the last threshold was met, unless a name says otherwise."""
    begin: float
    promote: float
    upsert: float
    waited: float           # for the old lease, after begin
    postgres: float         # in the acts between majority and UPSERT
    postgres_before: float  # of these, what came before promote
    route53: float
    fsync: float            # median of one, in this run
    detected_s: float       # kill -> last threshold met
    recovered_s: float      # kill -> first row acknowledged elsewhere
    lease_left: float       # what was left to wait for when begin was chosen

    def own_begin(self):
        return self.begin

    def own_promote(self):
        return self.promote - self.waited - self.postgres_before

    def own_upsert(self):
        return self.upsert - self.waited - self.postgres - self.route53


# ---- measuring ----------------------------------------------------------------------------------

def seconds(duration):
    """Of a configured duration with one unit."""
    for unit, factor in (("ms", 0.001), ("s", 1), ("m", 60)):
        if duration.endswith(unit):
            return float(duration.removesuffix(unit)) * factor
    raise CannotMeasure(f"{duration} is no duration that this bench knows")


def configured_detection_s(thresholds):
    """Of the quicker check: a region is failed when one of its checks is."""
    return min(seconds(thresholds.health_interval) + seconds(thresholds.health_for),
               seconds(thresholds.database_interval) + seconds(thresholds.database_for))


def boot_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def fsync_ms(folder):
    """Milliseconds of a write and fdatasync as the store does them: median of FSYNCS."""
    path, took = folder / "fsync-probe", []
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(handle, 0, 2 * FSYNC_BYTES)
        os.fsync(handle)
        for number in range(FSYNCS):
            began = time.perf_counter_ns()
            os.pwrite(handle, os.urandom(FSYNC_BYTES), (number % 2) * FSYNC_BYTES)
            os.fdatasync(handle)
            took.append((time.perf_counter_ns() - began) / 1e6)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(took)


def first(lines, event, since_us=0, **fields):
    for line in lines:
        if line.get("event") == event and line["mono_us"] >= since_us and all(line.get(k) == v for k, v in fields.items()):
            return line
    raise CannotMeasure(f"no {event} {fields} in the executor's journal")


def acts_ms(lines, names, from_us, to_us):
    return sum(line["took_ms"] for line in lines if line.get("event") == "act_done" and line.get("act") in names
               and from_us <= line["mono_us"] <= to_us)


def measure(lab):
    client = e2e.bring_up(lab)
    time.sleep(1.5 + random.random() * seconds(lab.thresholds.health_interval))     # anywhere between two samples
    fsync = fsync_ms(lab.folder)
    killed_us, offset_us = boot_us(), boot_us() - time.time_ns() // 1000
    lab.kill_region(EAST)
    e2e.wait_for_writes_in(lab, client, WEST, DEADLINE_S)
    e2e.wait_until_done(lab, WEST, DEADLINE_S)
    lines = lab.journal(WEST)
    change = [c for c in lab.emulator_control("/state")["changes"] if c["peer"] == lab.network.address[WEST]]
    if not change:
        raise CannotMeasure("the emulator got no change from us-west-2")
    majority = first(lines, "majority_failed", killed_us)["mono_us"]
    begin = first(lines, "chosen", majority, phase="begun")["mono_us"]
    promote = first(lines, "act_sent", begin, act="promote")["mono_us"]
    upsert = change[-1]["at_us"] + offset_us
    waited = first(lines, "waiting_out", begin)
    # waited in earnest only until the fence was proven, and beside other work
    proven = first(lines, "fence_proven", begin)["mono_us"]
    written_us = next(r.at_us for r in client.receipts() if r.address == lab.network.address[WEST]) + offset_us
    since = lambda at: (at - majority) / 1000
    return Run(begin=since(begin), promote=since(promote), upsert=since(upsert),
               waited=(proven - waited["mono_us"]) / 1000 if waited["left_ms"] > 0 else 0.0,
               postgres=acts_ms(lines, POSTGRES_ACTS, begin, upsert),
               postgres_before=acts_ms(lines, POSTGRES_ACTS, begin, promote),
               route53=acts_ms(lines, ROUTE53_ACTS, begin, upsert), fsync=fsync,
               detected_s=(majority - killed_us) / 1e6,
               recovered_s=(written_us - killed_us) / 1e6, lease_left=waited["left_ms"])


@dataclasses.dataclass
class Idle:
    node: str
    rss_kb: int
    pss_kb: int
    cpu_percent: float


def cpu_ns(pid):
    """Of all its threads, exact to the nanosecond."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def kilobytes(path, key):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise CannotMeasure(f"{path} has no {key}")


def measure_idle(lab, idle_s):
    """Nobody asks anything and no client writes: probes, gossip and leases alone."""
    lab.start_databases()
    lab.start_services()
    lab.start_names()
    lab.start_coordinators()
    e2e.all_well(lab)
    e2e.adopt(lab)
    time.sleep(2)
    pids = {region: process.pid for region, process in lab.coordinators.items()}
    before, began = {r: cpu_ns(pid) for r, pid in pids.items()}, time.monotonic_ns()
    time.sleep(idle_s)
    took = time.monotonic_ns() - began
    return [Idle(NAMES[r], kilobytes(f"/proc/{pid}/status", "VmRSS"), kilobytes(f"/proc/{pid}/smaps_rollup", "Pss"),
                 100 * (cpu_ns(pid) - before[r]) / took) for r, pid in pids.items()]


# ---- telling ------------------------------------------------------------------------------------

def table(head, rows):
    texts = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for number, row in enumerate(texts):
        print("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))
        if number == 0:
            print("  " + "  ".join("-" * w for w in widths))
    print(flush=True)


def spread(values, digits=1):
    return [f"{v:.{digits}f}" for v in (min(values), statistics.median(values), max(values))]


def verdict(met):
    return "met" if met else "over"


def tell_own(runs):
    of = lambda name: [getattr(r, name)() if callable(getattr(r, name)) else getattr(r, name) for r in runs]
    print("From the last threshold met (a majority of the voters says failed), in ms")
    table(["", "min", "median", "max"], [
        ["begin chosen", *spread(of("begin"))], ["promote sent", *spread(of("promote"))], ["UPSERT sent", *spread(of("upsert"))],
        ["  of this: waiting for the old lease", *spread(of("waited"))],
        ["  of this: PostgreSQL (freeze, compare, promote)", *spread(of("postgres"))],
        ["  of this: Route 53 (reading the zone)", *spread(of("route53"))]])
    print("The coordinator's own share, two fsyncs included, in ms")
    table(["", "min", "median", "max"], [["begin chosen", *spread(of("own_begin"))], ["promote sent", *spread(of("own_promote"))],
                                         ["UPSERT sent", *spread(of("own_upsert"))], ["one fsync here (median of each run)", *spread(of("fsync"), 2)]])
    own = statistics.median(r.own_upsert() - 2 * r.fsync for r in runs)
    print(f"  own share beside two fsyncs, median: {own:.1f} ms; goal: under {OWN_GOAL_MS} ms: {verdict(own < OWN_GOAL_MS)}\n")


def tell_recovery(runs, thresholds):
    detection = configured_detection_s(thresholds)
    bound = detection + RECOVERY_SLACK_S
    print(f"From the kill to the first row acknowledged elsewhere, in s (configured detection {detection:.1f} s: "
          f"/health {thresholds.health_interval} + {thresholds.health_for}, database {thresholds.database_interval} + "
          f"{thresholds.database_for})")
    rows = [["last threshold met", *spread([r.detected_s for r in runs], 2), ""],
            ["first row acknowledged", *spread([r.recovered_s for r in runs], 2),
             verdict(max(r.recovered_s for r in runs) <= bound)],
            ["ratio to the configured detection", *spread([r.recovered_s / detection for r in runs], 2), ""],
            ["after the last threshold met", *spread([r.recovered_s - r.detected_s for r in runs], 2), ""]]
    table(["", "min", "median", "max", f"goal: within {bound:.1f}"], rows)
    waited = sum(r.lease_left > 0 for r in runs)
    print(f"  the old lease had run out meanwhile in {len(runs) - waited} of {len(runs)} runs\n")


def tell_idle(found, idle_s):
    print(f"Idle, the demo's configuration, {idle_s} s")
    table(["failoverd", "resident KiB", "Pss KiB", "% of a core", "under 12 MiB", "under 0.5 %"],
          [[i.node, i.rss_kb, i.pss_kb, f"{i.cpu_percent:.2f}", verdict(i.rss_kb < RSS_GOAL_KB),
            verdict(i.cpu_percent < CPU_GOAL_PERCENT)] for i in found])


def main():
    parser = argparse.ArgumentParser(description="what the coordinator takes, and what it costs")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--idle", type=int, default=IDLE_S, metavar="SECONDS")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("bench: needs root: regions are network namespaces, the fence is the kernel's")
        return 1
    thresholds = cluster_files.Thresholds(insync_ms=0)
    try:
        with labs.Lab() as lab:
            found = measure_idle(lab, arguments.idle)
        runs = []
        for number in range(arguments.runs):
            with labs.Lab(thresholds=thresholds) as lab:
                runs.append(measure(lab))
            print(f"  run {number + 1} of {arguments.runs}: first row elsewhere after {runs[-1].recovered_s:.2f} s", flush=True)
    except (labs.LabError, CannotMeasure) as error:
        print(f"bench: can't measure: {error}")
        return 1
    except labs.Interrupted as interrupted:
        print(f"bench: interrupted by {interrupted}; everything is cleaned up")
        return 130
    print(f"\n{len(runs)} runs on {os.cpu_count()} cores, kernel {os.uname().release}\n")
    if runs:
        tell_own(runs)
        tell_recovery(runs, thresholds)
    tell_idle(found, arguments.idle)
    return 0


if __name__ == "__main__":
    sys.exit(main())
