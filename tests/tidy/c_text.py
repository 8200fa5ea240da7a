#!/usr/bin/env python3
"""C sources as the tidy checks read them: which files there are, and their text without the words
that only people read. Run by itself it tests itself; a blind reader would find every tree tidy.

Blanking keeps every character's place: line and column of what is left are those of the file.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCT = ("coordinator", "probes", "dns", "policy")
NOT_OURS = {".git", "build", "__pycache__"}

# A block comment, a line comment, a string, a character. Whatever begins first wins; a backslash
# hides the next character, also a line's end.
WORDS = re.compile(r"""/\*.*?\*/ | //(?:\\\n|[^\n])* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
                   re.S | re.X)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+")', re.M)


def files(*suffixes, below=""):
    """Paths relative to the root, in order, of the tree as it lies there."""
    found = []
    for path in (ROOT / below).rglob("*"):
        relative = path.relative_to(ROOT)
        if path.suffix in suffixes and not NOT_OURS & set(relative.parts) and path.is_file():
            found.append(relative.as_posix())
    return sorted(found)


def sources():
    return files(".c", ".h")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def spaces(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    return WORDS.sub(lambda m: spaces(m[0]) if m[0][0] == "/" else m[0], text)


def code(text):
    """Without comments, and with strings and characters emptied: "ab" becomes "  "."""
    def blank(match):
        word = match[0]
        return spaces(word) if word[0] == "/" else word[0] + spaces(word[1:-1]) + word[-1]
    return WORDS.sub(blank, text)


def includes(text):
    """(line, header as written: <x.h> or "x.h")."""
    bare = without_comments(text)
    return [(line_of(bare, m.start(1)), m[1]) for m in INCLUDE.finditer(bare)]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def report(problems, checks):
    """The end of every check: what is wrong, the count, the exit code."""
    for problem in problems:
        print(problem)
    print(f"{max(checks - len(problems), 0)} passed, {len(problems)} failed")
    sys.exit(1 if problems else 0)


def self_test():
    wrong = []

    def same(what, have, want):
        if have != want:
            wrong.append(f"c_text: {what}: have {have!r}, want {want!r}")

    same("block comment", code("a /* b\nc */ d"), "a     \n     d")
    same("line comment", code("a // b\nc"), "a     \nc")
    same("line comment that goes on", code("a // b\\\nc\nd"), "a      \n \nd")
    same("string", code('f("atoi(x)")'), 'f("       ")')
    same("escaped quote", code(r'f("\"", g)'), 'f("  ", g)')
    same("quote as a character", code("'\"' a \"b\""), "' ' a \" \"")
    same("comment in a string", code('"/*" a "*/"'), '"  " a "  "')
    same("quote in a comment", code("/* don't */ a"), " " * 12 + "a")
    same("includes", includes('#include <a/b.h>\n/* #include "c.h" */\n #  include "d.h"\n'),
         [(1, "<a/b.h>"), (3, '"d.h"')])
    names = sources()
    for needed in ("policy/node.h", "coordinator/failoverd.c"):
        if needed not in names:
            wrong.append(f"c_text: {needed} is not among the sources: nothing would be checked")
    if any(name.startswith("build/") for name in names):
        wrong.append("c_text: build/ is taken for sources")
    report(wrong, 12)


if __name__ == "__main__":
    self_test()
