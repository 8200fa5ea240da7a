"""What the end-to-end tests share: counting, a lab that is up and well, and questions one asks of it.

    def test_loss(suite, lab):
        client = e2e.bring_up(lab)
        suite.expect(condition, "what holds")

    e2e.main("loss", [("loss of the primary region", test_loss, 60, {})])

Every wait has a deadline; a case that raises is one failure, shows the last lines of each
coordinator, and the next case goes on. A case has a limit as a whole, too.
"""
import json
import os
import pathlib
import re
import signal
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "regions"))

import answers                                                                         # noqa: E402
import checker                                                                         # noqa: E402
import cluster_files                                                                   # noqa: E402
import lab as labs                                                                     # noqa: E402

EAST, WEST, WITNESS = labs.REGIONS
NAMES = cluster_files.NODE_NAMES
SERVICE = cluster_files.SERVICE
WELL_DEADLINE_S = 30
ORDER_DEADLINE_S = 60
LOG_LINES = 14
BRISK_LEASE_S = 3
BRISK_CALM_S = 7                # brisk(): past the lease and the checks' `for`, what would fail over has begun by then
MARK_EPOCH = re.compile(r"\bepoch=(\d+)\b")


class TooLong(Exception):
    """A case is past its limit: something waits for ever."""


class Suite:
    def __init__(self, name):
        self.name, self.passed, self.failed = name, 0, 0
        self.started = time.monotonic()
        self.wanted = sys.argv[1:]                  # words of the cases to run; none: all of them
        self.answers = labs.Lab.answers = answers.Checker()

    def expect(self, condition, what, evidence=""):
        self.passed += bool(condition)
        self.failed += not condition
        print(("ok    " if condition else "FAIL  ") + what, flush=True)
        if not condition and evidence:
            print("      " + str(evidence).replace("\n", "\n      "), flush=True)
        return bool(condition)

    def run(self, title, test, limit_s, **lab_options):
        """`test(suite, lab)` in a lab of its own."""
        if self.wanted and not any(word in title for word in self.wanted):
            return
        print(f"--- {title}", flush=True)
        began = time.monotonic()

        def alarm(_number, _frame):
            raise TooLong(f"{title}: not done after {limit_s * labs.PATIENCE} s")
        old = signal.signal(signal.SIGALRM, alarm)
        signal.alarm(limit_s * labs.PATIENCE)
        try:
            with labs.Lab(**lab_options) as lab:
                try:
                    test(self, lab)
                except Exception as error:
                    self.broken(title, lab, error)
                finally:
                    signal.alarm(0)
        except Exception as error:
            self.broken(title, None, error)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, old)
        print(f"    ({time.monotonic() - began:.1f} s)", flush=True)

    def broken(self, title, lab, error):
        expected = isinstance(error, (labs.LabError, TooLong))
        self.expect(False, f"{title}: {error}", "" if expected else traceback.format_exc())
        if lab is not None:
            show(lab)

    def finish(self):
        """Also: whatever failoverctl answered with --json meanwhile was as its schema says."""
        for fault, words in self.answers.faults.items():
            self.expect(False, f"failoverctl {words}: {fault}")
        if self.answers.counts and not self.answers.faults:
            told = ", ".join(f"{count} {name}" for name, count in sorted(self.answers.counts.items()))
            self.expect(True, f"every answer with --json is as its schema says: {told}")
        print(f"{self.passed} passed, {self.failed} failed ({time.monotonic() - self.started:.0f} s)", flush=True)
        return 1 if self.failed or not self.passed else 0


def main(name, cases):
    """Runs [(title, test, limit_s, lab options)] and exits."""
    suite = Suite(name)
    if os.geteuid() != 0:
        print("these tests need root: regions are network namespaces, the fence is the kernel's")
        print("0 passed, 0 failed (skipped)")
        sys.exit(0)
    try:
        for title, test, limit_s, options in cases:
            suite.run(title, test, limit_s, **options)
    except labs.Interrupted as interrupted:
        print(f"interrupted by {interrupted}; everything is cleaned up")
        sys.exit(130)
    sys.exit(suite.finish())


def show(lab):
    """What a person would look at first when a case broke."""
    for region, process in lab.coordinators.items():
        print(f"      last lines of {process.name} in {region}:")
        for line in process.tail(LOG_LINES):
            print("        " + line[:400])
        seen = status_of(lab, region)
        if seen:
            print(f"        status: {seen.get('state')}: {seen.get('headline')} {seen.get('outlook')}")


def brisk(**more):
    """Lab options for cases in which being quick matters more than looking like the demo. Not so quick that a
    machine which stands still for a second fences a writer or fails it over: rightly, and the case would be lost."""
    return {"thresholds": cluster_files.Thresholds(**({
        "heartbeat": "100ms", "health_interval": "250ms", "health_for": "2s", "database_interval": "250ms", "database_for": "2s",
        "check_timeout": "800ms", "lease": f"{BRISK_LEASE_S}s", "renew_every": "250ms", "fence_budget": "500ms",
        "insync_ms": 300} | more))}


# ---- a lab that is up ---------------------------------------------------------------------------

def bring_up(lab, change=None, rate=100, more=None, patience_ms=None):
    """Everything runs and is well, the zone carries our mark, and a client writes. Returns the client.
    `change` alters cluster.json before it is written; `more` is called when the coordinators were started.
    `patience_ms`: of a client whose writes may be slow, but not refused."""
    lab.start_databases()
    lab.start_services()
    lab.start_names()
    lab.write_configuration(change)
    for region in lab.regions:
        lab.start_coordinator(region)
    if more:
        more()
    all_well(lab)
    adopt(lab)
    client = lab.start_writer("client", rate=rate, patience_ms=patience_ms)
    lab.wait_for(lambda: len(client.receipts()) > 20, 10, "the client writes")
    return client


def adopt(lab):
    """What a person does once: hand the zone's records over."""
    code, output, error = lab.failoverctl(EAST, "dns", "adopt", SERVICE, "--reason", "first set-up", "--yes",
                                          timeout_s=ORDER_DEADLINE_S)
    if code != 0:
        raise labs.LabError(f"failoverctl dns adopt: exit code {code}: {output} {error}")
    all_well(lab)


def status_of(lab, region):
    """The service's part of that coordinator's status; {} when it does not answer."""
    status = lab.status(region)
    return status["services"][0] if status else {}


def node_status(lab, region):
    """That coordinator's whole status; asked again for a while when the machine is too busy to answer."""
    return lab.wait_for(lambda: lab.status(region), 15, f"{NAMES[region]} answers with its status")


def region_in(service, name):
    return next((r for r in service.get("regions", []) if r["name"] == name), {})


def gate_in(service, region, gate):
    return next((g for g in region_in(service, region).get("gates", []) if g["name"] == gate), {})


def verdict_in(service, region, observer):
    return next((v["verdict"] for v in region_in(service, region).get("verdicts", [])
                 if v["observer"] == NAMES.get(observer, observer)), None)


def is_well(lab, writer=EAST, observers=None):
    for observer in observers or lab.regions:
        service = status_of(lab, observer)
        if service.get("state") != "ok" or service.get("writer") != writer or service.get("operation"):
            return False
        if any(verdict_in(service, region, observer) != "healthy" for region in lab.serving):
            return False
    return gates_but_majority(lab, writer)


def gates_but_majority(lab, writer):
    """The other region could take over at once, if a majority said so. A writer's death before that
    would be refused, rightly: what the standby lacks is not known yet."""
    other = next(r for r in lab.serving if r != writer)
    gates = region_in(status_of(lab, other), other).get("gates", [])
    return bool(gates) and all(g["open"] or g["name"] in ("majority_failed", "outage_min", "cooldown", "approved") for g in gates)


def all_well(lab, writer=EAST):
    lab.wait_for(lambda: is_well(lab, writer), WELL_DEADLINE_S,
                 f"every coordinator says that all is well and {writer} the writer")


def order(lab, region, *words):
    """An operator's order that waits for its end: (exit code, output and error text)."""
    code, output, error = lab.failoverctl(region, *words, timeout_s=ORDER_DEADLINE_S)
    return code, (output + error).strip()


# ---- looking ------------------------------------------------------------------------------------

def events(lab, event, regions=None, **fields):
    """Such lines of the journals of these regions (all), by time."""
    found = []
    for region in regions or lab.regions:
        found += [line for line in lab.journal(region) if line.get("event") == event
                  and all(line.get(key) == value for key, value in fields.items())]
    return sorted(found, key=lambda line: line["mono_us"])


def awaited_events(lab, event, regions=None, **fields):
    """The same, as soon as there are any: the journal has a thread of its own, and status may be ahead of it."""
    return lab.wait_for(lambda: events(lab, event, regions, **fields), 10, f"the journal has {event} {fields}")


def failovers_begun(lab):
    """Failovers that any executor's journal tells of, by their id; an adoption of DNS is none."""
    begun = events(lab, "operation_begun") + events(lab, "operation_taken")
    return {line["operation"] for line in begun if line.get("from") != line.get("region")}


def writes_in(lab, client, region):
    last = client.last_receipt()
    return last is not None and last.address == lab.network.address[region]


def wait_for_writes_in(lab, client, region, deadline_s):
    lab.wait_for(lambda: writes_in(lab, client, region), deadline_s, f"the client writes to {region}")


def wait_until_done(lab, region, deadline_s, writer=WEST):
    """The operation is over and that region's coordinator names the new writer."""
    def done():
        service = status_of(lab, region)
        return service.get("writer") == writer and not service.get("operation") and service.get("state") != "unknown"
    lab.wait_for(done, deadline_s, f"{NAMES[region]} says that the operation is over and {writer} the writer")


def timeline_of(lab, region):
    """From the name of the WAL file it writes: the control file lags behind a promotion."""
    return int(lab.databases[region].value("select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), 16)


def batches(lab):
    """Applied DNS batches by the epoch in the fence TXT that they create: {epoch: [change, ...]}."""
    found = {}
    for change in lab.emulator_control("/state")["changes"]:
        found.setdefault(mark_epoch(change), []).append(change)
    return found


def mark_epoch(change):
    """The epoch of the fence TXT that this batch creates; None if it creates none."""
    for item in change["changes"]:
        record = item["ResourceRecordSet"]
        if item["Action"] == "CREATE" and record["Name"].rstrip(".") == cluster_files.FENCE_RECORD:
            found = MARK_EPOCH.search(record["ResourceRecords"][0]["Value"])
            return int(found.group(1)) if found else None
    return None


def loss_estimate(lab, region):
    """The executor's last estimate: its journal line."""
    lines = events(lab, "loss_estimated", [region])
    return lines[-1] if lines else {}


def last_written_us(lab, region, client):
    """When that region's server wrote the newest row that it acknowledged to this client, by the machine's clock, read
    over the Unix socket, which no fence of the kernel's covers. It is before the acknowledgement, and unlike the
    receipt's time it isn't late because the client was."""
    last = max(r.sequence for r in client.receipts() if r.address == lab.network.address[region])
    return int(lab.databases[region].value("select (extract(epoch from written_at) * 1000000)::bigint from orders "
                                           f"where client = '{client.client}' and sequence = {last}"))


def gap_s(receipts, since_us):
    """The longest time without an acknowledged row after that moment."""
    times = sorted(r.at_us for r in receipts if r.at_us >= since_us)
    return max((b - a for a, b in zip(times, times[1:])), default=0) / 1e6


def expect_one_writer(suite, lab, client, region, lost_at_most=None):
    """Never two writers, nothing twice; returns the count of rows against that region's database."""
    receipts = client.receipts()
    overlap = checker.two_writers(receipts)
    suite.expect(not overlap, "no row was acknowledged by the old writer after the new one's first", overlap[:5])
    counted = lab.count_rows(region)
    suite.expect(counted.doubled == 0, "no row twice")
    if lost_at_most is not None:
        suite.expect(len(counted.lost) <= lost_at_most, f"{len(counted.lost)} acknowledged rows lost, at most {lost_at_most} allowed",
                     counted.lost[:5])
    return counted
