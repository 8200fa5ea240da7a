#!/usr/bin/env python3
"""A voter loses its store: it is mute until a person gives the vote to its new one; what is refused on the way; and
the old store, which turns up again and has no vote.

    voter_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import shutil
import time

import e2e
from e2e import EAST, NAMES, WEST, WITNESS

LEASE_S = e2e.BRISK_LEASE_S
REASON = "the disk of the witness was lost"
ELSEWHERE = "lhr1-a"            # in cluster.json, and never started


def one_more_node(content):
    content["nodes"][ELSEWHERE] = {"region": WITNESS, "address": "127.0.0.1:7999"}


def voters(lab, region):
    """`failoverctl voter list --json` of that coordinator."""
    code, output, error = lab.failoverctl(region, "voter", "list", "--json")
    return json.loads(output) if code == 0 else {"error": error}


def voter(lab, at, region):
    return next((v for v in voters(lab, at).get("voters", []) if v["node"] == NAMES[region]), {})


def restart(lab, region, before=None):
    lab.coordinators[region].end()
    if before:
        before()
    lab.start_coordinator(region)
    lab.wait_for(lambda: e2e.node_status(lab, region), 10, f"{NAMES[region]} answers")


def refused(suite, lab, code, word, at, *words):
    got, said = e2e.order(lab, at, "voter", *words, "--reason", "trying", "--yes")
    suite.expect(got == code and word in said, f"voter {' '.join(words)} at {at}: exit code {got}, {said.splitlines()[0]}", said)


def store_files(lab, region):
    state = lab.node_folder(region) / "state"
    return [state / name for name in ("slot-a", "slot-b")]


def lose_store(lab, region, kept):
    """Moved away, so that it can turn up again."""
    kept.mkdir()
    for path in store_files(lab, region):
        shutil.move(str(path), str(kept / path.name))


def test_replace(suite, lab):
    client = e2e.bring_up(lab, change=one_more_node)
    kept = lab.folder / "kept"
    seen = voters(lab, EAST)
    suite.expect(seen["version"] == 1 and len(seen["voters"]) == 3 and all(v["voting"] for v in seen["voters"])
                 and seen["change"] is None and seen["quorum"], "three voters, as cluster.json has them", seen)
    refused(suite, lab, 3, "fewer than 3", EAST, "remove", NAMES[WITNESS])
    refused(suite, lab, 3, "already", EAST, "add", NAMES[WITNESS])
    refused(suite, lab, 3, "already", EAST, "replace", NAMES[WITNESS])
    refused(suite, lab, 3, "no voter", EAST, "replace", ELSEWHERE)
    refused(suite, lab, 3, "not heard", EAST, "add", ELSEWHERE)
    refused(suite, lab, 2, "no such node", EAST, "add", "nobody")
    code, said = e2e.order(lab, EAST, "voter", "remove", NAMES[WITNESS], "--reason", "no terminal")
    suite.expect(code == 2 and "--yes" in said, "without --yes it asks, and there is no terminal", said)
    code, said = e2e.order(lab, EAST, "voter", "remove", NAMES[WITNESS], "--yes")
    suite.expect(code == 2 and "reason" in said, "without a reason it is not sent", said)

    restart(lab, WITNESS, before=lambda: lose_store(lab, WITNESS, kept))
    lab.wait_for(lambda: voter(lab, EAST, WITNESS).get("why") == "it has no store to vote with", 10,
                 "the others see that the witness has no store")
    suite.expect("store is missing" in e2e.order(lab, WITNESS, "status")[1], "and it says so itself")
    refused(suite, lab, 3, "no store", EAST, "replace", NAMES[WITNESS])
    restart(lab, WITNESS, before=lambda: lab.run(WITNESS, [
        e2e.labs.BUILD / "failoverd", "--format", "--cluster", lab.cluster_path, "--node",
        lab.node_folder(WITNESS) / "node.json"]))
    lab.wait_for(lambda: (e2e.node_status(lab, WITNESS).get("mute") or {}).get("reason") == "store_older", 10,
                 "with a new store it is mute: the others know a newer one")
    time.sleep(2)
    suite.expect(not voter(lab, EAST, WITNESS)["voting"], "and it stays so", voters(lab, EAST))
    refused(suite, lab, 3, "does not vote itself", WITNESS, "replace", NAMES[WITNESS])

    began = time.monotonic()
    code, said = e2e.order(lab, EAST, "voter", "replace", NAMES[WITNESS], "--reason", REASON, "--yes")
    took = time.monotonic() - began
    suite.expect(code == 0, f"voter replace: done after {took:.1f} s", said)
    suite.expect(took >= LEASE_S, f"not before a full wait of the lease ({LEASE_S} s)")
    lab.wait_for(lambda: voters(lab, WITNESS).get("version") == 3 and voter(lab, WITNESS, WITNESS).get("voting"), 10,
                 "it votes, by version 3 of the voters")
    seen = voters(lab, WEST)
    suite.expect(seen["version"] == 3 and seen["change"] is None and all(v["voting"] for v in seen["voters"]),
                 "all three vote", seen)
    asked = e2e.awaited_events(lab, "voter_order", [EAST])
    suite.expect(any(line.get("change") == "replace" for line in asked), "the journal has the order", asked)

    lab.coordinators[WEST].kill()
    last = client.last_receipt().sequence
    time.sleep(2 * LEASE_S)
    suite.expect(client.last_receipt().sequence > last + 50 and e2e.writes_in(lab, client, EAST),
                 "another voter dies: its vote carries the writer's lease")
    lab.start_coordinator(WEST)
    lab.wait_for(lambda: voter(lab, EAST, WEST).get("voting"), 15, "that one is back, and votes by its store's version 3")

    def old_store_again():
        for path in store_files(lab, WITNESS):
            shutil.copy(str(kept / path.name), str(path))
    restart(lab, WITNESS, before=old_store_again)
    lab.wait_for(lambda: (e2e.node_status(lab, WITNESS).get("mute") or {}).get("reason") == "identity", 10,
                 "the old store turns up again: it has no vote")
    suite.expect("another store" in (voter(lab, EAST, WITNESS).get("why") or ""), "the others say why",
                 voters(lab, EAST))
    warned = [w["code"] for w in e2e.node_status(lab, EAST)["warnings"]]
    suite.expect("voter_lost_store" in warned, f"and warn: {warned}")
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, EAST, lost_at_most=0)


if __name__ == "__main__":
    e2e.main("voters", [("a voter's store is lost and replaced", test_replace, 100, e2e.brisk())])
