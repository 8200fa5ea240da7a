#!/usr/bin/env python3
"""Builds the core with one safety rule weakened, many times, and asks the simulator to notice.

    mutants.py [--only NAME]... [--list] [--build-only] [--scripts-only] [--seeds N] [--jobs J]

Every mutant of the *.txt files beside this one (README.md tells how to read them) has to be caught within
SEEDS seeds: one that survives is a hole in the simulator, and fails. A text that no longer occurs exactly
once in the core fails the whole run before anything is built, so the list follows the code.

Compiler, flags, objects and libraries are those that make itself would use: the commands are taken from a
dry run of make, with warnings off. Each mutant is built in build/mutants/NAME beside a copy of policy/.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
SIM, PLAYER = "build/tests/simulator", "build/tests/scenario-player"
OUT = "build/mutants"
CHUNK = 250             # seeds per process of the simulator: what a deadline may cut off
PLAYER_SECONDS = 60
BROKEN = 3              # the simulator's exit code for a broken invariant


class Fault(Exception):
    """Something that is wrong with the list or the build, not with a mutant."""


class Mutant:
    def __init__(self, name, where):
        self.name, self.where = name, where
        self.rule = self.notices = ""
        self.edits = []  # (file, old, new)


# ---- the list ----

def read_list(path):
    mutants, mutant, target, old, new = [], None, None, [], []

    def end_edit():
        if old or new:
            if not old:
                raise Fault(f"{path}: {mutant.name}: an edit without what it replaces")
            mutant.edits.append((target, "\n".join(old), "\n".join(new)))
            old.clear(), new.clear()

    for number, line in enumerate(open(path), 1):
        line = line.rstrip("\n")
        word, _, rest = line.partition(" ")
        if line == "" or line.startswith("#"):
            continue
        if word == "mutant":
            if mutant:
                end_edit()
            mutant, target = Mutant(rest, f"{os.path.basename(path)}:{number}"), None
            mutants.append(mutant)
        elif mutant is None:
            raise Fault(f"{path}:{number}: before the first mutant: {line}")
        elif word == "rule:":
            mutant.rule = rest
        elif word == "notices:":
            mutant.notices = rest
        elif word == "in":
            end_edit()
            target = rest
        elif word in ("-", "+") and target:
            if word == "-" and new:
                end_edit()
            (old if word == "-" else new).append(rest)
        else:
            raise Fault(f"{path}:{number}: not understood: {line}")
    if mutant:
        end_edit()
    return mutants


def mutated(mutant):
    """The files that a mutant changes: path -> text."""
    texts = {}
    for path, old, new in mutant.edits:
        text = texts.get(path) or open(os.path.join(ROOT, path)).read()
        count = text.count(old)
        if count != 1:
            raise Fault(f"{mutant.where}: {mutant.name}: this occurs {count} times in {path}, "
                        f"not once; the core changed, the list has to follow:\n{old}")
        texts[path] = text.replace(old, new)
    return texts


def load():
    mutants = [m for path in sorted(glob.glob(f"{HERE}/*.txt")) for m in read_list(path)]
    faults, names = [], set()
    for mutant in mutants:
        if mutant.name in names or not re.fullmatch(r"[a-z_]+", mutant.name):
            faults.append(f"{mutant.where}: {mutant.name}: a name twice, or not a name")
        names.add(mutant.name)
        if not (mutant.rule and mutant.notices and mutant.edits):
            faults.append(f"{mutant.where}: {mutant.name}: lacks its rule, notices or edits")
        try:
            mutated(mutant)
        except (Fault, OSError) as e:
            faults.append(str(e))
    if faults:
        raise Fault("\n".join(faults))
    return mutants


# ---- building ----

class Recipes:
    """make's own commands: how it compiles each file of the core, how it links each program."""

    def __init__(self, programs):
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        told = subprocess.run(["make", "--dry-run", "--always-make", "--no-print-directory", "V=1",
                               *programs], cwd=ROOT, env=env, capture_output=True, text=True,
                              timeout=60)
        if told.returncode != 0:
            raise Fault(f"make can't build {' '.join(programs)}: {told.stderr.strip()}")
        self.compile, self.link, self.core = {}, {}, []
        for line in told.stdout.splitlines():
            words = shlex.split(line) if " -o " in line else []
            if "-c" in words:
                source = words[words.index("-c") + 1]
                if source.startswith("policy/"):
                    self.compile[source] = words
                    self.core.append(words[words.index("-o") + 1])
            elif "-o" in words and words[words.index("-o") + 1] in programs:
                self.link[words[words.index("-o") + 1]] = words
        for program in programs:
            if not any(w.endswith("libpolicy.a") for w in self.link.get(program, [])):
                raise Fault(f"make's command that links {program} with libpolicy.a was not found")


def command(words, what):
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Fault(f"{what}: {shlex.join(words)}\n{done.stderr}")


def build(mutant, recipes, programs):
    """program -> the same program with this mutant's core."""
    folder = f"{OUT}/{mutant.name}"
    shutil.rmtree(f"{ROOT}/{folder}", ignore_errors=True)
    shutil.copytree(f"{ROOT}/policy", f"{ROOT}/{folder}/policy")
    core = list(recipes.core)
    for path, text in mutated(mutant).items():
        with open(f"{ROOT}/{folder}/{path}", "w") as file:
            file.write(text)
        words = [w for w in recipes.compile[path] if w not in ("-Werror", "-MMD", "-MP")]
        made = words[words.index("-o") + 1]
        mine = f"{folder}/{path[:-2]}.o"
        words[words.index("-c") + 1] = f"{folder}/{path}"
        words[words.index("-o") + 1] = mine
        command(words[:1] + ["-w", f"-I{folder}"] + words[1:], mutant.name)
        core[core.index(made)] = mine
    made = {}
    for program in programs:
        made[program] = f"{folder}/{os.path.basename(program)}"
        words = []
        for word in recipes.link[program]:
            words += core if word.endswith("libpolicy.a") else [word]
        words[words.index("-o") + 1] = made[program]
        command(words, mutant.name)
    return made


# ---- running ----

def run(words, seconds):
    """Exit code (None: not done in time) and what was said. Leaves no process behind."""
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        said, _ = process.communicate(timeout=max(seconds, 0.1))
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        code = None
    return code, said.decode(errors="replace")


def field(said, name):
    found = re.search(rf"^{name}:\s*(.*)$", said, re.M)
    return found.group(1).strip() if found else "?"


class Outcome:
    def __init__(self, caught, by, seed="", seeds=0, scripts="", seconds=0.0):
        self.caught, self.by, self.seed = caught, by, seed
        self.seeds, self.scripts, self.seconds = seeds, scripts, seconds


def play_scripts(program):
    """How many of the scripts fail with this core: told, never asked for."""
    scripts = sorted(glob.glob(f"{ROOT}/tests/scenario/*.txt"))
    code, said = run([program, *scripts], PLAYER_SECONDS)
    if code == 0:
        return "-"
    failing = {m for m in re.findall(r"(\w+)\.txt:\d+:", said)}
    return "hang" if code is None else str(len(failing)) if code > 0 else f"signal {-code}"


def simulate(program, options):
    """Seeds in order, a chunk at a time, until one breaks an invariant."""
    started, first = time.monotonic(), 1
    while first <= options.seeds:
        chunk = min(CHUNK, options.seeds - first + 1)
        left = options.deadline - (time.monotonic() - started)
        code, said = run([program, "--seeds", str(chunk), "--first", str(first), *options.sim_args],
                         left)
        if code == BROKEN:
            seed = field(said, "seed")
            done = int(seed) if seed.isdigit() else first + chunk - 1
            return Outcome(True, field(said, "invariant"), seed, done)
        if code is None:
            return Outcome(False, f"not caught in {options.deadline:.0f} s", "", first - 1)
        if code != 0:
            last = said.strip().splitlines()[-1:] or [""]
            return Outcome(False, f"the simulator ended with {code}: {last[0]}", "", first - 1)
        first += chunk
    return Outcome(False, "SURVIVED", "", options.seeds)


def judge(mutant, recipes, programs, options):
    started = time.monotonic()
    made = build(mutant, recipes, programs)
    scripts = play_scripts(made[PLAYER]) if PLAYER in made else ""
    if options.build_only:
        outcome = Outcome(True, "built")
    elif SIM in made:
        outcome = simulate(made[SIM], options)
    else:
        outcome = Outcome(scripts != "-", "scripts" if scripts != "-" else "no script fails")
    outcome.scripts = scripts
    outcome.seconds = time.monotonic() - started
    if outcome.caught:
        shutil.rmtree(f"{ROOT}/{OUT}/{mutant.name}", ignore_errors=True)
    return outcome


def control(options):
    """A simulator that fails the unchanged core would catch everything and prove nothing."""
    code, said = run([SIM, "--seeds", str(options.control), *options.sim_args], options.deadline)
    if code != 0:
        raise Fault(f"the unchanged core does not pass {options.control} seeds "
                    f"(exit code {code}); mend that first:\n{said[-2000:]}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="may be given several times")
    parser.add_argument("--list", action="store_true", help="names, rules, who is expected to notice")
    parser.add_argument("--build-only", action="store_true", help="whether every mutant compiles")
    parser.add_argument("--scripts-only", action="store_true", help="the scenario scripts alone")
    parser.add_argument("--no-scripts", action="store_true", help="the simulator alone")
    parser.add_argument("--seeds", type=int, default=20000)
    parser.add_argument("--control", type=int, default=500, help="seeds that the unchanged core passes")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--deadline", type=float, default=900, help="seconds for one mutant")
    parser.add_argument("sim_args", nargs="*", help="after --: handed to the simulator")
    return parser.parse_args()


def main():
    options = arguments()
    mutants = load()
    if options.only:
        unknown = set(options.only) - {m.name for m in mutants}
        if unknown:
            raise Fault(f"no such mutant: {', '.join(sorted(unknown))}")
        mutants = [m for m in mutants if m.name in options.only]
    if options.list:
        for m in mutants:
            print(f"{m.name:28} {m.rule}\n{'':28} expected: {m.notices}")
        return 0
    programs = [p for p, wanted in ((SIM, not (options.scripts_only or options.build_only)),
                                    (PLAYER, not (options.no_scripts or options.build_only))) if wanted]
    recipes = Recipes(programs or [PLAYER])
    if SIM in programs:
        control(options)
    print(f"{'mutant':28} {'seed':>6} {'seconds':>7} {'scripts':>7}  caught by", flush=True)
    failed, lock = [], threading.Lock()

    def one(mutant):
        try:
            outcome = judge(mutant, recipes, programs, options)
        except Fault as e:
            outcome = Outcome(False, str(e))
        with lock:
            print(f"{mutant.name:28} {outcome.seed:>6} {outcome.seconds:7.1f} {outcome.scripts:>7}  "
                  f"{outcome.by if outcome.caught else 'FAILED: ' + outcome.by}", flush=True)
            if not outcome.caught:
                failed.append(mutant)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, mutants))
    for mutant in failed:
        print(f"\n{mutant.name} was not caught. It weakens: {mutant.rule}\n"
              f"  expected to notice: {mutant.notices}\n  its core is in {OUT}/{mutant.name}")
    print(f"{len(mutants) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Fault as e:
        print(e, file=sys.stderr)
        print("0 passed, 1 failed")
        sys.exit(2)
