"""The faults that `make chaos` draws from: how each strikes, strikes again, and is taken back.

`strike(round)` begins it, `again(round)` comes once in the middle (when the writer has moved, or half
of the time is over), `undo(round)` takes back what Chaos.play() in rounds.py does not: that one joins
the network and starts whatever is dead. All of them are told who is who by the round: `old` is the
region whose database takes the writes, `new` the other one, `witness` the third.

Nothing here judges. What a fault may lead to is in the last column of the table at the end.
"""
import dataclasses
import itertools
import os
import signal
import subprocess
import threading
import time
from typing import Callable

import checker
import cluster_files
import lab as labs
import pgwire
import postgres
from journal_tail import JournalTail

# What a round with this fault alone has to come to, where the fence is enforced.
MOVES, STAYS, EITHER = "the writer moves", "the writer stays", "either"
STEPS = ("begin", "shut", "fence", "freeze", "compare", "grant", "lease", "promote", "open", "cut_over", "verify")
SLOW_PERMILLE, FAST_PERMILLE = 920, 1080        # within the configured error of 10 %
FILLER_BLOCK = b"\0" * 4096
RELOAD_EVERY_S = 0.1
LATE_SLOTS = 6
LATE_LONGEST_S = 1.8                            # the lab's authentication_timeout is 2 s
ORDER_DEADLINE_S = 40
ORDER_AGAIN_S = 1
REFUSED = 3                                     # failoverctl's exit code for a gate that is shut
SLOT_REST_S = 0.05


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    strike: Callable
    allows: str
    again: Callable = None
    undo: Callable = None
    companion: bool = False     # alone it is no reason for anything: a switchover is played along
    first: bool = False         # it restarts a coordinator, which would take back that it was frozen or killed


# ---- everything of a region, or its links -------------------------------------------------------

def kill_region(r):
    r.lab.kill_region(r.old, silent=r.rng.random() < 0.5)


def cut_off(r):
    r.lab.network.isolate(r.old)


def cut_out(r):
    """What the region says is heard by nobody; it hears the others."""
    for other in (r.new, r.witness, "clients", "internet"):
        r.lab.network.cut(r.old, other, both=False)


def cut_in(r):
    for other in (r.new, r.witness, "clients", "internet"):
        r.lab.network.cut(other, r.old, both=False)


def slow_links(r):
    """Coordinators and replication hear of each other late; a lease's answer takes twice that."""
    r.lab.links(delay_ms=r.rng.choice((20, 60, 150)))


def silent_links(r):
    """Half open: every connection stands and one direction, or both, carries nothing any more."""
    r.lab.links(silent=r.rng.choice(("there", "back", "both")))


def reset_links(r):
    def reset():
        count = 0
        while not r.ending.wait(r.rng.uniform(0.2, 1.5)):
            count += 1
            r.lab.links(resets=count)
    r.background(reset)


def good_links(r):
    r.lab.links()


# ---- PostgreSQL and guard, frozen or killed -----------------------------------------------------

def freeze_postgres(r):
    r.lab.databases[r.old].signal(signal.SIGSTOP)


def freeze_guard(r):
    r.lab.coordinators[r.old].send(signal.SIGSTOP)


def freeze_both(r):
    both = [freeze_postgres, freeze_guard]
    r.rng.shuffle(both)
    for one in both:
        one(r)


def wake(r):
    """In either order, with a moment between: a server that wakes before its guard, or after it."""
    both = [lambda: r.lab.databases[r.old].signal(signal.SIGCONT),
            lambda: r.lab.coordinators[r.old].send(signal.SIGCONT)]
    r.rng.shuffle(both)
    both[0]()
    time.sleep(r.rng.uniform(0, 0.5))
    both[1]()


def kill_guard(r):
    r.lab.coordinators[r.old].kill()


def restart(r, region, after_s=0.0, environment=None):
    """kill -9, and its supervisor starts it again."""
    r.lab.coordinators[region].kill()
    time.sleep(after_s)
    r.lab.start_coordinator(region, environment)


def restart_guard(r):
    restart(r, r.old, r.rng.uniform(0.05, 0.5))


def restart_all(r):
    """All coordinators, one right after the other: an upgrade in a hurry."""
    regions = [r.old, r.new, r.witness]
    r.rng.shuffle(regions)
    for region in regions:
        restart(r, region, r.rng.uniform(0, 0.1))


def sick_service(r):
    r.lab.misbehave(r.old, "unhealthy")


def well_service(r):
    r.lab.misbehave(r.old, "")


# ---- people -------------------------------------------------------------------------------------

def by_order(r, *words):
    """What comes of it is in the journal. Refused by a gate, it is given again: a coordinator that was restarted
    a moment ago has not looked at its region yet."""
    def order():
        code = REFUSED
        while code == REFUSED and not r.ending.is_set():
            try:
                code, output, error = r.lab.failoverctl(r.new, *words, "--to", r.new, "--reason", "chaos", "--yes",
                                                        timeout_s=ORDER_DEADLINE_S)
                r.say(f"failoverctl {words[0]}: {code} {(output + error).strip()[-200:]}")
            except subprocess.TimeoutExpired:
                code = None
                r.say(f"failoverctl {words[0]}: no end within its time")
            r.ending.wait(ORDER_AGAIN_S)
    r.background(order)


def switchover(r):
    """A person's order while all is well: with everything that was acknowledged, or not at all."""
    by_order(r, "switchover", cluster_files.SERVICE)


def ordered_failover(r):
    """A person's order while all is well, too, but as if the old region were lost."""
    by_order(r, "failover", cluster_files.SERVICE, "--skip-gate", "majority_failed")


def restart_postgres(r):
    """By hand, on the host whose database is fenced."""
    database = r.lab.databases[r.old]
    if database.process.running():
        database.kill()
    database.start(wait=False)


def nothing(_r):
    pass


def flush_rules(r):
    subprocess.run([*r.lab.network.enter(r.old), "nft", "flush", "ruleset"], check=True, timeout=10)


def reload_often(r):
    """pg_reload_conf() in both databases, again and again, over the superuser's socket."""
    def reload():
        while not r.ending.wait(RELOAD_EVERY_S):
            for region in (r.old, r.new):
                try:
                    r.lab.databases[region].value("select pg_reload_conf()", "postgres", timeout_s=0.3)
                except (pgwire.PgError, OSError):
                    pass        # dead, frozen, or its door is shut
    r.background(reload)


# ---- clients that opened TCP before the fence ---------------------------------------------------

class Latecomers:
    """Clients inside the old region that connect, wait, and only then say who they are. A few at a
    time, so that at any moment one of them has a connection from before."""

    def __init__(self, r):
        self.client = f"late-{r.number}"
        self._r, self._region, self._lock = r, r.old, threading.Lock()
        self._receipts, self._sequence = [], 0
        self._rests = [r.rng.uniform(0.1, LATE_LONGEST_S) for _ in range(LATE_SLOTS)]

    def receipts(self):
        with self._lock:
            return list(self._receipts)

    def come(self, slot):
        while not self._r.ending.wait(0.05):
            try:
                self._once(self._rests[slot])
            except (pgwire.PgError, OSError):
                continue

    def _once(self, rest_s):
        lab, address = self._r.lab, self._r.lab.network.address[self._region]
        reached = lab.network.socket(self._region)
        reached.settimeout(0.5)
        try:
            reached.connect((address, postgres.PORT))
            if self._r.ending.wait(rest_s):
                return
            with pgwire.Session(reached, postgres.APPLICATION, "shop", lab.secrets.get("application"), 1.0) as session:
                self._write(session, address)
        finally:
            reached.close()

    def _write(self, session, address):
        with self._lock:
            self._sequence += 1
            sequence = self._sequence
        timeline = session.value(
            f"with put as (insert into orders(client, sequence) values ({pgwire.literal(self.client)}, {sequence})) "
            "select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)", 1.0)
        told = checker.Receipt(self.client, sequence, time.time_ns() // 1000, address,
                               time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, int(timeline, 16))
        with self._lock:
            self._receipts.append(told)


def come_late(r):
    late = Latecomers(r)
    r.lab.writers[late.client] = late
    for slot in range(LATE_SLOTS):
        r.background(lambda slot=slot: late.come(slot))


# ---- the coordinators' own troubles -------------------------------------------------------------

def fill_disk(r):
    """The store of one coordinator runs out of space: everything taken, and the blocks of the slot that
    is written next given away, so that its next write fails for real."""
    r.filled = r.rng.choice((r.old, r.new, r.witness))
    state, process = r.lab.node_folder(r.filled) / "state", r.lab.coordinators[r.filled]
    fill(state / "filler")
    process.send(signal.SIGSTOP)
    try:
        older = min((state / "slot-a", state / "slot-b"), key=lambda slot: slot.stat().st_mtime_ns)
        with open(older, "rb") as slot:
            size = os.path.getsize(slot.fileno())
        subprocess.run(["fallocate", "--punch-hole", "--offset", "0", "--length", str(size), str(older)],
                       check=True, timeout=10)
        fill(state / "filler2")
    finally:
        process.send(signal.SIGCONT)


def fill(path):
    try:
        with open(path, "wb", buffering=0) as file:
            while file.write(FILLER_BLOCK):
                pass
    except OSError:
        pass                    # full, as meant


def free_disk(r):
    for name in ("filler", "filler2"):
        (r.lab.node_folder(r.filled) / "state" / name).unlink(missing_ok=True)
    restart(r, r.filled)        # a store that failed once is not trusted again by the same process


def stretch_clock(r):
    r.stretched = r.rng.choice((r.old, r.old, r.new))
    rate = r.rng.choice((SLOW_PERMILLE, FAST_PERMILLE))
    r.say(f"the clock of {r.stretched} runs at {rate / 1000}")
    # Ended, not killed: a voter that died in the midst of a write asks all others before it votes again, and one
    # of them may be what the other fault takes away.
    r.lab.coordinators[r.stretched].end()
    r.lab.start_coordinator(r.stretched, {"LD_PRELOAD": str(labs.BUILD / "tests/clock_shim.so"),
                                          "CLOCK_RATE_PERMILLE": str(rate)})


def straighten_clock(r):
    restart(r, r.stretched)


def kill_executor(r):
    """The coordinator that carries a failover out, when a drawn step of the ledger has begun or is done."""
    step, event = r.rng.choice(STEPS), r.rng.choice(("step_started", "step_done"))
    after_s = r.rng.uniform(0.05, 0.6)
    tail = JournalTail(r.lab.journal_path(r.new))

    def watch():
        while not r.ending.wait(0.003):
            if any(line.get("event") == event and line.get("step") == step for line in tail.new_lines()):
                r.say(f"executor killed at {event} {step}")
                restart(r, r.new, after_s)
                return
    r.background(watch)


FAULTS = (
    Fault("region killed", kill_region, MOVES),
    Fault("region cut off", cut_off, MOVES),
    Fault("cut off outwards", cut_out, MOVES),
    Fault("cut off inwards", cut_in, MOVES),
    Fault("links slow", slow_links, EITHER, undo=good_links, companion=True),
    Fault("links silent", silent_links, EITHER, undo=good_links),
    Fault("links reset", reset_links, EITHER, undo=good_links, companion=True),
    Fault("PostgreSQL frozen", freeze_postgres, MOVES, undo=wake),
    Fault("guard frozen", freeze_guard, MOVES, undo=wake),
    Fault("both frozen", freeze_both, MOVES, undo=wake),
    Fault("guard killed", kill_guard, MOVES),
    Fault("guard restarted", restart_guard, STAYS),
    Fault("all restarted", restart_all, STAYS),
    Fault("service sick", sick_service, MOVES, undo=well_service),
    Fault("switchover", switchover, MOVES),
    Fault("ordered failover", ordered_failover, MOVES),
    Fault("late logins", come_late, EITHER, companion=True),
    Fault("disk full", fill_disk, EITHER, undo=free_disk, companion=True),
    Fault("clock rate", stretch_clock, EITHER, undo=straighten_clock, companion=True, first=True),
    Fault("PostgreSQL restarted", nothing, EITHER, again=restart_postgres, companion=True),
    Fault("rules flushed", flush_rules, EITHER, again=flush_rules, companion=True),
    Fault("reloads", reload_often, EITHER, companion=True),
    Fault("executor killed", kill_executor, EITHER, companion=True),
)
BY_NAME = {fault.name: fault for fault in FAULTS}

# Somebody with root takes the kernel's fence away while nobody is there to put it back. Nothing on that
# host can help then, and nothing else claims to; on a real one `failoverctl may-write` keeps PostgreSQL from starting.
UNSAFE = {frozenset(("rules flushed", other)): "the rules are taken away while no guard runs that could put them back"
          for other in ("region killed", "guard frozen", "both frozen", "guard killed")}


def draw(rng):
    """One fault, or a pair; a switchover with those that are nothing by themselves."""
    return with_reason(rng.sample(FAULTS, 2 if rng.random() < 0.7 else 1))


def with_reason(chosen):
    if all(fault.companion for fault in chosen):
        return [*chosen, BY_NAME["switchover"]]
    return list(chosen)


def each():
    """Every fault by itself."""
    return [with_reason([fault]) for fault in FAULTS]


def pairs():
    """Every pair of two."""
    return [with_reason(pair) for pair in itertools.combinations(FAULTS, 2)]


def unsafe(chosen):
    """Why these are not played together; None when they are."""
    names = {fault.name for fault in chosen}
    return next((why for pair, why in UNSAFE.items() if pair <= names), None)
