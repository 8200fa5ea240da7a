#!/usr/bin/env python3
"""Has spin look at every state of the model, then at each weakened one until it breaks.

    run.py [WORD...]            only rows whose name holds one of the words
    run.py --trace NAME         the shortest counterexample that a search by breadth finds, as text

A sound row passes if the whole space was searched (no depth limit met, no memory limit met) and
nothing was violated. A weakened row passes if spin found a violation: a rule whose removal nobody
notices is a rule that the model does not hold. Everything is built in build/model/.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE = os.path.join(ROOT, "tests", "model")
BUILD = os.path.join(ROOT, "build", "model")
BUILD_SECONDS = 120
SEARCH_SECONDS = 300
MEMORY_MB = 5500
DEPTH = 1000000

# name, preprocessor symbols. MERGE: steps whose order can't matter are one (README.md says why).
CHANGE = "CHANGE BALLOTS=3 LEASE_TICKS=1 RESTARTS=0"
SOUND = (
    ("every step apart", "BALLOTS=4 LEASE_TICKS=2 RESTARTS=0"),
    ("a restart", "MERGE BALLOTS=4 LEASE_TICKS=2 RESTARTS=1"),
    ("five ballots", "MERGE BALLOTS=5 LEASE_TICKS=2 RESTARTS=0"),
    ("a voter is replaced", CHANGE),
)

SMALL = "BALLOTS=3 LEASE_TICKS=2 RESTARTS=1"
LONG = "MERGE BALLOTS=5 LEASE_TICKS=1 RESTARTS=0"
WEAKENED = (
    ("DEADLINE_FROM_RECEIPT", SMALL),
    ("NONCES", SMALL),
    ("COUNT_MESSAGES", SMALL),
    ("GRANT_ANYBODY", SMALL),
    ("RATES", SMALL),
    ("WAIT_FROM_SENDING", SMALL),
    ("AGE_FROM_PROMISE", SMALL),
    ("RESTART_AGE", SMALL),
    ("TAKEOVER", SMALL),
    ("NAME_NONE", SMALL),
    ("ABORT", LONG),
    ("RELEASE_UNFENCED", SMALL),
    ("RELEASE_EARLY", SMALL),
    ("RELEASE_ANY_EPOCH", LONG),
    ("ACCEPTED", SMALL),
    ("CONTENT", "MERGE BALLOTS=6 LEASE_TICKS=1 RESTARTS=0"),
    ("PROMISE", SMALL),
    ("COMPARE_AND_SET", "BALLOTS=4 LEASE_TICKS=1 RESTARTS=0"),
    ("PERSIST", SMALL),
    ("CHANGE_ONE_SET", CHANGE),
    ("CHANGE_VERSION", CHANGE),
    ("CHANGE_STORED", CHANGE),
    ("CHANGE_HELD", CHANGE),
    ("CHANGE_WAIT", CHANGE),
)

# Depth first, the last step first: only the order of the search, and for these rows much the quicker.
REVERSED = {"CONTENT", "CHANGE_ONE_SET", "CHANGE_VERSION", "CHANGE_STORED", "CHANGE_HELD", "CHANGE_WAIT"}

HARMS = (  # what a violated assertion is about, told by what it looks at
    ("open", "two regions open"),
    ("value_at", "chosen value lost"),
    ("ever", "acted on what is not chosen"),
    ("under", "acted on what is not chosen"),
)


class Broken(Exception):
    pass


def run(command, folder, seconds):
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds)
    except BaseException as why:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(why, subprocess.TimeoutExpired):
            raise Broken(f"{command[0]} was not done after {seconds} s") from why
        raise
    return process.returncode, output.decode(errors="replace")


def must(command, folder):
    code, output = run(command, folder, BUILD_SECONDS)
    if code != 0 or "rror:" in output:
        raise Broken(f"{' '.join(command)}: exit code {code}\n{output}")


def build(name, symbols, extra=()):
    folder = os.path.join(BUILD, re.sub(r"\W+", "-", name.lower()))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for part in ("register_lease.pml", "ledger.pml"):
        shutil.copy(os.path.join(SOURCE, part), folder)
    must(["spin", *symbols, "-a", "register_lease.pml"], folder)
    must(["gcc", "-O2", "-w", "-DSAFETY", "-DNOREDUCE", f"-DMEMLIM={MEMORY_MB}", *extra, "-o", "pan",
          "pan.c"], folder)
    return folder


def number(pattern, output):
    found = re.search(pattern, output)
    return float(found[1]) if found else 0


def search(name, symbols):
    """What one search said: states, depth, megabytes, violated assertion or None, whether it saw all."""
    folder = build(name, symbols, ("-DT_REVERSE",) if name in REVERSED else ())
    _, output = run(["./pan", f"-m{DEPTH}", "-w23"], folder, SEARCH_SECONDS)
    found = re.search(r"assertion violated (.*) \(at depth", output)
    limited = re.search(r"max search depth too small|out of memory|aborting|search incomplete|"
                        r"Search not completed", output)
    if "errors:" not in output:
        raise Broken(f"pan did not finish:\n{output[-2000:]}")
    errors = number(r"errors: (\d+)", output)
    if errors and not found:
        raise Broken(f"pan stopped for another reason:\n{output[-2000:]}")
    return {"states": int(number(r"([\d.e+]+) states, stored", output)),
            "depth": int(number(r"depth reached (\d+)", output)),
            "megabytes": number(r"([\d.]+)\s+total actual memory", output)
            or number(r"([\d.]+)\s+memory used for hash", output),
            "violated": found[1] if found else None,
            "whole": not limited and not errors}


def harm_of(violated):
    return next((harm for word, harm in HARMS if word in violated), violated)


def judge(found, weakened):
    if weakened:
        if found["violated"]:
            return True, "found: " + harm_of(found["violated"])
        return False, "NOT FOUND: nothing breaks without this rule"
    if found["violated"]:
        return False, "BROKEN: " + harm_of(found["violated"])
    return found["whole"], "sound: every state" if found["whole"] else "NOT ALL OF IT was searched"


def symbols_of(name, bounds, weakened):
    return [f"-D{s}" for s in bounds.split()] + ([f"-DWEAKEN_{name}"] if weakened else [])


def row(name, bounds, weakened):
    started = time.monotonic()
    try:
        found = search(name, symbols_of(name, bounds, weakened))
        passed, verdict = judge(found, weakened)
    except (Broken, OSError) as why:
        found, passed, verdict = {"states": 0, "depth": 0, "megabytes": 0}, False, f"FAILED: {why}"
    label = f"without {name}" if weakened else name
    print(f"{label:<30} {bounds.replace('LEASE_TICKS', 'TICKS'):<38} {found['states']:>10} {found['depth']:>6} "
          f"{found['megabytes']:>6.0f} {time.monotonic() - started:>6.1f}  {verdict}", flush=True)
    return passed


def trace(name):
    rows = {n: (b, w) for part, w in ((SOUND, False), (WEAKENED, True)) for n, b in part}
    if name not in rows:
        print(f"no such row: {name}; there are: {', '.join(rows)}")
        return 2
    symbols = symbols_of(name, *rows[name]) + ["-DNO_SYMMETRY"]
    folder = build("trace-" + name, symbols, ("-DBFS",))
    run(["./pan", f"-m{DEPTH}"], folder, SEARCH_SECONDS)
    if not os.path.exists(os.path.join(folder, "register_lease.pml.trail")):
        print("no counterexample")
        return 1
    _, output = run(["spin", "-t", *symbols, "register_lease.pml"], folder, BUILD_SECONDS)
    print(output)
    return 0


def main():
    words = sys.argv[1:]
    if words[:1] == ["--trace"] and len(words) == 2:
        return trace(words[1])
    if not shutil.which("spin"):
        print("spin is not installed: run 'make setup'")
        return 1
    print(f"{'':<30} {'bounds':<38} {'states':>10} {'depth':>6} {'MB':>6} {'s':>6}  verdict")
    rows = [(n, b, False) for n, b in SOUND] + [(n, b, True) for n, b in WEAKENED]
    chosen = [r for r in rows if not words or any(w in r[0] for w in words)]
    passed = [row(*r) for r in chosen]
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
