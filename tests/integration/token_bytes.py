#!/usr/bin/env python3
"""A delegation token with each of its bytes changed in turn: none serves, none cancels.

    token_bytes.py CA TOKEN PORT...
"""
import http.client
import ssl
import sys

import hadoop_token


def status(connection, method, path, headers=None):
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def changed(token):
    """(what was changed, the token with it)"""
    whole = hadoop_token.raw(token)
    for at in range(len(whole)):
        for bit in (1, 0x80):
            data = bytearray(whole)
            data[at] ^= bit
            yield "byte %d ^ 0x%02x" % (at, bit), hadoop_token.text(bytes(data))
    for at in range(len(whole)):
        yield "cut to %d bytes" % at, hadoop_token.text(whole[:at])
    yield "a byte more", hadoop_token.text(whole + b"\0")


def main():
    ca, token, *ports = sys.argv[1:]
    tls = ssl.create_default_context(cafile=ca)
    asked = wrong = 0
    for port in ports:
        connection = http.client.HTTPSConnection("localhost", int(port), context=tls, timeout=60)

        def use(shown):
            return status(connection, "GET", "/kms/v1/keys/names", {"X-Hadoop-Delegation-Token": shown})

        def cancel(shown):
            return status(connection, "PUT", "/kms/v1/?op=CANCELDELEGATIONTOKEN&token=" + shown)

        for what, shown in changed(token):
            for how, ask, wanted in (("use", use, 403), ("cancel", cancel, 404)):
                got = ask(shown)
                asked += 1
                if got != wanted:
                    print("FAIL %s, %s: status %d, wanted %d" % (what, how, got, wanted))
                    wrong += 1
        if use(token) != 200:
            print("FAIL the token itself does not serve at", port)
            wrong += 1
    print("%d requests, %d wrong" % (asked, wrong))
    return 1 if wrong or asked < 4 * len(hadoop_token.raw(token)) else 0


sys.exit(main())
