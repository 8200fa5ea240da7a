#!/usr/bin/python3
"""The man pages can be made, and tell of every command, exit code and option that there is.

The programs are taken from the folder in the environment's FAILOVERD_BUILD; build by default.
"""
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("FAILOVERD_BUILD", "build")


def said(*argv):
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=60, check=True).stdout


def plain(roff):
    """As a reader sees it: without the escapes of roff."""
    return re.sub(r"\\f.", "", roff).replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


def main():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, ROOT / "etc/man/pages.py", BUILD, folder], capture_output=True, text=True, timeout=120)
        pages = {path.name: plain(path.read_text()) for path in pathlib.Path(folder).iterdir()}
    missing = [] if done.returncode == 0 else [f"pages.py failed: {done.stderr.strip()}"]
    missing += [f"no page {name}" for name in ("failoverctl.8", "failoverd.8", "failoverd.json.5") if name not in pages]
    if not missing:
        text = said(BUILD / "failoverctl", "help")
        usages = re.findall(r"^  (\S.*)$", text.split("commands:\n")[1].split("\n\n")[0], re.MULTILINE)
        names = [" ".join(itertools.takewhile(re.compile(r"[a-z-]*$").match, usage.split())) for usage in usages]
        commands = [name for name in names if name != "help"]
        missing += [f"failoverctl.8 does not tell of {name}" for name in commands if f"failoverctl {name}" not in pages["failoverctl.8"]]
        codes = re.findall(r"^  ([0-9]+)  ", text, re.MULTILINE)
        missing += [f"failoverctl.8 lacks exit code {code}" for code in codes if f"\n{code}\n" not in pages["failoverctl.8"]]
        rows = [row for file in json.loads(said(BUILD / "failoverd", "--options")).values() for row in file]
        missing += [f"failoverd.json.5 lacks {row['path']}" for row in rows if row["path"] not in pages["failoverd.json.5"]]
        if not commands or not codes or not rows:
            missing.append("nothing to compare with: the programs' own words changed their form")
        missing += [f"{name}: a place was not filled: {mark}" for name, page in pages.items() for mark in re.findall(r"^@.*@$", page, re.MULTILINE)]
    for problem in missing:
        print(f"man: {problem}")
    print(f"man: {len(pages)} pages, {len(missing)} problems")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
