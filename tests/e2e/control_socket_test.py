#!/usr/bin/env python3
"""Hostile clients on the control socket of the writer's guard, all at once: garbage, half lines, lines that are too
long, more idle connections than there are places, and clients that never take their answers. Somebody who asks for the
status is answered each time, the lease is renewed throughout, and clients of the database notice nothing.

    control_socket_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import random
import socket
import threading
import time

import e2e
import rounds
from e2e import EAST, SERVICE, WEST, labs

STORM_S = 12
WRITE_LIMIT_S = 10              # how long a client may leave its answer where it is
IDLE = 100                      # the daemon has 64 places
HALF, HOARDERS, GARBLERS = 20, 6, 4
HOARDED = 300                   # requests of one that never reads: some MiB of answers
LINE_MAX = 64 * 1024
ANSWER_LIMIT_S = 10             # times labs.PATIENCE: only a hang is longer, the slowest is printed
GROWTH_MOST_KIB = 32 * 1024     # 64 places with backlogs of 256 KiB, and some
GARBAGE = (b"\n", b"\0" * 100 + b"\n", b"\xff\xfe\xfd\n", b"[]\n", b"7\n", b"null\n", b'"status"\n', b"{\n", b'{"command": 7}\n',
           b'{"command": "status", "command": "status"}\n', b'{"command": "nonsense"}\n', b'{"command": "status", "x": 1}\n',
           b'{"id": "' + b"i" * 5000 + b'", "command": "status"}\n', b"[" * 5000 + b"\n", b'{"a":' * 2000 + b"\n",
           b'{"command": "failover", "service": "shop"}\n', b'{"command": "probe", "service": "shop", "check": "../x"}\n',
           b'{"command": "events", "limit": 99999999999999999999}\n', b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\n")


class Hostile:
    """Everything that is open, and the threads that go on; all of it ends with close()."""

    def __init__(self, path):
        self.path, self.over = str(path), threading.Event()
        self.lock, self.open, self.threads = threading.Lock(), [], []
        self.sent = self.cut = 0

    def dial(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path)                   # waits while the queue of newcomers is full
        client.settimeout(2)
        with self.lock:
            self.open.append(client)
        return client

    def send(self, client, data):
        """Whether all of it went; a daemon that hangs up or takes no more is what is wanted here."""
        try:
            client.sendall(data)
            self.sent += 1
            return True
        except OSError:
            self.cut += 1
            return False

    def go_on(self, once, *args):
        def run():
            while not self.over.is_set():
                try:
                    once(*args)
                except OSError:
                    self.cut += 1
                self.over.wait(0.05)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.threads.append(thread)

    def garble(self, chance):
        client = self.dial()
        for _ in range(chance.randrange(1, 6)):
            noise = chance.randbytes(chance.randrange(1, 4000))
            self.send(client, chance.choice(GARBAGE) if chance.random() < 0.8 else noise)
        self.hang_up(client)

    def overlong(self):
        client = self.dial()
        self.send(client, b"{" + b"x" * (LINE_MAX + 4000))       # no end of a line
        self.send(client, b"\n")
        self.hang_up(client)

    def half(self):
        self.send(self.dial(), b'{"command": "sta')

    def hoard(self):
        """Asks and asks, and takes nothing."""
        client = self.dial()
        client.settimeout(0.5)
        self.send(client, b'{"command": "status"}\n{"command": "events", "limit": 1000}\n{"command": "history"}\n' * (HOARDED // 3))

    def hang_up(self, client):
        with self.lock:
            self.open.remove(client)
        client.close()

    def close(self):
        self.over.set()
        for thread in self.threads:
            thread.join(10)
        for client in self.open:
            client.close()


def storm(path):
    hostile = Hostile(path)
    for _ in range(IDLE):
        hostile.dial()
    for _ in range(HALF):
        hostile.half()
    for _ in range(HOARDERS):
        hostile.hoard()
    for number in range(GARBLERS):
        hostile.go_on(hostile.garble, random.Random(number))
    hostile.go_on(hostile.overlong)
    hostile.go_on(hostile.half)
    hostile.go_on(hostile.hoard)
    return hostile


def ask(lab, *words):
    """(seconds that it took, the exit code, the document)."""
    began = time.monotonic()
    code, output, error = lab.failoverctl(EAST, *words, "--json", timeout_s=ANSWER_LIMIT_S * labs.PATIENCE)
    return time.monotonic() - began, code, json.loads(output) if code == 0 else {"error": error + output}


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def pid_of(lab, region):
    """Of failoverd itself: what the lab started enters the region's namespace and becomes it."""
    return lab.coordinators[region].pid


def test_storm(suite, lab):
    client = e2e.bring_up(lab)
    before, began_us = e2e.node_status(lab, EAST)["control_socket"], rounds.boot_us()
    memory, epoch = memory_kib(pid_of(lab, EAST)), e2e.status_of(lab, EAST)["epoch"]
    hostile = storm(lab.node_folder(EAST) / "control.sock")
    try:
        slowest, stall_ms, told = good_client(suite, lab)
        grown = memory_kib(pid_of(lab, EAST)) - memory
    finally:
        hostile.close()
    suite.expect(told > 10, f"{told} answers to a good client meanwhile, the slowest after {slowest:.2f} s; "
                            f"the control loop's longest stall {stall_ms} ms; {hostile.sent} hostile sends, {hostile.cut} cut off")
    suite.expect(grown < GROWTH_MOST_KIB, f"memory grew by {grown} KiB")
    after = e2e.node_status(lab, EAST)["control_socket"]
    suite.expect(all(after[key] > before[key] for key in ("malformed", "evicted")), "it counted them", (before, after))
    untouched(suite, lab, client, began_us, epoch)
    lab.wait_for(lambda: e2e.node_status(lab, EAST)["control_socket"]["connections"] <= 2, 10, "nothing of them is left")
    e2e.adopt(lab)
    suite.expect(True, "an order is taken as before")


def good_client(suite, lab):
    """Until the storm is over: (the slowest answer, the longest stall of the loop, the number of answers)."""
    until, slowest, stall_ms, told, bad = time.monotonic() + STORM_S, 0, 0, 0, []
    while time.monotonic() < until:
        took, code, status = ask(lab, "status")
        slowest, told = max(slowest, took), told + 1
        if code != 0:
            bad.append(status)
            continue
        stall_ms = max(stall_ms, status["loops"]["control_stall_ms"])
        service = status["services"][0]
        guard = e2e.region_in(service, EAST)["guard"]
        if service["writer"] != EAST or not guard or guard["fence"] != "open" or not guard["lease_left_ms"]:
            bad.append(service["headline"])
    suite.expect(not bad, "status was answered each time, with the lease held and the fence open", bad[:3])
    return slowest, stall_ms, told


def untouched(suite, lab, client, began_us, epoch):
    suite.expect(lab.coordinators[EAST].running(), "the daemon lives")
    for event in ("lease_lost", "fence_changed", "store_failed", "conflict", "operation_begun"):
        found = [line for line in e2e.events(lab, event) if line["mono_us"] > began_us]
        suite.expect(not found, f"no {event} in any journal", found[:2])
    suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch, "the ledger has not moved")
    gap = e2e.gap_s([r for r in client.receipts() if r.boot_us > began_us], 0)
    suite.expect(gap < e2e.BRISK_LEASE_S * labs.PATIENCE, f"the client's writes go on: the longest time without one {gap:.2f} s")


def test_too_long(suite, lab):
    """What becomes of one that breaks the rules, by itself: told why, and cut off."""
    e2e.bring_up(lab)
    path = str(lab.node_folder(WEST) / "control.sock")
    for what, data in (("a line of more than 64 KiB", b"{" + b" " * (LINE_MAX + 10) + b"\n"), ("one without an end", b"x" * (LINE_MAX + 4096)),
                       ("garbage", b"\xff\xfe\n"), ("no object", b"[1]\n"), ("nested too deeply", b"[" * 1000 + b"\n")):
        code, closed = converse(path, data)
        suite.expect(code == "malformed" and closed, f"{what}: malformed, and the connection ends", (code, closed))
    code, closed = converse(path, b'{"command":"status"}\n{"command":"status"}\n')
    suite.expect(code == "ok" and not closed, "a good one is answered, and may ask again", (code, closed))
    never_reads(suite, lab, path)
    longest = b'{"command":"nonsense"' + b" " * (LINE_MAX - 30) + b"}\n"
    suite.expect(converse(path, longest)[0] == "unknown_command", "a line that just fits is read")


def never_reads(suite, lab, path):
    """Nobody needs its place here; it goes because of the time."""
    hostile = Hostile(path)
    try:
        hostile.hoard()
        lab.wait_for(lambda: lab.status(WEST)["control_socket"]["timed_out"] >= 1, WRITE_LIMIT_S + 5, "the one that never reads is cut off")
        suite.expect(lab.status(WEST)["control_socket"]["evicted"] == 0, "one that never reads is cut off, because it does not read")
    finally:
        hostile.close()


def converse(path, data):
    """(the code of the first answer, whether the daemon hung up then)."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5 * labs.PATIENCE)
        client.connect(path)
        try:
            client.sendall(data)
        except OSError:
            pass                # it had enough before all was sent
        stream = client.makefile("rb")
        answer = json.loads(stream.readline() or b"{}")
        code = "ok" if answer.get("ok") else answer.get("error", {}).get("code")
        client.settimeout(1)
        try:
            return code, client.recv(1) == b"" if code != "ok" else False
        except TimeoutError:
            return code, False
        except OSError:
            return code, True


if __name__ == "__main__":
    e2e.main("control_socket", [
        ("a storm of hostile clients", test_storm, 100, e2e.brisk()),
        ("each by itself", test_too_long, 60, e2e.brisk()),
    ])
