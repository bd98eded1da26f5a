#!/bin/bash
# ktmigrate from a legacy store to a keyhsmd on a real token: who is talked to, a daemon that is killed in
# the middle, and every byte, time, state and attribute at the end.
source "$(dirname "$0")/lib.sh"

make_pki
make_ca strangers
make_cert stranger strangers clientAuth
make_cert other ca serverAuth
make_self_signed pinned clientAuth
pin pinned
DEPOSITS=150

# ---- a legacy store, filled through a keyhsmd of its own -------------------------------------

write_ini '[backend.softfile]' "directory = $WORK/store" "create = yes"
cp "$WORK/keyhsm.ini" "$WORK/legacy.ini"
legacy() { cp "$WORK/legacy.ini" "$WORK/keyhsm.ini"; start_daemon --backend softfile; }
legacy
{
  for ((i = 0; i < DEPOSITS; i++)); do
    [ "$i" = 0 ] || echo next
    printf 'url = "%s/v1/deposits/key-%03d?version=%d"\nrequest = PUT\ncacert = "%s"\ncert = "%s"\nkey = "%s"\noutput = /dev/null\nfail\n' \
      "$URL" "$((i / 2 * 2))" "$((i % 2 * 3))" "$WORK/ca.crt" "$WORK/client.crt" "$WORK/client.key"
    printf 'header = "Content-Type: application/json"\ndata = "{\\"data\\":\\"%s\\",\\"attributes\\":{\\"n\\":\\"%d\\",\\"text\\":\\"gr\xc3\xbc\xc3\x9fe \\\\\\"\\"},\\"created\\":\\"%d-06-03T07:07:28Z\\",\\"state\\":\\"%s\\"}"\n' \
      "$({ printf CANARY; head -c $((i * 7)) /dev/urandom; } | base64 -w0)" "$i" "$((1970 + i % 130))" \
      "$([ $((i % 5)) = 3 ] && echo deleted || echo active)"
  done
} >"$WORK/fill.curl"
check "the store is filled" curl -sS -K "$WORK/fill.curl"
dump() { python3 "$KEYHSM_SOURCE_DIR/tests/integration/dump_versions.py" "$PORT" "$WORK/ca.crt" "$WORK/client.crt" "$WORK/client.key"; }
dump >"$WORK/before"
check_eq "with all versions" "$(wc -l <"$WORK/before")" "$DEPOSITS"
check_eq "some of them deleted" "$(grep -c '"state": "deleted"' "$WORK/before")" "$((DEPOSITS / 5))"
stop_daemon

# ---- the migration ---------------------------------------------------------------------------

# remote_ini LINE...: what ktmigrate reads; the lines are those of [backend.keyhsm]
remote_ini() {
  {
    printf '[memory]\nlock = preferred\n[backend.softfile]\ndirectory = %s\n[backend.keyhsm]\n' "$WORK/store"
    printf '%s\n' "server = $URL" "$@"
  } >"$WORK/remote.ini"
}
usual=("client_certificate = $WORK/client.crt" "client_key = $WORK/client.key" "server_certificate = $WORK/server.crt")
migrate() { # OPTION...
  STATUS=0
  "$KEYHSM_BIN_DIR/ktmigrate" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/remote.ini" --yes \
    --from softfile --to keyhsm --state-dir "$WORK/migration" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null ||
    STATUS=$?
}
untouched() {
  check_lacks "$1: not complete" "$WORK/out" Complete
  check_fails "$1: not sealed" test -e "$WORK/store/seal.json"
}

echo "# nobody there"
URL=https://localhost:1
remote_ini "${usual[@]}"
migrate
check_eq "keyhsmd down: status 5" "$STATUS" 5
check_has "with its address" "$WORK/err" "https://localhost:1: "
untouched "keyhsmd down"

echo "# a keyhsmd without hardware"
mkdir "$WORK/second"
write_ini '[backend.softfile]' "directory = $WORK/second/store" "create = yes"
start_daemon --backend softfile
remote_ini "${usual[@]}"
migrate
check_eq "refused: status 1" "$STATUS" 1
check_has "in words" "$WORK/err" "serves backend 'softfile', which does not keep keys in hardware"
untouched "no hardware"
stop_daemon

echo "# who is talked to"
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend pkcs11
remote_ini "client_certificate = $WORK/client.crt" "client_key = $WORK/client.key" "server_certificate = $WORK/other.crt"
migrate
check_eq "another certificate than the pinned one: status 1" "$STATUS" 1
check_has "its fingerprint" "$WORK/err" "$(fingerprint "$WORK/server.crt")"
check_has "and that of the pin" "$WORK/err" "$(fingerprint "$WORK/other.crt")"
check_has "and the remedy" "$WORK/err" "--trust --replace-pin"
untouched "another certificate"
remote_ini "client_certificate = $WORK/client.crt" "client_key = $WORK/other.key" "server_certificate = $WORK/server.crt"
migrate
check_eq "a key of another certificate: status 2" "$STATUS" 2
check_has "is named" "$WORK/err" "$WORK/other.key is not the key of the certificate"
remote_ini "client_certificate = $WORK/stranger.crt" "client_key = $WORK/stranger.key" "server_certificate = $WORK/server.crt"
migrate
check_eq "a client that keyhsmd does not trust: status 5" "$STATUS" 5
check_has "is named" "$WORK/err" "the certificate in $WORK/stranger.crt"
check_has "with the remedy" "$WORK/err" "keyhsm trust FILE"
untouched "a stranger"
no_pin=("client_certificate = $WORK/client.crt" "client_key = $WORK/client.key")
remote_ini "${no_pin[@]}" "ca_file = $WORK/strangers.crt"
migrate --dry-run
check_eq "not vouched for: status 5" "$STATUS" 5
remote_ini "${no_pin[@]}"
migrate --dry-run
check_eq "nor by the system: status 5" "$STATUS" 5
remote_ini "${no_pin[@]}" "ca_file = $WORK/ca.crt"
migrate --dry-run
check_eq "vouched for: a dry run" "$STATUS" 0
mkdir "$WORK/crl"; : >"$WORK/crl/index"; echo 01 >"$WORK/crl/number"
printf '[ca]\ndefault_ca=t\n[t]\ndatabase=%s\ncrlnumber=%s\ndefault_md=sha256\n' "$WORK/crl/index" "$WORK/crl/number" >"$WORK/crl/cnf"
crl() { openssl ca -config "$WORK/crl/cnf" -cert "$WORK/ca.crt" -keyfile "$WORK/ca.key" "$@" 2>/dev/null; }
crl -gencrl -crldays 3 -out "$WORK/crl.pem"
remote_ini "${no_pin[@]}" "ca_file = $WORK/ca.crt" "crl_file = $WORK/crl.pem"
migrate --dry-run
check_eq "not revoked: a dry run" "$STATUS" 0
crl -revoke "$WORK/server.crt"
crl -gencrl -crldays 3 -out "$WORK/crl.pem"
migrate --dry-run
check_eq "revoked: status 5" "$STATUS" 5
check_has "says so" "$WORK/err" revoked
openssl pkcs8 -topk8 -in "$WORK/pinned.key" -v2 aes-256-cbc -passout pass:hunter2 -out "$WORK/pinned.enc"
printf hunter2 >"$WORK/pass"
printf wrong >"$WORK/wrong"
locked=("client_certificate = $WORK/pinned.crt" "client_key = $WORK/pinned.enc" "server_certificate = $WORK/server.crt")
remote_ini "${locked[@]}" "passphrase_source = file:$WORK/wrong"
migrate --dry-run
check_eq "a wrong passphrase: status 2" "$STATUS" 2
check_has "says so" "$WORK/err" "passphrase is wrong"
remote_ini "${locked[@]}" "passphrase_source = file:$WORK/pass"
migrate --dry-run
check_eq "a protected key with its passphrase: a dry run" "$STATUS" 0

api GET /v1/versions
check_eq "keyhsmd holds nothing" "$(cat "$WORK/body")" '{"versions":[]}'
check_fails "there is no journal" test -e "$WORK/migration"

echo "# no room"
remote_ini "${usual[@]}"
stop_daemon
start_daemon --backend pkcs11 --set backend.pkcs11.max_keys=20
remote_ini "${usual[@]}"
migrate
check_eq "a token that holds too few keys: status 3" "$STATUS" 3
check_has "is a finding" "$WORK/err" "finding: room"
stop_daemon

echo "# killed in the middle"
: >"$WORK/keyhsmd.log"
start_daemon --backend pkcs11
remote_ini "${usual[@]}"
stored() { grep -c 'method=PUT .*status=201' "$WORK/keyhsmd.log" || true; }
half_way() { [ "$(stored)" -ge $((DEPOSITS / 4)) ]; }
"$KEYHSM_BIN_DIR/ktmigrate" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/remote.ini" --yes --jobs 2 \
  --from softfile --to keyhsm --state-dir "$WORK/migration" >"$WORK/out" 2>"$WORK/err" </dev/null &
RUNNER=$!
DAEMONS+=("$RUNNER")
wait_for "a quarter of the copies" half_way
stop_daemon KILL
STATUS=0; wait "$RUNNER" || STATUS=$?
check_eq "keyhsmd killed: status 5" "$STATUS" 5
check_has "with its address" "$WORK/err" "$URL"
untouched "keyhsmd killed"
before=$(stored)
check "not all was copied" test "$before" -lt "$DEPOSITS"
migrate
check_eq "still down: status 5" "$STATUS" 5

start_daemon --backend pkcs11 --port "$PORT"
migrate
check_eq "resumed: status 0" "$STATUS" 0
check_has "to the end" "$WORK/out" "Migration Complete!"
check "the source is sealed" test -e "$WORK/store/seal.json"
# A copy whose answer the kill took away was made and is not counted by the log.
check "nothing was copied twice" test "$(stored)" -le "$DEPOSITS"
dump >"$WORK/after"
check "every byte, time, state and attribute" cmp "$WORK/before" "$WORK/after"
check "every key is attested" test "$(grep -c 'route=/v1/deposits/{name}/attest .*status=200' "$WORK/keyhsmd.log")" -ge "$DEPOSITS"
check "the seal says where to" grep -q '"keyhsm keyhsm:' "$WORK/store/seal.json"
check_has "and so does the report" "$(ls "$WORK"/migration/*.report.json)" "keyhsmd $URL"
migrate
check_eq "once more: status 0" "$STATUS" 0
check_has "nothing to do" "$WORK/err" "nothing to do"

echo "# no way back, and no secret outside"
STATUS=0
"$KEYHSM_BIN_DIR/ktmigrate" --plugin-dir "$KEYHSM_PLUGIN_DIR" --config "$WORK/remote.ini" --yes \
  --from keyhsm --to softfile --state-dir "$WORK/migration" >"$WORK/out" 2>"$WORK/err" </dev/null || STATUS=$?
check_eq "from keyhsm: status 1" "$STATUS" 1
check_has "there is no way back" "$WORK/err" "there is no way back from 'keyhsm'"
for word in CANARY Q0FOQVJZ hunter2; do
  check_eq "no $word on the disk" \
    "$(grep -rlaF "$word" "$WORK/state" "$WORK/migration" "$WORK/out" "$WORK/err" "$WORK/keyhsmd.log" | wc -l)" 0
done
"$KEYHSM_BIN_DIR/ktadmin" deposit get --backend keyhsm --plugin-dir "$KEYHSM_PLUGIN_DIR" \
  --config "$WORK/remote.ini" key-000 --version 0 >"$WORK/got" 2>"$WORK/err"
check_eq "ktadmin reads through the backend" "$(head -c 6 "$WORK/got")" CANARY
finish
