"""A process that a lab started: its log, its end, and why it ended."""
import os
import signal
import subprocess

END_DEADLINE_S = 10
TAIL_BYTES = 4000


class Process:
    def __init__(self, name, place, argv, log, **popen):
        self.name, self.place, self.log = name, place, log
        self.expected_end = False           # True once somebody meant it to end
        with open(log, "ab") as out:
            self._popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                           start_new_session=True, **popen)
        self.pid = self._popen.pid

    def running(self):
        return self._popen.poll() is None

    def exit_code(self):
        return self._popen.poll()

    def send(self, number):
        if self.running():
            os.kill(self.pid, number)

    def end(self, number=signal.SIGTERM, deadline_s=END_DEADLINE_S):
        """Asks for the end with that signal, then insists. Returns the exit code."""
        self.expected_end = True
        self.send(number)
        try:
            return self._popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait(deadline_s)

    def kill(self):
        return self.end(signal.SIGKILL)

    def reap(self):
        """After the janitor killed it."""
        try:
            self._popen.wait(END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            pass

    def tail(self, lines=12):
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, os.path.getsize(self.log) - TAIL_BYTES))
                return file.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            return []
