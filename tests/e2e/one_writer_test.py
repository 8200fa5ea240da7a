#!/usr/bin/env python3
"""One writer, whatever happens: a handful of fixed rounds of the lab. `make chaos` plays as many as one likes.

    one_writer_test.py [WORD...]      only the cases whose title holds one of the words
"""
import os
import random
import time

import e2e

import faults as catalogue
import rounds

SEED = os.environ.get("SEED", "4")
LEASE_S = 6                     # of the kernel's fence: a busy machine's supervisor, too, is back within it
CALM_S = LEASE_S + 4            # past that lease and the checks' `for`
LONGEST_PAUSE_S = 2.0           # of a client whose writer stays; without a lease it is a longer one
PATIENCE_MS = 3000              # of the clients: a busy disk's commit may take a second, and is not refused
WITHOUT_GUARD_S = 5             # more than twice the lease, and than any check's `for` but that of /health


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
    chaos = rounds.Chaos(lab, "kernel", CALM_S, PATIENCE_MS)
    chaos.bring_up()
    calm(suite, lab, chaos, 0, "guard restarted")
    calm(suite, lab, chaos, 1, "all restarted")
    moved(suite, play(suite, chaos, 2, "region cut off"), "cut off with a client inside that writes on")
    moved(suite, play(suite, chaos, 3, "guard frozen"), "guard frozen and woken")
    moved(suite, play(suite, chaos, 4, "PostgreSQL frozen", "late logins"), "PostgreSQL frozen and woken")
    play(suite, chaos, 5)


def calm(suite, lab, chaos, number, fault):
    """Supervisors restart what was killed within the lease: nothing happens, and no client notices."""
    clients = (lab.writers["anywhere"], chaos.inside(chaos.writer))
    began_us, errors = rounds.boot_us(), [errors_of(client) for client in clients]
    row = play(suite, chaos, number, fault)
    suite.expect(row.failovers == 0 and row.lost == 0, f"{fault}, within the lease: the writer stays", row.outcome)
    suite.expect([errors_of(client) for client in clients] == errors, f"{fault}: no write was refused",
                 [client.events()[-3:] for client in clients])
    pause = max(pause_s(client, began_us) for client in clients)
    suite.expect(pause < LONGEST_PAUSE_S, f"{fault}: the longest pause of a client is {pause:.2f} s")


def errors_of(client):
    return sum(event["event"] == "error" for event in client.events())


def pause_s(writer, since_us):
    """The longest time between two rows, the present moment included."""
    times = [since_us, *(r.boot_us for r in writer.receipts() if r.boot_us >= since_us), rounds.boot_us()]
    return max(b - a for a, b in zip(times, times[1:])) / 1e6


def with_lease(options):
    options["thresholds"].lease = f"{LEASE_S}s"
    return options


def test_door(suite, lab):
    """Guarded: with a guard the writer can be moved; without one the database goes on and a person is asked."""
    chaos = rounds.Chaos(lab, "door")
    chaos.bring_up()
    moved(suite, play(suite, chaos, 1, "ordered failover", "late logins"), "an ordered failover, with logins from before it")
    client, began_us = lab.writers["anywhere"], rounds.boot_us()
    lab.coordinators[chaos.writer].kill()
    time.sleep(WITHOUT_GUARD_S)
    other = next(region for region in lab.serving if region != chaos.writer)
    service = chaos.service(other)
    suite.expect(service.get("writer") == chaos.writer and not service.get("operation"),
                 "the writer's guard killed for good: no failover without a confirmed fence", service.get("headline"))
    pause = pause_s(client, began_us)
    suite.expect(pause < LONGEST_PAUSE_S, f"and the client writes on, with a pause of {pause:.2f} s at most")
    code, output = e2e.order(lab, other, "failover", e2e.SERVICE, "--to", other, "--dry-run")
    suite.expect(code == 3 and "fence" in output, "a dry run names the fence as what holds a failover back", output)
    suite.expect(any(w["code"] == "fence_guarded" for w in service.get("warnings", [])),
                 "and status says that a person is needed", service.get("warnings"))


if __name__ == "__main__":
    e2e.main("one writer", [
        ("the fence is the kernel's", test_kernel, 150, with_lease(rounds.lab_options("kernel"))),
        ("the fence is the door", test_door, 120, rounds.lab_options("door")),
    ])
