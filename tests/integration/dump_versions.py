"""Every version that a keyhsmd holds, deleted ones included, one line of JSON each, in its own order.

dump_versions.py PORT CA CERT KEY
"""
import http.client
import json
import ssl
import sys

PORT, CA, CERT, KEY = int(sys.argv[1]), *sys.argv[2:5]
context = ssl.create_default_context(cafile=CA)
context.load_cert_chain(CERT, KEY)
connection = http.client.HTTPSConnection("localhost", PORT, context=context, timeout=60)


def get(path):
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        sys.exit(f"{path}: {answer.status} {body[:200]}")
    return json.loads(body)


place = ""
while True:
    page = get(f"/v1/versions?limit=100{place}")["versions"]
    if not page:
        break
    for item in page:
        version = get(f"/v1/deposits/{item['name']}?version={item['version']}&deleted=yes")
        assert "corrupt" not in item and version["state"] == item["state"], item
        print(json.dumps(version, sort_keys=True))
    place = f"&after={page[-1]['name']}&version={page[-1]['version']}"
