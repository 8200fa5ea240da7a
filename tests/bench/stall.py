#!/usr/bin/env python3
"""How long the control loop stands still at the most while 2,000 TLS probes go out and the disk hangs.

    stall.py [--seconds N]         (part of make bench; needs root)

One coordinator with 31 services, 30 HTTPS checks in each of 30 of them, every 2 s, each a TLS handshake of its own
with a server here, and a disk that takes writes and never says that they are durable (hung_disk.c, preloaded). Quorum,
lease and guard live on the control loop, so its longest stall is what a storm of probes can take from a lease.
`failoverctl status` tells it, for the time since it was last asked. The probes loop's stall stands beside it.

Prints a table and "met" or "over"; exits with 0 unless it can't measure.
"""
import argparse
import copy
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import e2e                                                                             # noqa: E402
from e2e import EAST, cluster_files, labs                                              # noqa: E402

SERVICES, CHECKS_A_REGION = 30, 15
PORT = 9443
PROBES_AT_LEAST = 2000
GOAL_MS = 50
SECONDS = 12

SERVER = """
import asyncio, os, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
handshakes = 0
async def serve(reader, writer):
    global handshakes
    handshakes += 1
    try:
        await asyncio.wait_for(reader.readuntil(b"\\r\\n\\r\\n"), 5)
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
        await writer.drain()
    except Exception:
        pass
    writer.close()
async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]), ssl=context, backlog=2000)
    while True:
        await asyncio.sleep(0.5)
        with open(sys.argv[5] + ".new", "w") as file:
            file.write(str(handshakes))
        os.replace(sys.argv[5] + ".new", sys.argv[5])
asyncio.run(main())
"""


def many_services(content, address, ca):
    """Services beside `shop`, each with a database of its own port that nobody runs, and checks of a server that is there."""
    shop = content["services"][cluster_files.SERVICE]
    for number in range(SERVICES):
        service = copy.deepcopy(shop)
        service.pop("dns")
        service["mode"] = "manual"
        for region in service["regions"].values():
            region["database"]["port"] = 6000 + number
            region["checks"] = {f"tls-{n}": {
                "type": "http", "url": f"https://{address}:{PORT}/", "interval": "2s", "for": "5m", "ca_file": str(ca),
                "server_name": cluster_files.RECORD,
                "timeouts": {"connect": "1s", "tls": "1500ms", "first_byte": "1500ms", "total": "1900ms"}}
                for n in range(CHECKS_A_REGION)}
        content["services"][f"s{number:02}"] = service


def loops_of(lab):
    return lab.wait_for(lambda: lab.status(EAST), 20, "the coordinator answers with its status")["loops"]


def measure(seconds):
    with labs.Lab(cluster_files.Thresholds(lease="6s", evidence_max_age="6s")) as lab:
        lab.start_databases()
        lab.start_services()
        lab.start_names()
        place, address = "internet", lab.network.address["internet"]
        lab.write_configuration(lambda content: many_services(content, address, lab.pki / "ca.pem"))
        counted, flag = lab.folder / "handshakes", lab.folder / "hung"
        lab.spawn(place, "tls-server", [sys.executable, "-c", SERVER, address, PORT, lab.pki / f"{cluster_files.RECORD}.pem",
                                        lab.pki / f"{cluster_files.RECORD}.key", counted])
        lab.wait_for(counted.exists, 10, "the TLS server runs")
        shim = labs.BUILD / "tests/hung_disk.so"
        lab.coordinators[EAST] = lab.spawn(EAST, cluster_files.NODE_NAMES[EAST], [
            "/usr/bin/env", f"LD_PRELOAD={shim}", f"HUNG_DISK={flag}", labs.BUILD / "failoverd", *lab._node_arguments(EAST)])
        lab.wait_for(lambda: int(counted.read_text() or 0) >= SERVICES * 2 * CHECKS_A_REGION, 40,
                     "every check has its first round behind it")
        rows = []
        for what, hung in (("2,000 TLS probes", False), ("...and a hung disk", True)):
            if hung:
                flag.touch()
            loops_of(lab)
            before = int(counted.read_text() or 0)
            time.sleep(seconds)
            loops = loops_of(lab)
            rows.append((what, int(counted.read_text() or 0) - before, loops["control_stall_ms"], loops["probes_stall_ms"]))
        flag.unlink()
        return rows


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=int, default=SECONDS)
    rows = measure(arguments.parse_args().seconds)
    print(f"{'':<24} {'handshakes':>10} {'control loop':>13} {'probes loop':>12}   goal {GOAL_MS} ms")
    for what, handshakes, control, probes in rows:
        verdict = "met" if control < GOAL_MS else "over"
        few = "" if handshakes >= PROBES_AT_LEAST else f" (fewer than {PROBES_AT_LEAST}: this machine is busy)"
        print(f"{what:<24} {handshakes:>10} {control:>10} ms {probes:>9} ms   {verdict}{few}")
    return 0


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("stall.py: needs root, for network namespaces")
    sys.exit(main())
