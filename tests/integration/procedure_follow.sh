#!/bin/bash
# With [server] follow = yes nobody restarts the key server: it goes over to the HSM when the migration has been
# committed, and a client that holds its connection keeps it.
. "$(dirname "$0")/host.sh"
host_enter "$0" "$@"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/site.sh"
: "${KEYHSM_BUILD_DIR:?}"
SITE=$WORK/site
COUNT=60
host_make "$WORK/root" "$KEYHSM_BUILD_DIR"
mkdir "$WORK/want"
site_make
printf '[server]\nfollow = yes\n' >>/etc/keytrustee/keytrustee.ini
for i in $(seq "$COUNT"); do
  openssl rand -out "$WORK/want/key-$i.0" 32
  ktadmin deposit put "key-$i" "$WORK/want/key-$i.0" --backend softfile >"$WORK/put.out"
done
check "the key server starts" service keytrusteed start
SERVER=$(pgrep -x keytrusteed)
check "keyhsm trust" keyhsm trust "$CONFDIR/.ssl/ssl-cert-keytrustee.pem"
check "keyhsmd starts" service keyhsm start

# One connection, a request each tenth of a second, for as long as $WORK/hold is there.
cat >"$WORK/hold.py" <<'PYTHON'
import http.client, os, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.load_cert_chain(sys.argv[2] + ".crt", sys.argv[2] + ".key")
connection = http.client.HTTPSConnection("keytrustee01.example.com", 11371, context=context, timeout=60)
connection.connect()
port = connection.sock.getsockname()[1]
while os.path.exists(sys.argv[1]):
    connection.request("GET", "/v1/deposits/key-1", headers={"Accept": "application/octet-stream"})
    answer = connection.getresponse()
    answer.read()
    same = connection.sock is not None and connection.sock.getsockname()[1] == port
    print(answer.status, "held" if same else "dropped", flush=True)
    time.sleep(0.02)
PYTHON
touch "$WORK/hold"
python3 "$WORK/hold.py" "$WORK/hold" "$SITE/reader" >"$WORK/held" 2>&1 &
HOLDER=$!
site_reads_start "$WORK/want"
wait_for "reads" grep -q ^200 "$SITE/reads"
wait_for "the one that holds on" grep -q ^200 "$WORK/held"
check "the migration" ktadmin keyhsm --server https://keyhsm01.example.com:9090 --trust --yes \
  --client-certfile /etc/pki/cloudera/certs/mycert.crt --client-keyfile /etc/pki/cloudera/certs/mykey.key
LINES=$(wc -l <"$WORK/held")
more() { [ "$(wc -l <"$WORK/held")" -ge "$((LINES + 20))" ]; }
wait_for "reads after it" more
reads_again() { tail -n 1 "$SITE/reads" | grep -q ^200; }
wait_for "the other reads" reads_again
rm "$WORK/hold"
wait "$HOLDER"
site_reads_stop
check_eq "the connection is the one it was" "$(grep -cv ' held$' "$WORK/held" || true)" 0
check_eq "on it reads are answered, for a moment refused, and answered" \
  "$(cut -d ' ' -f 1 "$WORK/held" | uniq | paste -sd ' ' | sed 's/200 503 200/200/')" 200
check_eq "so are those of others, byte for byte" "$(site_answers | sed 's/200 503 200/200/')" 200
check_eq "the server is the one that was started" "$(pgrep -x keytrusteed)" "$SERVER"
check "it is on the HSM" grep -q '^"Sample Key TEST_HELLO_DEPOSIT.* has been created"' \
  <(curl -sk "$KEYTRUSTEE/test_hsm")
different=0
for file in "$WORK"/want/*; do
  [ "$(site_read "$file")" = 200 ] || different=$((different + 1))
done
check_eq "of $COUNT deposits these differ" "$different" 0
service keytrusteed stop
service keyhsm stop
finish
