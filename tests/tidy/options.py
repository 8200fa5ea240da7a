#!/usr/bin/python3
"""Options, JSON Schema, samples and etc/README.md say the same, or this fails.

The truth is the table in coordinator/config/options.c, as `failoverd --options` prints it (the
command is taken from the environment's FAILOVERD; build/failoverd by default). The schemas and the
tables in etc/README.md are made from it: `options.py --write` writes them, without it they are
compared. The samples are written by people: every option must occur in them, with its default at
least once, and nothing else may; the minimal one may hold nothing that is a default anyway.
"""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ETC = ROOT / "etc"
FILES = {
    "cluster": {"samples": ["cluster.sample.json"], "minimal": "cluster.minimal.json", "schema": "cluster.schema.json"},
    "node": {"samples": ["node.sample.json"], "minimal": None, "schema": "node.schema.json"},
}
CONTAINERS = ("object", "optional object", "map", "list")

NO_CONTROL = r"^[^\u0000-\u001f\u007f]+$"
LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
NAME = rf"{LABEL}(\.{LABEL})*\.?"
IPV4 = r"[0-9]{1,3}(\.[0-9]{1,3}){3}"
IPV6 = r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f.]*"
PORT = r"[0-9]{1,5}"
PATTERNS = {
    "text": NO_CONTROL,
    "name": r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    "file": r"^/[^\u0000-\u001f\u007f]*$",
    "URL": rf"^https?://({NAME}|\[{IPV6}\])(:{PORT})?([/?][!$%&'()*+,./0-9:;=?@A-Z_a-z~\[\]-]*)?$",
    "host": rf"^({NAME}|{IPV6})$",
    "socket folder or host": rf"^(/[^\u0000-\u001f\u007f]*|{NAME}|{IPV6})$",
    "IP address": rf"^({IPV4}|{IPV6})$",
    "host:port": rf"^({NAME}|\[{IPV6}\]):{PORT}$",
    "IP:port": rf"^({IPV4}|\[{IPV6}\]):{PORT}$",
    "DNS name": rf"^(\*\.)?{NAME}$",
    "zone id": r"^[A-Z0-9]{1,32}$",
    "principal": r"^(root|(user|group):[A-Za-z0-9._][A-Za-z0-9._-]{0,31})$",
    "duration": r"^[0-9]+(us|ms|s|m|h|d)$",
    "size": r"^[0-9]+(B|KiB|MiB|GiB|TiB)$",
    "status range": r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$",
    "JSON pointer": r"^(/([^~]|~[01])*)?$",
}
TIME_UNITS = [("d", 86400 * 10**6), ("h", 3600 * 10**6), ("m", 60 * 10**6), ("s", 10**6), ("ms", 1000), ("us", 1)]
SIZE_UNITS = [("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1)]

problems = []


def complain(text):
    problems.append(text)


# ---- the table ------------------------------------------------------------------------------


def read_options():
    command = os.environ.get("FAILOVERD", "build/failoverd")
    done = subprocess.run([command, "--options"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def parent(row):
    return row["path"].rpartition(".")[0]


def key(row):
    return row["path"].rpartition(".")[2]


def children(rows, pattern):
    return [row for row in rows if parent(row) == pattern]


def words(row):
    """The sibling that decides and the words that let the row apply."""
    decider, _, allowed = row["when"].partition("=")
    return decider, allowed.split("|")


def applies(rows, row, holder):
    """Whether the row applies in this object of a file."""
    if "when" not in row:
        return True
    decider, allowed = words(row)
    fallback = next(r.get("default") for r in rows if r["path"] == f"{parent(row)}.{decider}")
    return holder.get(decider, fallback) in allowed


# ---- JSON Schema ----------------------------------------------------------------------------


def scalar_schema(row):
    kind = row["type"]
    if kind == "choice":
        return {"enum": row["choices"]}
    if kind == "boolean":
        return {"type": "boolean"}
    if kind == "integer":
        return {"type": "integer", "minimum": row["min"], "maximum": row["max"]}
    if kind == "scalar":
        return {"type": ["string", "number", "boolean", "null"]}
    most = row["max"] if kind == "text" and row["max"] > 0 and not row["list"] else 1024
    return {"type": "string", "pattern": PATTERNS[kind], "maxLength": most}


def value_schema(rows, row):
    kind = row["type"]
    if kind in ("object", "optional object"):
        return object_schema(rows, row["path"])
    if kind == "map":
        plain = [r for r in children(rows, row["path"]) if key(r) == "*"]
        element = option_schema(rows, plain[0]) if plain else object_schema(rows, row["path"] + ".*")
        return {"type": "object", "propertyNames": {"pattern": PATTERNS[row["keys"]]},
                "minProperties": row["min"], "maxProperties": row["max"], "additionalProperties": element}
    if kind == "list":
        return {"type": "array", "minItems": row["min"], "maxItems": row["max"],
                "items": object_schema(rows, row["path"] + "[]")}
    if row["list"]:
        return {"type": "array", "minItems": row["min"], "maxItems": row["max"], "items": scalar_schema(row)}
    return scalar_schema(row)


def option_schema(rows, row):
    schema = {"description": row["means"]}
    if "default" in row:
        schema["default"] = row["default"]
    schema.update(value_schema(rows, row))
    return schema


def case_schema(rows, dependent, decider, word):
    """What holds when the deciding sibling says `word`: the rows that apply, and no others."""
    names = {key(row) for row in dependent}
    mine = [row for row in dependent if word in words(row)[1]]
    then = {"properties": {key(row): option_schema(rows, row) for row in mine}}
    then["properties"].update({name: False for name in sorted(names - {key(row) for row in mine})})
    required = [key(row) for row in mine if row["required"]]
    if required:
        then["required"] = required
    condition = {"properties": {key(decider): {"const": word}}}
    if decider.get("default") != word:
        condition["required"] = [key(decider)]
    return {"if": condition, "then": then}


def object_schema(rows, pattern):
    here = children(rows, pattern)
    always = [row for row in here if "when" not in row]
    dependent = [row for row in here if "when" in row]
    properties = {key(row): option_schema(rows, row) for row in always}
    properties.update({key(row): {} for row in dependent if key(row) not in properties})
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    required = [key(row) for row in always if row["required"]]
    if required:
        schema["required"] = required
    if dependent:
        name = words(dependent[0])[0]
        decider = next(row for row in always if key(row) == name)
        schema["allOf"] = [case_schema(rows, dependent, decider, word) for word in decider["choices"]]
    return schema


def file_schema(which, rows):
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"failoverd: {which}.json",
              "description": "Made from the options of failoverd by tests/tidy/options.py --write. "
                             "What two options together make wrong only `failoverd --check` finds."}
    schema.update(object_schema(rows, "$"))
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


# ---- etc/README.md --------------------------------------------------------------------------


def with_unit(value, units, zero):
    if value == 0:
        return "0" + zero
    return next(f"{value // factor}{unit}" for unit, factor in units if value % factor == 0)


def bounds(row):
    kind = row["type"]
    if row["list"] or kind in ("map", "list"):
        return f"{row['min']} to {row['max']}"
    if kind == "duration":
        return f"{with_unit(row['min'], TIME_UNITS, 's')} to {with_unit(row['max'], TIME_UNITS, 's')}"
    if kind == "size":
        return f"{with_unit(row['min'], SIZE_UNITS, 'B')} to {with_unit(row['max'], SIZE_UNITS, 'B')}"
    if kind == "integer":
        return f"{row['min']} to {row['max']}"
    return ""


def type_text(row):
    text = " or ".join(f"`{word}`" for word in row["choices"]) if row["type"] == "choice" else row["type"]
    if row["list"]:
        text = f"list of {text}"
    return f"{text}, {bounds(row)}" if bounds(row) else text


def default_text(row):
    if "default" in row:
        return f"`{json.dumps(row['default'], ensure_ascii=False)}`"
    if row["required"]:
        return "**required**"
    return "" if row["type"] == "object" else "none"


def table_text(rows):
    lines = ["| option | type | default | meaning |", "|---|---|---|---|"]
    for row in rows:
        only = f" Only where `{row['when']}`." if "when" in row else ""
        cells = [f"`{row['path']}`", type_text(row), default_text(row), row["means"] + only]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def readme_with_tables(text, options):
    for which, rows in options.items():
        begin = f"<!-- options of {which}.json, written by tests/tidy/options.py -->\n"
        end = f"<!-- end of options of {which}.json -->\n"
        if begin not in text or end not in text:
            complain(f"etc/README.md has no place for the options of {which}.json")
            continue
        head, _, rest = text.partition(begin)
        text = head + begin + table_text(rows) + end + rest.partition(end)[2]
    return text


# ---- samples --------------------------------------------------------------------------------


def walk(rows, value, pattern, path, found):
    """Every option of a file: (row, value). Complains of keys that are none."""
    for name, member in value.items():
        here = f"{path}.{name}"
        mine = [row for row in children(rows, pattern) if key(row) == name and applies(rows, row, value)]
        if not mine:
            complain(f"{here} is no option")
            continue
        row = mine[0]
        found.append((row, member))
        if row["type"] in ("object", "optional object"):
            walk(rows, member, row["path"], here, found)
        elif row["type"] == "list":
            for index, element in enumerate(member):
                walk(rows, element, row["path"] + "[]", f"{here}[{index}]", found)
        elif row["type"] == "map":
            walk_map(rows, row, member, here, found)


def walk_map(rows, row, member, path, found):
    plain = [r for r in children(rows, row["path"]) if key(r) == "*"]
    for name, element in member.items():
        if plain:
            found.append((plain[0], element))
        else:
            walk(rows, element, row["path"] + ".*", f"{path}.{name}", found)


def label(row):
    return row["path"] + (f" ({row['when']})" if "when" in row else "")


def check_samples(which, rows):
    found = []
    for name in FILES[which]["samples"]:
        walk(rows, json.loads((ETC / name).read_text()), "$", name, found)
    for row in rows:
        values = [value for other, value in found if other is row]
        if not values:
            complain(f"{label(row)} occurs in no sample of {which}.json")
        elif "default" in row and row["default"] not in values:
            complain(f"{label(row)}: no sample shows its default, {json.dumps(row['default'])}")


def check_minimal(which, rows):
    name = FILES[which]["minimal"]
    if name is None:
        return
    found = []
    walk(rows, json.loads((ETC / name).read_text()), "$", name, found)
    for row, value in found:
        if "default" in row and row["default"] == value:
            complain(f"{name}: {row['path']} is the default; leave it out")


# ---- main -----------------------------------------------------------------------------------


def compare(path, wanted, write):
    current = path.read_text() if path.exists() else ""
    if current == wanted:
        return
    if write:
        path.write_text(wanted)
        print(f"wrote {path.relative_to(ROOT)}")
    else:
        complain(f"{path.relative_to(ROOT)} differs from the options; tests/tidy/options.py --write writes it anew")


def main():
    write = sys.argv[1:] == ["--write"]
    if sys.argv[1:] and not write:
        sys.exit(__doc__)
    options = read_options()
    for which, rows in options.items():
        compare(ETC / FILES[which]["schema"], file_schema(which, rows), write)
        check_samples(which, rows)
        check_minimal(which, rows)
    readme = ETC / "README.md"
    compare(readme, readme_with_tables(readme.read_text(), options), write)
    for problem in problems:
        print(f"options: {problem}")
    print(f"options: {sum(len(rows) for rows in options.values())} options, {len(problems)} differences")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
