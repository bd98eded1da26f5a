"""Lets a browser talk to a daemon as a client with a certificate: listens on plain HTTP on the loopback, and sends each
request on over TLS with the client's certificate. Nothing of the answer is changed, headers included.

usage: proxy.py PORT_FILE DAEMON_PORT CA [CERTIFICATE KEY]

The daemon may be away: then the connection is closed, as the daemon's own would be."""
import http.client
import http.server
import ssl
import sys

PASSED = ("accept", "x-request-id", "content-type")
HOP = ("connection", "keep-alive", "transfer-encoding")


def context(ca, certificate=None, key=None):
    tls = ssl.create_default_context(cafile=ca)
    if certificate:
        tls.load_cert_chain(certificate, key)
    return tls


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            daemon = http.client.HTTPSConnection("localhost", DAEMON, context=TLS, timeout=60)
            daemon.request("GET", self.path, headers={n: v for n, v in self.headers.items() if n.lower() in PASSED})
            answer = daemon.getresponse()
            body = answer.read()
        except OSError:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        daemon.close()

    def log_message(self, *args):
        pass


DAEMON = int(sys.argv[2])
TLS = context(*sys.argv[3:])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1], "w", encoding="ascii") as file:
    file.write(f"{server.server_address[1]}\n")
server.serve_forever()
