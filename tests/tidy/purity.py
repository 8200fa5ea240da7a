#!/usr/bin/env python3
"""libpolicy.a decides and does nothing else: it needs no function of any library but the memory
functions that the compiler itself asks for, and it keeps nothing between two calls.

The library is FAILOVERD_LIBPOLICY, or build/libpolicy.a; `make tidy` builds it first.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import c_text

LIBRARY = pathlib.Path(os.environ.get("FAILOVERD_LIBPOLICY", c_text.ROOT / "build/libpolicy.a"))

# What gcc calls for assignments of structs, for its stack guard and, with _FORTIFY_SOURCE, for
# copies whose bound it knows. _GLOBAL_OFFSET_TABLE_ is how position independent code finds data.
ALLOWED = {"memcpy", "memset", "memmove", "memcmp", "__memcpy_chk", "__memset_chk", "__memmove_chk",
           "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}

# Sections of what can be written at run time. .data.rel.ro is not among them: constant tables that
# hold addresses, which the loader fills in and then makes read-only.
WRITABLE = (".data", ".bss", "*COM*", ".tdata", ".tbss", ".common")
READ_ONLY = ".data.rel.ro"


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def symbols(library, *options):
    """{name: object file} of the symbols that nm lists."""
    found, member = {}, "?"
    for line in output("nm", *options, str(library)).splitlines():
        if line.endswith(":"):
            member = line[:-1]
        elif line.split():
            found.setdefault(line.split()[-1], member)
    return found


def variables(library):
    """(object file, name) of everything that lies in a writable section."""
    member = "?"
    for line in output("objdump", "-t", str(library)).splitlines():
        if ":     file format" in line:
            member = line.split(":")[0]
        words = line.split()
        # address, flags, section, size, name; a section's own symbol has d among its flags, and a
        # common symbol has no flags but O
        if len(words) < 5 or len(words[0]) != 16 or "d" in words[1:-3]:
            continue
        section, name = words[-3], words[-1]
        if section.startswith(WRITABLE) and not section.startswith(READ_ONLY) and int(words[-2], 16) > 0:
            yield member, name


def source_of(member):
    """Where the object came from, as a line that an editor can follow."""
    name = member.removesuffix(".o") + ".c"
    found = [path for path in c_text.files(".c", below="policy") if path.endswith("/" + name)]
    return f"{found[0] if found else member}:1"


def check(library):
    """(problems, number of symbols looked at)."""
    undefined, defined = symbols(library, "-u"), symbols(library, "--defined-only")
    problems = []
    for name, member in sorted(undefined.items()):
        if name not in defined and name not in ALLOWED:
            problems.append(f"{source_of(member)}: needs {name}(), which is no part of policy/: a decision takes "
                            "what it needs from the event; let the shell read, allocate or print it and hand it in")
    for member, name in variables(library):
        problems.append(f"{source_of(member)}: keeps {name} between calls: make it const, or a field of struct node "
                        "or struct service, so that two nodes can live in one process and a run can be repeated")
    return problems, len(undefined) + len(defined)


# What each small program has to be refused for, or "" if it is clean.
SAMPLES = (
    ("int f(int a); int f(int a) { return a + 1; }", ""),
    ("struct s { char c[4096]; }; void f(struct s *a, const struct s *b); void f(struct s *a, const struct s *b)"
     " { *a = *b; }", ""),
    ("static const char *const names[] = { \"a\", \"b\" }; const char *f(int i); const char *f(int i)"
     " { return names[i]; }", ""),
    ("#include <stdlib.h>\nvoid *f(void); void *f(void) { return malloc(8); }", "needs malloc()"),
    ("#include <time.h>\ntime_t f(void); time_t f(void) { return time(0); }", "needs time()"),
    ("int f(void); int f(void) { static int calls; return ++calls; }", "keeps calls"),
    ("int counter = 7; int f(void); int f(void) { return counter++; }", "keeps counter"),
    ("static _Thread_local int mine = 1; int f(void); int f(void) { return mine++; }", "keeps mine"),
    ("int shared[4];", "keeps shared"),
)


def self_test():
    """Real objects, as the checker reads what real tools print."""
    failures = []
    with tempfile.TemporaryDirectory(prefix="purity-") as folder:
        for text, mark in SAMPLES:
            source, library = pathlib.Path(folder, "sample.c"), pathlib.Path(folder, "sample.a")
            source.write_text(text + "\n")
            output("gcc", "-std=c17", "-O1", "-fPIE", "-c", str(source), "-o", folder + "/sample.o")
            library.unlink(missing_ok=True)
            output("ar", "rcs", str(library), folder + "/sample.o")
            problems, _ = check(library)
            if (not mark and problems) or (mark and not (len(problems) == 1 and mark in problems[0])):
                failures.append(f"purity: of {text!r} it says {problems}, wanted is {mark or 'nothing'!r}")
    return failures


def main():
    failures = self_test()
    if failures:
        c_text.report(failures, len(SAMPLES))
    if not LIBRARY.is_file():
        c_text.report([f"{LIBRARY}:1: is not there: run `make` first"], len(SAMPLES) + 1)
    problems, looked = check(LIBRARY)
    if looked < 20:
        problems.append(f"{LIBRARY}:1: has {looked} symbols: that is not the core; run `make clean all`")
    c_text.report(problems, looked + len(SAMPLES))


if __name__ == "__main__":
    sys.exit(main())
