#!/usr/bin/env python3
"""The audit trail: every order is in it before it acts, tampering is found, and a disk that refuses it refuses orders,
while failoverd itself fails over without asking it.

    audit_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json

import e2e
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS, labs

REASON = 'a "quoted" reason, é, \\ and more'


def bring_up(lab):
    """All is well; us-west-2's audit trail is on a small file system of its own, that only its coordinator sees."""
    lab.start_databases()
    lab.start_services()
    lab.start_names()
    lab.write_configuration()
    trail = lab.node_folder(WEST) / "trail"
    trail.mkdir()
    path = lab.node_folder(WEST) / "node.json"
    e2e.cluster_files.write(path, json.loads(path.read_text()) | {"audit": str(trail / "audit.jsonl")})
    for region in (EAST, WITNESS):
        lab.start_coordinator(region)
    arguments = f"--cluster {lab.cluster_path} --node {path}"
    lab.coordinators[WEST] = lab.spawn(WEST, NAMES[WEST], [
        "/usr/bin/unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c",
        f"mount -t tmpfs -o size=64k,mode=0700 tmpfs {trail} && exec {labs.BUILD / 'failoverd'} {arguments}"])
    e2e.all_well(lab)
    return trail


def ctl(lab, *words, inside=None):
    """failoverctl without a daemon: (exit code, output and error text). `inside`: as that region's coordinator sees files."""
    enter = ["nsenter", f"--mount=/proc/{lab.coordinators[inside].pid}/ns/mnt", "--"] if inside else []
    done = labs.network.run([*enter, str(labs.BUILD / "failoverctl"), *map(str, words)], check=False)
    return done.returncode, done.stdout + done.stderr


def verified(lab, path, *more, inside=None):
    code, output = ctl(lab, "audit", "verify", path, "--json", *more, inside=inside)
    return code, json.loads(output)


def lines_of(lab, path, inside=None):
    return json.loads(ctl(lab, "audit", "show", path, "--json", "--limit", "1000", inside=inside)[1])["lines"]


def check_orders(suite, lab, path):
    """A good one and a refused one, each asked before answered, by whom and why."""
    code, said = e2e.order(lab, EAST, "dns", "adopt", SERVICE, "--reason", REASON, "--yes")
    suite.expect(code == 0, "an order that is carried out", said)
    code, said = e2e.order(lab, EAST, "failover", SERVICE, "--to", EAST, "--reason", "nothing to do", "--yes",
                           "--skip-gate", "cooldown")
    suite.expect(code == 3, "an order that is refused", said)
    code, said = e2e.order(lab, EAST, "failover", SERVICE, "--to", WEST, "--dry-run")
    lines = lines_of(lab, path)
    events = [line["event"] for line in lines]
    suite.expect(events == ["opened"] + ["order_asked", "order_answered"] * 2,
                 f"each is asked, then answered; looking is not in it: {events}", lines)
    asked, answered, again, refused = lines[1:]
    suite.expect((asked["command"], asked["uid"], asked["user"], asked["from"], asked["role"], asked["reason"])
                 == ("dns adopt", 0, "root", NAMES[EAST], "force", REASON), "who, from where, what and why", asked)
    suite.expect(answered["asked"] == asked["seq"] and answered["outcome"] == "accepted" and "operation" in answered,
                 "what came of it, and of which line", answered)
    suite.expect(again["skipped_gates"] == ["cooldown"] and again["arguments"] == {"to": EAST} and refused["outcome"] == "already",
                 "gates skipped by name; the refusal", [again, refused])
    seen = e2e.awaited_events(lab, "audit_line", [EAST], audit_seq=lines[-1]["seq"])
    suite.expect(seen[0]["audit_hash"] == lines[-1]["hash"] and lines[-1]["hash"] in seen[0]["text"],
                 "the journal has the newest hash, a log shipper carries it away", seen)
    suite.expect(e2e.node_status(lab, EAST)["audit"]["hash"] == lines[-1]["hash"], "so has status")


def check_tampering(suite, lab, path):
    """On copies, as whoever can write the file could leave it."""
    whole = path.read_bytes()
    code, report = verified(lab, path)
    newest = report["last"]["hash"]
    suite.expect(code == 0 and report["whole"] and report["lines"] == 5 and report["first"]["seq"] == 1,
                 "verify: whole", report)
    code, said = ctl(lab, "audit", "verify", "--node", lab.node_folder(EAST) / "node.json")
    suite.expect(code == 0 and str(path) in said and newest in said, "verify finds the file by node.json, and prints the newest hash", said)
    lines = whole.splitlines(keepends=True)
    cases = (("a changed reason", whole.replace(b"nothing to do", b"nothing at all"), "changed", 4),
             ("a removed line", b"".join(lines[:2] + lines[3:]), "removed", 3),
             ("swapped lines", b"".join([lines[0], lines[2], lines[1], *lines[3:]]), "removed", 2),
             ("half a line at the end", whole[:-20], "torn", 5),
             ("another file behind it", whole + whole, "another_chain", 6),
             ("an odd line within", b"".join([*lines[:2], b"hello\n", *lines[2:]]), "unreadable", 3))
    copy = lab.folder / "copy.jsonl"
    for what, content, kind, line in cases:
        copy.write_bytes(content)
        code, report = verified(lab, copy)
        first = report["breaks"][0] if report["breaks"] else {}
        suite.expect(code == 1 and not report["whole"] and (first["kind"], first["line"]) == (kind, line) and first["todo"],
                     f"{what} is found: {first.get('text')}", report)
        code, said = ctl(lab, "audit", "verify", copy)
        suite.expect(code == 1 and f"line {line}: " in said and "BROKEN" in said, f"{what}: and told to people", said)
    copy.write_bytes(b"".join(lines[:-1]))
    suite.expect(verified(lab, copy)[0] == 0 and verified(lab, copy, "--expect", newest)[0] == 1
                 and verified(lab, path, "--expect", newest)[0] == 0, "a line cut off the end: only a hash kept elsewhere shows it")
    for words in (["audit", "verify", lab.folder / "nowhere"], ["audit", "verify", path, "--expect", "abc"],
                  ["audit", "verify", path, path], ["audit", "show", path, "--limit", "0"],
                  ["audit", "verify", path, "--limit", "3"], ["audit", "verify", "--node", lab.folder / "nowhere"]):
        code, said = ctl(lab, *words)
        suite.expect(code == 2 and said, f"usage: {said.splitlines()[0] if said else ''}", words)


def test_orders(suite, lab):
    bring_up(lab)
    path = lab.node_folder(EAST) / "state" / "audit.jsonl"
    check_orders(suite, lab, path)
    check_tampering(suite, lab, path)
    before = verified(lab, path)[1]["last"]
    lab.coordinators[EAST].kill()
    with path.open("ab") as file:
        file.write(b'{"seq":6,"time":"20')
    lab.start_coordinator(EAST)
    e2e.all_well(lab)
    code, report = lab.wait_for(lambda: next((v for v in [verified(lab, path)] if v[0] == 0), None), 10,
                                "the start accounts for the torn piece")
    suite.expect(report["last"]["prev"] == before["hash"] and report["last"]["seq"] == 6 and report["pieces"] == 1,
                 "after a crash within a line the chain goes on", report)
    path.rename(path.with_suffix(".1"))
    suite.expect(e2e.order(lab, EAST, "dns", "adopt", SERVICE, "--reason", "rotated", "--yes")[0] == 0, "an order after rotation")
    code, rotated = verified(lab, path)
    suite.expect(code == 0 and rotated["continues"] and rotated["first"]["prev"] == report["last"]["hash"],
                 "the new file continues the chain of the one moved away", rotated)


def test_disk(suite, lab):
    trail = bring_up(lab)
    e2e.adopt(lab)
    path = trail / "audit.jsonl"
    inside = lambda *argv: labs.network.run(["nsenter", f"--mount=/proc/{lab.coordinators[WEST].pid}/ns/mnt", "--", *map(str, argv)], check=False)
    inside("dd", "if=/dev/zero", f"of={trail}/filler", "bs=4k")
    inside("mv", path, trail / "audit.jsonl.1")               # the next line needs a block of its own
    epoch = e2e.status_of(lab, EAST)["epoch"]
    code, output, said = lab.failoverctl(WEST, "switchover", SERVICE, "--to", WEST, "--reason", "disk", "--yes", "--json",
                                         timeout_s=e2e.ORDER_DEADLINE_S)
    error = json.loads(output).get("error", {}) if output else {}
    suite.expect(code == 1 and "not_audited" in output and "not done" in output, f"a full disk refuses the order: {error.get('text')}",
                 output + said)
    status = e2e.node_status(lab, WEST)
    suite.expect(status["audit"]["failing"] and any(w["code"] == "audit_failing" for w in status["warnings"])
                 and not status["journal"]["failing"], f"status says so: {status['audit']['text']}", status["warnings"])
    service = e2e.status_of(lab, EAST)
    suite.expect(service["epoch"] == epoch and service["writer"] == EAST and not service["operation"], "nothing was begun")
    lab.kill_region(EAST)
    e2e.wait_until_done(lab, WEST, 40)
    suite.expect(e2e.node_status(lab, WEST)["audit"]["failing"], "a lost region is failed over, with the trail's disk still full")
    inside("rm", "-f", trail / "filler")
    lab.wait_for(lambda: not e2e.node_status(lab, WEST)["audit"]["failing"], 15, "with room again it is well")
    code, said = e2e.order(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", "room again", "--yes")
    suite.expect(code == 3, "and orders are judged again", said)
    code, report = verified(lab, path, inside=WEST)
    lines = lines_of(lab, path, inside=WEST)
    suite.expect(code == 0 and report["continues"] and lines[0]["reason"] == "disk" and lines[1]["outcome"] == "not_audited"
                 and lines[-1]["outcome"] == "already", "the trail is whole, with what was asked and refused meanwhile", [report, lines])


e2e.main("audit", [
    ("orders on record, tampering, a crash and rotation", test_orders, 110, e2e.brisk()),
    ("a disk that refuses", test_disk, 110, e2e.brisk()),
])
