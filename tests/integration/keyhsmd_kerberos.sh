# keyhsmd that asks for a ticket on top of the certificate; ktadmin and the backend keyhsm show one.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/krb5.sh"
export KRB5RCACHENAME=dfl: KRB5RCACHEDIR=$WORK
make_pki
start_realm
login alice; login bob; login hdfs hdfs/localhost
use_backend softfile
write_ini "${BACKEND_LINES[@]}" "[auth]" "kerberos = yes" "keytab = $WORK/krb5/http.keytab" \
  "principals = alice@LAB.TEST, hdfs/localhost@LAB.TEST"
start_daemon --backend softfile

both=(--cert "$WORK/client.crt" --key "$WORK/client.key")
echo "# both must fit"
api_is "a certificate alone: 401" 401 GET /v1/deposits
check_has "  a ticket is asked for" "$WORK/headers" "WWW-Authenticate: Negotiate"
check_has "  in words" "$WORK/body" "a Kerberos ticket is needed on top of the certificate"
api_is "  it is enough for /readyz" 200 GET /readyz
api_is "  and /metrics" 200 GET /metrics
api_is "  not for what copies ask" 401 GET /v1/versions
negotiate alice GET /v1/deposits
check_eq "a ticket alone gets no answer at all" "$STATUS" 000
negotiate_is "both" 200 alice GET /v1/deposits "${both[@]}"
negotiate_is "bob's certificate is right, he is not among the principals" 403 bob GET /v1/deposits "${both[@]}"
check_has "  it says so" "$WORK/body" "[auth] principals"
negotiate_is "a service that is" 200 hdfs GET /v1/deposits "${both[@]}"

echo "# ktadmin"
kt() { "$KEYHSM_BIN_DIR/ktadmin" deposit "$@" --server "$URL" --cacert "$WORK/ca.crt" --set memory.lock=preferred \
  --config "$WORK/empty.ini"; }
: >"$WORK/empty.ini"
files=(--client-certfile "$WORK/client.crt" --client-keyfile "$WORK/client.key")
echo -n value >"$WORK/value"
check "puts with both" as alice kt put one "$WORK/value" "${files[@]}" --negotiate
check_fails "not without a ticket" kt get one --output "$WORK/none" "${files[@]}"
check_fails "not with bob's" as bob kt get one --output "$WORK/none" "${files[@]}" --negotiate
check_fails "not without a certificate" as alice kt get one --output "$WORK/none" --negotiate
check_fails "half a pair is no pair" as alice kt get one --output "$WORK/none" --client-certfile "$WORK/client.crt" --negotiate
check_has "  it says so" "$WORK/check.out" "belong together"

echo "# a key server behind which it stands"
upper=$URL
mkdir "$WORK/upper"
cat >"$WORK/upper/keytrustee.ini" <<EOF
[server]
listen = localhost
port = 0
port_file = $WORK/upper/port
backend = keyhsm
[tls]
certificate = $WORK/server.crt
private_key = $WORK/server.key
[memory]
lock = preferred
[audit]
file = $WORK/upper/audit.log
[auth]
kerberos = yes
keytab = $WORK/krb5/http.keytab
[acl]
alice = allow all on * to alice@LAB.TEST
[backend.keyhsm]
server = $upper
client_certificate = $WORK/client.crt
client_key = $WORK/client.key
server_certificate = $WORK/server.crt
negotiate = yes
EOF
KRB5CCNAME=MEMORY: KRB5_CLIENT_KTNAME=$WORK/krb5/hdfs.keytab "$KEYHSM_BIN_DIR/keytrusteed" \
  --config "$WORK/upper/keytrustee.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" >"$WORK/upper.log" 2>&1 &
UPPER=$!
DAEMONS+=("$UPPER")
upper_open() { [ -s "$WORK/upper/port" ] || ! kill -0 "$UPPER" || return 1; [ -s "$WORK/upper/port" ] || die "it ended: $(cat "$WORK/upper.log")"; }
wait_for "the key server's port" upper_open
URL=https://localhost:$(cat "$WORK/upper/port")
check "ktadmin gets by a ticket alone" as alice kt get one --output "$WORK/got" --negotiate
check_eq "  what was put" "$(cat "$WORK/got")" value
check "  and lists twice on one connection" as alice kt list --negotiate
check_fails "without a ticket it does not" kt get one --output "$WORK/none" --negotiate
check_has "keyhsmd saw the key server's own principal" "$WORK/keyhsmd.log" 'principal="hdfs/localhost@LAB.TEST"'
before=$(grep -c 'status=401' "$WORK/keyhsmd.log")
for i in 1 2 3 4 5 6; do as alice kt get one --output "$WORK/got.$i" --negotiate; done
check_eq "  with each request, at once" "$(grep -c 'status=401' "$WORK/keyhsmd.log")" "$before"
kill "$UPPER"; wait "$UPPER" || true
stop_daemon
check_eq "keyhsmd ends well" "$STATUS" 0
finish
