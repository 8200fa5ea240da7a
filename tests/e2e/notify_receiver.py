#!/usr/bin/python3
"""What receives notifications in the tests: an HTTP server that keeps what it was sent and answers as it is told.

    notify_receiver.py --listen ADDRESS:PORT --folder FOLDER

Each request becomes a line of FOLDER/received.jsonl: path, status answered (0: none) and the JSON body.
FOLDER/orders.json says, by path, the statuses of the next answers; -1 is an answer that never comes.
Without an order it is 200.
"""
import argparse
import http.server
import json
import pathlib
import threading
import time

HANG_S = 600


class Receiver(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, folder):
        super().__init__(address, Handler)
        self.folder = folder
        self.lock = threading.Lock()
        self.answered = {}

    def next_status(self, path):
        """The order's statuses in turn; the last of them stays. Counted anew when the order changes."""
        try:
            orders = json.loads((self.folder / "orders.json").read_text())
        except (OSError, ValueError):
            orders = {}
        order = orders.get(path)
        if not order:
            return 200
        known, count = self.answered.get(path, (None, 0))
        count = count if known == order else 0
        self.answered[path] = (order, count + 1)
        return order[count] if count < len(order) else order[-1]

    def keep(self, line):
        with open(self.folder / "received.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with self.server.lock:
            status = self.server.next_status(self.path)
            self.server.keep({"path": self.path, "status": max(status, 0), "time": time.time(), "body": json.loads(body)})
        if status < 0:
            time.sleep(HANG_S)
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    with Receiver((host, int(port)), arguments.folder) as receiver:
        print("ready", flush=True)
        receiver.serve_forever()


if __name__ == "__main__":
    main()
