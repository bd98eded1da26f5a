# keytrusteed: who is let in, what [acl] lets them do, and that all of it is in the audit log.
source "$(dirname "$0")/lib.sh"
export DAEMON=keytrusteed
make_pki
make_ca other
make_cert foreign other clientAuth
make_cert reader ca clientAuth
make_cert nobody ca clientAuth
make_self_signed pinned clientAuth
pin pinned
use_backend softfile
write_ini "${BACKEND_LINES[@]}" "[acl]" \
  "purge-of-one = allow purge on app-1 to CN=client" \
  "no-purge = deny purge on * to *" \
  "owner = allow all on app-* to CN=client" \
  "reader = allow get,list on app-1 to CN=reader" \
  "pinned = allow list on * to sha256:$(fingerprint "$WORK/pinned.crt")"
start_daemon

# audited TEXT OPERATION DEPOSIT STATUS: the last line of the audit log
audited() {
  local line
  line=$(tail -n 1 "$WORK/audit.log" | python3 -c 'import json,sys
e=json.loads(sys.stdin.read()); print(e["operation"], e["deposit"] or "-", e["status"])')
  check_eq "  recorded: $1" "$line" "$2 $3 $4"
}
entries() { wc -l <"$WORK/audit.log"; }

echo "# without a certificate"
stranger GET /healthz; check_eq "/healthz" "$STATUS" 200
stranger GET /readyz; check_eq "/readyz" "$STATUS" 200
stranger GET "/?a=fingerprint"; check_eq "/?a=fingerprint" "$STATUS" 200
check_eq "it is size, kind and the certificate's SHA-256" "$(cat "$WORK/body")" "256E/$(fingerprint "$WORK/server.crt")"
stranger GET "/?a=other"; check_eq "another action" "$STATUS" 400
stranger GET /; check_eq "the status page is not for strangers" "$STATUS" 401
stranger POST "/?a=fingerprint"; check_eq "another method" "$STATUS" 405
stranger GET /test_hsm; check_eq "/test_hsm without an HSM" "$STATUS" 503
check_has "which says what to do" "$WORK/body" "ktadmin keyhsm"
before=$(entries)
for path in /metrics /v1/deposits /v1/deposits/app-1 /v1/deposits/app-1/versions; do
  stranger GET "$path"; check_eq "$path" "$STATUS" 401
done
check_has "  the answer names what is asked for" "$WORK/headers" "WWW-Authenticate: "
stranger PUT /v1/deposits/app-1 -H 'Content-Type: application/octet-stream' --data-binary x
check_eq "a put" "$STATUS" 401
stranger DELETE /v1/deposits/app-1; check_eq "a delete" "$STATUS" 401
check_eq "strangers do not fill the audit log" "$(entries)" "$before"

echo "# with a certificate"
CLIENT=foreign api GET /healthz; check_eq "one that is not trusted gets nothing, not even /healthz" "$STATUS" 000
CLIENT=nobody api_is "one without rules sees /metrics" 200 GET /metrics
CLIENT=nobody api_is "  and no deposit" 403 GET /v1/deposits/app-1
audited "the refusal" get app-1 403
CLIENT=nobody api_is "  and no listing" 403 GET /v1/deposits
audited "the refusal" list - 403

bytes=(-H 'Content-Type: application/octet-stream' --data-binary)
api_is "the owner puts" 201 PUT /v1/deposits/app-1 "${bytes[@]}" one
audited "it" put app-1 201
api_is "  another" 201 PUT /v1/deposits/app-2 "${bytes[@]}" two
api_is "  not outside of the prefix" 403 PUT /v1/deposits/sys-1 "${bytes[@]}" three
audited "the refusal" put sys-1 403
api_is "  rolls" 201 POST /v1/deposits/app-2/versions "${bytes[@]}" two-b
check_has "  the version is recorded" "$WORK/audit.log" '"version":"1"'
api_is "  reads" 200 GET /v1/deposits/app-1 -H 'Accept: application/octet-stream'
check_eq "  what was put" "$(cat "$WORK/body")" one
audited "it" get app-1 200
CLIENT=reader api_is "the reader reads one" 200 GET /v1/deposits/app-1
CLIENT=reader api_is "  not the other" 403 GET /v1/deposits/app-2
CLIENT=reader api_is "  and its versions neither" 403 GET /v1/deposits/app-2/versions
CLIENT=reader api_is "  and changes nothing" 403 PUT /v1/deposits/app-1 "${bytes[@]}" x
CLIENT=reader api_is "  nor rolls" 403 POST /v1/deposits/app-1/versions "${bytes[@]}" x
CLIENT=reader api_is "  nor deletes" 403 DELETE /v1/deposits/app-1
CLIENT=reader api GET /v1/deposits
check_eq "  its listing has its own only" "$(field deposits | grep -o 'app-[0-9]' | tr '\n' ' ')" "app-1 "
CLIENT=pinned api GET /v1/deposits
check_eq "by fingerprint: all names" "$(field deposits | grep -o 'app-[0-9]' | tr '\n' ' ')" "app-1 app-2 "
CLIENT=pinned api_is "  and no data" 403 GET /v1/deposits/app-1
api_is "the first rule that fits decides: no purge" 403 POST /v1/deposits/app-2/purge
audited "the refusal" purge app-2 403
api_is "  but of this one" 200 POST /v1/deposits/app-1/purge
audited "it" purge app-1 200
api_is "deleted" 204 DELETE /v1/deposits/app-2; audited "it" delete app-2 204
api_is "undeleted" 200 POST /v1/deposits/app-2/undelete; audited "it" undelete app-2 200
api_is "a deposit that is not there" 404 GET /v1/deposits/app-9; audited "it" get app-9 404
check_lacks "no data is in the audit log" "$WORK/audit.log" two-b
check_has "the caller is" "$WORK/audit.log" '"principal":"CN=client"'

echo "# rules are live"
sed -i 's/^reader = .*/reader = allow get on app-2 to CN=reader/' "$WORK/keyhsm.ini"
CLIENT=reader api_is "before SIGHUP as before" 403 GET /v1/deposits/app-2
kill -HUP "$PID"
wait_for "the new rules" grep -q "rules of \[acl\] were read again" "$WORK/keytrusteed.log"
CLIENT=reader api_is "after it the new rule holds" 200 GET /v1/deposits/app-2
sed -i 's/^reader = .*/reader = permit get on app-2 to CN=reader/' "$WORK/keyhsm.ini"
kill -HUP "$PID"
wait_for "the refusal" grep -q "the rules stay as they were: .*keyhsm.ini:" "$WORK/keytrusteed.log"
CLIENT=reader api_is "a wrong rule changes nothing" 200 GET /v1/deposits/app-2
mv "$WORK/audit.log" "$WORK/audit.log.1"
kill -HUP "$PID"
wait_for "a new audit log" test -e "$WORK/audit.log"
api_is "after rotation" 200 GET /v1/deposits/app-2
audited "it" get app-2 200
check "the chain goes on over both files" "$KEYHSM_BIN_DIR/ktadmin" audit verify \
  --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$WORK/audit.log.1" "$WORK/audit.log"
stop_daemon
check_eq "it ends as told" "$STATUS" 0
status=0
"$KEYHSM_BIN_DIR/keytrusteed" --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
  >"$WORK/out" 2>&1 || status=$?
check_eq "it does not start with a wrong rule" "$status" 2
check_has "  and says where" "$WORK/out" "$WORK/keyhsm.ini:"
sed -i 's/^reader = permit/reader = allow/' "$WORK/keyhsm.ini"

echo "# an audit log that cannot be written"
start_daemon
api_is "as usual" 201 PUT /v1/deposits/app-3 "${bytes[@]}" three
prlimit --pid "$PID" --fsize="$(stat -c %s "$WORK/audit.log"):unlimited"
api_is "a read is not answered" 503 GET /v1/deposits/app-3
check_lacks "  with no data" "$WORK/body" three
api_is "a change is refused" 503 PUT /v1/deposits/app-4 "${bytes[@]}" four
check "the daemon is alive" kill -0 "$PID"
prlimit --pid "$PID" --fsize=unlimited:unlimited
api_is "written again: the try that finds out is refused still" 503 PUT /v1/deposits/app-4 "${bytes[@]}" four
audited "the refusal" put app-4 503
api_is "  it was not made" 201 PUT /v1/deposits/app-4 "${bytes[@]}" four
api_is "  and all is as before" 200 GET /v1/deposits/app-3
stop_daemon
check "nothing is missing in the chain" "$KEYHSM_BIN_DIR/ktadmin" audit verify \
  --config "$WORK/keyhsm.ini" --plugin-dir "$KEYHSM_PLUGIN_DIR" "$WORK/audit.log.1" "$WORK/audit.log"
finish
