# One request id from the caller through both daemons: access logs, error lines, audit log; as text and as JSON.
# What a caller gives as an id cannot forge a line.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/pair_lab.sh"
bytes=(-H 'Content-Type: application/octet-stream' --data-binary)
lines() { grep -c -- "$1" "$2" || true; }

make_pair
start_hsm
write_trustee_ini keyhsm
start_trustee

echo "# one request, one id"
trustee PUT /v1/deposits/one "${bytes[@]}" x -H 'X-Request-Id: Trace.me-1_a'
check_eq "put" "$STATUS" 201
check_eq "the caller gets it back" "$(header X-Request-Id)" Trace.me-1_a
check "keytrusteed's access log" grep -q 'access id=Trace.me-1_a .* method=PUT .* name=one status=201' "$WORK/keytrusteed.log"
check "keyhsmd's access log" grep -q 'access id=Trace.me-1_a .* method=PUT .* name=one status=201' "$WORK/keyhsmd.log"
check "the audit log" grep -q '"id":"Trace.me-1_a".*"operation":"put","deposit":"one"' "$WORK/audit.log"

echo "# one that keytrusteed makes"
trustee GET /v1/deposits/one
id=$(header X-Request-Id)
check "it has one ($id)" grep -Eq '^[0-9a-f]{16}$' <<<"$id"
check_eq "in keytrusteed's log" "$(lines "access id=$id " "$WORK/keytrusteed.log")" 1
check "in keyhsmd's" grep -q "access id=$id .* method=GET .* name=one status=200" "$WORK/keyhsmd.log"

echo "# requests of several at once keep their own"
seq 40 | xargs -P 8 -I{} curl -sS -o "$WORK/out.{}" --cacert "$WORK/ca.crt" --cert "$WORK/client.crt" --key "$WORK/client.key" \
  -H 'X-Request-Id: many-{}' -H 'Content-Type: application/octet-stream' -X PUT --data-binary x "$KT_URL/v1/deposits/many-{}"
for i in $(seq 40); do
  grep -q "access id=many-$i .* name=many-$i status=201" "$WORK/keyhsmd.log" || not_ok "request $i at keyhsmd"
  grep -q "access id=many-$i .* name=many-$i status=201" "$WORK/keytrusteed.log" || not_ok "request $i at keytrusteed"
done
ok "forty requests were followed"

echo "# ids that are none"
for bad in 'a b' 'a"b' $'a\tb' "$(head -c 65 /dev/zero | tr '\0' a)" 'a=1;DROP' 'ü'; do
  hsm GET /healthz -H "X-Request-Id: $bad"
  check "replaced: ${bad:0:12}" grep -Eq '^[0-9a-f]{16}$' <<<"$(header X-Request-Id)"
done
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: x\r\n\taccess id=forged status=200\r\nConnection: close\r\n\r\n' |
  openssl s_client -quiet -connect "${HSM_URL#https://}" -CAfile "$WORK/ca.crt" -cert "$WORK/client.crt" \
    -key "$WORK/client.key" >"$WORK/folded" 2>"$WORK/check.out" || true
check_lacks "a folded header forges nothing" "$WORK/keyhsmd.log" "id=forged"
hsm GET /healthz -H "X-Request-Id: $(head -c 64 /dev/zero | tr '\0' a)"
check_eq "the longest is kept" "${#STATUS} $(header X-Request-Id | tr -d '\n' | wc -c)" "3 64"

echo "# an error names its request in both"
stop_pid "$HSM_PID" KILL 2>"$WORK/check.out"
trustee GET /v1/deposits/one -H 'X-Request-Id: lost-1'
check_eq "keyhsmd is away" "$STATUS" 503
check "the access line" grep -q 'access id=lost-1 .*status=503' "$WORK/keytrusteed.log"
check "the audit log" grep -q '"id":"lost-1"' "$WORK/audit.log"

echo "# the same in JSON"
stop_pid "$KT_PID"
: >"$WORK/keyhsmd.log"; : >"$WORK/keytrusteed.log"
start_hsm --set log.format=json
start_trustee --set log.format=json --log-level debug
trustee PUT /v1/deposits/two "${bytes[@]}" x -H 'X-Request-Id: json-1'
check_eq "put" "$STATUS" 201
python3 - "$WORK/keyhsmd.log" "$WORK/keytrusteed.log" >"$WORK/seen" 2>&1 <<'PY' || true
import json, sys
for name in sys.argv[1:]:
    for line in open(name):
        entry = json.loads(line)
        assert {"time", "level", "program", "pid", "message"} <= set(entry), line
        assert isinstance(entry["pid"], int), line
        if entry.get("request_id") == "json-1" and entry["message"] == "access":
            print(entry["program"], entry["method"], entry["route"], entry["name"], entry["status"],
                  entry["principal"], entry["ms"] > 0)
print("all lines are JSON")
PY
check_has "every line is an object" "$WORK/seen" "all lines are JSON"
check_has "keyhsmd's access line" "$WORK/seen" "keyhsmd PUT /v1/deposits/{name} two 201 CN=client True"
check_has "keytrusteed's" "$WORK/seen" "keytrusteed PUT /v1/deposits/{name} two 201 CN=client True"

echo "# what a worker logs names the request it works for"
stop_pid "$KT_PID"
start_trustee --set log.format=json
printf 'x' >"$WORK/x"
ulimit_of() { prlimit --pid "$KT_PID" --fsize="$1:unlimited"; }
ulimit_of "$(stat -c %s "$WORK/audit.log")"
trustee GET /v1/deposits/two -H 'X-Request-Id: worker-1'
ulimit_of unlimited
check_eq "the audit log is full" "$STATUS" 503
check "the line that says so is one of the request" \
  grep -q '"level":"error".*not in the audit log.*"request_id":"worker-1"' "$WORK/keytrusteed.log"
stop_pid "$KT_PID"
start_trustee
ulimit_of "$(stat -c %s "$WORK/audit.log")"
trustee GET /v1/deposits/two -H 'X-Request-Id: worker-2'
ulimit_of unlimited
check "in text, too, and once" grep -Eq ' error .*: request worker-2 is not in the audit log: [^=]*$' "$WORK/keytrusteed.log"
check_fails "a format that there is not" "$KEYHSM_BIN_DIR/keytrusteed" --config "$KT_INI" --plugin-dir "$KEYHSM_PLUGIN_DIR" \
  --set log.format=xml --check-config
finish
