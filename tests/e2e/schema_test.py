#!/usr/bin/python3
"""The JSON Schemas and `failoverd --check` give the same verdict, where a schema can tell at all.

Good and bad files go to both. For every option one or more bad values are made from its row in
`failoverd --options` (wrong type, out of range, unknown word, missing, misspelt), so that a new
option is covered without a word here; below stand those that need a person to think of. What two
options make wrong together is marked `semantic`: the schema must accept it and --check must not.
A disagreement anywhere fails. The command comes from FAILOVERD (build/failoverd by default).
"""
import copy
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
ETC = ROOT / "etc"
COMMAND = os.environ.get("FAILOVERD", str(ROOT / "build" / "failoverd"))
sys.path.insert(0, str(ROOT / "tests" / "tidy"))
import options as tidy  # noqa: E402

TIMEOUT_S = 30
SAMPLE = {"cluster": "cluster.sample.json", "node": "node.sample.json"}


class Bench:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.schemas = {}
        for which in SAMPLE:
            schema = json.loads((ETC / f"{which}.schema.json").read_text())
            jsonschema.Draft202012Validator.check_schema(schema)
            self.schemas[which] = jsonschema.Draft202012Validator(schema)
        self.passed = 0
        self.failed = 0

    def daemon_accepts(self, which, text):
        path = self.folder / f"{which}.json"
        path.write_text(text)
        other = "node" if which == "cluster" else "cluster"
        done = subprocess.run(
            [COMMAND, "--check", "--no-files", f"--{which}", str(path), f"--{other}", str(ETC / SAMPLE[other])],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"--check ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.returncode == 0, done.stdout

    def judge(self, name, which, value, schema_wants, daemon_wants, fragment=None):
        schema_says = self.schemas[which].is_valid(value)
        daemon_says, output = self.daemon_accepts(which, json.dumps(value, indent=1))
        good = schema_says == schema_wants and daemon_says == daemon_wants
        if fragment is not None and fragment not in output:
            good = False
        if good:
            self.passed += 1
            return
        self.failed += 1
        print(f"FAIL {which}: {name}: schema {'accepts' if schema_says else 'refuses'} (wanted "
              f"{'accepts' if schema_wants else 'refuses'}), --check {'accepts' if daemon_says else 'refuses'} "
              f"(wanted {'accepts' if daemon_wants else 'refuses'})\n{output[:1500]}")

    def both_refuse(self, name, which, value, fragment=None):
        self.judge(name, which, value, False, False, fragment)


# ---- made from the table --------------------------------------------------------------------


def occurrences(rows, value, pattern, trail, found):
    """Every place of an option in a file: (row, trail to the object around it, key)."""
    for name, member in value.items():
        row = next(r for r in tidy.children(rows, pattern)
                   if tidy.key(r) == name and tidy.applies(rows, r, value))
        found.append((row, trail, name))
        here = trail + [name]
        if row["type"] in ("object", "optional object"):
            occurrences(rows, member, row["path"], here, found)
        elif row["type"] == "list":
            for index, element in enumerate(member):
                occurrences(rows, element, row["path"] + "[]", here + [index], found)
        elif row["type"] == "map":
            plain = [r for r in tidy.children(rows, row["path"]) if tidy.key(r) == "*"]
            for inner, element in member.items():
                if plain:
                    found.append((plain[0], here, inner))
                else:
                    occurrences(rows, element, row["path"] + ".*", here + [inner], found)


def first_of_each(found):
    seen = {}
    for row, trail, name in found:
        seen.setdefault(tidy.label(row), (row, trail, name))
    return seen.values()


def reach(value, trail):
    for step in trail:
        value = value[step]
    return value


def changed(sample, trail, name, new):
    value = copy.deepcopy(sample)
    reach(value, trail)[name] = new
    return value


BAD_TEXTS = {
    "name": ["", "-a", "a-", "Upper", "under_score", "a.b", "x" * 64],
    "file": ["", "relative/path", "./here"],
    "URL": ["", "ftp://example.com/", "https://", "http:///path", "example.com", "https://a b.example.com/",
            "https://user:word@example.com/", "https://example.com/#part"],
    "host": ["", "a b", "-a.example.com", "a..b", "semi;colon"],
    "socket folder or host": ["", "a b"],
    "IP address": ["", "example.com", "192.0.2", "192.0.2.1:53"],
    "host:port": ["", "example.com", "192.0.2.1", "2001:db8::1:7400", ":7400", "192.0.2.1:port", "192.0.2.1:"],
    "IP:port": ["", "192.0.2.1", "example.com:53", "192.0.2.1:"],
    "DNS name": ["", "a b.example.com", "..", "*.*.example.com"],
    "zone id": ["", "/hostedzone/Z1", "z0123"],
    "principal": ["", "everybody", "user:", "group:a b"],
    "duration": ["", "10", "s", "-1s", "1.5s", "10 s", "10S", "10sec", " 10s"],
    "size": ["", "16", "16MB", "16 MiB", "-1B", "1.5GiB", "mib"],
    "text": ["", "line\nbreak", "bell\u0007"],
}


def bad_scalars(row):
    kind = row["type"]
    if kind == "boolean":
        return ["true", 1, None, [], {}]
    if kind == "integer":
        return [row["min"] - 1, row["max"] + 1, row["min"] + 0.5, str(row["min"]), None, True, []]
    if kind == "choice":
        return ["no-such-word", "", 1, None, True]
    if kind == "status range":
        return ["", "20", "2000", "200-", "-200", "200-99", "abc", 200]
    if kind == "scalar":
        return [[], {}]
    return BAD_TEXTS[kind] + [1, None, True, [], {}]


def bad_values(row):
    kind = row["type"]
    if kind in ("object", "optional object", "map"):
        return ["text", 1, None, [], True]
    if kind == "list":
        return ["text", 1, None, {}, []]
    if row["list"]:
        lists = [[bad] for bad in bad_scalars(row)] if row["min"] == 1 else []
        return lists + ["text", 1, None, {}] + ([[]] if row["min"] > 0 else [])
    return bad_scalars(row)


def from_table(bench, which, rows):
    sample = json.loads((ETC / SAMPLE[which]).read_text())
    found = []
    occurrences(rows, sample, "$", [], found)
    for row, trail, name in first_of_each(found):
        for bad in bad_values(row):
            bench.both_refuse(f"{row['path']} = {json.dumps(bad)}", which, changed(sample, trail, name, bad))
        if row["required"]:
            value = copy.deepcopy(sample)
            del reach(value, trail)[name]
            bench.both_refuse(f"{row['path']} left out", which, value, "is missing")
        if tidy.key(row) != "*":
            value = copy.deepcopy(sample)
            holder = reach(value, trail)
            holder[name + "x"] = holder.pop(name)
            bench.both_refuse(f"{row['path']} misspelt", which, value, f'did you mean "{name}"')


# ---- thought of -----------------------------------------------------------------------------

SHOP = ["services", "shop"]
REGION = SHOP + ["regions", "us-east-1"]
RECORD = SHOP + ["dns", "zones", 0, "records", 0]
CHANNELS = ["notify", "channels"]

GOOD = [
    ("five voters", [], {"voters": ["use1-a", "usw2-a", "euw1-a", "euw1-b", "usw2-b"], "nodes": {
        "use1-a": {"region": "us-east-1", "address": "192.0.2.10:7400"},
        "usw2-a": {"region": "us-west-2", "address": "198.51.100.10:7400"},
        "usw2-b": {"region": "us-west-2", "address": "[2001:db8::2]:7400"},
        "euw1-a": {"region": "eu-west-1", "address": "203.0.113.10:7400"},
        "euw1-b": {"region": "eu-west-1", "address": "b.euw1.example.com:7400"}}}),
    ("durations in other units", SHOP + ["lease"], {"duration": "10000ms", "renew_every": "2000000us"}),
    ("no rpo at all", SHOP, {"rpo": {"bytes": "0B", "seconds": "0s"}}),
    ("other status codes", REGION + ["checks", "health", "expect"], {"status": ["200", "204", "301-302"]}),
    ("no expectation", REGION + ["checks", "health"], {"expect": {}}),
    ("a name with an underscore", RECORD, {"name": "_a.shop.example.com"}),
    ("a final dot", RECORD, {"name": "shop.example.com."}),
    ("braces in a template", CHANNELS + ["chat"], {"template": "{{}} {text}"}),
]

BAD = [
    ("a channel's URL itself", CHANNELS + ["chat"], {"url": "https://hooks.example.com/x"}),
    ("a template for PagerDuty", CHANNELS + ["on-call"], {"template": "{text}"}),
    ("an unknown event", CHANNELS + ["on-call"], {"events": ["done", "finished"]}),
    ("url for a postgres check", REGION + ["checks", "database"], {"url": "https://example.com/"}),
    ("timeout for an http check", REGION + ["checks", "health"], {"timeout": "2s"}),
    ("weight for a simple record", RECORD, {"weight": {"us-east-1": 1, "us-west-2": 1}}),
    ("role for a simple record", RECORD, {"role": "primary"}),
    ("alias for a simple record", RECORD, {"alias": {}}),
    ("file without its source", SHOP + ["dns", "credentials"], {"file": "/etc/failoverd/aws"}),
    ("source file without a file", SHOP + ["dns"], {"credentials": {"source": "file"}}),
    ("six voters", [], {"voters": ["a", "b", "c", "d", "e", "f"]}),
    ("one voter", [], {"voters": ["use1-a"]}),
    ("no services", [], {"services": {}}),
    ("a service with a bad name", ["services"], {"Bad Name": {}}),
]

SEMANTIC = [
    ("an unknown placeholder", CHANNELS + ["chat"], {"template": "{servce}: {text}"}, "{servce}"),
    ("levels out of order", ["notify", "escalation"], {"level_3": "20m"}, "level_3"),
    ("an event twice", CHANNELS + ["on-call"], {"events": ["done", "done"]}, "listed twice"),
    ("a program by its name", CHANNELS + ["wake-the-lead"], {"program": ["send-sms"]}, "no absolute path"),
    ("duplicate voter", [], {"voters": ["use1-a", "usw2-a", "use1-a"]}, "$.voters[2]"),
    ("even number of voters", [], {"voters": ["use1-a", "usw2-a", "euw1-a", "x"]}, "must be odd"),
    ("unknown voter", [], {"voters": ["use1-a", "usw2-a", "euw1-b"]}, 'did you mean "euw1-a"'),
    ("lease too short", SHOP + ["lease"], {"duration": "6s"}, "fence_budget 2s + 2 x renew_every 2s = 6s"),
    ("unknown initial writer", SHOP, {"initial_writer": "eu-west-1"}, "$.services.shop.initial_writer"),
    ("guard of another region", REGION, {"guards": ["usw2-a"]}, "not in us-east-1"),
    ("duration out of range", SHOP, {"outage_min": "8d"}, "it must be 0s to 7d"),
    ("port out of range", REGION + ["checks", "front"], {"address": "192.0.2.1:65536"}, "with a port"),
    ("no address at all", SHOP + ["regions", "us-east-1", "database"], {"hostaddr": "256.1.1.1"}, "no IP address"),
    ("no value for a region", RECORD, {"values": {"us-east-1": ["192.0.2.20"]}}, "us-west-2"),
    ("name where an address belongs", RECORD, {"values": {"us-east-1": ["a.example.com"], "us-west-2": ["192.0.2.1"]}},
     "IPv4"),
    ("record outside of the zone", RECORD, {"name": "shop.example.org"}, "not within the zone"),
    ("fence record is a record", SHOP + ["dns", "zones", 0], {"fence_record": "shop.example.com"}, "fence_record"),
]


def thought_of(bench):
    sample = json.loads((ETC / SAMPLE["cluster"]).read_text())

    def with_changes(trail, changes):
        value = copy.deepcopy(sample)
        reach(value, trail).update(changes)
        return value

    for name, trail, changes in GOOD:
        bench.judge(name, "cluster", with_changes(trail, changes), True, True)
    for name, trail, changes in BAD:
        bench.both_refuse(name, "cluster", with_changes(trail, changes))
    for name, trail, changes, fragment in SEMANTIC:
        bench.judge(name, "cluster", with_changes(trail, changes), True, False, fragment)


def shipped(bench):
    for which, name in (("cluster", "cluster.sample.json"), ("cluster", "cluster.minimal.json"),
                        ("node", "node.sample.json")):
        value = json.loads((ETC / name).read_text())
        bench.judge(name, which, value, True, True, "good: 0 warnings")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))       # so that the folder goes, too
    options = tidy.read_options()
    with tempfile.TemporaryDirectory(prefix="failoverd-schema-") as folder:
        bench = Bench(folder)
        shipped(bench)
        thought_of(bench)
        for which, rows in options.items():
            from_table(bench, which, rows)
    print(f"{bench.passed} passed, {bench.failed} failed")
    sys.exit(1 if bench.failed or bench.passed < 500 else 0)


if __name__ == "__main__":
    main()
