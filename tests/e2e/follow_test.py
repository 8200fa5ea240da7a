#!/usr/bin/env python3
"""The standbys that remain: after a failover each streams from the new primary, without anybody's help; one that has
gone past the point where the new primary's timeline begins is named before, and is told why it can't follow.

    follow_test.py [WORD...]      only the cases whose title holds one of the words
"""
import e2e
from e2e import EAST, SERVICE, WEST, WITNESS as THIRD
import postgres            # of tests/regions, which e2e puts on the path

SERVING = (EAST, WEST, THIRD)


def test_remaining(suite, lab):
    """The primary's region is lost. The third region's standby uses a replication slot, which was on the old primary."""
    client = e2e.bring_up(lab)
    slot = lab.databases[THIRD].value("show primary_slot_name", "postgres")
    suite.expect(slot and lab.databases[WEST].value(f"select count(*) from pg_replication_slots where slot_name = '{slot}'",
                                                    "postgres") == "0", f"only the old primary has the slot {slot}")
    lab.kill_region(EAST)
    writer = lab.wait_for(lambda: next((r for r in (WEST, THIRD) if e2e.writes_in(lab, client, r)), None), 30,
                          "the client writes in another region")
    other = WEST if writer == THIRD else THIRD
    used = f"select count(*) from pg_replication_slots where slot_name = '{postgres.slot_name(other)}' and active"
    lab.wait_for(lambda: lab.databases[writer].value(used, "postgres") == "1", 20,
                 f"the standby of {other} streams from {writer}, through a slot of its own there")
    suite.expect(True, f"{writer} was promoted, and the standby of {other} streams from it through its slot")
    line = lab.wait_for(lambda: e2e.events(lab, "follows", [other], region=writer), 10, "the journal says so")[0]
    suite.expect(line["level"] == "info", f"journal of {other}: {line['text']}")
    e2e.wait_until_done(lab, writer, 30, writer=writer)
    client.process.end()
    acknowledged = len(client.receipts())
    rows = lab.count_rows(writer)
    lab.wait_for(lambda: lab.count_rows(other) == rows, 10, "every row of the new primary arrives there")
    suite.expect(True, f"all {rows.present} rows are in both ({acknowledged} were acknowledged)")


def test_ahead(suite, lab):
    """A person promotes the standby that was cut off and has less than the third region's."""
    client = e2e.bring_up(lab)
    lab.network.cut(EAST, WEST)
    count = "select count(*) from orders"
    behind = lambda: int(lab.databases[THIRD].value(count)) - int(lab.databases[WEST].value(count))
    lab.wait_for(lambda: behind() > 20, 10, "the third region's standby has more than that of us-west-2")
    client.process.end()
    lab.kill_region(EAST)
    lab.wait_for(lambda: e2e.events(lab, "majority_failed", [WEST], region=EAST), 20, "a majority sees us-east-1 failed")
    code, output = e2e.order(lab, WEST, "failover", SERVICE, "--to", WEST, "--reason", "try", "--yes",
                             "--skip-gate", "target_streaming_and_timeline", "--skip-gate", "loss_within_rpo")
    suite.expect(code == 0, f"a person promotes the standby that has less (exit code {code})", output)
    ahead = e2e.awaited_events(lab, "standby_ahead", [WEST], region=THIRD)
    suite.expect(ahead and ahead[0]["ahead_bytes"] > 0, "before that it is named: "
                 + (ahead[0]["text"] if ahead else "nothing"))
    line = lab.wait_for(lambda: e2e.events(lab, "follow_failed", [THIRD], region=WEST, outcome="refused"), 20,
                        "the third region says that it can't follow")[0]
    suite.expect("bytes past" in line["text"] and "pg_rewind" in line["text"], f"and why, and what helps: {line['text']}")
    suite.expect(lab.databases[THIRD].is_standby(), "it is left as it is")
    lab.wait_for(lambda: "bytes past" in str(e2e.status_of(lab, THIRD)), 10, "status there says so too")


if __name__ == "__main__":
    e2e.main("follow", [
        ("remaining standby follows the new primary", test_remaining, 90, e2e.brisk() | {"serving": SERVING}),
        ("standby ahead of the fork", test_ahead, 90, e2e.brisk(mode="manual") | {"serving": SERVING}),
    ])
