#!/usr/bin/python3
"""`failoverctl events` against a fake daemon: pages, gaps, restarts, silence, and answers that make no sense."""
import datetime
import json
import signal
import sys
import unittest

from failoverctl_test import Ctl, good, refusal, script
from failoverctl_watch_test import EVIL, run_until

RUN, OTHER_RUN = "00000000000000aa", "00000000000000bb"


def event(seq, **more):
    return {"seq": seq, "time": f"2026-11-21T10:17:45.{seq:03}Z", "mono_us": seq, "node": "use1-a", "event": "step_done", "level": "info",
            "service": "shop", "text": f"text number {seq}", **more}


def answer(first, last, **more):
    return good({"run": RUN, "events": [event(seq) for seq in range(first, last + 1)], "next": last, "more": False, "missed": 0,
                 "restarted": False, "cut": False, **more})


class Newest(Ctl):
    def test_as_people_read_them(self):
        daemon, out, _ = self.check(script(events=answer(1, 3)), ["events"], 0, "2026-11-21T10:17:45.002Z  step_done", "shop: text number 2")
        self.assertEqual(daemon.requests, [{"id": 1, "command": "events", "limit": 20}])
        self.assertEqual(len(out.splitlines()), 3)
        plain = good({**answer(1, 1)["result"], "events": [event(1, service=None)]})
        self.assertNotIn("shop", self.check(script(events=plain), ["events", "shop"], 0)[1])
        self.assertEqual(self.check(script(events=answer(1, 0, next=0)), ["events"], 0)[1], "")

    def test_pages(self):
        pages = [answer(1, 2, more=True), answer(3, 4, more=True), answer(5, 5)]
        daemon, out, _ = self.check(script(events=pages), ["events", "shop", "--since", "500"], 0)
        self.assertEqual([line.split()[-1] for line in out.splitlines()], ["1", "2", "3", "4", "5"])
        self.assertEqual(daemon.requests, [{"id": 1, "command": "events", "service": "shop", "limit": 500}] +
                         [{"id": 1, "command": "events", "service": "shop", "after": n, "run": RUN} for n in (2, 4)])

    def test_since(self):
        for given, sent in (("2026-11-21", "2026-11-21T00:00:00.000Z"), ("2026-11-21T10:17", "2026-11-21T10:17:00.000Z"),
                            ("2026-11-21T10:17:45Z", "2026-11-21T10:17:45.000Z"), ("2026-11-21T10:17:45.123Z", "2026-11-21T10:17:45.123Z")):
            daemon, _, _ = self.check(script(events=answer(1, 1)), ["events", "--since", given], 0)
            self.assertEqual(daemon.requests[0], {"id": 1, "command": "events", "since": sent})
        daemon, _, _ = self.check(script(events=answer(1, 1)), ["events", "--since", "2h"], 0)
        sent = datetime.datetime.fromisoformat(daemon.requests[0]["since"])
        age = datetime.datetime.now(datetime.timezone.utc) - sent
        self.assertLess(abs(age.total_seconds() - 7200), 60)
        for given in ("0", "1001", "-5", "yesterday", "10:17", "2026-11-21 10:17", "2026-11-21T10:17:4", "2026-1x-21", ""):
            self.assertEqual(self.run_ctl("/nonexistent", "events", "--since", given)[0], 2, given)
        for words in (["events", "a", "b"], ["events", "Shop"], ["status", "--follow"], ["history", "--since", "5"]):
            self.assertEqual(self.run_ctl("/nonexistent", *words)[0], 2, words)

    def test_json_is_a_line_of_the_journal_a_line(self):
        _, out, _ = self.check(script(events=answer(1, 2, missed=7, cut=True)), ["--json", "events"], 0)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(lines[2:], [event(1), event(2)])
        self.assertEqual([line["gap"]["missed"] for line in lines[:2]], [0, 7])

    def test_what_is_missing_is_said(self):
        self.check(script(events=answer(5, 6, cut=True)), ["events", "--since", "2h"], 0, "-- older events are not at hand")
        _, out, _ = self.check(script(events=answer(5, 6, missed=12)), ["events"], 0)
        self.assertTrue(out.startswith("-- 12 events of this node are missing here"), out)

    def test_refused_or_nobody_there(self):
        self.check(script(events=refusal("no_service", 2)), ["events", "shoe"], 2, "do this next")
        self.assertEqual(self.run_ctl("/nonexistent/sock", "events")[0], 5)
        self.assertEqual(self.run_ctl("/nonexistent/sock", "events", "--follow")[0], 5)

    def test_answers_that_make_no_sense(self):
        whole = answer(1, 1)["result"]
        changes = ({"events": 5}, {"next": "7"}, {"next": -1}, {"next": 1.5}, {"run": 5}, {"run": "x"}, {"run": None})
        for odd in ({}, *({**whole, **change} for change in changes)):
            for more in ([], ["--follow"]):
                self.check(script(events=good(odd)), ["events", *more], 5, "did not answer as it should")
        # asked on, it would be for ever
        self.check(script(events=[answer(1, 2, more=True)]), ["events"], 5, "cursor does not go on")
        self.check(script(events=[answer(1, 5, more=True), answer(3, 4)]), ["events"], 5, "cursor does not go on")
        for events in ([7, None, [], "x", {}], [{"time": [], "event": EVIL, "text": EVIL, "service": 5, "level": EVIL}]):
            daemon = self.daemon(script(events=good({**whole, "events": events})))
            code, out, _ = self.run_ctl(daemon.path, "events")
            self.assertEqual(code, 0)
            self.assertNotIn("\x1b", out)
            self.assertNotIn("\x1b", self.run_ctl(daemon.path, "--json", "events")[1])


class Following(Ctl):
    def follow(self, answers, count, *more, code=0, signal_number=signal.SIGINT):
        daemon = self.daemon(script(events=answers))
        got, out, err = run_until(daemon, *more, "events", "--follow", until=lambda r: len(r) >= count,
                                  signal_number=signal_number)
        self.assertEqual(got, code, out + err)
        return daemon, out, err

    def test_those_that_come(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            answers = [answer(1, 2), answer(3, 2, next=2), answer(3, 4), answer(5, 4, next=4)]
            daemon, out, err = self.follow(answers, 5, signal_number=number)
            self.assertEqual([line.split()[-1] for line in out.splitlines()], ["1", "2", "3", "4"], err)
            self.assertEqual([r.get("after") for r in daemon.requests[:4]], [None, 2, 2, 4])

    def test_gaps_and_restarts_are_said_where_they_are(self):
        _, out, _ = self.follow([answer(1, 2), answer(9, 9, missed=6), answer(3, 3, run=OTHER_RUN, missed=1),
                                 answer(4, 3, next=3, run=OTHER_RUN)], 5)
        self.assertEqual([line[:12] for line in out.splitlines()], ["2026-11-21T1", "2026-11-21T1", "-- 6 events ", "2026-11-21T1",
                                                                    "-- failoverd", "-- 1 event o", "2026-11-21T1"])

    def test_silence_is_said_and_waited_for(self):
        daemon, out, err = self.follow([answer(1, 2), b"", b"{}\n", answer(1, 1), answer(3, 3), answer(4, 3, next=3)], 7)
        self.assertEqual(err.count("does not answer"), 1, err)
        self.assertEqual(err.count("answers again"), 1, err)
        self.assertEqual(len(out.splitlines()), 3)
        self.assertEqual([r.get("after") for r in daemon.requests[1:6]], [2, 2, 2, 2, 3])

    def test_a_refusal_ends_it(self):
        self.follow([answer(1, 2), refusal("denied", 2)], 99, code=2)


def main():
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(
        unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, (Newest, Following))))
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 0 if bad == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
