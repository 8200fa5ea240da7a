#!/usr/bin/env python3
"""How much of the core do scenarios and simulator reach: lines and branches, from gcov's counters.

    report.py --build build/coverage --player PROGRAM [--sim PROGRAM --seeds N]
              [--missing [PREFIX]] [--scenarios-only] [--no-falsify] [--json] [--no-run]

Plays them on a build that counts (make VARIANT=coverage), then has gcov read the counters of every
object of policy/. Exit code 0: the folders in TARGETS have enough of their branches taken; 1: one
has not; 2: something failed that has to be mended before anything can be counted.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENOUGH = 95.0  # per cent of branches
TARGETS = ("policy/quorum", "policy/failover")
RUN_SECONDS = 1200
FALSIFIED_SEEDS = 100  # played once more with --falsify, which adds nothing after the first few
GCOV_SECONDS = 120

# What is left out of the count, and why: name, what a branch's statement looks like, reason. A rule
# takes all branches of a statement, taken or not, so that it never makes the rest look better.
LEFT_OUT = (
    ("assertion", re.compile(r"^\s*policy_ensure\("),
     "one side is __builtin_trap(), which a sound program never comes to"),
)


class Failed(Exception):
    """Nothing can be counted; the text says why."""


# ---- playing ----

def play(command, what):
    started = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=RUN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{what}: not done after {RUN_SECONDS} s") from None
    except OSError as error:
        raise Failed(f"{what}: {error}; build it with make VARIANT=coverage") from None
    text = done.stdout.decode(errors="replace").rstrip()
    if done.returncode != 0:
        raise Failed(f"{what} failed (exit code {done.returncode}); the counters say nothing until it passes:\n{text}")
    last = text.splitlines()[-1] if text else ""
    print(f"  {what}: {last} ({time.monotonic() - started:.0f} s)", file=sys.stderr)


def play_all(options):
    for counters in glob.glob(f"{ROOT}/{options.build}/policy/**/*.gcda", recursive=True):
        os.remove(counters)
    scripts = sorted(glob.glob(f"{ROOT}/tests/scenario/*.txt"))
    play([f"{ROOT}/{options.player}", *scripts], f"{len(scripts)} scenario scripts")
    if options.scenarios_only:
        return "scenarios alone"
    if not options.sim:
        return "scenarios alone: the simulator is not built"
    # Each process adds its counters to the files as it ends.
    play([f"{ROOT}/{options.sim}", "--seeds", str(options.seeds)], f"{options.seeds} seeds")
    return f"scenarios and {options.seeds} seeds of the simulator"


def play_falsified(options):
    """Rules of the core called directly with values that are wrong; what they reach is told apart."""
    seeds = min(options.seeds, FALSIFIED_SEEDS)
    play([f"{ROOT}/{options.sim}", "--seeds", str(seeds), "--falsify"], f"{seeds} seeds with --falsify")
    return f", {seeds} of them with --falsify"


# ---- counting ----

def gcov(notes):
    command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", "--branch-counts", notes]
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=GCOV_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"gcov: {error}") from None
    if done.returncode != 0:
        raise Failed(f"gcov {notes}: {done.stderr.decode(errors='replace').strip()}")
    # gcov goes on after a stale counter and then counts nothing: what it says has to be read.
    if b"stamp mismatch" in done.stderr or b"version" in done.stderr:
        raise Failed(f"gcov {notes}: {done.stderr.decode(errors='replace').strip()}")
    return json.loads(done.stdout)


class Line:
    """One line of source. A function in a header is compiled many times; its counts are added."""

    def __init__(self):
        self.count = 0
        self.branches = []

    def add(self, count, branches):
        self.count += count
        while len(self.branches) < len(branches):
            self.branches.append(0)
        for i, n in enumerate(branches):
            self.branches[i] += n


def lines_of(report):
    """(file, line number) -> (count, [count of each branch]) of one object, as gcov tells it."""
    found = {}
    for source in report["files"]:
        name = os.path.relpath(os.path.join(ROOT, source["file"]), ROOT)
        if not name.startswith("policy/"):
            continue
        for line in source["lines"]:
            count, branches = found.get((name, line["line_number"]), (0, []))
            branches = branches + [b["count"] for b in line["branches"] if not b["throw"]]
            found[name, line["line_number"]] = (max(count, line["count"]), branches)
    return found


class Source:
    """The text of one file, for what is left out and for what is shown."""

    def __init__(self, name):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            self.lines = file.read().split("\n")

    def text(self, number):
        return self.lines[number - 1].strip()

    def statement(self, number):
        """The line where the statement begins that line `number` goes on with."""
        while number > 1 and not re.search(r"[;{}:]\s*$|\*/\s*$|^\s*$|^\s*#", self.lines[number - 2]):
            number -= 1
        return self.lines[number - 1]


def count(build):
    notes = sorted(glob.glob(f"{ROOT}/{build}/policy/**/*.gcno", recursive=True))
    # What was compiled from a file that is gone since, is no part of the core any more.
    notes = [n for n in notes if os.path.exists(os.path.join(ROOT, os.path.relpath(n, f"{ROOT}/{build}"))[:-4] + "c")]
    if not notes:
        raise Failed(f"{build}/policy holds nothing that counts: make coverage builds it")
    lines, sources, left_out = {}, {}, {rule[0]: 0 for rule in LEFT_OUT}
    for path in notes:
        for at, (hits, branches) in lines_of(gcov(path)).items():
            lines.setdefault(at, Line()).add(hits, branches)
    for (name, number), line in lines.items():
        source = sources.setdefault(name, Source(name))
        for rule, pattern, _ in LEFT_OUT:
            if line.branches and pattern.search(source.statement(number)):
                left_out[rule] += len(line.branches)
                line.branches = []
    return lines, sources, left_out


class Tally:
    def __init__(self):
        self.lines = self.lines_hit = self.branches = self.branches_hit = 0

    def add(self, line):
        self.lines += 1
        self.lines_hit += line.count > 0
        self.branches += len(line.branches)
        self.branches_hit += sum(n > 0 for n in line.branches)

    def percent(self):
        return 100.0 * self.branches_hit / self.branches if self.branches else 100.0

    def row(self, name):
        def part(hit, total):
            share = f"{100.0 * hit / total:6.1f} %" if total else "       -"
            return f"{hit:>5} /{total:>5} {share}"
        return f"  {name:<34} {part(self.lines_hit, self.lines)}   {part(self.branches_hit, self.branches)}"

    def numbers(self):
        return {"lines": self.lines, "lines_hit": self.lines_hit, "branches": self.branches,
                "branches_hit": self.branches_hit}


def tally(lines):
    files, folders, total = {}, {}, Tally()
    for (name, _), line in lines.items():
        folder = os.path.dirname(name)
        for each in (files.setdefault(name, Tally()), folders.setdefault(folder, Tally()), total):
            each.add(line)
    return files, folders, total


# ---- saying ----

def show_table(files, folders, total, left_out, played):
    print(f"Coverage of policy/ by {played}\n")
    print(f"  {'':<34} {'lines':>21}   {'branches':>21}")
    for folder in sorted(folders):
        for name in sorted(n for n in files if os.path.dirname(n) == folder):
            print(files[name].row(name))
        print(folders[folder].row(f"{folder}/ in all") + "\n")
    print(total.row("everything"))
    for rule, _, reason in LEFT_OUT:
        print(f"\n  Left out: {left_out[rule]} branches of rule {rule}: {reason}.")


def show_without(folders):
    print("\nWithout --falsify (rules of the core called directly with wrong values)\n")
    for folder in TARGETS:
        if folder in folders:
            print(folders[folder].row(f"{folder}/ in all"))


def show_missing(lines, sources, prefix):
    print("\nNever taken (file:line: which of the branches there, counted from 1: source)\n")
    for (name, number), line in sorted(lines.items()):
        missing = [i + 1 for i, n in enumerate(line.branches) if n == 0]
        if not missing or not name.startswith(prefix):
            continue
        which = "never reached" if line.count == 0 else \
            f"{', '.join(map(str, missing))} of {len(line.branches)}"
        print(f"  {name}:{number}: {which}: {sources[name].text(number)}")


def judge(folders):
    """The targets that are missed, in words. A target that is not there is missed too."""
    missed = []
    for folder in TARGETS:
        found = folders.get(folder, Tally())
        if not found.branches:
            missed.append(f"{folder}: no branch of it was counted at all")
        elif found.percent() < ENOUGH:
            missed.append(f"{folder}: {found.percent():.2f} % of its branches are taken, {ENOUGH:g} % are asked for")
    return missed


def options_of(arguments):
    parser = argparse.ArgumentParser(description="Lines and branches of policy/ that scenarios and simulator reach.")
    parser.add_argument("--build", default="build/coverage")
    parser.add_argument("--player", default="build/coverage/tests/scenario-player")
    parser.add_argument("--sim", help="the simulator; without it scenarios count alone")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--missing", nargs="?", const="policy/", metavar="PREFIX",
                        help="list the branches never taken, of files whose name begins with PREFIX")
    parser.add_argument("--scenarios-only", action="store_true")
    parser.add_argument("--no-falsify", action="store_true",
                        help="only what whole clusters reach, without rules that are called directly")
    parser.add_argument("--json", action="store_true", help="numbers for programs instead of the table")
    parser.add_argument("--no-run", action="store_true", help="play nothing: read the counters that are there")
    return parser.parse_args(arguments)


def main():
    options = options_of(sys.argv[1:])
    without = None
    try:
        played = "what was played last" if options.no_run else play_all(options)
        if options.sim and not (options.no_run or options.scenarios_only or options.no_falsify):
            without = tally(count(options.build)[0])[1]
            played += play_falsified(options)
        lines, sources, left_out = count(options.build)
    except Failed as error:
        print(f"coverage: {error}", file=sys.stderr)
        return 2
    files, folders, total = tally(lines)
    missed = judge(folders)
    if options.json:
        print(json.dumps({"played": played, "files": {n: t.numbers() for n, t in sorted(files.items())},
                          "folders": {n: t.numbers() for n, t in sorted(folders.items())},
                          "folders_without_falsify": {n: t.numbers() for n, t in sorted((without or {}).items())},
                          "left_out": left_out, "missed": missed}, indent=1))
    else:
        show_table(files, folders, total, left_out, played)
        if without is not None:
            show_without(without)
        if options.missing is not None:
            show_missing(lines, sources, options.missing)
    for words in missed:
        print(f"\ncoverage: {words}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
