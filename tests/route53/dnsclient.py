"""A small DNS client for tests: one question to one server, over UDP or TCP, with nothing cached.

    answer = dnsclient.ask(("127.0.0.1", 5353), "www.example.test", "A")
    answer.rcode         "NOERROR", "NXDOMAIN", ...
    answer.values        rdata texts of the answer records of the asked type, sorted
    answer.aa, answer.tc, answer.answers, answer.authority, answer.additional   (lists of Record)

ask() raises TimeoutError when nothing comes within the deadline.
"""
import ipaddress
import os
import socket
import struct
import time
from collections import namedtuple

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
         "OPT": 41, "DS": 43, "SPF": 99, "AXFR": 252, "ANY": 255, "CAA": 257}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS"}

Record = namedtuple("Record", "name type ttl text")


class Answer:
    def __init__(self, wire):
        self.wire = wire
        self.id, flags, questions, *counts = struct.unpack("!6H", wire[:12])
        self.qr, self.aa, self.tc = bool(flags & 0x8000), bool(flags & 0x0400), bool(flags & 0x0200)
        code = flags & 15
        at = 12
        for _ in range(questions):
            self.question, at = read_name(wire, at)
            at += 4
        sections = []
        for count in counts:
            section = []
            for _ in range(count):
                record, at, extended = read_record(wire, at)
                if extended is not None:
                    code |= extended << 4
                else:
                    section.append(record)
            sections.append(section)
        self.answers, self.authority, self.additional = sections
        self.rcode = RCODES.get(code, str(code))
        self.values = []

    def __repr__(self):
        return "<Answer %s aa=%s tc=%s %s>" % (self.rcode, self.aa, self.tc, self.answers)


def write_name(name):
    wire = b""
    for label in name.rstrip(".").split("."):
        if label:
            raw = label.encode("ascii")
            wire += bytes([len(raw)]) + raw
    return wire + b"\0"


def read_name(wire, at):
    labels, end, jumps = [], None, 0
    while wire[at] != 0:
        if wire[at] >= 0xC0:
            end = at + 2 if end is None else end
            at = (wire[at] & 0x3F) << 8 | wire[at + 1]
            jumps += 1
            if jumps > 20:
                raise ValueError("compression loop")
            continue
        labels.append(wire[at + 1:at + 1 + wire[at]].decode("latin-1"))
        at += 1 + wire[at]
    return ".".join(labels) + ".", (at + 1 if end is None else end)


def read_record(wire, at):
    name, at = read_name(wire, at)
    number, _, ttl, length = struct.unpack("!HHIH", wire[at:at + 10])
    at += 10
    data, kind = wire[at:at + length], TYPE_NAMES.get(number, str(number))
    if kind == "OPT":
        return None, at + length, ttl >> 24
    return Record(name, kind, ttl, rdata_text(wire, at, kind, data)), at + length, None


def rdata_text(wire, at, kind, data):
    if kind in ("A", "AAAA"):
        return str(ipaddress.ip_address(data))
    if kind in ("NS", "CNAME", "PTR"):
        return read_name(wire, at)[0]
    if kind in ("TXT", "SPF"):
        parts, i = [], 0
        while i < len(data):
            parts.append(data[i + 1:i + 1 + data[i]].decode("latin-1"))
            i += 1 + data[i]
        return "".join(parts)
    if kind == "MX":
        return "%d %s" % (struct.unpack("!H", data[:2])[0], read_name(wire, at + 2)[0])
    if kind == "SRV":
        return "%d %d %d %s" % (struct.unpack("!3H", data[:6]) + (read_name(wire, at + 6)[0],))
    if kind == "SOA":
        server, after = read_name(wire, at)
        mailbox, after = read_name(wire, after)
        return "%s %s %d %d %d %d %d" % ((server, mailbox) + struct.unpack("!5I", wire[after:after + 20]))
    return data.hex()


def make_query(name, kind="A", edns=1232, query_id=None):
    query_id = int.from_bytes(os.urandom(2), "big") if query_id is None else query_id
    number = kind if isinstance(kind, int) else TYPES[kind]
    wire = struct.pack("!6H", query_id, 0, 1, 0, 0, 1 if edns else 0)
    wire += write_name(name) + struct.pack("!HH", number, 1)
    if edns:
        wire += b"\0" + struct.pack("!HHIH", TYPES["OPT"], edns, 0, 0)
    return wire


def receive_exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionError("the server closed the connection")
        data += more
    return data


def send_wire(server, wire, tcp=False, timeout=2.0):
    """Sends raw bytes and returns the raw reply with the query's id."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    deadline = time.monotonic() + timeout
    if tcp:
        with socket.create_connection(server, timeout=timeout) as stream:
            stream.sendall(struct.pack("!H", len(wire)) + wire)
            length = struct.unpack("!H", receive_exactly(stream, 2))[0]
            return receive_exactly(stream, length)
    with socket.socket(family, socket.SOCK_DGRAM) as datagram:
        datagram.connect(server)
        datagram.send(wire)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no DNS answer from %s:%d" % server)
            datagram.settimeout(left)
            reply = datagram.recv(65535)
            if reply[:2] == wire[:2]:
                return reply


def ask(server, name, kind="A", tcp=False, timeout=2.0, edns=1232):
    """One question, one server. No fallback to TCP: a truncated answer says so in .tc."""
    answer = Answer(send_wire(server, make_query(name, kind, edns), tcp, timeout))
    answer.values = sorted(record.text for record in answer.answers if record.type == kind)
    return answer
