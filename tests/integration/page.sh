# The status page of both daemons in a browser, on a real token: with no deposit and with 100,000, by mouse and by
# keyboard, in the dark, on a phone, with a broken chain, with no daemon, without permission, without JavaScript.
# Pictures of it are left in the build folder (KEYHSM_PICTURES).
source "$(dirname "$0")/lib.sh"
: "${KEYHSM_PICTURES:?}"
here=$KEYHSM_SOURCE_DIR/tests/integration/page
mkdir -p "$KEYHSM_PICTURES" "$WORK/browser"
export PYTHONDONTWRITEBYTECODE=1
make_pki
make_cert other ca clientAuth
make_cert watcher ca clientAuth
# Nothing ends soon: then all would not be well.
openssl req -x509 -key "$WORK/ca.key" -days 3650 -subj /CN=ca -addext basicConstraints=critical,CA:TRUE \
  -addext keyUsage=critical,keyCertSign,cRLSign -out "$WORK/ca.crt" 2>/dev/null

# keyhsmd, on a port that it keeps
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}" "max_keys = 1000"
mv "$WORK/keyhsm.ini" "$WORK/hsm.ini"
sed -i "s|^port_file = .*|port_file = $WORK/hsm.port|" "$WORK/hsm.ini"
HSM_PORT=
hsm_start() {
  local fixed=()
  [ -z "$HSM_PORT" ] || fixed=(--set "server.port=$HSM_PORT")
  rm -f "$WORK/hsm.port"
  "$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/hsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "${fixed[@]}" >>"$WORK/keyhsmd.log" 2>&1 &
  HSM_PID=$!
  DAEMONS+=("$HSM_PID")
  wait_for "keyhsmd" test -s "$WORK/hsm.port"
  HSM_PORT=$(cat "$WORK/hsm.port")
}
hsm_stop() { kill "$HSM_PID"; wait "$HSM_PID" 2>/dev/null || true; }
hsm_start

# keytrusteed before it
export DAEMON=keytrusteed
write_ini "[backend.keyhsm]" "server = https://localhost:$HSM_PORT" "client_certificate = $WORK/client.crt" \
  "client_key = $WORK/client.key" "server_certificate = $WORK/server.crt" "[acl]" "client = allow all on * to CN=client" \
  "watcher = allow status on * to CN=watcher"
sed -i "s/^\[server\]/[server]\nbackend = keyhsm/" "$WORK/keyhsm.ini"
start_daemon
KEPT_PORT=$PORT
daemon_stop() { stop_daemon; }
daemon_start() { start_daemon --set "server.port=$KEPT_PORT"; }

# proxy NAME PORT [CERTIFICATE]: PROXY is its address
proxy() {
  local identity=()
  [ -z "${3:-}" ] || identity=("$WORK/$3.crt" "$WORK/$3.key")
  python3 "$here/proxy.py" "$WORK/$1.proxy" "$2" "$WORK/ca.crt" "${identity[@]}" >>"$WORK/proxy.log" 2>&1 &
  DAEMONS+=("$!")
  wait_for "the proxy $1" test -s "$WORK/$1.proxy"
  PROXIES+=("http://127.0.0.1:$(cat "$WORK/$1.proxy")/")
}
PROXIES=()
proxy hsm "$HSM_PORT" client
proxy client "$PORT" client
proxy other "$PORT" other
proxy nobody "$PORT"
proxy watcher "$PORT" watcher

# 100,000 more of the one that is there: the catalog counts rows, and opens none.
fill() {
  api PUT /v1/deposits/first -H 'Content-Type: application/octet-stream' --data-binary x
  check_eq "a deposit" "$STATUS" 201
  hsm_stop
  sqlite3 "$WORK/state/catalog.db" "INSERT INTO versions (name, version, state, created, key, profile, envelope)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    SELECT printf('seed-%06d', i), 0, i % 10 = 0, 1700000000, key, profile, envelope
    FROM n, (SELECT key, profile, envelope FROM versions LIMIT 1)" || die "the catalog cannot be filled"
  hsm_start
  for _ in 1 2 3 4 5 6 7 8 9 10; do api GET /v1/deposits/first; done
  api GET '/v1/deposits/%3Cscript%3Ealert(1)%3Cscript%3E'
  api GET '/v1/deposits/%3Cscript%3Ealert(1)%3Cscript%3E?version=1'
  time_of_status
}
# However many there are, the answer does not take long: it is asked for every few seconds.
time_of_status() {
  api GET /v1/status
  api_is "the status of 100,000 deposits" 200 GET /v1/status --max-time 2
  check_eq "counts them" "$(field deposits.stored)" 100001
}

mkfifo "$WORK/said" "$WORK/done"
python3 "$here/walk.py" "$WORK/browser" "$KEYHSM_PICTURES" "${PROXIES[@]}" >"$WORK/said" <"$WORK/done" 2>"$WORK/walk.log" &
DAEMONS+=("$!")
exec 9<"$WORK/said" 8>"$WORK/done" # in the order in which the other end opens them
ended=no
while read -r word text <&9; do
  case $word in
    ok) ok "$text" ;;
    fail) not_ok "$text" ;;
    do) "$text"; echo >&8 ;;
    end) ended=yes; break ;;
  esac
done
check_eq "the walk came to its end" "$ended" yes

echo "# the same without a browser"
api_is "the page" 200 GET / -H 'Accept: text/html'
for header in "Content-Security-Policy" "Referrer-Policy" "X-Content-Type-Options" "X-Frame-Options" "Cache-Control"; do
  check "$header" test -n "$(header "$header")"
done
check_has "its policy" "$WORK/headers" "default-src 'none'; script-src 'sha256-"
api_is "its head" 200 HEAD /
api_is "the page takes no parameters that it does not know" 400 GET "/?x=1"
api_is "nor does the JSON" 400 GET "/v1/status?x=1"
api_is "it is only read" 405 POST /v1/status
CLIENT=other api GET /v1/status
check_eq "a tool is refused in JSON" "$STATUS $(header Content-Type)" "403 application/json"
stranger GET /v1/status
check_eq "and a stranger" "$STATUS $(header Content-Type)" "401 application/json"
check_eq "refusals are in the audit log" "$(grep -c '"operation":"status".*"status":403' "$WORK/audit.log" | sed 's/[1-9][0-9]*/some/')" some
check_eq "looks are not" "$(grep -c '"operation":"status".*"status":200' "$WORK/audit.log" || true)" 0
stranger GET '/?a=fingerprint'
check_eq "the fingerprint is for anybody" "$STATUS $(cat "$WORK/body")" "200 256E/$(fingerprint "$WORK/server.crt")"
finish
