"""A PostgreSQL client as small as the lab needs: one session, simple queries, SCRAM-SHA-256.

The lab, its HTTP service and its checker ask PostgreSQL many small questions with short deadlines;
starting psql for each would cost more than the answer. Text results only; no TLS; a session is
used by one thread. Every call has a deadline, after which the session is closed and unusable.
"""
import base64
import hashlib
import hmac
import os
import socket
import struct
import time

PROTOCOL = 196608
MAX_MESSAGE = 64 * 1024 * 1024


class PgError(Exception):
    """The server's own refusal (sqlstate is its five letters) or a broken session (sqlstate '')."""

    def __init__(self, text, sqlstate=""):
        super().__init__(text)
        self.sqlstate = sqlstate


class Session:
    """`connected` is a socket that already leads to the server: a unix one or one of a namespace."""

    def __init__(self, connected, user, dbname, password, timeout_s=10.0, application="lab"):
        self._sock = connected
        self._buffer = b""
        self._deadline = time.monotonic() + timeout_s
        try:
            self._start(user, dbname, password, application)
        except BaseException:
            self.close()
            raise

    def close(self):
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def query(self, sql, timeout_s=20.0):
        """Rows of the last statement as tuples of str or None."""
        if self._sock is None:
            raise PgError("the session is closed")
        self._deadline = time.monotonic() + timeout_s
        try:
            self._send(b"Q", sql.encode() + b"\0")
            return self._rows()
        except (OSError, struct.error) as error:
            self.close()
            raise PgError(f"connection lost: {error}") from error

    def value(self, sql, timeout_s=20.0):
        rows = self.query(sql, timeout_s)
        return rows[0][0] if rows else None

    # -- the protocol ---------------------------------------------------------------------------

    def _rows(self):
        rows, failure = [], None
        while True:
            kind, body = self._receive()
            if kind == b"T":
                rows = []
            elif kind == b"D":
                rows.append(_data_row(body))
            elif kind == b"E":
                failure = _error(body)
                if failure.sqlstate.startswith("57P"):      # the server closes after these
                    self.close()
                    raise failure
            elif kind == b"Z":
                if failure is not None:
                    raise failure
                return rows

    def _start(self, user, dbname, password, application):
        fields = {"user": user, "database": dbname, "application_name": application}
        body = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in fields.items()) + b"\0"
        try:
            self._send(None, struct.pack("!i", PROTOCOL) + body)
            scram = None
            while True:
                kind, body = self._receive()
                if kind == b"E":
                    raise _error(body)
                if kind == b"Z":
                    return
                if kind == b"R":
                    scram = self._authenticate(body, scram, password)
        except OSError as error:
            raise PgError(f"could not log in: {error}") from error

    def _authenticate(self, body, scram, password):
        code = struct.unpack("!i", body[:4])[0]
        if code == 0:
            return scram
        if code == 10:
            scram = _Scram(password)
            first = scram.first()
            self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
        elif code == 11:
            self._send(b"p", scram.final(body[4:]))
        elif code == 12:
            scram.check(body[4:])
        else:
            raise PgError(f"the server wants authentication method {code}; only SCRAM is spoken here")
        return scram

    def _send(self, kind, body):
        self._sock.settimeout(self._left())
        self._sock.sendall((kind or b"") + struct.pack("!i", len(body) + 4) + body)

    def _receive(self):
        kind, length = struct.unpack("!ci", self._exactly(5))
        if not 4 <= length <= MAX_MESSAGE:
            raise PgError(f"message of {length} bytes")
        return kind, self._exactly(length - 4)

    def _exactly(self, count):
        while len(self._buffer) < count:
            self._sock.settimeout(self._left())
            data = self._sock.recv(65536)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._buffer += data
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _left(self):
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer within the deadline")
        return left


class _Scram:
    """RFC 5802 with SHA-256, without channel binding."""

    def __init__(self, password):
        self._password = password.encode()
        self._nonce = base64.b64encode(os.urandom(18)).decode()
        self._signature = b""

    def first(self):
        return f"n,,n=,r={self._nonce}".encode()

    def final(self, server_first):
        server_first = server_first.decode()
        parts = dict(part.split("=", 1) for part in server_first.split(","))
        if not parts["r"].startswith(self._nonce):
            raise PgError("the server answered with a nonce that is not ours")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(parts["s"]), int(parts["i"]))
        client_key = _hmac(salted, b"Client Key")
        without_proof = f"c=biws,r={parts['r']}"
        message = f"n=,r={self._nonce},{server_first},{without_proof}".encode()
        proof = bytes(a ^ b for a, b in zip(client_key, _hmac(hashlib.sha256(client_key).digest(), message)))
        self._signature = _hmac(_hmac(salted, b"Server Key"), message)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def check(self, server_final):
        if base64.b64decode(server_final.decode().removeprefix("v=")) != self._signature:
            raise PgError("the server does not know the password")


def _hmac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def _data_row(body):
    count, at, row = struct.unpack("!h", body[:2])[0], 2, []
    for _ in range(count):
        length = struct.unpack("!i", body[at:at + 4])[0]
        at += 4
        if length < 0:
            row.append(None)
        else:
            row.append(body[at:at + length].decode())
            at += length
    return tuple(row)


def _error(body):
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return PgError(fields.get(b"M", "error without a text"), fields.get(b"C", ""))


def connect_unix(folder, port, user, dbname, password, timeout_s=10.0, application="lab"):
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(timeout_s)
    try:
        connected.connect(f"{folder}/.s.PGSQL.{port}")
    except OSError as error:
        connected.close()
        raise PgError(f"nobody answers at {folder}: {error}") from error
    return Session(connected, user, dbname, password, timeout_s, application)


def literal(text):
    """A string as an SQL literal (standard_conforming_strings is on)."""
    return "'" + str(text).replace("'", "''") + "'"
