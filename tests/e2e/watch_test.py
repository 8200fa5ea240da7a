#!/usr/bin/env python3
"""What a person follows on a real cluster: `status --watch` on a terminal, `events --follow`, `wait` and `operation
show`, through a switchover and a restart of the coordinator that is asked.

    watch_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import re
import signal
import subprocess

import e2e
import tmux
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS, labs

END_S = 30
UNKNOWN = "0" * 16


def ctl(lab, region, *words):
    """failoverctl of that region, as words that run it there."""
    return lab.prefix(region) + [str(labs.BUILD / "failoverctl"), "--socket", str(lab.node_folder(region) / "control.sock"), *words]


class Follower:
    """`failoverctl events --follow` of one region, with what it has printed so far."""

    def __init__(self, lab, region, *more):
        self.path = lab.folder / "logs" / f"events-{region}.txt"
        self.output = open(self.path, "wb")
        self.process = subprocess.Popen(ctl(lab, region, *more, "events", "--follow"), stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT, env=lab.environment(region), cwd=lab.folder)

    def text(self):
        return self.path.read_text(encoding="utf-8")

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()
        return self.process.returncode


def begin_switchover(suite, lab):
    """Ordered without waiting; gives the operation's id."""
    lab.wait_for(lambda: lab.failoverctl(WEST, "switchover", SERVICE, "--to", WEST, "--dry-run")[0] == 0, 30, "a switchover would begin")
    code, output = e2e.order(lab, WEST, "switchover", SERVICE, "--to", WEST, "--reason", "to be watched", "--yes", "--no-wait")
    found = re.search(r"failoverctl wait ([0-9a-f]{16})", output)
    if not suite.expect(code == 6 and found, "a switchover with --no-wait: exit code 6, and how to watch it", output):
        raise labs.LabError("no operation to watch")
    return found.group(1)


def wait_for_it(suite, lab, operation):
    code, output = e2e.order(lab, WEST, "wait", operation)
    suite.expect(code == 0 and f"writer of {SERVICE} is {WEST}" in output, "wait at the node that carries it out: exit code 0", output)
    steps = re.findall(r"step (\w+) done in", output)
    suite.expect(not steps or steps[-1] == "finish" and len(steps) == len(set(steps)), "it shows each step that was done, once", output)
    suite.expect(bool(steps) or "is over" in output, "steps, unless it was over before", output)
    for region in (EAST, WITNESS):
        code, output = e2e.order(lab, region, "wait", operation)
        suite.expect(code == 0 and f"operation {operation} of {SERVICE} is over" in output or "done after" in output,
                     f"wait in {region}, afterwards: exit code 0", output)


def show_it(suite, lab, operation):
    code, output = e2e.order(lab, WEST, "operation", "show", operation)
    suite.expect(code == 0 and f"operation {operation} is over: done" in output and "to be watched" in output and "promote" in output,
                 "operation show: done, with reason and steps", output)
    code, output = e2e.order(lab, EAST, "operation", "show", operation, "--json")
    suite.expect(code == 0 and json.loads(output)["state"] == "done", "operation show at another node, as JSON", output)
    for words in (("operation", "show", UNKNOWN), ("wait", UNKNOWN, "--timeout", "1")):
        code, output = e2e.order(lab, EAST, *words)
        suite.expect(code == 2 and "knows of no operation" in output and "failoverctl history" in output,
                     f"{words[0]} with an unknown id: exit code 2, and where to look", output)


def restart_coordinator(lab, region):
    old = lab.coordinators[region]
    old.expected_end = True
    old.end()
    return lambda: lab.start_coordinator(region)


def documents(suite, lab, *words):
    """What a program reads that watches: a document a line, until Ctrl-C."""
    process = subprocess.Popen(ctl(lab, WEST, *words, "--json"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=lab.environment(WEST), cwd=lab.folder)
    try:
        lines = [process.stdout.readline().decode() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        lines += process.communicate(timeout=END_S)[0].decode().splitlines()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    for line in lines:
        lab.answers.take([words[0], "--json"], line)
    suite.expect(process.returncode == 0 and all(isinstance(json.loads(line), dict) for line in lines),
                 f"{' '.join(words)} --json: a document a line, exit code 0 at Ctrl-C", lines)


def test_watch(suite, lab):
    e2e.bring_up(lab)
    documents(suite, lab, "status", "--watch", "--interval", "200ms")
    documents(suite, lab, "events", "--follow", "--since", "5")
    follower = Follower(lab, WITNESS)
    try:
        words = ctl(lab, WITNESS, "status", "--watch")
        with tmux.Terminal(words, columns=150, rows=50, environment=lab.environment(WITNESS)) as terminal:
            through_it(suite, lab, terminal, follower)
    finally:
        follower.end()


def through_it(suite, lab, terminal, follower):
    terminal.wait_for(lambda s: f"writer {EAST}" in s, "the writer on the screen")
    operation = begin_switchover(suite, lab)
    wait_for_it(suite, lab, operation)
    screen = terminal.wait_for(lambda s: f"writer {WEST}" in s, "the new writer on the screen")
    suite.expect(screen.count(f"seen by {NAMES[WITNESS]}") == 1, "status --watch shows the new writer, in one picture", screen)
    terminal.resize(60, 16)
    screen = terminal.wait_for(lambda s: len(s.splitlines()) == 16 and "more lines" in s, "a smaller picture")
    suite.expect(max(len(line) for line in screen.splitlines()) <= 60, "it follows the terminal's size", screen)
    show_it(suite, lab, operation)

    start = restart_coordinator(lab, WITNESS)
    screen = terminal.wait_for(lambda s: s.startswith("OLD, ") and "does not answer" in s.replace("\n", " "), "the daemon is gone")
    suite.expect(f"writer {WEST}" in screen, "without its daemon the last picture stays, marked as old", screen)
    lab.wait_for(lambda: "does not answer" in follower.text(), END_S, "events --follow says that the daemon is gone")
    start()
    terminal.wait_for(lambda s: not s.startswith("OLD") and f"writer {WEST}" in s, "the daemon is back")
    lab.wait_for(lambda: "-- failoverd was restarted" in follower.text(), END_S, "events --follow says that it was restarted")
    terminal.keys("C-c")
    screen = terminal.wait_for(lambda s: "exit code" in s, "the end")
    suite.expect("exit code 0" in screen and terminal.BEFORE in screen and terminal.other_screen() == (False, False),
                 "Ctrl-C: exit code 0, and the terminal is as it was", screen)
    followed_everything(suite, lab, follower, operation)


def followed_everything(suite, lab, follower, operation):
    """What was printed is what the journal has, without a hole."""
    lab.wait_for(lambda: follower.text().count("voting") > 0, END_S, "an event after the restart")
    suite.expect(follower.end() == 0, "events --follow: Ctrl-C ends it with exit code 0")
    text = follower.text()
    followed = re.findall(r"^(20\S+Z)  (\w+) ", text, re.M)
    written = [(line["time"], line["event"]) for line in lab.journal(WITNESS)]
    # the first of them may share its millisecond with events before it, so every place is tried
    places = [first for first in range(len(written)) if written[first:first + len(followed)] == followed]
    suite.expect("missing" not in text and followed and places,
                 f"{len(followed)} events were followed, over the restart, none is missing or twice",
                 f"{text}\nthe journal has {written}")
    suite.expect(any(line.get("operation") == operation and line["text"] in text for line in lab.journal(WITNESS)),
                 "the switchover is among them")
    code, output, _ = lab.failoverctl(WITNESS, "events", "--json", "--since", "1000")
    told = [json.loads(line) for line in output.splitlines()]
    journal = lab.journal(WITNESS)
    suite.expect(code == 0 and len(told) >= min(len(journal), 1000) - 5 and all(line in journal for line in told[:-5]),
                 f"events --json: {len(told)} lines as they are in the journal")
    code, output, _ = lab.failoverctl(WITNESS, "events", SERVICE, "--since", "3")
    suite.expect(code == 0 and len(output.splitlines()) == 3 and all(f"{SERVICE}: " in line for line in output.splitlines()),
                 "events of one service, the newest three", output)


if __name__ == "__main__":
    e2e.main("watch", [("watched through a switchover and a restart", test_watch, 120, e2e.brisk(heartbeat="400ms", renew_every="400ms"))])
