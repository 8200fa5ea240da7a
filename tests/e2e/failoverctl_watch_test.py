#!/usr/bin/python3
"""`failoverctl status --watch` against a fake daemon: on a terminal (tmux), into a pipe, and as JSON; whatever the
daemon answers or doesn't.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

import tmux
from failoverctl_test import COMMAND, DRY, TIMEOUT_S, Ctl, good, refusal, running, script, status

EVIL = "\x1b]0;owned\x07\x1b[2J\u009b31m"
BRISK = ["--watch", "--interval", "200ms"]


def run_until(daemon, *more, until, signal_number=signal.SIGINT):
    """Runs it into pipes until `until(requests)`, then ends it: exit code, output, error text."""
    process = subprocess.Popen([COMMAND, "--socket", daemon.path, *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while not until(daemon.requests) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal_number)
        out, err = process.communicate(timeout=TIMEOUT_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return process.returncode, out, err


class Watching(Ctl):
    def test_into_a_pipe_a_block_each_interval(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            daemon = self.daemon(script(status=[good(status()), good(status()), good(running())]))
            code, out, err = run_until(daemon, "status", "shop", *BRISK, until=lambda r: len(r) > 4, signal_number=number)
            self.assertEqual((code, err), (0, ""), out)
            self.assertNotIn("\x1b", out)
            self.assertGreaterEqual(out.count("\n== 20"), 2)
            self.assertGreaterEqual(out.count("us-east-1 is the writer; all 3"), 2)
            self.assertIn("step fence", out)
            self.assertTrue(all(r["command"] == "status" and r["service"] == "shop" for r in daemon.requests))

    def test_json_is_a_document_a_line(self):
        daemon = self.daemon(script(status=[good(status()), b"", refusal("denied", 2), good(running())]))
        code, out, _ = run_until(daemon, "--json", "status", *BRISK, until=lambda r: len(r) > 4)
        documents = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(code, 0)
        self.assertEqual(documents[0], status())
        self.assertEqual([d.get("ok") for d in documents[1:3]], [False, False])
        self.assertEqual(documents[2]["error"]["code"], "denied")
        self.assertEqual(documents[3], running())

    def test_silence_is_said(self):
        daemon = self.daemon(script(status=[good(status()), b"", b"{}\n", refusal("denied", 2), good([]), good(status())]))
        code, out, _ = run_until(daemon, "status", *BRISK, until=lambda r: len(r) > 6)
        self.assertEqual(code, 0)
        self.assertEqual(out.count("failoverd does not answer"), 4, out)
        self.assertIn("refused: denied", out)

    def test_without_a_first_answer_it_ends_as_status_does(self):
        self.assertEqual(self.run_ctl("/nonexistent/sock", "status", "--watch")[0], 5)
        self.check(script(status=refusal("no_service", 2)), ["status", "shoe", "--watch"], 2, "do this next")
        self.check(script(status=b"hello\n"), ["status", "--watch"], 5)

    def test_usage(self):
        for words in (["status", "--interval", "1s"], ["status", "--watch", "--interval", "0s"], ["status", "--watch", "--interval", "5"],
                      ["status", "--watch", "--interval", "2h"], ["history", "--watch"]):
            self.assertEqual(self.run_ctl("/nonexistent", *words)[0], 2, words)

    def test_a_full_output_is_a_failure(self):
        daemon = self.daemon(script(status=good(status())))
        for words in (["status"], ["--json", "status"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([COMMAND, "--socket", daemon.path, *words, *BRISK], stdout=full, check=False,
                                      stderr=subprocess.DEVNULL, timeout=TIMEOUT_S)
            self.assertEqual(done.returncode, 1)


class OnATerminal(Ctl):
    def terminal(self, daemon, *more, **options):
        terminal = tmux.Terminal([COMMAND, "--socket", daemon.path, "status", *(more or BRISK)], **options)
        self.addCleanup(terminal.close)
        return terminal

    def ended(self, terminal, code=0):
        """The program is over, and the terminal is as it was before: its text, its cursor, echo and lines."""
        screen = terminal.wait_for(lambda s: "exit code" in s and "icanon\n" in s and "echo\n" in s.split("icanon")[1], "the program's end")
        self.assertIn(f"exit code {code}\n", screen)
        self.assertIn(terminal.BEFORE, screen)
        self.assertEqual(terminal.other_screen(), (False, False))
        self.assertIn("\necho\n", screen)
        self.assertIn("\nicanon\n", screen)
        return screen

    def test_in_its_place_until_ctrl_c(self):
        now = [status()]
        daemon = self.daemon(lambda _: good(now[0]))
        terminal = self.terminal(daemon, columns=160)
        screen = terminal.wait_for(lambda s: "a warning text" in s, "the first picture")
        self.assertNotIn(terminal.BEFORE, screen)
        self.assertEqual(terminal.other_screen(), (True, True))
        self.assertEqual(screen.count("writer us-east-1"), 1)
        self.assertIn("every 200ms; Ctrl-C ends", screen.splitlines()[0])
        now[0] = running()
        screen = terminal.wait_for(lambda s: "step fence (3 of 13)" in s, "what is new")
        self.assertNotIn("writer us-east-1", screen)
        now[0] = status()
        screen = terminal.wait_for(lambda s: "step fence" not in s and "a warning text" in s, "nothing is left of the longer picture")
        terminal.keys("x", "y", "z")
        time.sleep(0.5)
        self.assertNotIn("xyz", terminal.screen())
        terminal.keys("C-c")
        self.assertNotIn("xyz", self.ended(terminal))

    def test_it_follows_the_terminals_size(self):
        text = status(headline="us-east-1 is the writer; all 3 observers see it healthy, and this line is long. " + "End." * 20)
        daemon = self.daemon(script(status=good(text)))
        terminal = self.terminal(daemon, columns=160, rows=40)
        wide = terminal.wait_for(lambda s: "a warning text" in s)
        for columns, rows in ((60, 50), (30, 12), (12, 5), (100, 40), (160, 40)):
            terminal.resize(columns, rows)
            screen = terminal.wait_for(lambda s, r=rows: len(s.splitlines()) == r and s.splitlines()[0][:1] == "2" and
                                       ("more lines" in s or "seen by" in s or r < 6), f"a picture of {columns} by {rows}")
            self.assertLessEqual(max(len(line) for line in screen.splitlines()), columns)
        terminal.wait_for(lambda s: s.splitlines()[1:] == wide.splitlines()[1:], "the first picture again")
        terminal.keys("C-c")
        self.ended(terminal)

    def test_a_daemon_that_falls_silent_leaves_an_old_picture(self):
        mute = [False]
        daemon = self.daemon(lambda _: b"" if mute[0] else good(status()))
        terminal = self.terminal(daemon)
        terminal.wait_for(lambda s: "a warning text" in s)
        mute[0] = True
        screen = terminal.wait_for(lambda s: s.startswith("OLD, "), "it says that the picture is old")
        self.assertIn("failoverd does not answer", screen)
        self.assertIn("writer us-east-1", screen)
        terminal.wait_for(lambda s, first=screen.splitlines()[0]: s.splitlines()[0] != first, "its age goes on")
        mute[0] = False
        terminal.wait_for(lambda s: not s.startswith("OLD") and "a warning text" in s, "it answers again")
        terminal.keys("C-c")
        self.ended(terminal)

    def test_other_ways_out(self):
        daemon = self.daemon(script(status=good(status())))
        for number, code in ((signal.SIGTERM, 0), (signal.SIGQUIT, 131)):
            terminal = self.terminal(daemon)
            terminal.wait_for(lambda s: "a warning text" in s)
            os.kill(self.program(terminal), number)
            self.ended(terminal, code)

    def program(self, terminal):
        """failoverctl's pid: the pane's shell has no other child."""
        shell = terminal.pane_pid()
        children = pathlib.Path(f"/proc/{shell}/task/{shell}/children").read_text(encoding="ascii").split()
        self.assertEqual(len(children), 1)
        return int(children[0])

    def test_a_stop_gives_the_terminal_back_for_as_long(self):
        daemon = self.daemon(script(status=good(status())))
        terminal = self.terminal(daemon)
        terminal.wait_for(lambda s: "a warning text" in s)
        pid = self.program(terminal)
        terminal.keys("C-z")
        screen = terminal.wait_for(lambda s: terminal.BEFORE in s, "what was there before, while it is stopped")
        self.assertNotIn("a warning text", screen)
        self.assertEqual(terminal.other_screen(), (False, False))
        os.kill(pid, signal.SIGCONT)
        terminal.wait_for(lambda s: "a warning text" in s, "the picture again")
        self.assertEqual(terminal.other_screen(), (True, True))
        terminal.keys("C-c")
        self.ended(terminal)

    def test_nothing_of_an_answer_steers_the_terminal(self):
        def poison(value):
            if isinstance(value, dict):
                return {k: poison(v) for k, v in value.items()}
            if isinstance(value, list):
                return [poison(v) for v in value]
            return EVIL + value if isinstance(value, str) else value
        daemon = self.daemon(lambda _: good(poison(status())))
        terminal = self.terminal(daemon)
        terminal.wait_for(lambda s: "seen by" in s)
        self.assertNotIn("owned", terminal.tmux("display-message", "-p", "#{pane_title}"))
        terminal.keys("C-c")
        self.ended(terminal)

    def test_colours(self):
        daemon = self.daemon(script(status=good(status())))
        for more, coloured in ((BRISK, True), (["--no-color", *BRISK], False)):
            terminal = self.terminal(daemon, *more)
            terminal.wait_for(lambda s: "a warning text" in s)
            self.assertEqual("\x1b[" in terminal.tmux("capture-pane", "-p", "-e"), coloured)
            terminal.keys("C-c")
            self.ended(terminal)


class NarrowTerminal(Ctl):
    """Not a picture of its own: what any command prints."""
    COLUMNS = (40, 60, 80, 120)

    def printed(self, daemon, words, columns):
        """What is on a terminal of that width, rows as they are."""
        with tmux.Terminal([COMMAND, "--socket", daemon.path, *words], columns=columns, rows=160) as terminal:
            screen = terminal.wait_for(lambda screen: "exit code" in screen)
        before, _, rest = screen.partition(tmux.Terminal.BEFORE)
        return [row.rstrip() for row in rest.partition("exit code")[0].splitlines()]

    def whole_words(self, daemon, words):
        """On no width is a word cut in two; on each all of them are there."""
        wide = self.run_ctl(daemon.path, *words)
        wanted = set((wide[1] + wide[2]).split())
        for columns in self.COLUMNS:
            rows = self.printed(daemon, words, columns)
            shown = {word for row in rows for word in row.split()}
            titles = {word.lower() + ":" for word in wanted if word.isupper()}
            cut = sorted(word for word in shown - wanted - titles if not word.isdigit() and len(word) <= columns)
            self.assertEqual(cut, [], (columns, "\n".join(rows)))
            lost = sorted(word for word in wanted - shown if word != "-" and not word.isupper() and len(word) <= columns)
            self.assertEqual(lost, [], (columns, "\n".join(rows)))

    def test_no_word_is_cut(self):
        self.whole_words(self.daemon(script(status=good(running()))), ["status", "--verbose"])
        self.whole_words(self.daemon(script(dry_run=good(DRY))), ["failover", "shop", "--to", "us-west-2", "--dry-run"])
        self.whole_words(self.daemon(script(status=refusal("denied", 2))), ["status"])

    def test_help_needs_no_more_than_80_columns(self):
        for name in self.run_ctl("/nonexistent", "complete", "help", "")[1].split():
            for line in self.run_ctl("/nonexistent", "help", name)[1].splitlines():
                if line.startswith("  "):
                    self.assertLessEqual(len(line), 80, (name, line))


def main():
    cases = (Watching, OnATerminal, NarrowTerminal)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(
        unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, cases)))
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 0 if bad == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
