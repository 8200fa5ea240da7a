#!/usr/bin/env python3
"""The lab tests itself, without a coordinator: what the e2e tests stand on must work by itself.

Primary and standby stream, a client writes by name, the primary's region is killed with -9, the
standby is promoted by hand, the zone is changed by the real aws command, the client follows, and
the checker counts. Then what a lab must be able to do besides: cuts, one-way cuts, freezing, a
service told to be unhealthy, and leaving nothing behind when it is killed with -9 itself.

    lab_test.py [--loopback]
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import checker
import cluster_files
import janitor
import lab as labs
import pgwire

EAST, WEST, WITNESS = labs.REGIONS
checks = failures = 0


def expect(condition, what):
    global checks, failures
    checks += 1
    failures += not condition
    print(("ok    " if condition else "FAIL  ") + what, flush=True)


def test_checker():
    """The count must be able to find what it looks for."""
    receipt = checker.Receipt
    told = [receipt("a", 1, 100, "x"), receipt("a", 2, 200, "x"), receipt("a", 3, 300, "y"), receipt("a", 4, 400, "x")]
    counted = checker.count(told + [receipt("a", 1, 150, "x")], {("a", 1): 1, ("a", 3): 2, ("a", 9): 1})
    expect([r.sequence for r in counted.lost] == [2, 4], "checker: missing rows are lost rows")
    expect(counted.doubled == 2, "checker: a second receipt and a second row are each a double")
    expect(counted.unacknowledged == 2 - 1, "checker: rows without a receipt are told apart")
    expect([r.sequence for r in checker.two_writers(told)] == [4], "checker: a receipt from the old writer after the new one's first is found")
    expect(checker.two_writers(told[:3]) == [], "checker: one writer after the other is fine")
    test_reigns()


def test_reigns():
    """Back and forth is fine; a row of an earlier reign after a later one's first is two writers."""
    def told(*rows):
        return [checker.Receipt("a", number, 0, address, boot_us, timeline)
                for number, (boot_us, address, timeline) in enumerate(rows)]
    there_and_back = told((10, "x", 1), (20, "y", 2), (30, "y", 2), (40, "x", 3), (50, "x", 3))
    expect(checker.split_brain(there_and_back) == (0, []), "checker: the writer may go there and back")
    window, late = checker.split_brain(there_and_back + told((35, "x", 1), (45, "x", 1)))
    expect(window == 25 and [r.boot_us for r in late] == [35, 45], "checker: an old reign that goes on is found, with its window")
    window, late = checker.split_brain(there_and_back + told((47, "y", 2)))
    expect(window == 7 and len(late) == 1, "checker: also the one before the last")
    window, late = checker.split_brain(told((10, "x", 2), (20, "y", 2), (30, "x", 2)))
    expect(window == 10 and len(late) == 1, "checker: two databases on one timeline are two reigns")


def test_failover_by_hand(lab):
    lab.start_databases()
    expect(not lab.databases[EAST].is_standby() and lab.databases[WEST].is_standby(), "one primary, one standby")
    test_roles(lab)
    lab.start_services()
    lab.start_names()
    expect(lab.resolve() == [lab.network.address[EAST]], "the name leads to us-east-1")
    writer = lab.start_writer("alice", rate=100)
    lab.wait_for(lambda: len(writer.receipts()) > 50, 10, "50 acknowledged rows")
    test_service(lab)
    if lab.network.can_cut:
        test_cuts(lab, writer)
        cut_replication(lab, writer)
    killed = lab.kill_region(EAST)
    expect(killed >= 3, f"us-east-1 killed: {killed} processes")
    last = writer.last_receipt()
    expect(lab.databases[WEST].promote(), "us-west-2 promoted by hand")
    # Not before: the kernel goes on sending what the killed primary had put into its sockets, and the doomed rows would
    # arrive as soon as the way is free.
    if lab.network.can_cut:
        lab.network.heal()
    change_zone(lab)
    lab.wait_for(lambda: lab.resolve() == [lab.network.address[WEST]], 10, "DNS answers with us-west-2")
    lab.wait_for(lambda: writer.last_receipt().address == lab.network.address[WEST], 10, "the client writes to us-west-2")
    expect(writer.last_receipt().sequence > last.sequence, "the client writes again, elsewhere")
    time.sleep(0.3)
    expect(writer.process.end() == 0, "the client ends cleanly on SIGTERM")
    check_count(lab, writer)


def test_roles(lab):
    """The coordinator's own roles log in over TCP, as it will, and may do little else."""
    for region in (EAST, WEST):
        for user, secret in (("failoverd", "failoverd"), ("failoverd_canary", "canary")):
            reached = lab.network.socket(WITNESS)
            reached.connect((lab.network.address[region], 5432))
            with pgwire.Session(reached, user, "postgres", lab.secrets.get(secret)) as session:
                expect(session.value("select current_setting('is_superuser')") == "off", f"{user} logs in to {region}, no superuser")
    try:
        reached = lab.network.socket(WITNESS)
        reached.connect((lab.network.address[EAST], 5432))
        pgwire.Session(reached, "failoverd", "postgres", "not the password").close()
        expect(False, "a wrong password is refused")
    except pgwire.PgError as error:
        expect(error.sqlstate == "28P01", "a wrong password is refused")


def test_service(lab):
    url = lab.service_url(EAST) + "/health"
    # a busy machine may let the service's own question to its database run out
    status, text = lab.wait_for(lambda: (answer := lab.http(WITNESS, url))[0] == 200 and answer, 10, "/health answers 200")
    expect(status == 200 and json.loads(text) == {"status": "ok", "database": "primary"}, "/health is seen from another region, over TLS")
    lab.misbehave(EAST, "unhealthy")
    expect(lab.http(WITNESS, url)[0] == 503, "/health can be told to fail")
    lab.misbehave(EAST, "")
    lab.wait_for(lambda: lab.http(WITNESS, url)[0] == 200, 10, "and to be well again")


def test_cuts(lab, writer):
    url = lab.service_url(EAST) + "/health"
    lab.network.cut(EAST, WITNESS)
    expect(lab.http(WITNESS, url, timeout_s=0.4)[0] == 0, "a cut region does not answer")
    lab.wait_for(lambda: lab.http(WEST, url)[0] == 200, 10, "others still reach it")
    lab.network.heal(EAST, WITNESS)
    lab.wait_for(lambda: lab.http(WITNESS, url)[0] == 200, 10, "healed")
    lab.network.cut("clients", EAST, both=False)
    before = len(writer.receipts())
    time.sleep(1.0)
    lab.network.heal()
    expect(len(writer.receipts()) - before < 20, "a one-way cut stops the client's rows")
    lab.wait_for(lambda: len(writer.receipts()) > before + 40, 10, "rows after healing")
    lab.freeze_region(EAST)
    expect(lab.http(WITNESS, url, timeout_s=0.4)[0] == 0, "a frozen region is silent")
    lab.freeze_region(EAST, frozen=False)
    lab.wait_for(lambda: lab.http(WITNESS, url)[0] == 200, 10, "the frozen region wakes")
    now = len(writer.receipts())
    lab.wait_for(lambda: len(writer.receipts()) > now + 20, 10, "rows after the freeze")
    lab.wait_for(lambda: lab.databases[EAST].streaming() == {"us_west_2"}, 10, "the standby streams again")


def cut_replication(lab, writer):
    """From here on acknowledged rows are doomed: the count has to find them."""
    lab.network.cut(EAST, WEST)
    before = len(writer.receipts())
    lab.wait_for(lambda: len(writer.receipts()) > before + 30, 10, "rows that the standby cannot receive")


def change_zone(lab):
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {
        "Name": cluster_files.RECORD, "Type": "A", "TTL": lab.thresholds.ttl_s,
        "ResourceRecords": [{"Value": lab.network.address[WEST]}]}}]}
    answer = lab.aws("route53", "change-resource-record-sets", "--hosted-zone-id", cluster_files.ZONE_ID,
                     "--change-batch", json.dumps(batch))
    expect(answer["ChangeInfo"]["Status"] == "PENDING", "the aws command's change is PENDING first")


def check_count(lab, writer):
    counted = lab.count_rows(WEST)
    receipts = writer.receipts()
    expect(counted.acknowledged == len(receipts) and counted.doubled == 0, f"{counted.acknowledged} rows acknowledged, none twice")
    expect(counted.acknowledged == counted.present + len(counted.lost), f"{len(counted.lost)} acknowledged rows lost")
    if lab.network.can_cut:
        expect(len(counted.lost) >= 30, "rows acknowledged while replication was cut are counted as lost")
    expect(checker.two_writers(receipts) == [], "never two writers")
    lost = {(r.client, r.sequence) for r in counted.lost}
    lab.databases[EAST].start(private=True)
    with lab.databases[EAST].connect() as session:
        old = checker.read_rows(session)
    expect(lost <= old.keys(), "every lost row is still in the old primary's database")
    with lab.databases[WEST].connect() as session:
        victim = session.query("delete from orders where sequence = 7 returning client, sequence")[0]
    counted = lab.count_rows(WEST)
    expect((victim[0], int(victim[1])) in {(r.client, r.sequence) for r in counted.lost}, "a deleted row is counted as lost")


def test_killed_lab():
    """A lab that is killed with -9 leaves no process, no namespace and no folder."""
    child = subprocess.Popen([sys.executable, __file__, "--be-killed", *sys.argv[1:]], stdout=subprocess.PIPE, text=True,
                             env={k: v for k, v in os.environ.items() if k != "KEEP"})
    run_id, folder = child.stdout.readline().split()
    namespaces = janitor.namespaces_of(run_id)
    expect(bool(janitor.processes_of(run_id, folder, namespaces)), "the victim lab has processes")
    child.kill()
    child.wait()
    deadline = time.monotonic() + 60
    while os.path.exists(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    expect(not os.path.exists(folder), "its folder is gone")
    expect(janitor.processes_of(run_id, folder, namespaces) == [], "its processes are gone")
    expect(janitor.namespaces_of(run_id) == [], "its namespaces are gone")


def be_killed(loopback):
    with labs.Lab(namespaces=not loopback) as lab:
        lab.databases[EAST].make_primary(lab.secrets)
        print(lab.run_id, lab.folder, flush=True)
        signal.pause()


def main():
    loopback = "--loopback" in sys.argv
    if "--be-killed" in sys.argv:
        be_killed(loopback)
    started = time.monotonic()
    test_checker()
    try:
        with labs.Lab(namespaces=not loopback, https=True) as lab:
            print(f"lab on {lab.network.kind} in {lab.folder}")
            folder, run_id = lab.folder, lab.run_id
            test_failover_by_hand(lab)
        expect(lab.keep or not pathlib.Path(folder).exists(), "the lab's folder is gone")
        expect(janitor.processes_of(run_id, folder, []) == [], "the lab's processes are gone")
        test_killed_lab()
    except labs.LabError as error:
        expect(False, str(error))
    except labs.Interrupted as interrupted:
        print(f"interrupted by {interrupted}; everything is cleaned up")
        return 130
    print(f"{checks - failures} passed, {failures} failed ({time.monotonic() - started:.0f} s)")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
