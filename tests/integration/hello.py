"""A first message made by hand, of protocols that libraries no longer speak. Host is localhost.

hello.py PORT VERSION   sslv2, sslv3, tls1.0, tls1.1 or tls1.2; prints one line of what comes back:
  hello VERSION compression N     the server agrees to talk, as 0303, with that compression method
  alert N                         it refuses, with that alert
  closed                          it hangs up
  other HEX                       anything else
"""
import os
import socket
import struct
import sys

VERSIONS = {"sslv3": 0x0300, "tls1.0": 0x0301, "tls1.1": 0x0302, "tls1.2": 0x0303}
# What servers of each age would take: RSA and ECDHE, CBC and GCM.
SUITES = [0xC02B, 0xC02F, 0xC02C, 0xC030, 0xC00A, 0xC014, 0x0035, 0x002F, 0x000A]
DEFLATE, NULL = 1, 0


def extension(kind, body):
    return struct.pack("!HH", kind, len(body)) + body


def extensions():
    groups = struct.pack("!HHH", 4, 23, 24)
    signatures = struct.pack("!H6H", 12, 0x0403, 0x0503, 0x0804, 0x0401, 0x0203, 0x0201)
    return extension(10, groups) + extension(11, b"\x01\x00") + extension(13, signatures)


def client_hello(version):
    suites = struct.pack("!%dH" % len(SUITES), *SUITES)
    body = struct.pack("!H", version) + os.urandom(32) + b"\x00"
    body += struct.pack("!H", len(suites)) + suites + bytes([2, DEFLATE, NULL])
    if version > 0x0300:
        body += struct.pack("!H", len(extensions())) + extensions()
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return struct.pack("!BHH", 22, min(version, 0x0301), len(message)) + message


def sslv2_hello():
    ciphers = bytes.fromhex("010080 020080 030080 0700c0".replace(" ", ""))
    body = b"\x01\x00\x02" + struct.pack("!HHH", len(ciphers), 0, 16) + ciphers + os.urandom(16)
    return struct.pack("!H", 0x8000 | len(body)) + body


def answer(data):
    if not data:
        return "closed"
    if data[0] == 21 and len(data) >= 7:
        return "alert %d" % data[6]
    if data[0] == 22 and len(data) > 44 and data[5] == 2:
        session = data[43]
        return "hello %s compression %d" % (data[9:11].hex(), data[44 + session + 2])
    return "other " + data[:16].hex()


def main():
    port, name = int(sys.argv[1]), sys.argv[2]
    with socket.create_connection(("localhost", port), timeout=60) as sock:
        sock.sendall(sslv2_hello() if name == "sslv2" else client_hello(VERSIONS[name]))
        data = b""
        try:
            while len(data) < 128:
                part = sock.recv(4096)
                if not part:
                    break
                data += part
        except ConnectionResetError:
            pass
    print(answer(data))


main()
