# Named keys through keytrusteed: its rules, its audit log, and the key on the token of a keyhsmd behind it.
source "$(dirname "$0")/lib.sh"
make_pki
make_cert web ca clientAuth
make_cert nobody ca clientAuth
use_backend pkcs11
write_ini "${BACKEND_LINES[@]}"
start_daemon --backend pkcs11
BEHIND=$URL
BEHIND_PID=$PID
BEHIND_LOG=$WORK/keyhsmd.log
mv "$WORK/keyhsm.ini" "$WORK/behind.ini"
export DAEMON=keytrusteed
write_ini "[backend.keyhsm]" "server = $BEHIND" "client_certificate = $WORK/client.crt" "client_key = $WORK/client.key" \
  "ca_file = $WORK/ca.crt" "[acl]" \
  "web = allow get,use on web-* to CN=web" \
  "no-purge = deny purge on web-2 to *" \
  "ops = allow put,get,list,delete,purge on web-* to CN=client"
sed -i "s|^file = .*/audit.log|&\nreads = no|" "$WORK/keyhsm.ini"
start_daemon --backend keyhsm
cd "$WORK"
printf 'what is signed' >msg

json() { api_is "$3" "$2" POST "/v1/keys$1" -H 'Content-Type: application/json' -d "$4"; }
# audited OPERATION DEPOSIT STATUS: the last line of the audit log
audited() {
  check_eq "  recorded: $1" "$(tail -n 1 audit.log | python3 -c 'import json,sys
e=json.loads(sys.stdin.read()); print(e["operation"], e["deposit"] or "-", e["status"])')" "$1 $2 $3"
}
entries() { wc -l <audit.log; }
sign_it="{\"scheme\":\"ecdsa\",\"hash\":\"sha256\",\"input\":\"$(openssl dgst -sha256 -binary msg | base64 -w0)\"}"

echo "# made by one, used by another"
json "" 201 "ops makes a key" '{"name":"web-1","kind":"ec-p256","purposes":["sign"]}'
audited key.create web-1 201
json "" 403 "  but not of any name" '{"name":"db-1","kind":"ec-p256","purposes":["sign"]}'
audited key.create db-1 403
CLIENT=web json "" 403 "the web server makes none" '{"name":"web-9","kind":"ec-p256","purposes":["sign"]}'
audited key.create - 403
CLIENT=web json /web-1/sign 200 "it signs" "$sign_it"
field output | base64 -d >sig
audited key.use.ecdsa web-1 200
before=$(entries)
CLIENT=web api_is "it reads the public half" 200 GET /v1/keys/web-1/public
cp body web-1.pem
check_eq "  which is no entry, with reads = no" "$(entries)" "$before"
check "openssl verifies" openssl dgst -sha256 -verify web-1.pem -signature sig msg
check_lacks "the audit log has no input" audit.log "$(openssl dgst -sha256 -binary msg | base64 -w0)"
check_lacks "  and no output" audit.log "$(base64 -w0 sig)"
json /web-1/sign 403 "ops may not use it" "$sign_it"
audited key.use web-1 403
CLIENT=nobody json /web-1/sign 403 "nor whoever has no rule" "$sign_it"
CLIENT=nobody api_is "  who sees nothing" 403 GET /v1/keys
stranger POST /v1/keys/web-1/sign -H 'Content-Type: application/json' -d "$sign_it"
check_eq "nor somebody unknown" "$STATUS" 401
CLIENT=web json /web-1/sign 400 "a wrong use" "${sign_it/sha256/sha512}"
audited key.use.ecdsa web-1 400
CLIENT=web api_is "the web server deletes nothing" 403 DELETE /v1/keys/web-1
audited key.delete web-1 403

echo "# names of the server's own"
sed -i 's/^ops = .*/&\nall = allow all on * to CN=nobody/' keyhsm.ini
kill -HUP "$PID"
reread() { CLIENT=nobody api GET /v1/keys; [ "$STATUS" = 200 ]; }
wait_for "the new rules" reread
CLIENT=nobody json "" 403 "are nobody's" '{"name":"kt-internal.x","kind":"aes-256","purposes":["wrap"]}'
CLIENT=nobody json /web-1/sign 200 "'all' holds 'use'" "$sign_it"
CLIENT=nobody json "" 201 "a key of ops' no business" '{"name":"db-1","kind":"ec-p256","purposes":["sign"]}'
api GET /v1/keys
check_eq "a listing has what its caller may list" "$(field keys.0.name) $(field keys | grep -o '"name"' | wc -l)" "web-1 1"

echo "# deleted and purged"
api_is "ops deletes" 204 DELETE /v1/keys/web-1
audited key.delete web-1 204
CLIENT=web json /web-1/sign 404 "it is not used" "$sign_it"
audited key.use.ecdsa web-1 404
api_is "  and undeletes" 200 POST /v1/keys/web-1/undelete
audited key.undelete web-1 200
json "" 201 "another" '{"name":"web-2","kind":"ec-p256","purposes":["sign"]}'
api_is "a rule keeps it from being purged" 403 POST /v1/keys/web-2/purge
audited key.purge web-2 403
api_is "the first is purged" 200 POST /v1/keys/web-1/purge
audited key.purge web-1 200
check "the audit log is whole" "$KEYHSM_BIN_DIR/ktadmin" audit verify --config keyhsm.ini audit.log

echo "# ids and failures"
CLIENT=web api POST /v1/keys/web-2/sign -H 'Content-Type: application/json' -H 'X-Request-Id: use-42' -d "$sign_it"
check_has "both logs have the id" "$BEHIND_LOG" "id=use-42"
kill -TERM "$BEHIND_PID"; wait "$BEHIND_PID" || true
CLIENT=web json /web-2/sign 503 "keyhsmd is gone" "$sign_it"
audited key.use.ecdsa web-2 503
finish
