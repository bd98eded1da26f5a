# Start, configuration mistakes, reload and stop under load, the second daemon.
source "$(dirname "$0")/lib.sh"
make_pki
use_backend softfile
write_ini "${BACKEND_LINES[@]}"

echo "# configuration mistakes: one line, exit 2, no port"
# mistake TEXT WORDS [OPTION...]
mistake() {
  local text=$1 words=$2 status=0; shift 2
  rm -f "$WORK/port"
  timeout 60 "$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
    --backend softfile "$@" >"$WORK/out" 2>&1 || status=$?
  check_eq "$text: exit status" "$status" 2
  check_eq "  one line" "$(wc -l <"$WORK/out")" 1
  check_has "  says '$words'" "$WORK/out" "$words"
  check_fails "  no port" test -e "$WORK/port"
}
mistake "an unknown key" "server.prot" --set server.prot=1
mistake "a wrong type" "port" --set server.port=http
mistake "a port out of range" "0 to 65535" --port 70000
mistake "no workers" "from 1 to" --set server.workers=0
mistake "a certificate that is not there" "$WORK/nothing" --set "tls.certificate=$WORK/nothing"
mistake "a key of another certificate" "$WORK/client.key" --set "tls.private_key=$WORK/client.key"
mistake "a CA file without a CA" "$WORK/server.key" --set "tls.ca_file=$WORK/server.key"
mistake "a provider that is not there" "nosuch" --set openssl.providers=default,nosuch
mistake "a backend that is not there" "nosuch" --backend nosuch
mistake "a file that is not there" "$WORK/missing.ini" --config "$WORK/missing.ini"
mistake "a host nobody knows" "no-such-host.invalid" --listen no-such-host.invalid
status=0; "$KEYHSM_BIN_DIR/keyhsmd" surplus >"$WORK/out" 2>&1 || status=$?
check_eq "an argument: exit status" "$status" 2
check "--help ends with 0" "$KEYHSM_BIN_DIR/keyhsmd" --help
check "--check-config ends with 0" "$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/keyhsm.ini" \
  --plugin-dir "$KEYHSM_PLUGIN_DIR" --backend softfile --check-config
check_fails "and has opened no store" test -e "$WORK/store"

echo "# one daemon a store"
start_daemon --backend softfile
status=0
"$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" --backend softfile \
  --set "server.port_file=$WORK/port2" >"$WORK/second.log" 2>&1 || status=$?
check_eq "the second: exit status 5" "$status" 5
check_has "it names the first by pid" "$WORK/second.log" "$PID"
check_fails "it opened no port" test -e "$WORK/port2"
status=0
"$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" --backend softfile \
  --port "$PORT" --set "backend.softfile.directory=$WORK/store2" >"$WORK/third.log" 2>&1 || status=$?
check_eq "a port that is taken: exit status 1" "$status" 1
check_has "it says so" "$WORK/third.log" "cannot listen on localhost port $PORT: Address already in use"

echo "# both families"
families=(127.0.0.1)
[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 && families+=("[::1]")
for address in "${families[@]}"; do
  check "localhost is served on $address" curl -sS -o /dev/null --connect-to "localhost:$PORT:$address:$PORT" \
    --cacert "$WORK/ca.crt" --cert "$WORK/client.crt" --key "$WORK/client.key" "$URL/healthz"
done

echo "# reload under load"
api PUT /v1/deposits/kept -H "Content-Type: application/octet-stream" --data-binary kept
# Without a certificate of its own s_client is refused, after it has seen the server's.
shown() { { openssl s_client -connect "localhost:$PORT" </dev/null 2>/dev/null || true; } | openssl x509 -noout -fingerprint; }
before=$(shown)
client mixed 4 6 >"$WORK/mixed" 2>"$WORK/mixed.err" &
MIXED=$!
reloaded() { [ "$(grep -c "read again" "$WORK/keyhsmd.log")" -ge "$1" ]; }
for i in 1 2 3 4 5 6; do
  make_cert server ca serverAuth # a new key and certificate in the same files
  kill -HUP "$PID"
  wait_for "reload $i" reloaded "$i"
done
wait "$MIXED"
check "no request failed: $(cat "$WORK/mixed")" grep -q '^errors 0 requests [1-9]' "$WORK/mixed"
after=$(shown)
check_fails "the new certificate is shown" [ "$before" = "$after" ]
echo broken >"$WORK/server.crt"
kill -HUP "$PID"
wait_for "the refused reload" grep -q "the certificates stay as they were" "$WORK/keyhsmd.log"
api_is "a broken file keeps the old certificate" 200 GET /healthz
make_cert server ca serverAuth

echo "# stop under load"
for round in 1 2 3; do
  [ "$round" = 1 ] || start_daemon --backend softfile
  client load 8 "$WORK/acked.$round" >"$WORK/load.out" 2>&1 &
  LOAD=$!
  enough() { [ "$(wc -l <"$WORK/acked.$round")" -ge 50 ]; }
  wait_for "some acknowledged puts" enough
  stop_daemon
  check_eq "round $round: SIGTERM under load: exit status 0" "$STATUS" 0
  wait "$LOAD"
done
start_daemon --backend softfile
lost=0
while read -r name; do
  api GET "/v1/deposits/$name" -H "Accept: application/octet-stream"
  [ "$STATUS" = 200 ] && [ "$(cat "$WORK/body")" = "$name" ] || lost=$((lost + 1))
done < <(cat "$WORK"/acked.* | shuf -n 150 --random-source=<(yes))
check_eq "of what was acknowledged nothing is lost" "$lost" 0
stop_daemon
finish
