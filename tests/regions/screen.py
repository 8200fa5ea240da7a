"""What a person sees: headings, aligned lines, and on a terminal a few live lines at the bottom.

Without a terminal it is plain text that scrolls, one line per thing that happened, no colour and no
live lines. NO_COLOR is honoured. Everything goes through one Screen, from one thread.
"""
import os
import re
import shutil
import sys
import textwrap

COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "36", "bold": "1", "dim": "2"}
WIDTH = 100
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    def __init__(self, out=None):
        self._out = out or sys.stdout
        self.live = self._out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._colour = self.live and not os.environ.get("NO_COLOR")
        self._footer = []           # as wanted
        self._drawn = 0             # lines of it now on the screen

    def paint(self, text, colour):
        if not self._colour or not colour:
            return text
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"

    def heading(self, text):
        self.line()
        self.line(self.paint(f"== {text} " + "=" * max(3, WIDTH - 4 - len(text)), "bold"))

    def prose(self, text):
        """A paragraph for the reader, wrapped."""
        for line in textwrap.wrap(" ".join(text.split()), WIDTH - 2):
            self.line("  " + line)

    def line(self, text=""):
        self._erase()
        self._out.write(text.rstrip() + "\n")
        self._draw()

    def happened(self, seconds, who, text, colour=None):
        """One event: when (seconds since the region was lost, or None), who, what."""
        when = f"{seconds:+8.2f} s" if seconds is not None else " " * 10
        indent = " " * (2 + len(when) + 2 + 8 + 2)
        wrapped = textwrap.wrap(text, max(40, WIDTH - len(indent))) or [""]
        head = f"  {self.paint(when, 'dim')}  {self.paint(f'{who:<8}', 'blue')}  "
        self.line(head + self.paint(wrapped[0], colour))
        for more in wrapped[1:]:
            self.line(indent + self.paint(more, colour))

    def table(self, heads, rows, right=(), colours=None):
        """Aligned columns; `right` holds the numbers of those that are flush right."""
        texts = [[str(c) for c in row] for row in [heads, *rows]]
        widths = [max(len(row[i]) for row in texts) for i in range(len(heads))]
        for number, row in enumerate(texts):
            cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths))]
            if number == 0:
                cells = [self.paint(c, "dim") for c in cells]
            elif colours:
                cells = [self.paint(c, colours(row[i])) for i, c in enumerate(cells)]
            self.line("  " + "  ".join(cells))

    def footer(self, lines):
        """The live lines, on a terminal only. [] takes them away."""
        if self.live and lines != self._footer:
            self._erase()
            self._footer = lines
            self._draw()

    def close(self):
        self._erase()
        self._footer = []
        self._out.flush()

    def _erase(self):
        if self._drawn:
            self._out.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _draw(self):
        if self.live and self._footer:
            width = shutil.get_terminal_size().columns - 1
            for line in self._footer:
                if len(ESCAPES.sub("", line)) > width:
                    line = ESCAPES.sub("", line)[:width]
                self._out.write(line + "\n")
            self._drawn = len(self._footer)
        self._out.flush()
