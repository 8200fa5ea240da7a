#!/usr/bin/env python3
"""The old primary comes back: fenced before anything else, its lost writes listed, then made a standby again.

    return_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import pathlib
import signal
import threading
import time

import e2e
from e2e import EAST, SERVICE, WEST, WITNESS, labs

HOOK = labs.REPOSITORY / "etc/hooks/rejoin-pg_rewind"
BEHIND_ROWS = 20                # that many are written behind the cut, before the region dies
REJOIN_DEADLINE_S = 60
SLOT = "failoverd_us_east_1"


def with_hook(lab):
    """PostgreSQL has no systemd unit in a lab: pg_ctl starts and stops it. Fails first where the lab asks for it."""
    program = lab.folder / "hook"
    program.write_text(f'#!/bin/sh\n[ ! -e "{lab.folder}/fail" ] || {{ echo "no, slot $FAILOVERD_SLOT"; exit 9; }}\n'
                       f'exec {HOOK} "$@"\n')
    program.chmod(0o755)

    def change(content):
        content["services"][SERVICE]["hooks"] = {"rejoin": [str(program), "pg_ctl"], "rejoin_deadline": "60s"}
    return change


def rows_of(lab, region):
    """{(client, sequence): xid}, read by a superuser over the socket, which no fence of the kernel's covers."""
    with lab.databases[region].connect() as session:
        return {(client, int(sequence)): int(xid)
                for client, sequence, xid in session.query("select client, sequence, xmin from orders", timeout_s=30)}


def lose_with_writes_in_flight(suite, lab):
    """us-east-1 is cut off while a client inside it writes, and then dies; returns the clients."""
    client = e2e.bring_up(lab, change=with_hook(lab))
    inside = lab.start_writer("inside", rate=100, region=EAST)
    lab.wait_for(lambda: len(inside.receipts()) > 20, 10, "the client inside us-east-1 writes")
    lab.network.isolate(EAST)
    before = inside.last_receipt().sequence
    lab.wait_for(lambda: inside.last_receipt().sequence > before + BEHIND_ROWS, 10, "the client inside goes on writing behind the cut")
    lab.kill_region(EAST)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    return client


def test_return(suite, lab):
    client = lose_with_writes_in_flight(suite, lab)
    lab.network.heal()
    lab.start_region(EAST)
    stray = lab.start_writer("stray", region=EAST)
    lost = check_listed(suite, lab)
    suite.expect(not stray.receipts(), "until then the returned primary has acknowledged nothing")
    check_plan(suite, lab)
    check_failing(suite, lab)
    report, text = check_rejoin(suite, lab, lost)
    suite.expect(not stray.receipts(), "and to the end nothing was acknowledged in us-east-1 to the client there")
    suite.expect(pathlib.Path(report).read_text() == text, "the report is on disk still, as it was")
    for writer in (client, stray):
        writer.process.end()
    e2e.expect_one_writer(suite, lab, client, WEST)


def returned(lab):
    return e2e.status_of(lab, EAST).get("returned") or {}


def check_listed(suite, lab):
    lab.wait_for(lambda: returned(lab).get("state") == "listed", 40, "us-east-1's coordinator has listed what its database lost")
    guard = e2e.region_in(e2e.status_of(lab, EAST), EAST)["guard"]
    suite.expect(guard["fence"] == "confirmed", "it is fenced", guard)
    seen = returned(lab)
    print(f"      {seen['text']}")
    report = json.loads(pathlib.Path(seen["file"]).read_text())
    east, west = rows_of(lab, EAST), rows_of(lab, WEST)
    lost = {key: xid for key, xid in east.items() if key not in west}
    receipts = [r for r in lab.count_rows(WEST).lost if r.address == lab.network.address[EAST]]
    suite.expect(len(receipts) > 10, f"{len(receipts)} acknowledged rows were lost behind the cut")
    suite.expect({(r.client, r.sequence) for r in receipts} <= set(lost), "each of them is in the old primary, and nowhere else")
    orders = [t for t in report["tables"] if t["table"] == "orders" and t["database"] == "shop"]
    named = {t["xid"] for t in report["list"]}
    # what a client had in flight was written here without an answer, and then once more by it in us-west-2
    again = {xid for key, xid in east.items() if key in west and xid in named}
    suite.expect(len(again) <= len(lab.writers), f"{len(again)} rows had got no answer and were written again in us-west-2")
    rows = len(lost) + len(again)
    suite.expect(len(orders) == 1 and orders[0]["inserted"] == rows and report["rows"]["inserted"] == rows,
                 f"the report counts exactly the {rows} rows in orders that us-west-2 did not get from here", orders)
    suite.expect(named == set(lost.values()) | again and report["transactions"] == len(named),
                 "and names exactly their transactions", report["transactions"])
    suite.expect(report["region"] == EAST and report["writer"] == WEST and report["listed"] and report["epoch"] ==
                 e2e.status_of(lab, EAST)["epoch"] and report["first_commit"] <= report["last_commit"], "with epoch, regions and times")
    lines = e2e.events(lab, "lost_writes", [EAST])
    suite.expect(len(lines) == 1 and lines[0]["file"] == seen["file"] and lines[0]["transactions"] == report["transactions"],
                 "the journal has it, once", lines)
    code, output = e2e.order(lab, EAST, "history")
    suite.expect(code == 0 and "old primary is back, fenced" in output and seen["file"] in output, "failoverctl history shows it", output)
    code, output = e2e.order(lab, EAST, "status")
    suite.expect(code == 0 and "failoverctl rejoin shop --dry-run" in output, "failoverctl status warns of it", output)
    lab.coordinators[EAST].kill()           # a restart lists nothing twice
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: returned(lab).get("state") == "listed", 40, "after a restart of the coordinator the report is found again")
    suite.expect(returned(lab)["file"] == seen["file"] and len(e2e.events(lab, "lost_writes", [EAST])) == 1,
                 "after a restart of the coordinator it is the same report", returned(lab))
    return set(lost)


def rejoin(lab, region, *words):
    """(exit code, output, error text)"""
    code, output, error = lab.failoverctl(region, "rejoin", SERVICE, *words, timeout_s=REJOIN_DEADLINE_S)
    return code, output, error


def check_plan(suite, lab):
    code, output, _ = rejoin(lab, WEST, "--region", WEST, "--dry-run", "--json")
    suite.expect(code == 3 and json.loads(output)["error"]["code"] == "writer", "of the writer's region: refused, exit code 3", output)
    code, output, _ = rejoin(lab, WITNESS, "--region", WEST, "--dry-run", "--json")
    suite.expect(code == 3 and json.loads(output)["error"]["code"] == "writer", "and so from elsewhere, by the writer's node", output)
    for region in (WITNESS, WEST):
        code, output, error = rejoin(lab, region, "--dry-run", "--json")
        plan = json.loads(output) if code == 0 else {}
        suite.expect(plan.get("region") == EAST and plan.get("node") == e2e.NAMES[EAST] and plan.get("method") == "pg_rewind",
                     f"asked in {region}: {e2e.NAMES[EAST]} makes the plan", output + error)
    code, output, _ = rejoin(lab, WITNESS, "--region", WITNESS, "--dry-run", "--json")
    suite.expect(code == 2 and json.loads(output)["error"]["code"] == "no_region", "no region of the service: exit code 2", output)
    lab.network.cut(EAST, WEST)
    code, output, _ = rejoin(lab, EAST, "--reason", "too early", "--yes", "--json")
    suite.expect(code == 3 and json.loads(output)["error"]["code"] == "writer_unreachable",
                 "with the writer out of reach: refused, exit code 3", output)
    lab.network.heal()
    code, output, error = rejoin(lab, EAST, "--yes")
    suite.expect(code == 2 and "reason" in error, "without a reason: exit code 2", error)
    code, output, error = rejoin(lab, EAST, "--dry-run", "--json")
    plan = json.loads(output) if code == 0 else {}
    data = str(lab.databases[EAST].data)
    suite.expect(plan.get("method") == "pg_rewind" and plan.get("data_directory") == data and plan.get("would_run"),
                 "rejoin --dry-run: pg_rewind, and where", output + error)
    suite.expect(any("pg_rewind" in c and data in c and lab.network.address[WEST] in c for c in plan.get("commands", [])),
                 "it says the command, with the source from the configuration", plan.get("commands"))
    code, output, _ = rejoin(lab, EAST, "--dry-run")
    suite.expect(code == 0 and "pg_rewind --target-pgdata=" in output, "and so in plain text", output)
    suite.expect(not lab.databases[EAST].is_standby(), "and has changed nothing")


def check_failing(suite, lab):
    """A hook that fails leaves no slot behind, which would keep WAL for a standby that never comes."""
    (lab.folder / "fail").touch()
    lab.wait_for(lambda: heard(lab, EAST, WEST), 20, "the two hear each other again after the cut")
    code, output, error = rejoin(lab, WEST, "--reason", "it fails", "--yes")
    suite.expect(code == 1 and f"no, slot {SLOT}" in output + error, "the hook fails: exit code 1, with what it said", output + error)
    lab.wait_for(lambda: slots(lab) == {}, 10, "the slot that was made for it is taken away again")
    (lab.folder / "fail").unlink()


def check_rejoin(suite, lab, lost):
    """Returns the report's path and its contents before."""
    report = returned(lab)["file"]
    text = pathlib.Path(report).read_text()
    lab.databases[EAST].process.expected_end = True         # the hook ends the lab's server and starts its own
    code, output, error = rejoin(lab, WITNESS, "--reason", "home again", "--yes")
    print("      " + output.strip().replace("\n", "\n      "))
    if not suite.expect(code == 0 and "streams from us-west-2" in output, "rejoin, ordered at the witness: done, exit code 0", output + error):
        return report, text
    suite.expect(lab.databases[EAST].is_standby(), "us-east-1's database is a standby")
    suite.expect(len(lab.databases[WEST].streaming()) == 1, "us-west-2 streams to it")
    check_slot(suite, lab, output)
    there = set(rows_of(lab, EAST))
    suite.expect(lost and not lost & there, "the lost rows are gone from it")
    suite.expect(("client", 1) in there, "and those that both had are there")
    asked = e2e.events(lab, "order_asked", [EAST], command="rejoin")
    suite.expect([line["reason"] for line in asked] == ["too early", "it fails", "home again"] and e2e.events(lab, "rejoin_begun", [EAST]) and
                 e2e.events(lab, "rejoin_done", [EAST]), "the journal has who asked for it, its beginning and its end", asked)
    check_audited(suite, lab)
    code, output, error = rejoin(lab, EAST, "--reason", "again", "--yes")
    suite.expect(code == 0 and "nothing to do" in output, "asked again: nothing to do, exit code 0", output + error)
    return report, text


def check_audited(suite, lab):
    """Where it was said, and where it was done: who, and from which node."""
    def lines(region):
        return [line for line in labs.read_json_lines(lab.journal_path(region).with_name("audit.jsonl"))
                if line.get("command") == "rejoin" and line.get("reason") == "home again"]
    there, here = lines(WITNESS), lines(EAST)
    suite.expect([line["event"] for line in there] == ["order_asked", "order_answered"] and
                 [(line["event"], line["from"]) for line in here] == [(e, e2e.NAMES[WITNESS]) for e in ("order_asked", "order_answered")] and
                 here[0]["user"] == there[0]["user"], "both audit trails have it, with who and from where", (there, here))
    run = e2e.status_of(lab, EAST)["rejoin"]
    suite.expect(run["state"] == "done" and e2e.NAMES[WITNESS] in run["who"] and e2e.status_of(lab, WITNESS)["rejoin"] == run,
                 "status shows the same run in both places", run)


def slots(lab):
    """{name: does somebody stream through it} in us-west-2."""
    with lab.databases[WEST].connect("postgres") as session:
        return {name: active == "t" for name, active in session.query("select slot_name, active from pg_replication_slots")}


def check_slot(suite, lab, output):
    """It was made there for the standby to be, which streams through it."""
    used = lab.databases[EAST].value("select slot_name from pg_stat_wal_receiver", "postgres")
    suite.expect(used == SLOT and slots(lab) == {SLOT: True}, f"through the slot {used}, which is there for it", slots(lab))
    suite.expect(f"through its replication slot {SLOT}" in output, "and rejoin says so", output)


def test_copy(suite, lab):
    """The server does not start, so nothing can be listed, and pg_rewind is not let in by the source."""
    client = e2e.bring_up(lab, change=with_data_directory(lab))
    lab.kill_region(EAST)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    with lab.databases[WEST].connect("postgres") as session:
        session.query("revoke execute on function pg_read_binary_file(text, bigint, bigint, boolean) from replicator")
        session.query("revoke execute on function failoverd_make_slot(text) from failoverd")
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: e2e.status_of(lab, EAST).get("writer") == WEST, 20, "us-east-1's coordinator knows who the writer is")
    code, output, error = rejoin(lab, EAST, "--dry-run", "--json")
    plan = json.loads(output) if code == 0 else {}
    suite.expect(plan.get("method") == "either" and not plan.get("would_run"), "rejoin --dry-run: the server is down, either way", output + error)
    code, output, _ = rejoin(lab, EAST, "--reason", "home", "--yes", "--json")
    suite.expect(code == 3 and json.loads(output)["error"]["code"] == "not_listed",
                 "rejoin: refused, exit code 3, as nobody knows what would be lost", output)
    code, output, error = rejoin(lab, EAST, "--reason", "home", "--yes", "--without-list")
    print("      " + output.strip().replace("\n", "\n      "))
    suite.expect(code == 0, "rejoin --without-list: done, exit code 0", output + error)
    suite.expect(lab.databases[EAST].is_standby() and len(lab.databases[WEST].streaming()) == 1, "it is a standby that streams")
    suite.expect("without a replication slot" in output and "permission denied" in output and slots(lab) == {},
                 "the slot could not be made, so it does without one, and says why", output)
    data = lab.databases[EAST].data
    suite.expect((data.parent / (data.name + ".before-rejoin-1") / "PG_VERSION").exists(), "and the old data directory is kept")
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, WEST)


def test_nobody_there(suite, lab):
    """Said at the witness: nobody is there to do it; the node that has it freezes, and then dies."""
    client = e2e.bring_up(lab, change=with_hook(lab))
    lab.kill_region(EAST)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    client.process.end()
    lab.wait_for(lambda: not heard(lab, EAST), 20, "us-east-1's coordinator is not heard")
    code, output, _ = rejoin(lab, WITNESS, "--reason", "nobody is there", "--yes", "--json")
    error = json.loads(output)["error"]
    suite.expect(code == 3 and error["code"] == "no_coordinator" and e2e.NAMES[EAST] in error["todo"],
                 "with nobody there: refused, exit code 3, and on which node to say it", output)
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: heard(lab, EAST) and peer_of(lab, EAST)["out"] == "up", 20, "it is back, and can be reached")
    answers = []
    lab.coordinators[EAST].send(signal.SIGSTOP)
    asking = threading.Thread(target=lambda: answers.append(rejoin(lab, WITNESS, "--reason", "it dies", "--yes", "--without-list",
                                                                   "--json")))
    asking.start()
    time.sleep(0.7)
    lab.coordinators[EAST].kill()
    asking.join(30)
    code, output, error = answers[0]
    said = json.loads(output)["error"]
    suite.expect(code == 5 and said["code"] == "no_answer" and "not known whether the rejoin has begun" in said["text"]
                 and e2e.NAMES[EAST] in said["todo"], "the node that it went to dies: not known, exit code 5, and where to look", output)


def peer_of(lab, region, at=WITNESS):
    """As that coordinator is seen at another."""
    return next(peer for peer in e2e.node_status(lab, at)["peers"] if peer["node"] == e2e.NAMES[region])


def heard(lab, region, at=WITNESS):
    return peer_of(lab, region, at)["heard_ms"] < 2000


def with_data_directory(lab):
    def change(content):
        with_hook(lab)(content)
        content["services"][SERVICE]["hooks"]["rejoin"].append(str(lab.databases[EAST].data))
    return change


if __name__ == "__main__":
    e2e.main("return", [
        ("lost with writes in flight, back, listed, rejoined", test_return, 150,
         e2e.brisk(lease="6s")),    # time to write behind the cut
        ("back without its server: a new copy, no slot", test_copy, 120, e2e.brisk()),
        ("said elsewhere, and nobody is there, or dies", test_nobody_there, 100, e2e.brisk()),
    ])
