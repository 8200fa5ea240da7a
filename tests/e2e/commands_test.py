#!/usr/bin/env python3
"""Every command that `failoverctl help` lists, on the lab, with --json: done where that takes no more than asking, and
refused: for what it asks, for who asks, without a quorum, without a daemon. What takes a bad night to be done is done
elsewhere: ELSEWHERE says where. A command that nobody has thought of here fails the test.

    commands_test.py [WORD...]      only the cases whose title holds one of the words
"""
import json
import pathlib
import pwd
import time

import answers_test
import e2e
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS, labs

NOBODY, NOGROUP, DAEMON = 65534, 65534, 1
UNKNOWN = "00c0ffee00c0ffee"
ABSENT = "lhr1-a"               # in cluster.json, and never started
WITHOUT_DAEMON = ("audit verify", "audit show", "check-config", "help")
REASON = ("--reason", "commands_test")

# command: (what is asked, all being well; exit code; the error's code, or None: findings)
REFUSED = {
    "status": ("mars", 2, "no_service"),
    "explain": ("mars", 2, "no_service"),
    "plan": (f"switchover {SERVICE} --to mars", 2, "no_region"),
    "failover": (f"{SERVICE} --to {WEST} --yes", 3, "gate"),
    "switchover": (f"{SERVICE} --to {EAST} --yes", 3, "already"),
    "approve": (f"{UNKNOWN} --yes", 2, "unknown_proposal"),
    "decline": (UNKNOWN, 2, "unknown_proposal"),
    "failback": (f"{SERVICE} --yes", 3, "already"),
    "dns adopt": ("mars --yes", 2, "no_service"),
    "history": ("mars", 2, "no_service"),
    "may-write": ("mars", 8, "no_service"),
    "rejoin": (f"{SERVICE} --yes", 3, "writer"),
    "reconcile": (f"{SERVICE} --keep {WEST} --yes", 3, "no_mark"),
    "events": ("mars", 2, "no_service"),
    "probe": (f"{SERVICE} mars", 2, "no_check"),
    "incidents": ("mars", 2, "usage"),
    "ack": ("mars", 2, "usage"),
    "notify test": ("mars", 2, "no_channel"),
    "wait": (f"{UNKNOWN} --timeout 1", 2, "unknown"),
    "operation show": (UNKNOWN, 2, "unknown"),
    "pause": (f"{SERVICE} --for 8d", 2, "usage"),
    "resume": (SERVICE, 3, "already"),
    "operation pause": (UNKNOWN, 2, "no_operation"),
    "operation resume": (UNKNOWN, 2, "no_operation"),
    "operation abort": (UNKNOWN, 2, "no_operation"),
    "operation tick": (f"{UNKNOWN} tell-team", 2, "no_operation"),
    "operation skip": (UNKNOWN, 2, "no_operation"),
    "voter list": ("mars", 2, "usage"),
    "voter add": (f"{ABSENT} --yes", 3, "no_store_there"),
    "voter remove": (f"{ABSENT} --yes", 3, "no_voter"),
    "voter replace": ("mars --yes", 2, "no_node"),
    "audit verify": ("/nowhere", 2, "unreadable"),
    "audit show": ("/nowhere", 2, "unreadable"),
    "check-config": ("--cluster /nowhere", 1, None),
    "help": ("mars", 2, "usage"),
}
ELSEWHERE = {
    "failover": "confirm_test.py", "switchover": "switchover_test.py", "approve": "approve_test.py", "failback": "failback_test.py",
    "reconcile": "break_glass_test.py", "rejoin": "return_test.py", "ack": "notify_test.py", "notify test": "notify_test.py",
    "operation pause": "operation_words_test.py", "operation resume": "operation_words_test.py",
    "operation abort": "operation_words_test.py", "operation tick": "runbook_test.py", "operation skip": "failback_test.py",
    "voter add": "voter_test.py", "voter remove": "voter_test.py", "voter replace": "voter_test.py",
}
TAKES_REASON = ("failover", "switchover", "decline", "failback", "dns adopt", "rejoin", "reconcile", "pause", "resume", "operation pause",
                "operation resume", "operation abort", "operation skip", "voter add", "voter remove", "voter replace")


def more_than_the_lab_has(content):
    content["nodes"][ABSENT] = {"region": WITNESS, "address": "127.0.0.1:7999"}


def words_of(command, arguments):
    return [*command.split(), *arguments.split(), *(REASON if command in TAKES_REASON else ()), "--json"]


def ask(lab, region, words, by=None, timeout_s=e2e.ORDER_DEADLINE_S):
    """(exit code, document, error text); `by`: a user and a group that are not root's."""
    argv = [labs.BUILD / "failoverctl", "--socket", lab.node_folder(region) / "control.sock", *words]
    if by:
        argv = ["setpriv", "--reuid", by[0], "--regid", by[1], "--clear-groups", *argv]
    done = lab.run(region, argv, timeout_s=timeout_s, check=False)
    lab.answers.take(words, done.stdout)
    lines = done.stdout.splitlines()
    try:
        return done.returncode, json.loads(done.stdout) if words[0] != "events" else json.loads(lines[0]), done.stderr
    except (ValueError, IndexError):
        return done.returncode, {}, done.stderr + done.stdout


def code_of(document):
    return document.get("error", document).get("code", document.get("outcome"))


def state(lab):
    """What an order could have changed."""
    seen = e2e.status_of(lab, EAST)
    voters = e2e.node_status(lab, EAST)["voters"]["version"]
    return [seen[key] for key in ("epoch", "writer", "pause", "scheduled", "proposal", "operation", "last_operation")] + [voters]


def good(lab, operation):
    """{command: words}, in an order in which each finds what it needs."""
    path = lab.node_folder(EAST) / "state" / "audit.jsonl"
    soon = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() + 3600))
    return {
        "status": SERVICE, "explain": SERVICE, "plan": f"switchover {SERVICE}", "history": SERVICE, "may-write": SERVICE,
        "events": f"{SERVICE} --since 5", "probe": f"{SERVICE} health --region {EAST}", "incidents": "", "wait": operation,
        "operation show": operation, "pause": f"{SERVICE} --for 1h", "resume": SERVICE, "dns adopt": f"{SERVICE} --yes",
        "voter list": "", "audit verify": str(path), "audit show": f"{path} --limit 3", "check-config": f"--cluster {lab.cluster_path}",
        "help": "status", "switchover": f"{SERVICE} --to {WEST} --at {soon} --yes", "decline": "what was put down",
    }


def test_done(suite, lab):
    e2e.bring_up(lab, change=more_than_the_lab_has)
    lab.wait_for(lambda: ask(lab, WEST, ["plan", "switchover", SERVICE, "--json"])[0] == 0, 30, "a switchover would begin")
    listed = set(answers_test.commands())
    forms = good(lab, e2e.status_of(lab, EAST)["last_operation"]["id"])
    suite.expect(listed == set(REFUSED), f"each of the {len(listed)} commands has a refused form here", listed ^ set(REFUSED))
    suite.expect(not listed - set(forms) - set(ELSEWHERE), "and a good one, here or elsewhere", listed - set(forms) - set(ELSEWHERE))
    folder = pathlib.Path(__file__).parent
    for command, where in ELSEWHERE.items():
        text = (folder / where).read_text()
        suite.expect(all(f'"{word}"' in text for word in command.split()), f"{command}: {where} has it")
    put_down = None
    for command, arguments in forms.items():
        if command == "decline":
            arguments = put_down
        code, document, error = ask(lab, EAST, words_of(command, arguments))
        suite.expect(code == 0 and (document or command == "help"), f"{command} {arguments}: done, exit code 0", (document, error))
        put_down = document.get("operation") if command == "switchover" else put_down
    all_to_all(suite, lab)


def all_to_all(suite, lab):
    for command, also in (("pause", ["--until-resumed"]), ("resume", [])):
        code, document, error = ask(lab, WITNESS, [command, "--all", *also, *REASON, "--json"])
        told = document.get("services", [{}])
        suite.expect(code == 0 and document["ok"] and [t["service"] for t in told] == [SERVICE] and told[0]["result"]["answer"] == "accepted",
                     f"{command} --all: what came of it for each service", (document, error))


def refuse(suite, lab, who, expected, by=None, region=EAST):
    """`expected(command)`: (exit code, code, arguments), or None: not asked."""
    for command in REFUSED:
        wanted = expected(command)
        if wanted is None:
            continue
        exit_code, code, arguments = wanted
        got, document, error = ask(lab, region, words_of(command, arguments), by)
        told = document.get("error")                # of wait and operation show the outcome is the answer
        in_words = code is None and document
        in_code = code is not None and code_of(document) == code and (told is None or told["text"] and told["exit"])
        suite.expect(got == exit_code and (in_words or in_code),
                     f"{who}{command} {arguments}: exit code {got}, {code_of(document) or error.strip().splitlines()[-1:]}", (document, error))


def test_refused(suite, lab):
    """For what is asked; for who asks: a person who may read, one who may nothing; and nothing has changed."""
    e2e.bring_up(lab, change=more_than_the_lab_has)
    before = state(lab)
    refuse(suite, lab, "", lambda command: (*REFUSED[command][1:], REFUSED[command][0]))
    suite.expect(state(lab) == before, "and nothing has changed", (state(lab), before))
    path = lab.node_folder(EAST) / "node.json"
    node = json.loads(path.read_text())
    e2e.cluster_files.write(path, node | {"control": {"read": ["group:nogroup"], "operate": [f"user:{pwd.getpwuid(DAEMON).pw_name}"],
                                                      "force": ["root"]}})
    lab.coordinators[EAST].kill()
    lab.start_coordinator(EAST)
    e2e.all_well(lab)
    before, audited = state(lab), e2e.node_status(lab, EAST)["audit"]["seq"]
    forms = good(lab, before[-2]["id"]) | {"ack": UNKNOWN}
    refuse(suite, lab, "who may read: ", lambda command: denied(command, forms), by=(NOBODY, NOGROUP))
    who_may_operate(suite, lab)
    code, document, error = ask(lab, EAST, ["status", "--json"], by=(NOBODY, NOGROUP))
    suite.expect(code == 0 and document["services"], "who may read is told the status", (document, error))
    code, document, error = ask(lab, EAST, ["status", "--json"], by=(NOBODY, NOBODY - 1))
    suite.expect(code == 5 and "ermission denied" in str(document), "who may nothing does not reach the socket: exit code 5", (document, error))
    suite.expect(state(lab) == before, "nothing has changed", (state(lab), before))
    lines = [line for line in labs.read_json_lines(lab.journal_path(EAST).with_name("audit.jsonl"))
             if line["seq"] > audited and line["event"] == "order_denied"]
    told = {line["command"] for line in lines}
    suite.expect(told == {c for c in REFUSED if denied(c, forms)} and {line["uid"] for line in lines} == {NOBODY, DAEMON},
                 "each denial is in the audit trail, by whom", told)


def who_may_operate(suite, lab):
    """What is in order is taken; a gate is skipped, a loss accepted, the glass broken, a voter changed by others."""
    move = ("failover", SERVICE, "--to", WEST, "--yes", *REASON, "--json")
    for words, wanted in (((*move, "--skip-gate", "majority_failed"), "denied"), ((*move, "--accept-loss", "1MiB"), "denied"),
                          ((*move, "--break-glass", "--old-is-dead", "so they say"), "denied"),
                          (("voter", "remove", NAMES[WITNESS], "--yes", *REASON, "--json"), "denied"), (move, "gate")):
        code, document, error = ask(lab, EAST, words, by=(DAEMON, NOGROUP))
        suite.expect(code == (2 if wanted == "denied" else 3) and code_of(document) == wanted,
                     f"who may operate: {' '.join(words[:-1])}: {document['error']['text'][:100]}", (document, error))
    for words in (("pause", SERVICE, *REASON, "--json"), ("resume", SERVICE, *REASON, "--json")):
        code, document, error = ask(lab, EAST, words, by=(DAEMON, NOGROUP))
        suite.expect(code == 0 and document["answer"] == "accepted", f"who may operate: {words[0]}: done", (document, error))


def denied(command, forms):
    """Of what changes something: the form that would be done, or at least taken."""
    if command in WITHOUT_DAEMON or command not in (*TAKES_REASON, "approve", "ack", "notify test", "operation tick"):
        return None
    arguments = forms[command] if command in ("ack", "pause", "resume", "dns adopt", "switchover") else REFUSED[command][0]
    return None if command == "reconcile" else (2, "denied", arguments.replace("--for 8d", "--for 1h"))


def test_nobody_there(suite, lab):
    """Without a quorum nothing that needs one is taken; without a daemon each says so."""
    e2e.bring_up(lab, change=more_than_the_lab_has)
    last = e2e.status_of(lab, EAST)["last_operation"]["id"]
    forms = good(lab, last) | {"ack": UNKNOWN}
    for region in (WEST, WITNESS):
        lab.coordinators[region].kill()
    lab.wait_for(lambda: e2e.status_of(lab, EAST).get("state") == "no_quorum", 20, "us-east-1 says that there is no quorum")
    alone = {"switchover": (3, "no_coordinator", f"{SERVICE} --to {WEST} --yes"), "pause": (4, "no_quorum", forms["pause"]),
             "dns adopt": (4, "no_quorum", forms["dns adopt"])}
    refuse(suite, lab, "no quorum: ", alone.get)
    lab.coordinators[EAST].kill()
    refuse(suite, lab, "no daemon: ", lambda command: None if command in WITHOUT_DAEMON else
           (8 if command == "may-write" else 5, "unreachable", forms.get(command, REFUSED[command][0]).replace("what was put down", last)))


if __name__ == "__main__":
    e2e.main("commands", [
        ("done", test_done, 90, e2e.brisk(heartbeat="400ms", renew_every="400ms")),
        ("refused", test_refused, 110, e2e.brisk(heartbeat="400ms", renew_every="400ms")),
        ("without a quorum, without a daemon", test_nobody_there, 110, e2e.brisk(heartbeat="400ms", renew_every="400ms")),
    ])
