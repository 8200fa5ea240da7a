"""Follows a coordinator's journal while it grows: what strikes within a step has to see it at once."""
import json


class JournalTail:
    """Follows one journal's growth line by line, quickly enough to strike within a step."""

    def __init__(self, path):
        self.path, self.offset = path, path.stat().st_size if path.exists() else 0

    def new_lines(self):
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self.offset += len(whole) + len(newline)
        found = []
        for line in whole.split(b"\n"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found
