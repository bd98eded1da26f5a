# keytrusteed with its deposits behind a keyhsmd, on a real token: the two start in any order, keyhsmd comes and
# goes under it, a certificate of keyhsmd that has changed is not talked to, and /test_hsm under a crowd.
source "$(dirname "$0")/lib.sh"
make_pki
make_cert other ca serverAuth
bytes=(-H 'Content-Type: application/octet-stream' --data-binary)

# keyhsmd, with a key for keytrusteed that has a passphrase
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}" "max_deposit_size = 200K"
sed -i "s/^port = 0/port = 0\nmax_body = 2M/; s/^lock = preferred/&\nsecure_heap = 32M/" "$WORK/keyhsm.ini"
printf 'open sesame\n' >"$WORK/passphrase"
openssl pkcs8 -topk8 -v2 aes-256-cbc -in "$WORK/client.key" -out "$WORK/locked.key" -passout "file:$WORK/passphrase"
cp "$WORK/keyhsm.ini" "$WORK/hsm.ini"
sed -i "s|^port_file = .*|port_file = $WORK/hsm.port|" "$WORK/hsm.ini"
hsm_start() { # [OPTION...]: on the port it had before
  local fixed=()
  [ -z "${HSM_PORT:-}" ] || fixed=(--set "server.port=$HSM_PORT")
  rm -f "$WORK/hsm.port"
  "$KEYHSM_BIN_DIR/keyhsmd" --config "$WORK/hsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "${fixed[@]}" "$@" \
    >>"$WORK/keyhsmd.log" 2>&1 &
  HSM_PID=$!
  DAEMONS+=("$HSM_PID")
  wait_for "keyhsmd" hsm_open
  HSM_PORT=$(cat "$WORK/hsm.port")
}
hsm_open() { kill -0 "$HSM_PID" || die "keyhsmd ended"; test -s "$WORK/hsm.port"; }
hsm_stop() { kill "-${1:-TERM}" "$HSM_PID"; wait "$HSM_PID" 2>"$WORK/check.out" || true; }
hsm_start
hsm_stop

export DAEMON=keytrusteed
write_ini "[backend.keyhsm]" "server = https://localhost:$HSM_PORT" "client_certificate = $WORK/client.crt" \
  "client_key = $WORK/locked.key" "passphrase_source = file:$WORK/passphrase" \
  "server_certificate = $WORK/server.crt" "[acl]" "client = allow all on * to CN=client"
sed -i "s/^\[server\]/[server]\nbackend = keyhsm\nmax_body = 2M/; s/^lock = preferred/&\nsecure_heap = 32M/" "$WORK/keyhsm.ini"

echo "# keyhsmd is not there yet"
start_daemon
stranger GET /healthz; check_eq "/healthz" "$STATUS" 200
stranger GET /readyz; check_eq "/readyz" "$STATUS" 503
check_has "  names who is missing" "$WORK/body" "https://localhost:$HSM_PORT"
api_is "a put" 503 PUT /v1/deposits/early "${bytes[@]}" x
check_has "  says when to come again" "$WORK/headers" "Retry-After: "
stranger GET /test_hsm; check_eq "/test_hsm" "$STATUS" 503
hsm_start
stranger GET /readyz; check_eq "once it is there: /readyz" "$STATUS" 200
api_is "a put" 201 PUT /v1/deposits/key "${bytes[@]}" "secret"
head -c 150000 /dev/urandom >"$WORK/large"
api_is "one as large as keyhsmd takes" 201 PUT /v1/deposits/large "${bytes[@]}" "@$WORK/large"
api GET /v1/deposits/large -H 'Accept: application/octet-stream'
check "  comes back" cmp "$WORK/body" "$WORK/large"
stranger GET /test_hsm; check_eq "/test_hsm, though the key to keyhsmd has a passphrase" "$STATUS" 200

echo "# keyhsmd is restarted under it"
for signal in TERM KILL; do
  hsm_stop "$signal"
  api_is "while it is away (SIG$signal)" 503 GET /v1/deposits/key
  hsm_start
  api_is "when it is back" 200 GET /v1/deposits/key
done
check "keytrusteed was not restarted" kill -0 "$PID"

echo "# keyhsmd shows another certificate"
hsm_stop
hsm_start --set "tls.certificate=$WORK/other.crt" --set "tls.private_key=$WORK/other.key"
api_is "nothing is sent to it" 503 GET /v1/deposits/key
check_has "  the pinned one is named" "$WORK/body" "$(fingerprint "$WORK/server.crt")"
check_has "  the other, too" "$WORK/body" "$(fingerprint "$WORK/other.crt")"
check_has "  and what to do" "$WORK/body" "--replace-pin"
hsm_stop
hsm_start
api_is "with its own again" 200 GET /v1/deposits/key

echo "# a crowd at /test_hsm"
seq 1000 | xargs -P 32 -n 20 bash -c 'for _ in "$@"; do curl -sS --max-time 60 -k -w " %{http_code}\n" "$0/test_hsm"; done' \
  "$URL" >"$WORK/crowd" 2>&1
check_eq "a thousand answers" "$(wc -l <"$WORK/crowd")" 1000
check_eq "each is a sample or too many" "$(grep -cvE ' (200|429)$' "$WORK/crowd" || true)" 0
check "some are samples" grep -qE '^"Sample Key TEST_HELLO_DEPOSIT[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6} has been created" 200$' "$WORK/crowd"
check "most are too many" test "$(grep -c ' 429$' "$WORK/crowd")" -gt 500
api GET '/v1/deposits?limit=1000'
check_lacks "no sample stays" "$WORK/body" TEST_HELLO
check_eq "nor a key of one" "$(pkcs11-tool --module "$SOFTHSM2_MODULE" --token-label lab --login --pin 1234 -O 2>/dev/null |
  grep -c '^Private Key Object')" 3

stop_daemon
check_eq "it ends as told" "$STATUS" 0
status=0
printf 'wrong\n' >"$WORK/passphrase"
timeout 60 "$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
  >"$WORK/out" 2>&1 || status=$?
check "a wrong passphrase: it does not start" test "$status" -ne 0
check_has "  and names the key" "$WORK/out" "$WORK/locked.key"
hsm_stop
finish
