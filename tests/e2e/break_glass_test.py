#!/usr/bin/env python3
"""The quorum is gone with the writer, and a person breaks the glass: refused where it is not right, typed where it is,
told at all times, and reconciled both ways when a majority is back.

    break_glass_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import re

import e2e
import tmux
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS, labs

DEAD = "the data centre burnt down, I saw it"
REASON = "the pager rang"
MAY_S = 90


def glass_of(lab, region):
    return e2e.status_of(lab, region).get("break_glass") or {}


def marks(lab, region):
    return glass_of(lab, region).get("marks", [])


def command(lab, region, *words):
    """The line that a person types in that region's namespace."""
    prefix = [str(word) for word in lab.prefix(region)]
    return [*prefix, str(labs.BUILD / "failoverctl"), "--socket", str(lab.node_folder(region) / "control.sock"), *words]


def break_words(*more):
    return ["failover", SERVICE, "--to", WEST, "--break-glass", "--reason", REASON, *more]


def lose_the_others(lab):
    for region in (EAST, WITNESS):
        lab.kill_region(region)
    lab.wait_for(lambda: not e2e.status_of(lab, WEST).get("quorum", {}).get("have", True), 20,
                 f"{NAMES[WEST]} says that the quorum is gone")


def pointed_to(suite, lab):
    """Whoever looks, and has not read the manual, is told that there is this, and what it risks."""
    for words in (["status"], ["explain", SERVICE]):
        _, said, _ = lab.failoverctl(WEST, *words)
        suite.expect(f"failoverctl failover {SERVICE} --to REGION --break-glass" in said and "at the risk of two writers" in said,
                     f"{words[0]} names the way out that is left to a person", said)


def typed(suite, lab):
    """A person at a terminal: a wrong name changes nothing; then the right one, and how it is known."""
    with tmux.Terminal(command(lab, WEST, *break_words()), columns=130, rows=40) as terminal:
        screen = terminal.wait_for(lambda s: f"Type {WEST} to go on" in s, "the question")
        suite.expect("What can't be known from here" in screen and "two databases acknowledge" in screen
                     and re.search(r"lacks: (nothing|[\d.]+ \w+ \(.*?\)) by what was known [\d.]+m?s ago", " ".join(screen.split())),
                     "what can't be known is shown before it asks, and how old the rest is", screen)
        terminal.keys("us-wets-2", "Enter")
        terminal.wait_for(lambda s: "exit code 2" in s, "a wrong name ends it")
    suite.expect(not marks(lab, WEST) and lab.databases[WEST].is_standby(), "a wrong name changed nothing")
    with tmux.Terminal(command(lab, WEST, *break_words()), columns=130, rows=40) as terminal:
        terminal.wait_for(lambda s: f"Type {WEST} to go on" in s, "the question")
        terminal.keys(WEST, "Enter")
        terminal.wait_for(lambda s: "How do you know" in s, "the second question")
        terminal.keys("-l", DEAD)
        terminal.keys("Enter")
        screen = terminal.wait_for(lambda s: "exit code" in s, "it ends", MAY_S)
    suite.expect("exit code 0" in screen and "No lease stands behind it" in screen and "By hand" in screen,
                 "typed: the database is open, and which records to change by hand is said", screen)


def in_json(suite, lab):
    """A program, on behalf of a person."""
    code, said = e2e.order(lab, WEST, *break_words("--dry-run", "--json"))
    suite.expect(code == 0 and not json.loads(said)["marks"] and lab.databases[WEST].is_standby(), "a dry run makes no mark", said)
    code, said = e2e.order(lab, WEST, *break_words("--yes", "--old-is-dead", DEAD, "--json"))
    told = json.loads(said)
    suite.expect(code == 0 and told["open"] and told["break_glass"]["marks"][0]["id"] == told["mark"], "as JSON: open, by which mark", said)


def broken(suite, lab, order):
    """From a lab that is well to one whose standby serves by a person's word, given by `order`."""
    client = e2e.bring_up(lab)
    code, said = e2e.order(lab, WEST, *break_words("--yes", "--old-is-dead", DEAD))
    suite.expect(code == 3 and "majority" in said and not marks(lab, WEST), f"refused while a majority is heard: {said}")
    code, said = e2e.order(lab, WEST, *break_words("--dry-run"))
    suite.expect(code == 0 and "While it does this is refused" in said, "and a person is told so before it asks", said)
    lose_the_others(lab)
    pointed_to(suite, lab)
    code, said = e2e.order(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", REASON, "--yes")
    suite.expect(code == 4 and "too few voters" in said and "--break-glass" in said,
                 f"an ordinary failover: no quorum, exit code 4, and what is left: {said[-300:]}")
    code, said = e2e.order(lab, WEST, *break_words("--yes"))
    suite.expect(code == 2 and "--old-is-dead" in said, f"refused without saying how it is known: {said}")
    code, said = e2e.order(lab, WEST, "failover", SERVICE, "--to", EAST, "--break-glass", "--reason", REASON, "--yes",
                           "--old-is-dead", DEAD)
    suite.expect(code == 3 and "guards" in said, f"refused for another region's database: {said[-200:]}")
    order(suite, lab)
    mark = marks(lab, WEST)[0]
    suite.expect(mark["state"] == "stands" and mark["old_is_dead"] == DEAD and mark["reason"] == REASON and mark["own"]
                 and glass_of(lab, WEST)["open_by_mark"], "status shows the mark, whose word it was, and that it is open", mark)
    code, text, _ = lab.failoverctl(WEST, "status")
    suite.expect(code == 0 and "glass_broken" in text and "nothing proves that it is the only writer" in text,
                 "and says that nothing proves one writer", text)
    lab.wait_for(lambda: open_glass(lab, WEST), 10, "people are called for it")
    audit = e2e.order(lab, WEST, "audit", "show", str(lab.node_folder(WEST) / "state" / "audit.jsonl"), "--json")[1]
    suite.expect(DEAD in audit and REASON in audit, "the audit trail has the person's words", audit[-2000:])
    code, said = e2e.order(lab, WEST, *break_words("--yes", "--old-is-dead", DEAD))
    suite.expect(code == 3 and "broken already" in said, f"refused the second time: {said[-200:]}")
    code, _, error = lab.failoverctl(WEST, "may-write", SERVICE)
    suite.expect(code == 0, f"its database may be started again as the primary that it is {error}")
    lab.coordinators[WEST].kill()
    lab.start_coordinator(WEST)
    lab.wait_for(lambda: glass_of(lab, WEST).get("open_by_mark"), 20, "a restarted coordinator goes on by its mark")
    write_row(lab, WEST, "by-mark")
    return client


def open_glass(lab, region):
    """The texts of what that node would call people for, because of the glass."""
    found = json.loads(e2e.order(lab, region, "incidents", "--json")[1])["incidents"]
    return [i["text"] for i in found if i["event"] == "glass" and i["severity"] == "critical" and i["needs_person"]]


def write_row(lab, region, word):
    with lab.databases[region].connect() as session:
        session.query(f"create table if not exists glass (word text); insert into glass values ('{word}')", timeout_s=30)


def words_in(lab, region):
    with lab.databases[region].connect() as session:
        return [row[0] for row in session.query("select word from glass", timeout_s=30)]


def test_keep_marked(suite, lab):
    client = broken(suite, lab, typed)
    lab.start_region(WITNESS)
    lab.wait_for(lambda: marks(lab, WITNESS), 30, f"{NAMES[WITNESS]} shows the mark")
    lab.wait_for(lambda: all(e2e.node_status(lab, region).get("mute") is None and e2e.status_of(lab, region).get("ledger_known")
                             for region in (WEST, WITNESS)), 20, "both vote, and know the ledger")
    lab.wait_for(lambda: any("reconcile" in text for text in open_glass(lab, WITNESS)), 30, "with a majority back, people are called to reconcile")
    code, said = e2e.order(lab, WITNESS, "failover", SERVICE, "--to", WEST, "--reason", REASON, "--yes",
                           "--skip-gate", "majority_failed", "--skip-gate", "no_mark", "--skip-gate", "fence")
    suite.expect(code == 3 and "no_mark" in said and "reconcile" in said, f"no failover begins meanwhile: {said}")
    code, said = e2e.order(lab, WITNESS, "reconcile", SERVICE, "--keep", WITNESS, "--reason", REASON, "--yes")
    suite.expect(code == 3, f"a region without a side is refused: {said[-200:]}")
    code, said = e2e.order(lab, WITNESS, "reconcile", SERVICE, "--keep", WEST, "--reason", REASON)
    suite.expect(code == 2 and "--yes" in said, f"it asks, and without a terminal it needs --yes: {said[-120:]}")
    code, said = e2e.order(lab, WITNESS, "reconcile", SERVICE, "--keep", WEST, "--reason", REASON, "--yes", "--json")
    suite.expect(code == 0 and json.loads(said)["outcome"] == "done", "reconciled, the marked side kept", said)
    e2e.wait_until_done(lab, WEST, 30)
    service = e2e.status_of(lab, WEST)
    suite.expect(service["writer"] == WEST and not marks(lab, WEST) and not marks(lab, WITNESS) and service["lease"]["held_by"],
                 "it writes under a lease, and nobody shows a mark any more", service["headline"])
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    lab.start_region(EAST)
    lab.wait_for(lambda: e2e.region_in(e2e.status_of(lab, EAST), EAST).get("guard", {}).get("fence") == "confirmed", 30,
                 "the old writer is fenced when it is back")
    suite.expect("by-mark" in words_in(lab, WEST), "what was written by the mark is there")
    client.process.end()


def test_keep_old(suite, lab):
    client = broken(suite, lab, in_json)
    for region in (EAST, WITNESS):
        lab.start_region(region)
    lab.wait_for(lambda: marks(lab, EAST) and marks(lab, WITNESS), 30, "both others show the mark")
    lab.wait_for(lambda: (e2e.region_in(e2e.status_of(lab, EAST), WEST).get("guard") or {}).get("fence") == "open", 30,
                 f"{NAMES[EAST]} hears the marked node itself")
    lab.wait_for(lambda: e2e.node_status(lab, WEST).get("mute") is None, 20, f"{NAMES[WEST]} votes again")
    fence = e2e.region_in(e2e.status_of(lab, EAST), EAST).get("guard", {}).get("fence")
    suite.expect(fence != "open" and glass_of(lab, WEST)["open_by_mark"] and e2e.status_of(lab, EAST)["state"] == "glass_broken",
                 f"the old writer is not opened beside it (its fence is {fence}), and status is red there, too")
    code, text, _ = lab.failoverctl(EAST, "reconcile", SERVICE, "--keep", EAST, "--reason", REASON, "--dry-run")
    suite.expect(code == 0 and "beyond the fork" in text and "(kept)" in text, f"both sides are shown first: {text}")
    code, mark, _ = lab.failoverctl(EAST, "reconcile", SERVICE, "--keep", EAST, "--reason", REASON, "--dry-run", "--json")
    suite.expect(code == 0 and [s["region"] for s in json.loads(mark)["sides"]] == [WEST, EAST], "as JSON, too", mark)
    code, said = e2e.order(lab, WEST, "rejoin", SERVICE, "--reason", REASON, "--yes")
    suite.expect(code == 3 and "which side is kept" in said, f"nor is the marked one rejoined before that: {said}")
    code, said = e2e.order(lab, EAST, "reconcile", SERVICE, "--keep", EAST, "--reason", REASON, "--yes")
    suite.expect(code == 0 and "rejoin" in said, f"reconciled, the old side kept: {said[-300:]}", said)
    e2e.wait_for_writes_in(lab, client, EAST, 40)
    suite.expect(not marks(lab, EAST) and not glass_of(lab, WEST)["open_by_mark"], "the mark is gone, and its side is shut")
    suite.expect("by-mark" in words_in(lab, WEST), "what only it has is still there, to be listed")
    code, said = e2e.order(lab, EAST, "reconcile", SERVICE, "--keep", EAST, "--reason", REASON, "--yes")
    suite.expect(code == 3 and "no broken glass" in said, f"nothing is left to reconcile: {said}")
    client.process.end()


def main():
    e2e.main("break_glass", [
        ("keep the marked side", test_keep_marked, 240, e2e.brisk()),
        ("keep the old writer", test_keep_old, 240, e2e.brisk()),
    ])


if __name__ == "__main__":
    main()
