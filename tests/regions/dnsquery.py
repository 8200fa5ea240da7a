"""One DNS question over UDP, asked the way a resolver asks an authoritative server."""
import os
import socket
import struct

TYPES = {"A": 1, "CNAME": 5, "TXT": 16}


class DnsError(Exception):
    pass


def ask(udp, server, name, record="A", timeout_s=0.3):
    """Sorted (value, ttl) pairs of `name`, empty if there are none. `udp` is used and closed."""
    ident = os.urandom(2)
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.rstrip(".").split("."))
    question = labels + b"\0" + struct.pack("!HH", TYPES[record], 1)
    try:
        udp.settimeout(timeout_s)
        udp.connect(server)
        udp.send(ident + struct.pack("!HHHHH", 0, 1, 0, 0, 0) + question)
        reply = udp.recv(4096)
    except OSError as error:
        raise DnsError(f"{server[0]}:{server[1]} does not answer: {error}") from error
    finally:
        udp.close()
    if len(reply) < 12 or reply[:2] != ident or not reply[2] & 0x80:
        raise DnsError("an answer to another question")
    rcode = reply[3] & 15
    if rcode not in (0, 3):
        raise DnsError(f"the server answers with code {rcode}")
    try:
        return sorted(_answers(reply, TYPES[record]))
    except (IndexError, struct.error) as error:
        raise DnsError("a malformed answer") from error


def _answers(reply, wanted):
    questions, answers = struct.unpack("!HH", reply[4:8])
    at = 12
    for _ in range(questions):
        at = _skip_name(reply, at) + 4
    for _ in range(answers):
        at = _skip_name(reply, at)
        kind, _, ttl, length = struct.unpack("!HHIH", reply[at:at + 10])
        data, at = reply[at + 10:at + 10 + length], at + 10 + length
        if kind != wanted:
            continue
        if kind == TYPES["A"]:
            yield socket.inet_ntoa(data), ttl
        elif kind == TYPES["TXT"]:
            yield data[1:1 + data[0]].decode(errors="replace"), ttl


def _skip_name(reply, at):
    while True:
        length = reply[at]
        if length == 0:
            return at + 1
        if length & 0xC0:
            return at + 2
        at += 1 + length
