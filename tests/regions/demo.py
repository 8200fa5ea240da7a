#!/usr/bin/env python3
"""The demo: three regions on this machine, one of them is lost, failoverd brings the service back.

    make demo            (builds, then runs this)
    demo.py [--loopback] (loopback addresses in any case, as without root)

Exit code 0 only if all of it happened: the failover, the DNS change, the client writing again, and
no row acknowledged twice or by two databases. Nothing is left running, also after Ctrl-C.
"""
import argparse
import sys
import time

import checker
import cluster_files
import lab as labs
import screen as screens
import timeline as timelines
import watch as watches

EAST, WEST, WITNESS = labs.REGIONS
TICK_S = 0.05
READY_DEADLINE_S = 30
CALM_S = 3                     # of writing before the region is lost
FAILOVER_DEADLINE_S = 45
AFTER_S = 1.5                  # of writing after everything was done
ROWS_PER_S = 100

# Which events of the journals are told, with their colour; all others are for the logs.
TOLD = {
    "verdict_changed": None, "majority_failed": "red", "confirm_asked": None, "confirm_failed": "yellow",
    "gate_shut": "yellow", "operation_begun": "bold", "operation_taken": "yellow", "waiting_out": None,
    "fence_proven": None, "loss_estimated": None, "step_done": None, "step_retried": "yellow",
    "step_overdue": "red", "operation_aborted": "red", "operation_done": "green", "dns_stopped": "red",
    "store_failed": "red", "mute": "red", "lease_lost": "yellow",
}
TOLD_ACTS = ("dns_submit", "dns_poll", "dns_verify", "endpoints")
VERDICT_COLOURS = {"healthy": "green", "suspect": "yellow", "failed": "red", "unknown": "dim"}

INTRO = """
us-east-1 takes the writes, us-west-2 holds a standby that streams from it, eu-west-1 serves nothing
and is there for its vote.
Each region runs a coordinator, failoverd; the three speak over mutual TLS. A client finds the
service by its DNS name, writes rows, and keeps a receipt for each row that was acknowledged.
"""
ENFORCED = """
The fence is *enforced*: PostgreSQL's port is open only while the region's coordinator renews a lease in the kernel's
packet filter. If the coordinator, the host or the network dies, the kernel shuts it. That is why the
others may promote a standby after waiting for the lease to run out: no late write can be acknowledged.
"""
GUARDED = """
Without root there is no packet filter to hold a lease, so the fence is *guarded* only: the coordinator beside the
database shuts its door to logins. A coordinator that died with its region cannot shut anything, so the others cannot
prove that the old database is silent; this demo says `accept_unconfirmed_fence: true` and takes that risk knowingly.
As root the demo uses the kernel's lease, and nothing has to be accepted.
"""


class Demo:
    def __init__(self, lab, screen):
        self.lab, self.screen = lab, screen
        self.names = {r: cluster_files.NODE_NAMES[r] for r in lab.regions}
        self.client = self.watch = self.timeline = None
        self.loss_estimate = ""
        self.last_told = self.last_act = None
        self.failures = []

    # -- the story ------------------------------------------------------------------------------

    def run(self):
        self.set_up()
        self.wait_until_well()
        self.lose_region()
        self.follow_failover()
        self.count()
        self.conclude()
        return 1 if self.failures else 0

    def set_up(self):
        lab, screen = self.lab, self.screen
        screen.heading("Three regions on this machine")
        screen.prose(INTRO)
        screen.line()
        roles = {EAST: ("primary", "PostgreSQL, HTTP service, failoverd"),
                 WEST: ("standby", "PostgreSQL, HTTP service, failoverd"), WITNESS: ("witness", "failoverd")}
        screen.table(("region", "role", "address", "coordinator", "runs"),
                     [(r, roles[r][0], lab.network.address[r], self.names[r], roles[r][1]) for r in lab.regions])
        screen.line()
        screen.prose(ENFORCED if lab.network.kind == "namespaces" else GUARDED)
        screen.line()
        self.step("PostgreSQL: a primary, and a standby that streams from it", lab.start_databases)
        self.step("The HTTP service with /health in both regions", lab.start_services)
        self.step("Route 53 emulator, its zone answered over DNS", lab.start_names)
        self.step("Certificates, configuration, three coordinators", lab.start_coordinators)
        self.step("failoverctl dns adopt: the zone's records come under failoverd's mark", lab.adopt_dns)
        self.client = self.step(f"A client that writes {ROWS_PER_S} rows per second",
                                lambda: lab.start_writer("client", rate=ROWS_PER_S))
        self.watch = watches.Watch(lab, self.client, self.names)
        self.watch.start()

    def step(self, text, act):
        started = time.monotonic()
        result = act()
        self.screen.line(f"  {text + ' ':.<72} {time.monotonic() - started:5.1f} s")
        return result

    def wait_until_well(self):
        self.screen.heading("All is well")
        self.go_on_until(self.is_well, READY_DEADLINE_S, "all coordinators see both regions healthy and the client writes",
                         tell=False)
        end = time.monotonic() + CALM_S
        self.go_on_until(lambda: time.monotonic() > end, CALM_S + 5, "a calm moment", tell=False)
        self.show_verdicts()
        service = self.watch.service(WEST)
        thresholds = self.lab.thresholds
        self.screen.line()
        self.screen.table(("", ""), [
            ("service", service.get("headline", "")),
            ("if it failed", service.get("outlook", "")),
            ("thresholds", f"/health failing for {thresholds.health_for}, database for {thresholds.database_for}, "
                           f"lease {thresholds.lease} (defaults for production: 5m, 2m, 10s)"),
            ("DNS", f"{cluster_files.RECORD} -> {self.watch.answer_text}"),
            ("client", f"{self.acknowledged()} rows acknowledged so far"),
        ])

    def is_well(self):
        if self.lab.region_of((self.watch.answer or [""])[0]) != EAST or self.client.last_receipt() is None:
            return False
        services = [self.watch.service(r) for r in self.names]
        return all(s.get("state") == "ok" and s.get("writer") == EAST for s in services) and all(
            self.verdict(watcher, region) == "healthy" for watcher in self.names for region in self.lab.serving)

    def lose_region(self):
        self.screen.heading(f"{EAST} is lost")
        self.watch.tick()
        lost_at = time.time()
        killed = self.lab.kill_region(EAST)
        self.timeline = timelines.Timeline(lost_at)
        self.tell(lost_at, "demo", f"kill -9 of everything in {EAST}: {killed} processes "
                  "(PostgreSQL, the service, its coordinator)", "red")

    def follow_failover(self):
        self.go_on_until(lambda: not self.timeline.missing(), FAILOVER_DEADLINE_S, self.what_is_missing)
        self.go_on_until(self.is_well_again, 10, f"the other two coordinators say that {WEST} is the writer")
        end = time.monotonic() + AFTER_S
        self.go_on_until(lambda: time.monotonic() > end, AFTER_S + 5, "a last look")
        self.show_verdicts()
        self.client.process.end()
        self.watch.stop()
        self.screen.footer([])

    def is_well_again(self):
        return all(self.watch.service(r).get("writer") == WEST and not self.watch.service(r).get("operation")
                   for r in (WEST, WITNESS))

    def what_is_missing(self):
        return "missing: " + ", ".join(self.timeline.missing())

    # -- watching -------------------------------------------------------------------------------

    def go_on_until(self, condition, deadline_s, what, tell=True):
        """Shows what happens until the condition holds; at the deadline it fails with `what`."""
        deadline = time.monotonic() + deadline_s
        while True:
            for news in self.watch.tick():
                self.take(news, tell)
            self.look_at_client()
            self.screen.footer(self.live_lines())
            if condition():
                return
            self.lab.check_alive()
            if time.monotonic() > deadline:
                raise labs.LabError(f"not within {deadline_s} s: {what() if callable(what) else what}")
            time.sleep(TICK_S)

    def take(self, news, tell):
        if self.timeline is not None:
            self.timeline.take(news, EAST, self.lab.network.address[WEST])
        if news.event == "loss_estimated" or (news.event == "operation_done" and not self.loss_estimate):
            self.loss_estimate = news.text
        if not tell:
            return
        if news.source == "dns":
            self.tell(news.at, "dns", f"{cluster_files.RECORD} -> {news.text}", "green")
        elif news.source == "client":
            self.tell_client(news)
        elif news.event == "act_done":
            self.tell_act(news)
        elif news.event in TOLD:
            self.tell(news.at, news.source, news.text, TOLD[news.event] or VERDICT_COLOURS.get(news.data.get("verdict")))

    def tell_act(self, news):
        """Of the acts those that touch DNS and the public name; a poll that finds nothing new is no news."""
        act, found = news.data.get("act"), (news.data.get("act"), news.data.get("outcome"), news.data.get("detail"))
        if act in TOLD_ACTS and found != self.last_act:
            self.last_act = found
            self.tell(news.at, news.source, news.text, None if news.data.get("outcome") == "done" else "yellow")

    def tell_client(self, news):
        region = self.lab.region_of(news.data.get("address", "")) or news.data.get("address", "")
        if news.event == "error":
            self.tell(news.at, "client", f"cannot write: {news.data.get('text', '')}", "yellow")
        elif news.event == "writing":
            self.tell(news.at, "client", f"writing to {region}: row {news.data.get('sequence')} acknowledged", "green")

    def look_at_client(self):
        """The first receipt from the new region, looked up in the receipts themselves."""
        last = self.client.last_receipt()
        address = self.lab.network.address[WEST]
        if self.timeline and "written" not in self.timeline.at and last and last.address == address:
            first = next(r for r in self.client.receipts() if r.address == address)
            self.timeline.reach("written", first.at_us / 1e6)

    def tell(self, at, who, text, colour=None):
        if (who, text) == self.last_told:
            return                  # a step that is tried again and again says the same each time
        self.last_told = (who, text)
        self.screen.happened(at - self.timeline.at["lost"] if self.timeline else None, who, text, colour)

    def verdict(self, watcher, region):
        for seen in self.watch.service(watcher).get("regions", []):
            if seen.get("name") == region:
                for verdict in seen.get("verdicts", []):
                    if verdict.get("observer") == self.names[watcher]:
                        return verdict.get("verdict") or "unknown"
        return "no answer" if self.watch.status[watcher] is None else "unknown"

    def acknowledged(self):
        last = self.client.last_receipt()
        return last.sequence if last else 0

    def show_verdicts(self):
        rows = [(f"{self.names[w]} in {w}", *(self.verdict(w, r) for r in self.lab.serving)) for w in self.names]
        self.screen.line()
        self.screen.table(("what each coordinator sees", *self.lab.serving), rows, colours=VERDICT_COLOURS.get)

    def live_lines(self):
        if not self.screen.live:
            return []
        paint, watcher = self.screen.paint, WEST
        lines = ["", paint("-" * (screens.WIDTH - 2), "dim")]
        for observer in self.names:
            seen = "   ".join(f"{r} " + paint(f"{v:<9}", VERDICT_COLOURS.get(v)) for r in self.lab.serving
                              for v in [self.verdict(observer, r)])
            lines.append(f"  {self.names[observer]:<8} sees   {seen}")
        service = self.watch.service(watcher)
        operation = service.get("operation") or {}
        votes, lease = service.get("votes") or {}, service.get("lease") or {}
        doing = "no operation" if not operation else (
            f"{operation.get('kind')} to {operation.get('to')}: step {operation.get('step_number')} of "
            f"{operation.get('steps')}, {operation.get('step')}, {operation.get('total_ms') or 0} ms")
        lines.append(f"  writer   {service.get('writer') or 'none':<12} epoch {known(service.get('epoch'))}, "
                     f"lease left {known(lease.get('left_ms'))} ms, votes against {votes.get('region') or 'it'}: "
                     f"{known(votes.get('failed'))} of {known(votes.get('needed'))} needed; {doing}")
        lines.append(f"  DNS      {cluster_files.RECORD} -> {self.watch.answer_text}")
        last = self.client.last_receipt()
        where = self.lab.region_of(last.address) if last else "nowhere"
        quiet_s = time.time() - last.at_us / 1e6 if last else 0
        state = paint("writing", "green") if quiet_s < 0.5 else paint(f"no row acknowledged for {quiet_s:.1f} s", "red")
        lines.append(f"  client   {self.acknowledged()} rows acknowledged, the last by {where}; {state}")
        return lines

    # -- the end --------------------------------------------------------------------------------

    def meaning(self, phase):
        if phase.name == "fence" and self.lab.network.kind == "loopback":
            return "the new database's door is shut; that the old one is silent is unproven, and accepted"
        return phase.meaning

    def count(self):
        """Receipts against the rows of both databases; the dead one is started without a network."""
        screen, lab = self.screen, self.lab
        screen.heading("What it took")
        phases = self.timeline.phases()
        screen.table(("phase", "took", "done at", "meaning"),
                     [(p.name, duration(p.took_s), f"{p.at_s:+.2f} s", self.meaning(p)) for p in phases], right=(1, 2))
        screen.line()
        total = self.timeline.total_s()
        screen.line("  " + screen.paint(f"Time to recover, from the kill to the first row acknowledged elsewhere: {total:.2f} s", "bold"))
        screen.heading("What was lost")
        counted = lab.count_rows(WEST)
        receipts = self.client.receipts()
        lab.databases[EAST].start(private=True)
        with lab.databases[EAST].connect() as session:
            old = checker.read_rows(session)
        self.doubled, self.overlap = counted.doubled, checker.two_writers(receipts)
        in_old = sum((r.client, r.sequence) in old for r in counted.lost)
        screen.table(("counted from receipts and both databases", "rows"), [
            ("acknowledged to the client", counted.acknowledged),
            (f"of these in {WEST}'s database now", counted.present),
            ("acknowledged rows lost", len(counted.lost)),
            (f"  of these still in {EAST}'s database", in_old),
            ("acknowledged twice, or there twice", counted.doubled),
            (f"acknowledged by {EAST} after {WEST} had begun to", len(self.overlap)),
        ], right=(1,))
        screen.line()
        screen.prose(f"The coordinator's own estimate when it decided: {self.loss_estimate or 'none was given'}")
        screen.prose("Replication is asynchronous: rows that were acknowledged and had not been sent yet are lost with the "
                     "region. The RPO gate bounds how much that may be before nobody is promoted without a person's word.")

    def conclude(self):
        checks = [
            ("a majority saw the region fail, and agreed", "begun" in self.timeline.at),
            ("the old database was fenced before the new one was opened" if self.lab.network.kind == "namespaces" else
             "the fence step came before the opening (guarded: its proof is missing, and that was accepted)", self.ordered("fenced", "opened")),
            ("the standby was promoted and opened", "opened" in self.timeline.at),
            ("Route 53 was changed, and the name server answers it", self.ordered("submitted", "visible")),
            ("the client writes again, in the other region", "written" in self.timeline.at),
            ("the operation was finished and verified", "done" in self.timeline.at),
            ("never two writers, nothing acknowledged twice", not self.overlap and self.doubled == 0),
        ]
        self.screen.heading("Did all of it happen?")
        for text, good in checks:
            self.screen.line("  " + (self.screen.paint("yes", "green") if good else self.screen.paint("NO ", "red")) + "  " + text)
            if not good:
                self.failures.append(text)
        self.screen.line()

    def ordered(self, first, then):
        at = self.timeline.at
        return first in at and then in at and at[first] <= at[then]


def duration(seconds):
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def known(value):
    return "?" if value is None else value


def show_logs(lab, screen):
    """What the coordinators said last, when something went wrong."""
    for region, process in lab.coordinators.items():
        screen.line(f"  last lines of {process.name} in {region}:")
        for line in process.tail(8):
            screen.line("    " + line[:300])


def main():
    parser = argparse.ArgumentParser(description="three regions, one is lost, failoverd brings the service back")
    parser.add_argument("--loopback", action="store_true", help="loopback addresses, as without root")
    arguments = parser.parse_args()
    screen = screens.Screen()
    started = time.monotonic()
    code = 1
    try:
        with labs.Lab(namespaces=not arguments.loopback) as lab:
            try:
                code = Demo(lab, screen).run()
            except labs.LabError as error:
                screen.close()
                screen.line("\n  " + screen.paint(f"The demo failed: {error}", "red"))
                show_logs(lab, screen)
            finally:
                screen.close()
    except labs.Interrupted as interrupted:
        screen.line(f"\n  Interrupted by {interrupted}.")
        code = 130
    screen.line(f"  Everything is stopped and removed. {time.monotonic() - started:.0f} s in all.")
    return code


if __name__ == "__main__":
    sys.exit(main())
