"""One lab in which rounds of faults are played one after the other, and what a round is.

    with labs.Lab(**rounds.lab_options("kernel")) as lab:
        chaos = rounds.Chaos(lab, "kernel")
        chaos.bring_up()
        row = chaos.play(1, random.Random(7), [faults.BY_NAME["region cut off"]])

A round: all is well and the writer known; the faults strike; it plays until the writer has moved, or for as
long as was drawn; everything is healed; judge.py counts; the old primary is made a standby anew; all is
well again. Who writes is never assumed: it is what all coordinators say and what a client's newest row shows.
"""
import dataclasses
import threading
import time

import cluster_files
import faults as catalogue
import judge
import lab as labs
import pgwire
import postgres

CLIENT_RATE, INSIDE_RATE, INSIDE_RETRY_MS = 50, 50, 60
WELL_DEADLINE_S = 60
MOVE_DEADLINE_S = 20            # an enforced fence: two seconds of checks, a lease and a bit, a promotion
PATIENCE_S, CALM_S = 7, 4.5     # longer than a failover usually takes; than a check's `for` and a lease
BACK_DEADLINE_S = 60
REBUILD_DEADLINE_S = 30
STREAM_AGAIN_S = 10
# A coordinator that is killed, or whose vote is gone with its disk, may be the one that the majority needs;
# so may links be that carry little.
MAY_HOLD_BACK = {"executor killed", "disk full", "links slow", "links silent", "links reset"}
STEADY_S = 2                    # as long as a check has to fail before it counts
CLIENTS_DEADLINE_S = 20
WATCH_S = 0.1
CALM_BEFORE_US = 2_000_000      # the clients wrote in the half of that before a round begins
BACKGROUND_DEADLINE_S = 60


def thresholds(fence):
    """Two seconds of failing checks, a lease of two seconds."""
    brisk = {"heartbeat": "250ms", "health_interval": "500ms", "health_for": "2s", "database_interval": "500ms",
             "database_for": "2s", "lease": "2s", "renew_every": "500ms", "insync_ms": 300}
    if fence != "kernel":
        # the target's own door is shut before the grant, for 2 x authentication_timeout, and keeps its own
        # service out of its database: /health fails for that long in any failover
        brisk |= {"ladder": ("door",), "health_for": "8s", "accept_unconfirmed_fence": fence == "accepted"}
    return cluster_files.Thresholds(**brisk)


def lab_options(fence):
    return {"thresholds": thresholds(fence), "small_stores": True, "proxied": True}


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
                raise judge.Broken("something in the background does not come to an end")

    def events(self, event, **fields):
        """Lines of all journals since the round began."""
        found = [line for region in self.lab.regions for line in self.lab.journal(region)
                 if line.get("event") == event and all(line.get(k) == v for k, v in fields.items())]
        return [line for line in found if judge.wall_us(line) >= self.began_wall_us]

    def writes_in(self, region, since_us):
        """Some client's row was acknowledged there after that moment."""
        last = [writer.last_receipt() for writer in self.lab.writers.values() if isinstance(writer, labs.Writer)]
        return any(r and r.address == self.lab.network.address[region] and r.boot_us > since_us for r in last)


def boot_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


# ---- a lab and its rounds -----------------------------------------------------------------------

class Chaos:
    """One lab in which rounds are played one after the other."""

    def __init__(self, lab, fence, calm_s=CALM_S, patience_ms=None):
        """`calm_s`: longer than a check's `for` and a lease; `patience_ms`: of the clients."""
        self.lab, self.fence, self.writer = lab, fence, lab.serving[0]
        self._calm_s, self._patience_ms = calm_s, patience_ms
        self._lost_before, self._inside = set(), {}

    def bring_up(self):
        lab = self.lab
        lab.start_databases()
        lab.start_services()
        lab.start_names()
        lab.start_coordinators()
        lab.adopt_dns()
        lab.start_writer("anywhere", rate=CLIENT_RATE, patience_ms=self._patience_ms)
        self._start_inside(0)
        self.all_well()

    def _start_inside(self, number):
        """A client inside each serving region that knows its own database only; killed with its region."""
        for region in self.lab.serving:
            if region not in self._inside or not self._inside[region].process.running():
                self._inside[region] = self.lab.start_writer(f"inside-{region}-{number}", rate=INSIDE_RATE,
                                                             region=region, retry_ms=INSIDE_RETRY_MS,
                                                             patience_ms=self._patience_ms)

    def inside(self, region):
        """The client that lives in that region now."""
        return self._inside[region]

    def play(self, number, rng, chosen, patient=None):
        """One round with these faults. Returns its row; raises only when the lab itself is of no more use."""
        began = time.monotonic()
        row = Row(number, " + ".join(fault.name for fault in chosen))
        self._start_inside(number)
        clients = (self.lab.writers["anywhere"], self.inside(self.writer))
        self.lab.wait_for(lambda: all(map(self._writes_now, clients)), CLIENTS_DEADLINE_S, "the clients write")
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
        except (judge.Broken, labs.LabError) as error:
            row.broken.append(str(error))
        row.took_s = time.monotonic() - began
        return row

    def _writes_now(self, client):
        last = client.last_receipt()
        return last is not None and boot_us() - last.boot_us < CALM_BEFORE_US / 2

    # -- playing --------------------------------------------------------------------------------

    def _strike(self, r, chosen, patient):
        """`patient`: until the writer has moved, if it does; else healed at a drawn moment, whatever goes on."""
        limit_s = self._patience_s(chosen) if patient else r.rng.uniform(0.3, 5.0)
        half = min(limit_s / 2, 4.0)
        r.patient = patient
        for number, fault in enumerate(sorted(chosen, key=lambda fault: not fault.first)):
            if number > 0:
                time.sleep(r.rng.uniform(0, 1.2))
            fault.strike(r)
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

    def _patience_s(self, chosen):
        if self._has_to_move(chosen):
            return MOVE_DEADLINE_S
        return PATIENCE_S if any(fault.allows != catalogue.STAYS for fault in chosen) else self._calm_s

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
        """The writer that all coordinators agree on, once its clients write again and nobody has held it for
        failed for a while: what failed may rightly be acted upon for a moment after it was healed."""
        seen, steady = {}, {"writer": None, "since": 0.0}

        def settled():
            seen.update({region: self.service(region) for region in self.lab.regions})
            writer = self._agreed(r, seen.values())
            if writer != steady["writer"]:
                steady.update(writer=writer, since=time.monotonic())
            return writer if time.monotonic() - steady["since"] > STEADY_S else None
        try:
            return self.lab.wait_for(settled, BACK_DEADLINE_S, "the service is back, with one writer")
        except labs.LabError as error:
            said = {region: (s.get("state"), s.get("writer"), s.get("headline")) for region, s in seen.items()}
            raise judge.Broken(f"{error}: {said}") from error

    def _agreed(self, r, services):
        """The writer by all of them, with a row acknowledged a moment ago; None if anything is in doubt."""
        writers = {service.get("writer") for service in services}
        doubted = any(service.get("operation") or (service.get("votes") or {}).get("failed") for service in services)
        writer = writers.pop() if len(writers) == 1 and not doubted else None
        return writer if writer in self.lab.serving and r.writes_in(writer, boot_us() - CALM_BEFORE_US / 2) else None

    # -- judging --------------------------------------------------------------------------------

    def _has_to_move(self, chosen):
        """With these, an enforced fence and nobody who heals too early."""
        return (self.fence == "kernel" and not MAY_HOLD_BACK & {fault.name for fault in chosen}
                and all(fault.allows == catalogue.MOVES or fault.companion for fault in chosen))

    def _judge(self, r, row, chosen, after):
        # from a moment before the first fault on, so that the old writer's reign is among them in any case
        lost = judge.rows(r, row, after, r.began_us - CALM_BEFORE_US, self._lost_before)
        judge.outcome(r, row, after)
        if [fault.allows for fault in chosen] == [catalogue.STAYS] and row.failovers:
            row.broken.append("the writer moved and had to stay")
        if r.patient and self._has_to_move(chosen) and not row.failovers:
            row.broken.append(f"the writer had to move within {MOVE_DEADLINE_S} s: {row.outcome}")
        if after != r.old and lost:
            judge.behind(r, row, lost)

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
            except (RuntimeError, pgwire.PgError) as error:     # the slot is in use still, or a copy was cut short
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
            raise judge.Broken(f"{error}; {seen}") from error

    def _could_move(self, seen):
        """The standby's region could take over at once, if a majority said so."""
        other = next(r for r in self.lab.serving if r != self.writer)
        found = next((r for r in self.service(other).get("regions", []) if r["name"] == other), {})
        shut = [g["name"] for g in found.get("gates", []) if not g["open"]]
        seen["gates"] = shut
        return bool(found.get("gates")) and set(shut) <= self.always_shut()

    def always_shut(self):
        """Gates that are shut while all is well: nobody failed, and a guarded fence is confirmed when needed."""
        return {"majority_failed", "outage_min", "cooldown"} | ({"fence"} if self.fence != "kernel" else set())
