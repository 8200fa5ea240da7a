#!/usr/bin/python3
"""The man pages, from their sources here and from what the programs say of themselves.

    pages.py BUILD OUT        (make man)

The commands of failoverctl and the options of the files are told once: by `failoverctl help` and `failoverd --options`
of BUILD. They take the places that are marked in the sources; scdoc makes roff of the whole. OUT gets one file a page.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TIDY = HERE.parents[1] / "tests" / "tidy"
SECONDS = 30


def said(*argv):
    words = [str(word) for word in argv]
    return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=True).stdout


def escaped(text):
    """scdoc takes these for marks."""
    for mark in "\\*_`[]#|":
        text = text.replace(mark, "\\" + mark)
    return text


def section(help_text, title):
    """The lines below `title:`, until an empty one."""
    lines = iter(help_text.splitlines())
    for line in lines:
        if line == f"{title}:":
            break
    found = []
    for line in lines:
        if not line.strip():
            break
        found.append(line)
    return found


def command_names(help_text):
    """From `  dns adopt SERVICE --reason TEXT`: the words in small letters before the arguments, of which one may be a choice (a|b)."""
    found = (re.match(r"  ([a-z][a-z-]*(?: [a-z][a-z-]*(?![a-z|-]))*)(?= |$)", line) for line in section(help_text, "commands"))
    return [match.group(1) for match in found if match]


def commands(failoverctl):
    """Each as `failoverctl help COMMAND` has it."""
    texts = []
    for name in command_names(said(failoverctl, "help")):
        if name == "help":
            continue
        lines = said(failoverctl, "help", *name.split()).rstrip().splitlines()
        usage = lines[0].removeprefix("usage: ")
        body = "\n".join(lines[1:])
        texts.append(f"## {name}\n\n```\n{usage}\n\n{body}\n```\n")
    return "\n".join(texts)


def exit_codes(failoverctl):
    texts = []
    for line in section(said(failoverctl, "help"), "exit codes"):
        code, _, means = line.strip().partition("  ")
        texts.append(f"*{code}*\n\t{escaped(means.strip())}\n")
    return "\n".join(texts)


def options(rows):
    sys.path.insert(0, str(TIDY))
    import options as table                                                            # noqa: E402
    texts = []
    for row in rows:
        kind = table.type_text(row).replace("`", "").replace("\\|", "|")
        default = table.default_text(row).strip("`*")
        what = ", ".join(part for part in (kind, default if default in ("required", "none", "") else f"default {default}") if part)
        only = f" Only where {row['when'].replace('|', ' or ')}." if "when" in row else ""
        texts.append(f"*{escaped(row['path'])}* ({escaped(what)})\n\t{escaped(row['means'] + only)}\n")
    return "\n".join(texts)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    rows = json.loads(said(build / "failoverd", "--options"))
    parts = {
        "@commands@": lambda: commands(build / "failoverctl"),
        "@exit codes@": lambda: exit_codes(build / "failoverctl"),
        "@options cluster@": lambda: options(rows["cluster"]),
        "@options node@": lambda: options(rows["node"]),
    }
    out.mkdir(parents=True, exist_ok=True)
    for source in sorted(HERE.glob("*.scd")):
        text = source.read_text()
        for mark, part in parts.items():
            if mark in text:
                text = text.replace(mark, part())
        page = subprocess.run(["scdoc"], input=text, capture_output=True, text=True, timeout=SECONDS)
        if page.returncode != 0:
            sys.exit(f"{source.name}: {page.stderr.strip()}")
        (out / source.stem).write_text(page.stdout)
        print(f"wrote {os.path.relpath(out / source.stem)}")


if __name__ == "__main__":
    main()
