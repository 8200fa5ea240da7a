#!/usr/bin/env python3
"""The janitor: a lab leaves nothing behind, however it ends.

Started first, in a session of its own, by every Lab. It does nothing but wait for the end of its
standard input: that end comes when the lab closes the pipe, when it crashes, and when somebody
kills it with -9. Then it kills every process of that run, removes its network namespaces, its
shared memory and its folder. Ctrl-C reaches the lab only; the janitor ignores it.

    janitor.py RUN_ID FOLDER keep|remove

A process belongs to a run if its environment says so (FAILOVERD_LAB=RUN_ID/...), if its working
directory is inside the run's folder (PostgreSQL overwrites its environment, but lives in its data
folder), or if it is inside one of the run's network namespaces. Nothing is ever matched by name.
"""
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

NETNS_FOLDER = pathlib.Path("/run/netns")
MARK = "FAILOVERD_LAB"
KILL_DEADLINE_S = 10
IPC_RMID = 0


def namespaces_of(run_id):
    """Names of the run's network namespaces: they all start with its id."""
    try:
        return sorted(n.name for n in NETNS_FOLDER.iterdir() if n.name.startswith(run_id + "-"))
    except OSError:
        return []


def _namespace_inodes(names):
    inodes = set()
    for name in names:
        try:
            inodes.add(os.stat(NETNS_FOLDER / name).st_ino)
        except OSError:
            pass
    return inodes


def processes_of(mark, folder, namespaces):
    """Pids whose environment's mark starts with `mark`, that live in `folder` or in `namespaces`."""
    inodes = _namespace_inodes(namespaces)
    folder = str(folder)
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        if _belongs(entry, wanted, folder, inodes):
            found.append(int(entry))
    return found


def _belongs(pid, wanted, folder, inodes):
    try:
        cwd = os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
        if cwd == folder or cwd.startswith(folder + "/"):
            return True
        if inodes and os.stat(f"/proc/{pid}/ns/net").st_ino in inodes:
            return True
        with open(f"/proc/{pid}/environ", "rb") as environ:
            return any(v == wanted or v.startswith(wanted + b"/") for v in environ.read().split(b"\0"))
    except OSError:
        return False            # gone meanwhile, a zombie, or somebody else's


def kill_all(mark, folder, namespaces, deadline_s=KILL_DEADLINE_S):
    """SIGKILL until nothing is found any more. Returns (killed pids, pids still there)."""
    killed = set()
    deadline = time.monotonic() + deadline_s
    while True:
        pids = processes_of(mark, folder, namespaces)
        if not pids:
            return killed, []
        if time.monotonic() > deadline:
            return killed, pids
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            except OSError:
                pass
        time.sleep(0.02)


def remove_shared_memory(folder):
    """A PostgreSQL killed with -9 leaves a small System V segment; its id is in postmaster.pid."""
    libc = ctypes.CDLL(None, use_errno=True)
    for pidfile in pathlib.Path(folder).glob("*/data/postmaster.pid"):
        try:
            lines = pidfile.read_text().splitlines()
            shm_id = int(lines[6].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        libc.shmctl(shm_id, IPC_RMID, None)


def unmount_below(folder):
    """The small file systems that some labs have for their stores."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        point = line.split()[1]
        if point.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)


def clean(run_id, folder, keep):
    """Everything of the run goes. Returns what could not be removed, as text, empty if all went."""
    trouble = []
    namespaces = namespaces_of(run_id)
    _, left = kill_all(run_id, folder, namespaces)
    if left:
        trouble.append(f"processes that survive SIGKILL: {left}")
    for name in namespaces:
        done = subprocess.run(["ip", "netns", "delete", name], capture_output=True, text=True)
        if done.returncode != 0:
            trouble.append(f"namespace {name}: {done.stderr.strip()}")
    remove_shared_memory(folder)
    unmount_below(folder)
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        if os.path.exists(folder):
            trouble.append(f"folder {folder}")
    return "; ".join(trouble)


def main():
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    run_id, folder, keep = sys.argv[1], sys.argv[2], sys.argv[3] == "keep"
    while data := os.read(0, 4096):
        if b"keep" in data:                   # the lab may still decide to keep the evidence
            keep = True
    trouble = clean(run_id, folder, keep)
    if trouble:
        try:
            print("janitor: could not remove " + trouble, file=sys.stderr)
        except OSError:
            pass
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
