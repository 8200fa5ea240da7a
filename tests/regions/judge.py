"""What a round came to: receipts against databases, the coordinators' estimate against what was lost.

Receipts and rows are counted; the journals are asked only for what the coordinators said themselves.
"""
import datetime
import time

import checker
import pgwire

ROWS_DEADLINE_S = 20
ROWS_AGAIN_S = 0.1
WAL_BYTES_PER_ROW = 100         # a row takes well over that


class Broken(Exception):
    """What was promised did not hold; the text says what."""


def wall_us(line):
    return int(datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp() * 1e6)


def rows(r, row, writer, since_us, lost_before):
    """Fills the row's numbers. Returns the receipts lost in this round, and adds them to `lost_before`."""
    receipts = r.lab.all_receipts()
    counted = checker.count(receipts, _rows_in(r.lab, writer))
    lost = [x for x in counted.lost if (x.client, x.sequence) not in lost_before]
    lost_before |= {(x.client, x.sequence) for x in lost}
    _writers(r, row, [x for x in receipts if x.boot_us >= since_us])
    _loss(r, row, lost)
    if counted.doubled:
        row.broken.append(f"{counted.doubled} rows twice")
    return lost


def _rows_in(lab, region):
    """A guard that has just come back shuts the door for a moment, also to us."""
    deadline = time.monotonic() + ROWS_DEADLINE_S
    while True:
        try:
            with lab.databases[region].connect() as session:
                return checker.read_rows(session)
        except pgwire.PgError as error:
            if time.monotonic() > deadline:
                raise Broken(f"the rows in {region} can't be read: {error}") from error
            time.sleep(ROWS_AGAIN_S)


def _writers(r, row, receipts):
    window_us, late = checker.split_brain(receipts)
    row.window_ms, row.window_writes = window_us / 1000, len(late)
    if late:
        row.broken.append(f"two writers: {len(late)} rows acknowledged by an earlier reign up to "
                          f"{row.window_ms:.1f} ms after a later one's first: {late[:3]}")
    moved = list(checker.reigns(receipts).values())[1:]
    row.failovers = len(moved)
    if moved:
        row.first_write_s = (moved[0][0].boot_us - r.began_us) / 1e6


def _loss(r, row, lost):
    """Bytes cover what was acknowledged until the estimate's knowledge; its age covers what came after. A switchover
    has nothing to be covered: it is done with every acknowledged row or not at all."""
    row.lost = len(lost)
    if lost and {line["kind"] for line in r.events("operation_seen")} == {"switchover"}:
        row.broken.append(f"{len(lost)} acknowledged rows lost by a switchover: {lost[:3]}")
    told = r.events("loss_estimated")
    if told:
        worst = max(told, key=lambda line: line["loss_bytes"])
        row.estimate = f"{worst['loss_bytes']} B, {worst['known_age_ms'] / 1000:.1f} s old"
    known_us = min((wall_us(line) - int(line["known_age_ms"] * 1000) for line in told), default=None)
    uncovered = [x for x in lost if known_us is None or x.at_us < known_us]
    covered = sum(line["loss_bytes"] for line in told) / WAL_BYTES_PER_ROW
    if len(uncovered) > covered:
        row.broken.append(f"{len(lost)} acknowledged rows lost, {len(uncovered)} of them before the estimate's "
                          f"knowledge, which covers {covered:.0f}")


def outcome(r, row, after):
    """In a few words, from the reigns and from what the journals say of orders and gates."""
    gates = sorted({line["gate"] for line in r.events("gate_shut") if line["gate"] != "majority_failed"}
                   | {line["gate"] for line in r.events("order_refused") if line.get("gate")})
    aborted = r.events("operation_aborted")
    if after != r.old:
        row.outcome = f"moved to {after}"
    elif row.failovers:
        row.outcome = "moved and back"
    elif aborted:
        row.outcome = f"aborted at {aborted[-1].get('at_step')}: {aborted[-1].get('gate')}"
    elif not r.quorum:
        row.outcome = "refused: no quorum"
    elif gates:
        row.outcome = "refused: " + ", ".join(gates)
    else:
        row.outcome = "stayed"


def behind(r, row, lost):
    """The old database, read without an address: what was lost has to be there, or it never was durable."""
    database = r.lab.databases[r.old]
    database.kill()
    database.start(private=True)
    with database.connect() as session:
        there = checker.read_rows(session)
    nowhere = [x for x in lost if (x.client, x.sequence) not in there]
    if nowhere:
        row.broken.append(f"{len(nowhere)} acknowledged rows are in neither database: {nowhere[:3]}")
