#!/usr/bin/env python3
"""Who may include whom, which foreign library is known where, and who calls the core.

policy/ knows itself and nothing else. coordinator/base/ knows nothing of the project above it.
probes/ and dns/ know base/ and the core's types, never each other. coordinator/ composes: one file
of it steps the core. Each foreign library has one room. The Route 53 emulator is a second opinion
on dns/ and shares nothing with the product; scenarios play the core alone.
"""
import re
import sys

import c_text

POLICY_TYPES = {"policy/facts.h", "policy/types.h", "policy/act.h"}
# What the core may have from the system: types and the four memory functions.
POLICY_SYSTEM = {"<limits.h>", "<stdbool.h>", "<stddef.h>", "<stdint.h>", "<string.h>"}

# The first row whose prefix fits a file says which of the project's headers it may include: by
# prefix (ending in "/") or whole. None: any.
MAY_INCLUDE = (
    ("policy/", ["policy/"]),
    ("coordinator/base/", ["coordinator/base/"]),
    ("coordinator/config/", ["coordinator/config/", "coordinator/base/"]),
    ("coordinator/notify/", ["coordinator/notify/", "coordinator/base/", "coordinator/config/", "coordinator/report/",
                             "coordinator/status/", "policy/"]),
    ("coordinator/", ["coordinator/", "probes/", "dns/", "policy/"]),
    ("probes/", ["probes/", "coordinator/base/", *sorted(POLICY_TYPES)]),
    ("dns/", ["dns/", "coordinator/base/", *sorted(POLICY_TYPES)]),
    ("tests/scenario/", ["tests/scenario/", "tests/sim/", "policy/"]),
    ("tests/sim/", ["tests/sim/", "policy/"]),
    ("tests/route53/", ["tests/route53/"]),
    ("tests/regions/", ["tests/regions/"]),
    ("tests/", None),
)

# Foreign headers and the one room of each, in the product. Where a header is in no row, anybody but
# policy/ may include it (libc, libevent, jansson).
ROOMS = (
    (r"<curl/.*>", r"coordinator/base/fetch\.c"),
    (r"<ares.*>", r"coordinator/base/resolver\.c"),
    (r"<(postgresql/)?(libpq|pg_config|postgres).*>", r"coordinator/base/pg_session([a-z_]*\.c|_internal\.h)"),
    (r"<openssl/.*>", r"coordinator/peer/tls\.[ch]|coordinator/report/audit_chain\.c|dns/sigv4\.[ch]"),
    (r"<expat.*>", r"dns/route53_xml\.c"),
    (r"<nftables/.*>", r"coordinator/database/kernel_lease\.c"),
    (r"<libsmartcols.*>", r"coordinator/operator/failoverctl_cells\.c"),
    (r"<CUnit/.*>", r"tests/.*"),
)

MAINS = {"coordinator/failoverd.c", "coordinator/operator/failoverctl.c"}
STEPPER = "coordinator/control/control.c"
CORE = {"policy/node.c", "policy/node.h"}

TOP = {"Makefile", "README.md", "coordinator", "probes", "dns", "policy", "tests", "etc", "build"}


def product(name):
    return name.split("/")[0] in c_text.PRODUCT


def allowed_headers(name):
    return next(allowed for prefix, allowed in MAY_INCLUDE if name.startswith(prefix))


def fits(header, allowed):
    return any(header == a or (a.endswith("/") and header.startswith(a)) for a in allowed)


def check_own(name, line, header, known):
    """One #include "..."."""
    allowed = allowed_headers(name)
    if header not in known:
        yield (f'{name}:{line}: includes "{header}", which is no header of this tree: write it from '
               'the root, as in "coordinator/base/log.h"')
    elif allowed is not None and not fits(header, allowed):
        yield (f'{name}:{line}: includes "{header}": a file here may include {", ".join(allowed)}; '
               "have what is needed passed in by the one that composes (coordinator/control)")
    elif (header.startswith("coordinator/control/") and product(name) and name not in MAINS
          and not name.startswith("coordinator/control/")):
        yield (f'{name}:{line}: includes "{header}": control/ composes the other rooms and only '
               f"{' and '.join(sorted(MAINS))} may know it; move what is shared into the room that owns it")


def check_foreign(name, line, header):
    """One #include <...>."""
    if name.startswith("policy/") and header not in POLICY_SYSTEM:
        yield (f"{name}:{line}: includes {header}: the core may have {', '.join(sorted(POLICY_SYSTEM))}; "
               "what needs more belongs to the shell, which hands it in as an event")
    for pattern, room in ROOMS:
        if product(name) and re.fullmatch(pattern, header) and not re.fullmatch(room, name):
            where = room.replace("\\", "")
            yield (f"{name}:{line}: includes {header}: that library is known in {where} alone; use "
                   "the functions of that room's header")


def check_calls(name, code):
    """node_step() and main() outside of tests."""
    if not product(name):
        return
    for match in re.finditer(r"\bnode_step\s*\(", code):
        if name != STEPPER and name not in CORE:
            yield (f"{name}:{c_text.line_of(code, match.start())}: calls node_step(): {STEPPER} alone "
                   "steps the core; make an event of it and hand it to control_event()")
    for match in re.finditer(r"^\s*(?:int|void)\s+main\s*\(", code, re.M):
        if name not in MAINS:
            yield (f"{name}:{c_text.line_of(code, match.end())}: defines main(): the programs are "
                   f"{' and '.join(sorted(MAINS))}")


def check_umbrella(name, code):
    """A header that holds nothing but includes saves its readers from knowing what they use."""
    if not name.endswith(".h"):
        return
    rest = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", "", code, flags=re.M)
    if not rest.strip() and not re.search(r"^[ \t]*#[ \t]*define[ \t]+\w+[ \t(]\S*", code, re.M):
        yield (f"{name}:1: is an umbrella header, with nothing of its own: remove it and let each "
               "file include what it uses")


def find_cycle(graph):
    """One cycle of headers as a list that ends where it begins, or None."""
    state = {}
    path = []

    def visit(name):
        state[name] = "open"
        path.append(name)
        for target in graph.get(name, []):
            if state.get(target) == "open":
                return path[path.index(target):] + [target]
            if target not in state:
                cycle = visit(target)
                if cycle:
                    return cycle
        path.pop()
        state[name] = "done"
        return None

    for name in sorted(graph):
        if name not in state:
            cycle = visit(name)
            if cycle:
                return cycle
    return None


def check_tree(texts):
    """All the rules over {name: text}. Gives (problems, number of things looked at)."""
    problems, looked, graph = [], 0, {}
    known = {name for name in texts if name.endswith(".h")}
    for name, text in sorted(texts.items()):
        found = c_text.includes(text)
        code = c_text.code(text)
        for line, header in found:
            looked += 1
            if header[0] == '"':
                problems += check_own(name, line, header[1:-1], known)
                if name.endswith(".h"):
                    graph.setdefault(name, []).append(header[1:-1])
            else:
                problems += check_foreign(name, line, header)
        problems += check_calls(name, code)
        problems += check_umbrella(name, code)
        looked += 1
    cycle = find_cycle(graph)
    if cycle:
        problems.append(f"{cycle[0]}:1: headers include each other in a circle: {' -> '.join(cycle)}; "
                        "move what both need into a third, or declare the struct instead")
    if any(name in texts for name in CORE) and not re.search(
            r"\bnode_step\s*\(", c_text.code(texts.get(STEPPER, ""))):
        problems.append(f"{STEPPER}:1: does not call node_step(): it is the one that steps the core; "
                        "if that moved, say so here and in coordinator/control/README.md")
    return problems, looked + 1


def check_folders():
    """The top level is fixed, and each folder says what it is."""
    here = {path.name for path in c_text.ROOT.iterdir() if not path.name.startswith(".")}
    problems = [f"{name}:1: is a new entry at the top level: put it below {', '.join(sorted(TOP - {'build'}))}"
                for name in sorted(here - TOP)]
    problems += [f"{name}:1: is missing at the top level" for name in sorted(TOP - {"build"} - here)]
    folders = sorted(TOP - {"Makefile", "README.md", "build"})
    folders += [f"coordinator/{p.name}" for p in sorted((c_text.ROOT / "coordinator").iterdir())
                if p.is_dir() and any(p.glob("*.[ch]"))]
    problems += [f"{folder}:1: has no README.md: what lives here, what may call what, where to start"
                 for folder in folders if not (c_text.ROOT / folder / "README.md").is_file()]
    return problems, len(folders) + len(TOP)


# A tree in which every rule is broken once: the rule's mark must be found there, and only there.
GOOD = {
    "policy/types.h": "#ifndef A\n#include <stdint.h>\ntypedef int t;\n#endif\n",
    "policy/service.h": "#include \"policy/types.h\"\nstruct s;\n",
    "policy/node.h": "void node_step(void);\n",
    "policy/node.c": "#include \"policy/node.h\"\nvoid node_step(void) {}\n",
    "coordinator/base/log.h": "void log_it(void);\n",
    "coordinator/control/control.h": "struct control;\n",
    "coordinator/control/control.c": "#include \"policy/node.h\"\nvoid f(void) { node_step(); }\n",
    "coordinator/failoverd.c": "#include \"coordinator/control/control.h\"\nint main(void) {}\n",
    "coordinator/base/fetch.c": "#include <curl/curl.h>\n",
    "coordinator/base/pg_session_internal.h": "#include <libpq-fe.h>\nstruct session;\n",
    "probes/tcp.h": "#include \"policy/types.h\"\nstruct tcp;\n",
    "dns/provider.h": "struct provider;\n",
    "tests/unit/a_test.c": "#include <curl/curl.h>\n#include \"policy/service.h\"\n",
}
BAD = (
    ("policy/x.c", '#include "coordinator/base/log.h"\n', "a file here may include policy/"),
    ("policy/x.c", "#include <stdio.h>\n", "the core may have"),
    ("coordinator/base/x.c", '#include "policy/types.h"\n', "a file here may include coordinator/base/"),
    ("coordinator/notify/x.c", '#include "probes/tcp.h"\n', "a file here may include coordinator/notify/"),
    ("coordinator/peer/x.c", '#include "coordinator/control/control.h"\n', "control/ composes"),
    ("coordinator/peer/x.c", "#include <curl/curl.h>\n", "known in coordinator/base/fetch.c alone"),
    ("coordinator/peer/x.c", "void f(void) { node_step (); }\n", "alone steps the core"),
    ("coordinator/peer/x.c", "int main(void) {}\n", "defines main()"),
    ("coordinator/peer/x.h", '#ifndef X\n#define X\n#include "coordinator/base/log.h"\n#endif\n', "umbrella"),
    ("coordinator/peer/x.c", '#include "log.h"\n', "no header of this tree"),
    ("probes/x.c", '#include "dns/provider.h"\n', "a file here may include probes/"),
    ("probes/x.c", '#include "policy/service.h"\n', "a file here may include probes/"),
    ("dns/x.c", '#include "probes/tcp.h"\n', "a file here may include dns/"),
    ("coordinator/base/pg_trouble.c", "#include <libpq-fe.h>\n", "alone"),
    ("coordinator/base/pg_session.h", "#include <libpq-fe.h>\nstruct session;\n", "_internal.h) alone"),
    ("dns/x.c", "#include <libpq-fe.h>\n", "known in coordinator/base/pg_session([a-z_]*.c|_internal.h) alone"),
    ("tests/route53/x.c", '#include "dns/provider.h"\n', "a file here may include tests/route53/"),
    ("tests/scenario/x.c", '#include "coordinator/base/log.h"\n', "a file here may include tests/scenario/"),
    ("policy/types.h", '#include "policy/service.h"\ntypedef int t;\n', "in a circle"),
    ("coordinator/control/control.c", "void f(void) {}\n", "does not call node_step()"),
)


def self_test():
    problems, _ = check_tree(GOOD)
    failures = [f"layering: a good tree is refused: {p}" for p in problems]
    for name, text, mark in BAD:
        problems, _ = check_tree({**GOOD, name: text})
        if not problems or any(mark not in p for p in problems):
            failures.append(f"layering: {text!r} in {name} has to be refused with '{mark}' alone, not {problems}")
    return failures


def main():
    failures = self_test()
    if failures:
        c_text.report(failures, len(BAD) + 1)
    problems, looked = check_tree({name: c_text.read(name) for name in c_text.sources()})
    more, folders = check_folders()
    c_text.report(problems + more, looked + folders + len(BAD) + 1)


if __name__ == "__main__":
    sys.exit(main())
