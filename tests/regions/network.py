"""The networks a lab can run on: namespaces on a bridge (root), or loopback addresses (anybody).

With namespaces every region is a host of its own: own interfaces, own packet filter, own address.
All hang on one bridge in a "core" namespace, whose packet filter makes partitions: a cut drops
frames from one region to another silently and leaves the links' carrier up, in one direction or
both. With loopback addresses there is no link to cut; `can_cut` says so and cut() refuses.
"""
import ctypes
import os
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
PLACES = {"internet": "53.53", "clients": "99.10"}      # beside the regions, which are 1.10, 2.10, ...
LOOPBACK_TRIES = 200
PROBED_PORTS = (5432, 7400, 8080)
NFT_TABLE = """
table bridge lab {
    set cut { type ifname . ifname; }
    chain forward { type filter hook forward priority 0; policy accept; iifname . oifname @cut drop; }
}
"""


def run(argv, text=None, check=True, timeout_s=30, env=None, cwd=None):
    """A short command to its end; its error text in the exception when it fails."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=timeout_s, env=env, cwd=cwd,
                          start_new_session=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done


def make(run_id, regions, prefer_namespaces):
    """The best network this user may have. `prefer_namespaces` False asks for loopback in any case."""
    if prefer_namespaces and os.geteuid() == 0:
        return Namespaces(run_id, regions)
    return Loopback(regions)


class Namespaces:
    kind, can_cut, dns_port = "namespaces", True, 53

    def __init__(self, run_id, regions):
        self._run_id = run_id
        self._core = f"{run_id}-core"
        self._port = {}                                # place -> its port's name on the bridge
        second = 64 + os.getpid() % 180                # unique enough; the bridge is ours alone anyway
        self.address = {r: f"10.{second}.{i}.10" for i, r in enumerate(regions, 1)}
        self.address |= {place: f"10.{second}.{tail}" for place, tail in PLACES.items()}
        self.subnet = f"10.{second}.0.0/16"

    def start(self):
        run(["ip", "netns", "add", self._core])
        run(["ip", "-n", self._core, "link", "add", "bridge0", "type", "bridge"])
        run(["ip", "-n", self._core, "link", "set", "bridge0", "up"])
        for number, (place, address) in enumerate(self.address.items()):
            self._add_host(place, f"port{number}", address)
        run(["nsenter", f"--net=/run/netns/{self._core}", "nft", "-f", "-"], text=NFT_TABLE)

    def _add_host(self, place, port, address):
        name = self.namespace(place)
        self._port[place] = port
        run(["ip", "netns", "add", name])
        run(["ip", "-n", self._core, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name])
        run(["ip", "-n", self._core, "link", "set", port, "master", "bridge0", "up"])
        run(["ip", "-n", name, "address", "add", f"{address}/16", "dev", "eth0"])
        run(["ip", "-n", name, "link", "set", "lo", "up"])
        run(["ip", "-n", name, "link", "set", "eth0", "up"])

    def namespace(self, place):
        return f"{self._run_id}-{place}"

    def enter(self, place):
        """The argv prefix that puts a command into that place; it execs, so the pid stays the same."""
        return ["nsenter", f"--net=/run/netns/{self.namespace(place)}", "--"]

    def socket(self, place, kind=socket.SOCK_STREAM, family=socket.AF_INET):
        """An unconnected socket that lives in that place: a thread of its own makes it there."""
        made = []

        def make_it():
            handle = os.open(f"/run/netns/{self.namespace(place)}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(handle, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter {place}")
                made.append(socket.socket(family, kind))
            except OSError as error:
                made.append(error)
            finally:
                os.close(handle)

        worker = threading.Thread(target=make_it)
        worker.start()
        worker.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    # -- faults ---------------------------------------------------------------------------------

    def cut(self, source, target, both=True):
        """Frames from source to target vanish; `both` also the other way. Carrier stays up."""
        self._change("add", self._pairs(source, target, both))

    def heal(self, source=None, target=None, both=True):
        """Without arguments everything is healed."""
        if source is None:
            self._nft("flush set bridge lab cut")
        else:
            # adding first makes deleting what was never cut harmless
            pairs = self._pairs(source, target, both)
            self._change("add", pairs)
            self._change("delete", pairs)

    def isolate(self, place):
        for other in self._port:
            if other != place:
                self.cut(place, other)

    def link(self, place, up):
        """The whole host off the net, as with the power gone: no answer, not even a refusal."""
        run(["ip", "-n", self._core, "link", "set", self._port[place], "up" if up else "down"])

    def _pairs(self, source, target, both):
        there, back = (self._port[source], self._port[target]), (self._port[target], self._port[source])
        return [there, back] if both else [there]

    def _change(self, verb, pairs):
        elements = ", ".join(f'"{a}" . "{b}"' for a, b in pairs)
        self._nft(f"{verb} element bridge lab cut {{ {elements} }}")

    def _nft(self, command):
        run(["nsenter", f"--net=/run/netns/{self._core}", "nft", "-f", "-"], text=command + "\n")


class Loopback:
    kind, can_cut, dns_port = "loopback", False, 5300

    def __init__(self, regions):
        self.address, self.subnet = {}, "127.0.0.0/8"
        for attempt in range(LOOPBACK_TRIES):
            second = 10 + (os.getpid() + attempt * 7) % 240
            address = {r: f"127.{second}.{i}.10" for i, r in enumerate(regions, 1)}
            address |= {place: f"127.{second}.{tail}" for place, tail in PLACES.items()}
            if all(_free(a, p) for a in address.values() for p in (*PROBED_PORTS, self.dns_port)):
                self.address = address
                return
        raise RuntimeError("no loopback addresses with free ports; is another server bound to 0.0.0.0:5432?")

    def start(self):
        pass

    def namespace(self, _place):
        return None

    def enter(self, _place):
        return []

    def socket(self, _place, kind=socket.SOCK_STREAM, family=socket.AF_INET):
        return socket.socket(family, kind)

    def cut(self, *_args, **_kw):
        raise RuntimeError("loopback addresses have no link to cut; this needs root and namespaces")

    heal = isolate = link = cut


def _free(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            return True
        except OSError:
            return False
