"""Counts, from receipts and databases, what was lost, doubled, or taken by two writers at once.

Receipts are the writers' files: one line per acknowledged row. Nothing is assumed: a row counts as
there only if the database that serves now returns it.
"""
import dataclasses
import pathlib


@dataclasses.dataclass
class Receipt:
    client: str
    sequence: int
    at_us: int              # the client's clock, which in a lab is every client's clock
    address: str
    boot_us: int = 0        # since the machine's boot: one clock for all regions, never set
    timeline: int = 0       # that the server wrote WAL on; each promotion begins another


@dataclasses.dataclass
class Count:
    acknowledged: int       # distinct rows with a receipt
    present: int            # of these, in the database asked
    lost: list              # receipts whose row is missing, oldest first
    doubled: int            # receipts beyond the first for one row, and rows beyond the first for one number
    unacknowledged: int     # rows there without a receipt: the answer was lost, not the row

    def lost_span_s(self):
        """Seconds between the first and the last lost row's acknowledgement."""
        return (self.lost[-1].at_us - self.lost[0].at_us) / 1e6 if self.lost else 0.0


def read_receipts(path):
    """All whole lines of a writer's file, in order."""
    client = pathlib.Path(path).stem
    receipts = []
    for line in pathlib.Path(path).read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            receipts.append(read_receipt(client, line))
    return receipts


def read_receipt(client, line):
    sequence, at_us, address, boot_us, timeline = line.split()
    return Receipt(client, int(sequence), int(at_us), address, int(boot_us), int(timeline))


def read_rows(session):
    """{(client, sequence): how often}"""
    rows = session.query("select client, sequence, count(*) from orders group by 1, 2", timeout_s=30)
    return {(client, int(sequence)): int(times) for client, sequence, times in rows}


def count(receipts, rows):
    seen = {}
    for receipt in sorted(receipts, key=lambda r: r.at_us):
        seen.setdefault((receipt.client, receipt.sequence), []).append(receipt)
    lost = [same[0] for key, same in seen.items() if key not in rows]
    doubled = sum(len(same) - 1 for same in seen.values()) + sum(times - 1 for times in rows.values())
    return Count(acknowledged=len(seen), present=len(seen) - len(lost), lost=sorted(lost, key=lambda r: r.at_us),
                 doubled=doubled, unacknowledged=len(rows.keys() - seen.keys()))


def two_writers(receipts, clock_slack_us=0):
    """Receipts from one address after the first from another that came later: two writers at once.

    Addresses are ordered by their first receipt; with a correct fence the spans never overlap.
    Only for runs in which the writer changes once, or never comes back to an address.
    """
    first, offenders = {}, []
    ordered = sorted(receipts, key=lambda r: r.at_us)
    for receipt in ordered:
        first.setdefault(receipt.address, receipt.at_us)
    for receipt in ordered:
        later = [at for at in first.values() if at > first[receipt.address]]
        if later and receipt.at_us > min(later) + clock_slack_us:
            offenders.append(receipt)
    return offenders


def reigns(receipts):
    """{(timeline, address): receipts by time}, in the order of their first receipt. Each promotion begins
    a reign, so this holds for any number of changes of the writer, also back and forth."""
    found = {}
    for receipt in sorted(receipts, key=lambda r: r.boot_us):
        found.setdefault((receipt.timeline, receipt.address), []).append(receipt)
    return found


def split_brain(receipts):
    """(window in microseconds, receipts): what an earlier reign acknowledged after a later one's first row.

    Counted from the later reign's first receipt to the earlier one's last: the time in which clients
    were told "committed" by two databases."""
    late, window_us, later_first = [], 0, None
    for reign in reversed(reigns(receipts).values()):
        if later_first is not None:
            offenders = [r for r in reign if r.boot_us > later_first]
            late += offenders
            window_us = max([window_us, *(r.boot_us - later_first for r in offenders)])
        later_first = reign[0].boot_us          # the earliest of all later ones: they go by their first
    return window_us, sorted(late, key=lambda r: r.boot_us)
