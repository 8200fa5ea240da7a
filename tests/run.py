#!/usr/bin/env python3
"""Runs the tests that `make test` is made of and sums up what they said.

    run.py all | unit | sanitize | scenario | sim | tidy | fidelity | e2e [NAME...]

Each program runs in a process group of its own with a deadline, so that nothing hangs and nothing is
left behind. A program passes if its exit code is 0; its last line "N passed, N failed" is added up.
Output is shown only for what failed (or all of it with VERBOSE=1). Unit and end-to-end tests mostly
wait (for a deadline, a lease, a refused connection), so some run at a time; what only computes (the build
with sanitizers, simulator, scenarios, tidy) runs beside them with the processor time that they leave. That is
how all of it stays under ten minutes on two cores. In the end it says what each suite took.
"""
import concurrent.futures
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Debian's own interpreter sees Debian's packages (jsonschema), whatever else is first on the PATH.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed", re.M)
ASAN = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}


def unit(build, label, env=None):
    return [(f"{label} {os.path.basename(p)}", [p], 300, env)
            for p in sorted(f"{ROOT}/{build}/tests/unit/{os.path.basename(c)[:-2]}"
                            for c in glob.glob(f"{ROOT}/tests/unit/*_test.c"))]


def scenarios(build, label, env=None):
    scripts = sorted(glob.glob(f"{ROOT}/tests/scenario/*.txt"))
    return [(f"{label} scripts", [f"{ROOT}/{build}/tests/scenario-player", *scripts], 600, env)]


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

# Begun first, the longest before all others, so that none of them is left to run alone at the end.
LONGEST = ("one_writer_test.py", "loss_test.py", "killed_executor_test.py", "fidelity_test.py", "approve_test.py",
           "kernel_families_test.py", "commands_test.py", "operation_words_test.py", "orders_test.py", "guard_role_test.py",
           "bad_days_test.py", "voter_test.py", "may_write_test.py", "failback_test.py", "commit_lease_test.py",
           "break_glass_test.py", "notify_test.py", "gates_test.py", "schema_test.py")


def by_length(path):
    name = os.path.basename(path)
    return LONGEST.index(name) if name in LONGEST else len(LONGEST), name


def python(folder, label, seconds, short=False):
    paths = sorted(glob.glob(f"{ROOT}/tests/{folder}/*_test.py"), key=by_length)
    return [(f"{label} {os.path.basename(p)}", [PYTHON, p, *(SHORT.get(os.path.basename(p), []) if short else [])],
             seconds, None) for p in paths]


def suites(which):
    tidy = [("tidy " + os.path.basename(p), [PYTHON, p], 300, None)
            for p in sorted(glob.glob(f"{ROOT}/tests/tidy/*.py"))]
    build = [(BUILD_SANITIZED, ["make", "--no-print-directory", "-j2", "VARIANT=asan", "sanitized"], 1200, None)]
    parts = {
        "build": build if which == "all" else [],
        "tidy": tidy,
        "unit": unit("build", "unit"),
        "scenario": scenarios("build", "scenario"),
        "sim": seeds("build", "sim", 4000, 1200) + seeds("build", "sim", 200, 400, None, "--twice"),
        "sanitize": unit("build/asan", "asan", ASAN) + scenarios("build/asan", "asan scenario", ASAN) +
        seeds("build/asan", "asan sim", 100, 600, ASAN),
        "fidelity": python("route53", "fidelity", 400),
        "e2e": python("regions", "lab", 400) + python("e2e", "e2e", 900, short=which == "all"),
    }
    return sum(parts.values(), []) if which == "all" else parts[which]


def end_group(process, number, late):
    late.set()
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def carry_out(command, seconds, env):
    """(verdict, output, seconds of processor time) of one program. Its output goes to a file: who holds it open
    afterwards does not matter."""
    late = threading.Event()
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, start_new_session=True,
                                       env={**os.environ, **(env or {})})
        except OSError as error:
            return f"FAILED ({error})", "", 0.0
        ends = [threading.Timer(after, end_group, (process, number, late))
                for after, number in ((seconds, signal.SIGTERM), (seconds + 15, signal.SIGKILL))]
        for timer in ends:
            timer.start()
        _, status, used = os.wait4(process.pid, 0)
        for timer in ends:
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    verdict = "ok" if process.returncode == 0 else f"FAILED (exit code {process.returncode})"
    return f"FAILED (not done after {seconds} s)" if late.is_set() else verdict, text, used.ru_utime + used.ru_stime


def run(name, command, seconds, env):
    """(suite, passed, failed, seconds of processor time)"""
    started = time.monotonic()
    verdict, text, used = carry_out(command, seconds, env)
    closing = CLOSING.findall(text)
    passed, failed = (int(n) for n in closing[-1]) if closing else (0, 0)
    if verdict == "ok" and failed:
        verdict = "FAILED (it counts failures and exits with 0)"
    if verdict == "ok" and not closing:
        passed = 1
    if verdict != "ok" and not failed:
        failed = 1
    said = (f"  {name:<42} {verdict:<8} {passed:>4} passed  {time.monotonic() - started:6.1f} s, "
            f"{used:5.1f} s of processor time\n")
    if verdict != "ok" or os.environ.get("VERBOSE"):
        said += "    | " + "\n    | ".join(text.rstrip().splitlines()[-200:]) + "\n"
    sys.stdout.write(said)
    sys.stdout.flush()
    return name.split()[0], passed, failed, used


# Folders whose programs mostly wait, with how many of them run at a time, one folder's after the other's.
AT_A_TIME = ((5, ("e2e", "regions", "route53")), (4, ("unit",)))
# All else computes, so many at a time. Beside those that wait it has to be nice: their leases and deadlines are real
# time. Where the kernel gives each session a group of its own (autogroup), it is the group that has to be nice.
COMPUTING = 2
POLITELY = ["sh", "-c", "(echo 10 >/proc/self/autogroup) 2>/dev/null; exec nice -n 10 \"$@\"", "sh"]
BUILD_SANITIZED = "build with sanitizers"


def pool_of(suite):
    return next((pool for pool in AT_A_TIME for folder in pool[1] for word in suite[1]
                 if f"{os.sep}tests{os.sep}{folder}{os.sep}" in word), None)


def computing_first(chosen):
    """What only computes: the build that others wait for before all else, then what takes longest."""
    order = {"build": 0, "sim": 1}
    return sorted((s for s in chosen if pool_of(s) is None), key=lambda s: order.get(s[0].split()[0], 2))


def play(chosen):
    """Results of all of them. What is made with sanitizers waits until it is built."""
    built, alone = threading.Event(), threading.Event()
    if not any(pool_of(s) for s in chosen):
        alone.set()
    if not any(s[0] == BUILD_SANITIZED for s in chosen):
        built.set()

    def one(suite):
        if suite[0].startswith("asan"):
            built.wait()
        nicely = [] if pool_of(suite) or alone.is_set() else POLITELY
        result = run(suite[0], [*nicely, *suite[1]], *suite[2:])
        if suite[0] == BUILD_SANITIZED:
            built.set()
        return result

    with concurrent.futures.ThreadPoolExecutor(COMPUTING) as computing:
        beside = [computing.submit(one, s) for s in computing_first(chosen)]
        results = []
        for pool in AT_A_TIME:
            with concurrent.futures.ThreadPoolExecutor(pool[0]) as some:
                results += some.map(one, [s for s in chosen if pool_of(s) == pool])
        alone.set()
        return results + [b.result() for b in beside]


def show_suites(results):
    print(f"  {'suite':<10} {'programs':>8} {'passed':>7} {'failed':>7} {'processor time':>16}")
    for suite in dict.fromkeys(r[0] for r in results):
        of = [r for r in results if r[0] == suite]
        print(f"  {suite:<10} {len(of):>8} {sum(r[1] for r in of):>7} {sum(r[2] for r in of):>7} {sum(r[3] for r in of):>14.1f} s")


def main():
    began = time.monotonic()
    which = sys.argv[1] if len(sys.argv) > 1 else "all"
    wanted = sys.argv[2:]
    chosen = [s for s in suites(which) if not wanted or any(w in s[0] for w in wanted)]
    results = play(chosen)
    show_suites(results)
    passed, failed, used = (sum(r[i] for r in results) for i in (1, 2, 3))
    print(f"  {time.monotonic() - began:.0f} s in all, {used:.0f} s of processor time")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
