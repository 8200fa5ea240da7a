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
            sequence, at_us, address = line.split()
            receipts.append(Receipt(client, int(sequence), int(at_us), address))
    return receipts


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
