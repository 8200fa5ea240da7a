#!/usr/bin/python3
"""The real failoverctl against a fake daemon: what it prints, how it exits, and that no answer, however
odd, crashes it, fools it or reaches the terminal raw.

The command comes from FAILOVERCTL (build/failoverctl by default). Exit codes: 0 done, 1 failed, 2 usage,
3 refused by a gate, 4 no quorum, 5 unreachable, 6 still running; of may-write 7 no, 8 can't know.
"""
import copy
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FAILOVERCTL", str(ROOT / "build" / "failoverctl"))
TIMEOUT_S = 30
ID = "00000000000000aa"


def verdict(node, word="healthy"):
    return {"observer": node, "observer_region": "r", "voter": True, "present": True, "verdict": word,
            "reason": "checks_pass" if word == "healthy" else "check_failed",
            "text": "every check passes" if word == "healthy" else "health has been failing for 2m: 503",
            "check": None, "detail": "", "age_ms": 240, "standing_ms": 1000}


def gate(name, opened):
    return {"name": name, "open": opened, "known": True, "skipped": False, "value": 0, "limit": 1,
            "unit": "flag", "value_text": "no", "limit_text": "yes", "observer": "usw2-a", "age_ms": 70,
            "text": f"what {name} says"}


def region(name, role, word="healthy"):
    serves = role != "witness"
    return {"name": name, "role": role, "priority": 100, "failed_votes": 0,
            "verdicts": [verdict(n, word) for n in ("euw1-a", "use1-a", "usw2-a")],
            "database": {"role": "primary" if role == "writer" else "standby", "lsn": "0/16B3748",
                         "replayed_lsn": "0/16B3748", "timeline": 1, "age_ms": 700, "observer": "usw2-a",
                         "streaming": None if role == "writer" else True, "frozen": False,
                         "writes": True} if serves else None,
            "lag": {"known": True, "bytes": 2048, "seconds": 0.25, "age_seconds": 0.7}
            if role == "standby" else None,
            "guard": {"node": "use1-a", "ready": True, "kernel": True, "fence": "open",
                      "fence_text": "open", "lease_left_ms": 1400} if serves else None,
            "candidate": role == "standby", "gates_open": False,
            "gates": [gate("majority_failed", False), gate("fence", True)] if role == "standby" else []}


def status(**changes):
    service = {"name": "shop", "mode": "automatic", "state": "ok",
               "headline": "us-east-1 is the writer; all 3 observers see it healthy.",
               "outlook": "Nothing to do.", "ledger_known": True, "writer": "us-east-1", "epoch": 7,
               "version": 15, "ledger_age_ms": 3, "paused": False,
               "quorum": {"have": True, "heard": 3, "needed": 2},
               "lease": {"held_by": "use1-a", "left_ms": 1400, "duration_ms": 2000, "fence": "enforced",
                         "on_quorum_loss": "fence", "clock_error_percent": 10.0},
               "votes": {"region": "us-east-1", "failed": 0, "needed": 2},
               "regions": [region("eu-west-1", "witness"), region("us-east-1", "writer"),
                           region("us-west-2", "standby")],
               "operation": None, "last_operation": None, "dns": None, "checks": [], "warnings": []}
    service.update(changes)
    return {"version": "0.1.0", "cluster": "demo", "node": "use1-a", "region": "us-east-1",
            "time": "2026-11-21T10:17:45.123Z", "up_seconds": 1.0, "voter": True, "voting": True,
            "mute": None, "loops": {}, "store": {}, "journal": None, "certificate": None, "peers": [],
            "warnings": [{"code": "fence_guarded", "service": "shop", "text": "a warning text"}],
            "services": [service]}


def running(step="fence"):
    return status(state="operation", writer=None, operation={
        "id": ID, "kind": "failover", "phase": "begun", "from": "us-east-1", "to": "us-west-2",
        "executor": "usw2-a", "here": True, "step": step, "step_number": 3, "steps": 13, "step_ms": 400,
        "wait_left_ms": 900, "overdue": False, "detail": ""})


def ended(outcome):
    return status(writer="us-west-2", last_operation={"id": ID, "outcome": outcome, "finished": "x"})


DRY = {"service": "shop", "from": "us-east-1", "to": "us-west-2", "would_run": True, "text": "it would begin",
       "gates": [gate("fence", True)], "shut": [], "skipped": [],
       "loss": {"known": True, "bytes": 2048, "seconds": 0.25, "age_seconds": 0.7},
       "steps": [{"number": 1, "name": "begin", "irreversible": False},
                 {"number": 2, "name": "promote", "irreversible": True}]}
SWITCH = {**DRY, "kind": "switchover", "lag": {"known": True, "bytes": 4096, "seconds": 0.5, "age_seconds": 0.7},
          "loss": {"known": True, "bytes": 0, "seconds": 0.0, "age_seconds": 0.0}, "afterwards": "failoverctl rejoin shop",
          "steps": [{"number": 1, "name": "catch_up", "irreversible": False, "text": "the target gets all"}]}
PLAN = {**SWITCH, "kind": "failback", "operation": "switchover", "chosen": True, "todo": "do this first",
        "command": "failoverctl switchover shop --to us-west-2",
        "no_way_back": {"step": "grant", "text": "until step grant it can go back"},
        "estimate": {"total_ms": 3100.0, "until_open_ms": 1500.0},
        "steps": [{"number": 1, "name": "begin", "irreversible": False, "way_back": True, "took_ms": 12.5, "runs": 2,
                   "text": "none"},
                  {"number": 2, "name": "grant", "irreversible": True, "way_back": False, "took_ms": None, "runs": 0,
                   "text": "it"}],
        "failback": {"home": "us-west-2", "switchover_ready": True,
                     "rejoin": {"ready": False, "text": "a primary still", "node": "usw2-a",
                                "command": "failoverctl rejoin shop --dry-run"}}}
EXPLAIN = {"service": "shop", "node": "use1-a", "state": "ok", "mode": "automatic", "writer": "us-east-1", "epoch": 7,
           "paused": False,
           "headline": "us-east-1 is the writer", "begins": False, "why": "No voter says so.",
           "would_act": ["2 of 3 voters would have to say that us-east-1 failed; none does."],
           "votes": {"region": "us-east-1", "voters": 3, "needed": 2, "failed": 0, "missing": 2, "text": "x", "list": [
               {"voter": "use1-a", "region": "us-east-1", "verdict": "healthy", "counts": False, "standing_ms": 61000,
                "age_ms": 240, "voting": True, "heard_ms": 0, "text": "every check passes"},
               {"voter": "usw2-a", "region": "us-west-2", "verdict": None, "counts": False, "standing_ms": None,
                "age_ms": None, "voting": False, "heard_ms": None, "text": "not heard"}]},
           "candidates": [{"region": "us-west-2", "best": True, "gates_open": False, "shut": ["fence"],
                           "gates": [gate("fence", False)],
                           "loss": {"known": False, "bytes": None, "text": "What it would lose is not known, said it."}}],
           "fence": {"kind": "enforced", "text": "enforced: the kernel", "proof": "lapsed",
                     "proof_text": "Proven when it has run out.",
                     "guard": {"node": "use1-a", "ready": True, "fence_text": "open: may write",
                               "heard_ms": 3100}},
           "commits": {"hang": True, "text": "Commits hang.", "reasons": ["3 commits wait"]},
           "warnings": [{"code": "commits_wait", "text": "3 commits wait"},
                        {"code": "paused", "text": "the service is paused"}]}
PROBE = {"service": "shop", "check": "health", "region": "us-east-1", "type": "http", "node": "use1-a",
         "time": "2026-11-21T10:17:45.123Z", "passed": True, "outcome": "ok", "text": "HTTP status 200", "took_ms": 5.1,
         "timeout_ms": 4000, "address": "192.0.2.1", "certificate": {"not_after": "2027-11-21T10:17:45.123Z", "days_left": 365},
         "phases": [{"name": "name_lookup", "text": "name lookup", "ms": None}, {"name": "connect", "text": "connect", "ms": 0.25}],
         "judged": {"name": "health", "region": "us-east-1", "type": "http", "verdict": "healthy", "sampled": True, "last": "ok",
                    "last_age_ms": 300, "latency_ms": 1.2, "failures": 0, "failing_ms": 0, "detail": "", "fall": 3, "rise": 2,
                    "for_ms": 300000, "text": "healthy: its last turn was well 300ms ago"}}
WENT_BACK = {"step": "catch_up", "gate": "loss_within_rpo", "text": "the target did not get all in time"}
HISTORY = {"operations": [{"id": ID, "service": "shop", "kind": "failover", "outcome": "done",
                           "from": "us-east-1", "to": "us-west-2", "automatic": False, "who": "ann",
                           "why": "fire", "begun": "2026-11-21T10:00:00.000Z", "total_ms": 3000.5,
                           "proof": "lapsed", "proof_text": "the lease has run out",
                           "loss": {"known": True, "bytes": 128, "seconds": 0.01, "age_seconds": 1},
                           "aborted": None, "gates": [], "steps": [
                               {"name": "fence", "began": "2026-11-21T10:00:00.100Z", "done": True,
                                "took_ms": 1900.2, "retries": 1, "overdue": False, "detail": "refused"}]}],
           "forgotten": 0}


NOTIFY = {"incidents": [
              {"id": ID, "event": "stuck", "severity": "critical", "service": "shop", "region": "us-west-2",
               "operation": ID, "text": "step cut_over is past its deadline", "since": "2026-11-21T10:00:00.000Z",
               "open_ms": 4000, "needs_person": True, "acknowledged_by": None, "level": 1, "next_level_ms": 900000,
               "told": ["chat"], "told_by_this_node": True},
              {"id": "00000000000000bb", "event": "suspicion", "severity": "error", "service": None, "region": None,
               "operation": None, "text": "us-east-1: 2 say failed", "since": "2026-11-21T10:00:00.000Z",
               "open_ms": 9000, "needs_person": False, "acknowledged_by": "ann", "level": 0, "next_level_ms": None,
               "told": [], "told_by_this_node": False}],
          "channels": [{"name": "chat", "kind": "slack", "level": 0, "delivered": 12, "waiting": 3, "lost": 1,
                        "failing": True, "failing_ms": 61000, "last_ms": 2000, "status": 500, "text": "HTTP status 500"}],
          "dropped": 0}


def good(result):
    return {"id": 1, "ok": True, "result": result}


def refusal(code, number, **more):
    return {"id": 1, "ok": False,
            "error": {"code": code, "text": f"refused: {code}", "todo": "do this next", "exit": number, **more}}


class Daemon:
    """Answers each request with what `answer(request)` gives: an object, or bytes sent as they are."""

    def __init__(self, answer):
        self.folder = tempfile.mkdtemp(prefix="ctl-")
        self.path = os.path.join(self.folder, "sock")
        self.answer = answer
        self.requests = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(64)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection):
        try:
            with connection:
                line = connection.makefile("rb").readline(1 << 20)
                if not line:
                    return
                request = json.loads(line)
                self.requests.append(request)
                reply = self.answer(request)
                if callable(reply):
                    reply(connection)
                else:
                    connection.sendall(reply if isinstance(reply, bytes)
                                       else json.dumps(reply).encode() + b"\n")
        except OSError:
            pass  # the client went away, as some tests want it to

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        shutil.rmtree(self.folder)


def script(**answers):
    """By command; a list is used up one by one, its last answer stays."""
    def answer(request):
        key = request["command"].replace(" ", "_").replace("-", "_")
        if request.get("dry_run"):
            key = "dry_run"
        entry = answers.get(key, refusal("unknown_command", 2))
        if isinstance(entry, list):
            return entry.pop(0) if len(entry) > 1 else entry[0]
        return entry
    return answer


ORDER = ["failover", "shop", "--to", "us-west-2", "--reason", "fire"]
SWITCHOVER = ["switchover", "shop", "--to", "us-west-2", "--reason", "new disks"]
ACCEPTED = good({"answer": "accepted", "operation": ID, "text": "the operation has begun", "todo": ""})


class Ctl(unittest.TestCase):
    def daemon(self, answer):
        daemon = Daemon(answer)
        self.addCleanup(daemon.close)
        return daemon

    def run_ctl(self, path, *arguments, env=None, timeout=15):
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        environment.update(env or {})
        done = subprocess.run([COMMAND, "--socket", path, "--timeout", str(timeout), *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S,
                              env=environment, check=False)
        out, err = done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="surrogateescape")
        self.assertGreaterEqual(done.returncode, 0, f"died of a signal: {err}")
        self.assertLessEqual(done.returncode, 8, err)
        return done.returncode, out, err

    def check(self, answer, arguments, code, *expected):
        daemon = self.daemon(answer)
        status_code, out, err = self.run_ctl(daemon.path, *arguments)
        self.assertEqual(status_code, code, f"{arguments}\n{out}\n{err}")
        for text in expected:
            self.assertIn(text, out + err)
        return daemon, out, err


class Showing(Ctl):
    def test_status_for_people(self):
        _, out, _ = self.check(script(status=good(status())), ["status"], 0, "shop", "us-east-1 is the writer",
                               "enforced", "2 KiB (250ms)", "0/16B3748", "healthy (all 3)", "a warning text")
        self.assertNotIn("\033", out)
        lines = out.splitlines()
        self.assertIn("ok", lines[0])
        self.assertIn("writer us-east-1", lines[0])

    def test_status_when_it_fails_shows_reasons_and_gates(self):
        view = status(state="failing")
        view["services"][0]["regions"][1] = region("us-east-1", "writer", "failed")
        _, out, _ = self.check(script(status=good(view)), ["status"], 0, "health has been failing for 2m: 503",
                               "majority_failed", "SHUT", "what majority_failed says")
        self.assertLess(out.index("failing"), out.index("REGION"))

    def test_status_says_what_a_lost_quorum_would_mean(self):
        loss = {"mode": "fence", "lost": False, "text": "If use1-a lost the quorum: fenced.", "todo": None}
        fence = {"kind": "guarded", "text": "guarded: only a live guard"}
        view = status(quorum_loss=loss, fence=fence)
        _, out, _ = self.check(script(status=good(view)), ["status"], 0, "If use1-a lost the quorum: fenced.")
        self.assertNotIn("only a live guard", out)
        self.check(script(status=good(view)), ["status", "-v"], 0, "The fence is guarded: only a live guard.")
        _, out, _ = self.check(script(status=good(status(quorum_loss={**loss, "lost": True}))), ["status"], 0)
        self.assertNotIn("If use1-a", out)  # the outlook says it then

    def test_status_during_an_operation(self):
        self.check(script(status=good(running())), ["status"], 0, ID, "step fence (3 of 13)", "900ms")

    def test_status_as_json(self):
        daemon, out, _ = self.check(script(status=good(status())), ["--json", "status", "shop"], 0)
        self.assertEqual(json.loads(out), status())
        self.assertEqual(daemon.requests[0]["service"], "shop")

    def test_history(self):
        self.check(script(history=good(HISTORY)), ["history", "shop", "--limit", "5"], 0, ID, "ann", "fire", "fence",
                   "128 B", "the lease has run out", "refused")
        _, out, _ = self.check(script(history=good(HISTORY)), ["history", "--json"], 0)
        self.assertEqual(json.loads(out), HISTORY)
        self.check(script(history=good({"operations": [], "forgotten": 0})), ["history"], 0, "no operation")

    def test_probe(self):
        daemon, out, _ = self.check(script(probe=good(PROBE)), ["probe", "shop", "health", "--region", "us-east-1"], 0, "passed, after 5.10 ms",
                                    "HTTP status 200", "at 192.0.2.1", "ends in 365 days", "0.25 ms", "healthy: its last turn was well")
        self.assertEqual(daemon.requests, [{"id": 1, "command": "probe", "service": "shop", "check": "health", "region": "us-east-1"}])
        self.assertIn("name lookup", out)
        _, out, _ = self.check(script(probe=good(PROBE)), ["--json", "probe", "shop", "health"], 0)
        self.assertEqual(json.loads(out), PROBE)
        failed = {**PROBE, "passed": False, "outcome": "failed", "text": "no connection in time", "address": None, "certificate": None}
        self.check(script(probe=good(failed)), ["probe", "shop", "health"], 1, "FAILED", "no connection in time")
        self.check(script(probe=good(failed)), ["--json", "probe", "shop", "health"], 1)
        self.check(script(probe=good({**failed, "outcome": "observer"})), ["probe", "shop", "health"], 1, "could not look")
        self.check(script(probe=refusal("busy", 3)), ["probe", "shop", "health"], 3, "do this next")
        self.check(script(probe=refusal("no_check", 2)), ["probe", "shop", "health"], 2)
        for words in ([], ["shop"], ["shop", "health", "us-east-1"], ["shop", "a/b"], ["shop", "health", "--to", "us-east-1"]):
            self.assertEqual(self.run_ctl("/nonexistent", "probe", *words)[0], 2, words)
        for key in (*PROBE, None):          # whatever else comes is no pass
            for odd in (None, 7, "x", [], {}, [None, {"ms": "x"}], {"ms": -1, "days_left": "x"}):
                answer = {k: odd if k == key else v for k, v in PROBE.items()} if key else {}
                daemon = self.daemon(script(probe=good(answer)))
                code = self.run_ctl(daemon.path, "probe", "shop", "health")[0]
                self.assertEqual(code, 1 if key in ("passed", "outcome", None) else 0, (key, odd))

    def test_help_and_usage(self):
        for arguments, code in ((["help"], 0), (["--help"], 0), (["help", "failover"], 0), (["help", "dns", "adopt"], 0),
                                (["help", "nonsense"], 2), ([], 2), (["nonsense"], 2), (["dns"], 2),
                                (["status", "a", "b"], 2), (["status", "--to", "x"], 2), (["failover"], 2),
                                (["failover", "shop", "--to", "us-west-2"], 2), (["history", "--limit", "0"], 2),
                                (["failover", "Shop", "--to", "r", "--reason", "x"], 2),
                                (["may-write"], 2), (["may-write", "Shop"], 2), (["help", "may-write"], 0),
                                (["may-write", "shop", "--wait", "10"], 2), (["may-write", "shop", "--wait", "8d"], 2),
                                (["status", "--wait", "1s"], 2), (ORDER + ["--wait", "1s"], 2),
                                (ORDER + ["--skip-gate", "everything"], 2), (ORDER + ["--accept-loss", "-1"], 2),
                                (ORDER + ["--accept-loss", "1MB"], 2), (["check-config"], 2), (["--bogus"], 2)):
            got, out, err = self.run_ctl("/nonexistent", *arguments)
            self.assertEqual(got, code, f"{arguments}: {out}{err}")
            self.assertTrue(out or err)
        for option, value in (("--wait", "8d"), ("--timeout", "soon")):
            _, _, err = self.run_ctl("/nonexistent", "may-write", "shop", option, value)
            self.assertIn(f"{option} {value}: the value is wrong", err)
        _, out, _ = self.run_ctl("/nonexistent", "help")
        for line in ("0  done", "1  failed", "2  ", "3  refused by a gate", "4  no quorum", "5  ", "6  ", "7  may-write: no", "8  may-write: "):
            self.assertIn(line, out)

    def test_help_is_of_what_was_meant(self):
        _, pause, _ = self.run_ctl("/nonexistent", "help", "pause")
        for arguments in (["pause", "--help"], ["--help", "pause"], ["pause", "shop", "--help"], ["pause", "-h", "--reason", "x"]):
            code, out, _ = self.run_ctl("/nonexistent", *arguments)
            self.assertEqual((code, out), (0, pause), arguments)
        for arguments in (["help", "operation"], ["operation", "--help"]):
            code, out, _ = self.run_ctl("/nonexistent", *arguments)
            self.assertEqual(code, 0)
            for word in ("show ID", "pause ID", "tick ID ITEM"):
                self.assertIn(f"failoverctl operation {word}", out)
            self.assertNotIn("failover SERVICE", out)
        for arguments, wanted in ((["operation"], "operation abort ID"), (["operation", "nonsense"], "operation abort ID"),
                                  (["operation", "abort"], "usage: failoverctl operation abort ID --reason TEXT"),
                                  (["pause", "a", "b"], "usage: failoverctl pause"), (["status", "a", "b", "c", "d", "e"], "too many words"),
                                  (["status", "--to", "x"], "usage: failoverctl status"), (["nonsense"], "failoverctl help lists"),
                                  (["--help", "nonsense"], "no such command")):
            code, out, err = self.run_ctl("/nonexistent", *arguments)
            self.assertEqual((code, out), (2, ""), arguments)
            self.assertIn(wanted, err)

    def test_a_wrong_line_is_told_what_would_be_right(self):
        for line, wanted in (("", ["failoverctl status ", "failoverctl help"]),
                             ("stat", ["failoverctl status [SERVICE]"]), ("Status", ["failoverctl status [SERVICE]"]),
                             ("histroy", ["failoverctl history"]), ("tick", ["failoverctl operation tick ID ITEM"]),
                             ("fail", ["failoverctl failover SERVICE", "failoverctl failback SERVICE"]),
                             ("operation puase x", ["such command: operation puase", "failoverctl operation pause ID"]),
                             ("operation", ["second word", "failoverctl operation pause ID"]),
                             ("explain", ["explain needs SERVICE"]), ("switchover shop", ["switchover needs --to REGION"]),
                             ("pause shop", ["pause needs --reason TEXT"]), ("wait", ["wait needs ID"]),
                             ("operation tick 00000000000000aa", ["operation tick needs ITEM"]),
                             ("plan", ["plan needs failover, switchover or failback, and SERVICE"]),
                             ("status --jsn", ["no option --jsn", "is --json meant?"]), ("status -x", ["no option -x"]),
                             ("switchover shop --to", ["--to needs a value"]), ("status --yes=1", ["--yes takes no value"]),
                             ("status --to x", ["status takes no --to"]),
                             ("switchover shop --at yesterday", ["--at yesterday: the value is wrong", "02:30", "switchover SERVICE"]),
                             ("pause shop --for 9d", ["--for 9d: the value is wrong", "7 days"]),
                             ("failover shop --accept-loss 5parsecs", ["5parsecs", "16MiB", "90s"]),
                             ("history --limit many", ["takes a number", "usage: failoverctl history"])):
            code, out, err = self.run_ctl("/nonexistent", *line.split())
            self.assertEqual((code, out), (2, ""), line)
            for words in wanted:
                self.assertIn(words, err, line)
        for line in ("s", "drill", "quit", "xyzzy"):
            self.assertNotIn("Meant", self.run_ctl("/nonexistent", line)[2])

    def test_all_may_be_said_without_dashes(self):
        daemon = self.daemon(script(status=good(status()), pause=good({"answer": "accepted", "text": "paused"})))
        code, out, err = self.run_ctl(daemon.path, "pause", "all", "--reason", "x")
        self.assertEqual(code, 0, out + err)
        self.assertEqual([r.get("service") for r in daemon.requests if r["command"] == "pause"], ["shop"])

    def test_check_config_needs_no_daemon(self):
        code, out, err = self.run_ctl("/nonexistent", "check-config", "--cluster", "/nonexistent.json")
        self.assertEqual(code, 1, out + err)
        code, out, err = self.run_ctl("/nonexistent", "check-config", "--cluster", str(ROOT / "etc/cluster.sample.json"))
        self.assertEqual(code, 0, out + err)


YES = {"may_write": True, "reason": "leased", "service": "shop", "node": "use1-a", "final": True,
       "writer": "us-east-1", "epoch": 7, "text": "yes: us-east-1 is the writer"}
NO = refusal("not_writer", 7, may_write=False, service="shop", final=True)
UNKNOWN = refusal("cant_know", 8, may_write=False, service="shop", final=False)


class Telling(Ctl):
    def test_incidents(self):
        _, out, _ = self.check(script(incidents=good(NOTIFY)), ["incidents"], 0, ID, "stuck", "nobody", "1, next in 15m",
                               "ann", "us-east-1: 2 say failed", "chat", "HTTP status 500")
        self.assertIn("12", next(line for line in out.splitlines() if line.startswith("chat")))
        _, out, _ = self.check(script(incidents=good(NOTIFY)), ["incidents", "--json"], 0)
        self.assertEqual(json.loads(out), NOTIFY)
        self.check(script(incidents=good({"incidents": [], "channels": []})), ["incidents"], 0, "no incident is open",
                   "nobody is told")

    def test_status_says_what_waits_for_a_person(self):
        self.check(script(status=good({**status(), "notify": NOTIFY})), ["status"], 0, f"failoverctl ack {ID}")
        taken = {**NOTIFY, "incidents": NOTIFY["incidents"][1:]}
        _, out, _ = self.check(script(status=good({**status(), "notify": taken})), ["status"], 0)
        self.assertNotIn("failoverctl ack", out)

    def test_ack(self):
        answer = script(ack=good({"incident": ID, "acknowledged_by": "ann", "text": "ann takes care of it"}))
        daemon, _, _ = self.check(answer, ["ack", ID, "--reason", "on it"], 0, "ann takes care of it")
        self.assertEqual({k: v for k, v in daemon.requests[0].items() if k != "id"},
                         {"command": "ack", "incident": ID, "reason": "on it"})
        self.check(script(ack=refusal("no_incident", 2, open=[ID])), ["ack", ID], 2, "refused: no_incident", "do this next")
        for words in (["ack"], ["ack", "no-id"], ["ack", ID, ID], ["ack", ID, "--to", "x"]):
            self.check(script(), words, 2)

    def test_notify_test(self):
        text = "channel chat took the test after 3ms: HTTP status 200"
        self.check(script(notify_test=good({"channel": "chat", "delivered": True, "status": 200, "text": text})),
                   ["notify", "test", "chat"], 0, text)
        self.check(script(notify_test=refusal("not_delivered", 1)), ["notify", "test", "chat"], 1, "not_delivered")
        for words in (["notify", "test"], ["notify", "chat"], ["notify", "test", "a", "b"]):
            self.check(script(), words, 2)

    def test_shapes_that_nobody_promised(self):
        for odd in ({}, {"incidents": 3}, {"incidents": [1, None, {}, []], "channels": [{}, 7]},
                    {"incidents": [{"level": "x", "next_level_ms": 1e308, "needs_person": 1}], "channels": {"a": 1}}):
            self.check(script(incidents=good(odd)), ["incidents"], 0)
            self.check(script(status=good({**status(), "notify": odd})), ["status"], 0)
            self.check(script(ack=good(odd), notify_test=good(odd)), ["ack", ID], 0)


class MayWrite(Ctl):
    """It stands before a database's start: nothing but a plain yes may be a 0."""
    ASK = ["may-write", "shop"]

    def test_yes_no_and_cant_know(self):
        daemon, _, _ = self.check(script(may_write=good(YES)), self.ASK, 0, "yes: us-east-1 is the writer")
        self.assertEqual(daemon.requests, [{"id": 1, "command": "may-write", "service": "shop"}])
        self.check(script(may_write=NO), self.ASK, 7, "refused: not_writer", "do this next")
        self.check(script(may_write=UNKNOWN), self.ASK, 8, "refused: cant_know", "do this next")

    def test_as_json(self):
        _, out, _ = self.check(script(may_write=good(YES)), ["--json"] + self.ASK, 0)
        self.assertEqual(json.loads(out), YES)
        for answer, code in ((NO, 7), (UNKNOWN, 8)):
            _, out, _ = self.check(script(may_write=answer), ["--json"] + self.ASK, code)
            self.assertEqual(json.loads(out), {"ok": False, "error": answer["error"]})

    def test_whatever_else_comes_is_no_yes(self):
        answers = [b"", b"\n", b"hello\n", b"{}\n", b'{"ok":true,"id":1}\n', good({}), good([]), good(None), good("yes"),
                   good({**YES, "may_write": 1}), good({**YES, "may_write": "true"}), good({**YES, "service": "shoe"}),
                   good({**YES, "may_write": False}), {**good(YES), "id": 2}, {"id": 1, "ok": False, "error": YES}]
        answers += [refusal("cant_know", number) for number in (0, 1, 2, 3, -1, 256, "7", None, 1.5)]
        answers += [refusal(code, 2) for code in ("denied", "no_service", "usage")]
        for answer in answers:
            self.check(script(may_write=answer), self.ASK, 8)
            self.check(script(may_write=answer), ["--json"] + self.ASK, 8)
        self.assertEqual(self.run_ctl("/nonexistent/sock", *self.ASK)[0], 8)
        daemon = self.daemon(lambda request: lambda connection: time.sleep(3))
        self.assertEqual(self.run_ctl(daemon.path, *self.ASK, timeout=1)[0], 8)

    def test_a_yes_that_nobody_can_read_is_none(self):
        daemon = self.daemon(script(may_write=good(YES)))
        with open("/dev/full", "wb") as full:
            for words in (self.ASK, ["--json", *self.ASK]):
                done = subprocess.run([COMMAND, "--socket", daemon.path, *words], stdout=full, check=False,
                                      stderr=subprocess.DEVNULL, timeout=TIMEOUT_S)
                self.assertEqual(done.returncode, 8)

    def test_waiting(self):
        wait = self.ASK + ["--wait", "20s"]
        daemon, out, err = self.check(script(may_write=[UNKNOWN, b"", UNKNOWN, good(YES)]), wait, 0, "yes:")
        self.assertEqual(len(daemon.requests), 4)
        self.assertEqual(out.count("yes:"), 1)
        self.assertEqual(err.count("waiting:"), 3)
        again = refusal("not_writer", 7, final=False)
        self.check(script(may_write=[again, again, good(YES)]), wait, 0)
        began = time.monotonic()
        daemon, _, _ = self.check(script(may_write=[UNKNOWN, NO]), wait, 7)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(len(daemon.requests), 2)
        self.check(script(may_write=UNKNOWN), self.ASK + ["--wait", "3s"], 8, "waiting: refused: cant_know")

    def test_ctrl_c_ends_the_waiting(self):
        daemon = self.daemon(script(may_write=UNKNOWN))
        process = subprocess.Popen([COMMAND, "--socket", daemon.path, *self.ASK, "--wait", "60s"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + TIMEOUT_S
            while len(daemon.requests) < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=TIMEOUT_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        self.assertEqual(process.returncode, 8, err)


class Ordering(Ctl):
    def test_done_and_verified(self):
        daemon, _, _ = self.check(script(failover=ACCEPTED, status=[good(status()), good(running()),
                                                                    good(running("promote")), good(ended("done"))]),
                                  ORDER + ["--yes"], 0, ID, "step fence", "step promote", "done after",
                                  "writer of shop is us-west-2")
        sent = next(r for r in daemon.requests if r["command"] == "failover")
        self.assertEqual({k: sent[k] for k in ("service", "to", "reason")},
                         {"service": "shop", "to": "us-west-2", "reason": "fire"})

    def test_done_as_json(self):
        _, out, _ = self.check(script(failover=ACCEPTED, status=[good(running()), good(ended("done"))]),
                               ["--json"] + ORDER + ["--yes"], 0)
        document = json.loads(out)
        self.assertTrue(document["ok"])
        self.assertEqual((document["operation"], document["outcome"]), (ID, "done"))

    def test_aborted_is_a_failure(self):
        self.check(script(failover=ACCEPTED, status=[good(running()), good(ended("aborted"))], history=good(HISTORY)),
                   ORDER + ["--yes"], 1, "aborted")

    def test_why_it_went_back(self):
        told = copy.deepcopy(HISTORY)
        told["operations"][0].update(outcome="aborted", aborted=WENT_BACK)
        answers = dict(switchover=ACCEPTED, status=[good(running("catch_up")), good(ended("aborted"))])
        self.check(script(**answers, history=good(told)), SWITCHOVER + ["--yes"], 1, "aborted after",
                   "It went back at step catch_up (gate loss_within_rpo): the target did not get all in time.")
        answers = dict(switchover=ACCEPTED, status=[good(running("catch_up")), good(ended("aborted"))])
        _, out, _ = self.check(script(**answers, history=good(told)), ["--json"] + SWITCHOVER + ["--yes"], 1)
        self.assertEqual(json.loads(out)["why"], WENT_BACK)
        other = copy.deepcopy(told)         # this node did not carry it out: the one that did is named
        other["operations"][0]["aborted"] = None
        for history in (good(other), good({}), good([]), b"", refusal("denied", 2)):
            answers = dict(switchover=ACCEPTED, status=[good(running("catch_up")), good(ended("aborted"))])
            self.check(script(**answers, history=history), SWITCHOVER + ["--yes"], 1, "See failoverctl history on usw2-a for why.")

    def test_a_switchover(self):
        daemon, _, _ = self.check(script(switchover=ACCEPTED, status=[good(running("catch_up")), good(ended("done"))]),
                                  SWITCHOVER + ["--yes", "--skip-gate", "target_healthy"], 0, ID, "step catch_up", "done after")
        sent = next(r for r in daemon.requests if r["command"] == "switchover")
        self.assertEqual({k: sent[k] for k in ("service", "to", "reason", "skip_gates")},
                         {"service": "shop", "to": "us-west-2", "reason": "new disks", "skip_gates": ["target_healthy"]})
        self.check(script(switchover=ACCEPTED), SWITCHOVER + ["--yes", "--no-wait"], 6, ID, f"failoverctl wait {ID}")
        self.check(script(switchover=refusal("gate", 3)), SWITCHOVER + ["--yes"], 3, "refused: gate", "do this next")

    def test_progress_says_what_a_step_does(self):
        plain, waits = running("catch_up"), running("catch_up")
        plain["services"][0]["operation"]["step_text"] = "the target gets all"
        waits["services"][0]["operation"].update(step_text="the target gets all", detail="waiting for a look")
        answers = [good(plain), good(waits), good(ended("done"))]
        self.check(script(switchover=ACCEPTED, status=answers), SWITCHOVER + ["--yes"], 0, "step catch_up: the target gets all\n", "step catch_up: waiting for a look\n")

    def test_a_switchover_is_looked_at_and_confirmed_first(self):
        daemon, _, _ = self.check(script(dry_run=good(SWITCH)), SWITCHOVER, 2, "--yes", "it would begin")
        self.assertTrue(daemon.requests and all(r.get("dry_run") and r["command"] == "switchover" for r in daemon.requests))
        _, out, _ = self.check(script(dry_run=good(SWITCH)), SWITCHOVER + ["--dry-run"], 0, "It would lose nothing", "us-west-2 lacks 4 KiB",
                               "catch_up", "the target gets all", "Afterwards: failoverctl rejoin shop")
        self.assertNotIn("It would lose 0", out)
        unknown = {**SWITCH, "lag": {"known": False, "bytes": None}, "would_run": False}
        self.check(script(dry_run=good(unknown)), SWITCHOVER + ["--dry-run"], 3, "How far us-west-2 is behind is not known")

    def test_a_switchover_takes_no_loss(self):
        for more in (["--accept-loss", "5"], ["--skip-gate", "fence"], ["--skip-gate", "nonsense"]):
            self.assertEqual(self.run_ctl("/nonexistent", *SWITCHOVER, *more)[0], 2, more)

    def test_replaced_by_another_operation(self):
        other = ended("done")
        other["services"][0]["last_operation"]["id"] = "00000000000000bb"
        self.check(script(failover=ACCEPTED, status=[good(running()), good(other)]), ORDER + ["--yes"], 1,
                   "does not know how it ended")

    def test_refusals_have_their_exit_codes(self):
        for code, number in (("gate", 3), ("no_quorum", 4), ("busy", 3), ("already", 3), ("denied", 2),
                             ("not_audited", 1), ("no_coordinator", 3)):
            _, out, _ = self.check(script(failover=refusal(code, number)), ORDER + ["--yes"], number,
                                   f"refused: {code}", "do this next")
            self.assertEqual(out, "")
            _, out, _ = self.check(script(failover=refusal(code, number, gate="fence")),
                                   ["--json"] + ORDER + ["--yes"], number)
            self.assertEqual(json.loads(out)["error"]["gate"], "fence")

    def test_a_refusal_never_exits_0(self):
        for number in (0, -1, 7, 256, "0", None, 1.5):
            self.check(script(failover=refusal("gate", number)), ORDER + ["--yes"], 1)

    def test_gates_and_loss_are_passed_on(self):
        daemon, _, _ = self.check(script(failover=refusal("gate", 3)),
                                  ORDER + ["--yes", "--skip-gate", "fence", "--skip-gate", "loss_within_rpo",
                                           "--accept-loss", "4096"], 3)
        self.assertEqual(daemon.requests[0]["skip_gates"], ["fence", "loss_within_rpo"])
        self.assertEqual(daemon.requests[0]["accept_loss_bytes"], 4096)
        self.assertNotIn("accept_loss_ms", daemon.requests[0])
        daemon, _, _ = self.check(script(failover=refusal("gate", 3)),
                                  ORDER + ["--yes", "--accept-loss", "10m", "--accept-loss", "16MiB"], 3)
        self.assertEqual(daemon.requests[0]["accept_loss_bytes"], 16 << 20)
        self.assertEqual(daemon.requests[0]["accept_loss_ms"], 600000)

    def test_dry_run_changes_nothing(self):
        daemon, _, _ = self.check(script(dry_run=good(DRY)), ORDER + ["--dry-run"], 0, "it would begin", "promote*", "2 KiB")
        self.assertTrue(all(r.get("dry_run") is True for r in daemon.requests))
        shut = copy.deepcopy(DRY)
        shut["would_run"] = False
        self.check(script(dry_run=good(shut)), ORDER + ["--dry-run"], 3)
        _, out, _ = self.check(script(dry_run=good(shut)), ["--json"] + ORDER + ["--dry-run"], 3)
        self.assertEqual(json.loads(out), shut)

    def test_explain(self):
        daemon, out, _ = self.check(script(explain=good(EXPLAIN)), ["explain", "shop"], 0, "No voter says so.",
                                    "none does.", "0 of 2 needed, 2 missing", "1m01s", "SHUT",
                                    "What it would lose is not known, said it.", "enforced: the kernel",
                                    "use1-a, heard 3.1s ago, said: open", "1 gate is shut", "Proven when it has run out.", "Commits hang.", "the service is paused")
        self.assertEqual(daemon.requests, [{"id": 1, "command": "explain", "service": "shop"}])
        self.assertEqual(out.count("3 commits wait"), 1)
        _, out, _ = self.check(script(explain=good(EXPLAIN)), ["--json", "explain", "shop"], 0)
        self.assertEqual(json.loads(out), EXPLAIN)
        for words in (["explain"], ["explain", "shop", "till"], ["explain", "shop", "--to", "us-west-2"]):
            self.assertEqual(self.run_ctl("/nonexistent", *words)[0], 2, words)

    def test_explain_of_nothing_claims_nothing(self):
        """Whatever the answer lacks is said to be not known, a loss above all."""
        for key in (*EXPLAIN, None):
            for odd in (None, 7, "x", [], {}, [[]], [{}], [None, {"gates": 3, "loss": {"bytes": 0}, "list": [1]}]):
                answer = {k: odd if k == key else v for k, v in EXPLAIN.items()} if key else {}
                daemon = self.daemon(script(explain=good(answer)))
                code, out, _ = self.run_ctl(daemon.path, "explain", "shop")
                self.assertEqual(code, 0, (key, odd))
                self.assertNotIn("0 B", out)
                if key in ("candidates", None):
                    self.assertIn("not known", out)
        daemon = self.daemon(script(explain=good({})))
        _, out, _ = self.run_ctl(daemon.path, "explain", "shop")
        for words in ("what a failover would lose is not known", "What would prove it is not known", "was not told",
                      "Whether commits hang is not known", "Its guard has not been heard of"):
            self.assertIn(words, out)

    def test_plan(self):
        daemon, out, _ = self.check(script(plan=good(PLAN)), ["plan", "failback", "shop"], 0, "(chosen)",
                                    "it would begin", "Part 1, rejoin: NOT READY: a primary still",
                                    "On usw2-a: failoverctl rejoin shop --dry-run", "do this first",
                                    "Part 2, switchover to us-west-2: ready", "12ms", "no run yet", "grant*",
                                    "writes go on about 1.5s after it begins; it is over after about 3.1s",
                                    "Afterwards: failoverctl rejoin shop",
                                    "To do it: failoverctl switchover shop --to us-west-2")
        self.assertEqual(daemon.requests, [{"id": 1, "command": "plan", "operation": "failback", "service": "shop"}])
        self.assertLess(out.index("begin "), out.index("no way back from here"))
        self.assertLess(out.index("no way back from here"), out.index("grant*"))
        for size, number in (("0", 0), ("16MiB", 16 << 20), ("5B", 5), ("1KiB", 1024)):
            daemon, _, _ = self.check(script(plan=good(PLAN)), ["plan", "failover", "shop", "--accept-loss", size], 0)
            self.assertEqual(daemon.requests[0]["accept_loss_bytes"], number)
        for time, number in (("0s", 0), ("90s", 90000), ("2500ms", 2500), ("1d", 86400000)):
            daemon, _, _ = self.check(script(plan=good(PLAN)), ["plan", "failover", "shop", "--accept-loss", time], 0)
            self.assertEqual(daemon.requests[0]["accept_loss_ms"], number)
            self.assertNotIn("accept_loss_bytes", daemon.requests[0])
        for twice in (("1s", "2s"), ("5", "1KiB"), ("1KiB", "5")):
            words = [word for value in twice for word in ("--accept-loss", value)]
            code, _, err = self.run_ctl("/nonexistent", "plan", "failover", "shop", *words)
            self.assertTrue(code == 2 and "each at most once" in err, err)
        for size in ("-30s", "1.5s", "NaN", "nans", "infs", "s", "9223372036854775807d", "30S", "1e3s", "0x10s", " 30s"):
            self.assertEqual(self.run_ctl("/nonexistent", "plan", "failover", "shop", "--accept-loss", size)[0], 2, size)
        for size in ("16MB", "MiB", "-1B", "1.5MiB", "16 MiB", "99999999999TiB", ""):
            self.assertEqual(self.run_ctl("/nonexistent", "plan", "failover", "shop", "--accept-loss", size)[0], 2, size)
        daemon, _, _ = self.check(script(plan=good({**PLAN, "would_run": False})),
                                  ["plan", "failover", "shop", "--to", "us-west-2", "--skip-gate", "fence",
                                   "--accept-loss", "5"], 3)
        self.assertEqual(daemon.requests, [{"id": 1, "command": "plan", "operation": "failover", "service": "shop",
                                            "to": "us-west-2", "skip_gates": ["fence"], "accept_loss_bytes": 5}])
        self.check(script(plan=refusal("no_region", 2)), ["plan", "failover", "shop", "--to", "mars"], 2, "no_region")
        for words in ([], ["failover"], ["shop"], ["drill", "shop"], ["failover", "shop", "till"],
                      ["switchover", "shop", "--accept-loss", "5"], ["failover", "shop", "--reason", "x"],
                      ["failover", "shop", "--yes"]):
            self.assertEqual(self.run_ctl("/nonexistent", "plan", *words)[0], 2, words)

    def test_a_plan_with_no_past_run_gives_no_time(self):
        for estimate in ({"total_ms": None, "until_open_ms": None}, {}, {"total_ms": "0", "until_open_ms": -1}):
            self.check(script(plan=good({**PLAN, "estimate": estimate})), ["plan", "failover", "shop"], 0,
                       "When writes go on is not known")
        seen = {"total_ms": None, "until_open_ms": None, "seen_total_ms": 3300.0, "seen_runs": 4}
        self.check(script(plan=good({**PLAN, "estimate": seen})), ["plan", "failover", "shop"], 0,
                   "this node has run none like it", "after about 3.3s (4 seen from here)")

    def test_without_a_terminal_yes_is_needed(self):
        daemon, _, _ = self.check(script(dry_run=good(DRY)), ORDER, 2, "--yes")
        self.assertTrue(all(r.get("dry_run") for r in daemon.requests))

    def test_no_wait(self):
        self.check(script(failover=ACCEPTED), ORDER + ["--yes", "--no-wait"], 6, ID, f"failoverctl wait {ID}")

    def test_dns_adopt(self):
        daemon, _, _ = self.check(script(dns_adopt=ACCEPTED, status=good(ended("done"))),
                                  ["dns", "adopt", "shop", "--reason", "new zone", "--yes"], 0, "done")
        self.assertEqual(daemon.requests[0], {"id": 1, "command": "dns adopt", "service": "shop", "reason": "new zone"})

    def test_the_daemon_restarts_while_we_wait(self):
        answers = [good(running()), b"", b"{", good(ended("done"))]
        self.check(script(failover=ACCEPTED, status=answers), ORDER + ["--yes"], 0, "done")

    def test_ctrl_c_leaves_the_operation_alone(self):
        daemon = self.daemon(script(failover=ACCEPTED, status=good(running())))
        process = subprocess.Popen([COMMAND, "--socket", daemon.path, *ORDER, "--yes"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + TIMEOUT_S
            while len(daemon.requests) < 3 and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=TIMEOUT_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        self.assertEqual(process.returncode, 6, err)
        self.assertIn("goes on", err)
        self.assertIn(f"wait {ID}", err)


class Terminal(Ctl):
    def talk(self, daemon, arguments, typed, wait_for="to go on: ", env=None):
        """Runs it on a terminal, types when it asks; gives exit code and all that it showed."""
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.pop("NO_COLOR", None)
            os.environ.update({"TERM": "xterm", **(env or {})})
            os.execv(COMMAND, [COMMAND, "--socket", daemon.path, *arguments])
        shown, status_code, deadline = b"", None, time.monotonic() + TIMEOUT_S
        try:
            while time.monotonic() < deadline:
                if select.select([fd], [], [], 0.1)[0]:
                    try:
                        piece = os.read(fd, 65536)
                    except OSError:
                        piece = b""
                    if not piece:
                        break
                    shown += piece
                if typed is not None and wait_for.encode() in shown:
                    os.write(fd, typed)
                    typed = None
            while status_code is None and time.monotonic() < deadline:
                done, state = os.waitpid(pid, os.WNOHANG)
                if done:
                    status_code = os.waitstatus_to_exitcode(state)
                else:
                    time.sleep(0.02)
        finally:
            if status_code is None:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(fd)
        return status_code, shown.decode(errors="replace")

    def test_the_regions_name_has_to_be_typed(self):
        answers = dict(dry_run=good(SWITCH), switchover=ACCEPTED, status=good(ended("done")))
        code, shown = self.talk(self.daemon(script(**answers)), SWITCHOVER, b"us-west-2\n")
        self.assertEqual(code, 0, shown)
        self.assertIn("It would lose nothing", shown)
        answers = dict(dry_run=good(DRY), failover=ACCEPTED, status=good(ended("done")))
        daemon = self.daemon(script(**answers))
        code, shown = self.talk(daemon, ORDER, b"us-west-2\n")
        self.assertEqual(code, 0, shown)
        self.assertIn("it would begin", shown)
        for typed in (b"yes\n", b"\n", b"us-west-2x\n", b"us-east-1\n", b"\x04", b"\x03"):
            daemon = self.daemon(script(**answers))
            code, shown = self.talk(daemon, ORDER, typed)
            self.assertEqual(code, 2, shown)
            self.assertIn("nothing was changed", shown)
            self.assertFalse([r for r in daemon.requests if not r.get("dry_run")])

    def test_colour_only_where_it_is_wanted(self):
        daemon = self.daemon(script(status=good(status())))
        self.assertIn("\033[", self.talk(daemon, ["status"], None)[1])
        self.assertNotIn("\033[", self.talk(daemon, ["status"], None, env={"NO_COLOR": "1"})[1])
        self.assertNotIn("\033[", self.talk(daemon, ["status"], None, env={"TERM": "dumb"})[1])
        self.assertNotIn("\033[", self.talk(daemon, ["--no-color", "status"], None)[1])


class Hostile(Ctl):
    def test_nobody_there(self):
        code, _, err = self.run_ctl("/nonexistent/sock", "status")
        self.assertEqual(code, 5)
        self.assertIn("is failoverd running", err)
        code, out, _ = self.run_ctl("/nonexistent/sock", "--json", "status")
        self.assertEqual((code, json.loads(out)["error"]["code"]), (5, "unreachable"))
        self.assertEqual(self.run_ctl("/" + "x" * 300, "status")[0], 5)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sock")
            stale = socket.socket(socket.AF_UNIX)
            stale.bind(path)
            stale.close()
            self.assertEqual(self.run_ctl(path, "status")[0], 5)

    def test_answers_that_are_none(self):
        for raw in (b"", b"\n", b"hello\n", b"{}\n", b"[]\n", b'{"ok":true}\n', b'{"ok":true,"id":1}\n',
                    b'{"ok":true,"id":2,"result":{}}\n', b'{"ok":1,"id":1,"result":{}}\n',
                    b'{"ok":false,"error":"no"}\n', b'{"ok":true,"id":1,"result":{}', b"\xff\xfe\n",
                    b'{"ok":false,"ok":true,"id":1,"result":{}}\n', b"[" * 5000 + b"\n"):
            daemon = self.daemon(lambda request, raw=raw: raw)
            code, out, err = self.run_ctl(daemon.path, "status")
            self.assertEqual((code, out), (5, ""), raw[:50])
            self.assertTrue(err)
            code, _, err = self.run_ctl(daemon.path, *ORDER, "--yes")
            self.assertEqual(code, 5)
            self.assertIn("whether the order was taken is not known", err)

    def test_silence_and_floods_have_an_end(self):
        release = threading.Event()
        self.addCleanup(release.set)
        daemon = self.daemon(lambda request: lambda connection: release.wait(TIMEOUT_S))
        started = time.monotonic()
        code, _, err = self.run_ctl(daemon.path, "status", timeout=1)
        self.assertEqual(code, 5)
        self.assertIn("in time", err)
        self.assertGreater(time.monotonic() - started, 0.9)

        def flood(connection):
            for _ in range(400):
                connection.sendall(b"x" * 65536)
        daemon = self.daemon(lambda request: flood)
        code, _, err = self.run_ctl(daemon.path, "status")
        self.assertEqual(code, 5)
        self.assertIn("longer than", err)

    def test_shapes_that_nobody_promised(self):
        odd = [{}, {"services": None}, {"services": [1, None, {}, []]}, {"services": {"a": 1}},
               {"services": [{"name": 7, "regions": [{}], "lease": [], "operation": {"step": 1}}]},
               {"services": [{"regions": [{"verdicts": [{}], "database": {}, "lag": {}, "guard": {}, "gates": [1, {}]}]}]},
               {"services": [{"lease": {"left_ms": 1e308}, "epoch": "x"}], "warnings": [3]}]
        for result in odd:
            for command in (["status"], ["status", "-v"], ["history"]):
                daemon = self.daemon(lambda request, result=result: good(result))
                self.assertEqual(self.run_ctl(daemon.path, *command)[0], 0, result)
            daemon = self.daemon(script(failover=good(result)))
            self.assertEqual(self.run_ctl(daemon.path, *ORDER, "--yes")[0], 1, result)
            daemon = self.daemon(script(dry_run=good(result)))
            self.assertEqual(self.run_ctl(daemon.path, *ORDER, "--dry-run")[0], 3, result)
            daemon = self.daemon(script(plan=good(result), explain=good(result)))
            self.assertEqual(self.run_ctl(daemon.path, "plan", "failback", "shop")[0], 3, result)
            self.assertEqual(self.run_ctl(daemon.path, "explain", "shop")[0], 0, result)
        for key in PLAN:
            for value in (None, 7, "x", [1, {}], {"rejoin": 3, "ready": 1}):
                daemon = self.daemon(script(plan=good({**PLAN, key: value})))
                code = self.run_ctl(daemon.path, "plan", "failback", "shop")[0]
                self.assertEqual(code, 3 if key == "would_run" else 0, (key, value))
        for operations in (1, [1], [{}], [{"steps": [{}], "loss": {"bytes": "x"}, "gates": [{}]}]):
            daemon = self.daemon(script(history=good({"operations": operations})))
            self.assertEqual(self.run_ctl(daemon.path, "history")[0], 0)

    def test_escape_sequences_stay_out_of_the_terminal(self):
        evil = "\x1b]0;owned\x07\x1b[2J\u009b31m"
        def poison(value):
            if isinstance(value, dict):
                return {k: poison(v) for k, v in value.items()}
            if isinstance(value, list):
                return [poison(v) for v in value]
            return evil + value if isinstance(value, str) else value
        for command, result in ((["status", "-v"], running()), (["history"], HISTORY), (ORDER + ["--dry-run"], DRY),
                                (SWITCHOVER + ["--dry-run"], SWITCH), (["plan", "failback", "shop"], PLAN),
                                (["explain", "shop"], EXPLAIN), (["probe", "shop", "health"], PROBE), (["incidents"], NOTIFY),
                                (["status"], {**status(), "notify": NOTIFY}), (["ack", ID], {"text": "taken"})):
            daemon = self.daemon(lambda request, result=result: good(poison(result)))
            _, out, err = self.run_ctl(daemon.path, *command)
            for mark in ("\x1b", "\x07", "\u009b"):
                self.assertNotIn(mark, out + err)
        daemon = self.daemon(lambda request: poison(refusal("gate", 3)))
        _, out, err = self.run_ctl(daemon.path, *ORDER, "--yes")
        self.assertNotIn("\x1b", out + err)

    def complete(self, path, *words):
        """What bash would offer, by the script that is installed."""
        line = ["failoverctl", "--socket", path, *words]
        program = (f". {ROOT}/etc/bash-completion/failoverctl; COMP_WORDS=(\"$@\"); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
                   "_failoverctl; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", program, "bash", COMMAND, *line[1:]], capture_output=True, text=True, check=True,
                              timeout=TIMEOUT_S)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_the_shell_completes(self):
        daemon = self.daemon(script(status=good(running())))
        self.assertEqual(self.complete(daemon.path, "swi"), ["switchover"])
        self.assertEqual(self.complete(daemon.path, "switchover", "s"), ["shop"])
        self.assertEqual(self.complete(daemon.path, "switchover", "shop", "--to", "us-"), ["us-east-1", "us-west-2"])
        self.assertIn("--dry-run", self.complete(daemon.path, "switchover", "shop", "--"))
        self.assertIn("majority_failed", self.complete(daemon.path, "failover", "shop", "--skip-gate", ""))
        self.assertEqual(self.complete(daemon.path, "switchover", "shop", "--reason", ""), [])
        self.assertEqual(self.complete(daemon.path, "operation", "abort", ""), [running()["services"][0]["operation"]["id"]])
        self.assertEqual(self.complete(daemon.path, "pause", ""), ["shop", "all"])

    def test_the_shell_completes_without_a_daemon(self):
        self.assertEqual(self.complete("/nonexistent/socket", "status", ""), [])
        self.assertEqual(self.complete("/nonexistent/socket", "dns", ""), ["adopt"])

    def test_nothing_hostile_reaches_the_command_line(self):
        hostile = status(name="$(touch x)")
        daemon = self.daemon(script(status=good(hostile)))
        self.assertEqual(self.complete(daemon.path, "status", ""), [])

    def test_a_full_output_is_a_failure(self):
        daemon = self.daemon(script(status=good(status())))
        with open("/dev/full", "wb") as full:
            for command in (["status"], ["--json", "status"]):
                done = subprocess.run([COMMAND, "--socket", daemon.path, *command], stdout=full, check=False,
                                      stderr=subprocess.DEVNULL, timeout=TIMEOUT_S)
                self.assertEqual(done.returncode, 1)


def main():
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]))
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 0 if bad == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
