#!/usr/bin/env python3
"""The service of one serving region: an HTTP server whose /health is honest.

    service.py --listen IP:PORT --socket-folder DIR --port 5432 --user USER --password-file FILE
               --control FILE [--certificate FILE --key FILE]

GET /health answers 200 {"status":"ok","database":"primary"|"standby"} after a query to the region's
own database over its unix socket, in a session that is kept; 503 with the reason when that fails.
The control file, if it exists, makes it misbehave: `unhealthy` (503), `status N`, `hang SECONDS`,
`slow SECONDS`. Anything else is 404. GET only.
"""
import argparse
import http.server
import json
import pathlib
import socket
import ssl
import sys
import threading
import time

import pgwire

QUERY_TIMEOUT_S = 0.5
ANSWER_FRESH_S = 0.2           # many observers ask; the database is asked five times a second at most


class Database:
    """What the local database says of itself, at most ANSWER_FRESH_S old."""

    def __init__(self, folder, port, user, password):
        self._connect = lambda: pgwire.connect_unix(folder, port, user, "shop", password, QUERY_TIMEOUT_S, "service")
        self._lock = threading.Lock()
        self._session, self._asked_at, self._answer = None, 0.0, (False, "not asked yet")

    def ask(self):
        with self._lock:
            if time.monotonic() - self._asked_at > ANSWER_FRESH_S:
                self._answer = self._ask_now()
                self._asked_at = time.monotonic()
            return self._answer

    def _ask_now(self):
        try:
            if self._session is None:
                self._session = self._connect()
            standby = self._session.value("select pg_is_in_recovery()", QUERY_TIMEOUT_S)
            return True, "standby" if standby == "t" else "primary"
        except pgwire.PgError as error:
            if self._session is not None:
                self._session.close()
                self._session = None
            return False, str(error)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    database = None
    control = None

    def do_GET(self):
        if self.path != "/health":
            self._answer(404, {"status": "no such page"})
            return
        status, alive, text = 200, *self.database.ask()
        order, _, number = self._order().partition(" ")
        if order in ("hang", "slow"):
            time.sleep(float(number))
            if order == "hang":
                self.close_connection = True
                return
        if order == "unhealthy":
            status, text = 503, "told to be unhealthy"
        elif order == "status":
            status = int(number)
        elif not alive:
            status = 503
        self._answer(status, {"status": "ok" if status == 200 else "failing", "database": text})

    def _order(self):
        try:
            return self.control.read_text().strip()
        except OSError:
            return ""

    def _answer(self, status, content):
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        # the base class asks the resolver for the host's name here, which can hang in a namespace
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)   # what the base class would have done
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address

    def handle_error(self, request, client_address):
        pass                    # a probe that hangs up is nobody's concern


def main():
    parser = argparse.ArgumentParser()
    for name in ("listen", "socket-folder", "user", "password-file", "control"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--port", type=int, default=5432)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    args = parser.parse_args()
    password = pathlib.Path(args.password_file).read_text().strip()
    Handler.database = Database(args.socket_folder, args.port, args.user, password)
    Handler.control = pathlib.Path(args.control)
    address, _, port = args.listen.rpartition(":")
    server = Server((address, int(port)), Handler, bind_and_activate=False)
    server.server_bind()
    server.server_activate()
    if args.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.certificate, args.key)
        # handshakes belong to the connection's own thread, not to the accept loop
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
