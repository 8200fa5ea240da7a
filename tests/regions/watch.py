"""Follows a running lab: journals, status of every coordinator, the DNS answer, the client.

tick() is called by the one who tells the story; it returns what is new since the last call, in
order of time. Status is asked for in threads of its own (failoverctl takes its time when a
coordinator is dead), everything else is read on the spot. Times are seconds since 1970 by the
machine's one clock.
"""
import dataclasses
import datetime
import json
import threading
import time

import dnsquery

STATUS_EVERY_S = 0.25
DNS_EVERY_S = 0.05


@dataclasses.dataclass
class News:
    at: float
    source: str             # a node's name, "dns" or "client"
    event: str              # of a journal: its stable name; else "answer", "address", "error", "writing"
    text: str
    data: dict


class Watch:
    def __init__(self, lab, writer, names):
        """`names`: region -> name of its coordinator."""
        self._lab, self._writer, self._names = lab, writer, names
        self._offsets, self._parts = {}, {}
        self._answer, self._dns_due = None, 0.0
        self.status = dict.fromkeys(names)        # newest of each coordinator, None when it does not answer
        self.answer_text = "not asked yet"
        self.answer = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_status, args=(region,), daemon=True) for region in names]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(5)

    def tick(self):
        news = []
        for region, node in self._names.items():
            path = self._lab.node_folder(region) / "state" / "journal.jsonl"
            for line in self._new_lines(path):
                news.append(News(_seconds(line), node, line.get("event", ""), line.get("text", ""), line))
        for line in self._new_lines(self._writer.process.log):
            news.append(News(line.get("at", 0) / 1e6, "client", line.get("event", ""), "", line))
        changed = self._ask_dns()
        if changed:
            news.append(changed)
        return sorted(news, key=lambda n: n.at)

    def service(self, region):
        """The service's part of that coordinator's newest status, {} when there is none."""
        status = self.status[region]
        services = (status or {}).get("services") or [{}]
        return services[0]

    def _ask_status(self, region):
        while not self._stop.wait(STATUS_EVERY_S):
            self.status[region] = self._lab.status(region)

    def _ask_dns(self):
        now = time.time()
        if now < self._dns_due:
            return None
        self._dns_due = now + DNS_EVERY_S
        try:
            self.answer = self._lab.resolve(timeout_s=0.3)
            said = ", ".join(f"{a} ({self._lab.region_of(a) or 'no region of ours'})" for a in self.answer) or "nothing"
        except dnsquery.DnsError as error:
            self.answer, said = [], f"no answer: {error}"
        self.answer_text = said
        if said == self._answer:
            return None
        self._answer = said
        return News(now, "dns", "answer", said, {"addresses": self.answer})

    def _new_lines(self, path):
        """Whole JSON lines appended since the last call."""
        try:
            with open(path, "rb") as file:
                file.seek(self._offsets.get(path, 0))
                data = file.read()
        except OSError:
            return []
        whole, newline, _ = data.rpartition(b"\n")
        self._offsets[path] = self._offsets.get(path, 0) + len(whole) + len(newline)
        found = []
        for line in whole.split(b"\n"):
            if line.startswith(b"{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    pass
        return found


def _seconds(line):
    try:
        return datetime.datetime.fromisoformat(line["time"]).timestamp()
    except (KeyError, ValueError):
        return time.time()
