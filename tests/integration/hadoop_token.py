"""Hadoop's delegation tokens, taken apart by the layout that its clients have: Writables in url-safe base64.

    hadoop_token.py show TOKEN           what is in it
    hadoop_token.py length TOKEN         how many bytes it has
    hadoop_token.py change TOKEN BYTE    the token with one bit of that byte turned over
    hadoop_token.py until TOKEN          when it ends at the latest, in milliseconds since 1970
"""
import base64
import json
import sys


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise ValueError("it ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self):
        first = int.from_bytes(self.take(1), "big", signed=True)
        if first >= -112:
            return first
        negative = first < -120
        value = int.from_bytes(self.take(-first - (120 if negative else 112)), "big")
        return ~value if negative else value

    def text(self):
        return self.take(self.number()).decode()


def raw(token):
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def text(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def parts(token):
    """(identifier, where the password begins, password, kind, service)."""
    reader = Reader(raw(token))
    ident = reader.take(reader.number())
    count = reader.number()
    at = reader.at
    password = reader.take(count)
    kind, service = reader.text(), reader.text()
    if reader.at != len(reader.data):
        raise ValueError("more behind its end")
    return ident, at, password, kind, service


def fields(token):
    ident, _, password, kind, service = parts(token)
    reader = Reader(ident)
    if reader.take(1) != b"\0":
        raise ValueError("another version of the identifier")
    found = {name: reader.text() for name in ("owner", "renewer", "realUser")}
    found.update({name: reader.number() for name in ("issueDate", "maxDate", "sequenceNumber", "masterKeyId")})
    if reader.at != len(ident):
        raise ValueError("more behind the identifier's end")
    return {**found, "password": password, "kind": kind, "service": service}


def show(token):
    """What two servers' tokens for one request must have the same, and the length of the password."""
    f = fields(token)
    return {
        **{name: f[name] for name in ("owner", "renewer", "realUser", "kind", "service")},
        "life": f["maxDate"] - f["issueDate"],
        "numbered": f["sequenceNumber"] > 0 and f["masterKeyId"] > 0,
        "password": "%d bytes" % len(f["password"]),
    }


def same_owner(one, other):
    try:
        return parts(one)[0] == parts(other)[0]
    except ValueError:
        return False


def as_changed(before, after, ours):
    """OURS with that byte of its password changed that AFTER has other than BEFORE."""
    a, b = parts(before)[2], parts(after)[2]
    index = next(i for i in range(len(a)) if a[i] != b[i])
    data = bytearray(raw(ours))
    data[parts(ours)[1] + index] ^= a[index] ^ b[index]
    return text(bytes(data))


def main():
    command, token, *rest = sys.argv[1:]
    if command == "show":
        print(json.dumps(show(token), sort_keys=True))
    elif command == "length":
        print(len(raw(token)))
    elif command == "until":
        print(fields(token)["maxDate"])
    elif command == "change":
        data = bytearray(raw(token))
        data[int(rest[0])] ^= 1
        print(text(bytes(data)))
    else:
        sys.exit("no such command")


if __name__ == "__main__":
    main()
