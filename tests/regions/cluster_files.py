"""Writes the cluster's and the nodes' configuration of a lab, and the settings it is made from."""
import dataclasses
import json
import os
import pwd

SERVICE = "shop"
ZONE_NAME = "example.com"
ZONE_ID = "Z0EXAMPLE"
RECORD = "shop.example.com"
FENCE_RECORD = "_failoverd.shop.example.com"
PEER_PORT = 7400
SERVICE_PORT = 8080
EMULATOR_PORT = 4580
CONTROL_PORT = 4581
NODE_NAMES = {"us-east-1": "use1-a", "us-west-2": "usw2-a", "eu-west-1": "euw1-a"}


@dataclasses.dataclass
class Thresholds:
    """Everything about time that a lab sets. The defaults are the demo's."""
    heartbeat: str = "1s"
    health_interval: str = "1s"
    health_for: str = "2s"
    database_interval: str = "1s"
    database_for: str = "2s"
    check_timeout: str = "400ms"
    fall: int = 3
    rise: int = 2
    lease: str = "2s"
    renew_every: str = "700ms"
    fence_budget: str = "500ms"
    clock_error_percent: int = 10
    confirm_timeout: str = "1s"
    evidence_max_age: str = "3s"
    outage_min: str = "0s"
    cooldown: str = "0s"            # a lab operates more than once in a minute
    rpo_bytes: str = "16MiB"
    rpo_seconds: str = "60s"
    ttl_s: int = 5
    insync_ms: int = 2000
    ladder: tuple = ("kernel",)
    accept_unconfirmed_fence: bool = False
    on_quorum_loss: str = "fence"
    mode: str = "automatic"
    commit_lease: bool = False


def cluster(lab):
    """cluster.json as a dict; a test may change it before it is written."""
    net = lab.network
    return {
        "cluster": "lab",
        "voters": [NODE_NAMES[r] for r in lab.regions],
        "nodes": {NODE_NAMES[r]: {"region": r, "address": lab.peer_address(r)} for r in lab.regions},
        "heartbeat": lab.thresholds.heartbeat,
        "services": {SERVICE: _service(lab)},
    }


def _service(lab):
    t = lab.thresholds
    return {
        "mode": t.mode,
        "initial_writer": lab.serving[0],
        "lease": {"duration": t.lease, "renew_every": t.renew_every, "clock_error_percent": t.clock_error_percent,
                  "fence_budget": t.fence_budget},
        "fence": {"ladder": list(t.ladder), "accept_unconfirmed_fence": t.accept_unconfirmed_fence,
                  "on_quorum_loss": t.on_quorum_loss},
        "commit_lease": {"enabled": t.commit_lease},
        "rpo": {"bytes": t.rpo_bytes, "seconds": t.rpo_seconds},
        "outage_min": t.outage_min,
        "cooldown": t.cooldown,
        "confirm_timeout": t.confirm_timeout,
        "evidence_max_age": t.evidence_max_age,
        "step_deadline": {"fence": "15s", "promote": "15s", "dns": "30s", "verify": "15s"},
        "regions": {r: _region(lab, r, priority) for priority, r in enumerate(lab.serving, 1)},
        "dns": _dns(lab),
    }


def _region(lab, region, priority):
    t, address = lab.thresholds, lab.network.address[region]
    paces = {"fall": t.fall, "rise": t.rise}
    timeouts = {"connect": t.check_timeout, "tls": t.check_timeout, "first_byte": t.check_timeout,
                "total": t.check_timeout}
    database = lab.databases[region]
    return {
        "priority": priority,
        "guards": [NODE_NAMES[region]],
        "checks": {
            "health": {"type": "http", "url": f"{lab.scheme}://{address}:{SERVICE_PORT}/health",
                       "interval": t.health_interval, "for": t.health_for, "timeouts": timeouts,
                       "expect": {"status": ["200"], "json": {"/status": "ok"}}, **paces,
                       **({"ca_file": str(lab.pki / "ca.pem"), "server_name": RECORD} if lab.scheme == "https" else {})},
            "database": {"type": "postgres", "interval": t.database_interval, "timeout": t.check_timeout,
                         "for": t.database_for, "write_check": True, **paces},
        },
        "database": {
            "host": address, "hostaddr": address, "port": 5432, "dbname": "postgres", "user": "failoverd",
            "password_file": str(lab.secrets.file("failoverd")), "sslmode": "disable",
            "guard_host": str(database.run),
            "canary_user": "failoverd_canary", "canary_password_file": str(lab.secrets.file("canary")),
            "commit_user": "failoverd_commit", "commit_password_file": str(lab.secrets.file("commit")),
            "kernel_allow": [lab.network.address[r] for r in lab.others(region)],
            "replication_conninfo": database.replication_conninfo(lab.secrets),
        },
    }


def _dns(lab):
    net = lab.network
    return {
        "provider": "route53",
        "endpoint": f"http://{net.address['internet']}:{EMULATOR_PORT}",
        "region": "us-east-1",
        "credentials": {"source": "file", "file": str(lab.secrets.file("aws")), "profile": "default"},
        "zones": [{
            "id": ZONE_ID, "name": ZONE_NAME,
            "name_servers": [f"{net.address['internet']}:{net.dns_port}"],
            "fence_record": FENCE_RECORD,
            "records": [{"name": RECORD, "type": "A", "ttl": lab.thresholds.ttl_s, "kind": "simple",
                         "values": {r: [net.address[r]] for r in lab.serving}}],
        }],
        "verify_endpoints": [f"{lab.scheme}://{RECORD}:{SERVICE_PORT}/health"],
    }


def zones(lab):
    """The emulator's zones file: one zone whose record points at the first serving region."""
    return {"zones": [{
        "id": ZONE_ID, "name": ZONE_NAME + ".", "comment": "the lab's zone",
        "name_servers": ["ns1." + ZONE_NAME + "."],
        "records": [
            {"Name": f"ns1.{ZONE_NAME}.", "Type": "A", "TTL": 60,
             "ResourceRecords": [{"Value": lab.network.address["internet"]}]},
            {"Name": RECORD + ".", "Type": "A", "TTL": lab.thresholds.ttl_s,
             "ResourceRecords": [{"Value": lab.network.address[lab.serving[0]]}]},
        ],
    }]}


def node(lab, region):
    folder = lab.node_folder(region)
    may = ["root"] if os.geteuid() == 0 else [f"user:{pwd.getpwuid(os.geteuid()).pw_name}"]
    return {
        "name": NODE_NAMES[region],
        "state_dir": str(folder / "state"),
        "listen": f"{lab.network.address[region]}:{PEER_PORT}",
        "control_socket": str(folder / "control.sock"),
        "tls": {"ca": str(lab.pki / "ca.pem"), "certificate": str(lab.pki / f"{NODE_NAMES[region]}.pem"),
                "key": str(lab.pki / f"{NODE_NAMES[region]}.key")},
        "control": {"read": may, "operate": may, "force": may},
        "log": {"level": "info", "format": "json"},
        "journal": str(lab.journal_path(region)),
        "audit": str(lab.journal_path(region).with_name("audit.jsonl")),
    }


def write(path, content):
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
