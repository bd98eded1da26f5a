# keytrusteed under a migration: it serves reads until the commit; then it says where the deposits went,
# and serves them from there after a restart, or by itself with [server] follow = yes.
source "$(dirname "$0")/lib.sh"
export DAEMON=keytrusteed
make_pki
use_backend pkcs11
TOKEN_LINES=("${BACKEND_LINES[@]}")
DEPOSITS=60
bytes=(-H 'Content-Type: application/octet-stream' --data-binary)

# configure FOLLOW BACKEND
configure() {
  write_ini "[backend.softfile]" "directory = $WORK/store" "create = yes" "${TOKEN_LINES[@]}" \
    "[acl]" "client = allow all on * to CN=client"
  sed -i "s/^\[server\]/[server]\nfollow = $1\nbackend = $2/" "$WORK/keyhsm.ini"
}
fill() {
  for ((i = 0; i < DEPOSITS; i++)); do
    api PUT "/v1/deposits/key-$i" "${bytes[@]}" "secret $i"
    [ "$STATUS" = 201 ] || die "put key-$i: $STATUS"
  done
}
migrate() {
  "$KEYHSM_BIN_DIR/ktmigrate" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/keyhsm.ini" \
    --from softfile --to pkcs11 --state-dir "$WORK/migration" --yes >"$WORK/migrate.out" 2>"$WORK/migrate.log"
}
# read_all: asks for every deposit again and again, each answer's status and body into reads until $WORK/stop
read_all() {
  local i=0
  while [ ! -e "$WORK/stop" ]; do
    curl -sS --max-time 60 --cacert "$WORK/ca.crt" --cert "$WORK/client.crt" --key "$WORK/client.key" \
      -H 'Accept: application/octet-stream' -w ' %{http_code}\n' "$URL/v1/deposits/key-$((i % DEPOSITS))" 2>&1 ||
      echo "no answer 000"
    i=$((i + 1))
  done >"$WORK/reads"
}
all_there() {
  local i
  for ((i = 0; i < DEPOSITS; i++)); do
    api GET "/v1/deposits/key-$i" -H 'Accept: application/octet-stream'
    [ "$(cat "$WORK/body")" = "secret $i" ] || { not_ok "$1" "key-$i: $STATUS $(head -c 200 "$WORK/body")"; return; }
  done
  ok "$1"
}
migrate_under_load() {
  rm -f "$WORK/stop"
  read_all & local reader=$!
  wait_for "the first reads" test -s "$WORK/reads"
  check "the migration" migrate
  touch "$WORK/stop"; wait "$reader"
}

echo "# without follow"
configure no softfile
start_daemon
fill
migrate_under_load
check_eq "until the commit every read was answered, then 503" \
  "$(grep -cvE 'secret [0-9]+ 200$|"code":"moved".* 503$' "$WORK/reads" || true)" 0
check "there were some" grep -q ' 200$' "$WORK/reads"
api_is "after it: 503" 503 GET /v1/deposits/key-1
check_eq "  with a code of its own" "$(field error.code)" moved
check_has "  and the remedy" "$WORK/body" "systemctl restart keytrusteed"
check_has "  and when to come again" "$WORK/headers" "Retry-After: "
api_is "a put: the same" 503 PUT /v1/deposits/new "${bytes[@]}" x
check_eq "  with the same code" "$(field error.code)" moved
stranger GET /readyz; check_eq "/readyz: not ready" "$STATUS" 503
check_has "  and why" "$WORK/body" "restart keytrusteed"
stranger GET /test_hsm; check_has "/test_hsm says it, too" "$WORK/body" "restart keytrusteed"
stranger GET /healthz; check_eq "/healthz: alive" "$STATUS" 200
api_is "a listing: the same" 503 GET /v1/deposits
stop_daemon
start_daemon
api_is "started again with the old configuration it says the same" 503 GET /v1/deposits/key-1
check_eq "  in the same words" "$(field error.code)" moved
stop_daemon
sed -i 's/^backend = softfile/backend = pkcs11/' "$WORK/keyhsm.ini"
start_daemon
all_there "with the new one every deposit is served, byte for byte"
stranger GET /test_hsm; check_eq "/test_hsm" "$STATUS" 200
check "  in its form" grep -qE '^"Sample Key TEST_HELLO_DEPOSIT[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6} has been created"$' "$WORK/body"
api GET "/v1/deposits?limit=1000"
check_lacks "  and it leaves nothing" "$WORK/body" TEST_HELLO
stop_daemon
check_eq "it ends as told" "$STATUS" 0

echo "# what a killed daemon left"
start_daemon
api_is "an old sample" 201 PUT /v1/deposits/TEST_HELLO_DEPOSIT2016-06-03-072718 "${bytes[@]}" x
api_is "a name that only looks like one" 201 PUT /v1/deposits/TEST_HELLO_DEPOSIT2016-06-03-072718x "${bytes[@]}" x
stop_daemon KILL
start_daemon
api_is "is gone after the next start" 404 GET /v1/deposits/TEST_HELLO_DEPOSIT2016-06-03-072718
api_is "the other stays" 200 GET /v1/deposits/TEST_HELLO_DEPOSIT2016-06-03-072718x
stop_daemon

echo "# with follow"
rm -rf "$WORK/store" "$WORK/state" "$WORK/tokens" "$WORK/migration" "$WORK/reads"
make_token; mkdir -m 700 "$WORK/state"
configure yes softfile
start_daemon
fill
migrate_under_load
check_eq "until the commit every read was answered" \
  "$(grep -cvE 'secret [0-9]+ 200$|"code":"moved".* 503$' "$WORK/reads" || true)" 0
api_is "the configuration still names the store: 503" 503 GET /v1/deposits/key-1
check_has "  it says so" "$WORK/body" "still names backend 'softfile'"
before=$(grep -c "the deposits have moved: serving" "$WORK/keytrusteed.log" || true)
sed -i 's/^backend = softfile/backend = pkcs11/' "$WORK/keyhsm.ini"
followed() { api GET /v1/deposits/key-1; [ "$STATUS" = 200 ]; }
wait_for "the new backend" followed
all_there "then it serves every deposit by itself, byte for byte"
check_eq "it went over once" "$(grep -c "the deposits have moved: serving" "$WORK/keytrusteed.log")" $((before + 1))
stranger GET /readyz; check_eq "/readyz" "$STATUS" 200
check_has "  names the new backend" "$WORK/body" pkcs11
stranger GET /test_hsm; check_eq "/test_hsm" "$STATUS" 200
stop_daemon
check_eq "it ends as told" "$STATUS" 0
finish
