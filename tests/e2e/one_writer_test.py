#!/usr/bin/env python3
"""One writer, whatever happens: a handful of fixed rounds of the lab. `make chaos` plays as many as one likes.

    one_writer_test.py [WORD...]      only the cases whose title holds one of the words
"""
import os
import random

import e2e

import faults as catalogue
import rounds

SEED = os.environ.get("SEED", "4")
LONGEST_PAUSE_S = 1.0           # of a client whose writer stays: half a lease


def play(suite, chaos, number, *names, patient=True):
    """One round with these faults, by their names in faults.py; its row, for what else it has to be."""
    chosen = [catalogue.BY_NAME[name] for name in names] if names else catalogue.draw(random.Random(SEED))
    row = chaos.play(number, random.Random(f"{SEED}/{number}"), chosen, patient)
    first = f", first write there after {row.first_write_s:.2f} s" if row.first_write_s is not None else ""
    estimate = f"; estimate {row.estimate}" if row.estimate else ""
    suite.expect(not row.broken, f"{row.faults}: {row.outcome}{first}, {row.lost} acknowledged rows lost{estimate}, "
                 f"two writers for {row.window_ms:.0f} ms with {row.window_writes} writes ({row.took_s:.0f} s)",
                 "\n".join(row.broken + row.said))
    return row


def moved(suite, row, what):
    suite.expect(row.failovers == 1, f"{what}: the writer moved once", row.outcome)


def test_kernel(suite, lab):
    chaos = rounds.Chaos(lab, "kernel")
    chaos.bring_up()
    calm(suite, lab, chaos)
    moved(suite, play(suite, chaos, 2, "region cut off"), "cut off with a client inside that writes on")
    moved(suite, play(suite, chaos, 3, "guard frozen"), "guard frozen and woken")
    moved(suite, play(suite, chaos, 4, "PostgreSQL frozen", "late logins"), "PostgreSQL frozen and woken")
    play(suite, chaos, 5)


def calm(suite, lab, chaos):
    """Its supervisor restarts the guard within the lease: nothing happens, and no client notices."""
    client, inside = lab.writers["anywhere"], chaos.inside(lab.serving[0])
    began_us = rounds.boot_us()
    errors = [sum(e["event"] == "error" for e in w.events()) for w in (client, inside)]
    row = play(suite, chaos, 1, "guard restarted")
    suite.expect(row.failovers == 0 and row.lost == 0, "guard killed and restarted within the lease: the writer stays",
                 row.outcome)
    suite.expect([sum(e["event"] == "error" for e in w.events()) for w in (client, inside)] == errors,
                 "no write was refused", (client.events() + inside.events())[-3:])
    for writer in (client, inside):
        times = [r.boot_us for r in writer.receipts() if r.boot_us >= began_us]
        pause = max(b - a for a, b in zip(times, times[1:])) / 1e6
        suite.expect(pause < LONGEST_PAUSE_S, f"the longest pause of the client {writer.client}: {pause:.2f} s")


def test_door(suite, lab):
    """Guarded: without a guard the database goes on and a person is asked; with one the writer can be moved."""
    chaos = rounds.Chaos(lab, "door")
    chaos.bring_up()
    row = play(suite, chaos, 1, "guard killed")
    suite.expect(row.failovers == 0, "guard killed: no failover without a confirmed fence", row.outcome)
    moved(suite, play(suite, chaos, 2, "planned move", "late logins"), "a planned move, with logins from before it")


if __name__ == "__main__":
    e2e.main("one writer", [
        ("the fence is the kernel's", test_kernel, 150, rounds.lab_options("kernel")),
        ("the fence is the door", test_door, 120, rounds.lab_options("door")),
    ])
