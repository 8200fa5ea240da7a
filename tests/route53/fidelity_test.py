#!/usr/bin/python3
"""Holds the emulator against the real AWS command line, and its rules against what AWS documents.

Every operation and every kind of error goes through /usr/bin/aws at least once; the many cases of one rule
go through the signed client in emulator.py. Four emulators run side by side, one for each group, so that
the faults of one group don't meet another's requests. EMULATOR names the binary.
"""
import concurrent.futures
import datetime
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dnsclient
from emulator import ACCESS_KEY, SECRET, VERSION, Emulator, alias, batch_xml, binary, record, sign

AWS = "/usr/bin/aws"
ZONE, OTHER, SERVICE = "ZEXAMPLE", "ZOTHER", "ZSERVICE"
ZONES = {"zones": [
    {"id": ZONE, "name": "example.test.", "comment": "the lab's", "name_servers": ["ns-1.awsdns.test.", "ns-2.awsdns.test."],
     "records": [
         record("www.example.test.", values=["192.0.2.1"]),
         record("app-1.example.test.", values=["192.0.2.11"]),
         record("app.example.test.", values=["192.0.2.10"]),
         record("*.wild.example.test.", values=["192.0.2.20"]),
         record("cn.example.test.", "CNAME", "www.example.test."),
         record("deep.empty.example.test.", "TXT", '"x"'),
         record("fence.example.test.", "TXT", '"v=1 epoch=7 op=abc"', ttl=0),
         record("sub.example.test.", "NS", ["ns.sub.example.test."]),
         record("ns.sub.example.test.", values=["192.0.2.53"]),
         record("big.example.test.", "TXT", ['"%03d %s"' % (i, "y" * 200) for i in range(20)]),
     ]},
    {"id": OTHER, "name": "other.test.", "records": [record("www.other.test.", values=["198.51.100.1"])]},
    {"id": SERVICE, "name": "elb.test.", "service": True, "records": [record("lb.elb.test.", values=["203.0.113.1"])]},
]}

lock = threading.Lock()
passed, failures = 0, []


def check(what, condition, detail=""):
    global passed
    with lock:
        if condition:
            passed += 1
        else:
            failures.append(what)
            print("FAILED: %s %s" % (what, detail))


def equal(what, have, want):
    check(what, have == want, "\n   have %r\n   want %r" % (have, want))


# ---- the real command line ----

def aws(emulator, *arguments, secret=SECRET, key=ACCESS_KEY, **environment):
    env = {"PATH": "/usr/bin:/bin", "HOME": emulator.folder, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
           "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
           "NO_PROXY": "*", **environment}
    return subprocess.run([AWS, "route53", *arguments, "--endpoint-url", emulator.url, "--output", "json"], env=env,
                          capture_output=True, text=True, timeout=80)


def aws_json(emulator, *arguments, **environment):
    run = aws(emulator, *arguments, **environment)
    if run.returncode != 0:
        raise AssertionError("aws %s: %s" % (" ".join(arguments), run.stderr.strip()))
    return json.loads(run.stdout) if run.stdout.strip() else {}


def aws_error(what, run, code, message):
    """The code exactly, the message exactly or (compiled) as a pattern of the whole."""
    found = re.search(r"An error occurred \((.*?)\)(?: when calling the \w+ operation)?(?: \(.*?\))?: (.*)", run.stderr.strip(), re.S)
    have = (found.group(1), found.group(2)) if found else ("", run.stderr.strip())
    if isinstance(message, re.Pattern):
        check(what, have[0] == code and message.fullmatch(have[1]), "\n   have %r\n   want %r" % (have, (code, message.pattern)))
    else:
        equal(what, have, (code, message))


def aws_change(emulator, *changes, zone=ZONE, comment=None, **environment):
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": item} for action, item in changes]}
    if comment is not None:
        batch["Comment"] = comment
    return aws(emulator, "change-resource-record-sets", "--hosted-zone-id", zone, "--change-batch", json.dumps(batch), **environment)


# ---- the signed client ----

def batch_refused(what, reply, *messages):
    status, text = reply
    found = re.search("<Code>InvalidChangeBatch</Code><Message>(.*)</Message>", text)
    equal(what, (status, unescape(found.group(1)) if found else text), (400, "[" + ", ".join(messages) + "]"))


def refused(what, reply, status, code, part):
    have, text = reply
    check(what, have == status and "<Code>%s</Code>" % code in text and part in unescape(text), (have, text))


def accepted(what, reply):
    check(what, reply[0] == 200 and "<Status>PENDING</Status>" in reply[1], reply)


def unescape(text):
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


def served(emulator, name, kind="A", **options):
    return dnsclient.ask(emulator.dns[0], name, kind, **options)


def wait_for(what, predicate, seconds=10):
    deadline = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > deadline:
            check(what, False, "not within %d s" % seconds)
            return
        time.sleep(0.02)
    check(what, True)


# ---- group 1: operations through the command line, DNS before and after ----

def operations():
    with Emulator(ZONES, insync_after_ms=1500, name_servers=2) as e:
        listed = aws_json(e, "list-resource-record-sets", "--hosted-zone-id", "/hostedzone/" + ZONE)["ResourceRecordSets"]
        equal("listing is ordered by reversed labels, type and identifier, with * escaped",
              [(r["Name"], r["Type"]) for r in listed],
              [("example.test.", "NS"), ("example.test.", "SOA"), ("app-1.example.test.", "A"), ("app.example.test.", "A"),
               ("big.example.test.", "TXT"), ("cn.example.test.", "CNAME"), ("deep.empty.example.test.", "TXT"),
               ("fence.example.test.", "TXT"), ("sub.example.test.", "NS"), ("ns.sub.example.test.", "A"),
               ("\\052.wild.example.test.", "A"), ("www.example.test.", "A")])
        equal("a listed record has AWS's shape", listed[-1], record("www.example.test.", values=["192.0.2.1"]))

        first = aws_json(e, "list-resource-record-sets", "--hosted-zone-id", ZONE, "--max-items", "4", "--page-size", "3")
        equal("the command line pages through", [r["Name"] for r in first["ResourceRecordSets"]],
              ["example.test.", "example.test.", "app-1.example.test.", "app.example.test."])
        second = aws_json(e, "list-resource-record-sets", "--hosted-zone-id", ZONE, "--start-record-name", "*.wild.example.test",
                          "--start-record-type", "A", "--max-items", "1")
        equal("a listing starts at a name", second["ResourceRecordSets"][0]["Name"], "\\052.wild.example.test.")

        equal("before: UDP", served(e, "www.example.test").values, ["192.0.2.1"])
        before = aws_json(e, "get-hosted-zone", "--id", ZONE)
        equal("get-hosted-zone", (before["HostedZone"]["Id"], before["HostedZone"]["Name"], before["HostedZone"]["ResourceRecordSetCount"],
                                  before["DelegationSet"]["NameServers"]),
              ("/hostedzone/" + ZONE, "example.test.", 12, ["ns-1.awsdns.test", "ns-2.awsdns.test"]))

        run = aws_change(e, ("DELETE", record("fence.example.test.", "TXT", '"v=1 epoch=7 op=abc"', ttl=0)),
                         ("CREATE", record("fence.example.test.", "TXT", '"v=1 epoch=8 op=def"', ttl=0)),
                         ("UPSERT", record("www.example.test.", values=["192.0.2.2", "192.0.2.3"])), comment="failover 8")
        info = json.loads(run.stdout)["ChangeInfo"] if run.returncode == 0 else {}
        check("change-resource-record-sets answers with a change", re.fullmatch("/change/C[A-Z0-9]{20}", info.get("Id", "")), run.stderr)
        equal("it is PENDING, with its comment", (info.get("Status"), info.get("Comment")), ("PENDING", "failover 8"))
        submitted = datetime.datetime.fromisoformat(info["SubmittedAt"])
        check("SubmittedAt is now", abs((datetime.datetime.now(datetime.timezone.utc) - submitted).total_seconds()) < 60, info)
        listed = aws_json(e, "list-resource-record-sets", "--hosted-zone-id", ZONE)["ResourceRecordSets"]
        equal("listings show it at once", listed[-1], record("www.example.test.", values=["192.0.2.2", "192.0.2.3"]))
        wait_for("PENDING turns INSYNC", lambda: served(e, "www.example.test").values == ["192.0.2.2", "192.0.2.3"])
        equal("after: TCP on the second server", dnsclient.ask(e.dns[1], "www.example.test", tcp=True).values, ["192.0.2.2", "192.0.2.3"])
        equal("after: the TXT", served(e, "fence.example.test", "TXT").values, ["v=1 epoch=8 op=def"])
        equal("get-change says INSYNC", aws_json(e, "get-change", "--id", info["Id"])["ChangeInfo"]["Status"], "INSYNC")
        run = aws(e, "wait", "resource-record-sets-changed", "--id", info["Id"])
        equal("the waiter returns", run.returncode, 0)

        zones = aws_json(e, "list-hosted-zones")["HostedZones"]
        equal("list-hosted-zones", [(z["Id"], z["Name"]) for z in zones], [("/hostedzone/" + ZONE, "example.test."), ("/hostedzone/" + OTHER, "other.test.")])
        named = aws_json(e, "list-hosted-zones-by-name", "--dns-name", "other.test")
        equal("list-hosted-zones-by-name", ([z["Name"] for z in named["HostedZones"]], named["IsTruncated"]), (["other.test."], False))
        log = e.state()["changes"]
        equal("the log has the batch, by whom and when", ([c["Action"] for c in log[0]["changes"]], log[0]["access_key"], log[0]["status"],
              log[0]["insync_us"] > log[0]["submitted_us"]), (["DELETE", "CREATE", "UPSERT"], ACCESS_KEY, "INSYNC", True))
    equal("the emulator ends cleanly", (e.exit_code, e.stderr), (0, ""))


def waiter():
    """The real waiter polls each 30 s, so it has an emulator and the time of all the others to itself. However long its
    command takes to start: the change is PENDING until it was told so, once to us and once to the waiter."""
    with Emulator(ZONES) as e:
        e.faults(pending_asks=2)
        run = aws_change(e, ("UPSERT", record("www.example.test.", values=["192.0.2.9"])))
        change = json.loads(run.stdout)["ChangeInfo"]["Id"]
        equal("waiter: first PENDING", aws_json(e, "get-change", "--id", change)["ChangeInfo"]["Status"], "PENDING")
        run = aws(e, "wait", "resource-record-sets-changed", "--id", change)
        equal("the waiter waits until INSYNC", (run.returncode, run.stderr), (0, ""))
        equal("and asked again to know", [r["operation"] for r in e.state()["requests"]].count("GetChange"), 3)
        equal("and then DNS has it", served(e, "www.example.test").values, ["192.0.2.9"])


# ---- group 2: every error through the command line ----

def errors():
    with Emulator(ZONES) as e:
        stale = record("fence.example.test.", "TXT", '"v=1 epoch=6 op=zzz"', ttl=0)
        label = "[name='fence.example.test.', type='TXT']"
        aws_error("stale DELETE", aws_change(e, ("DELETE", stale), ("CREATE", record("fence.example.test.", "TXT", '"v=1 epoch=9"', ttl=0)),
                                             ("UPSERT", record("www.example.test.", values=["192.0.2.66"]))), "InvalidChangeBatch",
                  "[Tried to delete resource record set %s but the values provided do not match the current values]" % label)
        equal("nothing of that batch was applied", [(z["version"], z["served_version"]) for z in e.state()["zones"]], [(1, 1)] * 3)
        aws_error("DELETE of what is absent", aws_change(e, ("DELETE", record("nobody.example.test."))), "InvalidChangeBatch",
                  "[Tried to delete resource record set [name='nobody.example.test.', type='A'] but it was not found]")
        aws_error("CREATE over an existing record", aws_change(e, ("CREATE", record("www.example.test."))), "InvalidChangeBatch",
                  "[Tried to create resource record set [name='www.example.test.', type='A'] but it already exists]")
        aws_error("no such zone", aws_change(e, ("UPSERT", record("www.example.test.")), zone="ZNOWHERE"), "NoSuchHostedZone",
                  "No hosted zone found with ID: ZNOWHERE")
        aws_error("no such change", aws(e, "get-change", "--id", "C00000000000000"), "NoSuchChange",
                  "Could not find resource with ID: C00000000000000")
        aws_error("no TTL", aws_change(e, ("UPSERT", {"Name": "x.example.test", "Type": "A", "ResourceRecords": [{"Value": "192.0.2.1"}]})),
                  "InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
                  "TrafficPolicyInstanceId], but found none in Change with [Action=UPSERT, Name=x.example.test, Type=A, SetIdentifier=null]")
        aws_error("wrong secret", aws(e, "list-hosted-zones", secret="wrong"), "SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
                  "and signing method. Consult the service documentation for details.")
        aws_error("unknown key", aws(e, "list-hosted-zones", key="AKIDNOBODY"), "InvalidClientTokenId",
                  "The security token included in the request is invalid.")
        aws_error("no signature", aws(e, "list-hosted-zones", "--no-sign-request"), "MissingAuthenticationToken", "Missing Authentication Token")
        aws_error("a token for a key without one", aws(e, "list-hosted-zones", AWS_SESSION_TOKEN="abc"), "InvalidClientTokenId",
                  "The security token included in the request is invalid.")
        stamp = r"\d{8}T\d{6}Z"
        e.faults(clock_skew_ms=600000)
        aws_error("a clock that is slow", aws(e, "list-hosted-zones"), "SignatureDoesNotMatch",
                  re.compile(r"Signature expired: %s is now earlier than %s \(%s - 5 min\.\)" % (stamp, stamp, stamp)))
        e.faults(clock_skew_ms=-600000)
        aws_error("a clock that is fast", aws(e, "list-hosted-zones"), "SignatureDoesNotMatch",
                  re.compile(r"Signature not yet current: %s is still later than %s \(%s \+ 5 min\.\)" % (stamp, stamp, stamp)))
        e.faults(clock_skew_ms=0, deny_access=True)
        aws_error("access denied", aws(e, "list-hosted-zones"), "AccessDenied",
                  re.compile("User: arn:aws:iam::.* is not authorized to perform: route53:ListHostedZones because no identity-based policy .*"))
        e.faults(deny_access=False, refuse_credentials=True)
        aws_error("refused credentials", aws(e, "list-hosted-zones"), "InvalidClientTokenId", "The security token included in the request is invalid.")
        e.faults(refuse_credentials=False, throttle_next=1)
        aws_error("throttled", aws(e, "list-hosted-zones"), "Throttling", re.compile("Rate exceeded"))
        e.faults(prior_request_next=1)
        aws_error("a prior request is not complete", aws_change(e, ("UPSERT", record("www.example.test."))), "PriorRequestNotComplete",
                  "The request was rejected because Route 53 was still processing a prior request.")
        e.faults(fail_5xx_next=1)
        aws_error("5xx", aws(e, "list-hosted-zones"), "ServiceUnavailable", "Service is currently unavailable")
        e.faults(throttle_next=1)
        equal("the command line retries throttling", len(aws_json(e, "list-hosted-zones", AWS_MAX_ATTEMPTS="3")["HostedZones"]), 2)

        e.faults(lose_request_next=1)
        run = aws_change(e, ("UPSERT", record("lost.example.test.")))
        check("a lost request fails", run.returncode != 0 and "Connection was closed" in run.stderr, run.stderr)
        equal("and changes nothing", served(e, "lost.example.test").rcode, "NXDOMAIN")
        e.faults(lose_reply_next=1)
        run = aws_change(e, ("CREATE", record("lost.example.test.", values=["192.0.2.77"])))
        check("a lost reply fails", run.returncode != 0 and "Connection was closed" in run.stderr, run.stderr)
        equal("but the change was applied", served(e, "lost.example.test").values, ["192.0.2.77"])
        equal("and the log knows", (e.state()["requests"][-1]["reply"], e.state()["changes"][-1]["status"]), ("lost", "INSYNC"))
    equal("the emulator ends cleanly", (e.exit_code, e.stderr), (0, ""))


# ---- group 3: the rules, signed by ourselves ----

def rules():
    with Emulator(ZONES) as e:
        e.faults(bucket_size=100000, batch_ms=0)
        change = lambda *changes: e.change(ZONE, *changes)
        www, txt = record("www.example.test."), record("t.example.test.", "TXT", '"one"')

        batch_refused("TTL must match", change(("DELETE", record("www.example.test.", ttl=61))),
                      "Tried to delete resource record set [name='www.example.test.', type='A'] but the values provided do not match the current values")
        batch_refused("all problems are told", change(("DELETE", record("n1.example.test.")), ("CREATE", www)),
                      "Tried to delete resource record set [name='n1.example.test.', type='A'] but it was not found",
                      "Tried to create resource record set [name='www.example.test.', type='A'] but it already exists")
        batch_refused("* is escaped in messages", change(("CREATE", record("*.wild.example.test"))),
                      "Tried to create resource record set [name='\\052.wild.example.test.', type='A'] but it already exists")
        accepted("DELETE then CREATE of one record", change(("DELETE", www), ("CREATE", record("www.example.test.", values=["192.0.2.2"]))))
        batch_refused("CREATE then DELETE of one record", change(("CREATE", txt), ("DELETE", txt)),
                      "The request contains an invalid set of changes for a resource record set 'TXT t.example.test.'")
        batch_refused("two UPSERTs of one record", change(("UPSERT", txt), ("UPSERT", txt)),
                      "The request contains an invalid set of changes for a resource record set 'TXT t.example.test.'")
        accepted("values are a set: order is free",
                 (change(("CREATE", record("set.example.test.", values=["192.0.2.1", "192.0.2.2"]))),
                  change(("DELETE", record("set.example.test.", values=["192.0.2.2", "192.0.2.1"]))))[1])
        accepted("names are case-insensitive", change(("UPSERT", record("WWW.Example.TEST", values=["192.0.2.1"]))))
        equal("and stored lower-cased", served(e, "www.example.test").values, ["192.0.2.1"])

        batch_refused("CNAME beside others", change(("UPSERT", record("www.example.test.", "CNAME", "x.test."))),
                      "RRSet of type CNAME with DNS name www.example.test. is not permitted as it conflicts with other records with the "
                      "same DNS name in zone example.test.")
        batch_refused("others beside a CNAME", change(("CREATE", record("cn.example.test."))),
                      "RRSet of type A with DNS name cn.example.test. is not permitted because a conflicting RRSet of type CNAME with the "
                      "same DNS name already exists in zone example.test.")
        accepted("DELETE of the CNAME first makes room", change(("DELETE", record("cn.example.test.", "CNAME", "www.example.test.")), ("CREATE", record("cn.example.test."))))
        check("the other order doesn't", change(("CREATE", record("cn.example.test.", "CNAME", "www.example.test.")), ("DELETE", record("cn.example.test.")))[0] == 400)
        batch_refused("CNAME at the apex", change(("CREATE", record("example.test.", "CNAME", "x.test."))),
                      "RRSet of type CNAME with DNS name example.test. is not permitted at apex in zone example.test.")
        batch_refused("outside of the zone", change(("CREATE", record("www.other.test."))),
                      "RRSet with DNS name www.other.test. is not permitted in zone example.test.")
        ns = record("example.test.", "NS", ["ns-1.awsdns.test.", "ns-2.awsdns.test."], ttl=172800)
        soa = record("example.test.", "SOA", "ns-1.awsdns.test. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", ttl=900)
        batch_refused("the apex keeps NS and SOA", change(("DELETE", ns), ("DELETE", soa)),
                      "A HostedZone must contain at least one NS record for the zone itself.", "A HostedZone must contain exactly one SOA record.")
        accepted("the apex NS may be replaced", change(("DELETE", ns), ("CREATE", record("example.test.", "NS", ["ns-9.awsdns.test."]))))

        for kind, value, fault in [
                ("A", "192.0.2.256", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
                ("A", "192.0.2.1, 192.0.2.2", "ARRDATANotSingleField (Value contains spaces)"),
                ("A", "", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
                ("AAAA", "2001:db8::g", "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"),
                ("TXT", "unquoted", "InvalidCharacterString (Value should be enclosed in quotation marks)"),
                ("TXT", '"open', "InvalidCharacterString (Value should be enclosed in quotation marks)"),
                ("TXT", '"%s"' % ("x" * 256), "CharacterStringTooLong (Value is too long)"),
                ("CNAME", "a..b", "DomainLabelEmpty (Domain label is empty)"),
                ("MX", "mail.test.", "MXRRDATANotTwoFields (MX record doesn't have 2 fields)")]:
            batch_refused("%s value %.20r" % (kind, value), change(("CREATE", record("v.example.test.", kind, value))),
                          "Invalid Resource Record: 'FATAL problem: %s encountered with '%s''" % (fault, value))
        batch_refused("duplicate values", change(("CREATE", record("v.example.test.", values=["192.0.2.1", "192.0.2.1"]))), "Duplicate Resource Record: '192.0.2.1'")
        batch_refused("empty name", change(("CREATE", record(""))), "FATAL problem: DomainNameEmpty (Domain name is empty) encountered with ''")
        refused("empty value set", change(("CREATE", record("v.example.test.", values=[]))), 400, "InvalidInput", "but found none")
        refused("unknown type", change(("CREATE", record("v.example.test.", "BOGUS"))), 400, "InvalidInput", "Type is not one of")
        refused("unknown action", change(("REPLACE", www)), 400, "InvalidInput", "REPLACE")
        refused("TTL out of range", change(("CREATE", record("v.example.test.", ttl=2147483648))), 400, "InvalidInput", "TTL")
        refused("alias with TTL", change(("CREATE", alias("al.example.test.", ZONE, "www.example.test.", TTL=60))), 400, "InvalidInput", "found more than one")
        refused("unknown element", change(("CREATE", record("v.example.test.", Colour="red"))), 400, "InvalidInput", "Colour")

        def many(n):
            return [("CREATE", record("m%d.example.test." % (i // 100),
                                      values=["10.%d.%d.%d" % (n // 100, i // 100, j) for j in range(100)]))
                    for i in range(0, n, 100)]

        accepted("1000 values", change(*many(1000)))
        batch_refused("more than 1000 values", change(*many(1000), ("CREATE", record("mm.example.test."))), "Number of records limit of 1000 exceeded.")
        upserts = [(("UPSERT"), item) for _, item in many(500)]
        accepted("500 UPSERTed values count for 1000", change(*upserts))
        batch_refused("UPSERT counts double", change(*upserts, ("UPSERT", record("mm.example.test."))), "Number of records limit of 1000 exceeded.")
        long = ['"%03d%s"' % (i, "z" * 245) for i in range(128)]       # 250 characters each, 32,000 together
        accepted("32,000 characters", change(("CREATE", record("l.example.test.", "TXT", long))))
        batch_refused("more characters", change(("CREATE", record("l2.example.test.", "TXT", long)), ("CREATE", record("l3.example.test."))), "RDATA character limit of 32000 exceeded.")
        batch_refused("UPSERT counts characters double", change(("UPSERT", record("l.example.test.", "TXT", long[:65]))), "RDATA character limit of 32000 exceeded.")

        routing(e, change)
        aliases(e, change)
        paging(e)
        signatures(e)
    equal("the emulator ends cleanly", (e.exit_code, e.stderr), (0, ""))


def routing(e, change):
    def weighted(identifier, weight, value, **more):
        return record("w.example.test.", values=[value], SetIdentifier=identifier, Weight=weight, **more)

    refused("Weight without SetIdentifier", change(("CREATE", record("w.example.test.", Weight=1))), 400, "InvalidInput", "Missing field 'SetIdentifier'")
    refused("SetIdentifier alone", change(("CREATE", record("w.example.test.", SetIdentifier="a"))), 400, "InvalidInput", "but found none")
    accepted("weighted sets", change(("CREATE", weighted("a", 0, "192.0.2.101")), ("CREATE", weighted("b", 100, "192.0.2.102"))))
    batch_refused("simple beside weighted", change(("CREATE", record("w.example.test."))),
                  "RRSet with DNS name w.example.test., type A cannot be created as other RRSets exist with the same name and type.")
    batch_refused("weighted beside simple", change(("CREATE", record("www.example.test.", SetIdentifier="a", Weight=1))),
                  "RRSet with DNS name www.example.test., type A, SetIdentifier a cannot be created as a non-weighted set exists with the same name and type.")
    batch_refused("weighted sets share a TTL", change(("UPSERT", weighted("a", 0, "192.0.2.101", **{}) | {"TTL": 5})),
                  "RRSet with DNS name w.example.test. and type A, SetIdentifier a cannot be created as weighted sets must contain the same TTL.")
    batch_refused("the identifier is named", change(("CREATE", weighted("a", 1, "192.0.2.1"))),
                  "Tried to create resource record set [name='w.example.test.', type='A', set-identifier='a'] but it already exists")
    batch_refused("DELETE must match the weight", change(("DELETE", weighted("a", 1, "192.0.2.101"))),
                  "Tried to delete resource record set [name='w.example.test.', type='A', set-identifier='a'] but the values provided do not match the current values")
    equal("weight 0 beside a weight is never drawn", {served(e, "w.example.test").values[0] for _ in range(50)}, {"192.0.2.102"})
    accepted("shift", change(("UPSERT", weighted("a", 50, "192.0.2.101")), ("UPSERT", weighted("b", 50, "192.0.2.102"))))
    draws = [served(e, "w.example.test").values[0] for _ in range(200)]
    check("equal weights are drawn about equally", 50 < draws.count("192.0.2.101") < 150, draws.count("192.0.2.101"))
    e.control("POST", "/health", {"zone": ZONE, "name": "w.example.test", "type": "A", "set_identifier": "b", "healthy": False})
    equal("an unhealthy set is not drawn", {served(e, "w.example.test").values[0] for _ in range(30)}, {"192.0.2.101"})

    def role(identifier, which, value):
        return record("f.example.test.", values=[value], SetIdentifier=identifier, Failover=which,
                      HealthCheckId="hc-" + identifier)

    accepted("failover sets", change(("CREATE", role("one", "PRIMARY", "192.0.2.111")), ("CREATE", role("two", "SECONDARY", "192.0.2.112"))))
    check("a second PRIMARY is refused", change(("CREATE", role("three", "PRIMARY", "192.0.2.113")))[0] == 400)
    equal("PRIMARY answers", served(e, "f.example.test").values, ["192.0.2.111"])
    e.control("POST", "/health", {"health_check_id": "hc-one", "healthy": False})
    equal("SECONDARY answers when PRIMARY is unhealthy", served(e, "f.example.test").values, ["192.0.2.112"])
    e.control("POST", "/health", {"health_check_id": "hc-two", "healthy": False})
    equal("PRIMARY answers when all are unhealthy", served(e, "f.example.test").values, ["192.0.2.111"])
    accepted("roles swap in one batch", change(("UPSERT", role("one", "SECONDARY", "192.0.2.111")), ("UPSERT", role("two", "PRIMARY", "192.0.2.112"))))


def aliases(e, change):
    accepted("alias into its own zone", change(("CREATE", alias("al.example.test.", ZONE, "www.example.test."))))
    equal("an alias answers with its target's values", served(e, "al.example.test").values, ["192.0.2.1"])
    equal("under its own name", served(e, "al.example.test").answers[0].name, "al.example.test.")
    accepted("alias at the apex", change(("CREATE", alias("example.test.", ZONE, "al.example.test."))))
    equal("alias of an alias", served(e, "example.test").values, ["192.0.2.1"])
    accepted("alias into a service's zone", change(("CREATE", alias("lb.example.test.", SERVICE, "lb.elb.test."))))
    equal("resolves there", served(e, "lb.example.test").values, ["203.0.113.1"])
    not_found = "Tried to create an alias that targets %s, type A in zone %s, but that target was not found"
    outside = "Tried to create an alias that targets %s, type A in zone %s, but the alias target name does not lie within the target zone"
    batch_refused("the target must exist", change(("CREATE", alias("a2.example.test.", ZONE, "none.example.test."))), not_found % ("none.example.test.", ZONE))
    batch_refused("in that zone", change(("CREATE", alias("a2.example.test.", ZONE, "www.other.test."))),
                  outside % ("www.other.test.", ZONE), not_found % ("www.other.test.", ZONE))
    check("another zone of the account is no target", change(("CREATE", alias("a2.example.test.", OTHER, "www.other.test.")))[0] == 400)
    accepted("the target may be made in the same batch", change(("CREATE", alias("a3.example.test.", ZONE, "t3.example.test.")), ("CREATE", record("t3.example.test.", values=["192.0.2.33"]))))
    equal("EvaluateTargetHealth must match to delete", change(("DELETE", alias("al.example.test.", ZONE, "www.example.test.", evaluate=True)))[0], 400)


def paging(e):
    names, query, pages = [], {"maxitems": "5"}, 0
    while True:
        status, text = e.call("GET", VERSION + "/hostedzone/%s/rrset" % ZONE, query)
        if status != 200:
            break
        page = re.findall("<ResourceRecordSet><Name>(.*?)</Name><Type>(.*?)</Type>(?:<SetIdentifier>(.*?)</SetIdentifier>)?", text)
        names, pages = names + page, pages + 1
        following = [re.search("<NextRecord%s>(.*?)</" % part, text) for part in ("Name", "Type", "Identifier")]
        if following[0] is None or pages > 50:
            break
        query = dict({"maxitems": "5", "name": following[0].group(1), "type": following[1].group(1)},
                     **({"identifier": following[2].group(1)} if following[2] else {}))
    whole = re.findall("<ResourceRecordSet><Name>(.*?)</Name><Type>(.*?)</Type>(?:<SetIdentifier>(.*?)</SetIdentifier>)?",
                       e.call("GET", VERSION + "/hostedzone/%s/rrset" % ZONE)[1])
    equal("pages of five make the whole listing", names, whole)
    check("which has several pages, also inside weighted sets", pages > 4 and ("w.example.test.", "A", "b") in whole, whole)
    refused("type without name", e.call("GET", VERSION + "/hostedzone/%s/rrset" % ZONE, {"type": "A"}), 400, "InvalidInput", "")
    refused("bad maxitems", e.call("GET", VERSION + "/hostedzone/%s/rrset" % ZONE, {"maxitems": "many"}), 400, "InvalidInput", "maxitems")
    refused("an unknown path", e.call("GET", VERSION + "/nothing"), 404, "UnknownOperationException", "")


def signatures(e):
    path, now = VERSION + "/hostedzone", datetime.datetime.now(datetime.timezone.utc)
    mismatch = "The request signature we calculated"
    equal("a good signature", e.call("GET", path)[0], 200)
    refused("another region's scope", e.call("GET", path, region="eu-west-1"), 403, "SignatureDoesNotMatch", "valid region")
    refused("another service's scope", e.call("GET", path, service="s3"), 403, "SignatureDoesNotMatch", "correct service: 'route53'")
    refused("an x-amz header that is not signed", e.call("GET", path, unsigned_headers={"X-Amz-Extra": "1"}), 403, "SignatureDoesNotMatch", "not signed")
    later = (now + datetime.timedelta(seconds=9)).strftime("%Y%m%dT%H%M%SZ")
    refused("a date header changed after signing", e.call("GET", path, unsigned_headers={"X-Amz-Date": later}), 403,
            "SignatureDoesNotMatch", mismatch)
    refused("a payload hash that is not the body's", e.call("POST", path + "/%s/rrset/" % ZONE, body=b"<x/>", unsigned_headers={"X-Amz-Content-SHA256": "0" * 64}), 403, "SignatureDoesNotMatch", "")
    refused("four minutes are fine, six are not", (e.call("GET", path, when=now - datetime.timedelta(minutes=4))[0] == 200
            and e.call("GET", path, when=now - datetime.timedelta(minutes=6))) or (0, ""), 403, "SignatureDoesNotMatch", "Signature expired")
    refused("no Authorization", e.call("GET", path, unsigned_headers={"Authorization": ""}), 403, "IncompleteSignature", "algorithm")
    refused("half an Authorization", e.call("GET", path, unsigned_headers={"Authorization": "AWS4-HMAC-SHA256 Credential=a/b"}), 403, "IncompleteSignature", "'Signature' parameter")


# ---- group 4: faults, time, DNS behaviour, hostile input ----

def behaviour():
    with Emulator(ZONES, insync_after_ms=300, name_servers=2) as e:
        dns_answers(e)
        time_and_faults(e)
        hostile(e)
        e.faults(delay_reply_ms=30000)
        with socket.create_connection(e.dns[0], timeout=5):        # a held reply and an open connection when it ends
            impatient(e, batch_xml([("UPSERT", record("www.example.test."))]))
        e.faults(delay_reply_ms=0)
        equal("it still serves after all that", (served(e, "www.example.test").rcode, e.call("GET", VERSION + "/hostedzone")[0]), ("NOERROR", 200))
    equal("the emulator ends cleanly", (e.exit_code, e.stderr), (0, ""))
    with Emulator(ZONES, more_keys={"AKIDSECOND": "another"}) as e:
        equal("a second key", e.call("GET", VERSION + "/hostedzone", access_key="AKIDSECOND", secret="another")[0], 200)
        equal("is told apart in the log", e.state()["requests"][-1]["access_key"], "AKIDSECOND")
        refused("and has its own secret", e.call("GET", VERSION + "/hostedzone", access_key="AKIDSECOND"), 403, "SignatureDoesNotMatch", "")
    with Emulator(ZONES, tls=True) as e:
        run = aws(e, "list-hosted-zones", "--ca-bundle", e.path("cert.pem"))
        equal("TLS", (run.returncode, run.stderr), (0, ""))


def dns_answers(e):
    answer = served(e, "www.example.test")
    equal("authoritative", (answer.aa, answer.rcode, answer.answers[0].ttl), (True, "NOERROR", 60))
    answer = served(e, "nobody.example.test")
    equal("NXDOMAIN with SOA",
          (answer.rcode, answer.aa, [r.type for r in answer.authority], answer.authority[0].ttl),
          ("NXDOMAIN", True, ["SOA"], 900))
    answer = served(e, "www.example.test", "AAAA")
    equal("NODATA with SOA", (answer.rcode, answer.answers, [r.type for r in answer.authority]), ("NOERROR", [], ["SOA"]))
    equal("an empty non-terminal is NODATA", served(e, "empty.example.test").rcode, "NOERROR")
    equal("a wildcard answers", [(r.name, r.text) for r in served(e, "x.y.wild.example.test").answers], [("x.y.wild.example.test.", "192.0.2.20")])
    equal("but not at its own parent", served(e, "wild.example.test").answers, [])
    equal("a CNAME is followed", [(r.type, r.text) for r in served(e, "cn.example.test").answers], [("CNAME", "www.example.test."), ("A", "192.0.2.1")])
    equal("or answered when asked for", served(e, "cn.example.test", "CNAME").values, ["www.example.test."])
    answer = served(e, "x.sub.example.test")
    equal("a delegation is a referral with glue", (answer.aa, answer.answers, [r.text for r in answer.authority], [r.text for r in answer.additional]),
          (False, [], ["ns.sub.example.test."], ["192.0.2.53"]))
    equal("another's name is refused", served(e, "www.elsewhere.test").rcode, "REFUSED")
    equal("names are case-insensitive", served(e, "WWW.eXample.test").values, ["192.0.2.1"])
    equal("NS at the apex", served(e, "example.test", "NS").values, ["ns-1.awsdns.test.", "ns-2.awsdns.test."])
    answer = served(e, "big.example.test", "TXT")
    equal("too big for UDP: TC and nothing else", (answer.tc, answer.answers), (True, []))
    equal("whole over TCP", len(served(e, "big.example.test", "TXT", tcp=True).values), 20)
    check("without EDNS 512 bytes", len(served(e, "big.example.test", "TXT", edns=0).wire) <= 512)
    equal("a zone transfer is refused", served(e, "example.test", "AXFR", tcp=True).rcode, "REFUSED")
    equal("EDNS is answered with OPT", struct.unpack("!H", served(e, "www.example.test").wire[10:12])[0], 1)
    equal("and left out without", struct.unpack("!H", served(e, "www.example.test", edns=0).wire[10:12])[0], 0)
    with socket.create_connection(e.dns[0], timeout=5) as stream:
        wires = [dnsclient.make_query("www.example.test", query_id=i) for i in range(20)]
        stream.sendall(b"".join(struct.pack("!H", len(w)) + w for w in wires))
        replies = []
        for _ in wires:
            (length,) = struct.unpack("!H", dnsclient.receive_exactly(stream, 2))
            replies.append(dnsclient.Answer(dnsclient.receive_exactly(stream, length)))
    equal("queries in one TCP connection", [r.id for r in replies], list(range(20)))


def time_and_faults(e):
    www = lambda value: ("UPSERT", record("www.example.test.", values=[value]))
    e.faults(insync_after_ms=3600000)
    other = e.change(OTHER, ("UPSERT", record("www.other.test.", values=["198.51.100.2"])))
    change = re.search("/change/(C[A-Z0-9]+)<", other[1]).group(1)
    check("PENDING until its time", "<Status>PENDING</Status>" in e.call("GET", VERSION + "/change/" + change)[1])
    check("listings show it at once", "198.51.100.2<" in e.call("GET", VERSION + "/hostedzone/%s/rrset" % OTHER)[1])
    equal("DNS waits for INSYNC (UDP)", served(e, "www.other.test").values, ["198.51.100.1"])
    equal("DNS waits for INSYNC (TCP)", served(e, "www.other.test", tcp=True).values, ["198.51.100.1"])
    e.faults(insync_after_ms=0, pending_asks=2)
    asked = e.change(OTHER, ("UPSERT", record("www.other.test.", values=["198.51.100.5"])))
    path = VERSION + "/change/" + re.search("/change/(C[A-Z0-9]+)<", asked[1]).group(1)
    equal("PENDING until it was told so often enough", ["PENDING" in e.call("GET", path)[1] for _ in range(2)], [True, True])
    wait_for("then INSYNC", lambda: "<Status>INSYNC</Status>" in e.call("GET", path)[1])
    e.faults(insync_after_ms=300, pending_asks=0)
    e.change(OTHER, ("UPSERT", record("www.other.test.", values=["198.51.100.3"])))
    wait_for("a later change may be INSYNC before", lambda: served(e, "www.other.test").values == ["198.51.100.3"])

    status, text = e.change(ZONE, www("192.0.2.5"))
    change = re.search("/change/(C[A-Z0-9]+)<", text).group(1)
    wait_for("INSYNC after its time", lambda: "<Status>INSYNC</Status>" in e.call("GET", VERSION + "/change/" + change)[1])
    equal("then DNS follows", served(e, "www.example.test").values, ["192.0.2.5"])
    e.faults(serve_at_apply=True, insync_after_ms=60000)
    e.change(ZONE, www("192.0.2.6"))
    equal("serve_at_apply: DNS at once", served(e, "www.example.test").values, ["192.0.2.6"])
    e.faults(prior_until_insync=True)
    refused("prior_until_insync", e.change(ZONE, www("192.0.2.7")), 400, "PriorRequestNotComplete", "prior request")
    e.faults(prior_until_insync=False, insync_after_ms=0, delay_reply_ms=400)

    slow = concurrent.futures.ThreadPoolExecutor(1).submit(e.change, ZONE, www("192.0.2.8"))
    wait_for("a batch is under way", lambda: e.state()["changes"][-1]["changes"][0]["ResourceRecordSet"]["ResourceRecords"][0]["Value"] == "192.0.2.8")
    e.faults(delay_reply_ms=0)
    second = e.change(ZONE, www("192.0.2.9"))
    if not slow.done():
        refused("one batch at a time for each zone", second, 400, "PriorRequestNotComplete", "still processing")
    equal("the slow one succeeds", slow.result()[0], 200)
    accepted("and then there is room", e.change(ZONE, www("192.0.2.9")))

    e.faults(delay_reply_ms=300)
    impatient(e, batch_xml([www("192.0.2.9")]))
    wait_for("a client that goes away: the change is applied and noted", lambda: e.state()["requests"][-1].get("change_id"))
    e.faults(delay_reply_ms=0)
    wait_for("and the zone is free again", lambda: e.change(ZONE, www("192.0.2.9"))[0] == 200)

    e.control("POST", "/snapshot", {"zone": ZONE, "name": "before"})
    e.change(ZONE, www("192.0.2.10"))
    wait_for("served", lambda: served(e, "www.example.test").values == ["192.0.2.10"])
    e.control("POST", "/restore", {"zone": ZONE, "name": "before"})
    equal("a restored zone has the old records", served(e, "www.example.test").values, ["192.0.2.9"])
    check("in listings too", "192.0.2.9<" in e.call("GET", VERSION + "/hostedzone/%s/rrset" % ZONE, {"name": "www.example.test"})[1])
    equal("and the log says so", e.state()["changes"][-1]["kind"], "restore")

    e.faults(bucket_size=5, bucket_per_s=0)
    statuses = [e.call("GET", VERSION + "/hostedzone") for _ in range(7)]
    equal("the bucket of five", [s for s, _ in statuses], [200] * 5 + [400] * 2)
    check("answers Throttling", "<Code>Throttling</Code><Message>Rate exceeded</Message>" in statuses[-1][1], statuses[-1])
    e.faults(bucket_size=100000, bucket_per_s=10)
    e.faults(changes_only=True, throttle_next=1)
    equal("changes_only spares reading", e.call("GET", VERSION + "/hostedzone")[0], 200)
    refused("and meets the change", e.change(ZONE, www("192.0.2.9")), 400, "Throttling", "")
    e.faults(changes_only=False, messages_form=True)
    status, text = e.change(ZONE, ("CREATE", record("www.example.test.")))
    check("the documented form of InvalidChangeBatch", status == 400 and re.search(
        "<InvalidChangeBatch xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Messages><Message>Tried to create .* but it already "
        "exists</Message></Messages><RequestId>.*</RequestId></InvalidChangeBatch>", text), text)
    e.faults(messages_form=False, dns_servfail=[0])
    equal("SERVFAIL from one server", (served(e, "www.example.test").rcode, dnsclient.ask(e.dns[1], "www.example.test").rcode), ("SERVFAIL", "NOERROR"))
    e.faults(dns_servfail=False, dns_silent=True)
    try:
        served(e, "www.example.test", timeout=0.3)
        check("silence", False)
    except OSError:
        check("silence", True)
    e.faults(dns_silent=False)
    equal("a fault that does not exist is refused", "error" in e.control("POST", "/faults", {"throtle_next": 1}, expect=400), True)
    equal("and one of the wrong kind", "error" in e.control("POST", "/faults", {"throttle_next": "1"}, expect=400), True)


def impatient(e, body):
    """Submits a batch and closes the connection without waiting for the reply."""
    path, headers = VERSION + "/hostedzone/%s/rrset/" % ZONE, {"Host": "x"}
    sign("POST", path, {}, headers, body)
    headers["Content-Length"] = str(len(body))
    head = "POST %s HTTP/1.1\r\n%s\r\n" % (path, "".join("%s: %s\r\n" % item for item in headers.items()))
    with socket.create_connection((e.address, e.port), timeout=5) as stream:
        stream.sendall(head.encode() + body)


def raw_http(e, data, port=None):
    """Sends bytes, reads until the end or a short silence. Any outcome but a dead emulator is fine."""
    try:
        with socket.create_connection((e.address, port or e.port), timeout=2) as stream:
            stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)
            stream.settimeout(2)
            out = b""
            while len(out) < 100000:
                more = stream.recv(65536)
                if not more:
                    break
                out += more
            return out
    except OSError:
        return b""


def hostile(e):
    post = lambda body: e.call("POST", VERSION + "/hostedzone/%s/rrset/" % ZONE, body=body)
    good = batch_xml([("CREATE", record("h.example.test."))])
    for what, body in [
            ("no body", b""), ("no XML", b"\0\xff\xfe garbage"), ("cut XML", good[:200]), ("two roots", good + good),
            ("another root", b'<Other xmlns="https://route53.amazonaws.com/doc/2013-04-01/"/>'), ("no namespace", good.replace(b" xmlns=", b" other=")),
            ("DOCTYPE", b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + good), ("an entity", good.replace(b"192.0.2.1", b"&b;")),
            ("a processing instruction", b"<?php x?>" + good), ("deep nesting", b'<a xmlns="https://route53.amazonaws.com/doc/2013-04-01/">' * 5000),
            ("long text", good.replace(b"192.0.2.1", b"1" * 100000)), ("doubled element", good.replace(b"<TTL>60</TTL>", b"<TTL>60</TTL><TTL>61</TTL>")),
            ("no changes", batch_xml([])), ("many changes", batch_xml([("CREATE", record("h.example.test."))] * 1001)),
            ("an empty foreign root", b'<x/>'), ("an empty foreign element", good.replace(b"<TTL>60</TTL>", b'<TTL xmlns="urn:x"/>')),
            ("many elements", good.replace(b"<TTL>", b"<TTL>" + b"<x/>" * 70000))]:
        status, text = post(body)
        check("XML: %s is refused" % what, status == 400 and "<ErrorResponse" in text, (status, text[:300]))
    huge = raw_http(e, b"POST /2013-04-01/hostedzone/x/rrset HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3000000)
    check("a body beyond all bounds is cut off", huge == b"" or b" 413 " in huge[:30], huge[:100])
    for data in [b"\r\n" * 5000, b"GET", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n", b"POST /2013-04-01/hostedzone/x/rrset HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nx",
                 b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"GET /%00%zz?%&=&&a=%4 HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=////, SignedHeaders=;;;, Signature=\r\n\r\n",
                 b"GET " + b"/a" * 500 + b" HTTP/1.1\r\n\r\n", b"DELETE / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", os.urandom(3000),
                 b"GET /\xff\xfe HTTP/1.1\r\nUser-Agent: \xff\xfe\r\n\r\n", b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"]:
        raw_http(e, data)
        raw_http(e, data, e.control_port)
    raw_http(e, b"POST /faults HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + b"[" * 20000, e.control_port)
    status, text = e.call("GET", VERSION + "/hostedzone/%s/rrset" % ZONE, {"name": "<&>\\", "maxitems": "1"})
    check("markup in parameters is escaped", status == 400 and "<&>" not in text, text)

    query = dnsclient.make_query("www.example.test", query_id=77)
    packets = [query[:n] for n in range(len(query))]
    packets += [query[:12] + b"\xc0\x0c\0\1\0\1", query[:12] + b"\x3f" + b"a" * 10, query[:12] + b"\x40" * 300, query[:2] + b"\x80\0" + query[4:],
                query[:4] + b"\xff\xff" * 4 + query[12:], query[:12] + (b"\x3f" + b"a" * 63) * 5 + b"\0\0\1\0\1", query[:2] + b"\x28\0" + query[4:],
                query + b"\0" * 500, query[:-2] + b"\xff\xff", os.urandom(600)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        for packet in packets:
            datagram.sendto(packet, e.dns[0])
    for packet in packets:
        for prefix in (struct.pack("!H", len(packet)), b"\xff\xff", b"\0\0"):
            try:
                with socket.create_connection(e.dns[0], timeout=2) as stream:
                    stream.sendall(prefix + packet)
            except OSError:
                pass
    answer = dnsclient.Answer(dnsclient.send_wire(e.dns[0], query[:12] + b"\xc0\x0c\0\1\0\1"))
    equal("a compressed question is FORMERR", answer.rcode, "FORMERR")


def main():
    if not os.access(binary(), os.X_OK):
        print("there is no emulator at %s: build it, or name it in EMULATOR" % binary())
        print("0 passed, 1 failed")
        return 1
    started = time.monotonic()
    groups = [waiter, errors, operations, rules, behaviour]
    with concurrent.futures.ThreadPoolExecutor(len(groups)) as pool:
        for group, future in [(g, pool.submit(g)) for g in groups]:
            try:
                future.result()
            except Exception:
                traceback.print_exc()
                check("group %s ran to its end" % group.__name__, False)
    print("in %.0f s" % (time.monotonic() - started))
    print("%d passed, %d failed" % (passed, len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
