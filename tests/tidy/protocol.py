#!/usr/bin/python3
"""The protocol's table in coordinator/operator/README.md has every command with its parameters and its role, and every
code that an answer may carry; and no command or parameter that there is not.

The truth is the table of commands.c, and the words that the daemon refuses with.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "coordinator/operator/README.md"
COMMANDS = ROOT / "coordinator/operator/commands.c"
NAMES = ROOT / "coordinator/status/names.c"

WORD = r"[a-z]+(?:_[a-z]+)*"
ROLES = ("read", "operate", "force")


def commands_of(source):
    """name: (role, [keys]) of those that go to the daemon."""
    found = {}
    for row in re.split(r"\n    \[COMMAND_", source)[1:]:
        head = re.match(r'\w+\] = \{ COMMAND_\w+, "([^"]+)".*?\bROLE_(\w+),\s+(true|false),', row, re.DOTALL)
        keys = ["service"] if "SERVICE_PARAMETER" in row else []
        keys += re.findall(r'\{ "(\w+)", PARAMETER_', row)
        if head is not None and head.group(3) == "true":
            found[head.group(1)] = (head.group(2).lower(), keys)
    return found


def rows_of(page):
    """(names, the words that follow a name in its cell, parameters, role) of each line of the table."""
    for first, parameters, role in re.findall(r"^\| (`[^|]*)\|([^|]*)\|([^|]*)\|[^|]*\|$", page, re.MULTILINE):
        names = re.findall(r"`([a-z][a-z -]*)`", first)
        flags = re.findall(r'`"(\w+)": true`', first)
        bare = re.sub(r"\([^)]*\)|\[[^]]*\]", "", parameters)   # what is said of them aside
        yield names, flags, re.findall(rf"`({WORD})`", bare), role.strip()


def check_commands(commands, page):
    told = {}
    for names, flags, parameters, role in rows_of(page):
        for name in names:
            if name not in commands:
                if role.startswith(ROLES):
                    yield f"`{name}` is no command that the daemon knows"
                continue
            told.setdefault(name, set()).update(parameters, flags)
            if not flags and not role.startswith(commands[name][0]):
                yield f"{name} needs the role {commands[name][0]}, and the table says: {role}"
    for name, (_, keys) in commands.items():
        if name not in told:
            yield f"{name} is not in the table"
            continue
        for key in keys:
            if key not in told[name]:
                yield f"{name}: its parameter {key} is not in the table"


def codes_of(names, sources):
    codes = set(re.findall(rf'\[ANSWER_\w+\] = "({WORD})"', names))
    for text in sources:
        codes |= set(re.findall(rf'"({WORD})",\s*EXIT_', text))
        codes |= set(re.findall(rf'\? "({WORD})" : "{WORD}", EXIT_', text))
    return codes


def check_codes(codes, page):
    for code in sorted(codes):
        if f"`{code}`" not in page:
            yield f"the code {code} is told nowhere"


def try_itself():
    source = ('\n    [COMMAND_X] = { COMMAND_X, "do it", "", ROLE_OPERATE,\n true, true, "", { SERVICE_PARAMETER, '
              '{ "why", PARAMETER_TEXT, true, false } } },')
    commands = commands_of(source)
    good = "| `do it` | `service`, `why`? (how `it` is) | operate; force | text |\n"
    assert commands == {"do it": ("operate", ["service", "why"])}
    assert list(check_commands(commands, good)) == []
    assert len(list(check_commands(commands, ""))) == 1
    assert len(list(check_commands(commands, good.replace("`why`", "`how`")))) == 1
    assert len(list(check_commands(commands, good.replace("operate;", "read;")))) == 1
    assert len(list(check_commands(commands, good + "| `undo` | | read | |\n"))) == 1
    assert codes_of('[ANSWER_A] = "a_b",', ['refuse(x, "no_way", EXIT_GATE)']) == {"a_b", "no_way"}
    assert list(check_codes({"a_b"}, "`b`")) and not list(check_codes({"a_b"}, "`a_b`"))


def main():
    try_itself()
    commands = commands_of(COMMANDS.read_text())
    page = PAGE.read_text()
    protocol = page.split("## The protocol")[1].split("\n## ")[0]
    codes = codes_of(NAMES.read_text(), [path.read_text() for folder in ("control", "operator")
                                         for path in (ROOT / "coordinator" / folder).glob("control*.c")] +
                     [path.read_text() for path in (ROOT / "coordinator/control").glob("rejoin*.c")])
    problems = list(check_commands(commands, protocol)) + list(check_codes(codes, protocol))
    if len(commands) < 10 or len(codes) < 20:
        problems.append("nothing to compare with: the sources changed their form")
    for problem in problems:
        print(f"{PAGE.relative_to(ROOT)}: {problem}")
    print(f"protocol: {len(commands)} commands, {len(codes)} codes")
    print(f"{len(commands) + len(codes) - len(problems)} passed, {len(problems)} failed")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
