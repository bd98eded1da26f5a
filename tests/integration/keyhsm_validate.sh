# keyhsm validate: every finding and not the first, at most one login, a daemon asked and not disturbed.
source "$(dirname "$0")/lib.sh"
: "${KEYHSM_FAULT_MODULE:?}"
make_pki
make_cert expired ca serverAuth 20200101000000Z 20200201000000Z
make_cert early ca serverAuth 20480101000000Z 20490101000000Z
make_cert soon ca serverAuth 20200101000000Z "$(date -u -d '+5 days' +%Y%m%d%H%M%SZ)"
make_cert wrong_use ca clientAuth
make_self_signed both "serverAuth,clientAuth"
use_backend pkcs11
export FAULT_PKCS11_LOG=$WORK/calls
BACKEND_LINES[1]="module = $KEYHSM_FAULT_MODULE"
write_ini "${BACKEND_LINES[@]}"
pin client

RUN=() # in front of it
# validate [OPTION...]: what it says in $WORK/said, its STATUS, the module's calls in $WORK/calls
validate() {
  STATUS=0
  : >"$WORK/calls"
  "${RUN[@]}" "$KEYHSM_BIN_DIR/keyhsm" validate --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$@" \
    >"$WORK/said" 2>&1 </dev/null || STATUS=$?
}
# says TEXT OUTCOME CHECK WORDS: one line of it
says() {
  if grep -E "^$2 +$3  " "$WORK/said" | grep -qF -- "$4"; then ok "$1"
  else not_ok "$1" "no '$2 $3 ... $4' in: $(cat "$WORK/said")"; fi
}
# status_is TEXT STATUS [OPTION...]
status_is() { local text=$1 wanted=$2; shift 2; validate "$@"; check_eq "$text" "$STATUS" "$wanted"; }
logins() { grep -c '^C_Login ' "$WORK/calls" || true; }

echo "# all is well"
status_is "exit status" 0
for check in configuration memory log certificate "private key" trust port plugin "state directory" \
  "PKCS#11 module" token PIN login "key profile" catalog sample; do
  says "$check" ok "$check" ""
done
says "what was tried" ok "key profile" ecdh-p256
says "the sample is gone" ok catalog "0 versions, 0 keys"
check_eq "one login" "$(logins)" 1
check_has "the sum" "$WORK/said" "16 checks: 16 ok"
validate
says "a second time, the sample was purged" ok catalog "0 versions, 0 keys"
validate --json
check_eq "JSON: well" "$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["ok"])' "$WORK/said")" True
check_eq "JSON: all checks" "$(python3 -c 'import json,sys
print(len(json.load(open(sys.argv[1]))["checks"]))' "$WORK/said")" 16

echo "# every finding"
grep -v '^ca_file' "$WORK/keyhsm.ini" >"$WORK/wrong.ini"
status_is "many things wrong at once" 1 --config "$WORK/wrong.ini" --set backend.pkcs11.module=/nowhere/p11.so \
  --set "tls.certificate=$WORK/expired.crt" --set "tls.private_key=$WORK/expired.key" \
  --set "tls.trust_dir=$WORK/nobody" --set log.target=file:/nowhere/log \
  --set "backend.pkcs11.pin_source=file:$WORK/absent"
says "the module" failed "PKCS#11 module" /nowhere/p11.so
says "the certificate" failed certificate "it ended at 2020-02-01T00:00:00Z"
says "who is let in" failed trust "nobody is let in"
says "the log" failed log /nowhere/log
says "the PIN" failed PIN "$WORK/absent"
says "its key is well" ok "private key" expired.key
says "what could not be tried" unchecked login "see above"
check_has "the remedies" "$WORK/said" "-> install the client software of the HSM"
check_has "the sum" "$WORK/said" "5 failed, 3 unchecked"
check_eq "no login" "$(logins)" 0
RUN=(setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock prlimit --memlock=0)
status_is "no memory to lock" 1 --set memory.lock=required
RUN=()
says "is said" failed memory "cannot lock memory"
says "and the rest is looked at" ok sample purged

echo "# the token"
printf '4321\n' >"$WORK/pin"
status_is "a wrong PIN" 1
says "is said" failed login "CKR_PIN_INCORRECT"
check_eq "and was tried once" "$(logins)" 1
printf '12\n' >"$WORK/pin"
status_is "a PIN that cannot be right" 1
says "is said" failed PIN "no login was tried"
check_eq "and was not tried" "$(logins)" 0
printf '1234\n' >"$WORK/pin"; chmod 644 "$WORK/pin"
status_is "a PIN that others can read" 1
says "is said" failed PIN 0644
check_eq "and was not tried" "$(logins)" 0
chmod 600 "$WORK/pin"
status_is "no such token" 1 --set backend.pkcs11.token_label=vault
says "lists those there are" failed token "'lab'"
check_eq "no login" "$(logins)" 0
printf 'C_GetTokenInfo flags=0x20000\n' >"$WORK/plan"
FAULT_PKCS11_PLAN=$WORK/plan status_is "a PIN at its last try" 1
says "is said" failed PIN "one try left"
check_eq "and was not tried" "$(logins)" 0
printf '* hide=0x1050\n' >"$WORK/plan"
FAULT_PKCS11_PLAN=$WORK/plan status_is "a token without ECDH" 0 --set "backend.pkcs11.state_dir=$WORK/state2"
says "works by RSA" ok "key profile" rsa-oaep
status_is "a PIN that only systemd can give" 0 --set backend.pkcs11.pin_source=credential:pin
says "is said" unchecked login "--set backend.pkcs11.pin_source=file:/etc/keyhsm/pin"
status_is "a prompt without a terminal" 1 --set backend.pkcs11.pin_source=prompt
says "is said" failed login "no terminal"

echo "# the state directory and the catalog"
chmod 755 "$WORK/state"
status_is "a directory others may enter" 1
says "is said" failed "state directory" "mode 0755"
chmod 700 "$WORK/state"
check "a deposit" bash -c "printf secret | '$KEYHSM_BIN_DIR/ktadmin' deposit put --backend pkcs11 \
  --config '$WORK/keyhsm.ini' --plugin-dir '$KEYHSM_PLUGIN_DIR' d1 -"
validate
says "is counted" ok catalog "1 versions, 1 keys"
sqlite3 "$WORK/state/catalog.db" "INSERT INTO versions (name, version, state, created, key, profile, envelope)
  VALUES ('ghost', 0, 0, 0, x'00', 'p', x'00')"
status_is "a catalog with a row that cannot be" 1
says "is said" failed catalog "ghost"
says "the rest is looked at" ok sample purged
sqlite3 "$WORK/state/catalog.db" "DELETE FROM versions WHERE name = 'ghost'"

echo "# certificate and key"
tls() { status_is "$1" "$2" --set "tls.certificate=$WORK/$3.crt" --set "tls.private_key=$WORK/${4:-$3}.key"; }
tls "not valid yet" 1 early
says "is said" failed certificate "not valid yet"
tls "for clients only" 1 wrong_use
says "is said" failed certificate "not for TLS servers"
tls "it ends soon" 0 soon
says "is said" warning certificate "30 days"
tls "a key of another" 1 server soon
says "is said" failed "private key" "does not fit"
says "the certificate is well" ok certificate CN=server
chmod 644 "$WORK/server.key"
tls "a key that others can read" 1 server
says "is said" failed "private key" 0644
chmod 600 "$WORK/server.key"
tls "no certificate" 1 absent
says "is said" failed certificate absent.crt
openssl pkey -in "$WORK/server.key" -aes256 -passout pass:abc -out "$WORK/locked.key"
cp "$WORK/server.crt" "$WORK/locked.crt"
tls "a protected key" 1 locked
says "wants its passphrase" failed "private key" passphrase_source
printf 'abc\n' >"$WORK/passphrase"
status_is "with its passphrase" 0 --set "tls.certificate=$WORK/locked.crt" \
  --set "tls.private_key=$WORK/locked.key" --set "tls.passphrase_source=file:$WORK/passphrase"
says "it fits" ok "private key" fits

echo "# who is let in"
status_is "an authority without a file" 1 --set tls.ca_file=/nowhere
says "is said" failed trust /nowhere
openssl ca -config "$WORK/ca-server/cnf" -gencrl -cert "$WORK/ca.crt" -keyfile "$WORK/ca.key" \
  -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z -out "$WORK/crl.pem" 2>"$WORK/check.out"
status_is "a revocation list out of date" 0 --set "tls.crl_file=$WORK/crl.pem"
says "is said" warning trust "out of date"
chmod 666 "$WORK/trust/"*.pem
status_is "a pin that others may write" 0
says "is said" warning trust "not believed"
chmod 644 "$WORK/trust/"*.pem

echo "# configuration"
status_is "a wrong option" 2 --set server.prot=1
says "is said" failed configuration "'prot'"
grep -v '^certificate' "$WORK/keyhsm.ini" >"$WORK/without.ini"
status_is "a required one is missing" 2 --config "$WORK/without.ini"
says "is said" failed configuration "'certificate'"
says "and the rest is looked at" ok sample purged
status_is "a value out of range" 2 --set server.workers=0
says "is said" failed configuration "from 1 to 1024"
status_is "no file" 2 --config "$WORK/absent.ini"
status_is "no plugin of that name" 2 --backend nothing
status_is "an operand" 2 now

echo "# the port"
openssl s_server -accept 0 -cert "$WORK/both.crt" -key "$WORK/both.key" >"$WORK/s_server.log" 2>&1 &
DAEMONS+=($!)
wait_for "a server of somebody else" grep -q ^ACCEPT "$WORK/s_server.log"
OTHER=$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' "$WORK/s_server.log" | head -n 1)
status_is "held by somebody else" 1 --set "server.port=$OTHER"
says "is said" failed port "somebody listens"
status_is "an address that is not ours" 1 --set server.listen=nowhere.invalid
says "is said" failed port "nowhere.invalid"

echo "# a daemon that runs"
start_daemon --set "tls.certificate=$WORK/both.crt" --set "tls.private_key=$WORK/both.key"
api_is "it serves" 200 GET /readyz -k
running() { status_is "$1" "$2" --set "tls.certificate=$WORK/both.crt" --set "tls.private_key=$WORK/both.key"; }
running "is no fault" 0
says "it has the port" ok port "keyhsmd serves on localhost port $PORT"
says "it has the store" unchecked login "in use by process $PID"
check_eq "no login" "$(logins)" 0
check_lacks "nothing was asked in vain" "$WORK/keyhsmd.log" "client refused"
pin both
running "trusting its own certificate" 0
says "is asked" ok login '"ready"'
says "and for a sample" ok sample "Sample Key TEST_HELLO_DEPOSIT"
says "the catalog is left to it" unchecked catalog "stop it"
status_is "another certificate than it shows" 1
says "is not taken for it" failed port "does not show this certificate"
api_is "it serves as before" 200 GET /readyz -k
stop_daemon
check_eq "and stops" "$STATUS" 0
running "after it has stopped" 0
says "all is tried again" ok sample purged
finish
