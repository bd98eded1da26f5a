#!/usr/bin/env python3
"""Replays the requests of a genuine Hadoop KMS's transcript and compares the answers.

    kms_golden.py PORT CA PART

PART is one of the parts below. kms_golden/answers.json has the requests and what the genuine server answered;
kms_golden/differences.json has every difference that is meant, with its reason. A difference that is not in that list
fails, and so does one in the list that does not show.

What the genuine server drew at random is given to ours as client material where it can be, so that what follows from it
must be equal to the byte: a key that was imported decrypts what Hadoop encrypted. Where it cannot be (the bytes of a new
EEK), the answer must have the same shape and lengths.
"""
import http.client
import json
import os
import re
import ssl
import sys

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kms_golden")
PARTS = {
    "callers": ("no credentials", "cookie empty"),
    # Everything between the first key and the delegation tokens.
    "keys": ("names", "versions after roll"),
    "end": ("unknown path", "jmx"),
}
# Headers that every answer of ours has in another way, or lacks; why, is in differences.json.
HEADERS = ["content-type", "x-content-type-options", "allow", "www-authenticate", "set-cookie"]


def load(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return json.load(f)


class Client:
    def __init__(self, port, ca):
        self.port = port
        self.tls = ssl.create_default_context(cafile=ca)
        self.cookies = {}

    def own(self, value):
        """A header with what the genuine server signed replaced by what ours did for the same request."""
        for theirs, ours in self.cookies.items():
            value = value.replace(theirs, ours)
        return value

    def ask(self, case):
        got = self.send(case)
        theirs, ours = signed(dict(case["answer"]["headers"]).get("Set-Cookie")), signed(got["headers"].get("set-cookie"))
        if theirs and ours:
            self.cookies[theirs] = ours
        return got

    def send(self, case):
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.tls, timeout=60)
        connection.putrequest(case["method"], case["path"], skip_accept_encoding=True)
        for name, value in case.get("headers", {}).items():
            connection.putheader(name, self.own(value))
        body = case.get("body")
        data = body.encode() if body is not None else b""
        if case["method"] in ("POST", "PUT"):
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data or None)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in answer.getheaders()}
        connection.close()
        got = {"status": answer.status, "reason": answer.reason, "headers": headers, "text": text}
        try:
            got["json"] = json.loads(text)
        except ValueError:
            pass
        return got


def signed(cookie):
    """The part of a cookie that depends on time and key: "e=...&s=...", or None."""
    found = re.search(r"e=\d+&s=[A-Za-z0-9+/]+=*", cookie or "")
    return found and found.group()


def prepare(case):
    """The request with the genuine server's random material in it."""
    given = case["answer"].get("json")
    body = case.get("body")
    if case["answer"]["status"] in (200, 201) and isinstance(given, dict) and body and "material" in given:
        creates = re.match(r"/kms/v1/(keys|key/[^/?]+)\?", case["path"])
        if creates and case["method"] == "POST":
            wanted = json.loads(body)
            wanted["material"] = given["material"]
            case = dict(case, body=json.dumps(wanted))
    return case


def shape(value, path=""):
    """Random bytes as their length, times as what they are."""
    if isinstance(value, dict):
        return {k: shape(v, path + "." + k) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(v, path) for v in value]
    if path.endswith((".material", ".iv")) and isinstance(value, str):
        return "base64url of %d characters" % len(value) if re.fullmatch(r"[A-Za-z0-9_-]*", value) else value
    return value


def times(value):
    """created as "milliseconds" when it is that: no client takes seconds."""
    if isinstance(value, dict):
        return {k: "milliseconds" if k == "created" and isinstance(v, int) and 2**40 < v < 2**43 else times(v)
                for k, v in value.items()}
    return [times(v) for v in value] if isinstance(value, list) else value


def compare(case, got):
    """{what: (theirs, ours)} for whatever is different."""
    theirs = case["answer"]
    found = {}
    if got["status"] != theirs["status"]:
        found["status"] = (theirs["status"], got["status"])
    elif got["reason"] != theirs["reason"]: # clients read the phrase of 401 and 403
        found["reason"] = (theirs["reason"], got["reason"])
    a, b = times(theirs.get("json")), times(got.get("json"))
    if case["name"].startswith("eek generate") or "status" in found:
        a, b = shape(a), shape(b)
    if isinstance(a, dict) and isinstance(b, dict) and "RemoteException" in a and "RemoteException" in b:
        a, b = a["RemoteException"], b["RemoteException"]
        for field in ("message", "exception", "javaClassName"):
            if a.get(field) != b.get(field):
                found[field] = (a.get(field), b.get(field))
    elif a != b:
        found["json"] = (a, b)
    wanted = {name.lower(): value for name, value in theirs["headers"]}
    for name in HEADERS:
        x, y = (re.sub(r"; *", ";", h.get(name, "")).lower() for h in (wanted, got["headers"]))
        if name == "set-cookie": # over TLS ours is Secure, theirs was captured without
            x, y = (re.sub(r"e=\d+&s=[a-z0-9+/]+=*", "(signed)", v).replace(";secure", "") for v in (x, y))
        if x != y:
            found[name] = (x, y)
    return found


def chosen(cases, part):
    first, last = PARTS[part]
    names = [c["name"] for c in cases]
    return cases[names.index(first):names.index(last) + 1]


def main():
    port, ca, part = sys.argv[1:]
    client = Client(int(port), ca)
    differences = load("differences.json")
    failed = 0
    cases = chosen(load("answers.json"), part)
    for case in cases:
        found = compare(case, client.ask(prepare(case)))
        allowed = differences.get(case["name"], {})
        for what, (theirs, ours) in sorted(found.items()):
            if what not in allowed or allowed[what] != ours:
                print("FAIL %s: %s: theirs %r, ours %r" % (case["name"], what, theirs, ours))
                failed += 1
        for what in sorted(set(allowed) - set(found) - {"why"}):
            print("FAIL %s: %s is no different, and is in differences.json" % (case["name"], what))
            failed += 1
        if allowed and not allowed.get("why"):
            print("FAIL %s: no reason in differences.json" % case["name"])
            failed += 1
    print("%d answers compared, %d failures" % (len(cases), failed))
    return 1 if failed or not cases else 0


sys.exit(main())
