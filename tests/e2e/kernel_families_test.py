#!/usr/bin/env python3
"""The kernel's fence end to end over IPv4 and IPv6, with two services on one host: what shuts one service's port
leaves the other's alone, for clients of both families; who is named is let through, by the address that is named.

    kernel_families_test.py [WORD...]      only the cases whose title holds one of the words

Two PostgreSQL servers in each serving region, both listening on both families, one failoverd that guards both:

    shop   port 5432   its database, its peers and its standby are configured by IPv6 addresses; on_quorum_loss fence
    wiki   port 5433   configured by IPv4 addresses; on_quorum_loss keep

So when the quorum is lost shop's lease lapses and wiki's element stays.
"""
import copy
import re
import signal
import socket
import threading
import time

import e2e
from e2e import EAST, NAMES, SERVICE, WEST, WITNESS, cluster_files

import network                                                                         # noqa: E402
import pgwire                                                                          # noqa: E402
import postgres                                                                        # noqa: E402

OTHER = "wiki"
PORTS = {SERVICE: postgres.PORT, OTHER: 5433}
LEASE_S = 1.5                   # e2e.brisk()'s
SHUT_S = 2                      # how long it is watched that nothing gets in
REFUSED_S = 1                   # a packet that is dropped is not refused: one waits for that long
V4, V6 = "IPv4", "IPv6"


def ipv6(lab, place):
    """Beside the address that the place has already: fd00:...:1::10, ...:2::10 and so on."""
    _, second, third, _ = lab.network.address[place].split(".")
    return f"fd00:{second}::{third}:10"


def address(lab, place, family):
    return lab.network.address[place] if family == V4 else ipv6(lab, place)


def add_ipv6(lab):
    for place in lab.network.address:
        network.run(["ip", "-n", lab.network.namespace(place), "address", "add", f"{ipv6(lab, place)}/64", "dev", "eth0",
                     "nodad"])


# ---- databases, coordinators --------------------------------------------------------------------

def make_databases(lab):
    """Returns wiki's; shop's are the lab's own."""
    wikis = {}
    for region in lab.serving:
        folder = lab.folder / f"{region}-{OTHER}"
        folder.mkdir(mode=0o711)
        wikis[region] = postgres.Postgres(lab, region, PORTS[OTHER], folder)
        wikis[region].streams_from = (lab.network.address[region], PORTS[OTHER])
        lab.databases[region].streams_from = (ipv6(lab, region), PORTS[SERVICE])
        for database in (wikis[region], lab.databases[region]):
            database.listens.append(ipv6(lab, region))
    lab.start_databases()
    wikis[EAST].make_primary(lab.secrets)
    wikis[WEST].make_standby(wikis[EAST], lab.secrets)
    lab.wait_for(lambda: wikis[EAST].streaming(), 20, "wiki's standby streams")
    return wikis


def configure(lab, content, wikis):
    """shop by IPv6 alone; wiki as the lab has it, on its own port, without records."""
    services = content["services"]
    services[OTHER] = copy.deepcopy(services[SERVICE])
    del services[OTHER]["dns"]
    services[OTHER]["fence"]["on_quorum_loss"] = "keep"
    for region in lab.serving:
        del services[OTHER]["regions"][region]["checks"]["health"]
        services[OTHER]["regions"][region]["database"] |= {
            "port": PORTS[OTHER], "guard_host": str(wikis[region].run),
            "replication_conninfo": wikis[region].replication_conninfo(lab.secrets)}
        services[SERVICE]["regions"][region]["database"] |= {
            "host": ipv6(lab, region), "hostaddr": ipv6(lab, region),
            "kernel_allow": [ipv6(lab, other) for other in lab.others(region)]}
    for region in lab.regions:
        content["nodes"][NAMES[region]]["address"] = f"[{ipv6(lab, region)}]:{cluster_files.PEER_PORT}"


def service_of(lab, region, name):
    status = lab.status(region) or {}
    return next((s for s in status.get("services", []) if s["name"] == name), {})


def guard_of(lab, name, region=EAST):
    return e2e.region_in(service_of(lab, region, name), region).get("guard") or {}


def bring_up(lab):
    add_ipv6(lab)
    wikis = make_databases(lab)
    lab.start_services()
    lab.start_names()
    lab.write_configuration(lambda content: configure(lab, content, wikis))
    for region in lab.regions:
        node = lab.node_folder(region) / "node.json"
        v4 = f"{lab.network.address[region]}:{cluster_files.PEER_PORT}"
        node.write_text(node.read_text().replace(v4, f"[{ipv6(lab, region)}]:{cluster_files.PEER_PORT}"))
        lab.start_coordinator(region)
    e2e.all_well(lab)
    e2e.adopt(lab)
    lab.wait_for(lambda: all(service_of(lab, r, OTHER).get("state") == "ok" for r in lab.regions), 20, "wiki is well, too")
    return wikis


# ---- clients ------------------------------------------------------------------------------------

def log_in(lab, region, name, family, place="clients", timeout_s=REFUSED_S):
    connected = lab.network.socket(place, family=socket.AF_INET if family == V4 else socket.AF_INET6)
    connected.settimeout(timeout_s)
    try:
        connected.connect((address(lab, region, family), PORTS[name]))
    except OSError as error:
        connected.close()
        raise pgwire.PgError(f"no connection: {error}") from error
    return pgwire.Session(connected, postgres.APPLICATION, "shop", lab.secrets.get("application"), timeout_s)


def gets_in(lab, region, name, family, place="clients"):
    try:
        with log_in(lab, region, name, family, place) as session:
            return session.value("select 1") == "1"
    except (pgwire.PgError, OSError):
        return False


class Client:
    """Writes rows one by one over one family to one service's database in us-east-1, and keeps when each was
    acknowledged and what went wrong. It waits long for an answer: a fence that shuts for a while is no error."""

    def __init__(self, lab, name, family):
        self.lab, self.name, self.family = lab, name, family
        self.acknowledged, self.errors, self._ends = [], [], False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __str__(self):
        return f"{self.name} over {self.family}"

    def _run(self):
        sequence = 0
        while not self._ends:
            try:
                with log_in(self.lab, EAST, self.name, self.family, timeout_s=5) as session:
                    while not self._ends:
                        sequence += 1
                        session.query(f"insert into orders (client, sequence) values ('{self.family}', {sequence})", timeout_s=30)
                        self.acknowledged.append(time.time())
                        time.sleep(0.02)
            except (pgwire.PgError, OSError) as error:
                self.errors.append(f"{time.time():.2f}: {error}")
                time.sleep(0.1)

    def after(self, moment):
        return [at for at in self.acknowledged if at > moment]

    def stop(self):
        self._ends = True
        self._thread.join(REFUSED_S + 5)


def clients_of(clients, name):
    return [client for client in clients if client.name == name]


def goes_on(suite, clients, errors, since, what):
    """wiki's clients wrote all the time, and nobody refused them anything."""
    for client, before in zip(clients, errors):
        suite.expect(len(client.errors) == before and client.after(since) and client.after(time.time() - 1),
                     f"{what}: {client}, {len(client.after(since))} rows and no write refused", client.errors[-3:])


# ---- the case -----------------------------------------------------------------------------------

def elements(lab):
    """{service: is its port open} of the tables in us-east-1's packet filter."""
    rules = lab.run(EAST, ["/usr/sbin/nft", "list", "ruleset"]).stdout
    tables = re.findall(r"table inet failoverd_(\S+) \{(.*?)\n\}", rules, re.S)
    return {name: bool(re.search(r"set open \{[^}]*elements", body)) for name, body in tables}


def test_lapse(suite, lab):
    wikis = bring_up(lab)
    clients = [Client(lab, name, family) for name in PORTS for family in (V4, V6)]
    try:
        lab.wait_for(lambda: all(len(c.acknowledged) > 20 for c in clients), 10, "every client writes")
        suite.expect(elements(lab) == {SERVICE: True, OTHER: True}, "both services have a table of their own, open", elements(lab))
        others = clients_of(clients, OTHER)
        errors, began = [len(c.errors) for c in others], time.time()
        lapses(suite, lab, clients)
        reopens(suite, lab, clients)
        goes_on(suite, others, errors, began, "while shop's lease lapsed and came back")
        moves(suite, lab, clients)
        goes_on(suite, others, errors, began, "while shop moved to us-west-2")
        removed(suite, lab)
        goes_on(suite, others, errors, began, "while failoverd was taken away")
    finally:
        for client in clients:
            client.stop()
    count = "select count(*) from orders"
    lab.wait_for(lambda: wikis[EAST].value(count) == wikis[WEST].value(count), 10, "wiki's standby has every row")


def lapses(suite, lab, clients):
    """The other two voters are stopped: no majority renews shop's lease."""
    for region in (WEST, WITNESS):
        lab.coordinators[region].send(signal.SIGSTOP)
    stopped = time.time()
    lab.wait_for(lambda: not elements(lab).get(SERVICE), LEASE_S + 10, "shop's element has gone")
    shut = time.time()
    suite.expect(elements(lab) == {SERVICE: False, OTHER: True}, "the lease lapsed: shop's port is shut, wiki's is open", elements(lab))
    time.sleep(SHUT_S)
    for client in clients_of(clients, SERVICE):
        suite.expect(not client.after(shut) and client.after(stopped - 1), f"{client}: nothing acknowledged since", client.after(shut)[:3])
    for family in (V4, V6):
        suite.expect(not gets_in(lab, EAST, SERVICE, family) and gets_in(lab, EAST, OTHER, family),
                     f"{family}: a new client gets into wiki and not into shop")
    named(suite, lab)


def named(suite, lab):
    """shop's kernel_allow has the others' IPv6 addresses only."""
    for place in (WEST, WITNESS):
        suite.expect(gets_in(lab, EAST, SERVICE, V6, place), f"{place} is named by its IPv6 address and let through")
        suite.expect(not gets_in(lab, EAST, SERVICE, V4, place), f"{place}'s IPv4 address is not named, and is not")
    east, west = lab.databases[EAST], lab.databases[WEST]
    sender = east.value("select host(client_addr) from pg_stat_replication")
    east.value("insert into orders (client, sequence) values ('behind the fence', 1) returning 1")
    there = lambda: west.value("select count(*) from orders where client = 'behind the fence'") == "1"
    lab.wait_for(there, 10, "what is written behind the fence streams to the standby")
    suite.expect(sender == ipv6(lab, WEST), f"replication to {sender} goes on through the shut fence", sender)


def reopens(suite, lab, clients):
    resumed = time.time()
    for region in (WEST, WITNESS):
        lab.coordinators[region].send(signal.SIGCONT)
    lab.wait_for(lambda: elements(lab).get(SERVICE), 20, "shop's lease is back, and its element")
    for family in (V4, V6):
        suite.expect(gets_in(lab, EAST, SERVICE, family), f"{family}: open again for a new client at once")
    lab.wait_for(lambda: all(c.after(resumed) for c in clients), 20, "the clients that stood there go on")
    first = max(min(c.after(resumed)) for c in clients_of(clients, SERVICE)) - resumed
    service = service_of(lab, EAST, SERVICE)
    suite.expect(service.get("writer") == EAST and not e2e.failovers_begun(lab), f"the same writer; its clients write on, after {first:.2f} s",
                 service.get("headline"))
    suite.expect(not any(c.errors for c in clients_of(clients, SERVICE)), "on the connections that they had",
                 [c.errors[-2:] for c in clients])


def moves(suite, lab, clients):
    """A planned move of the one service that is configured by IPv6."""
    lab.wait_for(lambda: e2e.is_well(lab), 30, "all is well again")
    code, output = e2e.order(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", "to see it", "--skip-gate", "majority_failed",
                             "--yes")
    suite.expect(code == 0, "shop moves to us-west-2, exit code 0", output)
    moved = time.time()
    for family in (V4, V6):
        suite.expect(gets_in(lab, WEST, SERVICE, family) and not gets_in(lab, EAST, SERVICE, family),
                     f"{family}: clients get into us-west-2's shop and not into us-east-1's")
    suite.expect(not any(c.after(moved) for c in clients_of(clients, SERVICE)), "nobody writes to the old one any more")
    suite.expect(service_of(lab, WEST, OTHER).get("writer") == EAST and elements(lab) == {SERVICE: False, OTHER: True},
                 "wiki's writer is us-east-1 as before", elements(lab))


def removed(suite, lab):
    """As etc/README.md says it: failoverd is stopped, then the table of what it guards no more is deleted."""
    lab.coordinators[EAST].end()
    suite.expect(set(elements(lab)) == {SERVICE, OTHER}, "failoverd stopped: its tables stay, as they have to", elements(lab))
    lab.run(EAST, ["/usr/sbin/nft", "delete", "table", "inet", f"failoverd_{OTHER}"])
    rules = lab.run(EAST, ["/usr/sbin/nft", "list", "ruleset"]).stdout
    suite.expect(OTHER not in rules and str(PORTS[OTHER]) not in rules and elements(lab) == {SERVICE: False},
                 "wiki's table deleted: nothing of it is left, and shop's old primary is fenced as before", rules)
    time.sleep(LEASE_S + 0.5)
    seen = {(name, family): gets_in(lab, EAST, name, family) for name in PORTS for family in (V4, V6)}
    suite.expect(all(inside == (name == OTHER) for (name, _), inside in seen.items()),
                 "a lease later new clients get into wiki still, over both families, and not into shop", seen)


e2e.main("kernel families", [
    ("two services, both families: a lapse, a return, a move", test_lapse, 120, e2e.brisk(mode="manual")),
])
