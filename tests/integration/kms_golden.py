#!/usr/bin/env python3
"""Replays the requests of a genuine Hadoop KMS's transcript and compares the answers.

    kms_golden.py PORT CA DOCS

All of them in their order, for what one makes the next needs. kms_golden/answers.json has the requests and what the
genuine server answered; kms_golden/differences.json has every difference that is meant, its reason, and the row of the
table in DOCS (docs/hadoop-kms.md) that tells operators. A difference that is not in that list fails, so does one in the
list that does not show, and so does a row of the table that nothing stands behind: "elsewhere" has the rows that no
answer of the transcript shows, and the check of which script does.

What the genuine server drew at random is given to ours as client material where it can be, so that what follows from it
must be equal to the byte: a key that was imported decrypts what Hadoop encrypted. Where it cannot be (the bytes of a new
EEK), the answer must have the same shape and lengths. Where it sent a token or a cookie, what ours made at that point
goes out instead.
"""
import http.client
import json
import os
import re
import ssl
import sys
import time

import hadoop_token

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kms_golden")
# Times of the day, and how many bytes follow: no two answers have these the same.
PASSING = {"date", "expires", "connection", "content-length", "x-request-id"}
DAY = 86400000


def load(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return json.load(f)


class Client:
    """Sends a case, with what ours made in the place of what theirs did."""

    def __init__(self, port, ca):
        self.port = port
        self.tls = ssl.create_default_context(cafile=ca)
        self.made = {}  # of theirs to of ours

    def own(self, text):
        for theirs, ours in self.made.items():
            text = text.replace(theirs, ours)
        return text

    def learn(self, case, got):
        theirs, ours = signed(dict(case["answer"]["headers"]).get("Set-Cookie")), signed(got["headers"].get("set-cookie"))
        if theirs and ours:
            self.made[theirs] = ours
        theirs, ours = token(case["answer"].get("json")), token(got.get("json"))
        if theirs and ours:
            self.made[theirs] = ours

    def changed(self, case):
        """A token that theirs was changed into: ours with the same byte of its password changed."""
        shown = case.get("headers", {}).get("X-Hadoop-Delegation-Token", "")
        for theirs, ours in list(self.made.items()):
            if shown and shown not in self.made and hadoop_token.same_owner(shown, theirs):
                self.made[shown] = hadoop_token.as_changed(theirs, shown, ours)

    def ask(self, case):
        self.changed(case)
        got = self.send(case)
        self.learn(case, got)
        return got

    def send(self, case):
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.tls, timeout=60)
        connection.putrequest(case["method"], self.own(case["path"]), skip_accept_encoding=True)
        for name, value in case.get("headers", {}).items():
            connection.putheader(name, self.own(value))
        body = case.get("body")
        data = body.encode() if body is not None else b""
        if case["method"] in ("POST", "PUT"):
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data or None)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        got = {"status": answer.status, "reason": answer.reason, "headers": joined(answer.getheaders()), "text": text}
        connection.close()
        try:
            got["json"] = json.loads(text)
        except ValueError:
            pass
        return got


def joined(headers):
    """Headers by name in small letters, those that come twice in one."""
    found = {}
    for name, value in headers:
        found[name.lower()] = ", ".join(filter(None, (found.get(name.lower()), value)))
    return found


def signed(cookie):
    """The part of a cookie that depends on time and key: "e=...&s=...", or None."""
    found = re.search(r"e=\d+&s=[A-Za-z0-9+/]+=*", cookie or "")
    return found and found.group()


def token(answer):
    return answer["Token"]["urlString"] if isinstance(answer, dict) and "Token" in answer else None


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


def plain(value, asked):
    """A body with what passes in words: created in milliseconds (no client takes seconds), the end of a token that was
    renewed when ASKED for, and a token as what is in it."""
    if isinstance(value, list):
        return [plain(v, asked) for v in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("long"), int) and abs(value["long"] - asked - DAY) < 60000:
        return {"long": "a day from now"}
    found = {}
    for name, inner in value.items():
        if name == "created" and isinstance(inner, int) and 2**40 < inner < 2**43:
            inner = "milliseconds"
        if name == "urlString":
            inner = hadoop_token.show(inner)
        found[name] = plain(inner, asked)
    return found


def numbers(text):
    """Hadoop's words on a token, without the numbers of this one."""
    return re.sub(r"(issueDate|maxDate|sequenceNumber|masterKeyId)=\d+", r"\1=N", text) if isinstance(text, str) else text


def page(case, answer):
    """A body that is no JSON; "(page)" when it is the one that Jetty makes of status and reason."""
    text = answer.get("text", "").strip()
    if "json" in answer or not text:
        return ""
    told = (answer["status"], answer["reason"])
    uri = case["path"].split("?")[0]
    template = (
        '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>\n'
        "<title>Error %d %s</title>\n</head>\n<body><h2>HTTP ERROR %d %s</h2>\n<table>\n<tr><th>URI:</th><td>%s</td></tr>\n"
        "<tr><th>STATUS:</th><td>%d</td></tr>\n<tr><th>MESSAGE:</th><td>%s</td></tr>\n"
        "<tr><th>SERVLET:</th><td>webservices-driver</td></tr>\n</table>\n\n</body>\n</html>"
    ) % (*told, *told, uri, *told)
    return "(page)" if text == template else text


def compare_headers(theirs, ours, found):
    for name in sorted(set(theirs) | set(ours)):
        x, y = (re.sub(r"; *", ";", h.get(name, "")) for h in (theirs, ours))
        if name == "set-cookie":  # over TLS ours is Secure, theirs was captured without
            x, y = (re.sub(r"e=\d+&s=[A-Za-z0-9+/]+=*", "(signed)", v).replace(";Secure", "") for v in (x, y))
        if name not in PASSING and x != y:
            found[name] = (x, y)


def compare_bodies(case, got, found):
    theirs = case["answer"]
    a, b = plain(theirs.get("json"), theirs.get("asked", 0)), plain(got.get("json"), time.time() * 1000)
    if case["name"].startswith("eek generate") or "status" in found:
        a, b = shape(a), shape(b)
    if isinstance(a, dict) and isinstance(b, dict) and "RemoteException" in a and "RemoteException" in b:
        a, b = a["RemoteException"], b["RemoteException"]
        for field in ("message", "exception", "javaClassName"):
            if numbers(a.get(field)) != numbers(b.get(field)):
                found[field] = (a.get(field), b.get(field))
    elif a != b:
        found["json"] = (a, b)
    if page(case, theirs) != page(case, got):
        found["body"] = (page(case, theirs), page(case, got))


def compare(case, got):
    """{what: (theirs, ours)} for whatever is different."""
    theirs = case["answer"]
    found = {}
    if got["status"] != theirs["status"]:
        found["status"] = (theirs["status"], got["status"])
    elif numbers(got["reason"]) != numbers(theirs["reason"]):  # clients read the phrase of 401 and 403
        found["reason"] = (theirs["reason"], got["reason"])
    compare_bodies(case, got, found)
    compare_headers(joined(theirs["headers"]), got["headers"], found)
    return found


class Allowed:
    """differences.json, and what of it was seen."""

    def __init__(self):
        lists = load("differences.json")
        self.always, self.answers, self.elsewhere = lists["every answer"], lists["answers"], lists["elsewhere"]
        self.seen = set()
        self.failed = 0

    def fail(self, *words):
        print("FAIL", ": ".join(words))
        self.failed += 1

    def judge(self, name, found):
        mine = self.answers.get(name, {})
        for what, (theirs, ours) in sorted(found.items()):
            if what in mine and mine[what] == ours:
                self.seen.add((name, what))
            elif what in self.always and self.always[what]["ours"] == ours and what not in mine:
                self.seen.add(("every answer", what))
            else:
                self.fail(name, what, "theirs %r, ours %r" % (theirs, ours))

    def finish(self, rows):
        named = set(self.elsewhere)
        for row, (script, words) in self.elsewhere.items():
            with open(os.path.join(os.path.dirname(HERE), script), encoding="utf-8") as f:
                if words not in f.read():
                    self.fail(row, "%s does not check '%s'" % (script, words))
        for what, entry in self.always.items():
            named.add(self.check("every answer", entry, {what}))
        for name, entry in self.answers.items():
            named.add(self.check(name, entry, set(entry) - {"why", "row"}))
        for row in sorted(named - rows):
            self.fail("no row of the table in the documentation", row)
        for row in sorted(rows - named):
            self.fail("a row of the table that no answer differs by", row)

    def check(self, name, entry, whats):
        for what in sorted(whats):
            if (name, what) not in self.seen:
                self.fail(name, what, "is no different, and is in differences.json")
        if not entry.get("why"):
            self.fail(name, "no reason in differences.json")
        return entry.get("row")


def rows_of(docs):
    """The first column of the table of differences, as it stands there."""
    with open(docs, encoding="utf-8") as f:
        text = f.read().split("## What differs from Hadoop's KMS", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    bare = [row[0] for row in rows[2:] if len(row) != 4 or not row[3]]
    if bare:
        print("FAIL no reason in the table:", bare)
        sys.exit(1)
    return {row[0] for row in rows[2:]}


def main():
    port, ca, docs = sys.argv[1:]
    client = Client(int(port), ca)
    allowed = Allowed()
    cases = load("answers.json")
    for case in cases:
        allowed.judge(case["name"], compare(case, client.ask(prepare(case))))
    allowed.finish(rows_of(docs))
    print("%d answers compared, %d failures" % (len(cases), allowed.failed))
    return 1 if allowed.failed or len(cases) != 125 else 0


if __name__ == "__main__":
    sys.exit(main())
