#!/usr/bin/env python3
"""Bad days: Route 53 that refuses, throttles and loses replies, a silent name server, a frozen PostgreSQL,
a full disk, hostile bytes at every port, configurations that must not start. Each is named, nothing
blocks, nothing crashes, and what can go on does when the day is over.

    bad_days_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import os
import signal
import socket
import ssl
import struct
import time

import e2e
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS, cluster_files, labs

# That long a loop may not be late: shorter than anything here that could block it, longer than a busy machine keeps a
# process waiting.
STOPS_NOTHING_S = 3.0
PEER_CLOSES_S = 20              # a connection that never proves who it is is closed by then


# ---- Route 53 and name servers ------------------------------------------------------------------

def faults(lab, **settings):
    lab.emulator_control("/faults", settings)


def operation_detail(lab):
    operation = e2e.status_of(lab, WEST).get("operation") or {}
    return f"{operation.get('step')}: {operation.get('detail')}"


def expect_named(suite, lab, words, what):
    """The executor's status names the trouble in the operation, and it is in the journal."""
    lab.wait_for(lambda: any(word in operation_detail(lab).lower() for word in words), 15, f"status names {what}")
    detail = operation_detail(lab)
    named = lambda line: any(word in str(line.get("detail", "")).lower() for word in words)
    lab.wait_for(lambda: any(map(named, e2e.events(lab, "step_retried", [WEST]))), 10, f"the journal names {what}")
    suite.expect(True, f"{what}: retried, and named in status and journal: {detail}")


def wait_for_change(lab, at_least, deadline_s=20):
    lab.wait_for(lambda: len(lab.emulator_control("/state")["changes"]) >= at_least, deadline_s, "Route 53 applied our change")


def test_route53(suite, lab):
    client = e2e.bring_up(lab)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    faults(lab, refuse_credentials=True)
    lab.kill_region(EAST)
    lab.wait_for(lambda: e2e.events(lab, "step_started", [WEST], step="cut_over"), 30, "the cut-over begins")
    suite.expect(not lab.databases[WEST].is_standby(), "promotion doesn't wait for DNS")
    expect_named(suite, lab, ("credential", "token", "security"), "refused credentials")
    faults(lab, refuse_credentials=False, clock_skew_ms=3_600_000)
    expect_named(suite, lab, ("clock", "skew", "expired", "signature"), "a clock an hour off")
    faults(lab, clock_skew_ms=0, throttle_next=1000)
    expect_named(suite, lab, ("throttl", "rate exceeded"), "throttling")
    faults(lab, throttle_next=0, fail_5xx_next=1000)
    expect_named(suite, lab, ("503", "unavailable", "5xx"), "a service that is unavailable")
    suite.expect(e2e.status_of(lab, WEST)["lease"]["left_ms"] > 0, "the lease is held all the while")
    faults(lab, fail_5xx_next=0, lose_reply_next=1, dns_silent=True)
    wait_for_change(lab, 2)
    lab.wait_for(lambda: e2e.events(lab, "step_started", [WEST], step="verify"), 30, "the lost reply is got over: read again, then INSYNC")
    expect_named(suite, lab, ("answer", "silent", "timeout", "time out", "timed out"), "a silent name server")
    suite.expect((e2e.status_of(lab, WEST)["operation"] or {}).get("step") == "verify", "the operation is not over before DNS is verified")
    faults(lab, dns_silent=False)
    e2e.wait_until_done(lab, WEST, 30)
    e2e.wait_for_writes_in(lab, client, WEST, 20)
    applied = e2e.batches(lab)
    suite.expect(all(len(b) == 1 for b in applied.values()) and max(applied) == epoch + 2,
                 f"one applied batch per epoch, also with the reply lost: { {k: len(v) for k, v in applied.items()} }")
    suite.expect(e2e.status_of(lab, WEST)["last_operation"]["outcome"] == "done", "the day over, it is done")
    expect_no_stall(suite, lab, WEST)
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, WEST)


def expect_no_stall(suite, lab, region):
    loops = e2e.node_status(lab, region)["loops"]
    suite.expect(max(loops.values()) < STOPS_NOTHING_S * 1000, f"no loop of {NAMES[region]} was held up: {loops}")


# ---- a frozen PostgreSQL ------------------------------------------------------------------------

def startup_process(lab, region):
    postmaster = lab.databases[region].process.pid
    for pid in open(f"/proc/{postmaster}/task/{postmaster}/children").read().split():
        try:
            if b"startup" in open(f"/proc/{pid}/cmdline", "rb").read():
                return int(pid)
        except OSError:
            continue
    raise labs.LabError("no startup process found")


def test_frozen(suite, lab):
    """The standby's PostgreSQL freezes while it is promoted: its startup process first, so that the promotion
    can't be over before the rest is frozen too."""
    client = e2e.bring_up(lab, change=short_promotion)
    lab.kill_region(EAST)
    lab.wait_for(lambda: e2e.events(lab, "operation_begun", [WEST], region=WEST, **{"from": EAST}), 30, "the failover begins")
    os.kill(startup_process(lab, WEST), signal.SIGSTOP)
    try:
        lab.wait_for(lambda: e2e.events(lab, "step_started", [WEST], step="promote"), 30, "the promotion begins")
        lab.databases[WEST].signal(signal.SIGSTOP)
        lab.wait_for(lambda: e2e.events(lab, "step_overdue", [WEST], step="promote"), 15, "the promotion is past its deadline, and said so")
        service = e2e.status_of(lab, WEST)
        suite.expect(service["operation"]["step"] == "promote" and service["operation"]["overdue"]
                     and any(w["code"] == "operation_overdue" for w in service["warnings"]),
                     f"PostgreSQL frozen in its promotion: status says overdue, and why: {service['operation']['detail']}", service["warnings"])
        suite.expect(service["lease"]["left_ms"] > 0, "the lease is held all the while")
        expect_no_stall(suite, lab, WEST)
        suite.expect(not e2e.writes_in(lab, client, WEST), "nothing is opened meanwhile")
    finally:
        lab.databases[WEST].signal(signal.SIGCONT)
    e2e.wait_for_writes_in(lab, client, WEST, 30)
    e2e.wait_until_done(lab, WEST, 30)
    suite.expect(e2e.timeline_of(lab, WEST) == 2, "thawed: promoted once, and the failover was finished")
    client.process.end()
    e2e.expect_one_writer(suite, lab, client, WEST)


def short_promotion(content):
    content["services"][SERVICE]["step_deadline"]["promote"] = "3s"


# ---- a full disk --------------------------------------------------------------------------------

def something_chosen(lab):
    """Makes the voters write: an adoption of DNS, whatever comes of it."""
    lab.failoverctl(EAST, "dns", "adopt", SERVICE, "--reason", "again", "--yes", timeout_s=e2e.ORDER_DEADLINE_S)


def test_disk(suite, lab):
    """The witness's state folder is on a small file system of its own, which fills up. Its slots are
    preallocated, so that alone must not cost its vote; when their blocks are gone as well, a write fails."""
    lab.start_databases()
    lab.start_services()
    lab.start_names()
    lab.write_configuration()
    for region in lab.serving:
        lab.start_coordinator(region)
    state = lab.node_folder(WITNESS) / "state"
    arguments = " ".join(str(a) for a in ["--cluster", lab.cluster_path, "--node", lab.node_folder(WITNESS) / "node.json"])
    program = labs.BUILD / "failoverd"
    lab.coordinators[WITNESS] = lab.spawn(WITNESS, NAMES[WITNESS], [
        "/usr/bin/unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c",
        f"mount -t tmpfs -o size={labs.SMALL_STORE},mode=0700 tmpfs {state} && {program} --format {arguments} && exec {program} {arguments}"])
    e2e.all_well(lab)
    e2e.adopt(lab)
    inside = lambda *argv, check=True: labs.network.run(["nsenter", f"--mount=/proc/{lab.coordinators[WITNESS].pid}/ns/mnt", "--", *map(str, argv)], check=check)
    inside("dd", "if=/dev/zero", f"of={state}/filler", "bs=4k", check=False)
    inside("mv", state / "journal.jsonl", state / "journal.jsonl.1")      # the next line needs a block of its own
    e2e.adopt(lab)
    lab.wait_for(lambda: e2e.node_status(lab, WITNESS)["journal"]["failing"], 15, "status of the witness says that its journal can't be written")
    status = e2e.node_status(lab, WITNESS)
    suite.expect(status["voting"] and status["store"]["state"] == "ok", "disk full: the preallocated store goes on, and so does the vote")
    suite.expect(any(w["code"] == "journal_failing" for w in status["warnings"]) and "space" in status["journal"]["text"].lower(),
                 f"the journal's trouble is said: {status['journal']['text']}", status["warnings"])
    for slot in ("slot-a", "slot-b"):
        inside("fallocate", "--punch-hole", "--offset", 0, "--length", 1 << 18, state / slot)
    inside("dd", "if=/dev/zero", f"of={state}/filler2", "bs=4k", check=False)
    something_chosen(lab)
    lab.wait_for(lambda: e2e.node_status(lab, WITNESS)["voting"] is False, 20, "the witness stops voting")
    status = e2e.node_status(lab, WITNESS)
    suite.expect(status["store"]["state"] == "failed" and status["mute"] is not None and any(w["code"] in ("store_failed", "mute") for w in status["warnings"]),
                 f"a write to the store failed: mute, and says so: {status['mute']}", status["store"])
    suite.expect(lab.coordinators[WITNESS].running(), "it runs on, so that it can say it")
    lab.wait_for(lambda: next(p for p in e2e.node_status(lab, EAST)["peers"] if p["node"] == NAMES[WITNESS])["voting"] is False, 10,
                 "the others show that the witness does not vote")
    suite.expect(e2e.status_of(lab, EAST)["lease"]["left_ms"] > 0, "the two others are a majority and keep the lease")
    inside("rm", "-f", f"{state}/filler", f"{state}/filler2")
    something_chosen(lab)
    suite.expect(e2e.node_status(lab, WITNESS)["voting"] is False, "with room again it stays mute: only a restart ends that")


# ---- hostile bytes ------------------------------------------------------------------------------

def connect(lab, place, port, timeout_s=PEER_CLOSES_S):
    reached = lab.network.socket(place)
    reached.settimeout(timeout_s)
    reached.connect((lab.network.address[WEST], port))
    return reached


def closed(reached, timeout_s=PEER_CLOSES_S):
    """True when the other side ends the connection in that time."""
    reached.settimeout(timeout_s)
    try:
        while reached.recv(65536):
            pass
        return True
    except socket.timeout:
        return False
    except (OSError, ssl.SSLError):
        return True
    finally:
        reached.close()


def tls_context(lab, name=None, versions=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(lab.pki / "ca.pem")
    if versions:
        context.maximum_version = versions
    if name:
        context.load_cert_chain(lab.pki / f"{name}.pem", lab.pki / f"{name}.key")
    return context


def refusals(lab):
    return ((e2e.node_status(lab, WEST)).get("links") or {}).get("refused") or {}


def expect_refused(suite, lab, kinds, send, what):
    """`send(socket)` returns the socket to watch; it is closed, and counted as one of these kinds."""
    before = refusals(lab)
    try:
        watched = send(connect(lab, WITNESS, cluster_files.PEER_PORT))
        gone = closed(watched)
    except (OSError, ssl.SSLError):
        gone = True             # closed while we were still sending: that is what is wanted
    suite.expect(gone, f"peer port, {what}: closed")
    counted = lambda: any(refusals(lab).get(kind, 0) > before.get(kind, 0) for kind in kinds)
    try:
        lab.wait_for(counted, 10, "counted")
        suite.expect(True, f"peer port, {what}: counted as {' or '.join(kinds)}")
    except labs.LabError as error:
        suite.expect(False, f"peer port, {what}: counted as {' or '.join(kinds)}", f"{error}: {refusals(lab)}")


def sender(*pieces):
    def send(reached):
        for piece in pieces:
            reached.sendall(piece)
        return reached
    return send


def over_tls(lab, name, *pieces, versions=None):
    def send(reached):
        wrapped = tls_context(lab, name, versions).wrap_socket(reached, server_hostname=None)
        return sender(*pieces)(wrapped)
    return send


def test_hostile(suite, lab):
    lab.start_databases()
    lab.start_services()
    lab.start_names()
    lab.start_coordinators()
    labs.network.run(["sh", str(labs.REPOSITORY / "tests/pki/make-ca.sh"), str(lab.pki), "stranger", "use1-a:other-ca", "use1-a:expired"])
    e2e.all_well(lab)
    restarts = lab.coordinators[WEST].pid
    oversized = struct.pack("!I", 0x7FFFFFFF)
    expect_refused(suite, lab, ("tls",), sender(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50), "plain text")
    expect_refused(suite, lab, ("tls",), sender(os.urandom(5000)), "random bytes")
    expect_refused(suite, lab, ("tls",), over_tls(lab, None, b"x"), "TLS without a certificate")
    expect_refused(suite, lab, ("tls",), over_tls(lab, "use1-a-other-ca", b"x"), "a certificate of another authority")
    expect_refused(suite, lab, ("tls",), over_tls(lab, "use1-a-expired", b"x"), "an expired certificate")
    expect_refused(suite, lab, ("tls",), over_tls(lab, NAMES[WITNESS], b"x", versions=ssl.TLSVersion.TLSv1_2), "TLS 1.2")
    expect_refused(suite, lab, ("name",), over_tls(lab, "stranger", b"\0\0\0\1x"), "the right authority, but nobody of the cluster")
    expect_refused(suite, lab, ("frame", "protocol"), over_tls(lab, NAMES[WITNESS], oversized), "a frame of 2 GiB")
    expect_refused(suite, lab, ("frame", "protocol"), over_tls(lab, NAMES[WITNESS], b"\0\0\0\0"), "an empty frame")
    expect_refused(suite, lab, ("frame", "protocol"), over_tls(lab, NAMES[WITNESS], struct.pack("!I", 300) + os.urandom(300)), "a frame of garbage")
    expect_refused(suite, lab, ("deadline",), over_tls(lab, NAMES[WITNESS], struct.pack("!I", 1000) + b"half"), "half a frame, then silence")
    control_socket(suite, lab)
    suite.expect(lab.coordinators[WEST].running() and lab.coordinators[WEST].pid == restarts, "the daemon is alive and the same")
    e2e.all_well(lab)
    # somebody with the witness's certificate took its place for a while
    lab.wait_for(lambda: all(p["out"] == "up" and p["in"] == "up" for p in e2e.node_status(lab, WEST)["peers"]), 10,
                 "its links to the real peers stand")
    expect_no_stall(suite, lab, WEST)


def control_socket(suite, lab):
    path = str(lab.node_folder(WEST) / "control.sock")
    for what, data in (("no JSON", b"hello\n"), ("half a line", b'{"command": "sta'), ("a huge line", b"x" * 300_000 + b"\n"),
                       ("deep nesting", b"[" * 5000 + b"\n"), ("an unknown command", b'{"command":"destroy","id":1}\n'),
                       ("zero bytes", b"\0" * 4096 + b"\n"), ("wrong types", b'{"command":["status"],"id":{}}\n')):
        with socket.socket(socket.AF_UNIX) as reached:
            reached.settimeout(PEER_CLOSES_S)
            reached.connect(path)
            answer = b""
            try:
                reached.sendall(data)
                reached.shutdown(socket.SHUT_WR)
                while piece := reached.recv(65536):
                    answer += piece
                ended = True
            except socket.timeout:
                ended = False
            except OSError:
                ended = True
        good = not answer or json.loads(answer.splitlines()[0]).get("ok") is False
        suite.expect(ended and good, f"control socket, {what}: refused and closed: {answer[:100].decode(errors='replace')}")
    suite.expect(e2e.node_status(lab, WEST), "and the next honest question is answered")


# ---- configurations that must not start ---------------------------------------------------------

def refused_start(suite, lab, what, words, region=WITNESS):
    done = lab.run(region, [labs.BUILD / "failoverd", "--cluster", lab.cluster_path, "--node", lab.node_folder(region) / "node.json"],
                   check=False, timeout_s=30)
    text = done.stdout + done.stderr
    suite.expect(done.returncode not in (0, None) and done.returncode > 0, f"{what}: refused at start (exit code {done.returncode})", text)
    suite.expect(all(word in text for word in words), f"{what}: says {', '.join(words)}", text)


def line_of(path, word):
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if word in line)


def test_start(suite, lab):
    lab.write_configuration()
    cluster, key = lab.cluster_path, lab.pki / f"{NAMES[WITNESS]}.key"
    node = lab.node_folder(WITNESS) / "node.json"
    good = cluster.read_text()
    key.chmod(0o644)
    refused_start(suite, lab, "a world-readable key", [str(node), f":{line_of(node, '.key')}:", "$.tls.key", "chmod"])
    key.chmod(0o600)

    def broken(what, old, new, *words):
        changed = good.replace(old, new, 1)
        assert changed != good
        cluster.write_text(changed)
        refused_start(suite, lab, what, [str(cluster), *words])
        cluster.write_text(good)

    line = line_of(cluster, '"cooldown"')
    broken("an unknown key", '"cooldown"', '"cooldwon"', f":{line}:", "$.services.shop", "cooldwon", "cooldown")
    line = line_of(cluster, '"outage_min"')
    broken("a wrong type", '"outage_min": "0s"', '"outage_min": 17', f":{line}:", "$.services.shop.outage_min")
    broken("a voter twice", f'"{NAMES[WITNESS]}"', f'"{NAMES[EAST]}"', "$.voters", "voter already")
    broken("a lease shorter than its parts", '"duration": "2s"', '"duration": "300ms"', "$.services.shop.lease")
    broken("no JSON", '"services"', '"services', ":")


if __name__ == "__main__":
    e2e.main("bad days", [
        ("configurations that must not start", test_start, 30, {}),
        ("Route 53 and name servers misbehave", test_route53, 120, e2e.brisk()),
        ("PostgreSQL frozen while it is promoted", test_frozen, 90, e2e.brisk()),
        ("disk full under the store", test_disk, 90, e2e.brisk()),
        ("hostile bytes", test_hostile, 90, e2e.brisk()),
    ])
