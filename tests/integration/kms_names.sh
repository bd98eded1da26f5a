#!/bin/bash
# Names and metadata of Hadoop keys, and how often that opens a deposit: counted by keyhsmd, which has the token.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
make_pki
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon
HSM_URL=$URL

export DAEMON=keytrusteed
write_ini "[backend.keyhsm]" "server = $HSM_URL" "client_certificate = $WORK/client.crt" \
  "client_key = $WORK/client.key" "server_certificate = $WORK/server.crt" \
  "[auth]" "simple = yes" "[acl]" "all = allow all on * to *" \
  "[kms.acl]" CREATE=* DELETE=* ROLLOVER=* GET_KEYS=* GET_METADATA=* "[kms.key.acl.default]" MANAGEMENT=* READ=* \
  "[kms]" "enabled = yes"
sed -i "s/^\[server\]/&\nbackend = keyhsm/" "$WORK/keyhsm.ini"
start_daemon
FIRST=$URL
sed "s|$WORK/port|$WORK/port2|; s|audit.log|audit2.log|" "$WORK/keyhsm.ini" >"$WORK/second.ini"
"$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/second.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/second.log" 2>&1 &
DAEMONS+=("$!")
wait_for "the second server" test -s "$WORK/port2"
SECOND=https://localhost:$(cat "$WORK/port2")

# opened: how often the token's backend has opened a deposit so far
opened() {
  curl -sS --cacert "$WORK/ca.crt" --cert "$WORK/client.crt" --key "$WORK/client.key" "$HSM_URL/metrics" |
    sed -n 's/^keyhsm_backend_calls_total{backend="pkcs11",method="get",status="[a-z_]*"} //p' |
    awk '{ sum += $1 } END { print sum + 0 }'
}
# asks TEXT OPENED BODY PATH: the answer, and how many deposits were opened for it
asks() {
  local before
  before=$(opened)
  stranger GET "/kms/v1/$4&user.name=root"
  check_eq "$1" "$STATUS $(cat "$WORK/body")" "200 $3"
  check_eq "  $2 opened" "$(($(opened) - before))" "$2"
}
names() { asks "$1" "$2" "$3" "keys/names?"; }
kms() { stranger "$1" "/kms/v1/$2?user.name=root" -H 'Content-Type: application/json' ${3:+-d "$3"}; }
versions() { python3 -c 'import json,sys; print(*[k.get("versions") for k in json.load(open(sys.argv[1]))])' "$WORK/body"; }
# metadata TEXT OPENED VERSIONS KEY...
metadata() {
  local text=$1 opens=$2 wanted=$3 before query
  shift 3
  query=$(printf '&key=%s' "$@")
  before=$(opened)
  stranger GET "/kms/v1/keys/metadata?user.name=root$query"
  check_eq "$text" "$(versions)" "$wanted"
  check_eq "  $opens opened" "$(($(opened) - before))" "$opens"
}

for key in k1 k2 k3; do kms POST keys "{\"name\":\"$key\",\"description\":\"of $key\"}"; done
for plain in p1 p2; do api PUT "/v1/deposits/$plain" -H 'Content-Type: application/octet-stream' --data-binary sixteen-bytes-ab; done
api PUT "/v1/deposits/p2" -H 'Content-Type: application/octet-stream' --data-binary sixteen-bytes-ab
ALL='["k1","k2","k3"]'
names "what was made here is known; what else there is is opened once" 2 "$ALL"
names "and never again" 0 "$ALL"
metadata "metadata is known, too" 0 "1 1 1 None None" k1 k2 k3 p1 none
asks "of one" 0 "$(python3 -c 'import json,sys; print(json.dumps(json.load(open(sys.argv[1]))[1], separators=(",", ":")))' "$WORK/body")" "key/k2/_metadata?"
check_eq "  as it was made" "$(field description)" "of k2"
kms POST key/k1 '{}'
names "a new version of our own is known" 0 "$ALL"
metadata "  as is its metadata" 0 "2 1" k1 k2

echo "# what another server does"
URL=$SECOND
kms POST key/k2 '{}'; kms DELETE key/k3
URL=$FIRST
names "it made a version, which is opened; and it deleted a key" 1 '["k1","k2"]'
metadata "  its metadata is not opened once more" 0 "2 2 None" k1 k2 k3
URL=$SECOND
kms POST "trustee/key/k3" # without trusteeOp: nothing
stranger POST "/kms/v1/trustee/key/k3?trusteeOp=undelete&user.name=root"
api POST /v1/deposits/k3/undelete
api POST /v1/deposits/k1/purge
api PUT /v1/deposits/k1 -H 'Content-Type: application/octet-stream' --data-binary sixteen-bytes-ab
URL=$FIRST
names "a key that is back is known still; one that has become another deposit is opened" 1 '["k2","k3"]'

echo "# what is left"
kill -HUP "$PID"
wait_for "the reload" grep -q "rules of \[acl\] were read again" "$WORK/keytrusteed.log"
names "SIGHUP leaves what is in use" 0 '["k2","k3"]'
api GET /metrics
check_has "it is counted" "$WORK/body" "keyhsm_kms_known_deposits 5"
stop_daemon
start_daemon
names "a server that has started opens each once" 5 '["k2","k3"]'
names "  and no more" 0 '["k2","k3"]'
metadata "  nor for metadata" 0 "2 1" k2 k3
stop_daemon
finish
