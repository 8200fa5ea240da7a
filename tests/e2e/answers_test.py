#!/usr/bin/python3
"""The schema of failoverctl's answers: every command that knows --json has one, wrong answers are refused by it, and
the documents that failoverctl makes without a daemon hold. What a daemon answers is held against it in every test on
the lab (answers.py). No lab.
"""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema

import answers

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FAILOVERCTL", str(ROOT / "build" / "failoverctl"))
WITHOUT = {"help"}              # prints text, whatever it is told
TIMEOUT_S = 30
GATE = {"name": "fence", "open": True, "known": True, "skipped": False, "value": 2, "limit": 1, "unit": "proof", "value_text": "lapsed",
        "limit_text": "released", "observer": "usw2-a", "age_ms": 70, "text": "it is"}
LOSS = {"known": True, "bytes": 0, "seconds": 0.0, "age_seconds": 0.7}
DRY = {"service": "shop", "kind": "failover", "from": "us-east-1", "to": "us-west-2", "would_run": True, "text": "it would begin",
       "gates": [GATE], "shut": [], "skipped": [], "loss": LOSS, "lag": LOSS,
       "steps": [{"number": 1, "name": "begin", "irreversible": False, "way_back": True, "text": "...", "took_ms": None, "runs": 0}],
       "estimate": {"total_ms": None, "until_open_ms": None, "seen_total_ms": 3300.0, "seen_runs": 4}, "no_way_back": {"step": "grant", "text": "..."}, "afterwards": "...",
       "proposal": None, "runbook": None, "command": None, "todo": None}
ORDERED = {"ok": True, "operation": "00c0ffee00c0ffee", "service": "shop", "outcome": "done", "status": None, "why": None}
MAY_WRITE = {"may_write": True, "reason": "leased", "service": "shop", "node": "use1-a", "final": True, "writer": "us-east-1",
             "epoch": 7, "text": "it may"}
REJOIN = {"service": "shop", "region": "us-east-1", "node": "use1-a", "writer": "us-west-2", "verdict": "run", "answer": "rewind", "text": "...", "todo": "",
          "method": "pg_rewind", "data_directory": "/data", "source": "host=x", "commands": ["pg_rewind ..."], "hook": None,
          "lost_writes_kept": True, "would_run": False}
REJOINED = {"ok": True, "run": "00c0ffee00c0ffee", "outcome": "done", "text": "it streams", "rejoin": None}
ITEM = {"id": "told", "when": "before", "text": "...", "by": "person", "check": None, "ticked": False, "answer": None, "evidence": "",
        "age_ms": None, "state": "open"}
RUNBOOK = {"operation": None, "kind": "failback", "state": "not_begun", "open": 1, "items": 1, "text": "...", "differs": None, "list": [ITEM]}
PROPOSAL = {"id": "00c0ffee00c0ffee", "state": "waits", "kind": "failover", "from": "us-east-1", "to": "us-west-2", "proposer": "usw2-a",
            "made": "2026-11-22T02:30:00.000Z", "waited_ms": 7, "left_ms": 60000, "on_no_answer": "nothing", "answered_by": None,
            "answered_at": None, "reason": None, "text": "..."}
PROPOSED = {"operation": "00c0ffee00c0ffee", "service": "shop", "state": "proposed", "proposal": PROPOSAL}
SCHEDULED = {"operation": "00c0ffee00c0ffee", "service": "shop", "state": "scheduled",
             "scheduled": {"id": "00c0ffee00c0ffee", "kind": "switchover", "from": "us-east-1", "to": "us-west-2", "skipped_gates": [],
                           "due": "2026-11-22T02:30:00.000Z", "left_ms": 60000, "said": None}}
FAILBACK = {**DRY, "kind": "failback", "runbook": RUNBOOK, "proposal": PROPOSAL, "chosen": False, "operation": "failback",
            "failback": {"home": "us-east-1", "rejoin": {"ready": True, "text": "...", "node": "use1-a", "command": None},
                         "switchover_ready": True,
                         "traffic": {"stages": [10, 50, 100], "hold_ms": 300000, "weighted": True, "text": "..."}}}
TAKEN = {"answer": "accepted", "text": "...", "todo": ""}
TAKEN_FOR = {**TAKEN, "operation": "00c0ffee00c0ffee"}
SIDE = {"region": "us-west-2", "marked": True, "fence": "open", "primary": True, "timeline": 2, "lsn": "0/3000060", "seen_ms_ago": 40,
        "beyond_bytes": 8192}
MARK = {"id": "00c0ffee00c0ffee", "state": "stands", "region": "us-west-2", "node": "usw2-a", "own": True, "at": "2026-11-22T02:30:00.000Z",
        "by": "root", "reason": "...", "old_is_dead": "...", "known_writer": "us-east-1", "known_epoch": 7, "known_version": 9,
        "fork_timeline": 1, "fork_lsn": "0/3000060", "gives_way_to": None, "sides": [SIDE], "text": "...", "todo": "...",
        "obstacle": None}
GLASS = {"marks": [MARK], "open_by_mark": True, "durable": True, "detail": "", "records_by_hand": ["db.example.com. A 60 10.0.0.1"]}
GLASS_OPENED = {"ok": True, "mark": "00c0ffee00c0ffee", "open": True, "break_glass": GLASS}
VOTERS = {"version": 3, "voters": [{"node": "use1-a", "region": "us-east-1", "voting": False, "heard": False, "store": None, "why": "not heard",
                                    "todo": "..."}],
          "needed": 2, "quorum": True, "change": {"kind": "replace", "node": "use1-a", "waits_for": "..."}}
VOTERS_BEGIN = {**TAKEN, "version": 3}
REFUSED = {"ok": False, "error": {"code": "gate", "text": "refused", "todo": "do this", "exit": 3, "gate": "fence", "value": 0, "limit": 1,
                                  "unit": "proof"}}
TO_ALL = {"ok": False, "services": [{"ok": True, "service": "shop", "result": TAKEN}, {**REFUSED, "service": "till"}]}


def commands():
    """Their names, as the help lists them."""
    text = subprocess.run([COMMAND, "help"], capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
    part = text[text.index("commands:"):text.index("\noptions:")]
    return re.findall(r"^  ([a-z-]+(?: (?:adopt|show|verify|test|list|[a-z]+(?= (?:ID|NODE))))?)", part, re.MULTILINE)


class Answers(unittest.TestCase):
    def setUp(self):
        self.checker = answers.Checker()

    def fault(self, command, document):
        return self.checker.fault(command, json.dumps(document))

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(answers.load())

    def test_every_command_has_one(self):
        schema, names = answers.load(), commands()
        self.assertGreater(len(names), 14)
        for name in names:
            if name not in WITHOUT:
                self.assertIn(name.replace(" ", "-"), schema["$defs"], f"{name} has no definition in {answers.SCHEMA.name}")
                self.assertIn({"$ref": f"#/$defs/{name.replace(' ', '-')}"}, schema["anyOf"])

    def test_every_definition_is_used(self):
        text = answers.SCHEMA.read_text()
        for name in answers.load()["$defs"]:
            self.assertIn(f'"#/$defs/{name}"', text)

    def test_good_ones_pass(self):
        for command, document in (("failover", DRY), ("switchover", DRY), ("failover", ORDERED), ("wait", ORDERED), ("dns-adopt", ORDERED),
                                  ("may-write", MAY_WRITE), ("status", REFUSED), ("probe", REFUSED),
                                  ("rejoin", REJOIN), ("rejoin", REJOINED), ("failback", FAILBACK), ("failback", ORDERED),
                                  ("switchover", TAKEN_FOR), ("reconcile", ORDERED), ("operation-show", ORDERED),
                                  ("voter-add", VOTERS), ("voter-remove", VOTERS_BEGIN), ("resume", TO_ALL)):
            self.assertIsNone(self.fault(command, document), command)

    def test_wrong_ones_are_refused(self):
        """Each key missing, misspelt, of another type; one too many; another command's."""
        for command, document in (("plan", {**DRY, "chosen": False, "operation": "failover"}), ("may-write", MAY_WRITE), ("wait", ORDERED),
                                  ("status", REFUSED), ("rejoin", REJOIN), ("rejoin", REJOINED), ("failback", FAILBACK),
                                  ("operation-show", PROPOSED), ("operation-show", SCHEDULED), ("pause", TAKEN), ("pause", TO_ALL), ("approve", TAKEN_FOR),
                                  ("reconcile", MARK), ("reconcile", TAKEN_FOR), ("failover", GLASS), ("failover", GLASS_OPENED),
                                  ("voter-list", VOTERS), ("voter-replace", VOTERS), ("voter-replace", VOTERS_BEGIN)):
            self.assertIsNone(self.fault(command, document))
            for trail in list(places(document)):
                for change in (missing, misspelt, other_type):
                    wrong = change(copy.deepcopy(document), trail)
                    optional = "error" in trail and trail[-1] in ("gate", "value", "limit", "unit") and change is missing
                    if wrong is not None and not optional:
                        self.assertIsNotNone(self.fault(command, wrong), (command, trail, change.__name__))
            self.assertIsNotNone(self.fault(command, {**document, "more": 1}))
        self.assertIsNotNone(self.fault("status", DRY))
        self.assertIsNotNone(self.fault("pause", TAKEN_FOR))
        self.assertIsNotNone(self.fault("operation-tick", TAKEN))
        self.assertIsNotNone(self.fault("probe", MAY_WRITE))
        for odd in ([], 7, "x", None, {}):
            for command in answers.load()["$defs"]:
                if command not in ("name", "id", "time", "token", "hash", "lsn"):
                    self.assertIsNotNone(self.fault(command, odd), (command, odd))
        self.assertEqual(self.fault("rejoin", {**REJOIN, "method": "by hand"}).split(":")[0], "$.method")
        self.assertIn("no JSON", self.checker.fault("status", "{"))

    def test_the_checker_tells_what_it_saw(self):
        self.checker.take(["wait", "00c0ffee00c0ffee", "--json"], json.dumps({**ORDERED, "outcome": "lost"}))
        self.checker.take(["--json", "dns", "adopt", "shop"], json.dumps(ORDERED))
        self.checker.take(["operation", "show", "00c0ffee00c0ffee", "--json"], json.dumps(ORDERED))
        self.checker.take(["status"], "no JSON was asked for")
        self.assertEqual([fault.split(":")[0] for fault in self.checker.faults], ["wait"])
        self.assertEqual(self.checker.counts, {"wait": 1, "dns-adopt": 1, "operation-show": 1})

    def test_what_failoverctl_makes_itself(self):
        with tempfile.TemporaryDirectory(prefix="failoverd-answers-") as folder:
            bad = pathlib.Path(folder) / "cluster.json"
            bad.write_text('{"cluster": 7}')
            for code, *words in ((5, "status"), (5, "probe", "shop", "health"), (8, "may-write", "shop"), (5, "rejoin", "shop", "--dry-run"),
                                 (5, "failover", "shop", "--to", "us-west-2", "--dry-run"), (5, "wait", "00c0ffee00c0ffee"),
                                 (5, "operation", "show", "00c0ffee00c0ffee"), (5, "events"), (2, "audit", "verify", folder + "/nothing"),
                                 (2, "audit", "show", folder + "/nothing"),
                                 (0, "check-config", "--cluster", str(ROOT / "etc" / "cluster.sample.json")),
                                 (1, "check-config", "--cluster", str(bad))):
                done = subprocess.run([COMMAND, "--socket", folder + "/sock", *words, "--json"], capture_output=True, text=True,
                                      timeout=TIMEOUT_S, check=False)
                self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
                self.assertTrue(done.stdout, words)
                self.checker.take([*words, "--json"], done.stdout)
        self.assertEqual(self.checker.faults, {})
        self.assertEqual(sum(self.checker.counts.values()), 12)

    def test_a_wrong_command_line_is_told_as_any_refusal(self):
        """One line on stdout and nothing beside it, wherever --json stands; without it words on stderr."""
        for words, what in (([], "what is to be done?"), (["stauts"], "there is no such command: stauts"),
                            (["operation"], "a second word is missing after: operation"), (["mars\n"], "there is no such command: mars"),
                            (["help", "mars"], "there is no such command: mars"), (["--bad", "status"], "there is no option --bad"),
                            (["status", "--timeout", "0"], "--timeout 0: the value is wrong"), (["status", "-x"], "there is no option -x"),
                            (["status", "--wait", "5s"], "status takes no --wait"), (["voter", "list", "mars"], "too many words: mars"),
                            (["failover", "shop"], "failover needs --to REGION"), (["status", "--interval", "5s"], "--interval belongs to"),
                            (["pause", "shop", "--for", "8d", "--reason", "x"], "--for 8d: the value is wrong"),
                            (["pause", "shop", "--all", "--reason", "x"], "--all means every service"),
                            (["check-config"], "check-config needs"), (["audit", "verify", "--expect", "x"], "--expect takes a hash")):
            for line in ([*words, "--json"], ["--json", *words]):
                done = subprocess.run([COMMAND, *line], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
                self.assertEqual((done.returncode, done.stderr), (2, ""), line)
                self.assertIsNone(self.checker.fault("error", done.stdout), line)
                error = json.loads(done.stdout)["error"]
                self.assertEqual((error["code"], error["exit"], done.stdout.count("\n")), ("usage", 2, 1), line)
                self.assertTrue(error["text"].startswith(what), (line, error))
                self.assertNotIn("\n", error["text"] + error["todo"], line)
            done = subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertTrue(done.stderr.startswith("failoverctl: " + what), (words, done.stderr))

    def test_a_confirmation_that_nobody_can_give_is_told_as_any_refusal(self):
        words = [COMMAND, "approve", "00c0ffee00c0ffee", "--json"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
                              stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        self.assertIsNone(self.checker.fault("approve", done.stdout))
        self.assertEqual(json.loads(done.stdout)["error"]["code"], "not_confirmed")


def places(value, trail=()):
    """The trail to every member of every object."""
    named = isinstance(value, dict)
    for name, member in value.items() if named else enumerate(value) if isinstance(value, list) else ():
        if named:
            yield (*trail, name)
        yield from places(member, (*trail, name))


def holder(document, trail):
    for step in trail[:-1]:
        document = document[step]
    return document


def missing(document, trail):
    del holder(document, trail)[trail[-1]]
    return document


def misspelt(document, trail):
    inner = holder(document, trail)
    inner[f"{trail[-1]}_"] = inner.pop(trail[-1])
    return document


def other_type(document, trail):
    inner = holder(document, trail)
    inner[trail[-1]] = [7] if not isinstance(inner[trail[-1]], list) else 7
    return document


def main():
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]))
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 0 if bad == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
