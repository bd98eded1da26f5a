#!/usr/bin/env python3
"""How many of the secrets on standard input are in the memory of a process.

memory_scan.py PID <SECRETS: one a line, in base64 (any alphabet, with or without padding). Each is looked for as its bytes,
and as base64 in both alphabets, in all that the process has mapped and can write. Prints the number of those found. The reader must be
allowed to trace the process; status 2 when not.
"""
import base64
import re
import sys


def forms(text):
    raw = base64.b64decode(text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4))
    if len(raw) < 12:
        sys.exit("a secret of %d bytes is found everywhere" % len(raw))
    standard = base64.b64encode(raw).rstrip(b"=")
    return [raw, standard, standard.translate(bytes.maketrans(b"+/", b"-_"))]


def regions(pid):
    """The writable mappings, a megabyte at a time, each with the end of the one before."""
    with open("/proc/%s/maps" % pid) as maps, open("/proc/%s/mem" % pid, "rb", 0) as memory:
        for line in maps:
            start, end, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
            if not rights.startswith("rw"):
                continue
            tail = b""
            at, end = int(start, 16), int(end, 16)
            while at < end:
                memory.seek(at)
                try:
                    data = memory.read(min(1 << 20, end - at))
                except OSError:  # a guard page
                    data = b""
                if not data:
                    break
                yield tail + data
                tail = data[-128:]
                at += len(data)


def main():
    secrets = [forms(line.strip()) for line in sys.stdin if line.strip()]
    if not secrets:
        sys.exit("no secret to look for")
    found = set()
    looked = 0
    try:
        for data in regions(sys.argv[1]):
            looked += len(data)
            found.update(i for i, s in enumerate(secrets) if i not in found and any(f in data for f in s))
    except PermissionError as e:
        print(e, file=sys.stderr)
        sys.exit(2)
    if looked < 1 << 20:
        sys.exit("only %d bytes could be looked at" % looked)
    print(len(found))


main()
