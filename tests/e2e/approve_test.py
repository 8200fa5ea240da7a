#!/usr/bin/env python3
"""Mode approve and the brake, through the real failoverctl: a failover is proposed with its evidence and waits for a
person's word, from any node; a no stays a no; an answer counts for the proposal that it names; and while one service
fails over another one is held back.

    approve_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import time

import e2e
import tmux
from e2e import EAST, SERVICE, WEST, WITNESS
from watch_test import ctl

NOBODY = "00000000000000ab"
WITHIN_S = 20
OTHER = "wiki"                  # behind SERVICE in the alphabet: e2e.status_of() gives the first service
ALL_BUT_BRAKE = ("majority_failed", "target_healthy", "target_coordinator", "target_streaming_and_timeline", "loss_within_rpo",
                 "outage_min", "cooldown", "not_paused", "fence")


def approving(cluster):
    cluster["services"][SERVICE].update(mode="approve", approve_within=f"{WITHIN_S}s", on_no_answer="go")


def proposal(lab, region):
    return e2e.status_of(lab, region).get("proposal") or {}


def wait_for_proposal(lab, former=None):
    """The newest, as the target and the witness both show it."""
    def shown():
        ids = {proposal(lab, region).get("id") for region in (WEST, WITNESS)}
        return len(ids) == 1 and ids != {None} and ids != {former} and ids.pop()
    return lab.wait_for(shown, 30, "a failover is proposed")


def expect_code(suite, lab, region, words, code, text, what):
    got, output = e2e.order(lab, region, *words)
    suite.expect(got == code and all(t in output for t in text), f"{what} (exit code {got})", output)
    return output


def test_approve(suite, lab):
    """The primary's region is lost, twice: once people say no, once yes."""
    client = e2e.bring_up(lab, approving)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    suite.expect("approve" in e2e.status_of(lab, WEST)["outlook"], "while all is well, status says who will be asked",
                 e2e.status_of(lab, WEST)["outlook"])
    expect_code(suite, lab, WEST, ("approve", NOBODY, "--yes"), 2, ["no proposal of this id"], "an unknown id is refused")
    expect_code(suite, lab, WEST, ("decline", NOBODY), 2, ["reason"], "a no without a reason is refused")
    lab.kill_region(EAST)
    first = wait_for_proposal(lab)
    evidence(suite, lab, first)
    declined(suite, lab, first, epoch)
    lab.start_region(EAST)
    lab.wait_for(lambda: not proposal(lab, WEST), 30, "the region is back, and the proposal is withdrawn")
    suite.expect(e2e.awaited_events(lab, "withdrawn", [WEST]), "the journal tells that it is withdrawn")
    expect_code(suite, lab, WEST, ("approve", first, "--yes"), 2, ["withdrawn"], "a withdrawn one is refused, and told to be")
    e2e.all_well(lab)
    before = client.last_receipt().sequence
    lab.wait_for(lambda: client.last_receipt().sequence > before + 50, 20, "the client writes again")
    e2e.all_well(lab)
    lab.kill_region(EAST)
    second = wait_for_proposal(lab, first)
    approved(suite, lab, client, second)


def evidence(suite, lab, first):
    """What people decide on, at any node."""
    time.sleep(2)
    shown = proposal(lab, WITNESS)
    suite.expect(shown.get("state") == "waits" and shown.get("to") == WEST and 0 < shown.get("left_ms", 0) <= WITHIN_S * 1000
                 and shown.get("on_no_answer") == "go", f"status shows it at the witness: {shown.get('text')}", shown)
    suite.expect(not e2e.failovers_begun(lab) and e2e.status_of(lab, WEST)["writer"] == EAST, "and nothing has begun")
    explain = json.loads(e2e.order(lab, WEST, "explain", SERVICE, "--json")[1])
    west = next(c for c in explain["candidates"] if c["region"] == WEST)
    shut = [g["name"] for g in west["gates"] if not g["open"]]
    suite.expect(shut == ["approved"] and not explain["begins"] and "person's word" in explain["why"]
                 and explain["proposal"]["id"] == first and west["loss"]["text"],
                 f"explain: every gate is open but approved; {explain['why']} {west['loss']['text']}", [shut, explain["why"]])
    expect_code(suite, lab, WITNESS, ("plan", "failover", SERVICE), 0, [first, "is proposed"], "plan shows it, and a person's order would run")
    expect_code(suite, lab, WITNESS, ("plan", "failover", SERVICE, "--json"), 0, [first], "as JSON, too")
    expect_code(suite, lab, WITNESS, ("operation", "show", first), 0, ["is proposed"], "so does operation show")
    expect_code(suite, lab, WEST, ("operation", "show", first, "--json"), 0, ['"state": "proposed"'], "and as JSON")
    told = e2e.awaited_events(lab, "proposed", [WEST])
    suite.expect(told[-1]["operation"] == first and told[-1]["level"] == "error", f"the journal: {told[-1]['text']}")
    expect_code(suite, lab, WITNESS, ("approve", first), 2, ["--yes", "Votes against", "loss_within_rpo"],
                "without a terminal a yes is not taken, and the evidence was shown")


def declined(suite, lab, first, epoch):
    expect_code(suite, lab, WITNESS, ("decline", first, "--reason", "the network is being moved", "--json"), 0, ["declined"], "declined at the witness")
    lab.wait_for(lambda: proposal(lab, WEST).get("state") == "declined", 10, "the target knows")
    shown = proposal(lab, WEST)
    suite.expect(shown["answered_by"] == "root" and shown["reason"] == "the network is being moved" and "Declined by root" in shown["text"],
                 f"status at the target says who and why: {shown['text']}", shown)
    expect_code(suite, lab, WEST, ("approve", first, "--yes"), 3, ["declined"], "a yes after the no is refused")
    expect_code(suite, lab, WEST, ("decline", first, "--reason", "me too", "--json"), 3, ["already"], "and so is another no")
    time.sleep(WITHIN_S + e2e.BRISK_CALM_S)
    service = e2e.status_of(lab, WEST)
    suite.expect(not e2e.failovers_begun(lab) and service["writer"] == EAST and service["epoch"] == epoch
                 and proposal(lab, WEST).get("id") == first,
                 "its time is over, on_no_answer is go, and nothing begins and nothing is proposed anew", service["headline"])


def slip(suite, lab, proposed):
    """On a terminal the evidence comes first, and a yes is the region's name, typed."""
    words = ctl(lab, WITNESS, "approve", proposed)
    with tmux.Terminal(words, columns=160, rows=70, environment=lab.environment(WITNESS)) as at:
        screen = at.wait_for(lambda s: f"Type {WEST} to go on:" in s, "the question")
        suite.expect("Votes against" in screen and "would lose" in screen, "approve on a terminal shows the evidence and asks", screen)
        at.keys("yes", "Enter")
        screen = at.wait_for(lambda s: "exit code" in s, "the end")
    suite.expect("exit code 2" in screen and "nothing was changed" in screen and not e2e.failovers_begun(lab)
                 and proposal(lab, WEST).get("state") == "waits", "a plain yes is a slip: exit code 2, and it is waited for still", screen)


def approved(suite, lab, client, second):
    slip(suite, lab, second)
    expect_code(suite, lab, WITNESS, ("approve", second, "--reason", "it is gone for good", "--yes", "--json"), 0, [second, "approved"],
                "approved at the witness")
    expect_code(suite, lab, WITNESS, ("wait", second, "--json"), 0, ['"outcome": "done"'], "wait follows it to its end by the same id")
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    client.process.end()
    told = json.loads(e2e.order(lab, WEST, "history", "--json")[1])["operations"][0]
    suite.expect(told["id"] == second and told["outcome"] == "done", f"history has it: {told['id']} {told['outcome']}", told)
    said = e2e.awaited_events(lab, "approved", [WEST])
    suite.expect("root" in said[-1]["text"], f"the journal tells by whom: {said[-1]['text']}")
    expect_code(suite, lab, WEST, ("approve", second, "--yes"), 2, ["refused"], "what is over can't be approved any more")
    suite.expect(not proposal(lab, WEST), "nothing is proposed any more")
    e2e.expect_one_writer(suite, lab, client, WEST)


def braked(cluster):
    """A second service beside the first, whose fence is a program that does nothing: it is only asked about here."""
    cluster["failovers_at_once"] = 1
    other = json.loads(json.dumps(cluster["services"][SERVICE]))
    del other["dns"]
    other["mode"] = "manual"
    other["fence"] = {"ladder": ["hook"], "hook": {"shut": ["/bin/true"], "open": ["/bin/true"], "on_standby": True}}
    for region in other["regions"].values():
        del region["checks"]["database"]["write_check"]
    cluster["services"][OTHER] = other


def brake_of(lab):
    services = {s["name"]: s for s in e2e.node_status(lab, WEST)["services"]}
    gates = e2e.region_in(services.get(OTHER, {}), WEST).get("gates", [])
    return next((g for g in gates if g["name"] == "blast_radius"), {})


def test_brake(suite, lab):
    """One service fails over and waits for the old lease to run out; meanwhile another is asked to."""
    client = e2e.bring_up(lab, braked)
    suite.expect(brake_of(lab).get("open") is True, f"while all is well the brake is open: {brake_of(lab).get('text')}")
    order = ["failover", OTHER, "--to", WEST, "--reason", "try", "--yes"]
    for gate in ALL_BUT_BRAKE:
        order += ["--skip-gate", gate]
    lab.kill_region(EAST)
    lab.wait_for(lambda: brake_of(lab).get("open") is False, 40, "one service fails over: the brake is shut for the other")
    expect_code(suite, lab, WEST, order, 3, ["blast_radius", "Wait until the others are promoted"],
                "a person's order for the other is held back by the brake, by name")
    shut = brake_of(lab)
    suite.expect(shut.get("value") == 1 and shut.get("limit") == 1 and "failovers_at_once is 1" in shut.get("text", ""),
                 f"status tells: {shut.get('text')}", shut)
    expect_code(suite, lab, WEST, ["failover", OTHER, "--to", WEST, "--dry-run", *order[6:], "--skip-gate", "blast_radius"], 0,
                ["would begin"], "skipped by name it would begin")
    e2e.wait_for_writes_in(lab, client, WEST, 60)
    lab.wait_for(lambda: brake_of(lab).get("open") is True, 20, "the first one is promoted: the brake is open again")
    client.process.end()
    suite.expect(True, "and opens again once the first is promoted, whatever DNS takes")


if __name__ == "__main__":
    e2e.main("approve", [
        ("approve and decline", test_approve, 190, e2e.brisk()),
        ("brake with two services", test_brake, 120, e2e.brisk(lease="12s", renew_every="1s")),
    ])
