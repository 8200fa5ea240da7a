#!/usr/bin/python3
"""People are told: a failover over every kind of channel, once each and in order; receivers that fail, hang or refuse;
the next level is called until somebody takes care; secrets stay secret."""
import json
import os
import sys
import time

import e2e
import lab as labs
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS

PORT = 4590
SECRET = "n0t1fy5ecret"
LEVEL_1_S, LEVEL_2_S = 3, 9
STUCK_AFTER_S = 3
FAILOVER = ["begin", "step/grant", "step/promote", "step/open", "stuck/cut_over"]
TOLD = ("tickets", "chat", "duty", "pager")


class Told:
    """The receiver, the program's file, and what came over each channel."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = lab.folder / "notify"
        self.folder.mkdir()
        self.pager_file = self.folder / "pager.jsonl"
        self.address = f"{lab.network.address['internet']}:{PORT}"
        for name in ("tickets", "chat", "hung", "boss", "owner"):
            self.secret(name, f"http://{self.address}/{name}/{SECRET}")
        self.secret("duty", SECRET)

    def secret(self, name, text):
        handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")

    def start(self):
        process = self.lab.spawn("internet", "receiver", [
            sys.executable, labs.REPOSITORY / "tests/e2e/notify_receiver.py", "--listen", self.address, "--folder", self.folder])
        self.lab.wait_for(lambda: process.tail() == ["ready"], 10, "the receiver is ready")

    def answer(self, **statuses):
        """Of channels by name, from now on."""
        fresh = self.folder / "orders.new"
        fresh.write_text(json.dumps({self.path(name): order for name, order in statuses.items()}))
        fresh.rename(self.folder / "orders.json")

    def path(self, name):
        return "/v2/enqueue" if name == "duty" else f"/{name}/{SECRET}"

    def configure(self, cluster):
        file = lambda name: str(self.folder / name)
        cluster["notify"] = {
            "channels": {
                "tickets": {"kind": "json", "url_file": file("tickets")},
                "chat": {"kind": "slack", "url_file": file("chat"), "template": "{incident} {event} {service}: {text} | {todo}"},
                "duty": {"kind": "pagerduty", "routing_key_file": file("duty"), "endpoint": f"http://{self.address}/v2/enqueue"},
                "pager": {"kind": "exec", "program": ["/bin/sh", "-c", 'cat >> "$0"; echo >> "$0"', str(self.pager_file)]},
                "hung": {"kind": "json", "url_file": file("hung"), "deadline": "2s"},
                "boss": {"kind": "json", "url_file": file("boss"), "level": 1},
                "owner": {"kind": "json", "url_file": file("owner"), "level": 2},
            },
            "escalation": {"level_1": f"{LEVEL_1_S}s", "level_2": f"{LEVEL_2_S}s", "level_3": "1h"},
        }
        cluster["services"][SERVICE]["step_deadline"]["dns"] = f"{STUCK_AFTER_S}s"

    def taken(self, name):
        """The bodies that the channel's receiver answered with 200, in order."""
        if name == "pager":
            return labs.read_json_lines(self.pager_file)
        lines = labs.read_json_lines(self.folder / "received.jsonl")
        return [line["body"] for line in lines if line["path"] == self.path(name) and line["status"] == 200]

    def events(self, name, incident):
        """Of one incident, as "step/grant"."""
        return [event_of(name, body) for body in self.taken(name) if incident_of(name, body) == incident]


def details(name, body):
    return body.get("payload", {}).get("custom_details", {}) if name == "duty" else body


def incident_of(name, body):
    if name == "chat":
        return body["text"].split()[0]
    return body["dedup_key"].rpartition("/")[2] if name == "duty" else body["incident"]


def event_of(name, body):
    if name == "chat":
        return body["text"].split()[1]
    if name == "duty" and body["event_action"] != "trigger":
        return body["event_action"]
    known = details(name, body)
    return known["event"] + (f"/{known['step']}" if known["step"] else "")


def expected(name, events):
    """Chat's template names no step; PagerDuty knows what becomes of an incident, not our words for it."""
    if name == "chat":
        return [event.partition("/")[0] for event in events]
    if name == "duty":
        return [{"acknowledged": "acknowledge", "done": "resolve"}.get(event, event) for event in events]
    return events


def failover_begins(suite, lab, told):
    """The primary's region is lost while Route 53 refuses changes, so the failover sticks there. Returns its id."""
    told.answer(tickets=[500, 500, 200], hung=[-1])
    lab.emulator_control("/faults", {"throttle_next": 100000})
    lab.kill_region(EAST)
    begun = lab.wait_for(lambda: e2e.events(lab, "operation_begun", [WEST]), 30, "a failover begins")
    incident = begun[-1]["operation"]
    for name in TOLD:
        wanted = expected(name, FAILOVER)
        lab.wait_for(lambda: len(told.events(name, incident)) >= len(wanted), 20, f"{name} is told that the failover is stuck")
        suite.expect(told.events(name, incident) == wanted, f"{name} is told of each step, once and in order",
                     told.events(name, incident))
    return incident


def suspicion_once(suite, told):
    for name in ("tickets", "duty", "pager"):
        seen = [details(name, b) for b in told.taken(name) if event_of(name, b) == "suspicion" and details(name, b)["region"] == EAST]
        suite.expect(len(seen) == 1, f"one of the two nodes left tells {name} that {EAST} is suspected", seen)


def open_incident(lab, region, incident):
    _, output, _ = lab.failoverctl(region, "incidents", "--json")
    return next((i for i in json.loads(output).get("incidents", []) if i["id"] == incident), {})


def escalation(suite, lab, told, incident):
    lab.wait_for(lambda: told.events("boss", incident), LEVEL_1_S + 10, "the next level is called")
    suite.expect(told.events("boss", incident) == ["stuck/cut_over"], "of the stuck operation, and of nothing before",
                 told.events("boss", incident))
    code, output, error = lab.failoverctl(WITNESS, "ack", "0123456789abcdef", "--reason", "typo")
    suite.expect(code == 1 and incident in error and "Every node is told" in error,
                 "ack of an incident that is not open there: exit code 1, what it means, and the open ones are named", error)
    code, output, error = lab.failoverctl(WITNESS, "ack", incident, "--reason", "on it")
    suite.expect(code == 0 and "takes care" in output, "ack at another node than the one that tells: exit code 0", output + error)
    acknowledged = time.monotonic()
    for name in (*TOLD, "boss"):
        lab.wait_for(lambda: told.events(name, incident)[-1] in ("acknowledged", "acknowledge"), 10, f"{name} is told that somebody takes care")
    mine, asked = open_incident(lab, WEST, incident), open_incident(lab, WITNESS, incident)
    suite.expect(mine.get("acknowledged_by") == "root" and mine.get("level") == 1 and mine.get("needs_person") and mine.get("told"),
                 "incidents says where it was told who takes care and which level it got to", mine)
    suite.expect(asked.get("acknowledged_by") == "root" and not asked.get("told"),
                 "and where that was said, though nothing was told from there", asked)
    audit = labs.read_json_lines(lab.journal_path(WITNESS).with_name("audit.jsonl"))
    suite.expect([line.get("outcome") for line in audit if line.get("command") == "ack" and line["event"] == "order_answered"] ==
                 ["no_incident", "done"], "both are in the audit trail", audit)
    time.sleep(max(0, LEVEL_2_S + 2 - (time.monotonic() - acknowledged)))
    suite.expect(not told.events("owner", incident), "from then on nobody else is called", told.events("owner", incident))


def what_hangs_harms_nothing(suite, lab):
    channels = {c["name"]: c for c in e2e.node_status(lab, WEST)["notify"]["channels"]}
    warnings = [w for w in e2e.node_status(lab, WEST)["warnings"] if w["code"] == "notification_failing"]
    suite.expect(channels["hung"]["failing"] and channels["hung"]["delivered"] == 0, "the channel that hangs is shown as failing",
                 channels["hung"])
    suite.expect([("hung" in w["text"]) for w in warnings] == [True], "and is among the warnings", warnings)
    stall = e2e.node_status(lab, WEST)["loops"]["control_stall_ms"]
    suite.expect(stall < 1000, f"the control loop waited for nobody (longest stall {stall} ms)")


def tests_of_channels(suite, lab, told):
    code, output, error = lab.failoverctl(WITNESS, "notify", "test", "chat", timeout_s=15)
    suite.expect(code == 0 and "HTTP status 200" in output, "notify test: exit code 0 and the status", output + error)
    suite.expect("test" in told.taken("chat")[-1]["text"], "and it arrived", told.taken("chat")[-1])
    code, output, error = lab.failoverctl(WITNESS, "notify", "test", "hung", timeout_s=15)
    suite.expect(code == 1 and "no response in time" in error, "over the one that hangs: exit code 1, and why", output + error)
    code, output, error = lab.failoverctl(WITNESS, "notify", "test", "cat", timeout_s=15)
    suite.expect(code == 2 and "chat" in error, "over none: exit code 2, and the channels are named", output + error)


def secrets_are_nowhere(suite, lab, told):
    mine = {told.folder / name for name in ("tickets", "chat", "hung", "boss", "owner", "duty", "received.jsonl", "orders.json")}
    places = [p for p in lab.folder.rglob("*") if p.is_file() and p not in mine and "data" not in p.parts and
              p.suffix in (".log", ".jsonl", ".json", ".wal", "")]
    found = [str(p) for p in places if SECRET.encode() in p.read_bytes()]
    status = json.dumps(e2e.node_status(lab, WEST))
    suite.expect(not found and SECRET not in status and len(places) > 10,
                 f"no URL and no key in any of {len(places)} logs, journals, trails, nor in status", found)


def test_failover(suite, lab):
    told = Told(lab)
    told.start()
    client = e2e.bring_up(lab, change=told.configure)
    adopted = e2e.awaited_events(lab, "operation_done", [EAST])[0]["operation"]
    lab.wait_for(lambda: "done" in told.events("tickets", adopted), 10, "the adoption of DNS is told")
    suite.expect(told.events("tickets", adopted) == ["begin", "step/cut_over", "done"], "as is what a person ordered",
                 told.events("tickets", adopted))
    incident = failover_begins(suite, lab, told)
    failed = [line for line in labs.read_json_lines(told.folder / "received.jsonl")
              if line["path"] == told.path("tickets") and line["status"] == 500]
    suite.expect(len(failed) == 2, "after tickets had answered 500 twice", [f["body"]["event"] for f in failed])
    suspicion_once(suite, told)
    escalation(suite, lab, told, incident)
    what_hangs_harms_nothing(suite, lab)
    lab.emulator_control("/faults", {"throttle_next": 0})
    e2e.wait_until_done(lab, WEST, 30)
    for name in (*TOLD, "boss"):
        wanted = (FAILOVER if name != "boss" else FAILOVER[-1:]) + ["acknowledged", "step/cut_over", "done"]
        wanted = expected(name, wanted)
        lab.wait_for(lambda: len(told.events(name, incident)) >= len(wanted), 15, f"{name} is told that it is done")
        suite.expect(told.events(name, incident) == wanted, f"{name} heard it from begin to end, each once", told.events(name, incident))
    e2e.wait_for_writes_in(lab, client, WEST, 20)
    who = {details("duty", b).get("node") for b in told.taken("duty") if incident_of("duty", b) == incident and b["event_action"] == "trigger"}
    suite.expect(who == {NAMES[WEST]}, "the node that carried it out told it", who)
    tests_of_channels(suite, lab, told)
    secrets_are_nowhere(suite, lab, told)


def approving(told):
    def change(cluster):
        told.configure(cluster)
        cluster["services"][SERVICE].update(mode="approve", approve_within="5m", on_no_answer="nothing")
    return change


def awaited_proposal(lab, told, besides=()):
    """Its body, as the channel of everything has it."""
    def found():
        bodies = [b for b in told.taken("tickets") if b["event"] == "proposal" and b["incident"] not in besides]
        return bodies and bodies[-1]
    return lab.wait_for(found, 30, "the proposal is told")


def test_proposal(suite, lab):
    """Mode approve: who is called has the id and both commands; a no ends it, a yes goes on as the same incident."""
    told = Told(lab)
    told.start()
    client = e2e.bring_up(lab, change=approving(told))
    lab.kill_region(EAST)
    body = awaited_proposal(lab, told)
    first = body["incident"]
    suite.expect(body["todo"] == f"failoverctl approve {first}, or failoverctl decline {first} --reason TEXT" and
                 body["severity"] == "critical" and body["operation"] == first and body["region"] == WEST, f"it says what to type: {body['todo']}", body)
    suite.expect("say failed" in body["text"] and "does not begin until" in body["text"], f"and why: {body['text']}", body)
    lab.wait_for(lambda: told.events("boss", first), LEVEL_1_S + 10, "nobody answers, so the next level is called")
    code, output, error = lab.failoverctl(WEST, "ack", first)
    suite.expect(code == 0, "somebody takes care", output + error)
    lab.wait_for(lambda: open_incident(lab, WITNESS, first).get("acknowledged_by"), 5, "and the other node knows")
    lab.coordinators[WEST].kill()
    lab.start_coordinator(WEST)
    lab.wait_for(lambda: open_incident(lab, WEST, first).get("acknowledged_by") == "root", 20, "a restarted node hears who takes care")
    code, output, error = lab.failoverctl(WEST, "decline", first, "--reason", "we move the network")
    suite.expect(code == 0, "declined", output + error)
    for name, end in (("tickets", "resolved"), ("chat", "resolved"), ("duty", "resolve"), ("boss", "resolved")):
        lab.wait_for(lambda: told.events(name, first)[-1] == end, 10, f"{name} is told that it is over")
        wanted = expected(name, ["proposal", "acknowledged", end])
        suite.expect(told.events(name, first) == wanted, f"{name} was called, and then told that it is over", told.events(name, first))
    over = [b["text"] for b in told.taken("tickets") if b["incident"] == first][-1]
    suite.expect("declined by root (we move the network)" in over, f"by whom and why: {over}")
    lab.start_region(EAST)
    lab.wait_for(lambda: not e2e.status_of(lab, WEST).get("proposal"), 30, "the region is back")
    e2e.all_well(lab)
    lab.kill_region(EAST)
    second = awaited_proposal(lab, told, {first})["incident"]
    code, output, error = lab.failoverctl(WITNESS, "approve", second, "--reason", "it is gone", "--yes")
    suite.expect(code == 0, "approved at the witness, by the id that was told", output + error)
    lab.wait_for(lambda: "done" in told.events("tickets", second), 40, "what was approved is done")
    seen = told.events("tickets", second)
    suite.expect(seen[0] == "proposal" and seen[1] == "begin" and seen[-1] == "done" and "resolved" not in seen,
                 "one incident from the question to the end", seen)
    client.process.end()


e2e.main("notify", [("a failover over every channel", test_failover, 70, e2e.brisk()),
                    ("a proposal that waits for a person", test_proposal, 100, e2e.brisk())])
