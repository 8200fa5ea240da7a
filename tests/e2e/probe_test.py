#!/usr/bin/env python3
"""`failoverctl probe`: one round of a check of each kind, when all is well and when it is not, and that it is only a
look: however often somebody asks, what the nodes judge does not move.

    probe_test.py [WORD...]      only the cases whose title holds one of the words
"""
import concurrent.futures
import json
import time

import e2e
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS, cluster_files

STORM = 25                      # rounds in a row, while the check's own turns come each 2 s
PHASES = {"http": ["name_lookup", "connect", "tls", "first_byte", "body"], "tcp": ["name_lookup", "connect"],
          "dns": ["answer"], "postgres": ["name_lookup", "connect", "login", "query", "write"]}


def probe(lab, asked, check, region, *words):
    code, output, error = lab.failoverctl(asked, "probe", SERVICE, check, "--region", region, "--json", *words)
    return code, json.loads(output) if output else {"error": error}


def took(answer):
    return {phase["name"]: phase["ms"] for phase in answer.get("phases", [])}


def with_more_checks(cluster):
    """A port and a name besides; the name with one answer that is right and, elsewhere, none."""
    regions = cluster["services"][SERVICE]["regions"]
    del cluster["services"][SERVICE]["dns"]["verify_endpoints"]     # they are held against the system's authorities
    servers = cluster["services"][SERVICE]["dns"]["zones"][0]["name_servers"]
    for name, region in regions.items():
        host = region["database"]["host"]
        region["checks"]["port"] = {"type": "tcp", "address": f"{host}:{cluster_files.SERVICE_PORT}", "interval": "2s"}
        region["checks"]["health"] |= {"interval": "2s", "for": "60s"}
        region["checks"]["database"] |= {"for": "60s"}
    regions[EAST]["checks"]["name"] = {"type": "dns", "name": cluster_files.RECORD, "record": "A", "servers": servers,
                                       "interval": "2s", "for": "60s"}


def test_all(suite, lab):
    e2e.bring_up(lab, change=with_more_checks)
    epoch = e2e.status_of(lab, WEST)["epoch"]
    well(suite, lab)
    names(suite, lab)
    nobody_there(suite, lab)
    failing(suite, lab)
    busy(suite, lab)
    not_the_targets_fault(suite, lab)
    suite.expect(e2e.status_of(lab, WEST)["epoch"] == epoch and not e2e.failovers_begun(lab), "looking has moved nothing")


def well(suite, lab):
    for check, region, kind, done in (("health", EAST, "http", ["connect", "tls", "first_byte"]),
                                      ("port", WEST, "tcp", ["connect"]), ("name", EAST, "dns", ["answer"]),
                                      ("database", EAST, "postgres", ["connect", "login", "query", "write"]),
                                      ("database", WEST, "postgres", ["connect", "login", "query"])):
        code, now = probe(lab, WITNESS, check, region)
        parts = took(now)
        suite.expect(code == 0 and now["passed"] and now["outcome"] == "ok" and now["type"] == kind and now["node"] == NAMES[WITNESS]
                     and list(parts) == PHASES[kind] and all(parts[p] > 0 for p in done) and now["address"]
                     and 0 < now["took_ms"] <= now["timeout_ms"], f"{check} in {region} ({kind}) passed: {now.get('text')}", now)
        suite.expect(now["judged"]["verdict"] == "healthy" and now["judged"]["name"] == check, "judged healthy, too", now.get("judged"))
        suite.expect(sum(ms or 0 for ms in parts.values()) <= now["took_ms"] + 1, "no phase is longer than the whole", now)
    code, now = probe(lab, EAST, "database", EAST)
    suite.expect(code == 0 and now["address"].startswith("/"), f"its own guard goes in by the socket: {now.get('address')}", now)
    code, standby = probe(lab, WEST, "database", WEST)
    suite.expect(code == 0 and took(standby)["write"] is None, "a standby is not written to", standby)
    code, health = probe(lab, WITNESS, "health", EAST)
    suite.expect(health["certificate"] and health["certificate"]["days_left"] >= 0, "https: when its certificate ends", health)
    code, output, _ = lab.failoverctl(WITNESS, "probe", SERVICE, "health", "--region", EAST)
    print("      " + output.replace("\n", "\n      "))
    suite.expect(code == 0 and "passed" in output and "TLS handshake" in output and "own turns" in output, "the same for people", output)


def names(suite, lab):
    for words, expected in ((["nothing", "health"], "no such service"), ([SERVICE, "nothing"], "health in us-east-1"),
                            ([SERVICE, "health"], f"--region: {EAST}, {WEST}"),
                            ([SERVICE, "health", "--region", WITNESS], "no such check in that region"),
                            ([SERVICE, "name", "--region", WEST], "no such check in that region"), ([SERVICE], "needs CHECK"),
                            ([SERVICE, "health", "more"], "too many words")):
        code, output, error = lab.failoverctl(WEST, "probe", *words)
        suite.expect(code == 2 and expected in error, f"probe {' '.join(words)}: exit code 2, {expected!r}", output + error)
    code, output, error = lab.failoverctl(WEST, "probe", SERVICE, "name")
    suite.expect(code == 0, "the only one of its name needs no region", output + error)
    code, output, error = lab.failoverctl(WEST, "status", "--region", EAST)
    suite.expect(code == 2, "--region is no option of status", output + error)


def nobody_there(suite, lab):
    lab.coordinators[WITNESS].kill()
    code, output, error = lab.failoverctl(WITNESS, "probe", SERVICE, "health", "--region", EAST)
    suite.expect(code == 5 and "no failoverd answers" in error, "no daemon: exit code 5", output + error)
    lab.start_coordinator(WITNESS)
    e2e.all_well(lab)


def failing(suite, lab):
    """The storm is over long before `fall` and `for` could be reached by the check's own turns."""
    lab.misbehave(EAST, "unhealthy")
    began = time.monotonic()
    for _ in range(STORM):
        code, now = probe(lab, WEST, "health", EAST)
        if code != 1 or now["passed"] or now["outcome"] != "failed":
            break
    turns = (time.monotonic() - began) / 2 + 1
    suite.expect(code == 1 and "503" in now["text"] and took(now)["first_byte"] > 0, f"a failing target: exit code 1, {now.get('text')}", now)
    suite.expect(now["judged"]["failures"] <= turns < STORM,
                 f"{STORM} rounds asked for, {now['judged']['failures']} failures by its own turns", now["judged"])
    lab.wait_for(lambda: probe(lab, WEST, "health", EAST)[1]["judged"]["failures"] >= 1, 10, "its own turns have seen a failure")
    lab.misbehave(EAST, "")
    e2e.all_well(lab)
    lab.services[WEST].kill()
    code, now = probe(lab, WITNESS, "port", WEST)
    suite.expect(code == 1 and "refused" in now["text"] and now["address"] == lab.network.address[WEST], f"no server there: {now.get('text')}", now)
    lab.start_service(WEST)
    e2e.all_well(lab)


def busy(suite, lab):
    lab.misbehave(EAST, "hang 10")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: probe(lab, WEST, "health", EAST), range(6)))
        refused = [answer["error"] for code, answer in told if code == 3]
        late = [answer for code, answer in told if code == 1]
        suite.expect(len(late) >= 1 and len(refused) >= 1 and len(late) + len(refused) == 6
                     and all(e["code"] == "busy" for e in refused),
                     f"six at once: {len(late)} came to a round, {len(refused)} were told that one runs", told)
        suite.expect("in time" in late[0]["text"] and took(late[0])["first_byte"] is None, f"a server that says nothing: {late[0]['text']}", late[0])
        suite.expect(e2e.status_of(lab, WEST)["writer"] == EAST, "status is answered meanwhile")
    lab.misbehave(EAST, "")
    e2e.all_well(lab)


def not_the_targets_fault(suite, lab):
    """A password that was changed on one side says nothing about the database."""
    with lab.databases[EAST].connect() as session:
        session.query("alter role failoverd password 'another'")
    code, now = probe(lab, WITNESS, "database", EAST)
    suite.expect(code == 1 and now["outcome"] == "observer" and not now["passed"] and "login not accepted" in now["text"],
                 f"our own fault is told from the target's: {now.get('text')}", now)
    code, output, _ = lab.failoverctl(WITNESS, "probe", SERVICE, "database", "--region", EAST)
    suite.expect(code == 1 and "could not look" in output, "and in words", output)


if __name__ == "__main__":
    e2e.main("probe", [("every kind of check, well and not", test_all, 110,
                        e2e.brisk(health_interval="2s", database_interval="1s", evidence_max_age="8s") | {"https": True})])
