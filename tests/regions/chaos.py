#!/usr/bin/env python3
"""Rounds of drawn faults on a running lab; after each one the databases and the clients' receipts are compared.

    chaos.py [--rounds N] [--seed N] [--fence kernel|door|accepted] [--only ROUND] [--faults NAME[,NAME] | --each | --pairs]

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
import dataclasses
import datetime
import os
import random
import sys
import threading
import time
import traceback

import checker
import cluster_files
import faults as catalogue
import lab as labs
import pgwire
import postgres

SERVICE = cluster_files.SERVICE
ROUNDS, ROUNDS_PER_LAB = 20, 8
CLIENT_RATE, INSIDE_RATE, INSIDE_RETRY_MS = 50, 50, 60
WELL_DEADLINE_S = 60
MOVE_DEADLINE_S = 20            # an enforced fence: two seconds of checks, a lease and a bit, a promotion
BACK_DEADLINE_S = 60
REBUILD_DEADLINE_S = 30
ROWS_DEADLINE_S = 20
STREAM_AGAIN_S = 10
WATCH_S = 0.1
CALM_BEFORE_US = 2_000_000      # the clients wrote in the half of that before a round begins
# A check reads the primary's position at its beginning and is timed by its end, a write check later: by
# up to that much the knowledge is older than it is said to be.
CHECK_ROUND_US = 400_000
WAL_BYTES_PER_ROW = 100         # a row takes well over that
BACKGROUND_DEADLINE_S = 60
MANY_LINES = 12


class Broken(Exception):
    """What was promised did not hold; the text says what."""


def thresholds(fence):
    """Two seconds of failing checks, a lease of two seconds."""
    brisk = {"heartbeat": "250ms", "health_interval": "500ms", "health_for": "2s", "database_interval": "500ms",
             "database_for": "2s", "lease": "2s", "renew_every": "500ms", "insync_ms": 300}
    if fence != "kernel":
        # the target's own door is shut before the grant, for 2 x authentication_timeout, and keeps its own
        # service out of its database: /health fails for that long in any failover
        brisk |= {"ladder": ("door",), "health_for": "8s", "accept_unconfirmed_fence": fence == "accepted"}
    return cluster_files.Thresholds(**brisk)


# ---- one round ----------------------------------------------------------------------------------

@dataclasses.dataclass
class Row:
    """One line of the table."""
    number: int
    faults: str
    outcome: str = ""
    failovers: int = 0
    first_write_s: float = None
    lost: int = 0
    estimate: str = ""
    window_ms: float = 0.0
    window_writes: int = 0
    took_s: float = 0.0
    broken: list = dataclasses.field(default_factory=list)
    said: list = dataclasses.field(default_factory=list)


class Round:
    """What faults are told of a round, and what is known of it afterwards."""

    def __init__(self, lab, number, rng, old):
        self.lab, self.number, self.rng, self.old = lab, number, rng, old
        self.new = next(r for r in lab.serving if r != old)
        self.witness = next(r for r in lab.regions if r not in lab.serving)
        self.ending, self.quorum = threading.Event(), True
        self.began_wall_us, self.began_us = time.time_ns() // 1000, boot_us()
        self.said, self._threads = [], []

    def say(self, text):
        self.said.append(text)

    def background(self, work):
        def guarded():
            try:
                work()
            except Exception as error:                     # a fault that can't strike is the lab's failure, and told
                self.say(f"in the background: {type(error).__name__}: {error}")
        self._threads.append(threading.Thread(target=guarded, daemon=True))
        self._threads[-1].start()

    def join(self):
        self.ending.set()
        for thread in self._threads:
            thread.join(BACKGROUND_DEADLINE_S)
            if thread.is_alive():
                raise Broken("something in the background does not come to an end")

    def events(self, event, **fields):
        """Lines of all journals since the round began."""
        found = [line for region in self.lab.regions for line in self.lab.journal(region)
                 if line.get("event") == event and all(line.get(k) == v for k, v in fields.items())]
        return [line for line in found if wall_us(line) >= self.began_wall_us]

    def writes_in(self, region, since_us):
        """Some client's row was acknowledged there after that moment."""
        last = [writer.last_receipt() for writer in self.lab.writers.values() if isinstance(writer, labs.Writer)]
        return any(r and r.address == self.lab.network.address[region] and r.boot_us > since_us for r in last)


def boot_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def wall_us(line):
    return int(datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp() * 1e6)


# ---- a lab and its rounds -----------------------------------------------------------------------

class Chaos:
    """One lab in which rounds are played one after the other."""

    def __init__(self, lab, fence):
        self.lab, self.fence, self.writer = lab, fence, lab.serving[0]
        self._lost_before, self._inside = set(), {}

    def bring_up(self):
        lab = self.lab
        lab.start_databases()
        lab.start_services()
        lab.start_names()
        lab.start_coordinators()
        lab.adopt_dns()
        lab.start_writer("anywhere", rate=CLIENT_RATE)
        self._start_inside(0)
        self.all_well()

    def _start_inside(self, number):
        """A client inside each serving region that knows its own database only; killed with its region."""
        for region in self.lab.serving:
            if region not in self._inside or not self._inside[region].process.running():
                self._inside[region] = self.lab.start_writer(f"inside-{region}-{number}", rate=INSIDE_RATE, region=region,
                                                             retry_ms=INSIDE_RETRY_MS)

    def inside(self, region):
        """The client that lives in that region now."""
        return self._inside[region]

    def play(self, number, rng, chosen, patient=None):
        """One round with these faults. Returns its row; raises only when the lab itself is of no more use."""
        began = time.monotonic()
        row = Row(number, " + ".join(fault.name for fault in chosen))
        self._start_inside(number)
        self.lab.wait_for(lambda: all(self._writes_now(w) for w in (self.lab.writers["anywhere"], self._inside[self.writer])), 20,
                          "the clients write")
        r = Round(self.lab, number, rng, self.writer)
        row.said = r.said
        try:
            self._strike(r, chosen, rng.random() < 0.65 if patient is None else patient)
            self._heal(r, chosen)
            after = self._settle(r)
            self._judge(r, row, chosen, after)
            self._mend(r, row, after)
            self.writer = after
            self.all_well()
        except (Broken, labs.LabError) as error:
            row.broken.append(str(error))
        row.took_s = time.monotonic() - began
        return row

    def _writes_now(self, client):
        last = client.last_receipt()
        return last is not None and boot_us() - last.boot_us < CALM_BEFORE_US / 2

    # -- playing --------------------------------------------------------------------------------

    def _strike(self, r, chosen, patient):
        """`patient`: until the writer has moved, if it does; else healed at a drawn moment, whatever goes on."""
        limit_s = (MOVE_DEADLINE_S if self._has_to_move(chosen) else 7.0) if patient else r.rng.uniform(0.3, 5.0)
        half = min(limit_s / 2, 4.0)
        r.patient = patient
        for fault in chosen:
            fault.strike(r)
            if fault is not chosen[-1]:
                time.sleep(r.rng.uniform(0, 1.2))
        began, moved, struck_again = time.monotonic(), False, False
        while time.monotonic() - began < limit_s and not moved:
            time.sleep(WATCH_S)
            moved = patient and r.writes_in(r.new, r.began_us)
            if not struck_again and (moved or time.monotonic() - began > half):
                struck_again = True
                self._again(r, chosen)
        if not struck_again:
            self._again(r, chosen)
        time.sleep(r.rng.uniform(0.3, 1.5))
        if not moved and patient:
            r.quorum = all(self.service(region).get("state") != "no_quorum" for region in (r.new, r.witness))

    def _again(self, r, chosen):
        for fault in chosen:
            if fault.again:
                fault.again(r)

    def _heal(self, r, chosen):
        """Everything wakes, is joined and started again, in a drawn order; in the end nothing is left of the faults."""
        lab = self.lab
        healers = [fault.undo for fault in chosen if fault.undo] + [lambda _r: lab.network.heal()]
        r.rng.shuffle(healers)
        for heal in healers:
            heal(r)
        r.join()
        for region in lab.serving:
            lab.network.link(region, up=True)
            if not lab.databases[region].process.running():
                lab.databases[region].start(wait=False)
            if not lab.services[region].running():
                lab.start_service(region)
        for region in lab.regions:
            if not lab.coordinators[region].running():
                lab.start_coordinator(region)

    def _settle(self, r):
        """The writer that all coordinators agree on, once its clients write again and nobody holds it for failed
        any more: what failed may be acted upon rightly for a while after it was healed."""
        healed_us, regions = boot_us(), {}

        def settled():
            found = [self.service(region) for region in self.lab.regions]
            regions.update({region: (s.get("state"), s.get("writer"), s.get("headline")) for region, s in zip(self.lab.regions, found)})
            writers = {s.get("writer") for s in found}
            if len(writers) != 1 or any(s.get("operation") or not s or (s.get("votes") or {}).get("failed") for s in found):
                return None
            writer = writers.pop()
            return writer if writer in self.lab.serving and r.writes_in(writer, healed_us) else None
        try:
            return self.lab.wait_for(settled, BACK_DEADLINE_S, "the service is back, with one writer")
        except labs.LabError as error:
            raise Broken(f"{error}: {regions}") from error

    # -- judging --------------------------------------------------------------------------------

    def _has_to_move(self, chosen):
        """With these, an enforced fence and nobody who heals too early. A coordinator that is killed, or whose
        vote is gone with its disk, may be the one that the majority needs."""
        return self.fence == "kernel" and all(fault.allows == catalogue.MOVES or fault.companion for fault in chosen) \
            and not {"executor killed", "disk full"} & {fault.name for fault in chosen}

    def _judge(self, r, row, chosen, after):
        receipts = self.lab.all_receipts()
        # from a moment before the first fault on, so that the old writer's reign is among them in any case
        mine = [receipt for receipt in receipts if receipt.boot_us >= r.began_us - CALM_BEFORE_US]
        counted = checker.count(receipts, self._rows_in(after))
        fresh = [x for x in counted.lost if (x.client, x.sequence) not in self._lost_before]
        self._lost_before |= {(x.client, x.sequence) for x in fresh}
        self._judge_writers(r, row, mine)
        self._judge_loss(r, row, fresh)
        if counted.doubled:
            row.broken.append(f"{counted.doubled} rows twice")
        self._judge_outcome(r, row, chosen, after)
        if after != r.old and fresh:
            self._look_behind(r, row, fresh)

    def _rows_in(self, region):
        """A guard that has just come back shuts the door for a moment, also to us."""
        deadline = time.monotonic() + ROWS_DEADLINE_S
        while True:
            try:
                with self.lab.databases[region].connect() as session:
                    return checker.read_rows(session)
            except pgwire.PgError as error:
                if time.monotonic() > deadline:
                    raise Broken(f"the rows in {region} can't be read: {error}") from error
                time.sleep(WATCH_S)

    def _judge_writers(self, r, row, receipts):
        window_us, late = checker.split_brain(receipts)
        row.window_ms, row.window_writes = window_us / 1000, len(late)
        if late:
            row.broken.append(f"two writers: {len(late)} rows acknowledged by an earlier reign up to {window_us / 1000:.1f} ms "
                              f"after a later one's first: {late[:3]}")
        moved = list(checker.reigns(receipts).values())[1:]
        row.failovers = len(moved)
        if moved:
            row.first_write_s = (moved[0][0].boot_us - r.began_us) / 1e6

    def _judge_loss(self, r, row, lost):
        """Bytes cover what was acknowledged until the estimate's knowledge; its age covers what came after."""
        row.lost = len(lost)
        told = r.events("loss_estimated")
        if told:
            worst = max(told, key=lambda line: line["loss_bytes"])
            row.estimate = f"{worst['loss_bytes']} B, {worst['known_age_ms'] / 1000:.1f} s old"
        if not lost:
            return
        behind = lambda x, slack_us: not any(x.at_us >= wall_us(line) - line["known_age_ms"] * 1000 - slack_us for line in told)
        uncovered = [x for x in lost if behind(x, CHECK_ROUND_US)]
        if sum(behind(x, 0) for x in lost) > len(uncovered):
            r.say(f"{sum(behind(x, 0) for x in lost)} lost rows are older than the estimate says its knowledge is, by less than a check's round")
        covered_by_bytes = sum(line["loss_bytes"] for line in told) / WAL_BYTES_PER_ROW
        if len(uncovered) > covered_by_bytes:
            row.broken.append(f"{len(lost)} acknowledged rows lost, {len(uncovered)} of them before the estimate's knowledge, "
                              f"which covers {covered_by_bytes:.0f}")

    def _judge_outcome(self, r, row, chosen, after):
        done = {line["operation"] for line in r.events("operation_done") if line.get("region") != line.get("from")}
        begun = {line["operation"] for line in r.events("operation_begun") if line.get("from") != line.get("region")}
        moves = row.failovers
        gates = sorted({line["gate"] for line in r.events("gate_shut") if line["gate"] != "majority_failed"}
                       | {line["gate"] for line in r.events("order_refused") if line.get("gate")})
        aborted = r.events("operation_aborted")
        if after != r.old or moves > 0:
            row.outcome = f"moved to {after}" if after != r.old else "moved and back"
        elif aborted:
            row.outcome = f"aborted at {aborted[-1].get('at_step')}: {aborted[-1].get('gate')}"
        elif not r.quorum:
            row.outcome = "refused: no quorum"
        elif gates:
            row.outcome = "refused: " + ", ".join(gates)
        else:
            row.outcome = "stayed"
        if begun - done and not aborted and after == r.old:
            r.say(f"begun and not done: {sorted(begun - done)}")
        if [fault.allows for fault in chosen] == [catalogue.STAYS] and moves:
            row.broken.append("the writer moved and had to stay")
        if r.patient and self._has_to_move(chosen) and not moves:
            row.broken.append(f"the writer had to move within {MOVE_DEADLINE_S} s: {row.outcome}")

    def _look_behind(self, r, row, lost):
        """The old database, read without an address: what was lost has to be there, or else it never was durable."""
        database = self.lab.databases[r.old]
        database.kill()
        database.start(private=True)
        with database.connect() as session:
            old_rows = checker.read_rows(session)
        nowhere = [x for x in lost if (x.client, x.sequence) not in old_rows]
        if nowhere:
            row.broken.append(f"{len(nowhere)} acknowledged rows are in neither database: {nowhere[:3]}")

    # -- well again -----------------------------------------------------------------------------

    def _mend(self, r, row, after):
        """The other region's database streams from the writer's again: by itself, or made anew."""
        lab = self.lab
        other = next(region for region in lab.serving if region != after)
        streams = lambda: self._streams(other, after)
        if after == r.old:
            try:
                lab.wait_for(streams, STREAM_AGAIN_S, "streams")
                return
            except labs.LabError:
                r.say(f"{other} did not stream again by itself within {STREAM_AGAIN_S} s; made anew")
        deadline = time.monotonic() + REBUILD_DEADLINE_S
        while True:
            try:
                lab.databases[other].remake_standby(lab.databases[after], lab.secrets, wait=False)
                break
            except (RuntimeError, pgwire.PgError) as error:   # the slot is in use for a moment still, or a copy was cut short
                if time.monotonic() > deadline:
                    raise labs.LabError(f"the standby in {other} can't be made anew: {error}") from error
                time.sleep(0.3)
        lab.wait_for(streams, REBUILD_DEADLINE_S, f"{other} streams from {after}")

    def _streams(self, other, after):
        try:
            return postgres.slot_name(other) in self.lab.databases[after].streaming()
        except pgwire.PgError:
            return False        # its door is shut at the moment

    def service(self, region):
        status = self.lab.status(region)
        return status["services"][0] if status and status.get("services") else {}

    def all_well(self):
        seen = {}

        def well():
            for region in self.lab.regions:
                service = self.service(region)
                seen[region] = f"{service.get('state')}: {service.get('headline')}"
                if service.get("state") != "ok" or service.get("writer") != self.writer or service.get("operation"):
                    return False
            return self._could_move(seen)
        try:
            self.lab.wait_for(well, WELL_DEADLINE_S, f"all is well with {self.writer} the writer")
        except labs.LabError as error:
            raise Broken(f"{error}; {seen}") from error

    def _could_move(self, seen):
        """The standby's region could take over at once, if a majority said so."""
        other = next(r for r in self.lab.serving if r != self.writer)
        found = next((r for r in self.service(other).get("regions", []) if r["name"] == other), {})
        shut = [g["name"] for g in found.get("gates", []) if not g["open"]]
        seen["gates"] = shut
        return bool(found.get("gates")) and set(shut) <= self.always_shut()

    def always_shut(self):
        """Gates that are shut while all is well: nobody failed; a guarded fence is not confirmed before it is needed."""
        return {"majority_failed", "outage_min", "cooldown"} | ({"fence"} if self.fence != "kernel" else set())


# ---- the series ---------------------------------------------------------------------------------

HEADS = ("round", "faults", "what came of it", "moves", "first write", "lost", "estimate", "split brain", "took")


def cells(row):
    first = "" if row.first_write_s is None else f"{row.first_write_s:.2f} s"
    return (str(row.number), row.faults, ("BROKEN " if row.broken else "") + row.outcome, str(row.failovers), first, str(row.lost),
            row.estimate, f"{row.window_ms:.0f} ms, {row.window_writes}", f"{row.took_s:.0f} s")


WIDTHS = (5, 42, 34, 5, 11, 5, 22, 11, 5)


def line_of(texts):
    return "  ".join(text.ljust(width) for text, width in zip(texts, WIDTHS)).rstrip()


class Series:
    def __init__(self, seed, fence, plan=None, asked=""):
        self.seed, self.fence = seed, fence
        self.plan, self.asked = plan, asked     # what is played in turn, and the option that asked for it; drawn without
        self.rows, self.labs_kept = [], []

    def run(self, numbers):
        """All of them, in labs of a few rounds each; a broken one ends its lab."""
        left = list(numbers)
        print(f"seed {self.seed}, fence {self.fence}; --only ROUND plays one of them again\n{line_of(HEADS)}", flush=True)
        while left:
            with labs.Lab(thresholds=thresholds(self.fence), small_stores=True) as lab:
                chaos = Chaos(lab, self.fence)
                try:
                    chaos.bring_up()
                except (Broken, labs.LabError) as error:
                    self._take(lab, Row(left.pop(0), "none: the lab itself", broken=[f"bring-up: {error}"]))
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
            self._take(lab, Row(number, " + ".join(f.name for f in chosen), f"not played: {why}"))
            return True
        try:
            row = chaos.play(number, rng, chosen)
        except Exception as error:
            row = Row(number, " + ".join(f.name for f in chosen), broken=[f"the lab: {error}\n{traceback.format_exc()}"])
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
        print(f"      again: tests/regions/chaos.py --fence {self.fence} --seed {self.seed} --only {row.number}{self.asked}; "
              f"everything is kept in {lab.folder}", flush=True)

    def summary(self):
        """The closing lines; returns the exit code."""
        print("\n" + line_of(HEADS))
        for row in self.rows:
            print(line_of(cells(row)))
        played = [row for row in self.rows if not row.outcome.startswith("not played")]
        firsts = sorted(row.first_write_s for row in played if row.first_write_s is not None)
        broken = [row for row in played if row.broken]
        print(f"\n{len(played)} rounds played, {len(self.rows) - len(played)} not, seed {self.seed}, fence {self.fence}: "
              f"{sum(row.failovers for row in played)} changes of the writer in {len(firsts)} rounds, "
              f"{sum(row.outcome.startswith('refused') for row in played)} refused, "
              f"{sum(row.outcome.startswith('aborted') for row in played)} aborted, {len(broken)} broken")
        if firsts:
            print(f"first write elsewhere: median {firsts[len(firsts) // 2]:.2f} s, longest {firsts[-1]:.2f} s")
        print(f"acknowledged and lost: {sum(row.lost for row in played)}; two writers: "
              f"{max((row.window_ms for row in played), default=0):.0f} ms, {sum(row.window_writes for row in played)} writes")
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
    return [[catalogue.BY_NAME[name] for name in names]], f" --faults '{asked.faults}'"


def main():
    parser = argparse.ArgumentParser(description="rounds of drawn faults, each checked against receipts and databases")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}, or as many as --each and --pairs have")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--fence", choices=("kernel", "door", "accepted"), default="kernel",
                        help="accepted: the door, with accept_unconfirmed_fence: rounds may break, which shows what is accepted")
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
