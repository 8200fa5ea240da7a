#!/usr/bin/env python3
"""What the commit lease costs: pgbench on one PostgreSQL, in turn without and with it.

    commit_lease_bench.py [--seconds N] [--rounds N]         (make bench-commit-lease; needs root)

One lab, nothing fails in it. Each round is a pair per load, one run without and one with the commit lease, in an order
that alternates; what is told is the median of the ratios within the pairs, since two runs side by side have the
machine in common and two runs an hour apart don't. The loads: one row per transaction (the worst: nothing but the
commit), with 1 and 8 clients; pgbench's own TPC-B-like with 8. Without: the setting is taken away by hand
and the guard's process is stopped; with: it is continued, and the bench waits until it is in force.

Both ways fsync is on and every transaction is durable on its own disk. Exits with 0 unless it can't measure.
"""
import argparse
import pathlib
import re
import signal
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import e2e                                                                             # noqa: E402
from e2e import EAST, cluster_files, labs                                              # noqa: E402

import postgres                                                                        # noqa: E402

SECONDS, ROUNDS, SCALE = 5, 5, 10
ROW = "insert into bench_row (n) values (:client_id);\n"
LOADS = (("one row, 1 client", 1, True), ("one row, 8 clients", 8, True), ("TPC-B-like, 8 clients", 8, False))
TPS = re.compile(r"tps = ([0-9.]+)")
LATENCY = re.compile(r"latency average = ([0-9.]+) ms")
DEADLINE_S = 60


class CannotMeasure(Exception):
    """pgbench said something unexpected."""


def pgbench(lab, *arguments, timeout_s):
    database = lab.databases[EAST]
    argv = lab.prefix(EAST, database.user) + [
        str(postgres.binaries() / "pgbench"), "-h", str(database.run), "-p", str(postgres.PORT),
        "-U", postgres.SUPERUSER, *map(str, arguments), "shop"]
    return labs.network.run(argv, timeout_s=timeout_s, cwd=database.folder,
                                env={**lab.environment(EAST), "PGPASSWORD": lab.secrets.get("superuser")})


def load(lab, script, clients, own_row, seconds):
    """(transactions a second, milliseconds of one)"""
    what = ["-f", script] if own_row else []
    output = pgbench(lab, "-n", "-c", clients, "-j", 2, "-T", seconds, *what, timeout_s=seconds + DEADLINE_S).stdout
    tps, latency = TPS.search(output), LATENCY.search(output)
    if not tps or not latency:
        raise CannotMeasure(output)
    return float(tps.group(1)), float(latency.group(1))


def switch(lab, on):
    """`off` leaves no trace of it: no stream, no setting. It is off already when it is."""
    guard, east = lab.coordinators[EAST], lab.databases[EAST]
    if on:
        guard.send(signal.SIGCONT)
        lab.wait_for(lambda: ((e2e.status_of(lab, EAST).get("commit_lease") or {}).get("phase")) == "in_force", DEADLINE_S,
                     "the commit lease is in force")
        return
    guard.send(signal.SIGSTOP)
    with east.connect("postgres") as session:
        session.query("select pg_terminate_backend(pid) from pg_stat_replication where usename = 'failoverd_commit'")
        session.query("alter system reset synchronous_standby_names")
        session.query("select pg_reload_conf()")
    lab.wait_for(lambda: east.value("select current_setting('synchronous_standby_names')") == "", DEADLINE_S, "the setting is gone")


def measure(lab, arguments):
    lab.start_databases()
    lab.start_services()
    lab.start_names()
    lab.write_configuration()
    for region in lab.regions:
        lab.start_coordinator(region)
    e2e.all_well(lab)
    east = lab.databases[EAST]
    with east.connect() as session:
        session.query("create table bench_row (n int)")
    script = east.folder / "row.sql"
    script.write_text(ROW)
    script.chmod(0o644)
    switch(lab, False)
    pgbench(lab, "-i", "-q", "-s", SCALE, timeout_s=DEADLINE_S)
    pairs = {name: [] for name, _clients, _own in LOADS}
    for number in range(arguments.rounds):
        for name, clients, own_row in LOADS:
            pair = {}
            for on in ((False, True) if number % 2 == 0 else (True, False)):
                switch(lab, on)
                east.value("checkpoint")
                pair[on] = load(lab, script, clients, own_row, arguments.seconds)
            pairs[name].append(pair)
            print(f"  round {number + 1}: {name:24} without {pair[False][0]:8.0f} tps {pair[False][1]:6.2f} ms"
                  f"   with {pair[True][0]:8.0f} tps {pair[True][1]:6.2f} ms", flush=True)
    switch(lab, True)
    return pairs


def show(pairs):
    median = statistics.median
    print(f"\n{'load':24} {'without tps':>12} {'with tps':>10} {'ratio':>7} {'(least, most)':>15} {'ms more per commit':>20}")
    for name, found in pairs.items():
        ratios = [pair[True][0] / pair[False][0] for pair in found]
        more = [pair[True][1] - pair[False][1] for pair in found]
        print(f"{name:24} {median(p[False][0] for p in found):12.0f} {median(p[True][0] for p in found):10.0f} "
              f"{median(ratios):7.2f} {f'({min(ratios):.2f}, {max(ratios):.2f})':>15} {median(more):20.2f}")


def main():
    parser = argparse.ArgumentParser(description="What the commit lease costs.")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of one pgbench run")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="pairs of runs for each load")
    arguments = parser.parse_args()
    # The lease is as long as a default one: pgbench takes every core, and a guard that does not get its turn for two
    # seconds would shut the door. Nothing measured here depends on its length.
    thresholds = cluster_files.Thresholds(commit_lease=True, mode="manual", ladder=("door",), lease="20s")
    try:
        with labs.Lab(thresholds) as lab:
            show(measure(lab, arguments))
    except (labs.LabError, CannotMeasure) as error:
        print(f"can't measure: {error}")
        return 1
    except labs.Interrupted as interrupted:
        print(f"interrupted by {interrupted}; everything is cleaned up")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
