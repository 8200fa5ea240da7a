#!/usr/bin/env python3
"""A voter loses its store: it is mute until a person gives the vote to its new one; what is refused on the way; and
the old store, which turns up again and has no vote. And a node that no set named yet: it gets a vote, a dead voter
loses its own, and those who are left carry a failover.

    voter_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import shutil
import threading
import time

import e2e
from e2e import EAST, NAMES, WEST, WITNESS

LEASE_S = e2e.BRISK_LEASE_S
REASON = "the disk of the witness was lost"
ELSEWHERE = "lhr1-a"            # in cluster.json, and never started
FOURTH = "euw1-b"               # beside the witness, and started
FOURTH_PORT = 7401


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
    lab.wait_for(lambda: can_forward(lab, WITNESS, (EAST, WEST)), 20, "it sees the others vote, and can reach them")
    suite.expect("store is missing" in e2e.order(lab, WITNESS, "status")[1], "and it says so itself")
    refused(suite, lab, 3, "no store", EAST, "replace", NAMES[WITNESS])
    refused(suite, lab, 3, "no store", WITNESS, "replace", NAMES[WITNESS])
    refused(suite, lab, 3, "fewer than 3", WITNESS, "remove", NAMES[EAST])
    asked = [line for line in e2e.awaited_events(lab, "voter_order", [EAST])
             if line.get("given_at") == NAMES[WITNESS]]
    suite.expect(len(asked) == 2, "it is mute, so both were forwarded to a node that votes, once", asked)
    restart(lab, WITNESS, before=lambda: lab.run(WITNESS, [
        e2e.labs.BUILD / "failoverd", "--format", "--cluster", lab.cluster_path, "--node",
        lab.node_folder(WITNESS) / "node.json"]))
    lab.wait_for(lambda: (e2e.node_status(lab, WITNESS).get("mute") or {}).get("reason") == "store_older", 10,
                 "with a new store it is mute: the others know a newer one")
    time.sleep(2)
    suite.expect(not voter(lab, EAST, WITNESS)["voting"], "and it stays so", voters(lab, EAST))

    began = time.monotonic()
    code, said = e2e.order(lab, WITNESS, "voter", "replace", NAMES[WITNESS], "--reason", REASON, "--yes")
    took = time.monotonic() - began
    suite.expect(code == 0, f"voter replace, at the mute node itself: done after {took:.1f} s", said)
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


def fourth_address(lab):
    return f"{lab.network.address[WITNESS]}:{FOURTH_PORT}"


def start_fourth(lab):
    """A coordinator more in the witness's region, with a new store."""
    folder = lab.folder / WITNESS / "fourth"
    (folder / "state").mkdir(parents=True, mode=0o700)
    e2e.labs.network.run(["sh", str(e2e.labs.REPOSITORY / "tests/pki/make-ca.sh"), str(lab.pki), FOURTH], timeout_s=60)
    node = e2e.cluster_files.node(lab, WITNESS) | {
        "name": FOURTH, "state_dir": str(folder / "state"), "listen": fourth_address(lab),
        "control_socket": str(folder / "control.sock"), "journal": str(folder / "journal.jsonl"),
        "audit": str(folder / "audit.jsonl")}
    node["tls"] |= {"certificate": str(lab.pki / f"{FOURTH}.pem"), "key": str(lab.pki / f"{FOURTH}.key")}
    files = ["--cluster", lab.cluster_path, "--node", e2e.cluster_files.write(folder / "node.json", node)]
    lab.run(WITNESS, [e2e.labs.BUILD / "failoverd", "--format", *files])
    lab.spawn(WITNESS, FOURTH, [e2e.labs.BUILD / "failoverd", *files])


def of_the_list(lab, at, name):
    return next((v for v in voters(lab, at).get("voters", []) if v["node"] == name), {})


def changed(suite, lab, at, version, count, *words):
    code, said = e2e.order(lab, at, "voter", *words, "--reason", REASON, "--yes")
    seen = voters(lab, at)
    suite.expect(code == 0 and seen["version"] == version and len(seen["voters"]) == count and seen["change"] is None,
                 f"voter {' '.join(words)}: {count} voters, version {version}", f"{code}: {said} {seen}")


def test_add_and_remove(suite, lab):
    def with_the_fourth(content):
        content["nodes"][FOURTH] = {"region": WITNESS, "address": fourth_address(lab)}
    client = e2e.bring_up(lab, change=with_the_fourth, more=lambda: start_fourth(lab))
    refused(suite, lab, 3, "no voter", EAST, "remove", FOURTH)
    began = time.monotonic()
    done = []
    adds = threading.Thread(target=lambda: done.append(e2e.order(lab, EAST, "voter", "add", FOURTH, "--reason", REASON,
                                                                 "--yes")))
    adds.start()
    lab.wait_for(lambda: (voters(lab, WEST).get("change") or {}).get("kind") == "add", 10, "the change has begun")
    refused(suite, lab, 3, "one at a time", WEST, "remove", NAMES[WITNESS])
    adds.join(60)
    seen = voters(lab, EAST)
    suite.expect(done and done[0][0] == 0 and time.monotonic() - began >= LEASE_S and seen["version"] == 3
                 and len(seen["voters"]) == 4 and seen["needed"] == 3, "voter add: four voters after a full wait",
                 (done, seen))
    lab.wait_for(lambda: of_the_list(lab, EAST, FOURTH).get("voting"), 10, "the new one votes")

    lab.coordinators[WEST].kill()
    lab.wait_for(lambda: not voter(lab, EAST, WEST)["voting"], 10, "one of the others is gone")
    changed(suite, lab, EAST, 5, 3, "remove", NAMES[WEST])
    lab.start_coordinator(WEST)
    lab.wait_for(lambda: (e2e.node_status(lab, WEST).get("mute") or {}).get("reason") == "no_vote", 10,
                 "it comes back, and is told that it has no vote any more")
    peers = {p["node"]: p["voter"] for p in e2e.node_status(lab, EAST)["peers"]}
    suite.expect(peers == {NAMES[WEST]: False, NAMES[WITNESS]: True, FOURTH: True},
                 "status names the voters of the set in force, not those of cluster.json", peers)

    lab.wait_for(lambda: e2e.status_of(lab, WEST).get("writer") == EAST, 15, "it knows the writer")
    lab.kill_region(EAST)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    suite.expect(True, "the writer's region is lost: the two voters that are left carry the failover")
    refused(suite, lab, 3, "fewer than 3", WITNESS, "remove", NAMES[EAST])
    changed(suite, lab, WEST, 7, 4, "add", NAMES[WEST])
    changed(suite, lab, WEST, 9, 3, "remove", NAMES[EAST])
    lab.coordinators[WITNESS].kill()
    lab.wait_for(lambda: not voter(lab, WEST, WITNESS)["voting"], 10, "the witness is gone")
    suite.expect(e2e.writes_in(lab, client, WEST), "two of three carry the writer's lease")
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, WEST)


def make_new_store(lab, region):
    """Moves the store away and formats another: the node is mute."""
    def anew():
        lose_store(lab, region, lab.folder / "gone")
        lab.run(region, [e2e.labs.BUILD / "failoverd", "--format", "--cluster", lab.cluster_path, "--node",
                         lab.node_folder(region) / "node.json"])
    restart(lab, region, before=anew)
    lab.wait_for(lambda: (e2e.node_status(lab, region).get("mute") or {}).get("reason") == "store_older", 10,
                 f"{NAMES[region]} has a new store, and is mute")


def can_forward(lab, region, others):
    """As it sees them: the others vote, and its roads to them are up."""
    peers = {peer["node"]: peer for peer in e2e.node_status(lab, region)["peers"]}
    return all(voter(lab, region, other).get("voting") and peers[NAMES[other]]["out"] == "up" for other in others)


def test_forwarded(suite, lab):
    """To the first that votes, which was killed a moment ago: nobody knows what it did with the order."""
    e2e.bring_up(lab).process.end()
    make_new_store(lab, WITNESS)
    order = ["voter", "replace", NAMES[WITNESS], "--reason", REASON, "--yes"]
    lab.coordinators[EAST].kill()
    began = time.monotonic()
    code, said = e2e.order(lab, WITNESS, *order)
    took = time.monotonic() - began
    suite.expect(code == 4 and "not known" in said and 9 < took < 13,
                 f"the node that it was forwarded to is dead: not known, after {took:.1f} s", f"{code}: {said}")
    lab.coordinators[WEST].kill()
    lab.wait_for(lambda: not voter(lab, WITNESS, WEST).get("voting"), 10, "the other one is gone too")
    refused(suite, lab, 3, "no node that votes is heard", WITNESS, "remove", NAMES[EAST])
    lab.start_coordinator(WEST)
    lab.start_coordinator(EAST)
    lab.wait_for(lambda: can_forward(lab, WITNESS, (EAST, WEST)), 20, "they are back, vote, and can be reached")
    suite.expect(voters(lab, EAST)["version"] == 1, "nothing had begun")
    code, said = e2e.order(lab, WITNESS, *order)
    seen = voters(lab, WITNESS)
    suite.expect(code == 0 and seen["version"] == 3 and all(v["voting"] for v in seen["voters"]),
                 "ordered again at the mute node: done, and it votes", f"{code}: {said} {seen}")
    trail = [line for line in e2e.labs.read_json_lines(lab.journal_path(WITNESS).with_name("audit.jsonl"))
             if line.get("command") == "voter replace" and line.get("reason") == REASON]
    suite.expect(len(trail) >= 2, "its audit trail has both orders, with who and why", trail)


if __name__ == "__main__":
    e2e.main("voters", [("a voter's store is lost and replaced", test_replace, 100, e2e.brisk()),
                        ("a voter is added, a dead one removed", test_add_and_remove, 120, e2e.brisk()),
                        ("an order at a mute node, and the node it goes to dies", test_forwarded, 100, e2e.brisk())])
