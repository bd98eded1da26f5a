# Slow clients, full queues, hanging backends, aborted connections, a backend that gives up.
source "$(dirname "$0")/lib.sh"
: "${KEYHSM_MOCK_DIR:?}"
make_pki
write_ini "[backend.gate]" "gate = $WORK/gate" "[backend.memory]"
PLUGINS=$KEYHSM_MOCK_DIR

echo "# slow clients"
start_daemon --backend memory --set server.handshake_timeout=1s --set server.request_timeout=1s --set server.idle_timeout=1s
head -c 65536 /dev/urandom >"$WORK/big"
api_is "a large deposit" 201 PUT /v1/deposits/big -H "Content-Type: application/octet-stream" --data-binary "@$WORK/big"
for where in tcp hello silent header body reader; do
  client drip "$where" >"$WORK/drip.$where" 2>&1 &
  declare "DRIP_$where=$!"
done
for where in tcp hello silent header body reader; do
  pid=DRIP_$where; wait "${!pid}" || true
  check_eq "a client that is slow ($where) is cut" "$(tail -n 1 "$WORK/drip.$where")" closed
done
api_is "others are served" 200 GET /healthz
stop_daemon
check_eq "exit status" "$STATUS" 0

echo "# aborts"
start_daemon --backend memory
api PUT /v1/deposits/big -H "Content-Type: application/octet-stream" --data-binary "@$WORK/big"
for _ in 1 2 3 4; do client abort 60 & done
for job in $(jobs -p); do [ "$job" = "$PID" ] || wait "$job" || true; done
in_flight() { api GET /metrics; grep -q '^keyhsm_http_requests_in_flight 1$' "$WORK/body"; }
wait_for "aborted requests to be done" in_flight
ok "240 aborted connections leave nothing in flight"
only_one() { api GET /metrics; grep -q '^keyhsm_connections 1$' "$WORK/body"; }
wait_for "aborted connections to be gone" only_one
ok "and no connection"
stop_daemon
check_eq "exit status" "$STATUS" 0

echo "# a full queue"
: >"$WORK/gate"
start_daemon --backend gate --set server.workers=2 --set server.queue=2
hold() {
  curl -sS -o "$WORK/held.$1" -D "$WORK/held.$1.head" --cacert "$WORK/ca.crt" --cert "$WORK/client.crt" \
    --key "$WORK/client.key" -H "Accept: application/octet-stream" "$URL/v1/deposits/held$1" &
  HELD+=($!)
}
HELD=()
for i in 1 2; do hold "$i"; wait_for "held request $i to be at work" test -e "$WORK/gate.held$i"; done
for i in 3 4 5 6; do hold "$i"; done
turned_away() { [ "$(cat "$WORK"/held.?.head | grep -c '^HTTP/1.1 503')" = 2 ]; }
wait_for "two of four to be turned away" turned_away
ok "two at work, two waiting: the others get 503"
check_eq "with Retry-After" "$(cat "$WORK"/held.?.head | tr -d '\r' | grep -c '^Retry-After: 1$')" 2
check_eq "and the code" "$(cat "$WORK"/held.? | grep -o '"code":"busy"' | wc -l)" 2
api_is "healthz answers all the same" 200 GET /healthz
rm "$WORK/gate"
for pid in "${HELD[@]}"; do wait "$pid"; done
check_eq "the held ones are answered" "$(cat "$WORK"/held.? | grep -o open | wc -l)" 4
api_is "and new ones are taken" 200 GET /v1/deposits/free
stop_daemon
check_eq "exit status" "$STATUS" 0

echo "# a backend that hangs"
: >"$WORK/gate"
start_daemon --backend gate --set server.workers=2 --set server.request_timeout=1s --set server.drain_timeout=1s
api_is "a request that hangs gets 504" 504 GET /v1/deposits/held
check_eq "its code" "$(field error.code)" timeout
api_is "others go on" 200 GET /v1/deposits/free
rm "$WORK/gate"
done_at_last() { api GET /metrics; grep -q '^keyhsm_http_requests_in_flight 1$' "$WORK/body"; }
wait_for "the hanging request to come back" done_at_last
ok "when it comes back it is forgotten"
: >"$WORK/gate"
api GET /v1/deposits/held
stop_daemon
check_eq "a drain that cannot end: exit status 1" "$STATUS" 1
check_has "and says so" "$WORK/keyhsmd.log" "1 requests were not done before the drain deadline"
rm "$WORK/gate"

echo "# a backend that gives up"
start_daemon --backend gate
api_is "KH_FATAL is answered with 500" 500 GET /v1/deposits/fatal
check_eq "its code" "$(field error.code)" fatal
STATUS=0; wait "$PID" || STATUS=$?
check_eq "and ends the daemon with status 1" "$STATUS" 1

echo "# connections"
start_daemon --backend memory --set server.max_connections=8
coproc IDLE { client idle 12; }
read -r count <&"${IDLE[0]}"
check "no more than max_connections get a handshake (got $count)" [ "$count" -le 9 ]
kill -0 "$PID"; ok "the daemon is there"
kill "$IDLE_PID"; wait "$IDLE_PID" 2>/dev/null || true
serves() { api GET /healthz; [ "$STATUS" = 200 ]; }
wait_for "room again" serves
ok "when they are gone, others are served"
stop_daemon
check_eq "exit status" "$STATUS" 0
finish
