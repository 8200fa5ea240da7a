#!/usr/bin/env python3
"""An order on a terminal: what is irreversible is typed, a slip changes nothing, and Ctrl-C leaves alone what has
begun.

    confirm_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import re

import e2e
import tmux
from e2e import EAST, SERVICE, WEST
from watch_test import ctl

INSYNC_MS = 6000                # long enough for keys while it runs
QUESTION = f"Type {WEST} to go on:"


def terminal(lab, *words):
    return tmux.Terminal(ctl(lab, WEST, *words), columns=160, rows=60, environment=lab.environment(WEST))


def flat(screen):
    return " ".join(screen.split())


def told(lab):
    """What an order could have changed, and the audit trail's newest line."""
    seen = e2e.status_of(lab, WEST)
    status = lab.status(WEST)
    return (seen["epoch"], seen["writer"], (seen["operation"] or {}).get("id"), (seen["last_operation"] or {}).get("id")), status["audit"]["seq"]


def test_slips(suite, lab):
    e2e.bring_up(lab)
    order = ("failover", SERVICE, "--to", WEST, "--skip-gate", "majority_failed", "--reason", "typed")
    before = told(lab)
    for what, keys in (("another region's name", (EAST, "Enter")), ("nothing", ("Enter",)), ("the name in capitals", (WEST.upper(), "Enter")),
                       ("more than the name", (WEST + "x", "Enter")), ("the end of input", ("C-d",)), ("Ctrl-C", ("C-c",))):
        with terminal(lab, *order) as at:
            screen = at.wait_for(lambda s: QUESTION in s, "the question")
            suite.expect("can't be undone" in screen and "no way back from here on" in screen, f"{what}: steps and question are shown", screen)
            at.keys(*keys)
            screen = at.wait_for(lambda s: "exit code" in s, "the end")
            suite.expect("exit code 2" in screen and "nothing was changed" in screen, f"{what}: exit code 2, nothing was changed", screen)
    suite.expect(told(lab) == before, "and nothing was: same epoch, writer and operations, and no line in the audit trail", (told(lab), before))
    code, output, error = lab.failoverctl(WEST, *order)
    suite.expect(code == 2 and "no terminal to ask on" in error, "without a terminal and without --yes: exit code 2", output + error)


def test_right_word(suite, lab):
    e2e.bring_up(lab)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    with terminal(lab, "failover", SERVICE, "--to", WEST, "--skip-gate", "majority_failed", "--reason", "typed") as at:
        at.wait_for(lambda s: QUESTION in s, "the question")
        suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch, "while it asks nothing has begun")
        at.keys(WEST, "Enter")
        at.wait_for(lambda s: "the operation has begun" in s and "step " in s.split("the operation has begun")[1], "steps of the operation")
        at.keys("C-c")
        screen = at.wait_for(lambda s: "exit code" in s, "the end")
        found = re.search(r"operation ([0-9a-f]{16}): the operation has begun", screen)
        suite.expect("exit code 6" in screen and "interrupted" in screen and "goes on without us" in flat(screen)
                     and "Watch it with: failoverctl" in flat(screen),
                     "Ctrl-C while it runs: exit code 6, it goes on, and how to watch it", screen)
    if not suite.expect(found, "the operation's id was shown", screen):
        return
    running = (e2e.status_of(lab, WEST)["operation"] or {}).get("id")
    suite.expect(running == found.group(1), "it runs still", running)
    code, output = e2e.order(lab, WEST, "wait", found.group(1))
    suite.expect(code == 0 and f"writer of {SERVICE} is {WEST}" in output, "and comes to its end", output)
    history = json.loads(e2e.order(lab, WEST, "history", "--json")[1])["operations"][0]
    suite.expect(history["id"] == found.group(1) and history["outcome"] == "done" and history["why"] == "typed", "done, with the reason that was given", history)


if __name__ == "__main__":
    e2e.main("confirm", [
        ("slips change nothing", test_slips, 100, e2e.brisk(heartbeat="400ms", renew_every="400ms")),
        ("the right word, then Ctrl-C", test_right_word, 100, e2e.brisk(heartbeat="400ms", renew_every="400ms", insync_ms=INSYNC_MS)),
    ])
