"""Starts a route53-emulator for a test and talks to it: control port, and a SigV4 client of its own.

    with Emulator(zones, insync_after_ms=200) as emulator:
        emulator.faults(throttle_next=1)
        status, body = emulator.call("GET", "/2013-04-01/hostedzone")
        emulator.dns[0]                      ("127.0.0.1", port) of the first name server

The signer here is the test's own, written from the public description, and so a third opinion beside the
emulator's and the product's.
"""
import datetime
import hashlib
import hmac
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.parse

VERSION = "/2013-04-01"
NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
ACCESS_KEY = "AKIDEMULATOR"
SECRET = "not-a-secret/of+anybody"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def binary():
    return os.environ.get("EMULATOR", os.path.join(ROOT, "build/tests/route53-emulator"))


def sign(method, path, query, headers, body, access_key=ACCESS_KEY, secret=SECRET, when=None,
         region="us-east-1", service="route53"):
    """Adds X-Amz-Date and Authorization to headers."""
    when = when or datetime.datetime.now(datetime.timezone.utc)
    stamp = when.strftime("%Y%m%dT%H%M%SZ")
    headers["X-Amz-Date"] = stamp
    names = sorted(name.lower() for name in headers)
    values = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    quote = lambda text: urllib.parse.quote(text, safe="-_.~")
    canonical = "\n".join([
        method, urllib.parse.quote(path, safe="/-_.~"),
        "&".join("%s=%s" % (quote(k), quote(v)) for k, v in sorted(query.items())),
        "".join("%s:%s\n" % (name, values[name]) for name in names), ";".join(names),
        hashlib.sha256(body).hexdigest()])
    scope = "%s/%s/%s/aws4_request" % (stamp[:8], region, service)
    to_sign = "AWS4-HMAC-SHA256\n%s\n%s\n%s" % (stamp, scope, hashlib.sha256(canonical.encode()).hexdigest())
    key = ("AWS4" + secret).encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
        access_key, scope, ";".join(names), hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest())


class Emulator:
    def __init__(self, zones, insync_after_ms=0, name_servers=1, tls=False, address="127.0.0.1", more_keys=None):
        """more_keys: {access key: secret} beside the usual pair, so that the log tells clients apart."""
        self.more_keys = more_keys or {}
        self.zones, self.insync_after_ms, self.address = zones, insync_after_ms, address
        self.name_servers, self.tls, self.process = name_servers, tls, None

    def path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="route53-")
        with open(self.path("zones.json"), "w") as file:
            json.dump(self.zones, file)
        with open(self.path("secret"), "w") as file:
            file.write(SECRET + "\n")
        any_port = self.address + ":0"
        command = [binary(), "--listen", any_port, "--control", any_port, "--zones", self.path("zones.json"),
                   "--access-key", ACCESS_KEY, "--secret-file", self.path("secret"), "--log", self.path("log"),
                   "--insync-after", str(self.insync_after_ms), "--ready-file", self.path("ready")]
        command += ["--dns", any_port] * self.name_servers
        for key, secret in self.more_keys.items():
            with open(self.path("secret-" + key), "w") as file:
                file.write(secret + "\n")
            command += ["--access-key", key, "--secret-file", self.path("secret-" + key)]
        if self.tls:
            self.make_certificate()
            command += ["--tls-cert", self.path("cert.pem"), "--tls-key", self.path("key.pem")]
        self.errors = open(self.path("stderr"), "w+")
        self.process = subprocess.Popen(command, stderr=self.errors)
        deadline = time.monotonic() + 20
        while not os.path.exists(self.path("ready")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.errors.seek(0)
                raise RuntimeError("the emulator did not start: " + self.errors.read())
            time.sleep(0.01)
        with open(self.path("ready")) as file:
            ready = json.load(file)
        self.port, self.control_port = ready["listen"], ready["control"]
        self.dns = [(self.address, port) for port in ready["dns"]]
        self.url = "%s://%s:%d" % ("https" if self.tls else "http", self.address, self.port)
        return self

    def __exit__(self, *_):
        """Ends the emulator; self.exit_code and self.stderr tell how it went."""
        self.process.terminate()
        try:
            self.exit_code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.exit_code = self.process.wait()
        self.errors.seek(0)
        self.stderr = self.errors.read()
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", self.path("key.pem"), "-out", self.path("cert.pem"), "-days", "2", "-subj", "/CN=emulator",
                        "-addext", "subjectAltName=IP:" + self.address], check=True, capture_output=True)

    # ---- control port ----

    def control(self, method, path, body=None, expect=200):
        connection = http.client.HTTPConnection(self.address, self.control_port, timeout=10)
        connection.request(method, path, json.dumps(body) if body is not None else None)
        response = connection.getresponse()
        reply = json.loads(response.read())
        connection.close()
        if expect is not None and response.status != expect:
            raise AssertionError("%s %s: %d %s" % (method, path, response.status, reply))
        return reply

    def faults(self, **settings):
        return self.control("POST", "/faults", settings)

    def state(self):
        return self.control("GET", "/state")

    # ---- the API, signed by this file ----

    def call(self, method, path, query=None, body=b"", unsigned_headers=None, **signing):
        """Returns (status, text)."""
        query = query or {}
        headers = {"Host": "%s:%d" % (self.address, self.port)}
        sign(method, path, query, headers, body, **signing)
        headers.update(unsigned_headers or {})
        target = path + ("?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote) if query else "")
        connection = http.client.HTTPConnection(self.address, self.port, timeout=10)
        try:
            connection.request(method, target, body or None, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def change(self, zone, *changes, comment=None):
        """Submits (action, record) pairs in the command line's JSON form. Returns (status, text)."""
        return self.call("POST", "%s/hostedzone/%s/rrset/" % (VERSION, zone), body=batch_xml(changes, comment))


def element(name, content):
    return "<%s>%s</%s>" % (name, content, name)


def escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def record_xml(record):
    out = ""
    for key, value in record.items():
        if key == "ResourceRecords":
            value = "".join(element("ResourceRecord", element("Value", escape(item["Value"]))) for item in value)
        elif isinstance(value, dict):
            value = "".join(element(k, escape(str(v).lower() if isinstance(v, bool) else v)) for k, v in value.items())
        else:
            value = escape(str(value).lower() if isinstance(value, bool) else value)
        out += element(key, value)
    return element("ResourceRecordSet", out)


def batch_xml(changes, comment=None):
    inner = element("Comment", escape(comment)) if comment is not None else ""
    inner += element("Changes", "".join(element("Change", element("Action", action) + record_xml(record))
                                        for action, record in changes))
    return ('<ChangeResourceRecordSetsRequest xmlns="%s">%s</ChangeResourceRecordSetsRequest>'
            % (NAMESPACE, element("ChangeBatch", inner))).encode()


def record(name, kind="A", values=("192.0.2.1",), ttl=60, **more):
    values = [values] if isinstance(values, str) else values
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values], **more}


def alias(name, zone, target, kind="A", evaluate=False, **more):
    return {"Name": name, "Type": kind, "AliasTarget": {"HostedZoneId": zone, "DNSName": target,
                                                        "EvaluateTargetHealth": evaluate}, **more}
