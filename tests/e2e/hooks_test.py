#!/usr/bin/env python3
"""The sample fence hooks of etc/hooks: pg_ctl-stop on a real PostgreSQL in every state it may be in, the others on
commands that answer as one has them answer, since what they speak to is not on this machine.

    hooks_test.py [WORD...]      only the cases whose name holds one of the words
"""
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/regions"))

import pgwire                                                                          # noqa: E402
import postgres as servers                                                             # noqa: E402

HOOKS = ROOT / "etc/hooks"
PR_SET_CHILD_SUBREAPER = 36
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_DEADLINE_S = 20
HOOK_DEADLINE_S = 10            # what a hook is told; it is given twice that before the test gives up

passed = failed = 0


def expect(condition, what, evidence=""):
    global passed, failed
    passed += bool(condition)
    failed += not condition
    print(("ok    " if condition else "FAIL  ") + what, flush=True)
    if not condition and evidence:
        print("      " + str(evidence).replace("\n", "\n      "), flush=True)


def run_hook(name, action, *words, path=PATH, deadline_s=HOOK_DEADLINE_S):
    """(exit code, output, seconds) of a sample, in an environment as failoverd's."""
    environment = {"PATH": path, "FAILOVERD_ACTION": action, "FAILOVERD_DEADLINE_SECONDS": str(deadline_s),
                   "FAILOVERD_SERVICE": "shop", "FAILOVERD_REGION": "us-east-1"}
    if action == "open":
        environment["FAILOVERD_UNTIL_SECONDS"] = str(deadline_s)
    began = time.monotonic()
    done = subprocess.run([str(HOOKS / name), *map(str, words)], env=environment, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=2 * deadline_s + 30, check=False)
    return done.returncode, done.stdout.strip(), time.monotonic() - began


def reap(pid, how=os.WNOHANG):
    """A server that pg_ctl started is nobody's child; as its subreaper we do what init does on a host, where there may
    be none in a container: the number of a dead one would keep the next from starting."""
    try:
        os.waitpid(pid, how)
    except ChildProcessError:
        pass


# ---- a real server ------------------------------------------------------------------------------

class Server:
    """PostgreSQL in a folder of its own, as the user that servers run as; its socket is in the folder."""

    def __init__(self, folder):
        self.folder, self.data = folder, folder / "data"
        self.user = servers.server_user()
        self.bin = servers.binaries()
        self.data.mkdir(mode=0o700)
        if self.user:
            shutil.chown(self.folder, self.user)
            shutil.chown(self.data, self.user)
        self.as_user(self.bin / "initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync", "--no-locale")
        with open(self.data / "postgresql.conf", "a") as settings:
            settings.write(f"listen_addresses = ''\nport = 5432\nunix_socket_directories = '{self.folder}'\n"
                           "shared_buffers = 16MB\nfsync = off\n")

    def as_user(self, *argv, check=True):
        prefix = ["setpriv", f"--reuid={self.user}", f"--regid={pwd.getpwnam(self.user).pw_gid}", "--clear-groups", "--"]
        return subprocess.run((prefix if self.user else []) + [str(a) for a in argv], cwd="/", check=check, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def hook(self, action, **more):
        before = self.processes()
        told = run_hook("pg_ctl-stop", action, self.data, self.bin, **more)
        for pid in before:
            reap(pid)
        return told

    def postmaster(self):
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def processes(self):
        """Whatever works in the data folder, however it came there, and is no zombie."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd") == str(self.data):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def connect(self):
        return pgwire.connect_unix(self.folder, 5432, "postgres", "postgres", "", 3.0)

    def works(self):
        try:
            with self.connect() as session:
                return session.value("select 1") == "1"
        except pgwire.PgError:
            return False

    def end(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def expect_stopped(server, told, words, what):
    code, output, took = told
    expect(code == 0 and words in output, f"{what}: exit code {code} after {took:.1f} s: {output}", server.processes())
    expect(not server.processes() and not server.works(), f"{what}: no process of it is left")


def expect_started(server, words, what, action="open"):
    code, output, took = server.hook(action)
    expect(code == 0 and words in output and server.works(), f"{what}: exit code {code} after {took:.1f} s: {output}",
           (server.data / "pg_ctl-start.log").read_text()[-600:] if (server.data / "pg_ctl-start.log").exists() else "")


def test_server(folder):
    server = Server(folder)
    try:
        expect_stopped(server, server.hook("shut"), "nothing to stop", "never started")
        expect_started(server, "started", "open")
        expect_started(server, "it runs already", "open again")
        expect_started(server, "it runs already", "reads", action="reads")
        with server.connect():
            expect_stopped(server, server.hook("shut"), "fast shutdown", "a client connected")
        frozen(server)
        stubborn(server)
        orphans(server)
        single_user(server)
        refusals(server)
    finally:
        server.end()


def frozen(server):
    """The postmaster stopped; a backend stopped; all of it stopped."""
    expect_started(server, "started", "open")
    os.kill(server.postmaster(), signal.SIGSTOP)
    code, output, _ = server.hook("open")
    expect(code != 0 and "SIGSTOP" in output, f"open says that a stopped postmaster is none that runs: {output}")
    expect_stopped(server, server.hook("shut"), "killed", "postmaster frozen")
    expect_started(server, "started", "open after that")
    with server.connect() as session:
        os.kill(int(session.value("select pg_backend_pid()")), signal.SIGSTOP)
        expect_stopped(server, server.hook("shut"), "killed", "a backend frozen")
    expect_started(server, "started", "open after that")
    for pid in server.processes():
        os.kill(pid, signal.SIGSTOP)
    expect_stopped(server, server.hook("shut"), "killed", "everything frozen")


def stubborn(server):
    """A session holds a fast shutdown up: its backend sleeps where it doesn't hear. Immediate, then."""
    expect_started(server, "started", "open after that")
    checkpointer = None
    with server.connect() as session:
        checkpointer = int(session.value("select pid from pg_stat_activity where backend_type = 'checkpointer'"))
    os.kill(checkpointer, signal.SIGSTOP)           # a fast shutdown waits for its checkpoint
    code, output, took = server.hook("shut")
    expect(code == 0 and "fast" not in output and not server.processes(), f"a checkpoint that hangs: {output} after {took:.1f} s")


def orphans(server):
    """The postmaster was killed by somebody, a backend of it is busy still."""
    expect_started(server, "started", "open after that")
    with server.connect() as session:
        backend = int(session.value("select pg_backend_pid()"))
        os.kill(backend, signal.SIGSTOP)
        postmaster = server.postmaster()
        os.kill(postmaster, signal.SIGKILL)
        reap(postmaster, 0)
        expect_stopped(server, server.hook("shut"), "killed", "postmaster dead, a backend of it alive")


def single_user(server):
    """pg_rewind runs one to bring a server that crashed to its end: nobody connects to it."""
    argv = [str(server.bin / "postgres"), "--single", "-D", str(server.data), "postgres"]
    if server.user:
        argv = ["setpriv", f"--reuid={server.user}", f"--regid={pwd.getpwnam(server.user).pw_gid}", "--clear-groups", "--"] + argv
    single = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    try:
        deadline = time.monotonic() + START_DEADLINE_S
        while server.postmaster() != -single.pid and time.monotonic() < deadline:
            time.sleep(0.05)
        expect(server.postmaster() == -single.pid and single.pid in server.processes(), "a single-user server runs")
        code, output, _ = server.hook("shut")
        expect(code == 0 and single.poll() is None, f"and is left alone: {output}")
    finally:
        single.stdin.close()
        single.wait(START_DEADLINE_S)


def refusals(server):
    code, output, _ = run_hook("pg_ctl-stop", "shut", server.folder / "nothing")
    expect(code != 0 and "no folder" in output, f"a folder that is not there is not called stopped: {output}")
    code, output, _ = run_hook("pg_ctl-stop", "", server.data)
    expect(code != 0, f"without an action: {output}")
    if server.user:
        seen = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", "/bin/sh", "-c",
                               f"cd {server.folder} 2>/dev/null || :; exec {HOOKS}/pg_ctl-stop {server.data}"], check=False,
                              env={"PATH": PATH, "FAILOVERD_ACTION": "shut"}, capture_output=True, text=True, timeout=60)
        expect(seen.returncode != 0, f"somebody who can't see its processes does not call it stopped: {seen.stdout.strip()}")


# ---- the others, on commands of ours ------------------------------------------------------------

def command(folder, name, body):
    """A command of that name which notes its words in NAME.log, and then does what `body` says."""
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$*" >> {folder}/{name}.log\ncd {folder}\n{body}\n')
    path.chmod(0o755)


def asked(folder, name):
    log = folder / f"{name}.log"
    words = log.read_text() if log.exists() else ""
    log.unlink(missing_ok=True)
    return words


def test_systemd(folder):
    """The unit's state is the file `state`; stop works unless there is a file `stuck`, and SIGKILL unless `immortal`."""
    path = f"{folder}:{PATH}"
    command(folder, "systemctl", """
case "$*" in
*LoadState*) [ -f unknown ] && echo not-found || echo loaded ;;
*ControlGroup*) echo ;;
*ActiveState*) cat state ;;
*--no-block*) ;;
stop*) [ -f stuck ] && sleep 60; echo inactive > state ;;
kill*) [ -f immortal ] || echo failed > state ;;
start*) [ -f broken ] && exit 1; echo active > state ;;
esac""")
    (folder / "state").write_text("active\n")
    hook = lambda action, *words, **more: run_hook("systemd-stop", action, "pg.service", *words, path=path, **more)
    code, output, _ = hook("shut")
    expect(code == 0 and "stopped" in output and "kill" not in asked(folder, "systemctl"), f"stops: {output}")
    code, output, _ = hook("open")
    expect(code == 0 and "active" in output, f"starts: {output}")
    (folder / "stuck").touch()
    code, output, _ = hook("shut", deadline_s=2)
    expect(code == 0 and "killed" in output and "--signal=SIGKILL" in asked(folder, "systemctl"), f"a stop that hangs: {output}")
    (folder / "state").write_text("active\n")
    (folder / "immortal").touch()
    code, output, _ = hook("shut", deadline_s=2)
    expect(code != 0, f"what SIGKILL does not end is not confirmed: {output}")
    (folder / "broken").touch()
    (folder / "state").write_text("inactive\n")
    code, output, _ = hook("open")
    expect(code != 0, f"a start that fails: {output}")
    (folder / "unknown").touch()
    code, output, _ = hook("shut")
    expect(code != 0, f"a unit that is not there is not called stopped: {output}")
    listening(folder, hook)


def listening(folder, hook):
    """A server that somebody started by hand is in no unit."""
    import socket
    for name in ("unknown", "stuck", "immortal"):
        (folder / name).unlink()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        code, output, _ = hook("shut", port)
        expect(code != 0 and str(port) in output, f"somebody listens on its port: {output}")
    code, output, _ = hook("shut", port)
    expect(code == 0, f"nobody listens any more: {output}")


def test_kubectl(folder):
    """Pods are the lines of the file `pods`; deleting empties it unless there is a file `silent`."""
    path = f"{folder}:{PATH}"
    command(folder, "kubectl", """
case "$*" in
*scale*replicas=0*) echo 0 > replicas ;;
*scale*replicas=1*) echo 1 > replicas; echo pod/shop-db-0 > pods ;;
*'delete pod'*) [ -f silent ] || : > pods ;;
*'get pod'*) [ -f unreachable ] && exit 1; cat pods ;;
*spec.replicas*) if [ -f operator ]; then echo 1; else cat replicas; fi ;;
*rollout*) ;;
esac""")
    (folder / "pods").write_text("pod/shop-db-0\n")
    hook = lambda action: run_hook("kubectl-scale", action, "shop", "statefulset/shop-db", "app=shop-db", path=path, deadline_s=4)
    code, output, _ = hook("shut")
    words = asked(folder, "kubectl")
    expect(code == 0 and "--force" not in words, f"scales down: {output}", words)
    code, output, _ = hook("open")
    expect(code == 0, f"scales up: {output}")
    for trouble, what in (("silent", "a pod whose node does not answer"), ("unreachable", "an API that does not answer"),
                          ("operator", "somebody who scales back")):
        (folder / trouble).touch()
        code, output, _ = hook("shut")
        expect(code != 0, f"{what} is not confirmed: {output}")
        (folder / trouble).unlink()
        hook("open")


def test_ec2(folder):
    """The interface's groups are the file `groups`; it changes unless there is a file `ignored`."""
    path = f"{folder}:{PATH}"
    command(folder, "aws", """
case "$*" in
*modify-network-interface-attribute*) [ -f denied ] && exit 254
    [ -f ignored ] || echo "$*" | sed 's/.*--groups //' > groups ;;
*describe-network-interfaces*) tr ' ' '\\t' < groups ;;
esac""")
    (folder / "groups").write_text("sg-a sg-b\n")
    hook = lambda action, first="untracked": run_hook("ec2-security-group", action, first, "us-east-1", "eni-1", "sg-none",
                                                      "sg-b", "sg-a", path=path)
    code, output, _ = hook("shut")
    expect(code == 0 and (folder / "groups").read_text() == "sg-none\n", f"isolates: {output}")
    code, output, _ = hook("open")
    expect(code == 0 and (folder / "groups").read_text() == "sg-b sg-a\n", f"gives its groups back: {output}")
    for trouble, what in (("ignored", "a change that a describe does not show"), ("denied", "a change that is refused")):
        (folder / trouble).touch()
        code, output, _ = hook("shut")
        expect(code != 0, f"{what} is not confirmed: {output}")
        (folder / trouble).unlink()
    code, output, _ = hook("shut", first="us-east-1")
    expect(code != 0 and "usage" in output, "and it wants the word that says that its limit was read")


def main():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for name, test in (("pg_ctl-stop", test_server), ("systemd-stop", test_systemd), ("kubectl-scale", test_kubectl),
                       ("ec2-security-group", test_ec2)):
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        print(f"--- {name}", flush=True)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="failoverd-hooks-", dir="/tmp"))
        folder.chmod(0o755)
        try:
            test(folder)
        except Exception as error:          # a case that breaks is a failure, and the next goes on
            expect(False, f"{name}: {type(error).__name__}: {error}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
