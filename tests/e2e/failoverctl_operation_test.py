#!/usr/bin/python3
"""`failoverctl wait ID` and `operation show ID` against a fake daemon that says what the test wants."""
import copy
import json
import signal
import sys
import threading
import time
import unittest

from failoverctl_test import HISTORY, ID, Ctl, WENT_BACK, ended, good, refusal, running, script, status
from failoverctl_watch_test import run_until

WAIT, SHOW = ["wait", ID], ["operation", "show", ID]
NONE = good({"operations": [], "forgotten": 0})
OTHER = "00000000000000bb"


def history(outcome, steps=(), **changes):
    told = copy.deepcopy(HISTORY)
    told["operations"][0].update(outcome=outcome, steps=[
        {"name": name, "began": "x", "done": took is not None, "took_ms": took, "retries": 0, "overdue": False,
         "detail": ""} for name, took in steps], **changes)
    return good(told)


class Waiting(Ctl):
    def test_to_the_end_with_its_steps(self):
        told = [history("running", [("begin", 3.0), ("fence", None)]),
                history("running", [("begin", 3.0), ("fence", 1900.2), ("promote", None)]),
                history("done", [("begin", 3.0), ("fence", 1900.2), ("promote", 40.5)])]
        seen = [good(running()), good(running()), good(running("promote")), good(ended("done"))]
        daemon, out, _ = self.check(script(status=seen, history=[told[0], *told]), WAIT, 0,
                                    "step begin done in 3ms", "step fence done in 1.9s", "step promote done in 40ms", "phase begun, on usw2-a, step promote",
                                    "done after", "writer of shop is us-west-2", "Next: the old primary in us-east-1",
                                    'failoverctl rejoin shop --reason "..."')
        self.assertEqual(out.count("step fence done"), 1)
        self.assertNotIn("service", daemon.requests[0])          # of whichever service it is
        self.assertEqual(daemon.requests[-1].get("service"), "shop")

    PROPOSED = {"id": ID, "state": "waits", "text": "A failover is proposed"}
    SCHEDULED = {"id": ID, "kind": "switchover", "from": "us-east-1", "to": "us-west-2", "due": "2026-11-22T02:30:00.000Z",
                 "left_ms": 3600000, "said": {"by": "ada", "why": "disks"}}

    def test_what_has_not_begun_is_waited_for(self):
        for waiting, words in (({"proposal": self.PROPOSED}, "shop: A failover is proposed"),
                               ({"scheduled": self.SCHEDULED}, "put down for 2026-11-22T02:30:00.000Z (in 1h00m) by ada: disks")):
            seen = [good(status(**waiting))] * 3 + [good(running()), good(ended("done"))]
            _, _, err = self.check(script(status=seen, history=NONE), WAIT, 0, "done after", words)
            self.assertEqual(err.count("Waiting until it has begun"), 1)
            self.assertNotIn("knows of no operation", err)
            self.check(script(status=good(status(**waiting)), history=NONE), [*WAIT, "--timeout", "1"], 6, words)
            self.check(script(status=good(status(**waiting)), history=NONE), SHOW, 0, words)

    def test_what_has_not_begun_as_json(self):
        for key, state, waiting in (("proposal", "proposed", self.PROPOSED), ("scheduled", "scheduled", self.SCHEDULED)):
            _, out, _ = self.check(script(status=good(status(**{key: waiting})), history=NONE), [*SHOW, "--json"], 0)
            self.assertEqual(json.loads(out), {"operation": ID, "service": "shop", "state": state, key: waiting})

    def test_declined_is_not_waited_for(self):
        declined = good(status(proposal={**self.PROPOSED, "state": "declined"}))
        self.check(script(status=declined, history=NONE), [*WAIT, "--timeout", "1"], 2, "knows of no operation")

    def test_another_node_carried_it_out(self):
        told = history("done", total_ms=None, executor="usw2-a")
        self.check(script(status=good(ended("done")), history=told), ["history"], 0, "us-west-2  done\n",
                   "carried out by usw2-a: failoverctl history there")

    def test_it_is_over_already(self):
        self.check(script(status=good(ended("done")), history=NONE), WAIT, 0, f"done: operation {ID} of shop is over; writer of shop is us-west-2")
        self.check(script(status=good(ended("aborted")), history=history("aborted", aborted=WENT_BACK)), WAIT, 1, "aborted",
                   "went back at step catch_up (gate loss_within_rpo)")
        later = ended("done")                                    # another one since: only the history has it
        later["services"][0]["last_operation"]["id"] = OTHER
        self.check(script(status=good(later), history=history("done")), WAIT, 0, f"done: operation {ID} of shop is over")
        self.check(script(status=good(later), history=history("aborted", aborted=WENT_BACK)), WAIT, 1, "aborted")

    def test_as_json(self):
        for outcome, code in (("done", 0), ("aborted", 1)):
            answers = [good(running()), good(running()), good(ended(outcome))]
            _, out, _ = self.check(script(status=answers, history=NONE), ["--json", *WAIT], code)
            document = json.loads(out)
            self.assertEqual([document[key] for key in ("ok", "operation", "service", "outcome")], [code == 0, ID, "shop", outcome])

    def test_time_is_over(self):
        began = time.monotonic()
        daemon = self.daemon(script(status=good(running()), history=NONE))
        code, out, err = self.run_ctl(daemon.path, *WAIT, timeout=1)
        self.assertEqual(code, 6, err)
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assertIn("step fence", out)
        self.assertIn(f"wait {ID}", err)
        code, out, _ = self.run_ctl(daemon.path, "--json", *WAIT, timeout=1)
        self.assertEqual((code, json.loads(out)["outcome"]), (6, "running"))

    def test_nobody_answers(self):
        self.assertEqual(self.run_ctl("/nonexistent/sock", *WAIT)[0], 5)
        self.check(script(status=b"hello\n"), WAIT, 5)
        self.check(script(status=refusal("denied", 2)), WAIT, 2, "do this next")
        daemon = self.daemon(script(status=[good(running()), good(running()), b""], history=NONE))
        code, _, err = self.run_ctl(daemon.path, *WAIT, timeout=2)
        self.assertEqual(code, 5, err)
        self.assertIn("how operation", err)

    def test_a_daemon_that_comes_back(self):
        answers = [good(running()), good(running()), b"", b"{", refusal("unavailable", 1), good(ended("done"))]
        self.check(script(status=answers, history=NONE), WAIT, 0, "done after")

    def test_nobody_knows_it(self):
        daemon = self.daemon(script(status=good(status()), history=NONE))
        code, out, err = self.run_ctl(daemon.path, *WAIT, timeout=1)
        self.assertEqual((code, out), (2, ""), err)
        for words in (f"knows of no operation {ID}", "failoverctl history", "other nodes"):
            self.assertIn(words, err)
        code, out, _ = self.run_ctl(daemon.path, "--json", *WAIT, timeout=1)
        self.assertEqual((code, json.loads(out)["outcome"], json.loads(out)["ok"]), (2, "unknown", False))
        daemon = self.daemon(script(status=good(status()), history=history("left")))
        code, _, err = self.run_ctl(daemon.path, *WAIT, timeout=1)
        self.assertEqual(code, 1, err)
        self.assertIn("does not know how it ended", err)

    def test_it_appears_late(self):
        answers = [good(status())] * 3 + [good(running()), good(ended("done"))]
        self.check(script(status=answers, history=NONE), WAIT, 0, "looking for a moment", "done after")

    def test_ctrl_c_leaves_it_alone(self):
        daemon = self.daemon(script(status=good(running()), history=NONE))
        code, _, err = run_until(daemon, *WAIT, until=lambda r: len(r) > 6, signal_number=signal.SIGINT)
        self.assertEqual(code, 6, err)
        self.assertIn("goes on without us", err)
        self.assertIn(f"wait {ID}", err)
        self.assertEqual({r["command"] for r in daemon.requests}, {"status", "history"})     # nothing else was ever asked for

    def test_usage(self):
        for words in (["wait"], ["wait", "shop"], ["wait", ID.upper()], ["wait", ID + "0"], ["wait", ID, ID], ["operation"], ["operation", "show"],
                      ["operation", "show", "x"], ["operation", "stop", ID], [*WAIT, "--wait", "1s"], [*WAIT, "--timeout", "0"]):
            self.assertEqual(self.run_ctl("/nonexistent", *words)[0], 2, words)
        self.assertIn("Needs the role read", self.run_ctl("/nonexistent", "help", "wait")[1])

    def test_answers_of_any_shape(self):
        odd = [{}, [], 7, {"services": 7}, {"services": [7, None, []]}, {"services": [{"name": 5, "operation": {"id": ID}}]},
               {"services": [{"operation": {"id": ID, "here": True, "step": 5}}]}, {"services": [{"name": "n" * 300, "last_operation": {"id": ID}}]}]
        told = [{}, {"operations": 7}, {"operations": [7, {"id": ID}]}, {"operations": [{"id": ID, "steps": [7, {"done": True}], "service": 5}]},
                {"operations": [{"id": ID, "outcome": "aborted", "aborted": {"step": 5}, "service": "\x1b[2J"}]}]
        answers = [(s, h) for s in odd for h in told]

        def one(pair):
            daemon = self.daemon(script(status=good(pair[0]), history=good(pair[1])))
            for words in (WAIT, SHOW, ["--json", *WAIT], ["--json", *SHOW]):
                code, out, err = self.run_ctl(daemon.path, *words, timeout=1)
                if code == 0:
                    self.assertIn("show", words, pair)          # never done by nonsense
                self.assertNotIn("\x1b", out + err)
        failures = []

        def guarded(pair):
            try:
                one(pair)
            except BaseException as error:                      # told in the test's own thread
                failures.append((pair, error))
        threads = [threading.Thread(target=guarded, args=(pair,)) for pair in answers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class Showing(Ctl):
    def test_while_it_runs(self):
        self.check(script(status=good(running()), history=history("running", [("begin", 3.0)])), SHOW, 0, "shop runs: operation " + ID, "step fence (3 of 13)", "begin")
        self.check(script(status=good(running()), history=NONE), SHOW, 0, "no history of it", "failoverctl history on usw2-a")

    def test_when_it_is_over(self):
        self.check(script(status=good(ended("done")), history=good(HISTORY)), SHOW, 0, f"operation {ID} is over: done", "ann", "fence", "128 B")
        self.check(script(status=good(ended("aborted")), history=NONE), SHOW, 0, "is over: aborted", "no history of it")
        self.check(script(status=good(status()), history=history("left")), SHOW, 0, "nor does it know how it ended")

    def test_as_json(self):
        _, out, _ = self.check(script(status=good(running()), history=good(HISTORY)), ["--json", *SHOW], 0)
        document = json.loads(out)
        self.assertEqual((document["operation"], document["service"], document["state"]), (ID, "shop", "running"))
        self.assertEqual(document["running"]["step"], "fence")
        self.assertEqual(document["history"], HISTORY["operations"][0])
        _, out, _ = self.check(script(status=good(ended("done")), history=NONE), ["--json", *SHOW], 0)
        self.assertEqual({k: json.loads(out)[k] for k in ("state", "running", "history")}, {"state": "done", "running": None, "history": None})

    def test_unknown_and_unreachable(self):
        self.check(script(status=good(status()), history=NONE), SHOW, 2, f"knows of no operation {ID}", "failoverctl history")
        self.check(script(status=good(status()), history=NONE), ["--json", *SHOW], 2)
        self.assertEqual(self.run_ctl("/nonexistent/sock", *SHOW)[0], 5)


def main():
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(
        unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, (Waiting, Showing))))
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 0 if bad == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
