"""From what was seen to what it took: the milestones of one failover and the time between them.

A milestone is the first moment at which something was true, taken from a journal, the DNS answers
or the client's receipts. The phases are the gaps between neighbours, so they add up to the whole.
"""
import dataclasses

# In the order in which they have to happen.
MILESTONES = (
    ("lost", "region lost", ""),
    ("detected", "detect", "a majority of the voters has seen it fail for as long as the thresholds say"),
    ("begun", "agree", "confirmed afresh, and the register names no writer: chosen by a majority"),
    ("fenced", "fence", "the old database cannot acknowledge a write any more"),
    ("granted", "grant", "the register names the new writer, and its guard holds the lease"),
    ("promoted", "promote", "PostgreSQL has left recovery, behind a shut door"),
    ("opened", "open", "the new database takes writes"),
    ("submitted", "DNS change", "Route 53 has accepted the change (PENDING)"),
    ("visible", "DNS INSYNC", "the zone's name server answers with the new address"),
    ("written", "client", "the first row acknowledged by the new region"),
)
# (event, step) of the executor's journal -> milestone
OF_STEPS = {"begin": "begun", "fence": "fenced", "lease": "granted", "promote": "promoted", "open": "opened"}


@dataclasses.dataclass
class Phase:
    name: str
    meaning: str
    at_s: float             # since the region was lost
    took_s: float


class Timeline:
    def __init__(self, lost_at):
        self.at = {"lost": lost_at}

    def reach(self, milestone, at):
        self.at.setdefault(milestone, at)

    def take(self, news, lost_region, new_address):
        """What one piece of news says about it. News from before the loss counts for nothing."""
        if news.at < self.at["lost"]:
            return
        step = news.data.get("step")
        if news.event == "majority_failed" and news.data.get("region") == lost_region:
            self.reach("detected", news.at)
        elif news.event == "step_done" and step in OF_STEPS:
            self.reach(OF_STEPS[step], news.at)
        elif news.event == "act_done" and news.data.get("act") == "dns_submit" and news.data.get("outcome") == "done":
            self.reach("submitted", news.at)
        elif news.event == "operation_done":
            self.reach("done", news.at)
        elif news.source == "dns" and news.data.get("addresses") == [new_address]:
            self.reach("visible", news.at)

    def missing(self):
        return [name for name, _, _ in MILESTONES if name not in self.at] + ([] if "done" in self.at else ["done"])

    def phases(self):
        """Gaps between the milestones that were reached, in order of time."""
        reached = sorted((self.at[key], number) for number, (key, _, _) in enumerate(MILESTONES) if key in self.at)
        found, before = [], self.at["lost"]
        for at, number in reached[1:]:
            _, name, meaning = MILESTONES[number]
            found.append(Phase(name, meaning, at - self.at["lost"], at - before))
            before = at
        return found

    def total_s(self):
        return self.at["written"] - self.at["lost"] if "written" in self.at else None
