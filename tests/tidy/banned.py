#!/usr/bin/env python3
"""What no file here may hold: calls that can't be used safely, waiting in product code, notes of
unfinished work, and what makes a file hard to read. Comments and strings don't count as calls.
"""
import re
import sys

import c_text

LINE_MAX = 120
LINE_HARD_MAX = 200
TOP_COMMENT_MIN = 20

# Banned in every C file: what to use instead.
CALLS = {
    "strcpy": "text_append() of coordinator/base/text.h, or snprintf() with its result checked",
    "strcat": "text_append() of coordinator/base/text.h",
    "sprintf": "text_appendf() of coordinator/base/text.h, or snprintf()",
    "vsprintf": "vsnprintf()",
    "strncpy": "text_append(), or memcpy() with a checked length: it leaves texts without an end",
    "strtok": "strcspn() and strspn(), which keep no state",
    "atoi": "a strict number of coordinator/base/text.h: it can't tell 0 from nonsense",
    "atol": "a strict number of coordinator/base/text.h: it can't tell 0 from nonsense",
    "gets": "fgets() or getline()",
    "system": "child_start() of coordinator/base/child.h: no shell, a deadline, no zombies",
    "popen": "child_start() of coordinator/base/child.h: no shell, a deadline, no zombies",
    "alloca": "an array with a named bound, or malloc(): the stack has no error to check",
    "setjmp": "a result that is checked, and one way out (goto out)",
    "longjmp": "a result that is checked, and one way out (goto out)",
}
# Banned in the product on top: no loop may stand still.
WAITING = {
    "sleep": "a timer of coordinator/base/loop.h",
    "usleep": "a timer of coordinator/base/loop.h",
}
MERGE_MARKS = ("<<<<" + "<<< ", ">>>>" + ">>> ")
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "X" + "XX")

TEXT_FILES = (".c", ".h", ".py", ".sh", ".sql", ".md", ".json", ".service", ".txt")
CODE_FILES = (".c", ".h", ".py", ".sh")


def pattern_of(words):
    # Not after . or -> (a field of that name), not as part of a longer name.
    return re.compile(r"(?<![\w.])(?<!->)(" + "|".join(sorted(words)) + r")\s*\(")


CALL = pattern_of(CALLS)
WAIT = pattern_of(WAITING)
UNFINISHED_WORD = re.compile(r"\b(" + "|".join(UNFINISHED) + r")\b")


def check_calls(name, code):
    product = name.split("/")[0] in c_text.PRODUCT
    for pattern, instead in ((CALL, CALLS), (WAIT, WAITING if product else {})):
        for match in pattern.finditer(code):
            if match[1] in instead:
                yield (f"{name}:{c_text.line_of(code, match.start())}: calls {match[1]}(): use "
                       f"{instead[match[1]]}")


def width(line):
    """Without what strings say: a message stays in one piece, so that grep finds it."""
    return len(re.sub(r'"(\\.|[^"\\])*"', '""', line))


def check_lines(name, text):
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{name}:{number}:"
        if "\t" in line and not name.endswith("Makefile"):
            yield f"{where} has a tab: use spaces"
        if line != line.rstrip():
            yield f"{where} has blanks at its end: remove them"
        if line.startswith(MERGE_MARKS):
            yield f"{where} is a mark of a merge: settle what differs"
        if UNFINISHED_WORD.search(line):
            yield (f"{where} says {UNFINISHED_WORD.search(line)[1]}: do it now, or open an issue and "
                   "describe here what is, in the present tense")
        if name.endswith(CODE_FILES) and (width(line) > LINE_MAX or len(line) > LINE_HARD_MAX):
            yield (f"{where} has {len(line)} characters ({width(line)} without what its strings say): "
                   f"at most {LINE_MAX} besides strings, {LINE_HARD_MAX} in all")
    if text and not text.endswith("\n"):
        yield f"{name}:{text.count(chr(10)) + 1}: has no newline at its end: add one"


def top_comment(name, text):
    """What a file says of itself before anything else."""
    if name.endswith((".c", ".h")):
        match = re.match(r"/\*(.*?)\*/", text, re.S)
    elif name.endswith(".py"):
        match = re.match(r'(?:#!.*\n)?(?:\s*)("""(.*?)"""|(#[^!\n]*\n)+)', text, re.S)
    else:
        match = re.match(r"(?:#!.*\n)?((#[^!\n]*\n)+)", text)
    return match[1].strip() if match else ""


def check_top(name, text):
    if name.endswith(CODE_FILES) and text and len(top_comment(name, text)) < TOP_COMMENT_MIN:
        yield f"{name}:1: does not begin with a comment that says what it is for and where its boundary lies"


def guards_of(name):
    """FAILOVERD_<ROOM>_<NAME>_H; the emulator is no part of failoverd and says so. Tests may name
    their folder too."""
    folders, stem = name.split("/")[:-1], name.split("/")[-1].removesuffix(".h")
    rooms = [folders[1] if folders[0] == "coordinator" and len(folders) > 1 else folders[0]]
    if folders[0] == "tests" and len(folders) > 1:
        rooms.append(f"tests_{folders[1]}")
    prefixes = ["ROUTE53_EMULATOR"] if folders[:2] == ["tests", "route53"] else [f"FAILOVERD_{r}" for r in rooms]
    return [f"{prefix}_{stem}_H".upper() for prefix in prefixes]


def check_guard(name, text):
    if not name.endswith(".h"):
        return
    wanted = guards_of(name)
    bare = c_text.without_comments(text).strip()
    match = re.match(r"#ifndef (\w+)\n#define (\w+)\n", bare)
    if not match or match[1] != match[2] or match[1] not in wanted or not bare.endswith("#endif"):
        have = match[1] if match else "none"
        line = c_text.line_of(text, text.index("#ifndef")) if "#ifndef" in text else 1
        yield f"{name}:{line}: its include guard is {have}: let it be {wanted[0]}, around the whole file"


def check_file(name, text):
    problems = list(check_lines(name, text)) + list(check_top(name, text))
    if name.endswith((".c", ".h")):
        problems += check_calls(name, c_text.code(text))
    problems += check_guard(name, text)
    return problems


COMMENT = "/* What this sample is for, and no more. */\n"
GUARD = "#ifndef FAILOVERD_PEER_X_H\n#define FAILOVERD_PEER_X_H\n{}#endif\n"
SAMPLES = (
    ("coordinator/peer/x.c", COMMENT + "void f(void) { g(\"atoi(1)\"); } /* strcpy(a) */\n", ""),
    ("coordinator/peer/x.c", COMMENT + "int f(void) { return a->system(1) + my_gets(2); }\n", ""),
    ("coordinator/peer/x.c", COMMENT + "int f(void) { return atoi(\"1\"); }\n", "calls atoi()"),
    ("tests/unit/x.c", COMMENT + "void f(void) { strcpy (a, b); }\n", "calls strcpy()"),
    ("coordinator/peer/x.c", COMMENT + "void f(void) { usleep(1); }\n", "calls usleep()"),
    ("tests/unit/x.c", COMMENT + "void f(void) { usleep(1); }\n", ""),
    ("coordinator/peer/x.c", COMMENT + "/* " + UNFINISHED[0] + ": later */\n", "do it now"),
    ("tests/x.py", '"""What this sample is for, and no more."""\n# ' + UNFINISHED[1] + "\n", "do it now"),
    ("coordinator/peer/x.c", COMMENT + "int a; \n", "blanks at its end"),
    ("coordinator/peer/x.c", COMMENT + "\tint a;\n", "has a tab"),
    ("tests/e2e/x.py", "# What this sample is for, and no more.\n" + MERGE_MARKS[0] + "ours\n", "mark of a merge"),
    ("coordinator/peer/x.c", COMMENT + "int a;" + " " * 114 + "int b;\n", "characters"),
    ("coordinator/peer/x.c", COMMENT + 'f("' + "a" * 140 + '");\n', ""),
    ("coordinator/peer/x.c", COMMENT + 'f("' + "a" * 200 + '");\n', "characters"),
    ("coordinator/peer/x.c", COMMENT + "int a;", "no newline"),
    ("coordinator/peer/x.c", "int a;\n", "does not begin with a comment"),
    ("tests/x.py", "import sys\n", "does not begin with a comment"),
    ("tests/x.sh", "#!/bin/sh\nset -e\n", "does not begin with a comment"),
    ("tests/x.sh", "#!/bin/sh\n# What this sample is for, and no more.\n", ""),
    ("coordinator/peer/x.h", COMMENT + GUARD.format("struct x;\n"), ""),
    ("coordinator/peer/x.h", COMMENT + GUARD.replace("PEER_X", "PEER_Y").format("struct x;\n"), "FAILOVERD_PEER_X_H"),
    ("coordinator/peer/x.h", COMMENT + "#pragma once\nstruct x;\n", "FAILOVERD_PEER_X_H"),
    ("tests/unit/x.h", COMMENT + GUARD.replace("PEER", "TESTS_UNIT").format("struct x;\n"), ""),
    ("policy/health/x.h", COMMENT + GUARD.replace("PEER", "POLICY").format("struct x;\n"), ""),
)


def self_test():
    failures = []
    for name, text, mark in SAMPLES:
        problems = check_file(name, text)
        if (not mark and problems) or (mark and not (len(problems) == 1 and mark in problems[0])):
            failures.append(f"banned: of {text!r} it says {problems}, wanted is {mark or 'nothing'!r}")
    return failures


def main():
    failures = self_test()
    if failures:
        c_text.report(failures, len(SAMPLES))
    names = c_text.files(*TEXT_FILES) + ["Makefile"]
    problems = [p for name in names for p in check_file(name, c_text.read(name))]
    c_text.report(problems, len(names) + len(SAMPLES))


if __name__ == "__main__":
    sys.exit(main())
