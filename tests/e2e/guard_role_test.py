#!/usr/bin/env python3
"""A guard without a vote: the database's own host runs a failoverd that fences and holds the lease, and the region's
voter is another.

    guard_role_test.py
"""
import time

import e2e
from e2e import EAST, SERVICE, WEST, cluster_files, labs
import network             # of tests/regions, which e2e puts on the path

GUARD, GUARD_PORT = "use1-db", 7401
LEASE_S = 6                     # time enough for the guard to be started again on a busy machine
CALM_S = LEASE_S + 4            # past the lease and the checks' `for`: what would fail over has done so by then
PAUSE_S = LEASE_S / 3           # of a client; a guard that lost its lease makes a longer one
PATIENCE_MS = 10000


def start_guard(lab):
    """A fourth node on us-east-1's database host, beside the region's voter."""
    folder = lab.folder / EAST / "guard"
    (folder / "state").mkdir(parents=True, mode=0o700)
    node = cluster_files.node(lab, EAST) | {
        "name": GUARD, "state_dir": str(folder / "state"), "listen": f"{lab.network.address[EAST]}:{GUARD_PORT}",
        "control_socket": str(folder / "control.sock"), "journal": str(folder / "state" / "journal.jsonl"),
        "audit": str(folder / "state" / "audit.jsonl"),
        "tls": {"ca": str(lab.pki / "ca.pem"), "certificate": str(lab.pki / f"{GUARD}.pem"), "key": str(lab.pki / f"{GUARD}.key")}}
    path = cluster_files.write(folder / "node.json", node)
    program = [labs.BUILD / "failoverd", "--cluster", lab.cluster_path, "--node", path]
    lab.run(EAST, [program[0], "--format", *program[1:]])
    return lambda: lab.spawn(EAST, GUARD, program), folder


def test_role(suite, lab):
    lab.start_databases()
    lab.start_services()
    lab.start_names()
    names = [cluster_files.NODE_NAMES[r] for r in lab.regions] + [cluster_files.RECORD, GUARD]
    network.run(["sh", str(labs.REPOSITORY / "tests/pki/make-ca.sh"), str(lab.pki), *names], timeout_s=60)

    def with_guard(content):
        content["nodes"][GUARD] = {"region": EAST, "address": f"{lab.network.address[EAST]}:{GUARD_PORT}"}
        content["services"][SERVICE]["regions"][EAST]["guards"] = [GUARD]
    lab.write_configuration(with_guard)
    start, folder = start_guard(lab)
    for region in lab.regions:
        lab.start_coordinator(region)
    guard = start()
    e2e.all_well(lab)
    e2e.adopt(lab)
    seen = e2e.region_in(e2e.status_of(lab, WEST), EAST)["guard"]
    suite.expect(seen["node"] == GUARD and seen["fence"] == "open", f"{GUARD}, which has no vote, holds us-east-1's lease", seen)
    client = lab.start_writer("client", rate=100, patience_ms=PATIENCE_MS)
    lab.wait_for(lambda: len(client.receipts()) > 50, 10, "the client writes")
    lab.coordinators[EAST].kill()
    time.sleep(CALM_S)
    receipts = client.receipts()
    suite.expect(e2e.gap_s(receipts, receipts[0].at_us) < PAUSE_S and not e2e.failovers_begun(lab),
                 "the region's voter alone is killed: no write waits, nothing fails over")
    lab.start_coordinator(EAST)
    guard.kill()
    guard = start()
    time.sleep(CALM_S)
    receipts = client.receipts()
    suite.expect(e2e.gap_s(receipts, receipts[0].at_us) < PAUSE_S and not e2e.failovers_begun(lab),
                 "the guard is killed and started again within its lease: the same")
    e2e.all_well(lab)
    guard.kill()
    lab.wait_for(lambda: not lab.databases[WEST].is_standby(), 30, "us-west-2 is promoted")
    suite.expect(True, "it stays away: the kernel shuts, and us-west-2 takes over")
    e2e.wait_until_done(lab, WEST, 30)
    start()
    journal = folder / "state" / "journal.jsonl"
    shut = lambda: any(line.get("event") == "fence_changed" and line.get("fence") == "confirmed"
                       for line in labs.read_json_lines(journal)[-60:])
    lab.wait_for(shut, 15, f"{GUARD} comes back and shuts the old primary")
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, WEST)


if __name__ == "__main__":
    e2e.main("guard role", [("a guard without a vote", test_role, 90, e2e.brisk(lease=f"{LEASE_S}s"))])
