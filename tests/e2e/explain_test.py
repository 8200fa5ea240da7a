#!/usr/bin/env python3
"""`failoverctl explain` and `failoverctl plan` through one bad night: all well; the standby sick; the writer's region
cut off on top of that; well again, so that it fails over; and then the quorum lost. What they say has to be what is.

    explain_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json

import e2e
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS

GATES = ["majority_failed", "target_healthy", "target_coordinator", "target_streaming_and_timeline", "loss_within_rpo", "outage_min",
         "cooldown", "not_paused", "fence", "no_mark", "blast_radius", "approved"]


def explain(lab, region=WEST):
    code, output, error = lab.failoverctl(region, "explain", SERVICE, "--json")
    return json.loads(output) if code == 0 else {"why": f"exit code {code}: {error}", "would_act": []}


def plan(lab, what, *words, region=WEST):
    code, output, _ = lab.failoverctl(region, "plan", what, SERVICE, *words, "--json")
    return code, json.loads(output)


def text(lab, *words):
    code, output = e2e.order(lab, WEST, *words)
    print("      " + output.replace("\n", "\n      "))
    return code, output


def candidate(answer, region=WEST):
    return next((c for c in answer.get("candidates", []) if c["region"] == region), {})


def would(answer, words):
    return any(words in sentence for sentence in answer["would_act"])


def test_night(suite, lab):
    client = e2e.bring_up(lab)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    all_well(suite, lab)
    standby_sick(suite, lab)
    cut_off(suite, lab)
    suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch and not e2e.failovers_begun(lab), "asking has changed nothing")
    lab.misbehave(WEST, "")
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    afterwards(suite, lab)
    no_quorum(suite, lab)
    client.process.end()


def all_well(suite, lab):
    for region in (EAST, WEST, WITNESS):
        now = explain(lab, region)
        suite.expect("no voter says that us-east-1 failed" in now["why"] and would(now, "2 of 3 voters") and would(now, "none does")
                     and not now["begins"], f"all well, asked in {region}: {now['why']} {now['would_act'][0]}", now)
    votes = now["votes"]
    suite.expect([v["voter"] for v in votes["list"]] == sorted(NAMES.values()) and votes["missing"] == 2
                 and all(v["verdict"] == "healthy" and v["age_ms"] < 5000 and v["standing_ms"] >= 0 for v in votes["list"]),
                 "each voter's word, its age, and how long it has said so", votes)
    west = candidate(explain(lab))
    suite.expect([g["name"] for g in west["gates"]] == GATES and all(g["observer"] and g["limit"] is not None for g in west["gates"])
                 and set(west["shut"]) <= {"majority_failed", "outage_min"}, "every gate has its limit and its observer", west)
    suite.expect(west["loss"]["known"] and west["loss"]["age_seconds"] < 10 and "known to have" in west["loss"]["text"],
                 f"the loss comes with its age: {west['loss']['text']}", west["loss"])
    suite.expect("run out everywhere" in explain(lab)["fence"]["proof_text"], explain(lab)["fence"]["proof_text"])
    code, output = text(lab, "explain", SERVICE)
    suite.expect(code == 0 and "What would make it act:" in output and "GATE" in output and "VOTER" in output, "as a text", output)
    code, told = plan(lab, "switchover")
    suite.expect("no run yet" in text(lab, "plan", "switchover", SERVICE)[1], "as a text, too")
    suite.expect(code == 0 and told["chosen"] and told["to"] == WEST and told["no_way_back"]["step"] == "grant"
                 and all(s["took_ms"] is None for s in told["steps"]), "plan switchover: it would begin, exit code 0; no run yet", told)
    code, told = plan(lab, "failover")
    suite.expect(code == 3 and told["shut"] == ["majority_failed"] and "majority_failed" in told["todo"],
                 "plan failover: refused by majority_failed, exit code 3", told)
    code, told = plan(lab, "failover", "--skip-gate", "majority_failed")
    suite.expect(code == 0 and "--skip-gate majority_failed" in told["command"], "and as if that gate were skipped", told)
    code, told = plan(lab, "failback")
    suite.expect(code == 3 and told["to"] == EAST and "the writer already" in told["text"], "plan failback: it is at home", told)
    code, output = e2e.order(lab, WEST, "plan", "switchover", SERVICE, "--to", "mars")
    suite.expect(code == 2 and "no such region" in output, "a region that there is not: exit code 2", output)


def standby_sick(suite, lab):
    lab.misbehave(WEST, "unhealthy")
    lab.wait_for(lambda: "target_healthy" in candidate(explain(lab)).get("shut", []), 20, "us-west-2 is seen unhealthy")
    now = explain(lab)
    suite.expect(would(now, "Gate target_healthy of us-west-2 has to open"), f"a gate shut: {now['would_act']}", now)
    code, told = plan(lab, "switchover")
    suite.expect(code == 3 and told["shut"] == ["target_healthy"], "plan switchover: refused by it, exit code 3", told)


def cut_off(suite, lab):
    lab.network.isolate(EAST)

    def failed():
        now = explain(lab)
        return now["votes"]["missing"] == 0 and candidate(now)["shut"] == ["target_healthy"]
    lab.wait_for(failed, 30, "a majority says failed, and one gate is in the way")
    now = explain(lab)
    suite.expect("A majority says that us-east-1 failed" in now["why"] and "1 gate of us-west-2 is shut" in now["why"]
                 and not now["begins"], f"the writer's region cut off: {now['why']}", now)
    suite.expect(not would(now, "voters would have to") and would(now, "target_healthy"), f"what is missing: {now['would_act']}", now)
    counted = sorted(v["voter"] for v in now["votes"]["list"] if v["counts"])
    suite.expect(counted == sorted((NAMES[WEST], NAMES[WITNESS])), f"whose votes count: {counted}", now["votes"])
    loss = candidate(now)["loss"]
    suite.expect(loss["age_seconds"] > 1 if loss["known"] else "not known" in loss["text"],
                 f"what would be lost is as old as the cut: {loss['text']}", loss)
    code, output = text(lab, "explain", SERVICE)
    suite.expect(code == 0 and "1 gate of us-west-2 is shut" in output and "SHUT" in output, "as a text", output)
    alone = explain(lab, EAST)
    suite.expect("Nothing can be decided here" in alone["why"] and would(alone, "fenced"),
                 f"asked in us-east-1 itself: {alone['why']} {alone['would_act']}", alone)


def afterwards(suite, lab):
    """The times of the failover that has just run; and home is not ready."""
    code, told = plan(lab, "failover", "--to", EAST)
    times = {s["name"]: s["took_ms"] for s in told["steps"]}
    history = json.loads(e2e.order(lab, WEST, "history", SERVICE, "--json")[1])["operations"][0]
    took = {s["name"]: s["took_ms"] for s in history["steps"]}
    suite.expect(times["promote"] and times == {name: took.get(name) for name in times}
                 and told["estimate"]["until_open_ms"] >= times["fence"],
                 f"after a failover the steps have its times: {times}; {told['estimate']}", told)
    suite.expect(code == 3, "plan failover to a region that is cut off: exit code 3", told)
    code, told = plan(lab, "failback")
    suite.expect(code == 3 and told["to"] == EAST and told["failback"]["rejoin"]["ready"] is not True
                 and told["failback"]["rejoin"]["node"] == NAMES[EAST], f"plan failback: {told['failback']}", told)


def no_quorum(suite, lab):
    lab.coordinators[WITNESS].kill()
    lab.wait_for(lambda: e2e.status_of(lab, WEST).get("state") == "no_quorum", 15, "us-west-2 says that there is no quorum")
    now = explain(lab)
    suite.expect("of the 2 voters needed 1 is heard" in now["why"] and would(now, NAMES[WITNESS]) and not now["begins"],
                 f"quorum lost: {now['why']} {now['would_act']}", now)
    code, told = plan(lab, "switchover", "--to", EAST)
    suite.expect(code == 3 and "no majority" in told["text"], f"plan switchover: {told['text']}, exit code 3", told)


if __name__ == "__main__":
    e2e.main("explain", [("one bad night", test_night, 120, e2e.brisk())])
