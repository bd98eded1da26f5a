#!/usr/bin/env python3
"""Encrypted keys in a Hadoop KMS's answers, for the tests: kms_eeks.py COMMAND ARGUMENT..."""
import base64
import json
import sys


def load(path):
    value = json.load(open(path))
    return value if isinstance(value, list) else [value]


def decode(text):
    return base64.b64decode(text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4))


def encode(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def material(path, n):
    return load(path)[int(n)]["encryptedKeyVersion"]["material"]


def alter(raw, how):
    if how == "first":
        return bytes([raw[0] ^ 1]) + raw[1:]
    if how == "last":
        return raw[:-1] + bytes([raw[-1] ^ 128])
    if how == "short":
        return raw[:-8]
    return raw + bytes(8) if how == "long" else raw


def item(path, n, name, how=""):
    """The body that decrypts or re-encrypts the N-th; altered as HOW says."""
    e = load(path)[int(n)]
    raw = alter(decode(e["encryptedKeyVersion"]["material"]), how)
    iv = encode(decode(e["iv"])[:-1]) if how == "iv" else e["iv"]
    return json.dumps({"name": name, "iv": iv, "material": encode(raw)})


def spoil(path, n):
    eeks = load(path)
    inner = eeks[int(n)]["encryptedKeyVersion"]
    inner["material"] = encode(alter(decode(inner["material"]), "first"))
    return json.dumps(eeks)


def compare(one, other):
    pairs = list(zip(load(one), load(other)))
    ivs = sum(a["iv"] == b["iv"] for a, b in pairs)
    alike = sum(a["encryptedKeyVersion"]["material"] == b["encryptedKeyVersion"]["material"] for a, b in pairs)
    return "%d ivs, %d materials alike" % (ivs, alike)


COMMANDS = {
    "version": lambda path, n: load(path)[int(n)]["versionName"],
    "material": material,
    "standard": lambda path, n: base64.b64encode(decode(material(path, n))).decode(),
    "distinct": lambda path: min(len({e["iv"] for e in load(path)}), len({e["encryptedKeyVersion"]["material"] for e in load(path)})),
    "bytes": lambda text: len(decode(text)),
    "list": lambda path: json.dumps(load(path)),
    "item": item,
    "both": lambda path, n, name: load(path)[int(n)]["versionName"] + "\n" + item(path, n, name),
    "spoil": spoil,
    "compare": compare,
}
print(COMMANDS[sys.argv[1]](*sys.argv[2:]))
