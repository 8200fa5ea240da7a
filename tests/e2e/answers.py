"""Every document that failoverctl prints with --json, held against etc/failoverctl-answers.schema.json.

    checker = answers.Checker()
    checker.take(["status", "--json"], output)      # as often as one likes; what was seen before costs nothing
    checker.faults                                  # {sentence: the words of the command}

The lab hands everything over that a test asks (Lab.answers), so each answer of every end-to-end test is looked at.
Answers that differ in numbers alone are looked at once: a status is asked for many times a second.
"""
import json
import pathlib
import re

import jsonschema

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "etc" / "failoverctl-answers.schema.json"
DIGITS = re.compile(r"\d+")
SEEN_MOST = 20000               # of a soak: what comes then is not looked at


def load():
    return json.loads(SCHEMA.read_text())


def nearest(errors):
    """Of several shapes that a value could have, the one that it comes nearest to says what is wrong with it."""
    error = max(errors, key=lambda e: len(e.absolute_path))
    if not error.context:
        return error
    shapes = {}
    for inner in error.context:
        shapes.setdefault(inner.relative_schema_path[0], []).append(inner)
    return nearest(min(shapes.values(), key=lambda shape: sum(1 if e.path else 10 for e in shape)))


class Checker:
    def __init__(self):
        self._schema = load()
        self._validators = {}
        self._seen = set()
        self.faults = {}
        self.counts = {}

    def command_of(self, words):
        """The name of its definition; None where it has none, or asks for no document."""
        named = [str(word) for word in words if word != "--json"]
        if "--json" not in words or not named:
            return None
        return next((name for name in ("-".join(named[:2]), named[0]) if name in self._schema["$defs"]), None)

    def take(self, words, output):
        command = self.command_of(words)
        if command is None or not output.strip():
            return
        key = (command, DIGITS.sub("0", output))
        if key in self._seen or len(self._seen) >= SEEN_MOST:
            return
        self._seen.add(key)
        for document in output.splitlines() if command == "events" else [output]:
            fault = self.fault(command, document)
            self.counts[command] = self.counts.get(command, 0) + 1
            if fault:
                self.faults.setdefault(DIGITS.sub("0", f"{command}: {fault}"), " ".join(map(str, words)))

    def fault(self, command, text):
        """Why the document is none of that command; None when it is one."""
        try:
            document = json.loads(text)
        except ValueError as error:
            return f"no JSON: {error}: {text[:200]!r}"
        refused = isinstance(document, dict) and "error" in document
        errors = list(self._validator("error" if refused else command).iter_errors(document))
        if not errors:
            return None
        error = nearest(errors)
        return f"{error.json_path}: {error.message[:400]}"

    def _validator(self, name):
        if name not in self._validators:
            whole = {"$schema": self._schema["$schema"], "$ref": f"#/$defs/{name}", "$defs": self._schema["$defs"]}
            self._validators[name] = jsonschema.Draft202012Validator(whole)
        return self._validators[name]
