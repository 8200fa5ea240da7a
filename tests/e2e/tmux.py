"""A terminal of its own for one program: what is on the screen, keys, another size. A detached tmux with a private
socket and no configuration; ended with whatever runs in it, also on failure.

    with tmux.Terminal([COMMAND, "status", "--watch"], columns=100, rows=30) as terminal:
        terminal.wait_for(lambda screen: "writer us-east-1" in screen)
        terminal.keys("C-c")
"""
import os
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time

DEADLINE_S = 30
AFTERWARDS_S = 120              # what stays after the program ended, to be looked at


class Terminal:
    """`words` run in it; what was on the screen before and its exit code are there afterwards: BEFORE, `exit code N`."""
    BEFORE = "what was there before"

    def __init__(self, words, columns=100, rows=30, environment=None):
        self.folder = tempfile.mkdtemp(prefix="tmux-")
        self.name = "failoverd-" + secrets.token_hex(6)
        self.environment = {k: v for k, v in (environment or os.environ).items() if k not in ("TMUX", "NO_COLOR")}
        self.environment.update(TMUX_TMPDIR=self.folder, LC_ALL="C.UTF-8")
        line = (f"echo {self.BEFORE}; {shlex.join(str(word) for word in words)}; echo exit code $?; "
                f"stty -a | tr ' ;' '\\n\\n' | grep -x -e -*echo -e -*icanon; sleep {AFTERWARDS_S}")
        try:
            self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), line)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], env=self.environment, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-L", self.name, *words], env=self.environment, check=True, capture_output=True,
                              timeout=DEADLINE_S, text=True)
        return done.stdout

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def other_screen(self):
        """Whether the program's own screen is shown, and the cursor hidden: (bool, bool)."""
        alternate, cursor = self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").split()
        return alternate == "1", cursor == "0"

    def pane_pid(self):
        return int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def wait_for(self, condition, what="the screen to change", deadline_s=DEADLINE_S):
        """The first screen of which `condition` holds; AssertionError with the last one after the deadline."""
        end = time.monotonic() + deadline_s
        while True:
            screen = self.screen()
            if condition(screen):
                return screen
            if time.monotonic() > end:
                raise AssertionError(f"not within {deadline_s} s: {what}; the screen shows:\n{screen}")
            time.sleep(0.1)
