"""A client that misbehaves on purpose, which curl cannot. Host is localhost; certificates are given.

client.py PORT CA CERT KEY COMMAND ...
  raw              sends stdin as it is, prints what comes back until the end
  drip WHERE       sends a little, then a byte every quarter second; prints "closed" when the server
                   ends it, "open" when it is still there after a minute.
                   WHERE: tcp, hello, silent, header, body, reader
  abort N          N connections that send a request and reset, close or half-close at once
  idle N           opens N TLS connections, prints how many handshakes succeeded, waits for stdin's end
  load N FILE      N keep-alive connections that put deposits until the server is gone, each name
                   into FILE once its 201 has arrived; they reconnect when told to close
  mixed N SECONDS  N connections, a fresh one a request, for SECONDS; prints "errors E requests R"
"""
import http.client
import os
import socket
import ssl
import struct
import sys
import threading
import time

PORT, CA, CERT, KEY, COMMAND = int(sys.argv[1]), *sys.argv[2:6]
ARGS = sys.argv[6:]


def context():
    ctx = ssl.create_default_context(cafile=CA)
    if CERT:
        ctx.load_cert_chain(CERT, KEY)
    return ctx


CTX = context()


def tcp():
    return socket.create_connection(("localhost", PORT), timeout=60)


def tls():
    return CTX.wrap_socket(tcp(), server_hostname="localhost")


def read_all(sock):
    data = b""
    try:
        while True:
            part = sock.recv(65536)
            if not part:
                break
            data += part
    except (OSError, ssl.SSLError):
        pass
    return data


def raw():
    sock = tls()
    sock.sendall(sys.stdin.buffer.read())
    sys.stdout.buffer.write(read_all(sock))


HEAD = b"PUT /v1/deposits/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"


def drip():
    where = ARGS[0]
    if where in ("tcp", "hello"):
        sock = tcp()
        first, piece = (b"", b"") if where == "tcp" else (b"\x16\x03\x01\x02\x00\x01", b"\x00")
    else:
        sock = tls()
        first = {"silent": b"", "header": HEAD, "body": HEAD + b"Content-Length: 5000\r\n\r\n",
                 "reader": b""}[where]
        piece = {"silent": b"", "header": b"X", "body": b"b", "reader": b""}[where]
    sock.settimeout(0.25)
    end = time.monotonic() + 60
    if where == "reader":
        # Asks for much and takes nothing: what fits into the buffers of the kernel is not enough.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /v1/deposits/big HTTP/1.1\r\nHost: localhost\r\n\r\n"
        try:
            while time.monotonic() < end:
                sock.sendall(request)
        except (OSError, ssl.SSLError) as error:
            if isinstance(error, TimeoutError):
                # The server has stopped reading; it must end this by itself.
                wait_hangup(sock, end)
                return
        print("closed")
        return
    sock.sendall(first)
    while time.monotonic() < end:
        try:
            if not sock.recv(4096):
                print("closed")
                return
        except TimeoutError:
            try:
                if piece:
                    sock.sendall(piece)
            except (OSError, ssl.SSLError):
                print("closed")
                return
        except (OSError, ssl.SSLError):
            print("closed")
            return
    print("open")


def wait_hangup(sock, end):
    import select
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLHUP | select.POLLERR | select.POLLRDHUP)
    left = int(max(0, end - time.monotonic()) * 1000)
    print("closed" if poll.poll(left) else "open")


def abort():
    for i in range(int(ARGS[0])):
        sock = tls()
        sock.sendall(b"GET /v1/deposits/big HTTP/1.1\r\nHost: localhost\r\n\r\n" * (1 + i % 3))
        if i % 4 == 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        elif i % 4 == 1:
            sock.close()
        elif i % 4 == 2:
            sock.shutdown(socket.SHUT_WR)
            sock.close()
        else:
            sock.sendall(HEAD + b"Content-Length: 5000\r\n\r\nhalf")
            sock.close()


def idle():
    count, socks = 0, []
    for _ in range(int(ARGS[0])):
        try:
            sock = tcp()
            sock.settimeout(2)
            socks.append(CTX.wrap_socket(sock, server_hostname="localhost"))
            count += 1
        except OSError:
            socks.append(sock)
    print(count, flush=True)
    sys.stdin.read()


def load():
    lock = threading.Lock()
    acked = open(ARGS[1], "a", encoding="ascii")

    def one(me):
        conn, number = None, 0
        while True:
            name = f"load-{os.getpid()}-{me}-{number}"
            number += 1
            try:
                if conn is None:
                    conn = http.client.HTTPSConnection("localhost", PORT, context=CTX, timeout=60)
                conn.request("PUT", "/v1/deposits/" + name, body=name.encode(),
                             headers={"Content-Type": "application/octet-stream"})
                answer = conn.getresponse()
                answer.read()
                if answer.status == 201:
                    with lock:
                        acked.write(name + "\n")
                        acked.flush()
                if answer.will_close:
                    conn.close()
                    conn = None
            except (OSError, http.client.HTTPException):
                return

    threads = [threading.Thread(target=one, args=(i,)) for i in range(int(ARGS[0]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def mixed():
    errors, requests = [0], [0]
    end = time.monotonic() + float(ARGS[1])
    lock = threading.Lock()

    def one():
        while time.monotonic() < end:
            ok = False
            try:
                conn = http.client.HTTPSConnection("localhost", PORT, context=CTX, timeout=60)
                for _ in range(5):
                    conn.request("GET", "/v1/deposits/kept",
                                 headers={"Accept": "application/octet-stream"})
                    answer = conn.getresponse()
                    ok = answer.read() == b"kept" and answer.status == 200
                    if answer.will_close or not ok:
                        break
                conn.close()
            except (OSError, http.client.HTTPException) as error:
                print(error, file=sys.stderr)
            with lock:
                requests[0] += 1
                errors[0] += not ok

    threads = [threading.Thread(target=one) for _ in range(int(ARGS[0]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"errors {errors[0]} requests {requests[0]}")


{"raw": raw, "drip": drip, "abort": abort, "idle": idle, "load": load, "mixed": mixed}[COMMAND]()
