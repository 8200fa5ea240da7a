"""A lab: several regions on one machine, with everything in them that failoverd looks after.

    with Lab() as lab:                          # network, folder, janitor; nothing runs yet
        lab.start_databases()                   # primary and streaming standby
        lab.start_services()                    # /health in each serving region
        lab.start_names()                       # Route 53 emulator with the zone
        lab.start_coordinators()                # a failoverd per region
        client = lab.start_writer("alice")
        lab.kill_region("us-east-1")
        lab.wait_for(lambda: ..., 20, "what is waited for")

Leaving the block, however that happens (also kill -9, by the janitor), ends every process, removes
the namespaces and the folder. KEEP=1 in the environment keeps the folder: configs, logs, journals,
receipts and the databases' files.
"""
import json
import os
import pathlib
import secrets as randomness
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

import checker
import cluster_files
import dnsquery
import httpquery
import janitor
import network
import pgwire
import postgres
import processes

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FAILOVERD_BUILD", REPOSITORY / "build"))
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
SERVING = ("us-east-1", "us-west-2")
POLL_S = 0.05
PATIENCE = 3                    # deadlines are given for an idle machine; on a busy one everything takes longer
JANITOR_DEADLINE_S = 30
SMALL_STORE = "3m"              # both slots of a store, 1 MiB and its header each, and some
PROXIED_PEERS, PROXIED_REPLICATION = 7500, 5500
CONTROL_DEADLINE_S = 3
STATUS_DEADLINE_S = 10
DNS_DEADLINE_S = 5
BUFFERS_S = 0.2                 # by then a client has read what its socket held
PASSED_ON = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_LIBRARY_PATH")


class LabError(Exception):
    """Something did not happen, or ended that should not; the text says what and shows the end of its log."""


class Interrupted(BaseException):
    """INT, TERM or HUP arrived. Not an Exception, so that nothing but cleaning up handles it."""


class Secrets:
    """Generated passwords in files with mode 0600; copies for the user that PostgreSQL runs as."""

    def __init__(self, folder):
        self._folder = folder
        folder.mkdir(mode=0o711)
        self._values = {name: randomness.token_urlsafe(18)
                        for name in ("superuser", "replicator", "application", "failoverd", "canary", "commit", "aws_secret")}
        for name, value in self._values.items():
            self._write(self.file(name), value + "\n")
        self._write(self.file("replicator.pgpass"), f"*:*:*:{postgres.REPLICATOR}:{self._values['replicator']}\n")
        self.access_key = "AKIALAB" + randomness.token_hex(6).upper()
        self._write(self.file("aws"), "[default]\n"
                    f"aws_access_key_id = {self.access_key}\naws_secret_access_key = {self._values['aws_secret']}\n")

    def get(self, name):
        return self._values[name]

    def file(self, name):
        return self._folder / name

    def server_file(self, name, user):
        """The same secret for PostgreSQL's own programs, which want to own the file."""
        if user is None:
            return self.file(name)
        copy = self._folder / f"{user}-{name}"
        if not copy.exists():
            self._write(copy, self.file(name).read_text())
            shutil.chown(copy, user)
        return copy

    def _write(self, path, text):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(handle, "w") as file:
            file.write(text)


class Writer:
    """A running client. Its status lines and receipts are read as often as anybody likes."""

    def __init__(self, lab, client, process):
        self.client, self.process = client, process
        self.receipts_path = lab.folder / "clients" / f"{client}.receipts"

    def receipts(self):
        return checker.read_receipts(self.receipts_path) if self.receipts_path.exists() else []

    def last_receipt(self):
        """The newest receipt without reading the whole file, or None."""
        try:
            with open(self.receipts_path, "rb") as file:
                file.seek(max(0, os.path.getsize(self.receipts_path) - 400))
                lines = file.read().split(b"\n")
        except OSError:
            return None
        if len(lines) < 2 or not lines[-2]:
            return None
        return checker.read_receipt(self.client, lines[-2].decode())

    def events(self):
        return read_json_lines(self.process.log)


class Lab:
    answers = None              # told each answer of failoverctl: take(words, output)

    def __init__(self, thresholds=None, namespaces=True, https=False, serving=SERVING, small_stores=False,
                 proxied=False):
        self.thresholds = thresholds or cluster_files.Thresholds()
        self.regions, self.serving = REGIONS, serving
        self.run_id = f"fo{os.getpid()}{randomness.token_hex(2)}"
        self.keep = os.environ.get("KEEP") == "1"
        self.scheme = "https" if https else "http"
        self.small_stores = small_stores        # state_dir on a small file system of its own, which can be filled
        self.proxied = proxied                  # peers and replication go through a proxy that can be told to be bad
        self._namespaces = namespaces
        self._janitor = None
        self._processes = []
        self._old_handlers = {}
        self.coordinators, self.services, self.writers = {}, {}, {}
        self.emulator = self.proxy = None

    # -- coming and going -----------------------------------------------------------------------

    def __enter__(self):
        self._catch_signals()
        try:
            self._set_up()
        except BaseException:
            self._clean_up()
            raise
        return self

    def _set_up(self):
        # the folder's path holds unix sockets, whose names may have 107 characters
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="failoverd-lab-", dir="/tmp"))
        self._janitor = subprocess.Popen(
            [sys.executable, str(pathlib.Path(janitor.__file__)), self.run_id, str(self.folder),
             "keep" if self.keep else "remove"], stdin=subprocess.PIPE, start_new_session=True, cwd="/")
        self.folder.chmod(0o711)        # PostgreSQL's user has to pass through it
        (self.folder / "logs").mkdir()
        (self.folder / "clients").mkdir()
        for region in self.regions:
            (self.folder / region).mkdir()
        self.pki = self.folder / "pki"
        self.secrets = Secrets(self.folder / "secrets")
        self.network = network.make(self.run_id, self.regions, self._namespaces)
        if self.network.kind == "loopback" and self.thresholds.ladder == ("kernel",):
            self.thresholds.ladder, self.thresholds.accept_unconfirmed_fence = ("door",), True
            # The target's door is shut before the grant, for 2 x authentication_timeout at least, and keeps
            # the target's own service out of its database: /health may fail longer than that.
            self.thresholds.health_for = "8s"
        self.network.start()
        self.databases = {r: postgres.Postgres(self, r) for r in self.serving}

    def keep_folder(self):
        """Something broke: the folder stays, as with KEEP=1."""
        if not self.keep:
            self.keep = True
            self._janitor.stdin.write(b"keep")
            self._janitor.stdin.flush()

    def __exit__(self, kind, error, trace):
        if self.keep:
            print(f"\nlab: kept for a look: {self.folder}", file=sys.stderr)
        self._clean_up()
        return False

    def _clean_up(self):
        for number in self._old_handlers:
            signal.signal(number, signal.SIG_IGN)      # a second Ctrl-C must not leave half of it behind
        if self._janitor is not None:
            self._janitor.stdin.close()
            try:
                self._janitor.wait(JANITOR_DEADLINE_S)
            except subprocess.TimeoutExpired:
                print("lab: the janitor does not come to an end", file=sys.stderr)
            if self._janitor.returncode not in (0, 1, None):
                janitor.clean(self.run_id, self.folder, self.keep)
        for process in self._processes:
            process.reap()
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)

    def _catch_signals(self):
        def interrupted(number, _frame):
            raise Interrupted(signal.Signals(number).name)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._old_handlers[number] = signal.signal(number, interrupted)

    # -- processes ------------------------------------------------------------------------------

    def prefix(self, place, user=None):
        """What goes before an argv to run it in that place as that user; nothing of it forks."""
        prefix = self.network.enter(place)
        if user:
            prefix = prefix + ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
        return prefix

    def environment(self, place):
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                janitor.MARK: f"{self.run_id}/{place}", **kept}

    def spawn(self, place, name, argv, user=None, cwd=None, extra_environment=None):
        """Starts a program that stays, in a place; its output goes to logs/NAME.log."""
        if not os.access(argv[0], os.X_OK):
            raise LabError(f"{argv[0]} is not there; `make` and `make test-tools` build what a lab needs")
        process = processes.Process(name, place, self.prefix(place, user) + [str(a) for a in argv],
                                    self.folder / "logs" / f"{name}.log",
                                    env=self.environment(place) | (extra_environment or {}), cwd=cwd or self.folder)
        self._processes.append(process)
        return process

    def run(self, place, argv, timeout_s=30, extra_environment=None, check=True):
        """A short command in a place, to its end."""
        environment = self.environment(place) | (extra_environment or {})
        return network.run(self.prefix(place) + [str(a) for a in argv], check=check, timeout_s=timeout_s,
                           env=environment, cwd=self.folder)

    def wait_for(self, condition, deadline_s, what):
        """The condition's first true value. Fails at PATIENCE times the deadline, and at once when a process died
        unasked."""
        deadline = time.monotonic() + deadline_s * PATIENCE
        while True:
            value = condition()
            if value:
                return value
            self.check_alive()
            if time.monotonic() > deadline:
                raise LabError(f"not within {deadline_s * PATIENCE} s: {what}")
            time.sleep(POLL_S)

    def check_alive(self):
        for process in self._processes:
            if not process.running() and not process.expected_end:
                process.expected_end = True
                raise LabError(f"{process.name} ended by itself with {process.exit_code()}; the end of its log:\n    "
                               + "\n    ".join(process.tail()))

    # -- parts ----------------------------------------------------------------------------------

    def start_databases(self):
        if self.proxied:
            self._start_proxy()
        first, *others = self.serving
        primary = self.databases[first]
        primary.make_primary(self.secrets)
        for region in others:
            self.databases[region].make_standby(primary, self.secrets)
        self.wait_for(lambda: len(primary.streaming()) == len(others), 20, "the standby streams from the primary")

    # -- the proxy between the regions ----------------------------------------------------------

    def peer_address(self, region):
        """Where the others find that region's coordinator."""
        if self.proxied:
            return f"{self.network.address['internet']}:{PROXIED_PEERS + self.regions.index(region)}"
        return f"{self.network.address[region]}:{cluster_files.PEER_PORT}"

    def replication_address(self, region):
        """(host, port) at which standbys stream from that region's database."""
        if self.proxied:
            return self.network.address["internet"], PROXIED_REPLICATION + self.regions.index(region)
        return self.network.address[region], postgres.PORT

    def others(self, region):
        """Places that the kernel's fence lets through to that region's database."""
        return [r for r in self.regions if r != region] + (["internet"] if self.proxied else [])

    def links(self, only=None, **orders):
        """How the proxied links are from now on: delay_ms, silent, resets. See proxy.py. `only="replication"`: not the peers'."""
        if only == "replication":
            orders["ports"] = [PROXIED_REPLICATION + i for i in range(len(self.regions))]
        fresh = self._proxy_control.with_suffix(".new")
        fresh.write_text(json.dumps(orders))
        fresh.rename(self._proxy_control)

    def _start_proxy(self):
        self._proxy_control = self.folder / "proxy.json"
        address = self.network.address
        routes = [f"{PROXIED_PEERS + i}={address[r]}:{cluster_files.PEER_PORT}" for i, r in enumerate(self.regions)]
        routes += [f"{PROXIED_REPLICATION + i}={address[r]}:{postgres.PORT}" for i, r in enumerate(self.regions)]
        self.links()
        self.proxy = self.spawn("internet", "proxy", [
            sys.executable, REPOSITORY / "tests/regions/proxy.py", "--listen", address["internet"],
            "--control", self._proxy_control, *routes])
        self.wait_for(lambda: self.proxy.tail() == ["ready"], 10, "the proxy is ready")

    def start_services(self):
        for region in self.serving:
            self.start_service(region)
        for region in self.serving:
            self.wait_for(lambda region=region: self.http(region, f"{self.service_url(region)}/health")[0] == 200, 10,
                          f"/health of {region} answers 200")

    def start_service(self, region):
        argv = [sys.executable, REPOSITORY / "tests/regions/service.py",
                "--listen", f"{self.network.address[region]}:{cluster_files.SERVICE_PORT}",
                "--socket-folder", self.databases[region].run, "--user", postgres.APPLICATION,
                "--password-file", self.secrets.file("application"), "--control", self.control_file(region)]
        if self.scheme == "https":
            self.make_certificates()
            argv += ["--certificate", self.pki / f"{cluster_files.RECORD}.pem",
                     "--key", self.pki / f"{cluster_files.RECORD}.key"]
        self.services[region] = self.spawn(region, f"service-{region}", argv)

    def control_file(self, region):
        return self.folder / region / "service.control"

    def misbehave(self, region, order):
        """`unhealthy`, `status 404`, `hang 10`, `slow 1`; '' for healthy again."""
        self.control_file(region).write_text(order)

    def service_url(self, region):
        return f"{self.scheme}://{self.network.address[region]}:{cluster_files.SERVICE_PORT}"

    def start_names(self):
        """The Route 53 emulator and its zone, pointing at the first serving region."""
        address = self.network.address["internet"]
        zones = cluster_files.write(self.folder / "zones.json", cluster_files.zones(self))
        ready = self.folder / "emulator.ready"
        self.emulator = self.spawn("internet", "route53-emulator", [
            BUILD / "tests/route53-emulator", "--listen", f"{address}:{cluster_files.EMULATOR_PORT}",
            "--dns", f"{address}:{self.network.dns_port}", "--control", f"{address}:{cluster_files.CONTROL_PORT}",
            "--zones", zones, "--access-key", self.secrets.access_key, "--secret-file", self.secrets.file("aws_secret"),
            "--insync-after", str(self.thresholds.insync_ms), "--ready-file", ready])
        self.wait_for(ready.exists, 10, "the Route 53 emulator is ready")

    def start_writer(self, client, rate=50, region=None, patience_ms=None, retry_ms=25):
        """A client outside of all regions that follows the name; with `region`, one inside it that
        knows that region's address only. `patience_ms`: how long it waits for a row's acknowledgement."""
        place = region or "clients"
        argv = [BUILD / "tests/writer", "--user", postgres.APPLICATION, "--client", client,
                "--password-file", self.secrets.file("application"), "--rate", str(rate), "--retry-ms", str(retry_ms),
                "--receipts", self.folder / "clients" / f"{client}.receipts"]
        if patience_ms:
            argv += ["--query-ms", str(patience_ms)]
        if region:
            argv += ["--address", self.network.address[region]]
        else:
            argv += ["--servers", f"{self.network.address['internet']}:{self.network.dns_port}",
                     "--name", cluster_files.RECORD]
        writer = Writer(self, client, self.spawn(place, f"writer-{client}", argv))
        self.writers[client] = writer
        return writer

    # -- coordinators ---------------------------------------------------------------------------

    def node_folder(self, region):
        return self.folder / region / "node"

    def write_configuration(self, change=None):
        """`change(cluster_dict)` may alter what is written. Makes certificates and empty stores too."""
        self.make_certificates()
        content = cluster_files.cluster(self)
        if change:
            change(content)
        self.cluster_path = cluster_files.write(self.folder / "cluster.json", content)
        for region in self.regions:
            state = self.node_folder(region) / "state"
            state.mkdir(parents=True, mode=0o700)
            if self.small_stores:
                network.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_STORE},mode=0700", "tmpfs", str(state)])
            cluster_files.write(self.node_folder(region) / "node.json", cluster_files.node(self, region))
            self.run(region, [BUILD / "failoverd", "--format", *self._node_arguments(region)])

    def make_certificates(self):
        """A throw-away CA, one certificate per node, and one for the service's public name."""
        if not self.pki.exists():
            names = [cluster_files.NODE_NAMES[r] for r in self.regions] + [cluster_files.RECORD]
            network.run(["sh", str(REPOSITORY / "tests/pki/make-ca.sh"), str(self.pki), *names], timeout_s=60)

    def _node_arguments(self, region):
        return ["--cluster", self.cluster_path, "--node", self.node_folder(region) / "node.json"]

    def start_coordinators(self):
        self.write_configuration()
        for region in self.regions:
            self.start_coordinator(region)

    def start_coordinator(self, region, extra_environment=None):
        self.coordinators[region] = self.spawn(region, cluster_files.NODE_NAMES[region],
                                               [BUILD / "failoverd", *self._node_arguments(region)],
                                               extra_environment=extra_environment)

    def adopt_dns(self, deadline_s=25):
        """An operator's first act on a new service: the zone's records are put under failoverd's mark.
        Repeated while the coordinators are still finding each other (refused, no quorum, no answer)."""
        words = ("dns", "adopt", cluster_files.SERVICE, "--reason", "the lab is new", "--yes")
        said = []

        def adopted():
            code, output, error = self.failoverctl(self.serving[0], *words, timeout_s=deadline_s)
            said[:] = [f"{code}: {output}{error}".strip()]
            if code not in (0, 3, 4, 5):
                raise LabError(f"failoverctl dns adopt ended with {said[0]}")
            return code == 0

        try:
            self.wait_for(adopted, deadline_s, "the DNS records adopted")
        except LabError as error:
            raise LabError(f"{error}; failoverctl said last {said[0]}") from error

    def failoverctl(self, region, *words, timeout_s=CONTROL_DEADLINE_S):
        """(exit code, output, error text) of one operator's command on that region's coordinator."""
        done = self.run(region, [BUILD / "failoverctl", "--socket", self.node_folder(region) / "control.sock", *words],
                        timeout_s=timeout_s, check=False)
        if self.answers:
            self.answers.take(words, done.stdout)
        return done.returncode, done.stdout, done.stderr

    def status(self, region):
        """`failoverctl status --json` as a dict, None if that coordinator does not answer."""
        try:
            code, output, _ = self.failoverctl(region, "status", "--json", timeout_s=STATUS_DEADLINE_S)
            return json.loads(output) if code == 0 else None
        except (subprocess.TimeoutExpired, ValueError):
            return None

    def journal(self, region):
        return read_json_lines(self.journal_path(region))

    def journal_path(self, region):
        """Not on the file system that is filled: what happened is to be read afterwards."""
        folder = self.node_folder(region)
        return folder / "journal.jsonl" if self.small_stores else folder / "state" / "journal.jsonl"

    def journal_event(self, region, event, **fields):
        """The first such event in that coordinator's journal with these values, or None."""
        return next((line for line in self.journal(region) if line.get("event") == event
                     and all(line.get(key) == value for key, value in fields.items())), None)

    # -- faults ---------------------------------------------------------------------------------

    def kill_region(self, region, silent=False):
        """kill -9 of everything in it. `silent`: the host goes off the net as well, as without power:
        then nobody gets as much as a connection refused."""
        if silent:
            self.network.link(region, up=False)
        self._expect_end(region)
        namespace = self.network.namespace(region)
        killed, left = janitor.kill_all(f"{self.run_id}/{region}", self.folder / region,
                                        [namespace] if namespace else [])
        if left:
            raise LabError(f"still alive in {region} after SIGKILL: {left}")
        return len(killed)

    def start_region(self, region):
        """After kill_region: the host comes back and starts all that it had, its database as what it was."""
        if self.network.can_cut:
            self.network.link(region, up=True)
        if region in self.databases and self.databases[region].data.exists():
            self.databases[region].start()
        if region in self.services:
            self.start_service(region)
        if region in self.coordinators:
            self.start_coordinator(region)

    def freeze_region(self, region, frozen=True):
        """SIGSTOP to everything in it, or SIGCONT. The database first: an answer that a client has received and not
        read yet would be read when it wakes, and count as acknowledged then."""
        if frozen and region in self.databases and self.databases[region].signal(signal.SIGSTOP):
            time.sleep(BUFFERS_S)
        namespace = self.network.namespace(region)
        for pid in janitor.processes_of(f"{self.run_id}/{region}", self.folder / region,
                                        [namespace] if namespace else []):
            os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def _expect_end(self, region):
        for process in self._processes:
            if process.running() and process.place == region:
                process.expected_end = True

    # -- asking ---------------------------------------------------------------------------------

    def resolve(self, name=cluster_files.RECORD, record="A", timeout_s=DNS_DEADLINE_S):
        """Values that the zone's name server answers with now, asked by a real DNS question; [] for none."""
        server = (self.network.address["internet"], self.network.dns_port)
        udp = self.network.socket("clients", network.socket.SOCK_DGRAM)
        return [value for value, _ttl in dnsquery.ask(udp, server, name, record, timeout_s)]

    def region_of(self, address):
        return next((r for r in self.regions if self.network.address[r] == address), None)

    def http(self, place, url, body=None, timeout_s=3.0):
        """(status, text) of a request from that place; (0, reason) when there is no answer."""
        return httpquery.ask(self.network.socket(place), url, body, timeout_s, self.pki / "ca.pem")

    def emulator_control(self, path, content=None):
        url = f"http://{self.network.address['internet']}:{cluster_files.CONTROL_PORT}{path}"
        status, text = self.http("internet", url, None if content is None else json.dumps(content).encode())
        if status != 200:
            raise LabError(f"the emulator's {path} answers {status}: {text}")
        return json.loads(text) if text else None

    def aws(self, *words, timeout_s=30):
        """The real AWS command line, against the emulator. Returns its JSON."""
        endpoint = f"http://{self.network.address['internet']}:{cluster_files.EMULATOR_PORT}"
        done = self.run("internet", ["/usr/bin/aws", "--endpoint-url", endpoint, "--region", "us-east-1",
                                     "--output", "json", *words], timeout_s=timeout_s,
                        extra_environment={"AWS_SHARED_CREDENTIALS_FILE": str(self.secrets.file("aws")),
                                           "AWS_CONFIG_FILE": "/dev/null", "HOME": str(self.folder)})
        return json.loads(done.stdout) if done.stdout.strip() else None

    def count_rows(self, region):
        """Acknowledged rows of all writers against the rows in that region's database."""
        with self.databases[region].connect() as session:
            rows = checker.read_rows(session)
        return checker.count(self.all_receipts(), rows)

    def all_receipts(self):
        return [receipt for writer in self.writers.values() for receipt in writer.receipts()]


def read_json_lines(path):
    """All whole lines of a file that are JSON objects; other lines are skipped."""
    found = []
    try:
        text = pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return found
    for line in text.splitlines(keepends=True):
        if line.endswith("\n") and line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
    return found
