#!/usr/bin/env python3
"""Rounds of drawn faults on a running lab; after each one the databases and the clients' receipts are compared.

    chaos.py [--rounds N] [--seed N] [--fence kernel|door|accepted] [--only ROUND]
             [--faults NAME[,NAME] | --each | --pairs]

A round: all is well and the writer known; one fault or a pair strikes; it plays until the writer has
moved, or for as long as was drawn; everything is healed; the count; the old primary is made a standby
anew; all is well again. One line a round and a table at the end. A round is broken when two databases
acknowledged writes at one time, when a row was lost that the coordinators' estimate does not
cover or acknowledged twice, when the writer moved or stayed and had to do the other, or when
the service does not come back. Then the lab's folder is kept and the line that plays the round again is
printed; the rounds after it have a lab of their own. Exit code 0 only if nothing was broken.

What a round draws hangs on seed and round alone, so `--only 17` draws what round 17 drew; when
what happens in it is up to two cores and three databases.
"""
import argparse
import os
import random
import sys
import time
import traceback

import faults as catalogue
import judge
import lab as labs
import rounds

ROUNDS, ROUNDS_PER_LAB = 20, 8
MANY_LINES = 12
HEADS = ("round", "faults", "what came of it", "moves", "first write", "lost", "estimate", "split brain", "took")


def cells(row):
    first = "" if row.first_write_s is None else f"{row.first_write_s:.2f} s"
    return (str(row.number), row.faults, ("BROKEN " if row.broken else "") + row.outcome, str(row.failovers), first,
            str(row.lost), row.estimate, f"{row.window_ms:.0f} ms, {row.window_writes}", f"{row.took_s:.0f} s")


WIDTHS = (5, 42, 34, 5, 11, 5, 22, 11, 5)


def line_of(texts):
    return "  ".join(text.ljust(width) for text, width in zip(texts, WIDTHS)).rstrip()


class Series:
    def __init__(self, seed, fence, plan=None, asked=""):
        self.seed, self.fence = seed, fence
        self.plan, self.asked = plan, asked     # what is played in turn, and the option that asked for it
        self.rows, self.labs_kept = [], []

    def run(self, numbers):
        """All of them, in labs of a few rounds each; a broken one ends its lab."""
        left = list(numbers)
        print(f"seed {self.seed}, fence {self.fence}; --only ROUND plays one of them again")
        print(line_of(HEADS), flush=True)
        while left:
            with labs.Lab(**rounds.lab_options(self.fence)) as lab:
                chaos = rounds.Chaos(lab, self.fence)
                try:
                    chaos.bring_up()
                except (judge.Broken, labs.LabError) as error:
                    self._take(lab, rounds.Row(left.pop(0), "none: the lab itself", broken=[f"bring-up: {error}"]))
                    continue
                for _ in range(ROUNDS_PER_LAB):
                    if not left or not self._one(lab, chaos, left.pop(0)):
                        break
        return self.rows

    def _one(self, lab, chaos, number):
        """False when the lab is not to be used again."""
        rng = random.Random(f"{self.seed}/{number}")
        chosen = self.plan[(number - 1) % len(self.plan)] if self.plan else catalogue.draw(rng)
        why = catalogue.unsafe(chosen) if self.fence == "kernel" else None
        if why:
            self._take(lab, rounds.Row(number, " + ".join(f.name for f in chosen), f"not played: {why}"))
            return True
        try:
            row = chaos.play(number, rng, chosen)
        except Exception as error:
            row = rounds.Row(number, " + ".join(f.name for f in chosen),
                             broken=[f"the lab: {error}\n{traceback.format_exc()}"])
        self._take(lab, row)
        return not row.broken

    def _take(self, lab, row):
        self.rows.append(row)
        print(line_of(cells(row)), flush=True)
        if not row.broken:
            return
        lab.keep_folder()
        self.labs_kept.append(lab.folder)
        for text in row.broken + [f"said: {said}" for said in row.said]:
            print("      " + text, flush=True)
        for region, process in lab.coordinators.items():
            print(f"      last warnings of {region}:")
            for line in [x for x in lab.journal(region) if x["level"] in ("warning", "error")][-MANY_LINES:]:
                print(f"        {line['time'][11:]} {line['event']}: {line['text'][:200]}")
        print(f"      again: tests/regions/chaos.py --fence {self.fence} --seed {self.seed} --only {row.number}"
              f"{self.asked}; everything is kept in {lab.folder}", flush=True)

    def summary(self):
        """The closing lines; returns the exit code."""
        print("\n" + line_of(HEADS))
        for row in self.rows:
            print(line_of(cells(row)))
        played = [row for row in self.rows if not row.outcome.startswith("not played")]
        firsts = sorted(row.first_write_s for row in played if row.first_write_s is not None)
        broken = [row for row in played if row.broken]
        print(f"\n{len(played)} rounds played, {len(self.rows) - len(played)} not, seed {self.seed}, "
              f"fence {self.fence}: {sum(row.failovers for row in played)} changes of the writer in "
              f"{len(firsts)} rounds, {sum(row.outcome.startswith('refused') for row in played)} refused, "
              f"{sum(row.outcome.startswith('aborted') for row in played)} aborted, {len(broken)} broken")
        if firsts:
            print(f"first write elsewhere: median {firsts[len(firsts) // 2]:.2f} s, longest {firsts[-1]:.2f} s")
        print(f"acknowledged and lost: {sum(row.lost for row in played)}; two writers: "
              f"{max((row.window_ms for row in played), default=0):.0f} ms, "
              f"{sum(row.window_writes for row in played)} writes")
        return 1 if broken or not played else 0


def plan_of(parser, asked):
    """(what is played in turn or None, the option that says so)"""
    if asked.each:
        return catalogue.each(), " --each"
    if asked.pairs:
        return catalogue.pairs(), " --pairs"
    if not asked.faults:
        return None, ""
    names = [name.strip() for name in asked.faults.split(",")]
    if not set(names) <= set(catalogue.BY_NAME):
        parser.error(f"faults are: {', '.join(catalogue.BY_NAME)}")
    return [catalogue.with_reason([catalogue.BY_NAME[name] for name in names])], f" --faults '{asked.faults}'"


def main():
    parser = argparse.ArgumentParser(description="rounds of drawn faults, each checked against receipts and databases")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}, or as many as --each and --pairs have")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--fence", choices=("kernel", "door", "accepted"), default="kernel",
                        help="accepted: the door with accept_unconfirmed_fence; what breaks is what one accepts")
    parser.add_argument("--only", type=int, help="this round alone, as the seed draws it")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--faults", help="these instead of drawn ones: " + ", ".join(catalogue.BY_NAME))
    instead.add_argument("--each", action="store_true", help="every fault by itself, in turn")
    instead.add_argument("--pairs", action="store_true", help="every pair of two, in turn")
    asked = parser.parse_args()
    if os.geteuid() != 0:
        print("chaos needs root: regions are network namespaces, the fence is the kernel's")
        return 1
    plan, option = plan_of(parser, asked)
    rounds = asked.rounds or (len(plan) if plan else ROUNDS)
    series = Series(asked.seed, asked.fence, plan, option)
    try:
        series.run([asked.only] if asked.only else range(1, rounds + 1))
    except labs.Interrupted as interrupted:
        print(f"interrupted by {interrupted}; everything is cleaned up")
        series.summary()
        return 130
    return series.summary()


if __name__ == "__main__":
    sys.exit(main())
