#!/usr/bin/env python3
"""Runs the tests that `make test` is made of and sums up what they said.

    run.py all | unit | sanitize | scenario | sim | tidy | fidelity | e2e [NAME...]

Each program runs in a process group of its own with a deadline, so that nothing hangs and nothing is
left behind. A program passes if its exit code is 0; its last line "N passed, N failed" is added up.
Output is shown only for what failed (or all of it with VERBOSE=1). Unit and end-to-end tests mostly
wait (for a deadline, a lease, a refused connection), so some run at a time, and on two cores that is how
they stay under ten minutes; all else has the machine for itself.
"""
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Debian's own interpreter sees Debian's packages (jsonschema), whatever else is first on the PATH.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed", re.M)
ASAN = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}


def unit(build, label, env=None):
    return [(f"{label} {os.path.basename(p)}", [p], 300, env)
            for p in sorted(glob.glob(f"{ROOT}/{build}/tests/unit/*_test")) if os.access(p, os.X_OK)]


def scenarios(build, label, env=None):
    scripts = sorted(glob.glob(f"{ROOT}/tests/scenario/*.txt"))
    return [(f"{label} scripts", [f"{ROOT}/{build}/tests/scenario-player", *scripts], 120, env)]


def seeds(build, label, count, seconds, env=None, *options):
    return [(f"{label} {count} seeds {' '.join(options)}".strip(),
             [f"{ROOT}/{build}/tests/simulator", "--seeds", str(count), *options], seconds, env)]


# What `make test` plays of the longest end-to-end tests, by words of the cases' titles, to stay under ten minutes;
# `make e2e` plays all of it.
SHORT = {"fence_hook_test.py": ["cut off"], "may_write_test.py": ["writer"], "return_test.py": ["lost"],
         "quorum_loss_test.py": ["fence"], "one_writer_test.py": ["kernel"],
         "loss_test.py": ["loss", "alone", "synchronous"], "gates_test.py": ["unhealthy"],
         "commit_lease_test.py": ["paused", "killed"], "remote_fence_test.py": ["confirms"],
         "switchover_test.py": ["kernel"], "break_glass_test.py": ["marked"], "orders_test.py": ["two people", "the node dies"],
         "control_socket_test.py": ["storm"], "audit_test.py": ["on record"], "follow_test.py": ["remaining"],
         "killed_executor_test.py": ["killed at", "before the grant"], "commands_test.py": ["done", "refused"],
         "operation_words_test.py": ["held", "asked"], "failback_test.py": ["worse"], "approve_test.py": ["decline"],
         "notify_test.py": ["every channel"], "voter_test.py": ["replaced"], "confirm_test.py": ["right word"],
         "bad_days_test.py": ["must not start", "disk", "hostile"]}

# Begun first, so that none of them is left to run alone at the end.
LONGEST = ("loss_test.py", "one_writer_test.py", "killed_executor_test.py", "commit_lease_test.py", "gates_test.py")


def python(folder, label, seconds, short=False):
    paths = sorted(glob.glob(f"{ROOT}/tests/{folder}/*_test.py"), key=lambda p: (os.path.basename(p) not in LONGEST, p))
    return [(f"{label} {os.path.basename(p)}", [PYTHON, p, *(SHORT.get(os.path.basename(p), []) if short else [])],
             seconds, None) for p in paths]


def suites(which):
    tidy = [("tidy " + os.path.basename(p), [PYTHON, p], 120, None)
            for p in sorted(glob.glob(f"{ROOT}/tests/tidy/*.py"))]
    parts = {
        "tidy": tidy,
        "unit": unit("build", "unit"),
        "scenario": scenarios("build", "scenario"),
        "sim": seeds("build", "sim", 4000, 400) + seeds("build", "sim", 200, 120, None, "--twice"),
        "sanitize": unit("build/asan", "asan", ASAN) + scenarios("build/asan", "asan scenario", ASAN) +
        seeds("build/asan", "asan sim", 100, 200, ASAN),
        "fidelity": python("route53", "fidelity", 400),
        "e2e": python("regions", "lab", 400) + python("e2e", "e2e", 900, short=which == "all"),
    }
    return sum(parts.values(), []) if which == "all" else parts[which]


def run(name, command, seconds, env):
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True,
                               env={**os.environ, **(env or {})})
    try:
        output, _ = process.communicate(timeout=seconds)
        verdict = "ok" if process.returncode == 0 else f"FAILED (exit code {process.returncode})"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            output, _ = process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
        verdict = f"FAILED (not done after {seconds} s)"
    text = output.decode(errors="replace")
    closing = CLOSING.findall(text)
    passed, failed = (int(n) for n in closing[-1]) if closing else (0, 0)
    if verdict == "ok" and failed:
        verdict = "FAILED (it counts failures and exits with 0)"
    if verdict == "ok" and not closing:
        passed = 1
    if verdict != "ok" and not failed:
        failed = 1
    said = f"  {name:<42} {verdict:<8} {passed:>4} passed  {time.monotonic() - started:6.1f} s\n"
    if verdict != "ok" or os.environ.get("VERBOSE"):
        said += "    | " + "\n    | ".join(text.rstrip().splitlines()[-200:]) + "\n"
    sys.stdout.write(said)
    sys.stdout.flush()
    return passed, failed


# Folders whose programs mostly wait, with how many of them run at a time; all else runs alone.
AT_A_TIME = ((4, ("unit",)), (4, ("e2e", "regions", "route53")))


def pool_of(suite):
    return next((pool for pool in AT_A_TIME for folder in pool[1] for word in suite[1]
                 if f"{os.sep}tests{os.sep}{folder}{os.sep}" in word), None)


def side_by_side(suites, how_many):
    with concurrent.futures.ThreadPoolExecutor(how_many) as some:
        return list(some.map(lambda s: run(*s), suites))


def main():
    which = sys.argv[1] if len(sys.argv) > 1 else "all"
    wanted = sys.argv[2:]
    chosen = [s for s in suites(which) if not wanted or any(w in s[0] for w in wanted)]
    results = []
    for pool in [*AT_A_TIME, None]:
        results += side_by_side([s for s in chosen if pool_of(s) == pool], pool[0] if pool else 1)
    passed = sum(p for p, _ in results)
    failed = sum(f for _, f in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
