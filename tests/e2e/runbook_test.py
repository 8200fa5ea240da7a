#!/usr/bin/env python3
"""The runbook of an operation: shown before it begins, ticked by people at any node while it runs and afterwards,
checked by failoverd where it can, and never in the way.

    runbook_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import re

import e2e
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS, labs

REASON = "said in the channel, with é"
UNKNOWN = "0" * 16
BOOK = [
    {"id": "tell-team", "when": "before", "text": "The team knows."},
    {"id": "gates", "when": "before", "text": "Every gate is open.", "check": "gates_open"},
    {"id": "streaming", "when": "before", "text": "The target streams.", "check": "target_streaming"},
    {"id": "recorded", "when": "before", "text": "Orders are recorded.", "check": "audit"},
    {"id": "status-page", "when": "during", "text": "The status page tells users."},
    {"id": "only-failover", "when": "during", "text": "Not for this one.", "kinds": ["failover"]},
    {"id": "fenced", "when": "during", "text": "The old primary is fenced.", "check": "old_primary_fenced"},
    {"id": "try-it", "when": "after", "text": "An order was placed."},
    {"id": "writes", "when": "after", "text": "Writes work.", "check": "writes_work"},
    {"id": "healthy", "when": "after", "text": "The region is healthy.", "check": "writer_healthy"},
    {"id": "dns", "when": "after", "text": "DNS is in force.", "check": "dns_in_force"},
    {"id": "endpoints", "when": "after", "text": "The service answers.", "check": "endpoints_verified"},
    {"id": "standby", "when": "after", "text": "A standby follows.", "check": "standby_follows"},
]


def with_book(content):
    content["services"][SERVICE]["runbook"] = BOOK


def shown(lab, region, operation):
    """The checklist as that node's operation show has it: {id: item}, and the whole."""
    code, output, _ = lab.failoverctl(region, "operation", "show", operation, "--json")
    book = (json.loads(output) if code == 0 else {}).get("runbook") or {}
    return {item["id"]: item for item in book.get("list", [])}, book


def tick(lab, region, operation, item, *more):
    return e2e.order(lab, region, "operation", "tick", operation, item, *more)


def before_it_begins(suite, lab):
    would = lambda: lab.failoverctl(WEST, "switchover", SERVICE, "--to", WEST, "--dry-run")
    lab.wait_for(lambda: would()[0] == 0, 30, "a switchover would begin")
    code, output, _ = would()
    suite.expect(code == 0 and re.search(r"\[ \] +before +tell-team", output) and re.search(r"\[x\] +before +gates", output)
                 and "Nothing waits for an open item" in output and "status-page" not in output,
                 "a dry run shows what is for before: by a person, checked by failoverd; and that nothing waits for it", output)
    plan = json.loads(lab.failoverctl(WEST, "plan", "switchover", SERVICE, "--json")[1])
    items = {item["id"]: item for item in plan["runbook"]["list"]}
    suite.expect(items["streaming"]["answer"] == "yes" and "us-west-2 streams" in items["streaming"]["evidence"]
                 and items["streaming"]["age_ms"] is not None and items["tell-team"]["state"] == "open",
                 f"plan --json has evidence and age: {items['streaming']['evidence']}", plan["runbook"])
    code, output = tick(lab, WEST, UNKNOWN, "tell-team")
    suite.expect(code == 2 and "no such operation" in output, "a tick of no operation: exit code 2", output)


def refused(suite, lab, operation):
    code, output = tick(lab, EAST, operation, "weather")
    suite.expect(code == 2 and "has no item weather" in output and "tell-team, status-page, try-it" in output,
                 "an item that is not there: exit code 2, and those that are", output)
    code, output = tick(lab, EAST, operation, "only-failover")
    suite.expect(code == 2 and "switchover" in output, "an item of another kind of operation: exit code 2", output)
    code, output = tick(lab, EAST, operation, "fenced")
    suite.expect(code == 2 and "failoverd itself checks" in output, "an item that failoverd checks: exit code 2", output)
    code, output = tick(lab, EAST, operation, "tell-team")
    suite.expect(code == 3 and "ticked already" in output, "what is ticked already: exit code 3", output)
    code, output = tick(lab, EAST, "nonsense", "tell-team")
    suite.expect(code == 2 and "16 hexadecimal digits" in output, "an id that is none: exit code 2", output)


def test_runbook(suite, lab):
    e2e.bring_up(lab, change=with_book)
    before_it_begins(suite, lab)
    code, output = e2e.order(lab, WEST, "switchover", SERVICE, "--to", WEST, "--reason", "a move", "--yes", "--no-wait")
    operation = re.search(r"failoverctl wait ([0-9a-f]{16})", output).group(1)
    code, output = tick(lab, WITNESS, operation, "tell-team", "--reason", REASON)
    suite.expect(code == 0 and "every node shows it" in output, "ticked at a node that does not carry it out: exit code 0", output)
    lab.wait_for(lambda: all(shown(lab, r, operation)[0].get("tell-team", {}).get("ticked") for r in lab.regions), 20,
                 "every node shows the tick")
    refused(suite, lab, operation)
    code, output = e2e.order(lab, EAST, "wait", operation)
    suite.expect(code == 0, "the switchover goes on to its end whatever is open", output)
    lab.wait_for(lambda: all(shown(lab, r, operation)[1].get("state") == "done" for r in lab.regions), 20, "every node knows that it is over")
    items, book = shown(lab, WEST, operation)
    suite.expect(items["gates"]["state"] == "past" and "only-failover" not in items and items["status-page"]["state"] == "open",
                 f"afterwards: {book['text']}", book)
    lab.wait_for(lambda: all(shown(lab, WEST, operation)[0][i]["answer"] == "yes" for i in ("fenced", "writes", "healthy", "dns", "endpoints")),
                 30, "failoverd's own answers are yes")
    standby = shown(lab, WEST, operation)[0]["standby"]
    suite.expect(standby["state"] == "open" and standby["answer"] != "yes" and standby["evidence"],
                 f"no standby yet, and it says so: {standby['evidence']}", standby)
    code, output = e2e.order(lab, EAST, "status")
    suite.expect(re.search(rf"3 of 12 runbook items open, 2 for a person: failoverctl operation show {operation}", output),
                 "status says in one line what is open", output)
    outlives_restarts(suite, lab, operation)
    for item in ("status-page", "try-it"):
        code, output = tick(lab, EAST, operation, item, "--json")
        suite.expect(code == 0 and json.loads(output)["operation"] == operation, f"{item} is ticked afterwards", output)
    lab.wait_for(lambda: all(shown(lab, r, operation)[1].get("open") == 1 for r in lab.regions), 20, "nothing waits for a person")
    on_record(suite, lab, operation)
    other_settings(suite, lab, operation)


def restart(lab, region, *words):
    old = lab.coordinators[region]
    old.expected_end = True
    old.end()
    if words:
        lab.coordinators[region] = lab.spawn(region, NAMES[region], [labs.BUILD / "failoverd", *words])
    else:
        lab.start_coordinator(region)


def outlives_restarts(suite, lab, operation):
    restart(lab, EAST)
    lab.wait_for(lambda: shown(lab, EAST, operation)[0].get("tell-team", {}).get("ticked"), 30, "the tick after a restart")
    book = shown(lab, EAST, operation)[1]
    suite.expect(book["kind"] == "switchover", "after a restart the tick is there, and what kind of operation it was", book)


def on_record(suite, lab, operation):
    trail = lab.node_folder(WITNESS) / "state" / "audit.jsonl"
    path = json.loads((lab.node_folder(WITNESS) / "node.json").read_text()).get("audit", trail)
    asked = [json.loads(line) for line in open(path, encoding="utf-8") if '"operation tick"' in line]
    suite.expect([(line["event"], line.get("outcome"), line["reason"]) for line in asked] ==
                 [("order_asked", None, REASON), ("order_answered", "accepted", REASON)]
                 and asked[0]["arguments"]["item"] == "tell-team" and asked[0]["arguments"]["operation"] == operation,
                 "the audit trail of the node that was told has who, which item, why, and what came of it", asked)
    taken = e2e.events(lab, "order_taken", [WITNESS], order="operation_tick")
    suite.expect(taken and "tick an item" in taken[-1]["text"] and "none" not in taken[-1]["text"], "the journal says what was ordered", taken)
    suite.expect(len(taken) == 1 and taken[0]["operation"] == operation and taken[0]["detail"] == asked[0]["user"],
                 "and the journal, too", taken)
    checked = {line["item"]: line["answer"] for line in e2e.events(lab, "runbook_checked", [WEST])}
    suite.expect(checked == {"gates": "yes", "streaming": "yes", "recorded": "yes"}, "the journal has how the items for before stood", checked)
    code, output = e2e.order(lab, WITNESS, "audit", "show", path)
    suite.expect(f"operation tick {operation} tell-team" in output, "audit show names operation and item", output)
    told = json.loads(e2e.order(lab, WITNESS, "history", "--json")[1])["operations"][0]
    suite.expect(told["id"] == operation and told["why"] != REASON, "the history does not take a tick for what began the operation", told)


def other_settings(suite, lab, operation):
    """One node gets another runbook: the others say that marks may be another item's."""
    content = json.loads(lab.cluster_path.read_text())
    content["services"][SERVICE]["runbook"] = list(reversed(BOOK))
    other = e2e.cluster_files.write(lab.folder / "other.json", content)
    restart(lab, WITNESS, "--cluster", other, "--node", lab.node_folder(WITNESS) / "node.json")
    lab.wait_for(lambda: NAMES[WITNESS] in (shown(lab, WEST, operation)[1].get("differs") or ""), 30, "another runbook is noticed")
    code, output = e2e.order(lab, WEST, "operation", "show", operation)
    suite.expect(code == 0 and "marks given there may show at other items here" in output, "operation show says so", output)


if __name__ == "__main__":
    e2e.main("runbook", [("shown, ticked, checked, on record", test_runbook, 120, e2e.brisk(heartbeat="400ms", renew_every="400ms"))])
